/*
 * Repeats of calls: waits (vectors of the platform document), limits, budget,
 * deadline; and the rules as settings, rows and overrides make them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/err.h"
#include "conf/conf.h"
#include "net/retry.h"
#include "shm/dependency.h"
#include "tests/harness/forked.h"

#define MS INT64_C(1000000)

static struct arena *a;

static int
begin(void **state)
{
	(void)state;
	a = arena_new(16 << 20);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

/* ---- waits --------------------------------------------------------------------- */

static void
vectors(void **state)
{
	static const struct {
		unsigned n;
		int64_t least, most;
	} v[] = {
		{ 1, 500, 1000 }, { 2, 1000, 2000 }, { 3, 2000, 4000 },
		{ 4, 4000, 8000 }, { 5, 8000, 16000 }, { 6, 15000, 30000 },
		{ 7, 15000, 30000 }, { 4000000000, 15000, 30000 }
	};
	const struct retry_rule r = { 3, 1000, 30000 };

	(void)state;
	for (size_t i = 0; i < NITEMS(v); i++) {
		int64_t low = INT64_MAX, high = 0, ms;

		for (uint64_t k = 0; k < 40000; k++) {
			ms = retry_wait_ms(v[i].n, &r, k * 7919);
			low = ms < low ? ms : low;
			high = ms > high ? ms : high;
		}
		assert_int_equal(low, v[i].least);
		assert_int_equal(high, v[i].most);
	}
}

/* ---- whether ------------------------------------------------------------------- */

static struct shm *
segment(char dir[SCRATCH_PATH], struct budget_rule b)
{
	struct guard g[] = { { .name = "x", .budget = b,
	    .retry = { 3, 1000, 30000 } }, { .name = NULL } };
	struct shm_layout layout = { .guards = g, .processes = 4,
	    .limit_slots = 64 };
	struct shm *s;
	struct err e;

	assert_int_equal(shm_attach(&s, a, scratch_dir(dir), &layout, &e), 0);
	return s;
}

static void
limits(void **state)
{
	const int64_t now = 5000000 * MS;
	char dir[SCRATCH_PATH];
	struct shm *s = segment(dir, (struct budget_rule){ 0, 1, 7 });
	struct retry t = { .shm = s, .dependency = 0, .on = true };

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		assert_in_range(retry_next(&t, 0, now, i * 77), 500 << i,
		    1000 << i);
	assert_int_equal(retry_next(&t, 0, now, 0), -1);	/* three it was */
	t.made = 0;
	assert_int_equal(retry_next(&t, 7, now, 0), 7000);	/* it said so */
	assert_int_equal(retry_next(&t, 31, now, 0), -1);	/* too long */
	t.deadline_boot_ns = now + 40000 * MS;
	assert_int_equal(retry_next(&t, 31, now, 0), 31000);
	assert_int_equal(retry_next(&t, 41, now, 0), -1);
	t.deadline_boot_ns = now + 900 * MS;
	t.made = 1;
	assert_int_equal(retry_next(&t, 0, now, 0), -1);	/* too late */
	assert_int_equal(t.made, 1);
	t.deadline_boot_ns = 0;
	t.made = 0;
	assert_int_equal(retry_next(&t, 1, now, 0), 1000);
	t.made = 0;
	assert_int_equal(retry_next(&t, 1, now, 0), 1000);	/* the seventh */
	t.made = 0;
	assert_int_equal(retry_next(&t, 1, now, 0), -1);
	assert_int_equal(t.made, 0);
	assert_int_equal(retry_next(&t, 1, now + 1000 * MS, 0), 1000);
	t.on = false;
	assert_int_equal(retry_next(&t, 1, now + 9000 * MS, 0), -1);
	t = (struct retry){ .shm = s, .dependency = -1, .on = true };
	assert_int_equal(retry_next(&t, 1, now, 0), -1);
	shm_detach(s);
	scratch_remove(dir);
}

/* ---- rules -------------------------------------------------------------------------- */

static const struct dependency rows[] = {
	{ .name = "aws" },
	{ .name = "redis", .breaker = { .open_s = 5, .open_max_s = 5,
	    .probes = 1 }, .permits = 4 },
};
static const struct dependency *const both[] = { &rows[0], &rows[1], NULL };

static int
rules(const char *option, const struct guard **out, struct err *e)
{
	static const struct settings *const groups[] = {
		&resilience_settings, NULL };
	const char *options[] = { option, NULL };
	char *env[] = { NULL };
	struct conf_source src = { .file = "/none", .env = env,
	    .overrides = options };
	struct conf *c;

	err_clear(e);
	if (conf_load(&c, a, groups, &src, e) == -1)
		return -1;
	return dependency_guards(a, both, conf_get(c, &resilience_settings),
	    out, e);
}

static void
documents_defaults(void **state)
{
	const struct guard *g;
	struct err e;

	(void)state;
	assert_int_equal(rules(NULL, &g, &e), 0);
	assert_string_equal(g[0].name, "aws");
	assert_int_equal(g[0].breaker.failures, 5);
	assert_int_equal(g[0].breaker.min_calls, 20);
	assert_int_equal(g[0].breaker.fail_percent, 50);
	assert_int_equal(g[0].breaker.slow_percent, 80);
	assert_int_equal(g[0].breaker.open_s, 60);
	assert_int_equal(g[0].breaker.open_max_s, 600);
	assert_int_equal(g[0].breaker.jitter_percent, 10);
	assert_int_equal(g[0].breaker.probes, 3);
	assert_int_equal(g[0].wait_ms, 50);
	assert_int_equal(g[0].retry.max, 3);
	assert_int_equal(g[0].retry.base_ms, 1000);
	assert_int_equal(g[0].retry.cap_ms, 30000);
	assert_int_equal(g[0].budget.per_call, 200);
	assert_int_equal(g[0].budget.per_s, 10);
	assert_int_equal(g[0].budget.cap_s, 10);
	/* the row knows better, where it says something */
	assert_int_equal(g[1].breaker.open_s, 5);
	assert_int_equal(g[1].breaker.probes, 1);
	assert_int_equal(g[1].breaker.failures, 5);
	assert_int_equal(g[1].permits, 4);
	assert_null(g[2].name);
}

static void
overrides(void **state)
{
	const struct guard *g;
	struct err e;

	(void)state;
	assert_int_equal(rules("resilience.overrides=aws.failures=3, "
	    "redis.open=30, aws.budget_ratio=0.5,redis.permits=0", &g, &e), 0);
	assert_int_equal(g[0].breaker.failures, 3);
	assert_int_equal(g[1].breaker.failures, 5);
	assert_int_equal(g[0].budget.per_call, 500);
	assert_int_equal(g[1].breaker.open_s, 30);
	assert_int_equal(g[1].breaker.open_max_s, 30);	/* never shorter */
	assert_int_equal(g[1].permits, 0);
}

static void
wrong_overrides(void **state)
{
	static const struct {
		const char *text, *why;
	} v[] = {
		{ "aws.failures", "not name.setting=number" },
		{ "failures=3", "not name.setting=number" },
		{ ".failures=3", "not name.setting=number" },
		{ "aws.failure=3", "no such setting" },
		{ "aws.overrides=3", "no such setting" },
		{ "aws.=3", "no such setting" },
		{ "aws.failures=", "not a number" },
		{ "aws.failures=3x", "not a number" },
		{ "aws.failures=0.5", "not a number" },
		{ "aws.failures=-1", "out of bounds" },
		{ "aws.probes=9", "out of bounds" },
		{ "aws.budget_ratio=1.5", "out of bounds" },
		{ "aws.failures=99999999999999999999", "not a number" },
		{ "azure.failures=3", "no such dependency" },
		{ "aw.failures=3", "no such dependency" },
	};
	const struct guard *g;
	struct err e;

	(void)state;
	for (size_t i = 0; i < NITEMS(v); i++) {
		const char *o = arena_printf(a, "resilience.overrides=%s",
		    v[i].text);

		if (rules(o, &g, &e) != -1)
			fail_msg("%s was taken", v[i].text);
		if (strstr(e.detail, v[i].why) == NULL &&
		    strstr(e.cause, v[i].why) == NULL)
			fail_msg("%s: %s (%s)", v[i].text, e.detail, e.cause);
	}
	assert_int_equal(rules("resilience.open_max=10", &g, &e), -1);
}

static void
twice(void **state)
{
	const struct dependency *const same[] = { &rows[0], &rows[0], NULL };
	struct resilience_conf c = { .failures = 1 };
	const struct guard *g;
	struct err e;

	(void)state;
	assert_int_equal(dependency_guards(a, same, &c, &g, &e), -1);
	assert_non_null(strstr(e.detail, "aws"));
}

int
main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, begin, end)
	const struct CMUnitTest tests[] = {
		CASE(vectors),
		CASE(limits),
		CASE(documents_defaults),
		CASE(overrides),
		CASE(wrong_overrides),
		CASE(twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
