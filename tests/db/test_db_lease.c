/*
 * Leases: tokens grow by one at each change of holder, two holders never
 * overlap, and a holder that was taken over writes nothing more.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/random.h"
#include "db/db.h"
#include "db/lease.h"
#include "tests/harness/mariadb.h"
#include "tests/harness/pace.h"

#define DB "test_lease"

static struct arena *a;
static struct db *db;
static struct err err;
static char empty_dir[] = "/tmp/quincunx-test-sql-XXXXXX";

static int
setup(void **state)
{
	(void)state;
	a = arena_new(64 << 20);
	if (mkdtemp(empty_dir) == NULL)
		return -1;
	mariadb_migrated(DB, empty_dir);
	db = mariadb_open(a, DB);
	err_clear(&err);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(a);
	return rmdir(empty_dir);
}

static void
expire(void)
{
	mariadb_sql(DB, "UPDATE db_lease SET expires = NOW(6)");
}

static int
take(struct lease *l, int ttl_s)
{
	int rc;

	err_clear(&err);
	rc = lease_take(db, l, ttl_s, &err);
	if (rc == -1)
		print_error("%s (%s)\n", err.detail, err.cause);
	return rc;
}

static void
tokens_grow(void **state)
{
	struct lease x = { .role = "r", .holder = uuid_new() };
	struct lease y = { .role = "r", .holder = uuid_new() };

	(void)state;
	assert_int_equal(take(&x, 60), 0);
	assert_int_equal(x.token, 1);
	assert_int_equal(take(&y, 60), 1);
	assert_int_equal(take(&x, 60), 0);
	assert_int_equal(x.token, 1);
	expire();
	assert_int_equal(take(&y, 60), 0);
	assert_int_equal(y.token, 2);
	expire();
	assert_int_equal(take(&x, 60), 0);
	assert_int_equal(x.token, 3);
	assert_int_equal(take(&y, 60), 1);
	assert_int_equal(lease_release(db, &x, &err), 0);
	assert_int_equal(take(&y, 60), 0);
	assert_int_equal(y.token, 4);
	/* Taking again what one holds, even expired, is no change. */
	expire();
	assert_int_equal(take(&y, 60), 0);
	assert_int_equal(y.token, 4);
	/* A release by a former holder touches nothing. */
	assert_int_equal(lease_release(db, &x, &err), 0);
	assert_int_equal(take(&x, 60), 1);
}

static void
deadline(void **state)
{
	struct lease x = { .role = "deadline", .holder = uuid_new() };
	int64_t before = clock_boot_ns();

	(void)state;
	assert_int_equal(take(&x, 60), 0);
	assert_true(x.until_boot_ns >= before + INT64_C(60000000000));
	assert_true(x.until_boot_ns <= clock_boot_ns() +
	    INT64_C(60000000000));
}

static void
guard(void **state)
{
	struct lease x = { .role = "guard", .holder = uuid_new() };
	struct lease y = { .role = "guard", .holder = uuid_new() };

	(void)state;
	assert_int_equal(take(&x, 60), 0);
	assert_int_equal(db_begin(db, &err), 0);
	assert_int_equal(lease_guard(db, &x, &err), 0);
	assert_int_equal(db_commit(db, &err), 0);
	expire();
	/* Expired, but nobody came: the token is still the highest. */
	assert_int_equal(db_begin(db, &err), 0);
	assert_int_equal(lease_guard(db, &x, &err), 0);
	assert_int_equal(db_commit(db, &err), 0);
	assert_int_equal(take(&y, 60), 0);
	assert_int_equal(db_begin(db, &err), 0);
	/* what is written after it does not stay */
	assert_int_equal(lease_guard(db, &x, &err), 0);
	assert_int_equal(db_hear(db, &err), -1);
	assert_int_equal(err.status, 409);
	assert_string_equal(err.code, "lease_lost");
	db_rollback(db);
	err_clear(&err);
	assert_int_equal(db_begin(db, &err), 0);
	assert_int_equal(lease_guard(db, &y, &err), 0);
	db_rollback(db);
}

/* Somebody who writes under the lease keeps it, also past its end. */
static void
guarded_transaction_blocks_takers(void **state)
{
	struct lease x = { .role = "block", .holder = uuid_new() };
	struct lease y = { .role = "block", .holder = uuid_new() };
	struct arena *own = arena_new(8 << 20);
	struct db_conf conf = mariadb_conf(own, DB);
	struct db *other;

	(void)state;
	conf.lock_wait_s = 1;
	assert_int_equal(db_open(&other, own, &conf, &err), 0);
	assert_int_equal(take(&x, 60), 0);
	expire();
	assert_int_equal(db_begin(db, &err), 0);
	assert_int_equal(lease_guard(db, &x, &err), 0);
	assert_int_equal(lease_take(other, &y, 60, &err), 1);
	assert_int_equal(err.status, 0);
	assert_int_equal(db_commit(db, &err), 0);
	assert_int_equal(lease_take(other, &y, 60, &err), 0);
	assert_int_equal(y.token, 2);
	arena_free(own);
}

/* ---- processes ---------------------------------------------------------- */

enum { PARTIES = 3, RUN_MS = 2500, TURNS = 12, LIMIT_MS = 60000 };

/* Shared by the parties: who is inside now, by their own clocks. */
struct ring {
	int inside, overlaps, turns;
	int64_t last_token;
	int backwards;
};

static void
hold(struct ring *r, const struct lease *l)
{
	if (__atomic_add_fetch(&r->inside, 1, __ATOMIC_SEQ_CST) != 1)
		__atomic_add_fetch(&r->overlaps, 1, __ATOMIC_SEQ_CST);
	if (l->token <= __atomic_exchange_n(&r->last_token, l->token,
	    __ATOMIC_SEQ_CST))
		__atomic_add_fetch(&r->backwards, 1, __ATOMIC_SEQ_CST);
	__atomic_add_fetch(&r->turns, 1, __ATOMIC_SEQ_CST);
	pace_us((useconds_t)random_below(30000));
	__atomic_sub_fetch(&r->inside, 1, __ATOMIC_SEQ_CST);
}

/* Long enough to meet each other, and until enough was seen, however slow the
 * machine is. */
static bool
more(struct ring *r, int64_t ms)
{
	return ms < RUN_MS || (ms < LIMIT_MS &&
	    __atomic_load_n(&r->turns, __ATOMIC_SEQ_CST) < TURNS);
}

static void
party(struct ring *r)
{
	struct arena *own = arena_new(8 << 20);
	struct db *d = mariadb_open(own, DB);
	int64_t start = clock_boot_ns();
	struct lease l = { .role = "ring" };
	struct err e = { 0 };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (more(r, (clock_boot_ns() - start) / 1000000)) {
		l.holder = uuid_new();
		err_clear(&e);
		if (lease_take(d, &l, 1, &e) != 0) {
			pace_us((useconds_t)random_below(5000));
			continue;
		}
		hold(r, &l);
		/* Some leave properly, others let it expire. */
		if (random_below(10) != 0)
			lease_release(d, &l, &e);
	}
	_exit(0);
}

static void
never_two(void **state)
{
	struct ring *r = mmap(NULL, sizeof(*r), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid[PARTIES];
	int i;

	(void)state;
	assert_ptr_not_equal(r, MAP_FAILED);
	for (i = 0; i < PARTIES; i++)
		if ((pid[i] = fork()) == 0)
			party(r);
	for (i = 0; i < PARTIES; i++)
		assert_int_equal(waitpid(pid[i], NULL, 0), pid[i]);
	assert_int_equal(r->overlaps, 0);
	assert_int_equal(r->backwards, 0);
	assert_true(r->turns >= TURNS);
	assert_int_equal(r->last_token, r->turns);
	munmap(r, sizeof(*r));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens_grow),
		cmocka_unit_test(deadline),
		cmocka_unit_test(guard),
		cmocka_unit_test(guarded_transaction_blocks_takers),
		cmocka_unit_test(never_two),
	};

	if (!mariadb_start())
		return 0;
	return cmocka_run_group_tests(tests, setup, teardown);
}
