/*
 * What follows a finished scan, in the same chain of jobs: governance, waste,
 * the health check, and the numbers that dashboard and gauges show. Without
 * it the inventory would be there and nobody would see it.
 */
#ifndef SPOT_SETTLE_H
#define SPOT_SETTLE_H

#include "jobs/job.h"
#include "modules/spot/scan.h"

/* A row of spot_digest. */
struct spot_digest {
	struct uuid account_id, tenant_id, scan_id;
	int64_t nodes, running, spot, stale;
	int64_t authorized, unauthorized, flagged, groups_n, assets;
	struct dec hourly_cost, hourly_savings;
	int64_t waste_items;
	struct dec waste_monthly;
	double coverage;
	const char *health, *health_detail;
	struct utc at;
};
extern const struct schema spot_digest_schema;
extern const struct query *const spot_digest_queries[];

int spot_digest_put(struct db *, const struct spot_digest *, struct err *);
/* 1 = no scan has been settled yet. */
int spot_digest_get(struct db *, struct arena *, struct uuid tenant,
    struct uuid account, struct spot_digest *, struct err *);
/* Counts of one account from its rows. */
int spot_digest_count(struct db *, struct arena *, struct uuid account,
    struct spot_digest *, struct err *);
/* Sums over all accounts, for the gauges. */
struct spot_digest_sum {
	int64_t instances, assets, unauthorized, waste_items;
	struct dec waste_monthly, hourly_savings;
};
int spot_digest_total(struct db *, struct arena *, struct spot_digest_sum *,
    struct err *);

/* Enqueues spot.settle for a scan, in the caller's transaction. */
int spot_settle_queue(struct db *, struct arena *, const struct spot_scan *,
    struct err *);
/* Does it; inside a transaction. 404 when the account is gone. */
int spot_settle(struct env *, struct db *, struct arena *, struct uuid tenant,
    struct uuid account, struct uuid scan, struct utc now,
    struct spot_digest *, struct err *);

extern const struct job spot_settle_jobs[];
extern const struct metric *const spot_settle_metrics[];

#endif
