/*
 * The HTTP layer as the skeletons see it: build it once per process, serve
 * requests with it. hooks connect it to the auth module above it.
 */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include "conf/conf.h"
#include "http/ctx.h"
#include "db/table.h"
#include "http/route.h"
#include "module.h"
#include "shm/shm.h"

struct str;

struct http_conf {
	const char *public_url;		/* "https://example.org/quincunx" */
	const char *prefix;		/* path part of public_url, derived */
	const char *const *cors;	/* allowed origins */
	const char *const *trusted_proxies;	/* for QX_CLIENT_IP chains */
	int64_t max_body;		/* bytes */
	int64_t rate_n, rate_s;		/* default policy per principal */
	int64_t ip_rate_n, ip_rate_s;	/* before authentication */
	int64_t idempotency_hours;
	int64_t step_up_s;		/* a proved password counts so long */
};
extern const struct settings http_settings;

/* Filled by the auth module, passed by app/. */
struct http_hooks {
	/* Fills c->who from Authorization / X-API-Key. 0: done (also when
	 * nothing was presented: kind NONE); -1: refused, c->err is set. */
	int (*authenticate)(struct ctx *);
	/* Inserts the audit row of this request into the open transaction. */
	int (*audit)(struct ctx *, int status, struct err *);
	/* After a commit with audit rows: a chance to seal them. */
	void (*committed)(struct ctx *);
};

/* The transport under one request: FastCGI or plain CGI. */
struct transport {
	/* CGI parameter by name, NULL = absent. */
	const char *(*param)(void *t, const char *name);
	/* How often it was sent: a second Authorization must be seen. */
	size_t (*count)(void *t, const char *name);
	long (*read)(void *t, void *buf, size_t n);	/* 0 end, -1 error */
	int (*write)(void *t, const void *buf, size_t n);
	void *t;
};

struct http;

/* Compiles the router from env->modules; refuses (with all reasons in *err)
 * duplicates, missing auth, unknown permission, path outside the allowed
 * roots, parameters without a field, bad schema. */
int http_open(struct http **, struct env *, const struct http_hooks *,
    struct err *);
/* Serves one request. Never fails: an error becomes a reply. pool tells which
 * pool this process is: POOL_CONTROL refuses routes of the others. */
void http_serve(struct http *, const struct transport *, enum pool_kind,
    struct arena *request_arena);

/* Routes by index in table order, for lists, metrics labels and docs. */
size_t http_route_count(const struct http *);
const struct route *http_route_at(const struct http *, size_t);
/* Module that owns it, and the source file of its noun ("core/modules/…"). */
const struct module *http_route_module(const struct http *, size_t);

/* OpenAPI 3.1 document; seed NULL = all, "001" = one document's share. */
void openapi_emit(struct http *, const char *seed, struct str *);
/* A complete site for a web server in front of the three pools. */
struct site_options {
	const char *server;		/* "nginx", "lighttpd", "apache" */
	const char *const *listens;	/* "[ADDR:]PORT"; NULL-terminated */
	const char *server_name;	/* NULL = any */
	const char *tls_cert, *tls_key;	/* NULL = plain HTTP */
	const char *standalone;		/* directory: a whole configuration of
					 * an unprivileged foreground instance
					 * that keeps its files there */
	const char *old;		/* "[ADDR:]PORT" of a backend that gets
					 * every path we do not serve, in clear
					 * HTTP (nginx only); NULL = none */
};
/* Upstreams, server block and locations, to be included by the server's main
 * configuration (nginx: inside http {}). Socket paths are absolute. */
int site_emit(struct http *, const struct site_options *, struct str *,
    struct err *);

extern const struct metric http_requests_total, http_request_seconds,
    http_retries_total, http_alias_uses_total;
extern const struct metric_label http_route_label;	/* dynamic: route ids */
extern const struct query *const http_queries[];
extern const struct table http_tables[];

/* Index of the route, for its metrics. */
size_t http_route_index(const struct http *, const struct route *);
const struct http_conf *http_settings_of(const struct http *);

#endif
