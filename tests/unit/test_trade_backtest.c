/*
 * Backtests equal to backtesting.py in trades, equity and statistics;
 * statistics equal to empyrical; readings, limits, volume, latency, grid,
 * folds and audit; and what a strategy may not be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <json.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "modules/trade/backtest.h"
#include "tests/harness/bars.h"
#include "tests/harness/data.h"

#include <cmocka.h>

#define GOOG "market/quotes/GOOG_daily_2004_2013.csv"

static struct arena *a;
static struct err err;

static int
setup(void **state)
{
	(void)state;
	a = arena_new((size_t)1 << 30);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

static struct trade_strategy *
strategy(const char *spec)
{
	struct trade_strategy *s = arena_alloc(a, sizeof(*s));

	err_clear(&err);
	if (trade_strategy_read(a, spec, strlen(spec), s, &err) == -1)
		fail_msg("%s: %s %s", spec, err.detail,
		    err.nfields > 0 ? err.fields[0].msg : "");
	return s;
}

static struct trade_backtest
backtest(const char *spec, struct trade_series series)
{
	return (struct trade_backtest){ .strategy = strategy(spec),
	    .terms = { .cash = 10000, .margin = 1 }, .series = series,
	    .finish = true };
}

static const double none[TRADE_PARAMS_MAX];

static struct trade_run
run(const struct trade_backtest *b)
{
	struct trade_run r;

	if (trade_backtest_run(a, b, none, 0, &r, &err) == -1)
		fail_msg("%s", err.detail);
	return r;
}

static void
near(const char *what, double got, double want, double within)
{
	if (isnan(want) ? !isnan(got) :
	    !(fabs(got - want) <= within * fmax(1, fabs(want))))
		fail_msg("%s: %.12g, told %.12g", what, got, want);
}

/* ---- against backtesting.py ------------------------------------------------------ */

#define SMA_CROSS(f, s) "{\"indicators\":{\"f\":[\"sma\",\"close\"," #f "]," \
	"\"s\":[\"sma\",\"close\"," #s "]}," \
	"\"entry_long\":[\"cross_above\",\"f\",\"s\"]," \
	"\"exit_short\":[\"cross_above\",\"f\",\"s\"]," \
	"\"entry_short\":[\"cross_below\",\"f\",\"s\"]," \
	"\"exit_long\":[\"cross_below\",\"f\",\"s\"]}"
#define BUY_HOLD "{\"entry_long\":[\">\",1,0]}"

static double
told(struct json_object *stats, const char *name)
{
	struct json_object *v;

	if (!json_object_object_get_ex(stats, name, &v))
		fail_msg("no %s", name);
	return v == NULL ? NAN : json_object_get_double(v);
}

static void
same_stats(const struct trade_stats *s, struct json_object *w)
{
	const struct {
		const char *name;
		double got, scale;
	} cases[] = {
		{ "Exposure Time [%]", s->exposure, 100 },
		{ "Equity Final [$]", s->equity_final, 1 },
		{ "Equity Peak [$]", s->equity_peak, 1 },
		{ "Return [%]", s->total_return, 100 },
		{ "Buy & Hold Return [%]", s->buy_and_hold, 100 },
		{ "Return (Ann.) [%]", s->return_ann, 100 },
		{ "Volatility (Ann.) [%]", s->volatility_ann, 100 },
		{ "CAGR [%]", s->cagr, 100 },
		{ "Sharpe Ratio", s->sharpe_geo, 1 },
		{ "Sortino Ratio", s->sortino_geo, 1 },
		{ "Calmar Ratio", s->calmar, 1 },
		{ "Alpha [%]", s->alpha, 100 },
		{ "Beta", s->beta, 1 },
		{ "Max. Drawdown [%]", -s->max_drawdown, 100 },
		{ "Avg. Drawdown [%]", -s->avg_drawdown, 100 },
		{ "Max. Drawdown Duration", s->max_drawdown_days, 86400 },
		{ "Max. Trade Duration", s->max_trade_days, 86400 },
		{ "# Trades", (double)s->trades, 1 },
		{ "Win Rate [%]", s->win_rate, 100 },
		{ "Best Trade [%]", s->best_trade, 100 },
		{ "Worst Trade [%]", s->worst_trade, 100 },
		{ "Avg. Trade [%]", s->avg_trade, 100 },
		{ "Profit Factor", s->profit_factor_ret, 1 },
		{ "Expectancy [%]", s->expectancy, 100 },
		{ "SQN", s->sqn, 1 },
		{ "Kelly Criterion", s->kelly, 1 }
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		near(cases[i].name, cases[i].got * cases[i].scale,
		    told(w, cases[i].name), 1e-6);
	/* The peer rounds mean durations up to a whole bar. */
	assert_true(fabs(s->avg_drawdown_days -
	    told(w, "Avg. Drawdown Duration") / 86400) <= 1);
	assert_true(fabs(s->avg_trade_days -
	    told(w, "Avg. Trade Duration") / 86400) <= 1);
}

static void
same_trades(const struct trade_run *r, struct json_object *rows)
{
	assert_int_equal(r->ntrades, json_object_array_length(rows));
	for (size_t i = 0; i < r->ntrades; i++) {
		struct json_object *w = json_object_array_get_idx(rows, i);
		const struct trade_sim_trade *t = r->trades[i];
		const double got[] = { t->size, (double)t->entry_bar,
		    (double)t->exit_bar, t->entry, t->exit };

		for (size_t k = 0; k < 5; k++)
			near("trade", got[k], json_object_get_double(
			    json_object_array_get_idx(w, k)), 1e-9);
		near("profit", trade_sim_profit(t), json_object_get_double(
		    json_object_array_get_idx(w, 7)), 1e-9);
	}
}

static void
equal_to_backtesting_py(void **state)
{
	static const char *const specs[] = { SMA_CROSS(10, 30), BUY_HOLD };
	static const char *const names[] = { "SmaCross", "BuyHold" };
	struct trade_series goog;
	struct json_object *all, *cases;
	size_t n, seen = 0;
	char *text = data_read(a, "market/oracle_backtestingpy_dev.json.gz",
	    &n);

	(void)state;
	if (text == NULL || bars_read(a, GOOG, &goog) == -1)
		return;
	all = json_tokener_parse(text);
	cases = json_object_object_get(all, "cases");
	for (size_t i = 0; i < json_object_array_length(cases); i++) {
		struct json_object *c = json_object_array_get_idx(cases, i);
		const char *name = json_object_get_string(
		    json_object_object_get(c, "strategy"));
		struct json_object *equity = json_object_object_get(c,
		    "equity");

		for (size_t k = 0; k < 2; k++) {
			struct trade_backtest b;
			struct trade_run r;

			if (strcmp(names[k], name) != 0)
				continue;
			b = backtest(specs[k], goog);
			r = run(&b);
			same_trades(&r, json_object_object_get(
			    json_object_object_get(c, "trades"), "rows"));
			for (size_t j = 0; j < goog.n; j++)
				near("equity", r.equity[j],
				    json_object_get_double(
				    json_object_array_get_idx(equity, j)),
				    1e-9);
			same_stats(&r.stats, json_object_object_get(c,
			    "stats"));
			seen++;
		}
	}
	assert_int_equal(seen, 2);
	json_object_put(all);
}

/* The peer's own example: crosses of 10 and 20 days, 0.2 % commission, an
 * order closes what is open. */
static void
the_peers_own_example(void **state)
{
	struct trade_series goog;
	struct trade_backtest b;
	struct trade_run r;

	(void)state;
	if (bars_read(a, GOOG, &goog) == -1)
		return;
	b = backtest("{\"indicators\":{\"f\":[\"sma\",\"close\",10],"
	    "\"s\":[\"sma\",\"close\",20]},"
	    "\"entry_long\":[\"cross_above\",\"f\",\"s\"],"
	    "\"entry_short\":[\"cross_below\",\"f\",\"s\"]}", goog);
	b.terms.commission = 0.002;
	b.terms.exclusive = true;
	b.finish = false;
	r = run(&b);
	near("equity", r.stats.equity_final, 56263.51934, 1e-9);
	assert_int_equal(r.ntrades, 93);
	near("return", r.stats.total_return * 100, 462.635193, 1e-8);
	near("sharpe", r.stats.sharpe_geo, 0.60074, 1e-5);
	near("sortino", r.stats.sortino_geo, 1.145087, 1e-6);
	near("alpha", r.stats.alpha * 100, 450.621347, 1e-8);
	near("max dd", r.stats.max_drawdown * 100, 33.931592, 1e-8);
	near("avg dd", r.stats.avg_drawdown * 100, 6.160723, 1e-7);
	near("exposure", r.stats.exposure * 100, 94.273743, 1e-8);
	near("win", r.stats.win_rate * 100, 52.688172, 1e-8);
	near("profit factor", r.stats.profit_factor_ret, 1.993488, 1e-6);
	near("sqn", r.stats.sqn, 1.584392, 1e-6);
	near("kelly", r.stats.kelly, 0.209288, 1e-5);
	b.finish = true;
	r = run(&b);
	near("equity", r.stats.equity_final, 55574.51294, 1e-9);
	assert_int_equal(r.ntrades, 94);
	near("sharpe", r.stats.sharpe_geo, 0.596858, 1e-6);
	near("sqn", r.stats.sqn, 1.791346, 1e-6);
	near("profit factor", r.stats.profit_factor_ret, 2.054963, 1e-6);
	near("plain sharpe", r.stats.sharpe, 0.822, 1e-3);	/* empyrical */
}

/* ---- statistics against empyrical ------------------------------------------------ */

/* Values of a series argument without its unknown ones; zero: they count as
 * no return. */
static size_t
values(struct json_object *all, struct json_object *arg, bool zero, double *v)
{
	struct json_object *s, *list;
	size_t n = 0;

	if (!json_object_object_get_ex(arg, "series_inline", &list)) {
		s = json_object_object_get(json_object_object_get(all,
		    "series"), json_object_get_string(
		    json_object_object_get(arg, "series")));
		list = json_object_object_get(s, "values");
	}
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *x = json_object_array_get_idx(list, i);

		if (!json_object_is_type(x, json_type_string))
			v[n++] = json_object_get_double(x);
		else if (zero)
			v[n++] = 0;
	}
	return n;
}

static double
period(const char *name)
{
	return strcmp(name, "weekly") == 0 ? 52 :
	    strcmp(name, "monthly") == 0 ? 12 : 252;
}

static double
answer(const char *test, const double *r, size_t n, double x, double y,
    const char *per)
{
	if (strcmp(test, "test_max_drawdown") == 0)
		return trade_stats_max_drawdown(r, n);
	if (strcmp(test, "test_annual_ret") == 0)
		return trade_stats_annual_return(r, n, period(per));
	if (strcmp(test, "test_annual_volatility") == 0)
		return trade_stats_annual_vol(r, n, period(per));
	if (strcmp(test, "test_calmar") == 0)
		return trade_stats_calmar(r, n, period(per));
	if (strcmp(test, "test_omega") == 0)
		return trade_stats_omega(r, n, x, y, 252);
	if (strcmp(test, "test_sharpe_ratio") == 0)
		return trade_stats_sharpe(r, n, x, 252);
	if (strcmp(test, "test_downside_risk") == 0)
		return trade_stats_downside(r, n, x, period(per));
	return trade_stats_sortino(r, n, x, period(per));
}

static bool
is_ours(const char *test)
{
	static const char *const ours[] = {
		"test_max_drawdown", "test_annual_ret",
		"test_annual_volatility", "test_calmar", "test_omega",
		"test_sharpe_ratio", "test_downside_risk", "test_sortino"
	};

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (strcmp(ours[i], test) == 0)
			return true;
	return false;
}

static unsigned
empyrical_case(struct json_object *all, const char *test,
    struct json_object *c)
{
	size_t n, args = json_object_array_length(c);
	struct json_object *want = json_object_array_get_idx(c, args - 1);
	double r[32], x[2] = { 0, 0 }, got, w = NAN;
	const char *per = "daily";
	unsigned k = 0;
	bool zero = strcmp(test, "test_annual_ret") == 0 ||
	    strcmp(test, "test_calmar") == 0;

	n = values(all, json_object_array_get_idx(c, 0), zero, r);
	for (size_t i = 1; i + 1 < args; i++) {
		struct json_object *arg = json_object_array_get_idx(c, i);

		if (json_object_is_type(arg, json_type_object))
			return 0;	/* a series where we take a number */
		if (json_object_is_type(arg, json_type_string))
			per = json_object_get_string(arg);
		else
			x[k++] = json_object_get_double(arg);
	}
	/* Where the peer says infinite we say unknown. */
	if (!json_object_is_type(want, json_type_string))
		w = json_object_get_double(want);
	got = answer(test, r, n, x[0], x[1], per);
	if (isnan(w) ? !isnan(got) : fabs(got - w) > 5e-9)
		fail_msg("%s(%s): %.12g, told %s", test,
		    json_object_to_json_string(c), got,
		    json_object_to_json_string(want));
	return 1;
}

static void
equal_to_empyrical(void **state)
{
	size_t n;
	char *text = data_read(a, "market/oracle_empyrical_expected.json",
	    &n);
	struct json_object *all, *tests;
	unsigned seen = 0;

	(void)state;
	if (text == NULL)
		return;
	all = json_tokener_parse(text);
	tests = json_object_object_get(all, "tests");
	for (size_t i = 0; i < json_object_array_length(tests); i++) {
		struct json_object *t = json_object_array_get_idx(tests, i);
		struct json_object *cases = json_object_object_get(t,
		    "cases");
		const char *name = json_object_get_string(
		    json_object_object_get(t, "test"));

		if (!is_ours(name))
			continue;
		for (size_t k = 0; k < json_object_array_length(cases); k++)
			seen += empyrical_case(all, name,
			    json_object_array_get_idx(cases, k));
	}
	assert_true(seen >= 45);
	json_object_put(all);
}

static void
luck_of_many_trials(void **state)
{
	(void)state;
	/* Expected maximum of N standard normals, as in the paper. */
	near("10", trade_stats_luck(1, 10), 1.574, 1e-3);
	near("100", trade_stats_luck(1, 100), 2.531, 1e-3);
	near("1", trade_stats_luck(1, 1), 0, 0);
	near("coin", trade_stats_psr(0, 0, 100, 0, 3), 0.5, 1e-12);
	assert_true(trade_stats_psr(0.1, 0, 1000, 0, 3) >
	    trade_stats_psr(0.1, 0, 1000, -2, 10));
	assert_true(isnan(trade_stats_psr(0.1, 0, 1, 0, 3)));
}

/* ---- small markets ---------------------------------------------------------------- */

static struct trade_series
market(const double (*rows)[5], size_t n)
{
	struct trade_ohlcv *b = arena_array(a, n, sizeof(*b));
	struct trade_candle_bar *u = arena_array(a, n, sizeof(*u));
	struct utc *at = arena_array(a, n, sizeof(*at));

	for (size_t i = 0; i < n; i++) {
		b[i] = (struct trade_ohlcv){ rows[i][0], rows[i][1],
		    rows[i][2], rows[i][3], rows[i][4] };
		u[i] = (struct trade_candle_bar){ (int64_t)rows[i][0],
		    (int64_t)rows[i][1], (int64_t)rows[i][2],
		    (int64_t)rows[i][3] };
		at[i].us = (int64_t)(i + 1) * 86400000000;
	}
	return (struct trade_series){ at, b, u, n, NULL };
}

#define EXITS "{\"entry_long\":[\">\",1,0],\"size\":{\"kind\":\"units\"," \
	"\"value\":10},\"sl\":[\"pct\",0.1],\"tp\":[\"pct\",0.1]}"

/* Bar 3 touches both exits: nobody knows which came first. */
static void
both_exits_in_one_bar(void **state)
{
	static const double rows[][5] = {
		{ 100, 100, 100, 100, 1000 }, { 100, 100, 100, 100, 1000 },
		{ 100, 101, 99, 100, 1000 }, { 100, 115, 80, 100, 1000 },
		{ 100, 100, 100, 100, 1000 }
	};
	struct trade_backtest b = backtest(EXITS, market(rows, 5));
	struct trade_bounds bounds;
	struct trade_run r = run(&b);

	(void)state;
	assert_int_equal(r.undecided, 1);
	assert_string_equal(r.trades[0]->why, "stop");
	near("stop", r.trades[0]->exit, 90, 1e-12);
	assert_int_equal(trade_backtest_bounds(a, &b, none, &bounds, &err), 0);
	assert_true(bounds.pessimistic < 0 && bounds.optimistic > 0);
	/* high is nearer to the open than low: up first */
	near("path", bounds.path, bounds.optimistic, 1e-12);
}

/* A gap beyond the take profit is decided; one through the stop fills at the
 * open. */
static void
gaps_fill_at_the_open(void **state)
{
	static const double rows[][5] = {
		{ 100, 100, 100, 100, 1000 }, { 100, 100, 100, 100, 1000 },
		{ 100, 100, 100, 100, 1000 }, { 70, 75, 60, 70, 1000 },
		{ 70, 70, 70, 70, 1000 }
	};
	struct trade_backtest b = backtest(EXITS, market(rows, 5));
	struct trade_run r = run(&b);

	(void)state;
	assert_int_equal(r.undecided, 0);
	near("gap", r.trades[0]->exit, 70, 1e-12);
}

/* Not more than a part of the volume is ours; the rest waits. */
static void
volume_is_shared(void **state)
{
	static const double rows[][5] = {
		{ 10, 10, 10, 10, 100 }, { 10, 10, 10, 10, 100 },
		{ 10, 10, 10, 10, 100 }, { 10, 10, 10, 10, 40 },
		{ 10, 10, 10, 10, 100 }, { 10, 10, 10, 10, 100 }
	};
	struct trade_backtest b = backtest("{\"entry_long\":[\">\",1,0],"
	    "\"size\":{\"kind\":\"units\",\"value\":50}}", market(rows, 6));
	struct trade_run r;
	double units = 0;

	(void)state;
	b.terms.volume_share = 0.1;
	r = run(&b);
	assert_true(r.ntrades >= 4);
	for (size_t i = 0; i < r.ntrades; i++) {
		units += r.trades[i]->size;
		assert_true(r.trades[i]->size <=
		    rows[r.trades[i]->entry_bar][4] * 0.1);
	}
	assert_true(units <= 50);
}

static void
slippage_and_latency_cost(void **state)
{
	struct trade_series goog;
	struct trade_backtest b;
	struct trade_run plain, late, slipped;

	(void)state;
	if (bars_read(a, GOOG, &goog) == -1)
		return;
	b = backtest(SMA_CROSS(10, 30), goog);
	plain = run(&b);
	b.terms.slippage = 0.001;
	slipped = run(&b);
	assert_true(slipped.cash < plain.cash);
	b.terms.slippage = 0;
	b.terms.latency = 1;
	late = run(&b);
	assert_int_equal(late.trades[0]->entry_bar,
	    plain.trades[0]->entry_bar + 1);
}

/* Everything is lost on borrowed money: zeros to the end, and it says so. */
static void
ruin_is_final(void **state)
{
	static const double rows[][5] = {
		{ 100, 100, 100, 100, 1000 }, { 100, 100, 100, 100, 1000 },
		{ 100, 100, 100, 100, 1000 }, { 80, 80, 50, 50, 1000 },
		{ 500, 500, 500, 500, 1000 }
	};
	struct trade_backtest b = backtest(BUY_HOLD, market(rows, 5));
	struct trade_run r;

	(void)state;
	b.terms.margin = 0.2;
	r = run(&b);
	assert_true(r.ruined);
	near("left", r.equity[4], 0, 0);
	assert_string_equal(r.trades[0]->why, "ruin");
}

/* ---- grid, folds, audit ----------------------------------------------------------- */

#define GRID "{\"indicators\":{\"f\":[\"sma\",\"close\",\"n1\"]," \
	"\"s\":[\"sma\",\"close\",\"n2\"]}," \
	"\"entry_long\":[\"cross_above\",\"f\",\"s\"]," \
	"\"exit_long\":[\"cross_below\",\"f\",\"s\"]," \
	"\"params\":{\"n1\":[5,20,5],\"n2\":[10,40,10]}," \
	"\"constraint\":[\"<\",\"n1\",\"n2\"]}"

static void
a_grid_finds_the_best(void **state)
{
	struct trade_series goog;
	struct trade_backtest b;
	struct trade_best best;
	double top = -INFINITY;

	(void)state;
	if (bars_read(a, GOOG, &goog) == -1)
		return;
	b = backtest(GRID, goog);
	assert_int_equal(trade_strategy_points(b.strategy), 16);
	assert_int_equal(trade_backtest_grid(a, &b, "total_return", &best,
	    &err), 0);
	assert_int_equal(best.run + best.skipped, 16);
	assert_int_equal(best.skipped, 4);
	for (size_t i = 0; i < 16; i++) {
		double v[TRADE_PARAMS_MAX] = { 0 };
		struct trade_run r;

		if (!trade_strategy_point(b.strategy, i, v))
			continue;
		assert_int_equal(trade_backtest_run(a, &b, v, 0, &r, &err),
		    0);
		top = fmax(top, r.stats.total_return);
	}
	near("best", best.score, top, 0);
	assert_true(best.deflated > 0 && best.deflated < 1);
}

/* What is chosen for a fold must not depend on bars after its start. */
static void
folds_do_not_look_ahead(void **state)
{
	struct trade_series goog, other;
	struct trade_ohlcv *bars;
	struct trade_backtest b;
	struct trade_walk w, changed;

	(void)state;
	if (bars_read(a, GOOG, &goog) == -1)
		return;
	b = backtest(GRID, goog);
	assert_int_equal(trade_backtest_walk(a, &b, "sharpe", 500, 250, &w,
	    &err), 0);
	assert_int_equal(w.n, 6);
	assert_int_equal(w.run.first, 500);
	bars = arena_memdup(a, goog.bars, goog.n * sizeof(*bars));
	for (size_t i = 1000; i < goog.n; i++)
		bars[i].o = bars[i].h = bars[i].l = bars[i].c = 1;
	other = goog;
	other.bars = bars;
	b.series = other;
	assert_int_equal(trade_backtest_walk(a, &b, "sharpe", 500, 250,
	    &changed, &err), 0);
	for (size_t i = 0; i < 3; i++)
		assert_memory_equal(w.folds[i].best.values,
		    changed.folds[i].best.values, sizeof(none));
	for (size_t i = 500; i < 1000; i++)
		near("equity", changed.run.equity[i], w.run.equity[i], 0);
	assert_int_equal(trade_backtest_walk(a, &b, "sharpe", 2000, 250, &w,
	    &err), -1);
	assert_int_equal(err.status, 422);
}

static void
the_audit_sees(void **state)
{
	struct trade_series goog;
	struct trade_backtest b;
	struct trade_audit audit;
	struct trade_run r;
	uint8_t *said;

	(void)state;
	if (bars_read(a, GOOG, &goog) == -1)
		return;
	b = backtest(SMA_CROSS(10, 30), goog);
	r = run(&b);
	assert_int_equal(trade_backtest_audit(a, &b, none, &r, &audit, &err),
	    0);
	assert_int_equal(audit.cuts, 20);
	assert_int_equal(audit.differing, 0);
	assert_int_equal(audit.warmup_bars, 199);
	near("ended", audit.last_bar_share, 1.0 / 66, 1e-12);
	assert_int_equal(audit.few_days, 0);
	/* A run that knew one bar's verdict otherwise than the stream. */
	said = arena_memdup(a, r.said[0], goog.n);
	said[100] ^= 1;
	r.said = (const uint8_t *const[]){ said };
	assert_int_equal(trade_backtest_audit(a, &b, none, &r, &audit, &err),
	    0);
	assert_int_equal(audit.differing, 1);
	/* An average of 3,000 bars has no value on any shorter history. */
	b = backtest("{\"indicators\":{\"s\":[\"ema\",\"close\",1500]},"
	    "\"entry_long\":[\">\",\"close\",\"s\"]}", goog);
	r = run(&b);
	assert_int_equal(trade_backtest_audit(a, &b, none, &r, &audit, &err),
	    0);
	assert_true(audit.warmup_bars > 399 || audit.warmup_bars == -1);
	goog.n = 20;
	b = backtest(SMA_CROSS(2, 4), goog);
	r = run(&b);
	assert_int_equal(trade_backtest_audit(a, &b, none, &r, &audit, &err),
	    0);
	assert_int_equal(audit.few_days, 19);	/* returns */
}

static int
stop_at_once(void *arg, double done)
{
	(void)arg;
	(void)done;
	return -1;
}

static void
a_run_can_be_stopped(void **state)
{
	struct trade_series goog;
	struct trade_backtest b;
	struct trade_best best;

	(void)state;
	if (bars_read(a, GOOG, &goog) == -1)
		return;
	b = backtest(GRID, goog);
	b.tick = stop_at_once;
	assert_int_equal(trade_backtest_grid(a, &b, "sharpe", &best, &err),
	    -1);
	assert_int_equal(err.status, 409);
}

/* ---- specs -------------------------------------------------------------------------- */

static void
bad_specs_name_the_place(void **state)
{
	static const struct {
		const char *spec, *place;
	} cases[] = {
		{ "{}", "entry_long" },
		{ "{\"entry_long\":[\"shift\",\"close\",-1]}", "entry_long" },
		{ "{\"entry_long\":[\"shift\",\"close\",1.5]}", "entry_long" },
		{ "{\"entry_long\":[\">\",\"tomorrow\",0]}", "entry_long" },
		{ "{\"entry_long\":[\"future\",\"close\"]}", "entry_long" },
		{ "{\"entry_long\":[\">\",1]}", "entry_long" },
		{ "{\"entry_long\":[]}", "entry_long" },
		{ "{\"entry_long\":true}", "entry_long" },
		{ "{\"entry_long\":[\"pattern\",\"nothing\"]}", "entry_long" },
		{ "{\"entry_long\":1,\"indicators\":{\"x\":[\"smma\","
		    "\"close\",3]}}", "indicators" },
		{ "{\"entry_long\":1,\"indicators\":[1]}", "indicators" },
		{ "{\"entry_long\":1,\"indicators\":{\"x\":[\"sma\"]}}",
		    "indicators" },
		{ "{\"entry_long\":1,\"params\":{\"n\":[5,1,1]}}", "params" },
		{ "{\"entry_long\":1,\"params\":{\"n\":[1,2,0]}}", "params" },
		{ "{\"entry_long\":1,\"params\":{\"n\":[1,200,1],"
		    "\"m\":[1,200,1]}}", "params" },
		{ "{\"entry_long\":1,\"constraint\":[\">\",\"close\",1]}",
		    "constraint" },
		{ "{\"entry_long\":1,\"sl\":[\"pct\",0]}", "sl" },
		{ "{\"entry_long\":1,\"tp\":[\"points\",3]}", "tp" },
		{ "{\"entry_long\":1,\"size\":{\"value\":1.5}}", "size" },
		{ "{\"entry_long\":1,\"size\":{\"kind\":\"risk\","
		    "\"value\":0.01}}", "sl" },
		{ "{\"entry_long\":1,\"leverage\":3}", "leverage" },
		{ "{\"entry_long\":1,\"entry_long\":0}", "entry_long" }
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct trade_strategy s;

		err_clear(&err);
		if (trade_strategy_read(a, cases[i].spec,
		    strlen(cases[i].spec), &s, &err) == 0)
			fail_msg("taken: %s", cases[i].spec);
		assert_int_equal(err.status, 422);
		assert_true(err.nfields > 0);
		if (strstr(err.fields[0].loc, cases[i].place) == NULL)
			fail_msg("%s: %s", cases[i].spec, err.fields[0].loc);
	}
}

static void
deep_and_large_specs_are_refused(void **state)
{
	char *deep = arena_alloc(a, 4096), *p = deep;
	struct trade_strategy s;

	(void)state;
	p += sprintf(p, "{\"entry_long\":");
	for (int i = 0; i < 20; i++)
		p += sprintf(p, "[\"not\",");
	p += sprintf(p, "1");
	for (int i = 0; i < 20; i++)
		p += sprintf(p, "]");
	sprintf(p, "}");
	assert_int_equal(trade_strategy_read(a, deep, strlen(deep), &s, &err),
	    -1);
}

/* Indicators of indicators, outputs, patterns and history work together. */
static void
rules_compose(void **state)
{
	struct trade_series goog;
	struct trade_backtest b;
	struct trade_run r;

	(void)state;
	if (bars_read(a, GOOG, &goog) == -1)
		return;
	b = backtest("{\"indicators\":{\"m\":[\"macd\",\"close\"],"
	    "\"r\":[\"rsi\",\"close\",14],\"smooth\":[\"sma\",\"r\",3],"
	    "\"band\":[\"bbands\",\"close\",20,2],\"a\":[\"atr\"]},"
	    "\"entry_long\":[\"or\",[\"and\",[\"cross_above\",\"m\","
	    "\"m.signal\"],[\"<\",\"smooth\",60]],[\"!=\",[\"pattern\","
	    "\"hammer\"],0]],"
	    "\"exit_long\":[\"or\",[\">\",\"close\",\"band.upper\"],"
	    "[\"<\",\"close\",[\"lowest\",[\"shift\",\"low\",1],10]]],"
	    "\"size\":{\"kind\":\"risk\",\"value\":0.02},"
	    "\"sl\":[\"atr\",2],\"tp\":[\"atr\",6]}", goog);
	r = run(&b);
	assert_true(r.ntrades > 20);
	for (size_t i = 0; i < r.ntrades; i++)
		assert_true(r.trades[i]->size > 0);
	assert_true(isfinite(r.stats.sharpe));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_to_backtesting_py),
		cmocka_unit_test(the_peers_own_example),
		cmocka_unit_test(equal_to_empyrical),
		cmocka_unit_test(luck_of_many_trials),
		cmocka_unit_test(both_exits_in_one_bar),
		cmocka_unit_test(gaps_fill_at_the_open),
		cmocka_unit_test(volume_is_shared),
		cmocka_unit_test(slippage_and_latency_cost),
		cmocka_unit_test(ruin_is_final),
		cmocka_unit_test(a_grid_finds_the_best),
		cmocka_unit_test(folds_do_not_look_ahead),
		cmocka_unit_test(the_audit_sees),
		cmocka_unit_test(a_run_can_be_stopped),
		cmocka_unit_test(bad_specs_name_the_place),
		cmocka_unit_test(deep_and_large_specs_are_refused),
		cmocka_unit_test(rules_compose)
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
