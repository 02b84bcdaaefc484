/*
 * `quincunx switch`: the last resort from the terminal, for the whole
 * installation or one module of it.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "modules/auth/auth.h"
#include "modules/platform/switch.h"
#include "modules/platform/terminal.h"

static int
list(struct env *env, int argc, char **argv)
{
	struct uuid nil = { { 0 } };
	struct err e = { 0 };
	char at[CLOCK_TEXT];
	struct rows rows;

	(void)argv;
	if (argc != 0)
		return platform_terminal_usage("switch list");
	if (platform_switch_all(env->db, env->a, nil, &rows, &e) == -1)
		return platform_terminal_error(&e);
	for (size_t i = 0; i < rows.n; i++) {
		const struct platform_switch *s = ROW(&rows,
		    struct platform_switch, i);

		printf("%-8s %-16s %-8s %s %s\n", s->scope, s->name,
		    s->stopped ? "STOPPED" : "free",
		    clock_format(s->changed_at, at), s->changed_by);
	}
	return 0;
}

struct act {
	struct env *env;
	struct platform_switch s;
};

static int
act_txn(struct db *db, void *arg, struct err *e)
{
	struct act *x = arg;

	if (platform_switch_set(db, x->env->a, &x->s, e) == -1)
		return -1;
	return auth_audit_note(db, x->s.tenant_id, "quincunx",
	    x->s.stopped ? "system.switch.stop" : "system.switch.release",
	    "switch", x->s.scope, NULL, e);
}

static int
act(struct env *env, bool stop, int argc, char **argv)
{
	struct option_walk w = { .argc = argc, .argv = argv };
	struct act x = { .env = env, .s = { .scope = "all", .name = "",
	    .stopped = stop, .reason = "", .changed_by = "quincunx" } };
	const char *module = NULL, *reason = NULL;
	struct err e = { 0 };

	while (w.i < w.argc)
		if (!platform_terminal_option(&w, "--module", &module) &&
		    !platform_terminal_option(&w, "--reason", &reason))
			return platform_terminal_usage("switch stop|release "
			    "[--module NAME] [--reason TEXT]");
	if (module != NULL) {
		x.s.scope = "module";
		x.s.name = module;
	}
	if (reason != NULL)
		x.s.reason = reason;
	if (platform_switch_check(env->modules, x.s.scope, x.s.name,
	    &e) == -1 ||
	    db_txn(env->db, env->a, act_txn, &x, &e) == -1)
		return platform_terminal_error(&e);
	printf("%s %s: %s\n", x.s.scope, x.s.name,
	    stop ? "stopped" : "released");
	return 0;
}

static int
stop(struct env *env, int argc, char **argv)
{
	return act(env, true, argc, argv);
}

static int
release(struct env *env, int argc, char **argv)
{
	return act(env, false, argc, argv);
}

const struct command platform_switch_commands[] = {
	{ "switch list", "", "Stop switches of the installation", false,
	  list },
	{ "switch stop", "[--module NAME] [--reason TEXT]",
	  "Nothing more is sent outward", false, stop },
	{ "switch release", "[--module NAME] [--reason TEXT]",
	  "Releases what was stopped", false, release },
	{ .name = NULL }
};
