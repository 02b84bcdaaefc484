/*
 * Orders, pure. Invariants: a filled quantity only grows; what is not in the
 * table of states cannot happen; no check is left out because another one
 * passed.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/number.h"
#include "modules/trade/order.h"

__extension__ typedef __int128 wide;	/* products before they are rounded */

const char *const trade_order_states[] = {
	"denied", "submitting", "rejected", "unknown", "accepted",
	"triggered", "partially_filled", "filled", "pending_replace",
	"pending_cancel", "cancelled", "expired", NULL
};

/* What the table says beside a state. */
enum { NO = -1, SAME = ORDER_STATES, BACK };

#define SENT [HAPPENS_ACCEPT] = ORDER_ACCEPTED, \
	[HAPPENS_REJECT] = ORDER_REJECTED, \
	[HAPPENS_TRIGGER] = ORDER_TRIGGERED, [HAPPENS_FILL] = ORDER_PARTIAL, \
	[HAPPENS_LAST_FILL] = ORDER_FILLED, [HAPPENS_ASK_REPLACE] = NO, \
	[HAPPENS_REPLACED] = NO, [HAPPENS_REPLACE_REFUSED] = NO, \
	[HAPPENS_ASK_CANCEL] = NO, [HAPPENS_CANCEL] = ORDER_CANCELLED, \
	[HAPPENS_CANCEL_REFUSED] = NO, [HAPPENS_EXPIRE] = ORDER_EXPIRED
#define WORKS(trigger) [HAPPENS_ACCEPT] = NO, \
	[HAPPENS_REJECT] = ORDER_REJECTED, [HAPPENS_TRIGGER] = trigger, \
	[HAPPENS_FILL] = ORDER_PARTIAL, [HAPPENS_LAST_FILL] = ORDER_FILLED, \
	[HAPPENS_ASK_REPLACE] = ORDER_PENDING_REPLACE, \
	[HAPPENS_REPLACED] = SAME, [HAPPENS_REPLACE_REFUSED] = NO, \
	[HAPPENS_ASK_CANCEL] = ORDER_PENDING_CANCEL, \
	[HAPPENS_CANCEL] = ORDER_CANCELLED, [HAPPENS_CANCEL_REFUSED] = NO, \
	[HAPPENS_EXPIRE] = ORDER_EXPIRED, [HAPPENS_LOST] = NO
#define PENDING(replaced, refused, ask, kept) [HAPPENS_ACCEPT] = NO, \
	[HAPPENS_REJECT] = ORDER_REJECTED, [HAPPENS_TRIGGER] = SAME, \
	[HAPPENS_FILL] = SAME, [HAPPENS_LAST_FILL] = ORDER_FILLED, \
	[HAPPENS_ASK_REPLACE] = NO, [HAPPENS_REPLACED] = replaced, \
	[HAPPENS_REPLACE_REFUSED] = refused, [HAPPENS_ASK_CANCEL] = ask, \
	[HAPPENS_CANCEL] = ORDER_CANCELLED, [HAPPENS_CANCEL_REFUSED] = kept, \
	[HAPPENS_EXPIRE] = ORDER_EXPIRED, [HAPPENS_LOST] = SAME
/* Over; fill, last: what a broker may still say of it. */
#define OVER(fill, last) { NO, NO, NO, fill, last, NO, NO, NO, NO, NO, NO, \
	NO, NO }

static const signed char next[ORDER_STATES][HAPPENINGS] = {
	[ORDER_DENIED] = OVER(NO, NO),
	[ORDER_SUBMITTING] = { SENT, [HAPPENS_LOST] = ORDER_UNKNOWN },
	[ORDER_REJECTED] = OVER(SAME, ORDER_FILLED),
	[ORDER_UNKNOWN] = { SENT, [HAPPENS_LOST] = NO },
	[ORDER_ACCEPTED] = { WORKS(ORDER_TRIGGERED) },
	[ORDER_TRIGGERED] = { WORKS(NO) },
	[ORDER_PARTIAL] = { WORKS(NO) },
	[ORDER_FILLED] = OVER(NO, NO),
	[ORDER_PENDING_REPLACE] = { PENDING(BACK, BACK, ORDER_PENDING_CANCEL,
	    NO) },
	[ORDER_PENDING_CANCEL] = { PENDING(SAME, SAME, NO, BACK) },
	[ORDER_CANCELLED] = OVER(SAME, ORDER_FILLED),
	[ORDER_EXPIRED] = OVER(SAME, ORDER_FILLED)
};

int
trade_order_next(enum trade_order_state s, enum trade_order_happening h,
    bool partly, bool triggered)
{
	int to = next[s][h];

	if (to == SAME)
		return (int)s;
	if (to == BACK)
		return partly ? ORDER_PARTIAL :
		    triggered ? ORDER_TRIGGERED : ORDER_ACCEPTED;
	return to == ORDER_REJECTED && partly ? ORDER_CANCELLED : to;
}

bool
trade_order_is_open(enum trade_order_state s)
{
	return next[s][HAPPENS_CANCEL] != NO;
}

int
trade_order_state_parse(const char *name)
{
	for (int i = 0; i < ORDER_STATES; i++)
		if (strcmp(trade_order_states[i], name) == 0)
			return i;
	return -1;
}

/* sum / by in units of 10^-8, half to even; both 0 or more. */
static int
quotient(wide sum, wide by, struct dec *out)
{
	wide q = sum / by, r = sum % by;

	if (2 * r > by || (2 * r == by && (q & 1) != 0))
		q++;
	if (q > INT64_MAX)
		return -1;
	out->e8 = (int64_t)q;
	return 0;
}

int
trade_order_mean(const struct trade_part *p, size_t n, struct dec *out)
{
	struct dec all = { 0 };
	wide sum = 0;

	/* no sum is above the largest price times the whole quantity */
	for (size_t i = 0; i < n; i++) {
		if (dec_add(all, p[i].quantity, &all) == -1)
			return -1;
		sum += (wide)p[i].price.e8 * p[i].quantity.e8;
	}
	return quotient(sum, all.e8, out);
}

/* ---- trailing stops ---------------------------------------------------------------- */

bool
trade_trail_move(struct trade_trail *t, struct dec price, struct dec tick)
{
	int64_t step = tick.e8 > 0 ? tick.e8 : 1, far = t->amount.e8, stop;
	int64_t gain = t->buy ? t->mark.e8 - price.e8 :
	    price.e8 - t->mark.e8;

	if (price.e8 <= 0 || (t->mark.e8 != 0 && gain < step))
		return false;
	if (t->ppm > 0)
		far = (int64_t)((wide)price.e8 * t->ppm / 1000000);
	/* on the tick that is nearer to the market: never wider than asked */
	if (t->buy) {
		if (far > INT64_MAX - price.e8)
			return false;
		stop = (price.e8 + far) / step * step;
	} else {
		stop = price.e8 - far;
		stop = stop <= 0 ? step : (stop - 1) / step * step + step;
	}
	t->mark = price;
	t->stop.e8 = stop;
	return true;
}

/* ---- positions ------------------------------------------------------------------- */

static int
overflow(struct err *e)
{
	return err_set(e, 422, "overflow", "The amount is too large");
}

static struct dec
minus(struct dec d)
{
	return (struct dec){ -d.e8 };
}

static int64_t
size(struct dec d)
{
	return d.e8 < 0 ? -d.e8 : d.e8;
}

/* (a*b + c*d) / (b + d), each a price and b, d amounts above 0. */
static int
mean(struct dec a, int64_t b, struct dec c, int64_t d, struct dec *out)
{
	return quotient((wide)a.e8 * b + (wide)c.e8 * d, (wide)b + d, out);
}

/* The part of q that closes what was held: realized + (price - avg) * part. */
static int
realize(const struct trade_holding *h, struct dec q, struct dec price,
    struct dec *realized)
{
	int64_t part = size(q) < size(h->quantity) ? size(q) :
	    size(h->quantity);
	struct dec gain, won;

	if (dec_sub(price, h->avg_price, &gain) == -1 ||
	    dec_mul(gain, (struct dec){ h->quantity.e8 > 0 ? part : -part },
	    &won) == -1)
		return -1;
	return dec_add(h->realized, won, realized);
}

int
trade_holding_fill(struct trade_holding *h, struct dec q, struct dec price,
    struct dec fee, struct err *e)
{
	struct trade_holding n = *h;
	bool same = h->quantity.e8 == 0 ||
	    (h->quantity.e8 > 0) == (q.e8 > 0);

	if (dec_add(h->quantity, q, &n.quantity) == -1 ||
	    dec_add(h->fees, fee, &n.fees) == -1)
		return overflow(e);
	if (same) {
		if (mean(h->avg_price, size(h->quantity), price, size(q),
		    &n.avg_price) == -1)
			return overflow(e);
	} else {
		if (realize(h, q, price, &n.realized) == -1)
			return overflow(e);
		if (size(q) > size(h->quantity))
			n.avg_price = price;
		else if (size(q) == size(h->quantity))
			n.avg_price.e8 = 0;
	}
	*h = n;
	return 0;
}

/* ---- pre-trade checks -------------------------------------------------------------- */

#define REFUSE(code, ...) return err_set(e, 422, code, __VA_ARGS__)

static int
judge_switch(const struct trade_risk_in *r, struct err *e)
{
	bool reduces = r->position.e8 != 0 &&
	    (r->position.e8 > 0) != r->buy &&
	    r->quantity.e8 <= size(r->position);

	if (strcmp(r->session_state, "halted") == 0 ||
	    strcmp(r->session_state, "closed") == 0)
		REFUSE("halted", "The session is %s", r->session_state);
	if (strcmp(r->session_state, "reducing") == 0 && !reduces)
		REFUSE("reducing", "The session only takes orders that "
		    "reduce a position");
	if (r->reduce_only && !reduces)
		REFUSE("reduce_only", "It would not reduce the position");
	if (r->restricted)
		REFUSE("restricted", "The symbol is on the restricted list");
	return 0;
}

static int
judge_amounts(const struct trade_risk_in *r, struct err *e)
{
	const struct dec prices[] = { r->limit_price, r->stop_price };

	if (r->quantity.e8 <= 0 || (r->lot.e8 > 0 &&
	    r->quantity.e8 % r->lot.e8 != 0))
		REFUSE("lot", "The quantity is no multiple of the lot");
	for (int i = 0; i < 2; i++)
		if (prices[i].e8 < 0 || (r->tick.e8 > 0 &&
		    prices[i].e8 % r->tick.e8 != 0))
			REFUSE("tick", "A price is no multiple of the tick");
	if (!r->market && !r->stop && r->limit_price.e8 == 0)
		REFUSE("price", "A limit order needs a limit_price");
	if (r->limits.max_quantity.e8 > 0 &&
	    r->quantity.e8 > r->limits.max_quantity.e8)
		REFUSE("max_quantity", "More than an order may have");
	return 0;
}

static int
judge_price(const struct trade_risk_in *r, struct err *e)
{
	double ref = dec_real(r->reference), far, most;

	if (r->reference.e8 <= 0)
		REFUSE("no_quote", "No price of the symbol is known");
	if (r->market && r->reference_age_s > r->limits.quote_age_s)
		REFUSE("stale_quote", "The last price is %lld s old",
		    (long long)r->reference_age_s);
	far = r->limit_price.e8 > 0 ?
	    fabs(dec_real(r->limit_price) - ref) / ref : 0;
	if (r->limit_price.e8 > 0 && far > r->limits.collar_limit)
		REFUSE("collar", "The limit is %.1f %% from the last price, "
		    "%.1f %% are allowed", far * 100,
		    r->limits.collar_limit * 100);
	most = r->limits.collar_stop;
	far = r->stop_price.e8 > 0 ?
	    fabs(dec_real(r->stop_price) - ref) / ref : 0;
	if (r->stop && r->stop_price.e8 <= 0)
		REFUSE("price", "A stop order needs a stop_price");
	if (far > most)
		REFUSE("collar", "The stop is %.1f %% from the last price, "
		    "%.1f %% are allowed", far * 100, most * 100);
	return 0;
}

static int
judge_flow(const struct trade_risk_in *r, struct dec notional, struct err *e)
{
	struct dec all;

	if (r->duplicate)
		REFUSE("duplicate", "The same order was placed within half a "
		    "second");
	if (r->last_second >= r->limits.per_second ||
	    r->last_minute >= r->limits.per_minute)
		REFUSE("rate", "More than %lld orders a second or %lld a "
		    "minute", (long long)r->limits.per_second,
		    (long long)r->limits.per_minute);
	if (r->limits.max_notional.e8 > 0 &&
	    notional.e8 > r->limits.max_notional.e8)
		REFUSE("max_notional", "Worth more than an order may be");
	if (r->open_orders >= r->limits.max_open_orders)
		REFUSE("open_orders", "%lld orders are open",
		    (long long)r->open_orders);
	if (dec_add(r->open_notional, notional, &all) == -1)
		return overflow(e);
	if (r->limits.max_open_notional.e8 > 0 &&
	    all.e8 > r->limits.max_open_notional.e8)
		REFUSE("open_notional", "Open orders would be worth too "
		    "much");
	if (r->crosses_own)
		REFUSE("self_trade", "It would trade with an own order");
	return 0;
}

static int
judge_account(const struct trade_risk_in *r, struct dec notional,
    struct dec *reserve, struct err *e)
{
	struct dec after, fee, free;
	int64_t opens = 0, held = r->position.e8;
	double share;

	if (dec_add(r->position, r->buy ? r->quantity : minus(r->quantity),
	    &after) == -1 || dec_add(after, r->buy ? r->open_quantity :
	    minus(r->open_quantity), &after) == -1)
		return overflow(e);
	if (r->limits.max_position.e8 > 0 &&
	    size(after) > r->limits.max_position.e8)
		REFUSE("position", "The position could become too large");
	/* only what opens needs cash; a short is held in full as well */
	if (held == 0 || (held > 0) == r->buy)
		opens = notional.e8;
	else if (r->quantity.e8 > size(r->position))
		opens = (int64_t)((wide)notional.e8 *
		    (r->quantity.e8 - size(r->position)) / r->quantity.e8);
	if (dec_from_real(dec_real(notional) * r->fee, &fee) == -1 ||
	    dec_add((struct dec){ opens }, fee, reserve) == -1 ||
	    dec_sub(r->cash, r->reserved, &free) == -1)
		return overflow(e);
	if (reserve->e8 > free.e8)
		REFUSE("cash", "It needs %.2f, %.2f are free",
		    dec_real(*reserve), dec_real(free));
	if (opens > 0 && dec_real(r->equity) - dec_real(r->day_equity) <
	    -r->limits.daily_loss * dec_real(r->day_equity))
		REFUSE("daily_loss", "The day's loss limit is reached");
	share = r->equity.e8 > 0 ? dec_real((struct dec){ size(after) }) *
	    dec_real(r->reference) / dec_real(r->equity) : 0;
	if (opens > 0 && r->limits.max_share > 0 &&
	    share > r->limits.max_share)
		REFUSE("concentration", "%.0f %% of the equity would be in "
		    "one symbol", share * 100);
	return 0;
}

int
trade_risk_check(const struct trade_risk_in *r, struct dec *reserve,
    struct err *e)
{
	struct dec price = r->limit_price, notional;

	reserve->e8 = 0;
	if (judge_switch(r, e) == -1 || judge_amounts(r, e) == -1 ||
	    judge_price(r, e) == -1)
		return -1;
	/* what it may cost at worst: a stop fills beyond its price */
	if (price.e8 == 0)
		price = r->stop_price.e8 > r->reference.e8 ? r->stop_price :
		    r->reference;
	if (dec_mul(price, r->quantity, &notional) == -1)
		return overflow(e);
	return judge_flow(r, notional, e) == -1 ? -1 :
	    judge_account(r, notional, reserve, e);
}

/* ---- paper --------------------------------------------------------------------------- */

bool
trade_paper_quote(const struct trade_paper_order *o, struct dec bid,
    struct dec ask, struct dec *price, bool *triggered)
{
	struct dec at = o->buy ? ask : bid;

	*triggered = o->triggered;
	if (o->type == PAPER_STOP || o->type == PAPER_STOP_LIMIT) {
		if (!o->triggered && (o->buy ? at.e8 < o->stop_price.e8 :
		    at.e8 > o->stop_price.e8))
			return false;
		*triggered = true;
	}
	*price = at;
	if (o->type == PAPER_LIMIT || o->type == PAPER_STOP_LIMIT)
		return o->buy ? at.e8 <= o->limit_price.e8 :
		    at.e8 >= o->limit_price.e8;
	return true;
}

/* The worse of two prices for whoever buys or sells. */
static struct dec
worse(bool buy, struct dec p, struct dec q)
{
	return (p.e8 > q.e8) == buy ? p : q;
}

bool
trade_paper_bar(const struct trade_paper_order *o, struct dec open,
    struct dec high, struct dec low, struct dec *price, bool *triggered)
{
	struct dec from = open;

	*triggered = o->triggered;
	if ((o->type == PAPER_STOP || o->type == PAPER_STOP_LIMIT) &&
	    !o->triggered) {
		if (o->buy ? high.e8 < o->stop_price.e8 :
		    low.e8 > o->stop_price.e8)
			return false;
		*triggered = true;
		from = worse(o->buy, open, o->stop_price);
	}
	*price = from;
	if (o->type == PAPER_MARKET || o->type == PAPER_STOP)
		return true;
	if (o->buy ? low.e8 > o->limit_price.e8 :
	    high.e8 < o->limit_price.e8)
		return false;
	/* the limit, or the price it met if that was better */
	*price = worse(!o->buy, from, o->limit_price);
	return true;
}
