/*
 * `quincunx interruptions`: what the cloud took, what came in its place, and
 * who tells of it, for a terminal.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/str.h"
#include "modules/platform/platform.h"
#include "modules/spot/interruption.h"

#define USAGE "interruptions [--open] [--tenant NAME|ID] [--json]"

enum { SHOWN = 50 };

static void
one_line(struct str *s, const struct spot_interruption *x)
{
	char at[CLOCK_TEXT];

	str_addf(s, "%-20.20s %-12s %-10s %-20s ",
	    clock_format((struct utc){ x->noticed_at.us / US_PER_S *
	    US_PER_S }, at), x->kind, x->state, x->instance_id);
	str_addf(s, "%s %s", *x->az != '\0' ? x->az : x->region,
	    x->instance_type);
	if (*x->replacement != '\0')
		str_addf(s, " -> %s", x->replacement);
	else if (*x->target != '\0')
		str_addf(s, " -> %s", x->target);
	if (x->reaction_ms > 0)
		str_addf(s, " (%.0f ms)", x->reaction_ms);
	str_add(s, "  ");
	str_term(s, x->why, strlen(x->why));
	str_addc(s, '\n');
}

static void
numbers(struct str *s, const struct spot_interruption_totals *t,
    const struct rows *sources)
{
	str_addf(s, "%lld open, %lld in a day, %lld in 30 days, %lld replaced, "
	    "%lld refused, %lld failed, %lld standbys; nothing served for "
	    "%.1f s in 30 days\n", (long long)t->open, (long long)t->day,
	    (long long)t->month, (long long)t->replaced,
	    (long long)t->refused, (long long)t->failed,
	    (long long)t->replicas, t->gap_s);
	for (size_t i = 0; i < sources->n; i++) {
		const struct spot_source *x = ROW(sources, struct spot_source,
		    i);

		str_addf(s, "source %-9s %-8s %s%s%lld taken, %lld again, "
		    "%lld foreign, %lld forged\n", x->kind, x->state,
		    x->address, *x->address != '\0' ? ": " : "",
		    (long long)x->accepted, (long long)x->duplicates,
		    (long long)x->strangers, (long long)x->forged);
	}
}

static int
load(struct env *env, struct spot_interruption_filter *f, struct rows *rows,
    struct spot_interruption_totals *t, struct rows *sources, struct err *e)
{
	const struct uuid none = { { 0 } };

	if (spot_interruption_page(env->db, env->a, f, rows, e) == -1 ||
	    spot_interruption_totals(env->db, env->a, f->tenant, clock_now(),
	    t, e) == -1)
		return -1;
	return spot_source_page(env->db, env->a, f->tenant, none, none, 100,
	    sources, e);
}

static int
interruptions(struct env *env, int argc, char **argv)
{
	struct option_walk w = { .argc = argc, .argv = argv };
	struct platform_terminal_scope scope = { 0 };
	struct spot_interruption_filter f = { .limit = SHOWN };
	struct spot_interruption_totals t;
	struct rows rows, sources;
	struct err e = { 0 };
	struct str s;

	while (w.i < argc)
		if (platform_terminal_option(&w, "--open", NULL))
			f.open = true;
		else if (!platform_terminal_scope(&w, &scope))
			return platform_terminal_usage(USAGE);
	if (scope.installation)
		return platform_terminal_usage(USAGE);
	if (platform_terminal_tenant(env, &scope, &e) == -1)
		return platform_terminal_error(&e);
	f.tenant = scope.who.tenant_id;
	if (load(env, &f, &rows, &t, &sources, &e) == -1)
		return platform_terminal_error(&e);
	str_init(&s, env->a);
	for (size_t i = 0; i < rows.n; i++)
		if (scope.json) {
			schema_encode(&spot_interruption_schema, ROW(&rows,
			    struct spot_interruption, i), &s);
			str_addc(&s, '\n');
		} else
			one_line(&s, ROW(&rows, struct spot_interruption, i));
	if (!scope.json)
		numbers(&s, &t, &sources);
	return platform_terminal_write(&s);
}

const struct command spot_interruption_commands[] = {
	{ .name = "interruptions", .usage = "[--open] [--tenant NAME|ID] "
	    "[--json]", .doc = "What the cloud took and what came in its "
	    "place", .run = interruptions },
	{ .name = NULL }
};
