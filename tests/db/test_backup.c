/*
 * Backups against MariaDB: what is restored into an empty database is the
 * same, by the server's own checksums; it is one instant, whoever writes
 * meanwhile; and a file that is not whole, not ours, not genuine or too new
 * leaves the database as it was.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mysql.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "conf/base.h"
#include "db/db.h"
#include "db/env.h"
#include "db/migrate.h"
#include "module.h"
#include "modules/auth/auth.h"
#include "modules/platform/backup.h"
#include "modules/platform/installation.h"
#include "tests/harness/mariadb.h"

#include <cmocka.h>	/* last: it takes the name fail() */

#define FROM "test_backup"
#define TO "test_restore"
#define KEY "ENCRYPTION_KEY=a:5v5PiSR+3jkNnMqX8kZY2z/n5Phlr3R6jTeIBNVPiis="
#define PHRASE "QUINCUNX_BACKUP_PASSPHRASE=correct horse battery staple"

static const struct settings *const groups[] = { &base_settings,
    &db_settings, &auth_settings, &http_settings, &platform_backup_settings,
    NULL };
static char dir[] = "/tmp/quincunx-test-backup-XXXXXX";
static struct arena *a;
static struct err err;
static const char *sealed, *phrased;	/* files: key ring, passphrase */

/* An environment of a process with these secrets. */
static void
boot(struct env *e, const char *database, const char *s1, const char *s2)
{
	const char *over[] = {
		arena_printf(a, "base.dir=%s", dir),
		"auth.argon2_memory_kib=64", "auth.argon2_passes=1", NULL };
	char *secrets[] = { arena_strdup(a, s1), arena_strdup(a, s2),
	    arena_strdup(a, "JWT_SECRET_KEY=a secret of more than 32 bytes, "
	    "surely"), arena_printf(a, "DATABASE_URL=%s",
	    mariadb_url(a, database)), NULL };
	struct conf *conf;

	*e = (struct env){ .a = arena_new((size_t)2 << 30),
	    .modules = modules, .program = "test" };
	err_clear(&err);
	if (conf_load(&conf, e->a, groups, &(struct conf_source){
	    .file = arena_printf(a, "%s/conf", dir), .env = secrets,
	    .overrides = over }, &err) == -1)
		fail_msg("%s: %s", err.detail, err.cause);
	e->conf = conf;
}

static void
good(int rc)
{
	if (rc != 0)
		fail_msg("%d %s: %s (%s)", err.status, err.code, err.detail,
		    err.cause);
	err_clear(&err);
}

static void
bad(int rc, const char *code)
{
	assert_int_equal(rc, -1);
	if (strcmp(err.code, code) != 0)
		fail_msg("wanted %s, got %d %s: %s (%s)", code, err.status,
		    err.code, err.detail, err.cause);
	assert_true(err.detail[0] != '\0');
	err_clear(&err);
}

static const char *
number(const char *database, const char *sql)
{
	return mariadb_value(a, database, sql);
}

static const char *
make(const char *name, const char *secret)
{
	const char *path = arena_printf(a, "%s/%s", dir, name);
	struct platform_backup_report r = { 0 };
	struct env env;
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	boot(&env, FROM, KEY, secret);
	assert_true(fd >= 0);
	good(platform_backup_make(&env, fd, &r, &err));
	assert_true(r.manifest.tables.n > 5);
	close(fd);
	arena_free(env.a);
	return path;
}

static int
restore(const char *path, const char *key, const char *secret,
    const char *secrets_dir)
{
	struct platform_backup_report r = { 0 };
	int fd = open(path, O_RDONLY), rc;
	struct env env;

	assert_true(fd >= 0);
	boot(&env, TO, key, secret);
	rc = platform_backup_restore(&env, fd, secrets_dir, &r, &err);
	close(fd);
	arena_free(env.a);
	return rc;
}

/* Rows with everything that a dump could get wrong. */
static void
fill(void)
{
	mariadb_sql(FROM, "CREATE TABLE `odd ``name``` (id INT AUTO_INCREMENT "
	    "PRIMARY KEY, b VARBINARY(4000), t LONGTEXT, d DOUBLE, "
	    "n DECIMAL(30,8), at DATETIME(6), ts TIMESTAMP(6) NULL, bits "
	    "BIT(9), e ENUM('x','y;z')) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4");
	mariadb_sql(FROM, "INSERT INTO `odd ``name``` (b, t, d, n, at, ts, "
	    "bits, e) VALUES (X'000A0D1A27225C2C29', CONCAT('it''s', CHAR(10), "
	    "'(1,2),', CHAR(10), 'INSERT INTO `x` VALUES', CHAR(10), "
	    "'-- manifest {}', CHAR(92), CHAR(0), '⁙𝄞'), 0.1, "
	    "-12345678901234567890.00000001, '1969-12-31 23:59:59.999999', "
	    "'2026-03-29 02:30:00.5', b'101010101', 'y;z'), "
	    "(NULL, NULL, 1e-300, 0, NULL, NULL, NULL, NULL), "
	    "('', '', 1.7976931348623157e308, 1, '9999-12-31', NULL, b'0', "
	    "'x')");
	mariadb_sql(FROM, "INSERT INTO `odd ``name``` (b) SELECT "
	    "RANDOM_BYTES(1000) FROM information_schema.columns LIMIT 400");
	mariadb_sql(FROM, "CREATE TABLE pair_a (n BIGINT NOT NULL PRIMARY KEY) "
	    "ENGINE=InnoDB");
	mariadb_sql(FROM, "CREATE TABLE pair_b (n BIGINT NOT NULL PRIMARY KEY) "
	    "ENGINE=InnoDB");
	mariadb_sql(FROM, "INSERT INTO auth_epoch (id, epoch) VALUES (1, 7) "
	    "ON DUPLICATE KEY UPDATE epoch = 7");
	mariadb_sql(FROM, "INSERT INTO events_head (tenant_id, epoch, top) "
	    "VALUES (X'00000000000000000000000000000001', 5, 9)");
}

static int
group_begin(void **state)
{
	const char *password;
	struct env env;

	(void)state;
	a = arena_new((size_t)1 << 30);
	if (!mariadb_start())
		exit(0);
	if (mkdtemp(dir) == NULL)
		return -1;
	mariadb_migrated(FROM, NULL);
	boot(&env, FROM, KEY, PHRASE);
	env.db = mariadb_open(env.a, FROM);
	good(auth_keys_open(&env, &err));
	good(auth_first_admin(&env, env.a, "root@example.org", &password,
	    &err));
	arena_free(env.a);
	fill();
	sealed = make("sealed", "X=");
	phrased = make("phrased", PHRASE);
	return 0;
}

static int
group_end(void **state)
{
	(void)state;
	mariadb_stop();
	(void)!system(arena_printf(a, "rm -rf %s", dir));
	arena_free(a);
	return 0;
}

static void
nothing_there(void)
{
	assert_string_equal(number(TO, "SELECT COUNT(*) FROM "
	    "information_schema.tables WHERE table_schema = '" TO "'"), "0");
}

/* By the server's own checksum, so that a fault of ours is no excuse. What a
 * restore itself changes is left out. */
static void
same_tables(void)
{
	MYSQL *my = mariadb_root();
	MYSQL_RES *names;
	MYSQL_ROW row;
	unsigned n = 0;

	assert_int_equal(mysql_query(my, "SELECT table_name FROM "
	    "information_schema.tables WHERE table_schema = '" FROM "' AND "
	    "table_type = 'BASE TABLE' AND table_name NOT IN ("
	    "'platform_installation', 'auth_epoch', 'auth_revocation', "
	    "'auth_session', 'auth_audit', 'db_lease', 'events_head', "
	    "'events_position')"), 0);
	names = mysql_store_result(my);
	while ((row = mysql_fetch_row(names)) != NULL) {
		char quoted[256];
		size_t k = 0;
		MYSQL_RES *res;
		const char *sum[2];

		for (const char *p = row[0]; *p != '\0'; p++) {
			if (*p == '`')
				quoted[k++] = '`';
			quoted[k++] = *p;
		}
		quoted[k] = '\0';
		assert_int_equal(mysql_query(my, arena_printf(a, "CHECKSUM "
		    "TABLE " FROM ".`%s`, " TO ".`%s`", quoted, quoted)), 0);
		res = mysql_store_result(my);
		for (int i = 0; i < 2; i++) {
			const char *text = mysql_fetch_row(res)[1];

			sum[i] = text == NULL ? NULL : arena_strdup(a, text);
		}
		mysql_free_result(res);
		if (sum[1] == NULL || strcmp(sum[0], sum[1]) != 0)
			fail_msg("table %s differs", row[0]);
		n++;
	}
	mysql_free_result(names);
	mysql_close(my);
	assert_true(n > 30);
}

static void
restored_is_the_same(void **state)
{
	const char *secrets = arena_printf(a, "%s/secrets", dir);
	struct platform_installation in;
	char text[80];
	struct db *db;
	FILE *f;

	(void)state;
	mkdir(secrets, 0700);
	mariadb_create(TO);
	good(restore(phrased, "X=", PHRASE, secrets));
	same_tables();
	assert_string_equal(number(TO, "SELECT COUNT(*) FROM "
	    "information_schema.views WHERE table_schema = '" TO "'"),
	    number(FROM, "SELECT COUNT(*) FROM information_schema.views "
	    "WHERE table_schema = '" FROM "'"));
	good(atoi(number(TO, "SELECT COUNT(*) FROM jobs")));
	db = mariadb_open(a, TO);
	good(platform_installation(db, a, &in, &err));
	assert_int_equal(in.epoch, 2);
	assert_true(platform_installation_waits(&in));
	assert_string_equal(number(TO, "SELECT HEX(id) FROM "
	    "platform_installation"), number(FROM, "SELECT HEX(id) FROM "
	    "platform_installation"));
	assert_string_equal(number(TO, "SELECT COUNT(*) FROM auth_session"),
	    "0");
	assert_string_equal(number(TO, "SELECT COUNT(*) FROM auth_revocation "
	    "r JOIN auth_epoch e ON e.epoch = r.epoch AND e.epoch > 1000000 "
	    "WHERE r.kind = 'tenant'"), "1");
	assert_string_equal(number(TO, "SELECT COUNT(*) FROM events_head "
	    "WHERE epoch = 5"), "0");
	good(platform_installation_confirm(db, "somebody", clock_now(), &err));
	good(platform_installation(db, a, &in, &err));
	assert_false(platform_installation_waits(&in));
	bad(platform_installation_confirm(db, "somebody", clock_now(), &err),
	    "not_restored");
	db_close(db);
	f = fopen(arena_printf(a, "%s/encryption_key", secrets), "r");
	assert_non_null(f);
	assert_non_null(fgets(text, sizeof(text), f));
	fclose(f);
	text[strcspn(text, "\n")] = '\0';
	assert_string_equal(text, strchr(KEY, '=') + 1);
}

/* A second restore, on top of another key: the key that is there stays. */
static void
secrets_are_not_overwritten(void **state)
{
	const char *other = arena_printf(a, "%s/other", dir);
	FILE *f;

	(void)state;
	mkdir(other, 0700);
	f = fopen(arena_printf(a, "%s/encryption_key", other), "w");
	assert_non_null(f);
	fputs("mine\n", f);
	fclose(f);
	mariadb_create(TO);
	bad(restore(sealed, KEY, "X=", other), "secrets_differ");
	nothing_there();
}

/* ---- files that are refused --------------------------------------------------- */

static const char *
copy(const char *from, size_t *n, char **bytes)
{
	const char *path = arena_printf(a, "%s/broken", dir);
	FILE *f = fopen(from, "r");

	assert_non_null(f);
	*bytes = arena_alloc(a, 4 << 20);
	*n = fread(*bytes, 1, 4 << 20, f);
	fclose(f);
	return path;
}

static void
put(const char *path, const char *bytes, size_t n)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	fclose(f);
}

static void
refused_key(void **state)
{
	(void)state;
	mariadb_create(TO);
	bad(restore(phrased, "X=", "QUINCUNX_BACKUP_PASSPHRASE=wrong horse",
	    NULL), "backup_key");
	bad(restore(phrased, KEY, "X=", NULL), "backup_key");
	bad(restore(sealed, "X=", PHRASE, NULL), "backup_key");
	bad(restore(sealed, "ENCRYPTION_KEY=b:CQTqDMIXWA1pZXhg1dFp54HNC7r77nLE"
	    "oONFyHOY3l4=", "X=", NULL), "backup_key");
	bad(restore(sealed, "ENCRYPTION_KEY=a:CQTqDMIXWA1pZXhg1dFp54HNC7r77nLE"
	    "oONFyHOY3l4=", "X=", NULL), "backup_key");
	nothing_there();
}

static void
refused_truncated(void **state)
{
	static const char *const codes[] = { "backup_truncated",
	    "backup_format", "backup_key", "backup_damaged" };
	size_t n, head, piece = STREAM_PIECE + STREAM_TAG;
	char *bytes;
	const char *path = copy(sealed, &n, &bytes);

	(void)state;
	head = (size_t)((char *)memchr(bytes, '\n', n) - bytes) + 1;
	assert_true(n > head + 3 * piece);	/* several pieces */
	const struct { size_t n; int code; } cut[] = {
		{ 0, 1 }, { 10, 1 }, { head, 0 }, { head + 5, 0 },
		{ head + 40, 2 }, { head + piece, 0 },
		{ head + piece + 20, 3 }, { head + 2 * piece, 0 },
		{ n - 1, 3 }, { n - 16, 3 },
	};

	mariadb_create(TO);
	for (size_t i = 0; i < NITEMS(cut); i++) {
		put(path, bytes, cut[i].n);
		bad(restore(path, KEY, "X=", NULL), codes[cut[i].code]);
	}
	nothing_there();
}

static void
refused_changed(void **state)
{
	size_t n, head, piece = STREAM_PIECE + STREAM_TAG;
	char *bytes, *tmp = arena_alloc(a, 65536 + 16);
	const char *path = copy(sealed, &n, &bytes);

	(void)state;
	head = (size_t)((char *)memchr(bytes, '\n', n) - bytes) + 1;
	mariadb_create(TO);
	for (int i = 0; i < 40; i++) {	/* a bit anywhere, also in the head */
		size_t at = (size_t)i * (n - 1) / 39;

		bytes[at] = (char)(bytes[at] ^ 1 << i % 8);
		put(path, bytes, n);
		assert_int_equal(restore(path, KEY, "X=", NULL), -1);
		assert_true(strncmp(err.code, "backup_", 7) == 0);
		bytes[at] = (char)(bytes[at] ^ 1 << i % 8);
	}
	memcpy(tmp, bytes + head, piece);	/* two pieces change places */
	memmove(bytes + head, bytes + head + piece, piece);
	memcpy(bytes + head + piece, tmp, piece);
	put(path, bytes, n);
	bad(restore(path, KEY, "X=", NULL), "backup_key");
	memcpy(tmp, bytes + head, piece);
	memmove(bytes + head, bytes + head + piece, piece);
	memcpy(bytes + head + piece, tmp, piece);
	bytes[n] = 'x';				/* more than there was */
	put(path, bytes, n + 1);
	bad(restore(path, KEY, "X=", NULL), "backup_damaged");
	bytes[16] = '2';			/* "quincunx-backup 2" */
	put(path, bytes, n);
	bad(restore(path, KEY, "X=", NULL), "backup_newer");
	nothing_there();
}

static void
refused_newer(void **state)
{
	const char *path;

	(void)state;
	mariadb_sql(FROM, "INSERT INTO db_migration VALUES (99999, 1, 1, "
	    "'99999_x.sql', REPEAT('0', 64), NOW(), NOW())");
	path = make("newer", "X=");
	mariadb_sql(FROM, "DELETE FROM db_migration WHERE version = 99999");
	mariadb_create(TO);
	bad(restore(path, KEY, "X=", NULL), "backup_newer");
	nothing_there();
}

/* ---- the database ------------------------------------------------------------- */

static void
refused_not_empty(void **state)
{
	(void)state;
	mariadb_create(TO);
	mariadb_sql(TO, "CREATE TABLE precious (n INT PRIMARY KEY); "
	    "INSERT INTO precious VALUES (7)");
	bad(restore(sealed, KEY, "X=", NULL), "not_empty");
	assert_string_equal(number(TO, "SELECT n FROM precious"), "7");
}

/* What a killed restore leaves: nobody starts on it, and the next restore
 * begins anew. */
static void
half_restored(void **state)
{
	const char *warnings;
	struct db *db;

	(void)state;
	mariadb_create(TO);
	mariadb_sql(TO, "CREATE TABLE db_restore (begun DATETIME NOT NULL); "
	    "CREATE TABLE auth_user (n INT PRIMARY KEY); "
	    "CREATE VIEW jobs AS SELECT n FROM auth_user");
	db = mariadb_open(a, TO);
	bad(db_check_server(db, a, &warnings, &err), "half_restored");
	bad(migrate(db, a, "sql", MIGRATE_RUN, NULL, NULL, &err),
	    "half_restored");
	good(restore(sealed, KEY, "X=", NULL));
	good(db_check_server(db, a, &warnings, &err));
	db_close(db);
	same_tables();
}

/* The account may make tables and not fill them: the load fails in the
 * middle, and nothing of it stays. */
static void
failed_load_is_taken_out(void **state)
{
	struct platform_backup_report r = { 0 };
	int fd = open(sealed, O_RDONLY);
	const char *url, *rest;
	struct env env;

	(void)state;
	mariadb_create(TO);
	mariadb_sql(NULL, "DROP USER IF EXISTS weak@localhost; "
	    "CREATE USER weak@localhost IDENTIFIED BY 'weak'; GRANT SELECT, "
	    "CREATE, DROP, ALTER, INDEX, REFERENCES, CREATE VIEW ON " TO
	    ".* TO weak@localhost");
	boot(&env, TO, KEY, "X=");
	url = mariadb_url(a, TO);
	rest = strchr(url, '@');
	((struct db_conf *)(uintptr_t)conf_get(env.conf,
	    &db_settings))->migrate_url = arena_printf(a,
	    "mysql://weak:weak%s", rest);
	bad(platform_backup_restore(&env, fd, NULL, &r, &err),
	    "backup_program");
	close(fd);
	arena_free(env.a);
	nothing_there();
}

/* ---- one instant ---------------------------------------------------------------- */

static _Noreturn void
writer(void)
{
	MYSQL *my = mariadb_root();
	bool bad_rc = mysql_query(my, "USE " FROM) != 0;

	for (long i = 1; !bad_rc; i++) {
		char sql[128];

		snprintf(sql, sizeof(sql), "INSERT INTO pair_a VALUES (%ld)",
		    i);
		bad_rc = mysql_query(my, "BEGIN") != 0 ||
		    mysql_query(my, sql) != 0;
		snprintf(sql, sizeof(sql), "INSERT INTO pair_b VALUES (%ld)",
		    i);
		bad_rc = bad_rc || mysql_query(my, sql) != 0 ||
		    mysql_query(my, "COMMIT") != 0;
	}
	_exit(1);
}

static void
one_instant(void **state)
{
	const char *path, *rows;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		writer();
	while (atoi(number(FROM, "SELECT COUNT(*) FROM pair_b")) < 50)
		assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	path = make("busy", "X=");
	rows = number(FROM, "SELECT COUNT(*) FROM pair_b");
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);	/* all along */
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	mariadb_create(TO);
	good(restore(path, KEY, "X=", NULL));
	assert_true(atoi(number(TO, "SELECT COUNT(*) FROM pair_a")) >= 50);
	assert_true(atoi(rows) >= atoi(number(TO, "SELECT COUNT(*) FROM "
	    "pair_a")));
	assert_string_equal(number(TO, "SELECT (SELECT COUNT(*) FROM pair_a) "
	    "- (SELECT COUNT(*) FROM pair_b)"), "0");
	assert_string_equal(number(TO, "SELECT COUNT(*) FROM pair_a LEFT JOIN "
	    "pair_b USING (n) WHERE pair_b.n IS NULL"), "0");
}

/* A digest that would not see a changed row proves nothing. */
static void
digest_sees_changes(void **state)
{
	struct platform_backup_manifest m;
	struct platform_backup_scan s;
	static const char text[] = "INSERT INTO `t` VALUES\n(1,'a'),\n(2,'b');\n";
	static const char *const other[] = {
		"INSERT INTO `t` VALUES\n(1,'a'),\n(2,'c');\n",
		"INSERT INTO `t` VALUES\n(2,'b'),\n(1,'a');\n",
		"INSERT INTO `t` VALUES\n(1,'a');\n",
		"INSERT INTO `u` VALUES\n(1,'a'),\n(2,'b');\n",
		"" };

	(void)state;
	platform_backup_scan_begin(&s, a);
	good(platform_backup_scan_text(&s, text, sizeof(text) - 1, &err));
	m.tables = (struct list){ s.tables.v, s.tables.n };
	assert_int_equal(s.tables.v[0].rows, 2);
	for (size_t i = 0; i < NITEMS(other); i++) {
		struct platform_backup_scan x;

		platform_backup_scan_begin(&x, a);
		good(platform_backup_scan_text(&x, other[i], strlen(other[i]),
		    &err));
		bad(platform_backup_compare(&x, &m, NULL, &err),
		    "restore_differs");
	}
	/* the same rows in two statements and odd portions */
	platform_backup_scan_begin(&s, a);
	for (const char *p = "INSERT INTO `t` VALUES\n(1,'a');\nINSERT INTO `t` "
	    "VALUES\n(2,'b');\n"; *p != '\0'; p++)
		good(platform_backup_scan_text(&s, p, 1, &err));
	good(platform_backup_compare(&s, &m, NULL, &err));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digest_sees_changes),
		cmocka_unit_test(restored_is_the_same),
		cmocka_unit_test(secrets_are_not_overwritten),
		cmocka_unit_test(refused_key),
		cmocka_unit_test(refused_truncated),
		cmocka_unit_test(refused_changed),
		cmocka_unit_test(refused_newer),
		cmocka_unit_test(refused_not_empty),
		cmocka_unit_test(half_restored),
		cmocka_unit_test(failed_load_is_taken_out),
		cmocka_unit_test(one_instant),
	};

	return cmocka_run_group_tests(tests, group_begin, group_end);
}
