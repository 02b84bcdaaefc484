/*
 * What the HTTP client does when a peer fails: repeats and their limits, calls
 * that must not happen twice, deadlines, permits, orders. The peer is a server
 * of the test that does at each request what the next word of the path says:
 * a status ("503", "429:1" with Retry-After), "lost" (reads and hangs up),
 * "hang", "half" and "stall" (begins to answer, then hangs up or hangs). Only after "200k" is the
 * connection kept: on a kept one curl may send once more by itself.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "net/net.h"
#include "tests/harness/forked.h"

#define MS INT64_C(1000000)

static const char *const no_allow[] = { NULL };
static struct net_conf conf = { .allow = no_allow, .ca_file = "",
    .connect_timeout_ms = 5000, .timeout_ms = 20000, .max_bytes = 1 << 20 };

/* ---- server ---------------------------------------------------------------- */

static int listener;
static unsigned port;
static _Atomic int connections, requests, under_way, most;
static char last[8192];

static void
say(int fd, const char *text)
{
	(void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

/* True: the connection goes on. */
static bool
act(int fd, const char *word)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	const char *wait = strchr(word, ':');
	char buf[200];

	if (strcmp(word, "stall") == 0)
		say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsta");
	if (strcmp(word, "hang") == 0 || strcmp(word, "stall") == 0) {
		poll(&p, 1, -1);
		return false;
	}
	if (strcmp(word, "lost") == 0)
		return false;
	if (strcmp(word, "half") == 0) {
		say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
		return false;
	}
	snprintf(buf, sizeof(buf), "HTTP/1.1 %.3s X\r\nContent-Length: 2\r\n"
	    "%s%s%s%s\r\nok", word == NULL ? "" : word, strchr(word, 'k') != NULL ? "" :
	    "Connection: close\r\n", wait != NULL ? "Retry-After: " : "",
	    wait != NULL ? wait + 1 : "", wait != NULL ? "\r\n" : "");
	say(fd, buf);
	return strchr(word, 'k') != NULL;
}

static bool
receive(int fd, char path[256])
{
	char buf[8192];
	size_t n = 0, want = 0;
	char *end = NULL, *len;
	ssize_t got;

	while (end == NULL || n < want) {
		got = recv(fd, buf + n, sizeof(buf) - 1 - n, 0);
		if (got <= 0)
			return false;
		n += (size_t)got;
		buf[n] = '\0';
		if (end == NULL && (end = strstr(buf, "\r\n\r\n")) != NULL) {
			len = strstr(buf, "Content-Length: ");
			want = (size_t)(end - buf) + 4 + (len != NULL ?
			    strtoul(len + 16, NULL, 10) : 0);
		}
	}
	memcpy(last, buf, n + 1);
	return sscanf(buf, "%*s /%254s", path) == 1;
}

/* Word number i of a list, or its last. */
static const char *
word_at(char *list, int i)
{
	char *save, *w = strtok_r(list, ",", &save), *next;

	while (i-- > 0 && (next = strtok_r(NULL, ",", &save)) != NULL)
		w = next;
	return w;
}

static void *
serve_one(void *arg)
{
	int fd = (int)(intptr_t)arg, n, top;
	char path[256];
	bool more = true;

	while (more && receive(fd, path)) {
		const char *w = word_at(path, atomic_fetch_add(&requests, 1));

		n = atomic_fetch_add(&under_way, 1) + 1;
		top = atomic_load(&most);
		while (n > top &&
		    !atomic_compare_exchange_weak(&most, &top, n))
			;
		if (strcmp(w, "slow") == 0) {
			poll(NULL, 0, 30);
			w = "200";
		}
		atomic_fetch_sub(&under_way, 1);
		more = act(fd, w);
	}
	close(fd);
	return NULL;
}

static void *
serve(void *arg)
{
	pthread_t t;
	int fd;

	while ((fd = accept(listener, NULL, NULL)) != -1) {
		atomic_fetch_add(&connections, 1);
		if (pthread_create(&t, NULL, serve_one,
		    (void *)(intptr_t)fd) == 0)
			pthread_detach(t);
	}
	return arg;
}

static int
start(void **state)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
	    .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t n = sizeof(at);
	static pthread_t t;
	struct err e;

	(void)state;
	log_setup(&(struct log_options){ .level = LOG_ERROR }, &e);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&at, n) == -1 ||
	    listen(listener, 64) == -1 ||
	    getsockname(listener, (struct sockaddr *)&at, &n) == -1)
		return -1;
	port = ntohs(at.sin_port);
	return pthread_create(&t, NULL, serve, NULL);
}

/* ---- client ---------------------------------------------------------------- */

static const struct guard guards[] = {
	{ .name = "plain", .budget = { 200, 10, 10 }, .retry = { 3, 2, 1500 },
	  .permits = 3, .wait_ms = 10 },
	{ .name = "poor", .budget = { 200, 0, 2 }, .retry = { 3, 2, 1500 } },
	{ .name = "touchy", .breaker = { .failures = 2, .open_s = 600,
	    .open_max_s = 600, .probes = 1, .probe_s = 60 },
	  .budget = { 200, 10, 10 }, .retry = { 3, 2, 1500 } },
	{ .name = "aws", .breaker = { .failures = 2, .open_s = 600,
	    .open_max_s = 600, .probes = 1, .probe_s = 60 },
	  .busy_503 = true, .retry = { 3, 2, 1500 } },
	{ .name = NULL }
};
enum { PLAIN, POOR, TOUCHY, AWS };

static char dir[SCRATCH_PATH];
static struct arena *a;
static struct shm *shm;
static struct net *net;
static struct net_reply r;
static struct err err;

static int
begin(void **state)
{
	static const struct metric *const metrics[] = { &net_calls_total,
	    &net_call_seconds, &retries_total, NULL };
	struct shm_layout layout = { .metrics = metrics, .guards = guards,
	    .limit_slots = 64, .processes = 8 };

	(void)state;
	a = arena_new(64 << 20);
	if (shm_attach(&shm, a, scratch_dir(dir), &layout, &err) == -1 ||
	    net_open(&net, a, &conf, shm, &err) == -1)
		return -1;
	net_allow(net, arena_printf(a, "http://127.0.0.1:%u", port));
	return 0;
}

static int
end(void **state)
{
	(void)state;
	arena_free(a);
	shm_detach(shm);
	scratch_remove(dir);
	return 0;
}

static struct net_call
call_of(const char *method, const char *words)
{
	return (struct net_call){ .service = "plain", .method = method,
	    .url = arena_printf(a, "http://127.0.0.1:%u/%s", port, words),
	    .retry = true };
}

static int
send_call(const struct net_call *c)
{
	atomic_store(&requests, 0);
	atomic_store(&connections, 0);
	err_clear(&err);
	return net_http(net, a, c, &r, &err);
}

/* ---- repeats ----------------------------------------------------------------- */

static const struct {
	const char *method, *words;
	bool repeatable;
	int status;		/* 0: no answer */
	int requests;
} cases[] = {
	{ "GET", "200", false, 200, 1 },
	{ "GET", "503,200", false, 200, 2 },
	{ "GET", "502,504,429,200", false, 200, 4 },
	{ "GET", "503,503,503,503,200", false, 503, 4 },	/* three */
	{ "GET", "lost,200", false, 200, 2 },
	{ "GET", "half,200", false, 0, 1 },	/* it had begun to answer */
	{ "GET", "lost,lost,lost,lost,200", false, 0, 4 },
	{ "GET", "500,200", false, 500, 1 },
	{ "GET", "501,200", false, 501, 1 },
	{ "GET", "404,200", false, 404, 1 },
	{ "GET", "400,200", false, 400, 1 },
	{ "GET", "302,200", false, 302, 1 },
	{ "PUT", "503,200", false, 200, 2 },
	{ "DELETE", "lost,200", false, 200, 2 },
	{ "POST", "503,200", false, 503, 1 },
	{ "POST", "429,200", false, 429, 1 },
	{ "POST", "lost,200", false, 0, 1 },
	{ "PATCH", "503,200", false, 503, 1 },
	{ "POST", "503,200", true, 200, 2 },
	{ "POST", "lost,200", true, 200, 2 },
};

static void
repeats(void **state)
{
	uint64_t made = 0;

	(void)state;
	for (size_t i = 0; i < NITEMS(cases); i++) {
		struct net_call c = call_of(cases[i].method, cases[i].words);
		int rc;

		c.repeatable = cases[i].repeatable;
		rc = send_call(&c);
		if (rc != (cases[i].status == 0 ? -1 : 0) ||
		    r.status != cases[i].status ||
		    atomic_load(&requests) != cases[i].requests)
			fail_msg("%s %s: %d, status %d, %d requests, %s",
			    cases[i].method, cases[i].words, rc, r.status,
			    atomic_load(&requests), err.detail);
		assert_int_equal(err.status, cases[i].status == 0 ? 502 : 0);
		made += (uint64_t)cases[i].requests - 1;
	}
	assert_int_equal(metric_read(&retries_total, PLAIN, 0), made);
}

/* No answer in time may be repeated; half an answer is one. */
static void
timeouts(void **state)
{
	struct net_call c = call_of("GET", "hang,200");

	(void)state;
	c.timeout_ms = 300;
	assert_int_equal(send_call(&c), 0);
	assert_int_equal(atomic_load(&requests), 2);
	c = call_of("GET", "stall,200");
	c.timeout_ms = 300;
	assert_int_equal(send_call(&c), -1);
	assert_string_equal(err.code, "net_timeout");
	assert_int_equal(atomic_load(&requests), 1);
}

static void
only_who_asks(void **state)
{
	struct net_call c = call_of("GET", "503,200");

	(void)state;
	assert_int_equal(send_call(&c), 0);
	assert_int_equal(r.status, 200);
	assert_non_null(strstr(last, "\r\nX-Retry-Layer: quincunx\r\n"));
	assert_null(strstr(last, "X-Deadline-Ms"));
	net_scope(net, 0, true);	/* somebody outside does it */
	assert_int_equal(send_call(&c), 0);
	assert_int_equal(r.status, 503);
	assert_non_null(strstr(last, "\r\nX-Retry-Layer: quincunx\r\n"));
	assert_false(net_may_repeat(net, "plain"));
	net_scope(net, 0, false);
	assert_true(net_may_repeat(net, "plain"));
	c.retry = false;
	assert_int_equal(send_call(&c), 0);
	assert_int_equal(r.status, 503);
	assert_null(strstr(last, "X-Retry-Layer"));
	c.retry = true;
	c.service = "unheard of";	/* no rule, no repeats */
	assert_int_equal(send_call(&c), 0);
	assert_int_equal(r.status, 503);
}

static void
what_it_asks_for_wins(void **state)
{
	struct net_call c = call_of("GET", "429:1,200");
	int64_t t = clock_boot_ns();

	(void)state;
	assert_int_equal(send_call(&c), 0);
	assert_int_equal(r.status, 200);
	assert_true(clock_boot_ns() - t >= 1000 * MS);
	c = call_of("GET", "503:2,200");	/* more than the cap */
	assert_int_equal(send_call(&c), 0);
	assert_int_equal(r.status, 503);
	assert_int_equal(r.retry_after_s, 2);
	assert_int_equal(atomic_load(&requests), 1);
	c = call_of("GET", "503:7200,200");	/* and than the deadline */
	c.deadline_boot_ns = clock_boot_ns() + 3600000 * MS;
	assert_int_equal(send_call(&c), 0);
	assert_int_equal(r.status, 503);
}

/* Five first calls are worth one repeat; the rest was used up before. */
static void
budget(void **state)
{
	struct net_call c = call_of("GET", "503");

	(void)state;
	c.service = "poor";
	assert_true(net_may_repeat(net, "poor"));
	assert_true(net_may_repeat(net, "poor"));
	assert_false(net_may_repeat(net, "poor"));
	for (int i = 0; i < 4; i++) {
		assert_int_equal(send_call(&c), 0);
		assert_int_equal(atomic_load(&requests), 1);
	}
	assert_int_equal(send_call(&c), 0);
	assert_int_equal(atomic_load(&requests), 2);
	c.retry = false;
	c.repeated = true;		/* adds nothing */
	for (int i = 0; i < 10; i++)
		assert_int_equal(send_call(&c), 0);
	assert_false(net_may_repeat(net, "poor"));
}

/* ---- once ---------------------------------------------------------------------- */

/* A kept connection dies under the request: curl would send it again. */
static void
not_twice(void **state)
{
	struct net_call get = call_of("GET", "200k"), c;

	(void)state;
	for (int i = 0; i < 2; i++) {
		get.retry = false;
		assert_int_equal(send_call(&get), 0);	/* a kept connection */
		c = call_of("POST", "lost,200");
		c.retry = false;
		c.body = "order";
		c.body_len = 5;
		assert_int_equal(send_call(&c), -1);
		assert_string_equal(err.code, "net_failed");
		assert_int_equal(atomic_load(&requests), 1);
		assert_int_equal(atomic_load(&connections), 1);
	}
}

/* ---- deadlines --------------------------------------------------------------------- */

static void
deadlines(void **state)
{
	struct net_call c = call_of("GET", "hang");
	int64_t now = clock_boot_ns();
	const char *header;
	uint64_t before;

	(void)state;
	c.deadline_boot_ns = now + 400 * MS;
	assert_int_equal(send_call(&c), -1);
	assert_string_equal(err.code, "net_timeout");
	assert_true(clock_boot_ns() - now >= 300 * MS);
	assert_true(clock_boot_ns() - now < 15000 * MS);	/* not 20 s */
	header = strstr(last, "\r\nX-Deadline-Ms: ");
	assert_non_null(header);
	assert_in_range(atoi(header + 17), 1, 400);
	before = metric_read(&net_calls_total, PLAIN, 6);
	c.deadline_boot_ns = clock_boot_ns() - 1;
	assert_int_equal(send_call(&c), -1);
	assert_int_equal(err.status, 504);
	assert_string_equal(err.code, "deadline_passed");
	assert_int_equal(atomic_load(&requests), 0);
	assert_int_equal(metric_read(&net_calls_total, PLAIN, 6), before + 1);
	/* the request's own, and the nearer of the two */
	c = call_of("GET", "200");
	net_scope(net, clock_boot_ns() - 1, false);
	assert_int_equal(send_call(&c), -1);
	assert_string_equal(err.code, "deadline_passed");
	c.deadline_boot_ns = clock_boot_ns() + 60000 * MS;
	assert_int_equal(send_call(&c), -1);
	net_scope(net, clock_boot_ns() + 90000 * MS, false);
	assert_int_equal(send_call(&c), 0);
	header = strstr(last, "\r\nX-Deadline-Ms: ");
	assert_non_null(header);
	assert_in_range(atoi(header + 17), 1, 60000);
}

/* Who has no time left does not close the door for the others. */
static void
our_hurry_is_not_their_fault(void **state)
{
	struct net_call c = call_of("GET", "hang");

	(void)state;
	c.service = "touchy";
	c.retry = false;
	for (int i = 0; i < 3; i++) {
		c.deadline_boot_ns = clock_boot_ns() + 50 * MS;
		assert_int_equal(send_call(&c), -1);
	}
	assert_int_equal(breaker_state(shm, TOUCHY), BREAKER_CLOSED);
	c.deadline_boot_ns = 0;
	c.timeout_ms = 50;		/* its own limit is another matter */
	for (int i = 0; i < 2; i++)
		assert_int_equal(send_call(&c), -1);
	assert_int_equal(breaker_state(shm, TOUCHY), BREAKER_OPEN);
	c = call_of("GET", "200");
	c.service = "touchy";
	assert_int_equal(send_call(&c), -1);
	assert_string_equal(err.code, "breaker_open");
	assert_true(err.retry_after_s > 500);
	assert_int_equal(atomic_load(&requests), 0);
	c.no_breaker = true;
	assert_int_equal(send_call(&c), 0);
}

static void
a_busy_service_is_not_a_broken_one(void **state)
{
	struct net_call c = call_of("GET", "503");

	(void)state;
	c.retry = false;
	c.service = "aws";
	for (int i = 0; i < 5; i++)
		assert_int_equal(send_call(&c), 0);
	assert_int_equal(breaker_state(shm, AWS), BREAKER_CLOSED);
	c.service = "touchy";
	for (int i = 0; i < 2; i++)
		assert_int_equal(send_call(&c), 0);
	assert_int_equal(breaker_state(shm, TOUCHY), BREAKER_OPEN);
}

/* ---- orders ------------------------------------------------------------------------ */

static int asked;

static void
on_fresh(void *arg)
{
	asked++;
	breaker_order(arg, PLAIN, BREAKER_FORCED_OPEN, 7);
}

/* The segment is new: what was ordered is fetched before the first call. */
static void
orders_come_first(void **state)
{
	struct net_call c = call_of("GET", "200");

	(void)state;
	asked = 0;
	net_on_fresh(net, on_fresh, shm);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(send_call(&c), -1);
		assert_string_equal(err.code, "breaker_open");
		assert_int_equal(atomic_load(&requests), 0);
	}
	assert_int_equal(asked, 1);
	c.no_breaker = true;		/* an order is an order */
	assert_int_equal(send_call(&c), -1);
	assert_string_equal(err.code, "breaker_open");
	breaker_order(shm, PLAIN, BREAKER_AUTO, 8);
	assert_int_equal(send_call(&c), 0);
	assert_int_equal(asked, 1);
}

/* ---- permits ----------------------------------------------------------------------- */

static void
permits(void **state)
{
	struct net_call c = call_of("GET", "200");
	struct dependency_pass p[3];

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(dependency_enter(shm, PLAIN, 0, &p[i], &err),
		    0);
	assert_int_equal(send_call(&c), -1);
	assert_string_equal(err.code, "bulkhead_full");
	assert_int_equal(err.status, 503);
	assert_int_equal(atomic_load(&requests), 0);
	dependency_leave(shm, PLAIN, &p[1], OUTCOME_OK);
	assert_int_equal(send_call(&c), 0);
	assert_int_equal(send_call(&c), 0);	/* it comes back each time */
	assert_int_equal(dependency_used(shm, PLAIN), 2);
}

struct batch {
	const char *words;
	int left, good, bad, last_status;
	const char *code;
};

static bool
next_call(void *arg, struct arena *ca, struct net_call *call, void **tag)
{
	struct batch *b = arg;

	if (b->left == 0)
		return false;
	b->left--;
	*call = (struct net_call){ .service = "plain", .method = "GET",
	    .url = arena_printf(ca, "http://127.0.0.1:%u/%s", port, b->words),
	    .retry = true };
	*tag = NULL;
	return true;
}

static void
call_done(void *arg, void *tag, struct arena *ca, const struct net_reply *rep,
    const struct err *e)
{
	struct batch *b = arg;

	(void)tag;
	(void)ca;
	b->good += rep != NULL;
	b->bad += rep == NULL;
	b->last_status = rep != NULL ? rep->status : 0;
	b->code = e != NULL ? e->code : NULL;
}

static struct batch
run(const char *words, int n)
{
	struct batch b = { .words = words, .left = n };
	const struct net_batch nb = { next_call, call_done, &b, 8 };

	atomic_store(&requests, 0);
	atomic_store(&most, 0);
	assert_int_equal(net_run(net, &nb, &err), 0);
	return b;
}

/* Eight may run, three have permits: the others wait for those of the batch,
 * however long it takes. */
static void
batches(void **state)
{
	struct dependency_pass p[3];
	struct batch b;

	(void)state;
	b = run("slow", 30);
	assert_int_equal(b.good, 30);
	assert_true(atomic_load(&most) <= 3);
	assert_int_equal(dependency_used(shm, PLAIN), 0);
	b = run("503,lost,200", 1);
	assert_int_equal(b.good, 1);
	assert_int_equal(b.last_status, 200);
	assert_int_equal(atomic_load(&requests), 3);
	b = run("503", 1);
	assert_int_equal(b.last_status, 503);
	assert_int_equal(atomic_load(&requests), 4);
	for (int i = 0; i < 3; i++)
		assert_int_equal(dependency_enter(shm, PLAIN, 0, &p[i], &err),
		    0);
	b = run("200", 5);
	assert_int_equal(b.bad, 5);
	assert_string_equal(b.code, "bulkhead_full");
	for (int i = 0; i < 3; i++)
		dependency_leave(shm, PLAIN, &p[i], OUTCOME_OK);
	breaker_order(shm, PLAIN, BREAKER_FORCED_OPEN, 1);
	b = run("200", 5);
	assert_int_equal(b.bad, 5);
	assert_string_equal(b.code, "breaker_open");
	assert_int_equal(atomic_load(&requests), 0);
}

int
main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, begin, end)
	const struct CMUnitTest tests[] = {
		CASE(repeats),
		CASE(timeouts),
		CASE(only_who_asks),
		CASE(what_it_asks_for_wins),
		CASE(budget),
		CASE(not_twice),
		CASE(deadlines),
		CASE(our_hurry_is_not_their_fault),
		CASE(a_busy_service_is_not_a_broken_one),
		CASE(orders_come_first),
		CASE(permits),
		CASE(batches),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
