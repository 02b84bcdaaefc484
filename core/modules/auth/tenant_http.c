/*
 * Tenants of the installation, for those who run it. A new tenant may come
 * with its first admin, whose password is hashed before the transaction.
 */
#include "modules/auth/common.h"
#include "modules/auth/password.h"
#include "modules/auth/tenant.h"

struct admin_in {
	const char *email, *username, *password, *full_name;
};
static const struct field admin_fields[] = {
	AUTH_EMAIL(struct admin_in, email, FF_REQUIRED),
	AUTH_USERNAME(struct admin_in, username, FF_REQUIRED),
	AUTH_PASSWORD(struct admin_in, password, FF_REQUIRED),
	AUTH_FULL_NAME(struct admin_in, full_name, FF_NULLABLE),
	FIELD_END
};
static const struct schema admin_schema = {
	.name = "TenantAdmin", .doc = "First admin of a new tenant",
	.size = sizeof(struct admin_in), .fields = admin_fields
};

struct tenant_in {
	const char *name;
	const void *admin;
};
static const struct field tenant_in_fields[] = {
	FIELD(struct tenant_in, name, .min = 1, .max = 100,
	    .flags = FF_REQUIRED, .doc = "Label for people"),
	FIELD(struct tenant_in, admin, .sub = &admin_schema,
	    .flags = FF_NULLABLE, .doc = "Its first admin"),
	FIELD_END
};
static const struct schema tenant_in_schema = {
	.name = "TenantCreate", .doc = "A new tenant",
	.size = sizeof(struct tenant_in), .fields = tenant_in_fields
};

struct tenant_made {
	struct auth_tenant tenant;
	const void *admin;
};
static const struct field tenant_made_fields[] = {
	FIELD_IN(struct tenant_made, tenant., id, .doc = "Identifier"),
	FIELD_IN(struct tenant_made, tenant., name, .doc = "Label"),
	FIELD_IN(struct tenant_made, tenant., active,
	    .doc = "Its people may log in"),
	FIELD_IN(struct tenant_made, tenant., created_at,
	    .doc = "When it was made"),
	FIELD_IN(struct tenant_made, tenant., updated_at,
	    .doc = "Last change"),
	FIELD(struct tenant_made, admin, .sub = &auth_user_schema,
	    .flags = FF_NULLABLE, .doc = "Its first admin"),
	FIELD_END
};
static const struct schema tenant_made_schema = {
	.name = "TenantMade", .doc = "A tenant just made",
	.size = sizeof(struct tenant_made), .fields = tenant_made_fields
};

struct tenant_patch {
	struct uuid id;
	const char *name;
	bool active;
};
static const struct field tenant_patch_fields[] = {
	FIELD(struct tenant_patch, id, .flags = FF_REQUIRED,
	    .doc = "Identifier"),
	FIELD(struct tenant_patch, name, .min = 1, .max = 100,
	    .doc = "Label for people"),
	FIELD(struct tenant_patch, active, .doc = "Its people may log in"),
	FIELD_END
};
static const struct schema tenant_patch_schema = {
	.name = "TenantPatch", .doc = "Members that change",
	.size = sizeof(struct tenant_patch), .fields = tenant_patch_fields
};

static int
tenant_list(struct ctx *c, const void *in)
{
	const struct page_only_in *p = in;
	struct uuid after;
	struct rows rows;

	if (cursor_open_uuid(c, p->page.cursor, &after) == -1 ||
	    auth_tenant_page(c->db, c->a, after, p->page.limit + 1, &rows,
	    &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, cursor_uuid(c, &rows, p->page.limit,
	    offsetof(struct auth_tenant, id)));
}

static int
tenant_get(struct ctx *c, const void *in)
{
	const struct id_in *w = in;
	struct auth_tenant t;

	if (db_found(auth_tenant_by_id(c->db, c->a, w->id, &t, &c->err),
	    "Tenant", &c->err) == -1)
		return fail_err(c);
	return reply(c, &t);
}

static int
tenant_create(struct ctx *c, const void *in)
{
	const struct tenant_in *i = in;
	const struct admin_in *first = i->admin;
	struct auth_user_new admin = { .role_names = "admin" };
	struct tenant_made out = { .admin = NULL };
	struct auth_user user;

	if (first != NULL) {
		admin.email = first->email;
		admin.username = first->username;
		admin.full_name = first->full_name;
		admin.password = first->password;
		out.admin = &user;
	}
	if (auth_tenant_found(c->env, c->a, i->name, first != NULL ? &admin :
	    NULL, c->now, &out.tenant, &user, &c->err) == -1)
		return fail_err(c);
	auth_target(c, "tenant", out.tenant.id);
	return reply(c, &out);
}

static int
tenant_update(struct ctx *c, const void *in)
{
	const struct schema *s = c->route->in;
	const struct tenant_patch *p = in;
	struct auth_tenant was, to;

	auth_target(c, "tenant", p->id);
	if (db_found(auth_tenant_by_id(c->db, c->a, p->id, &was, &c->err),
	    "Tenant", &c->err) == -1)
		return fail_err(c);
	to = was;
	to.updated_at = c->now;
	if (SEEN(c->seen, s, struct tenant_patch, name))
		to.name = p->name;
	if (SEEN(c->seen, s, struct tenant_patch, active))
		to.active = p->active;
	if (auth_tenant_change(c->env, c->a, &c->who, &was, &to,
	    &c->err) == -1)
		return fail_err(c);
	return reply(c, &to);
}

const struct route auth_tenant_routes[] = {
	{ .id = "auth.tenant.list", .method = HTTP_GET,
	    .path = "/api/auth/tenants", .summary = "Tenants",
	    .aliases = ALIASES(
	  { "/api/v1/admin/clients", "001", false }),
	  .auth = AUTH_USER, .permission = "auth:tenants",
	    .in = &page_only_schema, .out = &auth_tenant_schema, .ok = 200,
	    .flags = R_LIST, .run = tenant_list },
	{ .id = "auth.tenant.create", .method = HTTP_POST,
	    .path = "/api/auth/tenants", .summary = "Make a tenant",
	    .doc = "With its first admin, if one is given.",
	    .auth = AUTH_USER, .permission = "auth:tenants",
	    .in = &tenant_in_schema, .out = &tenant_made_schema, .ok = 201,
	    .errors = ERRORS(409), .flags = R_AUDIT | R_STEP_UP,
	    .pool = POOL_SLOW, .run = tenant_create },
	{ .id = "auth.tenant.get", .method = HTTP_GET,
	    .path = "/api/auth/tenants/{id}", .summary = "One tenant",
	    .auth = AUTH_USER, .permission = "auth:tenants",
	    .in = &id_in_schema, .out = &auth_tenant_schema, .ok = 200,
	    .errors = ERRORS(404), .run = tenant_get },
	{ .id = "auth.tenant.update", .method = HTTP_PATCH,
	    .path = "/api/auth/tenants/{id}", .summary = "Change a tenant",
	    .doc = "A tenant that is switched off loses its tokens at once.",
	    .auth = AUTH_USER, .permission = "auth:tenants",
	    .in = &tenant_patch_schema, .out = &auth_tenant_schema,
	    .ok = 200, .errors = ERRORS(404, 409),
	    .flags = R_TXN | R_AUDIT | R_STEP_UP, .run = tenant_update },
	ROUTE_END
};
