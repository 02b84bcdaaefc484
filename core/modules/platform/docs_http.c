/*
 * /openapi.json, the two pages that show it, and static files. Pages run no
 * script but ours and are framed by nobody.
 */
#include <stddef.h>
#include <string.h>

#include "base/str.h"
#include "conf/base.h"
#include "http/ctx.h"
#include "http/http.h"
#include "modules/platform/docs.h"

static const char csp[] = "default-src 'self'; style-src 'self'; "
    "script-src 'self'; object-src 'none'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; "
    "require-trusted-types-for 'script'";

struct seed_in {
	const char *seed;
};
static const struct field seed_fields[] = {
	FIELD(struct seed_in, seed, .max = 8, .flags = FF_NULLABLE,
	    .pattern = "^[0-9]*$",
	    .doc = "Only what this document names, \"003\""),
	FIELD_END
};
static const struct schema seed_schema = {
	.name = "SeedQuery", .doc = "Which document's share",
	.size = sizeof(struct seed_in), .fields = seed_fields
};

struct file_in {
	const char *file;
};
static const struct field file_fields[] = {
	FIELD(struct file_in, file, .flags = FF_REQUIRED, .max = 400,
	    .doc = "Path below /static"),
	FIELD_END
};
static const struct schema file_schema = {
	.name = "StaticFile", .doc = "A static file",
	.size = sizeof(struct file_in), .fields = file_fields
};

static const char *
static_dir(struct ctx *c)
{
	const struct base_conf *cf = conf_get(c->env->conf, &base_settings);

	return cf->static_dir;
}

static int
openapi_get(struct ctx *c, const void *in)
{
	const struct seed_in *i = in;
	struct str s;

	str_init(&s, c->a);
	openapi_emit(c->http, i->seed, &s);
	return reply_json(c, 200, s.p, s.len);
}

/* Replaces "{prefix}" by the path the site lives under. */
static const char *
with_prefix(struct ctx *c, const struct blob *b)
{
	static const char mark[] = "{prefix}";
	const char *p = b->p, *hit;
	struct str s;

	str_init(&s, c->a);
	while ((hit = strstr(p, mark)) != NULL) {
		str_addn(&s, p, (size_t)(hit - p));
		str_html(&s, http_settings_of(c->http)->prefix);
		p = hit + sizeof(mark) - 1;
	}
	str_add(&s, p);
	return s.p;
}

static int
page(struct ctx *c, const char *name)
{
	struct blob b;
	const char *text;
	int rc = platform_file_read(c->a, static_dir(c), name, &b, &c->err);

	if (rc == 1)
		return fail(c, 404, "not_found", "Not Found");
	if (rc == -1)
		return fail_err(c);
	text = with_prefix(c, &b);
	reply_header(c, "Content-Security-Policy", csp);
	reply_header(c, "Referrer-Policy", "same-origin");
	return reply_text(c, 200, "text/html; charset=utf-8", text,
	    strlen(text));
}

static int
docs_get(struct ctx *c, const void *in)
{
	(void)in;
	return page(c, "docs/docs.html");
}

static int
redoc_get(struct ctx *c, const void *in)
{
	(void)in;
	return page(c, "docs/redoc.html");
}

static int
static_get(struct ctx *c, const void *in)
{
	const struct file_in *i = in;
	struct blob b;
	int rc = platform_file_read(c->a, static_dir(c), i->file, &b,
	    &c->err);

	if (rc == 1)
		return fail(c, 404, "not_found", "Not Found");
	if (rc == -1)
		return fail_err(c);
	reply_header(c, "Content-Security-Policy", "default-src 'none'; "
	    "frame-ancestors 'none'");
	return reply_text(c, 200, platform_file_type(i->file), b.p, b.n);
}

#define OPEN_ROUTE(name, where, fn, shape, type, ...) \
	{ .id = "docs." name, .method = HTTP_GET, .path = where, \
	  .auth = AUTH_NONE, .in = shape, .ok = 200, .media = type, \
	  .flags = R_TEXT | R_NO_DB, .run = fn, __VA_ARGS__ }

const struct route platform_docs_routes[] = {
	OPEN_ROUTE("openapi", "/openapi.json", openapi_get, &seed_schema,
	    "application/json", .summary = "This interface as OpenAPI 3.1"),
	OPEN_ROUTE("docs", "/docs", docs_get, &seed_schema,
	    "text/html; charset=utf-8",
	    .summary = "Documentation in which each route can be tried"),
	OPEN_ROUTE("redoc", "/redoc", redoc_get, &seed_schema,
	    "text/html; charset=utf-8",
	    .summary = "The same as a reference to read"),
	OPEN_ROUTE("static", "/static/{file:path}", static_get, &file_schema,
	    "application/octet-stream", .errors = ERRORS(404),
	    .summary = "Static files"),
	ROUTE_END
};
