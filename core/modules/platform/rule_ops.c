/*
 * Rules: the declared ones and the users' as one list. Refuses expressions
 * that cannot be parsed, metrics whose past nobody keeps (such a rule would
 * never fire, and nobody would know), and any change of a declared rule but
 * switching it off and on.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"
#include "base/vec.h"
#include "crypto/crypto.h"
#include "db/table.h"
#include "module.h"
#include "modules/platform/expr.h"
#include "modules/platform/rule.h"
#include "modules/platform/sample.h"

/* Read from the host itself, not from a declared metric. */
static const char *const of_the_host[] = {
	"host_cpu_seconds_total", "host_network_bytes_total",
	"process_resident_bytes", "process_open_files", "process_count",
	"process_cpu_ratio", NULL
};

/* The same identifier on every host and in every version. */
static struct uuid
declared_id(const char *name)
{
	uint8_t digest[SHA256_LEN];
	char text[128];
	struct uuid id;
	int n = snprintf(text, sizeof(text), "rule\n%s", name);

	crypto_sha256(text, (size_t)n, digest);
	memcpy(id.b, digest, sizeof(id.b));
	return id;
}

static const char *
or_empty(const char *s)
{
	return s != NULL ? s : "";
}

void
platform_rule_declared(const struct alert *d, struct platform_rule *r)
{
	*r = (struct platform_rule){ .id = declared_id(d->name),
	    .name = d->name, .declared = true, .expr = d->expr,
	    .for_s = d->for_s, .keep_s = d->keep_s, .severity = d->severity,
	    .summary = d->doc, .runbook = or_empty(d->runbook),
	    .group_by = or_empty(d->group),
	    .inhibited_by = or_empty(d->inhibited_by), .enabled = true,
	    .fault = "", .version = 1, .created_by = "" };
}

/* What its row says about a declared one. */
static void
override(struct platform_rule *r, const struct platform_rule *row)
{
	r->enabled = row->enabled;
	r->fault = row->fault;
	r->version = row->version;
	r->created_at = row->created_at;
	r->updated_at = row->updated_at;
}

static const struct platform_rule *
row_of(const struct rows *rows, struct uuid id)
{
	for (size_t i = 0; i < rows->n; i++)
		if (uuid_equal(ROW(rows, struct platform_rule, i)->id, id))
			return ROW(rows, struct platform_rule, i);
	return NULL;
}

int
platform_rules(const struct module *const *mods, struct db *db,
    struct arena *a, struct rows *out, struct err *e)
{
	VEC(struct platform_rule) v = { 0 };
	struct rows rows = { 0 };

	if (db != NULL && platform_rule_rows(db, a, &rows, e) == -1)
		return -1;
	for (; *mods != NULL; mods++)
		for (const struct alert *d = (*mods)->alerts;
		    d != NULL && d->name != NULL; d++) {
			struct platform_rule *r = VEC_ADD(a, &v);
			const struct platform_rule *row;

			platform_rule_declared(d, r);
			if ((row = row_of(&rows, r->id)) != NULL)
				override(r, row);
		}
	for (size_t i = 0; i < rows.n; i++)
		if (!ROW(&rows, struct platform_rule, i)->declared)
			*VEC_ADD(a, &v) = *ROW(&rows, struct platform_rule, i);
	*out = (struct rows){ v.v, v.n, &platform_rule_schema };
	return 0;
}

int
platform_rule_find(const struct module *const *mods, struct db *db,
    struct arena *a, struct uuid id, struct platform_rule *out, struct err *e)
{
	struct rows rows;

	if (platform_rules(mods, db, a, &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++)
		if (uuid_equal(ROW(&rows, struct platform_rule, i)->id, id)) {
			*out = *ROW(&rows, struct platform_rule, i);
			return 0;
		}
	return 1;
}

/* ---- checking -------------------------------------------------------------------- */

static int
refuse(struct arena *a, struct err *e, const char *member, const char *msg)
{
	return err_field(e, (struct err_field){ .type = "value_error",
	    .loc = arena_printf(a, "[\"body\",\"%s\"]", member),
	    .msg = arena_strdup(a, msg), .input = "null" });
}

struct names {
	const struct module *const *mods;
	const char *unknown;
};

static void
metric_known(void *arg, const char *name)
{
	struct names *n = arg;
	const char *by;

	for (size_t i = 0; of_the_host[i] != NULL; i++)
		if (strcmp(of_the_host[i], name) == 0)
			return;
	if (!platform_history_of(n->mods, name, &by))
		n->unknown = name;
}

int
platform_rule_check(const struct module *const *mods, struct arena *a,
    const struct platform_rule *r, struct err *e)
{
	struct names n = { .mods = mods };
	struct err bad = { 0 };
	const struct platform_expr *x = platform_expr_parse(a, r->expr, &bad);

	if (x == NULL)
		return refuse(a, e, "expr", bad.detail);
	platform_expr_metrics(x, metric_known, &n);
	if (n.unknown != NULL)
		return refuse(a, e, "expr", arena_printf(a,
		    "Nothing is kept of a metric named %s", n.unknown));
	return 0;
}

/* ---- changing --------------------------------------------------------------------- */

static int
taken(struct err *e)
{
	if (e->native != 1062)
		return -1;
	err_clear(e);
	return err_set(e, 409, "name_taken",
	    "There is a rule with this name already");
}

static int
name_free(const struct rows *all, const struct platform_rule *r,
    struct err *e)
{
	size_t own = 0;

	for (size_t i = 0; i < all->n; i++) {
		const struct platform_rule *o = ROW(all, struct platform_rule,
		    i);

		own += !o->declared;
		if (strcmp(o->name, r->name) == 0 &&
		    !uuid_equal(o->id, r->id))
			return err_set(e, 409, "name_taken",
			    "There is a rule with this name already");
	}
	if (own >= RULES_MAX)
		return err_set(e, 409, "too_many_rules",
		    "There are %d rules already", RULES_MAX);
	return 0;
}

int
platform_rule_make(const struct module *const *mods, struct db *db,
    struct arena *a, struct platform_rule *r, struct err *e)
{
	struct rows all;

	ASSERT(db_in_txn(db));
	r->id = uuid_new();
	r->fault = "";
	r->version = 1;
	r->created_at = r->updated_at = clock_now();
	if (platform_rule_check(mods, a, r, e) == -1 ||
	    platform_rules(mods, db, a, &all, e) == -1 ||
	    name_free(&all, r, e) == -1)
		return -1;
	return platform_rule_insert(db, r, e) == -1 ? taken(e) : 0;
}

static bool
same_but_enabled(const struct platform_rule *a, const struct platform_rule *b)
{
	return strcmp(a->name, b->name) == 0 &&
	    strcmp(a->expr, b->expr) == 0 && a->for_s == b->for_s &&
	    a->keep_s == b->keep_s && strcmp(a->severity, b->severity) == 0 &&
	    strcmp(a->summary, b->summary) == 0 &&
	    strcmp(a->runbook, b->runbook) == 0 &&
	    strcmp(a->group_by, b->group_by) == 0 &&
	    strcmp(a->inhibited_by, b->inhibited_by) == 0;
}

/* Declared: its row is made by the first change. */
static int
switch_declared(struct db *db, struct arena *a, struct platform_rule *to,
    struct err *e)
{
	struct platform_rule row;
	int rc = platform_rule_by_id(db, a, to->id, &row, e);

	if (rc == -1)
		return -1;
	if (rc == 0)
		return platform_rule_update(db, to, e);
	to->created_at = to->updated_at;
	return platform_rule_insert(db, to, e);
}

int
platform_rule_change(const struct module *const *mods, struct db *db,
    struct arena *a, const struct platform_rule *was,
    struct platform_rule *to, struct err *e)
{
	struct rows all;

	ASSERT(db_in_txn(db));
	to->updated_at = clock_now();
	to->version = was->version + 1;
	if (was->declared) {
		if (!same_but_enabled(was, to))
			return err_set(e, 409, "rule_declared", "This rule "
			    "comes with the program: it can only be switched "
			    "off and on");
		return switch_declared(db, a, to, e);
	}
	to->fault = "";
	if (platform_rule_check(mods, a, to, e) == -1 ||
	    platform_rules(mods, db, a, &all, e) == -1 ||
	    name_free(&all, to, e) == -1)
		return -1;
	return platform_rule_update(db, to, e) == -1 ? taken(e) : 0;
}
