/*
 * Shared by the files of the plan.
 */
#ifndef SPOT_PLAN_INNER_H
#define SPOT_PLAN_INNER_H

#include "base/vec.h"
#include "modules/spot/plan.h"

enum { SPOT_PLAN_TOP = 16 };		/* pools kept for a member */

/* Figures of a pool for a fresh instance, computed once. */
struct spot_figures {
	struct spot_cost c;
	double stay, residual_h;
	size_t zone;			/* of the plan's zones */
	int64_t here;			/* members on it */
};
struct spot_cand {
	size_t offer;
	double ehc;
};
/* What could be done with one member. */
struct spot_want {
	const struct spot_plan_member *m;
	const struct spot_offer *here;	/* its pool; NULL = not known */
	size_t here_i;
	double now, move, loss, loss_1h, disruption;
	struct spot_cand top[SPOT_PLAN_TOP];	/* cheapest first */
	size_t n;
	size_t fits;			/* pools that fit at all */
	size_t group;
	bool unpriced;
};
struct spot_group_total {
	const char *name;
	double cost, disruption;
	size_t n, on_demand;
	int64_t moves;			/* of the last hour and this plan */
	const struct spot_group_state *state;
	bool canary;
};
struct spot_zone_count {
	const char *az;
	int64_t here;
};
struct map;

struct spot_planner {
	struct arena *a;
	const struct spot_fleet *f;
	struct spot_rules rules;
	struct spot_figures **fig;	/* [market][offer] */
	size_t **sorted;		/* offers by zone and type */
	struct spot_want *wants;
	VEC(struct spot_zone_count) zones;
	VEC(struct spot_group_total) groups;
	struct map *group_by_name, *zone_by_name;	/* index + 1 */
	VEC(struct spot_plan_move) moves;
	VEC(struct spot_plan_held) held;
	int64_t moves_hour;
	bool quiet;
	struct utc oldest;
};

/* Figures of pools, wants of members, totals of groups. */
void spot_plan_gather(struct spot_planner *);

/* The gate; NULL passes, else why not. */
struct spot_economy {
	double ehc, stay, residual_h, saving, score, hours, needed;
};
struct spot_economy spot_plan_economy(struct spot_planner *,
    const struct spot_want *, const struct spot_cand *);
const char *spot_plan_not_worth(struct spot_planner *,
    const struct spot_want *, const struct spot_cand *);
const char *spot_plan_budget(struct spot_planner *,
    const struct spot_group_total *);
const char *spot_plan_failed(struct spot_planner *,
    const struct spot_group_total *);
const char *spot_plan_crowded(struct spot_planner *,
    const struct spot_want *, size_t offer);

#endif
