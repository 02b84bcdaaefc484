/*
 * Replies against the row's schema and against the JSON Schema that the
 * OpenAPI document gives for the same operation.
 */
#include <json.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/random.h"
#include "schema/schema.h"
#include "tests/harness/contract.h"

enum { DEPTH = 24, PLACE = 200 };

/* ---- the row's schema ------------------------------------------------------- */

static bool
is_time(const char *s)
{
	struct utc t;

	return clock_parse(s, &t) == 0;
}

static const struct field *
field_named(const struct schema *s, const char *name)
{
	for (const struct field *f = s->fields; f->name != NULL; f++)
		if (strcmp(f->name, name) == 0)
			return f;
	return NULL;
}

static void check_object(struct world *, const struct schema *,
    struct json_object *, const char *place, int depth);

static bool
oneof_has(const char *const *v, const char *s)
{
	for (; *v != NULL; v++)
		if (strcmp(*v, s) == 0)
			return true;
	return false;
}

static const char *
scalar_fault(const struct field *f, enum ftype type, struct json_object *o)
{
	struct uuid u;

	switch (type) {
	case FT_BOOL:
		return json_object_is_type(o, json_type_boolean) ? NULL :
		    "is no boolean";
	case FT_INT:
		return json_object_is_type(o, json_type_int) ? NULL :
		    "is no whole number";
	case FT_REAL:
		return json_object_is_type(o, json_type_int) ||
		    json_object_is_type(o, json_type_double) ? NULL :
		    "is no number";
	case FT_DEC:
		return json_object_is_type(o, json_type_null) ||
		    json_object_is_type(o, json_type_object) ? "is no decimal" :
		    NULL;
	case FT_JSON:
		return NULL;
	default:
		break;
	}
	if (!json_object_is_type(o, json_type_string))
		return "is no text";
	if (type == FT_UUID && uuid_parse(json_object_get_string(o), &u) != 0)
		return "is no UUID";
	if (type == FT_TIME && !is_time(json_object_get_string(o)))
		return "is no time";
	if (type == FT_STR && f->oneof != NULL &&
	    !oneof_has(f->oneof, json_object_get_string(o)))
		return "is none of the choices";
	return NULL;
}

static void
check_field(struct world *w, const struct field *f, struct json_object *o,
    const char *place, int depth)
{
	const char *fault;
	size_t n;

	if (o == NULL) {
		if (!(f->flags & FF_NULLABLE) && f->type != FT_JSON)
			ct_bad(w, "%s is null", place);
		return;
	}
	if (f->type == FT_SUB) {
		check_object(w, f->sub, o, place, depth + 1);
		return;
	}
	if (f->type != FT_LIST) {
		fault = scalar_fault(f, f->type, o);
		if (fault != NULL)
			ct_bad(w, "%s %s: %s", place, fault,
			    json_object_to_json_string(o));
		return;
	}
	if (!json_object_is_type(o, json_type_array)) {
		ct_bad(w, "%s is no list", place);
		return;
	}
	n = json_object_array_length(o);
	for (size_t i = 0; i < n; i++) {
		struct json_object *e = json_object_array_get_idx(o, i);

		if (f->sub != NULL)
			check_object(w, f->sub, e, place, depth + 1);
		else if ((fault = scalar_fault(f, f->elem, e)) != NULL)
			ct_bad(w, "%s[%zu] %s", place, i, fault);
	}
}

static void
check_object(struct world *w, const struct schema *s, struct json_object *o,
    const char *place, int depth)
{
	char where[PLACE];

	if (!json_object_is_type(o, json_type_object) || depth > DEPTH) {
		ct_bad(w, "%s is no object", place);
		return;
	}
	json_object_object_foreach(o, name, value) {
		const struct field *f = field_named(s, name);

		snprintf(where, sizeof(where), "%s.%s", place, name);
		if (f == NULL)
			ct_bad(w, "%s is not in %s", where, s->name);
		else if (f->flags & (FF_SECRET | FF_HIDDEN))
			ct_bad(w, "%s must never be shown", where);
		else
			check_field(w, f, value, where, depth);
	}
	for (const struct field *f = s->fields; f->name != NULL; f++)
		if (!(f->flags & (FF_SECRET | FF_HIDDEN)) &&
		    !json_object_object_get_ex(o, f->name, NULL))
			ct_bad(w, "%s.%s is missing", place, f->name);
}

static void
check_items(struct world *w, const struct schema *s, struct json_object *list,
    const char *place)
{
	char where[PLACE];

	if (!json_object_is_type(list, json_type_array)) {
		ct_bad(w, "%s is no list", place);
		return;
	}
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		snprintf(where, sizeof(where), "%s[%zu]", place, i);
		check_object(w, s, json_object_array_get_idx(list, i), where,
		    0);
	}
}

/* ---- JSON Schema --------------------------------------------------------------- */

static void judge(struct world *, struct json_object *schema,
    struct json_object *, const char *place, int depth);

static struct json_object *
resolve(struct world *w, struct json_object *s)
{
	const char *ref = json_text_at(s, "$ref");
	struct json_object *at;
	static const char prefix[] = "#/components/schemas/";

	if (*ref == '\0')
		return s;
	if (strncmp(ref, prefix, sizeof(prefix) - 1) != 0) {
		ct_bad(w, "strange $ref %s", ref);
		return NULL;
	}
	at = json_at(w->openapi, "components.schemas");
	if (!json_object_object_get_ex(at, ref + sizeof(prefix) - 1, &at)) {
		ct_bad(w, "%s leads nowhere", ref);
		return NULL;
	}
	return at;
}

static bool
type_fits(const char *type, struct json_object *o)
{
	enum json_type t = json_object_get_type(o);

	return strcmp(type, "null") == 0 ? t == json_type_null :
	    strcmp(type, "boolean") == 0 ? t == json_type_boolean :
	    strcmp(type, "integer") == 0 ? t == json_type_int :
	    strcmp(type, "number") == 0 ? t == json_type_int ||
	    t == json_type_double : strcmp(type, "string") == 0 ?
	    t == json_type_string : strcmp(type, "array") == 0 ?
	    t == json_type_array : strcmp(type, "object") == 0 &&
	    t == json_type_object;
}

static bool
types_fit(struct json_object *type, struct json_object *o)
{
	if (!json_object_is_type(type, json_type_array))
		return type_fits(json_object_get_string(type), o);
	for (size_t i = 0; i < json_object_array_length(type); i++)
		if (type_fits(json_object_get_string(
		    json_object_array_get_idx(type, i)), o))
			return true;
	return false;
}

/* One of the alternatives holds. */
static void
judge_any(struct world *w, struct json_object *any, struct json_object *o,
    const char *place, int depth)
{
	unsigned before = w->failures;
	size_t n = json_object_array_length(any);
	bool one = false, was = w->quiet;

	w->quiet = true;	/* what does not fit is no fault yet */
	for (size_t i = 0; i < n && !one; i++) {
		w->failures = 0;
		judge(w, json_object_array_get_idx(any, i), o, place,
		    depth + 1);
		one = w->failures == 0;
	}
	w->quiet = was;
	w->failures = before;
	if (!one)
		ct_bad(w, "openapi: %s fits no alternative: %.200s", place,
		    json_object_to_json_string(o));
}

static void
judge_object(struct world *w, struct json_object *s, struct json_object *o,
    const char *place, int depth)
{
	struct json_object *props = json_at(s, "properties"), *p,
	    *need = json_at(s, "required"), *more = NULL;
	char where[PLACE];

	json_object_object_get_ex(s, "additionalProperties", &more);
	json_object_object_foreach(o, name, value) {
		snprintf(where, sizeof(where), "%s.%s", place, name);
		if (props != NULL && json_object_object_get_ex(props, name,
		    &p))
			judge(w, p, value, where, depth + 1);
		else if (json_object_is_type(more, json_type_object))
			judge(w, more, value, where, depth + 1);
		else if (props != NULL)
			ct_bad(w, "openapi: %s is not described", where);
	}
	for (size_t i = 0; need != NULL &&
	    i < json_object_array_length(need); i++)
		if (!json_object_object_get_ex(o, json_object_get_string(
		    json_object_array_get_idx(need, i)), NULL))
			ct_bad(w, "openapi: %s.%s is missing", place,
			    json_object_get_string(json_object_array_get_idx(
			    need, i)));
}

static void
judge_number(struct world *w, struct json_object *s, struct json_object *o,
    const char *place)
{
	double v = json_object_get_double(o);
	struct json_object *b;

	if ((b = json_at(s, "minimum")) != NULL &&
	    v < json_object_get_double(b))
		ct_bad(w, "openapi: %s is below its minimum", place);
	if ((b = json_at(s, "maximum")) != NULL &&
	    v > json_object_get_double(b))
		ct_bad(w, "openapi: %s is above its maximum", place);
}

static void
judge_text(struct world *w, struct json_object *s, struct json_object *o,
    const char *place)
{
	const char *format = json_text_at(s, "format"),
	    *text = json_object_get_string(o);
	struct json_object *b;
	struct uuid u;
	size_t n = 0;

	for (const char *p = text; *p != '\0'; p++)
		n += (*p & 0xc0) != 0x80;
	if ((b = json_at(s, "minLength")) != NULL &&
	    n < (size_t)json_object_get_int64(b))
		ct_bad(w, "openapi: %s is too short", place);
	if ((b = json_at(s, "maxLength")) != NULL &&
	    n > (size_t)json_object_get_int64(b))
		ct_bad(w, "openapi: %s is too long", place);
	if (strcmp(format, "uuid") == 0 && uuid_parse(text, &u) != 0)
		ct_bad(w, "openapi: %s is no uuid", place);
	if (strcmp(format, "date-time") == 0 && !is_time(text))
		ct_bad(w, "openapi: %s is no date-time", place);
}

static bool
enum_has(struct json_object *list, struct json_object *o)
{
	for (size_t i = 0; i < json_object_array_length(list); i++)
		if (json_object_equal(json_object_array_get_idx(list, i), o))
			return true;
	return false;
}

static void
judge(struct world *w, struct json_object *s, struct json_object *o,
    const char *place, int depth)
{
	struct json_object *part;

	if (depth > DEPTH || (s = resolve(w, s)) == NULL)
		return;
	if ((part = json_at(s, "anyOf")) != NULL) {
		judge_any(w, part, o, place, depth);
		return;
	}
	if ((part = json_at(s, "enum")) != NULL && !enum_has(part, o))
		ct_bad(w, "openapi: %s is not in the enum: %s", place,
		    json_object_to_json_string(o));
	if ((part = json_at(s, "type")) != NULL && !types_fit(part, o)) {
		ct_bad(w, "openapi: %s has another type: %.100s", place,
		    json_object_to_json_string(o));
		return;
	}
	if (json_object_is_type(o, json_type_object))
		judge_object(w, s, o, place, depth);
	else if (json_object_is_type(o, json_type_string))
		judge_text(w, s, o, place);
	else if (json_object_is_type(o, json_type_int) ||
	    json_object_is_type(o, json_type_double))
		judge_number(w, s, o, place);
	else if (json_object_is_type(o, json_type_array) &&
	    (part = json_at(s, "items")) != NULL)
		for (size_t i = 0; i < json_object_array_length(o); i++)
			judge(w, part, json_object_array_get_idx(o, i), place,
			    depth + 1);
}

/* ---- one reply ------------------------------------------------------------------- */

/* The document has parameters without their types. */
static const char *
document_path(struct world *w, const char *path)
{
	char *out = arena_strdup(w->st->a, path), *to = out;
	bool skip = false;

	for (const char *p = path; *p != '\0'; p++) {
		if (*p == ':' && strchr(p, '}') != NULL)
			skip = true;
		if (*p == '}')
			skip = false;
		if (!skip)
			*to++ = *p;
	}
	*to = '\0';
	return out;
}

static struct json_object *
document_schema(struct world *w, const struct route *r, int alias)
{
	static const char *const verbs[] = { "", "get", "post", "put",
		"patch", "delete" };
	struct json_object *o = json_at(w->openapi, "paths");
	char status[8];

	snprintf(status, sizeof(status), "%d", r->ok);
	if (!json_object_object_get_ex(o, document_path(w, ct_path(r, alias)),
	    &o) || !json_object_object_get_ex(o, verbs[r->method], &o)) {
		ct_bad(w, "openapi: %s %s is not described",
		    verbs[r->method], ct_path(r, alias));
		return NULL;
	}
	o = json_at(o, "responses");
	if (!json_object_object_get_ex(o, status, &o)) {
		ct_bad(w, "openapi: status %s is not described", status);
		return NULL;
	}
	o = json_at(o, "content");
	if (o == NULL || !json_object_object_get_ex(o, "application/json",
	    &o))
		return NULL;
	return json_at(o, "schema");
}

static void
common(struct world *w, const struct reply *p)
{
	if (http_header_count(p, "X-Request-ID") != 1)
		ct_bad(w, "%s %s: X-Request-ID %zu times", p->method,
		    p->path, http_header_count(p, "X-Request-ID"));
	if (http_header_count(p, "X-Content-Type-Options") != 1)
		ct_bad(w, "no X-Content-Type-Options");
	if (http_header_count(p, "Cache-Control") != 1)
		ct_bad(w, "no single Cache-Control");
}

void
ct_validate(struct world *w, const struct route *r, int alias,
    const struct reply *p)
{
	const char *type = http_header(w->st, p, "Content-Type");
	struct json_object *schema, *list = p->json;

	common(w, p);
	if ((r->flags & R_SECRET) && strstr(http_header(w->st, p,
	    "Cache-Control"), "no-store") == NULL)
		ct_bad(w, "a secret that may be cached");
	if (r->ok == 204 || (r->flags & R_TEXT)) {
		if (r->ok == 204 && p->len > 0)
			ct_bad(w, "a body with 204");
		/* octet-stream in a row: files of many types */
		if (r->ok != 204 && r->media != NULL && (type == NULL ||
		    (strcmp(type, r->media) != 0 && strcmp(r->media,
		    "application/octet-stream") != 0)))
			ct_bad(w, "Content-Type %s, the row says %s",
			    type != NULL ? type : "(none)", r->media);
		return;
	}
	if (type == NULL || strcmp(type, "application/json") != 0)
		ct_bad(w, "Content-Type %s", type != NULL ? type : "(none)");
	if (p->json == NULL) {
		ct_bad(w, "no JSON: %.200s", p->body);
		return;
	}
	if (r->flags & R_LIST) {
		if (!json_object_is_type(p->json, json_type_object) ||
		    json_object_object_length(p->json) != 2 ||
		    !json_object_object_get_ex(p->json, "next", NULL))
			ct_bad(w, "a list is {items, next}");
		list = json_at(p->json, "items");
	}
	if (r->flags & (R_LIST | R_ARRAY))
		check_items(w, r->out, list, "items");
	else
		check_object(w, r->out, p->json, "reply", 0);
	schema = document_schema(w, r, alias);
	if (schema != NULL)
		judge(w, schema, p->json, "reply", 0);
	else if (!(r->flags & R_TEXT))
		ct_bad(w, "openapi: no schema for %d", r->ok);
}

void
ct_validate_error(struct world *w, const struct reply *p, int status)
{
	struct json_object *detail = json_at(p->json, "detail");

	if (p->status != status) {
		ct_bad(w, "%s %s: %d instead of %d: %.400s", p->method,
		    p->path, p->status, status, p->body);
		return;
	}
	common(w, p);
	if (!json_object_is_type(p->json, json_type_object) ||
	    json_object_object_length(p->json) != 1 || detail == NULL)
		ct_bad(w, "%d is not {\"detail\": …}: %.300s", status,
		    p->body);
	else if (!json_object_is_type(detail, json_type_string) &&
	    !(status == 422 && json_object_is_type(detail, json_type_array)))
		ct_bad(w, "%d: strange detail: %.300s", status, p->body);
	if (status == 401 && http_header(w->st, p,
	    "WWW-Authenticate") == NULL)
		ct_bad(w, "401 without WWW-Authenticate");
	if ((status == 429 || status == 503) &&
	    http_header(w->st, p, "Retry-After") == NULL)
		ct_bad(w, "%d without Retry-After", status);
}

bool
ct_entry(const struct reply *p, const char *type, const char *where,
    const char *member)
{
	struct json_object *list = json_at(p->json, "detail");

	if (!json_object_is_type(list, json_type_array))
		return false;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *e = json_object_array_get_idx(list, i);

		if ((type == NULL ||
		    strcmp(json_text_at(e, "type"), type) == 0) &&
		    (where == NULL ||
		    strcmp(json_text_at(e, "loc.0"), where) == 0) &&
		    (member == NULL ||
		    strcmp(json_text_at(e, "loc.1"), member) == 0))
			return true;
	}
	return false;
}
