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

/* Members that people set; F is FIELD_OF with its struct given. */
#define SPOT_POLICY_FIELDS(F) \
	F(enabled, .def = "true", .doc = "Moves are recommended"), \
	F(min_on_demand_n, .min = 0, .max = 100000, .def = "0", \
	    .doc = "So many of a group stay on demand"), \
	F(min_on_demand_pct, .min = 0, .max = 100, .def = "0", \
	    .doc = "… or so many percent"), \
	F(max_pool_share, .min = 0, .max = 1, .def = "0.25", \
	    .doc = "Of the fleet in one pool"), \
	F(max_zone_share, .min = 0, .max = 1, .def = "0.5", \
	    .doc = "Of the fleet's spot instances in one zone"), \
	F(max_hourly_loss, .min = 0, .max = 1, .def = "0.1", \
	    .doc = "Share of a pool times its loss within an hour"), \
	F(max_moves_per_h, .min = 0, .max = 10000, .def = "10", \
	    .doc = "Moves of an account within an hour"), \
	F(k_aversion, .flags = FF_XMIN, .min = 0, .max = 1000, .def = "2", \
	    .doc = "A move needs 1/k of its disruption's share as share of " \
	    "the saving"), \
	F(min_age_s, .min = 0, .max = 31536000, .def = "14400", \
	    .doc = "An instance lives so long first"), \
	F(horizon_h, .min = 1, .max = 720, .def = "24", \
	    .doc = "Hours that a decision looks ahead"), \
	F(changeover_s, .min = 0, .max = 86400, .def = "180", \
	    .doc = "Seconds that a replacement takes to serve"), \
	F(min_saving_pct, .min = 0, .max = 100, .def = "5", \
	    .doc = "A move saves at least this"), \
	F(max_interruption_pct, .min = 5, .max = 100, .def = "20", \
	    .doc = "Classes that reach above are no candidates"), \
	F(interruption_cost, .min = 0, .max = 1000000, .def = "0", \
	    .doc = "What one interruption costs you, USD"), \
	F(quiet_hours, .max = 200, .def = "\"\"", \
	    .example = "\"22:00-06:00\"", .doc = "Nothing is moved then, but " \
	    "under notice"), \
	F(quiet_zone, .max = 63, .def = "\"UTC\"", \
	    .doc = "Whose wall clock they are on"), \
	F(allow_types, .def = "[]", .example = "[\"m5.*\"]", \
	    .doc = "Patterns of types; empty: all, but of burstable ones " \
	    "only for what is burstable now"), \
	F(deny_types, .def = "[]", .example = "[\"t2.*\"]", \
	    .doc = "Patterns of types that are never used"), \
	F(fallback, .oneof = ONEOF("on-demand", "wait"), \
	    .def = "\"on-demand\"", .doc = "When a group loses young " \
	    "instances again and again"), \
	F(revert_to_spot, .def = "true", .doc = "And back, with one instance " \
	    "first"), \
	F(approve, .oneof = ONEOF("auto", "low_risk", "manual"), \
	    .def = "\"manual\"", .doc = "What moves without a person"), \
	F(version, .min = 0, .max = INT64_MAX, .def = "0", \
	    .doc = "As it was read; 0 = replace whatever is there")

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
