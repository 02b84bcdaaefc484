/*
 * The decision for one instance, from prices and interruption classes. Reads
 * no clock and no table; refuses to decide when the type or the price of the
 * instance itself is unknown. Invariant: every pool is a candidate or has a
 * refusal; equal costs are ordered by name, so the answer never depends on
 * the order of the rows.
 */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/err.h"
#include "base/number.h"
#include "base/vec.h"
#include "modules/spot/advice.h"

/* ---- the reply as a table ------------------------------------------------ */

static const struct field choice_fields[] = {
	FIELD(struct spot_choice, pool, .doc = "Zone and type"),
	FIELD(struct spot_choice, az, .doc = "Availability zone"),
	FIELD(struct spot_choice, instance_type, .doc = "Instance type"),
	FIELD(struct spot_choice, price, .doc = "Spot price, USD per hour"),
	FIELD(struct spot_choice, on_demand,
	    .doc = "On-demand price, USD per hour; 0 = not known"),
	FIELD(struct spot_choice, price_at, .flags = FF_NULLABLE,
	    .doc = "When the spot price was set"),
	FIELD(struct spot_choice, expected_hourly_cost,
	    .doc = "Price with the risk of interruption and the move in it"),
	FIELD(struct spot_choice, hourly_saving,
	    .doc = "Against what runs now, USD per hour"),
	FIELD(struct spot_choice, saving_percent,
	    .doc = "The same in percent"),
	FIELD(struct spot_choice, crash_probability,
	    .doc = "Probability of an interruption within the horizon"),
	FIELD(struct spot_choice, interruption,
	    .doc = "Share of instances interrupted in a month"),
	FIELD_END
};
const struct schema spot_choice_schema = {
	.name = "SpotCandidate", .doc = "A pool the instance could run in",
	.size = sizeof(struct spot_choice), .fields = choice_fields
};

static const struct field advice_fields[] = {
	FIELD(struct spot_advice, decision,
	    .oneof = ONEOF("STAY", "SWITCH", "DRAIN", "EVACUATE"),
	    .doc = "What to do"),
	FIELD(struct spot_advice, reason, .doc = "The main reason"),
	FIELD(struct spot_advice, reasons, .elem = FT_STR,
	    .doc = "All reasons, in sentences"),
	FIELD(struct spot_advice, crash_probability,
	    .doc = "Probability that the instance is interrupted within 24 h"),
	FIELD(struct spot_advice, aws_signal,
	    .oneof = ONEOF("NONE", "REBALANCE", "TERMINATION"),
	    .doc = "What AWS has announced for the instance"),
	FIELD(struct spot_advice, execution_time_ms,
	    .doc = "Time the decision took"),
	FIELD(struct spot_advice, candidates_evaluated,
	    .doc = "Pools looked at"),
	FIELD(struct spot_advice, candidates_refused,
	    .doc = "Pools that are no candidates"),
	FIELD(struct spot_advice, selected_candidate, .flags = FF_NULLABLE,
	    .sub = &spot_choice_schema,
	    .doc = "Where to go; null when it should stay or cannot move"),
	FIELD(struct spot_advice, candidates, .sub = &spot_choice_schema,
	    .doc = "The best pools, cheapest first"),
	FIELD(struct spot_advice, refused, .sub = &spot_refusal_schema,
	    .doc = "Pools that are no candidates and why (the first 50)"),
	FIELD(struct spot_advice, prices_as_of, .flags = FF_NULLABLE,
	    .doc = "Oldest price that counted"),
	FIELD(struct spot_advice, model,
	    .doc = "Where the probabilities come from"),
	FIELD(struct spot_advice, current_hourly_cost,
	    .doc = "Expected cost where it is now, USD per hour"),
	FIELD(struct spot_advice, market,
	    .doc = "Whose prices were used: aws or simulated"),
	FIELD_END
};
const struct schema spot_advice_schema = {
	.name = "SpotAdvice", .doc = "What to do with an instance, and why",
	.size = sizeof(struct spot_advice), .fields = advice_fields
};

/* ---- costs --------------------------------------------------------------- */

struct work {
	struct arena *a;
	const struct spot_rules *r;
	const struct spot_question *q;
	const struct spot_offer *here;
	double now;			/* expected cost where it is */
	double move;			/* C_mig */
	struct spot_need need;
	struct spot_ranking k;
	VEC(const char *) said;
	struct utc oldest;
};

static const char *
usd(struct arena *a, double v)
{
	return arena_printf(a, "%.4f", v);
}

static void
say(struct work *w, const char *sentence)
{
	*VEC_ADD(w->a, &w->said) = sentence;
}

static void
use_price(struct work *w, const struct spot_offer *o)
{
	if (w->oldest.us == 0 || o->price_at.us < w->oldest.us)
		w->oldest = o->price_at;
}

/* ---- where it is now ----------------------------------------------------- */

static int
find_here(struct work *w, const struct spot_offer *v, size_t n, struct err *e)
{
	const struct spot_question *q = w->q;

	for (size_t i = 0; i < n && w->here == NULL; i++)
		if (strcmp(v[i].az, q->az) == 0 &&
		    strcmp(v[i].instance_type, q->instance_type) == 0)
			w->here = &v[i];
	if (w->here == NULL)
		return err_set(e, 422, "no_pool", "There is no pool of %s in "
		    "%s: import or pull its prices", q->instance_type, q->az);
	if (w->here->vcpu == 0)
		return err_set(e, 422, "no_type", "Instance type %s is not in "
		    "the catalogue", q->instance_type);
	if (!q->on_demand && w->here->price.e8 <= 0)
		return err_set(e, 422, "no_price", "There is no spot price of "
		    "%s in %s: import or pull its prices", q->instance_type,
		    q->az);
	if (q->on_demand && w->here->on_demand.e8 <= 0)
		return err_set(e, 422, "no_price", "There is no on-demand "
		    "price of %s: import it", q->instance_type);
	return 0;
}

/* What runs here must run there. */
static struct spot_need
need_of(const struct work *w)
{
	const struct spot_offer *o = w->here;
	struct spot_need n = { .vcpu = o->vcpu, .mem_mib = o->mem_mib,
	    .gpu = o->gpu, .steady = !o->burstable };

	if (w->q->need != NULL)
		n = *w->q->need;
	n.rules = w->r;
	n.now = w->q->now;
	n.arch = n.arch != NULL ? n.arch : o->arch;
	n.running = w->q->on_demand ? o->on_demand : o->price;
	if (w->q->signal != SPOT_NONE) {
		n.avoid_az = o->az;
		n.avoid_type = o->instance_type;
	} else if (!w->q->on_demand) {
		n.here_az = o->az;
		n.here_type = o->instance_type;
	}
	return n;
}

static void
rank(struct work *w, const struct spot_offer *v, size_t n)
{
	spot_pools_rank(w->a, v, n, &w->need, &w->k);
	if (w->oldest.us == 0 || (w->k.oldest.us != 0 &&
	    w->k.oldest.us < w->oldest.us))
		w->oldest = w->k.oldest;
}

static void
cost_here(struct work *w, struct spot_advice *out)
{
	double d = (double)w->r->changeover_s / 3600, price;
	struct spot_cost c;

	if (w->q->on_demand) {
		w->now = price = dec_real(w->here->on_demand);
	} else {
		c = spot_pool_cost(w->here, w->r, w->q->age_h, 0,
		    w->need.interruption_cost);
		w->now = c.stay;
		price = dec_real(w->here->price);
		out->crash_probability = c.loss;
		use_price(w, w->here);
	}
	w->move = d * price + w->need.move_cost;
	(void)dec_from_real(w->now, &out->current_hourly_cost);
}

/* ---- the decision -------------------------------------------------------- */

static struct spot_choice
choice_of(struct work *w, const struct spot_ranked *s)
{
	struct spot_choice c = { .az = s->o->az,
	    .instance_type = s->o->instance_type, .price = s->o->price,
	    .on_demand = s->o->on_demand, .price_at = s->o->price_at,
	    .crash_probability = s->c.loss,
	    .interruption = spot_class_label(s->o->interruption) };

	c.pool = spot_pool_name(w->a, c.az, c.instance_type);
	(void)dec_from_real(s->c.ehc, &c.expected_hourly_cost);
	(void)dec_from_real(w->now - s->c.ehc, &c.hourly_saving);
	c.saving_percent = w->now > 0 ?
	    round((w->now - s->c.ehc) / w->now * 10000) / 100 : 0;
	return c;
}

static void
say_best(struct work *w, const struct spot_ranked *s)
{
	struct spot_choice c = choice_of(w, s);

	say(w, arena_printf(w->a, "%s in %s is expected to cost %s USD per "
	    "hour instead of %s USD per hour now: %.1f %% less", c.instance_type,
	    c.az, usd(w->a, s->c.ehc), usd(w->a, w->now),
	    c.saving_percent));
}

/* True if the best candidate is worth the move. */
static bool
worth_it(struct work *w, const struct spot_ranked *s)
{
	double H = (double)w->r->horizon_h;
	double saved = (w->now - s->c.stay) * H;
	double pct = (w->now - s->c.ehc) / w->now * 100;

	if (s->c.ehc >= w->now) {
		say(w, arena_printf(w->a, "Nothing is cheaper: the best "
		    "other pool, %s in %s, is expected to cost %s USD per "
		    "hour, here it is %s", s->o->instance_type, s->o->az,
		    usd(w->a, s->c.ehc), usd(w->a, w->now)));
		return false;
	}
	if (pct < (double)w->r->min_saving_pct) {
		say(w, arena_printf(w->a, "The best other pool, %s in %s, "
		    "saves %.1f %%; a move needs %lld %%",
		    s->o->instance_type, s->o->az, pct,
		    (long long)w->r->min_saving_pct));
		return false;
	}
	if (saved < w->r->min_migration_ratio * w->move) {
		say(w, arena_printf(w->a, "Moving to %s in %s saves %s USD in "
		    "%lld hours; a move that costs %s USD needs %.1f times "
		    "that", s->o->instance_type, s->o->az, usd(w->a, saved),
		    (long long)w->r->horizon_h, usd(w->a, w->move),
		    w->r->min_migration_ratio));
		return false;
	}
	say_best(w, s);
	say(w, arena_printf(w->a, "Over %lld hours the move saves %s USD and "
	    "costs %s USD", (long long)w->r->horizon_h, usd(w->a, saved),
	    usd(w->a, w->move)));
	return true;
}

static bool
decide(struct work *w, struct spot_advice *out)
{
	const struct spot_ranked *best = w->k.n > 0 ? &w->k.v[0] : NULL;

	if (w->q->signal != SPOT_NONE) {
		bool gone = w->q->signal == SPOT_TERMINATION;

		out->decision = gone ? "EVACUATE" : "DRAIN";
		say(w, gone ? "AWS ends this instance within two minutes: "
		    "launch the replacement and leave now" : "AWS recommends "
		    "to rebalance: the risk of an interruption here is "
		    "elevated, launch the replacement and drain");
		if (best == NULL)
			say(w, "No spot pool fits: replace it with an "
			    "on-demand instance");
		else
			say(w, arena_printf(w->a, "Best replacement: %s in "
			    "%s, expected to cost %s USD per hour",
			    best->o->instance_type, best->o->az,
			    usd(w->a, best->c.ehc)));
		return best != NULL;
	}
	out->decision = "STAY";
	if (best == NULL) {
		say(w, w->k.nrefused == 0 ? "There is no other pool to compare "
		    "with" : arena_printf(w->a, "No other pool fits: all %zu "
		    "were refused", w->k.nrefused));
		return false;
	}
	if (!worth_it(w, best))
		return false;
	out->decision = "SWITCH";
	return true;
}

static void
say_facts(struct work *w, const struct spot_advice *out)
{
	const struct spot_offer *o = w->here;

	if (w->q->on_demand)
		say(w, arena_printf(w->a, "It runs on demand for %s USD per "
		    "hour", usd(w->a, w->now)));
	else
		say(w, arena_printf(w->a, "Here the spot price is %s USD per "
		    "hour and %s of such instances are interrupted in a "
		    "month: %.2f %% within %lld hours",
		    usd(w->a, dec_real(o->price)),
		    spot_class_label(o->interruption),
		    out->crash_probability * 100,
		    (long long)w->r->horizon_h));
	if (!w->q->on_demand && o->interruption < 0)
		say(w, "The interruption class of this pool is not known: "
		    "10-15 % a month is assumed");
	if (!w->q->on_demand && o->on_demand.e8 > 0 &&
	    o->price.e8 >= o->on_demand.e8)
		say(w, arena_printf(w->a, "Spot is dearer here than on-demand "
		    "(%s USD per hour)", usd(w->a, dec_real(o->on_demand))));
}

static void
fill(struct work *w, struct spot_advice *out, bool selected, size_t n)
{
	size_t k = w->k.n < SPOT_CANDIDATES ? w->k.n : SPOT_CANDIDATES;
	struct spot_choice *c = arena_array(w->a, k, sizeof(*c));

	for (size_t i = 0; i < k; i++)
		c[i] = choice_of(w, &w->k.v[i]);
	out->candidates = (struct list){ c, k };
	out->selected_candidate = selected ? c : NULL;
	out->candidates_evaluated = (int64_t)n;
	out->candidates_refused = (int64_t)w->k.nrefused;
	out->refused = (struct list){ w->k.refused,
	    w->k.nrefused < SPOT_REFUSALS ? w->k.nrefused : SPOT_REFUSALS };
	out->reasons = (struct list){ w->said.v, w->said.n };
	out->reason = w->said.v[0];
	out->prices_as_of = w->oldest;
	out->model = w->q->model != NULL ? w->q->model :
	    SPOT_CLASS_MODEL;
}

int
spot_advise(struct arena *a, const struct spot_rules *r,
    const struct spot_question *q, const struct spot_offer *v, size_t n,
    struct spot_advice *out, struct err *e)
{
	static const char *const signals[] = { "NONE", "REBALANCE",
	    "TERMINATION" };
	struct work w = { .a = a, .r = r, .q = q };
	bool go;

	memset(out, 0, sizeof(*out));
	out->aws_signal = signals[q->signal];
	out->market = "";
	if (find_here(&w, v, n, e) == -1)
		return -1;
	w.need = need_of(&w);
	cost_here(&w, out);
	rank(&w, v, n);
	go = decide(&w, out);
	say_facts(&w, out);
	fill(&w, out, go, n);
	return 0;
}
