/*
 * The simulated cloud as a provider: every listing is one page of a pure
 * function of account and instant, with what was done to it laid over. Needs
 * no credentials; fails when the rows of what was done cannot be read.
 */
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "modules/spot/cloud.h"
#include "modules/spot/cloud_asset.h"
#include "modules/spot/provider.h"
#include "modules/spot/sim.h"

/* One market for all accounts: prices do not depend on who asks. */
enum { MARKET_SEED = 1 };

static uint64_t
fleet_seed(const struct spot_access *x)
{
	return spot_sim_seed(x->account);
}

static int
sim_open(struct spot_access *x, struct err *e)
{
	(void)x, (void)e;
	return 0;
}

static int
sim_identity(struct spot_access *x, const char **account, struct err *e)
{
	(void)e;
	*account = spot_simulated_account(x->a, x->account);
	return 0;
}

static int
sim_regions(struct spot_access *x, struct ec2_page *out, struct err *e)
{
	const struct cloud_region *r;
	size_t n = spot_cloud_regions(&r);
	struct ec2_region *v = arena_array(x->a, n, sizeof(*v));

	(void)e;
	for (size_t i = 0; i < n; i++)
		v[i] = (struct ec2_region){ .name = r[i].name, .endpoint = "",
		    .opt_in = "opt-in-not-required" };
	*out = (struct ec2_page){ .rows = { v, n }, .next_token = "" };
	return 0;
}

/* Sizes of groups that somebody changed, and such as have no member left. */
static void
lay_groups(struct arena *a, const struct sim *s, struct ec2_page *page)
{
	struct ec2_group *v = arena_array(a, page->rows.n + s->ngroups,
	    sizeof(*v));
	size_t n = page->rows.n;

	if (n > 0)
		memcpy(v, page->rows.items, n * sizeof(*v));
	for (size_t i = 0; i < s->ngroups; i++) {
		const struct sim_group *g = &s->groups[i];
		size_t k = 0;

		if (!g->kept)
			continue;
		while (k < n && strcmp(v[k].name, g->name) != 0)
			k++;
		if (k == n)
			v[n++] = (struct ec2_group){ .name = g->name,
			    .arn = "", .health_type = "EC2", .status = "",
			    .az = g->zones, .subnets = "", .suspended = "",
			    .tags = "{}", .launch_template = "",
			    .grace_s = 300 };
		v[k].min = g->min_size;
		v[k].max = g->max_size;
		v[k].desired = g->desired;
	}
	page->rows = (struct list){ v, n };
}

/* The region as it was left by whoever acted on it. */
static int
list_region(struct spot_access *x, const struct spot_fetch *f,
    const struct spot_listing *l, struct arena *a, struct ec2_page *page,
    struct err *e)
{
	struct ec2_page fleet = { .next_token = "" };
	struct sim s;

	if (spot_sim_look(x, a, l->region, f->now, &s, e) == -1)
		return -1;
	spot_sim_list(&s, false, &fleet.rows);
	if (l->what == EC2_INSTANCES) {
		*page = fleet;
		return 0;
	}
	spot_cloud_assets(a, fleet_seed(x), l->region, l->what, &fleet,
	    f->now, page);
	if (l->what == EC2_GROUPS)
		lay_groups(a, &s, page);
	return 0;
}

static int
list(struct spot_access *x, const struct spot_fetch *f,
    const struct spot_listing *l, struct arena *a, struct ec2_page *page,
    struct err *e)
{
	const struct ec2_type *types;
	int rc = 0;
	size_t n;

	*page = (struct ec2_page){ .next_token = "" };
	switch (l->what) {
	case EC2_PRICES:
		spot_cloud_prices(a, MARKET_SEED, l->region, l->from, l->to, page);
		break;
	case EC2_TYPES:
		n = spot_cloud_types(&types);
		page->rows.items = arena_memdup(a, types, n * sizeof(*types));
		page->rows.n = n;
		break;
	case EC2_REGIONS:
		break;
	default:
		rc = list_region(x, f, l, a, page, e);
		break;
	}
	page->next_token = "";
	return rc;
}

static int
sim_fetch(struct spot_access *x, struct spot_fetch *f, struct err *e)
{
	for (size_t i = 0; i < f->n; i++) {
		struct arena *a = arena_new((size_t)256 << 20);
		struct err lost = { 0 };
		struct ec2_page page;
		int rc = list(x, f, &f->v[i], a, &page, &lost);

		if (rc == 0 && f->page(f->arg, &f->v[i], a, &page, e) == -1) {
			arena_free(a);
			return -1;
		}
		arena_free(a);
		f->v[i].ended = true;
		if (f->ended(f->arg, &f->v[i], rc == 0 ? NULL : &lost) == -1)
			return err_set(e, 500, "store",
			    "Storing the end of a shard failed");
	}
	return 0;
}

static const char *
sim_signal(const struct spot_access *x, const struct ec2_instance *i,
    struct utc now)
{
	return spot_cloud_signal(fleet_seed(x), i, now);
}

const struct spot_provider spot_provider_simulated = {
	"simulated", sim_open, sim_identity, sim_regions, sim_fetch, sim_signal
};

const struct spot_provider *
spot_provider_of(const char *name)
{
	return strcmp(name, "simulated") == 0 ? &spot_provider_simulated :
	    &spot_provider_aws;
}
