/*
 * Pre-trade checks, pure: one small function per rule, asked in the order of
 * the table. Invariants: no rule is left out because another one passed; what
 * makes a position smaller needs no cash but its fee and is never stopped by a
 * rule about what opens; an amount that does not fit is refused.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/number.h"
#include "modules/trade/risk.h"
#include "schema/schema.h"

__extension__ typedef __int128 wide;	/* products before they are rounded */

static const struct field verdict_fields[] = {
	FIELD(struct trade_ruling, rule, .doc = "Check"),
	FIELD(struct trade_ruling, passed, .doc = "It would let it through"),
	FIELD(struct trade_ruling, detail, .doc = "Why not"), FIELD_END
};
const struct schema trade_ruling_schema = {
	.name = "RiskVerdict", .doc = "What one check says of an order",
	.size = sizeof(struct trade_ruling), .fields = verdict_fields
};

/* One order under judgement, and what follows from it. */
struct judged {
	const struct trade_risk_in *in;
	bool overflow;
	struct dec notional, after, all, reserve, fee, free;
	int64_t opens;			/* worth of the part that opens */
	char why[160];
};

static int64_t
size(struct dec d)
{
	return d.e8 < 0 ? -d.e8 : d.e8;
}

__attribute__((format(printf, 2, 3)))
static bool
no(struct judged *j, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(j->why, sizeof(j->why), fmt, ap);
	va_end(ap);
	return false;
}

/* The part of its quantity that closes what is held and that no other order
 * closes already. */
static int64_t
closes(const struct trade_risk_in *r)
{
	int64_t held = size(r->position) - r->open_quantity.e8;

	if (r->position.e8 == 0 || (r->position.e8 > 0) == r->buy || held < 0)
		return 0;
	return held < r->quantity.e8 ? held : r->quantity.e8;
}

static bool
reduces(const struct trade_risk_in *r)
{
	return r->quantity.e8 > 0 && closes(r) == r->quantity.e8;
}

/* ---- rules -------------------------------------------------------------------------- */

static bool
halted(struct judged *j)
{
	const char *s = j->in->session_state;

	return strcmp(s, "halted") != 0 && strcmp(s, "closed") != 0 ? true :
	    no(j, "The session is %s", s);
}

static bool
reducing(struct judged *j)
{
	return strcmp(j->in->session_state, "reducing") != 0 ||
	    reduces(j->in) ? true : no(j, "The session only takes orders "
	    "that reduce a position");
}

static bool
reduce_only(struct judged *j)
{
	return !j->in->reduce_only || reduces(j->in) ? true :
	    no(j, "It would not reduce the position");
}

static bool
restricted(struct judged *j)
{
	return !j->in->restricted ? true :
	    no(j, "The symbol is on the restricted list");
}

static bool
untradable(struct judged *j)
{
	return !j->in->untradable ? true :
	    no(j, "The instrument is not traded");
}

static bool
market_closed(struct judged *j)
{
	return !j->in->closed ? true : no(j, "The market is closed; an order "
	    "that can wait is gtc or gtd and has a price");
}

static bool
lot(struct judged *j)
{
	const struct trade_risk_in *r = j->in;

	if (r->quantity.e8 <= 0 || (r->lot.e8 > 0 &&
	    r->quantity.e8 % r->lot.e8 != 0))
		return no(j, "The quantity is no multiple of the lot");
	return r->quantity.e8 < r->min_quantity.e8 ||
	    (r->max_quantity.e8 > 0 && r->quantity.e8 > r->max_quantity.e8) ?
	    no(j, "The instrument is traded in other quantities") : true;
}

static bool
tick(struct judged *j)
{
	const struct dec p[] = { j->in->limit_price, j->in->stop_price };
	int64_t step = j->in->tick.e8;

	for (int i = 0; i < 2; i++)
		if (p[i].e8 < 0 || (step > 0 && p[i].e8 % step != 0))
			return no(j, "A price is no multiple of the tick");
	return true;
}

static bool
price(struct judged *j)
{
	const struct trade_risk_in *r = j->in;

	if (!r->market && !r->stop && r->limit_price.e8 == 0)
		return no(j, "A limit order needs a limit_price");
	return r->stop && r->stop_price.e8 <= 0 ?
	    no(j, "A stop order needs a stop_price") : true;
}

static bool
max_quantity(struct judged *j)
{
	int64_t most = j->in->limits.max_quantity.e8;

	return most <= 0 || j->in->quantity.e8 <= most ? true :
	    no(j, "More than an order may have");
}

static bool
no_quote(struct judged *j)
{
	return j->in->reference.e8 > 0 ? true :
	    no(j, "No price of the symbol is known");
}

static bool
stale_quote(struct judged *j)
{
	const struct trade_risk_in *r = j->in;

	if (r->market && r->stale)
		return no(j, "The feed of the symbol says nothing");
	return !r->market || r->reference_age_s <= r->limits.quote_age_s ?
	    true : no(j, "The last price is %lld s old",
	    (long long)r->reference_age_s);
}

static bool
collar(struct judged *j)
{
	const struct trade_risk_in *r = j->in;
	const struct {
		const char *name;
		double price, most;
	} c[] = {
		{ "limit", dec_real(r->limit_price), r->limits.collar_limit },
		{ "stop", dec_real(r->stop_price), r->limits.collar_stop }
	};
	double ref = dec_real(r->reference);

	for (int i = 0; i < 2 && ref > 0; i++) {
		double far = c[i].price > 0 ? fabs(c[i].price - ref) / ref :
		    0;

		if (far > c[i].most)
			return no(j, "The %s is %.1f %% from the last price, "
			    "%.1f %% are allowed", c[i].name, far * 100,
			    c[i].most * 100);
	}
	return true;
}

static bool
overflow(struct judged *j)
{
	return !j->overflow ? true : no(j, "The amount is too large");
}

static bool
duplicate(struct judged *j)
{
	return !j->in->duplicate ? true : no(j, "The same order was placed "
	    "within half a second");
}

static bool
rate(struct judged *j)
{
	const struct trade_risk_in *r = j->in;

	return r->last_second < r->limits.per_second && r->last_minute <
	    r->limits.per_minute ? true : no(j, "More than %lld orders a "
	    "second or %lld a minute", (long long)r->limits.per_second,
	    (long long)r->limits.per_minute);
}

static bool
max_notional(struct judged *j)
{
	int64_t most = j->in->limits.max_notional.e8;

	return most <= 0 || j->notional.e8 <= most ? true :
	    no(j, "Worth more than an order may be");
}

static bool
open_orders(struct judged *j)
{
	return j->in->open_orders < j->in->limits.max_open_orders ? true :
	    no(j, "%lld orders are open", (long long)j->in->open_orders);
}

static bool
open_notional(struct judged *j)
{
	int64_t most = j->in->limits.max_open_notional.e8;

	return most <= 0 || j->all.e8 <= most ? true :
	    no(j, "Open orders would be worth too much");
}

static bool
self_trade(struct judged *j)
{
	return !j->in->crosses_own ? true :
	    no(j, "It would trade with an own order");
}

static bool
position(struct judged *j)
{
	int64_t most = j->in->limits.max_position.e8;

	return most <= 0 || reduces(j->in) || size(j->after) <= most ? true :
	    no(j, "The position could become too large");
}

static bool
cash(struct judged *j)
{
	return j->reserve.e8 <= j->free.e8 ? true :
	    no(j, "It needs %.2f, %.2f are free", dec_real(j->reserve),
	    dec_real(j->free));
}

bool
trade_risk_lost(const struct trade_limits *l, struct dec equity,
    struct dec day_equity)
{
	return dec_real(equity) - dec_real(day_equity) < -l->daily_loss *
	    dec_real(day_equity);
}

static bool
daily_loss(struct judged *j)
{
	const struct trade_risk_in *r = j->in;

	return j->opens <= 0 || !trade_risk_lost(&r->limits, r->equity,
	    r->day_equity) ? true :
	    no(j, "The day's loss limit is reached");
}

static bool
concentration(struct judged *j)
{
	const struct trade_risk_in *r = j->in;
	double share = r->equity.e8 > 0 ? dec_real((struct dec){
	    size(j->after) }) * dec_real(r->reference) /
	    dec_real(r->equity) : 0;

	return j->opens <= 0 || r->limits.max_share <= 0 ||
	    share <= r->limits.max_share ? true :
	    no(j, "%.0f %% of the equity would be in one symbol",
	    share * 100);
}

static const struct rule {
	const char *name;
	bool (*passes)(struct judged *);
} rules[] = {
	{ "halted", halted }, { "reducing", reducing },
	{ "reduce_only", reduce_only }, { "restricted", restricted },
	{ "untradable", untradable }, { "market_closed", market_closed },
	{ "lot", lot }, { "tick", tick },
	{ "max_quantity", max_quantity }, { "no_quote", no_quote },
	{ "stale_quote", stale_quote }, { "price", price },
	{ "collar", collar }, { "overflow", overflow },
	{ "duplicate", duplicate }, { "rate", rate },
	{ "max_notional", max_notional }, { "open_orders", open_orders },
	{ "open_notional", open_notional }, { "self_trade", self_trade },
	{ "position", position }, { "cash", cash },
	{ "daily_loss", daily_loss }, { "concentration", concentration }
};
_Static_assert(sizeof(rules) / sizeof(rules[0]) == TRADE_RULES, "rules");

/* ---- what an order costs ------------------------------------------------------------- */

/* x * part / whole, rounded down. */
static int64_t
share_of(int64_t x, int64_t part, int64_t whole)
{
	return whole == 0 ? 0 : (int64_t)((wide)x * part / whole);
}

/* Cash the account may still bind: without what shorts hold. */
static int
unbound(const struct trade_risk_in *r, struct dec *out)
{
	struct dec held;

	if (dec_from_real(dec_real(r->short_worth) *
	    (1 + r->limits.short_margin), &held) == -1 ||
	    dec_sub(r->cash, r->reserved, out) == -1)
		return -1;
	return dec_sub(*out, held, out);
}

/* At worst: at its limit; a stop fills beyond its price. */
static int
weigh(struct judged *j)
{
	const struct trade_risk_in *r = j->in;
	struct dec at = r->limit_price, bound, step;
	struct dec q = { r->buy ? r->quantity.e8 : -r->quantity.e8 };

	if (at.e8 == 0)
		at = r->stop_price.e8 > r->reference.e8 ? r->stop_price :
		    r->reference;
	step.e8 = r->buy ? r->open_quantity.e8 : -r->open_quantity.e8;
	if (dec_mul(at, r->quantity, &j->notional) == -1 ||
	    dec_add(r->position, q, &j->after) == -1 ||
	    dec_add(j->after, step, &j->after) == -1 ||
	    dec_add(r->open_notional, j->notional, &j->all) == -1 ||
	    dec_from_real(dec_real(j->notional) * r->fee, &j->fee) == -1)
		return -1;
	j->opens = share_of(j->notional.e8, r->quantity.e8 - closes(r),
	    r->quantity.e8);
	bound.e8 = j->opens;
	if (!r->buy && dec_from_real(dec_real(bound) *
	    r->limits.short_margin, &bound) == -1)
		return -1;
	return dec_add(bound, j->fee, &j->reserve) == -1 ||
	    unbound(r, &j->free) == -1 ? -1 : 0;
}

static struct judged
judge(const struct trade_risk_in *r)
{
	struct judged j = { .in = r, .why = "" };

	if (weigh(&j) == -1)
		j = (struct judged){ .in = r, .overflow = true, .why = "" };
	return j;
}

int
trade_risk_check(const struct trade_risk_in *r, struct dec *reserve,
    struct err *e)
{
	struct judged j = judge(r);

	reserve->e8 = 0;
	for (size_t i = 0; i < TRADE_RULES; i++)
		if (!rules[i].passes(&j))
			return err_set(e, 422, rules[i].name, "%s", j.why);
	*reserve = j.reserve;
	return 0;
}

void
trade_risk_rulings(const struct trade_risk_in *r, struct arena *a,
    struct trade_ruling out[TRADE_RULES], struct dec *reserve,
    struct dec *fee)
{
	struct judged j = judge(r);

	for (size_t i = 0; i < TRADE_RULES; i++) {
		bool passed = rules[i].passes(&j);

		out[i] = (struct trade_ruling){ rules[i].name, passed,
		    passed ? "" : arena_strdup(a, j.why) };
	}
	*reserve = j.reserve;
	*fee = j.fee;
}

/* ---- narrower limits ------------------------------------------------------------------ */

const char *const trade_limit_names[] = {
	"max_quantity", "max_notional", "max_position", "max_open_notional",
	"max_open_orders", "orders_per_second", "orders_per_minute",
	"quote_age", "collar_limit", "collar_stop", "max_share",
	"daily_loss", NULL
};
/* Of these 0 is no limit at all; of the others it is nothing allowed. */
static const bool open_ended[] = { true, true, true, true, false, false,
	false, false, false, false, true, false };

/* The limit by its place in the list: one of three kinds of member. */
static int
member(struct trade_limits *l, size_t i, struct dec **d, int64_t **n,
    double **r, double *unit)
{
	struct dec *const decs[] = { &l->max_quantity, &l->max_notional,
	    &l->max_position, &l->max_open_notional };
	int64_t *const ints[] = { &l->max_open_orders, &l->per_second,
	    &l->per_minute, &l->quote_age_s };
	double *const reals[] = { &l->collar_limit, &l->collar_stop,
	    &l->max_share, &l->daily_loss };

	*d = i < 4 ? decs[i] : NULL;
	*n = i >= 4 && i < 8 ? ints[i - 4] : NULL;
	*r = i >= 8 && i < 12 ? reals[i - 8] : NULL;
	*unit = i < 10 ? 1e4 : 100;
	return i < 12 ? 0 : -1;
}

static size_t
named(const char *name)
{
	size_t i = 0;

	while (trade_limit_names[i] != NULL &&
	    strcmp(trade_limit_names[i], name) != 0)
		i++;
	return i;
}

int
trade_limit_get(const struct trade_limits *l, const char *name,
    struct dec *out)
{
	struct trade_limits copy = *l;
	struct dec *d;
	int64_t *n;
	double *r, unit;

	if (member(&copy, named(name), &d, &n, &r, &unit) == -1)
		return -1;
	if (d != NULL)
		*out = *d;
	else if (n != NULL)
		out->e8 = *n * DEC_ONE;
	else
		return dec_from_real(*r * unit, out);
	return 0;
}

int
trade_limit_narrow(struct trade_limits *l, const char *name, struct dec v,
    struct err *e)
{
	size_t i = named(name);
	struct dec *d, now;
	int64_t *n;
	double *r, unit;

	if (member(l, i, &d, &n, &r, &unit) == -1 ||
	    trade_limit_get(l, name, &now) == -1)
		return err_set(e, 422, "limit", "There is no such limit");
	if (v.e8 > now.e8 && !(open_ended[i] && now.e8 == 0))
		return err_set(e, 422, "ceiling", "%s: the settings allow "
		    "%.8g at most", trade_limit_names[i], dec_real(now));
	if (d != NULL)
		*d = v;
	else if (n != NULL)
		*n = v.e8 / DEC_ONE;
	else
		*r = dec_real(v) / unit;
	return 0;
}
