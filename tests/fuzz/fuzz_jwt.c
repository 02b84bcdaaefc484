/*
 * Any bytes as a token, as a header and as claims: nothing but a token we
 * signed is accepted, and whatever the scanner takes as an object another
 * JSON parser takes too.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/codec.h"
#include "base/err.h"
#include "crypto/internal.h"

#define SECRET "0123456789abcdefghijklmnopqrstuvwxyz"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* The bytes as claims under a true signature. */
static void
signed_claims(const struct jwt_keys *keys, struct arena *a, const char *s,
    size_t n)
{
	struct jwt_claims c;
	struct err err = { 0 };
	bool legacy;
	int rc;

	if (n > 4096)
		return;
	rc = jwt_verify(keys, a, jws_seal(keys, a, s, n), NULL,
	    (struct utc){ 1 }, &c, &legacy, &err);
	ASSERT(rc == 0 ? c.exp > 0 && !legacy : err.status == 401);
}

/* The bytes as a header under a true signature. */
static void
signed_header(const struct jwt_keys *keys, struct arena *a, const char *s,
    size_t n)
{
	struct jwt_claims c;
	struct err err = { 0 };
	uint8_t mac[SHA256_LEN];
	const char *text;

	if (n == 0 || n > 4096)
		return;
	text = arena_printf(a, "%s.eyJleHAiOjE4MDAwMDM2MDB9",
	    base64_encode(a, s, n, true));
	crypto_hmac_sha256(SECRET, strlen(SECRET), text, strlen(text), mac);
	if (jwt_verify(keys, a, arena_printf(a, "%s.%s", text,
	    base64_encode(a, mac, sizeof(mac), true)), NULL,
	    (struct utc){ 1 }, &c, NULL, &err) == 0)
		ASSERT(memmem(s, n, "alg", 3) != NULL ||
		    memmem(s, n, "\\u", 2) != NULL);
}

static void
compare_parsers(struct arena *a, const char *s, size_t n)
{
	struct scan_member m[SCAN_MEMBERS];
	struct json_tokener *tok;
	struct json_object *o;
	int count, i;

	if ((count = scan_object(a, s, n, m)) < 0)
		return;
	tok = json_tokener_new_ex(SCAN_DEPTH + 4);
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT);
	o = json_tokener_parse_ex(tok, s, (int)n);
	ASSERT(json_object_is_type(o, json_type_object));
	ASSERT(json_object_object_length(o) == count);
	for (i = 0; i < count; i++) {
		struct json_object *v;

		ASSERT(json_object_object_get_ex(o, m[i].name, &v));
		ASSERT((m[i].type == SCAN_STRING) == json_object_is_type(v,
		    json_type_string));
		if (m[i].type == SCAN_STRING)
			ASSERT(strcmp(m[i].string,
			    json_object_get_string(v)) == 0);
		if (m[i].type == SCAN_ARRAY)
			scan_join(a, m[i].text, m[i].n);
	}
	json_object_put(o);
	json_tokener_free(tok);
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
	struct arena *a = arena_new(16 << 20);
	char *text = arena_alloc(a, n + 1);
	struct jwt_claims c;
	struct jwt_keys *keys;
	struct err err = { 0 };

	memcpy(text, in, n);
	ASSERT(jwt_keys_open(&keys, a, SECRET, &err) == 0);
	ASSERT(jwt_verify(keys, a, text, NULL, (struct utc){ 1 }, &c, NULL,
	    &err) == -1);
	ASSERT(err.status == 401);
	if (n <= 65536)
		compare_parsers(a, text, n);
	signed_claims(keys, a, text, n);
	signed_header(keys, a, text, n);
	arena_free(a);
	return 0;
}
