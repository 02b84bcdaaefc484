/*
 * Assignment: who moves where. Reads no clock and no table. Invariants: every
 * member is moved or held, with a reason; no pool and no zone is filled above
 * its share by a move that is not under notice; equal savings go by the
 * instance's id, so the plan does not depend on the order of the rows.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/number.h"
#include "modules/platform/platform.h"
#include "modules/spot/plan_inner.h"

#define US_PER_S INT64_C(1000000)

/* ---- sentences ---------------------------------------------------------------- */

static void
hold(struct spot_planner *p, const struct spot_want *w, const char *why)
{
	*VEC_ADD(p->a, &p->held) = (struct spot_plan_held){ w->m, "STAY", why,
	    w->loss };
}

static const char *
where(struct spot_planner *p, const struct spot_want *w,
    const struct spot_offer *to)
{
	return to == NULL ? arena_printf(p->a, "on-demand %s in %s",
	    w->m->instance_type, w->m->az) :
	    arena_printf(p->a, "spot %s in %s", to->instance_type, to->az);
}

static const char *
closed_text(struct spot_planner *p, const struct spot_group_state *s)
{
	return arena_printf(p->a, "%d young spot instances of the group were "
	    "lost within %d hours: on-demand for %lld minutes more",
	    SPOT_EARLY_N, SPOT_EARLY_WITHIN_S / 3600, (long long)
	    ((s->phase_until.us - p->f->now.us) / US_PER_S / 60 + 1));
}

/* ---- moving ------------------------------------------------------------------------ */

static int
risk_of(const struct spot_want *w, double loss_then)
{
	int r = *w->m->group != '\0' ? RISK_LOW : RISK_MEDIUM;

	return loss_then > 0.2 && r < RISK_HIGH ? r + 1 : r;
}

/* Counts the move in pools, zones and budgets. */
static void
settle(struct spot_planner *p, struct spot_want *w, size_t offer)
{
	struct spot_figures *fig = p->fig[w->m->market];
	struct spot_group_total *g = &p->groups.v[w->group];
	size_t none = p->f->markets[w->m->market].n;

	if (!w->m->on_demand && w->here != NULL &&
	    w->here->price.e8 > 0) {
		fig[w->here_i].here--;
		p->zones.v[fig[w->here_i].zone].here--;
	}
	if (offer < none) {
		fig[offer].here++;
		p->zones.v[fig[offer].zone].here++;
		g->on_demand -= w->m->on_demand;
		if (p->oldest.us == 0 || p->f->markets[w->m->market]
		    .v[offer].price_at.us < p->oldest.us)
			p->oldest = p->f->markets[w->m->market]
			    .v[offer].price_at;
	} else {
		g->on_demand += !w->m->on_demand;
	}
	g->moves++;
	p->moves_hour++;
}

/* Pools behind the chosen one, for when it has no capacity. */
static void
others(struct spot_planner *p, const struct spot_want *w, size_t chosen,
    struct spot_plan_move *m)
{
	enum { NEXT = sizeof(m->next) / sizeof(m->next[0]) };

	for (size_t i = 0; i < w->n && m->nnext < NEXT; i++)
		if (w->top[i].offer != chosen)
			m->next[m->nnext++] = &p->f->markets[w->m->market]
			    .v[w->top[i].offer];
}

static struct spot_plan_move *
move_to_pool(struct spot_planner *p, struct spot_want *w,
    const struct spot_cand *c, const char *decision)
{
	const struct spot_figures *f = &p->fig[w->m->market][c->offer];
	struct spot_economy x = spot_plan_economy(p, w, c);
	struct spot_plan_move *m = VEC_ADD(p->a, &p->moves);

	*m = (struct spot_plan_move){ .member = w->m, .decision = decision,
	    .to = &p->f->markets[w->m->market].v[c->offer],
	    .cost_now = w->now, .cost_then = x.ehc, .saving = x.saving,
	    .move_cost = w->move, .score = x.score,
	    .disruption = w->disruption, .loss_now = w->loss,
	    .loss_then = f->c.loss };
	m->risk = risk_of(w, m->loss_then);
	m->reason = arena_printf(p->a, "%s is expected to cost %.4f USD per "
	    "hour instead of %.4f: %.1f %% less; loss within %lld hours %.1f "
	    "%% instead of %.1f %%", where(p, w, m->to), x.ehc, w->now,
	    w->now > 0 ? x.saving / w->now * 100 : 0,
	    (long long)p->rules.horizon_h, m->loss_then * 100,
	    w->loss * 100);
	others(p, w, c->offer, m);
	settle(p, w, c->offer);
	return m;
}

/* Its own type on demand, in its own zone. False: no price is known. */
static bool
move_to_demand(struct spot_planner *p, struct spot_want *w,
    const char *decision, const char *why)
{
	double H = (double)p->rules.horizon_h, price;
	double d = (double)p->rules.changeover_s / 3600;
	struct spot_plan_move *m;

	price = dec_real(w->m->on_demand_price);
	if (price <= 0 && w->here != NULL)
		price = dec_real(w->here->on_demand);
	if (price <= 0)
		return false;
	m = VEC_ADD(p->a, &p->moves);
	*m = (struct spot_plan_move){ .member = w->m, .decision = decision,
	    .cost_now = w->now, .move_cost = w->move,
	    .disruption = w->disruption, .loss_now = w->loss };
	m->cost_then = (price * H + w->move) / (H - d);
	m->saving = w->now - m->cost_then;
	m->risk = risk_of(w, 0);
	m->reason = why;
	others(p, w, SIZE_MAX, m);
	settle(p, w, p->f->markets[w->m->market].n);
	return true;
}

static void
under_notice(struct spot_planner *p, struct spot_want *w)
{
	bool gone = w->m->signal == SPOT_TERMINATION;
	const char *decision = gone ? "EVACUATE" : "DRAIN";
	const char *head = gone ? "the cloud ends it within two minutes" :
	    "the cloud recommends to rebalance";
	const struct spot_cand *c = w->n > 0 ? &w->top[0] : NULL;
	struct spot_plan_move *m;

	for (size_t i = 0; i < w->n; i++)
		if (spot_plan_crowded(p, w, w->top[i].offer) == NULL) {
			c = &w->top[i];
			break;
		}
	if (c != NULL) {
		m = move_to_pool(p, w, c, decision);
		m->reason = arena_printf(p->a, "%s; %s", head, m->reason);
	} else if (!move_to_demand(p, w, decision, arena_printf(p->a, "%s; no "
	    "spot pool fits: %s", head, where(p, w, NULL)))) {
		hold(p, w, arena_printf(p->a, "%s, but nothing fits and no "
		    "on-demand price is known", head));
	}
}

/* On-demand that the policy keeps. */
static const char *
kept_on_demand(struct spot_planner *p, const struct spot_group_total *g)
{
	const struct spot_policy *y = p->f->policy;
	int64_t pct = ((int64_t)g->n * y->min_on_demand_pct + 99) / 100;
	int64_t least = pct > y->min_on_demand_n ? pct : y->min_on_demand_n;

	if ((int64_t)g->on_demand > least)
		return NULL;
	return arena_printf(p->a, "the policy keeps %lld of the group on "
	    "demand", (long long)least);
}

/* True when the state of the group has settled it. */
static bool
fallback(struct spot_planner *p, struct spot_want *w,
    struct spot_group_total *g)
{
	enum spot_phase phase = g->state != NULL ? g->state->phase :
	    PHASE_OPEN;
	const char *why;

	if (phase == PHASE_CANARY && !p->f->policy->revert_to_spot)
		phase = PHASE_CLOSED;
	if (phase == PHASE_CLOSED && !w->m->on_demand &&
	    strcmp(p->f->policy->fallback, "on-demand") == 0) {
		why = spot_plan_failed(p, g);
		why = why != NULL ? why : spot_plan_budget(p, g);
		if (why != NULL || !move_to_demand(p, w, "SWITCH",
		    closed_text(p, g->state)))
			hold(p, w, why != NULL ? why : "no on-demand price "
			    "is known");
		return true;
	}
	if (phase == PHASE_CLOSED) {
		hold(p, w, closed_text(p, g->state));
		return true;
	}
	if (phase == PHASE_CANARY && w->m->on_demand && g->canary) {
		hold(p, w, "one instance of the group tries spot again; the "
		    "others wait for an hour of its life");
		return true;
	}
	return false;
}

/* Cheaper on demand than any pool, and than where it is. */
static bool
dear(struct spot_planner *p, struct spot_want *w, struct spot_group_total *g)
{
	double H = (double)p->rules.horizon_h, od, ehc;
	double d = (double)p->rules.changeover_s / 3600;
	const char *why;

	if (w->m->on_demand)
		return false;
	od = dec_real(w->m->on_demand_price);
	od = od > 0 ? od : w->here != NULL ? dec_real(w->here->on_demand) : 0;
	ehc = (od * H + w->move) / (H - d);
	if (od <= 0 || ehc >= w->now || (w->n > 0 && w->top[0].ehc <= ehc))
		return false;
	if ((w->now - od) * H < p->rules.min_migration_ratio * w->move ||
	    (w->now - ehc) / w->now * 100 < (double)p->rules.min_saving_pct)
		return false;
	why = spot_plan_failed(p, g);
	why = why != NULL ? why : spot_plan_budget(p, g);
	if (why != NULL)
		hold(p, w, why);
	else
		move_to_demand(p, w, "SWITCH", arena_printf(p->a, "spot is "
		    "expected to cost %.4f USD per hour here, on-demand %.4f",
		    w->now, ehc));
	return true;
}

static void
consider(struct spot_planner *p, struct spot_want *w)
{
	struct spot_group_total *g = &p->groups.v[w->group];
	const char *why = NULL, *first = NULL;

	if (fallback(p, w, g) || dear(p, w, g))
		return;
	if (w->n == 0) {
		hold(p, w, w->fits > 0 ? "no other pool fits" :
		    "no pool fits: all were refused");
		return;
	}
	if (w->m->on_demand)
		why = kept_on_demand(p, g);
	why = why != NULL ? why : spot_plan_not_worth(p, w, &w->top[0]);
	why = why != NULL ? why : spot_plan_failed(p, g);
	why = why != NULL ? why : spot_plan_budget(p, g);
	if (why != NULL) {
		hold(p, w, why);
		return;
	}
	for (size_t i = 0; i < w->n; i++) {
		why = spot_plan_crowded(p, w, w->top[i].offer);
		why = why != NULL ? why : spot_plan_not_worth(p, w, &w->top[i]);
		first = first != NULL ? first : why;
		if (why != NULL)
			continue;
		g->canary |= w->m->on_demand && g->state != NULL &&
		    g->state->phase == PHASE_CANARY;
		move_to_pool(p, w, &w->top[i], "SWITCH");
		return;
	}
	hold(p, w, first);
}

/* ---- the plan ---------------------------------------------------------------------- */

static int
by_saving(const void *va, const void *vb)
{
	const struct spot_want *a = *(struct spot_want *const *)va;
	const struct spot_want *b = *(struct spot_want *const *)vb;
	double x = a->n > 0 ? a->now - a->top[0].ehc : 0;
	double y = b->n > 0 ? b->now - b->top[0].ehc : 0;

	if ((a->m->signal != SPOT_NONE) != (b->m->signal != SPOT_NONE))
		return a->m->signal != SPOT_NONE ? -1 : 1;
	if (a->m->signal != b->m->signal)
		return a->m->signal == SPOT_TERMINATION ? -1 : 1;
	if (x != y)
		return x > y ? -1 : 1;
	return memcmp(&a->m->id, &b->m->id, sizeof(a->m->id));
}

static void
assign(struct spot_planner *p)
{
	struct spot_want **v = arena_array(p->a, p->f->n, sizeof(*v));

	for (size_t i = 0; i < p->f->n; i++)
		v[i] = &p->wants[i];
	if (p->f->n > 1)
		qsort(v, p->f->n, sizeof(*v), by_saving);
	for (size_t i = 0; i < p->f->n; i++) {
		struct spot_want *w = v[i];

		if (w->m->held != NULL)
			hold(p, w, w->m->held);
		else if (w->m->signal != SPOT_NONE && !w->m->on_demand)
			under_notice(p, w);
		else if (w->unpriced)
			hold(p, w, "no price is known for where it runs");
		else if (!p->f->policy->enabled)
			hold(p, w, "the policy is switched off");
		else if (p->quiet)
			hold(p, w, "quiet hours of the policy");
		else
			consider(p, w);
	}
}

static int
by_score(const void *va, const void *vb)
{
	const struct spot_plan_move *a = va, *b = vb;
	bool x = strcmp(a->decision, "SWITCH") == 0;
	bool y = strcmp(b->decision, "SWITCH") == 0;

	if (x != y)
		return x ? 1 : -1;
	if (a->score != b->score)
		return a->score > b->score ? -1 : 1;
	return memcmp(&a->member->id, &b->member->id, sizeof(struct uuid));
}

static int
by_member(const void *va, const void *vb)
{
	const struct spot_plan_held *a = va, *b = vb;

	return memcmp(&a->member->id, &b->member->id, sizeof(struct uuid));
}

static double
peak(struct spot_planner *p)
{
	double most = 0;

	for (size_t k = 0; k < p->f->nmarkets; k++)
		for (size_t i = 0; i < p->f->markets[k].n; i++)
			most = fmax(most, (double)p->fig[k][i].here *
			    p->fig[k][i].c.loss_1h);
	return p->f->n > 0 ? most / (double)p->f->n : 0;
}

static void
sum(struct spot_planner *p, struct spot_plan *out)
{
	for (size_t i = 0; i < p->f->n; i++) {
		out->cost_before += p->wants[i].now;
		out->losses_before += p->wants[i].loss;
	}
	out->cost_after = out->cost_before;
	out->losses_after = out->losses_before;
	for (size_t i = 0; i < p->moves.n; i++) {
		const struct spot_plan_move *m = &p->moves.v[i];

		out->cost_after += m->cost_then - m->cost_now;
		out->losses_after += m->loss_then - m->loss_now;
	}
	out->peak_after = peak(p);
	out->oldest = p->oldest;
}

void
spot_plan_make(struct arena *a, const struct spot_fleet *f,
    struct spot_plan *out)
{
	struct spot_planner p = { .a = a, .f = f,
	    .rules = spot_policy_rules(f->policy),
	    .moves_hour = f->moves_hour,
	    .quiet = spot_policy_quiet(f->policy, f->now) };

	*out = (struct spot_plan){ .nmoves = 0 };
	spot_plan_gather(&p);
	out->peak_before = peak(&p);
	assign(&p);
	if (p.moves.n > 1)
		qsort(p.moves.v, p.moves.n, sizeof(*p.moves.v), by_score);
	if (p.held.n > 1)
		qsort(p.held.v, p.held.n, sizeof(*p.held.v), by_member);
	out->moves = p.moves.v;
	out->nmoves = p.moves.n;
	out->held = p.held.v;
	out->nheld = p.held.n;
	sum(&p, out);
}

const struct spot_plan_move *
spot_plan_find(const struct spot_plan *p, struct uuid member)
{
	for (size_t i = 0; i < p->nmoves; i++)
		if (memcmp(&p->moves[i].member->id, &member,
		    sizeof(member)) == 0)
			return &p->moves[i];
	return NULL;
}

const struct spot_plan_held *
spot_plan_held_of(const struct spot_plan *p, struct uuid member)
{
	size_t lo = 0, hi = p->nheld;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		int c = memcmp(&p->held[mid].member->id, &member,
		    sizeof(member));

		if (c == 0)
			return &p->held[mid];
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}
