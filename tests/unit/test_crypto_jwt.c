/*
 * Tokens: what we sign we accept; everything a forger can do with header,
 * structure, encoding and claims is refused for the right reason. Forged
 * tokens are signed with the real key wherever the signature is not the point.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/err.h"
#include "crypto/internal.h"

#define SECRET "0123456789abcdefghijklmnopqrstuvwxyz"
#define OTHER "zyxwvutsrqponmlkjihgfedcba9876543210"
#define LEGACY "the-old-backend-signs-with-this-0042"
/* base64 of SECRET, of OTHER's first bytes, and an EdDSA seed (RFC 8037 A.1) */
#define SECRET_B64 "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6"
#define OTHER_B64 "enl4d3Z1dHNycXBvbm1sa2ppaGdmZWRjYmE5ODc2NTQzMjEw"
#define SEED_B64 "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
#define NOW INT64_C(1800000000)

static struct arena *a;
static struct err err;
static struct utc now = { NOW * US_PER_S };

static int
setup(void **state)
{
	(void)state;
	a = arena_new(64 << 20);
	err_clear(&err);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

static struct jwt_keys *
keys_of(const char *spec)
{
	struct jwt_keys *keys;

	assert_int_equal(jwt_keys_open(&keys, a, spec, &err), 0);
	return keys;
}

static struct jwt_claims
claims(void)
{
	return (struct jwt_claims){ .iss = "quincunx", .sub = "u-1",
	    .jti = "j-1", .kind = "access", .tenant = "t-1",
	    .session = "s-1", .name = "Zo\xc3\xab \"Q\"",
	    .roles = "viewer,trader", .iat = NOW, .exp = NOW + 3600,
	    .auth_time = NOW - 5 };
}

static const char *
b64(const char *text)
{
	return base64_encode(a, text, strlen(text), true);
}

/* A token with any header and payload, signed with HMAC. */
static char *
forge(const char *head, const char *body, const char *secret)
{
	const char *text = arena_printf(a, "%s.%s", b64(head), b64(body));
	uint8_t mac[SHA256_LEN];

	crypto_hmac_sha256(secret, strlen(secret), text, strlen(text), mac);
	return arena_printf(a, "%s.%s", text,
	    base64_encode(a, mac, sizeof(mac), true));
}

static void
refuse(const struct jwt_keys *keys, const char *token, const char *kind,
    const char *code, const char *why)
{
	struct jwt_claims out;
	bool legacy;

	err_clear(&err);
	if (jwt_verify(keys, a, token, kind, now, &out, &legacy, &err) == 0)
		fail_msg("accepted, though %s: %s", why, token);
	assert_int_equal(err.status, 401);
	assert_string_equal(err.code, code);
	if (strstr(err.cause, why) == NULL)
		fail_msg("refused for \"%s\" instead of \"%s\": %s",
		    err.cause, why, token);
}

static void
accept(const struct jwt_keys *keys, const char *token, const char *kind,
    struct jwt_claims *out, bool want_legacy)
{
	bool legacy;

	err_clear(&err);
	if (jwt_verify(keys, a, token, kind, now, out, &legacy, &err) != 0)
		fail_msg("refused: %s: %s", err.cause, token);
	assert_int_equal(legacy, want_legacy);
}

static void
test_round_trip(void **state)
{
	static const char *const specs[] = { SECRET, "k1:HS256:" SECRET_B64,
	    "e1:EdDSA:" SEED_B64, "e1:EdDSA:" SEED_B64 ", k1:HS256:"
	    SECRET_B64 };
	struct jwt_claims in = claims(), out;
	struct jwt_keys *keys;
	size_t i, again;
	char *token;

	(void)state;
	for (i = 0; i < NITEMS(specs); i++) {
		keys = keys_of(specs[i]);
		token = jwt_sign(keys, a, &in);
		for (again = 0; again < 3; again++) {
			accept(keys, token, "access", &out, false);
			assert_string_equal(out.sub, in.sub);
			assert_string_equal(out.iss, in.iss);
			assert_string_equal(out.jti, in.jti);
			assert_string_equal(out.kind, in.kind);
			assert_string_equal(out.tenant, in.tenant);
			assert_string_equal(out.session, in.session);
			assert_string_equal(out.name, in.name);
			assert_string_equal(out.roles, in.roles);
			assert_null(out.aud);
			assert_int_equal(out.iat, in.iat);
			assert_int_equal(out.exp, in.exp);
			assert_int_equal(out.nbf, 0);
			assert_int_equal(out.auth_time, in.auth_time);
			assert_non_null(strstr(out.raw, "\"sub\":\"u-1\""));
		}
	}
}

/* The first key signs, the others still verify; a removed key does not. */
static void
test_rotation(void **state)
{
	struct jwt_claims in = claims(), out;
	struct jwt_keys *old = keys_of("k1:HS256:" SECRET_B64);
	struct jwt_keys *both = keys_of("k2:HS256:" OTHER_B64
	    " k1:HS256:" SECRET_B64 ",e1:EdDSA:" SEED_B64);
	struct jwt_keys *new = keys_of("k2:HS256:" OTHER_B64);
	char *t1 = jwt_sign(old, a, &in), *t2 = jwt_sign(both, a, &in);

	(void)state;
	accept(both, t1, "access", &out, false);
	accept(both, t2, "access", &out, false);
	accept(new, t2, "access", &out, false);
	refuse(new, t1, "access", "token_invalid", "unknown kid");
	refuse(old, t2, "access", "token_invalid", "unknown kid");
}

#define OK_BODY "{\"sub\":\"x\",\"typ\":\"access\",\"exp\":1800003600}"

static void
test_headers(void **state)
{
	static const struct {
		const char *head, *why;
	} cases[] = {
		{ "{\"alg\":\"none\",\"kid\":\"k1\"}", "alg is not one" },
		{ "{\"alg\":\"None\",\"kid\":\"k1\"}", "alg is not one" },
		{ "{\"alg\":\"NONE\"}", "alg is not one" },
		{ "{\"alg\":\"\",\"kid\":\"k1\"}", "alg is not one" },
		{ "{\"alg\":\"hs256\",\"kid\":\"k1\"}", "alg is not one" },
		{ "{\"alg\":\"HS256 \",\"kid\":\"k1\"}", "alg is not one" },
		{ "{\"alg\":\"HS384\",\"kid\":\"k1\"}", "alg is not one" },
		{ "{\"alg\":\"HS512\",\"kid\":\"k1\"}", "alg is not one" },
		{ "{\"alg\":\"RS256\",\"kid\":\"k1\"}", "alg is not one" },
		{ "{\"alg\":\"ES256\",\"kid\":\"k1\"}", "alg is not one" },
		{ "{\"alg\":\"PS256\",\"kid\":\"k1\"}", "alg is not one" },
		{ "{\"alg\":[\"HS256\"],\"kid\":\"k1\"}", "alg is no text" },
		{ "{\"alg\":null,\"kid\":\"k1\"}", "alg is no text" },
		{ "{\"alg\":true,\"kid\":\"k1\"}", "alg is no text" },
		{ "{\"kid\":\"k1\"}", "no alg" },
		{ "{\"Alg\":\"HS256\",\"kid\":\"k1\"}", "no alg" },
		{ "{}", "no alg" },
		{ "{\"alg\":\"EdDSA\",\"kid\":\"k1\"}", "not the key's" },
		{ "{\"alg\":\"HS256\",\"kid\":\"e1\"}", "not the key's" },
		{ "{\"alg\":\"HS256\"}", "no kid" },
		{ "{\"alg\":\"EdDSA\"}", "no kid" },
		{ "{\"alg\":\"HS256\",\"kid\":\"k9\"}", "unknown kid" },
		{ "{\"alg\":\"HS256\",\"kid\":\"\"}", "unknown kid" },
		{ "{\"alg\":\"HS256\",\"kid\":\"K1\"}", "unknown kid" },
		{ "{\"alg\":\"HS256\",\"kid\":\"../../dev/null\"}",
		    "unknown kid" },
		{ "{\"alg\":\"HS256\",\"kid\":\"k1' OR '1'='1\"}",
		    "unknown kid" },
		{ "{\"alg\":\"HS256\",\"kid\":\"k1\\u0000x\"}",
		    "distinct members" },
		{ "{\"alg\":\"HS256\",\"kid\":7}", "kid is no text" },
		{ "{\"alg\":\"HS256\",\"kid\":[\"k1\"]}", "kid is no text" },
		{ "{\"alg\":\"HS256\",\"kid\":null}", "kid is no text" },
		{ "{\"alg\":\"none\",\"alg\":\"HS256\",\"kid\":\"k1\"}",
		    "distinct members" },
		{ "{\"alg\":\"HS256\",\"\\u0061lg\":\"none\",\"kid\":\"k1\"}",
		    "distinct members" },
		{ "{\"alg\":\"HS256\",\"kid\":\"k1\",\"kid\":\"k1\"}",
		    "distinct members" },
		{ "{\"alg\":\"HS256\",\"kid\":\"k1\",\"crit\":[\"exp\"]}",
		    "extension" },
		{ "{\"alg\":\"HS256\",\"kid\":\"k1\",\"crit\":[]}",
		    "extension" },
		{ "{\"alg\":\"HS256\",\"kid\":\"k1\",\"b64\":false}",
		    "extension" },
		{ "{\"alg\":\"HS256\",\"kid\":\"k1\",\"zip\":\"DEF\"}",
		    "extension" },
		{ "{\"alg\":\"HS256\",\"kid\":\"k1\",\"enc\":\"A256GCM\"}",
		    "extension" },
		{ "{\"alg\":\"HS256\",\"kid\":\"k1\",\"typ\":\"JWE\"}",
		    "typ is not" },
		{ "{\"alg\":\"HS256\",\"kid\":\"k1\",\"typ\":1}",
		    "typ is not" },
		{ "{\"alg\":\"HS256\",\"kid\":\"k1\",}", "distinct members" },
		{ "{\"alg\":\"HS256\" \"kid\":\"k1\"}", "distinct members" },
		{ "{'alg':'HS256','kid':'k1'}", "distinct members" },
		{ "[\"HS256\"]", "distinct members" },
		{ "\"HS256\"", "distinct members" },
		{ "{\"alg\":\"HS256\",\"kid\":\"k1\"}{}",
		    "distinct members" },
		{ "{\"alg\":\"HS256\",\"kid\":\"k1\",\"x\":\"\xff\"}",
		    "distinct members" },
		{ "{\"alg\":\"HS256\",\"kid\":\"\\ud800\"}",
		    "distinct members" },
		{ "{\"alg\":\"HS256\",\"kid\":\"k1\",\"x\":01}",
		    "distinct members" },
		{ "{\"alg\":\"HS256\",\"kid\":\"k1\",\"x\":NaN}",
		    "distinct members" },
		{ "{\"alg\":\"HS256\",\"kid\":\"k1\",\"x\":[[[[[[[[[[[[[[[[["
		    "]]]]]]]]]]]]]]]]]}", "distinct members" },
		{ " ", "distinct members" },
	};
	struct jwt_keys *keys = keys_of("k1:HS256:" SECRET_B64
	    ",e1:EdDSA:" SEED_B64);
	size_t i;

	(void)state;
	for (i = 0; i < NITEMS(cases); i++)
		refuse(keys, forge(cases[i].head, OK_BODY, SECRET), "access",
		    "token_invalid", cases[i].why);
}

/* Keys and places of keys in the header are ignored, not used: the token
 * stands or falls with our own key. */
static void
test_foreign_keys_ignored(void **state)
{
	static const char *const more[] = {
		"\"jku\":\"https://evil.test/jwks\"",
		"\"x5u\":\"file:///etc/passwd\"", "\"x5c\":[\"MIIB\"]",
		"\"jwk\":{\"kty\":\"oct\",\"k\":\"" OTHER_B64 "\"}",
		"\"x5t\":\"abc\",\"x5t#S256\":\"abc\",\"cty\":\"x\"",
		"\"nested\":{\"alg\":\"none\",\"a\":[1,{\"b\":[]}]}" };
	struct jwt_keys *keys = keys_of("k1:HS256:" SECRET_B64);
	struct jwt_claims out;
	const char *head;
	size_t i;

	(void)state;
	for (i = 0; i < NITEMS(more); i++) {
		head = arena_printf(a, "{\"alg\":\"HS256\",\"kid\":\"k1\",%s}",
		    more[i]);
		accept(keys, forge(head, OK_BODY, SECRET), "access", &out,
		    false);
		refuse(keys, forge(head, OK_BODY, OTHER), "access",
		    "token_invalid", "wrong signature");
	}
}

/* The public EdDSA key, and its JWK, as an HMAC secret. */
static void
test_public_key_as_secret(void **state)
{
	struct jwt_keys *keys = keys_of("e1:EdDSA:" SEED_B64);
	const char *text = arena_printf(a, "%s.%s",
	    b64("{\"alg\":\"HS256\",\"kid\":\"e1\"}"), b64(OK_BODY));
	uint8_t mac[SHA256_LEN];

	(void)state;
	crypto_hmac_sha256(keys->v[0].pub, KEY_LEN, text, strlen(text), mac);
	refuse(keys, arena_printf(a, "%s.%s", text, base64_encode(a, mac,
	    sizeof(mac), true)), "access", "token_invalid", "not the key's");
	refuse(keys, forge("{\"alg\":\"HS256\",\"kid\":\"e1\"}", OK_BODY,
	    jwt_jwks(keys, a)), "access", "token_invalid", "not the key's");
}

static void
test_structure(void **state)
{
	struct jwt_keys *keys = keys_of("k1:HS256:" SECRET_B64);
	struct jwt_claims in = claims(), out;
	char *good = jwt_sign(keys, a, &in), *t, *dot, *dot2;
	size_t i, n = strlen(good);

	(void)state;
	dot = strchr(good, '.');
	dot2 = strrchr(good, '.');
	accept(keys, good, "access", &out, false);
	refuse(keys, "", NULL, "token_invalid", "three parts");
	refuse(keys, ".", NULL, "token_invalid", "three parts");
	refuse(keys, "..", NULL, "token_invalid", "empty part");
	refuse(keys, "...", NULL, "token_invalid", "more than three");
	refuse(keys, "a.b", NULL, "token_invalid", "three parts");
	refuse(keys, arena_printf(a, "%s.x", good), NULL, "token_invalid",
	    "more than three");
	refuse(keys, arena_printf(a, "%s.", good), NULL, "token_invalid",
	    "more than three");
	refuse(keys, arena_printf(a, "%.*s", (int)(dot2 - good), good), NULL,
	    "token_invalid", "three parts");
	refuse(keys, arena_printf(a, "%.*s.", (int)(dot2 - good), good), NULL,
	    "token_invalid", "empty part");
	refuse(keys, dot, NULL, "token_invalid", "empty part");
	refuse(keys, arena_printf(a, "%s=", good), NULL, "token_invalid",
	    "wrong signature");
	refuse(keys, arena_printf(a, "%s ", good), NULL, "token_invalid",
	    "wrong signature");
	refuse(keys, arena_printf(a, " %s", good), NULL, "token_invalid",
	    "base64url");
	refuse(keys, arena_printf(a, "%.*s=%s", (int)(dot - good), good, dot),
	    NULL, "token_invalid", "base64url");
	refuse(keys, arena_printf(a, "%.*s\n%s", (int)(dot - good), good,
	    dot), NULL, "token_invalid", "base64url");
	/* a payload part that is signed but not canonical */
	t = arena_printf(a, "%.*s.e30=", (int)(dot - good), good);
	refuse(keys, arena_printf(a, "%s.%s", t, "x"), NULL, "token_invalid",
	    "wrong signature");
	/* every single changed character */
	for (i = 0; i < n; i++) {
		t = arena_strdup(a, good);
		t[i] = t[i] == 'A' ? 'B' : 'A';
		err_clear(&err);
		assert_int_equal(jwt_verify(keys, a, t, NULL, now, &out, NULL,
		    &err), -1);
	}
	/* a second spelling of the same signature bits */
	t = arena_strdup(a, good);
	t[n - 1] = (char)(t[n - 1] + 1);
	refuse(keys, t, NULL, "token_invalid", "wrong signature");
}

static void
test_length(void **state)
{
	struct jwt_keys *keys = keys_of("k1:HS256:" SECRET_B64);
	struct jwt_claims in = claims(), out;
	char *long_name = arena_alloc(a, 8000);

	(void)state;
	memset(long_name, 'n', 5000);
	in.name = long_name;
	accept(keys, jwt_sign(keys, a, &in), "access", &out, false);
	memset(long_name, 'n', 7000);
	refuse(keys, jwt_sign(keys, a, &in), "access", "token_invalid",
	    "longer than");
}

static void
test_canonical_signature_and_payload(void **state)
{
	struct jwt_keys *keys = keys_of("k1:HS256:" SECRET_B64);
	const char *head = b64("{\"alg\":\"HS256\",\"kid\":\"k1\"}"), *text;
	uint8_t mac[SHA256_LEN];

	(void)state;
	/* "e31" has non-zero trailing bits: same bytes as "e30" */
	text = arena_printf(a, "%s.e31", head);
	crypto_hmac_sha256(SECRET, strlen(SECRET), text, strlen(text), mac);
	refuse(keys, arena_printf(a, "%s.%s", text, base64_encode(a, mac,
	    sizeof(mac), true)), NULL, "token_invalid", "payload is not");
	/* truncated MACs, also the empty one, never match */
	refuse(keys, arena_printf(a, "%s.%s", text, base64_encode(a, mac, 16,
	    true)), NULL, "token_invalid", "wrong signature");
	refuse(keys, arena_printf(a, "%s.%s", text, base64_encode(a, mac, 31,
	    true)), NULL, "token_invalid", "wrong signature");
	refuse(keys, arena_printf(a, "%s.%s", text, base64_encode(a, mac,
	    sizeof(mac), false)), NULL, "token_invalid", "wrong signature");
}

static void
test_claims(void **state)
{
	static const struct {
		const char *body, *why;
	} cases[] = {
		{ "", "not a JSON object" },
		{ "null", "not a JSON object" },
		{ "[]", "not a JSON object" },
		{ "\"x\"", "not a JSON object" },
		{ "{", "not a JSON object" },
		{ "{\"typ\":\"access\"}", "no exp" },
		{ "{\"typ\":\"access\",\"exp\":null}", "no exp" },
		{ "{\"typ\":\"access\",\"exp\":\"1800003600\"}", "exp" },
		{ "{\"typ\":\"access\",\"exp\":0}", "exp" },
		{ "{\"typ\":\"access\",\"exp\":-1}", "exp" },
		{ "{\"typ\":\"access\",\"exp\":1e400}", "exp" },
		{ "{\"typ\":\"access\",\"exp\":9223372036854775808}", "exp" },
		{ "{\"typ\":\"access\",\"exp\":9223372036854775807}", "exp" },
		{ "{\"typ\":\"access\",\"exp\":253402300800}", "exp" },
		{ "{\"typ\":\"access\",\"exp\":true}", "exp" },
		{ "{\"typ\":\"access\",\"exp\":[1800003600]}", "exp" },
		{ "{\"typ\":\"access\",\"exp\":0x7fffffff}",
		    "not a JSON object" },
		{ "{\"typ\":\"access\",\"exp\":1,\"exp\":1800003600}",
		    "not a JSON object" },
		{ "{\"typ\":\"access\",\"exp\":1800003600,\"nbf\":1800000061}",
		    "not valid yet" },
		{ "{\"typ\":\"access\",\"exp\":1800003600,\"iat\":1800000061}",
		    "issued in the future" },
		{ "{\"typ\":\"access\",\"exp\":1800003600,\"sub\":7}", "sub" },
		{ "{\"typ\":\"access\",\"exp\":1800003600,\"sub\":{}}",
		    "sub" },
		{ "{\"typ\":\"access\",\"exp\":1800003600,\"roles\":[1]}",
		    "roles" },
		{ "{\"typ\":\"access\",\"exp\":1800003600,\"aud\":[\"a\",{}]}",
		    "aud" },
		{ "{\"exp\":1800003600}", "not of kind" },
		{ "{\"typ\":\"refresh\",\"exp\":1800003600}", "not of kind" },
		{ "{\"typ\":\"Access\",\"exp\":1800003600}", "not of kind" },
		{ "{\"typ\":\"access \",\"exp\":1800003600}", "not of kind" },
		{ "{\"typ\":null,\"exp\":1800003600}", "not of kind" },
		{ "{\"type\":\"access\",\"exp\":1800003600}", "not of kind" },
		{ "{\"typ\":[\"access\"],\"exp\":1800003600}", "typ" },
		{ "{\"typ\":\"access\",\"sub\":\"a\\u0000b\","
		    "\"exp\":1800003600}", "not a JSON object" },
	};
	struct jwt_keys *keys = keys_of("k1:HS256:" SECRET_B64);
	size_t i;

	(void)state;
	for (i = 0; i < NITEMS(cases); i++)
		refuse(keys, forge("{\"alg\":\"HS256\",\"kid\":\"k1\"}",
		    cases[i].body, SECRET), "access", "token_invalid",
		    cases[i].why);
}

static void
test_claims_accepted(void **state)
{
	struct jwt_keys *keys = keys_of("k1:HS256:" SECRET_B64);
	struct jwt_claims out;

	(void)state;
	accept(keys, forge("{ \"typ\":\"jwt\", \"alg\":\"HS256\" ,"
	    "\"kid\":\"k\\u0031\"}", " {\"typ\":\"access\",\"aud\":[\"a\","
	    "\"b\"], \"roles\":[ ], \"exp\":1800003600.75,\"x\":[[],{\"y\":"
	    "{}},\"]\"],\"sub\":\"\\uD83D\\uDE00\\n\"}\n", SECRET), "access",
	    &out, false);
	assert_string_equal(out.aud, "a,b");
	assert_string_equal(out.roles, "");
	assert_string_equal(out.sub, "\xf0\x9f\x98\x80\n");
	assert_int_equal(out.exp, NOW + 3600);
	accept(keys, forge("{\"alg\":\"HS256\",\"kid\":\"k1\"}",
	    "{\"exp\":1800000001,\"nbf\":1800000060,\"iat\":1800000060,"
	    "\"aud\":\"q\"}", SECRET), NULL, &out, false);
	assert_string_equal(out.aud, "q");
	/* the only key also serves a token without kid */
	accept(keys, forge("{\"alg\":\"HS256\"}", OK_BODY, SECRET), "access",
	    &out, false);
}

static void
test_expiry(void **state)
{
	struct jwt_keys *keys = keys_of(SECRET);
	struct jwt_claims in = claims(), out;

	(void)state;
	in.exp = NOW + 1;
	accept(keys, jwt_sign(keys, a, &in), "access", &out, false);
	in.exp = NOW;
	refuse(keys, jwt_sign(keys, a, &in), "access", "token_expired",
	    "expired 0 s");
	in.exp = 1;
	refuse(keys, jwt_sign(keys, a, &in), "access", "token_expired",
	    "expired");
}

/* A cached EdDSA verdict still expires, and no other text profits from it. */
static void
test_eddsa_cache(void **state)
{
	struct jwt_keys *keys = keys_of("e1:EdDSA:" SEED_B64);
	struct jwt_claims in = claims(), out;
	char *token = jwt_sign(keys, a, &in), *t;
	struct utc later = { (NOW + 3600) * US_PER_S };
	size_t i;

	(void)state;
	accept(keys, token, "access", &out, false);
	accept(keys, token, "access", &out, false);
	assert_int_equal(jwt_verify(keys, a, token, "access", later, &out,
	    NULL, &err), -1);
	assert_string_equal(err.code, "token_expired");
	for (i = 0; i < strlen(token); i++) {
		t = arena_strdup(a, token);
		t[i] = t[i] == 'A' ? 'B' : 'A';
		assert_int_equal(jwt_verify(keys, a, t, "access", now, &out,
		    NULL, &err), -1);
	}
	/* more tokens than slots */
	for (i = 0; i < 3 * JWS_CACHE; i++) {
		in.jti = arena_printf(a, "%zu", i);
		accept(keys, jwt_sign(keys, a, &in), "access", &out, false);
	}
	accept(keys, token, "access", &out, false);
}

#define OLD_HEAD "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"

static void
test_legacy(void **state)
{
	struct jwt_keys *keys = keys_of(SECRET);
	struct utc until = { (NOW + 100) * US_PER_S };
	struct jwt_claims out;
	char *mail, *id;

	(void)state;
	mail = forge(OLD_HEAD, "{\"sub\":\"a@b.test\",\"exp\":1800003600}",
	    LEGACY);
	id = forge(OLD_HEAD, "{\"sub\":42,\"email\":\"a@b.test\"}", LEGACY);
	refuse(keys, mail, "access", "token_invalid", "wrong signature");
	assert_int_equal(jwt_keys_legacy(keys, LEGACY, until, &err), 0);
	accept(keys, mail, "access", &out, true);
	assert_string_equal(out.sub, "a@b.test");
	assert_string_equal(out.kind, "access");
	accept(keys, id, "access", &out, true);
	assert_string_equal(out.sub, "42");
	assert_int_equal(out.exp, 0);
	assert_non_null(strstr(out.raw, "a@b.test"));
	accept(keys, forge(OLD_HEAD, "{\"sub\":\"x\",\"token_type\":"
	    "\"bearer\"}", LEGACY), "access", &out, true);
	accept(keys, forge(OLD_HEAD, "{\"sub\":\"x\",\"type\":\"access\"}",
	    LEGACY), "access", &out, true);
	/* its refresh tokens open nothing */
	refuse(keys, forge(OLD_HEAD, "{\"sub\":\"x\",\"type\":\"refresh\"}",
	    LEGACY), "access", "token_invalid", "not of kind");
	refuse(keys, forge(OLD_HEAD, "{\"sub\":\"x\",\"typ\":null,"
	    "\"token_type\":\"refresh\"}", LEGACY), "access",
	    "token_invalid", "not of kind");
	refuse(keys, forge(OLD_HEAD, "{\"sub\":\"x\",\"exp\":1799999999}",
	    LEGACY), "access", "token_expired", "expired");
	/* the old secret cannot speak for a new key */
	refuse(keys, forge(arena_printf(a, "{\"alg\":\"HS256\",\"kid\":"
	    "\"%s\"}", keys->v[0].kid), OK_BODY, LEGACY), "access",
	    "token_invalid", "wrong signature");
	refuse(keys, forge("{\"alg\":\"none\"}", OK_BODY, LEGACY), "access",
	    "token_invalid", "alg is not");
	/* and dies at its date */
	now.us = until.us;
	refuse(keys, id, "access", "token_invalid", "wrong signature");
	now.us = NOW * US_PER_S;
}

static void
test_key_specs(void **state)
{
	static const char *const bad[] = { "", "short",
		"0123456789abcdef0123456789abcde",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		"your-secret-key-change-in-production-please",
		"CHANGE_ME_CHANGE_ME_CHANGE_ME_0123456789",
		"k1:HS256:" , "k1:HS256:MDEyMzQ1Njc4OQ",
		":HS256:" SECRET_B64, "k 1:HS256:" SECRET_B64,
		"k1:EdDSA:" SECRET_B64, "k1:HS512:" SECRET_B64
		" k2:HS256:" SECRET_B64, "k1:HS256:" SECRET_B64 ","
		"k1:HS256:" OTHER_B64, "k1:HS256:!!!!" SECRET_B64,
		"k.1:HS256:" SECRET_B64,
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:HS256:" SECRET_B64 };
	struct jwt_keys *keys;
	size_t i;

	(void)state;
	for (i = 0; i < NITEMS(bad); i++) {
		err_clear(&err);
		if (jwt_keys_open(&keys, a, bad[i], &err) == 0)
			fail_msg("accepted key spec %zu: %s", i, bad[i]);
		assert_non_null(strstr(err.detail, "--new-key"));
	}
	keys = keys_of(SECRET);
	assert_int_equal(jwt_keys_legacy(keys, "secret", now, &err), -1);
}

/* RFC 8037 A.2: the public key of this seed. */
static void
test_jwks(void **state)
{
	struct jwt_keys *keys = keys_of("k1:HS256:" SECRET_B64 ",e1:EdDSA:"
	    SEED_B64);
	char *set = jwt_jwks(keys, a);

	(void)state;
	assert_string_equal(set, "{\"keys\":[{\"kty\":\"OKP\",\"crv\":"
	    "\"Ed25519\",\"alg\":\"EdDSA\",\"use\":\"sig\",\"kid\":\"e1\","
	    "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}");
	assert_string_equal(jwt_jwks(keys_of(SECRET), a), "{\"keys\":[]}");
}

/* No kind of token passes for another. */
static void
test_kinds(void **state)
{
	static const char *const kinds[] = { "access", "refresh", "ticket",
	    "reset" };
	static const char *const specs[] = { SECRET, "e1:EdDSA:" SEED_B64 };
	struct jwt_claims in = claims(), out;
	struct jwt_keys *keys;
	size_t i, j, k;

	(void)state;
	for (k = 0; k < NITEMS(specs); k++) {
		keys = keys_of(specs[k]);
		for (i = 0; i < NITEMS(kinds); i++)
			for (j = 0; j < NITEMS(kinds); j++) {
				in.kind = kinds[i];
				if (i == j)
					accept(keys, jwt_sign(keys, a, &in),
					    kinds[j], &out, false);
				else
					refuse(keys, jwt_sign(keys, a, &in),
					    kinds[j], "token_invalid",
					    "not of kind");
			}
	}
}

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A gross bound only: the figure itself is a benchmark's business. */
static void
test_speed(void **state)
{
	struct jwt_keys *keys = keys_of(SECRET);
	struct jwt_claims in = claims(), out;
	char *token = jwt_sign(keys, a, &in);
	struct arena_mark mark = arena_mark(a);
	int i, rounds = 20000;
	double t = seconds();

	(void)state;
	for (i = 0; i < rounds; i++) {
		assert_int_equal(jwt_verify(keys, a, token, "access", now,
		    &out, NULL, &err), 0);
		arena_rewind(a, mark);
	}
	t = (seconds() - t) / rounds * 1e6;
	print_message("HS256 verify: %.2f us\n", t);
	assert_true(t < 200);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(test_round_trip), T(test_rotation), T(test_headers),
		T(test_foreign_keys_ignored), T(test_public_key_as_secret),
		T(test_structure), T(test_length),
		T(test_canonical_signature_and_payload), T(test_claims),
		T(test_claims_accepted), T(test_expiry), T(test_eddsa_cache),
		T(test_legacy), T(test_key_specs), T(test_jwks),
		T(test_kinds),
		T(test_speed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
