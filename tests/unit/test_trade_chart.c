/*
 * Chart patterns: figures drawn by hand are found at the bar that completes
 * them, random walks show nothing earlier than they may, and what a prefix of
 * the bars shows is what the whole shows of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "modules/trade/chart.h"
#include "tests/harness/bars.h"

#include <cmocka.h>

static struct arena *a;

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

/* Straight ways between corners: {bars, price}; each bar is a unit high. The
 * first 20 bars stand still, so that the average range is known. */
static struct trade_series
drawn(const double (*corners)[2], size_t n, double loud)
{
	struct trade_ohlcv *b = arena_array(a, 400, sizeof(*b));
	struct utc *at = arena_array(a, 400, sizeof(*at));
	double price = corners[0][1];
	size_t bars = 0;

	for (; bars < 25; bars++)
		b[bars].c = price;
	for (size_t i = 1; i < n; i++) {
		double step = (corners[i][1] - price) / corners[i][0];

		for (double k = 0; k < corners[i][0]; k++)
			b[bars++].c = price += step;
	}
	for (size_t i = 0; i < bars; i++) {
		b[i].o = i > 0 ? b[i - 1].c : b[i].c;
		b[i].h = fmax(b[i].o, b[i].c) + 0.2;
		b[i].l = fmin(b[i].o, b[i].c) - 0.2;
		b[i].v = 1000 + (double)(i % 5) * 20 +
		    (i + 12 > bars ? loud : 0);
		at[i].us = (int64_t)(i + 1) * 86400000000;
	}
	return (struct trade_series){ at, b, NULL, bars, NULL };
}

static const struct trade_chart_hit *
found(const struct trade_series *s, const char *name)
{
	struct trade_chart_scan *scan = arena_alloc(a, sizeof(*scan));

	trade_chart_scan(a, s, PIVOT_ZIGZAG, 0, 0, scan);
	for (size_t i = 0; i < scan->hits.n; i++)
		if (strcmp(scan->hits.v[i].name, name) == 0)
			return &scan->hits.v[i];
	return NULL;
}

static void
figures_are_found(void **state)
{
	static const double top[][2] = { { 0, 100 }, { 10, 110 }, { 8, 103 },
	    { 8, 110 }, { 12, 95 } };
	static const double bottom[][2] = { { 0, 100 }, { 10, 90 }, { 8, 97 },
	    { 8, 90 }, { 12, 105 } };
	static const double shoulders[][2] = { { 0, 100 }, { 8, 108 },
	    { 6, 103 }, { 8, 114 }, { 8, 103 }, { 6, 108 }, { 12, 95 } };
	static const double ascending[][2] = { { 0, 100 }, { 10, 110 },
	    { 8, 102 }, { 8, 110 }, { 6, 105 }, { 5, 110 }, { 3, 107 },
	    { 10, 118 } };
	static const double channel[][2] = { { 0, 100 }, { 10, 110 },
	    { 6, 105 }, { 10, 115 }, { 6, 110 }, { 10, 120 }, { 6, 115 },
	    { 10, 125 } };
	static const double flag[][2] = { { 0, 100 }, { 6, 98 }, { 8, 112 },
	    { 4, 109 }, { 3, 111 }, { 5, 108 }, { 12, 122 } };
	static const struct {
		const char *name;
		const double (*corners)[2];
		size_t n;
		int value;
	} cases[] = {
		{ "double_top", top, 5, -100 },
		{ "double_bottom", bottom, 5, 100 },
		{ "head_and_shoulders", shoulders, 7, -100 },
		{ "ascending_triangle", ascending, 8, 100 },
		{ "channel_up", channel, 8, 100 },
		{ "bull_flag", flag, 7, 100 }
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct trade_series s = drawn(cases[i].corners, cases[i].n, 0);
		const struct trade_chart_hit *h = found(&s, cases[i].name);

		if (h == NULL)
			fail_msg("no %s", cases[i].name);
		assert_int_equal(h->value, cases[i].value);
		assert_true(h->quality > 0 && h->quality <= 1);
		assert_true(h->first_bar < h->bar);
	}
}

/* The neckline of a double top at 103, its measured move, and the fall
 * through it: with volume a breakout, without none. */
static void
a_level_breaks_loudly(void **state)
{
	static const double top[][2] = { { 0, 100 }, { 10, 110 }, { 8, 103 },
	    { 8, 110 }, { 12, 95 } };
	struct trade_series loud = drawn(top, 5, 3000);
	struct trade_series quiet = drawn(top, 5, 0);
	const struct trade_chart_hit *h = found(&loud, "double_top"), *b;

	(void)state;
	assert_non_null(h);
	assert_true(fabs(h->level - 102.8) < 1e-9);
	assert_true(fabs(h->target - (102.8 - (110.2 - 102.8))) < 1e-9);
	b = found(&loud, "breakout_down");
	assert_non_null(b);
	assert_string_equal(b->of, "double_top");
	assert_true(b->bar > h->bar && loud.bars[b->bar].c < b->level);
	assert_true(b->volume_z > 1);
	assert_null(found(&quiet, "breakout_down"));
}

/* ---- no later bar is known ------------------------------------------------------------- */

static struct trade_series
walk(uint64_t seed, size_t n)
{
	struct trade_ohlcv *b = arena_array(a, n, sizeof(*b));
	struct utc *at = arena_array(a, n, sizeof(*at));
	double c = 100;

	for (size_t i = 0; i < n; i++) {
		double u[4];

		for (int k = 0; k < 4; k++) {
			seed ^= seed << 13, seed ^= seed >> 7;
			seed ^= seed << 17;
			u[k] = (double)(seed >> 11) / 0x1p53;
		}
		b[i].o = c;
		b[i].c = c = c * (1 + 0.03 * (u[0] - 0.5)) + 0.05;
		b[i].h = fmax(b[i].o, c) * (1 + 0.01 * u[1]);
		b[i].l = fmin(b[i].o, c) * (1 - 0.01 * u[2]);
		b[i].v = floor(10000 * u[3] * u[3]);
		at[i].us = (int64_t)(i + 1) * 60000000;
	}
	return (struct trade_series){ at, b, NULL, n, NULL };
}

static void
prefixes_show_the_same(void **state)
{
	static const enum trade_pivot_method methods[] = {
		PIVOT_ZIGZAG, PIVOT_FRACTAL
	};
	size_t seen = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 6; seed++) {
		struct trade_series s = walk(seed * 7919, 900), part = s;
		enum trade_pivot_method m = methods[seed % 2];
		struct trade_chart_scan all, some;

		trade_chart_scan(a, &s, m, 0, 0, &all);
		seen += all.hits.n;
		for (part.n = 50; part.n < s.n; part.n += 85) {
			size_t n = 0;

			while (n < all.hits.n &&
			    (size_t)all.hits.v[n].bar < part.n)
				n++;
			trade_chart_scan(a, &part, m, 0, 0, &some);
			assert_int_equal(some.hits.n, n);
			if (n > 0)
				assert_memory_equal(some.hits.v, all.hits.v,
				    n * sizeof(all.hits.v[0]));
		}
	}
	assert_true(seen > 300);
}

/* A pivot is the best price between its neighbours, and told after it. */
static void
pivots_are_told_later(void **state)
{
	struct trade_series s = walk(424242, 3000);
	struct trade_pivots p;
	struct trade_pivot last = { .side = 0 };
	size_t n = 0;

	(void)state;
	trade_pivots_start(&p, PIVOT_ZIGZAG, 2);
	for (size_t i = 0; i < s.n; i++) {
		struct trade_pivot out[2];

		if (trade_pivots_push(&p, &s.bars[i], 1.0, out) == 0)
			continue;
		assert_int_equal(out->told, i);
		assert_true(out->bar < i);
		assert_true(out->side == (last.side == 0 ? out->side :
		    -last.side));
		for (size_t k = last.bar; k <= i && last.side != 0; k++)
			assert_true(out->side > 0 ?
			    s.bars[k].h <= out->price ||
			    k <= last.bar : s.bars[k].l >= out->price ||
			    k <= last.bar);
		last = *out;
		n++;
	}
	assert_true(n > 50);
	trade_pivots_start(&p, PIVOT_FRACTAL, 3);
	for (size_t i = 0; i < s.n; i++) {
		struct trade_pivot out[2];
		size_t found_now = trade_pivots_push(&p, &s.bars[i], NAN, out);

		for (size_t k = 0; k < found_now; k++) {
			assert_int_equal(out[k].bar + 3, i);
			for (size_t j = i - 6; j <= i; j++)
				assert_true(out[k].side > 0 ?
				    s.bars[j].h <= out[k].price :
				    s.bars[j].l >= out[k].price);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(figures_are_found),
		cmocka_unit_test(a_level_breaks_loudly),
		cmocka_unit_test(prefixes_show_the_same),
		cmocka_unit_test(pivots_are_told_later)
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
