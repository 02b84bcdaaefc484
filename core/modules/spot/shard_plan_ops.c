/*
 * Which shards a scan has: one per region and service that its kind asks for.
 * Refuses to try a shard again that timed out three scans running before its
 * next turn; it counts as not seen meanwhile, and its rows as missed.
 */
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/vec.h"
#include "modules/spot/shard.h"
#include "modules/spot/sight.h"

static const struct service {
	const char *name;
	enum ec2_call what;
	unsigned kinds;
} services[] = {
	{ "ec2", EC2_INSTANCES, SCAN_INVENTORY | SCAN_FLEET },
	{ "groups", EC2_GROUPS, SCAN_INVENTORY | SCAN_FLEET },
	{ "volumes", EC2_VOLUMES, SCAN_INVENTORY },
	{ "snapshots", EC2_SNAPSHOTS, SCAN_INVENTORY },
	{ "images", EC2_IMAGES, SCAN_INVENTORY },
	{ "addresses", EC2_ADDRESSES, SCAN_INVENTORY },
	{ "interfaces", EC2_INTERFACES, SCAN_INVENTORY },
	{ "templates", EC2_TEMPLATES, SCAN_INVENTORY },
	{ "spot-prices", EC2_PRICES, SCAN_PRICES },
	{ "instance-types", EC2_TYPES, 0 }	/* in the home region only */
};

enum spot_scan_kind
spot_shard_kind(const char *kind)
{
	if (strcmp(kind, "prices") == 0)
		return SCAN_PRICES;
	return strcmp(kind, "fleet") == 0 ? SCAN_FLEET : SCAN_INVENTORY;
}

enum ec2_call
spot_shard_call(const char *service)
{
	for (size_t i = 0; i < NITEMS(services); i++)
		if (strcmp(services[i].name, service) == 0)
			return services[i].what;
	return EC2_REGIONS;
}

static bool
enabled(const struct ec2_region *r)
{
	return strcmp(r->opt_in, "not-opted-in") != 0;
}

static const struct ec2_region *
find_region(const struct ec2_page *p, const char *name)
{
	for (size_t i = 0; i < p->rows.n; i++)
		if (strcmp(EC2_ROW(p, ec2_region, i)->name, name) == 0)
			return EC2_ROW(p, ec2_region, i);
	return NULL;
}

struct plan {
	struct spot_run *run;
	struct rows sights;
	VEC(struct spot_shard) v;
};

static void
add_shard(struct plan *p, const char *region, const char *service,
    const char *skipped)
{
	const struct spot_sight *rest = skipped != NULL ? NULL :
	    spot_sight_resting(&p->sights, region, service, clock_now());
	struct spot_shard *s = VEC_ADD(p->run->a, &p->v);

	*s = (struct spot_shard){ .scan_id = p->run->scan->id,
	    .region = region, .service = service, .state = "queued",
	    .error_code = "", .error = "", .updated_at = clock_now() };
	if (skipped != NULL) {
		s->state = "skipped";
		s->error = skipped;
	} else if (rest != NULL) {
		s->state = "unreachable";
		s->error = arena_printf(p->run->a, "not asked: %lld scans had "
		    "no answer (%.200s)", (long long)rest->timeouts,
		    rest->error);
	}
}

static void
add_region(struct plan *p, const char *region, const char *skipped)
{
	for (size_t i = 0; i < NITEMS(services); i++)
		if (services[i].kinds & p->run->kind)
			add_shard(p, region, services[i].name, skipped);
}

/* The account's own list, or every region that is enabled. */
static void
plan_regions(struct plan *p, const struct ec2_page *known)
{
	const struct spot_account *acc = &p->run->acc;
	const char *const *own = acc->regions.items;

	for (size_t i = 0; i < acc->regions.n; i++) {
		const struct ec2_region *r = known == NULL ? NULL :
		    find_region(known, own[i]);
		const char *why = known != NULL && r == NULL ?
		    "there is no such region" : r != NULL && !enabled(r) ?
		    "the region is not enabled for the account" : NULL;

		add_region(p, own[i], why);
	}
	if (acc->regions.n > 0)
		return;
	for (size_t i = 0; known != NULL && i < known->rows.n; i++)
		if (enabled(EC2_ROW(known, ec2_region, i)))
			add_region(p, EC2_ROW(known, ec2_region, i)->name,
			    NULL);
	if (known == NULL)
		add_region(p, acc->region, NULL);
}

static int
miss_resting(struct plan *p, struct err *e)
{
	for (size_t i = 0; i < p->v.n; i++)
		if (strcmp(p->v.v[i].state, "unreachable") == 0 &&
		    spot_shard_miss(p->run, p->run->env->db, &p->v.v[i],
		    e) == -1)
			return -1;
	return 0;
}

/* A refusal to list regions leaves the account's own list, or its home
 * region. */
static int
make_shards(struct spot_run *run, struct err *e)
{
	struct ec2_page known;
	struct plan p = { .run = run };
	bool listed = run->p->regions(&run->x, &known, &run->why) == 0;

	if (!listed && (run->why.code == NULL ||
	    strcmp(run->why.code, "aws_denied") != 0))
		return -1;
	if (spot_sight_all(run->env->db, run->a, run->scan->account_id,
	    &p.sights, e) == -1)
		return -1;
	plan_regions(&p, listed ? &known : NULL);
	if (run->kind == SCAN_PRICES)
		add_shard(&p, run->acc.region, "instance-types", NULL);
	err_clear(&run->why);
	if (spot_shard_insert(run->env->db, p.v.v, p.v.n, run->a, e) == -1)
		return -1;
	return miss_resting(&p, e);
}

int
spot_shard_load(struct spot_run *run, struct err *e)
{
	struct rows rows;

	for (int i = 0; i < 2; i++) {
		if (spot_shard_all(run->env->db, run->a, run->scan->id, &rows,
		    e) == -1)
			return -1;
		if (rows.n > 0 || i > 0)
			break;
		if (make_shards(run, e) == -1)
			return -1;
	}
	run->shards = rows.v;
	run->n = rows.n;
	return 0;
}
