/*
 * Bars out of a file. A bar that is none, or out of order, ends the reading:
 * a backtest on half a file would look like one on all of it.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/number.h"
#include "base/vec.h"
#include "schema/csv.h"
#include "modules/trade/bar.h"
#include "modules/trade/series_file.h"

#define DAY_US INT64_C(86400000000)
#define ROW_CAP ((size_t)8 << 20)

struct reading {
	struct arena *a, *row;
	VEC(struct utc) at;
	VEC(struct trade_ohlcv) bars;
	VEC(struct trade_candle_bar) units;
};

/* "2026-01-03", with a time to the minute or the second; seconds or
 * milliseconds since 1970. UTC unless it says so. */
static int
instant(struct arena *a, const char *text, struct utc *at)
{
	size_t n = strlen(text);
	int64_t number;

	if (num_i64(text, n, &number) == NUM_OK && n >= 9) {
		at->us = n > 11 ? number * 1000 : number * US_PER_S;
		return n > 14 ? -1 : 0;
	}
	if (n == 16 && text[13] == ':')
		text = arena_printf(a, "%s:00", text);
	return clock_parse(text, at);
}

static int
bad(struct err *e, size_t line, const char *what)
{
	return err_set(e, 422, "bar", "Line %zu: %s", line, what);
}

static int
check(const struct trade_ohlcv *b, size_t line, struct err *e)
{
	if (!(b->l > 0) || b->h * 1e8 > (double)TRADE_UNITS_MAX)
		return bad(e, line, "A price is above 0 and at most 40 million");
	if (b->l > fmin(b->o, b->c) || b->h < fmax(b->o, b->c))
		return bad(e, line, "Open and close lie between low and high");
	if (b->v < 0)
		return bad(e, line, "A volume is not negative");
	return 0;
}

static int
cells_of(struct reading *r, const struct pair *cells, size_t n, size_t line,
    struct trade_ohlcv *b, struct utc *at, struct err *e)
{
	static const char *const names[] = {
		"open", "high", "low", "close", "volume"
	};
	double *const out[] = { &b->o, &b->h, &b->l, &b->c, &b->v };
	unsigned seen = 0;

	at->us = (int64_t)r->at.n * DAY_US;
	for (size_t i = 0; i < n; i++) {
		const char *name = trade_bar_column(cells[i].name);
		const char *v = cells[i].value;

		if (name == NULL)
			continue;
		if (strcmp(name, "at") == 0 && instant(r->row, v, at) == -1)
			return bad(e, line, "no time in the column of times");
		for (unsigned k = 0; k < 5; k++) {
			if (strcmp(name, names[k]) != 0)
				continue;
			if (num_real(v, strlen(v), out[k]) != NUM_OK)
				return bad(e, line, arena_printf(r->row,
				    "%s is not a number", name));
			seen |= 1u << k;
		}
	}
	for (unsigned k = 0; k < 4; k++)
		if ((seen >> k & 1) == 0)
			return bad(e, line, arena_printf(r->row,
			    "there is no column %s", names[k]));
	return check(b, line, e);
}

static int64_t
units(double price)
{
	return llround(price * 1e8);
}

static int
add(struct reading *r, const struct pair *cells, size_t n, size_t line,
    struct err *e)
{
	struct trade_ohlcv b = { .v = 0 };
	struct utc at;

	if (cells_of(r, cells, n, line, &b, &at, e) == -1)
		return -1;
	if (r->at.n > 0 && at.us <= r->at.v[r->at.n - 1].us)
		return bad(e, line, "not later than the line before");
	if (r->at.n == TRADE_BARS_MAX)
		return err_set(e, 422, "too_many_bars", "More than %d bars",
		    TRADE_BARS_MAX);
	*VEC_ADD(r->a, &r->at) = at;
	*VEC_ADD(r->a, &r->bars) = b;
	*VEC_ADD(r->a, &r->units) = (struct trade_candle_bar){ units(b.o),
	    units(b.h), units(b.l), units(b.c) };
	return 0;
}

static int
rows(struct reading *r, FILE *f, struct err *e)
{
	struct arena *head = arena_new(ROW_CAP);
	struct csv *csv;
	int rc = csv_open(&csv, f, head, e);

	while (rc == 0) {
		const struct pair *cells;
		struct arena_mark m = arena_mark(r->row);
		size_t n;

		rc = csv_next(csv, r->row, &cells, &n, e);
		if (rc == 0)
			rc = add(r, cells, n, csv_line(csv), e);
		arena_rewind(r->row, m);
	}
	arena_free(head);
	return rc == 1 ? 0 : -1;
}

static const char *
stem(struct arena *a, const char *path)
{
	const char *base = strrchr(path, '/'), *dot;

	base = base == NULL ? path : base + 1;
	dot = strrchr(base, '.');
	return dot == NULL || dot == base ? arena_strdup(a, base) :
	    arena_strndup(a, base, (size_t)(dot - base));
}

static int
in_file(struct err *e, struct arena *a, const char *name)
{
	const char *what = arena_strdup(a, e->nfields > 0 ?
	    e->fields[0].msg : e->detail);
	int status = e->status;

	err_clear(e);
	return err_set(e, status, "file", "%.80s: %s", name, what);
}

int
trade_series_file(struct arena *a, const char *path, struct trade_series *s,
    const char **name, struct err *e)
{
	bool std = strcmp(path, "-") == 0;
	struct reading r = { .a = a };
	FILE *f = std ? stdin : fopen(path, "re");
	int rc;

	*name = std ? "stdin" : stem(a, path);
	if (f == NULL)
		return err_set(e, 404, "file", "%.80s: %s", path,
		    strerror(errno));
	r.row = arena_new(ROW_CAP);
	rc = rows(&r, f, e);
	arena_free(r.row);
	if (!std)
		fclose(f);
	*s = (struct trade_series){ r.at.v, r.bars.v, r.units.v, r.at.n,
	    NULL };
	if (rc == 0 && r.at.n == 0)
		rc = err_set(e, 422, "no_bars", "No bars");
	return rc == -1 ? in_file(e, a, path) : 0;
}
