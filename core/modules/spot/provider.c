/*
 * The simulated cloud as a provider: every listing is one page of a pure
 * function of account and instant. Needs no credentials and fails never.
 */
#include <string.h>

#include "base/arena.h"
#include "base/codec.h"
#include "base/err.h"
#include "modules/spot/cloud.h"
#include "modules/spot/cloud_asset.h"
#include "modules/spot/provider.h"

/* One market for all accounts: prices do not depend on who asks. */
enum { MARKET_SEED = 1 };

static uint64_t
fleet_seed(const struct spot_access *x)
{
	return fnv1a(x->account.b, sizeof(x->account.b), 0);
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

static void
list(const struct spot_access *x, const struct spot_fetch *f,
    const struct spot_listing *l, struct arena *a, struct ec2_page *page)
{
	const struct ec2_type *types;
	struct ec2_page fleet;
	size_t n;

	*page = (struct ec2_page){ .next_token = "" };
	switch (l->what) {
	case EC2_INSTANCES:
		spot_cloud_fleet(a, fleet_seed(x), l->region, f->now, page);
		break;
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
		spot_cloud_fleet(a, fleet_seed(x), l->region, f->now, &fleet);
		spot_cloud_assets(a, fleet_seed(x), l->region, l->what, &fleet,
		    f->now, page);
		break;
	}
	page->next_token = "";
}

static int
sim_fetch(struct spot_access *x, struct spot_fetch *f, struct err *e)
{
	for (size_t i = 0; i < f->n; i++) {
		struct arena *a = arena_new((size_t)256 << 20);
		struct ec2_page page;
		int rc;

		list(x, f, &f->v[i], a, &page);
		rc = f->page(f->arg, &f->v[i], a, &page, e);
		arena_free(a);
		if (rc == -1)
			return -1;
		f->v[i].ended = true;
		if (f->ended(f->arg, &f->v[i], NULL) == -1)
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
