/*
 * Candlestick patterns found in recorded bars, each hit with its
 * surroundings, and what followed such hits in this very series compared with
 * what follows any bar.
 */
#ifndef TRADE_PATTERN_H
#define TRADE_PATTERN_H

#include "base/types.h"
#include "base/vec.h"
#include "http/route.h"
#include "jobs/job.h"
#include "modules/trade/backtest.h"

enum { TRADE_HORIZONS = 3 };		/* 1, 5 and 20 bars */

struct trade_hit {
	const char *symbol;		/* set by whoever has one */
	struct utc at;
	const char *name;
	int64_t value;			/* ±80, ±100, ±200 as TA-Lib */
	int64_t bar, kind;
	double trend;			/* t-value of the slope of the ten
					 * closes before */
	double range_z, volume_z;	/* against the twenty bars before */
	double quality;			/* 0…1 */
};
extern const struct schema trade_hit_schema;

/* What followed, per pattern; horizon h is 1, 5 or 20 bars. */
struct trade_follow {
	const char *name;
	int64_t n;			/* hits that 5 bars follow */
	double rate_1, rate_5, rate_20;	/* share that moved the said way */
	double base_5;			/* the same share of any bars */
	double low, high;		/* Wilson 95 % interval of rate_5 */
	double p, q;			/* two-sided; after Benjamini and
					 * Hochberg over all patterns */
	bool chance;			/* q > 0.1: not to be told from it */
};
extern const struct schema trade_follow_schema;

struct trade_scan {
	VEC(struct trade_hit) hits;	/* oldest first */
	struct trade_follow follow[TRADE_CANDLES];
};
/* A hit in bar i of b[0 … i] with its surroundings; symbol and time are the
 * caller's. around: the surroundings alone (NULL: not asked). */
void trade_hit_at(const struct trade_ohlcv *, size_t i, int kind, int value,
    struct trade_hit *);
void trade_hit_around(const struct trade_ohlcv *, size_t i, double *trend,
    double *range_z, double *volume_z);
/* wanted: a flag per pattern, NULL = all. Hits before bar `from` count in
 * what followed, but are not listed. -1: a bar of the series is none (422). */
int trade_pattern_scan(struct arena *, const struct trade_series *,
    const bool *wanted, size_t from, struct trade_scan *, struct err *);
/* "doji,hammer" or "" = all. 422 names the unknown one. */
int trade_pattern_names(struct arena *, const char *list, bool *wanted,
    struct err *);

extern const struct route trade_pattern_routes[];
extern const struct job trade_pattern_jobs[];

#endif
