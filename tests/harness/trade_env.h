/*
 * A desk in front of a real database, for tests of orders: one instrument, a
 * paper and a live session, helpers that place, report and look. A program
 * defines DB (its database's name) first. After each step the books are
 * checked with the product's own statement.
 */
#ifndef HARNESS_TRADE_ENV_H
#define HARNESS_TRADE_ENV_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/number.h"
#include "base/random.h"
#include "modules/trade/ledger.h"
#include "modules/trade/orders.h"
#include "tests/harness/mariadb.h"

#define UNUSED __attribute__((unused))

static struct err err;
static struct arena *a;
static struct db *db;
static struct trade_desk desk;
static struct trade_session paper, live;
static struct trade_instrument gold;

static UNUSED void
good(int rc)
{
	if (rc < 0)
		fail_msg("%d %s: %s (%s)", err.status, err.code, err.detail,
		    err.cause);
}

static UNUSED struct dec
dec(const char *text)
{
	struct dec d;

	assert_int_equal(dec_parse(text, strlen(text), &d), NUM_OK);
	return d;
}

static UNUSED void
equal(struct dec got, const char *want)
{
	char buf[DEC_TEXT];

	assert_string_equal(dec_format(got, buf), want);
}

/* ---- the desk --------------------------------------------------------------------- */

static UNUSED struct trade_limits
wide_limits(void)
{
	return (struct trade_limits){ .max_open_orders = 5000,
	    .per_second = 10000, .per_minute = 100000, .collar_limit = 0.5,
	    .collar_stop = 0.5, .daily_loss = 1, .short_margin = 1,
	    .quote_age_s = 900 };
}

static UNUSED void
quote_at(const char *bid, const char *ask)
{
	struct trade_quote q = { .instrument_id = gold.id, .bid = dec(bid),
	    .ask = dec(ask), .last = dec(bid), .at = clock_now(),
	    .heard_at = desk.now };

	good(trade_quote_put(db, &q, &err));
}

static UNUSED struct trade_session
session_of(const char *mode, const char *cash)
{
	struct trade_session s = { .id = uuid_new(), .tenant_id = desk.tenant,
	    .user_id = desk.user, .broker = strcmp(mode, "live") == 0 ?
	    "kite" : "paper", .mode = mode, .state = "active",
	    .currency = "USD", .start_cash = dec(cash), .day = desk.now,
	    .day_equity = dec(cash), .created_at = desk.now,
	    .updated_at = desk.now };

	good(trade_session_insert(db, &s, &err));
	good(trade_session_book(db, &s, "deposit", dec(cash),
	    (struct uuid){ { 0 } }, desk.now, &err));
	good(trade_session_update(db, &s, &err));
	return s;
}

static UNUSED void
desk_open(void)
{
	if (!mariadb_start())
		exit(77);
	a = arena_new(256 << 20);
	mariadb_migrated(DB, NULL);
	db = mariadb_open(a, DB);
	desk = (struct trade_desk){ .db = db, .a = a, .tenant = uuid_new(),
	    .user = uuid_new(), .limits = wide_limits(), .fee = 0.001,
	    .now = clock_now(), .twice = true,
	    .paper_terms = { .fee_ppm = 1000, .every = 1000 } };
	gold = trade_instrument_usual(desk.tenant, "GOLD", "", desk.now);
	gold.tick = dec("0.01");
	gold.lot = dec("1");
	good(trade_instrument_put(db, a, &gold, &err));
	quote_at("100", "100");
}

/* New accounts, as if nothing had been before. */
static UNUSED void
desk_again(const char *cash)
{
	mariadb_sql(DB, "DELETE FROM trade_session; DELETE FROM events_outbox");
	desk.session = (struct uuid){ { 0 } };
	desk.limits = wide_limits();
	desk.now = clock_now();
	paper = session_of("paper", cash);
	live = session_of("live", cash);
	quote_at("100", "100");
}

static UNUSED void
begin(void)
{
	desk.now = clock_now();
	good(db_begin(db, &err));
}

static UNUSED void
commit(void)
{
	good(db_commit(db, &err));
}

static UNUSED void
undo(void)
{
	db_rollback(db);
	err_clear(&err);
}

/* ---- orders ----------------------------------------------------------------------- */

static UNUSED struct trade_order
terms(const char *side, const char *type, const char *quantity,
    const char *price)
{
	static unsigned n;
	struct trade_order o = trade_order_new(&desk, arena_printf(a,
	    "test-%u", n++));

	o.symbol = gold.symbol;
	o.side = side;
	o.type = type;
	o.tif = "gtc";
	o.quantity = dec(quantity);
	*(strncmp(type, "stop", 4) == 0 ? &o.stop_price : &o.limit_price) =
	    dec(price);
	return o;
}

/* Placed and committed; 0, or -1 with err as placing left it. */
static UNUSED int
place(struct uuid session, struct trade_order *o)
{
	int rc;

	desk.session = session;
	err_clear(&err);
	good(db_begin(db, &err));
	desk.now = clock_now();
	rc = trade_order_place(&desk, o, "", &err);
	if (rc == -1)
		db_rollback(db);
	else
		commit();
	return rc;
}

static UNUSED struct trade_order
order_now(struct uuid session, struct uuid id)
{
	struct trade_order o;

	good(db_found(trade_order_by_id(db, a, session, id, false, &o, &err),
	    "Order", &err));
	return o;
}

/* What was to be sent has left. */
static UNUSED void
all_sent(void)
{
	mariadb_sql(DB, "UPDATE trade_order SET sent_at = NOW(6) WHERE send "
	    "IS NOT NULL AND sent_at IS NULL");
}

/* A broker's word, in a transaction of its own. */
static UNUSED int
report(struct uuid session, struct uuid id, struct trade_report r)
{
	struct trade_session s;
	struct trade_order o;
	int rc;

	begin();
	good(db_found(trade_session_lock(db, a, session, &s, &err),
	    "Session", &err));
	good(db_found(trade_order_by_id(db, a, session, id, true, &o, &err),
	    "Order", &err));
	rc = trade_order_report(&desk, &s, &o, &r, &err);
	good(rc);
	commit();
	return rc;
}

static UNUSED int
filled(struct uuid session, struct uuid id, const char *name,
    const char *quantity, const char *price)
{
	return report(session, id, (struct trade_report){ .kind = REPORT_FILL,
	    .broker_fill_id = name, .quantity = dec(quantity),
	    .price = dec(price), .fee = dec("0.01") });
}

static UNUSED int
says(struct uuid session, struct uuid id, enum trade_report_kind kind)
{
	return report(session, id, (struct trade_report){ .kind = kind });
}

static UNUSED void
state_is(struct uuid session, struct uuid id, const char *want)
{
	assert_string_equal(order_now(session, id).state, want);
}

/* The one exit of this role that is open; false: there is none. */
static UNUSED bool
exit_of(struct uuid session, struct uuid parent, const char *role,
    struct trade_order *out)
{
	const struct trade_order_filter f = { "", "", "", true, { 0 }, { 0 },
	    parent };
	bool found = false;
	struct rows rows;

	good(trade_order_page(db, a, session, &f, (struct uuid){ { 0 } }, 50,
	    &rows, &err));
	for (size_t i = 0; i < rows.n; i++) {
		struct trade_order *o = ROW(&rows, struct trade_order, i);

		if (strcmp(o->role, role) != 0)
			continue;
		assert_false(found);
		*out = *o;
		found = true;
	}
	return found;
}

/* ---- books ------------------------------------------------------------------------ */

static UNUSED void
books(struct uuid session)
{
	struct rows rows;

	good(trade_ledger_check(db, a, session, &rows, &err));
	if (rows.n > 0) {
		const struct trade_fault *f = ROW(&rows, struct trade_fault,
		    0);

		fail_msg("%s %s: %s", f->rule, f->subject, f->detail);
	}
}

static UNUSED struct dec
held(struct uuid session)
{
	struct trade_position p;
	int rc = trade_position_get(db, a, session, gold.id, &p, &err);

	good(rc);
	return rc == 0 ? p.quantity : (struct dec){ 0 };
}

static UNUSED struct trade_session
account(struct uuid id)
{
	struct trade_session s;

	good(db_found(trade_session_lock(db, a, id, &s, &err), "Session",
	    &err));
	return s;
}

#endif
