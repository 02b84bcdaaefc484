/*
 * Transactions: everything or nothing, also after lock waits, deadlocks,
 * swallowed errors and a COMMIT whose answer was lost.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "db/db.h"
#include "tests/harness/mariadb.h"
#include "tests/harness/pace.h"

#define DB "test_txn"
enum { ROWS = 4 };

static struct arena *a;
static struct db *db;
static struct err err;

static const struct query ADD = { "test.add",
	"UPDATE t SET n = n + 1 WHERE id = ?", NULL };
static const struct query TRY_ADD = { "test.try_add",
	"SET STATEMENT innodb_lock_wait_timeout=0 FOR "
	"UPDATE t SET n = n + 1 WHERE id = ?", NULL };
static const struct query PUT = { "test.put",
	"INSERT INTO u (name) VALUES (?)", NULL };
static const struct query SLOW = { "test.slow",
	"UPDATE t SET n = n + SLEEP(3) WHERE id = 1", NULL };
static const struct query CHILD = { "test.child",
	"INSERT INTO child (parent) VALUES (?)", NULL };

static int
setup(void **state)
{
	(void)state;
	a = arena_new(64 << 20);
	mariadb_create(DB);
	mariadb_sql(DB, "CREATE TABLE t (id INT PRIMARY KEY, n INT NOT NULL); "
	    "CREATE TABLE u (id INT AUTO_INCREMENT PRIMARY KEY, "
	    "name VARCHAR(40), UNIQUE KEY u_name (name)); "
	    "CREATE TABLE child (parent INT, FOREIGN KEY (parent) "
	    "REFERENCES t (id))");
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

static struct db *
open_short(struct arena *to)
{
	struct db_conf conf = mariadb_conf(to, DB);
	struct db *d;

	conf.lock_wait_s = 1;
	conf.statement_timeout_ms = 1999;
	err_clear(&err);
	assert_int_equal(db_open(&d, to, &conf, &err), 0);
	return d;
}

static int
fresh(void **state)
{
	(void)state;
	mariadb_sql(DB, "DELETE FROM child; DELETE FROM t; DELETE FROM u; "
	    "INSERT INTO t VALUES (1,0),(2,0),(3,0),(4,0)");
	db = open_short(a);
	return 0;
}

static int
closed(void **state)
{
	(void)state;
	db_close(db);
	assert_int_equal(txn_depth(), 0);
	return 0;
}

static const char *
sum(void)
{
	return mariadb_value(a, DB, "SELECT GROUP_CONCAT(n ORDER BY id "
	    "SEPARATOR ' ') FROM t");
}

static const char *
names(void)
{
	return mariadb_value(a, DB, "SELECT IFNULL(GROUP_CONCAT(name ORDER BY "
	    "name SEPARATOR ' '), '') FROM u");
}

static int
add(struct db *d, int64_t id, struct err *e)
{
	return db_exec(d, &ADD, ARGS(V(id)), NULL, e);
}

static int
put(struct db *d, const char *name, struct err *e)
{
	return db_exec(d, &PUT, ARGS(V(name)), NULL, e);
}

/* ---- the simple life ---------------------------------------------------- */

static void
commit_and_rollback(void **state)
{
	uint64_t n = 9;

	(void)state;
	assert_int_equal(db_begin(db, &err), 0);
	assert_true(db_in_txn(db));
	assert_int_equal(txn_depth(), 1);
	assert_int_equal(add(db, 1, &err), 0);
	assert_string_equal(sum(), "0 0 0 0");
	assert_int_equal(db_commit(db, &err), 0);
	assert_int_equal(txn_depth(), 0);
	assert_string_equal(sum(), "1 0 0 0");
	assert_int_equal(db_begin(db, &err), 0);
	assert_int_equal(add(db, 1, &err), 0);
	db_rollback(db);
	assert_string_equal(sum(), "1 0 0 0");
	/* Matched, not changed, rows. */
	assert_int_equal(db_exec(db, &(const struct query){ "test.same",
	    "UPDATE t SET n = n WHERE id < 3", NULL }, NO_ARGS, &n, &err), 0);
	assert_int_equal(n, 2);
	assert_int_equal(put(db, "x", &err), 0);
	assert_true(db_insert_id(db) > 0);
}

static void
nested_begin(void **state)
{
	(void)state;
	assert_int_equal(db_begin(db, &err), 0);
	assert_int_equal(db_begin(db, &err), -1);
	assert_int_equal(err.status, 500);
	assert_int_equal(db_commit(db, &err), -1);
	assert_false(db_in_txn(db));
}

static void
duplicate_poisons(void **state)
{
	(void)state;
	assert_int_equal(put(db, "a", &err), 0);
	assert_int_equal(db_begin(db, &err), 0);
	assert_int_equal(put(db, "b", &err), 0);
	assert_int_equal(put(db, "a", &err), -1);
	assert_int_equal(err.status, 409);
	assert_string_equal(err.code, "duplicate");
	assert_int_equal(err.native, 1062);
	assert_string_equal(err.cause, "u_name");
	err_clear(&err);
	assert_int_equal(put(db, "c", &err), -1);
	assert_string_equal(err.code, "duplicate");
	err_clear(&err);
	assert_int_equal(db_commit(db, &err), -1);
	assert_string_equal(err.code, "duplicate");
	assert_string_equal(names(), "a");
	err_clear(&err);
	assert_int_equal(put(db, "c", &err), 0);
}

static void
foreign_keys(void **state)
{
	(void)state;
	assert_int_equal(db_exec(db, &CHILD, ARGS(V(77)), NULL, &err), -1);
	assert_string_equal(err.code, "conflict");
	assert_int_equal(err.status, 409);
	err_clear(&err);
	assert_int_equal(db_exec(db, &CHILD, ARGS(V(1)), NULL, &err), 0);
	assert_int_equal(db_exec(db, &(const struct query){ "test.del",
	    "DELETE FROM t WHERE id = 1", NULL }, NO_ARGS, NULL, &err), -1);
	assert_string_equal(err.code, "conflict");
}

static void
slow_statement(void **state)
{
	int64_t t = clock_boot_ns();

	(void)state;
	assert_int_equal(db_exec(db, &SLOW, NO_ARGS, NULL, &err), -1);
	assert_string_equal(err.code, "db_timeout");
	assert_int_equal(err.status, 503);
	assert_true(clock_boot_ns() - t < INT64_C(2900000000));
}

/* A statement that commits by itself must not go unnoticed. */
static void
ddl_in_transaction(void **state)
{
	static const struct query ddl = { "test.ddl",
		"CREATE OR REPLACE TABLE x (i INT)", NULL };

	(void)state;
	assert_int_equal(db_begin(db, &err), 0);
	assert_int_equal(add(db, 1, &err), 0);
	assert_int_equal(db_exec(db, &ddl, NO_ARGS, NULL, &err), -1);
	assert_int_equal(err.status, 500);
	err_clear(&err);
	assert_int_equal(add(db, 2, &err), -1);
	db_rollback(db);
	assert_string_equal(sum(), "1 0 0 0");
}

/* ---- hooks -------------------------------------------------------------- */

static char bells[16];

static void
ring(void *arg)
{
	strncat(bells, arg, sizeof(bells) - strlen(bells) - 1);
}

static char bell_a[] = "a", bell_b[] = "b", bell_c[] = "c";

static int
rings_and_fails(struct db *d, void *arg, struct err *e)
{
	(void)arg;
	db_on_commit(d, ring, bell_c);
	return put(d, "one", e);
}

static void
hooks(void **state)
{
	(void)state;
	bells[0] = '\0';
	db_on_commit(db, ring, bell_a);
	assert_string_equal(bells, "a");
	assert_int_equal(db_begin(db, &err), 0);
	db_on_commit(db, ring, bell_b);
	assert_string_equal(bells, "a");
	db_rollback(db);
	assert_int_equal(put(db, "one", &err), 0);
	assert_int_equal(db_begin(db, &err), 0);
	db_on_commit(db, ring, bell_b);
	db_on_commit(db, ring, bell_a);
	assert_int_equal(db_savepoint(db, rings_and_fails, NULL, &err), -1);
	assert_string_equal(bells, "a");
	err_clear(&err);
	assert_int_equal(db_commit(db, &err), 0);
	assert_string_equal(bells, "aba");
}

/* ---- savepoints --------------------------------------------------------- */

static int
put_two(struct db *d, void *arg, struct err *e)
{
	return put(d, "fresh", e) == -1 ? -1 : put(d, arg, e);
}

static int
swallow(struct db *d, void *arg, struct err *e)
{
	struct err own = { 0 };

	(void)e;
	put(d, arg, &own);
	return 0;
}

static void
savepoints(void **state)
{
	static char taken[] = "taken", other[] = "other";

	(void)state;
	assert_int_equal(put(db, taken, &err), 0);
	assert_int_equal(db_begin(db, &err), 0);
	assert_int_equal(put(db, "before", &err), 0);
	assert_int_equal(db_savepoint(db, put_two, taken, &err), -1);
	assert_string_equal(err.code, "duplicate");
	err_clear(&err);
	assert_int_equal(db_savepoint(db, swallow, taken, &err), -1);
	assert_string_equal(err.code, "duplicate");
	err_clear(&err);
	assert_int_equal(db_savepoint(db, swallow, other, &err), 0);
	assert_int_equal(db_commit(db, &err), 0);
	assert_string_equal(names(), "before other taken");
}

/* ---- lock waits --------------------------------------------------------- */

struct plan {
	struct db *other;	/* holds a lock on row `locked` */
	int64_t locked;
	int attempts;
	bool swallow;
	const struct query *q;
};

static int
add_all(struct db *d, void *arg, struct err *e)
{
	struct plan *p = arg;
	int64_t id;

	/* Freed before the second attempt. */
	if (p->attempts++ > 0 && p->other != NULL)
		db_rollback(p->other);
	for (id = 1; id <= ROWS; id++)
		if (db_exec(d, p->q, ARGS(V(id)), NULL, e) == -1 &&
		    !p->swallow)
			return -1;
	return 0;
}

static void
lock_wait_at_each_statement(void **state)
{
	struct plan p = { .other = open_short(a), .q = &ADD };
	int rounds = 0;

	(void)state;
	for (p.locked = 1; p.locked <= ROWS; p.locked++) {
		p.attempts = 0;
		assert_int_equal(db_begin(p.other, &err), 0);
		assert_int_equal(add(p.other, p.locked, &err), 0);
		if (db_txn(db, a, add_all, &p, &err) == -1)
			fail_msg("%s (%s)", err.detail, err.cause);
		assert_int_equal(p.attempts, 2);
		rounds++;
		assert_string_equal(sum(), arena_printf(a, "%d %d %d %d",
		    rounds, rounds, rounds, rounds));
	}
	db_close(p.other);
}

/* The server keeps the half of a transaction after 1205. */
static void
swallowed_errors_commit_nothing(void **state)
{
	struct db *other = open_short(a);
	struct plan p = { .swallow = true, .q = &TRY_ADD };

	(void)state;
	assert_int_equal(db_begin(other, &err), 0);
	assert_int_equal(add(other, 3, &err), 0);
	assert_int_equal(db_txn(db, a, add_all, &p, &err), -1);
	assert_true(db_retryable(&err));
	assert_int_equal(err.native, 1205);
	assert_int_equal(p.attempts, 4);
	db_rollback(other);
	assert_string_equal(sum(), "0 0 0 0");
	db_close(other);
}

static int
always_busy(struct db *d, void *arg, struct err *e)
{
	(void)d;
	++*(int *)arg;
	return err_set(e, 503, "db_retry", "Busy");
}

static int
own_refusal(struct db *d, void *arg, struct err *e)
{
	++*(int *)arg;
	add(d, 1, e);
	return err_set(e, 404, "not_found", "Nothing there");
}

static void
retries(void **state)
{
	int n = 0;

	(void)state;
	assert_int_equal(db_txn(db, a, always_busy, &n, &err), -1);
	assert_int_equal(n, 4);
	n = 0;
	err_clear(&err);
	assert_int_equal(db_txn(db, a, own_refusal, &n, &err), -1);
	assert_int_equal(n, 1);
	assert_int_equal(err.status, 404);
	assert_string_equal(sum(), "0 0 0 0");
}

/* ---- a real deadlock ---------------------------------------------------- */

struct duel {
	int64_t first, second;
	int rd, wr;		/* meet the other before the second step */
	int attempts;
	bool swallow;
};

static int
cross(struct db *d, void *arg, struct err *e)
{
	struct duel *u = arg;
	char c = 'x';
	int rc;

	if (add(d, u->first, e) == -1)
		return -1;
	if (u->attempts++ == 0) {
		assert_int_equal(write(u->wr, &c, 1), 1);
		assert_int_equal(read(u->rd, &c, 1), 1);
	}
	rc = add(d, u->second, e);
	if (!u->swallow)
		return rc;
	/* After 1213 this would autocommit, and survive a ROLLBACK. */
	add(d, 3, e);
	return 0;
}

static void
second_party(int rd, int wr, bool swallow_it)
{
	struct arena *own = arena_new(16 << 20);
	struct duel u = { 2, 1, rd, wr, 0, swallow_it };
	struct err e = { 0 };
	int rc;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	rc = db_txn(open_short(own), own, cross, &u, &e);
	_exit(rc == 0 ? u.attempts : 0);
}

static void
duel(bool swallow_it)
{
	int to[2], from[2], status;
	struct duel u = { 1, 2, -1, -1, 0, swallow_it };
	pid_t pid;

	assert_int_equal(pipe(to), 0);
	assert_int_equal(pipe(from), 0);
	if ((pid = fork()) == 0)
		second_party(to[0], from[1], swallow_it);
	u.rd = from[0];
	u.wr = to[1];
	if (db_txn(db, a, cross, &u, &err) == -1)
		fail_msg("%s (%s)", err.detail, err.cause);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) > 0);
	/* One of the two was the victim, once. */
	assert_int_equal(u.attempts + WEXITSTATUS(status), 3);
	close(to[0]);
	close(to[1]);
	close(from[0]);
	close(from[1]);
}

static void
deadlock(void **state)
{
	(void)state;
	duel(false);
	assert_string_equal(sum(), "2 2 0 0");
}

static void
swallowed_deadlock(void **state)
{
	(void)state;
	duel(true);
	assert_string_equal(sum(), "2 2 2 0");
}

/* ---- lost connections --------------------------------------------------- */

static void
kill_connections(void)
{
	mariadb_sql(NULL, "BEGIN NOT ATOMIC FOR p IN (SELECT id FROM "
	    "information_schema.processlist WHERE db = '" DB "') DO "
	    "KILL p.id; END FOR; END");
	pace_us(20000);
}

static void
lost_commit(void **state)
{
	(void)state;
	assert_int_equal(db_begin(db, &err), 0);
	assert_int_equal(add(db, 1, &err), 0);
	kill_connections();
	assert_int_equal(db_commit(db, &err), -1);
	assert_string_equal(err.code, "db_uncertain");
	assert_int_equal(err.status, 503);
	assert_false(db_in_txn(db));
	assert_int_equal(txn_depth(), 0);
	err_clear(&err);
	assert_int_equal(add(db, 2, &err), 0);
	assert_string_equal(sum(), "0 1 0 0");
}

static void
lost_in_transaction(void **state)
{
	int n = 0;

	(void)state;
	assert_int_equal(db_begin(db, &err), 0);
	assert_int_equal(add(db, 1, &err), 0);
	kill_connections();
	assert_int_equal(add(db, 2, &err), -1);
	assert_string_equal(err.code, "db_uncertain");
	err_clear(&err);
	/* No new connection under an open transaction. */
	assert_int_equal(add(db, 3, &err), -1);
	assert_string_equal(err.code, "db_uncertain");
	db_rollback(db);
	err_clear(&err);
	assert_int_equal(db_txn(db, a, own_refusal, &n, &err), -1);
	assert_int_equal(err.status, 404);
	assert_string_equal(sum(), "0 0 0 0");
}

static void
idle_connection_is_reopened(void **state)
{
	(void)state;
	assert_int_equal(add(db, 1, &err), 0);
	kill_connections();
	if (add(db, 1, &err) == -1)
		fail_msg("%s (%s)", err.detail, err.cause);
	kill_connections();
	pace_us(80000);
	assert_int_equal(add(db, 1, &err), 0);
	kill_connections();
	assert_int_equal(db_begin(db, &err), 0);
	assert_int_equal(add(db, 1, &err), 0);
	assert_int_equal(db_commit(db, &err), 0);
	kill_connections();
	assert_int_equal(db_exec(db, &TRY_ADD, ARGS(V(1)), NULL, &err), 0);
	assert_string_equal(sum(), "5 0 0 0");
}

/* ---- budgets ------------------------------------------------------------ */

static void
budgets(void **state)
{
	struct plan p = { .q = &ADD };
	uint64_t n;

	(void)state;
	n = db_statements(db);
	assert_int_equal(add(db, 1, &err), 0);
	assert_int_equal(db_statements(db) - n, 1);
	n = db_statements(db);
	assert_int_equal(db_txn(db, a, add_all, &p, &err), 0);
	assert_int_equal(db_statements(db) - n, ROWS + 2);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, fresh, closed)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(commit_and_rollback), CASE(nested_begin),
		CASE(duplicate_poisons), CASE(foreign_keys),
		CASE(slow_statement), CASE(ddl_in_transaction), CASE(hooks),
		CASE(savepoints), CASE(lock_wait_at_each_statement),
		CASE(swallowed_errors_commit_nothing), CASE(retries),
		CASE(deadlock), CASE(swallowed_deadlock), CASE(lost_commit),
		CASE(lost_in_transaction), CASE(idle_connection_is_reopened),
		CASE(budgets),
	};

	if (!mariadb_start())
		return 0;
	return cmocka_run_group_tests(tests, setup, teardown);
}
