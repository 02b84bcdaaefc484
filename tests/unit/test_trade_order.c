/*
 * Orders, pure: the table of states, positions to the last unit, each check
 * refusing by itself, and when a paper order fills.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/number.h"
#include "modules/trade/order.h"

#include <cmocka.h>

static struct err err;

static struct dec
dec(const char *text)
{
	struct dec d;

	assert_int_equal(dec_parse(text, strlen(text), &d), NUM_OK);
	return d;
}

static void
equal(struct dec got, const char *want)
{
	char buf[DEC_TEXT];

	assert_string_equal(dec_format(got, buf), want);
}

static int
after(int from, int happens)
{
	return trade_order_next((enum trade_order_state)from,
	    (enum trade_order_happening)happens, false, false);
}

static void
ends_are_final(void **state)
{
	static const int over[] = { ORDER_DENIED, ORDER_REJECTED,
	    ORDER_FILLED, ORDER_CANCELLED, ORDER_EXPIRED };
	unsigned closed = 0;

	(void)state;
	for (int s = 0; s < ORDER_STATES; s++) {
		bool open = trade_order_is_open((enum trade_order_state)s);

		assert_int_equal(trade_order_state_parse(
		    trade_order_states[s]), s);
		closed += !open;
		/* whatever is open can fill, be cancelled and expire */
		assert_int_equal(after(s, HAPPENS_CANCEL), open ?
		    ORDER_CANCELLED : -1);
		assert_int_equal(after(s, HAPPENS_EXPIRE), open ?
		    ORDER_EXPIRED : -1);
		if (open)
			assert_int_equal(after(s, HAPPENS_LAST_FILL),
			    ORDER_FILLED);
	}
	assert_int_equal(closed, sizeof(over) / sizeof(over[0]));
	for (size_t i = 0; i < sizeof(over) / sizeof(over[0]); i++)
		for (int h = 0; h < HAPPENINGS; h++) {
			int to = after(over[i], h);

			/* only money that moved after all is believed */
			if (h == HAPPENS_FILL || h == HAPPENS_LAST_FILL)
				assert_true(to == -1 || to == over[i] ||
				    to == ORDER_FILLED);
			else
				assert_int_equal(to, -1);
		}
	assert_int_equal(after(ORDER_FILLED, HAPPENS_FILL), -1);
	assert_int_equal(after(ORDER_DENIED, HAPPENS_FILL), -1);
	assert_int_equal(trade_order_state_parse("new"), -1);
}

static void
steps_of_a_live_order(void **state)
{
	(void)state;
	assert_int_equal(after(ORDER_SUBMITTING, HAPPENS_ACCEPT),
	    ORDER_ACCEPTED);
	assert_int_equal(after(ORDER_SUBMITTING, HAPPENS_LOST),
	    ORDER_UNKNOWN);
	assert_int_equal(after(ORDER_UNKNOWN, HAPPENS_ACCEPT),
	    ORDER_ACCEPTED);
	assert_int_equal(after(ORDER_UNKNOWN, HAPPENS_REJECT),
	    ORDER_REJECTED);
	/* a fill may come first */
	assert_int_equal(after(ORDER_SUBMITTING, HAPPENS_FILL),
	    ORDER_PARTIAL);
	assert_int_equal(after(ORDER_PARTIAL, HAPPENS_ACCEPT), -1);
	/* nothing is changed that has no answer yet */
	assert_int_equal(after(ORDER_UNKNOWN, HAPPENS_ASK_REPLACE), -1);
	assert_int_equal(after(ORDER_PENDING_REPLACE, HAPPENS_ASK_REPLACE),
	    -1);
	assert_int_equal(after(ORDER_PENDING_REPLACE, HAPPENS_ASK_CANCEL),
	    ORDER_PENDING_CANCEL);
	/* and goes back to where it was */
	assert_int_equal(after(ORDER_PENDING_REPLACE, HAPPENS_REPLACED),
	    ORDER_ACCEPTED);
	assert_int_equal(trade_order_next(ORDER_PENDING_REPLACE,
	    HAPPENS_REPLACE_REFUSED, false, true), ORDER_TRIGGERED);
	assert_int_equal(trade_order_next(ORDER_PENDING_CANCEL,
	    HAPPENS_CANCEL_REFUSED, true, true), ORDER_PARTIAL);
	assert_int_equal(after(ORDER_PENDING_CANCEL, HAPPENS_FILL),
	    ORDER_PENDING_CANCEL);
	/* what is partly filled is not rejected any more */
	assert_int_equal(trade_order_next(ORDER_PARTIAL, HAPPENS_REJECT,
	    true, false), ORDER_CANCELLED);
	assert_int_equal(after(ORDER_TRIGGERED, HAPPENS_TRIGGER), -1);
}

static void
means_are_rounded_once(void **state)
{
	const struct trade_part thirds[] = {
		{ dec("1"), dec("10") }, { dec("1"), dec("10.00000001") },
		{ dec("1"), dec("10.00000001") }
	}, even[] = {
		{ dec("1"), dec("10") }, { dec("1"), dec("10.00000001") }
	}, large[] = {
		{ dec("45000000000"), dec("92000000000") },
		{ dec("45000000000"), dec("92000000000") }
	}, wrong[] = {
		{ dec("92000000000"), dec("1") }, { dec("92000000000"),
		    dec("1") }
	};
	struct dec d;

	(void)state;
	assert_int_equal(trade_order_mean(thirds, 3, &d), 0);
	equal(d, "10.00000001");
	assert_int_equal(trade_order_mean(even, 2, &d), 0);
	equal(d, "10");
	assert_int_equal(trade_order_mean(large, 2, &d), 0);
	equal(d, "92000000000");
	assert_int_equal(trade_order_mean(wrong, 2, &d), -1);
}

static void
trails_follow_one_way(void **state)
{
	struct trade_trail t = { .buy = false, .amount = dec("1") },
	    p = { .buy = true, .ppm = 10000 };

	(void)state;
	assert_true(trade_trail_move(&t, dec("100"), dec("0.05")));
	equal(t.stop, "99");
	assert_false(trade_trail_move(&t, dec("100.04"), dec("0.05")));
	assert_false(trade_trail_move(&t, dec("98"), dec("0.05")));
	assert_true(trade_trail_move(&t, dec("100.07"), dec("0.05")));
	equal(t.mark, "100.07");
	/* 99.07 is on no tick: the one above is nearer */
	equal(t.stop, "99.1");
	assert_true(trade_trail_move(&p, dec("50"), dec("0.01")));
	equal(p.stop, "50.5");
	assert_false(trade_trail_move(&p, dec("51"), dec("0.01")));
	assert_true(trade_trail_move(&p, dec("49.99"), dec("0.01")));
	equal(p.stop, "50.48");
	/* a distance beyond the price ends at the lowest tick */
	t = (struct trade_trail){ .amount = dec("5") };
	assert_true(trade_trail_move(&t, dec("3"), dec("0.5")));
	equal(t.stop, "0.5");
	p = (struct trade_trail){ .buy = true, .amount = dec("92000000000") };
	assert_false(trade_trail_move(&p, dec("92000000000"), dec("0.01")));
	assert_int_equal(p.mark.e8, 0);
}

static void
positions_are_exact(void **state)
{
	struct trade_holding h = { { 0 }, { 0 }, { 0 }, { 0 } };

	(void)state;
	assert_int_equal(trade_holding_fill(&h, dec("3"), dec("10"),
	    dec("0.01"), &err), 0);
	assert_int_equal(trade_holding_fill(&h, dec("1"), dec("11"),
	    dec("0.01"), &err), 0);
	equal(h.avg_price, "10.25");
	/* closes two */
	assert_int_equal(trade_holding_fill(&h, dec("-2"), dec("12"),
	    dec("0.01"), &err), 0);
	equal(h.quantity, "2");
	equal(h.avg_price, "10.25");
	equal(h.realized, "3.5");
	/* through zero: the rest opens at the fill's price */
	assert_int_equal(trade_holding_fill(&h, dec("-5"), dec("9"),
	    dec("0.01"), &err), 0);
	equal(h.quantity, "-3");
	equal(h.avg_price, "9");
	equal(h.realized, "1");
	/* a short closed higher loses */
	assert_int_equal(trade_holding_fill(&h, dec("3"), dec("9.5"),
	    dec("0.01"), &err), 0);
	equal(h.quantity, "0");
	equal(h.avg_price, "0");
	equal(h.realized, "-0.5");
	equal(h.fees, "0.05");
}

/* Whatever the order of fills: cash in and out equals realized plus what is
 * left at its mean price, to within the rounding of the mean. */
static void
money_is_kept(void **state)
{
	uint32_t seed = 7;

	(void)state;
	for (int run = 0; run < 200; run++) {
		struct trade_holding h = { { 0 }, { 0 }, { 0 }, { 0 } };
		struct dec cash = { 0 }, held, part;

		for (int i = 0; i < 40; i++) {
			struct dec q, p, worth;

			seed = seed * 1664525 + 1013904223;
			q.e8 = ((int64_t)(seed >> 20) - 2048) * DEC_ONE;
			seed = seed * 1664525 + 1013904223;
			p.e8 = (int64_t)(seed >> 10) * 1000 + DEC_ONE;
			if (q.e8 == 0)
				continue;
			assert_int_equal(trade_holding_fill(&h, q, p,
			    (struct dec){ 0 }, &err), 0);
			assert_int_equal(dec_mul(q, p, &worth), 0);
			cash.e8 -= worth.e8;
		}
		assert_int_equal(dec_mul(h.quantity, h.avg_price, &held), 0);
		part.e8 = h.realized.e8 - held.e8 - cash.e8;
		/* each mean is off by half a unit of 10^-8 a held unit */
		assert_true(llabs(part.e8) <= INT64_C(40) * 90000);
	}
}

static void
too_much_is_refused_whole(void **state)
{
	struct trade_holding h = { dec("90000000000"), dec("1"), { 0 },
	    { 0 } }, before = h;

	(void)state;
	assert_int_equal(trade_holding_fill(&h, dec("90000000000"), dec("1"),
	    dec("0"), &err), -1);
	assert_int_equal(err.status, 422);
	assert_memory_equal(&h, &before, sizeof(h));
}

/* Whatever happens in whatever order: what is filled only grows, what is over
 * stays over unless money moved, and an open order always has a way out. */
static void
no_way_back(void **state)
{
	uint32_t seed = 3;

	(void)state;
	for (int run = 0; run < 3000; run++) {
		struct trade_holding h = { { 0 }, { 0 }, { 0 }, { 0 } };
		struct trade_part part[16];
		int s = ORDER_SUBMITTING;
		size_t fills = 0;
		int64_t left = 12;
		bool triggered = false;

		for (int i = 0; i < 40; i++) {
			int happens, to;
			struct dec q, mean;

			seed = seed * 1664525 + 1013904223;
			happens = (int)((seed >> 9) % HAPPENINGS);
			q.e8 = (1 + (int64_t)((seed >> 16) % 4)) * DEC_ONE;
			if (happens == HAPPENS_LAST_FILL)
				q.e8 = left * DEC_ONE;
			if ((happens == HAPPENS_FILL || happens ==
			    HAPPENS_LAST_FILL) && (left == 0 || q.e8 / DEC_ONE >
			    left))
				continue;
			if (happens == HAPPENS_FILL && q.e8 / DEC_ONE == left)
				happens = HAPPENS_LAST_FILL;
			to = trade_order_next((enum trade_order_state)s,
			    (enum trade_order_happening)happens, left < 12,
			    triggered);
			if (to == -1)
				continue;
			if (!trade_order_is_open((enum trade_order_state)s))
				assert_true(to == s || to == ORDER_FILLED);
			triggered = triggered || happens == HAPPENS_TRIGGER;
			s = to;
			if (happens != HAPPENS_FILL &&
			    happens != HAPPENS_LAST_FILL)
				continue;
			left -= q.e8 / DEC_ONE;
			part[fills++] = (struct trade_part){ q, { DEC_ONE +
			    (int64_t)(seed >> 12) } };
			assert_int_equal(trade_holding_fill(&h, q,
			    part[fills - 1].price, (struct dec){ 0 }, &err),
			    0);
			assert_int_equal(trade_order_mean(part, fills, &mean),
			    0);
			/* rounded once here, once a fill there */
			assert_true(llabs(mean.e8 - h.avg_price.e8) <=
			    (int64_t)fills);
			assert_int_equal(h.quantity.e8, (12 - left) *
			    DEC_ONE);
		}
		assert_int_equal(s == ORDER_FILLED, left == 0);
		if (trade_order_is_open((enum trade_order_state)s))
			assert_int_equal(after(s, HAPPENS_CANCEL),
			    ORDER_CANCELLED);
	}
}

/* ---- checks ------------------------------------------------------------------------- */

static struct trade_risk_in
fine(void)
{
	return (struct trade_risk_in){ .limits = { .max_quantity = dec("100"),
	    .max_notional = dec("5000"), .max_position = dec("150"),
	    .max_open_notional = dec("8000"), .max_open_orders = 10,
	    .per_second = 10, .per_minute = 200, .collar_limit = 0.05,
	    .collar_stop = 0.10, .max_share = 0.5, .daily_loss = 0.1,
	    .short_margin = 1,
	    .quote_age_s = 2 }, .session_state = "active", .buy = true,
	    .quantity = dec("10"), .limit_price = dec("100"),
	    .tick = dec("0.01"), .lot = dec("1"), .reference = dec("100"),
	    .cash = dec("10000"), .equity = dec("10000"),
	    .day_equity = dec("10000"), .fee = 0.001 };
}

static void
each_check_refuses(void **state)
{
	struct trade_risk_in base = fine();
	struct dec reserve;

	(void)state;
	assert_int_equal(trade_risk_check(&base, &reserve, &err), 0);
	equal(reserve, "1001");
#define REFUSED(code_, ...) do { \
	struct trade_risk_in r = base; \
	struct dec held; \
	__VA_ARGS__; \
	err_clear(&err); \
	if (trade_risk_check(&r, &held, &err) != -1) \
		fail_msg("%s was taken", code_); \
	assert_int_equal(err.status, 422); \
	assert_string_equal(err.code, code_); \
} while (0)
	REFUSED("halted", r.session_state = "halted");
	REFUSED("halted", r.session_state = "closed");
	REFUSED("reducing", r.session_state = "reducing");
	REFUSED("reduce_only", r.reduce_only = true);
	REFUSED("reduce_only", r.reduce_only = true, r.position = dec("5"));
	REFUSED("restricted", r.restricted = true);
	REFUSED("untradable", r.untradable = true);
	REFUSED("market_closed", r.closed = true);
	REFUSED("stale_quote", r.market = r.stale = true,
	    r.limit_price = dec("0"));
	REFUSED("lot", r.quantity = dec("3"), r.min_quantity = dec("5"));
	REFUSED("lot", r.max_quantity = dec("9"));
	REFUSED("overflow", r.quantity = dec("90000000000"),
	    r.limit_price = dec("92000000000"), r.limits.collar_limit = 1e12,
	    r.limits.max_quantity = dec("0"));
	REFUSED("lot", r.quantity = dec("0.5"));
	REFUSED("lot", r.quantity = dec("-1"));
	REFUSED("tick", r.limit_price = dec("100.001"));
	REFUSED("price", r.limit_price = dec("0"));
	REFUSED("price", r.stop = true);
	REFUSED("no_quote", r.reference = dec("0"));
	REFUSED("stale_quote", r.market = true, r.limit_price = dec("0"),
	    r.reference_age_s = 3);
	REFUSED("collar", r.limit_price = dec("106"));
	REFUSED("collar", r.stop = true, r.stop_price = dec("111"));
	REFUSED("max_quantity", r.quantity = dec("101"));
	REFUSED("max_notional", r.quantity = dec("51"));
	REFUSED("duplicate", r.duplicate = true);
	REFUSED("rate", r.last_second = 10);
	REFUSED("rate", r.last_minute = 200);
	REFUSED("open_orders", r.open_orders = 10);
	REFUSED("open_notional", r.open_notional = dec("7001"));
	REFUSED("self_trade", r.crosses_own = true);
	REFUSED("position", r.position = dec("145"));
	REFUSED("position", r.open_quantity = dec("145"));
	REFUSED("cash", r.cash = dec("1000"));
	REFUSED("cash", r.reserved = dec("9000"));
	REFUSED("daily_loss", r.equity = dec("8999"), r.limits.max_share = 0);
	REFUSED("concentration", r.position = dec("41"));
#undef REFUSED
}

/* What makes a position smaller needs no cash but its fee, also on a bad day
 * and while the session only reduces. */
static void
the_way_out_stays_open(void **state)
{
	struct trade_risk_in r = fine();
	struct dec reserve;

	(void)state;
	r.buy = false;
	r.position = dec("10");
	r.session_state = "reducing";
	r.reduce_only = true;
	r.cash = dec("1");
	r.equity = dec("5000");
	assert_int_equal(trade_risk_check(&r, &reserve, &err), 0);
	equal(reserve, "1");
	/* turning it needs cash for what opens */
	r = fine();
	r.buy = false;
	r.position = dec("4");
	assert_int_equal(trade_risk_check(&r, &reserve, &err), 0);
	equal(reserve, "601");
}

/* ---- paper -------------------------------------------------------------------------- */

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_are_final),
		cmocka_unit_test(steps_of_a_live_order),
		cmocka_unit_test(means_are_rounded_once),
		cmocka_unit_test(trails_follow_one_way),
		cmocka_unit_test(positions_are_exact),
		cmocka_unit_test(money_is_kept),
		cmocka_unit_test(too_much_is_refused_whole),
		cmocka_unit_test(no_way_back),
		cmocka_unit_test(each_check_refuses),
		cmocka_unit_test(the_way_out_stays_open)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
