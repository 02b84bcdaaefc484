/*
 * Series: the text of a minute comes back as it went, nothing else is taken
 * for one; growth over restarts, quantiles, texts of /proc.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "modules/platform/sample.h"

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

static void
near(double got, double want)
{
	if (fabs(got - want) > 1e-9 * fmax(1, fabs(want)))
		fail_msg("%.17g, wanted %.17g", got, want);
}

static void
test_frame(void **state)
{
	const double bucket[METRIC_BUCKETS] = { 1, 0, 6 };
	struct platform_frame f = { .host = "h" }, back = { .host = "h" };
	struct str s;

	(void)state;
	*VEC_ADD(a, &f.v) = (struct platform_reading){ 7, 0.25, 0, NULL };
	*VEC_ADD(a, &f.v) = (struct platform_reading){ 2, 7, 1.5, bucket };
	*VEC_ADD(a, &f.v) = (struct platform_reading){ 3, -4, 0, NULL };
	str_init(&s, a);
	platform_frame_text(&f, &s);
	assert_string_equal(s.p,
	    "[[7,0.25],[2,7,1.5,[1,0,6]],[3,-4]]");
	assert_int_equal(platform_frame_parse(a, s.p, &back), 0);
	assert_int_equal(back.v.n, 3);
	assert_int_equal(back.v.v[0].series, 2);	/* sorted */
	near(platform_frame_find(&back, 7)->v, 0.25);
	near(platform_frame_find(&back, 3)->v, -4);
	near(platform_frame_find(&back, 2)->bucket[2], 6);
	near(platform_frame_find(&back, 2)->bucket[16], 0);
	near(platform_frame_find(&back, 2)->sum, 1.5);
	assert_null(platform_frame_find(&back, 4));
	assert_int_equal(platform_frame_parse(a, "[]", &back), 0);
	assert_null(platform_frame_find(&back, 7));
}

static void
test_frame_garbage(void **state)
{
	static const char *const texts[] = { "", "[", "]", "[[", "[[1]]",
	    "[[1,]]", "[[1,2]", "[[1,2],]", "[[1,2]]x", "[[-1,2]]",
	    "[[1.5,2]]", "[[1,2,3]]", "[[1,2,3,[]", "[[1,2,3,[1,]]]",
	    "[[1,2,3,[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]]]", "{}", "null",
	    "[[1,1e999]]", "[[1e12,1]]", "[[1,nan]]" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct platform_frame f = { .host = "h" };

		if (platform_frame_parse(a, texts[i], &f) != -1 ||
		    f.v.n != 0)
			fail_msg("taken: %s", texts[i]);
	}
}

static void
test_labels(void **state)
{
	const struct pair l[] = { { "name", "a\"b\\c" }, { "code", "500" } };
	struct platform_series s = { .labels = platform_labels_json(a, l, 2) };

	(void)state;
	assert_string_equal(s.labels,
	    "{\"code\":\"500\",\"name\":\"a\\\"b\\\\c\"}");
	platform_series_labels(a, &s);
	assert_int_equal(s.nlabels, 2);
	assert_string_equal(s.label[0].name, "code");
	assert_string_equal(s.label[1].value, "a\"b\\c");
	s.labels = "{}";
	platform_series_labels(a, &s);
	assert_int_equal(s.nlabels, 0);
	s.labels = "{\"a\":3}";
	platform_series_labels(a, &s);
	assert_int_equal(s.nlabels, 0);
}

static void
test_span(void **state)
{
	static const double values[] = { 10, 15, 20, 3, 5 };	/* a restart */
	struct platform_span s = { .any = false };

	(void)state;
	for (size_t i = 0; i < 5; i++)
		platform_span_add(&s, (struct utc){ (int64_t)i * 60000000 },
		    &(struct platform_reading){ 1, values[i], 0, NULL },
		    i > 0);
	near(s.increase, 5 + 5 + 3 + 2);
	near(s.covered_s, 240);
	near(s.low, 3);
	near(s.high, 20);
	assert_int_equal(s.n, 4);
	platform_span_next(&s);
	platform_span_add(&s, (struct utc){ 300000000 },
	    &(struct platform_reading){ 1, 9, 0, NULL }, true);
	near(s.increase, 4);
	near(s.covered_s, 60);
}

static void
test_quantile(void **state)
{
	double b[METRIC_BUCKETS] = { 0 };

	(void)state;
	near(platform_quantile(b, 0.5), -1);
	b[4] = 10;			/* 5 to 10 ms */
	near(platform_quantile(b, 0.5), 0.0075);
	b[7] = 10;			/* 50 to 100 ms */
	near(platform_quantile(b, 0.5), 0.01);
	near(platform_quantile(b, 0.75), 0.075);
	b[16] = 1000;			/* over a minute */
	near(platform_quantile(b, 0.99), 60);
}

static void
test_proc(void **state)
{
	struct platform_host_facts f = { 0 };

	(void)state;
	platform_stat_parse("cpu  1000 50 250 7000 300 0 0 100 0 0\n"
	    "cpu0 1 2 3 4\n", &f);
	near(f.cpu_busy_s, 14);
	near(f.cpu_idle_s, 73);
	platform_meminfo_parse("MemTotal:       4000000 kB\n"
	    "MemFree:         100000 kB\nMemAvailable:   1000000 kB\n", &f);
	near(f.memory_total, 4096000000.0);
	near(f.memory_available, 1024000000.0);
	platform_netdev_parse("Inter-|   Receive  |  Transmit\n"
	    " face |bytes packets errs drop fifo frame compressed multicast|"
	    "bytes packets\n    lo: 999 1 0 0 0 0 0 0 999 1 0 0 0 0 0 0\n"
	    "  eth0: 100 1 0 0 0 0 0 0 200 1 0 0 0 0 0 0\n"
	    "wlan0:11 1 0 0 0 0 0 0 22 1 0 0 0 0 0 0\n", &f);
	near(f.net_in, 111);
	near(f.net_out, 222);
	f = (struct platform_host_facts){ 0 };
	platform_stat_parse("", &f);
	platform_meminfo_parse("nothing", &f);
	platform_netdev_parse("eth0:", &f);
	near(f.cpu_busy_s + f.memory_total + f.net_in, 0);
}

/* A wide metric is summed over the labels that are not kept. */
static void
test_take(void **state)
{
	struct platform_take t = { .a = a };
	struct metric_cell c = { .name = "m", .kind = METRIC_COUNTER,
	    .label = { "route", "code" }, .value = { "x", "200" }, .v = 3 };

	(void)state;
	platform_take_add(&t, &c, "code");
	c.value[0] = "y";
	platform_take_add(&t, &c, "code");
	c.value[1] = "500";
	platform_take_add(&t, &c, "code");
	assert_int_equal(t.v.n, 2);
	near(t.v.v[0].v, 6);
	assert_string_equal(t.v.v[1].label[0].value, "500");
	c.name = "n";
	platform_take_add(&t, &c, NULL);
	assert_int_equal(t.v.v[2].nlabels, 0);
	c.name = "o";
	platform_take_add(&t, &c, "*");
	assert_int_equal(t.v.v[3].nlabels, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frame),
		cmocka_unit_test(test_frame_garbage),
		cmocka_unit_test(test_labels), cmocka_unit_test(test_span),
		cmocka_unit_test(test_quantile), cmocka_unit_test(test_proc),
		cmocka_unit_test(test_take),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
