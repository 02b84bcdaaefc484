/*
 * One series of bars under observation: indicators, all candlestick patterns,
 * and what a closed bar says with them. One bar at a time, bounded memory; a
 * backward look over history and the live engine run this same code, so that
 * the model is asked what it was taught.
 */
#ifndef TRADE_WATCH_H
#define TRADE_WATCH_H

#include "base/types.h"
#include "modules/trade/candle.h"
#include "modules/trade/indicator.h"
#include "modules/trade/pattern.h"

struct arena;
struct err;
struct trade_watch;

/* What the suggestion model is asked, in this order. Distances are in ATR. */
enum trade_feature {
	FEATURE_MOM_5, FEATURE_MOM_20, FEATURE_MOM_60, FEATURE_RSI,
	FEATURE_MACD, FEATURE_HIGH_20, FEATURE_LOW_20, FEATURE_VOLUME_Z,
	FEATURE_PATTERN, FEATURE_TREND, FEATURE_REGIME, FEATURE_SENTIMENT,
	TRADE_FEATURES
};
extern const char *const trade_feature_names[];	/* NULL at the end */

/* A signal of the indicators: told when it begins to be so. */
struct trade_remark {
	const char *name;		/* "macd_cross" */
	double score;			/* -1 … 1, its sign is the side */
	double strength;		/* 0 … 1 */
};
enum { TRADE_REMARKS = 8 };
struct trade_seen {
	struct utc at;
	uint64_t bars;			/* so far */
	bool warm;			/* all features have a value */
	double x[TRADE_FEATURES];	/* sentiment: 0, the caller's */
	double close, atr, rsi, macd, trend, volume_z;
	double regime;			/* share of the last 100 bars that were
					 * calmer; NaN before */
	struct trade_remark remarks[TRADE_REMARKS];
	size_t nremarks;
	struct trade_hit hits[TRADE_CANDLES];
	size_t nhits;
};
struct trade_watch *trade_watch_new(struct arena *, struct err *);
/* The next closed bar. -1: it is none (422); nothing changed. */
int trade_watch_push(struct trade_watch *, struct utc,
    const struct trade_ohlcv *, const struct trade_candle_bar *,
    struct trade_seen *, struct err *);
/* Time of the bar k bars before the last one; 0 = there is none. */
struct utc trade_watch_back(const struct trade_watch *, size_t k);
/* Patterns that a bar still forming would complete; nothing is kept. */
size_t trade_watch_preview(const struct trade_watch *,
    const struct trade_candle_bar *, int16_t value[TRADE_CANDLES]);

#endif
