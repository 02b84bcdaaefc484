/*
 * Small questions a handler asks about its request.
 */
#include <string.h>

#include "base/codec.h"
#include "http/multipart.h"
#include "http/serve.h"

const char *
ctx_header(struct ctx *c, const char *name)
{
	return request_header(c->req, name);
}

const char *
ctx_content_type(struct ctx *c)
{
	return c->req->media;
}

bool
ctx_https(struct ctx *c)
{
	return c->req->https;
}

const char *
ctx_prefix(struct ctx *c)
{
	return c->http->conf->prefix;
}

const char *
ctx_cookie(struct ctx *c, const char *name)
{
	const char *p = request_header(c->req, "Cookie"), *found = NULL;
	size_t n = strlen(name);

	while (p != NULL && *p != '\0') {
		size_t len = strcspn(p, ";");

		if (len > n && strncmp(p, name, n) == 0 && p[n] == '=') {
			const char *v = arena_strndup(c->a, p + n + 1,
			    len - n - 1);

			if (found != NULL && strcmp(found, v) != 0)
				return NULL;
			found = v;
		}
		p += len;
		p += strspn(p, "; ");
	}
	return found;
}

const char *
ctx_form(struct ctx *c, const char *name)
{
	struct pair *v;
	size_t n;

	if (!c->req->body_read || strcmp(c->req->media,
	    "application/x-www-form-urlencoded") != 0 ||
	    url_pairs(c->a, c->req->body, c->req->body_len, &v, &n) == -1)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (strcmp(v[i].name, name) == 0)
			return v[i].value;
	return NULL;
}

bool
ctx_same_origin(struct ctx *c)
{
	const char *site = request_header(c->req, "Sec-Fetch-Site");
	const char *origin = request_header(c->req, "Origin");
	const char *host = request_header(c->req, "Host");
	const char *url = c->http->conf->public_url;
	size_t n = origin == NULL ? 0 : strlen(origin);

	if (site != NULL && strcmp(site, "same-origin") != 0)
		return false;
	if (origin == NULL)
		return site != NULL;
	if (url != NULL && strncmp(url, origin, n) == 0 &&
	    (url[n] == '\0' || url[n] == '/'))
		return true;
	return host != NULL && strcmp(origin, arena_printf(c->a, "%s://%s",
	    c->req->https ? "https" : "http", host)) == 0;
}

const char *
ctx_url(struct ctx *c, const char *path)
{
	const char *base = c->http->conf->public_url;

	if (base == NULL || *base == '\0')
		return path;
	return arena_printf(c->a, "%s%s", base, path);
}

static long
read_raw(void *arg, void *buf, size_t n, struct err *e)
{
	struct ctx *c = arg;
	size_t max = c->route->max_body > 0 ? c->route->max_body :
	    (size_t)c->http->conf->max_body;
	struct request *r = c->req;
	long got;

	if (r->length >= 0 && n > (size_t)r->length - r->consumed)
		n = (size_t)r->length - r->consumed;
	if (n == 0)
		return 0;
	got = r->t->read(r->t->t, buf, n);
	if (got < 0 || (got == 0 && r->length >= 0))
		return err_set(e, 400, "bad_request",
		    "The request body ended early");
	r->consumed += (size_t)got;
	if (r->consumed > max)
		return err_set(e, 413, "too_large",
		    "Request body is larger than %zu bytes", max);
	return got;
}

long
ctx_read(struct ctx *c, void *buf, size_t n)
{
	const struct multipart_source src = { read_raw, c };
	struct request *r = c->req;

	if (r->consumed == 0 && r->form == NULL && multipart_open(c->a,
	    r->t->param(r->t->t, "CONTENT_TYPE"), &src, &r->form,
	    &c->err) == -1)
		return -1;
	return r->form != NULL ? multipart_read(r->form, buf, n, &c->err) :
	    read_raw(c, buf, n, &c->err);
}
