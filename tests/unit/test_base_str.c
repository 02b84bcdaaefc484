/*
 * Text, its escapes, errors, tagged values and permissions.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/principal.h"
#include "base/str.h"
#include "base/val.h"

static struct arena *a;

static int
setup(void **state)
{
	(void)state;
	a = arena_new(4 * 1024 * 1024);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

static const char *
json(const char *s, size_t n)
{
	struct str t;

	str_init(&t, a);
	str_jsonn(&t, s, n);
	return t.p;
}

static void
test_grow(void **state)
{
	struct str s;
	int i;

	(void)state;
	str_init(&s, a);
	assert_string_equal(s.p, "");
	for (i = 0; i < 3000; i++)
		str_addf(&s, "%d,", i % 10);
	assert_int_equal(s.len, 6000);
	assert_int_equal(strlen(s.p), 6000);
	str_init(&s, a);
	str_addf(&s, "%0500d|", 1);
	str_add_i64(&s, INT64_MIN);
	str_addc(&s, ' ');
	str_add_i64(&s, 0);
	str_addn(&s, NULL, 0);
	assert_string_equal(s.p + 501, "-9223372036854775808 0");
}

static void
test_json(void **state)
{
	struct str s;

	(void)state;
	assert_string_equal(json("a/b\"\\\b\f\n\r\t\x01\x1f\x7f", 13),
	    "\"a/b\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\"");
	assert_string_equal(json("\0x", 2), "\"\\u0000x\"");
	assert_string_equal(json("\xc3\xa9\xf0\x9f\x98\x80", 6),
	    "\"\xc3\xa9\xf0\x9f\x98\x80\"");
	/* One U+FFFD per maximal subpart, as Python's "replace". */
	assert_string_equal(json("a\xe2\x82z\xff\xed\xa0\x80", 8),
	    "\"a\xef\xbf\xbdz\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
	    "\xef\xbf\xbd\"");
	assert_string_equal(json("\xf0\x9f\x98", 3), "\"\xef\xbf\xbd\"");
	str_init(&s, a);
	str_json(&s, NULL);
	str_json(&s, "");
	assert_string_equal(s.p, "null\"\"");
}

static void
test_other_escapes(void **state)
{
	struct str s;

	(void)state;
	str_init(&s, a);
	str_html(&s, "<a b='c' d=\"e\">&amp;");
	assert_string_equal(s.p, "&lt;a b=&#39;c&#39; d=&quot;e&quot;&gt;"
	    "&amp;amp;");
	str_init(&s, a);
	str_csv(&s, "=1+1", false);
	str_addc(&s, '|');
	str_csv(&s, "-1", true);
	str_addc(&s, '|');
	str_csv(&s, "a,\"b\"\n", false);
	str_addc(&s, '|');
	str_csv(&s, "\t,", false);
	str_addc(&s, '|');
	str_csv(&s, "", false);
	assert_string_equal(s.p, "'=1+1|-1|\"a,\"\"b\"\"\n\"|\"'\t,\"|");
	str_init(&s, a);
	str_term(&s, "a\x1b[1m\xc3\xa9\xc2\x9b\xff\xe2\x80\xae", 13);
	assert_string_equal(s.p, "a\\x1b[1m\xc3\xa9\\xc2\\x9b\\xff"
	    "\\xe2\\x80\\xae");
}

static void
test_err(void **state)
{
	struct err e;
	char text[600];
	size_t i, n;

	(void)state;
	err_clear(&e);
	assert_int_equal(err_set(&e, 404, "not_found", "no %s", "pool"), -1);
	err_cause(&e, "row %d", 7);
	err_wrap(&e, "loading %s", "x");
	assert_string_equal(e.detail, "no pool");
	assert_string_equal(e.cause, "loading x: row 7");
	err_set(&e, 500, "worse", "was: %s", e.detail);
	assert_string_equal(e.detail, "was: no pool");
	assert_string_equal(e.cause, "");
	assert_int_equal(err_set(NULL, 500, "x", "y"), -1);
	/* A cut falls between characters. */
	for (n = 250; n < 260; n++) {
		memset(text, 'a', n);
		for (i = n; i + 2 < sizeof(text); i += 2)
			memcpy(text + i, "\xc3\xa9", 3);
		text[i] = '\0';
		err_set(&e, 500, "long", "%s", text);
		assert_true(utf8_valid(e.detail, strlen(e.detail)));
		assert_true(strlen(e.detail) >= 254);
	}
	err_clear(&e);
	for (i = 0; i < ERR_FIELDS + 3; i++)
		assert_int_equal(err_field(&e, (struct err_field){
		    .type = "missing" }), -1);
	assert_int_equal(e.status, 422);
	assert_string_equal(e.code, "validation");
	assert_int_equal(e.nfields, ERR_FIELDS);
	assert_int_equal(e.dropped, 3);
}

static void
test_val(void **state)
{
	struct uuid u = { { 1 } };
	const char *none = NULL;
	char text[] = "ab";

	(void)state;
	/* The constant true is an int in C11. */
	assert_int_equal(V((bool)true).type, VT_BOOL);
	assert_int_equal(V(-3).i, -3);
	assert_int_equal(V((uint8_t)200).i, 200);
	assert_int_equal(V(1.5).type, VT_REAL);
	assert_int_equal(V(text).s.n, 2);
	assert_int_equal(V("abc").s.n, 3);
	assert_int_equal(V(none).type, VT_NULL);
	assert_int_equal(V(u).type, VT_UUID);
	assert_int_equal(V((struct uuid){ { 0 } }).type, VT_NULL);
	assert_int_equal(V((struct utc){ 0 }).type, VT_NULL);
	assert_int_equal(V((struct utc){ 5 }).t.us, 5);
	assert_int_equal(V((struct dec){ 0 }).type, VT_DEC);
	assert_int_equal(V((struct json){ NULL }).type, VT_NULL);
	assert_int_equal(V(((struct blob){ NULL, 0 })).type, VT_NULL);
	assert_int_equal(V(((struct blob){ "", 0 })).type, VT_BLOB);
}

static void
test_principal(void **state)
{
	static const char *const some[] =
	    { "spot:read", "jobs:*", NULL };
	static const char *const all[] = { "*", NULL };
	struct principal p = { .kind = PRINCIPAL_USER, .permissions = some };

	(void)state;
	assert_true(principal_may(NULL, NULL));
	assert_false(principal_may(NULL, "spot:read"));
	assert_true(principal_may(&p, "spot:read"));
	assert_false(principal_may(&p, "spot:write"));
	assert_false(principal_may(&p, "spot:reader"));
	assert_true(principal_may(&p, "jobs:cancel"));
	assert_false(principal_may(&p, "jobsx:cancel"));
	assert_false(principal_may(&p, "jobs"));
	p.permissions = all;
	assert_true(principal_may(&p, "anything"));
	p.kind = PRINCIPAL_NONE;
	assert_false(principal_may(&p, "anything"));
	p = (struct principal){ .kind = PRINCIPAL_SYSTEM };
	assert_false(principal_may(&p, "anything"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grow),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_other_escapes),
		cmocka_unit_test(test_err),
		cmocka_unit_test(test_val),
		cmocka_unit_test(test_principal),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
