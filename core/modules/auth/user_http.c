/*
 * Registration, one's own profile, and the users of a tenant. Handlers are
 * thin: they take input apart, call a use-case and reply. Where a password
 * must be hashed, the row has no R_TXN and the handler opens the transaction
 * after hashing.
 */
#include "modules/auth/access.h"
#include "modules/auth/common.h"
#include "modules/auth/password.h"

/* ---- shapes ------------------------------------------------------------- */

struct register_in {
	const char *email, *username, *password, *full_name, *invite;
};
static const struct field register_fields[] = {
	AUTH_EMAIL(struct register_in, email, FF_REQUIRED),
	AUTH_USERNAME(struct register_in, username, FF_REQUIRED),
	AUTH_PASSWORD(struct register_in, password, FF_REQUIRED),
	AUTH_FULL_NAME(struct register_in, full_name, FF_NULLABLE),
	FIELD(struct register_in, invite, .max = 200,
	    .flags = FF_NULLABLE | FF_SECRET,
	    .doc = "Token of an invitation into its tenant"),
	FIELD_END
};
static const struct schema register_schema = {
	.name = "Register", .doc = "A new person",
	.size = sizeof(struct register_in), .fields = register_fields
};

struct profile {
	struct auth_user user;
	int64_t active_sessions_count;
};
static const struct field profile_fields[] = {
	AUTH_USER_FIELDS(struct profile, user.),
	FIELD(struct profile, active_sessions_count,
	    .doc = "Sessions that are open"),
	FIELD_END
};
static const struct schema profile_schema = {
	.name = "Profile", .doc = "Oneself",
	.size = sizeof(struct profile), .fields = profile_fields
};

struct verified {
	bool valid;
	const void *user;
};
static const struct field verified_fields[] = {
	FIELD(struct verified, valid, .doc = "Always true"),
	FIELD(struct verified, user, .sub = &auth_user_schema,
	    .doc = "Whose token it is"),
	FIELD_END
};
static const struct schema verified_schema = {
	.name = "Verified", .doc = "A token that is good",
	.size = sizeof(struct verified), .fields = verified_fields
};

/* Input of PATCH, for oneself and for others. */
struct user_patch {
	struct uuid id;
	const char *email, *username, *full_name;
	bool active;
};
static const struct field profile_patch_fields[] = {
	AUTH_USERNAME(struct user_patch, username, 0),
	AUTH_FULL_NAME(struct user_patch, full_name, 0),
	FIELD_END
};
static const struct schema profile_patch_schema = {
	.name = "ProfilePatch", .doc = "What a person may change of himself",
	.size = sizeof(struct user_patch), .fields = profile_patch_fields
};
static const struct field user_patch_fields[] = {
	FIELD(struct user_patch, id, .flags = FF_REQUIRED,
	    .doc = "Identifier"),
	AUTH_EMAIL(struct user_patch, email, 0),
	AUTH_USERNAME(struct user_patch, username, 0),
	AUTH_FULL_NAME(struct user_patch, full_name, 0),
	FIELD(struct user_patch, active, .doc = "May log in"),
	FIELD_END
};
static const struct schema user_patch_schema = {
	.name = "UserPatch", .doc = "Members that change",
	.size = sizeof(struct user_patch), .fields = user_patch_fields
};

struct user_in {
	const char *email, *username, *password, *full_name;
	struct list roles;
};
static const struct field user_in_fields[] = {
	AUTH_EMAIL(struct user_in, email, FF_REQUIRED),
	AUTH_USERNAME(struct user_in, username, FF_REQUIRED),
	AUTH_PASSWORD(struct user_in, password, FF_NULLABLE),
	AUTH_FULL_NAME(struct user_in, full_name, FF_NULLABLE),
	AUTH_ROLE_LIST(struct user_in, roles, 0),
	FIELD_END
};
static const struct schema user_in_schema = {
	.name = "UserCreate", .doc = "A new user of the tenant; without a "
	"password the reply has a link to set one",
	.size = sizeof(struct user_in), .fields = user_in_fields
};

#define RESET_FIELDS(T) \
	FIELD(T, reset_token, .flags = FF_NULLABLE, \
	    .doc = "For POST /api/auth/password/reset; shown once"), \
	FIELD(T, reset_expires_at, .flags = FF_NULLABLE, \
	    .doc = "The token is useless from then on")
static const struct field user_made_fields[] = {
	AUTH_USER_FIELDS(struct auth_user_made, user.),
	RESET_FIELDS(struct auth_user_made), FIELD_END
};
static const struct schema user_made_schema = {
	.name = "UserMade", .doc = "A user just made",
	.size = sizeof(struct auth_user_made), .fields = user_made_fields
};

struct reset_made {
	const char *reset_token;
	struct utc reset_expires_at;
};
static const struct field reset_made_fields[] = {
	RESET_FIELDS(struct reset_made), FIELD_END
};
static const struct schema reset_made_schema = {
	.name = "PasswordResetMade", .doc = "A link to set a password",
	.size = sizeof(struct reset_made), .fields = reset_made_fields
};

struct user_roles {
	struct uuid id;
	struct list roles;
};
static const struct field user_roles_fields[] = {
	FIELD(struct user_roles, id, .flags = FF_REQUIRED,
	    .doc = "Identifier"),
	AUTH_ROLE_LIST(struct user_roles, roles, FF_REQUIRED),
	FIELD_END
};
static const struct schema user_roles_schema = {
	.name = "UserRoles", .doc = "All roles of a user",
	.size = sizeof(struct user_roles), .fields = user_roles_fields
};

/* ---- registration ------------------------------------------------------- */

static int
user_register(struct ctx *c, const void *in)
{
	const struct register_in *i = in;
	struct auth_registration r = { .email = i->email,
	    .username = i->username, .full_name = i->full_name,
	    .invite = i->invite, .password = i->password, .now = c->now };
	struct auth_client from = auth_client_of(c);
	struct auth_user made;
	struct auth_token token;

	if (auth_user_register(c->env, c->a, &r, &from, &made, &token,
	    &c->err) == -1) {
		if (c->alias != NULL && c->err.status == 409)
			c->err.status = 400;	/* as the document has it */
		return fail_err(c);
	}
	if (auth_access_principal(c->env, c->db, c->a, &made, &c->who,
	    &c->err) == -1)
		return fail_err(c);
	auth_target(c, "user", made.id);
	return reply(c, &token);
}

/* ---- oneself ------------------------------------------------------------ */

static int
myself(struct ctx *c, struct auth_user *out)
{
	return db_found(auth_user_by_id(c->db, c->a, c->who.tenant_id,
	    c->who.user_id, out, &c->err), "User", &c->err);
}

static int
user_verify(struct ctx *c, const void *in)
{
	struct auth_user u;

	(void)in;
	if (myself(c, &u) == -1)
		return fail_err(c);
	return reply(c, &(struct verified){ true, &u });
}

static int
reply_profile(struct ctx *c, const struct auth_user *u)
{
	struct profile p = { .user = *u };

	if (auth_session_count(c->db, c->a, u->id, c->now,
	    &p.active_sessions_count, &c->err) == -1)
		return fail_err(c);
	return reply(c, &p);
}

static int
user_profile(struct ctx *c, const void *in)
{
	struct auth_user u;

	(void)in;
	if (myself(c, &u) == -1)
		return fail_err(c);
	return reply_profile(c, &u);
}

/* The members that were sent, over the row as it is. */
#define TAKE(m) do { \
	if (SEEN(c->seen, s, struct user_patch, m)) \
		to->m = p->m; \
} while (0)

static int
user_profile_patch(struct ctx *c, const void *in)
{
	const struct schema *s = c->route->in;
	const struct user_patch *p = in;
	struct auth_user was, now, *to = &now;

	if (myself(c, &was) == -1)
		return fail_err(c);
	now = was;
	TAKE(username);
	TAKE(full_name);
	auth_target(c, "user", was.id);
	if (auth_user_change(c->env, c->a, &was, to, &c->err) == -1)
		return fail_err(c);
	return reply_profile(c, to);
}

/* ---- users of the tenant ------------------------------------------------ */

static int
user_list(struct ctx *c, const void *in)
{
	const struct page_only_in *p = in;
	struct uuid after;
	struct rows rows;

	if (cursor_open_uuid(c, p->page.cursor, &after) == -1 ||
	    auth_user_page(c->db, c->a, c->who.tenant_id, after,
	    p->page.limit + 1, &rows, &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, cursor_uuid(c, &rows, p->page.limit,
	    offsetof(struct auth_user, id)));
}

static int
user_get(struct ctx *c, const void *in)
{
	const struct id_in *w = in;
	struct auth_user u;

	if (db_found(auth_user_by_id(c->db, c->a, c->who.tenant_id, w->id,
	    &u, &c->err), "User", &c->err) == -1)
		return fail_err(c);
	return reply(c, &u);
}

static int
user_create(struct ctx *c, const void *in)
{
	const struct user_in *i = in;
	struct auth_user_new want = { .tenant_id = c->who.tenant_id,
	    .email = i->email, .username = i->username,
	    .full_name = i->full_name, .password = i->password };
	struct auth_user_made made;

	if (auth_user_create(c->env, c->a, &c->who, &want, i->roles, c->now,
	    &made, &c->err) == -1)
		return fail_err(c);
	auth_target(c, "user", made.user.id);
	return reply(c, &made);
}

static int
user_update(struct ctx *c, const void *in)
{
	const struct schema *s = c->route->in;
	const struct user_patch *p = in;
	struct auth_user was, now, *to = &now;

	auth_target(c, "user", p->id);
	if (auth_user_managed(c->env, c->a, &c->who, p->id, &was,
	    &c->err) == -1)
		return fail_err(c);
	now = was;
	TAKE(email);
	TAKE(username);
	TAKE(full_name);
	TAKE(active);
	if (auth_user_change(c->env, c->a, &was, to, &c->err) == -1)
		return fail_err(c);
	return reply(c, to);
}

static int
user_delete(struct ctx *c, const void *in)
{
	const struct id_in *w = in;

	auth_target(c, "user", w->id);
	if (auth_user_remove(c->env, c->a, &c->who, w->id, &c->err) == -1)
		return fail_err(c);
	return reply_none(c);
}

static int
user_set_roles(struct ctx *c, const void *in)
{
	const struct user_roles *r = in;
	struct auth_user was, to;

	auth_target(c, "user", r->id);
	if (auth_user_managed(c->env, c->a, &c->who, r->id, &was,
	    &c->err) == -1)
		return fail_err(c);
	to = was;
	if (auth_user_roles(c->env, c->a, &c->who, r->roles, &to.role_names,
	    &c->err) == -1 ||
	    auth_user_change(c->env, c->a, &was, &to, &c->err) == -1)
		return fail_err(c);
	return reply(c, &to);
}

static int
user_reset(struct ctx *c, const void *in)
{
	const struct id_in *w = in;
	struct reset_made r = { 0 };
	struct auth_user u;

	auth_target(c, "user", w->id);
	if (auth_user_managed(c->env, c->a, &c->who, w->id, &u,
	    &c->err) == -1 || auth_reset_make(c->env, c->a, w->id, c->now,
	    &r.reset_token, &r.reset_expires_at, &c->err) == -1)
		return fail_err(c);
	return reply(c, &r);
}

const struct route auth_user_routes[] = {
	{ .id = "auth.user.register", .method = HTTP_POST,
	    .path = "/api/auth/register",
	    .aliases = ALIASES({ "/api/v1/auth/register", "001", false }),
	    .summary = "Make an account", .doc = "Without an invitation it "
	    "makes a new tenant with one client; open only as the setting "
	    "auth.registration says.", .auth = AUTH_NONE,
	    .in = &register_schema, .out = &auth_token_schema, .ok = 201,
	    .errors = ERRORS(400, 403, 409), .flags = R_SECRET | R_AUDIT,
	    .pool = POOL_SLOW, .limit = { 120, 60 }, .limit_by_ip = true,
	    .opened_by = "auth.registration=open", .run = user_register },
	{ .id = "auth.user.verify", .method = HTTP_GET,
	    .path = "/api/auth/verify",
	    .aliases = ALIASES({ "/api/v1/auth/verify", "001", false }),
	    .summary = "Is the token good, and whose is it",
	    .auth = AUTH_USER, .out = &verified_schema, .ok = 200,
	    .errors = ERRORS(404), .run = user_verify },
	{ .id = "auth.user.profile", .method = HTTP_GET,
	    .path = "/api/auth/profile",
	    .aliases = ALIASES({ "/api/v1/auth/profile", "001", false }),
	    .summary = "Oneself", .auth = AUTH_USER, .out = &profile_schema,
	    .ok = 200, .errors = ERRORS(404), .run = user_profile },
	{ .id = "auth.user.profile_patch", .method = HTTP_PATCH,
	    .path = "/api/auth/profile", .summary = "Change oneself",
	    .auth = AUTH_USER, .permission = "auth:self",
	    .in = &profile_patch_schema, .out = &profile_schema, .ok = 200,
	    .errors = ERRORS(404, 409), .flags = R_TXN | R_AUDIT,
	    .run = user_profile_patch },
	{ .id = "auth.user.list", .method = HTTP_GET,
	    .path = "/api/auth/users", .summary = "Users of the tenant",
	    .aliases = ALIASES(
	  { "/api/v1/admin/users", "001", false }),
	  .auth = AUTH_USER, .permission = "auth:users",
	    .in = &page_only_schema, .out = &auth_user_schema, .ok = 200,
	    .flags = R_LIST, .run = user_list },
	{ .id = "auth.user.create", .method = HTTP_POST,
	    .path = "/api/auth/users", .summary = "Make a user",
	    .auth = AUTH_USER, .permission = "auth:users",
	    .in = &user_in_schema, .out = &user_made_schema, .ok = 201,
	    .errors = ERRORS(403, 409),
	    .flags = R_AUDIT | R_SECRET | R_STEP_UP, .pool = POOL_SLOW,
	    .run = user_create },
	{ .id = "auth.user.get", .method = HTTP_GET,
	    .path = "/api/auth/users/{id}", .summary = "One user",
	    .auth = AUTH_USER, .permission = "auth:users",
	    .in = &id_in_schema, .out = &auth_user_schema, .ok = 200,
	    .errors = ERRORS(404), .run = user_get },
	{ .id = "auth.user.update", .method = HTTP_PATCH,
	    .path = "/api/auth/users/{id}", .summary = "Change a user",
	    .auth = AUTH_USER, .permission = "auth:users",
	    .in = &user_patch_schema, .out = &auth_user_schema, .ok = 200,
	    .errors = ERRORS(403, 404, 409),
	    .flags = R_TXN | R_AUDIT | R_STEP_UP, .run = user_update },
	{ .id = "auth.user.delete", .method = HTTP_DELETE,
	    .path = "/api/auth/users/{id}", .summary = "Remove a user",
	    .auth = AUTH_USER, .permission = "auth:users",
	    .in = &id_in_schema, .ok = 204,
	    .errors = ERRORS(403, 404, 409),
	    .flags = R_TXN | R_AUDIT | R_STEP_UP, .run = user_delete },
	{ .id = "auth.user.set_roles", .method = HTTP_PUT,
	    .path = "/api/auth/users/{id}/roles",
	    .summary = "Set the roles of a user",
	    .doc = "Nobody can grant rights that he does not have, and the "
	    "last admin stays one.", .auth = AUTH_USER,
	    .permission = "auth:users", .in = &user_roles_schema,
	    .out = &auth_user_schema, .ok = 200,
	    .errors = ERRORS(403, 404, 409),
	    .flags = R_TXN | R_AUDIT | R_STEP_UP, .run = user_set_roles },
	{ .id = "auth.user.reset", .method = HTTP_POST,
	    .path = "/api/auth/users/{id}/reset",
	    .summary = "Make a reset link for a user", .auth = AUTH_USER,
	    .permission = "auth:users", .in = &id_in_schema,
	    .out = &reset_made_schema, .ok = 201, .errors = ERRORS(403, 404),
	    .flags = R_TXN | R_AUDIT | R_SECRET | R_STEP_UP,
	    .run = user_reset },
	ROUTE_END
};
