/*
 * What external workers do with the jobs they hold. Refuses a token that is
 * not of the running start (409 job_lost); a job of another tenant does not
 * exist (404). Invariant: a lost answer changes nothing, because the same
 * outcome told twice is answered twice and done once.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "modules/platform/work.h"

enum { PROMOTE_MS = 200, REAP_MS = 5000, REAP_GRACE_S = 30 };

const struct bulkhead platform_work_bulkhead = { "job_claim", 64 };

/* ---- upkeep ------------------------------------------------------------------ */

/* True for one process of the host, once in so many ms. */
static bool
turn(struct env *env, const char *name, int64_t ms)
{
	uint64_t now = (uint64_t)clock_boot_ns(), last;

	if (env->shm == NULL)
		return true;
	last = shm_word_get(env->shm, name, NULL);
	if (last != 0 && now > last && now - last < (uint64_t)ms * 1000000)
		return false;
	if (!shm_step_begin(env->shm, name))
		return false;
	shm_word_set(env->shm, name, now);
	shm_step_end(env->shm, name);
	return true;
}

int
platform_work_upkeep(struct env *env, struct db *db, struct err *e)
{
	struct arena *a;
	int64_t next;
	size_t n;
	int rc = 0;

	if (!turn(env, "jobs.promote", PROMOTE_MS))
		return 0;
	a = arena_new(16 << 20);
	rc = jobs_promote(db, a, &n, &next, e);
	/* Long after the end only: who could not renew because the database
	 * was away has renewed by then. */
	if (rc == 0 && turn(env, "jobs.reap", REAP_MS))
		rc = jobs_reap(db, a, REAP_GRACE_S, &n, e);
	arena_free(a);
	return rc;
}

/* ---- the holder's word --------------------------------------------------------- */

static bool
told_before(const struct job_row *now, const struct jobs_hold *h,
    enum jobs_end end)
{
	if (now->token != h->token)
		return false;
	switch (end) {
	case END_DONE:
		return now->state == JS_SUCCEEDED;
	case END_RETRY:
	case END_FAIL:
		return now->state == JS_FAILED || now->state == JS_RETRYING;
	case END_RELEASE:
		return now->state == JS_QUEUED;
	default:
		return false;
	}
}

/* After 409 job_lost: 404 for a job that is not there at all, 1 when this very
 * outcome was told before. */
static int
look_again(struct db *db, struct arena *a, const struct jobs_hold *h,
    const struct jobs_outcome *o, struct job_row *now, struct err *e)
{
	struct err lost = *e;
	int rc;

	if (lost.status != 409 || lost.native != 0)
		return -1;
	err_clear(e);
	rc = jobs_by_id(db, a, h->tenant, h->id, now, e);
	if (db_found(rc, "Job", e) == -1)
		return -1;
	if (o != NULL && told_before(now, h, o->end))
		return 1;
	*e = lost;
	return -1;
}

struct beat {
	struct arena *a;
	const struct jobs_hold *h;
	int64_t lease_s;
	int progress;
	const char *note;
	struct platform_work_beat *out;
};

static int
beat(struct db *db, void *arg, struct err *e)
{
	struct beat *b = arg;
	struct job_row *j = &b->out->job;
	struct jobs_outcome o = { .end = END_TIMEOUT,
	    .error_class = "timeout", .error = "Its time was over" };

	if (jobs_pull_heartbeat(db, b->a, b->h, b->lease_s, b->progress,
	    b->note, j, e) == -1)
		return look_again(db, b->a, b->h, NULL, j, e);
	b->out->over = clock_now().us > j->started_at.us +
	    j->timeout_s * US_PER_S;
	if (!b->out->over)
		return 0;
	return jobs_pull_end(db, b->a, b->h, &o, j, e);
}

int
platform_work_heartbeat(struct db *db, struct arena *a,
    const struct jobs_hold *h, int64_t lease_s, int progress,
    const char *note, struct platform_work_beat *out, struct err *e)
{
	struct beat b = { .a = a, .h = h, .lease_s = lease_s,
	    .progress = progress, .note = note, .out = out };

	return db_txn(db, a, beat, &b, e);
}

int
platform_work_end(struct db *db, struct arena *a, const struct jobs_hold *h,
    struct jobs_outcome *o, struct job_row *now, bool *repeated,
    struct err *e)
{
	int rc;

	*repeated = false;
	if (jobs_pull_end(db, a, h, o, now, e) == 0)
		return 0;
	rc = look_again(db, a, h, o, now, e);
	*repeated = rc == 1;
	return rc == -1 ? -1 : 0;
}
