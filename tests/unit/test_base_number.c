/*
 * Numbers and times from text: exactness, ranges, refusals, and independence of
 * the locale.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <locale.h>
#include <math.h>
#include <time.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/number.h"
#include "base/random.h"
#include "tests/harness/data.h"

static void
test_i64(void **state)
{
	static const struct { const char *s; enum num_rc rc, lax; int64_t v; }
	rows[] = {
		{ "0", NUM_OK, NUM_OK, 0 }, { "-0", NUM_OK, NUM_OK, 0 },
		{ "+5", NUM_OK, NUM_SYNTAX, 5 },
		{ "007", NUM_OK, NUM_SYNTAX, 7 },
		{ "9223372036854775807", NUM_OK, NUM_OK, INT64_MAX },
		{ "9223372036854775808", NUM_RANGE, NUM_RANGE, 0 },
		{ "-9223372036854775808", NUM_OK, NUM_OK, INT64_MIN },
		{ "-9223372036854775809", NUM_RANGE, NUM_RANGE, 0 },
		{ "1.0", NUM_SYNTAX, NUM_OK, 1 },
		{ "2e3", NUM_SYNTAX, NUM_OK, 2000 },
		{ "2500e-2", NUM_SYNTAX, NUM_OK, 25 },
		{ "1.5", NUM_SYNTAX, NUM_FRACTION, 0 },
		{ "1e-1", NUM_SYNTAX, NUM_FRACTION, 0 },
		{ "1e999999999", NUM_SYNTAX, NUM_RANGE, 0 },
		{ "1e99999999999999999999999", NUM_SYNTAX, NUM_RANGE, 0 },
		{ "0e99999999999999999999999", NUM_SYNTAX, NUM_OK, 0 },
		{ "1e-99999999999999999999999", NUM_SYNTAX, NUM_FRACTION, 0 },
		{ "9007199254740993.0", NUM_SYNTAX, NUM_OK,
		    INT64_C(9007199254740993) },
		{ "", NUM_SYNTAX, NUM_SYNTAX, 0 },
		{ "-", NUM_SYNTAX, NUM_SYNTAX, 0 },
		{ "1 ", NUM_SYNTAX, NUM_SYNTAX, 0 },
		{ " 1", NUM_SYNTAX, NUM_SYNTAX, 0 },
		{ "1.", NUM_SYNTAX, NUM_SYNTAX, 0 },
		{ ".5", NUM_SYNTAX, NUM_SYNTAX, 0 },
		{ "1e", NUM_SYNTAX, NUM_SYNTAX, 0 },
		{ "1e+", NUM_SYNTAX, NUM_SYNTAX, 0 },
		{ "0x10", NUM_SYNTAX, NUM_SYNTAX, 0 },
		{ "1_000", NUM_SYNTAX, NUM_SYNTAX, 0 },
		{ "NaN", NUM_SYNTAX, NUM_SYNTAX, 0 },
	};
	int64_t v;
	size_t i;

	(void)state;
	for (i = 0; i < NITEMS(rows); i++) {
		size_t n = strlen(rows[i].s);

		if (num_i64(rows[i].s, n, &v) != rows[i].rc ||
		    (rows[i].rc == NUM_OK && v != rows[i].v))
			fail_msg("num_i64 %s", rows[i].s);
		if (num_i64_lax(rows[i].s, n, &v) != rows[i].lax ||
		    (rows[i].lax == NUM_OK && v != rows[i].v))
			fail_msg("num_i64_lax %s", rows[i].s);
	}
}

static void
test_dec(void **state)
{
	static const struct { const char *s; enum num_rc rc; const char *out; }
	rows[] = {
		{ "0.0437", NUM_OK, "0.0437" }, { "12", NUM_OK, "12" },
		{ "12.000000000000", NUM_OK, "12" },
		{ "-0.5", NUM_OK, "-0.5" }, { "-0", NUM_OK, "0" },
		{ "1.23456789", NUM_OK, "1.23456789" },
		{ "1.234567890", NUM_OK, "1.23456789" },
		{ "1.234567891", NUM_SCALE, NULL },
		{ "1e-8", NUM_OK, "0.00000001" },
		{ "1e-9", NUM_SCALE, NULL },
		{ "100e-2", NUM_OK, "1" }, { "4.2E+1", NUM_OK, "42" },
		{ "1e999999999", NUM_RANGE, NULL },
		{ "0e999999999", NUM_OK, "0" },
		{ "1e-999999999", NUM_SCALE, NULL },
		{ "92233720368.54775807", NUM_OK, "92233720368.54775807" },
		{ "92233720368.54775808", NUM_RANGE, NULL },
		{ "-92233720368.54775808", NUM_OK, "-92233720368.54775808" },
		{ "99999999999", NUM_OK + NUM_RANGE, NULL },
		{ "1,5", NUM_SYNTAX, NULL }, { "", NUM_SYNTAX, NULL },
		{ ".", NUM_SYNTAX, NULL }, { "Infinity", NUM_SYNTAX, NULL },
		{ "$1", NUM_SYNTAX, NULL }, { "--1", NUM_SYNTAX, NULL },
	};
	char buf[DEC_TEXT];
	struct dec d;
	size_t i;

	(void)state;
	for (i = 0; i < NITEMS(rows); i++)
		if (dec_parse(rows[i].s, strlen(rows[i].s), &d) != rows[i].rc ||
		    (rows[i].out != NULL &&
		    strcmp(dec_format(d, buf), rows[i].out) != 0))
			fail_msg("dec_parse %s", rows[i].s);
}

static struct dec
dec(const char *s)
{
	struct dec d;

	assert_int_equal(dec_parse(s, strlen(s), &d), NUM_OK);
	return d;
}

static void
test_dec_sums(void **state)
{
	struct dec max = { INT64_MAX }, min = { INT64_MIN }, d;

	(void)state;
	assert_int_equal(dec_add(dec("0.1"), dec("0.2"), &d), 0);
	assert_int_equal(d.e8, dec("0.3").e8);
	assert_int_equal(dec_add(max, (struct dec){ 1 }, &d), -1);
	assert_int_equal(dec_sub(min, (struct dec){ 1 }, &d), -1);
	assert_int_equal(dec_mul(dec("1.5"), dec("-2.25"), &d), 0);
	assert_int_equal(d.e8, dec("-3.375").e8);
	/* Ties go to the even neighbour, on both sides of zero. */
	assert_int_equal(dec_mul(dec("0.00000001"), dec("0.5"), &d), 0);
	assert_int_equal(d.e8, 0);
	assert_int_equal(dec_mul(dec("0.00000003"), dec("0.5"), &d), 0);
	assert_int_equal(d.e8, 2);
	assert_int_equal(dec_mul(dec("-0.00000003"), dec("0.5"), &d), 0);
	assert_int_equal(d.e8, -2);
	assert_int_equal(dec_mul(max, dec("2"), &d), -1);
	assert_int_equal(dec_mul(min, min, &d), -1);
	assert_int_equal(dec_mul(min, dec("-1"), &d), -1);
	assert_int_equal(dec_div(dec("1"), dec("3"), &d), 0);
	assert_int_equal(d.e8, 33333333);
	assert_int_equal(dec_div(dec("-2"), dec("3"), &d), 0);
	assert_int_equal(d.e8, -66666667);
	assert_int_equal(dec_div(dec("2"), dec("-3"), &d), 0);
	assert_int_equal(d.e8, -66666667);
	assert_int_equal(dec_div(dec("1"), dec("0"), &d), -1);
	assert_int_equal(dec_div(min, dec("-1"), &d), -1);
	assert_int_equal(dec_div(max, (struct dec){ 1 }, &d), -1);
}

static void
test_dec_real(void **state)
{
	struct dec d;

	(void)state;
	assert_true(dec_real(dec("0.0437")) == 0.0437);
	assert_true(dec_real(dec("92233720368.54775807")) ==
	    92233720368.54775807);
	assert_int_equal(dec_from_real(0.1, &d), 0);
	assert_int_equal(d.e8, 10000000);
	assert_int_equal(dec_from_real(-12345678901.87654321, &d), 0);
	/* That double is -12345678901.876543045043945... */
	assert_true(d.e8 == INT64_C(-1234567890187654305));
	/* 2^-9 * 10^8 ends in .5 exactly: even; a hair more or less decides. */
	assert_int_equal(dec_from_real(0x1p-9, &d), 0);
	assert_int_equal(d.e8, 195312);
	assert_int_equal(dec_from_real(nextafter(0x1p-9, 1), &d), 0);
	assert_int_equal(d.e8, 195313);
	assert_int_equal(dec_from_real(nextafter(3 * 0x1p-9, 0), &d), 0);
	assert_int_equal(d.e8, 585937);
	assert_int_equal(dec_from_real(3 * 0x1p-9, &d), 0);
	assert_int_equal(d.e8, 585938);
	assert_int_equal(dec_from_real(92233720369.0, &d), -1);
	assert_int_equal(dec_from_real(NAN, &d), -1);
	assert_int_equal(dec_from_real(-INFINITY, &d), -1);
	assert_int_equal(dec_from_real(1e300, &d), -1);
}

static void
test_real_vectors(void **state)
{
	struct arena *a = arena_new(1024 * 1024);
	unsigned long long want;
	char *line, *save, text[256];
	uint64_t bits;
	size_t n, run = 0;
	double x;

	(void)state;
	line = data_read(a, "protocol/floats_more-test-cases.txt.gz", &n);
	if (line == NULL) {
		arena_free(a);
		skip();
	}
	for (line = strtok_r(line, "\n", &save); line != NULL;
	    line = strtok_r(NULL, "\n", &save), run++) {
		assert_int_equal(sscanf(line, "%*s %*s %llx %255s", &want,
		    text), 2);
		if (want == 0x7ff0000000000000) {
			assert_int_equal(num_real(text, strlen(text), &x),
			    NUM_RANGE);
			continue;
		}
		assert_int_equal(num_real(text, strlen(text), &x), NUM_OK);
		memcpy(&bits, &x, sizeof(bits));
		if (bits != want)
			fail_msg("%s", line);
	}
	assert_true(run >= 50);
	arena_free(a);
}

static void
test_real_text(void **state)
{
	static const struct { double x; const char *s; } rows[] = {
		{ 0, "0" }, { -0.0, "-0" }, { 0.1, "0.1" }, { 2, "2" },
		{ 5e-324, "5e-324" }, { 0x1p-1073, "1e-323" },
		{ 1.7976931348623157e308, "1.7976931348623157e+308" },
		{ 0x1p-44, "5.684341886080802e-14" },
		{ 9007199254740993.0, "9007199254740992" },
		{ 0.30000000000000004, "0.30000000000000004" },
		{ INFINITY, "null" }, { NAN, "null" },
	};
	char buf[DEC_TEXT];
	uint64_t bits;
	double x, y;
	size_t i;

	(void)state;
	for (i = 0; i < NITEMS(rows); i++)
		assert_string_equal(real_format(rows[i].x, buf), rows[i].s);
	for (i = 0; i < 20000; i++) {
		random_bytes(&bits, sizeof(bits));
		memcpy(&x, &bits, sizeof(x));
		if (!isfinite(x))
			continue;
		real_format(x, buf);
		assert_int_equal(num_real(buf, strlen(buf), &y), NUM_OK);
		assert_memory_equal(&x, &y, sizeof(x));
	}
}

/* The first of 15, 16 and 17 digits that reads back. */
static void
obvious(double x, char buf[DEC_TEXT])
{
	for (int p = 15; p <= 17; p++) {
		snprintf(buf, DEC_TEXT, "%.*g", p, x);
		if (strtod(buf, NULL) == x)
			return;
	}
}

/* Usual doubles take a way of their own; its text is that of the obvious one.
 * Powers of ten and of two, and the doubles beside them, are where it could
 * differ. */
static void
test_real_usual(void **state)
{
	char buf[DEC_TEXT], want[DEC_TEXT];
	uint64_t bits;

	(void)state;
	for (int i = 0; i < 40000; i++) {
		double x;

		random_bytes(&bits, sizeof(bits));
		x = (double)(bits % 1000000000) / 1000;
		if (i % 4 == 1)
			x = pow(10, (int)(bits % 24) - 8);
		else if (i % 4 == 2)
			x = ldexp((double)(bits >> 11), (int)(bits % 70) - 73);
		else if (i % 4 == 3)
			x = ldexp(1, (int)(bits % 80) - 25);
		if (i % 4 == 3 || bits >> 63 != 0)
			x = nextafter(x, (bits >> 62 & 1) != 0 ? 0 : 1e300);
		x = i % 8 < 4 ? x : -x;
		real_format(x, buf);
		obvious(x, want);
		if (fabs(frexp(x, &(int){ 0 })) != 0.5)
			assert_string_equal(buf, want);
	}
}

static void
test_real_long(void **state)
{
	size_t n = 200000, i;
	char *s = test_malloc(n + 1);
	double x;

	(void)state;
	memset(s, '0', n);
	memcpy(s, "0.", 2);
	s[n - 1] = '1';
	assert_int_equal(num_real(s, n, &x), NUM_OK);
	assert_true(x == 0);
	/* 1 + 2^-53 is a tie; one digit far away breaks it. */
	i = (size_t)snprintf(s, n,
	    "1.00000000000000011102230246251565404236316680908203125");
	assert_int_equal(num_real(s, i, &x), NUM_OK);
	assert_true(x == 1);
	s[i] = '0';
	assert_int_equal(num_real(s, n, &x), NUM_OK);
	assert_true(x > 1);
	memset(s, '9', n);
	assert_int_equal(num_real(s, n, &x), NUM_RANGE);
	test_free(s);
}

static void
test_locale(void **state)
{
	static const char *const names[] = { "de_DE.UTF-8", "de_DE.utf8",
	    "fr_FR.UTF-8", "de_DE", NULL };
	char buf[DEC_TEXT];
	double x;
	size_t i;

	(void)state;
	for (i = 0; names[i] != NULL; i++)
		if (setlocale(LC_ALL, names[i]) != NULL)
			break;
	if (names[i] == NULL)
		printf("not run: no locale with a decimal comma\n");
	assert_int_equal(num_real("1.5", 3, &x), NUM_OK);
	assert_true(x == 1.5);
	assert_int_equal(num_real("1,5", 3, &x), NUM_SYNTAX);
	assert_string_equal(real_format(1.5, buf), "1.5");
	setlocale(LC_ALL, "C");
}

static void
test_clock_parse(void **state)
{
	static const struct { const char *in, *out; } rows[] = {
		{ "2026-11-21T09:13:18Z", "2026-11-21T09:13:18Z" },
		{ "2026-11-21 09:13:18", "2026-11-21T09:13:18Z" },
		{ "2026-11-21T09:13", "2026-11-21T09:13:00Z" },
		{ "2026-11-21", "2026-11-21T00:00:00Z" },
		{ "2026-11-21T09:13:18.5+01:30", "2026-11-21T07:43:18.500Z" },
		{ "2026-11-21T23:30:00-01:00", "2026-11-22T00:30:00Z" },
		{ "2026-11-21T09:13:18.123456Z", "2026-11-21T09:13:18.123456Z" },
		{ "2026-11-21T09:13:18.123456789Z",
		    "2026-11-21T09:13:18.123456Z" },
		{ "2024-02-29", "2024-02-29T00:00:00Z" },
		{ "2000-02-29", "2000-02-29T00:00:00Z" },
		{ "1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z" },
		{ "1900-01-01T00:00:00Z", "1900-01-01T00:00:00Z" },
		{ "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z" },
	};
	static const char *const bad[] = { "", "2026", "2026-13-01",
	    "2026-00-01", "2026-02-30", "2023-02-29", "1900-02-29",
	    "2100-02-29", "2026-11-31", "2026-11-21T24:00:00Z",
	    "2026-11-21T09:60:00Z", "2016-12-31T23:59:60Z",
	    "2026-11-21T09:13:18.Z", "2026-11-21T09:13:18.1234567890Z",
	    "2026-11-21T09:13:18+0100", "2026-11-21T09:13:18+24:00",
	    "2026-11-21T09:13:18+01:60", "2026-11-21T09:13:18Zx",
	    "2026-11-21T09:13:18 Z", "2026-11-21  09:13:18",
	    "2026-11-21T", "2026-11-21T9:13:18Z", "2026-1-21", "20261121",
	    "1899-12-31T23:59:59Z", "1900-01-01T00:00:00+00:01",
	    "9999-12-31T23:59:59-00:01", "10000-01-01", " 2026-11-21",
	    "2026-11-21Z", "2026-11-21T09:13:+8Z", "-026-11-21" };
	char buf[CLOCK_TEXT];
	struct utc t;
	size_t i;

	(void)state;
	for (i = 0; i < NITEMS(rows); i++) {
		if (clock_parse(rows[i].in, &t) != 0)
			fail_msg("refused: %s", rows[i].in);
		assert_string_equal(clock_format(t, buf), rows[i].out);
	}
	for (i = 0; i < NITEMS(bad); i++)
		if (clock_parse(bad[i], &t) != -1)
			fail_msg("accepted: %s", bad[i]);
	assert_int_equal(clock_parse(NULL, &t), -1);
}

static void
test_clock_split(void **state)
{
	char buf[CLOCK_TEXT];
	struct tm mine, libc;
	struct utc t;
	int64_t s;
	time_t sys;

	(void)state;
	/* About every 1.1 days from year 0 to 9999 against libc. */
	for (s = INT64_C(-62167219200); s <= INT64_C(253402300799);
	    s += 97531) {
		sys = s;
		gmtime_r(&sys, &libc);
		clock_split((struct utc){ s * US_PER_S }, &mine);
		if (mine.tm_year != libc.tm_year || mine.tm_mon != libc.tm_mon ||
		    mine.tm_mday != libc.tm_mday ||
		    mine.tm_hour != libc.tm_hour || mine.tm_min != libc.tm_min ||
		    mine.tm_sec != libc.tm_sec || mine.tm_wday != libc.tm_wday ||
		    mine.tm_yday != libc.tm_yday)
			fail_msg("%lld", (long long)s);
	}
	clock_parse("2026-11-21T09:13:18.25Z", &t);
	assert_string_equal(clock_http(t, buf),
	    "Sat, 21 Nov 2026 09:13:18 GMT");
	assert_string_equal(clock_basic(t, buf), "20261121T091318Z");
	assert_string_equal(clock_format((struct utc){ INT64_MAX }, buf), "");
	assert_string_equal(clock_format((struct utc){ INT64_MIN }, buf), "");
	assert_true(clock_now().us > INT64_C(1700000000) * US_PER_S);
	assert_true(clock_boot_ns() > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_i64),
		cmocka_unit_test(test_dec),
		cmocka_unit_test(test_dec_sums),
		cmocka_unit_test(test_dec_real),
		cmocka_unit_test(test_real_vectors),
		cmocka_unit_test(test_real_text),
		cmocka_unit_test(test_real_usual),
		cmocka_unit_test(test_real_long),
		cmocka_unit_test(test_locale),
		cmocka_unit_test(test_clock_parse),
		cmocka_unit_test(test_clock_split),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
