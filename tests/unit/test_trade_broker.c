/*
 * Brokers, pure: how requests are worded, how answers are read to the last
 * digit, ticker packets, and what follows from the broker's orders.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/number.h"
#include "base/random.h"
#include "crypto/crypto.h"
#include "modules/trade/broker.h"
#include "modules/trade/kite.h"
#include "modules/trade/reconcile.h"
#include "tests/harness/tar.h"

static struct arena *a;
static struct err err;
static const struct trade_broker_conf conf = { .live = true,
    .mcp_url = "http://127.0.0.1:9000", .kite_url = "https://api.kite.trade",
    .kite_login_url = "https://kite.zerodha.com/connect/login",
    .kite_key = "k1", .kite_secret = "s1", .kite_product = "CNC",
    .alpaca_url = "https://api.alpaca.markets" };
static const struct trade_secret secret = { "u", "p", "rt", "key", "sec",
    "tok en" };
static const struct utc now = { INT64_C(1764297000000000) };

static int
setup(void **state)
{
	(void)state;
	a = arena_new(64 << 20);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

static struct trade_ticket
ticket(const char *type, const char *tif, int64_t units)
{
	return (struct trade_ticket){ .client_id = "ABCDEFGHIJ2345672345",
	    .broker_id = "77/8", .symbol = "M&M", .exchange = "NSE",
	    .side = "buy", .type = type, .tif = tif, .product = "",
	    .variety = "", .class = "", .quantity = { units * DEC_ONE },
	    .limit_price = { strstr(type, "limit") != NULL ?
	    INT64_C(1205000000) : 0 } };
}

static struct trade_wording
word(const struct trade_broker *b, enum trade_verb v,
    const struct trade_ticket *t)
{
	struct trade_wording w;

	err_clear(&err);
	if (b->build(a, &conf, &secret, v, t, now, &w, &err) == -1)
		fail_msg("%s %s: %s", b->name, trade_verbs[v], err.detail);
	return w;
}

static void
refuses(const struct trade_broker *b, enum trade_verb v,
    const struct trade_ticket *t)
{
	struct trade_wording w;

	err_clear(&err);
	assert_int_equal(b->build(a, &conf, &secret, v, t, now, &w, &err),
	    -1);
	assert_string_equal(err.code, "not_offered");
}

static struct trade_broker_answer
hear(const struct trade_broker *b, enum trade_verb v, const char *body)
{
	struct trade_ticket t = ticket("limit", "day", 1);
	struct trade_broker_answer ans = { .order_id = "" };

	err_clear(&err);
	if (b->parse(a, v, &t, body, strlen(body), now, &ans, &err) == -1)
		fail_msg("%s %s: %s", b->name, trade_verbs[v], err.detail);
	return ans;
}

static void
deaf(const struct trade_broker *b, enum trade_verb v, const char *body)
{
	struct trade_ticket t = ticket("limit", "day", 1);
	struct trade_broker_answer ans = { .order_id = "" };

	err_clear(&err);
	if (b->parse(a, v, &t, body, strlen(body), now, &ans, &err) != -1)
		fail_msg("%s took %s", b->name, body);
	assert_string_equal(err.code, "broker_answer");
}

/* ---- ids --------------------------------------------------------------------------- */

static void
ids_are_short_and_their_own(void **state)
{
	char x[BROKER_CLIENT_ID + 1], y[BROKER_CLIENT_ID + 1];
	struct uuid u = uuid_new(), v = uuid_new();

	(void)state;
	trade_broker_client_id(u, x);
	trade_broker_client_id(u, y);
	assert_string_equal(x, y);
	assert_int_equal(strlen(x), 20);
	assert_int_equal(strspn(x, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"), 20);
	trade_broker_client_id(v, y);
	assert_string_not_equal(x, y);
}

/* ---- wording -------------------------------------------------------------------------- */

static void
kite_is_worded(void **state)
{
	struct trade_ticket t = ticket("limit", "day", 3);
	struct trade_wording w = word(&trade_broker_kite, BROKER_SUBMIT, &t);

	(void)state;
	assert_string_equal(w.method, "POST");
	assert_string_equal(w.path, "/orders/regular");
	assert_string_equal(w.headers[1][1], "token k1:tok en");
	assert_string_equal(w.body, "tradingsymbol=M%26M&exchange=NSE&"
	    "transaction_type=BUY&product=CNC&tag=ABCDEFGHIJ2345672345&"
	    "order_type=LIMIT&quantity=3&price=12.05&validity=DAY");
	w = word(&trade_broker_kite, BROKER_CANCEL, &t);
	assert_string_equal(w.method, "DELETE");
	assert_string_equal(w.path, "/orders/regular/77%2F8");
	t.variety = "amo";
	t.type = "stop_limit";
	t.stop_price.e8 = 12 * DEC_ONE;
	w = word(&trade_broker_kite, BROKER_REPLACE, &t);
	assert_string_equal(w.method, "PUT");
	assert_string_equal(w.path, "/orders/amo/77%2F8");
	assert_string_equal(w.body, "order_type=SL&quantity=3&price=12.05&"
	    "trigger_price=12&validity=DAY");
	t.tif = "gtd";
	t.minutes = 5;
	w = word(&trade_broker_kite, BROKER_SUBMIT, &t);
	assert_non_null(strstr(w.body, "validity=TTL&validity_ttl=5"));
	t.tif = "fok";
	refuses(&trade_broker_kite, BROKER_SUBMIT, &t);
	t.tif = "day";
	t.variety = "co";
	t.stop_price.e8 = 0;
	refuses(&trade_broker_kite, BROKER_SUBMIT, &t);
	t.variety = "";
	t.quantity.e8 = DEC_ONE / 2;
	refuses(&trade_broker_kite, BROKER_SUBMIT, &t);
	/* sha256("k1rts1") */
	w = word(&trade_broker_kite, BROKER_LOGIN, NULL);
	assert_string_equal(w.path, "/session/token");
	assert_string_equal(w.body, "api_key=k1&request_token=rt&checksum="
	    "ce0d63d98a89a4b048a3f765f2cc20799a11129d8b0012c532c5d21dbfce826d");
	assert_string_equal(trade_broker_login_url(&trade_broker_kite, &conf,
	    a, "a-b_c"), "https://kite.zerodha.com/connect/login?v=3&"
	    "api_key=k1&redirect_params=state%3Da-b_c");
}

static void
alpaca_is_worded(void **state)
{
	struct trade_ticket t = ticket("limit", "gtc", 1);
	struct trade_wording w;

	(void)state;
	t.symbol = "AAPL";
	t.quantity.e8 = INT64_C(150000001);
	t.limit_price.e8 = INT64_C(9007199254740993);
	w = word(&trade_broker_alpaca, BROKER_SUBMIT, &t);
	assert_string_equal(w.path, "/v2/orders");
	assert_string_equal(w.headers[0][1], "key");
	/* digits a double would lose */
	assert_string_equal(w.body, "{\"symbol\":\"AAPL\",\"qty\":"
	    "\"1.50000001\",\"side\":\"buy\",\"type\":\"limit\","
	    "\"time_in_force\":\"gtc\",\"client_order_id\":"
	    "\"ABCDEFGHIJ2345672345\",\"limit_price\":"
	    "\"90071992.54740993\"}");
	t.class = "bracket";
	refuses(&trade_broker_alpaca, BROKER_SUBMIT, &t);
	t.take_profit.e8 = 20 * DEC_ONE;
	t.stop_loss.e8 = 10 * DEC_ONE;
	w = word(&trade_broker_alpaca, BROKER_SUBMIT, &t);
	assert_non_null(strstr(w.body, "\"order_class\":\"bracket\""));
	assert_non_null(strstr(w.body, "\"take_profit\":{\"limit_price\":"
	    "\"20\"},\"stop_loss\":{\"stop_price\":\"10\"}}"));
	t.class = "";
	t.tif = "gtd";
	refuses(&trade_broker_alpaca, BROKER_SUBMIT, &t);
	t.tif = "opg";
	t.type = "trailing_stop";
	refuses(&trade_broker_alpaca, BROKER_SUBMIT, &t);
	t.trail_ppm = 12500;
	w = word(&trade_broker_alpaca, BROKER_SUBMIT, &t);
	assert_non_null(strstr(w.body, "\"trail_percent\":\"1.25\""));
	t.partly_filled = true;
	refuses(&trade_broker_alpaca, BROKER_REPLACE, &t);
	t.broker_id = "";
	w = word(&trade_broker_alpaca, BROKER_FIND, &t);
	assert_string_equal(w.path, "/v2/orders:by_client_order_id?"
	    "client_order_id=ABCDEFGHIJ2345672345");
}

static void
mcp_is_worded(void **state)
{
	struct trade_ticket t = ticket("limit", "day", 10);
	struct trade_wording w = word(&trade_broker_mcp, BROKER_LOGIN, NULL);

	(void)state;
	assert_string_equal(w.body, "{\"username\":\"u\",\"password\":"
	    "\"p\"}");
	w = word(&trade_broker_mcp, BROKER_HOLDINGS, NULL);
	assert_string_equal(w.path, "/mcp/holdings?token=tok%20en");
	w = word(&trade_broker_mcp, BROKER_SUBMIT, &t);
	assert_string_equal(w.body, "{\"symbol\":\"M&M\",\"side\":\"buy\","
	    "\"order_type\":\"LIMIT\",\"client_order_id\":"
	    "\"ABCDEFGHIJ2345672345\",\"time_in_force\":\"day\","
	    "\"quantity\":10,\"price\":12.05}");
	t.type = "trailing_stop";
	refuses(&trade_broker_mcp, BROKER_SUBMIT, &t);
	refuses(&trade_broker_mcp, BROKER_TRADES, NULL);
	err_clear(&err);
	assert_int_equal(trade_broker_paper.build(a, &conf, &secret,
	    BROKER_ORDERS, NULL, now, &w, &err), -1);
	assert_string_equal(err.code, "paper_session");
}

/* ---- hearing ----------------------------------------------------------------------------- */

#define ORDER "{\"order_id\":\"1\",\"status\":\"%s\",\"tradingsymbol\":" \
	"\"SBIN\",\"transaction_type\":\"SELL\",\"order_type\":\"SL\"," \
	"\"quantity\":%s,\"filled_quantity\":1,\"average_price\":%s," \
	"\"price\":null,\"tag\":null,\"order_timestamp\":" \
	"\"2021-05-31 09:18:57\"}"

static const struct trade_broker_order *
kite_order(const char *status, const char *q, const char *avg)
{
	return hear(&trade_broker_kite, BROKER_ORDERS, arena_printf(a,
	    "{\"status\":\"success\",\"data\":[" ORDER "]}", status, q,
	    avg)).orders.items;
}

static void
kite_states_and_numbers(void **state)
{
	static const char *const pairs[][2] = { { "COMPLETE", "filled" },
	    { "OPEN", "accepted" }, { "TRIGGER PENDING", "accepted" },
	    { "REJECTED", "rejected" }, { "CANCELLED", "cancelled" },
	    { "PUT ORDER REQ RECEIVED", "pending" },
	    { "OPEN PENDING", "pending" }, { "SOMETHING NEW", "pending" } };
	const struct trade_broker_order *o;

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		assert_string_equal(kite_order(pairs[i][0], "5", "1")->state,
		    pairs[i][1]);
	o = kite_order("OPEN", "5", "801.78125");
	assert_int_equal(o->avg_price.e8, INT64_C(80178125000));
	assert_int_equal(o->quantity.e8, 5 * DEC_ONE);
	assert_string_equal(o->side, "sell");
	assert_string_equal(o->type, "stop_limit");
	/* 09:18:57 in India */
	assert_int_equal(o->at.us, INT64_C(1622432937000000));
	/* beyond the eighth place: half to even, in decimals */
	assert_int_equal(kite_order("OPEN", "5", "0.123456785")->avg_price.e8,
	    12345678);
	assert_int_equal(kite_order("OPEN", "5", "0.123456775")->avg_price.e8,
	    12345678);
	assert_int_equal(kite_order("OPEN", "5",
	    "-629.2999999999993")->avg_price.e8, -62930000000);
	assert_int_equal(kite_order("OPEN", "5",
	    "0.5999999999999659")->avg_price.e8, 60000000);
	deaf(&trade_broker_kite, BROKER_ORDERS, arena_printf(a,
	    "{\"status\":\"success\",\"data\":[" ORDER "]}", "OPEN",
	    "92233720369", "1"));
	deaf(&trade_broker_kite, BROKER_ORDERS, arena_printf(a,
	    "{\"status\":\"success\",\"data\":[" ORDER "]}", "OPEN",
	    "0.000000001", "1"));
}

static void
bad_answers_are_bad(void **state)
{
	static const char *const bad[] = { "", "<html>", "{", "[]", "null",
	    "{\"status\":\"success\"}", "{\"status\":\"success\",\"data\":{}}",
	    "{\"status\":\"success\",\"data\":{\"order_id\":null}}",
	    "{\"status\":\"success\",\"status\":\"success\",\"data\":"
	    "{\"order_id\":\"1\"}}",
	    "{\"status\":\"success\",\"data\":{\"order_id\":NaN}}",
	    "{\"orders\":3}", "{\"id\":\"\"}" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		deaf(&trade_broker_kite, BROKER_SUBMIT, bad[i]);
		deaf(&trade_broker_alpaca, BROKER_SUBMIT, bad[i]);
		deaf(&trade_broker_mcp, BROKER_SUBMIT, bad[i]);
		if (i == 3)
			continue;	/* an empty list is a list */
		deaf(&trade_broker_kite, BROKER_ORDERS, bad[i]);
		deaf(&trade_broker_alpaca, BROKER_ORDERS, bad[i]);
		deaf(&trade_broker_mcp, BROKER_ORDERS, bad[i]);
	}
}

static void
the_mock_s_answers(void **state)
{
	struct trade_broker_answer ans = hear(&trade_broker_mcp, BROKER_HOLDINGS,
	    "{\"holdings\":[{\"symbol\":\"AAPL\",\"quantity\":100,\"price\":"
	    "150.0,\"value\":15000.0,\"pnl\":500.0}],\"total_value\":"
	    "197500.0}");
	const struct trade_broker_position *p = ans.positions.items;
	const struct trade_broker_order *o;

	(void)state;
	assert_int_equal(ans.positions.n, 1);
	assert_int_equal(p->value.e8, 15000 * DEC_ONE);
	ans = hear(&trade_broker_mcp, BROKER_POSITIONS, "{\"positions\":[{"
	    "\"symbol\":\"MSFT\",\"quantity\":-25,\"side\":\"short\"},{"
	    "\"symbol\":\"X\",\"quantity\":5,\"side\":\"short\"}]}");
	p = ans.positions.items;
	assert_int_equal(p[0].quantity.e8, -25 * DEC_ONE);
	assert_int_equal(p[1].quantity.e8, -5 * DEC_ONE);
	ans = hear(&trade_broker_mcp, BROKER_ORDERS, "{\"orders\":[{\"id\":"
	    "\"o1\",\"symbol\":\"AAPL\",\"side\":\"buy\",\"quantity\":10,"
	    "\"price\":150.25,\"status\":\"completed\"},{\"id\":\"o2\","
	    "\"symbol\":\"A\",\"side\":\"sell\",\"quantity\":1,\"price\":1,"
	    "\"status\":\"pending\"}]}");
	o = ans.orders.items;
	assert_string_equal(o[0].state, "filled");
	assert_int_equal(o[0].filled.e8, 10 * DEC_ONE);
	assert_int_equal(o[0].avg_price.e8, INT64_C(15025000000));
	assert_string_equal(o[1].state, "accepted");
	assert_int_equal(o[1].filled.e8, 0);
	ans = hear(&trade_broker_mcp, BROKER_LOGIN, "{\"token\":"
	    "\"mock_token_123\",\"status\":\"success\"}");
	assert_string_equal(ans.token, "mock_token_123");
	deaf(&trade_broker_mcp, BROKER_LOGIN, "{\"token\":\"\"}");
}

static void
alpaca_answers(void **state)
{
	struct trade_broker_answer ans = hear(&trade_broker_alpaca, BROKER_ORDERS,
	    "[{\"id\":\"x\",\"client_order_id\":\"C\",\"symbol\":\"AAPL\","
	    "\"qty\":\"10\",\"filled_qty\":\"2.5\",\"filled_avg_price\":"
	    "\"187.123456789\",\"side\":\"buy\",\"type\":\"limit\","
	    "\"time_in_force\":\"day\",\"limit_price\":\"188\",\"stop_price\":"
	    "null,\"status\":\"partially_filled\",\"updated_at\":"
	    "\"2021-03-16T18:38:01.942282123Z\"}]");
	const struct trade_broker_order *o = ans.orders.items;

	(void)state;
	assert_string_equal(o->state, "accepted");
	assert_int_equal(o->filled.e8, 250000000);
	assert_int_equal(o->avg_price.e8, INT64_C(18712345679));
	assert_int_equal(o->at.us, INT64_C(1615919881942282));
	ans = hear(&trade_broker_alpaca, BROKER_FUNDS, "{\"account_number\":"
	    "\"PA1\",\"currency\":\"USD\",\"cash\":\"-23140.2\","
	    "\"buying_power\":\"262113.632\",\"equity\":\"103820.56\","
	    "\"initial_margin\":\"63480.38\",\"trading_blocked\":false}");
	assert_int_equal(ans.funds.cash.e8, INT64_C(-2314020000000));
	err_clear(&err);
	assert_int_equal(trade_broker_alpaca.parse(a, BROKER_FUNDS, NULL,
	    "{\"trading_blocked\":true}", 24, now, &ans, &err), -1);
	assert_string_equal(err.code, "broker_login");
}

static void
refusals_say_why(void **state)
{
	bool expired;

	(void)state;
#define SAYS(b, status, text) (b)->refusal(a, status, text, strlen(text), \
	&expired)
	assert_string_equal(SAYS(&trade_broker_kite, 403, "{\"status\":"
	    "\"error\",\"message\":\"Invalid session\",\"error_type\":"
	    "\"TokenException\"}"), "Invalid session");
	assert_true(expired);
	assert_string_equal(SAYS(&trade_broker_kite, 400, "{\"message\":"
	    "\"Insufficient funds\",\"error_type\":\"MarginException\"}"),
	    "Insufficient funds");
	assert_false(expired);
	assert_string_equal(SAYS(&trade_broker_alpaca, 403, "{\"code\":1,"
	    "\"message\":\"insufficient buying power\"}"),
	    "insufficient buying power");
	assert_false(expired);
	assert_string_equal(SAYS(&trade_broker_mcp, 401, "{\"detail\":"
	    "\"Invalid token\"}"), "Invalid token");
	assert_true(expired);
	assert_string_equal(SAYS(&trade_broker_mcp, 502, "<html>"), "");
}

static void
kite_s_day_ends_at_six(void **state)
{
	struct trade_broker_answer ans = { .order_id = "" };
	const char *body = "{\"status\":\"success\",\"data\":{\"user_id\":"
	    "\"AB1234\",\"access_token\":\"t\"}}";
	struct utc at, want;

	(void)state;
	/* 05:59 and 06:00 in India */
	clock_parse("2026-11-28T00:29:00Z", &at);
	clock_parse("2026-11-28T00:30:00Z", &want);
	trade_broker_kite.parse(a, BROKER_LOGIN, NULL, body, strlen(body), at,
	    &ans, &err);
	assert_int_equal(ans.expires_at.us, want.us);
	trade_broker_kite.parse(a, BROKER_LOGIN, NULL, body, strlen(body),
	    want, &ans, &err);
	assert_int_equal(ans.expires_at.us, want.us + 86400 * US_PER_S);
}

static void
checksums_hold(void **state)
{
	char hex[65];
	uint8_t d[SHA256_LEN];
	const char *text = "2203030003089322022-03-03 09:24:25sec";

	(void)state;
	crypto_sha256(text, strlen(text), d);
	hex_encode(d, sizeof(d), hex);
#define CHECK(id, t, s, c) trade_kite_checksum(id, t, s, c)
	assert_true(CHECK("220303000308932", "2022-03-03 09:24:25", "sec",
	    hex));
	assert_false(CHECK("220303000308933", "2022-03-03 09:24:25", "sec",
	    hex));
	assert_false(CHECK("220303000308932", "2022-03-03 09:24:26", "sec",
	    hex));
	assert_false(CHECK("220303000308932", "2022-03-03 09:24:25", "sed",
	    hex));
	assert_false(CHECK("220303000308932", "2022-03-03 09:24:25", "sec",
	    ""));
	/* without a secret of ours nothing is authentic */
	crypto_sha256("12", 2, d);
	hex_encode(d, sizeof(d), hex);
	assert_false(CHECK("1", "2", "", hex));
}

/* ---- recorded bodies --------------------------------------------------------------------- */

static struct tar tar;

static const char *
recorded(const char *name)
{
	const struct tar_file *f = tar_find(&tar, name);

	if (f == NULL)
		fail_msg("%s is not in the archive", name);
	return f->text;
}

static void
recorded_bodies(void **state)
{
	const struct trade_broker_position *p;
	struct trade_broker_answer ans;

	(void)state;
	if (tar_read(a, "market/broker_kiteconnect_mocks.dev.tar.gz", &tar) ==
	    -1)
		return;
	ans = hear(&trade_broker_kite, BROKER_HOLDINGS,
	    recorded("holdings.json"));
	p = ans.positions.items;
	assert_int_equal(ans.positions.n, 2);
	assert_string_equal(p[1].symbol, "SBIN");
	assert_int_equal(p[1].quantity.e8, 16 * DEC_ONE);
	assert_int_equal(p[1].avg_price.e8, INT64_C(80178125000));
	assert_int_equal(p[1].pnl.e8, INT64_C(-62930000000));
	ans = hear(&trade_broker_kite, BROKER_POSITIONS,
	    recorded("positions.json"));
	assert_int_equal(ans.positions.n, 3);
	p = ans.positions.items;
	assert_string_equal(p[0].symbol, "LEADMINI17DECFUT");
	assert_int_equal(p[0].quantity.e8, DEC_ONE);
	assert_int_equal(p[0].value.e8, -161050 * DEC_ONE);
	p = ans.day.items;
	assert_int_equal(p[0].quantity.e8, -3 * DEC_ONE);
	ans = hear(&trade_broker_kite, BROKER_SUBMIT,
	    recorded("order_response.json"));
	assert_string_equal(ans.order_id, "151220000000000");
}

/* ---- ticker ------------------------------------------------------------------------------- */

static void
put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* A packet whose k-th word is base + k. */
static size_t
packet(uint8_t *p, uint32_t token, size_t len, uint32_t base)
{
	p[0] = (uint8_t)(len >> 8);
	p[1] = (uint8_t)len;
	for (size_t i = 0; i < len / 4; i++)
		put32(p + 2 + 4 * i, base + (uint32_t)i);
	put32(p + 2, token);
	return len + 2;
}

static void
ticks_are_read(void **state)
{
	uint8_t m[1024] = { 0, 6 };
	struct trade_kite_tick *t;
	size_t n = 2, got, skipped;

	(void)state;
	n += packet(m + n, 408065, 8, 149000);		/* NSE */
	n += packet(m + n, 256265, 32, 1700000);	/* an index */
	n += packet(m + n, 412675, 44, 725000000);	/* NSE currency */
	n += packet(m + n, 100102, 184, 5000);		/* BSE currency */
	n += packet(m + n, 1, 12, 0);			/* what is that */
	n += packet(m + n, 408065, 184, 0xfffffff0u);
	err_clear(&err);
	assert_int_equal(trade_kite_ticks(a, m, n, &t, &got, &skipped, &err),
	    0);
	assert_int_equal(got, 5);
	assert_int_equal(skipped, 1);
	assert_int_equal(t[0].mode, KITE_LTP);
	assert_true(t[0].tradable);
	assert_int_equal(t[0].last.e8, INT64_C(149001000000));
	assert_true(t[1].index);
	assert_int_equal(t[1].mode, KITE_FULL);
	assert_int_equal(t[1].high.e8, INT64_C(1700002000000));
	assert_int_equal(t[1].open.e8, INT64_C(1700004000000));
	assert_int_equal(t[1].close.e8, INT64_C(1700005000000));
	assert_int_equal(t[1].change.e8, -4000000);
	assert_int_equal(t[1].at.us, INT64_C(1700007) * US_PER_S);
	assert_int_equal(t[2].mode, KITE_QUOTE);
	assert_int_equal(t[2].last.e8, INT64_C(7250000010));
	assert_int_equal(t[2].volume, 725000004);
	assert_int_equal(t[2].open.e8, INT64_C(7250000070));
	assert_int_equal(t[3].last.e8, INT64_C(50010000));
	assert_int_equal(t[3].traded_at.us, INT64_C(5011) * US_PER_S);
	assert_int_equal(t[3].oi, 5012);
	assert_int_equal(t[3].bids[0].quantity, 5016);
	assert_int_equal(t[3].bids[0].price.e8, INT64_C(50170000));
	assert_int_equal(t[3].bids[1].quantity, 5019);
	assert_int_equal(t[3].asks[0].quantity, 5031);
	assert_int_equal(t[3].asks[4].price.e8, INT64_C(50440000));
	assert_int_equal(t[4].last.e8, INT64_C(4294967281) * 1000000);
	/* cut anywhere: refused or shorter, never read beyond */
	for (size_t i = 2; i < n; i++) {
		uint8_t *copy = arena_memdup(a, m, i);

		assert_int_equal(trade_kite_ticks(a, copy, i, &t, &got,
		    &skipped, &err), -1);
		assert_int_equal(got, 0);
	}
	assert_int_equal(trade_kite_ticks(a, "\0", 1, &t, &got, &skipped,
	    &err), 0);
	assert_int_equal(got, 0);
}

/* ---- reconciling ----------------------------------------------------------------------------- */

#define CLIENT "ABCDEFGHIJ2345672345"

static struct trade_broker_order
theirs(const char *id, const char *client, const char *st, int64_t filled,
    int64_t price)
{
	return (struct trade_broker_order){ .id = id, .client_id = client,
	    .symbol = "SBIN", .side = "buy", .state = st, .reason = "",
	    .quantity = { 10 * DEC_ONE }, .filled = { filled * DEC_ONE },
	    .avg_price = { price * DEC_ONE } };
}

static struct trade_order
our(const char *st, int64_t filled, int64_t price)
{
	return (struct trade_order){ .symbol = "SBIN", .side = "buy",
	    .state = st, .has_open = true, .quantity = { 10 * DEC_ONE },
	    .filled = { filled * DEC_ONE }, .avg_price = { price *
	    DEC_ONE } };
}

static size_t
reports(const struct trade_order *o, const struct trade_broker_order *v,
    size_t n, struct trade_report *r)
{
	bool mine[8] = { false };
	struct trade_seen s;

	err_clear(&err);
	assert_int_equal(trade_reconcile_gather(o, CLIENT, v, n, mine, &s,
	    &err), 0);
	return trade_reconcile_reports(a, o, &s, r);
}

static void
fills_are_what_is_new(void **state)
{
	struct trade_order o = our("partially_filled", 4, 100);
	struct trade_broker_order v[3] = {
	    theirs("1", CLIENT, "accepted", 6, 102),
	    theirs("2", "OTHER", "filled", 10, 90),
	    theirs("1", CLIENT, "accepted", 4, 100) };
	struct trade_report r[RECONCILE_REPORTS];

	(void)state;
	/* the same order twice, once late: 2 more at 106 */
	assert_int_equal(reports(&o, v, 3, r), 1);
	assert_int_equal(r[0].kind, REPORT_FILL);
	assert_int_equal(r[0].quantity.e8, 2 * DEC_ONE);
	assert_int_equal(r[0].price.e8, 106 * DEC_ONE);
	assert_string_equal(r[0].broker_fill_id, "1:6");
	/* what is older than ours says nothing */
	assert_int_equal(reports(&o, v + 2, 1, r), 0);
	o = our("unknown", 0, 0);
	v[0] = theirs("1", CLIENT, "cancelled", 3, 100);
	assert_int_equal(reports(&o, v, 1, r), 3);
	assert_int_equal(r[0].kind, REPORT_ACCEPTED);
	assert_string_equal(r[0].broker_order_id, "1");
	assert_int_equal(r[1].kind, REPORT_FILL);
	assert_int_equal(r[2].kind, REPORT_CANCELLED);
	v[0] = theirs("1", CLIENT, "rejected", 0, 0);
	assert_int_equal(reports(&o, v, 1, r), 1);
	assert_int_equal(r[0].kind, REPORT_REJECTED);
	v[0] = theirs("1", CLIENT, "pending", 0, 0);
	assert_int_equal(reports(&o, v, 1, r), 0);
	assert_int_equal(reports(&o, v + 1, 1, r), 0);
}

static void
a_chain_is_one_order(void **state)
{
	struct trade_order o = our("pending_replace", 0, 0);
	struct trade_broker_order v[2] = {
	    theirs("1", CLIENT, "replaced", 2, 100),
	    theirs("2", CLIENT "-3", "accepted", 1, 130) };
	struct trade_report r[RECONCILE_REPORTS];

	(void)state;
	o.broker_order_id = "1";
	o.want_quantity.e8 = 10 * DEC_ONE;
	assert_int_equal(reports(&o, v, 2, r), 2);
	assert_int_equal(r[0].kind, REPORT_REPLACED);
	assert_string_equal(r[0].broker_order_id, "2");
	assert_int_equal(r[1].kind, REPORT_FILL);
	assert_int_equal(r[1].quantity.e8, 3 * DEC_ONE);
	assert_int_equal(r[1].price.e8, 110 * DEC_ONE);
}

static void
nobody_guesses_among_two(void **state)
{
	struct trade_order o = our("unknown", 0, 0);
	struct trade_broker_order v[3] = { theirs("1", "", "accepted", 0, 0),
	    theirs("2", "", "accepted", 0, 0),
	    theirs("3", "", "accepted", 0, 0) };
	bool mine[3] = { true, false, false };
	size_t which, n;

	(void)state;
	v[2].quantity.e8 = DEC_ONE;
	trade_reconcile_guess(&o, v, 3, mine, &which, &n);
	assert_int_equal(n, 1);
	assert_int_equal(which, 1);
	mine[0] = false;
	trade_reconcile_guess(&o, v, 3, mine, &which, &n);
	assert_int_equal(n, 2);
	v[0].at.us = 1;
	o.created_at.us = 2;
	trade_reconcile_guess(&o, v, 3, mine, &which, &n);
	assert_int_equal(n, 1);
}

static void
questions_become_rare(void **state)
{
	static const int64_t want[] = { 1, 2, 5, 15, 30, 60, 60 };

	(void)state;
	for (int i = 0; i < 7; i++)
		assert_int_equal(trade_reconcile_pause(i), want[i]);
	assert_string_equal(trade_reconcile_class(true, true,
	    (struct dec){ 1 }, (struct dec){ 2 }), "qty_differs");
	assert_string_equal(trade_reconcile_class(true, false,
	    (struct dec){ 1 }, (struct dec){ 0 }), "broker_missing");
	assert_string_equal(trade_reconcile_class(false, true,
	    (struct dec){ 0 }, (struct dec){ 2 }), "local_missing");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_are_short_and_their_own),
		cmocka_unit_test(kite_is_worded),
		cmocka_unit_test(alpaca_is_worded),
		cmocka_unit_test(mcp_is_worded),
		cmocka_unit_test(kite_states_and_numbers),
		cmocka_unit_test(bad_answers_are_bad),
		cmocka_unit_test(the_mock_s_answers),
		cmocka_unit_test(alpaca_answers),
		cmocka_unit_test(refusals_say_why),
		cmocka_unit_test(kite_s_day_ends_at_six),
		cmocka_unit_test(checksums_hold),
		cmocka_unit_test(recorded_bodies),
		cmocka_unit_test(ticks_are_read),
		cmocka_unit_test(fills_are_what_is_new),
		cmocka_unit_test(a_chain_is_one_order),
		cmocka_unit_test(nobody_guesses_among_two),
		cmocka_unit_test(questions_become_rare),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
