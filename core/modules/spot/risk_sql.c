/*
 * What the risk model reads and counts: episodes, signals and prices of pools
 * into watches, exposures of pools. Invariant: a watch holds nothing that
 * began after its end.
 */
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/vec.h"
#include "modules/spot/risk_ops.h"
#include "modules/spot/rows.h"

#define TICK_H (1.0 / 6)
#define US_PER_H 3600e6

enum { POOLS_MAX = 10000, RUNS_MAX = 1000000 };

#define R struct spot_pool_risk
#define T(m) FIELD(R, m, .doc = "Hours run at this age")
#define D(m) FIELD(R, m, .doc = "Losses at this age")
static const struct field risk_fields[] = {
	FIELD(R, pool_id, .doc = "Pool"),
	T(t0), T(t1), T(t2), T(t3), T(t4), T(t5), T(t6),
	D(d0), D(d1), D(d2), D(d3), D(d4), D(d5), D(d6),
	FIELD(R, asof, .doc = "When they were counted"), FIELD_END
};
#undef R
const struct schema spot_pool_risk_schema = {
	.name = "SpotPoolRisk", .doc = "Hours and losses by age",
	.size = sizeof(struct spot_pool_risk), .fields = risk_fields
};

#define A struct spot_pool_about
static const struct field about_fields[] = {
	FIELD(A, id, .doc = "Identifier"), FIELD(A, market, .doc = "Market"),
	FIELD(A, region, .doc = "Region"), FIELD(A, az, .doc = "Zone"),
	FIELD(A, instance_type, .doc = "Type"),
	FIELD(A, product, .doc = "Product"),
	FIELD(A, interruption, .doc = "Class"),
	FIELD(A, interruption_at, .flags = FF_NULLABLE, .doc = "As of"),
	FIELD(A, price, .flags = FF_NULLABLE, .doc = "Price"),
	FIELD(A, price_at, .flags = FF_NULLABLE, .doc = "Since when"),
	FIELD_END
};
#undef A
static const struct schema about_schema = {
	.name = "SpotPoolAbout", .size = sizeof(struct spot_pool_about),
	.fields = about_fields
};

struct life {
	int64_t pool_id;
	const char *az, *instance_type, *why;
	int64_t interruption;
	struct utc began, ended;
};
#define L struct life
static const struct field life_fields[] = {
	FIELD(L, pool_id, .doc = "Pool"), FIELD(L, az, .doc = "Zone"),
	FIELD(L, instance_type, .doc = "Type"), FIELD(L, why, .doc = "End"),
	FIELD(L, interruption, .doc = "Class"),
	FIELD(L, began, .doc = "From"),
	FIELD(L, ended, .flags = FF_NULLABLE, .doc = "To"), FIELD_END
};
#undef L
static const struct schema life_schema = {
	.name = "SpotLife", .size = sizeof(struct life), .fields = life_fields
};

struct point {
	int64_t pool_id;
	const char *az, *instance_type;
	int64_t interruption;
	struct utc ts;
	struct dec price, on_demand;
};
#define P struct point
static const struct field point_fields[] = {
	FIELD(P, pool_id, .doc = "Pool"), FIELD(P, az, .doc = "Zone"),
	FIELD(P, instance_type, .doc = "Type"),
	FIELD(P, interruption, .doc = "Class"), FIELD(P, ts, .doc = "At"),
	FIELD(P, price, .doc = "Spot"),
	FIELD(P, on_demand, .doc = "On-demand"), FIELD_END
};
#undef P
static const struct schema point_schema = {
	.name = "SpotPoint", .size = sizeof(struct point),
	.fields = point_fields
};

#define CLASS "COALESCE(v.interruption, -1) AS interruption "
#define CLASS_FROM "LEFT JOIN spot_advisor v ON v.market = o.market " \
	"AND v.region = o.region AND v.instance_type = o.instance_type " \
	"AND v.os = IF(o.product LIKE 'Windows%', 'Windows', 'Linux') "
#define RISK_COLS "r.pool_id, r.t0, r.t1, r.t2, r.t3, r.t4, r.t5, r.t6, " \
	"r.d0, r.d1, r.d2, r.d3, r.d4, r.d5, r.d6, r.asof "
#define OVER(c) #c " = VALUES(" #c ")"

static const struct query RISK_PUT = { "spot_pool_risk.put",
	"INSERT INTO spot_pool_risk (pool_id, t0, t1, t2, t3, t4, t5, t6, "
	"d0, d1, d2, d3, d4, d5, d6, asof) VALUES "
	"(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
	"ON DUPLICATE KEY UPDATE " OVER(t0) ", " OVER(t1) ", " OVER(t2) ", "
	OVER(t3) ", " OVER(t4) ", " OVER(t5) ", " OVER(t6) ", " OVER(d0) ", "
	OVER(d1) ", " OVER(d2) ", " OVER(d3) ", " OVER(d4) ", " OVER(d5) ", "
	OVER(d6) ", " OVER(asof), NULL };
static const struct query RISKS = { "spot_pool_risk.region",
	"SELECT " RISK_COLS "FROM spot_pool_risk r "
	"JOIN spot_pool o ON o.id = r.pool_id "
	"WHERE o.market = ? AND o.region = ? ORDER BY r.pool_id LIMIT 10000",
	&spot_pool_risk_schema };
static const struct query RISK = { "spot_pool_risk.get",
	"SELECT " RISK_COLS "FROM spot_pool_risk r WHERE r.pool_id = ? "
	"LIMIT 1", &spot_pool_risk_schema };
static const struct query ABOUT = { "spot_pool.about",
	"SELECT o.id, o.market, o.region, o.az, o.instance_type, o.product, "
	CLASS ", v.asof AS interruption_at, p.price, p.ts AS price_at "
	"FROM spot_pool o " CLASS_FROM
	"LEFT JOIN spot_price p ON p.pool_id = o.id AND p.ts = "
	"(SELECT x.ts FROM spot_price x WHERE x.pool_id = o.id "
	"ORDER BY x.ts DESC LIMIT 1) "
	"WHERE o.id = ? LIMIT 1", &about_schema };
static const struct query LIVES = { "spot_risk.lives",
	"SELECT e.pool_id, o.az, o.instance_type, e.why, " CLASS ", "
	"e.began, e.ended FROM spot_episode e "
	"JOIN spot_pool o ON o.id = e.pool_id " CLASS_FROM
	"WHERE o.market = ? AND e.began < ? "
	"AND (e.ended IS NULL OR e.ended > ?) "
	"ORDER BY e.pool_id, e.began, e.id LIMIT 1000000", &life_schema };
static const struct query HEARD = { "spot_risk.heard",
	"SELECT g.id, g.pool_id, g.at, g.kind, g.value FROM spot_signal g "
	"JOIN spot_pool o ON o.id = g.pool_id "
	"WHERE o.market = ? AND g.at >= ? AND g.at < ? "
	"ORDER BY g.pool_id, g.at, g.id LIMIT 1000000",
	&spot_signal_row_schema };
static const struct query PRICED = { "spot_risk.priced",
	"SELECT p.pool_id, o.az, o.instance_type, " CLASS ", p.ts, p.price, "
	"d.price AS on_demand FROM spot_price p "
	"JOIN spot_pool o ON o.id = p.pool_id "
	"JOIN spot_od_price d ON d.market = o.market "
	"AND d.region = o.region AND d.instance_type = o.instance_type "
	"AND d.product = o.product " CLASS_FROM
	"WHERE o.market = ? AND p.ts >= ? AND p.ts < ? "
	"ORDER BY p.pool_id, p.ts LIMIT 1000000", &point_schema };

static const struct field market_fields[] = {
	FIELD(struct spot_market_name, name, .doc = "Market"), FIELD_END
};
static const struct schema market_schema = {
	.name = "SpotMarket", .size = sizeof(struct spot_market_name),
	.fields = market_fields
};
static const struct query MARKETS = { "spot_pool.markets",
	"SELECT DISTINCT market AS name FROM spot_pool ORDER BY 1 LIMIT 20",
	&market_schema };

const struct query *const spot_risk_queries[] = {
	&RISK_PUT, &RISKS, &RISK, &ABOUT, &LIVES, &HEARD, &PRICED, &MARKETS,
	NULL
};

int
spot_markets(struct db *db, struct arena *a, struct rows *out, struct err *e)
{
	return db_all(db, a, &MARKETS, NO_ARGS, out, e);
}

/* ---- counts ------------------------------------------------------------------- */

int
spot_pool_risk_put(struct db *db, struct arena *a,
    const struct spot_pool_risk *r, size_t n, struct err *e)
{
	enum { COLS = 16 };
	struct val *v = arena_array(a, n * COLS, sizeof(*v)), *p = v;

	for (size_t i = 0; i < n; i++, r++) {
		const struct val row[COLS] = { V(r->pool_id), V(r->t0),
		    V(r->t1), V(r->t2), V(r->t3), V(r->t4), V(r->t5),
		    V(r->t6), V(r->d0), V(r->d1), V(r->d2), V(r->d3),
		    V(r->d4), V(r->d5), V(r->d6), V(r->asof) };

		memcpy(p, row, sizeof(row));
		p += COLS;
	}
	return n == 0 ? 0 : db_exec_many(db, &RISK_PUT, v, COLS, n, NULL, e);
}

int
spot_pool_risks(struct db *db, struct arena *a, const char *market,
    const char *region, struct rows *out, struct err *e)
{
	return db_all(db, a, &RISKS, ARGS(V(market), V(region)), out, e);
}

int
spot_pool_risk_get(struct db *db, struct arena *a, int64_t pool_id,
    struct spot_pool_risk *out, struct err *e)
{
	return db_one(db, a, &RISK, ARGS(V(pool_id)), out, e);
}

struct spot_exposure
spot_pool_exposure(const struct spot_pool_risk *r)
{
	return (struct spot_exposure){ .hours = { r->t0, r->t1, r->t2, r->t3,
	    r->t4, r->t5, r->t6 }, .lost = { r->d0, r->d1, r->d2, r->d3,
	    r->d4, r->d5, r->d6 } };
}

int
spot_pool_about(struct db *db, struct arena *a, int64_t pool_id,
    struct spot_pool_about *out, struct err *e)
{
	return db_one(db, a, &ABOUT, ARGS(V(pool_id)), out, e);
}

/* ---- watches -------------------------------------------------------------------- */

/* The last watch that is being filled, and its growing parts. */
struct filling {
	struct arena *a;
	struct spot_watches *out;
	struct utc from, to;
	double fit;
	int64_t pool;
	VEC(struct spot_run) runs;
	double price_until;		/* tick up to which prices are known */
	bool below;			/* the last price was below on-demand */
};

static double
hours(const struct filling *f, struct utc at)
{
	return (double)(at.us - f->from.us) / US_PER_H;
}

static struct spot_watch *
begin(struct filling *f, int64_t pool, const char *az, const char *type,
    int64_t interruption)
{
	struct spot_watch *w;
	size_t n = (size_t)(hours(f, f->to) / TICK_H) + 1;

	if (f->out->n > 0 && f->pool == pool)
		return &f->out->v[f->out->n - 1];
	w = VEC_ADD(f->a, f->out);
	f->pool = pool;
	f->runs.v = NULL;
	f->runs.n = f->runs.cap = 0;
	f->price_until = -1;
	w->pool_id = pool;
	w->pool = arena_printf(f->a, "%s:%s", az, type);
	w->group = spot_risk_group_name(f->a, type, az);
	w->interruption = interruption;
	w->tick_h = TICK_H;
	w->n = n;
	w->up = arena_alloc(f->a, n);
	w->notice = arena_alloc(f->a, n);
	memset((void *)(uintptr_t)w->up, 2, n);
	w->split_h = hours(f, f->to) * f->fit;
	return w;
}

static int
take_life(void *arg, const void *row, struct err *e)
{
	struct filling *f = arg;
	const struct life *l = row;
	struct spot_watch *w = begin(f, l->pool_id, l->az, l->instance_type,
	    l->interruption);
	struct utc end = l->ended.us != 0 && l->ended.us < f->to.us ?
	    l->ended : f->to;
	bool lost = l->ended.us == end.us &&
	    (strcmp(l->why, "interrupted") == 0 ||
	    strcmp(l->why, "rebalanced") == 0);

	(void)e;
	if (end.us > l->began.us)
		*VEC_ADD(f->a, &f->runs) = (struct spot_run){
		    hours(f, l->began), hours(f, end), lost };
	w->runs = f->runs.v;
	w->nruns = f->runs.n;
	return 0;
}

static struct spot_watch *
watch_of(struct spot_watches *w, int64_t pool)
{
	size_t lo = 0, hi = w->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (w->v[mid].pool_id < pool)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < w->n && w->v[lo].pool_id == pool ? &w->v[lo] : NULL;
}

/* A signal into the ticks: capacity at its own, a notice for half an hour. */
static int
take_signal(void *arg, const void *row, struct err *e)
{
	struct filling *f = arg;
	const struct spot_signal_row *g = row;
	struct spot_watch *w = watch_of(f->out, g->pool_id);
	size_t i, half = (size_t)(SPOT_NOTICE_HOURS / TICK_H);
	uint8_t *up, *notice;

	(void)e;
	if (w == NULL)
		return 0;
	/* known from the next tick on, not within the one that it falls in */
	i = (size_t)ceil(hours(f, g->at) / TICK_H);
	up = (uint8_t *)(uintptr_t)w->up;
	notice = (uint8_t *)(uintptr_t)w->notice;
	if (i >= w->n)
		return 0;
	if (strstr(g->kind, "_ok") != NULL)
		up[i] = 1;
	else if (strstr(g->kind, "_ice") != NULL ||
	    strcmp(g->kind, "interrupt") == 0)
		up[i] = 0;
	if (strcmp(g->kind, "interrupt") == 0 ||
	    strcmp(g->kind, "rebalance") == 0)
		for (size_t k = i; k < w->n && k < i + half; k++)
			notice[k] = 1;
	return 0;
}

int
spot_watches_episodes(struct db *db, struct arena *a, const char *market,
    struct utc from, struct utc to, double fit, struct spot_watches *out,
    struct err *e)
{
	struct filling f = { .a = a, .out = out, .from = from, .to = to,
	    .fit = fit };
	struct arena *rows = arena_new(16 << 20);
	int rc = db_each(db, rows, &LIVES, ARGS(V(market), V(to), V(from)),
	    take_life, &f, e);

	if (rc == 0)
		rc = db_each(db, rows, &HEARD, ARGS(V(market), V(from),
		    V(to)), take_signal, &f, e);
	arena_free(rows);
	return rc;
}

/* ---- prices ------------------------------------------------------------------------ */

static void
hold_price(struct filling *f, struct spot_watch *w, double until)
{
	uint8_t *up = (uint8_t *)(uintptr_t)w->up;

	for (size_t i = (size_t)fmax(0, ceil(f->price_until));
	    f->price_until >= 0 && i < w->n && (double)i < until; i++)
		up[i] = f->below;
}

static int
take_price(void *arg, const void *row, struct err *e)
{
	struct filling *f = arg;
	const struct point *p = row;
	struct spot_watch *last = f->out->n > 0 ?
	    &f->out->v[f->out->n - 1] : NULL, *w;

	(void)e;
	if (last != NULL && f->pool != p->pool_id)
		hold_price(f, last, (double)last->n);
	w = begin(f, p->pool_id, p->az, p->instance_type, p->interruption);
	hold_price(f, w, hours(f, p->ts) / TICK_H);
	f->price_until = hours(f, p->ts) / TICK_H;
	f->below = p->price.e8 < p->on_demand.e8;
	return 0;
}

int
spot_watches_prices(struct db *db, struct arena *a, const char *market,
    struct utc from, struct utc to, double fit, struct spot_watches *out,
    struct err *e)
{
	struct filling f = { .a = a, .out = out, .from = from, .to = to,
	    .fit = fit };
	struct arena *rows = arena_new(16 << 20);
	int rc = db_each(db, rows, &PRICED, ARGS(V(market), V(from), V(to)),
	    take_price, &f, e);

	if (rc == 0 && out->n > 0)
		hold_price(&f, &out->v[out->n - 1],
		    (double)out->v[out->n - 1].n);
	arena_free(rows);
	return rc;
}
