/*
 * Our 422 answers against FastAPI's own tests: field tables are built at run
 * time from each application's OpenAPI document, every request of its tests is
 * decoded, and each entry must be equal in type, loc, msg, input and ctx. What
 * a field table cannot say is counted by reason; the number that is compared
 * has a floor.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <json-c/json.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/codec.h"
#include "base/str.h"
#include "schema/schema.h"
#include "tests/harness/data.h"
#include "tests/harness/openapi.h"

enum { MIN_ACCEPTED = 150, MIN_REFUSED = 66, MAX_REASONS = 32 };

static struct arena *a;

static struct {
	const char *what;
	int n, refused;
} reasons[MAX_REASONS];

static void
skipped(const char *why, bool refused)
{
	int i;

	for (i = 0; reasons[i].what != NULL &&
	    strcmp(reasons[i].what, why) != 0; i++)
		assert_true(i < MAX_REASONS - 1);
	reasons[i].what = why;
	reasons[i].n++;
	reasons[i].refused += refused;
}

/* ---- requests ---------------------------------------------------------- */

struct call {
	struct json_object *op, *sent, *form;
	bool has_json;
	struct pair path[8], query[64];
	size_t npath, nquery;
};

/* Fills path[] if the path fits the template. */
static bool
match_path(const char *tmpl, const char *path, struct call *c)
{
	size_t n;

	c->npath = 0;
	while (*tmpl != '\0') {
		if (strcmp(tmpl, "/") == 0 && *path == '\0')
			return true;
		if (*tmpl != '{') {
			if (*tmpl++ != *path++)
				return false;
			continue;
		}
		n = strcspn(path, "/");
		if (n == 0)
			return false;
		c->path[c->npath++] = (struct pair){ arena_strndup(a,
		    tmpl + 1, strcspn(tmpl + 1, ":}")),
		    url_decode(a, path, n, false) };
		path += n;
		tmpl += strcspn(tmpl, "}") + 1;
	}
	/* Both slash forms are served. */
	return strcmp(path, *path == '/' ? "/" : "") == 0;
}

static void
add_query(struct call *c, const char *name, struct json_object *v)
{
	size_t i;

	if (json_object_is_type(v, json_type_array)) {
		for (i = 0; i < json_object_array_length(v); i++)
			c->query[c->nquery++] = (struct pair){ name,
			    json_object_get_string(
			    json_object_array_get_idx(v, i)) };
	} else if (v != NULL)
		c->query[c->nquery++] = (struct pair){ name,
		    json_object_get_string(v) };
}

static const char *
find_op(struct json_object *doc, struct json_object *test, struct call *c)
{
	const char *url = openapi_text(test, "url"), *path, *q, *method;
	struct json_object *params = openapi_get(test, "params");
	struct pair *pairs;
	size_t n, i;
	char low[8];

	path = arena_strndup(a, url, strcspn(url, "?"));
	q = strchr(url, '?');
	if (q != NULL && url_pairs(a, q + 1, strlen(q + 1), &pairs, &n) == 0)
		for (i = 0; i < n; i++)
			c->query[c->nquery++] = pairs[i];
	if (params != NULL) {
		json_object_object_foreach(params, name, value)
			add_query(c, name, value);
	}
	method = openapi_text(test, "method");
	for (i = 0; method[i] != '\0' && i < 7; i++)
		low[i] = (char)(method[i] | 32);
	low[i] = '\0';
	json_object_object_foreach(openapi_get(doc, "paths"), key, item) {
		if (!match_path(key, path, c) || openapi_get(item, low) == NULL)
			continue;
		c->op = openapi_get(item, low);
		return NULL;
	}
	return "path is not in the document";
}

/* ---- comparison -------------------------------------------------------- */

static struct json_object *
parsed(const char *json)
{
	struct json_object *j = json_tokener_parse(json);

	if (j == NULL && strcmp(json, "null") != 0)
		fail_msg("not JSON: %s", json);
	return j;
}

static bool
same(struct json_object *want, const char *json)
{
	struct json_object *have = parsed(json);
	bool eq = want == have || json_object_equal(want, have);

	json_object_put(have);
	return eq;
}

static bool
same_entry(struct json_object *want, const struct err_field *e, bool embedded)
{
	struct json_object *loc = openapi_get(want, "loc");
	bool blank = embedded && strcmp(e->type, "missing") == 0 &&
	    json_object_array_length(loc) == 2;

	return strcmp(openapi_text(want, "type"), e->type) == 0 &&
	    strcmp(openapi_text(want, "msg"), e->msg) == 0 && same(loc, e->loc) &&
	    same(openapi_get(want, "input"), blank ? "null" : e->input) &&
	    (openapi_get(want, "ctx") == NULL) == (e->ctx == NULL) &&
	    (e->ctx == NULL || same(openapi_get(want, "ctx"), e->ctx));
}

static void
show(const struct err *e)
{
	size_t i;

	for (i = 0; i < e->nfields; i++)
		fprintf(stderr, "  have %s %s \"%s\" input %s ctx %s\n",
		    e->fields[i].type, e->fields[i].loc, e->fields[i].msg,
		    e->fields[i].input,
		    e->fields[i].ctx != NULL ? e->fields[i].ctx : "-");
}

static int
compare(struct json_object *test, const struct err *e, bool embedded)
{
	struct json_object *want = openapi_get(openapi_get(test, "response"), "detail");
	bool refused = json_object_get_int(openapi_get(test, "status")) == 422;
	size_t i, n = refused ? json_object_array_length(want) : 0;
	bool ok = n == e->nfields;

	for (i = 0; ok && i < n; i++)
		ok = same_entry(json_object_array_get_idx(want, i),
		    &e->fields[i], embedded);
	if (ok)
		return 0;
	fprintf(stderr, "%s %s: want %s\n", openapi_text(test, "method"),
	    openapi_text(test, "url"), refused ? json_object_to_json_string(want) :
	    "success");
	show(e);
	return -1;
}

/* ---- one case ---------------------------------------------------------- */

static void
decode(const struct schema *s, const struct schema_input *in, struct err *e)
{
	void *out = arena_alloc(a, s->size);
	uint64_t seen;
	size_t before = e->nfields;
	int rc = schema_decode(s, in, a, out, &seen, e);

	assert_int_equal(rc, e->nfields == before ? 0 : -1);
}

static const char *
form_text(struct json_object *form)
{
	struct str s;

	str_init(&s, a);
	json_object_object_foreach(form, key, val) {
		if (s.len > 0)
			str_addc(&s, '&');
		url_encode(&s, key, strlen(key), false);
		str_addc(&s, '=');
		url_encode(&s, json_object_get_string(val),
		    strlen(json_object_get_string(val)), false);
	}
	return s.p;
}

static const char *
decode_body(struct json_object *doc, const struct call *c, struct err *e,
    bool *embedded)
{
	struct json_object *content = openapi_get(openapi_get(c->op, "requestBody"),
	    "content"), *j, *ref;
	struct schema_input in = { .kind = BODY_JSON,
	    .body_absent = !c->has_json };
	struct schema s;
	const char *why;

	if (content == NULL)
		return NULL;
	if ((j = openapi_get(content, "application/x-www-form-urlencoded")) != NULL) {
		in.kind = BODY_FORM;
		in.body_absent = c->form == NULL;
		in.body = c->form != NULL ? form_text(c->form) : "";
	} else if ((j = openapi_get(content, "application/json")) != NULL)
		in.body = c->has_json ? json_object_to_json_string(c->sent) :
		    "";
	else
		return "other content type";
	in.body_len = strlen(in.body);
	ref = openapi_get(j, "schema");
	*embedded = strstr(openapi_text(ref, "$ref"), "/Body_") != NULL;
	ref = openapi_resolve(doc, ref);
	if (strcmp(openapi_text(ref, "type"), "array") == 0)
		return "list as body";
	if ((why = openapi_body(doc, ref, &s)) != NULL)
		return why;
	if (*embedded && in.kind == BODY_JSON &&
	    !json_object_is_type(c->sent, json_type_object))
		return "several body parameters, no object sent";
	decode(&s, &in, e);
	return NULL;
}

/* NULL: compared, *bad counts a difference. Else why not. */
static const char *
run_case(struct json_object *doc, struct json_object *test, int *bad)
{
	struct call c = { .sent = openapi_get(test, "json"),
	    .form = openapi_get(test, "data"),
	    .has_json = json_object_object_get_ex(test, "json", NULL) };
	int status = json_object_get_int(openapi_get(test, "status"));
	struct schema_input in = { .from_query = true };
	struct err e = { 0 };
	struct schema params;
	bool embedded = false;
	const char *why, *answer;

	openapi_fraction = NULL;
	if (status != 200 && status != 422)
		return "status decided by the handler";
	if (openapi_get(test, "files") != NULL)
		return "file upload";
	if ((why = find_op(doc, test, &c)) != NULL ||
	    (why = openapi_params(doc, c.op, &params)) != NULL)
		return why;
	in.path = c.path;
	in.npath = c.npath;
	in.query = c.query;
	in.nquery = c.nquery;
	decode(&params, &in, &e);
	if ((why = decode_body(doc, &c, &e, &embedded)) != NULL)
		return why;
	answer = json_object_to_json_string(openapi_get(test, "response"));
	if (strstr(answer, "\"value_error\"") != NULL)
		return "validator written in Python";
	if (status == 422 && (strstr(answer, "\"header\"") != NULL ||
	    strstr(answer, "\"cookie\"") != NULL))
		return "header or cookie parameter";
	if (status == 422 && openapi_fraction != NULL &&
	    strstr(answer, openapi_fraction) != NULL)
		return "bound that is not whole";
	*bad += compare(test, &e, embedded) == -1;
	return NULL;
}

/* ---- the application without a document ---------------------------------- */

/* tests/main.py of FastAPI: the rules are in the names of the paths. */
static const struct {
	const char *path, *schema;
} plain[] = {
	{ "/path/{item_id}", "{\"type\":\"string\"}" },
	{ "/path/str/{item_id}", "{\"type\":\"string\"}" },
	{ "/path/int/{item_id}", "{\"type\":\"integer\"}" },
	{ "/path/float/{item_id}", "{\"type\":\"number\"}" },
	{ "/path/bool/{item_id}", "{\"type\":\"boolean\"}" },
	{ "/path/param/{item_id}", "{\"type\":\"string\"}" },
	{ "/path/param-minlength/{item_id}",
	    "{\"type\":\"string\",\"minLength\":3}" },
	{ "/path/param-maxlength/{item_id}",
	    "{\"type\":\"string\",\"maxLength\":3}" },
	{ "/path/param-min_maxlength/{item_id}",
	    "{\"type\":\"string\",\"minLength\":2,\"maxLength\":3}" },
	{ "/path/param-gt/{item_id}",
	    "{\"type\":\"number\",\"exclusiveMinimum\":3}" },
	{ "/path/param-gt0/{item_id}",
	    "{\"type\":\"number\",\"exclusiveMinimum\":0}" },
	{ "/path/param-ge/{item_id}",
	    "{\"type\":\"number\",\"minimum\":3}" },
	{ "/path/param-lt/{item_id}",
	    "{\"type\":\"number\",\"exclusiveMaximum\":3}" },
	{ "/path/param-lt0/{item_id}",
	    "{\"type\":\"number\",\"exclusiveMaximum\":0}" },
	{ "/path/param-le/{item_id}",
	    "{\"type\":\"number\",\"maximum\":3}" },
	{ "/path/param-lt-gt/{item_id}", "{\"type\":\"number\","
	    "\"exclusiveMinimum\":1,\"exclusiveMaximum\":3}" },
	{ "/path/param-le-ge/{item_id}",
	    "{\"type\":\"number\",\"minimum\":1,\"maximum\":3}" },
	{ "/path/param-lt-int/{item_id}",
	    "{\"type\":\"integer\",\"exclusiveMaximum\":3}" },
	{ "/path/param-gt-int/{item_id}",
	    "{\"type\":\"integer\",\"exclusiveMinimum\":3}" },
	{ "/path/param-le-int/{item_id}",
	    "{\"type\":\"integer\",\"maximum\":3}" },
	{ "/path/param-ge-int/{item_id}",
	    "{\"type\":\"integer\",\"minimum\":3}" },
	{ "/path/param-lt-gt-int/{item_id}", "{\"type\":\"integer\","
	    "\"exclusiveMinimum\":1,\"exclusiveMaximum\":3}" },
	{ "/path/param-le-ge-int/{item_id}",
	    "{\"type\":\"integer\",\"minimum\":1,\"maximum\":3}" },
};

static struct json_object *
plain_document(void)
{
	struct str s;
	size_t i;

	str_init(&s, a);
	str_add(&s, "{\"paths\":{");
	for (i = 0; i < NITEMS(plain); i++)
		str_addf(&s, "%s\"%s\":{\"get\":{\"parameters\":[{\"in\":"
		    "\"path\",\"name\":\"item_id\",\"required\":true,"
		    "\"schema\":%s}]}}", i > 0 ? "," : "", plain[i].path,
		    plain[i].schema);
	str_add(&s, "}}");
	return parsed(s.p);
}

/* ---- all --------------------------------------------------------------- */

static int accepted, refused;

static void
run_app(struct json_object *app, struct json_object *doc, int *bad)
{
	struct json_object *cases = openapi_get(app, "cases"), *test;
	const char *why;
	bool is422;
	size_t i;

	for (i = 0; i < json_object_array_length(cases); i++) {
		test = json_object_array_get_idx(cases, i);
		is422 = json_object_get_int(openapi_get(test, "status")) == 422;
		why = doc == NULL ? "no document" : run_case(doc, test, bad);
		if (why != NULL)
			skipped(why, is422);
		else if (is422)
			refused++;
		else
			accepted++;
	}
}

static void
test_fastapi(void **state)
{
	struct json_object *apps, *app, *doc, *own;
	const char *json;
	size_t i, n;
	int bad = 0;

	(void)state;
	json = data_read(a, "protocol/fastapi_validation_dev.json.gz", &n);
	if (json == NULL)
		return;
	apps = parsed(json);
	own = plain_document();
	for (i = 0; i < json_object_array_length(apps); i++) {
		app = json_object_array_get_idx(apps, i);
		doc = openapi_get(app, "openapi");
		if (strcmp(openapi_text(app, "file"), "tests/test_path.py") == 0)
			doc = own;
		run_app(app, doc, &bad);
	}
	for (i = 0; reasons[i].what != NULL; i++)
		printf("not compared: %3d (%2d of status 422) %s\n",
		    reasons[i].n, reasons[i].refused, reasons[i].what);
	printf("compared: %d accepted, %d refused, %d differ\n", accepted,
	    refused, bad);
	json_object_put(apps);
	json_object_put(own);
	assert_int_equal(bad, 0);
	assert_true(accepted >= MIN_ACCEPTED);
	assert_true(refused >= MIN_REFUSED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fastapi),
	};
	int rc;

	a = arena_new(256 * 1024 * 1024);
	openapi_arena(a);
	rc = cmocka_run_group_tests_name("schema_fastapi", tests, NULL, NULL);
	arena_free(a);
	return rc;
}
