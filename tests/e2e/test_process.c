/*
 * The life of the responders: children killed in the middle of a request,
 * permits that come back, drain, reload, refusal of a bad file, stuck and
 * slow requests, retirement. A lock on a table makes a request hang where a
 * test needs one; an expensive password hash makes one that computes.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <setjmp.h>
#include <cmocka.h>
#include <json.h>
#include <mysql.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/str.h"
#include "tests/harness/forked.h"
#include "tests/harness/load.h"
#include "tests/harness/mariadb.h"
#include "tests/harness/stack.h"
#include "tests/harness/web.h"

enum { WAIT_MS = 8000 };

static struct stack st;
static struct web web;
static const char *admin;	/* header line */

/* ---- tools ---- */

static const char *
ask(const char *method, const char *path, const char *body)
{
	const char *entity = body == NULL ? "" : arena_printf(st.a,
	    "Content-Type: application/json\r\nContent-Length: %zu\r\n",
	    strlen(body));

	return arena_printf(st.a, "%s %s HTTP/1.1\r\nHost: localhost\r\n"
	    "Connection: close\r\n%s%s\r\n%s", method, path, admin, entity,
	    body == NULL ? "" : body);
}

/* A login that takes seconds (nobody's hash has today's cost). */
static const char *
slow_login(void)
{
	static unsigned n;
	const char *body = arena_printf(st.a, "{\"email\":\"nobody%u@example."
	    "test\",\"password\":\"whatever-it-is\"}", ++n);

	return arena_printf(st.a, "POST /api/auth/login HTTP/1.1\r\n"
	    "Host: localhost\r\nConnection: close\r\nContent-Type: "
	    "application/json\r\nContent-Length: %zu\r\n\r\n%s", strlen(body),
	    body);
}

/* A lock that lasts until unlock(), in which a failed test ends, too. */
static MYSQL *held;

static void
lock(const char *table)
{
	const char *url = mariadb_url(st.a, st.db);

	held = mysql_init(NULL);
	assert_non_null(mysql_real_connect(held, NULL, "root", "", st.db, 0,
	    strstr(url, "unix_socket=") + 12, 0));
	assert_int_equal(mysql_query(held, "SET lock_wait_timeout = 8"), 0);
	assert_int_equal(mysql_query(held, arena_printf(st.a,
	    "LOCK TABLES %s WRITE", table)), 0);
}

static void
unlock(void)
{
	if (held != NULL)
		mysql_close(held);
	held = NULL;
}

static int
end_test(void **state)
{
	(void)state;
	unlock();
	stack_responder_start(&st);
	return 0;
}

/* Processes that serve the route now, as the scoreboard tells. */
static size_t
serving(const char *route, pid_t *out, size_t max)
{
	struct raw_target to = { .port = web.to.port, .timeout_ms = 700 };
	const char *text = ask("GET", "/api/system/processes", NULL);
	struct raw_reply r = raw_exchange(st.a, &to, text, strlen(text));
	struct json_object *j, *items, *v;
	size_t n = 0;

	if (r.status != 200)	/* behind the busy one, on a kept connection */
		return 0;
	j = json_tokener_parse(r.body);
	assert_true(json_object_object_get_ex(j, "items", &items));
	for (size_t i = 0; i < json_object_array_length(items); i++) {
		struct json_object *p = json_object_array_get_idx(items, i);
		const char *at = "";

		if (json_object_object_get_ex(p, "route", &v) && v != NULL)
			at = json_object_get_string(v);
		if (strcmp(at, route) == 0 && n < max &&
		    json_object_object_get_ex(p, "pid", &v))
			out[n++] = (pid_t)json_object_get_int64(v);
	}
	json_object_put(j);
	return n;
}

struct awaited {
	const char *route;
	pid_t pid;
};

static bool
is_serving(void *arg)
{
	struct awaited *w = arg;

	return serving(w->route, &w->pid, 1) == 1;
}

static pid_t
await_serving(const char *route)
{
	struct awaited w = { route, 0 };

	if (!eventually(is_serving, &w, WAIT_MS))
		fail_msg("%s: nobody serves %s", web.name, route);
	return w.pid;
}

struct line {
	const char *a, *b;
};

/* One line of our log holds both texts. */
static bool
logged(void *arg)
{
	struct line *l = arg;
	const char *p = stack_file(&st, "log/server.log"), *end;

	for (; (p = strstr(p, l->a)) != NULL; p = end) {
		end = strchr(p, '\n');
		if (end == NULL)
			return false;
		if (memmem(p, (size_t)(end - p), l->b, strlen(l->b)) != NULL)
			return true;
	}
	return false;
}

static void
expect_logged(const char *a, const char *b)
{
	struct line l = { a, b };

	if (!eventually(logged, &l, WAIT_MS))
		fail_msg("not logged: %s ... %s", a, b);
}

static size_t want_children;

static bool
full_again(void *arg)
{
	pid_t pids[64];

	(void)arg;
	return web_processes(&web, pids, 64) == want_children;
}

static void
expect_children(size_t n)
{
	pid_t pids[64];

	want_children = n;
	if (!eventually(full_again, NULL, WAIT_MS))
		fail_msg("%zu children, not %zu",
		    web_processes(&web, pids, 64), n);
}

static long long
counter(const char *name)
{
	struct raw_reply r = web_call(&web, "GET", "/metrics", NULL, NULL);
	long long sum = 0;
	size_t n = strlen(name);

	web_expect(&web, r, 200);
	for (const char *p = r.body; p != NULL && *p != '\0';
	    p = strchr(p, '\n')) {
		p += *p == '\n';
		if (strncmp(p, name, n) == 0 && (p[n] == '{' || p[n] == ' '))
			sum += strtoll(p + strcspn(p, " \n}") +
			    (p[n] == '{' ? 1 : 0), NULL, 10);
	}
	return sum;
}

static void
fast_get_ok(void)
{
	struct raw_reply r = web_call(&web, "GET", "/api/auth/profile", admin,
	    NULL);

	web_expect(&web, r, 200);
}

/* ---- a child dies in the middle ---- */

static void
test_kill_child(void **state)
{
	long long before = counter("quincunx_fcgi_respawns_total");
	size_t all = web_processes(&web, (pid_t[64]){ 0 }, 64);
	pid_t client, victim;

	(void)state;
	lock("auth_apikey");
	client = load_one(&web.to, ask("GET", "/api/auth/keys", NULL));
	victim = await_serving("auth.apikey.list");
	assert_int_equal(kill(victim, SIGKILL), 0);
	assert_int_equal(load_wait(client), 503);
	for (int i = 0; i < 20; i++)
		fast_get_ok();		/* the others serve */
	unlock();
	expect_children(all);		/* and it is replaced */
	assert_true(counter("quincunx_fcgi_respawns_total") > before);
	expect_logged("a child was killed", arena_printf(st.a, "%ld",
	    (long)victim));
}

/* Metrics outlive the children that counted. */
static void
test_counters(void **state)
{
	long long seen = 0, now;
	pid_t pids[64];

	(void)state;
	for (int i = 0; i < 6; i++) {
		for (int k = 0; k < 10; k++)
			fast_get_ok();
		now = counter("quincunx_http_requests_total");
		assert_true(now >= seen + 10);
		seen = now;
		assert_true(web_processes(&web, pids, 64) > 0);
		kill(pids[0], SIGKILL);
		nap_ms(60);
	}
	expect_children(8);
}

static void
test_scoreboard(void **state)
{
	struct raw_reply r = web_call(&web, "GET", "/api/system/processes",
	    admin, NULL);

	(void)state;
	web_expect(&web, r, 200);
	assert_non_null(strstr(r.body, "\"pool\":\"api\""));
	assert_non_null(strstr(r.body, "\"pool\":\"slow\""));
	assert_non_null(strstr(r.body, "\"pool\":\"control\""));
	assert_non_null(strstr(r.body, "\"pool\":\"manager\""));
	assert_non_null(strstr(r.body, "\"system.process.list\""));
}

/* ---- slow and stuck ---- */

static void
test_slow_log(void **state)
{
	pid_t client;

	(void)state;
	lock("auth_apikey");
	stack_setting(&st, "fcgi.api.slow", "300");
	assert_true(stack_reload(&st));
	client = load_one(&web.to, ask("GET", "/api/auth/keys", NULL));
	await_serving("auth.apikey.list");
	nap_ms(1500);
	unlock();
	assert_int_equal(load_wait(client), 200);
	stack_setting(&st, "fcgi.api.slow", NULL);
	expect_logged("slow request", "auth.apikey.list");
	expect_logged("slow request", "auth_apikey");	/* the breadcrumb */
}

static void
test_stuck(void **state)
{
	long long before = counter("quincunx_fcgi_kills_total");
	int64_t start;
	pid_t client;

	(void)state;
	lock("auth_apikey");
	stack_setting(&st, "fcgi.api.kill", "1200");
	assert_true(stack_reload(&st));
	start = clock_boot_ns();
	client = load_one(&web.to, ask("GET", "/api/auth/keys", NULL));
	assert_int_equal(load_wait(client), 503);
	assert_true(clock_boot_ns() - start < 4000000000LL);
	unlock();
	stack_setting(&st, "fcgi.api.kill", NULL);
	expect_logged("stuck request killed", "auth.apikey.list");
	assert_true(counter("quincunx_fcgi_kills_total") > before);
	assert_true(stack_reload(&st));
	fast_get_ok();
}

/* ---- reload and drain ---- */

static void
test_reload_under_load(void **state)
{
	struct load l;

	(void)state;
	load_start(&l, &web.to, 4, ask("POST", "/api/auth/keys",
	    "{\"name\":\"load-" LOAD_NUMBER "\",\"scopes\":"
	    "[\"auth:self\"]}"), 0);
	for (int i = 0; i < 20; i++) {
		kill(st.responder, SIGHUP);
		nap_ms(100);
	}
	load_stop(&l);
	if (load_bad(&l, 0) != 0 || l.now->total < 50) {
		web_logs(&web);
		fail_msg("load: %s", load_text(&l));
	}
	load_free(&l);
	assert_true(stack_reload(&st));
	expect_children(8);
}

static void
test_bad_file(void **state)
{
	pid_t before[64], after[64];
	size_t n = web_processes(&web, before, 64);

	(void)state;
	stack_setting(&st, "http.max_body", "1");
	assert_false(stack_reload(&st));
	fast_get_ok();
	assert_int_equal(web_processes(&web, after, 64), n);
	assert_memory_equal(before, after, n * sizeof(pid_t));
	expect_logged("reload refused", "http.max_body");
	stack_setting(&st, "http.max_body", NULL);
	assert_true(stack_reload(&st));
}

/* POSTs go on while children end after every fifty, and nobody waits for a
 * retired one: more clients than the web server keeps connections. */
static void
test_retirement(void **state)
{
	const char *seen = stack_file(&st, "log/server.log");
	size_t from = strlen(seen);
	struct load l;

	(void)state;
	stack_setting(&st, "fcgi.api.max_requests", "50");
	assert_true(stack_reload(&st));
	load_start(&l, &web.to, 48, ask("POST", "/api/auth/keys",
	    "{\"name\":\"retire-" LOAD_NUMBER "\",\"scopes\":"
	    "[\"auth:self\"]}"), 0);
	nap_ms(4000);
	load_stop(&l);
	if (load_bad(&l, 0) != 0 || l.now->total < 600 ||
	    l.now->slowest_us > 2500000) {
		web_logs(&web);
		fail_msg("load: %s, slowest %lu ms", load_text(&l),
		    l.now->slowest_us / 1000);
	}
	printf("retirement: load %s, slowest %lu ms\n", load_text(&l),
	    l.now->slowest_us / 1000);
	load_free(&l);
	assert_null(strstr(stack_file(&st, "log/server.log") + from,
	    "a child failed"));
	stack_setting(&st, "fcgi.api.max_requests", NULL);
	assert_true(stack_reload(&st));
	expect_children(8);
}

static void
expensive_hashes(const char *passes)
{
	bool on = passes != NULL;

	stack_setting(&st, "auth.argon2_memory_kib", on ? "65536" : "1024");
	stack_setting(&st, "auth.argon2_passes", on ? passes : "1");
	stack_setting(&st, "auth.password_parallel", on ? "1" : NULL);
}

/* SIGTERM: what is in flight is finished, then it ends. */
static void
test_drain(void **state)
{
	pid_t client;

	(void)state;
	expensive_hashes("12");
	assert_true(stack_reload(&st));
	client = load_one(&web.to, slow_login());
	await_serving("auth.session.login");
	stack_responder_stop(&st, SIGTERM);
	assert_int_equal(load_wait(client), 401);
	assert_int_not_equal(access(stack_path(&st, "run/api.sock"), F_OK), 0);
	expensive_hashes(NULL);
	stack_responder_start(&st);
	fast_get_ok();
}

/* ---- permits ---- */

/* With one permit: the second login is refused while the first computes, and
 * let in once the first one's process has died. */
static void
permits_come_back(void)
{
	pid_t client, victim;
	int first, again = 503;

	client = load_one(&web.to, slow_login());
	victim = await_serving("auth.session.login");
	assert_int_equal(load_wait(load_one(&web.to, slow_login())), 503);
	assert_int_equal(kill(victim, SIGKILL), 0);
	first = load_wait(client);
	if (first < 500)
		fail_msg("%s: a killed login answered %d", web.name, first);
	/* a dying process closes its connection before its lock */
	for (int i = 0; i < 20 && again == 503; i++) {
		again = load_wait(load_one(&web.to, slow_login()));
		if (again == 503)
			nap_ms(20);
	}
	assert_int_equal(again, 401);
}

static void
test_permits(void **state)
{
	enum web_shape shape = *(enum web_shape *)*state;
	struct web_options o = { .shape = shape };
	struct web main_web = web;

	expensive_hashes("60");
	assert_true(stack_reload(&st));
	if (shape == WEB_NGINX)
		permits_come_back();
	else if (web_start(&web, &st, &o)) {
		permits_come_back();
		web_stop(&web);
	}
	web = main_web;
	expensive_hashes(NULL);
	assert_true(stack_reload(&st));
}

/* ---- what nobody read ---- */

enum { RECORD = 8, BUFFER = 8192 };	/* of libfcgi */
enum { FCGI_BEGIN = 1, FCGI_END = 3, FCGI_PARAMS = 4, FCGI_STDIN = 5 };

static void
record(struct str *s, int type, const char *p, size_t n)
{
	const unsigned char head[RECORD] = { 1, (unsigned char)type, 0, 1,
	    (unsigned char)(n >> 8), (unsigned char)n, 0, 0 };

	str_addn(s, head, RECORD);
	str_addn(s, p, n);
}

/* A request as a web server writes it, up to its body. */
static void
fcgi_head(struct str *s, const char *method, const char *uri, size_t body)
{
	const char *pairs[][2] = { { "REQUEST_METHOD", method },
	    { "REQUEST_URI", uri }, { "REMOTE_ADDR", "127.0.0.1" },
	    { "CONTENT_TYPE", "application/json" }, { "CONTENT_LENGTH",
	    arena_printf(st.a, "%zu", body) } };
	struct str v;

	str_init(&v, st.a);
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		str_addc(&v, (char)strlen(pairs[i][0]));
		str_addc(&v, (char)strlen(pairs[i][1]));
		str_addf(&v, "%s%s", pairs[i][0], pairs[i][1]);
	}
	record(s, FCGI_BEGIN, "\0\1\1\0\0\0\0\0", 8);	/* keep it open */
	record(s, FCGI_PARAMS, v.p, v.len);
	record(s, FCGI_PARAMS, "", 0);
}

static void
send_all(int fd, const struct str *s)
{
	for (size_t done = 0; done < s->len; ) {
		ssize_t n = send(fd, s->p + done, s->len - done, MSG_NOSIGNAL);

		assert_true(n > 0);
		done += (size_t)n;
	}
}

/* Up to the end of the reply; "" when the connection ends before. */
static const char *
fcgi_reply(int fd)
{
	unsigned char head[RECORD];
	char content[65536 + 256];
	struct str s;

	str_init(&s, st.a);
	while (recv(fd, head, RECORD, MSG_WAITALL) == RECORD) {
		size_t n = (size_t)head[4] << 8 | head[5];

		if (n + head[6] > 0 && recv(fd, content, n + head[6],
		    MSG_WAITALL) != (ssize_t)(n + head[6]))
			return "";
		if (head[1] == FCGI_END)
			return s.p;
		str_addn(&s, content, n);
	}
	return "";
}

static int
fcgi_connect(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strncpy(to.sun_path, stack_path(&st, "run/api.sock"),
	    sizeof(to.sun_path) - 1);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO,
	    &(struct timeval){ .tv_sec = 20 }, sizeof(struct timeval)), 0);
	return fd;
}

/* A refused body that is longer than libfcgi's buffer, with a request in it
 * where the buffer ends: it stays a body, and whoever has the connection next
 * gets the answer to what he asked. */
static void
test_unread_body(void **state)
{
	enum { BODY = 3 * BUFFER };
	const char *refused = "/api/auth/keys?x=%u";
	struct str q, inner, body;
	int fd = fcgi_connect();

	(void)state;
	str_init(&q, st.a);
	str_init(&inner, st.a);
	str_init(&body, st.a);
	fcgi_head(&q, "POST", refused, BODY);
	fcgi_head(&inner, "GET", "/api/auth/hidden", 0);
	record(&inner, FCGI_STDIN, "", 0);
	while (body.len < BODY)
		if (q.len + RECORD + body.len == BUFFER)
			str_addn(&body, inner.p, inner.len);
		else
			str_addc(&body, 'x');
	record(&q, FCGI_STDIN, body.p, BODY);
	record(&q, FCGI_STDIN, "", 0);
	send_all(fd, &q);
	assert_non_null(strstr(fcgi_reply(fd), "400 Bad Request"));
	q.len = 0;
	fcgi_head(&q, "GET", "/health/live", 0);
	record(&q, FCGI_STDIN, "", 0);
	send_all(fd, &q);
	assert_non_null(strstr(fcgi_reply(fd), "\"alive\""));
	close(fd);
}

/* ---- main ---- */

static int
open_all(void **state)
{
	(void)state;
	stack_start(&st, &(struct stack_options){ .no_web = true,
	    .settings = (const char *const[]){ "fcgi.api.children=4",
	    "fcgi.slow.children=2", "fcgi.control.children=2", NULL } });
	if (!web_start(&web, &st, &(struct web_options){ WEB_NGINX, false,
	    NULL }))
		exit(0);
	admin = web_login(&web);
	return 0;
}

static int
close_all(void **state)
{
	(void)state;
	web_stop(&web);
	stack_stop(&st);
	return 0;
}

static enum web_shape shapes[] = { WEB_NGINX, WEB_SPAWN, WEB_BINPATH,
	WEB_FCGID, WEB_LIGHTTPD_CGI, WEB_APACHE_CGI };

#define PERMITS(i, name) { "test_permits_" name, test_permits, NULL, end_test, \
	&shapes[i] }

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_scoreboard, end_test),
		cmocka_unit_test_teardown(test_kill_child, end_test),
		cmocka_unit_test_teardown(test_counters, end_test),
		cmocka_unit_test_teardown(test_slow_log, end_test),
		cmocka_unit_test_teardown(test_stuck, end_test),
		cmocka_unit_test_teardown(test_bad_file, end_test),
		cmocka_unit_test_teardown(test_reload_under_load, end_test),
		cmocka_unit_test_teardown(test_retirement, end_test),
		cmocka_unit_test_teardown(test_drain, end_test),
		cmocka_unit_test(test_unread_body),
		PERMITS(0, "manager"), PERMITS(1, "spawn_fcgi"),
		PERMITS(2, "binpath"), PERMITS(3, "fcgid"),
		PERMITS(4, "lighttpd_cgi"), PERMITS(5, "apache_cgi")
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, open_all, close_all);
}
