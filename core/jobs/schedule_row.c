/*
 * Rows of schedules and their fires. All SQL on jobs_schedule and jobs_fire is
 * here. A fire is inserted while its schedule's row is locked.
 */
#include <stddef.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "jobs/schedule_inner.h"
#include "shm/shm.h"

#define END_OF_TIME_S INT64_C(253402300799)	/* 9999-12-31 */

#define COLUMNS "id, tenant_id, name, declared, spec, zone, gap, fold, " \
	"misfire, window_s, max_catchup, overlap, jitter_ms, start_at, end_at, " \
	"job_type, payload, queue, priority, paused, fault, next_at, last_at, " \
	"version, created_by, created_at, updated_at"

static const struct query SCHEDULE_INSERT = { "jobs_schedule.insert",
	"INSERT INTO jobs_schedule (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, "
	"?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", NULL };
static const struct query SCHEDULE_UPDATE = { "jobs_schedule.update",
	"UPDATE jobs_schedule SET name = ?, spec = ?, zone = ?, gap = ?, "
	"fold = ?, misfire = ?, window_s = ?, max_catchup = ?, overlap = ?, "
	"jitter_ms = ?, start_at = ?, end_at = ?, job_type = ?, payload = ?, "
	"queue = ?, priority = ?, paused = ?, fault = ?, next_at = ?, "
	"version = version + 1, updated_at = NOW(6) WHERE id = ? "
	"AND tenant_id = ? AND version = ?", NULL };
static const struct query SCHEDULE_DELETE = { "jobs_schedule.delete",
	"DELETE FROM jobs_schedule WHERE id = ? AND tenant_id = ?", NULL };
static const struct query FIRE_DELETE = { "jobs_fire.delete",
	"DELETE FROM jobs_fire WHERE schedule_id = ? AND tenant_id = ?", NULL };
static const struct query SCHEDULE_BY_ID = { "jobs_schedule.by_id",
	"SELECT " COLUMNS " FROM jobs_schedule WHERE id = ? AND tenant_id = ? "
	"LIMIT 1", &schedule_row_schema };
static const struct query SCHEDULE_BY_NAME = { "jobs_schedule.by_name",
	"SELECT " COLUMNS " FROM jobs_schedule WHERE tenant_id = ? "
	"AND name = ? LIMIT 1", &schedule_row_schema };
static const struct query SCHEDULE_PAGE = { "jobs_schedule.page",
	"SELECT " COLUMNS " FROM jobs_schedule WHERE tenant_id = ? "
	"AND id > COALESCE(?, X'00') ORDER BY id LIMIT ?",
	&schedule_row_schema };
static const struct query FIRE_PAGE = { "jobs_fire.page",
	"SELECT schedule_id, fire_at, tenant_id, job_id, outcome, at "
	"FROM jobs_fire WHERE schedule_id = ? AND tenant_id = ? "
	"AND fire_at < ? ORDER BY fire_at DESC LIMIT ?",
	&fire_row_schema };
static const struct query SCHEDULE_DUE = { "jobs_schedule.due",
	"SELECT " COLUMNS " FROM jobs_schedule WHERE paused = FALSE "
	"AND next_at <= NOW(6) ORDER BY next_at LIMIT ?",
	&schedule_row_schema };
static const struct query SCHEDULE_LOCK_DUE = { "jobs_schedule.lock_due",
	"SELECT " COLUMNS " FROM jobs_schedule WHERE id = ? "
	"AND paused = FALSE AND next_at <= NOW(6) LIMIT 1 "
	"FOR UPDATE SKIP LOCKED", &schedule_row_schema };
static const struct query SCHEDULE_LOCK = { "jobs_schedule.lock",
	"SELECT " COLUMNS " FROM jobs_schedule WHERE id = ? LIMIT 1 "
	"FOR UPDATE", &schedule_row_schema };
static const struct query FIRE_KNOWN = { "jobs_fire.known",
	"SELECT COUNT(*) AS n FROM jobs_fire WHERE schedule_id = ? "
	"AND fire_at = ?", &jobs_count_schema };
static const struct query FIRE_INSERT = { "jobs_fire.insert",
	"INSERT INTO jobs_fire (schedule_id, fire_at, tenant_id, job_id, "
	"outcome, at) VALUES (?, ?, ?, ?, ?, NOW(6))", NULL };
static const struct query SCHEDULE_ADVANCE = { "jobs_schedule.advance",
	"UPDATE jobs_schedule SET next_at = ?, last_at = COALESCE(?, last_at) "
	"WHERE id = ?", NULL };
static const struct query SCHEDULE_FAULT = { "jobs_schedule.fault",
	"UPDATE jobs_schedule SET paused = TRUE, fault = ?, "
	"version = version + 1, updated_at = NOW(6) WHERE id = ?", NULL };

struct first_row {
	struct utc next_at;
};
static const struct field first_fields[] = {
	FIELD(struct first_row, next_at, .flags = FF_NULLABLE,
	    .doc = "Next fire"), FIELD_END
};
static const struct schema first_schema = {
	.name = "ScheduleFirst", .size = sizeof(struct first_row),
	.fields = first_fields
};
static const struct query SCHEDULE_FIRST = { "jobs_schedule.first",
	"SELECT MIN(next_at) AS next_at FROM jobs_schedule "
	"WHERE paused = FALSE", &first_schema };

static const struct field live_fields[] = {
	FIELD(struct schedule_live, id, .doc = "Job"),
	FIELD(struct schedule_live, state, .doc = "State"), FIELD_END
};
static const struct schema live_schema = {
	.name = "ScheduleLive", .size = sizeof(struct schedule_live),
	.fields = live_fields
};
/* A job that outlives a hundred fires is not looked for any more. */
static const struct query SCHEDULE_LIVE = { "jobs_schedule.live",
	"SELECT j.id, j.state FROM (SELECT job_id, tenant_id FROM jobs_fire "
	"WHERE schedule_id = ? AND job_id IS NOT NULL "
	"ORDER BY fire_at DESC LIMIT 100) f JOIN jobs_job j "
	"ON j.tenant_id = f.tenant_id AND j.id = f.job_id "
	"WHERE j.state < 10 LIMIT 100", &live_schema };

const struct query *const schedule_queries[] = {
	&SCHEDULE_INSERT, &SCHEDULE_UPDATE, &SCHEDULE_DELETE, &FIRE_DELETE,
	&SCHEDULE_BY_ID, &SCHEDULE_BY_NAME, &SCHEDULE_PAGE, &FIRE_PAGE,
	&SCHEDULE_DUE, &SCHEDULE_LOCK_DUE, &SCHEDULE_LOCK, &FIRE_KNOWN,
	&FIRE_INSERT, &SCHEDULE_ADVANCE, &SCHEDULE_FAULT, &SCHEDULE_FIRST,
	&SCHEDULE_LIVE, NULL
};

const struct table schedule_tables[] = {
	{ .name = "jobs_schedule", .row = &schedule_row_schema,
	  .tenant_column = "tenant_id", .snapshot = SNAP_FULL },
	{ .name = "jobs_fire", .row = &fire_row_schema,
	  .tenant_column = "tenant_id", .retention_days = 90,
	  .retention_column = "at", .snapshot = SNAP_FULL },
	{ .name = NULL }
};

/* ---- rows ----------------------------------------------------------------- */

static int
duplicate_name(int rc, struct err *e)
{
	if (rc == 0 || e->native != 1062)
		return rc;
	return err_set(e, 409, "duplicate", "There is a schedule with this "
	    "name already");
}

int
schedule_insert(struct db *db, struct schedule_row *r, struct err *e)
{
	return duplicate_name(db_exec(db, &SCHEDULE_INSERT, ARGS(V(r->id),
	    val_id(r->tenant_id), V(r->name), V(r->declared), V(r->spec),
	    V(r->zone), V(r->gap), V(r->fold), V(r->misfire), V(r->window_s),
	    V(r->max_catchup), V(r->overlap), V(r->jitter_ms), V(r->start_at),
	    V(r->end_at), V(r->type), V(r->payload), V(r->queue),
	    V(r->priority), V(r->paused), V(r->fault), V(r->next_at),
	    V(r->last_at), V(r->version), V(r->created_by), V(r->created_at),
	    V(r->updated_at)), NULL, e), e);
}

int
schedule_update(struct db *db, const struct schedule_row *r, struct err *e)
{
	uint64_t n;

	if (duplicate_name(db_exec(db, &SCHEDULE_UPDATE, ARGS(V(r->name),
	    V(r->spec), V(r->zone), V(r->gap), V(r->fold), V(r->misfire),
	    V(r->window_s), V(r->max_catchup), V(r->overlap), V(r->jitter_ms),
	    V(r->start_at), V(r->end_at), V(r->type), V(r->payload),
	    V(r->queue), V(r->priority), V(r->paused), V(r->fault),
	    V(r->next_at), V(r->id), val_id(r->tenant_id), V(r->version)), &n,
	    e), e) == -1)
		return -1;
	return n == 1 ? 0 : err_set(e, 409, "conflict", "The schedule was "
	    "changed meanwhile: read it again");
}

int
schedule_delete(struct db *db, struct uuid tenant, struct uuid id,
    struct err *e)
{
	uint64_t n;

	if (db_exec(db, &SCHEDULE_DELETE, ARGS(V(id), val_id(tenant)), &n,
	    e) == -1)
		return -1;
	if (n == 0)
		return db_found(1, "Schedule", e);
	return db_exec(db, &FIRE_DELETE, ARGS(V(id), val_id(tenant)), NULL,
	    e);
}

int
schedule_by_id(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, struct schedule_row *out, struct err *e)
{
	return db_one(db, a, &SCHEDULE_BY_ID, ARGS(V(id), val_id(tenant)),
	    out, e);
}

int
schedule_by_name(struct db *db, struct arena *a, struct uuid tenant,
    const char *name, struct schedule_row *out, struct err *e)
{
	return db_one(db, a, &SCHEDULE_BY_NAME, ARGS(val_id(tenant),
	    V(name)), out, e);
}

int
schedule_page(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid after, int64_t limit, struct rows *out, struct err *e)
{
	return db_all(db, a, &SCHEDULE_PAGE, ARGS(val_id(tenant), V(after),
	    V(limit)), out, e);
}

int
schedule_fires(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, struct utc before, int64_t limit, struct rows *out,
    struct err *e)
{
	if (before.us == 0)
		before.us = END_OF_TIME_S * US_PER_S;
	return db_all(db, a, &FIRE_PAGE, ARGS(V(id), val_id(tenant),
	    V(before), V(limit)), out, e);
}

int
schedule_due(struct db *db, struct arena *a, int64_t limit, struct rows *out,
    struct err *e)
{
	return db_all(db, a, &SCHEDULE_DUE, ARGS(V(limit)), out, e);
}

int
schedule_lock_due(struct db *db, struct arena *a, struct uuid id,
    struct schedule_row *out, struct err *e)
{
	return db_one(db, a, &SCHEDULE_LOCK_DUE, ARGS(V(id)), out, e);
}

int
schedule_lock(struct db *db, struct arena *a, struct uuid id,
    struct schedule_row *out, struct err *e)
{
	return db_one(db, a, &SCHEDULE_LOCK, ARGS(V(id)), out, e);
}

int
schedule_first_due(struct db *db, struct arena *a, int64_t *next_us,
    struct err *e)
{
	struct first_row r = { { 0 } };
	int rc = db_one(db, a, &SCHEDULE_FIRST, NO_ARGS, &r, e);

	*next_us = r.next_at.us;
	return rc == -1 ? -1 : 0;
}

int
schedule_fire_known(struct db *db, struct arena *a, struct uuid id,
    struct utc at, bool *known, struct err *e)
{
	struct jobs_count c = { 0 };
	int rc = db_one(db, a, &FIRE_KNOWN, ARGS(V(id), V(at)), &c, e);

	*known = c.n > 0;
	return rc == -1 ? -1 : 0;
}

int
schedule_fire_insert(struct db *db, const struct fire_row *f, struct err *e)
{
	return db_exec(db, &FIRE_INSERT, ARGS(V(f->schedule_id),
	    V(f->fire_at), val_id(f->tenant_id), V(f->job_id),
	    V(f->outcome)), NULL, e);
}

int
schedule_advance(struct db *db, struct uuid id, struct utc next,
    struct utc last, struct err *e)
{
	return db_exec(db, &SCHEDULE_ADVANCE, ARGS(V(next), V(last), V(id)),
	    NULL, e);
}

int
schedule_fault(struct db *db, struct uuid id, const char *why, struct err *e)
{
	return db_exec(db, &SCHEDULE_FAULT, ARGS(V(why), V(id)), NULL, e);
}

int
schedule_live(struct db *db, struct arena *a, struct uuid id,
    struct rows *out, struct err *e)
{
	return db_all(db, a, &SCHEDULE_LIVE, ARGS(V(id)), out, e);
}
