/*
 * Login, refresh, logout, and the list of one's sessions. Handlers that check
 * a password do it before they open a transaction.
 */
#include "base/random.h"
#include "modules/auth/access.h"
#include "modules/auth/common.h"

/* ---- shapes ------------------------------------------------------------- */

static const struct field token_fields[] = {
	FIELD(struct auth_token, access_token,
	    .doc = "For the Authorization header, after \"Bearer \""),
	FIELD(struct auth_token, token_type, .doc = "Always bearer"),
	FIELD(struct auth_token, expires_in,
	    .doc = "Seconds until the access token expires"),
	FIELD(struct auth_token, refresh_token, .flags = FF_NULLABLE,
	    .doc = "For the next access token; valid once"),
	FIELD(struct auth_token, user, .sub = &auth_user_schema,
	    .doc = "Who logged in"),
	FIELD_END
};
const struct schema auth_token_schema = {
	.name = "Token", .doc = "What a login gives",
	.size = sizeof(struct auth_token), .fields = token_fields
};

struct login_in {
	const char *identifier, *email, *username, *password;
	const char *grant_type, *scope, *client_id, *client_secret;
};

static const char *
login_name(const struct login_in *in)
{
	return in->identifier != NULL ? in->identifier :
	    in->email != NULL ? in->email : in->username;
}

static int
login_check(const void *obj, struct arena *a, struct err *e)
{
	(void)a;
	if (login_name(obj) != NULL)
		return 0;
	return err_field(e, (struct err_field){ .type = "missing",
	    .loc = "[\"body\",\"identifier\"]", .msg = "Field required",
	    .input = "null" });
}

#define NAME_FIELD(m, text) FIELD(struct login_in, m, .min = 1, .max = 254, \
	.flags = FF_NULLABLE, .doc = text)
#define OAUTH_FIELD(m) FIELD(struct login_in, m, .max = 1000, \
	.flags = FF_NULLABLE, .doc = "Sent by OAuth2 forms; not used")
static const struct field login_fields[] = {
	NAME_FIELD(identifier, "E-mail address or username"),
	NAME_FIELD(email, "The same under another name"),
	NAME_FIELD(username, "The same under another name"),
	FIELD(struct login_in, password, .min = 1, .max = 1024,
	    .flags = FF_REQUIRED | FF_SECRET, .doc = "Password"),
	OAUTH_FIELD(grant_type), OAUTH_FIELD(scope), OAUTH_FIELD(client_id),
	FIELD(struct login_in, client_secret, .max = 1000,
	    .flags = FF_NULLABLE | FF_SECRET,
	    .doc = "Sent by OAuth2 forms; not used"),
	FIELD_END
};
static const struct schema login_schema = {
	.name = "Login", .doc = "One of identifier, email and username, and "
	"the password", .size = sizeof(struct login_in),
	.fields = login_fields, .check = login_check
};

struct refresh_in {
	const char *refresh_token;
};
static const struct field refresh_fields[] = {
	FIELD(struct refresh_in, refresh_token, .min = 1, .max = 200,
	    .flags = FF_REQUIRED | FF_SECRET, .doc = "From the last reply"),
	FIELD_END
};
static const struct schema refresh_schema = {
	.name = "Refresh", .doc = "A refresh token",
	.size = sizeof(struct refresh_in), .fields = refresh_fields
};

struct step_up_in {
	const char *password;
};
static const struct field step_up_fields[] = {
	FIELD(struct step_up_in, password, .min = 1, .max = 1024,
	    .flags = FF_REQUIRED | FF_SECRET, .doc = "Password"),
	FIELD_END
};
static const struct schema step_up_schema = {
	.name = "StepUp", .doc = "The password once more",
	.size = sizeof(struct step_up_in), .fields = step_up_fields
};

/* ---- login -------------------------------------------------------------- */

static int
session_login(struct ctx *c, const void *in)
{
	struct auth_proof *p = arena_alloc(c->a, sizeof(*p));
	struct auth_client from = auth_client_of(c);
	const struct login_in *l = in;
	struct auth_token token;

	ctx_target(c, "login", login_name(l), NULL);
	if (auth_session_login(c->env, c->a, login_name(l), l->password,
	    &from, c->now, p, &token, &c->err) == -1)
		return auth_not_proved(c, p);
	if (auth_access_principal(c->env, c->db, c->a, &p->account.user,
	    &c->who, &c->err) == -1)
		return fail_err(c);
	auth_target(c, "user", p->account.user.id);
	return reply(c, &token);
}

/* ---- refresh ------------------------------------------------------------ */

struct ending {
	struct ctx *c;
	struct auth_reuse reuse;
};

static int
end_reused(struct db *db, void *arg, struct err *e)
{
	const struct ending *x = arg;

	(void)db;
	return auth_session_reused(x->c->env, x->c->a, &x->reuse, x->c->now,
	    e);
}

static int
session_refresh(struct ctx *c, const void *in)
{
	struct ending *x = arena_alloc(c->a, sizeof(*x));
	struct auth_client from = auth_client_of(c);
	const struct refresh_in *r = in;
	struct auth_token token;

	x->c = c;
	if (auth_session_refresh(c->env, c->a, r->refresh_token, &from,
	    c->now, &token, &x->reuse, &c->err) == 0)
		return reply(c, &token);
	if (!uuid_is_nil(x->reuse.session))
		ctx_keep(c, end_reused, x);
	return fail_err(c);
}

/* ---- step-up ------------------------------------------------------------ */

static int
session_step_up(struct ctx *c, const void *in)
{
	struct auth_proof *p = arena_alloc(c->a, sizeof(*p));
	const struct step_up_in *s = in;
	struct auth_token token;

	if (auth_need_session(c) == -1)
		return fail_err(c);
	if (auth_session_step_up(c->env, c->a, &c->who, s->password, c->now,
	    p, &token, &c->err) == -1)
		return auth_not_proved(c, p);
	return reply(c, &token);
}

/* ---- sessions ----------------------------------------------------------- */

static int
session_logout(struct ctx *c, const void *in)
{
	(void)in;
	if (c->who.kind == PRINCIPAL_KEY)
		return fail(c, 403, "session_required",
		    "An API key has no session: delete the key");
	/* A token of the old backend names no session: all of them end. */
	if (uuid_is_nil(c->who.session_id) ? auth_revoke_user(c->env, c->a,
	    c->who.user_id, c->now, &c->err) == -1 : auth_session_close(c->env,
	    c->a, c->who.session_id, c->now, &c->err) == -1)
		return fail_err(c);
	return reply_none(c);
}

static int
session_list(struct ctx *c, const void *in)
{
	const struct page_only_in *p = in;
	struct uuid after;
	struct rows rows;

	if (cursor_open_uuid(c, p->page.cursor, &after) == -1 ||
	    auth_session_of_user(c->db, c->a, c->who.user_id, c->now, after,
	    p->page.limit + 1, &rows, &c->err) == -1)
		return fail_err(c);
	for (size_t i = 0; i < rows.n; i++) {
		struct auth_session *s = ROW(&rows, struct auth_session, i);

		s->current = uuid_equal(s->id, c->who.session_id);
	}
	return reply_list(c, &rows, cursor_uuid(c, &rows, p->page.limit,
	    offsetof(struct auth_session, id)));
}

static int
session_delete(struct ctx *c, const void *in)
{
	const struct id_in *w = in;
	struct auth_session s;

	auth_target(c, "session", w->id);
	if (db_found(auth_session_one(c->db, c->a, c->who.user_id, w->id, &s,
	    &c->err), "Session", &c->err) == -1 || auth_session_close(c->env,
	    c->a, w->id, c->now, &c->err) == -1)
		return fail_err(c);
	return reply_none(c);
}

const struct route auth_session_routes[] = {
	{ .id = "auth.session.login", .method = HTTP_POST,
	    .path = "/api/auth/login",
	    .aliases = ALIASES({ "/api/v1/auth/login", "001", false }),
	    .summary = "Log in", .doc = "Takes JSON or an OAuth2 password "
	    "form. Failures are counted per account; from the fifth on it "
	    "answers 429 for a growing while, for unknown names too.",
	    .auth = AUTH_NONE, .in = &login_schema, .out = &auth_token_schema,
	    .ok = 200, .errors = ERRORS(401, 403), .flags = R_FORM | R_SECRET |
	    R_AUDIT, .pool = POOL_SLOW, .limit = { 600, 60 },
	    .limit_by_ip = true, .run = session_login },
	{ .id = "auth.session.refresh", .method = HTTP_POST,
	    .path = "/api/auth/refresh", .summary = "Get a new access token",
	    .doc = "Gives a new refresh token as well. The old one may come "
	    "again for 30 s from the same device; later it ends the session.",
	    .auth = AUTH_NONE, .in = &refresh_schema,
	    .out = &auth_token_schema, .ok = 200, .errors = ERRORS(401),
	    .flags = R_TXN | R_SECRET, .limit = { 600, 60 },
	    .limit_by_ip = true, .run = session_refresh },
	{ .id = "auth.session.logout", .method = HTTP_POST,
	    .path = "/api/auth/logout", .summary = "End this session",
	    .auth = AUTH_USER, .permission = "auth:self", .ok = 204,
	    .errors = ERRORS(403), .flags = R_TXN | R_AUDIT,
	    .run = session_logout },
	{ .id = "auth.session.step_up", .method = HTTP_POST,
	    .path = "/api/auth/step-up",
	    .summary = "Prove the password again",
	    .doc = "Gives an access token with which dangerous acts are open "
	    "for a few minutes.", .auth = AUTH_USER,
	    .permission = "auth:self", .in = &step_up_schema,
	    .out = &auth_token_schema, .ok = 200, .errors = ERRORS(401, 403),
	    .flags = R_SECRET | R_AUDIT, .pool = POOL_SLOW,
	    .run = session_step_up },
	{ .id = "auth.session.list", .method = HTTP_GET,
	    .path = "/api/auth/sessions", .summary = "One's own sessions",
	    .auth = AUTH_USER, .permission = "auth:self", .in = &page_only_schema,
	    .out = &auth_session_schema, .ok = 200, .flags = R_LIST,
	    .run = session_list },
	{ .id = "auth.session.delete", .method = HTTP_DELETE,
	    .path = "/api/auth/sessions/{id}",
	    .summary = "End one of one's sessions", .auth = AUTH_USER,
	    .permission = "auth:self", .in = &id_in_schema, .ok = 204,
	    .errors = ERRORS(404), .flags = R_TXN | R_AUDIT,
	    .run = session_delete },
	ROUTE_END
};
