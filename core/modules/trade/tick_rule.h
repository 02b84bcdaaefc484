/*
 * The rules of the original's pattern engine on every tick: two exponential
 * means, the mean price by volume of the day, a spike of the volume, a breakout
 * of the usual range. Pure; a few numbers per instrument.
 *
 * Mended: the breakout compares parts with parts (the deviation of the price
 * over its mean; the original compared a part with a price, so that it never
 * was true); a spike without a direction so far takes that of the tick, not
 * "down"; mean and deviation begin anew each day.
 */
#ifndef TRADE_TICK_RULE_H
#define TRADE_TICK_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/types.h"

struct trade_tick_terms {
	double ema_diff, vwap_diff;	/* parts */
	double score_min;
	double volume_alpha, volume_multiplier;
	double fast_alpha, slow_alpha;
	int64_t cooldown_us;
};
struct trade_tick_state {
	bool started;
	int64_t day;			/* since 1970, UTC */
	double last, fast, slow;
	double worth, volume;		/* of the day */
	double volume_ema;
	double n, mean, m2;		/* Welford, of the day */
	int64_t told_us;
};
struct trade_tick_signal {
	double score;			/* -1 … 1 */
	const char *name;		/* "ema_crossover" … or "composite" */
	double fast, slow, vwap, volatility;
};
/* The next trade. True: a signal, beyond score_min and after the cooldown. */
bool trade_tick_rule(struct trade_tick_state *,
    const struct trade_tick_terms *, double price, double volume, struct utc,
    struct trade_tick_signal *);

#endif
