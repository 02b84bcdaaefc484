/*
 * What a schedule says: bounds, rhythm, floors, and what is refused where.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "jobs/schedule.h"
#include "tests/harness/data.h"

#include <cmocka.h>

static struct err err;

static struct utc
at(const char *text)
{
	struct utc t;

	assert_int_equal(clock_parse(text, &t), 0);
	return t;
}

static struct schedule_row
row(const char *spec, const char *zone)
{
	return (struct schedule_row){ .name = "x", .spec = spec,
	    .zone = zone, .gap = "shift", .fold = "first",
	    .misfire = "latest", .overlap = "skip", .window_s = 3600,
	    .max_catchup = 10, .type = "noop", .payload = "{}",
	    .queue = "", .priority = "normal" };
}

static void
refused(struct schedule_row r, int64_t floor_s, const char *loc)
{
	err_clear(&err);
	assert_int_equal(schedule_check(&r, floor_s,
	    at("2026-11-27T12:00:00Z"), &err), -1);
	assert_int_equal(err.status, 422);
	assert_int_equal(err.nfields, 1);
	assert_string_equal(err.fields[0].loc, loc);
	err_clear(&err);
}

static void
fires(const struct schedule_row *r, const char *after, const char *const *v)
{
	struct utc out[8];
	size_t n = 0, found;
	char text[CLOCK_TEXT];

	while (v[n] != NULL)
		n++;
	assert_int_equal(schedule_preview(r, at(after), 8, out, &found,
	    &err), 0);
	assert_true(found >= n);
	for (size_t i = 0; i < n; i++)
		assert_memory_equal(clock_format(out[i], text), v[i],
		    strlen(v[i]) - 1);
}

static void
kept(void **state)
{
	struct schedule_row r = row("30 2 * * *", "Europe/Berlin");

	(void)state;
	assert_int_equal(schedule_check(&r, 10, at("2026-11-27T12:00:00Z"),
	    &err), 0);
	assert_int_equal(r.next_at.us, at("2026-11-28T01:30:00Z").us);
}

/* The night in March has no 02:30, the one in October has two. */
static void
nights(void **state)
{
	struct schedule_row r = row("30 2 * * *", "Europe/Berlin");

	(void)state;
	fires(&r, "2027-03-27T12:00:00Z", (const char *const[]){
	    "2027-03-28T01:00:00Z", "2027-03-29T00:30:00Z", NULL });
	r.gap = "skip";
	fires(&r, "2027-03-27T12:00:00Z", (const char *const[]){
	    "2027-03-29T00:30:00Z", NULL });
	r.fold = "both";
	fires(&r, "2026-10-24T12:00:00Z", (const char *const[]){
	    "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z",
	    "2026-10-26T01:30:00Z", NULL });
}

static void
bounds(void **state)
{
	struct schedule_row r = row("@every 15m", "UTC");
	struct utc out[8];
	size_t n;

	(void)state;
	r.start_at = at("2026-11-27T12:05:00Z");
	r.end_at = at("2026-11-27T12:40:00Z");
	assert_int_equal(schedule_preview(&r, at("2026-11-27T10:00:00Z"), 8,
	    out, &n, &err), 0);
	assert_int_equal(n, 3);		/* 12:05, 12:20, 12:35 */
	assert_int_equal(out[0].us, r.start_at.us);
	assert_int_equal(out[2].us, at("2026-11-27T12:35:00Z").us);
	r = row("*/10 * * * * *", "UTC");
	r.start_at = at("2026-11-27T12:05:00Z");
	assert_int_equal(schedule_preview(&r, at("2026-11-27T10:00:00Z"), 2,
	    out, &n, &err), 0);
	assert_int_equal(out[0].us, r.start_at.us);
}

static void
not_kept(void **state)
{
	struct schedule_row r = row("0 3 * * *", "UTC");

	(void)state;
	refused(row("61 * * * *", "UTC"), 0, "[\"body\",\"spec\"]");
	refused(row("0 0 30 2 *", "UTC"), 0, "[\"body\",\"spec\"]");
	refused(row("0 3 * * *", "Nowhere/Land"), 0, "[\"body\",\"zone\"]");
	refused(row("*/5 * * * * *", "UTC"), 10, "[\"body\",\"spec\"]");
	refused(row("@every 5s", "UTC"), 10, "[\"body\",\"spec\"]");
	/* seldom, but then twice within five seconds */
	refused(row("0,5 0 12 * * *", "UTC"), 10, "[\"body\",\"spec\"]");
	r.end_at = at("2026-11-27T12:30:00Z");
	refused(r, 0, "[\"body\",\"end_at\"]");
	r.start_at = at("2026-11-28T00:00:00Z");
	refused(r, 0, "[\"body\",\"end_at\"]");
	r = row("0 3 * * *", "UTC");
	r.overlap = "whatever";
	refused(r, 0, "[\"body\",\"overlap\"]");
	r.overlap = "skip";
	r.misfire = "";
	refused(r, 0, "[\"body\",\"misfire\"]");
	r.misfire = "each";
	r.max_catchup = 101;
	refused(r, 0, "[\"body\",\"max_catchup\"]");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kept), cmocka_unit_test(nights),
		cmocka_unit_test(bounds), cmocka_unit_test(not_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
