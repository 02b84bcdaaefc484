/*
 * Alert rules over HTTP. They are the installation's: every tenant sees what
 * may concern it, only those who run the installation change them.
 */
#include "http/ctx.h"
#include "modules/platform/rule.h"

struct rule_in {
	struct uuid id;
	const char *name, *expr, *severity, *summary, *runbook, *group_by,
	    *inhibited_by;
	int64_t for_s, keep_s;
	bool enabled;
};
#define R(m, ...) FIELD(struct rule_in, m, __VA_ARGS__)
#define NAME(fl) R(name, .flags = (fl), .min = 2, .max = 64, \
	.pattern = "^[A-Za-z][A-Za-z0-9_]*$", .example = "\"ManyErrors\"", \
	.doc = "Name, unique in the installation")
#define EXPR(fl) R(expr, .flags = (fl), .min = 1, .max = 500, \
	.example = "\"sum by (host) (rate(http_requests_total{code=\\\"500\\\"}" \
	"[5m])) > 1\"", .doc = "Condition: a small part of PromQL")
#define SEVERITY(...) R(severity, .oneof = platform_severities, \
	.doc = "How bad", __VA_ARGS__)
#define SUMMARY(fl) R(summary, .flags = (fl), .min = 1, .max = 300, \
	.doc = "Sentence for whoever is woken")
/* D(x): the default of a new one, nothing for a change. */
#define OTHERS(D) \
	R(for_s, D("0") .min = 0, .max = 86400, \
	    .doc = "Must hold for so many seconds"), \
	R(keep_s, D("0") .min = 0, .max = 86400, \
	    .doc = "Goes on for so many seconds after it held last"), \
	R(runbook, D("\"\"") .max = 500, .doc = "What to do"), \
	R(group_by, D("\"\"") .max = 64, .pattern = "^[a-z_]*$", \
	    .doc = "Label whose alerts are told together; empty: those of " \
	    "the rule"), \
	R(inhibited_by, D("\"\"") .max = 300, \
	    .pattern = "^[A-Za-z0-9_ ]*$", \
	    .doc = "Rules that explain this one, separated by blanks"), \
	R(enabled, D("true") .doc = "Is evaluated")
#define DEFAULT(x) .def = x,
#define NOTHING(x)

static const struct field make_fields[] = {
	NAME(FF_REQUIRED), EXPR(FF_REQUIRED),
	SEVERITY(.def = "\"warning\""), SUMMARY(FF_REQUIRED),
	OTHERS(DEFAULT), FIELD_END
};
static const struct schema make_schema = {
	.name = "AlertRuleCreate", .doc = "A new rule",
	.size = sizeof(struct rule_in), .fields = make_fields
};
static const struct field patch_fields[] = {
	R(id, .flags = FF_REQUIRED, .doc = "Identifier"),
	NAME(0), EXPR(0), SEVERITY(.flags = 0), SUMMARY(0), OTHERS(NOTHING),
	FIELD_END
};
static const struct schema patch_schema = {
	.name = "AlertRulePatch", .doc = "Members that change; of a rule that "
	"comes with the program only enabled",
	.size = sizeof(struct rule_in), .fields = patch_fields
};

static int
rule_list(struct ctx *c, const void *in)
{
	struct rows rows;

	(void)in;
	if (platform_rules(c->env->modules, c->db, c->a, &rows,
	    &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, NULL);
}

static int
found(struct ctx *c, struct uuid id, struct platform_rule *r)
{
	return db_found(platform_rule_find(c->env->modules, c->db, c->a, id,
	    r, &c->err), "Alert rule", &c->err);
}

static int
rule_get(struct ctx *c, const void *in)
{
	const struct id_in *w = in;
	struct platform_rule r;

	return found(c, w->id, &r) == -1 ? fail_err(c) : reply(c, &r);
}

static int
rule_create(struct ctx *c, const void *in)
{
	const struct rule_in *i = in;
	struct platform_rule r = { .name = i->name, .expr = i->expr,
	    .severity = i->severity, .summary = i->summary,
	    .runbook = i->runbook, .group_by = i->group_by,
	    .inhibited_by = i->inhibited_by, .for_s = i->for_s,
	    .keep_s = i->keep_s, .enabled = i->enabled,
	    .created_by = c->who.name != NULL ? c->who.name : "" };

	if (platform_rule_make(c->env->modules, c->db, c->a, &r,
	    &c->err) == -1)
		return fail_err(c);
	ctx_target_id(c, "alert rule", r.id);
	return reply(c, &r);
}

#define TAKE(m) do { \
	if (SEEN(c->seen, c->route->in, struct rule_in, m)) \
		to.m = i->m; \
} while (0)

static int
rule_update(struct ctx *c, const void *in)
{
	const struct rule_in *i = in;
	struct platform_rule was, to;

	ctx_target_id(c, "alert rule", i->id);
	if (found(c, i->id, &was) == -1)
		return fail_err(c);
	to = was;
	TAKE(name);
	TAKE(expr);
	TAKE(severity);
	TAKE(summary);
	TAKE(runbook);
	TAKE(group_by);
	TAKE(inhibited_by);
	TAKE(for_s);
	TAKE(keep_s);
	TAKE(enabled);
	if (platform_rule_change(c->env->modules, c->db, c->a, &was, &to,
	    &c->err) == -1)
		return fail_err(c);
	return reply(c, &to);
}

static int
rule_delete(struct ctx *c, const void *in)
{
	const struct id_in *w = in;
	struct platform_rule r;

	ctx_target_id(c, "alert rule", w->id);
	if (found(c, w->id, &r) == -1)
		return fail_err(c);
	if (r.declared)
		return fail(c, 409, "rule_declared", "This rule comes with "
		    "the program: switch it off instead");
	if (platform_rule_delete(c->db, w->id, &c->err) == -1)
		return fail_err(c);
	return reply_none(c);
}

const struct route platform_rule_routes[] = {
	{ .id = "system.alert_rule.list", .method = HTTP_GET,
	  .path = "/api/system/alerts/rules", .auth = AUTH_USER,
	  .permission = "system:read", .out = &platform_rule_schema,
	  .ok = 200, .flags = R_LIST, .run = rule_list,
	  .summary = "Alert rules, those of the program first" },
	{ .id = "system.alert_rule.create", .method = HTTP_POST,
	  .path = "/api/system/alerts/rules", .auth = AUTH_USER,
	  .permission = "alerts:write", .in = &make_schema,
	  .out = &platform_rule_schema, .ok = 201, .errors = ERRORS(409),
	  .flags = R_TXN | R_AUDIT | R_IDEMPOTENT, .run = rule_create,
	  .summary = "Make an alert rule" },
	{ .id = "system.alert_rule.get", .method = HTTP_GET,
	  .path = "/api/system/alerts/rules/{id}", .auth = AUTH_USER,
	  .permission = "system:read", .in = &id_in_schema,
	  .out = &platform_rule_schema, .ok = 200, .errors = ERRORS(404),
	  .run = rule_get, .summary = "One alert rule" },
	{ .id = "system.alert_rule.update", .method = HTTP_PATCH,
	  .path = "/api/system/alerts/rules/{id}", .auth = AUTH_USER,
	  .permission = "alerts:write", .in = &patch_schema,
	  .out = &platform_rule_schema, .ok = 200,
	  .errors = ERRORS(404, 409), .flags = R_TXN | R_AUDIT,
	  .run = rule_update, .summary = "Change an alert rule" },
	{ .id = "system.alert_rule.delete", .method = HTTP_DELETE,
	  .path = "/api/system/alerts/rules/{id}", .auth = AUTH_USER,
	  .permission = "alerts:write", .in = &id_in_schema, .ok = 204,
	  .errors = ERRORS(404, 409), .flags = R_TXN | R_AUDIT,
	  .run = rule_delete, .summary = "Remove an alert rule" },
	ROUTE_END
};
