/*
 * The breaker as a state machine with a clock of the test: tables of what
 * happens and what state it leads to; probes, late results, orders, budgets,
 * and words no process of ours could have written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/err.h"
#include "base/log.h"
#include "shm/segment.h"
#include "tests/harness/forked.h"

#define MS UINT64_C(1000000)
#define SEC (1000 * MS)

/* The documents' numbers, without jitter. */
static const struct guard guards[] = {
	{ .name = "aws", .breaker = { 5, 20, 50, 80, 10000, 60, 600, 0, 3, 60 },
	  .budget = { 200, 10, 10 }, .retry = { 3, 1000, 30000 } },
	{ .name = "jittery", .breaker = { 1, 0, 0, 0, 0, 60, 600, 10, 1, 60 } },
	{ .name = NULL }
};
static const struct shm_layout layout = {
	.guards = guards, .processes = 4, .limit_slots = 64
};

static char dir[SCRATCH_PATH];
static struct arena *a;
static struct shm *s;
static uint64_t now;

static int
begin(void **state)
{
	struct err e;

	(void)state;
	scratch_dir(dir);
	a = arena_new(16 << 20);
	now = 1000 * SEC;
	log_setup(&(struct log_options){ .level = LOG_ERROR }, &e);
	return shm_attach(&s, a, dir, &layout, &e);
}

static int
end(void **state)
{
	(void)state;
	breaker_on_change(NULL, NULL);
	shm_detach(s);
	arena_free(a);
	scratch_remove(dir);
	return 0;
}

/* ---- tables ----------------------------------------------------------------
 * oN N calls that end well, fN fail, sN slow, uN user's errors, nN that say
 * nothing, xN failures and successes in turn; +N milliseconds pass; =C =O =H
 * the state; ! a call is refused. */
static const struct {
	const char *what, *script;
} tables[] = {
	{ "five failures in a row", "f4 =C o1 f4 =C f1 =O !" },
	{ "pause, three probes, closed", "f5 =O ! +59999 ! +1 o1 =H o1 =H o1 "
	  "=C o5" },
	{ "the user's errors are left out", "f4 u9 =C f1 =O" },
	{ "nothing said is nothing counted", "f4 n30 =C f1 =O" },
	{ "half of twenty, at a good one", "x19 =C o1 =O" },
	{ "half of twenty, in turn", "x20 =O" },
	{ "less than half", "o2 x20 =C x20 =C" },
	{ "half, but of nineteen", "x19 =C +11000 x19 =C" },
	{ "a window of ten seconds", "x10 +9000 x10 =O" },
	{ "and not of eleven", "x10 +10000 x10 =C" },
	{ "sixteen slow of twenty", "s15 o4 =C s1 =O" },
	{ "fifteen slow of twenty", "s15 o5 =C" },
	{ "slow ones need twenty", "s19 =C" },
	{ "one bad probe", "f5 +60000 o2 =H f1 =O ! +119999 ! +1 o3 =C" },
	{ "a slow probe is bad", "f5 +60000 o1 s1 =O" },
	{ "a user's error shows that it lives", "f5 +60000 u3 =C" },
	{ "a probe that says nothing is given back", "f5 +60000 n9 =H o3 =C" },
	{ "pauses double up to ten minutes", "f5 +60000 f1 =O +119999 ! +1 f1 "
	  "+239999 ! +1 f1 +479999 ! +1 f1 +599999 ! +1 f1 +599999 ! +1 o3 =C" },
	{ "recovered, the next pause is a short one", "f5 +60000 f1 +120000 o3 "
	  "=C f5 =O +59999 ! +1 o3 =C" },
	{ "what was counted before does not count after", "x10 f5 +60000 o3 =C "
	  "x2 =C f4 o1 =C" },
	{ "half a century later", "f5 =O +1576800000000 o3 =C" },
};

static void
call(enum outcome o, uint64_t took_ms, const char *where)
{
	struct breaker_pass p;

	if (!breaker_allow(s, 0, now, &p))
		fail_msg("%s: a call was refused", where);
	p.since_ns -= (int64_t)(took_ms * MS);
	breaker_result(s, 0, &p, o, now);
}

static void
expect(char state, const char *where)
{
	if ("COH"[breaker_state(s, 0)] != state)
		fail_msg("%s: %s, not %c", where, breaker_state_name(
		    breaker_state(s, 0)), state);
}

static void
step(const char *word, const char *where)
{
	uint64_t n = strtoull(word + 1, NULL, 10);
	struct breaker_pass p;

	switch (*word) {
	case '+':
		now += n * MS;
		return;
	case '=':
		expect(word[1], where);
		return;
	case '!':
		if (breaker_allow(s, 0, now, &p))
			fail_msg("%s: a call was let through", where);
		return;
	}
	for (uint64_t i = 0; i < n; i++)
		call(*word == 'f' || (*word == 'x' && i % 2 == 0) ?
		    OUTCOME_FAIL : *word == 'u' ? OUTCOME_USER :
		    *word == 'n' ? OUTCOME_NONE : OUTCOME_OK,
		    *word == 's' ? 10001 : 5, where);
}

static void
state_table(void **state)
{
	char text[256], where[400], *save, *w;

	for (size_t i = 0; i < NITEMS(tables); i++) {
		if (i > 0)
			begin(state);
		snprintf(text, sizeof(text), "%s", tables[i].script);
		for (w = strtok_r(text, " ", &save); w != NULL;
		    w = strtok_r(NULL, " ", &save)) {
			snprintf(where, sizeof(where), "%s: at \"%s\" of "
			    "\"%s\"", tables[i].what, w, tables[i].script);
			step(w, where);
		}
		if (i + 1 < NITEMS(tables))
			end(state);
	}
}

/* ---- probes ------------------------------------------------------------------ */

static void
open_it(void)
{
	for (int i = 0; i < 5; i++)
		call(OUTCOME_FAIL, 1, "open");
	expect('O', "open");
}

static void
probes_expire(void **state)
{
	struct breaker_pass p[4], late;

	(void)state;
	open_it();
	now += 60 * SEC;
	for (int i = 0; i < 3; i++)
		assert_true(breaker_allow(s, 0, now, &p[i]));
	assert_false(breaker_allow(s, 0, now, &p[3]));
	breaker_result(s, 0, &p[0], OUTCOME_OK, now);
	assert_false(breaker_allow(s, 0, now, &p[3]));	/* good stays good */
	now += 59 * SEC;
	assert_false(breaker_allow(s, 0, now, &p[3]));
	now += SEC;		/* two are lost */
	late = p[1];
	assert_true(breaker_allow(s, 0, now, &p[1]));
	assert_true(breaker_allow(s, 0, now, &p[2]));
	assert_false(breaker_allow(s, 0, now, &p[3]));
	/* What the lost one says then counts neither way. */
	breaker_result(s, 0, &late, OUTCOME_FAIL, now);
	expect('H', "late failure");
	breaker_result(s, 0, &late, OUTCOME_OK, now);
	breaker_result(s, 0, &p[1], OUTCOME_OK, now);
	expect('H', "two of three");
	breaker_result(s, 0, &p[1], OUTCOME_OK, now);	/* twice is once */
	expect('H', "two of three, one twice");
	breaker_result(s, 0, &p[2], OUTCOME_OK, now);
	expect('C', "three of three");
}

/* Calls that began in another state than the one they end in. */
static void
late_results(void **state)
{
	struct breaker_pass early, probe, other;

	(void)state;
	assert_true(breaker_allow(s, 0, now, &early));
	open_it();
	breaker_result(s, 0, &early, OUTCOME_OK, now);
	expect('O', "success of a call from before");
	now += 60 * SEC;
	assert_true(breaker_allow(s, 0, now, &probe));
	assert_true(breaker_allow(s, 0, now, &other));
	breaker_result(s, 0, &early, OUTCOME_FAIL, now);
	expect('H', "failure of a call from before");
	breaker_result(s, 0, &probe, OUTCOME_FAIL, now);
	expect('O', "bad probe");
	breaker_result(s, 0, &other, OUTCOME_OK, now);
	expect('O', "good probe of a round that is over");
	now += 120 * SEC;
	call(OUTCOME_OK, 1, "probe");
	breaker_result(s, 0, &other, OUTCOME_FAIL, now);
	expect('H', "bad probe of a round that is over");
}

/* ---- orders --------------------------------------------------------------------- */

static void
orders(void **state)
{
	struct breaker_pass p;
	struct dependency_view v;
	struct dependency_pass d;
	struct err e = { 0 };

	(void)state;
	assert_true(breaker_orders_missing(s, 0));
	assert_true(breaker_order(s, 0, BREAKER_FORCED_OPEN, 3));
	assert_false(breaker_orders_missing(s, 0));
	assert_true(breaker_orders_missing(s, 1));
	assert_false(breaker_allow(s, 0, now, &p));
	assert_int_equal(breaker_state(s, 0), BREAKER_OPEN);
	/* also for those whom the breaker does not judge */
	assert_int_equal(dependency_enter(s, 0, DEPENDENCY_UNJUDGED, &d, &e),
	    -1);
	assert_string_equal(e.code, "breaker_open");
	assert_non_null(strstr(e.detail, "operator"));
	assert_true(dependency_refused(&e));
	assert_false(breaker_order(s, 0, BREAKER_AUTO, 2));	/* an old one */
	assert_false(breaker_allow(s, 0, now, &p));
	assert_true(breaker_order(s, 0, BREAKER_FORCED_CLOSED, 4));
	for (int i = 0; i < 30; i++)
		call(OUTCOME_FAIL, 1, "forced closed");
	expect('C', "forced closed");
	dependency_look(s, 0, now, &v);
	assert_int_equal(v.fail, 30);
	assert_int_equal(v.streak, 30);
	/* Released: from the start, not with the thirty. */
	assert_true(breaker_order(s, 0, BREAKER_AUTO, 5));
	for (int i = 0; i < 4; i++)
		call(OUTCOME_FAIL, 1, "released");
	expect('C', "released");
	assert_true(breaker_order(s, 0, BREAKER_DISABLED, 6));
	for (int i = 0; i < 30; i++)
		call(OUTCOME_FAIL, 1, "disabled");
	dependency_look(s, 0, now, &v);
	assert_int_equal(v.fail, 4);
	assert_int_equal(v.mode, BREAKER_DISABLED);
	assert_int_equal(breaker_mode_parse("disabled"), BREAKER_DISABLED);
	assert_int_equal(breaker_mode_parse("shut"), -1);
}

/* ---- who is told ------------------------------------------------------------------ */

struct heard {
	unsigned n;
	struct breaker_change last;
};

static void
hear(void *arg, const struct breaker_change *c)
{
	struct heard *h = arg;

	h->n++;
	h->last = *c;
}

static void
changes_are_told(void **state)
{
	struct heard h = { 0 };

	(void)state;
	breaker_on_change(hear, &h);
	call(OUTCOME_OK, 1, "good");
	open_it();
	assert_int_equal(h.n, 1);
	assert_string_equal(h.last.name, "aws");
	assert_int_equal(h.last.from, BREAKER_CLOSED);
	assert_int_equal(h.last.to, BREAKER_OPEN);
	assert_int_equal(h.last.pause_ms, 60000);
	assert_int_equal(h.last.streak, 5);
	assert_int_equal(h.last.ok, 1);
	assert_int_equal(h.last.fail, 5);
	now += 60 * SEC;
	for (int i = 0; i < 3; i++)
		call(OUTCOME_OK, 1, "probe");
	assert_int_equal(h.n, 3);
	assert_int_equal(h.last.to, BREAKER_CLOSED);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(metric_read(&breaker_transitions_total, 0, i),
		    1);
}

/* ---- times and words ---------------------------------------------------------------- */

static void
pauses(void **state)
{
	const struct breaker_rule *r = &guards[1].breaker;
	uint32_t least = UINT32_MAX, most = 0, ms;

	(void)state;
	for (uint64_t salt = 0; salt < 2000; salt++) {
		ms = breaker_pause_ms(r, 0, salt);
		least = ms < least ? ms : least;
		most = ms > most ? ms : most;
		assert_in_range(breaker_pause_ms(r, 1, salt), 108000, 132000);
		assert_in_range(breaker_pause_ms(r, 9, salt), 540000, 660000);
		assert_in_range(breaker_pause_ms(r, 4000, salt), 540000,
		    660000);
	}
	assert_in_range(least, 54000, 54500);
	assert_in_range(most, 65500, 66000);
}

/* The clock of the words goes round every 49.7 days. */
static void
clock_goes_round(void **state)
{
	struct breaker_pass p;

	(void)state;
	now = ((UINT64_C(1) << 32) - 30000) * MS;
	open_it();
	now += 59999 * MS;
	assert_false(breaker_allow(s, 0, now, &p));
	now += MS;
	for (int i = 0; i < 3; i++)
		call(OUTCOME_OK, 1, "probe");
	expect('C', "around the end of the clock");
	/* A clock read a moment before that of whoever opened it. */
	open_it();
	assert_false(breaker_allow(s, 0, now - 5 * SEC, &p));
}

static uint64_t
rnd(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	return *x ^= *x << 17;
}

/* Whatever a hostile neighbour writes: in the end calls go through. */
static void
hostile_words(void **state)
{
	struct seg_breaker *b = seg_breaker(s, 0);
	struct breaker_pass p;
	struct dependency_view v;
	uint64_t x = 88172645463325252, *w = (uint64_t *)b, t;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		for (size_t i = 0; i < sizeof(*b) / 8; i++)
			w[i] = rnd(&x) % 3 == 0 ? rnd(&x) : 0;
		b->mode = 0;
		t = now + rnd(&x) % (1000 * SEC);
		for (int i = 0; i < 10; i++, t += 700 * SEC) {
			if (!breaker_allow(s, 0, t, &p))
				continue;
			breaker_result(s, 0, &p, OUTCOME_OK, t);
			if (breaker_state(s, 0) == BREAKER_CLOSED)
				break;
		}
		dependency_look(s, 0, t, &v);
		if (v.state != BREAKER_CLOSED)
			fail_msg("round %d: %s", round,
			    breaker_state_name(v.state));
		assert_true(v.budget <= 100000);
		assert_true(v.permits_used <= SEG_PERMITS);
	}
}

/* Full buckets keep their shares. */
static void
many_calls(void **state)
{
	struct dependency_view v;

	(void)state;
	breaker_order(s, 0, BREAKER_FORCED_CLOSED, 1);
	for (int i = 0; i < 60000; i++)
		call(i % 4 == 0 ? OUTCOME_FAIL : OUTCOME_OK, 1, "many");
	dependency_look(s, 0, now, &v);
	assert_true(v.ok + v.fail > 4000 && v.ok <= 8191);
	assert_in_range(v.fail * 1000 / (v.ok + v.fail), 240, 260);
}

/* ---- budget ------------------------------------------------------------------------ */

static void
budget(void **state)
{
	(void)state;
	assert_int_equal(budget_left(s, 0, now), 100000);	/* full at first */
	for (int i = 0; i < 100; i++)
		assert_true(budget_take(s, 0, now));
	assert_false(budget_take(s, 0, now));
	assert_int_equal(metric_read(&retry_budget_empty_total, 0, 0), 1);
	for (int i = 0; i < 4; i++)
		budget_add(s, 0, now);			/* 0.8 */
	assert_false(budget_take(s, 0, now));
	budget_add(s, 0, now);
	assert_true(budget_take(s, 0, now));		/* 1.0 */
	assert_false(budget_take(s, 0, now + 99 * MS));
	assert_true(budget_take(s, 0, now + 100 * MS));	/* ten a second */
	assert_int_equal(budget_left(s, 0, now + 100 * MS), 0);
	assert_int_equal(budget_left(s, 0, now + 5100 * MS), 50000);
	assert_int_equal(budget_left(s, 0, now + 999 * SEC), 100000);
	for (int i = 0; i < 10000; i++)
		budget_add(s, 0, now + 999 * SEC);
	assert_int_equal(budget_left(s, 0, now + 999 * SEC), 100000);
	/* a clock that was read before somebody else's */
	assert_int_equal(budget_left(s, 0, now + 998 * SEC), 100000);
	assert_true(budget_take(s, 0, now + 998 * SEC));
	assert_int_equal(budget_left(s, 0, now + 999 * SEC), 99000);
	assert_true(budget_take(s, -1, now));		/* nobody's */
}

static void
unknown(void **state)
{
	struct dependency_pass d;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(dependency_find(s, "aws"), 0);
	assert_int_equal(dependency_find(s, "nobody"), -1);
	assert_int_equal(dependency_find(s, NULL), -1);
	assert_int_equal(dependency_find(NULL, "aws"), -1);
	assert_int_equal(dependency_enter(s, -1, DEPENDENCY_WAIT, &d, &e), 0);
	dependency_leave(s, -1, &d, OUTCOME_FAIL);
	assert_int_equal(dependency_enter(NULL, 0, DEPENDENCY_WAIT, &d, &e),
	    0);
	dependency_leave(NULL, 0, &d, OUTCOME_FAIL);
	assert_int_equal(dependency_label_index(s, -1), 2);
	assert_false(breaker_orders_missing(s, 99));
}

int
main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, begin, end)
	const struct CMUnitTest tests[] = {
		CASE(state_table),
		CASE(probes_expire),
		CASE(late_results),
		CASE(orders),
		CASE(changes_are_told),
		CASE(pauses),
		CASE(clock_goes_round),
		CASE(hostile_words),
		CASE(many_calls),
		CASE(budget),
		CASE(unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
