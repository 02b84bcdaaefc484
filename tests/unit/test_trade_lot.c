/*
 * Lots, tax, risk and adjusted bars, pure: by hand on small numbers, on AAPL
 * with its real split and dividends, and as sums that must hold whatever is
 * bought and sold.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/number.h"
#include "modules/trade/corporate.h"
#include "modules/trade/portfolio.h"
#include "tests/harness/data.h"

#define DAY (86400 * US_PER_S)

static struct arena *a;
static struct err err;

static int
setup(void **state)
{
	(void)state;
	a = arena_new((size_t)256 << 20);
	return 0;
}

static int
teardown(void **state)
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

static void
equal(struct dec got, const char *want)
{
	char buf[DEC_TEXT];

	assert_string_equal(dec_format(got, buf), want);
}

static void
move(struct trade_lots *x, const char *kind, const char *q, const char *price,
    const char *fee, int64_t day)
{
	const struct trade_movement m = { .kind = kind, .symbol = "S",
	    .quantity = dec(q), .price = dec(price), .fee = dec(fee),
	    .at = { (day + 1) * DAY } };

	assert_int_equal(trade_lot_move(a, x, &m, &err), 0);
}

static void
the_oldest_goes_first(void **state)
{
	struct trade_lots x = { .method = LOTS_FIFO, .long_days = 365 };

	(void)state;
	move(&x, "fill", "10", "100", "1", 0);
	move(&x, "fill", "10", "120", "1", 200);
	move(&x, "fill", "-15", "130", "3", 366);
	assert_int_equal(x.gains.n, 2);
	equal(x.gains.v[0].cost, "1001");
	equal(x.gains.v[0].proceeds, "1298");	/* 1300 - 2 of the fee */
	equal(x.gains.v[0].gain, "297");
	assert_string_equal(x.gains.v[0].term, "long");
	equal(x.gains.v[1].gain, "48.5");	/* 649 - 600.5 */
	assert_string_equal(x.gains.v[1].term, "short");
	assert_int_equal(x.open.n, 1);
	equal(x.open.v[0].quantity, "5");
	equal(x.open.v[0].cost, "600.5");
}

static void
a_year_to_the_day_is_short(void **state)
{
	struct trade_lots x = { .method = LOTS_FIFO, .long_days = 365 };

	(void)state;
	move(&x, "fill", "2", "10", "0", 0);
	move(&x, "fill", "-1", "11", "0", 365);
	move(&x, "fill", "-1", "11", "0", 366);
	assert_string_equal(x.gains.v[0].term, "short");
	assert_string_equal(x.gains.v[1].term, "long");
}

static void
all_alike(void **state)
{
	struct trade_lots x = { .method = LOTS_AVERAGE, .long_days = 365 };

	(void)state;
	move(&x, "fill", "10", "100", "0", 0);
	move(&x, "fill", "10", "120", "0", 1);
	move(&x, "fill", "-15", "130", "0", 2);
	assert_int_equal(x.gains.n, 1);
	equal(x.gains.v[0].cost, "1650");
	equal(x.gains.v[0].gain, "300");
	equal(x.open.v[0].cost, "550");
}

static void
short_and_through_zero(void **state)
{
	struct trade_lots x = { .method = LOTS_FIFO, .long_days = 365 };

	(void)state;
	move(&x, "fill", "-10", "100", "1", 0);
	equal(x.open.v[0].quantity, "-10");
	equal(x.open.v[0].cost, "999");		/* what was got */
	move(&x, "fill", "15", "90", "3", 500);
	assert_string_equal(x.gains.v[0].side, "short");
	assert_string_equal(x.gains.v[0].term, "short");
	equal(x.gains.v[0].cost, "902");
	equal(x.gains.v[0].proceeds, "999");
	equal(x.gains.v[0].gain, "97");
	equal(x.open.v[0].quantity, "5");
	equal(x.open.v[0].cost, "451");
}

static void
a_split_keeps_the_cost(void **state)
{
	struct trade_lots x = { .method = LOTS_FIFO, .long_days = 365 };

	(void)state;
	move(&x, "fill", "1", "100", "0", 0);
	move(&x, "fill", "2", "110", "0", 1);
	move(&x, "split", "18", "0", "0", 2);	/* 7 for 1 */
	equal(x.open.v[0].quantity, "7");
	equal(x.open.v[1].quantity, "14");
	equal(x.open.v[0].cost, "100");
	move(&x, "fill", "-7", "15", "0", 3);
	equal(x.gains.v[0].gain, "5");
	/* units without a price: said, and their cost is 0 */
	move(&x, "transfer", "1", "0", "0", 4);
	assert_false(x.open.v[1].basis_known);
}

/* Cash that went in and out is cost and gain, to the last 10^-8. */
static void
nothing_is_lost(void **state)
{
	struct trade_lots x = { .method = LOTS_FIFO, .long_days = 365 };
	uint64_t seed = 88172645463325252u;
	int64_t cash = 0, cost = 0, gain = 0;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		struct trade_movement m = { .kind = "fill", .symbol = "S",
		    .at = { (i + 1) * DAY } };
		struct dec value;

		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		m.quantity.e8 = (int64_t)(seed % 700000001) + 1;
		m.price.e8 = (int64_t)(seed / 7 % 90000000000) + 1;
		m.fee.e8 = (int64_t)(seed / 11 % 100000000);
		assert_int_equal(dec_mul(m.quantity, m.price, &value), 0);
		if (seed & 1)
			m.quantity.e8 = -m.quantity.e8;
		cash += (seed & 1 ? value.e8 : -value.e8) - m.fee.e8;
		assert_int_equal(trade_lot_move(a, &x, &m, &err), 0);
	}
	for (size_t i = 0; i < x.gains.n; i++)
		gain += x.gains.v[i].gain.e8;
	for (size_t i = 0; i < x.open.n; i++)
		cost += x.open.v[i].quantity.e8 > 0 ? x.open.v[i].cost.e8 :
		    -x.open.v[i].cost.e8;
	assert_int_equal(cash, gain - cost);
	assert_true(x.gains.n > 1000);
}

static void
tax_is_on_gains(void **state)
{
	const struct trade_portfolio_conf f = { 30, 15, 365, "fifo" };
	struct trade_lots x = { .method = LOTS_FIFO, .long_days = 365 };
	struct trade_tax_year *t;
	struct rows years;

	(void)state;
	move(&x, "fill", "10", "100", "0", 0);		/* 1970 */
	move(&x, "fill", "-5", "80", "0", 100);		/* -100, short */
	assert_int_equal(trade_tax_of(a, &x, &f, &years, &err), 0);
	assert_int_equal(years.n, 1);
	t = years.v;
	equal(t[0].tax, "0");
	equal(t[0].net, "-100");
	move(&x, "fill", "-4", "200", "0", 400);	/* +400, long, 1971 */
	move(&x, "fill", "10", "10", "0", 401);
	move(&x, "fill", "-1", "200", "0", 402);	/* +100, long */
	move(&x, "fill", "-10", "2", "0", 403);		/* -80, short */
	assert_int_equal(trade_tax_of(a, &x, &f, &years, &err), 0);
	t = years.v;
	assert_int_equal(years.n, 2);
	assert_int_equal(t[1].year, 1971);
	equal(t[1].short_gain, "-80");
	equal(t[1].long_gain, "500");
	equal(t[1].taxable_long, "420");
	equal(t[1].tax, "63");
	assert_int_equal(t[1].gains, 3);
}

/* ---- AAPL: raw prices from the adjusted file, and back --------------------------------- */

static size_t
aapl(struct trade_bar *raw, struct trade_bar *want, struct trade_corporate *c,
    size_t *actions, double *factor)
{
	size_t n, rows = 0;
	char *text = data_read(a, "market/quotes/zipline_AAPL_daily.csv.gz",
	    &n), *line;

	*actions = 0;
	if (text == NULL)
		return 0;
	strsep(&text, "\n");
	while ((line = strsep(&text, "\n")) != NULL && *line != '\0') {
		char *cell[8];
		struct trade_bar *b = &want[rows], *r = &raw[rows];
		/* the file is in units of after the split: 7 before it */
		double k;

		for (size_t i = 0; i < 8; i++)
			cell[i] = strsep(&line, ",");
		assert_int_equal(clock_parse(cell[0], &b->at), 0);
		k = strcmp(cell[0], "2014-06-09") < 0 ? 7 : 1;
		b->open = dec(cell[1]);
		b->high = dec(cell[2]);
		b->low = dec(cell[3]);
		b->close = dec(cell[4]);
		b->volume = dec(cell[5]);
		*r = *b;
		dec_from_real(dec_real(b->open) * k, &r->open);
		dec_from_real(dec_real(b->high) * k, &r->high);
		dec_from_real(dec_real(b->low) * k, &r->low);
		dec_from_real(dec_real(b->close) * k, &r->close);
		dec_from_real(dec_real(b->volume) / k, &r->volume);
		factor[rows] = strtod(cell[6], NULL);
		if (factor[rows] > 0) {
			c[*actions] = (struct trade_corporate){ .kind =
			    "dividend", .ex_at = b->at };
			dec_from_real(factor[rows] * k,
			    &c[(*actions)++].amount);
		}
		if (strtod(cell[7], NULL) != 1)
			c[(*actions)++] = (struct trade_corporate){ .kind =
			    "split", .ex_at = b->at, .ratio = dec(cell[7]) };
		rows++;
	}
	return rows;
}

static void
real_splits_and_dividends(void **state)
{
	static struct trade_bar raw[1000], want[1000];
	static struct trade_corporate c[50], back[50];
	static struct trade_adjusted_bar out[1000];
	static double paid[1000];
	size_t actions, n = aapl(raw, want, c, &actions, paid);
	struct rows rows = { back, actions, &trade_corporate_schema };

	(void)state;
	if (n == 0)
		skip();
	assert_int_equal(n, 754);
	assert_int_equal(actions, 11);
	for (size_t i = 0; i < actions; i++)
		back[i] = c[actions - 1 - i];
	/* for splits alone: the file again */
	assert_int_equal(trade_bars_adjust(raw, n, &rows, false, out, &err),
	    0);
	for (size_t i = 0; i < n; i++) {
		assert_true(fabs(dec_real(out[i].close) -
		    dec_real(want[i].close)) < 1e-7);
		assert_true(fabs(dec_real(out[i].low) -
		    dec_real(want[i].low)) < 1e-7);
		assert_true(fabs(dec_real(out[i].volume) -
		    dec_real(want[i].volume)) < 1e-6);
	}
	/* for dividends too: each day's return is that of close and dividend,
	 * put in at the price before it */
	assert_int_equal(trade_bars_adjust(raw, n, &rows, true, out, &err),
	    0);
	for (size_t i = 1; i < n; i++) {
		double before = dec_real(want[i - 1].close);
		double total = dec_real(want[i].close) / (before - paid[i]);
		double got = dec_real(out[i].close) /
		    dec_real(out[i - 1].close);

		assert_true(fabs(got - total) < 1e-7);
	}
	assert_true(out[n - 1].factor == 1);
	assert_true(out[0].factor < 1.0 / 7 && out[0].factor > 0.9 / 7);
}

static void
risk_of_a_portfolio(void **state)
{
	struct trade_portfolio_holding h[] = {
		{ .symbol = "A", .value = dec("300"), .cost = dec("200"),
		  .pnl = dec("100"), .weight = 0.75 },
		{ .symbol = "B", .value = dec("-100"), .cost = dec("-100"),
		  .pnl = dec("0"), .weight = 0.25 }
	};
	struct trade_portfolio p = { .equity = dec("1000"),
	    .holdings = { h, 2 } };
	struct trade_equity d[] = { { .equity = dec("1000") },
	    { .equity = dec("1100") }, { .equity = dec("1540"),
	    .deposits = dec("550") }, { .equity = dec("1540"),
	    .deposits = dec("550") } };
	struct rows days = { d, 4, &trade_equity_schema };
	struct trade_portfolio_risk r;

	(void)state;
	trade_portfolio_risk_of(&p, &days, &r);
	assert_true(fabs(r.gross_exposure - 0.4) < 1e-12);
	assert_true(fabs(r.net_exposure - 0.2) < 1e-12);
	assert_true(fabs(r.diversification - 0.375) < 1e-12);
	assert_true(fabs(r.mean_return - 0.25) < 1e-12);
	assert_true(fabs(r.stddev_return - 0.25) < 1e-12);
	/* +10 %, -10 % beside a payment of 550, 0 % */
	assert_int_equal(r.days, 3);
	assert_true(fabs(r.day_mean) < 1e-12);
	assert_true(fabs(r.max_drawdown - 0.1) < 1e-12);
	days.n = 1;
	trade_portfolio_risk_of(&p, &days, &r);
	assert_true(isnan(r.sharpe));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_oldest_goes_first),
		cmocka_unit_test(a_year_to_the_day_is_short),
		cmocka_unit_test(all_alike),
		cmocka_unit_test(short_and_through_zero),
		cmocka_unit_test(a_split_keeps_the_cost),
		cmocka_unit_test(nothing_is_lost),
		cmocka_unit_test(tax_is_on_gains),
		cmocka_unit_test(real_splits_and_dividends),
		cmocka_unit_test(risk_of_a_portfolio)
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
