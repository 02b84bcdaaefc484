/*
 * What else the simulated cloud holds: groups, volumes, snapshots, images,
 * addresses, interfaces and launch templates. Pure, like its fleet: the same
 * seed and instant, the same answer.
 */
#ifndef SPOT_CLOUD_ASSET_H
#define SPOT_CLOUD_ASSET_H

#include "modules/spot/ec2_wire.h"

/* One page of the call's rows (struct ec2_group or struct ec2_asset); fleet
 * are the instances of the region, whose tags name the groups. */
void spot_cloud_assets(struct arena *, uint64_t seed, const char *region,
    enum ec2_call, const struct ec2_page *fleet, struct utc now,
    struct ec2_page *);

#endif
