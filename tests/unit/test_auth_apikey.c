/*
 * Text of API keys and networks.
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
#include "base/random.h"
#include "modules/auth/apikey.h"

static struct arena *a;

static void
key_text(void **state)
{
	char prefix[AUTH_KEY_PREFIX + 1];
	uint8_t secret[32];
	const char *t;

	(void)state;
	random_bytes(secret, sizeof(secret));
	t = auth_key_format(a, "ABCDEFGH", secret);
	assert_int_equal(strlen(t), AUTH_KEY_TEXT);
	assert_memory_equal(t, "qk_ABCDEFGH_", 12);
	assert_true(auth_key_parse(t, prefix));
	assert_string_equal(prefix, "ABCDEFGH");
	for (size_t i = 0; i < AUTH_KEY_TEXT; i++) {
		char *bad = arena_strdup(a, t);

		bad[i] = bad[i] == 'x' ? 'y' : 'x';
		if (auth_key_parse(bad, prefix))
			fail_msg("accepted with character %zu changed", i);
	}
	assert_false(auth_key_parse(arena_printf(a, "%sx", t), prefix));
	assert_false(auth_key_parse("", prefix));
}

static void
networks(void **state)
{
	static const struct {
		const char *cidr, *ip;
		bool match;
	} t[] = {
		{ "10.0.0.0/8", "10.255.1.2", true },
		{ "10.0.0.0/8", "11.0.0.1", false },
		{ "10.1.2.3", "10.1.2.3", true },
		{ "10.1.2.3", "10.1.2.4", false },
		{ "192.168.4.0/22", "192.168.7.255", true },
		{ "192.168.4.0/22", "192.168.8.0", false },
		{ "0.0.0.0/0", "203.0.113.9", true },
		{ "0.0.0.0/0", "2001:db8::1", false },
		{ "2001:db8::/32", "2001:db8:ffff::1", true },
		{ "2001:db8::/33", "2001:db8:ffff::1", false },
		{ "::/0", "2001:db8::1", true },
		{ "10.0.0.0/8", "::ffff:10.1.1.1", true },
		{ "::1", "::1", true },
		{ "10.0.0.0/8", "", false },
		{ "10.0.0.0/8", "10.1.1.1 ", false },
		{ "10.0.0.0/33", "10.0.0.1", false },
		{ "10.0.0.0/-1", "10.0.0.1", false },
		{ "10.0.0.0/", "10.0.0.1", false },
		{ "ten", "10.0.0.1", false }
	};

	(void)state;
	for (size_t i = 0; i < NITEMS(t); i++)
		if (auth_cidr_match(t[i].cidr, t[i].ip) != t[i].match)
			fail_msg("case %zu: %s %s", i, t[i].cidr, t[i].ip);
	assert_true(auth_cidr_any("", "10.0.0.1"));
	assert_true(auth_cidr_any(NULL, "10.0.0.1"));
	assert_true(auth_cidr_any("11.0.0.0/8,10.0.0.0/8", "10.0.0.1"));
	assert_false(auth_cidr_any("11.0.0.0/8", "10.0.0.1"));
	assert_false(auth_cidr_any("nonsense", "10.0.0.1"));
	assert_true(auth_cidr_valid("2001:db8::/128"));
	assert_false(auth_cidr_valid("2001:db8::/129"));
	assert_false(auth_cidr_valid("1.2.3"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(key_text), cmocka_unit_test(networks)
	};
	int rc;

	a = arena_new(4 << 20);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	arena_free(a);
	return rc;
}
