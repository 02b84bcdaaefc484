/*
 * Upkeep that any process may do: delayed jobs whose time has come, counts
 * that must agree with what really runs, finished jobs that are old enough.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/vec.h"
#include "jobs/inner.h"

enum { PROMOTE = 100, PURGE = 1000, KEYS = 200 };

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
struct key_row {
	struct uuid tenant_id;
	struct blob limit_key;
	int64_t max_running, running, really;
};
static const struct field key_fields[] = {
	FIELD(struct key_row, tenant_id, .doc = "Whose"),
	FIELD(struct key_row, limit_key, .doc = "Concurrency key"),
	FIELD(struct key_row, max_running, .doc = "At once"),
	FIELD(struct key_row, running, .doc = "As counted"),
	FIELD(struct key_row, really, .doc = "As it is"), FIELD_END
};
static const struct schema key_schema = {
	.name = "JobsKey", .size = sizeof(struct key_row),
	.fields = key_fields
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
	"AND state IN (2, 6) LIMIT 1 FOR UPDATE", &job_row_schema };
static const struct query JOB_QUEUED = { "jobs_job.queued",
	"UPDATE jobs_job SET state = 3, run_at = NULL, version = version + 1 "
	"WHERE id = ?", NULL };
/* Only keys in use: those counted or parked. */
static const struct query KEY_ALL = { "jobs_limit.all",
	"SELECT l.tenant_id, l.limit_key, l.max_running, l.running, "
	"l.running AS really FROM jobs_limit l WHERE (l.running > 0 OR EXISTS "
	"(SELECT 1 FROM jobs_parked p WHERE p.tenant_id = l.tenant_id AND "
	"p.limit_key = l.limit_key)) AND (l.tenant_id, l.limit_key) > (?, ?) "
	"ORDER BY l.tenant_id, l.limit_key LIMIT ?", &key_schema };
static const struct query KEY_LOCK = { "jobs_limit.recount_lock",
	"SELECT tenant_id, limit_key, max_running, running, running AS really "
	"FROM jobs_limit WHERE tenant_id = ? AND limit_key = ? LIMIT 1 "
	"FOR UPDATE", &key_schema };
static const struct query JOB_RUNNING = { "jobs_job.running",
	"SELECT " JOB_COLUMNS " FROM jobs_job WHERE id IN " JOBS_IN16
	" AND state = 5 LIMIT 16", &job_row_schema };
static const struct query KEY_SET = { "jobs_limit.recount_set",
	"UPDATE jobs_limit SET running = ? WHERE tenant_id = ? "
	"AND limit_key = ?", NULL };
static const struct query JOB_OLD = { "jobs_job.old",
	"DELETE FROM jobs_job WHERE id < ? AND state >= 10 "
	"AND finished_at < ? LIMIT ?", NULL };
static const struct query ATTEMPT_OLD = { "jobs_attempt.old",
	"DELETE a FROM jobs_attempt a LEFT JOIN jobs_job j ON j.id = a.job_id "
	"WHERE a.job_id < ? AND j.id IS NULL", NULL };
static const struct query DEAD_OLD = { "jobs_dead.old",
	"DELETE d FROM jobs_dead d LEFT JOIN jobs_job j ON j.id = d.job_id "
	"WHERE d.job_id < ? AND j.id IS NULL", NULL };
static const struct query NEED_OLD = { "jobs_need.old",
	"DELETE n FROM jobs_need n LEFT JOIN jobs_job j ON j.id = n.job_id "
	"WHERE n.job_id < ? AND j.id IS NULL", NULL };

struct claimed_row {
	int64_t tag;
	struct blob jobs;
};
static const struct field claimed_fields[] = {
	FIELD(struct claimed_row, tag, .doc = "Batch"),
	FIELD(struct claimed_row, jobs, .doc = "Its jobs"), FIELD_END
};
static const struct schema claimed_schema = {
	.name = "JobsClaimedRow", .size = sizeof(struct claimed_row),
	.fields = claimed_fields
};
static const struct query CLAIMED_ALL = { "jobs_claim.everything",
	"SELECT n AS tag, jobs FROM jobs_claim ORDER BY lease_id, n "
	"LIMIT 10000", &claimed_schema };

const struct query *const jobs_upkeep_queries[] = {
	&DELAYED_DUE, &DELAYED_DELETE, &DELAYED_NEXT, &JOB_DUE, &JOB_QUEUED,
	&KEY_ALL, &KEY_LOCK, &CLAIMED_ALL, &JOB_RUNNING, &KEY_SET, &JOB_OLD,
	&ATTEMPT_OLD, &DEAD_OLD, &NEED_OLD, NULL
};

/* ---- delayed jobs ------------------------------------------------------------------ */

struct promote {
	struct arena *a;
	size_t n, seen;
};

static int
promote_one(struct promote *p, struct db *db, const struct delayed *d,
    struct err *e)
{
	struct job_row j;
	int rc;

	if (db_exec(db, &DELAYED_DELETE, ARGS(V(d->run_at), val_id(
	    d->tenant_id), V(d->job_id)), NULL, e) == -1)
		return -1;
	rc = db_one(db, p->a, &JOB_DUE, ARGS(V(d->job_id), val_id(
	    d->tenant_id)), &j, e);
	if (rc != 0)		/* cancelled meanwhile */
		return rc == 1 ? 0 : -1;
	j.run_at.us = 0;
	if (jobs_put_back(db, p->a, &j, e) == -1 ||
	    db_exec(db, &JOB_QUEUED, ARGS(V(j.id)), NULL, e) == -1)
		return -1;
	p->n++;
	return 0;
}

static int
promote(struct db *db, void *arg, struct err *e)
{
	struct promote *p = arg;
	struct rows rows;

	p->n = 0;
	if (db_all(db, p->a, &DELAYED_DUE, ARGS(V(PROMOTE)), &rows, e) == -1)
		return -1;
	p->seen = rows.n;
	for (size_t i = 0; i < rows.n; i++)
		if (promote_one(p, db, ROW(&rows, struct delayed, i),
		    e) == -1)
			return -1;
	return 0;
}

int
jobs_promote(struct db *db, struct arena *a, size_t *n, int64_t *next_us,
    struct err *e)
{
	struct promote p = { .a = a };
	struct next_row next;

	*n = 0;
	*next_us = 0;
	do {
		if (db_txn(db, a, promote, &p, e) == -1)
			return -1;
		*n += p.n;
	} while (p.seen == PROMOTE);
	if (db_one(db, a, &DELAYED_NEXT, NO_ARGS, &next, e) == -1)
		return -1;
	if (next.at.us != 0)
		*next_us = clock_now().us + (next.in_us > 0 ? next.in_us : 0);
	return 0;
}

/* ---- concurrency keys ---------------------------------------------------------------- */

struct running {
	struct arena *a;
	VEC(struct job_row) v;
};

/* Every job that really runs now and has a key. */
static int
running_jobs(struct running *r, struct db *db, struct err *e)
{
	struct val ids[JOBS_BATCH], v[JOBS_BATCH];
	struct rows claims, rows;

	if (db_all(db, r->a, &CLAIMED_ALL, NO_ARGS, &claims, e) == -1)
		return -1;
	for (size_t i = 0; i < claims.n; i++) {
		const struct claimed_row *c = ROW(&claims, struct claimed_row,
		    i);
		const uint8_t *p = c->jobs.p;
		size_t k = c->jobs.n / JOBS_PACKED;

		for (size_t j = 0; j < k; ) {
			size_t n = 0;

			for (; n < JOBS_BATCH && j < k; n++, j++) {
				struct uuid id;

				memcpy(id.b, p + j * JOBS_PACKED + 16, 16);
				ids[n] = V(id);
			}
			jobs_pad(v, ids, n);
			if (db_all(db, r->a, &JOB_RUNNING, v, JOBS_BATCH,
			    &rows, e) == -1)
				return -1;
			for (size_t m = 0; m < rows.n; m++)
				if (ROW(&rows, struct job_row,
				    m)->limit_key.n > 0)
					*VEC_ADD(r->a, &r->v) = *ROW(&rows,
					    struct job_row, m);
		}
	}
	return 0;
}

struct recount {
	struct running r;
	struct key_row key;
	size_t fixed;
};

/* Under the lock of the key's row nobody claims or finishes a job of it, so
 * the count is exact. */
static int
recount_key(struct db *db, void *arg, struct err *e)
{
	struct recount *x = arg;
	struct key_row k;
	int64_t n = 0;
	int rc = db_one(db, x->r.a, &KEY_LOCK, ARGS(val_id(x->key.tenant_id),
	    V(x->key.limit_key)), &k, e);

	if (rc != 0)
		return rc == 1 ? 0 : -1;
	x->r.v.n = 0;
	if (running_jobs(&x->r, db, e) == -1)
		return -1;
	for (size_t i = 0; i < x->r.v.n; i++)
		n += uuid_equal(x->r.v.v[i].tenant_id, k.tenant_id) &&
		    memcmp(x->r.v.v[i].limit_key.p, k.limit_key.p, 16) == 0;
	if (n != k.running)
		x->fixed++;
	/* one more than it is, so that the release below makes it right */
	if (db_exec(db, &KEY_SET, ARGS(V(n + 1), val_id(k.tenant_id),
	    V(k.limit_key)), NULL, e) == -1)
		return -1;
	return jobs_limit_release(db, x->r.a, k.tenant_id, k.limit_key, e);
}

int
jobs_recount(struct db *db, struct arena *a, size_t *fixed, struct err *e)
{
	struct recount x = { .r = { .a = arena_new(64 << 20) } };
	struct uuid tenant = { { 0 } };
	struct blob key = { "", 0 };
	struct rows rows;
	int rc = 0;

	*fixed = 0;
	do {
		if (db_all(db, a, &KEY_ALL, ARGS(val_id(tenant), V(key),
		    V(KEYS)), &rows, e) == -1) {
			rc = -1;
			break;
		}
		for (size_t i = 0; i < rows.n && rc == 0; i++) {
			x.key = *ROW(&rows, struct key_row, i);
			rc = db_txn(db, x.r.a, recount_key, &x, e);
			x.r.v.v = NULL;
			x.r.v.n = x.r.v.cap = 0;
			arena_reset(x.r.a);
			tenant = x.key.tenant_id;
			key = x.key.limit_key;
		}
	} while (rc == 0 && rows.n == KEYS);
	*fixed = x.fixed;
	arena_free(x.r.a);
	return rc;
}

/* ---- old jobs ---------------------------------------------------------------------------- */

/* The smallest UUIDv7 of that instant. */
static struct uuid
first_id(int64_t us)
{
	uint64_t ms = (uint64_t)(us / 1000);
	struct uuid id = { { 0 } };

	for (int i = 0; i < 6; i++)
		id.b[i] = (uint8_t)(ms >> (40 - 8 * i));
	return id;
}

int
jobs_purge(struct db *db, struct arena *a, int64_t keep_days, size_t *n,
    struct err *e)
{
	struct utc old = { clock_now().us - keep_days * 86400 * US_PER_S };
	struct uuid below = first_id(old.us);
	uint64_t hit;

	(void)a;
	*n = 0;
	do {
		if (db_exec(db, &JOB_OLD, ARGS(V(below), V(old), V(PURGE)), &hit,
		    e) == -1)
			return -1;
		*n += (size_t)hit;
	} while (hit == PURGE);
	if (db_exec(db, &ATTEMPT_OLD, ARGS(V(below)), NULL, e) == -1 ||
	    db_exec(db, &DEAD_OLD, ARGS(V(below)), NULL, e) == -1 ||
	    db_exec(db, &NEED_OLD, ARGS(V(below)), NULL, e) == -1)
		return -1;
	return 0;
}
