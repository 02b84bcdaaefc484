/*
 * The plan by tables: each condition of the gate by itself, shares of pools
 * and zones, notices, fallback to on-demand and the way back, quiet hours; and
 * that the order of rows means nothing.
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
#include "modules/platform/platform.h"
#include "modules/spot/plan.h"

#include <cmocka.h>

#define S INT64_C(1000000)
#define NOW INT64_C(1700000000000000)	/* 22:13:20 UTC */
#define E8(x) { (int64_t)((x) * 1e8 + .5) }

enum { MOST = 64, POOLS = 8 };

static struct arena *a;
static struct err err;
static struct spot_offer offers[POOLS];
static struct spot_market market;
static struct spot_policy policy;
static struct spot_plan_member members[MOST];
static struct spot_group_state group;
static struct spot_fleet fleet;
static const struct spot_need need = { .arch = "x86_64", .vcpu = 2,
    .mem_mib = 4096, .now = { NOW } };

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

/* Zones a to d, two types; on-demand 0.1, spot 0.03 and dearer. n instances
 * on demand in one group, six hours old. */
static void
begin(size_t n)
{
	static const char *const zones[] = { "z1a", "z1b", "z1c", "z1d" };

	for (size_t i = 0; i < POOLS; i++)
		offers[i] = (struct spot_offer){ .az = zones[i % 4],
		    .instance_type = i < 4 ? "m5.large" : "m5a.large",
		    .arch = "x86_64", .vcpu = 2, .mem_mib = 8192,
		    .price = { 3000000 + 10000 * (int64_t)i },
		    .on_demand = E8(0.1), .price_at = { NOW - 60 * S },
		    .interruption = 0 };
	market = (struct spot_market){ "aws", "z1", "Linux/UNIX", offers,
	    POOLS, "classes" };
	spot_policy_default(&policy);
	policy.max_moves_per_h = 100;
	group = (struct spot_group_state){ .name = "web" };
	for (size_t i = 0; i < n; i++) {
		members[i] = (struct spot_plan_member){ .instance_id = "i",
		    .az = "z1a", .instance_type = "m5.large",
		    .group = "web", .on_demand = true, .age_h = 6,
		    .need = &need, .on_demand_price = E8(0.1) };
		members[i].id.b[0] = (uint8_t)(i + 1);
	}
	fleet = (struct spot_fleet){ .markets = &market, .nmarkets = 1,
	    .v = members, .n = n, .groups = &group, .ngroups = 1,
	    .policy = &policy, .now = { NOW } };
}

static struct spot_plan
plan(void)
{
	struct spot_plan p;

	spot_plan_make(a, &fleet, &p);
	assert_int_equal(p.nmoves + p.nheld, fleet.n);
	for (size_t i = 0; i < p.nheld; i++)
		assert_true(*p.held[i].reason != '\0');
	return p;
}

static void
says(const struct spot_plan *p, size_t i, const char *words)
{
	const struct spot_plan_held *h = spot_plan_held_of(p, members[i].id);

	assert_non_null(h);
	if (strstr(h->reason, words) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", h->reason, words);
}

/* One instance: EHC by hand, and the score that is its saving's share. */
static void
test_one_move(void **state)
{
	double h = -log1p(-0.025) / 730, q = -expm1(-24 * h), up = q / h;
	double d = 0.05, move = d * 0.1;
	double ehc = (0.03 * up + (24 - up) * 0.1 + move) / (24 - d - q * d);
	struct spot_plan p;

	(void)state;
	begin(1);
	p = plan();
	assert_int_equal(p.nmoves, 1);
	assert_string_equal(p.moves[0].decision, "SWITCH");
	assert_ptr_equal(p.moves[0].to, &offers[0]);
	assert_true(fabs(p.moves[0].cost_then - ehc) < 1e-9);
	assert_true(fabs(p.moves[0].saving - (0.1 - ehc)) < 1e-9);
	assert_true(fabs(p.moves[0].score - (0.1 - ehc) / 0.1) < 1e-9);
	assert_true(fabs(p.cost_before - 0.1) < 1e-12);
	assert_true(fabs(p.cost_after - ehc) < 1e-9);
	assert_true(fabs(p.losses_after - q) < 1e-9);
	assert_int_equal(p.moves[0].risk, RISK_LOW);
	assert_int_equal(p.moves[0].nnext, 3);
	assert_ptr_equal(p.moves[0].next[0], &offers[1]);
	members[0].group = "";		/* stands alone: a person looks at it */
	p = plan();
	assert_int_equal(p.moves[0].risk, RISK_MEDIUM);
}

/* Each condition alone holds the move back, with its own words. */
static void
test_the_gate(void **state)
{
	struct spot_plan p;

	(void)state;
	begin(1);			/* (1) */
	for (size_t i = 0; i < POOLS; i++)
		offers[i].price.e8 = 6000000;
	p = plan();
	says(&p, 0, "score 0.4");
	policy.k_aversion = 4;
	assert_int_equal(plan().nmoves, 1);

	begin(1);			/* (2): a target that dies young */
	policy.k_aversion = 100;
	policy.min_saving_pct = 0;
	policy.max_hourly_loss = 1;
	{
		static struct spot_hazard young = { { 6, 6, 6, 6, 6, 6, 6 } };

		for (size_t i = 0; i < POOLS; i++) {
			offers[i].hazard = &young;
			offers[i].on_demand = offers[i].price;
			offers[i].on_demand.e8 += 1;
		}
		policy.changeover_s = 600;
		p = plan();
		says(&p, 0, "expected to last");
	}
	begin(1);			/* (3) */
	members[0].age_h = 3.9;
	p = plan();
	says(&p, 0, "runs for 3.9 hours");

	begin(1);			/* (4) */
	policy.max_moves_per_h = 3;
	fleet.moves_hour = 3;
	p = plan();
	says(&p, 0, "limit of the policy");
	begin(30);
	group.moves_hour = 1;
	p = plan();
	assert_int_equal(p.nmoves, 2);	/* a tenth of 30, one was moved */
	begin(1);			/* (5) */
	group.failures = 3;
	group.failed_at.us = NOW - 19 * 60 * S;
	p = plan();
	says(&p, 0, "3 moves of the group failed");
	group.failed_at.us = NOW - 21 * 60 * S;	/* 5 min doubled twice */
	assert_int_equal(plan().nmoves, 1);
	begin(1);			/* (6) */
	offers[0].full_until.us = NOW + S;
	p = plan();
	assert_ptr_equal(p.moves[0].to, &offers[1]);
	begin(1);
	policy.min_saving_pct = 80;
	p = plan();
	says(&p, 0, "the policy wants 80 %");
	begin(1);
	policy.min_on_demand_n = 1;
	p = plan();
	says(&p, 0, "keeps 1 of the group on demand");
	begin(1);
	policy.enabled = false;
	p = plan();
	says(&p, 0, "switched off");
	begin(1);
	members[0].held = "not ours to touch";
	members[0].signal = SPOT_TERMINATION;
	p = plan();
	says(&p, 0, "not ours to touch");
}

/* A pool holds at most a quarter, a zone at most half of the fleet. */
static void
test_shares(void **state)
{
	int64_t pool[POOLS] = { 0 }, zone[4] = { 0 };
	struct spot_plan p;

	(void)state;
	begin(40);
	for (size_t i = 0; i < 40; i++)	/* 40 groups: no budget of a tenth */
		members[i].group = arena_printf(a, "g%zu", i);
	for (size_t i = 0; i < POOLS; i++)	/* the zone a is far cheaper */
		offers[i].price.e8 = i % 4 == 0 ? 2000000 : 3000000;
	p = plan();
	assert_int_equal(p.nmoves, 40);
	for (size_t i = 0; i < p.nmoves; i++) {
		size_t k = (size_t)(p.moves[i].to - offers);

		pool[k]++;
		zone[k % 4]++;
	}
	for (size_t i = 0; i < POOLS; i++)
		assert_true(pool[i] <= 10);
	for (size_t i = 0; i < 4; i++)
		assert_true(zone[i] <= 20);
	assert_int_equal(pool[0], 10);
	assert_int_equal(zone[0], 20);
	assert_true(p.peak_after > p.peak_before);
	/* nowhere else to go: the rest stays, and says why */
	market.n = 1;
	p = plan();
	assert_int_equal(p.nmoves, 10);
	says(&p, 39, "more than 25 % of the fleet");
}

static void
test_notices(void **state)
{
	struct spot_plan p;

	(void)state;
	begin(3);
	for (size_t i = 0; i < 3; i++) {
		members[i].on_demand = false;
		members[i].age_h = 0.1;		/* too young for a move */
	}
	policy.enabled = false;			/* and none are wanted */
	members[0].signal = SPOT_REBALANCE;
	members[2].signal = SPOT_TERMINATION;
	fleet.moves_hour = 1000;
	group.failures = 9;
	group.failed_at.us = NOW;
	p = plan();
	assert_int_equal(p.nmoves, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_string_equal(p.moves[i].decision,
		    p.moves[i].member == &members[0] ? "DRAIN" : "EVACUATE");
		assert_non_null(p.moves[i].to);
		assert_ptr_not_equal(p.moves[i].to, &offers[0]);
	}
	market.n = 1;				/* only where it is */
	p = plan();
	assert_int_equal(p.nmoves, 2);
	assert_null(p.moves[0].to);
	assert_non_null(strstr(p.moves[0].reason, "no spot pool fits"));
}

static void
test_phases(void **state)
{
	const int64_t M = 60 * S;
	struct utc l[] = { { NOW - 100 * M }, { NOW - 60 * M },
	    { NOW - 10 * M } }, up[1], until;

	(void)state;
	assert_int_equal(spot_fallback_phase(l, 2, NULL, 0, (struct utc){
	    NOW }, &until), PHASE_OPEN);
	assert_int_equal(spot_fallback_phase(l, 3, NULL, 0, (struct utc){
	    NOW }, &until), PHASE_CLOSED);
	assert_int_equal(until.us, NOW + 110 * M);
	l[0].us = NOW - 131 * M;	/* more than two hours before */
	assert_int_equal(spot_fallback_phase(l, 3, NULL, 0, (struct utc){
	    NOW }, &until), PHASE_OPEN);
	for (size_t i = 0; i < 3; i++)
		l[i].us = NOW - (300 - 10 * (int64_t)i) * M;
	/* closed until 160 minutes ago; then a canary */
	assert_int_equal(spot_fallback_phase(l, 3, NULL, 0, (struct utc){
	    NOW }, &until), PHASE_CANARY);
	up[0].us = NOW - 59 * M;
	assert_int_equal(spot_fallback_phase(l, 3, up, 1, (struct utc){ NOW },
	    &until), PHASE_CANARY);
	up[0].us = NOW - 60 * M;
	assert_int_equal(spot_fallback_phase(l, 3, up, 1, (struct utc){ NOW },
	    &until), PHASE_OPEN);
	{	/* the canary was lost: closed again */
		struct utc lost[] = { l[0], l[1], l[2], { NOW - 30 * M } };

		assert_int_equal(spot_fallback_phase(lost, 4, NULL, 0,
		    (struct utc){ NOW }, &until), PHASE_CLOSED);
	}
}

static void
test_fallback_and_return(void **state)
{
	struct spot_plan p;

	(void)state;
	begin(20);
	group.phase = PHASE_CLOSED;
	group.phase_until.us = NOW + 600 * S;
	for (size_t i = 0; i < 20; i++)
		members[i].on_demand = i >= 10;
	p = plan();			/* at the pace of the budget */
	assert_int_equal(p.nmoves, 2);
	for (size_t i = 0; i < p.nmoves; i++) {
		assert_null(p.moves[i].to);
		assert_false(p.moves[i].member->on_demand);
	}
	says(&p, 15, "on-demand for 11 minutes more");
	policy.fallback = "wait";
	assert_int_equal(plan().nmoves, 0);
	/* one canary, and nobody while it tries */
	group.phase = PHASE_CANARY;
	for (size_t i = 0; i < 20; i++)
		members[i].on_demand = true;
	p = plan();
	assert_int_equal(p.nmoves, 1);
	assert_non_null(p.moves[0].to);
	says(&p, 19, "tries spot again");
	group.canary = true;
	assert_int_equal(plan().nmoves, 0);
	policy.revert_to_spot = false;
	group.canary = false;
	assert_int_equal(plan().nmoves, 0);
	/* spot dearer than on-demand: out of it */
	begin(1);
	members[0].on_demand = false;
	for (size_t i = 0; i < POOLS; i++)
		offers[i].price = (struct dec)E8(0.15);
	p = plan();
	assert_int_equal(p.nmoves, 1);
	assert_null(p.moves[0].to);
	assert_non_null(strstr(p.moves[0].reason, "on-demand"));
}

static void
test_order_is_nothing(void **state)
{
	struct spot_plan_member turned[12];
	struct spot_plan p, q;

	(void)state;
	begin(12);
	for (size_t i = 0; i < 12; i++)
		members[i].group = i % 2 == 0 ? "" : "web";
	p = plan();
	for (size_t i = 0; i < 12; i++)
		turned[i] = members[11 - i];
	fleet.v = turned;
	spot_plan_make(a, &fleet, &q);
	assert_int_equal(p.nmoves, q.nmoves);
	for (size_t i = 0; i < p.nmoves; i++) {
		assert_memory_equal(&p.moves[i].member->id,
		    &q.moves[i].member->id, sizeof(struct uuid));
		assert_ptr_equal(p.moves[i].to, q.moves[i].to);
	}
}

static void
test_quiet_hours(void **state)
{
	struct spot_plan p;

	(void)state;
	begin(1);
	policy.quiet_hours = "22:00-06:00";
	p = plan();
	says(&p, 0, "quiet hours");
	policy.quiet_zone = "Europe/Berlin";	/* 23:13 there */
	policy.quiet_hours = "00:00-23:00,23:30-24:00";
	assert_int_equal(plan().nmoves, 1);
	policy.quiet_hours = "23:00-23:14";
	assert_int_equal(plan().nmoves, 0);
	assert_int_equal(spot_policy_check(&policy, a, &err), 0);
	{
		static const char *const bad[] = { "22:00", "22-06",
		    "25:00-01:00", "22:00-06:60", "22:00-06:00,", "x" };

		for (size_t i = 0; i < NITEMS(bad); i++) {
			err_clear(&err);
			policy.quiet_hours = bad[i];
			assert_int_equal(spot_policy_check(&policy, a, &err),
			    -1);
			assert_int_equal(err.status, 422);
		}
	}
	err_clear(&err);
	policy.quiet_hours = "";
	policy.allow_types.p = "[\"m5.*\", \"c?a.large\"]";
	assert_int_equal(spot_policy_check(&policy, a, &err), 0);
	assert_string_equal(spot_policy_patterns(a, policy.allow_types)[1],
	    "c?a.large");
	assert_null(spot_policy_patterns(a, policy.allow_types)[2]);
	policy.allow_types.p = "[\"M5 large\"]";
	assert_int_equal(spot_policy_check(&policy, a, &err), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_move),
		cmocka_unit_test(test_the_gate),
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_notices),
		cmocka_unit_test(test_phases),
		cmocka_unit_test(test_fallback_and_return),
		cmocka_unit_test(test_order_is_nothing),
		cmocka_unit_test(test_quiet_hours),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
