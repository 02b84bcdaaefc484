/*
 * Market data against a database: ticks become quotes, bars, gaps and
 * corrections; feeds go on after a restart where they were; a listener that
 * fails loses its own work and nothing else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/number.h"
#include "base/random.h"
#include "conf/base.h"
#include "modules/trade/conf.h"
#include "modules/trade/engine.h"
#include "modules/trade/feed_inner.h"
#include "modules/trade/trade.h"
#include "proc/bell.h"
#include "tests/harness/env.h"
#include "tests/harness/forked.h"
#include "tests/harness/mariadb.h"

#include <cmocka.h>

#define DB "trade_feed"
#define MIN (60 * US_PER_S)

static const struct module *const mods[] = { &trade_module, NULL };
static const struct settings *const groups[] = { &base_settings,
    &trade_settings, &trade_engine_settings, NULL };
static struct arena *a;
static struct env env;
static struct err err;
static struct uuid tenant;
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

static int
setup(void **state)
{
	const char *const over[] = { "trade.bar_grace=100", NULL };

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
	trade_feed_turn_ms = 20;
	loop = (struct loop_ctx){ .env = &env, .db = env.db,
	    .a = arena_new((size_t)64 << 20), .keep = a };
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	if (loop.memory != NULL)
		trade_feed_loops[0].end(&loop);
	arena_free(loop.a);
	arena_free(a);
	scratch_remove(bells);
	mariadb_stop();
	return 0;
}

/* ---- a listener of the test ------------------------------------------------------ */

static struct {
	int ticks, bars, corrected, forgotten, signals, done;
	int closed, noted, fail_close, fail_bar;
	bool out_of_order;
	struct utc newest;
} ear;

/* Ticks of BAD and NICE, to be written at the end of the batch. */
struct later {
	VEC(const char *) symbols;
};

static void
leave_for_later(struct trade_listen *l, const struct trade_tick *t)
{
	struct later *later = l->later;

	if (later == NULL)
		later = l->later = arena_alloc(l->batch, sizeof(*later));
	if (strcmp(t->symbol, "BAD") == 0 || strcmp(t->symbol, "NICE") == 0)
		*VEC_ADD(l->batch, &later->symbols) = t->symbol;
}

static int
on_done(struct trade_listen *l, struct err *e)
{
	const struct later *later = l->later;

	ear.done++;
	for (size_t i = 0; i < later->symbols.n; i++) {
		const struct trade_dead row = { .tenant_id = tenant,
		    .source = arena_printf(l->batch, "later %s",
		    later->symbols.v[i]), .ref = "", .reason = "",
		    .body = "", .at = l->desk.now };

		if (trade_dead_add(l->desk.db, &row, e) == -1)
			return -1;
	}
	return 0;
}

/* Writes a row for each tick of BAD and NICE; BAD's at 13 fails after that. */
static int
on_tick(struct trade_listen *l, const struct trade_tick *t, struct err *e)
{
	const struct trade_dead row = { .tenant_id = tenant,
	    .source = t->symbol, .ref = "", .reason = "", .body = "",
	    .at = l->desk.now };
	bool bad = strcmp(t->symbol, "BAD") == 0;

	ear.ticks++;
	if (strcmp(t->symbol, "ORDER") == 0)
		ear.newest = t->at;
	if ((bad || strcmp(t->symbol, "NICE") == 0) &&
	    trade_dead_add(l->desk.db, &row, e) == -1)
		return -1;
	if (l->memory == NULL)
		l->memory = arena_alloc(l->keep, 8);
	leave_for_later(l, t);
	return bad && t->last.e8 == 13 * DEC_ONE ? err_set(e, 422, "no",
	    "not 13") : 0;
}

/* Closed minutes of SOON: a row each, and a note. */
static int
on_close(struct trade_listen *l, struct trade_bar_news *n, struct err *e)
{
	const struct trade_dead row = { .tenant_id = tenant,
	    .source = "closed", .ref = "", .reason = "", .body = "",
	    .at = l->desk.now };

	assert_false(n->corrected);
	if (strcmp(l->instrument->symbol, "SOON") != 0 ||
	    strcmp(n->timeframe, "1m") != 0)
		return 0;
	ear.closed++;
	if (trade_dead_add(l->desk.db, &row, e) == -1)
		return -1;
	if (ear.fail_close > 0 && ear.fail_close-- > 0)
		return err_set(e, 422, "no", "not now");
	n->note = "seen";
	return 0;
}

/* A bar of SOON comes with the note of its on_close(), and the row is there
 * whatever becomes of this transaction. */
static int
soon(struct trade_listen *l, const struct trade_bar_news *n, struct err *e)
{
	if (strcmp(l->instrument->symbol, "SOON") != 0 ||
	    strcmp(n->timeframe, "1m") != 0)
		return 0;
	ear.noted += n->note != NULL && strcmp(n->note, "seen") == 0;
	if (ear.fail_bar == 0)
		return 0;
	ear.fail_bar--;
	return err_set(e, 503, "db_retry", "a deadlock");
}

static int
on_bar(struct trade_listen *l, const struct trade_bar_news *n, struct err *e)
{
	struct trade_quote q;

	if (soon(l, n, e) == -1)
		return -1;
	ear.bars++;
	ear.corrected += n->corrected;
	if (strcmp(l->instrument->symbol, "ORDER") != 0 ||
	    strcmp(n->timeframe, "1m") != 0 || n->corrected)
		return 0;
	/* the bar comes before the tick that ended it, and the price that is
	 * known is the bar's */
	if (n->bar.at.us + MIN <= ear.newest.us ||
	    trade_quote_get(l->desk.db, l->desk.a, l->instrument->id, &q, e)
	    != 0 || q.last.e8 != n->bar.close.e8)
		ear.out_of_order = true;
	return 0;
}

static int
on_signal(struct trade_listen *l, const char *json, size_t n, struct err *e)
{
	(void)l;
	(void)n;
	ear.signals++;
	if (strstr(json, "refuse") == NULL)
		return 0;
	err_set(e, 422, "unarmed", "Nobody asked for it");
	return 1;
}

static void
on_forget(void *memory)
{
	assert_non_null(memory);
	ear.forgotten++;
}

static const struct trade_listener test_listener = { .name = "test",
    .on_close = on_close, .on_tick = on_tick, .on_bar = on_bar,
    .on_signal = on_signal,
    .done = on_done, .forget = on_forget };
/* Instead of the product's. */
const struct trade_listener *const trade_listeners[] = {
	&test_listener, NULL
};

/* ---- words ---------------------------------------------------------------------- */

static const char *
value(const char *sql)
{
	return mariadb_value(a, DB, sql);
}

static const char *
text(const char *fmt, long long x)
{
	char *s = arena_alloc(a, 600);

	snprintf(s, 600, fmt, x);
	return s;
}

static int64_t
instrument(const char *symbol)
{
	struct trade_instrument i = trade_instrument_usual(tenant, symbol,
	    "", clock_now());

	good(trade_instrument_put(env.db, a, &i, &err));
	return i.id;
}

static struct dec
d(double x)
{
	return (struct dec){ (int64_t)(x * 1e8 + 0.5) };
}

/* A minute of 2026-03-02, a Monday. */
static struct utc
minute(int n)
{
	struct utc t;

	assert_int_equal(clock_parse("2026-03-02T10:00:00Z", &t), 0);
	t.us += n * MIN;
	return t;
}

static struct trade_tick
tick(int64_t id, int64_t seq, struct utc at, double last, double volume)
{
	return (struct trade_tick){ .instrument_id = id, .seq = seq,
	    .at = at, .heard_at = clock_now(), .last = d(last),
	    .volume = d(volume) };
}

static void
post(const struct trade_tick *t, size_t n)
{
	good(trade_ticks_post(env.db, a, tenant, (struct uuid){ { 0 } }, t, n,
	    clock_now(), &err));
}

/* Turns of the loop until the statement gives this. */
static void
until(const char *sql, const char *want)
{
	for (int i = 0; i < 1000; i++) {
		good(trade_feed_loops[0].run(&loop, &err));
		if (strcmp(value(sql), want) == 0)
			return;
	}
	fail_msg("%s: %s, not %s", sql, value(sql), want);
}

static void
forget(void)
{
	if (loop.memory != NULL)
		trade_feed_loops[0].end(&loop);
	loop.memory = NULL;
}

/* ---- ticks over HTTP ------------------------------------------------------------------ */

static void
ticks_become_bars(void **state)
{
	int64_t id;
	struct utc t = minute(0);

	(void)state;
	if (!have)
		skip();
	id = instrument("ONE");
	post((struct trade_tick[]){
	    tick(id, 1, (struct utc){ t.us + 1000 }, 10, 100),
	    tick(id, 2, (struct utc){ t.us + 2000 }, 12, 50),
	    tick(id, 3, (struct utc){ t.us + 3000 }, 9, 25),
	    tick(id, 3, (struct utc){ t.us + 3000 }, 9, 25),	/* again */
	    tick(id, 4, (struct utc){ minute(1).us + 5 }, 11, 5) }, 5);
	until("SELECT COUNT(*) FROM trade_intake", "0");
	assert_string_equal(value(text("SELECT CONCAT_WS(' ', open, high, "
	    "low, close, volume, version) FROM trade_bar WHERE instrument_id "
	    "= %lld AND timeframe = '1m' ORDER BY at LIMIT 1", id)),
	    "10.00000000 12.00000000 9.00000000 9.00000000 175.00000000 1");
	assert_string_equal(value(text("SELECT CONCAT_WS(' ', last, bid) FROM "
	    "trade_quote WHERE instrument_id = %lld", id)),
	    "11.00000000 11.00000000");
	assert_string_equal(value(text("SELECT CONCAT_WS(' ', seq, ticks, "
	    "duplicates) FROM trade_series WHERE instrument_id = %lld", id)),
	    "4 4 1");
	/* all of a day ago: the clock has closed every bar */
	until(text("SELECT COUNT(*) FROM trade_bar WHERE instrument_id = %lld",
	    id), "9");
	assert_string_equal(value(text("SELECT CONCAT_WS(' ', open, high, "
	    "low, close, volume) FROM trade_bar WHERE instrument_id = %lld "
	    "AND timeframe = '1d'", id)),
	    "10.00000000 12.00000000 9.00000000 11.00000000 180.00000000");
	assert_string_equal(value(text("SELECT COUNT(*) FROM trade_tick WHERE "
	    "instrument_id = %lld", id)), "4");
}

static void
late_and_missing_ticks(void **state)
{
	int64_t id;

	(void)state;
	if (!have)
		skip();
	id = instrument("TWO");
	post((struct trade_tick[]){
	    tick(id, 1, minute(-1), 10, 1),
	    tick(id, 2, minute(0), 10, 1),
	    tick(id, 4, (struct utc){ minute(0).us + 20 }, 11, 1),
	    tick(id, 5, minute(1), 12, 1),
	    tick(id, 6, minute(20), 12, 1) }, 5);
	until("SELECT COUNT(*) FROM trade_intake", "0");
	assert_string_equal(value(text("SELECT GROUP_CONCAT(CONCAT_WS(' ', "
	    "timeframe, cause, missing) ORDER BY id) FROM trade_gap WHERE "
	    "instrument_id = %lld", id)), "tick sequence 1,1m silence 18");
	/* number 3 comes after all, with the highest price of its minute */
	post((struct trade_tick[]){ tick(id, 3, (struct utc){ minute(0).us +
	    10 }, 15, 2) }, 1);
	until("SELECT COUNT(*) FROM trade_intake", "0");
	assert_string_equal(value(text("SELECT CONCAT_WS(' ', open, high, "
	    "low, close, volume, version) FROM trade_bar WHERE instrument_id "
	    "= %lld AND timeframe = '1m' AND at = '2026-03-02 10:00:00'",
	    id)), "10.00000000 15.00000000 10.00000000 11.00000000 "
	    "4.00000000 2");
	assert_string_equal(value(text("SELECT missing FROM trade_gap WHERE "
	    "instrument_id = %lld AND timeframe = 'tick'", id)), "0");
	assert_string_equal(value("SELECT COUNT(*) FROM events_outbox WHERE "
	    "body LIKE '%trade.bar_corrected%' AND body LIKE '%TWO:1m%'"),
	    "1");
	/* twice changes nothing */
	post((struct trade_tick[]){ tick(id, 3, (struct utc){ minute(0).us +
	    10 }, 15, 2) }, 1);
	until("SELECT COUNT(*) FROM trade_intake", "0");
	assert_string_equal(value(text("SELECT CONCAT_WS(' ', volume, "
	    "version) FROM trade_bar WHERE instrument_id = %lld AND timeframe "
	    "= '1m' AND at = '2026-03-02 10:00:00'", id)), "4.00000000 2");
}

/* The same ticks, with the loop dying after each post. */
static void
a_restart_changes_no_bar(void **state)
{
	static const char sum[] = "SELECT GROUP_CONCAT(CONCAT_WS(' ', "
	    "timeframe, at, open, high, low, close, volume) ORDER BY "
	    "timeframe, at) FROM trade_bar WHERE instrument_id = %lld";
	int64_t id[2];

	(void)state;
	if (!have)
		skip();
	id[0] = instrument("KEPT");
	id[1] = instrument("DIED");
	for (int i = 0; i < 12; i++)
		for (int k = 0; k < 2; k++) {
			struct utc at = { minute(i * 7).us + i * 1000 };

			post((struct trade_tick[]){ tick(id[k], i + 1, at,
			    10 + i % 5, i + 1) }, 1);
			until("SELECT COUNT(*) FROM trade_intake", "0");
			if (k == 1)
				forget();
		}
	for (int k = 0; k < 2; k++)
		until(text("SELECT bar_at IS NULL FROM trade_series WHERE "
		    "instrument_id = %lld", id[k]), "1");
	assert_string_equal(value(text(sum, id[0])), value(text(sum, id[1])));
}

/* ---- listeners ------------------------------------------------------------------------- */

static void
at_work(int64_t id)
{
	mariadb_sql(DB, "INSERT INTO trade_arming (id, tenant_id, user_id, "
	    "session_id, mode, name, spec, spec_digest, timeframe, symbols, "
	    "sizing, size, state, made_by, created_at, updated_at) VALUES "
	    "('arming', '', '', '', 'paper', 'x', '{}', '', '1m', '[]', "
	    "'units', 1, 'armed', '', NOW(6), NOW(6))");
	mariadb_sql(DB, text("INSERT INTO trade_arming_instrument VALUES "
	    "(%lld, 'arming', '')", id));
}

static void
listeners_fail_alone(void **state)
{
	int64_t bad, nice, order;
	int forgotten = ear.forgotten, done;

	(void)state;
	if (!have)
		skip();
	bad = instrument("BAD");
	nice = instrument("NICE");
	order = instrument("ORDER");
	post((struct trade_tick[]){ tick(bad, 1, minute(0), 12, 1),
	    tick(nice, 1, minute(0), 12, 1), tick(bad, 2, minute(1), 13, 1),
	    tick(nice, 2, minute(1), 13, 1), tick(bad, 3, minute(2), 14, 1) },
	    5);
	until("SELECT COUNT(*) FROM trade_intake", "0");
	assert_string_equal(value("SELECT COUNT(*) FROM trade_dead WHERE "
	    "source = 'BAD'"), "2");
	assert_string_equal(value("SELECT COUNT(*) FROM trade_dead WHERE "
	    "source = 'NICE'"), "2");
	/* what was left for later goes with its call */
	assert_string_equal(value("SELECT GROUP_CONCAT(source ORDER BY id) "
	    "FROM trade_dead WHERE source LIKE 'later %'"), "later BAD,later "
	    "NICE,later NICE,later BAD");
	assert_int_equal(ear.forgotten - forgotten, 1);
	/* together: the end comes once for all */
	done = ear.done;
	post((struct trade_tick[]){ tick(nice, 3, minute(3), 12, 1),
	    tick(nice, 4, minute(3), 12, 1) }, 2);
	until("SELECT COUNT(*) FROM trade_intake", "0");
	assert_int_equal(ear.done - done, 1);
	/* where a strategy is at work, the price of then is known */
	at_work(order);
	for (int i = 0; i < 5; i++)
		post((struct trade_tick[]){ tick(order, i + 1, minute(i),
		    20 + i, 1) }, 1);
	until("SELECT COUNT(*) FROM trade_intake", "0");
	assert_false(ear.out_of_order);
	assert_true(ear.bars > 0);
}

static void
what_closed_is_said_first(void **state)
{
	static const char rows[] = "SELECT COUNT(*) FROM trade_dead WHERE "
	    "source = 'closed'";
	int forgotten;
	int64_t id;

	(void)state;
	if (!have)
		skip();
	id = instrument("SOON");
	/* the first is no whole minute, it may have begun before; in its
	 * batch nothing of its series is said first */
	for (int i = 0; i < 4; i++) {
		post((struct trade_tick[]){ tick(id, i + 1, minute(i), 20,
		    1) }, 1);
		until("SELECT COUNT(*) FROM trade_intake", "0");
	}
	assert_int_equal(ear.closed, 2);
	assert_int_equal(ear.noted, 2);
	assert_string_equal(value(rows), "2");
	/* it fails: on_bar() does it all, and nothing of it stays */
	ear.fail_close = 1;
	forgotten = ear.forgotten;
	post((struct trade_tick[]){ tick(id, 5, minute(4), 20, 1) }, 1);
	until("SELECT COUNT(*) FROM trade_intake", "0");
	assert_int_equal(ear.closed, 3);
	assert_int_equal(ear.noted, 2);
	assert_int_equal(ear.forgotten - forgotten, 1);
	assert_string_equal(value(rows), "2");
	/* the batch is tried again: what was said stays said, once; what the
	 * listeners remember of the first try is forgotten */
	ear.fail_bar = 1;
	post((struct trade_tick[]){ tick(id, 6, minute(5), 20, 1) }, 1);
	until("SELECT COUNT(*) FROM trade_intake", "0");
	assert_int_equal(ear.closed, 4);
	assert_int_equal(ear.noted, 4);
	assert_int_equal(ear.forgotten - forgotten, 2);
	assert_string_equal(value(rows), "3");
	assert_string_equal(value(text("SELECT COUNT(*) FROM trade_bar WHERE "
	    "instrument_id = %lld AND timeframe = '1m'", id)), "5");
}

static void
signals_are_handed_on(void **state)
{
	struct trade_intake in = { .tenant_id = tenant, .kind = "signal",
	    .n = 1, .body = "{\"id\":\"s1\"}", .at = clock_now() };
	int before = ear.signals;

	(void)state;
	if (!have)
		skip();
	good(trade_intake_add(env.db, &in, &err));
	in.body = "{\"id\":\"refuse\"}";
	good(trade_intake_add(env.db, &in, &err));
	trade_feed_ring(NULL);
	until("SELECT COUNT(*) FROM trade_intake", "0");
	assert_int_equal(ear.signals - before, 2);
	assert_string_equal(value("SELECT CONCAT(reason, body) FROM "
	    "trade_dead WHERE source = 'signals'"),
	    "Nobody asked for it{\"id\":\"refuse\"}");
}

/* ---- feeds --------------------------------------------------------------------------------- */

static struct trade_feed
feed(const char *name, const char *kind, const char *spec)
{
	struct trade_feed f = { .id = uuid_new(), .tenant_id = tenant,
	    .name = name, .kind = kind, .wanted = "stopped",
	    .state = "stopped", .detail = "", .spec = { spec },
	    .position = "", .version = 1, .created_at = clock_now(),
	    .updated_at = clock_now() };

	good(trade_feed_insert(env.db, &f, &err));
	return f;
}

static int
start_work(struct db *db, void *arg, struct err *e)
{
	return trade_feed_start(db, a, arg, clock_now(), e);
}

static int
stop_work(struct db *db, void *arg, struct err *e)
{
	struct trade_feed *f = arg;

	if (trade_feed_find(db, a, tenant, f->id, true, f, e) != 0)
		return -1;
	return trade_feed_halt(db, f, "stopped", "stopped", "", clock_now(),
	    e);
}

#define PRICES "SELECT GROUP_CONCAT(CONCAT_WS(' ', seq, last, bid, ask, " \
	"volume) ORDER BY seq) FROM trade_tick t JOIN trade_instrument i ON " \
	"i.id = t.instrument_id WHERE i.exchange = '%s' AND i.symbol = '%s' " \
	"AND seq <= 60"

static const char *
prices(const char *exchange, const char *symbol)
{
	char sql[600];

	snprintf(sql, sizeof(sql), PRICES, exchange, symbol);
	return value(sql);
}

static void
a_simulation_is_the_same_again(void **state)
{
	static const char spec[] = "{\"exchange\":\"%s\",\"seed\":7,"
	    "\"rate\":500,\"correlation\":0.5,\"keep\":true}";
	static const char *const where[] = { "SA", "SB" };
	struct trade_feed f;

	(void)state;
	if (!have)
		skip();
	for (int k = 0; k < 2; k++) {
		f = feed(where[k], "simulator", arena_printf(a, spec,
		    where[k]));
		good(db_txn(env.db, a, start_work, &f, &err));
		if (k == 1)		/* it dies on the way */
			for (int i = 0; i < 5; i++) {
				good(trade_feed_loops[0].run(&loop, &err));
				forget();
			}
		until(arena_printf(a, "SELECT ticks > 400 FROM trade_feed "
		    "WHERE name = '%s'", where[k]), "1");
		good(db_txn(env.db, a, stop_work, &f, &err));
		/* no number is there twice, none is left out */
		assert_string_equal(value(arena_printf(a, "SELECT MAX(seq) - "
		    "COUNT(*) FROM trade_tick t JOIN trade_instrument i ON "
		    "i.id = t.instrument_id WHERE i.exchange = '%s' AND "
		    "i.symbol = 'TSLA'", where[k])), "0");
	}
	assert_string_equal(prices("SA", "AAPL"), prices("SB", "AAPL"));
	assert_string_equal(prices("SA", "AMZN"), prices("SB", "AMZN"));
	assert_string_not_equal(prices("SA", "AMZN"), prices("SA", "AAPL"));
}

/* What was recorded of the simulation, played again as fast as it goes. */
static void
a_replay_gives_the_same_bars(void **state)
{
	static const char sum[] = "SELECT GROUP_CONCAT(CONCAT_WS(' ', "
	    "i.symbol, timeframe, at, open, high, low, close, volume) ORDER "
	    "BY symbol, timeframe, at) FROM trade_bar b JOIN trade_instrument "
	    "i ON i.id = b.instrument_id WHERE i.exchange = 'SA'";
	struct trade_feed f, g;
	const char *before;

	(void)state;
	if (!have)
		skip();
	/* the simulator's bars end a second or so after its last tick */
	mariadb_sql(DB, "UPDATE trade_tick t JOIN trade_instrument i ON i.id "
	    "= t.instrument_id SET t.at = t.at - INTERVAL 3 DAY WHERE "
	    "i.exchange = 'SA'; DELETE b FROM trade_bar b JOIN "
	    "trade_instrument i ON i.id = b.instrument_id WHERE i.exchange = "
	    "'SA'");
	f = feed("again", "replay", "{\"symbols\":[\"AAPL\",\"TSLA\"],"
	    "\"exchange\":\"SA\",\"source\":\"ticks\",\"speed\":0}");
	good(db_txn(env.db, a, start_work, &f, &err));
	g = feed("busy", "replay", f.spec.p);
	assert_int_equal(db_txn(env.db, a, start_work, &g, &err), -1);
	assert_string_equal(err.code, "busy");
	err_clear(&err);
	until("SELECT state FROM trade_feed WHERE name = 'again'", "ended");
	before = value(sum);
	assert_true(strlen(before) > 100);
	/* once more, from the bars that came of it: they are the same */
	g = feed("bars", "replay", "{\"symbols\":[\"AAPL\",\"TSLA\"],"
	    "\"exchange\":\"SA\",\"source\":\"bars\",\"speed\":0}");
	good(db_txn(env.db, a, start_work, &g, &err));
	until("SELECT state FROM trade_feed WHERE name = 'bars'", "ended");
	assert_string_equal(value(sum), before);
	assert_string_equal(value("SELECT MAX(version) FROM trade_bar b JOIN "
	    "trade_instrument i ON i.id = b.instrument_id WHERE i.exchange = "
	    "'SA'"), "1");
}

static void
the_demo_is_made_once(void **state)
{
	bool made;

	(void)state;
	if (!have)
		skip();
	good(trade_feed_demo(env.db, a, tenant, "demo", clock_now(), &made,
	    &err));
	assert_true(made);
	good(trade_feed_demo(env.db, a, tenant, "demo", clock_now(), &made,
	    &err));
	assert_false(made);
	assert_string_equal(value("SELECT COUNT(*) > 700 FROM trade_bar b "
	    "JOIN trade_instrument i ON i.id = b.instrument_id WHERE "
	    "i.exchange = 'SIM' AND i.symbol = 'AAPL' AND timeframe = '1d'"),
	    "1");
	until("SELECT state FROM trade_feed WHERE name = 'demo'", "running");
	until("SELECT COUNT(*) FROM trade_quote q JOIN trade_instrument i ON "
	    "i.id = q.instrument_id WHERE i.exchange = 'SIM'", "5");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ticks_become_bars),
		cmocka_unit_test(late_and_missing_ticks),
		cmocka_unit_test(a_restart_changes_no_bar),
		cmocka_unit_test(listeners_fail_alone),
		cmocka_unit_test(what_closed_is_said_first),
		cmocka_unit_test(signals_are_handed_on),
		cmocka_unit_test(a_simulation_is_the_same_again),
		cmocka_unit_test(a_replay_gives_the_same_bars),
		cmocka_unit_test(the_demo_is_made_once)
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
