/*
 * `quincunx queues`: what waits, and the valves, from the terminal.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/str.h"
#include "jobs/look.h"
#include "modules/auth/auth.h"
#include "modules/platform/exchange.h"
#include "modules/platform/queue.h"
#include "modules/platform/terminal.h"

struct call {
	struct env *env;
	const char *name;
	struct platform_terminal_scope scope;
	struct platform_queue_set set;
	struct platform_queue out;
};

/* 0, or the exit status. */
static int
call_read(struct call *c, struct env *env, int argc, char **argv,
    bool named, const char *usage)
{
	struct option_walk w = { argc, 0, argv };
	struct err e = { 0 };

	*c = (struct call){ .env = env };
	while (w.i < argc && (platform_terminal_scope(&w, &c->scope) ||
	    (named && c->name == NULL &&
	    platform_terminal_word(&w, &c->name))))
		;
	if (w.i != argc || (named && c->name == NULL))
		return platform_terminal_usage(usage);
	return platform_terminal_tenant(env, &c->scope, &e) == 0 ? 0 :
	    platform_terminal_error(&e);
}

static void
print(struct str *s, const struct platform_queue *q, bool json)
{
	if (json) {
		schema_encode(&platform_queue_schema, q, s);
		str_addc(s, '\n');
		return;
	}
	str_addf(s, "%-12s %-7s %8lld ready, oldest %lld s  ",
	    q->external ? "external" : "installation",
	    q->paused ? "paused" : "open", (long long)q->ready,
	    (long long)q->oldest_age_s);
	str_term(s, q->name, strlen(q->name));
	if (q->rate_n > 0)
		str_addf(s, "  %lld per %lld s", (long long)q->rate_n,
		    (long long)q->rate_s);
	if (q->max_running > 0)
		str_addf(s, "  %lld at once", (long long)q->max_running);
	str_addc(s, '\n');
}

static int
list(struct env *env, int argc, char **argv)
{
	struct err e = { 0 };
	struct rows rows;
	struct str s;
	struct call c;
	int rc = call_read(&c, env, argc, argv, false, "queues list "
	    "[--tenant NAME|ID | --installation] [--json]");

	if (rc != 0)
		return rc;
	if (platform_queue_all(env->db, env->a, c.scope.who.tenant_id,
	    !c.scope.installation, &rows, &e) == -1)
		return platform_terminal_error(&e);
	str_init(&s, env->a);
	for (size_t i = 0; i < rows.n; i++)
		print(&s, ROW(&rows, struct platform_queue, i), c.scope.json);
	return platform_terminal_write(&s);
}

static int
change(struct db *db, void *arg, struct err *e)
{
	struct call *c = arg;

	if (platform_queue_change(db, c->env->a, &c->scope.who, &c->set, &c->out,
	    e) == -1)
		return -1;
	return auth_audit_note(db, c->scope.installation ? (struct uuid){ { 0 } } :
	    c->scope.who.tenant_id, c->scope.who.name, "system.queue.update", "queue",
	    c->name, c->set.paused ? "{\"paused\":true}" :
	    "{\"paused\":false}", e);
}

static int
turn(struct env *env, int argc, char **argv, bool paused, const char *usage)
{
	struct err e = { 0 };
	struct str s;
	struct call c;
	int rc = call_read(&c, env, argc, argv, true, usage);

	if (rc != 0)
		return rc;
	c.set = (struct platform_queue_set){ .name = c.name,
	    .external = !c.scope.installation, .paused = paused,
	    .has_paused = true };
	if (db_txn(env->db, env->a, change, &c, &e) == -1)
		return platform_terminal_error(&e);
	str_init(&s, env->a);
	print(&s, &c.out, c.scope.json);
	return platform_terminal_write(&s);
}

#define USAGE_ONE "NAME [--tenant NAME|ID | --installation] [--json]"

static int
pause_one(struct env *env, int argc, char **argv)
{
	return turn(env, argc, argv, true, "queues pause " USAGE_ONE);
}

static int
resume_one(struct env *env, int argc, char **argv)
{
	return turn(env, argc, argv, false, "queues resume " USAGE_ONE);
}

static int
leases(struct env *env, int argc, char **argv)
{
	bool json = argc == 1 && strcmp(argv[0], "--json") == 0;
	struct err e = { 0 };
	char at[CLOCK_TEXT];
	struct rows rows;
	struct str s;

	if (argc > (json ? 1 : 0))
		return platform_terminal_usage("leases [--json]");
	if (jobs_workers(env->db, env->a, 1000, &rows, &e) == -1)
		return platform_terminal_error(&e);
	str_init(&s, env->a);
	for (size_t i = 0; i < rows.n; i++) {
		const struct jobs_worker *w = ROW(&rows, struct jobs_worker,
		    i);

		if (json) {
			schema_encode(&jobs_worker_schema, w, &s);
			str_addc(&s, '\n');
			continue;
		}
		str_addf(&s, "%-10s %6lld  %4lld jobs  until %s  ",
		    w->external ? "external" : "dispatcher",
		    (long long)w->pid, (long long)w->jobs,
		    clock_format(w->expires_at, at));
		str_term(&s, w->external ? w->worker : w->host,
		    strlen(w->external ? w->worker : w->host));
		str_addc(&s, '\n');
	}
	return platform_terminal_write(&s);
}

#define USAGE_LIST "[--tenant NAME|ID | --installation] [--json]"

const struct command platform_queue_commands[] = {
	{ "queues", USAGE_LIST, "Queues, and what waits in them (of a tenant, "
	  "or of all)", false, list },
	{ "queues list", USAGE_LIST, "The same", false, list },
	{ "queues pause", USAGE_ONE, "Nothing more is claimed from it", false,
	  pause_one },
	{ "queues resume", USAGE_ONE, "Open again", false, resume_one },
	{ "leases", "[--json]", "Leases: dispatchers, and jobs in the hands of "
	  "external workers", false, leases },
	{ .name = NULL }
};
