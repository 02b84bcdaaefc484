/*
 * The engine's pure parts: tick rules and their mended breakout, a watched
 * series equal to a scan of history, decisions on a live stream equal to a
 * backtest's on the same bars, profit and reward of fills, suggestions with and
 * without anything to learn.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/number.h"
#include "modules/trade/decide.h"
#include "modules/trade/outside.h"
#include "modules/trade/reward.h"
#include "modules/trade/suggest.h"
#include "modules/trade/tick_rule.h"
#include "modules/trade/watch.h"
#include "tests/harness/bars.h"

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

/* ---- ticks ---------------------------------------------------------------------- */

static const struct trade_tick_terms terms = { 0.01, 0.005, 0.3, 0.1, 2, 0.1,
    0.05, 30000000 };

static struct utc
second(int64_t s)
{
	return (struct utc){ (1700000000 + s) * 1000000 };
}

static void
a_quiet_market_says_nothing(void **state)
{
	struct trade_tick_state s = { .started = false };
	struct trade_tick_signal g;

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_false(trade_tick_rule(&s, &terms, 100 + 0.01 *
		    (i % 3), 100, second(i), &g));
	assert_false(trade_tick_rule(&s, &terms, NAN, 1, second(1001), &g));
	assert_false(trade_tick_rule(&s, &terms, -5, 1, second(1002), &g));
}

static void
a_breakout_compares_parts(void **state)
{
	struct trade_tick_state s = { .started = false };
	struct trade_tick_signal g;

	(void)state;
	for (int i = 0; i < 100; i++)
		(void)trade_tick_rule(&s, &terms, 2800 + i % 2, 100,
		    second(i), &g);
	/* half a percent: ten deviations of this price, and by the original's
	 * rule (a part against 0.5 in price units) nothing */
	assert_true(trade_tick_rule(&s, &terms, 2814, 100, second(100), &g));
	assert_string_equal(g.name, "volatility_breakout");
	assert_true(g.score > 0.3);
	/* the cooldown */
	assert_false(trade_tick_rule(&s, &terms, 2840, 100, second(110),
	    &g));
	assert_true(trade_tick_rule(&s, &terms, 2700, 100, second(131),
	    &g));
	assert_true(g.score < -0.3);
}

static void
a_spike_takes_the_direction(void **state)
{
	struct trade_tick_state s = { .started = false };
	struct trade_tick_terms t = terms;
	struct trade_tick_signal g;

	(void)state;
	t.score_min = 0.29;
	for (int i = 0; i < 50; i++)
		(void)trade_tick_rule(&s, &t, 100 + 0.2 * (i % 2), 100,
		    second(i), &g);
	/* nothing said so far: up, because the tick went up */
	assert_true(trade_tick_rule(&s, &t, 100.25, 5000, second(50), &g));
	assert_string_equal(g.name, "volume_spike");
	assert_true(g.score > 0);
}

/* ---- a watched series --------------------------------------------------------------- */

static void
a_watch_sees_what_a_scan_sees(void **state)
{
	struct trade_series s;
	struct trade_watch *w = trade_watch_new(a, &err);
	struct trade_scan scan;
	struct trade_seen seen;
	size_t k = 0, remarks = 0, warm = 0;

	(void)state;
	if (bars_read(a, GOOG, &s) == -1)
		return;
	assert_int_equal(trade_pattern_scan(a, &s, NULL, 0, &scan, &err), 0);
	for (size_t i = 0; i < s.n; i++) {
		assert_int_equal(trade_watch_push(w, s.at[i], &s.bars[i],
		    &s.units[i], &seen, &err), 0);
		for (size_t j = 0; j < seen.nhits; j++, k++) {
			const struct trade_hit *h = &scan.hits.v[k];

			assert_int_equal(h->at.us, seen.at.us);
			assert_ptr_equal(h->name, seen.hits[j].name);
			assert_memory_equal(&h->quality,
			    &seen.hits[j].quality, sizeof(double));
		}
		for (size_t j = 0; j < seen.nremarks; j++, remarks++)
			assert_true(fabs(seen.remarks[j].score) <= 1 &&
			    seen.remarks[j].score != 0);
		warm += seen.warm;
		assert_int_equal(trade_watch_back(w, 0).us, s.at[i].us);
		if (i >= 20)
			assert_int_equal(trade_watch_back(w, 20).us,
			    s.at[i - 20].us);
	}
	assert_int_equal(k, scan.hits.n);
	assert_in_range(warm, s.n - 120, s.n - 60);
	assert_in_range(remarks, 200, 2000);
}

/* A state that was warmed by a part of history, as after a restart. */
static void
a_restart_changes_nothing(void **state)
{
	struct trade_series s;
	struct trade_watch *whole = trade_watch_new(a, &err),
	    *later = trade_watch_new(a, &err);
	struct trade_seen x, y;

	(void)state;
	if (bars_read(a, GOOG, &s) == -1)
		return;
	for (size_t i = 0; i < s.n; i++) {
		(void)trade_watch_push(whole, s.at[i], &s.bars[i],
		    &s.units[i], &x, &err);
		(void)trade_watch_push(later, s.at[i], &s.bars[i],
		    &s.units[i], &y, &err);
	}
	assert_memory_equal(&x, &y, sizeof(x));
	/* what forms is looked at and not kept */
	{
		struct trade_candle_bar b = { 100, 110, 90, 100 };
		int16_t v[TRADE_CANDLES];

		assert_true(trade_watch_preview(whole, &b, v) > 0);
		(void)trade_watch_push(whole, s.at[0], &s.bars[0],
		    &s.units[0], &x, &err);
		(void)trade_watch_push(later, s.at[0], &s.bars[0],
		    &s.units[0], &y, &err);
		assert_memory_equal(&x, &y, sizeof(x));
	}
}

/* ---- live equals backtest ---------------------------------------------------------------- */

struct account {			/* fills at the next open */
	double held;
	int wants;			/* 1 long, -1 short, 2 out */
	size_t bar[4000];
	double side[4000];
	size_t n;
};

static void
fill(struct account *c, size_t i)
{
	if (c->wants == 2) {
		c->held = 0;
	} else if (c->wants != 0) {
		c->held = c->wants;
		c->bar[c->n] = i;
		c->side[c->n++] = c->wants;
	}
	c->wants = 0;
}

static void
same_decisions(const char *spec, const struct trade_series *s)
{
	static const double none[TRADE_PARAMS_MAX];
	static struct account c;
	struct trade_strategy t;
	struct trade_rules *r;
	struct trade_run run;
	bool warm = false;
	struct trade_backtest b = { .strategy = &t, .terms = { .cash = 1e6,
	    .margin = 1, .exclusive = true }, .series = *s, .finish = true };

	c = (struct account){ .held = 0 };
	err_clear(&err);
	if (trade_strategy_read(a, spec, strlen(spec), &t, &err) == -1 ||
	    trade_rules_new(a, &t, none, &r, &err) == -1 ||
	    trade_backtest_run(a, &b, none, 0, &run, &err) == -1)
		fail_msg("%s: %s", spec, err.detail);
	for (size_t i = 0; i < s->n; i++) {
		struct trade_verdict v;
		struct trade_moves m;
		bool was = warm;

		fill(&c, i);
		trade_rules_push(r, &s->bars[i], &s->units[i], &v);
		warm = v.warm;
		if (!was || !warm)	/* as a backtest: one after */
			continue;
		m = trade_moves_of(&v, c.held, false);
		c.wants = m.enter != 0 ? m.enter : m.leave ? 2 : 0;
	}
	/* the backtest cannot enter after the last bar; neither can we */
	assert_int_equal(c.n, run.ntrades);
	for (size_t i = 0; i < c.n; i++) {
		const struct trade_sim_trade *x = run.trades[i];

		if (x->entry_bar != c.bar[i] || x->size * c.side[i] <= 0)
			fail_msg("%s: trade %zu at %zu (%g), live at %zu (%g)",
			    spec, i, x->entry_bar, x->size, c.bar[i],
			    c.side[i]);
	}
	assert_in_range(c.n, 10, 3000);
}

static void
live_decides_as_the_backtest(void **state)
{
	static const char *const specs[] = {
		"{\"indicators\":{\"f\":[\"sma\",\"close\",10],\"s\":[\"sma\","
		"\"close\",30]},\"entry_long\":[\"cross_above\",\"f\",\"s\"],"
		"\"exit_long\":[\"cross_below\",\"f\",\"s\"]}",
		"{\"indicators\":{\"f\":[\"sma\",\"close\",10],\"s\":[\"sma\","
		"\"close\",20]},\"entry_long\":[\"cross_above\",\"f\",\"s\"],"
		"\"exit_short\":[\"cross_above\",\"f\",\"s\"],\"entry_short\":"
		"[\"cross_below\",\"f\",\"s\"],\"exit_long\":[\"cross_below\","
		"\"f\",\"s\"]}",
		"{\"indicators\":{\"r\":[\"rsi\",\"close\",7]},\"entry_long\":"
		"[\"<\",\"r\",35],\"exit_long\":[\">\",\"r\",60]}",
		"{\"entry_long\":[\">\",[\"pattern\",\"hammer\"],0],"
		"\"exit_long\":[\"<\",[\"pattern\",\"engulfing\"],0]}",
		"{\"indicators\":{\"m\":[\"macd\",\"close\"],\"b\":[\"bbands\","
		"\"close\",20,2]},\"entry_long\":[\"and\",[\">\",\"m.histogram"
		"\",0],[\">\",\"close\",\"b.middle\"]],\"entry_short\":[\"<\","
		"\"close\",\"b.lower\"],\"exit_long\":[\"<\",\"m.histogram\",0]"
		",\"exit_short\":[\">\",\"close\",\"b.middle\"]}"
	};
	struct trade_series s;

	(void)state;
	if (bars_read(a, GOOG, &s) == -1)
		return;
	for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++)
		same_decisions(specs[i], &s);
}

static void
sizes_and_exits(void **state)
{
	struct trade_strategy t = { .size_kind = SIZE_FRACTION, .size = 0.5,
	    .sl = { DISTANCE_ATR, 2 }, .tp = { DISTANCE_PCT, 0.1 } };
	struct trade_sizing z = { SIZING_STRATEGY, 0, 1 };
	struct trade_exits x;

	(void)state;
	assert_false(trade_entry_of(&t, 100, NAN, 1, &x));
	assert_true(trade_entry_of(&t, 100, 3, 1, &x));
	assert_true(x.sl == 94 && fabs(x.tp - 110) < 1e-9 && isnan(x.limit));
	assert_true(trade_entry_of(&t, 100, 3, -1, &x));
	assert_true(x.sl == 106 && fabs(x.tp - 90) < 1e-9);
	assert_true(trade_size_of(&t, &z, 1e4, 5000, 100, 3, &x) == 25);
	z.kind = SIZING_RISK;
	assert_true(fabs(trade_size_of(&t, &z, 1e4, 5000, 100, 3, &x) -
	    100.0 / 6) < 1e-9);
	z = (struct trade_sizing){ SIZING_VALUE, 250, 1 };
	assert_true(trade_size_of(NULL, &z, 1e4, 5000, 100, 3, &x) == 2.5);
	assert_true(trade_size_of(NULL, &z, 1e4, 5000, 0, 3, &x) == 0);
}

/* ---- rewards --------------------------------------------------------------------- */

static struct dec
d(double x)
{
	struct dec out;

	assert_int_equal(dec_from_real(x, &out), 0);
	return out;
}

static void
trips_add_up(void **state)
{
	static const struct {
		const char *side;
		double q, price, fee, held, pnl;	/* NaN: nothing closed */
	} rows[] = {
		{ "buy", 10, 100, 1, 10, NAN },
		{ "buy", 10, 110, 1, 20, NAN },
		{ "sell", 5, 120, 0.5, 15, 5 * 15 - 0.5 - 0.5 },
		{ "sell", 20, 100, 2, -5, 15 * -5 - 1.5 - 1.5 },
		{ "buy", 5, 90, 0.5, 0, 5 * 10 - 0.5 - 0.5 },
	};
	struct trade_trip before, t;

	(void)state;
	for (size_t i = 0; i < 5; i++, before = t) {
		t = (struct trade_trip){ .side = rows[i].side,
		    .quantity = d(rows[i].q), .price = d(rows[i].price),
		    .fee = d(rows[i].fee) };
		assert_int_equal(trade_trip_next(i > 0 ? &before : NULL, &t,
		    &err), 0);
		assert_int_equal(t.seq, i + 1);
		assert_int_equal(t.held.e8, d(rows[i].held).e8);
		assert_int_equal(t.has_pnl, !isnan(rows[i].pnl));
		if (t.has_pnl && fabs(dec_real(t.pnl) - rows[i].pnl) > 1e-7)
			fail_msg("%zu: %.8f, not %.8f", i, dec_real(t.pnl),
			    rows[i].pnl);
	}
	assert_int_equal(t.fees_held.e8, 0);
	t = (struct trade_trip){ .side = "buy", .quantity = { INT64_MAX },
	    .price = { INT64_MAX } };
	before = (struct trade_trip){ .held = { INT64_MAX }, .avg_price =
	    { INT64_MAX } };
	assert_int_equal(trade_trip_next(&before, &t, &err), -1);
}

static void
rewards_as_the_original(void **state)
{
	const struct trade_reward_terms t = { 1, 3 };
	struct trade_standing s = { .trades = 4, .wins = 3, .losses = 1,
	    .avg_win = 10, .avg_loss = 6, .sd = 4, .pnl = 24 };

	(void)state;
	assert_true(trade_reward_of(&t, 50, 2, 100) == 25);
	assert_true(trade_reward_of(&t, -50, 2, 100) == -150);
	assert_true(trade_reward_of(&t, 50, NAN, 100) == 50);
	trade_standing_complete(&s);
	assert_true(s.win_rate == 0.75 && s.expectancy == 6 &&
	    s.score == 1.5 && s.sharpe_like == 1.5);
}

/* ---- suggestions ------------------------------------------------------------------- */

static uint64_t seed = 88172645463325252;

static double
uniform(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (double)(seed >> 11) / 9007199254740992.0;
}

/* n cases; weight: how much the first feature says. */
static struct trade_cases
cases(size_t n, double weight)
{
	struct trade_cases out = { .v = { .n = 0 } };

	for (size_t i = 0; i < n; i++) {
		struct trade_case *c = VEC_ADD(a, &out.v);

		for (int k = 0; k < TRADE_FEATURES; k++)
			c->x[k] = uniform() + uniform() + uniform() - 1.5;
		c->y = uniform() < 1 / (1 + exp(-weight * c->x[0]));
		c->at.us = (int64_t)i * 86400000000;
		c->end.us = c->at.us + 5 * INT64_C(86400000000);
	}
	return out;
}

static void
what_can_be_learnt_is(void **state)
{
	struct trade_cases c = cases(4000, 1.5);
	struct trade_suggest_model m, again;
	struct trade_suggest_report r;
	double x[TRADE_FEATURES] = { 1 };
	const char *text;
	int64_t horizon;

	(void)state;
	assert_int_equal(trade_suggest_fit(a, &c, 20, NULL, NULL, &m, &r,
	    &err), 0);
	assert_true(r.good && r.skill > 0.05 && r.z > 3 && r.auc > 0.65);
	assert_true(r.brier < r.brier_base);
	assert_in_range(r.held, 2300, 2400);
	assert_true(trade_suggest_ask(&m, x) > 0.7);
	x[0] = -1;
	assert_true(trade_suggest_ask(&m, x) < 0.3);
	text = trade_suggest_write(a, &m, 5);
	assert_int_equal(trade_suggest_read(a, text, strlen(text), &again,
	    &horizon, &err), 0);
	assert_int_equal(horizon, 5);
	assert_memory_equal(&m, &again, sizeof(m));
	assert_int_equal(trade_suggest_read(a, "{\"coef\":[1],\"intercept\":0,"
	    "\"mean\":[0],\"scale\":[1]}", 49, &again, &horizon, &err), -1);
	err_clear(&err);
}

static void
noise_is_not_sold_as_skill(void **state)
{
	int good = 0;

	(void)state;
	for (int i = 0; i < 20; i++) {
		struct trade_cases c = cases(1500, 0);
		struct trade_suggest_model m;
		struct trade_suggest_report r;

		assert_int_equal(trade_suggest_fit(a, &c, 20, NULL, NULL, &m,
		    &r, &err), 0);
		good += r.good;
	}
	assert_in_range(good, 0, 3);
}

static void
too_little_is_said(void **state)
{
	struct trade_cases c = cases(100, 1);
	struct trade_suggest_model m;
	struct trade_suggest_report r;

	(void)state;
	assert_int_equal(trade_suggest_fit(a, &c, 20, NULL, NULL, &m, &r,
	    &err), -1);
	assert_string_equal(err.code, "too_little");
	err_clear(&err);
}

static void
a_suggestion_has_its_prices(void **state)
{
	struct trade_suggest_model m = { .coef = { 2 } };
	struct trade_seen seen = { .warm = true, .x = { 1 }, .close = 100,
	    .atr = 2 };
	struct trade_suggest_terms t = { 0.02, 10000, 1, 1 };
	struct trade_suggestion s = { .horizon = 5, .base_rate = 0.5 };

	(void)state;
	for (int k = 0; k < TRADE_FEATURES; k++)
		m.scale[k] = 1;
	trade_suggest_judge(a, &m, &seen, &t, &s);
	assert_string_equal(s.side, "buy");
	assert_true(s.stop == 96 && s.target == 106 && s.size == 25);
	assert_non_null(strstr(s.reasons.p, "momentum_5"));
	seen.x[0] = -1;
	trade_suggest_judge(a, &m, &seen, &t, &s);
	assert_string_equal(s.side, "sell");
	assert_true(s.stop == 104 && s.target == 94);
	seen.x[0] = 0;
	trade_suggest_judge(a, &m, &seen, &t, &s);
	assert_string_equal(s.side, "none");
	seen.warm = false;
	trade_suggest_judge(a, &m, &seen, &t, &s);
	assert_string_equal(s.side, "none");
	assert_true(isnan(s.probability));
}

static void
cases_know_no_future(void **state)
{
	struct trade_cases whole = { .v = { .n = 0 } };
	struct trade_cases part = { .v = { .n = 0 } };
	struct trade_suggest_news news = { .past = { .n = 0 } };
	struct trade_series s;

	(void)state;
	if (bars_read(a, GOOG, &s) == -1)
		return;
	news.closed = s.at;
	assert_int_equal(trade_suggest_cases(a, &s, &news, 5, &whole, &err),
	    0);
	s.n = 1000;
	assert_int_equal(trade_suggest_cases(a, &s, &news, 5, &part, &err),
	    0);
	assert_in_range(part.v.n, 880, 940);
	assert_memory_equal(whole.v.v, part.v.v, part.v.n *
	    sizeof(part.v.v[0]));
}

/* A bar has the news that were known when it closed: not the later ones, nor
 * those that were told before and came after. */
static void
cases_have_the_news_of_their_time(void **state)
{
	struct trade_sentiment_point v[3];
	struct trade_suggest_news news = { .past = { .v = v, .n = 3 } };
	struct trade_cases c = { .v = { .n = 0 } };
	const int64_t hour = INT64_C(3600000000);
	struct trade_series s;
	size_t first = 0;

	(void)state;
	if (bars_read(a, GOOG, &s) == -1)
		return;
	s.n = 400;
	news.closed = s.at;
	for (int i = 0; i < 3; i++)
		v[i] = (struct trade_sentiment_point){ .score = i == 1 ? -1 :
		    1, .weight = 1, .at = s.at[200 + 50 * i], .known =
		    s.at[200 + 50 * i] };
	v[1].at.us -= hour;		/* told before, known after bar 250 */
	v[1].known.us += hour;
	v[2].at.us += 1;		/* after bar 300 */
	v[2].known.us += 1;
	assert_int_equal(trade_suggest_cases(a, &s, &news, 5, &c, &err), 0);
	while (c.v.v[first].at.us != s.at[200].us)
		first++;
	for (size_t i = 0; i < c.v.n; i++) {
		int64_t at = c.v.v[i].at.us;
		double want = 0;

		for (int k = 0; k < 3; k++)
			if (at >= v[k].known.us && at - v[k].at.us <=
			    TRADE_WEEK_US)
				want = v[k].score;
		assert_true(c.v.v[i].x[FEATURE_SENTIMENT] == want);
	}
	assert_true(c.v.v[first].x[FEATURE_SENTIMENT] == 1);
	assert_true(c.v.v[first + 50].x[FEATURE_SENTIMENT] == 0);
	assert_true(c.v.v[first + 51].x[FEATURE_SENTIMENT] == -1);
	assert_true(c.v.v[first + 100].x[FEATURE_SENTIMENT] == 0);
	assert_true(c.v.v[first + 101].x[FEATURE_SENTIMENT] == 1);
}

/* ---- what stands in for external engines ------------------------------------------------ */

static void
the_originals_decision(void **state)
{
	struct trade_decide_signal s[] = { { "AAPL", "x", 0.9 },
	    { "MSFT", "x", -0.2 }, { "AAPL", "y", 0.5 } };
	struct trade_decide_mood m[] = { { "AAPL", 0.5, 0.8 },
	    { "TSLA", -1, 1 } };
	const struct trade_decide_in in = { { s, 3 }, { m, 2 }, { NULL } };
	const struct trade_decide_weights w = { 0.6, 0.3 };
	const struct trade_decide_out *o;
	struct list out;

	(void)state;
	trade_decide_combine(a, &in, &w, &out);
	assert_int_equal(out.n, 3);
	o = out.items;
	assert_string_equal(o[0].action, "buy");
	assert_true(fabs(o[0].confidence - (0.42 + 0.12)) < 1e-12);
	assert_string_equal(o[1].action, "hold");
	assert_string_equal(o[2].action, "sell");
}

static void
a_drift_claims_little(void **state)
{
	double c[60];
	struct trade_forecast f;
	const double *x, *sure;

	(void)state;
	for (int i = 0; i < 60; i++)
		c[i] = 100 * exp(0.001 * i + 0.01 * sin(i));
	trade_forecast_drift(a, c, 60, 10, &f);
	assert_true(f.fallback);
	assert_int_equal(f.forecast.n, 10);
	x = f.forecast.items;
	sure = f.confidence.items;
	assert_true(x[9] > x[0] && x[0] > c[59]);
	for (int i = 0; i < 10; i++)
		assert_true(sure[i] >= 0 && sure[i] < 0.7);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_quiet_market_says_nothing),
		cmocka_unit_test(a_breakout_compares_parts),
		cmocka_unit_test(a_spike_takes_the_direction),
		cmocka_unit_test(a_watch_sees_what_a_scan_sees),
		cmocka_unit_test(a_restart_changes_nothing),
		cmocka_unit_test(live_decides_as_the_backtest),
		cmocka_unit_test(sizes_and_exits),
		cmocka_unit_test(trips_add_up),
		cmocka_unit_test(rewards_as_the_original),
		cmocka_unit_test(what_can_be_learnt_is),
		cmocka_unit_test(noise_is_not_sold_as_skill),
		cmocka_unit_test(too_little_is_said),
		cmocka_unit_test(a_suggestion_has_its_prices),
		cmocka_unit_test(cases_know_no_future),
		cmocka_unit_test(cases_have_the_news_of_their_time),
		cmocka_unit_test(the_originals_decision),
		cmocka_unit_test(a_drift_claims_little),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
