/*
 * Rows of feeds, of what waits in front of the loop, and of what could not be
 * taken. All SQL on trade_feed, trade_intake and trade_dead is here.
 */
#include "base/arena.h"
#include "base/err.h"
#include "modules/trade/feed_inner.h"

static const char *const kinds[] = {
	"simulator", "replay", "redis", "http", NULL
};

#define F struct trade_feed
static const struct field feed_fields[] = {
	FIELD(F, id, .doc = "Id"),
	FIELD(F, tenant_id, .flags = FF_HIDDEN),
	FIELD(F, name, .doc = "Name"),
	FIELD(F, kind, .oneof = kinds, .doc = "Where its ticks come from"),
	FIELD(F, wanted, .doc = "What was ordered"),
	FIELD(F, state, .doc = "starting, running, stale (it should speak and "
	    "does not), paused, ended, failed or stopped"),
	FIELD(F, detail, .doc = "Why, when it is not well"),
	FIELD(F, spec, .doc = "Its settings"),
	FIELD(F, position, .doc = "How far it has come"),
	FIELD(F, run, .doc = "Counts its starts"),
	FIELD(F, ticks, .doc = "Ticks that were handled"),
	FIELD(F, refused, .doc = "Ticks that were not"),
	FIELD(F, lag_ms, .doc = "How late the last tick was handled"),
	FIELD(F, last_tick_at, .flags = FF_NULLABLE,
	    .doc = "Time of the last tick, by the market's clock"),
	FIELD(F, heard_at, .flags = FF_NULLABLE,
	    .doc = "When it was heard"),
	FIELD(F, due_at, .flags = FF_NULLABLE,
	    .doc = "When the next one is due, where that is known"),
	FIELD(F, started_at, .flags = FF_NULLABLE, .doc = "Last start"),
	FIELD(F, version, .doc = "Counts changes of its state"),
	FIELD(F, created_at, .doc = "When it was made"),
	FIELD(F, updated_at, .doc = "Last change"),
	FIELD_END
};
const struct schema trade_feed_schema = {
	.name = "Feed", .doc = "A source of market data",
	.size = sizeof(F), .fields = feed_fields
};

#define I struct trade_intake
static const struct field intake_fields[] = {
	FIELD(I, id, .doc = "Number"),
	FIELD(I, tenant_id, .doc = "Tenant"),
	FIELD(I, kind, .doc = "ticks or bars"),
	FIELD(I, feed_id, .flags = FF_NULLABLE, .doc = "Feed"),
	FIELD(I, n, .doc = "How many"),
	FIELD(I, body, .doc = "Lines"),
	FIELD(I, at, .doc = "When"), FIELD_END
};
static const struct schema intake_schema = { .name = "Intake",
    .doc = "What waits for the loop", .size = sizeof(I),
    .fields = intake_fields };

#define D struct trade_dead
static const struct field dead_fields[] = {
	FIELD(D, id, .doc = "Number"),
	FIELD(D, tenant_id, .flags = FF_HIDDEN),
	FIELD(D, feed_id, .flags = FF_NULLABLE, .doc = "Feed"),
	FIELD(D, source, .doc = "Stream or channel"),
	FIELD(D, ref, .doc = "Its number there"),
	FIELD(D, reason, .doc = "Why it was not taken"),
	FIELD(D, body, .doc = "What it said, at most 4,000 bytes"),
	FIELD(D, at, .doc = "When"), FIELD_END
};
const struct schema trade_dead_schema = { .name = "DeadMessage",
    .doc = "A message that could not be taken", .size = sizeof(D),
    .fields = dead_fields };

#define COLUMNS "id, tenant_id, name, kind, wanted, state, detail, spec, " \
	"position, run, ticks, refused, lag_ms, last_tick_at, heard_at, " \
	"due_at, started_at, version, created_at, updated_at"
#define FROM "SELECT " COLUMNS " FROM trade_feed WHERE "
static const struct query FEED_INSERT = { "trade_feed.insert",
	"INSERT INTO trade_feed (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, "
	"?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", NULL };
static const struct query FEED_PAGE = { "trade_feed.page",
	FROM "tenant_id = ? AND id < COALESCE(?, "
	"X'FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF') ORDER BY id DESC LIMIT ?",
	&trade_feed_schema };
static const struct query FEED_BY_ID = { "trade_feed.by_id",
	FROM "tenant_id = ? AND id = ? LIMIT 1", &trade_feed_schema };
static const struct query FEED_LOCK = { "trade_feed.lock",
	FROM "tenant_id = ? AND id = ? LIMIT 1 FOR UPDATE",
	&trade_feed_schema };
static const struct query FEED_BY_NAME = { "trade_feed.by_name",
	FROM "tenant_id = ? AND name = ? LIMIT 1", &trade_feed_schema };
static const struct query FEED_ACTIVE = { "trade_feed.active",
	FROM "wanted IN ('running', 'paused') ORDER BY id LIMIT 1000",
	&trade_feed_schema };
static const struct query FEED_UPDATE = { "trade_feed.update",
	"UPDATE trade_feed SET wanted = ?, state = ?, detail = ?, spec = ?, "
	"position = ?, run = ?, ticks = ?, refused = ?, lag_ms = ?, "
	"last_tick_at = ?, heard_at = ?, due_at = ?, started_at = ?, version = ?, "
	"updated_at = ? WHERE id = ?", NULL };
static const struct query FEED_ADVANCE = { "trade_feed.advance",
	"UPDATE trade_feed SET state = ?, detail = ?, wanted = ?, position = "
	"?, ticks = ?, refused = ?, lag_ms = ?, last_tick_at = ?, heard_at = "
	"?, due_at = ?, version = ?, updated_at = ? WHERE id = ? AND run = ?", NULL };
static const struct query FEED_DELETE = { "trade_feed.delete",
	"DELETE FROM trade_feed WHERE tenant_id = ? AND id = ?", NULL };
static const struct query INTAKE_ADD = { "trade_intake.add",
	"INSERT INTO trade_intake (tenant_id, kind, feed_id, n, body, at) "
	"VALUES (?, ?, ?, ?, ?, ?)", NULL };
static const struct query INTAKE_NEXT = { "trade_intake.next",
	"SELECT id, tenant_id, kind, feed_id, n, body, at FROM trade_intake "
	"WHERE id > ? ORDER BY id LIMIT ?", &intake_schema };
static const struct query INTAKE_DROP = { "trade_intake.drop",
	"DELETE FROM trade_intake WHERE id = ?", NULL };
static const struct query DEAD_ADD = { "trade_dead.add",
	"INSERT INTO trade_dead (tenant_id, feed_id, source, ref, reason, "
	"body, at) VALUES (?, ?, ?, ?, ?, ?, ?)", NULL };
static const struct query DEAD_PAGE = { "trade_dead.page",
	"SELECT id, tenant_id, feed_id, source, ref, reason, body, at FROM "
	"trade_dead WHERE tenant_id = ? AND id < ? ORDER BY id DESC LIMIT ?",
	&trade_dead_schema };

const struct query *const trade_feed_queries[] = {
	&FEED_INSERT, &FEED_PAGE, &FEED_BY_ID, &FEED_LOCK, &FEED_BY_NAME,
	&FEED_ACTIVE, &FEED_UPDATE, &FEED_ADVANCE, &FEED_DELETE,
	&INTAKE_ADD, &INTAKE_NEXT, &INTAKE_DROP, &DEAD_ADD, &DEAD_PAGE, NULL
};
const struct table trade_feed_tables[] = {
	{ .name = "trade_feed", .row = &trade_feed_schema,
	  .tenant_column = "tenant_id", .snapshot = SNAP_FULL },
	{ .name = "trade_intake", .row = &intake_schema,
	  .tenant_column = "tenant_id", .snapshot = SNAP_NEVER },
	{ .name = "trade_dead", .row = &trade_dead_schema,
	  .tenant_column = "tenant_id", .snapshot = SNAP_NEVER,
	  .retention_days = 30, .retention_column = "at" },
	{ .name = NULL }
};

int
trade_feed_insert(struct db *db, const F *f, struct err *e)
{
	return db_exec(db, &FEED_INSERT, ARGS(V(f->id), V(f->tenant_id),
	    V(f->name), V(f->kind), V(f->wanted), V(f->state), V(f->detail),
	    V(f->spec), V(f->position), V(f->run), V(f->ticks),
	    V(f->refused), V(f->lag_ms), V(f->last_tick_at), V(f->heard_at),
	    V(f->due_at), V(f->started_at), V(f->version), V(f->created_at),
	    V(f->updated_at)), NULL, e);
}

int
trade_feed_page(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid below, int64_t limit, struct rows *out, struct err *e)
{
	return db_all(db, a, &FEED_PAGE, ARGS(V(tenant), V(below), V(limit)),
	    out, e);
}

int
trade_feed_find(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, bool lock, F *out, struct err *e)
{
	return db_one(db, a, lock ? &FEED_LOCK : &FEED_BY_ID,
	    ARGS(V(tenant), V(id)), out, e);
}

int
trade_feed_by_name(struct db *db, struct arena *a, struct uuid tenant,
    const char *name, F *out, struct err *e)
{
	return db_one(db, a, &FEED_BY_NAME, ARGS(V(tenant), V(name)), out,
	    e);
}

int
trade_feed_active(struct db *db, struct arena *a, struct rows *out,
    struct err *e)
{
	return db_all(db, a, &FEED_ACTIVE, NO_ARGS, out, e);
}

int
trade_feed_update(struct db *db, const F *f, struct err *e)
{
	return db_exec(db, &FEED_UPDATE, ARGS(V(f->wanted), V(f->state),
	    V(f->detail), V(f->spec), V(f->position), V(f->run), V(f->ticks),
	    V(f->refused), V(f->lag_ms), V(f->last_tick_at), V(f->heard_at),
	    V(f->due_at), V(f->started_at), V(f->version), V(f->updated_at),
	    V(f->id)),
	    NULL, e);
}

int
trade_feed_advance(struct db *db, const F *f, struct err *e)
{
	uint64_t n;

	if (db_exec(db, &FEED_ADVANCE, ARGS(V(f->state), V(f->detail),
	    V(f->wanted), V(f->position), V(f->ticks), V(f->refused),
	    V(f->lag_ms), V(f->last_tick_at), V(f->heard_at), V(f->due_at),
	    V(f->version), V(f->updated_at), V(f->id), V(f->run)), &n, e) == -1)
		return -1;
	return n == 1 ? 0 : err_set(e, 409, "feed_changed",
	    "The feed was started anew");
}

int
trade_feed_delete(struct db *db, struct uuid tenant, struct uuid id,
    struct err *e)
{
	uint64_t n;

	if (db_exec(db, &FEED_DELETE, ARGS(V(tenant), V(id)), &n, e) == -1)
		return -1;
	return n == 0;
}

int
trade_intake_add(struct db *db, const I *i, struct err *e)
{
	return db_exec(db, &INTAKE_ADD, ARGS(V(i->tenant_id), V(i->kind),
	    V(i->feed_id), V(i->n), V(i->body), V(i->at)), NULL, e);
}

int
trade_intake_next(struct db *db, struct arena *a, int64_t after,
    int64_t limit, struct rows *out, struct err *e)
{
	return db_all(db, a, &INTAKE_NEXT, ARGS(V(after), V(limit)),
	    out, e);
}

int
trade_intake_drop(struct db *db, struct arena *a, const int64_t *ids,
    size_t n, struct err *e)
{
	struct val *v = arena_array(a, n + 1, sizeof(*v));
	uint64_t gone;

	for (size_t i = 0; i < n; i++)
		v[i] = V(ids[i]);
	if (n == 0)
		return 0;
	if (db_exec_many(db, &INTAKE_DROP, v, 1, n, &gone, e) == -1)
		return -1;
	return gone == n ? 0 : err_set(e, 409, "lease_lost",
	    "Another process has taken the ticks");
}

int
trade_dead_add(struct db *db, const D *d, struct err *e)
{
	return db_exec(db, &DEAD_ADD, ARGS(V(d->tenant_id), V(d->feed_id),
	    V(d->source), V(d->ref), V(d->reason), V(d->body), V(d->at)),
	    NULL, e);
}

int
trade_dead_page(struct db *db, struct arena *a, struct uuid tenant,
    int64_t below, int64_t limit, struct rows *out, struct err *e)
{
	return db_all(db, a, &DEAD_PAGE, ARGS(V(tenant), V(below), V(limit)),
	    out, e);
}
