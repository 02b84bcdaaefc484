/*
 * Inside of the HTTP layer: what http_open() builds and the stages use.
 */
#ifndef HTTP_SERVE_H
#define HTTP_SERVE_H

#include "http/http.h"
#include "http/request.h"
#include "http/response.h"
#include "http/router.h"

struct http {
	struct env *env;
	const struct http_conf *conf;
	const struct http_hooks *hooks;
	struct router *router;
	const struct route **routes;	/* by index, in table order */
	const struct module **owners;	/* module of routes[i] */
	size_t nroutes;
	uint8_t cursor_key[32];
	const char *openapi;		/* whole document once asked for */
	size_t openapi_len;
	struct pages *pages;		/* page.c */
};

/* One thing to do after a rollback. */
struct keep {
	int (*fn)(struct db *, void *arg, struct err *);
	void *arg;
	struct keep *next;
};

/* ---- run.c ------------------------------------------------------------- */

/* The handler through its breaker; the status. */
int http_run(struct ctx *, const void *in);
/* The same outside of a transaction: an error in c->err, or an object of its
 * own that says so. */
int http_run_plain(struct ctx *, const void *in);
/* A GET route's handler for a page: no stages before or after it. c->err, or
 * the reply in c->resp. */
void http_run_get(struct ctx *, const void *in);
bool http_permission_known(const struct module *const *, const char *name);

/* ---- idempotency.c ----------------------------------------------------- */

struct idempotency {
	const char *key;		/* NULL: header not sent */
	uint8_t hash[32];		/* of tenant, principal, route and key */
	uint8_t digest[32];		/* of the request */
};

/* Reads the header and hashes the request; 422 for an unusable key. */
int idempotency_read(struct ctx *, struct idempotency *);
/* First insert of the transaction. 0: go on; 1: the kept reply was put into
 * c->resp; -1: c->err (409 in flight, 422 other request). */
int idempotency_begin(struct ctx *, const struct idempotency *);
/* Keeps status and body in the same transaction. */
int idempotency_end(struct ctx *, const struct idempotency *, int status);

#endif
