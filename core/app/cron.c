/*
 * Helpers run by cron: one instance per host, one line about the outcome, an
 * exit status that cron can mail about. A run that finds the lock taken ends
 * quietly.
 */
#include <stdio.h>
#include <string.h>

#include "app/app.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "conf/base.h"
#include "proc/proc.h"
#include "shm/shm.h"

int
app_cron(const struct module *const *mods, const char *name, int argc,
    char **argv, int (*work)(struct env *, int, char **, struct err *))
{
	struct boot b = { .program = name, .modules = mods, .argc = argc,
	    .argv = argv };
	const struct base_conf *cf;
	struct err e = { 0 };
	struct env *env;
	int64_t start = clock_boot_ns();
	int lock, rc;

	if (app_boot(&env, &b, &e) == -1)
		return app_die(name, &e);
	cf = conf_get(env->conf, &base_settings);
	rc = proc_lock(arena_printf(env->a, "%s/%s.lock", cf->run_dir, name),
	    &lock, &e);
	if (rc == 1)
		return 0;
	if (rc == -1 || shm_slot_take(env->shm, name, &e) == -1)
		return app_die(name, &e);
	if (work(env, b.argc, b.argv, &e) == -1) {
		log_error("scheduler", "run failed", KV("program", name),
		    KV("detail", (const char *)e.detail),
		    KV("cause", (const char *)e.cause));
		return app_die(name, &e);
	}
	log_debug("scheduler", "run ended", KV("program", name),
	    KV("ms", (clock_boot_ns() - start) / 1000000));
	return 0;
}
