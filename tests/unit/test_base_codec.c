/*
 * Encodings against published vectors, and what each decoder must refuse.
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
#include "base/random.h"
#include "base/str.h"
#include "base/types.h"
#include "tests/harness/data.h"

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

static void
test_hex(void **state)
{
	unsigned char out[4];
	char text[9];

	(void)state;
	assert_string_equal(hex_encode("\x00\xff\x1a", 3, text), "00ff1a");
	assert_int_equal(hex_decode("00Ff1a", 6, out, 4), 3);
	assert_memory_equal(out, "\x00\xff\x1a", 3);
	assert_int_equal(hex_decode("", 0, out, 0), 0);
	assert_int_equal(hex_decode("abc", 3, out, 4), -1);
	assert_int_equal(hex_decode("0g", 2, out, 4), -1);
	assert_int_equal(hex_decode("0011223344", 10, out, 4), -1);
}

static void
test_base64(void **state)
{
	/* RFC 4648 section 10. */
	static const char *const rfc[][2] = {
		{ "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" },
		{ "foo", "Zm9v" }, { "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" }
	};
	static const char *const bad[] = { "Zg", "Zg=", "Zh==", "Zm9=", "Z",
	    "=", "====", "Zg==Zg==", "Zm9v\n", "Zm 9", "-_8=", "Zm9v=", "Zg==="
	};
	char out[16];
	size_t i;

	(void)state;
	for (i = 0; i < NITEMS(rfc); i++) {
		size_t n = strlen(rfc[i][0]);

		assert_string_equal(base64_encode(a, rfc[i][0], n, false),
		    rfc[i][1]);
		assert_int_equal(base64_decode(rfc[i][1], strlen(rfc[i][1]),
		    false, false, out, sizeof(out)), n);
		assert_memory_equal(out, rfc[i][0], n);
	}
	for (i = 0; i < NITEMS(bad); i++)
		assert_int_equal(base64_decode(bad[i], strlen(bad[i]), false,
		    true, out, sizeof(out)), -1);
	assert_string_equal(base64_encode(a, "\xfb\xff", 2, true), "-_8");
	assert_int_equal(base64_decode("-_8", 3, true, false, out, 16), 2);
	assert_int_equal(base64_decode("-_8=", 4, true, true, out, 16), 2);
	assert_int_equal(base64_decode("-_8=", 4, true, false, out, 16), -1);
	assert_int_equal(base64_decode("+/8", 3, true, true, out, 16), -1);
	assert_int_equal(base64_decode("Zm9v", 4, false, false, out, 2), -1);
}

static void
test_url(void **state)
{
	static const char q[] = "a=1&b=%20+c&&d&=e&f=a%3Db=c";
	struct pair *p;
	struct str s;
	size_t n;

	(void)state;
	assert_string_equal(url_decode(a, "a%2Fb+c", 7, false), "a/b+c");
	assert_string_equal(url_decode(a, "a+c", 3, true), "a c");
	assert_null(url_decode(a, "%", 1, false));
	assert_null(url_decode(a, "%4", 2, false));
	assert_null(url_decode(a, "%4x", 3, false));
	assert_null(url_decode(a, "%00", 3, false));
	assert_null(url_decode(a, "\0", 1, false));
	str_init(&s, a);
	url_encode(&s, "a-._~/ \xc3\xa9", 9, false);
	url_encode(&s, "/", 1, true);
	assert_string_equal(s.p, "a-._~%2F%20%C3%A9/");
	assert_int_equal(url_pairs(a, q, strlen(q), &p, &n), 0);
	assert_int_equal(n, 5);
	assert_string_equal(p[1].name, "b");
	assert_string_equal(p[1].value, "  c");
	assert_string_equal(p[2].name, "d");
	assert_string_equal(p[2].value, "");
	assert_string_equal(p[3].name, "");
	assert_string_equal(p[4].value, "a=b=c");
	assert_int_equal(url_pairs(a, "", 0, &p, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(url_pairs(a, "a=%", 3, &p, &n), -1);
	assert_int_equal(url_pairs(a, "%zz=1", 5, &p, &n), -1);
}

static void
test_utf8_vectors(void **state)
{
	struct json_object *all, *cases, *one;
	size_t n, i, j, run = 0;
	const char *hex;
	char *text, bytes[256];
	long len;

	(void)state;
	text = data_read(a, "protocol/utf8_sequences_autobahn.json", &n);
	if (text == NULL)
		skip();
	all = json_tokener_parse(text);
	assert_non_null(all);
	for (i = 0; i < json_object_array_length(all); i++) {
		cases = json_object_object_get(
		    json_object_array_get_idx(all, i), "cases");
		for (j = 0; j < json_object_array_length(cases); j++) {
			one = json_object_array_get_idx(cases, j);
			hex = json_object_get_string(
			    json_object_object_get(one, "hex"));
			len = hex_decode(hex, strlen(hex), bytes,
			    sizeof(bytes));
			assert_true(len >= 0);
			if (utf8_valid(bytes, (size_t)len) !=
			    json_object_get_boolean(
			    json_object_object_get(one, "valid")))
				fail_msg("%s", hex);
			run++;
		}
	}
	json_object_put(all);
	assert_int_equal(run, 132);
}

static void
test_utf8_long(void **state)
{
	char buf[40];
	size_t i;

	(void)state;
	/* The fast path must not step over a bad byte. */
	for (i = 0; i < sizeof(buf); i++) {
		memset(buf, 'a', sizeof(buf));
		assert_true(utf8_valid(buf, sizeof(buf)));
		buf[i] = (char)0xc3;
		assert_false(utf8_valid(buf, sizeof(buf)));
	}
}

static void
test_hashes(void **state)
{
	/* Rows of the SipHash-2-4 reference: input 00 01 02 ... of length n. */
	static const struct { size_t n; uint64_t want; } rows[] = {
		{ 0, UINT64_C(0x726fdb47dd0e0e31) },
		{ 1, UINT64_C(0x74f839c593dc67fd) },
		{ 8, UINT64_C(0x93f5f5799a932462) },
		{ 15, UINT64_C(0xa129ca6149be45e5) },
		{ 63, UINT64_C(0x958a324ceb064572) }
	};
	uint8_t key[16], in[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)i;
	memcpy(key, in, sizeof(key));
	for (i = 0; i < NITEMS(rows); i++)
		assert_true(siphash(key, in, rows[i].n) == rows[i].want);
	assert_true(fnv1a("", 0, 0) == UINT64_C(0xcbf29ce484222325));
	assert_true(fnv1a("foobar", 6, 0) == UINT64_C(0x85944171f73967e8));
	assert_true(fnv1a("foobar", 6, 1) != fnv1a("foobar", 6, 0));
}

static void
test_uuid(void **state)
{
	static const char *const bad[] = { "",
	    "018f3c6e7a4b7c3d9e1f0123456789ab",
	    "018f3c6e-7a4b-7c3d-9e1f-0123456789a",
	    "018f3c6e-7a4b-7c3d-9e1f-0123456789abc",
	    "018f3c6e-7a4b-7c3d-9e1f-0123456789ag",
	    "018f3c6e_7a4b-7c3d-9e1f-0123456789ab",
	    "{18f3c6e-7a4b-7c3d-9e1f-0123456789a}" };
	char text[UUID_TEXT], before[UUID_TEXT] = "";
	struct uuid u, v;
	size_t i;

	(void)state;
	for (i = 0; i < 20000; i++) {
		u = uuid_new();
		uuid_format(u, text);
		assert_true(strcmp(before, text) < 0);
		assert_int_equal(text[14], '7');
		assert_non_null(strchr("89ab", text[19]));
		memcpy(before, text, sizeof(text));
	}
	assert_int_equal(uuid_parse(text, &v), 0);
	assert_true(uuid_equal(u, v));
	assert_false(uuid_is_nil(v));
	assert_int_equal(uuid_parse("00000000-0000-0000-0000-000000000000",
	    &v), 0);
	assert_true(uuid_is_nil(v));
	assert_int_equal(uuid_parse("ABCDEF00-0000-7000-8000-000000000000",
	    &v), 0);
	assert_string_equal(uuid_format(v, text),
	    "abcdef00-0000-7000-8000-000000000000");
	for (i = 0; i < NITEMS(bad); i++)
		assert_int_equal(uuid_parse(bad[i], &v), -1);
	assert_int_equal(uuid_parse(NULL, &v), -1);
}

static void
test_random(void **state)
{
	size_t seen[7] = { 0 }, i;
	char text[41], other[41];

	(void)state;
	for (i = 0; i < 7000; i++)
		seen[random_below(7)]++;
	/* Six standard deviations of a binomial(7000, 1/7) are about 176. */
	for (i = 0; i < 7; i++)
		assert_in_range(seen[i], 820, 1180);
	assert_int_equal(random_below(1), 0);
	random_text(text, 40);
	random_text(other, 40);
	assert_int_equal(strlen(text), 40);
	assert_null(strpbrk(text, "01IOlo"));
	assert_string_not_equal(text, other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hex),
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_url),
		cmocka_unit_test(test_utf8_vectors),
		cmocka_unit_test(test_utf8_long),
		cmocka_unit_test(test_hashes),
		cmocka_unit_test(test_uuid),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
