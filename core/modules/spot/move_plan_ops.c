/*
 * A plan from a person's wish: the instance as the inventory has it, and where
 * its replacement may run. Refuses what is gone, and a replacement that
 * nothing fits. Reads only.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "modules/spot/account.h"
#include "modules/spot/catalog.h"
#include "modules/spot/instance.h"
#include "modules/spot/move.h"
#include "modules/spot/plan.h"

enum { POOLS = 5, REFUSALS = 20 };

/* Behind the spot pools the instance's own type on demand, in its zone. */
static void
fill(struct arena *a, struct spot_move_new *n, const struct spot_ranking *r,
    const struct spot_instance *i, struct dec od)
{
	struct spot_move_pool *v = arena_array(a, POOLS + 1, sizeof(*v));
	size_t k = 0;

	for (size_t j = 0; j < r->n && k < POOLS; j++)
		v[k++] = (struct spot_move_pool){ .az = r->v[j].o->az,
		    .instance_type = r->v[j].o->instance_type,
		    .lifecycle = "spot", .subnet = "",
		    .price = r->v[j].o->price };
	if (od.e8 > 0 && strcmp(i->lifecycle, "spot") == 0)
		v[k++] = (struct spot_move_pool){ .az = i->az,
		    .instance_type = i->instance_type,
		    .lifecycle = "on-demand", .subnet = "", .price = od };
	n->pools = v;
	n->npools = k;
	if (r->n > 0 && i->hourly_price.e8 > 0)
		n->saving.e8 = i->hourly_price.e8 - r->v[0].o->price.e8;
}

static int
find_pools(struct db *db, struct arena *a, struct spot_move_new *n,
    const struct spot_account *acc, const struct spot_instance *i,
    struct err *e)
{
	const char *product = spot_product(i->product);
	struct spot_need need = { .arch = i->arch, .here_az = i->az,
	    .here_type = i->instance_type, .running = i->hourly_price,
	    .now = clock_now() };
	struct spot_ranking r = { 0 };
	struct spot_od_price od = { 0 };
	struct spot_policy p;
	struct spot_type t;
	int rc = spot_type_by_name(db, a, i->instance_type, &t, e);

	if (rc == -1 || spot_policy_get(db, a, acc->tenant_id, acc->id, &p,
	    e) == -1)
		return -1;
	spot_policy_need(a, &p, &need);
	if (rc == 0) {
		need.vcpu = t.vcpu;
		need.mem_mib = t.mem_mib;
		need.gpu = t.gpu;
		need.nvme_gb = t.nvme_gb;
		need.ebs_mbps = t.ebs_mbps;
		need.hypervisor = t.hypervisor;
		need.steady = !t.burstable;
	}
	if (spot_pools_for(db, a, acc->provider, n->region, product, &need,
	    &r, e) == -1 || spot_od_price_get(db, a, acc->provider,
	    n->region, i->instance_type, product, &od, e) == -1)
		return -1;
	fill(a, n, &r, i, od.price);
	if (n->npools == 0)
		return err_set(e, 409, "no_pool", "No pool of %.40s fits: see "
		    "the refusals of /api/v1/evaluate", n->region);
	n->refused.p = spot_pool_refused(a, &r, REFUSALS);
	n->oldest = r.oldest;
	n->model = r.model;
	if (r.n > 0)
		n->expected.p = arena_printf(a, "{\"hourly_cost\":%.8f,"
		    "\"risk_1h\":%.6f}", r.v[0].c.ehc, r.v[0].c.loss_1h);
	return 0;
}

int
spot_move_plan_for(struct db *db, struct arena *a, struct spot_move_new *n,
    struct err *e)
{
	struct spot_account acc;
	struct spot_instance i;

	if (n->target == NULL)
		return 0;
	if (spot_found(spot_instance_by_name(db, a, n->tenant, n->target, &i,
	    e), "Instance", e) == -1)
		return -1;
	if (i.gone_at.us != 0)
		return err_set(e, 409, "target_gone", "The instance is gone");
	n->account = i.account_id;
	n->region = i.region;
	if (spot_found(spot_account_by_id(db, a, n->tenant, n->account, &acc,
	    e), "Account", e) == -1)
		return -1;
	if (n->npools > 0 || (strcmp(n->kind, "replace") != 0 &&
	    strcmp(n->kind, "launch") != 0))
		return 0;
	return find_pools(db, a, n, &acc, &i, e);
}
