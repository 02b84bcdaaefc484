/*
 * Reading files of prices: the three forms, byte by byte and at once, every
 * kind of damage with its place, and the real archives counted against a
 * second, naive count.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/err.h"
#include "modules/spot/price.h"
#include "tests/harness/tar.h"

#include <cmocka.h>

static struct arena *a;
static struct err err;

struct text {
	const char *p;
	size_t n, step;
};
struct sum {
	size_t rows, batches;
	int64_t e8;
	char last[200];
};

static int
setup(void **state)
{
	(void)state;
	a = arena_new((size_t)512 << 20);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

static long
feed(void *arg, void *buf, size_t n, struct err *e)
{
	struct text *t = arg;
	size_t k = t->n < n ? t->n : n;

	(void)e;
	if (k > t->step)
		k = t->step;
	memcpy(buf, t->p, k);
	t->p += k;
	t->n -= k;
	return (long)k;
}

static int
collect(void *arg, struct arena *b, const struct spot_price *v, size_t n,
    struct err *e)
{
	struct sum *s = arg;

	(void)b, (void)e;
	assert_true(n > 0 && n <= SPOT_PRICE_BATCH);
	s->batches++;
	s->rows += n;
	for (size_t i = 0; i < n; i++)
		s->e8 += v[i].price.e8;
	snprintf(s->last, sizeof(s->last), "%s %s %s %s %s %lld %lld",
	    v[n - 1].market, v[n - 1].region, v[n - 1].availability_zone,
	    v[n - 1].instance_type, v[n - 1].product,
	    (long long)v[n - 1].price.e8,
	    (long long)(v[n - 1].timestamp.us / 1000000));
	return 0;
}

static int
read_text(const char *p, size_t n, size_t step, struct sum *s,
    struct spot_price_report *r)
{
	struct text t = { p, n, step };

	*s = (struct sum){ .rows = 0 };
	err_clear(&err);
	return spot_price_read(a, &(struct spot_price_source){ feed, &t },
	    &(struct spot_price_sink){ collect, s }, r, &err);
}

static void
test_forms(void **state)
{
	static const struct { const char *text, *format; } t[] = {
		{ "{\"SpotPriceHistory\": [ {\"AvailabilityZone\":"
		    "\"us-east-1a\",\"InstanceType\":\"m5.large\","
		    "\"ProductDescription\":\"Linux/UNIX (Amazon VPC)\","
		    "\"SpotPrice\":\"0.0437\",\"Timestamp\":"
		    "\"2021-02-09T01:40:10+00:00\"}]}", "aws-json" },
		{ "{\"NextToken\":\"a\\\"}b\",\"SpotPriceHistory\":[{"
		    "\"AvailabilityZone\":\"us-east-1a\",\"InstanceType\":"
		    "\"m5.large\",\"SpotPrice\":0.0437,\"Timestamp\":"
		    "\"2021-02-09T01:40:10Z\"}]}\n\n", "aws-json" },
		{ "[{\"AvailabilityZone\":\"us-east-1a\",\"InstanceType\":"
		    "\"m5.large\",\"SpotPrice\":\"0.0437\",\"Timestamp\":"
		    "\"2021-02-09T01:40:10Z\",\"AvailabilityZoneId\":\"x\"}]",
		    "aws-json" },
		{ "{\"availability_zone\":\"us-east-1a\",\"instance_type\":"
		    "\"m5.large\",\"price\":0.0437,\"timestamp\":"
		    "\"2021-02-09T01:40:10Z\"}\n", "ndjson" },
		{ "# instance_type=m5.large az=us-east-1a os=Linux x=5.52\n"
		    "timestamp,spot_price_usd\n"
		    "2021-02-09 01:40:10+00:00,0.0437\n", "csv" },
		{ "az,instance_type,timestamp,price\r\nus-east-1a,m5.large,"
		    "2021-02-09T01:40:10Z,0.0437\r\n", "csv" } };
	struct spot_price_report r;
	struct sum s;

	(void)state;
	for (size_t i = 0; i < NITEMS(t); i++)
		for (size_t step = 1; step < 70000; step += 69000) {
			if (read_text(t[i].text, strlen(t[i].text), step, &s,
			    &r) == -1)
				fail_msg("%zu: %s", i, err.detail);
			assert_string_equal(r.format, t[i].format);
			assert_int_equal(r.rows, 1);
			assert_int_equal(r.bytes, strlen(t[i].text));
			assert_string_equal(s.last, "aws us-east-1 us-east-1a "
			    "m5.large Linux/UNIX 4370000 1612834810");
		}
}

#define REC "{\"AvailabilityZone\":\"us-east-1a\",\"InstanceType\":\"m5.large\"," \
	"\"SpotPrice\":\"0.04\",\"Timestamp\":\"2021-02-09T01:40:10Z\"}"
static void
test_damage(void **state)
{
	static const struct { const char *text, *where; } t[] = {
		{ "", "empty" }, { " \n", "empty" },
		{ "{", "record 1" }, { "[", "record 1" },
		{ "{\"SpotPriceHistory\":", "record 1" },
		{ "{\"SpotPriceHistory\":[" REC, "record 2" },
		{ "{\"SpotPriceHistory\":[" REC " " REC "]}", "record 2" },
		{ "{\"SpotPriceHistory\":[" REC "]} x", "record 2" },
		{ "{\"SpotPriceHistory\":[" REC ",]}", "record 2" },
		{ "{\"SpotPriceHistory\":[1]}", "record 1" },
		{ "{\"SpotPriceHistory\":{}}", "record 1" },
		{ "[" REC "", "record 2" }, { "[" REC "]]", "record 2" },
		{ REC "\nx", "record 2" },
		{ "az,price\nus-east-1a\n", "line 2" } };
	static const char *const values[] = { "\"NaN\"", "\"-1\"", "\"1e400\"",
		"\"\"", "null", "true", "[]", "\"0.0000000001\"", "\"99999\"",
		"\"0\"", "0.1,\"SpotPrice\":0.2" };
	struct spot_price_report r;
	struct sum s;

	(void)state;
	for (size_t i = 0; i < NITEMS(t); i++) {
		assert_int_equal(read_text(t[i].text, strlen(t[i].text), 9,
		    &s, &r), -1);
		assert_int_equal(err.status, 422);
		if (strstr(err.detail, t[i].where) == NULL)
			fail_msg("%zu: %s", i, err.detail);
	}
	for (size_t i = 0; i < NITEMS(values); i++) {
		char text[400];
		int n = snprintf(text, sizeof(text), "[" REC ",{"
		    "\"AvailabilityZone\":\"us-east-1a\",\"InstanceType\":"
		    "\"m5.large\",\"Timestamp\":\"2021-02-09T01:40:10Z\","
		    "\"SpotPrice\":%s}]", values[i]);

		assert_int_equal(read_text(text, (size_t)n, 50, &s, &r), -1);
		if (err.status != 422)
			fail_msg("%s: %d", values[i], err.status);
		assert_int_equal(s.rows, 0);
	}
}

/* A record without end costs one error, not memory. */
static void
test_bounds(void **state)
{
	size_t n = 8 << 20;
	char *text = malloc(n);
	struct spot_price_report r;
	struct sum s;
	size_t before = arena_used(a);

	(void)state;
	memset(text, 'x', n);
	memcpy(text, "[{\"", 3);
	assert_int_equal(read_text(text, n, n, &s, &r), -1);
	assert_non_null(strstr(err.detail, "4096"));
	memset(text, '[', n);
	assert_int_equal(read_text(text, n, n, &s, &r), -1);
	assert_true(arena_used(a) - before < (1 << 20));
	free(text);
}

static size_t
count_one(const char *name, const char *p, size_t n)
{
	struct spot_price_report r;
	struct sum s;
	size_t want = 0;
	const char *mark = strstr(name, ".csv") != NULL ? "\n" :
	    "\"Timestamp\"";

	if (n == 0 || (strstr(name, ".csv") == NULL && p[0] != '{'))
		return 0;
	for (const char *q = p; (q = memmem(q, (size_t)(p + n - q), mark,
	    strlen(mark))) != NULL; q++)
		want++;
	if (*mark == '\n')
		want -= 2;
	if (read_text(p, n, 60000, &s, &r) == -1)
		fail_msg("%s: %s", name, err.detail);
	assert_int_equal(r.rows, want);
	assert_int_equal(s.rows, want);
	return want;
}

static void
test_archives(void **state)
{
	static const char *const files[] = {
		"aws/describe_spot_price_history_2016_us-east-1.dev.tar.gz",
		"aws/spot_price_history_2015_m3medium_d2.tar.gz" };

	(void)state;
	for (size_t i = 0; i < NITEMS(files); i++) {
		struct tar tar;
		size_t total = 0;

		if (tar_read(a, files[i], &tar) == -1)
			return;
		for (size_t k = 0; k < tar.n; k++)
			total += count_one(tar.v[k].path, tar.v[k].text,
			    tar.v[k].n);
		print_message("%s: %zu prices\n", files[i], total);
		assert_true(total > 1000);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_archives)
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
