/*
 * Auto Scaling groups as the last scans saw them. What acts on a group asks
 * the cloud again (act.h); these rows are for people, plans and shares.
 */
#ifndef SPOT_GROUP_H
#define SPOT_GROUP_H

#include "db/db.h"
#include "http/route.h"
#include "modules/spot/ec2_wire.h"
#include "modules/spot/instance.h"

struct spot_group_row {
	struct uuid id, tenant_id, account_id;
	const char *region, *name;
	int64_t min_size, max_size, desired, members, in_service;
	int64_t protected_members;
	const char *health_type;
	int64_t grace_s;
	const char *suspended;		/* processes with commas */
	bool mixed;
	int64_t od_base, od_percent;
	bool protect_new;
	const char *launch_template, *az, *subnets, *status;
	struct json tags;
	struct utc created_at;
	int64_t seen_generation;
	struct utc first_seen, last_seen;
	bool stale;
	struct utc gone_at;
};
extern const struct schema spot_group_schema;
extern const struct query *const spot_group_queries[];

struct spot_group_filter {
	struct uuid tenant, account;	/* account nil = all */
	const char *region;		/* NULL = all */
	bool gone;
	struct uuid after;
	int64_t limit;
};
int spot_group_page(struct db *, struct arena *,
    const struct spot_group_filter *, struct rows *, struct err *);
int spot_group_by_id(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, struct spot_group_row *, struct err *);
int spot_group_by_name(struct db *, struct arena *, struct uuid tenant,
    struct uuid account, const char *region, const char *name,
    struct spot_group_row *, struct err *);

/* A page of a scan; the same contract as spot_instance_upsert() and its
 * sweep. */
int spot_group_upsert(struct db *, struct arena *, const struct spot_seen *,
    const struct ec2_group *, size_t n, struct err *);
int spot_group_sweep(struct db *, const struct spot_seen *, uint64_t *gone,
    struct err *);
int spot_group_miss(struct db *, const struct spot_seen *, struct err *);

extern const struct route spot_group_routes[];

#endif
