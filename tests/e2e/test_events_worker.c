/*
 * The whole way with a real worker: an entry of a Redis stream becomes an
 * event, the relay numbers it, a webhook's receiver gets it signed, and Redis
 * gets it back; also after Redis and the worker were killed.
 */
#include <json.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "base/arena.h"
#include "tests/harness/contract.h"
#include "tests/harness/hook.h"
#include "tests/harness/redis.h"

#define WAIT_MS 30000

static struct stack st;
static struct world w = { .st = &st, .modules = modules,
	.recipes = contract_recipes };
static struct hook hook;
static struct redis_server redis;
static pid_t worker;

static void
worker_start(void)
{
	worker = stack_launch(&st, "worker", (const char *[]){
	    http_text(&st, "%s/quincunx-worker", stack_bin()), "-c",
	    st.conf, NULL });
}

static void
entry(const char *name)
{
	const char *out = redis_cli(&redis, st.a, (const char *[]){ "XADD",
	    "hooks", "*", "id", "01234567-89ab-7def-8123-456789abcdef",
	    "name", name, "reason", "r", NULL });

	assert_non_null(strchr(out, '-'));
}

static bool
received(void *name)
{
	struct arena *a = arena_new((size_t)8 << 20);
	bool ok = strstr(hook_log(&hook, a), name) != NULL;

	arena_free(a);
	return ok;
}

static bool
came_back(void *name)
{
	struct arena *a = arena_new((size_t)8 << 20);
	bool ok = strstr(redis_cli(&redis, a, (const char *[]){ "--raw",
	    "XRANGE", http_text(&st, "quincunx:events:%s", w.a.tenant), "-",
	    "+", NULL }), name) != NULL;

	arena_free(a);
	return ok;
}

static void
expect_all(const char *name)
{
	char text[32];

	snprintf(text, sizeof(text), "%s", name);
	if (!eventually(received, text, WAIT_MS) ||
	    !eventually(came_back, text, WAIT_MS)) {
		stack_logs(&st);
		fail_msg("%s did not arrive: %s", name,
		    hook_log(&hook, st.a));
	}
}

static void
whole_way(void **state)
{
	const struct reply *r = http_send(&st, "POST",
	    "/api/system/webhooks", w.a.admin.token, http_text(&st,
	    "{\"name\":\"w\",\"url\":\"http://127.0.0.1:%u/\","
	    "\"topics\":[\"webhook.disabled\"]}", hook.port));

	(void)state;
	expect_status(r, 201);
	hook_secret(&hook, json_text_at(r->json, "secret"));
	entry("first");
	expect_all("first");
	assert_null(strstr(hook_log(&hook, st.a), "\"signed\": false"));
	r = http_get(&st, "/metrics", NULL);
	assert_non_null(strstr(r->body, "quincunx_events_relayed_total "));
	assert_null(strstr(r->body, "quincunx_events_relayed_total 0\n"));
	assert_non_null(strstr(r->body,
	    "quincunx_webhook_deliveries_total{outcome=\"delivered\"} "));
	assert_null(strstr(r->body,
	    "quincunx_webhook_deliveries_total{outcome=\"delivered\"} 0\n"));
	assert_non_null(strstr(r->body, "quincunx_outbox_pending "));
	r = http_get(&st, "/health/services", w.a.admin.token);
	assert_non_null(strstr(r->body, "\"name\":\"relay\""));
}

static void
killed_and_back(void **state)
{
	(void)state;
	kill(-worker, SIGKILL);
	waitpid(worker, NULL, 0);
	entry("second");
	worker_start();
	expect_all("second");
	redis_kill(&redis);
	http_send(&st, "POST", "/api/system/webhooks", w.a.admin.token,
	    "{\"name\":\"x\",\"url\":\"https://example.org/\"}");
	redis_again(&redis);
	entry("third");
	expect_all("third");
}

static int
setup(void **state)
{
	const char *settings[5];
	struct arena *words = arena_new(1 << 20);

	(void)state;
	stack_user();
	hook_start(&hook);
	redis_start(&redis, false);
	settings[0] = arena_printf(words, "net.allow=127.0.0.1:%u", hook.port);
	settings[1] = arena_printf(words, "redis.url=redis://127.0.0.1:%d",
	    redis.port);
	settings[2] = NULL;
	stack_start(&st, &(struct stack_options){ .web = "nginx",
	    .settings = settings });
	arena_free(words);
	ct_open(&w);
	stack_setting(&st, "redis.in_tenant", w.a.tenant);
	stack_setting(&st, "redis.in", "hooks=webhook.disabled");
	worker_start();
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	stack_end(&worker, SIGTERM);
	stack_stop(&st);
	redis_stop(&redis);
	hook_stop(&hook);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_way),
		cmocka_unit_test(killed_and_back),
	};

	if (!stack_web_there("nginx") || !redis_there())
		return 0;
	return cmocka_run_group_tests(tests, setup, teardown);
}
