/*
 * Market hours, bars out of ticks against a slow reference, the simulator,
 * foreign messages, joining of bars on real minutes, and what is missing.
 */
#include <json.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/number.h"
#include "base/str.h"
#include "modules/trade/bar_build.h"
#include "modules/trade/message.h"
#include "modules/trade/mock.h"
#include "modules/trade/tick.h"
#include "tests/harness/data.h"

#include <cmocka.h>

#define MIN (60 * US_PER_S)

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

static struct utc
at(const char *text)
{
	struct utc t;

	assert_int_equal(clock_parse(text, &t), 0);
	return t;
}

static struct trade_hours
hours(const char *zone, const char *spans, const char *closed)
{
	struct trade_hours h;

	assert_int_equal(trade_hours_parse(&h, zone, spans, closed, &err),
	    0);
	return h;
}

/* ---- hours ------------------------------------------------------------------------ */

static void
hours_are_local(void **state)
{
	struct trade_hours h = hours("America/New_York",
	    "mon-fri 09:30-16:00", "2026-12-25, 2026-11-27 13:00");
	static const struct {
		const char *at;
		bool open;
	} t[] = {
		/* winter: 14:30 to 21:00 UTC; summer: an hour earlier */
		{ "2026-03-06T14:29:59Z", false },
		{ "2026-03-06T14:30:00Z", true },
		{ "2026-03-06T20:59:59Z", true },
		{ "2026-03-06T21:00:00Z", false },
		{ "2026-03-09T13:29:59Z", false },
		{ "2026-03-09T13:30:00Z", true },
		{ "2026-03-09T20:00:00Z", false },
		{ "2026-03-07T15:00:00Z", false },	/* Saturday */
		{ "2026-12-25T15:00:00Z", false },
		{ "2026-11-27T17:59:59Z", true },
		{ "2026-11-27T18:00:00Z", false }
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++)
		if (trade_hours_open(&h, at(t[i].at)) != t[i].open)
			fail_msg("%s", t[i].at);
	assert_int_equal(trade_hours_minutes(&h, at("2026-03-06T00:00:00Z"),
	    at("2026-03-07T00:00:00Z"), 10000), 390);
	assert_int_equal(trade_hours_minutes(&h, at("2026-11-27T00:00:00Z"),
	    at("2026-11-28T00:00:00Z"), 10000), 210);
	/* a day's bar is the local day, and ends at local midnight */
	assert_int_equal(trade_bar_start(&h, TRADE_1D,
	    at("2026-03-06T03:00:00Z")).us, at("2026-03-05T00:00:00Z").us);
	assert_int_equal(trade_bar_end(&h, TRADE_1D,
	    at("2026-03-06T00:00:00Z")).us, at("2026-03-07T05:00:00Z").us);
	assert_int_equal(trade_bar_start(&h, TRADE_1W,
	    at("2026-03-06T15:00:00Z")).us, at("2026-03-02T00:00:00Z").us);
}

/* Futures: Sunday evening belongs to Monday. */
static void
a_night_belongs_to_its_morning(void **state)
{
	struct trade_hours h = hours("America/Chicago", "mon-fri 17:00-16:00",
	    "");

	(void)state;
	assert_true(trade_hours_open(&h, at("2026-03-01T23:00:00Z")));
	assert_false(trade_hours_open(&h, at("2026-03-01T22:59:00Z")));
	assert_false(trade_hours_open(&h, at("2026-03-06T23:30:00Z")));
	assert_int_equal(trade_bar_start(&h, TRADE_1D,
	    at("2026-03-01T23:30:00Z")).us, at("2026-03-02T00:00:00Z").us);
	assert_int_equal(trade_bar_start(&h, TRADE_1D,
	    at("2026-03-02T18:00:00Z")).us, at("2026-03-02T00:00:00Z").us);
	assert_int_equal(trade_bar_end(&h, TRADE_1D,
	    at("2026-03-02T00:00:00Z")).us, at("2026-03-02T23:00:00Z").us);
	assert_int_equal(trade_bar_close(&h, TRADE_1D,
	    at("2026-03-02T00:00:00Z")).us, at("2026-03-02T22:00:00Z").us);
	assert_int_equal(trade_bar_close(&h, TRADE_1W,
	    at("2026-03-02T00:00:00Z")).us, at("2026-03-06T22:00:00Z").us);
	assert_int_equal(trade_bar_close(&h, TRADE_1H,
	    at("2026-03-02T18:00:00Z")).us, at("2026-03-02T19:00:00Z").us);
	h = hours("UTC", "", "");	/* never closed */
	assert_int_equal(trade_bar_close(&h, TRADE_1D,
	    at("2026-03-02T00:00:00Z")).us, at("2026-03-03T00:00:00Z").us);
}

static void
bad_hours_are_named(void **state)
{
	static const char *const bad[][3] = {
		{ "Nowhere/Town", "", "" }, { "UTC", "mon 9:30-16:00", "" },
		{ "UTC", "mon-xyz 09:30-16:00", "" },
		{ "UTC", "mon 09:30-25:00", "" }, { "UTC", "mon 09:60-10:00",
		"" }, { "UTC", "", "2026-13-01" }, { "UTC", "", "2026-01-01 9" }
	};
	struct trade_hours h;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(trade_hours_parse(&h, bad[i][0], bad[i][1],
		    bad[i][2], &err), -1);
		assert_int_equal(err.status, 422);
		err_clear(&err);
	}
}

/* ---- bars out of ticks ------------------------------------------------------------------ */

enum { TICKS = 600, BARS = 600, SEEDS = 60 };

static uint64_t
next(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

struct store {
	struct trade_bar bars[TRADE_TIMEFRAMES][BARS];
	size_t n[TRADE_TIMEFRAMES];
};

static struct trade_bar *
stored(struct store *s, int tf, struct utc t)
{
	for (size_t i = 0; i < s->n[tf]; i++)
		if (s->bars[tf][i].at.us == t.us)
			return &s->bars[tf][i];
	return NULL;
}

/* As the loop does it. */
static void
apply(struct store *s, const struct trade_build *b)
{
	for (size_t i = 0; i < b->nbars; i++) {
		const struct trade_bar_out *o = &b->bars[i];
		struct trade_bar *old = stored(s, o->timeframe, o->bar.at);

		if (old != NULL && o->merge)
			trade_build_merge(old, &o->bar, o->newest);
		else if (old != NULL)
			*old = o->bar;
		else
			s->bars[o->timeframe][s->n[o->timeframe]++] = o->bar;
	}
}

/* The bar of all ticks of its time, in order of time. */
static struct trade_bar
reference(const struct trade_hours *h, int tf, struct utc t,
    const struct trade_tick *v, size_t n)
{
	struct trade_bar b = { .at = t };
	struct utc first = { INT64_MAX }, last = { 0 };

	for (size_t i = 0; i < n; i++) {
		if (trade_bar_start(h, tf, v[i].at).us != t.us)
			continue;
		if (v[i].at.us < first.us) {
			first = v[i].at;
			b.open = v[i].last;
		}
		if (v[i].at.us >= last.us) {
			last = v[i].at;
			b.close = v[i].last;
		}
		if (b.high.e8 < v[i].last.e8)
			b.high = v[i].last;
		if (b.low.e8 == 0 || b.low.e8 > v[i].last.e8)
			b.low = v[i].last;
		b.volume.e8 += v[i].volume.e8;
	}
	return b;
}

static void
same_bar(const struct trade_bar *x, const struct trade_bar *y, uint64_t seed,
    int tf)
{
	if (x->open.e8 != y->open.e8 || x->high.e8 != y->high.e8 ||
	    x->low.e8 != y->low.e8 || x->close.e8 != y->close.e8 ||
	    x->volume.e8 != y->volume.e8)
		fail_msg("seed %llu, timeframe %d: %lld %lld %lld %lld %lld, "
		    "not %lld %lld %lld %lld %lld", (unsigned long long)seed,
		    tf, (long long)x->open.e8, (long long)x->high.e8,
		    (long long)x->low.e8, (long long)x->close.e8,
		    (long long)x->volume.e8, (long long)y->open.e8,
		    (long long)y->high.e8, (long long)y->low.e8,
		    (long long)y->close.e8, (long long)y->volume.e8);
}

/* Numbered ticks, some swapped with one up to 40 s later, some twice. */
static size_t
shuffled(uint64_t seed, struct trade_tick *v, struct trade_tick *sent)
{
	uint64_t x = seed * 7919 + 1;
	int64_t t = at("2026-03-02T09:58:30Z").us;
	size_t n = 0;

	for (int i = 0; i < TICKS; i++) {
		t += (int64_t)(next(&x) % 14 + 1) * US_PER_S + (int64_t)(i *
		    13);
		v[i] = (struct trade_tick){ .seq = i + 1, .at = { t },
		    .heard_at = { t }, .last = { (int64_t)(100 + next(&x) %
		    50) * DEC_ONE }, .volume = { (int64_t)(next(&x) % 9) *
		    DEC_ONE } };
	}
	for (int i = 0; i < TICKS; i++) {
		sent[n++] = v[i];
		if (next(&x) % 10 == 0)
			sent[n++] = v[i > 3 ? i - 3 : 0];
	}
	for (size_t i = 40; i + 3 < n; i += 5)
		if (next(&x) % 3 == 0) {
			struct trade_tick s = sent[i];

			sent[i] = sent[i + 2];
			sent[i + 2] = s;
		}
	return n;
}

static void
bars_equal_the_slow_ones(void **state)
{
	static struct trade_tick v[TICKS], sent[2 * TICKS];
	static struct store s;
	static struct trade_builder b;

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct trade_build out;
		size_t n = shuffled(seed, v, sent), checked = 0;

		memset(&s, 0, sizeof(s));
		memset(&b, 0, sizeof(b));
		b.hours = hours("UTC", "", "");
		for (size_t i = 0; i < n; i++) {
			trade_build_tick(&b, &sent[i], 5, &out);
			apply(&s, &out);
		}
		trade_build_close(&b, (struct utc){ INT64_MAX }, &out);
		apply(&s, &out);
		assert_int_equal(b.ticks, TICKS);
		assert_int_equal(b.duplicates, n - TICKS);
		for (int tf = 0; tf < TRADE_TIMEFRAMES; tf++)
			for (size_t i = 0; i < s.n[tf]; i++, checked++) {
				struct trade_bar want = reference(&b.hours,
				    tf, s.bars[tf][i].at, v, TICKS);

				same_bar(&s.bars[tf][i], &want, seed, tf);
			}
		assert_true(checked > 60);
	}
}

static void
gaps_are_noticed(void **state)
{
	struct trade_builder b = { .hours = hours("America/New_York",
	    "mon-fri 09:30-16:00", "") };
	struct trade_tick t = { .last = { DEC_ONE }, .volume = { DEC_ONE } };
	struct trade_build out;

	(void)state;
	t.at = at("2026-03-05T20:59:30Z");
	t.seq = 1;
	trade_build_tick(&b, &t, 5, &out);
	assert_int_equal(out.ngaps, 0);
	/* the night is none; five minutes after the opening are */
	t.at = at("2026-03-06T14:33:00Z");
	t.seq = 2;
	trade_build_tick(&b, &t, 5, &out);
	assert_int_equal(out.ngaps, 0);
	t.at = at("2026-03-06T14:40:00Z");
	t.seq = 7;
	trade_build_tick(&b, &t, 5, &out);
	assert_int_equal(out.ngaps, 2);
	assert_string_equal(out.gaps[0].timeframe, "tick");
	assert_int_equal(out.gaps[0].missing, 4);
	assert_string_equal(out.gaps[1].timeframe, "1m");
	assert_int_equal(out.gaps[1].missing, 6);
	/* number 6 comes late and fills; 1 is known; far too old ones are not
	 * judged */
	t.seq = 6;
	t.at = at("2026-03-06T14:39:59Z");
	trade_build_tick(&b, &t, 5, &out);
	assert_int_equal(out.fate, TICK_LATE);
	assert_true(out.fills_gap);
	t.seq = 2;
	trade_build_tick(&b, &t, 5, &out);
	assert_int_equal(out.fate, TICK_DUPLICATE);
	t.seq = 200;
	t.at = at("2026-03-06T14:41:00Z");
	trade_build_tick(&b, &t, 5, &out);
	t.seq = 100;
	trade_build_tick(&b, &t, 5, &out);
	assert_int_equal(out.fate, TICK_OLD);
}

static void
missing_bars_are_counted(void **state)
{
	struct trade_hours h = hours("America/New_York",
	    "mon-fri 09:30-16:00", "2026-03-06");
	const struct utc day[] = { at("2026-03-03T00:00:00Z"),
	    at("2026-03-05T00:00:00Z"), at("2026-03-09T00:00:00Z") };
	const struct utc minute[] = { at("2026-03-03T20:58:00Z"),
	    at("2026-03-04T14:30:00Z"), at("2026-03-04T14:34:00Z") };
	struct trade_gap_out g[4];

	(void)state;
	/* the 4th is missing; the 6th was closed, then a weekend */
	assert_int_equal(trade_bar_gaps(&h, TRADE_1D, day, 3, g, 4), 1);
	assert_int_equal(g[0].missing, 1);
	assert_int_equal(g[0].from.us, at("2026-03-04T00:00:00Z").us);
	/* 20:59, and three of the next morning */
	assert_int_equal(trade_bar_gaps(&h, TRADE_1M, minute, 3, g, 4), 2);
	assert_int_equal(g[0].missing, 1);
	assert_int_equal(g[1].missing, 3);
}

/* ---- real minutes ------------------------------------------------------------------------ */

#define BTC "market/quotes/freqtrade_UNITTEST_BTC_1m.json.gz"

static struct trade_bar *
real_minutes(size_t *n)
{
	char *text = data_read(a, BTC, n);
	struct json_object *list = text == NULL ? NULL :
	    json_tokener_parse(text);
	struct trade_bar *v;

	if (list == NULL)
		return NULL;
	*n = json_object_array_length(list);
	v = arena_array(a, *n, sizeof(*v));
	for (size_t i = 0; i < *n; i++) {
		struct json_object *row = json_object_array_get_idx(list, i);
		struct dec *to[] = { &v[i].open, &v[i].high, &v[i].low,
		    &v[i].close, &v[i].volume };

		v[i].at.us = json_object_get_int64(json_object_array_get_idx(
		    row, 0)) * 1000;
		for (int k = 0; k < 5; k++)
			assert_int_equal(dec_from_real(json_object_get_double(
			    json_object_array_get_idx(row, (size_t)k + 1)),
			    to[k]), 0);
	}
	json_object_put(list);
	return v;
}

/* Each longer bar against a scan of all minutes, and as ticks give it. */
static void
real_minutes_join(void **state)
{
	static const int64_t s[] = { 60, 300, 900, 1800, 3600, 14400, 86400 };
	struct trade_hours h = hours("UTC", "", "");
	struct trade_bar *m, *out;
	size_t n, k;
	unsigned ragged;

	(void)state;
	if ((m = real_minutes(&n)) == NULL)
		skip();
	out = arena_array(a, n, sizeof(*out));
	for (int tf = TRADE_5M; tf <= TRADE_1D; tf++) {
		int64_t volume = 0, all = 0;

		k = trade_bar_resample(&h, TRADE_1M, tf, m, n, out, &ragged);
		assert_true(ragged & 1);	/* it begins within one */
		for (size_t i = 0; i < k; i++) {
			struct trade_bar w = { .at = out[i].at };

			for (size_t j = 0; j < n; j++) {
				if (m[j].at.us / (s[tf] * US_PER_S) !=
				    out[i].at.us / (s[tf] * US_PER_S))
					continue;
				if (w.open.e8 == 0) {
					w.open = m[j].open;
					w.low = m[j].low;
				}
				w.close = m[j].close;
				if (m[j].high.e8 > w.high.e8)
					w.high = m[j].high;
				if (m[j].low.e8 < w.low.e8)
					w.low = m[j].low;
				w.volume.e8 += m[j].volume.e8;
			}
			same_bar(&out[i], &w, 0, tf);
			assert_true(i == 0 || out[i].at.us > out[i - 1].at.us);
			volume += out[i].volume.e8;
			if (i > 40)
				break;
		}
		for (size_t i = 0; i < n; i++)
			all += m[i].volume.e8;
		volume = 0;
		for (size_t i = 0; i < k; i++)
			volume += out[i].volume.e8;
		assert_int_equal(volume, all);
	}
}

/* ---- simulator ------------------------------------------------------------------------------ */

static void
the_simulator_is_a_function(void **state)
{
	struct trade_mock_market m = { .seed = 42, .n = 5, .rate = 5,
	    .volatility = 0.001, .spread = 0.0004 };
	struct dec base = trade_mock_price("AAPL"), last = base;
	double sum = 0, sq = 0, p = 150;
	struct trade_tick t = { .seq = 0 }, again;
	int n = 0;

	(void)state;
	assert_int_equal(base.e8, 150 * DEC_ONE);
	for (uint64_t k = 0; k < 100000; k += 5) {
		struct dec before = last;
		double r;

		trade_mock_tick(&m, k, before, base, at(
		    "2026-01-01T00:00:00Z"), &t);
		again = t;
		trade_mock_tick(&m, k, before, base, at(
		    "2026-01-01T00:00:00Z"), &again);
		assert_memory_equal(&t, &again, sizeof(t));
		assert_true(t.bid.e8 < t.ask.e8 && t.last.e8 > 0);
		assert_true(t.volume.e8 >= 100 * DEC_ONE && t.volume.e8 <=
		    5000 * DEC_ONE);
		last = t.last;
		r = (double)last.e8 / 1e8 / p - 1;
		p = (double)last.e8 / 1e8;
		sum += r;
		sq += r * r;
		n++;
	}
	assert_int_equal(t.seq, 20000);
	/* regimes 0.5, 1, 2.5 in 40, 45, 15 % of the time: sd 0.00122 */
	assert_true(fabs(sqrt(sq / n) - 0.00122) < 0.0002);
	assert_true(fabs(sum / n) < 0.0001);
	assert_true(p > 30 && p < 750);
}

static double
correlation(double rho)
{
	struct trade_mock_market m = { .seed = 7, .n = 2, .rate = 2,
	    .volatility = 0.01, .spread = 0, .correlation = rho };
	const struct dec base = { 1000000 * DEC_ONE };
	double xy = 0, xx = 0, yy = 0;

	for (uint64_t round = 0; round < 5000; round++) {
		double r[2];

		for (uint64_t i = 0; i < 2; i++) {
			struct trade_tick t = { .seq = 0 };

			trade_mock_tick(&m, 2 * round + i, base, base,
			    (struct utc){ 0 }, &t);
			r[i] = (double)t.last.e8 / (double)base.e8 - 1;
		}
		xy += r[0] * r[1];
		xx += r[0] * r[0];
		yy += r[1] * r[1];
	}
	return xy / sqrt(xx * yy);
}

static void
symbols_move_together(void **state)
{
	(void)state;
	assert_true(fabs(correlation(0)) < 0.08);
	assert_true(correlation(0.9) > 0.6);
	assert_true(correlation(1) > correlation(0.5));
}

/* ---- messages -------------------------------------------------------------------------------- */

static void
messages_of_many_kinds(void **state)
{
	static const struct {
		const char *json, *symbol;
		int64_t last, bid, volume;
		const char *at;
	} good[] = {
		{ "{\"symbol\":\"AAPL\",\"price\":150.5,\"volume\":3}", "AAPL",
		    15050000000, 0, 300000000, NULL },
		{ "{\"data\":\"{\\\"sym\\\":\\\"X\\\",\\\"ltp\\\":\\\"1.5\\\","
		    "\\\"ts\\\":1772445600}\"}", "X", 150000000, 0, 0,
		    "2026-03-02T10:00:00Z" },
		{ "{\"type\":\"tick\",\"payload\":{\"tick\":{\"symbol\":\"X\","
		    "\"last\":2,\"bid\":1.9,\"at\":\"2026-03-02T10:00:00Z\"}}"
		    "}", "X", 200000000, 190000000, 0, "2026-03-02T10:00:00Z" },
		{ "{\"symbol\":\"X\",\"price\":1.1234567891,\"timestamp\":"
		    "1772445600123}", "X", 112345679, 0, 0,
		    "2026-03-02T10:00:00.123Z" }
	};
	static const char *const bad[] = {
		"", "[]", "{", "{\"price\":1}", "{\"symbol\":\"X\"}",
		"{\"symbol\":\"X\",\"price\":\"one\"}",
		"{\"symbol\":\"X\",\"price\":NaN}",
		"{\"symbol\":\"X\",\"price\":-1}",
		"{\"symbol\":\"X\",\"price\":1e30}",
		"{\"symbol\":\"X\",\"price\":1,\"price\":2}",
		"{\"symbol\":\"X\",\"price\":1,\"ts\":\"soon\"}",
		"{\"symbol\":\"X\",\"price\":1,\"ts\":4000000000}",
		"{\"symbol\":\"X\",\"bid\":2,\"ask\":1}",
		"{\"symbol\":\"X\",\"bid\":2,\"volume\":1}"
	};
	struct utc now = at("2026-11-28T00:00:00Z");
	struct trade_message m;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		if (trade_message_read(a, good[i].json, strlen(good[i].json),
		    now, &m, &err) == -1)
			fail_msg("%s: %s", good[i].json, err.detail);
		assert_string_equal(m.symbol, good[i].symbol);
		assert_int_equal(m.tick.last.e8, good[i].last);
		assert_int_equal(m.tick.bid.e8, good[i].bid);
		assert_int_equal(m.tick.volume.e8, good[i].volume);
		assert_int_equal(m.tick.at.us, good[i].at == NULL ? now.us :
		    at(good[i].at).us);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		if (trade_message_read(a, bad[i], strlen(bad[i]), now, &m,
		    &err) == 0)
			fail_msg("taken: %s", bad[i]);
		assert_int_equal(err.status, 422);
		err_clear(&err);
	}
}

static void
answers_of_quote_servers(void **state)
{
	static const char *const answers[] = {
		"[{\"symbol\":\"INFY\",\"bidPrice\":\"1400.5\",\"bidQty\":"
		    "\"3\",\"askPrice\":\"1401\",\"lastPrice\":\"1400.95\"}]",
		"{\"status\":\"success\",\"data\":{\"NSE:INFY\":{\"timestamp\":"
		    "\"2021-06-08 15:45:56\",\"last_price\":1400.95,\"volume\":"
		    "77,\"depth\":{\"buy\":[{\"price\":1400.5,\"quantity\":9}],"
		    "\"sell\":[{\"price\":1401,\"quantity\":9}]}},\"BAD\":{}}}",
		"{\"quotes\":{\"INFY\":{\"ap\":1401,\"bp\":1400.5,\"p\":"
		    "1400.95,\"t\":\"2021-06-08T15:45:56.123456789Z\"}}}"
	};
	struct utc now = at("2026-11-28T00:00:00Z");

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct trade_message m[4];
		size_t n, bad;

		if (trade_message_list(a, answers[i], strlen(answers[i]), now,
		    m, 4, &n, &bad, &err) == -1)
			fail_msg("%s", err.detail);
		assert_int_equal(n, 1);
		assert_int_equal(bad, i == 1);
		assert_string_equal(m[0].symbol, "INFY");
		assert_string_equal(m[0].exchange, i == 1 ? "NSE" : "");
		assert_int_equal(m[0].tick.last.e8, 140095000000);
		assert_int_equal(m[0].tick.bid.e8, 140050000000);
		assert_int_equal(m[0].tick.ask.e8, 140100000000);
	}
}

static void
lines_come_back(void **state)
{
	struct trade_tick t[2] = { { .instrument_id = 7, .seq = 3,
	    .at = { 1772445600000001 }, .heard_at = { 1772445600000009 },
	    .last = { 5 }, .bid = { 4 }, .ask = { 6 }, .volume = { 1 } },
	    { .instrument_id = 8, .at = { 1 }, .bid = { 2 } } }, *back;
	struct str s;

	(void)state;
	str_init(&s, a);
	trade_tick_write(&s, &t[0]);
	trade_tick_write(&s, &t[1]);
	assert_int_equal(trade_tick_read(a, s.p, 2, &back, &err), 0);
	assert_memory_equal(back, t, sizeof(t));
	assert_int_equal(trade_tick_read(a, "1 2 3\n", 1, &back, &err), -1);
	err_clear(&err);
	assert_int_equal(trade_tick_read(a, s.p, 3, &back, &err), -1);
	err_clear(&err);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hours_are_local),
		cmocka_unit_test(a_night_belongs_to_its_morning),
		cmocka_unit_test(bad_hours_are_named),
		cmocka_unit_test(bars_equal_the_slow_ones),
		cmocka_unit_test(gaps_are_noticed),
		cmocka_unit_test(missing_bars_are_counted),
		cmocka_unit_test(real_minutes_join),
		cmocka_unit_test(the_simulator_is_a_function),
		cmocka_unit_test(symbols_move_together),
		cmocka_unit_test(messages_of_many_kinds),
		cmocka_unit_test(answers_of_quote_servers),
		cmocka_unit_test(lines_come_back)
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
