/*
 * What a handler sees of a request, and how it answers.
 */
#ifndef HTTP_CTX_H
#define HTTP_CTX_H

#include "base/arena.h"
#include "base/err.h"
#include "base/principal.h"
#include "base/types.h"
#include "base/val.h"
#include "db/db.h"
#include "db/env.h"
#include "http/route.h"
#include "schema/schema.h"

struct http;
struct keep;
struct request;
struct response;

struct ctx {
	struct http *http;		/* router, settings, hooks */
	struct env *env;
	struct arena *a;		/* gone after the reply */
	struct db *db;
	const struct route *route;
	const struct alias *alias;	/* NULL on the canonical path */
	struct principal who;
	const char *request_id;
	const char *client_ip;
	struct utc now;			/* one instant for the whole request */
	int64_t deadline_boot_ns;	/* nobody waits longer; 0 = unknown */
	struct request *req;
	struct response *resp;
	uint64_t seen;			/* bit i: in->fields[i] was sent */
	struct err err;
	struct keep *keep;		/* ctx_keep() list */
	const char *csrf;		/* token of writes; NULL: no cookie session */
	const char *next;		/* where a login leads, if it was said */
	/* Audit detail, set by the handler with ctx_target(). */
	const char *target_kind, *target_id, *audit_detail;
};

/* ---- answering: each returns the status for the handler to return ------- */

/* .out encoded with the route's own success status. */
int reply(struct ctx *, const void *obj);
int reply_as(struct ctx *, int status, const struct schema *, const void *);
/* {"items":[…],"next":…}; next NULL = last page. With R_ARRAY a bare array. */
int reply_list(struct ctx *, const struct rows *, const char *next);
int reply_none(struct ctx *);		/* 204 */
/* Ready-made text; borrowed until the reply is sent. */
int reply_text(struct ctx *, int status, const char *type, const char *,
    size_t n);
/* JSON text already encoded. */
int reply_json(struct ctx *, int status, const char *, size_t n);
void reply_header(struct ctx *, const char *name, const char *value);
/* Error with the public sentence. */
int fail(struct ctx *, int status, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* The error a lower layer left in c->err. */
int fail_err(struct ctx *);
/* One 422 entry on a member of the input: loc ["body", name] (or query). */
int fail_field(struct ctx *, const char *member, const char *type,
    const char *msg);

/* ---- pages ---------------------------------------------------------------- */

/* Members of every list's input struct, first in it. */
struct page_in {
	int64_t limit;			/* 1-200, default 50 */
	const char *cursor;
};
#define PAGE_LIMIT(T) { .name = "limit", .off = offsetof(T, page.limit), \
	.type = FT_INT, .min = 1, .max = 200, .def = "50", \
	.doc = "Rows per page" }
#define PAGE_CURSOR(T) { .name = "cursor", .off = offsetof(T, page.cursor), \
	.type = FT_STR, .max = 500, .flags = FF_NULLABLE, \
	.doc = "The `next` of the page before" }
/* A list without filters; one row by the id in the path. */
struct page_only_in {
	struct page_in page;
};
struct id_in {
	struct uuid id;
};
extern const struct schema page_only_schema, id_in_schema;
/* A cursor is the last key under a MAC with route and tenant; a foreign or
 * altered one is 422. open: "" when there is none. */
const char *cursor_seal(struct ctx *, const char *key);
int cursor_open(struct ctx *, const char *cursor, const char **key);
/* Seal for uuid-keyed lists: asks for limit + 1 rows, drops the extra one and
 * returns the cursor for the last kept (row's FT_UUID member at off). */
const char *cursor_uuid(struct ctx *, struct rows *, int64_t limit, size_t off);
int cursor_open_uuid(struct ctx *, const char *cursor, struct uuid *after);

/* ---- request ---------------------------------------------------------------- */

/* HTTP request header by its HTTP name ("If-None-Match"); NULL = absent. */
const char *ctx_header(struct ctx *, const char *name);
/* Body of an R_RAW route, or the first file of it when it is
 * multipart/form-data: reads on; 0 = end, -1 error (413, 400, 422). */
long ctx_read(struct ctx *, void *, size_t);
const char *ctx_content_type(struct ctx *);
/* Absolute URL of a path under the configured public URL (or the path
 * itself when none is configured). */
const char *ctx_url(struct ctx *, const char *path);
/* True when the request came over TLS as the site file tells. */
bool ctx_https(struct ctx *);
/* Path part of the public URL, "" at the root. */
const char *ctx_prefix(struct ctx *);
/* Value of the cookie; NULL = absent, or sent twice with different values. */
const char *ctx_cookie(struct ctx *, const char *name);
/* Member of a form body that was read already; NULL = absent, or no form. */
const char *ctx_form(struct ctx *, const char *name);
/* True if the browser says that a page of this very site sent the request:
 * by Origin and Sec-Fetch-Site, of which one must be there. */
bool ctx_same_origin(struct ctx *);

/* For acts that are dangerous in one form only (R_STEP_UP does it for a whole
 * route): a person who proved the password lately, never a key. -1: 403
 * "step_up_required" in c->err. */
int ctx_step_up(struct ctx *);

/* ---- what survives ------------------------------------------------------------ */

/* fn runs in a transaction of its own after the handler's was rolled back
 * (failed login, session revocation, risk refusal); not at all on success.
 * arg lives in the request's arena. */
void ctx_keep(struct ctx *, int (*fn)(struct db *, void *arg, struct err *),
    void *arg);
/* What the audit row is about; detail is JSON object text or NULL, free of
 * secrets. */
void ctx_target(struct ctx *, const char *kind, const char *id,
    const char *detail);
void ctx_target_id(struct ctx *, const char *kind, struct uuid id);

#endif
