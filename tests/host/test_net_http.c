/*
 * The HTTP client against a server of its own: answers, caps, deadlines,
 * connection reuse, breaker, many calls at once.
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
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "net/net.h"

static const char *const no_allow[] = { NULL };
static struct net_conf conf = { .allow = no_allow, .ca_file = "",
    .connect_timeout_ms = 500, .timeout_ms = 1500, .max_bytes = 1 << 20 };

/* ---- server ------------------------------------------------------------ */
static int listener;
static unsigned port;
static _Atomic int connections, requests, now_running, most_running;
static char last[8192];			/* latest request, head and body */

/* Until fd is readable, or so long. */
static void
pause_ms(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	poll(&p, 1, ms);
}

static void
say(int fd, const char *text)
{
	(void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

static void
say_body(int fd, const char *head, const char *body, size_t n)
{
	char buf[512];

	snprintf(buf, sizeof(buf), "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n",
	    head, n);
	say(fd, buf);
	(void)!send(fd, body, n, MSG_NOSIGNAL);
}

/* 8 MiB of blanks in 8 KiB. */
static void
say_bomb(int fd)
{
	static unsigned char zeros[65536], out[131072];
	z_stream z = { 0 };
	size_t n;

	deflateInit2(&z, 9, Z_DEFLATED, 31, 9, Z_DEFAULT_STRATEGY);
	z.next_out = out;
	z.avail_out = sizeof(out);
	for (int i = 0; i < 128; i++) {
		z.next_in = zeros;
		z.avail_in = sizeof(zeros);
		deflate(&z, i == 127 ? Z_FINISH : Z_NO_FLUSH);
	}
	n = sizeof(out) - z.avail_out;
	deflateEnd(&z);
	say_body(fd, "200 OK\r\nContent-Encoding: gzip", (char *)out, n);
}

static void
say_for_ever(int fd, const char *head, const char *part, size_t most)
{
	say(fd, head);
	for (size_t sent = 0; sent < most; sent += strlen(part))
		if (send(fd, part, strlen(part), MSG_NOSIGNAL) <= 0)
			return;
}

/* False: the connection ends. */
static bool
answer(int fd, const char *path)
{
	static const unsigned char zipped[] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0,
	    0, 3, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 7, 0, 0x86, 0xa6, 0x10, 0x36,
	    5, 0, 0, 0 };

	if (strcmp(path, "/hello") == 0)
		say_body(fd, "200 OK\r\nContent-Type: text/plain; x=y\r\n"
		    "Date: Sat, 21 Nov 2026 09:13:18 GMT", "he\0lo", 5);
	else if (strcmp(path, "/busy") == 0)
		say_body(fd, "503 No\r\nRetry-After: 7", "", 0);
	else if (strcmp(path, "/busy-date") == 0)
		say_body(fd, "429 No\r\nDate: Sat, 21 Nov 2026 09:13:18 GMT\r\n"
		    "Retry-After: Sat, 21 Nov 2026 09:13:48 GMT", "", 0);
	else if (strcmp(path, "/busy-odd") == 0)
		say_body(fd, "429 No\r\nRetry-After: -5", "", 0);
	else if (strcmp(path, "/broken") == 0)
		say_body(fd, "500 No", "oops", 4);
	else if (strcmp(path, "/redirect") == 0)
		say_body(fd, "302 Go\r\nLocation: http://169.254.169.254/", "",
		    0);
	else if (strcmp(path, "/redirect-file") == 0)
		say_body(fd, "302 Go\r\nLocation: file:///etc/passwd", "", 0);
	else if (strcmp(path, "/zipped") == 0)
		say_body(fd, "200 OK\r\nContent-Encoding: gzip",
		    (const char *)zipped, sizeof(zipped));
	else if (strcmp(path, "/bomb") == 0)
		say_bomb(fd);
	else if (strcmp(path, "/endless") == 0)
		say_for_ever(fd, "HTTP/1.1 200 OK\r\n\r\n", "xxxxxxxxxxxxxxxx"
		    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 64 << 20);
	else if (strcmp(path, "/headers") == 0)
		say_for_ever(fd, "HTTP/1.1 200 OK\r\n", "X-Many: yes, many\r\n",
		    64 << 20);
	else if (strcmp(path, "/continues") == 0)
		say_for_ever(fd, "", "HTTP/1.1 100 Continue\r\n\r\n", 64 << 20);
	else if (strcmp(path, "/old") == 0)
		say(fd, "plain text of HTTP/0.9\n");
	else if (strcmp(path, "/hang") == 0)
		pause_ms(fd, -1);	/* until the client goes */
	else if (strcmp(path, "/close") == 0)
		return false;
	else
		say_body(fd, "404 No", "", 0);
	return strcmp(path, "/hello") == 0 || strncmp(path, "/busy", 5) == 0;
}

/* Reads one request into last; its path, or false at the end. */
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
	return sscanf(buf, "%*s %255s", path) == 1;
}

static void *
serve_one(void *arg)
{
	int fd = (int)(intptr_t)arg, n, top;
	char path[256];
	bool more = true;

	while (more && receive(fd, path)) {
		atomic_fetch_add(&requests, 1);
		n = atomic_fetch_add(&now_running, 1) + 1;
		top = atomic_load(&most_running);
		while (n > top && !atomic_compare_exchange_weak(&most_running,
		    &top, n))
			;
		if (strcmp(path, "/slow") == 0) {
			pause_ms(-1, 50);
			memcpy(path, "/hello", 7);
		}
		/* Before the answer: the client may be faster. */
		atomic_fetch_sub(&now_running, 1);
		more = answer(fd, path);
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

	(void)state;
	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&at, n) == -1 ||
	    listen(listener, 64) == -1 ||
	    getsockname(listener, (struct sockaddr *)&at, &n) == -1)
		return -1;
	port = ntohs(at.sin_port);
	return pthread_create(&t, NULL, serve, NULL);
}

/* ---- client ------------------------------------------------------------- */
struct client {
	struct arena *a;
	struct net *net;
	struct err err;
	struct net_reply r;
};

static void
open_client(struct client *c, struct shm *shm)
{
	memset(c, 0, sizeof(*c));
	c->a = arena_new(64 << 20);
	assert_int_equal(net_open(&c->net, c->a, &conf, shm, &c->err), 0);
	net_allow(c->net, arena_printf(c->a, "http://127.0.0.1:%u", port));
}

static int
get(struct client *c, const char *path)
{
	struct net_call call = { .service = "webhook", .method = "GET",
	    .url = arena_printf(c->a, "http://127.0.0.1:%u%s", port, path) };

	err_clear(&c->err);
	return net_http(c->net, c->a, &call, &c->r, &c->err);
}

static void
test_answers(void **state)
{
	struct client c;
	struct utc when;
	int before;

	(void)state;
	open_client(&c, NULL);
	before = atomic_load(&connections);
	for (int i = 0; i < 5; i++)
		assert_int_equal(get(&c, "/hello"), 0);
	assert_int_equal(atomic_load(&connections), before + 1);
	assert_int_equal(c.r.status, 200);
	assert_int_equal(c.r.len, 5);
	assert_memory_equal(c.r.body, "he\0lo", 6);
	assert_string_equal(c.r.content_type, "text/plain; x=y");
	assert_int_equal(clock_parse("2026-11-21T09:13:18Z", &when), 0);
	assert_int_equal(c.r.date.us, when.us);
	assert_int_equal(c.r.retry_after_s, 0);
	assert_true(c.r.elapsed_us > 0);
	assert_int_equal(get(&c, "/busy"), 0);
	assert_int_equal(c.r.status, 503);
	assert_int_equal(c.r.retry_after_s, 7);
	assert_int_equal(get(&c, "/busy-date"), 0);
	assert_int_equal(c.r.retry_after_s, 30);
	assert_int_equal(get(&c, "/busy-odd"), 0);
	assert_int_equal(c.r.retry_after_s, 0);
	assert_int_equal(get(&c, "/zipped"), 0);
	assert_string_equal(c.r.body, "hello");
	assert_int_equal(get(&c, "/redirect"), 0);
	assert_int_equal(c.r.status, 302);
	assert_int_equal(get(&c, "/redirect-file"), 0);
	assert_int_equal(c.r.status, 302);
	assert_int_equal(c.r.len, 0);
	arena_free(c.a);
}

static void
test_request(void **state)
{
	struct client c;
	const struct net_header h[] = { { "X-One", "1" }, { "X-Empty", "" },
	    { "Content-Type", "a/b" } };
	const struct net_header bad[] = { { "X", "1\r\nY: 2" },
	    { "X Y", "1" }, { "", "1" }, { "X:", "1" }, { "X", "\x7f" } };
	struct net_call call = { .method = "POST", .headers = h,
	    .nheaders = 3, .body = "a=b", .body_len = 3 };

	(void)state;
	open_client(&c, NULL);
	call.url = arena_printf(c.a, "http://127.0.0.1:%u/a/../b?c", port);
	assert_int_equal(net_http(c.net, c.a, &call, &c.r, &c.err), 0);
	assert_int_equal(c.r.status, 404);
	assert_non_null(strstr(last, "POST /a/../b?c HTTP/1.1\r\n"));
	assert_non_null(strstr(last, "\r\nX-One: 1\r\nX-Empty:\r\n"
	    "Content-Type: a/b\r\n"));
	assert_non_null(strstr(last, "\r\nContent-Length: 3\r\n"));
	assert_non_null(strstr(last, "\r\nAccept-Encoding: gzip\r\n"));
	assert_null(strstr(last, "Expect"));
	assert_non_null(strstr(last, "\r\n\r\na=b"));
	call.nheaders = 0;
	call.body_len = 0;
	assert_int_equal(net_http(c.net, c.a, &call, &c.r, &c.err), 0);
	assert_null(strstr(last, "Content-Type"));
	assert_non_null(strstr(last, "\r\nContent-Length: 0\r\n"));
	call.nheaders = 1;
	for (size_t i = 0; i < NITEMS(bad); i++) {
		call.headers = &bad[i];
		assert_int_equal(net_http(c.net, c.a, &call, &c.r, &c.err),
		    -1);
		assert_string_equal(c.err.code, "net_refused");
	}
	call.nheaders = 0;
	call.method = "CONNECT";
	assert_int_equal(net_http(c.net, c.a, &call, &c.r, &c.err), -1);
	arena_free(c.a);
}

struct accident {
	const char *path;
	int status;
	const char *code, *why;
};

static const struct accident accidents[] = {
	{ "/bomb", 502, "net_failed", "longer than 1048576 bytes" },
	{ "/endless", 502, "net_failed", "longer than 1048576 bytes" },
	{ "/headers", 502, "net_failed", "headers" },
	{ "/continues", 502, "net_failed", "headers" },
	{ "/old", 502, "net_failed", "reached" },
	{ "/close", 502, "net_failed", "reached" },
	{ "/hang", 504, "net_timeout", "in time" },
};

static void
test_accidents(void **state)
{
	struct client c;
	int64_t t = clock_boot_ns();

	(void)state;
	open_client(&c, NULL);
	for (size_t i = 0; i < NITEMS(accidents); i++) {
		if (get(&c, accidents[i].path) != -1)
			fail_msg("%s was answered", accidents[i].path);
		assert_int_equal(c.err.status, accidents[i].status);
		assert_string_equal(c.err.code, accidents[i].code);
		if (strstr(c.err.detail, accidents[i].why) == NULL)
			fail_msg("%s: %s", accidents[i].path, c.err.detail);
		assert_non_null(strstr(c.err.cause, "127.0.0.1"));
		assert_int_equal(get(&c, "/hello"), 0);
	}
	assert_true(clock_boot_ns() - t < INT64_C(4000000000));
	arena_free(c.a);
}

/* A database transaction is open: our bug, and the process ends. */
static void
test_transaction(void **state)
{
	struct client c;
	int status;
	pid_t pid;

	(void)state;
	open_client(&c, NULL);
	fflush(NULL);
	if ((pid = fork()) == 0) {
		(void)!freopen("/dev/null", "w", stderr);
		txn_depth_add(1);
		get(&c, "/hello");
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) ||
	    (WIFEXITED(status) && WEXITSTATUS(status) != 0));
	arena_free(c.a);
}

/* A child opens connections of its own. */
static void
test_fork(void **state)
{
	struct client c;
	int status, before;
	pid_t pid;

	(void)state;
	open_client(&c, NULL);
	assert_int_equal(get(&c, "/hello"), 0);
	before = atomic_load(&connections);
	fflush(NULL);
	if ((pid = fork()) == 0)
		_exit(get(&c, "/hello") == 0 ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(atomic_load(&connections), before + 1);
	assert_int_equal(get(&c, "/hello"), 0);
	assert_int_equal(atomic_load(&connections), before + 1);
	arena_free(c.a);
}

static void
test_breaker(void **state)
{
	/* The first is here so that numbers are not zero. */
	static const struct guard guards[] = { { .name = "first" },
		{ .name = "webhook", .breaker = { .failures = 3, .open_s = 1,
		    .open_max_s = 1, .probes = 2, .probe_s = 5 } },
		{ .name = NULL } };
	static const struct metric *const metrics[] = { &net_calls_total,
	    &net_call_seconds, NULL };
	struct shm_layout layout = { .metrics = metrics, .guards = guards,
	    .limit_slots = 1024, .processes = 8 };
	char dir[] = "/tmp/net-test-XXXXXX";
	struct arena *a = arena_new(16 << 20);
	struct shm *shm;
	struct client c;
	int before;

	(void)state;
	assert_non_null(mkdtemp(dir));
	err_clear(&c.err);
	assert_int_equal(shm_attach(&shm, a, dir, &layout, &c.err), 0);
	open_client(&c, shm);
	for (int i = 0; i < 2; i++)
		assert_int_equal(get(&c, "/broken"), 0);
	assert_int_equal(get(&c, "/hello"), 0);	/* in a row, or not */
	for (int i = 0; i < 5; i++)		/* alive and saying when */
		assert_int_equal(get(&c, "/busy-date"), 0);
	for (int i = 0; i < 5; i++)		/* our own mistakes */
		assert_int_equal(get(&c, "/nowhere"), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(get(&c, "/broken"), 0);
	before = atomic_load(&requests);
	assert_int_equal(get(&c, "/hello"), -1);
	assert_string_equal(c.err.code, "breaker_open");
	assert_int_equal(c.err.status, 503);
	assert_int_equal(c.err.retry_after_s, 1);
	assert_int_equal(atomic_load(&requests), before);
	for (int i = 0; i < 100 && get(&c, "/hello") == -1; i++)
		pause_ms(-1, 20);
	assert_string_equal(c.err.code == NULL ? "" : c.err.code, "");
	assert_int_equal(get(&c, "/hello"), 0);
	assert_int_equal(breaker_state(shm, 1), BREAKER_CLOSED);
	assert_true(metric_read(&net_calls_total, 1, 7) >= 1);
	assert_int_equal(metric_read(&net_calls_total, 1, 0), 3);
	shm_detach(shm);
	arena_free(c.a);
	arena_free(a);
	assert_int_equal(system(arena_printf(a = arena_new(4096 * 64),
	    "rm -r '%s'", dir)), 0);
	arena_free(a);
}

/* ---- batches --------------------------------------------------------------- */
struct job {
	size_t started, want, done, good, bad;
	size_t chained;		/* further calls that done() asks for */
};

static bool
next_call(void *arg, struct arena *a, struct net_call *call, void **tag)
{
	struct job *j = arg;
	const char *path = j->started % 10 == 9 ? "/close" : "/slow";

	if (j->started == j->want)
		return false;
	*call = (struct net_call){ .method = "GET", .url = arena_printf(a,
	    "http://127.0.0.1:%u%s", j->started == 5 ? 1 : port, path) };
	*tag = (void *)(intptr_t)++j->started;
	return true;
}

static void
call_done(void *arg, void *tag, struct arena *a, const struct net_reply *r,
    const struct err *err)
{
	struct job *j = arg;
	intptr_t i = (intptr_t)tag - 1;

	assert_true((r == NULL) != (err == NULL));
	j->done++;
	if (i == 5) {
		assert_string_equal(err->code, "net_refused");
		j->bad++;
	} else if (i % 10 == 9) {
		assert_string_equal(err->code, "net_failed");
		j->bad++;
	} else {
		assert_int_equal(r->len, 5);
		j->good++;
	}
	arena_alloc(a, 100000);
	if (j->chained > 0) {
		j->chained--;
		j->want++;
	}
}

static void
test_many(void **state)
{
	struct client c;
	struct job j = { .want = 40, .chained = 20 };
	struct net_batch b = { next_call, call_done, &j, 8 };
	int64_t t;
	int before;

	(void)state;
	open_client(&c, NULL);
	before = atomic_load(&connections);
	atomic_store(&most_running, 0);
	t = clock_boot_ns();
	assert_int_equal(net_run(c.net, &b, &c.err), 0);
	t = clock_boot_ns() - t;
	assert_int_equal(j.done, 60);
	assert_int_equal(j.good, 53);
	assert_int_equal(j.bad, 7);
	assert_true(atomic_load(&most_running) <= 8);
	assert_true(atomic_load(&most_running) >= 6);
	assert_true(atomic_load(&connections) - before < 30);
	assert_true(t < INT64_C(2000000000));	/* 3 s one after another */
	j = (struct job){ 0 };			/* nothing to do */
	assert_int_equal(net_run(c.net, &b, &c.err), 0);
	assert_int_equal(j.done, 0);
	arena_free(c.a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_accidents),
		cmocka_unit_test(test_transaction),
		cmocka_unit_test(test_fork),
		cmocka_unit_test(test_breaker),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
