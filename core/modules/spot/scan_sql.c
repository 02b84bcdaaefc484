/*
 * Rows of scans and their shards. All SQL on spot_scan and spot_scan_shard is
 * here. Invariants: an account has at most one live scan of each kind (the
 * unique key says so); who writes to a running scan is its holder.
 */
#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"
#include "modules/spot/scan.h"
#include "proc/bell.h"

static const struct field shard_fields[] = {
	FIELD(struct spot_shard, scan_id, .flags = FF_HIDDEN, .doc = "Scan"),
	FIELD(struct spot_shard, region, .doc = "Region"),
	FIELD(struct spot_shard, service, .doc = "What was listed"),
	FIELD(struct spot_shard, state, .oneof = ONEOF("queued", "running",
	    "complete", "partial", "denied", "unreachable", "skipped"),
	    .doc = "How far it is"),
	FIELD(struct spot_shard, page_token,
	    .flags = FF_HIDDEN | FF_NULLABLE, .doc = "Where it goes on"),
	FIELD(struct spot_shard, pages, .doc = "Pages read"),
	FIELD(struct spot_shard, items, .doc = "Rows read"),
	FIELD(struct spot_shard, error_code, .doc = "Class of the error"),
	FIELD(struct spot_shard, error, .doc = "What went wrong"),
	FIELD(struct spot_shard, attempts, .doc = "Calls that failed"),
	FIELD(struct spot_shard, updated_at, .doc = "Last change"),
	FIELD_END
};
const struct schema spot_shard_schema = {
	.name = "SpotScanShard", .doc = "One region and service of a scan",
	.size = sizeof(struct spot_shard), .fields = shard_fields
};

static const struct field scan_fields[] = {
	FIELD(struct spot_scan, id, .doc = "Identifier"),
	FIELD(struct spot_scan, tenant_id, .flags = FF_HIDDEN,
	    .doc = "Whose scan"),
	FIELD(struct spot_scan, account_id, .doc = "Account"),
	FIELD(struct spot_scan, generation, .doc = "Number of the scan"),
	FIELD(struct spot_scan, kind, .oneof = ONEOF("inventory", "prices",
	    "fleet"), .doc = "What is read; fleet: instances and groups"),
	FIELD(struct spot_scan, state, .oneof = ONEOF("queued", "running",
	    "complete", "partial", "failed"), .doc = "How far it is"),
	FIELD(struct spot_scan, requested_by, .doc = "Who asked for it"),
	FIELD(struct spot_scan, wanted, .doc = "Shards that count"),
	FIELD(struct spot_scan, done, .doc = "Shards that are complete"),
	FIELD(struct spot_scan, coverage, .doc = "done / wanted"),
	FIELD(struct spot_scan, instances, .doc = "Rows seen"),
	FIELD(struct spot_scan, assets,
	    .doc = "Volumes, snapshots and the like seen"),
	FIELD(struct spot_scan, added, .doc = "Instances not seen before"),
	FIELD(struct spot_scan, changed, .doc = "Instances that changed"),
	FIELD(struct spot_scan, gone, .doc = "Instances that went away"),
	FIELD(struct spot_scan, error, .doc = "Why it is not complete"),
	FIELD(struct spot_scan, started_at, .flags = FF_NULLABLE,
	    .doc = "Start"),
	FIELD(struct spot_scan, finished_at, .flags = FF_NULLABLE,
	    .doc = "End"),
	FIELD(struct spot_scan, created_at, .doc = "When it was asked for"),
	FIELD(struct spot_scan, shards, .flags = FF_NOSQL,
	    .sub = &spot_shard_schema,
	    .doc = "Regions and services (of a single scan only)"),
	FIELD_END
};
const struct schema spot_scan_schema = {
	.name = "SpotScan", .doc = "One pass over an account",
	.size = sizeof(struct spot_scan), .fields = scan_fields
};

struct instant {
	struct utc at, due;
};
static const struct field instant_fields[] = {
	FIELD(struct instant, at, .flags = FF_NULLABLE, .doc = "Instant"),
	FIELD(struct instant, due, .flags = FF_NULLABLE, .doc = "Next one"),
	FIELD_END
};
static const struct schema instant_schema = {
	.name = "SpotInstant", .doc = "An instant",
	.size = sizeof(struct instant), .fields = instant_fields
};

#define SCAN_FROM "SELECT id, tenant_id, account_id, generation, kind, " \
	"state, requested_by, wanted, done, coverage, instances, assets, " \
	"added, changed, gone, error, started_at, finished_at, created_at " \
	"FROM spot_scan "

static const struct query SCAN_INSERT = { "spot_scan.insert",
	"INSERT INTO spot_scan (id, tenant_id, account_id, generation, kind, "
	"state, live, requested_by, created_at) "
	"SELECT ?, ?, ?, COALESCE(MAX(generation), 0) + 1, ?, 'queued', 1, "
	"?, ? FROM spot_scan WHERE account_id = ? "
	"ON DUPLICATE KEY UPDATE spot_scan.live = spot_scan.live", NULL };
static const struct query SCAN_LIVE = { "spot_scan.live",
	SCAN_FROM "WHERE tenant_id = ? AND account_id = ? AND kind = ? "
	"AND live = 1 LIMIT 1", &spot_scan_schema };
static const struct query SCAN_BY_ID = { "spot_scan.by_id",
	SCAN_FROM "WHERE tenant_id = ? AND id = ? LIMIT 1",
	&spot_scan_schema };
static const struct query SCAN_PAGE = { "spot_scan.page",
	SCAN_FROM "WHERE tenant_id = ? AND account_id = ? "
	"AND id < COALESCE(?, X'FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF') "
	"ORDER BY id DESC LIMIT ?", &spot_scan_schema };
static const struct query SCAN_LAST = { "spot_scan.last",
	SCAN_FROM "WHERE tenant_id = ? AND account_id = ? AND kind = ? "
	"ORDER BY id DESC LIMIT 1", &spot_scan_schema };
static const struct query SCAN_COMPLETE_AT = { "spot_scan.complete_at",
	"SELECT MAX(started_at) AS at FROM spot_scan WHERE account_id = ? "
	"AND kind = ? AND state = 'complete'", &instant_schema };
static const struct query SCAN_WAITING = { "spot_scan.waiting",
	SCAN_FROM "WHERE state = 'queued' OR (state = 'running' "
	"AND held_at < ?) ORDER BY FIELD(kind, 'fleet', 'inventory', 'prices'), "
	"id LIMIT 100", &spot_scan_schema };
static const struct query SCAN_TAKE = { "spot_scan.take",
	"UPDATE spot_scan SET state = 'running', holder = ?, held_at = ?, "
	"started_at = COALESCE(started_at, ?) WHERE id = ? "
	"AND (state = 'queued' OR (state = 'running' AND held_at < ?))",
	NULL };
static const struct query SCAN_HOLD = { "spot_scan.hold",
	"UPDATE spot_scan SET held_at = ? WHERE id = ? AND holder = ? "
	"AND state = 'running'", NULL };
static const struct query SCAN_FINISH = { "spot_scan.finish",
	"UPDATE spot_scan SET state = ?, live = NULL, wanted = ?, done = ?, "
	"coverage = ?, instances = ?, assets = ?, added = ?, changed = ?, "
	"gone = ?, "
	"error = ?, finished_at = ? WHERE id = ? AND holder = ? "
	"AND state = 'running'", NULL };
static const struct query SCAN_OLDEST = { "spot_scan.oldest",
	"SELECT MIN(COALESCE(last_scan_at, created_at)) AS at, "
	"MIN(COALESCE(next_scan_at, created_at)) AS due FROM spot_account "
	"WHERE status IN ('connected', 'active', 'degraded')",
	&instant_schema };
static const struct query SHARD_INSERT = { "spot_scan_shard.insert",
	"INSERT INTO spot_scan_shard (scan_id, region, service, state, error, "
	"updated_at) VALUES (?, ?, ?, ?, ?, ?) "
	"ON DUPLICATE KEY UPDATE updated_at = VALUES(updated_at)", NULL };
static const struct query SHARD_ALL = { "spot_scan_shard.all",
	"SELECT scan_id, region, service, state, page_token, pages, items, "
	"error_code, error, attempts, updated_at FROM spot_scan_shard "
	"WHERE scan_id = ? ORDER BY region, service LIMIT 1000",
	&spot_shard_schema };
static const struct query SHARD_UPDATE = { "spot_scan_shard.update",
	"UPDATE spot_scan_shard SET state = ?, page_token = ?, pages = ?, "
	"items = ?, error_code = ?, error = ?, attempts = ?, updated_at = ? "
	"WHERE scan_id = ? AND region = ? AND service = ?", NULL };

const struct query *const spot_scan_queries[] = {
	&SCAN_INSERT, &SCAN_LIVE, &SCAN_BY_ID, &SCAN_PAGE, &SCAN_LAST,
	&SCAN_COMPLETE_AT, &SCAN_WAITING, &SCAN_TAKE, &SCAN_HOLD,
	&SCAN_FINISH, &SCAN_OLDEST, &SHARD_INSERT, &SHARD_ALL, &SHARD_UPDATE,
	NULL
};

static struct utc
before(struct utc now)
{
	return (struct utc){ now.us - SPOT_TAKEOVER_S * US_PER_S };
}

/* The worker's loop looks every few seconds; this is for impatient people. */
static void
ring(void *unused)
{
	(void)unused;
	bell_ring("discover", "");
}

int
spot_scan_queue(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid account, const char *kind, const char *by, struct utc now,
    struct spot_scan *out, struct err *e)
{
	if (db_exec(db, &SCAN_INSERT, ARGS(V(uuid_new()), V(tenant),
	    V(account), V(kind), V(by), V(now), V(account)), NULL, e) == -1)
		return -1;
	db_on_commit(db, ring, NULL);
	return spot_found(db_one(db, a, &SCAN_LIVE, ARGS(V(tenant),
	    V(account), V(kind)), out, e), "Scan", e);
}

int
spot_scan_by_id(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, struct spot_scan *out, struct err *e)
{
	return db_one(db, a, &SCAN_BY_ID, ARGS(V(tenant), V(id)), out, e);
}

int
spot_scan_page(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid account, struct uuid below, int64_t limit, struct rows *out,
    struct err *e)
{
	return db_all(db, a, &SCAN_PAGE, ARGS(V(tenant), V(account),
	    V(below), V(limit)), out, e);
}

int
spot_scan_last(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid account, const char *kind, struct spot_scan *out,
    struct err *e)
{
	return db_one(db, a, &SCAN_LAST, ARGS(V(tenant), V(account),
	    V(kind)), out, e);
}

static int
one_instant(struct db *db, struct arena *a, const struct query *q,
    const struct val *v, size_t n, struct utc *out, struct err *e)
{
	struct instant row;

	if (db_one(db, a, q, v, n, &row, e) == -1)
		return -1;
	*out = row.at;
	return 0;
}

int
spot_scan_complete_at(struct db *db, struct arena *a, struct uuid account,
    const char *kind, struct utc *out, struct err *e)
{
	return one_instant(db, a, &SCAN_COMPLETE_AT, ARGS(V(account),
	    V(kind)), out, e);
}

int
spot_scan_oldest(struct db *db, struct arena *a, struct utc *at,
    struct utc *due, struct err *e)
{
	struct instant row;

	if (db_one(db, a, &SCAN_OLDEST, NO_ARGS, &row, e) == -1)
		return -1;
	*at = row.at;
	*due = row.due;
	return 0;
}

int
spot_scan_waiting(struct db *db, struct arena *a, struct utc now,
    struct rows *out, struct err *e)
{
	return db_all(db, a, &SCAN_WAITING, ARGS(V(before(now))), out, e);
}

int
spot_scan_take(struct db *db, struct uuid id, struct uuid holder,
    struct utc now, struct err *e)
{
	uint64_t hit;

	if (db_exec(db, &SCAN_TAKE, ARGS(V(holder), V(now), V(now), V(id),
	    V(before(now))), &hit, e) == -1)
		return -1;
	return hit == 1 ? 0 : 1;
}

int
spot_scan_hold(struct db *db, struct uuid id, struct uuid holder,
    struct utc now, struct err *e)
{
	uint64_t hit;

	if (db_exec(db, &SCAN_HOLD, ARGS(V(now), V(id), V(holder)), &hit,
	    e) == -1)
		return -1;
	return hit == 1 ? 0 : err_set(e, 409, "scan_lost",
	    "Somebody else took this scan over");
}

int
spot_scan_finish(struct db *db, const struct spot_scan *s,
    struct uuid holder, struct err *e)
{
	uint64_t hit;

	if (db_exec(db, &SCAN_FINISH, ARGS(V(s->state), V(s->wanted),
	    V(s->done), V(s->coverage), V(s->instances), V(s->assets),
	    V(s->added), V(s->changed), V(s->gone), V(s->error), V(s->finished_at),
	    V(s->id), V(holder)), &hit, e) == -1)
		return -1;
	return hit == 1 ? 0 : err_set(e, 409, "scan_lost",
	    "Somebody else took this scan over");
}

int
spot_shard_insert(struct db *db, const struct spot_shard *s, size_t n,
    struct arena *a, struct err *e)
{
	struct val *v = arena_array(a, n * 6, sizeof(*v)), *p = v;

	for (size_t i = 0; i < n; i++) {
		*p++ = V(s[i].scan_id);
		*p++ = V(s[i].region);
		*p++ = V(s[i].service);
		*p++ = V(s[i].state);
		*p++ = V(s[i].error);
		*p++ = V(s[i].updated_at);
	}
	return n == 0 ? 0 : db_exec_many(db, &SHARD_INSERT, v, 6, n, NULL, e);
}

int
spot_shard_all(struct db *db, struct arena *a, struct uuid scan,
    struct rows *out, struct err *e)
{
	return db_all(db, a, &SHARD_ALL, ARGS(V(scan)), out, e);
}

int
spot_shard_update(struct db *db, const struct spot_shard *s, struct err *e)
{
	return db_exec(db, &SHARD_UPDATE, ARGS(V(s->state), V(s->page_token),
	    V(s->pages), V(s->items), V(s->error_code), V(s->error),
	    V(s->attempts), V(s->updated_at), V(s->scan_id), V(s->region),
	    V(s->service)), NULL, e);
}
