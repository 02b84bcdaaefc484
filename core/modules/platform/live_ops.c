/*
 * Tickets, and whether the gateway is there. A ticket holds the credential of
 * whoever asked for it, sealed and bound to the ticket's digest: redeeming it
 * is then the same as presenting the credential, with all that follows from
 * expiry and revocation. Refuses a second use.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/random.h"
#include "crypto/crypto.h"
#include "modules/platform/live.h"
#include "shm/shm.h"

enum { BEAT_MS = 5000 };

static const char *
aad(struct arena *a, const uint8_t hash[32])
{
	char hex[65];

	return arena_printf(a, "platform_live_ticket/credential/%s",
	    hex_encode(hash, 32, hex));
}

int
platform_live_ticket_make(struct env *env, struct arena *a,
    const char *credential, struct utc now, const char **ticket,
    struct err *e)
{
	const struct platform_live_conf *cf = conf_get(env->conf,
	    &platform_live_settings);
	char *text = arena_alloc(a, PLATFORM_TICKET_TEXT);
	uint8_t raw[32], hash[32];
	struct platform_live_ticket t = { .hash = { hash, sizeof(hash) },
	    .expires_at = { now.us + cf->ticket_s * US_PER_S } };

	random_bytes(raw, sizeof(raw));
	platform_live_ticket_format(raw, text);
	platform_live_ticket_hash(text, hash);
	t.credential = keyring_seal(env->keys, a, credential,
	    strlen(credential), aad(a, hash));
	*ticket = text;
	if (platform_live_ticket_expire(env->db, now, e) == -1)
		return -1;
	return platform_live_ticket_insert(env->db, &t, e);
}

static int
refuse(struct err *e)
{
	return err_set(e, 401, "ticket_invalid",
	    "The ticket is unknown, used or expired");
}

int
platform_live_ticket_use(struct env *env, struct db *db, struct arena *a,
    const char *ticket, struct utc now, const char **credential,
    struct err *e)
{
	uint8_t hash[32];
	struct blob h = { hash, sizeof(hash) }, open;
	struct platform_live_ticket t;
	uint64_t n = 0;
	int rc;

	if (platform_live_ticket_hash(ticket, hash) == -1)
		return refuse(e);
	rc = platform_live_ticket_get(db, a, h, now, &t, e);
	if (rc != 0)
		return rc == 1 ? refuse(e) : -1;
	if (platform_live_ticket_delete(db, h, &n, e) == -1)
		return -1;
	if (n != 1)
		return refuse(e);	/* somebody was faster */
	if (keyring_open_value(env->keys, a, t.credential, aad(a, hash),
	    &open, e) == -1)
		return -1;
	*credential = arena_strndup(a, open.p, open.n);
	return 0;
}

void
platform_live_probe(struct env *env, struct probe *p)
{
	uint64_t at = 0, n = env->shm == NULL ? 0 :
	    shm_word_get(env->shm, platform_live_beat, &at);

	if (at != 0 && clock_boot_ns() - (int64_t)at < BEAT_MS * 1000000L) {
		snprintf(p->detail, sizeof(p->detail), "%llu clients",
		    (unsigned long long)n);
		return;
	}
	/* a host that never had one lacks nothing that it was given */
	p->state = at == 0 ? PROBE_DISABLED : PROBE_DEGRADED;
	snprintf(p->detail, sizeof(p->detail), "quincunx-live does not run "
	    "here: clients poll /api/system/events");
}
