/*
 * Pools as replacements: which fit a workload, what an hour on each is
 * expected to cost, and the reason for every one that does not fit. Pure but
 * for spot_pools_for(), which loads the pools of a region.
 *
 *   EHC = (price E[T] + C_mig + q C_int + (H - E[T]) on_demand) /
 *         (H - d - q d)
 * over the horizon H with changeover time d; q and E[T] come from the hazard
 * of the pool (risk.h). The smallest EHC is first; equal costs are ordered by
 * more offers in the zone, then by name: the order of the rows means nothing.
 */
#ifndef SPOT_POOL_H
#define SPOT_POOL_H

#include "base/types.h"
#include "modules/spot/risk.h"
#include "schema/schema.h"

struct db;

/* A pool as a decision sees it. */
struct spot_offer {
	int64_t pool_id;		/* 0 = not stored */
	const char *az, *instance_type;
	const char *arch;	/* "x86_64" or "i386,x86_64"; "" = unknown */
	const char *hypervisor;		/* "" or NULL = unknown */
	int64_t vcpu, mem_mib, gpu;	/* vcpu 0 = not in the catalogue */
	int64_t nvme_gb, ebs_mbps, interfaces;	/* 0 = none or not known */
	bool burstable;			/* runs on CPU credits */
	struct dec price;		/* spot; 0 = none known */
	struct utc price_at;
	struct dec on_demand;		/* 0 = not known */
	struct utc on_demand_at;
	int64_t interruption;		/* class 0-4; -1 = not known */
	struct utc interruption_at;
	bool excluded;			/* by the owner's wish */
	const struct spot_hazard *hazard;	/* of the live model; NULL: from
						 * the class */
	struct utc full_until;		/* no capacity there before this */
};

struct spot_rules {
	int64_t max_price_age_s;	/* older prices are no candidates */
	int64_t max_interruption_pct;	/* classes that reach above are out */
	int64_t horizon_h;		/* H */
	int64_t changeover_s;		/* d */
	int64_t min_saving_pct;		/* below: not worth a move */
	double min_migration_ratio;	/* saving over H against C_mig */
};
extern const struct spot_rules spot_rules_default;

/* What runs must run there, and at what cost it moves. Zero or NULL: does
 * not matter. */
struct spot_need {
	const char *arch;		/* the widest of a list counts */
	const char *hypervisor;
	int64_t vcpu, mem_mib, gpu, nvme_gb, ebs_mbps, interfaces;
	bool steady;			/* not on CPU credits, unless allow
					 * names the type */
	const char *const *zones;	/* where a subnet is; nzones 0 = all */
	size_t nzones;
	const char *const *allow, *const *deny;	/* "m5.*", NULL-terminated */
	const char *avoid_az, *avoid_type;	/* the pool that gave notice */
	const char *here_az, *here_type;	/* where it is: no candidate */
	struct dec running;		/* an hour of what still runs meanwhile */
	double move_cost;		/* USD: data transfer */
	double interruption_cost;	/* USD: C_int, as the owner says */
	const struct spot_rules *rules;	/* NULL: the defaults */
	struct utc now;
};

struct spot_refusal {
	const char *pool, *reason;
};
extern const struct schema spot_refusal_schema;

/* Figures of one pool over the horizon. */
struct spot_cost {
	double ehc;			/* with the move, USD per hour */
	double stay;			/* without */
	double loss, loss_1h;		/* q(H), q(1 h) */
	double up_h;			/* E[T] */
	double run, hours;		/* ehc = (run + move) / hours */
};
struct spot_ranked {
	const struct spot_offer *o;
	struct spot_cost c;
};
struct spot_ranking {
	struct spot_ranked *v;		/* best first */
	size_t n;
	struct spot_refusal *refused;	/* by name of the pool */
	size_t nrefused;
	struct utc oldest;		/* price that counted */
	const char *model;		/* "spot.risk v7", or the classes */
	struct uuid model_id;		/* nil: the classes */
};
#define SPOT_CLASS_MODEL "interruption classes of the AWS Spot Instance " \
	"Advisor, monthly midpoint as a constant hourly hazard"

enum spot_unfit {
	FITS, UNFIT_EXCLUDED, UNFIT_TYPE, UNFIT_ARCH, UNFIT_VCPU,
	UNFIT_MEMORY, UNFIT_GPU, UNFIT_NVME, UNFIT_EBS, UNFIT_INTERFACES,
	UNFIT_HYPERVISOR, UNFIT_CREDITS, UNFIT_DENIED, UNFIT_NOT_ALLOWED, UNFIT_ZONE,
	UNFIT_PRICE, UNFIT_STALE, UNFIT_CLASS, UNFIT_DEAR, UNFIT_FULL,
	UNFIT_NOTICE, UNFITS
};
/* Without text, for those who ask often; the text of one. */
enum spot_unfit spot_pool_unfit(const struct spot_offer *,
    const struct spot_need *);
const char *spot_pool_unfit_text(struct arena *, enum spot_unfit,
    const struct spot_offer *, const struct spot_need *);

/* Every offer is ranked or refused, except the one where it is now. */
void spot_pools_rank(struct arena *, const struct spot_offer *, size_t n,
    const struct spot_need *, struct spot_ranking *);
/* The first refusals as a JSON array, for a decision record. */
const char *spot_pool_refused(struct arena *, const struct spot_ranking *,
    size_t max);
/* Figures of an offer for an instance of this age; move in USD. */
struct spot_cost spot_pool_cost(const struct spot_offer *,
    const struct spot_rules *, double age_h, double move,
    double interruption_cost);
/* Loads the pools of a region with prices, hazards of the live model and
 * no-capacity answers, and ranks them. Reads only. */
int spot_pools_for(struct db *, struct arena *, const char *market,
    const char *region, const char *product, const struct spot_need *,
    struct spot_ranking *, struct err *);

/* Region of a zone: "us-west-2-lax-1a" is in "us-west-2". NULL: none. */
const char *spot_zone_region(struct arena *, const char *az);
/* "us-east-1a:m5.large" */
const char *spot_pool_name(struct arena *, const char *az, const char *type);

/* "<5 %", "5-10 %", … ; "unknown" outside 0-4. */
const char *spot_class_label(int64_t interruption);
/* Losses per hour that the class stands for. */
double spot_class_hazard(int64_t interruption);
enum { SPOT_CLASSES = 5 };

#endif
