/*
 * The OpenAPI document of the real tables: every reference resolves, every
 * operation has a name of its own, path parameters are declared, and nothing
 * occurs twice.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "app/app.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/map.h"
#include "base/str.h"
#include "base/vec.h"
#include "http/http.h"
#include "module.h"
#include "modules/auth/auth.h"

#include <cmocka.h>

static struct arena *a;
static struct http *h;
static struct json_object *doc;
static const char *text;

static int
setup(void **state)
{
	static char *no_env[] = { NULL };
	static struct env env;
	struct conf_source src = { .file = "/none", .env = no_env };
	struct conf *conf;
	struct err e = { 0 };
	struct str s;

	(void)state;
	a = arena_new(64 << 20);
	if (conf_load(&conf, a, app_settings(a, modules), &src, &e) == -1)
		return -1;
	env = (struct env){ .a = a, .conf = conf, .modules = modules };
	if (http_open(&h, &env, &auth_http_hooks, &e) == -1) {
		print_error("%s\n", e.detail);
		return -1;
	}
	str_init(&s, a);
	openapi_emit(h, NULL, &s);
	text = s.p;
	doc = json_tokener_parse(text);
	return doc == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	json_object_put(doc);
	arena_free(a);
	return 0;
}

static struct json_object *
at(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;

	json_object_object_get_ex(o, key, &v);
	return v;
}

/* All objects of the document, without recursion. */
struct pool {
	struct json_object **v;
	size_t n, cap;
};

static struct pool
everything(void)
{
	struct pool p = { 0 };

	*VEC_ADD(a, &p) = doc;
	for (size_t i = 0; i < p.n; i++) {
		struct json_object *o = p.v[i];

		if (json_object_is_type(o, json_type_array)) {
			for (size_t k = 0; k < json_object_array_length(o);
			    k++)
				*VEC_ADD(a, &p) =
				    json_object_array_get_idx(o, k);
			continue;
		}
		if (!json_object_is_type(o, json_type_object))
			continue;
		json_object_object_foreach(o, key, value) {
			(void)key;
			*VEC_ADD(a, &p) = value;
		}
	}
	return p;
}

static void
test_references(void **state)
{
	static const char root[] = "#/components/schemas/";
	struct json_object *schemas = at(at(doc, "components"), "schemas");
	struct pool p = everything();
	size_t seen = 0;

	(void)state;
	for (size_t i = 0; i < p.n; i++) {
		struct json_object *ref =
		    json_object_is_type(p.v[i], json_type_object) ?
		    at(p.v[i], "$ref") : NULL;
		const char *s = ref == NULL ? NULL :
		    json_object_get_string(ref);

		if (s == NULL)
			continue;
		assert_int_equal(strncmp(s, root, sizeof(root) - 1), 0);
		if (at(schemas, s + sizeof(root) - 1) == NULL)
			fail_msg("%s is not defined", s);
		seen++;
	}
	assert_true(seen > 50);
}

static bool
has_path_parameter(struct json_object *op, const char *name, size_t n)
{
	struct json_object *list = at(op, "parameters");

	for (size_t i = 0; list != NULL &&
	    i < json_object_array_length(list); i++) {
		struct json_object *p = json_object_array_get_idx(list, i);
		const char *s = json_object_get_string(at(p, "name"));

		if (strlen(s) == n && memcmp(s, name, n) == 0 &&
		    strcmp(json_object_get_string(at(p, "in")), "path") == 0)
			return json_object_get_boolean(at(p, "required"));
	}
	return false;
}

static void
check_operation(const char *path, const char *verb, struct json_object *op,
    struct map *ids)
{
	const char *id = json_object_get_string(at(op, "operationId"));

	assert_non_null(id);
	if (map_put(ids, id, op) != NULL)
		fail_msg("operationId %s occurs twice", id);
	assert_non_null(at(op, "tags"));
	assert_non_null(at(op, "summary"));
	if (at(op, "responses") == NULL ||
	    json_object_object_length(at(op, "responses")) < 2)
		fail_msg("%s %s has no answers", verb, path);
	for (const char *p = path; (p = strchr(p, '{')) != NULL; p++) {
		size_t n = strcspn(p + 1, "}");

		assert_null(memchr(p + 1, ':', n));
		if (!has_path_parameter(op, p + 1, n))
			fail_msg("%s %s: %.*s is not declared", verb, path,
			    (int)n, p + 1);
	}
}

static void
test_operations(void **state)
{
	struct map *ids = map_new(a);
	size_t want = 0;

	(void)state;
	json_object_object_foreach(at(doc, "paths"), path, item) {
		json_object_object_foreach(item, verb, op) {
			check_operation(path, verb, op, ids);
		}
	}
	for (size_t i = 0; i < http_route_count(h); i++) {
		const struct alias *al = http_route_at(h, i)->aliases;

		want++;
		for (; al != NULL && al->path != NULL; al++)
			want++;
	}
	assert_int_equal(map_count(ids), want);
}

/* json-c keeps the last of equal members, so the text is judged by itself. */
static void
test_no_duplicates(void **state)
{
	struct err e = { 0 };

	(void)state;
	if (json_scan(text, strlen(text), 1000000, "body", a, &e) == -1)
		fail_msg("%s", e.nfields > 0 ? e.fields[0].msg : e.detail);
}

static void
test_fastapi_shape(void **state)
{
	struct json_object *op = at(at(at(doc, "paths"),
	    "/api/system/components/{name}/{action}"), "post");
	struct json_object *schemas = at(at(doc, "components"), "schemas");

	(void)state;
	assert_string_equal(json_object_get_string(at(doc, "openapi")),
	    "3.1.0");
	assert_string_equal(json_object_get_string(at(op, "operationId")),
	    "act_component_api_system_components__name___action__post");
	assert_null(at(op, "requestBody"));
	assert_non_null(at(schemas, "HTTPValidationError"));
	assert_non_null(at(schemas, "ValidationError"));
	assert_non_null(at(at(at(doc, "components"), "securitySchemes"),
	    "OAuth2PasswordBearer"));
}

static void
test_seed(void **state)
{
	struct json_object *part, *paths;
	struct str s;

	(void)state;
	str_init(&s, a);
	openapi_emit(h, "003", &s);
	part = json_tokener_parse(s.p);
	assert_non_null(part);
	paths = at(part, "paths");
	assert_non_null(at(paths, "/api/health"));
	assert_null(at(paths, "/health"));
	json_object_put(part);
}

/* One name, one schema: a reference means the same everywhere. */
struct names {
	struct map *seen;
	const char *clash;
};

static void
note(const struct schema *s, void *arg)
{
	struct names *n = arg;
	const struct schema *was = map_put(n->seen, s->name, (void *)s);

	if (was != NULL && was != s)
		n->clash = s->name;
}

static void
test_names(void **state)
{
	struct names n = { map_new(a), NULL };

	(void)state;
	for (size_t i = 0; i < http_route_count(h); i++) {
		const struct route *r = http_route_at(h, i);

		if (r->in != NULL)
			schema_each(r->in, note, &n);
		if (r->out != NULL)
			schema_each(r->out, note, &n);
	}
	if (n.clash != NULL)
		fail_msg("two schemas are called %s", n.clash);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_references),
		cmocka_unit_test(test_operations),
		cmocka_unit_test(test_no_duplicates),
		cmocka_unit_test(test_fastapi_shape),
		cmocka_unit_test(test_seed),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
