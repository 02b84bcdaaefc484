/*
 * Plans of stored fleets: what is needed is read, nothing is written.
 */
#ifndef SPOT_PLAN_OPS_H
#define SPOT_PLAN_OPS_H

#include "db/db.h"
#include "http/route.h"
#include "modules/spot/account.h"
#include "modules/spot/plan.h"

extern const struct query *const spot_plan_queries[];
extern const struct route spot_plan_routes[];

/* ---- rows --------------------------------------------------------------------- */

/* An instance with its type and on-demand price. */
struct spot_plan_row {
	struct uuid id;
	const char *instance_id, *region, *az, *instance_type, *lifecycle;
	const char *state, *asg, *product, *arch, *vpc_id, *auth_status;
	const char *aws_signal, *weight, *hold;
	bool stale, moving;
	struct utc launched_at;
	const char *type_arch, *hypervisor;
	bool steady;			/* not on CPU credits */
	int64_t vcpu, mem_mib, gpu, nvme_gb, ebs_mbps, interfaces;
	struct dec on_demand;
};
int spot_plan_rows(struct db *, struct arena *, struct uuid tenant,
    struct uuid account, const char *market, struct rows *, struct err *);
/* What happened to groups in the last day, by group and time. */
struct spot_plan_past {
	const char *asg;
	const char *state;		/* of a move; "lost": a young instance */
	struct utc at;
};
int spot_plan_pasts(struct db *, struct arena *, struct uuid account,
    struct utc since, struct rows *, struct err *);

/* Accounts that were scanned, of all tenants. */
struct spot_plan_account {
	struct uuid id, tenant_id;
};
int spot_plan_accounts(struct db *, struct arena *, struct rows *,
    struct err *);

/* Types that run in an account, most of them first; and the zones of a
 * region with a pool of a type (in .region). */
struct spot_plan_type {
	const char *region, *instance_type;
	int64_t n;
};
int spot_plan_types(struct db *, struct arena *, struct uuid tenant,
    struct uuid account, int64_t limit, struct rows *, struct err *);
int spot_plan_zones(struct db *, struct arena *, const char *market,
    const char *region, const char *type, struct rows *, struct err *);

/* ---- use ------------------------------------------------------------------------ */

/* Everything a plan of an account is made from. */
struct spot_plan_made {
	struct spot_account acc;
	struct spot_policy policy;
	struct spot_fleet fleet;
	struct spot_plan plan;
	const char *model;		/* "spot.risk v7", or the classes */
	struct uuid model_id;
	struct utc scanned_at;		/* age of the inventory */
	size_t cut;			/* instances beyond the limit */
};
/* Loads and plans; changes (NULL) take the place of the stored policy. 404
 * when the tenant has no such account. */
int spot_plan_of(struct db *, struct arena *, struct uuid tenant,
    struct uuid account, const struct spot_policy *instead, struct utc now,
    struct spot_plan_made *, struct err *);
/* The target of a move as a candidate of an advice; NULL for on-demand. */
const struct spot_choice *spot_plan_choice(struct arena *,
    const struct spot_plan_move *);
/* The pools refused for a member, with the reasons. */
void spot_plan_refused(struct arena *, const struct spot_plan_made *,
    const struct spot_plan_member *, struct spot_ranking *);

#endif
