/*
 * Arenas, arrays and maps: lifetimes, zeroing, order of deferred calls, memory
 * given back, and death at the cap.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/map.h"
#include "base/vec.h"

enum { MIB = 1024 * 1024 };

static char order[16];
static char letters[] = "abcde";

static void
note(void *arg)
{
	strncat(order, arg, 1);
}

static void
test_alloc(void **state)
{
	struct arena *a = arena_new(MIB);
	char *p, *q;
	int i;

	(void)state;
	p = arena_alloc(a, 0);
	q = arena_alloc(a, 0);
	assert_ptr_not_equal(p, q);
	for (i = 1; i < 100; i++) {
		p = arena_alloc(a, (size_t)i);
		assert_int_equal((uintptr_t)p % 16, 0);
		memset(p, 0xff, (size_t)i);
	}
	assert_string_equal(arena_printf(a, "%d-%s", 7, "x"), "7-x");
	assert_string_equal(arena_strndup(a, "abc", 2), "ab");
	assert_string_equal(arena_strndup(a, "abc", 9), "abc");
	assert_memory_equal(arena_memdup(a, "a\0b", 3), "a\0b", 3);
	assert_true(arena_used(a) > 4950);
	arena_free(a);
	arena_free(NULL);
}

static void
test_zeroed_after_rewind(void **state)
{
	struct arena *a = arena_new(8 * MIB);
	struct arena_mark m = arena_mark(a);
	size_t round, i, n[] = { 1, 33, 5000, 70000, 300000 };
	char *p;

	(void)state;
	for (round = 0; round < 2 * NITEMS(n); round++) {
		p = arena_alloc(a, n[round % NITEMS(n)]);
		for (i = 0; i < n[round % NITEMS(n)]; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xaa, i);
		p = arena_grow(a, p, i, i + 100);
		assert_int_equal((unsigned char)p[i - 1], 0xaa);
		for (; i < n[round % NITEMS(n)] + 100; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xbb, i);
		if (round % 2 == 0)
			arena_rewind(a, m);
		else
			arena_reset(a);
		assert_int_equal(arena_used(a), 0);
		m = arena_mark(a);
	}
	assert_true(arena_peak(a) >= 300000);
	arena_free(a);
}

static void
test_grow(void **state)
{
	struct arena *a = arena_new(MIB);
	struct arena_mark m;
	char *p, *q;

	(void)state;
	p = arena_grow(a, NULL, 0, 10);
	strcpy(p, "hello");
	assert_ptr_equal(arena_grow(a, p, 10, 1000), p);
	assert_ptr_equal(arena_grow(a, p, 1000, 10), p);
	arena_alloc(a, 1);
	q = arena_grow(a, p, 1000, 2000);
	assert_ptr_not_equal(p, q);
	assert_string_equal(q, "hello");
	/* What was there before a mark must survive the way back to it. */
	m = arena_mark(a);
	p = arena_grow(a, q, 2000, 4000);
	assert_ptr_not_equal(p, q);
	arena_rewind(a, m);
	assert_string_equal(q, "hello");
	arena_free(a);
}

static void
test_defer(void **state)
{
	struct arena *a = arena_new(MIB);
	struct arena_mark m;

	(void)state;
	order[0] = '\0';
	arena_defer(a, note, letters + 0);
	m = arena_mark(a);
	arena_defer(a, note, letters + 1);
	arena_alloc(a, 200000);
	arena_defer(a, note, letters + 2);
	arena_rewind(a, m);
	assert_string_equal(order, "cb");
	arena_defer(a, note, letters + 3);
	arena_reset(a);
	assert_string_equal(order, "cbda");
	arena_reset(a);
	arena_defer(a, note, letters + 4);
	arena_free(a);
	assert_string_equal(order, "cbdae");
}

static long
rss_kib(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long size, rss;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%ld %ld", &size, &rss), 2);
	fclose(f);
	return rss * (sysconf(_SC_PAGESIZE) / 1024);
}

static void
test_gives_back(void **state)
{
	struct arena *a = arena_new(128 * MIB);
	long before = rss_kib(), during;
	int i;

	(void)state;
	for (i = 0; i < 320; i++)
		memset(arena_alloc(a, 100000), 1, 100000);
	during = rss_kib();
	assert_true(during > before + 25 * 1024);
	arena_reset(a);
#ifndef __SANITIZE_ADDRESS__
	/* ASan keeps freed memory in quarantine. */
	assert_true(rss_kib() < before + 2 * 1024);
#endif
	arena_free(a);
}

static void
over_cap(void)
{
	struct arena *a = arena_new(100000);

	arena_alloc(a, 99000);
	arena_alloc(a, 2000);
}

static void
array_overflow(void)
{
	arena_array(arena_new(MIB), SIZE_MAX / 4, 8);
}

static void
huge(void)
{
	arena_alloc(arena_new(SIZE_MAX), SIZE_MAX - 5);
}

/* The function must abort, and say why when want is given. */
static void
assert_aborts(void (*fn)(void), const char *want)
{
	char buf[1024] = "";
	int fd[2], status;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(fd), 0);
	if ((pid = fork()) == 0) {
		dup2(fd[1], STDERR_FILENO);
		signal(SIGABRT, SIG_DFL);
		fn();
		_exit(0);
	}
	close(fd[1]);
	n = read(fd[0], buf, sizeof(buf) - 1);
	close(fd[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	assert_true(n > 0);
	assert_non_null(strstr(buf, want));
}

static void
test_limits(void **state)
{
	(void)state;
	assert_aborts(over_cap, "cap of 100000");
	assert_aborts(array_overflow, "array size fits");
	assert_aborts(huge, "out of memory");
}

static void
test_secret(void **state)
{
	struct arena *a = arena_new(MIB);
	struct arena_mark m;
	char *p;
	int i;

	(void)state;
	arena_set_secret(a);
	m = arena_mark(a);
	p = arena_alloc(a, 1000);
	memset(p, 'k', 1000);
	arena_rewind(a, m);
#ifndef __SANITIZE_ADDRESS__
	/* Reading dropped memory is what ASan would stop. */
	for (i = 0; i < 1000; i++)
		assert_int_equal(((volatile char *)p)[i], 0);
#else
	(void)i;
#endif
	arena_free(a);
}

static void
test_vec(void **state)
{
	struct arena *a = arena_new(MIB);
	VEC(struct { int x; char pad[20]; }) v = { 0 };
	int i;

	(void)state;
	for (i = 0; i < 1000; i++) {
		assert_int_equal(VEC_ADD(a, &v)->x, 0);
		v.v[i].x = i + 1;
		if (i % 7 == 0)
			arena_alloc(a, 3);
	}
	assert_int_equal(v.n, 1000);
	for (i = 0; i < 1000; i++)
		assert_int_equal(v.v[i].x, i + 1);
	arena_free(a);
}

static void
test_map(void **state)
{
	struct arena *a = arena_new(8 * MIB);
	struct map *m = map_new(a);
	const char *key;
	void *value;
	size_t it = 0;
	long i;

	(void)state;
	assert_null(map_get(m, "nothing"));
	assert_false(map_next(m, &it, &key, &value));
	for (i = 1; i <= 5000; i++)
		assert_null(map_put(m, arena_printf(a, "key %ld", i),
		    (void *)i));
	assert_int_equal(map_count(m), 5000);
	assert_int_equal((long)map_put(m, "key 17", (void *)-1L), 17);
	assert_int_equal(map_count(m), 5000);
	assert_null(map_get(m, "key 5001"));
	assert_null(map_get(m, ""));
	for (i = 1; map_next(m, &it, &key, &value); i++) {
		assert_string_equal(key, arena_printf(a, "key %ld", i));
		assert_int_equal((long)value, i == 17 ? -1 : i);
		assert_ptr_equal(map_get(m, key), value);
	}
	assert_int_equal(i, 5001);
	arena_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alloc),
		cmocka_unit_test(test_zeroed_after_rewind),
		cmocka_unit_test(test_grow),
		cmocka_unit_test(test_defer),
		cmocka_unit_test(test_gives_back),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_secret),
		cmocka_unit_test(test_vec),
		cmocka_unit_test(test_map),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
