/*
 * Cron against brute force: random expressions, whose meaning is drawn first
 * and written down second, so that the oracle needs no parser; libc tells the
 * wall time of every minute; each wall time is asked whether it matches, and
 * the policies are applied to what the clock did. Windows lie around every
 * change of the clock in several zones and years, and over ordinary years.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <time.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/str.h"
#include "jobs/cron.h"

enum { MINUTES = 9 * 1440, MARGIN = 3 * 1440 };

/* A fixed seed, so that a failure repeats; another one as argument. */
static uint64_t state_of_random;

static unsigned
below(unsigned n)
{
	state_of_random = state_of_random * UINT64_C(6364136223846793005) +
	    UINT64_C(1442695040888963407);
	return (unsigned)((state_of_random >> 33) % n);
}

/* ---- expressions -------------------------------------------------------------- */

struct meaning {
	bool minute[60], hour[24], day[32], month[13], weekday[7];
	bool day_free, weekday_free, all_hours;
	int back, near, nth, nth_day, last_day;	/* 0 or -1: not used */
	bool last_weekday;
};

/* A field as a list of values, ranges and steps; set[] from lo to hi. */
static void
draw_field(struct str *text, bool *set, int lo, int hi, bool *free_field)
{
	int items = 1 + (int)below(3);

	if (free_field != NULL)
		*free_field = false;
	if (below(3) == 0) {
		str_add(text, "*");
		for (int v = lo; v <= hi; v++)
			set[v] = true;
		if (free_field != NULL)
			*free_field = true;
		return;
	}
	for (int i = 0; i < items; i++) {
		int a = lo + (int)below((unsigned)(hi - lo + 1)), step = 1;
		int b = a + (int)below((unsigned)(hi - a + 1));

		if (i > 0)
			str_add(text, ",");
		switch (below(4)) {
		case 0:
			step = 1 + (int)below(9) % (hi - lo + 1);
			str_addf(text, "%d-%d/%d", a, b, step);
			break;
		case 1:
			step = 1 + (int)below(9) % (hi - lo + 1);
			str_addf(text, "*/%d", step);
			a = lo;
			b = hi;
			break;
		case 2:
			str_addf(text, "%d-%d", a, b);
			break;
		default:
			str_addf(text, "%d", a);
			b = a;
		}
		for (int v = a; v <= b; v += step)
			set[v] = true;
	}
}

static void
draw_day(struct str *text, struct meaning *m)
{
	switch (below(8)) {
	case 0:
		m->back = (int)below(10);
		if (m->back == 0)
			str_add(text, "L");
		else
			str_addf(text, "L-%d", m->back);
		break;
	case 1:
		m->last_weekday = true;
		str_add(text, "LW");
		break;
	case 2:
		m->near = 1 + (int)below(31);
		str_addf(text, "%dW", m->near);
		break;
	default:
		draw_field(text, m->day, 1, 31, &m->day_free);
	}
}

static void
draw_weekday(struct str *text, struct meaning *m)
{
	m->nth_day = (int)below(7);
	switch (below(8)) {
	case 0:
		m->nth = 1 + (int)below(5);
		str_addf(text, "%d#%d", m->nth_day, m->nth);
		break;
	case 1:
		m->last_day = m->nth_day;
		str_addf(text, "%dL", m->last_day);
		break;
	default:
		draw_field(text, m->weekday, 0, 6, &m->weekday_free);
	}
}

static const char *
draw(struct arena *a, struct meaning *m)
{
	struct str text;

	memset(m, 0, sizeof(*m));
	m->back = m->last_day = -1;
	str_init(&text, a);
	draw_field(&text, m->minute, 0, 59, NULL);
	str_add(&text, " ");
	draw_field(&text, m->hour, 0, below(2) ? 23 : 3, NULL);
	/* "*" of the short draw means all hours all the same. */
	m->all_hours = strcmp(text.p + strcspn(text.p, " ") + 1, "*") == 0;
	for (int h = 0; m->all_hours && h < 24; h++)
		m->hour[h] = true;
	if (!m->all_hours && strchr(strchr(text.p, ' '), '*') != NULL) {
		/* Steps from a star go on to 23. */
		const char *p = strchr(text.p, ' ');

		while ((p = strstr(p, "*/")) != NULL)
			for (int h = 0, n = atoi(p += 2); h < 24; h += n)
				m->hour[h] = true;
	}
	m->all_hours = true;
	for (int h = 0; h < 24; h++)
		m->all_hours = m->all_hours && m->hour[h];
	str_add(&text, " ");
	draw_day(&text, m);
	str_add(&text, " ");
	if (below(2))
		draw_field(&text, m->month, 1, 12, NULL);
	else {
		str_add(&text, "*");
		memset(m->month, 1, sizeof(m->month));
	}
	str_add(&text, " ");
	draw_weekday(&text, m);
	return text.p;
}

/* ---- what a date means, by walking to the end of its month ------------------------- */

static int
month_length(const struct tm *tm)
{
	struct tm t = { .tm_year = tm->tm_year, .tm_mon = tm->tm_mon + 1,
	    .tm_mday = 0 };

	timegm(&t);
	return t.tm_mday;
}

static int
weekday_of(const struct tm *tm, int day)
{
	return ((tm->tm_wday + day - tm->tm_mday) % 7 + 7 * 6) % 7;
}

/* Nearest Monday to Friday of the month to a day: by trying. */
static int
nearest_weekday(const struct tm *tm, int day)
{
	int len = month_length(tm);

	for (int d = 0; d < 3; d++)
		for (int sign = -1; sign <= 1; sign += 2) {
			int v = day + sign * d, wd = weekday_of(tm, v);

			if (v >= 1 && v <= len && wd != 0 && wd != 6)
				return v;
		}
	fail_msg("no weekday");
	return 0;
}

static bool
day_matches(const struct meaning *m, const struct tm *tm)
{
	int len = month_length(tm), d = tm->tm_mday;
	bool number = m->day[d], named = m->weekday[tm->tm_wday];
	bool day_free = m->day_free, weekday_free = m->weekday_free;

	if (!m->month[tm->tm_mon + 1])
		return false;
	number = number || (m->back >= 0 && d == len - m->back);
	number = number || (m->near > 0 && m->near <= len &&
	    d == nearest_weekday(tm, m->near));
	if (m->last_weekday && !number) {
		int last = len;

		while (weekday_of(tm, last) == 0 || weekday_of(tm, last) == 6)
			last--;
		number = d == last;
	}
	named = named || (m->nth > 0 && tm->tm_wday == m->nth_day &&
	    d > 7 * (m->nth - 1) && d <= 7 * m->nth);
	named = named || (m->last_day == tm->tm_wday && d + 7 > len);
	if (day_free && weekday_free)
		return true;
	if (day_free || weekday_free)
		return day_free ? named : number;
	return number || named;
}

/* ---- windows around changes of the clock --------------------------------------------- */

struct window {
	const char *zone;
	int64_t start;			/* instant of minute 0, in seconds */
	int64_t wall[MINUTES];		/* wall minute of each real minute */
	int64_t wall0, wall1;		/* first, and behind the last */
	struct tm *tm;			/* of the wall minutes, by wall - wall0 */
	int32_t *first, *last;		/* real minutes of a wall minute, -1 */
};

static void
make_window(struct arena *a, struct window *w, const char *zone, int64_t mid)
{
	size_t n;

	w->zone = zone;
	w->start = mid - MINUTES / 2 * 60;
	w->start -= w->start % 60;
	w->wall0 = INT64_MAX;
	w->wall1 = INT64_MIN;
	for (int i = 0; i < MINUTES; i++) {
		time_t t = (time_t)(w->start + i * 60);
		struct tm tm;

		localtime_r(&t, &tm);
		assert_int_equal(tm.tm_gmtoff % 60, 0);
		w->wall[i] = (w->start + tm.tm_gmtoff) / 60 + i;
		w->wall0 = w->wall[i] < w->wall0 ? w->wall[i] : w->wall0;
		w->wall1 = w->wall[i] + 1 > w->wall1 ? w->wall[i] + 1 :
		    w->wall1;
	}
	n = (size_t)(w->wall1 - w->wall0);
	w->tm = arena_array(a, n, sizeof(*w->tm));
	w->first = arena_array(a, n, sizeof(*w->first));
	w->last = arena_array(a, n, sizeof(*w->last));
	for (size_t i = 0; i < n; i++) {
		time_t t = (time_t)((w->wall0 + (int64_t)i) * 60);

		gmtime_r(&t, &w->tm[i]);
		w->first[i] = w->last[i] = -1;
	}
	for (int i = 0; i < MINUTES; i++) {
		size_t k = (size_t)(w->wall[i] - w->wall0);

		if (w->first[k] < 0)
			w->first[k] = i;
		w->last[k] = i;
	}
}

/* The first real minute whose wall time is later than wall minute k. */
static int
after_gap(const struct window *w, size_t k)
{
	for (int i = 1; i < MINUTES; i++)
		if (w->wall[i] - w->wall0 > (int64_t)k &&
		    w->wall[i - 1] - w->wall0 < (int64_t)k)
			return i;
	fail_msg("no gap");
	return 0;
}

/* fire[i]: the spec fires at real minute i. */
static void
brute(const struct window *w, const struct meaning *m, enum cron_gap gap,
    enum cron_fold fold, bool *fire)
{
	bool today = false;
	int date = -1;

	memset(fire, 0, MINUTES);
	for (size_t k = 0; k < (size_t)(w->wall1 - w->wall0); k++) {
		const struct tm *tm = &w->tm[k];

		if (tm->tm_yday != date) {
			date = tm->tm_yday;
			today = day_matches(m, tm);
		}
		if (!today || !m->hour[tm->tm_hour] || !m->minute[tm->tm_min])
			continue;
		if (w->first[k] < 0) {
			if (!m->all_hours && gap == CRON_GAP_SHIFT)
				fire[after_gap(w, k)] = true;
		} else if (m->all_hours || fold == CRON_FOLD_BOTH) {
			for (int i = w->first[k]; i <= w->last[k]; i++)
				fire[i] = fire[i] || w->wall[i] - w->wall0 ==
				    (int64_t)k;
		} else {
			fire[fold == CRON_FOLD_FIRST ? w->first[k] :
			    w->last[k]] = true;
		}
	}
}

static size_t compared, fires_seen;

/* Asked at any instant, not only at fires: mostly near the change. */
static void
compare_anywhere(const struct window *w, const struct cron_spec *s,
    enum cron_gap gap, enum cron_fold fold, const bool *fire)
{
	for (int i = 0; i < 40; i++) {
		int m = MINUTES / 2 - 180 + (int)below(360), n;
		struct utc t = { (w->start + m * 60) * US_PER_S +
		    below(60000000) }, out;
		int rc = cron_next(s, w->zone, gap, fold, t, &out);

		for (n = m + 1; n < MINUTES - MARGIN && !fire[n]; n++)
			;
		if (n == MINUTES - MARGIN)
			continue;
		if (rc != 0 || out.us != (w->start + n * 60) * US_PER_S)
			fail_msg("%s gap %d fold %d after %lld us: %lld, brute "
			    "force has minute %d", w->zone, gap, fold,
			    (long long)t.us, (long long)out.us, n);
	}
}

static void
compare(const struct window *w, const char *text, const struct meaning *m,
    enum cron_gap gap, enum cron_fold fold)
{
	static bool fire[MINUTES];
	int64_t from = w->start + MARGIN * 60;
	int64_t to = w->start + (MINUTES - MARGIN) * 60;
	struct utc t = { (from - 60) * US_PER_S }, out;
	struct cron_spec s;
	int rc;

	if (cron_parse(&s, text, NULL, NULL) != 0)
		fail_msg("refused: %s", text);
	assert_int_equal(s.elapsed, m->all_hours);
	brute(w, m, gap, fold, fire);
	compare_anywhere(w, &s, gap, fold, fire);
	compared++;
	for (int64_t u = from; u < to; u += 60) {
		if (!fire[(u - w->start) / 60])
			continue;
		fires_seen++;
		rc = cron_next(&s, w->zone, gap, fold, t, &out);
		if (rc != 0 || out.us != u * US_PER_S)
			fail_msg("%s %s gap %d fold %d after %lld: %lld, "
			    "brute force has %lld", text, w->zone, gap, fold,
			    (long long)(t.us / US_PER_S), (long long)(out.us /
			    US_PER_S), (long long)u);
		t = out;
	}
	rc = cron_next(&s, w->zone, gap, fold, t, &out);
	if (rc == 0 && out.us < to * US_PER_S)
		fail_msg("%s %s gap %d fold %d: a fire too many at %lld", text,
		    w->zone, gap, fold, (long long)(out.us / US_PER_S));
}

/* Instants at which libc's offset differs from the minute before. */
static size_t
find_changes(int year, int64_t *out, size_t cap)
{
	struct tm tm = { .tm_year = year - 1900, .tm_mday = 1 }, x;
	int64_t t = timegm(&tm);
	long east = 0;
	size_t n = 0;

	for (int h = 0; h < 366 * 24 && n < cap; h++) {
		time_t tt = (time_t)(t + h * 3600);

		localtime_r(&tt, &x);
		if (h > 0 && x.tm_gmtoff != east)
			out[n++] = tt;
		east = x.tm_gmtoff;
	}
	return n;
}

static void
test_changes(void **state)
{
	static const char *const zones[] = { "Europe/Berlin",
	    "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo",
	    "Africa/Casablanca", "Pacific/Apia", "America/Havana",
	    "Antarctica/Troll", "Europe/Dublin", "Asia/Tehran",
	    "Pacific/Chatham", "America/Caracas", "Asia/Pyongyang" };
	static const int years[] = { 1995, 2007, 2011, 2015, 2018, 2026, 2044 };
	static struct window w;
	struct meaning m;

	(void)state;
	for (size_t z = 0; z < NITEMS(zones); z++) {
		int64_t changes[8];

		setenv("TZ", zones[z], 1);
		tzset();
		for (size_t y = 0; y < NITEMS(years); y++) {
			size_t n = find_changes(years[y], changes, 8);

			for (size_t i = 0; i < n; i++) {
				struct arena *a = arena_new(16 << 20);

				make_window(a, &w, zones[z], changes[i]);
				for (int k = 0; k < 12; k++)
					compare(&w, draw(a, &m), &m,
					    (enum cron_gap)(k % 2),
					    (enum cron_fold)(k % 3));
				arena_free(a);
			}
		}
	}
	print_message("%zu expressions, %zu fires\n", compared, fires_seen);
	assert_true(compared > 1000 && fires_seen > 20000);
}

/* Sparse specs over six years, day by day: leap years, ends of months. */
static void
test_years(void **state)
{
	struct arena *a = arena_new(16 << 20);
	size_t seen = 0;

	(void)state;
	for (int i = 0; i < 200; i++) {
		struct utc t, out;
		struct cron_spec s;
		struct meaning m;
		const char *text = draw(a, &m);
		int first_hour = 0, first_minute = 0;

		while (!m.hour[first_hour])
			first_hour++;
		while (!m.minute[first_minute])
			first_minute++;
		assert_int_equal(cron_parse(&s, text, NULL, NULL), 0);
		assert_int_equal(clock_parse("2023-01-01", &t), 0);
		for (int d = 0; d < 6 * 365; d++, t.us += 86400 * US_PER_S) {
			time_t day = (time_t)(t.us / US_PER_S);
			struct utc before = { t.us - 1 };
			struct tm tm;
			int64_t next;
			int rc;

			gmtime_r(&day, &tm);
			rc = cron_next(&s, "UTC", CRON_GAP_SHIFT,
			    CRON_FOLD_FIRST, before, &out);
			next = rc == 0 ? out.us - t.us : INT64_MAX;
			if (!day_matches(&m, &tm)) {
				if (next < 86400 * US_PER_S)
					fail_msg("%s fires on day %d", text, d);
				continue;
			}
			seen++;
			if (next != (first_hour * 60 + first_minute) * 60 *
			    US_PER_S)
				fail_msg("%s on day %d: %lld", text, d,
				    (long long)next);
		}
		arena_reset(a);
	}
	print_message("%zu days with fires\n", seen);
	assert_true(seen > 10000);
	arena_free(a);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_years),
	};

	state_of_random = argc > 1 ? strtoull(argv[1], NULL, 10) : 20260329;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
