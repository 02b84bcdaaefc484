/*
 * The seal of one audit row: an HMAC over the seal before it and the row in a
 * canonical form where every member is preceded by its length, so that no two
 * rows have the same form. Pure.
 */
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "crypto/crypto.h"
#include "modules/auth/audit.h"

static void
add_bytes(struct str *s, const void *p, size_t n)
{
	uint8_t len[4] = { (uint8_t)(n >> 24), (uint8_t)(n >> 16),
	    (uint8_t)(n >> 8), (uint8_t)n };

	str_addn(s, len, sizeof(len));
	str_addn(s, p, n);
}

/* Absent and empty differ: an absent text has a length no text has. */
static void
add_text(struct str *s, const char *text)
{
	static const uint8_t absent[4] = { 0xff, 0xff, 0xff, 0xff };

	if (text == NULL)
		str_addn(s, absent, sizeof(absent));
	else
		add_bytes(s, text, strlen(text));
}

static void
add_number(struct str *s, int64_t n)
{
	uint8_t b[8];

	for (int i = 0; i < 8; i++)
		b[i] = (uint8_t)((uint64_t)n >> (56 - 8 * i));
	add_bytes(s, b, sizeof(b));
}

void
auth_audit_chain(struct arena *a, const uint8_t key[32],
    const uint8_t prev[AUTH_SEAL_LEN], const struct auth_audit_row *r,
    int64_t seq, uint8_t out[AUTH_SEAL_LEN])
{
	struct str s;

	str_init(&s, a);
	str_reserve(&s, 512);
	str_addn(&s, prev, AUTH_SEAL_LEN);
	add_number(&s, seq);
	add_bytes(&s, r->id.b, sizeof(r->id.b));
	add_bytes(&s, r->tenant_id.b, sizeof(r->tenant_id.b));
	add_number(&s, r->at.us);
	add_text(&s, r->actor_kind);
	add_bytes(&s, r->actor_id.b, sizeof(r->actor_id.b));
	add_text(&s, r->actor);
	add_text(&s, r->action);
	add_number(&s, r->status);
	add_text(&s, r->target_kind);
	add_text(&s, r->target_id);
	add_text(&s, r->detail.p);
	add_text(&s, r->request_id);
	add_text(&s, r->ip);
	crypto_hmac_sha256(key, 32, s.p, s.len, out);
}
