/*
 * `quincunx component`: the same use-cases from the terminal.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "modules/auth/auth.h"
#include "modules/platform/service.h"
#include "modules/platform/terminal.h"

static int
list(struct env *env, int argc, char **argv)
{
	const struct component *const *all = platform_components(env->a,
	    env->modules);
	struct err e = { 0 };

	(void)argv;
	if (argc != 0)
		return platform_terminal_usage("component list");
	for (; *all != NULL; all++) {
		struct platform_component row;
		int rc = platform_component_by_name(env->db, env->a,
		    (*all)->name, &row, &e);

		if (rc == -1)
			return platform_terminal_error(&e);
		printf("%-24s %-8s %s\n", (*all)->name,
		    rc == 0 ? row.desired : "running", (*all)->doc);
	}
	return 0;
}

struct act {
	struct env *env;
	const char *name;
	enum platform_action what;
	const char *word;
	struct rows changes;
};

static int
act_txn(struct db *db, void *arg, struct err *e)
{
	struct act *x = arg;
	struct uuid none = { { 0 } };

	if (platform_service_act(db, x->env->a, x->env->modules, x->name,
	    x->what, "terminal", clock_now(), &x->changes, e) == -1)
		return -1;
	return auth_audit_note(db, none, "quincunx", arena_printf(x->env->a,
	    "system.component.%s", x->word), "component", x->name, NULL, e);
}

static int
act(struct env *env, const char *word, int argc, char **argv)
{
	struct act x = { .env = env, .word = word,
	    .what = platform_action_parse(word) };
	struct err e = { 0 };

	if (argc != 1)
		return platform_terminal_usage("component start|stop|pause|resume "
		    "NAME");
	x.name = argv[0];
	if (db_txn(env->db, env->a, act_txn, &x, &e) == -1)
		return platform_terminal_error(&e);
	for (size_t i = 0; i < x.changes.n; i++) {
		const struct platform_change *c = ROW(&x.changes,
		    struct platform_change, i);

		printf("%s: %s, was %s\n", c->name, c->now, c->was);
	}
	return 0;
}

#define ACT(word) \
static int \
act_##word(struct env *env, int argc, char **argv) \
{ \
	return act(env, #word, argc, argv); \
}
ACT(start)
ACT(stop)
ACT(pause)
ACT(resume)

const struct command platform_service_commands[] = {
	{ "component list", "", "Components and what is wanted of them",
	  false, list },
	{ "component start", "NAME", "Starts a component and what it needs",
	  false, act_start },
	{ "component stop", "NAME", "Stops a component after what needs it",
	  false, act_stop },
	{ "component pause", "NAME", "Pauses a component and what needs it",
	  false, act_pause },
	{ "component resume", "NAME", "Lets a paused component go on", false,
	  act_resume },
	{ .name = NULL }
};
