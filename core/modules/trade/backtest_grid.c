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

	*out = (struct trade_best){ .score = NAN, .deflated = NAN };
	for (size_t i = 0; i < points; i++) {
		struct arena_mark m = arena_mark(a);
		double values[TRADE_PARAMS_MAX] = { 0 }, s;
		struct trade_run run;

		if (!trade_strategy_point(b->strategy, i, values)) {
			out->skipped++;
			continue;
		}
		if (trade_backtest_run(a, b, values, 0, &run, e) == -1)
			return -1;
		out->run++;
		s = score_of(&run.stats, score);
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
		    b->series.n, best.skew, best.kurtosis);
	return 0;
}

static struct trade_series
slice(const struct trade_series *s, size_t from, size_t to)
{
	return (struct trade_series){ s->at + from, s->bars + from,
	    s->units + from, to - from };
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
	double *close = arena_array(a, to, sizeof(*close));
	struct trade_stats_in in = { .at = b->series.at + train,
	    .equity = w->run.equity + train, .close = close + train,
	    .n = to - train, .rate = b->rate };

	for (size_t i = 0; i < to; i++)
		close[i] = b->series.bars[i].c;
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

int
trade_backtest_walk(struct arena *a, const struct trade_backtest *b,
    const char *score, size_t train, size_t test, struct trade_walk *w,
    struct err *e)
{
	size_t n = b->series.n, from;
	double cash = b->terms.cash;

	*w = (struct trade_walk){ .n = 0 };
	if (train < 2 || test < 1 || train + test > n)
		return err_set(e, 422, "no_fold", "%zu bars are too few for "
		    "%zu to fit and %zu to test", n, train, test);
	w->folds = arena_array(a, (n - train) / test + 1, sizeof(*w->folds));
	w->run.equity = arena_array(a, n, sizeof(*w->run.equity));
	for (from = train; from + test <= n; from += test) {
		struct trade_fold *f = &w->folds[w->n++];
		struct trade_backtest fit = *b, run = *b;
		struct trade_run r;

		fit.tick = NULL;
		fit.series = slice(&b->series, from - train, from);
		f->from = from;
		f->to = from + test;
		if (trade_backtest_grid(a, &fit, score, &f->best, e) == -1)
			return -1;
		run.series = slice(&b->series, 0, f->to);
		run.terms.cash = cash;
		run.finish = true;	/* a fold leaves nothing to the next */
		run.tick = NULL;
		if (isnan(f->best.score))
			trade_strategy_point(b->strategy, 0, f->best.values);
		if (trade_backtest_run(a, &run, f->best.values, from, &r,
		    e) == -1)
			return -1;
		memcpy(w->run.equity + from, r.equity + from,
		    test * sizeof(*r.equity));
		f->total_return = cash > 0 ? r.cash / cash - 1 : 0;
		cash = r.cash;
		join(a, w, &r, n);
		if (b->tick != NULL && b->tick(b->arg, (double)f->to /
		    (double)n) == -1)
			return err_set(e, 409, "stopped",
			    "The backtest was stopped");
	}
	walk_stats(a, b, train, w);
	w->run.cash = cash;
	return 0;
}

/* ---- audit ----------------------------------------------------------------------- */

#define A struct trade_audit
static const struct field audit_fields[] = {
	FIELD(A, cuts, .doc = "Prefixes on which the rules were judged anew"),
	FIELD(A, differing, .doc = "Those whose last bar was judged otherwise "
	    "than in the whole: look-ahead"),
	FIELD(A, warmup_bars, .doc = "History after which the last 50 bars "
	    "are judged as with all of it; -1 = more than was tried"),
	FIELD(A, gaps, .doc = "Steps between bars above three usual ones"),
	FIELD(A, no_volume_fills, .doc = "Trades in bars without volume"),
	FIELD(A, last_bar_share, .doc = "Trades that only the end closed"),
	FIELD_END
};
const struct schema trade_audit_schema = {
	.name = "BacktestAudit", .doc = "What could make the result better "
	"than life", .size = sizeof(A), .fields = audit_fields
};

/* The rules of bars from…to-1 with what they say at each of the last `keep`. */
static int
judge(struct arena *a, const struct trade_backtest *b, const double *values,
    size_t from, size_t to, uint8_t *said, size_t keep, struct err *e)
{
	struct trade_rules *r;

	if (trade_rules_new(a, b->strategy, values, &r, e) == -1)
		return -1;
	for (size_t i = from; i < to; i++) {
		struct trade_verdict v;
		uint8_t bits = 0;

		trade_rules_push(r, &b->series.bars[i], &b->series.units[i],
		    &v);
		for (int k = 0; k < RULES; k++)
			bits |= (uint8_t)(v.rule[k] << k);
		if (i + keep >= to)
			said[i + keep - to] = bits;
	}
	return 0;
}

static int
look_ahead(struct arena *a, const struct trade_backtest *b,
    const double *values, A *out, struct err *e)
{
	size_t n = b->series.n;
	uint8_t *whole = arena_alloc(a, n), last;
	uint64_t x = 0x9e3779b97f4a7c15u;	/* the same cuts each time */

	if (judge(a, b, values, 0, n, whole, n, e) == -1)
		return -1;
	for (int i = 0; i < 20; i++) {
		size_t cut;

		x = x * 6364136223846793005u + 1442695040888963407u;
		cut = 1 + (size_t)((x >> 33) % n);
		if (judge(a, b, values, 0, cut, &last, 1, e) == -1)
			return -1;
		out->cuts++;
		out->differing += last != whole[cut - 1];
	}
	return 0;
}

static int
warm_up(struct arena *a, const struct trade_backtest *b,
    const double *values, A *out, struct err *e)
{
	static const size_t tried[] = { 199, 399, 999, 1999 };
	size_t n = b->series.n, keep = n < 50 ? n : 50;
	uint8_t all[50], some[50];

	out->warmup_bars = -1;
	if (judge(a, b, values, 0, n, all, keep, e) == -1)
		return -1;
	for (size_t i = 0; i < 4 && out->warmup_bars == -1; i++) {
		if (tried[i] + keep > n)
			continue;
		if (judge(a, b, values, n - keep - tried[i], n, some, keep,
		    e) == -1)
			return -1;
		if (memcmp(all, some, keep) == 0)
			out->warmup_bars = (int64_t)tried[i];
	}
	return 0;
}

int
trade_backtest_audit(struct arena *a, const struct trade_backtest *b,
    const double *values, const struct trade_run *run, A *out, struct err *e)
{
	const struct trade_series *s = &b->series;
	size_t ended = 0;
	double usual;

	*out = (struct trade_audit){ .cuts = 0 };
	usual = (double)(s->at[s->n - 1].us - s->at[0].us) /
	    (double)(s->n - 1);
	for (size_t i = 1; i < s->n; i++)
		out->gaps += (double)(s->at[i].us - s->at[i - 1].us) >
		    3 * usual + 1;
	for (size_t i = 0; i < run->ntrades; i++) {
		const struct trade_sim_trade *t = run->trades[i];

		out->no_volume_fills += s->bars[t->entry_bar].v <= 0 ||
		    s->bars[t->exit_bar].v <= 0;
		ended += strcmp(t->why, "end") == 0;
	}
	out->last_bar_share = run->ntrades == 0 ? 0 :
	    (double)ended / (double)run->ntrades;
	return look_ahead(a, b, values, out, e) == -1 ? -1 :
	    warm_up(a, b, values, out, e);
}
