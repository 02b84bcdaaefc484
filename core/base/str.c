/*
 * Growable text and the escapes of each place where text is shown. Escaping is
 * total: any byte sequence has an escaped form, none is refused.
 * Invariant: p[len] is NUL and cap counts the bytes before it.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/codec.h"
#include "base/str.h"

void
str_init(struct str *s, struct arena *a)
{
	enum { START = 64 };

	s->a = a;
	s->len = 0;
	s->cap = START - 1;
	s->p = arena_alloc(a, START);
}

void
str_reserve(struct str *s, size_t more)
{
	size_t cap;

	if (more <= s->cap - s->len)
		return;
	ASSERT(more < SIZE_MAX / 4 && s->len < SIZE_MAX / 4);
	cap = (s->cap + 1) * 2;
	if (cap < s->len + more + 1)
		cap = s->len + more + 1;
	s->p = arena_grow(s->a, s->p, s->cap + 1, cap);
	s->cap = cap - 1;
}

void
str_add(struct str *s, const char *text)
{
	str_addn(s, text, strlen(text));
}

void
str_addn(struct str *s, const void *text, size_t n)
{
	if (n == 0)
		return;
	str_reserve(s, n);
	memcpy(s->p + s->len, text, n);
	s->len += n;
	s->p[s->len] = '\0';
}

void
str_addc(struct str *s, char c)
{
	str_addn(s, &c, 1);
}

void
str_addf(struct str *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	str_vaddf(s, fmt, ap);
	va_end(ap);
}

void
str_vaddf(struct str *s, const char *fmt, va_list ap)
{
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(s->p + s->len, s->cap - s->len + 1, fmt, ap);
	ASSERT(n >= 0);
	if ((size_t)n > s->cap - s->len) {
		str_reserve(s, (size_t)n);
		vsnprintf(s->p + s->len, s->cap - s->len + 1, fmt, again);
	}
	va_end(again);
	s->len += (size_t)n;
}

void
str_add_i64(struct str *s, int64_t v)
{
	char buf[24], *p = buf + sizeof(buf);
	uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

	do
		*--p = (char)('0' + u % 10);
	while ((u /= 10) > 0);
	if (v < 0)
		*--p = '-';
	str_addn(s, p, (size_t)(buf + sizeof(buf) - p));
}

/* Escape letter of a character, 'u' for \u00XX, 0 for none. */
static char
json_escape(unsigned char c)
{
	switch (c) {
	case '"':
	case '\\':
		return (char)c;
	case '\b':
		return 'b';
	case '\f':
		return 'f';
	case '\n':
		return 'n';
	case '\r':
		return 'r';
	case '\t':
		return 't';
	default:
		return c < 0x20 ? 'u' : '\0';
	}
}

void
str_json(struct str *s, const char *text)
{
	if (text == NULL)
		str_add(s, "null");
	else
		str_jsonn(s, text, strlen(text));
}

void
str_jsonn(struct str *s, const char *text, size_t n)
{
	size_t i = 0, from = 0;
	char e;
	int step;

	str_reserve(s, n + 2);
	str_addc(s, '"');
	while (i < n) {
		unsigned char c = (unsigned char)text[i];

		step = c < 0x80 ? 1 : utf8_step(text + i, n - i);
		e = json_escape(c);
		if (step > 0 && e == '\0') {
			i += (size_t)step;
			continue;
		}
		str_addn(s, text + from, i - from);
		if (step < 0)
			str_add(s, "\xef\xbf\xbd");
		else if (e == 'u')
			str_addf(s, "\\u%04x", c);
		else
			str_addn(s, (const char[]){ '\\', e }, 2);
		i += (size_t)(step < 0 ? -step : step);
		from = i;
	}
	str_addn(s, text + from, n - from);
	str_addc(s, '"');
}

void
str_html(struct str *s, const char *text)
{
	size_t n;

	for (;;) {
		n = strcspn(text, "&<>\"'");
		str_addn(s, text, n);
		text += n;
		switch (*text++) {
		case '\0':
			return;
		case '&':
			str_add(s, "&amp;");
			break;
		case '<':
			str_add(s, "&lt;");
			break;
		case '>':
			str_add(s, "&gt;");
			break;
		case '"':
			str_add(s, "&quot;");
			break;
		default:
			str_add(s, "&#39;");
		}
	}
}

void
str_csv(struct str *s, const char *text, bool number)
{
	/* Behind apostrophes too, so that a reader can take one off. */
	const char *first = text + strspn(text, "'");
	bool risky = !number && *first != '\0' &&
	    strchr("=+-@\t\r", *first) != NULL;
	bool quoted = strpbrk(text, ",\"\r\n") != NULL;

	if (quoted)
		str_addc(s, '"');
	if (risky)
		str_addc(s, '\'');
	for (; *text != '\0'; text++) {
		if (*text == '"')
			str_addc(s, '"');
		str_addc(s, *text);
	}
	if (quoted)
		str_addc(s, '"');
}

void
str_term(struct str *s, const char *text, size_t n)
{
	int step, i;

	for (; n > 0; n -= (size_t)step, text += step) {
		step = utf8_step(text, n);
		if (step > 0 && !utf8_steers(text, step)) {
			str_addn(s, text, (size_t)step);
			continue;
		}
		if (step < 0)
			step = -step;
		for (i = 0; i < step; i++)
			str_addf(s, "\\x%02x", (unsigned char)text[i]);
	}
}
