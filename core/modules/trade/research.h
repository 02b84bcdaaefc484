/*
 * A backtest as it is asked for: strategy, account and bars in; statistics,
 * bounds, grid or folds, audit and luck out, as text. The same request on the
 * same bars gives the same text. Pure: jobs and the terminal share it.
 */
#ifndef TRADE_RESEARCH_H
#define TRADE_RESEARCH_H

#include "base/val.h"
#include "modules/trade/backtest.h"

struct trade_research {
	/* the caller's */
	struct trade_backtest b;	/* strategy, terms, rate, finish and
					 * tick are filled in here */
	struct trade_account account;
	const char *const *symbols;	/* of the lanes */
	int (*tick)(void *arg, double done);	/* NULL; see trade_backtest */
	void *arg;
	/* filled in */
	struct trade_strategy strategy;
	double values[TRADE_PARAMS_MAX];
	struct trade_run run;
	struct trade_best best;		/* of a grid; run 0: there was none */
	struct trade_walk walk;		/* n 0: there was none */
	struct trade_bounds bounds;
	struct trade_audit audit;
	struct trade_luck luck;
};

/* Reads the spec; what it says of the account holds before r->account. 422
 * names the place. */
int trade_research_read(struct arena *, const char *spec, size_t n,
    struct trade_research *, struct err *);
/* 422 for bars or folds that are too few, 409 when the tick stopped it. */
int trade_research_run(struct arena *, struct trade_research *, struct err *);

/* Members of a JSON object, without its braces: parameters, grid or folds,
 * bounds, audit, luck, counts. */
void trade_research_report(const struct trade_research *, struct str *);
/* An array of at most `most` trades. */
void trade_research_trades(const struct trade_research *, size_t most,
    struct str *);
/* [[milliseconds, equity], ...]: every k-th instant and the last one, about
 * `points`; 0 = all. */
void trade_research_equity(const struct trade_research *, size_t points,
    struct str *);

#endif
