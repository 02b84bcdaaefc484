/*
 * The hook that fills c->who, and the public keys of our tokens. Refuses a
 * presented token or key that is not good; says nothing about an absent one.
 * Invariant: an Authorization header decides alone, X-API-Key is read only
 * without it, and the cookie only without either.
 */
#include <string.h>
#include <strings.h>

#include "crypto/crypto.h"
#include "modules/auth/access.h"
#include "modules/auth/apikey.h"
#include "modules/auth/cookie.h"

static const struct metric_label reason = { "reason",
	(const char *const[]){ "bad_token", "revoked", "bad_key",
	"bad_password", "locked", "refresh_reused", NULL } };
const struct metric auth_refused_total = { "auth_refused_total",
	"Credentials refused", METRIC_COUNTER, { &reason, NULL } };

static int
by_key(struct ctx *c, const char *text)
{
	return auth_apikey_verify(c->env, c->db, c->a, text, c->client_ip,
	    c->now, &c->who, &c->err);
}

int
auth_authenticate(struct ctx *c)
{
	const char *auth = ctx_header(c, "Authorization"), *key;

	if (auth == NULL) {
		key = ctx_header(c, "X-API-Key");
		return key == NULL ? auth_cookie_authenticate(c) :
		    by_key(c, key);
	}
	if (strncasecmp(auth, "Bearer ", 7) != 0)
		return err_set(&c->err, 401, "not_authenticated",
		    "Not authenticated");
	auth += 7 + strspn(auth + 7, " ");
	if (strncmp(auth, "qk_", 3) == 0)
		return by_key(c, auth);
	return auth_access_verify(c->env, c->db, c->a, auth, c->now, &c->who,
	    &c->err);
}

const struct http_hooks auth_http_hooks = {
	.authenticate = auth_authenticate,
	.audit = auth_audit,
	.committed = auth_committed
};

static int
access_jwks(struct ctx *c, const void *in)
{
	const char *set = jwt_jwks(c->env->jwt, c->a);

	(void)in;
	return reply_text(c, 200, c->route->media, set, strlen(set));
}

const struct route auth_access_routes[] = {
	{ .id = "auth.access.jwks", .method = HTTP_GET,
	    .path = "/.well-known/jwks.json",
	    .summary = "Public keys of our tokens",
	    .doc = "Keys of tokens signed with EdDSA; tokens signed with a "
	    "shared secret have none here.", .auth = AUTH_NONE, .ok = 200,
	    .flags = R_TEXT | R_NO_DB, .media = "application/jwk-set+json",
	    .run = access_jwks },
	ROUTE_END
};
