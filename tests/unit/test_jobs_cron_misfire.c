/*
 * Missed fires: which run, which are skipped, and that next_at always moves on
 * with bounded work. Plans are compared with a list of all fires, and with
 * the closed form where such a list would be too long.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "jobs/cron.h"

static size_t calls;

static struct utc
at(const char *text)
{
	struct utc t;

	if (clock_parse(text, &t) != 0)
		fail_msg("not a time: %s", text);
	return t;
}

/* Fires at the multiples of a period. */
static int
periodic(const void *arg, struct utc after, struct utc *out)
{
	calls++;
	return interval_next((struct utc){ 0 }, *(const int64_t *)arg, after,
	    out);
}

static int
by_spec(const void *arg, struct utc after, struct utc *out)
{
	calls++;
	return cron_next(arg, "Europe/Berlin", CRON_GAP_SHIFT, CRON_FOLD_BOTH,
	    after, out);
}

static int
stuck(const void *arg, struct utc after, struct utc *out)
{
	(void)arg;
	*out = after;
	return 0;
}

static int
backwards(const void *arg, struct utc after, struct utc *out)
{
	(void)arg;
	out->us = after.us - 1;
	return 0;
}

static int
never(const void *arg, struct utc after, struct utc *out)
{
	(void)arg;
	(void)after;
	(void)out;
	return -1;
}

/* ---- against a list --------------------------------------------------------------- */

enum { MANY = 5000 };

static int64_t
age_limit(const struct cron_misfire_rule *r)
{
	int64_t grace = r->grace_s > 0 ? r->grace_s : CRON_GRACE_S;
	int64_t window = r->window_s > 0 ? r->window_s : INT64_C(1) << 40;

	if (r->policy == CRON_MISFIRE_SKIP)
		return (grace < window ? grace : window) * US_PER_S;
	return window * US_PER_S;
}

static void
compare(const struct cron_misfire_rule *r, const struct cron_source *s,
    struct utc next_at, struct utc now)
{
	static int64_t due[MANY];
	static struct cron_plan p;
	size_t n = 0, want, run = 0;
	struct utc t = next_at;

	for (; t.us <= now.us && t.us != 0; n++) {
		assert_true(n < MANY);
		due[n] = t.us;
		if (s->next(s->arg, t, &t) != 0)
			t.us = 0;
	}
	cron_misfires(r, s, next_at, now, &p);
	want = r->policy == CRON_MISFIRE_EACH ? (size_t)r->max_catchup : 1;
	while (run < want && run < n &&
	    due[n - 1 - run] >= now.us - age_limit(r))
		run++;
	assert_int_equal(p.nrun, run);
	for (size_t i = 0; i < run; i++)
		assert_true(p.run[i].us == due[n - run + i]);
	assert_true(p.next_at.us == t.us);
	assert_true(p.next_at.us == 0 || p.next_at.us > now.us);
	if (n <= CRON_COUNT_MAX) {
		assert_int_equal(p.skipped, n - run);
		assert_false(p.skipped_more);
	} else {
		assert_true(p.skipped_more);
		assert_true(p.skipped <= (int64_t)(n - run) &&
		    p.skipped >= CRON_COUNT_MAX - (int64_t)run);
	}
	if (n > run) {
		assert_true(p.skipped_first.us == due[0]);
		assert_true(p.skipped_last.us == due[n - run - 1]);
	}
}

static void
test_list(void **state)
{
	static const char *const specs[] = { "* * * * *", "*/15 * * * *",
	    "30 2 * * *", "0 9-17 * * mon-fri", "* * * * * *",
	    "*/7 3 1,15 * *" };

	(void)state;
	for (int i = 0; i < 600; i++) {
		struct cron_misfire_rule r = {
		    .policy = (enum cron_misfire)(i % 3),
		    .window_s = (int64_t)random_below(3) * 7200,
		    .max_catchup = 1 + (int64_t)random_below(100),
		    .grace_s = (int64_t)random_below(2) * 600 };
		struct cron_spec s;
		struct cron_source source = { by_spec, &s };
		/* Down for up to an hour, a day, or over the change. */
		int64_t down = (int64_t)random_below(i % 6 == 4 ? 4000 :
		    i % 5 == 0 ? 86400 * 3 : 3600) * US_PER_S;
		struct utc next, now;

		assert_int_equal(cron_parse(&s, specs[i % 6], NULL, NULL), 0);
		assert_int_equal(by_spec(&s, (struct utc){
		    at("2026-10-24T00:00:00Z").us +
		    (int64_t)random_below(86400) * US_PER_S }, &next), 0);
		now.us = next.us + down;
		compare(&r, &source, next, now);
	}
}

/* Just around the number of fires that are counted one by one. */
static void
test_count_limit(void **state)
{
	int64_t period = US_PER_S;
	struct cron_source s = { periodic, &period };

	(void)state;
	for (int64_t n = CRON_COUNT_MAX - 3; n < CRON_COUNT_MAX + 120; n++)
		for (int64_t want = 1; want <= CRON_CATCHUP_MAX; want += 33) {
			struct cron_misfire_rule r = {
			    .policy = CRON_MISFIRE_EACH, .max_catchup = want };

			compare(&r, &s, (struct utc){ 500 * US_PER_S },
			    (struct utc){ (500 + n - 1) * US_PER_S + 7 });
		}
}

/* ---- long downtimes ------------------------------------------------------------------ */

static void
test_long(void **state)
{
	static struct cron_plan p;
	int64_t period = US_PER_S;
	struct cron_source s = { periodic, &period };
	struct utc from = at("2016-01-01T00:00:00Z"),
	    now = at("2026-01-01T00:00:00.5Z");
	struct cron_misfire_rule r = { .policy = CRON_MISFIRE_EACH,
	    .max_catchup = 100 };

	(void)state;
	calls = 0;
	cron_misfires(&r, &s, from, now, &p);
	assert_true(calls < 20000);
	print_message("315 million missed: %zu steps\n", calls);
	assert_int_equal(p.nrun, 100);
	for (int i = 0; i < 100; i++)
		assert_true(p.run[i].us == at("2026-01-01").us -
		    (99 - i) * US_PER_S);
	assert_true(p.next_at.us == at("2026-01-01T00:00:01Z").us);
	assert_true(p.skipped_more);
	assert_true(p.skipped_first.us == from.us);
	assert_true(p.skipped_last.us == p.run[0].us - US_PER_S);

	r.policy = CRON_MISFIRE_LATEST;
	cron_misfires(&r, &s, from, now, &p);
	assert_int_equal(p.nrun, 1);
	assert_true(p.run[0].us == at("2026-01-01").us);
	r.policy = CRON_MISFIRE_SKIP;
	cron_misfires(&r, &s, from, now, &p);
	assert_int_equal(p.nrun, 1);	/* half a second is no delay */
	/* Bursts: all seconds of one hour a day, now in between. */
	struct cron_spec spec;

	assert_int_equal(cron_parse(&spec, "* * 3 * * *", NULL, NULL), 0);
	s = (struct cron_source){ by_spec, &spec };
	calls = 0;
	r.policy = CRON_MISFIRE_EACH;
	cron_misfires(&r, &s, at("2020-01-01T02:00:00Z"),
	    at("2026-01-01T20:00:00Z"), &p);
	assert_true(calls < 20000);
	assert_int_equal(p.nrun, 100);
	assert_true(p.run[99].us == at("2026-01-01T02:59:59Z").us);
	assert_true(p.run[0].us == at("2026-01-01T02:58:20Z").us);
	assert_true(p.next_at.us == at("2026-01-02T02:00:00Z").us);
}

static void
test_rules(void **state)
{
	static struct cron_plan p;
	int64_t period = 3600 * US_PER_S;
	struct cron_source s = { periodic, &period };
	struct cron_misfire_rule r = { .policy = CRON_MISFIRE_SKIP };

	(void)state;
	/* Not due yet; due now. */
	cron_misfires(&r, &s, at("2026-01-01T05:00:00Z"),
	    at("2026-01-01T04:59:59.999999Z"), &p);
	assert_int_equal(p.nrun + (size_t)p.skipped, 0);
	assert_true(p.next_at.us == at("2026-01-01T05:00:00Z").us);
	cron_misfires(&r, &s, at("2026-01-01T05:00:00Z"),
	    at("2026-01-01T05:00:00Z"), &p);
	assert_int_equal(p.nrun, 1);
	assert_int_equal(p.skipped, 0);
	assert_true(p.next_at.us == at("2026-01-01T06:00:00Z").us);
	/* A minute late is on time, more is missed. */
	cron_misfires(&r, &s, at("2026-01-01T05:00:00Z"),
	    at("2026-01-01T05:01:00Z"), &p);
	assert_int_equal(p.nrun, 1);
	cron_misfires(&r, &s, at("2026-01-01T05:00:00Z"),
	    at("2026-01-01T05:01:00.000001Z"), &p);
	assert_int_equal(p.nrun, 0);
	assert_int_equal(p.skipped, 1);
	assert_true(p.skipped_last.us == p.skipped_first.us);
	/* Five missed: the latest one, if the window allows. */
	r = (struct cron_misfire_rule){ .policy = CRON_MISFIRE_LATEST,
	    .window_s = 1800 };
	cron_misfires(&r, &s, at("2026-01-01T01:00:00Z"),
	    at("2026-01-01T05:10:00Z"), &p);
	assert_int_equal(p.nrun, 1);
	assert_true(p.run[0].us == at("2026-01-01T05:00:00Z").us);
	assert_int_equal(p.skipped, 4);
	assert_true(p.skipped_last.us == at("2026-01-01T04:00:00Z").us);
	cron_misfires(&r, &s, at("2026-01-01T01:00:00Z"),
	    at("2026-01-01T05:40:00Z"), &p);
	assert_int_equal(p.nrun, 0);
	assert_int_equal(p.skipped, 5);
	/* Each, within two hours and ten minutes: three; capped at two. */
	r = (struct cron_misfire_rule){ .policy = CRON_MISFIRE_EACH,
	    .window_s = 7800, .max_catchup = 10 };
	cron_misfires(&r, &s, at("2026-01-01T01:00:00Z"),
	    at("2026-01-01T05:10:00Z"), &p);
	assert_int_equal(p.nrun, 3);
	assert_true(p.run[0].us == at("2026-01-01T03:00:00Z").us);
	r.max_catchup = 2;
	cron_misfires(&r, &s, at("2026-01-01T01:00:00Z"),
	    at("2026-01-01T05:10:00Z"), &p);
	assert_int_equal(p.nrun, 2);
	assert_true(p.run[0].us == at("2026-01-01T04:00:00Z").us);
	/* Odd limits are brought into bounds. */
	r.max_catchup = 0;
	cron_misfires(&r, &s, at("2026-01-01T01:00:00Z"),
	    at("2026-01-01T05:10:00Z"), &p);
	assert_int_equal(p.nrun, 1);
	r.max_catchup = INT64_MAX;
	r.window_s = INT64_MAX;
	cron_misfires(&r, &s, at("2025-01-01T01:00:00Z"),
	    at("2026-01-01T05:10:00Z"), &p);
	assert_int_equal(p.nrun, CRON_CATCHUP_MAX);
	/* next_at that is no fire of the source (the spec was changed). */
	cron_misfires(&r, &s, at("2026-01-01T04:30:00Z"),
	    at("2026-01-01T05:10:00Z"), &p);
	assert_int_equal(p.nrun, 2);
	assert_true(p.run[0].us == at("2026-01-01T04:30:00Z").us);
	/* No next fire at all. */
	cron_misfires(&r, &s, (struct utc){ 0 }, at("2026-01-01"), &p);
	assert_int_equal(p.nrun + (size_t)p.skipped, 0);
	assert_true(p.next_at.us == 0);
}

/* A source that fails or lies ends the schedule; it never holds it. */
static void
test_progress(void **state)
{
	static const struct cron_source sources[] = { { stuck, NULL },
	    { backwards, NULL }, { never, NULL } };
	static struct cron_plan p;
	struct cron_misfire_rule r = { .policy = CRON_MISFIRE_EACH,
	    .max_catchup = 5 };

	(void)state;
	for (size_t i = 0; i < NITEMS(sources); i++) {
		cron_misfires(&r, &sources[i], at("2026-01-01"),
		    at("2026-02-01"), &p);
		assert_int_equal(p.nrun, 1);
		assert_true(p.next_at.us == 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_count_limit),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_progress),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
