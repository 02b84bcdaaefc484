/*
 * Every field type to its columns and back, extremes and NULL included; what
 * does not fit is an error with a name, never another value.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/number.h"
#include "base/random.h"
#include "base/str.h"
#include "db/db.h"
#include "tests/harness/mariadb.h"

#define DB "test_types"

struct every {
	int64_t id;
	bool flag;
	int64_t tiny, small, big;
	uint64_t pad;
	double real;
	struct dec price, fast;
	const char *text, *long_text;
	struct blob bytes;
	struct uuid ref;
	struct utc at;
	struct json doc;
	bool has_maybe;
	int64_t maybe;
	int64_t extra;		/* no column */
};
static const struct field every_fields[] = {
	FIELD(struct every, id, .doc = "Key"),
	FIELD(struct every, flag, .doc = "BOOLEAN"),
	FIELD(struct every, tiny, .doc = "TINYINT"),
	FIELD(struct every, small, .doc = "SMALLINT UNSIGNED"),
	FIELD(struct every, big, .doc = "BIGINT"),
	FIELD(struct every, real, .doc = "DOUBLE"),
	FIELD(struct every, price, .doc = "DECIMAL(20,8)"),
	FIELD(struct every, fast, .doc = "BIGINT of 10^-8"),
	FIELD(struct every, text, .flags = FF_NULLABLE, .doc = "VARCHAR"),
	FIELD(struct every, long_text, .flags = FF_NULLABLE, .max = 1 << 30,
	    .column = "body", .doc = "LONGTEXT"),
	FIELD(struct every, bytes, .flags = FF_NULLABLE, .doc = "BLOB"),
	FIELD(struct every, ref, .flags = FF_NULLABLE, .doc = "BINARY(16)"),
	FIELD(struct every, at, .flags = FF_NULLABLE, .doc = "DATETIME(6)"),
	FIELD(struct every, doc, .flags = FF_NULLABLE, .doc = "JSON"),
	FIELD(struct every, maybe, .flags = FF_NULLABLE,
	    FIELD_HAS(struct every, has_maybe), .doc = "BIGINT NULL"),
	FIELD(struct every, extra, .doc = "Not a column"),
	FIELD_END
};
static const struct schema every_schema = {
	.name = "Every", .size = sizeof(struct every), .fields = every_fields
};

#define COLUMNS "id, flag, tiny, small, big, `real`, price, fast, text, " \
	"body, bytes, ref, at, doc, maybe"
static const struct query PUT = { "test.put", "REPLACE INTO t (" COLUMNS ") "
	"VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", NULL };
static const struct query GET = { "test.get", "SELECT " COLUMNS
	" FROM t WHERE id = ?", &every_schema };
static const struct query ALL = { "test.all", "SELECT " COLUMNS
	" FROM t ORDER BY id LIMIT 20000", &every_schema };

static struct arena *a;
static struct db *db;
static struct err err;

static int
setup(void **state)
{
	(void)state;
	a = arena_new(256 << 20);
	mariadb_create(DB);
	mariadb_sql(DB, "CREATE TABLE t (id BIGINT PRIMARY KEY, flag BOOLEAN,"
	    "tiny TINYINT, small SMALLINT UNSIGNED, big BIGINT, `real` DOUBLE,"
	    "price DECIMAL(20,8), fast BIGINT, text VARCHAR(64), "
	    "body LONGTEXT, bytes BLOB, ref BINARY(16), at DATETIME(6), "
	    "doc JSON, maybe BIGINT)");
	db = mariadb_open(a, DB);
	err_clear(&err);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

static int
put(const struct every *e)
{
	struct val v[15];
	size_t i;

	for (i = 0; i < NITEMS(v); i++)
		v[i] = schema_val(&every_fields[i], e);
	v[7] = V(e->fast.e8);
	return db_exec(db, &PUT, v, NITEMS(v), NULL, &err);
}

static struct every
get(int64_t id)
{
	struct every e;
	int rc = db_one(db, a, &GET, ARGS(V(id)), &e, &err);

	if (rc != 0)
		print_error("%s (%s)\n", err.detail, err.cause);
	assert_int_equal(rc, 0);
	return e;
}

static struct every
sample(int64_t id)
{
	return (struct every){ .id = id, .flag = true, .tiny = -128,
		.small = 65535, .big = INT64_MIN, .real = 1.0 / 3,
		.price = { -1 }, .fast = { INT64_MAX }, .text = "Grüße 🦊",
		.long_text = "x", .bytes = { "a\0b", 3 },
		.ref = { { 1, 0, 0xff, [15] = 7 } },
		.at = { 1 }, .doc = { "{\"a\":[1,2]}" }, .has_maybe = true };
}

static void
round_trip(void **state)
{
	struct every in = sample(1), out;

	(void)state;
	assert_int_equal(put(&in), 0);
	out = get(1);
	assert_true(out.flag);
	assert_int_equal(out.tiny, -128);
	assert_int_equal(out.small, 65535);
	assert_true(out.big == INT64_MIN);
	assert_true(out.real == 1.0 / 3);
	assert_int_equal(out.price.e8, -1);
	assert_true(out.fast.e8 == INT64_MAX);
	assert_string_equal(out.text, "Grüße 🦊");
	assert_string_equal(out.long_text, "x");
	assert_int_equal(out.bytes.n, 3);
	assert_memory_equal(out.bytes.p, "a\0b", 3);
	assert_true(uuid_equal(out.ref, in.ref));
	assert_int_equal(out.at.us, 1);
	assert_string_equal(out.doc.p, in.doc.p);
	assert_true(out.has_maybe);
	assert_int_equal(out.maybe, 0);
	assert_int_equal(out.extra, 0);
}

static void
nulls(void **state)
{
	struct every in = { .id = 2 }, out;

	(void)state;
	assert_int_equal(put(&in), 0);
	out = get(2);
	assert_null(out.text);
	assert_null(out.long_text);
	assert_null(out.bytes.p);
	assert_true(uuid_is_nil(out.ref));
	assert_int_equal(out.at.us, 0);
	assert_null(out.doc.p);
	assert_false(out.has_maybe);
}

/* NULL has no place in a plain number: an error, not 0. */
static void
null_into_number(void **state)
{
	struct every out;

	(void)state;
	mariadb_sql(DB, "REPLACE INTO t (id, flag) VALUES (3, 1)");
	assert_int_equal(db_one(db, a, &GET, ARGS(V(3)), &out, &err), -1);
	assert_int_equal(err.status, 500);
}

static void
times(void **state)
{
	static const char *const texts[] = {
		"1970-01-01T00:00:00.000001Z", "1969-12-31T23:59:59.999999Z",
		"2000-02-29T12:00:00Z", "2024-02-29T23:59:59.123456Z",
		"1900-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"
	};
	struct every in = sample(4);
	char want[CLOCK_TEXT], sql[CLOCK_TEXT];
	size_t i;

	(void)state;
	for (i = 0; i < NITEMS(texts); i++) {
		assert_int_equal(clock_parse(texts[i], &in.at), 0);
		assert_int_equal(put(&in), 0);
		assert_int_equal(get(4).at.us, in.at.us);
		/* The server must have understood it the same way. */
		clock_format(in.at, want);
		clock_parse(mariadb_value(a, DB, "SELECT at FROM t WHERE "
		    "id = 4"), &in.at);
		assert_string_equal(clock_format(in.at, sql), want);
	}
}

static void
decimals(void **state)
{
	static const int64_t e8[] = { 0, 1, -1, DEC_ONE, -DEC_ONE, 437,
		INT64_C(12345678901234567), INT64_C(-9223372036854775807) };
	struct every in = sample(5);
	size_t i;

	(void)state;
	for (i = 0; i < NITEMS(e8); i++) {
		in.price.e8 = in.fast.e8 = e8[i];
		assert_int_equal(put(&in), 0);
		assert_true(get(5).price.e8 == e8[i]);
		assert_true(get(5).fast.e8 == e8[i]);
	}
}

static void
long_texts(void **state)
{
	static const size_t lens[] = { 0, 1, 510, 511, 512, 513, 4096, 70000,
		3000000 };
	struct every in = sample(6);
	struct rows rows;
	char *p;
	size_t i;

	(void)state;
	for (i = 0; i < NITEMS(lens); i++) {
		p = arena_alloc(a, lens[i] + 1);
		memset(p, 'q', lens[i]);
		if (lens[i] > 2)
			p[lens[i] - 1] = 'z';
		in.id = 100 + (int64_t)i;
		in.long_text = p;
		assert_int_equal(put(&in), 0);
		assert_string_equal(get(in.id).long_text, p);
	}
	assert_int_equal(db_all(db, a, &ALL, NO_ARGS, &rows, &err), -1);
	mariadb_sql(DB, "DELETE FROM t WHERE id < 100");
	err_clear(&err);
	assert_int_equal(db_all(db, a, &ALL, NO_ARGS, &rows, &err), 0);
	assert_int_equal(rows.n, NITEMS(lens));
	for (i = 0; i < NITEMS(lens); i++)
		assert_int_equal(strlen(ROW(&rows, struct every, i)->long_text),
		    lens[i]);
}

static void
values_that_do_not_fit(void **state)
{
	struct every in = sample(7);

	(void)state;
	in.tiny = 128;
	assert_int_equal(put(&in), -1);
	assert_int_equal(err.status, 422);
	assert_string_equal(err.code, "db_value");
	in = sample(7);
	in.text = "12345678901234567890123456789012345678901234567890123456"
	    "789012345";
	err_clear(&err);
	assert_int_equal(put(&in), -1);
	assert_int_equal(err.status, 422);
	in = sample(7);
	in.doc.p = "{";
	err_clear(&err);
	assert_int_equal(put(&in), -1);
	assert_int_equal(err.status, 422);
}

/* ---- drift -------------------------------------------------------------- */

struct one {
	int64_t n;
	struct dec d;
};
static const struct field one_fields[] = {
	FIELD(struct one, n, .doc = "Number"),
	FIELD(struct one, d, .doc = "Decimal"), FIELD_END
};
static const struct schema one_schema = {
	.name = "One", .size = sizeof(struct one), .fields = one_fields
};

/* Columns of names are ASCII: a filter that is not finds no row, but it is the
 * caller's value that does not fit, not our fault. */
static void
text_that_a_column_cannot_have(void **state)
{
	static const struct query q[] = { { "t.ascii", "SELECT id AS n, price "
	    "AS d FROM t WHERE name = ? LIMIT 1", &one_schema },
	    { "t.coalesce", "SELECT id AS n, price AS d FROM t WHERE name = "
	    "COALESCE(?, name) LIMIT 1", &one_schema } };
	struct rows rows;

	(void)state;
	mariadb_sql(DB, "ALTER TABLE t ADD name VARCHAR(64) CHARACTER SET "
	    "ascii NOT NULL DEFAULT ''");
	for (size_t i = 0; i < NITEMS(q); i++) {
		err_clear(&err);
		assert_int_equal(db_all(db, a, &q[i], ARGS(V("\u202e")), &rows,
		    &err), -1);
		assert_int_equal(err.status, 422);
		assert_string_equal(err.code, "db_value");
	}
}

static int
try(const struct query *q)
{
	struct one row;

	err_clear(&err);
	return db_one(db, a, q, NO_ARGS, &row, &err);
}

static void
drift(void **state)
{
	static const struct query foreign = { "t.f", "SELECT 1 AS n, 2 AS m",
		&one_schema }, text = { "t.t", "SELECT 'x' AS n", &one_schema },
	    none = { "t.n", "SELECT 1", NULL }, rows = { "t.r", "DO 1",
		&one_schema }, sum = { "t.s", "SELECT SUM(fast) AS d FROM t",
		&one_schema }, two = { "t.2", "SELECT 1 AS n UNION ALL "
		"SELECT 2", &one_schema };
	size_t n = 9;

	(void)state;
	assert_int_equal(try(&foreign), -1);
	assert_string_equal(err.code, "db_drift");
	assert_int_equal(try(&text), -1);
	assert_string_equal(err.code, "db_drift");
	assert_int_equal(try(&rows), -1);
	assert_string_equal(err.code, "db_drift");
	/* Would be read as whole units. */
	assert_int_equal(try(&sum), -1);
	assert_string_equal(err.code, "db_drift");
	assert_int_equal(try(&two), -1);
	assert_int_equal(err.status, 500);
	err_clear(&err);
	assert_int_equal(db_exec(db, &none, NO_ARGS, NULL, &err), -1);
	assert_string_equal(err.code, "db_drift");
	assert_int_equal(db_prepare_check(db, &GET, &n, &err), 0);
	assert_int_equal(n, 1);
	/* Still usable. */
	assert_int_equal(put(&(struct every){ .id = 8 }), 0);
}

/* The type of an expression over parameters follows the parameters. */
static void
types_change(void **state)
{
	static const struct query q = { "t.p", "SELECT ? AS n", &one_schema };
	struct one row;

	(void)state;
	err_clear(&err);
	assert_int_equal(db_one(db, a, &q, ARGS(V(7)), &row, &err), 0);
	assert_int_equal(row.n, 7);
	assert_int_equal(db_one(db, a, &q, ARGS(V((struct dec){ 5 * DEC_ONE })),
	    &row, &err), 0);
	assert_int_equal(row.n, 5);
	assert_int_equal(db_one(db, a, &q, ARGS(V("text")), &row, &err), -1);
	assert_string_equal(err.code, "db_drift");
	err_clear(&err);
	assert_int_equal(db_one(db, a, &q, ARGS(V(INT64_MAX)), &row, &err), 0);
	assert_true(row.n == INT64_MAX);
	/* Wrong number of parameters. */
	assert_int_equal(db_one(db, a, &q, NO_ARGS, &row, &err), -1);
	assert_int_equal(err.status, 500);
}

static void
sums(void **state)
{
	static const struct query q = { "t.sum", "SELECT SUM(id) AS n, "
		"CAST(SUM(price) AS DECIMAL(30,8)) AS d FROM t "
		"WHERE id BETWEEN 1000 AND 1001", &one_schema };
	struct every in = sample(1000);
	struct one row;

	(void)state;
	err_clear(&err);
	in.price.e8 = 5;
	assert_int_equal(put(&in), 0);
	in.id++;
	assert_int_equal(put(&in), 0);
	assert_int_equal(db_one(db, a, &q, NO_ARGS, &row, &err), 0);
	assert_int_equal(row.n, 2001);
	assert_int_equal(row.d.e8, 10);
}

/* ---- many --------------------------------------------------------------- */

static const struct query MANY = { "t.many",
	"INSERT INTO t (id, text, price, at, ref, big) VALUES (?,?,?,?,?,?) "
	"ON DUPLICATE KEY UPDATE text = VALUES(text)", NULL };

static void
many(void **state)
{
	enum { N = 10000 };
	struct val *v = arena_array(a, N * 6, sizeof(*v));
	uint64_t n = 0, before = db_statements(db);
	size_t i;

	(void)state;
	err_clear(&err);
	mariadb_sql(DB, "DELETE FROM t");
	for (i = 0; i < N; i++) {
		v[i * 6] = V(i);
		v[i * 6 + 1] = i % 3 == 0 ? val_null() :
		    V(arena_printf(a, "row %zu", i));
		v[i * 6 + 2] = V((struct dec){ (int64_t)i });
		v[i * 6 + 3] = V((struct utc){ (int64_t)i + 1 });
		v[i * 6 + 4] = V(uuid_new());
		v[i * 6 + 5] = V(-(int64_t)i);
	}
	if (db_exec_many(db, &MANY, v, 6, N, &n, &err) == -1)
		fail_msg("%s (%s)", err.detail, err.cause);
	assert_int_equal(n, N);
	assert_true(db_statements(db) - before <= 8);
	assert_false(db_in_txn(db));
	assert_string_equal(mariadb_value(a, DB, "SELECT CONCAT_WS(' ', "
	    "COUNT(*), COUNT(text), SUM(price), SUM(big), COUNT(DISTINCT ref), "
	    "SUM(text = CONCAT('row ', id)), MAX(at)) FROM t"),
	    "10000 6666 0.49995000 -49995000 10000 6666 "
	    "1970-01-01 00:00:00.010000");
	/* Again: the other branch. */
	assert_int_equal(db_exec_many(db, &MANY, v, 6, 10, &n, &err), 0);
	/* The same statement with one row. */
	assert_int_equal(db_exec(db, &MANY, v, 6, &n, &err), 0);
}

static void
many_is_all_or_nothing(void **state)
{
	static const struct query q = { "t.plain",
		"INSERT INTO t (id, text) VALUES (?,?)", NULL };
	enum { N = 6000 };
	struct val *v = arena_array(a, N * 2, sizeof(*v));
	size_t i;

	(void)state;
	mariadb_sql(DB, "DELETE FROM t; INSERT INTO t (id) VALUES (5999)");
	for (i = 0; i < N; i++) {
		v[i * 2] = V(i);
		v[i * 2 + 1] = val_null();
	}
	err_clear(&err);
	assert_int_equal(db_exec_many(db, &q, v, 2, N, NULL, &err), -1);
	assert_string_equal(err.code, "duplicate");
	assert_string_equal(mariadb_value(a, DB, "SELECT COUNT(*) FROM t"),
	    "1");
	/* Columns of mixed types are refused before anything is sent. */
	v[2] = V("1");
	err_clear(&err);
	assert_int_equal(db_exec_many(db, &q, v, 2, 3, NULL, &err), -1);
	assert_string_equal(err.code, "db_value");
}

/* ---- streams ------------------------------------------------------------ */

struct walk {
	int64_t n, sum, stop_at;
};

static int
see(void *arg, const void *row, struct err *e)
{
	const struct one *r = row;
	struct walk *w = arg;
	struct every other;

	w->n++;
	w->sum += r->n;
	/* The connection stays usable in between. */
	if (w->n % 500 == 0 && db_one(db, a, &GET, ARGS(V(r->n)), &other,
	    e) != 0)
		return -1;
	return w->n == w->stop_at ? err_set(e, 418, "stop", "Stop") : 0;
}

static void
each(void **state)
{
	static const struct query q = { "t.each",
		"SELECT id AS n FROM t ORDER BY id", &one_schema };
	struct walk w = { 0 };

	(void)state;
	mariadb_sql(DB, "DELETE FROM t; INSERT INTO t (id, flag, tiny, small, "
	    "big, `real`, price, fast) SELECT seq, 1, 1, 1, 1, 1, 1, 1 "
	    "FROM seq_1_to_5000");
	err_clear(&err);
	if (db_each(db, a, &q, NO_ARGS, see, &w, &err) == -1)
		fail_msg("%s (%s)", err.detail, err.cause);
	assert_int_equal(w.n, 5000);
	assert_int_equal(w.sum, 5000 * 5001 / 2);
	w = (struct walk){ .stop_at = 700 };
	assert_int_equal(db_each(db, a, &q, NO_ARGS, see, &w, &err), -1);
	assert_int_equal(err.status, 418);
	err_clear(&err);
	w = (struct walk){ 0 };
	assert_int_equal(db_each(db, a, &q, NO_ARGS, see, &w, &err), 0);
	assert_int_equal(w.n, 5000);
}

static void
too_many_rows(void **state)
{
	static const struct query q = { "t.10k", "SELECT seq AS n "
		"FROM seq_1_to_10001 LIMIT 10001", &one_schema },
	    fits = { "t.10k-1", "SELECT seq AS n FROM seq_1_to_10000",
		&one_schema };
	struct rows rows;

	(void)state;
	err_clear(&err);
	assert_int_equal(db_all(db, a, &q, NO_ARGS, &rows, &err), -1);
	assert_int_equal(err.status, 500);
	err_clear(&err);
	assert_int_equal(db_all(db, a, &fits, NO_ARGS, &rows, &err), 0);
	assert_int_equal(rows.n, 10000);
	assert_int_equal(ROW(&rows, struct one, 9999)->n, 10000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(nulls),
		cmocka_unit_test(null_into_number),
		cmocka_unit_test(times),
		cmocka_unit_test(decimals),
		cmocka_unit_test(long_texts),
		cmocka_unit_test(values_that_do_not_fit),
		cmocka_unit_test(text_that_a_column_cannot_have),
		cmocka_unit_test(drift),
		cmocka_unit_test(types_change),
		cmocka_unit_test(sums),
		cmocka_unit_test(many),
		cmocka_unit_test(many_is_all_or_nothing),
		cmocka_unit_test(each),
		cmocka_unit_test(too_many_rows),
	};

	if (!mariadb_start())
		return 0;
	return cmocka_run_group_tests(tests, setup, teardown);
}
