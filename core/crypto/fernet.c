/*
 * Fernet tokens of a backend being replaced: HMAC-SHA256 over
 * 0x80|time|IV|AES-128-CBC, the first half of the key signs, the second
 * encrypts. Opening only; the MAC is checked before a byte is decrypted.
 */
#include <string.h>

#include <openssl/crypto.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/codec.h"
#include "crypto/internal.h"

enum {
	F_HEAD = 1 + 8 + 16,		/* version, time, IV */
	F_MIN = F_HEAD + 16 + SHA256_LEN,
	F_SKEW_S = 60
};

static int
cbc_open(const uint8_t key[16], const uint8_t iv[16], const uint8_t *p,
    size_t n, uint8_t *out, size_t *nout)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int done = 0, last = 0, ok;

	ASSERT(ctx != NULL);
	ok = EVP_DecryptInit_ex2(ctx, EVP_aes_128_cbc(), key, iv, NULL) == 1 &&
	    EVP_DecryptUpdate(ctx, out, &done, p, (int)n) == 1 &&
	    EVP_DecryptFinal_ex(ctx, out + done, &last) == 1;
	EVP_CIPHER_CTX_free(ctx);
	*nout = (size_t)(done + last);
	return ok ? 0 : -1;
}

static bool
time_ok(const uint8_t *raw, int64_t now_s, int64_t ttl_s)
{
	uint64_t t = 0;
	int i;

	for (i = 0; i < 8; i++)
		t = t << 8 | raw[1 + i];
	if (t > INT64_MAX / 2)
		return false;
	if (ttl_s == 0)
		return true;
	return (int64_t)t <= now_s + F_SKEW_S && (int64_t)t + ttl_s >= now_s;
}

int
fernet_open(struct arena *a, const uint8_t key[32], const char *token,
    int64_t now_s, int64_t ttl_s, struct blob *out)
{
	uint8_t mac[SHA256_LEN], *raw, *plain;
	size_t n = strlen(token), len, nplain;
	long got;

	if (n > (1 << 24))
		return -1;
	raw = arena_alloc(a, n + 1);
	got = base64_decode(token, n, true, true, raw, n);
	if (got < F_MIN || (got - F_MIN) % 16 != 0 || raw[0] != 0x80)
		return -1;
	len = (size_t)got - SHA256_LEN;
	crypto_hmac_sha256(key, 16, raw, len, mac);
	if (!crypto_equal(mac, raw + len, SHA256_LEN) ||
	    !time_ok(raw, now_s, ttl_s))
		return -1;
	plain = arena_alloc(a, len - F_HEAD + 17);
	if (cbc_open(key + 16, raw + 9, raw + F_HEAD, len - F_HEAD, plain,
	    &nplain) != 0)
		return -1;
	plain[nplain] = '\0';
	*out = (struct blob){ plain, nplain };
	return 0;
}
