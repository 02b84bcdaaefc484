/*
 * CSV in (RFC 4180), one row at a time: quoted cells may hold commas, quotes
 * and line ends; a bare quote inside an unquoted cell, text after a closing
 * quote, control characters and invalid UTF-8 are errors. No line is longer
 * than CSV_MAX_LINE and no row wider than the header, so memory is bounded by
 * the reader, not by the file.
 *
 * The apostrophe that our own export puts before = + - @ TAB CR is taken off
 * again.
 */
#include <string.h>

#include "base/arena.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/str.h"
#include "schema/csv.h"

struct csv {
	FILE *f;
	struct arena *a;	/* the header's */
	const char *comment;	/* "" when there is none */
	const char **names;
	size_t ncols;
	size_t line;		/* lines read so far */
	size_t row;		/* first line of the row last returned */
};

/* One row being read. */
struct row {
	struct csv *c;
	struct arena *a;
	struct err *err;
	struct str cell;
	const char *cells[CSV_MAX_CELLS];
	size_t n;
	size_t bytes;
};

static int
bad(const struct row *r, const char *what)
{
	return err_set(r->err, 422, "bad_csv", "line %zu, column %zu: %s",
	    r->c->line + 1, r->n + 1, what);
}

static bool
defused(const char *s)
{
	const char *first = s + strspn(s, "'");

	return first > s && *first != '\0' && strchr("=+-@\t\r", *first);
}

static int
end_cell(struct row *r)
{
	const char *s = r->cell.p;

	if (!utf8_valid(s, r->cell.len))
		return bad(r, "text is not valid UTF-8");
	if (r->n == CSV_MAX_CELLS)
		return bad(r, "too many columns");
	r->cells[r->n++] = arena_strdup(r->a, defused(s) ? s + 1 : s);
	r->cell.len = 0;
	r->cell.p[0] = '\0';
	return 0;
}

/* Next byte, counted; EOF at the end, -2 when the row is too long. */
static int
next_byte(struct row *r)
{
	int c = getc_unlocked(r->c->f);

	if (c != EOF && ++r->bytes > CSV_MAX_LINE)
		return -2;
	return c;
}

/* Inside quotes, after the opening one; returns the byte after the closing
 * quote, or -2 with the error set. */
static int
quoted(struct row *r)
{
	int c;

	for (;;) {
		if ((c = next_byte(r)) == -2)
			break;
		if (c == EOF) {
			bad(r, "quoted text does not end");
			return -2;
		}
		if (c == '"' && (c = next_byte(r)) != '"')
			return c == -2 ? (bad(r, "line is too long"), -2) : c;
		if (c == '\0') {
			bad(r, "NUL in text");
			return -2;
		}
		if (c == '\n')
			r->c->line++;
		str_addc(&r->cell, (char)c);
	}
	bad(r, "line is too long");
	return -2;
}

/* Any cell; *end is what followed it: ',' '\n' or EOF. */
static int
read_cell(struct row *r, int *end)
{
	int c = next_byte(r);

	if (c == '"') {
		if ((c = quoted(r)) == -2)
			return -1;
		if (c == '\r' && (c = next_byte(r)) != '\n')
			return bad(r, "carriage return in text");
		if (c != ',' && c != '\n' && c != EOF)
			return bad(r, "text after the closing quote");
	} else for (; c != ',' && c != '\n' && c != EOF; c = next_byte(r)) {
		if (c == -2)
			return bad(r, "line is too long");
		if (c == '"')
			return bad(r, "quote inside unquoted text");
		if (c == '\0')
			return bad(r, "NUL in text");
		if (c == '\r') {
			if ((c = next_byte(r)) == '\n' || c == EOF)
				break;
			return bad(r, "carriage return in text");
		}
		str_addc(&r->cell, (char)c);
	}
	*end = c;
	return end_cell(r);
}

/* 0 row in r, 1 end of file, -1 error. */
static int
read_row(struct row *r)
{
	int c = getc_unlocked(r->c->f), end;

	if (c == EOF)
		return 1;
	ungetc(c, r->c->f);
	str_init(&r->cell, r->a);
	do {
		if (read_cell(r, &end) == -1)
			return -1;
	} while (end == ',');
	r->c->line++;
	if (ferror(r->c->f))
		return err_set(r->err, 500, "csv_read", "cannot read line %zu",
		    r->c->line);
	return 0;
}

static int
skip_mark(struct row *r)
{
	int c = getc_unlocked(r->c->f);

	if (c != 0xef) {
		if (c != EOF)
			ungetc(c, r->c->f);
		return 0;
	}
	if (getc_unlocked(r->c->f) == 0xbb && getc_unlocked(r->c->f) == 0xbf)
		return 0;
	return bad(r, "the byte order mark is incomplete");
}

/* Lines with '#' before the header. */
static int
read_comments(struct row *r)
{
	struct str text;
	int c;

	str_init(&text, r->a);
	while ((c = getc_unlocked(r->c->f)) == '#') {
		if (text.len > 0)
			str_addc(&text, '\n');
		while ((c = next_byte(r)) != '\n' && c != EOF) {
			if (c == -2 || c == '\0')
				return bad(r, c == '\0' ? "NUL in text" :
				    "line is too long");
			if (c != '\r')
				str_addc(&text, (char)c);
		}
		r->c->line++;
		r->bytes = 0;
	}
	if (c != EOF)
		ungetc(c, r->c->f);
	if (!utf8_valid(text.p, text.len))
		return bad(r, "text is not valid UTF-8");
	r->c->comment = text.p;
	return 0;
}

static int
read_header(struct csv *c, struct row *r)
{
	size_t i, k;
	int rc;

	if ((rc = read_row(r)) != 0)
		return rc == -1 ? -1 : bad(r, "the header line is missing");
	c->ncols = r->n;
	c->names = arena_array(c->a, r->n, sizeof(*c->names));
	for (i = 0; i < r->n; i++) {
		c->names[i] = r->cells[i];
		for (k = 0; k < i; k++)
			if (strcmp(c->names[k], c->names[i]) == 0)
				return err_set(r->err, 422, "bad_csv",
				    "line %zu, column %zu: name \"%.64s\" is "
				    "used twice", c->line, i + 1,
				    c->names[i]);
	}
	return 0;
}

int
csv_open(struct csv **out, FILE *f, struct arena *a, struct err *err)
{
	struct csv *c = arena_alloc(a, sizeof(*c));
	struct row r = { .c = c, .a = a, .err = err };

	c->f = f;
	c->a = a;
	if (skip_mark(&r) == -1 || read_comments(&r) == -1 ||
	    read_header(c, &r) == -1)
		return -1;
	*out = c;
	return 0;
}

const char *
csv_comment(const struct csv *c)
{
	return c->comment;
}

size_t
csv_line(const struct csv *c)
{
	return c->row;
}

int
csv_next(struct csv *c, struct arena *a, const struct pair **out, size_t *n,
    struct err *err)
{
	struct row r = { .c = c, .a = a, .err = err };
	struct pair *pairs;
	size_t i;
	int rc;

	c->row = c->line + 1;
	if ((rc = read_row(&r)) != 0)
		return rc;
	if (r.n != c->ncols)
		return err_set(err, 422, "csv_cells", "line %zu: %zu cells, the "
		    "header has %zu", c->row, r.n, c->ncols);
	pairs = arena_array(a, r.n, sizeof(*pairs));
	for (i = 0; i < r.n; i++)
		pairs[i] = (struct pair){ c->names[i], r.cells[i] };
	*out = pairs;
	*n = r.n;
	return 0;
}
