/*
 * Moving jobs between the small tables: into the ready table again, and out
 * of the parking of a concurrency key. Refuses nothing; rows whose job is no
 * longer in the state that put them there are dropped (a cancelled job's). A
 * job that somebody else has locked is left, never waited for.
 */
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/vec.h"
#include "jobs/inner.h"

/* Parked rows looked at at once, and how often. */
enum { POP = 50, ROUNDS = 20 };

static const struct field name_fields[] = {
	FIELD(struct jobs_queue_name, id, .doc = "Queue"),
	FIELD(struct jobs_queue_name, tenant_id, .doc = "Whose"),
	FIELD(struct jobs_queue_name, name, .doc = "Name"),
	FIELD(struct jobs_queue_name, external, .doc = "Pulled over HTTP"),
	FIELD_END
};
const struct schema jobs_queue_name_schema = {
	.name = "JobsQueueName", .size = sizeof(struct jobs_queue_name),
	.fields = name_fields
};

static const struct query QUEUE_OF = { "jobs_queue.of",
	"SELECT id, tenant_id, name, external FROM jobs_queue WHERE id = ? "
	"LIMIT 1", &jobs_queue_name_schema };

struct limit {
	int64_t max_running, running;
};
static const struct field limit_fields[] = {
	FIELD(struct limit, max_running, .doc = "At once"),
	FIELD(struct limit, running, .doc = "Now"), FIELD_END
};
static const struct schema limit_schema = {
	.name = "JobsLimitRow", .size = sizeof(struct limit),
	.fields = limit_fields
};
/* Locked before it is looked at: at READ COMMITTED an UPDATE that matches
 * nothing leaves no lock, and the finisher would miss who parks just now. */
static const struct query LIMIT_LOCK = { "jobs_limit.lock_wait",
	"SELECT max_running, running FROM jobs_limit WHERE tenant_id = ? "
	"AND limit_key = ? LIMIT 1 FOR UPDATE", &limit_schema };
static const struct query LIMIT_SET = { "jobs_limit.set",
	"UPDATE jobs_limit SET running = ? WHERE tenant_id = ? "
	"AND limit_key = ?", NULL };

struct parked {
	int64_t lane, tag, queue_id;
	struct uuid job_id;
};
static const struct field parked_fields[] = {
	FIELD(struct parked, lane, .doc = "Lane"),
	FIELD(struct parked, tag, .doc = "Place"),
	FIELD(struct parked, queue_id, .doc = "Queue"),
	FIELD(struct parked, job_id, .doc = "Job"), FIELD_END
};
static const struct schema parked_schema = {
	.name = "JobsParked", .size = sizeof(struct parked),
	.fields = parked_fields
};
static const struct query PARKED_FIRST = { "jobs_parked.first",
	"SELECT lane, tag, queue_id, job_id FROM jobs_parked "
	"WHERE tenant_id = ? AND limit_key = ? ORDER BY lane, tag, job_id "
	"LIMIT ?", &parked_schema };
static const struct query PARKED_DELETE = { "jobs_parked.delete",
	"DELETE FROM jobs_parked WHERE tenant_id = ? AND limit_key = ? "
	"AND lane = ? AND tag = ? AND job_id = ?", NULL };
static const struct query PARKED_LOCK = { "jobs_job.parked_lock",
	"SELECT state AS n FROM jobs_job WHERE id = ? AND state = 4 LIMIT 1 "
	"FOR UPDATE SKIP LOCKED", &jobs_count_schema };
static const struct query PARKED_SEEN = { "jobs_job.parked_seen",
	"SELECT COUNT(*) AS n FROM jobs_job WHERE id = ? AND state = 4",
	&jobs_count_schema };
static const struct query JOB_UNPARK = { "jobs_job.unpark",
	"UPDATE jobs_job SET state = 3 WHERE id = ?", NULL };

static const struct query LIMIT_MAKE = { "jobs_limit.make",
	"INSERT INTO jobs_limit (tenant_id, limit_key, name, max_running) "
	"SELECT ?, ?, '', 1 FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM "
	"jobs_limit WHERE tenant_id = ? AND limit_key = ?)", NULL };

const struct query *const jobs_move_queries[] = {
	&QUEUE_OF, &LIMIT_LOCK, &LIMIT_SET, &LIMIT_MAKE, &PARKED_FIRST, &PARKED_DELETE,
	&PARKED_LOCK, &PARKED_SEEN, &JOB_UNPARK, NULL
};

int
jobs_queue_of(struct db *db, struct arena *a, int64_t id,
    struct jobs_queue_name *out, struct err *e)
{
	return db_found(db_one(db, a, &QUEUE_OF, ARGS(V(id)), out, e),
	    "Queue", e);
}

/* ---- concurrency keys ----------------------------------------------------------- */

/* 1 ready again, 0 not: cancelled while it was parked, or locked by somebody
 * (then it stays). */
static int
unpark(struct db *db, struct arena *a, struct uuid tenant, struct blob key,
    const struct parked *p, struct err *e)
{
	struct jobs_place place = { .tenant = tenant, .id = p->job_id,
	    .queue_id = p->queue_id, .lane = (int)p->lane, .limit_key = key };
	struct jobs_count parked, seen = { 0 };
	int none = db_one(db, a, &PARKED_LOCK, ARGS(V(p->job_id)), &parked, e);

	if (none == -1 || (none == 1 && db_one(db, a, &PARKED_SEEN,
	    ARGS(V(p->job_id)), &seen, e) == -1))
		return -1;
	if (seen.n > 0)
		return 0;
	if (db_exec(db, &PARKED_DELETE, ARGS(val_id(tenant), V(key),
	    V(p->lane), V(p->tag), V(p->job_id)), NULL, e) == -1)
		return -1;
	if (none == 1)
		return 0;
	if (db_exec(db, &JOB_UNPARK, ARGS(V(p->job_id)), NULL, e) == -1 ||
	    jobs_queue_of(db, a, p->queue_id, &place.queue, e) == -1 ||
	    jobs_ready_again(db, &place, p->tag, e) == -1)
		return -1;
	return 1;
}

/* So many parked jobs of the key become ready, best first. */
static int
pop_parked(struct db *db, struct arena *a, struct uuid tenant,
    struct blob key, int64_t room, struct err *e)
{
	struct rows rows;
	int rc, rounds = 0;

	do {
		if (db_all(db, a, &PARKED_FIRST, ARGS(val_id(tenant), V(key),
		    V(POP)), &rows, e) == -1)
			return -1;
		for (size_t i = 0; i < rows.n && room > 0; i++) {
			rc = unpark(db, a, tenant, key, ROW(&rows,
			    struct parked, i), e);
			if (rc == -1)
				return -1;
			room -= rc;
		}
	} while (rows.n == POP && room > 0 && ++rounds < ROUNDS);
	return 0;
}

int
jobs_limit_release(struct db *db, struct arena *a, struct uuid tenant,
    struct blob key, struct err *e)
{
	struct limit l;
	int rc = db_one(db, a, &LIMIT_LOCK, ARGS(val_id(tenant), V(key)), &l,
	    e);

	if (rc != 0)
		return rc == 1 ? 0 : -1;
	if (l.running > 0)
		l.running--;
	if (db_exec(db, &LIMIT_SET, ARGS(V(l.running), val_id(tenant),
	    V(key)), NULL, e) == -1)
		return -1;
	return pop_parked(db, a, tenant, key, l.max_running - l.running, e);
}

int
jobs_limit_make(struct db *db, struct uuid tenant, struct blob key,
    struct err *e)
{
	return db_exec(db, &LIMIT_MAKE, ARGS(val_id(tenant), V(key),
	    val_id(tenant), V(key)), NULL, e);
}

int
jobs_put_back(struct db *db, struct arena *a, struct job_row *j,
    struct err *e)
{
	struct jobs_place p = { .tenant = j->tenant_id, .id = j->id,
	    .queue_id = j->queue_id, .lane = (int)j->lane,
	    .limit_key = j->limit_key };

	if (j->run_at.us > clock_now().us) {
		j->state = j->token > 0 ? JS_RETRYING : JS_SCHEDULED;
		return jobs_make_delayed(db, j->tenant_id, j->id, j->run_at,
		    e);
	}
	j->state = JS_QUEUED;
	if (jobs_queue_of(db, a, j->queue_id, &p.queue, e) == -1)
		return -1;
	return jobs_make_ready(db, &p, NULL, e);
}
