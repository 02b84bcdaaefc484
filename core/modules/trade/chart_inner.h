/*
 * What the files of chart patterns share.
 */
#ifndef TRADE_CHART_INNER_H
#define TRADE_CHART_INNER_H

#include "modules/trade/chart.h"

enum { PIVOTS = 48, LEVELS = 24, LEVEL_BARS = 120, VOLUMES = 20 };
#define ALIKE 0.5			/* ATR: two prices are one */
#define BEYOND 0.25			/* ATR: a close is past a level */

/* A price, or a line, that a close may leave. side 0: unused. */
struct trade_level {
	const char *of;
	double price, slope;		/* at bar, and per bar */
	size_t bar, first;
	int side;			/* 1: broken upwards, -1 downwards */
	double height, quality;
	int64_t touches;
};

struct trade_charts {
	struct trade_pivots turns;
	struct trade_indicator *ranges;
	size_t n;			/* bars seen */
	double atr, z;			/* of the bar that is now */
	double volumes[VOLUMES];
	struct trade_pivot pivots[PIVOTS];
	size_t npivots;
	struct trade_level levels[LEVELS];
	size_t nlevels;
	struct trade_chart_hit hits[TRADE_CHART_HITS];
	size_t nhits;
};

/* The k-th pivot from the newest; it must be there. */
static inline const struct trade_pivot *
trade_chart_at(const struct trade_charts *t, size_t k)
{
	return &t->pivots[(t->npivots - 1 - k) % PIVOTS];
}
static inline size_t
trade_chart_kept(const struct trade_charts *t)
{
	return t->npivots < PIVOTS ? t->npivots : PIVOTS;
}

/* A hit that rests on the newest `pivots`; NULL when the bar has too many. */
struct trade_chart_hit *trade_chart_add(struct trade_charts *,
    const char *name, int value, size_t pivots);
/* Remembers where a close would leave the figure. */
void trade_chart_level(struct trade_charts *, const struct trade_chart_hit *,
    double price, double slope, int side, double height);
/* misfit 0…1 of what is allowed, size in ATR. */
double trade_chart_quality(double misfit, double size);
/* What the newest pivot completes. */
void trade_chart_figures(struct trade_charts *);

#endif
