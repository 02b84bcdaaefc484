/*
 * Which lane is next, and how long a failed job waits: arithmetic that decides
 * who gets the machine.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "jobs/lane.h"

#define S INT64_C(1000000)

static const bool all[LANES] = { true, true, true, true };

static void
count(struct jobs_turn *t, const bool full[LANES], const int64_t age[LANES],
    int claims, int got[LANES])
{
	memset(got, 0, LANES * sizeof(*got));
	for (int i = 0; i < claims; i++)
		got[jobs_lane_pick(t, full, age)]++;
}

static void
weights(void **state)
{
	static const int want[LANES] = { 80, 40, 20, 10 };
	static const int64_t young[LANES];
	struct jobs_turn t = { 0 };
	int got[LANES];

	(void)state;
	count(&t, all, young, 150, got);
	for (int i = 0; i < LANES; i++)
		assert_in_range(got[i], want[i] - 1, want[i] + 1);
	/* Smooth: no lane waits longer than its share asks for. */
	for (int at = 0; at < 20; at++) {
		count(&t, all, young, 15, got);
		assert_int_equal(got[LANE_LOW], 1);
		assert_int_equal(got[LANE_CRITICAL], 8);
	}
}

static void
empty_lanes(void **state)
{
	static const int64_t young[LANES];
	bool full[LANES] = { false, false, true, true };
	struct jobs_turn t = { 0 };
	int got[LANES];

	(void)state;
	count(&t, full, young, 30, got);
	assert_int_equal(got[LANE_CRITICAL] + got[LANE_HIGH], 0);
	assert_in_range(got[LANE_NORMAL], 19, 21);
	/* A lane that was empty has saved up nothing. */
	full[LANE_CRITICAL] = true;
	count(&t, full, young, 11, got);
	assert_in_range(got[LANE_CRITICAL], 7, 9);
	memset(full, 0, sizeof(full));
	assert_int_equal(jobs_lane_pick(&t, full, young), -1);
}

/* 200,000 low jobs that are 31 minutes old must not take the machine. */
static void
ageing_takes_one_in_eight(void **state)
{
	static const int64_t age[LANES] = { 0, 0, 0, 1860 * S };
	struct jobs_turn t = { 0 };
	int low = 0, got[LANES];

	(void)state;
	count(&t, all, age, 1500, got);
	/* its share of the rest, and an eighth */
	assert_in_range(got[LANE_LOW], 1500 / 15,
	    1500 / 8 + 1500 * 7 / 8 / 15 + 3);
	assert_true(got[LANE_CRITICAL] > 1500 * 45 / 100);
	/* never twice within eight by age: alone against a lane that is full */
	memset(&t, 0, sizeof(t));
	for (int i = 0; i < 800; i++)
		low += jobs_lane_pick(&t, (bool[LANES]){ true, false, false,
		    true }, age) == LANE_LOW;
	assert_in_range(low, 100, 100 + 800 * 7 / 8 / 9 + 3);
}

/* But it gets it: a lane that is starved by weights moves at once. */
static void
ageing_happens(void **state)
{
	static const int64_t age[LANES] = { 4 * S, 31 * S, 0, 0 };
	struct jobs_turn t = { 0 };
	int got[LANES], most = 0, run = 0;

	(void)state;
	for (int i = 0; i < 80; i++) {
		run = jobs_lane_pick(&t, all, age) == LANE_HIGH ? 0 : run + 1;
		if (run > most)
			most = run;
	}
	assert_true(most < 8);
	/* the one that is most over its limit, not the first */
	memset(&t, 0, sizeof(t));
	count(&t, all, (int64_t[LANES]){ 6 * S, 300 * S, 0, 0 }, 800, got);
	assert_true(got[LANE_HIGH] > 800 * 4 / 15 + 50);
	/* an age at a lane that is empty counts for nothing */
	memset(&t, 0, sizeof(t));
	count(&t, (bool[LANES]){ true, false, false, false }, age, 80, got);
	assert_int_equal(got[LANE_CRITICAL], 80);
}

static void
backoff(void **state)
{
	static const struct {
		int64_t n;
		double low, high;
	} v[] = { { 1, .5, 1 }, { 2, 1, 2 }, { 3, 2, 4 }, { 6, 15, 30 },
	    { 60, 15, 30 }, { 100000, 15, 30 } };

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		double least = jobs_backoff(v[i].n, 1, 30, 0);
		double most = jobs_backoff(v[i].n, 1, 30, 0.999999);

		assert_true(least >= v[i].low && least < v[i].low * 1.01);
		assert_true(most <= v[i].high && most > v[i].high * .99);
	}
	assert_true(jobs_backoff(3, 7, 3600, 0) == 14);
	assert_true(jobs_backoff(1, 7200, 3600, 0) == 1800);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(weights),
		cmocka_unit_test(empty_lanes),
		cmocka_unit_test(ageing_takes_one_in_eight),
		cmocka_unit_test(ageing_happens),
		cmocka_unit_test(backoff),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
