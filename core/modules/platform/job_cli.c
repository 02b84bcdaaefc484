/*
 * `quincunx jobs`: the same use-cases from the terminal, for one tenant
 * (--tenant NAME|ID, by default the first) or the installation's own jobs
 * (--installation). Text of jobs is never shown raw.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/number.h"
#include "base/random.h"
#include "base/str.h"
#include "modules/auth/auth.h"
#include "modules/platform/exchange.h"
#include "modules/platform/job.h"
#include "modules/platform/terminal.h"

#define USAGE_TENANT "[--tenant NAME|ID | --installation] [--json]"
#define USAGE_FILTER "[--state S] [--type T] [--queue Q] [--class C] " \
	"[--since TIME] [--until TIME]"

struct call {
	struct env *env;
	const char *state, *type, *queue, *class, *since, *until;
	const char *max, *spread, *reason, *priority, *unique, *run_at;
	struct platform_terminal_scope scope;
	bool dry_run;
	const char *words[3];
	size_t n;
	/* worked out */
	struct jobs_filter filter;
	struct uuid id;
	struct platform_job job;
};

/* ---- options ------------------------------------------------------------------ */

static bool
option(struct option_walk *w, struct call *c)
{
	const struct {
		const char *name;
		const char **to;
	} texts[] = {
		{ "--state", &c->state },
		{ "--type", &c->type }, { "--queue", &c->queue },
		{ "--class", &c->class }, { "--since", &c->since },
		{ "--until", &c->until }, { "--max", &c->max },
		{ "--spread", &c->spread }, { "--reason", &c->reason },
		{ "--priority", &c->priority }, { "--unique", &c->unique },
		{ "--run-at", &c->run_at },
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (platform_terminal_option(w, texts[i].name, texts[i].to))
			return true;
	if (platform_terminal_option(w, "--dry-run", NULL))
		return c->dry_run = true;
	return platform_terminal_scope(w, &c->scope);
}

static int
time_of(const char *text, const char *name, struct utc *out, struct err *e)
{
	if (text == NULL || clock_parse(text, out) == 0)
		return 0;
	return err_set(e, 422, "validation", "%s is not a time", name);
}

static int
filter_of(struct call *c, struct err *e)
{
	struct jobs_filter *f = &c->filter;

	f->tenant = c->scope.who.tenant_id;
	f->type = c->type;
	f->queue = c->queue;
	f->error_class = c->class;
	f->state = c->state != NULL ? job_state_parse(c->state) : 0;
	if (c->state != NULL && f->state == 0)
		return err_set(e, 422, "validation", "no state \"%.40s\"",
		    c->state);
	if (time_of(c->since, "--since", &f->since, e) == -1)
		return -1;
	return time_of(c->until, "--until", &f->until, e);
}

/* Options and so many words; 0, or the exit status. */
static int
call_read(struct call *c, struct env *env, int argc, char **argv,
    size_t min, size_t max, const char *usage)
{
	struct option_walk w = { argc, 0, argv };
	struct err e = { 0 };

	*c = (struct call){ .env = env };
	while (w.i < argc && (option(&w, c) || (c->n < max &&
	    platform_terminal_word(&w, &c->words[c->n]) && ++c->n)))
		;
	if (w.i != argc || c->n < min)
		return platform_terminal_usage(usage);
	if (platform_terminal_tenant(env, &c->scope, &e) == -1 || filter_of(c, &e) == -1)
		return platform_terminal_error(&e);
	return 0;
}

static int
number_of(const char *text, int64_t min, int64_t max, int64_t def,
    int64_t *out)
{
	*out = def;
	if (text == NULL)
		return 0;
	return num_i64(text, strlen(text), out) == NUM_OK && *out >= min &&
	    *out <= max ? 0 : -1;
}

/* ---- printing ------------------------------------------------------------------- */

static void
term(struct str *s, const char *text)
{
	if (text != NULL)
		str_term(s, text, strlen(text));
}

static void
print_row(struct str *s, const struct platform_job *j, bool json)
{
	char id[UUID_TEXT], at[CLOCK_TEXT];

	if (json) {
		schema_encode(&platform_job_row_schema, j, s);
		str_addc(s, '\n');
		return;
	}
	str_addf(s, "%s  %-11s %-8s %-27s ", uuid_format(j->id, id),
	    j->status, j->priority, clock_format(j->created_at, at));
	term(s, j->queue);
	str_addc(s, '/');
	term(s, j->type);
	if (j->error != NULL) {
		str_add(s, "  ");
		term(s, j->error_class);
		str_add(s, ": ");
		term(s, j->error);
	}
	str_addc(s, '\n');
}

static void
line(struct str *s, const char *name, const char *text)
{
	if (text == NULL || *text == '\0')
		return;
	str_addf(s, "%-12s ", name);
	term(s, text);
	str_addc(s, '\n');
}

static void
line_time(struct str *s, const char *name, struct utc at)
{
	char text[CLOCK_TEXT];

	if (at.us != 0)
		line(s, name, clock_format(at, text));
}

static void
print_lists(struct str *s, const struct platform_job *j)
{
	const struct platform_job_need *n = j->needs.items;
	const struct jobs_attempt *t = j->attempts.items;
	char text[UUID_TEXT], at[CLOCK_TEXT];

	for (size_t i = 0; i < j->needs.n; i++)
		str_addf(s, "needs        %s %s (%s)\n",
		    uuid_format(n[i].id, text), n[i].rule, n[i].status);
	for (size_t i = 0; i < j->attempts.n; i++) {
		str_addf(s, "attempt %-4lld %s %s ", (long long)t[i].n,
		    clock_format(t[i].ended_at, at), t[i].outcome);
		term(s, t[i].worker);
		str_addc(s, ' ');
		term(s, t[i].error);
		str_addc(s, '\n');
	}
}

static int
print_job(struct call *c, const struct platform_job *j)
{
	char id[UUID_TEXT];
	struct str s;

	str_init(&s, c->env->a);
	if (c->scope.json) {
		schema_encode(&platform_job_schema, j, &s);
		str_addc(&s, '\n');
		return platform_terminal_write(&s);
	}
	line(&s, "id", uuid_format(j->id, id));
	line(&s, "type", j->type);
	line(&s, "status", j->status);
	line(&s, "queue", j->queue);
	line(&s, "priority", j->priority);
	line(&s, "note", j->note);
	str_addf(&s, "%-12s %lld of %lld, %lld crashes, %lld lost\n",
	    "starts", (long long)j->attempt, (long long)j->tries,
	    (long long)j->crashes, (long long)j->lost);
	line(&s, "class", j->error_class);
	line(&s, "error", j->error);
	line(&s, "actor", j->actor);
	line_time(&s, "created", j->created_at);
	line_time(&s, "run at", j->run_at);
	line_time(&s, "started", j->started_at);
	line_time(&s, "finished", j->finished_at);
	line(&s, "payload", j->payload.p);
	line(&s, "result", j->result.p);
	print_lists(&s, j);
	return platform_terminal_write(&s);
}

/* ---- commands ---------------------------------------------------------------------- */

static int
list(struct env *env, int argc, char **argv, bool dead)
{
	struct err e = { 0 };
	struct rows rows;
	struct str s;
	struct call c;
	int rc = call_read(&c, env, argc, argv, 0, 0, "jobs list|dead "
	    USAGE_FILTER " [--max N] " USAGE_TENANT);

	if (rc != 0)
		return rc;
	if (number_of(c.max, 1, 10000, 50, &c.filter.limit) == -1)
		return platform_terminal_usage("jobs list [--max 1-10000]");
	c.filter.dead = dead;
	str_init(&s, env->a);
	do {
		if (platform_job_page(env->db, env->a, &c.filter, &rows,
		    &c.filter.below, &e) == -1)
			return platform_terminal_error(&e);
		for (size_t i = 0; i < rows.n; i++)
			print_row(&s, ROW(&rows, struct platform_job, i),
			    c.scope.json);
		c.filter.limit -= (int64_t)rows.n;
	} while (c.filter.limit > 0 && !uuid_is_nil(c.filter.below));
	return platform_terminal_write(&s);
}

static int
jobs_list(struct env *env, int argc, char **argv)
{
	return list(env, argc, argv, false);
}

static int
jobs_dead(struct env *env, int argc, char **argv)
{
	return list(env, argc, argv, true);
}

static int
jobs_show(struct env *env, int argc, char **argv)
{
	struct platform_job j;
	struct err e = { 0 };
	struct call c;
	int rc = call_read(&c, env, argc, argv, 1, 1, "jobs show ID "
	    USAGE_TENANT);

	if (rc != 0)
		return rc;
	if (uuid_parse(c.words[0], &c.id) == -1)
		return platform_terminal_usage("jobs show ID");
	if (platform_job_get(env->db, env->a, c.scope.who.tenant_id, c.id, &j,
	    &e) == -1)
		return platform_terminal_error(&e);
	return print_job(&c, &j);
}

static int
note(struct db *db, const struct call *c, const char *verb, struct err *e)
{
	char id[UUID_TEXT];

	return auth_audit_note(db, c->scope.who.tenant_id, c->scope.who.name,
	    arena_printf(c->env->a, "system.job.%s", verb), "job",
	    uuid_format(c->id, id), NULL, e);
}

static int
cancel_txn(struct db *db, void *arg, struct err *e)
{
	struct call *c = arg;

	if (platform_job_cancel(db, c->env->a, c->scope.who.tenant_id, c->id,
	    &c->job, e) == -1)
		return -1;
	return note(db, c, "cancel", e);
}

static int
retry_txn(struct db *db, void *arg, struct err *e)
{
	struct call *c = arg;

	if (platform_job_retry(db, c->env->a, c->scope.who.tenant_id, c->id,
	    &c->job, e) == -1)
		return -1;
	return note(db, c, "retry", e);
}

static int
verb(struct env *env, int argc, char **argv, const char *usage,
    int (*fn)(struct db *, void *, struct err *))
{
	struct err e = { 0 };
	struct call c;
	int rc = call_read(&c, env, argc, argv, 1, 1, usage);

	if (rc != 0)
		return rc;
	if (uuid_parse(c.words[0], &c.id) == -1)
		return platform_terminal_usage(usage);
	if (db_txn(env->db, env->a, fn, &c, &e) == -1)
		return platform_terminal_error(&e);
	return print_job(&c, &c.job);
}

static int
jobs_cancel_one(struct env *env, int argc, char **argv)
{
	return verb(env, argc, argv, "jobs cancel ID " USAGE_TENANT,
	    cancel_txn);
}

static int
jobs_retry_one(struct env *env, int argc, char **argv)
{
	return verb(env, argc, argv, "jobs retry ID " USAGE_TENANT,
	    retry_txn);
}

static int
act(struct call *c)
{
	struct platform_job_act want = { .action = c->words[0],
	    .filter = c->filter, .dry_run = c->dry_run, .reason = c->reason,
	    .actor = c->scope.who.name };
	struct platform_job_acted out;
	struct err e = { 0 };
	struct str s;

	if (number_of(c->max, 1, PLATFORM_ACT_MAX, 1000, &want.max) == -1 ||
	    number_of(c->spread, 0, 86400, 60, &want.spread_s) == -1)
		return platform_terminal_usage("jobs actions ACTION "
		    "[--max 1-5000] [--spread 0-86400]");
	if (platform_job_act(c->env->db, c->env->a, &want, &out, &e) == -1)
		return platform_terminal_error(&e);
	str_init(&s, c->env->a);
	if (c->scope.json)
		schema_encode(&platform_job_acted_schema, &out, &s);
	else
		str_addf(&s, "%s%s: %lld matched, %lld done, %lld skipped%s",
		    out.dry_run ? "dry run: " : "", out.action,
		    (long long)out.matched, (long long)out.done,
		    (long long)out.skipped, out.more ? ", there are more" :
		    "");
	str_addc(&s, '\n');
	return platform_terminal_write(&s);
}

static int
jobs_actions(struct env *env, int argc, char **argv)
{
	static const char usage[] = "jobs actions retry|discard|cancel "
	    "--reason TEXT " USAGE_FILTER " [--max N] [--spread SECONDS] "
	    "[--dry-run] " USAGE_TENANT;
	struct call c;
	int rc = call_read(&c, env, argc, argv, 1, 1, usage);

	if (rc != 0)
		return rc;
	if (c.reason == NULL || (strcmp(c.words[0], "retry") != 0 &&
	    strcmp(c.words[0], "discard") != 0 &&
	    strcmp(c.words[0], "cancel") != 0))
		return platform_terminal_usage(usage);
	return act(&c);
}

struct creation {
	struct call *c;
	struct platform_job_in in;
	struct platform_job_made made;
};

static int
enqueue_txn(struct db *db, void *arg, struct err *e)
{
	struct creation *n = arg;
	struct platform_job_by by = { .who = &n->c->scope.who };

	return platform_job_enqueue(n->c->env, db, n->c->env->a, &by, &n->in,
	    &n->made, e);
}

/* The words as the members of a body, judged by the same schema. */
static int
creation_of(struct creation *n, struct err *e)
{
	struct call *c = n->c;
	struct pair given[6] = { { "type", c->words[0] } };
	size_t k = 1;
	uint64_t seen;

	if (c->queue != NULL)
		given[k++] = (struct pair){ "queue", c->queue };
	if (c->priority != NULL)
		given[k++] = (struct pair){ "priority", c->priority };
	if (c->unique != NULL)
		given[k++] = (struct pair){ "unique", c->unique };
	if (c->run_at != NULL)
		given[k++] = (struct pair){ "run_at", c->run_at };
	if (schema_decode_pairs(&platform_job_in_schema, given, k, "body",
	    true, c->env->a, &n->in, &seen, e) == -1 ||
	    (c->n > 1 && json_scan(c->words[1], strlen(c->words[1]), 0,
	    "payload", c->env->a, e) == -1))
		return -1;
	n->in.payload.p = c->words[1];
	return 0;
}

static int
jobs_enqueue(struct env *env, int argc, char **argv)
{
	struct creation n = { .c = NULL };
	struct err e = { 0 };
	char id[UUID_TEXT];
	struct call c;
	int rc = call_read(&c, env, argc, argv, 1, 2, "jobs enqueue TYPE "
	    "[JSON] [--queue Q] [--priority P] [--unique KEY] "
	    "[--run-at TIME] " USAGE_TENANT);

	if (rc != 0)
		return rc;
	n.c = &c;
	if (creation_of(&n, &e) == -1 ||
	    db_txn(env->db, env->a, enqueue_txn, &n, &e) == -1) {
		if (e.nfields > 0)
			err_set(&e, 422, "validation", "%.100s: %.100s",
			    e.fields[0].loc, e.fields[0].msg);
		return platform_terminal_error(&e);
	}
	if (c.scope.json) {
		struct str s;

		str_init(&s, env->a);
		schema_encode(&platform_job_made_schema, &n.made, &s);
		str_addc(&s, '\n');
		return platform_terminal_write(&s);
	}
	printf("%s %s\n", uuid_format(n.made.id, id), n.made.status);
	return 0;
}

static int
jobs_types(struct env *env, int argc, char **argv)
{
	struct err e = { 0 };
	struct rows rows;
	struct str s;
	struct call c;
	int rc = call_read(&c, env, argc, argv, 0, 0, "jobs types "
	    USAGE_TENANT);

	if (rc != 0)
		return rc;
	if (platform_job_types(env, env->db, env->a, &c.scope.who, &rows,
	    &e) == -1)
		return platform_terminal_error(&e);
	str_init(&s, env->a);
	for (size_t i = 0; i < rows.n; i++) {
		const struct platform_job_type *t = ROW(&rows,
		    struct platform_job_type, i);

		if (c.scope.json) {
			schema_encode(&platform_job_type_schema, t, &s);
			str_addc(&s, '\n');
			continue;
		}
		str_addf(&s, "%-9s ", t->kind);
		term(&s, t->name);
		str_addf(&s, "  %s\n", t->doc);
	}
	return platform_terminal_write(&s);
}

#define FILTERS USAGE_FILTER " [--max N] " USAGE_TENANT

const struct command platform_job_commands[] = {
	{ "jobs", FILTERS, "Jobs of a tenant, newest first", false,
	  jobs_list },
	{ "jobs list", FILTERS, "The same", false, jobs_list },
	{ "jobs dead", FILTERS, "Dead letters", false, jobs_dead },
	{ "jobs show", "ID " USAGE_TENANT, "One job with its history", false,
	  jobs_show },
	{ "jobs cancel", "ID " USAGE_TENANT, "Cancels a job", false,
	  jobs_cancel_one },
	{ "jobs retry", "ID " USAGE_TENANT, "Runs a job again that ended "
	  "badly", false, jobs_retry_one },
	{ "jobs actions", "retry|discard|cancel --reason TEXT "
	  USAGE_FILTER " [--max N] [--spread SECONDS] [--dry-run] "
	  USAGE_TENANT, "The same with many: dead letters, or live jobs to "
	  "cancel", false, jobs_actions },
	{ "jobs enqueue", "TYPE [JSON] [--queue Q] [--priority P] "
	  "[--unique KEY] [--run-at TIME] " USAGE_TENANT, "Enqueues a job",
	  false, jobs_enqueue },
	{ "jobs types", USAGE_TENANT, "Types of jobs", false, jobs_types },
	{ .name = NULL }
};
