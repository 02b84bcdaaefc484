/*
 * Invitations of a tenant.
 */
#include "modules/auth/common.h"
#include "modules/auth/invite.h"

struct invite_in {
	const char *email;
	struct list roles;
	int64_t days;
};
static const struct field invite_in_fields[] = {
	AUTH_EMAIL(struct invite_in, email, FF_NULLABLE),
	AUTH_ROLE_LIST(struct invite_in, roles, 0),
	FIELD(struct invite_in, days, .min = 1, .max = 90, .def = "7",
	    .doc = "How long it may be used"),
	FIELD_END
};
static const struct schema invite_in_schema = {
	.name = "InviteCreate", .doc = "Who may register, and as what",
	.size = sizeof(struct invite_in), .fields = invite_in_fields
};

static int
invite_list(struct ctx *c, const void *in)
{
	const struct page_only_in *p = in;
	struct uuid after;
	struct rows rows;

	if (cursor_open_uuid(c, p->page.cursor, &after) == -1 ||
	    auth_invite_page(c->db, c->a, c->who.tenant_id, after,
	    p->page.limit + 1, &rows, &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, cursor_uuid(c, &rows, p->page.limit,
	    offsetof(struct auth_invite, id)));
}

static int
invite_create(struct ctx *c, const void *in)
{
	const struct invite_in *i = in;
	struct auth_invite made;

	if (auth_invite_make(c->env, c->a, &c->who, i->email, i->roles,
	    i->days, c->now, &made, &c->err) == -1)
		return fail_err(c);
	auth_target(c, "invite", made.id);
	return reply(c, &made);
}

static int
invite_delete(struct ctx *c, const void *in)
{
	const struct id_in *w = in;

	auth_target(c, "invite", w->id);
	if (db_found(auth_invite_delete(c->db, c->who.tenant_id, w->id,
	    &c->err), "Invitation", &c->err) == -1)
		return fail_err(c);
	return reply_none(c);
}

const struct route auth_invite_routes[] = {
	{ .id = "auth.invite.list", .method = HTTP_GET,
	    .path = "/api/auth/invites", .summary = "Invitations",
	    .auth = AUTH_USER, .permission = "auth:users",
	    .in = &page_only_schema, .out = &auth_invite_schema, .ok = 200,
	    .flags = R_LIST, .run = invite_list },
	{ .id = "auth.invite.create", .method = HTTP_POST,
	    .path = "/api/auth/invites", .summary = "Invite somebody",
	    .doc = "The token is for POST /api/auth/register and shown once.",
	    .auth = AUTH_USER, .permission = "auth:users",
	    .in = &invite_in_schema, .out = &auth_invite_schema, .ok = 201,
	    .errors = ERRORS(403), .flags = R_TXN | R_AUDIT | R_SECRET |
	    R_STEP_UP, .run = invite_create },
	{ .id = "auth.invite.delete", .method = HTTP_DELETE,
	    .path = "/api/auth/invites/{id}",
	    .summary = "Take an invitation back", .auth = AUTH_USER,
	    .permission = "auth:users", .in = &id_in_schema, .ok = 204,
	    .errors = ERRORS(404), .flags = R_TXN | R_AUDIT,
	    .run = invite_delete },
	ROUTE_END
};
