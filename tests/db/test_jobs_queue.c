/*
 * The queue against a real database: what is enqueued is claimed once, ends
 * once, and everything it held is free again.
 */
#include "tests/harness/jobs_env.h"

/* ---- the plain way ------------------------------------------------------------- */

static void
once_through(void **state)
{
	struct uuid id = enqueue("noop", NULL);
	struct jobs_claimed got;

	(void)state;
	assert_int_equal(state_of(id), JS_QUEUED);
	sound("enqueued");
	got = claim(10);
	assert_int_equal(got.n, 1);
	assert_true(uuid_equal(got.v[0].id, id));
	assert_string_equal(got.v[0].type, "noop");
	assert_string_equal(got.v[0].payload, "{}");
	assert_int_equal(got.v[0].attempt, 1);
	assert_int_equal(got.v[0].token, column(id, "token"));
	assert_int_equal(got.v[0].version, column(id, "version"));
	assert_int_equal(state_of(id), JS_RUNNING);
	sound("claimed");
	assert_int_equal(claim(10).n, 0);
	settle_all(&got, END_DONE);
	assert_int_equal(state_of(id), JS_SUCCEEDED);
	assert_int_equal(column(id, "progress"), 1000);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_claim"), 0);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_attempt"), 0);
	sound("done");
	told("done");
}

/* The caller's transaction decides whether a job exists. */
static void
with_the_caller(void **state)
{
	struct uuid id;

	(void)state;
	begin();
	enqueue("noop", NULL);
	db_rollback(db);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_job"), 0);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_ready"), 0);
	begin();
	id = enqueue("noop", NULL);
	commit();
	assert_int_equal(state_of(id), JS_QUEUED);
	sound("committed");
}

static void
batches_and_results(void **state)
{
	struct jobs_outcome v[40];
	struct jobs_claimed got[4], none;
	size_t n = 0, k = 0;

	(void)state;
	begin();
	for (int i = 0; i < 40; i++)
		enqueue_for(i % 3 ? tenant : tenant2, "noop", NULL);
	commit();
	for (int i = 0; i < 4; i++) {
		got[i] = claim(10);
		assert_int_equal(got[i].n, 10);
		n += got[i].n;
	}
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_claim"), 4);
	sound("claimed");
	/* one of each claim at first, then the rest, some with results */
	for (int i = 0; i < 4; i++)
		v[k++] = outcome(&got[i], 0, END_DONE);
	good(jobs_cycle(claimer, db, a, &lease, v, k, 0, &none, &err));
	sound("one of each");
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_claim"), 4);
	k = 0;
	for (int i = 0; i < 4; i++)
		for (size_t j = 1; j < 10; j++) {
			v[k] = outcome(&got[i], j, END_DONE);
			v[k++].result = j % 2 ? "{\"n\":1}" : NULL;
		}
	good(jobs_cycle(claimer, db, a, &lease, v, k, 10, &none, &err));
	assert_int_equal(none.n, 0);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_claim"), 0);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_job WHERE "
	    "state = 10"), 40);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_job WHERE "
	    "JSON_VALUE(result, '$.n') = 1"), 20);
	sound("all done");
	told("all done");
}

/* ---- ends ------------------------------------------------------------------------ */

/* What is delayed is due now. */
static void
due_now(void)
{
	size_t n;
	int64_t next;

	sql("UPDATE jobs_job SET run_at = NOW(6) - INTERVAL 1 SECOND WHERE "
	    "state IN (2, 6); DELETE FROM jobs_delayed; INSERT INTO "
	    "jobs_delayed (run_at, tenant_id, job_id) SELECT run_at, "
	    "tenant_id, id FROM jobs_job WHERE state IN (2, 6)");
	good(jobs_promote(db, a, &n, &next, &err));
}

/* Seconds until it runs again. */
static double
wait_of(struct uuid id)
{
	return (double)number("SELECT TIMESTAMPDIFF(MICROSECOND, NOW(6), "
	    "run_at) FROM jobs_job WHERE id = X'%s'", mariadb_hex(a, id)) / 1e6;
}

static void
end_one(struct uuid id, enum jobs_end end, int64_t retry_after_s)
{
	struct jobs_claimed got = claim_soon(1), none;
	struct jobs_outcome o;

	assert_int_equal(got.n, 1);
	assert_true(uuid_equal(got.v[0].id, id));
	o = outcome(&got, 0, end);
	o.error_class = "net";
	o.error = "refused";
	o.crumbs = "a > b";
	o.retry_after_s = retry_after_s;
	good(jobs_cycle(claimer, db, a, &lease, &o, 1, 0, &none, &err));
	sound("one ended");
}

static void
tries_and_waits(void **state)
{
	struct job_options o = { .tries = 4, .backoff_s = 100 };
	struct uuid id = enqueue("net", &o);
	double w;

	(void)state;
	end_one(id, END_RETRY, 0);
	assert_int_equal(state_of(id), JS_RETRYING);
	w = wait_of(id);
	assert_true(w > 20 && w <= 100);
	due_now();
	end_one(id, END_TIMEOUT, 0);
	w = wait_of(id);
	assert_true(w > 70 && w <= 200);
	due_now();
	end_one(id, END_RETRY, 1000);	/* Retry-After wins */
	w = wait_of(id);
	assert_true(w > 900 && w <= 1000);
	due_now();
	assert_int_equal(column(id, "attempt"), 3);
	end_one(id, END_RETRY, 0);
	assert_int_equal(state_of(id), JS_FAILED);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_dead WHERE "
	    "error_class = 'net'"), 1);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_attempt WHERE "
	    "crumbs = 'a > b' AND n BETWEEN 1 AND 4"), 4);
	told("failed");
}

static void
fails_at_once(void **state)
{
	struct uuid id = enqueue("bad", NULL);

	(void)state;
	end_one(id, END_FAIL, 0);
	assert_int_equal(state_of(id), JS_FAILED);
	told("failed");
}

static void
succeeds_at_the_second_try(void **state)
{
	struct uuid id = enqueue("net", NULL);

	(void)state;
	end_one(id, END_RETRY, 0);
	due_now();
	end_one(id, END_DONE, 0);
	assert_int_equal(state_of(id), JS_SUCCEEDED);
	assert_string_equal(mariadb_value(a, DB, "SELECT CONCAT(error_class, "
	    "error) FROM jobs_job"), "");
	/* both starts are in the list */
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_attempt"), 2);
	told("done");
}

static void
crashes_quarantine(void **state)
{
	struct job_options o = { .tries = 3, .priority = "high" };
	struct uuid id = enqueue("poison", &o);
	double w;

	(void)state;
	end_one(id, END_CRASH, 0);
	assert_int_equal(state_of(id), JS_RETRYING);
	assert_int_equal(column(id, "lane"), LANE_NORMAL);
	assert_int_equal(column(id, "attempt"), 0);
	w = wait_of(id);
	assert_true(w > 6 && w <= 10);
	due_now();
	end_one(id, END_CRASH, 0);
	assert_int_equal(state_of(id), JS_QUARANTINED);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_dead WHERE "
	    "state = 14"), 1);
	told("quarantined");
}

/* A lease that was lost says nothing about the job, however often. */
static void
losses_never_quarantine(void **state)
{
	struct job_options o = { .tries = 1 };
	struct uuid id = enqueue("unlucky", &o);

	(void)state;
	for (int i = 0; i < 40; i++) {
		end_one(id, END_LOST, 0);
		assert_true(state_of(id) == JS_QUEUED ||
		    state_of(id) == JS_RETRYING);
		if (i < 3)
			assert_int_equal(state_of(id), JS_QUEUED);
		due_now();
	}
	assert_int_equal(column(id, "attempt"), 0);
	assert_int_equal(column(id, "crashes"), 0);
	assert_int_equal(column(id, "lost"), 40);
	end_one(id, END_DONE, 0);
	assert_int_equal(state_of(id), JS_SUCCEEDED);
	told("done");
}

/* H14: what was given back at a shutdown has lost no try, and the attempt
 * numbers that repeat are no conflict. */
static void
released_and_started_again(void **state)
{
	struct job_options o = { .tries = 2 };
	struct uuid id = enqueue("long", &o), other = enqueue("x", NULL);
	struct jobs_claimed got;

	(void)state;
	for (int i = 0; i < 3; i++) {
		got = claim_soon(2);
		assert_int_equal(got.n, 2);
		settle_all(&got, END_RELEASE);
		assert_int_equal(column(id, "attempt"), 0);
		sound("released");
	}
	got = claim_soon(2);
	settle_all(&got, END_RETRY);
	assert_int_equal(state_of(id), JS_RETRYING);
	assert_int_equal(state_of(other), JS_RETRYING);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_attempt WHERE "
	    "job_id = X'%s' AND n = 1", mariadb_hex(a, id)), 4);
	told("retrying");
}

static void
expires(void **state)
{
	struct job_options o = { .expires_at = { clock_now().us - 1 } };
	struct uuid id = enqueue("late", &o);

	(void)state;
	end_one(id, END_EXPIRED, 0);
	assert_int_equal(state_of(id), JS_EXPIRED);
	assert_int_equal(column(id, "attempt"), 0);
	told("expired");
}

/* An outcome that is told twice, or by somebody who has lost the job. */
static void
stale_outcomes(void **state)
{
	struct uuid id = enqueue("x", NULL);
	struct jobs_claimed first, second, none;
	struct jobs_outcome o;
	size_t settled;
	uint64_t stale = metric_read(jobs_metrics[3], 0, 0);

	(void)state;
	assert_string_equal(jobs_metrics[3]->name, "job_stale_total");
	first = claim(1);
	o = outcome(&first, 0, END_LOST);
	begin();
	good(jobs_settle(db, a, &o, 1, lease.id, &settled, &err));
	commit();
	assert_int_equal(settled, 1);
	new_claimer();
	second = claim(1);
	assert_int_equal(second.n, 1);
	assert_true(second.v[0].token > first.v[0].token);
	o = outcome(&first, 0, END_DONE);
	o.result = "\"stale\"";
	good(jobs_cycle(claimer, db, a, &lease, &o, 1, 0, &none, &err));
	assert_int_equal(state_of(id), JS_RUNNING);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_job WHERE result "
	    "IS NOT NULL"), 0);
	assert_int_equal(metric_read(jobs_metrics[3], 0, 0), stale + 1);
	sound("stale");
	o = outcome(&second, 0, END_DONE);
	good(jobs_cycle(claimer, db, a, &lease, &o, 1, 0, &none, &err));
	good(jobs_cycle(claimer, db, a, &lease, &o, 1, 0, &none, &err));
	o.end = END_RETRY;
	good(jobs_cycle(claimer, db, a, &lease, &o, 1, 0, &none, &err));
	assert_int_equal(state_of(id), JS_SUCCEEDED);
	sound("told twice");
	told("told twice");
}

/* ---- later ------------------------------------------------------------------------ */

static void
delayed(void **state)
{
	struct job_options o = { .run_at = { clock_now().us +
	    3600 * US_PER_S } };
	struct uuid id = enqueue("later", &o);
	int64_t next;
	size_t n;

	(void)state;
	assert_int_equal(state_of(id), JS_SCHEDULED);
	good(jobs_promote(db, a, &n, &next, &err));
	assert_int_equal(n, 0);
	assert_true(next > clock_now().us + 3500 * US_PER_S &&
	    next < clock_now().us + 3700 * US_PER_S);
	assert_int_equal(claim(1).n, 0);
	due_now();
	assert_int_equal(state_of(id), JS_QUEUED);
	sound("due");
	told("due");
	assert_int_equal(drain(), 1);
	good(jobs_promote(db, a, &n, &next, &err));
	assert_int_equal(next, 0);
	told("done");
}

/* A delayed row of before a cancel and a retry must not start the job. */
static void
delayed_cancelled_and_again(void **state)
{
	struct job_options o = { .run_at = { clock_now().us +
	    100 * US_PER_S } };
	struct uuid id = enqueue("later", &o);
	struct job_row now;
	struct utc far = { clock_now().us + 7200 * US_PER_S };
	int64_t next;
	size_t n;

	(void)state;
	cancel(id);
	assert_int_equal(state_of(id), JS_CANCELLED);
	begin();
	good(jobs_retry(db, a, tenant, id, far, &now, &err));
	commit();
	assert_int_equal(state_of(id), JS_SCHEDULED);
	/* the first time comes, the second is far */
	sql("UPDATE jobs_delayed SET run_at = NOW(6) - INTERVAL 1 SECOND "
	    "WHERE run_at < NOW(6) + INTERVAL 1 HOUR");
	good(jobs_promote(db, a, &n, &next, &err));
	assert_int_equal(n, 0);
	assert_int_equal(state_of(id), JS_SCHEDULED);
	assert_int_equal(claim(1).n, 0);
	sound("again");
	told("again");
}

/* ---- keys ------------------------------------------------------------------------- */

static void
unique(void **state)
{
	struct job_options o = { .unique = "daily" };
	struct uuid id = enqueue("report", &o), other, mine;
	struct job_row now;

	(void)state;
	assert_int_equal(job_enqueue_text(db, a, "report", NULL, false, tenant,
	    "{}", &o, &other, &err), 1);
	assert_true(uuid_equal(other, id));
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_job"), 1);
	/* another tenant's and another type's key is another */
	mine = enqueue_for(tenant2, "report", &o);
	enqueue("other", &o);
	sound("three keys");
	drain();
	sound("drained");
	other = enqueue("report", &o);
	assert_false(uuid_equal(other, id));
	cancel(other);
	sound("cancelled");
	id = enqueue("report", &o);
	begin();
	bad(jobs_retry(db, a, tenant, other, (struct utc){ 0 }, &now, &err),
	    409, "unique");
	begin();
	bad(jobs_retry(db, a, tenant2, id, (struct utc){ 0 }, &now, &err),
	    404, "not_found");
	drain();
	sound("done");
	told("done");
	assert_int_equal(number("SELECT state FROM jobs_job WHERE id = X'%s'",
	    mariadb_hex(a, mine)), JS_SUCCEEDED);
}

/* Many at once are what one after the other would be. */
static void
many(void **state)
{
	static const struct job report = { .name = "report" };
	const struct job_options o = { .priority = "critical" };
	struct uuid first = enqueue("report", &(struct job_options){
	    .unique = "a" });
	struct job_many v[40] = { { .unique = "a" }, { .unique = "b" },
	    { .unique = "c" }, { .unique = "b" } };
	struct event_pack *told_of;

	(void)state;
	for (size_t i = 4; i < NITEMS(v); i++)
		v[i].unique = arena_printf(a, "key %zu", i);
	for (int commits = 0; commits < 2; commits++) {
		told_of = event_pack_new(a);
		begin();
		good(job_enqueue_many(db, a, &report, tenant, v, NITEMS(v),
		    &o, told_of, &err));
		good(event_pack_publish(db, told_of, &err));
		if (commits == 0)
			db_rollback(db);
		else
			commit();
		assert_int_equal(number("SELECT COUNT(*) FROM jobs_job"),
		    commits == 0 ? 1 : 39);
	}
	assert_true(v[0].existing && uuid_equal(v[0].id, first));
	assert_true(v[3].existing && uuid_equal(v[3].id, v[1].id));
	assert_false(v[1].existing || v[2].existing || v[39].existing);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_ready WHERE "
	    "lane = 0"), 38);
	sound("many");
	assert_int_equal(drain(), 39);
	sound("drained");
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_unique"), 0);
	told("done");
}

static void
limited(void **state)
{
	struct job_options o = { .limit = "account 7", .limit_max = 2 };
	struct jobs_claimed got, more;

	(void)state;
	for (int i = 0; i < 6; i++)
		enqueue("call", &o);
	enqueue("free", NULL);
	got = claim(10);
	assert_int_equal(got.n, 3);
	sound("two and the free one");
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_parked"), 4);
	assert_int_equal(claim(10).n, 0);
	settle_all(&got, END_DONE);
	sound("two ended");
	more = claim_soon(10);
	assert_int_equal(more.n, 2);
	sound("two more");
	settle_all(&more, END_RETRY);
	sound("to be tried again");
	more = claim_soon(10);
	assert_int_equal(more.n, 2);
	settle_all(&more, END_DONE);
	due_now();
	assert_int_equal(drain(), 2);
	sound("drained");
	assert_int_equal(number("SELECT SUM(running) FROM jobs_limit"), 0);
	told("drained");
}

/* Cancelled while it waited: its key's place is not lost. */
static void
limited_and_cancelled(void **state)
{
	struct job_options o = { .limit = "k" };
	struct uuid id[4];
	struct jobs_claimed got;

	(void)state;
	for (int i = 0; i < 4; i++)
		id[i] = enqueue("call", &o);
	cancel(id[0]);		/* ready */
	got = claim(10);
	assert_int_equal(got.n, 1);
	assert_int_equal(number("SELECT running FROM jobs_limit"), 1);
	cancel(id[2]);		/* parked, or running: tags are random */
	sound("cancelled");
	settle_all(&got, END_DONE);
	drain();
	sound("drained");
	for (int i = 0; i < 4; i++)
		assert_true(state_of(id[i]) >= JS_SUCCEEDED);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_parked"), 0);
	told("drained");
}

static void
recounted(void **state)
{
	struct job_options o = { .limit = "k", .limit_max = 1 };
	struct uuid first = enqueue("call", &o), second = enqueue("call", &o);
	size_t fixed;

	(void)state;
	/* a count that nobody will lower, a job that nobody will pop */
	claim(1);
	claim(1);
	sql("UPDATE jobs_job SET state = 10, finished_at = NOW(6) WHERE "
	    "state = 5");
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_parked"), 1);
	good(jobs_recount(db, a, &fixed, &err));
	assert_int_equal(fixed, 1);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_parked"), 0);
	assert_int_equal(drain(), 1);
	sound("recounted");
	assert_int_equal(state_of(first), JS_SUCCEEDED);
	assert_int_equal(state_of(second), JS_SUCCEEDED);
	good(jobs_recount(db, a, &fixed, &err));
	assert_int_equal(fixed, 0);
}

/* ---- queues ---------------------------------------------------------------------------- */

static struct jobs_queue_row
queue(const char *name)
{
	struct jobs_queue_row q;

	good(jobs_queue_get(db, a, (struct uuid){ { 0 } }, name, false, true,
	    &q, &err));
	return q;
}

static void
paused(void **state)
{
	struct jobs_queue_row q;
	struct job_options o = { .queue = "slow" };

	(void)state;
	q = queue("slow");
	q.paused = true;
	good(jobs_queue_set(db, &q, &err));
	enqueue("x", &o);
	enqueue("y", NULL);
	new_claimer();
	assert_int_equal(claim(10).n, 1);
	q.paused = false;
	good(jobs_queue_set(db, &q, &err));
	assert_int_equal(claim_soon(10).n, 1);
}

static void
so_many_at_once(void **state)
{
	struct jobs_queue_row q = queue("default");
	struct jobs_claimed got;

	(void)state;
	q.max_running = 3;
	good(jobs_queue_set(db, &q, &err));
	for (int i = 0; i < 8; i++)
		enqueue("x", NULL);
	new_claimer();
	got = claim(10);
	assert_true(got.n > 0 && got.n <= 3);
	sound("three");
	for (size_t i = 0; i < 100 && number("SELECT running FROM jobs_queue")
	    < 3; i++)
		claim_soon(10);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_job WHERE "
	    "state = 5"), 3);
	sound("full");
	assert_int_equal(claim(10).n, 0);
	settle_all(&got, END_DONE);
	sound("some ended");
	assert_int_equal(number("SELECT running FROM jobs_queue"),
	    3 - (int64_t)got.n);
	assert_true(claim_soon(10).n > 0);
	sound("again");
}

/* A place in the queue that a concurrency key does not let be used. */
static void
limits_of_both_kinds(void **state)
{
	struct jobs_queue_row q = queue("default");
	struct job_options o = { .limit = "k" };

	(void)state;
	q.max_running = 4;
	good(jobs_queue_set(db, &q, &err));
	for (int i = 0; i < 6; i++)
		enqueue("x", &o);
	new_claimer();
	assert_int_equal(claim_soon(3).n, 1);
	sound("one of a key");
	enqueue("y", NULL);
	wake(claimer);
	claim(4);
	sound("and one without");
	/* a count that is wrong is mended */
	sql("UPDATE jobs_queue SET running = 4");
	{
		size_t fixed;

		good(jobs_recount(db, a, &fixed, &err));
		assert_int_equal(fixed, 1);
	}
	sound("recounted");
}

static void
so_many_a_second(void **state)
{
	struct jobs_queue_row q = queue("default");
	size_t n = 0, first;

	(void)state;
	q.rate_n = 5;
	q.rate_s = 3600;
	good(jobs_queue_set(db, &q, &err));
	for (int i = 0; i < 20; i++)
		enqueue("x", NULL);
	new_claimer();
	for (int i = 0; i < 10; i++) {
		n += (first = claim(10).n);
		if (i == 0)
			assert_true(first > 0);
		new_claimer();
	}
	assert_int_equal(n, 5);
	/* and the rest, once time has passed */
	sql("UPDATE jobs_queue SET rate_tat = 0");
	new_claimer();
	assert_true(claim(3).n > 0);
}

static void
best_lane_first(void **state)
{
	struct job_options o = { .priority = NULL };
	struct jobs_claimed got;
	int n[LANES] = { 0 };

	(void)state;
	begin();
	for (int l = LANES - 1; l >= 0; l--)
		for (int i = 0; i < 45; i++) {
			o.priority = job_lane_names[l];
			enqueue("x", &o);
		}
	commit();
	/* one by one: 8 to 4 to 2 to 1 */
	for (int i = 0; i < 60; i++) {
		got = claim(1);
		assert_int_equal(got.n, 1);
		n[got.v[0].lane]++;
	}
	assert_in_range(n[LANE_CRITICAL], 31, 33);
	assert_in_range(n[LANE_HIGH], 15, 17);
	assert_in_range(n[LANE_NORMAL], 7, 9);
	assert_in_range(n[LANE_LOW], 3, 5);
}

/* One tenant floods: another's job is among the next few. */
static void
tenants_in_turn(void **state)
{
	struct jobs_claimed got;
	bool found = false;
	struct uuid id;

	(void)state;
	begin();
	for (int i = 0; i < 300; i++)
		enqueue("flood", NULL);
	commit();
	got = claim(10);
	settle_all(&got, END_DONE);
	id = enqueue_for(tenant2, "one", NULL);
	got = claim(3);
	for (size_t i = 0; i < got.n; i++)
		found = found || uuid_equal(got.v[i].id, id);
	assert_true(found);
}

static void
quota(void **state)
{
	struct job_options o = { .backlog_max = 20 };
	struct uuid id;
	int i, rc = 0;

	(void)state;
	for (i = 0; i < 40 && rc == 0; i++)
		rc = job_enqueue_text(db, a, "x", NULL, false, tenant, "{}", &o,
		    &id, &err);
	assert_in_range(i, 20, 24);
	assert_true(err.retry_after_s > 0);
	bad(rc, 429, "quota");
	/* the others are not concerned; nothing was stored */
	enqueue_for(tenant2, "x", &o);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_job"), i);
	sound("refused");
	drain();
	enqueue("x", &o);
	told("again");
}

/* ---- needs ------------------------------------------------------------------------------- */

static struct uuid
needing(const struct uuid *ids, size_t n, enum job_rule rule)
{
	struct job_need need[16];
	struct job_options o = { .needs = need, .nneeds = n };

	for (size_t i = 0; i < n; i++)
		need[i] = (struct job_need){ ids[i], rule };
	return enqueue("child", &o);
}

static void
fan_in(void **state)
{
	struct uuid p[3], child, grand;
	struct jobs_claimed got;

	(void)state;
	for (int i = 0; i < 3; i++)
		p[i] = enqueue("parent", NULL);
	child = needing(p, 3, NEED_SUCCESS);
	grand = needing(&child, 1, NEED_SUCCESS);
	assert_int_equal(state_of(child), JS_WAITING);
	sound("waiting");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(state_of(child), JS_WAITING);
		got = claim_soon(1);
		assert_int_equal(got.n, 1);
		settle_all(&got, END_DONE);
		sound("one parent less");
	}
	assert_int_equal(state_of(child), JS_QUEUED);
	assert_int_equal(state_of(grand), JS_WAITING);
	assert_int_equal(drain(), 2);
	assert_int_equal(state_of(grand), JS_SUCCEEDED);
	sound("done");
	told("done");
	/* parents that have ended already */
	child = needing(p, 3, NEED_SUCCESS);
	assert_int_equal(state_of(child), JS_QUEUED);
}

static void
needs_that_fail(void **state)
{
	struct uuid p = enqueue("parent", NULL), skipped, deep, any, mend;
	struct job_need need = { p, NEED_SUCCESS };
	struct job_options o = { .needs = &need, .nneeds = 1, .unique = "u" };
	struct jobs_claimed got;

	(void)state;
	skipped = enqueue("child", &o);
	deep = needing(&skipped, 1, NEED_SUCCESS);
	any = needing(&skipped, 1, NEED_END);
	mend = needing(&p, 1, NEED_FAILURE);
	got = claim(1);
	settle_all(&got, END_FAIL);
	assert_int_equal(state_of(skipped), JS_SKIPPED);
	assert_int_equal(state_of(deep), JS_SKIPPED);
	assert_int_equal(state_of(any), JS_QUEUED);
	assert_int_equal(state_of(mend), JS_QUEUED);
	sound("skipped");
	told("skipped");
	/* a parent that is cancelled skips, too; one that succeeds skips those
	 * that wait for its failure */
	p = enqueue("parent", NULL);
	skipped = needing(&p, 1, NEED_SUCCESS);
	cancel(p);
	assert_int_equal(state_of(skipped), JS_SKIPPED);
	p = enqueue("parent", NULL);
	skipped = needing(&p, 1, NEED_FAILURE);
	drain();
	assert_int_equal(state_of(skipped), JS_SKIPPED);
	sound("all");
	told("all");
}

static void
needs_refused(void **state)
{
	struct uuid p = enqueue("parent", NULL), id;
	struct job_need need = { uuid_new(), NEED_SUCCESS };
	struct job_options o = { .needs = &need, .nneeds = 1 };

	(void)state;
	bad(job_enqueue_text(db, a, "x", NULL, false, tenant, "{}", &o, &id,
	    &err), 422, "validation");
	need.id = p;		/* another tenant's job is no job */
	bad(job_enqueue_text(db, a, "x", NULL, false, tenant2, "{}", &o, &id,
	    &err), 422, "validation");
	drain();
	need.rule = NEED_FAILURE;
	bad(job_enqueue_text(db, a, "x", NULL, false, tenant, "{}", &o, &id,
	    &err), 422, "validation");
	o = (struct job_options){ .priority = "urgent" };
	bad(job_enqueue_text(db, a, "x", NULL, false, tenant, "{}", &o, &id,
	    &err), 422, "validation");
	o = (struct job_options){ .queue = "a/b" };
	bad(job_enqueue_text(db, a, "x", NULL, false, tenant, "{}", &o, &id,
	    &err), 422, "validation");
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_job"), 1);
}

/* 1,500 children of one job: the settle is bounded, all of them move. */
static void
wide_fan_out(void **state)
{
	struct uuid p = enqueue("parent", NULL);
	struct jobs_claimed got;
	int64_t next;
	size_t n;

	(void)state;
	begin();
	for (int i = 0; i < 1500; i++)
		needing(&p, 1, NEED_END);
	commit();
	got = claim(1);
	settle_all(&got, END_FAIL);
	assert_true(number("SELECT COUNT(*) FROM jobs_job WHERE state = 3") <
	    1500);
	for (int i = 0; i < 50; i++)
		good(jobs_promote(db, a, &n, &next, &err));
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_job WHERE "
	    "state = 3"), 1500);
	sound("fanned out");
	told("fanned out");
}

/* A chain of 700 that is skipped from its top. */
static void
deep_cascade(void **state)
{
	struct uuid top = enqueue("parent", NULL), p = top;
	int64_t next;
	size_t n;

	(void)state;
	begin();
	for (int i = 0; i < 700; i++)
		p = needing(&p, 1, NEED_SUCCESS);
	commit();
	cancel(top);
	for (int i = 0; i < 50; i++)
		good(jobs_promote(db, a, &n, &next, &err));
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_job WHERE "
	    "state = 15"), 700);
	sound("skipped");
	told("skipped");
}

/* ---- people ------------------------------------------------------------------------------ */

static void
cancel_anywhere(void **state)
{
	struct job_options later = { .run_at = { clock_now().us +
	    3600 * US_PER_S } };
	struct uuid queued = enqueue("x", NULL), sched = enqueue("x", &later),
	    running, wait;
	struct jobs_claimed got;
	struct job_row now;
	struct rows rows;

	(void)state;
	wait = needing(&queued, 1, NEED_END);
	now = cancel(wait);
	assert_int_equal(now.state, JS_CANCELLED);
	cancel(sched);
	cancel(queued);
	sound("three cancelled");
	running = enqueue("y", NULL);
	got = claim_soon(10);
	assert_int_equal(got.n, 1);
	now = cancel(running);
	assert_int_equal(now.state, JS_RUNNING);
	assert_true(now.cancel);
	good(jobs_cancelled(db, a, &running, 1, &rows, &err));
	assert_int_equal(rows.n, 1);
	/* whatever the child says, but success */
	settle_all(&got, END_RETRY);
	assert_int_equal(state_of(running), JS_CANCELLED);
	sound("stopped");
	begin();
	bad(jobs_cancel(db, a, tenant, running, &now, &err), 409, "ended");
	begin();
	bad(jobs_cancel(db, a, tenant2, running, &now, &err), 404,
	    "not_found");
	running = enqueue("y", NULL);
	got = claim_soon(1);
	cancel(running);
	settle_all(&got, END_DONE);
	assert_int_equal(state_of(running), JS_SUCCEEDED);
	due_now();
	assert_int_equal(drain(), 0);
	sound("done");
	told("done");
}

static void
dead_and_again(void **state)
{
	struct uuid id = enqueue("x", NULL), id2 = enqueue("y", NULL);
	struct jobs_filter f = { .tenant = tenant, .dead = true, .limit = 10 };
	struct jobs_claimed got = claim(2);
	struct uuid reached;
	struct job_row now;
	struct rows rows;

	(void)state;
	settle_all(&got, END_FAIL);
	good(jobs_page(db, a, &f, &rows, &reached, &err));
	assert_int_equal(rows.n, 2);
	f.type = "x";
	good(jobs_page(db, a, &f, &rows, &reached, &err));
	assert_int_equal(rows.n, 1);
	f.tenant = tenant2;
	good(jobs_page(db, a, &f, &rows, &reached, &err));
	assert_int_equal(rows.n, 0);
	begin();
	good(jobs_retry(db, a, tenant, id, (struct utc){ 0 }, &now, &err));
	commit();
	assert_int_equal(now.state, JS_QUEUED);
	assert_int_equal(now.attempt, 0);
	sound("again");
	begin();
	bad(jobs_retry(db, a, tenant, id, (struct utc){ 0 }, &now, &err), 409,
	    "not_ended");
	assert_int_equal(drain(), 1);
	assert_int_equal(state_of(id), JS_SUCCEEDED);
	begin();
	good(jobs_discard(db, a, tenant, id2, &err));
	commit();
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_dead"), 0);
	assert_int_equal(state_of(id2), JS_FAILED);
	begin();
	bad(jobs_discard(db, a, tenant, id2, &err), 404, "not_found");
	told("again");
	/* three times at most */
	for (int i = 0; i < 3; i++) {
		begin();
		good(jobs_retry(db, a, tenant, id2, (struct utc){ 0 }, &now,
		    &err));
		commit();
		got = claim_soon(1);
		settle_all(&got, END_FAIL);
	}
	begin();
	bad(jobs_retry(db, a, tenant, id2, (struct utc){ 0 }, &now, &err),
	    409, "replays");
	told("often");
}

/* ---- the child's side ------------------------------------------------------------------------ */

static void
finishes_in_its_transaction(void **state)
{
	struct job_options o = { .unique = "u", .limit = "l" };
	struct uuid id = enqueue("x", &o), child = needing(&id, 1,
	    NEED_SUCCESS);
	struct jobs_claimed got = claim(1), none;
	struct job_ctx c = { .a = a, .db = db, .tenant = tenant, .id = id,
	    .token = got.v[0].token, .result_text = "{\"ok\":true}" };
	struct jobs_outcome told_too = outcome(&got, 0, END_DONE);

	(void)state;
	good(job_begin(&c, &err));
	good(job_finish(&c, &err));
	db_rollback(db);
	assert_int_equal(state_of(id), JS_RUNNING);
	sound("rolled back");
	good(job_begin(&c, &err));
	good(job_finish(&c, &err));
	commit();
	assert_true(c.finished);
	assert_int_equal(state_of(id), JS_SUCCEEDED);
	assert_int_equal(state_of(child), JS_QUEUED);
	sound("finished");
	told_too.stored = true;
	good(jobs_cycle(claimer, db, a, &lease, &told_too, 1, 0, &none,
	    &err));
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_claim"), 0);
	bad(job_begin(&c, &err), 409, "job_lost");
	assert_non_null(strstr(job_key(&c, "mail"), "/mail"));
	job_progress(&c, 500, "half");
	assert_false(job_stopping(&c));
	/* it died before it could say that it had finished */
	told_too.stored = false;
	told_too.end = END_CRASH;
	good(jobs_cycle(claimer, db, a, &lease, &told_too, 1, 0, &none,
	    &err));
	assert_int_equal(state_of(id), JS_SUCCEEDED);
	sound("crash told late");
	told("crash told late");
}

static void
a_stale_child_commits_nothing(void **state)
{
	struct uuid id = enqueue("x", NULL);
	struct jobs_claimed got = claim(1);
	struct job_ctx c = { .a = a, .db = db, .tenant = tenant, .id = id,
	    .token = got.v[0].token };

	(void)state;
	settle_all(&got, END_LOST);
	bad(job_begin(&c, &err), 409, "job_lost");
	assert_false(db_in_txn(db));
	got = claim_soon(1);
	bad(job_begin(&c, &err), 409, "job_lost");
	c.token = got.v[0].token;
	good(job_begin(&c, &err));
	commit();
}

/* ---- external workers ------------------------------------------------------------------------- */

static struct uuid
external(const char *type, const struct job_options *o)
{
	struct uuid id;

	good(job_enqueue_text(db, a, type, NULL, true, tenant, "{}", o, &id,
	    &err));
	return id;
}

static struct jobs_claimed
pull(struct uuid who, const char *type, size_t max)
{
	static const char *const queues[] = { "default", NULL };
	const char *types[] = { type, NULL };
	struct jobs_pull p = { .tenant = who, .holder = uuid_new(),
	    .worker = "w1", .queues = queues,
	    .types = type == NULL ? NULL : types, .max = max, .lease_s = 60 };
	struct jobs_claimed got;

	good(jobs_pull(db, a, &p, &got, &err));
	return got;
}

static void
pulled(void **state)
{
	struct job_options soon = { .expires_at = { clock_now().us - 1 },
	    .unique = "u" };
	struct uuid id = external("py.a", NULL), other = external("py.b",
	    NULL), late = external("py.a", &soon);
	struct jobs_claimed got;
	struct jobs_hold h;
	struct jobs_outcome o = { .end = END_DONE, .result = "{\"r\":1}" };
	struct job_row now;
	size_t n;

	(void)state;
	assert_int_equal(claim(5).n, 0);
	assert_int_equal(pull(tenant2, NULL, 5).n, 0);
	assert_int_equal(pull(tenant, "py.c", 5).n, 0);
	got = pull(tenant, "py.b", 5);
	assert_int_equal(got.n, 1);
	assert_true(uuid_equal(got.v[0].id, other));
	got = pull(tenant, NULL, 5);
	assert_int_equal(got.n, 1);
	assert_true(uuid_equal(got.v[0].id, id));
	assert_int_equal(state_of(late), JS_EXPIRED);
	sound("pulled");
	told("pulled");
	h = (struct jobs_hold){ tenant, id, got.v[0].token };
	begin();
	good(jobs_pull_heartbeat(db, a, &h, 60, 300, "a third", &now, &err));
	commit();
	assert_false(now.cancel);
	cancel(id);
	begin();
	good(jobs_pull_heartbeat(db, a, &h, 60, -1, NULL, &now, &err));
	commit();
	assert_true(now.cancel);
	begin();
	good(jobs_pull_end(db, a, &h, &o, &now, &err));
	commit();
	assert_int_equal(now.state, JS_SUCCEEDED);
	begin();
	bad(jobs_pull_end(db, a, &h, &o, &now, &err), 409, "job_lost");
	/* the other worker is silent */
	sql("UPDATE jobs_lease SET expires_at = NOW(6) - INTERVAL 1 MINUTE "
	    "WHERE external");
	good(jobs_reap(db, a, 0, &n, &err));
	assert_int_equal(n, 1);
	assert_int_equal(state_of(other), JS_QUEUED);
	assert_int_equal(column(other, "lost"), 1);
	sound("reaped");
	got = pull(tenant, NULL, 5);
	assert_int_equal(got.n, 1);
	h = (struct jobs_hold){ tenant, other, got.v[0].token };
	begin();
	good(jobs_pull_end(db, a, &h, &o, &now, &err));
	commit();
	sound("all");
	told("all");
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_lease WHERE "
	    "external"), 0);
}

/* ---- upkeep ------------------------------------------------------------------------------------ */

static void
reaped(void **state)
{
	struct uuid id = enqueue("x", NULL), id2 = enqueue("y", NULL);
	struct jobs_claimed got = claim(2);
	struct jobs_lease old = lease;
	struct jobs_outcome o;
	size_t n;

	(void)state;
	o = outcome(&got, 1, END_DONE);
	good(jobs_cycle(claimer, db, a, &lease, &o, 1, 0, &got, &err));
	good(jobs_reap(db, a, 0, &n, &err));
	assert_int_equal(n, 0);
	sql("UPDATE jobs_lease SET expires_at = NOW(6) - INTERVAL 5 SECOND");
	good(jobs_reap(db, a, 60, &n, &err));
	assert_int_equal(n, 0);
	good(jobs_reap(db, a, 0, &n, &err));
	assert_int_equal(n, 1);
	assert_int_equal(state_of(id) + state_of(id2), JS_QUEUED +
	    JS_SUCCEEDED);
	assert_int_equal(number("SELECT SUM(lost) FROM jobs_job"), 1);
	assert_int_equal(number("SELECT SUM(crashes) FROM jobs_job"), 0);
	assert_int_equal(jobs_lease_renew(db, &old, &err), 1);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_claim"), 0);
	assert_int_equal(drain(), 1);
	sound("reaped");
	told("reaped");
}

/* A process that is dead: of two of this place, the one that is not asked
 * for. */
static bool
is_dead(void *arg, uint64_t id)
{
	return id != *(uint64_t *)arg;
}

static void
orphans(void **state)
{
	struct jobs_lease mine = { 0 }, other = { 0 }, drains = { 0 };
	size_t n;

	(void)state;
	enqueue("x", NULL);
	claim(1);		/* the dead process, same place */
	good(jobs_lease_open(db, &mine, uuid_new(), "here", dir, 60, 2, &err));
	good(jobs_lease_open(db, &other, uuid_new(), "here", "elsewhere", 60,
	    2, &err));
	good(jobs_lease_open(db, &drains, uuid_new(), "here", dir, 60, 3,
	    &err));
	good(jobs_lease_orphans(db, a, "here", dir, mine.id, is_dead,
	    &drains.id, &n, &err));
	assert_int_equal(n, 1);
	good(jobs_reap(db, a, 60, &n, &err));
	assert_int_equal(n, 1);
	assert_int_equal(jobs_lease_renew(db, &mine, &err), 0);
	assert_int_equal(jobs_lease_renew(db, &drains, &err), 0);
	assert_int_equal(jobs_lease_renew(db, &other, &err), 0);
	assert_int_equal(jobs_lease_renew(db, &lease, &err), 1);
	assert_int_equal(drain(), 1);
}

/* A lease that is closed with jobs in its hands gives them back. */
static void
closed_with_jobs(void **state)
{
	size_t n;

	(void)state;
	enqueue("x", NULL);
	assert_int_equal(claim(1).n, 1);
	good(jobs_lease_close(db, &lease, &err));
	good(jobs_reap(db, a, 0, &n, &err));
	assert_int_equal(n, 1);
	assert_int_equal(drain(), 1);
	good(jobs_lease_close(db, &lease, &err));
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_lease WHERE "
	    "id = %llu", (unsigned long long)lease.id), 0);
}

/* Keys that nothing uses go; a job whose key went all the same is no loss. */
static void
keys_purged(void **state)
{
	static const char *const names[] = { "done", "ready", "later",
	    "waits" };
	struct job_options o = { .limit = "done" };
	struct job_need need = { .rule = NEED_END };
	size_t n;

	(void)state;
	enqueue("x", &o);
	assert_int_equal(drain(), 1);
	o.limit = names[1];
	need.id = enqueue("x", &o);
	o.limit = names[2];
	o.run_at.us = clock_now().us + 3600 * US_PER_S;
	enqueue("x", &o);
	o = (struct job_options){ .limit = names[3], .needs = &need,
	    .nneeds = 1 };
	enqueue("x", &o);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_limit"), 4);
	good(jobs_purge(db, a, 14, &n, &err));
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_limit"), 3);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_limit WHERE name = "
	    "'done'"), 0);
	sql("DELETE FROM jobs_limit");
	due_now();
	assert_int_equal(drain(), 3);
	sound("drained");
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_limit"), 3);
}

/* What the older backends' documents call it. */
static void
seeds_view(void **state)
{
	struct uuid id = enqueue("x", NULL);
	struct jobs_claimed got;
	char text[UUID_TEXT];

	(void)state;
	assert_string_equal(mariadb_value(a, DB, "SELECT CONCAT(type, status, "
	    "started_at IS NULL, finished_at IS NULL, error IS NULL) FROM "
	    "jobs"), "xqueued111");
	assert_string_equal(mariadb_value(a, DB, "SELECT id FROM jobs"),
	    uuid_format(id, text));
	got = claim(1);
	assert_string_equal(mariadb_value(a, DB, "SELECT CONCAT(status, "
	    "started_at IS NULL) FROM jobs"), "running0");
	settle_all(&got, END_FAIL);
	assert_string_equal(mariadb_value(a, DB, "SELECT CONCAT(status, "
	    "error, finished_at IS NULL) FROM jobs"), "failedas asked for0");
}

static void
purged(void **state)
{
	struct uuid old, live, late, dead;
	struct jobs_claimed got;
	size_t n;

	(void)state;
	old = enqueue("x", NULL);
	assert_int_equal(drain(), 1);
	dead = enqueue("x", NULL);
	got = claim_soon(1);
	settle_all(&got, END_FAIL);
	live = enqueue("x", NULL);
	late = enqueue("x", NULL);
	needing(&old, 1, NEED_END);
	/* all of them were made 20 days ago; one has ended just now */
	sql("UPDATE jobs_job SET state = 10, finished_at = NOW(6) WHERE "
	    "id = X'%s'; DELETE FROM jobs_ready WHERE job_id = X'%s'; "
	    "UPDATE jobs_job SET finished_at = NOW(6) - INTERVAL 20 DAY "
	    "WHERE id IN (X'%s', X'%s')", mariadb_hex(a, late), mariadb_hex(a, late), mariadb_hex(a, old),
	    mariadb_hex(a, dead));
	for (int t = 0; t < 5; t++) {
		static const char *const v[][2] = { { "jobs_job", "id" },
		    { "jobs_attempt", "job_id" }, { "jobs_dead", "job_id" },
		    { "jobs_ready", "job_id" }, { "jobs_need", "needs_id" } };

		sql("UPDATE %s SET %s = CONCAT(X'018f00000000', SUBSTR(%s, 7))",
		    v[t][0], v[t][1], v[t][1]);
	}
	good(jobs_purge(db, a, 14, &n, &err));
	assert_int_equal(n, 2);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_dead"), 0);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_attempt"), 0);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_job WHERE "
	    "SUBSTR(id, 7) IN (SUBSTR(X'%s', 7), SUBSTR(X'%s', 7))", mariadb_hex(a, live),
	    mariadb_hex(a, late)), 2);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup(name, each_clean)
		T(once_through), T(with_the_caller), T(batches_and_results),
		T(tries_and_waits), T(fails_at_once),
		T(succeeds_at_the_second_try), T(crashes_quarantine),
		T(losses_never_quarantine), T(released_and_started_again),
		T(expires), T(stale_outcomes), T(delayed),
		T(delayed_cancelled_and_again), T(unique), T(many),
		T(limited),
		T(limited_and_cancelled), T(recounted), T(paused),
		T(so_many_at_once), T(limits_of_both_kinds),
		T(so_many_a_second), T(best_lane_first),
		T(tenants_in_turn), T(quota), T(fan_in), T(needs_that_fail),
		T(needs_refused), T(wide_fan_out), T(deep_cascade),
		T(cancel_anywhere), T(dead_and_again),
		T(finishes_in_its_transaction),
		T(a_stale_child_commits_nothing), T(pulled), T(reaped), T(orphans),
		T(closed_with_jobs), T(purged), T(keys_purged),
		T(seeds_view),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	if (!mariadb_start())
		return 0;
	return cmocka_run_group_tests(tests, jobs_setup, jobs_teardown);
}
