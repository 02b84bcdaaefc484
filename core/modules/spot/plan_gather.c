/*
 * What a plan is made from: each pool's figures once, for each member what it
 * costs where it is and the cheapest pools that fit. Whether a pool fits a
 * need is asked once for members that share the need. Pure.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/number.h"
#include "modules/spot/plan_inner.h"

/* ---- pools ------------------------------------------------------------------- */

static size_t
zone_index(struct spot_planner *p, const char *az)
{
	uintptr_t at = (uintptr_t)map_get(p->zone_by_name, az);

	if (at != 0)
		return at - 1;
	VEC_ADD(p->a, &p->zones)->az = az;
	map_put(p->zone_by_name, az, (void *)(uintptr_t)p->zones.n);
	return p->zones.n - 1;
}

static double
residual(const struct spot_offer *o)
{
	struct spot_hazard flat = spot_hazard_flat(spot_class_hazard(
	    o->interruption));

	return spot_hazard_residual(o->hazard != NULL ? o->hazard : &flat, 0);
}

static int
by_place(const void *va, const void *vb, void *arg)
{
	const struct spot_offer *v = arg;
	const struct spot_offer *a = &v[*(const size_t *)va];
	const struct spot_offer *b = &v[*(const size_t *)vb];
	int c = strcmp(a->az, b->az);

	return c != 0 ? c : strcmp(a->instance_type, b->instance_type);
}

static void
figure(struct spot_planner *p, size_t market)
{
	const struct spot_market *m = &p->f->markets[market];
	struct spot_figures *v = arena_array(p->a, m->n, sizeof(*v));
	size_t *order = arena_array(p->a, m->n, sizeof(*order));

	for (size_t i = 0; i < m->n; i++) {
		v[i].c = spot_pool_cost(&m->v[i], &p->rules, 0, 0,
		    p->f->policy->interruption_cost);
		v[i].residual_h = residual(&m->v[i]);
		v[i].zone = zone_index(p, m->v[i].az);
		order[i] = i;
	}
	if (m->n > 1)
		qsort_r(order, m->n, sizeof(*order), by_place,
		    (void *)(uintptr_t)m->v);
	p->fig[market] = v;
	p->sorted[market] = order;
}

/* Index of the pool, or the count of pools. */
static size_t
find_pool(const struct spot_planner *p, size_t market, const char *az,
    const char *type)
{
	const struct spot_market *m = &p->f->markets[market];
	size_t lo = 0, hi = m->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		const struct spot_offer *o = &m->v[p->sorted[market][mid]];
		int c = strcmp(o->az, az);

		c = c != 0 ? c : strcmp(o->instance_type, type);
		if (c == 0)
			return p->sorted[market][mid];
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return m->n;
}

/* ---- needs -------------------------------------------------------------------- */

/* Which pools fit a need, cheapest first without the move: the move adds the
 * same to all but for the divisor, which differs little. */
struct fit {
	const struct spot_need *need;
	size_t market, n;
	const size_t *offers;
};
struct fits {
	struct fit *v;			/* open addressing */
	size_t size;
};

struct by_cost {
	const struct spot_figures *fig;
	const struct spot_offer *v;
};

static int
by_ehc(const void *va, const void *vb, void *arg)
{
	const struct by_cost *k = arg;
	size_t a = *(const size_t *)va, b = *(const size_t *)vb;
	int c;

	if (k->fig[a].c.ehc != k->fig[b].c.ehc)
		return k->fig[a].c.ehc < k->fig[b].c.ehc ? -1 : 1;
	c = strcmp(k->v[a].instance_type, k->v[b].instance_type);
	return c != 0 ? c : strcmp(k->v[a].az, k->v[b].az);
}

static void
fill_fit(struct spot_planner *p, struct fit *t)
{
	const struct spot_market *m = &p->f->markets[t->market];
	struct by_cost k = { p->fig[t->market], m->v };
	size_t *v = arena_array(p->a, m->n, sizeof(*v));
	struct spot_need need = *t->need;

	need.rules = &p->rules;
	for (size_t i = 0; i < m->n; i++)
		if (spot_pool_unfit(&m->v[i], &need) == FITS)
			v[t->n++] = i;
	if (t->n > 1)
		qsort_r(v, t->n, sizeof(*v), by_ehc, &k);
	t->offers = v;
}

static const struct fit *
fit_of(struct spot_planner *p, struct fits *f, const struct spot_plan_member *m)
{
	uintptr_t h = (uintptr_t)m->need;
	size_t i;

	h = (h >> 4) * UINT64_C(0x9e3779b97f4a7c15) + m->market;
	for (i = (size_t)(h >> 16) % f->size; f->v[i].need != NULL;
	    i = (i + 1) % f->size)
		if (f->v[i].need == m->need && f->v[i].market == m->market)
			return &f->v[i];
	f->v[i] = (struct fit){ .need = m->need, .market = m->market };
	fill_fit(p, &f->v[i]);
	return &f->v[i];
}

/* ---- members ------------------------------------------------------------------- */

static size_t
group_index(struct spot_planner *p, const char *name)
{
	uintptr_t at = (uintptr_t)map_get(p->group_by_name, name);
	struct spot_group_total *g;

	if (at != 0)
		return at - 1;
	g = VEC_ADD(p->a, &p->groups);
	map_put(p->group_by_name, name, (void *)(uintptr_t)p->groups.n);
	g->name = name;
	for (size_t i = 0; i < p->f->ngroups; i++)
		if (strcmp(p->f->groups[i].name, name) == 0) {
			g->state = &p->f->groups[i];
			g->moves = g->state->moves_hour;
			g->canary = g->state->canary;
		}
	return p->groups.n - 1;
}

/* What an hour costs where it is. */
static void
cost_now(struct spot_planner *p, struct spot_want *w)
{
	const struct spot_plan_member *m = w->m;
	const struct spot_market *k = &p->f->markets[m->market];
	double d = (double)p->rules.changeover_s / 3600, price = 0;
	struct spot_cost c;

	w->here_i = find_pool(p, m->market, m->az, m->instance_type);
	w->here = w->here_i < k->n ? &k->v[w->here_i] : NULL;
	if (m->on_demand) {
		price = dec_real(m->on_demand_price);
		if (price <= 0 && w->here != NULL)
			price = dec_real(w->here->on_demand);
		w->now = price;
	} else if (w->here != NULL && w->here->price.e8 > 0) {
		price = dec_real(w->here->price);
		c = spot_pool_cost(w->here, &p->rules, m->age_h, 0,
		    p->f->policy->interruption_cost);
		w->now = c.stay;
		w->loss = c.loss;
		w->loss_1h = c.loss_1h;
		p->fig[m->market][w->here_i].here++;
		p->zones.v[p->fig[m->market][w->here_i].zone].here++;
	}
	w->unpriced = price <= 0;
	w->move = d * price + m->need->move_cost;
}

/* The cheapest with the move in it. */
static void
choose(struct spot_planner *p, struct spot_want *w, const struct fit *t)
{
	const struct spot_figures *fig = p->fig[w->m->market];

	w->fits = t->n;
	for (size_t i = 0; i < t->n && w->n < SPOT_PLAN_TOP; i++) {
		size_t o = t->offers[i], j = w->n;
		double ehc;

		if (o == w->here_i && (!w->m->on_demand ||
		    w->m->signal != SPOT_NONE))
			continue;
		ehc = (fig[o].c.run + w->move) / fig[o].c.hours;
		for (; j > 0 && w->top[j - 1].ehc > ehc; j--)
			w->top[j] = w->top[j - 1];
		w->top[j] = (struct spot_cand){ o, ehc };
		w->n++;
	}
}

static void
want(struct spot_planner *p, struct fits *fits, size_t i)
{
	struct spot_want *w = &p->wants[i];
	struct spot_group_total *g;

	w->m = &p->f->v[i];
	w->disruption = 1 + w->m->weight;
	cost_now(p, w);
	w->group = group_index(p, w->m->group);
	g = &p->groups.v[w->group];
	g->n++;
	g->on_demand += w->m->on_demand;
	g->cost += w->now;
	g->disruption += w->disruption;
	if (w->m->held == NULL && !w->unpriced)
		choose(p, w, fit_of(p, fits, w->m));
}

void
spot_plan_gather(struct spot_planner *p)
{
	size_t n = p->f->n;
	struct fits fits = { .size = 2 * n + 16 };

	p->zone_by_name = map_new(p->a);
	p->group_by_name = map_new(p->a);
	fits.v = arena_array(p->a, fits.size, sizeof(*fits.v));
	p->fig = arena_array(p->a, p->f->nmarkets, sizeof(*p->fig));
	p->sorted = arena_array(p->a, p->f->nmarkets, sizeof(*p->sorted));
	for (size_t i = 0; i < p->f->nmarkets; i++)
		figure(p, i);
	p->wants = arena_array(p->a, n, sizeof(*p->wants));
	for (size_t i = 0; i < n; i++)
		want(p, &fits, i);
}
