/*
 * Rate limits of a cloud are one for all processes of the host: together they
 * get what one would, and one that is told to slow down slows all of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/err.h"
#include "modules/spot/pace.h"
#include "tests/harness/forked.h"

#include <cmocka.h>		/* its fail() would hide ours */

enum { CHILDREN = 4, NOW_S = 5000 };
#define S(n) ((uint64_t)(n) * 1000000000)

static char dir[SCRATCH_PATH];
static struct arena *a;
static struct shm *shm;

static int
begin(void **state)
{
	struct shm_layout layout = { .processes = 8, .limit_slots = 1024 };
	struct err err = { 0 };

	(void)state;
	a = arena_new(16 << 20);
	return shm_attach(&shm, a, scratch_dir(dir), &layout, &err);
}

static int
end(void **state)
{
	(void)state;
	shm_detach(shm);
	scratch_remove(dir);
	arena_free(a);
	return 0;
}

static struct pace_key
key(const char *account, const char *region, const char *action)
{
	return (struct pace_key){ account, strlen(account), region, action };
}

static int
taken(const struct pace_key *k, uint64_t now)
{
	int64_t wait;
	int n = 0;

	while (n < 200 && spot_pace_take(shm, k, 50, now, &wait))
		n++;
	return n;
}

static int
child(void *arg)
{
	const struct pace_key k = key("a", "r1", "CreateTags");
	int n;

	(void)arg;
	shm_after_fork(shm);
	n = taken(&k, S(NOW_S));
	return n;
}

static void
test_together(void **state)
{
	pid_t pid[CHILDREN];
	int sum = 0;

	(void)state;
	for (int i = 0; i < CHILDREN; i++)
		pid[i] = forked(child, NULL);
	for (int i = 0; i < CHILDREN; i++)
		sum += forked_wait(pid[i]);
	assert_int_equal(sum, 50);	/* half of AWS's bucket of 100 */
}

static void
test_apart(void **state)
{
	const struct pace_key run = key("a", "r1", "RunInstances"),
	    other = key("a", "r2", "RunInstances"),
	    theirs = key("b", "r1", "RunInstances"),
	    act = key("a", "r1", "TerminateInstances");
	int64_t wait;

	(void)state;
	assert_int_equal(taken(&run, S(NOW_S)), 2);
	assert_false(spot_pace_take(shm, &run, 50, S(NOW_S), &wait));
	assert_true(wait > 0 && wait <= INT64_C(1100000000));
	assert_int_equal(taken(&other, S(NOW_S)), 2);
	assert_int_equal(taken(&theirs, S(NOW_S)), 2);
	assert_int_equal(taken(&act, S(NOW_S)), 50);
	assert_true(spot_pace_take(shm, &run, 50, S(NOW_S) +
	    (uint64_t)wait, &wait));
	assert_true(spot_pace_take(shm, &run, 0, S(NOW_S), &wait));
	assert_true(spot_pace_take(NULL, &run, 50, S(NOW_S), &wait));
}

static int
throttle(void *arg)
{
	const struct pace_key k = key("a", "r1", "DescribeInstances");

	(void)arg;
	shm_after_fork(shm);
	spot_pace_throttled(shm, &k, S(NOW_S));
	return 0;
}

static void
test_halved_for_all(void **state)
{
	const struct pace_key k = key("a", "r1", "DescribeInstances");

	(void)state;
	assert_int_equal(forked_wait(forked(throttle, NULL)), 0);
	assert_int_equal(taken(&k, S(NOW_S)), 25);
	/* quiet for long: whole again */
	assert_int_equal(taken(&k, S(NOW_S + 100)), 50);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_together),
		cmocka_unit_test(test_apart),
		cmocka_unit_test(test_halved_for_all)
	};

	return cmocka_run_group_tests(tests, begin, end);
}
