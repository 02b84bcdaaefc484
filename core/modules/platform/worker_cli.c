/*
 * `quincunx workers`: the same for a terminal.
 */
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "jobs/look.h"
#include "modules/platform/terminal.h"
#include "modules/platform/worker.h"

static void
leases(struct str *s, const struct list *l)
{
	const struct jobs_worker *v = l->items;

	for (size_t i = 0; i < l->n; i++) {
		/* an external worker chose its name */
		const char *name = v[i].external ? v[i].worker : v[i].place;

		str_addf(s, "%-10s %-20.20s pid %-7lld %4lld jobs  ",
		    v[i].external ? "external" : "dispatcher",
		    v[i].external ? "" : v[i].host, (long long)v[i].pid,
		    (long long)v[i].jobs);
		str_term(s, name, strlen(name));
		str_addc(s, '\n');
	}
}

static void
children(struct str *s, const struct list *l)
{
	const struct platform_worker_child *v = l->items;

	for (size_t i = 0; i < l->n; i++)
		str_addf(s, "child      %-20.20s pid %-7lld %4lld jobs  %s\n",
		    v[i].type != NULL ? v[i].type : "idle",
		    (long long)v[i].pid, (long long)v[i].jobs,
		    v[i].job_id != NULL ? v[i].job_id : "");
}

static void
loops(struct str *s, const struct list *l)
{
	const struct platform_worker_loop *v = l->items;

	for (size_t i = 0; i < l->n; i++) {
		str_addf(s, "loop       %-20.20s %-9s every %lld ms",
		    v[i].name, v[i].state, (long long)v[i].period_ms);
		if (v[i].good_s >= 0)
			str_addf(s, ", good %lld s ago",
			    (long long)v[i].good_s);
		if (v[i].lease_s >= 0)
			str_addf(s, ", lease %lld s token %lld",
			    (long long)v[i].lease_s, (long long)v[i].token);
		str_addc(s, '\n');
	}
}

static int
workers(struct env *env, int argc, char **argv)
{
	struct platform_workers w;
	struct err e = { 0 };
	struct str s;

	if (argc > 1 || (argc == 1 && strcmp(argv[0], "--json") != 0))
		return platform_terminal_usage("workers [--json]");
	if (platform_workers(env, env->db, env->a, &w, &e) == -1)
		return platform_terminal_error(&e);
	str_init(&s, env->a);
	if (argc == 1) {
		schema_encode(&platform_workers_schema, &w, &s);
		str_addc(&s, '\n');
		return platform_terminal_write(&s);
	}
	str_addf(&s, "jobs are done by: %s\n", w.dispatcher);
	leases(&s, &w.leases);
	children(&s, &w.children);
	loops(&s, &w.loops);
	return platform_terminal_write(&s);
}

const struct command platform_worker_commands[] = {
	{ "workers", "[--json]", "Dispatchers, job children and control "
	  "loops", false, workers },
	{ .name = NULL }
};
