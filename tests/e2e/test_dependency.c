/*
 * Dependencies as an operator meets them: shown, ordered about over HTTP and
 * from the terminal, audited, kept through a loss of the segment, told to other
 * processes; and a breaker that opens by itself because the cloud is away, and
 * closes when it is back.
 */
#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/arena.h"
#include "tests/harness/fakeec2.h"
#include "tests/harness/forked.h"
#include "tests/harness/http.h"
#include "tests/harness/mariadb.h"
#include "tests/harness/stack.h"

enum { SOON_MS = 30000, DEPENDENCIES = 4 };

static struct stack st;
static struct fake fake;
static const char *token;

/* ---- tools ------------------------------------------------------------------- */

static const char *
of(const char *name, const char *member)
{
	const struct reply *r = http_get(&st, "/api/system/dependencies",
	    token);

	expect_status(r, 200);
	for (int i = 0; i < DEPENDENCIES; i++)
		if (strcmp(json_text_at(r->json, http_text(&st,
		    "items.%d.name", i)), name) == 0)
			return json_text_at(r->json, http_text(&st,
			    "items.%d.%s", i, member));
	fail_msg("no dependency %s", name);
	return "";
}

static const struct reply *
order(const char *name, const char *action, const char *body)
{
	return http_send(&st, "POST", http_text(&st,
	    "/api/system/dependencies/%s/%s", name, action), token, body);
}

/* Of "dependency.NAME" in /health/services. */
static const char *
health_of(const char *name, const char *member)
{
	const struct reply *r = http_get(&st, "/health/services", token);
	const char *at;

	expect_status(r, 200);
	for (int i = 0; i < 60; i++) {
		at = json_text_at(r->json, http_text(&st, "items.%d.name", i));
		if (strncmp(at, "dependency.", 11) == 0 &&
		    strcmp(at + 11, name) == 0)
			return json_text_at(r->json, http_text(&st,
			    "items.%d.%s", i, member));
	}
	return "";
}

static const struct reply *
connect_account(void)
{
	static int n;

	return http_send(&st, "POST", "/api/spot/accounts", token,
	    http_text(&st, "{\"name\":\"a%d\",\"connection_method\":"
	    "\"access_keys\",\"access_key\":\"" FAKE_ACCESS_KEY
	    "\",\"secret_key\":\"no\"}", n++));
}

static bool
metric_says(const char *line)
{
	const struct reply *r = http_get(&st, "/metrics", token);

	expect_status(r, 200);
	return strstr(r->body, line) != NULL;
}

/* ---- orders ------------------------------------------------------------------- */

static void
shown(void **state)
{
	static const char *const names[] = { "aws", "redis", "webhook",
	    "alertmanager" };

	(void)state;
	for (int i = 0; i < DEPENDENCIES; i++) {
		assert_string_equal(of(names[i], "state"), "closed");
		assert_string_equal(of(names[i], "mode"), "auto");
		assert_string_equal(of(names[i], "since"), "");
		assert_string_equal(health_of(names[i], "status"), "ok");
	}
	assert_string_equal(of("aws", "permits"), "32");
	assert_string_equal(of("aws", "changed_by"), "");
	expect_status(http_get(&st, "/api/system/dependencies", NULL), 401);
	expect_status(order("nobody", "open", NULL), 404);
	expect_status(order("aws", "burn", NULL), 422);
	expect_status(http_send(&st, "POST",
	    "/api/system/dependencies/aws/open", NULL, NULL), 401);
}

static void
ordered_open(void **state)
{
	const struct reply *r;

	(void)state;
	r = order("aws", "open", "{\"reason\":\"they are moving\"}");
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "mode"), "open");
	assert_string_equal(json_text_at(r->json, "version"), "1");
	assert_string_equal(of("aws", "mode"), "open");
	assert_string_equal(of("aws", "reason"), "they are moving");
	assert_string_equal(of("aws", "changed_by"), "admin");
	assert_string_equal(health_of("aws", "status"), "disabled");
	assert_true(metric_says("quincunx_breaker_state{name=\"aws\"} 1\n"));
	/* The cloud would say 422: it is there and the keys are wrong. */
	r = connect_account();
	assert_true(r->status >= 500);
	expect_status(order("aws", "close", NULL), 200);
	expect_status(connect_account(), 422);
	assert_string_equal(mariadb_value(st.a, st.db, "SELECT COUNT(*) FROM "
	    "auth_audit WHERE action = 'system.dependency.act' AND "
	    "target_id = 'aws'"), "2");
}

/* ---- the segment is lost ---------------------------------------------------------- */

static void
remove_segment(void)
{
	const char *run = stack_path(&st, "run");
	DIR *d = opendir(run);
	struct dirent *de;

	assert_non_null(d);
	while ((de = readdir(d)) != NULL)
		if (strncmp(de->d_name, "shm.", 4) == 0)
			unlinkat(dirfd(d), de->d_name, 0);
	closedir(d);
}

static bool
told(void *status)
{
	return strcmp(health_of("aws", "status"), status) == 0;
}

static void
outlives_the_segment(void **state)
{
	char want[] = "disabled";
	const struct reply *r;

	(void)state;
	expect_status(order("aws", "open", NULL), 200);
	stack_responder_stop(&st, SIGTERM);
	remove_segment();
	stack_responder_start(&st);
	token = http_admin(&st);
	/* The first call already finds the order, whoever makes it. */
	r = connect_account();
	assert_true(r->status >= 500);
	assert_string_equal(of("aws", "mode"), "open");
	/* And where nobody calls, the prober tells. */
	stack_responder_stop(&st, SIGTERM);
	remove_segment();
	stack_responder_start(&st);
	assert_true(eventually(told, want, SOON_MS));
	token = http_admin(&st);
	expect_status(order("aws", "auto", NULL), 200);
	assert_string_equal(of("aws", "mode"), "auto");
	assert_string_equal(of("aws", "changed_by"), "");
	expect_status(connect_account(), 422);
}

/* ---- terminal ------------------------------------------------------------------------ */

static void
terminal(void **state)
{
	const char *out;

	(void)state;
	assert_int_equal(stack_cli(&st, &out, (const char *const[]){
	    "dependency", "open", "webhook", "--reason", "spam", NULL }), 0);
	assert_non_null(strstr(out, "webhook: open"));
	assert_string_equal(of("webhook", "mode"), "open");
	assert_string_equal(of("webhook", "reason"), "spam");
	assert_string_equal(of("webhook", "changed_by"), "terminal");
	assert_int_equal(stack_cli(&st, &out, (const char *const[]){
	    "dependency", "list", NULL }), 0);
	assert_non_null(strstr(out, "webhook          closed    open"));
	assert_non_null(strstr(out, "alertmanager"));
	assert_int_equal(stack_cli(&st, &out, (const char *const[]){
	    "dependency", "disable", "webhook", NULL }), 0);
	assert_string_equal(of("webhook", "mode"), "disabled");
	assert_int_equal(stack_cli(&st, &out, (const char *const[]){
	    "dependency", "auto", "webhook", NULL }), 0);
	assert_string_equal(of("webhook", "mode"), "auto");
	assert_int_equal(stack_cli(&st, &out, (const char *const[]){
	    "dependency", "open", "nobody", NULL }), 1);
	assert_int_equal(stack_cli(&st, &out, (const char *const[]){
	    "dependency", "open", NULL }), 2);
	assert_int_equal(stack_cli(&st, &out, (const char *const[]){
	    "dependency", "open", "aws", "--reson", "x", NULL }), 2);
	assert_string_equal(mariadb_value(st.a, st.db, "SELECT COUNT(*) FROM "
	    "auth_audit WHERE action LIKE 'system.dependency.%' AND "
	    "target_id = 'webhook'"), "3");
}

/* ---- by itself ------------------------------------------------------------------------ */

static bool
recovered(void *unused)
{
	(void)unused;
	return connect_account()->status == 422 &&
	    strcmp(of("aws", "state"), "closed") == 0;
}

static void
by_itself(void **state)
{
	unsigned port = fake.port;
	const struct reply *r;

	(void)state;
	fake_stop(&fake);
	for (int i = 0; i < 10 && strcmp(of("aws", "state"), "open") != 0; i++)
		assert_true(connect_account()->status >= 500);
	assert_string_equal(of("aws", "state"), "open");
	assert_string_equal(of("aws", "opened"), "1");
	assert_string_not_equal(of("aws", "since"), "");
	assert_string_equal(health_of("aws", "status"), "down");
	assert_true(metric_says("quincunx_breaker_transitions_total{"
	    "name=\"aws\",to=\"open\"} "));
	r = connect_account();
	assert_true(r->status >= 500);
	assert_int_not_equal(strlen(stack_file(&st, "log/server.log")), 0);
	assert_non_null(strstr(stack_file(&st, "log/server.log"),
	    "breaker opened"));
	fakeec2_start(&fake, st.a, (const char *const[]){ "--port",
	    http_text(&st, "%u", port), NULL });
	assert_true(eventually(recovered, NULL, SOON_MS));
	assert_string_equal(health_of("aws", "status"), "ok");
}

/* ---- wrong settings ---------------------------------------------------------------------- */

static void
wrong_settings(void **state)
{
	const char *out;

	(void)state;
	stack_setting(&st, "resilience.overrides", "azure.failures=3");
	assert_int_not_equal(stack_cli(&st, &out, (const char *const[]){
	    "dependency", "list", NULL }), 0);
	assert_false(stack_reload(&st));
	expect_status(http_get(&st, "/api/system/dependencies", token), 200);
	stack_setting(&st, "resilience.overrides", "aws.permits=7");
	assert_true(stack_reload(&st));
	assert_string_equal(of("aws", "permits"), "7");
}

static int
start(void **state)
{
	(void)state;
	stack_start(&st, &(struct stack_options){ .web = "nginx",
	    .settings = (const char *const[]){
	    "resilience.overrides=aws.open=2,aws.open_max=2", NULL } });
	fakeec2_start(&fake, st.a, NULL);
	stack_setting(&st, "aws.endpoint", fake.url);
	stack_setting(&st, "aws.sts_endpoint", fake.url);
	if (!stack_reload(&st))
		return -1;
	token = http_admin(&st);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	fake_stop(&fake);
	stack_stop(&st);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shown),
		cmocka_unit_test(ordered_open),
		cmocka_unit_test(outlives_the_segment),
		cmocka_unit_test(terminal),
		cmocka_unit_test(by_itself),
		cmocka_unit_test(wrong_settings),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
