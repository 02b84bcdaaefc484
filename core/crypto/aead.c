/*
 * AES-256-GCM with a 12-byte nonce, nothing else. Plain text is handed out
 * only after the tag has matched; after a mismatch the buffer is wiped.
 */
#include <limits.h>

#include <openssl/crypto.h>

#include "base/check.h"
#include "crypto/internal.h"

/* Per-process singletons: the fetched cipher and one context. */
static EVP_CIPHER *aes_gcm;
static EVP_CIPHER_CTX *gcm_ctx;

static void
gcm_start(void)
{
	if (aes_gcm == NULL) {
		aes_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
		gcm_ctx = EVP_CIPHER_CTX_new();
		ASSERT(aes_gcm != NULL && gcm_ctx != NULL);
	}
}

void
gcm_seal(const uint8_t key[KEY_LEN], const uint8_t nonce[GCM_NONCE],
    const char *aad, size_t naad, const void *p, size_t n, uint8_t *out)
{
	int done = 0, last = 0;

	gcm_start();
	ASSERT(n <= INT_MAX - GCM_TAG && naad <= INT_MAX);
	ASSERT(EVP_EncryptInit_ex2(gcm_ctx, aes_gcm, key, nonce, NULL) == 1);
	ASSERT(naad == 0 || EVP_EncryptUpdate(gcm_ctx, NULL, &done,
	    (const unsigned char *)aad, (int)naad) == 1);
	done = 0;
	ASSERT(n == 0 || EVP_EncryptUpdate(gcm_ctx, out, &done, p,
	    (int)n) == 1);
	ASSERT(EVP_EncryptFinal_ex(gcm_ctx, out + done, &last) == 1 &&
	    (size_t)(done + last) == n);
	ASSERT(EVP_CIPHER_CTX_ctrl(gcm_ctx, EVP_CTRL_AEAD_GET_TAG, GCM_TAG,
	    out + n) == 1);
	EVP_CIPHER_CTX_reset(gcm_ctx);
}

int
gcm_open(const uint8_t key[KEY_LEN], const uint8_t nonce[GCM_NONCE],
    const char *aad, size_t naad, const uint8_t *sealed, size_t n,
    uint8_t *out)
{
	uint8_t tag[GCM_TAG];
	int done = 0, last = 0, ok;
	size_t i;

	gcm_start();
	if (n < GCM_TAG || n > INT_MAX || naad > INT_MAX)
		return -1;
	n -= GCM_TAG;
	for (i = 0; i < GCM_TAG; i++)
		tag[i] = sealed[n + i];
	ok = EVP_DecryptInit_ex2(gcm_ctx, aes_gcm, key, nonce, NULL) == 1 &&
	    (naad == 0 || EVP_DecryptUpdate(gcm_ctx, NULL, &done,
	    (const unsigned char *)aad, (int)naad) == 1) &&
	    (n == 0 || EVP_DecryptUpdate(gcm_ctx, out, &done, sealed,
	    (int)n) == 1) &&
	    EVP_CIPHER_CTX_ctrl(gcm_ctx, EVP_CTRL_AEAD_SET_TAG, GCM_TAG,
	    tag) == 1 &&
	    EVP_DecryptFinal_ex(gcm_ctx, out + n, &last) == 1;
	EVP_CIPHER_CTX_reset(gcm_ctx);
	if (!ok)
		OPENSSL_cleanse(out, n);
	return ok ? 0 : -1;
}
