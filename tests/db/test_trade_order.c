/*
 * The life of orders against MariaDB: what brokers say in any order, brackets
 * and pairs, changes, the stop switch, limits as rows, and a long random run
 * after each step of which the books agree.
 */
#define DB "test_trade_order"
#include "tests/harness/trade_env.h"

#include "modules/trade/limit.h"
#include "modules/trade/loss.h"
#include "modules/trade/papers.h"

static const char *
text(struct dec d)
{
	char buf[DEC_TEXT];

	return arena_strdup(a, dec_format(d, buf));
}

static int64_t
number(const char *sql)
{
	return strtoll(mariadb_value(a, DB, sql), NULL, 10);
}

/* ---- what a live broker says ------------------------------------------------------ */

static struct trade_order
sent(const char *side, const char *quantity, const char *price)
{
	struct trade_order o = terms(side, "limit", quantity, price);

	good(place(live.id, &o));
	all_sent();
	return o;
}

static void
a_live_order_waits_for_its_broker(void **state)
{
	struct trade_order o = terms("buy", "limit", "10", "100"), n;
	struct rows rows;

	(void)state;
	desk_again("100000");
	good(place(live.id, &o));
	assert_string_equal(o.state, "submitting");
	assert_string_equal(o.send, "submit");
	equal(o.reserved, "1001");
	good(trade_order_to_send(db, a, desk.now, 10, &rows, &err));
	assert_int_equal(rows.n, 1);
	assert_int_equal(report(live.id, o.id, (struct trade_report){
	    .kind = REPORT_ACCEPTED, .broker_order_id = "B1" }), 0);
	n = order_now(live.id, o.id);
	assert_string_equal(n.state, "accepted");
	assert_string_equal(n.broker_order_id, "B1");
	assert_null(n.send);
	/* again: no trace */
	assert_int_equal(report(live.id, o.id, (struct trade_report){
	    .kind = REPORT_ACCEPTED, .broker_order_id = "B1" }), 1);
	assert_int_equal(order_now(live.id, o.id).version, n.version);
	/* another identifier cannot be true: kept and counted */
	assert_int_equal(report(live.id, o.id, (struct trade_report){
	    .kind = REPORT_ACCEPTED, .broker_order_id = "B2" }), 1);
	n = order_now(live.id, o.id);
	assert_int_equal(n.refused, 1);
	assert_string_equal(n.broker_order_id, "B1");
	assert_int_equal(number("SELECT COUNT(*) FROM trade_order_event WHERE "
	    "NOT applied"), 1);
	books(live.id);
}

static void
a_live_order_needs_a_name(void **state)
{
	struct trade_order o = terms("buy", "limit", "10", "100");

	(void)state;
	desk_again("100000");
	o.client_order_id = NULL;
	assert_int_equal(place(live.id, &o), -1);
	assert_int_equal(err.status, 422);
	assert_string_equal(err.code, "client_order_id");
	/* on paper it gets one */
	o = terms("buy", "limit", "10", "90");
	o.client_order_id = NULL;
	good(place(paper.id, &o));
	assert_int_equal(strlen(o.client_order_id), 36);
	/* the same again is the same order, another body is refused */
	o = terms("buy", "limit", "10", "90");
	o.client_order_id = "once";
	good(place(paper.id, &o));
	o = terms("buy", "limit", "10", "90");
	o.client_order_id = "once";
	assert_int_equal(place(paper.id, &o), 1);
	o = terms("buy", "limit", "11", "90");
	o.client_order_id = "once";
	assert_int_equal(place(paper.id, &o), -1);
	assert_string_equal(err.code, "id_reuse");
	assert_int_equal(number("SELECT COUNT(*) FROM trade_order WHERE "
	    "client_order_id = 'once'"), 1);
}

static void
fills_come_in_any_order(void **state)
{
	struct trade_order o, n;

	(void)state;
	desk_again("100000");
	/* before the acceptance, twice, partly, too much, after the cancel */
	o = sent("buy", "10", "100");
	assert_int_equal(filled(live.id, o.id, "F1", "3", "99.99"), 0);
	state_is(live.id, o.id, "partially_filled");
	assert_int_equal(filled(live.id, o.id, "F1", "3", "99.99"), 1);
	assert_int_equal(says(live.id, o.id, REPORT_ACCEPTED), 1);
	assert_int_equal(filled(live.id, o.id, "F2", "2", "100"), 0);
	assert_int_equal(filled(live.id, o.id, "F3", "6", "100"), 1);
	n = order_now(live.id, o.id);
	equal(n.filled, "5");
	equal(n.avg_price, "99.994");
	equal(n.reserved, "500.5");
	assert_int_equal(n.refused, 1);
	books(live.id);
	begin();
	desk.session = live.id;
	good(trade_order_cancel(&desk, o.id, "test", &n, &err));
	commit();
	assert_string_equal(n.state, "pending_cancel");
	assert_string_equal(n.send, "cancel");
	assert_int_equal(filled(live.id, o.id, "F4", "1", "100"), 0);
	state_is(live.id, o.id, "pending_cancel");
	assert_int_equal(says(live.id, o.id, REPORT_CANCELLED), 0);
	equal(account(live.id).reserved, "0");
	assert_int_equal(filled(live.id, o.id, "F5", "1", "101"), 0);
	n = order_now(live.id, o.id);
	assert_string_equal(n.state, "cancelled");
	assert_true(n.late);
	equal(n.filled, "7");
	equal(held(live.id), "7");
	books(live.id);
	/* all of it after all */
	assert_int_equal(filled(live.id, o.id, "F6", "3", "101"), 0);
	state_is(live.id, o.id, "filled");
	assert_int_equal(filled(live.id, o.id, "F7", "1", "101"), 1);
	assert_int_equal(filled(live.id, o.id, NULL, "0", "101"), 1);
	assert_int_equal(filled(live.id, o.id, NULL, "-1", "101"), 1);
	books(live.id);
}

static void
an_unknown_order_counts_in_full(void **state)
{
	struct trade_order o, n;

	(void)state;
	desk_again("1001");
	o = sent("buy", "10", "100");
	assert_int_equal(says(live.id, o.id, REPORT_UNKNOWN), 0);
	state_is(live.id, o.id, "unknown");
	assert_null(order_now(live.id, o.id).send);
	n = terms("buy", "limit", "1", "100");
	assert_int_equal(place(live.id, &n), -1);
	assert_string_equal(err.code, "cash");
	/* a cancel is remembered and goes out with the answer */
	begin();
	good(trade_order_cancel(&desk, o.id, "test", &n, &err));
	commit();
	assert_string_equal(n.state, "unknown");
	begin();
	assert_int_equal(trade_order_cancel(&desk, o.id, "test", &n, &err),
	    -1);
	assert_string_equal(err.code, "state");
	undo();
	assert_int_equal(report(live.id, o.id, (struct trade_report){
	    .kind = REPORT_ACCEPTED, .broker_order_id = "B7" }), 0);
	n = order_now(live.id, o.id);
	assert_string_equal(n.state, "pending_cancel");
	assert_string_equal(n.send, "cancel");
	assert_int_equal(says(live.id, o.id, REPORT_CANCEL_REFUSED), 0);
	state_is(live.id, o.id, "accepted");
	books(live.id);
	/* definitely not there: nothing is held any more */
	says(live.id, o.id, REPORT_CANCELLED);
	o = sent("sell", "1", "101");
	assert_int_equal(says(live.id, o.id, REPORT_UNKNOWN), 0);
	assert_int_equal(report(live.id, o.id, (struct trade_report){
	    .kind = REPORT_REJECTED, .reason = "not_there \xc3\xa9" }), 0);
	n = order_now(live.id, o.id);
	assert_string_equal(n.state, "rejected");
	assert_string_equal(n.reject_detail, "not_there \xc3\xa9");
	books(live.id);
}

/* ---- changes ------------------------------------------------------------------------ */

static int
change(struct uuid session, struct uuid id, const char *quantity,
    const char *limit)
{
	const struct trade_terms t = { dec(quantity), dec(limit), { 0 } };
	struct trade_order o;
	int rc;

	err_clear(&err);
	begin();
	desk.session = session;
	rc = trade_order_replace(&desk, id, &t, &o, &err);
	if (rc == -1)
		db_rollback(db);
	else
		commit();
	return rc;
}

static void
changes_hold_what_may_be_needed(void **state)
{
	struct trade_order o = terms("buy", "limit", "10", "90"), n;

	(void)state;
	desk_again("2000");
	good(place(paper.id, &o));
	equal(account(paper.id).reserved, "900.9");
	good(change(paper.id, o.id, "15", "95"));
	n = order_now(paper.id, o.id);
	assert_string_equal(n.state, "accepted");
	equal(n.quantity, "15");
	equal(n.limit_price, "95");
	equal(n.reserved, "1426.425");
	assert_int_equal(change(paper.id, o.id, "30", "0"), -1);
	assert_string_equal(err.code, "cash");
	good(change(paper.id, o.id, "5", "0"));
	equal(account(paper.id).reserved, "475.475");
	books(paper.id);
	/* to a price that fills at once */
	good(change(paper.id, o.id, "0", "100"));
	state_is(paper.id, o.id, "filled");
	assert_int_equal(change(paper.id, o.id, "6", "0"), -1);
	assert_string_equal(err.code, "state");
	books(paper.id);
	/* live: both are held until the broker has answered */
	o = sent("buy", "10", "90");
	says(live.id, o.id, REPORT_ACCEPTED);
	good(change(live.id, o.id, "15", "0"));
	n = order_now(live.id, o.id);
	assert_string_equal(n.state, "pending_replace");
	assert_string_equal(n.send, "replace");
	equal(n.quantity, "10");
	equal(n.want_quantity, "15");
	equal(n.reserved, "1351.35");
	all_sent();
	assert_int_equal(says(live.id, o.id, REPORT_REPLACE_REFUSED), 0);
	n = order_now(live.id, o.id);
	equal(n.quantity, "10");
	equal(n.reserved, "900.9");
	books(live.id);
	good(change(live.id, o.id, "4", "0"));
	equal(order_now(live.id, o.id).reserved, "900.9");
	all_sent();
	assert_int_equal(filled(live.id, o.id, "G1", "1", "90"), 0);
	assert_int_equal(says(live.id, o.id, REPORT_REPLACED), 0);
	n = order_now(live.id, o.id);
	assert_string_equal(n.state, "partially_filled");
	equal(n.quantity, "4");
	books(live.id);
	/* a larger one fills before its answer is here */
	good(change(live.id, o.id, "20", "0"));
	all_sent();
	assert_int_equal(filled(live.id, o.id, "G2", "19", "90"), 0);
	state_is(live.id, o.id, "filled");
	assert_int_equal(says(live.id, o.id, REPORT_REPLACED), 1);
	books(live.id);
}

/* ---- orders that belong together ------------------------------------------------------ */

static void
exits_follow_their_entry(void **state)
{
	struct trade_order o = terms("buy", "limit", "10", "100"), tp, sl;

	(void)state;
	desk_again("100000");
	o.take_profit = dec("110");
	o.stop_loss = dec("95");
	good(place(live.id, &o));
	assert_false(exit_of(live.id, o.id, "take_profit", &tp));
	filled(live.id, o.id, "E1", "4", "100");
	assert_true(exit_of(live.id, o.id, "take_profit", &tp));
	assert_true(exit_of(live.id, o.id, "stop_loss", &sl));
	equal(tp.quantity, "4");
	equal(sl.quantity, "4");
	assert_string_equal(tp.side, "sell");
	assert_string_equal(tp.state, "submitting");
	assert_string_equal(sl.type, "stop");
	/* nothing has left yet: they simply grow */
	filled(live.id, o.id, "E2", "3", "100");
	assert_true(exit_of(live.id, o.id, "take_profit", &tp));
	equal(tp.quantity, "7");
	says(live.id, tp.id, REPORT_ACCEPTED);
	says(live.id, sl.id, REPORT_ACCEPTED);
	/* now the broker must change them */
	filled(live.id, o.id, "E3", "3", "100");
	tp = order_now(live.id, tp.id);
	assert_string_equal(tp.state, "pending_replace");
	equal(tp.want_quantity, "10");
	all_sent();
	says(live.id, tp.id, REPORT_REPLACED);
	says(live.id, sl.id, REPORT_REPLACED);
	equal(order_now(live.id, sl.id).quantity, "10");
	/* what one fills, the other has less */
	filled(live.id, tp.id, "E4", "6", "110");
	sl = order_now(live.id, sl.id);
	assert_string_equal(sl.state, "pending_replace");
	equal(sl.want_quantity, "4");
	all_sent();
	says(live.id, sl.id, REPORT_REPLACED);
	filled(live.id, tp.id, "E5", "4", "110");
	sl = order_now(live.id, sl.id);
	assert_string_equal(sl.state, "pending_cancel");
	all_sent();
	says(live.id, sl.id, REPORT_CANCELLED);
	equal(held(live.id), "0");
	books(live.id);
}

static void
exits_on_paper(void **state)
{
	struct trade_order o = terms("buy", "limit", "10", "100"), tp, sl, n;

	(void)state;
	desk_again("100000");
	o.take_profit = dec("99");
	assert_int_equal(place(paper.id, &o), -1);
	assert_string_equal(err.code, "terms");
	o = terms("buy", "limit", "10", "100");
	o.take_profit = dec("110");
	o.stop_loss = dec("95");
	good(place(paper.id, &o));
	assert_string_equal(o.state, "filled");
	assert_true(exit_of(paper.id, o.id, "take_profit", &tp));
	assert_true(exit_of(paper.id, o.id, "stop_loss", &sl));
	equal(sl.quantity, "10");
	/* a way out by hand: what is reduce_only has less to reduce */
	n = terms("sell", "market", "4", "0");
	good(place(paper.id, &n));
	equal(order_now(paper.id, tp.id).quantity, "6");
	equal(order_now(paper.id, sl.id).quantity, "6");
	books(paper.id);
	/* a cancel of one of a pair is one of both */
	begin();
	desk.session = paper.id;
	good(trade_order_cancel(&desk, sl.id, "test", &n, &err));
	commit();
	state_is(paper.id, tp.id, "cancelled");
	state_is(paper.id, sl.id, "cancelled");
	equal(held(paper.id), "6");
	books(paper.id);
}

static void
a_pair_closes_once(void **state)
{
	struct trade_order o = terms("buy", "market", "10", "0"),
	    up = terms("sell", "limit", "10", "105"),
	    down = terms("sell", "stop", "10", "95");
	struct trade_quote q = { 0 };

	(void)state;
	desk_again("100000");
	good(place(paper.id, &o));
	begin();
	good(trade_order_pair(&desk, &up, &down, "", &err));
	commit();
	books(paper.id);
	q = (struct trade_quote){ .instrument_id = gold.id, .bid = dec("94"),
	    .ask = dec("94"), .last = dec("94"), .at = clock_now(),
	    .heard_at = clock_now() };
	begin();
	good(trade_paper_on_quote(&desk, &q, &err));
	commit();
	state_is(paper.id, down.id, "filled");
	state_is(paper.id, up.id, "cancelled");
	equal(held(paper.id), "0");
	books(paper.id);
	/* again: the same two, also when the second has no name */
	for (int i = 0; i < 2; i++) {
		struct trade_order one = terms("sell", "limit", "3", "105"),
		    two = terms("sell", "stop", "3", "95");

		if (i == 0) {
			o = terms("buy", "market", "3", "0");
			good(place(paper.id, &o));
			quote_at("100", "100");
		}
		one.client_order_id = "pair";
		two.client_order_id = NULL;
		begin();
		assert_int_equal(trade_order_pair(&desk, &one, &two, "",
		    &err), i);
		commit();
		assert_string_equal(two.client_order_id, "pair.2");
	}
	assert_int_equal(number("SELECT COUNT(*) FROM trade_order WHERE "
	    "client_order_id LIKE 'pair%'"), 2);
	/* what is no pair is refused */
	up = terms("sell", "limit", "10", "105");
	down = terms("sell", "limit", "10", "95");
	begin();
	assert_int_equal(trade_order_pair(&desk, &up, &down, "", &err), -1);
	assert_string_equal(err.code, "terms");
	undo();
}

/* ---- stopping -------------------------------------------------------------------------- */

static void
stopping_ends_everything(void **state)
{
	enum { N = 300 };
	struct trade_order o, lost, here;
	struct trade_session s;
	int64_t n;

	(void)state;
	desk_again("10000000");
	for (int i = 0; i < N; i++) {
		o = terms("buy", "limit", "1", "90");
		good(place(live.id, &o));
	}
	lost = sent("buy", "1", "91");
	says(live.id, lost.id, REPORT_UNKNOWN);
	mariadb_sql(DB, "UPDATE trade_order SET sent_at = NULL WHERE state = "
	    "'submitting'");
	here = sent("buy", "1", "92");
	says(live.id, here.id, REPORT_ACCEPTED);
	mariadb_sql(DB, "UPDATE trade_order SET sent_at = NULL WHERE state = "
	    "'submitting'");
	begin();
	s = account(live.id);
	n = (int64_t)db_statements(db);
	s.state = "halted";
	good(trade_order_cancel_all(&desk, &s, "stopped", &n, &err));
	commit();
	assert_int_equal(n, N + 2);
	assert_int_equal(number("SELECT COUNT(*) FROM trade_order WHERE state "
	    "= 'cancelled'"), N);
	state_is(live.id, lost.id, "unknown");
	assert_true(order_now(live.id, lost.id).cancel_wanted);
	state_is(live.id, here.id, "pending_cancel");
	assert_int_equal(number("SELECT COUNT(*) FROM trade_order o WHERE "
	    "version <> (SELECT MAX(seq) FROM trade_order_event e WHERE "
	    "e.order_id = o.id)"), 0);
	books(live.id);
	o = terms("buy", "limit", "1", "90");
	assert_int_equal(place(live.id, &o), -1);
	assert_string_equal(err.code, "halted");
}

/* What only closes a position still fills while the account is stopped. */
static void
what_opens_waits_while_stopped(void **state)
{
	struct trade_order o = terms("buy", "market", "10", "0"), opens, exits;

	(void)state;
	desk_again("100000");
	good(place(paper.id, &o));
	opens = terms("buy", "limit", "5", "95");
	good(place(paper.id, &opens));
	exits = terms("sell", "stop", "10", "96");
	good(place(paper.id, &exits));
	mariadb_sql(DB, "UPDATE trade_session SET state = 'halted'");
	begin();
	good(trade_paper_on_quote(&desk, &(struct trade_quote){
	    .instrument_id = gold.id, .bid = dec("94"), .ask = dec("94"),
	    .last = dec("94"), .at = clock_now(), .heard_at = desk.now },
	    &err));
	commit();
	state_is(paper.id, opens.id, "accepted");
	state_is(paper.id, exits.id, "filled");
	books(paper.id);
}

/* ---- limits ------------------------------------------------------------------------------ */

static void
rows_make_limits_narrower(void **state)
{
	struct trade_risk_limit l = { .name = "max_quantity",
	    .value = dec("5"), .made_by = "test", .updated_at = desk.now };
	struct trade_order o;

	(void)state;
	desk_again("100000");
	l.tenant_id = desk.tenant;
	l.session_id = paper.id;
	good(trade_risk_limit_put(db, &l, &err));
	o = terms("buy", "limit", "6", "90");
	assert_int_equal(place(paper.id, &o), -1);
	assert_string_equal(err.code, "max_quantity");
	good(place(live.id, &o));
	/* kept, although the placing was rolled back */
	o = terms("buy", "limit", "6", "90");
	assert_int_equal(place(paper.id, &o), -1);
	assert_true(trade_order_deniable(&o, &err));
	err_clear(&err);
	begin();
	good(trade_order_deny(db, a, &o, "max_quantity", "too much", &err));
	commit();
	state_is(paper.id, o.id, "denied");
	assert_int_equal(number("SELECT COUNT(*) FROM trade_risk_hit WHERE "
	    "rule = 'max_quantity'"), 1);
	/* the tenant's is wider here and changes nothing */
	l.session_id = (struct uuid){ { 0 } };
	l.value = dec("50");
	good(trade_risk_limit_put(db, &l, &err));
	o = terms("buy", "limit", "51", "90");
	assert_int_equal(place(live.id, &o), -1);
	o = terms("buy", "limit", "6", "90");
	assert_int_equal(place(paper.id, &o), -1);
	l.value = dec("0");
	good(trade_risk_limit_put(db, &l, &err));
	o = terms("buy", "limit", "51", "90");
	good(place(live.id, &o));
}

static void
nothing_wraps(void **state)
{
	static const char *const big[] = { "92000000000", "90000000000" };

	(void)state;
	desk_again("100000");
	desk.limits.collar_limit = desk.limits.collar_stop = 1e12;
	for (int i = 0; i < 2; i++) {
		struct trade_order o = terms("buy", "limit", big[i], "100");

		assert_int_equal(place(paper.id, &o), -1);
		assert_int_equal(err.status, 422);
		o = terms("buy", "limit", "10", big[i]);
		assert_int_equal(place(paper.id, &o), -1);
		assert_int_equal(err.status, 422);
		o = terms("sell", "limit", big[i], big[i]);
		assert_int_equal(place(paper.id, &o), -1);
		assert_int_equal(err.status, 422);
	}
	assert_int_equal(number("SELECT COUNT(*) FROM trade_order"), 0);
	books(paper.id);
}

/* Read twice, written twice: the second has read something that is gone. */
static void
a_stale_account_is_not_written(void **state)
{
	struct trade_session one, two;

	(void)state;
	desk_again("1000");
	one = two = account(paper.id);
	good(trade_session_update(db, &one, &err));
	assert_int_equal(trade_session_update(db, &two, &err), -1);
	assert_int_equal(err.status, 503);
	err_clear(&err);
}

static void
shorts_are_held(void **state)
{
	struct trade_order o = terms("sell", "limit", "5", "100");
	struct trade_session s;

	(void)state;
	desk_again("1000");
	good(place(paper.id, &o));
	assert_string_equal(o.state, "filled");
	s = account(paper.id);
	good(trade_session_value(db, a, &s, desk.now, &err));
	equal(s.short_worth, "500");
	equal(s.equity, "999.5");
	/* 1500 - 2 * 500 - fee: the proceeds are nobody's to spend */
	equal(trade_session_available(&s, 1), "499.5");
	o = terms("buy", "limit", "1", "100");
	good(place(paper.id, &o));
	o = terms("sell", "limit", "6", "100");
	assert_int_equal(place(paper.id, &o), -1);
	assert_string_equal(err.code, "cash");
	books(paper.id);
}

static void
the_books_notice(void **state)
{
	struct trade_order o = terms("buy", "market", "10", "0");
	int64_t n;

	(void)state;
	desk_again("100000");
	good(place(paper.id, &o));
	books(paper.id);
	mariadb_sql(DB, "UPDATE trade_position SET quantity = quantity + 1");
	mariadb_sql(DB, "UPDATE trade_session SET cash = cash + 1, reserved = "
	    "1");
	begin();
	good(trade_ledger_audit(db, a, desk.tenant, paper.id, desk.now, &n,
	    &err));
	commit();
	/* cash, balance, reserved, position */
	assert_int_equal(n, 4);
	assert_int_equal(number("SELECT COUNT(*) FROM trade_book_fault WHERE "
	    "over_at IS NULL"), 4);
	mariadb_sql(DB, "UPDATE trade_position SET quantity = quantity - 1");
	mariadb_sql(DB, "UPDATE trade_session SET cash = cash - 1, reserved = "
	    "0");
	begin();
	good(trade_ledger_audit(db, a, desk.tenant, paper.id, desk.now, &n,
	    &err));
	commit();
	assert_int_equal(n, 0);
	assert_int_equal(number("SELECT COUNT(*) FROM trade_book_fault WHERE "
	    "over_at IS NULL"), 0);
	/* a split is an entry */
	begin();
	good(trade_position_adjust(db, a, &paper, gold.id, "GOLD", "split",
	    dec("10"), dec("50"), "2:1", desk.now, &err));
	commit();
	equal(held(paper.id), "20");
	books(paper.id);
}

/* Bought 50 at 100, worth 70 each: beyond a tenth of the day's equity. */
static void
lose_much(void)
{
	struct trade_order o = terms("buy", "market", "50", "0");

	desk_again("10000");
	desk.limits.daily_loss = 0.1;
	good(place(paper.id, &o));
	state_is(paper.id, o.id, "filled");
	quote_at("70", "70");
}

static void
refused_for_its_loss(void)
{
	struct trade_order o = terms("buy", "limit", "1", "70");
	struct err why;

	assert_int_equal(place(paper.id, &o), -1);
	why = err;
	assert_string_equal(why.code, "daily_loss");
	begin();
	good(trade_order_deny(db, a, &o, why.code, "lost", &err));
	commit();
}

static void
watch(void)
{
	struct trade_session s = account(paper.id);

	desk.now = clock_now();
	desk.session = paper.id;
	good(trade_loss_watch(&desk, &s, &err));
}

/* What an order was refused for leaves only the way out. */
static void
a_lost_day_leaves_the_way_out(void **state)
{
	struct trade_order o;

	(void)state;
	lose_much();
	refused_for_its_loss();
	assert_string_equal(account(paper.id).state, "reducing");
	o = terms("buy", "limit", "1", "70");
	assert_int_equal(place(paper.id, &o), -1);
	assert_string_equal(err.code, "reducing");
	o = terms("sell", "market", "10", "0");
	good(place(paper.id, &o));
	equal(held(paper.id), "40");
	/* what somebody halted stays so */
	mariadb_sql(DB, "UPDATE trade_session SET state = 'halted'");
	begin();
	good(trade_loss_reduce(db, a, paper.id, desk.now, &err));
	commit();
	assert_string_equal(account(paper.id).state, "halted");
	books(paper.id);
}

/* Prices alone do it, too: what would open something goes, exits rest. */
static void
a_day_is_lost_without_an_order(void **state)
{
	struct trade_order entry, out = terms("sell", "limit", "20", "90");
	struct rows rows;
	int64_t version;

	(void)state;
	desk_again("10000");
	desk.limits.daily_loss = 0.1;
	entry = terms("buy", "market", "50", "0");
	good(place(paper.id, &entry));
	entry = terms("buy", "limit", "5", "60");
	good(place(paper.id, &entry));
	out = terms("sell", "limit", "20", "120");
	good(place(paper.id, &out));
	begin();
	good(trade_session_exposed(db, a, (struct uuid){ { 0 } }, 10, &rows,
	    &err));
	commit();
	assert_int_equal(rows.n, 1);
	watch();
	assert_string_equal(account(paper.id).state, "active");
	quote_at("70", "70");
	watch();
	assert_string_equal(account(paper.id).state, "reducing");
	state_is(paper.id, entry.id, "cancelled");
	state_is(paper.id, out.id, "accepted");
	assert_int_equal(number("SELECT COUNT(*) FROM trade_risk_hit WHERE "
	    "rule = 'daily_loss' AND order_id IS NULL"), 1);
	version = account(paper.id).version;
	watch();
	assert_int_equal(account(paper.id).version, version);
	/* the next day begins with what is there */
	mariadb_sql(DB, "UPDATE trade_session SET day = day - INTERVAL 1 DAY, "
	    "state = 'active'");
	watch();
	assert_string_equal(account(paper.id).state, "active");
	equal(account(paper.id).day_equity, "8495");
	books(paper.id);
}

static const char *
gain_of_the_day(void)
{
	const struct trade_position *p;
	struct rows rows;

	good(trade_position_all(db, a, paper.id, &rows, &err));
	good(trade_position_days(db, a, paper.id, clock_now(), &rows, &err));
	assert_int_equal(rows.n, 1);
	p = ROW(&rows, struct trade_position, 0);
	return p->has_day_gain ? text(p->day_gain) : "null";
}

/* sold for - bought for + worth now - worth at the close before. */
static void
a_position_has_its_day(void **state)
{
	struct trade_order o = terms("buy", "market", "10", "0");

	(void)state;
	desk_again("100000");
	good(place(paper.id, &o));
	quote_at("103", "103");
	assert_string_equal(gain_of_the_day(), "30");
	/* bought some days ago: the close before today counts, once known */
	mariadb_sql(DB, "UPDATE trade_fill SET at = at - INTERVAL 3 DAY");
	assert_string_equal(gain_of_the_day(), "null");
	mariadb_sql(DB, arena_printf(a, "INSERT INTO trade_bar (instrument_id, "
	    "timeframe, at, open, high, low, close, volume) VALUES (%lld, "
	    "'1d', UTC_DATE() - INTERVAL 1 DAY, 101, 101, 101, 101, 1), "
	    "(%lld, '1d', UTC_DATE(), 99, 99, 99, 99, 1)", (long long)gold.id,
	    (long long)gold.id));
	assert_string_equal(gain_of_the_day(), "20");
	o = terms("sell", "market", "10", "0");
	good(place(paper.id, &o));
	quote_at("90", "90");
	assert_string_equal(gain_of_the_day(), "20");
	begin();
	good(trade_position_adjust(db, a, &paper, gold.id, "GOLD", "split",
	    dec("10"), dec("50"), "2:1", desk.now, &err));
	commit();
	assert_string_equal(gain_of_the_day(), "null");
	mariadb_sql(DB, "DELETE FROM trade_bar");
}

/* An order is weighed at the fee its own market takes. */
static void
a_market_s_own_fee_is_held(void **state)
{
	struct trade_order o = terms("buy", "limit", "10", "90");
	struct trade_session s;

	(void)state;
	desk_again("100000");
	good(place(paper.id, &o));
	equal(o.reserved, "900.9");
	begin();
	s = account(paper.id);
	good(trade_paper_terms_set(&desk, &s, &(struct trade_paper_terms){
	    .fee_ppm = 20000, .every = 1000 }, &err));
	commit();
	o = terms("buy", "limit", "10", "80");
	good(place(paper.id, &o));
	equal(o.reserved, "816");
	/* a live account has the usual one */
	o = terms("buy", "limit", "10", "80");
	good(place(live.id, &o));
	equal(o.reserved, "800.8");
	books(paper.id);
}

/* A fill that is not committed has moved nothing. */
static void
a_fill_is_one_change(void **state)
{
	struct trade_order o;
	struct trade_session s;

	(void)state;
	desk_again("100000");
	o = sent("buy", "10", "100");
	begin();
	s = account(live.id);
	good(db_found(trade_order_by_id(db, a, live.id, o.id, true, &o, &err),
	    "Order", &err));
	good(trade_order_report(&desk, &s, &o, &(struct trade_report){
	    .kind = REPORT_FILL, .quantity = dec("10"), .price = dec("100"),
	    .broker_fill_id = "X" }, &err));
	undo();
	state_is(live.id, o.id, "submitting");
	equal(held(live.id), "0");
	equal(account(live.id).cash, "100000");
	books(live.id);
	assert_int_equal(filled(live.id, o.id, "X", "10", "100"), 0);
	equal(held(live.id), "10");
	assert_int_equal(number("SELECT COUNT(*) FROM events_outbox WHERE body "
	    "LIKE '%trade.position%'"), 1);
	books(live.id);
}

/* ---- whatever happens ------------------------------------------------------------------- */

enum { ORDERS = 14, STEPS = 480 };

/* What really happened to an order at the broker. */
struct truth {
	struct uuid id;
	int64_t quantity, filled;	/* whole units */
	unsigned fills;			/* fills made, each may be told often */
	int64_t part[32];
	bool over;
};

static uint32_t seed = 20260101;

static unsigned
pick(unsigned n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static void
tell_fill(struct truth *t, unsigned n)
{
	(void)report(live.id, t->id, (struct trade_report){
	    .kind = REPORT_FILL, .broker_fill_id = arena_printf(a, "f%u", n),
	    .quantity = { t->part[n] * DEC_ONE },
	    .price = { (9900 + (int64_t)n * 7) * (DEC_ONE / 100) },
	    .fee = { DEC_ONE / 100 } });
}

/* The broker fills some of it, and may or may not say so now. */
static void
fill_some(struct truth *t)
{
	int64_t q = t->quantity - t->filled;

	if (q == 0 || t->over || t->fills == 32)
		return;
	q = 1 + pick((unsigned)q);
	t->part[t->fills++] = q;
	t->filled += q;
	if (pick(3) > 0)
		tell_fill(t, t->fills - 1);
}

/* What the exits sold (above 0) or bought. */
static int64_t exits_sum;
static unsigned exit_fills, exit_pairs, refusals;

static void
drop_order(struct uuid id)
{
	struct trade_order o;

	err_clear(&err);
	begin();
	if (trade_order_cancel(&desk, id, "test", &o, &err) == -1)
		undo();
	else
		commit();
}

/* Any exit that is open: its broker answers, fills some, or it is cancelled. */
static void
step_of_an_exit(void)
{
	const struct trade_order_filter f = { "", "", "", true, { 0 }, { 0 },
	    { { 0 } } };
	struct trade_order *v[100], *o;
	struct rows rows;
	size_t n = 0;
	int64_t q;

	good(trade_order_page(db, a, live.id, &f, (struct uuid){ { 0 } }, 100,
	    &rows, &err));
	for (size_t i = 0; i < rows.n; i++)
		if (!uuid_is_nil((o = ROW(&rows, struct trade_order,
		    i))->parent_id))
			v[n++] = o;
	if (n == 0)
		return;
	o = v[pick((unsigned)n)];
	if (o->sent_at.us != 0 && strcmp(o->state, "pending_replace") == 0) {
		(void)says(live.id, o->id, REPORT_REPLACED);
	} else if (o->sent_at.us != 0 && strcmp(o->state, "pending_cancel") ==
	    0) {
		(void)says(live.id, o->id, REPORT_CANCELLED);
	} else if (strcmp(o->state, "submitting") == 0) {
		(void)says(live.id, o->id, REPORT_ACCEPTED);
	} else if (pick(8) == 0) {
		drop_order(o->id);
	} else {
		q = 1 + pick((unsigned)((o->quantity.e8 - o->filled.e8) /
		    DEC_ONE));
		if (report(live.id, o->id, (struct trade_report){
		    .kind = REPORT_FILL, .broker_fill_id = arena_printf(a,
		    "x%u", exit_fills++), .quantity = { q * DEC_ONE },
		    .price = dec("104"), .fee = dec("0.01") }) == 0)
			exits_sum += strcmp(o->side, "sell") == 0 ? q : -q;
	}
}

/* Both of a pair want to have the same left, unless one is ending. */
static void
pairs_are_even(void)
{
	assert_int_equal(number("SELECT COUNT(*) FROM trade_order x JOIN "
	    "trade_order y ON y.oco_group = x.oco_group AND y.id > x.id WHERE "
	    "x.open = 1 AND y.open = 1 AND NOT x.cancel_wanted AND NOT "
	    "y.cancel_wanted AND x.state <> 'pending_cancel' AND y.state <> "
	    "'pending_cancel' AND IF(x.want_quantity > 0, x.want_quantity, "
	    "x.quantity) - x.filled <> IF(y.want_quantity > 0, "
	    "y.want_quantity, y.quantity) - y.filled"), 0);
	exit_pairs += number("SELECT COUNT(*) FROM trade_order x JOIN "
	    "trade_order y ON y.oco_group = x.oco_group AND y.id > x.id WHERE "
	    "x.open = 1 AND y.open = 1") > 0;
}

/* The account is reducing, or active again; reducing, nothing opens. */
static void
turn_the_account(void)
{
	bool on = pick(2) == 0;
	struct trade_order o = terms(held(live.id).e8 >= 0 ? "buy" : "sell",
	    "limit", "1", "100");

	mariadb_sql(DB, arena_printf(a, "UPDATE trade_session SET state = "
	    "'%s', version = version + 1 WHERE mode = 'live'", on ?
	    "reducing" : "active"));
	if (!on)
		return;
	assert_int_equal(place(live.id, &o), -1);
	assert_string_equal(err.code, "reducing");
	refusals++;
}

static void
any_step(struct truth *t)
{
	static const enum trade_report_kind words[] = { REPORT_ACCEPTED,
	    REPORT_TRIGGERED, REPORT_UNKNOWN, REPORT_CANCEL_REFUSED,
	    REPORT_REPLACE_REFUSED, REPORT_ACCEPTED };
	struct trade_order o;
	int64_t before = order_now(live.id, t->id).filled.e8;

	switch (pick(14)) {
	case 0: case 1: case 2:
		fill_some(t);
		break;
	case 3:
		if (t->fills > 0)
			tell_fill(t, pick(t->fills));
		break;
	case 4:
		drop_order(t->id);
		break;
	case 5:
		/* the broker ends it; fills that were not told are late */
		t->over = true;
		(void)says(live.id, t->id, pick(2) ? REPORT_CANCELLED :
		    REPORT_EXPIRED);
		break;
	case 6:
		(void)change(live.id, t->id, text((struct dec){
		    (t->quantity + 1 + pick(5)) * DEC_ONE }), "0");
		break;
	case 7:
		o = order_now(live.id, t->id);
		if (o.want_quantity.e8 == 0 || o.sent_at.us == 0 ||
		    strcmp(o.state, "pending_replace") != 0 || t->over)
			break;
		/* no broker makes it smaller than what it filled */
		if (o.want_quantity.e8 / DEC_ONE <= t->filled) {
			(void)says(live.id, t->id, REPORT_REPLACE_REFUSED);
			break;
		}
		t->quantity = o.want_quantity.e8 / DEC_ONE;
		(void)says(live.id, t->id, REPORT_REPLACED);
		break;
	case 8:		/* smaller, and another price */
		(void)change(live.id, t->id, text((struct dec){
		    (1 + pick((unsigned)t->quantity)) * DEC_ONE }), pick(2) ?
		    "0" : "101");
		break;
	case 9: case 10: case 11:
		step_of_an_exit();
		break;
	case 12:
		turn_the_account();
		break;
	default:
		(void)says(live.id, t->id, words[pick(6)]);
	}
	/* filled only grows */
	assert_true(order_now(live.id, t->id).filled.e8 >= before);
}

static void
whatever_happens_the_books_agree(void **state)
{
	struct truth t[ORDERS];
	int64_t sum = 0;

	(void)state;
	desk_again("10000000");
	for (int i = 0; i < ORDERS; i++) {
		struct trade_order o = terms(i % 3 == 2 ? "sell" : "buy",
		    "limit", text((struct dec){ (5 + pick(20)) * DEC_ONE }),
		    i % 3 == 2 ? "103" : "99");

		if (i % 4 == 1) {
			o.take_profit = dec("140");
			o.stop_loss = dec("70");
			if (strcmp(o.side, "sell") == 0) {
				o.take_profit = dec("70");
				o.stop_loss = dec("140");
			}
		}
		good(place(live.id, &o));
		t[i] = (struct truth){ .id = o.id,
		    .quantity = o.quantity.e8 / DEC_ONE };
	}
	for (int i = 0; i < STEPS; i++) {
		any_step(&t[pick(ORDERS)]);
		if (pick(3) > 0)
			all_sent();
		if (i % 7 == 0) {
			books(live.id);
			pairs_are_even();
		}
	}
	/* in the end everything is told, some of it again and too late */
	for (int i = 0; i < ORDERS; i++) {
		struct trade_order o;

		for (unsigned k = t[i].fills; k > 0; k--)
			tell_fill(&t[i], k - 1);
		o = order_now(live.id, t[i].id);
		assert_int_equal(o.filled.e8 / DEC_ONE, t[i].filled);
		assert_true(o.filled.e8 <= o.quantity.e8);
		sum += strcmp(o.side, "buy") == 0 ? t[i].filled :
		    -t[i].filled;
	}
	assert_int_equal(held(live.id).e8 / DEC_ONE, sum - exits_sum);
	books(live.id);
	/* none of it was left out by chance */
	assert_true(exit_fills > 0 && exit_pairs > 0 && refusals > 0);
	assert_int_equal(number("SELECT COUNT(*) FROM trade_order o WHERE "
	    "version <> (SELECT MAX(seq) FROM trade_order_event e WHERE "
	    "e.order_id = o.id) OR version <> (SELECT COUNT(*) FROM "
	    "trade_order_event e WHERE e.order_id = o.id)"), 0);
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
		cmocka_unit_test(a_live_order_waits_for_its_broker),
		cmocka_unit_test(a_live_order_needs_a_name),
		cmocka_unit_test(fills_come_in_any_order),
		cmocka_unit_test(an_unknown_order_counts_in_full),
		cmocka_unit_test(changes_hold_what_may_be_needed),
		cmocka_unit_test(exits_follow_their_entry),
		cmocka_unit_test(exits_on_paper),
		cmocka_unit_test(a_pair_closes_once),
		cmocka_unit_test(stopping_ends_everything),
		cmocka_unit_test(what_opens_waits_while_stopped),
		cmocka_unit_test(rows_make_limits_narrower),
		cmocka_unit_test(nothing_wraps),
		cmocka_unit_test(a_stale_account_is_not_written),
		cmocka_unit_test(shorts_are_held),
		cmocka_unit_test(the_books_notice),
		cmocka_unit_test(a_lost_day_leaves_the_way_out),
		cmocka_unit_test(a_day_is_lost_without_an_order),
		cmocka_unit_test(a_position_has_its_day),
		cmocka_unit_test(a_market_s_own_fee_is_held),
		cmocka_unit_test(a_fill_is_one_change),
		cmocka_unit_test(whatever_happens_the_books_agree)
	};

	return cmocka_run_group_tests(tests, start, stop);
}
