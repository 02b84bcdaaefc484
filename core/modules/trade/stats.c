/*
 * Statistics of an equity curve and its trades. Invariant: all sums run in
 * the order of the bars, so that the same backtest gives the same bits.
 */
#include <math.h>

#include "base/arena.h"
#include "base/vec.h"
#include "schema/schema.h"
#include "modules/trade/sim.h"
#include "modules/trade/stats_inner.h"

#define S struct trade_stats

static const struct field fields[] = {
	FIELD(S, equity_final, .doc = "Cash and positions at the end"),
	FIELD(S, equity_peak, .doc = "Highest equity"),
	FIELD(S, commissions, .doc = "Commissions paid"),
	FIELD(S, exposure, .flags = FF_NULLABLE,
	    .doc = "Bars with a position / bars"),
	FIELD(S, total_return, .doc = "E_n/E_0 - 1"),
	FIELD(S, buy_and_hold, .flags = FF_NULLABLE,
	    .doc = "Of the close, from the first tradable bar"),
	FIELD(S, return_ann, .flags = FF_NULLABLE,
	    .doc = "(1+g)^A - 1, g the geometric mean of daily returns"),
	FIELD(S, volatility_ann, .flags = FF_NULLABLE,
	    .doc = "geo: sqrt((var + (1+g)^2)^A - (1+g)^2A)"),
	FIELD(S, cagr, .flags = FF_NULLABLE, .doc = "(E_n/E_0)^(1/y) - 1, "
	    "y = days / 365.25"),
	FIELD(S, sharpe_geo, .flags = FF_NULLABLE, .doc = "(ann - rf) / vol"),
	FIELD(S, sortino_geo, .flags = FF_NULLABLE,
	    .doc = "(ann - rf) / (downside * sqrt A)"),
	FIELD(S, sharpe, .flags = FF_NULLABLE,
	    .doc = "mean(r - rf/A) / sd(r) * sqrt A"),
	FIELD(S, sortino, .flags = FF_NULLABLE,
	    .doc = "mean(r) * A / (downside * sqrt A)"),
	FIELD(S, omega, .flags = FF_NULLABLE,
	    .doc = "Sum of gains / sum of losses, of daily returns"),
	FIELD(S, calmar, .flags = FF_NULLABLE, .doc = "ann / max drawdown"),
	FIELD(S, alpha, .flags = FF_NULLABLE,
	    .doc = "return - rf - beta * (buy and hold - rf)"),
	FIELD(S, beta, .flags = FF_NULLABLE,
	    .doc = "cov(ln E, ln close) / var(ln close), per bar"),
	FIELD(S, max_drawdown, .doc = "1 - E/peak, largest"),
	FIELD(S, avg_drawdown, .flags = FF_NULLABLE,
	    .doc = "Mean of the largest of each drawdown"),
	FIELD(S, max_drawdown_days, .flags = FF_NULLABLE, .doc = "Longest drawdown"),
	FIELD(S, avg_drawdown_days, .flags = FF_NULLABLE, .doc = "Mean length of drawdowns"),
	FIELD(S, ulcer, .doc = "sqrt(mean(drawdown^2))"),
	FIELD(S, trades, .doc = "Closed trades"),
	FIELD(S, win_rate, .flags = FF_NULLABLE, .doc = "Share with a profit"),
	FIELD(S, best_trade, .flags = FF_NULLABLE,
	    .doc = "Highest return of a trade"),
	FIELD(S, worst_trade, .flags = FF_NULLABLE,
	    .doc = "Lowest return of a trade"),
	FIELD(S, avg_trade, .flags = FF_NULLABLE,
	    .doc = "Geometric mean of the trades' returns"),
	FIELD(S, max_trade_days, .flags = FF_NULLABLE,
	    .doc = "Longest trade"),
	FIELD(S, avg_trade_days, .flags = FF_NULLABLE,
	    .doc = "Mean length of trades"),
	FIELD(S, profit_factor_ret, .flags = FF_NULLABLE,
	    .doc = "Sum of positive / negative returns of trades"),
	FIELD(S, profit_factor, .flags = FF_NULLABLE,
	    .doc = "Sum of profits / losses in money"),
	FIELD(S, expectancy, .flags = FF_NULLABLE,
	    .doc = "Mean of the trades' returns"),
	FIELD(S, sqn, .flags = FF_NULLABLE,
	    .doc = "sqrt(n) * mean(profit) / sd(profit)"),
	FIELD(S, kelly, .flags = FF_NULLABLE,
	    .doc = "W - (1 - W) * mean loss / mean win"),
	FIELD(S, psr, .flags = FF_NULLABLE,
	    .doc = "Probability that the true Sharpe ratio is above 0"),
	FIELD(S, skew, .flags = FF_NULLABLE, .doc = "Of daily returns"),
	FIELD(S, kurtosis, .flags = FF_NULLABLE,
	    .doc = "Of daily returns; 3 = normal"),
	FIELD(S, per_year, .doc = "Periods in a year (A)"),
	FIELD(S, days, .doc = "Daily returns counted"),
	FIELD_END
};
const struct schema trade_stats_schema = {
	.name = "TradeStats", .doc = "Statistics of a backtest; parts of one, "
	"not percent", .size = sizeof(struct trade_stats), .fields = fields
};

/* ---- series of returns ------------------------------------------------------ */

static double
mean(const double *r, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += r[i];
	return n > 0 ? sum / (double)n : NAN;
}

/* Sums of (r - m)^2, ^3 and ^4. */
struct moments {
	double second, third, fourth;
};

static struct moments
moments(const double *r, size_t n, double m)
{
	struct moments s = { 0, 0, 0 };

	for (size_t i = 0; i < n; i++) {
		double d = r[i] - m, d2 = d * d;

		s.second += d2;
		s.third += d2 * d;
		s.fourth += d2 * d2;
	}
	return s;
}

/* Of a sample: ddof 1. */
static double
deviation(const double *r, size_t n)
{
	return n > 1 ? sqrt(moments(r, n, mean(r, n)).second /
	    (double)(n - 1)) : NAN;
}

double
trade_stats_sharpe(const double *r, size_t n, double rate, double per_year)
{
	return trade_stats_ratio(mean(r, n) - rate, deviation(r, n)) * sqrt(per_year);
}

double
trade_stats_downside(const double *r, size_t n, double required,
    double per_year)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++) {
		double d = fmin(0, r[i] - required);

		sum += d * d;
	}
	return n > 0 ? sqrt(sum / (double)n) * sqrt(per_year) : NAN;
}

double
trade_stats_sortino(const double *r, size_t n, double rate, double per_year)
{
	return trade_stats_ratio((mean(r, n) - rate) * per_year,
	    trade_stats_downside(r, n, rate, per_year));
}

double
trade_stats_max_drawdown(const double *r, size_t n)
{
	double e = 1, peak = 1, worst = 0;

	for (size_t i = 0; i < n; i++) {
		e *= 1 + r[i];
		peak = fmax(peak, e);
		worst = fmin(worst, e / peak - 1);
	}
	return n > 0 ? worst : NAN;
}

double
trade_stats_annual_return(const double *r, size_t n, double per_year)
{
	double e = 1;

	for (size_t i = 0; i < n; i++)
		e *= 1 + r[i];
	return n > 0 ? pow(e, per_year / (double)n) - 1 : NAN;
}

double
trade_stats_annual_vol(const double *r, size_t n, double per_year)
{
	return deviation(r, n) * sqrt(per_year);
}

double
trade_stats_calmar(const double *r, size_t n, double per_year)
{
	double dd = trade_stats_max_drawdown(r, n);

	return dd < 0 ? trade_stats_annual_return(r, n, per_year) / -dd : NAN;
}

double
trade_stats_omega(const double *r, size_t n, double rate, double required,
    double per_year)
{
	double less = rate + (per_year == 1 ? required :
	    pow(1 + required, 1 / per_year) - 1), up = 0, down = 0;

	for (size_t i = 0; i < n; i++) {
		up += fmax(0, r[i] - less);
		down += fmax(0, less - r[i]);
	}
	return n > 1 ? trade_stats_ratio(up, down) : NAN;
}

/* ---- overfitting ---------------------------------------------------------------- */

static double
normal(double x)
{
	return 0.5 * erfc(-x / sqrt(2));
}

/* Inverse of the normal distribution, by bisection on the exact function: a
 * few dozen calls a backtest. */
static double
normal_inverse(double p)
{
	double low = -40, high = 40;

	for (int i = 0; i < 200; i++) {
		double mid = (low + high) / 2;

		if (normal(mid) < p)
			low = mid;
		else
			high = mid;
	}
	return (low + high) / 2;
}

double
trade_stats_psr(double sharpe, double against, size_t n, double skew,
    double kurtosis)
{
	double under = 1 - skew * sharpe +
	    (kurtosis - 1) / 4 * sharpe * sharpe;

	if (n < 2 || !(under > 0))
		return NAN;
	return normal((sharpe - against) * sqrt((double)(n - 1)) /
	    sqrt(under));
}

double
trade_stats_luck(double sd, size_t trials)
{
	const double euler = 0.57721566490153286, e = 2.71828182845904524;
	double n = (double)trials;

	if (trials < 2)
		return 0;
	return sd * ((1 - euler) * normal_inverse(1 - 1 / n) +
	    euler * normal_inverse(1 - 1 / (n * e)));
}

/* ---- the equity curve ---------------------------------------------------------- */

struct daily {
	double *r;			/* returns; the first, unknown, is 0 */
	size_t n;
	double per_year, growth;	/* growth: geometric mean */
};

/* Day of the week, Monday 0. 1970-01-01 was a Thursday. */
static int
weekday(int64_t day)
{
	return (int)(((day + 3) % 7 + 7) % 7);
}

/* Periods a year by the usual distance of bars, and by whether weekends
 * trade. */
static double
periods(size_t n, size_t weekend, const size_t by[4])
{
	if (by[1] * 2 > n)
		return 52;
	if (by[2] * 2 > n)
		return 12;
	if (by[3] * 2 > n)
		return 1;
	return (double)weekend / (double)n > 2.0 / 7 * 0.6 ? 365 : 252;
}

/* The bar after the last one of i's day: looked for in growing steps, then
 * between the last two, since a day may have one bar or thousands. */
static size_t
day_end(const struct trade_stats_in *in, size_t i)
{
	int64_t end = (in->at[i].us / DAY_US + 1) * DAY_US;
	size_t step = 1, to;

	while (i + step < in->n && in->at[i + step].us < end) {
		i += step;
		step *= 2;
	}
	to = i + step < in->n ? i + step : in->n;
	while (i + 1 < to) {
		size_t mid = i + (to - i) / 2;

		if (in->at[mid].us < end)
			i = mid;
		else
			to = mid;
	}
	return to;
}

/* The last equity of each day; days without a bar do not count. */
static void
days(struct arena *a, const struct trade_stats_in *in, struct daily *d)
{
	VEC(double) e = { 0 };
	double logs = 0;
	size_t weekend = 0, by[4] = { 0 }, next;
	bool dead = false;

	for (size_t i = 0; i < in->n; i = next) {
		/* Bars of a day lie less than six days apart. */
		int64_t step = i > 0 ? (in->at[i].us - in->at[i - 1].us) /
		    DAY_US : 0;

		next = day_end(in, i);
		by[step >= 300 ? 3 : step >= 26 ? 2 : step >= 6 ? 1 : 0]++;
		weekend += weekday(in->at[i].us / DAY_US) >= 5 ? next - i : 0;
		*VEC_ADD(a, &e) = in->equity[next - 1];
	}
	*d = (struct daily){ .r = arena_array(a, e.n, sizeof(*d->r)),
	    .n = e.n };
	for (size_t i = 1; i < d->n; i++)
		d->r[i] = e.v[i - 1] != 0 ? e.v[i] / e.v[i - 1] - 1 : 0;
	for (size_t i = 0; i < d->n; i++) {
		dead = dead || d->r[i] <= -1;
		if (d->r[i] != 0)
			logs += log(1 + d->r[i]);
	}
	d->per_year = periods(in->n, weekend, by);
	d->growth = dead || d->n < 2 ? 0 : exp(logs / (double)(d->n - 1)) - 1;
}

double *
trade_stats_days(struct arena *a, const struct trade_stats_in *in, size_t *n)
{
	struct daily d;

	days(a, in, &d);
	*n = d.n > 1 ? d.n - 1 : 0;
	return d.r + 1;
}

static void
returns(struct arena *a, const struct trade_stats_in *in, S *s)
{
	struct daily d;
	double A, g, m, sd, var, years, down;
	struct moments of;
	size_t n;

	days(a, in, &d);
	A = d.per_year;
	g = d.growth;
	n = d.n > 1 ? d.n - 1 : 0;	/* returns that are known */
	s->per_year = (int64_t)A;
	s->days = (int64_t)n;
	s->return_ann = pow(1 + g, A) - 1;
	m = mean(d.r + 1, n);
	sd = deviation(d.r + 1, n);
	var = n > 1 ? sd * sd : NAN;
	s->volatility_ann = sqrt(pow(var + (1 + g) * (1 + g), A) - pow(1 + g, 2 * A));
	years = (double)(in->at[in->n - 1].us - in->at[0].us) /
	    (double)DAY_US / 365.25;
	s->cagr = years > 0 && in->equity[0] != 0 ?
	    pow(in->equity[in->n - 1] / in->equity[0], 1 / years) - 1 : NAN;
	s->sharpe_geo = trade_stats_ratio(s->return_ann - in->rate, s->volatility_ann);
	down = trade_stats_downside(d.r + 1, n, 0, A);
	s->sortino_geo = trade_stats_ratio(s->return_ann - in->rate, down);
	s->sharpe = trade_stats_sharpe(d.r + 1, n, in->rate / A, A);
	s->sortino = trade_stats_ratio(m * A, down);
	s->omega = trade_stats_omega(d.r + 1, n, 0, 0, A);
	/* Moments of the population, as in the paper. */
	of = moments(d.r + 1, n, m);
	var = n > 1 ? of.second / (double)n : NAN;
	s->skew = trade_stats_ratio(of.third / (double)n, pow(var, 1.5));
	s->kurtosis = trade_stats_ratio(of.fourth / (double)n, var * var);
	s->psr = trade_stats_psr(trade_stats_ratio(m, sd), 0, n, s->skew, s->kurtosis);
}

/* ---- trades -------------------------------------------------------------------- */

static void
trades(struct arena *a, const struct trade_stats_in *in, S *s)
{
	double *profit = arena_array(a, in->ntrades, sizeof(*profit));
	double up = 0, down = 0, won = 0, lost = 0, logs = 0, sum = 0;
	size_t wins = 0, losses = 0;
	bool dead = false;

	s->best_trade = s->worst_trade = s->max_trade_days = NAN;
	for (size_t i = 0; i < in->ntrades; i++) {
		const struct trade_sim_trade *t = in->trades[i];
		double r = trade_sim_return(t), span;

		profit[i] = trade_sim_profit(t);
		span = (double)(in->at[t->exit_bar].us -
		    in->at[t->entry_bar].us) / (double)DAY_US;
		s->commissions += t->commission;
		wins += profit[i] > 0;
		losses += profit[i] < 0;
		won += fmax(0, profit[i]);
		lost += fmax(0, -profit[i]);
		up += fmax(0, r);
		down += fmax(0, -r);
		dead = dead || r <= -1;
		logs += log(1 + r);
		sum += r;
		s->best_trade = fmax(s->best_trade, r);
		s->worst_trade = fmin(s->worst_trade, r);
		s->max_trade_days = fmax(s->max_trade_days, span);
		s->avg_trade_days += span / (double)in->ntrades;
	}
	s->trades = (int64_t)in->ntrades;
	if (in->ntrades == 0) {
		s->win_rate = s->avg_trade = s->avg_trade_days = s->expectancy = NAN;
		s->profit_factor_ret = s->profit_factor = s->sqn = NAN;
		s->kelly = NAN;
		return;
	}
	s->win_rate = (double)wins / (double)in->ntrades;
	s->avg_trade = dead ? 0 : exp(logs / (double)in->ntrades) - 1;
	s->expectancy = sum / (double)in->ntrades;
	s->profit_factor_ret = trade_stats_ratio(up, down);
	s->profit_factor = trade_stats_ratio(won, lost);
	s->sqn = trade_stats_ratio(sqrt((double)in->ntrades) * mean(profit, in->ntrades),
	    deviation(profit, in->ntrades));
	s->kelly = s->win_rate - trade_stats_ratio(1 - s->win_rate,
	    trade_stats_ratio(won, (double)wins) / trade_stats_ratio(lost, (double)losses));
}

/* Bars with a position. */
static size_t
held(struct arena *a, const struct trade_stats_in *in)
{
	size_t n = in->n / 64 + 1, bars = 0;
	uint64_t *is = arena_array(a, n, sizeof(*is));

	for (size_t i = 0; i < in->ntrades; i++) {
		size_t b = in->trades[i]->entry_bar;
		size_t to = in->trades[i]->exit_bar + 1;

		while (b < to) {
			size_t left = 64 - b % 64, m = to - b < left ? to - b :
			    left;

			is[b / 64] |= (m == 64 ? ~UINT64_C(0) :
			    (UINT64_C(1) << m) - 1) << b % 64;
			b += m;
		}
	}
	for (size_t i = 0; i < n; i++)
		bars += (size_t)__builtin_popcountll(is[i]);
	return bars;
}

double
trade_stats_total(const double *equity, size_t n)
{
	return trade_stats_ratio(equity[n - 1] - equity[0], equity[0]);
}

void
trade_stats(struct arena *a, const struct trade_stats_in *in, S *s)
{
	*s = (struct trade_stats){ .equity_peak = -INFINITY };
	if (in->n == 0)
		return;
	s->exposure = (double)held(a, in) / (double)in->n;
	s->equity_final = in->equity[in->n - 1];
	s->total_return = trade_stats_total(in->equity, in->n);
	returns(a, in, s);
	trade_stats_drawdowns(in, s);
	s->calmar = trade_stats_ratio(s->return_ann, s->max_drawdown);
	trade_stats_market(in, s);
	trades(a, in, s);
}
