/*
 * The reader keeps a window over the body. A delimiter is CRLF, two dashes
 * and the boundary; the body is read as if a CRLF stood in front of it, so the
 * first delimiter is like all others. Bytes that could be the beginning of a
 * delimiter stay in the window until more has come.
 */
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/err.h"
#include "http/multipart.h"

enum { WINDOW = 16384, BOUNDARY = 70 };
enum state { BETWEEN, HEADERS, CONTENT, DONE };

struct multipart {
	struct multipart_source src;
	enum state state;
	bool ended;			/* the source has no more */
	char delim[BOUNDARY + 5];	/* "\r\n--boundary" */
	size_t ndelim;
	size_t at, have;		/* unread part of the window */
	char window[WINDOW];
};

static int
malformed(struct err *e, const char *what)
{
	return err_set(e, 400, "multipart", "Multipart body: %s", what);
}

static int
set_boundary(struct multipart *m, const char *type, struct err *e)
{
	const char *b = strcasestr(type, "boundary=");
	size_t n;

	if (b == NULL)
		return malformed(e, "Content-Type names no boundary");
	b += strlen("boundary=");
	if (*b == '"')
		n = strcspn(++b, "\"");
	else
		n = strcspn(b, "; \t");
	if (n == 0 || n > BOUNDARY)
		return malformed(e, "the boundary must have 1 to 70 "
		    "characters");
	memcpy(m->delim, "\r\n--", 4);
	memcpy(m->delim + 4, b, n);
	m->ndelim = n + 4;
	return 0;
}

int
multipart_open(struct arena *a, const char *type,
    const struct multipart_source *src, struct multipart **out, struct err *e)
{
	struct multipart *m;

	*out = NULL;
	if (type == NULL || strncasecmp(type, "multipart/form-data", 19) != 0)
		return 0;
	m = arena_alloc(a, sizeof(*m));
	m->src = *src;
	memcpy(m->window, "\r\n", 2);
	m->have = 2;
	if (set_boundary(m, type, e) == -1)
		return -1;
	*out = m;
	return 0;
}

/* Moves the unread bytes to the front and reads more behind them. */
static int
fill(struct multipart *m, struct err *e)
{
	long got;

	memmove(m->window, m->window + m->at, m->have - m->at);
	m->have -= m->at;
	m->at = 0;
	if (m->have == WINDOW)
		return malformed(e, "the headers of a part are too long");
	got = m->src.read(m->src.arg, m->window + m->have, WINDOW - m->have, e);
	if (got == -1)
		return -1;
	if (got == 0)
		return malformed(e, "it ended before its last boundary");
	m->have += (size_t)got;
	return 0;
}

/* Bytes in the window that surely belong in front of the next delimiter;
 * *hit tells whether the delimiter follows them. */
static size_t
before_delimiter(const struct multipart *m, bool *hit)
{
	const char *p = m->window + m->at;
	size_t n = m->have - m->at;
	const char *d = memmem(p, n, m->delim, m->ndelim);

	*hit = d != NULL;
	if (d != NULL)
		return (size_t)(d - p);
	return n >= m->ndelim ? n - m->ndelim + 1 : 0;
}

/* Behind a delimiter: "--" ends the body, a line end begins a part. */
static int
after_delimiter(struct multipart *m, struct err *e)
{
	const char *p;

	m->at += m->ndelim;
	while (m->have - m->at < 2)
		if (fill(m, e) == -1)
			return -1;
	p = m->window + m->at;
	if (p[0] == '-' && p[1] == '-') {
		m->state = DONE;
		return 0;
	}
	if (p[0] != '\r' || p[1] != '\n')
		return malformed(e, "no line end after a boundary");
	m->state = HEADERS;	/* the CRLF stays: headers may be empty */
	return 0;
}

/* Reads on to the end of the part's headers; a file begins its content. */
static int
read_headers(struct multipart *m, struct err *e)
{
	const char *p, *end, *name;

	for (;;) {
		p = m->window + m->at;
		end = memmem(p, m->have - m->at, "\r\n\r\n", 4);
		if (end != NULL)
			break;
		if (fill(m, e) == -1)
			return -1;
	}
	name = memmem(p, (size_t)(end - p), "filename", 8);
	m->at = (size_t)(end - m->window) + 2;
	m->state = name != NULL ? CONTENT : BETWEEN;
	if (m->state == CONTENT)
		m->at += 2;
	return 0;
}

/* Passes over what is not a file, up to the content of one. */
static int
find_file(struct multipart *m, struct err *e)
{
	bool hit;

	while (m->state == BETWEEN || m->state == HEADERS) {
		if (m->state == HEADERS) {
			if (read_headers(m, e) == -1)
				return -1;
			continue;
		}
		m->at += before_delimiter(m, &hit);
		if (hit ? after_delimiter(m, e) == -1 : fill(m, e) == -1)
			return -1;
		if (m->state == DONE)
			return err_set(e, 422, "multipart",
			    "No part of the form is a file");
	}
	return 0;
}

long
multipart_read(struct multipart *m, void *buf, size_t n, struct err *e)
{
	size_t k;
	bool hit;

	if (find_file(m, e) == -1)
		return -1;
	while (m->state == CONTENT) {
		k = before_delimiter(m, &hit);
		if (k > n)
			k = n;
		if (k > 0) {
			memcpy(buf, m->window + m->at, k);
			m->at += k;
			return (long)k;
		}
		if (hit ? after_delimiter(m, e) == -1 : fill(m, e) == -1)
			return -1;
		if (hit)
			m->state = DONE;	/* one file is enough */
	}
	return 0;
}
