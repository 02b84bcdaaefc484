/*
 * The inside of a token: claims written and judged. A claim of the wrong kind
 * makes the whole token invalid; a claim that is null counts as absent. Why a
 * token was refused is logged, the client learns only "expired" or "invalid".
 */
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/number.h"
#include "base/str.h"
#include "crypto/internal.h"

enum { LEEWAY_S = 60 };
#define LAST_SECOND INT64_C(253402300799)	/* 9999-12-31T23:59:59Z */

enum claim_kind { CLAIM_TEXT, CLAIM_TEXTS, CLAIM_TIME };

/* Name, member and form of each claim, in the order they are written. */
static const struct claim {
	const char *name;
	size_t off;
	enum claim_kind kind;
} claims[] = {
	{ "iss", offsetof(struct jwt_claims, iss), CLAIM_TEXT },
	{ "aud", offsetof(struct jwt_claims, aud), CLAIM_TEXTS },
	{ "sub", offsetof(struct jwt_claims, sub), CLAIM_TEXT },
	{ "jti", offsetof(struct jwt_claims, jti), CLAIM_TEXT },
	{ "typ", offsetof(struct jwt_claims, kind), CLAIM_TEXT },
	{ "tenant", offsetof(struct jwt_claims, tenant), CLAIM_TEXT },
	{ "sid", offsetof(struct jwt_claims, session), CLAIM_TEXT },
	{ "name", offsetof(struct jwt_claims, name), CLAIM_TEXT },
	{ "roles", offsetof(struct jwt_claims, roles), CLAIM_TEXTS },
	{ "auth_time", offsetof(struct jwt_claims, auth_time), CLAIM_TIME },
	{ "iat", offsetof(struct jwt_claims, iat), CLAIM_TIME },
	{ "nbf", offsetof(struct jwt_claims, nbf), CLAIM_TIME },
	{ "exp", offsetof(struct jwt_claims, exp), CLAIM_TIME },
};

char *
jwt_sign(const struct jwt_keys *keys, struct arena *a,
    const struct jwt_claims *in)
{
	const char *text, *sep = "{";
	struct str s;
	int64_t t;
	size_t i;

	str_init(&s, a);
	str_reserve(&s, 512);
	for (i = 0; i < NITEMS(claims); i++) {
		const char *at = (const char *)in + claims[i].off;

		if (claims[i].kind == CLAIM_TIME) {
			memcpy(&t, at, sizeof(t));
			if (t == 0)
				continue;
			str_addf(&s, "%s\"%s\":", sep, claims[i].name);
			str_add_i64(&s, t);
		} else {
			memcpy(&text, at, sizeof(text));
			if (text == NULL)
				continue;
			str_addf(&s, "%s\"%s\":", sep, claims[i].name);
			str_json(&s, text);
		}
		sep = ",";
	}
	str_add(&s, *sep == '{' ? "{}" : "}");
	return jws_seal(keys, a, s.p, s.len);
}

/* NumericDate: seconds, a fraction is cut off. */
static int
read_time(const struct scan_member *m, int64_t *out)
{
	double r;

	if (m->type != SCAN_NUMBER)
		return -1;
	if (num_i64(m->text, m->n, out) != NUM_OK) {
		if (num_real(m->text, m->n, &r) != NUM_OK || !(r >= 0) ||
		    r > (double)LAST_SECOND)
			return -1;
		*out = (int64_t)r;
	}
	return *out <= 0 || *out > LAST_SECOND ? -1 : 0;
}

static int
read_text(struct arena *a, const struct claim *cl,
    const struct scan_member *m, bool legacy, const char **out)
{
	int64_t id;

	if (m->type == SCAN_STRING)
		*out = m->string;
	else if (m->type == SCAN_ARRAY && cl->kind == CLAIM_TEXTS)
		*out = scan_join(a, m->text, m->n);
	else if (m->type == SCAN_NUMBER && legacy &&
	    strcmp(cl->name, "sub") == 0 &&
	    num_i64(m->text, m->n, &id) == NUM_OK)
		*out = arena_strndup(a, m->text, m->n);
	else
		*out = NULL;
	return *out != NULL ? 0 : -1;
}

/* One member into its place; unknown names are ignored. */
static int
read_claim(struct arena *a, const struct scan_member *m, bool legacy,
    struct jwt_claims *out, const char **why)
{
	const char *text;
	int64_t t;
	size_t i;
	char *at;

	if (m->type == SCAN_NULL)
		return 0;
	for (i = 0; i < NITEMS(claims); i++)
		if (strcmp(claims[i].name, m->name) == 0)
			break;
	if (i == NITEMS(claims))
		return 0;
	*why = claims[i].name;
	at = (char *)out + claims[i].off;
	if (claims[i].kind == CLAIM_TIME) {
		if (read_time(m, &t) != 0)
			return -1;
		memcpy(at, &t, sizeof(t));
	} else {
		if (read_text(a, &claims[i], m, legacy, &text) != 0)
			return -1;
		memcpy(at, &text, sizeof(text));
	}
	return 0;
}

/* Other backends call the kind "type" or "token_type"; "bearer" says only
 * that it is no refresh token. */
static bool
legacy_kind_ok(const struct scan_member *m, int n, const char *kind)
{
	const char *have;
	int i;

	for (i = 0; i < n; i++) {
		if (strcmp(m[i].name, "type") != 0 &&
		    strcmp(m[i].name, "token_type") != 0 &&
		    strcmp(m[i].name, "typ") != 0)
			continue;
		if (m[i].type == SCAN_NULL)
			continue;
		if (m[i].type != SCAN_STRING)
			return false;
		have = m[i].string;
		if (strcasecmp(have, "bearer") == 0)
			have = "access";
		if (strcmp(have, kind) != 0)
			return false;
	}
	return true;
}

static int
invalid(struct err *err, const char *why, const char *what)
{
	err_set(err, 401, "token_invalid", "Could not validate credentials");
	return err_cause(err, "token: %s%s", why, what);
}

static int
judge_times(const struct jwt_claims *c, int64_t now_s, bool legacy,
    struct err *err)
{
	if (c->exp == 0 && !legacy)
		return invalid(err, "no exp", "");
	if (c->exp != 0 && now_s >= c->exp) {
		err_set(err, 401, "token_expired", "Token has expired");
		return err_cause(err, "token: expired %lld s ago",
		    (long long)(now_s - c->exp));
	}
	if (c->nbf > now_s + LEEWAY_S)
		return invalid(err, "not valid yet", "");
	if (c->iat > now_s + LEEWAY_S)
		return invalid(err, "issued in the future", "");
	return 0;
}

int
jwt_verify(const struct jwt_keys *keys, struct arena *a, const char *token,
    const char *kind, struct utc now, struct jwt_claims *out, bool *legacy,
    struct err *err)
{
	struct scan_member m[SCAN_MEMBERS];
	const char *why = "";
	bool old = false;
	char *payload;
	size_t len;
	int n, i;

	memset(out, 0, sizeof(*out));
	if (jws_open(keys, a, token, now, &payload, &len, &old, &why) != 0)
		return invalid(err, why, "");
	if ((n = scan_object(a, payload, len, m)) < 0)
		return invalid(err, "claims are not a JSON object with "
		    "distinct members", "");
	for (i = 0; i < n; i++)
		if (read_claim(a, &m[i], old, out, &why) != 0)
			return invalid(err, "wrong kind of claim ", why);
	if (judge_times(out, now.us / US_PER_S, old, err) != 0)
		return -1;
	if (kind != NULL && (old ? !legacy_kind_ok(m, n, kind) :
	    out->kind == NULL || strcmp(out->kind, kind) != 0))
		return invalid(err, "not of kind ", kind);
	if (old && kind != NULL)
		out->kind = kind;
	out->raw = payload;
	if (legacy != NULL)
		*legacy = old;
	return 0;
}
