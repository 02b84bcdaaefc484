/*
 * compat and doctor, the pure parts: which differences a client would notice,
 * what a finding says, which lines of a site count.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "modules/platform/compat.h"
#include "modules/platform/doctor.h"
#include "schema/tree.h"

#include <cmocka.h>

static struct arena *a;
static struct platform_compat c;

static int
begin(void **state)
{
	(void)state;
	a = arena_new(32 << 20);
	c = (struct platform_compat){ .a = a };
	return 0;
}

static int
end(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

static const struct tree *
doc(const char *paths, const char *more)
{
	const char *text = arena_printf(a, "{\"openapi\":\"3.1.0\",\"paths\":"
	    "{%s}%s}", paths, more);
	const struct tree *t;
	struct err e = { 0 };

	if (tree_parse(a, text, strlen(text), &t, &e) == -1)
		fail_msg("%s: %s", e.cause, text);
	return t;
}

static void
compare(const struct tree *old, const struct tree *own, const char *prefix)
{
	struct err e = { 0 };

	c = (struct platform_compat){ .a = a };
	assert_int_equal(platform_compat_compare(&c, old, own, prefix, &e), 0);
}

static void
expect(const char *want)
{
	struct str s;

	str_init(&s, a);
	for (size_t i = 0; i < c.rows.n; i++)
		for (size_t k = 0; k < c.rows.v[i].differences.n; k++)
			str_addf(&s, "%s\n", c.rows.v[i].differences.v[k]);
	assert_string_equal(s.p, want);
}

/* POST /x with this request and reply. */
static const struct tree *
op(const char *in, const char *out, const char *components)
{
	return doc(arena_printf(a, "\"/x\":{\"post\":{\"requestBody\":"
	    "{\"content\":{\"application/json\":{\"schema\":%s}}},"
	    "\"responses\":{\"200\":{\"content\":{\"application/json\":"
	    "{\"schema\":%s}}}}}}", in, out), components);
}

#define OBJ(props) "{\"type\":\"object\",\"properties\":{" props "}}"
#define NEED(props, need) "{\"type\":\"object\",\"required\":[" need \
	"],\"properties\":{" props "}}"
#define S(name) "\"" name "\":{\"type\":\"string\"}"
#define I(name) "\"" name "\":{\"type\":\"integer\"}"

static void
test_paths(void **state)
{
	const struct tree *own = doc("\"/jobs/{job_id}\":{\"get\":{}},"
	    "\"/api/v1/items\":{\"get\":{}}", "");

	(void)state;
	assert_string_equal(platform_compat_path(a, "/a/{b}/c/"), "/a/{}/c");
	assert_string_equal(platform_compat_path(a, "/"), "/");
	assert_string_equal(platform_compat_path(a, "/a/{b"), "/a/{}");
	compare(doc("\"/jobs/{id}/\":{\"get\":{},\"put\":{}},\"/no\":{\"get\":"
	    "{}},\"/items\":{\"get\":{}},\"/old/jobs/{x}\":{\"get\":{}}",
	    ",\"servers\":[{\"url\":\"https://h.example/api/v1/\"}]"), own,
	    "/old");
	assert_int_equal(c.rows.n, 5);
	assert_int_equal(c.rows.v[0].state, COMPAT_SERVED);
	assert_string_equal(c.rows.v[0].ours, "/jobs/{job_id}");
	assert_int_equal(c.rows.v[1].state, COMPAT_MISSING);
	assert_string_equal(c.rows.v[1].differences.v[0],
	    "the path is served with other methods");
	assert_int_equal(c.rows.v[2].state, COMPAT_MISSING);
	assert_int_equal(c.rows.v[3].state, COMPAT_SERVED);
	assert_string_equal(c.rows.v[3].ours, "/api/v1/items");
	assert_int_equal(c.rows.v[4].state, COMPAT_SERVED);
	assert_int_equal(c.count[COMPAT_SERVED], 3);
	assert_int_equal(c.count[COMPAT_MISSING], 2);
}

static void
test_members(void **state)
{
	(void)state;
	compare(op(OBJ(S("a") "," S("gone")), OBJ(S("x") "," S("y")), ""),
	    op(NEED(S("a") "," S("new"), "\"a\",\"new\""),
	    OBJ(S("x") "," S("more")), ""), "");
	assert_int_equal(c.rows.v[0].state, COMPAT_DIFFERS);
	expect("request: does not read gone\nrequest: needs a\nrequest: needs new\n"
	    "response 200: lacks y\n");
	compare(op(OBJ(S("a")), OBJ(S("x")), ""), op(OBJ(S("a") "," S("b")),
	    OBJ(S("x") "," S("y")), ""), "");
	assert_int_equal(c.rows.v[0].state, COMPAT_SERVED);
}

static void
test_types(void **state)
{
	(void)state;
	/* what we answer has to suit, what we take may be wider */
	compare(op(OBJ(I("a") "," S("b")), OBJ(I("x") "," S("y")), ""),
	    op(OBJ("\"a\":{\"type\":\"number\"}," I("b")),
	    OBJ("\"x\":{\"type\":\"number\"},\"y\":{\"anyOf\":[{\"type\":"
	    "\"string\"},{\"type\":\"null\"}]}"), ""), "");
	expect("request: b is integer, was string\n"
	    "response 200: x is number, was integer\n");
	compare(op("{}", "{\"type\":\"array\",\"items\":" OBJ(S("p")) "}", ""),
	    op("{}", "{\"type\":\"array\",\"items\":" OBJ(I("p")) "}", ""),
	    "");
	expect("response 200: [].p is integer, was string\n");
	compare(op("{}", OBJ(S("p")), ""), op("{}", "{\"type\":\"array\"}",
	    ""), "");
	expect("response 200: body is array, was object\n");
}

static void
test_references(void **state)
{
	static const char parts[] = ",\"components\":{\"schemas\":{\"T\":"
	    "{\"allOf\":[" OBJ(S("base")) ",{\"properties\":{\"kids\":"
	    "{\"type\":\"array\",\"items\":{\"$ref\":"
	    "\"#/components/schemas/T\"}}," I("n") "}}]},"
	    "\"Loop\":{\"$ref\":\"#/components/schemas/Loop\"}}}";
	const char *t = "{\"$ref\":\"#/components/schemas/T\"}";
	const char *loop = "{\"$ref\":\"#/components/schemas/Loop\"}";

	(void)state;
	compare(op("{}", t, parts), op("{}", t, parts), "");
	expect("");
	compare(op("{}", t, parts), op("{}", OBJ(I("base")), ""), "");
	expect("response 200: base is integer, was string\n"
	    "response 200: lacks kids\nresponse 200: lacks n\n");
	compare(op(loop, "{\"$ref\":\"elsewhere.json\"}", parts),
	    op(loop, loop, parts), "");
	expect("");
}

static void
test_rest(void **state)
{
	const char *query = "\"/x\":{\"get\":{\"parameters\":[{\"name\":\"%s\","
	    "\"in\":\"query\",\"required\":true}],\"responses\":{\"%s\":{}}}}";
	struct err e = { 0 };
	struct str s;

	(void)state;
	compare(doc(arena_printf(a, query, "page", "200"), ""),
	    doc(arena_printf(a, query, "cursor", "204"), ""), "");
	expect("query: does not read page\nquery: needs cursor\n"
	    "response 200: status is 204\n");
	str_init(&s, a);
	platform_compat_json(&c, &s);
	assert_non_null(strstr(s.p, "\"differs\":1"));
	assert_non_null(strstr(s.p, "\"method\":\"GET\""));
	s.len = 0;
	platform_compat_text(&c, &s);
	assert_non_null(strstr(s.p, "differs  GET /x\n"));
	s.len = 0;
	compare(doc("\"/\\u001b[31m\":{\"get\":{}}", ""), doc("", ""), "");
	platform_compat_text(&c, &s);
	assert_null(strchr(s.p, '\033'));
	assert_int_equal(platform_compat_compare(&c, NULL, doc("", ""), "",
	    &e), -1);
	assert_int_equal(e.status, 422);
}

/* ---- doctor ---- */

static void
test_findings(void **state)
{
	struct platform_findings f = { .a = a };
	struct str s;

	(void)state;
	platform_doctor_add(&f, "disk", DOCTOR_OK, "fine", NULL);
	assert_int_equal(platform_doctor_worst(&f), DOCTOR_OK);
	platform_doctor_server(&f, "sync_binlog is 0: x\nthe clocks of this "
	    "host and the database differ by 900 ms\n");
	assert_int_equal(f.list.n, 3);
	assert_string_equal(f.list.v[1].name, "database settings");
	assert_string_equal(f.list.v[2].name, "clock");
	assert_int_equal(platform_doctor_worst(&f), DOCTOR_WARN);
	platform_doctor_server(&f, "");
	assert_int_equal(f.list.v[4].state, DOCTOR_OK);
	platform_doctor_add(&f, "redis", DOCTOR_BAD, "down\n\033[2Jtwo\n",
	    NULL);
	assert_int_equal(platform_doctor_worst(&f), DOCTOR_BAD);
	str_init(&s, a);
	platform_doctor_text(&f, false, &s);
	assert_null(strchr(s.p, '\033'));
	assert_non_null(strstr(s.p, "bad   redis              down "));
	assert_non_null(strstr(s.p, "; remedy: start it or correct REDIS_URL"));
	assert_non_null(strstr(s.p, "6 checks: 1 bad, 2 to look at\n"));
	s.len = 0;
	platform_doctor_json(&f, &s);
	assert_non_null(strstr(s.p, "{\"status\":\"bad\",\"checks\":["));
	assert_non_null(strstr(s.p, "\"remedy\":null"));
}

static void
test_site(void **state)
{
	static const char fresh[] = "# x\nlisten 80;\n    location = /a {\n"
	    "        fastcgi_pass q;\n";
	const char *first;

	(void)state;
	assert_int_equal(platform_doctor_site_differs(a, fresh,
	    "listen 443 ssl;\nlocation = /a {\n fastcgi_pass q;\n", &first), 0);
	assert_null(first);
	/* part of a longer line is not the line */
	assert_int_equal(platform_doctor_site_differs(a, fresh,
	    "#location = /a {\nfastcgi_pass q;more\n", &first), 2);
	assert_string_equal(first, "location = /a {");
	assert_string_equal(platform_doctor_site_server(fresh), "nginx");
	assert_null(platform_doctor_site_server("hello"));
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		T(test_paths), T(test_members), T(test_types),
		T(test_references), T(test_rest), T(test_findings),
		T(test_site)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
