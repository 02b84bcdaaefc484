/*
 * Roles of a tenant, builtin ones included, and the matrix of permissions.
 */
#include "base/vec.h"
#include "db/table.h"
#include "modules/auth/common.h"
#include "modules/auth/role.h"

struct role_in {
	struct uuid id;
	const char *name, *doc;
	struct list permissions;
};
#define ROLE_DOC FIELD(struct role_in, doc, .max = 200, .def = "\"\"", \
	.doc = "What it is for")
#define ROLE_PERMISSIONS FIELD(struct role_in, permissions, \
	.elem = FT_STR, .max = 200, .flags = FF_REQUIRED, \
	.example = "[\"auth:self\"]", \
	.doc = "Permissions, \"module:*\" for all of a module")
static const struct field role_create_fields[] = {
	FIELD(struct role_in, name, .fmt = FMT_SLUG, .min = 2, .max = 64,
	    .flags = FF_REQUIRED, .example = "\"night-shift\"",
	    .doc = "Name, unique in the tenant"),
	ROLE_DOC, ROLE_PERMISSIONS, FIELD_END
};
static const struct schema role_create_schema = {
	.name = "RoleCreate", .doc = "A role of the tenant's own",
	.size = sizeof(struct role_in), .fields = role_create_fields
};
static const struct field role_update_fields[] = {
	FIELD(struct role_in, id, .flags = FF_REQUIRED, .doc = "Identifier"),
	ROLE_DOC, ROLE_PERMISSIONS, FIELD_END
};
static const struct schema role_update_schema = {
	.name = "RoleUpdate", .doc = "All of a role but its name",
	.size = sizeof(struct role_in), .fields = role_update_fields
};

struct permission_row {
	const char *name, *module, *doc;
	bool step_up;
	struct list roles;
};
static const struct field permission_fields[] = {
	FIELD(struct permission_row, name, .doc = "Permission"),
	FIELD(struct permission_row, module, .doc = "Module it belongs to"),
	FIELD(struct permission_row, doc, .doc = "What it allows"),
	FIELD(struct permission_row, step_up,
	    .doc = "Acts need a fresh password"),
	FIELD(struct permission_row, roles, .elem = FT_STR,
	    .doc = "Roles that have it"),
	FIELD_END
};
static const struct schema permission_schema = {
	.name = "Permission", .doc = "A row of the permission matrix",
	.size = sizeof(struct permission_row), .fields = permission_fields
};

static int
role_list(struct ctx *c, const void *in)
{
	struct rows rows;

	(void)in;
	if (auth_role_list(c->env, c->a, c->who.tenant_id, &rows,
	    &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, NULL);
}

static int
role_get(struct ctx *c, const void *in)
{
	const struct id_in *w = in;
	struct auth_role r;

	if (auth_role_get(c->env, c->a, c->who.tenant_id, w->id, &r,
	    &c->err) == -1)
		return fail_err(c);
	return reply(c, &r);
}

static int
role_create(struct ctx *c, const void *in)
{
	const struct role_in *i = in;
	struct auth_role r = { .name = i->name, .doc = i->doc,
	    .permissions = i->permissions };

	if (auth_role_make(c->env, c->a, &c->who, &r, &c->err) == -1)
		return fail_err(c);
	auth_target(c, "role", r.id);
	return reply(c, &r);
}

static int
role_update(struct ctx *c, const void *in)
{
	const struct role_in *i = in;
	struct auth_role r = { .id = i->id, .doc = i->doc,
	    .permissions = i->permissions };

	auth_target(c, "role", r.id);
	if (auth_role_change(c->env, c->a, &c->who, &r, &c->err) == -1)
		return fail_err(c);
	return reply(c, &r);
}

static int
role_delete(struct ctx *c, const void *in)
{
	const struct id_in *w = in;

	auth_target(c, "role", w->id);
	if (auth_role_remove(c->env, c->a, &c->who, w->id, &c->err) == -1)
		return fail_err(c);
	return reply_none(c);
}

/* ---- the matrix --------------------------------------------------------- */

static struct list
roles_with(struct ctx *c, const struct rows *roles, const char *permission)
{
	VEC(const char *) v = { 0 };

	for (size_t i = 0; i < roles->n; i++) {
		const struct auth_role *r = ROW(roles, struct auth_role, i);

		if (auth_set_grants(auth_set_of(c->a, r->permissions),
		    permission))
			*VEC_ADD(c->a, &v) = r->name;
	}
	return (struct list){ v.v, v.n };
}

static int
role_permissions(struct ctx *c, const void *in)
{
	VEC(struct permission_row) v = { 0 };
	struct rows roles;

	(void)in;
	if (auth_role_list(c->env, c->a, c->who.tenant_id, &roles,
	    &c->err) == -1)
		return fail_err(c);
	for (size_t m = 0; c->env->modules[m] != NULL; m++) {
		const struct module *mod = c->env->modules[m];
		const struct permission *p = mod->permissions;

		for (; p != NULL && p->name != NULL; p++)
			*VEC_ADD(c->a, &v) = (struct permission_row){
			    p->name, mod->name, p->doc, p->step_up,
			    roles_with(c, &roles, p->name) };
	}
	return reply_list(c, &(struct rows){ v.v, v.n, &permission_schema },
	    NULL);
}

const struct route auth_role_routes[] = {
	{ .id = "auth.role.list", .method = HTTP_GET,
	    .path = "/api/auth/roles", .summary = "Roles",
	    .auth = AUTH_USER, .permission = "auth:roles",
	    .out = &auth_role_schema, .ok = 200, .flags = R_LIST,
	    .run = role_list },
	{ .id = "auth.role.create", .method = HTTP_POST,
	    .path = "/api/auth/roles", .summary = "Make a role",
	    .auth = AUTH_USER, .permission = "auth:roles",
	    .in = &role_create_schema, .out = &auth_role_schema, .ok = 201,
	    .errors = ERRORS(403, 409), .flags = R_TXN | R_IDEMPOTENT |
	    R_AUDIT | R_STEP_UP, .run = role_create },
	{ .id = "auth.role.get", .method = HTTP_GET,
	    .path = "/api/auth/roles/{id}", .summary = "One role",
	    .auth = AUTH_USER, .permission = "auth:roles",
	    .in = &id_in_schema, .out = &auth_role_schema, .ok = 200,
	    .errors = ERRORS(404), .run = role_get },
	{ .id = "auth.role.update", .method = HTTP_PUT,
	    .path = "/api/auth/roles/{id}", .summary = "Change a role",
	    .auth = AUTH_USER, .permission = "auth:roles",
	    .in = &role_update_schema, .out = &auth_role_schema, .ok = 200,
	    .errors = ERRORS(403, 404, 409),
	    .flags = R_TXN | R_AUDIT | R_STEP_UP, .run = role_update },
	{ .id = "auth.role.delete", .method = HTTP_DELETE,
	    .path = "/api/auth/roles/{id}",
	    .summary = "Remove a role that nobody has", .auth = AUTH_USER,
	    .permission = "auth:roles", .in = &id_in_schema, .ok = 204,
	    .errors = ERRORS(404, 409),
	    .flags = R_TXN | R_AUDIT | R_STEP_UP, .run = role_delete },
	{ .id = "auth.role.permissions", .method = HTTP_GET,
	    .path = "/api/auth/permissions",
	    .summary = "All permissions and the roles that have them",
	    .auth = AUTH_USER, .permission = "auth:self",
	    .out = &permission_schema, .ok = 200, .flags = R_LIST,
	    .run = role_permissions },
	ROUTE_END
};
