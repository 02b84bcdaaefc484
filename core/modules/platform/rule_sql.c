/*
 * Rows of alert rules. All SQL on platform_rule is here.
 */
#include <stddef.h>

#include "modules/platform/rule.h"

const char *const platform_severities[] = { "info", "warning", "critical",
	"page", NULL };

#define R(m, ...) FIELD(struct platform_rule, m, __VA_ARGS__)
static const struct field fields[] = {
	R(id, .flags = FF_READONLY, .doc = "Identifier"),
	R(name, .doc = "Name, unique in the installation"),
	R(declared, .flags = FF_READONLY, .doc = "Comes with the program: "
	    "can only be switched off and on"),
	R(expr, .doc = "Condition: a small part of PromQL"),
	R(for_s, .doc = "Must hold for so many seconds"),
	R(keep_s, .doc = "Goes on for so many seconds after it held last"),
	R(severity, .oneof = platform_severities, .doc = "How bad"),
	R(summary, .doc = "Sentence for whoever is woken"),
	R(runbook, .doc = "What to do"),
	R(group_by, .doc = "Label whose alerts are told together; empty: "
	    "those of the rule"),
	R(inhibited_by, .doc = "Rules that explain this one: while they fire "
	    "it is not told"),
	R(enabled, .doc = "Is evaluated"),
	R(fault, .flags = FF_READONLY, .doc = "Why it cannot be evaluated"),
	R(version, .flags = FF_READONLY, .doc = "Grows with each change"),
	R(created_by, .flags = FF_READONLY, .doc = "Who made it"),
	R(created_at, .flags = FF_READONLY | FF_NULLABLE,
	    .doc = "When it was made"),
	R(updated_at, .flags = FF_READONLY | FF_NULLABLE,
	    .doc = "Last change"),
	FIELD_END
};
const struct schema platform_rule_schema = {
	.name = "AlertRule", .doc = "When to raise an alert",
	.size = sizeof(struct platform_rule), .fields = fields
};

#define COLUMNS "id, name, declared, expr, for_s, keep_s, severity, summary, " \
	"runbook, group_by, inhibited_by, enabled, fault, version, " \
	"created_by, created_at, updated_at"

static const struct query RULE_ALL = { "platform_rule.all",
	"SELECT " COLUMNS " FROM platform_rule ORDER BY name LIMIT 2000",
	&platform_rule_schema };
static const struct query RULE_BY_ID = { "platform_rule.by_id",
	"SELECT " COLUMNS " FROM platform_rule WHERE id = ? LIMIT 1",
	&platform_rule_schema };
static const struct query RULE_INSERT = { "platform_rule.insert",
	"INSERT INTO platform_rule (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, "
	"?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", NULL };
static const struct query RULE_UPDATE = { "platform_rule.update",
	"UPDATE platform_rule SET name = ?, expr = ?, for_s = ?, keep_s = ?, "
	"severity = ?, summary = ?, runbook = ?, group_by = ?, "
	"inhibited_by = ?, enabled = ?, fault = ?, version = ?, "
	"updated_at = ? WHERE id = ?", NULL };
static const struct query RULE_DELETE = { "platform_rule.delete",
	"DELETE FROM platform_rule WHERE id = ?", NULL };
static const struct query RULE_FAULT = { "platform_rule.fault",
	"UPDATE platform_rule SET fault = ? WHERE id = ?", NULL };

const struct query *const platform_rule_queries[] = {
	&RULE_ALL, &RULE_BY_ID, &RULE_INSERT, &RULE_UPDATE, &RULE_DELETE,
	&RULE_FAULT, NULL
};

const struct table platform_rule_tables[] = {
	{ .name = "platform_rule", .row = &platform_rule_schema,
	  .snapshot = SNAP_FULL },
	{ .name = NULL }
};

int
platform_rule_rows(struct db *db, struct arena *a, struct rows *out,
    struct err *e)
{
	return db_all(db, a, &RULE_ALL, NO_ARGS, out, e);
}

int
platform_rule_by_id(struct db *db, struct arena *a, struct uuid id,
    struct platform_rule *out, struct err *e)
{
	return db_one(db, a, &RULE_BY_ID, ARGS(V(id)), out, e);
}

int
platform_rule_insert(struct db *db, const struct platform_rule *r,
    struct err *e)
{
	return db_exec(db, &RULE_INSERT, ARGS(V(r->id), V(r->name),
	    V(r->declared), V(r->expr), V(r->for_s), V(r->keep_s),
	    V(r->severity), V(r->summary), V(r->runbook), V(r->group_by),
	    V(r->inhibited_by), V(r->enabled), V(r->fault), V(r->version),
	    V(r->created_by), V(r->created_at), V(r->updated_at)), NULL, e);
}

int
platform_rule_update(struct db *db, const struct platform_rule *r,
    struct err *e)
{
	return db_exec(db, &RULE_UPDATE, ARGS(V(r->name), V(r->expr),
	    V(r->for_s), V(r->keep_s), V(r->severity), V(r->summary),
	    V(r->runbook), V(r->group_by), V(r->inhibited_by), V(r->enabled),
	    V(r->fault), V(r->version), V(r->updated_at), V(r->id)), NULL, e);
}

int
platform_rule_delete(struct db *db, struct uuid id, struct err *e)
{
	return db_exec(db, &RULE_DELETE, ARGS(V(id)), NULL, e);
}

int
platform_rule_fault(struct db *db, struct uuid id, const char *fault,
    struct err *e)
{
	return db_exec(db, &RULE_FAULT, ARGS(V(fault), V(id)), NULL, e);
}
