/*
 * Longer bars out of a stored series, a page of bars at a time. The last bar
 * of a page may go on in the next one, so that it is made again from there.
 */
#include "base/arena.h"
#include "base/err.h"
#include "modules/trade/bar_build.h"

enum { PAGE = 10000 };

/* First source bar of the last bar that was made. */
static struct utc
last_begins(const struct trade_hours *h, int tf, const struct rows *rows,
    struct utc last)
{
	size_t i = rows->n;

	while (i > 1 && trade_bar_start(h, tf, ROW(rows, struct trade_bar,
	    i - 2)->at).us == last.us)
		i--;
	return ROW(rows, struct trade_bar, i - 1)->at;
}

static int
page(struct db *db, struct arena *a, const struct trade_instrument *i,
    const struct trade_hours *h, int source, int target, struct utc *from,
    struct utc to, bool first, bool *more, struct trade_bar_report *out,
    struct err *e)
{
	struct trade_bar *made;
	unsigned ragged;
	struct rows rows;
	uint64_t changed;
	size_t n, skip;

	if (trade_bar_range(db, a, i->id, trade_timeframe_names[source],
	    *from, to, PAGE, &rows, e) == -1)
		return -1;
	*more = rows.n == PAGE;
	made = arena_array(a, rows.n + 1, sizeof(*made));
	n = trade_bar_resample(h, source, target, rows.v, rows.n, made,
	    &ragged);
	if (n == 0)
		return 0;
	skip = first && ragged & 1;
	if (*more && n == 1)
		return err_set(e, 422, "timeframe", "Too many bars in one");
	if (*more)
		*from = last_begins(h, target, &rows, made[n - 1].at);
	if (*more || ragged & 2)
		n--;			/* made again, or not whole */
	if (n <= skip)
		return 0;
	for (size_t k = skip; k < n; k += 1000)
		if (trade_bar_put(db, i->id, trade_timeframe_names[target],
		    made + k, n - k < 1000 ? n - k : 1000, a, &changed, e) ==
		    -1)
			return -1;
		else
			out->changed += (int64_t)changed;
	out->rows += (int64_t)(n - skip);
	return 0;
}

int
trade_bar_resample_all(struct db *db, struct arena *a,
    const struct trade_instrument *i, const char *from_timeframe,
    const char *timeframe, struct utc from, struct utc to,
    struct trade_bar_report *out, struct err *e)
{
	int source = trade_timeframe(from_timeframe),
	    target = trade_timeframe(timeframe);
	bool more = true, first = true;
	struct trade_hours h;

	*out = (struct trade_bar_report){ .rows = 0 };
	if (source == -1 || target <= source)
		return err_set(e, 422, "timeframe",
		    "Bars can only be joined to longer ones");
	if (trade_hours_parse(&h, i->zone, i->hours, i->closed_on, e) == -1)
		return -1;
	for (; more; first = false) {
		struct arena_mark m = arena_mark(a);

		if (page(db, a, i, &h, source, target, &from, to, first,
		    &more, out, e) == -1)
			return -1;
		arena_rewind(a, m);
	}
	return 0;
}
