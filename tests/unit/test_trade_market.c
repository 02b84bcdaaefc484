/*
 * Indicators equal to Skender's and TA-Lib's values, all 61 candlestick
 * patterns equal to TA-Lib's on every bar, and what is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <json.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "modules/trade/candle.h"
#include "modules/trade/indicator.h"
#include "tests/harness/bars.h"
#include "tests/harness/data.h"
#include "tests/harness/tar.h"

#include <cmocka.h>

#define SKENDER "market/quotes/skender_default_502d.csv"
#define GOOG "market/quotes/GOOG_daily_2004_2013.csv"

static struct arena *a;
static struct err err;

static int
setup(void **state)
{
	(void)state;
	a = arena_new((size_t)1 << 28);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

/* ---- candles ------------------------------------------------------------------ */

enum { NUDGES = 64 };

/* TA-Lib computes in doubles and so decides an exact tie (a shadow of exactly
 * two bodies) either way. It is one if prices moved by a billionth
 * or less give the value that TA-Lib has. */
static bool
is_tie(const struct trade_series *b, size_t at, int kind, int want)
{
	uint32_t seed = 1;

	for (int n = 0; n < NUDGES; n++) {
		struct trade_candles s;
		int16_t out[TRADE_CANDLES];

		trade_candles_start(&s);
		for (size_t i = at > 40 ? at - 40 : 0; i <= at; i++) {
			int64_t v[4] = { b->units[i].o, b->units[i].h,
			    b->units[i].l, b->units[i].c };

			for (int j = 0; j < 4; j++) {
				seed = seed * 1664525 + 1013904223;
				v[j] = v[j] * 10 + (int64_t)(seed >> 28) - 8;
			}
			v[1] += 8;
			v[2] -= 8;
			trade_candles_push(&s, &(struct trade_candle_bar){
			    v[0], v[1], v[2], v[3] }, out);
		}
		if (out[kind] == want)
			return true;
	}
	return false;
}

static void
candles_equal_talib(void **state)
{
	struct trade_series b;
	size_t n, hits = 0;
	char *text;
	struct json_object *all, *patterns;
	struct trade_candles s;
	int16_t (*got)[TRADE_CANDLES];

	(void)state;
	text = data_read(a, "market/oracle_talib_skender_default_502d.json.gz",
	    &n);
	if (text == NULL || bars_read(a, SKENDER, &b) == -1)
		return;
	all = json_tokener_parse(text);
	patterns = json_object_object_get(all, "patterns");
	assert_int_equal(json_object_object_length(patterns), TRADE_CANDLES);
	got = arena_array(a, b.n, sizeof(*got));
	trade_candles_start(&s);
	for (size_t i = 0; i < b.n; i++)
		assert_int_equal(trade_candles_push(&s, &b.units[i], got[i]),
		    0);
	json_object_object_foreach(patterns, name, told) {
		int k = trade_candle_find(name);
		struct json_object *list = json_object_object_get(told, "hits");
		size_t next = 0, wanted = json_object_array_length(list);

		assert_true(k >= 0);
		assert_int_equal(trade_candle_kinds[k].first,
		    json_object_get_int(json_object_object_get(told,
		    "begin")));
		for (size_t i = 0; i < b.n; i++) {
			struct json_object *hit = next < wanted ?
			    json_object_array_get_idx(list, next) : NULL;
			int want = 0;

			if (hit != NULL && json_object_get_int(
			    json_object_array_get_idx(hit, 0)) == (int)i) {
				want = json_object_get_int(
				    json_object_array_get_idx(hit, 1));
				next++;
			}
			/* 0.4 has no ±80: bodies that share an end. */
			if (got[i][k] != want &&
			    !(abs(got[i][k]) == 80 && want == 0) &&
			    !is_tie(&b, i, k, want))
				fail_msg("%s at bar %zu: %d, TA-Lib says %d",
				    name, i, got[i][k], want);
		}
		assert_int_equal(next, wanted);
		hits += next;
	}
	assert_true(hits > 1000);
	json_object_put(all);
}

/* Hits up and down that TA-Lib finds in nine years of one share; two may be
 * ties. */
static void
candles_of_nine_years(void **state)
{
	static const struct {
		const char *name;
		unsigned up, down;
	} told[] = {
		{ "2CROWS", 0, 3 }, { "3INSIDE", 21, 11 },
		{ "3LINESTRIKE", 1, 0 }, { "3OUTSIDE", 39, 38 },
		{ "ADVANCEBLOCK", 0, 11 }, { "BELTHOLD", 160, 162 },
		{ "CLOSINGMARUBOZU", 164, 163 }, { "COUNTERATTACK", 2, 0 },
		{ "DARKCLOUDCOVER", 0, 14 }, { "DOJI", 319, 0 },
		{ "DOJISTAR", 27, 32 }, { "DRAGONFLYDOJI", 28, 0 },
		{ "ENGULFING", 68, 97 }, { "EVENINGDOJISTAR", 0, 4 },
		{ "EVENINGSTAR", 0, 15 }, { "GAPSIDESIDEWHITE", 3, 1 },
		{ "GRAVESTONEDOJI", 24, 0 }, { "HAMMER", 40, 0 },
		{ "HANGINGMAN", 0, 40 }, { "HARAMI", 93, 79 },
		{ "HARAMICROSS", 30, 26 }, { "HIGHWAVE", 148, 158 },
		{ "HIKKAKE", 140, 154 }, { "HOMINGPIGEON", 30, 0 },
		{ "INNECK", 0, 7 }, { "INVERTEDHAMMER", 32, 0 },
		{ "LADDERBOTTOM", 5, 0 }, { "LONGLEGGEDDOJI", 319, 0 },
		{ "LONGLINE", 226, 226 }, { "MARUBOZU", 55, 45 },
		{ "MATCHINGLOW", 44, 0 }, { "MORNINGDOJISTAR", 3, 0 },
		{ "MORNINGSTAR", 9, 0 }, { "ONNECK", 0, 10 },
		{ "PIERCING", 9, 0 }, { "RICKSHAWMAN", 245, 0 },
		{ "SEPARATINGLINES", 6, 5 }, { "SHOOTINGSTAR", 0, 32 },
		{ "SHORTLINE", 114, 139 }, { "SPINNINGTOP", 218, 257 },
		{ "STALLEDPATTERN", 0, 2 }, { "STICKSANDWICH", 3, 0 },
		{ "TAKURI", 27, 0 }, { "TASUKIGAP", 9, 2 },
		{ "THRUSTING", 0, 17 }, { "TRISTAR", 2, 2 },
		{ "UNIQUE3RIVER", 7, 0 }, { "UPSIDEGAP2CROWS", 0, 1 },
		{ "XSIDEGAP3METHODS", 8, 5 }, { "KICKING", 0, 0 },
		{ "MATHOLD", 0, 0 }, { "BREAKAWAY", 0, 0 }
	};
	unsigned up[TRADE_CANDLES] = { 0 }, down[TRADE_CANDLES] = { 0 };
	struct trade_candles s;
	int16_t out[TRADE_CANDLES];
	struct trade_series b;

	(void)state;
	if (bars_read(a, GOOG, &b) == -1)
		return;
	assert_int_equal(b.n, 2148);
	trade_candles_start(&s);
	for (size_t i = 0; i < b.n; i++) {
		assert_int_equal(trade_candles_push(&s, &b.units[i], out), 0);
		for (int k = 0; k < TRADE_CANDLES; k++) {
			up[k] += out[k] > 0;
			down[k] += out[k] < 0;
		}
	}
	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
		int k = trade_candle_find(told[i].name);

		assert_true(k >= 0);
		if (abs((int)(up[k] - told[i].up)) > 1 ||
		    abs((int)(down[k] - told[i].down)) > 1)
			fail_msg("%s: %u up, %u down; TA-Lib says %u, %u",
			    told[i].name, up[k], down[k], told[i].up,
			    told[i].down);
	}
}

static void
no_bar_is_refused(void **state)
{
	static const struct trade_candle_bar bad[] = {
		{ 10, 9, 8, 9 }, { 10, 12, 11, 12 }, { 10, 12, 9, 13 },
		{ 10, 12, -1, 11 }, { 1, TRADE_UNITS_MAX + 1, 1, 1 }
	};
	const struct trade_candle_bar good = { 10, 12, 9, 11 };
	struct trade_candles s, before;
	int16_t out[TRADE_CANDLES];

	(void)state;
	trade_candles_start(&s);
	assert_int_equal(trade_candles_push(&s, &good, out), 0);
	before = s;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(trade_candles_push(&s, &bad[i], out), -1);
	assert_memory_equal(&s, &before, sizeof(s));
	assert_int_equal(trade_candle_find("CDLDOJI"),
	    trade_candle_find("doji"));
	assert_int_equal(trade_candle_find("dojis"), -1);
}

/* The largest prices do not overflow the exact sums. */
static void
large_prices_are_exact(void **state)
{
	struct trade_candles s, t;
	int16_t one[TRADE_CANDLES], two[TRADE_CANDLES];
	struct trade_series b;

	(void)state;
	if (bars_read(a, SKENDER, &b) == -1)
		return;
	trade_candles_start(&s);
	trade_candles_start(&t);
	for (size_t i = 0; i < b.n; i++) {
		struct trade_candle_bar x = b.units[i], y;
		int64_t f = 100000;	/* 300 * 10^8 * 10^5 < the limit */

		y = (struct trade_candle_bar){ x.o * f, x.h * f, x.l * f,
		    x.c * f };
		assert_int_equal(trade_candles_push(&s, &x, one), 0);
		assert_int_equal(trade_candles_push(&t, &y, two), 0);
		assert_memory_equal(one, two, sizeof(one));
	}
}

/* ---- indicators --------------------------------------------------------------- */

static void
compare(const struct tar *tar, const struct trade_series *b, const char *file,
    const char *column, const char *kind, const double *params, size_t np,
    int output)
{
	const struct tar_file *f = tar_find(tar,
	    arena_printf(a, "%s.standard.json", file));
	struct trade_indicator *t = trade_indicator_new(a,
	    trade_indicator_find(kind), params, np, &err);
	struct json_object *rows;
	double out[TRADE_OUTPUTS];

	assert_non_null(f);
	assert_non_null(t);
	rows = json_tokener_parse(f->text);
	assert_int_equal(json_object_array_length(rows), b->n);
	for (size_t i = 0; i < b->n; i++) {
		struct json_object *want = json_object_object_get(
		    json_object_array_get_idx(rows, i), column);
		double w = json_object_get_double(want);

		trade_indicator_push(t, &b->bars[i], b->bars[i].c, out);
		if (want == NULL ? !isnan(out[output]) :
		    !(fabs(out[output] - w) <= 1e-6 * fmax(1, fabs(w))))
			fail_msg("%s.%s at bar %zu: %.10g, told %s", kind,
			    column, i, out[output], want == NULL ? "none" :
			    json_object_get_string(want));
	}
	json_object_put(rows);
}

#define P(...) (const double[]){ __VA_ARGS__ }, \
	sizeof((const double[]){ __VA_ARGS__ }) / sizeof(double)

static void
indicators_equal_skender(void **state)
{
	static const struct {
		const char *file, *column, *kind;
		double p[3];
		size_t np;
		int output;
	} cases[] = {
		{ "sma", "sma", "sma", { 20 }, 1, 0 },
		{ "ema", "ema", "ema", { 20 }, 1, 0 },
		{ "wma", "wma", "wma", { 14 }, 1, 0 },
		{ "rsi", "rsi", "rsi", { 14 }, 1, 0 },
		{ "macd", "macd", "macd", { 12, 26, 9 }, 3, 0 },
		{ "macd", "signal", "macd", { 12, 26, 9 }, 3, 1 },
		{ "macd", "histogram", "macd", { 12, 26, 9 }, 3, 2 },
		{ "bb", "sma", "bbands", { 20, 2 }, 2, 0 },
		{ "bb", "upperBand", "bbands", { 20, 2 }, 2, 1 },
		{ "bb", "lowerBand", "bbands", { 20, 2 }, 2, 2 },
		{ "bb", "zScore", "zscore", { 20 }, 1, 0 },
		{ "atr", "atr", "atr", { 14 }, 1, 0 },
		{ "atr", "tr", "atr", { 14 }, 1, 1 },
		{ "adx", "adx", "adx", { 14 }, 1, 0 },
		{ "adx", "pdi", "adx", { 14 }, 1, 1 },
		{ "adx", "mdi", "adx", { 14 }, 1, 2 },
		{ "adx", "dx", "adx", { 14 }, 1, 3 },
		{ "stoch", "k", "stoch", { 14, 3, 3 }, 3, 0 },
		{ "stoch", "d", "stoch", { 14, 3, 3 }, 3, 1 },
		{ "cci", "cci", "cci", { 20 }, 1, 0 },
		{ "roc", "roc", "roc", { 14 }, 1, 0 },
		{ "roc", "momentum", "mom", { 14 }, 1, 0 },
		{ "willr", "williamsR", "willr", { 14 }, 1, 0 },
		{ "mfi", "mfi", "mfi", { 14 }, 1, 0 },
		{ "obv", "obv", "obv", { 0 }, 0, 0 },
		{ "vwap", "vwap", "vwap", { 0 }, 0, 0 },
		{ "psar", "sar", "sar", { 0.02, 0.2 }, 2, 0 },
		{ "donchian", "upperBand", "donchian", { 20 }, 1, 1 },
		{ "donchian", "lowerBand", "donchian", { 20 }, 1, 2 },
		{ "keltner", "centerline", "keltner", { 20, 2, 10 }, 3, 0 },
		{ "keltner", "upperBand", "keltner", { 20, 2, 10 }, 3, 1 },
		{ "keltner", "lowerBand", "keltner", { 20, 2, 10 }, 3, 2 },
		{ "ichimoku", "tenkanSen", "ichimoku", { 9, 26, 52 }, 3, 0 },
		{ "ichimoku", "kijunSen", "ichimoku", { 9, 26, 52 }, 3, 1 },
		{ "ichimoku", "senkouSpanA", "ichimoku", { 9, 26, 52 }, 3, 2 },
		{ "ichimoku", "senkouSpanB", "ichimoku", { 9, 26, 52 }, 3, 3 },
		{ "supertrend", "superTrend", "supertrend", { 10, 3 }, 2, 0 }
	};
	struct tar tar;
	struct trade_series b;

	(void)state;
	if (bars_read(a, SKENDER, &b) == -1 ||
	    tar_read(a, "market/oracle_skender_core.tar.gz", &tar) == -1)
		return;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		compare(&tar, &b, cases[i].file, cases[i].column,
		    cases[i].kind, cases[i].p, cases[i].np, cases[i].output);
}

/* Last values of TA-Lib on nine years of one share. */
static void
indicators_equal_talib(void **state)
{
	static const struct {
		const char *kind;
		double p[3];
		size_t np;
		int output;
		double want;
	} cases[] = {
		{ "sma", { 10 }, 1, 0, 797.551 },
		{ "ema", { 20 }, 1, 0, 784.96168733580828 },
		{ "rsi", { 14 }, 1, 0, 67.49798280234826 },
		{ "atr", { 14 }, 1, 0, 12.22759325990152 },
		{ "macd", { 12, 26, 9 }, 3, 0, 15.154184421962896 },
		{ "macd", { 12, 26, 9 }, 3, 1, 15.817943057836114 },
		{ "adx", { 14 }, 1, 0, 41.2324891357677 },
		{ "bbands", { 20, 2 }, 2, 1, 812.8406000239698 },
		{ "bbands", { 20, 2 }, 2, 0, 786.958 },
		{ "bbands", { 20, 2 }, 2, 2, 761.0753999760306 },
		{ "stoch", { 5, 3, 3 }, 3, 0, 74.927113702624126 },
		{ "stoch", { 5, 3, 3 }, 3, 1, 52.335874541899784 },
		{ "cci", { 20 }, 1, 0, 97.535827830764077 }
	};
	struct trade_series b;

	(void)state;
	if (bars_read(a, GOOG, &b) == -1)
		return;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct trade_indicator *t = trade_indicator_new(a,
		    trade_indicator_find(cases[i].kind), cases[i].p,
		    cases[i].np, &err);
		double out[TRADE_OUTPUTS] = { 0 };

		for (size_t j = 0; j < b.n; j++)
			trade_indicator_push(t, &b.bars[j], b.bars[j].c, out);
		if (!(fabs(out[cases[i].output] - cases[i].want) < 1e-7))
			fail_msg("%s: %.12g, TA-Lib says %.12g",
			    cases[i].kind, out[cases[i].output],
			    cases[i].want);
	}
}

/* By hand, on 1 2 3 … : what no reference file has. */
static void
indicators_by_hand(void **state)
{
	static const struct {
		const char *kind;
		double p[3];
		size_t np, first;
		double last;		/* on 1 … 40, flat bars */
	} cases[] = {
		{ "dema", { 5 }, 1, 8, 40 },	/* lines have no lag */
		{ "tema", { 5 }, 1, 12, 40 },
		{ "hma", { 9 }, 1, 10, 40 + 1.0 / 3 - 1.0 / 3 },
		{ "slope", { 5 }, 1, 4, 1 },
		{ "highest", { 5 }, 1, 4, 40 },
		{ "lowest", { 5 }, 1, 4, 36 },
		{ "rsi", { 5 }, 1, 5, 100 }
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct trade_indicator *t = trade_indicator_new(a,
		    trade_indicator_find(cases[i].kind), cases[i].p,
		    cases[i].np, &err);
		double out[TRADE_OUTPUTS] = { 0 };

		for (int j = 1; j <= 40; j++) {
			const struct trade_ohlcv b = { j, j, j, j, 1 };

			trade_indicator_push(t, &b, j, out);
			assert_int_equal(!isnan(out[0]),
			    (size_t)j > cases[i].first);
		}
		if (fabs(out[0] - cases[i].last) > 1e-9)
			fail_msg("%s: %.12g", cases[i].kind, out[0]);
	}
}

static void
parameters_are_judged(void **state)
{
	const struct trade_indicator_kind *sma = trade_indicator_find("sma");
	const struct trade_indicator_kind *bb = trade_indicator_find("bbands");

	(void)state;
	assert_null(trade_indicator_find("smma"));
	assert_null(trade_indicator_new(a, sma, P(0), &err));
	assert_int_equal(err.status, 422);
	assert_null(trade_indicator_new(a, sma, P(2.5), &err));
	assert_null(trade_indicator_new(a, sma, P(10001), &err));
	assert_null(trade_indicator_new(a, sma, P(NAN), &err));
	assert_null(trade_indicator_new(a, sma, P(5, 5), &err));
	assert_null(trade_indicator_new(a, bb, P(20, -1), &err));
	assert_null(trade_indicator_new(a, bb, P(20, INFINITY), &err));
	assert_non_null(trade_indicator_new(a, bb, P(20, 2.5), &err));
	assert_non_null(trade_indicator_new(a, bb, NULL, 0, &err));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(candles_equal_talib),
		cmocka_unit_test(candles_of_nine_years),
		cmocka_unit_test(no_bar_is_refused),
		cmocka_unit_test(large_prices_are_exact),
		cmocka_unit_test(indicators_equal_skender),
		cmocka_unit_test(indicators_equal_talib),
		cmocka_unit_test(indicators_by_hand),
		cmocka_unit_test(parameters_are_judged)
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
