/*
 * Gathers what a decision needs: the instance if one is named, the pools of
 * its region, its market. Reads only; refuses to mix real and simulated
 * prices.
 */
#include <stdbool.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"
#include "modules/spot/advice_ops.h"
#include "modules/spot/catalog.h"
#include "modules/spot/instance.h"
#include "modules/spot/plan_ops.h"
#include "modules/spot/price.h"
#include "modules/spot/risk_ops.h"

static int
find_instance(struct db *db, struct arena *a, struct uuid tenant,
    const char *id, struct spot_instance *out, struct err *e)
{
	struct uuid u;
	int rc = 1;

	if (uuid_parse(id, &u) == 0)
		rc = spot_instance_by_id(db, a, tenant, u, out, e);
	if (rc == 1)
		rc = spot_instance_by_name(db, a, tenant, id, out, e);
	return spot_found(rc, "Instance", e);
}

/* The market that knows the zone: the real one first. */
static int
find_market(struct db *db, struct arena *a, const char *region,
    const char *az, const char **market, struct err *e)
{
	static const char *const markets[] = { "aws", "simulated" };
	bool known;

	for (size_t i = 0; i < 2; i++) {
		if (spot_pool_known(db, a, markets[i], region, az, &known,
		    e) == -1)
			return -1;
		if (!known)
			continue;
		*market = markets[i];
		return 0;
	}
	return err_set(e, 422, "no_pool", "No prices are known in %.60s: "
	    "import or pull them", az);
}

static int
check_type(struct db *db, struct arena *a, const char *type,
    struct spot_type *t, struct err *e)
{
	int rc = spot_type_by_name(db, a, type, t, e);

	if (rc != 1)
		return rc;
	return err_set(e, 422, "no_type", "Instance type %.60s is not in the "
	    "catalogue: pull the provider's types or import spot.type", type);
}

static enum spot_signal
signal_of(const char *s)
{
	return strcmp(s, "TERMINATION") == 0 ? SPOT_TERMINATION :
	    strcmp(s, "REBALANCE") == 0 ? SPOT_REBALANCE : SPOT_NONE;
}

/* The offers of the region with the place where it is now among them: what
 * runs on demand, or must, need not have a spot pool. */
static int
load_offers(struct db *db, struct arena *a, const char *market,
    const char *product, const struct spot_type *t,
    struct spot_question *q, struct spot_offer **out, size_t *n,
    struct err *e)
{
	const char *region = spot_zone_region(a, q->az);
	struct spot_od_price od;
	struct spot_offer *v;
	struct uuid model;

	if (spot_offers_load(db, a, market, region, product, q->now, &v, n,
	    &q->model, &model, e) == -1)
		return -1;
	*out = v;
	for (size_t i = 0; i < *n; i++)
		if (strcmp(v[i].az, q->az) == 0 &&
		    strcmp(v[i].instance_type, q->instance_type) == 0) {
			q->on_demand |= v[i].price.e8 <= 0 &&
			    v[i].on_demand.e8 > 0;
			return 0;
		}
	if (spot_od_price_get(db, a, market, region, q->instance_type,
	    product, &od, e) != 0)
		return e->status != 0 ? -1 : 0;
	q->on_demand = true;
	*out = arena_array(a, *n + 1, sizeof(**out));
	if (*n > 0)
		memcpy(*out, v, *n * sizeof(*v));
	(*out)[(*n)++] = (struct spot_offer){ .az = q->az,
	    .instance_type = q->instance_type, .arch = t->arch,
	    .vcpu = t->vcpu, .mem_mib = t->mem_mib, .gpu = t->gpu,
	    .on_demand = od.price, .interruption = -1 };
	return 0;
}

/* What the policy and the fleet say to a switch: the plan of its account
 * decides where to, or that it stays. */
static int
ask_plan(struct db *db, struct arena *a, const struct spot_instance *i,
    const struct spot_question *q, struct spot_advice *out, struct err *e)
{
	const struct spot_plan_move *m;
	const struct spot_plan_held *h;
	struct spot_plan_made *p = arena_alloc(a, sizeof(*p));
	const struct spot_choice *c = out->candidates.items;
	const char **v;

	if (strcmp(i->az, q->az) != 0 ||
	    strcmp(i->instance_type, q->instance_type) != 0)
		return 0;		/* asked about another place than it has */
	if (spot_plan_of(db, a, i->tenant_id, i->account_id, NULL, q->now, p,
	    e) == -1)
		return -1;
	m = spot_plan_find(&p->plan, i->id);
	h = spot_plan_held_of(&p->plan, i->id);
	if (m == NULL && h == NULL)
		return 0;		/* it does not run */
	v = arena_array(a, out->reasons.n + 1, sizeof(*v));
	v[0] = m != NULL ? m->reason : h->reason;
	memcpy(v + 1, out->reasons.items, out->reasons.n * sizeof(*v));
	out->reasons = (struct list){ v, out->reasons.n + 1 };
	out->reason = v[0];
	out->decision = m != NULL ? m->decision : "STAY";
	out->selected_candidate = NULL;
	for (size_t k = 0; m != NULL && m->to != NULL &&
	    k < out->candidates.n; k++)
		if (strcmp(c[k].az, m->to->az) == 0 &&
		    strcmp(c[k].instance_type, m->to->instance_type) == 0)
			out->selected_candidate = &c[k];
	if (m != NULL && m->to != NULL && out->selected_candidate == NULL)
		out->selected_candidate = spot_plan_choice(a, m);
	return 0;
}

int
spot_evaluate(struct db *db, struct arena *a, struct uuid tenant,
    const struct spot_ask *ask, struct utc now, struct spot_advice *out,
    struct err *e)
{
	struct spot_question q = { .az = ask->availability_zone,
	    .instance_type = ask->instance_type, .now = now };
	const char *market = ask->market, *product = ask->product, *region;
	int64_t start = clock_boot_ns();
	struct spot_instance i = { .product = NULL };
	struct spot_offer *v;
	struct spot_type t;
	size_t n;

	if (ask->instance_id != NULL) {
		if (find_instance(db, a, tenant, ask->instance_id, &i, e) ==
		    -1)
			return -1;
		q.signal = signal_of(i.aws_signal);
		q.on_demand = strcmp(i.lifecycle, "spot") != 0;
		if (i.launched_at.us != 0)
			q.age_h = (double)(now.us - i.launched_at.us) /
			    3600e6;
		market = market != NULL ? market : i.market;
	}
	product = spot_product(product != NULL ? product : i.product);
	region = spot_zone_region(a, q.az);
	if (region == NULL)
		return err_set(e, 422, "zone", "\"%.60s\" is not an "
		    "availability zone", q.az);
	if (check_type(db, a, q.instance_type, &t, e) == -1 || (market == NULL &&
	    find_market(db, a, region, q.az, &market, e) == -1) ||
	    load_offers(db, a, market, product, &t, &q, &v, &n, e) == -1)
		return -1;
	if (spot_advise(a, &spot_rules_default, &q, v, n, out, e) == -1 ||
	    (ask->instance_id != NULL && ask_plan(db, a, &i, &q, out, e) ==
	    -1))
		return -1;
	out->market = market;
	out->execution_time_ms = (double)(clock_boot_ns() - start) / 1e6;
	return 0;
}
