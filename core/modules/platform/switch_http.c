/*
 * The stop switch over HTTP. Stopping is for everybody who acts; releasing
 * takes a person who has just proved the password. A tenant stops itself, its
 * accounts and sessions and modules for itself; the whole installation is for
 * those who run it.
 */
#include <string.h>

#include "http/ctx.h"
#include "modules/platform/switch.h"

struct set_in {
	const char *scope, *name, *reason;
	bool installation;
};
static const struct field set_fields[] = {
	FIELD(struct set_in, scope, .flags = FF_REQUIRED, .oneof =
	    ONEOF("all", "module", "tenant", "account", "session"),
	    .doc = "How much to stop; all: the whole installation"),
	FIELD(struct set_in, name, .max = 64, .def = "\"\"",
	    .doc = "Module, account or session"),
	FIELD(struct set_in, reason, .max = 500, .def = "\"\"",
	    .doc = "Why; shown to whoever is stopped"),
	FIELD(struct set_in, installation, .def = "false",
	    .doc = "With scope module: for all tenants"),
	FIELD_END
};
static const struct schema set_schema = {
	.name = "StopRequest", .doc = "What to stop or release",
	.size = sizeof(struct set_in), .fields = set_fields
};

static int
switch_list(struct ctx *c, const void *in)
{
	struct rows rows;

	(void)in;
	if (platform_switch_all(c->db, c->a, c->who.tenant_id, &rows,
	    &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, NULL);
}

static int
set(struct ctx *c, const struct set_in *i, bool stop)
{
	bool whole = strcmp(i->scope, "all") == 0 || i->installation;
	struct platform_switch s = { .scope = i->scope, .name = i->name,
	    .stopped = stop, .reason = i->reason,
	    .changed_by = c->who.name != NULL ? c->who.name : "" };

	ctx_target(c, "switch", arena_printf(c->a, "%s %s", i->scope,
	    i->name), NULL);
	if (whole && !principal_may(&c->who, "system:control"))
		return fail(c, 403, "forbidden",
		    "Permission system:control is required");
	if (i->installation && strcmp(i->scope, "module") != 0)
		return fail_field(c, "installation", "value_error",
		    "Only with scope module");
	if (!whole)
		s.tenant_id = c->who.tenant_id;
	if (platform_switch_check(c->env->modules, i->scope, i->name,
	    &c->err) == -1 ||
	    platform_switch_set(c->db, c->a, &s, &c->err) == -1)
		return fail_err(c);
	return reply(c, &s);
}

static int
switch_stop(struct ctx *c, const void *in)
{
	return set(c, in, true);
}

static int
switch_release(struct ctx *c, const void *in)
{
	return set(c, in, false);
}

const struct route platform_switch_routes[] = {
	{ .id = "system.switch.list", .method = HTTP_GET,
	  .path = "/api/system/switches", .auth = AUTH_USER,
	  .permission = "decisions:read", .out = &platform_switch_schema,
	  .ok = 200, .flags = R_LIST, .run = switch_list,
	  .summary = "Stop switches of the tenant and the installation" },
	{ .id = "system.switch.stop", .method = HTTP_POST,
	  .path = "/api/system/switches/stop", .auth = AUTH_USER,
	  .permission = "switch:stop", .in = &set_schema,
	  .out = &platform_switch_schema, .ok = 200,
	  .errors = ERRORS(403), .flags = R_TXN | R_AUDIT,
	  .natural_key = "the state that is asked for", .run = switch_stop,
	  .summary = "Stop: nothing more is sent outward",
	  .doc = "Holds for every act that is not reserved yet, and is asked "
	  "again right before each sending." },
	{ .id = "system.switch.release", .method = HTTP_POST,
	  .path = "/api/system/switches/release", .auth = AUTH_USER,
	  .permission = "switch:release", .in = &set_schema,
	  .out = &platform_switch_schema, .ok = 200,
	  .errors = ERRORS(403), .flags = R_TXN | R_AUDIT | R_STEP_UP,
	  .natural_key = "the state that is asked for",
	  .run = switch_release, .summary = "Release what was stopped" },
	ROUTE_END
};
