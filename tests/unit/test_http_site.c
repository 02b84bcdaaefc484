/*
 * Sites: pools get their locations, both slash forms, literals are not
 * swallowed by patterns, and no option can break out of its word.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "app/app.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "http/http.h"
#include "modules/auth/auth.h"

#include <cmocka.h>

static struct arena *a;

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

static int
never(struct ctx *c, const void *in)
{
	(void)c;
	(void)in;
	return 500;
}

struct in {
	const char *id;
};
static const struct field in_fields[] = {
	FIELD(struct in, id, .flags = FF_REQUIRED), FIELD_END
};
static const struct schema in_schema = { .name = "In",
    .size = sizeof(struct in), .fields = in_fields };

#define R(name, m, where, ...) { .id = name, .method = m, .path = where, \
	.auth = AUTH_NONE, .ok = 204, .summary = "s", .run = never, \
	__VA_ARGS__ }
static const struct route rows[] = {
	R("t.a.plain", HTTP_GET, "/api/t/plain", .pool = POOL_API),
	R("t.a.slow", HTTP_POST, "/api/t/slow", .pool = POOL_SLOW),
	R("t.a.get", HTTP_GET, "/api/t/slow", .pool = POOL_API),
	R("t.a.live", HTTP_GET, "/health/live", .pool = POOL_CONTROL,
	    .aliases = ALIASES({ "/api/live.x", "001", false })),
	R("t.a.me", HTTP_GET, "/api/t/things/me", .pool = POOL_API),
	R("t.a.hash", HTTP_POST, "/api/t/things/{id}", .pool = POOL_SLOW,
	    .in = &in_schema),
	R("t.a.up", HTTP_POST, "/api/t/upload", .pool = POOL_API,
	    .max_body = 50000000),
	ROUTE_END
};
static const struct route *const sets[] = { rows, NULL };
static const struct module module = { .name = "t", .doc = "d",
    .routes = sets };
static const struct module *const mods[] = { &module, NULL };

static struct http *
make(const char *const *over)
{
	static char *no_env[] = { NULL };
	struct conf_source src = { .file = "/none", .env = no_env,
	    .overrides = over };
	struct env *env = arena_alloc(a, sizeof(*env));
	struct conf *conf;
	struct err e = { 0 };
	struct http *h;

	assert_int_equal(conf_load(&conf, a, app_settings(a, mods), &src, &e),
	    0);
	*env = (struct env){ .a = a, .conf = conf, .modules = mods };
	if (http_open(&h, env, &auth_http_hooks, &e) == -1)
		fail_msg("%s", e.detail);
	return h;
}

static const char *
emit(struct http *h, const struct site_options *o)
{
	struct err e = { 0 };
	struct str s;

	str_init(&s, a);
	if (site_emit(h, o, &s, &e) == -1)
		fail_msg("%s", e.detail);
	return s.p;
}

static void
has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("\"%s\" is missing in\n%s", part, text);
}

static void
test_nginx(void **state)
{
	const char *const over[] = { "base.dir=/q", NULL };
	struct site_options o = { .server = "nginx" };
	const char *s = emit(make(over), &o);

	(void)state;
	has(s, "server unix:/q/run/api.sock;");
	has(s, "    location = /api/t/slow {\n"
	    "        fastcgi_pass quincunx_slow;");
	has(s, "    location = /api/t/slow/ {\n");
	has(s, "    location = /health/live {\n"
	    "        fastcgi_pass quincunx_control;");
	has(s, "    location = /api/live.x {\n"
	    "        fastcgi_pass quincunx_control;");
	has(s, "    location ~ \"^/api/t/things/[^/]+/?$\" {\n"
	    "        fastcgi_pass quincunx_slow;");
	has(s, "    location = /api/t/things/me {\n"
	    "        fastcgi_pass quincunx_api;");
	has(s, "        client_max_body_size 50065536;");
	has(s, "fastcgi_param QX_CLIENT_IP $remote_addr;");
	assert_null(strstr(s, "location = /api/t/plain "));
	assert_null(strstr(s, "ssl"));
}

static void
test_prefix_and_tls(void **state)
{
	const char *const over[] = {
		"http.public_url=https://x.example/qx", NULL };
	struct site_options o = { .server = "nginx", .tls_cert = "/c.pem",
	    .tls_key = "/k.pem", .server_name = "x.example",
	    .listens = (const char *const[]){ "443", "[::]:443", NULL } };
	const char *s = emit(make(over), &o);

	(void)state;
	has(s, "location /qx/ {");
	has(s, "location = /qx/health/live {");
	has(s, "listen 443 ssl http2;");
	has(s, "listen [::]:443 ssl http2;");
	has(s, "ssl_certificate_key /k.pem;");
}

static void
test_others(void **state)
{
	const char *const over[] = { "base.dir=/q", NULL };
	struct site_options o = { .server = "lighttpd" };
	struct http *h = make(over);
	const char *s = emit(h, &o), *me, *any;

	(void)state;
	has(s, "\"socket\" => \"/q/run/control.sock\"");
	/* port and document root are of the file that includes it */
	has(s, "$SERVER[\"socket\"] == \"");
	assert_null(strstr(s, "server.port"));
	assert_null(strstr(s, "server.document-root"));
	assert_null(strstr(s, "server.http-parseopts = "));
	has(s, "=~ \"^(/health/live|/api/live\\.x)/?$\"");
	me = strstr(s, "^(/api/t/things/me");
	any = strstr(s, "/api/t/things/[^/]+");
	assert_true(me != NULL && any != NULL && me > any); /* last one wins */
	o.server = "apache";
	s = emit(h, &o);
	has(s, "\"unix:/q/run/slow.sock|fcgi://slow.quincunx/\"");
	has(s, "CGIPassAuth On");
	me = strstr(s, "\"^/api/t/things/me/?$\"");
	any = strstr(s, "\"^/api/t/things/[^/]+/?$\"");
	assert_true(me != NULL && any != NULL && me < any); /* first wins */
}

static void
test_refused(void **state)
{
	static const struct site_options bad[] = {
		{ .server = "iis" },
		{ .server = "nginx", .server_name = "x; include /etc/passwd" },
		{ .server = "nginx", .server_name = "x\"y" },
		{ .server = "nginx", .standalone = "/tmp/a b" },
		{ .server = "nginx", .tls_cert = "/c" },
	};
	struct http *h = make(NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err e = { 0 };
		struct str s;

		str_init(&s, a);
		if (site_emit(h, &bad[i], &s, &e) != -1)
			fail_msg("case %zu was taken", i);
		assert_int_equal(e.status, 400);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nginx, setup, teardown),
		cmocka_unit_test_setup_teardown(test_prefix_and_tls, setup, teardown),
		cmocka_unit_test_setup_teardown(test_others, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
