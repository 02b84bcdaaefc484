/*
 * `quincunx status`: the same numbers for a terminal.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/str.h"
#include "db/env.h"
#include "modules/platform/job.h"
#include "modules/platform/system.h"
#include "modules/platform/terminal.h"

static void
print_jobs(struct str *s, const struct platform_job_status *j)
{
	if (j == NULL) {
		str_add(s, "jobs: the database does not answer\n");
		return;
	}
	str_addf(s, "jobs: %lld ready, oldest %lld s; %lld delayed, %lld "
	    "running, %lld dead letters; %lld workers, %lld jobs with "
	    "external workers\n", (long long)j->ready,
	    (long long)j->oldest_age_s, (long long)j->delayed,
	    (long long)j->running, (long long)j->dead,
	    (long long)j->workers, (long long)j->external_workers);
}

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
	print_jobs(&s, st->jobs);
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
	platform_status_jobs(env, env->a, (struct uuid){ { 0 } }, &st);
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
	{ "status", "[--json]", "Health, pools, queue and numbers; exit "
	  "status 1 when it is down", true, status },
	{ .name = NULL }
};
