/*
 * Decoding one value: every field type against what pydantic 2 answers, and
 * the number literals that must not become another number; the check of field
 * tables themselves.
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
#include "base/number.h"
#include "base/str.h"
#include "schema/schema.h"
#include "tests/harness/data.h"

static struct arena *a;
static struct err e;
static uint64_t seen;

static int
setup(void **state)
{
	(void)state;
	a = arena_new(64 * 1024 * 1024);
	err_clear(&e);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

struct point {
	int64_t x, y;
	const char *pin;
};

static const struct field point_fields[] = {
	FIELD(struct point, x, .flags = FF_REQUIRED),
	FIELD(struct point, y, .def = "7"),
	FIELD(struct point, pin, .flags = FF_SECRET),
	FIELD_END
};
static const struct schema point_schema = { .name = "Point",
	.size = sizeof(struct point), .fields = point_fields };

struct all {
	bool flag;
	int64_t count, bounded, strict, above;
	double real;
	const char *name, *mail, *url, *slug, *choice, *code, *low;
	struct blob bytes;
	struct dec price;
	struct uuid id;
	struct utc at, day;
	struct json any;
	struct list numbers, points;
	const void *point;
	int64_t maybe;
	bool has_maybe;
};

static const struct field all_fields[] = {
	FIELD(struct all, flag),
	FIELD(struct all, count),
	FIELD(struct all, bounded, .min = 1, .max = 10),
	FIELD(struct all, strict, .flags = FF_STRICT),
	FIELD(struct all, above, .min = 0, .flags = FF_XMIN),
	FIELD(struct all, real),
	FIELD(struct all, name, .min = 2, .max = 4),
	FIELD(struct all, mail, .fmt = FMT_EMAIL),
	FIELD(struct all, url, .fmt = FMT_URL),
	FIELD(struct all, slug, .fmt = FMT_SLUG),
	FIELD(struct all, choice, .oneof = ONEOF("a", "b", "c")),
	FIELD(struct all, code, .pattern = "^[a-z]+$"),
	FIELD(struct all, low, .flags = FF_LOWER),
	FIELD(struct all, bytes),
	FIELD(struct all, price),
	FIELD(struct all, id),
	FIELD(struct all, at),
	FIELD(struct all, day, .fmt = FMT_DATE),
	FIELD(struct all, any),
	FIELD(struct all, numbers, .elem = FT_INT, .min = 1, .max = 2),
	FIELD(struct all, points, .sub = &point_schema),
	FIELD(struct all, point, .sub = &point_schema,
	    .flags = FF_NULLABLE),
	FIELD(struct all, maybe, .flags = FF_NULLABLE,
	    FIELD_HAS(struct all, has_maybe)),
	FIELD_END
};
static const struct schema all_schema = { .name = "All",
	.size = sizeof(struct all), .fields = all_fields };

/* ---- one value --------------------------------------------------------- */

#define INT_PARSE "int_parsing|Input should be a valid integer, unable to " \
	"parse string as an integer|-"
#define INT_FRACTION "int_from_float|Input should be a valid integer, got a " \
	"number with a fractional part|-"
#define INT_TYPE "int_type|Input should be a valid integer|-"
#define REAL_PARSE "float_parsing|Input should be a valid number, unable to " \
	"parse string as a number|-"
#define FINITE "finite_number|Input should be a finite number|-"
#define BOOL_PARSE "bool_parsing|Input should be a valid boolean, unable to " \
	"interpret input|-"
#define BOOL_TYPE "bool_type|Input should be a valid boolean|-"
#define STR_TYPE "string_type|Input should be a valid string|-"
#define ENUM "enum|Input should be 'a', 'b' or 'c'|" \
	"{\"expected\":\"'a', 'b' or 'c'\"}"
#define DEC_TYPE "decimal_type|Decimal input should be an integer, float, " \
	"string or Decimal object|-"
#define DEC_PLACES "decimal_max_places|Decimal input should have no more " \
	"than 8 decimal places|{\"decimal_places\":8}"
#define DEC_WHOLE "decimal_whole_digits|Decimal input should have no more " \
	"than 11 digits before the decimal point|{\"whole_digits\":11}"
#define TIME(why) "datetime_from_date_parsing|Input should be a valid " \
	"datetime or date, " why "|{\"error\":\"" why "\"}"
#define UUID(why) "uuid_parsing|Input should be a valid UUID, " why \
	"|{\"error\":\"" why "\"}"
#define URL(why) "url_parsing|Input should be a valid URL, " why \
	"|{\"error\":\"" why "\"}"
#define SCHEME "url_scheme|URL scheme should be 'http' or 'https'|" \
	"{\"expected_schemes\":\"'http' or 'https'\"}"
#define MAIL(why) "value_error|value is not a valid email address: " why \
	"|{\"reason\":\"" why "\"}"
#define MODEL "model_attributes_type|Input should be a valid dictionary or " \
	"object to extract fields from|-"
#define LE_MAX "less_than_equal|Input should be less than or equal to " \
	"9223372036854775807|{\"le\":9223372036854775807}"
#define SLUG_RE "^[A-Za-z0-9._:-]+$"

/* field, JSON value, "=" and what it encodes to, or the entry. Answers from
 * pydantic 2.13 (strict bounds of ours: int64, year 1900, canonical forms). */
static const struct {
	const char *field, *json, *want;
} values[] = {
	{ "flag", "true", "=true" }, { "flag", "0", "=false" },
	{ "flag", "1.0", "=true" }, { "flag", "\"YES\"", "=true" },
	{ "flag", "\"off\"", "=false" }, { "flag", "2", BOOL_PARSE },
	{ "flag", "-1", BOOL_PARSE }, { "flag", "\" yes\"", BOOL_PARSE },
	{ "flag", "\"\"", BOOL_PARSE }, { "flag", "0.5", BOOL_TYPE },
	{ "flag", "null", BOOL_TYPE }, { "flag", "[]", BOOL_TYPE },
	{ "count", "12", "=12" }, { "count", "true", "=1" },
	{ "count", "3.0", "=3" }, { "count", "2e3", "=2000" },
	{ "count", "\" 12 \"", "=12" }, { "count", "\"+1\"", "=1" },
	{ "count", "\"1.00\"", "=1" }, { "count", "\"007\"", "=7" },
	{ "count", "\"1.\"", INT_PARSE }, { "count", "\"1.5\"", INT_PARSE },
	{ "count", "\"1e3\"", INT_PARSE }, { "count", "\"\"", INT_PARSE },
	{ "count", "1.5", INT_FRACTION }, { "count", "null", INT_TYPE },
	{ "count", "[]", INT_TYPE }, { "count", "{}", INT_TYPE },
	{ "count", "\"99999999999999999999\"", LE_MAX },
	{ "count", "1e30", LE_MAX },
	{ "strict", "5", "=5" }, { "strict", "\"5\"", INT_TYPE },
	{ "strict", "true", INT_TYPE },
	{ "bounded", "0", "greater_than_equal|Input should be greater than "
	    "or equal to 1|{\"ge\":1}" },
	{ "bounded", "11", "less_than_equal|Input should be less than or "
	    "equal to 10|{\"le\":10}" },
	{ "above", "0", "greater_than|Input should be greater than 0|"
	    "{\"gt\":0}" },
	{ "above", "9000000000000", "=9000000000000" },
	{ "real", "1.5", "=1.5" }, { "real", "true", "=1" },
	{ "real", "\" 1.5 \"", "=1.5" }, { "real", "\"nan\"", FINITE },
	{ "real", "\"-inf\"", FINITE }, { "real", "\"1e400\"", FINITE },
	{ "real", "\"\"", REAL_PARSE }, { "real", "\"0x10\"", REAL_PARSE },
	{ "real", "null", "float_type|Input should be a valid number|-" },
	{ "name", "\"ab\"", "=\"ab\"" },
	{ "name", "\"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\"",
	    "=\"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\"" },
	{ "name", "\"a\"", "string_too_short|String should have at least 2 "
	    "characters|{\"min_length\":2}" },
	{ "name", "\"abcde\"", "string_too_long|String should have at most 4 "
	    "characters|{\"max_length\":4}" },
	{ "name", "1", STR_TYPE }, { "name", "null", STR_TYPE },
	{ "low", "\"MiXed\"", "=\"mixed\"" },
	{ "choice", "\"b\"", "=\"b\"" }, { "choice", "\"x\"", ENUM },
	{ "choice", "5", ENUM }, { "choice", "null", ENUM },
	{ "code", "\"A\"", "string_pattern_mismatch|String should match "
	    "pattern '^[a-z]+$'|{\"pattern\":\"^[a-z]+$\"}" },
	{ "slug", "\"a/b\"", "string_pattern_mismatch|String should match "
	    "pattern '" SLUG_RE "'|{\"pattern\":\"" SLUG_RE "\"}" },
	{ "slug", "\"i-0ab:c.d_e\"", "=\"i-0ab:c.d_e\"" },
	{ "bytes", "\"AAEC\"", "=\"AAEC\"" }, { "bytes", "\"\"", "=\"\"" },
	{ "bytes", "\"A\"", "base64_decode|Base64 decoding error: 'not "
	    "canonical base64'|{\"error\":\"not canonical base64\"}" },
	{ "price", "0.0437", "=0.0437" }, { "price", "\"0.10\"", "=0.1" },
	{ "price", "12", "=12" }, { "price", "1e2", "=100" },
	{ "price", "0.30000000000000004", DEC_PLACES },
	{ "price", "1e-9", DEC_PLACES },
	{ "price", "92233720369", DEC_WHOLE },
	{ "price", "1e30", DEC_WHOLE },
	{ "price", "\"abc\"", "decimal_parsing|Input should be a valid "
	    "decimal|-" },
	{ "price", "\"nan\"", FINITE }, { "price", "true", DEC_TYPE },
	{ "price", "null", DEC_TYPE },
	{ "id", "\"12345678-1234-1234-1234-123456789ABC\"",
	    "=\"12345678-1234-1234-1234-123456789abc\"" },
	{ "id", "\"123456781234123412341234567890ab\"",
	    "=\"12345678-1234-1234-1234-1234567890ab\"" },
	{ "id", "\"\"", UUID("invalid length: expected length 32 for simple "
	    "format, found 0") },
	{ "id", "\"not-a-uuid\"", UUID("invalid character: found `n` at 1") },
	{ "id", "\"\xc3\xa9\"", UUID("invalid character: found `\xc3\xa9` at "
	    "1") },
	{ "id", "\"1234-5\"", UUID("invalid group count: expected 5, found "
	    "2") },
	{ "id", "\"12345678-123-41234-1234-123456789abc\"",
	    UUID("invalid group length in group 1: expected 4, found 3") },
	{ "id", "\"12345678-1234-1234-1234-123456789abcd\"",
	    UUID("invalid group length in group 4: expected 12, found 13") },
	{ "id", "5", "uuid_type|UUID input should be a string, bytes or UUID "
	    "object|-" },
	{ "at", "\"2026-11-21T10:13:18+01:00\"",
	    "=\"2026-11-21T09:13:18Z\"" },
	{ "at", "\"2026-11-21\"", "=\"2026-11-21T00:00:00Z\"" },
	{ "at", "1700000000", "=\"2023-11-14T22:13:20Z\"" },
	{ "at", "1700000000000", "=\"2023-11-14T22:13:20Z\"" },
	{ "at", "\"1700000000\"", "=\"2023-11-14T22:13:20Z\"" },
	{ "at", "1.5", "=\"1970-01-01T00:00:01.500Z\"" },
	{ "at", "\"not a date\"", TIME("invalid character in year") },
	{ "at", "\"x\"", TIME("input is too short") },
	{ "at", "\"2020/01/01\"", TIME("invalid date separator, expected "
	    "`-`") },
	{ "at", "\"2020-13-01\"", TIME("month value is outside expected range "
	    "of 1-12") },
	{ "at", "\"2020-02-30\"", TIME("day value is outside expected "
	    "range") },
	{ "at", "\"2020-01-01T25:00:00\"", TIME("unexpected extra characters "
	    "at the end of the input") },
	{ "at", "true", "datetime_type|Input should be a valid datetime|-" },
	{ "at", "null", "datetime_type|Input should be a valid datetime|-" },
	{ "day", "\"2020-02-29\"", "=\"2020-02-29\"" },
	{ "day", "\"2020-01-01T10:00:00\"", "date_from_datetime_inexact|"
	    "Datetimes provided to dates should have zero time - e.g. be "
	    "exact dates|-" },
	{ "any", "{\"b\":[1,2.50,null],\"a\":\"/\"}",
	    "={\"b\":[1,2.50,null],\"a\":\"/\"}" },
	{ "any", "\"x\"", "=\"x\"" }, { "any", "1.10", "=1.10" },
	{ "numbers", "[1,\"2\"]", "=[1,2]" },
	{ "numbers", "[]", "too_short|List should have at least 1 item after "
	    "validation, not 0|{\"field_type\":\"List\",\"min_length\":1,"
	    "\"actual_length\":0}" },
	{ "numbers", "[1,2,3]", "too_long|List should have at most 2 items "
	    "after validation, not 3|{\"field_type\":\"List\","
	    "\"max_length\":2,\"actual_length\":3}" },
	{ "numbers", "{}", "list_type|Input should be a valid list|-" },
	{ "numbers", "\"1\"", "list_type|Input should be a valid list|-" },
	{ "points", "[]", "=[]" },
	{ "points", "[{\"x\":1},{\"x\":2,\"y\":3}]",
	    "=[{\"x\":1,\"y\":7},{\"x\":2,\"y\":3}]" },
	{ "points", "[5]", MODEL },
	{ "point", "null", "=null" },
	{ "point", "{\"x\":1}", "={\"x\":1,\"y\":7}" },
	{ "point", "[]", MODEL },
	{ "maybe", "null", "=null" }, { "maybe", "0", "=0" },
	{ "mail", "\"a.b+c@ex-ample.org\"", "=\"a.b+c@ex-ample.org\"" },
	{ "mail", "\"x\"", MAIL("An email address must have an @-sign.") },
	{ "mail", "\"@b.cc\"", MAIL("There must be something before the "
	    "@-sign.") },
	{ "mail", "\"a@\"", MAIL("There must be something after the "
	    "@-sign.") },
	{ "mail", "\"a@b\"", MAIL("The part after the @-sign is not valid. "
	    "It should have a period.") },
	{ "mail", "\"a@b..cc\"", MAIL("An email address cannot have two "
	    "periods in a row.") },
	{ "mail", "\".a@b.cc\"", MAIL("An email address cannot start with a "
	    "period.") },
	{ "url", "\"https://u:p@example.org:8443/x?y#z\"",
	    "=\"https://u:p@example.org:8443/x?y#z\"" },
	{ "url", "\"http://[::1]:80/\"", "=\"http://[::1]:80/\"" },
	{ "url", "\"\"", URL("input is empty") },
	{ "url", "\"not a valid url\"", URL("relative URL without a base") },
	{ "url", "\"//a\"", URL("relative URL without a base") },
	{ "url", "\"http://\"", URL("empty host") },
	{ "url", "\"http://a:99999/\"", URL("invalid port number") },
	{ "url", "\"http://a b/\"", URL("invalid international domain "
	    "name") },
	{ "url", "\"http://1.2.3.999/\"", URL("invalid IPv4 address") },
	{ "url", "\"http://[::1\"", URL("invalid IPv6 address") },
	{ "url", "\"ftp://a.b\"", SCHEME },
	{ "url", "\"javascript:alert(1)\"", SCHEME },
	{ "url", "5", STR_TYPE },
};

/* "=encoded" of the one member, or "type|msg|ctx" of the first entry. */
static const char *
outcome(const char *field, const char *json)
{
	const char *text = arena_printf(a, "{\"%s\":%s}", field, json);
	struct all out;
	struct str s, pick;
	const char *p;

	err_clear(&e);
	if (schema_decode_json(&all_schema, text, strlen(text), "body", true,
	    a, &out, &seen, &e) == -1) {
		assert_int_equal(e.status, 422);
		return arena_printf(a, "%s|%s|%s", e.fields[0].type,
		    e.fields[0].msg, e.fields[0].ctx != NULL ?
		    e.fields[0].ctx : "-");
	}
	assert_int_equal(e.status, 0);
	str_init(&s, a);
	schema_encode(&all_schema, &out, &s);
	str_init(&pick, a);
	str_addf(&pick, "\"%s\":", field);
	assert_non_null(p = strstr(s.p, pick.p));
	p += pick.len;
	/* Up to the next member, whose name the table knows. */
	text = all_fields[schema_find(&all_schema, field) + 1].name;
	if (text == NULL)
		return arena_printf(a, "=%.*s", (int)strlen(p) - 1, p);
	pick.len = 0;
	str_addf(&pick, ",\"%s\":", text);
	return arena_printf(a, "=%.*s", (int)(strstr(p, pick.p) - p), p);
}

static void
test_values(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < NITEMS(values); i++)
		if (strcmp(outcome(values[i].field, values[i].json),
		    values[i].want) != 0)
			fail_msg("%s: %s -> %s, not %s", values[i].field,
			    values[i].json, outcome(values[i].field,
			    values[i].json), values[i].want);
}

/* Literals that parsers are known to take for another number; legal ones must
 * keep their value exactly or be refused. */
static const struct {
	const char *json, *count, *real, *price;
} literals[] = {
	/* text, and what each type may make of it; NULL = refused */
	{ "NaN", NULL, NULL, NULL }, { "Infinity", NULL, NULL, NULL },
	{ "-Infinity", NULL, NULL, NULL }, { "nan", NULL, NULL, NULL },
	{ "1e400", NULL, NULL, NULL }, { "-1e400", NULL, NULL, NULL },
	{ "10000000000000000000000", NULL, NULL, NULL },
	{ "9223372036854775808", NULL, NULL, NULL },
	{ "-9223372036854775809", NULL, NULL, NULL },
	{ "18446744073709551615", NULL, NULL, NULL },
	{ "18446744073709551616", NULL, NULL, NULL },
	{ "1e19", NULL, "1e+19", NULL }, { "0x10", NULL, NULL, NULL },
	{ "010", NULL, NULL, NULL }, { "+1", NULL, NULL, NULL },
	{ "1.", NULL, NULL, NULL }, { ".5", NULL, NULL, NULL },
	{ "1e", NULL, NULL, NULL }, { "--1", NULL, NULL, NULL },
	{ "1_000", NULL, NULL, NULL }, { "1,5", NULL, NULL, NULL },
	{ "'1'", NULL, NULL, NULL }, { "\"\"", NULL, NULL, NULL },
	{ "\"1 2\"", NULL, NULL, NULL }, { "\"NaN\"", NULL, NULL, NULL },
	{ "\"Infinity\"", NULL, NULL, NULL },
	{ "\"1e400\"", NULL, NULL, NULL }, { "\"0x10\"", NULL, NULL, NULL },
	{ "\"\xd9\xa1\"", NULL, NULL, NULL }, { "null", NULL, NULL, NULL },
	{ "[1]", NULL, NULL, NULL }, { "{}", NULL, NULL, NULL },
	{ "1.5", NULL, "1.5", "1.5" },
	{ "0.1", NULL, "0.1", "0.1" },
	{ "1e-9", NULL, "1e-09", NULL },
	{ "0.123456789", NULL, "0.123456789", NULL },
	{ "9223372036854775807", "9223372036854775807", NULL, NULL },
	{ "-9223372036854775808", "-9223372036854775808", NULL, NULL },
	{ "92233720368.54775807", NULL, NULL, "92233720368.54775807" },
	{ "92233720368.54775808", NULL, NULL, NULL },
	{ "-0", "0", "0", "0" }, { "1.0e2", "100", "100", "100" },
};

static void
literal(const char *field, const char *json, const char *want, bool exact)
{
	const char *got = outcome(field, json);

	if (want == NULL && exact && *got == '=')
		fail_msg("%s took %s as %s", field, json, got);
	if (want != NULL && *got != '=')
		fail_msg("%s refused %s: %s", field, json, got);
	if (want != NULL && strtod(got + 1, NULL) != strtod(want, NULL))
		fail_msg("%s made %s of %s", field, got, json);
	if (want != NULL && exact && strcmp(field, "real") != 0 &&
	    strcmp(got + 1, want) != 0)
		fail_msg("%s made %s of %s", field, got, json);
}

static void
test_literals(void **state)
{
	size_t i;
	double d;
	bool big;

	(void)state;
	for (i = 0; i < NITEMS(literals); i++) {
		literal("count", literals[i].json, literals[i].count, true);
		literal("price", literals[i].json, literals[i].price, true);
		/* A double may round a legal number, never refuse it. */
		big = num_real(literals[i].json, strlen(literals[i].json),
		    &d) == NUM_OK && literals[i].real == NULL &&
		    (literals[i].count != NULL || strlen(literals[i].json) ==
		    20);
		literal("real", literals[i].json, literals[i].real, !big);
	}
}

static void
test_reals(void **state)
{
	char *text, *line, *save = NULL, lit[64];
	struct all out;
	uint64_t bits, have;
	size_t n;
	int count = 0, refused = 0;

	(void)state;
	text = data_read(a, "protocol/floats_more-test-cases.txt.gz", &n);
	if (text == NULL)
		return;
	for (line = strtok_r(text, "\n", &save); line != NULL;
	    line = strtok_r(NULL, "\n", &save)) {
		bits = strtoull(line + 14, NULL, 16);
		snprintf(lit, sizeof(lit), "{\"real\":\"%.48s\"}", line + 31);
		if (strlen(line + 31) > 48)
			continue;
		err_clear(&e);
		if (schema_decode_json(&all_schema, lit, strlen(lit), "body",
		    true, a, &out, &seen, &e) == -1) {
			/* Infinity only. */
			assert_true((bits & INT64_MAX) >=
			    UINT64_C(0x7ff0000000000000) ||
			    strpbrk(lit, "xXpP") != NULL);
			refused++;
			continue;
		}
		memcpy(&have, &out.real, sizeof(have));
		if (have != bits)
			fail_msg("%s", line);
		count++;
	}
	printf("floats: %d equal, %d refused\n", count, refused);
	assert_true(count >= 30);
}

/* ---- tables ------------------------------------------------------------ */

static void
test_verify(void **state)
{
	static const struct field twice[] = {
		FIELD(struct point, x), FIELD(struct point, x), FIELD_END };
	static const struct field no_sub[] = {
		FIELD(struct all, point), FIELD_END };
	static const struct field no_elem[] = {
		FIELD(struct all, numbers), FIELD_END };
	static const struct field bad_def[] = {
		FIELD(struct all, bounded, .max = 3, .def = "4"), FIELD_END };
	static const struct field bad_re[] = {
		FIELD(struct all, name, .pattern = "("), FIELD_END };
	static const struct field column[] = {
		FIELD(struct point, x), FIELD(struct point, y, .column = "x"),
		FIELD_END };
	static const struct {
		const struct field *f;
		const char *want;
	} bad[] = {
		{ twice, "name used twice" }, { no_sub, "without .sub" },
		{ no_elem, "either .sub or .elem" },
		{ bad_def, "default is not a value" },
		{ bad_re, "does not compile" }, { column, "column used" },
	};
	struct schema s = { .name = "S", .size = sizeof(struct all) };
	size_t i;

	(void)state;
	assert_int_equal(schema_verify(&all_schema, &e), 0);
	assert_int_equal(schema_verify(&point_schema, &e), 0);
	for (i = 0; i < NITEMS(bad); i++) {
		s.fields = bad[i].f;
		err_clear(&e);
		assert_int_equal(schema_verify(&s, &e), -1);
		if (strstr(e.detail, bad[i].want) == NULL)
			fail_msg("%s, not %s", e.detail, bad[i].want);
	}
}

static void
count_schema(const struct schema *s, void *arg)
{
	(void)s;
	++*(int *)arg;
}

static void
test_lookup(void **state)
{
	int n = 0;

	(void)state;
	assert_int_equal(schema_count(&point_schema), 3);
	assert_int_equal(schema_find(&point_schema, "y"), 1);
	assert_int_equal(schema_find(&point_schema, "z"), -1);
	assert_int_equal(schema_find_column(&point_schema, "pin"), 2);
	assert_int_equal(schema_at(&point_schema, offsetof(struct point, y)),
	    1);
	schema_each(&all_schema, count_schema, &n);
	assert_int_equal(n, 2);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_values), T(test_literals), T(test_reals),
		T(test_verify), T(test_lookup),
	};

	return cmocka_run_group_tests_name("schema_decode", tests, NULL, NULL);
}
