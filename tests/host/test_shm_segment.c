/*
 * Life of the segment file: created, shared, replaced when it is not what it
 * says, cut and scribbled over while in use.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/random.h"
#include "base/str.h"
#include "shm/segment.h"
#include "tests/harness/forked.h"

static const struct metric hits = { "hits_total", "Hits.", METRIC_COUNTER,
    { NULL, NULL } };
static const struct metric level = { "level", "Level.", METRIC_GAUGE,
    { NULL, NULL } };
static const struct metric lag = { "lag_seconds", "Lag.", METRIC_HISTOGRAM,
    { NULL, NULL } };
static const struct metric *const metrics[] = { &hits, &level, &lag, NULL };
static const struct metric *const other_metrics[] = { &hits, NULL };
static const struct bulkhead hall = { "hall", 4 };
static const struct bulkhead *const halls[] = { &hall, NULL };
static const struct guard guards[] = { { .name = "aws",
    .breaker = { .failures = 3, .min_calls = 20, .fail_percent = 50,
	.slow_percent = 80, .slow_ms = 1000, .open_s = 1, .open_max_s = 4,
	.probes = 2, .probe_s = 1 },
    .budget = { 200, 10, 10 }, .retry = { 3, 1000, 30000 },
    .permits = 4, .wait_ms = 5 }, { .name = NULL } };
static const struct shm_layout layout = {
	.metrics = metrics, .guards = guards, .bulkheads = halls,
	.processes = 16, .limit_slots = 1024
};
static const struct shm_layout other = {
	.metrics = other_metrics, .processes = 16, .limit_slots = 1024
};

static char dir[SCRATCH_PATH];
static struct arena *a;

static int
begin(void **state)
{
	(void)state;
	scratch_dir(dir);
	a = arena_new(16 << 20);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	arena_free(a);
	scratch_remove(dir);
	return 0;
}

static struct shm *
attach(const struct shm_layout *l)
{
	struct shm *s;
	struct err e;

	err_clear(&e);
	if (shm_attach(&s, a, dir, l, &e) == -1)
		fail_msg("attach: %s", e.cause);
	return s;
}

static const char *
file_of(const struct shm *s)
{
	return arena_printf(a, "%s/%s", dir, s->name);
}

static ino_t
inode(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_ino : 0;
}

static void
scribble(const char *path, off_t at, const void *p, size_t n)
{
	int fd = open(path, O_WRONLY);

	assert_int_not_equal(fd, -1);
	assert_int_equal(pwrite(fd, p, n, at), n);
	close(fd);
}

static void
created_whole(void **state)
{
	struct shm *s = attach(&layout);
	struct stat st;

	(void)state;
	assert_int_equal(stat(file_of(s), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	assert_int_equal(st.st_size, s->map.size);
	assert_true(st.st_blocks * 512 >= st.st_size);
	shm_detach(s);
	assert_null(shm_current());
	metric_add(&hits, 0, 0, 1);	/* without a segment: nothing */
	assert_int_equal(metric_read(&hits, 0, 0), 0);
}

static void
attached_again(void **state)
{
	struct shm *s = attach(&layout);
	ino_t ino = inode(file_of(s));

	(void)state;
	metric_add(&hits, 0, 0, 41);
	shm_detach(s);
	s = attach(&layout);
	metric_add(&hits, 0, 0, 1);
	assert_int_equal(inode(file_of(s)), ino);
	assert_int_equal(metric_read(&hits, 0, 0), 42);
	shm_detach(s);
}

static void
reload_gets_the_same(void **state)
{
	struct shm *s = attach(&layout), *again, *new;
	struct err e;

	(void)state;
	assert_int_equal(shm_slot_take(s, "web", &e), 0);
	again = attach(&layout);
	assert_ptr_equal(again, s);
	shm_detach(again);
	assert_ptr_equal(shm_current(), s);
	new = attach(&other);
	assert_ptr_equal(shm_current(), new);
	metric_add(&hits, 0, 0, 7);
	shm_detach(new);
	assert_ptr_equal(shm_current(), s);
	assert_int_equal(metric_read(&hits, 0, 0), 0);
	assert_true(s->slot >= 0);
	shm_detach(s);
}

/* Writes a header that is valid but says another boot. */
static void
another_boot(const char *path)
{
	struct seg_head h;
	int fd = open(path, O_RDONLY);

	assert_int_equal(read(fd, &h, sizeof(h)), sizeof(h));
	close(fd);
	h.boot_id[0] ^= 1;
	h.sum = fnv1a(&h, offsetof(struct seg_head, sum), 1);
	scribble(path, 0, &h, sizeof(h));
}

static void
bad_files_replaced(void **state)
{
	struct shm *s;
	const char *path;
	struct stat st;
	int what;
	ino_t ino;

	(void)state;
	for (what = 0; what < 6; what++) {
		s = attach(&layout);
		path = file_of(s);
		metric_add(&hits, 0, 0, 5);
		shm_detach(s);
		ino = inode(path);
		if (what == 0)
			another_boot(path);
		else if (what == 1)
			assert_int_equal(truncate(path, 5000), 0);
		else if (what == 2)
			assert_int_equal(truncate(path, 50000000), 0);
		else if (what == 3)
			scribble(path, 30, "x", 1);
		else if (what == 4)
			assert_int_equal(chmod(path, 0666), 0);
		else {
			assert_int_equal(unlink(path), 0);
			assert_int_equal(symlink("/etc/passwd", path), 0);
		}
		s = attach(&layout);
		if (what < 5)	/* a freed number may come again */
			assert_int_not_equal(inode(path), ino);
		assert_int_equal(lstat(path, &st), 0);
		assert_int_equal(st.st_mode, S_IFREG | 0660);
		assert_int_equal(metric_read(&hits, 0, 0), 0);
		shm_detach(s);
	}
}

/* A container may show two boot ids: who holds a slot proves that it is now. */
static void
held_is_of_this_boot(void **state)
{
	struct shm *s = attach(&layout);
	const char *path = file_of(s);
	ino_t ino = inode(path);
	struct err e;
	int ready[2];
	pid_t pid;
	char c;

	(void)state;
	shm_detach(s);
	assert_int_equal(pipe(ready), 0);
	if ((pid = fork()) == 0) {
		s = attach(&layout);
		if (shm_slot_take(s, "web", &e) == 0 &&
		    write(ready[1], "r", 1) == 1)
			pause();
		_exit(1);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	another_boot(path);
	s = attach(&layout);
	assert_int_equal(inode(path), ino);
	shm_detach(s);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(ready[0]);
	close(ready[1]);
}

static void
old_user_goes_on(void **state)
{
	struct shm *old = attach(&layout), *new;
	struct dependency_pass pass;

	(void)state;
	scribble(file_of(old), 30, "x", 1);
	new = attach(&layout);
	metric_add(&hits, 0, 0, 3);
	assert_int_equal(metric_read(&hits, 0, 0), 3);
	assert_int_equal(dependency_enter(old, dependency_find(old, "aws"),
	    0, &pass, NULL), 0);
	dependency_leave(old, 0, &pass, OUTCOME_OK);
	shm_detach(new);
	shm_detach(old);
}

static void
old_layout_goes_when_unused(void **state)
{
	struct shm *old = attach(&other), *s;
	const char *path = file_of(old), *now;
	struct err e;

	(void)state;
	assert_int_equal(shm_slot_take(old, "web", &e), 0);
	s = attach(&layout);
	now = file_of(s);
	assert_string_not_equal(path, now);
	assert_int_not_equal(inode(path), 0);
	shm_detach(s);
	shm_detach(old);
	unlink(now);
	s = attach(&layout);
	assert_int_equal(inode(path), 0);
	shm_detach(s);
}

static int
attach_in_small_quota(void *unused)
{
	const struct rlimit lim = { 100000, 100000 };
	struct shm *s;
	struct err e;

	(void)unused;
	err_clear(&e);
	if (setrlimit(RLIMIT_FSIZE, &lim) == -1)
		return 9;
	if (shm_attach(&s, a, dir, &layout, &e) != -1)
		return 1;
	if (strstr(e.cause, dir) == NULL || e.native == 0)
		return 2;
	return s == NULL ? 0 : 3;
}

static void
no_space_is_an_error(void **state)
{
	struct shm *s;

	(void)state;
	assert_int_equal(forked_wait(forked(attach_in_small_quota, NULL)), 0);
	s = attach(&layout);	/* nothing half-made is in the way */
	metric_add(&hits, 0, 0, 1);
	assert_int_equal(metric_read(&hits, 0, 0), 1);
	shm_detach(s);
}

static void
no_directory_is_an_error(void **state)
{
	struct shm *s;
	struct err e;

	(void)state;
	err_clear(&e);
	assert_int_equal(shm_attach(&s, a, "/nonexistent", &layout, &e), -1);
	assert_null(s);
}

/* Survives the cut, finds back to a common file, and says so. */
static int
live_through_cut(void *arg)
{
	const struct rate r = { 5, 60 };
	uint64_t now = (uint64_t)clock_boot_ns();
	struct shm *s = arg;
	uint32_t retry;
	struct err e;
	int i;

	if (shm_slot_take(s, "web", &e) == -1)
		return 1;
	if (truncate(file_of(s), 4096) == -1)
		return 2;
	metric_add(&hits, 0, 0, 1);		/* faults */
	if (!s->lost)
		return 3;
	for (i = 0; i < 8; i++)
		rate_admit(s, "login", "k", 1, r, now, &retry, NULL);
	if (s->lost || metric_read(&shm_lost_total, 0, 0) != 1)
		return 4;
	if (rate_admit(s, "login", "k", 1, r, now, &retry, NULL))
		return 5;
	return s->slot >= 0 ? 0 : 6;
}

static void
truncated_while_mapped(void **state)
{
	struct shm *s = attach(&layout);
	const struct rate r = { 5, 60 };
	uint32_t retry;

	(void)state;
	assert_int_equal(forked_wait(forked(live_through_cut, s)), 0);
	/* We fault as well and land in the file the child has made. */
	assert_false(rate_admit(s, "login", "k", 1, r,
	    (uint64_t)clock_boot_ns(), &retry, NULL) && !s->lost);
	shm_slot_request(s, "r", "i", 1);
	assert_false(s->lost);
	assert_false(rate_admit(s, "login", "k", 1, r,
	    (uint64_t)clock_boot_ns(), &retry, NULL));
	shm_detach(s);
}

static int
fault_elsewhere(void *unused)
{
	signal(SIGBUS, SIG_DFL);
	attach(&layout);
	(void)unused;
	raise(SIGBUS);
	return 0;
}

static void
foreign_sigbus_still_kills(void **state)
{
	(void)state;
#ifndef __SANITIZE_ADDRESS__
	assert_int_equal(forked_wait(forked(fault_elsewhere, NULL)),
	    1000 + SIGBUS);
#else
	(void)fault_elsewhere;
#endif
}

/* Everything the segment offers, over and over. */
static int
exercise(void *arg)
{
	struct dependency_pass pass;
	struct dependency_view view;
	static struct shm_slot slots[16];
	struct shm *s = arg;
	char key[8] = "", buf[4100];
	uint32_t retry, left;
	uint64_t now, until = (uint64_t)clock_boot_ns() + 2000000000, at;
	struct arena *ra = arena_new(16 << 20);
	struct str o;
	struct err e;
	unsigned i;
	int permit;

	shm_after_fork(s);
	for (i = 0; (now = (uint64_t)clock_boot_ns()) < until; i++) {
		shm_slot_take(s, "web", &e);
		shm_slot_request(s, "route", "id", now);
		key[0] = (char)(i % 100);
		rate_admit(s, "p", key, 1, (struct rate){ 5, 1 }, now, &retry,
		    &left);
		metric_add(&hits, 0, 0, 1);
		metric_set(&level, 0, 0, i);
		metric_observe_ns(&lag, 0, 0, i);
		if (dependency_enter(s, 0, 0, &pass, &e) == 0)
			dependency_leave(s, 0, &pass, i % 3 == 0 ?
			    OUTCOME_FAIL : OUTCOME_OK);
		budget_add(s, 0, now);
		budget_take(s, 0, now);
		dependency_look(s, 0, now, &view);
		breaker_order(s, 0, BREAKER_AUTO, 0);
		if (bulkhead_enter(s, &hall, 2, &permit) == 0)
			bulkhead_leave(s, &hall, permit);
		shm_word_add(s, "epoch", 1);
		shm_word_get(s, "gone", &at);
		shm_text_set(s, "probe", buf, i % 4000);
		shm_text_get(s, "probe", buf, sizeof(buf), &at);
		if (shm_step_begin(s, "seal"))
			shm_step_end(s, "seal");
		shm_slots(s, slots, 16);
		shm_slot_done(s);
		if (i % 64 == 0) {
			str_init(&o, ra);
			metrics_expose(s, &o);
			arena_reset(ra);
		}
	}
	arena_free(ra);
	return i > 100 ? 0 : 1;
}

static void
flipped_bytes_under_load(void **state)
{
	struct shm *s = attach(&layout);
	const char *path = file_of(s);
	pid_t kids[3];
	int i, fd, bad = 0;
	uint64_t until;
	uint8_t b;

	(void)state;
	for (i = 0; i < 3; i++)
		kids[i] = forked(exercise, s);
	fd = open(path, O_RDWR);
	until = (uint64_t)clock_boot_ns() + 1800000000;
	while ((uint64_t)clock_boot_ns() < until) {
		random_bytes(&b, 1);
		if (pwrite(fd, &b, 1, (off_t)random_below(s->map.size)) != 1)
			bad++;
	}
	close(fd);
	for (i = 0; i < 3; i++)
		assert_int_equal(forked_wait(kids[i]), 0);
	assert_int_equal(bad, 0);
	shm_detach(s);
}

int
main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, begin, end)
	const struct CMUnitTest tests[] = {
		CASE(created_whole),
		CASE(attached_again),
		CASE(reload_gets_the_same),
		CASE(bad_files_replaced),
		CASE(held_is_of_this_boot), CASE(old_user_goes_on),
		CASE(old_layout_goes_when_unused),
		CASE(no_space_is_an_error),
		CASE(no_directory_is_an_error),
		CASE(truncated_while_mapped),
		CASE(foreign_sigbus_still_kills),
		CASE(flipped_bytes_under_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
