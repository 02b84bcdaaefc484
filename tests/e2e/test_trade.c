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
	stack_start(&st, &(struct stack_options){ .worker = true });
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
	follow = json_at(r->json, "follow");
	assert_int_equal(json_object_array_length(follow), 61);
	for (size_t i = 0; i < 61; i++) {
		struct json_object *f = json_object_array_get_idx(follow, i);

		certain += strcmp(json_text_at(f, "chance"), "false") == 0;
	}
	/* nine years of one share prove next to nothing */
	assert_true(certain < 10);
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
		cmocka_unit_test(refused_at_once),
		cmocka_unit_test(many_symbols_are_scanned)
	};

	return cmocka_run_group_tests(tests, start, stop);
}
