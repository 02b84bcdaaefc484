/*
 * The engine against a database, through the market's loop: a strategy at work
 * from ticks to fills and rewards; a crash between deciding and committing, and
 * a second run after it, place one order; a restart changes no decision;
 * signals are one row and are followed once; live trading needs a second
 * person and ends after a day.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/number.h"
#include "base/principal.h"
#include "base/random.h"
#include "conf/base.h"
#include "modules/platform/platform.h"
#include "modules/trade/conf.h"
#include "modules/trade/engine_inner.h"
#include "modules/trade/feed_inner.h"
#include "modules/trade/strategies.h"
#include "modules/trade/trade.h"
#include "proc/bell.h"
#include "tests/harness/env.h"
#include "tests/harness/forked.h"
#include "tests/harness/mariadb.h"

#include <cmocka.h>

#define DB "trade_engine"
#define MIN (60 * US_PER_S)
/* Buys after a rising bar, sells after a falling one. */
#define FOLLOW_BAR "{\"entry_long\":[\">\",\"close\",\"open\"]," \
	"\"exit_long\":[\"<\",\"close\",\"open\"],\"size\":{\"kind\":" \
	"\"units\",\"value\":10}}"

static const struct module *const mods[] = { &trade_module, NULL };
static const struct settings *const groups[] = { &base_settings,
    &trade_settings, &trade_engine_settings, NULL };
static struct arena *a;
static struct env env;
static struct err err;
static struct uuid tenant;
static struct principal ann, bob;
static struct trade_session session;
static struct uuid strategy;
static struct loop_ctx loop;
static char bells[SCRATCH_PATH];
static bool have;

static void
good(int rc)
{
	if (rc != 0)
		fail_msg("%d %s: %s (%s)", err.status, err.code, err.detail,
		    err.cause);
	err_clear(&err);
}

static const char *
value(const char *fmt, ...)
{
	char *sql = arena_alloc(a, 2000);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(sql, 2000, fmt, ap);
	va_end(ap);
	return mariadb_value(a, DB, sql);
}

#define IS(want, ...) assert_string_equal(value(__VA_ARGS__), want)

static struct principal
person(const char *name)
{
	static const char *const all[] = { "*", NULL };
	struct principal p = { .kind = PRINCIPAL_USER, .user_id = uuid_new(),
	    .tenant_id = tenant, .name = name, .roles = "admin",
	    .permissions = all };
	char id[UUID_TEXT], t[UUID_TEXT];

	mariadb_sql(DB, arena_printf(a, "INSERT INTO auth_user (id, "
	    "tenant_id, email, username, role_names, password_hash, "
	    "password_at, created_at, updated_at) VALUES (UNHEX(REPLACE('%s', "
	    "'-', '')), UNHEX(REPLACE('%s', '-', '')), '%s@example.test', "
	    "'%s', 'admin', '', NOW(6), NOW(6), NOW(6))",
	    uuid_format(p.user_id, id), uuid_format(tenant, t), name, name));
	return p;
}

static int
open_session(struct db *db, void *arg, struct err *e)
{
	(void)arg;
	return trade_session_open(db, a, tenant, ann.user_id,
	    (struct dec){ 1000000 * DEC_ONE }, "USD", clock_now(), &session,
	    e) == -1 ? -1 : 0;
}

static int
setup(void **state)
{
	const char *const over[] = { "trade.bar_grace=100",
	    "trade.orders_per_second=10000", "trade.orders_per_minute=100000",
	    "trade.quote_age=604800", NULL };
	struct trade_strategy_row s = { .id = uuid_new(), .version = 1,
	    .name = "follow the bar", .spec = { FOLLOW_BAR }, .made_by = "",
	    .created_at = clock_now(), .updated_at = clock_now() };

	(void)state;
	a = arena_new((size_t)512 << 20);
	have = mariadb_start();
	if (!have)
		return 0;
	mariadb_migrated(DB, NULL);
	scratch_dir(bells);
	bell_dir(bells);
	env = env_open(a, &(struct env_options){ .modules = mods,
	    .groups = groups, .over = over, .db = DB });
	tenant = uuid_new();
	ann = person("ann");
	bob = person("bob");
	good(db_txn(env.db, a, open_session, NULL, &err));
	s.tenant_id = tenant;
	s.digest = trade_digest(a, FOLLOW_BAR, strlen(FOLLOW_BAR), NULL);
	good(trade_strategy_insert(env.db, &s, &err));
	strategy = s.id;
	trade_feed_turn_ms = 20;
	loop = (struct loop_ctx){ .env = &env, .db = env.db,
	    .a = arena_new((size_t)64 << 20), .keep = a };
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	if (have) {
		if (loop.memory != NULL)
			trade_feed_loops[0].end(&loop);
		arena_free(loop.a);
	}
	arena_free(a);
	scratch_remove(bells);
	mariadb_stop();
	return 0;
}

/* ---- words ---------------------------------------------------------------------- */

static struct trade_instrument
instrument(const char *symbol)
{
	struct trade_instrument i = trade_instrument_usual(tenant, symbol,
	    "", clock_now());

	good(trade_instrument_put(env.db, a, &i, &err));
	return i;
}

static struct trade_arming armed;

static int
make(struct db *db, void *arg, struct err *e)
{
	return trade_arming_make(db, a, &ann, arg, clock_now(), e);
}

/* Of one symbol; follow "" = the strategy above. */
static struct trade_arming
arm(const char *name, const char *symbol, const char *follow)
{
	const char **list = arena_array(a, 1, sizeof(*list));
	struct trade_arming r = { .name = name, .strategy_id =
	    *follow == '\0' ? strategy : (struct uuid){ { 0 } },
	    .params = { "{}" }, .timeframe = "1m", .exchange = "",
	    .follow = follow, .min_score = 0.4, .sizing = *follow == '\0' ?
	    "strategy" : "units", .size = 5, .risk_pct = 1 };
	struct trade_arming_new n = { &r, { list, 1 }, { { 0 } }, true };

	list[0] = symbol;
	good(db_txn(env.db, a, make, &n, &err));
	assert_string_equal(r.state, "armed");
	return r;
}

static struct utc
minute(int n)
{
	struct utc t;

	assert_int_equal(clock_parse("2026-03-02T10:00:00Z", &t), 0);
	t.us += n * MIN;
	return t;
}

static struct dec
d(double x)
{
	return (struct dec){ (int64_t)(x * 1e8 + 0.5) };
}

static void
turns(const char *sql, const char *want)
{
	for (int i = 0; i < 1500; i++) {
		good(trade_feed_loops[0].run(&loop, &err));
		if (strcmp(mariadb_value(a, DB, sql), want) == 0)
			return;
	}
	fail_msg("%s: %s, not %s", sql, mariadb_value(a, DB, sql), want);
}

/* A minute of two ticks. */
static void
bar(int64_t id, int n, double open, double close)
{
	struct trade_tick t[2] = { { .instrument_id = id, .seq = 2 * n + 1,
	    .at = minute(n), .heard_at = clock_now(), .last = d(open),
	    .volume = d(100000) }, { .instrument_id = id, .seq = 2 * n + 2,
	    .at = { minute(n).us + 30 * US_PER_S }, .heard_at = clock_now(),
	    .last = d(close), .volume = d(100000) } };

	good(trade_ticks_post(env.db, a, tenant, (struct uuid){ { 0 } }, t, 2,
	    clock_now(), &err));
	turns("SELECT COUNT(*) FROM trade_intake", "0");
}

static void
forget(void)
{
	if (loop.memory != NULL)
		trade_feed_loops[0].end(&loop);
	loop.memory = NULL;
}

static void
count_rewards(void)
{
	struct loop_ctx c = { .env = &env, .db = env.db, .a = loop.a };

	good(trade_reward_loops[0].run(&c, &err));
}

/* ---- from ticks to rewards ------------------------------------------------------------- */

static void
a_strategy_at_work(void **state)
{
	struct trade_instrument i;
	char id[UUID_TEXT];

	(void)state;
	if (!have)
		skip();
	i = instrument("WORK");
	armed = arm("worker", "WORK", "");
	bar(i.id, 0, 100, 101);
	bar(i.id, 1, 101, 102);		/* minute 0 is over: it rose */
	IS("ordered enter buy 10.00000000", "SELECT CONCAT_WS(' ', outcome, "
	    "leg, side, quantity) FROM trade_act WHERE symbol = 'WORK'");
	IS("filled 10.00000000", "SELECT CONCAT_WS(' ', state, filled) FROM "
	    "trade_order WHERE symbol = 'WORK'");
	bar(i.id, 2, 102, 104);		/* rose: it is held already */
	IS("1", "SELECT COUNT(*) FROM trade_order WHERE symbol = 'WORK'");
	bar(i.id, 3, 104, 103);
	bar(i.id, 4, 103, 103);		/* minute 3 fell */
	IS("leave sell 10.00000000", "SELECT CONCAT_WS(' ', leg, side, "
	    "quantity) FROM trade_act WHERE symbol = 'WORK' ORDER BY id DESC "
	    "LIMIT 1");
	count_rewards();
	IS("2 2 0.00000000", "SELECT CONCAT_WS(' ', COUNT(*), SUM(settled), "
	    "(SELECT held FROM trade_trip WHERE symbol = 'WORK' ORDER BY seq "
	    "DESC LIMIT 1)) FROM trade_act WHERE symbol = 'WORK'");
	/* profit of the trip = what the books of the session say */
	IS("0", "SELECT ABS(t.pnl - (p.realized - p.fees)) > 0.000001 FROM "
	    "trade_trip t JOIN trade_position p ON p.symbol = t.symbol WHERE "
	    "t.symbol = 'WORK' AND t.pnl IS NOT NULL");
	IS("1", "SELECT COUNT(*) FROM trade_reward WHERE symbol = 'WORK' AND "
	    "reward > 0 AND reason = 'filled_profit'");
	IS("2", "SELECT COUNT(*) FROM platform_decision WHERE module = "
	    "'trade' AND kind = 'order' AND outcome = 'succeeded' AND "
	    "subject_id = '%s'", uuid_format(armed.id, id));
	/* what followed the first signal */
	IS("0.00990099", "SELECT ROUND(ret_1, 8) FROM trade_signal WHERE "
	    "symbol = 'WORK' AND source = 'strategy' ORDER BY bar_at LIMIT "
	    "1");
	IS("0", "SELECT ABS(s.cash - (SELECT SUM(amount) FROM trade_cash c "
	    "WHERE c.session_id = s.id)) > 0 FROM trade_session s LIMIT 1");
}

/* ---- many at once ----------------------------------------------------------------------- */

enum { MANY = 100, CALM = 70 };

/* So far ahead that the clock does not end the bars before their ticks do. */
static struct utc
distant(int n)
{
	struct utc t;

	assert_int_equal(clock_parse("2099-01-01T10:00:00Z", &t), 0);
	t.us += n * MIN;
	return t;
}

/* Instruments M0 … with an hour of calm minutes before minute 0. */
static void
make_many(int64_t id[MANY])
{
	for (int i = 0; i < MANY; i++)
		id[i] = instrument(arena_printf(a, "M%d", i)).id;
	mariadb_sql(DB, arena_printf(a, "INSERT INTO trade_bar (instrument_id,"
	    " timeframe, at, open, high, low, close, volume, version) SELECT "
	    "i.id, '1m', '2099-01-01 10:00:00' - INTERVAL s.seq MINUTE, 100, "
	    "100.5, 99.5, 99.9 + s.seq %% 3 * 0.1, 900 + s.seq %% 3 * "
	    "100, 1 FROM trade_instrument i JOIN seq_1_to_%d s WHERE i.symbol LIKE 'M%%' "
	    "AND i.symbol RLIKE '^M[0-9]+$'", CALM));
}

/* One tick of each, in one post. */
static void
tick_many(const int64_t id[MANY], struct utc at, double price)
{
	struct trade_tick t[MANY];

	for (int i = 0; i < MANY; i++)
		t[i] = (struct trade_tick){ .instrument_id = id[i], .at = at,
		    .heard_at = clock_now(), .last = d(price),
		    .volume = d(1000) };
	good(trade_ticks_post(env.db, a, tenant, (struct uuid){ { 0 } }, t,
	    MANY, clock_now(), &err));
	turns("SELECT COUNT(*) FROM trade_intake", "0");
}

static int64_t
statements(void)
{
	return atoll(value("SELECT VARIABLE_VALUE FROM "
	    "information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = "
	    "'COM_STMT_EXECUTE'"));
}

#define OF_MANY "symbol RLIKE '^M[0-9]+$' AND name = 'breakout'"

/* The minute of a hundred breaks out: a signal each, together, and only the
 * armed one's strategy acts. */
static void
a_minute_ends_for_many(void **state)
{
	int64_t id[MANY], before;

	(void)state;
	if (!have)
		skip();
	make_many(id);
	arm("one of many", "M7", "");
	tick_many(id, distant(0), 100);
	tick_many(id, distant(1), 110);		/* warm: all were read */
	tick_many(id, (struct utc){ distant(1).us + 30 * US_PER_S }, 120);
	mariadb_sql(DB, "DELETE FROM events_outbox");
	before = statements();
	tick_many(id, distant(2), 121);
	/* of these two for each: rows of one statement, what followed */
	assert_in_range(statements() - before, 1, 3 * MANY);
	IS("100 100", "SELECT CONCAT_WS(' ', COUNT(*), COUNT(DISTINCT "
	    "symbol)) FROM trade_signal WHERE " OF_MANY " AND bar_at = "
	    "'2099-01-01 10:01:00'");
	IS("1", "SELECT COUNT(DISTINCT symbol) FROM trade_act WHERE symbol "
	    "RLIKE '^M[0-9]+$'");
	/* each was told once */
	IS("100", "SELECT SUM((LENGTH(body) - LENGTH(REPLACE(body, "
	    "'\"breakout\"', ''))) / LENGTH('\"breakout\"')) DIV 1 FROM "
	    "events_outbox");
	/* what followed, of all */
	tick_many(id, distant(3), 121);
	IS("0", "SELECT COUNT(*) FROM trade_signal WHERE " OF_MANY " AND "
	    "bar_at = '2099-01-01 10:01:00' AND ret_1 IS NULL");
}

struct putting {
	struct trade_signal v[3];
};

static int
put(struct db *db, void *arg, struct err *e)
{
	struct putting *p = arg;

	return trade_signal_put_many(db, a, p->v, 3, e);
}

/* Twice in one call and in a second call: one row, told once. */
static void
many_are_stored_once(void **state)
{
	struct trade_instrument i;
	struct putting p, q;

	(void)state;
	if (!have)
		skip();
	i = instrument("TWICE");
	for (int k = 0; k < 3; k++)
		p.v[k] = (struct trade_signal){ .tenant_id = tenant,
		    .instrument_id = i.id, .symbol = "TWICE",
		    .timeframe = "1m", .bar_at = minute(k % 2),
		    .source = TRADE_SOURCE_PATTERN, .name = "doji",
		    .score = 0.5, .strength = 0.5, .price = d(10),
		    .bar_version = 1, .created_at = clock_now() };
	q = p;
	mariadb_sql(DB, "DELETE FROM events_outbox");
	good(db_txn(env.db, a, put, &p, &err));
	IS("2 2", "SELECT CONCAT_WS(' ', COUNT(*), (SELECT SUM(n) FROM "
	    "events_outbox)) FROM trade_signal WHERE symbol = 'TWICE'");
	assert_false(p.v[0].preview);
	assert_true(p.v[2].preview);
	good(db_txn(env.db, a, put, &q, &err));
	IS("2 2", "SELECT CONCAT_WS(' ', COUNT(*), (SELECT SUM(n) FROM "
	    "events_outbox)) FROM trade_signal WHERE symbol = 'TWICE'");
}

/* ---- crashes --------------------------------------------------------------------------- */

static struct trade_instrument crashing;

static int
on_bar(struct db *db, void *keep, struct err *e)
{
	struct trade_listen l = { .env = &env, .desk = trade_desk_make(
	    conf_get(env.conf, &trade_settings), db, a, tenant,
	    (struct uuid){ { 0 } }, clock_now()), .instrument = &crashing,
	    .keep = keep };
	const struct trade_bar_news n = { .timeframe = "1m", .bar = {
	    minute(0), d(50), d(52), d(49), d(51), d(20), 1 } };
	int rc = trade_engine_on_bar(&l, &n, e);

	trade_engine_forget(l.memory);
	return rc;
}

static int
crash(void *arg)
{
	struct arena *own = arena_new((size_t)64 << 20);

	(void)arg;
	db_forget(env.db);
	env.db = mariadb_open(own, DB);
	if (db_begin(env.db, &err) == -1 || on_bar(env.db, own, &err) == -1)
		return 1;
	kill(getpid(), SIGKILL);
	return 2;
}

static void
a_crash_makes_one_order(void **state)
{
	struct trade_quote q = { .bid = d(51), .ask = d(51), .last = d(51),
	    .at = minute(1), .heard_at = clock_now() };

	(void)state;
	if (!have)
		skip();
	crashing = instrument("CRASH");
	(void)arm("crasher", "CRASH", "");
	q.instrument_id = crashing.id;
	good(trade_quote_put(env.db, &q, &err));
	/* decided, placed, and gone before the commit */
	assert_int_equal(forked_wait(forked(crash, NULL)), 1000 + SIGKILL);
	IS("0", "SELECT COUNT(*) FROM trade_order WHERE symbol = 'CRASH'");
	/* the same bar again, and again as after a crash after the commit */
	for (int k = 0; k < 3; k++) {
		struct arena *keep = arena_new((size_t)64 << 20);

		good(db_txn(env.db, a, on_bar, keep, &err));
		arena_free(keep);
		IS("1 1 1", "SELECT CONCAT_WS(' ', COUNT(*), (SELECT COUNT(*) "
		    "FROM trade_act WHERE symbol = 'CRASH'), (SELECT COUNT(*) "
		    "FROM trade_signal WHERE symbol = 'CRASH' AND source = "
		    "'strategy')) FROM trade_order WHERE symbol = 'CRASH'");
	}
	/* a row of the act that was lost: the order's name holds */
	mariadb_sql(DB, "DELETE FROM trade_act WHERE symbol = 'CRASH'; DELETE "
	    "FROM trade_signal WHERE symbol = 'CRASH'");
	{
		struct arena *keep = arena_new((size_t)64 << 20);

		good(db_txn(env.db, a, on_bar, keep, &err));
		arena_free(keep);
	}
	IS("1", "SELECT COUNT(*) FROM trade_order WHERE symbol = 'CRASH' AND "
	    "state = 'filled'");
}

/* The same ticks on two instruments; for one the loop dies all the time. */
static void
a_restart_changes_no_decision(void **state)
{
	static const double closes[] = { 1, 2, -1, 1, 1, -2, -1, 3, -1, 2 };
	static const char sum[] = "SELECT GROUP_CONCAT(CONCAT_WS(' ', s.name "
	    "= s.name, t.leg, t.side, t.quantity, t.bar_at) ORDER BY "
	    "t.bar_at, t.leg) FROM trade_act t JOIN trade_signal s ON s.id = "
	    "t.signal_id WHERE t.symbol = '%s' AND t.bar_at < "
	    "'2026-03-02 10:28:00'";
	static const char seen[] = "SELECT GROUP_CONCAT(CONCAT_WS(' ', "
	    "source, name, bar_at, ROUND(score, 9), value) ORDER BY bar_at, "
	    "source, name) FROM trade_signal WHERE symbol = '%s' AND source "
	    "<> 'strategy' AND timeframe = '1m' AND bar_at < '2026-03-02 10:28:00'";
	static const char *const symbols[] = { "STAYS", "DIES" };

	(void)state;
	if (!have)
		skip();
	for (int k = 0; k < 2; k++) {
		struct trade_instrument i = instrument(symbols[k]);
		double price = 200;

		(void)arm(symbols[k], symbols[k], "");
		for (int n = 0; n < 30; n++) {
			double next = price + closes[n % 10] * (1 + n % 3);

			bar(i.id, n, price, next);
			price = next;
			if (k == 1)
				forget();
		}
	}
	assert_true(strlen(value(sum, "STAYS")) > 200);
	IS(value(sum, "STAYS"), sum, "DIES");
	IS(value(seen, "STAYS"), seen, "DIES");
}

/* ---- time goes back --------------------------------------------------------------------- */

struct passing {
	const int *minutes;
	size_t n;
	struct trade_seen seen;		/* at the last of them */
};

static struct trade_instrument passed;

static struct trade_bar
at_minute(int n)
{
	double open = 50 + n * 7 % 5, close = open + (n % 3 == 2 ? -1 : 1);

	return (struct trade_bar){ minute(n), d(open), d(open + 2),
	    d(open - 2), d(close), d(20 + n), 1 };
}

static int
pass(struct db *db, void *arg, struct err *e)
{
	struct passing *p = arg;
	struct arena *keep = arena_new((size_t)64 << 20);
	struct trade_listen l = { .env = &env, .desk = trade_desk_make(
	    conf_get(env.conf, &trade_settings), db, a, tenant,
	    (struct uuid){ { 0 } }, clock_now()), .instrument = &passed,
	    .keep = keep };
	int rc = 0;

	for (size_t i = 0; i < p->n && rc == 0; i++) {
		const struct trade_bar_news n = { .timeframe = "1m",
		    .bar = at_minute(p->minutes[i]) };

		rc = trade_engine_on_bar(&l, &n, e);
	}
	if (rc == 0)
		p->seen = trade_engine_watched(&l, "1m")->seen;
	trade_engine_forget(l.memory);
	arena_free(keep);
	return rc;
}

/* A part of the day is played again, then the day goes on: what is known is
 * what the rows make of it. */
static void
a_replay_leaves_no_trace(void **state)
{
	static const int straight[] = { 33 };
	static const int again[] = { 30, 31, 32, 5, 6, 7, 6, 33 };
	struct passing x = { straight, 1, { .bars = 0 } };
	struct passing y = { again, 8, { .bars = 0 } };
	struct trade_bar b[40];
	uint64_t changed;

	(void)state;
	if (!have)
		skip();
	passed = instrument("PASSED");
	(void)arm("passer", "PASSED", "");
	for (int i = 0; i < 40; i++)
		b[i] = at_minute(i);
	good(trade_bar_put(env.db, passed.id, "1m", b, 40, a, &changed,
	    &err));
	good(db_txn(env.db, a, pass, &x, &err));
	good(db_txn(env.db, a, pass, &y, &err));
	assert_int_equal(x.seen.bars, 34);
	assert_memory_equal(&x.seen, &y.seen, sizeof(x.seen));
}

/* ---- signals ----------------------------------------------------------------------------- */

static struct trade_instrument told;

struct external {
	const char *json;
	int rc;
};

static int
intake(struct db *db, void *arg, struct err *e)
{
	struct external *x = arg;
	struct arena *keep = arena_new((size_t)64 << 20);
	struct trade_listen l = { .env = &env, .desk = trade_desk_make(
	    conf_get(env.conf, &trade_settings), db, a, tenant,
	    (struct uuid){ { 0 } }, clock_now()), .instrument = &told,
	    .keep = keep };

	x->rc = trade_engine_on_signal(&l, x->json, strlen(x->json), e);
	trade_engine_forget(l.memory);
	arena_free(keep);
	if (x->rc == 1)
		err_clear(e);
	return x->rc == -1 ? -1 : 0;
}

static int
hears(const char *json)
{
	struct external x = { json, 0 };

	good(db_txn(env.db, a, intake, &x, &err));
	return x.rc;
}

#define SIGNAL(score, at) "{\"symbol\":\"TOLD\",\"score\":" score \
	",\"pattern\":\"double_bottom\",\"timestamp\":\"2026-03-02T10:" at "Z\"," \
	"\"source\":\"engine.x\",\"price\":30,\"meta\":{\"k\":1}}"

static void
external_signals_go_the_same_way(void **state)
{
	struct trade_quote q = { .bid = d(30), .ask = d(30), .last = d(30),
	    .at = minute(0), .heard_at = clock_now() };

	(void)state;
	if (!have)
		skip();
	told = instrument("TOLD");
	q.instrument_id = told.id;
	good(trade_quote_put(env.db, &q, &err));
	/* nobody is armed: a row, no order */
	assert_int_equal(hears(SIGNAL("0.9", "00:00")), 0);
	assert_int_equal(hears(SIGNAL("0.9", "00:00")), 0);	/* again */
	IS("1 0", "SELECT CONCAT_WS(' ', COUNT(*), (SELECT COUNT(*) FROM "
	    "trade_order WHERE symbol = 'TOLD')) FROM trade_signal WHERE "
	    "symbol = 'TOLD'");
	(void)arm("deaf", "TOLD", "other");
	assert_int_equal(hears(SIGNAL("0.9", "01:00")), 0);
	IS("0", "SELECT COUNT(*) FROM trade_order WHERE symbol = 'TOLD'");
	(void)arm("listener", "TOLD", "other,engine.x");
	assert_int_equal(hears(SIGNAL("0.3", "02:00")), 0);	/* too weak */
	assert_int_equal(hears(SIGNAL("0.8", "03:00")), 0);
	assert_int_equal(hears(SIGNAL("0.8", "03:00")), 0);
	IS("buy 5.00000000 1", "SELECT CONCAT_WS(' ', side, quantity, "
	    "COUNT(*)) FROM trade_act WHERE symbol = 'TOLD'");
	assert_int_equal(hears(SIGNAL("-0.7", "04:00")), 0);
	IS("leave sell,enter sell", "SELECT GROUP_CONCAT(CONCAT_WS(' ', leg, "
	    "side) ORDER BY id) FROM trade_act WHERE symbol = 'TOLD' AND side "
	    "= 'sell'");
	/* what is none is said */
	assert_int_equal(hears("{\"symbol\":\"TOLD\",\"score\":7}"), 1);
	assert_int_equal(hears("{\"symbol\":\"NOBODY\",\"score\":0.5}"), 1);
	assert_int_equal(hears("{\"symbol\":\"TOLD\",\"score\":0.5,\"source\":"
	    "\"strategy\"}"), 1);
	assert_int_equal(hears("{\"symbol\":\"TOLD\",\"score\":0.5,\"side\":"
	    "\"sell\"}"), 1);
	assert_int_equal(hears("{\"symbol\":\"TOLD\",\"score\":0.5,"
	    "\"timestamp\":\"2099-01-01T00:00:00Z\"}"), 1);
	assert_int_equal(hears("nonsense"), 1);
}

static void
ticks_make_signals(void **state)
{
	struct trade_instrument i;
	struct trade_tick t[41];

	(void)state;
	if (!have)
		skip();
	i = instrument("PULSE");
	for (int k = 0; k < 41; k++)
		t[k] = (struct trade_tick){ .instrument_id = i.id,
		    .seq = k + 1, .at = { minute(0).us + k * US_PER_S },
		    .heard_at = clock_now(), .volume = d(k == 40 ? 900 : 10),
		    .last = d(k == 40 ? 104 : 100 + 0.1 * (k % 2)) };
	good(trade_ticks_post(env.db, a, tenant, (struct uuid){ { 0 } }, t,
	    41, clock_now(), &err));
	turns("SELECT COUNT(*) FROM trade_intake", "0");
	IS("tick tick volatility_breakout buy 1", "SELECT CONCAT_WS(' ', "
	    "timeframe, source, name, side, COUNT(*)) FROM trade_signal WHERE "
	    "symbol = 'PULSE'");
	IS("1", "SELECT COUNT(*) > 0 FROM events_outbox WHERE body LIKE "
	    "'%%volatility_breakout%%'");
	/* what followed: the close a minute later */
	bar(i.id, 30, 104, 108);
	IS("1", "SELECT ret_1 IS NOT NULL OR ret_5 IS NULL FROM trade_signal "
	    "WHERE symbol = 'PULSE' AND source = 'tick'");
}

/* ---- refusals ------------------------------------------------------------------------------ */

/* What the gateway of this host was told and nobody read yet, as one text. */
static const char *
frames_told(int fd)
{
	char *all = arena_alloc(a, 1 << 20), *p = all;
	ssize_t n;

	while ((n = recv(fd, p, (size_t)(all + (1 << 20) - 1 - p),
	    MSG_DONTWAIT)) > 0) {
		p += n;
		*p++ = '\n';
	}
	*p = '\0';
	return all;
}

/* Signals of a closed minute are told before they are stored, under the id of
 * their row; and a minute that closed within the batch is no longer forming. */
static void
a_signal_is_told_at_once(void **state)
{
	struct trade_instrument i;
	struct trade_tick t[5];
	const char *frames;
	int fd;

	(void)state;
	if (!have)
		skip();
	i = instrument("ATONCE");
	for (int n = 0; n < 40; n++)
		bar(i.id, n, 100 + n % 3, 101 + n % 3);
	good(bell_listen("frames", &fd, &err));
	for (int k = 0; k < 4; k++)		/* a doji with long shadows */
		t[k] = (struct trade_tick){ .instrument_id = i.id,
		    .seq = 81 + k, .at = { minute(40).us + k * 12 *
		    US_PER_S }, .heard_at = clock_now(), .last = d(100 +
		    (k == 1) * 4 - (k == 2) * 4), .volume = d(100000) };
	t[4] = t[3];
	t[4].seq++;
	t[4].at = minute(41);
	/* the first ends the minute before, the last this one */
	good(trade_ticks_post(env.db, a, tenant, (struct uuid){ { 0 } }, t, 1,
	    clock_now(), &err));
	turns("SELECT COUNT(*) FROM trade_intake", "0");
	frames_told(fd);
	good(trade_ticks_post(env.db, a, tenant, (struct uuid){ { 0 } }, t + 1,
	    4, clock_now(), &err));
	turns("SELECT COUNT(*) FROM trade_intake", "0");
	frames = frames_told(fd);
	bell_close("frames", fd);
	assert_non_null(strstr(frames, value("SELECT LOWER(CONCAT_WS('-', "
	    "SUBSTR(HEX(id), 1, 8), SUBSTR(HEX(id), 9, 4), SUBSTR(HEX(id), "
	    "13, 4), SUBSTR(HEX(id), 17, 4), SUBSTR(HEX(id), 21))) FROM "
	    "trade_signal WHERE symbol = 'ATONCE' AND source = 'pattern' AND "
	    "bar_at = '2026-03-02 10:40:00' LIMIT 1")));
	/* only what is forming has no context */
	for (; *frames != '\0'; frames += strcspn(frames, "\n") + 1) {
		size_t n = strcspn(frames, "\n");

		assert_true(memmem(frames, n, "T10:40:00Z", 10) == NULL ||
		    memmem(frames, n, "\"context\":{}", 12) == NULL);
	}
}

static void
a_halted_session_orders_nothing(void **state)
{
	struct trade_instrument i;

	(void)state;
	if (!have)
		skip();
	i = instrument("HALT");
	(void)arm("halted", "HALT", "");
	mariadb_sql(DB, "UPDATE trade_session SET state = 'halted'");
	bar(i.id, 0, 100, 101);
	bar(i.id, 1, 101, 102);
	mariadb_sql(DB, "UPDATE trade_session SET state = 'active'");
	IS("refused halted 1", "SELECT CONCAT_WS(' ', outcome, code, settled) "
	    "FROM trade_act WHERE symbol = 'HALT'");
	IS("denied halted", "SELECT CONCAT_WS(' ', state, reject_code) FROM "
	    "trade_order WHERE symbol = 'HALT'");
	IS("HOLD rejected", "SELECT CONCAT_WS(' ', d.chosen, d.outcome) FROM "
	    "platform_decision d JOIN trade_act t ON t.decision_id = d.id "
	    "WHERE t.symbol = 'HALT'");
	/* whoever was shut out does not trade by his strategies either */
	mariadb_sql(DB, "UPDATE auth_user SET active = FALSE WHERE username = "
	    "'ann'");
	bar(i.id, 2, 102, 103);
	mariadb_sql(DB, "UPDATE auth_user SET active = TRUE");
	IS("1", "SELECT COUNT(*) FROM trade_act WHERE symbol = 'HALT'");
}

struct arming_call {
	struct uuid id;
	bool live;
	struct trade_arming r;
};

static int
arm_it(struct db *db, void *arg, struct err *e)
{
	struct arming_call *c = arg;

	return trade_arming_arm(db, a, &ann, c->id, c->live, clock_now(),
	    &c->r, e);
}

static int
says_yes(struct db *db, void *arg, struct err *e)
{
	struct trade_arming *r = arg;
	const char *plan = mariadb_value(a, DB, "SELECT plan FROM "
	    "platform_approval ORDER BY id DESC LIMIT 1");

	return platform_approval_answer(db, a, &bob, r->approval_id,
	    (struct json){ plan }, true, "fine", clock_now(), e);
}

/* The rights that count are those of the moment. */
static void
who_lost_the_right_orders_nothing(void **state)
{
	struct trade_instrument i;

	(void)state;
	if (!have)
		skip();
	i = instrument("RIGHT");
	arm("rightless", "RIGHT", "");
	mariadb_sql(DB, "UPDATE auth_user SET role_names = 'viewer' WHERE "
	    "username = 'ann'");
	bar(i.id, 0, 100, 101);
	bar(i.id, 1, 101, 102);
	IS("disarmed Its owner may not place orders any more", "SELECT "
	    "CONCAT_WS(' ', state, detail) FROM trade_arming WHERE name = "
	    "'rightless'");
	IS("0", "SELECT COUNT(*) FROM trade_order WHERE symbol = 'RIGHT'");
	mariadb_sql(DB, "UPDATE auth_user SET role_names = 'admin' WHERE "
	    "username = 'ann'");
}

/* What would be done otherwise than its backtest does is not armed. */
static void
only_what_is_followed_is_armed(void **state)
{
	static const char spec[] = "{\"entry_long\":[\">\",\"close\","
	    "\"open\"],\"trail\":[\"pct\",0.02]}";
	struct trade_strategy_row s = { .id = uuid_new(),
	    .tenant_id = tenant, .name = "trails", .version = 1,
	    .spec = { spec }, .made_by = "", .created_at = clock_now(),
	    .updated_at = clock_now() };
	const char *symbols[] = { "RIGHT" };
	struct trade_arming r = { .name = "trails", .strategy_id = s.id,
	    .params = { "{}" }, .timeframe = "1m", .exchange = "",
	    .follow = "", .sizing = "strategy" };
	struct trade_arming_new n = { &r, { symbols, 1 }, { { 0 } }, true };

	(void)state;
	if (!have)
		skip();
	s.digest = trade_digest(a, spec, strlen(spec), NULL);
	good(trade_strategy_insert(env.db, &s, &err));
	assert_int_equal(db_txn(env.db, a, make, &n, &err), -1);
	assert_int_equal(err.status, 422);
	assert_string_equal(err.code, "live");
	err_clear(&err);
}

static void
live_takes_two(void **state)
{
	struct trade_instrument i;
	struct arming_call c = { .live = true };
	struct trade_arming r = { .name = "live", .strategy_id = strategy,
	    .params = { "{}" }, .timeframe = "1m", .exchange = "",
	    .follow = "", .sizing = "units", .size = 1, .risk_pct = 1 };
	const char *symbols[] = { "LIVE" };
	struct trade_arming_new n = { &r, { symbols, 1 }, uuid_new(), true };
	char id[UUID_TEXT];

	(void)state;
	if (!have)
		skip();
	i = instrument("LIVE");
	mariadb_sql(DB, arena_printf(a, "INSERT INTO trade_session (id, "
	    "tenant_id, user_id, broker, mode, state, live, currency, "
	    "start_cash, cash, day, day_equity, created_at, updated_at) "
	    "SELECT UNHEX(REPLACE('%s', '-', '')), tenant_id, user_id, "
	    "'kite', 'live', 'active', 1, 'USD', 1000, 1000, NOW(6), 1000, "
	    "NOW(6), NOW(6) FROM trade_session LIMIT 1",
	    uuid_format(n.session, id)));
	good(db_txn(env.db, a, make, &n, &err));
	assert_string_equal(r.state, "disarmed");
	c.id = r.id;
	good(db_txn(env.db, a, arm_it, &c, &err));
	assert_string_equal(c.r.state, "waiting");
	/* not yet; and the author's own yes does not count */
	assert_int_equal(db_txn(env.db, a, arm_it, &c, &err), -1);
	assert_string_equal(err.code, "not_approved");
	err_clear(&err);
	good(db_txn(env.db, a, says_yes, &c.r, &err));
	/* something else than was approved */
	mariadb_sql(DB, "UPDATE trade_arming SET size = 1000 WHERE name = "
	    "'live'");
	assert_int_equal(db_txn(env.db, a, arm_it, &c, &err), -1);
	assert_string_equal(err.code, "plan_changed");
	err_clear(&err);
	mariadb_sql(DB, "UPDATE trade_arming SET size = 1 WHERE name = "
	    "'live'");
	good(db_txn(env.db, a, arm_it, &c, &err));
	assert_string_equal(c.r.state, "armed");
	assert_true(c.r.armed_until.us > clock_now().us);
	/* a day later */
	mariadb_sql(DB, "UPDATE trade_arming SET armed_until = NOW(6) - "
	    "INTERVAL 1 SECOND WHERE name = 'live'");
	bar(i.id, 0, 100, 101);
	bar(i.id, 1, 101, 102);
	IS("paused 0", "SELECT CONCAT_WS(' ', state, (SELECT COUNT(*) FROM "
	    "trade_order WHERE symbol = 'LIVE')) FROM trade_arming WHERE name "
	    "= 'live'");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_strategy_at_work),
		cmocka_unit_test(a_minute_ends_for_many),
		cmocka_unit_test(many_are_stored_once),
		cmocka_unit_test(a_crash_makes_one_order),
		cmocka_unit_test(a_restart_changes_no_decision),
		cmocka_unit_test(a_replay_leaves_no_trace),
		cmocka_unit_test(external_signals_go_the_same_way),
		cmocka_unit_test(ticks_make_signals),
		cmocka_unit_test(a_signal_is_told_at_once),
		cmocka_unit_test(a_halted_session_orders_nothing),
		cmocka_unit_test(who_lost_the_right_orders_nothing),
		cmocka_unit_test(only_what_is_followed_is_armed),
		cmocka_unit_test(live_takes_two)
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
