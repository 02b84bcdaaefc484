/*
 * The gate against churn: what must hold before an instance is moved (see
 * plan.h), the shares of pools and zones, and when spot is given up in a
 * group. Pure. Each check answers NULL, or the sentence why not.
 */
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "modules/spot/plan_inner.h"

#define US_PER_S INT64_C(1000000)

enum { FAIL_FIRST_S = 300, FAIL_MAX_S = 6 * 3600 };

struct spot_rules
spot_policy_rules(const struct spot_policy *p)
{
	struct spot_rules r = spot_rules_default;

	r.horizon_h = p->horizon_h;
	r.changeover_s = p->changeover_s;
	r.min_saving_pct = p->min_saving_pct;
	r.max_interruption_pct = p->max_interruption_pct;
	return r;
}

void
spot_policy_need(struct arena *a, const struct spot_policy *p,
    struct spot_need *n)
{
	struct spot_rules *r = arena_alloc(a, sizeof(*r));

	*r = spot_policy_rules(p);
	n->rules = r;
	n->allow = spot_policy_patterns(a, p->allow_types);
	n->deny = spot_policy_patterns(a, p->deny_types);
	n->interruption_cost = p->interruption_cost;
}

enum spot_phase
spot_fallback_phase(const struct utc *losses, size_t n,
    const struct utc *launched, size_t m, struct utc now, struct utc *until)
{
	int64_t closed = 0;

	for (size_t i = 0; i < n; i++) {
		bool three = i + 1 >= SPOT_EARLY_N && losses[i].us -
		    losses[i + 1 - SPOT_EARLY_N].us <=
		    SPOT_EARLY_WITHIN_S * US_PER_S;
		bool canary = closed != 0 && losses[i].us >= closed;

		if (three || canary)
			closed = losses[i].us + SPOT_CLOSED_S * US_PER_S;
	}
	until->us = closed;
	if (closed == 0)
		return PHASE_OPEN;
	if (now.us < closed)
		return PHASE_CLOSED;
	for (size_t i = 0; i < m; i++)
		if (launched[i].us >= closed &&
		    now.us - launched[i].us >= SPOT_CANARY_S * US_PER_S)
			return PHASE_OPEN;
	return PHASE_CANARY;
}

/* ---- the gate -------------------------------------------------------------------- */

/* (5): the group's last move failed not long enough ago. */
const char *
spot_plan_failed(struct spot_planner *p, const struct spot_group_total *g)
{
	int64_t wait = FAIL_FIRST_S, left;

	if (g->state == NULL || g->state->failures == 0)
		return NULL;
	for (int64_t i = 1; i < g->state->failures && wait < FAIL_MAX_S; i++)
		wait *= 2;
	wait = wait < FAIL_MAX_S ? wait : FAIL_MAX_S;
	left = g->state->failed_at.us / US_PER_S + wait -
	    p->f->now.us / US_PER_S;
	if (left <= 0)
		return NULL;
	return arena_printf(p->a, "%lld moves of the group failed in a row: "
	    "no other for %lld minutes", (long long)g->state->failures,
	    (long long)(left / 60 + 1));
}

/* (4): moves of the last hour, this plan's among them. */
const char *
spot_plan_budget(struct spot_planner *p, const struct spot_group_total *g)
{
	int64_t tenth = (int64_t)g->n / 10;

	tenth = tenth > 1 ? tenth : 1;
	if (p->moves_hour >= p->f->policy->max_moves_per_h)
		return arena_printf(p->a, "%lld moves within an hour are the "
		    "limit of the policy",
		    (long long)p->f->policy->max_moves_per_h);
	if (g->moves >= tenth)
		return arena_printf(p->a, "no more than a tenth of the group "
		    "moves within an hour: %lld of %zu did",
		    (long long)g->moves, g->n);
	return NULL;
}

struct spot_economy
spot_plan_economy(struct spot_planner *p, const struct spot_want *w,
    const struct spot_cand *c)
{
	const struct spot_group_total *g = &p->groups.v[w->group];
	const struct spot_figures *f = &p->fig[w->m->market][c->offer];
	struct spot_economy x = { .ehc = c->ehc, .stay = f->c.stay,
	    .residual_h = f->residual_h };

	x.saving = w->now - x.ehc;
	x.score = g->cost > 0 ? (x.saving / g->cost) /
	    (w->disruption / g->disruption) : 0;
	x.hours = fmin(x.residual_h, (double)p->rules.horizon_h);
	x.needed = p->rules.min_migration_ratio * w->move;
	return x;
}

/* (1), (2) and the least saving; (3). NULL: passes. */
const char *
spot_plan_not_worth(struct spot_planner *p, const struct spot_want *w,
    const struct spot_cand *c)
{
	const struct spot_policy *y = p->f->policy;
	struct spot_economy x = spot_plan_economy(p, w, c);

	if (x.saving <= 0)
		return arena_printf(p->a, "nothing is cheaper: the best other "
		    "pool is expected to cost %.4f USD per hour, here it is "
		    "%.4f", x.ehc, w->now);
	if (x.saving / w->now * 100 < (double)y->min_saving_pct)
		return arena_printf(p->a, "the best move saves %.1f %%, the "
		    "policy wants %lld %%", x.saving / w->now * 100,
		    (long long)y->min_saving_pct);
	if (x.score < 1 / y->k_aversion)
		return arena_printf(p->a, "saves %.1f %% of the group's cost "
		    "for %.1f %% of its disruption: score %.2f, %.2f is "
		    "wanted", x.saving / p->groups.v[w->group].cost * 100,
		    w->disruption / p->groups.v[w->group].disruption * 100,
		    x.score, 1 / y->k_aversion);
	if ((w->now - x.stay) * x.hours < x.needed)
		return arena_printf(p->a, "saves %.4f USD in the %.1f hours "
		    "that the target is expected to last; a move that costs "
		    "%.4f USD needs %.1f times that", (w->now - x.stay) *
		    x.hours, x.hours, w->move, p->rules.min_migration_ratio);
	if (w->m->age_h * 3600 < (double)y->min_age_s)
		return arena_printf(p->a, "runs for %.1f hours; the policy "
		    "lets it live for %.1f first", w->m->age_h,
		    (double)y->min_age_s / 3600);
	return NULL;
}

/* ---- shares ---------------------------------------------------------------------- */

static int64_t
room(double share, size_t n)
{
	int64_t most = (int64_t)(share * (double)n + 1e-9);

	return most > 1 ? most : 1;
}

const char *
spot_plan_crowded(struct spot_planner *p, const struct spot_want *w, size_t offer)
{
	const struct spot_policy *y = p->f->policy;
	const struct spot_offer *o = &p->f->markets[w->m->market].v[offer];
	const struct spot_figures *f = &p->fig[w->m->market][offer];
	const struct spot_zone_count *z = &p->zones.v[f->zone];
	int64_t inside = w->here != NULL && !w->m->on_demand &&
	    strcmp(w->here->az, o->az) == 0;
	double after = (double)(f->here + 1) / (double)p->f->n;

	if (f->here + 1 > room(y->max_pool_share, p->f->n))
		return arena_printf(p->a, "%s in %s would hold more than "
		    "%.0f %% of the fleet", o->instance_type, o->az,
		    y->max_pool_share * 100);
	if (z->here + 1 - inside > room(y->max_zone_share, p->f->n))
		return arena_printf(p->a, "%s would hold more than %.0f %% "
		    "of the fleet", o->az, y->max_zone_share * 100);
	if (p->f->n > 1 && after * f->c.loss_1h > y->max_hourly_loss)
		return arena_printf(p->a, "%s in %s would put %.1f %% of the "
		    "fleet at risk within an hour", o->instance_type, o->az,
		    after * f->c.loss_1h * 100);
	return NULL;
}
