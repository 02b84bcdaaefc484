/*
 * Indicators that look at the whole bar: ranges, channels, volume.
 */
#include "base/arena.h"
#include "modules/trade/indicator_inner.h"

#define UNUSED_SERIES (void)x

static double
typical(const struct trade_ohlcv *b)
{
	return (b->h + b->l + b->c) / 3;
}

static double
larger(double x, double y)
{
	return x > y ? x : y;
}

static double
range_of(const struct trade_ohlcv *b, double before)
{
	return larger(b->h - b->l,
	    larger(fabs(b->h - before), fabs(b->l - before)));
}

/* NaN for the first bar, which has no close before it. */
static double
true_range(const struct trade_indicator *t, const struct trade_ohlcv *b)
{
	return t->n == 0 ? NAN : range_of(b, t->last.c);
}

START(atr)
{
	(void)a;
	trade_wilder_start(&t->m[0], t->p[0]);
}

PUSH(atr)
{
	UNUSED_SERIES;
	out[1] = true_range(t, b);
	if (!isnan(out[1]))
		out[0] = trade_mean_push(&t->m[0], out[1]);
}

BLOCK_OF(atr)
{
	struct trade_mean mean = t->m[0];
	double before = t->last.c;

	UNUSED_SERIES;
	for (size_t j = 0; j < m; j++) {
		double range = range_of(&b[j], before);

		if (t->n + j == 0)
			range = NAN;
		out[stride + j] = range;
		out[j] = isnan(range) ? NAN : trade_mean_push(&mean, range);
		before = b[j].c;
	}
	t->m[0] = mean;
	t->n += m;
	if (m > 0)
		t->last = b[m - 1];
}

START(adx)
{
	(void)a;
	for (int i = 0; i < 4; i++)
		trade_wilder_start(&t->m[i], t->p[0]);
}

/* The bar after `last`. */
static void
adx(struct trade_mean *m, const struct trade_ohlcv *b,
    const struct trade_ohlcv *last, double out[4])
{
	double up = b->h - last->h, down = last->l - b->l;
	double range, plus, minus;

	range = trade_mean_push(&m[0], range_of(b, last->c));
	/* The larger of the two moves counts, where it goes outwards. */
	plus = trade_mean_push(&m[1], larger(up > down ? up : 0, 0));
	minus = trade_mean_push(&m[2], larger(down > up ? down : 0, 0));
	if (isnan(range))
		return;
	out[1] = range > 0 ? 100 * plus / range : 0;
	out[2] = range > 0 ? 100 * minus / range : 0;
	out[3] = out[1] + out[2] > 0 ?
	    100 * fabs(out[1] - out[2]) / (out[1] + out[2]) : 0;
	out[0] = trade_mean_push(&m[3], out[3]);
}

PUSH(adx)
{
	UNUSED_SERIES;
	if (t->n > 0)
		adx(t->m, b, &t->last, out);
}

BLOCK_OF(adx)
{
	struct trade_mean means[4] = { t->m[0], t->m[1], t->m[2], t->m[3] };

	UNUSED_SERIES;
	for (size_t j = 0; j < m; j++) {
		double v[4] = { NAN, NAN, NAN, NAN };

		if (t->n + j > 0)
			adx(means, &b[j], j > 0 ? &b[j - 1] : &t->last, v);
		for (size_t o = 4; o-- > 0;)
			out[o * stride + j] = v[o];
	}
	for (size_t i = 0; i < 4; i++)
		t->m[i] = means[i];
	t->n += m;
	if (m > 0)
		t->last = b[m - 1];
}

/* Two windows, of highs and of lows. */
static void
extremes(struct trade_indicator *t, struct arena *a, double n)
{
	trade_window_start(a, &t->w[0], n);
	trade_window_start(a, &t->w[1], n);
}

static bool
extremes_push(struct trade_indicator *t, const struct trade_ohlcv *b)
{
	trade_window_push(&t->w[0], b->h);
	trade_window_push(&t->w[1], b->l);
	return trade_window_full(&t->w[0]);
}

START(stoch)
{
	extremes(t, a, t->p[0]);
	trade_window_start(a, &t->w[2], t->p[1]);
	trade_window_start(a, &t->w[3], t->p[2]);
}

PUSH(stoch)
{
	double high, low;

	UNUSED_SERIES;
	if (!extremes_push(t, b))
		return;
	high = trade_window_max(&t->w[0]);
	low = trade_window_min(&t->w[1]);
	trade_window_push(&t->w[2],
	    high > low ? 100 * (b->c - low) / (high - low) : 0);
	if (!trade_window_full(&t->w[2]))
		return;
	out[0] = trade_window_mean(&t->w[2]);
	trade_window_push(&t->w[3], out[0]);
	if (trade_window_full(&t->w[3]))
		out[1] = trade_window_mean(&t->w[3]);
}

START(willr)
{
	extremes(t, a, t->p[0]);
}

PUSH(willr)
{
	double high, low;

	UNUSED_SERIES;
	if (!extremes_push(t, b))
		return;
	high = trade_window_max(&t->w[0]);
	low = trade_window_min(&t->w[1]);
	out[0] = high > low ? -100 * (high - b->c) / (high - low) : 0;
}

START(cci)
{
	trade_window_start(a, &t->w[0], t->p[0]);
}

PUSH(cci)
{
	const struct trade_window *w = &t->w[0];
	double mean, deviation = 0;

	UNUSED_SERIES;
	trade_window_push(&t->w[0], typical(b));
	if (!trade_window_full(w))
		return;
	mean = trade_window_mean(w);
	for (size_t i = 0; i < w->n; i++)
		deviation += fabs(w->v[i] - mean);
	deviation /= t->p[0];
	out[0] = deviation > 0 ?
	    (typical(b) - mean) / (0.015 * deviation) : 0;
}

START(mfi)
{
	trade_window_start(a, &t->w[0], t->p[0]);
	trade_window_start(a, &t->w[1], t->p[0]);
}

PUSH(mfi)
{
	double p = typical(b), before = typical(&t->last), in, all;

	UNUSED_SERIES;
	if (t->n == 0)
		return;
	trade_window_push(&t->w[0], p > before ? p * b->v : 0);
	trade_window_push(&t->w[1], p < before ? p * b->v : 0);
	if (!trade_window_full(&t->w[0]))
		return;
	/* Summed anew: a running sum of large flows does not come back to 0. */
	in = trade_window_mean(&t->w[0]);
	all = in + trade_window_mean(&t->w[1]);
	out[0] = all > 0 ? 100 * in / all : 50;
}

START(obv)
{
	(void)a;
	t->s[0] = 0;
}

PUSH(obv)
{
	UNUSED_SERIES;
	if (t->n > 0)
		t->s[0] += b->c > t->last.c ? b->v :
		    b->c < t->last.c ? -b->v : 0;
	out[0] = t->s[0];
}

START(ad)
{
	(void)a;
	t->s[0] = 0;
}

PUSH(ad)
{
	UNUSED_SERIES;
	if (b->h > b->l)
		t->s[0] += ((b->c - b->l) - (b->h - b->c)) / (b->h - b->l) *
		    b->v;
	out[0] = t->s[0];
}

START(vwap)
{
	(void)a;
	t->s[0] = t->s[1] = 0;
}

PUSH(vwap)
{
	UNUSED_SERIES;
	t->s[0] += typical(b) * b->v;
	t->s[1] += b->v;
	if (t->s[1] > 0)
		out[0] = t->s[0] / t->s[1];
}

/* s: sar, acceleration, extreme point, the lows or highs of two bars back.
 * Up to the first reversal the direction, and so the extreme, is a guess: no
 * value. */
START(sar)
{
	(void)a;
	t->s[1] = t->p[0];
	t->flag[0] = true;
}

/* Turns when the price crosses the stop; else the stop follows. */
static bool
sar_turns(struct trade_indicator *t, const struct trade_ohlcv *b, double *stop)
{
	bool up = t->flag[0];
	double two = t->s[3], one = up ? t->last.l : t->last.h;

	*stop = t->s[0] + t->s[1] * (t->s[2] - t->s[0]);
	if (t->n >= 2)
		*stop = up ? fmin(*stop, fmin(one, two)) :
		    fmax(*stop, fmax(one, two));
	return up ? b->l < *stop : b->h > *stop;
}

PUSH(sar)
{
	double stop, before_low = t->last.l, before_high = t->last.h;
	bool known = t->flag[1];

	UNUSED_SERIES;
	if (t->n == 0) {
		t->s[0] = b->l;
		t->s[2] = b->h;
		return;
	}
	if (sar_turns(t, b, &stop)) {
		stop = t->s[2];
		t->flag[0] = !t->flag[0];
		t->flag[1] = true;
		t->s[1] = t->p[0];
		t->s[2] = t->flag[0] ? b->h : b->l;
	} else if (t->flag[0] ? b->h > t->s[2] : b->l < t->s[2]) {
		t->s[2] = t->flag[0] ? b->h : b->l;
		t->s[1] = fmin(t->s[1] + t->p[0], t->p[1]);
	}
	t->s[0] = stop;
	t->s[3] = t->flag[0] ? before_low : before_high;
	if (known)
		out[0] = stop;
}

START(donchian)
{
	extremes(t, a, t->p[0]);
}

PUSH(donchian)
{
	UNUSED_SERIES;
	if (trade_window_full(&t->w[0])) {
		out[1] = trade_window_max(&t->w[0]);
		out[2] = trade_window_min(&t->w[1]);
		out[0] = (out[1] + out[2]) / 2;
	}
	extremes_push(t, b);
}

START(keltner)
{
	(void)a;
	trade_ema_start(&t->m[0], t->p[0]);
	trade_wilder_start(&t->m[1], t->p[2]);
}

PUSH(keltner)
{
	double range = true_range(t, b), atr = NAN;

	UNUSED_SERIES;
	if (!isnan(range))
		atr = trade_mean_push(&t->m[1], range);
	out[0] = trade_mean_push(&t->m[0], b->c);
	if (isnan(atr) || isnan(out[0])) {
		out[0] = NAN;
		return;
	}
	out[1] = out[0] + t->p[1] * atr;
	out[2] = out[0] - t->p[1] * atr;
}

/* The windows are as long as the longest line and hold highs and lows; the
 * spans drawn at a bar were known `base` bars before it. */
START(ichimoku)
{
	double n = fmax(t->p[0], fmax(t->p[1], t->p[2]));

	extremes(t, a, n);
	trade_window_start(a, &t->w[2], t->p[1] + 1);
	trade_window_start(a, &t->w[3], t->p[1] + 1);
}

static double
middle(const struct trade_indicator *t, double n)
{
	double high = -INFINITY, low = INFINITY;

	if ((double)t->w[0].have < n)
		return NAN;
	for (size_t i = 0; i < (size_t)n; i++) {
		high = fmax(high, trade_window_at(&t->w[0], i));
		low = fmin(low, trade_window_at(&t->w[1], i));
	}
	return (high + low) / 2;
}

PUSH(ichimoku)
{
	UNUSED_SERIES;
	extremes_push(t, b);
	out[0] = middle(t, t->p[0]);
	out[1] = middle(t, t->p[1]);
	trade_window_push(&t->w[2], (out[0] + out[1]) / 2);
	trade_window_push(&t->w[3], middle(t, t->p[2]));
	if (!trade_window_full(&t->w[2]))
		return;
	out[2] = trade_window_at(&t->w[2], t->w[2].n - 1);
	out[3] = trade_window_at(&t->w[3], t->w[3].n - 1);
}

START(supertrend)
{
	(void)a;
	trade_wilder_start(&t->m[0], t->p[0]);
}

PUSH(supertrend)
{
	double range = true_range(t, b), mid = (b->h + b->l) / 2, atr;
	double up, down;

	UNUSED_SERIES;
	if (isnan(range))
		return;
	atr = trade_mean_push(&t->m[0], range);
	if (isnan(atr))
		return;
	up = mid + t->p[1] * atr;
	down = mid - t->p[1] * atr;
	if (!t->flag[1]) {
		t->flag[1] = true;
		t->flag[0] = b->c >= mid;
		t->s[0] = up;
		t->s[1] = down;
	}
	if (up < t->s[0] || t->last.c > t->s[0])
		t->s[0] = up;
	if (down > t->s[1] || t->last.c < t->s[1])
		t->s[1] = down;
	t->flag[0] = b->c > (t->flag[0] ? t->s[1] : t->s[0]);
	out[0] = t->flag[0] ? t->s[1] : t->s[0];
	out[1] = t->flag[0] ? 1 : -1;
}
