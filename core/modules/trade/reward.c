/*
 * Profit and reward of fills. Invariant: the sum of the trips' fills is what is
 * held; fees of an entry are paid with what closes it.
 */
#include <math.h>
#include <string.h>

#include "base/err.h"
#include "base/number.h"
#include "modules/trade/order.h"
#include "modules/trade/reward.h"

double
trade_reward_of(const struct trade_reward_terms *t, double pnl, double atr,
    double price)
{
	double unit = isfinite(atr) && atr > 0 ? atr : price / 100;

	if (pnl > 0)
		return unit > 0 ? pnl / unit * t->scale : 0;
	return -fabs(pnl) * t->loss_multiplier;
}

static double
size(struct dec d)
{
	return fabs(dec_real(d));
}

int
trade_trip_next(const struct trade_trip *before, struct trade_trip *t,
    struct err *e)
{
	struct trade_holding h = { { 0 }, { 0 }, { 0 }, { 0 } };
	struct dec q = t->quantity;
	double held, closed, fees = 0;
	bool against;

	if (before != NULL) {
		h.quantity = before->held;
		h.avg_price = before->avg_price;
		fees = dec_real(before->fees_held);
	}
	if (strcmp(t->side, "sell") == 0)
		q.e8 = -q.e8;
	against = (h.quantity.e8 > 0 && q.e8 < 0) ||
	    (h.quantity.e8 < 0 && q.e8 > 0);
	held = size(h.quantity);
	closed = against ? fmin(held, size(q)) : 0;
	if (trade_holding_fill(&h, q, t->price, (struct dec){ 0 }, e) == -1)
		return -1;
	t->seq = before != NULL ? before->seq + 1 : 1;
	t->held = h.quantity;
	t->avg_price = h.avg_price;
	t->has_pnl = closed > 0;
	if (closed > 0) {
		double paid = fees * closed / held +
		    dec_real(t->fee) * closed / size(q);

		fees -= fees * closed / held;
		if (dec_from_real(dec_real(h.realized) - paid, &t->pnl) == -1)
			return err_set(e, 422, "overflow",
			    "The amount is too large");
	}
	fees += dec_real(t->fee) * (size(q) - closed) / size(q);
	if (h.quantity.e8 == 0)
		fees = 0;
	return dec_from_real(fees, &t->fees_held) == -1 ? err_set(e, 422,
	    "overflow", "The amount is too large") : 0;
}

void
trade_standing_complete(struct trade_standing *s)
{
	double mean;

	s->win_rate = s->trades > 0 ? (double)s->wins / (double)s->trades :
	    NAN;
	if (isnan(s->avg_win))
		s->avg_win = 0;
	if (isnan(s->avg_loss))
		s->avg_loss = 0;
	s->expectancy = s->win_rate * s->avg_win -
	    (1 - s->win_rate) * s->avg_loss;
	mean = s->trades > 0 ? s->pnl / (double)s->trades : NAN;
	s->sharpe_like = s->sd > 0 ? mean / s->sd : NAN;
	s->score = s->sd > 0 ? s->expectancy / s->sd : NAN;
}
