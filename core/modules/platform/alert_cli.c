/*
 * `quincunx alerts`: what fires, the rules, a silence, the file for Prometheus.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/number.h"
#include "base/random.h"
#include "base/str.h"
#include "modules/auth/auth.h"
#include "modules/platform/alert.h"
#include "modules/platform/terminal.h"

static void
lines_json(struct arena *a, const struct rows *rows)
{
	for (size_t i = 0; i < rows->n; i++) {
		struct str s;

		str_init(&s, a);
		schema_encode(rows->schema, (const char *)rows->v +
		    i * rows->schema->size, &s);
		printf("%s\n", s.p);
	}
}

static int
options(int argc, char **argv, const char *usage, bool *json)
{
	struct option_walk w = { .argc = argc, .argv = argv };

	*json = false;
	while (w.i < w.argc) {
		if (!platform_terminal_option(&w, "--json", NULL))
			return platform_terminal_usage(usage);
		*json = true;
	}
	return 0;
}

static int
list(struct env *env, int argc, char **argv)
{
	struct platform_alert_filter f = { .limit = ALERTS_MAX };
	struct err e = { 0 };
	struct rows rows;
	char at[CLOCK_TEXT];
	bool json;

	if (options(argc, argv, "alerts list [--json]", &json) != 0)
		return 2;
	if (platform_alert_page(env->db, env->a, &f, &rows, &e) == -1)
		return platform_terminal_error(&e);
	if (json)
		lines_json(env->a, &rows);
	for (size_t i = 0; i < rows.n && !json; i++) {
		const struct platform_alert *x = ROW(&rows,
		    struct platform_alert, i);

		printf("%-9s %-8s %-22s %s %s%s%s %s\n", x->flapping ?
		    "flapping" : x->state, x->severity, x->rule,
		    clock_format(x->active_at, at), x->labels.p,
		    *x->muted_by != '\0' ? " muted by " : "", x->muted_by,
		    x->summary);
	}
	return 0;
}

static int
rules(struct env *env, int argc, char **argv)
{
	struct err e = { 0 };
	struct rows rows;
	bool json;

	if (options(argc, argv, "alerts rules [--json]", &json) != 0)
		return 2;
	if (platform_rules(env->modules, env->db, env->a, &rows, &e) == -1)
		return platform_terminal_error(&e);
	if (json)
		lines_json(env->a, &rows);
	for (size_t i = 0; i < rows.n && !json; i++) {
		const struct platform_rule *r = ROW(&rows,
		    struct platform_rule, i);

		printf("%-22s %-8s %-4s %s for %llds%s%s\n", r->name,
		    r->severity, r->enabled ? "on" : "off", r->expr,
		    (long long)r->for_s, *r->fault != '\0' ? " FAULT: " : "",
		    r->fault);
	}
	return 0;
}

static int
silence_txn(struct db *db, void *arg, struct err *e)
{
	struct platform_silence *s = arg;
	struct uuid none = { { 0 } };

	if (platform_silence_insert(db, s, e) == -1)
		return -1;
	return auth_audit_note(db, none, "quincunx", "system.silence.create",
	    "silence", s->rule, NULL, e);
}

static int
silence(struct env *env, int argc, char **argv)
{
	static const char usage[] = "alerts silence MINUTES COMMENT "
	    "[--rule R] [--severity S] [--host H]";
	struct platform_silence s = { .id = uuid_new(), .rule = "",
	    .severity = "", .host = "", .owner = "terminal",
	    .starts_at = clock_now(), .created_at = clock_now() };
	struct option_walk w = { .argc = argc, .argv = argv };
	const char *minutes = NULL;
	struct err e = { 0 };
	char id[UUID_TEXT];
	int64_t n = 0;

	while (w.i < w.argc)
		if (!platform_terminal_option(&w, "--rule", &s.rule) &&
		    !platform_terminal_option(&w, "--severity",
		    &s.severity) &&
		    !platform_terminal_option(&w, "--host", &s.host) &&
		    !platform_terminal_word(&w, minutes == NULL ? &minutes :
		    &s.comment))
			return platform_terminal_usage(usage);
	if (s.comment == NULL || num_i64(minutes, strlen(minutes), &n) !=
	    NUM_OK || n < 1 || n > 43200 ||
	    (*s.rule == '\0' && *s.severity == '\0' && *s.host == '\0'))
		return platform_terminal_usage(usage);
	s.ends_at.us = s.starts_at.us + n * 60 * US_PER_S;
	if (db_txn(env->db, env->a, silence_txn, &s, &e) == -1)
		return platform_terminal_error(&e);
	printf("%s\n", uuid_format(s.id, id));
	return 0;
}

static int
export(struct env *env, int argc, char **argv)
{
	struct option_walk w = { .argc = argc, .argv = argv };
	bool declared = false;
	struct err e = { 0 };
	struct rows rows;
	struct str s;

	while (w.i < w.argc) {
		if (!platform_terminal_option(&w, "--declared", NULL))
			return platform_terminal_usage("alerts export "
			    "[--declared]");
		declared = true;
	}
	if (platform_rules(env->modules, declared ? NULL : env->db, env->a,
	    &rows, &e) == -1)
		return platform_terminal_error(&e);
	str_init(&s, env->a);
	platform_rules_export(env->a, rows.v, rows.n, &s);
	return platform_terminal_write(&s);
}

const struct command platform_alert_commands[] = {
	{ "alerts list", "[--json]", "Alerts and their states", false, list },
	{ "alerts rules", "[--json]", "Rules, declared and of users", false,
	  rules },
	{ "alerts silence", "MINUTES COMMENT [--rule R] [--severity S] "
	  "[--host H]", "Tells nothing about matching alerts for a while",
	  false, silence },
	{ "alerts export", "[--declared]", "Rules as a Prometheus rules file; "
	  "--declared: without those of users and without a database", true,
	  export },
	{ .name = NULL }
};
