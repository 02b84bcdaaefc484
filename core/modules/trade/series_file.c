/*
 * Bars out of a file. A bar that is none, or out of order, ends the reading:
 * a backtest on half a file would look like one on all of it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
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
	bool asked, times, volumes;	/* of the header */
};

static void
header(struct reading *r, const struct pair *cells, size_t n)
{
	r->asked = true;
	for (size_t i = 0; i < n; i++) {
		const char *name = trade_bar_column(cells[i].name);

		r->times = r->times || (name != NULL &&
		    strcmp(name, "at") == 0);
		r->volumes = r->volumes || (name != NULL &&
		    strcmp(name, "volume") == 0);
	}
}

static double
real(struct dec d)
{
	return (double)d.e8 / 1e8;
}

static int
add(struct reading *r, const struct pair *cells, size_t n, size_t line,
    struct err *e)
{
	struct pair *all = arena_array(r->row, n + 2, sizeof(*all));
	struct trade_bar b;

	if (!r->asked)
		header(r, cells, n);
	/* Ours go first: the rest may have more columns than are looked at. */
	if (!r->times)
		*all++ = (struct pair){ "at", "1970-01-01" };
	if (!r->volumes)
		*all++ = (struct pair){ "volume", "0" };
	memcpy(all, cells, n * sizeof(*cells));
	all -= !r->times + !r->volumes;
	if (trade_bar_cells(r->row, all, n + !r->times + !r->volumes, line,
	    &b, e) == -1)
		return -1;
	if (!r->times)
		b.at.us = (int64_t)r->at.n * DAY_US;
	if (r->at.n > 0 && b.at.us <= r->at.v[r->at.n - 1].us)
		return err_set(e, 422, "order", "Line %zu: not later than the "
		    "line before", line);
	if (r->at.n == TRADE_BARS_MAX)
		return err_set(e, 422, "too_many_bars", "More than %d bars",
		    TRADE_BARS_MAX);
	*VEC_ADD(r->a, &r->at) = b.at;
	*VEC_ADD(r->a, &r->bars) = (struct trade_ohlcv){ real(b.open),
	    real(b.high), real(b.low), real(b.close), real(b.volume) };
	*VEC_ADD(r->a, &r->units) = (struct trade_candle_bar){ b.open.e8,
	    b.high.e8, b.low.e8, b.close.e8 };
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
	*s = (struct trade_series){ r.at.v, r.bars.v, r.units.v, r.at.n };
	if (rc == 0 && r.at.n == 0)
		rc = err_set(e, 422, "no_bars", "No bars");
	return rc == -1 ? in_file(e, a, path) : 0;
}
