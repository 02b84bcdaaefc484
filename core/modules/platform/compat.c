/*
 * Two OpenAPI documents side by side. What counts is what a client of the old
 * backend would notice: parameters and members it sends that are not read,
 * ones it does not send that are needed, members of replies it would miss,
 * other types. References are followed within their own document only, to a
 * bounded depth, so that a document that refers to itself ends.
 */
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/map.h"
#include "base/str.h"
#include "modules/platform/compat.h"
#include "schema/tree.h"

enum { DEPTH = 6, REFS = 8, SAID_MAX = 40 };

static const char *const methods[] = { "get", "put", "post", "delete",
    "options", "head", "patch", "trace", NULL };
static const char *const state_words[] = { "served", "differs", "missing" };

/* One comparison of two operations. */
struct pair_of {
	struct arena *a;
	const struct tree *old_doc, *own_doc;
	struct platform_compat_row *row;
	const char *place;		/* "request", "response 200" */
	bool reply;			/* the old side reads it */
};

static const struct tree *
item(const struct tree *t, size_t i)
{
	const char *name;

	return tree_at(t, i, &name);
}

const char *
platform_compat_path(struct arena *a, const char *path)
{
	struct str s;

	str_init(&s, a);
	for (; *path != '\0'; path++)
		if (*path == '{') {
			str_add(&s, "{}");
			path += strcspn(path, "}");
			if (*path == '\0')
				break;
		} else
			str_addc(&s, *path);
	while (s.len > 1 && s.p[s.len - 1] == '/')
		s.p[--s.len] = '\0';
	return s.p;
}

static void
say(struct pair_of *x, const char *fmt, const char *what, const char *more)
{
	struct platform_compat_row *r = x->row;
	const char *text = arena_printf(x->a, "%s: ", x->place);

	if (r->differences.n >= SAID_MAX)
		return;
	text = arena_printf(x->a, "%s%s%s%s", text, fmt, what, more);
	for (size_t i = 0; i < r->differences.n; i++)
		if (strcmp(r->differences.v[i], text) == 0)
			return;
	*VEC_ADD(x->a, &r->differences) = text;
}

/* ---- schemas ---------------------------------------------------------------- */

/* "#/components/schemas/X" of a document, with ~0 and ~1. */
static const struct tree *
pointer(struct arena *a, const struct tree *doc, const char *ref)
{
	if (strncmp(ref, "#/", 2) != 0)
		return NULL;
	for (ref += 2; ; ref++) {
		size_t n = strcspn(ref, "/");
		char *name = arena_strndup(a, ref, n), *to = name;

		for (const char *p = name; *p != '\0'; p++)
			if (*p == '~' && (p[1] == '0' || p[1] == '1'))
				*to++ = *++p == '0' ? '~' : '/';
			else
				*to++ = *p;
		*to = '\0';
		doc = tree_get(doc, name);
		ref += n;
		if (*ref == '\0')
			return doc;
	}
}

static const struct tree *
resolve(struct arena *a, const struct tree *doc, const struct tree *t)
{
	for (int i = 0; i < REFS; i++) {
		const struct tree *ref = tree_get(t, "$ref");

		if (tree_kind(ref) != TREE_TEXT)
			return t;
		t = pointer(a, doc, tree_text(ref));
	}
	return NULL;
}

enum { T_NULL = 1, T_BOOL = 2, T_INTEGER = 4, T_NUMBER = 8, T_STRING = 16,
	T_ARRAY = 32, T_OBJECT = 64 };

static unsigned
type_bit(const char *name)
{
	static const char *const names[] = { "null", "boolean", "integer",
	    "number", "string", "array", "object", NULL };

	for (unsigned i = 0; names[i] != NULL; i++)
		if (strcmp(names[i], name) == 0)
			return 1u << i;
	return 0;
}

/* Types a schema allows; 0 = it does not say. */
static unsigned
types_of(struct arena *a, const struct tree *doc, const struct tree *schema,
    int depth)
{
	static const char *const any[] = { "anyOf", "oneOf", NULL };
	const struct tree *t;
	unsigned bits = 0, one;

	schema = resolve(a, doc, schema);
	t = tree_get(schema, "type");
	if (tree_kind(t) == TREE_TEXT)
		bits = type_bit(tree_text(t));
	for (size_t i = 0; tree_kind(t) == TREE_LIST && i < tree_count(t); i++)
		bits |= type_bit(tree_text(item(t, i)));
	if (tree_true(tree_get(schema, "nullable")) && bits != 0)
		bits |= T_NULL;
	for (int k = 0; bits == 0 && depth > 0 && any[k] != NULL; k++) {
		t = tree_get(schema, any[k]);
		for (size_t i = 0; i < tree_count(t); i++) {
			one = types_of(a, doc, item(t, i), depth - 1);
			if (one == 0)
				return 0;
			bits |= one;
		}
	}
	t = tree_get(schema, "allOf");
	for (size_t i = 0; bits == 0 && depth > 0 && i < tree_count(t); i++)
		bits = types_of(a, doc, item(t, i), depth - 1);
	if (bits == 0 && tree_count(tree_get(schema, "properties")) > 0)
		bits = T_OBJECT;
	return bits;
}

static const char *
types_text(struct arena *a, unsigned bits)
{
	static const char *const names[] = { "null", "boolean", "integer",
	    "number", "string", "array", "object" };
	struct str s;

	str_init(&s, a);
	for (unsigned i = 0; i < 7; i++)
		if (bits & 1u << i)
			str_addf(&s, "%s%s", s.len > 0 ? " or " : "", names[i]);
	return s.p;
}

/* The object among the choices of a schema, if there is one. */
static const struct tree *
shape(struct arena *a, const struct tree *doc, const struct tree *schema,
    unsigned bit, int depth)
{
	static const char *const any[] = { "anyOf", "oneOf", "allOf", NULL };

	schema = resolve(a, doc, schema);
	if (tree_kind(tree_get(schema, bit == T_OBJECT ? "properties" :
	    "items")) == TREE_OBJECT)
		return schema;
	for (int k = 0; depth > 0 && any[k] != NULL; k++) {
		const struct tree *t = tree_get(schema, any[k]);

		for (size_t i = 0; i < tree_count(t); i++) {
			const struct tree *one = shape(a, doc,
			    item(t, i), bit, depth - 1);

			if (one != NULL)
				return one;
		}
	}
	return NULL;
}

/* Members by name: of all parts where a schema is put together of several. */
static void
members(struct arena *a, const struct tree *doc, const struct tree *schema,
    struct map *out, struct map *needed, int depth)
{
	const struct tree *t, *props;
	const char *name;

	schema = resolve(a, doc, schema);
	t = tree_get(schema, "allOf");
	for (size_t i = 0; depth > 0 && i < tree_count(t); i++)
		members(a, doc, item(t, i), out, needed, depth - 1);
	if (tree_kind(tree_get(schema, "properties")) != TREE_OBJECT &&
	    tree_count(t) == 0) {
		schema = shape(a, doc, schema, T_OBJECT, depth);
	}
	props = tree_get(schema, "properties");
	for (size_t i = 0; i < tree_count(props); i++) {
		t = tree_at(props, i, &name);
		map_put(out, name, (void *)(uintptr_t)t);
	}
	t = tree_get(schema, "required");
	for (size_t i = 0; i < tree_count(t); i++) {
		name = tree_text(item(t, i));
		map_put(needed, name, (void *)(uintptr_t)name);
	}
}

static void compare(struct pair_of *, const struct tree *old,
    const struct tree *own, const char *at, int depth);

/* Which members one side has that the other needs. */
static void
compare_members(struct pair_of *x, const struct tree *old,
    const struct tree *own, const char *at, int depth)
{
	struct map *om = map_new(x->a), *on = map_new(x->a);
	struct map *wm = map_new(x->a), *wn = map_new(x->a);
	const char *name;
	size_t it = 0;
	void *v;

	members(x->a, x->old_doc, old, om, on, DEPTH);
	members(x->a, x->own_doc, own, wm, wn, DEPTH);
	if (map_count(om) == 0 || (map_count(wm) == 0 && x->reply))
		return;		/* a free object: nothing is promised */
	while (map_next(om, &it, &name, &v)) {
		const char *path = arena_printf(x->a, "%s%s%s", at,
		    *at != '\0' ? "." : "", name);
		void *other = map_get(wm, name);

		if (other == NULL)
			say(x, x->reply ? "lacks " : "does not read ", path, "");
		else
			compare(x, v, other, path, depth - 1);
	}
	it = 0;
	while (!x->reply && map_next(wn, &it, &name, &v))
		if (map_get(on, name) == NULL)
			say(x, "needs ", arena_printf(x->a, "%s%s%s", at,
			    *at != '\0' ? "." : "", name), "");
}

/* Whether values of the types "from" suit one who expects "to". */
static bool
suits(unsigned from, unsigned to)
{
	if (to & T_NUMBER)
		to |= T_INTEGER;
	return from == 0 || to == 0 || (from & ~to & ~(unsigned)T_NULL) == 0;
}

static void
compare(struct pair_of *x, const struct tree *old, const struct tree *own,
    const char *at, int depth)
{
	unsigned o, w;

	if (depth <= 0)
		return;
	o = types_of(x->a, x->old_doc, old, DEPTH);
	w = types_of(x->a, x->own_doc, own, DEPTH);
	if (x->reply ? !suits(w, o) : !suits(o, w))
		say(x, *at != '\0' ? at : "body", arena_printf(x->a,
		    " is %s, ", types_text(x->a, w)), arena_printf(x->a,
		    "was %s", types_text(x->a, o)));
	else if (o & w & T_OBJECT)
		compare_members(x, old, own, at, depth);
	else if (o & w & T_ARRAY)
		compare(x, tree_get(shape(x->a, x->old_doc, old, T_ARRAY,
		    DEPTH), "items"), tree_get(shape(x->a, x->own_doc, own,
		    T_ARRAY, DEPTH), "items"), arena_printf(x->a, "%s[]", at),
		    depth - 1);
}

/* ---- operations --------------------------------------------------------------- */

/* The schema of a body in JSON, or the first there is. */
static const struct tree *
content(struct arena *a, const struct tree *doc, const struct tree *body)
{
	const struct tree *c = tree_get(resolve(a, doc, body), "content");
	const struct tree *t = tree_get(c, "application/json");

	if (t == NULL && tree_count(c) > 0)
		t = item(c, 0);
	return tree_get(t, "schema");
}

/* The first reply of success. */
static const struct tree *
success(const struct tree *op, const char **status)
{
	const struct tree *all = tree_get(op, "responses");
	const char *name;

	for (size_t i = 0; i < tree_count(all); i++) {
		const struct tree *r = tree_at(all, i, &name);

		if (name[0] == '2') {
			*status = name;
			return r;
		}
	}
	*status = "";
	return NULL;
}

static bool
has_parameter(struct arena *a, const struct tree *doc, const struct tree *list,
    const char *name, const char *in)
{
	for (size_t i = 0; i < tree_count(list); i++) {
		const struct tree *p = resolve(a, doc, item(list, i));

		if (strcmp(tree_text(tree_get(p, "in")), in) == 0 &&
		    (strcmp(in, "header") == 0 ? strcasecmp : strcmp)
		    (tree_text(tree_get(p, "name")), name) == 0)
			return true;
	}
	return false;
}

/* Query parameters only: names in the path do not matter, and headers of the
 * transport are in no document. */
static void
compare_parameters(struct pair_of *x, const struct tree *old,
    const struct tree *own)
{
	const struct tree *ol = tree_get(old, "parameters");
	const struct tree *wl = tree_get(own, "parameters");

	x->place = "query";
	for (size_t i = 0; i < tree_count(ol); i++) {
		const struct tree *p = resolve(x->a, x->old_doc,
		    item(ol, i));
		const char *name = tree_text(tree_get(p, "name"));

		if (strcmp(tree_text(tree_get(p, "in")), "query") == 0 &&
		    !has_parameter(x->a, x->own_doc, wl, name, "query"))
			say(x, "does not read ", name, "");
	}
	for (size_t i = 0; i < tree_count(wl); i++) {
		const struct tree *p = resolve(x->a, x->own_doc,
		    item(wl, i));
		const char *name = tree_text(tree_get(p, "name"));

		if (strcmp(tree_text(tree_get(p, "in")), "query") == 0 &&
		    tree_true(tree_get(p, "required")) &&
		    !has_parameter(x->a, x->old_doc, ol, name, "query"))
			say(x, "needs ", name, "");
	}
}

static void
compare_operations(struct pair_of *x, const struct tree *old,
    const struct tree *own)
{
	const struct tree *o, *w;
	const char *os, *ws;

	compare_parameters(x, old, own);
	x->place = "request";
	x->reply = false;
	o = tree_get(old, "requestBody");
	w = tree_get(own, "requestBody");
	if (o != NULL && w == NULL)
		say(x, "a body is not read", "", "");
	else if (o == NULL && tree_true(tree_get(w, "required")))
		say(x, "a body is needed", "", "");
	else if (o != NULL)
		compare(x, content(x->a, x->old_doc, o), content(x->a,
		    x->own_doc, w), "", DEPTH);
	o = success(old, &os);
	w = success(own, &ws);
	x->reply = true;
	x->place = arena_printf(x->a, "response %s", os);
	if (*os != '\0' && *ws != '\0' && strcmp(os, ws) != 0 &&
	    strcmp(os, "2XX") != 0)
		say(x, "status is ", ws, "");
	if (o != NULL && w != NULL)
		compare(x, content(x->a, x->old_doc, o), content(x->a,
		    x->own_doc, w), "", DEPTH);
}

/* ---- documents ------------------------------------------------------------------ */

struct own_path {
	const char *path;
	const struct tree *item;
};

static struct map *
own_paths(struct arena *a, const struct tree *own)
{
	const struct tree *paths = tree_get(own, "paths");
	struct map *m = map_new(a);
	const char *name;

	for (size_t i = 0; i < tree_count(paths); i++) {
		struct own_path *p = arena_alloc(a, sizeof(*p));
		const char *key;

		p->item = tree_at(paths, i, &name);
		p->path = name;
		key = platform_compat_path(a, name);
		if (map_get(m, key) == NULL)
			map_put(m, key, p);
	}
	return m;
}

/* "https://host/v1/" is "/v1"; "" without a path. */
static const char *
server_path(struct arena *a, const struct tree *old)
{
	const struct tree *first = item(tree_get(old, "servers"), 0);
	const char *url = tree_text(tree_get(first, "url"));
	const char *p = strstr(url, "://");

	p = p != NULL ? strchr(p + 3, '/') : url;
	if (p == NULL || *p != '/' || p[1] == '\0')
		return "";
	return platform_compat_path(a, p);
}

static const struct own_path *
find_own(struct arena *a, const struct map *m, const char *path,
    const char *server, const char *prefix)
{
	size_t n = strlen(prefix);
	const struct own_path *p;

	if (n > 0 && strncmp(path, prefix, n) == 0)
		path = path[n] == '\0' ? "/" : path + n;
	p = map_get(m, platform_compat_path(a, path));
	if (p == NULL && *server != '\0')
		p = map_get(m, platform_compat_path(a, arena_printf(a, "%s%s",
		    server, path)));
	return p;
}

static void
compare_one(struct platform_compat *c, struct pair_of *x, const char *path,
    const char *method, const struct tree *op, const struct own_path *own)
{
	struct platform_compat_row *r = VEC_ADD(c->a, &c->rows);
	const struct tree *ours = own != NULL ? tree_get(own->item, method) :
	    NULL;

	r->path = path;
	r->method = method;
	r->state = COMPAT_MISSING;
	if (ours != NULL) {
		x->row = r;
		if (strcmp(own->path, path) != 0)
			r->ours = own->path;
		compare_operations(x, op, ours);
		r->state = r->differences.n > 0 ? COMPAT_DIFFERS :
		    COMPAT_SERVED;
	} else if (own != NULL)
		*VEC_ADD(c->a, &r->differences) = "the path is served with "
		    "other methods";
	c->count[r->state]++;
}

int
platform_compat_compare(struct platform_compat *c, const struct tree *old,
    const struct tree *own, const char *prefix, struct err *e)
{
	const struct tree *paths = tree_get(old, "paths");
	struct pair_of x = { .a = c->a, .old_doc = old, .own_doc = own };
	struct map *m = own_paths(c->a, own);
	const char *server, *path;

	if (tree_kind(paths) != TREE_OBJECT ||
	    tree_text(tree_get(old, "openapi"))[0] != '3')
		return err_set(e, 422, "openapi", "this is no document of "
		    "OpenAPI 3 (members \"openapi\" and \"paths\")");
	server = server_path(c->a, old);
	for (size_t i = 0; i < tree_count(paths); i++) {
		const struct tree *it = tree_at(paths, i, &path);
		const struct own_path *p = find_own(c->a, m, path, server,
		    prefix);

		it = resolve(c->a, old, it);
		for (size_t k = 0; methods[k] != NULL; k++) {
			const struct tree *op = tree_get(it, methods[k]);

			if (tree_kind(op) == TREE_OBJECT)
				compare_one(c, &x, path, methods[k], op, p);
		}
	}
	return 0;
}

/* ---- words -------------------------------------------------------------------- */

static void
add_method(struct str *s, const char *method)
{
	for (; *method != '\0'; method++)
		str_addc(s, (char)(*method - 'a' + 'A'));
}

void
platform_compat_text(const struct platform_compat *c, struct str *s)
{
	for (size_t i = 0; i < c->rows.n; i++) {
		const struct platform_compat_row *r = &c->rows.v[i];

		str_addf(s, "%s  ", state_words[r->state]);
		add_method(s, r->method);
		str_addc(s, ' ');
		str_term(s, r->path, strlen(r->path));
		if (r->ours != NULL)
			str_addf(s, "  (here %s)", r->ours);
		str_addc(s, '\n');
		for (size_t k = 0; k < r->differences.n; k++) {
			const char *d = r->differences.v[k];

			str_add(s, "           ");
			str_term(s, d, strlen(d));
			str_addc(s, '\n');
		}
	}
	str_addf(s, "%zu operations: %zu served, %zu differ, %zu missing\n",
	    c->rows.n, c->count[COMPAT_SERVED], c->count[COMPAT_DIFFERS],
	    c->count[COMPAT_MISSING]);
}

void
platform_compat_json(const struct platform_compat *c, struct str *s)
{
	str_addf(s, "{\"served\":%zu,\"differs\":%zu,\"missing\":%zu,"
	    "\"operations\":[", c->count[COMPAT_SERVED],
	    c->count[COMPAT_DIFFERS], c->count[COMPAT_MISSING]);
	for (size_t i = 0; i < c->rows.n; i++) {
		const struct platform_compat_row *r = &c->rows.v[i];

		str_addf(s, "%s{\"method\":\"", i > 0 ? "," : "");
		add_method(s, r->method);
		str_add(s, "\",\"path\":");
		str_json(s, r->path);
		str_addf(s, ",\"status\":\"%s\",\"ours\":",
		    state_words[r->state]);
		str_json(s, r->ours);
		str_add(s, ",\"differences\":[");
		for (size_t k = 0; k < r->differences.n; k++) {
			if (k > 0)
				str_addc(s, ',');
			str_json(s, r->differences.v[k]);
		}
		str_add(s, "]}");
	}
	str_add(s, "]}\n");
}
