/*
 * Delayed jobs whose time has come: a step that any process may run. A delayed
 * row is a hint; the job's own run_at decides, so a row of before a cancel and
 * a retry starts nothing. Never waits for a job that somebody has locked.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/vec.h"
#include "jobs/inner.h"

enum { PROMOTE = 100 };

struct delayed {
	struct utc run_at;
	struct uuid tenant_id, job_id;
};
static const struct field delayed_fields[] = {
	FIELD(struct delayed, run_at, .doc = "When"),
	FIELD(struct delayed, tenant_id, .doc = "Whose"),
	FIELD(struct delayed, job_id, .doc = "Job"), FIELD_END
};
static const struct schema delayed_schema = {
	.name = "JobsDelayed", .size = sizeof(struct delayed),
	.fields = delayed_fields
};
struct next_row {
	struct utc at;
	int64_t in_us;
};
static const struct field next_fields[] = {
	FIELD(struct next_row, at, .flags = FF_NULLABLE, .doc = "When"),
	FIELD(struct next_row, in_us, .doc = "From now"), FIELD_END
};
static const struct schema next_schema = {
	.name = "JobsNext", .size = sizeof(struct next_row),
	.fields = next_fields
};

static const struct query DELAYED_DUE = { "jobs_delayed.due",
	"SELECT run_at, tenant_id, job_id FROM jobs_delayed "
	"FORCE INDEX (PRIMARY) WHERE run_at <= NOW(6) ORDER BY run_at "
	"LIMIT ? FOR UPDATE SKIP LOCKED", &delayed_schema };
static const struct query DELAYED_DELETE = { "jobs_delayed.delete",
	"DELETE FROM jobs_delayed WHERE run_at = ? AND tenant_id = ? "
	"AND job_id = ?", NULL };
static const struct query DELAYED_NEXT = { "jobs_delayed.next",
	"SELECT MIN(run_at) AS at, COALESCE(TIMESTAMPDIFF(MICROSECOND, "
	"NOW(6), MIN(run_at)), 0) AS in_us FROM jobs_delayed", &next_schema };
static const struct query JOB_DUE = { "jobs_job.due",
	"SELECT " JOB_COLUMNS " FROM jobs_job WHERE id = ? AND tenant_id = ? "
	"AND state IN (2, 6) LIMIT 1 FOR UPDATE SKIP LOCKED",
	&job_row_schema };
static const struct query JOB_DELAYED = { "jobs_job.still_delayed",
	"SELECT COUNT(*) AS n FROM jobs_job WHERE id = ? "
	"AND state IN (2, 6)", &jobs_count_schema };
static const struct query JOB_QUEUED = { "jobs_job.queued",
	"UPDATE jobs_job SET state = 3, run_at = NULL, version = version + 1 "
	"WHERE id = ?", NULL };

const struct query *const jobs_upkeep_queries[] = {
	&DELAYED_DUE, &DELAYED_DELETE, &DELAYED_NEXT, &JOB_DUE, &JOB_DELAYED,
	&JOB_QUEUED, NULL
};

/* ---- delayed jobs ------------------------------------------------------------------ */

struct promote {
	struct arena *a;
	struct event_pack *pack;
	size_t n, seen;
};

static int
promote_one(struct promote *p, struct db *db, const struct delayed *d,
    struct err *e)
{
	struct jobs_count locked = { 0 };
	struct job_row j;
	int rc = db_one(db, p->a, &JOB_DUE, ARGS(V(d->job_id), val_id(
	    d->tenant_id)), &j, e);

	if (rc == -1 || (rc == 1 && db_one(db, p->a, &JOB_DELAYED,
	    ARGS(V(d->job_id)), &locked, e) == -1))
		return -1;
	if (locked.n > 0)
		return 0;
	if (db_exec(db, &DELAYED_DELETE, ARGS(V(d->run_at), val_id(
	    d->tenant_id), V(d->job_id)), NULL, e) == -1)
		return -1;
	if (rc == 1 || j.run_at.us != d->run_at.us)	/* cancelled, put off */
		return 0;
	j.run_at.us = 0;
	if (jobs_put_back(db, p->a, &j, e) == -1 ||
	    db_exec(db, &JOB_QUEUED, ARGS(V(j.id)), NULL, e) == -1)
		return -1;
	p->n++;
	j.version++;
	jobs_event_add(p->pack, JE_QUEUED, &j, NULL);
	return 0;
}

static int
promote(struct db *db, void *arg, struct err *e)
{
	struct promote *p = arg;
	struct rows rows;

	p->n = 0;
	p->pack = event_pack_new(p->a);
	if (db_all(db, p->a, &DELAYED_DUE, ARGS(V(PROMOTE)), &rows, e) == -1)
		return -1;
	p->seen = rows.n;
	for (size_t i = 0; i < rows.n; i++)
		if (promote_one(p, db, ROW(&rows, struct delayed, i),
		    e) == -1)
			return -1;
	return event_pack_publish(db, p->pack, e);
}

int
jobs_promote(struct db *db, struct arena *a, size_t *n, int64_t *next_us,
    struct err *e)
{
	struct promote p = { .a = a };
	struct next_row next;

	*next_us = 0;
	if (jobs_cascade(db, a, n, e) == -1)
		return -1;
	do {
		if (db_txn(db, a, promote, &p, e) == -1)
			return -1;
		*n += p.n;
	} while (p.seen == PROMOTE && p.n > 0);
	if (db_one(db, a, &DELAYED_NEXT, NO_ARGS, &next, e) == -1)
		return -1;
	if (next.at.us != 0)
		*next_us = clock_now().us + (next.in_us > 0 ? next.in_us : 0);
	return 0;
}
