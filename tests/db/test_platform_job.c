/*
 * Use-cases of jobs against MariaDB: the door with types of a module of its
 * own, what a tenant may make, batches that fail half-way, bulk actions over
 * more than one batch, external workers that pull at once, and after each case
 * the invariants of the queue's tables.
 */
#include "tests/harness/jobs_env.h"

#undef fail
#include "conf/conf.h"
#include "jobs/look.h"
#include "modules/platform/job.h"
#include "modules/platform/platform.h"
#include "modules/platform/queue.h"
#include "modules/platform/work.h"

/* ---- types ------------------------------------------------------------------ */

struct word_in {
	const char *word;
	int64_t n;
};
static const struct field word_fields[] = {
	FIELD(struct word_in, word, .flags = FF_REQUIRED, .max = 5,
	    .doc = "d"),
	FIELD(struct word_in, n, .min = 1, .max = 9, .def = "1", .doc = "d"),
	FIELD_END
};
static const struct schema word_schema = { .name = "Word", .doc = "d",
    .size = sizeof(struct word_in), .fields = word_fields };

static enum job_rc
nothing(struct job_ctx *c, const void *in)
{
	(void)c, (void)in;
	return JOB_DONE;
}

static const struct job types[] = {
	{ .name = "test.open", .doc = "d", .in = &word_schema,
	  .queue = "words", .lane = LANE_HIGH, .flags = JOB_API,
	  .permission = "test:words", .tries = 3, .run = nothing },
	{ .name = "test.inner", .doc = "d", .run = nothing },
	JOB_END
};
static const struct module test_module = { .name = "test", .doc = "d",
    .jobs = (const struct job *const[]){ types, NULL } };
static const struct module *const mods[] = { &platform_module, &test_module,
    NULL };

static struct env env;
static struct principal who;
static const char *const some[] = { "jobs:create", "test:words", NULL };
static const char *const less[] = { "jobs:create", NULL };
static const char *const all[] = { "*", NULL };

/* With one setting of its own. */
static const struct conf *
settings(const char *one)
{
	static const struct settings *const groups[] = { &jobs_settings,
	    NULL };
	const char *over[] = { one, NULL };
	struct conf *conf;
	char *none[] = { NULL };

	good(conf_load(&conf, base, groups, &(struct conf_source){
	    .file = "/none", .env = none, .overrides = over }, &err));
	return conf;
}

static int
setup(void **state)
{
	jobs_setup(state);
	env = (struct env){ .a = a, .conf = settings(NULL), .db = db,
	    .shm = shm, .modules = mods };
	who = (struct principal){ .kind = PRINCIPAL_USER,
	    .tenant_id = tenant, .name = "ann", .permissions = some };
	return 0;
}

static int
each(void **state)
{
	int rc = each_clean(state);

	who.tenant_id = tenant;
	who.permissions = some;
	return rc;
}

static int
add(const struct platform_job_in *in, bool lenient,
    struct platform_job_made *made)
{
	struct platform_job_by by = { .who = &who, .lenient = lenient };
	int rc;

	begin();
	rc = platform_job_enqueue(&env, db, a, &by, in, made, &err);
	if (rc == 0)
		commit();
	return rc;
}

static struct uuid
made(struct platform_job_in in)
{
	struct platform_job_made m;

	good(add(&in, false, &m));
	return m.id;
}

static void
refused_at(int rc, const char *loc)
{
	assert_int_equal(rc, -1);
	if (err.status != 422 || err.nfields == 0 ||
	    strcmp(err.fields[0].loc, loc) != 0)
		fail_msg("wanted 422 at %s, got %d %s at %s", loc, err.status,
		    err.detail, err.nfields > 0 ? err.fields[0].loc : "none");
	db_rollback(db);
	err_clear(&err);
}

/* ---- the door ---------------------------------------------------------------- */

static void
test_door(void **state)
{
	struct platform_job_in in = { .type = "test.open",
	    .payload.p = "{\"word\":\"hello\"}" };
	struct platform_job_made m;

	(void)state;
	good(add(&in, false, &m));
	assert_string_equal(m.queue, "words");
	assert_string_equal(m.status, "queued");
	assert_int_equal(column(m.id, "lane"), LANE_HIGH);
	assert_int_equal(column(m.id, "tries"), 3);
	who.permissions = less;
	bad(add(&in, false, &m), 403, "forbidden");
	who.permissions = all;
	bad(add(&(struct platform_job_in){ .type = "test.inner" }, false,
	    &m), 403, "forbidden");
	/* the operator on the terminal may */
	who.kind = PRINCIPAL_SYSTEM;
	good(add(&(struct platform_job_in){ .type = "test.inner" }, false,
	    &m));
	who.kind = PRINCIPAL_USER;
	sound("door");
}

static void
test_payload(void **state)
{
	static const struct {
		const char *text, *loc;
	} v[] = {
		{ "{}", "[\"body\",\"payload\",\"word\"]" },
		{ "{\"word\":7}", "[\"body\",\"payload\",\"word\"]" },
		{ "{\"word\":\"too long\"}", "[\"body\",\"payload\",\"word\"]" },
		{ "{\"word\":\"a\",\"n\":10}", "[\"body\",\"payload\",\"n\"]" },
		{ "{\"word\":\"a\",\"x\":1}", "[\"body\",\"payload\",\"x\"]" },
		{ "[1]", "[\"body\",\"payload\"]" },
		{ "\"text\"", "[\"body\",\"payload\"]" },
	};
	struct platform_job_made m;

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		refused_at(add(&(struct platform_job_in){
		    .type = "test.open", .payload.p = v[i].text }, false,
		    &m), v[i].loc);
	refused_at(add(&(struct platform_job_in){ .type = "test.open" },
	    false, &m), "[\"body\",\"payload\",\"word\"]");
	/* on the documents' path what is unknown is ignored */
	good(add(&(struct platform_job_in){ .type = "test.open",
	    .payload.p = "{\"word\":\"a\",\"x\":1}" }, true, &m));
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_job"), 1);
}

static void
test_queues_of_ours(void **state)
{
	struct platform_job_in in = { .type = "test.open",
	    .payload.p = "{\"word\":\"a\"}", .queue = "mine" };
	struct platform_job_made m;

	(void)state;
	refused_at(add(&in, false, &m), "[\"body\",\"queue\"]");
	in.queue = "default";
	good(add(&in, false, &m));
	in.queue = "words";
	good(add(&in, false, &m));
	/* an external queue of that name is another one */
	in.type = "outside";
	in.queue = "words";
	good(add(&in, false, &m));
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_queue WHERE name "
	    "= 'words'"), 2);
}

static void
test_so_many_queues(void **state)
{
	struct platform_job_made m;
	struct platform_job_in in = { .type = "outside" };

	(void)state;
	for (int i = 0; i < PLATFORM_QUEUES_MAX; i++) {
		in.queue = arena_printf(a, "q%d", i);
		good(add(&in, false, &m));
	}
	in.queue = "one-more";
	refused_at(add(&in, false, &m), "[\"body\",\"queue\"]");
	in.queue = "q7";
	good(add(&in, false, &m));
	who.tenant_id = tenant2;	/* the number is the tenant's own */
	in.queue = "one-more";
	good(add(&in, false, &m));
}

static void
test_quota(void **state)
{
	struct platform_job_in in = { .type = "flood", .queue = "flood" };
	struct platform_job_made m;
	int rc = 0, n = 0;

	(void)state;
	env.conf = settings("jobs.tenant_queued_max=40");
	for (; n < 100 && rc == 0; n++)
		rc = add(&in, false, &m);
	assert_int_equal(rc, -1);
	assert_true(err.retry_after_s > 0);
	bad(rc, 429, "quota");
	assert_in_range(n, 35, 60);
	who.tenant_id = tenant2;
	good(add(&in, false, &m));
	env.conf = settings(NULL);
	sound("quota");
}

/* ---- batches -------------------------------------------------------------------- */

static int
batch(struct platform_job_in *v, size_t n, struct platform_job_made *out)
{
	struct platform_job_by by = { .who = &who };
	int rc;

	begin();
	rc = platform_job_batch(&env, db, a, &by, v, n, uuid_new(), out,
	    &err);
	if (rc == 0)
		commit();
	return rc;
}

#define LIST(...) { (const char *[]){ __VA_ARGS__ }, \
	sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *) }

static void
test_batch(void **state)
{
	struct platform_job_made m[4];
	struct platform_job_in v[] = {
		{ .type = "c", .needs = LIST("#b", "#a") },
		{ .type = "b", .ref = "b", .needs = LIST("#a") },
		{ .type = "a", .ref = "a" },
		{ .type = "d", .needs = LIST("#0"), .needs_rule = "end" },
	};

	(void)state;
	good(batch(v, 4, m));
	assert_string_equal(m[0].status, "waiting");
	assert_string_equal(m[2].status, "queued");
	assert_int_equal(column(m[0].id, "waits"), 2);
	assert_int_equal(column(m[3].id, "waits"), 1);
	assert_int_equal(number("SELECT COUNT(DISTINCT workflow) FROM "
	    "jobs_job"), 1);
	sound("batch");
	/* a live job with the unique key takes the place of the new one */
	v[2].unique = v[1].unique = "k";
	good(batch(v, 4, m));
	good(batch(v, 3, m));
	assert_true(m[2].existing && m[1].existing && !m[0].existing);
	assert_int_equal(column(m[0].id, "waits"), 2);
	sound("unique in a batch");
}

static void
test_batch_is_all_or_none(void **state)
{
	struct platform_job_made m[3];
	struct platform_job_in v[] = {
		{ .type = "a" }, { .type = "b", .needs = LIST("#0") },
		{ .type = "test.open", .payload.p = "{\"word\":1}" },
	};

	(void)state;
	refused_at(batch(v, 3, m),
	    "[\"body\",\"jobs\",2,\"payload\",\"word\"]");
	v[2] = (struct platform_job_in){ .type = "test.inner" };
	bad(batch(v, 3, m), 403, "forbidden");
	v[2] = (struct platform_job_in){ .type = "x", .needs = LIST("#0",
	    "01890a5d-ac96-774b-bcce-b302099a8057") };
	refused_at(batch(v, 3, m), "[\"body\",\"jobs\",2,\"needs\",1]");
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_job"), 0);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_ready"), 0);
	assert_int_equal(number("SELECT COUNT(*) FROM events_outbox"), 0);
}

/* ---- bulk actions ------------------------------------------------------------------ */

/* n dead letters of a type, the fast way. */
static void
bury(const char *type, int n)
{
	int64_t q;

	made((struct platform_job_in){ .type = type });
	q = number("SELECT queue_id FROM jobs_job WHERE type = '%s'", type);
	sql("DELETE FROM jobs_ready; DELETE FROM jobs_job WHERE type = '%s'",
	    type);
	for (int i = 0; i < n; i++)
		sql("INSERT INTO jobs_job (id, tenant_id, queue_id, lane, "
		    "state, type, payload, tries, timeout_s, backoff_s, "
		    "token, created_at, finished_at) VALUES (X'%s', X'%s', "
		    "%lld, 2, 11, '%s', '{}', 1, 60, 1, 1, NOW(6), NOW(6)); "
		    "INSERT INTO jobs_dead (tenant_id, job_id, queue_id, "
		    "type, state, died_at) SELECT tenant_id, id, queue_id, "
		    "type, 11, NOW(6) FROM jobs_job WHERE type = '%s' ORDER "
		    "BY id DESC LIMIT 1", mariadb_hex(a, uuid_new()), mariadb_hex(a, tenant),
		    (long long)q, type, type);
}

static struct platform_job_acted
act(const char *action, const char *type, int64_t max, int64_t spread)
{
	struct platform_job_act want = { .action = action,
	    .filter = { .tenant = tenant, .type = type }, .max = max,
	    .spread_s = spread, .reason = "test", .actor = "ann" };
	struct platform_job_acted out;

	good(platform_job_act(db, a, &want, &out, &err));
	return out;
}

static void
test_many_run_again(void **state)
{
	struct platform_job_acted r;

	(void)state;
	bury("dead", 230);
	r = act("retry", "dead", 220, 2200);
	assert_int_equal(r.matched, 220);
	assert_int_equal(r.done, 220);
	assert_true(r.more);
	assert_int_equal(r.sample.n, 20);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_dead"), 10);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_job WHERE state "
	    "= 3"), 1);
	/* ten seconds apart, over all batches */
	assert_int_equal(number("SELECT COUNT(*) FROM (SELECT ROUND("
	    "TIMESTAMPDIFF(MICROSECOND, LAG(run_at) OVER (ORDER BY run_at), "
	    "run_at) / 1e6) AS gap FROM jobs_delayed) g WHERE gap NOT "
	    "BETWEEN 8 AND 12"), 0);
	/* each batch is in the audit log */
	assert_int_equal(number("SELECT SUM(JSON_VALUE(detail, '$.done')) "
	    "FROM auth_audit WHERE action = 'system.job.retry'"), 220);
	r = act("discard", NULL, 5000, 0);
	assert_int_equal(r.done, 10);
	r = act("cancel", "dead", 5000, 0);
	assert_int_equal(r.done, 220);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_job WHERE state "
	    "= 12"), 220);
	sound("many");
}

/* One that refuses is skipped; those beside it are not undone. */
static void
test_skipped_alone(void **state)
{
	struct platform_job_acted r;
	struct uuid id;

	(void)state;
	bury("dead", 3);
	sql("UPDATE jobs_job SET replays = 3 ORDER BY id LIMIT 1");
	id = made((struct platform_job_in){ .type = "dead",
	    .unique = "k" });
	sql("UPDATE jobs_job x, (SELECT unique_key FROM jobs_job WHERE id = "
	    "X'%s') k SET x.unique_key = k.unique_key WHERE x.state = 11 AND "
	    "x.replays = 0 AND x.id <> (SELECT MAX(id) FROM (SELECT id FROM "
	    "jobs_job WHERE state = 11) z)", mariadb_hex(a, id));
	r = act("retry", "dead", 5000, 0);
	assert_int_equal(r.matched, 3);
	assert_int_equal(r.done, 1);
	assert_int_equal(r.skipped, 2);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_job WHERE state "
	    "= 3"), 2);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_dead"), 2);
	sound("skipped");
}

static void
test_only_the_tenants(void **state)
{
	(void)state;
	bury("dead", 3);
	sql("UPDATE jobs_job SET tenant_id = X'%s'; UPDATE jobs_dead SET "
	    "tenant_id = X'%s'", mariadb_hex(a, tenant2), mariadb_hex(a, tenant2));
	assert_int_equal(act("retry", "dead", 5000, 0).matched, 0);
	assert_int_equal(act("discard", NULL, 5000, 0).matched, 0);
	assert_int_equal(act("cancel", NULL, 5000, 0).matched, 0);
}

/* ---- pulling ------------------------------------------------------------------------ */

static const char *const pull_queues[] = { "default", NULL };

static struct jobs_claimed
pull(size_t max, const char *const *names)
{
	struct jobs_pull p = { .tenant = tenant, .holder = uuid_new(),
	    .worker = "w", .queues = pull_queues, .types = names,
	    .max = max, .lease_s = 30 };
	struct jobs_claimed got;

	good(jobs_pull(db, a, &p, &got, &err));
	return got;
}

/* Jobs that are not wanted, cancelled ones, and ones another claimer holds,
 * do not hide those behind them. */
static void
test_nothing_hides_a_job(void **state)
{
	static const char *const rare[] = { "rare", NULL };
	struct arena *b = arena_new(64 << 20);
	struct db *other = mariadb_open(b, DB);
	struct err e = { 0 };
	struct uuid id, first;
	struct jobs_claimed got;

	(void)state;
	who.kind = PRINCIPAL_SYSTEM;
	for (int i = 0; i < 30; i++)
		made((struct platform_job_in){ .type = "common" });
	id = made((struct platform_job_in){ .type = "rare" });
	got = pull(1, rare);
	assert_int_equal(got.n, 1);
	assert_true(uuid_equal(got.v[0].id, id));
	assert_int_equal(pull(1, rare).n, 0);
	got = pull(1, NULL);
	assert_int_equal(got.n, 1);
	/* cancelled at the head */
	first = made((struct platform_job_in){ .type = "x",
	    .priority = "critical" });
	cancel(first);
	assert_int_equal(pull(1, NULL).n, 1);
	/* all of the head locked by somebody who is slow */
	assert_int_equal(db_begin(other, &e), 0);
	{
		struct jobs_pull p = { .tenant = tenant,
		    .holder = uuid_new(), .worker = "slow",
		    .queues = pull_queues, .max = 20, .lease_s = 30 };
		struct jobs_claimed held;

		assert_int_equal(jobs_pull(other, b, &p, &held, &e), 0);
		assert_int_equal(held.n, 20);
		assert_int_equal(pull(32, NULL).n, 8);
	}
	db_rollback(other);
	assert_int_equal(pull(32, NULL).n, 20);
	db_close(other);
	arena_free(b);
	who.kind = PRINCIPAL_USER;
	sound("pull");
}

static struct jobs_hold
hold(const struct jobs_claimed *c)
{
	return (struct jobs_hold){ tenant, c->v[0].id, c->v[0].token };
}

static void
test_valves_of_external_queues(void **state)
{
	struct platform_queue_set set = { .name = "default",
	    .external = true, .max_running = 2, .has_max = true };
	struct jobs_outcome o = { .end = END_DONE };
	struct platform_queue q;
	struct jobs_claimed got;
	struct jobs_hold h;
	struct job_row now;
	bool repeated;

	(void)state;
	for (int i = 0; i < 6; i++)
		made((struct platform_job_in){ .type = "v" });
	begin();
	good(platform_queue_change(db, a, &who, &set, &q, &err));
	commit();
	assert_int_equal(q.ready, 6);
	got = pull(5, NULL);
	assert_int_equal(got.n, 2);
	assert_int_equal(pull(5, NULL).n, 0);
	sound("limit");
	h = hold(&got);
	begin();
	good(platform_work_end(db, a, &h, &o, &now, &repeated, &err));
	commit();
	assert_false(repeated);
	assert_int_equal(pull(5, NULL).n, 1);
	sound("limit, one back");
	/* a rate counts only what was really started */
	set = (struct platform_queue_set){ .name = "default",
	    .external = true, .rate_n = 2, .rate_s = 3600,
	    .has_rate = true, .max_running = 0, .has_max = true };
	begin();
	good(platform_queue_change(db, a, &who, &set, &q, &err));
	commit();
	assert_int_equal(pull(5, NULL).n, 2);
	assert_int_equal(pull(5, NULL).n, 0);
}

/* Lost, and told about it; what was told before is no second outcome. */
static void
test_words_of_a_holder(void **state)
{
	struct jobs_outcome done = { .end = END_DONE, .result = "1" };
	struct jobs_outcome failed = { .end = END_RETRY, .error = "e",
	    .error_class = "c" };
	struct platform_work_beat beat = { .over = false };
	struct jobs_claimed got;
	struct jobs_hold h, foreign;
	struct job_row now;
	bool repeated;

	(void)state;
	made((struct platform_job_in){ .type = "w", .timeout_s = 60 });
	got = pull(1, NULL);
	h = foreign = hold(&got);
	foreign.tenant = tenant2;
	bad(platform_work_heartbeat(db, a, &foreign, 30, -1, NULL, &beat,
	    &err), 404, "not_found");
	good(platform_work_heartbeat(db, a, &h, 30, 500, "half", &beat,
	    &err));
	assert_false(beat.over);
	assert_int_equal(column(h.id, "progress"), 500);
	/* its time is over: settled by the heartbeat that says so */
	sql("UPDATE jobs_job SET started_at = NOW(6) - INTERVAL 2 HOUR");
	good(platform_work_heartbeat(db, a, &h, 30, -1, NULL, &beat, &err));
	assert_true(beat.over);
	assert_int_equal(state_of(h.id), JS_RETRYING);
	sound("timeout");
	begin();
	bad(platform_work_end(db, a, &h, &done, &now, &repeated, &err), 409,
	    "job_lost");
	/* fail after the timeout was settled as one: the same outcome */
	begin();
	good(platform_work_end(db, a, &h, &failed, &now, &repeated, &err));
	commit();
	assert_true(repeated);
	assert_int_equal(column(h.id, "token"), 1);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_attempt"), 1);
	sound("words");
}

/* A lease that ran out comes back by what any claim sees to. */
static void
test_upkeep(void **state)
{
	struct env alone = env;
	struct jobs_claimed got;

	(void)state;
	alone.shm = NULL;
	made((struct platform_job_in){ .type = "u" });
	made((struct platform_job_in){ .type = "u",
	    .run_at = { clock_now().us + 3600 * US_PER_S } });
	got = pull(1, NULL);
	good(platform_work_upkeep(&alone, db, &err));
	assert_int_equal(state_of(got.v[0].id), JS_RUNNING);
	sql("UPDATE jobs_lease SET expires_at = NOW(6) - INTERVAL 10 "
	    "SECOND WHERE external = TRUE");
	good(platform_work_upkeep(&alone, db, &err));
	assert_int_equal(state_of(got.v[0].id), JS_RUNNING);
	sql("UPDATE jobs_lease SET expires_at = NOW(6) - INTERVAL 1 HOUR "
	    "WHERE external = TRUE");
	sql("UPDATE jobs_job SET run_at = '2020-01-01' WHERE state = 2; "
	    "UPDATE jobs_delayed SET run_at = '2020-01-01'");
	good(platform_work_upkeep(&alone, db, &err));
	assert_int_equal(state_of(got.v[0].id), JS_QUEUED);
	assert_int_equal(column(got.v[0].id, "lost"), 1);
	assert_int_equal(pull(5, NULL).n, 2);
	sound("upkeep");
}

/* ---- looking ------------------------------------------------------------------------- */

static void
test_looking(void **state)
{
	struct platform_job_status s;
	struct uuid nil = { { 0 } };
	struct rows rows;
	size_t seen = 0;

	(void)state;
	made((struct platform_job_in){ .type = "seen" });
	made((struct platform_job_in){ .type = "seen" });
	made((struct platform_job_in){ .type = "test.open",
	    .payload.p = "{\"word\":\"a\"}" });
	made((struct platform_job_in){ .type = "later",
	    .run_at = { clock_now().us + 3600 * US_PER_S } });
	pull(1, NULL);
	good(platform_job_status(db, a, tenant, &s, &err));
	assert_int_equal(s.ready, 2);
	assert_int_equal(s.delayed, 1);
	assert_int_equal(s.running, 1);
	assert_true(s.oldest_at.us != 0);
	good(platform_job_status(db, a, tenant2, &s, &err));
	assert_int_equal(s.ready + s.delayed + s.running + s.dead, 0);
	good(platform_job_status(db, a, nil, &s, &err));
	assert_int_equal(s.ready, 2);
	assert_int_equal(s.external_workers, 1);
	assert_int_equal(s.workers, 1);	/* the fixture's own */
	good(platform_job_types(&env, db, a, &who, &rows, &err));
	for (size_t i = 0; i < rows.n; i++) {
		const struct platform_job_type *t = ROW(&rows,
		    struct platform_job_type, i);

		if (strcmp(t->name, "test.open") == 0)
			seen += t->may_enqueue && t->payload_schema.p != NULL;
		if (strcmp(t->name, "test.inner") == 0)
			seen += !t->may_enqueue;
		if (strcmp(t->name, "seen") == 0)
			seen += strcmp(t->kind, "external") == 0;
	}
	assert_int_equal(seen, 3);
	good(jobs_workers(db, a, 10, &rows, &err));
	assert_int_equal(rows.n, 2);
	assert_int_equal(ROW(&rows, struct jobs_worker, 1)->jobs, 1);
	assert_string_equal(ROW(&rows, struct jobs_worker, 1)->worker, "w");
}

/* A page costs little whatever is asked, and leads on to what is further down;
 * the smallest filter is as complete as none. */
static void
test_pages_of_many(void **state)
{
	struct jobs_filter f = { .tenant = tenant, .type = "rare",
	    .limit = 51 };
	struct uuid reached = { { 0 } };
	struct rows rows;
	size_t n = 0, pages = 0;

	(void)state;
	made((struct platform_job_in){ .type = "many" });
	sql("SET time_zone = '+00:00'; "
	    "INSERT INTO jobs_job (id, tenant_id, queue_id, lane, state, "
	    "type, payload, tries, timeout_s, backoff_s, token, created_at, "
	    "finished_at) SELECT UNHEX(CONCAT(LPAD(HEX((1790000000 + seq) * "
	    "1000), "
	    "12, '0'), '7000', LPAD(HEX(seq), 16, '0'))), X'%s', (SELECT id "
	    "FROM jobs_queue LIMIT 1), 2, 12, IF(seq %% 25000 = 7, 'rare', "
	    "'many'), '{}', 1, 60, 1, 1, FROM_UNIXTIME(1790000000 + seq), "
	    "NOW(6) FROM seq_1_to_60000", mariadb_hex(a, tenant));
	do {
		f.below = reached;
		good(jobs_page(db, a, &f, &rows, &reached, &err));
		n += rows.n;
		pages++;
	} while (!uuid_is_nil(reached));
	assert_int_equal(n, 3);
	assert_true(pages >= 3 && pages <= 5);
	assert_int_equal(act("retry", "rare", 10, 0).matched, 0);
	sql("UPDATE jobs_job SET state = 1, waits = 1 WHERE type = 'rare'");
	assert_int_equal(act("cancel", "rare", 2, 0).done, 2);
	assert_int_equal(act("cancel", "rare", 9, 0).done, 1);
	/* the time asked for is found without going there page by page */
	f = (struct jobs_filter){ .tenant = tenant, .limit = 51,
	    .since = { INT64_C(1790007000000000) },
	    .until = { INT64_C(1790008000000000) } };
	good(jobs_page(db, a, &f, &rows, &reached, &err));
	assert_int_equal(rows.n, 51);
	f.type = "rare";
	good(jobs_page(db, a, &f, &rows, &reached, &err));
	assert_int_equal(rows.n, 0);
	f.since.us = INT64_C(1790000000000000);
	good(jobs_page(db, a, &f, &rows, &reached, &err));
	assert_int_equal(rows.n, 1);
}

#define CASE(fn) cmocka_unit_test_setup(fn, each)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_door), CASE(test_payload),
		CASE(test_queues_of_ours), CASE(test_so_many_queues),
		CASE(test_quota), CASE(test_batch),
		CASE(test_batch_is_all_or_none), CASE(test_many_run_again),
		CASE(test_skipped_alone), CASE(test_only_the_tenants),
		CASE(test_nothing_hides_a_job),
		CASE(test_valves_of_external_queues),
		CASE(test_words_of_a_holder), CASE(test_upkeep),
		CASE(test_looking), CASE(test_pages_of_many),
	};

	if (!mariadb_start())
		return 0;
	return cmocka_run_group_tests(tests, setup, jobs_teardown);
}
