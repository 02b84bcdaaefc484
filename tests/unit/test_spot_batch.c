/*
 * Batch jobs tick by tick take the decisions of the replay; simulations have
 * its figures, and charts that agree with them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/err.h"
#include "base/str.h"
#include "modules/spot/batch.h"
#include "modules/spot/simulation.h"

#include <cmocka.h>

#define S INT64_C(1000000)
#define TICK 600.0

enum { TICKS = 432, WORK_H = 24, DEADLINE_H = 40 };

static struct arena *a;
static struct err err;
static uint8_t offered[TICKS];

static int
setup(void **state)
{
	uint32_t x = 12345;
	uint8_t up = 1;

	(void)state;
	a = arena_new(64 << 20);
	for (size_t i = 0; i < TICKS; i++) {
		x = x * 1664525u + 1013904223u;
		if (x >> 24 < (up ? 12 : 30))
			up = !up;
		offered[i] = up;
	}
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

static struct spot_deadline_job
job(enum spot_pacing pacing)
{
	return (struct spot_deadline_job){ .work_s = WORK_H * 3600,
	    .deadline_s = DEADLINE_H * 3600, .changeover_s = 180,
	    .tick_s = TICK, .demand_price = 3, .spot_price = 1,
	    .pacing = pacing };
}

/* An owner who does as told and reports at each tick. */
static void
test_ticks_are_the_replay(void **state)
{
	(void)state;
	for (int p = 0; p < PACINGS; p++) {
		struct spot_deadline_job j = job((enum spot_pacing)p);
		struct spot_batch b = { .policy = spot_pacing_names[p],
		    .work_s = j.work_s, .changeover_s = 180, .tick_s = TICK,
		    .created_at = { 1000 * S }, .state = "open",
		    .place = "idle", .pool = "", .deadline = { 1000 * S +
		    DEADLINE_H * 3600 * S } };
		char *line = arena_alloc(a, 1000), *own = arena_alloc(a,
		    1000);
		enum spot_place now = PLACE_IDLE;
		struct spot_deadline_result r;
		struct spot_deadline_seen seen;
		struct spot_batch_step s;
		double done = 0, lost = 0;
		size_t i = 0;

		spot_deadline_replay(&j, offered, TICKS, line, 999, &r);
		spot_deadline_begin(&seen);
		b.up_s = seen.up_s, b.up_ends = seen.up_ends;
		b.down_s = seen.down_s, b.down_ends = seen.down_ends;
		b.seen_before = seen.before;
		for (; i < TICKS && strcmp(b.state, "open") == 0; i++) {
			struct spot_batch_market m = { .offered = offered[i],
			    .pool = "z:t", .spot_price = 1,
			    .demand_price = 3 };
			enum spot_place next;

			if (now == PLACE_SPOT && !offered[i])
				now = PLACE_IDLE;
			spot_batch_next(a, &b, &m, now, done, (struct utc){
			    1000 * S + (int64_t)((double)i * TICK) * S }, &s);
			assert_int_equal(s.n, i + 1);
			assert_true(*s.reason != '\0');
			next = strcmp(s.place, "spot") == 0 ? PLACE_SPOT :
			    strcmp(s.place, "on_demand") == 0 ?
			    PLACE_DEMAND : PLACE_IDLE;
			own[i] = ".sd"[next];
			if (next != now && next != PLACE_IDLE)
				lost = j.changeover_s;
			now = next;
			if (now != PLACE_IDLE) {
				double use = fmin(lost, TICK);

				lost -= use;
				done = fmin(j.work_s, done + TICK - use);
			}
		}
		own[i - 1] = '\0';	/* the tick that found it done */
		assert_string_equal(b.state, "done");
		assert_string_equal(own, line);
		assert_int_equal(b.moves, r.moves);
		assert_true(fabs(b.spot_h - r.spot_h) < 1e-6);
		assert_true(fabs(b.od_h - r.od_h) < 1e-6);
	}
}

static const char *
trace_text(void)
{
	struct str s;

	str_init(&s, a);
	str_add(&s, "{\"metadata\":{\"gap_seconds\":600},\"data\":[");
	for (size_t i = 0; i < TICKS; i++)
		str_addf(&s, "%s%d", i > 0 ? "," : "", offered[i]);
	str_add(&s, "]}");
	return s.p;
}

static void
test_simulation(void **state)
{
	struct spot_simulate in = { .trace = { trace_text() },
	    .work_s = WORK_H * 3600, .deadline_s = DEADLINE_H * 3600,
	    .d_s = 180, .on_demand = 3, .spot = 1 };
	struct spot_simulation out;
	double best = 1e9;

	(void)state;
	assert_int_equal(spot_simulate(a, "", &in, &out, &err), 0);
	assert_int_equal(out.results.n, PACINGS);
	assert_int_equal(out.ticks, TICKS);
	for (int p = 0; p < PACINGS; p++) {
		const struct spot_simulated *r =
		    (const struct spot_simulated *)out.results.items + p;
		const struct spot_segment *g = r->segments.items;
		const struct spot_point *t = r->points.items;
		struct spot_deadline_job j = job((enum spot_pacing)p);
		struct spot_deadline_result want;
		double spot = 0, od = 0;

		spot_deadline_replay(&j, offered, TICKS, NULL, 0, &want);
		assert_true(fabs(want.cost - r->cost) < 1e-9);
		assert_false(r->late);
		best = fmin(best, r->cost);
		for (size_t i = 0; i < r->segments.n; i++) {
			double h = g[i].to_h - g[i].from_h;

			assert_true(h > 0 && (i == 0 || fabs(g[i].from_h -
			    g[i - 1].to_h) < 1e-9));
			spot += strcmp(g[i].place, "spot") == 0 ? h : 0;
			od += strcmp(g[i].place, "on_demand") == 0 ? h : 0;
		}
		assert_true(fabs(spot - r->spot_h) < 1e-6);
		assert_true(fabs(od - r->od_h) < 1e-6);
		assert_true(r->points.n <= SPOT_CHART_POINTS + 2);
		for (size_t i = 1; i < r->points.n; i++)
			assert_true(t[i].done >= t[i - 1].done &&
			    t[i].cost >= t[i - 1].cost);
		assert_true(fabs(t[r->points.n - 1].cost - r->cost) < 1e-6);
		assert_true(t[r->points.n - 1].done > 0.999);
	}
	assert_true(fabs(out.cost - best) < 1e-9);
	in.policy = "greedy";
	assert_int_equal(spot_simulate(a, "", &in, &out, &err), 0);
	assert_int_equal(out.results.n, 1);
	assert_string_equal(out.policy, "greedy");
}

static void
test_what_is_refused(void **state)
{
	static const char *const traces[] = { "\"../etc/passwd\"",
	    "\"/etc/passwd\"", "\".hidden\"", "\"a.json\"", "[2]", "{}",
	    "[]", "nonsense" };

	(void)state;
	for (size_t i = 0; i < NITEMS(traces); i++) {
		struct spot_simulate in = { .trace = { traces[i] },
		    .work_s = 3600, .deadline_s = 7200, .on_demand = 3,
		    .spot = 1 };
		struct spot_simulation out;

		err_clear(&err);
		assert_int_equal(spot_simulate(a, i == 3 ? "" : "/nonexistent",
		    &in, &out, &err), -1);
		assert_true(err.status == 422 || err.status == 400);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ticks_are_the_replay),
		cmocka_unit_test(test_simulation),
		cmocka_unit_test(test_what_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
