/*
 * The keys that sign tokens. A key row fixes its algorithm; the header of a
 * token only names the row. Refuses secrets below 32 bytes and those printed
 * in manuals. A secret of the replaced backend is kept apart and dies at its
 * date.
 */
#include <string.h>

#include <openssl/crypto.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/str.h"
#include "base/vec.h"
#include "crypto/internal.h"

enum { SECRET_MIN = 32, SECRET_MAX = 512 };

static int
refused(struct err *err, const char *what, const char *why)
{
	return err_set(err, 500, "key_invalid", "%s: %s; make one with "
	    "`quincunx config --new-key`", what, why);
}

static void
key_free(void *arg)
{
	struct jwt_key *k = arg;

	EVP_MAC_CTX_free(k->mac);
	EVP_PKEY_free(k->pkey);
	k->mac = NULL;
	k->pkey = NULL;
}

static void
key_header(struct jwt_key *k, struct arena *a)
{
	const char *json = arena_printf(a,
	    "{\"alg\":\"%s\",\"kid\":\"%s\",\"typ\":\"JWT\"}",
	    k->alg == JWT_HS256 ? "HS256" : "EdDSA", k->kid);

	k->head = base64_encode(a, json, strlen(json), true);
	k->nhead = strlen(k->head);
}

static int
hs256_secret(struct jwt_key *k, const void *secret, size_t n,
    const char *what, struct err *err)
{
	if (n < SECRET_MIN)
		return refused(err, what, "shorter than 32 bytes");
	if (secret_weak(secret, n))
		return refused(err, what, "not random, or a text from a "
		    "manual");
	k->alg = JWT_HS256;
	k->mac = hmac_context(secret, n);
	return 0;
}

static int
eddsa_seed(struct jwt_key *k, const uint8_t *seed, size_t n,
    const char *what, struct err *err)
{
	size_t len = sizeof(k->pub);

	if (n != KEY_LEN)
		return refused(err, what, "an EdDSA seed has 32 bytes");
	if (secret_weak(seed, n))
		return refused(err, what, "not random");
	k->alg = JWT_EDDSA;
	k->pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed,
	    n);
	ASSERT(k->pkey != NULL && EVP_PKEY_get_raw_public_key(k->pkey,
	    k->pub, &len) == 1);
	return 0;
}

static bool
kid_taken(const struct jwt_keys *keys, const char *kid)
{
	size_t i;

	for (i = 0; i < keys->n; i++)
		if (strcmp(keys->v[i].kid, kid) == 0)
			return true;
	return false;
}

/* "kid:alg:base64" of n bytes into the next row. */
static int
add_row(struct jwt_keys *keys, const char *p, size_t n, struct err *err)
{
	const char *alg = memchr(p, ':', n), *text = NULL, *what;
	struct jwt_key *k = &keys->v[keys->n];
	uint8_t raw[SECRET_MAX];
	long got;
	int rc;

	what = arena_printf(keys->a, "token key %zu", keys->n + 1);
	if (alg != NULL)
		text = memchr(alg + 1, ':', n - (size_t)(alg + 1 - p));
	if (text == NULL || !key_id_ok(p, (size_t)(alg - p)))
		return refused(err, what, "expected kid:alg:base64");
	memcpy(k->kid, p, (size_t)(alg - p));
	k->kid[alg - p] = '\0';
	if (kid_taken(keys, k->kid))
		return refused(err, what, "its kid is there twice");
	text++;
	got = key_text_decode(text, n - (size_t)(text - p), raw, sizeof(raw));
	if (got < 0)
		rc = refused(err, what, "not base64");
	else if (text - alg == 7 && memcmp(alg, ":HS256:", 7) == 0)
		rc = hs256_secret(k, raw, (size_t)got, what, err);
	else if (text - alg == 7 && memcmp(alg, ":EdDSA:", 7) == 0)
		rc = eddsa_seed(k, raw, (size_t)got, what, err);
	else
		rc = refused(err, what, "alg must be HS256 or EdDSA");
	OPENSSL_cleanse(raw, sizeof(raw));
	if (rc == 0)
		keys->n++;
	return rc;
}

static int
add_bare(struct jwt_keys *keys, const char *secret, struct err *err)
{
	struct jwt_key *k = &keys->v[0];
	uint8_t digest[SHA256_LEN];
	size_t n = strlen(secret);

	if (hs256_secret(k, secret, n, "JWT_SECRET_KEY", err) != 0)
		return -1;
	crypto_hmac_sha256(secret, n, "quincunx kid", 12, digest);
	hex_encode(digest, 4, k->kid);
	keys->n = 1;
	return 0;
}

static int
add_all(struct jwt_keys *keys, const char *spec, struct err *err)
{
	size_t n;

	if (strstr(spec, ":HS256:") == NULL && strstr(spec, ":EdDSA:") == NULL)
		return add_bare(keys, spec, err);
	for (;; spec += n) {
		while (spec_separator(*spec))
			spec++;
		for (n = 0; spec[n] != '\0' && !spec_separator(spec[n]); n++)
			;
		if (n == 0)
			return 0;
		if (add_row(keys, spec, n, err) != 0)
			return -1;
	}
}

/* Rows never move: verified-token caches and deferred frees point at them. */
static size_t
rows_wanted(const char *spec)
{
	size_t n = 1;

	for (; *spec != '\0'; spec++)
		n += spec_separator(*spec);
	return n;
}

int
jwt_keys_open(struct jwt_keys **out, struct arena *a, const char *spec,
    struct err *err)
{
	struct jwt_keys *keys = arena_alloc(a, sizeof(*keys));
	size_t i, rows = rows_wanted(spec);

	if (*spec == '\0')
		return refused(err, "JWT_SECRET_KEY", "not set");
	keys->a = a;
	keys->v = arena_array(a, rows, sizeof(*keys->v));
	keys->cache = arena_alloc(a, sizeof(*keys->cache));
	for (i = 0; i < rows; i++)
		arena_defer(a, key_free, &keys->v[i]);
	arena_defer(a, key_free, &keys->legacy);
	if (add_all(keys, spec, err) != 0)
		return -1;
	if (keys->n == 0)
		return refused(err, "JWT_SECRET_KEY", "not set");
	for (i = 0; i < keys->n; i++)
		key_header(&keys->v[i], a);
	*out = keys;
	return 0;
}

int
jwt_keys_legacy(struct jwt_keys *keys, const char *secret, struct utc until,
    struct err *err)
{
	key_free(&keys->legacy);
	if (hs256_secret(&keys->legacy, secret, strlen(secret),
	    "legacy token secret", err) != 0)
		return -1;
	keys->legacy_until = until;
	return 0;
}
