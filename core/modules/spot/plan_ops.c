/*
 * Loading what a plan is made from. Reads only. Invariants: an instance that
 * may not be touched is a member with the reason, so that totals and shares
 * are those of the whole fleet; instances alike share one need.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/map.h"
#include "base/number.h"
#include "base/vec.h"
#include "modules/spot/plan_ops.h"
#include "modules/spot/risk_ops.h"
#include "modules/spot/rows.h"

#define US_PER_S INT64_C(1000000)

struct load {
	struct db *db;
	struct arena *a;
	struct spot_plan_made *m;
	struct rows rows, past;
	struct utc now;
	const char *market_name;
	VEC(struct spot_market) markets;
	VEC(struct spot_group_state) groups;
	struct map *needs, *zones, *by_market;
	struct spot_plan_member *v;
};

/* ---- pools --------------------------------------------------------------------- */

/* The market of an instance: loaded when it is the first of its region. */
static int
market_of(struct load *l, const struct spot_plan_row *r, size_t *out,
    struct err *e)
{
	const char *product = spot_product(r->product);
	const char *key = arena_printf(l->a, "%s %s", r->region, product);
	uintptr_t at = (uintptr_t)map_get(l->by_market, key);
	struct spot_market *k;
	struct spot_offer *v;
	const char *label;

	if (at != 0) {
		*out = at - 1;
		return 0;
	}
	k = VEC_ADD(l->a, &l->markets);
	*out = l->markets.n - 1;
	map_put(l->by_market, key, (void *)(uintptr_t)l->markets.n);
	*k = (struct spot_market){ l->market_name, r->region, product, NULL,
	    0, NULL };
	if (spot_offers_load(l->db, l->a, l->market_name, r->region, product,
	    l->now, &v, &k->n, &label, &l->m->model_id, e) == -1)
		return -1;
	k->v = v;
	k->model = label != NULL ? label : SPOT_CLASS_MODEL;
	l->m->model = k->model;
	return 0;
}

/* ---- members ---------------------------------------------------------------------- */

struct zones {
	VEC(const char *) v;
};

/* Zones of a network where instances were seen: a subnet is there. */
static void
note_zone(struct load *l, const struct spot_plan_row *r)
{
	const char *key = arena_printf(l->a, "%s %s", r->region, r->vpc_id);
	struct zones *z = map_get(l->zones, key);

	if (z == NULL) {
		z = arena_alloc(l->a, sizeof(*z));
		map_put(l->zones, key, z);
	}
	for (size_t i = 0; i < z->v.n; i++)
		if (strcmp(z->v.v[i], r->az) == 0)
			return;
	*VEC_ADD(l->a, &z->v) = r->az;
}

static const struct spot_need *
need_of(struct load *l, const struct spot_plan_row *r)
{
	const char *key = arena_printf(l->a, "%s %s %s", r->region,
	    r->vpc_id, r->instance_type);
	struct spot_need *n = map_get(l->needs, key);
	const struct zones *z;

	if (n != NULL)
		return n;
	n = arena_alloc(l->a, sizeof(*n));
	z = map_get(l->zones, arena_printf(l->a, "%s %s", r->region,
	    r->vpc_id));
	*n = (struct spot_need){ .arch = r->arch != NULL && *r->arch != '\0' ?
	    r->arch : r->type_arch, .hypervisor = r->hypervisor,
	    .steady = r->steady, .vcpu = r->vcpu, .mem_mib = r->mem_mib, .gpu = r->gpu,
	    .nvme_gb = r->nvme_gb, .ebs_mbps = r->ebs_mbps,
	    .interfaces = 0, .now = l->now };
	spot_policy_need(l->a, &l->m->policy, n);
	if (z != NULL && *r->vpc_id != '\0') {
		n->zones = z->v.v;
		n->nzones = z->v.n;
	}
	map_put(l->needs, key, n);
	return n;
}

static const char *
held(struct arena *a, const struct spot_plan_row *r)
{
	if (strcmp(r->auth_status, "AUTHORIZED") != 0)
		return "nobody has authorized us to touch it (see "
		    "governance)";
	if (strcmp(r->lifecycle, "spot") != 0 &&
	    strcmp(r->lifecycle, "on-demand") != 0)
		return arena_printf(a, "its lifecycle is %s", r->lifecycle);
	if (strcmp(r->state, "running") != 0)
		return arena_printf(a, "it is %s", r->state);
	if (r->moving)
		return "a move of it is under way";
	if (r->stale)
		return "the inventory of its region is stale";
	if (r->hold != NULL && *r->hold != '\0' &&
	    strcmp(r->hold, "false") != 0)
		return "its tag quincunx:hold keeps it where it is";
	if (r->vcpu == 0)
		return arena_printf(a, "type %s is not in the catalogue",
		    r->instance_type);
	return NULL;
}

static double
weight(const char *text)
{
	double w;

	if (text == NULL || num_real(text, strlen(text), &w) != NUM_OK)
		return 0;
	return fmin(fmax(w, 0), 1000);
}

static int
member(struct load *l, size_t i, struct err *e)
{
	const struct spot_plan_row *r = ROW(&l->rows, struct spot_plan_row,
	    i);
	struct spot_plan_member *m = &l->v[i];

	*m = (struct spot_plan_member){ .id = r->id,
	    .instance_id = r->instance_id, .az = r->az,
	    .instance_type = r->instance_type, .group = r->asg,
	    .held = held(l->a, r),
	    .on_demand = strcmp(r->lifecycle, "spot") != 0,
	    .signal = strcmp(r->aws_signal, "TERMINATION") == 0 ?
	    SPOT_TERMINATION : strcmp(r->aws_signal, "REBALANCE") == 0 ?
	    SPOT_REBALANCE : SPOT_NONE, .weight = weight(r->weight),
	    .age_h = r->launched_at.us == 0 ? 0 : (double)(l->now.us -
	    r->launched_at.us) / 3600e6, .need = need_of(l, r),
	    .on_demand_price = r->on_demand };
	return market_of(l, r, &m->market, e);
}

/* ---- groups ------------------------------------------------------------------------ */

static void
take_move(struct spot_group_state *g, const struct spot_plan_past *p,
    struct utc now)
{
	if (now.us - p->at.us <= 3600 * US_PER_S)
		g->moves_hour++;
	if (strcmp(p->state, "failed") == 0) {
		g->failures++;
		g->failed_at = p->at;
	} else if (strcmp(p->state, "succeeded") == 0) {
		g->failures = 0;
	}
}

/* One group's past, oldest first. */
static void
group(struct load *l, const struct spot_plan_past *v, size_t n)
{
	struct spot_group_state *g = VEC_ADD(l->a, &l->groups);
	VEC(struct utc) losses = { 0 }, launched = { 0 };

	*g = (struct spot_group_state){ .name = v[0].asg };
	for (size_t i = 0; i < n; i++) {
		if (strcmp(v[i].state, "lost") == 0)
			*VEC_ADD(l->a, &losses) = v[i].at;
		else
			take_move(g, &v[i], l->now);
	}
	l->m->fleet.moves_hour += g->moves_hour;
	for (size_t i = 0; i < l->rows.n && losses.n >= SPOT_EARLY_N; i++) {
		const struct spot_plan_row *r = ROW(&l->rows,
		    struct spot_plan_row, i);

		if (strcmp(r->asg, g->name) == 0 &&
		    strcmp(r->lifecycle, "spot") == 0)
			*VEC_ADD(l->a, &launched) = r->launched_at;
	}
	g->phase = spot_fallback_phase(losses.v, losses.n, launched.v,
	    launched.n, l->now, &g->phase_until);
	for (size_t i = 0; i < launched.n; i++)
		g->canary |= launched.v[i].us >= g->phase_until.us;
}

static void
groups(struct load *l)
{
	for (size_t i = 0; i < l->past.n;) {
		const struct spot_plan_past *v = ROW(&l->past,
		    struct spot_plan_past, i);
		size_t n = 1;

		while (i + n < l->past.n && strcmp(v[n].asg, v[0].asg) == 0)
			n++;
		group(l, v, n);
		i += n;
	}
}

/* ---- the plan ----------------------------------------------------------------------- */

static int
read_rows(struct load *l, struct uuid tenant, struct err *e)
{
	struct spot_account *acc = &l->m->acc;

	l->market_name = strcmp(acc->provider, "aws") == 0 ? "aws" :
	    "simulated";
	if (spot_plan_rows(l->db, l->a, tenant, acc->id, l->market_name,
	    &l->rows, e) == -1 || spot_plan_pasts(l->db, l->a, acc->id,
	    (struct utc){ l->now.us - SPOT_LOOKBACK_S * US_PER_S }, &l->past,
	    e) == -1)
		return -1;
	l->v = arena_array(l->a, l->rows.n, sizeof(*l->v));
	for (size_t i = 0; i < l->rows.n; i++)
		note_zone(l, ROW(&l->rows, struct spot_plan_row, i));
	for (size_t i = 0; i < l->rows.n; i++)
		if (member(l, i, e) == -1)
			return -1;
	groups(l);
	return 0;
}

int
spot_plan_of(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid account, const struct spot_policy *instead, struct utc now,
    struct spot_plan_made *m, struct err *e)
{
	struct load l = { .db = db, .a = a, .m = m, .now = now,
	    .needs = map_new(a), .zones = map_new(a),
	    .by_market = map_new(a) };

	*m = (struct spot_plan_made){ .model = SPOT_CLASS_MODEL };
	if (spot_found(spot_account_by_id(db, a, tenant, account, &m->acc,
	    e), "Account", e) == -1 ||
	    spot_policy_get(db, a, tenant, account, &m->policy, e) == -1)
		return -1;
	if (instead != NULL)
		m->policy = *instead;
	if (read_rows(&l, tenant, e) == -1)
		return -1;
	m->scanned_at = m->acc.last_scan_at;
	m->fleet.markets = l.markets.v;
	m->fleet.nmarkets = l.markets.n;
	m->fleet.v = l.v;
	m->fleet.n = l.rows.n;
	m->fleet.groups = l.groups.v;
	m->fleet.ngroups = l.groups.n;
	m->fleet.policy = &m->policy;
	m->fleet.now = now;
	spot_plan_make(a, &m->fleet, &m->plan);
	return 0;
}

void
spot_plan_refused(struct arena *a, const struct spot_plan_made *m,
    const struct spot_plan_member *w, struct spot_ranking *out)
{
	const struct spot_market *k = &m->fleet.markets[w->market];
	struct spot_rules r = spot_policy_rules(&m->policy);
	struct spot_need n = *w->need;

	n.rules = &r;
	if (w->signal != SPOT_NONE) {
		n.avoid_az = w->az;
		n.avoid_type = w->instance_type;
	} else if (!w->on_demand) {
		n.here_az = w->az;
		n.here_type = w->instance_type;
	}
	spot_pools_rank(a, k->v, k->n, &n, out);
}

const struct spot_choice *
spot_plan_choice(struct arena *a,
    const struct spot_plan_move *p)
{
	const struct spot_offer *o = p->to;
	struct spot_choice *c = arena_alloc(a, sizeof(*c));

	if (o == NULL)
		return NULL;
	*c = (struct spot_choice){ .pool = spot_pool_name(a, o->az,
	    o->instance_type), .az = o->az,
	    .instance_type = o->instance_type, .price = o->price,
	    .on_demand = o->on_demand, .price_at = o->price_at,
	    .crash_probability = p->loss_then, .saving_percent =
	    p->cost_now > 0 ? round(p->saving / p->cost_now * 10000) / 100 :
	    0, .interruption = spot_class_label(o->interruption) };
	(void)dec_from_real(p->cost_then, &c->expected_hourly_cost);
	(void)dec_from_real(p->saving, &c->hourly_saving);
	return c;
}
