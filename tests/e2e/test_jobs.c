/*
 * Jobs as people see them, over HTTP and on the terminal: enqueueing with all
 * its options and refusals, DAGs, lists, cancelling, dead letters in bulk,
 * queues, two tenants, and types of ours with the worker service running.
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
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/str.h"
#include "tests/harness/jobs_http.h"
#include "tests/harness/mariadb.h"

static struct stack st;
static const char *root, *ann, *bob;	/* the first admin; two tenants */

static const struct reply *
post(const char *path, const char *body)
{
	return jobs_send(&st, ann, "POST", path, body);
}

static long
number(const char *fmt, const char *arg)
{
	char sql[400];

	snprintf(sql, sizeof(sql), fmt, arg);
	return strtol(mariadb_value(st.a, st.db, sql), NULL, 10);
}

/* Entries of a 422: does one have that place? */
static void
expect_place(const struct reply *r, const char *loc)
{
	struct json_object *all = json_at(r->json, "detail");
	size_t n = all != NULL && json_object_is_type(all, json_type_array) ?
	    json_object_array_length(all) : 0;

	expect_status(r, 422);
	for (size_t i = 0; i < n; i++)
		if (strcmp(json_object_to_json_string_ext(json_at(
		    json_object_array_get_idx(all, i), "loc"),
		    JSON_C_TO_STRING_PLAIN), loc) == 0)
			return;
	fail_msg("no entry at %s: %s", loc, r->body);
}

/* ---- enqueueing ----------------------------------------------------------- */

static void
as_the_document_writes_it(void **state)
{
	const struct reply *r = post("/jobs", "{\"job_type\":\"suggestion\","
	    "\"user_id\":\"user123\",\"payload\":{\"symbols\":[\"AAPL\","
	    "\"GOOGL\"],\"timeframe\":\"1d\"},\"unknown\":1}");
	const char *id = arena_strdup(st.a, json_text_at(r->json, "job_id"));

	(void)state;
	expect_status(r, 202);
	assert_string_equal(json_text_at(r->json, "id"), id);
	assert_string_equal(json_text_at(r->json, "status"), "queued");
	r = jobs_get(&st, ann, id);
	assert_string_equal(json_text_at(r->json, "type"), "suggestion");
	assert_string_equal(json_text_at(r->json, "status"), "queued");
	assert_string_equal(json_text_at(r->json, "payload.symbols.1"),
	    "GOOGL");
	assert_string_equal(json_text_at(r->json, "actor"),
	    "admin-ann for user123");
	assert_true(json_object_is_type(json_at(r->json, "result"),
	    json_type_null));
	assert_true(json_object_is_type(json_at(r->json, "error"),
	    json_type_null));
	assert_string_equal(json_text_at(r->json, "external"), "false");
	/* the canonical path does not swallow what it does not know */
	expect_place(post("/api/system/jobs", "{\"type\":\"x\",\"payload\":"
	    "{},\"unknown\":1}"), "[\"body\",\"unknown\"]");
}

static void
with_all_options(void **state)
{
	const char *id = jobs_add(&st, ann, "{\"type\":\"report\",\"payload\":"
	    "[1,2],\"queue\":\"papers\",\"priority\":\"high\",\"run_at\":"
	    "\"2040-01-02T03:04:05Z\",\"expires_at\":\"2041-01-01T00:00:00Z\","
	    "\"limit_key\":\"printer\",\"limit_max\":2,\"tries\":7,"
	    "\"timeout_s\":77,\"backoff_s\":3}");
	const struct reply *r = jobs_get(&st, ann, id);

	(void)state;
	assert_string_equal(json_text_at(r->json, "status"), "scheduled");
	assert_string_equal(json_text_at(r->json, "queue"), "papers");
	assert_string_equal(json_text_at(r->json, "priority"), "high");
	assert_string_equal(json_text_at(r->json, "run_at"),
	    "2040-01-02T03:04:05Z");
	assert_string_equal(json_text_at(r->json, "expires_at"),
	    "2041-01-01T00:00:00Z");
	assert_int_equal(json_int_at(r->json, "tries"), 7);
	assert_int_equal(json_int_at(r->json, "timeout_s"), 77);
	assert_int_equal(json_int_at(r->json, "payload.1"), 2);
	expect_status(post(http_text(&st, "/jobs/%s/cancel", id), NULL), 200);
}

static void
refusals(void **state)
{
	static const struct {
		const char *body, *loc;
	} v[] = {
		{ "{}", "[\"body\",\"type\"]" },
		{ "{\"type\":\"\"}", "[\"body\",\"type\"]" },
		{ "{\"type\":\"no spaces\"}", "[\"body\",\"type\"]" },
		{ "{\"type\":\"a\",\"job_type\":\"b\"}",
		  "[\"body\",\"job_type\"]" },
		{ "{\"type\":\"a\",\"priority\":\"urgent\"}",
		  "[\"body\",\"priority\"]" },
		{ "{\"type\":\"a\",\"queue\":\"a b\"}",
		  "[\"body\",\"queue\"]" },
		{ "{\"type\":\"a\",\"run_at\":\"soon\"}",
		  "[\"body\",\"run_at\"]" },
		{ "{\"type\":\"a\",\"expires_at\":\"2020-01-01T00:00:00Z\"}",
		  "[\"body\",\"expires_at\"]" },
		{ "{\"type\":\"a\",\"run_at\":\"2040-01-01T00:00:00Z\","
		  "\"expires_at\":\"2039-01-01T00:00:00Z\"}",
		  "[\"body\",\"expires_at\"]" },
		{ "{\"type\":\"a\",\"tries\":0}", "[\"body\",\"tries\"]" },
		{ "{\"type\":\"a\",\"tries\":101}", "[\"body\",\"tries\"]" },
		{ "{\"type\":\"a\",\"tries\":1e400}", "[\"body\",\"tries\"]" },
		{ "{\"type\":\"a\",\"timeout_s\":-1}",
		  "[\"body\",\"timeout_s\"]" },
		{ "{\"type\":\"a\",\"limit_max\":0}",
		  "[\"body\",\"limit_max\"]" },
		{ "{\"type\":\"a\",\"unique\":\"\"}",
		  "[\"body\",\"unique\"]" },
		{ "{\"type\":\"a\",\"needs\":[\"x\"]}",
		  "[\"body\",\"needs\",0]" },
		{ "{\"type\":\"a\",\"needs\":[\"#0\"]}",
		  "[\"body\",\"needs\",0]" },
		{ "{\"type\":\"a\",\"needs\":"
		  "[\"01890a5d-ac96-774b-bcce-b302099a8057\"]}",
		  "[\"body\",\"needs\",0]" },
		{ "{\"type\":\"a\",\"needs_rule\":\"maybe\"}",
		  "[\"body\",\"needs_rule\"]" },
		{ "{\"type\":\"a\",\"workflow\":\"x\"}",
		  "[\"body\",\"workflow\"]" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		expect_place(post("/jobs", v[i].body), v[i].loc);
}

static void
one_live_job_per_unique_key(void **state)
{
	static const char body[] = "{\"type\":\"once\",\"unique\":\"k\"}";
	const char *id = jobs_add(&st, ann, body);
	const struct reply *r = post("/jobs", body);

	(void)state;
	expect_status(r, 202);
	assert_string_equal(json_text_at(r->json, "job_id"), id);
	assert_string_equal(json_text_at(r->json, "existing"), "true");
	/* the key is the tenant's own, and the type's */
	assert_string_not_equal(jobs_add(&st, bob, body), id);
	assert_string_not_equal(jobs_add(&st, ann,
	    "{\"type\":\"other\",\"unique\":\"k\"}"), id);
	/* free again when the job has ended */
	expect_status(post(http_text(&st, "/jobs/%s/cancel", id), NULL), 200);
	assert_string_not_equal(jobs_add(&st, ann, body), id);
}

static void
idempotent_by_key(void **state)
{
	struct call c = { .method = "POST", .path = "/jobs", .token = ann,
	    .body = "{\"type\":\"idem\"}", .key = "once-and-only" };
	const struct reply *r = http_call(&st, &c);
	const char *id = arena_strdup(st.a, json_text_at(r->json, "job_id"));

	(void)state;
	expect_status(r, 202);
	r = http_call(&st, &c);
	expect_status(r, 202);
	assert_string_equal(json_text_at(r->json, "job_id"), id);
	c.body = "{\"type\":\"other\"}";
	expect_status(http_call(&st, &c), 422);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_job WHERE "
	    "type = '%s'", "idem"), 1);
}

/* ---- batches ---------------------------------------------------------------- */

static void
batch_refusals(void **state)
{
	static const struct {
		const char *body, *loc;
	} v[] = {
		{ "{\"jobs\":[]}", "[\"body\",\"jobs\"]" },
		{ "{\"jobs\":[{\"payload\":1}]}",
		  "[\"body\",\"jobs\",0,\"type\"]" },
		{ "{\"jobs\":[{\"type\":\"a\"},{\"type\":\"a\",\"tries\":0}]}",
		  "[\"body\",\"jobs\",1,\"tries\"]" },
		{ "{\"jobs\":[{\"type\":\"a\",\"needs\":[\"#0\"]}]}",
		  "[\"body\",\"jobs\",0,\"needs\"]" },
		{ "{\"jobs\":[{\"type\":\"a\",\"needs\":[\"#1\"]},"
		  "{\"type\":\"a\",\"needs\":[\"#2\"]},"
		  "{\"type\":\"a\",\"needs\":[\"#0\"]}]}",
		  "[\"body\",\"jobs\",1,\"needs\"]" },
		{ "{\"jobs\":[{\"type\":\"a\",\"needs\":[\"#7\"]}]}",
		  "[\"body\",\"jobs\",0,\"needs\",0]" },
		{ "{\"jobs\":[{\"type\":\"a\",\"needs\":[\"#nobody\"]}]}",
		  "[\"body\",\"jobs\",0,\"needs\",0]" },
		{ "{\"jobs\":[{\"type\":\"a\",\"ref\":\"x\"},"
		  "{\"type\":\"a\",\"ref\":\"x\"}]}",
		  "[\"body\",\"jobs\",1,\"ref\"]" },
		{ "{\"jobs\":[{\"type\":\"a\",\"ref\":\"0\"}]}",
		  "[\"body\",\"jobs\",0,\"ref\"]" },
	};
	long before = number("SELECT COUNT(*) FROM jobs_job%s", "");
	struct str s;

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		expect_place(post("/jobs/bulk", v[i].body), v[i].loc);
	str_init(&s, st.a);
	for (int i = 0; i < 1001; i++)
		str_addf(&s, "%s{\"type\":\"a\"}", i > 0 ? "," : "");
	expect_place(post("/jobs/bulk", http_text(&st, "{\"jobs\":[%s]}",
	    s.p)), "[\"body\",\"jobs\"]");
	/* all or none: the last one may not be enqueued over HTTP */
	expect_status(post("/jobs/bulk", "{\"jobs\":[{\"type\":\"a\"},"
	    "{\"type\":\"platform.webhook.deliver\"}]}"), 403);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_job%s", ""),
	    before);
}

/* Fan-out and fan-in by names, in any order of writing. */
static void
dag(void **state)
{
	const struct reply *r = post("/jobs/bulk", "{\"jobs\":["
	    "{\"type\":\"join\",\"queue\":\"dag\",\"needs\":[\"#left\","
	    "\"#right\"]},"
	    "{\"type\":\"left\",\"queue\":\"dag\",\"ref\":\"left\","
	    "\"needs\":[\"#3\"]},"
	    "{\"type\":\"right\",\"queue\":\"dag\",\"ref\":\"right\","
	    "\"needs\":[\"#3\"]},"
	    "{\"type\":\"root\",\"queue\":\"dag\"}]}");
	const char *join, *wf;
	struct jobs_held h, l, k;

	(void)state;
	expect_status(r, 202);
	join = arena_strdup(st.a, json_text_at(r->json, "jobs.0.job_id"));
	wf = arena_strdup(st.a, json_text_at(r->json, "workflow"));
	assert_string_equal(json_text_at(r->json, "jobs.0.status"),
	    "waiting");
	assert_string_equal(json_text_at(r->json, "jobs.1.ref"), "left");
	assert_string_equal(json_text_at(r->json, "jobs.3.status"),
	    "queued");
	r = http_get(&st, http_text(&st, "/jobs?workflow=%s", wf), ann);
	assert_int_equal(json_object_array_length(json_at(r->json,
	    "items")), 4);
	h = jobs_claim(&st, ann, "dag");
	assert_string_equal(h.type, "root");
	assert_string_equal(jobs_claim(&st, ann, "dag").id, "");
	expect_status(jobs_say(&st, ann, &h, "complete", ""), 200);
	l = jobs_claim(&st, ann, "dag");
	k = jobs_claim(&st, ann, "dag");
	assert_string_not_equal(l.id, "");
	assert_string_not_equal(k.id, "");
	expect_status(jobs_say(&st, ann, &l, "complete", ""), 200);
	assert_string_equal(jobs_claim(&st, ann, "dag").id, "");
	r = jobs_get(&st, ann, join);
	assert_string_equal(json_text_at(r->json, "status"), "waiting");
	assert_int_equal(json_object_array_length(json_at(r->json,
	    "needs")), 2);
	expect_status(jobs_say(&st, ann, &k, "complete", ""), 200);
	h = jobs_claim(&st, ann, "dag");
	assert_string_equal(h.id, join);
	expect_status(jobs_say(&st, ann, &h, "complete", ""), 200);
}

static void
what_did_not_come(void **state)
{
	const struct reply *r = post("/jobs/bulk", "{\"jobs\":["
	    "{\"type\":\"base\",\"queue\":\"fall\",\"ref\":\"base\"},"
	    "{\"type\":\"next\",\"queue\":\"fall\",\"ref\":\"next\","
	    "\"needs\":[\"#base\"]},"
	    "{\"type\":\"last\",\"queue\":\"fall\",\"needs\":[\"#next\"]},"
	    "{\"type\":\"mend\",\"queue\":\"fall\",\"needs\":[\"#base\"],"
	    "\"needs_rule\":\"failure\"}]}");
	const char *next, *last, *mend;
	struct jobs_held h;

	(void)state;
	expect_status(r, 202);
	next = arena_strdup(st.a, json_text_at(r->json, "jobs.1.id"));
	last = arena_strdup(st.a, json_text_at(r->json, "jobs.2.id"));
	mend = arena_strdup(st.a, json_text_at(r->json, "jobs.3.id"));
	h = jobs_claim(&st, ann, "fall");
	expect_status(jobs_say(&st, ann, &h, "fail",
	    ",\"error\":\"broken\",\"retry\":false"), 200);
	assert_string_equal(jobs_status(&st, ann, next), "skipped");
	assert_string_equal(jobs_status(&st, ann, last), "skipped");
	h = jobs_claim(&st, ann, "fall");
	assert_string_equal(h.id, mend);
	expect_status(jobs_say(&st, ann, &h, "complete", ""), 200);
}

/* ---- looking and cancelling ---------------------------------------------------- */

static size_t
items(const struct reply *r)
{
	expect_status(r, 200);
	return json_object_array_length(json_at(r->json, "items"));
}

static void
lists(void **state)
{
	const struct reply *r;
	const char *one, *next;
	size_t seen = 0;

	(void)state;
	for (int i = 0; i < 5; i++)
		jobs_add(&st, ann, "{\"type\":\"listed\",\"queue\":\"l1\"}");
	one = jobs_add(&st, ann, "{\"type\":\"listed\",\"queue\":\"l2\"}");
	assert_int_equal(items(http_get(&st, "/jobs?type=listed", ann)), 6);
	assert_int_equal(items(http_get(&st, "/jobs?type=listed&queue=l2",
	    ann)), 1);
	r = http_get(&st, "/jobs?type=listed", ann);
	assert_string_equal(json_text_at(r->json, "items.0.id"), one);
	assert_null(json_at(r->json, "items.0.payload"));
	expect_status(post(http_text(&st, "/jobs/%s/cancel", one), NULL), 200);
	assert_int_equal(items(http_get(&st,
	    "/jobs?type=listed&state=queued", ann)), 5);
	assert_int_equal(items(http_get(&st,
	    "/jobs?type=listed&state=cancelled", ann)), 1);
	assert_int_equal(items(http_get(&st, "/jobs?type=listed&"
	    "since=2040-01-01T00:00:00Z", ann)), 0);
	assert_int_equal(items(http_get(&st, "/jobs?type=listed&"
	    "until=2040-01-01T00:00:00Z", ann)), 6);
	for (next = ""; next != NULL; ) {
		r = http_get(&st, http_text(&st, "/jobs?type=listed&limit=4"
		    "&cursor=%s", next), ann);
		seen += items(r);
		next = json_object_is_type(json_at(r->json, "next"),
		    json_type_null) ? NULL : arena_strdup(st.a,
		    json_text_at(r->json, "next"));
	}
	assert_int_equal(seen, 6);
	expect_place(http_get(&st, "/jobs?state=sleeping", ann),
	    "[\"query\",\"state\"]");
}

static void
cancelling(void **state)
{
	const char *id = jobs_add(&st, ann, "{\"type\":\"c\","
	    "\"queue\":\"cq\"}"), *path;
	const struct reply *r;

	(void)state;
	path = http_text(&st, "/jobs/%s/cancel", id);
	r = post(path, NULL);
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "status"), "cancelled");
	r = post(path, NULL);
	expect_status(r, 409);
	/* its place in the queue is empty */
	assert_string_equal(jobs_claim(&st, ann, "cq").id, "");
	/* and it may run again */
	r = post(http_text(&st, "/jobs/%s/retry", id), NULL);
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "status"), "queued");
	assert_int_equal(json_int_at(r->json, "replays"), 1);
	expect_status(post(http_text(&st, "/jobs/%s/retry", id), NULL), 409);
	assert_string_equal(jobs_claim(&st, ann, "cq").id, id);
	expect_status(jobs_send(&st, ann, "DELETE", http_text(&st,
	    "/jobs/%s", id), NULL), 200);	/* it runs: asked to stop */
	assert_string_equal(json_text_at(jobs_get(&st, ann, id)->json,
	    "cancel_requested"), "true");
	expect_status(post("/jobs/01890a5d-ac96-774b-bcce-b302099a8057/"
	    "cancel", NULL), 404);
	expect_place(post("/jobs/nonsense/cancel", NULL),
	    "[\"path\",\"id\"]");
	assert_int_equal(number("SELECT COUNT(*) FROM auth_audit WHERE "
	    "action = 'system.job.cancel' AND target_id = '%s'", id), 2);
}

/* ---- dead letters ---------------------------------------------------------------- */

static void
kill_jobs(const char *type, int n)
{
	for (int i = 0; i < n; i++) {
		struct jobs_held h;

		jobs_add(&st, ann, http_text(&st, "{\"type\":\"%s\","
		    "\"queue\":\"%s\"}", type, type));
		h = jobs_claim_some(&st, ann, type);
		expect_status(jobs_say(&st, ann, &h, "fail",
		    ",\"error\":\"no\",\"class\":\"bad\",\"retry\":false"),
		    200);
	}
}

static const struct reply *
act(const char *action, const char *type, const char *more)
{
	return post("/jobs/actions", http_text(&st, "{\"action\":\"%s\","
	    "\"filter\":{\"type\":\"%s\"},\"reason\":\"as the test wants\"%s}",
	    action, type, more));
}

static void
dead_letters_in_bulk(void **state)
{
	const struct reply *r;
	long late;

	(void)state;
	kill_jobs("dead", 8);
	r = http_get(&st, "/jobs/dead?type=dead", ann);
	assert_int_equal(items(r), 8);
	assert_string_equal(json_text_at(r->json, "items.0.error_class"),
	    "bad");
	assert_int_equal(items(http_get(&st,
	    "/jobs/dead?type=dead&error_class=good", ann)), 0);
	r = act("retry", "dead", ",\"dry_run\":true");
	expect_status(r, 200);
	assert_int_equal(json_int_at(r->json, "matched"), 8);
	assert_int_equal(json_int_at(r->json, "done"), 0);
	assert_int_equal(json_object_array_length(json_at(r->json,
	    "sample")), 8);
	assert_int_equal(items(http_get(&st, "/jobs/dead?type=dead", ann)),
	    8);
	r = act("retry", "dead", ",\"max\":6,\"spread_s\":3600");
	expect_status(r, 200);
	assert_int_equal(json_int_at(r->json, "done"), 6);
	assert_string_equal(json_text_at(r->json, "more"), "true");
	assert_int_equal(items(http_get(&st, "/jobs/dead?type=dead", ann)),
	    2);
	/* one at once, the others ten minutes apart */
	assert_int_equal(items(http_get(&st, "/jobs?type=dead&state=queued",
	    ann)), 1);
	late = number("SELECT TIMESTAMPDIFF(SECOND, NOW(), MAX(run_at)) FROM "
	    "jobs_job WHERE type = '%s'", "dead");
	assert_in_range(late, 2900, 3000);
	r = act("discard", "dead", "");
	expect_status(r, 200);
	assert_int_equal(json_int_at(r->json, "done"), 2);
	assert_int_equal(items(http_get(&st, "/jobs/dead?type=dead", ann)),
	    0);
	assert_int_equal(items(http_get(&st, "/jobs?type=dead&state=failed",
	    ann)), 2);
	r = act("cancel", "dead", "");
	expect_status(r, 200);
	assert_int_equal(json_int_at(r->json, "done"), 6);
	assert_int_equal(items(http_get(&st,
	    "/jobs?type=dead&state=cancelled", ann)), 6);
	assert_int_equal(number("SELECT COUNT(*) FROM auth_audit WHERE "
	    "action = 'system.job.retry' AND detail LIKE "
	    "'%%as the test wants%%'%s", ""), 1);
}

static void
at_most_three_replays(void **state)
{
	const struct reply *r;
	struct jobs_held h;

	(void)state;
	kill_jobs("again", 1);
	for (int i = 0; i < 3; i++) {
		r = act("retry", "again", ",\"spread_s\":0");
		assert_int_equal(json_int_at(r->json, "done"), 1);
		h = jobs_claim_some(&st, ann, "again");
		expect_status(jobs_say(&st, ann, &h, "fail",
		    ",\"error\":\"no\",\"retry\":false"), 200);
	}
	r = act("retry", "again", "");
	expect_status(r, 200);
	assert_int_equal(json_int_at(r->json, "matched"), 1);
	assert_int_equal(json_int_at(r->json, "done"), 0);
	assert_int_equal(json_int_at(r->json, "skipped"), 1);
	expect_status(post(http_text(&st, "/jobs/%s/retry", h.id), NULL),
	    409);
	r = jobs_get(&st, ann, h.id);
	assert_int_equal(json_object_array_length(json_at(r->json,
	    "attempts")), 4);
}

static void
action_refusals(void **state)
{
	(void)state;
	expect_place(post("/jobs/actions", "{\"action\":\"explode\","
	    "\"filter\":{},\"reason\":\"xyz\"}"), "[\"body\",\"action\"]");
	expect_place(post("/jobs/actions", "{\"action\":\"retry\","
	    "\"reason\":\"xyz\"}"), "[\"body\",\"filter\"]");
	expect_place(post("/jobs/actions", "{\"action\":\"retry\","
	    "\"filter\":{}}"), "[\"body\",\"reason\"]");
	expect_place(post("/jobs/actions", "{\"action\":\"retry\","
	    "\"filter\":{\"state\":\"no\"},\"reason\":\"xyz\"}"),
	    "[\"body\",\"filter\",\"state\"]");
	expect_place(post("/jobs/actions", "{\"action\":\"retry\",\"filter\":"
	    "{},\"max\":5001,\"reason\":\"xyz\"}"), "[\"body\",\"max\"]");
}

/* ---- queues ------------------------------------------------------------------------ */

static void
queues(void **state)
{
	const struct reply *r;
	const char *id;

	(void)state;
	id = jobs_add(&st, ann, "{\"type\":\"q\",\"queue\":\"valve\","
	    "\"priority\":\"low\"}");
	r = http_get(&st, "/api/system/queues/valve", ann);
	expect_status(r, 200);
	assert_int_equal(json_int_at(r->json, "ready"), 1);
	assert_int_equal(json_int_at(r->json, "low"), 1);
	assert_string_equal(json_text_at(r->json, "paused"), "false");
	r = jobs_send(&st, ann, "PATCH", "/api/system/queues/valve",
	    "{\"paused\":true}");
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "paused"), "true");
	assert_string_equal(jobs_claim(&st, ann, "valve").id, "");
	/* the same name of another tenant is another queue */
	jobs_add(&st, bob, "{\"type\":\"q\",\"queue\":\"valve\"}");
	assert_string_not_equal(jobs_claim(&st, bob, "valve").id, "");
	expect_status(jobs_send(&st, ann, "PATCH", "/api/system/queues/valve",
	    "{\"paused\":false,\"max_running\":1}"), 200);
	jobs_add(&st, ann, "{\"type\":\"q\",\"queue\":\"valve\"}");
	assert_string_not_equal(jobs_claim(&st, ann, "valve").id, "");
	assert_string_equal(jobs_claim(&st, ann, "valve").id, "");
	(void)id;
	expect_status(http_get(&st, "/api/system/queues/nowhere", ann), 404);
	expect_status(jobs_send(&st, ann, "PATCH",
	    "/api/system/queues/default",
	    "{\"external\":false,\"paused\":true}"), 403);
	expect_place(jobs_send(&st, ann, "PATCH", "/api/system/queues/valve",
	    "{\"rate_n\":-1}"), "[\"body\",\"rate_n\"]");
}

static void
rate_of_a_queue(void **state)
{
	size_t got = 0;

	(void)state;
	expect_status(jobs_send(&st, ann, "PATCH", "/api/system/queues/slow",
	    "{\"rate_n\":3,\"rate_s\":3600}"), 200);
	for (int i = 0; i < 6; i++)
		jobs_add(&st, ann, "{\"type\":\"q\",\"queue\":\"slow\"}");
	for (int i = 0; i < 6; i++)
		got += *jobs_claim(&st, ann, "slow").id != '\0';
	assert_int_equal(got, 3);
	/* what is behind a shut queue is not */
	jobs_add(&st, ann, "{\"type\":\"q\",\"queue\":\"beside\"}");
	assert_int_equal(json_object_array_length(json_at(post("/jobs/claim",
	    "{\"queues\":[\"slow\",\"beside\"],\"max\":5}")->json, "jobs")),
	    1);
}

/* ---- who may, and whose -------------------------------------------------------------- */

static void
another_tenants_jobs(void **state)
{
	const char *id = jobs_add(&st, ann, "{\"type\":\"mine\","
	    "\"queue\":\"mine\"}");

	(void)state;
	expect_status(http_get(&st, http_text(&st, "/jobs/%s", id), bob), 404);
	expect_status(jobs_send(&st, bob, "POST", http_text(&st,
	    "/jobs/%s/cancel", id), NULL), 404);
	expect_status(jobs_send(&st, bob, "POST", http_text(&st,
	    "/jobs/%s/retry", id), NULL), 404);
	assert_int_equal(items(http_get(&st, "/jobs?type=mine", bob)), 0);
	assert_string_equal(jobs_claim(&st, bob, "mine").id, "");
	expect_place(jobs_send(&st, bob, "POST", "/jobs", http_text(&st,
	    "{\"type\":\"a\",\"needs\":[\"%s\"]}", id)),
	    "[\"body\",\"needs\",0]");
	expect_place(jobs_send(&st, bob, "POST", "/jobs/bulk", http_text(&st,
	    "{\"jobs\":[{\"type\":\"a\"},{\"type\":\"a\",\"needs\":"
	    "[\"#0\",\"%s\"]}]}", id)), "[\"body\",\"jobs\",1,\"needs\",1]");
	assert_string_equal(jobs_status(&st, ann, id), "queued");
}

static void
roles(void **state)
{
	const char *viewer = jobs_user(&st, ann, "vera", "[\"viewer\"]");
	const char *agent = jobs_user(&st, ann, "agnes", "[\"agent\"]");
	const char *id = jobs_add(&st, ann, "{\"type\":\"r\"}");

	(void)state;
	expect_status(http_get(&st, "/jobs", viewer), 200);
	expect_status(jobs_send(&st, viewer, "POST", "/jobs",
	    "{\"type\":\"a\"}"), 403);
	expect_status(jobs_send(&st, viewer, "POST", http_text(&st,
	    "/jobs/%s/cancel", id), NULL), 403);
	expect_status(jobs_send(&st, viewer, "POST", "/jobs/claim",
	    "{\"queues\":[\"default\"]}"), 403);
	expect_status(jobs_send(&st, agent, "POST", "/jobs/claim",
	    "{\"queues\":[\"empty\"]}"), 200);
	expect_status(http_get(&st, "/jobs", agent), 403);
	expect_status(jobs_send(&st, agent, "POST", "/jobs",
	    "{\"type\":\"a\"}"), 403);
	expect_status(http_get(&st, "/jobs", NULL), 401);
}

/* ---- types of ours -------------------------------------------------------------------- */

static const struct reply *
type_named(const char *token, const char *name, struct json_object **out)
{
	const struct reply *r = http_get(&st, "/jobs/types", token);
	struct json_object *all = json_at(r->json, "items");

	expect_status(r, 200);
	*out = NULL;
	for (size_t i = 0; i < json_object_array_length(all); i++) {
		struct json_object *t = json_object_array_get_idx(all, i);

		if (strcmp(json_text_at(t, "name"), name) == 0)
			*out = t;
	}
	return r;
}

static void
types(void **state)
{
	struct json_object *t;

	(void)state;
	type_named(ann, "sleep", &t);
	assert_non_null(t);
	assert_string_equal(json_text_at(t, "kind"), "builtin");
	assert_string_equal(json_text_at(t, "may_enqueue"), "true");
	assert_string_equal(json_text_at(t,
	    "payload_schema.properties.seconds.type"), "number");
	jobs_add(&st, ann, "{\"type\":\"seen-here\"}");
	type_named(ann, "seen-here", &t);
	assert_non_null(t);
	assert_string_equal(json_text_at(t, "kind"), "external");
	type_named(bob, "seen-here", &t);
	assert_null(t);
}

static void
the_door(void **state)
{
	const char *trader = jobs_user(&st, ann, "tina", "[\"trader\"]");

	(void)state;
	/* its schema is asked at the door */
	expect_place(post("/jobs", "{\"type\":\"sleep\",\"payload\":{}}"),
	    "[\"body\",\"payload\",\"seconds\"]");
	expect_place(post("/jobs", "{\"type\":\"sleep\",\"payload\":"
	    "{\"seconds\":\"x\"}}"), "[\"body\",\"payload\",\"seconds\"]");
	expect_place(post("/jobs/bulk", "{\"jobs\":[{\"type\":\"noop\"},"
	    "{\"type\":\"sleep\",\"payload\":{\"seconds\":-1}}]}"),
	    "[\"body\",\"jobs\",1,\"payload\",\"seconds\"]");
	expect_place(post("/api/system/jobs", "{\"type\":\"noop\","
	    "\"payload\":{\"x\":1}}"), "[\"body\",\"payload\"]");
	expect_place(post("/api/system/jobs", "{\"type\":\"fail\","
	    "\"payload\":{\"x\":1}}"), "[\"body\",\"payload\",\"x\"]");
	/* its permission too: traders may enqueue, but not diagnose */
	expect_status(jobs_send(&st, trader, "POST", "/jobs",
	    "{\"type\":\"other\"}"), 202);
	expect_status(jobs_send(&st, trader, "POST", "/jobs",
	    "{\"type\":\"noop\"}"), 403);
	/* and queues of ours are not made by tenants */
	expect_place(post("/jobs", "{\"type\":\"noop\",\"queue\":\"fresh\"}"),
	    "[\"body\",\"queue\"]");
}

static void
done_by_the_service(void **state)
{
	const char *conf[] = { http_text(&st, "%s/quincunx-worker",
	    stack_bin()), "-c", st.conf, NULL };
	pid_t worker = stack_launch(&st, "worker", conf);
	const char *id = jobs_add(&st, ann, "{\"type\":\"noop\"}"), *wait;
	struct jobs_held h;

	(void)state;
	jobs_until(&st, ann, id, "succeeded");
	/* ours and external ones in one workflow */
	const struct reply *r = post("/jobs/bulk", "{\"jobs\":["
	    "{\"type\":\"noop\",\"ref\":\"first\"},"
	    "{\"type\":\"outside\",\"queue\":\"mixed\",\"ref\":\"mid\","
	    "\"needs\":[\"#first\"]},"
	    "{\"type\":\"noop\",\"needs\":[\"#mid\"]}]}");
	expect_status(r, 202);
	wait = arena_strdup(st.a, json_text_at(r->json, "jobs.2.id"));
	h = jobs_claim_some(&st, ann, "mixed");
	expect_status(jobs_say(&st, ann, &h, "complete", ""), 200);
	jobs_until(&st, ann, wait, "succeeded");
	/* stopped while it runs */
	id = jobs_add(&st, ann, "{\"type\":\"sleep\",\"payload\":"
	    "{\"seconds\":600}}");
	jobs_until(&st, ann, id, "running");
	expect_status(post(http_text(&st, "/jobs/%s/cancel", id), NULL), 200);
	jobs_until(&st, ann, id, "cancelled");
	/* fails until its tries are used up, and is a dead letter then */
	id = jobs_add(&st, ann, "{\"type\":\"fail\",\"tries\":1}");
	jobs_until(&st, ann, id, "failed");
	assert_int_equal(items(http_get(&st, "/jobs/dead?type=fail", ann)), 1);
	stack_end(&worker, SIGTERM);
}

/* A program declared in a file is a type like any other: any JSON goes in. */
static void
programs(void **state)
{
	const char *dir = stack_path(&st, "exec.d"), *id;
	const char *conf[] = { http_text(&st, "%s/quincunx-worker",
	    stack_bin()), "-c", st.conf, NULL };
	struct json_object *t;
	pid_t worker;
	FILE *f;

	(void)state;
	assert_int_equal(mkdir(dir, 0755), 0);
	f = fopen(http_text(&st, "%s/echo.conf", dir), "w");
	assert_non_null(f);
	fprintf(f, "doc = \"Says it again\";\nargv = [ \"/bin/sh\", \"-c\", "
	    "\"read p; echo \\\"{\\\\\\\"result\\\\\\\":$p}\\\"\" ];\n");
	fclose(f);
	stack_setting(&st, "jobs.exec_dir", dir);
	assert_true(stack_reload(&st));
	type_named(ann, "echo", &t);
	assert_non_null(t);
	assert_string_equal(json_text_at(t, "kind"), "exec");
	assert_string_equal(json_text_at(t, "may_enqueue"), "true");
	worker = stack_launch(&st, "worker2", conf);
	id = jobs_add(&st, ann, "{\"type\":\"echo\",\"payload\":[1,{\"a\":"
	    "\"x\"}]}");
	jobs_until(&st, ann, id, "succeeded");
	assert_string_equal(json_text_at(jobs_get(&st, ann, id)->json,
	    "result.1.a"), "x");
	stack_end(&worker, SIGTERM);
}

/* ---- terminal -------------------------------------------------------------------------- */

static const char *
cli(int want, const char *const *args)
{
	const char *out;
	int rc = stack_cli(&st, &out, args);

	if (rc != want)
		fail_msg("quincunx %s %s: %d: %s", args[0], args[1] ? args[1] :
		    "", rc, out);
	return out;
}
#define CLI(want, ...) cli((want), (const char *[]){ __VA_ARGS__, NULL })

static void
terminal(void **state)
{
	const char *id, *out;
	struct json_object *o;

	(void)state;
	out = CLI(0, "jobs", "enqueue", "cli", "{\"a\":1}", "--tenant", "ann",
	    "--queue", "cq2");
	assert_non_null(strstr(out, " queued"));
	id = arena_strndup(st.a, out, 36);
	assert_string_equal(json_text_at(jobs_get(&st, ann, id)->json,
	    "payload.a"), "1");
	out = CLI(0, "jobs", "show", id, "--tenant", "ann", "--json");
	o = json_tokener_parse(out);
	assert_string_equal(json_text_at(o, "type"), "cli");
	json_object_put(o);
	assert_non_null(strstr(CLI(0, "jobs", "show", id, "--tenant", "ann"),
	    "status       queued"));
	assert_non_null(strstr(CLI(0, "jobs", "--tenant", "ann", "--type",
	    "cli"), id));
	CLI(1, "jobs", "show", id, "--tenant", "bob");
	assert_non_null(strstr(CLI(0, "queues", "--tenant", "ann"), "cq2"));
	assert_non_null(strstr(CLI(0, "queues", "pause", "cq2", "--tenant",
	    "ann"), "paused"));
	assert_string_equal(jobs_claim(&st, ann, "cq2").id, "");
	CLI(0, "queues", "resume", "cq2", "--tenant", "ann");
	CLI(0, "jobs", "cancel", id, "--tenant", "ann");
	CLI(1, "jobs", "cancel", id, "--tenant", "ann");
	assert_string_equal(jobs_status(&st, ann, id), "cancelled");
	CLI(0, "jobs", "retry", id, "--tenant", "ann");
	assert_non_null(strstr(CLI(0, "jobs", "actions", "cancel", "--type",
	    "cli", "--reason", "end of test", "--tenant", "ann"),
	    "1 matched, 1 done"));
	assert_non_null(strstr(CLI(0, "jobs", "types", "--tenant", "ann"),
	    "builtin   noop"));
	assert_string_not_equal(jobs_claim(&st, ann, "l1").id, "");
	assert_non_null(strstr(CLI(0, "leases"), "external"));
	CLI(2, "jobs", "actions", "cancel");
	CLI(2, "jobs", "show", "nonsense");
	CLI(1, "jobs", "list", "--state", "nonsense");
	CLI(1, "jobs", "enqueue", "sleep", "{}");
	CLI(1, "jobs", "enqueue", "a", "{broken");
	out = CLI(0, "status", "--json");
	o = json_tokener_parse(out);
	assert_true(json_int_at(o, "jobs.ready") > 0);
	json_object_put(o);
	assert_non_null(strstr(CLI(0, "status"), "jobs: "));
}

/* What a tenant writes does not steer the operator's terminal. */
static void
terminal_is_not_steered(void **state)
{
	const char *out;

	(void)state;
	jobs_add(&st, ann, "{\"type\":\"esc\",\"user_id\":"
	    "\"\\u001b[2Jevil\\u009b\",\"payload\":\"\\u001b]0;x\\u0007\"}");
	out = CLI(0, "jobs", "list", "--tenant", "ann", "--type", "esc");
	assert_null(strchr(out, '\033'));
	out = CLI(0, "jobs", "show", arena_strndup(st.a, out, 36),
	    "--tenant", "ann");
	assert_null(strchr(out, '\033'));
	assert_null(strstr(out, "\302\233"));
	assert_non_null(strstr(out, "\\x1b[2Jevil"));
}

/* ---- fixture -------------------------------------------------------------------------- */

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
		cmocka_unit_test(as_the_document_writes_it),
		cmocka_unit_test(with_all_options),
		cmocka_unit_test(refusals),
		cmocka_unit_test(one_live_job_per_unique_key),
		cmocka_unit_test(idempotent_by_key),
		cmocka_unit_test(batch_refusals),
		cmocka_unit_test(dag),
		cmocka_unit_test(what_did_not_come),
		cmocka_unit_test(lists),
		cmocka_unit_test(cancelling),
		cmocka_unit_test(dead_letters_in_bulk),
		cmocka_unit_test(at_most_three_replays),
		cmocka_unit_test(action_refusals),
		cmocka_unit_test(queues),
		cmocka_unit_test(rate_of_a_queue),
		cmocka_unit_test(another_tenants_jobs),
		cmocka_unit_test(roles),
		cmocka_unit_test(types),
		cmocka_unit_test(the_door),
		cmocka_unit_test(done_by_the_service),
		cmocka_unit_test(programs),
		cmocka_unit_test(terminal),
		cmocka_unit_test(terminal_is_not_steered),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
