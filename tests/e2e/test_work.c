/*
 * External workers over HTTP: claim, heartbeat, progress, complete, fail,
 * release; leases that run out, time that is over, races between the words of
 * a worker and of people; and the Python client with a worker of its own.
 */
#include <json.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/str.h"
#include "tests/harness/jobs_http.h"
#include "tests/harness/mariadb.h"
#include "tests/harness/pace.h"

enum { PATIENCE = 300, NAP_US = 100000 };

static struct stack st;
static const char *ann, *bob;

static const struct reply *
post(const char *path, const char *body)
{
	return jobs_send(&st, ann, "POST", path, body);
}

static struct jobs_held
work(const char *queue, const char *more)
{
	jobs_add(&st, ann, http_text(&st, "{\"type\":\"t\",\"queue\":\"%s\""
	    "%s}", queue, more));
	return jobs_claim_some(&st, ann, queue);
}

static const struct reply *
say(const struct jobs_held *h, const char *verb, const char *more)
{
	return jobs_say(&st, ann, h, verb, more);
}

static const char *
status(const char *id)
{
	return jobs_status(&st, ann, id);
}

static void
expect_code(const struct reply *r, int want, const char *code)
{
	expect_status(r, want);
	assert_string_equal(http_header(&st, r, "X-Error-Code"), code);
}

/* ---- the five words ------------------------------------------------------- */

static void
claim_and_complete(void **state)
{
	const char *id = jobs_add(&st, ann, "{\"type\":\"sum\",\"payload\":"
	    "{\"n\":[1,2]},\"queue\":\"q1\",\"timeout_s\":60}");
	struct jobs_held h = jobs_claim(&st, ann, "q1"), again;
	const struct reply *r = h.reply;

	(void)state;
	assert_string_equal(h.id, id);
	assert_int_equal(json_int_at(r->json, "jobs.0.payload.n.1"), 2);
	assert_int_equal(json_int_at(r->json, "jobs.0.attempt"), 1);
	assert_string_not_equal(json_text_at(r->json, "jobs.0.deadline"), "");
	assert_string_equal(status(id), "running");
	assert_string_equal(jobs_claim(&st, ann, "q1").id, "");
	r = say(&h, "progress", ",\"progress\":250,\"note\":\"a quarter\"");
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "cancel"), "false");
	r = jobs_get(&st, ann, id);
	assert_int_equal(json_int_at(r->json, "progress"), 250);
	assert_string_equal(json_text_at(r->json, "note"), "a quarter");
	expect_status(say(&h, "heartbeat", ""), 200);
	r = say(&h, "complete", ",\"result\":{\"sum\":3}");
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "status"), "succeeded");
	assert_string_equal(json_text_at(r->json, "repeated"), "false");
	r = jobs_get(&st, ann, id);
	assert_string_equal(json_text_at(r->json, "status"), "succeeded");
	assert_int_equal(json_int_at(r->json, "result.sum"), 3);
	assert_int_equal(json_int_at(r->json, "progress"), 1000);
	/* the lost answer: told again, done once */
	r = say(&h, "complete", ",\"result\":{\"sum\":4}");
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "repeated"), "true");
	assert_int_equal(json_int_at(jobs_get(&st, ann, id)->json,
	    "result.sum"), 3);
	/* but nothing else can be said any more */
	expect_code(say(&h, "fail", ",\"error\":\"x\""), 409, "job_lost");
	expect_code(say(&h, "heartbeat", ""), 409, "job_lost");
	again = h;
	again.token++;
	expect_code(say(&again, "complete", ""), 409, "job_lost");
	assert_string_equal(mariadb_value(st.a, st.db, "SELECT COUNT(*) FROM "
	    "jobs_lease WHERE external = TRUE"), "0");
}

static void
fail_and_retry(void **state)
{
	struct jobs_held h = work("q2", ",\"tries\":2,\"backoff_s\":1"), two;
	const struct reply *r = say(&h, "fail",
	    ",\"error\":\"not today\",\"class\":\"upstream\"");

	(void)state;
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "status"), "retrying");
	assert_string_not_equal(json_text_at(r->json, "run_at"), "");
	two = jobs_claim_some(&st, ann, "q2");
	assert_string_equal(two.id, h.id);
	assert_int_equal(two.token, h.token + 1);
	assert_int_equal(json_int_at(two.reply->json, "jobs.0.attempt"), 2);
	expect_code(say(&h, "complete", ""), 409, "job_lost");
	r = say(&two, "fail", ",\"error\":\"never\",\"class\":\"upstream\"");
	assert_string_equal(json_text_at(r->json, "status"), "failed");
	r = jobs_get(&st, ann, h.id);
	assert_string_equal(json_text_at(r->json, "error"), "never");
	assert_string_equal(json_text_at(r->json, "error_class"),
	    "upstream");
	assert_string_equal(json_text_at(r->json, "attempts.0.error"),
	    "not today");
	assert_string_equal(json_text_at(r->json, "attempts.1.outcome"),
	    "retry");
	/* Retry-After of the worker wins over the back-off */
	h = work("q2", "");
	say(&h, "fail", ",\"error\":\"later\",\"retry_after_s\":3600");
	r = http_get(&st, "/jobs?queue=q2&state=retrying", ann);
	assert_string_equal(json_text_at(r->json, "items.0.id"), h.id);
	assert_string_equal(jobs_claim(&st, ann, "q2").id, "");
}

/* An error of any length and any characters is taken, and kept in part. */
static void
long_errors(void **state)
{
	struct jobs_held h = work("q3", "");
	struct str s;

	(void)state;
	str_init(&s, st.a);
	for (int i = 0; i < 3000; i++)
		str_add(&s, "\303\244");
	expect_status(say(&h, "fail", http_text(&st,
	    ",\"error\":\"%s\",\"retry\":false", s.p)), 200);
	assert_int_equal(strlen(json_text_at(jobs_get(&st, ann, h.id)->json,
	    "error")), 1000);
}

static void
release(void **state)
{
	struct jobs_held h = work("q4", ",\"tries\":1"), two;
	const struct reply *r = say(&h, "release", "");

	(void)state;
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "status"), "queued");
	assert_string_equal(json_text_at(say(&h, "release", "")->json,
	    "repeated"), "true");
	two = jobs_claim(&st, ann, "q4");
	assert_string_equal(two.id, h.id);
	assert_int_equal(json_int_at(two.reply->json, "jobs.0.attempt"), 1);
	expect_status(say(&two, "complete", ""), 200);
}

static void
several_at_once(void **state)
{
	const struct reply *r;

	(void)state;
	for (int i = 0; i < 7; i++)
		jobs_add(&st, ann, http_text(&st, "{\"type\":\"%s\","
		    "\"queue\":\"q5\"}", i % 2 ? "odd" : "even"));
	for (int i = 0; i < 40; i++)	/* others before those it wants */
		jobs_add(&st, ann, "{\"type\":\"noise\",\"queue\":\"q5\","
		    "\"priority\":\"high\"}");
	jobs_add(&st, ann, "{\"type\":\"odd\",\"queue\":\"q6\"}");
	r = post("/jobs/claim", "{\"queues\":[\"q6\",\"q5\"],\"types\":"
	    "[\"odd\"],\"max\":3}");
	expect_status(r, 200);
	assert_int_equal(json_object_array_length(json_at(r->json, "jobs")),
	    3);
	for (int i = 0; i < 3; i++)
		assert_string_equal(json_text_at(r->json, http_text(&st,
		    "jobs.%d.type", i)), "odd");
	r = post("/jobs/claim", "{\"queues\":[\"q5\"],\"types\":[\"odd\","
	    "\"even\"],\"max\":32}");
	assert_int_equal(json_object_array_length(json_at(r->json, "jobs")),
	    5);
	r = post("/jobs/claim", "{\"queues\":[\"q5\"],\"max\":32}");
	assert_int_equal(json_object_array_length(json_at(r->json, "jobs")),
	    32);
}

static void
refusals(void **state)
{
	static const char *const bad[] = { "{}", "{\"queues\":[]}",
		"{\"queues\":[\"a b\"]}", "{\"queues\":\"q\"}",
		"{\"queues\":[\"q\"],\"max\":0}",
		"{\"queues\":[\"q\"],\"max\":33}",
		"{\"queues\":[\"q\"],\"wait_s\":26}",
		"{\"queues\":[\"q\"],\"lease_s\":5}" };
	struct jobs_held h = work("q7", "");
	struct str big;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_status(post("/jobs/claim", bad[i]), 422);
	expect_status(say(&h, "progress", ",\"progress\":1001"), 422);
	expect_status(say(&h, "fail", ""), 422);
	expect_status(say(&h, "fail", ",\"error\":\"x\",\"class\":\"a b\""),
	    422);
	str_init(&big, st.a);
	for (int i = 0; i < 300 * 1024; i++)
		str_addc(&big, 'x');
	expect_status(say(&h, "complete", http_text(&st,
	    ",\"result\":\"%s\"", big.p)), 422);
	expect_status(jobs_say(&st, bob, &h, "heartbeat", ""), 404);
	expect_status(jobs_say(&st, bob, &h, "complete", ""), 404);
	expect_status(jobs_say(&st, bob, &h, "release", ""), 404);
	expect_status(say(&h, "complete", ""), 200);
}

/* ---- what people do meanwhile --------------------------------------------------- */

static void
cancelled_while_held(void **state)
{
	struct jobs_held h = work("q8", "");
	const struct reply *r = post(http_text(&st, "/jobs/%s/cancel", h.id),
	    NULL);

	(void)state;
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "status"), "running");
	assert_string_equal(json_text_at(r->json, "cancel_requested"),
	    "true");
	r = say(&h, "heartbeat", "");
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "cancel"), "true");
	r = say(&h, "release", "");
	assert_string_equal(json_text_at(r->json, "status"), "cancelled");
	/* a failure of one that shall stop is no retry */
	h = work("q8", "");
	expect_status(post(http_text(&st, "/jobs/%s/cancel", h.id), NULL),
	    200);
	r = say(&h, "fail", ",\"error\":\"interrupted\"");
	assert_string_equal(json_text_at(r->json, "status"), "cancelled");
}

static void
time_is_over(void **state)
{
	struct jobs_held h = work("q9", ",\"timeout_s\":1,\"tries\":1");
	const struct reply *r = NULL;

	(void)state;
	for (int i = 0; i < PATIENCE; i++) {
		r = say(&h, "heartbeat", "");
		if (r->status != 200)
			break;
		pace_us(NAP_US);
	}
	expect_code(r, 410, "timeout");
	r = jobs_get(&st, ann, h.id);
	assert_string_equal(json_text_at(r->json, "status"), "failed");
	assert_string_equal(json_text_at(r->json, "error_class"), "timeout");
	expect_code(say(&h, "complete", ""), 409, "job_lost");
}

/* Silent for too long: another worker gets it; the first one is told, and
 * what it did is not taken. No worker service runs here: claims see to it. */
static void
lease_runs_out(void **state)
{
	struct jobs_held h = work("q10", ",\"tries\":1"), two;

	(void)state;
	mariadb_sql(st.db, "UPDATE jobs_lease SET expires_at = NOW(6) - "
	    "INTERVAL 1 HOUR WHERE external = TRUE");
	two = jobs_claim_some(&st, ann, "q10");
	assert_string_equal(two.id, h.id);
	assert_true(two.token > h.token);
	expect_code(say(&h, "complete", ",\"result\":1"), 409, "job_lost");
	expect_code(say(&h, "heartbeat", ""), 409, "job_lost");
	expect_code(say(&h, "progress", ",\"progress\":5"), 409, "job_lost");
	expect_code(say(&h, "release", ""), 409, "job_lost");
	expect_status(say(&two, "complete", ",\"result\":2"), 200);
	assert_string_equal(json_text_at(jobs_get(&st, ann, h.id)->json,
	    "result"), "2");
	assert_int_equal(json_int_at(jobs_get(&st, ann, h.id)->json, "lost"),
	    1);
	assert_int_equal(json_int_at(jobs_get(&st, ann, h.id)->json,
	    "crashes"), 0);
}

/* Not started in time: its unique key is free again, those behind it skipped. */
static void
expired(void **state)
{
	const char *id = jobs_add(&st, ann, http_text(&st, "{\"type\":\"e\","
	    "\"queue\":\"q11\",\"unique\":\"e1\",\"expires_at\":"
	    "\"2040-01-01T00:00:00Z\"}"));
	const char *next = jobs_add(&st, ann, http_text(&st,
	    "{\"type\":\"n\",\"queue\":\"q11\",\"needs\":[\"%s\"]}", id));

	(void)state;
	mariadb_sql(st.db, "UPDATE jobs_job SET expires_at = NOW(6) - "
	    "INTERVAL 1 SECOND WHERE type = 'e'");
	assert_string_equal(jobs_claim(&st, ann, "q11").id, "");
	assert_string_equal(status(id), "expired");
	assert_string_equal(status(next), "skipped");
	assert_string_not_equal(jobs_add(&st, ann, "{\"type\":\"e\","
	    "\"queue\":\"q11\",\"unique\":\"e1\"}"), id);
}

static void
delayed(void **state)
{
	const char *id;
	struct jobs_held h;

	(void)state;
	id = jobs_add(&st, ann, "{\"type\":\"d\",\"queue\":\"q12\","
	    "\"run_at\":\"2040-01-01T00:00:00Z\"}");
	assert_string_equal(jobs_claim(&st, ann, "q12").id, "");
	mariadb_sql(st.db, "UPDATE jobs_job SET run_at = '2020-01-01' WHERE "
	    "state = 2; UPDATE jobs_delayed SET run_at = '2020-01-01'");
	h = jobs_claim_some(&st, ann, "q12");
	assert_string_equal(h.id, id);
	expect_status(say(&h, "complete", ""), 200);
}

static void
concurrency_keys(void **state)
{
	struct jobs_held a, b;

	(void)state;
	for (int i = 0; i < 3; i++)
		jobs_add(&st, ann, "{\"type\":\"k\",\"queue\":\"q13\","
		    "\"limit_key\":\"one at a time\"}");
	a = jobs_claim(&st, ann, "q13");
	assert_string_not_equal(a.id, "");
	assert_string_equal(jobs_claim(&st, ann, "q13").id, "");
	expect_status(say(&a, "complete", ""), 200);
	b = jobs_claim(&st, ann, "q13");
	assert_string_not_equal(b.id, "");
	assert_string_equal(jobs_claim(&st, ann, "q13").id, "");
	expect_status(say(&b, "fail", ",\"error\":\"x\",\"retry\":false"),
	    200);
	a = jobs_claim(&st, ann, "q13");
	assert_string_not_equal(a.id, "");
	expect_status(say(&a, "complete", ""), 200);
}

/* ---- waiting ---------------------------------------------------------------------- */

static void
long_poll(void **state)
{
	struct call c[] = {
		{ .method = "POST", .path = "/jobs/claim", .token = ann,
		  .body = "{\"queues\":[\"q14\"],\"wait_s\":25}" },
		{ .method = "POST", .path = "/jobs", .token = ann,
		  .body = "{\"type\":\"w\",\"queue\":\"q14\"}" },
	};
	const struct reply *r[2];

	(void)state;
	http_parallel(&st, c, 2, r);
	expect_status(r[1], 202);
	expect_status(r[0], 200);
	assert_string_equal(json_text_at(r[0]->json, "jobs.0.id"),
	    json_text_at(r[1]->json, "job_id"));
}

/* Two children serve slow routes, so one claim may wait; the others are
 * answered at once, and told when to come again. */
static void
few_may_wait(void **state)
{
	enum { N = 6 };
	struct call c[N];
	const struct reply *r[N];
	size_t refused = 0;

	(void)state;
	for (size_t i = 0; i < N; i++)
		c[i] = (struct call){ .method = "POST", .path = "/jobs/claim",
		    .token = ann,
		    .body = "{\"queues\":[\"q15\"],\"wait_s\":3}" };
	http_parallel(&st, c, N, r);
	for (size_t i = 0; i < N; i++) {
		expect_status(r[i], 200);
		assert_null(json_at(r[i]->json, "jobs.0"));
		refused += http_header(&st, r[i], "Retry-After") != NULL;
	}
	assert_true(refused >= 1);
}

/* ---- races ------------------------------------------------------------------------- */

/* Many claim at once: each job is given out once. */
static void
each_job_once(void **state)
{
	enum { JOBS = 24, CLAIMS = 12 };
	struct call c[CLAIMS];
	const struct reply *r[CLAIMS];
	struct str seen;
	size_t n = 0;

	(void)state;
	str_init(&seen, st.a);
	for (int i = 0; i < JOBS; i++)
		jobs_add(&st, ann, "{\"type\":\"o\",\"queue\":\"q16\"}");
	for (int round = 0; round < 20 && n < JOBS; round++) {
		for (size_t i = 0; i < CLAIMS; i++)
			c[i] = (struct call){ .method = "POST",
			    .path = "/jobs/claim", .token = ann,
			    .body = "{\"queues\":[\"q16\"],\"max\":3}" };
		http_parallel(&st, c, CLAIMS, r);
		for (size_t i = 0; i < CLAIMS; i++) {
			struct json_object *v = json_at(r[i]->json, "jobs");

			expect_status(r[i], 200);
			for (size_t k = 0; k < json_object_array_length(v);
			    k++) {
				const char *id = json_text_at(
				    json_object_array_get_idx(v, k), "id");

				assert_null(strstr(seen.p, id));
				str_addf(&seen, "%s ", id);
				n++;
			}
		}
	}
	assert_int_equal(n, JOBS);
}

/* complete, fail, release and cancel of one start at once: one of them is what
 * happened, and nothing is left over. */
static void
one_outcome(void **state)
{
	(void)state;
	for (int round = 0; round < 10; round++) {
		struct jobs_held h = work("q17", "");
		const char *token = http_text(&st, "{\"token\":%lld}",
		    h.token);
		struct call c[] = {
			{ .method = "POST", .token = ann, .body = token,
			  .path = http_text(&st, "/jobs/%s/complete", h.id) },
			{ .method = "POST", .token = ann, .body = token,
			  .path = http_text(&st, "/jobs/%s/release", h.id) },
			{ .method = "POST", .token = ann,
			  .path = http_text(&st, "/jobs/%s/cancel", h.id) },
			{ .method = "POST", .token = ann,
			  .body = http_text(&st, "{\"token\":%lld,\"error\":"
			  "\"x\",\"retry\":false}", h.token),
			  .path = http_text(&st, "/jobs/%s/fail", h.id) },
		};
		const struct reply *r[4];
		size_t words = 0;
		const char *end;

		http_parallel(&st, c, 4, r);
		for (size_t i = 0; i < 4; i++) {
			if (i == 2)
				continue;
			words += r[i]->status == 200;
			if (r[i]->status != 200)
				expect_code(r[i], 409, "job_lost");
		}
		assert_int_equal(words, 1);
		end = status(h.id);
		if (strcmp(end, "queued") == 0) {	/* released, uncancelled */
			h = jobs_claim_some(&st, ann, "q17");
			expect_status(say(&h, "complete", ""), 200);
		} else
			assert_true(strcmp(end, "succeeded") == 0 ||
			    strcmp(end, "failed") == 0 ||
			    strcmp(end, "cancelled") == 0);
	}
	assert_string_equal(jobs_claim(&st, ann, "q17").id, "");
	assert_string_equal(mariadb_value(st.a, st.db, "SELECT COUNT(*) FROM "
	    "jobs_claim c JOIN jobs_lease l ON l.id = c.lease_id JOIN "
	    "jobs_job j ON j.lease_id = l.id WHERE j.state <> 5"), "0");
}

/* ---- the Python client ---------------------------------------------------------------- */

static const char *client;	/* quincunx.py */

static pid_t
python(const char *name, const char *const *args)
{
	const char *argv[24] = { "/usr/bin/env", http_text(&st,
	    "QUINCUNX_URL=%s", st.base), "QUINCUNX_EMAIL=ann@example.test",
	    "QUINCUNX_PASSWORD=a long password", "PYTHONDONTWRITEBYTECODE=1",
	    "python3" };
	size_t n = 6;

	for (; *args != NULL; args++)
		argv[n++] = *args;
	return stack_launch(&st, name, argv);
}

/* Its exit status and output. */
static int
run(const char *name, const char **out, const char *const *args)
{
	pid_t pid = python(name, args);
	int ws;

	while (waitpid(pid, &ws, 0) == -1)
		;
	*out = stack_file(&st, http_text(&st, "log/%s.out", name));
	return WIFEXITED(ws) ? WEXITSTATUS(ws) : -1;
}
#define RUN(name, out, ...) \
	run((name), (out), (const char *[]){ client, __VA_ARGS__, NULL })

static void
script(const char *name, const char *text)
{
	FILE *f = fopen(stack_path(&st, name), "w");

	assert_non_null(f);
	fprintf(f, "import os, sys, time\n"
	    "sys.path.insert(0, os.path.dirname(\"%s\"))\n"
	    "from quincunx import Client, Fail, JobFailed, Retry\n"
	    "qx = Client(os.environ['QUINCUNX_URL'], "
	    "os.environ['QUINCUNX_EMAIL'], os.environ['QUINCUNX_PASSWORD'])\n"
	    "%s", client, text);
	fclose(f);
}

static void
until_logged(const char *file, const char *text)
{
	for (int i = 0; i < PATIENCE; i++) {
		if (strstr(stack_file(&st, file), text) != NULL)
			return;
		pace_us(NAP_US);
	}
	fail_msg("%s does not say \"%s\": %s", file, text,
	    stack_file(&st, file));
}

static const char worker_text[] =
    "import threading\n"
    "seen = {}\n"
    "@qx.worker('add')\n"
    "def add(job):\n"
    "    job.progress(500, 'half')\n"
    "    return {'sum': sum(job.payload['n']), 'key': job.key('x')}\n"
    "@qx.worker('flaky')\n"
    "def flaky(job):\n"
    "    if job.attempt == 1:\n"
    "        raise Retry('not yet', after=1)\n"
    "    return job.attempt\n"
    "@qx.worker('bad')\n"
    "def bad(job):\n"
    "    raise Fail('no way', kind='hopeless')\n"
    "@qx.worker('odd')\n"
    "def odd(job):\n"
    "    raise KeyError('missing')\n"
    "@qx.worker('long')\n"
    "def long(job):\n"
    "    print('long began', flush=True)\n"
    "    job.stop.wait(600)\n"
    "    print('long ends', flush=True)\n"
    "print('ready', flush=True)\n"
    "qx.run_worker(['py'], concurrency=4, lease_s=10, grace_s=1)\n"
    "print('ended', flush=True)\n";

static const char *
add_py(const char *type, const char *payload, const char *more)
{
	return jobs_add(&st, ann, http_text(&st, "{\"type\":\"%s\","
	    "\"queue\":\"py\",\"payload\":%s%s}", type, payload, more));
}

static void
python_worker(void **state)
{
	const struct reply *r;
	const char *id;
	pid_t pid;

	(void)state;
	script("worker.py", worker_text);
	pid = python("pyworker", (const char *[]){ stack_path(&st,
	    "worker.py"), NULL });
	id = add_py("add", "{\"n\":[1,2,3]}", "");
	jobs_until(&st, ann, id, "succeeded");
	r = jobs_get(&st, ann, id);
	assert_int_equal(json_int_at(r->json, "result.sum"), 6);
	assert_string_equal(json_text_at(r->json, "result.key"),
	    http_text(&st, "%s/x", id));
	id = add_py("flaky", "{}", "");
	jobs_until(&st, ann, id, "succeeded");
	assert_string_equal(json_text_at(jobs_get(&st, ann, id)->json,
	    "result"), "2");
	id = add_py("bad", "{}", "");
	jobs_until(&st, ann, id, "failed");
	assert_string_equal(json_text_at(jobs_get(&st, ann, id)->json,
	    "error_class"), "hopeless");
	id = add_py("odd", "{}", ",\"tries\":1");
	jobs_until(&st, ann, id, "failed");
	assert_string_equal(json_text_at(jobs_get(&st, ann, id)->json,
	    "error_class"), "KeyError");
	/* cancelled while it runs: heartbeats tell it */
	id = add_py("long", "{}", "");
	until_logged("log/pyworker.out", "long began");
	expect_status(post(http_text(&st, "/jobs/%s/cancel", id), NULL), 200);
	jobs_until(&st, ann, id, "cancelled");
	until_logged("log/pyworker.out", "long ends");
	/* ended by a signal: what it has goes back, no try is lost */
	id = add_py("long", "{}", "");
	jobs_until(&st, ann, id, "running");
	stack_end(&pid, SIGTERM);
	assert_non_null(strstr(stack_file(&st, "log/pyworker.out"),
	    "ended"));
	assert_string_equal(status(id), "queued");
	assert_int_equal(json_int_at(jobs_get(&st, ann, id)->json,
	    "attempt"), 0);
}

/* Killed, its job goes to the next worker when the lease has run out. */
static void
python_worker_killed(void **state)
{
	const char *const argv[] = { stack_path(&st, "worker.py"), NULL };
	pid_t one = python("pyone", argv);
	const char *id;
	struct jobs_held h;

	(void)state;
	until_logged("log/pyone.out", "long began");	/* left from before */
	stack_end(&one, SIGKILL);
	mariadb_sql(st.db, "UPDATE jobs_lease SET expires_at = NOW(6) - "
	    "INTERVAL 1 HOUR WHERE external = TRUE");
	h = jobs_claim_some(&st, ann, "py");
	assert_string_equal(h.type, "long");
	id = h.id;
	assert_int_equal(json_int_at(jobs_get(&st, ann, id)->json, "lost"),
	    1);
	expect_status(say(&h, "complete", ""), 200);
}

static void
python_calls(void **state)
{
	const char *out;

	(void)state;
	script("calls.py",
	    "a = qx.enqueue_job(job_type='call', user_id='user123', "
	    "payload={'x': 1}, queue='pc', idempotency_key='fixed')\n"
	    "b = qx.enqueue_job('call', 'user123', {'x': 1}, queue='pc', "
	    "idempotency_key='fixed')\n"
	    "assert a == b, (a, b)\n"
	    "j = qx.job(a)\n"
	    "assert j['payload'] == {'x': 1} and j['status'] == 'queued', j\n"
	    "assert [x['id'] for x in qx.jobs(type='call')] == [a]\n"
	    "try:\n"
	    "    qx.wait(a, timeout=0.3)\n"
	    "    assert False\n"
	    "except TimeoutError:\n"
	    "    pass\n"
	    "assert qx.cancel(a)['status'] == 'cancelled'\n"
	    "assert qx.wait(a, 5)['status'] == 'cancelled'\n"
	    "try:\n"
	    "    qx.wait(a, 5, check=True)\n"
	    "    assert False\n"
	    "except JobFailed as e:\n"
	    "    assert e.job['id'] == a\n"
	    "assert qx.retry(a)['status'] == 'queued'\n"
	    "batch = qx.enqueue_batch([{'type': 'call', 'queue': 'pc', "
	    "'ref': 'one'}, {'type': 'call', 'queue': 'pc', 'needs': "
	    "['#one']}])\n"
	    "assert batch['jobs'][1]['status'] == 'waiting', batch\n"
	    "# an access token that is not good any more is renewed\n"
	    "old, qx._access = qx._access, 'x.y.z'\n"
	    "assert qx.job(a)['id'] == a and qx._access != 'x.y.z'\n"
	    "qx._access, qx._refresh = 'x.y.z', 'nonsense'\n"
	    "assert qx.job(a)['id'] == a and qx._access != 'x.y.z'\n"
	    "seen = [e for _, e in zip(range(3), qx.events(0, 'job.*'))]\n"
	    "offs = [e['off'] for e in seen]\n"
	    "assert len(offs) == 3 and offs == sorted(set(offs)), offs\n"
	    "more = next(qx.events(offs[-1], 'job.*'))\n"
	    "assert more['off'] > offs[-1], more\n"
	    "print('all good')\n");
	if (run("pycalls", &out, (const char *[]){ stack_path(&st,
	    "calls.py"), NULL }) != 0)
		fail_msg("%s", out);
	assert_non_null(strstr(out, "all good"));
}

static void
python_command_line(void **state)
{
	const char *out;
	pid_t pid;

	(void)state;
	pid = python("pycmd", (const char *[]){ client, "work", "--queue",
	    "pcmd", "--type", "upper", "--", "tr", "a-z", "A-Z", NULL });
	assert_int_equal(RUN("pyrun", &out, "enqueue", "upper",
	    "{\"say\":\"hello\"}", "--queue", "pcmd", "--wait", "60"), 0);
	assert_non_null(strstr(out, "\"SAY\": \"HELLO\""));
	stack_end(&pid, SIGTERM);
	assert_int_equal(RUN("pyevents", &out, "events", "--since", "0",
	    "--topics", "job.succeeded", "--count", "1"), 0);
	assert_non_null(strstr(out, "\"topic\": \"job.succeeded\""));
	assert_int_equal(RUN("pybad", &out, "enqueue", "sleep", "{}"), 1);
	assert_non_null(strstr(out, "422"));
	assert_int_equal(RUN("pyusage", &out, "explode"), 2);
}

/* The worker as the README shows it. */
static void
python_readme(void **state)
{
	char *text, *end;
	const char *id;
	pid_t pid;
	FILE *f = fopen("README.md", "r");

	(void)state;
	assert_non_null(f);
	text = arena_alloc(st.a, 256 * 1024);
	assert_true(fread(text, 1, 256 * 1024 - 1, f) > 1000);
	fclose(f);
	text = strstr(text, "```python\n");
	assert_non_null(text);
	text += strlen("```python\n");
	end = strstr(text, "```");
	assert_non_null(end);
	*end = '\0';
	script("readme.py", text);
	pid = python("pyreadme", (const char *[]){ stack_path(&st,
	    "readme.py"), NULL });
	id = jobs_add(&st, ann, "{\"job_type\":\"mood\","
	    "\"user_id\":\"user123\",\"payload\":{\"text\":"
	    "\"good news, up\"}}");
	jobs_until(&st, ann, id, "succeeded");
	assert_int_equal(json_int_at(jobs_get(&st, ann, id)->json,
	    "result.score"), 2);
	stack_end(&pid, SIGTERM);
}

/* A stream that breaks off goes on where it was; told of a gap, it says so. */
static void
python_sse(void **state)
{
	const char *out;

	(void)state;
	script("sse.py",
	    "import http.server, threading\n"
	    "asked = []\n"
	    "class H(http.server.BaseHTTPRequestHandler):\n"
	    "    def log_message(self, *a): pass\n"
	    "    def do_GET(self):\n"
	    "        last = self.headers.get('Last-Event-ID')\n"
	    "        asked.append((self.path, last, "
	    "self.headers['Authorization']))\n"
	    "        self.send_response(503 if len(asked) == 2 else 200)\n"
	    "        self.end_headers()\n"
	    "        if len(asked) == 2: return\n"
	    "        n = int(last.split(':')[1]) if last else 0\n"
	    "        self.wfile.write(b': hello\\nretry: 10\\n\\n')\n"
	    "        if len(asked) == 3: self.wfile.write(b'event: gap\\n"
	    "data: {\"recovered\": false}\\n\\n')\n"
	    "        for i in (n + 1, n + 2):\n"
	    "            self.wfile.write(f'id: 7:{i}\\nevent: job.x\\ndata: "
	    "{{\"off\":\\ndata:  {i}}}\\n\\n'.encode())\n"
	    "s = http.server.ThreadingHTTPServer(('127.0.0.1', 0), H)\n"
	    "threading.Thread(target=s.serve_forever, daemon=True).start()\n"
	    "c = Client(f'http://127.0.0.1:{s.server_port}/pre', "
	    "api_key='qk')\n"
	    "gaps = []\n"
	    "got = [e['off'] for _, e in zip(range(5), c.events(-1, 'job.*', "
	    "sse=True, on_gap=gaps.append))]\n"
	    "assert got == [1, 2, 3, 4, 5], got\n"
	    "assert len(gaps) == 1, gaps\n"
	    "assert asked[0] == ('/pre/events?topics=job.%2A', None, "
	    "'Bearer qk'), asked\n"
	    "assert [a[1] for a in asked] == [None, '7:2', '7:2', '7:4'], "
	    "asked\n"
	    "print('sse good')\n");
	if (run("pysse", &out, (const char *[]){ stack_path(&st, "sse.py"),
	    NULL }) != 0)
		fail_msg("%s", out);
	assert_non_null(strstr(out, "sse good"));
}

/* ---- fixture ---------------------------------------------------------------------------- */

static int
start(void **state)
{
	static char path[PATH_MAX];

	(void)state;
	client = realpath("packaging/client/quincunx.py", path);
	assert_non_null(client);
	stack_start(&st, &(struct stack_options){ .web = "nginx" });
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
		cmocka_unit_test(claim_and_complete),
		cmocka_unit_test(fail_and_retry),
		cmocka_unit_test(long_errors),
		cmocka_unit_test(release),
		cmocka_unit_test(several_at_once),
		cmocka_unit_test(refusals),
		cmocka_unit_test(cancelled_while_held),
		cmocka_unit_test(time_is_over),
		cmocka_unit_test(lease_runs_out),
		cmocka_unit_test(expired),
		cmocka_unit_test(delayed),
		cmocka_unit_test(concurrency_keys),
		cmocka_unit_test(long_poll),
		cmocka_unit_test(few_may_wait),
		cmocka_unit_test(each_job_once),
		cmocka_unit_test(one_outcome),
		cmocka_unit_test(python_worker),
		cmocka_unit_test(python_worker_killed),
		cmocka_unit_test(python_calls),
		cmocka_unit_test(python_command_line),
		cmocka_unit_test(python_readme),
		cmocka_unit_test(python_sse),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
