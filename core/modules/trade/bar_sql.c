/*
 * Rows of bars. All SQL on trade_bar is here. A bar that comes again as it
 * was changes nothing; a different one replaces it and counts its version.
 */
#include <string.h>

#include "base/err.h"
#include "modules/trade/bar.h"

const char *const trade_timeframes[] = {
	"1m", "5m", "15m", "30m", "1h", "4h", "1d", "1w", NULL
};

#define B struct trade_bar
static const struct field fields[] = {
	FIELD(B, at, .flags = FF_REQUIRED, .doc = "Where it begins"),
	FIELD(B, open, .flags = FF_REQUIRED, .doc = "First price"),
	FIELD(B, high, .flags = FF_REQUIRED, .doc = "Highest price"),
	FIELD(B, low, .flags = FF_REQUIRED, .doc = "Lowest price"),
	FIELD(B, close, .flags = FF_REQUIRED, .doc = "Last price"),
	FIELD(B, volume, .def = "0", .doc = "Units traded"),
	FIELD(B, version, .flags = FF_READONLY,
	    .doc = "1, and one more for each correction"),
	FIELD_END
};
const struct schema trade_bar_schema = {
	.name = "Bar", .doc = "A span of time in a market",
	.size = sizeof(B), .fields = fields
};

#define R struct trade_bar_row
static const struct field row_fields[] = {
	FIELD(R, symbol, .flags = FF_REQUIRED | FF_KEY, .min = 1, .max = 32,
	    TRADE_SYMBOL, .doc = "Symbol"),
	FIELD(R, exchange, .flags = FF_KEY, .max = 16, .def = "\"\"",
	    .doc = "Exchange"),
	FIELD(R, timeframe, .flags = FF_REQUIRED | FF_KEY,
	    .oneof = trade_timeframes, .doc = "Length"),
	FIELD(R, at, .flags = FF_REQUIRED | FF_KEY, .doc = "Begin"),
	FIELD(R, open, .flags = FF_REQUIRED, .doc = "First price"),
	FIELD(R, high, .flags = FF_REQUIRED, .doc = "Highest price"),
	FIELD(R, low, .flags = FF_REQUIRED, .doc = "Lowest price"),
	FIELD(R, close, .flags = FF_REQUIRED, .doc = "Last price"),
	FIELD(R, volume, .def = "0", .doc = "Units traded"),
	FIELD_END
};
const struct schema trade_bar_row_schema = {
	.name = "BarRow", .doc = "A bar with its symbol",
	.size = sizeof(R), .fields = row_fields
};

#define COLUMNS "at, open, high, low, close, volume, version"

static const struct query BAR_PUT = { "trade_bar.put",
	"INSERT INTO trade_bar (instrument_id, timeframe, at, open, high, "
	"low, close, volume) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY "
	"UPDATE version = version + (open <> VALUE(open) OR high <> "
	"VALUE(high) OR low <> VALUE(low) OR close <> VALUE(close) OR volume "
	"<> VALUE(volume)), open = VALUE(open), high = VALUE(high), low = "
	"VALUE(low), close = VALUE(close), volume = VALUE(volume)", NULL };
static const struct query BAR_ADD = { "trade_bar.add",
	"INSERT INTO trade_bar (instrument_id, timeframe, at, open, high, "
	"low, close, volume) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY "
	"UPDATE version = trade_bar.version", NULL };
static const struct query BAR_GET = { "trade_bar.get",
	"SELECT " COLUMNS " FROM trade_bar WHERE instrument_id = ? AND "
	"timeframe = ? AND at = ? LIMIT 1", &trade_bar_schema };
static const struct query BAR_LOCK = { "trade_bar.lock",
	"SELECT " COLUMNS " FROM trade_bar WHERE instrument_id = ? AND "
	"timeframe = ? AND at = ? LIMIT 1 FOR UPDATE", &trade_bar_schema };
static const struct query BAR_RANGE = { "trade_bar.range",
	"SELECT " COLUMNS " FROM trade_bar WHERE instrument_id = ? AND "
	"timeframe = ? AND at >= COALESCE(?, '1000-01-01') AND at < "
	"COALESCE(?, '9999-12-31') ORDER BY at LIMIT ?", &trade_bar_schema };
static const struct query BAR_PAGE = { "trade_bar.page",
	"SELECT " COLUMNS " FROM trade_bar WHERE instrument_id = ? AND "
	"timeframe = ? AND at >= COALESCE(?, '1000-01-01') AND at < "
	"COALESCE(?, '9999-12-31') ORDER BY at DESC LIMIT ?",
	&trade_bar_schema };
static const struct query BAR_SERIES = { "trade_bar.series",
	"SELECT " COLUMNS " FROM trade_bar WHERE instrument_id = ? AND "
	"timeframe = ? AND at >= COALESCE(?, '1000-01-01') AND at < "
	"COALESCE(?, '9999-12-31') ORDER BY at LIMIT 5000001",
	&trade_bar_schema };
const struct query trade_bar_export = { "trade_bar.export",
	"SELECT i.symbol, i.exchange, b.timeframe, b.at, b.open, b.high, "
	"b.low, b.close, b.volume FROM trade_instrument i JOIN trade_bar b "
	"ON b.instrument_id = i.id WHERE i.tenant_id = ? ORDER BY i.id, "
	"b.timeframe, b.at", &trade_bar_row_schema };

const struct query *const trade_bar_queries[] = {
	&BAR_PUT, &BAR_ADD, &BAR_GET, &BAR_LOCK, &BAR_RANGE, &BAR_PAGE,
	&BAR_SERIES, &trade_bar_export, NULL
};

const struct table trade_bar_tables[] = {
	{ .name = "trade_bar", .row = &trade_bar_schema,
	  .sql_only = (const char *const[]){ "instrument_id", "timeframe",
	  NULL }, .snapshot = SNAP_FULL },
	{ .name = NULL }
};

int
trade_bar_check(const B *b, struct err *e)
{
	int64_t low = b->open.e8 < b->close.e8 ? b->open.e8 : b->close.e8;
	int64_t high = b->open.e8 < b->close.e8 ? b->close.e8 : b->open.e8;

	if (b->low.e8 <= 0 || b->high.e8 > TRADE_UNITS_MAX)
		return err_set(e, 422, "bar",
		    "A price is above 0 and at most 40 million");
	if (b->low.e8 > low || b->high.e8 < high)
		return err_set(e, 422, "bar",
		    "Open and close lie between low and high");
	if (b->volume.e8 < 0)
		return err_set(e, 422, "bar", "A volume is not negative");
	return 0;
}

static void
bar_row(struct val *r, int64_t instrument, const char *timeframe, const B *b)
{
	r[0] = V(instrument), r[1] = V(timeframe), r[2] = V(b->at);
	r[3] = V(b->open), r[4] = V(b->high), r[5] = V(b->low);
	r[6] = V(b->close), r[7] = V(b->volume);
}

int
trade_bar_put_many(struct db *db, struct arena *a,
    const struct trade_bar_of *b, size_t n, bool only_new, struct err *e)
{
	struct val *v = arena_array(a, n * 8, sizeof(*v));

	for (size_t i = 0; i < n; i++)
		bar_row(v + 8 * i, b[i].instrument, b[i].timeframe,
		    &b[i].bar);
	return n == 0 ? 0 : db_exec_many(db, only_new ? &BAR_ADD : &BAR_PUT,
	    v, 8, n, NULL, e);
}

int
trade_bar_get(struct db *db, struct arena *a, int64_t instrument,
    const char *timeframe, struct utc at, bool lock, B *out, struct err *e)
{
	return db_one(db, a, lock ? &BAR_LOCK : &BAR_GET, ARGS(V(instrument),
	    V(timeframe), V(at)), out, e);
}

int
trade_bar_range(struct db *db, struct arena *a, int64_t instrument,
    const char *timeframe, struct utc from, struct utc to, int64_t limit,
    struct rows *out, struct err *e)
{
	return db_all(db, a, &BAR_RANGE, ARGS(V(instrument), V(timeframe),
	    V(from), V(to), V(limit)), out, e);
}

int
trade_bar_put(struct db *db, int64_t instrument, const char *timeframe,
    const B *b, size_t n, struct arena *a, uint64_t *changed, struct err *e)
{
	struct val *v = arena_array(a, n * 8, sizeof(*v));
	uint64_t rows = 0;

	for (size_t i = 0; i < n; i++)
		bar_row(v + 8 * i, instrument, timeframe, &b[i]);
	if (n > 0 && db_exec_many(db, &BAR_PUT, v, 8, n, &rows, e) == -1)
		return -1;
	*changed = rows;
	return 0;
}

int
trade_bar_page(struct db *db, struct arena *a, int64_t instrument,
    const char *timeframe, struct utc from, struct utc before, int64_t limit,
    struct rows *out, struct err *e)
{
	return db_all(db, a, &BAR_PAGE, ARGS(V(instrument), V(timeframe),
	    V(from), V(before), V(limit)), out, e);
}

/* ---- a whole series --------------------------------------------------------------- */

enum { PIECE = 4096 };

/* Bars are counted by reading them: they are kept in pieces of an arena of
 * their own until their number is known. Growing arrays would leave as much
 * again behind in the caller's. */
struct piece {
	struct piece *next;
	size_t n;
	struct utc at[PIECE];
	struct trade_ohlcv bars[PIECE];
	struct trade_candle_bar units[PIECE];
};
struct gather {
	struct arena *a;
	struct piece *first, *last;
	size_t n;
};

static double
real(struct dec d)
{
	return (double)d.e8 / 1e8;
}

static void
grow(struct gather *g)
{
	struct piece *p = arena_alloc(g->a, sizeof(*p));

	if (g->last == NULL)
		g->first = p;
	else
		g->last->next = p;
	g->last = p;
}

static int
add(void *arg, const void *row, struct err *e)
{
	struct gather *g = arg;
	const B *b = row;
	struct piece *p;

	if (g->n == TRADE_BARS_MAX)
		return err_set(e, 422, "too_many_bars", "More than %d bars: "
		    "choose a shorter time or a longer bar", TRADE_BARS_MAX);
	if (g->n++ % PIECE == 0)
		grow(g);
	p = g->last;
	p->at[p->n] = b->at;
	p->bars[p->n] = (struct trade_ohlcv){ real(b->open), real(b->high),
	    real(b->low), real(b->close), real(b->volume) };
	p->units[p->n++] = (struct trade_candle_bar){ b->open.e8, b->high.e8,
	    b->low.e8, b->close.e8 };
	return 0;
}

static void
join(struct arena *a, const struct gather *g, struct trade_series *out)
{
	struct utc *at = arena_array(a, g->n, sizeof(*at));
	struct trade_ohlcv *bars = arena_array(a, g->n, sizeof(*bars));
	struct trade_candle_bar *units = arena_array(a, g->n, sizeof(*units));
	size_t n = 0;

	for (const struct piece *p = g->first; p != NULL; p = p->next) {
		memcpy(at + n, p->at, p->n * sizeof(*at));
		memcpy(bars + n, p->bars, p->n * sizeof(*bars));
		memcpy(units + n, p->units, p->n * sizeof(*units));
		n += p->n;
	}
	*out = (struct trade_series){ at, bars, units, n, NULL };
}

int
trade_bar_series(struct db *db, struct arena *a, int64_t instrument,
    const char *timeframe, struct utc from, struct utc to,
    struct trade_series *out, struct err *e)
{
	/* db_each() rewinds the arena it is given after each row. */
	struct arena *rows = arena_new((size_t)1 << 20);
	struct gather g = { .a = arena_new((size_t)TRADE_BARS_MAX * 100) };
	int rc = db_each(db, rows, &BAR_SERIES, ARGS(V(instrument),
	    V(timeframe), V(from), V(to)), add, &g, e);

	arena_free(rows);
	join(a, &g, out);
	arena_free(g.a);
	return rc == -1 ? -1 : 0;
}
