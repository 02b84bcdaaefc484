/*
 * A scan while it runs: its shards, and what is stored for each page and each
 * end of a shard. Only for the discovery helper.
 */
#ifndef SPOT_SHARD_H
#define SPOT_SHARD_H

#include "base/err.h"
#include "modules/spot/instance.h"
#include "modules/spot/provider.h"
#include "modules/spot/scan.h"

enum spot_scan_kind { SCAN_INVENTORY = 1, SCAN_PRICES = 2, SCAN_FLEET = 4 };
enum spot_scan_kind spot_shard_kind(const char *);
/* The listing behind a shard's service. */
enum ec2_call spot_shard_call(const char *service);

/* One scan while it runs. */
struct spot_run {
	struct env *env;
	struct arena *a;
	struct spot_scan *scan;
	struct spot_account acc;
	const struct spot_provider *p;
	struct spot_access x;
	struct spot_shard *shards;
	size_t n;
	enum spot_scan_kind kind;
	size_t told;			/* shards done when it was told last */
	struct err why;			/* credentials, or the regions */
};

/* The scan's shards, made when there are none yet: one per region and service
 * that its kind asks for. -1: the scan cannot go on; run->why may say it. */
int spot_shard_load(struct spot_run *, struct err *);
/* What the scan sees in a region. */
struct spot_seen spot_run_seen(const struct spot_run *, const char *region);
/* Error text that fits its column. */
const char *spot_run_text(struct arena *, const char *);
/* Callbacks of struct spot_fetch; arg is the run, tag the shard. */
int spot_shard_page(void *run, struct spot_listing *, struct arena *,
    const struct ec2_page *, struct err *);
int spot_shard_ended(void *run, struct spot_listing *, const struct err *);
/* What it should have seen was missed once more. */
int spot_shard_miss(const struct spot_run *, struct db *,
    const struct spot_shard *, struct err *);
/* Ends a shard: complete when why is NULL, and then what it did not see is
 * gone. */
int spot_shard_end(struct spot_run *, struct spot_shard *,
    const struct err *why, struct err *);

#endif
