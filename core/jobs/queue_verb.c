/*
 * What people do to jobs and queues: look, cancel, run again, discard, pause.
 * Everything asks the tenant. Cancel never touches the ready table: the
 * claimer drops rows whose job is no longer queued.
 */
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "jobs/inner.h"
#include "proc/bell.h"

enum { REPLAYS_MAX = 3 };

static const struct query JOB_BY_ID = { "jobs_job.by_id",
	"SELECT " JOB_COLUMNS " FROM jobs_job WHERE id = ? AND tenant_id = ? "
	"LIMIT 1", &job_row_schema };
static const struct query JOB_LOCK = { "jobs_job.lock",
	"SELECT " JOB_COLUMNS " FROM jobs_job WHERE id = ? AND tenant_id = ? "
	"LIMIT 1 FOR UPDATE", &job_row_schema };
static const struct query JOB_CANCEL = { "jobs_job.cancel",
	"UPDATE jobs_job SET state = 12, finished_at = NOW(6), "
	"version = version + 1 WHERE id = ?", NULL };
static const struct query JOB_STOP = { "jobs_job.stop",
	"UPDATE jobs_job SET cancel = TRUE WHERE id = ?", NULL };
static const struct query JOB_AGAIN = { "jobs_job.again",
	"UPDATE jobs_job SET state = ?, attempt = 0, crashes = 0, lost = 0, "
	"progress = 0, note = '', cancel = FALSE, result = NULL, "
	"error_class = '', error = '', finished_at = " JOBS_NO_TIME ", "
	"expires_at = NULL, run_at = ?, replays = replays + 1, version = version + 1 "
	"WHERE id = ?", NULL };
static const struct query DEAD_DELETE = { "jobs_dead.delete",
	"DELETE FROM jobs_dead WHERE tenant_id = ? AND job_id = ?", NULL };
static const struct query UNIQUE_DROP = { "jobs_unique.drop",
	"DELETE FROM jobs_unique WHERE tenant_id = ? AND unique_key = ? "
	"AND job_id = ?", NULL };
static const struct query UNIQUE_TAKE = { "jobs_unique.take",
	"INSERT INTO jobs_unique (tenant_id, unique_key, job_id) "
	"VALUES (?, ?, ?)", NULL };
static const struct query CANCELLED = { "jobs_job.cancelled",
	"SELECT " JOB_COLUMNS " FROM jobs_job WHERE id IN " JOBS_IN16
	" AND state = 5 AND cancel = TRUE LIMIT 16", &job_row_schema };

#define ATTEMPT_COLUMNS "token, n, worker, started_at, ended_at, outcome, " \
	"error_class, error, crumbs"
static const struct query ATTEMPTS = { "jobs_attempt.all",
	"SELECT " ATTEMPT_COLUMNS " FROM jobs_attempt WHERE tenant_id = ? "
	"AND job_id = ? ORDER BY token LIMIT 200", &jobs_attempt_schema };
static const struct query NEEDS = { "jobs_need.all",
	"SELECT n.needs_id AS id, n.rule, n.open, COALESCE(j.state, 0) AS "
	"state FROM jobs_need n LEFT JOIN jobs_job j ON j.id = n.needs_id "
	"WHERE n.tenant_id = ? AND n.job_id = ? ORDER BY n.needs_id "
	"LIMIT 1000", &jobs_need_schema };
static const struct query DEPTHS = { "jobs_ready.depths",
	"SELECT r.queue_id, r.lane, COUNT(*) AS ready, q.name AS queue, "
	"q.external, q.paused, MIN(r.ready_at) AS oldest FROM jobs_ready r "
	"JOIN jobs_queue q ON q.id = r.queue_id WHERE (? IS NULL "
	"OR r.tenant_id = ?) GROUP BY r.queue_id, r.lane, q.name, q.external, "
	"q.paused ORDER BY r.queue_id, r.lane LIMIT 1000",
	&jobs_depth_schema };

#define QUEUE_COLUMNS "id, tenant_id, name, external, paused, " \
	"COALESCE(rate_n, 0) AS rate_n, COALESCE(rate_s, 0) AS rate_s, " \
	"COALESCE(max_running, 0) AS max_running"
static const struct query QUEUE_GET = { "jobs_queue.get",
	"SELECT " QUEUE_COLUMNS " FROM jobs_queue WHERE tenant_id = ? "
	"AND name = ? AND external = ? LIMIT 1", &jobs_queue_schema };
static const struct query QUEUE_ALL = { "jobs_queue.all",
	"SELECT " QUEUE_COLUMNS " FROM jobs_queue WHERE tenant_id IN (?, "
	"X'00000000000000000000000000000000') ORDER BY external, name "
	"LIMIT 1000", &jobs_queue_schema };
static const struct query QUEUE_MAKE = { "jobs_queue.make",
	"INSERT INTO jobs_queue (tenant_id, name, external, created_at, "
	"updated_at) VALUES (?, ?, ?, NOW(6), NOW(6)) "
	"ON DUPLICATE KEY UPDATE updated_at = updated_at", NULL };
static const struct query QUEUE_SET = { "jobs_queue.set",
	"UPDATE jobs_queue SET paused = ?, rate_n = NULLIF(?, 0), "
	"rate_s = NULLIF(?, 0), max_running = NULLIF(?, 0), "
	"updated_at = NOW(6) WHERE id = ?", NULL };

const struct query *const jobs_verb_queries[] = {
	&JOB_BY_ID, &JOB_LOCK, &JOB_CANCEL, &JOB_STOP,
	&JOB_AGAIN, &DEAD_DELETE, &UNIQUE_DROP, &UNIQUE_TAKE, &CANCELLED,
	&ATTEMPTS, &NEEDS, &DEPTHS, &QUEUE_GET, &QUEUE_ALL, &QUEUE_MAKE,
	&QUEUE_SET, NULL
};

/* ---- rows for people -------------------------------------------------------------- */

#define T(m, ...) FIELD(struct jobs_attempt, m, __VA_ARGS__)
static const struct field attempt_fields[] = {
	T(token, .flags = FF_HIDDEN, .doc = "Token of the start"),
	T(n, .doc = "Which start"), T(worker, .doc = "Where it ran"),
	T(started_at, .flags = FF_NULLABLE, .doc = "Start"),
	T(ended_at, .doc = "End"), T(outcome, .doc = "How it ended"),
	T(error_class, .doc = "Class of the error"),
	T(error, .doc = "What went wrong"),
	T(crumbs, .doc = "The last things it did"), FIELD_END
};
const struct schema jobs_attempt_schema = {
	.name = "JobAttempt", .doc = "One start of a job",
	.size = sizeof(struct jobs_attempt), .fields = attempt_fields
};

static const struct field need_fields[] = {
	FIELD(struct jobs_need_row, id, .doc = "Job that is needed"),
	FIELD(struct jobs_need_row, rule, .doc = "0 success, 1 end, "
	    "2 failure"),
	FIELD(struct jobs_need_row, open, .doc = "Still waited for"),
	FIELD(struct jobs_need_row, state, .doc = "Its state"), FIELD_END
};
const struct schema jobs_need_schema = {
	.name = "JobNeedRow", .doc = "What a job waits for",
	.size = sizeof(struct jobs_need_row), .fields = need_fields
};

static const struct field depth_fields[] = {
	FIELD(struct jobs_depth, queue_id, .flags = FF_HIDDEN,
	    .doc = "Queue"),
	FIELD(struct jobs_depth, lane, .doc = "Priority, 0 is best"),
	FIELD(struct jobs_depth, ready, .doc = "Jobs that are ready"),
	FIELD(struct jobs_depth, queue, .doc = "Queue"),
	FIELD(struct jobs_depth, external, .doc = "Pulled over HTTP"),
	FIELD(struct jobs_depth, paused, .doc = "Nothing is claimed"),
	FIELD(struct jobs_depth, oldest, .flags = FF_NULLABLE,
	    .doc = "The longest waiting one is ready since"), FIELD_END
};
const struct schema jobs_depth_schema = {
	.name = "JobsDepth", .doc = "What waits in a lane",
	.size = sizeof(struct jobs_depth), .fields = depth_fields
};

static const struct field queue_fields[] = {
	FIELD(struct jobs_queue_row, id, .flags = FF_READONLY,
	    .doc = "Identifier"),
	FIELD(struct jobs_queue_row, tenant_id, .flags = FF_HIDDEN,
	    .doc = "Whose"),
	FIELD(struct jobs_queue_row, name, .doc = "Name"),
	FIELD(struct jobs_queue_row, external, .doc = "Pulled over HTTP"),
	FIELD(struct jobs_queue_row, paused, .doc = "Nothing is claimed"),
	FIELD(struct jobs_queue_row, rate_n, .doc = "Starts …"),
	FIELD(struct jobs_queue_row, rate_s, .doc = "… per so many seconds; "
	    "0 = no limit"),
	FIELD(struct jobs_queue_row, max_running, .doc = "At once over all "
	    "hosts; 0 = no limit"), FIELD_END
};
const struct schema jobs_queue_schema = {
	.name = "JobQueue", .doc = "A queue",
	.size = sizeof(struct jobs_queue_row), .fields = queue_fields
};

/* ---- looking ------------------------------------------------------------------------ */

int
jobs_by_id(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, struct job_row *out, struct err *e)
{
	return db_one(db, a, &JOB_BY_ID, ARGS(V(id), val_id(tenant)), out, e);
}

int
jobs_attempts(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, struct rows *out, struct err *e)
{
	return db_all(db, a, &ATTEMPTS, ARGS(val_id(tenant), V(id)), out, e);
}

int
jobs_needs(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, struct rows *out, struct err *e)
{
	return db_all(db, a, &NEEDS, ARGS(val_id(tenant), V(id)), out, e);
}

int
jobs_depths(struct db *db, struct arena *a, struct uuid tenant,
    struct rows *out, struct err *e)
{
	return db_all(db, a, &DEPTHS, ARGS(V(tenant), V(tenant)), out, e);
}

int
jobs_cancelled(struct db *db, struct arena *a, const struct uuid *ids,
    size_t n, struct rows *out, struct err *e)
{
	struct val one[JOBS_BATCH], v[JOBS_BATCH];

	ASSERT(n > 0 && n <= JOBS_BATCH);
	for (size_t i = 0; i < n; i++)
		one[i] = V(ids[i]);
	jobs_pad(v, one, n);
	return db_all(db, a, &CANCELLED, v, JOBS_BATCH, out, e);
}

/* ---- verbs ---------------------------------------------------------------------------- */

static void
ring_stop(void *arg)
{
	(void)arg;
	bell_ring("dispatch", "stop");
}

static int
tell(struct db *db, struct arena *a, enum jobs_event which,
    struct job_row *j, struct err *e)
{
	struct event_pack *p = event_pack_new(a);

	j->version++;
	jobs_event_add(p, which, j, NULL);
	return event_pack_publish(db, p, e);
}

/* Ends a job that does not run: its keys are free, its dependants go on. */
static int
end_now(struct db *db, struct arena *a, struct job_row *j, struct err *e)
{
	struct event_pack *p = event_pack_new(a);

	j->state = JS_CANCELLED;
	if (db_exec(db, &JOB_CANCEL, ARGS(V(j->id)), NULL, e) == -1)
		return -1;
	if (j->unique_key.n > 0 && db_exec(db, &UNIQUE_DROP, ARGS(val_id(
	    j->tenant_id), V(j->unique_key), V(j->id)), NULL, e) == -1)
		return -1;
	if (j->needed && jobs_dependants(db, a, p, j, e) == -1)
		return -1;
	if (event_pack_publish(db, p, e) == -1)
		return -1;
	return tell(db, a, JE_CANCELLED, j, e);
}

int
jobs_cancel(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, struct job_row *now, struct err *e)
{
	ASSERT(db_in_txn(db));
	if (db_found(db_one(db, a, &JOB_LOCK, ARGS(V(id), val_id(tenant)),
	    now, e), "Job", e) == -1)
		return -1;
	if (now->state >= JS_SUCCEEDED)
		return err_set(e, 409, "ended", "The job has ended already "
		    "(%s)", job_state_name(now->state));
	if (now->state != JS_RUNNING)
		return end_now(db, a, now, e);
	now->cancel = true;
	if (db_exec(db, &JOB_STOP, ARGS(V(id)), NULL, e) == -1)
		return -1;
	db_on_commit(db, ring_stop, NULL);
	return 0;
}

int
jobs_retry(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, struct utc at, struct job_row *now, struct err *e)
{
	ASSERT(db_in_txn(db));
	if (db_found(db_one(db, a, &JOB_LOCK, ARGS(V(id), val_id(tenant)),
	    now, e), "Job", e) == -1)
		return -1;
	if (now->state < JS_SUCCEEDED || now->state == JS_SUCCEEDED)
		return err_set(e, 409, "not_ended", "Only a job that ended "
		    "without success can run again (it is %s)",
		    job_state_name(now->state));
	if (now->replays >= REPLAYS_MAX)
		return err_set(e, 409, "replays", "It ran again %d times "
		    "already", REPLAYS_MAX);
	if (now->unique_key.n > 0 && db_exec(db, &UNIQUE_TAKE, ARGS(val_id(
	    tenant), V(now->unique_key), V(id)), NULL, e) == -1)
		return e->native == 1062 ? err_set(e, 409, "unique",
		    "Another live job has its unique key") : -1;
	now->attempt = now->crashes = now->lost = 0;
	now->run_at = at;
	if (jobs_put_back(db, a, now, e) == -1 ||
	    db_exec(db, &JOB_AGAIN, ARGS(V(now->state), V(now->run_at),
	    V(id)), NULL, e) == -1 ||
	    db_exec(db, &DEAD_DELETE, ARGS(val_id(tenant), V(id)), NULL,
	    e) == -1)
		return -1;
	now->error_class = now->error = now->note = "";
	now->replays++;
	return tell(db, a, JE_QUEUED, now, e);
}

int
jobs_discard(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, struct err *e)
{
	uint64_t hit;

	(void)a;
	if (db_exec(db, &DEAD_DELETE, ARGS(val_id(tenant), V(id)), &hit,
	    e) == -1)
		return -1;
	return db_found(hit == 0, "Dead letter", e);
}

/* ---- queues ------------------------------------------------------------------------------ */

int
jobs_queue_get(struct db *db, struct arena *a, struct uuid tenant,
    const char *name, bool external, bool create,
    struct jobs_queue_row *out, struct err *e)
{
	int rc = db_one(db, a, &QUEUE_GET, ARGS(val_id(tenant), V(name),
	    V(external)), out, e);

	if (rc != 1 || !create)
		return rc;
	if (db_exec(db, &QUEUE_MAKE, ARGS(val_id(tenant), V(name),
	    V(external)), NULL, e) == -1)
		return -1;
	return db_one(db, a, &QUEUE_GET, ARGS(val_id(tenant), V(name),
	    V(external)), out, e);
}

int
jobs_queue_all(struct db *db, struct arena *a, struct uuid tenant,
    struct rows *out, struct err *e)
{
	return db_all(db, a, &QUEUE_ALL, ARGS(val_id(tenant)), out, e);
}

int
jobs_queue_set(struct db *db, const struct jobs_queue_row *q, struct err *e)
{
	return db_exec(db, &QUEUE_SET, ARGS(V(q->paused), V(q->rate_n),
	    V(q->rate_s), V(q->max_running), V(q->id)), NULL, e);
}
