/*
 * Indicators: the table, parameters, and the pieces they share. A parameter
 * out of range is refused with its name; nothing is clamped.
 */
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "modules/trade/indicator_inner.h"

#define NAMES(...) { __VA_ARGS__ }
#define KIND(key, text, bar, bits, params_, defaults_, outputs_) { \
	.name = #key, .doc = text, .params = params_, .defaults = defaults_, \
	.outputs = outputs_, .of_bar = bar, .whole = bits, \
	.start = trade_start_##key, .push = trade_push_##key }
/* The same with a loop of its own over many values. */
#define KIND_FAST(key, text, bar, bits, params_, defaults_, outputs_) { \
	.name = #key, .doc = text, .params = params_, .defaults = defaults_, \
	.outputs = outputs_, .of_bar = bar, .whole = bits, \
	.start = trade_start_##key, .push = trade_push_##key, .block = trade_block_##key }

const struct trade_indicator_kind trade_indicator_kinds[] = {
	KIND_FAST(sma, "Simple moving average", 0, 1,
	    NAMES("n"), NAMES(20), NAMES("sma")),
	KIND_FAST(ema, "Exponential moving average", 0, 1,
	    NAMES("n"), NAMES(20), NAMES("ema")),
	KIND(wma, "Weighted moving average", 0, 1,
	    NAMES("n"), NAMES(20), NAMES("wma")),
	KIND(dema, "Double exponential moving average", 0, 1,
	    NAMES("n"), NAMES(20), NAMES("dema")),
	KIND(tema, "Triple exponential moving average", 0, 1,
	    NAMES("n"), NAMES(20), NAMES("tema")),
	KIND(kama, "Kaufman's adaptive moving average", 0, 7,
	    NAMES("n", "fast", "slow"), NAMES(10, 2, 30), NAMES("kama")),
	KIND(hma, "Hull moving average", 0, 1,
	    NAMES("n"), NAMES(20), NAMES("hma")),
	KIND_FAST(rsi, "Relative strength index", 0, 1,
	    NAMES("n"), NAMES(14), NAMES("rsi")),
	KIND_FAST(macd, "Moving average convergence and divergence", 0, 7,
	    NAMES("fast", "slow", "signal"), NAMES(12, 26, 9),
	    NAMES("macd", "signal", "histogram")),
	KIND_FAST(bbands, "Bollinger bands", 0, 1,
	    NAMES("n", "k"), NAMES(20, 2), NAMES("middle", "upper", "lower")),
	KIND_FAST(atr, "Average true range", 1, 1,
	    NAMES("n"), NAMES(14), NAMES("atr", "tr")),
	KIND_FAST(adx, "Average directional index", 1, 1,
	    NAMES("n"), NAMES(14), NAMES("adx", "plus_di", "minus_di", "dx")),
	KIND(stoch, "Stochastic oscillator", 1, 7,
	    NAMES("n", "slow_k", "slow_d"), NAMES(5, 3, 3),
	    NAMES("k", "d")),
	KIND(cci, "Commodity channel index", 1, 1,
	    NAMES("n"), NAMES(20), NAMES("cci")),
	KIND(roc, "Rate of change, percent", 0, 1,
	    NAMES("n"), NAMES(10), NAMES("roc")),
	KIND(mom, "Momentum", 0, 1,
	    NAMES("n"), NAMES(10), NAMES("mom")),
	KIND(willr, "Williams' %R", 1, 1,
	    NAMES("n"), NAMES(14), NAMES("willr")),
	KIND(mfi, "Money flow index", 1, 1,
	    NAMES("n"), NAMES(14), NAMES("mfi")),
	KIND(obv, "On-balance volume", 1, 0,
	    NAMES(NULL), NAMES(0), NAMES("obv")),
	KIND(ad, "Accumulation and distribution", 1, 0,
	    NAMES(NULL), NAMES(0), NAMES("ad")),
	KIND(vwap, "Volume-weighted average price since the first bar", 1, 0,
	    NAMES(NULL), NAMES(0), NAMES("vwap")),
	KIND(sar, "Parabolic stop and reverse", 1, 0,
	    NAMES("step", "max"), NAMES(0.02, 0.2), NAMES("sar")),
	KIND(donchian, "Donchian channel of the bars before", 1, 1,
	    NAMES("n"), NAMES(20), NAMES("middle", "upper", "lower")),
	KIND(keltner, "Keltner channel", 1, 5,
	    NAMES("n", "k", "atr"), NAMES(20, 2, 10),
	    NAMES("middle", "upper", "lower")),
	KIND(ichimoku, "Ichimoku clouds, without the future's line", 1, 7,
	    NAMES("conversion", "base", "span"), NAMES(9, 26, 52),
	    NAMES("conversion", "base", "span_a", "span_b")),
	KIND(supertrend, "Supertrend", 1, 1,
	    NAMES("n", "k"), NAMES(10, 3), NAMES("supertrend", "trend")),
	KIND(slope, "Slope of the regression line", 0, 1,
	    NAMES("n"), NAMES(14), NAMES("slope", "fit")),
	KIND(zscore, "Distance from the mean in deviations", 0, 1,
	    NAMES("n"), NAMES(20), NAMES("zscore")),
	KIND(highest, "Highest of the last values", 0, 1,
	    NAMES("n"), NAMES(20), NAMES("highest")),
	KIND(lowest, "Lowest of the last values", 0, 1,
	    NAMES("n"), NAMES(20), NAMES("lowest")),
	{ .name = NULL }
};

const struct trade_indicator_kind *
trade_indicator_find(const char *name)
{
	for (const struct trade_indicator_kind *k = trade_indicator_kinds;
	    k->name != NULL; k++)
		if (strcmp(k->name, name) == 0)
			return k;
	return NULL;
}

static int
refuse(const struct trade_indicator_kind *k, size_t i, const char *what,
    struct err *err)
{
	return err_set(err, 422, "indicator", "Parameter %s of %s must be %s",
	    k->params[i], k->name, what);
}

static int
fits(const struct trade_indicator_kind *k, size_t i, double v,
    struct err *err)
{
	if ((k->whole >> i & 1) != 0) {
		if (!(v >= 1 && v <= 10000) || v != floor(v))
			return refuse(k, i, "a whole number from 1 to 10000",
			    err);
	} else if (!(v > 0 && v <= 1000)) {
		return refuse(k, i, "above 0 and at most 1000", err);
	}
	return 0;
}

struct trade_indicator *
trade_indicator_new(struct arena *a, const struct trade_indicator_kind *k,
    const double *params, size_t n, struct err *err)
{
	struct trade_indicator *t = arena_alloc(a, sizeof(*t));

	t->kind = k;
	for (size_t i = 0; i < TRADE_PARAMS && k->params[i] != NULL; i++) {
		t->p[i] = i < n ? params[i] : k->defaults[i];
		if (fits(k, i, t->p[i], err) == -1)
			return NULL;
	}
	for (size_t i = 0; i < n; i++)
		if (i >= TRADE_PARAMS || k->params[i] == NULL) {
			err_set(err, 422, "indicator",
			    "%s has %zu parameters, not %zu", k->name, i, n);
			return NULL;
		}
	k->start(t, a);
	return t;
}

void
trade_indicator_push(struct trade_indicator *t, const struct trade_ohlcv *b,
    double x, double out[TRADE_OUTPUTS])
{
	for (int i = 0; i < TRADE_OUTPUTS; i++)
		out[i] = NAN;
	if (!t->kind->of_bar && isnan(x))
		return;
	t->kind->push(t, b, x, out);
	t->last = *b;
	t->n++;
}

void
trade_indicator_block(struct trade_indicator *t, const struct trade_ohlcv *b,
    const double *x, size_t m, size_t stride, double *out)
{
	size_t outputs = 0;

	if (t->kind->block != NULL) {
		t->kind->block(t, b, x, m, stride, out);
		return;
	}
	while (outputs < TRADE_OUTPUTS && t->kind->outputs[outputs] != NULL)
		outputs++;
	for (size_t j = 0; j < m; j++) {
		double v[TRADE_OUTPUTS];

		trade_indicator_push(t, &b[j], x == NULL ? 0 : x[j], v);
		for (size_t o = outputs; o-- > 0;)
			out[o * stride + j] = v[o];
	}
}

/* ---- shared pieces -------------------------------------------------------- */

void
trade_window_start(struct arena *a, struct trade_window *w, double n)
{
	*w = (struct trade_window){ .n = (size_t)n };
	w->v = arena_array(a, w->n, sizeof(*w->v));
}

void
trade_window_push(struct trade_window *w, double x)
{
	if (w->have == w->n)
		w->sum -= w->v[w->next];
	else
		w->have++;
	w->sum += x;
	w->v[w->next] = x;
	w->next = w->next + 1 == w->n ? 0 : w->next + 1;
}

double
trade_window_max(const struct trade_window *w)
{
	double m = -INFINITY;

	for (size_t i = 0; i < w->have; i++)
		m = fmax(m, w->v[i]);
	return m;
}

double
trade_window_min(const struct trade_window *w)
{
	double m = INFINITY;

	for (size_t i = 0; i < w->have; i++)
		m = fmin(m, w->v[i]);
	return m;
}

double
trade_window_mean(const struct trade_window *w)
{
	double sum = 0;

	for (size_t i = 0; i < w->have; i++)
		sum += w->v[i];
	return sum / (double)w->have;
}

double
trade_window_sd(const struct trade_window *w, double mean)
{
	double sum = 0;

	for (size_t i = 0; i < w->have; i++)
		sum += (w->v[i] - mean) * (w->v[i] - mean);
	return sqrt(sum / (double)w->have);
}

void
trade_ema_start(struct trade_mean *m, double n)
{
	*m = (struct trade_mean){ .n = (size_t)n, .k = 2 / (n + 1) };
}

void
trade_wilder_start(struct trade_mean *m, double n)
{
	*m = (struct trade_mean){ .n = (size_t)n, .k = 1 / n };
}
