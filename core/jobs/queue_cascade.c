/*
 * Dependencies: when a job has ended, those that need it go on or are skipped
 * with all that need them. One transaction moves a bounded number; what is
 * left, and what somebody else has locked, is noted in jobs_cascade and moved
 * by any process that does upkeep. Invariant: an edge is open as long as its
 * job counts it.
 */
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/random.h"
#include "base/vec.h"
#include "jobs/inner.h"

enum {
	EDGES = 300,			/* moved by one transaction */
	STEPS = 50			/* transactions of one step */
};

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
/* The ended job's row is locked, or its cascade row: nobody adds or closes
 * edges to it. */
static const struct query NEED_OPEN = { "jobs_need.open",
	"SELECT job_id, rule FROM jobs_need FORCE INDEX (needs) "
	"WHERE tenant_id = ? AND needs_id = ? AND job_id > ? "
	"AND open = TRUE ORDER BY job_id LIMIT ?", &edge_schema };
static const struct query NEED_CLOSE = { "jobs_need.close",
	"UPDATE jobs_need SET open = FALSE WHERE tenant_id = ? "
	"AND job_id = ? AND needs_id = ?", NULL };
static const struct query JOB_LOCK = { "jobs_job.lock_waiting",
	"SELECT " JOB_COLUMNS " FROM jobs_job WHERE id = ? AND tenant_id = ? "
	"AND state = 1 LIMIT 1 FOR UPDATE SKIP LOCKED", &job_row_schema };
static const struct query JOB_WAITING = { "jobs_job.still_waiting",
	"SELECT COUNT(*) AS n FROM jobs_job WHERE id = ? AND state = 1",
	&jobs_count_schema };
static const struct query JOB_WAITS = { "jobs_job.waits",
	"UPDATE jobs_job SET waits = ?, state = ?, finished_at = "
	"IF(? >= 10, NOW(6), " JOBS_NO_TIME "), error_class = ?, error = ?, "
	"version = ? WHERE id = ?", NULL };
static const struct query UNIQUE_DELETE = { "jobs_unique.delete",
	"DELETE FROM jobs_unique WHERE tenant_id = ? AND unique_key = ? "
	"AND job_id = ?", NULL };

struct ended_row {
	struct utc at;
	struct uuid job_id, tenant_id;
	int64_t state;
};
static const struct field ended_fields[] = {
	FIELD(struct ended_row, at, .doc = "Since"),
	FIELD(struct ended_row, job_id, .doc = "Ended job"),
	FIELD(struct ended_row, tenant_id, .doc = "Whose"),
	FIELD(struct ended_row, state, .doc = "How it ended"), FIELD_END
};
static const struct schema ended_schema = {
	.name = "JobsEnded", .size = sizeof(struct ended_row),
	.fields = ended_fields
};
static const struct query CASCADE_ADD = { "jobs_cascade.insert",
	"INSERT INTO jobs_cascade (at, job_id, tenant_id, state) "
	"VALUES (NOW(6), ?, ?, ?) ON DUPLICATE KEY UPDATE state = "
	"VALUES(state)", NULL };
static const struct query CASCADE_NEXT = { "jobs_cascade.next",
	"SELECT at, job_id, tenant_id, state FROM jobs_cascade "
	"FORCE INDEX (PRIMARY) ORDER BY at, job_id LIMIT 1 "
	"FOR UPDATE SKIP LOCKED", &ended_schema };
static const struct query CASCADE_DELETE = { "jobs_cascade.delete",
	"DELETE FROM jobs_cascade WHERE at = ? AND job_id = ?", NULL };

const struct query *const jobs_cascade_queries[] = {
	&NEED_OPEN, &NEED_CLOSE, &JOB_LOCK, &JOB_WAITING, &JOB_WAITS,
	&UNIQUE_DELETE, &CASCADE_ADD, &CASCADE_NEXT, &CASCADE_DELETE, NULL
};

struct cascade {
	struct db *db;
	struct arena *a;
	struct event_pack *pack;
	VEC(struct job_row) todo;	/* ended, dependants not looked at */
	size_t left;			/* edges that may still be moved */
	size_t moved;
	bool busy;			/* one of this job's was locked */
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
	if (j->needed)
		*VEC_ADD(k->a, &k->todo) = *j;
	return 0;
}

/* The job behind an edge has one thing less to wait for. */
static int
one_less(struct cascade *k, const struct job_row *ended, struct job_row *j,
    int64_t rule, struct err *e)
{
	int rc = 0;

	j->waits = j->waits > 0 ? j->waits - 1 : 0;
	if (!holds(ended->state, rule))
		rc = skip(k, j, e);
	else if (j->waits == 0)
		rc = jobs_put_back(k->db, k->a, j, e);
	j->version += j->state != JS_WAITING;
	if (rc == -1 || db_exec(k->db, &JOB_WAITS, ARGS(V(j->waits),
	    V(j->state), V(j->state), V(j->error_class), V(j->error),
	    V(j->version), V(j->id)), NULL, e) == -1)
		return -1;
	if (j->state == JS_SKIPPED)
		jobs_event_add(k->pack, JE_SKIPPED, j, NULL);
	else if (j->state != JS_WAITING)
		jobs_event_add(k->pack, JE_QUEUED, j, NULL);
	return 0;
}

static int
one_edge(struct cascade *k, const struct job_row *ended,
    const struct edge *x, struct err *e)
{
	struct jobs_count waiting = { 0 };
	struct job_row j;
	int rc = db_one(k->db, k->a, &JOB_LOCK, ARGS(V(x->job_id), val_id(
	    ended->tenant_id)), &j, e);

	if (rc == -1 || (rc == 1 && db_one(k->db, k->a, &JOB_WAITING,
	    ARGS(V(x->job_id)), &waiting, e) == -1))
		return -1;
	if (waiting.n > 0) {		/* locked by somebody */
		k->busy = true;
		return 0;
	}
	k->left--;
	k->moved++;
	if (db_exec(k->db, &NEED_CLOSE, ARGS(val_id(ended->tenant_id),
	    V(x->job_id), V(ended->id)), NULL, e) == -1)
		return -1;
	return rc == 1 ? 0 : one_less(k, ended, &j, x->rule, e);
}

/* 0 all of them, 1 something is left. */
static int
all_edges(struct cascade *k, const struct job_row *ended, struct err *e)
{
	struct uuid last = { { 0 } };
	struct rows rows;

	k->busy = false;
	while (k->left > 0) {
		size_t ask = k->left;

		if (db_all(k->db, k->a, &NEED_OPEN, ARGS(val_id(
		    ended->tenant_id), V(ended->id), val_id(last),
		    V((int64_t)ask)), &rows, e) == -1)
			return -1;
		for (size_t i = 0; i < rows.n; i++) {
			const struct edge *x = ROW(&rows, struct edge, i);

			if (one_edge(k, ended, x, e) == -1)
				return -1;
			last = x->job_id;
		}
		if (rows.n < ask)
			return k->busy;
	}
	return 1;
}

static int
go_on(struct cascade *k, struct err *e)
{
	for (size_t i = 0; i < k->todo.n; i++) {
		struct job_row x = k->todo.v[i];
		int rc = all_edges(k, &x, e);

		if (rc == -1 || (rc == 1 && db_exec(k->db, &CASCADE_ADD,
		    ARGS(V(x.id), val_id(x.tenant_id), V(x.state)), NULL,
		    e) == -1))
			return -1;
	}
	return 0;
}

int
jobs_dependants(struct db *db, struct arena *a, struct event_pack *pack,
    const struct job_row *ended, struct err *e)
{
	struct cascade k = { .db = db, .a = a, .pack = pack, .left = EDGES };

	ASSERT(db_in_txn(db));
	*VEC_ADD(a, &k.todo) = *ended;
	return go_on(&k, e);
}

/* ---- what was left --------------------------------------------------------------- */

struct step {
	struct arena *a;
	size_t moved;
	bool more;
};

static int
step(struct db *db, void *arg, struct err *e)
{
	struct step *s = arg;
	struct cascade k = { .db = db, .a = s->a, .left = EDGES,
	    .pack = event_pack_new(s->a) };
	struct ended_row row;
	struct job_row *j;
	int rc = db_one(db, s->a, &CASCADE_NEXT, NO_ARGS, &row, e);

	s->more = rc == 0;
	s->moved = 0;
	if (rc != 0)
		return rc == 1 ? 0 : -1;
	j = VEC_ADD(s->a, &k.todo);
	j->id = row.job_id;
	j->tenant_id = row.tenant_id;
	j->state = row.state;
	if (db_exec(db, &CASCADE_DELETE, ARGS(V(row.at), V(row.job_id)), NULL,
	    e) == -1 || go_on(&k, e) == -1)
		return -1;
	s->moved = k.moved;
	return event_pack_publish(db, k.pack, e);
}

int
jobs_cascade(struct db *db, struct arena *a, size_t *n, struct err *e)
{
	struct step s = { .a = a };

	*n = 0;
	for (int i = 0; i < STEPS; i++) {
		if (db_txn(db, a, step, &s, e) == -1)
			return -1;
		if (!s.more)
			break;
		*n += s.moved;
	}
	return 0;
}
