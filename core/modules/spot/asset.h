/*
 * What an account holds beside instances and groups: volumes, snapshots,
 * images, addresses, network interfaces, launch templates. One table with a
 * kind, because all of them are listed, swept, aged and judged for waste in
 * the same way and differ only in which columns are empty.
 */
#ifndef SPOT_ASSET_H
#define SPOT_ASSET_H

#include "db/db.h"
#include "http/route.h"
#include "modules/spot/ec2_wire.h"
#include "modules/spot/instance.h"

struct spot_asset {
	struct uuid id, tenant_id, account_id;
	const char *region, *kind, *asset_id, *name, *state, *az, *subtype;
	const char *attached_to, *source, *detail;
	int64_t size_gb, iops;
	bool managed;
	struct utc created_at;
	struct json tags;
	struct utc idle_since;		/* 0 = it is used */
	int64_t seen_generation;
	struct utc first_seen, last_seen;
	bool stale;
	struct utc gone_at;
};
extern const struct schema spot_asset_schema;
extern const struct query *const spot_asset_queries[];

/* "volume", … of a call from EC2_VOLUMES on. */
const char *spot_asset_kind(enum ec2_call);

struct spot_asset_filter {
	struct uuid tenant, account;	/* account nil = all */
	const char *region, *kind, *state;	/* NULL = all */
	int64_t idle;			/* -1 all, 0 used, 1 not used */
	bool gone;
	struct uuid after;
	int64_t limit;
};
int spot_asset_page(struct db *, struct arena *,
    const struct spot_asset_filter *, struct rows *, struct err *);
int spot_asset_by_id(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, struct spot_asset *, struct err *);

/* A page of a scan; the same contract as spot_instance_upsert() and its
 * sweep. */
int spot_asset_upsert(struct db *, struct arena *, const struct spot_seen *,
    const char *kind, const struct ec2_asset *, size_t n, struct err *);
int spot_asset_sweep(struct db *, const struct spot_seen *, const char *kind,
    uint64_t *gone, struct err *);
int spot_asset_miss(struct db *, const struct spot_seen *, const char *kind,
    struct err *);
/* Rows that the scan saw. */
int spot_asset_tally(struct db *, struct arena *, const struct spot_seen *,
    int64_t *n, struct err *);

extern const struct route spot_asset_routes[];

#endif
