/*
 * What belongs to a process and must come back when it dies: slots, permits,
 * steps; and the small shared words and texts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "shm/segment.h"
#include "tests/harness/forked.h"

#define SEC UINT64_C(1000000000)

static const struct metric *const metrics[] = { NULL };
static const struct bulkhead hall = { "password", 2 };
static const struct bulkhead *const halls[] = { &hall, NULL };
static const struct shm_layout layout = {
	.metrics = metrics, .bulkheads = halls,
	.processes = 4, .limit_slots = 64
};

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
	return shm_attach(&s, a, dir, &layout, &e);
}

static int
end(void **state)
{
	(void)state;
	shm_detach(s);
	arena_free(a);
	scratch_remove(dir);
	return 0;
}

static size_t
alive(struct shm_slot out[4])
{
	size_t i, n = shm_slots(s, out, 4), live = 0;

	for (i = 0; i < n; i++)
		live += out[i].alive;
	return live;
}

static int
be_somebody(void *permit)
{
	struct err e;
	int p;

	shm_after_fork(s);
	if (shm_slot_take(s, "web", &e) == -1)
		return 1;
	shm_slot_phase(s, "run");
	shm_slot_request(s, "jobs\x1b[31m.list", "req-1", 12345);
	crumb("begin");
	crumb("a crumb that is much longer than the space there is for a crumb");
	if (permit != NULL && bulkhead_enter(s, &hall, 2, &p) == -1)
		return 2;
	if (!shm_step_begin(s, "seal"))
		return 3;
	pause();
	return 0;
}

static bool
one_alive(void *unused)
{
	struct shm_slot out[4];

	(void)unused;
	return alive(out) == 1 && out[0].ncrumbs == 2 &&
	    seg_locked(s, LOCK_SLOT) + seg_locked(s, LOCK_SLOT + 1) +
	    seg_locked(s, LOCK_SLOT + 2) + seg_locked(s, LOCK_SLOT + 3) == 1;
}

static void
scoreboard(void **state)
{
	struct shm_slot out[4];
	struct err e;
	pid_t kid = forked(be_somebody, NULL);
	int i;

	(void)state;
	assert_true(eventually(one_alive, NULL, 30000));
	shm_slots(s, out, 4);
	assert_int_equal(out[0].pid, kid);
	assert_string_equal(out[0].pool, "web");
	assert_string_equal(out[0].phase, "run");
	assert_string_equal(out[0].route, "jobs?[31m.list");
	assert_string_equal(out[0].request_id, "req-1");
	assert_int_equal(out[0].started_ns, 12345);
	assert_string_equal(out[0].crumbs[0], "begin");
	assert_int_equal(strlen(out[0].crumbs[1]), SHM_TEXT - 1);
	kill(kid, SIGKILL);
	forked_wait(kid);
	assert_int_equal(alive(out), 0);
	/* The dead one's place can be had again. */
	for (i = 0; i < 4; i++) {
		s->slot = -1;
		seg_slot(s, (size_t)i)->pid = kid;
	}
	assert_int_equal(shm_slot_take(s, "web", &e), 0);
}

static void
own_slot(void **state)
{
	struct shm_slot out[4];
	struct err e;
	char name[16];
	int i;

	(void)state;
	assert_int_equal(shm_slot_take(s, "web", &e), 0);
	assert_int_equal(shm_slot_take(s, "slow", &e), 0);
	shm_slot_request(s, "r", "q", 1);
	for (i = 0; i < 11; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		crumb(name);
	}
	assert_int_equal(alive(out), 1);
	assert_string_equal(out[0].pool, "slow");
	assert_int_equal(out[0].ncrumbs, SHM_CRUMBS);
	assert_string_equal(out[0].crumbs[0], "c3");
	assert_string_equal(out[0].crumbs[7], "c10");
	shm_slot_done(s);
	shm_slots(s, out, 4);
	assert_int_equal(out[0].requests, 1);
	assert_int_equal(out[0].started_ns, 0);
}

static int
take_and_wait(void *unused)
{
	struct err e;

	(void)unused;
	shm_after_fork(s);
	if (shm_slot_take(s, "web", &e) == -1)
		return 7;
	pause();
	return 0;
}

static bool
four_alive(void *unused)
{
	struct shm_slot out[4];

	(void)unused;
	return alive(out) == 4;
}

static void
full_house(void **state)
{
	pid_t kids[4];
	struct err e;
	int i, permit;

	(void)state;
	for (i = 0; i < 4; i++)
		kids[i] = forked(take_and_wait, NULL);
	assert_true(eventually(four_alive, NULL, 30000));
	err_clear(&e);
	assert_int_equal(shm_slot_take(s, "web", &e), -1);
	assert_true(e.cause[0] != '\0');
	/* Without a slot no permit either. */
	assert_int_equal(bulkhead_enter(s, &hall, 0, &permit), -1);
	kill(kids[2], SIGKILL);
	forked_wait(kids[2]);
	assert_int_equal(shm_slot_take(s, "web", &e), 0);
	for (i = 0; i < 4; i++) {
		if (i == 2)
			continue;
		kill(kids[i], SIGKILL);
		forked_wait(kids[i]);
	}
}

static int
parent_of_sleeper(void *fd)
{
	struct err e;
	pid_t pid;

	shm_after_fork(s);
	if (shm_slot_take(s, "web", &e) == -1)
		return 1;
	pid = fork();
	if (pid == 0) {
		shm_after_fork(s);
		alarm(5);
		pause();
	}
	nap_ms(100);
	if (write(*(int *)fd, &pid, sizeof(pid)) != sizeof(pid))
		return 2;
	raise(SIGKILL);
	return 0;
}

/* A forked child that gave the descriptor up does not keep the slot alive. */
static void
slot_not_inherited(void **state)
{
	struct shm_slot out[4];
	pid_t kid, grandchild;
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	kid = forked(parent_of_sleeper, &p[1]);
	assert_int_equal(read(p[0], &grandchild, sizeof(grandchild)),
	    sizeof(grandchild));
	assert_int_equal(forked_wait(kid), 1000 + SIGKILL);
	assert_int_equal(kill(grandchild, 0), 0);
	assert_int_equal(alive(out), 0);
	kill(grandchild, SIGKILL);
	close(p[0]);
	close(p[1]);
}

static bool
two_used(void *unused)
{
	(void)unused;
	return bulkhead_used(s, &hall) == 2;
}

static void
permits_return(void **state)
{
	int p, q, none;
	pid_t kid;

	(void)state;
	assert_int_equal(bulkhead_enter(s, &hall, 0, &p), 0);
	kid = forked(be_somebody, &p);
	assert_true(eventually(two_used, NULL, 30000));
	assert_int_equal(bulkhead_enter(s, &hall, 0, &none), -1);
	assert_int_equal(none, -1);
	bulkhead_leave(s, &hall, 1 - p);	/* not ours to give back */
	assert_int_equal(bulkhead_used(s, &hall), 2);
	kill(kid, SIGKILL);
	forked_wait(kid);
	assert_int_equal(bulkhead_used(s, &hall), 1);
	assert_int_equal(bulkhead_enter(s, &hall, 0, &q), 0);
	assert_int_equal(bulkhead_enter(s, &hall, 0, &none), -1);
	bulkhead_leave(s, &hall, q);
	bulkhead_leave(s, &hall, p);
	assert_int_equal(bulkhead_used(s, &hall), 0);
	assert_int_equal(bulkhead_enter(s, &hall, 1, &p), 0);
	assert_int_equal(bulkhead_enter(s, &hall, 1, &q), -1);
	bulkhead_leave(s, &hall, -1);
	bulkhead_leave(s, &hall, 99);
}

static bool
step_taken(void *unused)
{
	(void)unused;
	if (!shm_step_begin(s, "seal"))
		return true;
	shm_step_end(s, "seal");
	return false;
}

static void
steps(void **state)
{
	pid_t kid = forked(be_somebody, NULL);

	(void)state;
	assert_true(eventually(step_taken, NULL, 30000));
	assert_true(shm_step_begin(s, "probe"));
	assert_false(shm_step_begin(s, "probe"));
	shm_step_end(s, "probe");
	assert_true(shm_step_begin(s, "probe"));
	kill(kid, SIGKILL);
	forked_wait(kid);
	assert_true(shm_step_begin(s, "seal"));
}

static void
words(void **state)
{
	uint64_t at = 9, before = (uint64_t)clock_boot_ns();
	char name[16];
	int i;

	(void)state;
	assert_int_equal(shm_word_get(s, "epoch", &at), 0);
	assert_int_equal(at, 0);
	shm_word_set(s, "epoch", 41);
	assert_int_equal(shm_word_add(s, "epoch", 1), 42);
	assert_int_equal(shm_word_get(s, "epoch", &at), 42);
	assert_true(at >= before && at <= (uint64_t)clock_boot_ns());
	for (i = 1; i < SEG_WORDS; i++) {
		snprintf(name, sizeof(name), "w%d", i);
		shm_word_set(s, name, (uint64_t)i);
	}
	for (i = 1; i < SEG_WORDS; i++) {
		snprintf(name, sizeof(name), "w%d", i);
		assert_int_equal(shm_word_get(s, name, NULL), i);
	}
	shm_word_set(s, "one too many", 1);
	assert_int_equal(shm_word_get(s, "one too many", NULL), 0);
	assert_int_equal(metric_read(&shm_dropped_total, 0, 0), 1);
}

static void
texts(void **state)
{
	char big[SEG_TEXT_MAX + 1], buf[SEG_TEXT_MAX + 1];
	uint64_t at;

	(void)state;
	assert_int_equal(shm_text_get(s, "probe", buf, sizeof(buf), &at), 0);
	shm_text_set(s, "probe", "{\"up\":true}", 11);
	assert_int_equal(shm_text_get(s, "probe", buf, sizeof(buf), &at), 11);
	assert_string_equal(buf, "{\"up\":true}");
	assert_true(at > 0);
	assert_int_equal(shm_text_get(s, "probe", buf, 11, &at), 0);
	memset(big, 'x', sizeof(big));
	shm_text_set(s, "probe", big, SEG_TEXT_MAX);
	assert_int_equal(shm_text_get(s, "probe", buf, sizeof(buf), NULL),
	    SEG_TEXT_MAX);
	shm_text_set(s, "probe", big, SEG_TEXT_MAX + 1);	/* dropped */
	assert_int_equal(shm_text_get(s, "probe", buf, sizeof(buf), NULL),
	    SEG_TEXT_MAX);
}

static int
write_texts(void *letter)
{
	char buf[SEG_TEXT_MAX];
	uint64_t until = (uint64_t)clock_boot_ns() + SEC / 2;
	size_t n;

	shm_after_fork(s);
	memset(buf, *(char *)letter, sizeof(buf));
	for (n = 1000; (uint64_t)clock_boot_ns() < until; n = 1000 + n % 3000)
		shm_text_set(s, "probe", buf, n);
	return 0;
}

static void
texts_never_torn(void **state)
{
	char a_ = 'a', b_ = 'b', buf[SEG_TEXT_MAX + 1];
	pid_t one = forked(write_texts, &a_), two = forked(write_texts, &b_);
	uint64_t until = (uint64_t)clock_boot_ns() + SEC / 2;
	size_t n, seen = 0;

	(void)state;
	while (seen == 0 || (uint64_t)clock_boot_ns() < until) {
		n = shm_text_get(s, "probe", buf, sizeof(buf), NULL);
		if (n == 0)
			continue;
		seen++;
		assert_int_equal(strspn(buf, buf[0] == 'a' ? "a" : "b"), n);
	}
	assert_int_equal(forked_wait(one), 0);
	assert_int_equal(forked_wait(two), 0);
}

int
main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, begin, end)
	const struct CMUnitTest tests[] = {
		CASE(scoreboard),
		CASE(own_slot),
		CASE(full_house),
		CASE(slot_not_inherited),
		CASE(permits_return),
		CASE(steps),
		CASE(words),
		CASE(texts),
		CASE(texts_never_torn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
