/*
 * Schedules as people see them: over HTTP, on the terminal, fired by the
 * worker service and by cron, and what is refused.
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
#include <unistd.h>
#include <cmocka.h>

#include "base/arena.h"
#include "tests/harness/forked.h"
#include "tests/harness/jobs_http.h"
#include "tests/harness/mariadb.h"

#define ROOT "/api/system/schedules"

static struct stack st;
static const char *ann, *bob, *root;

static const struct reply *
call(const char *method, const char *path, const char *body)
{
	return jobs_send(&st, ann, method, path, body);
}

static const char *
make(const char *body)
{
	const struct reply *r = call("POST", ROOT, body);

	expect_status(r, 201);
	return arena_strdup(st.a, json_text_at(r->json, "id"));
}

static const char *
one(const char *id, const char *rest)
{
	return http_text(&st, ROOT "/%s%s", id, rest);
}

static long
number(const char *sql)
{
	return strtol(mariadb_value(st.a, st.db, sql), NULL, 10);
}

/* ---- */

static void
made_changed_removed(void **state)
{
	const char *id = make("{\"name\":\"nightly\",\"spec\":\"30 2 * * *\","
	    "\"zone\":\"Europe/Berlin\",\"type\":\"report\",\"payload\":"
	    "{\"a\":[1]},\"queue\":\"papers\"}");
	const struct reply *r = http_get(&st, one(id, ""), ann);

	(void)state;
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "payload.a.0"), "1");
	assert_non_null(strstr(json_text_at(r->json, "description"), "02:30"));
	assert_int_equal(json_int_at(r->json, "version"), 1);
	r = call("PATCH", one(id, ""), "{\"spec\":\"@daily\",\"version\":1}");
	expect_status(r, 200);
	assert_int_equal(json_int_at(r->json, "version"), 2);
	assert_string_equal(json_text_at(r->json, "zone"), "Europe/Berlin");
	expect_status(call("PATCH", one(id, ""), "{\"spec\":\"@hourly\","
	    "\"version\":1}"), 409);
	expect_status(call("POST", ROOT, "{\"name\":\"nightly\",\"spec\":"
	    "\"@daily\",\"type\":\"report\"}"), 409);
	/* another tenant has the name for itself, and not this one */
	expect_status(jobs_send(&st, bob, "POST", ROOT, "{\"name\":"
	    "\"nightly\",\"spec\":\"@daily\",\"type\":\"report\"}"), 201);
	expect_status(http_get(&st, one(id, ""), bob), 404);
	expect_status(jobs_send(&st, bob, "POST", one(id, "/run"), NULL),
	    404);
	expect_status(jobs_send(&st, bob, "DELETE", one(id, ""), NULL), 404);
	expect_status(call("DELETE", one(id, ""), NULL), 204);
	expect_status(http_get(&st, one(id, ""), ann), 404);
}

static void
refusals(void **state)
{
	static const char *const bad[][2] = {
		{ "{\"name\":\"r\",\"spec\":\"61 * * * *\",\"type\":\"x\"}",
		  "spec" },
		{ "{\"name\":\"r\",\"spec\":\"0 0 30 2 *\",\"type\":\"x\"}",
		  "spec" },
		{ "{\"name\":\"r\",\"spec\":\"@every 1s\",\"type\":\"x\"}",
		  "spec" },
		{ "{\"name\":\"r\",\"spec\":\"@daily\",\"zone\":\"No/Where\","
		  "\"type\":\"x\"}", "zone" },
		{ "{\"name\":\"r\",\"spec\":\"@daily\",\"type\":\"sleep\","
		  "\"payload\":{\"seconds\":\"long\"}}", "payload" },
		{ "{\"name\":\"r\",\"spec\":\"@daily\",\"type\":\"noop\","
		  "\"payload\":{\"a\":1}}", "payload" },
		{ "{\"name\":\"r\",\"spec\":\"@daily\",\"type\":\"x\","
		  "\"end_at\":\"2020-01-01T00:00:00Z\"}", "end_at" },
		{ NULL, NULL }
	};
	const struct reply *r;

	(void)state;
	for (int i = 0; bad[i][0] != NULL; i++) {
		r = call("POST", ROOT, bad[i][0]);
		expect_status(r, 422);
		assert_string_equal(json_text_at(r->json, "detail.0.loc.1"),
		    bad[i][1]);
	}
	/* a type that the caller may not enqueue */
	expect_status(call("POST", ROOT, "{\"name\":\"r\",\"spec\":"
	    "\"@daily\",\"type\":\"platform.webhook.deliver\"}"), 403);
}

static void
preview(void **state)
{
	const struct reply *r = http_get(&st, ROOT "/preview?spec="
	    "30+2+*+*+*&zone=Europe/Berlin&after=2027-03-27T12:00:00Z&n=2",
	    ann);
	const char *out;

	(void)state;
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "items.0.at"),
	    "2027-03-28T01:00:00Z");
	assert_string_equal(json_text_at(r->json, "items.0.local"),
	    "2027-03-28 03:00:00 +02:00");
	assert_string_equal(json_text_at(r->json, "items.1.local"),
	    "2027-03-29 02:30:00 +02:00");
	assert_int_equal(stack_cli(&st, &out, (const char *[]){ "schedules",
	    "preview", "0 12 * * *", "--zone", "Asia/Tokyo", "--count", "2",
	    NULL }), 0);
	assert_non_null(strstr(out, "T03:00:00Z  "));
	assert_non_null(strstr(out, " 12:00:00 +09:00"));
	assert_int_equal(stack_cli(&st, &out, (const char *[]){ "schedules",
	    "preview", "0 25 * * *", NULL }), 1);
}

/* By hand, and by cron on a host without services. */
static void
by_hand_and_by_cron(void **state)
{
	const char *id = make("{\"name\":\"often\",\"spec\":\"@every 10s\","
	    "\"type\":\"noop\"}"), *job, *out;
	const struct reply *r = call("POST", one(id, "/run"), NULL);

	(void)state;
	expect_status(r, 202);
	job = arena_strdup(st.a, json_text_at(r->json, "job_id"));
	/* it still lives, and overlap is skip */
	expect_status(call("POST", one(id, "/run"), NULL), 409);
	assert_int_equal(stack_program(&st, &out, "quincunx-schedule",
	    (const char *[]){ "--work", NULL }), 0);
	jobs_until(&st, ann, job, "succeeded");
	for (int i = 0; i < 30 && number("SELECT COUNT(*) FROM jobs_fire "
	    "WHERE outcome = 'fired'") == 0; i++) {
		nap_ms(1000);
		stack_program(&st, &out, "quincunx-schedule",
		    (const char *[]){ "--work", NULL });
	}
	r = http_get(&st, one(id, "/fires"), ann);
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "items.0.outcome"),
	    "fired");
	jobs_until(&st, ann, json_text_at(r->json, "items.0.job_id"),
	    "succeeded");
	expect_status(call("POST", one(id, "/pause"), NULL), 200);
}

/* The application's own: seen by all, turned by those who run it. */
static void
declared(void **state)
{
	const struct reply *r = http_get(&st, ROOT "?installation=true", ann);
	const char *id, *out;

	(void)state;
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "items.0.name"),
	    "platform.sweep");
	id = arena_strdup(st.a, json_text_at(r->json, "items.0.id"));
	expect_status(call("POST", one(id, "/pause"), NULL), 403);
	expect_status(call("PATCH", one(id, ""), "{\"spec\":\"@daily\"}"),
	    409);
	expect_status(call("DELETE", one(id, ""), NULL), 409);
	expect_status(jobs_send(&st, root, "POST", one(id, "/pause"), NULL),
	    200);
	assert_int_equal(stack_cli(&st, &out, (const char *[]){ "schedules",
	    "resume", "platform.sweep", "--installation", NULL }), 0);
	assert_non_null(strstr(out, "active"));
	assert_int_equal(stack_cli(&st, &out, (const char *[]){ "schedules",
	    "--installation", "--json", NULL }), 0);
	assert_non_null(strstr(out, "\"paused\":false"));
}

static void
fired_by_the_service(void **state)
{
	const char *id;
	long n = 0;

	(void)state;
	stack_setting(&st, "jobs.schedule_floor", "1");
	assert_true(stack_reload(&st));
	id = make("{\"name\":\"seconds\",\"spec\":\"* * * * * *\",\"type\":"
	    "\"noop\",\"overlap\":\"allow\",\"misfire\":\"each\"}");
	stack_worker_start(&st);
	for (int i = 0; i < 300 && n < 3; i++) {
		nap_ms(100);
		n = number(http_text(&st, "SELECT COUNT(*) FROM jobs_fire f "
		    "JOIN jobs_job j ON j.id = f.job_id WHERE j.state = 10 "
		    "AND f.schedule_id = X'%.8s%.4s%.4s%.4s%.12s'", id,
		    id + 9, id + 14, id + 19, id + 24));
	}
	assert_true(n >= 3);
	expect_status(call("POST", one(id, "/pause"), NULL), 200);
	stack_worker_stop(&st, SIGTERM);
}

static int
start(void **state)
{
	(void)state;
	stack_start(&st, &(struct stack_options){ .web = "nginx" });
	root = http_admin(&st);
	ann = jobs_tenant(&st, "ann");
	bob = jobs_tenant(&st, "bob");
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	stack_stop(&st);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(made_changed_removed),
		cmocka_unit_test(refusals),
		cmocka_unit_test(preview),
		cmocka_unit_test(by_hand_and_by_cron),
		cmocka_unit_test(declared),
		cmocka_unit_test(fired_by_the_service),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
