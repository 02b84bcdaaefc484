/*
 * DATABASE_URL in all its forms, and which servers are accepted. No server
 * is needed.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/check.h"
#include "db/internal.h"
#include "db/migrate_file.h"

static struct arena *a;
static struct err err;

static struct db_url
parse(const char *url)
{
	struct db_url u;

	err_clear(&err);
	if (db_url_parse(&u, a, url, &err) == -1)
		fail_msg("%s: %s", url, err.detail);
	return u;
}

static void
forms(void **state)
{
	static const char *const schemes[] = { "mysql", "mysql+pymysql",
		"mysql+mysqldb", "mysql+mysqlconnector", "mysql+asyncmy",
		"mariadb", "mariadb+mariadbconnector" };
	struct db_url u;
	size_t i;

	(void)state;
	for (i = 0; i < NITEMS(schemes); i++) {
		u = parse(arena_printf(a, "%s://me:secret@db.example:3307/app",
		    schemes[i]));
		assert_string_equal(u.user, "me");
		assert_string_equal(u.pass, "secret");
		assert_string_equal(u.host, "db.example");
		assert_int_equal(u.port, 3307);
		assert_string_equal(u.name, "app");
		assert_null(u.socket);
		assert_string_equal(u.shown,
		    "mariadb://me@db.example:3307/app");
	}
}

static void
parts(void **state)
{
	struct db_url u;

	(void)state;
	u = parse("mysql://u%40x:p%40s%2Fs%3A%3F@h/d%20b?charset=utf8mb4");
	assert_string_equal(u.user, "u@x");
	assert_string_equal(u.pass, "p@s/s:?");
	assert_string_equal(u.name, "d b");
	assert_int_equal(u.port, 3306);
	assert_false(u.tcp);
	u = parse("mysql://u:p@ss@h:1/d");
	assert_string_equal(u.pass, "p@ss");
	assert_string_equal(u.host, "h");
	u = parse("mysql://root@[::1]:3306/d");
	assert_string_equal(u.host, "::1");
	assert_null(u.pass);
	assert_true(u.tcp);
	u = parse("mysql:///d?unix_socket=%2Frun%2Fdb.sock");
	assert_string_equal(u.socket, "/run/db.sock");
	assert_null(u.user);
	assert_null(u.host);
	u = parse("mysql://u:p@h/d?ssl_ca=/ca.pem&ssl_verify_identity=true"
	    "&ssl_cert=/c.pem&ssl_key=/k.pem");
	assert_true(u.ssl);
	assert_true(u.ssl_verify);
	assert_string_equal(u.ssl_ca, "/ca.pem");
	assert_string_equal(u.ssl_cert, "/c.pem");
	assert_string_equal(u.ssl_key, "/k.pem");
}

static void
refused(void **state)
{
	static const struct { const char *url, *word; } bad[] = {
		{ "", "DATABASE_URL" },
		{ "postgresql://u:hunter2@h/d", "PostgreSQL" },
		{ "postgres+asyncpg://u:hunter2@h/d", "PostgreSQL" },
		{ "sqlite:///app.db", "SQLite" },
		{ "oracle://u:hunter2@h/d", "scheme" },
		{ "mysqlx://h/d", "scheme" },
		{ "h:3306/d", "://" },
		{ "mysql://u:hunter2@h", "name" },
		{ "mysql://u:hunter2@h/", "name" },
		{ "mysql://u:hunter2@h:0/d", "port" },
		{ "mysql://u:hunter2@h:65536/d", "port" },
		{ "mysql://u:hunter2@h:x/d", "port" },
		{ "mysql://u:hunter2%zz@h/d", "escape" },
		{ "mysql://u:hunter2@h/d/e", "/" },
		{ "mysql://u:hunter2@h/d?charset=latin1", "charset" },
		{ "mysql://u:hunter2@h/d?local_infile=1", "local_infile" },
		{ "mysql://u:hunter2@h/d?connect_timeout=5", "timeout" },
		{ "mysql://u:hunter2@h/d?ssl_ca=x&ssl_disabled=true", "ssl" },
		{ "mysql://u:hunter2@[::1/d", "host" },
	};
	const char *shown;
	size_t i;

	(void)state;
	for (i = 0; i < NITEMS(bad); i++) {
		err_clear(&err);
		if (db_url_check(bad[i].url, a, &shown, &err) == 0)
			fail_msg("accepted: %s", bad[i].url);
		if (strstr(err.detail, bad[i].word) == NULL)
			fail_msg("%s: \"%s\" does not say %s", bad[i].url,
			    err.detail, bad[i].word);
		assert_null(strstr(err.detail, "hunter2"));
		assert_null(strstr(err.cause, "hunter2"));
	}
}

static void
versions(void **state)
{
	static const struct { const char *text; bool ok; } v[] = {
		{ "10.11.0-MariaDB", true },
		{ "10.11.19-MariaDB-0+deb12u1", true },
		{ "5.5.5-10.11.6-MariaDB-log", true },
		{ "11.4.2-MariaDB", true },
		{ "12.0.1-mariadb", true },
		{ "10.6.18-MariaDB", false },
		{ "10.5-MariaDB", false },
		{ "5.5.68-MariaDB", false },
		{ "8.0.36", false },
		{ "8.4.0-0ubuntu1", false },
		{ "9.1.0-Percona", false },
		{ "MariaDB", false },
		{ "x.y-MariaDB", false },
		{ "10.-MariaDB", false },
		{ "", false },
	};
	const char *why;
	size_t i;

	(void)state;
	for (i = 0; i < NITEMS(v); i++) {
		why = NULL;
		if (db_version_ok(v[i].text, &why) != v[i].ok)
			fail_msg("%s", v[i].text);
		assert_true(v[i].ok == (why == NULL));
	}
}

/* ---- migration files ---------------------------------------------------- */

static struct steps
steps_of(const char *text)
{
	struct steps s = { 0 };

	err_clear(&err);
	if (steps_parse(&s, a, "0012_mod_what.sql", text, strlen(text),
	    &err) == -1)
		fail_msg("%s", err.detail);
	return s;
}

static void
steps(void **state)
{
	struct steps s, t;

	(void)state;
	s = steps_of("-- About.\n-- step\nCREATE TABLE a (\n  -- why\n  i INT\n"
	    ");\n\n-- step: second\n-- done-if: SELECT 1\nALTER TABLE a ADD "
	    "b INT ;\n");
	assert_int_equal(s.n, 2);
	assert_string_equal(s.v[0].sql, "CREATE TABLE a (\n  i INT\n)");
	assert_null(s.v[0].probe);
	assert_string_equal(s.v[1].sql, "ALTER TABLE a ADD b INT");
	assert_non_null(strstr(s.v[1].probe, "SELECT 1"));
	assert_int_equal(s.v[1].version, 12);
	assert_int_equal(s.v[1].n, 2);
	assert_int_equal(s.v[1].total, 2);
	/* No "-- step" at all is one statement. */
	t = steps_of("CREATE TABLE a (i INT)");
	assert_int_equal(t.n, 1);
	/* A later change leaves the digest of the first step alone. */
	t = steps_of("-- About.\n-- step\nCREATE TABLE a (\n  -- why\n  i INT\n"
	    ");\n\n-- step: second\nALTER TABLE a ADD c INT;\n");
	assert_string_equal(s.v[0].sha256, t.v[0].sha256);
	assert_string_not_equal(s.v[1].sha256, t.v[1].sha256);
	t = steps_of("-- About!\n-- step\nCREATE TABLE a (i INT)");
	assert_string_not_equal(s.v[0].sha256, t.v[0].sha256);
}

static void
empty_file(void **state)
{
	struct steps s = { 0 };

	(void)state;
	err_clear(&err);
	assert_int_equal(steps_parse(&s, a, "0001_a_b.sql", "-- step\n", 8,
	    &err), -1);
	assert_int_equal(steps_parse(&s, a, "0001_a_b.sql", "", 0, &err), -1);
}

static int
setup(void **state)
{
	(void)state;
	a = arena_new(16 << 20);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms), cmocka_unit_test(parts),
		cmocka_unit_test(refused), cmocka_unit_test(versions),
		cmocka_unit_test(steps), cmocka_unit_test(empty_file),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
