/*
 * Breakers, permits and budgets with many processes at once: counts are exact,
 * each change is made by one of them, and what a killed process held comes
 * back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "shm/segment.h"
#include "tests/harness/forked.h"

#define MS UINT64_C(1000000)
#define SEC (1000 * MS)
#define START (1000 * SEC)

enum { KIDS = 8, CALLS = 900, ROUNDS = 20, LIMIT_MS = 30000 };

static const struct guard guards[] = {
	{ .name = "aws", .breaker = { 5, 20, 50, 80, 10000, 60, 600, 0, 3,
	    3600 }, .budget = { 200, 10, 10 }, .permits = 6, .wait_ms = 20 },
	{ .name = "counted", .breaker = { .open_s = 1, .open_max_s = 1 },
	  .budget = { 200, 10, 10 } },
	{ .name = NULL }
};
static const struct shm_layout layout = {
	.guards = guards, .processes = 32, .limit_slots = 64
};

/* What the processes of a test say to each other. */
static struct board {
	int ready, go, taken, turned;
} *board;

static char dir[SCRATCH_PATH];
static struct arena *a;
static struct shm *s;

static int
begin(void **state)
{
	struct err e;

	(void)state;
	scratch_dir(dir);
	a = arena_new(16 << 20);
	log_setup(&(struct log_options){ .level = LOG_ERROR }, &e);
	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return board == MAP_FAILED ? -1 : shm_attach(&s, a, dir, &layout, &e);
}

static int
end(void **state)
{
	(void)state;
	munmap(board, sizeof(*board));
	shm_detach(s);
	arena_free(a);
	scratch_remove(dir);
	return 0;
}

static void
count_up(int *at, int n)
{
	__atomic_add_fetch(at, n, __ATOMIC_SEQ_CST);
}

static int
seen(const int *at)
{
	return __atomic_load_n(at, __ATOMIC_SEQ_CST);
}

/* All at once: nobody begins before everybody is there. */
static void
line_up(void)
{
	shm_after_fork(s);
	count_up(&board->ready, 1);
	while (seen(&board->go) == 0)
		;
}

static bool
all_ready(void *n)
{
	return seen(&board->ready) == *(int *)n;
}

static void
run_all(int (*fn)(void *), void *arg, int n)
{
	pid_t kids[KIDS];

	*board = (struct board){ 0 };
	for (int i = 0; i < n; i++)
		kids[i] = forked(fn, arg);
	assert_true(eventually(all_ready, &n, LIMIT_MS));
	count_up(&board->go, 1);
	for (int i = 0; i < n; i++)
		assert_int_equal(forked_wait(kids[i]), 0);
}

/* ---- counting ------------------------------------------------------------------ */

static int
make_calls(void *arg)
{
	struct breaker_pass p;

	(void)arg;
	line_up();
	for (int i = 0; i < CALLS; i++) {
		if (!breaker_allow(s, 1, START, &p))
			return 1;
		breaker_result(s, 1, &p, i % 3 == 0 ? OUTCOME_FAIL :
		    OUTCOME_OK, START);
	}
	return 0;
}

static void
counts_are_exact(void **state)
{
	struct dependency_view v;

	(void)state;
	run_all(make_calls, NULL, KIDS);
	dependency_look(s, 1, START, &v);
	assert_int_equal(v.fail, KIDS * CALLS / 3);
	assert_int_equal(v.ok, KIDS * CALLS / 3 * 2);
}

static int
take_budget(void *arg)
{
	(void)arg;
	line_up();
	for (int i = 0; i < CALLS; i++) {
		if (budget_take(s, 1, START))
			count_up(&board->taken, 1);
		if (i % 9 == 0)
			budget_add(s, 1, START);
	}
	return 0;
}

/* A hundred in it, and a fifth for each of 800 first calls, of which at most
 * those count that found it not full. */
static void
budget_is_exact(void **state)
{
	uint64_t left;

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_true(budget_take(s, 1, START));
	run_all(take_budget, NULL, KIDS);
	left = budget_left(s, 1, START);
	assert_int_equal((uint64_t)seen(&board->taken) * 1000 + left,
	    KIDS * CALLS / 9 * 200);
	assert_true(left < 1000 + KIDS * 200);
}

/* ---- changes -------------------------------------------------------------------- */

static int
fail_once(void *arg)
{
	struct breaker_pass p;

	(void)arg;
	line_up();
	if (breaker_allow(s, 0, START, &p))
		breaker_result(s, 0, &p, OUTCOME_FAIL, START);
	return 0;
}

static int
probe(void *now)
{
	struct breaker_pass p;

	line_up();
	if (!breaker_allow(s, 0, *(uint64_t *)now, &p)) {
		count_up(&board->turned, 1);
		return 0;
	}
	count_up(&board->taken, 1);
	/* Closed, it would let the rest through. */
	while (seen(&board->taken) + seen(&board->turned) < KIDS)
		;
	breaker_result(s, 0, &p, OUTCOME_OK, *(uint64_t *)now);
	return 0;
}

static uint64_t
changes_to(enum breaker_state st)
{
	return metric_read(&breaker_transitions_total, 0, st);
}

static void
one_makes_each_change(void **state)
{
	uint64_t now;

	(void)state;
	for (uint64_t i = 1; i <= ROUNDS; i++) {
		breaker_order(s, 0, BREAKER_FORCED_CLOSED, 0);
		breaker_order(s, 0, BREAKER_AUTO, 0);
		assert_int_equal(breaker_state(s, 0), BREAKER_CLOSED);
		run_all(fail_once, NULL, KIDS);
		assert_int_equal(breaker_state(s, 0), BREAKER_OPEN);
		assert_int_equal(changes_to(BREAKER_OPEN), i);
		now = START + 61 * SEC;
		run_all(probe, &now, KIDS);
		assert_int_equal(seen(&board->taken), 3);
		assert_int_equal(changes_to(BREAKER_HALF_OPEN), i);
		assert_int_equal(changes_to(BREAKER_CLOSED), i);
		assert_int_equal(breaker_state(s, 0), BREAKER_CLOSED);
	}
}

/* ---- killed ------------------------------------------------------------------------ */

static int
hold_probe(void *now)
{
	struct breaker_pass p;

	line_up();
	if (!breaker_allow(s, 0, *(uint64_t *)now, &p))
		return 1;
	count_up(&board->taken, 1);
	pause();
	return 0;
}

static bool
taken_three(void *unused)
{
	(void)unused;
	return seen(&board->taken) == 3;
}

static void
start_three(pid_t kids[3], int (*fn)(void *), void *arg)
{
	int three = 3;

	*board = (struct board){ 0 };
	for (int i = 0; i < 3; i++)
		kids[i] = forked(fn, arg);
	assert_true(eventually(all_ready, &three, LIMIT_MS));
	count_up(&board->go, 1);
	assert_true(eventually(taken_three, NULL, LIMIT_MS));
}

/* A probe would be given up after an hour; its process is killed. */
static void
probes_of_the_dead(void **state)
{
	uint64_t now = START + 61 * SEC;
	struct breaker_pass p[3], none;
	pid_t kids[3];

	(void)state;
	run_all(fail_once, NULL, KIDS);
	start_three(kids, hold_probe, &now);
	assert_false(breaker_allow(s, 0, now, &none));
	kill(kids[0], SIGKILL);
	assert_int_equal(forked_wait(kids[0]), 1000 + SIGKILL);
	assert_true(breaker_allow(s, 0, now, &p[0]));
	assert_false(breaker_allow(s, 0, now, &none));
	for (int i = 1; i < 3; i++) {
		kill(kids[i], SIGKILL);
		forked_wait(kids[i]);
		assert_true(breaker_allow(s, 0, now, &p[i]));
	}
	for (int i = 0; i < 3; i++)
		breaker_result(s, 0, &p[i], OUTCOME_OK, now);
	assert_int_equal(breaker_state(s, 0), BREAKER_CLOSED);
}

static int
hold_permits(void *unused)
{
	struct dependency_pass p[2];

	(void)unused;
	line_up();
	for (int i = 0; i < 2; i++)
		if (dependency_enter(s, 0, DEPENDENCY_WAIT, &p[i], NULL) != 0)
			return 1;
	count_up(&board->taken, 1);
	pause();
	return 0;
}

static void
permits_of_the_dead(void **state)
{
	struct dependency_pass p, more;
	struct err e = { 0 };
	pid_t kids[3];
	int64_t t;

	(void)state;
	start_three(kids, hold_permits, NULL);
	assert_int_equal(dependency_used(s, 0), 6);
	t = clock_boot_ns();
	assert_int_equal(dependency_enter(s, 0, DEPENDENCY_WAIT, &p, &e), -1);
	assert_true(clock_boot_ns() - t >= (int64_t)(20 * MS));
	assert_int_equal(e.status, 503);
	assert_string_equal(e.code, "bulkhead_full");
	assert_int_equal(e.retry_after_s, 1);
	assert_int_equal(metric_read(&bulkhead_rejected_total, 0, 0), 1);
	assert_int_equal(dependency_enter(s, 0, 0, &p, &e), 1);
	assert_int_equal(metric_read(&bulkhead_rejected_total, 0, 0), 1);
	kill(kids[0], SIGKILL);
	forked_wait(kids[0]);
	assert_int_equal(dependency_used(s, 0), 4);
	assert_int_equal(dependency_enter(s, 0, 0, &p, &e), 0);
	assert_int_equal(dependency_enter(s, 0, 0, &more, &e), 0);
	assert_int_equal(dependency_used(s, 0), 6);
	dependency_leave(s, 0, &p, OUTCOME_OK);
	dependency_leave(s, 0, &p, OUTCOME_OK);		/* once is enough */
	assert_int_equal(dependency_used(s, 0), 5);
	for (int i = 1; i < 3; i++) {
		kill(kids[i], SIGKILL);
		forked_wait(kids[i]);
	}
	assert_int_equal(dependency_used(s, 0), 1);
	dependency_leave(s, 0, &more, OUTCOME_OK);
	assert_int_equal(dependency_used(s, 0), 0);
}

/* ---- reload -------------------------------------------------------------------------- */

static void
rules_change(void **state)
{
	struct guard other[] = { guards[0], guards[1], { .name = NULL } };
	struct shm_layout again = layout;
	struct breaker_pass p;
	struct shm *same;
	struct err e;

	(void)state;
	other[0].breaker.failures = 2;
	other[0].permits = 9999;
	again.guards = other;
	assert_int_equal(shm_attach(&same, a, dir, &again, &e), 0);
	assert_ptr_equal(same, s);
	memset(other, 0xff, sizeof(other));
	assert_string_equal(dependency_guard(s, 0)->name, "aws");
	assert_int_equal(dependency_guard(s, 0)->permits, SEG_PERMITS);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(breaker_state(s, 0), BREAKER_CLOSED);
		assert_true(breaker_allow(s, 0, START, &p));
		breaker_result(s, 0, &p, OUTCOME_FAIL, START);
	}
	assert_int_equal(breaker_state(s, 0), BREAKER_OPEN);
	shm_detach(same);
}

int
main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, begin, end)
	const struct CMUnitTest tests[] = {
		CASE(counts_are_exact),
		CASE(budget_is_exact),
		CASE(one_makes_each_change),
		CASE(probes_of_the_dead),
		CASE(permits_of_the_dead),
		CASE(rules_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
