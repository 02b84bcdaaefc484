/*
 * What the indicators share: a window over the last values, an exponential
 * mean, Wilder's mean.
 */
#ifndef TRADE_INDICATOR_INNER_H
#define TRADE_INDICATOR_INNER_H

#include <math.h>
#include <stdbool.h>

#include "modules/trade/indicator.h"

/* The last n values; at(0) is the newest. sum runs with them. */
struct trade_window {
	double *v;
	size_t n, have, next;
	double sum;
};

/* Seeded with the plain mean of the first n values, then prev + k (x - prev):
 * k = 2/(n+1) is an EMA, 1/n is Wilder's. */
struct trade_mean {
	size_t n, have;
	double k, sum, value;
};

struct trade_indicator {
	const struct trade_indicator_kind *kind;
	double p[TRADE_PARAMS];
	size_t n;			/* values seen */
	struct trade_window w[4];
	struct trade_mean m[4];
	double s[8];
	bool flag[2];
	struct trade_ohlcv last;	/* the bar before */
};

void trade_window_start(struct arena *, struct trade_window *, double n);
void trade_window_push(struct trade_window *, double);
static inline bool
trade_window_full(const struct trade_window *w)
{
	return w->have == w->n;
}
static inline double
trade_window_at(const struct trade_window *w, size_t back)
{
	return w->v[(w->next + w->n - 1 - back) % w->n];
}
double trade_window_max(const struct trade_window *);
double trade_window_min(const struct trade_window *);
/* Mean and population deviation over a full window, in two passes. */
double trade_window_mean(const struct trade_window *);
double trade_window_sd(const struct trade_window *, double mean);

void trade_ema_start(struct trade_mean *, double n);
void trade_wilder_start(struct trade_mean *, double n);
/* NaN until n values were seen. */
static inline double
trade_mean_push(struct trade_mean *m, double x)
{
	if (m->have < m->n) {
		m->sum += x;
		if (++m->have < m->n)
			return NAN;
		m->value = m->sum / (double)m->n;
	} else {
		m->value += m->k * (x - m->value);
	}
	return m->value;
}

#define START(name) \
	void trade_start_##name(struct trade_indicator *t, struct arena *a)
#define PUSH(name) \
	void trade_push_##name(struct trade_indicator *t, \
	    const struct trade_ohlcv *b, double x, double *out)

#define BLOCK_OF(name) \
	void trade_block_##name(struct trade_indicator *t, \
	    const struct trade_ohlcv *b, const double *x, size_t m, \
	    size_t stride, double *out)

BLOCK_OF(sma);
BLOCK_OF(ema);
BLOCK_OF(rsi);
BLOCK_OF(macd);
BLOCK_OF(bbands);
BLOCK_OF(adx);
BLOCK_OF(atr);

#define BOTH(name) START(name); PUSH(name)
BOTH(sma);
BOTH(ema);
BOTH(wma);
BOTH(dema);
BOTH(tema);
BOTH(kama);
BOTH(hma);
BOTH(rsi);
BOTH(macd);
BOTH(bbands);
BOTH(atr);
BOTH(adx);
BOTH(stoch);
BOTH(cci);
BOTH(roc);
BOTH(mom);
BOTH(willr);
BOTH(mfi);
BOTH(obv);
BOTH(ad);
BOTH(vwap);
BOTH(sar);
BOTH(donchian);
BOTH(keltner);
BOTH(ichimoku);
BOTH(supertrend);
BOTH(slope);
BOTH(zscore);
BOTH(highest);
BOTH(lowest);

#endif
