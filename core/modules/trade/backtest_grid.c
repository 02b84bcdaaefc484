/*
 * Many runs: the grid, folds of fit and test, the audit. A parameter chosen
 * on a fold's training bars never sees its test bars.
 */
#include <math.h>
#include <string.h>

#include "base/err.h"
#include "schema/schema.h"
#include "modules/trade/backtest.h"

const char *const trade_scores[] = {
	"sharpe", "sortino", "total_return", "calmar", "sqn",
	"profit_factor", "sharpe_geo", NULL
};

static double
score_of(const struct trade_stats *s, const char *name)
{
	const double v[] = { s->sharpe, s->sortino, s->total_return,
	    s->calmar, s->sqn, s->profit_factor, s->sharpe_geo };

	for (int i = 0; trade_scores[i] != NULL; i++)
		if (strcmp(trade_scores[i], name) == 0)
			return v[i];
	return NAN;
}

/* Running mean and sum of squares (Welford). */
struct spread {
	double mean, m2;
	size_t n;
};

static void
spread_add(struct spread *s, double x)
{
	double d = x - s->mean;

	if (!isfinite(x))
		return;
	s->mean += d / (double)++s->n;
	s->m2 += d * (x - s->mean);
}

static double
spread_sd(const struct spread *s)
{
	return s->n > 1 ? sqrt(s->m2 / (double)(s->n - 1)) : 0;
}

int
trade_backtest_grid(struct arena *a, const struct trade_backtest *b,
    const char *score, struct trade_best *out, struct err *e)
{
	size_t points = trade_strategy_points(b->strategy);
	struct spread sharpes = { .n = 0 };
	struct trade_stats best = { .trades = 0 };
	struct trade_backtest one = *b;

	one.tick = NULL;
	*out = (struct trade_best){ .score = NAN, .deflated = NAN,
	    .points = points };
	out->scores = arena_array(a, points, sizeof(*out->scores));
	for (size_t i = 0; i < points; i++) {
		struct arena_mark m = arena_mark(a);
		double values[TRADE_PARAMS_MAX] = { 0 }, s;
		struct trade_run run;

		out->scores[i] = NAN;
		if (!trade_strategy_point(b->strategy, i, values)) {
			out->skipped++;
			continue;
		}
		if (trade_backtest_run(a, &one, values, 0, &run, e) == -1)
			return -1;
		out->run++;
		s = score_of(&run.stats, score);
		out->scores[i] = s;
		spread_add(&sharpes, run.stats.sharpe /
		    sqrt((double)run.stats.per_year));
		if (isfinite(s) && !(s <= out->score)) {
			out->score = s;
			memcpy(out->values, values, sizeof(values));
			best = run.stats;
		}
		arena_rewind(a, m);
		if (b->tick != NULL && b->tick(b->arg,
		    (double)(i + 1) / (double)points) == -1)
			return err_set(e, 409, "stopped",
			    "The backtest was stopped");
	}
	if (isfinite(out->score))
		out->deflated = trade_stats_psr(best.sharpe /
		    sqrt((double)best.per_year),
		    trade_stats_luck(spread_sd(&sharpes), out->run),
		    (size_t)best.days, best.skew, best.kurtosis);
	return 0;
}

/* Trades of a fold, moved to the bars of the whole series. */
static void
join(struct arena *a, struct trade_walk *w, const struct trade_run *run,
    size_t cap)
{
	if (w->run.trades == NULL)
		w->run.trades = arena_array(a, cap, sizeof(*w->run.trades));
	for (size_t i = 0; i < run->ntrades && w->run.ntrades < cap; i++)
		w->run.trades[w->run.ntrades++] = run->trades[i];
	w->run.refused += run->refused;
	w->run.undecided += run->undecided;
}

static void
walk_stats(struct arena *a, const struct trade_backtest *b, size_t train,
    struct trade_walk *w)
{
	size_t to = w->folds[w->n - 1].to;
	struct trade_backtest seen = trade_backtest_cut(a, b, w->run.at[train],
	    (struct utc){ w->run.at[to - 1].us + 1 });
	struct trade_stats_in in = { .at = w->run.at + train,
	    .equity = w->run.equity + train, .n = to - train,
	    .rate = b->rate };

	trade_backtest_market(a, &seen, &in);
	for (size_t i = 0; i < w->run.ntrades; i++) {
		w->run.trades[i]->entry_bar -= train;
		w->run.trades[i]->exit_bar -= train;
	}
	in.trades = w->run.trades;
	in.ntrades = w->run.ntrades;
	trade_stats(a, &in, &w->run.stats);
	w->run.first = train;
	for (size_t p = 0; p < b->strategy->nparams; p++) {
		struct spread s = { .n = 0 };

		for (size_t i = 0; i < w->n; i++)
			spread_add(&s, w->folds[i].best.values[p]);
		w->stability[p] = spread_sd(&s);
	}
}

/* One fold: fit on the bars before it, trade its own. */
static int
fold(struct arena *a, const struct trade_backtest *b, const char *score,
    size_t train, struct trade_walk *w, struct trade_fold *f, double *cash,
    struct err *e)
{
	const struct utc *at = w->run.at;
	struct utc end = { at[f->to - 1].us + 1 };
	struct trade_backtest fit, run;
	struct trade_run r;

	fit = trade_backtest_cut(a, b, at[f->from - train], at[f->from]);
	fit.tick = NULL;
	if (trade_backtest_grid(a, &fit, score, &f->best, e) == -1)
		return -1;
	run = trade_backtest_cut(a, b, at[0], end);
	run.terms.cash = *cash;
	run.finish = true;		/* a fold leaves nothing to the next */
	run.tick = NULL;
	if (isnan(f->best.score))
		trade_strategy_point(b->strategy, 0, f->best.values);
	if (trade_backtest_run(a, &run, f->best.values, f->from, &r, e) == -1)
		return -1;
	memcpy(w->run.equity + f->from, r.equity + f->from,
	    (f->to - f->from) * sizeof(*r.equity));
	f->total_return = *cash > 0 ? r.cash / *cash - 1 : 0;
	*cash = r.cash;
	join(a, w, &r, w->run.n);
	return 0;
}

int
trade_backtest_walk(struct arena *a, const struct trade_backtest *b,
    const char *score, size_t train, size_t test, struct trade_walk *w,
    struct err *e)
{
	double cash = b->terms.cash;
	size_t n;

	*w = (struct trade_walk){ .n = 0 };
	w->run.at = trade_backtest_times(a, b, &n);
	w->run.n = n;
	if (train < 2 || test < 1 || train + test > n)
		return err_set(e, 422, "no_fold", "%zu bars are too few for "
		    "%zu to fit and %zu to test", n, train, test);
	w->folds = arena_array(a, (n - train) / test + 1, sizeof(*w->folds));
	w->run.equity = arena_array(a, n, sizeof(*w->run.equity));
	for (size_t from = train; from + test <= n; from += test) {
		struct trade_fold *f = &w->folds[w->n++];

		f->from = from;
		f->to = from + test;
		if (fold(a, b, score, train, w, f, &cash, e) == -1)
			return -1;
		if (b->tick != NULL && b->tick(b->arg, (double)f->to /
		    (double)n) == -1)
			return err_set(e, 409, "stopped",
			    "The backtest was stopped");
	}
	walk_stats(a, b, train, w);
	w->run.n = w->folds[w->n - 1].to;
	w->run.cash = cash;
	return 0;
}
