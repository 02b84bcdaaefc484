/*
 * Text from outside is made to fit its column; one-use tokens are stored as
 * digests.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/codec.h"
#include "db/db.h"
#include "modules/auth/rows.h"

static struct arena *a;

static void
fits(void **state)
{
	static const struct {
		const char *in, *out;
		size_t max;
	} t[] = {
		{ "", "", 5 }, { "abc", "abc", 3 }, { "abcd", "abc", 3 },
		{ "ab\xc3\xa9", "ab", 3 }, { "ab\xc3\xa9", "ab\xc3\xa9", 4 },
		{ "a\xff" "b", "a?b", 9 }, { "\xe2\x82\xac", "", 2 },
		{ "\xc3\xa9\xff", "???", 9 }
	};

	(void)state;
	for (size_t i = 0; i < NITEMS(t); i++) {
		const char *got = auth_fit(a, t[i].in, t[i].max);

		if (strcmp(got, t[i].out) != 0)
			fail_msg("case %zu: %s", i, got);
		assert_true(utf8_valid(got, strlen(got)));
	}
}

static void
tokens(void **state)
{
	const char *x = auth_token_make(a, "qp_"), *y = auth_token_make(a,
	    "qp_");
	struct blob hx = auth_token_hash(a, x), hy = auth_token_hash(a, y);

	(void)state;
	assert_int_equal(strlen(x), 3 + 43);
	assert_string_not_equal(x, y);
	assert_int_equal(hx.n, 32);
	assert_memory_not_equal(hx.p, hy.p, 32);
}

static void
not_found(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(db_found(0, "User", &e), 0);
	assert_int_equal(e.status, 0);
	assert_int_equal(db_found(1, "User", &e), -1);
	assert_int_equal(e.status, 404);
	assert_string_equal(e.detail, "User not found");
	assert_int_equal(db_found(-1, "User", &e), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fits), cmocka_unit_test(tokens),
		cmocka_unit_test(not_found)
	};
	int rc;

	a = arena_new(4 << 20);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	arena_free(a);
	return rc;
}
