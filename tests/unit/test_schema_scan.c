/*
 * The scan that judges JSON before json-c does: Python's words and positions
 * for bad syntax, our own types for what Python would take, the published
 * conformance files, and the cost of the worst texts.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include <archive.h>
#include <archive_entry.h>
#include <json-c/json.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/codec.h"
#include "base/str.h"
#include "schema/schema.h"
#include "tests/harness/data.h"

static struct arena *a;

static int
setup(void **state)
{
	(void)state;
	a = arena_new(64 * 1024 * 1024);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

/* "type loc ctx" of the first error, "" when the text is accepted. */
static const char *
verdict(const char *text, size_t n, size_t max)
{
	struct err e = { 0 };
	/* An exact block, so that a sanitizer sees a read too far. */
	char *copy = malloc(n > 0 ? n : 1);
	int rc;

	memcpy(copy, text, n);
	rc = json_scan(copy, n, max, "body", a, &e);
	free(copy);
	if (rc == 0) {
		assert_int_equal(e.nfields, 0);
		return "";
	}
	assert_int_equal(e.status, 422);
	assert_int_equal(e.nfields, 1);
	return arena_printf(a, "%s %s %s", e.fields[0].type, e.fields[0].loc,
	    e.fields[0].ctx != NULL ? e.fields[0].ctx : "-");
}

#define PY(pos, words) \
	"json_invalid [\"body\"," #pos "] {\"error\":\"" words "\"}"
#define NAME "Expecting property name enclosed in double quotes"

/* Positions and words taken from CPython 3.11's json module. */
static const struct {
	const char *text, *want;
} texts[] = {
	{ "{}", "" }, { " [1, 2.5e3, \"x\", null, true] ", "" }, { "0", "" },
	{ "-0", "" }, { "\"\\ud83d\\ude00\"", "" },
	{ "9223372036854775807", "" }, { "-9223372036854775808", "" },
	{ "1e308", "" }, { "1e-400", "" },
	{ "", PY(0, "Expecting value") },
	{ "  ", PY(2, "Expecting value") },
	{ "{some broken json}", PY(1, NAME) },
	{ "{'a':1}", PY(1, NAME) },
	{ "{\"a\":1,}", PY(7, NAME) },
	{ "{\"a\"}", PY(4, "Expecting ':' delimiter") },
	{ "{\"a\":}", PY(5, "Expecting value") },
	{ "{\"a\":1 \"b\":2}", PY(7, "Expecting ',' delimiter") },
	{ "{\"a\":1", PY(6, "Expecting ',' delimiter") },
	{ "[1,]", PY(3, "Expecting value") },
	{ "[1 2]", PY(3, "Expecting ',' delimiter") },
	{ "[", PY(1, "Expecting value") },
	{ "{", PY(1, NAME) },
	{ "nul", PY(0, "Expecting value") },
	{ "'a'", PY(0, "Expecting value") },
	{ "01", PY(1, "Extra data") },
	{ "[01]", PY(2, "Expecting ',' delimiter") },
	{ "1.", PY(1, "Extra data") }, { "1e", PY(1, "Extra data") },
	{ "1.5.2", PY(3, "Extra data") }, { "{} {}", PY(3, "Extra data") },
	{ "-", PY(0, "Expecting value") }, { "+1", PY(0, "Expecting value") },
	{ ".5", PY(0, "Expecting value") },
	{ "\"abc", PY(0, "Unterminated string starting at") },
	{ "[\"abc\\", PY(1, "Unterminated string starting at") },
	{ "\"a\tb\"", PY(2, "Invalid control character at") },
	{ "\"a\nb\"", PY(2, "Invalid control character at") },
	{ "\"\\x\"", PY(1, "Invalid \\\\escape") },
	{ "\"\\u12\"", PY(2, "Invalid \\\\uXXXX escape") },
	{ "\"\\u12G4\"", PY(2, "Invalid \\\\uXXXX escape") },
	/* Positions count characters, not bytes. */
	{ "[\"\xc3\xa9\xf0\x9f\x98\x80\" x]",
	    PY(6, "Expecting ',' delimiter") },
	{ "\xef\xbb\xbf{}", PY(0, "Unexpected UTF-8 BOM (decode using "
	    "utf-8-sig)") },
	/* Ours: Python would take them. */
	{ "NaN", "json_not_finite [\"body\"] -" },
	{ "{\"a\":[0,-Infinity]}", "json_not_finite [\"body\",\"a\",1] -" },
	{ "[{\"x\":Infinity}]", "json_not_finite [\"body\",0,\"x\"] -" },
	{ "{\"a\":1,\"b\":2,\"a\":3}",
	    "json_duplicate_member [\"body\",\"a\"] -" },
	{ "{\"q\":{\"a\":1,\"\\u0061\":3}}",
	    "json_duplicate_member [\"body\",\"q\",\"a\"] -" },
	{ "[0,{\"\":1,\"\":3}]", "json_duplicate_member [\"body\",1,\"\"] -" },
	{ "{\"a\":\"x\\u0000y\"}", "json_nul [\"body\",\"a\"] -" },
	{ "{\"a\\u0000\":1}", "json_nul [\"body\"] -" },
	{ "[\"\\ud800\"]", "json_surrogate [\"body\",0] -" },
	{ "[\"\\udc00\\ud800\"]", "json_surrogate [\"body\",0] -" },
	{ "[\"\\ud800\\u0041\"]", "json_surrogate [\"body\",0] -" },
	{ "[1,9223372036854775808]", "json_number_range [\"body\",1] -" },
	{ "{\"n\":-9223372036854775809}",
	    "json_number_range [\"body\",\"n\"] -" },
	{ "10000000000000000000000", "json_number_range [\"body\"] -" },
	{ "1e400", "json_number_range [\"body\"] -" },
	{ "-1E+309", "json_number_range [\"body\"] -" },
	{ "{\"k\":\"\xff\"}", "json_utf8 [\"body\",\"k\"] -" },
	{ "\"\xed\xa0\x80\"", "json_utf8 [\"body\"] -" },
	{ "\"\xc0\xaf\"", "json_utf8 [\"body\"] -" },
	{ "\"\xf4\x90\x80\x80\"", "json_utf8 [\"body\"] -" },
	{ "\"\xc3\"", "json_utf8 [\"body\"] -" },
};

static void
test_texts(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < NITEMS(texts); i++)
		assert_string_equal(verdict(texts[i].text,
		    strlen(texts[i].text), 0), texts[i].want);
}

static void
test_duplicates_many(void **state)
{
	struct str s;
	int i;

	(void)state;
	str_init(&s, a);
	str_addc(&s, '{');
	for (i = 0; i < 5000; i++)
		str_addf(&s, "\"k%d\":1,", i);
	str_add(&s, "\"z\":0}");
	assert_string_equal(verdict(s.p, s.len, 0), "");
	s.len -= 6;
	str_add(&s, "\"k4711\":0}");
	assert_string_equal(verdict(s.p, s.len, 0),
	    "json_duplicate_member [\"body\",\"k4711\"] -");
}

static void
test_depth(void **state)
{
	char text[2 * 40];
	int n;

	(void)state;
	for (n = 1; n < 40; n++) {
		memset(text, '[', (size_t)n);
		memset(text + n, ']', (size_t)n);
		if (n <= 32)
			assert_string_equal(verdict(text, 2 * (size_t)n, 0),
			    "");
		else
			assert_memory_equal(verdict(text, 2 * (size_t)n, 0),
			    "json_depth [\"body\",0,0", 21);
	}
}

static void
test_values(void **state)
{
	(void)state;
	assert_string_equal(verdict("[1,2]", 5, 3), "");
	assert_string_equal(verdict("[1,2,3]", 7, 3),
	    "json_too_many_values [\"body\",2] {\"max_values\":3}");
	assert_string_equal(verdict("{\"a\":{\"b\":1}}", 13, 2),
	    "json_too_many_values [\"body\",\"a\",\"b\"] {\"max_values\":2}");
}

/* Every prefix and every single changed byte of a document: no crash, and no
 * read outside (sanitizers). */
static void
test_mutations(void **state)
{
	static const char doc[] = "{\"a\":[1,-2.5e+3,\"x\\u00e9\\ud83d"
	    "\\ude00\\n\",true,false,null,{\"b\":{}}],\"c\":\"\xc3\xa9\"}";
	static const char bytes[] = "{}[]\",:\\u019eE+-. tfn\xff\xc3\n";
	char copy[sizeof(doc)];
	size_t i, k, ok = 0;

	(void)state;
	assert_string_equal(verdict(doc, sizeof(doc) - 1, 0), "");
	for (i = 0; i < sizeof(doc) - 1; i++) {
		assert_string_not_equal(verdict(doc, i, 0), "");
		for (k = 0; k < sizeof(bytes) - 1; k++) {
			memcpy(copy, doc, sizeof(doc));
			copy[i] = bytes[k];
			ok += *verdict(copy, sizeof(doc) - 1, 0) == '\0';
		}
	}
	assert_true(ok > 0 && ok < i * k);
}

/* ---- published files --------------------------------------------------- */

/* Legal JSON that we refuse on purpose. */
static const char *const stricter[] = {
	"y_object_duplicated_key.json",
	"y_object_duplicated_key_and_value.json",
	"y_string_null_escape.json",
	"y_object_escaped_null_in_key.json",
};

static bool
is_stricter(const char *name)
{
	size_t i;

	for (i = 0; i < NITEMS(stricter); i++)
		if (strcmp(stricter[i], name) == 0)
			return true;
	return false;
}

static void
suite_file(const char *path, const char *text, size_t n, int *counted)
{
	const char *name = strrchr(path, '/') != NULL ?
	    strrchr(path, '/') + 1 : path;
	const char *v = verdict(text, n, 0);
	bool accepted = *v == '\0', want = name[0] == 'y';

	if (name[1] != '_' || (name[0] != 'y' && name[0] != 'n'))
		return;
	if (is_stricter(name))
		want = false;
	if (accepted != want)
		fail_msg("%s: %s", name, accepted ? "accepted" : v);
	counted[want]++;
}

static void
test_suite(void **state)
{
	struct archive *ar = archive_read_new();
	struct archive_entry *e;
	int counted[2] = { 0, 0 };
	char *gz, *text;
	size_t n;

	(void)state;
	gz = data_read(a, "protocol/json_test_suite.dev.tar.gz", &n);
	if (gz == NULL)
		return;
	archive_read_support_filter_all(ar);
	archive_read_support_format_tar(ar);
	assert_int_equal(archive_read_open_memory(ar, gz, n), ARCHIVE_OK);
	while (archive_read_next_header(ar, &e) == ARCHIVE_OK) {
		n = (size_t)archive_entry_size(e);
		text = arena_alloc(a, n + 1);
		assert_int_equal(archive_read_data(ar, text, n), (int)n);
		suite_file(archive_entry_pathname(e), text, n, counted);
	}
	archive_read_free(ar);
	printf("JSON suite: %d accepted, %d refused\n", counted[1],
	    counted[0]);
	assert_true(counted[1] >= 90);
	assert_true(counted[0] >= 4);
}

static void
utf8_case(const char *hex, bool valid, int *counted)
{
	char text[512];
	long n = hex_decode(hex, strlen(hex), text + 1, sizeof(text) - 2);
	long i;
	bool plain = true;

	assert_true(n >= 0);
	text[0] = text[n + 1] = '"';
	for (i = 1; i <= n; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == '"' ||
		    text[i] == '\\')
			plain = false;
	if (!valid)
		assert_string_not_equal(verdict(text, (size_t)n + 2, 0), "");
	else if (plain)
		assert_string_equal(verdict(text, (size_t)n + 2, 0), "");
	counted[valid]++;
}

static void
test_utf8(void **state)
{
	struct json_object *groups, *cases, *c, *v;
	const char *text;
	int counted[2] = { 0, 0 };
	size_t n, i, k;

	(void)state;
	text = data_read(a, "protocol/utf8_sequences_autobahn.json", &n);
	if (text == NULL)
		return;
	assert_non_null(groups = json_tokener_parse(text));
	for (i = 0; i < json_object_array_length(groups); i++) {
		cases = json_object_object_get(json_object_array_get_idx(
		    groups, i), "cases");
		for (k = 0; k < json_object_array_length(cases); k++) {
			c = json_object_array_get_idx(cases, k);
			v = json_object_object_get(c, "valid");
			utf8_case(json_object_get_string(
			    json_object_object_get(c, "hex")),
			    json_object_get_boolean(v), counted);
		}
	}
	json_object_put(groups);
	assert_true(counted[0] >= 40 && counted[1] >= 20);
}

/* ---- loc_json ---------------------------------------------------------- */

static void
test_loc(void **state)
{
	const char *const parts[] = { "body", "items", "0", "a\"b", "007",
	    "99999999999999999999" };

	(void)state;
	assert_string_equal(loc_json(a, parts, NITEMS(parts)),
	    "[\"body\",\"items\",0,\"a\\\"b\",\"007\","
	    "\"99999999999999999999\"]");
	assert_string_equal(loc_json(a, parts, 0), "[]");
}

/* ---- cost -------------------------------------------------------------- */

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* One megabyte built to be slow must not be: 100,000 different members, one
 * long string of escapes, one long number. */
static void
test_cost(void **state)
{
	struct str s[3];
	double t0;
	int i;

	(void)state;
	for (i = 0; i < 3; i++)
		str_init(&s[i], a);
	str_addc(&s[0], '{');
	for (i = 0; i < 100000; i++)
		str_addf(&s[0], "\"%d\":0%s", i, i < 99999 ? "," : "}");
	str_addc(&s[1], '"');
	for (i = 0; i < 170000; i++)
		str_add(&s[1], "\\u00e9");
	str_addc(&s[1], '"');
	str_add(&s[2], "0.");
	for (i = 0; i < 1000000; i++)
		str_addc(&s[2], '3');
	for (i = 0; i < 3; i++) {
		t0 = seconds();
		assert_string_equal(verdict(s[i].p, s[i].len, 200000), "");
		assert_true(seconds() - t0 < 2.0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_texts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_duplicates_many, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_depth, setup, teardown),
		cmocka_unit_test_setup_teardown(test_values, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mutations, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_suite, setup, teardown),
		cmocka_unit_test_setup_teardown(test_utf8, setup, teardown),
		cmocka_unit_test_setup_teardown(test_loc, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cost, setup, teardown),
	};

	return cmocka_run_group_tests_name("schema_scan", tests, NULL, NULL);
}
