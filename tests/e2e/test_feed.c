/*
 * Market data through a whole installation: ticks over HTTP and from a real
 * Redis become quotes, bars and events on a WebSocket; messages that nobody
 * may send are kept apart; a Redis that dies loses nothing; feeds are driven
 * by routes and survive the death of the worker.
 */
#include <json.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/arena.h"
#include "tests/harness/forked.h"
#include "tests/harness/jobs_http.h"
#include "tests/harness/mariadb.h"
#include "tests/harness/pace.h"
#include "tests/harness/redis.h"
#include "tests/harness/ws.h"

#define MS 30000

static struct stack st;
static struct arena *a;
static struct redis_server redis;
static const char *ann, *tenant;
static pid_t live, quotes;
static int quote_port;
static bool have_redis;

/* ---- tools ------------------------------------------------------------------------ */

static const struct reply *
call(const char *method, const char *path, const char *body)
{
	return jobs_send(&st, ann, method, path, body);
}

struct wanted {
	const char *sql, *value;
};

static bool
is_so(void *arg)
{
	const struct wanted *w = arg;

	return strcmp(mariadb_value(a, st.db, w->sql), w->value) == 0;
}

static void
until_at(const char *sql, const char *value, int line)
{
	struct wanted w = { sql, value };

	if (eventually(is_so, &w, MS))
		return;
	stack_logs(&st);
	fail_msg("line %d: %s gives %s, not %s", line, sql,
	    mariadb_value(a, st.db, sql), value);
}
#define until(sql, value) until_at((sql), (value), __LINE__)

static const char *
tenant_id(const char *name)
{
	const char *hex = mariadb_value(a, st.db, arena_printf(a, "SELECT "
	    "LOWER(HEX(id)) FROM auth_tenant WHERE name = '%s'", name));

	assert_int_equal(strlen(hex), 32);
	return arena_printf(a, "%.8s-%.4s-%.4s-%.4s-%s", hex, hex + 8,
	    hex + 12, hex + 16, hex + 20);
}

static bool
serves(void *arg)
{
	struct ws s = ws_open(a, st.port, "/ws", NULL);

	(void)arg;
	ws_close(&s);
	return s.status == 101;
}

static void
redis_say(const char *const *words)
{
	redis_cli(&redis, a, words);
}
#define REDIS(...) redis_say((const char *const[]){ __VA_ARGS__, NULL })

/* A quote server: each answer is a little later, dearer, with more volume. */
static int
serve_quotes(void *arg)
{
	int fd = *(int *)arg;

	for (int i = 1;; i++) {
		int c = accept(fd, NULL, NULL), n;
		char in[4096], body[300], out[600];

		if (c == -1)
			return 1;
		if (read(c, in, sizeof(in)) <= 0)
			continue;
		n = snprintf(body, sizeof(body), "{\"data\":{\"NSE:INFY\":{"
		    "\"last_price\":%d.05,\"volume\":%d,\"timestamp\":"
		    "\"2021-06-08 15:45:%02d\"},\"NSE:NONE\":{"
		    "\"last_price\":1}}}", 1400 + i, 1000 + 10 * i, i % 60);
		n = snprintf(out, sizeof(out), "HTTP/1.1 200 OK\r\n"
		    "Content-Type: application/json\r\nContent-Length: %d\r\n"
		    "Connection: close\r\n\r\n%s", n, body);
		if (write(c, out, (size_t)n) != n)
			return 1;
		close(c);
	}
}

static void
quotes_start(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(to);
	static int fd;

	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&to, n), 0);
	assert_int_equal(listen(fd, 16), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&to, &n), 0);
	quote_port = ntohs(to.sin_port);
	quotes = forked(serve_quotes, &fd);
	close(fd);
}

static int
start(void **state)
{
	(void)state;
	a = arena_new((size_t)1 << 30);
	have_redis = redis_there();
	stack_user();
	if (have_redis)
		redis_start(&redis, false);
	stack_start(&st, &(struct stack_options){ .web = "nginx" });
	ann = jobs_tenant(&st, "ann");
	tenant = tenant_id("ann");
	if (have_redis) {
		stack_setting(&st, "redis.url", arena_printf(a,
		    "redis://127.0.0.1:%d", redis.port));
		stack_setting(&st, "trade.redis_ticks", arena_printf(a,
		    "ticks:global=%s", tenant));
		stack_setting(&st, "trade.redis_signals", arena_printf(a,
		    "signals:global=%s", tenant));
		stack_setting(&st, "trade.redis_channels", arena_printf(a,
		    "signals:global=%s", tenant));
	}
	quotes_start();
	stack_setting(&st, "net.allow", arena_printf(a, "127.0.0.1:%d",
	    quote_port));
	stack_setting(&st, "trade.market_rate", "1000");
	stack_reload(&st);
	stack_worker_start(&st);
	live = stack_launch(&st, "live", (const char *[]){ http_text(&st,
	    "%s/quincunx-live", stack_bin()), "-c", st.conf, NULL });
	if (!eventually(serves, NULL, MS)) {
		stack_logs(&st);
		fail_msg("the gateway does not serve");
	}
	expect_status(call("PUT", "/api/trade/instruments",
	    "{\"symbol\":\"AAPL\"}"), 200);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	stack_end(&live, SIGTERM);
	stack_end(&quotes, SIGKILL);
	stack_stop(&st);
	if (have_redis)
		redis_stop(&redis);
	arena_free(a);
	return 0;
}

static struct ws
listen_to(const char *topics)
{
	struct ws s = ws_open(a, st.port, "/api/system/live", arena_printf(a,
	    "Authorization: Bearer %s\r\n", ann));
	struct json_object *o;

	assert_int_equal(s.status, 101);
	ws_say(&s, arena_printf(a, "{\"type\":\"sub\",\"topics\":[%s]}",
	    topics));
	o = ws_wait(&s, "subd", MS);
	assert_non_null(o);
	json_object_put(o);
	return s;
}

/* The next event of this topic and, if it is named, of this entity. */
static struct json_object *
next_event(struct ws *s, const char *topic, const char *entity)
{
	for (;;) {
		struct json_object *o = ws_wait(s, "event", MS);

		if (o == NULL) {
			stack_logs(&st);
			fail_msg("no %s, code %d", topic, s->code);
		}
		if (strcmp(json_text_at(o, "topic"), topic) == 0 &&
		    (entity == NULL || strcmp(json_text_at(o, "entity"),
		    entity) == 0))
			return o;
		json_object_put(o);
	}
}

/* ---- over HTTP ---------------------------------------------------------------------- */

static void
ticks_reach_a_socket(void **state)
{
	struct ws s = listen_to("\"trade.market_data\"");
	struct json_object *o;

	(void)state;
	expect_status(call("POST", "/api/trade/ticks", "{\"ticks\":["
	    "{\"symbol\":\"NONE\",\"last\":1}]}"), 404);
	expect_status(call("POST", "/api/trade/ticks", "{\"ticks\":["
	    "{\"symbol\":\"AAPL\",\"bid\":2,\"ask\":1}]}"), 422);
	expect_status(call("POST", "/api/trade/ticks", "{\"ticks\":["
	    "{\"symbol\":\"AAPL\",\"last\":150.25,\"bid\":150.2,\"ask\":150.3,"
	    "\"volume\":10,\"seq\":1,\"at\":\"2026-03-02T10:00:01Z\"},"
	    "{\"symbol\":\"AAPL\",\"last\":151,\"volume\":5,\"seq\":2,"
	    "\"at\":\"2026-03-02T10:01:01Z\"}]}"), 202);
	o = next_event(&s, "trade.market_data", "AAPL");
	assert_string_equal(json_text_at(o, "data.symbol"), "AAPL");
	assert_string_equal(json_text_at(o, "data.last"), "151");
	assert_string_equal(json_text_at(o, "data.kind"), "tick");
	json_object_put(o);
	o = next_event(&s, "trade.market_data", "AAPL:1m");
	assert_string_equal(json_text_at(o, "data.close"), "150.25");
	assert_string_equal(json_text_at(o, "data.volume"), "10");
	assert_string_equal(json_text_at(o, "data.final"), "true");
	json_object_put(o);
	ws_close(&s);
	until("SELECT last FROM trade_quote", "151.00000000");
}

/* ---- Redis ------------------------------------------------------------------------------ */

#define LAST "SELECT CONCAT_WS(' ', last, seq) FROM trade_series s JOIN " \
	"trade_instrument i ON i.id = s.instrument_id WHERE i.symbol = 'AAPL'"

static void
redis_ticks_come_in(void **state)
{
	struct json_object *o;
	struct ws s;

	(void)state;
	if (!have_redis)
		skip();
	s = listen_to("\"trade.market_data\"");
	/* flat fields; nested JSON as the seed means it; and what is wrong */
	REDIS("XADD", "ticks:global", "*", "symbol", "AAPL", "price",
	    "152.5", "volume", "100", "timestamp", "1772445800.5");
	o = next_event(&s, "trade.market_data", "AAPL");
	assert_string_equal(json_text_at(o, "data.last"), "152.5");
	json_object_put(o);
	REDIS("XADD", "ticks:global", "*", "data", "{\"type\":\"tick\","
	    "\"data\":{\"symbol\":\"AAPL\",\"price\":153.125,\"volume\":7,"
	    "\"ts\":1772445900000}}");
	o = next_event(&s, "trade.market_data", "AAPL");
	assert_string_equal(json_text_at(o, "data.last"), "153.125");
	json_object_put(o);
	ws_close(&s);
	REDIS("XADD", "ticks:global", "*", "symbol", "NOBODY", "price", "1");
	REDIS("XADD", "ticks:global", "*", "data", "{'symbol': 'AAPL'}");
	REDIS("XADD", "ticks:global", "*", "symbol", "AAPL", "price", "NaN");
	REDIS("XADD", "ticks:global", "*", "type", "order", "symbol", "AAPL",
	    "price", "160");
	until("SELECT GROUP_CONCAT(reason ORDER BY id SEPARATOR '; ') FROM "
	    "trade_dead WHERE source = 'ticks:global'", "Its instrument is "
	    "not known; It names no symbol; price is no number; Its topic is "
	    "not allowed");
	expect_status(call("GET", "/api/trade/dead-messages", NULL), 200);
	until("SELECT CONCAT(ticks, ' ', refused) FROM trade_feed WHERE name "
	    "= 'ticks:global'", "2 4");
}

/* Entries that were added while nobody read, and a server that was killed. */
static void
redis_may_die(void **state)
{
	(void)state;
	if (!have_redis)
		skip();
	redis_kill(&redis);
	until("SELECT CONCAT(state, ': ', detail) FROM trade_feed WHERE name "
	    "= 'ticks:global'", "stale: Redis is away");
	redis_again(&redis);
	for (int i = 0; i < 50; i++)
		REDIS("XADD", "ticks:global", "*", "symbol", "AAPL", "price",
		    arena_printf(a, "%d", 200 + i), "timestamp",
		    arena_printf(a, "%d", 1772446000 + i), "volume", "1");
	until(LAST, "249.00000000 2");
	stack_worker_stop(&st, SIGKILL);
	for (int i = 50; i < 100; i++)
		REDIS("XADD", "ticks:global", "*", "symbol", "AAPL", "price",
		    arena_printf(a, "%d", 200 + i), "timestamp",
		    arena_printf(a, "%d", 1772446000 + i), "volume", "1");
	stack_worker_start(&st);
	until(LAST, "299.00000000 2");
	/* each once: two over HTTP, two before, a hundred now */
	until("SELECT CONCAT(ticks, ' ', duplicates) FROM trade_series s JOIN "
	    "trade_instrument i ON i.id = s.instrument_id WHERE i.symbol = "
	    "'AAPL'", "104 0");
	assert_string_equal(mariadb_value(a, st.db, "SELECT SUM(volume) FROM "
	    "trade_bar b JOIN trade_instrument i ON i.id = b.instrument_id "
	    "WHERE i.symbol = 'AAPL' AND timeframe = '1m' AND at BETWEEN "
	    "FROM_UNIXTIME(1772445960) AND FROM_UNIXTIME(1772446019)"),
	    "20.00000000");
}

/* Both the stream and the channel of this name are heard; without an engine
 * that wants them, signals are kept, and nothing is ordered. */
static void
signals_come_both_ways(void **state)
{
	static const char signal[] = "{\"type\":\"trading_signals\",\"data\":"
	    "{\"id\":\"AAPL_1\",\"symbol\":\"AAPL\",\"score\":0.9}}";

	(void)state;
	if (!have_redis)
		skip();
	REDIS("XADD", "signals:global", "*", "data", signal);
	REDIS("PUBLISH", "signals:global", signal);
	REDIS("PUBLISH", "signals:global", "no json");
	until("SELECT GROUP_CONCAT(CONCAT(name, ' ', ticks, ' ', refused) "
	    "ORDER BY name) FROM trade_feed WHERE name LIKE 'signals%'",
	    "signals:global 1 0,signals:global (channel) 1 1");
	until("SELECT COUNT(*) FROM trade_intake", "0");
	assert_string_equal(mariadb_value(a, st.db, "SELECT COUNT(*) FROM "
	    "trade_order"), "0");
	/* only what the settings name may be read */
	expect_status(call("POST", "/api/trade/feeds", "{\"name\":\"quincunx:"
	    "events\",\"kind\":\"redis\",\"spec\":{\"stream\":\"quincunx:"
	    "events\"}}"), 422);
}

/* ---- feeds ---------------------------------------------------------------------------------- */

static void
a_simulator_is_driven(void **state)
{
	const struct reply *r = call("POST", "/api/trade/feeds",
	    "{\"name\":\"market\",\"kind\":\"simulator\",\"spec\":{"
	    "\"symbols\":[\"SIMA\",\"SIMB\"],\"rate\":200}}");
	struct ws s = listen_to("\"trade.feed\"");
	const char *id, *before;
	struct json_object *o;

	(void)state;
	expect_status(r, 201);
	id = arena_strdup(a, json_text_at(r->json, "id"));
	until("SELECT state FROM trade_feed WHERE name = 'market'",
	    "running");
	/* nobody else speaks for its symbols */
	expect_status(call("POST", "/api/trade/feeds", "{\"name\":\"other\","
	    "\"kind\":\"simulator\",\"spec\":{\"symbols\":[\"SIMB\"]}}"), 409);
	expect_status(call("POST", "/api/trade/ticks", "{\"ticks\":["
	    "{\"symbol\":\"SIMA\",\"last\":1}]}"), 202);
	until("SELECT refused FROM trade_series s JOIN trade_instrument i ON "
	    "i.id = s.instrument_id WHERE i.symbol = 'SIMA'", "1");
	stack_worker_stop(&st, SIGKILL);
	before = mariadb_value(a, st.db, "SELECT ticks FROM trade_feed WHERE "
	    "name = 'market'");
	stack_worker_start(&st);
	until(arena_printf(a, "SELECT ticks > %s + 100 FROM trade_feed WHERE "
	    "name = 'market'", before), "1");
	expect_status(call("POST", arena_printf(a, "/api/trade/feeds/%s/pause",
	    id), ""), 200);
	o = next_event(&s, "trade.feed", NULL);
	while (strcmp(json_text_at(o, "data.state"), "paused") != 0) {
		json_object_put(o);
		o = next_event(&s, "trade.feed", NULL);
	}
	json_object_put(o);
	ws_close(&s);
	expect_status(call("POST", arena_printf(a, "/api/trade/feeds/%s/start",
	    id), ""), 200);
	until("SELECT state FROM trade_feed WHERE name = 'market'",
	    "running");
	/* every tick that was counted is in its series */
	expect_status(call("POST", arena_printf(a, "/api/trade/feeds/%s/stop",
	    id), ""), 200);
	until("SELECT f.ticks - SUM(s.ticks) FROM trade_feed f, trade_series "
	    "s JOIN trade_instrument i ON i.id = s.instrument_id WHERE f.name "
	    "= 'market' AND i.symbol LIKE 'SIM_'", "0");
	expect_status(call("DELETE", arena_printf(a, "/api/trade/feeds/%s",
	    id), NULL), 204);
}

static void
quotes_are_fetched(void **state)
{
	(void)state;
	expect_status(call("PUT", "/api/trade/instruments",
	    "{\"symbol\":\"INFY\",\"exchange\":\"NSE\"}"), 200);
	expect_status(call("POST", "/api/trade/feeds", "{\"name\":\"away\","
	    "\"kind\":\"http\",\"spec\":{\"url\":\"http://127.0.0.1:1/\"}}"),
	    201);
	expect_status(call("POST", "/api/trade/feeds", arena_printf(a,
	    "{\"name\":\"pulled\",\"kind\":\"http\",\"spec\":{\"every_ms\":"
	    "250,\"url\":\"http://127.0.0.1:%d/quote?i=NSE:INFY\"}}",
	    quote_port)), 201);
	until("SELECT ticks > 3 AND refused > 3 FROM trade_feed WHERE name = "
	    "'pulled'", "1");
	/* what the day's volume grew by, from answer to answer */
	until("SELECT ROUND(SUM(t.volume) / 10) - COUNT(*) FROM trade_tick t "
	    "JOIN trade_instrument i ON i.id = t.instrument_id WHERE i.symbol "
	    "= 'INFY'", "-1");
	/* an address that was not allowed is not asked */
	until("SELECT state FROM trade_feed WHERE name = 'away'", "stale");
}

static void
arrays_of_bars_join(void **state)
{
	struct call c = { .method = "POST", .token = ann,
	    .path = "/api/trade/bars/import?symbol=MINUTES&timeframe=1m" };
	const struct reply *r;
	char body[16384];
	size_t n = 1;

	(void)state;
	expect_status(call("PUT", "/api/trade/instruments",
	    "{\"symbol\":\"MINUTES\"}"), 200);
	/* 150 minutes from 10:00 on, without the 70th */
	body[0] = '[';
	for (int i = 0; i < 150; i++)
		if (i != 70)
			n += (size_t)snprintf(body + n, sizeof(body) - n,
			    "%s[%lld,%d,%d.5,%d,%d.25,2]", i > 0 ? "," : "",
			    1772445600000LL + i * 60000LL, 100 + i, 100 + i,
			    100 + i, 100 + i);
	snprintf(body + n, sizeof(body) - n, "]");
	c.body = body;
	r = http_call(&st, &c);
	expect_status(r, 200);
	assert_int_equal(json_int_at(r->json, "rows"), 149);
	r = http_get(&st, "/api/trade/bars/missing?symbol=MINUTES&timeframe="
	    "1m", ann);
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "items.0.from_at"),
	    "2026-03-02T11:10:00Z");
	assert_string_equal(json_text_at(r->json, "items.0.missing"), "1");
	assert_null(json_at(r->json, "items.1"));
	r = http_get(&st, "/api/trade/bars/resample?symbol=MINUTES&timeframe="
	    "1m&to_timeframe=1h", ann);
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "items.1.open"), "160");
	assert_string_equal(json_text_at(r->json, "items.1.close"), "219.25");
	assert_string_equal(json_text_at(r->json, "items.1.volume"), "118");
	assert_string_equal(json_text_at(r->json, "items.2.close"), "249.25");
	/* stored are those that are whole */
	r = call("POST", "/api/trade/bars/resample", "{\"symbol\":\"MINUTES\""
	    ",\"timeframe\":\"1m\",\"to_timeframe\":\"1h\"}");
	expect_status(r, 200);
	assert_int_equal(json_int_at(r->json, "rows"), 2);
	expect_status(call("POST", "/api/trade/bars/resample", "{\"symbol\":"
	    "\"MINUTES\",\"timeframe\":\"1h\",\"to_timeframe\":\"1m\"}"),
	    422);
	c.body = "[[1772445600000,1,2,1,1,1],{\"t\":1772445660,\"o\":1}]";
	r = http_call(&st, &c);
	expect_status(r, 422);
	assert_non_null(strstr(r->body, "Element 1: high is no number"));
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ticks_reach_a_socket),
		cmocka_unit_test(redis_ticks_come_in),
		cmocka_unit_test(redis_may_die),
		cmocka_unit_test(signals_come_both_ways),
		cmocka_unit_test(a_simulator_is_driven),
		cmocka_unit_test(quotes_are_fetched),
		cmocka_unit_test(arrays_of_bars_join)
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, start, stop);
}
