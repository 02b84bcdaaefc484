/*
 * Reads the header and the claims of a token: one JSON object, judged
 * strictly (RFC 8259, valid UTF-8, no NUL, no member twice, bounded depth and
 * count), its members handed out flat. It does not build trees and does not
 * recurse; whoever wants more of a foreign token parses the raw text.
 */
#include <string.h>

#include "base/arena.h"
#include "base/codec.h"
#include "base/str.h"
#include "crypto/internal.h"

struct cur {
	const char *p, *end;
};

static void
blank(struct cur *c)
{
	while (c->p < c->end && (*c->p == ' ' || *c->p == '\t' ||
	    *c->p == '\n' || *c->p == '\r'))
		c->p++;
}

static bool
take(struct cur *c, char want)
{
	if (c->p == c->end || *c->p != want)
		return false;
	c->p++;
	return true;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four hex digits after "\u"; -1 if there are not four. */
static long
unit(struct cur *c)
{
	long v = 0;
	int i, d;

	for (i = 0; i < 4; i++, c->p++) {
		if (c->p == c->end || (d = hex_digit(*c->p)) < 0)
			return -1;
		v = v << 4 | d;
	}
	return v;
}

/* The code point of an escape sequence, "\" already taken; -1: none. */
static long
escape(struct cur *c)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *at;
	long v, low;

	if (c->p == c->end)
		return -1;
	if (*c->p != 'u') {
		if (*c->p == '\0' || (at = strchr(from, *c->p)) == NULL)
			return -1;
		c->p++;
		return (unsigned char)to[at - from];
	}
	c->p++;
	if ((v = unit(c)) <= 0)
		return -1;
	if (v < 0xd800 || v > 0xdfff)
		return v;
	if (v > 0xdbff || !take(c, '\\') || !take(c, 'u'))
		return -1;
	low = unit(c);
	if (low < 0xdc00 || low > 0xdfff)
		return -1;
	return 0x10000 + ((v - 0xd800) << 10) + (low - 0xdc00);
}

static char *
put_utf8(char *o, long v)
{
	if (v < 0x80) {
		*o++ = (char)v;
		return o;
	}
	if (v < 0x800)
		*o++ = (char)(0xc0 | v >> 6);
	else {
		if (v < 0x10000)
			*o++ = (char)(0xe0 | v >> 12);
		else {
			*o++ = (char)(0xf0 | v >> 18);
			*o++ = (char)(0x80 | (v >> 12 & 0x3f));
		}
		*o++ = (char)(0x80 | (v >> 6 & 0x3f));
	}
	*o++ = (char)(0x80 | (v & 0x3f));
	return o;
}

/* A string, the opening quote included. out may be NULL: only judged. A
 * decoded string is never longer than its source. */
static bool
string(struct cur *c, struct arena *a, const char **out)
{
	const char *start;
	char *o = NULL, *buf = NULL;
	long v;

	if (!take(c, '"'))
		return false;
	for (start = c->p; c->p < c->end && *c->p != '"'; ) {
		if ((unsigned char)*c->p < 0x20)
			return false;
		if (*c->p != '\\') {
			if (o != NULL)
				*o++ = *c->p;
			c->p++;
			continue;
		}
		if (out != NULL && o == NULL) {
			buf = arena_alloc(a, (size_t)(c->end - start) + 1);
			memcpy(buf, start, (size_t)(c->p - start));
			o = buf + (c->p - start);
		}
		c->p++;
		if ((v = escape(c)) < 0)
			return false;
		if (o != NULL)
			o = put_utf8(o, v);
	}
	if (out != NULL && buf == NULL)
		buf = arena_strndup(a, start, (size_t)(c->p - start));
	else if (o != NULL)
		*o = '\0';
	if (out != NULL)
		*out = buf;
	return take(c, '"');
}

static bool
digits(struct cur *c)
{
	const char *start = c->p;

	while (c->p < c->end && *c->p >= '0' && *c->p <= '9')
		c->p++;
	return c->p > start;
}

static bool
number(struct cur *c)
{
	take(c, '-');
	if (!take(c, '0') && !digits(c))
		return false;
	if (take(c, '.') && !digits(c))
		return false;
	if (take(c, 'e') || take(c, 'E')) {
		if (!take(c, '+'))
			take(c, '-');
		return digits(c);
	}
	return true;
}

static bool
word(struct cur *c, const char *w)
{
	size_t n = strlen(w);

	if ((size_t)(c->end - c->p) < n || memcmp(c->p, w, n) != 0)
		return false;
	c->p += n;
	return true;
}

static bool
scalar(struct cur *c, struct arena *a, struct scan_member *m)
{
	if (c->p == c->end)
		return false;
	switch (*c->p) {
	case '"':
		m->type = SCAN_STRING;
		return string(c, a, a != NULL ? &m->string : NULL);
	case 't':
		m->type = SCAN_TRUE;
		return word(c, "true");
	case 'f':
		m->type = SCAN_FALSE;
		return word(c, "false");
	case 'n':
		m->type = SCAN_NULL;
		return word(c, "null");
	default:
		m->type = SCAN_NUMBER;
		return number(c);
	}
}

/* The name and the colon before a nested member. */
static bool
nested_name(struct cur *c)
{
	blank(c);
	if (!string(c, NULL, NULL))
		return false;
	blank(c);
	return take(c, ':');
}

/* Skips an array or object with a stack of the closing signs. */
static bool
container(struct cur *c)
{
	char close[SCAN_DEPTH];
	struct scan_member m;
	int depth = 0;

	do {
		blank(c);
		if (c->p < c->end && (*c->p == '[' || *c->p == '{')) {
			if (depth == SCAN_DEPTH)
				return false;
			close[depth++] = *c->p++ == '[' ? ']' : '}';
			blank(c);
			if (c->p < c->end && *c->p != close[depth - 1]) {
				if (close[depth - 1] == '}' &&
				    !nested_name(c))
					return false;
				continue;
			}
		} else if (!scalar(c, NULL, &m))
			return false;
		for (;;) {
			blank(c);
			if (depth == 0 || !take(c, close[depth - 1]))
				break;
			depth--;
		}
		if (depth == 0)
			return true;
		if (!take(c, ',') || (close[depth - 1] == '}' &&
		    !nested_name(c)))
			return false;
	} while (depth > 0);
	return true;
}

static bool
member(struct cur *c, struct arena *a, struct scan_member *m)
{
	m->string = NULL;
	blank(c);
	if (!string(c, a, &m->name))
		return false;
	blank(c);
	if (!take(c, ':'))
		return false;
	blank(c);
	m->text = c->p;
	if (c->p < c->end && (*c->p == '{' || *c->p == '[')) {
		m->type = *c->p == '{' ? SCAN_OBJECT : SCAN_ARRAY;
		if (!container(c))
			return false;
	} else if (!scalar(c, a, m))
		return false;
	m->n = (size_t)(c->p - m->text);
	blank(c);
	return true;
}

int
scan_object(struct arena *a, const char *p, size_t n,
    struct scan_member out[SCAN_MEMBERS])
{
	struct cur c = { p, p + n };
	int count = 0, i;

	if (!utf8_valid(p, n) || memchr(p, '\0', n) != NULL)
		return -1;
	blank(&c);
	if (!take(&c, '{'))
		return -1;
	blank(&c);
	if (!take(&c, '}')) {
		do {
			if (count == SCAN_MEMBERS ||
			    !member(&c, a, &out[count]))
				return -1;
			for (i = 0; i < count; i++)
				if (strcmp(out[i].name, out[count].name) == 0)
					return -1;
			count++;
		} while (take(&c, ','));
		if (!take(&c, '}'))
			return -1;
	}
	blank(&c);
	return c.p == c.end ? count : -1;
}

const char *
scan_join(struct arena *a, const char *p, size_t n)
{
	struct cur c = { p, p + n };
	const char *text;
	struct str s;

	str_init(&s, a);
	take(&c, '[');
	blank(&c);
	if (take(&c, ']'))
		return s.p;
	do {
		blank(&c);
		if (!string(&c, a, &text))
			return NULL;
		str_addf(&s, "%s%s", s.len > 0 ? "," : "", text);
		blank(&c);
	} while (take(&c, ','));
	return s.p;
}
