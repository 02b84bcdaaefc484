/*
 * `quincunx dependency`: the same from the terminal. Shows what this host's
 * segment knows.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "modules/auth/auth.h"
#include "modules/platform/dependency.h"
#include "modules/platform/terminal.h"

static int
list(struct env *env, int argc, char **argv)
{
	struct rows orders, rows;
	struct err e = { 0 };

	(void)argv;
	if (argc != 0)
		return platform_terminal_usage("dependency list");
	if (platform_dependency_all(env->db, env->a, &orders, &e) == -1)
		return platform_terminal_error(&e);
	platform_dependency_look(env, env->a, &orders, &rows);
	printf("%-16s %-9s %-8s %6s %6s %6s %7s %8s  %s\n", "NAME", "STATE",
	    "ORDER", "OK", "FAILED", "SLOW", "BUDGET", "PERMITS", "BY");
	for (size_t i = 0; i < rows.n; i++) {
		const struct platform_dependency_view *v = ROW(&rows,
		    struct platform_dependency_view, i);
		const struct platform_dependency_calls *c = v->calls;

		printf("%-16s %-9s %-8s %6lld %6lld %6lld %7.1f %4lld/%-3lld  "
		    "%s\n", v->name, v->state, v->mode,
		    (long long)c->ok, (long long)c->failed,
		    (long long)c->slow, v->retry_budget,
		    (long long)v->permits_used, (long long)v->permits,
		    v->changed_by != NULL ? v->changed_by : "");
	}
	return 0;
}

struct act {
	struct env *env;
	const char *word;
	struct platform_dependency d;
};

static int
act_txn(struct db *db, void *arg, struct err *e)
{
	struct act *x = arg;
	struct uuid none = { { 0 } };

	if (platform_dependency_order(x->env, db, x->env->a, &x->d, e) == -1)
		return -1;
	return auth_audit_note(db, none, "quincunx", arena_printf(x->env->a,
	    "system.dependency.%s", x->word), "dependency", x->d.name, NULL,
	    e);
}

static int
act(struct env *env, const char *word, int argc, char **argv)
{
	struct act x = { .env = env, .word = word };
	struct option_walk w = { .argc = argc - 1, .argv = argv + 1 };
	const char *reason = "";
	struct err e = { 0 };

	while (argc > 1 && w.i < w.argc)
		if (!platform_terminal_option(&w, "--reason", &reason))
			argc = 0;
	if (argc < 1)
		return platform_terminal_usage("dependency open|close|auto|"
		    "disable NAME [--reason TEXT]");
	x.d = (struct platform_dependency){ .name = argv[0],
	    .reason = reason, .changed_by = "terminal",
	    .mode = breaker_mode_name((enum breaker_mode)
	    platform_dependency_action(word)) };
	if (db_txn(env->db, env->a, act_txn, &x, &e) == -1)
		return platform_terminal_error(&e);
	printf("%s: %s\n", x.d.name, x.d.mode);
	return 0;
}

#define ACT(name, word) \
static int \
act_##name(struct env *env, int argc, char **argv) \
{ \
	return act(env, word, argc, argv); \
}
ACT(open, "open")
ACT(close, "close")
ACT(auto, "auto")
ACT(disable, "disable")

const struct command platform_dependency_commands[] = {
	{ "dependency list", "", "Services outside and their breakers on this "
	  "host", false, list },
	{ "dependency open", "NAME [--reason TEXT]",
	  "Nothing is called any more", false, act_open },
	{ "dependency close", "NAME [--reason TEXT]",
	  "Everything is called, whatever happens", false, act_close },
	{ "dependency auto", "NAME [--reason TEXT]",
	  "The breaker decides again, from the start", false, act_auto },
	{ "dependency disable", "NAME [--reason TEXT]",
	  "As close, and nothing is counted", false, act_disable },
	{ .name = NULL }
};
