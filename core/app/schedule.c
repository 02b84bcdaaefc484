/*
 * quincunx-schedule: what a worker does all the time, done once, for hosts
 * without daemons: a turn of each loop that allows it, delayed jobs whose time
 * has come, jobs of dead workers; with --work also the jobs themselves, one
 * after another. None is begun after 55 seconds, so a run each minute is
 * enough; one that takes longer is let end, while the next runs do all but the
 * jobs. Where a dispatcher runs, the jobs are left to it.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/app.h"
#include "app/manual.h"
#include "app/worker.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "conf/base.h"
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

/* 1: another run is at it. */
static int
tick(struct env *env, struct round *r, struct err *e)
{
	const struct base_conf *cf = conf_get(env->conf, &base_settings);
	int lock, rc;

	rc = proc_lock(arena_printf(env->a, "%s/quincunx-schedule.lock",
	    cf->run_dir), &lock, e);
	if (rc != 0)
		return rc;
	r->loops_failed += worker_tick(env, e);
	err_clear(e);
	rc = upkeep(env, r, e);
	close(lock);
	shm_word_set(env->shm, SEEN_TICK, 1);
	return rc;
}

static void
tell(const struct round *r)
{
	log_info("scheduler", "scheduled",
	    KV("promoted", (uint64_t)r->promoted),
	    KV("taken_back", (uint64_t)r->taken_back),
	    KV("loops_failed", (uint64_t)r->loops_failed),
	    KV("worked", r->worked), KV("jobs", r->jobs));
	if (isatty(STDOUT_FILENO))
		printf("%zu promoted, %zu taken back, %llu jobs run\n",
		    r->promoted, r->taken_back, (unsigned long long)r->jobs);
}

static int
schedule(struct env *env, int argc, char **argv, struct err *e)
{
	bool jobs = argc == 2 && strcmp(argv[1], "--work") == 0;
	struct round r = { 0 };

	if (argc > 1 && !jobs)
		return usage(e);
	if (db_ping(env->db, e) == -1 || tick(env, &r, e) == -1 ||
	    (jobs && work(env, &r, e) == -1) ||
	    /* what the jobs have to tell goes out now */
	    (r.jobs > 0 && tick(env, &r, e) == -1))
		return -1;
	tell(&r);
	return r.loops_failed == 0 ? 0 : err_set(e, 500, "loops",
	    "%zu loops failed; see the log", r.loops_failed);
}

static int
run(struct env *env, struct boot *b, struct err *e)
{
	if (shm_slot_take(env->shm, "schedule", e) == -1)
		return 1;
	if (schedule(env, b->argc, b->argv, e) == 0)
		return 0;
	log_error("scheduler", "run failed", KV("program", b->program),
	    KV("detail", (const char *)e->detail),
	    KV("cause", (const char *)e->cause));
	return 1;
}

int
app_schedule(const struct module *const *mods, int argc, char **argv)
{
	struct boot b = { .program = "quincunx-schedule", .modules = mods,
	    .argc = argc, .argv = argv };
	struct err e = { 0 };
	struct env *env = NULL;
	int rc = 1;

	if (manual_asked("quincunx-schedule", argc, argv))
		return 0;
	if (app_boot(&env, &b, &e) == 0)
		rc = run(env, &b, &e);
	if (e.status != 0)
		rc = app_die(b.program, &e);
	app_end(env, &b);
	return rc;
}
