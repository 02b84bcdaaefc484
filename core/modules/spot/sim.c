/*
 * The simulated cloud as it is at an instant: its own fleet with rows over it,
 * and what time did since somebody last looked. Refuses nothing; who launches
 * asks spot_sim_refusal() first. Invariant: a machine that ended stays ended,
 * and a place whose machine has a row has no other.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/str.h"
#include "base/vec.h"
#include "modules/spot/sim.h"

#define GROUP_TAG "aws:autoscaling:groupName"
enum { MARKET = 1, HOUR_S = 3600, HOURS_MAX = 4000, LAUNCHES_MAX = 20 };

static int64_t
seconds(struct utc t)
{
	return t.us / US_PER_S;
}

bool
spot_sim_dead(const struct sim *s, const struct sim_machine *m)
{
	return m->ended_at.us != 0 && m->ended_at.us <= s->now.us;
}

static const char *
state_of(const struct sim *s, const struct sim_machine *m)
{
	int64_t t = seconds(s->now);

	if (spot_sim_dead(s, m))
		return t < seconds(m->ended_at) + SIM_DOWN_S ?
		    "shutting-down" : "terminated";
	if (m->slot < 0 && t < seconds(m->launched_at) + s->boot_s)
		return "pending";
	return m->stopped ? "stopped" : "running";
}

/* ---- tags ---------------------------------------------------------------- */

static size_t
pairs_of(const struct sim *s, const struct sim_machine *m, struct pair **v)
{
	size_t n = 0;

	return *m->tags == '\0' || url_pairs(s->a, m->tags, strlen(m->tags),
	    v, &n) == -1 ? 0 : n;
}

const char *
spot_sim_tag(const struct sim *s, const struct sim_machine *m,
    const char *name)
{
	struct pair *v;
	size_t n;

	if (strcmp(name, GROUP_TAG) == 0)
		return *m->grp == '\0' ? NULL : m->grp;
	n = pairs_of(s, m, &v);
	for (size_t i = 0; i < n; i++)
		if (strcmp(v[i].name, name) == 0)
			return v[i].value;
	return NULL;
}

static void
add_tag(struct str *out, const char *name, const char *value)
{
	if (out->len > 0)
		str_addc(out, '&');
	url_encode(out, name, strlen(name), false);
	str_addc(out, '=');
	url_encode(out, value, strlen(value), false);
}

void
spot_sim_tag_set(struct sim *s, struct sim_machine *m,
    const struct pair *tags, size_t n)
{
	struct str out;
	struct pair *v = NULL;
	size_t have = pairs_of(s, m, &v);

	str_init(&out, s->a);
	for (size_t i = 0; i < have; i++) {
		bool replaced = false;

		for (size_t k = 0; k < n; k++)
			replaced |= strcmp(v[i].name, tags[k].name) == 0;
		if (!replaced)
			add_tag(&out, v[i].name, v[i].value);
	}
	for (size_t k = 0; k < n; k++)
		add_tag(&out, tags[k].name, tags[k].value);
	m->tags = out.len > 0 ? out.p : "";
	m->dirty = true;
}

static const char *
tags_json(const struct sim *s, const struct sim_machine *m)
{
	struct str out;
	struct pair *v = NULL;
	size_t n = pairs_of(s, m, &v);

	str_init(&out, s->a);
	str_addc(&out, '{');
	for (size_t i = 0; i < n; i++) {
		str_add(&out, i > 0 ? "," : "");
		str_json(&out, v[i].name);
		str_addc(&out, ':');
		str_json(&out, v[i].value);
	}
	if (*m->grp != '\0') {
		str_add(&out, n > 0 ? "," : "");
		str_add(&out, "\"" GROUP_TAG "\":");
		str_json(&out, m->grp);
	}
	str_addc(&out, '}');
	return out.p;
}

/* The fleet's own tags are words between quotes, without escapes. */
static const char *
tags_of_fleet(struct arena *a, const char *json)
{
	const char *p = json, *q, *word[2] = { "", "" };
	struct str out;
	int k = 0;

	str_init(&out, a);
	while ((p = strchr(p, '"')) != NULL &&
	    (q = strchr(p + 1, '"')) != NULL) {
		word[k] = arena_strndup(a, p + 1, (size_t)(q - p - 1));
		if (k == 1 && strcmp(word[0], GROUP_TAG) != 0)
			add_tag(&out, word[0], word[1]);
		k ^= 1;
		p = q + 1;
	}
	return out.len > 0 ? out.p : "";
}

/* ---- machines --------------------------------------------------------------- */

static struct sim_machine *
add_machine(struct sim *s)
{
	struct { struct sim_machine *v; size_t n, cap; } x = { s->v, s->n,
	    s->cap };
	struct sim_machine *m = VEC_ADD(s->a, &x);

	s->v = x.v;
	s->n = x.n;
	s->cap = x.cap;
	*m = (struct sim_machine){ .slot = -1, .instance_id = "", .az = "",
	    .type = "", .lifecycle = "", .image_id = "", .token = "",
	    .question = "", .grp = "", .tags = "", .why = "" };
	return m;
}

static void
add_fleet(struct sim *s, const struct rows *rows)
{
	int slots[CLOUD_FLEET];
	struct ec2_page fleet;

	spot_cloud_places(s->a, s->seed, s->region, s->now, &fleet, slots);
	for (size_t i = 0; i < fleet.rows.n; i++) {
		const struct ec2_instance *one = EC2_ROW(&fleet, ec2_instance,
		    i);
		struct sim_machine *m;
		bool taken = false;

		for (size_t k = 0; k < rows->n; k++)
			taken |= ROW(rows, struct sim_machine, k)->slot ==
			    slots[i];
		if (taken)
			continue;
		m = add_machine(s);
		m->instance_id = one->instance_id;
		m->slot = slots[i];
		m->az = one->az;
		m->type = one->instance_type;
		m->lifecycle = one->lifecycle;
		m->image_id = one->image_id;
		m->stopped = strcmp(one->state, "stopped") == 0;
		m->grp = one->asg;
		m->tags = tags_of_fleet(s->a, one->tags);
		m->launched_at = one->launched_at;
	}
}

struct sim_machine *
spot_sim_find(const struct sim *s, const char *id)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->v[i].instance_id, id) == 0)
			return &s->v[i];
	return NULL;
}

void
spot_sim_end(struct sim *s, struct sim_machine *m, const char *why)
{
	if (spot_sim_dead(s, m))
		return;
	m->ended_at = s->now;
	m->why = why;
	m->dirty = true;
}

const char *
spot_sim_refusal(const struct sim *s, const char *az, const char *type,
    bool spot, struct dec max_price)
{
	struct dec price = spot_cloud_spot_price(MARKET, az, type, s->now);
	size_t alive = 0;

	for (size_t i = 0; i < s->n; i++)
		alive += !spot_sim_dead(s, &s->v[i]);
	if (strncmp(az, s->region, strlen(s->region)) != 0 ||
	    spot_cloud_od_price(az, type).e8 == 0 || (spot && price.e8 == 0))
		return "Unsupported";
	if (spot && max_price.e8 > 0 && price.e8 > max_price.e8)
		return "SpotMaxPriceTooLow";
	if (alive >= SIM_MACHINES_MAX)
		return "InstanceLimitExceeded";
	return spot_cloud_full(MARKET, az, type, spot, s->now) ?
	    "InsufficientInstanceCapacity" : NULL;
}

struct sim_machine *
spot_sim_launch(struct sim *s, const char *az, const char *type, bool spot)
{
	static const uint8_t key[16] = "quincunx sim id";
	const char *text = arena_printf(s->a, "%llx/%s/%lld/%zu",
	    (unsigned long long)s->seed, s->region, (long long)s->now.us,
	    s->n);
	struct sim_machine *m = add_machine(s);

	m->instance_id = arena_printf(s->a, "i-%017llx", (unsigned long long)
	    (siphash(key, text, strlen(text)) >> 4));
	m->az = az;
	m->type = type;
	m->lifecycle = spot ? "spot" : "on-demand";
	m->launched_at = s->now;
	m->dirty = true;
	return m;
}

static const char *
arch_of(const char *type)
{
	const struct ec2_type *v;
	size_t n = spot_cloud_types(&v);

	for (size_t i = 0; i < n; i++)
		if (strcmp(v[i].type, type) == 0)
			return v[i].arch;
	return "x86_64";
}

void
spot_sim_instance(const struct sim *s, const struct sim_machine *m,
    struct ec2_instance *out)
{
	uint64_t h = fnv1a(m->instance_id, strlen(m->instance_id), 0);
	const char *name = spot_sim_tag(s, m, "Name");

	*out = (struct ec2_instance){ .instance_id = m->instance_id,
	    .instance_type = m->type, .az = m->az, .state = state_of(s, m),
	    .lifecycle = m->lifecycle, .launched_at = m->launched_at,
	    .image_id = m->image_id, .architecture = arch_of(m->type),
	    .product = "Linux/UNIX",
	    .subnet_id = arena_printf(s->a, "subnet-%s", m->az),
	    .vpc_id = "vpc-0123456789abcdef0",
	    .private_ip = arena_printf(s->a, "10.%d.%d.%d", (int)(h % 4),
	    (int)(h >> 8 & 255), (int)(h >> 16 & 255)),
	    .public_ip = "", .spot_request_id = "", .tenancy = "default",
	    .root_device = "/dev/xvda", .asg = m->grp,
	    .name = name == NULL ? "" : name, .tags = tags_json(s, m),
	    .token = m->token };
	if (m->lifecycle[0] == 's')
		out->spot_request_id = arena_printf(s->a, "sir-%08x",
		    (unsigned)(h >> 20));
}

void
spot_sim_list(const struct sim *s, bool dead, struct list *out)
{
	struct ec2_instance *v = arena_array(s->a, s->n, sizeof(*v));
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++) {
		const struct sim_machine *m = &s->v[i];

		if (!spot_sim_dead(s, m) || (dead && seconds(s->now) <
		    seconds(m->ended_at) + SIM_FORGET_S))
			spot_sim_instance(s, m, &v[n++]);
	}
	*out = (struct list){ v, n };
}

/* ---- groups -------------------------------------------------------------------- */

struct sim_group *
spot_sim_group_find(const struct sim *s, const char *name)
{
	for (size_t i = 0; i < s->ngroups; i++)
		if (strcmp(s->groups[i].name, name) == 0)
			return &s->groups[i];
	return NULL;
}

size_t
spot_sim_members(const struct sim *s, const char *group)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += strcmp(s->v[i].grp, group) == 0 &&
		    !spot_sim_dead(s, &s->v[i]);
	return n;
}

static struct sim_group *
add_group(struct sim *s, const char *name)
{
	struct { struct sim_group *v; size_t n, cap; } x = { s->groups,
	    s->ngroups, s->gcap };
	struct sim_group *g = VEC_ADD(s->a, &x);

	s->groups = x.v;
	s->ngroups = x.n;
	s->gcap = x.cap;
	*g = (struct sim_group){ .name = name, .type = "", .zones = "" };
	return g;
}

/* Groups that nobody changed are as their members' tags say. */
static void
add_tagged_groups(struct sim *s)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct sim_machine *m = &s->v[i];
		struct sim_group *g;

		if (*m->grp == '\0' || spot_sim_dead(s, m))
			continue;
		g = spot_sim_group_find(s, m->grp);
		if (g == NULL)
			g = add_group(s, m->grp);
		else if (g->kept)
			continue;
		g->min_size = 1;
		g->desired++;
		g->max_size = g->desired + 2;
		g->type = m->type;
		if (strstr(g->zones, m->az) == NULL)
			g->zones = *g->zones == '\0' ? m->az : arena_printf(
			    s->a, "%s,%s", g->zones, m->az);
	}
}

static void
shrink(struct sim *s, const struct sim_group *g, size_t n)
{
	while (n-- > 0) {
		struct sim_machine *last = NULL;

		for (size_t i = 0; i < s->n; i++) {
			struct sim_machine *m = &s->v[i];

			if (strcmp(m->grp, g->name) == 0 && !m->protected &&
			    !spot_sim_dead(s, m) && (last == NULL ||
			    m->launched_at.us >= last->launched_at.us))
				last = m;
		}
		if (last == NULL)
			return;
		spot_sim_end(s, last, "scale-in");
	}
}

/* The first zone of the group that has capacity, or the group waits. */
static void
grow(struct sim *s, struct sim_group *g)
{
	for (const char *p = g->zones; *p != '\0'; p += *p == ',') {
		size_t n = strcspn(p, ",");
		const char *az = arena_strndup(s->a, p, n);
		struct sim_machine *m;

		p += n;
		if (spot_sim_refusal(s, az, g->type, false,
		    (struct dec){ 0 }) != NULL)
			continue;
		m = spot_sim_launch(s, az, g->type, false);
		m->grp = g->name;
		m->joined_at = s->now;
		m->image_id = "ami-0a1b2c3d4e5f60001";
		return;
	}
}

static void
run_group(struct sim *s, struct sim_group *g)
{
	int64_t have = (int64_t)spot_sim_members(s, g->name);
	int64_t lacking = g->desired - have;

	if (lacking <= 0) {
		if (g->short_since.us != 0) {
			g->short_since.us = 0;
			g->dirty = true;
		}
		shrink(s, g, (size_t)-lacking);
		return;
	}
	if (g->short_since.us == 0) {
		g->short_since = s->now;
		g->dirty = true;
		return;
	}
	if (seconds(s->now) < seconds(g->short_since) + s->boot_s)
		return;
	for (int64_t i = 0; i < lacking && i < LAUNCHES_MAX; i++)
		grow(s, g);
}

void
spot_sim_group_view(const struct sim *s, const struct sim_group *g,
    struct spot_group *out)
{
	VEC(struct spot_member) v = { 0 };

	*out = (struct spot_group){ .name = g->name, .arn = "",
	    .min = g->min_size, .max = g->max_size, .desired = g->desired,
	    .health_type = "EC2", .grace_s = 300, .suspended = "",
	    .status = "", .zones = g->zones, .subnets = "",
	    .template_id = "", .template_version = "", .stack_id = "",
	    .tags = "{}" };
	for (size_t i = 0; i < s->n; i++) {
		const struct sim_machine *m = &s->v[i];
		const char *state = state_of(s, m);

		if (strcmp(m->grp, g->name) != 0 ||
		    strcmp(state, "terminated") == 0)
			continue;
		*VEC_ADD(s->a, &v) = (struct spot_member){
		    .instance_id = m->instance_id, .type = m->type,
		    .az = m->az, .state = spot_sim_dead(s, m) ?
		    "Terminating" : strcmp(state, "pending") == 0 ?
		    "Pending" : "InService",
		    .healthy = !spot_sim_dead(s, m),
		    .protected = m->protected, .template_id = "",
		    .template_version = "" };
	}
	out->members = (struct list){ v.v, v.n };
}

/* ---- time ------------------------------------------------------------------------ */

/* The end of the first hour in which it had notice, or 0. */
static struct utc
interrupted_at(const struct sim *s, const struct sim_machine *m)
{
	const struct ec2_instance one = { .instance_id = m->instance_id,
	    .lifecycle = m->lifecycle, .state = "running" };
	int64_t hour = seconds(m->launched_at) / HOUR_S + 1;
	int64_t end = seconds(s->now) / HOUR_S;

	if (end - hour > HOURS_MAX)
		hour = end - HOURS_MAX;
	for (; hour < end; hour++)
		if (strcmp(spot_cloud_signal(s->seed, &one, (struct utc){
		    hour * HOUR_S * US_PER_S }), "TERMINATION") == 0)
			return (struct utc){ (hour + 1) * HOUR_S * US_PER_S };
	return (struct utc){ 0 };
}

static void
interrupt(struct sim *s, struct sim_machine *m)
{
	struct utc at;

	if (m->slot >= 0 || m->ended_at.us != 0 ||
	    strcmp(m->lifecycle, "spot") != 0)
		return;
	at = interrupted_at(s, m);
	if (at.us == 0)
		return;
	m->ended_at = at;
	m->why = "interrupted";
	m->dirty = true;
}

/* A machine of the fleet that had notice in the hour before goes when somebody
 * looks in this one; if nobody does, the notice has passed. */
static void
interrupt_fleet(struct sim *s, struct sim_machine *m)
{
	const struct ec2_instance one = { .instance_id = m->instance_id,
	    .lifecycle = m->lifecycle, .state = m->stopped ? "stopped" :
	    "running" };
	int64_t hour = seconds(s->now) / HOUR_S - 1;
	struct sim_group *g;

	if (m->slot < 0 || m->ended_at.us != 0 ||
	    seconds(m->launched_at) >= hour * HOUR_S ||
	    strcmp(spot_cloud_signal(s->seed, &one, (struct utc){
	    hour * HOUR_S * US_PER_S }), "TERMINATION") != 0)
		return;
	m->ended_at.us = (hour + 1) * HOUR_S * US_PER_S;
	m->why = "interrupted";
	m->dirty = true;
	g = spot_sim_group_find(s, m->grp);
	if (g != NULL)
		g->kept = g->dirty = true;
}

void
spot_sim_begin(struct sim *s, const struct rows *machines,
    const struct rows *groups)
{
	add_fleet(s, machines);
	for (size_t i = 0; i < machines->n; i++) {
		struct sim_machine *m = add_machine(s);

		*m = *ROW(machines, struct sim_machine, i);
		interrupt(s, m);
	}
	for (size_t i = 0; i < groups->n; i++) {
		struct sim_group *g = add_group(s, "");

		*g = *ROW(groups, struct sim_group, i);
		g->kept = true;
	}
	add_tagged_groups(s);
	for (size_t i = 0; i < s->n; i++)
		interrupt_fleet(s, &s->v[i]);
	for (size_t i = 0; i < s->ngroups; i++)
		if (s->groups[i].kept)
			run_group(s, &s->groups[i]);
}
