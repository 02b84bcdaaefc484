/*
 * A plan for 10,000 instances over 400 pools on one core: instances of all
 * types and zones in 200 groups, with hazards by age. Best and worst of seven
 * rounds, once with needs shared by instances of a type and zone (as they are
 * loaded) and once with a need of its own for each instance, and beside them
 * the floor: the least that any such decision must read, a compare of each
 * instance's size with each pool's and the division of its cost.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "modules/spot/plan.h"

enum { INSTANCES = 10000, POOLS = 400, ZONES = 4, ROUNDS = 7, GROUPS = 200,
	GOAL_MS = 200 };

static struct arena *a;
static struct spot_offer offers[POOLS];
static struct spot_need needs[POOLS], own[INSTANCES];
static struct spot_plan_member members[INSTANCES];
static struct spot_hazard hazards[POOLS];
static struct spot_market market = { "aws", "r", "Linux/UNIX", offers, POOLS,
    "bench" };
static struct spot_policy policy;
static volatile double sink;

static void
make_pools(struct utc now)
{
	for (int i = 0; i < POOLS; i++) {
		int64_t size = INT64_C(1) << (i / ZONES % 6);

		for (int b = 0; b < SPOT_AGES; b++)
			hazards[i].h[b] = 0.001 * (1 + i * 37 % 50) / (1 + b);
		offers[i] = (struct spot_offer){ .pool_id = i + 1,
		    .az = arena_printf(a, "r-1%c", 'a' + i % ZONES),
		    .instance_type = arena_printf(a, "t%d.x%d", i / ZONES,
		    (int)size), .arch = i / ZONES % 7 == 0 ? "arm64" :
		    "x86_64", .hypervisor = "nitro", .vcpu = size,
		    .mem_mib = size * 4096, .ebs_mbps = 1000,
		    .interfaces = 4, .price = { 1000000 * size *
		    (20 + i * 31 % 17) }, .price_at = now,
		    .on_demand = { 100000000 * size }, .interruption = i % 4,
		    .hazard = &hazards[i] };
		needs[i] = (struct spot_need){ .arch = offers[i].arch,
		    .hypervisor = "nitro", .vcpu = size,
		    .mem_mib = size * 4096, .ebs_mbps = 500, .now = now };
	}
}

static void
make_fleet(void)
{
	for (int i = 0; i < INSTANCES; i++) {
		int k = i * 7 % POOLS;

		own[i] = needs[k];
		members[i] = (struct spot_plan_member){ .instance_id = "i",
		    .az = offers[k].az, .instance_type =
		    offers[k].instance_type, .group = arena_printf(a, "g%d",
		    i % GROUPS), .on_demand = i % 3 == 0,
		    .age_h = 1 + i % 40, .need = &needs[k],
		    .on_demand_price = offers[k].on_demand };
		memcpy(members[i].id.b, &i, sizeof(i));
	}
}

static double
round_ms(struct utc now, size_t *moves)
{
	struct spot_fleet f = { .markets = &market, .nmarkets = 1,
	    .v = members, .n = INSTANCES, .policy = &policy, .now = now };
	struct arena_mark mark = arena_mark(a);
	int64_t start = clock_boot_ns();
	struct spot_plan plan;
	double ms;

	spot_plan_make(a, &f, &plan);
	ms = (double)(clock_boot_ns() - start) / 1e6;
	*moves = plan.nmoves;
	arena_rewind(a, mark);
	return ms;
}

static double
measure(const char *name, struct utc now)
{
	double best = 1e9, worst = 0;
	size_t moves = 0;

	for (int i = 0; i < ROUNDS; i++) {
		double ms = round_ms(now, &moves);

		best = ms < best ? ms : best;
		worst = ms > worst ? ms : worst;
	}
	printf("%-28s best %6.1f ms  worst %6.1f ms  %zu moves\n", name, best,
	    worst, moves);
	return worst;
}

static void
floor_of(void)
{
	int64_t start = clock_boot_ns();
	double sum = 0;

	for (int i = 0; i < INSTANCES; i++)
		for (int k = 0; k < POOLS; k++)
			if (offers[k].vcpu >= members[i].need->vcpu &&
			    offers[k].mem_mib >= members[i].need->mem_mib)
				sum += 1 / (double)(offers[k].price.e8 + i);
	sink = sum;
	printf("%-28s      %6.1f ms\n", "floor: compare and divide",
	    (double)(clock_boot_ns() - start) / 1e6);
}

int
main(void)
{
	struct utc now = clock_now();
	double ms;

	a = arena_new((size_t)1 << 30);
	spot_policy_default(&policy);
	policy.max_moves_per_h = 1000;
	make_pools(now);
	make_fleet();
	printf("%d instances x %d pools, %d groups, one core\n", INSTANCES,
	    POOLS, GROUPS);
	ms = measure("needs of type and zone", now);
	for (int i = 0; i < INSTANCES; i++)
		members[i].need = &own[i];
	measure("a need for each instance", now);
	floor_of();
	printf("goal %d ms: %s\n", GOAL_MS, ms < GOAL_MS ? "reached" :
	    "NOT reached");
	arena_free(a);
	return ms < GOAL_MS ? 0 : 1;
}
