/*
 * SQL and C agree: every query of every module can be prepared against the
 * migrated schema (also those no handler reaches), every table belongs to a
 * module, and its columns are the fields of its struct, with types that fit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "db/db.h"
#include "db/lease.h"
#include "db/table.h"
#include "http/http.h"
#include "jobs/job.h"
#include "module.h"
#include "tests/harness/mariadb.h"

#include <cmocka.h>	/* after ctx.h: both name a fail() */

#define DB "drift"

struct column {
	const char *table_name, *column_name, *data_type, *column_type;
};
static const struct field column_fields[] = {
	FIELD(struct column, table_name, .doc = "Table"),
	FIELD(struct column, column_name, .doc = "Column"),
	FIELD(struct column, data_type, .doc = "Type"),
	FIELD(struct column, column_type, .doc = "Type with length"),
	FIELD_END
};
static const struct schema column_schema = {
	.name = "Column", .doc = "Column of a table",
	.size = sizeof(struct column), .fields = column_fields
};
static const struct query COLUMNS = { "test.columns",
    "SELECT table_name, column_name, data_type, column_type "
    "FROM information_schema.columns WHERE table_schema = DATABASE() "
    "ORDER BY table_name, ordinal_position", &column_schema };

static struct arena *a;
static struct db *db;
static struct rows columns;
static bool have;

static int
setup(void **state)
{
	struct err e = { 0 };

	(void)state;
	a = arena_new(64 << 20);
	have = mariadb_start();
	if (!have)
		return 0;
	mariadb_migrated(DB, NULL);
	db = mariadb_open(a, DB);
	return db_all(db, a, &COLUMNS, NO_ARGS, &columns, &e);
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(a);
	mariadb_stop();
	return 0;
}

static size_t
prepare(const struct query *const *list)
{
	size_t bad = 0, n;

	for (; *list != NULL; list++) {
		struct err e = { 0 };

		if (db_prepare_check(db, *list, &n, &e) == 0)
			continue;
		print_message("%s: %s %s\n", (*list)->name, e.detail, e.cause);
		bad++;
	}
	return bad;
}

static void
test_every_query_prepares(void **state)
{
	size_t bad = 0, lists = 0;

	(void)state;
	if (!have)
		return;
	bad += prepare(http_queries) + prepare(lease_queries);
	for (const struct module *const *m = modules; *m != NULL; m++)
		for (const struct query *const *const *q = (*m)->queries;
		    q != NULL && *q != NULL; q++, lists++)
			bad += prepare(*q);
	assert_true(lists > 10);
	assert_int_equal(bad, 0);
}

static const struct table *
table_of(const char *name)
{
	for (const struct module *const *m = modules; *m != NULL; m++)
		for (const struct table *const *set = (*m)->tables;
		    set != NULL && *set != NULL; set++)
			for (const struct table *t = *set; t->name; t++)
				if (strcmp(t->name, name) == 0)
					return t;
	return NULL;
}

static bool
one_of(const char *s, const char *list)
{
	size_t n = strlen(s);

	for (const char *p = list; (p = strstr(p, s)) != NULL; p += n)
		if ((p == list || p[-1] == ' ') &&
		    (p[n] == ' ' || p[n] == '\0'))
			return true;
	return false;
}

/* Column types that a field type can hold. */
static bool
fits(const struct field *f, const struct column *c)
{
	static const char *const types[] = {
		[FT_BOOL] = "tinyint", [FT_INT] =
		    "tinyint smallint int bigint mediumint",
		[FT_REAL] = "double float decimal",
		[FT_STR] = "varchar char text mediumtext longtext enum",
		[FT_BLOB] = "varbinary binary blob mediumblob longblob",
		[FT_DEC] = "decimal bigint", [FT_UUID] = "binary",
		[FT_TIME] = "datetime date timestamp",
		[FT_JSON] = "longtext text mediumtext varchar",
		[FT_SUB] = "longtext text", [FT_LIST] = "longtext text"
	};

	if (f->type == FT_UUID && strcmp(c->column_type, "binary(16)") != 0)
		return false;
	return one_of(c->data_type, types[f->type]);
}

static const struct column *
column_of(const char *table, const char *column)
{
	for (size_t i = 0; i < columns.n; i++) {
		const struct column *c = ROW(&columns, struct column, i);

		if (strcmp(c->table_name, table) == 0 &&
		    strcmp(c->column_name, column) == 0)
			return c;
	}
	return NULL;
}

static bool
in_names(const char *const *names, const char *name)
{
	for (; names != NULL && *names != NULL; names++)
		if (strcmp(*names, name) == 0)
			return true;
	return false;
}

static void
test_every_column_is_a_field(void **state)
{
	size_t bad = 0;

	(void)state;
	for (size_t i = 0; have && i < columns.n; i++) {
		const struct column *c = ROW(&columns, struct column, i);
		const struct table *t = table_of(c->table_name);
		int f;

		if (strncmp(c->table_name, "db_", 3) == 0 ||
		    strncmp(c->table_name, "http_", 5) == 0)
			continue;	/* the kernel's own */
		if (t == NULL) {
			print_message("%s belongs to no module\n",
			    c->table_name);
			bad++;
			continue;
		}
		if (t->row == NULL)
			continue;
		f = schema_find_column(t->row, c->column_name);
		if (f == -1 && in_names(t->sql_only, c->column_name))
			continue;
		if (f == -1 || !fits(&t->row->fields[f], c)) {
			print_message("%s.%s %s: %s\n", c->table_name,
			    c->column_name, c->column_type,
			    f == -1 ? "no field" : "type does not fit");
			bad++;
		}
	}
	assert_int_equal(bad, 0);
}

static void
test_every_field_is_a_column(void **state)
{
	size_t bad = 0, n = 0;

	(void)state;
	for (const struct module *const *m = modules; have && *m; m++)
		for (const struct table *const *set = (*m)->tables;
		    set != NULL && *set != NULL; set++)
			for (const struct table *t = *set; t->name; t++) {
				const struct field *f = t->row == NULL ? NULL :
				    t->row->fields;

				n++;
				for (; f != NULL && f->name != NULL; f++) {
					const char *col = f->column != NULL ?
					    f->column : f->name;

					if ((f->flags & FF_NOSQL) ||
					    column_of(t->name, col) != NULL)
						continue;
					print_message("%s has no column %s\n",
					    t->name, col);
					bad++;
				}
				if (t->tenant_column != NULL)
					assert_non_null(column_of(t->name,
					    t->tenant_column));
				if (t->retention_column != NULL)
					assert_non_null(column_of(t->name,
					    t->retention_column));
			}
	assert_true(!have || n > 15);
	assert_int_equal(bad, 0);
}

/* The critical lane is for who asks for it: a row that forgets its lane would
 * stand there, since it is the first. */
static void
test_no_declared_job_is_critical(void **state)
{
	size_t bad = 0, n = 0;

	(void)state;
	for (const struct module *const *m = modules; *m != NULL; m++)
		for (const struct job *const *set = (*m)->jobs;
		    set != NULL && *set != NULL; set++)
			for (const struct job *j = *set; j->name; j++, n++)
				if (j->lane == LANE_CRITICAL) {
					print_message("%s is critical\n",
					    j->name);
					bad++;
				}
	assert_true(n > 10);
	assert_int_equal(bad, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_query_prepares),
		cmocka_unit_test(test_every_column_is_a_field),
		cmocka_unit_test(test_every_field_is_a_column),
		cmocka_unit_test(test_no_declared_job_is_critical),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
