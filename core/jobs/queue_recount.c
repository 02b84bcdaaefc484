/*
 * Counts that must agree with what really runs: concurrency keys and queues
 * with a limit. What looks wrong in a first pass without locks is counted
 * again under the row's lock: nobody takes or gives a place meanwhile, so that
 * count is exact. Parked jobs that fit become ready.
 */
#include <string.h>

#include "base/arena.h"
#include "base/random.h"
#include "base/vec.h"
#include "jobs/inner.h"

enum { KEYS = 200, CLAIMS = 500 };

struct key_row {
	struct uuid tenant_id;
	struct blob limit_key;
	int64_t max_running, running, parked;
};
static const struct field key_fields[] = {
	FIELD(struct key_row, tenant_id, .doc = "Whose"),
	FIELD(struct key_row, limit_key, .doc = "Concurrency key"),
	FIELD(struct key_row, max_running, .doc = "At once"),
	FIELD(struct key_row, running, .doc = "As counted"),
	FIELD(struct key_row, parked, .doc = "Somebody is parked"), FIELD_END
};
static const struct schema key_schema = {
	.name = "JobsKey", .size = sizeof(struct key_row),
	.fields = key_fields
};
struct queue_count {
	int64_t id, running;
};
static const struct field queue_fields[] = {
	FIELD(struct queue_count, id, .doc = "Queue"),
	FIELD(struct queue_count, running, .doc = "As counted"), FIELD_END
};
static const struct schema queue_schema = {
	.name = "JobsQueueCount", .size = sizeof(struct queue_count),
	.fields = queue_fields
};
struct claim_row {
	int64_t lease_id, n;
	struct blob jobs;
};
static const struct field claim_fields[] = {
	FIELD(struct claim_row, lease_id, .doc = "Lease"),
	FIELD(struct claim_row, n, .doc = "Slot"),
	FIELD(struct claim_row, jobs, .doc = "Its jobs, packed"), FIELD_END
};
static const struct schema claim_schema = {
	.name = "JobsClaimAll", .size = sizeof(struct claim_row),
	.fields = claim_fields
};
struct run_row {
	struct uuid id, tenant_id;
	int64_t queue_id;
	struct blob limit_key;
	bool counted;
};
static const struct field run_fields[] = {
	FIELD(struct run_row, id, .doc = "Job"),
	FIELD(struct run_row, tenant_id, .doc = "Whose"),
	FIELD(struct run_row, queue_id, .doc = "Queue"),
	FIELD(struct run_row, limit_key, .flags = FF_NULLABLE,
	    .doc = "Concurrency key"),
	FIELD(struct run_row, counted, .doc = "Counted in its queue's limit"),
	FIELD_END
};
static const struct schema run_schema = {
	.name = "JobsRunning", .size = sizeof(struct run_row),
	.fields = run_fields
};

/* Only keys in use: those counted or parked. */
static const struct query KEY_ALL = { "jobs_limit.all",
	"SELECT l.tenant_id, l.limit_key, l.max_running, l.running, EXISTS "
	"(SELECT 1 FROM jobs_parked p WHERE p.tenant_id = l.tenant_id AND "
	"p.limit_key = l.limit_key) AS parked FROM jobs_limit l "
	"WHERE (l.tenant_id > ? OR (l.tenant_id = ? AND l.limit_key > ?)) "
	"HAVING l.running > 0 OR parked ORDER BY l.tenant_id, l.limit_key "
	"LIMIT ?", &key_schema };
static const struct query KEY_ONE = { "jobs_limit.recount_one",
	"SELECT tenant_id, limit_key, max_running, running FROM jobs_limit "
	"WHERE tenant_id = ? AND limit_key = ? LIMIT 1", &key_schema };
static const struct query KEY_LOCK = { "jobs_limit.recount_lock",
	"SELECT tenant_id, limit_key, max_running, running FROM jobs_limit "
	"WHERE tenant_id = ? AND limit_key = ? LIMIT 1 FOR UPDATE",
	&key_schema };
static const struct query KEY_SET = { "jobs_limit.recount_set",
	"UPDATE jobs_limit SET running = ? WHERE tenant_id = ? "
	"AND limit_key = ?", NULL };
static const struct query QUEUE_COUNTED = { "jobs_queue.counted",
	"SELECT id, running FROM jobs_queue WHERE max_running IS NOT NULL "
	"OR running <> 0 ORDER BY id LIMIT 1000", &queue_schema };
static const struct query QUEUE_LOCK = { "jobs_queue.recount_lock",
	"SELECT id, running FROM jobs_queue WHERE id = ? LIMIT 1 FOR UPDATE",
	&queue_schema };
static const struct query QUEUE_FIX = { "jobs_queue.recount_set",
	"UPDATE jobs_queue SET running = ? WHERE id = ?", NULL };
static const struct query CLAIM_PAGE = { "jobs_claim.page",
	"SELECT lease_id, n, jobs FROM jobs_claim WHERE lease_id > ? OR "
	"(lease_id = ? AND n > ?) ORDER BY lease_id, n LIMIT ?",
	&claim_schema };
static const struct query RUNNING = { "jobs_job.running",
	"SELECT id, tenant_id, queue_id, limit_key, counted FROM jobs_job "
	"FORCE INDEX (PRIMARY) WHERE id IN " JOBS_IN16 " AND state = 5 "
	"LIMIT 16", &run_schema };

const struct query *const jobs_recount_queries[] = {
	&KEY_ALL, &KEY_ONE, &KEY_LOCK, &KEY_SET, &QUEUE_COUNTED, &QUEUE_LOCK,
	&QUEUE_FIX, &CLAIM_PAGE, &RUNNING, NULL
};

/* ---- what runs ------------------------------------------------------------------- */

struct running {
	struct db *db;
	struct arena *a;
	VEC(struct run_row) v;	/* with a key, or counted */
};

static bool
there(const struct running *r, struct uuid id)
{
	for (size_t i = 0; i < r->v.n; i++)
		if (uuid_equal(r->v.v[i].id, id))
			return true;
	return false;
}

/* A job may be in two rows of its lease: the older one only not yet gone. */
static int
add_jobs(struct running *r, const uint8_t *p, size_t n, struct err *e)
{
	struct val ids[JOBS_BATCH], v[JOBS_BATCH];
	struct rows rows;

	for (size_t i = 0; i < n; i++) {
		struct uuid id;

		memcpy(id.b, p + i * JOBS_PACKED + 16, 16);
		ids[i] = V(id);
	}
	jobs_pad(v, ids, n);
	if (db_all(r->db, r->a, &RUNNING, v, JOBS_BATCH, &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		const struct run_row *x = ROW(&rows, struct run_row, i);

		if ((x->counted || x->limit_key.n > 0) && !there(r, x->id))
			*VEC_ADD(r->a, &r->v) = *x;
	}
	return 0;
}

static int
add_claim(struct running *r, const struct claim_row *c, struct err *e)
{
	size_t n = c->jobs.n / JOBS_PACKED;
	const uint8_t *p = c->jobs.p;

	for (size_t i = 0; i < n; i += JOBS_BATCH)
		if (add_jobs(r, p + i * JOBS_PACKED, n - i < JOBS_BATCH ?
		    n - i : JOBS_BATCH, e) == -1)
			return -1;
	return 0;
}

static int
what_runs(struct running *r, struct err *e)
{
	int64_t lease = 0, n = 0;
	struct rows rows;

	r->v.v = NULL;
	r->v.n = r->v.cap = 0;
	do {
		if (db_all(r->db, r->a, &CLAIM_PAGE, ARGS(V(lease), V(lease),
		    V(n), V(CLAIMS)), &rows, e) == -1)
			return -1;
		for (size_t i = 0; i < rows.n; i++) {
			const struct claim_row *c = ROW(&rows,
			    struct claim_row, i);

			if (add_claim(r, c, e) == -1)
				return -1;
			lease = c->lease_id;
			n = c->n;
		}
	} while (rows.n == CLAIMS);
	return 0;
}

static int64_t
of_key(const struct running *r, const struct key_row *k)
{
	int64_t n = 0;

	for (size_t i = 0; i < r->v.n; i++)
		n += r->v.v[i].limit_key.n == 16 &&
		    memcmp(r->v.v[i].limit_key.p, k->limit_key.p, 16) == 0 &&
		    uuid_equal(r->v.v[i].tenant_id, k->tenant_id);
	return n;
}

static int64_t
of_queue(const struct running *r, int64_t id)
{
	int64_t n = 0;

	for (size_t i = 0; i < r->v.n; i++)
		n += r->v.v[i].counted && r->v.v[i].queue_id == id;
	return n;
}

/* ---- under the lock ----------------------------------------------------------------- */

struct recount {
	struct running r;
	const struct key_row *key;
	int64_t queue;
	size_t fixed;
};

static int
recount_key(struct db *db, void *arg, struct err *e)
{
	struct recount *x = arg;
	struct key_row k;
	int64_t n;
	int rc = db_one(db, x->r.a, &KEY_LOCK, ARGS(val_id(
	    x->key->tenant_id), V(x->key->limit_key)), &k, e);

	if (rc != 0)
		return rc == 1 ? 0 : -1;
	if (what_runs(&x->r, e) == -1)
		return -1;
	n = of_key(&x->r, &k);
	x->fixed = n != k.running;
	/* one more than it is, so that the release below makes it right */
	if (db_exec(db, &KEY_SET, ARGS(V(n + 1), val_id(k.tenant_id),
	    V(k.limit_key)), NULL, e) == -1)
		return -1;
	return jobs_limit_release(db, x->r.a, k.tenant_id, k.limit_key, e);
}

static int
recount_queue(struct db *db, void *arg, struct err *e)
{
	struct recount *x = arg;
	struct queue_count q;
	int64_t n;
	int rc = db_one(db, x->r.a, &QUEUE_LOCK, ARGS(V(x->queue)), &q, e);

	if (rc != 0)
		return rc == 1 ? 0 : -1;
	if (what_runs(&x->r, e) == -1)
		return -1;
	n = of_queue(&x->r, q.id);
	x->fixed = n != q.running;
	return n == q.running ? 0 : db_exec(db, &QUEUE_FIX, ARGS(V(n),
	    V(q.id)), NULL, e);
}

/* ---- the pass without locks ------------------------------------------------------------- */

static int
fix(struct db *db, struct recount *x, int (*fn)(struct db *, void *,
    struct err *), size_t *fixed, struct err *e)
{
	struct arena *a = arena_new(64 << 20);
	int rc;

	x->r.a = a;
	x->r.db = db;
	x->fixed = 0;
	rc = db_txn(db, a, fn, x, e);
	if (rc == 0)
		*fixed += x->fixed;
	arena_free(a);
	return rc;
}

static int
keys(struct db *db, struct arena *a, const struct running *r, size_t *fixed,
    struct err *e)
{
	struct uuid tenant = { { 0 } };
	struct blob key = { "", 0 };
	struct rows rows;

	do {
		if (db_all(db, a, &KEY_ALL, ARGS(val_id(tenant),
		    val_id(tenant), V(key), V(KEYS)), &rows, e) == -1)
			return -1;
		for (size_t i = 0; i < rows.n; i++) {
			const struct key_row *k = ROW(&rows, struct key_row,
			    i);
			struct recount x = { .key = k };

			tenant = k->tenant_id;
			key = k->limit_key;
			if (of_key(r, k) == k->running && (!k->parked ||
			    k->running >= k->max_running))
				continue;
			if (fix(db, &x, recount_key, fixed, e) == -1)
				return -1;
		}
	} while (rows.n == KEYS);
	return 0;
}

/* Keys that run, whatever was counted. */
static int
running_keys(struct db *db, struct arena *a, const struct running *r,
    size_t *fixed, struct err *e)
{
	for (size_t i = 0; i < r->v.n; i++) {
		struct key_row k, mine = { .tenant_id = r->v.v[i].tenant_id,
		    .limit_key = r->v.v[i].limit_key };
		struct recount x = { .key = &mine };
		int rc;

		if (mine.limit_key.n == 0)
			continue;
		rc = db_one(db, a, &KEY_ONE, ARGS(val_id(mine.tenant_id),
		    V(mine.limit_key)), &k, e);
		if (rc == -1 || (rc == 0 && of_key(r, &mine) != k.running &&
		    fix(db, &x, recount_key, fixed, e) == -1))
			return -1;
	}
	return 0;
}

static int
queues(struct db *db, struct arena *a, const struct running *r,
    size_t *fixed, struct err *e)
{
	struct rows rows;

	if (db_all(db, a, &QUEUE_COUNTED, NO_ARGS, &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		const struct queue_count *q = ROW(&rows, struct queue_count,
		    i);
		struct recount x = { .queue = q->id };

		if (of_queue(r, q->id) != q->running &&
		    fix(db, &x, recount_queue, fixed, e) == -1)
			return -1;
	}
	return 0;
}

int
jobs_recount(struct db *db, struct arena *a, size_t *fixed, struct err *e)
{
	struct running r = { .db = db, .a = a };

	*fixed = 0;
	if (what_runs(&r, e) == -1 || keys(db, a, &r, fixed, e) == -1 ||
	    running_keys(db, a, &r, fixed, e) == -1)
		return -1;
	return queues(db, a, &r, fixed, e);
}
