/*
 * `quincunx status`: the same numbers for a terminal.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/str.h"
#include "db/env.h"
#include "modules/platform/system.h"
#include "modules/platform/terminal.h"

static int
print(struct env *env, const struct platform_status *st)
{
	const struct platform_pool *p = st->pools.items;
	struct str s;

	str_init(&s, env->a);
	str_addf(&s, "%s %s (%s): %s\nup %lld s, %lld MiB, %lld requests, "
	    "%lld errors\n", st->service, st->version, st->environment,
	    st->status, (long long)st->uptime_s,
	    (long long)st->memory_kib / 1024, (long long)st->requests,
	    (long long)st->errors);
	for (size_t i = 0; i < st->pools.n; i++)
		str_addf(&s, "  %-10s %lld processes, %lld busy, %lld "
		    "requests\n", p[i].name, (long long)p[i].processes,
		    (long long)p[i].busy, (long long)p[i].requests);
	return platform_terminal_write(&s);
}

static int
status(struct env *env, int argc, char **argv)
{
	struct platform_status st;
	struct str s;
	int rc;

	if (argc > 1 || (argc == 1 && strcmp(argv[0], "--json") != 0))
		return platform_terminal_usage("status [--json]");
	platform_status_fill(env, env->a, clock_now(), &st);
	if (argc == 1) {
		str_init(&s, env->a);
		schema_encode(&platform_status_schema, &st, &s);
		str_addc(&s, '\n');
		rc = platform_terminal_write(&s);
	} else
		rc = print(env, &st);
	return rc != 0 ? rc : strcmp(st.status, "down") == 0;
}

const struct command platform_system_commands[] = {
	{ "status", "[--json]", "Health, pools and numbers of this host; exit "
	  "status 1 when it is down", true, status },
	{ .name = NULL }
};
