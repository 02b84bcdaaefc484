/*
 * Settling: what a start of a job came to. Every row is locked and its token
 * compared before anything is written, so an outcome that comes too late
 * (the job was given to somebody else) changes nothing and is counted.
 * Invariants: only a process that died in the job counts as a crash; a job
 * that was given back has lost no try; what a job held (unique key,
 * concurrency key, place in its queue's limit) goes with the same commit.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "jobs/inner.h"
#include "jobs/lane.h"
#include "shm/shm.h"

enum {
	MAX_CRASHES = 2, CRASH_WAIT_S = 5, BACKOFF_MAX_S = 3600,
	LOST_FREE = 3, LOST_WAIT_MAX_S = 300
};

#define ENDING "SELECT " JOB_COLUMNS " FROM jobs_job " \
	"FORCE INDEX (PRIMARY) WHERE id IN " JOBS_IN16 \
	" ORDER BY id LIMIT 16 FOR UPDATE"
static const struct query JOB_ENDING = { "jobs_job.ending", ENDING,
	&job_row_schema };
static const struct query JOB_ENDING_SKIP = { "jobs_job.ending_skip",
	ENDING " SKIP LOCKED", &job_row_schema };
static const struct query JOB_SEEN = { "jobs_job.seen",
	"SELECT id, token, state FROM jobs_job FORCE INDEX (PRIMARY) "
	"WHERE id IN " JOBS_IN16 " LIMIT 16", &job_row_schema };
static const struct query JOB_DONE_MANY = { "jobs_job.done_many",
	"UPDATE jobs_job SET state = 10, progress = 1000, lease_id = 0, "
	"counted = FALSE, cancel = FALSE, error_class = '', error = '', "
	"finished_at = NOW(6), version = version + 1 WHERE id IN " JOBS_IN16,
	NULL };
static const struct query JOB_DONE_RESULT = { "jobs_job.done_result",
	"UPDATE jobs_job SET state = 10, progress = 1000, lease_id = 0, "
	"counted = FALSE, cancel = FALSE, error_class = '', error = '', "
	"finished_at = NOW(6), version = version + 1, result = ? "
	"WHERE id = ?", NULL };
static const struct query JOB_ENDED = { "jobs_job.ended",
	"UPDATE jobs_job SET state = ?, lane = ?, attempt = ?, crashes = ?, "
	"lost = ?, run_at = ?, lease_id = 0, counted = FALSE, "
	"cancel = FALSE, error_class = ?, error = ?, finished_at = "
	"IF(? >= 10, NOW(6), " JOBS_NO_TIME "), version = version + 1 "
	"WHERE id = ?", NULL };
static const struct query ATTEMPT_INSERT = { "jobs_attempt.insert",
	"INSERT INTO jobs_attempt (tenant_id, job_id, token, n, worker, "
	"started_at, ended_at, outcome, error_class, error, crumbs) "
	"VALUES (?, ?, ?, ?, ?, ?, NOW(6), ?, ?, ?, ?) "
	"ON DUPLICATE KEY UPDATE ended_at = ended_at", NULL };
static const struct query DEAD_INSERT = { "jobs_dead.insert",
	"INSERT INTO jobs_dead (tenant_id, job_id, queue_id, type, state, "
	"error_class, died_at) VALUES (?, ?, ?, ?, ?, ?, NOW(6)) "
	"ON DUPLICATE KEY UPDATE state = VALUES(state), "
	"error_class = VALUES(error_class), died_at = NOW(6)", NULL };
static const struct query UNIQUE_FREE = { "jobs_unique.free",
	"DELETE FROM jobs_unique WHERE tenant_id = ? AND unique_key = ? "
	"AND job_id = ?", NULL };
static const struct query QUEUE_FREE = { "jobs_queue.free",
	"UPDATE jobs_queue SET running = GREATEST(0, running - 1) "
	"WHERE id = ?", NULL };

const struct query *const jobs_settle_queries[] = {
	&JOB_ENDING, &JOB_ENDING_SKIP, &JOB_SEEN, &JOB_DONE_MANY, &JOB_DONE_RESULT, &JOB_ENDED,
	&ATTEMPT_INSERT, &DEAD_INSERT, &UNIQUE_FREE, &QUEUE_FREE, NULL
};

/* ---- the next state of one job: no database ------------------------------------- */

static struct utc
after(double seconds)
{
	return (struct utc){ clock_now().us + (int64_t)(seconds *
	    (double)US_PER_S) };
}

static double
unit(void)
{
	return (double)random_below(UINT64_C(1) << 53) / 9007199254740992.0;
}

static void
try_again(struct job_row *j, const struct jobs_outcome *o)
{
	int64_t max = o->backoff_max_s > 0 ? o->backoff_max_s : BACKOFF_MAX_S;
	double wait = jobs_backoff(j->attempt, j->backoff_s, max, unit());

	if (j->attempt >= j->tries) {
		j->state = JS_FAILED;
		return;
	}
	if (o->retry_after_s > 0)
		wait = (double)o->retry_after_s;
	j->state = JS_RETRYING;
	j->run_at = after(wait);
}

static void
crashed(struct job_row *j, const struct jobs_outcome *o)
{
	int64_t max = o->max_crashes > 0 ? o->max_crashes : MAX_CRASHES;

	j->crashes++;
	if (j->crashes >= max) {
		j->state = JS_QUARANTINED;
		return;
	}
	j->attempt--;
	j->lane = j->lane < LANE_LOW ? j->lane + 1 : LANE_LOW;
	j->state = JS_RETRYING;
	j->run_at = after((double)CRASH_WAIT_S *
	    (double)(1 << (j->crashes < 9 ? j->crashes : 9)));
}

static void
lost(struct job_row *j)
{
	int64_t over = ++j->lost - LOST_FREE, wait;

	j->attempt--;
	j->state = JS_QUEUED;
	j->run_at.us = 0;
	if (over <= 0)
		return;
	wait = over < 9 ? (int64_t)1 << over : LOST_WAIT_MAX_S;
	j->state = JS_RETRYING;
	j->run_at = after((double)(wait < LOST_WAIT_MAX_S ? wait :
	    LOST_WAIT_MAX_S));
}

static void
next_state(struct job_row *j, const struct jobs_outcome *o)
{
	bool shall_stop = j->cancel;

	j->error_class = o->error_class != NULL ? o->error_class : "";
	j->error = o->error != NULL ? o->error : "";
	switch (o->end) {
	case END_DONE:
		j->state = JS_SUCCEEDED;
		j->progress = 1000;
		shall_stop = false;
		break;
	case END_RETRY:
	case END_TIMEOUT:
		try_again(j, o);
		break;
	case END_FAIL:
		j->state = JS_FAILED;
		break;
	case END_EXPIRED:
		j->attempt--;
		j->state = JS_EXPIRED;
		break;
	case END_RELEASE:
		j->attempt--;
		j->state = JS_QUEUED;
		j->run_at.us = 0;
		break;
	case END_CRASH:
		crashed(j, o);
		break;
	case END_LOST:
		lost(j);
		break;
	}
	if (shall_stop && j->state != JS_QUARANTINED)
		j->state = JS_CANCELLED;
}

/* ---- one job ------------------------------------------------------------------------ */

struct settle {
	struct db *db;
	struct arena *a;
	struct event_pack *pack;
	struct val plain[JOBS_BATCH];	/* done, without a result */
	size_t nplain;
	const struct job_row *keyed[JOBS_BATCH];	/* limits to release */
	size_t nkeyed;
};

static const char *
end_name(enum jobs_end end)
{
	static const char *const names[] = { "done", "retry", "fail",
	    "release", "crash", "timeout", "lost", "expired" };

	return names[end];
}

static int
note_attempt(struct settle *s, const struct job_row *was,
    const struct job_row *j, const struct jobs_outcome *o, struct err *e)
{
	if (o->end == END_DONE && was->attempt <= 1)
		return 0;
	return db_exec(s->db, &ATTEMPT_INSERT, ARGS(val_id(j->tenant_id),
	    V(j->id), V(j->token), V(was->attempt), V(o->worker != NULL ?
	    o->worker : ""), V(was->started_at), V(end_name(o->end)),
	    V(j->error_class), V(j->error), V(o->crumbs != NULL ? o->crumbs :
	    "")), NULL, e);
}

/* What the job held is free; those who need it go on. */
static int
let_go(struct settle *s, struct job_row *j, struct err *e)
{
	bool ended = j->state >= JS_SUCCEEDED;

	if (j->limit_key.n > 0)
		s->keyed[s->nkeyed++] = j;
	if (j->counted && db_exec(s->db, &QUEUE_FREE, ARGS(V(j->queue_id)),
	    NULL, e) == -1)
		return -1;
	if (!ended)
		return 0;
	if (j->unique_key.n > 0 && db_exec(s->db, &UNIQUE_FREE,
	    ARGS(val_id(j->tenant_id), V(j->unique_key), V(j->id)), NULL,
	    e) == -1)
		return -1;
	if ((j->state == JS_FAILED || j->state == JS_QUARANTINED) &&
	    db_exec(s->db, &DEAD_INSERT, ARGS(val_id(j->tenant_id), V(j->id),
	    V(j->queue_id), V(j->type), V(j->state), V(j->error_class)), NULL,
	    e) == -1)
		return -1;
	return j->needed ? jobs_dependants(s->db, s->a, s->pack, j, e) : 0;
}

static int
write_row(struct settle *s, struct job_row *j, const struct jobs_outcome *o,
    struct err *e)
{
	if (j->state == JS_SUCCEEDED && o->result == NULL) {
		s->plain[s->nplain++] = V(j->id);
		return 0;
	}
	if (j->state == JS_SUCCEEDED)
		return db_exec(s->db, &JOB_DONE_RESULT, ARGS(V(o->result),
		    V(j->id)), NULL, e);
	if (j->state < JS_SUCCEEDED &&
	    jobs_put_back(s->db, s->a, j, e) == -1)
		return -1;
	return db_exec(s->db, &JOB_ENDED, ARGS(V(j->state), V(j->lane),
	    V(j->attempt), V(j->crashes), V(j->lost), V(j->run_at),
	    V(j->error_class), V(j->error), V(j->state), V(j->id)), NULL, e);
}

static enum jobs_event
event_of(const struct job_row *j, enum jobs_end end)
{
	switch (j->state) {
	case JS_SUCCEEDED: return JE_SUCCEEDED;
	case JS_FAILED: return JE_FAILED;
	case JS_CANCELLED: return JE_CANCELLED;
	case JS_EXPIRED: return JE_EXPIRED;
	case JS_QUARANTINED: return JE_QUARANTINED;
	case JS_RETRYING: return end == END_LOST ? JE_LOST : JE_RETRYING;
	default: return end == END_LOST ? JE_LOST : JE_QUEUED;
	}
}

static void
count(const struct job_row *j, const struct jobs_outcome *o)
{
	int64_t us = clock_now().us - j->started_at.us;

	if (o->end == END_CRASH)
		metric_add(&job_crashes_total, 0, 0, 1);
	if (o->end == END_LOST)
		metric_add(&job_lost_total, 0, 0, 1);
	if (o->end != END_RELEASE)
		metric_add(&jobs_total, jobs_outcome_index(j->state), 0, 1);
	if (us >= 0 && o->end != END_EXPIRED)
		metric_observe_ns(&job_run_seconds, 0, 0,
		    (uint64_t)us * 1000);
}

static int
one(struct settle *s, struct job_row *j, const struct jobs_outcome *o,
    struct err *e)
{
	struct job_row was = *j;

	next_state(j, o);
	if (write_row(s, j, o, e) == -1 ||
	    note_attempt(s, &was, j, o, e) == -1)
		return -1;
	j->version++;
	jobs_event_add(s->pack, event_of(j, o->end), j, NULL);
	if (let_go(s, j, e) == -1)
		return -1;
	count(j, o);
	return 0;
}

/* ---- a batch ---------------------------------------------------------------------------- */

static const struct jobs_outcome *
outcome_of(const struct jobs_outcome *v, size_t n, const struct job_row *j)
{
	for (size_t i = 0; i < n; i++)
		if (uuid_equal(v[i].id, j->id) && v[i].token == j->token &&
		    uuid_equal(v[i].tenant, j->tenant_id) && !v[i].stored)
			return j->state == JS_RUNNING ? &v[i] : NULL;
	return NULL;
}

static int
by_key(const void *x, const void *y)
{
	const struct job_row *p = *(const struct job_row *const *)x;
	const struct job_row *r = *(const struct job_row *const *)y;

	int c = memcmp(p->limit_key.p, r->limit_key.p, p->limit_key.n);

	return c != 0 ? c : memcmp(p->tenant_id.b, r->tenant_id.b, 16);
}

static int
finish(struct settle *s, struct err *e)
{
	struct val v[JOBS_BATCH];

	if (s->nplain > 0) {
		jobs_pad(v, s->plain, s->nplain);
		if (db_exec(s->db, &JOB_DONE_MANY, v, JOBS_BATCH, NULL,
		    e) == -1)
			return -1;
	}
	qsort(s->keyed, s->nkeyed, sizeof(s->keyed[0]), by_key);
	for (size_t i = 0; i < s->nkeyed; i++)
		if (jobs_limit_release(s->db, s->a, s->keyed[i]->tenant_id,
		    s->keyed[i]->limit_key, e) == -1)
			return -1;
	return 0;
}

/* Rows that were not there: still ours as committed, so somebody holds them
 * at this moment; or not ours any more. */
static int
find_busy(struct settle *s, const struct jobs_outcome *o, size_t n,
    const struct rows *got, struct jobs_settled *out, struct err *e)
{
	struct val ids[JOBS_BATCH], v[JOBS_BATCH];
	struct rows seen;
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		bool here = o[i].stored;

		for (size_t j = 0; j < got->n; j++)
			here = here || uuid_equal(ROW(got, struct job_row,
			    j)->id, o[i].id);
		if (!here)
			ids[k++] = V(o[i].id);
	}
	if (k == 0)
		return 0;
	jobs_pad(v, ids, k);
	if (db_all(s->db, s->a, &JOB_SEEN, v, JOBS_BATCH, &seen, e) == -1)
		return -1;
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < seen.n; j++) {
			const struct job_row *r = ROW(&seen, struct job_row,
			    j);

			if (o[i].stored || !uuid_equal(r->id, o[i].id) ||
			    r->token != o[i].token || r->state != JS_RUNNING)
				continue;
			out->busy[i] = true;
			out->nbusy++;
		}
	return 0;
}

int
jobs_settle_pack(struct db *db, struct arena *a, struct event_pack *pack,
    const struct jobs_outcome *o, size_t n, struct jobs_settled *out,
    struct err *e)
{
	struct settle s = { .db = db, .a = a, .pack = pack };
	struct val ids[JOBS_BATCH], v[JOBS_BATCH];
	bool skip = out->skip;
	size_t asked = 0;
	struct rows rows;

	*out = (struct jobs_settled){ .skip = skip };
	ASSERT(db_in_txn(db) && n <= JOBS_BATCH);
	for (size_t i = 0; i < n; i++)
		if (!o[i].stored)
			ids[asked++] = V(o[i].id);
	if (asked == 0)
		return 0;
	jobs_pad(v, ids, asked);
	if (db_all(db, a, skip ? &JOB_ENDING_SKIP : &JOB_ENDING, v,
	    JOBS_BATCH, &rows, e) == -1)
		return -1;
	if (skip && rows.n < asked &&
	    find_busy(&s, o, n, &rows, out, e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		struct job_row *j = ROW(&rows, struct job_row, i);
		const struct jobs_outcome *x = outcome_of(o, n, j);

		if (x == NULL)
			continue;
		if (one(&s, j, x, e) == -1)
			return -1;
		out->done++;
	}
	if (out->done + out->nbusy < asked)
		metric_add(&job_stale_total, 0, 0,
		    asked - out->done - out->nbusy);
	return finish(&s, e);
}

int
jobs_settle(struct db *db, struct arena *a, const struct jobs_outcome *o,
    size_t n, uint64_t lease_id, size_t *settled, struct err *e)
{
	struct event_pack *pack = event_pack_new(a);
	struct jobs_settled out = { .skip = false };

	(void)lease_id;
	if (jobs_settle_pack(db, a, pack, o, n, &out, e) == -1)
		return -1;
	if (settled != NULL)
		*settled = out.done;
	return event_pack_publish(db, pack, e);
}
