/*
 * Cron expressions from text. Each field is judged on its own, so that all
 * wrong fields are named at once; nothing is guessed: what is not written in
 * jobs/cron.h is refused. All messages are static, because they outlive the
 * call without an arena.
 */
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/codec.h"
#include "jobs/cron.h"

enum { SECOND, MINUTE, HOUR, DAY, MONTH, WEEKDAY, FIELDS };
enum wrong { OK, BAD_VALUE, BAD_RANGE, BAD_STEP, BAD_SYNTAX, WRONGS };

#define VE "Value error, "
#define WORDS(name, lo, hi, max) { \
	[BAD_VALUE] = VE name ": must be from " lo " to " hi, \
	[BAD_RANGE] = VE name ": a range must run upwards", \
	[BAD_STEP] = VE name ": a step must be from 1 to " max, \
	[BAD_SYNTAX] = VE name ": must be *, a number, a range like 1-5, a " \
	    "list of them, or one of them with a step like */2" }

static const char *const words[FIELDS][WRONGS] = {
	WORDS("second", "0", "59", "60"),
	WORDS("minute", "0", "59", "60"),
	WORDS("hour", "0", "23", "24"),
	WORDS("day of month", "1", "31", "31"),
	WORDS("month", "1 (or jan)", "12 (or dec)", "12"),
	WORDS("day of week", "0 (or sun)", "7 (sunday again), # from 1 to 5",
	    "7")
};

static const struct range {
	int lo, hi;		/* values accepted */
	int span;		/* of *, H and steps: lo to lo + span - 1 */
	int hash;		/* highest value H may give */
	bool wraps;
	const char *names;	/* three letters each, first one = lo */
} ranges[FIELDS] = {
	{ 0, 59, 60, 59, false, "" }, { 0, 59, 60, 59, false, "" },
	{ 0, 23, 24, 23, false, "" }, { 1, 31, 31, 28, false, "" },
	{ 1, 12, 12, 12, true, "janfebmaraprmayjunjulaugsepoctnovdec" },
	{ 0, 7, 7, 6, true, "sunmontuewedthufrisat" }
};

struct reader {
	const char *p;		/* rest of the field, NUL-terminated */
	int field;
	const struct range *r;
	uint64_t bits;
	uint64_t hash;		/* of seed and field */
	struct cron_spec *spec;
};

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool
take(struct reader *r, char c)
{
	if (lower(*r->p) != c)
		return false;
	r->p++;
	return true;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits; a number of more than four is none of ours. */
static bool
take_number(struct reader *r, int *out)
{
	int n = 0, v = 0;

	for (; is_digit(*r->p); r->p++)
		if (++n <= 4)
			v = v * 10 + (*r->p - '0');
	*out = n > 4 ? 9999 : v;
	return n > 0;
}

/* A number, or a name where the field has names. */
static enum wrong
take_value(struct reader *r, int *out)
{
	char name[3];

	if (is_digit(*r->p)) {
		take_number(r, out);
		return *out < r->r->lo || *out > r->r->hi ? BAD_VALUE : OK;
	}
	for (int i = 0; i < 3; i++) {
		if ((name[i] = lower(r->p[i])) < 'a' || name[i] > 'z')
			return BAD_SYNTAX;
	}
	for (size_t i = 0; r->r->names[3 * i] != '\0'; i++) {
		if (memcmp(name, r->r->names + 3 * i, 3) != 0)
			continue;
		*out = (int)i + r->r->lo;
		r->p += 3;
		return OK;
	}
	return *r->r->names != '\0' ? BAD_VALUE : BAD_SYNTAX;
}

/* Optional "/n"; n = 1 without it. */
static enum wrong
take_step(struct reader *r, int *out)
{
	*out = 1;
	if (!take(r, '/'))
		return OK;
	if (!take_number(r, out))
		return BAD_SYNTAX;
	return *out < 1 || *out > r->r->span ? BAD_STEP : OK;
}

/* Values from lo to hi; over the end and on from the beginning if hi < lo. */
static void
add(struct reader *r, int lo, int hi, int step)
{
	if (hi < lo)
		hi += r->r->span;
	for (int v = lo; v <= hi; v += step)
		r->bits |= UINT64_C(1) <<
		    ((v - r->r->lo) % r->r->span + r->r->lo);
}

/* After the H: [(lo-hi)][/step]. */
static enum wrong
take_hash(struct reader *r)
{
	int lo = r->r->lo, hi = r->r->hash, step, width;
	enum wrong w = OK;
	bool stepped;

	if (take(r, '(')) {
		if ((w = take_value(r, &lo)) != OK)
			return w;
		if (!take(r, '-'))
			return BAD_SYNTAX;
		if ((w = take_value(r, &hi)) != OK)
			return w;
		if (!take(r, ')'))
			return BAD_SYNTAX;
		if (hi < lo)
			return BAD_RANGE;
	}
	stepped = *r->p == '/';
	if ((w = take_step(r, &step)) != OK)
		return w;
	width = hi - lo + 1;
	if (stepped) {
		/* The first one is hashed, the others follow. */
		lo += (int)(r->hash % (uint64_t)(step < width ? step : width));
		add(r, lo, hi, step);
	} else {
		lo += (int)(r->hash % (uint64_t)width);
		add(r, lo, lo, 1);
	}
	return OK;
}

/* L, L-3 and LW in day of month: the L is taken already. */
static enum wrong
take_last_day(struct reader *r)
{
	int n;

	if (take(r, 'w')) {
		r->spec->last_weekday = true;
	} else if (take(r, '-')) {
		if (!take_number(r, &n))
			return BAD_SYNTAX;
		if (n > 30)
			return BAD_VALUE;
		r->spec->day_before_last |= UINT32_C(1) << n;
	} else {
		r->spec->day_before_last |= 1;
	}
	return OK;
}

/* What may follow a single value of a day field: W, L, #n. 1: something did. */
static int
take_suffix(struct reader *r, int v, enum wrong *w)
{
	int n;

	*w = OK;
	if (r->field == DAY && take(r, 'w')) {
		r->spec->day_near |= UINT32_C(1) << v;
	} else if (r->field == WEEKDAY && take(r, 'l')) {
		r->spec->weekday_last |= (uint8_t)(1u << v % 7);
	} else if (r->field == WEEKDAY && take(r, '#')) {
		if (!take_number(r, &n))
			*w = BAD_SYNTAX;
		else if (n < 1 || n > 5)
			*w = BAD_VALUE;
		else
			r->spec->weekday_nth[n - 1] |= (uint8_t)(1u << v % 7);
	} else {
		return 0;
	}
	return 1;
}

/* "5", "1-5", "1-5/2", "5/2", and values with a suffix. */
static enum wrong
take_values(struct reader *r)
{
	int lo, hi, step;
	bool ranged;
	enum wrong w = take_value(r, &lo);

	if (w != OK || take_suffix(r, lo, &w) != 0)
		return w;
	hi = lo;
	if ((ranged = take(r, '-')) && (w = take_value(r, &hi)) != OK)
		return w;
	if (!ranged && *r->p == '/')
		hi = r->r->lo + r->r->span - 1;
	if (r->r->wraps) {
		/* Sunday is 0 at the beginning of a range, 7 at its end. */
		if (r->field == WEEKDAY && ranged && hi == 0 && lo > 0)
			hi = 7;
		if (r->field == WEEKDAY && lo == 7 && hi < 7)
			lo = 0;
	} else if (hi < lo) {
		return BAD_RANGE;
	}
	if ((w = take_step(r, &step)) != OK)
		return w;
	add(r, lo, hi, step);
	return OK;
}

static enum wrong
take_item(struct reader *r)
{
	enum wrong w;
	int step, v;

	if (take(r, '*')) {
		if ((w = take_step(r, &step)) == OK)
			add(r, r->r->lo, r->r->lo + r->r->span - 1, step);
		return w;
	}
	if (take(r, 'h'))
		return take_hash(r);
	if (r->field == DAY && take(r, 'l'))
		return take_last_day(r);
	if (r->field == WEEKDAY && lower(*r->p) == 'l' && is_digit(r->p[1])) {
		r->p++;
		if ((w = take_value(r, &v)) == OK)
			r->spec->weekday_last |= (uint8_t)(1u << v % 7);
		return w;
	}
	return take_values(r);
}

/* Fills r->bits; *restricted = the field is not "*" or "?" alone. */
static enum wrong
read_field(struct reader *r, bool *restricted)
{
	enum wrong w = OK;

	*restricted = strcmp(r->p, "*") != 0;
	if (strcmp(r->p, "?") == 0 && (r->field == DAY ||
	    r->field == WEEKDAY)) {
		*restricted = false;
		r->p = "*";
	}
	do
		w = take_item(r);
	while (w == OK && take(r, ','));
	return w == OK && *r->p != '\0' ? BAD_SYNTAX : w;
}

/* Key of our own: it makes no secret, it only spreads. */
static uint64_t
hash_of(const char *seed, int field)
{
	static const uint8_t key[16] = "cron H of a seed";
	uint8_t buf[8];
	uint64_t h = siphash(key, seed, strlen(seed));

	for (int i = 0; i < 8; i++)
		buf[i] = (uint8_t)(h >> 8 * i);
	buf[0] ^= (uint8_t)field;
	return siphash(key, buf, sizeof(buf));
}

static int
refuse(const struct cron_options *o, const char *msg, struct err *e)
{
	return err_field(e, (struct err_field){ .type = "value_error",
	    .loc = o->loc != NULL ? o->loc : "[\"body\",\"spec\"]",
	    .msg = msg });
}

static void
store(struct cron_spec *s, int field, uint64_t bits, bool restricted)
{
	switch (field) {
	case SECOND:
		s->second = bits;
		break;
	case MINUTE:
		s->minute = bits;
		break;
	case HOUR:
		s->hour = (uint32_t)bits;
		s->elapsed = bits == 0xffffff;
		break;
	case DAY:
		s->day = (uint32_t)bits;
		s->day_restricted = restricted;
		break;
	case MONTH:
		s->month = (uint32_t)bits;
		break;
	default:
		s->weekday = (uint8_t)bits;
		s->weekday_restricted = restricted;
	}
}

/* Splits at blanks, in place; the number of fields, FIELDS + 1 if more. */
static int
split(char *text, char *out[FIELDS + 1])
{
	char *p = text + strspn(text, " \t");
	int n = 0;

	while (*p != '\0' && n <= FIELDS) {
		out[n++] = p;
		p += strcspn(p, " \t");
		if (*p != '\0')
			*p++ = '\0';
		p += strspn(p, " \t");
	}
	return n;
}

static int
parse_fields(struct cron_spec *s, char *text, const struct cron_options *o,
    struct err *e)
{
	char *part[FIELDS + 1];
	int n = split(text, part), rc = 0;
	bool restricted;

	if (n != FIELDS && n != FIELDS - 1)
		return refuse(o, VE "a schedule has five fields (minute, hour, "
		    "day of month, month, day of week), or six with the "
		    "second before them", e);
	s->second = 1;
	for (int i = 0; i < n; i++) {
		int field = i + FIELDS - n;
		struct reader r = { part[i], field, &ranges[field], 0,
		    hash_of(o->seed != NULL ? o->seed : "", field), s };
		enum wrong w = read_field(&r, &restricted);

		if (w != OK)
			rc = refuse(o, words[field][w], e);
		store(s, field, r.bits, restricted);
	}
	return rc;
}

/* Parts like "2h30m"; false: not a period, or longer than we look ahead. */
static bool
read_period(const char *p, int64_t *out)
{
	static const struct { const char *name; int64_t us; } units[] = {
		{ "us", 1 }, { "ms", 1000 }, { "s", US_PER_S },
		{ "m", 60 * US_PER_S }, { "h", 3600 * US_PER_S },
		{ "d", 86400 * US_PER_S }
	};
	const int64_t max = CRON_YEARS * 366 * 86400 * US_PER_S;
	size_t i, len;
	int64_t v;

	*out = 0;
	do {
		for (v = 0; is_digit(*p) && v <= max; p++)
			v = v * 10 + (*p - '0');
		len = strspn(p, "abcdefghijklmnopqrstuvwxyz");
		if (!is_digit(p[-1]) || len == 0)
			return false;
		for (i = 0; i < NITEMS(units); i++)
			if (strlen(units[i].name) == len &&
			    memcmp(units[i].name, p, len) == 0)
				break;
		if (i == NITEMS(units) || v > max / units[i].us ||
		    (*out += v * units[i].us) > max)
			return false;
		p += len;
	} while (*p != '\0');
	return true;
}

static int
parse_every(struct cron_spec *s, const char *p, const struct cron_options *o,
    struct err *e)
{
	int64_t floor = o->every_min_us > 0 ? o->every_min_us : US_PER_S;

	if (!read_period(p, &s->every_us))
		return refuse(o, VE "@every needs a period of at most eight "
		    "years, such as 90s, 5m or 2h30m", e);
	if (s->every_us >= floor)
		return 0;
	refuse(o, floor == US_PER_S ?
	    VE "@every: the shortest period is one second" :
	    VE "@every: the period is shorter than is allowed here", e);
	return err_cause(e, "period %lld us, floor %lld us",
	    (long long)s->every_us, (long long)floor);
}

/* "@daily" and the like; text begins with the @. */
static int
parse_word(struct cron_spec *s, const char *text,
    const struct cron_options *o, struct err *e)
{
	static const struct { const char *word, *fields; } known[] = {
		{ "@yearly", "0 0 1 1 *" }, { "@annually", "0 0 1 1 *" },
		{ "@monthly", "0 0 1 * *" }, { "@weekly", "0 0 * * 0" },
		{ "@daily", "0 0 * * *" }, { "@midnight", "0 0 * * *" },
		{ "@hourly", "0 * * * *" }
	};
	char fields[CRON_TEXT_MAX + 1];

	if (strncmp(text, "@every", 6) == 0 &&
	    (text[6] == ' ' || text[6] == '\t' || text[6] == '\0'))
		return parse_every(s, text + 6 + strspn(text + 6, " \t"), o, e);
	for (size_t i = 0; i < NITEMS(known); i++) {
		if (strcmp(text, known[i].word) != 0)
			continue;
		memcpy(fields, known[i].fields, strlen(known[i].fields) + 1);
		return parse_fields(s, fields, o, e);
	}
	if (strcmp(text, "@reboot") == 0)
		return refuse(o, VE "@reboot has no meaning here: nothing that "
		    "is scheduled depends on one machine", e);
	return refuse(o, VE "@ must be one of @yearly, @annually, @monthly, "
	    "@weekly, @daily, @midnight, @hourly or @every", e);
}

int
cron_parse(struct cron_spec *s, const char *text,
    const struct cron_options *options, struct err *e)
{
	static const struct cron_options none;
	const struct cron_options *o = options != NULL ? options : &none;
	char buf[CRON_TEXT_MAX + 1], *p = buf;
	size_t n;

	memset(s, 0, sizeof(*s));
	if (text == NULL || (n = strnlen(text, sizeof(buf))) >= sizeof(buf))
		return refuse(o, VE "a schedule has at most 200 bytes", e);
	memcpy(buf, text, n + 1);
	while (n > 0 && (buf[n - 1] == ' ' || buf[n - 1] == '\t'))
		buf[--n] = '\0';
	p += strspn(p, " \t");
	return *p == '@' ? parse_word(s, p, o, e) : parse_fields(s, p, o, e);
}
