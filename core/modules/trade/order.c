/*
 * Orders, pure. Invariants: what is not in the table of states cannot happen;
 * an amount that does not fit changes nothing.
 */
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
