/*
 * Indicators of one series: averages and what is made of them.
 */
#include "base/arena.h"
#include "base/wide.h"
#include "modules/trade/indicator_inner.h"

#define UNUSED_BAR (void)b

START(sma)
{
	trade_window_start(a, &t->w[0], t->p[0]);
}

PUSH(sma)
{
	UNUSED_BAR;
	trade_window_push(&t->w[0], x);
	if (trade_window_full(&t->w[0]))
		out[0] = t->w[0].sum / t->p[0];
}

/* A full window moves over m values: the old ones are taken from x itself
 * where the window lies in it, and put into the window at the end. Returns the
 * new sum, which a value that is unknown makes unknown: nothing is kept then. */
static double
slide(struct trade_window *w, const double *restrict x, size_t m,
    double *restrict out)
{
	double sum = w->sum, parts = (double)w->n, *v = w->v;
	size_t n = w->n, next = w->next, from = m > n ? m - n : 0, j;

	for (j = 0; j < m && j < n; j++) {
		sum -= v[next];
		sum += x[j];
		out[j] = sum / parts;
		next = next + 1 == n ? 0 : next + 1;
	}
	for (; j < m; j++) {
		sum -= x[j - n];
		sum += x[j];
		out[j] = sum / parts;
	}
	if (isnan(sum))
		return sum;
	next = (w->next + from) % n;
	for (j = from; j < m; j++) {
		v[next] = x[j];
		next = next + 1 == n ? 0 : next + 1;
	}
	w->sum = sum;
	w->next = next;
	return sum;
}

BLOCK_OF(sma)
{
	struct trade_window *w = &t->w[0];
	size_t j;

	(void)stride;
	UNUSED_BAR;
	if (trade_window_full(w) && !isnan(slide(w, x, m, out)))
		return;
	for (j = 0; j < m; j++) {
		out[j] = NAN;
		if (isnan(x[j]))
			continue;
		trade_window_push(w, x[j]);
		if (trade_window_full(w))
			out[j] = w->sum / t->p[0];
	}
}

START(ema)
{
	(void)a;
	trade_ema_start(&t->m[0], t->p[0]);
}

PUSH(ema)
{
	UNUSED_BAR;
	out[0] = trade_mean_push(&t->m[0], x);
}

BLOCK_OF(ema)
{
	struct trade_mean mean = t->m[0];

	(void)stride;
	UNUSED_BAR;
	for (size_t j = 0; j < m; j++)
		out[j] = isnan(x[j]) ? NAN : trade_mean_push(&mean, x[j]);
	t->m[0] = mean;
}

static double
weighted(const struct trade_window *w)
{
	double sum = 0, n = (double)w->n;

	for (size_t i = 0; i < w->n; i++)
		sum += trade_window_at(w, i) * (n - (double)i);
	return sum / (n * (n + 1) / 2);
}

START(wma)
{
	trade_window_start(a, &t->w[0], t->p[0]);
}

PUSH(wma)
{
	UNUSED_BAR;
	trade_window_push(&t->w[0], x);
	if (trade_window_full(&t->w[0]))
		out[0] = weighted(&t->w[0]);
}

/* ema of ema of …: each begins when the one before it has a value. */
static size_t
chain(struct trade_mean *m, size_t n, double x, double *e)
{
	for (size_t i = 0; i < n; i++) {
		e[i] = x = trade_mean_push(&m[i], x);
		if (isnan(x))
			return i;
	}
	return n;
}

START(dema)
{
	(void)a;
	trade_ema_start(&t->m[0], t->p[0]);
	trade_ema_start(&t->m[1], t->p[0]);
}

PUSH(dema)
{
	double e[2];

	UNUSED_BAR;
	if (chain(t->m, 2, x, e) == 2)
		out[0] = 2 * e[0] - e[1];
}

START(tema)
{
	(void)a;
	for (int i = 0; i < 3; i++)
		trade_ema_start(&t->m[i], t->p[0]);
}

PUSH(tema)
{
	double e[3];

	UNUSED_BAR;
	if (chain(t->m, 3, x, e) == 3)
		out[0] = 3 * e[0] - 3 * e[1] + e[2];
}

START(kama)
{
	trade_window_start(a, &t->w[0], t->p[0] + 1);
}

PUSH(kama)
{
	const struct trade_window *w = &t->w[0];
	double fast = 2 / (t->p[1] + 1), slow = 2 / (t->p[2] + 1);
	double path = 0, ratio, k;

	UNUSED_BAR;
	trade_window_push(&t->w[0], x);
	if (!trade_window_full(w))
		return;
	if (t->n + 1 == w->n)
		t->s[0] = trade_window_at(w, 1);
	for (size_t i = 0; i + 1 < w->n; i++)
		path += fabs(trade_window_at(w, i) -
		    trade_window_at(w, i + 1));
	ratio = path > 0 ? fabs(x - trade_window_at(w, w->n - 1)) / path : 1;
	k = ratio * (fast - slow) + slow;
	t->s[0] += k * k * (x - t->s[0]);
	out[0] = t->s[0];
}

START(hma)
{
	trade_window_start(a, &t->w[0], t->p[0]);
	trade_window_start(a, &t->w[1], fmax(1, floor(t->p[0] / 2)));
	trade_window_start(a, &t->w[2], fmax(1, floor(sqrt(t->p[0]))));
}

PUSH(hma)
{
	UNUSED_BAR;
	trade_window_push(&t->w[0], x);
	trade_window_push(&t->w[1], x);
	if (!trade_window_full(&t->w[0]))
		return;
	trade_window_push(&t->w[2],
	    2 * weighted(&t->w[1]) - weighted(&t->w[0]));
	if (trade_window_full(&t->w[2]))
		out[0] = weighted(&t->w[2]);
}

START(rsi)
{
	(void)a;
	trade_wilder_start(&t->m[0], t->p[0]);
	trade_wilder_start(&t->m[1], t->p[0]);
}

/* A market that did not move at all is neither strong nor weak. */
static double
strength(double up, double down)
{
	return up + down > 0 ? 100 * up / (up + down) : 50;
}

PUSH(rsi)
{
	double move = x - t->s[0], up, down;

	UNUSED_BAR;
	t->s[0] = x;
	if (t->n == 0)
		return;
	up = trade_mean_push(&t->m[0], fmax(move, 0));
	down = trade_mean_push(&t->m[1], fmax(-move, 0));
	if (!isnan(up))
		out[0] = strength(up, down);
}

BLOCK_OF(rsi)
{
	struct trade_mean rises = t->m[0], falls = t->m[1];
	double before = t->s[0];
	size_t seen = t->n;

	(void)stride;
	UNUSED_BAR;
	for (size_t j = 0; j < m; j++) {
		double move = x[j] - before, up, down;

		out[j] = NAN;
		if (isnan(x[j]))
			continue;
		before = x[j];
		if (seen++ == 0)
			continue;
		up = trade_mean_push(&rises, move > 0 ? move : 0);
		down = trade_mean_push(&falls, -move > 0 ? -move : 0);
		if (!isnan(up))
			out[j] = strength(up, down);
	}
	t->m[0] = rises;
	t->m[1] = falls;
	t->s[0] = before;
	t->n = seen;
}

START(macd)
{
	(void)a;
	for (int i = 0; i < 3; i++)
		trade_ema_start(&t->m[i], t->p[i]);
}

PUSH(macd)
{
	double fast = trade_mean_push(&t->m[0], x);
	double slow = trade_mean_push(&t->m[1], x);

	UNUSED_BAR;
	if (isnan(fast) || isnan(slow))
		return;
	out[0] = fast - slow;
	out[1] = trade_mean_push(&t->m[2], out[0]);
	out[2] = out[0] - out[1];
}

BLOCK_OF(macd)
{
	struct trade_mean fast = t->m[0], slow = t->m[1], signal = t->m[2];

	UNUSED_BAR;
	for (size_t j = 0; j < m; j++) {
		double line = NAN, smooth = NAN;

		if (!isnan(x[j])) {
			line = trade_mean_push(&fast, x[j]);
			line -= trade_mean_push(&slow, x[j]);
		}
		if (!isnan(line))
			smooth = trade_mean_push(&signal, line);
		out[2 * stride + j] = line - smooth;
		out[stride + j] = smooth;
		out[j] = line;
	}
	t->m[0] = fast;
	t->m[1] = slow;
	t->m[2] = signal;
}

START(bbands)
{
	trade_window_start(a, &t->w[0], t->p[0]);
}

PUSH(bbands)
{
	double mean, sd;

	UNUSED_BAR;
	trade_window_push(&t->w[0], x);
	if (!trade_window_full(&t->w[0]))
		return;
	mean = trade_window_mean(&t->w[0]);
	sd = trade_window_sd(&t->w[0], mean);
	out[0] = mean;
	out[1] = mean + t->p[1] * sd;
	out[2] = mean - t->p[1] * sd;
}

enum { GROUP = 8, SHORT = 128 };

/* Mean and deviation of the windows that end at each of GROUP bars. A sum waits
 * for the one before it: those of the group go side by side, each in the order
 * of trade_window_mean() and trade_window_sd(), and so with the same bits. */
WIDE static void
windows(const struct trade_window *w, const double *restrict x,
    double *restrict mean, double *restrict sd)
{
	double rows[SHORT][GROUP];	/* a place, as each bar sees it */
	double sum[GROUP] = { 0 }, square[GROUP] = { 0 };
	size_t n = w->n;

	for (size_t i = 0; i < n; i++)
		for (size_t q = 0; q < GROUP; q++)
			rows[i][q] = w->v[i];
	for (size_t k = 0; k < GROUP; k++)
		for (size_t q = k; q < GROUP; q++)
			rows[(w->next + k) % n][q] = x[k];
	for (size_t i = 0; i < n; i++)
		for (size_t q = 0; q < GROUP; q++)
			sum[q] += rows[i][q];
	for (size_t q = 0; q < GROUP; q++)
		mean[q] = sum[q] / (double)n;
	for (size_t i = 0; i < n; i++)
		for (size_t q = 0; q < GROUP; q++)
			square[q] += (rows[i][q] - mean[q]) *
			    (rows[i][q] - mean[q]);
	for (size_t q = 0; q < GROUP; q++)
		sd[q] = sqrt(square[q] / (double)n);
}

static bool
known(const double *x)
{
	double sum = 0;

	for (size_t q = 0; q < GROUP; q++)
		sum += x[q];
	return !isnan(sum);
}

BLOCK_OF(bbands)
{
	double mean[GROUP], sd[GROUP], k = t->p[1];
	size_t j = 0, n;

	while (j < m) {
		n = 1;
		mean[0] = sd[0] = NAN;
		if (m - j >= GROUP && t->w[0].n <= SHORT &&
		    trade_window_full(&t->w[0]) && known(x + j)) {
			n = GROUP;
			windows(&t->w[0], x + j, mean, sd);
		}
		for (size_t q = 0; q < n; q++)
			if (!isnan(x[j + q]))
				trade_window_push(&t->w[0], x[j + q]);
		if (n == 1 && !isnan(x[j]) && trade_window_full(&t->w[0])) {
			mean[0] = trade_window_mean(&t->w[0]);
			sd[0] = trade_window_sd(&t->w[0], mean[0]);
		}
		for (size_t q = 0; q < n; q++, j++) {
			out[2 * stride + j] = mean[q] - k * sd[q];
			out[stride + j] = mean[q] + k * sd[q];
			out[j] = mean[q];
		}
	}
	UNUSED_BAR;
}

START(zscore)
{
	trade_window_start(a, &t->w[0], t->p[0]);
}

PUSH(zscore)
{
	double mean, sd;

	UNUSED_BAR;
	trade_window_push(&t->w[0], x);
	if (!trade_window_full(&t->w[0]))
		return;
	mean = trade_window_mean(&t->w[0]);
	sd = trade_window_sd(&t->w[0], mean);
	out[0] = sd > 0 ? (x - mean) / sd : 0;
}

START(roc)
{
	trade_window_start(a, &t->w[0], t->p[0] + 1);
}

PUSH(roc)
{
	double then;

	UNUSED_BAR;
	trade_window_push(&t->w[0], x);
	if (!trade_window_full(&t->w[0]))
		return;
	then = trade_window_at(&t->w[0], t->w[0].n - 1);
	if (then != 0)
		out[0] = 100 * (x - then) / then;
}

START(mom)
{
	trade_window_start(a, &t->w[0], t->p[0] + 1);
}

PUSH(mom)
{
	UNUSED_BAR;
	trade_window_push(&t->w[0], x);
	if (trade_window_full(&t->w[0]))
		out[0] = x - trade_window_at(&t->w[0], t->w[0].n - 1);
}

START(slope)
{
	trade_window_start(a, &t->w[0], t->p[0]);
}

PUSH(slope)
{
	const struct trade_window *w = &t->w[0];
	double n = t->p[0], mid = (n - 1) / 2, xy = 0, xx = 0, mean;

	UNUSED_BAR;
	trade_window_push(&t->w[0], x);
	if (!trade_window_full(w))
		return;
	mean = trade_window_mean(w);
	for (size_t i = 0; i < w->n; i++) {
		double at = (double)(w->n - 1 - i) - mid;

		xy += at * (trade_window_at(w, i) - mean);
		xx += at * at;
	}
	out[0] = xx > 0 ? xy / xx : 0;
	out[1] = mean + out[0] * mid;
}

START(highest)
{
	trade_window_start(a, &t->w[0], t->p[0]);
}

PUSH(highest)
{
	UNUSED_BAR;
	trade_window_push(&t->w[0], x);
	if (trade_window_full(&t->w[0]))
		out[0] = trade_window_max(&t->w[0]);
}

START(lowest)
{
	trade_window_start(a, &t->w[0], t->p[0]);
}

PUSH(lowest)
{
	UNUSED_BAR;
	trade_window_push(&t->w[0], x);
	if (trade_window_full(&t->w[0]))
		out[0] = trade_window_min(&t->w[0]);
}
