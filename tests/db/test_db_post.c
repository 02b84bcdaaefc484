/*
 * Statements that are sent without waiting: they take effect in order, in one
 * round trip, and whatever fails among them, nothing of the transaction stays.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/check.h"
#include "db/db.h"
#include "tests/harness/mariadb.h"
#include "tests/harness/pace.h"

#define DB "test_post"

static struct arena *a;
static struct db *db;
static struct err err;

static const struct query ADD = { "test.add",
	"UPDATE t SET n = n + 1 WHERE id = ?", NULL };
static const struct query PUT = { "test.put",
	"INSERT INTO u (name) VALUES (?)", NULL };

struct number {
	int64_t n;
};
static const struct field number_fields[] = {
	FIELD(struct number, n, .doc = "Number"), FIELD_END
};
static const struct schema number_schema = {
	.name = "Number", .doc = "A number", .size = sizeof(struct number),
	.fields = number_fields
};
static const struct query GET = { "test.get",
	"SELECT n FROM t WHERE id = ? LIMIT 1", &number_schema };

static int
setup(void **state)
{
	(void)state;
	a = arena_new(64 << 20);
	mariadb_create(DB);
	mariadb_sql(DB, "CREATE TABLE t (id INT PRIMARY KEY, n INT NOT NULL); "
	    "CREATE TABLE u (id INT AUTO_INCREMENT PRIMARY KEY, "
	    "name VARCHAR(40), UNIQUE KEY u_name (name))");
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
fresh(void **state)
{
	(void)state;
	mariadb_sql(DB, "DELETE FROM t; DELETE FROM u; INSERT INTO t VALUES "
	    "(1,0),(2,0),(3,0),(4,0)");
	db = mariadb_open(a, DB);
	err_clear(&err);
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
	    "id SEPARATOR ' '), '') FROM u");
}

static void
add(int64_t id)
{
	assert_int_equal(db_post(db, &ADD, ARGS(V(id)), &err), 0);
}

static void
put(const char *name)
{
	assert_int_equal(db_post(db, &PUT, ARGS(V(name)), &err), 0);
}

static int64_t
get(int64_t id)
{
	struct number out;

	if (db_one(db, a, &GET, ARGS(V(id)), &out, &err) != 0)
		fail_msg("%s (%s)", err.detail, err.cause);
	return out.n;
}

static void
begin(void)
{
	assert_int_equal(db_begin(db, &err), 0);
}

static void
commit(void)
{
	if (db_commit(db, &err) == -1)
		fail_msg("%s (%s)", err.detail, err.cause);
}

/* ---- the simple life ---------------------------------------------------- */

static void
order_is_kept(void **state)
{
	(void)state;
	begin();
	put("a");
	add(1);
	put("b");
	add(1);
	/* a read sees what was sent before it */
	assert_int_equal(get(1), 2);
	add(1);
	assert_string_equal(sum(), "0 0 0 0");
	commit();
	assert_string_equal(sum(), "3 0 0 0");
	assert_string_equal(names(), "a b");
}

/* More than may wait. */
static void
many(void **state)
{
	enum { N = 200 };

	(void)state;
	begin();
	for (int i = 0; i < N; i++)
		add(2);
	commit();
	assert_string_equal(sum(), "0 200 0 0");
}

static void
round_trips(void **state)
{
	uint64_t n;

	(void)state;
	begin();
	add(1);
	put("a");
	get(1);
	commit();
	n = db_trips(db);
	begin();
	add(1);
	put("b");
	add(2);
	assert_int_equal(get(1), 2);
	add(3);
	commit();
	/* with the read, with the last answers, and COMMIT */
	assert_int_equal(db_trips(db) - n, 3);
	begin();
	assert_int_equal(get(1), 2);
	db_rollback(db);
}

static int64_t
first(const struct rows *rows)
{
	assert_int_equal(rows->n, 1);
	return ROW(rows, struct number, 0)->n;
}

static void
ask(struct rows *out, int64_t id)
{
	assert_int_equal(db_ask(db, a, &GET, ARGS(V(id)), out, &err), 0);
}

static void
hear(void)
{
	if (db_hear(db, &err) == -1)
		fail_msg("%s (%s)", err.detail, err.cause);
}

static int
ask_and_fail(struct db *d, void *out, struct err *e)
{
	return db_ask(d, a, &GET, ARGS(V(1)), out, e) == -1 ? -1 :
	    err_set(e, 404, "not_found", "Nothing there");
}

/* Several questions, the same statement among them, and changes between. */
static void
questions(void **state)
{
	struct rows r[5];
	uint64_t n;

	(void)state;
	ask(&r[0], 1);		/* outside a transaction: at once */
	assert_int_equal(first(&r[0]), 0);
	begin();
	add(1);
	put("a");
	commit();
	begin();
	n = db_trips(db);
	ask(&r[0], 1);
	add(1);
	ask(&r[1], 1);
	ask(&r[2], 77);
	assert_int_equal(db_post_one(db, &ADD, ARGS(V(1)), &err), 0);
	ask(&r[3], 1);
	hear();
	assert_int_equal(db_trips(db) - n, 1);
	assert_int_equal(first(&r[0]), 1);
	assert_int_equal(first(&r[1]), 2);
	assert_int_equal(r[2].n, 0);
	assert_int_equal(first(&r[3]), 3);
	ask(&r[4], 1);
	assert_int_equal(get(2), 0);	/* comes after it */
	assert_int_equal(first(&r[4]), 3);
	put("a");
	ask(&r[0], 1);
	ask(&r[1], 1);
	assert_int_equal(db_hear(db, &err), -1);
	assert_string_equal(err.code, "duplicate");
	err_clear(&err);
	assert_int_equal(db_hear(db, &err), -1);
	db_rollback(db);
	err_clear(&err);
	assert_int_equal(get(1), 1);
	/* nobody waits any more: *out is left alone */
	begin();
	ask(&r[0], 1);
	ask(&r[1], 1);
	db_rollback(db);
	assert_int_equal(r[0].n + r[1].n, 0);
	begin();
	assert_int_equal(db_savepoint(db, ask_and_fail, &r[0], &err), -1);
	assert_int_equal(err.status, 404);
	assert_int_equal(get(1), 1);
	assert_int_equal(r[0].n, 0);
	commit();
}

/* What is no transaction commits by itself, also after one that posted. */
static void
alone_again(void **state)
{
	(void)state;
	begin();
	add(1);
	commit();
	assert_int_equal(get(1), 1);
	begin();
	add(1);
	commit();
	assert_int_equal(db_exec(db, &ADD, ARGS(V(2)), NULL, &err), 0);
	assert_string_equal(sum(), "2 1 0 0");
	begin();
	add(1);
	db_rollback(db);
	assert_int_equal(db_post(db, &ADD, ARGS(V(3)), &err), 0);
	assert_string_equal(sum(), "2 1 1 0");
	begin();
	add(1);
	commit();
	assert_int_equal(db_exec_many(db, &PUT, (struct val[]){ V("x"),
	    V("y") }, 1, 2, NULL, &err), 0);
	assert_string_equal(names(), "x y");
}

/* ---- errors ------------------------------------------------------------- */

static void
error_is_the_next_calls(void **state)
{
	struct number out;

	(void)state;
	begin();
	add(1);		/* prepared: a statement's first call waits */
	db_rollback(db);
	begin();
	put("a");
	put("a");
	add(1);
	assert_int_equal(db_one(db, a, &GET, ARGS(V(1)), &out, &err), -1);
	assert_string_equal(err.code, "duplicate");
	assert_string_equal(err.cause, "u_name");
	err_clear(&err);
	assert_int_equal(db_post(db, &ADD, ARGS(V(1)), &err), -1);
	assert_string_equal(err.code, "duplicate");
	err_clear(&err);
	assert_int_equal(db_commit(db, &err), -1);
	assert_string_equal(err.code, "duplicate");
	err_clear(&err);
	assert_string_equal(sum(), "0 0 0 0");
	assert_string_equal(names(), "");
	/* the connection is in step */
	begin();
	add(1);
	assert_int_equal(get(1), 1);
	commit();
}

static void
error_is_the_commits(void **state)
{
	(void)state;
	begin();
	add(1);
	put("a");
	put("a");
	add(2);
	assert_int_equal(db_commit(db, &err), -1);
	assert_int_equal(err.native, 1062);
	assert_false(db_in_txn(db));
	assert_string_equal(sum(), "0 0 0 0");
	assert_int_equal(get(1), 0);
}

static void
one_row_or_none(void **state)
{
	(void)state;
	begin();
	assert_int_equal(db_post_one(db, &ADD, ARGS(V(1)), &err), 0);
	commit();
	begin();
	add(1);
	assert_int_equal(db_post_one(db, &ADD, ARGS(V(77)), &err), 0);
	add(2);
	assert_int_equal(db_commit(db, &err), -1);
	assert_int_equal(err.status, 503);
	assert_string_equal(err.code, "busy");
	err_clear(&err);
	assert_string_equal(sum(), "1 0 0 0");
	assert_int_equal(db_post_one(db, &ADD, ARGS(V(77)), &err), -1);
	assert_string_equal(err.code, "busy");
}

static int
put_twice(struct db *d, void *arg, struct err *e)
{
	return db_post(d, &PUT, ARGS(V((const char *)arg)), e) == -1 ? -1 :
	    db_post(d, &PUT, ARGS(V((const char *)arg)), e);
}

static int
put_once(struct db *d, void *arg, struct err *e)
{
	return db_post(d, &PUT, ARGS(V((const char *)arg)), e);
}

static void
savepoints(void **state)
{
	static char two[] = "two", one[] = "one";

	(void)state;
	begin();
	add(1);
	assert_int_equal(db_savepoint(db, put_twice, two, &err), -1);
	assert_string_equal(err.code, "duplicate");
	err_clear(&err);
	assert_int_equal(db_savepoint(db, put_once, one, &err), 0);
	commit();
	assert_string_equal(names(), "one");
	assert_string_equal(sum(), "1 0 0 0");
}

/* ---- a deadlock among them ----------------------------------------------- */

struct duel {
	int64_t first, second;
	int rd, wr;		/* meet the other before the second step */
	int attempts;
};

/* After 1213 the server has no transaction any more, and goes on with what
 * was sent behind the victim. */
static int
cross(struct db *d, void *arg, struct err *e)
{
	struct duel *u = arg;
	char c = 'x';

	if (db_exec(d, &ADD, ARGS(V(u->first)), NULL, e) == -1)
		return -1;
	if (u->attempts++ == 0) {
		assert_int_equal(write(u->wr, &c, 1), 1);
		assert_int_equal(read(u->rd, &c, 1), 1);
	}
	return db_post(d, &ADD, ARGS(V(u->second)), e) == -1 ? -1 :
	    db_post(d, &ADD, ARGS(V(3)), e) == -1 ? -1 :
	    db_post(d, &ADD, ARGS(V(4)), e);
}

static void
second_party(int rd, int wr)
{
	struct arena *own = arena_new(16 << 20);
	struct duel u = { 2, 1, rd, wr, 0 };
	struct err e = { 0 };
	int rc;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	rc = db_txn(mariadb_open(own, DB), own, cross, &u, &e);
	_exit(rc == 0 ? u.attempts : 0);
}

static void
deadlock(void **state)
{
	int to[2], from[2], status;
	struct duel u = { 1, 2, -1, -1, 0 };
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(to), 0);
	assert_int_equal(pipe(from), 0);
	if ((pid = fork()) == 0)
		second_party(to[0], from[1]);
	u.rd = from[0];
	u.wr = to[1];
	if (db_txn(db, a, cross, &u, &err) == -1)
		fail_msg("%s (%s)", err.detail, err.cause);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	/* one of the two was the victim, once */
	assert_int_equal(u.attempts + WEXITSTATUS(status), 3);
	assert_string_equal(sum(), "2 2 2 2");
	for (int i = 0; i < 2; i++) {
		close(to[i]);
		close(from[i]);
	}
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
lost(void **state)
{
	(void)state;
	begin();
	add(1);
	kill_connections();
	assert_int_equal(db_commit(db, &err), -1);
	assert_string_equal(err.code, "db_uncertain");
	assert_false(db_in_txn(db));
	err_clear(&err);
	begin();
	add(1);
	add(2);
	kill_connections();
	db_rollback(db);
	assert_int_equal(get(1), 0);
	begin();
	add(3);
	commit();
	kill_connections();
	/* it says that nothing commits by itself, to a dead connection */
	assert_int_equal(get(3), 1);
	assert_string_equal(sum(), "0 0 1 0");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, fresh, closed)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(order_is_kept), CASE(many), CASE(round_trips),
		CASE(questions),
		CASE(alone_again), CASE(error_is_the_next_calls),
		CASE(error_is_the_commits), CASE(one_row_or_none),
		CASE(savepoints), CASE(deadlock), CASE(lost)
	};

	if (!mariadb_start())
		return 0;
	return cmocka_run_group_tests(tests, setup, teardown);
}
