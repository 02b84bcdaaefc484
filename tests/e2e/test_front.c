/*
 * The same program behind every web server, on the sites of etc/: what works
 * behind one works behind all. Also TLS, a public URL with a prefix, trusted
 * proxies, the rule about the web server's user, and that the samples in etc/
 * are what the programs print today.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/str.h"
#include "tests/harness/forked.h"
#include "tests/harness/stack.h"
#include "tests/harness/web.h"

enum { BIG = 3 << 20, BELOW = 900000 };

static struct stack st;
static struct web web;		/* the one that runs */
static bool running;
static const char *admin;	/* header line */

/* ---- what works behind one works behind all ---- */

static void
check_health(void)
{
	struct raw_reply r = web_call(&web, "GET", "/health", NULL, NULL);

	web_expect(&web, r, 200);
	/* "degraded" once somebody has seen that nobody does the jobs here */
	assert_string_not_equal(web_member(&web, &r, "status"), "down");
	r = web_call(&web, "GET", "/health/", NULL, NULL);
	web_expect(&web, r, 200);	/* both slash forms */
	r = web_call(&web, "HEAD", "/health", NULL, NULL);
	web_expect(&web, r, 200);
	r = web_call(&web, "GET", "/nothing/here", NULL, NULL);
	web_expect(&web, r, 404);
	assert_string_equal(web_member(&web, &r, "detail"), "Not Found");
}

static void
check_login(void)
{
	struct raw_reply r;

	admin = web_login(&web);
	r = web_call(&web, "GET", "/api/auth/profile", NULL, NULL);
	web_expect(&web, r, 401);
	assert_string_equal(raw_header(st.a, &r, "WWW-Authenticate"),
	    "Bearer");
	r = web_call(&web, "GET", "/api/auth/profile", admin, NULL);
	web_expect(&web, r, 200);
	r = web_call(&web, "POST", "/api/auth/login", NULL, "{}");
	web_expect(&web, r, 422);
}

static const char *
new_key(void)
{
	static unsigned n;

	return arena_printf(st.a, "{\"name\":\"front-%u\","
	    "\"scopes\":[\"auth:self\"]}", ++n);
}

static struct raw_reply
chunked(const char *body)
{
	return raw_request(st.a, &web.to, "POST %s/api/auth/keys HTTP/1.1\r\n"
	    "Host: localhost\r\nConnection: close\r\n%s"
	    "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
	    "\r\n5\r\n%.5s\r\n%zx\r\n%s\r\n0\r\n\r\n", web.prefix, admin,
	    body, strlen(body + 5), body + 5);
}

static void
check_write(void)
{
	struct raw_reply r = web_call(&web, "POST", "/api/auth/keys", admin,
	    new_key());

	web_expect(&web, r, 201);
	r = chunked(new_key());
	web_expect(&web, r, 201);
	r = web_call(&web, "DELETE", "/api/auth/keys", admin, NULL);
	web_expect(&web, r, 405);
	assert_non_null(raw_header(st.a, &r, "Allow"));
}

/* Below the limit it is decoded, above it is refused, announced or not. */
static void
check_large(void)
{
	char *big = arena_alloc(st.a, BIG + 1);
	struct raw_reply r;

	memset(big, 'x', BIG);
	big[BELOW] = '\0';
	r = web_call(&web, "POST", "/api/auth/keys", admin, arena_printf(
	    st.a, "{\"name\":\"%s\"}", big));
	web_expect(&web, r, 422);
	big[BELOW] = 'x';
	big[BIG] = '\0';
	r = web_call(&web, "POST", "/api/auth/keys", admin, big);
	web_expect(&web, r, 413);
	if (strstr(web.name, "lighttpd") == NULL)	/* its own, in HTML */
		assert_non_null(strstr(r.body, "\"detail\""));
	r = chunked(big);
	web_expect(&web, r, 413);
	r = web_call(&web, "GET", "/health/live", NULL, NULL);
	web_expect(&web, r, 200);	/* and it goes on */
}

static void
check_percent(void)
{
	struct raw_reply r = web_call(&web, "GET", "/api/auth/%70rofile",
	    admin, NULL);

	web_expect(&web, r, 200);
	r = web_call(&web, "GET", "/he%61lth/live?x=%2Fa%20b", NULL, NULL);
	web_expect(&web, r, 200);
	r = web_call(&web, "GET", "/nothing/%C3%A9", admin, NULL);
	web_expect(&web, r, 404);
}

/* The control pool answers behind every one, metrics included. */
static void
check_status(void)
{
	struct raw_reply r = web_call(&web, "GET", "/metrics", NULL, NULL);

	web_expect(&web, r, 200);
	assert_non_null(strstr(r.body, "quincunx_http_requests_total"));
	r = web_call(&web, "GET", "/api/system/status", admin, NULL);
	web_expect(&web, r, 200);
}

/* While nothing answers, a program gets an object and a person a page. */
static void
check_nobody(void)
{
	struct raw_reply r;

	stack_responder_stop(&st, SIGTERM);
	r = web_call(&web, "GET", "/api/auth/profile", NULL, NULL);
	web_expect(&web, r, 503);
	assert_non_null(strstr(r.body, "\"detail\""));
	r = web_call(&web, "GET", "/ui", "Accept: text/html\r\n", NULL);
	web_expect(&web, r, 503);
	assert_non_null(strstr(r.body, "Quincunx does not answer"));
	assert_non_null(strstr(raw_header(st.a, &r, "Content-Type"),
	    "text/html"));
	stack_responder_start(&st);
}

static void
basics(void)
{
	check_health();
	check_login();
	check_write();
	check_large();
	check_percent();
	check_status();
}

/* ---- one test per shape ---- */

static bool
begin(enum web_shape shape, bool tls, const char *prefix)
{
	struct web_options o = { .shape = shape, .tls = tls,
	    .prefix = prefix };

	if (shape == WEB_SYSTEMD)
		stack_responder_stop(&st, SIGTERM);
	running = web_start(&web, &st, &o);
	return running;
}

static int
end_shape(void **state)
{
	(void)state;
	if (running)
		web_stop(&web);
	running = false;
	stack_responder_start(&st);
	return 0;
}

static void
test_shape(void **state)
{
	enum web_shape shape = *(enum web_shape *)*state;

	if (!begin(shape, false, NULL))
		return;
	basics();
	if (shape == WEB_NGINX || shape == WEB_APACHE)
		check_nobody();
}

static void
test_tls(void **state)
{
	enum web_shape shape = *(enum web_shape *)*state;

	if (begin(shape, true, NULL))
		basics();
}

/* ---- settings ---- */

/* Sites are printed with the prefix, and all works below it. */
static void
test_prefix(void **state)
{
	enum web_shape shape = *(enum web_shape *)*state;
	struct raw_reply r;

	stack_setting(&st, "http.public_url",
	    "https://example.test/quincunx");
	assert_true(stack_reload(&st));
	if (!begin(shape, false, "/quincunx"))
		return;
	basics();
	web.prefix = "/quincunxx";
	r = web_call(&web, "GET", "/health", NULL, NULL);
	web_expect(&web, r, 404);
}

static int
end_prefix(void **state)
{
	end_shape(state);
	stack_setting(&st, "http.public_url", NULL);
	return stack_reload(&st) ? 0 : -1;
}

/* ---- who runs it ---- */

static int
output_of(const char *const *argv, char *out, size_t cap)
{
	int p[2], status;
	size_t n = 0;
	ssize_t got;
	pid_t pid;

	assert_int_equal(pipe(p), 0);
	if ((pid = fork()) == 0) {
		dup2(p[1], 1);
		dup2(p[1], 2);
		close(p[0]);
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(p[1]);
	while (n < cap - 1 && (got = read(p[0], out + n, cap - 1 - n)) > 0)
		n += (size_t)got;
	out[n] = '\0';
	close(p[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000;
}

/* As root by its uid, else inside a user namespace that calls us so. */
static void
test_web_user(void **state)
{
	const char *prog = arena_printf(st.a, "%s/quincunx.fcgi",
	    stack_bin());
	char out[4096];
	int rc;

	(void)state;
	if (geteuid() == 0)
		rc = output_of((const char *[]){ "setpriv", "--reuid=33",
		    "--regid=33", "--clear-groups", prog, "--listen", NULL },
		    out, sizeof(out));
	else
		rc = output_of((const char *[]){ "unshare", "--user",
		    "--map-user=33", prog, "--listen", NULL }, out,
		    sizeof(out));
	if (rc == 1 && strstr(out, "unshare:") != NULL) {
		assert_null(getenv("CI"));
		printf("not run: no user namespaces here\n");
		return;
	}
	assert_int_equal(rc, 1);
	if (strstr(out, "refusing to run as") == NULL ||
	    strstr(out, "spawn-fcgi -u") == NULL)
		fail_msg("no way out in: %s", out);
}

static void
test_samples(void **state)
{
	char out[8192];

	(void)state;
	if (output_of((const char *[]){ "etc/generate.sh", "--check", NULL },
	    out, sizeof(out)) != 0)
		fail_msg("%s", out);
}

/* ---- main ---- */

static int
open_all(void **state)
{
	(void)state;
	stack_start(&st, &(struct stack_options){ .no_web = true,
	    .worker = true });
	return 0;
}

static int
close_all(void **state)
{
	(void)state;
	stack_stop(&st);
	return 0;
}

static enum web_shape all[WEB_SHAPES] = { WEB_NGINX, WEB_LIGHTTPD,
	WEB_APACHE, WEB_SPAWN, WEB_BINPATH, WEB_FCGID, WEB_LIGHTTPD_CGI,
	WEB_APACHE_CGI, WEB_SYSTEMD };

#define SHAPE(i, name) { "test_" name, test_shape, NULL, end_shape, &all[i] }
#define TLS(i, name) { "test_tls_" name, test_tls, NULL, end_shape, &all[i] }
#define PREFIX(i, name) { "test_prefix_" name, test_prefix, NULL, \
	end_prefix, &all[i] }

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SHAPE(0, "nginx"), SHAPE(1, "lighttpd"),
		SHAPE(2, "apache_proxy"), SHAPE(3, "spawn_fcgi"),
		SHAPE(4, "lighttpd_binpath"), SHAPE(5, "apache_fcgid"),
		SHAPE(6, "lighttpd_cgi"), SHAPE(7, "apache_cgi"),
		SHAPE(8, "systemd_socket"),
		TLS(0, "nginx"), TLS(1, "lighttpd"), TLS(2, "apache"),
		PREFIX(0, "nginx"), PREFIX(1, "lighttpd"),
		PREFIX(2, "apache"),
		cmocka_unit_test(test_web_user),
		cmocka_unit_test(test_samples)
	};

	return cmocka_run_group_tests(tests, open_all, close_all);
}
