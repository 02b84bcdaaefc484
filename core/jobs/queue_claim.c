/*
 * Claiming: one (queue, lane) per query, in index order, from a hint onward,
 * with SKIP LOCKED. Settling the batch before rides in the same transaction;
 * when that fails, it is settled alone first, so that one bad claim cannot
 * throw finished work away. Claims nothing for a job that is no longer queued
 * (cancelled meanwhile): its ready row is dropped.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/vec.h"
#include "jobs/claimer.h"
#include "jobs/tag.h"

enum {
	LOOKS = 4,			/* lanes looked at in one cycle */
	BEHIND = 16			/* tags behind the last one claimed */
};

#define MS INT64_C(1000000)

/* ---- statements ----------------------------------------------------------------- */

struct ready {
	int64_t tag;
	struct uuid job_id, tenant_id;
	struct blob limit_key;
	struct utc ready_at;
};
#define R(m, ...) FIELD(struct ready, m, __VA_ARGS__)
static const struct field ready_fields[] = {
	R(tag, .doc = "Place"), R(job_id, .doc = "Job"),
	R(tenant_id, .doc = "Whose"),
	R(limit_key, .flags = FF_NULLABLE, .doc = "Concurrency key"),
	R(ready_at, .doc = "Since when"), FIELD_END
};
static const struct schema ready_schema = {
	.name = "JobsReady", .size = sizeof(struct ready),
	.fields = ready_fields
};
#define READY_COLUMNS "tag, job_id, tenant_id, limit_key, ready_at"

static const struct query READY_TAKE = { "jobs_ready.take",
	"SELECT " READY_COLUMNS " FROM jobs_ready FORCE INDEX (PRIMARY) "
	"WHERE queue_id = ? AND lane = ? AND tag > ? ORDER BY tag LIMIT ? "
	"FOR UPDATE SKIP LOCKED", &ready_schema };
static const struct query READY_HEAD = { "jobs_ready.head",
	"SELECT " READY_COLUMNS " FROM jobs_ready FORCE INDEX (PRIMARY) "
	"WHERE queue_id = ? AND lane = ? AND tag > ? ORDER BY tag LIMIT 1",
	&ready_schema };
static const struct query READY_DELETE = { "jobs_ready.delete",
	"DELETE FROM jobs_ready WHERE queue_id = ? AND lane = ? AND tag IN "
	JOBS_IN16, NULL };
static const struct query JOB_CLAIM = { "jobs_job.claim",
	"UPDATE jobs_job SET state = 5, lease_id = ?, counted = ?, "
	"token = token + 1, attempt = attempt + 1, progress = 0, note = '', "
	"started_at = NOW(6), version = version + 1 WHERE id IN " JOBS_IN16
	" AND state = 3", NULL };
static const struct query JOB_CLAIMED = { "jobs_job.claimed",
	"SELECT " JOB_COLUMNS " FROM jobs_job WHERE id IN " JOBS_IN16
	" AND state = 5 AND lease_id = ? ORDER BY lane, id LIMIT 16",
	&job_row_schema };
static const struct query CLAIM_INSERT = { "jobs_claim.insert",
	"INSERT INTO jobs_claim (lease_id, n, jobs, at) "
	"VALUES (?, ?, ?, NOW(6))", NULL };
static const struct query CLAIM_DELETE = { "jobs_claim.delete",
	"DELETE FROM jobs_claim WHERE lease_id = ? AND n IN " JOBS_IN16,
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
	"UPDATE jobs_job SET state = 4, version = version + 1 WHERE id = ? "
	"AND state = 3", NULL };

const struct query *const jobs_claim_queries[] = {
	&READY_TAKE, &READY_HEAD, &READY_DELETE, &JOB_CLAIM, &JOB_CLAIMED,
	&CLAIM_INSERT, &CLAIM_DELETE,
	&LIMIT_LOCK, &LIMIT_ADD, &PARK, &JOB_PARK, NULL
};

/* ---- claiming from one lane ------------------------------------------------------------ */

struct claim {
	struct jobs_claimer *c;
	struct db *db;
	struct arena *a;
	const struct jobs_lease *lease;
	struct claimer_queue *q;
	int lane;
	struct val ids[JOBS_BATCH], tags[JOBS_BATCH];
	const struct ready *keyed[JOBS_BATCH];	/* places taken under a limit */
	size_t n, ntags, nkeyed;
	VEC(struct job_row) rows;
	struct event_pack *pack;
};

/* Concurrency keys: takes a place, parks, or leaves the row (its key is being
 * changed by somebody). 1 take the job, 0 not, -1 error. */
static int
take_limit(struct claim *k, const struct ready *r, struct err *e)
{
	struct limit l;
	int rc = db_one(k->db, k->a, &LIMIT_LOCK, ARGS(val_id(r->tenant_id),
	    V(r->limit_key)), &l, e);

	if (rc != 0)
		return rc == 1 ? 0 : -1;
	k->tags[k->ntags++] = V(r->tag);
	if (l.running < l.max_running)
		return db_exec(k->db, &LIMIT_ADD, ARGS(val_id(r->tenant_id),
		    V(r->limit_key)), NULL, e) == -1 ? -1 : 1;
	if (db_exec(k->db, &PARK, ARGS(val_id(r->tenant_id),
	    V(r->limit_key), V(k->lane), V(r->tag), V(r->job_id),
	    V(k->q->row.id), V(r->ready_at)), NULL, e) == -1 ||
	    db_exec(k->db, &JOB_PARK, ARGS(V(r->job_id)), NULL, e) == -1)
		return -1;
	return 0;
}

static int
by_limit(const void *x, const void *y)
{
	const struct ready *p = *(const struct ready *const *)x;
	const struct ready *r = *(const struct ready *const *)y;
	int c = memcmp(p->limit_key.p, r->limit_key.p, 16);

	return c != 0 ? c : (p->tag > r->tag) - (p->tag < r->tag);
}

/* Keys in ascending order, always. */
static int
sort_out(struct claim *k, const struct rows *rows, struct err *e)
{
	const struct ready *keyed[JOBS_BATCH];
	size_t n = 0;
	int rc;

	k->n = k->ntags = k->nkeyed = 0;
	for (size_t i = 0; i < rows->n; i++) {
		const struct ready *r = ROW(rows, struct ready, i);

		if (r->limit_key.n == 16) {
			keyed[n++] = r;
			continue;
		}
		k->tags[k->ntags++] = V(r->tag);
		k->ids[k->n++] = V(r->job_id);
	}
	qsort(keyed, n, sizeof(keyed[0]), by_limit);
	for (size_t i = 0; i < n; i++) {
		if ((rc = take_limit(k, keyed[i], e)) == -1)
			return -1;
		if (rc == 0)
			continue;
		k->ids[k->n++] = V(keyed[i]->job_id);
		k->keyed[k->nkeyed++] = keyed[i];
	}
	return 0;
}

static int
delete_ready(struct claim *k, struct err *e)
{
	struct val v[2 + JOBS_BATCH] = { V(k->q->row.id), V(k->lane) };

	jobs_pad(v + 2, k->tags, k->ntags);
	return db_exec(k->db, &READY_DELETE, v, 2 + JOBS_BATCH, NULL, e);
}

static int
update_jobs(struct claim *k, struct err *e)
{
	struct val v[2 + JOBS_BATCH] = { V((int64_t)k->lease->id),
	    V(k->q->row.max_running > 0) };

	jobs_pad(v + 2, k->ids, k->n);
	return db_exec(k->db, &JOB_CLAIM, v, 2 + JOBS_BATCH, NULL, e);
}

static int
read_jobs(struct claim *k, struct err *e)
{
	struct val v[JOBS_BATCH + 1];
	struct rows rows;

	jobs_pad(v, k->ids, k->n);
	v[JOBS_BATCH] = V((int64_t)k->lease->id);
	if (db_all(k->db, k->a, &JOB_CLAIMED, v, JOBS_BATCH + 1, &rows,
	    e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		struct job_row *j = ROW(&rows, struct job_row, i);

		*VEC_ADD(k->a, &k->rows) = *j;
		jobs_event_add(k->pack, JE_STARTED, j, k->q->row.name);
	}
	return 0;
}

static void
learn_lane(struct claim *k, const struct rows *rows, size_t asked)
{
	struct claimer_lane *l = &k->q->lanes[k->lane];
	const struct ready *last;

	l->maybe = rows->n == asked;
	l->head_us = 0;
	if (rows->n == 0)
		return;
	last = ROW(rows, struct ready, rows->n - 1);
	l->head_us = l->maybe ? last->ready_at.us : 0;
	if (last->tag > l->seen)
		l->seen = last->tag;
	if (last->tag > l->hint)
		l->hint = last->tag - ((int64_t)BEHIND << TAG_BITS);
	jobs_virtual_raise(k->c->shm, k->q->key, k->lane,
	    jobs_tag_time(last->tag));
}

/* From the hint; when that finds nothing and it is time, from the start. */
static int
look(struct claim *k, size_t want, struct rows *rows, struct err *e)
{
	struct claimer_lane *l = &k->q->lanes[k->lane];
	int64_t start, cost;

	if (db_all(k->db, k->a, &READY_TAKE, ARGS(V(k->q->row.id),
	    V(k->lane), V(l->hint), V((int64_t)want)), rows, e) == -1)
		return -1;
	start = clock_boot_ns();
	if (rows->n > 0 || l->hint <= 0 ||
	    start - l->scanned_ns < l->scan_every_ns)
		return 0;
	if (db_all(k->db, k->a, &READY_TAKE, ARGS(V(k->q->row.id),
	    V(k->lane), V(0), V((int64_t)want)), rows, e) == -1)
		return -1;
	cost = clock_boot_ns() - start;
	l->scanned_ns = start;
	l->scan_every_ns = 100 * cost;
	if (l->scan_every_ns < 500 * MS)
		l->scan_every_ns = 500 * MS;
	if (l->scan_every_ns > 30000 * MS)
		l->scan_every_ns = 30000 * MS;
	return 0;
}

/* A place under a limit whose job was cancelled meanwhile goes to the next. */
static int
give_back(struct claim *k, size_t from, struct err *e)
{
	for (size_t i = 0; i < k->nkeyed; i++) {
		const struct ready *r = k->keyed[i];
		bool claimed = false;

		for (size_t j = from; j < k->rows.n; j++)
			claimed = claimed || uuid_equal(k->rows.v[j].id,
			    r->job_id);
		if (!claimed && jobs_limit_release(k->db, k->a, r->tenant_id,
		    r->limit_key, e) == -1)
			return -1;
	}
	return 0;
}

/* What came of n places asked for: rows in k->rows. */
static int
take_rows(struct claim *k, size_t n, struct err *e)
{
	size_t from = k->rows.n;
	struct rows rows;

	if (look(k, n, &rows, e) == -1)
		return -1;
	learn_lane(k, &rows, n);
	if (rows.n == 0)
		return 0;
	if (sort_out(k, &rows, e) == -1 ||
	    (k->ntags > 0 && delete_ready(k, e) == -1))
		return -1;
	if (k->n == 0)
		return 0;
	if (update_jobs(k, e) == -1 || read_jobs(k, e) == -1)
		return -1;
	return give_back(k, from, e);
}

static int
claim_lane(struct claim *k, size_t want, struct err *e)
{
	size_t before = k->rows.n, n = want > JOBS_BATCH ? JOBS_BATCH : want;
	size_t taken, got;

	if (claimer_allow(k->db, k->q, &n, e) == -1)
		return -1;
	taken = n;
	if (n > 0 && claimer_rate(k->db, k->q, &n, e) == -1)
		return -1;
	if (n == 0)
		k->q->lanes[k->lane].maybe = false;
	else if (take_rows(k, n, e) == -1)
		return -1;
	got = k->rows.n - before;
	if (k->q->row.max_running <= 0 || got == taken)
		return 0;
	return claimer_give(k->db, k->q, taken - got, e);
}

/* ---- one cycle ------------------------------------------------------------------------- */

struct cycle {
	struct jobs_claimer *c;
	struct arena *a;
	const struct jobs_lease *lease;
	const struct jobs_outcome *done;
	size_t ndone, want;
	struct claim k;
	int64_t claim_n;
	struct val closed[JOBS_BATCH];
	size_t nclosed;
};

/* tenant, id, token of each job: 40 bytes. */
static struct blob
packed(struct arena *a, const struct job_row *v, size_t n)
{
	uint8_t *p = arena_alloc(a, n * JOBS_PACKED), *at = p;

	for (size_t i = 0; i < n; i++, at += JOBS_PACKED) {
		memcpy(at, v[i].tenant_id.b, 16);
		memcpy(at + 16, v[i].id.b, 16);
		memcpy(at + 32, &v[i].token, 8);
	}
	return (struct blob){ p, n * JOBS_PACKED };
}

static int
note_claim(struct cycle *y, struct db *db, struct err *e)
{
	struct blob b = packed(y->a, y->k.rows.v, y->k.rows.n);

	if (y->k.rows.n == 0)
		return 0;
	return db_exec(db, &CLAIM_INSERT, ARGS(V((int64_t)y->lease->id),
	    V(y->claim_n), V(b)), NULL, e);
}

/* Claim rows whose last job is settled now. */
static int
close_claims(struct cycle *y, struct db *db, struct err *e)
{
	struct val v[1 + JOBS_BATCH] = { V((int64_t)y->lease->id) };

	if (y->nclosed == 0)
		return 0;
	jobs_pad(v + 1, y->closed, y->nclosed);
	return db_exec(db, &CLAIM_DELETE, v, 1 + JOBS_BATCH, NULL, e);
}

static int
settle(struct cycle *y, struct db *db, struct err *e)
{
	for (size_t i = 0; i < y->ndone; i += JOBS_BATCH) {
		size_t n = y->ndone - i < JOBS_BATCH ? y->ndone - i :
		    JOBS_BATCH;

		if (jobs_settle(db, y->a, y->done + i, n, y->lease->id, NULL,
		    e) == -1)
			return -1;
	}
	return close_claims(y, db, e);
}

static int
settle_only(struct db *db, void *arg, struct err *e)
{
	return settle(arg, db, e);
}

static int
claim(struct cycle *y, struct db *db, struct err *e)
{
	y->k = (struct claim){ .c = y->c, .db = db, .a = y->a,
	    .lease = y->lease, .pack = event_pack_new(y->a) };
	for (int i = 0; i < LOOKS && y->k.rows.n < y->want; i++) {
		if ((y->k.q = claimer_queue(y->c)) == NULL)
			break;
		y->k.lane = claimer_lane(y->k.q);
		if (claim_lane(&y->k, y->want - y->k.rows.n, e) == -1)
			return -1;
	}
	if (note_claim(y, db, e) == -1)
		return -1;
	return event_pack_publish(db, y->k.pack, e);
}

static int
both(struct db *db, void *arg, struct err *e)
{
	struct cycle *y = arg;

	/* a try before may have moved the hints past what was rolled back */
	memcpy(y->c->v, y->c->before, y->c->n * sizeof(*y->c->v));
	if (settle(y, db, e) == -1)
		return -1;
	return claim(y, db, e);
}

/* Which claim rows end with these outcomes; counted for good only after the
 * commit. */
static void
count_closed(struct cycle *y)
{
	for (size_t i = 0; i < y->c->open.n; i++) {
		struct open_claim *o = &y->c->open.v[i];
		size_t left = o->left;

		for (size_t j = 0; j < y->ndone; j++)
			left -= y->done[j].claim_n == o->n;
		if (left == 0 && y->nclosed < JOBS_BATCH)
			y->closed[y->nclosed++] = V(o->n);
	}
}

static void
forget_closed(struct cycle *y)
{
	size_t keep = 0;

	for (size_t i = 0; i < y->c->open.n; i++) {
		struct open_claim o = y->c->open.v[i];
		bool closed = false;

		for (size_t j = 0; j < y->ndone; j++)
			o.left -= y->done[j].claim_n == o.n;
		for (size_t j = 0; j < y->nclosed; j++)
			closed = closed || y->closed[j].i == o.n;
		if (!closed)
			y->c->open.v[keep++] = o;
	}
	y->c->open.n = keep;
}

static void
remember_claim(struct cycle *y, struct jobs_claimed *out)
{
	out->v = y->k.rows.v;
	out->n = y->k.rows.n;
	out->claim_n = y->claim_n;
	if (out->n > 0)
		*VEC_ADD(y->c->a, &y->c->open) = (struct open_claim){
		    y->claim_n, out->n };
	for (size_t i = 0; i < y->c->n; i++)
		out->more = out->more || claimer_any(&y->c->v[i]);
	for (size_t i = 0; i < out->n; i++) {
		struct utc from = out->v[i].run_at.us > out->v[i].created_at.us
		    ? out->v[i].run_at : out->v[i].created_at;
		int64_t us = out->v[i].started_at.us - from.us;

		if (out->v[i].attempt == 1 && us >= 0)
			metric_observe_ns(&job_wait_seconds, 0, 0,
			    (uint64_t)us * 1000);
	}
}

int
jobs_cycle(struct jobs_claimer *c, struct db *db, struct arena *a,
    const struct jobs_lease *lease, const struct jobs_outcome *done,
    size_t ndone, size_t want, struct jobs_claimed *out, struct err *e)
{
	struct cycle y = { .c = c, .a = a, .lease = lease, .done = done,
	    .ndone = ndone, .want = want, .claim_n = ++c->claim_n };
	int rc;

	*out = (struct jobs_claimed){ .v = NULL };
	if (want > 0 && claimer_know(c, db, a, e) == -1)
		return -1;
	count_closed(&y);
	memcpy(c->before, c->v, c->n * sizeof(*c->v));
	if (want > 0 && (ndone > 0 || claimer_queue(c) != NULL))
		rc = db_txn(db, a, both, &y, e);
	else
		rc = ndone > 0 ? db_txn(db, a, settle_only, &y, e) : 0;
	if (rc == -1 && ndone > 0 && want > 0) {
		/* what is finished first, alone */
		out->uncertain = true;
		err_clear(e);
		memcpy(c->v, c->before, c->n * sizeof(*c->v));
		y.k.rows.n = 0;
		rc = db_txn(db, a, settle_only, &y, e);
	}
	if (rc == -1) {
		memcpy(c->v, c->before, c->n * sizeof(*c->v));
		return -1;
	}
	out->settled = ndone;
	forget_closed(&y);
	remember_claim(&y, out);
	return 0;
}

int
jobs_claimer_recover(struct jobs_claimer *c, struct db *db, struct arena *a,
    const struct jobs_lease *lease, size_t *n, struct err *e)
{
	int64_t *known = arena_array(a, c->open.n + 1, sizeof(*known));

	for (size_t i = 0; i < c->open.n; i++)
		known[i] = c->open.v[i].n;
	return jobs_recover(db, a, lease->id, known, c->open.n, n, e);
}
