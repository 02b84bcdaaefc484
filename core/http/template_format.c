/*
 * Values for reading: ages, numbers, sizes, durations. What is absent is a
 * dash where a number or time is expected and nothing elsewhere.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/number.h"
#include "http/template_inner.h"

#define DASH "\xe2\x80\x93"
#define THIN "\xe2\x80\xaf"		/* narrow space that does not break */

enum {
	T_NUM = 1 << FT_INT | 1 << FT_REAL | 1 << FT_DEC, T_TIME = 1 << FT_TIME,
	T_TEXT = 1 << FT_STR | 1 << FT_UUID, T_FREE = 1, T_ALL = ~0,
	T_BOOL = 1 << FT_BOOL
};

static const struct { const char *name; unsigned types; } filters[] = {
	[TF_NONE] = { "", 0 },
	[TF_AGE] = { "age", T_TIME | T_FREE },
	[TF_DATE] = { "date", T_TIME | T_FREE },
	[TF_NUM] = { "num", T_NUM | T_FREE }, [TF_RAW] = { "raw", (unsigned)T_ALL },
	[TF_BYTES] = { "bytes", T_NUM | T_FREE },
	[TF_SECS] = { "secs", T_NUM | T_FREE },
	[TF_MS] = { "ms", T_NUM | T_FREE }, [TF_US] = { "us", T_NUM | T_FREE },
	[TF_PCT] = { "pct", T_NUM | T_FREE },
	[TF_PERMILLE] = { "permille", T_NUM | T_FREE },
	[TF_SHORT] = { "short", T_TEXT | T_FREE },
	[TF_JSON] = { "json", T_FREE }, [TF_COUNT] = { "count", T_FREE },
	[TF_QUERY] = { "query", 1 << FT_STR },
	[TF_WORDS] = { "words", T_TEXT | T_FREE },
	[TF_REAL] = { "real", T_NUM | T_FREE },
	[TF_YES] = { "yes", T_BOOL | T_FREE },
	[TF_MONEY] = { "money", T_NUM | T_FREE },
	[TF_PRICE] = { "price", T_NUM | T_FREE }
};

int
template_filter_find(const char *name, size_t n, enum ftype type,
    enum template_filter *out)
{
	unsigned bit = type == FT_JSON || type == FT_LIST || type == 0 ? T_FREE :
	    1u << type;

	for (size_t i = 1; i < sizeof(filters) / sizeof(filters[0]); i++)
		if (strlen(filters[i].name) == n &&
		    memcmp(filters[i].name, name, n) == 0 &&
		    (filters[i].types & bit)) {
			*out = (enum template_filter)i;
			return 0;
		}
	return -1;
}

enum template_filter
template_filter_default(enum ftype type, enum template_escape esc)
{
	if (esc != ESC_TEXT)
		return TF_RAW;
	switch (type) {
	case FT_TIME:
		return TF_AGE;
	case FT_INT:
		return TF_NUM;
	case FT_REAL:
		return TF_REAL;
	case FT_BOOL:
		return TF_YES;
	default:
		return TF_RAW;
	}
}

/* "-1234567.5" with spaces between groups of three, from five digits on. */
static void
put_grouped(struct str *out, const char *digits)
{
	size_t whole;

	if (*digits == '-') {
		str_add(out, "\xe2\x88\x92");
		digits++;
	}
	whole = strspn(digits, "0123456789");
	for (size_t i = 0; i < whole; i++) {
		if (i > 0 && whole > 4 && (whole - i) % 3 == 0)
			str_add(out, THIN);
		str_addc(out, digits[i]);
	}
	str_add(out, digits + whole);
}

static void
put_real(struct str *out, double x)
{
	double size = fabs(x);
	char buf[64];
	size_t n;

	snprintf(buf, sizeof(buf), "%.*f", size >= 1000 ? 0 : size >= 100 ? 1 :
	    size >= 1 ? 2 : 4, x);
	n = strlen(buf);
	if (strchr(buf, '.') != NULL)
		while (buf[n - 1] == '0' || buf[n - 1] == '.') {
			bool point = buf[--n] == '.';

			buf[n] = '\0';
			if (point)
				break;
		}
	put_grouped(out, buf);
}

static void
put_bytes(struct str *out, double n)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	size_t u = 0;

	for (; fabs(n) >= 1024 && u < 4; u++)
		n /= 1024;
	str_addf(out, "%.*f%s%s", u == 0 || n >= 100 ? 0 : 1, n, THIN, units[u]);
}

/* "2 h 5 min", "2 h" */
static void
put_two(struct str *out, double s, double big, const char *big_unit,
    double small, const char *small_unit)
{
	double rest = floor(fmod(s, big) / small);

	str_addf(out, "%.0f" THIN "%s", floor(s / big), big_unit);
	if (rest > 0)
		str_addf(out, " %.0f" THIN "%s", rest, small_unit);
}

static void
put_us(struct str *out, double us)
{
	double s = us / 1e6;

	if (us == 0)
		str_add(out, "0" THIN "s");
	else if (s < 1e-3)
		str_addf(out, "%.0f" THIN "\xc2\xb5s", us);
	else if (s < 1)
		str_addf(out, "%.*f" THIN "ms", s < 0.01 ? 1 : 0, s * 1e3);
	else if (s < 60)
		str_addf(out, "%.*f" THIN "s", s < 10 && s != floor(s) ? 1 : 0,
		    s);
	else if (s < 3600)
		put_two(out, s, 60, "min", 1, "s");
	else if (s < 86400)
		put_two(out, s, 3600, "h", 60, "min");
	else
		put_two(out, s, 86400, "d", 3600, "h");
}

static void
put_age(struct str *out, struct utc at, struct utc now)
{
	static const struct { int64_t s; const char *unit; } units[] = {
		{ 86400, "d" }, { 3600, "h" }, { 60, "min" }, { 1, "s" }
	};
	int64_t s = (now.us - at.us) / US_PER_S, n = s < 0 ? -s : s;
	char iso[CLOCK_TEXT], shown[CLOCK_TEXT];

	clock_format(at, iso);
	clock_format((struct utc){ at.us - at.us % US_PER_S }, shown);
	if (shown[10] == 'T')
		shown[10] = ' ';
	shown[strcspn(shown, "Z")] = '\0';
	str_addf(out, "<time datetime=\"%s\" title=\"%s UTC\">", iso, shown);
	for (size_t i = 0; i < 4; i++)
		if (n >= units[i].s) {
			str_addf(out, s < 0 ? "in %lld" THIN "%s" :
			    "%lld" THIN "%s ago", (long long)(n / units[i].s),
			    units[i].unit);
			break;
		}
	str_add(out, n == 0 ? "now</time>" : "</time>");
}

static void
put_time(struct str *out, const struct template_node *nd, const char *text,
    struct utc now)
{
	char buf[CLOCK_TEXT];
	struct utc at;

	if (clock_parse(text, &at) == -1) {
		html_put(out, nd->escape, *text == '\0' ? DASH : text);
		return;
	}
	if (nd->filter == TF_AGE && nd->escape == ESC_TEXT) {
		put_age(out, at, now);
		return;
	}
	clock_format((struct utc){ at.us - at.us % US_PER_S }, buf);
	if (nd->escape == ESC_TEXT) {
		buf[10] = ' ';
		buf[strcspn(buf, "Z")] = '\0';
		str_add(out, buf);
		str_add(out, THIN "UTC");
	} else
		html_put(out, nd->escape, buf);
}

static void
put_number(struct str *out, const struct template_node *nd, const char *text)
{
	struct str s, t;
	double x;

	if (num_real(text, strlen(text), &x) != NUM_OK) {
		html_put(out, nd->escape, *text == '\0' ? DASH : text);
		return;
	}
	str_init(&s, out->a);
	str_init(&t, out->a);
	switch (nd->filter) {
	case TF_BYTES:
		put_bytes(&s, x);
		break;
	case TF_SECS:
		put_us(&s, x * 1e6);
		break;
	case TF_MS:
		put_us(&s, x * 1e3);
		break;
	case TF_US:
		put_us(&s, x);
		break;
	case TF_PCT:
		str_addf(&s, "%.*f" THIN "%%", x != 0 && fabs(x) < 0.01 ? 2 :
		    1, x * 100);
		break;
	case TF_PERMILLE:
		str_addf(&s, "%.0f" THIN "%%", x / 10);
		break;
	case TF_REAL:
		put_real(&s, x);
		break;
	case TF_MONEY:
		str_addf(&t, "%.2f", x);
		put_grouped(&s, t.p);
		break;
	case TF_PRICE:
		str_addf(&s, "%.4f", x);
		break;
	default:
		put_grouped(&s, text);
	}
	html_put(out, nd->escape, s.p);
}

void
template_words(struct str *out, enum template_escape esc, const char *text)
{
	struct str s;

	str_init(&s, out->a);
	for (; *text != '\0'; text++)
		str_addc(&s, *text == '_' ? ' ' : *text);
	html_put(out, esc, s.p);
}

/* The end of an id: the beginning of ours is the time, and so much alike. */
static void
put_short(struct str *out, enum template_escape esc, const char *text)
{
	size_t n = strlen(text);

	html_put(out, esc, n > 10 ? text + n - 8 : text);
}

void
template_format(struct str *out, const struct template_node *nd,
    const struct tree *v, struct utc now)
{
	const char *text = tree_text(v);
	struct str s;

	switch (nd->filter) {
	case TF_AGE:
	case TF_DATE:
		put_time(out, nd, text, now);
		break;
	case TF_NONE:
	case TF_RAW:
		html_put(out, nd->escape, text);
		break;
	case TF_SHORT:
		put_short(out, nd->escape, text);
		break;
	case TF_WORDS:
		template_words(out, nd->escape, text);
		break;
	case TF_YES:
		html_put(out, nd->escape, tree_kind(v) == TREE_NONE ? DASH :
		    tree_true(v) ? "yes" : "no");
		break;
	case TF_COUNT:
		str_addf(out, "%zu", tree_count(v));
		break;
	case TF_JSON:
		str_init(&s, out->a);
		tree_pretty(v, &s);
		html_put(out, nd->escape, s.p);
		break;
	case TF_QUERY:
		if (strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQR"
		    "STUVWXYZ0123456789-._~%&=+") == strlen(text))
			html_put(out, ESC_ATTR, text);
		break;
	default:
		put_number(out, nd, text);
	}
}
