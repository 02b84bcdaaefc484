/*
 * Several symbols in one account, trailing stops, time exits, time in force,
 * what holding costs; batch and stream with the same bits; scenarios of
 * freqtrade; luck; texts, comparison, CSV.
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
#include "base/str.h"
#include "schema/schema.h"
#include "modules/trade/candle_inner.h"
#include "modules/trade/research.h"
#include "modules/trade/result.h"
#include "tests/harness/bars.h"
#include "tests/harness/data.h"

#include <cmocka.h>

#define GOOG "market/quotes/GOOG_daily_2004_2013.csv"
#define DAY_US INT64_C(86400000000)

static struct arena *a;
static struct err err;
static uint64_t seed;

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

static uint64_t
draw(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % below;
}

static struct trade_research *
asked(const char *spec)
{
	struct trade_research *r = arena_alloc(a, sizeof(*r));
	uint64_t seen;

	err_clear(&err);
	if (schema_decode_json(&trade_account_schema, "{}", 2, "spec", true,
	    a, &r->account, &seen, &err) == -1 || trade_research_read(a, spec,
	    strlen(spec), r, &err) == -1)
		fail_msg("%s: %s %s", spec, err.detail,
		    err.nfields > 0 ? err.fields[0].msg : "");
	return r;
}

static void
run(struct trade_research *r)
{
	if (trade_research_run(a, r, &err) == -1)
		fail_msg("%s", err.detail);
}

static void
near(const char *what, double got, double want, double within)
{
	if (!(fabs(got - want) <= within * fmax(1, fabs(want))))
		fail_msg("%s: %.17g, wanted %.17g", what, got, want);
}

/* A walk in cents from a day on; some bars are missing. */
static struct trade_series
walk(size_t n, int64_t first, unsigned missing)
{
	struct trade_ohlcv *b = arena_array(a, n, sizeof(*b));
	struct trade_candle_bar *u = arena_array(a, n, sizeof(*u));
	struct utc *at = arena_array(a, n, sizeof(*at));
	int64_t c = 5000 + (int64_t)draw(5000), day = first;

	for (size_t i = 0; i < n; i++) {
		int64_t o = c + (draw(3) == 0 ? (int64_t)draw(41) - 20 : 0);
		int64_t h, l;

		o = o > 200 ? o : 200;
		c = o + (int64_t)draw(161) - 80;
		c = c > 200 ? c : 5000;
		h = (o > c ? o : c) + (int64_t)draw(60);
		l = (o < c ? o : c) - (int64_t)draw(60);
		u[i] = (struct trade_candle_bar){ o * 1000000, h * 1000000,
		    l * 1000000, c * 1000000 };
		b[i] = (struct trade_ohlcv){ (double)o / 100,
		    (double)h / 100, (double)l / 100, (double)c / 100,
		    (double)draw(10000) };
		day += 1 + (missing > 0 && draw(missing) == 0);
		at[i].us = day * DAY_US;
	}
	return (struct trade_series){ at, b, u, n, NULL };
}

/* Bars by hand: open, high, low, close, volume. */
static struct trade_series
market(const double (*rows)[5], size_t n)
{
	struct trade_ohlcv *b = arena_array(a, n, sizeof(*b));
	struct trade_candle_bar *u = arena_array(a, n, sizeof(*u));
	struct utc *at = arena_array(a, n, sizeof(*at));

	for (size_t i = 0; i < n; i++) {
		b[i] = (struct trade_ohlcv){ rows[i][0], rows[i][1],
		    rows[i][2], rows[i][3], rows[i][4] };
		at[i].us = (int64_t)(i + 1) * DAY_US;
	}
	return (struct trade_series){ at, b, u, n, NULL };
}

/* ---- one account, many symbols ---------------------------------------------------- */

#define CROSS "\"indicators\":{\"f\":[\"sma\",\"close\",3],\"s\":[\"ema\"," \
	"\"close\",9]},\"entry_long\":[\"cross_above\",\"f\",\"s\"]," \
	"\"exit_long\":[\"cross_below\",\"f\",\"s\"]"

static void
same_trades(const struct trade_run *x, const struct trade_run *y)
{
	assert_int_equal(x->ntrades, y->ntrades);
	for (size_t i = 0; i < x->ntrades; i++) {
		const struct trade_sim_trade *t = x->trades[i];
		const struct trade_sim_trade *u = y->trades[i];

		assert_int_equal(t->entry_bar, u->entry_bar);
		assert_int_equal(t->exit_bar, u->exit_bar);
		assert_string_equal(t->why, u->why);
		near("size", t->size, u->size, 0);
		near("entry", t->entry, u->entry, 0);
		near("exit", t->exit, u->exit, 0);
	}
}

/* A second symbol without bars changes nothing, but the account then goes bar
 * by bar: groups of bars in which nothing happens leave the same bits. */
static void
one_symbol_is_a_lane(void **state)
{
	static const char *const terms[] = {
		"\"size\":{\"value\":0.5}",
		"\"sl\":[\"pct\",0.02],\"tp\":[\"atr\",3]",
		"\"trail\":[\"pct\",0.02]",
		"\"trail\":[\"atr\",2,0.01],\"sl\":[\"pct\",0.05],"
		    "\"tp\":[\"pct\",0.06],\"reading\":\"path\"",
		"\"trail\":[\"pct\",0.03],\"reading\":\"optimistic\"",
		"\"limit\":[\"pct\",0.005],\"tif\":[\"bars\",4],\"hold\":9",
		"\"entry_short\":[\"cross_below\",\"f\",\"s\"],"
		    "\"exclusive\":true,\"trail\":[\"pct\",0.015]",
		"\"entry_short\":[\"cross_below\",\"close\",\"f\"],"
		    "\"margin\":0.02,\"size\":{\"value\":0.9}",
		"\"mode\":\"realistic\",\"latency\":1,\"borrow\":0.05,"
		    "\"funding\":0.0001,\"sl\":[\"pct\",0.03]",
		"\"size\":{\"kind\":\"units\",\"value\":3},\"volume_share\":"
		    "0.01,\"trail\":[\"pct\",0.02]"
	};
	static const struct trade_series none[1];
	size_t trades = 0;

	(void)state;
	seed = 7;
	for (size_t i = 0; i < 4 * sizeof(terms) / sizeof(terms[0]); i++) {
		const char *spec = arena_printf(a, "{" CROSS ",%s}",
		    terms[i / 4]);
		struct trade_research *r = asked(spec), *q = asked(spec);

		r->b.series = q->b.series = walk(400, 10, 0);
		q->b.others = none;
		q->b.nothers = 1;
		run(r);
		run(q);
		trades += r->run.ntrades;
		same_trades(&q->run, &r->run);
		assert_int_equal(q->run.undecided, r->run.undecided);
		assert_int_equal(q->run.refused, r->run.refused);
		assert_int_equal(q->run.n, r->run.n);
		assert_memory_equal(q->run.equity, r->run.equity,
		    r->run.n * sizeof(double));
	}
	assert_true(trades > 400);
}

static void
symbols_share_the_cash(void **state)
{
	(void)state;
	seed = 99;
	for (int round = 0; round < 20; round++) {
		struct trade_research *r = asked("{" CROSS ",\"entry_short\":"
		    "[\"cross_below\",\"f\",\"s\"],\"exit_short\":["
		    "\"cross_above\",\"f\",\"s\"],\"size\":{\"value\":0.4},"
		    "\"sl\":[\"pct\",0.05],\"commission\":0.001,"
		    "\"slippage\":0.001,\"borrow\":0.1,\"funding\":0.0002}");
		struct trade_series *more = arena_array(a, 3, sizeof(*more));
		double cash = r->account.cash;
		size_t by[4] = { 0 };

		r->b.series = walk(150, 5, 4);
		for (int k = 0; k < 3; k++)
			more[k] = walk(120 + draw(60), (int64_t)draw(40), 4);
		r->b.others = more;
		r->b.nothers = 3;
		run(r);
		assert_true(r->run.n > 150 && r->run.n <= 720);
		for (size_t i = 1; i < r->run.n; i++)
			assert_true(r->run.at[i].us > r->run.at[i - 1].us);
		for (size_t i = 0; i < r->run.ntrades; i++) {
			const struct trade_sim_trade *t = r->run.trades[i];

			cash += trade_sim_profit(t);
			by[t->lane]++;
			assert_true(t->entry_bar <= t->exit_bar);
			assert_true(t->exit_bar < r->run.n);
			assert_true(t->carry != 0 ||
			    t->entry_bar == t->exit_bar);
		}
		/* The books balance: what was there, and what trades made. */
		near("cash", r->run.cash, cash, 1e-9);
		assert_true(by[0] > 0 && by[1] > 0 && by[2] > 0 && by[3] > 0);
	}
}

/* Both want all of it at the same open: the one listed first gets it. */
static void
the_first_listed_is_served_first(void **state)
{
	static const double rows[][5] = {
		{ 10, 10, 10, 10, 1e6 }, { 10, 10, 10, 10, 1e6 },
		{ 10, 10, 10, 10, 1e6 }, { 10, 10, 10, 10, 1e6 }
	};
	struct trade_research *r = asked("{\"entry_long\":[\">\",1,0],"
	    "\"mode\":\"compat\",\"cash\":1000,\"finalize_trades\":true}");
	struct trade_series other = market(rows, 4);

	(void)state;
	r->b.series = market(rows, 4);
	r->b.others = &other;
	r->b.nothers = 1;
	run(r);
	assert_int_equal(r->run.ntrades, 1);
	assert_int_equal(r->run.trades[0]->lane, 0);
	/* "All" leaves a rounding error, as in backtesting.py. */
	near("size", r->run.trades[0]->size, 99, 0);
	assert_true(r->run.refused > 0);
}

/* ---- exits and orders --------------------------------------------------------------- */

static const struct trade_sim_trade *
first_trade(const char *spec, const double (*rows)[5], size_t n)
{
	struct trade_research *r = asked(spec);

	r->b.series = market(rows, n);
	run(r);
	assert_true(r->run.ntrades > 0);
	return r->run.trades[0];
}

#define BUY10 "\"entry_long\":[\"==\",\"volume\",1],\"mode\":\"compat\"," \
	"\"finalize_trades\":true,\"size\":{\"kind\":\"units\",\"value\":10}"

static void
a_stop_follows_the_price(void **state)
{
	static const double rows[][5] = {
		{ 100, 100, 100, 100, 0 }, { 100, 100, 100, 100, 1 },
		{ 100, 104, 99, 103, 0 }, { 103, 120, 102, 118, 0 },
		{ 118, 119, 100, 101, 0 }, { 101, 101, 101, 101, 0 }
	};
	const struct trade_sim_trade *t;

	(void)state;
	/* From 120 by a tenth: 108; bar 4 falls through it. */
	t = first_trade("{" BUY10 ",\"trail\":[\"pct\",0.1]}", rows, 6);
	assert_string_equal(t->why, "trail");
	assert_int_equal(t->exit_bar, 4);
	near("trail", t->exit, 108, 1e-12);
	/* Only from a profit of 50 % on, which never comes. */
	t = first_trade("{" BUY10 ",\"trail\":[\"pct\",0.1,0.5]}", rows, 6);
	assert_string_equal(t->why, "end");
	/* Within bar 3, 120 first: 3 % below it is 116.4, met by the low. */
	t = first_trade("{" BUY10 ",\"trail\":[\"pct\",0.03,0.15],"
	    "\"reading\":\"optimistic\"}", rows, 6);
	assert_int_equal(t->exit_bar, 3);
	near("within", t->exit, 116.4, 1e-12);
	t = first_trade("{" BUY10 ",\"trail\":[\"pct\",0.03,0.15]}", rows, 6);
	assert_int_equal(t->exit_bar, 4);
}

static void
time_is_up(void **state)
{
	static const double rows[][5] = {
		{ 100, 100, 100, 100, 0 }, { 100, 100, 100, 100, 1 },
		{ 101, 101, 101, 101, 0 }, { 102, 102, 102, 102, 0 },
		{ 103, 103, 103, 103, 0 }
	};
	const struct trade_sim_trade *t;

	(void)state;
	t = first_trade("{" BUY10 ",\"indicators\":{},\"hold\":2}", rows, 5);
	assert_string_equal(t->why, "time");
	assert_int_equal(t->entry_bar, 2);
	assert_int_equal(t->exit_bar, 4);
}

/* Not traded at warm-up: bar 0 is never judged, so the signal is at bar 1. */
static void
entries_wait_as_long_as_told(void **state)
{
	static const double rows[][5] = {
		{ 100, 100, 100, 100, 1000 }, { 100, 100, 100, 100, 1 },
		{ 100, 101, 99, 100, 1000 }, { 100, 101, 99, 100, 1000 },
		{ 97, 98, 94, 95, 1000 }, { 96, 96, 96, 96, 1000 }
	};
	static const struct {
		const char *tif;
		bool fills;
	} cases[] = {
		{ "\"ioc\"", false }, { "\"day\"", false },
		{ "[\"bars\",2]", false }, { "[\"bars\",3]", true },
		{ "\"gtc\"", true }
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct trade_research *r = asked(arena_printf(a, "{" BUY10
		    ",\"limit\":[\"pct\",0.05],\"tif\":%s}", cases[i].tif));

		r->b.series = market(rows, 6);
		run(r);
		assert_int_equal(r->run.ntrades, cases[i].fills);
		if (cases[i].fills)
			near("limit", r->run.trades[0]->entry, 95, 1e-12);
	}
}

/* Fill or kill: 10 units where 5 may be had are none. */
static void
all_or_nothing(void **state)
{
	static const double rows[][5] = {
		{ 100, 100, 100, 100, 1000 }, { 100, 100, 100, 100, 1 },
		{ 100, 100, 100, 100, 50 }, { 100, 100, 100, 100, 5000 }
	};
	struct trade_research *r;

	(void)state;
	for (int whole = 0; whole < 2; whole++) {
		r = asked(arena_printf(a, "{\"entry_long\":[\"==\",\"volume\","
		    "1],\"size\":{\"kind\":\"units\",\"value\":10},"
		    "\"volume_share\":0.1,\"tif\":\"%s\"}", whole ? "fok" :
		    "ioc"));
		r->b.series = market(rows, 4);
		run(r);
		assert_int_equal(r->run.ntrades, whole ? 0 : 1);
		assert_int_equal(r->run.refused, whole ? 1 : 0);
	}
	near("part", r->run.ntrades, 0, 0);
}

static void
holding_costs(void **state)
{
	static const double rows[][5] = {
		{ 100, 100, 100, 100, 1e6 }, { 100, 100, 100, 100, 1 },
		{ 100, 100, 100, 100, 1e6 }, { 100, 100, 100, 100, 1e6 },
		{ 100, 100, 100, 100, 1e6 }
	};
	const struct trade_sim_trade *t;

	(void)state;
	t = first_trade("{\"entry_short\":[\"==\",\"volume\",1],\"size\":{"
	    "\"kind\":\"units\",\"value\":10},\"slippage\":0,\"impact\":0,"
	    "\"borrow\":0.365}", rows, 5);
	/* 1,000 sold short for two days at 0.1 % a day */
	near("borrow", t->carry, 2, 1e-12);
	near("profit", trade_sim_profit(t), -2, 1e-12);
	t = first_trade("{\"entry_long\":[\"==\",\"volume\",1],\"size\":{"
	    "\"kind\":\"units\",\"value\":10},\"slippage\":0,\"impact\":0,"
	    "\"funding\":0.001}", rows, 5);
	near("funding", t->carry, 2, 1e-12);
}

/* ---- freqtrade ------------------------------------------------------------------------ */

static double
number(struct json_object *o, const char *name)
{
	return json_object_get_double(json_object_object_get(o, name));
}

/* Signals stand in the volume: 1 buys, 2 sells. An empty bar goes before,
 * since ours trades from the second bar on. */
static struct trade_series
candles(struct json_object *rows)
{
	size_t n = json_object_array_length(rows) + 1;
	double (*v)[5] = arena_array(a, n, sizeof(*v));

	for (size_t i = 0; i < n; i++) {
		struct json_object *row = json_object_array_get_idx(rows,
		    i == 0 ? 0 : i - 1);

		for (size_t k = 0; k < 4; k++)
			v[i][k] = json_object_get_double(
			    json_object_array_get_idx(row, k + 1));
		if (i > 0)
			v[i][4] = json_object_get_int(
			    json_object_array_get_idx(row, 6)) == 1 ? 1 :
			    json_object_get_int(json_object_array_get_idx(row,
			    7)) == 1 ? 2 : 0;
	}
	return market((const double (*)[5])v, n);
}

static void
same_scenario(struct json_object *c)
{
	struct json_object *want = json_object_object_get(c, "trades");
	const char *id = json_object_get_string(json_object_object_get(c,
	    "id"));
	struct trade_research *r = asked(arena_printf(a, "{\"entry_long\":"
	    "[\"==\",\"volume\",1],\"exit_long\":[\"==\",\"volume\",2],"
	    "\"mode\":\"compat\",\"cash\":1000000,\"finalize_trades\":true,"
	    "\"sl\":[\"pct\",%.17g,\"entry\"],\"tp\":[\"pct\",%.17g,"
	    "\"entry\"]}", -number(c, "stop_loss"),
	    number(json_object_object_get(c, "roi"), "0")));
	double sum = 0;

	r->b.series = candles(json_object_object_get(c, "data"));
	run(r);
	assert_int_equal(r->run.ntrades, json_object_array_length(want));
	for (size_t i = 0; i < r->run.ntrades; i++) {
		const struct trade_sim_trade *t = r->run.trades[i];
		struct json_object *w = json_object_array_get_idx(want, i);
		const char *why = json_object_get_string(
		    json_object_object_get(w, "exit_reason"));

		sum += trade_sim_return(t);
		if ((double)t->entry_bar - 1 != number(w, "open_tick") ||
		    (double)t->exit_bar - 1 != number(w, "close_tick") ||
		    strcmp(t->why, strcmp(why, "STOP_LOSS") == 0 ? "stop" :
		    strcmp(why, "ROI") == 0 ? "take" : "signal") != 0)
			fail_msg("%s: trade %zu is %zu-%zu by %s", id, i,
			    t->entry_bar, t->exit_bar, t->why);
	}
	near(id, sum, number(c, "profit_perc"), 5e-4);
}

static void
scenarios_of_freqtrade(void **state)
{
	size_t n;
	char *text = data_read(a,
	    "market/oracle_freqtrade_backtest_scenarios.dev.json", &n);
	struct json_object *all, *list;

	(void)state;
	if (text == NULL)
		return;
	all = json_tokener_parse(text);
	list = json_object_object_get(all, "scenarios");
	assert_true(json_object_array_length(list) >= 6);
	for (size_t i = 0; i < json_object_array_length(list); i++)
		same_scenario(json_object_array_get_idx(list, i));
	json_object_put(all);
}

/* ---- the same bits ---------------------------------------------------------------------- */

static void
blocks_say_what_bars_say(void **state)
{
	static const char *const specs[] = {
		"{" CROSS "}",
		"{\"indicators\":{\"m\":[\"macd\",\"close\"],\"r\":[\"rsi\","
		    "\"close\",5],\"q\":[\"sma\",\"r\",3],\"b\":[\"bbands\","
		    "\"close\",12,1.5],\"d\":[\"donchian\",7],\"st\":["
		    "\"supertrend\",5,2]},\"entry_long\":[\"or\",[\"and\",["
		    "\"cross_above\",\"m\",\"m.signal\"],[\"<\",\"q\",60]],["
		    "\"!=\",[\"pattern\",\"hammer\"],0]],\"exit_long\":["
		    "\"or\",[\">\",\"close\",\"b.upper\"],[\"<\",\"close\",["
		    "\"lowest\",[\"shift\",\"low\",1],10]]],\"entry_short\":"
		    "[\">\",[\"highest\",[\"/\",\"close\",[\"-\",\"open\","
		    "\"close\"]],4],3],\"exit_short\":[\"not\",[\">=\","
		    "\"d.upper\",[\"shift\",\"st\",2]]]}"
	};

	(void)state;
	seed = 2024;
	for (int round = 0; round < 8; round++) {
		struct trade_research *r = asked(specs[round % 2]);
		struct trade_series s = walk(300 + draw(700), 1, 0);
		uint8_t *said = arena_alloc(a, s.n);
		double *atr = arena_array(a, s.n, sizeof(*atr));
		struct trade_rules *all, *one;
		size_t warm, first = s.n;

		assert_int_equal(trade_rules_new(a, &r->strategy, r->values,
		    &all, &err), 0);
		assert_int_equal(trade_rules_new(a, &r->strategy, r->values,
		    &one, &err), 0);
		trade_rules_judge(all, s.bars, s.units, NULL, s.n, said, atr,
		    &warm);
		for (size_t i = 0; i < s.n; i++) {
			struct trade_verdict v;

			trade_rules_push(one, &s.bars[i], &s.units[i], &v);
			for (int k = 0; k < RULES; k++)
				assert_int_equal(v.rule[k], said[i] >> k & 1);
			assert_memory_equal(&v.atr, &atr[i], sizeof(v.atr));
			if (v.warm && first == s.n)
				first = i;
		}
		assert_int_equal(warm, first);
	}
}

/* Every indicator, in blocks of random lengths, with gaps in its series. */
static void
indicators_in_blocks(void **state)
{
	(void)state;
	seed = 5;
	for (const struct trade_indicator_kind *k = trade_indicator_kinds;
	    k->name != NULL; k++) {
		struct trade_series s = walk(600, 1, 0);
		struct trade_indicator *x = trade_indicator_new(a, k, NULL, 0,
		    &err), *y = trade_indicator_new(a, k, NULL, 0, &err);
		double v[600], out[TRADE_OUTPUTS][600], one[TRADE_OUTPUTS];

		for (size_t i = 0; i < s.n; i++)
			v[i] = i < 20 && i % 3 == 0 ? NAN : s.bars[i].c;
		for (size_t i = 0; i < s.n;) {
			size_t m = 1 + draw(90);

			m = m < s.n - i ? m : s.n - i;
			trade_indicator_block(x, s.bars + i, v + i, m, 600,
			    &out[0][i]);
			i += m;
		}
		for (size_t i = 0; i < s.n; i++) {
			trade_indicator_push(y, &s.bars[i], v[i], one);
			for (int o = 0; k->outputs[o] != NULL; o++)
				if (memcmp(&one[o], &out[o][i],
				    sizeof(double)) != 0 && !(isnan(one[o]) &&
				    isnan(out[o][i])))
					fail_msg("%s.%s at %zu: %.17g %.17g",
					    k->name, k->outputs[o], i, one[o],
					    out[o][i]);
		}
	}
}

/* What the look-up rules out has the value 0, for all 61, on every bar. */
static void
possible_is_never_too_little(void **state)
{
	struct trade_candles c;
	int16_t out[TRADE_CANDLES];
	size_t hits = 0, ruled_out = 0;

	(void)state;
	seed = 31;
	trade_candles_start(&c);
	for (int i = 0; i < 40000; i++) {
		int64_t scale = 1 + (int64_t)draw(30);
		int64_t o = 1000 + (int64_t)draw(40), cl, h, l;
		uint64_t maybe;

		cl = o + ((int64_t)draw(21) - 10) * scale / 10;
		h = (o > cl ? o : cl) + (int64_t)draw(12) * scale / 20;
		l = (o < cl ? o : cl) - (int64_t)draw(12) * scale / 20;
		assert_int_equal(trade_candles_push(&c,
		    &(struct trade_candle_bar){ o, h, l, cl }, out), 0);
		maybe = trade_candle_possible(c.flags);
		for (int k = 0; k < TRADE_CANDLES && i > 20; k++) {
			int v = trade_candle_kinds[k].value(&c);

			if (k == 28 || k == 29)
				continue;	/* hikkakes remember */
			hits += v != 0;
			ruled_out += (maybe >> k & 1) == 0;
			if (v != out[k])
				fail_msg("%s at bar %d: %d, not %d",
				    trade_candle_kinds[k].name, i, out[k], v);
		}
	}
	assert_true(hits > 40000);
	assert_true(ruled_out > 40000 * 40);
}

/* ---- luck, texts ----------------------------------------------------------------------- */

/* It buys before every rise, which random entries do not. */
static void
luck_tells_skill(void **state)
{
	struct trade_research *r;
	struct trade_series s;
	struct trade_ohlcv *b;
	double low = 1, high = 0;

	(void)state;
	seed = 77;
	s = walk(800, 1, 0);
	b = arena_memdup(a, s.bars, s.n * sizeof(*b));
	for (size_t i = 0; i + 2 < s.n; i++)
		b[i].v = b[i + 2].o > b[i + 1].o * 1.004 ? 1 : 2;
	s.bars = b;
	r = asked("{\"entry_long\":[\"==\",\"volume\",1],\"hold\":1,"
	    "\"mode\":\"compat\"}");
	r->b.series = s;
	run(r);
	assert_true(r->run.ntrades > 50);
	near("p", r->luck.p, 1.0 / (double)(r->luck.shuffles + 1), 1e-12);
	assert_true(r->luck.sharpe_low > 0 &&
	    r->luck.sharpe_low <= r->run.stats.sharpe &&
	    r->run.stats.sharpe <= r->luck.sharpe_high);
	/* Blind entries: p may be anything, and is. */
	for (int i = 0; i < 12; i++) {
		struct trade_research *q = asked("{\"entry_long\":[\"==\",["
		    "\"-\",\"volume\",[\"*\",2,\"volume\"]],[\"-\",0,"
		    "\"volume\"]],\"hold\":7,\"mode\":\"compat\"}");

		q->b.series = walk(500, 1, 0);
		run(q);
		low = fmin(low, q->luck.p);
		high = fmax(high, q->luck.p);
	}
	assert_true(low < 0.6 && high > 0.3);
	/* Too short to say anything: unknown, not 0. */
	r = asked("{\"entry_long\":[\">\",1,0]}");
	r->b.series = walk(5, 1, 0);
	run(r);
	assert_true(isnan(r->luck.sharpe_low));
}

static void
every_number_has_a_formula(void **state)
{
	struct json_object *all;
	struct str s;

	(void)state;
	str_init(&s, a);
	str_addc(&s, '{');
	trade_stats_formulas(&s);
	str_addc(&s, '}');
	all = json_tokener_parse(s.p);
	assert_non_null(all);
	for (const struct field *f = trade_stats_schema.fields;
	    f->name != NULL; f++)
		if (!json_object_object_get_ex(all, f->name, NULL))
			fail_msg("%s has no formula", f->name);
	assert_int_equal(json_object_object_length(all),
	    schema_count(&trade_stats_schema));
	json_object_put(all);
}

/* No trades, one price: nothing is divided by nothing into infinity. */
static void
nothing_is_null(void **state)
{
	static const double rows[][5] = {
		{ 10, 10, 10, 10, 0 }, { 10, 10, 10, 10, 0 },
		{ 10, 10, 10, 10, 0 }, { 10, 10, 10, 10, 0 }
	};
	struct trade_research *r = asked("{\"entry_long\":[\"<\",1,0]}");
	struct json_object *all;
	struct str s;

	(void)state;
	r->b.series = market(rows, 4);
	run(r);
	str_init(&s, a);
	schema_encode(&trade_stats_schema, &r->run.stats, &s);
	assert_null(strstr(s.p, "inf"));
	assert_null(strstr(s.p, "nan"));
	all = json_tokener_parse(s.p);
	assert_null(json_object_object_get(all, "sharpe"));
	assert_null(json_object_object_get(all, "win_rate"));
	assert_null(json_object_object_get(all, "sqn"));
	json_object_put(all);
}

static void
texts_are_json(void **state)
{
	struct trade_research *r = asked("{\"indicators\":{\"f\":[\"sma\","
	    "\"close\",\"n\"]},\"entry_long\":[\">\",\"close\",\"f\"],"
	    "\"exit_long\":[\"<\",\"close\",\"f\"],\"params\":{\"n\":[3,9,2]}"
	    "}");
	struct json_object *all, *grid;
	struct str s;

	(void)state;
	seed = 12;
	r->b.series = walk(300, 1, 0);
	run(r);
	str_init(&s, a);
	str_addc(&s, '{');
	trade_research_report(r, &s);
	str_add(&s, ",\"trades\":");
	trade_research_trades(r, SIZE_MAX, &s);
	str_add(&s, ",\"equity\":");
	trade_research_equity(r, 50, &s);
	str_addc(&s, '}');
	all = json_tokener_parse(s.p);
	assert_non_null(all);
	grid = json_object_object_get(all, "grid");
	assert_int_equal(json_object_get_int(json_object_object_get(grid,
	    "points")), 4);
	assert_int_equal(json_object_array_length(json_object_object_get(all,
	    "trades")), r->run.ntrades);
	assert_true(json_object_array_length(json_object_object_get(all,
	    "equity")) <= 52);
	json_object_put(all);
}

static int
watch(void *arg, double done)
{
	double *last = arg;

	assert_true(done >= *last && done <= 1);
	*last = done;
	return 0;
}

static void
progress_only_grows(void **state)
{
	struct trade_research *r = asked("{\"entry_long\":[\">\",\"close\",["
	    "\"*\",\"k\",[\"shift\",\"close\",1]]],\"hold\":3,\"params\":{"
	    "\"k\":[0.98,1.02,0.005]}}");
	double last = 0;

	(void)state;
	seed = 3;
	r->b.series = walk(200, 1, 0);
	r->tick = watch;
	r->arg = &last;
	run(r);
	near("done", last, 1, 0);
}

static void
the_spec_speaks_of_its_account(void **state)
{
	struct trade_research *r = asked("{\"entry_long\":[\">\",1,0],"
	    "\"symbols\":[\"A\",\"B\"],\"tf\":\"1h\",\"cash\":500,"
	    "\"commission\":0.002,\"mode\":\"compat\",\"exclusive_orders\":"
	    "true,\"trade_on_close\":true}");

	(void)state;
	near("cash", r->b.terms.cash, 500, 0);
	near("commission", r->b.terms.commission, 0.002, 0);
	assert_true(r->b.terms.exclusive && r->b.terms.on_close);
	assert_false(r->b.finish);
	assert_int_equal(r->strategy.symbols.n, 2);
	assert_string_equal(r->strategy.timeframe, "1h");
	near("margin", r->b.terms.margin, 1, 0);
	r = asked("{\"entry_long\":[\">\",1,0]}");
	assert_true(r->b.finish);
	near("slippage", r->b.terms.slippage, 0.0005, 0);
}

static void
results_beside_each_other(void **state)
{
	struct trade_result r[2] = {
		{ .stats = { "{\"sharpe\":1.5,\"trades\":10,\"sqn\":null}" } },
		{ .stats = { "{\"sharpe\":0.5,\"trades\":10,\"sqn\":2}" } }
	};
	struct json_object *all, *first;
	struct str s;

	(void)state;
	str_init(&s, a);
	trade_result_table(a, r, 2, &s);
	all = json_tokener_parse(s.p);
	first = json_object_array_get_idx(all, 0);
	assert_string_equal(json_object_get_string(json_object_object_get(
	    first, "name")), "sharpe");
	near("spread", number(first, "spread"), 1, 1e-12);
	assert_int_equal(json_object_array_length(all),
	    schema_count(&trade_stats_schema));
	json_object_put(all);
	str_init(&s, a);
	trade_result_csv((struct json){ "[{\"size\":-3,\"why\":\"=x\"},"
	    "{\"size\":4,\"why\":\"stop\"}]" }, NULL, &s);
	assert_string_equal(s.p, "size,why\r\n-3,'=x\r\n4,stop\r\n");
	str_init(&s, a);
	trade_result_csv((struct json){ "[[1,2.5],[3,4]]" }, "at_ms,equity",
	    &s);
	assert_string_equal(s.p, "at_ms,equity\r\n1,2.5\r\n3,4\r\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_symbol_is_a_lane),
		cmocka_unit_test(symbols_share_the_cash),
		cmocka_unit_test(the_first_listed_is_served_first),
		cmocka_unit_test(a_stop_follows_the_price),
		cmocka_unit_test(time_is_up),
		cmocka_unit_test(entries_wait_as_long_as_told),
		cmocka_unit_test(all_or_nothing),
		cmocka_unit_test(holding_costs),
		cmocka_unit_test(scenarios_of_freqtrade),
		cmocka_unit_test(blocks_say_what_bars_say),
		cmocka_unit_test(indicators_in_blocks),
		cmocka_unit_test(possible_is_never_too_little),
		cmocka_unit_test(luck_tells_skill),
		cmocka_unit_test(every_number_has_a_formula),
		cmocka_unit_test(nothing_is_null),
		cmocka_unit_test(texts_are_json),
		cmocka_unit_test(progress_only_grows),
		cmocka_unit_test(the_spec_speaks_of_its_account),
		cmocka_unit_test(results_beside_each_other)
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
