/*
 * Refresh tokens: one text per session and number, nothing else is genuine;
 * the verdict on a presented number; back-off.
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
#include "base/clock.h"
#include "base/random.h"
#include "modules/auth/session.h"

static struct arena *a;
static const uint8_t key[32] = { 1, 2, 3 }, other[32] = { 1, 2, 4 };
static const uint8_t bytes[16] = { 9 };
static const struct blob nonce = { bytes, 16 };

static void
tokens(void **state)
{
	struct uuid id = uuid_new(), got;
	const char *t = auth_refresh_format(a, key, id, 7, nonce);
	int64_t n;

	(void)state;
	assert_int_equal(auth_refresh_parse(t, &got, &n), 0);
	assert_int_equal(n, 7);
	assert_true(uuid_equal(id, got));
	assert_string_equal(t, auth_refresh_format(a, key, id, 7, nonce));
	assert_true(auth_refresh_genuine(a, key, t, id, 7, nonce));
	assert_false(auth_refresh_genuine(a, other, t, id, 7, nonce));
	assert_false(auth_refresh_genuine(a, key, t, id, 8, nonce));
	assert_false(auth_refresh_genuine(a, key, t, uuid_new(), 7, nonce));
	assert_false(auth_refresh_genuine(a, key, "qr_", id, 7, nonce));
}

/* Every single character that changes makes it refused or not genuine. */
static void
altered(void **state)
{
	struct uuid id = uuid_new(), got;
	const char *t = auth_refresh_format(a, key, id, 7, nonce);
	int64_t n;

	(void)state;
	for (size_t i = 0; i < strlen(t); i++) {
		char *bad = arena_strdup(a, t);

		bad[i] = bad[i] == 'A' ? 'B' : 'A';
		if (auth_refresh_parse(bad, &got, &n) == 0 &&
		    auth_refresh_genuine(a, key, bad, got, n, nonce))
			fail_msg("genuine with character %zu changed", i);
	}
}

static void
foreign(void **state)
{
	static const char *const bad[] = { "", "qr_", "qr_AAAA", "eyJhbGciOi",
	    "qk_AAAAAAAA", "qr_!!!!" };
	struct uuid id;
	int64_t n;

	(void)state;
	for (size_t i = 0; i < NITEMS(bad); i++)
		assert_int_equal(auth_refresh_parse(bad[i], &id, &n), -1);
}

static void
verdict(void **state)
{
	static const struct {
		int64_t presented, current, age_s;
		bool same;
		enum auth_verdict want;
	} t[] = {
		{ 5, 5, 0, true, REFRESH_ROTATE },
		{ 5, 5, 99999, false, REFRESH_ROTATE },
		{ 4, 5, 0, true, REFRESH_REPEAT },
		{ 4, 5, 30, true, REFRESH_REPEAT },
		{ 4, 5, 31, true, REFRESH_REUSED },
		{ 4, 5, 1, false, REFRESH_REUSED },
		{ 3, 5, 1, true, REFRESH_REUSED },
		{ 6, 5, 1, true, REFRESH_AHEAD },
		{ 0, 1, 5, true, REFRESH_REPEAT }
	};
	struct utc used = { 1000 * US_PER_S };

	(void)state;
	for (size_t i = 0; i < NITEMS(t); i++) {
		struct utc now = { used.us + t[i].age_s * US_PER_S };

		if (auth_refresh_judge(t[i].presented, t[i].current, used,
		    now, t[i].same) != t[i].want)
			fail_msg("case %zu", i);
	}
}

static void
backoff(void **state)
{
	(void)state;
	assert_int_equal(auth_backoff_s(0, 5), 0);
	assert_int_equal(auth_backoff_s(4, 5), 0);
	assert_int_equal(auth_backoff_s(5, 5), 1);
	assert_int_equal(auth_backoff_s(8, 5), 8);
	for (int64_t n = 0; n < 100000; n += 97) {
		assert_true(auth_backoff_s(n, 5) <= auth_backoff_s(n + 97, 5));
		assert_true(auth_backoff_s(n, 5) <= AUTH_BACKOFF_MAX_S);
	}
	assert_int_equal(auth_backoff_s(INT32_MAX, 5), AUTH_BACKOFF_MAX_S);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens), cmocka_unit_test(altered),
		cmocka_unit_test(foreign), cmocka_unit_test(verdict),
		cmocka_unit_test(backoff)
	};
	int rc;

	a = arena_new(4 << 20);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	arena_free(a);
	return rc;
}
