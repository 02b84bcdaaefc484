/*
 * Decisions about accounts: the plan's moves become recommendations with their
 * records, those that waited are brought up to date or superseded. Inside the
 * caller's transaction, which holds the account's row. Invariant: a
 * recommendation has a decision record that says on what it was decided, how
 * old that was, and what was refused.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/number.h"
#include "base/random.h"
#include "base/str.h"
#include "modules/platform/platform.h"
#include "modules/spot/recommendation_inner.h"
#include "modules/spot/rows.h"

enum { REFUSED_MAX = 50, MODEL_MAX = 100 };

static const char *const risks[] = { "low", "medium", "high", "critical" };

/* ---- a plan's move as a row -------------------------------------------------------- */

struct deciding {
	struct env *env;
	struct db *db;
	struct arena *a;
	struct spot_plan_made *m;
	struct utc now;
	struct spot_decided *out;
};

static struct dec
usd(double v)
{
	struct dec d = { 0 };

	(void)dec_from_real(v, &d);
	return d;
}

static void
add_place(struct str *s, const char *az, const char *type,
    const char *lifecycle, struct dec price)
{
	char text[DEC_TEXT];

	str_addf(s, "%s{\"az\":", s->len > 1 ? "," : "");
	str_json(s, az);
	str_add(s, ",\"instance_type\":");
	str_json(s, type);
	str_addf(s, ",\"lifecycle\":\"%s\",\"price\":%s}", lifecycle,
	    dec_format(price, text));
}

/* The chosen pool, what comes next, and on-demand behind them all. */
static const char *
places(struct deciding *d, const struct spot_plan_move *p)
{
	const struct spot_plan_member *w = p->member;
	struct str s;

	str_init(&s, d->a);
	str_addc(&s, '[');
	if (p->to != NULL)
		add_place(&s, p->to->az, p->to->instance_type, "spot",
		    p->to->price);
	for (size_t i = 0; p->to != NULL && i < p->nnext; i++)
		add_place(&s, p->next[i]->az, p->next[i]->instance_type,
		    "spot", p->next[i]->price);
	if (p->to == NULL || (strcmp(p->decision, "SWITCH") != 0 &&
	    strcmp(d->m->policy.fallback, "on-demand") == 0))
		add_place(&s, w->az, w->instance_type, "on-demand",
		    w->on_demand_price);
	str_addc(&s, ']');
	return s.p;
}

static const char *
pool_text(struct deciding *d, const struct spot_plan_move *p)
{
	if (p->to == NULL)
		return arena_printf(d->a, "on-demand %s:%s", p->member->az,
		    p->member->instance_type);
	return spot_pool_name(d->a, p->to->az, p->to->instance_type);
}

static struct spot_recommendation
row_of(struct deciding *d, const struct spot_plan_move *p)
{
	const struct spot_plan_member *w = p->member;
	struct spot_recommendation r = { .id = uuid_new(),
	    .tenant_id = d->m->acc.tenant_id, .account_id = d->m->acc.id,
	    .member_id = w->id, .instance_id = w->instance_id,
	    .region = d->m->fleet.markets[w->market].region,
	    .decision = p->decision, .to_pool = pool_text(d, p),
	    .from_pool = arena_printf(d->a, "%s%s:%s", w->on_demand ?
	    "on-demand " : "", w->az, w->instance_type),
	    .pools = { places(d, p) }, .score = p->score,
	    .saving = usd(p->saving), .move_cost = usd(p->move_cost),
	    .loss_now = p->loss_now, .loss_then = p->loss_then,
	    .risk = risks[p->risk], .reason = spot_short_text(d->a, p->reason),
	    .model = d->m->model, .prices_at = d->m->plan.oldest,
	    .state = "open", .note = "", .decided_by = "",
	    .expires_at = { d->now.us + SPOT_RECOMMENDATION_S * US_PER_S },
	    .created_at = d->now, .updated_at = d->now };

	return r;
}

/* ---- the decision record -------------------------------------------------------------- */

static const char *
refused_text(struct deciding *d, const struct spot_plan_move *p)
{
	struct spot_ranking k;
	struct str s;
	size_t n;

	spot_plan_refused(d->a, d->m, p->member, &k);
	str_init(&s, d->a);
	str_addc(&s, '[');
	for (size_t i = 0; i < p->nnext; i++) {
		str_addf(&s, "%s{\"alternative\":", i > 0 ? "," : "");
		str_json(&s, spot_pool_name(d->a, p->next[i]->az,
		    p->next[i]->instance_type));
		str_add(&s, ",\"reason\":\"dearer, or its pool or zone has "
		    "its share\"}");
	}
	n = k.nrefused < REFUSED_MAX ? k.nrefused : REFUSED_MAX;
	for (size_t i = 0; i < n; i++) {
		str_addf(&s, "%s{\"alternative\":", s.len > 1 ? "," : "");
		str_json(&s, k.refused[i].pool);
		str_add(&s, ",\"reason\":");
		str_json(&s, k.refused[i].reason);
		str_addc(&s, '}');
	}
	str_addc(&s, ']');
	return s.p;
}

static void
input(struct str *s, const char *name, const char *value, struct utc at)
{
	char text[CLOCK_TEXT];

	str_addf(s, "%s\"%s\":{\"value\":%s,\"at\":", s->len > 1 ? "," : "",
	    name, value);
	str_json(s, at.us != 0 ? clock_format(at, text) : NULL);
	str_addc(s, '}');
}

/* What it was decided on, and how old each of it is. */
static const char *
inputs(struct deciding *d, const struct spot_plan_move *p)
{
	char text[DEC_TEXT];
	struct str s;

	str_init(&s, d->a);
	str_addc(&s, '{');
	input(&s, "inventory", arena_printf(d->a, "%zu", d->m->fleet.n),
	    d->m->scanned_at);
	if (p->to != NULL) {
		input(&s, "spot_price", dec_format(p->to->price, text),
		    p->to->price_at);
		input(&s, "interruption_class", arena_printf(d->a, "%lld",
		    (long long)p->to->interruption),
		    p->to->interruption_at);
		input(&s, "on_demand_price", dec_format(p->to->on_demand,
		    text), p->to->on_demand_at);
	}
	input(&s, "policy_version", arena_printf(d->a, "%lld",
	    (long long)d->m->policy.version), d->m->policy.updated_at);
	str_addc(&s, '}');
	return s.p;
}

static struct utc
older(struct utc a, struct utc b)
{
	return a.us == 0 || (b.us != 0 && b.us < a.us) ? b : a;
}

static int
record(struct deciding *d, const struct spot_plan_move *p,
    struct spot_recommendation *r, struct err *e)
{
	struct platform_decision_new n = { .tenant = r->tenant_id,
	    .module = "spot", .kind = "move", .subject = "instance",
	    .subject_id = r->instance_id, .chosen = arena_printf(d->a,
	    "%s to %s", r->decision, r->to_pool), .reason = r->reason,
	    .refused = { refused_text(d, p) }, .inputs = { inputs(d, p) },
	    .oldest = older(d->m->scanned_at, d->m->plan.oldest),
	    .expected = { arena_printf(d->a, "{\"saving_per_hour\":%.6f,"
	    "\"score\":%.4f,\"loss_now\":%.6f,\"loss_then\":%.6f}", p->saving,
	    p->score, p->loss_now, p->loss_then) },
	    .model_id = d->m->model_id, .model = arena_strndup(d->a,
	    d->m->model, strnlen(d->m->model, MODEL_MAX)), .by = SPOT_DECIDE_BY };

	if (platform_decide(d->db, &n, e) == -1)
		return -1;
	r->decision_id = n.id;
	return 0;
}

/* ---- deciding ------------------------------------------------------------------------- */

static const struct spot_recommendation *
waiting_for(const struct rows *w, struct uuid member)
{
	for (size_t i = 0; i < w->n; i++) {
		const struct spot_recommendation *r = ROW(w,
		    struct spot_recommendation, i);

		if (uuid_equal(r->member_id, member))
			return r;
	}
	return NULL;
}

static bool
without_asking(const struct spot_policy *p, const struct spot_plan_move *m)
{
	if (strcmp(p->approve, "auto") == 0)
		return true;
	return strcmp(p->approve, "low_risk") == 0 && m->risk == RISK_LOW;
}

static int
new_one(struct deciding *d, const struct spot_plan_move *p,
    struct spot_recommendation *r, struct err *e)
{
	if (record(d, p, r, e) == -1)
		return -1;
	if (without_asking(&d->m->policy, p)) {
		if (spot_recommendation_reserve(d->env, d->db, d->a, r,
		    NULL, SPOT_DECIDE_BY, e) == -1)
			return -1;
		d->out->n_reserved += strcmp(r->state, "approved") == 0;
	} else if (spot_recommendation_ask(d->db, d->a, r,
	    (enum platform_risk)p->risk, e) == -1) {
		return -1;
	}
	if (spot_recommendation_insert(d->db, r, e) == -1)
		return -1;
	d->out->n_new++;
	return spot_recommendation_tell(d->db, r, e);
}

/* The same as what waits: its figures are brought up to date. */
static int
take(struct deciding *d, const struct spot_plan_move *p,
    const struct rows *waiting, struct err *e)
{
	const struct spot_recommendation *w = waiting_for(waiting,
	    p->member->id);
	struct spot_recommendation r = row_of(d, p), old;

	d->out->n_moves++;
	d->out->saving_micro_h += r.saving.e8 / 100;
	if (w == NULL)
		return new_one(d, p, &r, e);
	old = *w;
	if (strcmp(w->to_pool, r.to_pool) != 0 ||
	    strcmp(w->decision, r.decision) != 0 ||
	    strcmp(w->from_pool, r.from_pool) != 0) {
		d->out->n_superseded++;
		if (spot_recommendation_end(d->db, d->a, &old, "superseded", arena_printf(d->a,
		    "a later decision chose %s", r.to_pool), d->now, e) == -1)
			return -1;
		return new_one(d, p, &r, e);
	}
	r.id = w->id;
	r.approval_id = w->approval_id;
	r.decision_id = w->decision_id;
	r.move_id = w->move_id;
	return spot_recommendation_update(d->db, &r, e);
}

/* What waits and is not worth it any more. */
static int
drop_rest(struct deciding *d, const struct rows *waiting, struct err *e)
{
	for (size_t i = 0; i < waiting->n; i++) {
		struct spot_recommendation *r = ROW(waiting,
		    struct spot_recommendation, i);
		const struct spot_plan_held *h;
		const char *note = "the instance is gone";

		if (spot_plan_find(&d->m->plan, r->member_id) != NULL)
			continue;
		h = spot_plan_held_of(&d->m->plan, r->member_id);
		if (h != NULL)
			note = spot_short_text(d->a, h->reason);
		d->out->n_superseded++;
		if (spot_recommendation_end(d->db, d->a, r, "superseded", note, d->now, e) == -1)
			return -1;
	}
	return 0;
}

static int
alert(struct deciding *d, struct err *e)
{
	struct spot_risk_alert t = { .account_id = d->m->acc.id,
	    .share_lost = d->m->plan.peak_before,
	    .limit = d->m->policy.max_hourly_loss, .model = d->m->model };
	char id[UUID_TEXT];

	if (t.share_lost <= t.limit)
		return 0;
	t.why = arena_printf(d->a, "%.1f %% of the fleet are expected to be "
	    "lost with one pool within an hour; the policy bears %.1f %%",
	    t.share_lost * 100, t.limit * 100);
	return event_publish(d->db,
	    &spot_recommendation_events[SPOT_EVENT_RISK_ALERT],
	    d->m->acc.tenant_id, uuid_format(t.account_id, id), 0, &t, e);
}

int
spot_decide(struct env *env, struct db *db, struct arena *a,
    struct uuid tenant, struct uuid account, struct utc now,
    struct spot_decided *out, struct err *e)
{
	struct deciding d = { .env = env, .db = db, .a = a, .now = now,
	    .out = out, .m = arena_alloc(a, sizeof(*d.m)) };
	struct spot_account acc;
	struct rows waiting;

	*out = (struct spot_decided){ .model = "" };
	/* one decision at a time about an account */
	if (spot_found(spot_account_lock(db, a, tenant, account, &acc, e),
	    "Account", e) == -1 ||
	    spot_plan_of(db, a, tenant, account, NULL, now, d.m, e) == -1 ||
	    spot_recommendation_waiting(db, a, account, &waiting, e) == -1)
		return -1;
	out->n_members = (int64_t)d.m->fleet.n;
	out->n_held = (int64_t)d.m->plan.nheld;
	out->losses_before = d.m->plan.losses_before;
	out->losses_after = d.m->plan.losses_after;
	out->model = d.m->model;
	for (size_t i = 0; i < d.m->plan.nmoves; i++)
		if (take(&d, &d.m->plan.moves[i], &waiting, e) == -1)
			return -1;
	if (drop_rest(&d, &waiting, e) == -1)
		return -1;
	return alert(&d, e);
}

