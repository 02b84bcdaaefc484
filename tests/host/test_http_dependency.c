/*
 * Routes that stand behind a dependency: breaker, permits and fallback around
 * the handler; and what a request tells the client of outgoing calls: its
 * deadline (from the site, never from a client) and who repeats.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "http/http.h"
#include "module.h"
#include "net/internal.h"
#include "shm/dependency.h"
#include "tests/harness/forked.h"

#include <cmocka.h>		/* its fail() would hide ours */

#define MS INT64_C(1000000)

/* ---- a module of the test -------------------------------------------------------- */

struct word {
	const char *word;
};
static const struct field word_fields[] = {
	FIELD(struct word, word, .doc = "Word"), FIELD_END
};
static const struct schema word_schema = { .name = "Word", .doc = "A word",
    .size = sizeof(struct word), .fields = word_fields };

static int runs, answer;
static const char *answer_code;
static struct {
	int64_t deadline, left_ms;
	bool retried;
} seen;

static int
run(struct ctx *c, const void *in)
{
	struct word w = { "whole" };

	(void)in;
	runs++;
	seen.deadline = c->deadline_boot_ns;
	seen.left_ms = (c->env->net->deadline_ns - clock_boot_ns()) / MS;
	seen.retried = c->env->net->retried;
	if (answer < 400)
		return reply(c, &w);
	return err_set(&c->err, answer, answer_code, "As ordered"), answer;
}

static int
reduced(struct ctx *c, const void *in)
{
	struct word w = { "reduced" };

	(void)in;
	return reply(c, &w);
}

#define ROUTE(n, p, ...) { .id = n, .method = HTTP_GET, .path = p, \
	.auth = AUTH_NONE, .out = &word_schema, .ok = 200, \
	.flags = R_NO_DB, .run = run, .summary = n, __VA_ARGS__ }
static const struct route routes[] = {
	ROUTE("t.bare", "/api/bare", .breaker = "far"),
	ROUTE("t.soft", "/api/soft", .breaker = "far", .fallback = reduced),
	ROUTE("t.free", "/api/free", .breaker = NULL),
	ROUTE_END
};
static const struct route wrong_routes[] = {
	ROUTE("t.wrong", "/api/wrong", .breaker = "nobody"), ROUTE_END
};
static const struct route *const sets[] = { routes, NULL };
static const struct route *const wrong_sets[] = { wrong_routes, NULL };
static const struct dependency dependencies[] = {
	{ .name = "far", .doc = "Far away" }, DEPENDENCY_END
};
static const struct module module = { .name = "t", .doc = "Test",
    .routes = sets, .dependencies = dependencies };
static const struct module wrong = { .name = "t", .doc = "Test",
    .routes = wrong_sets, .dependencies = dependencies };
static const struct module *const mods[] = { &module, NULL };
static const struct module *const wrong_mods[] = { &wrong, NULL };
static const struct http_hooks hooks = { NULL, NULL, NULL };

/* ---- a transport of the test -------------------------------------------------------- */

static const char *path, *extra_name, *extra_value;
static struct str out;

static const char *
param(void *t, const char *name)
{
	(void)t;
	if (strcmp(name, "REQUEST_METHOD") == 0)
		return "GET";
	if (strcmp(name, "REQUEST_URI") == 0)
		return path;
	if (strcmp(name, "QX_CLIENT_IP") == 0 ||
	    strcmp(name, "REMOTE_ADDR") == 0)
		return "127.0.0.1";
	return extra_name != NULL && strcmp(name, extra_name) == 0 ?
	    extra_value : NULL;
}

static size_t
count(void *t, const char *name)
{
	return param(t, name) != NULL;
}

static long
read_nothing(void *t, void *buf, size_t n)
{
	(void)t;
	(void)buf;
	(void)n;
	return 0;
}

static int
write_out(void *t, const void *buf, size_t n)
{
	(void)t;
	str_addn(&out, buf, n);
	return 0;
}

/* ---- serving ---------------------------------------------------------------------------- */

static const struct guard guards[] = {
	{ .name = "far", .breaker = { .failures = 2, .open_s = 600,
	    .open_max_s = 600, .probes = 1, .probe_s = 60 },
	  .permits = 2, .wait_ms = 5 }, { .name = NULL }
};
static const char *const no_allow[] = { NULL };
static struct net_conf net_conf = { .allow = no_allow, .ca_file = "",
    .connect_timeout_ms = 1000, .timeout_ms = 1000, .max_bytes = 65536 };

static char dir[SCRATCH_PATH];
static struct arena *a;
static struct env env;
static struct http *http;
static struct err err;

static int
begin(void **state)
{
	static const struct settings *const groups[] = { &http_settings,
	    NULL };
	static char *no_env[] = { NULL };
	struct shm_layout layout = { .guards = guards, .processes = 4,
	    .limit_slots = 1024 };
	struct conf_source src = { .file = "/none", .env = no_env };
	struct conf *conf;

	(void)state;
	a = arena_new(64 << 20);
	log_setup(&(struct log_options){ .level = LOG_ERROR }, &err);
	if (conf_load(&conf, a, groups, &src, &err) == -1)
		return -1;
	env = (struct env){ .a = a, .conf = conf, .modules = mods };
	runs = 0;
	answer = 200;
	answer_code = "down";
	extra_name = NULL;
	if (shm_attach(&env.shm, a, scratch_dir(dir), &layout, &err) == -1 ||
	    net_open(&env.net, a, &net_conf, env.shm, &err) == -1)
		return -1;
	return http_open(&http, &env, &hooks, &err);
}

static int
end(void **state)
{
	(void)state;
	shm_detach(env.shm);
	scratch_remove(dir);
	arena_free(a);
	return 0;
}

/* The whole reply. */
static const char *
get(const char *where)
{
	const struct transport t = { param, count, read_nothing, write_out,
	    NULL };
	struct arena *ra = arena_new(16 << 20);

	path = where;
	str_init(&out, a);
	http_serve(http, &t, POOL_API, ra);
	arena_free(ra);
	return out.p;
}

static bool
has(const char *text, const char *what)
{
	if (strstr(text, what) != NULL)
		return true;
	print_error("no \"%s\" in:\n%s\n", what, text);
	return false;
}

/* ---- around the handler --------------------------------------------------------------------- */

static void
whole_while_it_answers(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++)
		assert_true(has(get("/api/soft"), "\"whole\""));
	assert_int_equal(runs, 5);
	assert_int_equal(dependency_used(env.shm, 0), 0);
}

static void
reduced_while_it_does_not(void **state)
{
	const char *r;

	(void)state;
	answer = 502;
	for (int i = 0; i < 2; i++)
		assert_true(has(get("/api/soft"), "Status: 502"));
	answer = 200;
	r = get("/api/soft");
	assert_int_equal(runs, 2);
	assert_true(has(r, "\"reduced\""));
	assert_true(has(r, "X-Degraded: far"));
	assert_true(has(r, "Status: 200"));
	/* without anything to fall back to */
	r = get("/api/bare");
	assert_true(has(r, "Status: 503"));
	assert_true(has(r, "X-Error-Code: breaker_open"));
	assert_true(has(r, "Retry-After: "));
	assert_int_equal(runs, 2);
	assert_true(has(get("/api/free"), "\"whole\""));
	assert_int_equal(dependency_used(env.shm, 0), 0);
}

static void
full_is_like_open(void **state)
{
	struct dependency_pass p[2];
	const char *r;

	(void)state;
	for (int i = 0; i < 2; i++)
		assert_int_equal(dependency_enter(env.shm, 0, 0, &p[i], &err),
		    0);
	assert_true(has(get("/api/soft"), "\"reduced\""));
	r = get("/api/bare");
	assert_true(has(r, "Status: 503"));
	assert_true(has(r, "X-Error-Code: bulkhead_full"));
	assert_true(has(r, "Retry-After: 1"));
	assert_int_equal(runs, 0);
	dependency_leave(env.shm, 0, &p[0], OUTCOME_OK);
	assert_true(has(get("/api/bare"), "\"whole\""));
}

/* What is not the dependency's fault does not count against it. */
static void
whose_fault(void **state)
{
	static const struct {
		int status;
		const char *code;
		bool counts;
	} v[] = {
		{ 404, "not_found", false }, { 409, "stopped", false },
		{ 503, "db_down", false }, { 503, "breaker_open", false },
		{ 503, "bulkhead_full", false }, { 502, "net_failed", true },
		{ 504, "net_timeout", true }, { 500, "internal", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		answer = v[i].status;
		answer_code = v[i].code;
		for (int k = 0; k < 3; k++)
			get("/api/bare");
		if ((breaker_state(env.shm, 0) == BREAKER_OPEN) != v[i].counts)
			fail_msg("%s", v[i].code);
		breaker_order(env.shm, 0, BREAKER_DISABLED, 0);
		breaker_order(env.shm, 0, BREAKER_AUTO, 0);
	}
}

static void
unknown_dependency(void **state)
{
	struct http *h;

	(void)state;
	env.modules = wrong_mods;
	assert_int_equal(http_open(&h, &env, &hooks, &err), -1);
	assert_non_null(strstr(err.detail, "unknown dependency"));
}

/* ---- what a request says -------------------------------------------------------------------- */

static void
extra(const char *name, const char *value)
{
	extra_name = name;
	extra_value = value;
	assert_true(has(get("/api/free"), "\"whole\""));
}

static void
deadline_of_a_request(void **state)
{
	(void)state;
	extra(NULL, NULL);
	assert_int_equal(seen.deadline, 0);	/* nobody knows */
	env.request_ms = 60000;
	extra(NULL, NULL);
	assert_in_range(seen.left_ms, 1000, 59500);
	/* A client may say what it likes. */
	extra("HTTP_X_DEADLINE_MS", "1");
	assert_in_range(seen.left_ms, 1000, 59500);
	extra("HTTP_QX_DEADLINE_MS", "1");
	assert_in_range(seen.left_ms, 1000, 59500);
	/* The site is believed, as far as the manager lets it. */
	extra("QX_DEADLINE_MS", "5000");
	assert_in_range(seen.left_ms, 1, 5000);
	extra("QX_DEADLINE_MS", "999999999");
	assert_in_range(seen.left_ms, 1000, 59500);
	extra("QX_DEADLINE_MS", "-5");
	assert_in_range(seen.left_ms, 1000, 59500);
	extra("QX_DEADLINE_MS", "soon");
	assert_in_range(seen.left_ms, 1000, 59500);
	assert_int_equal(env.net->deadline_ns, 0);	/* over with it */
}

static void
who_repeats(void **state)
{
	(void)state;
	extra(NULL, NULL);
	assert_false(seen.retried);
	extra("HTTP_X_RETRY_LAYER", "gateway");
	assert_true(seen.retried);
	assert_false(env.net->retried);
	extra(NULL, NULL);
	assert_false(seen.retried);
}

int
main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, begin, end)
	const struct CMUnitTest tests[] = {
		CASE(whole_while_it_answers),
		CASE(reduced_while_it_does_not),
		CASE(full_is_like_open),
		CASE(whose_fault),
		CASE(unknown_dependency),
		CASE(deadline_of_a_request),
		CASE(who_repeats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
