/*
 * Refresh tokens and back-off, as rules about values. Pure: no database, clock
 * or network. A refresh token is "qr_" and the base64url of session id, number
 * and HMAC; anything else is refused. Invariant: the same session, number and
 * nonce always give the same token, so a racing tab can be handed the current
 * one again although it is stored nowhere.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/codec.h"
#include "crypto/crypto.h"
#include "modules/auth/session.h"

static const char prefix[] = "qr_";
enum { NUMBER_LEN = 8, RAW_LEN = 16 + NUMBER_LEN + SHA256_LEN };

/* session | number, the part that the MAC covers together with the nonce. */
static void
put_head(uint8_t raw[RAW_LEN], struct uuid session, int64_t n)
{
	memcpy(raw, session.b, 16);
	for (int i = 0; i < NUMBER_LEN; i++)
		raw[16 + i] = (uint8_t)((uint64_t)n >> (56 - 8 * i));
}

static void
put_mac(struct arena *a, const uint8_t key[32], struct blob nonce,
    uint8_t raw[RAW_LEN])
{
	size_t head = 16 + NUMBER_LEN;
	uint8_t *text = arena_alloc(a, head + nonce.n);

	memcpy(text, raw, head);
	memcpy(text + head, nonce.p, nonce.n);
	crypto_hmac_sha256(key, 32, text, head + nonce.n, raw + head);
}

const char *
auth_refresh_format(struct arena *a, const uint8_t key[32],
    struct uuid session, int64_t n, struct blob nonce)
{
	uint8_t raw[RAW_LEN];

	put_head(raw, session, n);
	put_mac(a, key, nonce, raw);
	return arena_printf(a, "%s%s", prefix,
	    base64_encode(a, raw, sizeof(raw), true));
}

int
auth_refresh_parse(const char *text, struct uuid *session, int64_t *n)
{
	uint8_t raw[RAW_LEN];
	size_t skip = sizeof(prefix) - 1;
	uint64_t number = 0;

	if (strncmp(text, prefix, skip) != 0 || base64_decode(text + skip,
	    strlen(text + skip), true, false, raw, sizeof(raw)) != RAW_LEN)
		return -1;
	for (int i = 0; i < NUMBER_LEN; i++)
		number = number << 8 | raw[16 + i];
	if (number > INT64_MAX)
		return -1;
	memcpy(session->b, raw, 16);
	*n = (int64_t)number;
	return 0;
}

bool
auth_refresh_genuine(struct arena *a, const uint8_t key[32],
    const char *presented, struct uuid session, int64_t n, struct blob nonce)
{
	const char *ours = auth_refresh_format(a, key, session, n, nonce);
	size_t len = strlen(ours);

	return strlen(presented) == len && crypto_equal(ours, presented, len);
}

enum auth_verdict
auth_refresh_judge(int64_t presented, int64_t current, struct utc used_at,
    struct utc now, bool same_device)
{
	if (presented == current)
		return REFRESH_ROTATE;
	if (presented > current)
		return REFRESH_AHEAD;
	if (presented == current - 1 && same_device &&
	    now.us - used_at.us <= AUTH_REFRESH_GRACE_S * US_PER_S)
		return REFRESH_REPEAT;
	return REFRESH_REUSED;
}

int64_t
auth_backoff_s(int64_t failures, int64_t lock_after)
{
	int64_t over = failures - lock_after;

	if (over < 0)
		return 0;
	return over >= 10 ? AUTH_BACKOFF_MAX_S : INT64_C(1) << over;
}
