/*
 * Live orders against the fake brokers: whatever fails on the way, there is
 * one order at the broker or none, and ours says what became of it. Two
 * senders, crashes at the worst moments, silence, refusals, other people's
 * orders, a stop switch that is thrown between commit and sending.
 */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <json.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/number.h"
#include "base/principal.h"
#include "base/random.h"
#include "conf/base.h"
#include "crypto/crypto.h"
#include "db/table.h"
#include "modules/auth/auth.h"
#include "modules/trade/conf.h"
#include "modules/trade/instrument.h"
#include "modules/trade/link.h"
#include "modules/trade/trade.h"
#include "net/net.h"
#include "tests/harness/env.h"
#include "tests/harness/fakebroker.h"
#include "tests/harness/mariadb.h"

#include <cmocka.h>	/* last: it takes the name fail() */

#define DB "test_broker"
#define KEY "a:5v5PiSR+3jkNnMqX8kZY2z/n5Phlr3R6jTeIBNVPiis="
#define O struct trade_order

static const struct module *const mods[] = { &trade_module, NULL };
static const struct settings *const all_settings[] = { &base_settings,
    &trade_settings, &trade_broker_settings, &net_settings, &auth_settings,
    NULL };

static struct arena *a;
static struct env env;
static struct err err;
static struct fake fake;
static struct principal who = { .kind = PRINCIPAL_USER, .name = "ann" };
static struct trade_link lk;		/* of the session under test */
static int64_t ticks;			/* for ids of ours */

static void
good(int rc)
{
	if (rc != 0)
		fail_msg("%d %s: %s (%s)", err.status, err.code, err.detail,
		    err.cause);
	err_clear(&err);
}

static void
bad(int rc, int status, const char *code)
{
	assert_int_equal(rc, -1);
	if (err.status != status || strcmp(err.code, code) != 0)
		fail_msg("wanted %d %s, got %d %s: %s (%s)", status, code,
		    err.status, err.code, err.detail, err.cause);
	err_clear(&err);
}

static struct env
boot(const char *more)
{
	const char *over[] = { "trade.live=true",
	    arena_printf(a, "trade.mcp_url=%s", fake.url),
	    arena_printf(a, "trade.kite_url=%s", fake.url),
	    arena_printf(a, "trade.alpaca_url=%s", fake.url),
	    "trade.kite_api_key=" FAKE_KITE_KEY,
	    "trade.broker_timeout=1500", "trade.broker_window=10", more, NULL };
	char secret[] = "QUINCUNX_TRADE_KITE_API_SECRET=" FAKE_KITE_SECRET;
	char *const vars[] = { secret, NULL };

	err_clear(&err);
	return env_open(arena_new(64 << 20), &(struct env_options){
	    .modules = mods, .groups = all_settings, .over = over,
	    .vars = vars, .key = KEY, .db = DB });
}

static void
shut(struct env *e)
{
	db_close(e->db);
	arena_free(e->a);
}

static int
setup(void **state)
{
	(void)state;
	a = arena_new((size_t)512 << 20);
	if (!mariadb_start())
		return -1;
	mariadb_migrated(DB, NULL);
	fakebroker_start(&fake, a);
	env = boot(NULL);
	who.tenant_id = uuid_new();
	mariadb_sql(DB, arena_printf(a, "INSERT INTO auth_tenant (id, name, "
	    "active, created_at, updated_at) VALUES (X'%s', 'one', 1, "
	    "NOW(6), NOW(6))", mariadb_hex(a, who.tenant_id)));
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	shut(&env);
	fake_stop(&fake);
	arena_free(a);
	return 0;
}

/* ---- small words ------------------------------------------------------------------ */

static void
tell(const char *path, const char *json)
{
	(void)fakebroker_control(&fake, a, arena_printf(a, "/_control/%s",
	    path), json);
}

static void
rules(const char *list)
{
	tell("rules", arena_printf(a, "{\"rules\":[%s]}", list));
}

static int64_t
number(const char *sql)
{
	return strtoll(mariadb_value(a, DB, sql), NULL, 10);
}

/* One turn of the loop, as a process that began at `since`. */
static void
turn_as(struct env *e, struct utc since)
{
	struct arena *t = arena_new(64 << 20);
	struct trade_turn turn = { .env = e, .a = t, .started = since,
	    .until_boot_ns = clock_boot_ns() + INT64_C(30000000000),
	    .end_boot_ns = clock_boot_ns() + INT64_C(40000000000) };

	good(trade_send_due(&turn, &err));
	good(trade_reconcile_due(&turn, &err));
	good(trade_send_due(&turn, &err));
	arena_free(t);
}

/* Only its first half. */
static void
send_only(void)
{
	struct trade_turn t = { .env = &env, .a = a, .started = { 1 },
	    .until_boot_ns = clock_boot_ns() + INT64_C(30000000000),
	    .end_boot_ns = clock_boot_ns() + INT64_C(40000000000) };

	good(trade_send_due(&t, &err));
}

static void
turn(void)
{
	turn_as(&env, (struct utc){ 1 });
}

/* A new user with a session at this broker. */
static void
enter(const char *broker)
{
	const struct trade_secret kite = { "", "", "good1", "", "", "" };
	const struct trade_secret rest = { "ann", "pw", "", FAKE_ALPACA_KEY,
	    FAKE_ALPACA_SECRET, "" };
	const struct trade_link_terms terms = { "", "", { 100000 * DEC_ONE } };
	struct trade_instrument i = trade_instrument_usual(who.tenant_id,
	    "SBIN", "NSE", clock_now());
	struct trade_quote q = { .bid = { 100 * DEC_ONE }, .ask = { 100 *
	    DEC_ONE }, .last = { 100 * DEC_ONE } };

	tell("reset", "{}");
	mariadb_sql(DB, "UPDATE trade_link SET state = 'closed'");
	who.user_id = uuid_new();
	who.session_id = uuid_new();
	err_clear(&err);
	good(trade_link_login(&env, a, &who, trade_broker_find(broker),
	    strcmp(broker, "kite") == 0 ? &kite : &rest, &terms, clock_now(),
	    &lk, &err));
	good(db_begin(env.db, &err));
	good(trade_instrument_put(env.db, a, &i, &err));
	q.instrument_id = i.id;
	q.at = q.heard_at = clock_now();
	assert_int_not_equal(trade_quote_put(env.db, &q, &err), -1);
	good(db_commit(env.db, &err));
	turn();			/* the first comparison */
}

static struct trade_desk
desk(struct env *e)
{
	struct trade_desk d = { .db = e->db, .a = a,
	    .tenant = who.tenant_id, .user = who.user_id,
	    .session = lk.session_id, .now = clock_now() };

	d.limits = (struct trade_limits){ .max_open_orders = 500,
	    .per_second = 1000, .per_minute = 10000, .collar_limit = 1,
	    .collar_stop = 1, .quote_age_s = 900, .daily_loss = 1 };
	return d;
}

/* A limit order of ours, each at another price: none is a duplicate. */
static O
place(int64_t units)
{
	struct trade_desk d = desk(&env);
	O o = trade_order_new(&d, arena_printf(a, "c%lld",
	    (long long)++ticks));

	o.symbol = "SBIN";
	o.side = "buy";
	o.type = "limit";
	o.tif = "day";
	o.quantity.e8 = units * DEC_ONE;
	o.limit_price.e8 = 100 * DEC_ONE + ticks * 1000000;
	err_clear(&err);
	good(db_begin(env.db, &err));
	good(trade_order_place(&d, &o, "NSE", &err));
	good(db_commit(env.db, &err));
	return o;
}

static O
get(const O *o)
{
	O now;

	good(trade_order_by_id(env.db, a, lk.session_id, o->id, false, &now,
	    &err));
	return now;
}

static const char *
state_of(const O *o)
{
	return get(o).state;
}

static void
look_again(void)
{
	mariadb_sql(DB, "UPDATE trade_link SET due_at = '2000-01-01', "
	    "check_at = '2000-01-01', quiet_until = NULL");
	mariadb_sql(DB, "UPDATE trade_order SET asked_at = '2000-01-01' "
	    "WHERE asked_at IS NOT NULL");
}

/* The broker's own time is over for what has left. */
static void
window_over(void)
{
	mariadb_sql(DB, "UPDATE trade_order SET sent_at = sent_at - INTERVAL 11 "
	    "SECOND WHERE sent_at IS NOT NULL");
	look_again();
}

/* Turns until the order has this state. */
static void
until(const O *o, const char *want)
{
	for (int i = 0; i < 300; i++) {
		turn();
		if (strcmp(state_of(o), want) == 0)
			return;
		(void)poll(NULL, 0, 100);
	}
	fail_msg("wanted %s, it is %s (%s)", want, state_of(o),
	    get(o).reject_detail);
}

static const char *
session_state(void)
{
	return mariadb_value(a, DB, arena_printf(a, "SELECT state FROM "
	    "trade_session WHERE id = X'%s'", mariadb_hex(a, lk.session_id)));
}

static size_t
at_broker(void)
{
	return fakebroker_orders(&fake, a);
}

/* Leaves one order in the books of the session as `start` finds it. */
static void
books_balance(void)
{
	assert_int_equal(number(arena_printf(a, "SELECT COUNT(*) FROM "
	    "trade_session s WHERE s.id = X'%s' AND (s.cash <> (SELECT "
	    "SUM(amount) FROM trade_cash c WHERE c.session_id = s.id) OR "
	    "s.reserved <> (SELECT COALESCE(SUM(o.reserved), 0) FROM "
	    "trade_order o WHERE o.session_id = s.id))",
	    mariadb_hex(a, lk.session_id))), 0);
}

static const char *const brokers[] = { "kite", "alpaca", "mcp", NULL };

/* ---- the good way ------------------------------------------------------------------- */

static void
an_order_goes_and_is_filled(void **state)
{
	(void)state;
	for (const char *const *b = brokers; *b != NULL; b++) {
		O o, now;

		enter(*b);
		o = place(10);
		assert_string_equal(o.state, "submitting");
		turn();
		now = get(&o);
		assert_string_equal(now.state, "accepted");
		assert_non_null(now.broker_order_id);
		assert_int_equal(at_broker(), 1);
		tell("fill", "{\"symbol\":\"SBIN\",\"quantity\":4,"
		    "\"price\":99.5}");
		look_again();
		until(&o, "partially_filled");
		tell("fill", "{\"symbol\":\"SBIN\",\"quantity\":6,"
		    "\"price\":100}");
		/* told twice and in another order: the same */
		rules("{\"path\":\"*orders\",\"method\":\"GET\",\"list\":"
		    "\"twice\"}");
		look_again();
		until(&o, "filled");
		now = get(&o);
		assert_int_equal(now.filled.e8, 10 * DEC_ONE);
		assert_int_equal(now.avg_price.e8, INT64_C(9980000000));
		for (int i = 0; i < 2; i++) {
			look_again();
			turn();
		}
		assert_int_equal(number(arena_printf(a, "SELECT COUNT(*) "
		    "FROM trade_fill WHERE order_id = X'%s'", mariadb_hex(a, o.id))), 2);
		assert_int_equal(at_broker(), 1);
		assert_string_equal(session_state(), "active");
		books_balance();
	}
}

/* Other terms, and the answer to it lost: the same in the end, once. */
static void
terms_change(void **state)
{
	(void)state;
	for (int i = 0; i < 6; i++) {
		const char *b = brokers[i % 3];
		const char *verb = strcmp(b, "alpaca") == 0 ? "PATCH" : "PUT";
		struct trade_terms t = { { 12 * DEC_ONE }, { 101 * DEC_ONE },
		    { 0 } };
		struct trade_desk d;
		O o, out;

		enter(b);
		o = place(10);
		turn();
		if (i >= 3)
			rules(arena_printf(a, "{\"method\":\"%s\","
			    "\"lose\":true}", verb));
		d = desk(&env);
		good(db_begin(env.db, &err));
		good(trade_order_replace(&d, o.id, &t, &out, &err));
		good(db_commit(env.db, &err));
		assert_string_equal(out.state, "pending_replace");
		send_only();
		rules("");
		look_again();
		until(&o, "accepted");
		out = get(&o);
		assert_int_equal(out.quantity.e8, 12 * DEC_ONE);
		assert_int_equal(out.limit_price.e8, 101 * DEC_ONE);
		assert_int_equal(fakebroker_requests(&fake, a, verb, "/"), 1);
		/* filled under its new name */
		tell("fill", "{\"symbol\":\"SBIN\",\"quantity\":12,"
		    "\"price\":100}");
		look_again();
		until(&o, "filled");
		assert_string_equal(session_state(), "active");
		books_balance();
	}
}

static void
a_change_that_never_came(void **state)
{
	struct trade_terms t = { { 12 * DEC_ONE }, { 0 }, { 0 } };
	struct trade_desk d;
	O o, out;

	(void)state;
	enter("kite");
	o = place(10);
	turn();
	rules("{\"method\":\"PUT\",\"drop\":true}");
	d = desk(&env);
	good(db_begin(env.db, &err));
	good(trade_order_replace(&d, o.id, &t, &out, &err));
	good(db_commit(env.db, &err));
	send_only();
	rules("");
	look_again();
	turn();
	assert_string_equal(state_of(&o), "pending_replace");
	window_over();
	until(&o, "accepted");
	assert_int_equal(get(&o).quantity.e8, 10 * DEC_ONE);
	books_balance();
}

static void
what_stands_is_taken_back(void **state)
{
	(void)state;
	for (const char *const *b = brokers; *b != NULL; b++) {
		struct trade_desk d;
		O o, out;

		enter(*b);
		o = place(10);
		turn();
		d = desk(&env);
		good(db_begin(env.db, &err));
		good(trade_order_cancel(&d, o.id, "test", &out, &err));
		good(db_commit(env.db, &err));
		assert_string_equal(out.state, "pending_cancel");
		look_again();
		until(&o, "cancelled");
		assert_int_equal(fakebroker_requests(&fake, a, "DELETE", "/"),
		    1);
		books_balance();
	}
}

/* ---- silence ------------------------------------------------------------------------- */

static void
lost_answers_make_one_order(void **state)
{
	static const char *const how[] = { "\"lose\":true",
	    "\"status\":504,\"done\":true", "\"garbage\":true", NULL };

	(void)state;
	for (const char *const *b = brokers; *b != NULL; b++)
		for (const char *const *h = how; *h != NULL; h++) {
			O o;

			enter(*b);
			rules(arena_printf(a, "{\"method\":\"POST\",\"path\":"
			    "\"*orders*\",%s}", *h));
			o = place(10);
			send_only();
			assert_string_equal(state_of(&o), "unknown");
			assert_int_equal(at_broker(), 1);
			/* its quantity counts on */
			assert_true(get(&o).reserved.e8 > 0);
			rules("");
			look_again();
			until(&o, "accepted");
			assert_int_equal(at_broker(), 1);
			assert_int_equal(fakebroker_requests(&fake, a,
			    "POST", strcmp(*b, "mcp") == 0 ? "/mcp/orders" :
			    strcmp(*b, "kite") == 0 ? "/orders" :
			    "/v2/orders"), 1);
			books_balance();
		}
}

static void
a_broker_that_thinks_too_long(void **state)
{
	O o;

	(void)state;
	enter("kite");
	rules("{\"method\":\"POST\",\"path\":\"/orders*\",\"delay_s\":2}");
	o = place(10);
	send_only();
	assert_string_equal(state_of(&o), "unknown");
	rules("");
	look_again();
	until(&o, "accepted");
	assert_int_equal(at_broker(), 1);
}

static void
what_never_came_is_freed(void **state)
{
	(void)state;
	for (const char *const *b = brokers; *b != NULL; b++) {
		O o;

		enter(*b);
		rules("{\"method\":\"POST\",\"path\":\"*orders*\","
		    "\"drop\":true}");
		o = place(10);
		send_only();
		assert_string_equal(state_of(&o), "unknown");
		rules("");
		/* not before the broker's own time */
		look_again();
		turn();
		assert_string_equal(state_of(&o), "unknown");
		window_over();
		until(&o, "rejected");
		assert_non_null(strstr(get(&o).reject_detail, "not_there"));
		assert_int_equal(get(&o).reserved.e8, 0);
		assert_int_equal(at_broker(), 0);
		books_balance();
	}
}

/* A proxy that lists orders without our id. */
static void
told_by_what_it_is(void **state)
{
	O o, p;

	(void)state;
	enter("mcp");
	tell("options", "{\"plain\":true}");
	rules("{\"method\":\"POST\",\"path\":\"/mcp/orders\",\"lose\":true}");
	o = place(10);
	send_only();
	assert_string_equal(state_of(&o), "unknown");
	rules("");
	look_again();
	until(&o, "accepted");
	/* two that could be it: nobody guesses, nothing is freed */
	rules("{\"method\":\"POST\",\"path\":\"/mcp/orders\",\"lose\":true}");
	p = place(7);
	send_only();
	rules("");
	tell("add", "{\"symbol\":\"SBIN\",\"side\":\"buy\",\"quantity\":7}");
	for (int i = 0; i < 3; i++) {
		window_over();
		turn();
	}
	assert_string_equal(state_of(&p), "unknown");
	assert_int_equal(at_broker(), 2);
	books_balance();
}

/* ---- refusals -------------------------------------------------------------------------- */

static void
busy_brokers_are_waited_for(void **state)
{
	O o;

	(void)state;
	enter("kite");
	rules("{\"method\":\"POST\",\"path\":\"/orders*\",\"status\":429,"
	    "\"retry_after\":2,\"times\":1}");
	o = place(10);
	turn();
	assert_string_equal(state_of(&o), "submitting");
	assert_int_equal(get(&o).sent_at.us, 0);
	assert_true(get(&o).send_at.us > clock_now().us);
	turn();
	turn();
	assert_int_equal(fakebroker_requests(&fake, a, "POST", "/orders"), 1);
	until(&o, "accepted");
	assert_int_equal(fakebroker_requests(&fake, a, "POST", "/orders"), 2);
	assert_int_equal(at_broker(), 1);
}

static void
a_no_is_a_no(void **state)
{
	(void)state;
	for (const char *const *b = brokers; *b != NULL; b++) {
		O o;

		enter(*b);
		rules("{\"method\":\"POST\",\"path\":\"*orders*\",\"status\":"
		    "403,\"body\":{\"message\":\"Insufficient funds\"}}");
		o = place(10);
		turn();
		assert_string_equal(state_of(&o), "rejected");
		assert_non_null(strstr(get(&o).reject_detail,
		    "Insufficient funds"));
		assert_int_equal(get(&o).reserved.e8, 0);
		books_balance();
	}
}

static void
a_login_that_is_over(void **state)
{
	O o;

	(void)state;
	enter("kite");
	tell("expire", "{}");
	o = place(10);
	turn();
	assert_string_equal(state_of(&o), "rejected");
	assert_string_equal(mariadb_value(a, DB, arena_printf(a, "SELECT "
	    "state FROM trade_link WHERE session_id = X'%s'",
	    mariadb_hex(a, lk.session_id))), "expired");
	assert_int_equal(at_broker(), 0);
	/* flagged: the next is refused before anything is sent */
	o = place(10);
	turn();
	assert_string_equal(state_of(&o), "rejected");
	assert_int_equal(fakebroker_requests(&fake, a, "POST", "/orders"), 1);
	/* known by the clock alone */
	enter("kite");
	mariadb_sql(DB, arena_printf(a, "UPDATE trade_link SET expires_at = "
	    "'2020-01-01' WHERE session_id = X'%s'", mariadb_hex(a, lk.session_id)));
	o = place(10);
	turn();
	assert_string_equal(state_of(&o), "rejected");
	assert_int_equal(fakebroker_requests(&fake, a, "POST", "/orders"), 0);
}

/* ---- crashes ---------------------------------------------------------------------------- */

/* A process that takes a turn and is killed once the broker has this many
 * requests of that kind. */
static void
killed_turn(const char *method, const char *path)
{
	pid_t pid;
	int status;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct env e = boot(NULL);

		turn_as(&e, (struct utc){ 1 });
		_exit(0);
	}
	for (int i = 0; i < 300 && fakebroker_requests(&fake, a, method,
	    path) == 0; i++)
		(void)poll(NULL, 0, 50);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	assert_true(WIFSIGNALED(status));
}

static void
killed_between_sending_and_answer(void **state)
{
	(void)state;
	for (int there = 0; there < 2; there++) {
		O o;

		enter("kite");
		rules(there ? "{\"method\":\"POST\",\"path\":\"/orders*\","
		    "\"delay_s\":20}" : "{\"method\":\"POST\",\"path\":"
		    "\"/orders*\",\"delay_s\":20,\"status\":500}");
		o = place(10);
		killed_turn("POST", "/orders");
		rules("");
		assert_string_equal(state_of(&o), "submitting");
		assert_int_not_equal(get(&o).sent_at.us, 0);
		/* a new process: compares first, and finds it or frees it */
		window_over();
		until(&o, there ? "accepted" : "rejected");
		assert_int_equal(at_broker(), (size_t)there);
		assert_int_equal(fakebroker_requests(&fake, a, "POST",
		    "/orders"), 1);
		books_balance();
	}
}

static void
two_senders_send_once(void **state)
{
	pid_t pid[4];
	O o[8];

	(void)state;
	enter("kite");
	for (int i = 0; i < 8; i++)
		o[i] = place(1);
	fflush(NULL);
	for (int k = 0; k < 4; k++) {
		pid[k] = fork();
		assert_true(pid[k] >= 0);
		if (pid[k] == 0) {
			struct env e = boot(NULL);

			turn_as(&e, (struct utc){ 1 });
			_exit(0);
		}
	}
	for (int k = 0; k < 4; k++) {
		int status;

		waitpid(pid[k], &status, 0);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	look_again();
	for (int i = 0; i < 8; i++)
		until(&o[i], "accepted");
	assert_int_equal(at_broker(), 8);
	assert_int_equal(fakebroker_requests(&fake, a, "POST", "/orders"), 8);
	books_balance();
}

/* ---- what may not go -------------------------------------------------------------------- */

static void
nothing_after_the_stop_switch(void **state)
{
	O o;

	(void)state;
	enter("kite");
	o = place(10);
	mariadb_sql(DB, "INSERT INTO platform_switch (scope, tenant_id, name, "
	    "stopped, reason, changed_by, changed_at, version) VALUES "
	    "('module', REPEAT(X'00', 16), 'trade', 1, 'test', 'test', "
	    "NOW(6), 1)");
	turn();
	assert_string_equal(state_of(&o), "rejected");
	assert_int_equal(fakebroker_requests(&fake, a, "POST", "/orders"), 0);
	mariadb_sql(DB, "DELETE FROM platform_switch WHERE scope = "
	    "'module'");
	books_balance();
}

static void
nothing_after_the_session_is_halted(void **state)
{
	O o;

	(void)state;
	enter("alpaca");
	o = place(10);
	mariadb_sql(DB, arena_printf(a, "UPDATE trade_session SET state = "
	    "'halted' WHERE id = X'%s'", mariadb_hex(a, lk.session_id)));
	turn();
	assert_string_equal(state_of(&o), "rejected");
	assert_int_equal(at_broker(), 0);
}

static void
nothing_while_live_is_off(void **state)
{
	struct env off = boot("trade.live=false");
	O o;

	(void)state;
	enter("alpaca");
	o = place(10);
	turn_as(&off, (struct utc){ 1 });
	assert_string_equal(state_of(&o), "rejected");
	assert_int_equal(at_broker(), 0);
	shut(&off);
}

/* Even with a link that somebody made for it. */
static void
paper_never_reaches_a_broker(void **state)
{
	struct trade_session s;
	struct trade_link forged;
	struct trade_access x;
	struct trade_broker_answer ans;
	struct trade_ticket t = { .client_id = "X", .broker_id = "",
	    .symbol = "SBIN", .exchange = "NSE", .side = "buy",
	    .type = "market", .tif = "day", .product = "", .variety = "",
	    .class = "", .quantity = { DEC_ONE } };
	size_t before;

	(void)state;
	enter("kite");
	good(db_begin(env.db, &err));
	good(trade_session_open(env.db, a, who.tenant_id, who.user_id,
	    (struct dec){ 1000 * DEC_ONE }, "USD", clock_now(), &s, &err));
	good(db_commit(env.db, &err));
	mariadb_sql(DB, arena_printf(a, "INSERT INTO trade_link SELECT "
	    "X'%s', tenant_id, user_id, broker, account, secret, product, "
	    "variety, state, detail, reduced, expires_at, due_at, check_at, "
	    "checked_at, quiet_until, created_at, updated_at FROM trade_link "
	    "WHERE session_id = X'%s'", mariadb_hex(a, s.id), mariadb_hex(a, lk.session_id)));
	before = fakebroker_requests(&fake, a, "GET", "/");
	err_clear(&err);
	good(trade_link_get(env.db, a, s.id, &forged, &err));
	bad(trade_link_open(&env, a, &forged, clock_now(), &x, &err), 403,
	    "paper_session");
	/* a live one's way, with the session's mode looked at again */
	good(trade_link_open(&env, a, &lk, clock_now(), &x, &err));
	x.mode = "paper";
	bad(trade_broker_ask(&x, BROKER_SUBMIT, &t, &ans, &err), 403,
	    "paper_session");
	x.mode = "live";
	x.broker = &trade_broker_paper;
	bad(trade_broker_ask(&x, BROKER_SUBMIT, &t, &ans, &err), 403,
	    "paper_session");
	look_again();
	turn();
	assert_int_equal(fakebroker_requests(&fake, a, "POST", "/orders"), 0);
	/* the live one was looked at, the forged one not */
	assert_true(fakebroker_requests(&fake, a, "GET", "/") > before);
	assert_string_equal(mariadb_value(a, DB, arena_printf(a, "SELECT "
	    "COUNT(*) FROM trade_reconciliation WHERE session_id = X'%s'",
	    mariadb_hex(a, s.id))), "0");
}

/* ---- restart ------------------------------------------------------------------------------ */

static int64_t
open_differences(void)
{
	return number(arena_printf(a, "SELECT COUNT(*) FROM trade_difference "
	    "WHERE session_id = X'%s' AND state = 'open'",
	    mariadb_hex(a, lk.session_id)));
}

static void
accept_all(void)
{
	struct rows rows;

	good(trade_difference_page(env.db, a, who.tenant_id, true,
	    (struct uuid){ { 0 } }, 100, &rows, &err));
	for (size_t i = 0; i < rows.n; i++) {
		struct trade_desk d = desk(&env);

		good(db_begin(env.db, &err));
		good(trade_difference_accept(&d, ROW(&rows,
		    struct trade_difference, i), "ann", &err));
		good(db_commit(env.db, &err));
	}
}

static void
compared_before_anything_is_sent(void **state)
{
	O open, waits;

	(void)state;
	enter("kite");
	open = place(10);
	turn();
	assert_string_equal(state_of(&open), "accepted");
	/* down: it is filled, somebody trades at the broker, one waits */
	tell("fill", "{\"symbol\":\"SBIN\",\"quantity\":10,\"price\":100}");
	tell("add", "{\"symbol\":\"INFY\",\"side\":\"buy\",\"quantity\":3,"
	    "\"price\":\"1500\"}");
	waits = place(5);
	/* the broker does not answer the comparison: nothing is sent */
	rules("{\"path\":\"/portfolio/*\",\"status\":503}");
	turn_as(&env, clock_now());
	assert_string_equal(state_of(&waits), "submitting");
	assert_int_equal(fakebroker_requests(&fake, a, "POST", "/orders"), 1);
	/* it does: the fill is there, the stranger makes it reducing */
	rules("");
	look_again();
	turn_as(&env, clock_now());
	assert_string_equal(state_of(&open), "filled");
	assert_string_equal(session_state(), "reducing");
	assert_int_equal(open_differences(), 1);
	assert_string_equal(mariadb_value(a, DB, arena_printf(a, "SELECT "
	    "class FROM trade_difference WHERE session_id = X'%s'",
	    mariadb_hex(a, lk.session_id))), "local_missing");
	assert_string_equal(state_of(&waits), "rejected");
	/* a person says that it is right so */
	accept_all();
	turn();
	assert_string_equal(session_state(), "active");
	assert_int_equal(open_differences(), 0);
	waits = place(5);
	turn();
	assert_string_equal(state_of(&waits), "accepted");
	books_balance();
}

static void
positions_that_differ(void **state)
{
	O o;

	(void)state;
	/* what was there before us is taken over */
	tell("reset", "{}");
	enter("alpaca");
	o = place(10);
	tell("options", "{\"auto_fill\":100}");
	turn();
	look_again();
	until(&o, "filled");
	tell("positions", "{\"positions\":{\"SBIN\":[12,100]}}");
	look_again();
	turn();
	assert_int_equal(open_differences(), 1);
	assert_string_equal(session_state(), "reducing");
	/* equal again: closed by itself */
	tell("positions", "{\"positions\":{\"SBIN\":[10,100]}}");
	look_again();
	turn();
	assert_int_equal(open_differences(), 0);
	assert_string_equal(session_state(), "active");
	/* or a person takes what the broker has */
	tell("positions", "{\"positions\":{}}");
	look_again();
	turn();
	assert_string_equal(mariadb_value(a, DB, arena_printf(a, "SELECT "
	    "class FROM trade_difference WHERE session_id = X'%s' AND state "
	    "= 'open'", mariadb_hex(a, lk.session_id))), "broker_missing");
	accept_all();
	turn();
	assert_string_equal(session_state(), "active");
	assert_string_equal(mariadb_value(a, DB, arena_printf(a, "SELECT "
	    "quantity FROM trade_position WHERE session_id = X'%s'",
	    mariadb_hex(a, lk.session_id))), "0.00000000");
}

static void
cash_is_the_broker_s(void **state)
{
	O o;

	(void)state;
	enter("kite");
	o = place(10);
	turn();
	/* not while something is open */
	tell("options", "{\"cash\":99000.5}");
	look_again();
	turn();
	assert_string_equal(mariadb_value(a, DB, arena_printf(a, "SELECT "
	    "cash FROM trade_session WHERE id = X'%s'",
	    mariadb_hex(a, lk.session_id))), "100000.00000000");
	tell("set", "{\"symbol\":\"SBIN\",\"status\":\"cancelled\"}");
	look_again();
	until(&o, "cancelled");
	look_again();
	turn();
	assert_string_equal(mariadb_value(a, DB, arena_printf(a, "SELECT "
	    "cash FROM trade_session WHERE id = X'%s'",
	    mariadb_hex(a, lk.session_id))), "99000.50000000");
	assert_int_equal(number(arena_printf(a, "SELECT COUNT(*) FROM "
	    "trade_cash WHERE session_id = X'%s' AND kind = 'adjustment' AND "
	    "amount = -999.5", mariadb_hex(a, lk.session_id))), 1);
	books_balance();
}

static void
a_person_decides_in_the_end(void **state)
{
	struct env late = boot("trade.unknown_patience=1");
	O o;

	(void)state;
	enter("kite");
	rules("{\"method\":\"POST\",\"path\":\"/orders*\",\"lose\":true},"
	    "{\"method\":\"GET\",\"path\":\"/orders\",\"list\":\"empty\"}");
	o = place(10);
	send_only();
	assert_string_equal(state_of(&o), "unknown");
	/* sent yesterday: the list of today says nothing about it */
	mariadb_sql(DB, arena_printf(a, "UPDATE trade_order SET sent_at = "
	    "sent_at - INTERVAL 2 DAY WHERE id = X'%s'", mariadb_hex(a, o.id)));
	look_again();
	turn_as(&late, (struct utc){ 1 });
	assert_string_equal(state_of(&o), "unknown");
	assert_int_equal(open_differences(), 1);
	accept_all();
	assert_string_equal(state_of(&o), "rejected");
	books_balance();
	shut(&late);
}

/* ---- logins -------------------------------------------------------------------------------- */

static void
secrets_are_sealed(void **state)
{
	const char *row;

	(void)state;
	enter("alpaca");
	row = mariadb_value(a, DB, arena_printf(a, "SELECT secret FROM "
	    "trade_link WHERE session_id = X'%s'", mariadb_hex(a, lk.session_id)));
	assert_int_equal(strncmp(row, "v1.", 3), 0);
	assert_null(strstr(row, FAKE_ALPACA_SECRET));
	assert_int_equal(number(arena_printf(a, "SELECT COUNT(*) FROM "
	    "user_tokens WHERE user_id = X'%s' AND token_encrypted LIKE "
	    "'v1.%%'", mariadb_hex(a, who.user_id))), 1);
	good(trade_link_logout(&env, a, &lk, clock_now(), &err));
	assert_int_equal(number(arena_printf(a, "SELECT COUNT(*) FROM "
	    "trade_link WHERE session_id = X'%s' AND secret IS NULL AND state "
	    "= 'closed'", mariadb_hex(a, lk.session_id))), 1);
	assert_string_equal(session_state(), "closed");
}

static void
a_state_is_ours_and_used_once(void **state)
{
	const struct trade_broker_conf *c = conf_get(env.conf,
	    &trade_broker_settings);
	struct principal other = who;
	struct trade_link out;
	const char *url, *s;

	(void)state;
	enter("kite");
	other = who;
	other.session_id = uuid_new();
	for (int i = 0; i < 3; i++) {
		good(db_begin(env.db, &err));
		good(trade_login_begin(env.db, a, &who, &trade_broker_kite, c,
		    clock_now(), &url, &err));
		good(db_commit(env.db, &err));
		s = strstr(url, "state%3D");
		assert_non_null(s);
		s += 8;
		if (i == 0) {
			/* begun in another login, and used up by the try */
			bad(trade_login_end(&env, a, &other, s, "good2",
			    clock_now(), &out, &err), 401, "state");
			bad(trade_login_end(&env, a, &who, s, "good2",
			    clock_now(), &out, &err), 401, "state");
		} else if (i == 1) {
			good(trade_login_end(&env, a, &who, s, "good2",
			    clock_now(), &out, &err));
			assert_true(uuid_equal(out.session_id,
			    lk.session_id));
			bad(trade_login_end(&env, a, &who, s, "good2",
			    clock_now(), &out, &err), 401, "state");
		} else {
			bad(trade_login_end(&env, a, &who, s, "bad",
			    clock_now(), &out, &err), 409, "broker_login");
		}
	}
	bad(trade_login_end(&env, a, &who, "made up", "good2", clock_now(),
	    &out, &err), 401, "state");
}

static void
answers_are_kept_a_second(void **state)
{
	struct utc at, again;
	const char *json;
	size_t n;

	(void)state;
	enter("kite");
	tell("positions", "{\"positions\":{\"SBIN\":[12,100.5]}}");
	good(trade_link_ask(&env, a, &lk, BROKER_POSITIONS, clock_now(),
	    &json, &at, &err));
	assert_non_null(strstr(json, "\"net\":[{\"symbol\":\"SBIN\""));
	n = fakebroker_requests(&fake, a, "GET", "/portfolio/positions");
	good(trade_link_ask(&env, a, &lk, BROKER_POSITIONS, at, &json,
	    &again, &err));
	assert_int_equal(again.us, at.us);
	assert_int_equal(fakebroker_requests(&fake, a, "GET",
	    "/portfolio/positions"), n);
	at.us += 2 * US_PER_S;
	good(trade_link_ask(&env, a, &lk, BROKER_POSITIONS, at, &json,
	    &again, &err));
	assert_int_equal(fakebroker_requests(&fake, a, "GET",
	    "/portfolio/positions"), n + 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_order_goes_and_is_filled),
		cmocka_unit_test(what_stands_is_taken_back),
		cmocka_unit_test(terms_change),
		cmocka_unit_test(a_change_that_never_came),
		cmocka_unit_test(lost_answers_make_one_order),
		cmocka_unit_test(a_broker_that_thinks_too_long),
		cmocka_unit_test(what_never_came_is_freed),
		cmocka_unit_test(told_by_what_it_is),
		cmocka_unit_test(busy_brokers_are_waited_for),
		cmocka_unit_test(a_no_is_a_no),
		cmocka_unit_test(a_login_that_is_over),
		cmocka_unit_test(killed_between_sending_and_answer),
		cmocka_unit_test(two_senders_send_once),
		cmocka_unit_test(nothing_after_the_stop_switch),
		cmocka_unit_test(nothing_after_the_session_is_halted),
		cmocka_unit_test(nothing_while_live_is_off),
		cmocka_unit_test(paper_never_reaches_a_broker),
		cmocka_unit_test(compared_before_anything_is_sent),
		cmocka_unit_test(positions_that_differ),
		cmocka_unit_test(cash_is_the_broker_s),
		cmocka_unit_test(a_person_decides_in_the_end),
		cmocka_unit_test(secrets_are_sealed),
		cmocka_unit_test(a_state_is_ours_and_used_once),
		cmocka_unit_test(answers_are_kept_a_second),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
