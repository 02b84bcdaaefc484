/*
 * When a cron expression fires next. Local time is cut into stretches of
 * constant offset; within a stretch, wall time and instants run side by side,
 * so the search is by calendar: months that match, the days of a month as one
 * set of bits, then the time of day. Gaps and folds are treated where two
 * stretches meet. Nothing steps minute by minute, and a spec that never
 * matches costs as much as a hundred months.
 *
 * Invariant: the result is later than `after`, and cron_next(t) <= cron_next
 * (u) for t <= u, on which cron_misfires() relies.
 */
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/zone.h"
#include "jobs/cron.h"

#define DAY_S INT64_C(86400)
/* 0001-01-01 and 9999-12-31T23:59:59. */
#define FIRST_S INT64_C(-62135596800)
#define LAST_S INT64_C(253402300799)

const char *const cron_gap_names[] = { "shift", "skip", NULL };
const char *const cron_fold_names[] = { "first", "last", "both", NULL };
const char *const cron_misfire_names[] = { "skip", "latest", "each", NULL };

int
cron_choice(const char *const *names, const char *name)
{
	for (int i = 0; name != NULL && names[i] != NULL; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return -1;
}

/* ---- the calendar ------------------------------------------------------------ */

/* Days are bits 1 to 31; wd is the weekday of the 1st. */
static int
weekday(int wd, int day)
{
	return (wd + day - 1) % 7;
}

/* Monday to Friday nearest to d, in the same month. */
static int
nearest(int wd, int d, int len)
{
	switch (weekday(wd, d)) {
	case 6:
		return d > 1 ? d - 1 : d + 2;
	case 0:
		return d < len ? d + 1 : d - 2;
	default:
		return d;
	}
}

static uint32_t
days_by_number(const struct cron_spec *s, int wd, int len)
{
	uint32_t set = s->day;

	for (int d = 1; d <= len; d++) {
		if (s->day_before_last >> (len - d) & 1)
			set |= UINT32_C(1) << d;
		if (s->day_near >> d & 1)
			set |= UINT32_C(1) << nearest(wd, d, len);
	}
	/* Before a last Saturday or Sunday, never after it. */
	if (s->last_weekday)
		set |= UINT32_C(1) << nearest(wd, len, len);
	return set;
}

static uint32_t
days_by_weekday(const struct cron_spec *s, int wd, int len)
{
	uint32_t set = 0;

	for (int d = 1; d <= len; d++) {
		int bits = s->weekday | s->weekday_nth[(d - 1) / 7] |
		    (d + 7 > len ? s->weekday_last : 0);

		if (bits >> weekday(wd, d) & 1)
			set |= UINT32_C(1) << d;
	}
	return set;
}

/* The days of a month on which the spec fires. */
static uint32_t
days_of_month(const struct cron_spec *s, int64_t y, int m)
{
	int64_t first = clock_days(y, m, 1);
	int wd = (int)(((first + 4) % 7 + 7) % 7);
	int len = clock_month_days(y, m);
	uint32_t number, named, all = (UINT32_C(2) << len) - 2;

	if ((s->month >> m & 1) == 0)
		return 0;
	number = days_by_number(s, wd, len);
	named = days_by_weekday(s, wd, len);
	if (s->day_restricted && s->weekday_restricted)
		return (number | named) & all;
	return number & named & all;
}

/* First value >= from in a set, or -1. */
static int
pick(uint64_t set, int from)
{
	set = from < 64 ? set >> from << from : 0;
	return set != 0 ? __builtin_ctzll(set) : -1;
}

/* First second of the day >= from that matches, or -1. */
static int
time_of_day(const struct cron_spec *s, int from)
{
	int h = pick(s->hour, from / 3600), m = 0, sec = 0;

	if (h == from / 3600) {
		m = pick(s->minute, from / 60 % 60);
		if (m == from / 60 % 60) {
			sec = pick(s->second, from % 60);
			if (sec >= 0)
				return h * 3600 + m * 60 + sec;
			m = pick(s->minute, m + 1);
		}
		if (m < 0)
			h = pick(s->hour, h + 1);
	}
	if (h < 0)
		return -1;
	/* Later than from: the first of whatever is below. */
	if (h != from / 3600)
		m = pick(s->minute, 0);
	sec = pick(s->second, 0);
	return m < 0 || sec < 0 ? -1 : h * 3600 + m * 60 + sec;
}

/* First matching wall time in [lo, hi), in local seconds, or hi. */
static int64_t
wall_next(const struct cron_spec *s, int64_t lo, int64_t hi)
{
	int64_t day = lo / DAY_S - (lo % DAY_S < 0), y;
	int from = (int)(lo - day * DAY_S), first = time_of_day(s, 0);
	struct tm tm;
	int m, d;

	if (lo >= hi || first < 0)
		return hi;
	clock_split((struct utc){ day * DAY_S * US_PER_S }, &tm);
	y = tm.tm_year + 1900;
	m = tm.tm_mon + 1;
	d = tm.tm_mday;
	for (;;) {
		uint32_t days = days_of_month(s, y, m);
		int64_t start = clock_days(y, m, 1) - 1;

		while (days != 0 && (d = pick(days, d)) > 0) {
			int at = start + d == day ? time_of_day(s, from) :
			    first;

			if (at >= 0) {
				int64_t t = (start + d) * DAY_S + at;

				return t < hi ? t : hi;
			}
			d++;
		}
		y += m == 12;
		m = m == 12 ? 1 : m + 1;
		d = 1;
		if (clock_days(y, m, 1) * DAY_S >= hi)
			return hi;
	}
}

/* ---- stretches of constant offset ----------------------------------------------- */

struct stretch {
	int64_t from, to;	/* instants, to excluded */
	int32_t east, before, after;	/* offsets here and beyond both ends */
};

/* The stretch that holds t. Only a change in the two days before t can still
 * be felt at t. */
static struct stretch
stretch_at(const struct zone *z, int64_t t)
{
	struct stretch x = { .from = t - 2 * DAY_S };

	x.east = x.before = zone_offset(z, (struct utc){ x.from * US_PER_S });
	while ((x.to = zone_change(z, x.from)) <= t) {
		x.from = x.to;
		x.before = x.east;
		x.east = zone_offset(z, (struct utc){ x.to * US_PER_S });
	}
	x.after = x.to == INT64_MAX ? x.east :
	    zone_offset(z, (struct utc){ x.to * US_PER_S });
	return x;
}

static void
advance(const struct zone *z, struct stretch *x)
{
	x->from = x->to;
	x->before = x->east;
	x->east = x->after;
	x->to = zone_change(z, x->from);
	if (x->to != INT64_MAX)
		x->after = zone_offset(z, (struct utc){ x->to * US_PER_S });
}

/* First fire in the stretch that is not before t, or limit. */
static int64_t
fire_in(const struct cron_spec *s, const struct stretch *x, int64_t t,
    int64_t limit, enum cron_fold fold)
{
	int64_t end = x->to < limit ? x->to : limit, lo, hi, w;

	lo = (t > x->from ? t : x->from) + x->east;
	hi = end + x->east;
	/* Wall times up to from + before came already, those from to + after
	 * will come again. */
	if (!s->elapsed && fold == CRON_FOLD_FIRST && lo < x->from + x->before)
		lo = x->from + x->before;
	if (!s->elapsed && fold == CRON_FOLD_LAST && x->to != INT64_MAX &&
	    hi > x->to + x->after)
		hi = x->to + x->after;
	w = wall_next(s, lo, hi);
	return w < hi ? w - x->east : limit;
}

static int64_t
fire_next(const struct cron_spec *s, const struct zone *z, enum cron_gap gap,
    enum cron_fold fold, int64_t t, int64_t limit)
{
	struct stretch x = stretch_at(z, t - 1);
	int64_t fire;

	for (;;) {
		if ((fire = fire_in(s, &x, t, limit, fold)) < limit)
			return fire;
		if (x.to >= limit)
			return limit;
		advance(z, &x);
		/* The clock jumped over [from + before, from + east). */
		if (!s->elapsed && gap == CRON_GAP_SHIFT &&
		    x.east > x.before && wall_next(s, x.from + x.before,
		    x.from + x.east) < x.from + x.east)
			return x.from;
	}
}

int
cron_next(const struct cron_spec *s, const char *zone, enum cron_gap gap,
    enum cron_fold fold, struct utc after, struct utc *out)
{
	const struct zone *z = zone_find(zone);
	int64_t t, limit, fire;

	*out = (struct utc){ 0 };
	if (z == NULL)
		return -1;
	if (s->every_us > 0)
		return interval_next(s->start, s->every_us, after, out);
	t = after.us / US_PER_S - (after.us % US_PER_S < 0) + 1;
	if (t < FIRST_S)
		t = FIRST_S;
	limit = t + CRON_YEARS * 366 * DAY_S;
	if (limit > LAST_S)
		limit = LAST_S;
	if (t >= limit || (fire = fire_next(s, z, gap, fold, t, limit)) >=
	    limit)
		return -1;
	*out = (struct utc){ fire * US_PER_S };
	return 0;
}

int
cron_check(const struct cron_spec *s, const char *zone, struct utc after,
    const char *spec_loc, const char *zone_loc, struct err *e)
{
	struct utc t;
	int rc = 0;

	if (!zone_known(zone))
		rc = err_field(e, (struct err_field){ .type = "value_error",
		    .loc = zone_loc != NULL ? zone_loc : "[\"body\",\"zone\"]",
		    .msg = "Value error, there is no time zone of this name: "
		    "it must be like Europe/Berlin or UTC" });
	/* Whether a spec ever matches does not depend on the zone. */
	if (cron_next(s, "UTC", CRON_GAP_SHIFT, CRON_FOLD_FIRST, after,
	    &t) != 0)
		rc = err_field(e, (struct err_field){ .type = "value_error",
		    .loc = spec_loc != NULL ? spec_loc : "[\"body\",\"spec\"]",
		    .msg = "Value error, this schedule never fires: no day "
		    "within eight years matches" });
	return rc;
}

/* ---- intervals and jitter --------------------------------------------------------- */

int
interval_next(struct utc start, int64_t period, struct utc after,
    struct utc *out)
{
	uint64_t past;
	int64_t at;

	ASSERT(period > 0);
	*out = (struct utc){ 0 };
	if (after.us < start.us) {
		*out = start;
		return 0;
	}
	/* As unsigned, because the distance may exceed INT64_MAX. */
	past = ((uint64_t)after.us - (uint64_t)start.us) % (uint64_t)period;
	if (__builtin_add_overflow(after.us, period - (int64_t)past, &at))
		return -1;
	*out = (struct utc){ at };
	return 0;
}

int64_t
cron_jitter(const char *seed, struct utc fire_at, int64_t max_us)
{
	static const uint8_t key[16] = "jitter of a fire";
	uint8_t buf[16];
	uint64_t h = siphash(key, seed, strlen(seed));

	if (max_us < 1)
		return 0;
	for (int i = 0; i < 8; i++) {
		buf[i] = (uint8_t)(h >> 8 * i);
		buf[8 + i] = (uint8_t)((uint64_t)fire_at.us >> 8 * i);
	}
	return (int64_t)(siphash(key, buf, sizeof(buf)) % (uint64_t)max_us);
}
