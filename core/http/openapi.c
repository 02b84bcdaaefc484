/*
 * The OpenAPI 3.1 document, as FastAPI writes it: operationIds from name, path
 * and method, tags by module, HTTPValidationError, $ref to named components.
 * Everything in it comes from route rows and schemas; an alias is a path of
 * its own. Reads tables only, so it is the same until the tables change.
 */
#include <ctype.h>
#include <string.h>

#include "base/map.h"
#include "base/str.h"
#include "base/vec.h"
#include "http/live.h"
#include "http/openapi.h"

/* ---- names ------------------------------------------------------------------- */

static void
segment_plain(struct str *out, const char *seg, size_t n)
{
	size_t name;

	if (n == 0 || seg[0] != '{') {
		str_addn(out, seg, n);
		return;
	}
	name = strcspn(seg, ":}");
	str_addn(out, seg, name);
	str_addc(out, '}');
}

/* "/a/{id:uuid}" becomes "/a/{id}". */
const char *
openapi_path(struct arena *a, const char *path)
{
	struct str s;

	str_init(&s, a);
	for (const char *p = path; *p != '\0'; ) {
		size_t n;

		str_addc(&s, *p++);
		n = strcspn(p, "/");
		segment_plain(&s, p, n);
		p += n;
	}
	return s.p;
}

bool
openapi_path_has(const char *path, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = path; (p = strchr(p, '{')) != NULL; p++)
		if (strncmp(p + 1, name, n) == 0 &&
		    (p[n + 1] == '}' || p[n + 1] == ':'))
			return true;
	return false;
}

/* "auth.user.create" is the function create_user. */
static void
function_name(struct str *s, const char *id)
{
	const char *last = strrchr(id, '.'), *noun;

	if (last == NULL) {
		str_add(s, id);
		return;
	}
	for (noun = last; noun > id && noun[-1] != '.'; noun--)
		;
	str_addf(s, "%s_%.*s", last + 1, (int)(last - noun), noun);
}

static void
operation_id(struct str *out, const struct route *r, const char *path)
{
	struct str s;

	str_init(&s, out->a);
	function_name(&s, r->id);
	str_add(&s, path);
	str_addc(&s, '_');
	for (const char *m = method_name(r->method); *m != '\0'; m++)
		str_addc(&s, (char)tolower((unsigned char)*m));
	for (size_t i = 0; i < s.len; i++)
		if (!isalnum((unsigned char)s.p[i]))
			s.p[i] = '_';
	str_json(out, s.p);
}

/* ---- what a route takes --------------------------------------------------------- */

static bool
takes(const struct field *f)
{
	return (f->flags & (FF_HIDDEN | FF_READONLY)) == 0;
}

bool
openapi_in_body(const struct route *r, const char *path,
    const struct field *f)
{
	return takes(f) && !openapi_path_has(path, f->name) &&
	    !openapi_path_has(r->path, f->name);
}

static bool
from_query(const struct route *r)
{
	return r->method == HTTP_GET || r->method == HTTP_DELETE ||
	    (r->flags & R_RAW) != 0;
}

bool
openapi_has_body(const struct route *r, const char *path)
{
	if (r->flags & R_RAW)
		return true;
	if (from_query(r))
		return false;
	for (const struct field *f = r->in == NULL ? NULL : r->in->fields;
	    f != NULL && f->name != NULL; f++)
		if (openapi_in_body(r, path, f))
			return true;
	return false;
}

static void
parameter(struct str *o, const struct field *f, const char *in, bool required)
{
	if (o->p[o->len - 1] != '[')
		str_addc(o, ',');
	str_add(o, "{\"name\":");
	str_json(o, f->name);
	str_addf(o, ",\"in\":\"%s\",\"required\":%s,\"schema\":", in,
	    required ? "true" : "false");
	field_json_schema(f, o);
	if (f->doc != NULL) {
		str_add(o, ",\"description\":");
		str_json(o, f->doc);
	}
	str_addc(o, '}');
}

static void
parameters(struct str *o, const struct route *r, const char *path)
{
	size_t mark = o->len;
	const struct field *f = r->in == NULL ? NULL : r->in->fields;

	str_add(o, ",\"parameters\":[");
	for (; f != NULL && f->name != NULL; f++)
		if (openapi_path_has(path, f->name))
			parameter(o, f, "path", true);
		else if (from_query(r) && openapi_in_body(r, path, f))
			parameter(o, f, "query",
			    (f->flags & FF_REQUIRED) != 0);
	if (r->flags & R_IDEMPOTENT)
		str_add(o, o->p[o->len - 1] == '[' ? "" : ",");
	if (r->flags & R_IDEMPOTENT)
		str_add(o, "{\"name\":\"Idempotency-Key\",\"in\":\"header\","
		    "\"required\":false,\"schema\":{\"type\":\"string\","
		    "\"maxLength\":255,\"title\":\"Idempotency-Key\"},"
		    "\"description\":\"A repeat with the same key gets the "
		    "same reply\"}");
	if (o->p[o->len - 1] == '[') {
		o->len = mark;
		o->p[mark] = '\0';
		return;
	}
	str_addc(o, ']');
}

static bool
body_required(const struct route *r, const char *path)
{
	for (const struct field *f = r->in == NULL ? NULL : r->in->fields;
	    f != NULL && f->name != NULL; f++)
		if (openapi_in_body(r, path, f) && (f->flags & FF_REQUIRED))
			return true;
	return false;
}

static void
body_content(struct str *o, const struct route *r, const char *path)
{
	if (!openapi_has_body(r, path))
		return;
	str_add(o, ",\"requestBody\":{\"content\":{");
	if (r->flags & R_RAW) {
		str_json(o, r->consumes != NULL ? r->consumes :
		    "application/octet-stream");
		str_add(o, ":{\"schema\":{\"type\":\"string\"}},"
		    "\"multipart/form-data\":{\"schema\":{\"type\":\"object\","
		    "\"properties\":{\"file\":{\"type\":\"string\","
		    "\"contentMediaType\":\"application/octet-stream\"}},"
		    "\"required\":[\"file\"]}}},\"required\":true}");
		return;
	}
	str_addf(o, "\"application/json\":{\"schema\":{\"$ref\":"
	    "\"#/components/schemas/%s\"}}", r->in->name);
	if (r->flags & R_FORM)
		str_addf(o, ",\"application/x-www-form-urlencoded\":"
		    "{\"schema\":{\"$ref\":\"#/components/schemas/%s\"}}",
		    r->in->name);
	str_addf(o, "}%s}", body_required(r, path) ? ",\"required\":true" :
	    "");
}

/* ---- what it answers ------------------------------------------------------------------ */

static void
success_schema(struct str *o, const struct route *r)
{
	const char *ref = r->out->name;

	if (r->flags & R_ARRAY)
		str_addf(o, "{\"items\":{\"$ref\":\"#/components/schemas/%s\"}"
		    ",\"type\":\"array\"}", ref);
	else if (r->flags & R_LIST)
		str_addf(o, "{\"properties\":{\"items\":{\"items\":{\"$ref\":"
		    "\"#/components/schemas/%s\"},\"type\":\"array\","
		    "\"title\":\"Items\"},\"next\":{\"anyOf\":[{\"type\":"
		    "\"string\"},{\"type\":\"null\"}],\"title\":\"Next\","
		    "\"description\":\"Cursor of the next page\"}},"
		    "\"type\":\"object\",\"required\":[\"items\",\"next\"],"
		    "\"title\":\"%sPage\"}", ref, ref);
	else
		str_addf(o, "{\"$ref\":\"#/components/schemas/%s\"}", ref);
}

static void
success(struct str *o, const struct route *r)
{
	str_addf(o, ",\"responses\":{\"%d\":{\"description\":"
	    "\"Successful Response\"", r->ok);
	if (r->flags & R_TEXT) {
		str_add(o, ",\"content\":{");
		str_json(o, r->media != NULL ? r->media : "text/plain");
		str_add(o, ":{\"schema\":{\"type\":\"string\"}}}");
	} else if (r->out != NULL && r->ok != 204) {
		str_add(o, ",\"content\":{\"application/json\":{\"schema\":");
		success_schema(o, r);
		str_add(o, "}}");
	}
	str_addc(o, '}');
}

static const struct {
	int status;
	const char *text;
} errors[] = {
	{ 400, "Bad Request" }, { 401, "Not authenticated" },
	{ 403, "Forbidden" }, { 404, "Not Found" }, { 409, "Conflict" },
	{ 413, "Content Too Large" }, { 415, "Unsupported Media Type" },
	{ 422, "Validation Error" }, { 429, "Too Many Requests" },
	{ 500, "Internal Server Error" }, { 502, "Bad Gateway" },
	{ 503, "Service Unavailable" }, { 504, "Gateway Timeout" }
};

static bool
implied(const struct route *r, const char *path, int status)
{
	bool body = openapi_has_body(r, path);

	switch (status) {
	case 401:
		return r->auth == AUTH_USER;
	case 403:
		return r->permission != NULL || (r->flags & R_STEP_UP);
	case 404:
		return strchr(path, '{') != NULL;
	case 409:
		return (r->flags & R_IDEMPOTENT) != 0;
	case 413:
		return body;
	case 415:
		return body && r->seed == NULL;
	case 422:
		return r->in != NULL || (r->flags & R_IDEMPOTENT);
	case 429:
	case 500:
		return true;
	case 503:
		return !(r->flags & R_NO_DB);
	default:
		return false;
	}
}

static bool
declared(const struct route *r, int status)
{
	for (const int *p = r->errors; p != NULL && *p != 0; p++)
		if (*p == status)
			return true;
	return false;
}

static void
responses(struct str *o, const struct route *r, const char *path)
{
	success(o, r);
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		int st = errors[i].status;

		if (st == r->ok || (!implied(r, path, st) &&
		    !declared(r, st)))
			continue;
		str_addf(o, ",\"%d\":{\"description\":\"%s\",\"content\":{"
		    "\"application/json\":{\"schema\":{\"$ref\":"
		    "\"#/components/schemas/%s\"}}}}", st, errors[i].text,
		    st == 422 ? "HTTPValidationError" : "HTTPError");
	}
	str_addc(o, '}');
}

static void
security(struct str *o, const struct route *r)
{
	if (r->auth == AUTH_NONE)
		return;
	str_addf(o, ",\"security\":[%s{\"OAuth2PasswordBearer\":[]},"
	    "{\"HTTPBearer\":[]},{\"APIKeyHeader\":[]}]",
	    r->auth == AUTH_OPTIONAL ? "{}," : "");
}

static void
operation(struct str *o, const struct route *r, const struct module *m,
    const struct alias *al, const char *path)
{
	str_addc(o, '"');
	for (const char *p = method_name(r->method); *p != '\0'; p++)
		str_addc(o, (char)tolower((unsigned char)*p));
	str_add(o, "\":{\"tags\":[");
	str_json(o, m->name);
	str_add(o, "],\"summary\":");
	str_json(o, r->summary);
	if (r->doc != NULL) {
		str_add(o, ",\"description\":");
		str_json(o, r->doc);
	}
	str_add(o, ",\"operationId\":");
	operation_id(o, r, path);
	if (al != NULL ? al->deprecated : r->sunset != NULL)
		str_add(o, ",\"deprecated\":true");
	security(o, r);
	if (r->permission != NULL) {
		str_add(o, ",\"x-permission\":");
		str_json(o, r->permission);
	}
	if (al != NULL) {
		str_add(o, ",\"x-alias-of\":");
		str_json(o, openapi_path(o->a, r->path));
	}
	parameters(o, r, path);
	body_content(o, r, path);
	responses(o, r, path);
	str_addc(o, '}');
}

/* ---- paths ------------------------------------------------------------------------------- */

struct entry {
	const struct route *r;
	const struct module *m;
	const struct alias *al;
	const char *path;
	struct entry *next;		/* same path, other method */
};

struct paths {
	struct map *first;
	const char *seed;
	struct arena *a;
};

static bool
of_seed(const struct paths *p, const char *seed)
{
	return p->seed == NULL || *p->seed == '\0' ||
	    (seed != NULL && strcmp(seed, p->seed) == 0);
}

static void
path_add(struct paths *p, const struct route *r, const struct module *m,
    const struct alias *al)
{
	struct entry *x = arena_alloc(p->a, sizeof(*x)), *at;

	if (!of_seed(p, al != NULL ? al->seed : r->seed))
		return;
	*x = (struct entry){ r, m, al, openapi_path(p->a, al != NULL ?
	    al->path : r->path), NULL };
	at = map_get(p->first, x->path);
	if (at == NULL) {
		map_put(p->first, x->path, x);
		return;
	}
	while (at->next != NULL)
		at = at->next;
	at->next = x;
}

static void
paths_collect(struct http *h, struct paths *p)
{
	for (size_t i = 0; i < h->nroutes; i++) {
		const struct route *r = h->routes[i];

		path_add(p, r, h->owners[i], NULL);
		for (const struct alias *al = r->aliases;
		    al != NULL && al->path != NULL; al++)
			path_add(p, r, h->owners[i], al);
	}
}

static void
paths_write(struct paths *p, struct str *o, struct openapi_parts *parts)
{
	const char *path;
	void *value;
	size_t it = 0;
	bool first = true;

	str_add(o, ",\"paths\":{");
	while (map_next(p->first, &it, &path, &value)) {
		if (!first)
			str_addc(o, ',');
		first = false;
		str_json(o, path);
		str_add(o, ":{");
		for (struct entry *x = value; x != NULL; x = x->next) {
			operation(o, x->r, x->m, x->al, x->path);
			if (x->next != NULL)
				str_addc(o, ',');
			openapi_parts_add(parts, x->r, x->path);
		}
		str_addc(o, '}');
	}
	str_addc(o, '}');
}

/* ---- the document ------------------------------------------------------------------------- */

static void
head(struct http *h, struct str *o)
{
	str_add(o, "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"Quincunx\","
	    "\"version\":\"" QX_VERSION "\"}");
	if (*h->conf->prefix != '\0') {
		str_add(o, ",\"servers\":[{\"url\":");
		str_json(o, h->conf->prefix);
		str_add(o, "}]");
	}
}

static void
tags(struct http *h, struct str *o)
{
	str_add(o, ",\"tags\":[");
	for (size_t m = 0; h->env->modules[m] != NULL; m++) {
		str_add(o, m == 0 ? "{\"name\":" : ",{\"name\":");
		str_json(o, h->env->modules[m]->name);
		str_add(o, ",\"description\":");
		str_json(o, h->env->modules[m]->doc);
		str_addc(o, '}');
	}
	str_add(o, "]");
}

/* What is no request and reply: an extension of the document. */
static void
streams(const char *seed, struct str *o)
{
	bool first = true;

	str_add(o, ",\"x-streams\":[");
	for (const struct live_endpoint *e = live_endpoints; e->path != NULL;
	    e++) {
		if (seed != NULL && *seed != '\0' &&
		    (e->seed == NULL || strcmp(e->seed, seed) != 0))
			continue;
		str_add(o, first ? "{\"path\":" : ",{\"path\":");
		first = false;
		str_json(o, e->path);
		str_addf(o, ",\"protocol\":\"%s\",\"summary\":",
		    live_is_ws(e->dialect) ? "websocket" : "sse");
		str_json(o, e->summary);
		str_add(o, ",\"description\":");
		str_json(o, e->doc);
		str_addc(o, '}');
	}
	str_add(o, "]}");
}

static void
emit(struct http *h, const char *seed, struct str *o)
{
	struct arena *a = o->a;
	struct paths p = { map_new(a), seed, a };
	struct openapi_parts parts = { map_new(a), map_new(a), a };

	head(h, o);
	paths_collect(h, &p);
	paths_write(&p, o, &parts);
	openapi_parts_write(&parts, h, o);
	tags(h, o);
	streams(seed, o);
}

void
openapi_emit(struct http *h, const char *seed, struct str *out)
{
	struct arena *a = h->env->a;
	struct str s;

	if (seed != NULL && *seed != '\0') {
		emit(h, seed, out);
		return;
	}
	if (h->openapi == NULL) {
		/* Once per process and configuration. */
		str_init(&s, out->a);
		emit(h, NULL, &s);
		h->openapi = arena_strndup(a, s.p, s.len);
		h->openapi_len = s.len;
	}
	str_addn(out, h->openapi, h->openapi_len);
}
