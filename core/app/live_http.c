/*
 * The HTTP request in front of a connection: which endpoint, from which
 * page, with which credential. Refuses pages of other hosts (a browser sends
 * cookies along with a WebSocket, which is why none are looked at), upgrades
 * to anything but WebSocket, and more clients than configured. The address of
 * the client is the last entry of X-Forwarded-For: the web server's own.
 */
#include <libwebsockets.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "app/live_proc.h"
#include "base/clock.h"
#include "base/codec.h"
#include "conf/conf.h"
#include "db/env.h"
#include "http/http.h"
#include "shm/shm.h"

enum { TEXT = 4096, GUESTS = 64 };

static const char *
header(struct gateway *g, struct lws *wsi, enum lws_token_indexes h)
{
	int n = lws_hdr_total_length(wsi, h);
	char *s;

	if (n <= 0)
		return NULL;
	s = arena_alloc(g->scratch, (size_t)n + 1);
	return lws_hdr_copy(wsi, s, n + 1, h) > 0 ? s : NULL;
}

/* name in lower case, with the colon */
static const char *
custom(struct gateway *g, struct lws *wsi, const char *name)
{
	int len = (int)strlen(name), n;
	char *s;

	n = lws_hdr_custom_length(wsi, name, len);
	if (n <= 0)
		return NULL;
	s = arena_alloc(g->scratch, (size_t)n + 1);
	return lws_hdr_custom_copy(wsi, s, n + 1, name, len) > 0 ? s : NULL;
}

/* Member of the query string; libwebsockets has decoded it. */
static const char *
query(struct gateway *g, struct lws *wsi, const char *name)
{
	char buf[TEXT], arg[32];
	const char *v;

	snprintf(arg, sizeof(arg), "%s=", name);
	v = lws_get_urlarg_by_name(wsi, arg, buf, sizeof(buf));

	return v == NULL || *v == '\0' ? NULL : arena_strdup(g->scratch, v);
}

/* ---- refusing ------------------------------------------------------------------ */

static const char *
reason(int status)
{
	switch (status) {
	case 400: return "Bad Request";
	case 401: return "Unauthorized";
	case 403: return "Forbidden";
	case 404: return "Not Found";
	case 426: return "Upgrade Required";
	case 429: return "Too Many Requests";
	default: return "Service Unavailable";
	}
}

void
live_http_refuse(struct lws *wsi, int status, const char *detail)
{
	unsigned char out[LWS_PRE + 800];
	char body[300];
	int n, k;

	k = snprintf(body, sizeof(body), "{\"detail\":\"%.200s\"}", detail);
	n = snprintf((char *)out + LWS_PRE, sizeof(out) - LWS_PRE,
	    "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\n%s%s"
	    "Content-Length: %d\r\nConnection: close\r\n\r\n%s", status,
	    reason(status), status == 401 ? "WWW-Authenticate: Bearer\r\n" :
	    "", status == 426 ? "Upgrade: websocket\r\n" : status >= 429 ?
	    "Retry-After: 2\r\n" : "", k, body);
	lws_write(wsi, out + LWS_PRE, (size_t)n, LWS_WRITE_HTTP);
}

/* ---- origin ----------------------------------------------------------------------- */

static bool
listed(const char *const *v, const char *origin)
{
	for (; v != NULL && *v != NULL; v++)
		if (strcmp(*v, "*") == 0 || strcasecmp(*v, origin) == 0)
			return true;
	return false;
}

/* Absent: no browser. The same host: the page is ours. */
static bool
origin_good(struct gateway *g, struct lws *wsi)
{
	const char *origin = header(g, wsi, WSI_TOKEN_ORIGIN);
	const char *host = header(g, wsi, WSI_TOKEN_HOST), *p;
	const struct http_conf *cf = conf_get(g->env->conf, &http_settings);
	size_t n;

	if (origin == NULL)
		return true;
	if (listed(g->conf->origins, origin) || listed(cf->cors, origin))
		return true;
	n = strlen(origin);
	if (strncasecmp(cf->public_url, origin, n) == 0 &&
	    (cf->public_url[n] == '\0' || cf->public_url[n] == '/'))
		return true;
	p = strstr(origin, "://");
	return p != NULL && host != NULL && strcasecmp(p + 3, host) == 0;
}

/* ---- where to ---------------------------------------------------------------------- */

static const struct live_endpoint *
endpoint(struct gateway *g, struct lws *wsi, const char **entity)
{
	const struct http_conf *cf = conf_get(g->env->conf, &http_settings);
	const char *path = header(g, wsi, WSI_TOKEN_GET_URI);
	const struct live_endpoint *ep;
	size_t n = strlen(cf->prefix);

	*entity = "";
	if (path == NULL)
		return NULL;
	if (n > 0 && strncmp(path, cf->prefix, n) == 0 && path[n] == '/')
		path += n;
	ep = live_endpoint_find(g->scratch, path, entity);
	return ep != NULL && ep->dialect == LIVE_ECHO && !g->conf->echo ?
	    NULL : ep;
}

static int
refuse(struct lws *wsi, int status, const char *detail)
{
	live_http_refuse(wsi, status, detail);
	return -1;
}

static const char *client_ip(struct gateway *, struct lws *);

/* Handshakes per address, as requests elsewhere, before anybody is asked who
 * he is; and guests may not take all places. */
static bool
crowded(struct gateway *g, struct lws *wsi)
{
	const struct http_conf *cf = conf_get(g->env->conf, &http_settings);
	const struct rate limit = { (uint32_t)cf->ip_rate_n,
	    (uint32_t)cf->ip_rate_s };
	const char *ip = client_ip(g, wsi);
	uint32_t ms, left;

	if ((int64_t)g->nguests >= g->conf->clients / 4 + GUESTS)
		return true;
	return *ip != '\0' && !rate_admit(g->env->shm, "live.ip", ip,
	    strlen(ip), limit, (uint64_t)clock_boot_ns(), &ms, &left);
}

static int
check(struct gateway *g, struct lws *wsi, const struct live_endpoint **ep,
    const char **entity)
{
	*ep = endpoint(g, wsi, entity);
	if (*ep == NULL)
		return refuse(wsi, 404, "Not Found");
	if (!origin_good(g, wsi))
		return refuse(wsi, 403, "Origin is not allowed");
	if (g->draining || (int64_t)g->nconns >= g->conf->clients)
		return refuse(wsi, 503, "Too many connections");
	return 0;
}

static int
enter(struct gateway *g, struct lws *wsi, const struct live_endpoint **ep,
    const char **entity)
{
	if (check(g, wsi, ep, entity) == -1)
		return -1;
	return crowded(g, wsi) ? refuse(wsi, 429, "Too many requests") : 0;
}

int
live_upgrade_check(struct gateway *g, struct lws *wsi)
{
	const struct live_endpoint *ep;
	const char *entity;

	if (enter(g, wsi, &ep, &entity) == -1)
		return -1;
	return live_is_ws(ep->dialect) ? 0 : refuse(wsi, 400,
	    "This path is text/event-stream");
}

/* ---- who ------------------------------------------------------------------------------ */

static const char *
client_ip(struct gateway *g, struct lws *wsi)
{
	const char *list = header(g, wsi, WSI_TOKEN_X_FORWARDED_FOR), *last;

	if (list == NULL)
		return "";
	last = strrchr(list, ',');
	last = last == NULL ? list : last + 1;
	return last + strspn(last, " ");
}

static int
credential(struct gateway *g, struct lws *wsi, const char **text)
{
	const char *auth = header(g, wsi, WSI_TOKEN_HTTP_AUTHORIZATION);

	if ((*text = query(g, wsi, "ticket")) != NULL)
		return LINK_TICKET;
	if (auth != NULL) {
		if (strncasecmp(auth, "Bearer ", 7) == 0)
			*text = auth + 7 + strspn(auth + 7, " ");
		else
			*text = "";	/* refused, like any bad one */
		return LINK_CREDENTIAL;
	}
	if ((*text = custom(g, wsi, "x-api-key:")) != NULL)
		return LINK_CREDENTIAL;
	if (g->conf->token_in_query &&
	    (*text = query(g, wsi, "token")) != NULL)
		return LINK_CREDENTIAL;
	return 0;
}

static void
wanted(struct gateway *g, struct lws *wsi, struct live_conn *c)
{
	struct live_since since[LIVE_STREAMS];
	const char *pos = custom(g, wsi, "last-event-id:"), *topics;
	struct list names;

	if (pos == NULL)
		pos = query(g, wsi, "since");
	if (pos != NULL && live_since_parse(pos, since) == 0)
		for (int k = 0; k < LIVE_STREAMS; k++)
			c->at[k].since = since[k];
	if ((topics = query(g, wsi, "topics")) == NULL)
		topics = query(g, wsi, "ch");
	names = live_names_split(g->scratch, topics);
	for (size_t i = 0; i < names.n; i++) {
		struct live_bits one;
		bool single;

		if (live_topic_match(&g->topics,
		    ((const char **)names.items)[i], &one, &single) == -1)
			continue;
		c->want = live_or(c->want, one);
		if (single)
			c->named = live_or(c->named, one);
	}
}

int
live_begin(struct gateway *g, struct lws *wsi, struct live_conn *c, bool http)
{
	const struct live_endpoint *ep;
	const char *entity, *text;
	int how;

	if ((http ? enter : check)(g, wsi, &ep, &entity) == -1)
		return -1;
	if (http && live_is_ws(ep->dialect))
		return refuse(wsi, 426, "Open this path as a WebSocket");
	how = credential(g, wsi, &text);
	if (http && how == 0)
		return refuse(wsi, 401, "Not authenticated");
	conn_open(c, g, wsi, ep, *entity == '\0' ? 0 : fnv1a(entity,
	    strlen(entity), 0), http);
	if (ep->dialect == LIVE_ECHO)
		return 0;
	wanted(g, wsi, c);
	if (how != 0)
		conn_authenticate(c, how, text, client_ip(g, wsi),
		    header(g, wsi, WSI_TOKEN_HTTP_USER_AGENT));
	else
		conn_hello(c);
	return 0;
}

void
live_sse_head(struct live_conn *c)
{
	static const char head[] = "HTTP/1.1 200 OK\r\n"
	    "Content-Type: text/event-stream\r\nCache-Control: no-store\r\n"
	    "X-Accel-Buffering: no\r\nConnection: close\r\n\r\n"
	    "retry: 2000\n\n";

	c->head_sent = true;
	conn_out(c, head, sizeof(head) - 1);
}
