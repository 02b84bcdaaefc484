/*
 * quincunx-worker: a manager of ours with a dispatcher and the control loops
 * as its pools. What a manager gives the responder it gives here too: a
 * throttle for children that die young, reload without a gap, drain, systemd.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/app.h"
#include "app/manual.h"
#include "app/worker.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/log.h"
#include "base/random.h"
#include "base/vec.h"
#include "proc/proc.h"
#include "shm/shm.h"

static const struct setting rows[] = {
	SETTING(struct worker_conf, children, "worker.children", .def = "0",
	    .min = 0, .max = 128,
	    .doc = "Jobs at once on this host; 0 = as many as processors"),
	SETTING(struct worker_conf, ahead, "worker.ahead", .def = "4",
	    .min = 0, .max = 30, .unit = "jobs",
	    .doc = "Quick jobs given to a child ahead of time"),
	SETTING(struct worker_conf, max_jobs, "worker.max_jobs",
	    .def = "100000", .min = 0, .max = 1000000000, .unit = "jobs",
	    .doc = "A job child retires after so many; 0 = never"),
	SETTING(struct worker_conf, grace_s, "worker.grace", .def = "10",
	    .min = 1, .max = 3600, .unit = "seconds",
	    .doc = "Between asking a job to stop and killing its process"),
	SETTING(struct worker_conf, drain_s, "worker.drain", .def = "30",
	    .min = 1, .max = 3600, .unit = "seconds",
	    .doc = "Running jobs may go on for so long when the worker ends"),
	SETTING_END
};
const struct settings worker_settings = {
	"worker", sizeof(struct worker_conf), rows, NULL
};

struct worker {
	struct boot boot;
	struct env *env;
	const struct loop_ref *loops;
	struct pool *pools;		/* [0] dispatcher, then the loops */
	size_t n;
};

static size_t
children_of(const struct worker_conf *cf)
{
	long n = cf->children > 0 ? (long)cf->children :
	    sysconf(_SC_NPROCESSORS_ONLN);

	return n > 0 ? (size_t)n : 1;
}

static int
dispatch_child(struct env *env)
{
	const struct worker_conf *cf = conf_get(env->conf, &worker_settings);
	struct dispatch_options o = { .children = children_of(cf) };
	struct err e = { 0 };

	proc_child_signals();
	if (worker_dispatch(env, cf, &o, &e) != -1)
		return 0;
	log_error("scheduler", "dispatcher ended",
	    KV("detail", (const char *)e.detail),
	    KV("cause", (const char *)e.cause));
	return 1;
}

static int
pool_child(struct pool *p, int listen_fd, void *arg)
{
	struct worker *w = arg;
	size_t i = (size_t)(p - w->pools);

	(void)listen_fd;
	w->env->managed = true;
	w->env->process = uuid_new();
	if (i == 0)
		return dispatch_child(w->env);
	return worker_loop(w->env, w->loops[i - 1].loop,
	    w->loops[i - 1].shard);
}

static void
make_pools(struct worker *w)
{
	size_t n = worker_loops(w->env->a, w->env->modules, &w->loops);

	if (w->pools == NULL) {
		w->n = n + 1;
		w->pools = arena_array(w->boot.a, w->n, sizeof(*w->pools));
	}
	for (size_t i = 0; i < w->n; i++)
		w->pools[i] = (struct pool){ .run = pool_child, .arg = w,
		    .name = i == 0 ? "dispatch" : w->loops[i - 1].loop->name,
		    .conf = { .children = 1, .mode = "static" } };
}

/* A reload that changed the set of modules needs a restart: the manager's
 * pools are what they were. */
static int
worker_reload(void *arg, struct err *e)
{
	struct worker *w = arg;
	struct env *env, *old = w->env;
	const struct loop_ref *v;

	if (app_reload(&env, &w->boot, e) == -1)
		return -1;
	if (worker_loops(env->a, env->modules, &v) + 1 != w->n) {
		app_env_free(env);
		err_set(e, 500, "modules", "modules.enabled has changed: "
		    "restart the worker");
		return -1;
	}
	w->env = env;
	make_pools(w);
	app_env_free(old);
	return 0;
}

int
app_worker(const struct module *const *mods, int argc, char **argv)
{
	static struct worker w;
	struct err e = { 0 };
	int rc = 1;

	if (manual_asked("quincunx-worker", argc, argv))
		return 0;
	w.boot = (struct boot){ .program = "quincunx-worker",
	    .modules = mods, .flags = BOOT_EXEC, .argc = argc,
	    .argv = argv };
	if (app_boot(&w.env, &w.boot, &e) == 0) {
		const struct worker_conf *cf = conf_get(w.env->conf,
		    &worker_settings);
		struct manager_hooks hooks = { .reload = worker_reload,
		    .arg = &w, .shm = w.env->shm, .uncounted = true,
		    .drain_s = cf->drain_s + 15 };

		make_pools(&w);
		rc = manager_run(w.pools, w.n, &hooks, &e);
	}
	if (e.status != 0)
		rc = app_die(w.boot.program, &e);
	app_end(w.env, &w.boot);
	return rc;
}
