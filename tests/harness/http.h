/*
 * The client of the end-to-end tests: libcurl over the stack's unix socket
 * (or TCP), one kept connection, HTTP/1.1, paths as they are. Replies live
 * until http_forget() or stack_stop(). A call that gets no HTTP reply fails
 * the program with the logs' tails, unless .may_fail.
 *
 * Each call comes from another address (10.x.y.z in X-Forwarded-For, which
 * the stack trusts on its unix socket), so that limits per address do not get
 * in the way; .ip fixes it.
 */
#ifndef HARNESS_HTTP_H
#define HARNESS_HTTP_H

#include <stdbool.h>
#include <stddef.h>

struct json_object;
struct module;
struct route;
struct stack;

struct call {
	const char *method;		/* NULL: GET */
	const char *path;		/* with query */
	const char *token;		/* "Authorization: Bearer …" */
	const char *body;		/* NULL: none */
	size_t body_len;		/* 0: strlen(body) */
	const char *type;		/* Content-Type; NULL: application/json
					 * with a body; "": none */
	const char *const *headers;	/* "Name: value", NULL-terminated */
	const char *key;		/* Idempotency-Key */
	const char *ip;			/* NULL: a fresh one */
	bool tcp;			/* by 127.0.0.1 even if there is a
					 * unix socket */
	bool fresh;			/* a connection of its own */
	bool may_fail;			/* status 0 instead of failing */
	long timeout_ms;		/* 0: two minutes */
};

struct reply {
	int status;
	const char *body;		/* NUL-terminated */
	size_t len;
	const char *headers;		/* raw lines of the final reply */
	struct json_object *json;	/* NULL: not JSON */
	double ms;
	const char *method, *path;	/* as called, for messages */
};

const struct reply *http_call(struct stack *, const struct call *);
/* The same for n calls at once, each on a connection of its own. */
void http_parallel(struct stack *, const struct call *, size_t n,
    const struct reply **out);
/* Short forms. */
const struct reply *http_get(struct stack *, const char *path,
    const char *token);
const struct reply *http_send(struct stack *, const char *method,
    const char *path, const char *token, const char *body);
/* Bytes as they are to the server's socket; reads to the end of the
 * connection (or 5 s) and parses the first reply. */
const struct reply *http_raw(struct stack *, const char *bytes, size_t n);

/* Value of a reply header (last of that name), NULL = absent. */
const char *http_header(struct stack *, const struct reply *,
    const char *name);
size_t http_header_count(const struct reply *, const char *name);
/* Member by path "detail.0.type"; NULL when there is none. */
struct json_object *json_at(struct json_object *, const char *path);
/* Its text ("" when absent); number and bool as their JSON text. */
const char *json_text_at(struct json_object *, const char *path);
long long json_int_at(struct json_object *, const char *path);

/* Text in the stack's arena. */
const char *http_text(struct stack *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* JSON string literal of a text. */
const char *http_quote(struct stack *, const char *);

/* Fails the running test unless the status is that; prints the exchange. */
#define expect_status(r, want) \
	expect_status_at((r), (want), __FILE__, __LINE__)
void expect_status_at(const struct reply *, int want, const char *file,
    int line);

/* Logs in (201/200) and returns the access token; fails the test otherwise.
 * The refresh token, if wanted, too. */
const char *http_login(struct stack *, const char *name, const char *password,
    const char **refresh);
/* Token of the stack's first admin. */
const char *http_admin(struct stack *);

/* ---- coverage --------------------------------------------------------------- */

/* Route and alias index (-1 = canonical path) that a method and a path (query
 * allowed) mean; NULL: none. */
const struct route *http_route_of(const struct module *const *,
    const char *method, const char *path, int *alias);
/* From now on successes are counted by route and alias of these modules. */
void http_cover(struct stack *, const struct module *const *);
/* How often the route answered with its success status by that path. */
unsigned http_covered(struct stack *, const struct route *, int alias);

/* ---- for stack.c --------------------------------------------------------------- */

/* Polls /health/live until 200. */
bool http_ready(struct stack *, int ms);
/* Drops all replies so far. */
void http_forget(struct stack *);
void http_close(struct stack *);
/* The next call opens a connection of its own. */
void http_reconnect(struct stack *);

#endif
