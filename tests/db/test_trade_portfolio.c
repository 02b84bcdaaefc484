/*
 * Portfolio, worth by day and corporate actions against MariaDB: after each
 * action the books of the account agree, and nobody takes one twice.
 */
#define DB "test_trade_portfolio"
#include "tests/harness/trade_env.h"

#include "modules/trade/corporate.h"
#include "modules/trade/portfolio.h"

static const struct trade_portfolio_conf settings = { 30, 15, 365, "fifo" };

static int64_t
number(const char *sql)
{
	return strtoll(mariadb_value(a, DB, sql), NULL, 10);
}

/* A trade of the paper account. */
static void
trade(const char *side, const char *quantity, const char *price)
{
	struct trade_order o = terms(side, "limit", quantity,
	    strcmp(side, "buy") == 0 ? "60" : "140");
	static unsigned n;

	good(place(paper.id, &o));
	assert_int_equal(filled(paper.id, o.id, arena_printf(a, "P%u", n++),
	    quantity, price), 0);
}

static struct trade_corporate
action(const char *kind, const char *ratio, const char *amount)
{
	struct trade_corporate c = { .id = uuid_new(),
	    .tenant_id = desk.tenant, .instrument_id = gold.id,
	    .symbol = gold.symbol, .kind = kind, .ex_at = clock_now(),
	    .ratio = dec(ratio), .amount = dec(amount), .new_symbol = "",
	    .note = "", .made_by = "", .created_at = clock_now() };

	good(trade_corporate_insert(db, &c, &err));
	return c;
}

static int64_t
turn(void)
{
	int64_t n;

	good(trade_corporate_turn(db, a, clock_now(), &n, &err));
	books(paper.id);
	books(live.id);
	return n;
}

static void
a_portfolio_is_its_fills(void **state)
{
	struct trade_portfolio p;
	const struct trade_portfolio_holding *h;
	struct trade_lots lots;

	(void)state;
	desk_again("100000");
	trade("buy", "10", "100");
	trade("buy", "10", "120");
	trade("sell", "15", "130");
	quote_at("150", "150");
	paper = account(paper.id);
	good(trade_portfolio_of(db, a, &settings, &paper, NULL, clock_now(),
	    &p, &lots, &err));
	assert_int_equal(p.holdings.n, 1);
	h = p.holdings.items;
	equal(h->shares, "5");
	equal(h->cost, "600.005");		/* half of 1200.01 */
	equal(h->value, "750");
	equal(h->pnl, "149.995");
	/* 15 x 130 - 0.01 - 1000.01 - 600.005 */
	equal(p.realized_gain, "349.975");
	equal(p.fees, "0.03");
	assert_true(h->weight == 1);
	/* average: the same equity, other gains */
	good(trade_portfolio_of(db, a, &settings, &paper, "average",
	    clock_now(), &p, &lots, &err));
	equal(p.realized_gain, "299.975");
	books(paper.id);
}

static void
the_day_is_kept_once(void **state)
{
	struct rows rows;
	int64_t n;

	(void)state;
	good(trade_equity_turn(db, a, clock_now(), &n, &err));
	assert_int_equal(n, 2);			/* paper and live */
	good(trade_equity_turn(db, a, clock_now(), &n, &err));
	assert_int_equal(n, 0);			/* fresh */
	mariadb_sql(DB, "UPDATE trade_equity SET at = at - INTERVAL 1 HOUR, "
	    "equity = 1");
	good(trade_equity_turn(db, a, clock_now(), &n, &err));
	assert_int_equal(n, 2);
	good(trade_equity_all(db, a, paper.id, (struct utc){ 0 },
	    (struct utc){ 0 }, &rows, &err));
	assert_true(rows.n >= 1 && rows.n <= 2);	/* midnight */
	equal(ROW(&rows, struct trade_equity, rows.n - 1)->deposits,
	    "100000");
	assert_true(ROW(&rows, struct trade_equity, rows.n - 1)->equity.e8 >
	    100000 * DEC_ONE);
}

static void
a_split_is_taken_once(void **state)
{
	struct trade_order o, young;
	struct trade_session before, after;
	struct trade_position p;
	struct trade_corporate c;
	struct rows rows;

	(void)state;
	desk_again("100000");
	trade("buy", "10", "98");
	o = terms("buy", "limit", "10", "70");
	good(place(paper.id, &o));
	before = account(paper.id);
	assert_true(before.reserved.e8 > 0);
	c = action("split", "7", "0");
	quote_at("14", "14");			/* the new market */
	desk.now = clock_now();
	young = terms("buy", "limit", "5", "10");
	good(place(paper.id, &young));
	before = account(paper.id);
	assert_int_equal(turn(), 1);
	state_is(paper.id, young.id, "accepted");
	good(trade_position_get(db, a, paper.id, gold.id, &p, &err));
	equal(p.quantity, "70");
	equal(p.avg_price, "14");
	state_is(paper.id, o.id, "cancelled");
	after = account(paper.id);
	equal(after.reserved, "50.05");		/* of the young one */
	assert_int_equal(after.cash.e8, before.cash.e8);
	assert_int_equal(turn(), 0);
	good(trade_corporate_entry_all(db, a, c.id, &rows, &err));
	assert_int_equal(rows.n, 1);
	equal(ROW(&rows, struct trade_corporate_entry, 0)->quantity, "60");
	assert_int_equal(ROW(&rows, struct trade_corporate_entry,
	    0)->cancelled, 1);
	/* the same action of the same day cannot be entered twice */
	c.id = uuid_new();
	assert_int_equal(trade_corporate_insert(db, &c, &err), -1);
	assert_int_equal(err.status, 409);
	err_clear(&err);
	/* what was taken cannot be taken back */
	assert_int_equal(number("SELECT COUNT(*) FROM trade_corporate WHERE "
	    "sessions = 1 AND applied_at IS NOT NULL"), 1);
}

/* Until the new market is heard, the old quote counts in the new units. */
static void
a_split_leaves_the_worth(void **state)
{
	struct trade_session before, after;

	(void)state;
	mariadb_sql(DB, "DELETE FROM trade_corporate");
	desk_again("100000");
	trade("buy", "10", "98");
	quote_at("105", "105");
	before = account(paper.id);
	good(trade_session_value(db, a, &before, clock_now(), &err));
	action("split", "7", "0");
	assert_int_equal(turn(), 1);
	after = account(paper.id);
	good(trade_session_value(db, a, &after, clock_now(), &err));
	assert_int_equal(before.equity.e8, after.equity.e8);
}

static void
a_dividend_is_of_what_was_held(void **state)
{
	struct trade_session s;
	int64_t cash;

	(void)state;
	mariadb_sql(DB, "DELETE FROM trade_corporate");
	desk_again("100000");
	trade("buy", "10", "100");
	action("dividend", "0", "1.5");
	trade("buy", "90", "100");		/* after the ex time */
	cash = account(paper.id).cash.e8;
	assert_int_equal(turn(), 1);
	s = account(paper.id);
	assert_int_equal(s.cash.e8 - cash, 15 * DEC_ONE);
	assert_int_equal(number("SELECT COUNT(*) FROM trade_cash WHERE kind = "
	    "'dividend' AND amount = 15"), 1);
	assert_int_equal(turn(), 0);
	/* a short pays it */
	mariadb_sql(DB, "DELETE FROM trade_corporate");
	desk_again("100000");
	trade("sell", "10", "100");
	action("dividend", "0", "2");
	cash = account(paper.id).cash.e8;
	turn();
	assert_int_equal(account(paper.id).cash.e8 - cash, -20 * DEC_ONE);
}

static void
a_symbol_changes_with_its_lots(void **state)
{
	struct trade_corporate c = { .id = uuid_new(),
	    .tenant_id = desk.tenant, .instrument_id = gold.id,
	    .symbol = "GOLD", .kind = "symbol_change", .new_symbol = "GLD",
	    .note = "", .made_by = "" };
	struct trade_portfolio p;
	struct trade_lots lots;

	(void)state;
	desk_again("100000");
	trade("buy", "10", "100");
	c.ex_at = c.created_at = clock_now();
	good(trade_corporate_insert(db, &c, &err));
	turn();
	paper = account(paper.id);
	good(trade_portfolio_of(db, a, &settings, &paper, NULL, clock_now(),
	    &p, &lots, &err));
	assert_string_equal(((struct trade_portfolio_holding *)
	    p.holdings.items)->symbol, "GLD");
	equal(((struct trade_portfolio_holding *)p.holdings.items)->cost,
	    "1000.01");
	/* one whose name is taken waits, and holds up nobody */
	mariadb_sql(DB, "UPDATE trade_instrument SET symbol = 'GOLD'");
	turn();
}

/* Document 002's table names are there, and show no secret. */
static void
the_old_names_read(void **state)
{
	(void)state;
	desk_again("100000");
	trade("buy", "10", "100");
	assert_int_equal(number("SELECT COUNT(*) FROM orders o JOIN fills f ON "
	    "f.order_id = o.id WHERE o.qty = 10 AND o.fill_price = 100 AND "
	    "o.status = 'filled' AND f.qty = 10"), 1);
	assert_int_equal(number("SELECT COUNT(*) FROM users"), 0);
	assert_int_equal(number("SELECT COUNT(*) FROM backtest_results"), 0);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs"), 0);
	assert_int_equal(number("SELECT COUNT(*) FROM "
	    "information_schema.columns WHERE table_schema = DATABASE() AND "
	    "table_name IN ('users', 'orders', 'fills', 'backtest_results', "
	    "'jobs') AND column_name REGEXP 'password|secret|hash|token'"),
	    0);
}

static int
start(void **state)
{
	(void)state;
	desk_open();
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	db_close(db);
	mariadb_stop();
	arena_free(a);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_portfolio_is_its_fills),
		cmocka_unit_test(the_day_is_kept_once),
		cmocka_unit_test(a_split_is_taken_once),
		cmocka_unit_test(a_split_leaves_the_worth),
		cmocka_unit_test(a_dividend_is_of_what_was_held),
		cmocka_unit_test(a_symbol_changes_with_its_lots),
		cmocka_unit_test(the_old_names_read)
	};

	return cmocka_run_group_tests(tests, start, stop);
}
