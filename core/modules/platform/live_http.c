/*
 * Tickets for the gateway and the list of its clients. A ticket is made for the
 * credential that a request carried in a header; for a browser's cookie, for an
 * access token of its session.
 */
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/str.h"
#include "http/ctx.h"
#include "http/live.h"
#include "modules/auth/auth.h"
#include "modules/platform/live.h"

struct ticket_out {
	const char *ticket;
	int64_t expires_in;
};
static const struct field ticket_fields[] = {
	FIELD(struct ticket_out, ticket, .doc = "For ?ticket= or a first "
	    "message; good once"),
	FIELD(struct ticket_out, expires_in, .doc = "Seconds to use it"),
	FIELD_END
};
static const struct schema ticket_schema = {
	.name = "LiveTicket", .doc = "Admission to the gateway, once",
	.size = sizeof(struct ticket_out), .fields = ticket_fields
};

static const char *
presented(struct ctx *c)
{
	const char *h = ctx_header(c, "Authorization");

	if (h != NULL && strncasecmp(h, "Bearer ", 7) == 0)
		return h + 7 + strspn(h + 7, " ");
	return ctx_header(c, "X-API-Key");
}

static int
ticket_make(struct ctx *c, const void *in)
{
	const struct platform_live_conf *cf = conf_get(c->env->conf,
	    &platform_live_settings);
	struct ticket_out out = { .expires_in = cf->ticket_s };
	const char *credential = presented(c);

	(void)in;
	if (credential == NULL && auth_bearer(c, &credential) == -1)
		return fail_err(c);
	if (platform_live_ticket_make(c->env, c->a, credential, c->now,
	    &out.ticket, &c->err) == -1)
		return fail_err(c);
	return reply(c, &out);
}

/* ---- clients -------------------------------------------------------------- */

struct page_only {
	struct page_in page;
};
static const struct field page_fields[] = {
	PAGE_LIMIT(struct page_only), PAGE_CURSOR(struct page_only), FIELD_END
};
static const struct schema page_schema = {
	.name = "LiveClientQuery", .doc = "Page of clients",
	.size = sizeof(struct page_only), .fields = page_fields
};

static struct utc
alive_since(struct ctx *c)
{
	return (struct utc){ c->now.us - PLATFORM_LIVE_STALE_S * US_PER_S };
}

static int
client_list(struct ctx *c, const void *in)
{
	const struct page_only *i = in;
	struct uuid after;
	struct rows rows;
	const char *next;

	if (cursor_open_uuid(c, i->page.cursor, &after) == -1)
		return fail_err(c);
	if (platform_live_client_page(c->db, c->a, c->who.tenant_id, after,
	    alive_since(c), i->page.limit + 1, &rows, &c->err) == -1)
		return fail_err(c);
	next = cursor_uuid(c, &rows, i->page.limit,
	    offsetof(struct platform_live_client, id));
	return reply_list(c, &rows, next);
}

static void
client_seed(struct str *s, const struct platform_live_client *k)
{
	char id[40], at[CLOCK_TEXT];
	const char *p = k->subscriptions;

	str_json(s, uuid_format(k->id, id));
	str_addf(s, ":{\"connected_at\":\"%s\",",
	    clock_format(k->connected_at, at));
	str_addf(s, "\"last_ping\":\"%s\",\"subscriptions\":[",
	    clock_format(k->last_ping, at));
	while (*p != '\0') {
		size_t n = strcspn(p, ",");

		str_jsonn(s, p, n);
		p += n + (p[n] == ',');
		if (*p != '\0')
			str_addc(s, ',');
	}
	str_add(s, "],\"remote_addr\":");
	str_json(s, k->remote_addr);
	str_add(s, ",\"user_agent\":");
	str_json(s, k->user_agent);
	str_addc(s, '}');
}

/* The document's shape: an object by client id. */
static int
client_map(struct ctx *c, const void *in)
{
	const struct uuid first = { { 0 } };
	struct rows rows;
	struct str s;

	(void)in;
	if (platform_live_client_page(c->db, c->a, c->who.tenant_id, first,
	    alive_since(c), 1000, &rows, &c->err) == -1)
		return fail_err(c);
	str_init(&s, c->a);
	str_addc(&s, '{');
	for (size_t i = 0; i < rows.n; i++) {
		if (i > 0)
			str_addc(&s, ',');
		client_seed(&s, ROW(&rows, struct platform_live_client, i));
	}
	str_addc(&s, '}');
	return reply_json(c, 200, s.p, s.len);
}

/* ---- endpoints -------------------------------------------------------------- */

struct endpoint_row {
	const char *path, *protocol, *dialect, *seed, *summary, *doc;
};
static const struct field endpoint_fields[] = {
	FIELD(struct endpoint_row, path, .doc = "Where"),
	FIELD(struct endpoint_row, protocol, .oneof = ONEOF("websocket",
	    "sse"), .doc = "How it is spoken to"),
	FIELD(struct endpoint_row, dialect, .doc = "Messages and frames"),
	FIELD(struct endpoint_row, seed, .flags = FF_NULLABLE,
	    .doc = "Document that names it"),
	FIELD(struct endpoint_row, summary, .doc = "What it is for"),
	FIELD(struct endpoint_row, doc, .doc = "How"),
	FIELD_END
};
static const struct schema endpoint_schema = {
	.name = "LiveEndpoint", .doc = "A place where events are pushed",
	.size = sizeof(struct endpoint_row), .fields = endpoint_fields
};

static int
endpoint_list(struct ctx *c, const void *in)
{
	static const char *const dialects[] = { [LIVE_NATIVE] = "native",
	    [LIVE_SEED] = "seed", [LIVE_RUNTIME] = "runtime",
	    [LIVE_SANDBOX] = "sandbox", [LIVE_TICK] = "tick",
	    [LIVE_SSE] = "sse", [LIVE_ECHO] = "echo" };
	struct endpoint_row v[64];
	struct rows rows = { v, 0, &endpoint_schema };

	(void)in;
	for (const struct live_endpoint *e = live_endpoints;
	    e->path != NULL && rows.n < 64; e++)
		v[rows.n++] = (struct endpoint_row){ e->path,
		    live_is_ws(e->dialect) ? "websocket" : "sse",
		    dialects[e->dialect], e->seed, e->summary, e->doc };
	return reply_list(c, &rows, NULL);
}

const struct route platform_live_routes[] = {
	{ .id = "system.live.ticket", .method = HTTP_POST,
	  .path = "/api/system/live/ticket", .auth = AUTH_USER,
	  .permission = "events:read", .out = &ticket_schema, .ok = 200,
	  .flags = R_SECRET | R_TXN, .limit = { 60, 60 },
	  .run = ticket_make, .summary = "One-use ticket for the gateway",
	  .doc = "For clients that cannot send headers: open the WebSocket "
	  "with ?ticket= within the time it is good for." },
	{ .id = "system.live.clients", .method = HTTP_GET,
	  .path = "/api/system/live/clients", .auth = AUTH_USER,
	  .permission = "system:read", .in = &page_schema,
	  .out = &platform_live_client_schema, .ok = 200, .flags = R_LIST,
	  .run = client_list, .summary = "Connected clients of the tenant" },
	{ .id = "system.live.clients_map", .method = HTTP_GET,
	  .path = "/api/websocket/clients", .seed = "003", .auth = AUTH_USER,
	  .permission = "system:read", .ok = 200, .flags = R_TEXT,
	  .media = "application/json", .run = client_map,
	  .summary = "Connected clients by id" },
	{ .id = "system.live.endpoints", .method = HTTP_GET,
	  .path = "/api/system/live/endpoints", .auth = AUTH_USER,
	  .permission = "events:read", .out = &endpoint_schema, .ok = 200,
	  .flags = R_LIST, .run = endpoint_list,
	  .summary = "Where events are pushed, over WebSocket and SSE" },
	ROUTE_END
};
