/*
 * What runs in the accounts, as the last scans saw it.
 */
#ifndef SPOT_INSTANCE_H
#define SPOT_INSTANCE_H

#include "db/db.h"
#include "http/route.h"
#include "modules/spot/ec2_wire.h"
#include "modules/spot/rows.h"

struct spot_instance {
	struct uuid id, tenant_id, account_id;
	const char *region, *az, *instance_id, *instance_type, *lifecycle;
	const char *state;
	struct utc launched_at;
	const char *asg, *image_id, *arch, *product, *subnet_id, *vpc_id;
	const char *private_ip, *name;
	struct json tags;
	const char *auth_status, *aws_signal;
	int64_t seen_generation;
	struct utc first_seen, last_seen;
	bool stale;
	struct utc gone_at;
	struct dec hourly_price;	/* what it costs now; 0 = not known */
	const char *market;		/* whose prices */
};
extern const struct schema spot_instance_schema;
extern const struct query *const spot_instance_queries[];

/* ---- pure ---------------------------------------------------------------- */

/* AUTHORIZED when a tag names us or a group owns it, else UNAUTHORIZED. */
const char *spot_instance_auth(const char *tags_json, const char *asg);

/* ---- rows ---------------------------------------------------------------- */

struct spot_instance_filter {
	struct uuid tenant, account;	/* account nil = all */
	const char *region, *lifecycle, *type, *state;	/* NULL = all */
	int64_t stale;			/* -1 all, 0, 1 */
	bool gone;			/* also those that went away */
	struct uuid after;
	int64_t limit;
};
int spot_instance_page(struct db *, struct arena *,
    const struct spot_instance_filter *, struct rows *, struct err *);
int spot_instance_by_id(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, struct spot_instance *, struct err *);
/* By the cloud's own id: the youngest of them. */
int spot_instance_by_name(struct db *, struct arena *, struct uuid tenant,
    const char *instance_id, struct spot_instance *, struct err *);
int spot_instance_all(struct db *, struct arena *, struct uuid tenant,
    struct uuid account, int64_t limit, struct rows *, struct err *);

/* A page of a scan. */
struct spot_seen {
	struct uuid tenant, account;
	const char *region;
	int64_t generation;
	struct utc at;			/* start of the scan */
};
struct spot_seen_row {
	const struct ec2_instance *i;
	const char *signal;
};
int spot_instance_upsert(struct db *, struct arena *,
    const struct spot_seen *, const struct spot_seen_row *, size_t n,
    struct err *);
/* After a complete shard: what it did not see is gone. */
int spot_instance_sweep(struct db *, const struct spot_seen *,
    uint64_t *gone, struct err *);
/* After a shard that is not complete: the second miss makes it stale. */
int spot_instance_miss(struct db *, const struct spot_seen *, struct err *);
struct spot_tally {
	int64_t instances, added, changed;
};
int spot_instance_tally(struct db *, struct arena *,
    const struct spot_seen *, struct spot_tally *, struct err *);
int spot_instance_count(struct db *, struct arena *, struct uuid tenant,
    struct uuid account, int64_t *n, struct err *);
int spot_instance_total(struct db *, struct arena *, int64_t *n,
    struct err *);

/* struct exchange: instances are found, not told; import refuses. */
extern const struct query spot_instance_export;
int spot_instance_import(struct db *, struct arena *, struct uuid tenant,
    const void *row, bool *changed, struct err *);

extern const struct route spot_instance_routes[];

#endif
