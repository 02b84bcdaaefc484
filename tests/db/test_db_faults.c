/*
 * What a broken database does to us: nothing hangs beyond its time limit,
 * nothing is done twice, and everything goes on when it is back.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "db/db.h"
#include "tests/harness/mariadb.h"
#include "tests/harness/pace.h"

#define DB "test_faults"
#define S INT64_C(1000000000)

static struct arena *a;
static struct db *db;
static struct err err;

struct one {
	int64_t n;
};
static const struct field one_fields[] = {
	FIELD(struct one, n, .doc = "Number"), FIELD_END
};
static const struct schema one_schema = {
	.name = "One", .size = sizeof(struct one), .fields = one_fields
};
static const struct query GET = { "test.get", "SELECT n FROM t",
	&one_schema };
static const struct query ADD = { "test.add", "UPDATE t SET n = n + 1",
	NULL };

/* The harness starts without fsync; here a kill must lose nothing. */
static void
durable(void)
{
	mariadb_sql(NULL, "SET GLOBAL innodb_flush_log_at_trx_commit = 1");
}

static int
setup(void **state)
{
	struct db_conf conf;

	(void)state;
	a = arena_new(64 << 20);
	durable();
	mariadb_create(DB);
	mariadb_sql(DB, "CREATE TABLE t (n INT NOT NULL); "
	    "INSERT INTO t VALUES (0); "
	    "CREATE OR REPLACE USER app@localhost IDENTIFIED BY 'p@ss:/?%'; "
	    "GRANT ALL ON " DB ".* TO app@localhost");
	conf = mariadb_conf(a, DB);
	conf.read_timeout_s = 1;
	conf.connect_timeout_s = 1;
	err_clear(&err);
	return db_open(&db, a, &conf, &err);
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

static int64_t
get(void)
{
	struct one row;

	err_clear(&err);
	switch (db_one(db, a, &GET, NO_ARGS, &row, &err)) {
	case 0:
		return row.n;
	case 1:
		fail_msg("the row is gone");
	}
	return -1;
}

static int
add(void)
{
	err_clear(&err);
	return db_exec(db, &ADD, NO_ARGS, NULL, &err);
}

/* After an outage the next attempt is spaced by time. */
static void
recovers(int64_t want)
{
	int64_t end = clock_boot_ns() + 6 * S, n;

	while ((n = get()) == -1 && clock_boot_ns() < end) {
		assert_int_equal(err.status, 503);
		pace_us(20000);
	}
	assert_int_equal(n, want);
}

static void
killed_in_transaction(void **state)
{
	int64_t t;
	int i, fast = 0;

	(void)state;
	assert_int_equal(get(), 0);
	assert_int_equal(db_begin(db, &err), 0);
	assert_int_equal(add(), 0);
	mariadb_kill();
	assert_int_equal(add(), -1);
	assert_string_equal(err.code, "db_uncertain");
	assert_int_equal(err.status, 503);
	assert_true(err.retry_after_s > 0);
	db_rollback(db);
	/* Down: every call fails at once, without a storm of connects. */
	t = clock_boot_ns();
	for (i = 0; i < 200; i++) {
		assert_int_equal(add(), -1);
		assert_string_equal(err.code, "db_down");
		assert_int_equal(err.status, 503);
		fast += strstr(err.cause, "waiting") != NULL;
	}
	assert_true(clock_boot_ns() - t < S / 2);
	assert_true(fast > 150);
	assert_int_equal(db_ping(db, &err), -1);
	mariadb_restart();
	durable();
	recovers(0);
	assert_int_equal(add(), 0);
	assert_int_equal(get(), 1);
}

static void
killed_when_idle(void **state)
{
	(void)state;
	mariadb_restart();
	assert_int_equal(get(), 1);
}

static void
frozen(void **state)
{
	int64_t t;

	(void)state;
	assert_int_equal(get(), 1);
	mariadb_freeze();
	t = clock_boot_ns();
	assert_int_equal(get(), -1);
	t = clock_boot_ns() - t;
	assert_int_equal(err.status, 503);
	assert_string_equal(err.code, "db_down");
	assert_true(t > S / 2 && t < S * 3 / 2);
	/* Connecting to a stopped server ends as well. */
	pace_us(400000);
	t = clock_boot_ns();
	assert_int_equal(get(), -1);
	assert_true(clock_boot_ns() - t < 3 * S);
	mariadb_thaw();
	recovers(1);
}

/* The server may have done it: nobody may believe that it has not. */
static void
frozen_write(void **state)
{
	(void)state;
	/* Not even prepared: it cannot have happened. */
	mariadb_freeze();
	assert_int_equal(add(), -1);
	assert_string_equal(err.code, "db_down");
	mariadb_thaw();
	recovers(1);
	assert_int_equal(add(), 0);
	mariadb_freeze();
	assert_int_equal(add(), -1);
	assert_string_equal(err.code, "db_uncertain");
	mariadb_thaw();
	pace_us(300000);
	recovers(3);
}

static struct db *
open_url(const char *url)
{
	struct db_conf conf = mariadb_conf(a, DB);
	struct db *d;

	conf.url = url;
	err_clear(&err);
	assert_int_equal(db_open(&d, a, &conf, &err), 0);
	return d;
}

static void
accounts(void **state)
{
	const char *at = strchr(mariadb_url(a, DB), '@');
	struct db *d;

	(void)state;
	d = open_url(arena_printf(a, "mysql://app:p%%40ss%%3A%%2F%%3F%%25%s",
	    at));
	if (db_ping(d, &err) == -1)
		fail_msg("%s (%s)", err.detail, err.cause);
	/* read_only binds accounts without special rights. */
	mariadb_sql(NULL, "SET GLOBAL read_only = 1");
	assert_int_equal(db_exec(d, &ADD, NO_ARGS, NULL, &err), -1);
	mariadb_sql(NULL, "SET GLOBAL read_only = 0");
	assert_string_equal(err.code, "db_readonly");
	assert_int_equal(err.status, 503);
	db_close(d);
	d = open_url(arena_printf(a, "mysql://app:hunter2%s", at));
	assert_int_equal(db_ping(d, &err), -1);
	assert_string_equal(err.code, "db_down");
	assert_null(strstr(err.cause, "hunter2"));
	assert_null(strstr(err.detail, "app"));
	db_close(d);
	d = open_url("mysql://u:p@127.0.0.1:1/x");
	assert_int_equal(db_ping(d, &err), -1);
	assert_string_equal(err.code, "db_down");
	db_close(d);
}

static void
forked(void **state)
{
	int64_t before = get();
	int status;
	pid_t pid;

	(void)state;
	if ((pid = fork()) == 0) {
		db_forget(db);
		_exit(add() == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	/* Ours is the same as before. */
	assert_int_equal(get(), before + 1);
	if ((pid = fork()) == 0) {
		/* Closing without forgetting must not hurt the parent. */
		db_close(db);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(db_begin(db, &err), 0);
	assert_int_equal(add(), 0);
	assert_int_equal(db_commit(db, &err), 0);
}

static void
server_check(void **state)
{
	struct utc now, here;
	const char *warnings;

	(void)state;
	err_clear(&err);
	if (db_check_server(db, a, &warnings, &err) == -1)
		fail_msg("%s (%s)", err.detail, err.cause);
	/* The harness trades durability for speed. */
	assert_non_null(strstr(warnings, "innodb_flush_log_at_trx_commit"));
	assert_null(strstr(warnings, "clocks"));
	here = clock_now();	/* one machine, one clock: between two readings */
	assert_int_equal(db_now(db, &now, &err), 0);
	assert_true(here.us <= now.us + 1000 &&
	    now.us <= clock_now().us + 1000);
}

/* Session settings that a connection must have, asked from the server. */
static void
session(void **state)
{
	static const struct query q = { "test.session", "SELECT "
		"@@tx_isolation = 'READ-COMMITTED' AND @@autocommit = 1 AND "
		"@@time_zone = '+00:00' AND @@idle_transaction_timeout = 10 "
		"AND @@max_statement_time = 5 AND "
		"@@sql_mode LIKE '%STRICT_ALL_TABLES%' AS n", &one_schema };
	struct one row;

	(void)state;
	assert_int_equal(db_one(db, a, &q, NO_ARGS, &row, &err), 0);
	assert_int_equal(row.n, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_in_transaction),
		cmocka_unit_test(killed_when_idle),
		cmocka_unit_test(frozen),
		cmocka_unit_test(frozen_write),
		cmocka_unit_test(accounts),
		cmocka_unit_test(forked),
		cmocka_unit_test(server_check),
		cmocka_unit_test(session),
	};

	if (!mariadb_start())
		return 0;
	return cmocka_run_group_tests(tests, setup, teardown);
}
