/*
 * Dependencies over HTTP. Everyone's work may depend on them, so orders are
 * for those who run the installation.
 */
#include <stddef.h>

#include "http/ctx.h"
#include "modules/platform/dependency.h"

#define C(m, ...) FIELD(struct platform_dependency_calls, m, __VA_ARGS__)
static const struct field call_fields[] = {
	C(ok, .doc = "Calls that ended well"),
	C(failed, .doc = "Calls that did not"),
	C(slow, .doc = "Calls of either kind that took too long"),
	C(failures_in_a_row, .doc = "Failures since the last that ended well"),
	FIELD_END
};
static const struct schema call_schema = {
	.name = "DependencyCalls", .doc = "Calls of the last ten seconds",
	.size = sizeof(struct platform_dependency_calls),
	.fields = call_fields
};

#define W(m, ...) FIELD(struct platform_dependency_view, m, __VA_ARGS__)
static const struct field view_fields[] = {
	W(name, .doc = "Dependency"),
	W(doc, .doc = "What it is"),
	W(state, .oneof = ONEOF("closed", "open", "half_open"),
	    .doc = "State of its breaker on this host"),
	W(mode, .oneof = ONEOF("auto", "open", "closed", "disabled"),
	    .doc = "What an operator ordered; auto: the state decides"),
	W(since, .flags = FF_NULLABLE,
	    .doc = "Since when; null: as long as this host counts"),
	W(probes_in_s, .doc = "Open: seconds until probes may be sent"),
	W(opened, .doc = "Times in a row that it opened without recovery"),
	W(calls, .sub = &call_schema, .doc = "Calls of the last ten seconds"),
	W(retry_budget, .doc = "Repeats of calls that may be made now"),
	W(permits, .doc = "Calls of this host at once; 0 = no limit"),
	W(permits_used, .doc = "Calls under way"),
	W(reason, .flags = FF_NULLABLE, .doc = "Why it was ordered"),
	W(changed_by, .flags = FF_NULLABLE, .doc = "Who ordered it"),
	W(changed_at, .flags = FF_NULLABLE, .doc = "When"),
	FIELD_END
};
const struct schema platform_dependency_view_schema = {
	.name = "Dependency", .doc = "A service outside that we call",
	.size = sizeof(struct platform_dependency_view), .fields = view_fields
};

struct act_in {
	const char *name, *action, *reason;
};
static const struct field act_fields[] = {
	FIELD(struct act_in, name, .flags = FF_REQUIRED, .fmt = FMT_SLUG,
	    .max = 64, .doc = "Name of the dependency"),
	FIELD(struct act_in, action, .flags = FF_REQUIRED,
	    .oneof = ONEOF("open", "close", "auto", "disable"),
	    .doc = "What to order"),
	FIELD(struct act_in, reason, .flags = FF_NULLABLE, .max = 500,
	    .doc = "Why, for whoever finds it so"),
	FIELD_END
};
static const struct schema act_schema = {
	.name = "DependencyAction", .doc = "What to order of a breaker",
	.size = sizeof(struct act_in), .fields = act_fields
};

static int
dependency_list(struct ctx *c, const void *in)
{
	struct rows orders, rows;

	(void)in;
	if (platform_dependency_all(c->db, c->a, &orders, &c->err) == -1)
		return fail_err(c);
	platform_dependency_look(c->env, c->a, &orders, &rows);
	return reply_list(c, &rows, NULL);
}

static int
dependency_act(struct ctx *c, const void *in)
{
	const struct act_in *i = in;
	struct platform_dependency d = { .name = i->name,
	    .mode = breaker_mode_name((enum breaker_mode)
	    platform_dependency_action(i->action)),
	    .reason = i->reason != NULL ? i->reason : "",
	    .changed_by = c->who.name != NULL ? c->who.name : "" };

	ctx_target(c, "dependency", i->name, NULL);
	if (platform_dependency_order(c->env, c->db, c->a, &d,
	    &c->err) == -1)
		return fail_err(c);
	return reply(c, &d);
}

const struct route platform_dependency_routes[] = {
	{ .id = "system.dependency.list", .method = HTTP_GET,
	  .path = "/api/system/dependencies", .auth = AUTH_USER,
	  .permission = "system:read",
	  .out = &platform_dependency_view_schema, .ok = 200,
	  .flags = R_LIST, .run = dependency_list,
	  .summary = "Services outside and their breakers on this host" },
	{ .id = "system.dependency.act", .method = HTTP_POST,
	  .path = "/api/system/dependencies/{name}/{action}",
	  .auth = AUTH_USER, .permission = "system:control",
	  .in = &act_schema, .out = &platform_dependency_schema, .ok = 200,
	  .errors = ERRORS(404), .flags = R_TXN | R_AUDIT | R_IDEMPOTENT,
	  .natural_key = "the order that is given",
	  .run = dependency_act,
	  .summary = "Open or close a breaker by hand",
	  .doc = "open: nothing is called any more; close: everything is "
	  "called, whatever happens; disable: the same, and nothing is "
	  "counted; auto: the breaker decides again, from the start. Holds on "
	  "all hosts within seconds, until another order." },
	ROUTE_END
};
