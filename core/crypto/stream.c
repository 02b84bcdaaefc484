/*
 * Files sealed in pieces. Invariant: a key seals one file only (the head with
 * its salt is hashed into it), so the nonce is the number of the piece and a
 * bit for the last one; plain text of a piece is handed out only after its
 * tag has matched.
 */
#include <string.h>

#include <openssl/crypto.h>

#include "crypto/internal.h"

void
sealed_stream_begin(struct sealed_stream *s, const uint8_t key[SHA256_LEN],
    const void *head, size_t nhead)
{
	crypto_hmac_sha256(key, SHA256_LEN, head, nhead, s->key);
	s->n = 0;
}

static void
nonce_of(const struct sealed_stream *s, bool last, uint8_t out[GCM_NONCE])
{
	memset(out, 0, GCM_NONCE);
	for (int i = 0; i < 8; i++)
		out[i] = (uint8_t)(s->n >> (56 - 8 * i));
	out[GCM_NONCE - 1] = last;
}

void
sealed_stream_seal(struct sealed_stream *s, const void *p, size_t n,
    bool last, uint8_t *out)
{
	uint8_t nonce[GCM_NONCE];

	nonce_of(s, last, nonce);
	gcm_seal(s->key, nonce, NULL, 0, p, n, out);
	s->n++;
}

int
sealed_stream_open(struct sealed_stream *s, const void *p, size_t n,
    bool last, uint8_t *out)
{
	uint8_t nonce[GCM_NONCE];

	nonce_of(s, last, nonce);
	if (n < STREAM_TAG || gcm_open(s->key, nonce, NULL, 0, p, n, out) != 0)
		return -1;
	s->n++;
	return 0;
}

void
sealed_stream_end(struct sealed_stream *s)
{
	OPENSSL_cleanse(s, sizeof(*s));
}
