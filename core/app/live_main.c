/*
 * quincunx-live: one gateway under the manager of core/proc, which holds the
 * listening socket, starts a new gateway on SIGHUP before the old one sends
 * its clients away, and replaces one that dies.
 */
#include <stdio.h>

#include "app/app.h"
#include "app/manual.h"
#include "app/live_proc.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/random.h"
#include "conf/base.h"
#include "db/env.h"
#include "proc/proc.h"
#include "shm/shm.h"

struct live_main {
	struct boot boot;
	struct env *env;
	struct pool pool;
};

enum { GRACE_S = 10 };

static int
gateway_child(struct pool *p, int listen_fd, void *arg)
{
	struct live_main *m = arg;
	struct err e = { 0 };

	(void)p;
	m->env->managed = true;
	m->env->process = uuid_new();
	shm_after_fork(m->env->shm);
	if (shm_slot_take(m->env->shm, "live", &e) == -1)
		return app_die(m->boot.program, &e);
	return gateway_run(m->env, listen_fd);
}

static void
pool_set(struct live_main *m)
{
	const struct platform_live_conf *cf = conf_get(m->env->conf,
	    &platform_live_settings);

	m->pool = (struct pool){ .name = "live", .listen = cf->listen,
	    .conf = { .children = 1, .mode = "static", .min_spare = 1,
	    .max_spare = 1 }, .run = gateway_child, .arg = m };
}

static int
reload(void *arg, struct err *e)
{
	struct live_main *m = arg;
	struct env *env, *old = m->env;

	if (app_reload(&env, &m->boot, e) == -1)
		return -1;
	m->env = env;
	pool_set(m);
	app_env_free(old);
	return 0;
}

static int
run(struct live_main *m, struct err *e)
{
	const struct platform_live_conf *cf = conf_get(m->env->conf,
	    &platform_live_settings);
	struct manager_hooks hooks = { .reload = reload, .arg = m,
	    .drain_s = cf->drain_s + GRACE_S };
	int lock, rc;

	rc = proc_lock(arena_printf(m->env->a, "%s/quincunx-live.lock",
	    ((const struct base_conf *)conf_get(m->env->conf,
	    &base_settings))->run_dir), &lock, e);
	if (rc == 1)
		return err_set(e, 409, "running", "another quincunx-live runs "
		    "in this run directory");
	if (rc == -1)
		return -1;
	pool_set(m);
	return manager_run(&m->pool, 1, &hooks, e);
}

int
app_live(const struct module *const *mods, int argc, char **argv)
{
	struct live_main m = { .boot = { .program = "quincunx-live",
	    .modules = mods, .argc = argc, .argv = argv } };
	struct err e = { 0 };
	int rc = 1;

	if (manual_asked("quincunx-live", argc, argv))
		return 0;
	if (app_boot(&m.env, &m.boot, &e) == 0)
		rc = run(&m, &e);
	if (e.status != 0)
		rc = app_die(m.boot.program, &e);
	app_end(m.env, &m.boot);
	return rc;
}
