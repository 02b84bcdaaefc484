/*
 * Health: what the cached text says, what is too old to say anything, and the
 * sum over checks.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "modules/platform/health.h"

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

static const char *
sample(void)
{
	struct str s;

	str_init(&s, a);
	platform_health_put(&s, "disk", PROBE_OK, 12, "100 MiB\tfree\n");
	platform_health_put(&s, "db", PROBE_DOWN, 1500, "gone");
	platform_health_put(&s, "redis", PROBE_DISABLED, 0, "");
	platform_health_put_component(&s, "spot.discover", "paused");
	return s.p;
}

static void
test_find(void **state)
{
	struct platform_check k = { .name = NULL };

	(void)state;
	platform_health_find(a, sample(), 1500, "db", &k);
	assert_string_equal(k.status, "down");
	assert_string_equal(k.detail, "gone");
	assert_true(k.latency_ms == 1.5 && k.age_s == 1.5);
	platform_health_find(a, sample(), 1500, "disk", &k);
	assert_string_equal(k.status, "ok");
	assert_string_equal(k.detail, "100 MiB free ");
	platform_health_find(a, sample(), 1500, "redis", &k);
	assert_string_equal(k.status, "disabled");
	assert_null(k.detail);
	platform_health_find(a, sample(), 1500, "d", &k);
	assert_string_equal(k.status, "unknown");
	assert_string_equal(platform_health_component(a, sample(),
	    "spot.discover"), "paused");
	assert_null(platform_health_component(a, sample(), "spot"));
}

static void
test_old(void **state)
{
	struct platform_check k = { .name = NULL };

	(void)state;
	platform_health_find(a, sample(), HEALTH_STALE_MS, "db", &k);
	assert_string_equal(k.status, "down");
	platform_health_find(a, sample(), HEALTH_STALE_MS + 1, "db", &k);
	assert_string_equal(k.status, "unknown");
	platform_health_find(a, sample(), -1, "db", &k);
	assert_string_equal(k.status, "unknown");
}

/* The segment is shared: text of any kind must be read without harm. */
static void
test_garbage(void **state)
{
	static const char *const texts[] = { "", "\n", "db", "db\t", "db\tok",
	    "db\tok\t", "db\tok\t1", "db\tok\tx\t", "db\tnews\t1\tx",
	    "db\tok\t99999999999999999999\t", "\t\t\t\n\ndb\n", "@db\t" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct platform_check k = { .name = NULL };

		platform_health_find(a, texts[i], 0, "db", &k);
		if (strcmp(k.status, "unknown") != 0)
			fail_msg("case %zu: %s", i, k.status);
		platform_health_component(a, texts[i], "db");
	}
}

static void
test_sum(void **state)
{
	static const struct {
		const char *a, *b;	/* b is required */
		const char *sum;
	} cases[] = {
		{ "ok", "ok", "healthy" }, { "disabled", "ok", "healthy" },
		{ "down", "ok", "degraded" }, { "ok", "down", "down" },
		{ "degraded", "ok", "degraded" },
		{ "ok", "unknown", "degraded" }, { "down", "down", "down" },
		{ "ok", "degraded", "degraded" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct platform_check v[] = { { .status = cases[i].a },
		    { .status = cases[i].b, .required = true } };

		assert_string_equal(platform_health_sum(v, 2), cases[i].sum);
	}
	assert_string_equal(platform_health_sum(NULL, 0), "healthy");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_find, setup, teardown),
		cmocka_unit_test_setup_teardown(test_old, setup, teardown),
		cmocka_unit_test_setup_teardown(test_garbage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sum, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
