/*
 * A raw request target has one meaning or none.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "http/request.h"

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

static const struct {
	const char *uri, *prefix;
	const char *path;		/* NULL: refused */
	const char *query;
} cases[] = {
	{ "/", NULL, "/", "" },
	{ "/?", NULL, "/", "" },
	{ "/a", NULL, "/a", "" },
	{ "/a/", NULL, "/a", "" },
	{ "/a/b?x=1&y=%2F", NULL, "/a/b", "x=1&y=%2F" },
	{ "/a%20b", NULL, "/a b", "" },
	{ "/%c3%a4", NULL, "/\xc3\xa4", "" },
	{ "http://evil/x?y", NULL, "/x", "y" },
	{ "HTTPS://evil", NULL, "/", "" },
	{ "http://evil?x", NULL, "/", "" },
	{ "/q/a", "/q", "/a", "" },
	{ "/q", "/q", "/", "" },
	{ "/q/", "/q", "/", "" },
	{ "/quick", "/q", "/quick", "" },
	{ "/a", "/q", "/a", "" },
	{ "//evil.test/", NULL, NULL, NULL },
	{ "/a//b", NULL, NULL, NULL },
	{ "/a/./b", NULL, NULL, NULL },
	{ "/a/../b", NULL, NULL, NULL },
	{ "/..", NULL, NULL, NULL },
	{ "/%2e%2e/x", NULL, NULL, NULL },
	{ "/%2e", NULL, NULL, NULL },
	{ "/a%2Fb", NULL, NULL, NULL },
	{ "/a%2fb", NULL, NULL, NULL },
	{ "/a%5cb", NULL, NULL, NULL },
	{ "/a\\b", NULL, NULL, NULL },
	{ "/a%00b", NULL, NULL, NULL },
	{ "/a%0ab", NULL, NULL, NULL },
	{ "/a b", NULL, NULL, NULL },
	{ "/a%", NULL, NULL, NULL },
	{ "/a%4", NULL, NULL, NULL },
	{ "/a%zz", NULL, NULL, NULL },
	{ "/%ff", NULL, NULL, NULL },
	{ "/a#b", NULL, NULL, NULL },
	{ "*", NULL, NULL, NULL },
	{ "", NULL, NULL, NULL },
	{ "a/b", NULL, NULL, NULL },
};

static void
test_path(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *path = NULL, *query = NULL;
		struct err e = { 0 };
		int rc = request_path(a, cases[i].uri, cases[i].prefix, &path,
		    &query, &e);

		if ((rc == -1) != (cases[i].path == NULL))
			fail_msg("case %zu (%s): %d", i, cases[i].uri, rc);
		if (rc == -1) {
			assert_int_equal(e.status, 400);
			continue;
		}
		if (strcmp(path, cases[i].path) != 0)
			fail_msg("case %zu (%s): %s", i, cases[i].uri, path);
		assert_string_equal(query, cases[i].query);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_path, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
