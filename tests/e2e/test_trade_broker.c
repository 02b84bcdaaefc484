/*
 * Live sessions through a web server and a worker, against the fake brokers:
 * logging in and out, orders that are sent and filled, postbacks, a worker
 * that is killed while the broker answers, a restart with strangers, the stop.
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
#include <json.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/codec.h"
#include "crypto/crypto.h"
#include "tests/harness/fakebroker.h"
#include "tests/harness/jobs_http.h"
#include "tests/harness/mariadb.h"

static struct stack st;
static struct fake fake;
static struct arena *a;
static const char *ann, *bob, *key, *session;
static int n;

static const struct reply *
call(const char *method, const char *path, const char *body)
{
	return jobs_send(&st, ann, method, path, body);
}

static int
start(void **state)
{
	const struct reply *r;

	(void)state;
	a = arena_new(64 << 20);
	stack_user();
	fakebroker_start(&fake, a);
	stack_start(&st, &(struct stack_options){ .worker = true,
	    .settings = (const char *const[]){ "trade.live=true",
	    arena_printf(a, "trade.mcp_url=%s", fake.url),
	    arena_printf(a, "trade.kite_url=%s", fake.url),
	    arena_printf(a, "trade.alpaca_url=%s", fake.url),
	    "trade.kite_api_key=" FAKE_KITE_KEY,
	    "trade.kite_api_secret=" FAKE_KITE_SECRET,
	    "trade.postback_secret=postback", "trade.broker_window=1",
	    "trade.broker_poll=1", NULL } });
	ann = jobs_tenant(&st, "ann");
	bob = jobs_tenant(&st, "bob");
	r = call("POST", "/api/auth/keys", "{\"name\":\"k\",\"scopes\":["
	    "\"trade:read\",\"trade:order\"]}");
	expect_status(r, 201);
	key = http_text(&st, "X-API-Key: %s", json_text_at(r->json, "key"));
	expect_status(call("PUT", "/api/trade/instruments",
	    "{\"symbol\":\"SBIN\",\"exchange\":\"NSE\"}"), 200);
	expect_status(call("POST", "/api/trade/quotes", "{\"symbol\":"
	    "\"SBIN\",\"exchange\":\"NSE\",\"bid\":\"100\",\"ask\":"
	    "\"100\"}"), 200);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	stack_stop(&st);
	fake_stop(&fake);
	arena_free(a);
	return 0;
}

static void
tell(const char *path, const char *json)
{
	(void)fakebroker_control(&fake, a, arena_printf(a, "/_control/%s",
	    path), json);
}

/* Polls until the member of this GET is that text. */
static void
until(const char *path, const char *member, const char *want)
{
	const struct reply *r = NULL;

	for (int i = 0; i < 600; i++) {
		r = http_get(&st, path, ann);
		if (r->status == 200 && strcmp(json_text_at(r->json, member),
		    want) == 0)
			return;
		(void)poll(NULL, 0, 100);
	}
	fail_msg("%s: %s is not %s: %s", path, member, want, r->body);
}

static const char *
place(int units)
{
	const struct reply *r = call("POST", "/mcp/orders", http_text(&st,
	    "{\"session\":\"%s\",\"client_order_id\":\"e%d\",\"symbol\":"
	    "\"SBIN\",\"exchange\":\"NSE\",\"side\":\"buy\",\"type\":"
	    "\"limit\",\"limit_price\":\"100.%02d\",\"quantity\":%d}",
	    session, n + 1, n + 1, units));

	n++;
	expect_status(r, 201);
	assert_string_equal(json_text_at(r->json, "state"), "submitting");
	return http_text(&st, "/api/trade/orders/%s?session=%s",
	    json_text_at(r->json, "id"), session);
}

/* ---- logging in ----------------------------------------------------------------------- */

static const char *
begin(const char *who)
{
	const struct reply *r = http_get(&st, "/mcp/login?broker=kite", who);
	const char *s;

	expect_status(r, 200);
	s = strstr(json_text_at(r->json, "login_url"), "state%3D");
	assert_non_null(s);
	return http_text(&st, "/mcp/callback?action=login&status=success&"
	    "request_token=good1&state=%s", s + 8);
}

static void
a_person_logs_in(void **state)
{
	const struct reply *r;
	const char *back;

	(void)state;
	/* paper stays what it was */
	r = http_get(&st, "/mcp/login?broker=paper", ann);
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "mode"), "paper");
	expect_status(call("POST", "/mcp/login", "{}"), 200);
	/* never by a key */
	r = http_call(&st, &(struct call){ .path = "/mcp/login?broker=kite",
	    .headers = (const char *const[]){ key, NULL } });
	expect_status(r, 403);
	assert_non_null(strstr(r->body, "API key"));
	back = begin(ann);
	expect_status(http_get(&st, back, bob), 401);
	/* the try has used it up */
	expect_status(http_get(&st, back, ann), 401);
	back = begin(ann);
	r = http_get(&st, back, ann);
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "broker"), "kite");
	assert_string_equal(json_text_at(r->json, "account"), "AB1234");
	session = http_text(&st, "%s", json_text_at(r->json, "session_id"));
	assert_null(strstr(r->body, "kite-good1"));
	expect_status(http_get(&st, back, ann), 401);
	until("/api/trade/links", "items.0.state", "ok");
	r = http_get(&st, "/api/trade/links", ann);
	assert_null(strstr(r->body, "secret"));
	assert_int_equal(json_object_array_length(json_at(http_get(&st,
	    "/api/trade/links", bob)->json, "items")), 0);
}

static void
programs_log_in_with_credentials(void **state)
{
	const struct reply *r;

	(void)state;
	r = call("POST", "/mcp/login", "{\"username\":\"ann\",\"password\":"
	    "\"\"}");
	expect_status(r, 400);
	r = call("POST", "/mcp/login", "{\"username\":\"ann\",\"password\":"
	    "\"pw\",\"cash\":5000}");
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "broker"), "mcp");
	r = call("POST", "/mcp/login", "{\"broker\":\"alpaca\",\"key\":\"x\","
	    "\"secret\":\"y\"}");
	expect_status(r, 409);
	assert_non_null(strstr(r->body, "refuses the login"));
	r = call("POST", "/mcp/login", "{\"broker\":\"alpaca\",\"key\":\""
	    FAKE_ALPACA_KEY "\",\"secret\":\"" FAKE_ALPACA_SECRET "\"}");
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "account"), "PA123");
	expect_status(call("DELETE", http_text(&st, "/mcp/session?session=%s",
	    json_text_at(r->json, "session_id")), NULL), 204);
	expect_status(http_get(&st, http_text(&st, "/api/trade/broker/funds?"
	    "session=%s", json_text_at(r->json, "session_id")), ann), 409);
}

/* ---- orders ----------------------------------------------------------------------------- */

static const char *
checksum(const char *id, const char *at)
{
	const char *t = arena_printf(a, "%s%s" FAKE_KITE_SECRET, id, at);
	uint8_t d[SHA256_LEN];

	crypto_sha256(t, strlen(t), d);
	return hex_encode(d, sizeof(d), arena_alloc(a, 65));
}

static void
an_order_is_sent_and_a_postback_heard(void **state)
{
	const char *order = place(10), *id;
	const struct reply *r;

	(void)state;
	until(order, "state", "accepted");
	assert_int_equal(fakebroker_orders(&fake, a), 1);
	tell("fill", "{\"symbol\":\"SBIN\",\"quantity\":10,\"price\":"
	    "99.5}");
	id = http_text(&st, "%s", json_text_at(http_get(&st, order,
	    ann)->json, "broker_order_id"));
	/* what it says is not believed: the broker is asked */
	r = http_send(&st, "POST", "/mcp/postback/kite", NULL, http_text(&st,
	    "{\"user_id\":\"AB1234\",\"order_id\":\"%s\",\"order_timestamp\":"
	    "\"x\",\"status\":\"CANCELLED\",\"checksum\":\"%s\"}", id,
	    checksum(id, "x")));
	expect_status(r, 200);
	assert_int_equal(json_int_at(r->json, "sessions"), 1);
	until(order, "state", "filled");
	assert_string_equal(json_text_at(http_get(&st, order, ann)->json,
	    "avg_price"), "99.5");
	r = http_send(&st, "POST", "/mcp/postback/kite", NULL, http_text(&st,
	    "{\"user_id\":\"AB1234\",\"order_id\":\"%s\",\"order_timestamp\":"
	    "\"y\",\"checksum\":\"%s\"}", id, checksum(id, "x")));
	expect_status(r, 401);
	expect_status(http_send(&st, "POST", "/mcp/postback/kite", NULL,
	    "{}"), 401);
	expect_status(http_send(&st, "POST", "/mcp/postback/alpaca", NULL,
	    "{\"order\":{}}"), 401);
	expect_status(http_send(&st, "POST", "/mcp/postback/kite", NULL,
	    "no"), 422);
}

static void
brokers_answer_people(void **state)
{
	static const char *const what[] = { "orders", "trades", "positions",
	    "holdings", "funds", NULL };
	const struct reply *r;

	(void)state;
	for (const char *const *w = what; *w != NULL; w++) {
		const char *path = http_text(&st, "/api/trade/broker/%s?"
		    "session=%s", *w, session);

		r = http_get(&st, path, ann);
		expect_status(r, 200);
		assert_true(json_int_at(r->json, "age_ms") >= 0);
		expect_status(http_get(&st, path, bob), 404);
	}
	r = http_get(&st, http_text(&st, "/api/trade/broker/positions?"
	    "session=%s", session), ann);
	assert_string_equal(json_text_at(r->json, "answer.net.0.symbol"),
	    "SBIN");
	assert_string_equal(json_text_at(r->json, "answer.net.0.quantity"),
	    "10");
	/* the document's own path, in the shape of all accounts */
	r = http_get(&st, http_text(&st, "/mcp/positions?session=%s",
	    session), ann);
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "items.0.quantity"), "10");
	assert_true(strlen(json_text_at(r->json, "items.0.last_at")) > 0);
	expect_status(http_get(&st, http_text(&st, "/mcp/holdings?"
	    "session=%s", session), ann), 200);
}

static void
killed_while_the_broker_answers(void **state)
{
	const char *order;

	(void)state;
	tell("rules", "{\"rules\":[{\"method\":\"POST\",\"path\":"
	    "\"/orders*\",\"delay_s\":60}]}");
	order = place(3);
	for (int i = 0; i < 300 && fakebroker_requests(&fake, a, "POST",
	    "/orders") < 2; i++)
		(void)poll(NULL, 0, 100);
	stack_worker_stop(&st, SIGKILL);
	tell("rules", "{\"rules\":[]}");
	assert_string_equal(json_text_at(http_get(&st, order, ann)->json,
	    "state"), "submitting");
	assert_int_equal(fakebroker_orders(&fake, a), 2);
	stack_worker_start(&st);
	until(order, "state", "accepted");
	assert_int_equal(fakebroker_orders(&fake, a), 2);
	assert_int_equal(fakebroker_requests(&fake, a, "POST", "/orders"), 2);
	expect_status(call("DELETE", order, NULL), 200);
	until(order, "state", "cancelled");
}

static void
compared_after_a_restart(void **state)
{
	const struct reply *r;
	const char *order, *list = "/api/trade/differences";
	const char *link = http_text(&st, "/api/trade/sessions/current?"
	    "session=%s", session);

	(void)state;
	stack_worker_stop(&st, SIGTERM);
	tell("add", "{\"symbol\":\"INFY\",\"side\":\"buy\",\"quantity\":3,"
	    "\"price\":\"1500\"}");
	order = place(2);
	stack_worker_start(&st);
	until(order, "state", "rejected");
	until(link, "state", "reducing");
	r = http_get(&st, list, ann);
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "items.0.class"),
	    "local_missing");
	assert_int_equal(json_object_array_length(json_at(http_get(&st, list,
	    bob)->json, "items")), 0);
	r = call("POST", http_text(&st, "/api/trade/differences/%s/accept",
	    json_text_at(r->json, "items.0.id")), "");
	expect_status(r, 200);
	until(link, "state", "active");
	order = place(2);
	until(order, "state", "accepted");
	r = http_get(&st, http_text(&st, "/api/trade/reconciliations?"
	    "session=%s", session), ann);
	expect_status(r, 200);
	assert_true(json_object_array_length(json_at(r->json, "items")) > 1);
	expect_status(call("POST", "/api/trade/reconciliations",
	    http_text(&st, "{\"session\":\"%s\"}", session)), 202);
}

static void
stopped_is_stopped(void **state)
{
	size_t before = fakebroker_requests(&fake, a, "POST", "/orders");
	const char *link = http_text(&st, "/api/trade/sessions/current?"
	    "session=%s", session);

	(void)state;
	/* takes back what stands at the broker, and nothing more goes */
	expect_status(call("POST", "/mcp/killswitch", http_text(&st,
	    "{\"session\":\"%s\",\"state\":\"halted\"}", session)), 200);
	until(http_text(&st, "/api/trade/orders?session=%s&open=true&"
	    "limit=1", session), "items", "[ ]");
	assert_int_equal(fakebroker_requests(&fake, a, "POST", "/orders"),
	    before);
	until(link, "state", "halted");
	/* open orders are gone: out */
	expect_status(call("DELETE", http_text(&st, "/mcp/session?session=%s",
	    session), NULL), 204);
	until("/api/trade/links", "items.0.state", "closed");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_person_logs_in),
		cmocka_unit_test(an_order_is_sent_and_a_postback_heard),
		cmocka_unit_test(brokers_answer_people),
		cmocka_unit_test(killed_while_the_broker_answers),
		cmocka_unit_test(compared_after_a_restart),
		cmocka_unit_test(stopped_is_stopped),
		cmocka_unit_test(programs_log_in_with_credentials),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
