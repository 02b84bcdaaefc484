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
#include "modules/trade/feed_inner.h"
#include "modules/trade/trade.h"
#include "proc/bell.h"
#include "tests/harness/forked.h"
#include "tests/harness/mariadb.h"

#include <cmocka.h>

#define DB "trade_feed"
#define MIN (60 * US_PER_S)

static const struct module *const mods[] = { &trade_module, NULL };
static const struct settings *const groups[] = { &base_settings,
    &trade_settings, NULL };
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
	char *const none[] = { NULL };
	const char *const over[] = { "trade.bar_grace=100", NULL };
	struct conf *conf;

	(void)state;
	a = arena_new((size_t)512 << 20);
	have = mariadb_start();
	if (!have)
		return 0;
	mariadb_migrated(DB, NULL);
	scratch_dir(bells);
	bell_dir(bells);
	env = (struct env){ .a = a, .modules = mods, .program = "test",
	    .process = uuid_new() };
	good(conf_load(&conf, a, groups, &(struct conf_source){
	    .file = "/none", .env = none, .overrides = over }, &err));
	env.conf = conf;
	env.db = mariadb_open(a, DB);
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
	arena_free(a);
	scratch_remove(bells);
	mariadb_stop();
	return 0;
}

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ticks_become_bars),
		cmocka_unit_test(late_and_missing_ticks),
		cmocka_unit_test(a_restart_changes_no_bar)
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
