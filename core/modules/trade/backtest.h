/*
 * Backtests: a strategy on recorded bars, a grid of its parameters, folds of
 * fit and test, and an audit of what could make the result better than life.
 * Pure: no database, no clock.
 */
#ifndef TRADE_BACKTEST_H
#define TRADE_BACKTEST_H

#include "base/types.h"
#include "modules/trade/sim.h"
#include "modules/trade/stats.h"
#include "modules/trade/strategy.h"

struct trade_series {
	const struct utc *at;
	const struct trade_ohlcv *bars;
	const struct trade_candle_bar *units;
	size_t n;
	const struct trade_columns *columns;	/* or NULL */
};
/* The prices of the bars once more, each side by side: most loops want one of
 * them only. Made once for all runs on a series. */
void trade_series_columns(struct arena *, struct trade_series *);

struct trade_backtest {
	const struct trade_strategy *strategy;
	struct trade_sim_terms terms;
	struct trade_series series;
	/* Further symbols of the same account, in the order of their lanes;
	 * the rules judge each by its own bars. */
	const struct trade_series *others;
	size_t nothers;
	double rate;			/* risk-free, per year */
	bool finish;			/* close what is open at the end */
	/* Called now and then; -1 stops (cancelled, out of time). */
	int (*tick)(void *arg, double done);
	void *arg;
};

struct trade_run {
	struct trade_stats stats;
	const struct utc *at;		/* instants: bars, of all symbols */
	double *equity;			/* per instant */
	size_t n;
	struct trade_sim_trade **trades;	/* in the order of closing; their
					 * bars count instants */
	size_t ntrades, first;
	size_t first_bar;		/* bar 0 of trades and equity's 0 */
	double cash;			/* at the end, all closed or marked */
	uint64_t refused, undecided;
	bool ruined;
	const uint8_t *const *said;	/* per symbol and bar: bit r = rule r
					 * was true; NULL: of several runs */
};
/* One run with these parameter values. from: no trade before this instant (0:
 * from the first bar after the warm-up). 422 when a parameter is impossible
 * or there are no bars. */
int trade_backtest_run(struct arena *, const struct trade_backtest *,
    const double *values, size_t from, struct trade_run *, struct err *);

/* The three readings of bars that touched stop and take: lowest and highest
 * total return. */
struct trade_bounds {
	double pessimistic, path, optimistic;	/* total returns */
};
int trade_backtest_bounds(struct arena *, const struct trade_backtest *,
    const double *values, struct trade_bounds *, struct err *);

struct trade_best {
	double values[TRADE_PARAMS_MAX];
	double score;			/* NaN: no point had a value */
	size_t run, skipped;		/* points */
	double *scores;			/* of each point, NaN where it has none */
	size_t points;
	double deflated;		/* deflated Sharpe ratio of the best */
};
/* All points of the grid; score is one of trade_scores (account.h). */
int trade_backtest_grid(struct arena *, const struct trade_backtest *,
    const char *score, struct trade_best *, struct err *);

struct trade_fold {
	size_t from, to;		/* test bars */
	struct trade_best best;
	double total_return;		/* in the test */
};
struct trade_walk {
	struct trade_fold *folds;
	size_t n;
	struct trade_run run;		/* the test bars, joined */
	double stability[TRADE_PARAMS_MAX];	/* sd of the chosen values */
};
/* Fits on train bars, trades the next test bars, moves on by test bars. */
int trade_backtest_walk(struct arena *, const struct trade_backtest *,
    const char *score, size_t train, size_t test, struct trade_walk *,
    struct err *);

/* How much of a result may be luck. Seeded: the same run gives the same. */
struct trade_luck {
	double p;			/* share of random entries, as long and on
					 * the same sides, that earn as much */
	int64_t shuffles;
	double sharpe_low, sharpe_high;	/* 95 % of resampled days (blocks) */
	double return_low, return_high;	/* total return, likewise */
	int64_t resamples, block;	/* block: days */
};
extern const struct schema trade_luck_schema;
void trade_backtest_luck(struct arena *, const struct trade_backtest *,
    const struct trade_run *, struct trade_luck *);

/* All instants at which a symbol has a bar; with one symbol, its own. */
const struct utc *trade_backtest_times(struct arena *,
    const struct trade_backtest *, size_t *n);
/* The same backtest on from ≤ instant < to. */
struct trade_backtest trade_backtest_cut(struct arena *,
    const struct trade_backtest *, struct utc from, struct utc to);
/* What the account is compared with, per instant of in->at: all symbols held
 * in equal parts from the first bar of each. With one symbol, its close. */
void trade_backtest_market(struct arena *, const struct trade_backtest *,
    struct trade_stats_in *);
/* Symbol k's bars. */
static inline const struct trade_series *
trade_backtest_series(const struct trade_backtest *b, size_t k)
{
	return k == 0 ? &b->series : &b->others[k - 1];
}

struct trade_audit {
	int64_t cuts, differing;	/* look-ahead: rules on a prefix */
	int64_t warmup_bars;		/* history after which the rules of the
					 * last 50 bars do not change; -1 none
					 * of those tried */
	int64_t gaps;			/* steps above three usual ones */
	int64_t no_volume_fills;	/* trades in bars without volume */
	double last_bar_share;		/* of trades closed by the end */
	int64_t few_days;		/* periods of the daily series, when too
					 * few for figures of a year; 0 enough */
};
extern const struct schema trade_audit_schema;
int trade_backtest_audit(struct arena *, const struct trade_backtest *,
    const double *values, const struct trade_run *, struct trade_audit *,
    struct err *);

#endif
