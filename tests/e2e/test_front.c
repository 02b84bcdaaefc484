/*
 * The same program behind every web server, on the sites of etc/: what works
 * behind one works behind all, and what a client makes up (addresses, hosts,
 * schemes, odd paths, doubled headers) has the same result behind all.
 * Rows that a server refuses by itself count as equal when the class is 4xx
 * for all; the table says which.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <cmocka.h>
#include <json.h>

#include "base/arena.h"
#include "base/str.h"
#include "tests/harness/forked.h"
#include "tests/harness/stack.h"
#include "tests/harness/web.h"

enum { BIG = 3 << 20, LOG_MS = 3000 };

static struct stack st;
static struct web web;		/* the one that runs */
static bool running;
static char token[1200];

/* ---- small things -------------------------------------------------------------- */

#define CLOSE "Connection: close\r\n"
#define HOST "Host: localhost\r\n"

static const char *
text_of(const struct raw_reply *r, const char *name, char *buf, size_t cap)
{
	struct json_object *j = json_tokener_parse(r->body), *v = NULL;

	buf[0] = '\0';
	if (j != NULL && json_object_object_get_ex(j, name, &v) && v != NULL)
		snprintf(buf, cap, "%s", json_object_get_string(v));
	json_object_put(j);
	return buf;
}

static void
expect_at(const struct raw_reply *r, int status, int line)
{
	if (r->status == status)
		return;
	web_logs(&web);
	fprintf(stderr, "%s: line %d: status %d, not %d\n%s\n%.800s\n",
	    web.name, line, r->status, status, r->head, r->body);
	fail();
}
#define EXPECT(r, status) expect_at(&(r), (status), __LINE__)

static struct raw_reply
get(const char *path, const char *headers)
{
	return raw_request(st.a, &web.to, "GET %s HTTP/1.1\r\n" HOST CLOSE
	    "%s\r\n", path, headers);
}

static struct raw_reply
post(const char *path, const char *headers, const char *body)
{
	return raw_request(st.a, &web.to, "POST %s HTTP/1.1\r\n" HOST CLOSE
	    "Content-Type: application/json\r\nContent-Length: %zu\r\n%s\r\n"
	    "%s", path, strlen(body), headers, body);
}

static const char *
bearer(void)
{
	return arena_printf(st.a, "Authorization: Bearer %s\r\n", token);
}

static const char *
login_body(void)
{
	return arena_printf(st.a, "{\"email\":\"%s\",\"password\":\"%s\"}",
	    st.email, st.password);
}

/* ---- what works behind one works behind all ----------------------------------------- */

static void
check_health(void)
{
	struct raw_reply r = get("/health", "");
	char buf[64];

	EXPECT(r, 200);
	assert_string_equal(text_of(&r, "status", buf, sizeof(buf)),
	    "healthy");
	r = get("/health/", "");	/* both slash forms */
	EXPECT(r, 200);
	r = raw_request(st.a, &web.to, "HEAD /health HTTP/1.1\r\n" HOST CLOSE
	    "\r\n");
	EXPECT(r, 200);
	r = get("/nothing/here", "");
	EXPECT(r, 404);
	assert_string_equal(text_of(&r, "detail", buf, sizeof(buf)),
	    "Not Found");
}

static void
check_login(void)
{
	struct raw_reply r = post("/api/auth/login", "", login_body());

	EXPECT(r, 200);
	text_of(&r, "access_token", token, sizeof(token));
	assert_true(strlen(token) > 40);
	r = get("/api/auth/profile", "");
	EXPECT(r, 401);
	assert_string_equal(raw_header(st.a, &r, "WWW-Authenticate"),
	    "Bearer");
	r = get("/api/auth/profile", bearer());
	EXPECT(r, 200);
	r = raw_request(st.a, &web.to, "POST /api/auth/login HTTP/1.1\r\n"
	    HOST CLOSE "Content-Type: application/json\r\n"
	    "Content-Length: 2\r\n\r\n{}");
	EXPECT(r, 422);
}

/* A write, with its length and chunked. */
static void
check_write(void)
{
	static unsigned n;
	const char *body;
	struct raw_reply r;

	body = arena_printf(st.a, "{\"name\":\"front-%u\"}", ++n);
	r = post("/api/auth/keys", bearer(), body);
	EXPECT(r, 201);
	body = arena_printf(st.a, "{\"name\":\"front-%u\"}", ++n);
	r = raw_request(st.a, &web.to, "POST /api/auth/keys HTTP/1.1\r\n"
	    HOST CLOSE "%sContent-Type: application/json\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n5\r\n%.5s\r\n%zx\r\n%s\r\n"
	    "0\r\n\r\n", bearer(), body, strlen(body + 5), body + 5);
	EXPECT(r, 201);
	r = raw_request(st.a, &web.to, "DELETE /api/auth/keys HTTP/1.1\r\n"
	    HOST CLOSE "%s\r\n", bearer());
	EXPECT(r, 405);
	assert_non_null(raw_header(st.a, &r, "Allow"));
}

/* Below the limit it is decoded, above it is refused, announced or not. */
static void
check_large(void)
{
	char *big = arena_alloc(st.a, BIG + 1);
	struct raw_reply r;

	memset(big, 'x', BIG);
	big[BIG] = '\0';
	big[900000] = '\0';
	r = post("/api/auth/keys", bearer(), arena_printf(st.a,
	    "{\"name\":\"%s\"}", big));
	EXPECT(r, 422);
	big[900000] = 'x';
	r = post("/api/auth/keys", bearer(), big);
	EXPECT(r, 413);
	assert_non_null(strstr(r.body, "\"detail\""));
	r = raw_request(st.a, &web.to, "POST /api/auth/keys HTTP/1.1\r\n"
	    HOST CLOSE "%sContent-Type: application/json\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n",
	    bearer(), BIG, big);
	EXPECT(r, 413);
	r = get("/health/live", "");	/* and it goes on */
	EXPECT(r, 200);
}

static void
check_percent(void)
{
	struct raw_reply r = get("/api/auth/%70rofile", bearer());

	EXPECT(r, 200);
	r = get("/he%61lth/live?x=%2F%00%20", "");
	EXPECT(r, 200);
	r = get("/api/auth/keys/%C3%A9", bearer());
	EXPECT(r, 422);
}

static void
basics(void)
{
	check_health();
	check_login();
	check_write();
	check_large();
	check_percent();
}

#include "tests/e2e/front_spoof.inc"

/* ---- one test per shape ------------------------------------------------------------------ */

static bool
begin(enum web_shape shape, bool tls)
{
	struct web_options o = { .shape = shape, .tls = tls };

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

	if (!begin(shape, false))
		return;
	basics();
	spoof_collect(shape);
}
