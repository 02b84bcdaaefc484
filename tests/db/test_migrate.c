/*
 * Migrations that are killed at every single point end in the same schema,
 * data and ledger as an uninterrupted run.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/str.h"
#include "db/db.h"
#include "db/migrate.h"
#include "tests/harness/mariadb.h"
#include "tests/harness/pace.h"

#define DB "test_migrate"

static const char file1[] =
    "-- The base.\n"
    "-- step\n"
    "CREATE TABLE x (id INT PRIMARY KEY, a INT) ENGINE=InnoDB;\n"
    "-- step: no probe\n"
    "ALTER TABLE x ADD b INT NOT NULL DEFAULT 0;\n"
    "-- step\n"
    "INSERT INTO x (id, a) VALUES (1, 10), (2, 20);\n";
static const char file2[] =
    "-- step\n"
    "-- done-if: SELECT COUNT(*) FROM information_schema.tables WHERE "
    "table_schema = DATABASE() AND table_name = 'y'\n"
    "CREATE TABLE y (id INT PRIMARY KEY) ENGINE=InnoDB\n"
    "-- step: not idempotent at all\n"
    "UPDATE x SET b = b + 1\n"
    "-- step\n"
    "CREATE INDEX x_a ON x (a)\n"
    "-- step\n"
    "ALTER TABLE x DROP COLUMN a\n";

static struct arena *a;
static struct err err;
static char dir[] = "/tmp/quincunx-test-sql-XXXXXX";

static const char *
path(const char *name)
{
	return arena_printf(a, "%s/%s", dir, name);
}

static void
write_file(const char *name, const char *text)
{
	FILE *f = fopen(path(name), "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static int
setup(void **state)
{
	(void)state;
	a = arena_new(256 << 20);
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(a);
	return rmdir(dir);
}

static int
fresh(void **state)
{
	(void)state;
	write_file("0001_a_base.sql", file1);
	write_file("0002_a_more.sql", file2);
	mariadb_create(DB);
	return 0;
}

static int
clean(void **state)
{
	static const char *const names[] = { "0001_a_base.sql",
		"0002_a_more.sql", "0003_a_new.sql", "0003_b_slow.sql",
		"0005_a_x.sql" };
	size_t i;

	(void)state;
	for (i = 0; i < NITEMS(names); i++)
		unlink(path(names[i]));
	return 0;
}

static int
run(enum migrate_mode mode, const char **out, size_t *pending)
{
	struct arena *own = arena_new(32 << 20);
	struct db_conf conf = mariadb_conf(own, DB);
	struct db *db;
	struct str s;
	int rc;

	err_clear(&err);
	str_init(&s, own);
	rc = db_open_migrator(&db, own, &conf, &err);
	if (rc == 0)
		rc = migrate(db, own, dir, mode, &s, pending, &err);
	if (out != NULL)
		*out = arena_strdup(a, s.p);
	arena_free(own);
	return rc;
}

static void
must_run(void)
{
	if (run(MIGRATE_RUN, NULL, NULL) == -1)
		fail_msg("%s (%s)", err.detail, err.cause);
}

/* In a process of its own that is killed at the n-th point. */
static bool
killed_at(int n)
{
	char text[16];
	int status;
	pid_t pid;

	snprintf(text, sizeof(text), "%d", n);
	if ((pid = fork()) == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setenv("QX_MIGRATE_CRASH_AFTER", text, 1);
		_exit(run(MIGRATE_RUN, NULL, NULL) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status)) {
		assert_int_equal(WTERMSIG(status), SIGKILL);
		/* Nobody would wait 30 s in a test. */
		mariadb_sql(DB, "UPDATE db_lease SET expires = NOW(6)");
		return true;
	}
	assert_int_equal(WEXITSTATUS(status), 0);
	return false;
}

static const char *
digest(void)
{
	return arena_printf(a, "%s | %s | %s | %s",
	    mariadb_value(a, DB, "SELECT GROUP_CONCAT(table_name, '.', "
	    "column_name, ' ', column_type, ' ', is_nullable ORDER BY "
	    "table_name, ordinal_position) FROM information_schema.columns "
	    "WHERE table_schema = DATABASE()"),
	    mariadb_value(a, DB, "SELECT GROUP_CONCAT(table_name, '.', "
	    "index_name, ' ', column_name ORDER BY table_name, index_name, "
	    "seq_in_index) FROM information_schema.statistics "
	    "WHERE table_schema = DATABASE()"),
	    mariadb_value(a, DB, "SELECT GROUP_CONCAT(id, ' ', b ORDER BY id)"
	    " FROM x"),
	    mariadb_value(a, DB, "SELECT GROUP_CONCAT(version, '.', step, "
	    "'/', steps, ' ', name, ' ', sha256, ' ', finished IS NOT NULL "
	    "ORDER BY version, step) FROM db_migration"));
}

static void
plain(void **state)
{
	const char *out;
	size_t pending = 99;

	(void)state;
	/* Looking changes nothing. */
	assert_int_equal(run(MIGRATE_PLAN, &out, &pending), 0);
	assert_int_equal(pending, 7);
	assert_non_null(strstr(out, "0002_a_more.sql 3/4 CREATE INDEX"));
	assert_int_equal(run(MIGRATE_STATUS, &out, &pending), 0);
	assert_non_null(strstr(out, "0001_a_base.sql 1/3 pending"));
	assert_string_equal(mariadb_value(a, DB, "SELECT COUNT(*) FROM "
	    "information_schema.tables WHERE table_schema = DATABASE()"), "0");
	assert_int_equal(run(MIGRATE_RUN, &out, &pending), 0);
	assert_int_equal(pending, 0);
	assert_non_null(strstr(out, "0002_a_more.sql 4/4 applied"));
	assert_non_null(strstr(digest(), "1 1,2 1"));
	/* Again: nothing to do. */
	assert_int_equal(run(MIGRATE_RUN, &out, NULL), 0);
	assert_string_equal(out, "");
	assert_int_equal(run(MIGRATE_PLAN, &out, &pending), 0);
	assert_int_equal(pending, 0);
	assert_int_equal(run(MIGRATE_STATUS, &out, &pending), 0);
	assert_non_null(strstr(out, "0001_a_base.sql 1/3 applied 20"));
}

static void
killed_everywhere(void **state)
{
	const char *want;
	int n;

	must_run();
	want = digest();
	for (n = 1;; n++) {
		fresh(state);
		if (!killed_at(n))
			break;
		/* And once more, early in the next attempt. */
		if (n % 3 == 0)
			killed_at(2);
		must_run();
		assert_string_equal(digest(), want);
	}
	assert_string_equal(digest(), want);
	/* 5 DDL steps of 6 points, 2 DML steps of 2. */
	assert_int_equal(n - 1, 34);
}

static void
changed_files(void **state)
{
	const char *before, *out;
	size_t pending;

	must_run();
	before = digest();
	write_file("0001_a_base.sql", "-- step\nCREATE TABLE x (id INT);\n");
	assert_int_equal(run(MIGRATE_RUN, NULL, NULL), -1);
	assert_string_equal(err.code, "migrate_changed");
	assert_non_null(strstr(err.detail, "0001_a_base.sql"));
	assert_int_equal(run(MIGRATE_STATUS, &out, &pending), 0);
	assert_non_null(strstr(out, "FILE CHANGED"));
	write_file("0001_a_base.sql", arena_printf(a, "%s-- step\nDO 1\n",
	    file1));
	assert_int_equal(run(MIGRATE_RUN, NULL, NULL), -1);
	assert_string_equal(err.code, "migrate_changed");
	write_file("0001_a_base.sql", arena_printf(a, "%s-- more\n", file1));
	assert_int_equal(run(MIGRATE_RUN, NULL, NULL), -1);
	unlink(path("0001_a_base.sql"));
	assert_int_equal(run(MIGRATE_RUN, NULL, NULL), -1);
	assert_non_null(strstr(err.detail, "missing"));
	assert_string_equal(digest(), before);
	/* An older program on a newer schema runs. */
	write_file("0001_a_base.sql", file1);
	unlink(path("0002_a_more.sql"));
	must_run();
	(void)state;
}

static void
failing_step(void **state)
{
	(void)state;
	write_file("0003_a_new.sql", "-- step\nCREATE TABLE z (i INT)\n"
	    "-- step\nALTER TABLE z ADD nonsense\n");
	assert_int_equal(run(MIGRATE_RUN, NULL, NULL), -1);
	assert_non_null(strstr(err.detail, "0003_a_new.sql step 2"));
	assert_non_null(strstr(err.detail, "syntax"));
	/* What was not applied may be mended. */
	write_file("0003_a_new.sql", "-- step\nCREATE TABLE z (i INT)\n"
	    "-- step\nALTER TABLE z ADD k INT\n-- step\nINSERT INTO z "
	    "VALUES (1, 2)\n");
	must_run();
	assert_string_equal(mariadb_value(a, DB, "SELECT k FROM z"), "2");
	/* A table that was there before is no crash of ours. */
	mariadb_sql(DB, "CREATE TABLE taken (i INT)");
	write_file("0005_a_x.sql", "CREATE TABLE taken (i INT)\n");
	assert_int_equal(run(MIGRATE_RUN, NULL, NULL), -1);
	assert_non_null(strstr(err.detail, "exists"));
}

static void
bad_names(void **state)
{
	(void)state;
	write_file("0001_b_again.sql", "DO 1");
	assert_int_equal(run(MIGRATE_PLAN, NULL, NULL), -1);
	assert_non_null(strstr(err.detail, "taken"));
	unlink(path("0001_b_again.sql"));
	write_file("7_x.sql", "DO 1");
	assert_int_equal(run(MIGRATE_PLAN, NULL, NULL), -1);
	unlink(path("7_x.sql"));
	assert_int_equal(run(MIGRATE_PLAN, NULL, NULL), 0);
}

static void
new_file(void **state)
{
	const char *p;

	(void)state;
	err_clear(&err);
	assert_int_equal(migrate_new(a, dir, "a_new", &p, &err), 0);
	assert_string_equal(p, path("0003_a_new.sql"));
	assert_int_equal(migrate_new(a, dir, "Bad Name", &p, &err), -1);
	assert_int_equal(migrate_new(a, dir, "../x_y", &p, &err), -1);
	assert_int_equal(migrate_new(a, dir, "noun", &p, &err), -1);
}

static void
two_at_once(void **state)
{
	int status, i;
	pid_t pid[2];

	(void)state;
	for (i = 0; i < 2; i++)
		if ((pid[i] = fork()) == 0)
			_exit(run(MIGRATE_RUN, NULL, NULL) == 0 ? 0 : 1);
	for (i = 0; i < 2; i++) {
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	assert_non_null(strstr(digest(), "1 1,2 1"));
	assert_string_equal(mariadb_value(a, DB, "SELECT COUNT(*) FROM "
	    "db_migration"), "7");
}

/* The server still runs what a dead runner started. */
static void
waits_for_the_server(void **state)
{
	int64_t t;
	pid_t pid;

	(void)state;
	must_run();
	write_file("0003_b_slow.sql", "CREATE TABLE slow (i INT)\n");
	mariadb_sql(DB, "INSERT INTO db_migration VALUES (3, 1, 1, "
	    "'0003_b_slow.sql', '', NOW(6), NULL)");
	if ((pid = fork()) == 0) {
		mariadb_sql(DB, "/* migration 3/1 */ DO SLEEP(1.2)");
		_exit(0);
	}
	pace_us(200000);
	t = clock_boot_ns();
	must_run();
	t = clock_boot_ns() - t;
	waitpid(pid, NULL, 0);
	assert_true(t > INT64_C(700000000));
	assert_string_equal(mariadb_value(a, DB, "SELECT COUNT(*) FROM slow"),
	    "0");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, fresh, clean)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(plain), CASE(killed_everywhere), CASE(changed_files),
		CASE(failing_step), CASE(bad_names), CASE(new_file),
		CASE(two_at_once), CASE(waits_for_the_server),
	};

	if (!mariadb_start())
		return 0;
	return cmocka_run_group_tests(tests, setup, teardown);
}
