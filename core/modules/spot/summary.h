/*
 * What a tenant's fleet is, costs and could cost, and how much of it was seen.
 */
#ifndef SPOT_SUMMARY_H
#define SPOT_SUMMARY_H

#include "db/db.h"
#include "http/route.h"

/* Instances that are alike, with the prices in force. */
struct spot_alike {
	const char *region, *az, *instance_type, *lifecycle, *state;
	int64_t n, stale;
	struct dec spot, on_demand, best;	/* 0 = not known */
};
extern const struct query *const spot_summary_queries[];

struct spot_summary {
	int64_t accounts, nodes, running, stopped, spot, on_demand, stale;
	int64_t zones;
	double spot_share;		/* of the running ones */
	struct dec hourly_cost;		/* USD, priced ones */
	struct dec hourly_on_demand;	/* the same fleet on demand */
	struct dec hourly_savings, hourly_savings_possible;
	int64_t unpriced;		/* running, price not known */
	double coverage;		/* of the last inventories */
	struct utc oldest_scan_at;
};
extern const struct schema spot_summary_schema;

/* Sums of groups. Pure. */
void spot_summarize(const struct spot_alike *, size_t n,
    struct spot_summary *);

/* account nil: all of the tenant. */
int spot_alike_all(struct db *, struct arena *, struct uuid tenant,
    struct uuid account, struct rows *, struct err *);
/* Groups, coverage and ages together. */
int spot_summary_load(struct db *, struct arena *, struct uuid tenant,
    struct uuid account, struct spot_summary *, struct rows *groups, struct err *);

extern const struct route spot_summary_routes[], spot_onboarding_routes[];

#endif
