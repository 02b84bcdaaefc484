/*
 * Events as a client sees them, on a host without any worker: replay, long
 * poll, permissions, tenants, the bulkhead of waiters; the commands; a
 * webhook's secret.
 */
#include <json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/arena.h"
#include "tests/harness/contract.h"
#include "tests/harness/forked.h"
#include "tests/harness/mariadb.h"
#include "tests/harness/pace.h"

static struct stack st;
static struct world w = { .st = &st, .modules = modules,
	.recipes = contract_recipes };
static struct actor viewer;

/* As a module writes it, committed. */
static void
publish(const char *tenant, const char *topic, int n)
{
	mariadb_sql(st.db, http_text(&st, "INSERT INTO events_outbox "
	    "(tenant_id, n, body, at) VALUES (UNHEX(REPLACE('%s', '-', '')), "
	    "1, '{\"t\":\"%s\",\"e\":\"e%d\",\"v\":%d,\"at\":"
	    "\"2026-11-27T10:00:00Z\",\"d\":{\"n\":%d}}', UTC_TIMESTAMP(6))",
	    tenant, topic, n, n, n));
}

static const struct reply *
events_of(const char *token, const char *query)
{
	return http_get(&st, http_text(&st, "/api/system/events%s", query),
	    token);
}

static size_t
items(const struct reply *r)
{
	return json_object_array_length(json_at(r->json, "items"));
}

static void
replay(void **state)
{
	const struct reply *r;
	long long epoch, next;

	(void)state;
	r = events_of(w.a.admin.token, "?since=-1");
	expect_status(r, 200);
	next = json_int_at(r->json, "next");
	epoch = json_int_at(r->json, "epoch");
	publish(w.a.tenant, "job.queued", 1);
	publish(w.a.tenant, "webhook.disabled", 2);
	publish(w.b.tenant, "job.queued", 3);
	/* nobody relays but the request itself */
	r = events_of(w.a.admin.token, http_text(&st, "?since=%lld&epoch=%lld",
	    next, epoch));
	expect_status(r, 200);
	assert_int_equal(items(r), 2);
	assert_string_equal(json_text_at(r->json, "items.0.entity"), "e1");
	assert_string_equal(json_text_at(r->json, "items.0.data.n"), "1");
	assert_string_equal(json_text_at(r->json, "recovered"), "true");
	assert_non_null(http_header(&st, r, "X-Stream-Position"));
	assert_string_equal(http_header(&st, r, "X-Stream-Position"),
	    http_text(&st, "%lld:%lld", json_int_at(r->json, "epoch"),
	    json_int_at(r->json, "next")));
	/* who lacks the permission of a topic does not see it */
	r = events_of(viewer.token, http_text(&st, "?since=%lld", next));
	assert_int_equal(items(r), 1);
	assert_string_equal(json_text_at(r->json, "items.0.topic"),
	    "job.queued");
	r = events_of(w.a.admin.token, http_text(&st,
	    "?since=%lld&topics=webhook.*", next));
	assert_int_equal(items(r), 1);
	assert_string_equal(json_text_at(r->json, "items.0.entity"), "e2");
	r = events_of(w.a.admin.token, "?topics=no+topic");
	expect_status(r, 422);
	/* another epoch: nothing, and that is said */
	r = events_of(w.a.admin.token, "?since=1&epoch=5");
	assert_int_equal(items(r), 0);
	assert_string_equal(json_text_at(r->json, "recovered"), "false");
	/* the other tenant sees its own */
	r = events_of(w.b.admin.token, "?since=0&topics=job.queued");
	assert_null(strstr(r->body, "\"e1\""));
	assert_non_null(strstr(r->body, "\"e3\""));
}

static void
installation(void **state)
{
	const struct reply *r;

	(void)state;
	publish("00000000-0000-0000-0000-000000000000", "job.queued", 9);
	r = events_of(w.a.admin.token, "?stream=installation&since=0");
	expect_status(r, 200);
	assert_non_null(strstr(r->body, "\"e9\""));
	r = events_of(w.a.admin.token, "?since=0");
	assert_null(strstr(r->body, "\"e9\""));
}

static int
publish_later(void *arg)
{
	(void)arg;
	pace_us(700000);
	publish(w.a.tenant, "job.queued", 50);
	return 0;
}

static void
long_poll(void **state)
{
	const struct reply *r = events_of(w.a.admin.token, "?since=-1");
	long long next = json_int_at(r->json, "next");
	pid_t pid = forked(publish_later, NULL);

	(void)state;
	for (int i = 0; i < 4; i++) {
		r = events_of(w.a.admin.token, http_text(&st,
		    "?since=%lld&wait=20", next));
		expect_status(r, 200);
		if (items(r) > 0)
			break;
	}
	assert_int_equal(items(r), 1);
	assert_string_equal(json_text_at(r->json, "items.0.entity"), "e50");
	assert_int_equal(forked_wait(pid), 0);
	r = events_of(w.a.admin.token, http_text(&st, "?since=%lld&wait=1",
	    json_int_at(r->json, "next")));
	expect_status(r, 200);
	assert_int_equal(items(r), 0);
	expect_status(events_of(w.a.admin.token, "?wait=26"), 422);
}

/* Two children: one may wait, everybody else is answered at once. */
static void
waiters_are_few(void **state)
{
	enum { N = 6 };
	const struct reply *out[N];
	struct call calls[N];
	int told = 0;

	(void)state;
	for (int i = 0; i < N; i++)
		calls[i] = (struct call){ .token = w.a.admin.token,
		    .path = "/api/system/events?since=-1&wait=5" };
	http_parallel(&st, calls, N, out);
	for (int i = 0; i < N; i++) {
		expect_status(out[i], 200);
		told += http_header(&st, out[i], "Retry-After") != NULL;
	}
	assert_true(told >= 1);
	assert_true(told < N);
}

static void
topics(void **state)
{
	const struct reply *r = http_get(&st, "/api/system/events/topics",
	    viewer.token);

	(void)state;
	expect_status(r, 200);
	assert_non_null(strstr(r->body, "\"name\":\"job.succeeded\""));
	assert_non_null(strstr(r->body, "\"name\":\"webhook.disabled\""));
	assert_non_null(strstr(r->body, "\"properties\""));
}

static void
commands(void **state)
{
	const char *out;

	(void)state;
	publish(w.a.tenant, "job.failed", 70);
	mariadb_sql(st.db, "INSERT INTO events_outbox (tenant_id, n, body, "
	    "at) VALUES (X'01000000000000000000000000000000', 1, "
	    "CONCAT(CHAR(27), '[31mbad'), UTC_TIMESTAMP(6))");
	assert_int_equal(stack_cli(&st, &out, (const char *[]){ "events",
	    "tail", "--since", "0", "--once", "--topics=job.failed",
	    NULL }), 0);
	assert_non_null(strstr(out, "job.failed e70 {\"n\":70}"));
	assert_null(strstr(out, "job.queued"));
	assert_int_equal(stack_cli(&st, &out, (const char *[]){ "events",
	    "tail", "--since", "0", "--once", "--json", "--tenant",
	    w.a.tenant, NULL }), 0);
	assert_non_null(strstr(out, "\"entity\":\"e70\""));
	assert_null(strstr(out, "\"e3\""));
	assert_int_equal(stack_cli(&st, &out, (const char *[]){ "events",
	    "dead", "list", NULL }), 0);
	assert_non_null(strstr(out, "not an event"));
	assert_null(strchr(out, '\033'));
	/* back into the outbox, and aside again by the next relay */
	assert_int_equal(stack_cli(&st, &out, (const char *[]){ "events",
	    "dead", "replay", "--all", NULL }), 0);
	assert_string_equal(out, "1\n");
	assert_string_equal(mariadb_value(st.a, st.db,
	    "SELECT COUNT(*) FROM events_dead"), "0");
	events_of(w.a.admin.token, "?since=-1");
	assert_string_equal(mariadb_value(st.a, st.db,
	    "SELECT COUNT(*) FROM events_dead"), "1");
	assert_int_equal(stack_cli(&st, &out, (const char *[]){ "events",
	    "dead", "drop", mariadb_value(st.a, st.db,
	    "SELECT id FROM events_dead"), NULL }), 0);
	assert_int_equal(stack_cli(&st, &out, (const char *[]){ "events",
	    "dead", "drop", "12345678", NULL }), 1);
	assert_int_equal(stack_cli(&st, &out, (const char *[]){ "events",
	    "dead", "drop", NULL }), 2);
	assert_int_equal(stack_cli(&st, &out, (const char *[]){ "events",
	    "restored", NULL }), 0);
	assert_string_equal(json_text_at(events_of(w.a.admin.token,
	    "?since=1&epoch=5")->json, "recovered"), "false");
}

static void
webhook(void **state)
{
	const struct reply *r = http_send(&st, "POST",
	    "/api/system/webhooks", w.a.admin.token,
	    "{\"name\":\"w\",\"url\":\"https://example.org/\"}");
	const char *path = http_text(&st, "/api/system/webhooks/%s",
	    json_text_at(r->json, "id")), *secret, *out;

	(void)state;
	expect_status(r, 201);
	secret = arena_strdup(st.a, json_text_at(r->json, "secret"));
	assert_memory_equal(secret, "whsec_", 6);
	r = http_get(&st, path, w.a.admin.token);
	expect_status(r, 200);
	assert_null(strstr(r->body, "whsec_"));
	assert_null(strstr(r->body, "secret"));
	assert_non_null(http_header(&st, http_get(&st,
	    "/api/system/webhooks", w.a.admin.token), "X-Stream-Position"));
	expect_status(http_get(&st, path, w.b.admin.token), 404);
	expect_status(http_get(&st, path, viewer.token), 403);
	r = http_send(&st, "POST", http_text(&st, "%s/secret", path),
	    w.a.admin.token, NULL);
	expect_status(r, 200);
	assert_string_not_equal(json_text_at(r->json, "secret"), secret);
	r = http_send(&st, "PATCH", path, w.a.admin.token,
	    "{\"topics\":[\"job.*\"],\"active\":false}");
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "topics.0"), "job.*");
	assert_int_equal(stack_cli(&st, &out, (const char *[]){ "webhook",
	    "enable", json_text_at(r->json, "id"), NULL }), 0);
	assert_int_equal(stack_cli(&st, &out, (const char *[]){ "webhook",
	    "list", NULL }), 0);
	assert_non_null(strstr(out, "https://example.org/"));
	assert_null(strstr(out, "whsec_"));
}

static int
setup(void **state)
{
	(void)state;
	stack_start(&st, &(struct stack_options){ .web = "nginx" });
	ct_open(&w);
	ct_user(&w, &w.a, "[\"viewer\"]", &viewer);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	stack_stop(&st);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replay),
		cmocka_unit_test(installation),
		cmocka_unit_test(long_poll),
		cmocka_unit_test(waiters_are_few),
		cmocka_unit_test(topics),
		cmocka_unit_test(commands),
		cmocka_unit_test(webhook),
	};

	if (!stack_web_there("nginx"))
		return 0;
	return cmocka_run_group_tests(tests, setup, teardown);
}
