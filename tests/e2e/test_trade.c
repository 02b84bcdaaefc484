/*
 * The trading part on real bars through a web server: import, patterns,
 * indicators, strategies, backtests by the worker, and what is refused.
 */
#include <json.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/arena.h"
#include "tests/harness/data.h"
#include "tests/harness/jobs_http.h"
#include "tests/harness/mariadb.h"

#define GOOG "market/quotes/GOOG_daily_2004_2013.csv"
#define CROSS "{\"indicators\":{\"f\":[\"sma\",\"close\",10],\"s\":[\"sma\"," \
	"\"close\",30]},\"entry_long\":[\"cross_above\",\"f\",\"s\"]," \
	"\"exit_short\":[\"cross_above\",\"f\",\"s\"]," \
	"\"entry_short\":[\"cross_below\",\"f\",\"s\"]," \
	"\"exit_long\":[\"cross_below\",\"f\",\"s\"]}"

static struct stack st;
static const char *ann, *bob;
static bool have;

static int
start(void **state)
{
	(void)state;
	stack_start(&st, &(struct stack_options){ .worker = true,
	    .settings = (const char *const[]){ "trade.restricted=BANNED",
	    NULL } });
	ann = jobs_tenant(&st, "ann");
	bob = jobs_tenant(&st, "bob");
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	stack_stop(&st);
	return 0;
}

static const struct reply *
call(const char *method, const char *path, const char *body)
{
	return jobs_send(&st, ann, method, path, body);
}

static const struct reply *
upload(const char *token, const char *symbol, const char *csv, size_t n)
{
	struct call c = { .method = "POST", .token = token, .body = csv,
	    .body_len = n, .type = "text/csv" };

	c.path = http_text(&st, "/api/trade/bars/import?symbol=%s", symbol);
	return http_call(&st, &c);
}

static void
real_bars_come_in(void **state)
{
	const struct reply *r;
	size_t n;
	char *csv = data_read(st.a, GOOG, &n);

	(void)state;
	if (csv == NULL)
		return;
	expect_status(upload(ann, "GOOG", csv, n), 404);
	expect_status(call("PUT", "/api/trade/instruments",
	    "{\"symbol\":\"GOOG\",\"name\":\"<b>Alphabet\"}"), 200);
	r = upload(ann, "GOOG", csv, n);
	expect_status(r, 200);
	assert_int_equal(json_int_at(r->json, "rows"), 2148);
	assert_int_equal(json_int_at(r->json, "changed"), 2148);
	/* again: the same */
	r = upload(ann, "GOOG", csv, n);
	expect_status(r, 200);
	r = http_get(&st, "/api/trade/bars?symbol=GOOG&limit=1", ann);
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "items.0.version"), "1");
	assert_int_equal(strncmp(json_text_at(r->json, "items.0.at"),
	    "2013-03-01", 10), 0);
	/* another tenant has no such instrument */
	expect_status(http_get(&st, "/api/trade/bars?symbol=GOOG", bob), 404);
	have = true;
}

static void
a_correction_counts(void **state)
{
	const struct reply *r;

	(void)state;
	expect_status(call("PUT", "/api/trade/instruments",
	    "{\"symbol\":\"FIX\"}"), 200);
	for (int close = 11; close <= 12; close++)
		expect_status(call("POST", "/api/trade/bars", http_text(&st,
		    "{\"symbol\":\"FIX\",\"bars\":[{\"at\":"
		    "\"2026-01-02T00:00:00Z\",\"open\":\"10.00000001\","
		    "\"high\":12,\"low\":9,\"close\":%d}]}", close)), 200);
	r = http_get(&st, "/api/trade/bars?symbol=FIX", ann);
	assert_string_equal(json_text_at(r->json, "items.0.version"), "2");
	assert_string_equal(json_text_at(r->json, "items.0.open"),
	    "10.00000001");
}

static void
bad_bars_are_named(void **state)
{
	static const char *const rows[] = {
		"2026-01-02,10,12,11,11,5", "2026-01-02,10,12,9,13,5",
		"2026-01-02,10,12,0,11,5", "2026-01-02,10,12,9,11,-5",
		"2026-01-02,ten,12,9,11,5", "2026-02-30,10,12,9,11,5",
		"2026-01-02,10,12,9,11", "2026-01-02,1e99,1e99,9,11,5",
		"2026-01-02,10,50000000,9,11,5"
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *csv = http_text(&st, "date,open,high,low,close,"
		    "volume\n2026-01-01,10,12,9,11,5\n%s\n", rows[i]);
		const struct reply *r = upload(ann, "FIX", csv, strlen(csv));

		if (r->status != 422 || (strstr(r->body, "ine 3") == NULL &&
		    strstr(r->body, "line 3") == NULL))
			fail_msg("%s: %d %s", rows[i], r->status, r->body);
	}
	expect_status(upload(ann, "FIX", "a\n1\n", 4), 422);
	expect_status(call("POST", "/api/trade/bars", "{\"symbol\":\"FIX\","
	    "\"bars\":[{\"at\":\"2026-01-02T00:00:00Z\",\"open\":10,"
	    "\"high\":9,\"low\":9,\"close\":9}]}"), 422);
}

static void
patterns_have_evidence(void **state)
{
	const struct reply *r;
	struct json_object *follow;
	unsigned certain = 0;

	(void)state;
	if (!have)
		return;
	r = http_get(&st, "/api/trade/patterns?symbol=GOOG&names=hammer", ann);
	expect_status(r, 200);
	assert_int_equal(json_object_array_length(json_at(r->json, "hits")),
	    40);
	assert_string_equal(json_text_at(r->json, "hits.0.symbol"), "GOOG");
	follow = json_at(r->json, "follow");
	assert_int_equal(json_object_array_length(follow), 61);
	for (size_t i = 0; i < 61; i++) {
		struct json_object *f = json_object_array_get_idx(follow, i);

		certain += strcmp(json_text_at(f, "chance"), "false") == 0;
	}
	/* nine years of one share prove next to nothing */
	assert_true(certain < 10);
	r = http_get(&st, "/api/trade/chart-patterns?symbol=GOOG", ann);
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "hits.0.symbol"), "GOOG");
	expect_status(http_get(&st, "/api/trade/patterns?symbol=GOOG&"
	    "names=unicorn", ann), 422);
	r = http_get(&st, "/api/trade/indicators/rsi?symbol=GOOG&params=14",
	    ann);
	expect_status(r, 200);
	assert_true(fabs(json_object_get_double(json_at(r->json,
	    "values.2147.1")) - 67.49798280234826) < 1e-9);
	assert_string_equal(json_text_at(r->json, "values.13.1"), "");
	expect_status(http_get(&st, "/api/trade/indicators/none?symbol=GOOG",
	    ann), 404);
	expect_status(http_get(&st, "/api/trade/indicators/rsi?symbol=GOOG&"
	    "params=0", ann), 422);
}

static const char *
ask(const char *more)
{
	const struct reply *r = call("POST", "/api/trade/backtests",
	    http_text(&st, "{\"symbol\":\"GOOG\",\"spec\":" CROSS "%s}",
	    more));

	expect_status(r, 202);
	return arena_strdup(st.a, json_text_at(r->json, "job_id"));
}

static void
a_backtest_is_done_by_the_worker(void **state)
{
	const char *id;
	const struct reply *r;

	(void)state;
	if (!have)
		return;
	id = ask(",\"mode\":\"compat\"");
	jobs_until(&st, ann, id, "succeeded");
	r = http_get(&st, http_text(&st, "/api/trade/backtests/%s", id), ann);
	expect_status(r, 200);
	/* what backtesting.py says of the same */
	assert_true(fabs(json_object_get_double(json_at(r->json,
	    "stats.equity_final")) - 51422.99) < 1e-6);
	assert_int_equal(json_int_at(r->json, "stats.trades"), 66);
	assert_int_equal(json_int_at(r->json, "report.audit.differing"), 0);
	r = http_get(&st, http_text(&st, "/api/trade/backtests/%s/trades",
	    id), ann);
	assert_int_equal(json_object_array_length(json_at(r->json, "items")),
	    66);
	r = http_get(&st, http_text(&st, "/api/trade/backtests/%s/equity",
	    id), ann);
	assert_int_equal(json_object_array_length(json_at(r->json, "items")),
	    2148);
	expect_status(http_get(&st, http_text(&st,
	    "/api/trade/backtests/%s", id), bob), 404);
	/* realistic costs money */
	id = ask("");
	jobs_until(&st, ann, id, "succeeded");
	r = http_get(&st, http_text(&st, "/api/trade/backtests/%s", id), ann);
	assert_true(json_object_get_double(json_at(r->json,
	    "stats.equity_final")) < 51422.99);
}

static void
folds_and_grids(void **state)
{
	const struct reply *r;
	const char *id;

	(void)state;
	if (!have)
		return;
	r = call("POST", "/api/trade/strategies", "{\"name\":\"cross\","
	    "\"spec\":{\"params\":{\"n\":[5,20,5]},\"indicators\":{\"f\":["
	    "\"sma\",\"close\",\"n\"]},\"entry_long\":[\"cross_above\","
	    "\"close\",\"f\"],\"exit_long\":[\"cross_below\",\"close\","
	    "\"f\"]}}");
	expect_status(r, 201);
	r = call("POST", "/jobs", http_text(&st, "{\"job_type\":\"backtest\","
	    "\"user_id\":\"u1\",\"payload\":{\"symbol\":\"GOOG\","
	    "\"strategy_id\":\"%s\",\"train\":500,\"test\":250}}",
	    json_text_at(r->json, "id")));
	expect_status(r, 202);
	id = arena_strdup(st.a, json_text_at(r->json, "job_id"));
	jobs_until(&st, ann, id, "succeeded");
	r = http_get(&st, http_text(&st, "/api/trade/backtests/%s", id), ann);
	expect_status(r, 200);
	assert_int_equal(json_object_array_length(json_at(r->json,
	    "report.folds")), 6);
	r = http_get(&st, "/api/trade/backtests?limit=2", ann);
	assert_int_equal(json_object_array_length(json_at(r->json, "items")),
	    2);
	r = http_get(&st, "/api/trade/backtests", bob);
	assert_int_equal(json_object_array_length(json_at(r->json, "items")),
	    0);
}

/* The same request on the same bars is not run again; two results stand
 * beside each other; and both go into a spreadsheet. */
static void
results_are_kept_and_compared(void **state)
{
	const char *one, *two, *other;
	const struct reply *r;

	(void)state;
	if (!have)
		return;
	one = ask(",\"cash\":7000");
	jobs_until(&st, ann, one, "succeeded");
	two = ask(",\"cash\":7000,\"user_id\":\"u2\"");
	jobs_until(&st, ann, two, "succeeded");
	r = http_get(&st, http_text(&st, "/jobs/%s", two), ann);
	assert_non_null(strstr(r->body, "\"stored\":true"));
	other = ask(",\"cash\":9000");
	jobs_until(&st, ann, other, "succeeded");
	r = http_get(&st, http_text(&st, "/jobs/%s", other), ann);
	assert_non_null(strstr(r->body, "\"stored\":false"));
	r = http_get(&st, http_text(&st, "/api/trade/backtests/compare?ids="
	    "%s,%s", one, other), ann);
	expect_status(r, 200);
	assert_int_equal(json_object_array_length(json_at(r->json, "items")),
	    2);
	assert_string_equal(json_text_at(r->json, "same_bars"), "true");
	assert_string_equal(json_text_at(r->json, "same_spec"), "true");
	assert_true(json_object_array_length(json_at(r->json, "table")) > 30);
	expect_status(http_get(&st, http_text(&st, "/api/trade/backtests/"
	    "compare?ids=%s", one), ann), 422);
	expect_status(http_get(&st, http_text(&st, "/api/trade/backtests/"
	    "compare?ids=%s,%s", one, other), bob), 404);
	r = http_get(&st, http_text(&st, "/api/trade/backtests/%s/trades.csv",
	    one), ann);
	expect_status(r, 200);
	assert_int_equal(strncmp(r->body, "entry_bar,exit_bar,", 19), 0);
	r = http_get(&st, http_text(&st, "/api/trade/backtests/%s/equity.csv",
	    one), ann);
	assert_int_equal(strncmp(r->body, "at_ms,equity\r\n", 14), 0);
	r = http_get(&st, "/api/trade/chart-patterns?symbol=GOOG", ann);
	expect_status(r, 200);
	assert_true(json_object_array_length(json_at(r->json, "hits")) > 100);
}

/* Two symbols of one account, named by the spec. */
static void
symbols_of_one_account(void **state)
{
	const struct reply *r;
	const char *id;
	size_t n;
	char *csv = data_read(st.a, "market/quotes/skender_default_502d.csv",
	    &n);

	(void)state;
	if (!have || csv == NULL)
		return;
	expect_status(call("PUT", "/api/trade/instruments",
	    "{\"symbol\":\"DEF\"}"), 200);
	expect_status(upload(ann, "DEF", csv, n), 200);
	r = call("POST", "/api/trade/backtests", "{\"spec\":{\"symbols\":["
	    "\"GOOG\",\"DEF\"],\"cash\":50000,\"size\":{\"value\":0.4},"
	    "\"indicators\":{\"f\":[\"sma\",\"close\",10]},\"entry_long\":["
	    "\">\",\"close\",\"f\"],\"exit_long\":[\"<\",\"close\",\"f\"]}}");
	expect_status(r, 202);
	id = arena_strdup(st.a, json_text_at(r->json, "job_id"));
	jobs_until(&st, ann, id, "succeeded");
	r = http_get(&st, http_text(&st, "/api/trade/backtests/%s", id), ann);
	assert_string_equal(json_text_at(r->json, "symbol"), "GOOG+1");
	assert_string_equal(json_text_at(r->json, "bars"), "2650");
	r = http_get(&st, http_text(&st, "/api/trade/backtests/%s/trades",
	    id), ann);
	assert_non_null(strstr(r->body, "\"symbol\":\"GOOG\""));
	assert_non_null(strstr(r->body, "\"symbol\":\"DEF\""));
	expect_status(call("POST", "/api/trade/backtests", "{\"symbol\":"
	    "\"GOOG\",\"spec\":{\"symbols\":[\"GOOG\",\"DEF\"],"
	    "\"entry_long\":1}}"), 422);
	expect_status(call("POST", "/api/trade/backtests", "{\"symbols\":["
	    "\"GOOG\",\"NONE\"],\"spec\":{\"entry_long\":1}}"), 404);
}

/* ---- from a terminal, without a server ---------------------------------------------- */

static const char *
file_of(const char *name, const char *text, size_t n)
{
	const char *path = stack_path(&st, name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
	return path;
}

#define GOLDEN "{\"symbols\":[\"GOOG\"],\"tf\":\"1d\",\"cash\":10000," \
	"\"commission\":0.002,\"mode\":\"compat\",\"exclusive_orders\":" \
	"true,\"indicators\":{\"f\":[\"sma\",\"close\",10],\"s\":[\"sma\"," \
	"\"close\",20]},\"entry_long\":[\"cross_above\",\"f\",\"s\"]," \
	"\"entry_short\":[\"cross_below\",\"f\",\"s\"]}"

#define BAD "{\"entry_long\":[\">\",\"x\",1]}"

static void
a_terminal_is_enough(void **state)
{
	const char *spec, *bad, *bars, *out;
	struct json_object *all;
	size_t n;
	char *csv = data_read(st.a, GOOG, &n);

	(void)state;
	if (csv == NULL)
		return;
	spec = file_of("golden.json", GOLDEN, strlen(GOLDEN));
	bad = file_of("bad.json", BAD, strlen(BAD));
	bars = file_of("GOOG.csv", csv, n);
	assert_int_equal(stack_cli(&st, &out, (const char *[]){ "trade",
	    "backtest", spec, bars, "--json", NULL }), 0);
	all = json_tokener_parse(out);
	assert_non_null(all);
	assert_int_equal(json_object_object_length(all), 3);
	assert_true(fabs(json_object_get_double(json_at(all,
	    "statistics.equity_final")) - 56263.51934) < 1e-9);
	assert_true(fabs(json_object_get_double(json_at(all,
	    "equity.2147")) - 56263.51934) < 1e-9);
	assert_int_equal(json_object_array_length(json_at(all, "trades")),
	    93);
	assert_int_equal(json_object_array_length(json_at(all, "equity")),
	    2148);
	json_object_put(all);
	assert_int_equal(stack_cli(&st, &out, (const char *[]){ "trade",
	    "backtest", spec, bars, NULL }), 0);
	assert_non_null(strstr(out, "462.64 %"));
	assert_int_equal(stack_cli(&st, &out, (const char *[]){ "trade",
	    "backtest", bad, bars, NULL }), 1);
	assert_non_null(strstr(out, "entry_long: Nothing is called \"x\""));
	assert_int_equal(stack_cli(&st, &out, (const char *[]){ "trade",
	    "patterns", bars, "--json", NULL }), 0);
	all = json_tokener_parse(out);
	assert_int_equal(json_object_array_length(all), 4433);
	assert_int_equal(json_object_object_length(
	    json_object_array_get_idx(all, 0)), 3);
	json_object_put(all);
	assert_int_equal(stack_cli(&st, &out, (const char *[]){ "trade",
	    "patterns", bars, "--chart", NULL }), 0);
	assert_non_null(strstr(out, "head_and_shoulders"));
	assert_int_equal(stack_cli(&st, &out, (const char *[]){ "trade",
	    "indicators", bars, "rsi", "--json", NULL }), 0);
	all = json_tokener_parse(out);
	assert_true(fabs(json_object_get_double(json_at(all,
	    "rsi.rsi.2147")) - 67.49798280234826) < 1e-9);
	json_object_put(all);
}

static void
refused_at_once(void **state)
{
	static const struct {
		const char *body;
		int status;
	} cases[] = {
		{ "{\"symbol\":\"FIX\"}", 422 },
		{ "{\"symbol\":\"NONE\",\"spec\":{\"entry_long\":1}}", 404 },
		{ "{\"symbol\":\"FIX\",\"spec\":{\"entry_long\":[\"shift\","
		    "\"close\",-1]}}", 422 },
		{ "{\"symbol\":\"FIX\",\"spec\":{\"entry_long\":1},"
		    "\"train\":5}", 422 },
		{ "{\"symbol\":\"FIX\",\"spec\":{\"entry_long\":1},"
		    "\"cash\":0}", 422 },
		{ "{\"symbol\":\"../etc\",\"spec\":{\"entry_long\":1}}", 422 }
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_status(call("POST", "/api/trade/backtests",
		    cases[i].body), cases[i].status);
}

static void
many_symbols_are_scanned(void **state)
{
	const struct reply *r;
	const char *id;

	(void)state;
	if (!have)
		return;
	id = jobs_add(&st, ann, "{\"type\":\"pattern_scan\",\"payload\":{"
	    "\"symbols\":[\"GOOG\",\"FIX\"],\"patterns\":\"doji\","
	    "\"min_quality\":0}}");
	jobs_until(&st, ann, id, "succeeded");
	r = jobs_get(&st, ann, id);
	assert_int_equal(json_object_array_length(json_at(r->json,
	    "result.hits")), 319);
}

/* ---- orders -------------------------------------------------------------------------- */

static const struct reply *
order(const char *token, const char *body)
{
	return jobs_send(&st, token, "POST", "/mcp/orders", body);
}

static void
quote(const char *bid, const char *ask)
{
	expect_status(call("POST", "/api/trade/quotes", http_text(&st,
	    "{\"symbol\":\"PAPER\",\"bid\":%s,\"ask\":%s}", bid, ask)),
	    200);
}

static double
money(const char *member)
{
	const struct reply *r = http_get(&st, "/mcp/funds", ann);

	expect_status(r, 200);
	return json_object_get_double(json_at(r->json, member));
}

/* The books agree: the ledger's sum is the cash, fills make the positions,
 * nothing is held for orders that are over. */
static void
the_books_agree(void)
{
	const char *const wrong[] = {
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
		"f.order_id = o.id)"
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		const char *n = mariadb_value(st.a, st.db, wrong[i]);

		if (strcmp(n, "0") != 0)
			fail_msg("%s: %s", wrong[i], n);
	}
}

static void
orders_are_placed_once(void **state)
{
	const struct reply *r;
	const char *id;

	(void)state;
	expect_status(call("PUT", "/api/trade/instruments",
	    "{\"symbol\":\"PAPER\"}"), 200);
	expect_status(order(ann, "{\"symbol\":\"PAPER\",\"side\":\"buy\","
	    "\"quantity\":1}"), 404);
	expect_status(call("POST", "/mcp/login", "{\"cash\":10000}"), 200);
	/* no price is known: refused, and kept */
	r = order(ann, "{\"symbol\":\"PAPER\",\"side\":\"buy\","
	    "\"quantity\":1,\"client_order_id\":\"early\"}");
	expect_status(r, 422);
	r = http_get(&st, "/mcp/orders?state=denied", ann);
	assert_string_equal(json_text_at(r->json, "items.0.reject_code"),
	    "no_quote");
	quote("99.99", "100.01");
	r = order(ann, "{\"symbol\":\"PAPER\",\"side\":\"buy\","
	    "\"quantity\":\"10\",\"client_order_id\":\"one\"}");
	expect_status(r, 201);
	assert_string_equal(json_text_at(r->json, "state"), "filled");
	assert_string_equal(json_text_at(r->json, "avg_price"), "100.01");
	id = arena_strdup(st.a, json_text_at(r->json, "id"));
	r = order(ann, "{\"symbol\":\"PAPER\",\"side\":\"buy\","
	    "\"quantity\":10,\"client_order_id\":\"one\"}");
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "id"), id);
	expect_status(order(ann, "{\"symbol\":\"PAPER\",\"side\":\"buy\","
	    "\"quantity\":11,\"client_order_id\":\"one\"}"), 409);
	r = http_get(&st, "/mcp/trades", ann);
	assert_int_equal(json_object_array_length(json_at(r->json, "items")),
	    1);
	/* 10 * 100.01 and two hundredths of a percent */
	assert_true(fabs(money("cash") - (10000 - 1000.1 - 0.20002)) < 1e-9);
	assert_true(fabs(money("equity") - (10000 - 0.1 - 0.20002)) < 1e-9);
	the_books_agree();
}

static void
orders_rest_and_are_cancelled(void **state)
{
	const struct reply *r = order(ann, "{\"symbol\":\"PAPER\",\"side\":"
	    "\"sell\",\"type\":\"limit\",\"limit_price\":104,"
	    "\"quantity\":4}");
	const char *sell, *stop;

	(void)state;
	expect_status(r, 201);
	assert_string_equal(json_text_at(r->json, "state"), "accepted");
	sell = arena_strdup(st.a, json_text_at(r->json, "id"));
	r = order(ann, "{\"symbol\":\"PAPER\",\"side\":\"sell\",\"type\":"
	    "\"stop\",\"stop_price\":95,\"quantity\":6}");
	expect_status(r, 201);
	stop = arena_strdup(st.a, json_text_at(r->json, "id"));
	quote("104.5", "104.7");
	r = http_get(&st, http_text(&st, "/mcp/orders/%s", sell), ann);
	assert_string_equal(json_text_at(r->json, "state"), "filled");
	assert_string_equal(json_text_at(r->json, "avg_price"), "104.5");
	expect_status(http_send(&st, "DELETE", http_text(&st,
	    "/mcp/orders/%s", sell), ann, NULL), 409);
	expect_status(http_get(&st, http_text(&st, "/mcp/orders/%s", stop),
	    bob), 404);
	r = http_send(&st, "DELETE", http_text(&st, "/mcp/orders/%s", stop),
	    ann, NULL);
	expect_status(r, 200);
	r = http_get(&st, http_text(&st, "/mcp/orders/%s/events", stop), ann);
	assert_string_equal(json_text_at(r->json, "items.1.to_state"),
	    "cancelled");
	r = http_get(&st, "/mcp/positions", ann);
	assert_string_equal(json_text_at(r->json, "items.0.quantity"), "6");
	the_books_agree();
}

/* A price that would fill it comes a day late. */
static void
a_day_order_ends_with_its_day(void **state)
{
	const struct reply *r = order(ann, "{\"symbol\":\"PAPER\",\"side\":"
	    "\"sell\",\"type\":\"limit\",\"limit_price\":106,"
	    "\"quantity\":1}");
	const char *id = arena_strdup(st.a, json_text_at(r->json, "id"));

	(void)state;
	expect_status(r, 201);
	mariadb_sql(st.db, http_text(&st, "UPDATE trade_order SET created_at "
	    "= created_at - INTERVAL 1 DAY WHERE id = UNHEX(REPLACE('%s', "
	    "'-', ''))", id));
	quote("107", "107");
	r = http_get(&st, http_text(&st, "/mcp/orders/%s", id), ann);
	assert_string_equal(json_text_at(r->json, "state"), "expired");
	the_books_agree();
}

static void
the_restricted_list_holds(void **state)
{
	const struct reply *r;

	(void)state;
	expect_status(call("PUT", "/api/trade/instruments",
	    "{\"symbol\":\"BANNED\"}"), 200);
	expect_status(call("POST", "/api/trade/quotes", "{\"symbol\":"
	    "\"BANNED\",\"bid\":1,\"ask\":1}"), 200);
	r = call("POST", "/mcp/orders/preview", "{\"symbol\":\"BANNED\","
	    "\"side\":\"buy\",\"quantity\":1}");
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "code"), "restricted");
}

/* Sixteen at once for cash that is enough for some of them. */
static void
the_last_cash_is_spent_once(void **state)
{
	enum { N = 16 };
	struct call calls[N];
	const struct reply *out[N];
	unsigned taken = 0;

	(void)state;
	quote("100", "100");
	for (int i = 0; i < N; i++)
		calls[i] = (struct call){ .method = "POST",
		    .path = "/mcp/orders", .token = ann,
		    .body = http_text(&st, "{\"symbol\":\"PAPER\",\"side\":"
		    "\"buy\",\"type\":\"limit\",\"limit_price\":%d,"
		    "\"quantity\":%d}", 99, 20 + i) };
	http_parallel(&st, calls, N, out);
	for (int i = 0; i < N; i++) {
		taken += out[i]->status == 201;
		assert_true(out[i]->status == 201 || out[i]->status == 422);
	}
	assert_true(taken >= 2 && taken < N);
	assert_true(money("reserved") <= money("cash"));
	the_books_agree();
}

static void
a_stopped_account_takes_nothing(void **state)
{
	const struct reply *r;

	(void)state;
	r = call("POST", "/mcp/killswitch", "{}");
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "state"), "halted");
	r = http_get(&st, "/mcp/orders?open=true", ann);
	assert_int_equal(json_object_array_length(json_at(r->json, "items")),
	    0);
	r = order(ann, "{\"symbol\":\"PAPER\",\"side\":\"sell\","
	    "\"quantity\":1}");
	expect_status(r, 422);
	assert_true(money("reserved") == 0);
	r = call("POST", "/mcp/orders/preview", "{\"symbol\":\"PAPER\","
	    "\"side\":\"sell\",\"quantity\":1}");
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "code"), "halted");
	expect_status(call("POST", "/mcp/killswitch",
	    "{\"state\":\"active\"}"), 200);
	/* the switch of the whole module holds as well */
	expect_status(call("POST", "/api/system/switches/stop", "{\"scope\":"
	    "\"tenant\",\"reason\":\"drill\"}"), 200);
	r = order(ann, "{\"symbol\":\"PAPER\",\"side\":\"sell\","
	    "\"quantity\":1}");
	expect_status(r, 409);
	the_books_agree();
}

/* ---- a desk of its own: cat's ---------------------------------------------------------- */

static const char *cat;

static const struct reply *
cats(const char *method, const char *path, const char *body)
{
	return jobs_send(&st, cat, method, path, body);
}

static void
several_at_once(void **state)
{
	const struct reply *r;
	struct call c = { .method = "POST", .path = "/mcp/orders" };
	const char *id;

	(void)state;
	cat = jobs_tenant(&st, "cat");
	expect_status(cats("PUT", "/api/trade/instruments",
	    "{\"symbol\":\"OWN\"}"), 200);
	expect_status(cats("POST", "/mcp/login", "{\"cash\":10000}"), 200);
	expect_status(cats("POST", "/api/trade/quotes", "{\"symbol\":"
	    "\"OWN\",\"bid\":100,\"ask\":100}"), 200);
	r = cats("POST", "/mcp/orders/basket", "{\"orders\":[{\"symbol\":"
	    "\"OWN\",\"side\":\"buy\",\"quantity\":5},{\"symbol\":\"OWN\","
	    "\"side\":\"buy\",\"quantity\":5000},{\"symbol\":\"OWN\","
	    "\"side\":\"buy\",\"type\":\"limit\",\"limit_price\":99,"
	    "\"quantity\":3}]}");
	expect_status(r, 200);
	assert_int_equal(json_int_at(r->json, "placed"), 2);
	assert_string_equal(json_text_at(r->json, "results.0.order.state"),
	    "filled");
	assert_string_equal(json_text_at(r->json, "results.1.code"), "cash");
	assert_string_equal(json_text_at(r->json, "results.1.order.state"),
	    "denied");
	/* all or none */
	r = cats("POST", "/mcp/orders/basket", "{\"atomic\":true,\"orders\":["
	    "{\"symbol\":\"OWN\",\"side\":\"buy\",\"quantity\":6},"
	    "{\"symbol\":\"OWN\",\"side\":\"buy\",\"quantity\":6000}]}");
	expect_status(r, 200);
	assert_int_equal(json_int_at(r->json, "placed"), 0);
	assert_string_equal(json_text_at(r->json, "results.0.code"),
	    "not_placed");
	r = http_get(&st, "/mcp/positions", cat);
	assert_string_equal(json_text_at(r->json, "items.0.quantity"), "5");
	/* an Idempotency-Key is a name */
	c.token = cat;
	c.body = "{\"symbol\":\"OWN\",\"side\":\"buy\",\"type\":\"limit\","
	    "\"limit_price\":98,\"quantity\":2}";
	c.body_len = strlen(c.body);
	c.type = "application/json";
	c.key = "k-1";
	r = http_call(&st, &c);
	expect_status(r, 201);
	assert_int_equal(strncmp(json_text_at(r->json, "client_order_id"),
	    "ik-", 3), 0);
	id = arena_strdup(st.a, json_text_at(r->json, "id"));
	r = http_call(&st, &c);
	assert_true(r->status == 200 || r->status == 201);
	assert_string_equal(json_text_at(r->json, "id"), id);
	/* changed */
	r = cats("PUT", http_text(&st, "/mcp/orders/%s", id),
	    "{\"quantity\":4,\"limit_price\":97}");
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "quantity"), "4");
	assert_string_equal(json_text_at(r->json, "limit_price"), "97");
	expect_status(cats("PUT", http_text(&st, "/mcp/orders/%s", id),
	    "{\"stop_price\":97}"), 422);
	expect_status(cats("PUT", http_text(&st, "/mcp/orders/%s", id), "{}"),
	    422);
	r = http_get(&st, "/mcp/orders?symbol=OWN&side=buy&open=true", cat);
	assert_int_equal(json_object_array_length(json_at(r->json, "items")),
	    2);
	the_books_agree();
}

/* A change and a pair that are refused leave their reason, too. */
static void
refusals_without_an_order(void)
{
	const struct reply *r = cats("POST", "/mcp/orders", "{\"symbol\":"
	    "\"OWN\",\"side\":\"buy\",\"type\":\"limit\",\"tif\":\"gtc\","
	    "\"limit_price\":97,\"quantity\":1}");
	const char *id, *path;

	expect_status(r, 201);
	id = arena_strdup(st.a, json_text_at(r->json, "id"));
	path = http_text(&st, "/mcp/orders/%s", id);
	expect_status(cats("PUT", path, "{\"quantity\":3}"), 422);
	expect_status(cats("DELETE", path, NULL), 200);
	r = http_get(&st, "/mcp/risk/hits?rule=max_quantity", cat);
	assert_int_equal(json_object_array_length(json_at(r->json, "items")),
	    1);
	assert_string_equal(json_text_at(r->json, "items.0.order_id"), id);
	expect_status(cats("POST", "/mcp/orders/oco", "{\"first\":{\"symbol\":"
	    "\"OWN\",\"side\":\"buy\",\"type\":\"limit\",\"limit_price\":97,"
	    "\"quantity\":1},\"second\":{\"symbol\":\"OWN\",\"side\":\"buy\","
	    "\"type\":\"stop\",\"stop_price\":103,\"quantity\":1}}"), 422);
	r = http_get(&st, "/mcp/risk/hits?rule=reduce_only", cat);
	assert_string_equal(json_text_at(r->json, "items.0.symbol"), "OWN");
	assert_string_equal(json_text_at(r->json, "items.0.order_id"), "");
}

static void
limits_and_refusals(void **state)
{
	const struct reply *r;
	bool seen = false;

	(void)state;
	r = http_get(&st, "/mcp/risk/hits?rule=cash", cat);
	expect_status(r, 200);
	assert_int_equal(json_object_array_length(json_at(r->json, "items")),
	    2);
	expect_status(cats("PUT", "/mcp/risk/limits", "{\"name\":"
	    "\"max_quantity\",\"value\":2}"), 200);
	expect_status(cats("PUT", "/mcp/risk/limits", "{\"name\":"
	    "\"max_quantity\",\"value\":90000000}"), 422);
	expect_status(cats("PUT", "/mcp/risk/limits", "{\"name\":"
	    "\"no_such\",\"value\":1}"), 422);
	r = cats("POST", "/mcp/orders/preview", "{\"symbol\":\"OWN\","
	    "\"side\":\"buy\",\"quantity\":3}");
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "code"), "max_quantity");
	assert_string_equal(json_text_at(r->json, "fee"), "0.06");
	for (size_t i = 0; i < json_object_array_length(json_at(r->json,
	    "rulings")); i++) {
		struct json_object *o = json_object_array_get_idx(json_at(
		    r->json, "rulings"), i);
		bool is = strcmp(json_text_at(o, "rule"), "max_quantity") ==
		    0;

		assert_string_equal(json_text_at(o, "passed"), is ? "false" :
		    "true");
		seen = seen || is;
	}
	assert_true(seen);
	refusals_without_an_order();
	expect_status(cats("PUT", "/mcp/risk/limits", "{\"name\":"
	    "\"max_quantity\",\"value\":0}"), 200);
	r = http_get(&st, "/api/trade/books", cat);
	expect_status(r, 200);
	assert_int_equal(json_object_array_length(json_at(r->json, "items")),
	    0);
}

static void
exits_protect_what_was_bought(void **state)
{
	const struct reply *r = cats("POST", "/mcp/orders", "{\"symbol\":"
	    "\"OWN\",\"side\":\"buy\",\"quantity\":2,\"take_profit\":110,"
	    "\"stop_loss\":96}");
	const char *id;

	(void)state;
	expect_status(r, 201);
	id = arena_strdup(st.a, json_text_at(r->json, "id"));
	r = http_get(&st, http_text(&st, "/mcp/orders?parent=%s&open=true",
	    id), cat);
	assert_int_equal(json_object_array_length(json_at(r->json, "items")),
	    2);
	expect_status(cats("POST", "/api/trade/quotes", "{\"symbol\":"
	    "\"OWN\",\"bid\":95,\"ask\":95.5,\"last\":95}"), 200);
	r = http_get(&st, http_text(&st, "/mcp/orders?parent=%s", id), cat);
	assert_int_equal(json_object_array_length(json_at(r->json, "items")),
	    2);
	for (int i = 0; i < 2; i++) {
		bool stop = strcmp(json_text_at(r->json, i == 0 ?
		    "items.0.role" : "items.1.role"), "stop_loss") == 0;

		assert_string_equal(json_text_at(r->json, i == 0 ?
		    "items.0.state" : "items.1.state"), stop ? "filled" :
		    "cancelled");
	}
	the_books_agree();
}

/* The paper market's terms are an input like any other; the day is replayed,
 * over HTTP and in the terminal, and a changed log is found. */
static void
a_day_is_replayed(void **state)
{
	const struct reply *r;
	const char *session, *out, *day;

	(void)state;
	r = jobs_send(&st, cat, "PATCH", "/api/trade/paper/terms",
	    "{\"spread_ppm\":400,\"hash_every\":2}");
	expect_status(r, 200);
	assert_int_equal(json_int_at(r->json, "spread_ppm"), 400);
	for (int i = 0; i < 3; i++)
		expect_status(cats("POST", "/mcp/orders", http_text(&st,
		    "{\"symbol\":\"OWN\",\"side\":\"buy\",\"type\":"
		    "\"limit\",\"limit_price\":%d,\"quantity\":1}", 95 -
		    i)), 201);
	r = http_get(&st, "/api/trade/paper/hashes", cat);
	expect_status(r, 200);
	assert_true(json_object_array_length(json_at(r->json, "items")) >= 2);
	assert_int_equal(strlen(json_text_at(r->json, "items.0.hex")), 64);
	r = jobs_send(&st, cat, "POST", "/api/trade/paper/replay", "{}");
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "same"), "true");
	assert_true(json_int_at(r->json, "fills") > 0);
	session = json_text_at(r->json, "session_id");
	assert_int_equal(stack_cli(&st, &out, (const char *[]){ "trade",
	    "replay", session, NULL }), 0);
	assert_non_null(strstr(out, "same"));
	day = mariadb_value(st.a, st.db, "SELECT DATE(UTC_TIMESTAMP())");
	assert_int_equal(stack_cli(&st, &out, (const char *[]){ "trade",
	    "replay", day, "--json", NULL }), 0);
	assert_non_null(strstr(out, session));
	mariadb_sql(st.db, "UPDATE trade_paper_log SET body = REPLACE(body, "
	    "'\"limit_price\":94', '\"limit_price\":94.5')");
	assert_int_equal(stack_cli(&st, &out, (const char *[]){ "trade",
	    "replay", session, NULL }), 1);
	assert_non_null(strstr(out, "DIFFERS at input"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_bars_come_in),
		cmocka_unit_test(a_correction_counts),
		cmocka_unit_test(bad_bars_are_named),
		cmocka_unit_test(patterns_have_evidence),
		cmocka_unit_test(a_backtest_is_done_by_the_worker),
		cmocka_unit_test(folds_and_grids),
		cmocka_unit_test(results_are_kept_and_compared),
		cmocka_unit_test(symbols_of_one_account),
		cmocka_unit_test(a_terminal_is_enough),
		cmocka_unit_test(refused_at_once),
		cmocka_unit_test(many_symbols_are_scanned),
		cmocka_unit_test(orders_are_placed_once),
		cmocka_unit_test(orders_rest_and_are_cancelled),
		cmocka_unit_test(a_day_order_ends_with_its_day),
		cmocka_unit_test(the_restricted_list_holds),
		cmocka_unit_test(the_last_cash_is_spent_once),
		cmocka_unit_test(a_stopped_account_takes_nothing),
		cmocka_unit_test(several_at_once),
		cmocka_unit_test(limits_and_refusals),
		cmocka_unit_test(exits_protect_what_was_bought),
		cmocka_unit_test(a_day_is_replayed)
	};

	return cmocka_run_group_tests(tests, start, stop);
}
