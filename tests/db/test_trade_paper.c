/*
 * The paper broker on rows, under a clock of the test's own: brackets inside a
 * bar, latency, a stale feed, a clock that goes back, a corrected bar, a
 * stopped session; the books after random days; replay, what was tampered
 * with, what retention took.
 */
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
#include "base/random.h"
#include "db/db.h"
#include "modules/trade/papers.h"
#include "tests/harness/mariadb.h"

#include <cmocka.h>

#define DB "test_trade_paper"

static struct arena *a;
static struct db *db;
static struct err err;
static struct trade_desk d;
static struct trade_session s;
static struct trade_instrument one, two;
static int64_t clock_us;

static void
good(int rc)
{
	if (rc != 0)
		fail_msg("%d: %d %s: %s (%s)", rc, err.status, err.code,
		    err.detail, err.cause);
}

static struct dec
dec(const char *text)
{
	struct dec x;

	assert_int_equal(dec_parse(text, strlen(text), &x), NUM_OK);
	return x;
}

static const char *
value(const char *sql)
{
	return mariadb_value(a, DB, sql);
}

static void
begin(void)
{
	err_clear(&err);
	d.now.us = clock_us;
	good(db_begin(db, &err));
}

static void
commit(void)
{
	good(db_commit(db, &err));
}

static struct trade_instrument
instrument(const char *symbol)
{
	struct trade_instrument i = { .tenant_id = d.tenant,
	    .symbol = symbol, .exchange = "", .name = "", .kind = "equity",
	    .currency = "USD", .tick = dec("0.01"), .lot = dec("1"),
	    .zone = "UTC", .hours = "", .closed_on = "", .tradable = true,
	    .created_at = { clock_us } };

	good(trade_instrument_put(db, a, &i, &err));
	return i;
}

/* A new account in every test. */
static int
fresh(void **state)
{
	(void)state;
	if (db_in_txn(db))
		db_rollback(db);
	clock_parse("2026-03-02T10:00:00Z", &d.now);
	clock_us = d.now.us;
	d = (struct trade_desk){ .db = db, .a = a, .tenant = uuid_new(),
	    .user = uuid_new(), .now = { clock_us }, .fee = 0.0002,
	    .limits = { .collar_limit = 1, .collar_stop = 1,
		.per_second = 100000, .per_minute = 100000,
		.max_open_orders = 5000, .daily_loss = 1,
		.quote_age_s = 900 }, .twice = true,
	    .paper_terms = { .fee_ppm = 200, .every = 10000 } };
	begin();
	one = instrument("ONE");
	two = instrument("TWO");
	good(trade_session_open(db, a, d.tenant, d.user, dec("100000"), "USD",
	    d.now, &s, &err));
	commit();
	return 0;
}

static struct trade_order
order(const char *side, const char *type, const char *q, const char *price)
{
	struct trade_order o = trade_order_new(&d, NULL);

	o.symbol = "ONE";
	o.side = side;
	o.type = type;
	o.tif = "gtc";
	o.quantity = dec(q);
	if (strcmp(type, "limit") == 0)
		o.limit_price = dec(price);
	if (strcmp(type, "stop") == 0)
		o.stop_price = dec(price);
	return o;
}

static struct uuid
place(struct trade_order o)
{
	begin();
	good(trade_order_place(&d, &o, "", &err));
	commit();
	return o.id;
}

static struct trade_order
now(struct uuid id)
{
	struct trade_order o;

	good(trade_order_by_id(db, a, s.id, id, false, &o, &err));
	return o;
}

#define expect_state(id, want) \
	assert_string_equal(now(id).state, want)

static void
price_is(const char *text, const char *want)
{
	assert_int_equal(dec(text).e8, dec(want).e8);
}

static void
tick_of(int64_t id, const char *last, const char *volume)
{
	const struct trade_paper_tick t = { .instrument_id = id,
	    .last = dec(last), .volume = dec(volume), .at = { clock_us } };

	begin();
	good(trade_paper_on_tick(&d, &t, &err));
	commit();
	clock_us += 1000;
}

static void
tick(const char *last, const char *volume)
{
	tick_of(one.id, last, volume);
}

static struct trade_bar
bar_of(const char *o, const char *h, const char *l, const char *c)
{
	return (struct trade_bar){ .at = { clock_us }, .open = dec(o),
	    .high = dec(h), .low = dec(l), .close = dec(c),
	    .volume = dec("1000") };
}

static void
bar(struct trade_bar b)
{
	begin();
	good(trade_paper_on_bars(&d, one.id, "1d", &b, 1, &err));
	commit();
	clock_us += 1000;
}

static void
wake(int64_t ms)
{
	clock_us += ms * 1000;
	begin();
	good(trade_paper_wake(&d, s.id, one.id, &err));
	commit();
}

/* ---- the books ---------------------------------------------------------------- */

static void
the_books_agree(void)
{
	static const char *const wrong[] = {
		"SELECT COUNT(*) FROM trade_session s WHERE cash <> (SELECT "
		"SUM(amount) FROM trade_cash c WHERE c.session_id = s.id)",
		"SELECT COUNT(*) FROM trade_session s WHERE reserved <> "
		"(SELECT COALESCE(SUM(reserved), 0) FROM trade_order o WHERE "
		"o.session_id = s.id AND open = 1)",
		"SELECT COUNT(*) FROM trade_order WHERE open IS NULL AND "
		"reserved <> 0",
		"SELECT COUNT(*) FROM trade_position p WHERE quantity <> "
		"(SELECT SUM(IF(side = 'buy', f.quantity, -f.quantity)) FROM "
		"trade_fill f WHERE f.session_id = p.session_id AND f.symbol "
		"= p.symbol)",
		"SELECT COUNT(*) FROM trade_order o WHERE filled <> (SELECT "
		"COALESCE(SUM(quantity), 0) FROM trade_fill f WHERE "
		"f.order_id = o.id) OR filled > quantity",
		"SELECT COUNT(*) FROM trade_order WHERE refused > 0",
		"SELECT COUNT(*) FROM trade_paper_order p LEFT JOIN "
		"trade_order o ON o.id = p.order_id WHERE o.open IS NULL",
		"SELECT COUNT(*) FROM trade_order o LEFT JOIN "
		"trade_paper_order p ON o.id = p.order_id WHERE o.open = 1 "
		"AND p.order_id IS NULL"
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (strcmp(value(wrong[i]), "0") != 0)
			fail_msg("%s: %s", wrong[i], value(wrong[i]));
}

static struct trade_paper_replay
replayed(int64_t from)
{
	struct trade_paper_replay r;

	begin();
	good(trade_paper_replay(db, a, s.id, from, (struct utc){ 0 }, &r,
	    &err));
	commit();
	return r;
}

static void
same_again(void)
{
	struct trade_paper_replay r = replayed(0);

	if (!r.same)
		fail_msg("input %lld: %s", (long long)r.differs_at, r.detail);
	assert_true(r.hashes >= 1);
	the_books_agree();
}

/* ---- one by one ------------------------------------------------------------------ */

static void
a_queue_survives(void **state)
{
	struct uuid id;

	(void)state;
	d.paper_terms.share_ppm = 100000;
	tick("100.01", "5");
	/* a minute's volume is known: a tenth of it is ahead */
	begin();
	good(trade_bar_put(db, one.id, "1m", &(struct trade_bar){
	    .at = { clock_us - 2000 }, .open = dec("100"),
	    .high = dec("101"), .low = dec("99"), .close = dec("100"),
	    .volume = dec("500") }, 1, a, &(uint64_t){ 0 }, &err));
	commit();
	tick("100.01", "1");
	id = place(order("buy", "limit", "10", "100"));
	tick("100", "30");
	assert_int_equal(now(id).filled.e8, 0);
	tick("100", "24");
	assert_int_equal(now(id).filled.e8, dec("4").e8);
	expect_state(id, "partially_filled");
	tick("99.5", "1");
	expect_state(id, "filled");
	assert_string_equal(value("SELECT GROUP_CONCAT(liquidity) FROM "
	    "trade_fill"), "maker,maker");
	same_again();
}

/* Both exits lie inside the bar: the nearer one is met, the other one goes. */
static void
a_bracket_inside_a_bar(void **state)
{
	struct trade_order o;
	struct uuid id;

	(void)state;
	bar(bar_of("100", "100", "100", "100"));
	o = order("buy", "limit", "5", "99");
	o.take_profit = dec("103");
	o.stop_loss = dec("95");
	id = place(o);
	expect_state(id, "accepted");
	/* down to 98 (filled at 99), up to 110: the profit is taken at 103 */
	bar(bar_of("100", "110", "98", "94.5"));
	expect_state(id, "filled");
	assert_string_equal(value("SELECT GROUP_CONCAT(CONCAT(role, ' ', "
	    "state, ' ', TRIM(avg_price)+0) ORDER BY role) FROM trade_order "
	    "WHERE parent_id IS NOT NULL AND session_id = (SELECT MAX(id) "
	    "FROM trade_session)"), "take_profit filled 103,stop_loss "
	    "cancelled 0");
	price_is(value("SELECT TRIM(quantity) FROM trade_position WHERE "
	    "session_id = (SELECT MAX(id) FROM trade_session)"), "0");
	assert_true(strtoll(value("SELECT COUNT(*) FROM trade_paper_log WHERE "
	    "parent > 0"), NULL, 10) >= 3);
	same_again();
}

/* A quote below the stop of a market entry's bracket. */
static void
a_bracket_on_quotes(void **state)
{
	struct trade_quote q = { .instrument_id = one.id,
	    .bid = dec("99.5"), .ask = dec("99.5"), .last = dec("99.5") };
	struct trade_order o;
	struct uuid id;

	(void)state;
	q.at.us = q.heard_at.us = clock_us++;
	begin();
	good(trade_paper_on_quote(&d, &q, &err));
	commit();
	o = order("buy", "market", "2", "0");
	o.take_profit = dec("110");
	o.stop_loss = dec("96");
	id = place(o);
	expect_state(id, "filled");
	/* an own bid above the market's does not stand before the stop */
	place(order("buy", "limit", "1", "99"));
	q.bid = dec("95.5");
	q.at.us = q.heard_at.us = clock_us++;
	begin();
	good(trade_paper_on_quote(&d, &q, &err));
	commit();
	assert_string_equal(value(arena_printf(a, "SELECT GROUP_CONCAT("
	    "CONCAT(role, ' ', state) ORDER BY role) FROM trade_order WHERE "
	    "parent_id = (SELECT id FROM trade_order WHERE role = 'entry' "
	    "ORDER BY id DESC LIMIT 1)")), "take_profit cancelled,stop_loss "
	    "filled");
	same_again();
}

static void
a_trailing_stop_survives(void **state)
{
	struct trade_order o;
	struct uuid id;

	(void)state;
	tick("100", "5");
	place(order("buy", "market", "5", "0"));
	o = order("sell", "trailing_stop", "5", "0");
	o.trail_amount = dec("2");
	id = place(o);
	tick("104", "5");
	assert_int_equal(now(id).stop_price.e8, dec("102").e8);
	assert_int_equal(now(id).trail_mark.e8, dec("104").e8);
	tick("102.5", "5");
	expect_state(id, "accepted");
	tick("101.5", "5");
	expect_state(id, "filled");
	assert_int_equal(now(id).avg_price.e8, dec("101.5").e8);
	same_again();
}

static void
latency_and_time(void **state)
{
	struct trade_order o;
	struct uuid id;

	(void)state;
	d.paper_terms.latency_us = 50000;
	d.paper_terms.jitter_us = 10000;
	tick("100", "5");
	id = place(order("buy", "market", "5", "0"));
	wake(1);
	expect_state(id, "accepted");
	wake(100);
	expect_state(id, "filled");
	/* a day order ends with its day, whoever looks */
	o = order("buy", "limit", "1", "90");
	o.tif = "day";
	id = place(o);
	assert_string_equal(value("SELECT COUNT(*) FROM trade_paper_order "
	    "WHERE due_at IS NOT NULL"), "1");
	wake(1000);
	expect_state(id, "accepted");
	wake(14 * 3600 * 1000);
	expect_state(id, "expired");
	same_again();
	assert_string_equal(value("SELECT GROUP_CONCAT(kind ORDER BY seq) FROM "
	    "trade_paper_hash WHERE session_id = (SELECT MAX(id) FROM "
	    "trade_session)"), "start,day");
}

/* Nothing was heard for long: market orders are refused, stops are held, and
 * act on the first price that is fresh. */
static void
a_stale_feed(void **state)
{
	struct trade_paper_tick t = { .instrument_id = one.id,
	    .last = dec("90"), .volume = dec("1"), .lags = true };
	struct trade_order o;
	struct uuid id;

	(void)state;
	tick("100", "5");
	place(order("buy", "market", "5", "0"));
	clock_us += 901 * US_PER_S;
	o = order("buy", "market", "1", "0");
	begin();
	assert_int_equal(trade_order_place(&d, &o, "", &err), -1);
	assert_string_equal(err.code, "stale_quote");
	db_rollback(db);
	id = place(order("sell", "stop", "5", "100.5"));
	expect_state(id, "accepted");
	/* the source is behind */
	begin();
	t.at.us = clock_us;
	good(trade_paper_on_tick(&d, &t, &err));
	commit();
	expect_state(id, "accepted");
	clock_us += 1000;
	tick("91", "1");
	expect_state(id, "filled");
	assert_int_equal(now(id).avg_price.e8, dec("91").e8);
	same_again();
}

static void
the_clock_goes_back(void **state)
{
	struct uuid id;

	(void)state;
	tick("100", "5");
	id = place(order("buy", "limit", "1", "99"));
	clock_us -= 3600 * US_PER_S;
	place(order("buy", "limit", "1", "98"));
	clock_us += 3600 * US_PER_S;
	tick("98.5", "5");
	expect_state(id, "filled");
	assert_string_equal(value("SELECT COUNT(*) FROM trade_paper_log x JOIN "
	    "trade_paper_log y ON y.session_id = x.session_id AND y.seq = "
	    "x.seq + 1 WHERE y.at < x.at"), "0");
	same_again();
}

/* A replayed day has its own clock, by which a chart shows what was traded. */
static void
a_fill_has_the_time_of_its_market(void **state)
{
	const struct utc day = { clock_us - 30 * 86400 * US_PER_S };
	const struct trade_paper_tick t = { .instrument_id = one.id,
	    .last = dec("100"), .volume = dec("100"), .at = day };
	struct uuid none = { { 0 } };
	struct rows rows;
	struct trade_fill f;

	(void)state;
	tick_of(two.id, "50", "100");
	begin();
	good(trade_paper_on_tick(&d, &t, &err));
	commit();
	place(order("buy", "limit", "1", "100.5"));
	wake(1000);
	good(trade_fill_page(db, a, s.id, "ONE", none, 10, &rows, &err));
	assert_int_equal(rows.n, 1);
	f = *ROW(&rows, struct trade_fill, 0);
	assert_int_equal(f.market_at.us, day.us);
	assert_true(f.at.us >= d.now.us - US_PER_S);
	good(trade_fill_page(db, a, s.id, "TWO", none, 10, &rows, &err));
	assert_int_equal(rows.n, 0);
	good(trade_fill_page(db, a, s.id, "", none, 10, &rows, &err));
	assert_int_equal(rows.n, 1);
}

static void
a_bar_is_corrected(void **state)
{
	struct trade_bar b;
	struct uuid id;
	const char *cash;

	(void)state;
	bar(bar_of("100", "100", "100", "100"));
	id = place(order("buy", "limit", "5", "99"));
	b = bar_of("100", "101", "98", "100");
	bar(b);
	expect_state(id, "filled");
	cash = value("SELECT GROUP_CONCAT(cash) FROM trade_session");
	/* it never went so low, it is said now */
	b.low = dec("99.5");
	bar(b);
	expect_state(id, "filled");
	assert_string_equal(value("SELECT GROUP_CONCAT(cash) FROM "
	    "trade_session"), cash);
	assert_string_equal(value("SELECT COUNT(*) FROM trade_paper_log WHERE "
	    "kind = 'note'"), "1");
	bar(b);
	assert_string_equal(value("SELECT COUNT(*) FROM trade_paper_log WHERE "
	    "kind = 'note'"), "1");
	same_again();
}

/* What is stopped stands still, but closes. */
static void
a_halted_session_only_closes(void **state)
{
	struct uuid opens, closes;

	(void)state;
	tick("100", "5");
	place(order("buy", "market", "5", "0"));
	opens = place(order("buy", "limit", "5", "98"));
	closes = place(order("sell", "stop", "5", "97"));
	mariadb_sql(DB, "UPDATE trade_session SET state = 'halted'");
	tick("96", "5");
	expect_state(opens, "accepted");
	expect_state(closes, "filled");
	mariadb_sql(DB, "UPDATE trade_session SET state = 'active'");
	tick("96.5", "5");
	expect_state(opens, "filled");
	same_again();
}

static void
rows_are_followed(void **state)
{
	struct trade_order o;
	struct uuid id;

	(void)state;
	tick("100", "5");
	id = place(order("buy", "limit", "5", "98"));
	begin();
	good(trade_order_cancel(&d, id, "test", &o, &err));
	commit();
	tick("97", "5");
	expect_state(id, "cancelled");
	/* and what somebody ended behind its back */
	o = order("buy", "limit", "5", "96");
	o.client_order_id = "behind";
	id = place(o);
	mariadb_sql(DB, "UPDATE trade_session s JOIN trade_order o ON "
	    "o.session_id = s.id AND o.client_order_id = 'behind' SET "
	    "s.reserved = s.reserved - o.reserved, o.state = 'cancelled', "
	    "o.open = NULL, o.reserved = 0");
	tick("95", "5");
	expect_state(id, "cancelled");
	same_again();
}

/* ---- replay ------------------------------------------------------------------------ */

static void
what_was_changed_is_named(void **state)
{
	struct trade_paper_replay r;
	const char *seq;

	(void)state;
	d.paper_terms.every = 3;
	tick("100", "5");
	for (int i = 0; i < 4; i++) {
		place(order("buy", "limit", "2", "99"));
		place(order("sell", "limit", "1", "101"));
		tick("98.9", "5");
		tick("101.1", "5");
	}
	same_again();
	assert_true(replayed(0).hashes > 3);
	assert_true(replayed(4).from >= 4);
	seq = value("SELECT seq FROM trade_paper_log WHERE kind = 'tick' AND "
	    "session_id = (SELECT MAX(id) FROM trade_session) ORDER BY seq "
	    "LIMIT 1 OFFSET 2");
	mariadb_sql(DB, arena_printf(a, "UPDATE trade_paper_log SET body = "
	    "REPLACE(body, '\"last\":98.9', '\"last\":99.3') WHERE seq = %s",
	    seq));
	r = replayed(0);
	assert_false(r.same);
	assert_int_equal(r.differs_at, strtoll(seq, NULL, 10));
	/* later states do not depend on it */
	r = replayed(r.differs_at + 1);
	assert_true(r.same);
	/* the log is gone: it begins where it can, or says so */
	mariadb_sql(DB, arena_printf(a, "DELETE FROM trade_paper_log WHERE seq "
	    "<= %s", seq));
	begin();
	assert_int_equal(trade_paper_replay(db, a, s.id, 0, (struct utc){ 0 },
	    &r, &err), -1);
	assert_int_equal(err.status, 410);
	db_rollback(db);
	mariadb_sql(DB, arena_printf(a, "DELETE FROM trade_paper_hash WHERE "
	    "seq < %s", seq));
	r = replayed(0);
	assert_true(r.same);
	/* somebody wrote into the state */
	mariadb_sql(DB, "UPDATE trade_paper SET head = REPLACE(head, "
	    "'session ', 'session 0')");
	assert_true(replayed(0).same);
	mariadb_sql(DB, "UPDATE trade_paper SET head = REPLACE(head, 'terms ', "
	    "'terms 1')");
	assert_false(replayed(0).same);
}

static uint64_t seed;

static int64_t
below(int64_t n)
{
	seed = seed * UINT64_C(6364136223846793005) +
	    UINT64_C(1442695040888963407);
	return (int64_t)((seed >> 33) % (uint64_t)n);
}

static void
any_order(int64_t cents)
{
	static const char *const types[] = { "market", "limit", "limit",
	    "stop", "trailing_stop" };
	struct trade_order o = order(below(2) ? "buy" : "sell",
	    types[below(5)], "1", "1");

	o.symbol = below(4) == 0 ? "TWO" : "ONE";
	o.quantity.e8 = (1 + below(9)) * DEC_ONE;
	if (o.limit_price.e8 > 0)
		o.limit_price.e8 = (cents + below(20) - 10) * 1000000;
	if (o.stop_price.e8 > 0)
		o.stop_price.e8 = (cents + below(20) - 10) * 1000000;
	if (strcmp(o.type, "trailing_stop") == 0)
		o.trail_amount = dec("0.05");
	if (strcmp(o.type, "limit") == 0 && below(3) == 0) {
		bool buy = strcmp(o.side, "buy") == 0;

		o.take_profit.e8 = o.limit_price.e8 + (buy ? 5 : -5) *
		    1000000;
		o.stop_loss.e8 = o.limit_price.e8 - (buy ? 5 : -5) * 1000000;
	}
	o.tif = below(6) == 0 ? "ioc" : below(4) == 0 ? "day" : "gtc";
	if (o.take_profit.e8 > 0 || strcmp(o.type, "trailing_stop") == 0)
		o.tif = "gtc";
	begin();
	if (trade_order_place(&d, &o, "", &err) == -1) {
		/* a check may refuse it; nothing else may */
		if (err.status != 422)
			fail_msg("%d %s: %s (%s)", err.status, err.code,
			    err.detail, err.cause);
		db_rollback(db);
		return;
	}
	commit();
}

static void
random_days(void **state)
{
	int64_t cents = 10000;

	(void)state;
	seed = 11;
	d.paper_terms = (struct trade_paper_terms){ .fee_ppm = 200,
	    .every = 40, .spread_ppm = 100, .share_ppm = 200000,
	    .latency_us = 500, .jitter_us = 800 };
	tick_of(two.id, "100", "5");
	tick("100", "5");
	for (int i = 0; i < 400; i++) {
		const char *last;
		char text[32];

		cents += below(11) - 5;
		snprintf(text, sizeof(text), "%lld.%02lld",
		    (long long)cents / 100, (long long)cents % 100);
		last = arena_strdup(a, text);
		switch (below(8)) {
		case 0:
		case 1:
		case 2:
			any_order(cents);
			break;
		case 3:
			tick_of(two.id, last, "7");
			break;
		case 4: {
			struct trade_bar b = bar_of(last, last, last, last);

			b.high.e8 += below(15) * 1000000;
			b.low.e8 -= below(15) * 1000000;
			bar(b);
			break;
		}
		case 5:
			wake(below(3));
			break;
		default:
			tick(last, "9");
		}
		clock_us += below(900) * US_PER_S;
	}
	assert_true(strtoll(value("SELECT COUNT(*) FROM trade_fill"), NULL,
	    10) > 50);
	assert_true(replayed(0).hashes > 3);
	same_again();
}

static int
start(void **state)
{
	(void)state;
	a = arena_new((size_t)1 << 30);
	if (!mariadb_start())
		return -1;
	mariadb_migrated(DB, NULL);
	db = mariadb_open(a, DB);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	db_close(db);
	arena_free(a);
	return 0;
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup(f, fresh)
	const struct CMUnitTest tests[] = {
		T(a_queue_survives), T(a_bracket_inside_a_bar),
		T(a_bracket_on_quotes),
		T(a_trailing_stop_survives), T(latency_and_time),
		T(a_stale_feed), T(the_clock_goes_back),
		T(a_fill_has_the_time_of_its_market), T(a_bar_is_corrected),
		T(a_halted_session_only_closes), T(rows_are_followed),
		T(what_was_changed_is_named), T(random_days)
	};

	return cmocka_run_group_tests(tests, start, stop);
}
