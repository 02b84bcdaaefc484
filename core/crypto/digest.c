/*
 * SHA-256, HMAC, HKDF and the judgement of key texts. OpenSSL's algorithm
 * objects are fetched once for the process (a fetch costs more than a short
 * digest) and kept until it ends; nothing secret stays in them.
 */
#include <string.h>
#include <strings.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "base/check.h"
#include "base/codec.h"
#include "base/random.h"
#include "crypto/internal.h"

/* Per-process singletons: the fetched algorithms and one digest context. */
static EVP_MD *sha256;
static EVP_MD_CTX *sha256_ctx;
static EVP_MAC *hmac;

void
crypto_sha256(const void *p, size_t n, uint8_t out[SHA256_LEN])
{
	if (sha256 == NULL) {
		sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
		sha256_ctx = EVP_MD_CTX_new();
		ASSERT(sha256 != NULL && sha256_ctx != NULL);
	}
	ASSERT(EVP_DigestInit_ex2(sha256_ctx, sha256, NULL) == 1 &&
	    EVP_DigestUpdate(sha256_ctx, p, n) == 1 &&
	    EVP_DigestFinal_ex(sha256_ctx, out, NULL) == 1);
}

EVP_MAC_CTX *
hmac_context(const void *key, size_t nkey)
{
	char name[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
		OSSL_PARAM_END
	};
	EVP_MAC_CTX *ctx;

	if (hmac == NULL)
		hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	ASSERT(hmac != NULL);
	ctx = EVP_MAC_CTX_new(hmac);
	ASSERT(ctx != NULL && EVP_MAC_init(ctx, nkey > 0 ? key : "", nkey,
	    params) == 1);
	return ctx;
}

void
hmac_with(EVP_MAC_CTX *ctx, const void *p, size_t n, uint8_t out[SHA256_LEN])
{
	size_t got = 0;

	ASSERT(EVP_MAC_init(ctx, NULL, 0, NULL) == 1 &&
	    EVP_MAC_update(ctx, p, n) == 1 &&
	    EVP_MAC_final(ctx, out, &got, SHA256_LEN) == 1 &&
	    got == SHA256_LEN);
}

void
crypto_hmac_sha256(const void *key, size_t nkey, const void *p, size_t n,
    uint8_t out[SHA256_LEN])
{
	EVP_MAC_CTX *ctx = hmac_context(key, nkey);

	hmac_with(ctx, p, n, out);
	EVP_MAC_CTX_free(ctx);
}

bool
crypto_equal(const void *a, const void *b, size_t n)
{
	return CRYPTO_memcmp(a, b, n) == 0;
}

void
hkdf_sha256(const uint8_t key[KEY_LEN], const char *info,
    uint8_t out[SHA256_LEN])
{
	char name[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_string(OSSL_KDF_PARAM_DIGEST, name, 0),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_KEY,
		    (void *)(uintptr_t)key, KEY_LEN),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_INFO,
		    (void *)(uintptr_t)info, strlen(info)),
		OSSL_PARAM_END
	};
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);

	ASSERT(ctx != NULL && EVP_KDF_derive(ctx, out, SHA256_LEN,
	    params) == 1);
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
}

void
crypto_new_key(char out[CRYPTO_KEY_TEXT])
{
	uint8_t key[KEY_LEN];

	random_bytes(key, sizeof(key));
	EVP_EncodeBlock((unsigned char *)out, key, sizeof(key));
	OPENSSL_cleanse(key, sizeof(key));
}

long
key_text_decode(const char *p, size_t n, uint8_t *out, size_t cap)
{
	bool url = n % 4 != 0 || memchr(p, '-', n) != NULL ||
	    memchr(p, '_', n) != NULL;

	return base64_decode(p, n, url, true, out, cap);
}

int
key_decode(const char *p, size_t n, uint8_t out[KEY_LEN])
{
	uint8_t buf[KEY_LEN + 4];
	long got = -1;

	if (n == 43 || n == 44)
		got = key_text_decode(p, n, buf, sizeof(buf));
	if (got == KEY_LEN)
		memcpy(out, buf, KEY_LEN);
	OPENSSL_cleanse(buf, sizeof(buf));
	return got == KEY_LEN ? 0 : -1;
}

bool
spec_separator(char c)
{
	return c == ',' || c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool
key_id_ok(const char *p, size_t n)
{
	size_t i;

	if (n == 0 || n > 32)
		return false;
	for (i = 0; i < n; i++)
		if (p[i] == '\0' || strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		    "abcdefghijklmnopqrstuvwxyz0123456789_-", p[i]) == NULL)
			return false;
	return true;
}

/* Case-blind search for a lower-case word with '-' matching any of " _-". */
static bool
holds_word(const char *p, size_t n, const char *word)
{
	size_t i, j, len = strlen(word);
	char c;

	for (i = 0; i + len <= n; i++) {
		for (j = 0; j < len; j++) {
			c = p[i + j];
			if (c >= 'A' && c <= 'Z')
				c = (char)(c - 'A' + 'a');
			if (c == ' ' || c == '_')
				c = '-';
			if (c != word[j])
				break;
		}
		if (j == len)
			return true;
	}
	return false;
}

bool
secret_weak(const void *secret, size_t n)
{
	static const char *const known[] = { "changeme", "change-me",
	    "change-this", "change-in-prod", "your-secret", "your-jwt",
	    "secret-key-here", "secretkeyhere", "your-super-secret" };
	const unsigned char *p = secret;
	bool seen[256] = { false };
	size_t i, different = 0;

	for (i = 0; i < n; i++)
		if (!seen[p[i]]) {
			seen[p[i]] = true;
			different++;
		}
	if (different < 8)
		return true;
	for (i = 0; i < NITEMS(known); i++)
		if (holds_word(secret, n, known[i]))
			return true;
	return false;
}
