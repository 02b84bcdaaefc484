/*
 * The simulated cloud beside its instances. Each machine has a root volume
 * and an interface; some things lie about unused, as they do everywhere: old
 * snapshots, volumes of machines long gone, addresses nobody gave back.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/str.h"
#include "base/vec.h"
#include "modules/spot/cloud_asset.h"

enum { DAY_S = 86400, SPARE = 4, SNAPSHOTS = 6, ROOT_GB = 30 };

struct making {
	struct arena *a;
	uint64_t seed;
	const char *region;
	struct utc now;
	VEC(struct ec2_asset) v;
};

static uint64_t
draw(const struct making *m, const char *what, int64_t n)
{
	uint8_t key[16] = "quincunx asset ";
	char text[160];
	int len = snprintf(text, sizeof(text), "%llx/%s/%s/%lld",
	    (unsigned long long)m->seed, m->region, what, (long long)n);

	return siphash(key, text, (size_t)len);
}

static const char *
id_of(const struct making *m, const char *prefix, const char *what, int64_t n)
{
	return arena_printf(m->a, "%s-%017llx", prefix,
	    (unsigned long long)(draw(m, what, n) >> 4));
}

static struct utc
days_ago(const struct making *m, int64_t days)
{
	int64_t day = m->now.us / US_PER_S / DAY_S - days;

	return (struct utc){ day * DAY_S * US_PER_S };
}

static struct ec2_asset *
add(struct making *m, const char *id, const char *state)
{
	struct ec2_asset *x = VEC_ADD(m->a, &m->v);

	*x = (struct ec2_asset){ .id = id, .name = "", .state = state,
	    .az = "", .subtype = "", .attached_to = "", .source = "",
	    .detail = "", .tags = "{}" };
	return x;
}

static const char *
zone(const struct making *m, int64_t n)
{
	return arena_printf(m->a, "%s%c", m->region, (char)('a' + n % 3));
}

static void
volumes(struct making *m, const struct ec2_page *fleet)
{
	static const int64_t sizes[SPARE] = { 8, 100, 500, 50 };
	static const char *const kinds[SPARE] = { "gp3", "gp3", "gp2", "io2" };
	static const int64_t days[SPARE] = { 3, 30, 250, 90 };
	struct ec2_asset *x;

	for (size_t i = 0; i < fleet->rows.n; i++) {
		const struct ec2_instance *one = EC2_ROW(fleet, ec2_instance,
		    i);

		x = add(m, arena_printf(m->a, "vol-%s", one->instance_id + 2),
		    "in-use");
		x->az = one->az;
		x->subtype = "gp3";
		x->size_gb = ROOT_GB;
		x->iops = 3000;
		x->attached_to = one->instance_id;
		x->created_at = one->launched_at;
	}
	for (int64_t i = 0; i < SPARE; i++) {
		x = add(m, id_of(m, "vol", "spare", i), "available");
		x->name = arena_printf(m->a, "left-over-%lld", (long long)i);
		x->tags = arena_printf(m->a, "{\"Name\":\"%s\"}", x->name);
		x->az = zone(m, i);
		x->subtype = kinds[i];
		x->size_gb = sizes[i];
		x->iops = 3000;
		x->created_at = days_ago(m, days[i]);
	}
}

/* Every third belongs to an image. */
static void
snapshots(struct making *m)
{
	for (int64_t i = 0; i < SNAPSHOTS; i++) {
		struct ec2_asset *x = add(m, id_of(m, "snap", "snap", i),
		    "completed");

		x->subtype = i == 4 ? "archive" : "standard";
		x->source = id_of(m, "vol", "former", i);
		x->detail = i % 3 == 0 ? "Created by CreateImage" : "nightly";
		x->size_gb = 8 + (int64_t)(draw(m, "snap size", i) % 200);
		x->created_at = days_ago(m, 5 + 40 * i);
	}
}

static void
images(struct making *m)
{
	for (int64_t i = 0; i < SNAPSHOTS; i += 3) {
		struct ec2_asset *x = add(m, id_of(m, "ami", "image", i),
		    "available");

		x->name = arena_printf(m->a, "golden-%lld", (long long)i);
		x->subtype = "x86_64";
		x->source = id_of(m, "snap", "snap", i);
		x->created_at = days_ago(m, 5 + 40 * i);
	}
}

static void
addresses(struct making *m, const struct ec2_page *fleet)
{
	struct ec2_asset *x;

	for (size_t i = 0; i < fleet->rows.n; i += 8) {
		const struct ec2_instance *one = EC2_ROW(fleet, ec2_instance,
		    i);

		x = add(m, arena_printf(m->a, "eipalloc-%s",
		    one->instance_id + 2), "in-use");
		x->subtype = "vpc";
		x->detail = arena_printf(m->a, "198.51.100.%zu", i % 250 + 4);
		x->attached_to = one->instance_id;
	}
	for (int64_t i = 0; i < 2; i++) {
		x = add(m, id_of(m, "eipalloc", "free", i), "available");
		x->subtype = "vpc";
		x->detail = arena_printf(m->a, "203.0.113.%lld",
		    (long long)i + 4);
	}
}

static void
interfaces(struct making *m, const struct ec2_page *fleet)
{
	struct ec2_asset *x;

	for (size_t i = 0; i < fleet->rows.n; i++) {
		const struct ec2_instance *one = EC2_ROW(fleet, ec2_instance,
		    i);

		x = add(m, arena_printf(m->a, "eni-%s", one->instance_id + 2),
		    "in-use");
		x->az = one->az;
		x->subtype = "interface";
		x->attached_to = one->instance_id;
		x->detail = one->private_ip;
	}
	x = add(m, id_of(m, "eni", "idle", 0), "available");
	x->az = zone(m, 0);
	x->subtype = "interface";
	x->detail = "left by a function";
	x = add(m, id_of(m, "eni", "nat", 0), "in-use");
	x->az = zone(m, 1);
	x->subtype = "nat_gateway";
	x->attached_to = "nat";
	x->managed = true;
}

static void
templates(struct making *m)
{
	static const char *const names[] = { "web", "batch" };

	for (size_t i = 0; i < NITEMS(names); i++) {
		struct ec2_asset *x = add(m, id_of(m, "lt", names[i], 0),
		    "available");

		x->name = names[i];
		x->detail = "version 2 of 3";
		x->created_at = days_ago(m, 200);
	}
}

/* ---- groups ---------------------------------------------------------------- */

static struct ec2_group *
find(struct ec2_group *v, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(v[i].name, name) == 0)
			return &v[i];
	return NULL;
}

static void
join_zone(struct arena *a, struct ec2_group *g, const char *az)
{
	if (strstr(g->az, az) == NULL)
		g->az = *g->az == '\0' ? az : arena_printf(a, "%s,%s", g->az,
		    az);
}

static void
groups(struct making *m, const struct ec2_page *fleet, struct ec2_page *out)
{
	VEC(struct ec2_group) v = { 0 };

	for (size_t i = 0; i < fleet->rows.n; i++) {
		const struct ec2_instance *one = EC2_ROW(fleet, ec2_instance,
		    i);
		struct ec2_group *g;

		if (*one->asg == '\0')
			continue;
		g = find(v.v, v.n, one->asg);
		if (g == NULL) {
			g = VEC_ADD(m->a, &v);
			*g = (struct ec2_group){ .name = one->asg, .arn = "",
			    .health_type = "EC2", .status = "", .az = "",
			    .subnets = "", .suspended = "", .tags = "{}",
			    .launch_template = id_of(m, "lt", "web", 0),
			    .min = 1, .grace_s = 300,
			    .created_at = days_ago(m, 200) };
		}
		g->members++;
		g->in_service += strcmp(one->state, "running") == 0;
		g->desired = g->members;
		g->max = g->members + 2;
		join_zone(m->a, g, one->az);
	}
	out->rows = (struct list){ v.v, v.n };
}

void
spot_cloud_assets(struct arena *a, uint64_t seed, const char *region,
    enum ec2_call what, const struct ec2_page *fleet, struct utc now,
    struct ec2_page *out)
{
	struct making m = { .a = a, .seed = seed, .region = region,
	    .now = now };

	*out = (struct ec2_page){ .next_token = "" };
	switch (what) {
	case EC2_GROUPS: groups(&m, fleet, out); return;
	case EC2_VOLUMES: volumes(&m, fleet); break;
	case EC2_SNAPSHOTS: snapshots(&m); break;
	case EC2_IMAGES: images(&m); break;
	case EC2_ADDRESSES: addresses(&m, fleet); break;
	case EC2_INTERFACES: interfaces(&m, fleet); break;
	case EC2_TEMPLATES: templates(&m); break;
	default: break;
	}
	out->rows = (struct list){ m.v.v, m.v.n };
}
