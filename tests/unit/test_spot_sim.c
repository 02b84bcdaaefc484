/*
 * The simulated cloud under rows, without a database: time, places, groups.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "modules/spot/sim.h"

#define REGION "us-east-1"
#define T0 INT64_C(1800000000)		/* begins an hour */

static struct arena *a;

static int
begin(void **state)
{
	(void)state;
	a = arena_new(256 << 20);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

static struct sim
look(uint64_t seed, int64_t at, struct sim_machine *m, size_t n,
    struct sim_group *g, size_t ng)
{
	struct sim s = { .a = a, .seed = seed, .region = REGION,
	    .now = { at * US_PER_S }, .boot_s = 20 };
	struct rows machines = { .v = m, .n = n }, groups = { .v = g,
	    .n = ng };

	spot_sim_begin(&s, &machines, &groups);
	return s;
}

static struct sim_machine
machine(const char *id, int64_t slot, int64_t launched)
{
	return (struct sim_machine){ .instance_id = id, .slot = slot,
	    .az = "us-east-1a", .type = "m5.large", .lifecycle = "on-demand",
	    .image_id = "", .token = "", .question = "", .grp = "",
	    .tags = "a=1&b=x%26y", .why = "",
	    .launched_at = { launched * US_PER_S } };
}

static struct ec2_instance
shown(const struct sim *s, const char *id)
{
	struct ec2_instance out;

	assert_non_null(spot_sim_find(s, id));
	spot_sim_instance(s, spot_sim_find(s, id), &out);
	return out;
}

/* Without rows it is the fleet, instance by instance. */
static void
test_is_the_fleet(void **state)
{
	struct sim s = look(7, T0, NULL, 0, NULL, 0);
	struct ec2_page fleet;
	size_t dead = 0;

	(void)state;
	spot_cloud_fleet(a, 7, REGION, s.now, &fleet);
	assert_int_equal(s.n, fleet.rows.n);
	for (size_t i = 0; i < s.n; i++) {
		const struct ec2_instance *was = EC2_ROW(&fleet, ec2_instance,
		    i);
		struct ec2_instance is = shown(&s, was->instance_id);

		dead += s.v[i].ended_at.us != 0;
		assert_string_equal(is.instance_type, was->instance_type);
		assert_string_equal(is.az, was->az);
		assert_string_equal(is.asg, was->asg);
		assert_string_equal(is.name, was->name);
		assert_string_equal(is.lifecycle, was->lifecycle);
		assert_int_equal(is.launched_at.us, was->launched_at.us);
		if (s.v[i].ended_at.us == 0)
			assert_string_equal(is.state, was->state);
	}
	assert_true(dead < s.n / 4);
}

static void
test_times(void **state)
{
	struct sim_machine m[2] = { machine("i-1", -1, T0), machine("i-2", -1,
	    T0) };
	struct list all;
	struct sim s;

	(void)state;
	m[1].ended_at.us = (T0 + 100) * US_PER_S;
	s = look(7, T0 + 19, m, 2, NULL, 0);
	assert_string_equal(shown(&s, "i-1").state, "pending");
	s = look(7, T0 + 20, m, 2, NULL, 0);
	assert_string_equal(shown(&s, "i-1").state, "running");
	assert_string_equal(shown(&s, "i-1").tags,
	    "{\"a\":\"1\",\"b\":\"x&y\"}");
	s = look(7, T0 + 102, m, 2, NULL, 0);
	assert_string_equal(shown(&s, "i-2").state, "shutting-down");
	s = look(7, T0 + 110, m, 2, NULL, 0);
	assert_string_equal(shown(&s, "i-2").state, "terminated");
	spot_sim_list(&s, false, &all);
	for (size_t i = 0; i < all.n; i++)
		assert_string_not_equal(((const struct ec2_instance *)
		    all.items)[i].instance_id, "i-2");
}

/* A place whose machine has a row, dead or alive, has no other, ever. */
static void
test_place_is_closed(void **state)
{
	struct sim s = look(7, T0, NULL, 0, NULL, 0);
	struct sim_machine m = s.v[0];
	size_t n = s.n;

	(void)state;
	m.ended_at.us = T0 * US_PER_S;
	s = look(7, T0 + 1, &m, 1, NULL, 0);
	assert_int_equal(s.n, n);
	assert_true(spot_sim_dead(&s, spot_sim_find(&s, m.instance_id)));
	s = look(7, T0 + 400 * 86400, &m, 1, NULL, 0);
	for (size_t i = 0; i < s.n; i++)
		assert_true(s.v[i].slot != m.slot || strcmp(
		    s.v[i].instance_id, m.instance_id) == 0);
}

static void
test_group_holds_its_size(void **state)
{
	struct sim_machine m[2] = { machine("i-1", -1, T0 - 100),
	    machine("i-2", -1, T0 - 50) };
	struct sim_group g = { .name = "g", .min_size = 0, .max_size = 9,
	    .desired = 3, .type = "m5.large", .zones = "us-east-1a,us-east-1b" };
	struct spot_group view;
	struct sim s;

	(void)state;
	m[0].grp = m[1].grp = "g";
	s = look(7, T0, m, 2, &g, 1);
	assert_int_equal(spot_sim_members(&s, "g"), 2);
	g = *spot_sim_group_find(&s, "g");
	assert_true(g.dirty && g.short_since.us == T0 * US_PER_S);
	s = look(7, T0 + 19, m, 2, &g, 1);
	assert_int_equal(spot_sim_members(&s, "g"), 2);
	s = look(7, T0 + 20, m, 2, &g, 1);
	assert_int_equal(spot_sim_members(&s, "g"), 3);
	spot_sim_group_view(&s, spot_sim_group_find(&s, "g"), &view);
	assert_int_equal(view.members.n, 3);
	/* too many: the newest goes, unless it is protected */
	g.desired = 1;
	m[1].protected = true;
	s = look(7, T0 + 20, m, 2, &g, 1);
	assert_true(spot_sim_dead(&s, spot_sim_find(&s, "i-1")));
	assert_false(spot_sim_dead(&s, spot_sim_find(&s, "i-2")));
}

/* Somewhere a machine of some fleet had notice an hour ago: it is gone, and
 * its group knows that it lost one. */
static void
test_fleet_is_interrupted(void **state)
{
	bool alone = false, grouped = false;

	(void)state;
	for (uint64_t seed = 1; seed < 400 && !(alone && grouped); seed++) {
		struct sim s = look(seed, T0, NULL, 0, NULL, 0);

		for (size_t i = 0; i < s.n; i++) {
			const struct sim_machine *m = &s.v[i];
			const struct sim_group *g = spot_sim_group_find(&s,
			    m->grp);

			if (m->ended_at.us == 0)
				continue;
			assert_true(m->dirty && spot_sim_dead(&s, m));
			assert_string_equal(m->lifecycle, "spot");
			alone |= g == NULL;
			if (g == NULL)
				continue;
			grouped = true;
			assert_true(g->kept);
			assert_true(g->desired > (int64_t)spot_sim_members(&s,
			    g->name));
		}
	}
	assert_true(alone && grouped);
}

static void
test_refusals(void **state)
{
	struct sim s = look(7, T0, NULL, 0, NULL, 0);
	size_t full = 0, all = 0;

	(void)state;
	assert_string_equal(spot_sim_refusal(&s, "eu-central-1a", "m5.large",
	    true, (struct dec){ 0 }), "Unsupported");
	assert_string_equal(spot_sim_refusal(&s, "us-east-1a", "m9.huge",
	    false, (struct dec){ 0 }), "Unsupported");
	for (int64_t h = 0; h < 1000; h++) {
		struct utc at = { (T0 + h * 1800) * US_PER_S };

		full += spot_cloud_full(1, "us-east-1a", "m5.large", true, at);
		all += spot_cloud_full(1, "us-east-1a", "m5.large", false, at);
	}
	/* now and then on spot, hardly ever on-demand */
	assert_true(full > 0 && full < 350);
	assert_true(all < full);
	for (size_t i = 0; i < SIM_MACHINES_MAX; i++)
		(void)spot_sim_launch(&s, "us-east-1a", "m5.large", false);
	assert_string_equal(spot_sim_refusal(&s, "us-east-1a", "m5.large",
	    false, (struct dec){ 0 }), "InstanceLimitExceeded");
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		T(test_is_the_fleet), T(test_times), T(test_place_is_closed),
		T(test_group_holds_its_size), T(test_fleet_is_interrupted),
		T(test_refusals)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
