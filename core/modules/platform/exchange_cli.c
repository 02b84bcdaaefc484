/*
 * `quincunx import` and `quincunx export`: options, one line per bad row, a
 * summary.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "module.h"
#include "modules/platform/exchange.h"
#include "modules/platform/terminal.h"

struct call {
	const char *noun, *file, *tenant;
	bool dry_run;
	const struct exchange *x;
	struct uuid id;
};

static void
bad_row(void *arg, int64_t line, const char *member, const char *msg)
{
	const struct import_job *j = arg;
	struct str s;

	str_init(&s, j->env->a);
	str_term(&s, j->path, strlen(j->path));
	str_addf(&s, ":%lld: ", (long long)line);
	str_term(&s, member, strlen(member));
	str_add(&s, *member != '\0' ? ": " : "");
	str_term(&s, msg, strlen(msg));
	fprintf(stderr, "%s\n", s.p);
}

#define IMPORT_USAGE "import NOUN FILE [--dry-run] [--tenant NAME|ID]"
#define EXPORT_USAGE "export NOUN [FILE] [--tenant NAME|ID]"

/* What there is; status 2. */
static int
tell_nouns(struct env *env)
{
	for (size_t m = 0; env->modules[m] != NULL; m++)
		for (const struct exchange *const *x =
		    env->modules[m]->exchanges; x != NULL && *x != NULL; x++)
			fprintf(stderr, "  %-24s %s\n", (*x)->noun,
			    (*x)->doc);
	return 2;
}

static int
unknown_noun(struct env *env, const char *noun)
{
	fprintf(stderr, "quincunx: nothing called \"%s\" can be exchanged; "
	    "there is:\n", noun);
	return tell_nouns(env);
}

/* What a file of the noun has in its first line; status 2. */
static int
tell_columns(const struct exchange *x)
{
	const unsigned no = FF_READONLY | FF_HIDDEN;

	platform_terminal_usage(IMPORT_USAGE);
	fprintf(stderr, "%s has:\n", x->noun);
	for (const struct field *f = x->row->fields; f->name != NULL; f++)
		if ((f->flags & no) == 0)
			fprintf(stderr, "  %-24s %s%s\n", f->name, f->doc,
			    f->flags & FF_REQUIRED ? " (needed)" : "");
	return 2;
}

/* Words and options of both commands; 0, or the exit status. */
static int
call_read(struct env *env, int argc, char **argv, bool import,
    struct call *c)
{
	struct option_walk w = { argc, 0, argv };
	struct err e = { 0 };
	int rc;

	for (;;) {
		if (platform_terminal_option(&w, "--tenant", &c->tenant))
			continue;
		if (import && platform_terminal_option(&w, "--dry-run", NULL)) {
			c->dry_run = true;
			continue;
		}
		if (c->noun == NULL ? !platform_terminal_word(&w, &c->noun) :
		    c->file != NULL || !platform_terminal_word(&w, &c->file))
			break;
	}
	if (w.i != argc || c->noun == NULL) {
		platform_terminal_usage(import ? IMPORT_USAGE : EXPORT_USAGE);
		return c->noun == NULL ? tell_nouns(env) : 2;
	}
	c->x = platform_exchange_find(env->modules, c->noun);
	if (c->x == NULL)
		return unknown_noun(env, c->noun);
	if (import && c->file == NULL)
		return tell_columns(c->x);
	if (c->x->global)
		return 0;
	rc = platform_tenant_find(env->db, env->a, c->tenant, &c->id, &e);
	if (rc == 1)
		err_set(&e, 404, "not_found", "no tenant \"%.100s\"",
		    c->tenant != NULL ? c->tenant : "");
	return rc == 0 ? 0 : platform_terminal_error(&e);
}

static int
import(struct env *env, int argc, char **argv)
{
	struct call c = { .noun = NULL };
	struct import_job j = { .env = env, .bad = bad_row };
	struct err e = { 0 };
	int rc = call_read(env, argc, argv, true, &c);

	if (rc != 0)
		return rc;
	j.arg = &j;
	j.x = c.x;
	j.path = c.file;
	j.tenant = c.id;
	j.dry_run = c.dry_run;
	rc = platform_import_run(&j, &e);
	if (j.resumed_at > 0)
		printf("went on after line %lld\n", (long long)j.resumed_at);
	printf("%s%lld written, %lld unchanged, %lld refused\n",
	    c.dry_run ? "dry run: " : "", (long long)j.done.changed,
	    (long long)j.done.unchanged, (long long)j.done.failed);
	if (rc == -1) {
		fprintf(stderr, "%s:%lld: ", c.file,
		    (long long)j.done.line);
		return platform_terminal_error(&e);
	}
	if (c.x->whole && !c.dry_run && j.done.failed > 0)
		fprintf(stderr, "Nothing was written: %s is taken whole or "
		    "not at all; mend the lines above\n", c.file);
	return j.done.failed > 0;
}

static int
export(struct env *env, int argc, char **argv)
{
	struct call c = { .noun = NULL };
	struct err e = { 0 };
	int64_t n = 0;
	int rc = call_read(env, argc, argv, false, &c);

	if (rc != 0)
		return rc;
	if (platform_export_run(env, c.x, c.id, c.file, &n, &e) == -1)
		return platform_terminal_error(&e);
	if (c.file != NULL)
		printf("%lld rows in %s\n", (long long)n, c.file);
	return 0;
}

const struct command platform_exchange_commands[] = {
	{ "import", "NOUN FILE [--dry-run] [--tenant NAME|ID]",
	  "Reads .csv or .ndjson (also .gz): idempotent, goes on after a "
	  "crash, one line per bad row, exit status 1 if there was one; "
	  "without FILE the columns, without NOUN what there is",
	  false, import },
	{ "export", "NOUN [FILE] [--tenant NAME|ID]",
	  "Writes all rows as .csv or .ndjson (also .gz)", false, export },
	{ .name = NULL }
};
