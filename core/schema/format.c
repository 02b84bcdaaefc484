/*
 * Text with a form of its own: addresses, URLs, slugs, instants, UUIDs. Says
 * what is wrong in the words of pydantic and its parsers (speedate, uuid,
 * url, email-validator). No network, no DNS: form only.
 */
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/number.h"
#include "base/random.h"
#include "base/str.h"
#include "schema/inner.h"

enum { URL_MAX = 2083, EMAIL_MAX = 254, LOCAL_MAX = 64, LABEL_MAX = 63 };

#define ALNUM "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define SLUG "^[A-Za-z0-9._:-]+$"

/* "<sentence><reason>" with the reason in ctx. */
static int
bad_reason(struct decoder *d, const struct field *f, const struct loc *loc,
    const struct raw *raw, const char *type, const char *sentence,
    const char *key, const char *reason)
{
	return refuse(d, f, loc, type, arena_printf(d->a, "%s%s", sentence,
	    reason), raw, ctx_str(d, key, reason));
}

/* ---- e-mail ---------------------------------------------------------- */

static const char *
bad_dots(const char *s, size_t n, const char *first, const char *last)
{
	if (s[0] == '.')
		return first;
	if (s[n - 1] == '.')
		return last;
	if (memmem(s, n, "..", 2) != NULL)
		return "An email address cannot have two periods in a row.";
	return NULL;
}

static const char *
bad_local(struct arena *a, const char *s, size_t n)
{
	size_t ok = strspn(s, ALNUM "!#$%&'*+-/=?^_`{|}~.");
	const char *why;

	if (n == 0)
		return "There must be something before the @-sign.";
	if (n > LOCAL_MAX)
		return arena_printf(a, "The email address is too long before "
		    "the @-sign (%zu character%s too many).", n - LOCAL_MAX,
		    n - LOCAL_MAX == 1 ? "" : "s");
	why = bad_dots(s, n, "An email address cannot start with a period.",
	    "An email address cannot have a period immediately before the "
	    "@-sign.");
	if (why == NULL && ok < n)
		why = (unsigned char)s[ok] < 128 && s[ok] > ' ' ?
		    arena_printf(a, "The email address contains invalid "
		    "characters before the @-sign: '%c'.", s[ok]) :
		    "The email address contains invalid characters before "
		    "the @-sign.";
	return why;
}

static const char *
bad_label(const char *s, size_t n)
{
	if (s[0] == '-')
		return "An email address cannot have a period and a hyphen "
		    "next to each other.";
	if (s[n - 1] == '-')
		return "An email address cannot have a hyphen and a period "
		    "next to each other.";
	return n > LABEL_MAX ? "The part after the @-sign is too long." : NULL;
}

static const char *
bad_domain(struct arena *a, const char *s)
{
	size_t n = strlen(s), ok = strspn(s, ALNUM "-."), len;
	const char *why, *p;

	if (n == 0)
		return "There must be something after the @-sign.";
	if (ok < n)
		return (unsigned char)s[ok] < 128 && s[ok] >= ' ' ?
		    arena_printf(a, "The part after the @-sign contains "
		    "invalid characters: '%c'.", s[ok]) : "The part after "
		    "the @-sign contains invalid characters.";
	why = bad_dots(s, n, "An email address cannot have a period "
	    "immediately after the @-sign.",
	    "An email address cannot end with a period.");
	if (why != NULL)
		return why;
	if (s[0] == '-')
		return "An email address cannot have a hyphen immediately "
		    "after the @-sign.";
	if (s[n - 1] == '-')
		return "An email address cannot end with a hyphen.";
	for (p = s; *p != '\0'; p += len + (p[len] == '.')) {
		len = strcspn(p, ".");
		if ((why = bad_label(p, len)) != NULL)
			return why;
	}
	if ((p = strrchr(s, '.')) == NULL)
		return "The part after the @-sign is not valid. It should "
		    "have a period.";
	if (strspn(p + 1, "0123456789") == strlen(p + 1))
		return "The part after the @-sign is not valid. It is not "
		    "within a valid top-level domain.";
	return NULL;
}

static const char *
bad_email(struct arena *a, const char *s, size_t n)
{
	const char *at = strchr(s, '@'), *why;

	if (at == NULL)
		return "An email address must have an @-sign.";
	if ((why = bad_local(a, s, (size_t)(at - s))) != NULL ||
	    (why = bad_domain(a, at + 1)) != NULL)
		return why;
	if (n > EMAIL_MAX)
		return arena_printf(a, "The email address is too long "
		    "(%zu character%s too many).", n - EMAIL_MAX,
		    n - EMAIL_MAX == 1 ? "" : "s");
	return NULL;
}

/* ---- URL ------------------------------------------------------------- */

static const char *
bad_port(const char *s, size_t n)
{
	int64_t port;

	if (n == 0)
		return NULL;
	if (s[0] == '-' || s[0] == '+' || num_i64(s, n, &port) != NUM_OK ||
	    port > 65535)
		return "invalid port number";
	return NULL;
}

static const char *
bad_ipv4(const char *s, size_t n)
{
	size_t i, part = 0, dots = 0;
	unsigned v = 0;

	if (n == 0 || strspn(s, "0123456789.") < n)
		return NULL;
	for (i = 0; i <= n; i++) {
		if (i < n && s[i] != '.') {
			v = v * 10 + (unsigned)(s[i] - '0');
			if (++part > 3 || v > 255)
				return "invalid IPv4 address";
			continue;
		}
		if (part == 0)
			return "invalid IPv4 address";
		dots += i < n;
		part = v = 0;
	}
	return dots == 3 ? NULL : "invalid IPv4 address";
}

/* host[:port] without user information. */
static const char *
bad_host(const char *s, size_t n)
{
	const char *close, *colon;
	size_t host;

	if (n > 0 && s[0] == '[') {
		if ((close = memchr(s, ']', n)) == NULL ||
		    strspn(s + 1, "0123456789abcdefABCDEF:.") <
		    (size_t)(close - s - 1) || close - s < 3)
			return "invalid IPv6 address";
		host = (size_t)(close + 1 - s);
	} else {
		colon = memchr(s, ':', n);
		host = colon != NULL ? (size_t)(colon - s) : n;
		if (host == 0)
			return "empty host";
		if (strcspn(s, " %<>^|\\\"`{}[]") < host)
			return "invalid international domain name";
		if (bad_ipv4(s, host) != NULL)
			return bad_ipv4(s, host);
	}
	if (host == n)
		return NULL;
	return s[host] == ':' ? bad_port(s + host + 1, n - host - 1) :
	    "invalid international domain name";
}

static const char *
bad_url(const char *s)
{
	size_t scheme = strspn(s, ALNUM "+-."), n, i;
	const char *p, *at;

	if (*s == '\0')
		return "input is empty";
	if (scheme == 0 || s[scheme] != ':' || strchr(ALNUM, s[0]) == NULL ||
	    (s[0] >= '0' && s[0] <= '9'))
		return "relative URL without a base";
	if (strncmp(s + scheme, "://", 3) != 0)
		return "empty host";
	p = s + scheme + 3;
	n = strcspn(p, "/?#");
	if ((at = memrchr(p, '@', n)) != NULL) {
		n -= (size_t)(at + 1 - p);
		p = at + 1;
	}
	for (i = 0; s[i] != '\0'; i++)
		if ((unsigned char)s[i] < ' ' || s[i] == 127 ||
		    (s[i] == ' ' && &s[i] >= p + n))
			return "invalid character";
	return bad_host(p, n);
}

static bool
http_scheme(const char *s)
{
	return strncasecmp(s, "http:", 5) == 0 ||
	    strncasecmp(s, "https:", 6) == 0;
}

static int
url_rules(struct decoder *d, const struct field *f, const struct loc *loc,
    const struct raw *raw, const char *s, size_t n)
{
	const char *why;

	if (n > URL_MAX)
		return refuse(d, f, loc, "url_too_long",
		    "URL should have at most 2083 characters", raw,
		    "{\"max_length\":2083}");
	why = bad_url(s);
	if (why != NULL && (strchr(s, ':') == NULL || http_scheme(s) ||
	    why[0] == 'r'))
		return bad_reason(d, f, loc, raw, "url_parsing",
		    "Input should be a valid URL, ", "error", why);
	if (!http_scheme(s))
		return refuse(d, f, loc, "url_scheme",
		    "URL scheme should be 'http' or 'https'", raw,
		    "{\"expected_schemes\":\"'http' or 'https'\"}");
	return 0;
}

int
value_format(struct decoder *d, const struct field *f, const struct loc *loc,
    const struct raw *raw, const char *s, size_t n)
{
	const char *why;

	switch (f->fmt) {
	case FMT_EMAIL:
		if ((why = bad_email(d->a, s, n)) != NULL)
			return bad_reason(d, f, loc, raw, "value_error",
			    "value is not a valid email address: ", "reason",
			    why);
		return 0;
	case FMT_URL:
		return url_rules(d, f, loc, raw, s, n);
	case FMT_SLUG:
		if (n == 0 || strspn(s, ALNUM "._:-") < n)
			return refuse(d, f, loc, "string_pattern_mismatch",
			    "String should match pattern '" SLUG "'", raw,
			    "{\"pattern\":\"" SLUG "\"}");
		return 0;
	case FMT_NONE:
	case FMT_DATE:
		break;
	}
	return 0;
}

/* ---- instants -------------------------------------------------------- */

static const char *
bad_digits(const char *s, size_t n, const char *why)
{
	return strspn(s, "0123456789") < n ? why : NULL;
}

static int
two(const char *s)
{
	return (s[0] - '0') * 10 + s[1] - '0';
}

static int
month_days(int year, int month)
{
	if (month == 2)
		return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ?
		    29 : 28;
	return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/* Why YYYY-MM-DD at the start is no date; NULL if it is one. */
static const char *
bad_date(const char *s, size_t n)
{
	const char *why;
	int year, month, day;

	if (n < 10)
		return "input is too short";
	if ((why = bad_digits(s, 4, "invalid character in year")) != NULL)
		return why;
	if (s[4] != '-')
		return "invalid date separator, expected `-`";
	if ((why = bad_digits(s + 5, 2, "invalid character in month")) != NULL)
		return why;
	if (s[7] != '-')
		return "invalid date separator, expected `-`";
	if ((why = bad_digits(s + 8, 2, "invalid character in day")) != NULL)
		return why;
	year = two(s) * 100 + two(s + 2);
	month = two(s + 5);
	day = two(s + 8);
	if (month < 1 || month > 12)
		return "month value is outside expected range of 1-12";
	if (day < 1 || day > month_days(year, month))
		return "day value is outside expected range";
	if (year < 1900)
		return "year value is outside expected range of 1900-9999";
	return NULL;
}

/* Seconds, or milliseconds beyond the year 2603, as pydantic reads numbers. */
static int
stamp(struct blob t, struct utc *out)
{
	const int64_t watershed = INT64_C(20000000000);
	const int64_t first = INT64_C(-2208988800), last = INT64_C(253402300799);
	struct dec v;
	int64_t i;

	if (num_i64_lax(t.p, t.n, &i) == NUM_OK) {
		if (i < -watershed || i > watershed)
			out->us = i / 1000 < first || i / 1000 > last ?
			    INT64_MAX : i * 1000;
		else
			out->us = i * US_PER_S;
	} else if (dec_parse(t.p, t.n, &v) == NUM_OK)
		out->us = v.e8 / 100;
	else
		return -1;
	return out->us >= first * US_PER_S && out->us / US_PER_S <= last ?
	    0 : -1;
}

static int
bad_time(struct decoder *d, const struct field *f, const struct loc *loc,
    const struct raw *raw)
{
	bool date = f->fmt == FMT_DATE;
	const char *why = bad_date(raw->s, raw->n);

	if (why == NULL)
		why = date ? "invalid datetime separator, expected `T`, `t`, "
		    "`_` or space" :
		    "unexpected extra characters at the end of the input";
	return bad_reason(d, f, loc, raw, date ? "date_from_datetime_parsing" :
	    "datetime_from_date_parsing", date ?
	    "Input should be a valid date or datetime, " :
	    "Input should be a valid datetime or date, ", "error", why);
}

int
value_time(struct decoder *d, const struct field *f, const struct loc *loc,
    const struct raw *raw, struct utc *out)
{
	struct utc t = { 0 };
	struct str s;
	int rc = 0;

	if (raw->kind == RAW_STR) {
		if (clock_parse(raw->s, &t) == -1 &&
		    stamp((struct blob){ raw->s, raw->n }, &t) == -1)
			return bad_time(d, f, loc, raw);
	} else if (raw->kind == RAW_REAL && !(f->flags & FF_STRICT)) {
		rc = stamp((struct blob){ raw->s, raw->n }, &t);
	} else if (raw->kind == RAW_INT && !(f->flags & FF_STRICT)) {
		str_init(&s, d->a);
		str_add_i64(&s, raw->i);
		rc = stamp((struct blob){ s.p, s.len }, &t);
	} else
		return refuse(d, f, loc, f->fmt == FMT_DATE ? "date_type" :
		    "datetime_type", f->fmt == FMT_DATE ?
		    "Input should be a valid date" :
		    "Input should be a valid datetime", raw, NULL);
	if (rc == -1)
		return bad_reason(d, f, loc, raw, "datetime_parsing",
		    "Input should be a valid datetime, ", "error",
		    "dates after 9999 are not supported as unix timestamps");
	if (f->fmt == FMT_DATE && t.us % (86400 * US_PER_S) != 0)
		return refuse(d, f, loc, "date_from_datetime_inexact",
		    "Datetimes provided to dates should have zero time - e.g. "
		    "be exact dates", raw, NULL);
	memcpy(out, &t, sizeof(t));
	return 0;
}

/* ---- UUID ------------------------------------------------------------ */

/* The group that has the wrong length, as the uuid crate finds it. */
static const char *
bad_group(struct arena *a, const size_t bound[4], size_t n)
{
	static const size_t start[5] = { 0, 9, 14, 19, 24 };
	static const int want[5] = { 8, 4, 4, 4, 12 };
	size_t i;

	for (i = 0; i < 4 && bound[i] == start[i + 1] - 1; i++)
		;
	return arena_printf(a, "invalid group length in group %zu: expected "
	    "%d, found %zu", i, want[i], (i < 4 ? bound[i] : n) - start[i]);
}

static const char *
bad_uuid(struct arena *a, const char *s, size_t n)
{
	size_t i, len, hyphens = 0, bound[4] = { 0 };

	for (i = 0; i < n; i++) {
		if (s[i] == '-') {
			if (hyphens < 4)
				bound[hyphens] = i;
			hyphens++;
		} else if (strchr("0123456789abcdefABCDEF", s[i]) == NULL) {
			for (len = 1; ((unsigned char)s[i + len] & 0xc0) ==
			    0x80; len++)
				;
			return arena_printf(a, "invalid character: found "
			    "`%.*s` at %zu", (int)len, s + i, i + 1);
		}
	}
	if (hyphens == 0)
		return arena_printf(a, "invalid length: expected length 32 "
		    "for simple format, found %zu", n);
	if (hyphens != 4)
		return arena_printf(a, "invalid group count: expected 5, "
		    "found %zu", hyphens + 1);
	return bad_group(a, bound, n);
}

/* 32 digits without hyphens: Python writes .hex like that. */
static int
uuid_simple(const char *s, size_t n, struct uuid *out)
{
	char buf[UUID_TEXT];
	size_t i, k = 0;

	if (n != 32)
		return -1;
	for (i = 0; i < n; i++) {
		if (i == 8 || i == 12 || i == 16 || i == 20)
			buf[k++] = '-';
		buf[k++] = s[i];
	}
	buf[k] = '\0';
	return uuid_parse(buf, out);
}

int
value_uuid(struct decoder *d, const struct field *f, const struct loc *loc,
    const struct raw *raw, struct uuid *out)
{
	struct uuid u;

	if (raw->kind != RAW_STR)
		return refuse(d, f, loc, "uuid_type", "UUID input should be a "
		    "string, bytes or UUID object", raw, NULL);
	if (uuid_parse(raw->s, &u) == -1 &&
	    uuid_simple(raw->s, raw->n, &u) == -1)
		return bad_reason(d, f, loc, raw, "uuid_parsing",
		    "Input should be a valid UUID, ", "error",
		    raw->n > ECHO_MAX ? "invalid length" :
		    bad_uuid(d->a, raw->s, raw->n));
	memcpy(out, &u, sizeof(u));
	return 0;
}
