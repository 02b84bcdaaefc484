/*
 * Small questions a handler asks about its request.
 */
#include <string.h>

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
