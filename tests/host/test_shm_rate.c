/*
 * GCRA: the vectors, eight processes against the ideal, floods of keys, and
 * words that cannot be right.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "shm/segment.h"
#include "tests/harness/forked.h"

#define SEC UINT64_C(1000000000)

static const struct metric admitted = { "admitted_total", "Admitted.",
    METRIC_COUNTER, { NULL, NULL } };
static const struct metric *const metrics[] = { &admitted, NULL };
static const struct shm_layout layout = {
	.metrics = metrics, .processes = 16, .limit_slots = 4096
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

static bool
ask(const char *key, struct rate r, uint64_t now, uint32_t *retry,
    uint32_t *left)
{
	return rate_admit(s, "test", key, strlen(key), r, now, retry, left);
}

/* 10/s with a burst of 5: T = 100 ms, tau = 400 ms. */
static void
vector(void **state)
{
	int64_t ahead = 0;
	int i;

	(void)state;
	for (i = 0; i < 5; i++)
		assert_true(seg_gcra(&ahead, 100000, 400000));
	assert_false(seg_gcra(&ahead, 100000, 400000));
	assert_int_equal(ahead - 400000, 100000);	/* retry: 0.1 s */
	ahead -= 99999;
	assert_false(seg_gcra(&ahead, 100000, 400000));
	ahead -= 1;
	assert_true(seg_gcra(&ahead, 100000, 400000));
	assert_false(seg_gcra(&ahead, 100000, 400000));
}

static void
burst_then_one_by_one(void **state)
{
	const struct rate r = { 5, 5 };
	uint64_t now = 1000 * SEC;
	uint32_t retry, left, i;

	(void)state;
	for (i = 0; i < 5; i++) {
		assert_true(ask("k", r, now, &retry, &left));
		assert_int_equal(left, 4 - i);
		assert_int_equal(retry, 0);
	}
	assert_false(ask("k", r, now, &retry, &left));
	assert_int_equal(retry, 1000);
	assert_int_equal(left, 0);
	assert_true(ask("other", r, now, &retry, NULL));
	assert_true(ask("k", r, now + SEC, &retry, &left));
	assert_false(ask("k", r, now + SEC, &retry, &left));
	assert_true(rate_admit(s, "policy2", "k", 1, r, now, &retry, &left));
	assert_true(ask("k", (struct rate){ 0, 1 }, now, &retry, &left));
}

static void
without_segment_refused(void **state)
{
	uint32_t retry;

	(void)state;
	assert_false(rate_admit(NULL, "p", "k", 1, (struct rate){ 9, 1 }, 1,
	    &retry, NULL));
	assert_true(retry > 0);
}

/* n per per_s for a simulated hour, asked a hundred times too often. */
static void
long_run_is_exact(void **state)
{
	static const struct rate rates[] = { { 3, 1 }, { 7, 2 }, { 7000, 1 },
	    { 1, 60 } };
	uint64_t now, step, span, got, want;
	uint32_t retry;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		step = rates[i].per_s * SEC / rates[i].n / 10;
		span = rates[i].n > 1000 ? 30 * SEC : 3600 * SEC;
		got = 0;
		for (now = SEC; now < SEC + span; now += step)
			got += ask("long", rates[i], now, &retry, NULL);
		want = rates[i].n + span / SEC * rates[i].n / rates[i].per_s;
		/* A question comes every tenth of T: up to so much is lost
		 * where T is no multiple of it. */
		assert_in_range(got, want - want / 500 - 1, want + 1);
	}
}

struct hammer {
	struct rate r;
	uint64_t start, stop;
};

static int
hammer(void *arg)
{
	const struct hammer *h = arg;
	uint64_t now;
	uint32_t retry;

	shm_after_fork(s);
	while ((now = (uint64_t)clock_boot_ns()) < h->start)
		;
	for (; (now = (uint64_t)clock_boot_ns()) < h->stop;)
		metric_add(&admitted, 0, 0, ask("one key", h->r, now, &retry,
		    NULL));
	return 0;
}

static void
eight_processes_one_key(void **state)
{
	struct hammer h = { { 100, 1 }, 0, 0 };
	pid_t kids[8];
	uint64_t ideal;
	int i;

	(void)state;
	h.start = (uint64_t)clock_boot_ns() + SEC / 10;
	h.stop = h.start + 3 * SEC / 2;
	for (i = 0; i < 8; i++)
		kids[i] = forked(hammer, &h);
	for (i = 0; i < 8; i++)
		assert_int_equal(forked_wait(kids[i]), 0);
	ideal = 100 + 150;
	assert_in_range(metric_read(&admitted, 0, 0), ideal - 1, ideal + 1);
}

/* All eight meet a key nobody has seen: still one burst between them. */
static void
new_keys_race(void **state)
{
	struct hammer h = { { 4, 3600 }, 0, 0 };
	pid_t kids[8];
	int i, round;

	(void)state;
	for (round = 0; round < 5; round++) {
		memset(s->base + s->map.rates, 0, s->map.nrates * 8);
		h.start = (uint64_t)clock_boot_ns() + SEC / 20;
		h.stop = h.start + SEC / 50;
		for (i = 0; i < 8; i++)
			kids[i] = forked(hammer, &h);
		for (i = 0; i < 8; i++)
			assert_int_equal(forked_wait(kids[i]), 0);
	}
	assert_in_range(metric_read(&admitted, 0, 0), 20, 21);
}

/* A key that is being refused outlives a flood of strangers. */
static void
flood_does_not_evict(void **state)
{
	const struct rate r = { 5, 900 };
	uint64_t now = 5000 * SEC;
	uint32_t retry, i;
	char key[16];

	(void)state;
	for (i = 0; i < 6; i++)
		ask("victim", r, now, &retry, NULL);
	for (i = 0; i < 100000; i++) {
		snprintf(key, sizeof(key), "fake%u", i);
		ask(key, r, now + i * 1000, &retry, NULL);
	}
	assert_true(metric_read(&limiter_full_total, 0, 0) > 0);
	assert_false(ask("victim", r, now + SEC, &retry, NULL));
}

static void
expired_words_go_first(void **state)
{
	const struct rate r = { 1, 10 };
	uint64_t now = 5000 * SEC, full;
	uint32_t retry, i;
	char key[16];

	(void)state;
	for (i = 0; i < 20000; i++) {
		snprintf(key, sizeof(key), "old%u", i);
		ask(key, r, now, &retry, NULL);
	}
	full = metric_read(&limiter_full_total, 0, 0);
	now += 11 * SEC;
	for (i = 0; i < 500; i++) {
		snprintf(key, sizeof(key), "new%u", i);
		assert_true(ask(key, r, now, &retry, NULL));
	}
	assert_int_equal(metric_read(&limiter_full_total, 0, 0), full);
}

/* Words of the far future, as a corrupt or hostile writer leaves them. */
static void
corrupt_words_do_not_lock_out(void **state)
{
	const struct rate r = { 5, 60 };
	uint64_t *w = (uint64_t *)(s->base + s->map.rates);
	uint64_t now = 5000 * SEC, i;
	uint32_t retry;

	(void)state;
	assert_true(ask("k", r, now, &retry, NULL));
	for (i = 0; i < s->map.nrates; i++)
		w[i] |= UINT64_C(1) << 38;
	assert_true(ask("k", r, now, &retry, NULL));
}

static void
weeks_later(void **state)
{
	const struct rate r = { 2, 60 };
	uint64_t now = 5000 * SEC, day = 86400 * SEC, i;
	uint32_t retry;

	(void)state;
	for (i = 0; i < 40; i++, now += day - 7 * SEC) {
		assert_true(ask("k", r, now, &retry, NULL));
		assert_true(ask("k", r, now, &retry, NULL));
		assert_false(ask("k", r, now, &retry, NULL));
		if (i % 7 == 6)
			now += i * day;	/* silence */
	}
	assert_true(ask("k", r, now + (UINT64_C(1) << 40) * 1000 - 20 * SEC,
	    &retry, NULL));
}

/* Another process read its clock earlier than the one that wrote. */
static void
small_clock_steps(void **state)
{
	const struct rate r = { 2, 1 };
	uint64_t now = 5000 * SEC;
	uint32_t retry;

	(void)state;
	assert_true(ask("k", r, now, &retry, NULL));
	assert_true(ask("k", r, now, &retry, NULL));
	assert_false(ask("k", r, now - SEC, &retry, NULL));
}

int
main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, begin, end)
	const struct CMUnitTest tests[] = {
		CASE(vector),
		CASE(burst_then_one_by_one),
		CASE(without_segment_refused),
		CASE(long_run_is_exact),
		CASE(eight_processes_one_key),
		CASE(new_keys_race),
		CASE(flood_does_not_evict),
		CASE(expired_words_go_first),
		CASE(corrupt_words_do_not_lock_out),
		CASE(weeks_later),
		CASE(small_clock_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
