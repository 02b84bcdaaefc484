/*
 * Rows of interruptions. Invariants: an instance has one open one (the unique
 * key says so); each change grows the version; an instance's state follows
 * the latest news, whatever order they come in.
 */
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "crypto/crypto.h"
#include "modules/spot/account.h"
#include "modules/spot/episode.h"
#include "modules/spot/interruption.h"

#define P struct spot_interruption
static const struct field interruption_fields[] = {
	FIELD(P, id, .doc = "Identifier"),
	FIELD(P, tenant_id, .flags = FF_HIDDEN, .doc = "Whose"),
	FIELD(P, account_id, .ref = "spot_account", .doc = "Account"),
	FIELD(P, region, .doc = "Region"),
	FIELD(P, instance_id, .doc = "The machine that goes"),
	FIELD(P, az, .doc = "Its zone; empty = not in the inventory"),
	FIELD(P, instance_type, .doc = "Its type"),
	FIELD(P, asg, .doc = "Its group; empty = none"),
	FIELD(P, pool_id, .flags = FF_NULLABLE, .doc = "Its pool"),
	FIELD(P, kind, .oneof = ONEOF("rebalance", "interruption", "health"),
	    .doc = "rebalance: it may go; interruption: it goes"),
	FIELD(P, action, .doc = "terminate, stop, hibernate; of health "
	    "events their type"),
	FIELD(P, source, .doc = "How the notice came"),
	FIELD(P, event_id, .doc = "The cloud's id of the event"),
	FIELD(P, state, .oneof = ONEOF("watched", "unknown", "refused",
	    "replacing", "replica", "serving", "replaced", "failed", "over"),
	    .doc = "What came of it"),
	FIELD(P, why, .doc = "Why so, in a sentence"),
	FIELD(P, noticed_at, .doc = "When the cloud gave notice"),
	FIELD(P, received_at, .doc = "When it came here"),
	FIELD(P, deadline_at, .flags = FF_NULLABLE, .doc = "When it ends"),
	FIELD(P, rebalance_at, .flags = FF_NULLABLE,
	    .doc = "Recommendation that came before the warning"),
	FIELD(P, requested_at, .flags = FF_NULLABLE,
	    .doc = "When its replacement was requested"),
	FIELD(P, served_at, .flags = FF_NULLABLE,
	    .doc = "When the replacement served"),
	FIELD(P, drained_at, .flags = FF_NULLABLE,
	    .doc = "When it was out of service"),
	FIELD(P, ended_at, .flags = FF_NULLABLE, .doc = "When it was closed"),
	FIELD(P, move_id, .flags = FF_NULLABLE, .doc = "The move"),
	FIELD(P, decision_id, .flags = FF_NULLABLE, .doc = "The decision"),
	FIELD(P, replacement, .doc = "The new machine; empty = none yet"),
	FIELD(P, target, .doc = "Pools asked for, best first"),
	FIELD(P, replica_until, .flags = FF_NULLABLE,
	    .doc = "Until when the standby waits"),
	FIELD(P, version, .doc = "Number of changes"),
	FIELD(P, reaction_ms, .flags = FF_NOSQL, .doc = "From its coming to the request, "
	    "milliseconds; 0 = nothing was requested"),
	FIELD_END
};
#undef P
const struct schema spot_interruption_schema = {
	.name = "SpotInterruption", .doc = "Notice that a machine goes, and "
	"what was done", .size = sizeof(struct spot_interruption),
	.fields = interruption_fields
};

#define P struct spot_noticed
static const struct field noticed_fields[] = {
	FIELD(P, instance_id, .doc = "Machine"), FIELD(P, az, .doc = "Zone"),
	FIELD(P, instance_type, .doc = "Type"),
	FIELD(P, lifecycle, .doc = "spot or not"),
	FIELD(P, state, .doc = "State"), FIELD(P, asg, .doc = "Group"),
	FIELD(P, product, .doc = "Product"), FIELD(P, arch, .doc = "Arch"),
	FIELD(P, auth_status, .doc = "Whether it is ours to move"),
	FIELD(P, launched_at, .flags = FF_NULLABLE, .doc = "Launch"),
	FIELD(P, last_seen, .doc = "Last scan that saw it"),
	FIELD(P, pool_id, .flags = FF_NULLABLE, .doc = "Pool"),
	FIELD(P, region, .doc = "Region"),
	FIELD(P, vpc_id, .doc = "Network"),
	FIELD_END
};
#undef P
static const struct schema noticed_schema = {
	.name = "SpotNoticed", .doc = "A machine that a notice names",
	.size = sizeof(struct spot_noticed), .fields = noticed_fields
};

#define COLUMNS "id, tenant_id, account_id, region, instance_id, az, " \
	"instance_type, asg, pool_id, kind, action, source, event_id, " \
	"state, why, noticed_at, received_at, deadline_at, rebalance_at, " \
	"requested_at, served_at, drained_at, ended_at, move_id, " \
	"decision_id, replacement, target, replica_until, version"
#define FROM "SELECT " COLUMNS " FROM spot_interruption "
#define TEN "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

static const struct query INSERT = { "spot_interruption.insert",
	"INSERT INTO spot_interruption (" COLUMNS ", live) VALUES (?, ?, ?, "
	"?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
	"?, ?, ?, ?)", NULL };
static const struct query UPDATE = { "spot_interruption.update",
	"UPDATE spot_interruption SET az = ?, instance_type = ?, asg = ?, "
	"pool_id = NULLIF(?, 0), kind = ?, action = ?, event_id = ?, "
	"state = ?, why = ?, noticed_at = ?, received_at = ?, "
	"deadline_at = ?, "
	"rebalance_at = ?, requested_at = ?, served_at = ?, drained_at = ?, "
	"ended_at = ?, move_id = ?, decision_id = ?, replacement = ?, "
	"target = ?, replica_until = ?, live = ?, version = version + 1 "
	"WHERE tenant_id = ? AND id = ?", NULL };
static const struct query BY_ID = { "spot_interruption.by_id",
	FROM "WHERE tenant_id = ? AND id = ? LIMIT 1",
	&spot_interruption_schema };
static const struct query LOCK = { "spot_interruption.lock",
	FROM "WHERE tenant_id = ? AND id = ? LIMIT 1 FOR UPDATE",
	&spot_interruption_schema };
static const struct query BY_MOVE = { "spot_interruption.by_move",
	FROM "WHERE tenant_id = ? AND move_id = ? LIMIT 1 FOR UPDATE",
	&spot_interruption_schema };
static const struct query KNOWN = { "spot_interruption.known",
	FROM "WHERE tenant_id = ? AND account_id = ? AND region = ? AND "
	"instance_id IN " TEN " AND (live = 1 OR ended_at >= ?) "
	"ORDER BY id LIMIT 100 FOR UPDATE", &spot_interruption_schema };
static const struct query PAGE = { "spot_interruption.page",
	FROM "WHERE tenant_id = ? AND id < COALESCE(?, REPEAT(X'FF', 16)) "
	"AND account_id = COALESCE(?, account_id) "
	"AND kind = COALESCE(?, kind) AND state = COALESCE(?, state) "
	"AND instance_id = COALESCE(?, instance_id) "
	"AND (NOT ? OR live = 1) ORDER BY id DESC LIMIT ?",
	&spot_interruption_schema };
static const struct query DUE = { "spot_interruption.due",
	FROM "WHERE live = 1 AND (state = 'unknown' OR "
	"(state IN ('watched', 'refused') AND received_at < ? - INTERVAL 1 "
	"HOUR) OR (state = 'replica' AND replica_until < ?) OR "
	"(state IN ('serving', 'replacing') AND received_at < ? - INTERVAL 1 "
	"DAY) OR state IN ('replaced', 'failed')) "
	"ORDER BY received_at LIMIT 200", &spot_interruption_schema };
static const struct query NOTICED = { "spot_noticed.get",
	"SELECT i.instance_id, i.az, i.instance_type, i.lifecycle, "
	"IF(i.gone_at IS NULL, i.state, 'terminated') AS state, i.asg, "
	"i.product, i.arch, i.auth_status, i.launched_at, i.last_seen, "
	"p.id AS pool_id, i.region, i.vpc_id FROM spot_instance i "
	"LEFT JOIN spot_pool p ON p.market = ? AND p.region = i.region AND "
	"p.az = i.az AND p.instance_type = i.instance_type AND p.product = "
	"i.product WHERE i.tenant_id = ? AND i.account_id = ? AND "
	"i.region = ? AND i.instance_id IN " TEN " LIMIT 10",
	&noticed_schema };
static const struct query RUNNING = { "spot_noticed.running",
	"SELECT i.instance_id, i.az, i.instance_type, i.lifecycle, i.state, "
	"i.asg, i.product, i.arch, i.auth_status, i.launched_at, "
	"i.last_seen, CAST(NULL AS SIGNED) AS pool_id, i.region, "
	"i.vpc_id FROM spot_instance i WHERE i.tenant_id = ? AND i.account_id = ? AND "
	"i.lifecycle = 'spot' AND i.gone_at IS NULL AND i.state IN "
	"('pending', 'running') ORDER BY i.id LIMIT 10000", &noticed_schema };
struct zone {
	const char *az;
};
static const struct field zone_fields[] = {
	FIELD(struct zone, az, .doc = "Zone"), FIELD_END
};
static const struct schema zone_schema = { .name = "SpotNoticedZone",
    .size = sizeof(struct zone), .fields = zone_fields };
static const struct query ZONES = { "spot_noticed.zones",
	"SELECT DISTINCT az FROM spot_instance WHERE tenant_id = ? AND "
	"account_id = ? AND region = ? AND vpc_id = ? AND gone_at IS NULL "
	"LIMIT 50", &zone_schema };
static const struct query STATE = { "spot_noticed.state",
	"UPDATE spot_instance SET state = ?, last_seen = ?, changed_at = ?, "
	"gone_at = IF(?, COALESCE(gone_at, ?), gone_at) WHERE tenant_id = ? "
	"AND account_id = ? AND region = ? AND instance_id = ? AND "
	"last_seen <= ?", NULL };
static const struct query SIGNAL = { "spot_noticed.signal",
	"UPDATE spot_instance SET aws_signal = ? WHERE tenant_id = ? AND "
	"account_id = ? AND region = ? AND instance_id = ?", NULL };
struct known {
	struct blob event_key;
};
static const struct field known_fields[] = {
	FIELD(struct known, event_key, .doc = "What was taken"), FIELD_END
};
static const struct schema known_schema = {
	.name = "SpotNoticeKnown", .size = sizeof(struct known),
	.fields = known_fields
};
static const struct query REMEMBERED = { "spot_notice.remembered",
	"SELECT event_key FROM spot_notice WHERE tenant_id = ? "
	"AND account_id = ? AND event_key IN " TEN " LIMIT 10",
	&known_schema };
static const struct query REMEMBER = { "spot_notice.remember",
	"INSERT IGNORE INTO spot_notice (tenant_id, account_id, event_key, "
	"received_at) VALUES (?, ?, ?, ?)", NULL };

const struct query *const spot_interruption_queries[] = {
	&INSERT, &UPDATE, &BY_ID, &LOCK, &BY_MOVE, &KNOWN, &PAGE, &DUE,
	&NOTICED, &ZONES, &RUNNING, &STATE, &SIGNAL, &REMEMBERED, &REMEMBER,
	NULL
};

const struct table spot_interruption_tables[] = {
	{ .name = "spot_interruption", .row = &spot_interruption_schema,
	    .sql_only = ONEOF("live"), .tenant_column = "tenant_id",
	    .retention_days = 400, .retention_column = "noticed_at",
	    .snapshot = SNAP_FULL },
	{ .name = "spot_notice", .tenant_column = "tenant_id",
	    .retention_days = 3, .retention_column = "received_at",
	    .snapshot = SNAP_NEVER },
	{ .name = "spot_downtime", .row = &spot_downtime_schema,
	    .tenant_column = "tenant_id", .snapshot = SNAP_FULL },
	{ .name = "spot_notice_policy", .row = &spot_notice_policy_schema,
	    .tenant_column = "tenant_id", .snapshot = SNAP_FULL },
	{ .name = "spot_episode", .row = &spot_episode_schema,
	    .sql_only = ONEOF("still"), .tenant_column = "tenant_id",
	    .snapshot = SNAP_FULL },
	{ .name = NULL }
};

/* ---- what a notice names ----------------------------------------------------- */

/* Ten parameters of an IN list: the last id again where there are fewer. */
static const char *
pick(const char *const *ids, size_t n, size_t i)
{
	return n == 0 ? "" : ids[i < n ? i : n - 1];
}
#define TEN_IDS V(pick(ids, n, 0)), V(pick(ids, n, 1)), V(pick(ids, n, 2)), \
	V(pick(ids, n, 3)), V(pick(ids, n, 4)), V(pick(ids, n, 5)), \
	V(pick(ids, n, 6)), V(pick(ids, n, 7)), V(pick(ids, n, 8)), \
	V(pick(ids, n, 9))

int
spot_noticed_get(struct db *db, struct arena *a,
    const struct spot_account *acc, const char *region,
    const char *const *ids, size_t n, struct rows *out, struct err *e)
{
	return db_all(db, a, &NOTICED, ARGS(V(acc->provider),
	    V(acc->tenant_id), V(acc->id), V(region), TEN_IDS), out, e);
}

int
spot_noticed_zones(struct db *db, struct arena *a,
    const struct spot_account *acc, const char *region, const char *vpc,
    struct list *out, struct err *e)
{
	const char **v;
	struct rows rows;

	if (db_all(db, a, &ZONES, ARGS(V(acc->tenant_id), V(acc->id),
	    V(region), V(vpc)), &rows, e) == -1)
		return -1;
	v = arena_array(a, rows.n + 1, sizeof(*v));
	for (size_t i = 0; i < rows.n; i++)
		v[i] = ROW(&rows, struct zone, i)->az;
	*out = (struct list){ v, rows.n };
	return 0;
}

int
spot_noticed_running(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid account, struct rows *out, struct err *e)
{
	return db_all(db, a, &RUNNING, ARGS(V(tenant), V(account)), out, e);
}

int
spot_noticed_state(struct db *db, struct uuid tenant, struct uuid account,
    const char *region, const char *instance, const char *state, bool gone,
    struct utc at, struct err *e)
{
	return db_exec(db, &STATE, ARGS(V(state), V(at), V(at), V(gone),
	    V(at), V(tenant), V(account), V(region), V(instance), V(at)),
	    NULL, e);
}

enum { SIGNAL_COLS = 5, REMEMBER_COLS = 4, TEN_N = 10 };

int
spot_noticed_signal(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid account, const struct spot_noticed_mark *v, size_t n,
    struct err *e)
{
	struct val *w = arena_array(a, n * SIGNAL_COLS, sizeof(*w));

	for (size_t i = 0; i < n; i++) {
		const struct val row[SIGNAL_COLS] = { V(v[i].signal),
		    V(tenant), V(account), V(v[i].region),
		    V(v[i].instance_id) };

		memcpy(w + i * SIGNAL_COLS, row, sizeof(row));
	}
	return n == 0 ? 0 : db_exec_many(db, &SIGNAL, w, SIGNAL_COLS, n, NULL,
	    e);
}

/* ---- what was taken before ---------------------------------------------------- */

struct remembering {
	struct db *db;
	struct arena *a;
	struct uuid tenant, account;
	struct utc now;
};

static struct blob
event_key(struct arena *a, const char *what, const char *id)
{
	uint8_t *digest = arena_alloc(a, SHA256_LEN);
	const char *text = arena_printf(a, "%.20s:%.256s", what, id);

	crypto_sha256(text, strlen(text), digest);
	return (struct blob){ digest, SHA256_LEN };
}

static bool
same(struct blob a, struct blob b)
{
	return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

/* Up to ten: those that are there, and those that come twice, are old. */
static int
remember_ten(const struct remembering *r, const struct blob *keys, size_t n,
    bool *fresh, struct err *e)
{
	struct val v[2 + TEN_N] = { V(r->tenant), V(r->account) };
	struct val w[TEN_N * REMEMBER_COLS];
	struct rows rows;
	uint64_t put = 0;
	size_t k = 0;

	for (size_t i = 0; i < TEN_N; i++)
		v[2 + i] = V(keys[i < n ? i : n - 1]);
	if (db_all(r->db, r->a, &REMEMBERED, v, 2 + TEN_N, &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < n; i++) {
		fresh[i] = true;
		for (size_t j = 0; j < rows.n; j++)
			fresh[i] = fresh[i] && !same(ROW(&rows, struct known,
			    j)->event_key, keys[i]);
		for (size_t j = 0; j < i; j++)
			fresh[i] = fresh[i] && !same(keys[j], keys[i]);
		if (!fresh[i])
			continue;
		w[k++] = V(r->tenant);
		w[k++] = V(r->account);
		w[k++] = V(keys[i]);
		w[k++] = V(r->now);
	}
	if (k > 0 && db_exec_many(r->db, &REMEMBER, w, REMEMBER_COLS,
	    k / REMEMBER_COLS, &put, e) == -1)
		return -1;
	return put == k / REMEMBER_COLS ? 0 : err_set(e, 409, "duplicate",
	    "It was remembered at the same instant");
}

int
spot_notice_remember(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid account, const char *what, const char *const *ids, size_t n,
    struct utc now, bool *fresh, struct err *e)
{
	const struct remembering r = { db, a, tenant, account, now };
	struct blob keys[TEN_N];

	for (size_t at = 0; at < n; at += TEN_N) {
		size_t k = n - at < TEN_N ? n - at : TEN_N;

		for (size_t i = 0; i < k; i++)
			keys[i] = event_key(a, what, ids[at + i]);
		if (remember_ten(&r, keys, k, fresh + at, e) == -1)
			return -1;
	}
	return 0;
}

/* ---- interruptions ----------------------------------------------------------- */

static void
shape(struct spot_interruption *x)
{
	x->reaction_ms = x->requested_at.us > x->received_at.us ?
	    (double)(x->requested_at.us - x->received_at.us) / 1e3 : 0;
}

static int
one(struct db *db, struct arena *a, const struct query *q,
    const struct val *v, size_t n, struct spot_interruption *out,
    struct err *e)
{
	int rc = db_one(db, a, q, v, n, out, e);

	if (rc == 0)
		shape(out);
	return rc;
}

static int
many(struct db *db, struct arena *a, const struct query *q,
    const struct val *v, size_t n, struct rows *out, struct err *e)
{
	if (db_all(db, a, q, v, n, out, e) == -1)
		return -1;
	for (size_t i = 0; i < out->n; i++)
		shape(ROW(out, struct spot_interruption, i));
	return 0;
}

static struct val
alive(const struct spot_interruption *x)
{
	return x->ended_at.us == 0 ? val_i(1) : val_null();
}

enum { INSERT_COLS = 30 };

/* Many in one statement. */
int
spot_interruption_insert(struct db *db, struct arena *a,
    const struct spot_interruption *const *v, size_t n, struct err *e)
{
	struct val *w = arena_array(a, n * INSERT_COLS, sizeof(*w));

	for (size_t i = 0; i < n; i++) {
		const struct spot_interruption *x = v[i];
		const struct val row[INSERT_COLS] = { V(x->id),
		    V(x->tenant_id), V(x->account_id), V(x->region),
		    V(x->instance_id), V(x->az), V(x->instance_type),
		    V(x->asg), x->pool_id != 0 ? V(x->pool_id) : val_null(),
		    V(x->kind), V(x->action), V(x->source), V(x->event_id),
		    V(x->state), V(x->why), V(x->noticed_at),
		    V(x->received_at), V(x->deadline_at), V(x->rebalance_at),
		    V(x->requested_at), V(x->served_at), V(x->drained_at),
		    V(x->ended_at), V(x->move_id), V(x->decision_id),
		    V(x->replacement), V(x->target), V(x->replica_until),
		    val_i(1), alive(x) };

		memcpy(w + i * INSERT_COLS, row, sizeof(row));
	}
	return n == 0 ? 0 : db_exec_many(db, &INSERT, w, INSERT_COLS, n, NULL,
	    e);
}

int
spot_interruption_update(struct db *db, const struct spot_interruption *x,
    struct err *e)
{
	return db_exec(db, &UPDATE, ARGS(V(x->az), V(x->instance_type),
	    V(x->asg), V(x->pool_id), V(x->kind), V(x->action),
	    V(x->event_id), V(x->state), V(x->why), V(x->noticed_at),
	    V(x->received_at), V(x->deadline_at), V(x->rebalance_at),
	    V(x->requested_at), V(x->served_at), V(x->drained_at),
	    V(x->ended_at), V(x->move_id), V(x->decision_id),
	    V(x->replacement), V(x->target), V(x->replica_until), alive(x),
	    V(x->tenant_id), V(x->id)), NULL,
	    e);
}

int
spot_interruption_by_id(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, struct spot_interruption *out, struct err *e)
{
	return one(db, a, &BY_ID, ARGS(V(tenant), V(id)), out, e);
}

int
spot_interruption_lock(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, struct spot_interruption *out, struct err *e)
{
	return one(db, a, &LOCK, ARGS(V(tenant), V(id)), out, e);
}

int
spot_interruption_by_move(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid move, struct spot_interruption *out, struct err *e)
{
	return one(db, a, &BY_MOVE, ARGS(V(tenant), V(move)), out, e);
}

int
spot_interruption_known(struct db *db, struct arena *a,
    const struct spot_account *acc, const char *region,
    const char *const *ids, size_t n, struct utc since, struct rows *out,
    struct err *e)
{
	return many(db, a, &KNOWN, ARGS(V(acc->tenant_id), V(acc->id),
	    V(region), TEN_IDS, V(since)), out, e);
}

int
spot_interruption_page(struct db *db, struct arena *a,
    const struct spot_interruption_filter *f, struct rows *out,
    struct err *e)
{
	return many(db, a, &PAGE, ARGS(V(f->tenant), V(f->below),
	    V(f->account), V(f->kind), V(f->state), V(f->instance_id),
	    V(f->open), V(f->limit)), out, e);
}

int
spot_interruption_due(struct db *db, struct arena *a, struct utc now,
    struct rows *out, struct err *e)
{
	return many(db, a, &DUE, ARGS(V(now), V(now), V(now)), out, e);
}
