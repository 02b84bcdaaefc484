/*
 * Changing one's password, and setting one with a reset link. The password is
 * hashed before the transaction begins.
 */
#include "modules/auth/common.h"
#include "modules/auth/password.h"

struct change_in {
	const char *current_password, *new_password;
};
static const struct field change_fields[] = {
	FIELD(struct change_in, current_password, .min = 1, .max = 1024,
	    .flags = FF_REQUIRED | FF_SECRET, .doc = "The password of now"),
	AUTH_PASSWORD(struct change_in, new_password, FF_REQUIRED),
	FIELD_END
};
static const struct schema change_schema = {
	.name = "PasswordChange", .doc = "Old and new password",
	.size = sizeof(struct change_in), .fields = change_fields
};

struct reset_in {
	const char *token, *new_password;
};
static const struct field reset_fields[] = {
	FIELD(struct reset_in, token, .min = 1, .max = 200,
	    .flags = FF_REQUIRED | FF_SECRET, .doc = "From the reset link"),
	AUTH_PASSWORD(struct reset_in, new_password, FF_REQUIRED),
	FIELD_END
};
static const struct schema reset_schema = {
	.name = "PasswordResetUse", .doc = "A reset token and a password",
	.size = sizeof(struct reset_in), .fields = reset_fields
};

static int
password_change(struct ctx *c, const void *in)
{
	struct auth_proof *p = arena_alloc(c->a, sizeof(*p));
	const struct change_in *i = in;

	if (auth_need_session(c) == -1)
		return fail_err(c);
	if (auth_password_replace(c->env, c->a, &c->who, i->current_password,
	    i->new_password, c->now, p, &c->err) == -1)
		return auth_not_proved(c, p);
	return reply_none(c);
}

static int
password_reset(struct ctx *c, const void *in)
{
	const struct reset_in *i = in;
	struct uuid user;

	if (auth_password_reset(c->env, c->a, i->token, i->new_password,
	    c->now, &user, &c->err) == -1)
		return fail_err(c);
	auth_target(c, "user", user);
	return reply_none(c);
}

const struct route auth_password_routes[] = {
	{ .id = "auth.password.change", .method = HTTP_POST,
	    .path = "/api/auth/password", .summary = "Change one's password",
	    .doc = "All other sessions end.", .auth = AUTH_USER,
	    .permission = "auth:self", .in = &change_schema, .ok = 204,
	    .errors = ERRORS(401, 403, 409), .flags = R_AUDIT,
	    .pool = POOL_SLOW, .run = password_change },
	{ .id = "auth.password.reset", .method = HTTP_POST,
	    .path = "/api/auth/password/reset",
	    .summary = "Set a password with a reset link",
	    .doc = "The token works once. All sessions and API keys of the "
	    "user end.", .auth = AUTH_NONE, .in = &reset_schema, .ok = 204,
	    .errors = ERRORS(400), .flags = R_AUDIT, .pool = POOL_SLOW,
	    .limit = { 60, 60 }, .limit_by_ip = true, .run = password_reset },
	ROUTE_END
};
