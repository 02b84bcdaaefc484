/*
 * Published vectors: Wycheproof (HMAC-SHA-256, AES-GCM, JWS), the RFC 7515
 * examples and the Fernet specification. All valid ones pass, all invalid ones
 * are refused; how many bound is asserted, so that an empty file fails.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <json-c/json.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/err.h"
#include "crypto/internal.h"
#include "tests/harness/data.h"

static struct arena *a;
static struct err err;

static int
setup(void **state)
{
	(void)state;
	a = arena_new(256 << 20);
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

/* One member of an unpacked tar archive, NUL-terminated. */
static char *
tar_member(const char *tar, size_t n, const char *name, size_t *len)
{
	size_t at, size;

	for (at = 0; at + 512 <= n && tar[at] != '\0'; ) {
		size = strtoul(tar + at + 124, NULL, 8);
		assert_true(size <= n - at - 512);
		if (strncmp(tar + at, name, 100) == 0) {
			*len = size;
			return arena_strndup(a, tar + at + 512, size);
		}
		at += 512 + (size + 511) / 512 * 512;
	}
	fail_msg("%s is not in the archive", name);
	return NULL;
}

static struct json_object *
member_json(const char *archive, const char *name)
{
	struct json_object *o;
	char *tar, *text;
	size_t n;

	if ((tar = data_read(a, archive, &n)) == NULL)
		return NULL;
	text = tar_member(tar, n, name, &n);
	o = json_tokener_parse(text);
	assert_non_null(o);
	return o;
}

static const char *
str_of(struct json_object *o, const char *name)
{
	struct json_object *v;

	return json_object_object_get_ex(o, name, &v) ?
	    json_object_get_string(v) : "";
}

static int64_t
int_of(struct json_object *o, const char *name)
{
	struct json_object *v;

	return json_object_object_get_ex(o, name, &v) ?
	    json_object_get_int64(v) : 0;
}

static struct json_object *
array_of(struct json_object *o, const char *name)
{
	struct json_object *v;

	assert_true(json_object_object_get_ex(o, name, &v));
	return v;
}

static struct blob
hex_of(struct json_object *o, const char *name)
{
	const char *text = str_of(o, name);
	uint8_t *out = arena_alloc(a, strlen(text) + 1);
	long n = hex_decode(text, strlen(text), out, strlen(text) + 1);

	assert_true(n >= 0);
	return (struct blob){ out, (size_t)n };
}

/* Calls fn on every test of every group that takes part. */
static size_t
each_test(struct json_object *root,
    bool (*fn)(struct json_object *group, struct json_object *test))
{
	struct json_object *groups, *g, *tests;
	size_t i, j, bound = 0;

	groups = array_of(root, "testGroups");
	for (i = 0; i < json_object_array_length(groups); i++) {
		g = json_object_array_get_idx(groups, i);
		tests = array_of(g, "tests");
		for (j = 0; j < json_object_array_length(tests); j++)
			bound += fn(g, json_object_array_get_idx(tests, j));
	}
	return bound;
}

static bool
valid(struct json_object *test)
{
	return strcmp(str_of(test, "result"), "valid") == 0;
}

static bool
hmac_case(struct json_object *group, struct json_object *test)
{
	struct blob key = hex_of(test, "key"), msg = hex_of(test, "msg");
	struct blob tag = hex_of(test, "tag");
	uint8_t mac[SHA256_LEN];
	bool same;

	(void)group;
	crypto_hmac_sha256(key.p, key.n, msg.p, msg.n, mac);
	same = tag.n <= sizeof(mac) && crypto_equal(mac, tag.p, tag.n);
	if (same != valid(test))
		fail_msg("HMAC case %d", (int)int_of(test, "tcId"));
	return true;
}

static void
test_hmac(void **state)
{
	struct json_object *o = member_json(
	    "protocol/wycheproof_dev.tar.gz", "hmac_sha256_test.json");

	(void)state;
	if (o == NULL)
		return;
	assert_true(each_test(o, hmac_case) > 100);
	json_object_put(o);
}

/* Ours is one shape: 256-bit key, 96-bit nonce, 128-bit tag. */
static bool
gcm_case(struct json_object *group, struct json_object *test)
{
	struct blob key, iv, aad, msg, ct, tag;
	uint8_t *sealed, *out;
	int rc;

	if (int_of(group, "keySize") != 256 || int_of(group, "ivSize") != 96 ||
	    int_of(group, "tagSize") != 128)
		return false;
	key = hex_of(test, "key");
	iv = hex_of(test, "iv");
	aad = hex_of(test, "aad");
	msg = hex_of(test, "msg");
	ct = hex_of(test, "ct");
	tag = hex_of(test, "tag");
	sealed = arena_alloc(a, ct.n + tag.n);
	memcpy(sealed, ct.p, ct.n);
	memcpy(sealed + ct.n, tag.p, tag.n);
	out = arena_alloc(a, ct.n + GCM_TAG + 1);
	rc = gcm_open(key.p, iv.p, aad.p, aad.n, sealed, ct.n + tag.n, out);
	if ((rc == 0) != valid(test))
		fail_msg("GCM case %d", (int)int_of(test, "tcId"));
	if (rc != 0)
		return true;
	assert_memory_equal(out, msg.p, msg.n);
	gcm_seal(key.p, iv.p, aad.p, aad.n, msg.p, msg.n, out);
	assert_memory_equal(out, sealed, msg.n + GCM_TAG);
	return true;
}

static void
test_gcm(void **state)
{
	struct json_object *o = member_json(
	    "protocol/wycheproof_dev.tar.gz", "aes_gcm_test.json");

	(void)state;
	if (o == NULL)
		return;
	assert_true(each_test(o, gcm_case) > 50);
	json_object_put(o);
}

/* A JWK set as a key spec; NULL if the ring cannot hold one of its keys,
 * which refuses all its tokens. */
static const char *
spec_of(struct json_object *group)
{
	struct json_object *keys = array_of(array_of(group, "private"),
	    "keys"), *k;
	const char *spec = "";
	size_t i;

	for (i = 0; i < json_object_array_length(keys); i++) {
		k = json_object_array_get_idx(keys, i);
		if (strcmp(str_of(k, "kty"), "oct") != 0 ||
		    strcmp(str_of(k, "use"), "sig") != 0)
			return NULL;
		spec = arena_printf(a, "%s%s%s:%s:%s", spec,
		    *spec != '\0' ? "," : "", str_of(k, "kid"),
		    str_of(k, "alg"), str_of(k, "k"));
	}
	return spec;
}

static bool
jws_case(struct json_object *group, struct json_object *test)
{
	const char *spec = spec_of(group), *why, *alg;
	struct jwt_keys *keys;
	char *payload;
	bool legacy;
	size_t n;
	int rc = -1;

	err_clear(&err);
	if (spec != NULL && jwt_keys_open(&keys, a, spec, &err) == 0)
		rc = jws_open(keys, a, str_of(test, "jws"),
		    (struct utc){ 1 }, &payload, &n, &legacy, &why);
	alg = spec != NULL ? strchr(spec, ':') : NULL;
	/* other algorithms may be valid elsewhere, here they are refused */
	if (alg == NULL || strncmp(alg, ":HS256:", 7) != 0) {
		assert_int_equal(rc, -1);
		return false;
	}
	if ((rc == 0) != valid(test))
		fail_msg("JWS case %d", (int)int_of(test, "tcId"));
	if (rc == 0)
		assert_string_equal(payload, "foo");
	return true;
}

static void
test_jws(void **state)
{
	struct json_object *o = member_json(
	    "protocol/wycheproof_dev.tar.gz", "json_web_key_test.json");

	(void)state;
	if (o == NULL)
		return;
	assert_int_equal(each_test(o, jws_case), 6);
	json_object_put(o);
}

/* RFC 7515 A.1: HS256 with claims that expired in 2011; the same signature
 * over "none" (A.5), RS256 (A.2) and ES256 (A.3) is refused. */
static void
test_rfc7515(void **state)
{
	static const char archive[] =
	    "protocol/jose_rfc7515_7517_vectors.tar.gz";
	static const char *const other[] = { "rfc7515_A.2.jwsc",
	    "rfc7515_A.3.jwsc", "rfc7515_A.4.jwsc", "rfc7515_A.5.jwsc" };
	struct utc before = { INT64_C(1300819000) * US_PER_S };
	struct utc after = { INT64_C(1300819380) * US_PER_S };
	struct json_object *jwk = member_json(archive, "rfc7515_A.1.jwk");
	struct jwt_claims out;
	struct jwt_keys *keys;
	size_t n, len, i;
	char *tar, *token;

	(void)state;
	if (jwk == NULL || (tar = data_read(a, archive, &n)) == NULL)
		return;
	assert_int_equal(jwt_keys_open(&keys, a, arena_printf(a,
	    "k1:HS256:%s", str_of(jwk, "k")), &err), 0);
	json_object_put(jwk);
	token = tar_member(tar, n, "rfc7515_A.1.jwsc", &len);
	token[strcspn(token, "\r\n")] = '\0';
	if (jwt_verify(keys, a, token, NULL, before, &out, NULL, &err) != 0)
		fail_msg("A.1: %s", err.cause);
	assert_string_equal(out.iss, "joe");
	assert_int_equal(out.exp, 1300819380);
	assert_int_equal(jwt_verify(keys, a, token, NULL, after, &out, NULL,
	    &err), -1);
	assert_string_equal(err.code, "token_expired");
	for (i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
		token = tar_member(tar, n, other[i], &len);
		token[strcspn(token, "\r\n")] = '\0';
		assert_int_equal(jwt_verify(keys, a, token, NULL, before,
		    &out, NULL, &err), -1);
		assert_string_equal(err.code, "token_invalid");
	}
}

static void
fernet_file(const char *name)
{
	struct json_object *root, *t;
	struct utc now;
	struct blob out;
	uint8_t key[KEY_LEN];
	int64_t now_s;
	char *text;
	size_t n, i;

	if ((text = data_read(a, name, &n)) == NULL)
		return;
	root = json_tokener_parse(text);
	assert_non_null(root);
	assert_true(json_object_array_length(root) > 0);
	for (i = 0; i < json_object_array_length(root); i++) {
		t = json_object_array_get_idx(root, i);
		assert_int_equal(key_decode(str_of(t, "secret"),
		    strlen(str_of(t, "secret")), key), 0);
		assert_int_equal(clock_parse(str_of(t, "now"), &now), 0);
		now_s = now.us / US_PER_S;
		assert_int_equal(fernet_open(a, key, str_of(t, "token"),
		    now_s, int_of(t, "ttl_sec"), &out), 0);
		assert_int_equal(out.n, strlen(str_of(t, "src")));
		assert_memory_equal(out.p, str_of(t, "src"), out.n);
		/* too old, and from the future */
		assert_int_equal(fernet_open(a, key, str_of(t, "token"),
		    now_s + 120, 60, &out), -1);
		assert_int_equal(fernet_open(a, key, str_of(t, "token"),
		    now_s - 120, 60, &out), -1);
	}
	json_object_put(root);
}

static void
test_fernet(void **state)
{
	(void)state;
	fernet_file("protocol/fernet_generate.json");
	fernet_file("protocol/fernet_verify.json");
}

/* The specification's list of invalid tokens, made from its valid one. */
static void
test_fernet_invalid(void **state)
{
	static const char good[] = "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGV"
	    "WKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==";
	uint8_t key[KEY_LEN];
	struct blob out;
	char *t;
	size_t i;

	(void)state;
	assert_int_equal(key_decode("cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF"
	    "4e4=", 44, key), 0);
	assert_int_equal(fernet_open(a, key, good, 0, 0, &out), 0);
	assert_int_equal(out.n, 5);
	for (i = 0; i < strlen(good) - 2; i++) {
		t = arena_strdup(a, good);
		t[i] = t[i] == 'A' ? 'B' : 'A';
		assert_int_equal(fernet_open(a, key, t, 0, 0, &out), -1);
		assert_int_equal(fernet_open(a, key, arena_strndup(a, good,
		    i), 0, 0, &out), -1);
	}
	assert_int_equal(fernet_open(a, key, "", 0, 0, &out), -1);
	assert_int_equal(fernet_open(a, key, arena_printf(a, "%s%s", good,
	    good), 0, 0, &out), -1);
	key[0] ^= 1;
	assert_int_equal(fernet_open(a, key, good, 0, 0, &out), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(test_hmac), T(test_gcm), T(test_jws), T(test_rfc7515),
		T(test_fernet), T(test_fernet_invalid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
