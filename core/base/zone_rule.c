/*
 * POSIX TZ rules with the extension of RFC 8536 (times from -167 to 167
 * hours). Negative daylight saving (Dublin) and daylight saving all year
 * ("EST5EDT,0/0,J365/25") come out right because nothing is assumed about
 * which edge comes first: the edges of the neighbouring years are laid out in
 * order, and the last one passed decides.
 */
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/zone.h"
#include "base/zone_rule.h"

#define DAY_S INT64_C(86400)
enum { HOURS_MAX = 167, EDGES = 10 };

struct text {
	const char *p, *end;
};

static bool
take_char(struct text *t, char c)
{
	if (t->p == t->end || *t->p != c)
		return false;
	t->p++;
	return true;
}

/* One to three digits within [lo, hi]. */
static bool
take_number(struct text *t, int lo, int hi, int *out)
{
	int n = 0, v = 0;

	for (; t->p < t->end && *t->p >= '0' && *t->p <= '9'; t->p++) {
		if (++n > 3)
			return false;
		v = v * 10 + (*t->p - '0');
	}
	*out = v;
	return n > 0 && v >= lo && v <= hi;
}

/* "CET" or "<+0330>": checked and dropped. */
static bool
take_name(struct text *t)
{
	bool quoted = take_char(t, '<');
	const char *p = t->p;

	for (; t->p < t->end; t->p++) {
		char c = *t->p;

		if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))
			continue;
		if (!quoted || ((c < '0' || c > '9') && c != '+' && c != '-'))
			break;
	}
	return t->p - p >= 3 && (!quoted || take_char(t, '>'));
}

/* [+-]h[:mm[:ss]] in seconds. */
static bool
take_time(struct text *t, int hours, int32_t *out)
{
	int h, m = 0, s = 0, sign = take_char(t, '-') ? -1 : 1;

	if (sign > 0)
		(void)take_char(t, '+');
	if (!take_number(t, 0, hours, &h))
		return false;
	if (take_char(t, ':') && (!take_number(t, 0, 59, &m) ||
	    (take_char(t, ':') && !take_number(t, 0, 59, &s))))
		return false;
	*out = sign * (h * 3600 + m * 60 + s);
	return true;
}

static bool
take_edge(struct text *t, struct zone_edge *e)
{
	*e = (struct zone_edge){ .time = 2 * 3600 };
	if (!take_char(t, ','))
		return false;
	if (take_char(t, 'M')) {
		e->kind = EDGE_WEEKDAY;
		if (!take_number(t, 1, 12, &e->month) || !take_char(t, '.') ||
		    !take_number(t, 1, 5, &e->week) || !take_char(t, '.') ||
		    !take_number(t, 0, 6, &e->weekday))
			return false;
	} else if (take_char(t, 'J')) {
		e->kind = EDGE_JULIAN;
		if (!take_number(t, 1, 365, &e->day))
			return false;
	} else {
		e->kind = EDGE_DAY;
		if (!take_number(t, 0, 365, &e->day))
			return false;
	}
	return !take_char(t, '/') || take_time(t, HOURS_MAX, &e->time);
}

static bool
in_bounds(int32_t east)
{
	return east >= -ZONE_WEST_MAX && east <= ZONE_EAST_MAX;
}

bool
zone_rule_parse(const char *p, size_t n, struct zone_rule *out)
{
	struct text t = { p, p + n };
	int32_t west;

	memset(out, 0, sizeof(*out));
	if (n == 0)
		return true;
	if (!take_name(&t) || !take_time(&t, 24, &west))
		return false;
	out->given = true;
	out->std_east = -west;
	if (t.p == t.end)
		return in_bounds(out->std_east);
	out->dst = true;
	out->dst_east = out->std_east + 3600;
	if (!take_name(&t))
		return false;
	if (t.p < t.end && *t.p != ',') {
		if (!take_time(&t, 24, &west))
			return false;
		out->dst_east = -west;
	}
	return take_edge(&t, &out->start) && take_edge(&t, &out->end) &&
	    t.p == t.end && in_bounds(out->std_east) &&
	    in_bounds(out->dst_east);
}

/* Local midnight of the edge's day in year y, as if in UTC. */
static int64_t
edge_day(const struct zone_edge *e, int64_t y)
{
	int64_t first, d;

	switch (e->kind) {
	case EDGE_WEEKDAY:
		first = clock_days(y, e->month, 1);
		/* 1970-01-01 was a Thursday. */
		d = first + ((e->weekday - (first + 4)) % 7 + 7) % 7 +
		    7 * (e->week - 1);
		if (d >= first + clock_month_days(y, e->month))
			d -= 7;
		return d;
	case EDGE_JULIAN:
		d = clock_days(y, 1, 1) + e->day - 1;
		return d + (e->day >= 60 && clock_month_days(y, 2) == 29);
	case EDGE_DAY:
		break;
	}
	return clock_days(y, 1, 1) + e->day;
}

struct event {
	int64_t at;
	int32_t east;		/* from then on */
};

/* The edges from two years before t to two years after it, in order (an edge
 * may lie a week outside of its year, beyond one of the next); of two at the
 * same time the start of daylight saving comes last, so that it wins. */
static void
lay_out(const struct zone_rule *r, int64_t t, struct event out[EDGES])
{
	struct tm tm;
	int n = 0;

	clock_split((struct utc){ t * US_PER_S }, &tm);
	for (int64_t y = tm.tm_year + 1898; n < EDGES; y++) {
		out[n++] = (struct event){ edge_day(&r->end, y) * DAY_S +
		    r->end.time - r->dst_east, r->std_east };
		out[n++] = (struct event){ edge_day(&r->start, y) * DAY_S +
		    r->start.time - r->std_east, r->dst_east };
	}
	/* Insertion sort: stable but for ties, which the second key decides. */
	for (int i = 1; i < EDGES; i++) {
		struct event e = out[i];
		int j = i;

		for (; j > 0 && (out[j - 1].at > e.at ||
		    (out[j - 1].at == e.at && out[j - 1].east == r->dst_east &&
		    e.east == r->std_east)); j--)
			out[j] = out[j - 1];
		out[j] = e;
	}
}

int32_t
zone_rule_east(const struct zone_rule *r, int64_t t)
{
	struct event e[EDGES];
	int i;

	if (!r->dst)
		return r->std_east;
	lay_out(r, t, e);
	for (i = EDGES - 1; i > 0 && e[i].at > t; i--)
		;
	return e[i].east;
}

int64_t
zone_rule_change(const struct zone_rule *r, int64_t t)
{
	struct event e[EDGES];
	int32_t east;

	if (!r->dst)
		return INT64_MAX;
	lay_out(r, t, e);
	east = zone_rule_east(r, t);
	/* Of edges at one time only the last one counts; those of the last year
	 * may have their partner in the year after it. */
	for (int i = 0; i < EDGES - 2; i++)
		if (e[i].at > t && e[i].east != east && e[i + 1].at != e[i].at)
			return e[i].at;
	return INT64_MAX;
}
