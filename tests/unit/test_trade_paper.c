/*
 * The paper market, pure: what fills when, to the unit; what a fill's hearer
 * does in between; the same inputs give the same hashes, also from the middle.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/number.h"
#include "base/random.h"
#include "base/str.h"
#include "modules/trade/paper.h"

#include <cmocka.h>

enum { HEARD = 4096 };

static struct arena *a;
static struct trade_paper p;
static struct trade_paper_effect heard[HEARD];
static size_t nheard;
static int64_t clock_us;

static int
fresh(void **state)
{
	const struct trade_paper_terms t = { .fee_ppm = 200 };

	(void)state;
	a = arena_new((size_t)1 << 30);
	trade_paper_start(&p, a, &t, 7);
	nheard = 0;
	clock_us = 1000000;
	return 0;
}

static int
gone(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

static struct dec
dec(const char *text)
{
	struct dec d;

	assert_int_equal(dec_parse(text, strlen(text), &d), NUM_OK);
	return d;
}

static struct uuid
id(int n)
{
	return (struct uuid){ { 1, (uint8_t)(n >> 8), (uint8_t)n } };
}

static struct trade_paper_input
input(const char *kind)
{
	return (struct trade_paper_input){ .kind = kind, .at = { clock_us++ },
	    .instrument_id = 1, .tick = dec("0.01"), .lot = dec("1"),
	    .market_at = { clock_us } };
}

static void
run(struct trade_paper_input in)
{
	trade_paper_begin(&p, &in);
	while (nheard < HEARD && trade_paper_step(&p, &heard[nheard]))
		nheard++;
}

/* What is known of the market when an order comes. */
static struct trade_paper_input known;

static struct trade_paper_input
order(int n, const char *side, const char *type, const char *q,
    const char *limit, const char *stop)
{
	struct trade_paper_input in = input("submit");

	in.order_id = id(n);
	in.side = side;
	in.type = type;
	in.tif = "gtc";
	in.quantity = dec(q);
	in.limit_price = dec(limit);
	in.stop_price = dec(stop);
	in.bid = known.bid;
	in.ask = known.ask;
	in.last = known.last;
	in.flow = known.flow;
	in.market_at = known.market_at;
	return in;
}

static void
quote(const char *bid, const char *ask)
{
	known = input("quote");
	known.bid = dec(bid);
	known.ask = dec(ask);
	run(known);
}

static void
tick(const char *last, const char *volume)
{
	known = input("tick");
	known.last = dec(last);
	known.volume = known.flow = dec(volume);
	run(known);
}

static void
bar(const char *o, const char *h, const char *l, const char *c, const char *v)
{
	known = input("bar");
	known.open = dec(o);
	known.high = dec(h);
	known.low = dec(l);
	known.last = dec(c);
	known.volume = known.flow = dec(v);
	run(known);
}

/* The i-th effect since the last look is this fill. */
static size_t looked;

static void
expect_fill(int n, const char *q, const char *price)
{
	char got[2][DEC_TEXT];

	while (looked < nheard && heard[looked].what != PAPER_FILL)
		looked++;
	if (looked == nheard)
		fail_msg("no fill of %d (%s @ %s)", n, q, price);
	assert_true(uuid_equal(heard[looked].order_id, id(n)));
	assert_string_equal(dec_format(heard[looked].quantity, got[0]), q);
	assert_string_equal(dec_format(heard[looked].price, got[1]), price);
	looked++;
}

static void
expect_nothing(void)
{
	while (looked < nheard && heard[looked].what == PAPER_TRIGGERED)
		looked++;
	if (looked < nheard)
		fail_msg("effect %d of quantity %lld at %lld",
		    heard[looked].what,
		    (long long)heard[looked].quantity.e8,
		    (long long)heard[looked].price.e8);
}

/* ---- quotes: the cases of the first paper broker ----------------------------------- */

static void
orders_meet_a_quote(void **state)
{
	static const struct {
		const char *side, *type, *limit, *stop, *bid, *ask, *price;
	} cases[] = {
		{ "buy", "market", "0", "0", "99", "101", "101" },
		{ "sell", "market", "0", "0", "99", "101", "99" },
		{ "buy", "limit", "101", "0", "99", "101", "101" },
		{ "buy", "limit", "102", "0", "99", "101", "101" },
		{ "buy", "limit", "100", "0", "99", "101", NULL },
		{ "sell", "limit", "99", "0", "99", "101", "99" },
		{ "sell", "limit", "100", "0", "99", "101", NULL },
		{ "buy", "stop", "0", "101", "99", "101", "101" },
		{ "buy", "stop", "0", "102", "99", "101", NULL },
		{ "sell", "stop", "0", "99", "99", "101", "99" },
		{ "sell", "stop", "0", "98", "99", "101", NULL },
		{ "buy", "stop_limit", "100", "101", "99", "101", NULL },
		{ "buy", "stop_limit", "101", "101", "99", "101", "101" }
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct trade_paper_input in;

		looked = nheard;
		/* far away at first, then it comes */
		quote("10", "1000");
		in = order((int)i + 1, cases[i].side, cases[i].type, "3",
		    cases[i].limit, cases[i].stop);
		known.bid = in.bid = dec(cases[i].bid);
		known.ask = in.ask = dec(cases[i].ask);
		run(in);
		if (cases[i].price != NULL)
			expect_fill((int)i + 1, "3", cases[i].price);
		else
			expect_nothing();
		in = input("cancel");
		in.order_id = id((int)i + 1);
		run(in);
		looked = nheard;
	}
	assert_int_equal(p.orders.n, 0);
}

static void
a_resting_order_takes_a_better_quote(void **state)
{
	(void)state;
	looked = 0;
	quote("100", "100.2");
	run(order(1, "sell", "limit", "4", "104", "0"));
	quote("103.9", "104.1");
	expect_nothing();
	quote("104.5", "104.7");
	expect_fill(1, "4", "104.5");
	assert_int_equal(heard[0].fee.e8, dec("0.0836").e8);
}

/* ---- ticks -------------------------------------------------------------------------- */

static void
a_queue_is_waited_for(void **state)
{
	(void)state;
	looked = 0;
	p.terms.share_ppm = 100000;
	tick("100.01", "500");		/* a tenth, 50, can be had */
	run(order(1, "buy", "limit", "10", "100", "0"));
	tick("100", "30");
	expect_nothing();
	tick("100", "24");		/* 50 ahead, 54 traded */
	expect_fill(1, "4", "100");
	tick("99.99", "1");		/* through it */
	expect_fill(1, "6", "100");
	expect_nothing();
}

static void
depth_is_taken_once(void **state)
{
	(void)state;
	looked = 0;
	p.terms.share_ppm = 100000;
	tick("100", "80");
	run(order(1, "buy", "market", "6", "0", "0"));
	expect_fill(1, "6", "100");
	run(order(2, "buy", "market", "6", "0", "0"));
	expect_fill(2, "2", "100");
	tick("101", "20");		/* the rest, as it comes */
	expect_fill(2, "2", "101");
	tick("102", "3");		/* a lot at least */
	expect_fill(2, "1", "102");
	run(order(3, "buy", "market", "5", "0", "0"));
	expect_nothing();
	tick("100", "900");
	expect_fill(2, "1", "100");
	expect_fill(3, "5", "100");
	assert_int_equal(p.orders.n, 0);
}

static void
all_or_nothing_and_at_once(void **state)
{
	struct trade_paper_input in;

	(void)state;
	looked = 0;
	p.terms.share_ppm = 100000;
	tick("100", "80");
	in = order(1, "buy", "market", "9", "0", "0");
	in.tif = "fok";
	run(in);
	assert_int_equal(heard[0].what, PAPER_ENDED);
	in = order(2, "buy", "limit", "9", "100", "0");
	in.tif = "ioc";
	run(in);
	expect_fill(2, "8", "100");
	assert_int_equal(heard[looked].what, PAPER_ENDED);
	in = order(3, "sell", "limit", "1", "99", "0");
	in.post_only = true;
	run(in);
	assert_string_equal(heard[nheard - 1].why, "post_only");
}

static void
the_spread_is_paid(void **state)
{
	(void)state;
	looked = 0;
	p.terms.spread_ppm = 1000;
	tick("100", "0");
	run(order(1, "buy", "market", "1", "0", "0"));
	expect_fill(1, "1", "100.05");
	run(order(2, "sell", "market", "1", "0", "0"));
	expect_fill(2, "1", "99.95");
}

static void
a_trailing_stop_follows(void **state)
{
	struct trade_paper_input in;

	(void)state;
	tick("100", "0");
	in = order(1, "sell", "trailing_stop", "2", "0", "0");
	in.trail = dec("5");
	run(in);
	assert_int_equal(trade_paper_find(&p, id(1))->o.stop, dec("95").e8);
	tick("110", "0");
	assert_int_equal(trade_paper_find(&p, id(1))->o.stop, dec("105").e8);
	tick("105.5", "0");
	looked = nheard;
	expect_nothing();
	tick("104", "0");
	expect_fill(1, "2", "104");
}

static void
latency_is_waited_for(void **state)
{
	struct trade_paper_input in;

	(void)state;
	looked = 0;
	p.terms.latency_us = 1000;
	p.terms.jitter_us = 50;
	tick("100", "0");
	run(order(1, "buy", "market", "1", "0", "0"));
	expect_nothing();
	tick("101", "0");
	expect_nothing();
	clock_us += 2000;
	in = known;
	in.kind = "wake";
	in.at.us = clock_us;
	run(in);
	expect_fill(1, "1", "101");
}

/* Old prices move nothing but what traded. */
static void
a_stale_market_holds_stops(void **state)
{
	struct trade_paper_input in;

	(void)state;
	looked = 0;
	tick("100", "0");
	run(order(1, "sell", "stop", "1", "0", "95"));
	in = order(2, "buy", "market", "1", "0", "0");
	in.held = true;
	run(in);
	in = input("tick");
	in.last = dec("90");
	in.held = true;
	run(in);
	expect_nothing();
	tick("91", "0");
	expect_fill(2, "1", "91");
	expect_fill(1, "1", "91");
}

/* ---- bars ---------------------------------------------------------------------------- */

static void
orders_meet_a_bar(void **state)
{
	static const struct {
		const char *side, *type, *limit, *stop, *o, *h, *l, *price;
	} cases[] = {
		{ "buy", "limit", "99", "0", "100", "101", "98", "99" },
		{ "buy", "limit", "99", "0", "98.5", "101", "98", "98.5" },
		{ "sell", "limit", "101", "0", "100", "102", "99", "101" },
		{ "sell", "limit", "101", "0", "103", "104", "99", "103" },
		{ "buy", "stop", "0", "101", "100", "102", "99", "101" },
		{ "buy", "stop", "0", "101", "103", "104", "99", "103" },
		{ "sell", "stop", "0", "99", "100", "101", "98", "99" },
		{ "sell", "stop", "0", "99", "97", "101", "96", "97" },
		{ "buy", "limit", "97", "0", "100", "101", "98", NULL }
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct trade_paper_input in;

		bar("100", "100.5", "99.5", "100", "1000");
		run(order((int)i + 1, cases[i].side, cases[i].type, "3",
		    cases[i].limit, cases[i].stop));
		looked = nheard;
		bar(cases[i].o, cases[i].h, cases[i].l, "100", "1000");
		if (cases[i].price != NULL)
			expect_fill((int)i + 1, "3", cases[i].price);
		else
			expect_nothing();
		in = input("cancel");
		in.order_id = id((int)i + 1);
		run(in);
	}
}

static void
a_bar_is_shared_out(void **state)
{
	(void)state;
	p.terms.share_ppm = 100000;
	bar("100", "100", "100", "100", "10");
	run(order(1, "buy", "limit", "9", "99", "0"));
	looked = nheard;
	bar("100", "101", "98", "100", "40");
	expect_fill(1, "4", "99");
	bar("100", "100", "100", "100", "0");
	expect_nothing();
	bar("98", "98", "98", "98", "0");	/* nobody traded */
	expect_nothing();
	bar("98", "101", "97", "99", "1000");
	expect_fill(1, "5", "98");
}

/* Stop loss and take profit in one bar: the path decides, and who hears of one
 * fill cancels the other before the market goes on. */
static void
one_of_a_pair(void **state)
{
	struct trade_paper_input in, off = input("cancel");
	struct trade_paper_effect e;
	int fills = 0;

	(void)state;
	bar("100", "100", "100", "100", "1000");
	run(order(1, "sell", "limit", "2", "105", "0"));
	run(order(2, "sell", "stop", "2", "0", "95"));
	in = input("bar");
	in.open = dec("100");
	in.high = dec("106");
	in.low = dec("90");
	in.last = dec("91");
	in.volume = dec("1000");
	trade_paper_begin(&p, &in);
	while (trade_paper_step(&p, &e)) {
		if (e.what != PAPER_FILL)
			continue;
		fills++;
		assert_true(uuid_equal(e.order_id, id(1)));
		off.order_id = id(2);
		trade_paper_begin(&p, &off);
		assert_int_equal(off.parent, in.seq);
		assert_int_equal(off.step, 1);
	}
	assert_int_equal(fills, 1);
	assert_int_equal(p.orders.n, 0);
}

/* A child that is placed at its parent's fill meets the rest of the bar. */
static void
a_child_meets_the_rest_of_the_bar(void **state)
{
	struct trade_paper_input in, child;
	struct trade_paper_effect e;
	struct dec last = { 0 };

	(void)state;
	bar("100", "100", "100", "100", "1000");
	run(order(1, "buy", "stop", "2", "0", "102"));
	child = order(2, "sell", "limit", "2", "105", "0");
	in = input("bar");
	in.open = dec("100");
	in.high = dec("106");
	in.low = dec("99.9");
	in.last = dec("101");
	in.volume = dec("1000");
	trade_paper_begin(&p, &in);
	while (trade_paper_step(&p, &e)) {
		if (e.what == PAPER_FILL && last.e8 == 0)
			trade_paper_begin(&p, &child);
		if (e.what == PAPER_FILL)
			last = e.price;
	}
	/* low first (nearer), then up through 102 and 105 */
	assert_int_equal(last.e8, dec("105").e8);
	assert_int_equal(p.orders.n, 0);
}

static void
day_orders_end(void **state)
{
	struct trade_paper_input in;

	(void)state;
	tick("100", "0");
	in = order(1, "buy", "limit", "1", "90", "0");
	in.expires_at.us = clock_us + 10;
	run(in);
	clock_us += 20;
	looked = nheard;
	tick("80", "5");
	assert_int_equal(heard[looked].what, PAPER_EXPIRED);
	assert_int_equal(nheard, looked + 1);
}

static void
time_does_not_go_back(void **state)
{
	struct trade_paper_input in;

	(void)state;
	clock_us = 5000000;
	tick("100", "0");
	in = input("tick");
	in.last = dec("101");
	in.at.us = 4000000;
	trade_paper_begin(&p, &in);
	assert_int_equal(in.at.us, 5000000);
}

static void
less_keeps_its_place(void **state)
{
	struct trade_paper_input in;

	(void)state;
	p.terms.share_ppm = 100000;
	tick("100.01", "500");
	run(order(1, "buy", "limit", "10", "100", "0"));
	tick("100", "45");
	in = order(1, "buy", "limit", "8", "100", "0");
	in.kind = "replace";
	run(in);
	looked = nheard;
	tick("100", "6");
	expect_fill(1, "1", "100");
	/* more: it arrives anew, takes the lot that can be had at its price,
	 * and stands at the back */
	in = order(1, "buy", "limit", "9", "100", "0");
	in.kind = "replace";
	run(in);
	looked = nheard;
	tick("100", "0");
	expect_nothing();
	tick("99", "1");
	expect_fill(1, "8", "100");
}

static void
icebergs_show_a_part(void **state)
{
	struct trade_paper_input in;

	(void)state;
	p.terms.share_ppm = 1000000;
	tick("100.01", "5");
	in = order(1, "buy", "limit", "10", "100", "0");
	in.display = dec("2");
	run(in);
	looked = nheard;
	tick("100", "7");		/* 5 ahead, then the part shown */
	expect_fill(1, "2", "100");
	expect_nothing();
	tick("100", "6");		/* again 5 ahead of the next part */
	expect_fill(1, "1", "100");
}

/* ---- the same again ------------------------------------------------------------------ */

static uint64_t seed;

static int64_t
below(int64_t n)
{
	seed = seed * UINT64_C(6364136223846793005) +
	    UINT64_C(1442695040888963407);
	return (int64_t)((seed >> 33) % (uint64_t)n);
}

static struct trade_paper_input
any_input(int n, int64_t price)
{
	static const char *const types[] = { "market", "limit", "limit",
	    "stop", "stop_limit", "trailing_stop" };
	struct trade_paper_input in = input("tick");
	int64_t kind = below(10);

	in.last.e8 = price * DEC_ONE / 100;
	in.flow.e8 = (10 + below(100)) * DEC_ONE;
	in.instrument_id = 1 + below(2);
	if (kind < 4) {
		in.kind = "submit";
		in.order_id = id(n);
		in.side = below(2) ? "buy" : "sell";
		in.type = types[below(6)];
		in.tif = below(6) == 0 ? "ioc" : "gtc";
		in.quantity.e8 = (1 + below(9)) * DEC_ONE;
		in.limit_price.e8 = strstr(in.type, "limit") ? in.last.e8 +
		    (below(20) - 10) * 1000000 : 0;
		in.stop_price.e8 = strncmp(in.type, "stop", 4) == 0 ?
		    in.last.e8 + (below(20) - 10) * 1000000 : 0;
		in.trail.e8 = strcmp(in.type, "trailing_stop") == 0 ?
		    5000000 : 0;
		in.display.e8 = below(3) == 0 ? DEC_ONE : 0;
	} else if (kind == 4) {
		in.kind = "cancel";
		in.order_id = id((int)below(n + 1));
	} else if (kind == 5) {
		in.kind = "bar";
		in.open = in.last;
		in.high.e8 = in.last.e8 + below(12) * 1000000;
		in.low.e8 = in.last.e8 - below(12) * 1000000;
		in.volume = in.flow;
	} else if (kind == 6) {
		in.kind = "quote";
		in.bid.e8 = in.last.e8 - below(3) * 1000000;
		in.ask.e8 = in.last.e8 + below(3) * 1000000;
	} else {
		in.volume = in.flow;
	}
	return in;
}

/* What was placed is filled, ended or open. */
static void
units_are_kept(int64_t placed)
{
	for (size_t i = 0; i < p.orders.n; i++)
		placed -= p.orders.v[i].o.quantity;
	for (size_t i = 0; i < nheard; i++)
		if (heard[i].what == PAPER_FILL ||
		    heard[i].what == PAPER_ENDED)
			placed -= heard[i].quantity.e8;
	assert_int_equal(placed, 0);
}

static void
replay_gives_the_same_hashes(void **state)
{
	enum { N = 300 };
	static struct trade_paper_input log[N];

	(void)state;
	for (uint64_t r = 0; r < 40; r++) {
		const struct trade_paper_terms t = { .fee_ppm = 200,
		    .share_ppm = 200000, .spread_ppm = 100,
		    .latency_us = r % 2 ? 3 : 0, .jitter_us = r % 3 ? 4 : 0 };
		struct trade_paper again;
		uint8_t one[32], two[32];
		int64_t price = 10000, placed = 0;
		struct str text;

		seed = r;
		nheard = 0;
		trade_paper_start(&p, a, &t, r);
		for (int i = 0; i < N; i++) {
			size_t before = nheard;

			price += below(11) - 5;
			log[i] = any_input(i, price);
			if (strcmp(log[i].kind, "submit") == 0)
				placed += log[i].quantity.e8;
			if (strcmp(log[i].kind, "cancel") == 0) {
				const struct trade_paper_resting *o =
				    trade_paper_find(&p, log[i].order_id);

				placed -= o == NULL ? 0 : o->o.quantity;
			}
			/* the state goes out and in again at every step */
			str_init(&text, a);
			trade_paper_write(&p, &text);
			assert_int_equal(trade_paper_read(&again, a, text.p),
			    0);
			if (strcmp(log[i].kind, "tick") == 0 &&
			    !trade_paper_touches(&p.terms, p.orders.v,
			    p.orders.n, &log[i])) {
				run(log[i]);
				assert_int_equal(nheard, before);
			} else {
				run(log[i]);
			}
			p = i % 2 == 0 ? p : p;
			trade_paper_begin(&again, &log[i]);
			for (struct trade_paper_effect e;
			    trade_paper_step(&again, &e);)
				continue;
			trade_paper_hash(&p, one);
			trade_paper_hash(&again, two);
			assert_memory_equal(one, two, 32);
		}
		units_are_kept(placed);
		trade_paper_start(&again, a, &t, r);
		for (int i = 0; i < N; i++) {
			trade_paper_begin(&again, &log[i]);
			for (struct trade_paper_effect e;
			    trade_paper_step(&again, &e);)
				continue;
		}
		trade_paper_hash(&again, two);
		assert_memory_equal(one, two, 32);
		/* one unit more, and it is another */
		trade_paper_start(&again, a, &t, r);
		log[N / 2].volume.e8++;
		for (int i = 0; i < N; i++) {
			trade_paper_begin(&again, &log[i]);
			for (struct trade_paper_effect e;
			    trade_paper_step(&again, &e);)
				continue;
		}
		trade_paper_hash(&again, two);
		assert_memory_not_equal(one, two, 32);
	}
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, fresh, gone)
	const struct CMUnitTest tests[] = {
		T(orders_meet_a_quote), T(a_resting_order_takes_a_better_quote),
		T(a_queue_is_waited_for), T(depth_is_taken_once),
		T(all_or_nothing_and_at_once), T(the_spread_is_paid),
		T(a_trailing_stop_follows), T(latency_is_waited_for),
		T(a_stale_market_holds_stops), T(orders_meet_a_bar),
		T(a_bar_is_shared_out), T(one_of_a_pair),
		T(a_child_meets_the_rest_of_the_bar), T(day_orders_end),
		T(time_does_not_go_back), T(less_keeps_its_place),
		T(icebergs_show_a_part), T(replay_gives_the_same_hashes)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
