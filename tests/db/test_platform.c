/*
 * Import, export and components against MariaDB: idempotent, one line per bad
 * row, nothing kept of a dry run, a killed import goes on where it was, and
 * components change in dependency order.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "module.h"
#include "modules/platform/exchange.h"
#include "modules/platform/platform.h"
#include "modules/platform/service.h"
#include "tests/harness/mariadb.h"

#include <cmocka.h>

#define DB "test_platform"

static struct arena *a;
static struct env env;
static struct err err;
static char dir[] = "/tmp/quincunx-test-platform-XXXXXX";
static int64_t die_after;		/* rows until put() ends the process */
static struct str told;			/* lines about bad rows */

/* ---- a noun to exchange ------------------------------------------------------ */

struct thing {
	const char *name;
	int64_t n;
};
static const struct field thing_fields[] = {
	FIELD(struct thing, name, .flags = FF_REQUIRED | FF_KEY, .max = 40),
	FIELD(struct thing, n, .flags = FF_REQUIRED, .min = 0, .max = 9999),
	FIELD_END
};
static const struct schema thing_schema = { .name = "Thing",
    .size = sizeof(struct thing), .fields = thing_fields };

static const struct query THING_PUT = { "thing.put",
	"INSERT INTO thing (tenant_id, name, n) VALUES (?, ?, ?) "
	"ON DUPLICATE KEY UPDATE n = VALUES(n)", NULL };
static const struct query THING_SAME = { "thing.same",
	"SELECT name, n FROM thing WHERE tenant_id = ? AND name = ? "
	"AND n = ? LIMIT 1", &thing_schema };
static const struct query THING_ALL = { "thing.all",
	"SELECT name, n FROM thing WHERE tenant_id = ? ORDER BY name",
	&thing_schema };

static int
thing_put(struct db *db, struct arena *arena, struct uuid tenant,
    const void *row, bool *changed, struct err *e)
{
	const struct thing *t = row;
	struct thing was;
	int rc;

	if (die_after > 0 && --die_after == 0)
		_exit(9);
	if (strcmp(t->name, "taboo") == 0)
		return err_set(e, 409, "taboo", "taboo is not allowed");
	rc = db_one(db, arena, &THING_SAME, ARGS(V(tenant), V(t->name),
	    V(t->n)), &was, e);
	if (rc != 1)
		return rc;
	*changed = true;
	return db_exec(db, &THING_PUT, ARGS(V(tenant), V(t->name), V(t->n)),
	    NULL, e);
}

static const struct exchange things = { .noun = "test.thing", .doc = "d",
    .row = &thing_schema, .put = thing_put, .all = &THING_ALL };
static const struct component parts[] = {
	{ .name = "base", .doc = "d" },
	{ .name = "middle", .doc = "d",
	  .needs = (const char *const[]){ "base", NULL } },
	{ .name = "top", .doc = "d",
	  .needs = (const char *const[]){ "middle", NULL } },
	{ .name = NULL }
};
static const struct module test_module = { .name = "test", .doc = "d",
    .exchanges = (const struct exchange *const[]){ &things, NULL },
    .components = parts };
static const struct module *const mods[] = { &platform_module, &test_module,
    NULL };

/* ---- fixture -------------------------------------------------------------------- */

static const struct uuid tenant = { { 1, 2, 3 } };

static int
group_setup(void **state)
{
	(void)state;
	a = arena_new(256 << 20);
	if (!mariadb_start() || mkdtemp(dir) == NULL)
		return 0;
	mariadb_migrated(DB, NULL);
	mariadb_sql(DB, "CREATE TABLE thing (tenant_id BINARY(16) NOT NULL, "
	    "name VARCHAR(40) NOT NULL, n INT NOT NULL, "
	    "PRIMARY KEY (tenant_id, name)) ENGINE=InnoDB");
	env = (struct env){ .a = a, .db = mariadb_open(a, DB),
	    .modules = mods };
	return 0;
}

static int
group_teardown(void **state)
{
	(void)state;
	if (env.db != NULL)
		db_close(env.db);
	if (system(arena_printf(a, "rm -rf %s", dir)) != 0)
		return -1;
	arena_free(a);
	return 0;
}

static int
setup(void **state)
{
	(void)state;
	if (env.db == NULL)
		skip();
	mariadb_sql(DB, "DELETE FROM thing; DELETE FROM platform_import; "
	    "DELETE FROM platform_component");
	err_clear(&err);
	str_init(&told, a);
	return 0;
}

static const char *
file(const char *name, const char *text)
{
	const char *path = arena_printf(a, "%s/%s", dir, name);
	bool gz = strstr(name, ".gz") != NULL;
	gzFile f = gzopen(path, gz ? "wb" : "wbT");

	assert_non_null(f);
	assert_int_equal(gzwrite(f, text, (unsigned)strlen(text)),
	    (int)strlen(text));
	gzclose(f);
	return path;
}

static void
bad(void *arg, int64_t line, const char *member, const char *msg)
{
	(void)arg;
	str_addf(&told, "%lld:%s:%s\n", (long long)line, member, msg);
}

static struct import_job
import(const char *path, bool dry_run)
{
	struct import_job j = { .env = &env, .x = &things, .path = path,
	    .tenant = tenant, .dry_run = dry_run, .bad = bad };

	if (platform_import_run(&j, &err) == -1)
		fail_msg("%s %s", err.detail, err.cause);
	return j;
}

static void
counts(const struct import_job *j, int changed, int unchanged, int failed)
{
	if (j->done.changed != changed || j->done.unchanged != unchanged ||
	    j->done.failed != failed)
		fail_msg("%lld %lld %lld\n%s", (long long)j->done.changed,
		    (long long)j->done.unchanged, (long long)j->done.failed,
		    told.p);
}

static void
rows_are(const char *n)
{
	assert_string_equal(mariadb_value(a, DB,
	    "SELECT COUNT(*) FROM thing"), n);
}

/* ---- import and export -------------------------------------------------------------- */

static void
idempotent(void **state)
{
	const char *path = file("a.csv", "name,n\na,1\nb,2\n\"c,\"\"x\",3\n");
	struct import_job j;

	(void)state;
	j = import(path, false);
	counts(&j, 3, 0, 0);
	j = import(path, false);
	counts(&j, 0, 3, 0);
	j = import(file("b.ndjson.gz", "{\"name\":\"a\",\"n\":5}\n\n"
	    "{\"n\":2,\"name\":\"b\"}\n"), false);
	counts(&j, 1, 1, 0);
	rows_are("3");
}

static void
bad_rows(void **state)
{
	struct import_job j = import(file("bad.ndjson",
	    "{\"name\":\"a\",\"n\":1}\n"
	    "{\"name\":\"b\"}\n"
	    "nonsense\n"
	    "{\"name\":\"c\",\"n\":10000}\n"
	    "{\"name\":\"taboo\",\"n\":1}\n"
	    "{\"name\":\"d\",\"n\":NaN}\n"
	    "{\"name\":\"e\",\"n\":1,\"extra\":2}\n"
	    "{\"name\":\"f\",\"n\":7}\n"), false);

	(void)state;
	counts(&j, 2, 0, 6);
	assert_non_null(strstr(told.p, "2:n:Field required\n"));
	assert_non_null(strstr(told.p, "4:n:"));
	assert_non_null(strstr(told.p, "5::taboo is not allowed\n"));
	assert_non_null(strstr(told.p, "7:extra:"));
	rows_are("2");
}

static void
dry_run(void **state)
{
	struct import_job j = import(file("dry.csv", "name,n\na,1\nb,x\n"),
	    true);

	(void)state;
	counts(&j, 1, 0, 1);
	assert_non_null(strstr(told.p, "3:n:"));
	rows_are("0");
	assert_string_equal(mariadb_value(a, DB,
	    "SELECT COUNT(*) FROM platform_import"), "0");
}

/* The process ends in the third batch; the next run does the rest, and every
 * row is there once. */
static void
killed(void **state)
{
	struct import_job j;
	struct str text;
	int status;
	pid_t pid;

	(void)state;
	str_init(&text, a);
	str_add(&text, "name,n\n");
	for (int i = 0; i < 1800; i++)
		str_addf(&text, "row%d,%d\n", i, i);
	file("big.csv", text.p);
	pid = fork();
	if (pid == 0) {
		db_forget(env.db);
		die_after = 1200;
		import(arena_printf(a, "%s/big.csv", dir), false);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 9);
	rows_are("1000");
	j = import(arena_printf(a, "%s/big.csv", dir), false);
	assert_int_equal(j.resumed_at, 1001);
	counts(&j, 1800, 0, 0);
	rows_are("1800");
	j = import(arena_printf(a, "%s/big.csv", dir), false);
	assert_int_equal(j.resumed_at, 0);
	counts(&j, 0, 1800, 0);
}

static void
broken_files(void **state)
{
	static const char *const names[] = { "x.txt", "none.csv" };
	struct import_job j = { .env = &env, .x = &things, .tenant = tenant,
	    .bad = bad };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		j.path = arena_printf(a, "%s/%s", dir, names[i]);
		err_clear(&err);
		assert_int_equal(platform_import_run(&j, &err), -1);
		assert_non_null(strstr(err.detail, names[i]));
	}
	j.path = file("quote.csv", "name,n\na,1\n\"b,2\n");
	err_clear(&err);
	assert_int_equal(platform_import_run(&j, &err), -1);
	rows_are("1");		/* what came before the break is kept */
	j.path = file("cells.csv", "name,n\nb,1\nc\nd,2\n");
	err_clear(&err);
	assert_int_equal(platform_import_run(&j, &err), 0);
	assert_int_equal(j.done.failed, 1);	/* one bad row, the others are in */
	rows_are("3");
}

static void
round_trip(void **state)
{
	static const char *const names[] = { "out.csv", "out.ndjson",
	    "out.csv.gz", "out.ndjson.gz" };
	struct import_job j = import(file("in.ndjson",
	    "{\"name\":\"=1+1\",\"n\":1}\n{\"name\":\"\xc3\xa4\\n\",\"n\":2}\n"
	    "{\"name\":\"q\\\"\",\"n\":3}\n"), false);
	int64_t n;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		const char *path = arena_printf(a, "%s/%s", dir, names[i]);

		if (platform_export_run(&env, &things, tenant, path, &n,
		    &err) == -1)
			fail_msg("%s: %s %s", names[i], err.detail,
			    err.cause);
		assert_int_equal(n, 3);
		if (strstr(names[i], "csv") != NULL)
			continue;	/* "=1+1" is disarmed there */
		j = import(path, false);
		counts(&j, 0, 3, 0);
	}
}

/* ---- components ------------------------------------------------------------------------ */

static const char *
act(const char *name, enum platform_action what)
{
	struct rows changes;
	struct str s;

	str_init(&s, a);
	err_clear(&err);
	if (platform_service_act(env.db, a, mods, name, what, "test",
	    clock_now(), &changes, &err) == -1)
		return err.code;
	for (size_t i = 0; i < changes.n; i++) {
		struct platform_change *c = ROW(&changes,
		    struct platform_change, i);

		str_addf(&s, "%s=%s ", c->name, c->now);
	}
	return s.p;
}

static void
components(void **state)
{
	(void)state;
	assert_string_equal(act("base", ACT_STOP),
	    "top=stopped middle=stopped base=stopped ");
	assert_string_equal(act("base", ACT_STOP), "");
	assert_int_equal(platform_component_active(env.db, "top", &err), 0);
	assert_string_equal(act("base", ACT_START),
	    "base=running middle=running top=running ");
	assert_int_equal(platform_component_active(env.db, "top", &err), 1);
	assert_string_equal(act("top", ACT_PAUSE), "top=paused ");
	assert_string_equal(act("base", ACT_STOP),
	    "middle=stopped base=stopped ");
	/* what was paused for its own sake stays so */
	assert_string_equal(act("base", ACT_START),
	    "base=running middle=running ");
	assert_string_equal(act("top", ACT_RESUME), "top=running ");
	assert_string_equal(act("middle", ACT_STOP),
	    "top=stopped middle=stopped ");
	assert_string_equal(act("top", ACT_START),
	    "middle=running top=running ");
	assert_string_equal(act("database", ACT_STOP), "required");
	assert_string_equal(act("nothing", ACT_STOP), "not_found");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(idempotent, setup),
		cmocka_unit_test_setup(bad_rows, setup),
		cmocka_unit_test_setup(dry_run, setup),
		cmocka_unit_test_setup(killed, setup),
		cmocka_unit_test_setup(broken_files, setup),
		cmocka_unit_test_setup(round_trip, setup),
		cmocka_unit_test_setup(components, setup),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
