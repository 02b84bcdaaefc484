/*
 * What a backtest says of itself. Every number has the id of its formula; an
 * undefined one (0/0, no trades) is NaN and null in JSON, never infinite.
 *
 * Formulas `geo`: as backtesting.py prints them (returns taken as compounded).
 * Others: the plain ones of empyrical. PSR and the deflated Sharpe ratio:
 * Bailey and López de Prado, "The Deflated Sharpe Ratio", 2014.
 */
#ifndef TRADE_STATS_H
#define TRADE_STATS_H

#include <stddef.h>
#include <stdint.h>

#include "base/types.h"

struct arena;
struct schema;
struct str;
struct trade_sim_trade;

struct trade_stats {
	double equity_final, equity_peak, commissions;
	/* parts, not percent */
	double exposure, total_return, buy_and_hold, return_ann;
	double volatility_ann, cagr;
	double sharpe_geo, sortino_geo, sharpe, sortino, omega;
	double calmar, alpha, beta;
	double max_drawdown, avg_drawdown, max_drawdown_days;
	double avg_drawdown_days, ulcer;
	int64_t trades;
	double win_rate, best_trade, worst_trade, avg_trade;
	double max_trade_days, avg_trade_days;
	double profit_factor_ret, profit_factor, expectancy, sqn, kelly;
	double psr, skew, kurtosis;
	int64_t per_year, days;		/* periods of the daily series: in a
					 * year, and counted here */
};
extern const struct schema trade_stats_schema;

struct trade_stats_in {
	const struct utc *at;		/* per bar */
	const double *equity;
	const double *close;
	size_t n, first;		/* first tradable bar */
	struct trade_sim_trade *const *trades;
	size_t ntrades;
	double rate;			/* risk-free, per year */
};
/* Memory of the arena is scratch: the caller rewinds. */
void trade_stats(struct arena *, const struct trade_stats_in *,
    struct trade_stats *);

/* The total return alone; NaN when it begins with nothing. */
double trade_stats_total(const double *equity, size_t n);
/* Returns per day of an equity curve: n of them, in the arena. */
double *trade_stats_days(struct arena *, const struct trade_stats_in *,
    size_t *n);
/* "name": "formula id", … of every number in struct trade_stats, as JSON. */
void trade_stats_formulas(struct str *);

/* Statistics of a series of returns per period; per_year periods a year. */
double trade_stats_sharpe(const double *r, size_t n, double rate,
    double per_year);
double trade_stats_sortino(const double *r, size_t n, double rate,
    double per_year);
double trade_stats_max_drawdown(const double *r, size_t n);
double trade_stats_annual_return(const double *r, size_t n, double per_year);
double trade_stats_annual_vol(const double *r, size_t n, double per_year);
double trade_stats_calmar(const double *r, size_t n, double per_year);
double trade_stats_omega(const double *r, size_t n, double rate,
    double required, double per_year);
double trade_stats_downside(const double *r, size_t n, double required,
    double per_year);
/* Probability that the true Sharpe ratio (per period) exceeds `against`. */
double trade_stats_psr(double sharpe, double against, size_t n, double skew,
    double kurtosis);
/* What the best of `trials` worthless strategies would show; sd is of their
 * Sharpe ratios per period. */
double trade_stats_luck(double sd, size_t trials);

#endif
