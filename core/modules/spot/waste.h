/*
 * Waste: what costs money and is not used. Each finding has what it costs a
 * month, for how long it has been idle at least, and the reason in words. It
 * is a recommendation: nothing is ever deleted from here.
 */
#ifndef SPOT_WASTE_H
#define SPOT_WASTE_H

#include "events/event.h"
#include "modules/spot/account.h"
#include "modules/spot/asset.h"

struct spot_waste {
	struct uuid id, tenant_id, account_id;
	const char *region, *kind, *resource_id, *name;
	struct dec monthly_cost;	/* USD of 730 hours, list price */
	int64_t days_unused;		/* at least */
	const char *reason, *state;
	bool ignored;
	const char *ignored_by, *ignored_why;
	struct utc ignored_at, detected_at, seen_at, resolved_at;
};
extern const struct schema spot_waste_schema;
extern const struct query *const spot_waste_queries[];

/* ---- pure ------------------------------------------------------------------ */

enum { SPOT_VOLUME_IDLE_DAYS = 7, SPOT_SNAPSHOT_OLD_DAYS = 30 };

/* List prices of us-east-1, USD a month: what a volume of this type, size and
 * provisioned operations costs; what a snapshot's full size would. Source:
 * aws.amazon.com/ebs/pricing and /vpc/pricing, as of 2025. */
struct dec spot_volume_monthly(const char *type, int64_t gb, int64_t iops);
struct dec spot_snapshot_monthly(const char *tier, int64_t gb);
/* True when it is waste; fills costs, days and reason. imaged: an image is
 * made of the snapshot. */
bool spot_waste_judge(struct arena *, const struct spot_asset *, bool imaged,
    struct utc now, struct spot_waste *);

/* ---- rows -------------------------------------------------------------------- */

struct spot_waste_sum {
	int64_t items;
	struct dec monthly;
};
struct spot_waste_kind {
	const char *kind;
	int64_t items;
	struct dec monthly;
};
struct spot_waste_filter {
	struct uuid tenant, account;	/* account nil = all */
	const char *kind, *state;	/* NULL = all */
	int64_t ignored;		/* -1 all, 0, 1 */
	struct uuid after;
	int64_t limit;
};
int spot_waste_page(struct db *, struct arena *,
    const struct spot_waste_filter *, struct rows *, struct err *);
int spot_waste_by_id(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, struct spot_waste *, struct err *);
/* Sums by kind of what is detected and not ignored (spot_waste_kind). */
extern const struct schema spot_waste_kind_schema;
int spot_waste_kinds(struct db *, struct arena *, struct uuid tenant,
    struct uuid account, struct rows *, struct err *);
int spot_waste_put(struct db *, struct arena *, const struct spot_waste *,
    size_t n, struct err *);
/* What was not found again at `now` is resolved. */
int spot_waste_resolve(struct db *, struct uuid account, struct utc now,
    struct err *);
int spot_waste_ignore(struct db *, const struct spot_waste *, struct err *);
/* Candidates of an account after an id, and the snapshots of its images. */
int spot_waste_candidates(struct db *, struct arena *, struct uuid account,
    struct uuid after, struct utc old, struct rows *, struct err *);
int spot_waste_imaged(struct db *, struct arena *, struct uuid account,
    struct rows *, struct err *);

/* ---- use-case ---------------------------------------------------------------- */

/* Judges an account's assets; in the caller's transaction. */
int spot_waste_refresh(struct db *, struct arena *,
    const struct spot_account *, struct utc now, struct spot_waste_sum *,
    struct err *);

extern const struct event spot_waste_events[];
extern const struct route spot_waste_routes[];

#endif
