/*
 * Rows of signals and states of pools. Invariant: a signal is either folded
 * into its pool's state or read beside it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "modules/spot/price.h"
#include "modules/spot/rows.h"
#include "modules/spot/signal.h"

#define S struct spot_signal_row
static const struct field signal_fields[] = {
	FIELD(S, id, .doc = "Number"),
	FIELD(S, pool_id, .doc = "Pool"),
	FIELD(S, at, .doc = "When"),
	FIELD(S, kind, .doc = "What: probe_ok, probe_ice, launch_ok, "
	    "launch_ice, rebalance, interrupt, score, advisor"),
	FIELD(S, value, .doc = "Score or class; else 1"),
	FIELD_END
};
#undef S
const struct schema spot_signal_row_schema = {
	.name = "SpotSignal", .doc = "One thing heard about a pool",
	.size = sizeof(struct spot_signal_row), .fields = signal_fields
};

#define S struct spot_pool_state
static const struct field state_fields[] = {
	FIELD(S, pool_id, .doc = "Pool"),
	FIELD(S, avail_fast, .doc = "Share of the last hours with capacity"),
	FIELD(S, avail_slow, .doc = "Share of the last days with capacity"),
	FIELD(S, seen_at, .flags = FF_NULLABLE,
	    .doc = "Last word about capacity"),
	FIELD(S, notice_at, .flags = FF_NULLABLE,
	    .doc = "Last rebalance or interruption"),
	FIELD(S, full_n, .doc = "No-capacity answers in a row"),
	FIELD(S, full_until, .flags = FF_NULLABLE,
	    .doc = "Not asked again before"),
	FIELD(S, score, .doc = "Placement score 1-10; 0 when not known"),
	FIELD(S, score_at, .flags = FF_NULLABLE, .doc = "As of"),
	FIELD_END
};
#undef S
const struct schema spot_pool_state_schema = {
	.name = "SpotPoolState", .doc = "What the signals of a pool come to",
	.size = sizeof(struct spot_pool_state), .fields = state_fields
};

#define STATE_COLS "s.pool_id, s.avail_fast, s.avail_slow, s.seen_at, " \
	"s.notice_at, s.full_n, s.full_until, s.score, s.score_at "
#define SIGNAL_COLS "g.id, g.pool_id, g.at, g.kind, g.value "

static const struct query PUT = { "spot_signal.put",
	"INSERT INTO spot_signal (pool_id, at, kind, value) "
	"VALUES (?, ?, ?, ?)", NULL };
static const struct query POOL_ID_OF = { "spot_signal.pool",
	"SELECT id AS n FROM spot_pool WHERE market = ? AND region = ? "
	"AND az = ? AND instance_type = ? AND product = ?",
	&spot_count_schema };
static const struct query POOL_MAKE = { "spot_signal.make_pool",
	"INSERT INTO spot_pool (market, region, az, instance_type, product) "
	"VALUES (?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE id = id", NULL };
static const struct query PAGE = { "spot_signal.page",
	"SELECT " SIGNAL_COLS "FROM spot_signal g WHERE g.pool_id = ? "
	"AND g.id < ? ORDER BY g.id DESC LIMIT ?", &spot_signal_row_schema };
static const struct query FRESH = { "spot_signal.unfolded",
	"SELECT " SIGNAL_COLS "FROM spot_signal g "
	"JOIN spot_pool o ON o.id = g.pool_id "
	"WHERE g.folded = 0 AND o.market = ? AND o.region = ? "
	"ORDER BY g.pool_id, g.at, g.id LIMIT 10000",
	&spot_signal_row_schema };
static const struct query STATES = { "spot_pool_state.region",
	"SELECT " STATE_COLS "FROM spot_pool_state s "
	"JOIN spot_pool o ON o.id = s.pool_id "
	"WHERE o.market = ? AND o.region = ? ORDER BY s.pool_id LIMIT 10000",
	&spot_pool_state_schema };
static const struct query FRESH_OF = { "spot_signal.unfolded_of",
	"SELECT " SIGNAL_COLS "FROM spot_signal g WHERE g.folded = 0 "
	"AND g.pool_id = ? ORDER BY g.at, g.id LIMIT 10000",
	&spot_signal_row_schema };
static const struct query STATE = { "spot_pool_state.get",
	"SELECT " STATE_COLS "FROM spot_pool_state s WHERE s.pool_id = ? "
	"LIMIT 1", &spot_pool_state_schema };
static const struct query TO_FOLD = { "spot_signal.to_fold",
	"SELECT " SIGNAL_COLS "FROM spot_signal g WHERE g.folded = 0 "
	"ORDER BY g.pool_id, g.id LIMIT 5000 FOR UPDATE SKIP LOCKED",
	&spot_signal_row_schema };
/* By the numbers that were read: a row with a smaller number may be committed
 * meanwhile, and an UPDATE of a range would mark it unread. */
static const struct query FOLDED = { "spot_signal.folded",
	"INSERT INTO spot_signal (id, pool_id, at, kind, value) "
	"VALUES (?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE folded = 1", NULL };
static const struct query STATE_PUT = { "spot_pool_state.put",
	"INSERT INTO spot_pool_state (pool_id, avail_fast, avail_slow, "
	"seen_at, notice_at, full_n, full_until, score, score_at) "
	"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE "
	"avail_fast = VALUES(avail_fast), avail_slow = VALUES(avail_slow), "
	"seen_at = VALUES(seen_at), notice_at = VALUES(notice_at), "
	"full_n = VALUES(full_n), full_until = VALUES(full_until), "
	"score = VALUES(score), score_at = VALUES(score_at)", NULL };

const struct query *const spot_signal_queries[] = {
	&PUT, &POOL_ID_OF, &POOL_MAKE, &PAGE, &FRESH, &STATES, &FRESH_OF,
	&STATE, &TO_FOLD, &FOLDED, &STATE_PUT, NULL
};

int
spot_signal_put(struct db *db, int64_t pool_id, const char *kind,
    double value, struct utc at, struct err *e)
{
	return db_exec(db, &PUT, ARGS(V(pool_id), V(at), V(kind), V(value)),
	    NULL, e);
}

enum { PUT_COLS = 4 };

int
spot_signal_put_many(struct db *db, struct arena *a,
    const struct spot_signal_new *v, size_t n, struct err *e)
{
	struct val *w = arena_array(a, n * PUT_COLS, sizeof(*w));

	for (size_t i = 0; i < n; i++) {
		const struct val row[PUT_COLS] = { V(v[i].pool_id),
		    V(v[i].at), V(v[i].kind), V(v[i].value) };

		memcpy(w + i * PUT_COLS, row, sizeof(row));
	}
	return n == 0 ? 0 : db_exec_many(db, &PUT, w, PUT_COLS, n, NULL, e);
}

int
spot_signal_put_named(struct db *db, struct arena *a, const char *market,
    const char *region, const char *az, const char *type,
    const char *product, const char *kind, double value, struct utc at,
    int64_t *pool_id, struct err *e)
{
	struct spot_count id;
	int rc;

	product = spot_product(product);
	rc = db_one(db, a, &POOL_ID_OF, ARGS(V(market), V(region), V(az),
	    V(type), V(product)), &id, e);
	if (rc == 1 && db_exec(db, &POOL_MAKE, ARGS(V(market), V(region),
	    V(az), V(type), V(product)), NULL, e) == 0)
		rc = db_one(db, a, &POOL_ID_OF, ARGS(V(market), V(region),
		    V(az), V(type), V(product)), &id, e);
	if (spot_found(rc, "Pool", e) != 0)
		return -1;
	if (pool_id != NULL)
		*pool_id = id.n;
	return spot_signal_put(db, id.n, kind, value, at, e);
}

int
spot_signal_page(struct db *db, struct arena *a, int64_t pool_id,
    int64_t before, int64_t limit, struct rows *out, struct err *e)
{
	return db_all(db, a, &PAGE, ARGS(V(pool_id), V(before), V(limit)),
	    out, e);
}

/* ---- states with what is not folded yet ------------------------------------- */

static struct spot_pool_state *
find(struct spot_pool_state *v, size_t n, int64_t pool)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (v[mid].pool_id < pool)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < n && v[lo].pool_id == pool ? &v[lo] : NULL;
}

static int
by_pool(const void *va, const void *vb)
{
	const struct spot_pool_state *a = va, *b = vb;

	return (a->pool_id > b->pool_id) - (a->pool_id < b->pool_id);
}

static void
merge(struct arena *a, struct rows *states, const struct rows *fresh)
{
	size_t n = states->n, known = states->n;
	struct spot_pool_state *v = arena_array(a, n + fresh->n, sizeof(*v));

	if (n > 0)
		memcpy(v, states->v, n * sizeof(*v));
	for (size_t i = 0; i < fresh->n; i++) {
		const struct spot_signal_row *g = ROW(fresh,
		    struct spot_signal_row, i);
		struct spot_pool_state *s = find(v, known, g->pool_id);

		if (s == NULL && n > known && v[n - 1].pool_id == g->pool_id)
			s = &v[n - 1];	/* signals come by pool */
		if (s == NULL) {
			s = &v[n++];
			spot_pool_state_begin(s, g->pool_id);
		}
		spot_signal_apply(s, g->kind, g->value, g->at);
	}
	if (n > 1)
		qsort(v, n, sizeof(*v), by_pool);
	states->v = v;
	states->n = n;
}

int
spot_pool_states(struct db *db, struct arena *a, const char *market,
    const char *region, struct rows *out, struct err *e)
{
	struct rows fresh;

	if (db_all(db, a, &FRESH, ARGS(V(market), V(region)), &fresh, e) ==
	    -1 || db_all(db, a, &STATES, ARGS(V(market), V(region)), out,
	    e) == -1)
		return -1;
	merge(a, out, &fresh);
	return 0;
}

int
spot_pool_state_get(struct db *db, struct arena *a, int64_t pool_id,
    struct spot_pool_state *out, struct err *e)
{
	struct rows fresh;
	int rc;

	if (db_all(db, a, &FRESH_OF, ARGS(V(pool_id)), &fresh, e) == -1)
		return -1;
	rc = db_one(db, a, &STATE, ARGS(V(pool_id)), out, e);
	if (rc == 1)
		spot_pool_state_begin(out, pool_id);
	for (size_t i = 0; rc >= 0 && i < fresh.n; i++) {
		const struct spot_signal_row *g = ROW(&fresh,
		    struct spot_signal_row, i);

		spot_signal_apply(out, g->kind, g->value, g->at);
	}
	return rc < 0 ? -1 : 0;
}

/* ---- folding ------------------------------------------------------------------- */

static int
by_time(const void *va, const void *vb)
{
	const struct spot_signal_row *a = va, *b = vb;

	if (a->at.us != b->at.us)
		return a->at.us < b->at.us ? -1 : 1;
	return (a->id > b->id) - (a->id < b->id);
}

/* All of one pool that were locked, in the order of time. */
static int
fold_pool(struct db *db, struct arena *a, struct spot_signal_row *v, size_t n,
    struct err *e)
{
	int64_t pool = v[0].pool_id;
	struct spot_pool_state s;
	int rc = db_one(db, a, &STATE, ARGS(V(pool)), &s, e);

	if (rc == -1)
		return -1;
	if (rc == 1)
		spot_pool_state_begin(&s, pool);
	qsort(v, n, sizeof(*v), by_time);
	for (size_t i = 0; i < n; i++)
		spot_signal_apply(&s, v[i].kind, v[i].value, v[i].at);
	return db_exec(db, &STATE_PUT, ARGS(V(s.pool_id), V(s.avail_fast),
	    V(s.avail_slow), V(s.seen_at), V(s.notice_at), V(s.full_n),
	    V(s.full_until), V(s.score), V(s.score_at)), NULL, e);
}

static int
mark_folded(struct db *db, struct arena *a, const struct rows *r,
    struct err *e)
{
	enum { COLS = 5 };
	struct val *v = arena_array(a, r->n * COLS, sizeof(*v)), *p = v;

	for (size_t i = 0; i < r->n; i++, p += COLS) {
		const struct spot_signal_row *g = ROW(r,
		    struct spot_signal_row, i);

		p[0] = V(g->id);
		p[1] = V(g->pool_id);
		p[2] = V(g->at);
		p[3] = V(g->kind);
		p[4] = V(g->value);
	}
	return r->n == 0 ? 0 : db_exec_many(db, &FOLDED, v, COLS, r->n, NULL,
	    e);
}

int
spot_signal_fold(struct db *db, struct arena *a, size_t *n, struct err *e)
{
	struct spot_signal_row *v;
	struct rows r;

	if (db_all(db, a, &TO_FOLD, NULL, 0, &r, e) == -1)
		return -1;
	if (mark_folded(db, a, &r, e) == -1)
		return -1;
	v = r.v;
	for (size_t i = 0; i < r.n;) {
		size_t j = i;

		while (j < r.n && v[j].pool_id == v[i].pool_id)
			j++;
		if (fold_pool(db, a, v + i, j - i, e) == -1)
			return -1;
		i = j;
	}
	*n = r.n;
	return 0;
}
