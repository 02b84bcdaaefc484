/*
 * A plan: what to do with every instance of an account, under its policy.
 * Pure: the same fleet, pools, policy and instant give the same plan. Nothing
 * is moved by it; a plan is a dry run until its moves are reserved.
 *
 * A move passes when all hold (c.5 of the design): (1) (saving / cost of the
 * group) / (disruption / disruption of the group) >= 1/k; (2) the saving until
 * the target is expected to be lost, at most the horizon, is 1.5 times the
 * cost of the move; (3) the instance has lived long enough; (4) moves of the
 * last hour are within the budget and a tenth of the group; (5) the group has
 * no failed move within 2^n * 5 minutes; (6) the target had no no-capacity
 * answer within its back-off. Notices skip (1) to (4). Moves go in the order
 * of their saving while pools and zones have room (max_pool_share,
 * max_zone_share), because a pool dies as a whole.
 */
#ifndef SPOT_PLAN_H
#define SPOT_PLAN_H

#include "modules/spot/advice.h"
#include "modules/spot/policy.h"
#include "modules/spot/pool.h"

/* Pools of one region and product. */
struct spot_market {
	const char *market, *region, *product;
	const struct spot_offer *v;
	size_t n;
	const char *model;
};

enum spot_phase {
	PHASE_OPEN,
	PHASE_CLOSED,			/* spot is bad there: on-demand */
	PHASE_CANARY			/* one instance tries spot again */
};
enum {
	SPOT_EARLY_S = 30 * 60, SPOT_EARLY_N = 3, SPOT_EARLY_WITHIN_S = 7200,
	SPOT_CLOSED_S = 7200, SPOT_CANARY_S = 3600, SPOT_LOOKBACK_S = 86400
};
/* losses: instants at which young instances of the group were lost, oldest
 * first; launched: of spot instances of the group that run. Three losses in
 * two hours close it for two hours; then one canary; an hour of its life
 * opens it, its loss closes it again. */
enum spot_phase spot_fallback_phase(const struct utc *losses, size_t n,
    const struct utc *launched, size_t m, struct utc now, struct utc *until);

/* What happened to a group lately. */
struct spot_group_state {
	const char *name;
	int64_t moves_hour;
	int64_t failures;		/* in a row */
	struct utc failed_at;
	enum spot_phase phase;
	struct utc phase_until;
	bool canary;			/* one is trying spot already */
};

struct spot_plan_member {
	struct uuid id;
	const char *instance_id, *az, *instance_type;
	const char *group;		/* "" = stands alone */
	const char *held;		/* why it must not be touched; NULL */
	size_t market;			/* of the plan's markets */
	bool on_demand;
	enum spot_signal signal;
	double age_h, weight;		/* weight of its workload */
	const struct spot_need *need;	/* shared by members alike */
	struct dec on_demand_price;	/* 0 = not known */
};

struct spot_fleet {
	const struct spot_market *markets;
	size_t nmarkets;
	const struct spot_plan_member *v;
	size_t n;
	const struct spot_group_state *groups;
	size_t ngroups;
	int64_t moves_hour;		/* of the account */
	const struct spot_policy *policy;
	struct utc now;
};

struct spot_plan_move {
	const struct spot_plan_member *member;
	const char *decision;		/* SWITCH DRAIN EVACUATE */
	const struct spot_offer *to;	/* NULL: on-demand, of its own type */
	const struct spot_offer *next[3];	/* further pools, best first */
	size_t nnext;
	double cost_now, cost_then;	/* USD per hour, expected */
	double saving;			/* per hour */
	double move_cost;		/* C_mig, USD */
	double score, disruption;
	double loss_now, loss_then;	/* within the horizon */
	int risk;			/* enum platform_risk */
	const char *reason;
};
struct spot_plan_held {
	const struct spot_plan_member *member;
	const char *decision;		/* STAY */
	const char *reason;
	double loss;
};
struct spot_plan {
	struct spot_plan_move *moves;	/* notices first, then by score */
	size_t nmoves;
	struct spot_plan_held *held;	/* in the order of the members */
	size_t nheld;
	double cost_before, cost_after;	/* USD per hour, expected */
	double losses_before, losses_after;	/* expected in the horizon */
	double peak_before, peak_after;	/* largest pool share times q(1 h) */
	struct utc oldest;		/* price that counted */
};
void spot_plan_make(struct arena *, const struct spot_fleet *,
    struct spot_plan *);
/* The outcome for one member. */
const struct spot_plan_move *spot_plan_find(const struct spot_plan *,
    struct uuid member);
const struct spot_plan_held *spot_plan_held_of(const struct spot_plan *,
    struct uuid member);

/* Rules of decisions as the policy has them. */
struct spot_rules spot_policy_rules(const struct spot_policy *);
/* The same with the types it allows and denies and the owner's cost of an
 * interruption, in what a decision asks for. The need borrows from the arena
 * and the policy. */
void spot_policy_need(struct arena *, const struct spot_policy *,
    struct spot_need *);

#endif
