/*
 * Helpers run by cron: one instance per host, one line about the outcome, an
 * exit status that cron can mail about. A run that finds the lock taken ends
 * quietly.
 */
#include <stdio.h>
#include <string.h>

#include "app/app.h"
#include "app/manual.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "conf/base.h"
#include "proc/proc.h"
#include "shm/shm.h"

static int
cron_run(struct env *env, struct boot *b, int (*work)(struct env *, int,
    char **, struct err *), struct err *e)
{
	const struct base_conf *cf = conf_get(env->conf, &base_settings);
	int64_t start = clock_boot_ns();
	int lock, rc;

	rc = proc_lock(arena_printf(env->a, "%s/%s.lock", cf->run_dir,
	    b->program), &lock, e);
	if (rc == 1)
		return 0;
	if (rc == -1 || shm_slot_take(env->shm, b->program, e) == -1)
		return 1;
	if (work(env, b->argc, b->argv, e) == -1) {
		log_error("scheduler", "run failed", KV("program", b->program),
		    KV("detail", (const char *)e->detail),
		    KV("cause", (const char *)e->cause));
		return 1;
	}
	log_debug("scheduler", "run ended", KV("program", b->program),
	    KV("ms", (clock_boot_ns() - start) / 1000000));
	return 0;
}

int
app_cron(const struct module *const *mods, const char *name, int argc,
    char **argv, int (*work)(struct env *, int, char **, struct err *))
{
	struct boot b = { .program = name, .modules = mods, .argc = argc,
	    .argv = argv };
	struct err e = { 0 };
	struct env *env = NULL;
	int rc = 1;

	if (manual_asked(name, argc, argv))
		return 0;
	if (app_boot(&env, &b, &e) == 0)
		rc = cron_run(env, &b, work, &e);
	if (e.status != 0)
		rc = app_die(name, &e);
	app_end(env, &b);
	return rc;
}
