/*
 * Finished jobs that are old enough go, with all that hangs on them, in
 * batches of one transaction each. Jobs that somebody has locked are left for
 * the next time.
 */
#include "base/arena.h"
#include "base/clock.h"
#include "base/random.h"
#include "jobs/inner.h"

enum { BATCH = 500 };

struct old {
	struct uuid id, tenant_id;
};
static const struct field old_fields[] = {
	FIELD(struct old, id, .doc = "Job"),
	FIELD(struct old, tenant_id, .doc = "Whose"), FIELD_END
};
static const struct schema old_schema = {
	.name = "JobsOld", .size = sizeof(struct old), .fields = old_fields
};
/* Ids begin with the time of their making, which is before the end. */
static const struct query JOB_OLD = { "jobs_job.old",
	"SELECT id, tenant_id FROM jobs_job FORCE INDEX (PRIMARY) "
	"WHERE id > ? AND id < ? AND state >= 10 AND finished_at < ? "
	"ORDER BY id LIMIT ? FOR UPDATE SKIP LOCKED", &old_schema };
static const struct query ATTEMPT_OLD = { "jobs_attempt.old",
	"DELETE FROM jobs_attempt WHERE tenant_id = ? AND job_id = ?", NULL };
static const struct query DEAD_OLD = { "jobs_dead.old",
	"DELETE FROM jobs_dead WHERE tenant_id = ? AND job_id = ?", NULL };
static const struct query NEED_OLD = { "jobs_need.old",
	"DELETE FROM jobs_need WHERE tenant_id = ? AND job_id = ?", NULL };
static const struct query JOB_DELETE = { "jobs_job.delete",
	"DELETE FROM jobs_job WHERE tenant_id = ? AND id = ?", NULL };

/* Concurrency keys that nothing uses: the next job of one makes it again. */
#define NO_JOB(from) "AND (tenant_id, limit_key) NOT IN (SELECT x.tenant_id, " \
	"x.limit_key FROM " from " WHERE x.limit_key IS NOT NULL) "
static const struct query LIMIT_OLD = { "jobs_limit.old",
	"DELETE FROM jobs_limit WHERE running = 0 " NO_JOB("jobs_ready x")
	NO_JOB("jobs_parked x")
	NO_JOB("jobs_delayed d JOIN jobs_job x ON x.id = d.job_id")
	NO_JOB("jobs_need n JOIN jobs_job x ON x.id = n.job_id AND n.open "
	"AND x.state = 1") "LIMIT ?", NULL };

const struct query *const jobs_purge_queries[] = {
	&JOB_OLD, &ATTEMPT_OLD, &DEAD_OLD, &NEED_OLD, &JOB_DELETE,
	&LIMIT_OLD, NULL
};

struct purge {
	struct arena *a;
	struct uuid after, below;
	struct utc before;
	size_t n;
	struct uuid last;
};

static int
purge(struct db *db, void *arg, struct err *e)
{
	static const struct query *const all[] = { &ATTEMPT_OLD, &DEAD_OLD,
	    &NEED_OLD, &JOB_DELETE };
	struct purge *p = arg;
	struct rows rows;
	struct val *v;

	if (db_all(db, p->a, &JOB_OLD, ARGS(val_id(p->after), V(p->below),
	    V(p->before), V(BATCH)), &rows, e) == -1)
		return -1;
	p->n = rows.n;
	if (rows.n == 0)
		return 0;
	v = arena_array(p->a, 2 * rows.n, sizeof(*v));
	for (size_t i = 0; i < rows.n; i++) {
		v[2 * i] = val_id(ROW(&rows, struct old, i)->tenant_id);
		v[2 * i + 1] = V(ROW(&rows, struct old, i)->id);
	}
	p->last = ROW(&rows, struct old, rows.n - 1)->id;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (db_exec_many(db, all[i], v, 2, rows.n, NULL, e) == -1)
			return -1;
	return 0;
}

int
jobs_purge(struct db *db, struct arena *a, int64_t keep_days, size_t *n,
    struct err *e)
{
	struct utc before = { clock_now().us - keep_days * 86400 * US_PER_S };
	struct purge p = { .before = before, .below = uuid_first(before) };
	uint64_t keys;
	int rc = 0;

	(void)a;
	*n = 0;
	do {
		p.a = arena_new(16 << 20);
		rc = db_txn(db, p.a, purge, &p, e);
		arena_free(p.a);
		if (rc == 0)
			*n += p.n;
		p.after = p.last;
	} while (rc == 0 && p.n == BATCH);
	do {
		if (rc == 0)
			rc = db_exec(db, &LIMIT_OLD, ARGS(V(BATCH)), &keys,
			    e);
	} while (rc == 0 && keys == BATCH);
	return rc;
}
