/*
 * What the files of this layer share, and what their vector tests reach for.
 * Not for other layers.
 */
#ifndef CRYPTO_INTERNAL_H
#define CRYPTO_INTERNAL_H

#include <openssl/evp.h>

#include "crypto/crypto.h"

enum { GCM_NONCE = 12, GCM_TAG = 16, KEY_LEN = 32, ED25519_SIG = 64 };

/* digest.c */
/* Context with the key set; later MACs only restart it. The caller frees it
 * with EVP_MAC_CTX_free(). */
EVP_MAC_CTX *hmac_context(const void *key, size_t nkey);
void hmac_with(EVP_MAC_CTX *, const void *, size_t,
    uint8_t out[SHA256_LEN]);
void hkdf_sha256(const uint8_t key[KEY_LEN], const char *info,
    uint8_t out[SHA256_LEN]);
/* Bytes of a key written as standard or URL-safe base64; -1 otherwise. */
long key_text_decode(const char *, size_t n, uint8_t *out, size_t cap);
/* The same for exactly 32 bytes. */
int key_decode(const char *, size_t n, uint8_t out[KEY_LEN]);
/* Ends an id or a text list item: comma or white space. */
bool spec_separator(char);
/* 1-32 characters of A-Z a-z 0-9 _ -. */
bool key_id_ok(const char *, size_t n);
/* Fewer than eight different bytes, or a text everybody knows. */
bool secret_weak(const void *, size_t n);

/* aead.c: AES-256-GCM, out = ciphertext then tag. */
void gcm_seal(const uint8_t key[KEY_LEN], const uint8_t nonce[GCM_NONCE],
    const char *aad, size_t naad, const void *, size_t n, uint8_t *out);
int gcm_open(const uint8_t key[KEY_LEN], const uint8_t nonce[GCM_NONCE],
    const char *aad, size_t naad, const uint8_t *sealed, size_t n,
    uint8_t *out);

/* scan.c: a strict, flat reader of one JSON object. */
enum { SCAN_DEPTH = 16, SCAN_MEMBERS = 64 };
enum scan_type { SCAN_STRING = 1, SCAN_NUMBER, SCAN_TRUE, SCAN_FALSE,
	SCAN_NULL, SCAN_ARRAY, SCAN_OBJECT };
struct scan_member {
	const char *name;	/* decoded */
	enum scan_type type;
	const char *text;	/* raw JSON of the value, not terminated */
	size_t n;
	const char *string;	/* decoded, SCAN_STRING only */
};
/* Whole text is one object with at most SCAN_MEMBERS different members.
 * Returns their number or -1. */
int scan_object(struct arena *, const char *, size_t n,
    struct scan_member out[SCAN_MEMBERS]);
/* Strings of an array joined with commas; NULL if another kind is inside. */
const char *scan_join(struct arena *, const char *, size_t n);

/* password.c, password_foreign.c */
enum { HASH_TEXT_MAX = 1024, HASH_MAX = 128 };
/* Decimal without sign or leading zero, at most max; -1 otherwise. */
int cost_read(const char *, size_t n, uint32_t max, uint32_t *out);
/* As password_verify(), for everything but argon2. */
int foreign_verify(const char *hash, const char *password);
/* password NULL in both: 0 if the hash could be verified. */
int phc_verify(const char *hash, const char *password);

/* jwt_keys.c, jws.c */
struct jwt_key {
	char kid[33];
	enum jwt_alg alg;
	EVP_MAC_CTX *mac;	/* HS256 */
	EVP_PKEY *pkey;		/* EdDSA */
	uint8_t pub[KEY_LEN];
	char *head;		/* encoded header of what we sign */
	size_t nhead;
};

/* Recently verified EdDSA tokens; the slot is chosen by the digest. */
enum { JWS_CACHE = 256 };
struct jws_cache {
	struct {
		uint8_t digest[SHA256_LEN];
		const struct jwt_key *key;	/* NULL: empty */
	} slot[JWS_CACHE];
};

struct jwt_keys {
	struct arena *a;
	struct jwt_key *v;
	size_t n;
	struct jwt_key legacy;	/* mac NULL: none */
	struct utc legacy_until;
	struct jws_cache *cache;
};

enum { JWT_TOKEN_MAX = 8192 };

/* Structure, header and signature. The payload is decoded, not judged. now
 * decides only whether the legacy key is still alive. 0, or -1 with *why. */
int jws_open(const struct jwt_keys *, struct arena *, const char *token,
    struct utc now, char **payload, size_t *npayload, bool *legacy,
    const char **why);
char *jws_seal(const struct jwt_keys *, struct arena *, const char *payload,
    size_t n);

#endif
