/*
 * Keys for data at rest. A value is "v1.<key id>.<nonce|ciphertext|tag>",
 * bound to table, column and row by its additional data: a sealed text copied
 * into another row does not open. Refuses passphrases: a key is 32 random
 * bytes or the program does not start.
 */
#include <string.h>

#include <openssl/crypto.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/random.h"
#include "base/vec.h"
#include "crypto/internal.h"

#define SEAL "v1."

struct ring_key {
	char id[33];
	uint8_t key[KEY_LEN];
};

struct keyring {
	VEC(struct ring_key) keys;
};

static const struct ring_key *
ring_find(const struct keyring *r, const char *id, size_t n)
{
	size_t i;

	for (i = 0; i < r->keys.n; i++)
		if (strlen(r->keys.v[i].id) == n &&
		    memcmp(r->keys.v[i].id, id, n) == 0)
			return &r->keys.v[i];
	return NULL;
}

static int
key_refused(struct err *err, size_t nth, const char *why)
{
	return err_set(err, 500, "key_invalid", "encryption key %zu: %s; "
	    "make one with `quincunx config --new-key`", nth, why);
}

/* An id from the key itself, so that a bare key keeps its id everywhere. */
static void
derive_id(struct ring_key *k)
{
	uint8_t digest[SHA256_LEN];

	crypto_hmac_sha256(k->key, KEY_LEN, "quincunx key id", 15, digest);
	hex_encode(digest, 4, k->id);
}

static int
ring_add(struct keyring *r, struct arena *a, const char *p, size_t n,
    struct err *err)
{
	const char *colon = memchr(p, ':', n);
	struct ring_key k = { .id = "" };
	size_t nid = colon != NULL ? (size_t)(colon - p) : 0;
	size_t nth = r->keys.n + 1;

	if (colon != NULL && !key_id_ok(p, nid))
		return key_refused(err, nth, "its id must be 1 to 32 of "
		    "A-Z a-z 0-9 _ -");
	memcpy(k.id, p, nid);
	if (colon != NULL) {
		p += nid + 1;
		n -= nid + 1;
	}
	if (key_decode(p, n, k.key) != 0)
		return key_refused(err, nth, "not the base64 of 32 bytes");
	if (secret_weak(k.key, KEY_LEN))
		return key_refused(err, nth, "not random");
	if (colon == NULL)
		derive_id(&k);
	if (ring_find(r, k.id, strlen(k.id)) != NULL)
		return key_refused(err, nth, "its id is there twice");
	*VEC_ADD(a, &r->keys) = k;
	OPENSSL_cleanse(&k, sizeof(k));
	return 0;
}

int
keyring_open(struct keyring **out, struct arena *a, const char *spec,
    struct err *err)
{
	struct keyring *r = arena_alloc(a, sizeof(*r));
	const char *p = spec;
	size_t n;

	for (;;) {
		while (spec_separator(*p))
			p++;
		for (n = 0; p[n] != '\0' && !spec_separator(p[n]); n++)
			;
		if (n == 0)
			break;
		if (ring_add(r, a, p, n, err) != 0)
			return -1;
		p += n;
	}
	if (r->keys.n == 0)
		return err_set(err, 500, "key_invalid", "no encryption key "
		    "is set (ENCRYPTION_KEY); make one with `quincunx config "
		    "--new-key`");
	*out = r;
	return 0;
}

const char *
keyring_primary(const struct keyring *r)
{
	return r->keys.v[0].id;
}

bool
keyring_has(const struct keyring *r, const char *id)
{
	return ring_find(r, id, strlen(id)) != NULL;
}

char *
keyring_seal(const struct keyring *r, struct arena *a, const void *p,
    size_t n, const char *aad)
{
	const struct ring_key *k = &r->keys.v[0];
	uint8_t *raw = arena_alloc(a, GCM_NONCE + n + GCM_TAG);

	random_bytes(raw, GCM_NONCE);
	gcm_seal(k->key, raw, aad, aad != NULL ? strlen(aad) : 0, p, n,
	    raw + GCM_NONCE);
	return arena_printf(a, SEAL "%s.%s", k->id,
	    base64_encode(a, raw, GCM_NONCE + n + GCM_TAG, true));
}

static int
damaged(struct err *err, const char *cause)
{
	err_set(err, 500, "sealed_damaged", "A stored secret cannot be opened");
	return err_cause(err, "%s", cause);
}

static int
open_fernet(const struct keyring *r, struct arena *a, const char *token,
    struct blob *out, struct err *err)
{
	size_t i;

	for (i = 0; i < r->keys.n; i++)
		if (fernet_open(a, r->keys.v[i].key, token, 0, 0, out) == 0)
			return 0;
	return damaged(err, "no key of the ring opens this Fernet value");
}

int
keyring_open_value(const struct keyring *r, struct arena *a,
    const char *sealed, const char *aad, struct blob *out, struct err *err)
{
	const char *id = sealed + strlen(SEAL), *text;
	const struct ring_key *k;
	uint8_t *raw, *plain;
	size_t nid, n;
	long got;

	if (strncmp(sealed, "gAAAA", 5) == 0)
		return open_fernet(r, a, sealed, out, err);
	if (strncmp(sealed, SEAL, strlen(SEAL)) != 0)
		return damaged(err, "not a sealed value");
	nid = strcspn(id, ".");
	if (id[nid] != '.' || !key_id_ok(id, nid))
		return damaged(err, "no key id");
	if ((k = ring_find(r, id, nid)) == NULL) {
		err_set(err, 500, "key_missing", "A stored secret needs the "
		    "encryption key \"%.*s\", which is not configured",
		    (int)nid, id);
		return err_cause(err, "key %.*s is missing from "
		    "ENCRYPTION_KEY", (int)nid, id);
	}
	text = id + nid + 1;
	n = strlen(text);
	raw = arena_alloc(a, n + 1);
	got = base64_decode(text, n, true, false, raw, n);
	if (got < GCM_NONCE + GCM_TAG)
		return damaged(err, "not base64, or too short");
	n = (size_t)got - GCM_NONCE;
	plain = arena_alloc(a, n + 1);
	if (gcm_open(k->key, raw, aad, aad != NULL ? strlen(aad) : 0,
	    raw + GCM_NONCE, n, plain) != 0)
		return damaged(err, "changed, moved from another row, or "
		    "sealed with another key of this id");
	plain[n - GCM_TAG] = '\0';
	*out = (struct blob){ plain, n - GCM_TAG };
	return 0;
}

bool
keyring_stale(const struct keyring *r, const char *sealed)
{
	const char *id = keyring_primary(r);
	size_t n = strlen(id);

	return strncmp(sealed, SEAL, strlen(SEAL)) != 0 ||
	    strncmp(sealed + strlen(SEAL), id, n) != 0 ||
	    sealed[strlen(SEAL) + n] != '.';
}

const char *
keyring_aad(struct arena *a, const char *table, const char *column,
    struct uuid row)
{
	char text[UUID_TEXT];

	return arena_printf(a, "%s.%s/%s", table, column,
	    uuid_format(row, text));
}

void
keyring_derive(const struct keyring *r, const char *use,
    uint8_t out[SHA256_LEN])
{
	hkdf_sha256(r->keys.v[0].key, use, out);
}

int
keyring_derive_by(const struct keyring *r, const char *id, const char *use,
    uint8_t out[SHA256_LEN])
{
	const struct ring_key *k = ring_find(r, id, strlen(id));

	if (k == NULL)
		return -1;
	hkdf_sha256(k->key, use, out);
	return 0;
}
