/*
 * What a client makes up has the same result behind every web server: the
 * status, the body, the address in our log, and that no made-up id, host or
 * scheme comes back. A row marked OURS must reach the program and be answered
 * by it; other rows may be refused by the web server on its own, with the
 * same status where the row names one, else with any 4xx, 501 or 505 or a
 * closed connection (REFUSED). SERVER_400: some servers refuse what others
 * pass on (lighttpd: an absolute target whose host is not that of Host).
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/str.h"
#include "tests/harness/forked.h"
#include "tests/harness/stack.h"
#include "tests/harness/web.h"

enum { LOG_MS = 3000, REFUSED = -1, OURS = 1, NO_HOST = 2, AUTH = 4,
	AS_IS = 8, LONG_TARGET = 16, LONG_HEADER = 32, SERVER_400 = 64,
	TARGET = 9000,
	HEADER = 20000 };

static const struct row {
	const char *target;
	const char *headers;	/* AS_IS: the whole request */
	int status;
	unsigned flags;
	const char *body;	/* of POST */
} rows[] = {
	/* Made-up facts about the client: it stays who it is. */
	{ "/api/auth/permissions", "", 200, OURS | AUTH, NULL },
	{ "/api/auth/permissions", "X-Forwarded-For: 6.6.6.6\r\n", 200,
	  OURS | AUTH, NULL },
	{ "/api/auth/permissions", "X_Forwarded_For: 6.6.6.6\r\n", 200,
	  OURS | AUTH, NULL },
	{ "/api/auth/permissions", "X-Forwarded-For: 6.6.6.6\r\n"
	  "X_Forwarded_For: 7.7.7.7\r\n", 200, OURS | AUTH, NULL },
	{ "/api/auth/permissions", "X-Real-IP: 6.6.6.6\r\nForwarded: for=6.6.6.6;"
	  "proto=https\r\nTrue-Client-IP: 6.6.6.6\r\n", 200, OURS | AUTH,
	  NULL },
	{ "/api/auth/permissions", "QX-Client-IP: 6.6.6.6\r\nQX-HTTPS: on\r\n"
	  "QX-Request-ID: evil-id\r\n", 200, OURS | AUTH, NULL },
	{ "/api/auth/permissions", "QX_CLIENT_IP: 6.6.6.6\r\nQX_HTTPS: on\r\n"
	  "QX_REQUEST_ID: evil-id\r\n", 200, OURS | AUTH, NULL },
	{ "/api/auth/permissions", "Remote-Addr: 6.6.6.6\r\nREMOTE_ADDR: 6.6.6.6"
	  "\r\nHTTPS: on\r\n", 200, OURS | AUTH, NULL },
	{ "/api/auth/permissions", "X-Forwarded-Proto: https\r\n"
	  "X-Forwarded-Host: evil.test\r\nX-Forwarded-Prefix: /evil\r\n", 200,
	  OURS | AUTH, NULL },
	{ "/api/auth/permissions", "X-Request-ID: evil-id\r\n", 200, OURS | AUTH,
	  NULL },
	{ "/api/auth/permissions", "X-Deadline-Ms: 1\r\nQX-Deadline-Ms: 1\r\n"
	  "QX_DEADLINE_MS: 1\r\nX-Retry-Layer: evil\r\n", 200, OURS | AUTH,
	  NULL },
	{ "/api/auth/permissions", "Proxy: http://evil.test:1/\r\n", 200,
	  OURS | AUTH, NULL },
	{ "/api/auth/permissions", "Script-Name: /evil\r\nPath-Info: /evil\r\n"
	  "Request-URI: /health\r\nX-Original-URL: /health\r\n"
	  "X-Rewrite-URL: /health\r\n", 200, OURS | AUTH, NULL },
	{ "/api/auth/permissions", "X-HTTP-Method-Override: DELETE\r\n"
	  "X-Method-Override: DELETE\r\n", 200, OURS | AUTH, NULL },
	{ "/api/auth/permissions", "Content_Length: 5\r\nTransfer_Encoding: chunked"
	  "\r\n", 200, OURS | AUTH, NULL },
	{ "/api/auth/permissions", "Host: evil.test\r\n", 200,
	  OURS | AUTH | NO_HOST, NULL },
	{ "/api/auth/permissions", "Host: evil.test:1\r\n", 200,
	  OURS | AUTH | NO_HOST, NULL },
	{ "/api/auth/permissions", "Host: a\r\nHost: b\r\n", 400, AUTH | NO_HOST,
	  NULL },
	{ "/api/auth/permissions", "", 400, AUTH | NO_HOST, NULL },
	{ NULL, "GET /health/live HTTP/1.0\r\n\r\n", 200, OURS | AS_IS, NULL },

	/* Targets: one reading only. */
	{ "http://evil.test/health/live", "", 200, SERVER_400, NULL },
	{ "http://localhost/health/live", "", 200, OURS, NULL },
	{ "http://evil.test//health", "", 400, 0, NULL },
	{ "https://evil.test/health/live", "", 200, SERVER_400, NULL },
	{ "//health", "", 400, OURS, NULL },
	{ "//evil.test/", "", 400, OURS, NULL },
	{ "//evil.test/..", "", 400, 0, NULL },
	{ "/health//live", "", 400, OURS, NULL },
	{ "/health/live//", "", 400, OURS, NULL },
	{ "/%2Fhealth", "", 400, OURS, NULL },
	{ "/health%2flive", "", 400, OURS, NULL },
	{ "/health%2Flive", "", 400, OURS, NULL },
	{ "/health%5clive", "", 400, OURS, NULL },
	{ "/health\\live", "", 400, 0, NULL },
	{ "/\\evil.test/", "", 400, 0, NULL },
	{ "/health%00", "", REFUSED, 0, NULL },
	{ "/health%00live", "", REFUSED, 0, NULL },
	{ "/health%0alive", "", 400, 0, NULL },
	{ "/health%0d%0aX:%20y", "", 400, 0, NULL },
	{ "/health%7f", "", 400, 0, NULL },
	{ "/health%ff", "", 400, OURS, NULL },
	{ "/health%c0%ae", "", 400, OURS, NULL },
	{ "/health%", "", 400, 0, NULL },
	{ "/health%zz", "", 400, 0, NULL },
	{ "/health%2", "", 400, 0, NULL },
	{ "/../health", "", 400, 0, NULL },
	{ "/health/../metrics", "", 400, 0, NULL },
	{ "/./health", "", 400, 0, NULL },
	{ "/health/.", "", 400, 0, NULL },
	{ "/health/..", "", 400, 0, NULL },
	{ "/%2e%2e/health", "", 400, 0, NULL },
	{ "/%2e/health", "", 400, 0, NULL },
	{ "/health/%2e%2e/metrics", "", 400, 0, NULL },
	{ "/health/..;/metrics", "", 404, OURS, NULL },
	{ "/health;x=1", "", 404, OURS, NULL },
	{ "/health;/live", "", 404, OURS, NULL },
	{ "/health%3b", "", 404, OURS, NULL },
	{ "/health%3F", "", 404, OURS, NULL },
	{ "/health%20", "", 404, OURS, NULL },
	{ "/health%23", "", 404, OURS, NULL },
	{ "/health#x", "", 400, 0, NULL },
	{ "/HEALTH", "", 404, OURS, NULL },
	{ "/health/live?a=%2F..%2F", "", 200, OURS, NULL },
	{ "/health/live?a=%zz", "", 400, OURS, NULL },
	{ "/health/live?", "", 200, OURS, NULL },
	{ "/health/live??", "", 200, OURS, NULL },
	{ "health/live", "", 400, 0, NULL },
	{ "?x", "", 400, 0, NULL },
	{ "/", "", REFUSED, LONG_TARGET, NULL },

	/* Doubled and broken headers. */
	{ "/api/auth/permissions", "Authorization: Bearer x\r\n", 400, AUTH, NULL },
	{ "/api/auth/permissions", "Authorization: Basic YTpi\r\n", 400, AUTH,
	  NULL },
	{ "/api/auth/permissions", "Authorization: Bearer x, Bearer y\r\n", 400, 0,
	  NULL },
	{ "/api/auth/permissions", "Authorization: Bearer x\r\n", 401, OURS, NULL },
	{ "/api/auth/permissions", "Authorization:\r\n", 401, OURS, NULL },
	{ "/api/auth/login", "Content-Length: 2\r\nContent-Length: 3\r\n",
	  400, 0, "{}" },
	{ "/api/auth/login", "Content-Length: 2\r\nTransfer-Encoding: "
	  "chunked\r\n", REFUSED, 0, "0\r\n\r\n" },
	{ "/api/auth/login", "Content-Length: -2\r\n", REFUSED, 0, "{}" },
	{ "/api/auth/login", "Content-Length: +2\r\n", REFUSED, 0, "{}" },
	{ "/api/auth/login", "Content-Length: 2x\r\n", REFUSED, 0, "{}" },
	{ "/api/auth/login", "Content-Length: 99999999999999999999\r\n",
	  REFUSED, 0, "{}" },
	{ "/api/auth/login", "Transfer-Encoding: gzip\r\n", REFUSED, 0, "{}" },
	{ "/api/auth/login", "Transfer-Encoding: chunked\r\n", REFUSED, 0,
	  "zz\r\n{}\r\n0\r\n\r\n" },
	{ "/api/auth/login", "Content-Encoding: gzip\r\nContent-Length: 2\r\n",
	  415, OURS, "{}" },
	{ "/api/auth/login", "Content-Length: 2\r\nContent-Type: "
	  "application/json\r\n", 422, OURS, "{}" },
	{ "/api/auth/login", "Content-Type: application/json\r\n"
	  "Transfer-Encoding: chunked\r\n", 422, OURS, "2\r\n{}\r\n0\r\n\r\n" },
	{ "/health/live", "X-A : b\r\n", REFUSED, 0, NULL },
	{ "/health/live", " folded\r\n", 200, SERVER_400, NULL },
	{ "/health/live", "", REFUSED, LONG_HEADER, NULL },

	/* Methods and lines. */
	{ NULL, "FOO /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
	  REFUSED, AS_IS, NULL },
	{ NULL, "get /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
	  REFUSED, AS_IS, NULL },
	{ NULL, "TRACE /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
	  "\r\n", 405, AS_IS, NULL },
	{ NULL, "CONNECT evil.test:80 HTTP/1.1\r\nHost: x\r\nConnection: "
	  "close\r\n\r\n", REFUSED, AS_IS, NULL },
	{ NULL, "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
	  0, AS_IS, NULL },
	{ NULL, "GET /health live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
	  "\r\n", REFUSED, AS_IS, NULL },
	{ NULL, "GET /health HTTP/9.9\r\nHost: x\r\nConnection: close\r\n\r\n",
	  0, AS_IS, NULL },
	{ NULL, "\x16\x03\x01\x02\r\n\r\n", REFUSED, AS_IS, NULL }
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static struct stack st;
static struct result {
	int status;
	bool ours;
	const char *body, *id, *ip;
} results[WEB_SHAPES][ROWS];
static bool ran[WEB_SHAPES];

/* ---- sending ---- */

static const char *
request_text(const struct row *w, const char *auth)
{
	const char *target = w->target, *headers = w->headers;

	if (w->flags & AS_IS)
		return headers;
	if (w->flags & LONG_TARGET)
		target = arena_printf(st.a, "/%0*d", TARGET, 0);
	if (w->flags & LONG_HEADER)
		headers = arena_printf(st.a, "X-Big: %0*d\r\n", HEADER, 0);
	return arena_printf(st.a, "%s %s HTTP/1.1\r\n%s%sConnection: close\r\n"
	    "%s\r\n%s", w->body == NULL ? "GET" : "POST", target,
	    w->flags & NO_HOST ? "" : "Host: localhost\r\n",
	    w->flags & AUTH ? auth : "", headers,
	    w->body == NULL ? "" : w->body);
}

/* Line of our log with that request id, looked for from where it ended. */
struct sought {
	const char *id, *ip;
	long from;
};

static long
log_size(void)
{
	FILE *f = fopen(stack_path(&st, "log/router.log"), "r");
	long n = 0;

	if (f == NULL)
		return 0;
	if (fseek(f, 0, SEEK_END) == 0)
		n = ftell(f);
	fclose(f);
	return n;
}

static bool
find_line(void *arg)
{
	struct sought *s = arg;
	FILE *f = fopen(stack_path(&st, "log/router.log"), "r");
	char line[8192], *ip;
	bool found = false;

	if (f == NULL || fseek(f, s->from, SEEK_SET) != 0)
		return false;
	while (!found && fgets(line, sizeof(line), f) != NULL)
		found = strstr(line, s->id) != NULL &&
		    strchr(line, '\n') != NULL;
	fclose(f);
	if (!found)
		return false;
	ip = strstr(line, "\"ip\":\"");
	s->ip = ip == NULL ? "none" : arena_strndup(st.a, ip + 6,
	    strcspn(ip + 6, "\""));
	return true;
}

static const char *
logged_ip(const char *id, long from)
{
	struct sought s = { id, "no line", from };

	eventually(find_line, &s, LOG_MS);
	return s.ip;
}

/* Things that change from call to call are not part of the result. */
static const char *
steady(const char *body)
{
	char *copy = arena_strdup(st.a, body), *p;

	for (const char *const *k = (const char *const[]){ "\"uptime_s\":",
	    "\"timestamp\":", "\"expires", NULL }; *k != NULL; k++)
		if ((p = strstr(copy, *k)) != NULL)
			*p = '\0';
	return copy;
}

static void
send_row(struct web *w, const struct row *row, struct result *res,
    const char *auth)
{
	const char *text = request_text(row, auth);
	struct raw_reply r = raw_exchange(st.a, &w->to, text, strlen(text));

	res->id = raw_header(st.a, &r, "X-Request-ID");
	res->status = r.status;
	res->ours = res->id != NULL;
	res->body = res->ours ? steady(r.body) : "";
	if (strstr(r.head, "evil") != NULL || strstr(r.body, "evil") != NULL)
		res->body = "ECHOES WHAT WAS MADE UP";
}

/* ---- judging ---- */

static bool
status_ok(const struct row *row, const struct result *r)
{
	if (row->status == 0 || r->status == row->status)
		return true;
	if ((row->flags & SERVER_400) && !r->ours && r->status == 400)
		return true;
	return row->status == REFUSED && (r->status == 0 ||
	    (r->status >= 400 && r->status < 500) || r->status == 501 ||
	    r->status == 505);
}

static const char *
describe(const struct row *row, char *buf, size_t cap)
{
	snprintf(buf, cap, "%.40s | %.50s", row->target == NULL ? "" :
	    row->target, row->headers);
	for (char *p = buf; *p != '\0'; p++)
		if (*p < 0x20)
			*p = ' ';
	return buf;
}

static int
judge(enum web_shape shape, size_t i)
{
	const struct result *r = &results[shape][i], *first = NULL;
	const struct row *row = &rows[i];
	const char *why = NULL;
	char buf[128];

	for (int s = 0; s <= (int)shape && first == NULL; s++)
		if (ran[s] && results[s][i].ours)
			first = &results[s][i];
	if (!status_ok(row, r))
		why = "status";
	else if ((row->flags & OURS) && !r->ours)
		why = "not answered by the program";
	else if (r->ours && first != NULL &&
	    strcmp(r->body, first->body) != 0)
		why = "body";
	else if (r->ours && strcmp(r->ip, "127.0.0.1") != 0)
		why = "address";
	if (why == NULL)
		return 0;
	fprintf(stderr, "SPOOF %-16s %-11s %3d%s want %d ip=%s [%s] %.90s\n",
	    web_name(shape), why, r->status, r->ours ? "" : "*", row->status,
	    r->ip, describe(row, buf, sizeof(buf)), r->body);
	return 1;
}

static void
run_shape(enum web_shape shape)
{
	struct web_options o = { .shape = shape };
	const char *auth;
	struct web w;
	long from = log_size();
	int bad = 0;

	if (shape == WEB_SYSTEMD)
		stack_responder_stop(&st, SIGTERM);
	if (!web_start(&w, &st, &o))
		return;
	ran[shape] = true;
	auth = web_login(&w);
	for (size_t i = 0; i < ROWS; i++)
		send_row(&w, &rows[i], &results[shape][i], auth);
	/* The access log is written about once a second: look at the end. */
	for (size_t i = 0; i < ROWS; i++)
		results[shape][i].ip = results[shape][i].ours ?
		    logged_ip(results[shape][i].id, from) : "";
	web_stop(&w);
	stack_responder_start(&st);
	for (size_t i = 0; i < ROWS; i++)
		bad += judge(shape, i);
	assert_int_equal(bad, 0);
}

static void
test_table(void **state)
{
	run_shape(*(enum web_shape *)*state);
}

/* ---- trusted proxies ---- */

static const struct proxied {
	const char *headers, *ip;
} proxied[] = {
	{ "", "127.0.0.1" },
	{ "X-Forwarded-For: 198.51.100.7\r\n", "198.51.100.7" },
	{ "X-Forwarded-For: 6.6.6.6, 198.51.100.7\r\n", "198.51.100.7" },
	{ "X-Forwarded-For: 6.6.6.6, 198.51.100.7, 127.0.0.1\r\n",
	  "198.51.100.7" },
	{ "X-Forwarded-For: 2001:db8::1\r\n", "2001:db8::1" },
	{ "X_Forwarded_For: 6.6.6.6\r\n", "127.0.0.1" },
	{ "X_Forwarded_For: 6.6.6.6\r\nX-Forwarded-For: 198.51.100.7\r\n",
	  "198.51.100.7" },
	{ "X-Forwarded-For: 198.51.100.7\r\nX_Forwarded_For: 6.6.6.6\r\n",
	  "198.51.100.7" },
	{ "X-Forwarded-For: <script>\r\n", "127.0.0.1" },
	{ "X-Real-IP: 6.6.6.6\r\n", "127.0.0.1" }
};

enum { PROXIED = sizeof(proxied) / sizeof(proxied[0]) };

static void
test_proxies(void **state)
{
	enum web_shape shape = *(enum web_shape *)*state;
	struct web_options o = { .shape = shape };
	const char *ids[PROXIED];
	struct raw_reply r;
	struct web w;
	long from = log_size();
	int bad = 0;

	if (!web_start(&w, &st, &o))
		return;
	for (size_t i = 0; i < PROXIED; i++) {
		r = web_call(&w, "GET", "/api/auth/permissions",
		    proxied[i].headers, NULL);
		web_expect(&w, r, 401);
		ids[i] = raw_header(st.a, &r, "X-Request-ID");
	}
	for (size_t i = 0; i < PROXIED; i++) {
		const char *ip = logged_ip(ids[i], from);

		if (strcmp(ip, proxied[i].ip) == 0)
			continue;
		bad++;
		fprintf(stderr, "SPOOF proxy %s: %s logged as %s, not %s\n",
		    web_name(shape), proxied[i].headers, ip, proxied[i].ip);
	}
	web_stop(&w);
	assert_int_equal(bad, 0);
}

static int
trust_loopback(void **state)
{
	(void)state;
	stack_setting(&st, "http.trusted_proxies", "127.0.0.1");
	return stack_reload(&st) ? 0 : -1;
}

/* ---- main ---- */

static int
open_all(void **state)
{
	(void)state;
	stack_start(&st, &(struct stack_options){ .no_web = true });
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

#define TABLE(i, name) { "test_table_" name, test_table, NULL, NULL, &all[i] }
#define PROXY(i, name) { "test_proxies_" name, test_proxies, \
	trust_loopback, NULL, &all[i] }

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TABLE(0, "nginx"), TABLE(1, "lighttpd"),
		TABLE(2, "apache_proxy"), TABLE(3, "spawn_fcgi"),
		TABLE(4, "lighttpd_binpath"), TABLE(5, "apache_fcgid"),
		TABLE(6, "lighttpd_cgi"), TABLE(7, "apache_cgi"),
		TABLE(8, "systemd_socket"),
		PROXY(0, "nginx"), PROXY(1, "lighttpd"), PROXY(2, "apache"),
		PROXY(6, "lighttpd_cgi"), PROXY(5, "apache_fcgid")
	};

	return cmocka_run_group_tests(tests, open_all, close_all);
}
