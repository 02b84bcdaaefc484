/*
 * `quincunx schedules`: look, preview, pause, resume, run, from the terminal.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/str.h"
#include "db/db.h"
#include "modules/auth/auth.h"
#include "modules/platform/exchange.h"
#include "modules/platform/schedule.h"
#include "modules/platform/terminal.h"

enum verb { PAUSE, RESUME, RUN };

struct call {
	struct env *env;
	const char *zone, *count, *word;
	struct platform_terminal_scope scope;
	enum verb verb;
	struct schedule_row row;
	struct uuid job;
};

/* 0, or the exit status. */
static int
call_read(struct call *c, struct env *env, int argc, char **argv,
    bool word, const char *usage)
{
	struct option_walk w = { argc, 0, argv };
	struct err e = { 0 };

	*c = (struct call){ .env = env };
	while (w.i < argc && (platform_terminal_scope(&w, &c->scope) ||
	    (word && c->word == NULL &&
	    platform_terminal_word(&w, &c->word))))
		;
	if (w.i != argc || (word && c->word == NULL))
		return platform_terminal_usage(usage);
	return platform_terminal_tenant(env, &c->scope, &e) == 0 ? 0 :
	    platform_terminal_error(&e);
}

static void
print(struct call *c, struct str *s, const struct schedule_row *r)
{
	struct platform_schedule shown;
	char at[CLOCK_TEXT];

	platform_schedule_show(c->env->a, r, &shown);
	if (c->scope.json) {
		schema_encode(&platform_schedule_schema, &shown, s);
		str_addc(s, '\n');
		return;
	}
	str_addf(s, "%-7s next %-27s ", r->paused ? "paused" : "active",
	    r->next_at.us != 0 && !r->paused ? clock_format(r->next_at, at) :
	    "-");
	str_term(s, r->name, strlen(r->name));
	str_add(s, "  ");
	str_term(s, r->spec, strlen(r->spec));
	str_addf(s, "  %s  ", r->zone);
	str_term(s, r->type, strlen(r->type));
	if (*r->fault != '\0') {
		str_add(s, "  fault: ");
		str_term(s, r->fault, strlen(r->fault));
	}
	str_addc(s, '\n');
}

#define USAGE_LIST "[--tenant NAME|ID | --installation] [--json]"
#define USAGE_ONE "NAME [--tenant NAME|ID | --installation] [--json]"
#define USAGE_PREVIEW "EXPRESSION [--zone ZONE] [--count N] [--json]"

static int
list(struct env *env, int argc, char **argv)
{
	struct uuid first = { { 0 } };
	struct err e = { 0 };
	struct rows rows;
	struct str s;
	struct call c;
	int rc = call_read(&c, env, argc, argv, false,
	    "schedules list " USAGE_LIST);

	if (rc != 0)
		return rc;
	if (schedule_page(env->db, env->a, c.scope.who.tenant_id, first, 10000,
	    &rows, &e) == -1)
		return platform_terminal_error(&e);
	str_init(&s, env->a);
	for (size_t i = 0; i < rows.n; i++)
		print(&c, &s, ROW(&rows, struct schedule_row, i));
	return platform_terminal_write(&s);
}

static int
act(struct db *db, void *arg, struct err *e)
{
	static const char *const acts[] = { "system.schedule.pause",
	    "system.schedule.resume", "system.schedule.run" };
	struct call *c = arg;
	char id[UUID_TEXT];
	int rc = platform_schedule_named(db, c->env->a, c->scope.who.tenant_id,
	    c->word, &c->row, e);

	if (rc == 0 && c->verb == RUN)
		rc = platform_schedule_run(c->env, c->env->a, &c->scope.who,
		    &c->row, &c->job, e);
	else if (rc == 0)
		rc = platform_schedule_pause(c->env, c->env->a, &c->scope.who,
		    &c->row, c->verb == PAUSE, e);
	return rc == -1 ? -1 : auth_audit_note(db, c->row.tenant_id,
	    c->scope.who.name, acts[c->verb], "schedule",
	    uuid_format(c->row.id, id), NULL, e);
}

static int
verb(struct env *env, int argc, char **argv, enum verb v, const char *usage)
{
	char id[UUID_TEXT];
	struct err e = { 0 };
	struct str s;
	struct call c;
	int rc = call_read(&c, env, argc, argv, true, usage);

	if (rc != 0)
		return rc;
	c.verb = v;
	if (db_txn(env->db, env->a, act, &c, &e) == -1)
		return platform_terminal_error(&e);
	str_init(&s, env->a);
	if (v == RUN)
		str_addf(&s, c.scope.json ? "{\"job_id\":\"%s\"}\n" : "job %s\n",
		    uuid_format(c.job, id));
	else
		print(&c, &s, &c.row);
	return platform_terminal_write(&s);
}

static int
pause_one(struct env *env, int argc, char **argv)
{
	return verb(env, argc, argv, PAUSE, "schedules pause " USAGE_ONE);
}

static int
resume_one(struct env *env, int argc, char **argv)
{
	return verb(env, argc, argv, RESUME, "schedules resume " USAGE_ONE);
}

static int
run_one(struct env *env, int argc, char **argv)
{
	return verb(env, argc, argv, RUN, "schedules run " USAGE_ONE);
}

static int
preview(struct env *env, int argc, char **argv)
{
	struct err e = { 0 };
	struct rows rows;
	char at[CLOCK_TEXT];
	struct str s;
	struct call c;
	struct schedule_row r = { .name = "", .gap = "shift",
	    .fold = "first", .misfire = "latest", .overlap = "skip",
	    .max_catchup = 1 };
	struct option_walk w = { argc, 0, argv };
	long n;

	c = (struct call){ .env = env };
	while (w.i < argc && (platform_terminal_scope(&w, &c.scope) ||
	    platform_terminal_option(&w, "--zone", &c.zone) ||
	    platform_terminal_option(&w, "--count", &c.count) ||
	    (c.word == NULL && platform_terminal_word(&w, &c.word))))
		;
	n = c.count != NULL ? strtol(c.count, NULL, 10) : 10;
	if (w.i != argc || c.word == NULL || n < 1)
		return platform_terminal_usage("schedules preview "
		    USAGE_PREVIEW);
	r.spec = c.word;
	r.zone = c.zone != NULL ? c.zone : "UTC";
	if (schedule_check(&r, 0, clock_now(), &e) == -1 ||
	    platform_schedule_preview(env->a, &r, clock_now(), (size_t)n,
	    &rows, &e) == -1)
		return platform_terminal_error(&e);
	str_init(&s, env->a);
	for (size_t i = 0; i < rows.n; i++) {
		const struct platform_fire_time *t = ROW(&rows,
		    struct platform_fire_time, i);

		if (c.scope.json) {
			schema_encode(&platform_fire_time_schema, t, &s);
			str_addc(&s, '\n');
		} else
			str_addf(&s, "%s  %s\n", clock_format(t->at, at),
			    t->local);
	}
	return platform_terminal_write(&s);
}

const struct command platform_schedule_commands[] = {
	{ "schedules", USAGE_LIST, "Schedules (of a tenant, or those of the "
	  "application)", false, list },
	{ "schedules list", USAGE_LIST, "The same", false, list },
	{ "schedules preview", USAGE_PREVIEW, "When an expression fires, in "
	  "UTC and on the zone's clock", false, preview },
	{ "schedules pause", USAGE_ONE, "It does not fire any more", false,
	  pause_one },
	{ "schedules resume", USAGE_ONE, "It fires again from its next time "
	  "on", false, resume_one },
	{ "schedules run", USAGE_ONE, "Make its job now", false, run_one },
	{ .name = NULL }
};
