/*
 * A strategy armed on a replayed day through real servers: signals and fills
 * arrive on the WebSocket, the stop switch ends it, the books balance. Besides:
 * training and suggestions as jobs, and external engines that answer well,
 * strangely, or not at all.
 */
#include <json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <signal.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/arena.h"
#include "modules/trade/watch.h"
#include "tests/harness/data.h"
#include "tests/harness/forked.h"
#include "tests/harness/jobs_http.h"
#include "tests/harness/mariadb.h"
#include "tests/harness/ws.h"

#define MS 30000
#define GOOG "market/quotes/GOOG_daily_2004_2013.csv"
#define FOLLOW_BAR "{\"entry_long\":[\">\",\"close\",\"open\"]," \
	"\"exit_long\":[\"<\",\"close\",\"open\"],\"size\":{\"kind\":" \
	"\"units\",\"value\":10}}"

static struct stack st;
static const char *ann;
static pid_t live;

/* ---- engines outside --------------------------------------------------------------- */

/* Symbols choose: ODD answers strangely, DEAD with 500. */
static unsigned
engines_start(void)
{
	int p[2];
	char line[32] = "";
	FILE *in;

	assert_int_equal(pipe(p), 0);
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(p[1], STDOUT_FILENO);
		execlp("python3", "python3", "-B", "-c",
		    "import http.server, json\n"
		    "class H(http.server.BaseHTTPRequestHandler):\n"
		    "  def log_message(self, *x): pass\n"
		    "  def do_POST(self):\n"
		    "    b = json.loads(self.rfile.read(int(self.headers["
		    "'Content-Length'])))\n"
		    "    t = json.dumps(b)\n"
		    "    if self.path == '/decide':\n"
		    "      r = [{'symbol': s['symbol'], 'action': 'sell', "
		    "'confidence': 0.7, 'rationale': 'outside'} for s in "
		    "b['signals']]\n"
		    "    elif self.path == '/infer':\n"
		    "      r = {'probs': [0.25, 0.75], 'output': [1]}\n"
		    "    else:\n"
		    "      n = b['horizon']\n"
		    "      r = {'forecast': [b['history'][-1] + i for i in "
		    "range(n)], 'confidence': [0.5] * n, 'meta': {'model': "
		    "'N-BEATS'}}\n"
		    "    if 'ODD' in t: r = {'forecast': [-1], 'x': 'y'}\n"
		    "    self.send_response(500 if 'DEAD' in t else 200)\n"
		    "    o = json.dumps(r).encode()\n"
		    "    self.send_header('Content-Type', 'application/json')\n"
		    "    self.send_header('Content-Length', str(len(o)))\n"
		    "    self.end_headers()\n"
		    "    self.wfile.write(o)\n"
		    "s = http.server.ThreadingHTTPServer(('127.0.0.1', 0), H)\n"
		    "print(s.server_port, flush=True)\n"
		    "s.serve_forever()\n", (char *)NULL);
		_exit(127);
	}
	close(p[1]);
	in = fdopen(p[0], "r");
	assert_non_null(fgets(line, sizeof(line), in));
	fclose(in);
	return (unsigned)strtoul(line, NULL, 10);
}

static bool
serves(void *arg)
{
	struct arena *mem = arena_new((size_t)64 << 20);
	struct ws s = ws_open(mem, st.port, "/ws", NULL);

	(void)arg;
	ws_close(&s);
	arena_free(mem);
	return s.status == 101;
}

static int
start(void **state)
{
	static char url[2][120];
	unsigned port;

	(void)state;
	stack_user();		/* who ends it must own it */
	port = engines_start();
	snprintf(url[0], sizeof(url[0]), "trade.strategy_engine_url="
	    "http://127.0.0.1:%u", port);
	snprintf(url[1], sizeof(url[1]), "trade.onnx_runner_url="
	    "http://127.0.0.1:%u", port);
	stack_start(&st, &(struct stack_options){ .worker = true,
	    .settings = (const char *const[]){ url[0], url[1],
	    "trade.orders_per_second=10000", "trade.orders_per_minute=100000",
	    NULL } });
	live = stack_launch(&st, "live", (const char *[]){ http_text(&st,
	    "%s/quincunx-live", stack_bin()), "-c", st.conf, NULL });
	assert_true(eventually(serves, NULL, MS));
	ann = jobs_tenant(&st, "ann");
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	stack_end(&live, SIGTERM);
	stack_stop(&st);
	return 0;
}

static const struct reply *
call(const char *method, const char *path, const char *body)
{
	return jobs_send(&st, ann, method, path, body);
}

/* ---- a day ------------------------------------------------------------------------ */

static const char *
day(void)
{
	const char *text = "{\"symbol\":\"DAY\",\"timeframe\":\"1m\",\"bars\":[";

	for (int i = 0; i < 40; i++) {
		int open = 100 + (i * 7) % 5, close = open +
		    (i % 4 == 3 ? -1 : 1);

		text = http_text(&st, "%s%s{\"at\":\"2026-03-02T10:%02d:00Z\","
		    "\"open\":%d,\"high\":%d,\"low\":%d,\"close\":%d,"
		    "\"volume\":1000000}", text, i > 0 ? "," : "", i, open,
		    open + 2, open - 2, close);
	}
	return http_text(&st, "%s]}", text);
}

/* Events of these topics until all have been seen. */
static void
expect_topics(struct ws *s, const char *const *topics, size_t n)
{
	unsigned seen = 0;

	for (int i = 0; i < 5000 && seen != (1u << n) - 1; i++) {
		struct json_object *o = ws_wait(s, "event", MS);

		if (o == NULL)
			break;
		for (size_t k = 0; k < n; k++)
			if (strcmp(json_text_at(o, "topic"), topics[k]) == 0)
				seen |= 1u << k;
		json_object_put(o);
	}
	if (seen != (1u << n) - 1) {
		stack_logs(&st);
		fail_msg("seen %x of %zu topics (close %d)", seen, n,
		    s->code);
	}
}

static bool
some(void *sql)
{
	return atoi(mariadb_value(st.a, st.db, sql)) > 0;
}

static void
armed_on_a_replayed_day(void **state)
{
	static const char *const topics[] = { "trade.signal", "trade.order",
	    "decision.made" };
	const struct reply *r;
	const char *arming, *orders;
	struct ws s;

	(void)state;
	expect_status(call("PUT", "/api/trade/instruments",
	    "{\"symbol\":\"DAY\"}"), 200);
	expect_status(call("POST", "/api/trade/bars", day()), 200);
	expect_status(call("GET", "/mcp/login", NULL), 200);
	r = call("POST", "/api/trade/strategies", "{\"name\":\"follow\","
	    "\"spec\":" FOLLOW_BAR "}");
	expect_status(r, 201);
	r = call("POST", "/api/trade/armings", http_text(&st,
	    "{\"strategy_id\":\"%s\",\"symbols\":[\"DAY\"],\"timeframe\":"
	    "\"1m\"}", json_text_at(r->json, "id")));
	expect_status(r, 201);
	arming = arena_strdup(st.a, json_text_at(r->json, "id"));
	assert_string_equal(json_text_at(r->json, "state"), "armed");

	s = ws_open(st.a, st.port, "/api/system/live", http_text(&st,
	    "Authorization: Bearer %s\r\n", ann));
	assert_int_equal(s.status, 101);
	ws_say(&s, "{\"type\":\"sub\",\"topics\":[\"trade.*\","
	    "\"decision.*\"]}");
	json_object_put(ws_wait(&s, "subd", MS));
	expect_status(call("POST", "/api/trade/feeds", "{\"name\":\"day\","
	    "\"kind\":\"replay\",\"spec\":{\"symbols\":[\"DAY\"],\"source\":"
	    "\"bars\",\"timeframe\":\"1m\",\"speed\":300,\"now\":true,"
	    "\"again\":true}}"), 201);
	expect_topics(&s, topics, 3);
	ws_close(&s);
	assert_true(eventually(some, (void *)(uintptr_t)"SELECT COUNT(*) FROM "
	    "trade_fill WHERE symbol = 'DAY'", MS));
	assert_true(eventually(some, (void *)(uintptr_t)"SELECT COUNT(*) FROM "
	    "trade_trip WHERE symbol = 'DAY' AND pnl IS NOT NULL", MS));
	r = http_get(&st, "/api/trade/leaderboard", ann);
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "items.0.strategy"),
	    "follow");
	r = http_get(&st, "/leaderboard?top=5", ann);
	assert_string_equal(json_text_at(r->json, "0.model"), "follow");
	r = http_get(&st, "/signals?symbol=DAY&minScore=0.5", ann);
	expect_status(r, 200);
	assert_true(json_int_at(r->json, "total") > 0);

	/* the stop switch: decisions are refused from now on */
	expect_status(call("POST", "/api/system/switches/stop",
	    "{\"scope\":\"module\",\"name\":\"trade\",\"reason\":\"test\"}"),
	    200);
	assert_true(eventually(some, (void *)(uintptr_t)"SELECT COUNT(*) FROM "
	    "trade_act WHERE symbol = 'DAY' AND outcome = 'refused' AND code "
	    "= 'stopped'", MS));
	orders = mariadb_value(st.a, st.db, "SELECT COUNT(*) FROM trade_order "
	    "WHERE symbol = 'DAY' AND state <> 'denied'");
	assert_true(eventually(some, (void *)(uintptr_t)"SELECT COUNT(*) > 2 "
	    "FROM trade_act WHERE symbol = 'DAY' AND outcome = 'refused'",
	    MS));
	assert_string_equal(orders, mariadb_value(st.a, st.db, "SELECT "
	    "COUNT(*) FROM trade_order WHERE symbol = 'DAY' AND state <> "
	    "'denied'"));
	/* disarmed: nothing is decided any more, and it can be forgotten */
	expect_status(call("POST", http_text(&st,
	    "/api/trade/armings/%s/disarm", arming), "{}"), 200);
	assert_string_equal(mariadb_value(st.a, st.db, "SELECT COUNT(*) FROM "
	    "trade_session s WHERE s.cash <> (SELECT SUM(amount) FROM "
	    "trade_cash c WHERE c.session_id = s.id)"), "0");
	assert_string_equal(mariadb_value(st.a, st.db, "SELECT COUNT(*) FROM "
	    "trade_position p WHERE p.quantity <> (SELECT SUM(IF(side = "
	    "'buy', quantity, -quantity)) FROM trade_fill f WHERE "
	    "f.session_id = p.session_id AND f.symbol = p.symbol)"), "0");
	assert_string_equal(mariadb_value(st.a, st.db, "SELECT COUNT(*) - "
	    "COUNT(DISTINCT client_order_id) FROM trade_order"), "0");
}

/* ---- suggestions --------------------------------------------------------------------- */

static const struct reply *
job(const char *body)
{
	const char *id = jobs_add(&st, ann, body);

	jobs_until(&st, ann, id, "succeeded");
	return jobs_get(&st, ann, id);
}

/* Days of news in the midst of GOOG's years. */
static void
news_of_old(void)
{
	const struct reply *r = call("POST", "/api/trade/news", "{\"items\":["
	    "{\"title\":\"GOOG surged after record earnings\",\"at\":"
	    "\"2011-03-02T15:00:00Z\"},{\"title\":\"GOOG plunged after a "
	    "profit warning\",\"at\":\"2012-05-09T15:00:00Z\"}]}");

	expect_status(r, 200);
	assert_int_equal(json_int_at(r->json, "stored"), 2);
}

/* What was learnt of feature k: mean coef or scale. */
static double
learnt(const char *what, int k)
{
	return atof(mariadb_value(st.a, st.db, arena_printf(st.a, "SELECT "
	    "JSON_EXTRACT(CONVERT(content USING utf8mb4), '$.%s[%d]') FROM "
	    "platform_model WHERE name = 'suggest.1d'", what, k)));
}

static void
a_model_says_or_says_why_not(void **state)
{
	const struct reply *r;
	size_t n;
	char *csv = data_read(st.a, GOOG, &n);
	struct call c = { .method = "POST", .token = ann, .body = csv,
	    .body_len = n, .type = "text/csv",
	    .path = "/api/trade/bars/import?symbol=GOOG" };

	(void)state;
	if (csv == NULL)
		return;
	expect_status(call("PUT", "/api/trade/instruments",
	    "{\"symbol\":\"GOOG\"}"), 200);
	expect_status(http_call(&st, &c), 200);
	r = job("{\"type\":\"suggestion\",\"payload\":{\"symbols\":[\"GOOG\"]"
	    "}}");
	assert_string_equal(json_text_at(r->json,
	    "result.suggestions.0.side"), "none");
	assert_non_null(strstr(json_text_at(r->json,
	    "result.suggestions.0.note"), "No model"));
	news_of_old();
	r = job("{\"type\":\"training\",\"payload\":{\"symbols\":[\"GOOG\"]}}");
	/* the model saw the news of those days */
	assert_true(learnt("scale", FEATURE_SENTIMENT) < 0.5);
	assert_true(learnt("coef", FEATURE_SENTIMENT) != 0);
	assert_int_equal(json_int_at(r->json, "result.version"), 1);
	assert_true(json_int_at(r->json, "result.held") > 1000);
	assert_true(strlen(json_text_at(r->json, "result.brier")) > 3);
	/* in force or not: the same question twice is one answer */
	for (int i = 0; i < 2; i++)
		r = job("{\"type\":\"suggestion\",\"payload\":{\"symbols\":["
		    "\"GOOG\"],\"risk_pct\":2}}");
	assert_string_equal(json_text_at(r->json, "result.cached"), "true");
	r = http_get(&st, "/api/trade/suggestions?symbol=GOOG", ann);
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "items.0.symbol"), "GOOG");
	/* the runner's forecast came with it */
	r = http_get(&st, "/api/predictions?symbol=GOOG", ann);
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "predictions.0.model"),
	    "N-BEATS");
	assert_string_equal(json_text_at(r->json, "predictions.0.fallback"),
	    "false");
}

/* ---- external engines ---------------------------------------------------------------- */

static void
engine_says(const char *symbol, const char *engine, const char *action)
{
	const struct reply *r = call("POST", "/decide", http_text(&st,
	    "{\"signals\":[{\"symbol\":\"%s\",\"score\":0.9}]}", symbol));

	expect_status(r, 200);
	assert_string_equal(http_header(&st, r, "X-Engine"), engine);
	assert_string_equal(json_text_at(r->json, "0.action"), action);
}

static void
engines_outside(void **state)
{
	const struct reply *r;

	(void)state;
	engine_says("AAPL", "external", "sell");
	engine_says("ODD", "fallback", "buy");
	engine_says("DEAD", "fallback", "buy");
	r = call("POST", "/api/infer/forecast/nbeats", "{\"symbol\":\"AAPL\","
	    "\"history\":[10,11,12],\"horizon\":3}");
	assert_string_equal(http_header(&st, r, "X-Engine"), "external");
	assert_string_equal(json_text_at(r->json, "forecast.2"), "14");
	r = call("POST", "/api/infer/forecast/nbeats", "{\"symbol\":\"ODD\","
	    "\"history\":[10,11,12],\"horizon\":3}");
	assert_string_equal(http_header(&st, r, "X-Engine"), "fallback");
	assert_string_equal(json_text_at(r->json, "fallback"), "true");
	r = call("POST", "/infer", "{\"window\":[1,2]}");
	assert_string_equal(json_text_at(r->json, "probs.1"), "0.75");
	expect_status(call("POST", "/submit_reward", "{\"symbol\":\"AAPL\","
	    "\"model\":\"m\",\"reward\":2}"), 200);
	r = call("POST", "/submit_reward", "{\"symbol\":\"AAPL\",\"model\":"
	    "\"m\",\"reward\":1}");
	assert_string_equal(json_text_at(r->json, "avg_reward"), "1.5");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(armed_on_a_replayed_day),
		cmocka_unit_test(a_model_says_or_says_why_not),
		cmocka_unit_test(engines_outside)
	};

	return cmocka_run_group_tests(tests, start, stop);
}
