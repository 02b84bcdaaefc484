/*
 * Schedules in words, for pages and logs. Times of day are written out while
 * they are few; otherwise the fields are named one by one, so that the
 * sentence is always complete, if not always short.
 */
#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/str.h"
#include "jobs/cron.h"

enum { TIMES_MAX = 6 };

static const char *const month_names[] = { "", "January", "February", "March",
    "April", "May", "June", "July", "August", "September", "October",
    "November", "December" };
static const char *const weekday_names[] = { "Sunday", "Monday", "Tuesday",
    "Wednesday", "Thursday", "Friday", "Saturday" };
static const char *const ordinals[] = { "first", "second", "third", "fourth",
    "fifth" };

static int
count(uint64_t set)
{
	return __builtin_popcountll(set);
}

static int
lowest(uint64_t set)
{
	return __builtin_ctzll(set);
}

/* A list in the making: "a", "a and b", "a, b and c". */
struct list_text {
	struct str *out;
	int left;		/* elements still to come */
	bool begun;
};

static void
separate(struct list_text *l)
{
	if (l->begun)
		str_add(l->out, l->left == 1 ? " and " : ", ");
	l->begun = true;
	l->left--;
}

static void
add_value(struct str *out, const char *const *names, int v)
{
	if (names != NULL)
		str_add(out, names[v]);
	else
		str_addf(out, "%d", v);
}

/* End of the run of values that begins at v. */
static int
run_end(uint64_t set, int v)
{
	while (v < 63 && set >> (v + 1) & 1)
		v++;
	return v;
}

/* "1, 3 and 5 to 9"; runs of three and more are ranges. */
static void
add_set(struct str *out, uint64_t set, const char *const *names)
{
	struct list_text l = { .out = out };
	int v, end;

	for (v = 0; v < 64; v++) {
		if ((set >> v & 1) == 0)
			continue;
		end = run_end(set, v);
		l.left += end - v >= 2 ? 1 : end - v + 1;
		v = end;
	}
	for (v = 0; v < 64; v++) {
		if ((set >> v & 1) == 0)
			continue;
		end = run_end(set, v);
		separate(&l);
		add_value(out, names, v);
		if (end - v >= 2) {
			str_add(out, " to ");
			add_value(out, names, end);
			v = end;
		}
	}
}

/* The n of a set {0, n, 2n, ...} that divides the span evenly, or 0. */
static int
even_step(uint64_t set, int span)
{
	int n;

	if (count(set) < 2 || (set & 1) == 0)
		return 0;
	n = lowest(set & (set - 1));
	if (span % n != 0 || count(set) != span / n)
		return 0;
	for (int v = 0; v < span; v += n)
		if ((set >> v & 1) == 0)
			return 0;
	return n;
}

/* "every minute", "every 15 minutes", "at minute 5", "at minutes 1 and 3". */
static void
add_unit(struct str *out, uint64_t set, const char *unit)
{
	int n = even_step(set, 60);

	if (n == 1) {
		str_addf(out, "every %s", unit);
	} else if (n > 1) {
		str_addf(out, "every %d %ss", n, unit);
	} else {
		str_addf(out, "at %s%s ", unit, count(set) == 1 ? "" : "s");
		add_set(out, set, NULL);
	}
}

static void
add_times(struct str *out, const struct cron_spec *s)
{
	struct list_text l = { out, count(s->hour) * count(s->minute) *
	    count(s->second), false };

	str_add(out, "at ");
	for (uint64_t h = s->hour; h != 0; h &= h - 1)
		for (uint64_t m = s->minute; m != 0; m &= m - 1)
			for (uint64_t x = s->second; x != 0; x &= x - 1) {
				separate(&l);
				str_addf(out, "%02d:%02d", lowest(h),
				    lowest(m));
				if (s->second != 1)
					str_addf(out, ":%02d", lowest(x));
			}
}

static bool
few_times(const struct cron_spec *s)
{
	return count(s->hour) * count(s->minute) * count(s->second) <=
	    TIMES_MAX;
}

static void
add_time(struct str *out, const struct cron_spec *s)
{
	if (few_times(s)) {
		add_times(out, s);
		return;
	}
	if (s->second != 1) {
		add_unit(out, s->second, "second");
		if (s->elapsed && even_step(s->minute, 60) == 1)
			return;
		str_add(out, ", ");
	}
	if (s->elapsed && s->minute == 1) {
		str_add(out, "every hour");
		return;
	}
	add_unit(out, s->minute, "minute");
	if (s->elapsed) {
		if (even_step(s->minute, 60) == 0)
			str_add(out, " of every hour");
		return;
	}
	str_addf(out, " of hour%s ", count(s->hour) == 1 ? "" : "s");
	add_set(out, s->hour, NULL);
}

/* Days by their number: "on day 1 and 15", "on the last day of the month". */
static void
add_days(struct str *out, const struct cron_spec *s)
{
	struct list_text l = { .out = out };
	uint64_t near, back;

	l.left = (s->day != 0) + count(s->day_near) +
	    count(s->day_before_last) + s->last_weekday;
	str_add(out, " on ");
	if (s->day != 0) {
		separate(&l);
		str_add(out, "day ");
		add_set(out, s->day, NULL);
	}
	for (near = s->day_near; near != 0; near &= near - 1) {
		separate(&l);
		str_addf(out, "the weekday nearest to day %d", lowest(near));
	}
	for (back = s->day_before_last; back != 0; back &= back - 1) {
		separate(&l);
		if (lowest(back) == 0)
			str_add(out, "the last day");
		else
			str_addf(out, "the day %d before the last",
			    lowest(back));
	}
	if (s->last_weekday) {
		separate(&l);
		str_add(out, "the last weekday");
	}
	str_add(out, " of the month");
}

/* "on Monday to Friday", "on the third Friday and the last Sunday". */
static void
add_weekdays(struct str *out, const struct cron_spec *s)
{
	struct list_text l = { .out = out };

	l.left = (s->weekday != 0) + count(s->weekday_last);
	for (int n = 0; n < 5; n++)
		l.left += count(s->weekday_nth[n]);
	str_add(out, " on ");
	if (s->weekday != 0) {
		separate(&l);
		add_set(out, s->weekday, weekday_names);
	}
	for (int n = 0; n < 5; n++)
		for (unsigned x = s->weekday_nth[n]; x != 0; x &= x - 1) {
			separate(&l);
			str_addf(out, "the %s %s", ordinals[n],
			    weekday_names[lowest(x)]);
		}
	for (unsigned x = s->weekday_last; x != 0; x &= x - 1) {
		separate(&l);
		str_addf(out, "the last %s", weekday_names[lowest(x)]);
	}
	if (s->weekday == 0)
		str_add(out, " of the month");
}

static void
add_period(struct str *out, int64_t us)
{
	static const struct { const char *name; int64_t us; } units[] = {
		{ "d", 86400 * US_PER_S }, { "h", 3600 * US_PER_S },
		{ "min", 60 * US_PER_S }, { "s", US_PER_S }, { "ms", 1000 },
		{ "us", 1 }
	};

	str_add(out, "every");
	for (size_t i = 0; i < NITEMS(units); us %= units[i++].us)
		if (us >= units[i].us)
			str_addf(out, " %lld %s",
			    (long long)(us / units[i].us), units[i].name);
}

const char *
cron_describe(struct arena *a, const struct cron_spec *s, const char *zone)
{
	struct str out;

	str_init(&out, a);
	if (s->every_us > 0) {
		add_period(&out, s->every_us);
		return out.p;
	}
	add_time(&out, s);
	if (s->day_restricted)
		add_days(&out, s);
	if (s->day_restricted && s->weekday_restricted)
		str_add(&out, " or");
	if (s->weekday_restricted)
		add_weekdays(&out, s);
	if (s->month != 0x1ffe) {
		str_add(&out, " in ");
		add_set(&out, s->month, month_names);
	} else if (!s->day_restricted && !s->weekday_restricted &&
	    few_times(s)) {
		str_add(&out, " every day");
	}
	str_addf(&out, ", %s", zone);
	return out.p;
}
