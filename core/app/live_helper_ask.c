/*
 * request_data: the documents' clients ask for a snapshot over the socket. It
 * is the answer of a GET route, with the client's own credential and rights;
 * a part that is not installed answers as the document says.
 */
#include <string.h>

#include "app/live_proc.h"
#include "db/env.h"
#include "http/http.h"
#include "modules/auth/auth.h"

static const struct source {
	const char *type, *path;
} sources[] = {
	{ "agent_status", "/api/agents/status" },
	{ "task_statistics", "/api/tasks/status" },
	{ "metrics_snapshot", "/api/metrics/system" },
	{ "coordination_status", "/api/coordination/status" },
	{ "job_updates", "/api/system/jobs" },
	{ "system_status", "/health" },
	{ NULL, NULL }
};

struct exchange_state {
	const struct live_seat *seat;
	const char *path, *bearer;
	struct str out;
};

static const char *
ask_param(void *t, const char *name)
{
	const struct exchange_state *x = t;
	const bool key = strncmp(x->seat->credential, "qk_", 3) == 0;

	if (strcmp(name, "REQUEST_METHOD") == 0)
		return "GET";
	if (strcmp(name, "REQUEST_URI") == 0)
		return x->path;
	if (strcmp(name, "QUERY_STRING") == 0)
		return "";
	if (strcmp(name, "SERVER_PROTOCOL") == 0)
		return "HTTP/1.1";
	if (strcmp(name, "REMOTE_ADDR") == 0 ||
	    strcmp(name, "QX_CLIENT_IP") == 0)
		return x->seat->ip;
	if (strcmp(name, "HTTP_AUTHORIZATION") == 0)
		return key ? NULL : x->bearer;
	if (strcmp(name, "HTTP_X_API_KEY") == 0)
		return key ? x->seat->credential : NULL;
	return NULL;
}

static size_t
ask_count(void *t, const char *name)
{
	return ask_param(t, name) != NULL;
}

static long
ask_read(void *t, void *buf, size_t n)
{
	(void)t;
	(void)buf;
	(void)n;
	return 0;
}

static int
ask_write(void *t, const void *buf, size_t n)
{
	struct exchange_state *x = t;

	str_addn(&x->out, buf, n);
	return 0;
}

/* Body of the reply, if it was good. */
static const char *
answer(const struct str *out)
{
	const char *body = strstr(out->p, "\r\n\r\n");

	if (body == NULL || strncmp(out->p, "Status: 200", 11) != 0 ||
	    (body[4] != '{' && body[4] != '['))
		return NULL;
	return body + 4;
}

void
helper_ask(struct live_helper *h, struct live_packet *p)
{
	const char *type = packet_text(p), *body = NULL;
	struct live_seat *s = helper_seat(h, p->id);
	struct exchange_state x = { .seat = s };
	struct transport t = { ask_param, ask_count, ask_read, ask_write, &x };
	const struct source *src = sources;
	struct err e = { 0 };
	struct str json;

	if (p->bad || s == NULL)
		return;
	while (src->type != NULL && strcmp(src->type, type) != 0)
		src++;
	if (h->http == NULL && http_open(&h->http, h->env, &auth_http_hooks,
	    &e) == -1)
		h->http = NULL;
	str_init(&x.out, h->a);
	if (src->type != NULL && h->http != NULL) {
		struct arena *request = arena_new(64 << 20);

		x.path = src->path;
		x.bearer = arena_printf(h->a, "Bearer %s", s->credential);
		http_serve(h->http, &t, POOL_API, request);
		arena_free(request);
		body = answer(&x.out);
	}
	str_init(&json, h->a);
	str_add(&json, ",\"request_type\":");
	str_json(&json, type);
	str_add(&json, ",\"data\":");
	if (body != NULL)
		str_add(&json, body);
	else
		str_addf(&json, "{\"error\":\"%s\"}", src->type == NULL ?
		    "Unknown request type" : "Service not available");
	link_begin(&h->link, LINK_DATA, p->id);
	link_text(&h->link, json.p);
	link_end(&h->link);
}
