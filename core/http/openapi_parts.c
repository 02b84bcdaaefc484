/*
 * Components of the OpenAPI document: each schema once by its name. A body
 * leaves out what the path names. Where a name is both taken and given, the
 * reply's form is the one defined.
 */
#include <string.h>

#include "base/map.h"
#include "base/str.h"
#include "http/openapi.h"

struct openapi_body {
	const struct route *r;
	const char *path;
};

static const char fixed[] =
    "\"HTTPError\":{\"properties\":{\"detail\":{\"type\":\"string\","
    "\"title\":\"Detail\"}},\"type\":\"object\",\"required\":[\"detail\"],"
    "\"title\":\"HTTPError\"},"
    "\"HTTPValidationError\":{\"properties\":{\"detail\":{\"items\":"
    "{\"$ref\":\"#/components/schemas/ValidationError\"},\"type\":\"array\","
    "\"title\":\"Detail\"}},\"type\":\"object\","
    "\"title\":\"HTTPValidationError\"},"
    "\"ValidationError\":{\"properties\":{\"loc\":{\"items\":{\"anyOf\":"
    "[{\"type\":\"string\"},{\"type\":\"integer\"}]},\"type\":\"array\","
    "\"title\":\"Location\"},\"msg\":{\"type\":\"string\",\"title\":"
    "\"Message\"},\"type\":{\"type\":\"string\",\"title\":\"Error Type\"},"
    "\"input\":{\"title\":\"Input\"},\"ctx\":{\"type\":\"object\","
    "\"title\":\"Context\"}},\"type\":\"object\",\"required\":[\"loc\","
    "\"msg\",\"type\"],\"title\":\"ValidationError\"}";

static void
add_out(const struct schema *s, void *arg)
{
	struct openapi_parts *p = arg;

	if (map_get(p->out, s->name) == NULL)
		map_put(p->out, s->name, (void *)s);
}

struct sub_walk {
	struct openapi_parts *p;
	const struct schema *top;
};

static void
add_sub(const struct schema *s, void *arg)
{
	struct sub_walk *w = arg;

	if (s != w->top)
		add_out(s, w->p);
}

void
openapi_parts_add(struct openapi_parts *p, const struct route *r,
    const char *path)
{
	struct sub_walk w = { p, r->in };

	if (r->in != NULL && openapi_has_body(r, path) &&
	    !(r->flags & R_RAW)) {
		schema_each(r->in, add_sub, &w);
		if (map_get(p->in, r->in->name) == NULL) {
			struct openapi_body *b = arena_alloc(p->a,
			    sizeof(*b));

			*b = (struct openapi_body){ r, path };
			map_put(p->in, r->in->name, b);
		}
	}
	if (r->out != NULL && !(r->flags & R_TEXT) && r->ok != 204)
		schema_each(r->out, add_out, p);
}

static void
body_schema(const struct openapi_body *b, struct str *o)
{
	const struct schema *s = b->r->in;
	const struct field *f;
	size_t n = 0;

	str_add(o, "{\"properties\":{");
	for (f = s->fields; f->name != NULL; f++) {
		if (!openapi_in_body(b->r, b->path, f))
			continue;
		if (n++ > 0)
			str_addc(o, ',');
		str_json(o, f->name);
		str_addc(o, ':');
		field_json_schema(f, o);
	}
	str_add(o, "},\"type\":\"object\"");
	n = 0;
	for (f = s->fields; f->name != NULL; f++) {
		if (!openapi_in_body(b->r, b->path, f) ||
		    !(f->flags & FF_REQUIRED))
			continue;
		str_add(o, n++ == 0 ? ",\"required\":[" : ",");
		str_json(o, f->name);
	}
	if (n > 0)
		str_addc(o, ']');
	str_add(o, ",\"title\":");
	str_json(o, s->name);
	if (s->doc != NULL) {
		str_add(o, ",\"description\":");
		str_json(o, s->doc);
	}
	str_addc(o, '}');
}

/* The route that gives tokens, for the login form of documentation pages. */
static const char *
token_path(struct http *h)
{
	for (size_t i = 0; i < h->nroutes; i++) {
		const struct route *r = h->routes[i];
		const char *end = strrchr(r->path, '/');

		if (r->method == HTTP_POST && (r->flags & R_FORM) &&
		    r->auth == AUTH_NONE && strcmp(end, "/login") == 0)
			return r->path;
	}
	return "/api/auth/login";
}

void
openapi_parts_write(struct openapi_parts *p, struct http *h, struct str *o)
{
	const char *name;
	void *value;
	size_t it = 0;

	str_add(o, ",\"components\":{\"schemas\":{");
	str_add(o, fixed);
	while (map_next(p->out, &it, &name, &value)) {
		str_addc(o, ',');
		str_json(o, name);
		str_addc(o, ':');
		schema_json_schema(value, false, o);
	}
	it = 0;
	while (map_next(p->in, &it, &name, &value)) {
		if (map_get(p->out, name) != NULL)
			continue;
		str_addc(o, ',');
		str_json(o, name);
		str_addc(o, ':');
		body_schema(value, o);
	}
	str_add(o, "},\"securitySchemes\":{\"OAuth2PasswordBearer\":{"
	    "\"type\":\"oauth2\",\"flows\":{\"password\":{\"scopes\":{},"
	    "\"tokenUrl\":");
	str_json(o, arena_printf(p->a, "%s%s", h->conf->prefix,
	    token_path(h)));
	str_add(o, "}}},\"HTTPBearer\":{\"type\":\"http\",\"scheme\":"
	    "\"bearer\"},\"APIKeyHeader\":{\"type\":\"apiKey\",\"in\":"
	    "\"header\",\"name\":\"X-API-Key\"}}}");
}
