/*
 * What an owner allows: how far, how often and how boldly instances are moved.
 * One row for the tenant, and one for each account that differs from it.
 */
#ifndef SPOT_POLICY_H
#define SPOT_POLICY_H

#include "db/db.h"
#include "http/route.h"

struct spot_policy {
	struct uuid tenant_id;
	struct uuid account_id;		/* nil: of the tenant */
	bool enabled;			/* recommendations are made */
	int64_t min_on_demand_n, min_on_demand_pct;
	double max_pool_share, max_zone_share;
	double max_hourly_loss;		/* share of a pool times its q(1 h) */
	int64_t max_moves_per_h;
	double k_aversion;
	int64_t min_age_s;
	int64_t horizon_h, changeover_s, min_saving_pct;
	int64_t max_interruption_pct;
	double interruption_cost;	/* USD, as the owner says */
	const char *quiet_hours;	/* "22:00-06:00,12:00-13:00", "" none */
	const char *quiet_zone;		/* IANA name */
	struct json allow_types, deny_types;	/* ["m5.*"]; [] all, none */
	const char *fallback;		/* "on-demand", "wait" */
	bool revert_to_spot;
	const char *approve;		/* "auto", "low_risk", "manual" */
	int64_t version;
	const char *updated_by;
	struct utc updated_at;		/* 0: defaults, never stored */
	const char *source;		/* JSON: "account" "tenant" "default" */
};
extern const struct schema spot_policy_schema;
extern const struct query *const spot_policy_queries[];
extern const struct route spot_policy_routes[];

/* ---- pure ------------------------------------------------------------------ */

void spot_policy_default(struct spot_policy *);
/* Hours and patterns; 422 entries. */
int spot_policy_check(const struct spot_policy *, struct arena *,
    struct err *);
/* Whether the instant lies in quiet hours on the policy's wall clock. */
bool spot_policy_quiet(const struct spot_policy *, struct utc);
/* NULL-terminated patterns of allow_types or deny_types. */
const char *const *spot_policy_patterns(struct arena *, struct json);

/* ---- rows ------------------------------------------------------------------ */

/* The account's, else the tenant's, else the defaults. */
int spot_policy_get(struct db *, struct arena *, struct uuid tenant,
    struct uuid account, struct spot_policy *, struct err *);
/* Inserts or replaces; version 0 = whatever is stored, else 409 "changed". */
int spot_policy_put(struct db *, struct arena *, struct spot_policy *,
    struct err *);
/* Back to the tenant's, or the defaults. 0, 1 when there was none. */
int spot_policy_delete(struct db *, struct uuid tenant, struct uuid account,
    struct err *);

#endif
