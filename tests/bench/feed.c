/*
 * How long it takes from a tick to a client's socket. A sender posts RATE
 * ticks a second over HTTP (POST /api/trade/ticks, a batch each 4 ms; a tick's
 * time is when its batch is sent); each minute all bars close, the engine makes
 * signals of them and an armed strategy acts; CLIENTS WebSockets follow
 * market_data and trading_signals. Measured: tick to market_data, and from
 * the tick that closed the bar to trading_signals. Beside it the floor: as
 * many events as datagrams to the same gateway, which then is all there is on
 * the way.
 *	feed [RATE [CLIENTS [MINUTES [SYMBOLS [ARMED]]]]]
 * SYMBOLS 0: with 20 and with 500. The strategy is armed for ARMED of them.
 * A signal is told at once (a preview) and again when it is stored; what the
 * strategy itself decides is stored with its orders.
 */
#include <fcntl.h>
#include <json.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/str.h"
#include "proc/bell.h"
#include "tests/harness/forked.h"
#include "tests/harness/jobs_http.h"
#include "tests/harness/mariadb.h"
#include "tests/harness/raw.h"
#include "tests/harness/ws.h"

enum { BUF = 256 * 1024, EVENTS = 256, MS = 30000, SAMPLES = 20000000,
	SYMBOLS = 500, BATCH_MAX = 1000, BATCH_MS = 4, HISTORY = 120,
	KEPT = 900 };
#define MINUTE_US (60 * US_PER_S)
/* Buys after a rising bar, sells after a falling one. */
#define FOLLOW_BAR "{\"entry_long\":[\">\",\"close\",\"open\"]," \
	"\"exit_long\":[\"<\",\"close\",\"open\"],\"size\":{\"kind\":" \
	"\"units\",\"value\":10}}"

struct client {
	int fd;
	size_t have;
	unsigned char *buf;
	struct utc now;			/* when it was read last */
};
struct figures {
	float *ms;
	size_t n, frames;
};
/* What the sender tells: by symbol, when the tick was sent that closed the
 * latest bar. */
struct sent {
	_Atomic int64_t closed_us[SYMBOLS], ticks;
	_Atomic bool stop;
};
/* A symbol of the sender. */
struct price {
	int64_t minute;
	double last;
};

static struct stack st;
static struct arena *a;
static const char *ann;
static struct client *clients;
static int nclients, lost, closed, ep, rate = 5000, nsymbols, armed = 20;
static struct figures market, first, signals;
static struct sent *sent;

/* ---- clients ---------------------------------------------------------------------- */

static void
sample(struct figures *f, struct utc now, int64_t since_us)
{
	if (f->n < SAMPLES)
		f->ms[f->n++] = (float)(now.us - since_us) / 1000;
}

static const char *
member(const char *p, size_t n, const char *name)
{
	const char *at = memmem(p, n, name, strlen(name));

	return at == NULL ? NULL : at + strlen(name);
}

/* Signals of closed bars, "B20.7": the number says which bar closed. What is
 * seen in a bar that is still forming has no context. */
static void
signal_frame(struct figures *f, const char *p, size_t n, struct utc now)
{
	const char *s = member(p, n, "\"symbol\":\"B");
	int64_t i, since;

	if (s == NULL || member(p, n, "\"timeframe\":\"tick\"") != NULL ||
	    member(p, n, "\"context\":{}") != NULL ||
	    (s = memchr(s, '.', 8)) == NULL)
		return;
	i = atoi(s + 1);
	f->frames++;
	since = i < SYMBOLS ? sent->closed_us[i] : 0;
	if (since != 0)
		sample(f, now, since);
}

static void
market_frame(const char *p, size_t n, struct utc now)
{
	const char *at = member(p, n, "\"at\":\"");
	char text[CLOCK_TEXT];
	struct utc t;
	size_t k;

	if (at == NULL || member(p, n, "\"tick\"") == NULL ||
	    (k = strcspn(at, "\"")) >= sizeof(text))
		return;
	memcpy(text, at, k);
	text[k] = '\0';
	if (clock_parse(text, &t) == 0)
		sample(&market, now, t.us);
}

/* All signals; ticks of every eighth client. */
static void
frame(const struct client *c, const char *p, size_t n, struct utc now)
{
	const char *d = member(p, n, "\"data\":{");

	if (d == NULL)
		return;
	n -= (size_t)(d - p);
	if (member(p, (size_t)(d - p), "\"trade.signal") != NULL) {
		signal_frame(member(p, (size_t)(d - p), "\"trade.signal\"")
		    != NULL ? &signals : &first, d, n, now);
		return;
	}
	market.frames++;
	if ((c - clients) % 8 == 0)
		market_frame(d, n, now);
}

static void
input(struct client *c)
{
	ssize_t r = read(c->fd, c->buf + c->have, BUF - c->have);

	c->now = clock_now();
	if (r > 0) {
		c->have += (size_t)r;
		return;
	}
	epoll_ctl(ep, EPOLL_CTL_DEL, c->fd, NULL);
	lost++;				/* too slow, says the gateway */
}

static void
frames(struct client *c)
{
	static const unsigned char pong[] = { 0x8a, 0x80, 0, 0, 0, 0 };
	size_t o = 0;

	while (c->have - o >= 4) {
		size_t len = c->buf[o + 1] & 127, h = 2;

		if (len == 126) {
			len = (size_t)c->buf[o + 2] << 8 | c->buf[o + 3];
			h = 4;
		}
		if (c->have - o < h + len)
			break;
		if ((c->buf[o] & 15) == 8 && ++closed == 1)
			printf("  a client was sent away: %.*s\n",
			    len > 2 ? (int)len - 2 : 0,
			    (const char *)c->buf + o + h + 2);
		if ((c->buf[o] & 15) == 9 && write(c->fd, pong,
		    sizeof(pong)) < 0)
			lost++;
		if ((c->buf[o] & 15) == 1)
			frame(c, (const char *)c->buf + o + h, len, c->now);
		o += h + len;
	}
	memmove(c->buf, c->buf + o, c->have - o);
	c->have -= o;
}

static void
serve(int wait_ms)
{
	struct epoll_event ev[EVENTS];
	int k = epoll_wait(ep, ev, EVENTS, wait_ms);

	/* all these clients are one process: none waits for the others' frames
	 * to be understood */
	for (int i = 0; i < k; i++)
		input(ev[i].data.ptr);
	for (int i = 0; i < k; i++)
		frames(ev[i].data.ptr);
}

static void
connect_all(void)
{
	const char *header = arena_printf(a, "Authorization: Bearer %s\r\n",
	    ann);

	ep = epoll_create1(0);
	clients = arena_array(a, (size_t)nclients, sizeof(*clients));
	for (int i = 0; i < nclients; i++) {
		struct epoll_event e = { .events = EPOLLIN,
		    .data.ptr = &clients[i] };
		struct ws s = ws_open(a, st.port, "/api/system/live", header);
		struct json_object *o;

		assert_int_equal(s.status, 101);
		ws_say(&s, "{\"type\":\"sub\",\"topics\":"
		    "[\"trade.market_data\",\"trade.signal\","
		    "\"trade.signal.preview\"]}");
		o = ws_wait(&s, "subd", MS);
		assert_non_null(o);
		json_object_put(o);
		clients[i].fd = s.fd;
		clients[i].buf = arena_alloc(a, BUF);
		fcntl(s.fd, F_SETFL, O_NONBLOCK);
		epoll_ctl(ep, EPOLL_CTL_ADD, s.fd, &e);
	}
}

/* ---- figures ------------------------------------------------------------------------ */

static int
compare(const void *x, const void *y)
{
	float p = *(const float *)x, q = *(const float *)y;

	return p < q ? -1 : p > q;
}

static double
status(const char *name)
{
	return atof(mariadb_value(a, NULL, arena_printf(a, "SELECT "
	    "VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE "
	    "VARIABLE_NAME = '%s'", name)));
}

static double
seconds(int64_t since)
{
	return (double)(clock_boot_ns() - since) / 1e9;
}

static double
quantile(const struct figures *f, size_t percent)
{
	return f->n == 0 ? 0 : (double)f->ms[f->n * percent / 100];
}

/* Returns its p99. */
static double
report(const char *what, struct figures *f, double s)
{
	qsort(f->ms, f->n, sizeof(*f->ms), compare);
	printf("  %-31s %8.0f frames/s   p50 %6.2f ms  p99 %6.2f ms  max "
	    "%7.2f ms\n", what, (double)f->frames / s, quantile(f, 50),
	    quantile(f, 99), f->n == 0 ? 0 : (double)f->ms[f->n - 1]);
	fflush(stdout);
	return quantile(f, 99);
}

static void
forget(void)
{
	market.n = market.frames = 0;
	first.n = first.frames = signals.n = signals.frames = 0;
}

static void
serve_for(double s)
{
	for (int64_t t = clock_boot_ns(); seconds(t) < s;)
		serve(20);
}

/* Events of the same size straight to the gateway, evenly. */
static double
floor_of(const char *tenant, double per_second, int secs)
{
	char line[800], at[CLOCK_TEXT];
	int64_t t, k = 0;

	serve_for(1);			/* what was under way */
	forget();
	for (t = clock_boot_ns(); seconds(t) < secs;) {
		while ((double)k < seconds(t) * per_second) {
			int n = snprintf(line, sizeof(line), "{\"tenant\":"
			    "\"%s\",\"t\":\"trade.market_data\",\"e\":"
			    "\"F%lld\",\"v\":0,\"at\":\"2026-01-01T00:00:00Z\""
			    ",\"d\":{\"symbol\":\"F\",\"exchange\":\"\","
			    "\"kind\":\"tick\",\"at\":\"%s\",\"last\":150.25,"
			    "\"bid\":150.2,\"ask\":150.3,\"volume\":12345,"
			    "\"timeframe\":\"1m\",\"bar_at\":"
			    "\"2026-01-01T00:00:00Z\",\"open\":150,\"high\":151"
			    ",\"low\":149,\"close\":150.25,\"version\":0,"
			    "\"final\":false}}", tenant, (long long)k % 500,
			    clock_format(clock_now(), at));

			bell_send("frames", line, (size_t)n);
			k++;
		}
		serve(1);
	}
	return report("floor: datagram to client", &market, secs);
}

/* ---- the sender ----------------------------------------------------------------------- */

/* A walk, the same in each run. */
static double
step(struct price *p, uint64_t *dice)
{
	*dice = *dice * 6364136223846793005u + 1442695040888963407u;
	p->last *= 1 + ((double)(*dice >> 40 & 1023) - 511.5) / 511.5 * 4e-4;
	return p->last;
}

/* The next n ticks, all of this instant. */
static void
batch(struct str *s, struct price *prices, int64_t from, int64_t n,
    uint64_t *dice)
{
	const struct utc now = clock_now();
	char at[CLOCK_TEXT];

	clock_format(now, at);
	str_add(s, "{\"ticks\":[");
	for (int64_t k = from; k < from + n; k++) {
		int i = (int)(k % nsymbols);

		str_addf(s, "%s{\"symbol\":\"B%d.%d\",\"at\":\"%s\",\"last\":"
		    "%.2f,\"volume\":100}", k > from ? "," : "", nsymbols, i,
		    at, step(&prices[i], dice));
		if (prices[i].minute != now.us / MINUTE_US)
			sent->closed_us[i] = now.us;
		prices[i].minute = now.us / MINUTE_US;
	}
	str_add(s, "]}");
}

static void
write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t w = write(fd, p, n);

		if (w <= 0)
			_exit(1);
		p += w;
		n -= (size_t)w;
	}
}

/* One request on the kept connection; the reply is short. */
static void
post(int fd, struct arena *own, const struct str *body)
{
	char reply[4096];
	size_t n = 0;
	struct str s;

	str_init(&s, own);
	str_addf(&s, "POST /api/trade/ticks HTTP/1.1\r\nHost: 127.0.0.1\r\n"
	    "Authorization: Bearer %s\r\nContent-Type: application/json\r\n"
	    "Content-Length: %zu\r\n\r\n", ann, body->len);
	str_addn(&s, body->p, body->len);
	write_all(fd, s.p, s.len);
	do {
		ssize_t r = read(fd, reply + n, sizeof(reply) - 1 - n);

		if (r <= 0)
			_exit(1);
		n += (size_t)r;
		reply[n] = '\0';
		if (n > 12 && memcmp(reply + 9, "202", 3) != 0) {
			fprintf(stderr, "%s\n", reply);
			_exit(1);
		}
	} while (strstr(reply, "\"taken\"") == NULL && n < sizeof(reply) - 1);
}

static int
sender(void *unused)
{
	struct arena *own = arena_new(64 << 20);
	struct price prices[SYMBOLS];
	int fd = raw_connect(st.port);
	int64_t t = clock_boot_ns();
	uint64_t dice = 1, posts = 0;

	(void)unused;
	for (int i = 0; i < nsymbols; i++)
		prices[i] = (struct price){ clock_now().us / MINUTE_US, 150 };
	while (!sent->stop) {
		int64_t due = (int64_t)(seconds(t) * rate) - sent->ticks;
		struct str s;

		if (due <= rate / 100)
			nap_ms(BATCH_MS);
		due = (int64_t)(seconds(t) * rate) - sent->ticks;
		due = due > BATCH_MAX ? BATCH_MAX : due;
		arena_reset(own);
		str_init(&s, own);
		batch(&s, prices, sent->ticks, due, &dice);
		if (due == 0)
			continue;
		if (++posts % KEPT == 0) {
			close(fd);	/* before the web server does */
			fd = raw_connect(st.port);
		}
		post(fd, own, &s);
		sent->ticks += due;
	}
	return 0;
}

/* ---- a market ---------------------------------------------------------------------- */

/* Instruments with two hours of bars, so that patterns and indicators are
 * warm. */
static void
make_symbols(void)
{
	for (int i = 0; i < nsymbols; i++)
		expect_status(jobs_send(&st, ann, "PUT",
		    "/api/trade/instruments", arena_printf(a, "{\"symbol\":"
		    "\"B%d.%d\"}", nsymbols, i)), 200);
	mariadb_sql(st.db, arena_printf(a, "INSERT INTO trade_bar "
	    "(instrument_id, timeframe, at, open, high, low, close, volume, "
	    "version) SELECT i.id, '1m', DATE_FORMAT(NOW(), '%%Y-%%m-%%d "
	    "%%H:%%i:00') - INTERVAL s.seq MINUTE, 150 + SIN(s.seq), 152, "
	    "148, 150 + SIN(s.seq + 1), 1000, 1 FROM trade_instrument i JOIN "
	    "seq_1_to_%d s WHERE i.symbol LIKE 'B%d.%%'", HISTORY, nsymbols));
}

static void
arm(void)
{
	const struct reply *r;
	struct str s;

	str_init(&s, a);
	for (int i = 0; i < armed && i < nsymbols; i++)
		str_addf(&s, "%s\"B%d.%d\"", i > 0 ? "," : "", nsymbols, i);
	r = jobs_send(&st, ann, "POST", "/api/trade/strategies",
	    arena_printf(a, "{\"name\":\"b%d\",\"spec\":" FOLLOW_BAR "}",
	    nsymbols));
	expect_status(r, 201);
	r = jobs_send(&st, ann, "POST", "/api/trade/armings", arena_printf(a,
	    "{\"strategy_id\":\"%s\",\"symbols\":[%s],\"timeframe\":\"1m\"}",
	    json_text_at(r->json, "id"), s.p));
	expect_status(r, 201);
}

/* Some seconds into the minute after n more. */
static void
serve_minutes(int n)
{
	int64_t end = (clock_now().us / MINUTE_US + n) * MINUTE_US +
	    5 * US_PER_S;

	while (clock_now().us < end)
		serve(20);
}

static void
run(const char *tenant, int symbols, int minutes)
{
	int64_t t, before;
	double s, all, early, one, least, statements;
	pid_t child;

	nsymbols = symbols;
	memset(sent, 0, sizeof(*sent));
	make_symbols();
	if (armed > 0)
		arm();
	child = forked(sender, NULL);
	serve_minutes(2);		/* whole bars, too: everything is warm */
	forget();
	before = sent->ticks;
	statements = status("COM_STMT_EXECUTE");
	t = clock_boot_ns();
	serve_minutes(minutes);
	s = seconds(t);
	statements = status("COM_STMT_EXECUTE") - statements;
	printf("%d symbols, %d armed, %.0f ticks/s, %d clients: bars closed %d "
	    "times, %zu signals\n", symbols, armed, (double)(sent->ticks - before) / s,
	    nclients, minutes, signals.frames / (size_t)nclients);
	printf("  %.0f statements a second\n", statements / s);
	all = report("tick to market_data", &market, s);
	early = report("tick to trading_signals, told", &first, s);
	one = report("tick to trading_signals, stored", &signals, s);
	sent->stop = true;
	forked_wait(child);
	least = floor_of(tenant, (double)market.frames / s / nclients, 10);
	printf("  p99 to the floor's: market_data %.1f, trading_signals told "
	    "%.1f, stored %.1f; clients lost: %d\n", all / least, early /
	    least, one / least, lost);
}

static bool
serves(void *arg)
{
	struct ws s = ws_open(a, st.port, "/ws", NULL);

	(void)arg;
	ws_close(&s);
	return s.status == 101;
}

int
main(int argc, char **argv)
{
	int minutes = argc > 3 ? atoi(argv[3]) : 2;
	int only = argc > 4 ? atoi(argv[4]) : 0;
	const char *hex, *tenant;
	pid_t live;

	rate = argc > 1 ? atoi(argv[1]) : rate;
	nclients = argc > 2 ? atoi(argv[2]) : 100;
	armed = argc > 5 ? atoi(argv[5]) : armed;
	a = arena_new((size_t)4 << 30);
	market.ms = arena_array(a, SAMPLES, sizeof(float));
	first.ms = arena_array(a, SAMPLES, sizeof(float));
	signals.ms = arena_array(a, SAMPLES, sizeof(float));
	sent = mmap(NULL, sizeof(*sent), PROT_READ | PROT_WRITE, MAP_SHARED |
	    MAP_ANONYMOUS, -1, 0);
	stack_start(&st, &(struct stack_options){ .web = "nginx",
	    .worker = true });
	live = stack_launch(&st, "live", (const char *[]){ http_text(&st,
	    "%s/quincunx-live", stack_bin()), "-c", st.conf, NULL });
	mariadb_sql(NULL, "SET GLOBAL innodb_flush_log_at_trx_commit = 1");
	if (!eventually(serves, NULL, MS))
		return 1;
	ann = jobs_tenant(&st, "ann");
	hex = mariadb_value(a, st.db, "SELECT LOWER(HEX(id)) FROM "
	    "auth_tenant WHERE name = 'ann'");
	tenant = arena_printf(a, "%.8s-%.4s-%.4s-%.4s-%s", hex, hex + 8,
	    hex + 12, hex + 16, hex + 20);
	expect_status(http_get(&st, "/mcp/login", ann), 200);
	bell_dir(stack_path(&st, "run"));
	connect_all();
	if (only == 0 || only == 20)
		run(tenant, 20, minutes);
	if (only == 0 || only == SYMBOLS)
		run(tenant, SYMBOLS, minutes);
	stack_end(&live, SIGTERM);
	stack_stop(&st);
	return 0;
}
