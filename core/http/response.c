/*
 * Replies: success through the route's schema, errors in FastAPI's shape.
 * A header value can never break out of its line; a success without a body
 * schema is 204.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/codec.h"
#include "http/page.h"
#include "http/request.h"
#include "http/response.h"

static const char json_type[] = "application/json";

struct response *
response_new(struct arena *a)
{
	struct response *r = arena_alloc(a, sizeof(*r));

	str_init(&r->headers, a);
	str_init(&r->body, a);
	return r;
}

void
reply_header(struct ctx *c, const char *name, const char *value)
{
	struct str *h = &c->resp->headers;

	str_add(h, name);
	str_add(h, ": ");
	for (; *value != '\0'; value++)
		if ((unsigned char)*value >= 0x20 && *value != 0x7f)
			str_addc(h, *value);
	str_add(h, "\r\n");
}

int
reply_as(struct ctx *c, int status, const struct schema *s, const void *obj)
{
	ASSERT(s != NULL);
	schema_encode(s, obj, &c->resp->body);
	c->resp->type = json_type;
	return c->resp->status = status;
}

int
reply(struct ctx *c, const void *obj)
{
	return reply_as(c, c->route->ok, c->route->out, obj);
}

int
reply_list(struct ctx *c, const struct rows *rows, const char *next)
{
	const struct schema *s = c->route->out;
	struct str *b = &c->resp->body;
	const char *row = rows->v;

	ASSERT(c->route->flags & (R_LIST | R_ARRAY));
	str_add(b, c->route->flags & R_ARRAY ? "[" : "{\"items\":[");
	for (size_t i = 0; i < rows->n; i++) {
		if (i > 0)
			str_addc(b, ',');
		schema_encode(s, row + i * s->size, b);
	}
	str_addc(b, ']');
	if (!(c->route->flags & R_ARRAY)) {
		str_add(b, ",\"next\":");
		str_json(b, next);
		str_addc(b, '}');
	}
	c->resp->type = json_type;
	return c->resp->status = c->route->ok;
}

int
reply_none(struct ctx *c)
{
	return c->resp->status = 204;
}

int
reply_text(struct ctx *c, int status, const char *type, const char *text,
    size_t n)
{
	c->resp->type = type;
	c->resp->text = text;
	c->resp->text_len = n;
	return c->resp->status = status;
}

int
reply_json(struct ctx *c, int status, const char *text, size_t n)
{
	return reply_text(c, status, json_type, text, n);
}

int
fail(struct ctx *c, int status, const char *code, const char *fmt, ...)
{
	char text[sizeof(c->err.detail)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	err_set(&c->err, status, code, "%s", text);
	return status;
}

int
fail_err(struct ctx *c)
{
	if (c->err.status == 0)
		err_set(&c->err, 500, "internal", "Internal server error");
	return c->err.status;
}

int
fail_field(struct ctx *c, const char *member, const char *type,
    const char *msg)
{
	bool query = c->route->method == HTTP_GET ||
	    c->route->method == HTTP_DELETE;
	const char *where = query ? "query" : "body";
	char pattern[80];

	snprintf(pattern, sizeof(pattern), "{%s", member);
	if (strstr(c->route->path, pattern) != NULL)
		where = "path";
	err_field(&c->err, (struct err_field){ .type = type,
	    .loc = loc_json(c->a, (const char *const[]){ where, member }, 2),
	    .msg = msg, .input = "null" });
	return 422;
}

static void
field_errors(const struct err *e, struct str *b)
{
	str_addc(b, '[');
	for (size_t i = 0; i < e->nfields; i++) {
		const struct err_field *f = &e->fields[i];

		str_add(b, i == 0 ? "{\"type\":" : ",{\"type\":");
		str_json(b, f->type);
		str_addf(b, ",\"loc\":%s,\"msg\":", f->loc);
		str_json(b, f->msg);
		str_addf(b, ",\"input\":%s", f->input ? f->input : "null");
		if (f->ctx != NULL)
			str_addf(b, ",\"ctx\":%s", f->ctx);
		str_addc(b, '}');
	}
	str_addc(b, ']');
}

static void
problem_json(struct ctx *c, const struct err *e, const char *detail)
{
	struct str *b = &c->resp->body;

	str_add(b, "{\"type\":\"about:blank\",\"title\":");
	str_json(b, status_phrase(e->status));
	str_addf(b, ",\"status\":%d,\"detail\":", e->status);
	str_json(b, detail);
	str_add(b, ",\"code\":");
	str_json(b, e->code);
	str_add(b, ",\"request_id\":");
	str_json(b, c->request_id);
	if (e->nfields > 0) {
		str_add(b, ",\"errors\":");
		field_errors(e, b);
	}
	str_addc(b, '}');
	c->resp->type = "application/problem+json";
}

void
response_error(struct ctx *c, const struct err *e)
{
	struct response *r = c->resp;
	const char *accept = request_header(c->req, "Accept"), *detail;
	char after[16];

	r->body.len = 0;
	r->text = NULL;
	r->status = e->status;
	detail = e->detail[0] != '\0' ? e->detail : status_phrase(e->status);
	if (e->status == 500)
		detail = "Internal server error";
	if (e->status == 401)
		reply_header(c, "WWW-Authenticate", "Bearer");
	if (e->retry_after_s > 0 || e->status == 503 || e->status == 429) {
		snprintf(after, sizeof(after), "%d",
		    e->retry_after_s > 0 ? e->retry_after_s : 1);
		reply_header(c, "Retry-After", after);
	}
	if (e->code != NULL)
		reply_header(c, "X-Error-Code", e->code);
	if (page_failed(c, e))
		return;
	if (accept != NULL && strstr(accept, "application/problem+json")) {
		problem_json(c, e, detail);
		return;
	}
	str_add(&r->body, "{\"detail\":");
	if (e->nfields > 0)
		field_errors(e, &r->body);
	else
		str_json(&r->body, detail);
	str_addc(&r->body, '}');
	r->type = json_type;
}

/* Content hash for plain GET replies; true if the client has it already. */
static bool
not_modified(struct ctx *c, const char *body, size_t n)
{
	const char *have;
	char tag[24];

	if (c->resp->status != 200 || c->route == NULL ||
	    c->route->method != HTTP_GET || (c->route->flags & R_SECRET))
		return false;
	snprintf(tag, sizeof(tag), "\"%016llx\"",
	    (unsigned long long)fnv1a(body, n, 0));
	reply_header(c, "ETag", tag);
	have = request_header(c->req, "If-None-Match");
	return have != NULL &&
	    (strstr(have, tag) != NULL || strcmp(have, "*") == 0);
}

static void
common_headers(struct ctx *c)
{
	bool shared = c->route != NULL && c->route->auth == AUTH_NONE &&
	    !(c->route->flags & R_SECRET);

	reply_header(c, "X-Request-ID", c->request_id);
	reply_header(c, "X-Content-Type-Options", "nosniff");
	if (strstr(c->resp->headers.p, "Cache-Control:") == NULL)
		reply_header(c, "Cache-Control", shared ? "no-cache" :
		    "no-store");
}

void
response_send(struct ctx *c, bool head)
{
	struct response *r = c->resp;
	const char *body = r->text != NULL ? r->text : r->body.p;
	size_t n = r->text != NULL ? r->text_len : r->body.len;
	const struct transport *t = c->req->t;
	struct str out;

	common_headers(c);
	if (r->type != NULL && not_modified(c, body, n)) {
		r->status = 304;
		r->type = NULL;
	}
	str_init(&out, c->a);
	str_addf(&out, "Status: %d %s\r\n", r->status,
	    status_phrase(r->status));
	str_addn(&out, r->headers.p, r->headers.len);
	if (r->type != NULL && r->status != 204) {
		str_addf(&out, "Content-Type: %s\r\nContent-Length: %zu\r\n\r\n",
		    r->type, n);
		if (!head && n <= 4096)
			str_addn(&out, body, n);
	} else
		str_add(&out, "\r\n");
	if (t->write(t->t, out.p, out.len) == 0 && !head && n > 4096 &&
	    r->type != NULL && r->status != 204)
		t->write(t->t, body, n);
}
