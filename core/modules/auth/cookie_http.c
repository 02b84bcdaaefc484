/*
 * Login of browsers, in forms that work without JavaScript. Refuses a write
 * that carries the cookie but not the token, or that another site sent.
 * Invariant: an Authorization header or an API key makes the cookie
 * invisible, and a cookie older than a few minutes is asked for its row, so
 * that an ended session is over however long its cookie would live.
 */
#include <string.h>

#include "base/clock.h"
#include "base/codec.h"
#include "crypto/crypto.h"
#include "modules/auth/common.h"
#include "modules/auth/cookie.h"

enum { FRESH_S = 600, CSRF_LEN = 24 };

/* ---- the cookie ---------------------------------------------------------- */

/* The prefix makes browsers refuse it from subdomains and plain HTTP. */
static const char *
cookie_name(struct ctx *c)
{
	return ctx_https(c) && *ctx_prefix(c) == '\0' ? "__Host-quincunx" :
	    "quincunx";
}

static void
cookie_put(struct ctx *c, const char *value, int64_t seconds)
{
	reply_header(c, "Set-Cookie", arena_printf(c->a,
	    "%s=%s; Path=%s/; Max-Age=%lld; HttpOnly; SameSite=Lax%s",
	    cookie_name(c), value, ctx_prefix(c), (long long)seconds,
	    ctx_https(c) ? "; Secure" : ""));
}

static void
cookie_set(struct ctx *c, const struct auth_user *u, struct uuid session,
    int64_t epoch, struct utc auth_time)
{
	const struct auth_conf *cf = conf_get(c->env->conf, &auth_settings);
	int64_t seconds = cf->refresh_idle_days * 86400;

	cookie_put(c, auth_access_token(c->env, c->a,
	    &(struct auth_access_of){ .kind = "cookie", .user = u,
	    .session = session, .epoch = epoch, .auth_time = auth_time,
	    .seconds = seconds }, c->now), seconds);
}

static const char *
csrf_of(struct ctx *c, struct uuid session)
{
	uint8_t key[SHA256_LEN], mac[SHA256_LEN];

	keyring_derive(c->env->keys, "csrf", key);
	crypto_hmac_sha256(key, sizeof(key), session.b, sizeof(session.b),
	    mac);
	return base64_encode(c->a, mac, CSRF_LEN, true);
}

/* A read is for the cookie alone; everything else must come from a page of
 * ours, which knows the token and whose origin the browser vouches for. */
static int
write_allowed(struct ctx *c)
{
	const char *sent = ctx_header(c, "X-CSRF-Token");

	if (c->route->method == HTTP_GET)
		return 0;
	if (sent == NULL)
		sent = ctx_form(c, "csrf");
	if (!ctx_same_origin(c))
		return err_set(&c->err, 403, "foreign_origin",
		    "Another site may not do this in your name");
	if (sent == NULL || strlen(sent) != strlen(c->csrf) ||
	    !crypto_equal(sent, c->csrf, strlen(sent)))
		return err_set(&c->err, 403, "csrf_token",
		    "This page is out of date: load it again");
	return 0;
}

/* Asks the row and gives a new cookie. 1: over. */
static int
renew(struct ctx *c, struct principal *who)
{
	struct auth_account acc;
	struct auth_session s;
	struct uuid session = who->session_id;
	struct utc proved = who->auth_time;
	int rc = auth_session_touch(c->env, c->a, who->user_id, session,
	    c->now, &acc, &s, &c->err);

	if (rc != 0)
		return rc;
	if (auth_access_principal(c->env, c->db, c->a, &acc.user, who,
	    &c->err) == -1)
		return -1;
	who->session_id = session;
	who->auth_time = proved;
	cookie_set(c, &acc.user, session, acc.epoch, proved);
	return 0;
}

int
auth_cookie_authenticate(struct ctx *c)
{
	const char *text = ctx_cookie(c, cookie_name(c));
	struct auth_access_claims k;
	struct err e = { 0 };
	int rc;

	if (text == NULL || auth_access_open_token(c->env, c->a, text,
	    "cookie", c->now, &k, &e) == -1)
		return 0;
	if (auth_revocation_refresh(c->env, c->db, c->a, c->now,
	    &c->err) == -1)
		return -1;
	if (auth_is_revoked(c->env, 's', k.who.session_id, k.epoch))
		return 0;
	if (c->now.us - k.iat.us > FRESH_S * US_PER_S ||
	    c->now.us - k.iat.us > auth_access_seconds(c->env) * US_PER_S / 2 ||
	    auth_is_revoked(c->env, 'u', k.who.user_id, k.epoch) ||
	    auth_is_revoked(c->env, 't', k.who.tenant_id, k.epoch)) {
		if (c->db == NULL)
			return 0;
		if ((rc = renew(c, &k.who)) != 0)
			return rc == 1 ? 0 : -1;
	} else if (auth_access_permissions(c->env, c->db, c->a,
	    k.who.tenant_id, k.who.roles, &k.who.permissions, &c->err) == -1)
		return -1;
	c->csrf = csrf_of(c, k.who.session_id);
	if (write_allowed(c) == -1)
		return -1;
	c->who = k.who;
	return 0;
}

int
auth_bearer(struct ctx *c, const char **token)
{
	struct auth_account acc;
	int rc = auth_account_by_id(c->db, c->a, c->who.user_id, &acc,
	    &c->err);

	if (rc == -1)
		return -1;
	if (rc == 1)
		return err_set(&c->err, 401, "not_authenticated",
		    "Not authenticated");
	*token = auth_access_sign(c->env, c->a, &acc.user, c->who.session_id,
	    acc.epoch, c->who.auth_time, c->now);
	return 0;
}

/* ---- pages ------------------------------------------------------------------ */

struct login_in {
	const char *identifier, *password, *next;
};
static const struct field login_fields[] = {
	FIELD(struct login_in, identifier, .min = 1, .max = 254,
	    .flags = FF_REQUIRED, .doc = "E-mail address or username"),
	FIELD(struct login_in, password, .min = 1, .max = 1024,
	    .flags = FF_REQUIRED | FF_SECRET, .doc = "Password"),
	FIELD(struct login_in, next, .max = 2000, .flags = FF_NULLABLE,
	    .doc = "Path below /ui to go on to"),
	FIELD_END
};
static const struct schema login_schema = {
	.name = "LoginForm", .doc = "Form of the login page",
	.size = sizeof(struct login_in), .fields = login_fields
};

struct next_in {
	const char *next;
};
static const struct field next_fields[] = {
	FIELD(struct next_in, next, .max = 2000, .flags = FF_NULLABLE,
	    .doc = "Path below /ui to go on to"),
	FIELD_END
};
static const struct schema next_schema = {
	.name = "LoginPage", .doc = "Where the login leads",
	.size = sizeof(struct next_in), .fields = next_fields
};

static int
cookie_login_page(struct ctx *c, const void *in)
{
	const struct next_in *i = in;

	return c->who.kind == PRINCIPAL_NONE ? page_serve(c) :
	    page_redirect(c, page_next(i->next));
}

static int
cookie_login(struct ctx *c, const void *in)
{
	struct auth_proof *p = arena_alloc(c->a, sizeof(*p));
	struct auth_client from = auth_client_of(c);
	const struct login_in *l = in;
	struct auth_access_claims k;
	struct auth_token token;

	c->next = l->next;
	ctx_target(c, "login", l->identifier, NULL);
	if (!ctx_same_origin(c))
		return fail(c, 403, "foreign_origin",
		    "Log in on this site's own page");
	if (auth_session_login(c->env, c->a, l->identifier, l->password,
	    &from, c->now, p, &token, &c->err) == -1)
		return auth_not_proved(c, p);
	if (auth_access_open_token(c->env, c->a, token.access_token, "access",
	    c->now, &k, &c->err) == -1 || auth_access_principal(c->env, c->db,
	    c->a, &p->account.user, &c->who, &c->err) == -1)
		return fail_err(c);
	auth_target(c, "user", p->account.user.id);
	cookie_set(c, &p->account.user, k.who.session_id, k.epoch, c->now);
	return page_redirect(c, page_next(l->next));
}

static int
cookie_logout(struct ctx *c, const void *in)
{
	(void)in;
	if (auth_need_session(c) == -1 || auth_session_close(c->env, c->a,
	    c->who.session_id, c->now, &c->err) == -1)
		return fail_err(c);
	cookie_put(c, "", 0);
	return page_redirect(c, PAGE_LOGIN);
}

struct step_up_in {
	const char *password;
};
static const struct field step_up_fields[] = {
	FIELD(struct step_up_in, password, .min = 1, .max = 1024,
	    .flags = FF_REQUIRED | FF_SECRET, .doc = "Password"),
	FIELD_END
};
static const struct schema step_up_schema = {
	.name = "StepUpForm", .doc = "The password once more",
	.size = sizeof(struct step_up_in), .fields = step_up_fields
};

static int
cookie_step_up(struct ctx *c, const void *in)
{
	struct auth_proof *p = arena_alloc(c->a, sizeof(*p));
	const struct step_up_in *s = in;
	struct auth_token token;

	if (auth_need_session(c) == -1)
		return fail_err(c);
	if (c->csrf == NULL)
		return fail(c, 403, "cookie_required", "This is for browsers: "
		    "programs use POST /api/auth/step-up");
	if (auth_session_step_up(c->env, c->a, &c->who, s->password, c->now,
	    p, &token, &c->err) == -1)
		return auth_not_proved(c, p);
	cookie_set(c, &p->account.user, c->who.session_id, p->account.epoch,
	    c->now);
	return reply_none(c);
}

const struct route auth_cookie_routes[] = {
	{ .id = "auth.cookie.page", .method = HTTP_GET, .path = PAGE_LOGIN,
	    .summary = "Login page", .auth = AUTH_OPTIONAL,
	    .in = &next_schema, .ok = 200, .flags = R_TEXT,
	    .media = "text/html; charset=utf-8", .pool = POOL_SLOW,
	    .run = cookie_login_page },
	{ .id = "auth.cookie.login", .method = HTTP_POST, .path = PAGE_LOGIN,
	    .summary = "Log in with the form", .doc = "Gives a cookie and "
	    "leads to the page asked for. Only from this site's own page; "
	    "failures count as over the API.", .auth = AUTH_NONE,
	    .in = &login_schema, .ok = 303, .errors = ERRORS(401, 403),
	    .flags = R_TEXT | R_FORM | R_SECRET | R_AUDIT,
	    .media = "text/html; charset=utf-8", .pool = POOL_SLOW,
	    .limit = { 600, 60 }, .limit_by_ip = true, .run = cookie_login },
	{ .id = "auth.cookie.logout", .method = HTTP_POST,
	    .path = "/api/auth/cookie/logout", .summary = "End the session of this browser",
	    .auth = AUTH_USER, .permission = "auth:self", .ok = 303,
	    .errors = ERRORS(403), .flags = R_TEXT | R_FORM | R_TXN | R_AUDIT,
	    .media = "text/html; charset=utf-8", .run = cookie_logout },
	{ .id = "auth.cookie.step_up", .method = HTTP_POST,
	    .path = "/api/auth/cookie/step-up", .summary = "Prove the password again, "
	    "as a browser", .auth = AUTH_USER, .permission = "auth:self",
	    .in = &step_up_schema, .ok = 204, .errors = ERRORS(401, 403),
	    .flags = R_SECRET | R_AUDIT | R_FORM, .pool = POOL_SLOW,
	    .run = cookie_step_up },
	ROUTE_END
};
