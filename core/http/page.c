/*
 * Pages: read and resolved at start, shown by running what they load. Refuses
 * at start a page whose template names what its loads do not have. Invariant:
 * a page shows only what the same user could read over the API, and every
 * reply carries the same strict headers.
 */
#include <stdio.h>
#include <string.h>

#include "base/codec.h"
#include "base/vec.h"
#include "conf/base.h"
#include "http/page_inner.h"

static const char csp[] = "default-src 'none'; script-src 'self'; "
    "style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'";

#define UI(m, text) FIELD(struct page_ui, m, .doc = text)
static const struct field ui_fields[] = {
	UI(title, "Title of the page"), UI(path, "Its path"),
	UI(section, "The list it belongs to"),
	UI(area, "The part of the menu it stands in"),
	UI(query, "Its query string without cursor"),
	UI(url, "Path and query"), UI(id, "The first {…} of its path"),
	UI(prefix, "Path the site lives under"), UI(csrf, "Token of writes"),
	UI(user, "Who is logged in"), UI(roles, "Their roles"),
	UI(version, "Version of the program"),
	UI(next, "Where to go after the login"),
	UI(error, "What went wrong"), UI(request_id, "Id of the request"),
	UI(site, "Name of the installation"), UI(status, "HTTP status"),
	UI(retry_s, "Seconds until another try"), UI(now, "Time of the page"),
	UI(signed_in, "Somebody is logged in"), FIELD_END
};
const struct schema page_ui_schema = { .name = "Ui",
	.doc = "What every page knows", .size = sizeof(struct page_ui),
	.fields = ui_fields };

/* ---- at start ------------------------------------------------------------------ */

static const struct route *
route_find(const struct http *h, const char *id)
{
	for (size_t i = 0; i < h->nroutes; i++)
		if (strcmp(h->routes[i]->id, id) == 0)
			return h->routes[i];
	return NULL;
}

static int
source_read(void *arg, struct arena *a, const char *name, const char **text,
    struct err *e)
{
	struct http *h = arg;
	const struct base_conf *cf = conf_get(h->env->conf, &base_settings);
	char path[512];
	struct str s;
	char buf[4096];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", cf->template_dir, name);
	if ((f = fopen(path, "re")) == NULL)
		return err_set(e, 500, "template", "template %s is not there",
		    path);
	str_init(&s, a);
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		str_addn(&s, buf, n);
	fclose(f);
	*text = s.p;
	return 0;
}

static bool
source_permission(void *arg, const char *name)
{
	struct http *h = arg;

	return http_permission_known(h->env->modules, name);
}

static enum template_shape
shape_of(const struct route *r)
{
	return r->flags & R_LIST ? TEMPLATE_LIST : r->flags & R_ARRAY ?
	    TEMPLATE_ARRAY : TEMPLATE_OBJECT;
}

/* Names of the loads and of their errors. */
static size_t
add_names(struct arena *a, struct template_name *out,
    const struct page_made *p)
{
	const struct page_load *l = p->row->loads;
	size_t n = 0;

	for (size_t i = 0; i < p->nloads; i++) {
		out[n++] = p->routes[i] == NULL ? (struct template_name){
		    l[i].name, NULL, TEMPLATE_ABSENT } :
		    (struct template_name){ l[i].name, p->routes[i]->out,
		    shape_of(p->routes[i]) };
		out[n++] = (struct template_name){ arena_printf(a, "%s_error",
		    l[i].name), NULL, TEMPLATE_TEXT };
	}
	return n;
}

static int
page_fault(const struct page *p, const char *what, const char *name,
    struct err *e)
{
	return err_set(e, 500, "page", "%s: %s %s", p->path, what, name);
}

static int
resolve_loads(struct http *h, struct page_made *p, struct err *e)
{
	const struct page_load *l = p->row->loads;

	for (; l != NULL && l->name != NULL; l++) {
		const struct route *r = route_find(h, l->route);

		if (p->nloads == PAGE_LOADS)
			return page_fault(p->row, "too many loads", "", e);
		if (r == NULL && (l->flags & LOAD_OPTIONAL)) {
			p->routes[p->nloads++] = NULL;
			continue;
		}
		if (r == NULL || r->method != HTTP_GET || r->out == NULL ||
		    (r->flags & (R_TEXT | R_TXN | R_RAW | R_STEP_UP)))
			return page_fault(p->row, "cannot load", l->route, e);
		p->routes[p->nloads++] = r;
		if (l->flags & LOAD_MAIN)
			p->main = r;
	}
	if (p->row->permission != NULL && !http_permission_known(
	    h->env->modules, p->row->permission))
		return page_fault(p->row, "permission", p->row->permission, e);
	return 0;
}

static int
page_compile(struct http *h, struct pages *ps, struct page_made *p,
    struct err *e)
{
	struct arena *a = h->env->a;
	const struct template_source src = { source_read, source_permission,
	    h };
	struct template_name *names = arena_array(a, 4 * PAGE_LOADS + 3,
	    sizeof(*names));
	bool bare = p->row->flags & PAGE_BARE;
	struct template *t;
	size_t n = 2;

	names[0] = (struct template_name){ "ui", &page_ui_schema,
	    TEMPLATE_OBJECT };
	names[1] = (struct template_name){ "query", p->main != NULL ?
	    p->main->in : NULL, p->main != NULL && p->main->in != NULL ?
	    TEMPLATE_OBJECT : TEMPLATE_FREE };
	if (!bare)
		n += add_names(a, names + n, ps->layout);
	add_names(a, names + n, p);
	if (template_parse(&t, a, &src, bare ? p->row->template :
	    ps->layout->row->template, p->row->template, names, e) == -1)
		return -1;
	p->template = t;
	return 0;
}

static struct page_made *
page_new(struct http *h, const struct page *row, struct err *e)
{
	struct page_made *p = arena_alloc(h->env->a, sizeof(*p));

	p->row = row;
	p->match = (struct route){ .id = row->path, .method = HTTP_GET,
	    .path = row->path };
	return resolve_loads(h, p, e) == -1 ? NULL : p;
}

static void
page_bad(struct str *faults, size_t *n, struct err *e)
{
	str_addf(faults, "\n  %s", e->detail);
	(*n)++;
	err_clear(e);
}

int
pages_open(struct http *h, struct str *faults, size_t *n)
{
	struct pages *ps = arena_alloc(h->env->a, sizeof(*ps));
	VEC(struct page_made *) all = { 0 };
	struct err e = { 0 };

	ps->router = router_new(h->env->a);
	for (size_t m = 0; h->env->modules[m] != NULL; m++) {
		const struct page *const *set = h->env->modules[m]->pages;

		for (; set != NULL && *set != NULL; set++)
			for (const struct page *p = *set; p->path != NULL;
			    p++) {
				struct page_made *made = page_new(h, p, &e);

				if (made == NULL) {
					page_bad(faults, n, &e);
					continue;
				}
				*VEC_ADD(h->env->a, &all) = made;
				if (strcmp(p->path, PAGE_LAYOUT) == 0)
					ps->layout = made;
			}
	}
	ps->v = all.v;
	ps->n = all.n;
	h->pages = ps;
	for (size_t i = 0; i < ps->n; i++) {
		struct page_made *p = ps->v[i];

		if (p == ps->layout || (ps->layout == NULL &&
		    !(p->row->flags & PAGE_BARE)))
			continue;
		if (page_compile(h, ps, p, &e) == -1 ||
		    (!(p->row->flags & PAGE_INNER) && router_add(ps->router,
		    &p->match, NULL, &e) == -1))
			page_bad(faults, n, &e);
	}
	return 0;
}

const struct page *
page_at(const struct http *h, size_t i)
{
	return i < h->pages->n ? h->pages->v[i]->row : NULL;
}

/* ---- answering ------------------------------------------------------------------- */

static void
page_headers(struct ctx *c)
{
	reply_header(c, "Content-Security-Policy", csp);
	reply_header(c, "Referrer-Policy", "same-origin");
	reply_header(c, "X-Frame-Options", "DENY");
	reply_header(c, "Cross-Origin-Opener-Policy", "same-origin");
	reply_header(c, "Permissions-Policy", "camera=(), microphone=(), "
	    "geolocation=(), payment=(), usb=()");
	reply_header(c, "Cache-Control", "no-store");
	reply_header(c, "Vary", "Cookie");
	if (c->req->https)
		reply_header(c, "Strict-Transport-Security",
		    "max-age=31536000");
}

int
page_redirect(struct ctx *c, const char *path)
{
	page_headers(c);
	reply_header(c, "Location", arena_printf(c->a, "%s%s",
	    c->http->conf->prefix, path));
	return reply_text(c, 303, "text/html; charset=utf-8", "", 0);
}

/* Only paths of ours, as a browser would read them: no host, no backslash. */
const char *
page_next(const char *s)
{
	if (s == NULL || strncmp(s, "/ui", 3) != 0 || strlen(s) > 2000 ||
	    (s[3] != '\0' && s[3] != '/' && s[3] != '?'))
		return "/ui";
	for (const char *p = s; *p != '\0'; p++)
		if ((unsigned char)*p <= 0x20 || *p == 0x7f || *p == '\\')
			return "/ui";
	return s;
}

/* "/ui/spot/accounts/{id}" belongs to "/ui/spot/accounts". */
static size_t
section_len(const char *path)
{
	const char *brace = strstr(path, "/{");

	return brace == NULL ? strlen(path) : (size_t)(brace - path);
}

/* "/ui/spot/accounts" stands under "spot", the overview under none. */
static const char *
page_area(struct arena *a, const char *path)
{
	const char *s = strncmp(path, "/ui/", 4) == 0 ? path + 4 : "";

	return arena_strndup(a, s, strcspn(s, "/"));
}

static const struct tree *
ui_tree(struct ctx *c, const struct page_made *p, const struct match *m,
    int status, const char *error)
{
	const struct base_conf *cf = conf_get(c->env->conf, &base_settings);
	const char *query = page_query(c, true), *next = NULL;
	const struct tree *t = NULL;
	struct err e = { 0 };
	struct str s;
	struct page_ui ui = { .title = p->row->title, .path = c->req->path,
	    .section = arena_strndup(c->a, p->row->path,
	    section_len(p->row->path)),
	    .area = page_area(c->a, p->row->path),
	    .query = page_query(c, false), .url = *query == '\0' ?
	    c->req->path : arena_printf(c->a, "%s?%s", c->req->path, query),
	    .id = m->nparams > 0 ? m->params[0].value : "",
	    .prefix = c->http->conf->prefix, .csrf = c->csrf != NULL ?
	    c->csrf : "", .user = c->who.name != NULL ? c->who.name : "",
	    .roles = c->who.roles != NULL ? c->who.roles : "",
	    .version = QX_VERSION, .error = error, .site = cf->name,
	    .request_id = c->request_id, .status = status, .now = c->now,
	    .retry_s = c->err.retry_after_s,
	    .signed_in = c->who.kind != PRINCIPAL_NONE };

	for (size_t i = 0; i < c->req->nquery; i++)
		if (strcmp(c->req->query[i].name, "next") == 0)
			next = c->req->query[i].value;
	ui.next = page_next(c->next != NULL ? c->next : next);
	str_init(&s, c->a);
	schema_encode(&page_ui_schema, &ui, &s);
	tree_parse(c->a, s.p, s.len, &t, &e);
	return t;
}

/* A text as a value of the template. */
static const struct tree *
text_tree(struct ctx *c, const char *text)
{
	const struct tree *t = NULL;
	struct err e = { 0 };
	struct str s;

	str_init(&s, c->a);
	str_json(&s, text);
	tree_parse(c->a, s.p, s.len, &t, &e);
	return t;
}

/* Runs the loads of a row; 0, or the error of the main one. */
static int
load_all(struct ctx *c, const struct page_made *p, const struct match *m,
    const struct tree **values, struct err *e)
{
	for (size_t i = 0; i < p->nloads; i++) {
		const struct page_load *l = &p->row->loads[i];

		err_clear(e);
		if (p->routes[i] == NULL)
			continue;
		if (page_load_run(c, l, p->routes[i], m, &values[2 * i],
		    e) == 0)
			continue;
		if ((l->flags & LOAD_MAIN) && e->status != 422)
			return -1;
		values[2 * i + 1] = text_tree(c, e->status == 422 ?
		    "The address has a filter that is not understood. Clear "
		    "the filters and choose again." : e->detail);
	}
	err_clear(e);
	return 0;
}

static bool
may(const void *arg, const char *permission)
{
	const struct ctx *c = arg;

	return principal_may(&c->who, permission);
}

static int
show(struct ctx *c, const struct page_made *p, const struct match *m,
    int status, const char *error)
{
	const struct pages *ps = c->http->pages;
	const struct tree *values[4 * PAGE_LOADS + 3] = { NULL };
	struct template_data d = { .values = values, .now = c->now,
	    .may = may, .arg = c };
	struct err e = { 0 };
	size_t n = 2;

	if (!(p->row->flags & PAGE_BARE)) {
		load_all(c, ps->layout, m, values + n, &e);
		n += 2 * ps->layout->nloads;
	}
	if (load_all(c, p, m, values + n, &e) == -1) {
		if (e.status != 403 && e.status != 404) {
			c->err = e;
			return e.status;
		}
		return page_show(c, PAGE_MISSING, e.status, e.status == 403 ?
		    e.detail : NULL);
	}
	values[0] = ui_tree(c, p, m, status, error);
	values[1] = page_query_tree(c);
	template_render(p->template, &d, &c->resp->body);
	page_headers(c);
	c->resp->type = "text/html; charset=utf-8";
	return c->resp->status = status;
}

int
page_show(struct ctx *c, const char *path, int status, const char *error)
{
	const struct pages *ps = c->http->pages;
	const struct match none = { .nparams = 0 };

	for (size_t i = 0; i < ps->n; i++)
		if (strcmp(ps->v[i]->row->path, path) == 0)
			return show(c, ps->v[i], &none, status,
			    error != NULL ? error : "");
	return fail(c, 404, "not_found", "Not Found");
}

/* The row that was matched lies at the start of its page_made. */
static const struct page_made *
made_of(const struct pages *ps, const struct route *r)
{
	for (size_t i = 0; i < ps->n; i++)
		if (&ps->v[i]->match == r)
			return ps->v[i];
	return NULL;
}

static int
to_login(struct ctx *c)
{
	const char *query = page_query(c, true);
	struct str s;

	str_init(&s, c->a);
	str_add(&s, c->req->path);
	if (*query != '\0')
		str_addf(&s, "?%s", query);
	query = arena_strdup(c->a, s.p);
	s.len = 0;
	str_add(&s, PAGE_LOGIN "?next=");
	url_encode(&s, query, strlen(query), false);
	return page_redirect(c, s.p);
}

int
page_serve(struct ctx *c)
{
	const struct pages *ps = c->http->pages;
	const struct page_made *p;
	struct match m;

	router_match(ps->router, c->a, c->req->path, HTTP_GET, &m);
	p = m.route == NULL ? NULL : made_of(ps, m.route);
	if (p != NULL && (p->row->flags & PAGE_PUBLIC))
		return show(c, p, &m, 200, "");
	if (c->who.kind == PRINCIPAL_NONE)
		return to_login(c);
	if (p == NULL)
		return page_show(c, PAGE_MISSING, 404, NULL);
	if (!principal_may(&c->who, p->row->permission))
		return page_show(c, PAGE_MISSING, 403, arena_printf(c->a,
		    "This page takes the permission %s",
		    p->row->permission));
	return show(c, p, &m, 200, "");
}

int
page_failed(struct ctx *c, const struct err *e)
{
	const char *accept = request_header(c->req, "Accept");
	const char *path = c->req->path;
	struct err kept = *e;

	if (path == NULL || strncmp(path, "/ui", 3) != 0 || accept == NULL ||
	    strstr(accept, "text/html") == NULL || c->http->pages->n == 0)
		return 0;
	c->resp->body.len = 0;
	c->resp->text = NULL;
	page_show(c, strcmp(path, PAGE_LOGIN) == 0 ? PAGE_LOGIN : PAGE_ERROR,
	    kept.status, kept.status == 500 ? "Internal server error" :
	    kept.nfields > 0 ? "Something was left out: fill in every field" :
	    kept.detail);
	c->err = kept;
	return 1;
}
