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
	bool prices;
	struct err why;			/* credentials, or the regions */
};

/* What the scan sees in a region. */
struct spot_seen spot_run_seen(const struct spot_run *, const char *region);
/* Error text that fits its column. */
const char *spot_run_text(struct arena *, const char *);
/* Callbacks of struct spot_fetch; arg is the run, tag the shard. */
int spot_shard_page(void *run, struct spot_listing *, struct arena *,
    const struct ec2_page *, struct err *);
int spot_shard_ended(void *run, struct spot_listing *, const struct err *);
/* Ends a shard: complete when why is NULL, and then what it did not see is
 * gone. */
int spot_shard_end(struct spot_run *, struct spot_shard *,
    const struct err *why, struct err *);

#endif
