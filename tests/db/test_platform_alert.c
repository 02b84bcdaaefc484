/*
 * Samples, errors and alerts against MariaDB: minutes written once and turned
 * round to hours, the past read from both, errors that regress, alerts that
 * survive their evaluator, the evaluator watched from outside.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"
#include "base/str.h"
#include "conf/base.h"
#include "db/lease.h"
#include "events/event.h"
#include "http/http.h"
#include "module.h"
#include "modules/platform/alert.h"
#include "modules/platform/error.h"
#include "modules/platform/gauge.h"
#include "modules/platform/platform.h"
#include "modules/platform/sample.h"
#include "modules/platform/setting.h"
#include "shm/shm.h"
#include "tests/harness/forked.h"
#include "tests/harness/mariadb.h"

#include <cmocka.h>

#define DB "test_alert"
#define HOUR INT64_C(3600000000)
#define MINUTE INT64_C(60000000)

static struct arena *a;
static struct env env;
static struct err err;
static char dir[SCRATCH_PATH];
static bool have;

/* A module with one rule over one metric of its own. */
static const char *const colours[] = { "red", "green", NULL };
static const struct metric_label colour = { "colour", colours };
static const struct metric balls = { "balls_total", "d", METRIC_COUNTER,
	{ &colour, NULL } };
static const struct metric level = { "level", "d", METRIC_MICRO,
	{ NULL, NULL } };
static const struct metric throw_seconds = { "throw_seconds", "d",
	METRIC_HISTOGRAM, { NULL, NULL } };
static const struct metric *const metrics[] = { &balls, &level,
	&throw_seconds, &platform_alerts, &platform_alert_lag,
	&platform_rules_faulty, &platform_alert_age,
	&platform_read_transactions, &platform_history_list,
	&platform_dead_letters, &platform_disk_free_ratio, NULL };
static const struct history histories[] = { { "balls_total", "colour" },
	{ "level", NULL }, { "throw_seconds", NULL },
	{ "disk_free_ratio", NULL }, { "job_dead_letters", NULL },
	HISTORY_END };
static const struct alert alerts[] = {
	{ "LevelHigh", "The level is high", "level > 10", 30, 0, "critical",
	    NULL, NULL, NULL },
	ALERT_END
};
static const struct module test_module = { .name = "test", .doc = "d",
	.histories = histories, .alerts = alerts, .gauges = platform_gauges };
static const struct module *const mods[] = { &test_module, NULL };
static const struct settings *const groups[] = { &base_settings,
	&platform_settings, &http_settings, NULL };

static void
good(int rc)
{
	if (rc != 0)
		fail_msg("%d %s: %s (%s)", err.status, err.code, err.detail,
		    err.cause);
	err_clear(&err);
}

static int
group_setup(void **state)
{
	const struct shm_layout layout = { .metrics = metrics,
	    .processes = 16, .limit_slots = 64 };
	const char *over[] = { NULL, "alerts.group_wait=0",
	    "alerts.group_interval=1", NULL };
	struct conf *conf;
	FILE *f;

	(void)state;
	a = arena_new(512 << 20);
	have = mariadb_start();
	if (!have)
		return 0;
	scratch_dir(dir);
	f = fopen(arena_printf(a, "%s/conf", dir), "w");
	fclose(f);
	over[0] = arena_printf(a, "base.dir=%s", dir);
	good(conf_load(&conf, a, groups, &(struct conf_source){ .file =
	    arena_printf(a, "%s/conf", dir), .env = (char *[]){ NULL },
	    .overrides = over }, &err));
	mariadb_migrated(DB, NULL);
	env = (struct env){ .a = a, .conf = conf, .modules = mods,
	    .db = mariadb_open(a, DB), .process = uuid_new(),
	    .program = "test" };
	return shm_attach(&env.shm, a, dir, &layout, &err);
}

static int
group_teardown(void **state)
{
	(void)state;
	if (have) {
		shm_detach(env.shm);
		scratch_remove(dir);
		mariadb_stop();
	}
	arena_free(a);
	return 0;
}

static int64_t
number(const char *sql)
{
	long long n = -1;

	sscanf(mariadb_value(a, DB, sql), "%lld", &n);
	return n;
}

/* ---- samples --------------------------------------------------------------------- */

static void
test_minutes_are_written_once(void **state)
{
	struct utc now = clock_now();

	(void)state;
	if (!have)
		return;
	metric_add(&balls, 0, 0, 7);
	metric_set(&level, 0, 0, 2500000);
	metric_observe_ns(&throw_seconds, 0, 0, 7000000);
	now.us -= now.us % MINUTE;
	good(platform_sample_now(&env, a, now, &err));
	metric_add(&balls, 0, 0, 1);
	now.us += MINUTE - 1;
	good(platform_sample_now(&env, a, now, &err));
	assert_int_equal(number("SELECT COUNT(*) FROM platform_sample"), 1);
	/* by the documents' name */
	assert_string_equal(mariadb_value(a, DB, "SELECT CONCAT_WS(' ', "
	    "metric_type, value, tags) FROM system_metrics WHERE "
	    "metric_name = 'balls_total' AND tags LIKE '%red%'"),
	    "counter 7 {\"colour\":\"red\"}");
	assert_string_equal(mariadb_value(a, DB, "SELECT value FROM "
	    "system_metrics WHERE metric_name = 'level'"), "2.5");
	assert_int_equal(number("SELECT value FROM system_metrics "
	    "WHERE metric_name = 'throw_seconds'"), 1);
	assert_int_equal(number("SELECT COUNT(*) FROM system_metrics "
	    "WHERE metric_name = 'host_cpu_seconds_total' AND value > 0"), 2);
	assert_int_equal(number("SELECT COUNT(*) FROM system_metrics "
	    "WHERE metric_name = 'disk_free_ratio' AND value > 0 "
	    "AND value <= 1"), 1);
	now.us += 2;
	good(platform_sample_now(&env, a, now, &err));
	assert_int_equal(number("SELECT COUNT(*) FROM system_metrics "
	    "WHERE metric_name = 'process_resident_bytes' AND value > 0"), 2);
}

/* Three hours of two hosts, a value a minute; a restart in the second. */
static void
fill(struct utc start)
{
	struct str s;

	mariadb_sql(DB, "DELETE FROM platform_sample; "
	    "DELETE FROM platform_series; INSERT INTO platform_series "
	    "(id, name, labels, kind) VALUES (1, 'balls_total', "
	    "'{\"colour\":\"red\"}', 'counter'), (2, 'level', '{}', 'gauge'),"
	    " (3, 'throw_seconds', '{}', 'histogram')");
	str_init(&s, a);
	str_add(&s, "INSERT INTO platform_sample (at, host, body) VALUES ");
	for (int64_t i = 0; i < 180; i++)
		for (int h = 0; h < 2; h++)
			str_addf(&s, "%s(FROM_UNIXTIME(%lld), '%s', "
			    "'[[1,%lld],[2,%lld],[3,%lld,%lld,[0,0,0,0,%lld]]"
			    "]')", s.p[s.len - 1] == ' ' ? "" : ",",
			    (long long)(start.us / 1000000 + i * 60),
			    h == 0 ? "h1" : "h2",
			    (long long)(i < 90 ? i * 60 : (i - 90) * 60),
			    (long long)(i % 60), (long long)(i * 10),
			    (long long)i, (long long)(i * 10));
	mariadb_sql(DB, s.p);
}

static struct platform_past
past(const char *metric, struct utc from, int64_t hours, int64_t step)
{
	struct platform_history_in in = { .metric = metric, .from = from,
	    .to = { from.us + hours * HOUR }, .step_s = step };
	struct platform_past p;

	good(platform_history(&env, env.db, a, &in, &p, &err));
	return p;
}

static const struct platform_point *
point(const struct platform_past *p, size_t line, size_t i)
{
	const struct platform_line *l = p->series.items;

	assert_true(line < p->series.n && i < l[line].points.n);
	return &((const struct platform_point *)l[line].points.items)[i];
}

static void
near(double got, double want)
{
	if (!(fabs(got - want) <= 1e-6 * fmax(1, fabs(want))))
		fail_msg("%.9g, wanted %.9g", got, want);
}

/* The hours say what the minutes said. */
static void
test_history(void **state)
{
	struct utc now = clock_now(), start = { now.us - now.us % HOUR -
	    4 * HOUR };
	struct platform_past p;
	size_t done;

	(void)state;
	if (!have)
		return;
	fill(start);
	p = past("balls_total", start, 3, 3600);
	assert_int_equal(p.series.n, 2);
	assert_string_equal(p.source, "minutes");
	/* the first has no minute before it: 59 steps */
	near(point(&p, 0, 0)->value, 1);
	near(point(&p, 0, 1)->value, 59.0 / 60);	/* the restart's minute */
	near(point(&p, 0, 2)->value, 1);
	p = past("level", start, 3, 1800);
	near(point(&p, 1, 0)->value, 14.5);
	near(point(&p, 1, 1)->low, 30);
	near(point(&p, 1, 1)->high, 59);
	assert_true(isnan(point(&p, 1, 1)->p50));
	p = past("throw_seconds", start, 3, 600);
	near(point(&p, 0, 3)->value, 10.0 / 60);
	near(point(&p, 0, 3)->mean_s, 0.1);
	near(point(&p, 0, 3)->p50, 0.0075);
	p = past("balls_total", start, 1, 60);
	assert_int_equal(((const struct platform_line *)
	    p.series.items)[0].points.n, 59);

	good(platform_rollup(&env, a, NULL, now, 10, &done, &err));
	assert_int_equal(done, 3);
	good(platform_rollup(&env, a, NULL, now, 10, &done, &err));
	assert_int_equal(done, 0);
	assert_int_equal(number("SELECT COUNT(*) FROM platform_sample_hour"),
	    3 * 3 * 2);
	p = past("balls_total", (struct utc){ start.us - 70 * HOUR }, 74, 0);
	assert_string_equal(p.source, "hours");
	assert_int_equal(p.step_s, 3600);
	near(point(&p, 0, 0)->value, 59.0 / 60);
	near(point(&p, 0, 2)->value, 1);
	p = past("throw_seconds", (struct utc){ start.us - 70 * HOUR }, 74,
	    7200);
	near(point(&p, 0, 0)->p50, 0.0075);
	near(point(&p, 0, 0)->mean_s, 0.1);
	p = past("level", (struct utc){ start.us - 70 * HOUR }, 74, 0);
	near(point(&p, 0, 1)->value, 29.5);
	near(point(&p, 0, 1)->low, 0);
	near(point(&p, 0, 1)->high, 59);
}

static void
test_history_refuses(void **state)
{
	struct utc now = clock_now();
	struct platform_history_in in = { .metric = "no_such", .to = now,
	    .from = { now.us - HOUR } };
	struct platform_past p;

	(void)state;
	if (!have)
		return;
	assert_int_equal(platform_history(&env, env.db, a, &in, &p, &err),
	    -1);
	assert_int_equal(err.status, 404);
	err_clear(&err);
	in.metric = "level";
	in.from = now;
	assert_int_equal(platform_history(&env, env.db, a, &in, &p, &err),
	    -1);
	assert_int_equal(err.status, 422);
	err_clear(&err);
	in.from.us = now.us - 47 * HOUR;
	in.step_s = 60;
	assert_int_equal(platform_history(&env, env.db, a, &in, &p, &err),
	    -1);
	assert_int_equal(err.status, 422);
	err_clear(&err);
}

/* Old minutes go, but not before their hour is turned round. */
static void
test_retention(void **state)
{
	struct utc now = clock_now(), old = { now.us - now.us % HOUR -
	    9 * 24 * HOUR };
	size_t done;

	(void)state;
	if (!have)
		return;
	mariadb_sql(DB, "DELETE FROM platform_sample_hour");
	fill(old);
	good(platform_rollup(&env, a, NULL, now, 1, &done, &err));
	assert_int_equal(done, 1);
	assert_int_equal(number("SELECT COUNT(*) FROM platform_sample"), 360);
	good(platform_rollup(&env, a, NULL, now, 10, &done, &err));
	assert_int_equal(done, 2);
	assert_int_equal(number("SELECT COUNT(*) FROM platform_sample"), 0);
	assert_int_equal(number("SELECT COUNT(*) FROM platform_sample_hour"),
	    18);
	mariadb_sql(DB, "UPDATE platform_sample_hour SET at = at - INTERVAL "
	    "100 DAY");
	good(platform_rollup(&env, a, NULL, now, 1, &done, &err));
	assert_int_equal(number("SELECT COUNT(*) FROM platform_sample_hour"),
	    0);
}

/* A leader that lost its lease turns nothing round. */
static void
test_rollup_is_guarded(void **state)
{
	struct utc now = clock_now(), start = { now.us - now.us % HOUR -
	    4 * HOUR };
	struct lease l = { .role = "test.rollup", .holder = uuid_new() },
	    other = { .role = "test.rollup", .holder = uuid_new() };
	size_t done;

	(void)state;
	if (!have)
		return;
	fill(start);
	assert_int_equal(lease_take(env.db, &l, 30, &err), 0);
	mariadb_sql(DB, "UPDATE db_lease SET expires = NOW(6) - INTERVAL 1 "
	    "SECOND WHERE role = 'test.rollup'");
	assert_int_equal(lease_take(env.db, &other, 30, &err), 0);
	assert_int_equal(platform_rollup(&env, a, &l, now, 10, &done, &err),
	    -1);
	assert_string_equal(err.code, "lease_lost");
	err_clear(&err);
	assert_int_equal(number("SELECT COUNT(*) FROM platform_sample_hour"),
	    0);
	good(platform_rollup(&env, a, &other, now, 10, &done, &err));
	assert_int_equal(done, 3);
}

/* ---- errors ----------------------------------------------------------------------- */

static int64_t
events(const char *topic)
{
	return number(arena_printf(a, "SELECT COALESCE(SUM((LENGTH(body) - "
	    "LENGTH(REPLACE(body, '\"t\":\"%s\"', ''))) / LENGTH("
	    "'\"t\":\"%s\"')), 0) FROM events_outbox", topic, topic));
}

static size_t
drain(void)
{
	size_t n;

	good(platform_error_drain(&env, a, &n, &err));
	return n;
}

static void
set(struct uuid id, const char *status)
{
	struct platform_error x;

	good(db_begin(env.db, &err));
	good(platform_error_set(env.db, a, id, status, "ann", clock_now(), &x,
	    &err));
	good(db_commit(env.db, &err));
}

static void
test_errors(void **state)
{
	struct uuid id = platform_error_id("spot.scan", "db_down",
	    "lost # times");

	(void)state;
	if (!have)
		return;
	mariadb_sql(DB, "DELETE FROM events_outbox");
	for (int i = 0; i < 5; i++)
		shm_fault_note("spot.scan", "db_down", arena_printf(a,
		    "lost %d times", i), "cause", "req");
	assert_int_equal(drain(), 1);
	assert_int_equal(drain(), 0);
	assert_string_equal(mariadb_value(a, DB, "SELECT CONCAT_WS(' ', "
	    "place, code, message, count, status, request_id) "
	    "FROM platform_error"),
	    "spot.scan db_down lost # times 5 open req");
	assert_int_equal(events("error.new"), 1);
	set(id, "muted");
	shm_fault_note("spot.scan", "db_down", "lost 9 times", "", "");
	drain();
	assert_string_equal(mariadb_value(a, DB, "SELECT CONCAT_WS(' ', "
	    "count, status, regressions) FROM platform_error"), "6 muted 0");
	set(id, "resolved");
	shm_fault_note("spot.scan", "db_down", "lost 9 times", "", "");
	drain();
	assert_string_equal(mariadb_value(a, DB, "SELECT CONCAT_WS(' ', "
	    "count, status, regressions) FROM platform_error"), "7 open 1");
	assert_int_equal(events("error.regressed"), 1);
	assert_int_equal(events("error.new"), 1);
	/* before it was resolved, told after: no regression */
	shm_fault_note("spot.scan", "db_down", "lost 9 times", "", "");
	set(id, "resolved");
	drain();
	assert_string_equal(mariadb_value(a, DB, "SELECT CONCAT_WS(' ', "
	    "count, status, regressions) FROM platform_error"),
	    "8 resolved 1");
}

/* The counts wait in the segment while the database is away. */
static void
test_errors_survive(void **state)
{
	size_t n;

	(void)state;
	if (!have)
		return;
	mariadb_sql(DB, "RENAME TABLE platform_error TO platform_error_away");
	shm_fault_note("p", "c", "while away", "", "");
	assert_int_equal(platform_error_drain(&env, a, &n, &err), -1);
	err_clear(&err);
	mariadb_sql(DB, "RENAME TABLE platform_error_away TO platform_error");
	shm_fault_note("p", "c", "while away", "", "");
	assert_int_equal(drain(), 1);
	assert_int_equal(number("SELECT count FROM platform_error WHERE "
	    "place = 'p'"), 2);
}

/* ---- alerts ------------------------------------------------------------------------ */

/* One turn of a new evaluator, who knows only what is stored. */
static size_t
turn(struct utc now, int level_now)
{
	struct arena *t = arena_new(64 << 20);
	const struct platform_alert_work w = { .now = now,
	    .period_ms = 15000 };
	size_t firing = 0;

	metric_set(&level, 0, 0, level_now * INT64_C(1000000));
	good(platform_alert_evaluate(&env, t, &w, &firing, &err));
	arena_free(t);
	return firing;
}

static struct utc
plus(struct utc t, int64_t s)
{
	return (struct utc){ t.us + s * US_PER_S };
}

static void
clear(void)
{
	mariadb_sql(DB, "DELETE FROM platform_alert; DELETE FROM "
	    "platform_alert_group; DELETE FROM events_outbox; DELETE FROM "
	    "platform_rule; DELETE FROM platform_silence; UPDATE "
	    "platform_alert_turn SET at = NULL, due_at = NULL, lag_told = 0");
}

static const char *
alert_state(void)
{
	return mariadb_value(a, DB, "SELECT CONCAT_WS(' ', rule, state, told) "
	    "FROM platform_alert");
}

static void
test_alert_lives(void **state)
{
	struct utc t = clock_now();

	(void)state;
	if (!have)
		return;
	clear();
	assert_int_equal(turn(t, 5), 0);
	assert_int_equal(number("SELECT COUNT(*) FROM platform_alert"), 0);
	assert_int_equal(turn(plus(t, 15), 11), 0);
	assert_string_equal(alert_state(), "LevelHigh pending ");
	assert_int_equal(turn(plus(t, 30), 11), 0);
	assert_int_equal(events("system_alert"), 0);
	assert_int_equal(turn(plus(t, 45), 12), 1);
	assert_string_equal(alert_state(), "LevelHigh firing firing");
	assert_int_equal(events("system_alert"), 1);
	assert_int_equal(metric_read(&platform_alerts, 1, 0), 1);
	for (int i = 4; i < 40; i++)
		turn(plus(t, 15 * i), 12);
	assert_int_equal(events("system_alert"), 1);
	assert_int_equal(turn(plus(t, 600), 5), 0);
	assert_string_equal(alert_state(), "LevelHigh resolved resolved");
	assert_int_equal(events("system_alert"), 2);
	assert_int_equal(events("alert.changed"), 3);
	turn(plus(t, 615), 5);
	assert_int_equal(events("system_alert"), 2);
	/* kept for a week */
	mariadb_sql(DB, "UPDATE platform_alert SET updated_at = updated_at - "
	    "INTERVAL 8 DAY");
	turn(plus(t, 630), 5);
	assert_int_equal(number("SELECT COUNT(*) FROM platform_alert"), 0);
}

/* A turn whose commit fails has told nothing; the next one tells. */
static void
test_alert_told_with_its_state(void **state)
{
	struct utc t = clock_now();
	const struct platform_alert_work w = { .now = plus(t, 30),
	    .period_ms = 15000 };
	size_t firing;

	(void)state;
	if (!have)
		return;
	clear();
	turn(t, 11);
	mariadb_sql(DB, "RENAME TABLE events_outbox TO events_away");
	assert_int_equal(platform_alert_evaluate(&env, a, &w, &firing, &err),
	    -1);
	err_clear(&err);
	mariadb_sql(DB, "RENAME TABLE events_away TO events_outbox");
	assert_string_equal(alert_state(), "LevelHigh pending ");
	assert_int_equal(turn(plus(t, 45), 11), 1);
	assert_int_equal(events("system_alert"), 1);
}

static void
test_silence_and_switch(void **state)
{
	struct utc t = clock_now();
	struct platform_silence s = { .id = uuid_new(), .rule = "LevelHigh",
	    .severity = "", .host = "", .comment = "c", .owner = "ann",
	    .starts_at = t, .ends_at = plus(t, 120), .created_at = t };
	struct rows rules;
	struct platform_rule to;

	(void)state;
	if (!have)
		return;
	clear();
	good(platform_silence_insert(env.db, &s, &err));
	turn(t, 11);
	assert_int_equal(turn(plus(t, 30), 11), 1);
	assert_string_equal(mariadb_value(a, DB, "SELECT muted_by FROM "
	    "platform_alert"), "silence of ann");
	assert_int_equal(events("system_alert"), 0);
	turn(plus(t, 120), 11);
	assert_int_equal(events("system_alert"), 1);
	/* a declared rule is switched off by a row */
	good(platform_rules(mods, env.db, a, &rules, &err));
	assert_int_equal(rules.n, 1);
	to = *ROW(&rules, struct platform_rule, 0);
	to.enabled = false;
	good(db_begin(env.db, &err));
	good(platform_rule_change(mods, env.db, a, ROW(&rules,
	    struct platform_rule, 0), &to, &err));
	good(db_commit(env.db, &err));
	assert_int_equal(turn(plus(t, 135), 11), 0);
	assert_string_equal(alert_state(), "LevelHigh resolved resolved");
	good(db_begin(env.db, &err));
	to.expr = "level > 1000";
	assert_int_equal(platform_rule_change(mods, env.db, a, ROW(&rules,
	    struct platform_rule, 0), &to, &err), -1);
	assert_string_equal(err.code, "rule_declared");
	err_clear(&err);
	db_rollback(env.db);
}

/* A rule of a user that cannot be parsed any more is set aside; its alert
 * stays as it is and the other rules go on. */
static void
test_faulty_rule(void **state)
{
	struct platform_rule r = { .name = "Mine", .expr = "level > 3",
	    .severity = "info", .summary = "mine", .runbook = "",
	    .group_by = "", .inhibited_by = "", .enabled = true,
	    .created_by = "ann" };
	struct utc t = clock_now();

	(void)state;
	if (!have)
		return;
	clear();
	good(db_begin(env.db, &err));
	good(platform_rule_make(mods, env.db, a, &r, &err));
	good(db_commit(env.db, &err));
	assert_int_equal(turn(t, 5), 1);
	mariadb_sql(DB, "UPDATE platform_rule SET expr = 'level >'");
	assert_int_equal(turn(plus(t, 15), 11), 1);
	assert_int_equal(turn(plus(t, 45), 11), 2);
	assert_true(number("SELECT COUNT(*) FROM platform_rule WHERE fault "
	    "LIKE 'Column 8%'") == 1);
	assert_int_equal(metric_read(&platform_rules_faulty, 0, 0), 1);
	mariadb_sql(DB, "UPDATE platform_rule SET expr = 'level > 30'");
	assert_int_equal(turn(plus(t, 60), 11), 1);
	assert_true(number("SELECT COUNT(*) FROM platform_rule WHERE fault "
	    "= ''") == 1);
	good(db_begin(env.db, &err));
	r.name = "LevelHigh";
	assert_int_equal(platform_rule_make(mods, env.db, a, &r, &err), -1);
	assert_int_equal(err.status, 409);
	err_clear(&err);
	db_rollback(env.db);
}

/* Rules over a window see the minutes that another host has stored. */
static void
test_other_hosts(void **state)
{
	struct utc now = clock_now();
	struct platform_rule r = { .name = "Balls", .expr = "sum by (host) "
	    "(rate(balls_total[5m])) > 0.9", .severity = "info",
	    .summary = "s", .runbook = "", .group_by = "host",
	    .inhibited_by = "", .enabled = true, .created_by = "" };

	(void)state;
	if (!have)
		return;
	clear();
	now.us -= now.us % MINUTE;
	fill((struct utc){ now.us - 180 * MINUTE });
	good(db_begin(env.db, &err));
	good(platform_rule_make(mods, env.db, a, &r, &err));
	good(db_commit(env.db, &err));
	assert_int_equal(turn(now, 5), 2);
	assert_int_equal(number("SELECT COUNT(*) FROM platform_alert WHERE "
	    "rule = 'Balls' AND host IN ('h1', 'h2')"), 2);
	assert_int_equal(number("SELECT COUNT(*) FROM platform_alert_group "
	    "WHERE name IN ('host h1', 'host h2')"), 2);
	/* silent for three minutes: nothing is known any more */
	assert_int_equal(turn(plus(now, 180), 5), 0);
}

/* A second and more since the reader began. The server renews that table only
 * when nobody has read it for a tenth of a second. */
static bool
is_old(void *unused)
{
	double v = 0;

	(void)unused;
	nap_ms(150);
	good(platform_gauge_read(env.db, a, &platform_gauges[0], &v, &err));
	return v >= 1;
}

static void
test_gauges(void **state)
{
	struct arena *t = arena_new(1 << 20);
	struct rows rows;
	struct db *other;
	double v = -1;

	(void)state;
	if (!have)
		return;
	other = mariadb_open(t, DB);
	good(db_begin(other, &err));
	good(platform_series_all(other, t, &rows, &err));
	assert_true(eventually(is_old, NULL, 20000));
	db_rollback(other);
	mariadb_sql(DB, "INSERT INTO jobs_dead (tenant_id, job_id, queue_id, "
	    "type, state, died_at) VALUES (X'01', X'01', 1, 't', 11, NOW(6))");
	platform_gauges_read(&env, a);
	assert_int_equal(metric_read(&platform_dead_letters, 0, 0), 1);
	/* each can be read, also the one that needs a privilege */
	for (const struct gauge *g = platform_gauges; g->metric != NULL; g++) {
		good(platform_gauge_read(env.db, a, g, &v, &err));
		assert_true(v >= 0);
	}
	db_close(other);
	arena_free(t);
}

static void
test_watched_from_outside(void **state)
{
	struct utc t = clock_now();

	(void)state;
	if (!have)
		return;
	clear();
	good(platform_alert_watch(&env, a, t, &err));	/* never ran: quiet */
	turn(t, 5);
	good(platform_alert_watch(&env, a, plus(t, 70), &err));
	assert_int_equal(events("system_alert"), 0);
	assert_int_equal(metric_read(&platform_alert_age, 0, 0), 70);
	good(platform_alert_watch(&env, a, plus(t, 77), &err));
	good(platform_alert_watch(&env, a, plus(t, 90), &err));
	assert_int_equal(events("system_alert"), 1);
	turn(plus(t, 120), 5);
	assert_int_equal(events("system_alert"), 2);
	assert_int_equal(metric_read(&platform_alert_lag, 0, 0), 105);
	turn(plus(t, 135), 5);
	assert_int_equal(events("system_alert"), 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_minutes_are_written_once),
		cmocka_unit_test(test_history),
		cmocka_unit_test(test_history_refuses),
		cmocka_unit_test(test_retention),
		cmocka_unit_test(test_rollup_is_guarded),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_errors_survive),
		cmocka_unit_test(test_alert_lives),
		cmocka_unit_test(test_alert_told_with_its_state),
		cmocka_unit_test(test_silence_and_switch),
		cmocka_unit_test(test_faulty_rule),
		cmocka_unit_test(test_other_hosts),
		cmocka_unit_test(test_gauges),
		cmocka_unit_test(test_watched_from_outside),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
