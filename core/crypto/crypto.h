/*
 * Cryptography on OpenSSL 3 and libargon2, nothing of our own below the
 * constructions. Comparisons of secrets take constant time.
 */
#ifndef CRYPTO_CRYPTO_H
#define CRYPTO_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"

struct arena;
struct err;

/* ---- digests -------------------------------------------------------- */
enum { SHA256_LEN = 32 };
void crypto_sha256(const void *, size_t, uint8_t out[SHA256_LEN]);
void crypto_hmac_sha256(const void *key, size_t nkey, const void *, size_t,
    uint8_t out[SHA256_LEN]);
bool crypto_equal(const void *, const void *, size_t);
/* Base64 of 32 random bytes: a key for keyring_open() or jwt_keys_open(). */
enum { CRYPTO_KEY_TEXT = 45 };
void crypto_new_key(char out[CRYPTO_KEY_TEXT]);

/* End of validity of the first certificate in a PEM file. */
int crypto_cert_until(const char *path, struct utc *until, struct err *);

/* A certificate that signs messages: PEM text, its only use. now is within
 * its validity, its key is RSA of at least 2048 bits. name: subject common
 * name it must bear, NULL = any. until: end of its validity. -1: 401
 * "certificate". */
int crypto_cert_check(const char *pem, const char *name, struct utc now,
    struct utc *until, struct err *);
/* RSA PKCS #1 v1.5 over SHA-256, or SHA-1 where an old protocol says so. 0
 * good, -1: 401 "signature", or "certificate" when the text is none. */
int crypto_cert_verify(const char *pem, bool sha1, const void *data, size_t n,
    const void *signature, size_t len, struct err *);

/* ---- keyring: AES-256-GCM with rotation ------------------------------ */
struct keyring;

/* spec: one or more keys "id:base64-of-32-bytes" separated by commas or
 * white space, the first is used for new values; a bare key gets an id
 * derived from it. A Fernet key (32 bytes, URL-safe base64) is such a bare
 * key. Anything else (a passphrase, too short) is an error with the way out
 * (`quincunx config --new-key`). */
int keyring_open(struct keyring **, struct arena *, const char *spec,
    struct err *);
/* Identifier of the key that seals, and whether an id is known. */
const char *keyring_primary(const struct keyring *);
bool keyring_has(const struct keyring *, const char *id);
/* Text "v1.<key id>.<base64url(nonce|ciphertext|tag)>". aad binds the value
 * to its place: keyring_aad("spot_account", "secret_key", row id). */
char *keyring_seal(const struct keyring *, struct arena *, const void *,
    size_t, const char *aad);
/* Opens "v1." values and Fernet tokens (imported ones, without aad). Unknown
 * key: status 500, code "key_missing", the key id in cause and detail. */
int keyring_open_value(const struct keyring *, struct arena *,
    const char *sealed, const char *aad, struct blob *out, struct err *);
/* True if the value should be sealed again with the primary key. */
bool keyring_stale(const struct keyring *, const char *sealed);
const char *keyring_aad(struct arena *, const char *table, const char *column,
    struct uuid row);
/* 32 bytes derived from the primary key for a named use (HKDF-SHA256). */
void keyring_derive(const struct keyring *, const char *use,
    uint8_t out[SHA256_LEN]);
/* The same from the key with this id, for what an older primary has signed.
 * -1: the ring has no such key. */
int keyring_derive_by(const struct keyring *, const char *id, const char *use,
    uint8_t out[SHA256_LEN]);

/* ---- sealed streams: AES-256-GCM over a file of any size --------------- */
/* Pieces of STREAM_PIECE bytes, the last one shorter or as long. Bound: the
 * head of the file (into the key), the place of each piece, and which is the
 * last: nothing can be changed, moved, left out or cut off. The head must hold
 * random bytes of its own (a salt), so that no two files share a key. */
enum { STREAM_PIECE = 65536, STREAM_TAG = 16, STREAM_SALT = 16 };
struct sealed_stream {
	uint8_t key[SHA256_LEN];
	uint64_t n;
};
void sealed_stream_begin(struct sealed_stream *, const uint8_t key[SHA256_LEN],
    const void *head, size_t nhead);
/* out holds n + STREAM_TAG bytes. */
void sealed_stream_seal(struct sealed_stream *, const void *, size_t n,
    bool last, uint8_t *out);
/* n with the tag; out holds n - STREAM_TAG bytes. 0, or -1 and the stream
 * stays where it is. */
int sealed_stream_open(struct sealed_stream *, const void *, size_t n,
    bool last, uint8_t *out);
void sealed_stream_end(struct sealed_stream *);
struct password_cost;
/* Key of a passphrase (argon2id). -1: no memory, or a cost out of bounds. */
int passphrase_key(const char *passphrase, const uint8_t salt[STREAM_SALT],
    struct password_cost, uint8_t out[SHA256_LEN], struct err *);

/* ---- Fernet (import only) -------------------------------------------- */
/* key: 32 bytes. ttl_s 0 = no expiry check. -1 on anything irregular. */
int fernet_open(struct arena *, const uint8_t key[32], const char *token,
    int64_t now_s, int64_t ttl_s, struct blob *out);

/* ---- passwords -------------------------------------------------------- */
struct password_cost {
	uint32_t memory_kib, passes, lanes;	/* argon2id */
};
/* PHC string "$argon2id$v=19$…". Costs tens of milliseconds and memory_kib
 * of memory: slow pool only. */
int password_hash(struct arena *, const char *password, struct password_cost,
    const char **out, struct err *);
/* Verifies argon2id, argon2i, bcrypt ($2a$ $2b$ $2y$), crypt(3)'s $5$ and $6$,
 * passlib's $pbkdf2-sha256$, Django's pbkdf2_sha256$, bcrypt$ and argon2$, and
 * Werkzeug's pbkdf2:sha256 and scrypt hashes. 1 match, 0 no match, -1 unknown
 * or damaged hash. */
int password_verify(const char *hash, const char *password);
/* True if password_verify() would compute something: its form, not its costs
 * of computing, is looked at. */
bool password_known(const char *hash);
/* True if the hash is not argon2id with at least this cost. */
bool password_stale(const char *hash, struct password_cost);

/* ---- JWT --------------------------------------------------------------- */
enum jwt_alg { JWT_HS256 = 1, JWT_EDDSA };
struct jwt_keys;

struct jwt_claims {
	const char *iss, *aud;	/* may be NULL */
	const char *sub, *jti, *kind;	/* kind: "access", "refresh", … (typ) */
	const char *tenant, *session, *name, *roles;	/* private claims */
	int64_t iat, exp, nbf, auth_time;	/* seconds; 0 = absent */
	const char *raw;	/* payload JSON text, for foreign tokens */
};

/* spec: keys "kid:alg:base64" separated by commas or spaces, the first signs
 * (HS256: ≥ 32 bytes; EdDSA: 32-byte seed); a bare secret of ≥ 32 bytes is
 * one HS256 key with a derived kid. Shorter secrets are refused. */
int jwt_keys_open(struct jwt_keys **, struct arena *, const char *spec,
    struct err *);
/* A secret of the backend being replaced (≥ 32 bytes): its HS256 tokens, which
 * carry no kid, are accepted until the given instant. kind is compared only
 * if the token has "type", "token_type" or "typ" ("bearer" is "access"); exp
 * may be absent, sub may be a number or an e-mail address. */
int jwt_keys_legacy(struct jwt_keys *, const char *secret, struct utc until,
    struct err *);
/* Compact token signed by the first key, header {alg,kid,typ:"JWT"}. */
char *jwt_sign(const struct jwt_keys *, struct arena *,
    const struct jwt_claims *);
/* Checks structure, canonical base64url, header (alg fixed by the key row,
 * no crit, no duplicate members, jku/jwk/x5u ignored never used), signature,
 * exp, nbf and iat (these two with 60 s leeway), kind when given. aud and iss
 * are handed out for the caller to compare; several aud or roles are joined
 * with commas. *legacy is set when the legacy secret signed it. 0 ok; -1 with
 * status 401 and code "token_expired" or "token_invalid", the exact reason in
 * cause. Claims are written as iss aud sub jti typ tenant sid name roles. */
int jwt_verify(const struct jwt_keys *, struct arena *, const char *token,
    const char *kind, struct utc now, struct jwt_claims *out, bool *legacy,
    struct err *);
/* {"keys":[…]} with the public EdDSA keys only. */
char *jwt_jwks(const struct jwt_keys *, struct arena *);

#endif
