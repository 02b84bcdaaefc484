/*
 * Market hours. Local minutes are looked up in the zone of the market at the
 * instant asked about, so that summer time needs no care of the caller.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/zone.h"
#include "modules/trade/market.h"

#define DAY_S INT64_C(86400)
enum { WEEK = 7, DAY_MIN = 1440, THURSDAY = 3 };	/* 1970-01-01 */

const char *const trade_timeframe_names[] = {
	"1m", "5m", "15m", "30m", "1h", "4h", "1d", "1w", NULL
};
static const int64_t seconds[] = { 60, 300, 900, 1800, 3600, 14400, DAY_S,
	DAY_S * WEEK };

static int64_t
floor_to(int64_t x, int64_t n)
{
	int64_t r = x % n;

	return x - (r < 0 ? r + n : r);
}

/* ---- reading ------------------------------------------------------------------ */

static int
bad(struct err *e, const char *what, const char *part, size_t n)
{
	return err_set(e, 422, what, "Not understood: \"%.*s\"",
	    (int)(n > 60 ? 60 : n), part);
}

/* "mon" or "mon-fri" into bits. */
static int
days(const char *s, size_t n, uint8_t *out)
{
	static const char names[] = "montuewedthufrisatsun";
	int from = -1, to = -1;

	for (int i = 0; i < WEEK && n >= 3; i++) {
		if (strncasecmp(s, names + 3 * i, 3) == 0)
			from = i;
		if (n == 7 && strncasecmp(s + 4, names + 3 * i, 3) == 0)
			to = i;
	}
	if (n == 3)
		to = from;
	if (from == -1 || to == -1 || (n == 7 && s[3] != '-'))
		return -1;
	*out = 0;
	for (int i = from;; i = (i + 1) % WEEK) {
		*out |= (uint8_t)(1 << i);
		if (i == to)
			return 0;
	}
}

/* "09:30" */
static int
minute(const char *s, int16_t *out)
{
	int h, m;

	if (!isdigit((unsigned char)s[0]) || !isdigit((unsigned char)s[1]) ||
	    s[2] != ':' || !isdigit((unsigned char)s[3]) ||
	    !isdigit((unsigned char)s[4]))
		return -1;
	h = (s[0] - '0') * 10 + s[1] - '0';
	m = (s[3] - '0') * 10 + s[4] - '0';
	if (m > 59 || h * 60 + m > DAY_MIN)
		return -1;
	*out = (int16_t)(h * 60 + m);
	return 0;
}

/* "mon-fri 09:30-16:00" */
static int
span(const char *s, size_t n, struct trade_span *out)
{
	size_t d = strcspn(s, " ,");

	if (d >= n || n != d + 12 || s[d] != ' ' || s[d + 6] != '-' ||
	    days(s, d, &out->days) == -1 ||
	    minute(s + d + 1, &out->from) == -1 ||
	    minute(s + d + 7, &out->to) == -1 || out->from == DAY_MIN)
		return -1;
	return 0;
}

/* "2026-12-25" or "2026-11-27 13:00" */
static int
closed_day(const char *s, size_t n, struct trade_closed_day *out)
{
	char date[11];
	struct utc at;

	if (n != 10 && (n != 16 || s[10] != ' '))
		return -1;
	snprintf(date, sizeof(date), "%.10s", s);
	if (clock_parse(date, &at) == -1)
		return -1;
	out->day = floor_to(at.us / US_PER_S, DAY_S) / DAY_S;
	out->from = 0;
	return n == 10 ? 0 : minute(s + 11, &out->from);
}

/* The parts of a list with commas. */
static const char *
part(const char **list, size_t *n)
{
	const char *s = *list;

	s += strspn(s, " ,");
	*n = strcspn(s, ",");
	*list = s + *n;
	while (*n > 0 && s[*n - 1] == ' ')
		--*n;
	return *n > 0 ? s : NULL;
}

int
trade_hours_parse(struct trade_hours *h, const char *zone, const char *hours,
    const char *closed_on, struct err *e)
{
	const char *s;
	size_t n;

	memset(h, 0, sizeof(*h));
	h->zone = zone_find(*zone == '\0' ? "UTC" : zone);
	if (h->zone == NULL)
		return err_set(e, 422, "zone", "There is no zone \"%.63s\"",
		    zone);
	while ((s = part(&hours, &n)) != NULL)
		if (h->n == TRADE_SPANS || span(s, n, &h->span[h->n++]) == -1)
			return bad(e, "hours", s, n);
	while ((s = part(&closed_on, &n)) != NULL)
		if (h->nclosed == TRADE_CLOSED_DAYS ||
		    closed_day(s, n, &h->closed[h->nclosed++]) == -1)
			return bad(e, "closed_on", s, n);
	return 0;
}

/* ---- open ---------------------------------------------------------------------- */

struct local {
	int64_t day;
	int weekday, minute;
};

static struct local
local_of(const struct trade_hours *h, struct utc t)
{
	int64_t s = floor_to(t.us, US_PER_S) / US_PER_S +
	    zone_offset(h->zone, t);
	struct local l = { .day = floor_to(s, DAY_S) / DAY_S };

	l.minute = (int)((s - l.day * DAY_S) / 60);
	l.weekday = (int)(l.day + THURSDAY - floor_to(l.day + THURSDAY,
	    WEEK));
	return l;
}

static bool
closed_then(const struct trade_hours *h, int64_t day, int at)
{
	for (size_t i = 0; i < h->nclosed; i++)
		if (h->closed[i].day == day && at >= h->closed[i].from)
			return true;
	return false;
}

/* Open by this span, on the trading day *day. */
static bool
within(const struct trade_hours *h, const struct trade_span *s,
    const struct local *l, int64_t *day)
{
	bool over = s->to <= s->from;

	*day = l->day;
	if (over && l->minute >= s->from) {
		/* the evening before */
		*day = l->day + 1;
		return s->days >> ((l->weekday + 1) % WEEK) & 1 &&
		    !closed_then(h, *day, 0);
	}
	return s->days >> l->weekday & 1 && l->minute < s->to &&
	    (over || l->minute >= s->from) &&
	    !closed_then(h, l->day, l->minute);
}

bool
trade_hours_open(const struct trade_hours *h, struct utc t)
{
	const struct local l = local_of(h, t);
	int64_t day;

	if (h->n == 0)
		return !closed_then(h, l.day, l.minute);
	for (size_t i = 0; i < h->n; i++)
		if (within(h, &h->span[i], &l, &day))
			return true;
	return false;
}

int64_t
trade_hours_minutes(const struct trade_hours *h, struct utc from,
    struct utc to, int64_t cap)
{
	int64_t n = 0;

	if (h->n == 0 && h->nclosed == 0) {
		n = (to.us - from.us) / (60 * US_PER_S);
		return n < 0 ? 0 : n < cap ? n : cap;
	}
	/* nobody counts more than a year of nights */
	for (int64_t i = 0; from.us < to.us && n < cap && i < 366 * DAY_MIN;
	    i++, from.us += 60 * US_PER_S)
		n += trade_hours_open(h, from);
	return n;
}

int64_t
trade_hours_day(const struct trade_hours *h, struct utc t)
{
	const struct local l = local_of(h, t);
	int64_t day;

	for (size_t i = 0; i < h->n; i++)
		if (within(h, &h->span[i], &l, &day))
			return day;
	return l.day;
}

/* ---- bars -------------------------------------------------------------------------- */

int
trade_timeframe(const char *name)
{
	for (int i = 0; i < TRADE_TIMEFRAMES; i++)
		if (strcmp(trade_timeframe_names[i], name) == 0)
			return i;
	return -1;
}

static int64_t
monday(int64_t day)
{
	return floor_to(day + THURSDAY, WEEK) - THURSDAY;
}

struct utc
trade_bar_start(const struct trade_hours *h, int tf, struct utc t)
{
	int64_t day;

	if (tf < TRADE_1D)
		return (struct utc){ floor_to(t.us, seconds[tf] * US_PER_S) };
	day = trade_hours_day(h, t);
	if (tf == TRADE_1W)
		day = monday(day);
	return (struct utc){ day * DAY_S * US_PER_S };
}

struct utc
trade_bar_end(const struct trade_hours *h, int tf, struct utc at)
{
	int64_t s = at.us / US_PER_S + seconds[tf];
	struct utc out[2];

	if (tf < TRADE_1D)
		return (struct utc){ s * US_PER_S };
	/* the local midnight after the day; a market that opens in the evening
	 * begins its next day then */
	for (size_t i = 0; i < h->n; i++)
		if (h->span[i].to <= h->span[i].from) {
			s -= DAY_S - h->span[i].from * INT64_C(60);
			break;
		}
	zone_of_local(h->zone, s, out);
	return out[0];
}

struct utc
trade_bar_close(const struct trade_hours *h, int timeframe, struct utc at)
{
	struct utc end = trade_bar_end(h, timeframe, at);
	const int64_t minute = INT64_C(60000000);
	int64_t lo = 0, hi = (end.us - at.us) / minute;

	if (h->n == 0 || timeframe < TRADE_1D)
		return end;
	while (lo < hi) {
		int64_t mid = lo + (hi - lo) / 2;
		struct utc t = { at.us + mid * minute };

		if (trade_hours_minutes(h, t, end, 1) > 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo == 0 ? end : (struct utc){ at.us + lo * minute };
}
