/*
 * Claiming: one (queue, lane) per query, in index order, from a hint onward.
 * Ready rows and their jobs are locked by one statement that skips what others
 * hold, so a claim never waits. A job that is no longer queued (cancelled
 * meanwhile) is not claimed: its ready row is dropped.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "jobs/claimer.h"
#include "jobs/tag.h"
#include "shm/shm.h"

enum {
	LOOKS = 4,			/* lanes looked at in one cycle */
	BEHIND = 2,			/* virtual time behind the last claim */
	SCAN_LEAST_MS = 500, SCAN_MOST_MS = 30000, SCAN_SHARE = 100
};

/* ---- statements ----------------------------------------------------------------- */

struct taken {
	struct job_row j;
	int64_t tag;
	struct utc ready_at;
};
#define T(m) FIELD_IN(struct taken, j., m, .doc = "Of the job")
#define N(m) FIELD_IN(struct taken, j., m, .flags = FF_NULLABLE, \
	.doc = "Of the job")
static const struct field taken_fields[] = {
	FIELD(struct taken, tag, .doc = "Place"),
	FIELD(struct taken, ready_at, .doc = "Since when"),
	T(id), T(tenant_id), T(queue_id), T(lane), T(state), T(type),
	T(payload), T(attempt), T(tries), T(crashes), T(lost), T(timeout_s),
	T(backoff_s), N(run_at),
	N(expires_at), T(token), T(needed),
	N(unique_key),
	N(limit_key),
	N(workflow), T(actor),
	N(traceparent), T(error_class), T(error),
	N(replay_of), T(replays), T(version),
	T(created_at), T(started_at), N(fire_at), FIELD_END
};
static const struct schema taken_schema = {
	.name = "JobsTaken", .size = sizeof(struct taken),
	.fields = taken_fields
};

/* started_at is the statement's time: what the update below writes. */
static const struct query READY_TAKE = { "jobs_ready.take",
	"SELECT r.tag, r.ready_at, j.id, j.tenant_id, j.queue_id, j.lane, "
	"j.state, j.type, j.payload, j.attempt, j.tries, j.crashes, j.lost, "
	"j.timeout_s, j.backoff_s, j.run_at, j.expires_at, j.token, "
	"j.needed, j.unique_key, j.limit_key, j.workflow, j.actor, "
	"j.traceparent, j.error_class, j.error, j.replay_of, j.replays, "
	"j.version, j.created_at, NOW(6) AS started_at, j.fire_at "
	"FROM jobs_ready r FORCE INDEX (PRIMARY) STRAIGHT_JOIN jobs_job j "
	"FORCE INDEX (PRIMARY) ON j.id = r.job_id WHERE r.queue_id = ? "
	"AND r.lane = ? AND r.tag > ? ORDER BY r.tag LIMIT ? "
	"FOR UPDATE SKIP LOCKED", &taken_schema };
static const struct query READY_DELETE = { "jobs_ready.delete",
	"DELETE FROM jobs_ready WHERE queue_id = ? AND lane = ? AND tag IN "
	JOBS_IN16, NULL };
static const struct query JOB_CLAIM = { "jobs_job.claim",
	"UPDATE jobs_job SET state = 5, lease_id = ?, counted = ?, "
	"token = token + 1, attempt = attempt + 1, progress = 0, note = '', "
	"started_at = ?, version = version + 1 WHERE id IN " JOBS_IN16,
	NULL };

struct limit {
	int64_t max_running, running;
};
static const struct field limit_fields[] = {
	FIELD(struct limit, max_running, .doc = "At once"),
	FIELD(struct limit, running, .doc = "Now"), FIELD_END
};
static const struct schema limit_schema = {
	.name = "JobsLimit", .size = sizeof(struct limit),
	.fields = limit_fields
};
static const struct query LIMIT_LOCK = { "jobs_limit.lock",
	"SELECT max_running, running FROM jobs_limit WHERE tenant_id = ? "
	"AND limit_key = ? LIMIT 1 FOR UPDATE SKIP LOCKED", &limit_schema };
static const struct query LIMIT_ADD = { "jobs_limit.add",
	"UPDATE jobs_limit SET running = running + 1 WHERE tenant_id = ? "
	"AND limit_key = ?", NULL };
static const struct query PARK = { "jobs_parked.insert",
	"INSERT INTO jobs_parked (tenant_id, limit_key, lane, tag, job_id, "
	"queue_id, ready_at) VALUES (?, ?, ?, ?, ?, ?, ?)", NULL };
static const struct query JOB_PARK = { "jobs_job.park",
	"UPDATE jobs_job SET state = 4 WHERE id = ?", NULL };

const struct query *const jobs_claim_queries[] = {
	&READY_TAKE, &READY_DELETE, &JOB_CLAIM, &LIMIT_LOCK, &LIMIT_ADD,
	&PARK, &JOB_PARK, NULL
};

/* ---- what the rows allow ---------------------------------------------------------- */

/* The row stays where it is; the next claim starts before it. */
static void
leave(struct claim *k, const struct taken *t)
{
	if (k->left == 0 || t->tag < k->left)
		k->left = t->tag;
}

/* Concurrency keys: takes a place, parks, or leaves the row where it is (its
 * key is being changed by somebody). 1 take the job, 0 not, -1 error. */
static int
take_limit(struct claim *k, struct taken *t, struct err *e)
{
	struct limit l;
	int rc = db_one(k->db, k->a, &LIMIT_LOCK, ARGS(val_id(t->j.tenant_id),
	    V(t->j.limit_key)), &l, e);

	if (rc == 1) {
		leave(k, t);
		return jobs_limit_make(k->db, t->j.tenant_id, t->j.limit_key,
		    e);
	}
	if (rc == -1)
		return -1;
	k->tags[k->ntags++] = V(t->tag);
	if (l.running < l.max_running)
		return db_exec(k->db, &LIMIT_ADD, ARGS(val_id(t->j.tenant_id),
		    V(t->j.limit_key)), NULL, e) == -1 ? -1 : 1;
	if (db_exec(k->db, &PARK, ARGS(val_id(t->j.tenant_id),
	    V(t->j.limit_key), V(k->lane), V(t->tag), V(t->j.id),
	    V(k->q->row.id), V(t->ready_at)), NULL, e) == -1 ||
	    db_exec(k->db, &JOB_PARK, ARGS(V(t->j.id)), NULL, e) == -1)
		return -1;
	return 0;
}

static int
by_limit(const void *x, const void *y)
{
	const struct taken *p = *(const struct taken *const *)x;
	const struct taken *r = *(const struct taken *const *)y;
	int c = memcmp(p->j.limit_key.p, r->j.limit_key.p, 16);

	return c != 0 ? c : (p->tag > r->tag) - (p->tag < r->tag);
}

/* A job that was cancelled and retried may have two ready rows. */
static bool
claimable(const struct rows *rows, size_t i)
{
	const struct taken *t = ROW(rows, struct taken, i);

	for (size_t j = 0; j < i; j++)
		if (uuid_equal(ROW(rows, struct taken, j)->j.id, t->j.id))
			return false;
	return t->j.state == JS_QUEUED;
}

/* Which jobs are taken, at most so many, and which ready rows go. Keys in
 * ascending order. */
static int
sort_out(struct claim *k, const struct rows *rows, size_t most,
    struct err *e)
{
	struct taken *keyed[JOBS_BATCH];
	size_t n = 0;
	int rc;

	for (size_t i = 0; i < rows->n; i++) {
		struct taken *t = ROW(rows, struct taken, i);

		if (!claimable(rows, i))
			k->tags[k->ntags++] = V(t->tag);
		else if (most == 0)
			leave(k, t);
		else if (most--, t->j.limit_key.n == 16)
			keyed[n++] = t;
		else {
			k->tags[k->ntags++] = V(t->tag);
			*VEC_ADD(k->a, &k->take) = t;
		}
	}
	qsort(keyed, n, sizeof(keyed[0]), by_limit);
	for (size_t i = 0; i < n; i++) {
		if ((rc = take_limit(k, keyed[i], e)) == -1)
			return -1;
		if (rc == 1)
			*VEC_ADD(k->a, &k->take) = keyed[i];
	}
	return 0;
}

static int
delete_ready(struct claim *k, struct err *e)
{
	struct val v[2 + JOBS_BATCH] = { V(k->q->row.id), V(k->lane) };

	if (k->ntags == 0)
		return 0;
	jobs_pad(v + 2, k->tags, k->ntags);
	return db_exec(k->db, &READY_DELETE, v, 2 + JOBS_BATCH, NULL, e);
}

/* The rows are locked and queued: what the update makes of them is known. */
static int
update_jobs(struct claim *k, struct err *e)
{
	bool counted = k->q->row.max_running > 0;
	struct val v[3 + JOBS_BATCH], ids[JOBS_BATCH];
	struct job_row *j;

	if (k->take.n == 0)
		return 0;
	for (size_t i = 0; i < k->take.n; i++)
		ids[i] = V(k->take.v[i]->j.id);
	v[0] = V((int64_t)k->lease->id);
	v[1] = V(counted);
	v[2] = V(k->take.v[0]->j.started_at);
	jobs_pad(v + 3, ids, k->take.n);
	if (db_exec(k->db, &JOB_CLAIM, v, 3 + JOBS_BATCH, NULL, e) == -1)
		return -1;
	for (size_t i = 0; i < k->take.n; i++) {
		j = VEC_ADD(k->a, &k->rows);
		*j = k->take.v[i]->j;
		j->state = JS_RUNNING;
		j->lease_id = (int64_t)k->lease->id;
		j->counted = counted;
		j->note = "";
		j->token++;
		j->attempt++;
		j->version++;
		*VEC_ADD(k->a, &k->queues) = k->q->row.name;
		*VEC_ADD(k->a, &k->waited_us) = j->started_at.us -
		    k->take.v[i]->ready_at.us;
		jobs_event_add(k->pack, JE_STARTED, j, k->q->row.name);
	}
	return 0;
}

/* ---- one lane ------------------------------------------------------------------------ */

static void
learn_lane(struct claim *k, const struct rows *rows, size_t asked)
{
	struct claimer_lane *l = &k->q->lanes[k->lane];
	const struct taken *last;

	l->maybe = rows->n == asked;
	l->head_us = 0;
	if (rows->n == 0)
		return;
	last = ROW(rows, struct taken, rows->n - 1);
	l->head_us = l->maybe ? last->ready_at.us : 0;
	l->hint = last->tag - ((int64_t)BEHIND << TAG_BITS);
	if (k->left != 0 && l->hint >= k->left)
		l->hint = k->left - 1;
	jobs_virtual_raise(k->c->shm, k->q->key, k->lane,
	    jobs_tag_time(last->tag));
}

static int
look_from(struct claim *k, int64_t tag, size_t want, struct rows *rows,
    struct err *e)
{
	return db_all(k->db, k->a, &READY_TAKE, ARGS(V(k->q->row.id),
	    V(k->lane), V(tag), V((int64_t)want)), rows, e);
}

/* From the hint; from the start when it is time, also while the hint finds
 * enough: what was committed late lies behind it, and must not wait until the
 * lane is empty. */
static int
look(struct claim *k, size_t want, struct rows *rows, struct err *e)
{
	struct claimer_lane *l = &k->q->lanes[k->lane];
	int64_t start = clock_boot_ns(), every;

	if (l->hint <= 0 || start - l->scanned_ns < l->scan_every_ns)
		return look_from(k, l->hint, want, rows, e);
	if (look_from(k, 0, want, rows, e) == -1)
		return -1;
	every = (clock_boot_ns() - start) * SCAN_SHARE;
	if (every < SCAN_LEAST_MS * MS)
		every = SCAN_LEAST_MS * MS;
	if (every > SCAN_MOST_MS * MS)
		every = SCAN_MOST_MS * MS;
	l->scanned_ns = start;
	l->scan_every_ns = every;
	return 0;
}

/* How many of the rows the queue's own limits allow: places are taken for
 * what is there, not for what might be. */
static int
allowed(struct claim *k, const struct rows *rows, size_t *counted,
    size_t *most, struct err *e)
{
	*most = 0;
	for (size_t i = 0; i < rows->n; i++)
		*most += claimable(rows, i);
	if (*most > 0 && claimer_allow(k->db, k->q, most, e) == -1)
		return -1;
	*counted = *most;
	return *most == 0 ? 0 : claimer_rate(k->db, k->q, most, e);
}

static int
claim_lane(struct claim *k, size_t want, struct err *e)
{
	size_t n = want > JOBS_BATCH ? JOBS_BATCH : want;
	size_t before = k->rows.n, counted, most, got;
	struct rows rows;

	k->left = 0;
	k->take.n = k->ntags = 0;
	if (look(k, n, &rows, e) == -1 ||
	    allowed(k, &rows, &counted, &most, e) == -1 ||
	    sort_out(k, &rows, most, e) == -1 || delete_ready(k, e) == -1 ||
	    update_jobs(k, e) == -1)
		return -1;
	learn_lane(k, &rows, n);
	if (rows.n > 0 && most == 0 && k->left != 0)
		k->q->lanes[k->lane].maybe = false;
	got = k->rows.n - before;
	if (k->q->row.max_running <= 0 || got == counted)
		return 0;
	return claimer_give(k->db, k->q, counted - got, e);
}

int
claim_some(struct claim *k, size_t want, struct err *e)
{
	for (int i = 0; i < LOOKS && k->rows.n < want; i++) {
		if ((k->q = claimer_queue(k->c)) == NULL)
			break;
		k->lane = claimer_lane(k->q);
		if (claim_lane(k, want - k->rows.n, e) == -1)
			return -1;
	}
	return 0;
}
