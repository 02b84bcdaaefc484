/*
 * A route is one row: from it come dispatch, 404/405+Allow, 401/403, 429, 422,
 * transaction, audit, metrics label, OpenAPI, docs and the contract test.
 */
#ifndef HTTP_ROUTE_H
#define HTTP_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/shm.h"

struct ctx;
struct schema;

enum method {
	HTTP_GET = 1, HTTP_POST, HTTP_PUT, HTTP_PATCH, HTTP_DELETE,
	HTTP_OPTIONS, HTTP_HEAD
};

/* Zero is a forgotten .auth and refused at start. */
enum authn {
	AUTH_NONE = 1,		/* public */
	AUTH_OPTIONAL,		/* more detail for whoever may */
	AUTH_USER		/* a user's token or an API key */
};

/* The responder pool that serves the route; `quincunx site` prints the
 * locations of slow and control. */
enum pool_kind { POOL_API, POOL_SLOW, POOL_CONTROL };

enum route_flag {
	R_LIST = 1 << 0,	/* reply is {"items":[out],"next":cursor} */
	R_TXN = 1 << 1,		/* handler runs in a transaction */
	R_IDEMPOTENT = 1 << 2,	/* Idempotency-Key accepted (needs R_TXN or
				 * .natural_key) */
	R_AUDIT = 1 << 3,	/* success and refusals leave an audit row */
	R_FORM = 1 << 4,	/* also takes application/x-www-form-urlencoded */
	R_RAW = 1 << 5,		/* body is not decoded; handler reads it */
	R_SECRET = 1 << 6,	/* reply holds a secret: no-store, and never
				 * kept for idempotency */
	R_TEXT = 1 << 7,	/* reply is not JSON: .media names its type */
	R_ARRAY = 1 << 8,	/* reply is a bare array of out (seed shapes) */
	R_STEP_UP = 1 << 9,	/* password proved within 5 minutes */
	R_NO_DB = 1 << 10,	/* never touches the database */
	R_HTML_404 = 1 << 11,	/* a page for people */
	R_ACCEPTED = 1 << 12	/* 202: work goes on elsewhere */
};

/* Another path of the same row: a document's own name for it. */
struct alias {
	const char *path;	/* may name other parameters, same order */
	const char *seed;	/* "001" */
	bool deprecated;	/* Deprecation, Sunset, Link */
};

typedef int handler_fn(struct ctx *, const void *in);

struct route {
	const char *id;		/* "auth.user.create" */
	enum method method;
	/* "/api/auth/users/{id}"; {id:uuid} {n:int} {name:slug} {rest:path};
	 * without a type: any non-empty segment. */
	const char *path;
	const struct alias *aliases;	/* ends with .path NULL */
	const char *summary;	/* short, for lists */
	const char *doc;	/* more sentences, or NULL */
	const char *seed;	/* this row is a compat row of that document */
	enum authn auth;
	const char *permission;	/* "auth:users"; NULL: any principal */
	const struct schema *in, *out;
	int ok;			/* success status */
	const int *errors;	/* handler's own statuses; ends with 0 */
	unsigned flags;
	enum pool_kind pool;
	struct rate limit;	/* n = 0: the default policy */
	bool limit_by_ip;	/* counted before authentication */
	size_t max_body;	/* bytes; 0 = http.max_body */
	size_t max_values;	/* JSON values; 0 = 10,000 */
	const char *media;	/* R_TEXT: content type of the reply */
	const char *consumes;	/* R_RAW: accepted type, or NULL = any */
	const char *natural_key;	/* why a repeat is harmless */
	const char *sunset;	/* "2027-06-30": deprecated row */
	const char *breaker;	/* dependency that guards run; open or
				 * full: fallback serves */
	handler_fn *fallback;	/* reduced answer, marked X-Degraded */
	const char *opened_by;	/* "auth.registration=open": the setting with
				 * which a default opens this route (tests) */
	handler_fn *run;
	const char *file;	/* ROUTE_END only: where the table stands */
};

#define ERRORS(...) (const int[]){ __VA_ARGS__, 0 }
#define ALIASES(...) (const struct alias[]){ __VA_ARGS__, { NULL, NULL, false } }
#define ROUTE_END { .id = NULL, .file = __FILE__ }

const char *method_name(enum method);
enum method method_parse(const char *);		/* 0 = unknown */

#endif
