/*
 * Who clients are: tickets redeemed, tokens and keys verified by the same
 * hooks as on the HTTP side, and verified again when rights may have changed.
 * What a client may see is a set of topics; the gateway knows no roles.
 */
#include <stdio.h>
#include <string.h>

#include "app/live_proc.h"
#include "base/clock.h"
#include "base/principal.h"
#include "base/random.h"
#include "crypto/crypto.h"
#include "db/env.h"
#include "events/event.h"
#include "modules/auth/access.h"
#include "modules/auth/apikey.h"

struct live_seat *
helper_seat(struct live_helper *h, uint64_t id)
{
	uint32_t slot = (uint32_t)id;

	return slot < h->nseats && h->seats[slot].id == id ?
	    &h->seats[slot] : NULL;
}

static void
wipe(struct live_seat *s)
{
	memset(s, 0, sizeof(*s));
	__asm__ volatile("" : : "r"(s) : "memory");
}

/* ---- verifying --------------------------------------------------------------------- */

static int
verify(struct live_helper *h, const char *text, const char *ip,
    struct principal *who, int64_t *expires_us, struct err *e)
{
	struct utc now = clock_now();
	struct jwt_claims c = { 0 };
	bool legacy;

	*expires_us = 0;
	if (strncmp(text, "qk_", 3) == 0)
		return auth_apikey_verify(h->env, h->db, h->a, text, ip, now,
		    who, e);
	if (auth_access_verify(h->env, h->db, h->a, text, now, who, e) == -1)
		return -1;
	if (jwt_verify(h->env->jwt, h->a, text, "access", now, &c, &legacy,
	    e) == -1)
		return -1;
	*expires_us = c.exp * US_PER_S;
	return 0;
}

static struct live_bits
visible(const struct live_helper *h, const struct principal *who)
{
	struct live_bits b = { { 0 } };

	for (size_t i = 0; i < h->topics->n; i++)
		if (principal_may(who, h->topics->v[i]->permission))
			live_set(&b, i);
	return b;
}

static void
say_refused(struct live_helper *h, uint64_t id, const struct err *e)
{
	link_begin(&h->link, LINK_AUTHED, id);
	link_i64(&h->link, e->status == 0 ? 401 : e->status);
	link_text(&h->link, e->detail);
	link_end(&h->link);
}

static void
say_admitted(struct live_helper *h, uint64_t id, const struct principal *who,
    int64_t expires_us)
{
	struct live_bits see = visible(h, who);

	link_begin(&h->link, LINK_AUTHED, id);
	link_i64(&h->link, 0);
	link_text(&h->link, "");
	link_i64(&h->link, expires_us);
	link_bytes(&h->link, &who->tenant_id, sizeof(who->tenant_id));
	link_bytes(&h->link, &who->user_id, sizeof(who->user_id));
	link_bytes(&h->link, &see, sizeof(see));
	link_end(&h->link);
}

/* A ticket becomes the credential behind it. */
static int
redeem(struct live_helper *h, const char **text, int how, struct err *e)
{
	if (how != LINK_TICKET)
		return 0;
	return platform_live_ticket_use(h->env, h->db, h->a, *text,
	    clock_now(), text, e);
}

static int
may_follow(const struct principal *who, struct err *e)
{
	return principal_may(who, "events:read") ? 0 :
	    err_set(e, 403, "forbidden", "Not permitted");
}

static void
seat_take(struct live_helper *h, struct live_seat *s, uint64_t id,
    const char *credential, const struct principal *who)
{
	(void)h;
	if (s->id != id) {
		wipe(s);
		s->id = id;
		s->row = uuid_new();
		s->since = clock_now();
	}
	s->verified = true;
	s->orphan = false;
	s->tenant = who->tenant_id;
	s->user = who->user_id;
	s->key = who->kind == PRINCIPAL_KEY;
	snprintf(s->name, sizeof(s->name), "%s", who->name);
	/* a longer one cannot be judged again: it ends with this helper */
	snprintf(s->credential, sizeof(s->credential), "%s",
	    strlen(credential) < sizeof(s->credential) ? credential : "");
}

static const struct live_endpoint *
endpoint_row(const char *path)
{
	const struct live_endpoint *e = live_endpoints;

	while (e->path != NULL && strcmp(e->path, path) != 0)
		e++;
	return e;
}

void
helper_auth(struct live_helper *h, struct live_packet *p)
{
	int how = (int)packet_i64(p);
	const char *ip = packet_text(p), *agent = packet_text(p),
	    *path = packet_text(p), *text = packet_text(p);
	uint32_t slot = (uint32_t)p->id;
	struct principal who = { .kind = PRINCIPAL_NONE };
	struct err e = { 0 };
	struct live_seat *s;
	int64_t expires;

	if (p->bad || slot >= h->nseats)
		return;
	s = &h->seats[slot];
	if (redeem(h, &text, how, &e) == -1 || verify(h, text, s->id == p->id ?
	    s->ip : ip, &who, &expires, &e) == -1 ||
	    may_follow(&who, &e) == -1) {
		say_refused(h, p->id, &e);
		return;
	}
	seat_take(h, s, p->id, text, &who);
	if (s->ep == NULL) {
		snprintf(s->ip, sizeof(s->ip), "%s", ip);
		snprintf(s->agent, sizeof(s->agent), "%s", agent);
		s->ep = endpoint_row(path);
		h->nclients++;
	}
	say_admitted(h, p->id, &who, expires);
}

static void
judge(struct live_helper *h, struct live_seat *s)
{
	struct principal who = { .kind = PRINCIPAL_NONE };
	struct err e = { 0 };
	int64_t expires;

	if (s->credential[0] == '\0')
		err_set(&e, 401, "unknown", "Not authenticated");
	if (e.status != 0 || verify(h, s->credential, s->ip, &who, &expires,
	    &e) == -1 || may_follow(&who, &e) == -1)
		say_refused(h, s->id, &e);
	else
		say_admitted(h, s->id, &who, expires);
	arena_reset(h->a);
}

void
helper_recheck(struct live_helper *h, bool keys_only)
{
	for (size_t i = 0; i < h->nseats; i++) {
		struct live_seat *s = &h->seats[i];

		if (s->id != 0 && s->verified && (s->key || !keys_only))
			judge(h, s);
	}
}

/* A client of the helper before: known by its seat, or in the middle of an
 * authentication that was lost with it. */
void
helper_adopt(struct live_helper *h, struct live_packet *p)
{
	struct live_seat *s = helper_seat(h, p->id);
	struct err e = { 0 };

	if (s != NULL && s->verified) {
		s->orphan = false;
		h->nclients++;
		judge(h, s);
		return;
	}
	err_set(&e, 503, "helper", "Try again");
	say_refused(h, p->id, &e);
}

/* Seats of clients that went while there was no helper. */
void
helper_orphans(struct live_helper *h)
{
	for (size_t i = 0; i < h->nseats; i++)
		if (h->seats[i].orphan) {
			helper_unlist(h, &h->seats[i]);
			wipe(&h->seats[i]);
		}
}

void
helper_drop(struct live_helper *h, struct live_packet *p)
{
	struct live_seat *s = helper_seat(h, p->id);

	if (s == NULL)
		return;
	helper_unlist(h, s);
	wipe(s);
	h->nclients--;
}
