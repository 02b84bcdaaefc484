/*
 * nginx. Parameters that tell who asked are set here under names that no
 * request header can produce. Errors nginx makes itself look like ours.
 */
#include <string.h>

#include "http/site.h"

/* nginx takes words of less than 4096 bytes. */
enum { REGEX_MAX = 3000 };

static const char params[] =
    "    fastcgi_param REQUEST_METHOD $request_method;\n"
    "    fastcgi_param REQUEST_URI $request_uri;\n"
    "    fastcgi_param QUERY_STRING $query_string;\n"
    "    fastcgi_param CONTENT_TYPE $content_type;\n"
    "    fastcgi_param CONTENT_LENGTH $content_length;\n"
    "    fastcgi_param SERVER_PROTOCOL $server_protocol;\n"
    "    fastcgi_param REMOTE_ADDR $remote_addr;\n"
    "    fastcgi_param QX_CLIENT_IP $remote_addr;\n"
    "    fastcgi_param QX_HTTPS $https;\n"
    "    fastcgi_param QX_REQUEST_ID $request_id;\n";

static const char limits[] =
    "    underscores_in_headers off;\n"
    "    merge_slashes off;\n"
    "    server_tokens off;\n"
    "    large_client_header_buffers 4 16k;\n"
    "    client_header_timeout 15s;\n"
    "    client_body_timeout 30s;\n"
    "    send_timeout 30s;\n"
    "    fastcgi_keep_conn on;\n"
    "    fastcgi_connect_timeout 5s;\n"
    "    fastcgi_read_timeout 65s;\n"
    "    fastcgi_next_upstream off;\n";

static const char errors[] =
    "    error_page 413 @qx_too_large;\n"
    "    error_page 502 504 =503 @qx_unavailable$qx_person;\n"
    "    location @qx_too_large {\n"
    "        default_type application/json;\n"
    "        return 413 '{\"detail\":\"Request body is too large\"}';\n"
    "    }\n"
    "    location @qx_unavailable {\n"
    "        default_type application/json;\n"
    "        add_header Retry-After 1 always;\n"
    "        return 503 '{\"detail\":\"Service unavailable\"}';\n"
    "    }\n"
    "    location @qx_unavailable_page {\n"
    "        default_type text/html;\n"
    "        add_header Retry-After 5 always;\n"
    "        return 503 '" SITE_SORRY "';\n"
    "    }\n";

/* A program gets an object, a person a page that tries again. */
static const char person[] =
    "map $http_accept $qx_person {\n"
    "    default \"\";\n    ~*text/html _page;\n}\n";

static void
upstream(struct site *s, enum pool_kind k)
{
	const char *sock = s->sock[k];

	str_addf(s->out, "upstream quincunx_%s {\n    server %s%s;\n",
	    site_pool(k), *sock == '/' ? "unix:" : "", sock);
	/* A kept connection would pin a child of the slow pool. They live half
	 * as long as a draining child may (fcgi.drain). */
	if (k != POOL_SLOW)
		str_add(s->out, "    keepalive 16;\n"
		    "    keepalive_timeout 5s;\n    keepalive_time 15s;\n");
	str_add(s->out, "}\n");
}

/* Only WebSocket is upgraded: what else a client asks for stays HTTP. */
static void
live_head(struct site *s)
{
	str_addf(s->out, "map $http_upgrade $qx_upgrade {\n"
	    "    default \"\";\n    ~*^websocket$ websocket;\n}\n"
	    "map $qx_upgrade $qx_connection {\n"
	    "    default upgrade;\n    \"\" close;\n}\n"
	    "upstream quincunx_live {\n    server %s%s;\n}\n",
	    *s->live == '/' ? "unix:" : "", s->live);
}

static void
live_locations(struct site *s)
{
	str_addf(s->out, "    location ~ \"%s\" {\n"
	    "        proxy_pass http://quincunx_live;\n"
	    "        proxy_http_version 1.1;\n"
	    "        proxy_set_header Host $http_host;\n"
	    "        proxy_set_header Upgrade $qx_upgrade;\n"
	    "        proxy_set_header Connection $qx_connection;\n"
	    "        proxy_set_header X-Forwarded-For $remote_addr;\n"
	    "        proxy_buffering off;\n"
	    "        proxy_connect_timeout 5s;\n"
	    "        proxy_read_timeout 3600s;\n"
	    "        proxy_send_timeout 60s;\n"
	    "        proxy_next_upstream off;\n"
	    "    }\n", site_live_regex(s));
}

static void
pass(struct site *s, const struct place *p)
{
	str_addf(s->out, "        fastcgi_pass quincunx_%s;\n",
	    site_pool(p->pool));
	if (p->pool == POOL_SLOW)
		str_add(s->out, "        fastcgi_keep_conn off;\n"
		    "        fastcgi_read_timeout 305s;\n");
	if (p->max_body > s->max_body)
		str_addf(s->out, "        client_max_body_size %zu;\n",
		    site_body(s, p));
	str_add(s->out, "    }\n");
}

static void
location(struct site *s, const struct place *p)
{
	if (p->literal == NULL) {
		str_addf(s->out, "    location ~ \"^%s/?$\" {\n", p->regex);
		pass(s, p);
		return;
	}
	if (*p->literal != '\0') {
		str_addf(s->out, "    location = %s {\n", p->literal);
		pass(s, p);
	}
	str_addf(s->out, "    location = %s/ {\n", p->literal);
	pass(s, p);
}

/* Ours are matched path by path, and all else goes to the backend that is
 * being replaced: who it is about and who asks stays as the client sent it. */
static void
old_locations(struct site *s)
{
	size_t used = 0;

	for (size_t i = 0; i < s->places.n; i++) {
		const struct place *p = s->places.v[i];

		if (p->special)
			continue;
		if (used > 0 && used + strlen(p->regex) > REGEX_MAX) {
			str_add(s->out, ")/?$\" {\n"
			    "        fastcgi_pass quincunx_api;\n    }\n");
			used = 0;
		}
		str_add(s->out, used == 0 ? "    location ~ \"^(" : "|");
		str_add(s->out, p->regex);
		used += strlen(p->regex) + 1;
	}
	if (used > 0)
		str_add(s->out, ")/?$\" {\n"
		    "        fastcgi_pass quincunx_api;\n    }\n");
	str_add(s->out, "    location / {\n"
	    "        proxy_pass http://quincunx_old;\n"
	    "        proxy_http_version 1.1;\n"
	    "        proxy_set_header Host $http_host;\n"
	    "        proxy_set_header Connection \"\";\n"
	    "        proxy_set_header X-Forwarded-For $remote_addr;\n"
	    "        proxy_set_header X-Forwarded-Proto $scheme;\n"
	    "        proxy_connect_timeout 5s;\n"
	    "        proxy_read_timeout 305s;\n"
	    "        proxy_next_upstream off;\n    }\n");
}

static void
server(struct site *s)
{
	bool tls = s->o->tls_cert != NULL;

	str_add(s->out, "server {\n");
	for (size_t i = 0; s->listens[i] != NULL; i++)
		str_addf(s->out, "    listen %s%s;\n", s->listens[i],
		    tls ? " ssl http2" : "");
	str_addf(s->out, "    server_name %s;\n",
	    s->o->server_name != NULL ? s->o->server_name : "_");
	if (tls)
		str_addf(s->out, "    ssl_certificate %s;\n"
		    "    ssl_certificate_key %s;\n"
		    "    ssl_protocols TLSv1.2 TLSv1.3;\n",
		    s->o->tls_cert, s->o->tls_key);
	str_add(s->out, limits);
	str_addf(s->out, "    client_max_body_size %zu;\n",
	    site_body(s, NULL));
	str_add(s->out, params);
	str_add(s->out, errors);
	if (s->o->old == NULL)
		str_addf(s->out, "    location %s/ {\n"
		    "        fastcgi_pass quincunx_api;\n    }\n",
		    s->h->conf->prefix);
	if (s->endpoints.n > 0)
		live_locations(s);
	for (size_t i = 0; i < s->places.n; i++)
		if (s->places.v[i]->special)
			location(s, s->places.v[i]);
	if (s->o->old != NULL)
		old_locations(s);	/* regexes match in order */
	str_add(s->out, "}\n");
}

/* A whole configuration for an instance of one's own in the foreground. */
static void
standalone_head(struct site *s)
{
	const char *d = s->o->standalone;

	str_addf(s->out, "daemon off;\nworker_processes 2;\n"
	    "pid %s/nginx.pid;\nerror_log %s/nginx-error.log warn;\n"
	    "events { worker_connections 1024; }\nhttp {\n"
	    "access_log off;\nkeepalive_timeout 30s;\n", d, d);
	str_addf(s->out, "client_body_temp_path %s/nginx-body;\n"
	    "proxy_temp_path %s/nginx-proxy;\n"
	    "fastcgi_temp_path %s/nginx-fastcgi;\n"
	    "uwsgi_temp_path %s/nginx-uwsgi;\n"
	    "scgi_temp_path %s/nginx-scgi;\n", d, d, d, d, d);
}

void
site_nginx(struct site *s)
{
	str_add(s->out, "# nginx site of Quincunx, written by "
	    "`quincunx site nginx`.\n");
	if (s->o->standalone != NULL)
		standalone_head(s);
	str_add(s->out, person);
	upstream(s, POOL_API);
	upstream(s, POOL_SLOW);
	upstream(s, POOL_CONTROL);
	if (s->o->old != NULL)
		str_addf(s->out, "upstream quincunx_old {\n    server %s%s;\n"
		    "    keepalive 16;\n}\n", strchr(s->o->old, ':') == NULL ?
		    "127.0.0.1:" : "", s->o->old);
	if (s->endpoints.n > 0)
		live_head(s);
	server(s);
	if (s->o->standalone != NULL)
		str_add(s->out, "}\n");
}
