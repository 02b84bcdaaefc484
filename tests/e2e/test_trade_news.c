/*
 * News and what follows from them through a web server: taken once, linked,
 * summed up, asked of the external engine while it answers, judged by the
 * worker, hidden from other tenants; then what an account holds and gained.
 */
#include <json.h>
#include <math.h>
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
#include <cmocka.h>

#include "base/arena.h"
#include "tests/harness/jobs_http.h"
#include "tests/harness/mariadb.h"

static struct stack st;
static const char *ann, *bob;
static pid_t engine;

/* An engine as document 002 has it, on a free port: says 0.25 to all. */
static unsigned
engine_start(void)
{
	char line[32] = "";
	int p[2];
	FILE *in;

	assert_int_equal(pipe(p), 0);
	fflush(NULL);
	engine = fork();
	if (engine == 0) {
		dup2(p[1], STDOUT_FILENO);
		close(p[0]);
		execlp("/usr/bin/python3", "python3", "-B", "-c",
		    "import ctypes, http.server, json, signal\n"
		    "ctypes.CDLL(None).prctl(1, signal.SIGKILL)\n"
		    "class H(http.server.BaseHTTPRequestHandler):\n"
		    "    def log_message(self, *a): pass\n"
		    "    def do_POST(self):\n"
		    "        n = int(self.headers['Content-Length'])\n"
		    "        got = json.loads(self.rfile.read(n))\n"
		    "        out = json.dumps({'sentiment_score': 0.25,\n"
		    "            'authenticity_score': 0.5, 'source': "
		    "got['source'],\n"
		    "            'summary': self.path}).encode()\n"
		    "        self.send_response(200)\n"
		    "        self.send_header('Content-Length', "
		    "str(len(out)))\n"
		    "        self.end_headers()\n"
		    "        self.wfile.write(out)\n"
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

static int
start(void **state)
{
	static char url[96];

	(void)state;
	stack_user();		/* who ends it must own it */
	snprintf(url, sizeof(url), "trade.sentiment_engine=http://127.0.0.1:"
	    "%u", engine_start());
	stack_start(&st, &(struct stack_options){ .worker = true,
	    .settings = (const char *const[]){ url,
	    "trade.news_sources=reuters=3", NULL } });
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

static double
real(const struct reply *r, const char *path)
{
	return strtod(json_text_at(r->json, path), NULL);
}

/* The engine answers; then it is gone, and the lexicon answers in its place
 * and says so. */
static void
the_engine_is_asked_while_it_lives(void **state)
{
	const struct reply *r;

	(void)state;
	r = call("POST", "/api/analyze", "{\"text\":\"A dull text\",\"source\":"
	    "\"Reuters\"}");
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "engine"), "external");
	assert_string_equal(json_text_at(r->json, "summary"), "/analyze");
	assert_true(real(r, "sentiment_score") == 0.25);
	assert_true(real(r, "authenticity_score") == 0.5);
	kill(engine, SIGKILL);
	waitpid(engine, NULL, 0);
	r = call("POST", "/api/analyze", "{\"text\":\"Files for bankruptcy\","
	    "\"source\":\"Reuters\"}");
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "engine"), "fallback");
	assert_true(real(r, "sentiment_score") < -0.5);
	assert_string_equal(json_text_at(r->json, "label"), "negative");
	assert_string_equal(json_text_at(r->json, "hits.0.term"),
	    "files for bankruptcy");
	assert_int_equal(strlen(json_text_at(r->json, "lexicon")), 64);
	/* length 20 of 1000, and a trusted source */
	assert_true(fabs(real(r, "authenticity_score") - 0.32) < 1e-9);
	r = call("POST", "/api/trade/sentiment/analyze", "{\"text\":"
	    "\"Files for bankruptcy\",\"mode\":\"vader\"}");
	expect_status(r, 200);
	assert_true(real(r, "sentiment_score") == 0);
}

static void
news_are_taken_once(void **state)
{
	const struct reply *r;
	const char *id;

	(void)state;
	expect_status(call("PUT", "/api/trade/instruments",
	    "{\"symbol\":\"AAPL\",\"name\":\"Apple Inc.\"}"), 200);
	expect_status(call("PUT", "/api/trade/instruments",
	    "{\"symbol\":\"TSLA\",\"name\":\"Tesla\"}"), 200);
	expect_status(call("PUT", "/api/trade/aliases",
	    "{\"alias\":\"Cupertino\",\"symbol\":\"AAPL\"}"), 200);
	r = call("POST", "/api/trade/news", "{\"items\":[{\"title\":"
	    "\"Apple profit jumps 20% as sales beat forecasts\",\"source\":"
	    "\"reuters\"},{\"title\":\"Cupertino giant cuts costs; Tesla "
	    "loss widens\",\"source\":\"blog\"},{\"title\":\"Pineapple is "
	    "a fruit\",\"source\":\"blog\"}]}");
	expect_status(r, 200);
	assert_int_equal(json_int_at(r->json, "stored"), 3);
	assert_string_equal(json_text_at(r->json, "items.0.engine"),
	    "fallback");
	assert_string_equal(json_text_at(r->json, "items.0.symbols.0.symbol"),
	    "AAPL");
	assert_true(real(r, "items.0.symbols.0.score") > 0.5);
	assert_int_equal(json_int_at(r->json, "items.0.symbols.0.weight"),
	    3);
	/* the second names both, with other scores */
	assert_string_equal(json_text_at(r->json, "items.1.symbols.0.symbol"),
	    "TSLA");
	assert_true(real(r, "items.1.symbols.0.score") < -0.3);
	assert_string_equal(json_text_at(r->json, "items.1.symbols.1.symbol"),
	    "AAPL");
	assert_true(real(r, "items.1.symbols.1.score") > 0.3);
	assert_null(json_at(r->json, "items.2.symbols.0"));
	id = arena_strdup(st.a, json_text_at(r->json, "items.0.id"));
	/* the same of the same source is known; of another it is a repeat */
	r = call("POST", "/api/trade/news", "{\"items\":[{\"title\":"
	    "\"Apple profit jumps 20% as sales beat forecasts\",\"source\":"
	    "\"reuters\"},{\"title\":\"Apple profit jumps 20% as sales beat "
	    "forecasts\",\"source\":\"echo\"}]}");
	expect_status(r, 200);
	assert_int_equal(json_int_at(r->json, "known"), 1);
	assert_int_equal(json_int_at(r->json, "repeats"), 1);
	assert_string_equal(json_text_at(r->json, "items.0.counted"),
	    "false");
	r = http_get(&st, "/api/trade/news?symbol=AAPL", ann);
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "items.0.source"), "echo");
	expect_status(http_get(&st, http_text(&st, "/api/trade/news/%s", id),
	    ann), 200);
	/* another tenant sees nothing of it */
	expect_status(http_get(&st, http_text(&st, "/api/trade/news/%s", id),
	    bob), 404);
	r = http_get(&st, "/api/trade/news", bob);
	assert_null(json_at(r->json, "items.0"));
	r = http_get(&st, "/api/trade/sentiment?symbol=AAPL", bob);
	assert_null(json_at(r->json, "items.0"));
	expect_status(jobs_send(&st, bob, "DELETE",
	    "/api/trade/aliases/Cupertino", NULL), 404);
}

static void
a_symbol_has_a_sum(void **state)
{
	const struct reply *r = http_get(&st,
	    "/api/trade/sentiment?symbol=AAPL", ann);

	(void)state;
	expect_status(r, 200);
	assert_int_equal(json_int_at(r->json, "items.0.n"), 2);
	assert_true(real(r, "items.0.score") > 0.5);
	assert_true(real(r, "items.0.dispersion") > 0);
	r = http_get(&st, "/api/trade/sentiment?symbol=AAPL&sources=blog",
	    ann);
	assert_int_equal(json_int_at(r->json, "items.0.n"), 1);
	/* document 002's shape, page by page */
	r = http_get(&st, "/api/sentiment?limit=1&window=4h", ann);
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "sentiment.0.symbol"),
	    "AAPL");
	assert_string_equal(json_text_at(r->json, "hasMore"), "true");
	assert_int_equal(json_int_at(r->json, "total"), 2);
	r = http_get(&st, http_text(&st, "/api/sentiment?limit=1&window=4h&"
	    "cursor=%s", json_text_at(r->json, "nextCursor")), ann);
	assert_string_equal(json_text_at(r->json, "sentiment.0.symbol"),
	    "TSLA");
	assert_true(real(r, "sentiment.0.score") < 0);
	r = http_get(&st, "/api/sentiment/TSLA?window=1h", ann);
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "sentiment.0.sources.0"),
	    "blog");
	/* told as events, of the symbol, once the relay has seen it */
	for (int i = 0; i < 300; i++) {
		r = http_get(&st, "/api/system/events?since=0&topics="
		    "trade.sentiment", ann);
		expect_status(r, 200);
		if (strstr(r->body, "\"news_score\"") != NULL)
			break;
		poll(NULL, 0, 100);
	}
	assert_non_null(strstr(r->body, "\"symbol\":\"AAPL\""));
	r = http_get(&st, "/api/system/events?since=0&topics="
	    "trade.sentiment", bob);
	assert_null(strstr(r->body, "news_score"));
}

static void
the_worker_judges(void **state)
{
	const char *id = jobs_add(&st, ann, "{\"job_type\":"
	    "\"sentiment_analysis\",\"user_id\":\"u\",\"payload\":{"
	    "\"symbols\":[\"AAPL\",\"NONE\"],\"window_h\":24}}");
	const struct reply *r;

	(void)state;
	jobs_until(&st, ann, id, "succeeded");
	r = jobs_get(&st, ann, id);
	assert_int_equal(json_int_at(r->json, "result.texts"), 3);
	assert_string_equal(json_text_at(r->json,
	    "result.symbols.0.symbol"), "AAPL");
	assert_int_equal(json_int_at(r->json, "result.symbols.0.n"), 2);
	assert_int_equal(json_int_at(r->json, "result.symbols.1.n"), 0);
	/* the engine is gone: that answer is not kept */
	assert_int_equal(json_int_at(r->json, "result.fallbacks"), 3);
	id = jobs_add(&st, ann, "{\"job_type\":\"sentiment_analysis\","
	    "\"payload\":{\"symbol\":\"AAPL\",\"texts\":[\"Great quarter\","
	    "\"Weak demand\"]}}");
	jobs_until(&st, ann, id, "succeeded");
	r = jobs_get(&st, ann, id);
	assert_int_equal(json_int_at(r->json, "result.symbols.0.n"), 2);
	assert_string_equal(json_text_at(r->json,
	    "result.symbols.0.items.1.hits.0.term"), "weak demand");
}

/* Without an engine the same question has the kept answer. */
static void
a_repeat_is_kept(void **state)
{
	static const char ask[] = "{\"job_type\":\"sentiment_analysis\","
	    "\"payload\":{\"text\":\"Dividend raised\"}}";
	const char *id;

	(void)state;
	stack_setting(&st, "trade.sentiment_engine", "");
	assert_true(stack_worker_reload(&st));
	for (int i = 0; i < 4; i++) {	/* an hour may turn once */
		const struct reply *r;

		id = jobs_add(&st, ann, ask);
		jobs_until(&st, ann, id, "succeeded");
		r = jobs_get(&st, ann, id);
		if (strcmp(json_text_at(r->json, "result.cached"), "true") ==
		    0) {
			assert_int_equal(json_int_at(r->json,
			    "result.texts"), 77);
			return;
		}
		mariadb_sql(st.db, "UPDATE trade_sentiment_result SET result "
		    "= REPLACE(result, '\"texts\":1', '\"texts\":77')");
	}
	fail_msg("no answer was kept");
}

/* ---- what an account holds and gained ------------------------------------------------- */

static void
order(const char *side, int quantity, const char *tag)
{
	expect_status(call("POST", "/mcp/orders", http_text(&st,
	    "{\"symbol\":\"AAPL\",\"side\":\"%s\",\"quantity\":%d,\"tag\":"
	    "\"%s\"}", side, quantity, tag)), 201);
}

static void
quote(const char *price)
{
	expect_status(call("POST", "/api/trade/quotes", http_text(&st,
	    "{\"symbol\":\"AAPL\",\"bid\":%s,\"ask\":%s}", price, price)),
	    200);
}

/* Orders are filled by a market that takes its time. */
static const struct reply *
portfolio_of(const char *shares)
{
	const struct reply *r = NULL;

	for (int i = 0; i < 300; i++) {
		r = http_get(&st, "/api/trade/portfolio", ann);
		expect_status(r, 200);
		if (strcmp(json_text_at(r->json, "holdings.0.shares"),
		    shares) == 0)
			return r;
		poll(NULL, 0, 100);
	}
	fail_msg("%s", r->body);
	return r;
}

static void
a_portfolio_is_computed(void **state)
{
	const struct reply *r;

	(void)state;
	expect_status(call("POST", "/api/trade/sessions",
	    "{\"cash\":100000}"), 200);
	quote("100");
	order("buy", 10, "=1+1");
	portfolio_of("10");
	quote("150");
	order("sell", 4, "plain");
	r = portfolio_of("6");
	assert_true(real(r, "realized_gain") > 150);
	assert_true(real(r, "total_value") > 880);
	assert_true(fabs(real(r, "holdings.0.pnl") - (real(r,
	    "total_value") - real(r, "cost_basis"))) < 1e-6);
	assert_string_equal(json_text_at(r->json, "method"), "fifo");
	r = http_get(&st, "/api/trading/portfolio", ann);
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json,
	    "portfolio.holdings.0.symbol"), "AAPL");
	r = http_get(&st, "/api/trade/portfolio/gains", ann);
	assert_string_equal(json_text_at(r->json, "items.0.term"), "short");
	/* tax is on the gain, thirty percent of it */
	r = http_get(&st, "/api/trading/tax", ann);
	expect_status(r, 200);
	assert_true(fabs(real(r, "tax_estimate.0.tax") - 0.3 * real(r,
	    "tax_estimate.0.short_gain")) < 1e-6);
	assert_true(real(r, "tax_estimate.0.tax") > 40 &&
	    real(r, "tax_estimate.0.tax") < 70);
	r = http_get(&st, "/api/trade/portfolio/risk", ann);
	expect_status(r, 200);
	assert_true(real(r, "diversification") == 0);
	r = http_get(&st, "/api/trading/rules", ann);
	assert_string_equal(json_text_at(r->json, "rules.0.enabled"),
	    "true");
	/* a note that a spreadsheet would run is text in the log */
	r = http_get(&st, "/api/trade/portfolio/trades.csv", ann);
	expect_status(r, 200);
	assert_non_null(strstr(r->body, "'=1+1"));
	assert_null(strstr(r->body, ",=1+1"));
	assert_non_null(strstr(r->body, "sell"));
	/* nobody else has that account */
	expect_status(http_get(&st, "/api/trade/portfolio", bob), 404);
	expect_status(http_get(&st, http_text(&st, "/api/trade/portfolio?"
	    "session=%s", json_text_at(http_get(&st, "/api/trade/portfolio",
	    ann)->json, "session_id")), bob), 404);
}

static void
bars_in_units_of_today(void **state)
{
	const struct reply *r;
	const char *id;

	(void)state;
	expect_status(call("POST", "/api/trade/bars", "{\"symbol\":\"AAPL\","
	    "\"bars\":[{\"at\":\"2026-01-02T00:00:00Z\",\"open\":70,"
	    "\"high\":77,\"low\":70,\"close\":70,\"volume\":10},{\"at\":"
	    "\"2026-01-03T00:00:00Z\",\"open\":10,\"high\":11,\"low\":10,"
	    "\"close\":10.5,\"volume\":70}]}"), 200);
	/* nobody held it before: no account takes it */
	r = call("POST", "/api/trade/corporate-actions", "{\"symbol\":"
	    "\"AAPL\",\"kind\":\"split\",\"ratio\":7,\"ex_at\":"
	    "\"2026-01-03T00:00:00Z\"}");
	expect_status(r, 201);
	expect_status(call("POST", "/api/trade/corporate-actions",
	    "{\"symbol\":\"AAPL\",\"kind\":\"split\",\"ratio\":7,"
	    "\"ex_at\":\"2026-01-03T00:00:00Z\"}"), 409);
	expect_status(call("POST", "/api/trade/corporate-actions",
	    "{\"symbol\":\"AAPL\",\"kind\":\"split\",\"ex_at\":"
	    "\"2026-01-04T00:00:00Z\"}"), 422);
	r = http_get(&st, "/api/trade/bars/adjusted?symbol=AAPL", ann);
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "items.0.close"), "10");
	assert_string_equal(json_text_at(r->json, "items.0.high"), "11");
	assert_string_equal(json_text_at(r->json, "items.0.volume"), "70");
	assert_string_equal(json_text_at(r->json, "items.1.close"), "10.5");
	/* the raw ones stay */
	r = http_get(&st, "/api/trade/bars?symbol=AAPL", ann);
	assert_string_equal(json_text_at(r->json, "items.1.close"), "70");
	r = http_get(&st, "/api/trading/stock_scraper?symbols=AAPL", ann);
	expect_status(r, 200);
	assert_true(real(r, "stock_data.stocks.0.price") == 10.5);
	r = call("POST", "/api/trade/corporate-actions", "{\"symbol\":"
	    "\"AAPL\",\"kind\":\"dividend\",\"amount\":1,\"ex_at\":"
	    "\"2090-01-03T00:00:00Z\"}");
	expect_status(r, 201);
	id = arena_strdup(st.a, json_text_at(r->json, "id"));
	expect_status(jobs_send(&st, bob, "DELETE", http_text(&st,
	    "/api/trade/corporate-actions/%s", id), NULL), 404);
	expect_status(jobs_send(&st, ann, "DELETE", http_text(&st,
	    "/api/trade/corporate-actions/%s", id), NULL), 204);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_engine_is_asked_while_it_lives),
		cmocka_unit_test(news_are_taken_once),
		cmocka_unit_test(a_symbol_has_a_sum),
		cmocka_unit_test(the_worker_judges),
		cmocka_unit_test(a_repeat_is_kept),
		cmocka_unit_test(a_portfolio_is_computed),
		cmocka_unit_test(bars_in_units_of_today)
	};

	return cmocka_run_group_tests(tests, start, stop);
}
