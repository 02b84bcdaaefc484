/*
 * Technical indicators, one bar at a time: history and a live stream run the
 * same code and give the same bits. A value before the warm-up is NaN. No
 * indicator looks at a later bar.
 *
 * Sources: Wilder, "New Concepts in Technical Trading Systems" (RSI, ATR, ADX,
 * SAR); Achelis, "Technical Analysis from A to Z" for the others. Seeds as in
 * TA-Lib and Skender's Stock.Indicators, whose values ours equal.
 */
#ifndef TRADE_INDICATOR_H
#define TRADE_INDICATOR_H

#include <stddef.h>
#include <stdint.h>

struct arena;
struct err;

enum { TRADE_PARAMS = 4, TRADE_OUTPUTS = 5 };

struct trade_ohlcv {
	double o, h, l, c, v;
};
/* The same of many bars, each price by itself. */
struct trade_columns {
	const double *o, *h, *l, *c;
};

struct trade_indicator;

struct trade_indicator_kind {
	const char *name;		/* "rsi" */
	const char *doc;
	const char *params[TRADE_PARAMS + 1];
	double defaults[TRADE_PARAMS];
	const char *outputs[TRADE_OUTPUTS + 1];	/* the first is the main one */
	int of_bar;			/* asks for the bar, not one series */
	unsigned whole;			/* bit i: parameter i is a number of
					 * bars, 1…10000 */
	void (*start)(struct trade_indicator *, struct arena *);
	void (*push)(struct trade_indicator *, const struct trade_ohlcv *,
	    double, double out[TRADE_OUTPUTS]);
	/* trade_indicator_block() where a loop of its own is worth it. */
	void (*block)(struct trade_indicator *, const struct trade_ohlcv *,
	    const double *x, size_t m, size_t stride, double *out);
};
extern const struct trade_indicator_kind trade_indicator_kinds[];

/* NULL: unknown. */
const struct trade_indicator_kind *trade_indicator_find(const char *name);
/* n parameters, fewer than there are take the defaults. 422: too many, out of
 * range. */
struct trade_indicator *trade_indicator_new(struct arena *,
    const struct trade_indicator_kind *, const double *params, size_t n,
    struct err *);
/* The next bar; x is the series of an indicator of one (close, or another
 * indicator's values; NaN is passed over). out: NaN where there is none. */
void trade_indicator_push(struct trade_indicator *,
    const struct trade_ohlcv *, double x, double out[TRADE_OUTPUTS]);
/* The next m bars, with the same bits: output o of bar j goes to
 * out[o * stride + j]; with stride 0 only the main one. x may be NULL for an
 * indicator of the bar. */
void trade_indicator_block(struct trade_indicator *,
    const struct trade_ohlcv *, const double *x, size_t m, size_t stride,
    double *out);

#endif
