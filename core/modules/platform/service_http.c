/*
 * Components over HTTP. Everyone's work depends on them, so control belongs to
 * those who run the installation.
 */
#include <stddef.h>
#include <string.h>

#include "base/str.h"
#include "base/vec.h"
#include "http/ctx.h"
#include "modules/platform/health.h"
#include "modules/platform/service.h"

struct component_row {
	const char *name, *doc, *desired, *state, *health;
	struct list needs;
	bool required;
	const char *cause, *changed_by;
	struct utc changed_at;
};

static const struct field row_fields[] = {
	FIELD(struct component_row, name, .doc = "Name"),
	FIELD(struct component_row, doc, .doc = "What it does"),
	FIELD(struct component_row, desired, .oneof = ONEOF("running",
	    "paused", "stopped"), .doc = "What an operator wants"),
	FIELD(struct component_row, state, .oneof = ONEOF("running", "paused",
	    "stopped", "degraded", "failed"), .doc = "The wish, and what its "
	    "health check found"),
	FIELD(struct component_row, health, .flags = FF_NULLABLE,
	    .doc = "Its health check at the last probe"),
	FIELD(struct component_row, needs, .elem = FT_STR,
	    .doc = "Components it cannot work without"),
	FIELD(struct component_row, required, .doc = "Cannot be stopped"),
	FIELD(struct component_row, cause, .flags = FF_NULLABLE,
	    .doc = "Component whose stop stopped this one"),
	FIELD(struct component_row, changed_by, .flags = FF_NULLABLE,
	    .doc = "Who changed the wish last"),
	FIELD(struct component_row, changed_at, .flags = FF_NULLABLE,
	    .doc = "When"),
	FIELD_END
};
static const struct schema row_schema = {
	.name = "Component", .doc = "A part that can be started and stopped",
	.size = sizeof(struct component_row), .fields = row_fields
};

struct act_in {
	const char *name, *action;
};
static const struct field act_fields[] = {
	FIELD(struct act_in, name, .flags = FF_REQUIRED, .fmt = FMT_SLUG,
	    .max = 64, .doc = "Name of the component"),
	FIELD(struct act_in, action, .flags = FF_REQUIRED,
	    .oneof = ONEOF("start", "stop", "pause", "resume"),
	    .doc = "What to do"),
	FIELD_END
};
static const struct schema act_schema = {
	.name = "ComponentAction", .doc = "What to do with a component",
	.size = sizeof(struct act_in), .fields = act_fields
};

struct act_out {
	const char *name, *action;
	struct list changed;
};
static const struct field out_fields[] = {
	FIELD(struct act_out, name, .doc = "Name of the component"),
	FIELD(struct act_out, action, .doc = "What was asked for"),
	FIELD(struct act_out, changed, .sub = &platform_change_schema,
	    .doc = "What changed, in this order"),
	FIELD_END
};
static const struct schema out_schema = {
	.name = "ComponentActionResult", .doc = "What an action changed",
	.size = sizeof(struct act_out), .fields = out_fields
};

static struct list
names(struct arena *a, const char *const *v)
{
	VEC(const char *) l = { 0 };

	for (; v != NULL && *v != NULL; v++)
		*VEC_ADD(a, &l) = *v;
	return (struct list){ l.v, l.n };
}

static void
row_wish(struct component_row *row, const struct rows *wishes)
{
	for (size_t i = 0; i < wishes->n; i++) {
		const struct platform_component *w = ROW(wishes,
		    struct platform_component, i);

		if (strcmp(w->name, row->name) != 0)
			continue;
		row->desired = w->desired;
		row->cause = w->cause;
		row->changed_by = w->changed_by;
		row->changed_at = w->changed_at;
	}
}

static int
component_list(struct ctx *c, const void *in)
{
	const struct component *const *all = platform_components(c->a,
	    c->env->modules);
	char *text = arena_alloc(c->a, HEALTH_TEXT + 1);
	VEC(struct component_row) v = { 0 };
	struct rows wishes, rows;
	int64_t age_ms;

	(void)in;
	if (platform_component_all(c->db, c->a, &wishes, &c->err) == -1)
		return fail_err(c);
	platform_health_read(c->env, text, &age_ms);
	for (; *all != NULL; all++) {
		struct component_row *r = VEC_ADD(c->a, &v);
		struct platform_check k = { .status = NULL };

		*r = (struct component_row){ .name = (*all)->name,
		    .doc = (*all)->doc, .desired = "running",
		    .needs = names(c->a, (*all)->needs),
		    .required = (*all)->required };
		row_wish(r, &wishes);
		if ((*all)->health != NULL)
			platform_health_find(c->a, text, age_ms,
			    (*all)->health, &k);
		r->health = k.status;
		r->state = r->desired;
		if (k.status != NULL && strcmp(r->desired, "running") == 0)
			r->state = strcmp(k.status, "down") == 0 ? "failed" :
			    strcmp(k.status, "degraded") == 0 ? "degraded" :
			    "running";
	}
	rows = (struct rows){ v.v, v.n, &row_schema };
	return reply_list(c, &rows, NULL);
}

static int
component_act(struct ctx *c, const void *in)
{
	const struct act_in *i = in;
	struct act_out out = { .name = i->name, .action = i->action };
	struct rows changes;
	struct str detail;

	if (platform_service_act(c->db, c->a, c->env->modules, i->name,
	    platform_action_parse(i->action), c->who.name != NULL ?
	    c->who.name : "", c->now, &changes, &c->err) == -1)
		return fail_err(c);
	out.changed = (struct list){ changes.v, changes.n };
	str_init(&detail, c->a);
	schema_encode(&out_schema, &out, &detail);
	ctx_target(c, "component", i->name, detail.p);
	return reply(c, &out);
}

const struct route platform_service_routes[] = {
	{ .id = "system.component.list", .method = HTTP_GET,
	  .path = "/api/system/components", .auth = AUTH_USER,
	  .permission = "system:read", .out = &row_schema, .ok = 200,
	  .flags = R_LIST, .run = component_list,
	  .summary = "Components and their states" },
	{ .id = "system.component.act", .method = HTTP_POST,
	  .path = "/api/system/components/{name}/{action}",
	  .auth = AUTH_USER, .permission = "system:control",
	  .in = &act_schema, .out = &out_schema, .ok = 200,
	  .errors = ERRORS(404, 409), .flags = R_TXN | R_AUDIT | R_IDEMPOTENT,
	  .natural_key = "the state that is asked for",
	  .run = component_act,
	  .summary = "Start, stop, pause or resume a component",
	  .doc = "Stopping stops what needs it first; starting starts what it "
	  "needs first and brings back what its stop had stopped." },
	ROUTE_END
};
