/*
 * A client from its first byte to its last: who it is, how long it may stay,
 * whether it is still there. Refuses guests that do not say who they are,
 * users with too many connections, and everybody whose rights have ended.
 */
#include <libwebsockets.h>
#include <stdio.h>
#include <string.h>

#include "app/live_proc.h"
#include "base/clock.h"
#include "base/random.h"
#include "shm/shm.h"

enum { FORCE_S = 10, PAGE_AGAIN_S = 5 };

static const int64_t second = INT64_C(1000000000);

uint64_t
conn_id(const struct live_conn *c)
{
	return (uint64_t)c->gen << 32 | c->slot;
}

struct live_conn *
conn_by_id(struct gateway *g, uint64_t id)
{
	uint32_t slot = (uint32_t)id;
	struct live_conn *c = slot < g->conns.n ? g->conns.v[slot] : NULL;

	return c != NULL && c->gen == (uint32_t)(id >> 32) ? c : NULL;
}

void
conn_open(struct live_conn *c, struct gateway *g, struct lws *wsi,
    const struct live_endpoint *ep, uint64_t entity, bool http)
{
	memset(c, 0, sizeof(*c));
	c->wsi = wsi;
	c->g = g;
	c->ep = ep;
	c->dialect = (uint8_t)ep->dialect;
	c->entity = entity;
	c->http = http;
	c->state = CONN_GUEST;
	c->gen = ++g->gen;
	c->born_ns = c->heard_ns = clock_boot_ns();
	if (g->free.n > 0)
		c->slot = g->free.v[--g->free.n];
	else {
		c->slot = (uint32_t)g->conns.n;
		(void)VEC_ADD(g->a, &g->conns);
	}
	g->conns.v[c->slot] = c;
	g->nconns++;
	g->nguests++;
}

/* Its wsi is about to be freed. */
void
conn_gone(struct live_conn *c)
{
	struct gateway *g = c->g;

	if (c->state == CONN_FREE || g == NULL)
		return;
	conn_unsubscribe(c, c->sub);
	for (int k = 0; k < LIVE_STREAMS; k++)
		if (c->at[k].s != NULL)
			stream_leave(c->at[k].s, c);
	if (c->asked) {
		link_begin(&g->link, LINK_DROP, conn_id(c));
		link_end(&g->link);
		link_push(g);
	}
	arena_free(c->in_a);
	arena_free(c->wait_a);
	c->in_a = c->wait_a = NULL;
	c->state = CONN_FREE;
	g->conns.v[c->slot] = NULL;
	*VEC_ADD(g->a, &g->free) = c->slot;
	g->nconns--;
	if (!c->authed)
		g->nguests--;
}

/* The close frame goes out when the client can take it; a client that cannot
 * is cut off after a while. */
void
conn_close(struct live_conn *c, uint16_t code, const char *text)
{
	if (c->state == CONN_CLOSING || c->state == CONN_FREE)
		return;
	if (c->http && c->head_sent) {
		char json[120];
		int n = snprintf(json, sizeof(json), "{\"type\":\"close\","
		    "\"code\":%u,\"reason\":\"%s\"}", code, text);

		conn_say(c, "close", json, (size_t)n);
	}
	conn_unsubscribe(c, c->sub);
	c->state = CONN_CLOSING;
	c->close_code = code;
	c->close_text = text;
	c->close_ns = clock_boot_ns();
	lws_callback_on_writable(c->wsi);
}

/* ---- who it is ------------------------------------------------------------------ */

void
conn_authenticate(struct live_conn *c, int how, const char *credential,
    const char *ip, const char *agent)
{
	struct live_link *l = &c->g->link;

	if (c->state == CONN_GUEST)
		c->state = CONN_ASKED;
	c->asked = true;
	link_begin(l, LINK_AUTH, conn_id(c));
	link_i64(l, how);
	link_text(l, ip);
	link_text(l, agent);
	link_text(l, c->ep->path);
	link_text(l, credential);
	link_end(l);
	link_push(c->g);
}

static bool
too_many(const struct live_conn *c)
{
	const struct gateway *g = c->g;
	int64_t user = 0, tenant = 0;

	if (g->conf->clients_per_user == 0 &&
	    g->conf->clients_per_tenant == 0)
		return false;
	for (size_t i = 0; i < g->conns.n; i++) {
		const struct live_conn *o = g->conns.v[i];

		if (o == NULL || !o->authed || o->state == CONN_CLOSING)
			continue;
		user += uuid_equal(o->user, c->user);
		tenant += uuid_equal(o->tenant, c->tenant);
	}
	return (g->conf->clients_per_user > 0 &&
	    user > g->conf->clients_per_user) ||
	    (g->conf->clients_per_tenant > 0 &&
	    tenant > g->conf->clients_per_tenant);
}

/* Rights that were taken away: what was asked for by name ends the
 * connection, what a pattern brought in just ends. */
static void
rights_changed(struct live_conn *c, struct live_bits see)
{
	struct live_bits lost = live_without(c->named, see);

	c->see = see;
	if (!live_none(&lost))
		conn_close(c, 4403, "not permitted any more");
}

static void
refused(struct live_conn *c, int64_t status, const char *sentence)
{
	bool forbidden = status == 403;

	if (status == 503 && c->authed)
		return;			/* not known is not revoked */
	if (c->http && !c->head_sent) {
		live_http_refuse(c->wsi, (int)status, sentence);
		c->state = CONN_CLOSING;
		c->close_ns = clock_boot_ns();
		lws_callback_on_writable(c->wsi);
		return;
	}
	conn_close(c, status == 503 ? 1013 : forbidden ? 4403 : 4401,
	    status == 503 ? "try again later" : forbidden ?
	    "not permitted" : "not authenticated");
}

static void
admitted(struct live_conn *c)
{
	c->state = CONN_READY;
	c->authed = true;
	c->g->nguests--;
	if (too_many(c)) {
		if (c->http && !c->head_sent)
			refused(c, 429, "Too many connections");
		else
			conn_close(c, 4429, "too many connections");
		return;
	}
	if (c->http)
		live_sse_head(c);
	conn_hello(c);
	conn_default_topics(c);
	conn_waiting(c);
}

void
conn_authed(struct live_conn *c, struct live_packet *in)
{
	int64_t status = packet_i64(in), expires;
	const struct uuid *tenant, *user;
	const struct live_bits *see;
	const char *sentence;

	sentence = packet_text(in);
	if (c->state == CONN_CLOSING)
		return;
	if (status != 0) {
		refused(c, status, sentence);
		return;
	}
	expires = packet_i64(in);
	tenant = packet_bytes(in, sizeof(*tenant));
	user = packet_bytes(in, sizeof(*user));
	see = packet_bytes(in, sizeof(*see));
	if (in->bad)
		return;
	if (c->authed && (memcmp(&c->tenant, tenant, sizeof(*tenant)) != 0 ||
	    memcmp(&c->user, user, sizeof(*user)) != 0)) {
		conn_close(c, 4403, "another user");
		return;
	}
	c->expires_us = expires;
	if (c->authed) {
		struct live_bits bits;

		memcpy(&bits, see, sizeof(bits));
		rights_changed(c, bits);
		return;
	}
	memcpy(&c->tenant, tenant, sizeof(c->tenant));
	memcpy(&c->user, user, sizeof(c->user));
	memcpy(&c->see, see, sizeof(c->see));
	admitted(c);
}

/* ---- each second ------------------------------------------------------------------ */

static void
send_ping(struct live_conn *c)
{
	/* with a byte: libwebsockets tells nothing of an empty pong */
	static const uint8_t ping[3] = { 0x89, 1, 'q' };

	if (c->http)
		conn_out(c, ": ping\n\n", 8);
	else
		conn_out(c, ping, sizeof(ping));
}

/* A blocked client is alive if it takes something; one that answers nothing
 * through two pings is not. SSE clients never answer: they are gone when
 * nothing can be sent for as long. */
static void
alive(struct live_conn *c, int64_t now)
{
	int64_t ping = c->g->conf->ping_s * second;

	if (c->blocked) {
		if (now - c->blocked_ns > 2 * ping)
			conn_close(c, 4001, "nothing read");
		return;
	}
	if (now - c->heard_ns < ping * (c->missed + 1))
		return;
	if (c->missed >= 2 && !c->http) {
		conn_close(c, 1001, "no answer");
		c->close_ns = now - FORCE_S * second;	/* nobody there */
		return;
	}
	if (c->http)
		c->heard_ns = now;
	else
		c->missed++;
	send_ping(c);
}

static void
closing(struct live_conn *c, int64_t now)
{
	if (now - c->close_ns > FORCE_S * second)
		lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_REASON_BASE,
		    LWS_TO_KILL_ASYNC);
}

void
conn_second(struct live_conn *c, int64_t now)
{
	const struct platform_live_conf *cf = c->g->conf;

	if (c->state == CONN_CLOSING) {
		closing(c, now);
		return;
	}
	if ((c->state == CONN_GUEST || c->state == CONN_ASKED) &&
	    c->dialect != LIVE_ECHO) {
		if (now - c->born_ns > cf->auth_wait_s * second)
			refused(c, c->state == CONN_ASKED ? 503 : 401,
			    "Not authenticated");
		return;
	}
	if (c->expires_us != 0 && clock_now().us >= c->expires_us) {
		conn_close(c, 4401, "token expired");
		return;
	}
	if (c->ep->status_s > 0 && now >= c->next_status_ns) {
		c->next_status_ns = now + c->ep->status_s * second;
		conn_status(c);
	}
	if (c->page_ns != 0 && now - c->page_ns > PAGE_AGAIN_S * second) {
		c->page_ns = 0;		/* the database was away */
		conn_page_next(c);
	}
	alive(c, now);
}
