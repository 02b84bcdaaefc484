/*
 * A plan over HTTP: what would be moved, what stays and why, and what it would
 * come to. Nothing is written.
 */
#include <string.h>

#include "base/number.h"
#include "base/vec.h"
#include "http/http.h"
#include "modules/spot/plan_ops.h"
#include "modules/spot/rows.h"

enum { DETAILED = 20, REFUSED = 20 };

struct plan_in {
	struct uuid account_id;
	int64_t max_moves_per_h;
	double k_aversion;
	int64_t held;
};
#define P struct plan_in
static const struct field in_fields[] = {
	FIELD(P, account_id, .flags = FF_REQUIRED, .ref = "spot_account",
	    .doc = "Account"),
	FIELD(P, max_moves_per_h, .min = 0, .max = 10000, .def = "0",
	    .doc = "Instead of the policy's; 0 = the policy's"),
	FIELD(P, k_aversion, .min = 0, .max = 1000, .def = "0",
	    .doc = "Instead of the policy's; 0 = the policy's"),
	FIELD(P, held, .min = 0, .max = 10000, .def = "200",
	    .doc = "So many instances that stay are listed"),
	FIELD_END
};
#undef P
static const struct schema in_schema = {
	.name = "SpotPlanAsk", .doc = "Plan of which account",
	.size = sizeof(struct plan_in), .fields = in_fields
};

struct move {
	struct uuid id;
	const char *instance_id, *group, *decision, *from_pool, *to_pool, *risk,
	    *reason;
	struct dec cost_now, cost_then, saving, move_cost;
	double score, loss_now, loss_then;
	struct list alternatives, refused;
};
#define M struct move
static const struct field move_fields[] = {
	FIELD(M, id, .doc = "Instance"),
	FIELD(M, instance_id, .doc = "The cloud's id of it"),
	FIELD(M, group, .doc = "Its group"),
	FIELD(M, decision, .oneof = ONEOF("SWITCH", "DRAIN", "EVACUATE"),
	    .doc = "What would be done"),
	FIELD(M, from_pool, .doc = "Where it runs"),
	FIELD(M, to_pool, .doc = "Where it would"),
	FIELD(M, risk, .doc = "Of the move"), FIELD(M, reason, .doc = "Why"),
	FIELD(M, cost_now, .doc = "USD per hour, expected"),
	FIELD(M, cost_then, .doc = "The same, moved"),
	FIELD(M, saving, .doc = "The difference"),
	FIELD(M, move_cost, .doc = "USD, once"),
	FIELD(M, score, .doc = "Saving's share for disruption's share"),
	FIELD(M, loss_now, .doc = "Lost within the horizon"),
	FIELD(M, loss_then, .doc = "The same, moved"),
	FIELD(M, alternatives, .elem = FT_STR, .doc = "What comes next"),
	FIELD(M, refused, .sub = &spot_refusal_schema,
	    .doc = "Pools that are no candidates and why (of the first "
	    "moves, the first of them)"),
	FIELD_END
};
#undef M
static const struct schema move_schema = {
	.name = "SpotPlanMove", .doc = "A move of a plan",
	.size = sizeof(struct move), .fields = move_fields
};

struct stay {
	struct uuid id;
	const char *instance_id, *group, *pool, *reason;
	double loss;
};
#define H struct stay
static const struct field stay_fields[] = {
	FIELD(H, id, .doc = "Instance"),
	FIELD(H, instance_id, .doc = "The cloud's id of it"),
	FIELD(H, group, .doc = "Its group"),
	FIELD(H, pool, .doc = "Where it runs"),
	FIELD(H, reason, .doc = "Why it stays"),
	FIELD(H, loss, .doc = "Lost within the horizon"), FIELD_END
};
#undef H
static const struct schema stay_schema = {
	.name = "SpotPlanStay", .doc = "An instance that stays",
	.size = sizeof(struct stay), .fields = stay_fields
};

struct plan_out {
	struct uuid account_id;
	int64_t instances, n_moves, n_held;
	struct dec cost_before, cost_after, saving;
	double losses_before, losses_after, peak_before, peak_after;
	int64_t horizon_h;
	const char *policy, *model;
	int64_t policy_version;
	struct utc inventory_at, prices_at, made_at;
	struct list moves, held;
};
#define P struct plan_out
static const struct field out_fields[] = {
	FIELD(P, account_id, .doc = "Account"),
	FIELD(P, instances, .doc = "Instances looked at"),
	FIELD(P, n_moves, .doc = "Moves"),
	FIELD(P, n_held, .doc = "Instances that stay"),
	FIELD(P, cost_before, .doc = "USD per hour, expected"),
	FIELD(P, cost_after, .doc = "The same after the moves"),
	FIELD(P, saving, .doc = "The difference"),
	FIELD(P, losses_before, .doc = "Spot instances expected to be lost "
	    "within the horizon"),
	FIELD(P, losses_after, .doc = "The same after the moves"),
	FIELD(P, peak_before, .doc = "Largest share of the fleet expected to "
	    "be lost with one pool within an hour"),
	FIELD(P, peak_after, .doc = "The same after the moves"),
	FIELD(P, horizon_h, .doc = "Hours looked ahead"),
	FIELD(P, policy, .doc = "Whose policy: account, tenant, default"),
	FIELD(P, policy_version, .doc = "Its version"),
	FIELD(P, model, .doc = "Where the probabilities come from"),
	FIELD(P, inventory_at, .flags = FF_NULLABLE,
	    .doc = "Last scan of the account"),
	FIELD(P, prices_at, .flags = FF_NULLABLE,
	    .doc = "Oldest price that counted"),
	FIELD(P, made_at, .doc = "When"),
	FIELD(P, moves, .sub = &move_schema, .doc = "Notices first, then by "
	    "score"),
	FIELD(P, held, .sub = &stay_schema, .doc = "What stays, and why"),
	FIELD_END
};
#undef P
static const struct schema out_schema = {
	.name = "SpotPlan", .doc = "What would be done in an account",
	.size = sizeof(struct plan_out), .fields = out_fields
};

static struct dec
usd(double v)
{
	struct dec d = { 0 };

	(void)dec_from_real(v, &d);
	return d;
}

static const char *
place(struct ctx *c, const struct spot_plan_member *w)
{
	return arena_printf(c->a, "%s%s:%s", w->on_demand ? "on-demand " : "",
	    w->az, w->instance_type);
}

static struct move
move_of(struct ctx *c, const struct spot_plan_made *m,
    const struct spot_plan_move *p, bool detailed)
{
	static const char *const risks[] = { "low", "medium", "high",
	    "critical" };
	const struct spot_plan_member *w = p->member;
	struct move v = { .id = w->id, .instance_id = w->instance_id,
	    .group = w->group, .decision = p->decision,
	    .from_pool = place(c, w), .to_pool = p->to != NULL ?
	    spot_pool_name(c->a, p->to->az, p->to->instance_type) :
	    arena_printf(c->a, "on-demand %s:%s", w->az, w->instance_type),
	    .risk = risks[p->risk], .reason = p->reason,
	    .cost_now = usd(p->cost_now), .cost_then = usd(p->cost_then),
	    .saving = usd(p->saving), .move_cost = usd(p->move_cost),
	    .score = p->score, .loss_now = p->loss_now,
	    .loss_then = p->loss_then };
	const char **next = arena_array(c->a, p->nnext, sizeof(*next));
	struct spot_ranking k;

	for (size_t i = 0; i < p->nnext; i++)
		next[i] = spot_pool_name(c->a, p->next[i]->az,
		    p->next[i]->instance_type);
	v.alternatives = (struct list){ next, p->nnext };
	if (detailed) {
		spot_plan_refused(c->a, m, w, &k);
		v.refused = (struct list){ k.refused,
		    k.nrefused < REFUSED ? k.nrefused : REFUSED };
	}
	return v;
}

static void
lists(struct ctx *c, const struct spot_plan_made *m, int64_t most,
    struct plan_out *out)
{
	const struct spot_plan *p = &m->plan;
	struct move *moves = arena_array(c->a, p->nmoves, sizeof(*moves));
	size_t n = p->nheld < (size_t)most ? p->nheld : (size_t)most;
	struct stay *held = arena_array(c->a, n, sizeof(*held));

	for (size_t i = 0; i < p->nmoves; i++)
		moves[i] = move_of(c, m, &p->moves[i], i < DETAILED);
	for (size_t i = 0; i < n; i++) {
		const struct spot_plan_member *w = p->held[i].member;

		held[i] = (struct stay){ w->id, w->instance_id, w->group,
		    place(c, w), p->held[i].reason, p->held[i].loss };
	}
	out->moves = (struct list){ moves, p->nmoves };
	out->held = (struct list){ held, n };
}

static int
plan(struct ctx *c, const void *in)
{
	const struct plan_in *p = in;
	struct spot_policy policy;
	struct spot_plan_made m;
	struct plan_out out;

	if (spot_policy_get(c->db, c->a, c->who.tenant_id, p->account_id,
	    &policy, &c->err) == -1)
		return fail_err(c);
	if (p->max_moves_per_h > 0)
		policy.max_moves_per_h = p->max_moves_per_h;
	if (p->k_aversion > 0)
		policy.k_aversion = p->k_aversion;
	if (spot_plan_of(c->db, c->a, c->who.tenant_id, p->account_id,
	    &policy, c->now, &m, &c->err) == -1)
		return fail_err(c);
	out = (struct plan_out){ .account_id = p->account_id,
	    .instances = (int64_t)m.fleet.n,
	    .n_moves = (int64_t)m.plan.nmoves,
	    .n_held = (int64_t)m.plan.nheld,
	    .cost_before = usd(m.plan.cost_before),
	    .cost_after = usd(m.plan.cost_after),
	    .saving = usd(m.plan.cost_before - m.plan.cost_after),
	    .losses_before = m.plan.losses_before,
	    .losses_after = m.plan.losses_after,
	    .peak_before = m.plan.peak_before,
	    .peak_after = m.plan.peak_after,
	    .horizon_h = m.policy.horizon_h, .policy = m.policy.source,
	    .policy_version = m.policy.version, .model = m.model,
	    .inventory_at = m.scanned_at, .prices_at = m.plan.oldest,
	    .made_at = c->now };
	lists(c, &m, p->held, &out);
	return reply(c, &out);
}

const struct route spot_plan_routes[] = {
	{ .id = "spot.plan.create", .method = HTTP_POST,
	  .path = "/api/spot/plans", .aliases = ALIASES(
	  { "/api/v1/plans", "001", false }),
	  .summary = "What would be done in an account",
	  .doc = "A dry run of the decision: moves with reasons, refusals "
	  "and alternatives, what stays and why, saving, and risk before and "
	  "after.",
	  .auth = AUTH_USER, .permission = "spot:read", .in = &in_schema,
	  .out = &out_schema, .ok = 200, .errors = ERRORS(404),
	  .pool = POOL_SLOW, .natural_key = "nothing is written",
	  .run = plan },
	ROUTE_END
};
