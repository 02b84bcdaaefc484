/*
 * Cron expressions: the vectors of the specification, the grammar and its
 * refusals, calendar corners, H, @every, intervals, jitter, descriptions, and
 * the next fires that three other libraries compute.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <json-c/json.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/str.h"
#include "base/zone.h"
#include "jobs/cron.h"
#include "tests/harness/data.h"

static struct utc
at(const char *text)
{
	struct utc t;

	if (clock_parse(text, &t) != 0)
		fail_msg("not a time: %s", text);
	return t;
}

static struct cron_spec
spec_of(const char *text)
{
	struct err e = { 0 };
	struct cron_spec s;

	if (cron_parse(&s, text, NULL, &e) != 0)
		fail_msg("%s: %s", text, e.fields[0].msg);
	assert_int_equal(e.status, 0);
	return s;
}

/* The next fires as text, "none" where there are no more. */
static const char *
fires(struct arena *a, const char *text, const char *zone, enum cron_gap gap,
    enum cron_fold fold, const char *after, int n)
{
	struct cron_spec s = spec_of(text);
	char buf[CLOCK_TEXT];
	struct utc t = at(after), out;
	struct str r;

	str_init(&r, a);
	for (; n > 0; n--) {
		if (cron_next(&s, zone, gap, fold, t, &out) != 0) {
			assert_true(out.us == 0);
			str_addf(&r, "%snone", r.len > 0 ? " " : "");
			break;
		}
		assert_true(out.us > t.us && out.us % US_PER_S == 0);
		str_addf(&r, "%s%s", r.len > 0 ? " " : "",
		    clock_format(t = out, buf));
	}
	return r.p;
}

struct row {
	const char *spec, *zone;
	int gap, fold;
	const char *after;
	const char *expect;	/* as many as are written here */
};

static void
check_rows(const struct row *rows, size_t n)
{
	struct arena *a = arena_new(1 << 20);

	for (size_t i = 0; i < n; i++) {
		int want = 1;
		const char *got;

		for (const char *p = rows[i].expect; *p != '\0'; p++)
			want += *p == ' ';
		got = fires(a, rows[i].spec, rows[i].zone,
		    (enum cron_gap)rows[i].gap, (enum cron_fold)rows[i].fold,
		    rows[i].after, want);
		if (strcmp(got, rows[i].expect) != 0)
			fail_msg("%s %s after %s:\n got %s\nwant %s",
			    rows[i].spec, rows[i].zone, rows[i].after, got,
			    rows[i].expect);
	}
	arena_free(a);
}

enum { SHIFT = CRON_GAP_SHIFT, SKIP = CRON_GAP_SKIP, FIRST = CRON_FOLD_FIRST,
    LAST = CRON_FOLD_LAST, BOTH = CRON_FOLD_BOTH };

/* ---- the specification's vectors ------------------------------------------------- */

static void
test_vectors(void **state)
{
	static const struct row rows[] = {
		{ "30 2 * * *", "Europe/Berlin", SHIFT, FIRST,
		    "2026-03-28T12:00:00Z",
		    "2026-03-29T01:00:00Z 2026-03-30T00:30:00Z" },
		{ "30 2 * * *", "Europe/Berlin", SKIP, FIRST,
		    "2026-03-28T12:00:00Z", "2026-03-30T00:30:00Z" },
		{ "30 2 * * *", "Europe/Berlin", SHIFT, FIRST,
		    "2026-10-24T12:00:00Z",
		    "2026-10-25T00:30:00Z 2026-10-26T01:30:00Z" },
		{ "30 2 * * *", "Europe/Berlin", SHIFT, LAST,
		    "2026-10-24T12:00:00Z",
		    "2026-10-25T01:30:00Z 2026-10-26T01:30:00Z" },
		{ "30 2 * * *", "Europe/Berlin", SHIFT, BOTH,
		    "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z "
		    "2026-10-25T01:30:00Z 2026-10-26T01:30:00Z" },
		{ "30 2 * * *", "America/New_York", SHIFT, FIRST,
		    "2026-03-08T00:00:00Z",
		    "2026-03-08T07:00:00Z 2026-03-09T06:30:00Z" },
		{ "30 1 * * *", "America/New_York", SHIFT, FIRST,
		    "2026-11-01T00:00:00Z",
		    "2026-11-01T05:30:00Z 2026-11-02T06:30:00Z" },
		{ "30 1 * * *", "America/New_York", SHIFT, LAST,
		    "2026-11-01T00:00:00Z", "2026-11-01T06:30:00Z" },
		{ "15 2 * * *", "Australia/Lord_Howe", SHIFT, FIRST,
		    "2026-10-03T00:00:00Z",
		    "2026-10-03T15:30:00Z 2026-10-04T15:15:00Z" },
		{ "15 2 * * *", "Australia/Lord_Howe", SKIP, FIRST,
		    "2026-10-03T00:00:00Z", "2026-10-04T15:15:00Z" },
		{ "45 1 * * *", "Australia/Lord_Howe", SHIFT, FIRST,
		    "2026-04-04T00:00:00Z",
		    "2026-04-04T14:45:00Z 2026-04-05T15:15:00Z" },
		{ "45 1 * * *", "Australia/Lord_Howe", SHIFT, LAST,
		    "2026-04-04T00:00:00Z", "2026-04-04T15:15:00Z" },
		{ "45 1 * * *", "Australia/Lord_Howe", SHIFT, BOTH,
		    "2026-04-04T00:00:00Z",
		    "2026-04-04T14:45:00Z 2026-04-04T15:15:00Z" },
	};

	(void)state;
	check_rows(rows, NITEMS(rows));
}

/* Steps of minutes over all hours, under every policy, over both nights: no
 * hole, no double. */
static void
test_elapsed(void **state)
{
	static const char *const zones[] = { "Europe/Berlin", "UTC",
	    "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo",
	    "Asia/Kathmandu", "Antarctica/Troll", "Europe/Dublin" };
	static const struct { const char *spec; int minutes; } specs[] = {
		{ "*/15 * * * *", 15 }, { "0-59/15 */1 * * *", 15 },
		{ "*/5 0-23 * * *", 5 }, { "* * * * *", 1 },
		{ "H/15 * * * *", 15 }, { "*/30 * * * *", 30 }
	};

	(void)state;
	for (size_t i = 0; i < NITEMS(zones) * NITEMS(specs) * 6; i++) {
		const char *zone = zones[i % NITEMS(zones)];
		size_t k = i / NITEMS(zones), policy = k / NITEMS(specs);
		int64_t step = specs[k % NITEMS(specs)].minutes;
		struct cron_spec s = spec_of(specs[k % NITEMS(specs)].spec);
		const struct zone *z = zone_find(zone);
		int64_t c = at("2018-01-01").us / US_PER_S;

		assert_true(s.elapsed);
		/* Eight changes, each from three hours before to after. */
		for (int n = 0; n < 8 && (c = zone_change(z, c)) <
		    at("2027-01-01").us / US_PER_S; n++) {
			struct utc t = { (c - 3 * 3600 - 1) * US_PER_S }, out;
			int64_t prev = 0;

			while (t.us < (c + 3 * 3600) * US_PER_S) {
				assert_int_equal(cron_next(&s, zone,
				    (enum cron_gap)(policy % 2),
				    (enum cron_fold)(policy / 2), t, &out), 0);
				if (prev != 0 && out.us - prev !=
				    step * 60 * US_PER_S)
					fail_msg("%s %s: %lld s", zone,
					    specs[k % NITEMS(specs)].spec,
					    (long long)((out.us - prev) /
					    US_PER_S));
				prev = out.us;
				t = out;
			}
		}
	}
}

static void
test_nights(void **state)
{
	static const struct row rows[] = {
		/* All of one gap at one instant, once; then the day goes on. */
		{ "*/15 2 * * *", "Europe/Berlin", SHIFT, FIRST,
		    "2026-03-28T12:00:00Z",
		    "2026-03-29T01:00:00Z 2026-03-30T00:00:00Z" },
		{ "0 2,3 * * *", "Europe/Berlin", SHIFT, FIRST,
		    "2026-03-28T12:00:00Z",
		    "2026-03-29T01:00:00Z 2026-03-30T00:00:00Z" },
		{ "0 2,3 * * *", "Europe/Berlin", SKIP, FIRST,
		    "2026-03-28T12:00:00Z",
		    "2026-03-29T01:00:00Z 2026-03-30T00:00:00Z" },
		/* Strictly after, on the instant of the change itself. */
		{ "30 2 * * *", "Europe/Berlin", SHIFT, FIRST,
		    "2026-03-29T00:59:59.999999Z", "2026-03-29T01:00:00Z" },
		{ "30 2 * * *", "Europe/Berlin", SHIFT, FIRST,
		    "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z" },
		/* Both passes, in the order of instants. */
		{ "10,50 2 * * *", "Europe/Berlin", SHIFT, BOTH,
		    "2026-10-24T12:00:00Z",
		    "2026-10-25T00:10:00Z 2026-10-25T00:50:00Z "
		    "2026-10-25T01:10:00Z 2026-10-25T01:50:00Z "
		    "2026-10-26T01:10:00Z" },
		{ "10,50 2 * * *", "Europe/Berlin", SHIFT, LAST,
		    "2026-10-25T00:20:00Z",
		    "2026-10-25T01:10:00Z 2026-10-25T01:50:00Z" },
		{ "0 3 * * *", "Europe/Berlin", SHIFT, LAST,
		    "2026-10-25T00:20:00Z", "2026-10-25T02:00:00Z" },
		{ "0 2 * * *", "Europe/Berlin", SHIFT, FIRST,
		    "2026-10-25T00:00:00Z", "2026-10-26T01:00:00Z" },
		/* Asked in the middle of the second pass. */
		{ "50 2 * * *", "Europe/Berlin", SHIFT, FIRST,
		    "2026-10-25T01:20:00Z", "2026-10-26T01:50:00Z" },
		{ "50 2 * * *", "Europe/Berlin", SHIFT, BOTH,
		    "2026-10-25T01:20:00Z", "2026-10-25T01:50:00Z" },
		/* A step of hours is not a step of minutes: policies apply. */
		{ "0 */2 * * *", "Europe/Berlin", SHIFT, FIRST,
		    "2026-10-24T21:59:00Z",
		    "2026-10-24T22:00:00Z 2026-10-25T00:00:00Z "
		    "2026-10-25T03:00:00Z" },
		{ "0 */2 * * *", "Europe/Berlin", SHIFT, FIRST,
		    "2026-03-28T22:59:00Z",
		    "2026-03-28T23:00:00Z 2026-03-29T01:00:00Z "
		    "2026-03-29T02:00:00Z" },
		/* The date of the gap counts, not the one after it. */
		{ "30 2 29 3 *", "Europe/Berlin", SHIFT, FIRST,
		    "2026-01-01T00:00:00Z",
		    "2026-03-29T01:00:00Z 2027-03-29T00:30:00Z" },
		{ "0 0 * * *", "America/Sao_Paulo", SHIFT, FIRST,
		    "2018-11-03T12:00:00Z",
		    "2018-11-04T03:00:00Z 2018-11-05T02:00:00Z" },
		{ "0 0 * * *", "America/Sao_Paulo", SKIP, FIRST,
		    "2018-11-03T12:00:00Z", "2018-11-05T02:00:00Z" },
		/* A whole day that did not happen. */
		{ "0 9 * * *", "Pacific/Apia", SHIFT, FIRST,
		    "2011-12-29T12:00:00Z", "2011-12-29T19:00:00Z "
		    "2011-12-30T10:00:00Z 2011-12-30T19:00:00Z" },
		{ "0 9 30 12 *", "Pacific/Apia", SKIP, FIRST,
		    "2011-12-01T00:00:00Z", "2012-12-29T19:00:00Z" },
		/* Seconds. */
		{ "*/20 30 2 * * *", "Europe/Berlin", SHIFT, BOTH,
		    "2026-10-25T00:30:20Z",
		    "2026-10-25T00:30:40Z 2026-10-25T01:30:00Z" },
		{ "59 59 1 * * *", "Europe/Berlin", SHIFT, FIRST,
		    "2026-03-28T12:00:00Z", "2026-03-29T00:59:59Z" },
		{ "0 0 2 * * *", "Europe/Berlin", SHIFT, FIRST,
		    "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z" },
	};

	(void)state;
	check_rows(rows, NITEMS(rows));
}

/* ---- calendar ------------------------------------------------------------------- */

static void
test_calendar(void **state)
{
#define ROW(spec, after, expect) { spec, "UTC", SHIFT, FIRST, after, expect }
	static const struct row rows[] = {
		ROW("0 0 29 2 *", "2024-02-29T00:00:00Z",
		    "2028-02-29T00:00:00Z 2032-02-29T00:00:00Z"),
		/* 2100 is no leap year: eight years, just within the bound. */
		ROW("0 0 29 2 *", "2096-02-29T00:00:00Z",
		    "2104-02-29T00:00:00Z"),
		ROW("0 0 31 2 *", "2026-01-01", "none"),
		ROW("0 0 30 2 *", "2026-01-01", "none"),
		ROW("0 0 31 4,6,9,11 *", "2026-01-01", "none"),
		ROW("0 0 31W 4 *", "2026-01-01", "none"),
		ROW("0 0 L-30 2 *", "2026-01-01", "none"),
		/* crontab(5): 13th or Friday; a star leaves it to the other. */
		ROW("0 0 13 * 5", "2026-02-01", "2026-02-06T00:00:00Z "
		    "2026-02-13T00:00:00Z 2026-02-20T00:00:00Z"),
		ROW("0 0 13 * *", "2026-02-01", "2026-02-13T00:00:00Z "
		    "2026-03-13T00:00:00Z"),
		ROW("0 0 ? * 5", "2026-02-01", "2026-02-06T00:00:00Z"),
		ROW("0 0 13 * ?", "2026-02-01", "2026-02-13T00:00:00Z"),
		ROW("0 0 */10 * 0", "2026-02-02", "2026-02-08T00:00:00Z "
		    "2026-02-11T00:00:00Z"),
		ROW("0 0 * * 0", "2026-02-01", "2026-02-08T00:00:00Z"),
		ROW("0 0 * * 7", "2026-02-01", "2026-02-08T00:00:00Z"),
		/* L, LW, W. February 2026 ends on a Saturday. */
		ROW("0 0 L * *", "2026-01-31", "2026-02-28T00:00:00Z "
		    "2026-03-31T00:00:00Z 2026-04-30T00:00:00Z"),
		ROW("0 0 L 2 *", "2027-03-01", "2028-02-29T00:00:00Z"),
		ROW("0 0 L-2 * *", "2026-02-01", "2026-02-26T00:00:00Z "
		    "2026-03-29T00:00:00Z"),
		ROW("0 0 LW * *", "2026-02-01", "2026-02-27T00:00:00Z "
		    "2026-03-31T00:00:00Z 2026-04-30T00:00:00Z "
		    "2026-05-29T00:00:00Z"),
		ROW("0 0 15W * *", "2026-02-01", "2026-02-16T00:00:00Z "
		    "2026-03-16T00:00:00Z 2026-04-15T00:00:00Z"),
		/* 1 August 2026 is a Saturday: never the month before. */
		ROW("0 0 1W 8 *", "2026-01-01", "2026-08-03T00:00:00Z"),
		/* 31 May 2026 is a Sunday: never the month after. */
		ROW("0 0 31W 5 *", "2026-01-01", "2026-05-29T00:00:00Z"),
		ROW("0 0 1,L * *", "2026-02-01", "2026-02-28T00:00:00Z "
		    "2026-03-01T00:00:00Z"),
		ROW("0 0 * * 5L", "2026-02-01", "2026-02-27T00:00:00Z "
		    "2026-03-27T00:00:00Z"),
		ROW("0 0 * * friL", "2026-02-01", "2026-02-27T00:00:00Z"),
		ROW("0 0 * * L5", "2026-02-01", "2026-02-27T00:00:00Z"),
		ROW("0 0 * * 7L", "2026-02-01", "2026-02-22T00:00:00Z"),
		ROW("0 0 * * 5#3", "2026-02-01", "2026-02-20T00:00:00Z"),
		ROW("0 0 * * tue#1,thu#5", "2026-04-01", "2026-04-07T00:00:00Z "
		    "2026-04-30T00:00:00Z 2026-05-05T00:00:00Z"),
		ROW("0 0 * 2 5#5", "2026-01-01", "none"),
		ROW("0 0 LW * 5#1", "2026-02-01", "2026-02-06T00:00:00Z "
		    "2026-02-27T00:00:00Z"),
		/* Ranges, names, steps. */
		ROW("0 0 1 nov-feb *", "2026-01-15", "2026-02-01T00:00:00Z "
		    "2026-11-01T00:00:00Z 2026-12-01T00:00:00Z "
		    "2027-01-01T00:00:00Z"),
		ROW("0 0 * * FRI-mon", "2026-02-03", "2026-02-06T00:00:00Z "
		    "2026-02-07T00:00:00Z 2026-02-08T00:00:00Z "
		    "2026-02-09T00:00:00Z 2026-02-13T00:00:00Z"),
		ROW("0 0 * * 5-7", "2026-02-03", "2026-02-06T00:00:00Z "
		    "2026-02-07T00:00:00Z 2026-02-08T00:00:00Z "
		    "2026-02-13T00:00:00Z"),
		ROW("0 0 * * Thu-Tue/2", "2026-02-03", "2026-02-05T00:00:00Z "
		    "2026-02-07T00:00:00Z 2026-02-09T00:00:00Z "
		    "2026-02-12T00:00:00Z"),
		ROW("5/20 10 * * *", "2026-02-03", "2026-02-03T10:05:00Z "
		    "2026-02-03T10:25:00Z 2026-02-03T10:45:00Z"),
		ROW("10-40/15 10 * * *", "2026-02-03", "2026-02-03T10:10:00Z "
		    "2026-02-03T10:25:00Z 2026-02-03T10:40:00Z"),
		ROW("*/60 * * * *", "2026-02-03T10:30:00Z",
		    "2026-02-03T11:00:00Z"),
		ROW("  15\t10 * * SUN  ", "2026-02-03", "2026-02-08T10:15:00Z"),
		ROW("30 0 12 * * *", "2026-02-03", "2026-02-03T12:00:30Z"),
		ROW("@yearly", "2026-02-03", "2027-01-01T00:00:00Z"),
		ROW("@annually", "2026-02-03", "2027-01-01T00:00:00Z"),
		ROW("@monthly", "2026-02-03", "2026-03-01T00:00:00Z"),
		ROW("@weekly", "2026-02-03", "2026-02-08T00:00:00Z"),
		ROW("@daily", "2026-02-03", "2026-02-04T00:00:00Z"),
		ROW("@midnight", "2026-02-03", "2026-02-04T00:00:00Z"),
		ROW("@hourly", "2026-02-03", "2026-02-03T01:00:00Z"),
		/* The ends of time. */
		ROW("0 0 1 1 *", "9998-06-01", "9999-01-01T00:00:00Z none"),
		ROW("0 0 1 1 *", "1969-06-01", "1970-01-01T00:00:00Z "
		    "1971-01-01T00:00:00Z"),
	};

	(void)state;
	check_rows(rows, NITEMS(rows));
}

/* Any instant, also far outside of the years that are searched. */
static void
test_extremes(void **state)
{
	static const int64_t us[] = { INT64_MIN, INT64_MIN + 1, -1, 0, 1,
	    INT64_MAX - 1, INT64_MAX };
	struct cron_spec s = spec_of("30 2 * * *"), n = spec_of("0 0 31 2 *");
	struct utc out;

	(void)state;
	for (size_t i = 0; i < NITEMS(us); i++) {
		struct utc t = { us[i] };

		if (cron_next(&s, "Europe/Berlin", CRON_GAP_SHIFT,
		    CRON_FOLD_FIRST, t, &out) == 0)
			assert_true(out.us > t.us);
		else
			assert_true(us[i] > INT64_MAX - 2);
		assert_int_equal(cron_next(&n, "Europe/Berlin", CRON_GAP_SHIFT,
		    CRON_FOLD_FIRST, t, &out), -1);
	}
	assert_int_equal(cron_next(&s, "Mars/Olympus", CRON_GAP_SHIFT,
	    CRON_FOLD_FIRST, at("2026-01-01"), &out), -1);
}

/* ---- refusals ---------------------------------------------------------------------- */

static void
test_refusals(void **state)
{
	/* Where the message must contain a word, and how many entries. */
	static const struct { const char *text, *word; size_t n; } rows[] = {
		{ "", "five fields", 1 }, { "   ", "five fields", 1 },
		{ "* * * *", "five fields", 1 },
		{ "* * * * * * *", "five fields", 1 },
		{ "60 * * * *", "minute: must be from 0 to 59", 1 },
		{ "* 24 * * *", "hour: must be from 0 to 23", 1 },
		{ "* * 0 * *", "day of month: must be", 1 },
		{ "* * 32 * *", "day of month: must be", 1 },
		{ "* * * 13 *", "month: must be", 1 },
		{ "* * * 0 *", "month: must be", 1 },
		{ "* * * foo *", "month: must be", 1 },
		{ "* * * * 8", "day of week: must be", 1 },
		{ "* * * * xyz", "day of week: must be", 1 },
		{ "60 0 0 * * *", "second: must be", 1 },
		{ "61 24 0 13 8", "minute", 5 },
		{ "5-1 * * * *", "minute: a range", 1 },
		{ "* 22-2 * * *", "hour: a range", 1 },
		{ "* * 20-5 * *", "day of month: a range", 1 },
		{ "*/0 * * * *", "minute: a step", 1 },
		{ "*/61 * * * *", "minute: a step", 1 },
		{ "* */25 * * *", "hour: a step", 1 },
		{ "* 5/5/5 * * *", "hour: must be *", 1 },
		{ "*/ * * * *", "minute: must be *", 1 },
		{ "1, * * * *", "minute: must be *", 1 },
		{ ",1 * * * *", "minute: must be *", 1 },
		{ "1,,2 * * * *", "minute: must be *", 1 },
		{ "1- * * * *", "minute: must be *", 1 },
		{ "-1 * * * *", "minute: must be *", 1 },
		{ "1.5 * * * *", "minute: must be *", 1 },
		{ "** * * * *", "minute: must be *", 1 },
		{ "*1 * * * *", "minute: must be *", 1 },
		{ "? * * * *", "minute: must be *", 1 },
		{ "* ! * * *", "hour: must be *", 1 },
		{ "* 0-z * * *", "hour: must be *", 1 },
		{ "L * * * *", "minute: must be *", 1 },
		{ "* * 5L * *", "day of month: must be *", 1 },
		{ "* * * * 5W", "day of week: must be *", 1 },
		{ "* * * * L", "day of week: must be *", 1 },
		{ "* * 5#2 * *", "day of month: must be *", 1 },
		{ "* * 1-5W * *", "day of month: must be *", 1 },
		{ "* * L-31 * *", "day of month: must be from", 1 },
		{ "* * L- * *", "day of month: must be *", 1 },
		{ "* * ?,5 * *", "day of month: must be *", 1 },
		{ "* * * * 5#0", "day of week: must be from", 1 },
		{ "* * * * 5#6", "day of week: must be from", 1 },
		{ "* * * * 5#", "day of week: must be *", 1 },
		{ "* * * monday *", "month: must be", 1 },
		{ "* * * * monday", "day of week: must be *", 1 },
		{ "H(5 * * * *", "minute: must be *", 1 },
		{ "H(9-5) * * * *", "minute: a range", 1 },
		{ "H(0-60) * * * *", "minute: must be from", 1 },
		{ "H/0 * * * *", "minute: a step", 1 },
		{ "99999999999999999999 * * * *", "minute: must be from", 1 },
		{ "*/99999999999999999999 * * * *", "minute: a step", 1 },
		{ "* *\n* * *", "five fields", 1 },
		{ "* * * * 1\r", "day of week: must be *", 1 },
		{ "@", "@yearly", 1 }, { "@dayly", "@yearly", 1 },
		{ "@Daily", "@yearly", 1 }, { "@daily 5", "@yearly", 1 },
		{ "@reboot", "@reboot has no meaning", 1 },
		{ "@every", "@every needs", 1 },
		{ "@every 5", "@every needs", 1 },
		{ "@every s", "@every needs", 1 },
		{ "@every 5x", "@every needs", 1 },
		{ "@every -5s", "@every needs", 1 },
		{ "@every 1.5h", "@every needs", 1 },
		{ "@every 5s ", "", 0 },
		{ "@every 5s 5", "@every needs", 1 },
		{ "@every 9y", "@every needs", 1 },
		{ "@every 99999999999999999999s", "@every needs", 1 },
		{ "@every 9223372036854775807us", "@every needs", 1 },
		{ "@every 2929d", "@every needs", 1 },
		{ "@every 2928d1us", "@every needs", 1 },
		{ "@every5s", "@yearly", 1 },
		{ "@every 1us", "shortest period is one second", 1 },
		{ "@every 999ms", "shortest period is one second", 1 },
		{ "@every 0s", "shortest period is one second", 1 },
	};

	(void)state;
	for (size_t i = 0; i < NITEMS(rows); i++) {
		struct err e = { 0 };
		struct cron_spec s;
		int rc = cron_parse(&s, rows[i].text, NULL, &e);

		if (rc != (rows[i].n > 0 ? -1 : 0) || e.nfields != rows[i].n)
			fail_msg("%s: %d, %zu entries", rows[i].text, rc,
			    e.nfields);
		if (rc == 0)
			continue;
		assert_int_equal(e.status, 422);
		if (strstr(e.fields[0].msg, rows[i].word) == NULL)
			fail_msg("%s: %s", rows[i].text, e.fields[0].msg);
		assert_string_equal(e.fields[0].type, "value_error");
		assert_string_equal(e.fields[0].loc, "[\"body\",\"spec\"]");
	}
}

static void
test_options(void **state)
{
	struct cron_options o = { .every_min_us = 10 * US_PER_S,
	    .loc = "[\"body\",\"cron\"]" };
	struct err e = { 0 };
	struct cron_spec s;
	char longest[CRON_TEXT_MAX + 2];

	(void)state;
	assert_int_equal(cron_parse(&s, "@every 9s", &o, &e), -1);
	assert_string_equal(e.fields[0].loc, o.loc);
	assert_non_null(strstr(e.fields[0].msg, "shorter than is allowed"));
	assert_non_null(strstr(e.cause, "10000000"));
	assert_int_equal(cron_parse(&s, "@every 10s", &o, NULL), 0);
	assert_int_equal(cron_parse(&s, NULL, &o, NULL), -1);
	memset(longest, ' ', sizeof(longest));
	memcpy(longest, "@daily", 6);
	longest[CRON_TEXT_MAX + 1] = '\0';
	assert_int_equal(cron_parse(&s, longest, NULL, NULL), -1);
	longest[CRON_TEXT_MAX] = '\0';
	assert_int_equal(cron_parse(&s, longest, NULL, NULL), 0);
	assert_int_equal(cron_choice(cron_gap_names, "skip"), CRON_GAP_SKIP);
	assert_int_equal(cron_choice(cron_fold_names, "both"), CRON_FOLD_BOTH);
	assert_int_equal(cron_choice(cron_misfire_names, "each"),
	    CRON_MISFIRE_EACH);
	assert_int_equal(cron_choice(cron_gap_names, "SHIFT"), -1);
	assert_int_equal(cron_choice(cron_gap_names, NULL), -1);
}

static void
test_check(void **state)
{
	struct cron_spec never = spec_of("0 0 31 2 *"),
	    leap = spec_of("0 0 29 2 *"), every = spec_of("@every 8s");
	struct err e = { 0 };

	(void)state;
	assert_int_equal(cron_check(&leap, "Europe/Berlin", at("2026-01-01"),
	    NULL, NULL, &e), 0);
	assert_int_equal(cron_check(&every, "UTC", at("2026-01-01"), NULL,
	    NULL, &e), 0);
	assert_int_equal(e.status, 0);
	assert_int_equal(cron_check(&never, "Europe/Nowhere", at("2026-01-01"),
	    NULL, NULL, &e), -1);
	assert_int_equal(e.status, 422);
	assert_int_equal(e.nfields, 2);
	assert_string_equal(e.fields[0].loc, "[\"body\",\"zone\"]");
	assert_non_null(strstr(e.fields[1].msg, "never fires"));
}

/* ---- H, @every, intervals, jitter --------------------------------------------------- */

static struct cron_spec
seeded(const char *text, const char *seed)
{
	struct cron_options o = { .seed = seed };
	struct cron_spec s;

	assert_int_equal(cron_parse(&s, text, &o, NULL), 0);
	return s;
}

static void
test_hash(void **state)
{
	struct cron_spec s, t;
	uint64_t minutes = 0;
	uint32_t days = 0;
	char seed[32];

	(void)state;
	for (int i = 0; i < 2000; i++) {
		snprintf(seed, sizeof(seed), "schedule %d", i);
		s = seeded("H H H H H", seed);
		t = seeded("H H H H H", seed);
		assert_memory_equal(&s, &t, sizeof(s));
		assert_int_equal(__builtin_popcountll(s.minute), 1);
		assert_int_equal(__builtin_popcount(s.hour), 1);
		assert_int_equal(__builtin_popcount(s.day), 1);
		assert_int_equal(__builtin_popcount(s.month), 1);
		assert_int_equal(__builtin_popcount(s.weekday), 1);
		minutes |= s.minute;
		days |= s.day;
		s = seeded("H(10-19) * H(31-31) * *", seed);
		assert_true((s.minute & ~UINT64_C(0xffc00)) == 0);
		assert_true(s.day == UINT32_C(1) << 31);
		s = seeded("H/15 H(0-7)/4 * * *", seed);
		assert_int_equal(__builtin_popcountll(s.minute), 4);
		assert_int_equal(__builtin_popcount(s.hour), 2);
		assert_true((s.hour & ~0xffu) == 0);
	}
	/* All minutes are used, and the days that every month has. */
	assert_true(minutes == (UINT64_C(1) << 60) - 1);
	assert_true(days == (UINT32_C(1) << 29) - 2);
	/* Pinned: a new version must not move everybody's schedule. */
	s = seeded("H H * * *", "0192a3b4-0000-7000-8000-000000000001");
	assert_int_equal(__builtin_ctzll(s.minute), 26);
	assert_int_equal(__builtin_ctz(s.hour), 17);
}

static void
test_every(void **state)
{
	static const struct { const char *text; int64_t s; } rows[] = {
		{ "@every 90s", 90 }, { "@every 5m", 300 },
		{ "@every 2h30m", 9000 }, { "@every 1d", 86400 },
		{ "@every 1h1m1s", 3661 }, { "@every 1000ms", 1 },
		{ "@every\t30m ", 1800 }, { "@every 2928d", 2928 * 86400 }
	};
	struct cron_spec s;
	struct utc t = at("2026-01-01T00:00:10Z"), out;

	(void)state;
	for (size_t i = 0; i < NITEMS(rows); i++) {
		s = spec_of(rows[i].text);
		assert_int_equal(s.every_us, rows[i].s * US_PER_S);
	}
	/* Anchored, however late it is asked; over a change of the clock too. */
	s = spec_of("@every 90s");
	s.start = at("2026-01-01T00:00:07Z");
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(cron_next(&s, "Europe/Berlin", CRON_GAP_SKIP,
		    CRON_FOLD_LAST, t, &out), 0);
		assert_true(out.us > t.us &&
		    out.us - t.us <= 90 * US_PER_S);
		assert_true((out.us - s.start.us) % (90 * US_PER_S) == 0);
		t.us = out.us + (int64_t)random_below(1000 * US_PER_S);
	}
	/* Before its start, it begins at the start. */
	assert_int_equal(cron_next(&s, "UTC", CRON_GAP_SKIP, CRON_FOLD_LAST,
	    at("2020-01-01"), &out), 0);
	assert_true(out.us == s.start.us);
}

static void
test_interval(void **state)
{
	static const struct { int64_t start, period, after, out; int rc; }
	rows[] = {
		{ 100, 10, 0, 100, 0 }, { 100, 10, 99, 100, 0 },
		{ 100, 10, 100, 110, 0 }, { 100, 10, 109, 110, 0 },
		{ 100, 10, 110, 120, 0 }, { -100, 7, 0, 5, 0 },
		{ 0, 1, INT64_MAX - 1, INT64_MAX, 0 },
		{ 0, 1, INT64_MAX, 0, -1 },
		{ 0, INT64_MAX, 5, INT64_MAX, 0 },
		{ 1, INT64_MAX, 5, 0, -1 },
		{ INT64_MIN, 1, INT64_MAX, 0, -1 },
		{ INT64_MAX, 10, INT64_MIN, INT64_MAX, 0 },
		{ 5, INT64_C(3153600000000000), 4, 5, 0 },
	};
	struct utc out;

	(void)state;
	for (size_t i = 0; i < NITEMS(rows); i++) {
		int rc = interval_next((struct utc){ rows[i].start },
		    rows[i].period, (struct utc){ rows[i].after }, &out);

		if (rc != rows[i].rc || out.us != rows[i].out)
			fail_msg("row %zu: %d %lld", i, rc,
			    (long long)out.us);
	}
}

static void
test_jitter(void **state)
{
	int64_t max = 60 * US_PER_S, j, sum = 0;
	int low = 0, high = 0;

	(void)state;
	assert_int_equal(cron_jitter("a", at("2026-01-01"), 0), 0);
	assert_int_equal(cron_jitter("a", at("2026-01-01"), -5), 0);
	assert_int_equal(cron_jitter("a", at("2026-01-01"), 1), 0);
	for (int i = 0; i < 10000; i++) {
		struct utc t = { at("2026-01-01").us + i * 3600 * US_PER_S };

		j = cron_jitter("a", t, max);
		assert_true(j >= 0 && j < max);
		assert_int_equal(j, cron_jitter("a", t, max));
		low += j < max / 10;
		high += j >= max - max / 10;
		sum += j;
	}
	/* Even: mean 30 s with a standard error of 0.17 s; tenths 1000 +- 30. */
	assert_in_range(sum / 10000, 29 * US_PER_S, 31 * US_PER_S);
	assert_in_range(low, 800, 1200);
	assert_in_range(high, 800, 1200);
	assert_true(cron_jitter("a", at("2026-01-01"), max) !=
	    cron_jitter("b", at("2026-01-01"), max));
	assert_int_equal(cron_jitter("a", at("2026-01-01"), max), 2838449);
}

/* ---- descriptions ---------------------------------------------------------------------- */

static void
test_describe(void **state)
{
	static const struct { const char *spec, *text; } rows[] = {
		{ "30 2 * * 1", "at 02:30 on Monday, Europe/Berlin" },
		{ "30 2 * * *", "at 02:30 every day, Europe/Berlin" },
		{ "0 9,17 * * mon-fri",
		    "at 09:00 and 17:00 on Monday to Friday, Europe/Berlin" },
		{ "* * * * *", "every minute, Europe/Berlin" },
		{ "*/15 * * * *", "every 15 minutes, Europe/Berlin" },
		{ "0 * * * *", "every hour, Europe/Berlin" },
		{ "5 * * * *", "at minute 5 of every hour, Europe/Berlin" },
		{ "5,35 * * * *",
		    "at minutes 5 and 35 of every hour, Europe/Berlin" },
		{ "*/10 9-17 * * *",
		    "every 10 minutes of hours 9 to 17, Europe/Berlin" },
		{ "*/7 9 * * *", "at minutes 0, 7, 14, 21, 28, 35, 42, 49 and "
		    "56 of hour 9, Europe/Berlin" },
		{ "0 0 1,15 * *",
		    "at 00:00 on day 1 and 15 of the month, Europe/Berlin" },
		{ "0 0 13 * 5", "at 00:00 on day 13 of the month or on Friday, "
		    "Europe/Berlin" },
		{ "0 0 L * *",
		    "at 00:00 on the last day of the month, Europe/Berlin" },
		{ "0 0 15W,LW * *", "at 00:00 on the weekday nearest to day 15 "
		    "and the last weekday of the month, Europe/Berlin" },
		{ "0 0 L-3 * *", "at 00:00 on the day 3 before the last of the "
		    "month, Europe/Berlin" },
		{ "0 0 * * 5#3,0L", "at 00:00 on the third Friday and the last "
		    "Sunday of the month, Europe/Berlin" },
		{ "0 0 * 6-8,12 *",
		    "at 00:00 in June to August and December, Europe/Berlin" },
		{ "30 0 12 * * *", "at 12:00:30 every day, Europe/Berlin" },
		{ "*/10 * * * * *", "every 10 seconds, Europe/Berlin" },
		{ "* * * * * *", "every second, Europe/Berlin" },
		{ "@every 2h30m", "every 2 h 30 min" },
		{ "@every 36h", "every 1 d 12 h" },
	};
	struct arena *a = arena_new(1 << 20);

	(void)state;
	for (size_t i = 0; i < NITEMS(rows); i++) {
		struct cron_spec s = spec_of(rows[i].spec);

		assert_string_equal(cron_describe(a, &s, "Europe/Berlin"),
		    rows[i].text);
	}
	arena_free(a);
}

/* ---- three other libraries ---------------------------------------------------------------- */

enum class {
	SAME,			/* croniter and cron-parser agree: so do we */
	ALL_REFUSE,		/* all refuse: so do we */
	DUPLICATES,		/* cron-parser refuses "0,0"; croniter's times */
	WRAPPED,		/* cron-parser refuses "fri-mon"; croniter's */
	WRAPPED_STEP,		/* same with a step: croniter loses count at the
				 * turn of the week, we count on: thu, sat, mon
				 * for Thu-Tue/2 */
	RANGE_OF_ONE,		/* croniter 6 reads "2-2" as "*"; cron-parser's
				 * times, which are also APScheduler's */
	CLASSES
};

static const char *const class_names[CLASSES] = { "same", "all refuse",
    "duplicates", "wrapped range", "wrapped range with a step",
    "range of one" };

/* Times of a peer as fires() writes them; "refused" for an error. */
static const char *
peer(struct arena *a, struct json_object *row, const char *key)
{
	struct json_object *v = json_object_object_get(row, key);
	struct str r;

	str_init(&r, a);
	if (json_object_get_type(v) != json_type_array)
		return "refused";
	for (size_t i = 0; i < json_object_array_length(v); i++)
		str_addf(&r, "%s%sZ", i > 0 ? " " : "",
		    json_object_get_string(json_object_array_get_idx(v, i)));
	return r.p;
}

static const char *
ours(struct arena *a, const char *expr, const char *start)
{
	struct cron_spec s;
	struct err e = { 0 };

	if (cron_parse(&s, expr, NULL, &e) != 0 ||
	    cron_check(&s, "UTC", at(start), NULL, NULL, &e) != 0)
		return "refused";
	return fires(a, expr, "UTC", CRON_GAP_SHIFT, CRON_FOLD_FIRST, start,
	    5);
}

/* "x-y" that runs over the end, "x-x", or a value twice in a list. */
static enum class
judge(const char *expr, const char *mine, const char *croniter,
    const char *cron_parser)
{
	bool refused = strcmp(cron_parser, "refused") == 0;
	const char *dash = strchr(expr, '-'), *comma = strchr(expr, ',');

	if (strcmp(croniter, cron_parser) == 0)
		return refused ? ALL_REFUSE : SAME;
	if (refused && comma != NULL && comma[-1] == comma[1] &&
	    strcmp(mine, croniter) == 0)
		return DUPLICATES;
	if (refused && dash != NULL && strcmp(mine, croniter) == 0)
		return WRAPPED;
	if (refused && dash != NULL && strchr(dash, '/') != NULL)
		return WRAPPED_STEP;
	if (dash != NULL && dash[-1] == dash[1] &&
	    strcmp(mine, cron_parser) == 0)
		return RANGE_OF_ONE;
	fail_msg("%s: a difference without a reason", expr);
	return CLASSES;
}

static void
test_peers(void **state)
{
	struct arena *a = arena_new(32 << 20);
	size_t len;
	char *text = data_read(a, "protocol/cron_three_peers_dev.json.gz",
	    &len);
	struct json_object *rows;
	int count[CLASSES] = { 0 }, aps = 0;

	(void)state;
	if (text == NULL) {
		arena_free(a);
		skip();
	}
	assert_non_null(rows = json_tokener_parse(text));
	for (size_t i = 0; i < json_object_array_length(rows); i++) {
		struct json_object *row = json_object_array_get_idx(rows, i);
		const char *expr = json_object_get_string(
		    json_object_object_get(row, "expr"));
		const char *start = json_object_get_string(
		    json_object_object_get(row, "start"));
		const char *mine = ours(a, expr, start);
		const char *c = peer(a, row, "croniter");
		const char *p = peer(a, row, "cron_parser");
		enum class k = judge(expr, mine, c, p);

		if ((k == SAME || k == ALL_REFUSE) && strcmp(mine, c) != 0)
			fail_msg("%s after %s:\n got %s\nwant %s", expr, start,
			    mine, c);
		if (json_object_get_boolean(json_object_object_get(row,
		    "agree_croniter_cronparser")))
			assert_int_equal(k, SAME);
		count[k]++;
		/* APScheduler counts weekdays from Monday and wants both day
		 * fields to match. */
		aps += k == SAME && strcmp(mine, peer(a, row,
		    "apscheduler_from_crontab")) != 0;
	}
	for (int k = 0; k < CLASSES; k++)
		print_message("%-26s %3d\n", class_names[k], count[k]);
	print_message("%-26s %3d of the first\n", "APScheduler differs", aps);
	/* What is known of the set; more rows may come. */
	assert_true(count[SAME] >= 72 && count[ALL_REFUSE] >= 18);
	assert_int_equal(count[WRAPPED_STEP], 3);
	json_object_put(rows);
	arena_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_elapsed),
		cmocka_unit_test(test_nights),
		cmocka_unit_test(test_calendar),
		cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_hash),
		cmocka_unit_test(test_every),
		cmocka_unit_test(test_interval),
		cmocka_unit_test(test_jitter),
		cmocka_unit_test(test_describe),
		cmocka_unit_test(test_peers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
