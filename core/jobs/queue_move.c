/*
 * Moving jobs between the small tables: into the ready table again, out of
 * the parking of a concurrency key, and on when what they needed has ended.
 * Refuses nothing; rows whose job is no longer in the state that put them
 * there are dropped (a cancelled job's).
 */
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/vec.h"
#include "jobs/inner.h"

enum { STEP = 200, CASCADE_MAX = 10000 };

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
static const struct query JOB_UNPARK = { "jobs_job.unpark",
	"UPDATE jobs_job SET state = 3, version = version + 1 WHERE id = ? "
	"AND state = 4", NULL };

struct edge {
	struct uuid job_id;
	int64_t rule;
};
static const struct field edge_fields[] = {
	FIELD(struct edge, job_id, .doc = "Who waits"),
	FIELD(struct edge, rule, .doc = "For what"), FIELD_END
};
static const struct schema edge_schema = {
	.name = "JobsEdge", .size = sizeof(struct edge),
	.fields = edge_fields
};
static const struct query NEED_OPEN = { "jobs_need.open",
	"SELECT job_id, rule FROM jobs_need WHERE tenant_id = ? "
	"AND needs_id = ? AND open = TRUE ORDER BY job_id LIMIT ? FOR UPDATE",
	&edge_schema };
static const struct query NEED_CLOSE = { "jobs_need.close",
	"UPDATE jobs_need SET open = FALSE WHERE tenant_id = ? "
	"AND job_id = ? AND needs_id = ?", NULL };
static const struct query JOB_LOCK = { "jobs_job.lock_waiting",
	"SELECT " JOB_COLUMNS " FROM jobs_job WHERE id = ? AND tenant_id = ? "
	"AND state = 1 LIMIT 1 FOR UPDATE", &job_row_schema };
static const struct query JOB_WAITS = { "jobs_job.waits",
	"UPDATE jobs_job SET waits = ?, state = ?, finished_at = "
	"IF(? >= 10, NOW(6), " JOBS_NO_TIME "), error_class = ?, error = ?, "
	"version = version + 1 WHERE id = ?", NULL };
static const struct query UNIQUE_DELETE = { "jobs_unique.delete",
	"DELETE FROM jobs_unique WHERE tenant_id = ? AND unique_key = ? "
	"AND job_id = ?", NULL };

const struct query *const jobs_move_queries[] = {
	&QUEUE_OF, &LIMIT_LOCK, &LIMIT_SET, &PARKED_FIRST, &PARKED_DELETE,
	&JOB_UNPARK, &NEED_OPEN, &NEED_CLOSE, &JOB_LOCK, &JOB_WAITS,
	&UNIQUE_DELETE, NULL
};

int
jobs_queue_of(struct db *db, struct arena *a, int64_t id,
    struct jobs_queue_name *out, struct err *e)
{
	return db_found(db_one(db, a, &QUEUE_OF, ARGS(V(id)), out, e),
	    "Queue", e);
}

/* ---- concurrency keys ----------------------------------------------------------- */

static int
unpark(struct db *db, struct arena *a, struct uuid tenant, struct blob key,
    const struct parked *p, struct err *e)
{
	struct jobs_place place = { .tenant = tenant, .id = p->job_id,
	    .queue_id = p->queue_id, .lane = (int)p->lane, .limit_key = key };
	uint64_t hit;

	if (db_exec(db, &PARKED_DELETE, ARGS(val_id(tenant), V(key),
	    V(p->lane), V(p->tag), V(p->job_id)), NULL, e) == -1 ||
	    db_exec(db, &JOB_UNPARK, ARGS(V(p->job_id)), &hit, e) == -1)
		return -1;
	if (hit == 0)		/* cancelled while it was parked */
		return 0;
	if (jobs_queue_of(db, a, p->queue_id, &place.queue, e) == -1 ||
	    jobs_ready_again(db, &place, p->tag, e) == -1)
		return -1;
	return 1;
}

int
jobs_limit_release(struct db *db, struct arena *a, struct uuid tenant,
    struct blob key, struct err *e)
{
	struct limit l;
	struct rows rows;
	int64_t room;
	int rc = db_one(db, a, &LIMIT_LOCK, ARGS(val_id(tenant), V(key)), &l,
	    e);

	if (rc != 0)
		return rc == 1 ? 0 : -1;
	if (l.running > 0 && db_exec(db, &LIMIT_SET, ARGS(V(l.running - 1),
	    val_id(tenant), V(key)), NULL, e) == -1)
		return -1;
	room = l.max_running - (l.running > 0 ? l.running - 1 : 0);
	while (room > 0) {
		if (db_all(db, a, &PARKED_FIRST, ARGS(val_id(tenant), V(key),
		    V(room)), &rows, e) == -1)
			return -1;
		for (size_t i = 0; i < rows.n; i++) {
			rc = unpark(db, a, tenant, key, ROW(&rows,
			    struct parked, i), e);
			if (rc == -1)
				return -1;
			room -= rc;
		}
		if (rows.n == 0)
			break;
	}
	return 0;
}

/* ---- dependants ------------------------------------------------------------------- */

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

struct cascade {
	struct db *db;
	struct arena *a;
	struct event_pack *pack;
	VEC(struct job_row) todo;	/* ended, dependants not looked at */
};

static bool
holds(int64_t state, int64_t rule)
{
	return rule == NEED_END ||
	    (state == JS_SUCCEEDED) == (rule == NEED_SUCCESS);
}

static int
skip(struct cascade *k, struct job_row *j, struct err *e)
{
	j->state = JS_SKIPPED;
	j->error_class = "need";
	j->error = "What it needed has ended otherwise";
	if (j->unique_key.n > 0 && db_exec(k->db, &UNIQUE_DELETE,
	    ARGS(val_id(j->tenant_id), V(j->unique_key), V(j->id)), NULL,
	    e) == -1)
		return -1;
	if (j->needed && k->todo.n < CASCADE_MAX)
		*VEC_ADD(k->a, &k->todo) = *j;
	return 0;
}

/* One edge: the job behind it has one thing less to wait for. */
static int
one_edge(struct cascade *k, const struct job_row *ended,
    const struct edge *x, struct err *e)
{
	struct job_row j;
	int rc;

	if (db_exec(k->db, &NEED_CLOSE, ARGS(val_id(ended->tenant_id),
	    V(x->job_id), V(ended->id)), NULL, e) == -1)
		return -1;
	rc = db_one(k->db, k->a, &JOB_LOCK, ARGS(V(x->job_id), val_id(
	    ended->tenant_id)), &j, e);
	if (rc != 0)		/* it does not wait any more */
		return rc == 1 ? 0 : -1;
	j.waits = j.waits > 0 ? j.waits - 1 : 0;
	if (!holds(ended->state, x->rule))
		rc = skip(k, &j, e);
	else if (j.waits == 0)
		rc = jobs_put_back(k->db, k->a, &j, e);
	if (rc == -1 || db_exec(k->db, &JOB_WAITS, ARGS(V(j.waits),
	    V(j.state), V(j.state), V(j.error_class), V(j.error), V(j.id)),
	    NULL, e) == -1)
		return -1;
	j.version++;
	if (j.state == JS_SKIPPED)
		jobs_event_add(k->pack, JE_SKIPPED, &j, NULL);
	else if (j.state != JS_WAITING)
		jobs_event_add(k->pack, JE_QUEUED, &j, NULL);
	return 0;
}

int
jobs_dependants(struct db *db, struct arena *a, struct event_pack *pack,
    const struct job_row *ended, struct err *e)
{
	struct cascade k = { .db = db, .a = a, .pack = pack };
	struct rows rows;

	ASSERT(db_in_txn(db));
	*VEC_ADD(a, &k.todo) = *ended;
	for (size_t i = 0; i < k.todo.n; ) {
		struct job_row x = k.todo.v[i];

		if (db_all(db, a, &NEED_OPEN, ARGS(val_id(x.tenant_id),
		    V(x.id), V(STEP)), &rows, e) == -1)
			return -1;
		for (size_t j = 0; j < rows.n; j++)
			if (one_edge(&k, &x, ROW(&rows, struct edge, j),
			    e) == -1)
				return -1;
		if (rows.n < STEP)
			i++;
	}
	return 0;
}
