/*
 * What is computed of every bar of an equity curve: drawdowns, and its steps
 * against those of the market. Invariant: sums run in the order of the bars;
 * what is done for many bars at a time is what needs no order.
 */
#include <math.h>

#include "base/wide.h"
#include "modules/trade/stats_inner.h"

struct episodes {
	double sum, length, longest;
	size_t n, from;
};

static void
episode(const struct trade_stats_in *in, struct episodes *e, size_t to,
    double worst)
{
	double span = (double)(in->at[to].us - in->at[e->from].us) /
	    (double)DAY_US;

	e->n++;
	e->sum += worst;
	e->length += span;
	e->longest = fmax(e->longest, span);
}

enum { GROUP = 16 };

/* The part of a drawdown that lies in whole groups of bars below its peak;
 * returns the bar after it. Most bars of most runs. */
WIDE static size_t
below(const double *restrict v, size_t i, size_t n, double peak,
    double *restrict squares, double *restrict worst)
{
	double sum = *squares, most[GROUP];

	for (int q = 0; q < GROUP; q++)
		most[q] = *worst;
	for (; i + GROUP <= n; i += GROUP) {
		int64_t above = 0;
		double dd[GROUP];

		for (int q = 0; q < GROUP; q++)
			above |= wide_mask(!(v[i + q] < peak));
		if (above != 0)
			break;
		for (int q = 0; q < GROUP; q++) {
			dd[q] = 1 - v[i + q] / peak;
			most[q] = dd[q] > most[q] ? dd[q] : most[q];
			dd[q] *= dd[q];
		}
		for (int q = 0; q < GROUP; q++)
			sum += dd[q];
	}
	*squares = sum;
	for (int q = 0; q < GROUP; q++)
		*worst = most[q] > *worst ? most[q] : *worst;
	return i;
}

/* A drawdown runs from the peak to the bar that passes it; the last one to
 * the end. Only those of more than one bar count, as in backtesting.py. */
void
trade_stats_drawdowns(const struct trade_stats_in *in, struct trade_stats *s)
{
	const double *v = in->equity;
	double peak = -INFINITY, worst = 0, squares = 0, most = 0, dd;
	struct episodes e = { .longest = NAN };
	size_t n = in->n;

	for (size_t i = 0; i < n; i++) {
		if (v[i] < peak && peak > 0) {
			dd = 1 - v[i] / peak;
			squares += dd * dd;
			worst = dd > worst ? dd : worst;
			if (dd > 0) {
				i = below(v, i + 1, n, peak, &squares,
				    &worst) - 1;
				continue;
			}
		}
		peak = v[i] > peak ? v[i] : peak;
		most = worst > most ? worst : most;
		if (i > e.from + 1)
			episode(in, &e, i, worst);
		e.from = i;
		worst = 0;
	}
	s->max_drawdown = fmax(most, worst);
	if (worst > 0 && n - 1 > e.from + 1)
		episode(in, &e, n - 1, worst);
	s->equity_peak = peak;
	s->max_drawdown_days = e.longest;
	s->avg_drawdown = trade_stats_ratio(e.sum, (double)e.n);
	s->avg_drawdown_days = trade_stats_ratio(e.length, (double)e.n);
	s->ulcer = sqrt(squares / (double)n);
}

enum { STEPS = 128 };

/* log(v[i] / v[i-1]) of n steps to v[0…n-1]. Near 1 by its series in z =
 * (x-y)/(x+y), to the last bits and without a call: most steps are that
 * small. */
WIDE static void
log_steps(const double *v, size_t n, double *restrict out)
{
	int64_t large = 0;

	for (size_t i = 0; i < n; i++) {
		double x = v[i], y = v[i - 1];
		double z = (x - y) / (x + y), w = z * z;

		out[i] = 2 * z * (1 + w * (1.0 / 3 + w * (1.0 / 5 + w *
		    (1.0 / 7))));
		large |= wide_mask(!(fabs(x - y) < 0.015 * y));
	}
	for (size_t i = 0; large != 0 && i < n; i++) {
		double x = v[i], y = v[i - 1];

		if (!(fabs(x - y) < 0.015 * y))
			out[i] = log(x / y);
	}
}

/* Against holding: slope of the steps of log equity on those of log close. */
void
trade_stats_market(const struct trade_stats_in *in, struct trade_stats *s)
{
	double me = 0, mc = 0, ec = 0, cc = 0, n = (double)in->n - 1;
	const double *c = in->close;
	double x[STEPS], y[STEPS];

	s->beta = NAN;
	s->buy_and_hold = in->first < in->n ? trade_stats_ratio(c[in->n - 1] -
	    c[in->first], c[in->first]) : NAN;
	for (size_t i = 1; i < in->n; i += STEPS) {
		size_t m = in->n - i < STEPS ? in->n - i : STEPS;

		log_steps(c + i, m, x);
		log_steps(in->equity + i, m, y);
		for (size_t j = 0; j < m; j++) {
			mc += x[j];
			cc += x[j] * x[j];
			me += y[j];
			ec += x[j] * y[j];
		}
	}
	ec -= me * mc / n;
	if (n > 1 && isfinite(ec))
		s->beta = trade_stats_ratio(ec, cc - mc * mc / n);
	s->alpha = s->total_return - in->rate - s->beta * (s->buy_and_hold - in->rate);
}
