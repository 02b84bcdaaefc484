/*
 * A look at a libconfig text before libconfig reads it. libconfig 1.5 wraps
 * integers silently (3000000000 becomes -1294967296), ends strings at \x00
 * and has no bound on nesting; here such a literal is refused with its line,
 * or gets the suffix L that makes it 64 bits wide. @include is refused: the
 * drop-in directory is the one way to split a file. Everything else is
 * copied byte by byte, so line numbers stay.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "conf/internal.h"

enum { LITERAL_MAX = 40 };

struct scan {
	const char *file, *p;
	struct str *out;
	struct err *err;
	int line, depth;
};

static int
scan_fail(struct scan *s, const char *msg)
{
	return conf_fail(s->err, arena_printf(s->out->a, "%s:%d", s->file,
	    s->line), "%s", msg);
}

/* Copies n bytes and counts their lines. */
static void
take(struct scan *s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		s->line += s->p[i] == '\n';
	str_addn(s->out, s->p, n);
	s->p += n;
}

static int
skip_comment(struct scan *s)
{
	const char *end;

	if (s->p[0] != '/' || s->p[1] != '*')
		take(s, strcspn(s->p, "\n"));
	else if ((end = strstr(s->p + 2, "*/")) == NULL)
		return scan_fail(s, "this comment is not closed");
	else
		take(s, (size_t)(end + 2 - s->p));
	return 0;
}

static int
skip_string(struct scan *s)
{
	int start = s->line;

	take(s, 1);
	while (*s->p != '\0' && *s->p != '"') {
		if (s->p[0] == '\\' && s->p[1] != '\0') {
			if (strncmp(s->p, "\\x00", 4) == 0)
				return scan_fail(s, "NUL in a text");
			take(s, 2);
		} else
			take(s, 1);
	}
	if (*s->p != '"') {
		s->line = start;
		return scan_fail(s, "this text is not closed");
	}
	take(s, 1);
	return 0;
}

/* An integer literal of n bytes without suffix; hex when base is 16. */
static int
judge_integer(struct scan *s, size_t n, int base)
{
	char buf[LITERAL_MAX];
	long long v;
	size_t suffix;

	if (n >= sizeof(buf))
		return scan_fail(s, "number out of range");
	memcpy(buf, s->p, n);
	buf[n] = '\0';
	errno = 0;
	v = strtoll(buf, NULL, base);
	if (errno == ERANGE)
		return scan_fail(s, "number out of range");
	take(s, n);
	suffix = strspn(s->p, "L");
	if (suffix > 0)
		take(s, suffix);
	else if (v < INT32_MIN || v > INT32_MAX)
		str_addc(s->out, 'L');
	return 0;
}

static int
scan_number(struct scan *s)
{
	const char *p = s->p + (*s->p == '+' || *s->p == '-');
	size_t n;

	if (p == s->p && p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
		n = 2 + strspn(p + 2, "0123456789abcdefABCDEF");
		return judge_integer(s, n, 16);
	}
	n = strspn(p, "0123456789");
	if (p[n] != '.' && p[n] != 'e' && p[n] != 'E')
		return judge_integer(s, n + (size_t)(p - s->p), 10);
	take(s, (size_t)(p - s->p) + strspn(p, "0123456789.eE+-"));
	return 0;
}

static bool
at_number(const char *p)
{
	if (*p == '+' || *p == '-')
		p++;
	return isdigit((unsigned char)*p) ||
	    (*p == '.' && isdigit((unsigned char)p[1]));
}

static size_t
name_length(const char *p)
{
	size_t n = 0;

	if (isalpha((unsigned char)*p) || *p == '*')
		while (isalnum((unsigned char)p[n]) || (p[n] != '\0' &&
		    strchr("-_*", p[n]) != NULL))
			n++;
	return n;
}

static int
scan_token(struct scan *s)
{
	size_t n;

	if (*s->p == '#' || (s->p[0] == '/' && (s->p[1] == '/' ||
	    s->p[1] == '*')))
		return skip_comment(s);
	if (*s->p == '"')
		return skip_string(s);
	if (*s->p == '@')
		return scan_fail(s, "@include is not supported; put a file "
		    "into the directory of drop-ins");
	if ((n = name_length(s->p)) > 0) {
		take(s, n);
		return 0;
	}
	if (at_number(s->p))
		return scan_number(s);
	if (strchr("{[(", *s->p) != NULL && ++s->depth > CONF_DEPTH)
		return scan_fail(s, "groups are nested too deeply");
	if (strchr("}])", *s->p) != NULL)
		s->depth--;
	take(s, 1);
	return 0;
}

int
conf_scan_text(const char *file, const char *text, struct str *out,
    struct err *err)
{
	struct scan s = { file, text, out, err, 1, 0 };

	while (*s.p != '\0')
		if (scan_token(&s) != 0)
			return -1;
	return 0;
}
