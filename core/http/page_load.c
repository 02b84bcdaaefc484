/*
 * What a page loads: GET routes run in-process as the user, with the same
 * checks of permission and input as over HTTP. Refuses nothing more than they
 * do. Invariant: a load never answers the request; its reply is data.
 */
#include <stdbool.h>
#include <string.h>

#include "base/codec.h"
#include "base/vec.h"
#include "http/page_inner.h"

/* What the browser keeps for itself in the address (static/ui/table.js,
 * candles.js); no route's business. */
static bool
browsers_own(const char *name)
{
	static const char *const own[] = { "sort", "hide", "overlay", NULL };

	for (size_t i = 0; own[i] != NULL; i++)
		if (strcmp(own[i], name) == 0)
			return true;
	return false;
}

static bool
takes(const struct page_load *l, const struct route *r, const char *name)
{
	if (l->flags & LOAD_MAIN)
		return !browsers_own(name);
	if (!(l->flags & LOAD_QUERY) || r->in == NULL ||
	    strcmp(name, "cursor") == 0 || strcmp(name, "limit") == 0)
		return false;
	for (const struct field *f = r->in->fields; f->name != NULL; f++)
		if (strcmp(f->name, name) == 0)
			return true;
	return false;
}

/* Path parameters of the page and the load's query. A value of the page's own
 * query replaces a default of the load. */
static int
input_of(struct ctx *c, const struct page_load *l, const struct route *r,
    const struct match *m, struct schema_input *si, struct err *e)
{
	VEC(struct pair) q = { 0 };
	struct pair *fixed = NULL;
	size_t nfixed = 0;

	if (l->query != NULL && url_pairs(c->a, l->query, strlen(l->query),
	    &fixed, &nfixed) == -1)
		return err_set(e, 500, "page", "Internal server error");
	for (size_t i = 0; i < nfixed; i++) {
		bool over = false;

		for (size_t k = 0; k < c->req->nquery; k++)
			over |= takes(l, r, fixed[i].name) &&
			    strcmp(c->req->query[k].name, fixed[i].name) == 0;
		if (!over)
			*VEC_ADD(c->a, &q) = fixed[i];
	}
	for (size_t i = 0; i < c->req->nquery; i++)
		if (*c->req->query[i].value != '\0' &&	/* an empty filter */
		    takes(l, r, c->req->query[i].name))
			*VEC_ADD(c->a, &q) = c->req->query[i];
	*si = (struct schema_input){ .path = m->params, .npath = m->nparams,
	    .query = q.v, .nquery = q.n, .kind = BODY_NONE,
	    .from_query = true, .body_absent = true };
	return 0;
}

int
page_load_run(struct ctx *c, const struct page_load *l,
    const struct route *r, const struct match *m, const struct tree **out,
    struct err *e)
{
	struct ctx sub = *c;
	struct schema_input si;
	void *in = NULL;

	*out = NULL;
	sub.route = r;
	sub.alias = NULL;
	sub.resp = response_new(c->a);
	sub.keep = NULL;
	sub.seen = 0;
	sub.db = r->flags & R_NO_DB ? NULL : c->env->db;
	err_clear(&sub.err);
	if (r->auth == AUTH_USER && !principal_may(&c->who, r->permission))
		return err_set(e, 403, "forbidden", "Seeing this takes the "
		    "permission %s", r->permission);
	if (input_of(c, l, r, m, &si, e) == -1)
		return -1;
	if (r->in != NULL) {
		in = arena_alloc(c->a, r->in->size);
		if (schema_decode(r->in, &si, c->a, in, &sub.seen,
		    e) == -1)
			return -1;
	}
	http_run_get(&sub, in);
	if (sub.err.status != 0) {
		*e = sub.err;
		return -1;
	}
	return tree_parse(c->a, sub.resp->text != NULL ? sub.resp->text :
	    sub.resp->body.p, sub.resp->text != NULL ? sub.resp->text_len :
	    sub.resp->body.len, out, e);
}

const char *
page_query(struct ctx *c, bool cursor)
{
	struct str s;

	str_init(&s, c->a);
	for (size_t i = 0; i < c->req->nquery; i++) {
		const struct pair *p = &c->req->query[i];

		if (*p->value == '\0' || (!cursor &&
		    (strcmp(p->name, "cursor") == 0 || browsers_own(p->name))))
			continue;
		if (s.len > 0)
			str_addc(&s, '&');
		url_encode(&s, p->name, strlen(p->name), false);
		str_addc(&s, '=');
		url_encode(&s, p->value, strlen(p->value), false);
	}
	return s.p;
}

const struct tree *
page_query_tree(struct ctx *c)
{
	const struct tree *t = NULL;
	struct err e = { 0 };
	struct str s;

	str_init(&s, c->a);
	str_addc(&s, '{');
	for (size_t i = 0; i < c->req->nquery; i++) {
		if (i > 0)
			str_addc(&s, ',');
		str_json(&s, c->req->query[i].name);
		str_addc(&s, ':');
		str_json(&s, c->req->query[i].value);
	}
	str_addc(&s, '}');
	tree_parse(c->a, s.p, s.len, &t, &e);
	return t;
}
