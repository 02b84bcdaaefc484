/*
 * The route tree: literals before parameters, methods after paths, slashes,
 * and the rows it must refuse.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/types.h"
#include "http/router.h"

#include <cmocka.h>

static struct arena *a;

static int
setup(void **state)
{
	(void)state;
	a = arena_new(64 << 20);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

static const struct route rows[] = {
	{ .id = "list", .method = HTTP_GET, .path = "/api/users" },
	{ .id = "create", .method = HTTP_POST, .path = "/api/users" },
	{ .id = "me", .method = HTTP_GET, .path = "/api/users/me" },
	{ .id = "get", .method = HTTP_GET, .path = "/api/users/{id:uuid}" },
	{ .id = "verb", .method = HTTP_POST, .path = "/api/users/{id}/lock" },
	{ .id = "pair", .method = HTTP_GET, .path = "/api/{a}/{b}/c" },
	{ .id = "file", .method = HTTP_GET, .path = "/static/{file:path}" },
	{ .id = "root", .method = HTTP_GET, .path = "/" },
	{ .id = NULL }
};

static struct router *
make(void)
{
	struct router *r = router_new(a);
	struct err e = { 0 };

	for (const struct route *p = rows; p->id != NULL; p++)
		assert_int_equal(router_add(r, p, NULL, &e), 0);
	return r;
}

static const struct {
	const char *path;
	enum method method;
	const char *id;			/* NULL: none */
	const char *param;		/* value of the first */
	bool known;			/* path exists */
} cases[] = {
	{ "/", HTTP_GET, "root", NULL, true },
	{ "/", HTTP_POST, NULL, NULL, true },
	{ "/api/users", HTTP_GET, "list", NULL, true },
	{ "/api/users", HTTP_POST, "create", NULL, true },
	{ "/api/users", HTTP_DELETE, NULL, NULL, true },
	{ "/api/users", HTTP_HEAD, "list", NULL, true },
	{ "/api/users/me", HTTP_GET, "me", NULL, true },
	{ "/api/users/you", HTTP_GET, "get", "you", true },
	{ "/api/users/me/lock", HTTP_POST, "verb", "me", true },
	{ "/api/users/me/c", HTTP_GET, "pair", "users", true },
	{ "/api/x/y/c", HTTP_GET, "pair", "x", true },
	{ "/api/x/y/d", HTTP_GET, NULL, NULL, false },
	{ "/api", HTTP_GET, NULL, NULL, false },
	{ "/static/a/b.js", HTTP_GET, "file", "a/b.js", true },
	{ "/static", HTTP_GET, NULL, NULL, false },
	{ "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17", HTTP_GET, NULL, NULL,
	    false },
};

static void
test_match(void **state)
{
	const struct router *r = make();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct match m;

		router_match(r, a, cases[i].path, cases[i].method, &m);
		if ((m.route == NULL) != (cases[i].id == NULL) ||
		    (m.route != NULL && strcmp(m.route->id, cases[i].id)))
			fail_msg("case %zu (%s): %s", i, cases[i].path,
			    m.route == NULL ? "none" : m.route->id);
		if ((m.allow != 0) != cases[i].known)
			fail_msg("case %zu (%s): allow %x", i, cases[i].path,
			    m.allow);
		if (cases[i].param != NULL)
			assert_string_equal(m.params[0].value,
			    cases[i].param);
	}
}

static void
test_alias(void **state)
{
	static const struct alias al = { "/client/{user_id}", "003", true };
	struct router *r = make();
	struct err e = { 0 };
	struct match m;

	(void)state;
	assert_int_equal(router_add(r, &rows[3], &al, &e), 0);
	router_match(r, a, "/client/7", HTTP_GET, &m);
	assert_ptr_equal(m.route, &rows[3]);
	assert_ptr_equal(m.alias, &al);
	assert_string_equal(m.params[0].name, "user_id");
	router_match(r, a, "/api/users/7", HTTP_GET, &m);
	assert_null(m.alias);
	assert_string_equal(m.params[0].name, "id");
}

static void
test_refused(void **state)
{
	static const struct route bad[] = {
		{ .id = "twice", .method = HTTP_GET, .path = "/api/users" },
		{ .id = "same shape", .method = HTTP_GET,
		  .path = "/api/users/{name}" },
		{ .id = "no slash", .method = HTTP_GET, .path = "api" },
		{ .id = "empty segment", .method = HTTP_GET, .path = "/a//b" },
		{ .id = "open brace", .method = HTTP_GET, .path = "/a/{b" },
		{ .id = "no name", .method = HTTP_GET, .path = "/a/{}" },
	};
	struct router *r = make();

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err e = { 0 };

		if (router_add(r, &bad[i], NULL, &e) != -1)
			fail_msg("%s was taken", bad[i].id);
		assert_int_equal(e.status, 500);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_match, setup, teardown),
		cmocka_unit_test_setup_teardown(test_alias, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
