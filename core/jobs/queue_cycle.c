/*
 * A dispatcher's cycle: settling the batch before and claiming the next in one
 * transaction. When that fails, what is finished is settled alone, so that one
 * bad claim cannot throw finished work away.
 *
 * Invariants: the claim rows of a lease name every job that runs under it; a
 * claim is written only while the lease exists, so that nothing can run that
 * nobody would take back; after a commit whose answer was lost, jobs that were
 * claimed unseen go back to their queue before anything else is done.
 */
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "jobs/claimer.h"
#include "shm/shm.h"

/* What only succeeds: most jobs, most of the time. Needs no look at the rows
 * before; a row that does not match makes the cycle go the long way. */
#define DONE "SET STATEMENT innodb_lock_wait_timeout = 0 FOR " \
	"UPDATE jobs_job FORCE INDEX (PRIMARY) SET state = 10, progress = 1000, " \
	"lease_id = 0, cancel = FALSE, error_class = '', error = '', " \
	"finished_at = NOW(6), version = version + 1"
#define PAIR "(?, ?)"
#define PAIRS4 PAIR ", " PAIR ", " PAIR ", " PAIR
static const struct query DONE_MANY = { "jobs_job.done_plain",
	DONE " WHERE id IN " JOBS_IN16 " AND (id, token) IN (" PAIRS4 ", "
	PAIRS4 ", " PAIRS4 ", " PAIRS4 ") AND state = 5 AND needed = FALSE",
	NULL };
static const struct query DONE_RESULTS = { "jobs_job.done_plain_result",
	DONE ", result = ? WHERE id = ? AND token = ? AND state = 5 "
	"AND needed = FALSE", NULL };

/* The lease's row is locked (shared): the reaper has not begun with it. */
static const struct query CLAIM_PUT = { "jobs_claim.put",
	"INSERT INTO jobs_claim (lease_id, n, jobs, at) SELECT l.id, ?, ?, "
	"NOW(6) FROM jobs_lease l WHERE l.id = ? LOCK IN SHARE MODE "
	"ON DUPLICATE KEY UPDATE jobs = VALUES(jobs), at = VALUES(at)", NULL };
static const struct query CLAIM_DELETE = { "jobs_claim.delete",
	"DELETE FROM jobs_claim WHERE lease_id = ? AND n IN " JOBS_IN16,
	NULL };

struct claim_row {
	int64_t n;
	struct blob jobs;
};
static const struct field claim_fields[] = {
	FIELD(struct claim_row, n, .doc = "Slot"),
	FIELD(struct claim_row, jobs, .doc = "Its jobs, packed"), FIELD_END
};
static const struct schema claim_schema = {
	.name = "JobsClaimMine", .size = sizeof(struct claim_row),
	.fields = claim_fields
};
static const struct query CLAIM_MINE = { "jobs_claim.mine",
	"SELECT n, jobs FROM jobs_claim WHERE lease_id = ? ORDER BY n "
	"LIMIT 1000", &claim_schema };

const struct query *const jobs_cycle_queries[] = {
	&DONE_MANY, &DONE_RESULTS, &CLAIM_PUT, &CLAIM_DELETE, &CLAIM_MINE,
	NULL
};

struct cycle {
	struct jobs_claimer *c;
	struct arena *a;
	const struct jobs_lease *lease;
	const struct jobs_outcome *done;
	size_t ndone, want;
	bool slow;		/* settle with a look at every row */
	bool mismatch;		/* why: a row was not as remembered */
	struct claim k;
	struct event_pack *pack;
	int64_t slot;		/* of the new claim */
	VEC(struct val) closed;	/* slots that nothing is left of */
	VEC(const struct jobs_outcome *) late;	/* rows that others hold */
};

static struct held *
held_of(struct jobs_claimer *c, const struct jobs_outcome *o)
{
	for (size_t i = 0; i < c->held.n; i++)
		if (c->held.v[i].token == o->token &&
		    uuid_equal(c->held.v[i].id, o->id))
			return &c->held.v[i];
	return NULL;
}

/* ---- settling ------------------------------------------------------------------------- */

static void
done_event(struct cycle *y, const struct held *h)
{
	struct job_row j = { .id = h->id, .tenant_id = h->tenant,
	    .type = h->type, .state = JS_SUCCEEDED, .progress = 1000,
	    .attempt = 1, .note = "", .error_class = "", .error = "",
	    .version = h->version + 1, .started_at = h->started_at };

	jobs_event_add(y->pack, JE_SUCCEEDED, &j, h->queue);
}

static int
matched(struct cycle *y, uint64_t hit, size_t n, struct err *e)
{
	if (hit == n)
		return 0;
	y->mismatch = true;
	return err_set(e, 409, "job_changed", "A job changed meanwhile");
}

/* A row that somebody holds: the next try looks at each. */
static int
not_plain(struct cycle *y, const struct err *e)
{
	y->slow = y->slow || e->native == 1205;
	return -1;
}

static int
done_plain(struct cycle *y, struct db *db, const struct jobs_outcome *const *o,
    size_t n, struct err *e)
{
	struct val v[3 * JOBS_BATCH], ids[JOBS_BATCH];
	uint64_t hit;

	if (n == 0)
		return 0;
	for (size_t i = 0; i < n; i++)
		ids[i] = V(o[i]->id);
	jobs_pad(v, ids, n);
	for (size_t i = 0; i < JOBS_BATCH; i++) {
		v[JOBS_BATCH + 2 * i] = V(o[i < n ? i : 0]->id);
		v[JOBS_BATCH + 2 * i + 1] = V(o[i < n ? i : 0]->token);
	}
	if (db_exec(db, &DONE_MANY, v, 3 * JOBS_BATCH, &hit, e) == -1)
		return not_plain(y, e);
	return matched(y, hit, n, e);
}

static int
done_results(struct cycle *y, struct db *db,
    const struct jobs_outcome *const *o, size_t n, struct err *e)
{
	struct val v[3 * JOBS_BATCH];
	uint64_t hit;

	if (n == 0)
		return 0;
	for (size_t i = 0; i < n; i++) {
		v[3 * i] = V(o[i]->result);
		v[3 * i + 1] = V(o[i]->id);
		v[3 * i + 2] = V(o[i]->token);
	}
	if (db_exec_many(db, &DONE_RESULTS, v, 3, n, &hit, e) == -1)
		return not_plain(y, e);
	return matched(y, hit, n, e);
}

/* With a look at each row. */
static int
settle_rows(struct cycle *y, struct db *db,
    const struct jobs_outcome *const *o, size_t n, struct err *e)
{
	struct jobs_outcome v[JOBS_BATCH];
	struct jobs_settled out = { .skip = true };
	struct held *h;

	if (n == 0)
		return 0;
	for (size_t i = 0; i < n; i++)
		v[i] = *o[i];
	if (jobs_settle_pack(db, y->a, y->pack, v, n, &out, e) == -1)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (!out.busy[i])
			continue;
		*VEC_ADD(y->a, &y->late) = o[i];
		if ((h = held_of(y->c, o[i])) != NULL)
			h->ending = false;
	}
	return 0;
}

static int
settle_some(struct cycle *y, struct db *db, const struct jobs_outcome *o,
    size_t n, struct err *e)
{
	const struct jobs_outcome *plain[JOBS_BATCH], *result[JOBS_BATCH];
	const struct jobs_outcome *other[JOBS_BATCH];
	size_t np = 0, nr = 0, no = 0;

	for (size_t i = 0; i < n; i++) {
		struct held *h = held_of(y->c, &o[i]);

		if (h != NULL)
			h->ending = true;
		if (y->slow || h == NULL || !h->plain || o[i].stored ||
		    o[i].end != END_DONE) {
			other[no++] = &o[i];
			continue;
		}
		done_event(y, h);
		if (o[i].result == NULL)
			plain[np++] = &o[i];
		else
			result[nr++] = &o[i];
	}
	if (done_plain(y, db, plain, np, e) == -1 ||
	    done_results(y, db, result, nr, e) == -1)
		return -1;
	return settle_rows(y, db, other, no, e);
}

static int
settle(struct cycle *y, struct db *db, struct err *e)
{
	for (size_t i = 0; i < y->c->held.n; i++)
		y->c->held.v[i].ending = false;
	y->late.v = NULL;
	y->late.n = y->late.cap = 0;
	for (size_t i = 0; i < y->ndone; i += JOBS_BATCH) {
		size_t n = y->ndone - i < JOBS_BATCH ? y->ndone - i :
		    JOBS_BATCH;

		if (settle_some(y, db, y->done + i, n, e) == -1)
			return -1;
	}
	return 0;
}

/* ---- claim rows ----------------------------------------------------------------------- */

/* Slots of which this cycle settles everything that is left; the first free
 * one for the next claim. */
static void
plan_slots(struct cycle *y)
{
	struct jobs_claimer *c = y->c;

	y->closed.v = NULL;
	y->closed.n = y->closed.cap = 0;
	y->slot = 0;
	for (int64_t slot = 1; ; slot++) {
		bool used = false, left = false;

		for (size_t i = 0; i < c->held.n; i++) {
			if (c->held.v[i].slot != slot)
				continue;
			used = true;
			left = left || !c->held.v[i].ending;
		}
		if (used && !left)
			*VEC_ADD(y->a, &y->closed) = V(slot);
		if (!left && y->slot == 0)
			y->slot = slot;
		if (!used && slot > (int64_t)c->held.n)
			return;
	}
}

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
put_claim(struct cycle *y, struct db *db, struct err *e)
{
	struct blob b = packed(y->a, y->k.rows.v, y->k.rows.n);
	uint64_t hit;

	if (db_exec(db, &CLAIM_PUT, ARGS(V(y->slot), V(b),
	    V((int64_t)y->lease->id)), &hit, e) == -1)
		return -1;
	if (hit > 0)
		return 0;
	return err_set(e, 409, "lease_lost", "The lease is gone");
}

static int
write_claims(struct cycle *y, struct db *db, struct err *e)
{
	struct val v[1 + JOBS_BATCH] = { V((int64_t)y->lease->id) };
	struct val gone[JOBS_BATCH];
	size_t n = 0;

	if (y->k.rows.n > 0 && put_claim(y, db, e) == -1)
		return -1;
	for (size_t i = 0; i < y->closed.n; i++) {
		if (y->k.rows.n > 0 && y->closed.v[i].i == y->slot)
			continue;
		gone[n++] = y->closed.v[i];
		if (n < JOBS_BATCH && i + 1 < y->closed.n)
			continue;
		jobs_pad(v + 1, gone, n);
		if (db_exec(db, &CLAIM_DELETE, v, 1 + JOBS_BATCH, NULL,
		    e) == -1)
			return -1;
		n = 0;
	}
	if (n == 0)
		return 0;
	jobs_pad(v + 1, gone, n);
	return db_exec(db, &CLAIM_DELETE, v, 1 + JOBS_BATCH, NULL, e);
}

/* ---- jobs that were claimed unseen ------------------------------------------------------ */

struct adopt {
	struct cycle *y;
	struct db *db;
	VEC(struct jobs_outcome) back;
	VEC(struct val) rows;
};

/* Jobs of a claim row that nobody here knows of. */
static void
look_at_claim(struct adopt *x, const struct claim_row *r)
{
	const uint8_t *p = r->jobs.p;
	bool known = false;

	for (size_t n = r->jobs.n / JOBS_PACKED; n > 0; n--,
	    p += JOBS_PACKED) {
		struct jobs_outcome o = { .end = END_RELEASE };

		memcpy(o.tenant.b, p, 16);
		memcpy(o.id.b, p + 16, 16);
		memcpy(&o.token, p + 32, 8);
		if (held_of(x->y->c, &o) != NULL)
			known = true;
		else
			*VEC_ADD(x->y->a, &x->back) = o;
	}
	if (!known)
		*VEC_ADD(x->y->a, &x->rows) = V(r->n);
}

static int
adopt(struct db *db, void *arg, struct err *e)
{
	struct cycle *y = arg;
	struct adopt x = { .y = y, .db = db };
	struct val v[1 + JOBS_BATCH] = { V((int64_t)y->lease->id) };
	struct event_pack *pack = event_pack_new(y->a);
	struct jobs_settled out = { .skip = false };
	struct rows rows;

	if (db_all(db, y->a, &CLAIM_MINE, ARGS(V((int64_t)y->lease->id)),
	    &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++)
		look_at_claim(&x, ROW(&rows, struct claim_row, i));
	for (size_t i = 0; i < x.back.n; i += JOBS_BATCH)
		if (jobs_settle_pack(db, y->a, pack, x.back.v + i,
		    x.back.n - i < JOBS_BATCH ? x.back.n - i : JOBS_BATCH,
		    &out, e) == -1)
			return -1;
	for (size_t i = 0; i < x.rows.n; i += JOBS_BATCH) {
		jobs_pad(v + 1, x.rows.v + i, x.rows.n - i < JOBS_BATCH ?
		    x.rows.n - i : JOBS_BATCH);
		if (db_exec(db, &CLAIM_DELETE, v, 1 + JOBS_BATCH, NULL,
		    e) == -1)
			return -1;
	}
	return event_pack_publish(db, pack, e);
}

/* ---- one cycle ------------------------------------------------------------------------- */

static void
hints_back(struct jobs_claimer *c)
{
	memcpy(c->v, c->before, c->n * sizeof(*c->v));
}

static int
settle_only(struct db *db, void *arg, struct err *e)
{
	struct cycle *y = arg;

	y->pack = event_pack_new(y->a);
	y->k = (struct claim){ .c = y->c };
	if (settle(y, db, e) == -1)
		return -1;
	plan_slots(y);
	if (write_claims(y, db, e) == -1)
		return -1;
	return event_pack_publish(db, y->pack, e);
}

static int
both(struct db *db, void *arg, struct err *e)
{
	struct cycle *y = arg;

	/* a try before may have moved the hints past what was rolled back */
	hints_back(y->c);
	y->pack = event_pack_new(y->a);
	y->k = (struct claim){ .c = y->c, .db = db, .a = y->a,
	    .lease = y->lease, .pack = y->pack };
	if (settle(y, db, e) == -1)
		return -1;
	plan_slots(y);
	if (claim_some(&y->k, y->want, e) == -1 ||
	    write_claims(y, db, e) == -1)
		return -1;
	return event_pack_publish(db, y->pack, e);
}

/* With a look at every row when one was not as remembered. */
static int
run(struct cycle *y, struct db *db, int (*fn)(struct db *, void *,
    struct err *), struct err *e)
{
	int rc;

	y->mismatch = false;
	rc = db_txn(db, y->a, fn, y, e);
	if (rc == -1 && y->mismatch) {
		err_clear(e);
		y->slow = true;
		rc = db_txn(db, y->a, fn, y, e);
	}
	if (rc == -1)
		y->c->unsure = true;
	return rc;
}

static const char *
copy(struct arena *a, const char *s)
{
	return s == NULL ? NULL : arena_strdup(a, s);
}

/* Outcomes whose rows were busy are kept for the next cycle. */
static void
keep_late(struct cycle *y)
{
	struct jobs_claimer *c = y->c;
	struct arena *a = arena_new(64 << 20);
	struct jobs_outcome *v = arena_array(a, y->late.n, sizeof(*v));

	for (size_t i = 0; i < y->late.n; i++) {
		v[i] = *y->late.v[i];
		v[i].result = copy(a, v[i].result);
		v[i].error_class = copy(a, v[i].error_class);
		v[i].error = copy(a, v[i].error);
		v[i].crumbs = copy(a, v[i].crumbs);
		v[i].worker = copy(a, v[i].worker);
	}
	arena_free(c->late_a);
	c->late_a = a;
	c->late = v;
	c->nlate = y->late.n;
}

/* Those of before first. */
static void
add_late(struct cycle *y)
{
	struct jobs_claimer *c = y->c;
	struct jobs_outcome *v;

	if (c->nlate == 0)
		return;
	v = arena_array(y->a, c->nlate + y->ndone, sizeof(*v));
	memcpy(v, c->late, c->nlate * sizeof(*v));
	if (y->ndone > 0)
		memcpy(v + c->nlate, y->done, y->ndone * sizeof(*v));
	y->done = v;
	y->ndone += c->nlate;
}

static void
hold(struct cycle *y, size_t i)
{
	const struct job_row *j = &y->k.rows.v[i];
	struct held *h = VEC_ADD(y->c->a, &y->c->held);

	*h = (struct held){ .tenant = j->tenant_id, .id = j->id,
	    .token = j->token, .version = j->version, .slot = y->slot,
	    .started_at = j->started_at, .queue = y->k.queues.v[i],
	    .plain = j->unique_key.n == 0 && j->limit_key.n == 0 &&
	    !j->counted && !j->needed && j->attempt <= 1 };
	memcpy(h->type, j->type, strlen(j->type) + 1);
	if (j->attempt == 1 && y->k.waited_us.v[i] >= 0)
		metric_observe_ns(&job_wait_seconds, 0, 0,
		    (uint64_t)y->k.waited_us.v[i] * 1000);
}

static void
count_done(const struct held *h, const struct jobs_outcome *o)
{
	int64_t us = clock_now().us - h->started_at.us;

	if (!h->plain || o->stored || o->end != END_DONE)
		return;		/* jobs_settle() has counted it */
	metric_add(&jobs_total, jobs_outcome_index(JS_SUCCEEDED), 0, 1);
	if (us >= 0)
		metric_observe_ns(&job_run_seconds, 0, 0,
		    (uint64_t)us * 1000);
}

/* After the commit: what is held now. */
static void
remember(struct cycle *y, struct jobs_claimed *out)
{
	struct jobs_claimer *c = y->c;
	size_t keep = 0;

	for (size_t i = 0; i < y->ndone && !y->slow; i++) {
		const struct held *h = held_of(c, &y->done[i]);

		if (h != NULL)
			count_done(h, &y->done[i]);
	}
	for (size_t i = 0; i < c->held.n; i++)
		if (!c->held.v[i].ending)
			c->held.v[keep++] = c->held.v[i];
	c->held.n = keep;
	for (size_t i = 0; i < y->k.rows.n; i++)
		hold(y, i);
	out->v = y->k.rows.v;
	out->n = y->k.rows.n;
	out->claim_n = y->slot;
	if (c->nlate > 0 || y->late.n > 0)
		keep_late(y);
	out->late = c->nlate;
	for (size_t i = 0; i < c->n; i++)
		out->more = out->more || claimer_any(&c->v[i]);
}

static int
sure(struct cycle *y, struct db *db, struct err *e)
{
	if (!y->c->unsure)
		return 0;
	if (db_txn(db, y->a, adopt, y, e) == -1)
		return -1;
	y->c->unsure = false;
	return 0;
}

int
jobs_cycle(struct jobs_claimer *c, struct db *db, struct arena *a,
    const struct jobs_lease *lease, const struct jobs_outcome *done,
    size_t ndone, size_t want, struct jobs_claimed *out, struct err *e)
{
	struct cycle y = { .c = c, .a = a, .lease = lease, .done = done,
	    .ndone = ndone, .want = want };
	int rc = 0;

	*out = (struct jobs_claimed){ .settled = 0 };
	add_late(&y);
	if (sure(&y, db, e) == -1 ||
	    (want > 0 && claimer_know(c, db, a, e) == -1))
		return -1;
	memcpy(c->before, c->v, c->n * sizeof(*c->v));
	if (want > 0 && (y.ndone > 0 || claimer_some(c)))
		rc = run(&y, db, both, e);
	else if (y.ndone > 0)
		rc = run(&y, db, settle_only, e);
	else
		return 0;
	if (rc == -1 && y.ndone > 0 && want > 0) {
		/* what is finished first, alone */
		hints_back(c);
		err_clear(e);
		if ((rc = sure(&y, db, e)) == 0)
			rc = run(&y, db, settle_only, e);
	}
	if (rc == -1) {
		hints_back(c);
		return -1;
	}
	remember(&y, out);
	out->settled = ndone;
	if (want > 0)
		claimer_tell(c, db);
	return 0;
}
