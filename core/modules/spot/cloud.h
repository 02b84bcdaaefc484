/*
 * The simulated cloud: regions, instance types, prices, a fleet and its
 * signals as a pure function of a seed and an instant. It answers with the
 * structs of the EC2 wire, so discovery treats both providers alike. Same seed
 * and instant, same answer, on every host.
 */
#ifndef SPOT_CLOUD_H
#define SPOT_CLOUD_H

#include "modules/spot/ec2_wire.h"

enum {
	CLOUD_ZONES = 3, CLOUD_PRICE_STEP_S = 4 * 3600,
	CLOUD_FLEET = 64	/* machines of one account */
};

struct cloud_region {
	const char *name;
	const char *zones[CLOUD_ZONES];
};

/* Static tables; the return value is the count. */
size_t spot_cloud_regions(const struct cloud_region **);
size_t spot_cloud_types(const struct ec2_type **);

/* On-demand price per hour of a known region and type; 0 = not offered. */
struct dec spot_cloud_od_price(const char *region, const char *type);
/* Spot price per hour in force at an instant, in steps of 10^-4 USD. Moves a
 * few percent a week, with rare spikes. 0 = not offered there. */
struct dec spot_cloud_spot_price(uint64_t seed, const char *az, const char *type,
    struct utc);
/* Interruption class of the spot advisor, 0 (under 5 % a month) to 4. */
int spot_cloud_interruption(const char *region, const char *type);

/* Price changes of a region in [from, to], newest first as EC2 answers, with
 * the record in force at `from` at the end; at most a year. */
void spot_cloud_prices(struct arena *, uint64_t seed, const char *region,
    struct utc from, struct utc to, struct ec2_page *);
/* Instances of a region at an instant. */
void spot_cloud_fleet(struct arena *, uint64_t seed, const char *region,
    struct utc now, struct ec2_page *);
/* The same, and the place of each: a place holds one machine after another. */
void spot_cloud_places(struct arena *, uint64_t seed, const char *region,
    struct utc now, struct ec2_page *, int slots[CLOUD_FLEET]);
/* No capacity in a pool at an instant: more often where machines are
 * interrupted often, hardly ever on-demand. */
bool spot_cloud_full(uint64_t seed, const char *az, const char *type,
    bool spot, struct utc);
/* "NONE", "REBALANCE" or "TERMINATION" for an instance of spot_cloud_fleet(). */
const char *spot_cloud_signal(uint64_t seed, const struct ec2_instance *,
    struct utc now);

#endif
