/*
 * Chart patterns: figures that pivots make, and closes beyond their levels.
 * One closed bar at a time, from confirmed pivots only, so that a record and
 * a live stream find the same at the same bar. Distances are measured in
 * average true ranges of 14 bars (ATR) at the bar that completes a figure.
 *
 * Two prices are alike within half an ATR. Figures (a confirmed pivot
 * completes them):
 *	double_top, double_bottom   two alike turns, two ATR or more between
 *	head_and_shoulders, inverse_head_and_shoulders
 *	                            a turn beyond two alike ones, an ATR or more
 *	ascending_, descending_, symmetric_triangle
 *	                            lines through highs and lows that meet ahead
 *	channel_up, channel_down, rectangle
 *	                            lines that keep their distance
 *	bull_flag, bear_flag        a short channel against a fast move
 *	support, resistance         the third and every later touch of a price
 * breakout_up, breakout_down: a close a quarter of an ATR beyond a level of an
 * earlier figure, with unusual volume (z above 1).
 */
#ifndef TRADE_CHART_H
#define TRADE_CHART_H

#include "base/types.h"
#include "modules/trade/backtest.h"
#include "modules/trade/pivot.h"

enum { TRADE_CHART_HITS = 8 };		/* of one bar */

struct trade_chart_hit {
	const char *symbol;		/* set by whoever has one */
	struct utc at;			/* bar that completes it; likewise */
	const char *name, *of;		/* of: the figure a breakout leaves */
	int64_t value;			/* 100 up, -100 down, 0 neither */
	int64_t bar, first_bar;		/* completes it; its first pivot */
	int64_t touches;		/* pivots it rests on */
	double level;			/* neckline, line or price now */
	double target;			/* as far beyond as the figure is high */
	double quality;			/* 0…1: how well prices fit, how large */
	double volume_z;		/* against the twenty bars before */
};
extern const struct schema trade_chart_hit_schema;
/* Names of all figures, NULL-terminated. */
extern const char *const trade_chart_names[];

struct trade_charts;
/* reach 0: the usual one (1.5 ATR, or 3 bars on each side). */
struct trade_charts *trade_charts_new(struct arena *,
    enum trade_pivot_method, double reach);
/* The next closed bar; how many figures it completes, in out. */
size_t trade_charts_push(struct trade_charts *, const struct trade_ohlcv *,
    struct trade_chart_hit out[TRADE_CHART_HITS]);

struct trade_chart_scan {
	VEC(struct trade_chart_hit) hits;	/* oldest first */
};
/* Hits from bar `from` on, of at least this quality. */
void trade_chart_scan(struct arena *, const struct trade_series *,
    enum trade_pivot_method, size_t from, double min_quality,
    struct trade_chart_scan *);

#endif
