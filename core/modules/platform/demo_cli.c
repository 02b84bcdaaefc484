/*
 * `quincunx demo make|reset`: asks each module for its demonstration. What one
 * module cannot do is said and does not keep the others from theirs.
 */
#include <stdbool.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/err.h"
#include "db/env.h"
#include "module.h"
#include "modules/platform/demo.h"
#include "modules/platform/terminal.h"

static int
of_module(struct env *env, const struct module *m, bool reset,
    const struct demo_owner *o)
{
	const char *told = "";
	struct err e = { 0 };

	if (m->demo == NULL)
		return 0;
	if ((reset ? m->demo->reset : m->demo->make)(env, o, &told, &e) ==
	    -1) {
		fprintf(stderr, "demo: %s: %s\n", m->name, e.detail);
		return 1;
	}
	printf("%s: %s\n", m->name, told);
	return 0;
}

static int
each(struct env *env, bool reset)
{
	struct demo_owner o;
	struct err e = { 0 };
	size_t n = 0;
	int rc = platform_demo_owner(env->db, env->a, &o, &e);

	if (rc != 0) {
		fprintf(stderr, "demo: %s\n", rc == 1 ?
		    "there is no user yet" : e.detail);
		return 1;
	}
	o.now = clock_now();
	while (env->modules[n] != NULL)
		n++;
	for (size_t i = 0; i < n; i++)
		rc |= of_module(env, env->modules[reset ? n - 1 - i : i],
		    reset, &o);
	return rc;
}

static int
demo_make(struct env *env, int argc, char **argv)
{
	(void)argv;
	return argc > 0 ? platform_terminal_usage("demo make") :
	    each(env, false);
}

static int
demo_reset(struct env *env, int argc, char **argv)
{
	(void)argv;
	return argc > 0 ? platform_terminal_usage("demo reset") :
	    each(env, true);
}

const struct command platform_demo_commands[] = {
	{ .name = "demo make", .usage = "",
	    .doc = "Makes what there is to look at before anything real is "
	    "connected: a simulated cloud account, a paper account that "
	    "trades a replayed day", .run = demo_make },
	{ .name = "demo reset", .usage = "",
	    .doc = "Takes it all out again", .run = demo_reset },
	{ .name = NULL }
};
