/*
 * What the files of the statistics share.
 */
#ifndef TRADE_STATS_INNER_H
#define TRADE_STATS_INNER_H

#include <math.h>

#include "modules/trade/stats.h"

#define DAY_US INT64_C(86400000000)

/* NaN for a ratio to nothing. */
static inline double
trade_stats_ratio(double x, double y)
{
	return y != 0 ? x / y : NAN;
}

/* max_drawdown, avg_drawdown, their lengths, ulcer, equity_peak. */
void trade_stats_drawdowns(const struct trade_stats_in *,
    struct trade_stats *);
/* buy_and_hold, beta, and alpha, which needs total_return. */
void trade_stats_market(const struct trade_stats_in *, struct trade_stats *);

#endif
