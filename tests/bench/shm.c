/*
 * Nanoseconds of what stands in the way of each call: asking a breaker, telling
 * it, a permit there and back, a rate limit, a budget. Best of nine rounds,
 * alone, and the mean with as many
 * processes as there are processors on the same words.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "shm/dependency.h"
#include "tests/harness/forked.h"

enum { CALLS = 300000, ROUNDS = 9, KEYS = 1000, KIDS_MAX = 64 };

static const struct guard guards[] = {
	{ .name = "redis" }, { .name = "webhook" },
	{ .name = "aws", .breaker = { 5, 20, 50, 80, 10000, 60, 600, 10, 3, 60 },
	  .budget = { 200, 10, 10 }, .retry = { 3, 1000, 30000 },
	  .permits = 32 },
	{ .name = NULL }
};
static const struct shm_layout layout = { .guards = guards };

static struct shm *s;
static int dep;
static volatile uint64_t sink;

/* The clock is read by the caller anyway, for its own log line. */
static void
clock_read(uint64_t i)
{
	sink += (uint64_t)clock_boot_ns() + i;
}

static void
check(uint64_t i)
{
	struct breaker_pass p;

	sink += breaker_allow(s, dep, UINT64_C(1000000000) + i, &p);
}

static void
find(uint64_t i)
{
	sink += (uint64_t)dependency_find(s, "aws") + i;
}

static void
check_and_tell(uint64_t i)
{
	uint64_t now = UINT64_C(1000000000000) + i * 100;
	struct breaker_pass p;

	if (breaker_allow(s, dep, now, &p))
		breaker_result(s, dep, &p, OUTCOME_OK, now);
}

static void
in_and_out(uint64_t i)
{
	struct dependency_pass p;

	(void)i;
	if (dependency_enter(s, dep, 0, &p, NULL) == 0)
		dependency_leave(s, dep, &p, OUTCOME_OK);
}

static void
limit(uint64_t i)
{
	uint32_t wait, key = (uint32_t)(i % KEYS);

	sink += rate_admit(s, "bench", &key, sizeof(key),
	    (struct rate){ 1000000, 1 }, UINT64_C(1000000000000) + i * 100,
	    &wait, NULL);
}

static void
budgets(uint64_t i)
{
	budget_add(s, dep, UINT64_C(1000000000000) + i * 100);
	if (i % 8 == 0)
		budget_take(s, dep, UINT64_C(1000000000000) + i * 100);
}

static const struct {
	const char *name;
	void (*fn)(uint64_t);
} works[] = {
	{ "clock alone", clock_read },
	{ "name to number", find },
	{ "breaker check", check },
	{ "breaker check and result", check_and_tell },
	{ "breaker, permit, back (4 clock reads)", in_and_out },
	{ "limiter check", limit },
	{ "retry budget", budgets },
};

/* The best of some rounds: the others were disturbed. */
static double
measure(void (*fn)(uint64_t))
{
	double best = 1e9, ns;
	uint64_t i = 0;

	for (int round = 0; round < ROUNDS; round++) {
		int64_t t = clock_boot_ns();

		for (uint64_t end = i + CALLS; i < end; i++)
			fn(i);
		ns = (double)(clock_boot_ns() - t) / CALLS;
		best = ns < best ? ns : best;
	}
	return best;
}

/* Mean over n processes at once. */
static double
together(void (*fn)(uint64_t), long n)
{
	double *ns = mmap(NULL, sizeof(double) * KIDS_MAX,
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	double sum = 0;
	long i;

	for (i = 0; i < n; i++) {
		if (fork() != 0)
			continue;
		shm_after_fork(s);
		ns[i] = measure(fn);
		_exit(0);
	}
	while (wait(NULL) != -1)
		;
	for (i = 0; i < n; i++)
		sum += ns[i];
	munmap(ns, sizeof(double) * KIDS_MAX);
	return sum / (double)n;
}

int
main(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);
	char dir[SCRATCH_PATH];
	struct arena *a = arena_new(16 << 20);
	struct err e;

	n = n < 1 ? 1 : n > KIDS_MAX ? KIDS_MAX : n;
	log_setup(&(struct log_options){ .level = LOG_ERROR }, &e);
	if (shm_attach(&s, a, scratch_dir(dir), &layout, &e) == -1) {
		fprintf(stderr, "bench-shm: %s\n", e.cause);
		return 1;
	}
	dep = dependency_find(s, "aws");
	printf("%-40s %10s %10s\n", "ns per call", "alone", "together");
	for (size_t i = 0; i < sizeof(works) / sizeof(works[0]); i++)
		printf("%-40s %10.1f %10.1f\n", works[i].name,
		    measure(works[i].fn), together(works[i].fn, n));
	shm_detach(s);
	scratch_remove(dir);
	arena_free(a);
	return 0;
}
