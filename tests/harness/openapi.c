/*
 * Field tables out of an OpenAPI document, at run time; see openapi.h. What a
 * table cannot say is a reason, never a guess.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <json-c/json.h>

#include "base/arena.h"
#include "base/check.h"
#include "schema/schema.h"
#include "tests/harness/openapi.h"

enum { SLOT = 32 };

static struct arena *a;

void
openapi_arena(struct arena *mem)
{
	a = mem;
}

struct json_object *
openapi_get(struct json_object *j, const char *key)
{
	struct json_object *v = NULL;

	if (json_object_is_type(j, json_type_object))
		json_object_object_get_ex(j, key, &v);
	return v;
}

const char *
openapi_text(struct json_object *j, const char *key)
{
	struct json_object *v = openapi_get(j, key);

	return v != NULL ? json_object_get_string(v) : "";
}

struct json_object *
openapi_resolve(struct json_object *doc, struct json_object *s)
{
	const char *ref = openapi_text(s, "$ref");

	if (*ref == '\0')
		return s;
	return openapi_get(openapi_get(openapi_get(doc, "components"), "schemas"),
	    strrchr(ref, '/') + 1);
}

const char *openapi_fraction;

static bool
bound(struct json_object *s, const char *key, int64_t *out)
{
	struct json_object *v = openapi_get(s, key);

	if (v == NULL)
		return false;
	if (json_object_get_double(v) != (double)json_object_get_int64(v)) {
		openapi_fraction = json_object_get_string(v);
		return false;
	}
	*out = json_object_get_int64(v);
	return true;
}

static const char *
number_field(struct json_object *s, struct field *f)
{
	bool lo = bound(s, "minimum", &f->min);
	bool hi = bound(s, "maximum", &f->max);
	bool xlo = bound(s, "exclusiveMinimum", &f->min);
	bool xhi = bound(s, "exclusiveMaximum", &f->max);

	if (lo + hi + xlo + xhi == 0)
		return NULL;
	f->flags |= (xlo ? FF_XMIN : 0) | (xhi ? FF_XMAX : 0);
	if (!lo && !xlo)
		f->min = INT64_MIN;
	if (!hi && !xhi)
		f->max = INT64_MAX;
	return NULL;
}

static const char *
string_field(struct json_object *s, struct field *f)
{
	const char *format = openapi_text(s, "format"), **oneof;
	struct json_object *e;
	size_t i, n;

	f->type = FT_STR;
	if (strcmp(format, "date-time") == 0)
		f->type = FT_TIME;
	else if (strcmp(format, "uri") == 0)
		f->fmt = FMT_URL;
	else if (strcmp(format, "email") == 0)
		f->fmt = FMT_EMAIL;
	else if (strcmp(format, "uuid") == 0)
		f->type = FT_UUID;
	else if (*format != '\0' && strcmp(format, "password") != 0)
		return "file or unknown format";
	if (openapi_get(s, "contentMediaType") != NULL)
		return "file or unknown format";
	if ((e = openapi_get(s, "minLength")) != NULL)
		f->min = json_object_get_int64(e);
	if ((e = openapi_get(s, "maxLength")) != NULL && f->fmt != FMT_URL)
		f->max = json_object_get_int64(e);
	if ((e = openapi_get(s, "pattern")) != NULL)
		f->pattern = json_object_get_string(e);
	if ((e = openapi_get(s, "enum")) != NULL) {
		n = json_object_array_length(e);
		oneof = arena_array(a, n + 1, sizeof(*oneof));
		for (i = 0; i < n; i++)
			oneof[i] = json_object_get_string(
			    json_object_array_get_idx(e, i));
		f->oneof = oneof;
	}
	return NULL;
}

static const char *scalar_field(struct json_object *, struct json_object *,
    struct field *);

struct todo {
	struct json_object *j;
	struct schema *s;
};

/* Structs still to be built: no recursion, documents may be cyclic. */
static struct {
	struct todo v[64];
	size_t n, done;
} todo;

static const struct schema *
later(struct json_object *s)
{
	size_t i;

	for (i = 0; i < todo.n; i++)
		if (todo.v[i].j == s)
			return todo.v[i].s;
	assert_true(todo.n < NITEMS(todo.v));
	todo.v[todo.n].j = s;
	todo.v[todo.n].s = arena_alloc(a, sizeof(struct schema));
	return todo.v[todo.n++].s;
}

static const char *
list_field(struct json_object *doc, struct json_object *s, struct field *f)
{
	struct json_object *items = openapi_resolve(doc, openapi_get(s, "items"));
	struct field item = { 0 };
	const char *why;

	f->type = FT_LIST;
	if (openapi_get(items, "properties") != NULL) {
		f->sub = later(items);
		return NULL;
	}
	if ((why = scalar_field(doc, items, &item)) != NULL)
		return why;
	if (item.type == FT_LIST)
		return "list of lists";
	f->elem = item.type;
	return NULL;
}

static const char *
scalar_field(struct json_object *doc, struct json_object *s, struct field *f)
{
	const char *type = openapi_text(s, "type");

	if (openapi_get(s, "anyOf") != NULL || openapi_get(s, "oneOf") != NULL)
		return "union";
	if (strcmp(type, "string") == 0)
		return string_field(s, f);
	if (strcmp(type, "integer") == 0 || strcmp(type, "number") == 0) {
		f->type = type[0] == 'i' ? FT_INT : FT_REAL;
		return number_field(s, f);
	}
	if (strcmp(type, "boolean") == 0) {
		f->type = FT_BOOL;
		return NULL;
	}
	if (strcmp(type, "array") == 0)
		return list_field(doc, s, f);
	if (strcmp(type, "object") == 0) {
		f->type = FT_SUB;
		f->sub = later(s);
		return openapi_get(s, "properties") == NULL ? "map" : NULL;
	}
	f->type = FT_JSON;
	return NULL;
}

static const char *
make_field(struct json_object *doc, const char *name, struct json_object *s,
    bool required, struct field *f)
{
	struct json_object *any, *first, *second;

	f->name = name;
	f->flags = required ? FF_REQUIRED : 0;
	if (openapi_get(s, "default") != NULL && !required)
		f->def = json_object_to_json_string(openapi_get(s, "default"));
	any = openapi_get(s, "anyOf");
	if (any != NULL && json_object_array_length(any) == 2) {
		first = json_object_array_get_idx(any, 0);
		second = json_object_array_get_idx(any, 1);
		if (strcmp(openapi_text(second, "type"), "null") == 0) {
			f->flags |= FF_NULLABLE;
			s = first;
		}
	}
	return scalar_field(doc, openapi_resolve(doc, s), f);
}

static bool
listed(struct json_object *names, const char *name)
{
	size_t i, n = names != NULL ? json_object_array_length(names) : 0;

	for (i = 0; i < n; i++)
		if (strcmp(json_object_get_string(
		    json_object_array_get_idx(names, i)), name) == 0)
			return true;
	return false;
}

/* Every member in a slot of its own: a layout no compiler chose. */
static void
lay_out(struct schema *s, const char *name, struct field *f, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		f[i].off = i * SLOT;
		f[i].has = 1 + n * SLOT + i;
	}
	*s = (struct schema){ .name = name, .fields = f,
	    .size = n * SLOT + n + 1 };
}

static const char *
make_struct(struct json_object *doc, struct json_object *j, struct schema *s)
{
	struct json_object *props = openapi_get(j, "properties");
	struct field *f;
	const char *why;
	size_t n = 0;

	if (openapi_get(j, "additionalProperties") != NULL || props == NULL)
		return "map";
	f = arena_array(a, (size_t)json_object_object_length(props) + 1,
	    sizeof(*f));
	json_object_object_foreach(props, key, val)
		if ((why = make_field(doc, key, val, listed(openapi_get(j,
		    "required"), key), &f[n++])) != NULL)
			return why;
	lay_out(s, "Model", f, n);
	return NULL;
}

const char *
openapi_body(struct json_object *doc, struct json_object *j, struct schema *s)
{
	const char *why;

	todo.n = todo.done = 0;
	if ((why = make_struct(doc, j, s)) != NULL)
		return why;
	for (; todo.done < todo.n; todo.done++)
		if ((why = make_struct(doc, todo.v[todo.done].j,
		    todo.v[todo.done].s)) != NULL)
			return why;
	return NULL;
}

const char *
openapi_params(struct json_object *doc, struct json_object *op, struct schema *s)
{
	struct json_object *params = openapi_get(op, "parameters"), *p, *req;
	size_t i, n = params != NULL ? json_object_array_length(params) : 0;
	size_t k = 0;
	struct field *f = arena_array(a, n + 1, sizeof(*f));
	const char *in, *why;

	for (i = 0; i < n; i++) {
		p = json_object_array_get_idx(params, i);
		in = openapi_text(p, "in");
		/* Headers are not part of a table; run_case() looks whether
		 * the answer depends on them. */
		if (strcmp(in, "path") != 0 && strcmp(in, "query") != 0)
			continue;
		req = openapi_get(p, "required");
		if ((why = make_field(doc, openapi_text(p, "name"), openapi_get(p, "schema"),
		    req != NULL && json_object_get_boolean(req), &f[k++])) !=
		    NULL)
			return why;
	}
	lay_out(s, "Params", f, k);
	return NULL;
}
