/*
 * A cloud made of hashes. Every quantity is drawn from SipHash of the seed and
 * the names it belongs to; series are sums of smoothed noise of several
 * periods, so they wander without drifting away. Integers only: the same on
 * every machine.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/number.h"
#include "base/str.h"
#include "base/vec.h"
#include "modules/spot/cloud.h"

enum {
	PPM = 1000000,
	DAY_S = 86400,
	TICK = 10000		/* prices are multiples of 10^-4 USD, in e8 */
};

static const struct cloud_region regions[] = {
	{ "us-east-1", { "us-east-1a", "us-east-1b", "us-east-1c" } },
	{ "us-west-2", { "us-west-2a", "us-west-2b", "us-west-2c" } },
	{ "eu-central-1", { "eu-central-1a", "eu-central-1b",
	    "eu-central-1c" } },
	{ "ap-south-1", { "ap-south-1a", "ap-south-1b", "ap-south-1c" } }
};

/* Regional price level in percent of us-east-1. */
static const int level[NITEMS(regions)] = { 100, 100, 119, 106 };

#define BURST(t, a, v, m) { .burstable = true, KIND(t, a, v, m, 0) }
#define TYPE(t, a, v, m, g) { KIND(t, a, v, m, g) }
#define KIND(t, a, v, m, g) .type = t, .arch = a, .hypervisor = "nitro", \
	.manufacturer = "", .network = "", .gpu_name = "", \
	.usage = "on-demand,spot", .vcpu = v, .cores = v / 2, \
	.mem_mib = (m) * 1024, .gpu = g, .current = true, .spot = true
#define X86 "x86_64"
#define ARM "arm64"

static const struct ec2_type types[] = {
	BURST("t3.medium", X86, 2, 4), BURST("t3.large", X86, 2, 8),
	BURST("t4g.medium", ARM, 2, 4), BURST("t4g.large", ARM, 2, 8),
	TYPE("m5.large", X86, 2, 8, 0), TYPE("m5.xlarge", X86, 4, 16, 0),
	TYPE("m5.2xlarge", X86, 8, 32, 0), TYPE("m5a.large", X86, 2, 8, 0),
	TYPE("m5a.xlarge", X86, 4, 16, 0), TYPE("m6i.large", X86, 2, 8, 0),
	TYPE("m6i.xlarge", X86, 4, 16, 0), TYPE("m6i.2xlarge", X86, 8, 32, 0),
	TYPE("m6a.large", X86, 2, 8, 0), TYPE("m6a.xlarge", X86, 4, 16, 0),
	TYPE("m6g.large", ARM, 2, 8, 0), TYPE("m6g.xlarge", ARM, 4, 16, 0),
	TYPE("m7i.large", X86, 2, 8, 0), TYPE("m7g.large", ARM, 2, 8, 0),
	TYPE("c5.large", X86, 2, 4, 0), TYPE("c5.xlarge", X86, 4, 8, 0),
	TYPE("c5.2xlarge", X86, 8, 16, 0), TYPE("c6i.large", X86, 2, 4, 0),
	TYPE("c6i.xlarge", X86, 4, 8, 0), TYPE("c6i.2xlarge", X86, 8, 16, 0),
	TYPE("c6g.large", ARM, 2, 4, 0), TYPE("c6g.xlarge", ARM, 4, 8, 0),
	TYPE("c7i.xlarge", X86, 4, 8, 0), TYPE("r5.large", X86, 2, 16, 0),
	TYPE("r5.xlarge", X86, 4, 32, 0), TYPE("r6i.large", X86, 2, 16, 0),
	TYPE("r6i.xlarge", X86, 4, 32, 0), TYPE("r6i.2xlarge", X86, 8, 64, 0),
	TYPE("r6g.large", ARM, 2, 16, 0), TYPE("r6g.xlarge", ARM, 4, 32, 0),
	TYPE("g4dn.xlarge", X86, 4, 16, 1), TYPE("g5.xlarge", X86, 4, 16, 1)
};

/* On-demand price in us-east-1, 10^-4 USD per hour, same order. */
static const int od[NITEMS(types)] = {
	416, 832, 336, 672, 960, 1920, 3840, 860, 1720, 960, 1920, 3840, 864,
	1728, 770, 1540, 1008, 816, 850, 1700, 3400, 850, 1700, 3400, 680,
	1360, 1785, 1260, 2520, 1260, 2520, 5040, 1008, 2016, 5260, 10060
};

static const char *const roles[] = { "web", "api", "batch", "cache", "ci",
    "search", "etl", "worker" };

size_t
spot_cloud_regions(const struct cloud_region **out)
{
	*out = regions;
	return NITEMS(regions);
}

size_t
spot_cloud_types(const struct ec2_type **out)
{
	*out = types;
	return NITEMS(types);
}

/* ---- drawing ------------------------------------------------------------ */

static uint64_t
draw(uint64_t seed, const char *what, const char *name, int64_t n)
{
	uint8_t key[16] = "quincunx cloud ";
	char text[160];
	int len = snprintf(text, sizeof(text), "%llx/%s/%s/%lld",
	    (unsigned long long)seed, what, name, (long long)n);

	return siphash(key, text, (size_t)len);
}

/* Uniform in [-amp, amp], smooth over `period` seconds: linear between the
 * values drawn at the period's ends. */
static int64_t
noise(uint64_t seed, const char *what, const char *name, int64_t t,
    int64_t period, int64_t amp)
{
	int64_t i = t / period, frac = t % period;
	int64_t a = (int64_t)(draw(seed, what, name, i) % (2 * amp + 1)) - amp;
	int64_t b = (int64_t)(draw(seed, what, name, i + 1) %
	    (2 * amp + 1)) - amp;

	return a + (b - a) * frac / period;
}

static int
region_index(const char *name)
{
	for (size_t i = 0; i < NITEMS(regions); i++)
		if (strncmp(name, regions[i].name,
		    strlen(regions[i].name)) == 0)
			return (int)i;
	return -1;
}

static int
type_index(const char *type)
{
	for (size_t i = 0; i < NITEMS(types); i++)
		if (strcmp(types[i].type, type) == 0)
			return (int)i;
	return -1;
}

/* ---- prices ---------------------------------------------------------------- */

struct dec
spot_cloud_od_price(const char *region, const char *type)
{
	int r = region_index(region), t = type_index(type);

	if (r < 0 || t < 0)
		return (struct dec){ 0 };
	return (struct dec){ (int64_t)od[t] * level[r] / 100 * TICK };
}

int
spot_cloud_interruption(const char *region, const char *type)
{
	static const int classes[] = { 0, 0, 0, 1, 1, 2, 0, 1, 3, 4 };

	return classes[draw(0, region, type, 0) % NITEMS(classes)];
}

/* Newer families are thin in the last zone. */
static bool
offered(const char *az, const char *type)
{
	return draw(0, "offered", az, type_index(type)) % 12 != 0;
}

struct dec
spot_cloud_spot_price(uint64_t seed, const char *az, const char *type,
    struct utc at)
{
	int64_t t = at.us / US_PER_S / CLOUD_PRICE_STEP_S * CLOUD_PRICE_STEP_S;
	int64_t full, ppm;
	char pool[64];

	if (at.us < 0 || region_index(az) < 0 || type_index(type) < 0 ||
	    !offered(az, type))
		return (struct dec){ 0 };
	full = spot_cloud_od_price(az, type).e8;
	snprintf(pool, sizeof(pool), "%s:%s", az, type);
	/* 26 to 46 % of on-demand, the pool's own level, then what moves */
	ppm = 260000 + (int64_t)(draw(seed, "base", type, 0) % 200000);
	ppm += noise(seed, "zone", pool, 0, 1, 40000);
	ppm += noise(seed, "season", pool, t, 45 * DAY_S, 30000);
	ppm += noise(seed, "week", pool, t, 7 * DAY_S, 12000);
	ppm += noise(seed, "day", pool, t, DAY_S, 3000);
	if (draw(seed, "spike", pool, t / (2 * DAY_S)) % 90 == 0)
		ppm = ppm * 17 / 10;
	return (struct dec){ full / TICK * ppm / PPM * TICK };
}

void
spot_cloud_prices(struct arena *a, uint64_t seed, const char *region,
    struct utc from, struct utc to, struct ec2_page *out)
{
	const int64_t step = CLOUD_PRICE_STEP_S * US_PER_S;
	int r = region_index(region);
	VEC(struct ec2_price) v = { 0 };

	if (from.us < to.us - 366 * DAY_S * US_PER_S)
		from.us = to.us - 366 * DAY_S * US_PER_S;
	for (int64_t t = to.us / step * step; r >= 0; t -= step) {
		bool last = t <= from.us || t <= 0;

		for (size_t z = 0; z < CLOUD_ZONES; z++)
			for (size_t i = 0; i < NITEMS(types); i++) {
				const char *az = regions[r].zones[z];
				struct ec2_price p = { types[i].type, az,
				    "Linux/UNIX", spot_cloud_spot_price(seed, az,
				    types[i].type, (struct utc){ t }),
				    { t } };
				struct dec before = spot_cloud_spot_price(seed, az,
				    types[i].type, (struct utc){ t - step });

				if (p.price.e8 > 0 &&
				    (last || p.price.e8 != before.e8))
					*VEC_ADD(a, &v) = p;
			}
		if (last)
			break;
	}
	*out = (struct ec2_page){ .rows = { v.v, v.n }, .next_token = "" };
}

/* ---- the fleet ---------------------------------------------------------------- */

/* A place in the fleet is filled by one machine after another. */
struct place {
	int slot;
	int64_t life_s;		/* how long each machine stays */
	int64_t gen;		/* which machine it is now */
	char key[32];		/* name of the place for draw() */
};

static void
fill_tags(struct arena *a, uint64_t seed, const struct place *p,
    struct ec2_instance *i)
{
	const char *role = roles[draw(seed, "role", p->key, 0) % NITEMS(roles)];
	struct str s;

	i->name = arena_printf(a, "%s-%02d", role, p->slot);
	if (draw(seed, "asg", p->key, 0) % 3 == 0)
		i->asg = arena_printf(a, "asg-%s", role);
	str_init(&s, a);
	str_add(&s, "{\"Name\":");
	str_json(&s, i->name);
	if (*i->asg != '\0') {
		str_add(&s, ",\"aws:autoscaling:groupName\":");
		str_json(&s, i->asg);
	}
	if (draw(seed, "managed", p->key, 0) % 4 != 0)
		str_add(&s, ",\"ManagedBy\":\"SpotOptimizer\"");
	str_addf(&s, ",\"Environment\":\"%s\"}",
	    p->slot % 5 == 0 ? "production" : "staging");
	i->tags = s.p;
}

static void
fill(struct arena *a, uint64_t seed, const struct place *p, const char *az,
    const struct ec2_type *type, struct ec2_instance *i)
{
	uint64_t id = draw(seed, "id", p->key, p->gen);

	*i = (struct ec2_instance){
		.instance_id = arena_printf(a, "i-%017llx",
		    (unsigned long long)(id >> 4)),
		.instance_type = type->type, .az = az, .state = "running",
		.lifecycle = draw(seed, "spot", p->key, p->gen) % 3 == 0 &&
		    offered(az, type->type) ? "spot" : "on-demand",
		.launched_at = { p->gen * p->life_s * US_PER_S },
		.image_id = strcmp(type->arch, ARM) == 0 ?
		    "ami-0a1b2c3d4e5f60002" : "ami-0a1b2c3d4e5f60001",
		.architecture = type->arch, .product = "Linux/UNIX",
		.subnet_id = "", .vpc_id = "vpc-0123456789abcdef0",
		.private_ip = arena_printf(a, "10.%d.%d.%d", p->slot % 4,
		    (int)(id >> 8 & 255), (int)(id & 255)),
		.public_ip = "", .spot_request_id = "", .tenancy = "default",
		.root_device = "/dev/xvda", .asg = "", .name = "", .tags = "{}"
	};
	i->subnet_id = arena_printf(a, "subnet-%s", az);
	if (i->lifecycle[0] == 's')
		i->spot_request_id = arena_printf(a, "sir-%08x",
		    (unsigned)(id >> 20));
	else if (draw(seed, "stopped", p->key, p->gen) % 9 == 0)
		i->state = "stopped";
	fill_tags(a, seed, p, i);
}

void
spot_cloud_places(struct arena *a, uint64_t seed, const char *region,
    struct utc now, struct ec2_page *out, int slots[CLOUD_FLEET])
{
	struct ec2_instance *v = arena_array(a, CLOUD_FLEET, sizeof(*v));
	const int64_t now_s = now.us / US_PER_S;
	size_t n = 0;

	for (int slot = 0; slot < CLOUD_FLEET; slot++) {
		struct place p = { .slot = slot };
		const struct cloud_region *r;
		const char *az;

		snprintf(p.key, sizeof(p.key), "place-%d", slot);
		/* half of the fleet lives in the first region */
		r = &regions[slot % 2 == 0 ? 0 :
		    draw(seed, "region", p.key, 0) % NITEMS(regions)];
		if (strcmp(r->name, region) != 0)
			continue;
		p.life_s = 5 * DAY_S + (int64_t)(draw(seed, "life", p.key, 0) %
		    (35 * DAY_S));
		p.gen = now_s / p.life_s;
		az = r->zones[draw(seed, "az", p.key, 0) % CLOUD_ZONES];
		slots[n] = slot;
		fill(a, seed, &p, az, &types[draw(seed, "type", p.key, 0) %
		    NITEMS(types)], &v[n++]);
	}
	*out = (struct ec2_page){ .rows = { v, n }, .next_token = "" };
}

void
spot_cloud_fleet(struct arena *a, uint64_t seed, const char *region,
    struct utc now, struct ec2_page *out)
{
	int slots[CLOUD_FLEET];

	spot_cloud_places(a, seed, region, now, out, slots);
}

bool
spot_cloud_full(uint64_t seed, const char *az, const char *type, bool spot,
    struct utc at)
{
	/* by advisor class; a refusal lasts for half an hour or more */
	static const unsigned permille[] = { 10, 30, 70, 120, 200 };
	char pool[64];

	snprintf(pool, sizeof(pool), "%s:%s", az, type);
	return draw(seed, spot ? "full" : "full od", pool,
	    at.us / US_PER_S / 1800) % 1000 <
	    (spot ? permille[spot_cloud_interruption(az, type)] : 2);
}

const char *
spot_cloud_signal(uint64_t seed, const struct ec2_instance *i, struct utc now)
{
	const int64_t hour = now.us / US_PER_S / 3600;

	if (strcmp(i->lifecycle, "spot") != 0 ||
	    strcmp(i->state, "running") != 0)
		return "NONE";
	if (draw(seed, "termination", i->instance_id, hour) % 240 == 0)
		return "TERMINATION";
	if (draw(seed, "rebalance", i->instance_id, hour / 3) % 24 == 0)
		return "REBALANCE";
	return "NONE";
}
