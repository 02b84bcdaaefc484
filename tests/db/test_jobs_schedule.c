/*
 * Schedules against a real database: a fire happens once whoever fires it,
 * next_at always moves on, and one bad schedule holds up nobody.
 */
#define DB "test_schedule"
#include "jobs/schedule.h"
#include "tests/harness/jobs_env.h"

static struct env env;

static struct schedule_row
row(const char *name)
{
	struct utc now = clock_now();

	return (struct schedule_row){ .id = uuid_new(), .tenant_id = tenant,
	    .name = name, .spec = "* * * * * *", .zone = "UTC",
	    .gap = "shift", .fold = "first", .misfire = "latest",
	    .overlap = "allow", .window_s = 3600, .max_catchup = 10,
	    .type = "noop", .payload = "{}", .queue = "",
	    .priority = "normal", .fault = "", .version = 1,
	    .created_by = "test", .created_at = now, .updated_at = now,
	    .next_at = { now.us - now.us % US_PER_S } };
}

static void
keep(struct schedule_row *r)
{
	good(schedule_insert(db, r, &err));
}

static size_t
step(void)
{
	int64_t next;
	size_t n;

	env.db = db;
	env.modules = modules;
	good(schedule_step(&env, a, &n, &next, &err));
	return n;
}

static int
each(void **state)
{
	each_clean(state);
	sql("DELETE FROM jobs_schedule; DELETE FROM jobs_fire");
	return 0;
}

#define FIRES(what) number("SELECT COUNT(*) FROM jobs_fire WHERE outcome = '" \
	what "'")
#define AHEAD() assert_int_equal(number("SELECT COUNT(*) FROM jobs_schedule " \
	"WHERE NOT paused AND next_at <= NOW(6) - INTERVAL 2 SECOND"), 0)

/* ---- firing --------------------------------------------------------------- */

static void
fires(void **state)
{
	struct schedule_row r = row("one");
	struct utc due = r.next_at;

	(void)state;
	r.spec = "0 0 3 * * *";
	keep(&r);
	assert_int_equal(step(), 1);
	assert_int_equal(step(), 0);
	assert_int_equal(FIRES("fired"), 1);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_job j JOIN "
	    "jobs_fire f ON f.job_id = j.id WHERE j.tenant_id = X'%s' AND "
	    "j.actor = 'schedule one'", mariadb_hex(a, tenant)), 1);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_schedule WHERE "
	    "last_at = FROM_UNIXTIME(%lld) AND next_at > NOW(6)",
	    (long long)(due.us / US_PER_S)), 1);
	sound("fired");
	assert_int_equal(drain(), 1);
}

static void
jitter_delays_the_job(void **state)
{
	struct schedule_row r = row("late");

	(void)state;
	r.spec = "0 0 3 * * *";
	r.jitter_ms = 86400000;
	keep(&r);
	assert_int_equal(step(), 1);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_delayed"), 1);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_job j JOIN "
	    "jobs_fire f ON f.job_id = j.id WHERE j.run_at > f.fire_at AND "
	    "j.run_at <= f.fire_at + INTERVAL 1 DAY"), 1);
}

/* H16: a fire that exists does not stop the schedule for ever. */
static void
fire_that_exists(void **state)
{
	struct schedule_row r = row("again");

	(void)state;
	r.spec = "0 0 3 * * *";
	keep(&r);
	sql("INSERT INTO jobs_fire (schedule_id, fire_at, tenant_id, outcome, "
	    "at) SELECT id, next_at, tenant_id, 'fired', NOW(6) FROM "
	    "jobs_schedule");
	assert_int_equal(step(), 0);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_job"), 0);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_schedule WHERE "
	    "next_at > NOW(6)"), 1);
}

/* ---- missed ----------------------------------------------------------------- */

static void
missed(const char *policy, int64_t fired, int64_t misfires)
{
	struct schedule_row r = row(policy);

	each(NULL);
	r.tenant_id = tenant;
	r.spec = "0 * * * * *";
	r.misfire = policy;
	r.window_s = 600;
	r.max_catchup = 4;
	r.next_at.us = clock_now().us / (60 * US_PER_S) * 60 * US_PER_S -
	    3600 * US_PER_S;
	keep(&r);
	assert_int_equal(step(), fired);
	assert_int_equal(FIRES("fired"), fired);
	assert_int_equal(FIRES("misfire"), misfires);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_schedule WHERE "
	    "next_at > NOW(6)"), 1);
	assert_int_equal(number("SELECT COUNT(*) FROM events_outbox WHERE "
	    "body LIKE '%%schedule.misfired%%'"), misfires);
}

static void
misfires(void **state)
{
	(void)state;
	missed("latest", 1, 1);
	missed("each", 4, 1);
	/* the full minute that is due now is not late */
	missed("skip", 1, 1);
}

/* ---- overlap ------------------------------------------------------------------- */

static void
overlap(const char *policy, int64_t jobs, int64_t live, int64_t left_out)
{
	struct schedule_row r = row(policy);

	each(NULL);
	r.tenant_id = tenant;
	r.overlap = policy;
	r.spec = "0 0 3 * * *";
	keep(&r);
	for (int i = 0; i < 3; i++) {
		step();
		sql("UPDATE jobs_schedule SET next_at = NOW(6) - "
		    "INTERVAL %d MICROSECOND", 1000 - i);
	}
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_job"), jobs);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_job WHERE "
	    "state < 10"), live);
	assert_int_equal(FIRES("overlap"), left_out);
	sound(policy);
}

static void
overlaps(void **state)
{
	(void)state;
	overlap("skip", 1, 1, 2);
	overlap("queue_one", 1, 1, 2);
	overlap("allow", 3, 3, 0);
	overlap("replace", 3, 1, 0);
}

/* One runs, one waits, no third. */
static void
one_waits(void **state)
{
	struct schedule_row r = row("q1");
	struct jobs_claimed got;

	(void)state;
	r.overlap = "queue_one";
	r.spec = "0 0 3 * * *";
	keep(&r);
	assert_int_equal(step(), 1);
	got = claim_soon(1);
	assert_int_equal(got.n, 1);
	for (int i = 0; i < 2; i++) {
		sql("UPDATE jobs_schedule SET next_at = NOW(6)");
		step();
	}
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_job"), 2);
	assert_int_equal(FIRES("overlap"), 1);
	settle_all(&got, END_DONE);
	assert_int_equal(drain(), 1);
	sound("both done");
}

/* ---- what goes wrong --------------------------------------------------------------- */

static void
one_bad(void **state)
{
	struct schedule_row bad = row("bad"), good_one = row("good"),
	    gone = row("gone");

	(void)state;
	bad.spec = "not a rhythm";
	good_one.next_at.us += 500000;
	gone.declared = true;
	gone.type = "no.such.job";
	keep(&bad);
	keep(&gone);
	keep(&good_one);
	sql("UPDATE jobs_schedule SET next_at = NOW(6) - INTERVAL 2 SECOND");
	assert_int_equal(step(), 1);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_schedule WHERE "
	    "paused AND fault <> '' AND name IN ('bad', 'gone')"), 2);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_schedule WHERE "
	    "NOT paused AND name = 'good'"), 1);
	assert_int_equal(number("SELECT COUNT(*) FROM events_outbox WHERE "
	    "body LIKE '%%schedule.fault%%'"), 2);
}

/* Nobody else's schedules are changed by a late writer. */
static void
versions(void **state)
{
	struct schedule_row r = row("v"), other = row("v");

	(void)state;
	keep(&r);
	bad(schedule_insert(db, &other, &err), 409, "duplicate");
	other.tenant_id = tenant2;
	keep(&other);
	r.spec = "0 0 4 * * *";
	good(schedule_update(db, &r, &err));
	bad(schedule_update(db, &r, &err), 409, "conflict");
	other.id = r.id;
	other.version = 2;
	bad(schedule_update(db, &other, &err), 409, "conflict");
	bad(schedule_delete(db, tenant2, r.id, &err), 404, "not_found");
	good(schedule_delete(db, tenant, r.id, &err));
}

/* ---- declared ---------------------------------------------------------------------- */

static const struct schedule declared[] = {
	{ .name = "t.hourly", .doc = "d", .spec = "H * * * *",
	  .job = "noop" },
	SCHEDULE_END
};
static const struct schedule changed[] = {
	{ .name = "t.hourly", .doc = "d", .spec = "0 3 * * *",
	  .job = "noop" },
	SCHEDULE_END
};

static void
declare(const struct schedule *s)
{
	const struct schedule *const list[] = { s, NULL };
	const struct module m = { .name = "t", .schedules = list };
	const struct module *const mods[] = { &m, NULL };

	good(schedule_declare(db, a, mods, clock_now(), &err));
}

static void
declares(void **state)
{
	struct uuid nil = { { 0 } };
	struct schedule_row r;

	(void)state;
	declare(declared);
	declare(declared);
	assert_int_equal(schedule_by_name(db, a, nil, "t.hourly", &r, &err),
	    0);
	assert_int_equal(r.version, 1);
	assert_true(r.declared);
	r.paused = true;
	good(schedule_update(db, &r, &err));
	declare(changed);
	assert_int_equal(schedule_by_name(db, a, nil, "t.hourly", &r, &err),
	    0);
	assert_string_equal(r.spec, "0 3 * * *");
	assert_true(r.paused);		/* an operator's pause stays */
	sql("UPDATE jobs_schedule SET paused = FALSE");
	declare(&(const struct schedule){ .name = NULL });
	assert_int_equal(number("SELECT paused AND fault <> '' FROM "
	    "jobs_schedule"), 1);
	declare(changed);
	assert_int_equal(number("SELECT NOT paused AND fault = '' FROM "
	    "jobs_schedule"), 1);
}

/* ---- many at once ------------------------------------------------------------------- */

static int
busy(void *arg)
{
	struct arena *own = arena_new(64 << 20);
	struct env e = { .a = own, .modules = modules };
	int64_t until = clock_boot_ns() + INT64_C(3000000000), next;
	size_t n;

	(void)arg;
	e.db = mariadb_open(own, DB);
	while (clock_boot_ns() < until)
		if (schedule_step(&e, own, &n, &next, &err) == -1) {
			fprintf(stderr, "%s %s\n", err.detail, err.cause);
			return 1;
		}
	db_close(e.db);
	return 0;
}

/* Six processes without a leader: each second of each schedule is one job. */
static void
together(void **state)
{
	pid_t pid[6];
	char name[16];

	(void)state;
	for (int i = 0; i < 8; i++) {
		struct schedule_row r;

		snprintf(name, sizeof(name), "s%d", i);
		r = row(arena_strdup(a, name));
		r.misfire = "each";
		keep(&r);
	}
	for (int i = 0; i < 6; i++)
		pid[i] = forked(busy, NULL);
	for (int i = 0; i < 6; i++)
		assert_int_equal(forked_wait(pid[i]), 0);
	/* no second twice, none left out: as many fires as seconds between the
	 * first and the last, each with its own job */
	assert_int_equal(number("SELECT COUNT(*) FROM (SELECT schedule_id, "
	    "COUNT(*) AS n, TIMESTAMPDIFF(SECOND, MIN(fire_at), "
	    "MAX(fire_at)) + 1 AS want FROM jobs_fire WHERE outcome = "
	    "'fired' GROUP BY schedule_id HAVING n <> want) x"), 0);
	assert_true(FIRES("fired") >= 8 * 2);
	assert_int_equal(number("SELECT COUNT(DISTINCT job_id) FROM "
	    "jobs_fire"), number("SELECT COUNT(*) FROM jobs_job"));
	assert_int_equal(FIRES("fired"), number("SELECT COUNT(*) FROM "
	    "jobs_job"));
	AHEAD();
	sound("together");
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#undef T
#define T(name) cmocka_unit_test_setup(name, each)
		T(fires), T(jitter_delays_the_job), T(fire_that_exists),
		T(misfires), T(overlaps), T(one_waits), T(one_bad),
		T(versions), T(declares), T(together),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	if (!mariadb_start())
		return 0;
	return cmocka_run_group_tests(tests, jobs_setup, jobs_teardown);
}
