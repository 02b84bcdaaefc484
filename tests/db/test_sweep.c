/*
 * Retention against MariaDB: what the tables declare is possible with an
 * index, old rows go and young ones stay, in bounded batches, and a table that
 * cannot be swept holds up no other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "db/db.h"
#include "db/retention.h"
#include "db/table.h"
#include "module.h"
#include "tests/harness/mariadb.h"

#include <cmocka.h>

#define DB "test_sweep"

static struct arena *a;
static struct db *db;
static struct err err;

static const struct table tables[] = {
	{ .name = "sweep_missing", .retention_days = 1,
	  .retention_column = "at" },
	{ .name = "sweep_kept" },
	{ .name = "sweep_old", .retention_days = 7,
	  .retention_column = "at" },
	{ .name = NULL }
};
static const struct module one = { .name = "sweep", .doc = "d",
    .tables = (const struct table *const[]){ tables, NULL } };
static const struct module *const mods[] = { &one, NULL };

static int
group_begin(void **state)
{
	(void)state;
	a = arena_new(64 << 20);
	if (!mariadb_start())
		return 0;
	mariadb_migrated(DB, NULL);
	db = mariadb_open(a, DB);
	mariadb_sql(DB, "CREATE TABLE sweep_old (id INT AUTO_INCREMENT "
	    "PRIMARY KEY, at DATETIME(6) NOT NULL, KEY at (at)) "
	    "ENGINE=InnoDB; CREATE TABLE sweep_kept (id INT PRIMARY KEY) "
	    "ENGINE=InnoDB");
	return 0;
}

static int
group_end(void **state)
{
	(void)state;
	if (db != NULL)
		db_close(db);
	arena_free(a);
	mariadb_stop();
	return 0;
}

static int
begin(void **state)
{
	(void)state;
	if (db == NULL)
		skip();
	err_clear(&err);
	mariadb_sql(DB, "DELETE FROM sweep_old; INSERT INTO sweep_old (at) "
	    "SELECT NOW(6) - INTERVAL 8 DAY FROM seq_1_to_2500; "
	    "INSERT INTO sweep_old (at) SELECT NOW(6) - INTERVAL 6 DAY "
	    "FROM seq_1_to_7");
	return 0;
}

static void
sweep(struct retention *r)
{
	if (retention_sweep(db, a, mods, r, &err) != 0)
		fail_msg("%s: %s", err.detail, err.cause);
}

static void
assert_left(const char *n)
{
	assert_string_equal(mariadb_value(a, DB, "SELECT COUNT(*) FROM "
	    "sweep_old"), n);
}

/* A delete that had to read its whole table would lock it for minutes. */
static void
test_declared_columns_have_an_index(void **state)
{
	size_t n = 0, bad = 0;

	(void)state;
	for (const struct module *const *m = modules; *m != NULL; m++)
		for (const struct table *const *set = (*m)->tables;
		    set != NULL && *set != NULL; set++)
			for (const struct table *t = *set; t->name; t++) {
				if (t->retention_days == 0)
					continue;
				n++;
				if (strcmp(mariadb_value(a, DB, arena_printf(
				    a, "SELECT COUNT(*) > 0 FROM "
				    "information_schema.statistics WHERE "
				    "table_schema = DATABASE() AND "
				    "table_name = '%s' AND column_name = "
				    "'%s' AND seq_in_index = 1", t->name,
				    t->retention_column)), "1") == 0)
					continue;
				print_message("%s.%s has no index\n",
				    t->name, t->retention_column);
				bad++;
			}
	assert_true(n > 8);
	assert_int_equal(bad, 0);
}

static void
test_old_rows_go(void **state)
{
	struct retention r = { .batch = 100 };

	(void)state;
	sweep(&r);
	assert_int_equal(r.tables, 2);
	assert_int_equal(r.failed, 1);	/* the table that is not there */
	assert_int_equal(r.rows, 2500);
	assert_false(r.more);
	assert_left("7");
	r = (struct retention){ 0 };
	sweep(&r);
	assert_int_equal(r.rows, 0);
}

static void
test_bounds(void **state)
{
	struct retention r = { .batch = 100, .table_max = 300 };

	(void)state;
	sweep(&r);
	assert_int_equal(r.rows, 300);
	assert_true(r.more);
	assert_left("2207");
	r = (struct retention){ .until_boot_ns = clock_boot_ns() - 1 };
	sweep(&r);
	assert_int_equal(r.rows, 0);
	assert_true(r.more);
	assert_left("2207");
}

static void
test_all_declared_tables(void **state)
{
	struct retention r = { 0 };

	(void)state;
	/* of each, some that are over for long and one that is not */
	mariadb_sql(DB, "INSERT INTO auth_reset (token_hash, user_id, "
	    "created_at, expires_at) SELECT UNHEX(SHA2(seq, 256)), "
	    "UNHEX(MD5(seq)), NOW(6), NOW(6) - INTERVAL (seq > 1) * 2 - 1 DAY "
	    "FROM seq_1_to_4; "
	    "INSERT INTO auth_session (id, user_id, tenant_id, n, nonce, "
	    "device, agent, ip, auth_time, created_at, used_at, expires_at) "
	    "SELECT UNHEX(MD5(seq)), UNHEX(MD5(1)), UNHEX(MD5(2)), 1, "
	    "UNHEX(MD5(3)), UNHEX(SHA2(4, 256)), '', '', NOW(6), NOW(6), "
	    "NOW(6), NOW(6) - INTERVAL (seq > 1) * 62 - 31 DAY "
	    "FROM seq_1_to_4; "
	    "INSERT INTO http_idempotency (key_hash, digest, status, body, "
	    "expires_at) SELECT UNHEX(SHA2(seq, 256)), UNHEX(SHA2(5, 256)), "
	    "200, '{}', NOW(6) - INTERVAL (seq > 1) * 4 - 2 DAY "
	    "FROM seq_1_to_4");
	if (retention_sweep(db, a, modules, &r, &err) != 0)
		fail_msg("%s: %s", err.detail, err.cause);
	assert_int_equal(r.failed, 0);
	assert_true(r.rows >= 9);
	assert_string_equal(mariadb_value(a, DB, "SELECT CONCAT_WS(' ', "
	    "(SELECT COUNT(*) FROM auth_reset), (SELECT COUNT(*) FROM "
	    "auth_session), (SELECT COUNT(*) FROM http_idempotency))"),
	    "1 1 1");
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup(f, begin)
	const struct CMUnitTest tests[] = {
		T(test_declared_columns_have_an_index), T(test_old_rows_go),
		T(test_bounds), T(test_all_declared_tables),
	};

	return cmocka_run_group_tests(tests, group_begin, group_end);
}
