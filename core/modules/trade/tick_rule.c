/*
 * Signals from ticks. Refuses nothing: what is no price is passed over.
 */
#include <math.h>
#include <stddef.h>

#include "base/clock.h"
#include "modules/trade/tick_rule.h"

enum { SAMPLES = 5 };
#define DAY_US (INT64_C(86400) * US_PER_S)

static void
learn(struct trade_tick_state *s, const struct trade_tick_terms *t,
    double price, double volume, struct utc at)
{
	int64_t day = at.us / DAY_US;
	double d;

	if (!s->started) {
		s->fast = s->slow = s->last = price;
		s->volume_ema = volume;
	}
	if (!s->started || day != s->day) {
		s->worth = s->volume = s->n = s->mean = s->m2 = 0;
		s->day = day;
	}
	s->started = true;
	s->fast += t->fast_alpha * (price - s->fast);
	s->slow += t->slow_alpha * (price - s->slow);
	s->worth += price * volume;
	s->volume += volume;
	s->volume_ema += t->volume_alpha * (volume - s->volume_ema);
	s->n++;
	d = price - s->mean;
	s->mean += d / s->n;
	s->m2 += d * (price - s->mean);
}

static double
sign(double x)
{
	return x > 0 ? 1 : x < 0 ? -1 : 0;
}

static double
judge(const struct trade_tick_state *s, const struct trade_tick_terms *t,
    double price, double volume, struct trade_tick_signal *out)
{
	double gap = (s->fast - s->slow) / s->slow;
	double away = (price - out->vwap) / out->vwap, score = 0, way;

	if (fabs(gap) > t->ema_diff) {
		score += 2 * gap;
		out->name = "ema_crossover";
	}
	if (fabs(away) > t->vwap_diff) {
		score += 1.5 * away;
		if (out->name == NULL)
			out->name = "vwap_deviation";
	}
	way = score != 0 ? sign(score) : sign(price - s->last);
	if (volume > t->volume_multiplier * s->volume_ema && way != 0) {
		score += 0.3 * way;
		out->name = "volume_spike";
	}
	if (s->n > SAMPLES && out->volatility > 0 &&
	    fabs(price - s->fast) / price > 2 * out->volatility) {
		score += 0.4 * sign(price - s->fast);
		out->name = "volatility_breakout";
	}
	if (out->name == NULL)
		out->name = "composite";
	return fmax(-1, fmin(1, score));
}

bool
trade_tick_rule(struct trade_tick_state *s, const struct trade_tick_terms *t,
    double price, double volume, struct utc at,
    struct trade_tick_signal *out)
{
	*out = (struct trade_tick_signal){ .name = NULL };
	if (!(price > 0) || !(volume >= 0))
		return false;
	learn(s, t, price, volume, at);
	out->fast = s->fast;
	out->slow = s->slow;
	out->vwap = s->volume > 0 ? s->worth / s->volume : price;
	out->volatility = s->n > 1 ? sqrt(s->m2 / (s->n - 1)) / s->mean : 0;
	out->score = judge(s, t, price, volume, out);
	s->last = price;
	if (!(fabs(out->score) > t->score_min) || (s->told_us != 0 &&
	    at.us - s->told_us < t->cooldown_us))
		return false;
	s->told_us = at.us;
	return true;
}
