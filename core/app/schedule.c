/*
 * quincunx-schedule: what a worker does all the time, done once, for hosts
 * without daemons: a turn of each loop that allows it, delayed jobs whose time
 * has come, jobs of dead workers; with --work also the jobs themselves, one
 * after another, for at most 55 seconds, so that a run each minute is enough.
 * Where a dispatcher runs, the jobs are left to it.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/app.h"
#include "app/worker.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "proc/proc.h"
#include "shm/shm.h"

enum { WORK_S = 55, CAP = 256 << 20 };

struct round {
	size_t loops_failed, promoted, taken_back;
	bool worked;			/* no dispatcher was in the way */
	uint64_t jobs;
};

/* Twice the lease: whoever could not reach the database either has had the
 * time to come back. */
static int
upkeep(struct env *env, struct round *r, struct err *e)
{
	const struct jobs_conf *cf = conf_get(env->conf, &jobs_settings);
	struct arena *a = arena_new(CAP);
	int64_t next_us;
	int rc;

	rc = jobs_reap(env->db, a, cf->lease_s, &r->taken_back, e);
	if (rc == 0)
		rc = jobs_promote(env->db, a, &r->promoted, &next_us, e);
	arena_free(a);
	return rc;
}

static int
work(struct env *env, struct round *r, struct err *e)
{
	const struct worker_conf *cf = conf_get(env->conf, &worker_settings);
	struct dispatch_options o = { .children = 1, .until_empty = true,
	    .until_boot_ns = clock_boot_ns() + WORK_S * INT64_C(1000000000),
	    .ended = &r->jobs };
	int rc;

	proc_child_signals();
	rc = worker_dispatch(env, cf, &o, e);
	r->worked = rc == 0;
	return rc == -1 ? -1 : 0;
}

static int
usage(struct err *e)
{
	return err_set(e, 500, "usage", "usage: quincunx-schedule [-c FILE] "
	    "[-o KEY=VALUE] [--work]");
}

static int
schedule(struct env *env, int argc, char **argv, struct err *e)
{
	bool jobs = argc == 2 && strcmp(argv[1], "--work") == 0;
	struct round r = { 0 };

	if (argc > 1 && !jobs)
		return usage(e);
	if (db_ping(env->db, e) == -1)
		return -1;
	r.loops_failed = worker_tick(env, e);
	err_clear(e);
	if (upkeep(env, &r, e) == -1 || (jobs && work(env, &r, e) == -1))
		return -1;
	if (r.jobs > 0) {	/* what they have to tell goes out now */
		r.loops_failed += worker_tick(env, e);
		err_clear(e);
	}
	shm_word_set(env->shm, SEEN_TICK, 1);
	if (jobs)
		shm_word_set(env->shm, SEEN_CRON, 1);
	log_info("scheduler", "scheduled", KV("promoted",
	    (uint64_t)r.promoted), KV("taken_back", (uint64_t)r.taken_back),
	    KV("loops_failed", (uint64_t)r.loops_failed),
	    KV("worked", r.worked), KV("jobs", r.jobs));
	if (isatty(STDOUT_FILENO))
		printf("%zu promoted, %zu taken back, %llu jobs run\n",
		    r.promoted, r.taken_back, (unsigned long long)r.jobs);
	return r.loops_failed == 0 ? 0 : err_set(e, 500, "loops",
	    "%zu loops failed; see the log", r.loops_failed);
}

int
app_schedule(const struct module *const *mods, int argc, char **argv)
{
	return app_cron(mods, "quincunx-schedule", argc, argv, schedule);
}
