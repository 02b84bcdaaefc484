/*
 * Bars: open, high, low, close and volume of a span of time that begins at
 * `at`. Stored once per instrument, timeframe and time; a correction counts
 * the version up.
 */
#ifndef TRADE_BAR_H
#define TRADE_BAR_H

#include "db/db.h"
#include "db/table.h"
#include "http/route.h"
#include "modules/trade/backtest.h"
#include "modules/trade/instrument.h"

enum { TRADE_BARS_MAX = 5000000 };	/* of one series in memory */

struct trade_bar {
	struct utc at;
	struct dec open, high, low, close, volume;
	int64_t version;
};
extern const struct schema trade_bar_schema;
extern const struct query *const trade_bar_queries[];
extern const struct table trade_bar_tables[];
extern const struct route trade_bar_routes[];
extern const char *const trade_timeframes[];

/* A row of a file: with its symbol and timeframe. */
struct trade_bar_row {
	const char *symbol, *exchange, *timeframe;
	struct utc at;
	struct dec open, high, low, close, volume;
};
extern const struct schema trade_bar_row_schema;
extern const struct query trade_bar_export;

/* -1 and 422 when it is no bar: high below low or outside them, a price not
 * above 0 or beyond 40 million. */
int trade_bar_check(const struct trade_bar *, struct err *);
/* Up to 1,000 bars in one statement; *changed counts new and corrected. */
int trade_bar_put(struct db *, int64_t instrument, const char *timeframe,
    const struct trade_bar *, size_t n, struct arena *, uint64_t *changed,
    struct err *);
/* Bars of many series in one statement. only_new: what is stored stays. */
struct trade_bar_of {
	int64_t instrument;
	const char *timeframe;
	struct trade_bar bar;
};
int trade_bar_put_many(struct db *, struct arena *,
    const struct trade_bar_of *, size_t n, bool only_new, struct err *);
/* 0 found, 1 none. lock: until the transaction ends. */
int trade_bar_get(struct db *, struct arena *, int64_t instrument,
    const char *timeframe, struct utc at, bool lock, struct trade_bar *,
    struct err *);
/* Oldest first, from ≤ at < to (0 = open), at most limit (≤ 10,000). */
int trade_bar_range(struct db *, struct arena *, int64_t instrument,
    const char *timeframe, struct utc from, struct utc to, int64_t limit,
    struct rows *, struct err *);
int trade_bar_import(struct db *, struct arena *, struct uuid tenant,
    const void *row, bool *changed, struct err *);
/* Newest first below `before` (0 = the newest). */
int trade_bar_page(struct db *, struct arena *, int64_t instrument,
    const char *timeframe, struct utc from, struct utc before, int64_t limit,
    struct rows *, struct err *);
/* A whole series, oldest first, from ≤ at < to (0 = open). 422 when there are
 * more than TRADE_BARS_MAX. */
int trade_bar_series(struct db *, struct arena *, int64_t instrument,
    const char *timeframe, struct utc from, struct utc to,
    struct trade_series *, struct err *);

/* CSV with the columns at|date|time|timestamp, open, high, low, close and
 * volume. Names the line that is wrong; nothing after it is stored, batches
 * before it are. */
struct trade_bar_report {
	int64_t rows, changed;
};
extern const struct schema trade_bar_report_schema;
/* What a column of an export of other programs is called here ("Date" is
 * "at"); NULL: nothing of ours. */
const char *trade_bar_column(const char *name);
struct trade_bar_source {
	long (*read)(void *arg, void *buf, size_t n, struct err *);
	void *arg;
};
int trade_bar_upload(struct db *, struct arena *, int64_t instrument,
    const char *timeframe, const struct trade_bar_source *,
    struct trade_bar_report *, struct err *);

/* The same of a JSON array, at most 64 MiB: of arrays (time, open, high, low,
 * close, volume), or of objects with these members (or date, timestamp, t, o,
 * h, l, c, v). Times are ISO, or seconds to nanoseconds since 1970; prices with
 * more than eight places are rounded. */
int trade_bar_upload_json(struct db *, struct arena *, int64_t instrument,
    const char *timeframe, const struct trade_bar_source *,
    struct trade_bar_report *, struct err *);
/* Longer bars of a stored series, stored beside it; what is not whole at its
 * ends is left out. Outside a transaction. 422: not a longer timeframe. */
int trade_bar_resample_all(struct db *, struct arena *,
    const struct trade_instrument *, const char *from_timeframe,
    const char *timeframe, struct utc from, struct utc to,
    struct trade_bar_report *, struct err *);
extern const struct route trade_resample_routes[];

/* What the routes share: symbol, exchange, timeframe, from, to. */
struct trade_series_in {
	const char *symbol, *exchange, *timeframe;
	struct utc from, to;
};
#define TRADE_SERIES_FIELDS(T, at) \
	FIELD_IN(T, at, symbol, .flags = FF_REQUIRED, .min = 1, .max = 32, \
	    TRADE_SYMBOL, .example = "\"GOOG\"", .doc = "Symbol"), \
	FIELD_IN(T, at, exchange, .max = 16, .def = "\"\"", \
	    .doc = "Exchange, where the symbol alone does not say"), \
	FIELD_IN(T, at, timeframe, .oneof = trade_timeframes, \
	    .def = "\"1d\"", .doc = "Length of a bar"), \
	FIELD_IN(T, at, from, .flags = FF_NULLABLE, .doc = "First bar"), \
	FIELD_IN(T, at, to, .flags = FF_NULLABLE, .doc = "Before this time")
/* Finds the instrument and reads its bars. 404 without the instrument. */
int trade_series_load(struct db *, struct arena *, struct uuid tenant,
    const struct trade_series_in *, struct trade_instrument *,
    struct trade_series *, struct err *);

#endif
