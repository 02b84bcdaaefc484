/*
 * Calendar arithmetic in UTC by the proleptic Gregorian rules, without the time
 * zone machinery of libc and without shared buffers. The parser refuses what it
 * does not fully understand, leap seconds included.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"

#define US_PER_DAY (86400 * US_PER_S)

static const char wdays[] = "SunMonTueWedThuFriSat";
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* The year is counted from March, so that the leap day is its last. */
int64_t
clock_days(int64_t y, int m, int d)
{
	int64_t era, yoe, doy;

	if (m <= 2)
		y--;
	era = (y >= 0 ? y : y - 399) / 400;
	yoe = y - era * 400;
	doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static bool
is_leap(int64_t y)
{
	return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
}

int
clock_month_days(int64_t y, int m)
{
	static const unsigned char n[] =
	    { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return m == 2 && is_leap(y) ? 29 : n[m - 1];
}

/* Whole days, rounded down, and the microseconds left over. */
static int64_t
split_days(int64_t us, int64_t *rest)
{
	int64_t days = us / US_PER_DAY;

	*rest = us % US_PER_DAY;
	if (*rest < 0) {
		*rest += US_PER_DAY;
		days--;
	}
	return days;
}

struct utc
clock_now(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_REALTIME, &ts) != 0)
		check_failed(__FILE__, __LINE__, "the clock works");
	return (struct utc){ ts.tv_sec * US_PER_S + ts.tv_nsec / 1000 };
}

int64_t
clock_boot_ns(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_BOOTTIME, &ts) != 0)
		check_failed(__FILE__, __LINE__, "the clock works");
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

void
clock_split(struct utc t, struct tm *out)
{
	int64_t rest, days = split_days(t.us, &rest), z, era, doe, yoe, y;
	int doy, mp, sec = (int)(rest / US_PER_S);

	memset(out, 0, sizeof(*out));
	z = days + 719468;
	era = (z >= 0 ? z : z - 146096) / 146097;
	doe = z - era * 146097;
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = (int)(doe - (365 * yoe + yoe / 4 - yoe / 100));
	mp = (5 * doy + 2) / 153;
	out->tm_mday = doy - (153 * mp + 2) / 5 + 1;
	out->tm_mon = mp < 10 ? mp + 2 : mp - 10;
	y = yoe + era * 400 + (out->tm_mon < 2);
	out->tm_year = (int)(y - 1900);
	out->tm_yday = (int)(days - clock_days(y, 1, 1));
	out->tm_wday = (int)(((days + 4) % 7 + 7) % 7);
	out->tm_hour = sec / 3600;
	out->tm_min = sec / 60 % 60;
	out->tm_sec = sec % 60;
#ifdef __USE_MISC
	out->tm_zone = "UTC";
#endif
}

/* Splits t; false if the year has not four digits (buf becomes ""). */
static bool
printable(struct utc t, struct tm *tm, char buf[CLOCK_TEXT])
{
	buf[0] = '\0';
	clock_split(t, tm);
	return tm->tm_year >= -1900 && tm->tm_year <= 9999 - 1900;
}

const char *
clock_format(struct utc t, char buf[CLOCK_TEXT])
{
	struct tm tm;
	int64_t rest;
	int us, n;

	if (!printable(t, &tm, buf))
		return buf;
	split_days(t.us, &rest);
	us = (int)(rest % US_PER_S);
	n = snprintf(buf, CLOCK_TEXT, "%04u-%02u-%02uT%02u:%02u:%02u",
	    (unsigned)(tm.tm_year + 1900) % 10000,
	    (unsigned)(tm.tm_mon + 1) % 100, (unsigned)tm.tm_mday % 100,
	    (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100,
	    (unsigned)tm.tm_sec % 100);
	if (us == 0)
		snprintf(buf + n, CLOCK_TEXT - (size_t)n, "Z");
	else if (us % 1000 == 0)
		snprintf(buf + n, CLOCK_TEXT - (size_t)n, ".%03dZ", us / 1000);
	else
		snprintf(buf + n, CLOCK_TEXT - (size_t)n, ".%06dZ", us);
	return buf;
}

const char *
clock_http(struct utc t, char buf[CLOCK_TEXT])
{
	struct tm tm;

	if (printable(t, &tm, buf))
		snprintf(buf, CLOCK_TEXT,
		    "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT",
		    wdays + 3 * tm.tm_wday, (unsigned)tm.tm_mday % 100,
		    months + 3 * tm.tm_mon,
		    (unsigned)(tm.tm_year + 1900) % 10000,
		    (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100,
		    (unsigned)tm.tm_sec % 100);
	return buf;
}

const char *
clock_basic(struct utc t, char buf[CLOCK_TEXT])
{
	struct tm tm;

	if (printable(t, &tm, buf))
		snprintf(buf, CLOCK_TEXT, "%04u%02u%02uT%02u%02u%02uZ",
		    (unsigned)(tm.tm_year + 1900) % 10000,
		    (unsigned)(tm.tm_mon + 1) % 100, (unsigned)tm.tm_mday % 100,
		    (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100,
		    (unsigned)tm.tm_sec % 100);
	return buf;
}

/* Exactly n digits with a value in [lo, hi]; moves *s behind them. */
static bool
take(const char **s, int n, int lo, int hi, int *out)
{
	int v = 0;

	for (; n > 0; n--, (*s)++) {
		if (**s < '0' || **s > '9')
			return false;
		v = v * 10 + (**s - '0');
	}
	*out = v;
	return v >= lo && v <= hi;
}

static bool
take_char(const char **s, char c)
{
	if (**s != c)
		return false;
	(*s)++;
	return true;
}

/* ".123": one to nine digits; beyond microseconds they are dropped. */
static bool
take_fraction(const char **s, int64_t *us)
{
	int64_t unit = US_PER_S / 10;
	int n = 0;

	*us = 0;
	if (!take_char(s, '.'))
		return true;
	for (; **s >= '0' && **s <= '9'; (*s)++, n++, unit /= 10)
		*us += (**s - '0') * unit;
	return n >= 1 && n <= 9;
}

/* hh:mm[:ss[.f]] and the zone, as microseconds to add to the UTC midnight. */
static bool
take_time(const char **s, int64_t *out)
{
	int h, m, sec = 0, oh = 0, om = 0, sign = 0;
	int64_t us = 0;

	if (!take(s, 2, 0, 23, &h) || !take_char(s, ':') ||
	    !take(s, 2, 0, 59, &m))
		return false;
	if (take_char(s, ':') &&
	    (!take(s, 2, 0, 59, &sec) || !take_fraction(s, &us)))
		return false;
	if (take_char(s, '+'))
		sign = 1;
	else if (take_char(s, '-'))
		sign = -1;
	else
		(void)take_char(s, 'Z');
	if (sign != 0 && (!take(s, 2, 0, 23, &oh) || !take_char(s, ':') ||
	    !take(s, 2, 0, 59, &om)))
		return false;
	*out = (h * 3600 + m * 60 + sec - sign * (oh * 3600 + om * 60)) *
	    US_PER_S + us;
	return true;
}

int
clock_parse(const char *s, struct utc *out)
{
	int y, m, d;
	int64_t us, time = 0;

	if (s == NULL || !take(&s, 4, 1900, 9999, &y) || !take_char(&s, '-') ||
	    !take(&s, 2, 1, 12, &m) || !take_char(&s, '-') ||
	    !take(&s, 2, 1, clock_month_days(y, m), &d))
		return -1;
	if (*s != '\0' && ((!take_char(&s, 'T') && !take_char(&s, ' ')) ||
	    !take_time(&s, &time) || *s != '\0'))
		return -1;
	us = clock_days(y, m, d) * US_PER_DAY + time;
	/* The offset may have led out of the years that are allowed. */
	if (us < clock_days(1900, 1, 1) * US_PER_DAY ||
	    us >= clock_days(10000, 1, 1) * US_PER_DAY)
		return -1;
	out->us = us;
	return 0;
}
