/*
 * How long a tick takes from its own time to a client's socket: the simulator
 * at RATE ticks a second through the loop, the database and the gateway, to
 * CLIENTS WebSockets. Beside it the floor: the same number of events as
 * datagrams to the same gateway, which then is all there is on the way.
 *	feed [RATE [CLIENTS [SECONDS]]]
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
#include <unistd.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/clock.h"
#include "proc/bell.h"
#include "tests/harness/forked.h"
#include "tests/harness/jobs_http.h"
#include "tests/harness/mariadb.h"
#include "tests/harness/ws.h"

enum { BUF = 256 * 1024, EVENTS = 256, MS = 30000, SAMPLES = 40000000 };

struct client {
	int fd;
	size_t have;
	unsigned char *buf;
};

static struct stack st;
static struct arena *a;
static const char *ann;
static struct client *clients;
static int nclients, ep;
static float *ms;
static size_t nms, frames;

/* ---- clients ---------------------------------------------------------------------- */

/* Every eighth client's frames are looked into. */
static void
frame(const struct client *c, const unsigned char *p, size_t n, struct utc now)
{
	const char *d = memmem(p, n, "\"data\":{", 8), *at;
	char text[CLOCK_TEXT];
	struct utc t;
	size_t k;

	frames++;
	if ((c - clients) % 8 != 0 || d == NULL || nms == SAMPLES)
		return;
	n -= (size_t)(d - (const char *)p);
	at = memmem(d, n, "\"at\":\"", 6);
	if (at == NULL || memmem(d, n, "\"tick\"", 6) == NULL)
		return;
	at += 6;
	k = strcspn(at, "\"");
	if (k >= sizeof(text))
		return;
	memcpy(text, at, k);
	text[k] = '\0';
	if (clock_parse(text, &t) == 0)
		ms[nms++] = (float)(now.us - t.us) / 1000;
}

static void
input(struct client *c)
{
	ssize_t r = read(c->fd, c->buf + c->have, BUF - c->have);
	struct utc now = clock_now();
	size_t o = 0;

	if (r <= 0)
		return;
	c->have += (size_t)r;
	while (c->have - o >= 4) {
		size_t len = c->buf[o + 1] & 127, h = 2;

		if (len == 126) {
			len = (size_t)c->buf[o + 2] << 8 | c->buf[o + 3];
			h = 4;
		}
		if (c->have - o < h + len)
			break;
		if ((c->buf[o] & 15) == 1)
			frame(c, c->buf + o + h, len, now);
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

	for (int i = 0; i < k; i++)
		input(ev[i].data.ptr);
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
		    "[\"trade.market_data\"]}");
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
seconds(int64_t since)
{
	return (double)(clock_boot_ns() - since) / 1e9;
}

static void
begin(void)
{
	int64_t t = clock_boot_ns();

	while (seconds(t) < 1)
		serve(20);		/* what was under way */
	nms = frames = 0;
}

static void
report(const char *what, double s, double ticks)
{
	qsort(ms, nms, sizeof(*ms), compare);
	printf("%-34s %7.0f ticks/s %8.0f frames/s   p50 %6.2f ms  p99 %6.2f "
	    "ms  max %7.2f ms\n", what, ticks, (double)frames / s,
	    nms == 0 ? 0 : (double)ms[nms / 2],
	    nms == 0 ? 0 : (double)ms[nms * 99 / 100],
	    nms == 0 ? 0 : (double)ms[nms - 1]);
	fflush(stdout);
}

/* Events of the same size straight to the gateway, evenly. */
static void
floor_of(const char *tenant, double per_second, int secs)
{
	char line[800], at[CLOCK_TEXT];
	int64_t t = clock_boot_ns(), sent = 0;

	begin();
	for (t = clock_boot_ns(); seconds(t) < secs;) {
		while ((double)sent < seconds(t) * per_second) {
			int n = snprintf(line, sizeof(line), "{\"tenant\":"
			    "\"%s\",\"t\":\"trade.market_data\",\"e\":"
			    "\"F%lld\",\"v\":0,\"at\":\"2026-01-01T00:00:00Z\""
			    ",\"d\":{\"symbol\":\"F\",\"exchange\":\"\","
			    "\"kind\":\"tick\",\"at\":\"%s\",\"last\":150.25,"
			    "\"bid\":150.2,\"ask\":150.3,\"volume\":12345,"
			    "\"timeframe\":\"1m\",\"bar_at\":"
			    "\"2026-01-01T00:00:00Z\",\"open\":150,\"high\":151"
			    ",\"low\":149,\"close\":150.25,\"version\":0,"
			    "\"final\":false}}", tenant,
			    (long long)sent % 500,
			    clock_format(clock_now(), at));

			bell_send("frames", line, (size_t)n);
			sent++;
		}
		serve(1);
	}
	report("  floor: datagram to client", secs, per_second);
}

/* ---- the market ---------------------------------------------------------------------- */

static double
count(void)
{
	return atof(mariadb_value(a, st.db, "SELECT SUM(ticks) FROM "
	    "trade_feed"));
}

static bool
runs(void *arg)
{
	(void)arg;
	return count() > 0;
}

static void
market(const char *tenant, int symbols, int rate, int secs)
{
	char list[16384];
	const struct reply *r;
	const char *id;
	double before, s;
	size_t n = 0;
	int64_t t;

	for (int i = 0; i < symbols; i++)
		n += (size_t)snprintf(list + n, sizeof(list) - n,
		    "%s\"B%d.%d\"", i > 0 ? "," : "", symbols, i);
	r = jobs_send(&st, ann, "POST", "/api/trade/feeds", arena_printf(a,
	    "{\"name\":\"b%d\",\"kind\":\"simulator\",\"spec\":{\"rate\":%d,"
	    "\"symbols\":[%s]}}", symbols, rate, list));
	expect_status(r, 201);
	id = arena_strdup(a, json_text_at(r->json, "id"));
	eventually(runs, NULL, MS);
	begin();
	before = count();
	for (t = clock_boot_ns(); seconds(t) < secs;)
		serve(20);
	s = seconds(t);
	printf("%d symbols, %d clients\n", symbols, nclients);
	report("  tick to client", s, (count() - before) / s);
	n = frames;
	expect_status(jobs_send(&st, ann, "POST", arena_printf(a,
	    "/api/trade/feeds/%s/stop", id), ""), 200);
	expect_status(jobs_send(&st, ann, "DELETE", arena_printf(a,
	    "/api/trade/feeds/%s", id), NULL), 204);
	floor_of(tenant, (double)n / s / nclients, secs);
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
	int rate = argc > 1 ? atoi(argv[1]) : 5000;
	int secs = argc > 3 ? atoi(argv[3]) : 10;
	const char *hex, *tenant;
	pid_t live;

	nclients = argc > 2 ? atoi(argv[2]) : 100;
	a = arena_new((size_t)4 << 30);
	ms = arena_array(a, SAMPLES, sizeof(*ms));
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
	bell_dir(stack_path(&st, "run"));
	connect_all();
	market(tenant, 20, rate, secs);
	market(tenant, 500, rate, secs);
	stack_end(&live, SIGTERM);
	stack_stop(&st);
	return 0;
}
