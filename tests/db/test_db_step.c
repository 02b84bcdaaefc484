/*
 * The stepping harness itself: it finds a lost update, tells waiting from
 * standing, survives kills, and plants faults where it says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "db/db.h"
#include "tests/harness/mariadb.h"
#include "tests/harness/step.h"

#define DB "test_step"

static struct arena *a;
static int lost, kept;

struct one {
	int64_t n;
};
static const struct field one_fields[] = {
	FIELD(struct one, n, .doc = "Number"), FIELD_END
};
static const struct schema one_schema = {
	.name = "One", .size = sizeof(struct one), .fields = one_fields
};
static const struct query GET = { "t.get", "SELECT n FROM t", &one_schema };
static const struct query LOCK = { "t.lock", "SELECT n FROM t FOR UPDATE",
	&one_schema };
static const struct query SET = { "t.set", "UPDATE t SET n = ?", NULL };

static int
setup(void **state)
{
	(void)state;
	a = arena_new(64 << 20);
	mariadb_create(DB);
	mariadb_sql(DB, "CREATE TABLE t (n INT NOT NULL)");
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
add(struct db *db, const struct query *read, struct err *e)
{
	struct arena *b = arena_new(1 << 20);
	struct one row;
	int rc = db_one(db, b, read, NO_ARGS, &row, e);

	arena_free(b);
	return rc != 0 ? -1 : db_exec(db, &SET, ARGS(V(row.n + 1)), NULL, e);
}

static int
blind(struct db *db, void *arg, struct err *e)
{
	(void)arg;
	return add(db, &GET, e);
}

static int
careful(struct db *db, void *arg, struct err *e)
{
	(void)arg;
	return add(db, &LOCK, e);
}

static int
run_blind(struct db *db, struct arena *b, void *arg)
{
	struct err e = { 0 };

	(void)arg;
	return db_txn(db, b, blind, NULL, &e) == -1;
}

static int
run_careful(struct db *db, struct arena *b, void *arg)
{
	struct err e = { 0 };

	(void)arg;
	return db_txn(db, b, careful, NULL, &e) == -1;
}

static void
reset(void *arg)
{
	(void)arg;
	mariadb_sql(DB, "DELETE FROM t; INSERT INTO t VALUES (0)");
}

static void
check(void *arg, const char *what, const int status[2])
{
	(void)arg;
	(void)what;
	assert_int_equal(status[0], 0);
	assert_int_equal(status[1], 0);
	if (strcmp(mariadb_value(a, DB, "SELECT n FROM t"), "2") == 0)
		kept++;
	else
		lost++;
}

static void
finds_a_lost_update(void **state)
{
	struct step_pair p = { DB, { { "x", run_blind, NULL },
	    { "y", run_blind, NULL } }, reset, check, NULL, 1 };

	(void)state;
	lost = kept = 0;
	/* begin, get, set, commit: stopped after get or set it loses one. */
	assert_int_equal(step_pairs(&p), 10);
	assert_int_equal(lost, 4);
	assert_int_equal(kept, 6);
	lost = kept = 0;
	assert_int_equal(step_random(&p, 7, 30), 30);
	assert_true(lost > 0);
}

static void
finds_none_where_there_is_none(void **state)
{
	struct step_pair p = { DB, { { "x", run_careful, NULL },
	    { "y", run_careful, NULL } }, reset, check, NULL, 1 };

	(void)state;
	lost = kept = 0;
	assert_int_equal(step_pairs(&p), 10);
	step_random(&p, 3, 10);
	assert_int_equal(lost, 0);
	assert_int_equal(kept, 20);
}

static void
waits_and_kills(void **state)
{
	struct step_side side[2] = { { "x", run_careful, NULL },
	    { "y", run_careful, NULL } };
	struct step *s;

	(void)state;
	reset(NULL);
	s = step_open(DB, side, 2);
	assert_true(step_until(s, 0, "t.set"));
	assert_int_equal(step_run(s, 1), STEP_WAITS);
	assert_string_equal(step_before(s, 1), "t.lock");
	assert_int_equal(step_one(s, 0), STEP_READY);
	assert_string_equal(step_before(s, 0), "COMMIT");
	assert_int_equal(step_state(s, 1), STEP_WAITS);
	step_kill(s, 0);
	assert_int_equal(step_state(s, 1), STEP_READY);
	step_finish(s);
	assert_int_equal(step_status(s, 0), -1);
	assert_int_equal(step_status(s, 1), 0);
	step_close(s);
	assert_string_equal(mariadb_value(a, DB, "SELECT n FROM t"), "1");
}

/* What a transaction says and does when its n-th statement fails. */
static void
faults_strike(void **state)
{
	static const enum step_fault all[] = { FAULT_LOCK_WAIT,
	    FAULT_DEADLOCK, FAULT_CUT_BEFORE, FAULT_CUT_AFTER };
	struct db *db = mariadb_open(a, DB);
	struct err e = { 0 };

	(void)state;
	for (size_t f = 0; f < 4; f++)
		for (size_t n = 1; n <= 4; n++) {
			int rc, done;

			reset(NULL);
			err_clear(&e);
			assert_int_equal(db_ping(db, &e), 0);
			step_fault(n, all[f]);
			rc = db_txn(db, a, careful, NULL, &e);
			assert_true(step_sent() >= n);
			step_fault(0, FAULT_NONE);
			done = atoi(mariadb_value(a, DB, "SELECT n FROM t"));
			if (f < 2) {	/* tried again, once */
				assert_int_equal(rc, 0);
				assert_int_equal(done, 1);
			} else if (n < 4) {
				assert_int_equal(done, rc == 0);
			} else {	/* COMMIT: nobody can know */
				assert_int_equal(rc, -1);
				assert_string_equal(e.code, "db_uncertain");
				assert_int_equal(done,
				    all[f] == FAULT_CUT_AFTER);
			}
		}
	db_close(db);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_a_lost_update),
		cmocka_unit_test(finds_none_where_there_is_none),
		cmocka_unit_test(waits_and_kills),
		cmocka_unit_test(faults_strike),
	};

	if (!mariadb_start())
		return 0;
	return cmocka_run_group_tests(tests, setup, teardown);
}
