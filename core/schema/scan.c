/*
 * Judges JSON by its text, before json-c sees it: json-c takes NaN, single
 * quotes, control characters and duplicate members, clamps large integers and
 * lets a text of one megabyte grow to hundreds. One pass, no recursion, no
 * tree. Syntax errors carry the words and positions of Python's json module
 * (FastAPI answers with them); what Python would take and we do not has types
 * of its own.
 *
 * Invariant: whatever passes here has one meaning, fits int64 or a finite
 * double, and costs json-c a bounded amount of memory.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/codec.h"
#include "base/number.h"
#include "base/str.h"
#include "base/vec.h"
#include "schema/inner.h"

struct key {
	const char *p;		/* the name, escapes resolved */
	size_t n;
};

struct level {
	bool object;
	size_t count;		/* items so far, the current one included */
	size_t key0;		/* index of the first key in scan.keys */
};

struct scan {
	const char *begin, *p, *end;
	const struct loc *root;
	struct arena *a;
	struct err *err;
	size_t values, max;
	size_t depth;
	struct level level[JSON_DEPTH];
	VEC(struct key) keys;
};

enum step { STEP_VALUE, STEP_FIRST_VALUE, STEP_KEY, STEP_AFTER, STEP_FAIL };

/* ---- errors ---------------------------------------------------------- */

/* FastAPI's body for bad syntax; the position counts code points. */
static enum step
syntax(struct scan *s, const char *at, const char *words)
{
	struct loc pos = { .up = s->root };
	struct str ctx;
	const char *p;

	for (p = s->begin; p < at; p++)
		if (((unsigned char)*p & 0xc0) != 0x80)
			pos.idx++;
	str_init(&ctx, s->a);
	str_add(&ctx, "{\"error\":");
	str_json(&ctx, words);
	str_addc(&ctx, '}');
	err_field(s->err, (struct err_field){ .type = "json_invalid",
	    .loc = loc_text(s->a, &pos), .msg = "JSON decode error",
	    .input = "{}", .ctx = ctx.p });
	return STEP_FAIL;
}

/* Our own refusals, at the value (or member) under way. */
static enum step
refuse_at(struct scan *s, const char *type, const char *msg, const char *ctx,
    bool inside)
{
	struct loc chain[JSON_DEPTH];
	const struct loc *up = s->root;
	size_t i, n = inside ? s->depth : s->depth - (s->depth > 0);
	const struct key *k;

	for (i = 0; i < n; i++) {
		chain[i] = (struct loc){ .up = up };
		if (s->level[i].object) {
			k = i + 1 < s->depth ?
			    &s->keys.v[s->level[i + 1].key0 - 1] :
			    &s->keys.v[s->keys.n - 1];
			chain[i].name = k->p;
			chain[i].len = k->n;
		} else
			chain[i].idx = s->level[i].count - 1;
		up = &chain[i];
	}
	err_field(s->err, (struct err_field){ .type = type,
	    .loc = loc_text(s->a, up), .msg = msg, .input = "null",
	    .ctx = ctx });
	return STEP_FAIL;
}

/* ---- strings --------------------------------------------------------- */

static void
skip_space(struct scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' ||
	    *s->p == '\t' || *s->p == '\r'))
		s->p++;
}

/* Length of the UTF-8 sequence at p, 0 if it is not one. */
static size_t
utf8_len(const char *p, const char *end)
{
	unsigned char c = (unsigned char)*p;
	size_t n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;

	if (c < 0xc2 || c > 0xf4 || (size_t)(end - p) < n)
		return 0;
	return utf8_valid(p, n) ? n : 0;
}

/* Four digits with something behind them: a string goes on, or ends. */
static int
hex4(const char *p, const char *end)
{
	int i, v = 0;

	if (end - p < 5)
		return -1;
	for (i = 0; i < 4; i++) {
		if (p[i] >= '0' && p[i] <= '9')
			v = v * 16 + p[i] - '0';
		else if ((p[i] | 32) >= 'a' && (p[i] | 32) <= 'f')
			v = v * 16 + (p[i] | 32) - 'a' + 10;
		else
			return -1;
	}
	return v;
}

/* *p stands after "\u"; moves past the digits, of both halves of a pair.
 * Returns the code point, or -1 with the error recorded. */
static long
unicode_escape(struct scan *s, const char **p, bool inside)
{
	int hi, lo;

	if ((hi = hex4(*p, s->end)) == -1) {
		syntax(s, *p - 1, "Invalid \\uXXXX escape");
		return -1;
	}
	*p += 4;
	if (hi == 0) {
		refuse_at(s, "json_nul", "Text must not contain U+0000", NULL,
		    inside);
		return -1;
	}
	if (hi < 0xd800 || hi > 0xdfff)
		return hi;
	if (hi < 0xdc00 && s->end - *p >= 6 && (*p)[0] == '\\' &&
	    (*p)[1] == 'u' && (lo = hex4(*p + 2, s->end)) >= 0xdc00 &&
	    lo <= 0xdfff) {
		*p += 6;
		return 0x10000 + ((hi - 0xd800) << 10) + (lo - 0xdc00);
	}
	refuse_at(s, "json_surrogate",
	    "Text must not contain lone surrogates", NULL, inside);
	return -1;
}

/* *p stands after the backslash. */
static int
skip_escape(struct scan *s, const char *open, const char **p, bool inside)
{
	if (*p == s->end) {
		syntax(s, open, "Unterminated string starting at");
		return -1;
	}
	if (*(*p)++ == 'u')
		return unicode_escape(s, p, inside) == -1 ? -1 : 0;
	if (memchr("\"\\/bfnrt", (*p)[-1], 8) != NULL)
		return 0;
	syntax(s, *p - 2, "Invalid \\escape");
	return -1;
}

/* Walks over a string from its quote to past its closing quote. */
static int
scan_string(struct scan *s, bool *escaped, bool inside)
{
	const char *open = s->p, *p = s->p + 1;
	size_t n;

	*escaped = false;
	for (;;) {
		while (p < s->end && (signed char)*p >= ' ' && *p != '"' &&
		    *p != '\\')
			p++;
		if (p == s->end) {
			syntax(s, open, "Unterminated string starting at");
			return -1;
		}
		if (*p == '"')
			break;
		if (*p == '\\') {
			*escaped = true;
			p++;
			if (skip_escape(s, open, &p, inside) == -1)
				return -1;
		} else if ((unsigned char)*p < ' ') {
			syntax(s, p, "Invalid control character at");
			return -1;
		} else if ((n = utf8_len(p, s->end)) == 0) {
			refuse_at(s, "json_utf8", "Text must be valid UTF-8",
			    NULL, inside);
			return -1;
		} else
			p += n;
	}
	s->p = p + 1;
	return 0;
}

static void
add_code_point(struct str *out, long c)
{
	if (c >= 0x10000) {
		str_addc(out, (char)(0xf0 | c >> 18));
		str_addc(out, (char)(0x80 | (c >> 12 & 0x3f)));
	} else if (c >= 0x800)
		str_addc(out, (char)(0xe0 | c >> 12));
	if (c >= 0x800)
		str_addc(out, (char)(0x80 | (c >> 6 & 0x3f)));
	else if (c >= 0x80)
		str_addc(out, (char)(0xc0 | c >> 6));
	str_addc(out, c < 0x80 ? (char)c : (char)(0x80 | (c & 0x3f)));
}

/* A name with escapes as the text it stands for, to find duplicates. */
static struct key
unescape(struct scan *s, const char *p, const char *end)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	struct str out;

	str_init(&out, s->a);
	while (p < end) {
		if (*p != '\\') {
			str_addc(&out, *p++);
		} else if (p[1] == 'u') {
			p += 2;
			add_code_point(&out, unicode_escape(s, &p, true));
		} else {
			str_addc(&out, to[strchr(from, p[1]) - from]);
			p += 2;
		}
	}
	return (struct key){ out.p, out.len };
}

/* ---- values ---------------------------------------------------------- */

static const char *
digits(const char *p, const char *end)
{
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

static enum step
number_range(struct scan *s)
{
	return refuse_at(s, "json_number_range", "Number is out of range",
	    NULL, true);
}

/* The longest number that starts here; what follows is judged by the next
 * step, as Python does ("01" is 0 and then an error). */
static enum step
scan_number(struct scan *s)
{
	const char *start = s->p, *p = s->p + (*s->p == '-'), *q;
	bool real = false;
	int64_t i;
	double d;

	if (p == s->end || *p < '0' || *p > '9')
		return syntax(s, start, "Expecting value");
	p = *p == '0' ? p + 1 : digits(p, s->end);
	if (s->end - p > 1 && *p == '.' && digits(p + 1, s->end) > p + 1) {
		p = digits(p + 1, s->end);
		real = true;
	}
	if (s->end - p > 1 && (*p | 32) == 'e') {
		q = p + 1;
		q += q < s->end && (*q == '+' || *q == '-');
		if (digits(q, s->end) > q) {
			p = digits(q, s->end);
			real = true;
		}
	}
	s->p = p;
	if (p - start <= 18 && !real)
		return STEP_AFTER;
	if (real) {
		if ((p - start > 200 || memchr(start, 'e', p - start) ||
		    memchr(start, 'E', p - start)) &&
		    num_real(start, p - start, &d) != NUM_OK)
			return number_range(s);
	} else if (num_i64(start, p - start, &i) != NUM_OK)
		return number_range(s);
	return STEP_AFTER;
}

static bool
word(struct scan *s, const char *w)
{
	size_t n = strlen(w);

	if ((size_t)(s->end - s->p) < n || memcmp(s->p, w, n) != 0)
		return false;
	s->p += n;
	return true;
}

static enum step
scan_word(struct scan *s)
{
	if (word(s, "true") || word(s, "false") || word(s, "null"))
		return STEP_AFTER;
	if (word(s, "NaN") || word(s, "Infinity") || word(s, "-Infinity"))
		return refuse_at(s, "json_not_finite",
		    "Numbers must be finite", NULL, true);
	if (s->p < s->end && *s->p == '-')
		return scan_number(s);
	return syntax(s, s->p, "Expecting value");
}

static enum step
open_level(struct scan *s)
{
	struct level *l;
	bool object = *s->p == '{';

	if (s->depth == JSON_DEPTH)
		return refuse_at(s, "json_depth",
		    "JSON must not be nested deeper than 32 levels",
		    "{\"max_depth\":32}", true);
	l = &s->level[s->depth++];
	*l = (struct level){ .object = object, .key0 = s->keys.n };
	s->p++;
	skip_space(s);
	if (s->p < s->end && *s->p == (object ? '}' : ']')) {
		s->p++;
		s->depth--;
		return STEP_AFTER;
	}
	return object ? STEP_KEY : STEP_FIRST_VALUE;
}

static enum step
scan_value(struct scan *s)
{
	bool escaped;

	skip_space(s);
	if (s->p == s->end)
		return syntax(s, s->p, "Expecting value");
	if (++s->values > s->max)
		return refuse_at(s, "json_too_many_values",
		    "JSON has too many values", arena_printf(s->a,
		    "{\"max_values\":%zu}", s->max), true);
	switch (*s->p) {
	case '{':
	case '[':
		return open_level(s);
	case '"':
		return scan_string(s, &escaped, true) == -1 ? STEP_FAIL :
		    STEP_AFTER;
	case '0': case '1': case '2': case '3': case '4':
	case '5': case '6': case '7': case '8': case '9':
		return scan_number(s);
	default:
		return scan_word(s);
	}
}

static enum step
scan_key(struct scan *s)
{
	const char *start;
	struct key k;
	bool escaped;

	skip_space(s);
	if (s->p == s->end || *s->p != '"')
		return syntax(s, s->p,
		    "Expecting property name enclosed in double quotes");
	start = s->p + 1;
	if (scan_string(s, &escaped, false) == -1)
		return STEP_FAIL;
	k = escaped ? unescape(s, start, s->p - 1) :
	    (struct key){ start, (size_t)(s->p - 1 - start) };
	skip_space(s);
	if (s->p == s->end || *s->p != ':')
		return syntax(s, s->p, "Expecting ':' delimiter");
	s->p++;
	*VEC_ADD(s->a, &s->keys) = k;
	s->level[s->depth - 1].count++;
	return STEP_VALUE;
}

/* ---- end of a value -------------------------------------------------- */

static int
key_order(const void *x, const void *y)
{
	const struct key *a = x, *b = y;
	int c;

	if (a->n != b->n)
		return a->n < b->n ? -1 : 1;
	if ((c = memcmp(a->p, b->p, a->n)) != 0)
		return c;
	return (a->p > b->p) - (a->p < b->p);
}

static const struct key *
find_duplicate(struct key *k, size_t n)
{
	size_t i, j;

	if (n > 12) {
		qsort(k, n, sizeof(*k), key_order);
		for (i = 1; i < n; i++)
			if (k[i].n == k[i - 1].n &&
			    memcmp(k[i].p, k[i - 1].p, k[i].n) == 0)
				return &k[i];
		return NULL;
	}
	for (i = 1; i < n; i++)
		for (j = 0; j < i; j++)
			if (k[i].n == k[j].n &&
			    memcmp(k[i].p, k[j].p, k[i].n) == 0)
				return &k[i];
	return NULL;
}

static enum step
close_object(struct scan *s)
{
	struct level *l = &s->level[s->depth - 1];
	const struct key *dup;

	dup = find_duplicate(s->keys.v + l->key0, s->keys.n - l->key0);
	if (dup != NULL) {
		/* refuse_at() names the last key of the level. */
		s->keys.v[s->keys.n - 1] = *dup;
		return refuse_at(s, "json_duplicate_member",
		    "Member names must be unique", NULL, true);
	}
	s->keys.n = l->key0;
	s->depth--;
	s->p++;
	return STEP_AFTER;
}

static enum step
scan_after(struct scan *s)
{
	struct level *l = &s->level[s->depth - 1];

	skip_space(s);
	if (s->p < s->end && *s->p == ',') {
		s->p++;
		return l->object ? STEP_KEY : STEP_FIRST_VALUE;
	}
	if (s->p == s->end || *s->p != (l->object ? '}' : ']'))
		return syntax(s, s->p, "Expecting ',' delimiter");
	if (l->object)
		return close_object(s);
	s->depth--;
	s->p++;
	return STEP_AFTER;
}

static int
scan_run(struct scan *s)
{
	enum step step = STEP_VALUE;

	for (;;) {
		switch (step) {
		case STEP_FIRST_VALUE:
			s->level[s->depth - 1].count++;
			/* FALLTHROUGH */
		case STEP_VALUE:
			step = scan_value(s);
			break;
		case STEP_KEY:
			step = scan_key(s);
			break;
		case STEP_AFTER:
			if (s->depth == 0)
				return 0;
			step = scan_after(s);
			break;
		case STEP_FAIL:
			return -1;
		}
	}
}

int
scan_text(const char *text, size_t n, size_t max_values,
    const struct loc *root, struct arena *a, struct err *err)
{
	struct scan s = { .begin = text, .p = text, .end = text + n,
	    .root = root, .a = a, .err = err,
	    .max = max_values != 0 ? max_values : JSON_VALUES };
	struct arena_mark mark = arena_mark(a);

	if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		syntax(&s, text, "Unexpected UTF-8 BOM (decode using utf-8-sig)");
		return -1;
	}
	if (scan_run(&s) == -1)
		return -1;
	skip_space(&s);
	if (s.p != s.end) {
		syntax(&s, s.p, "Extra data");
		return -1;
	}
	arena_rewind(a, mark);
	return 0;
}

int
json_scan(const char *text, size_t n, size_t max_values, const char *loc_root,
    struct arena *a, struct err *err)
{
	struct loc root = { .name = loc_root, .len = strlen(loc_root) };

	return scan_text(text, n, max_values, &root, a, err);
}
