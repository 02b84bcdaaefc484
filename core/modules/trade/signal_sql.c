/*
 * Rows of signals. All SQL on trade_signal is here. Invariant: the unique key
 * makes what was seen one row, whoever tells it how often.
 */
#include <math.h>

#include "base/err.h"
#include "modules/trade/signal.h"

#define S struct trade_signal
static const struct field fields[] = {
	FIELD(S, id, .doc = "Identifier"),
	FIELD(S, tenant_id, .flags = FF_HIDDEN),
	FIELD(S, instrument_id, .doc = "Instrument"),
	FIELD(S, symbol, .doc = "Symbol"),
	FIELD(S, timeframe, .doc = "Length of its bar; tick: seen in ticks"),
	FIELD(S, bar_at, .doc = "Bar, or time of the tick"),
	FIELD(S, source, .doc = "pattern, indicator, tick, strategy, or the "
	    "name of an external engine"),
	FIELD(S, name, .doc = "What was seen"),
	FIELD(S, side, .doc = "buy, sell or neutral"),
	FIELD(S, value, .doc = "Of a candlestick pattern, as TA-Lib"),
	FIELD(S, score, .doc = "-1 (sell) to 1 (buy)"),
	FIELD(S, strength, .doc = "0 to 1"),
	FIELD(S, price, .doc = "Close, or price of the tick"),
	FIELD(S, bar_version, .doc = "Version of the bar it was seen in"),
	FIELD(S, corrected, .doc = "The bar was corrected afterwards"),
	FIELD(S, context, .doc = "Trend, regime, sentiment and more"),
	FIELD(S, ret_1, .flags = FF_NULLABLE,
	    .doc = "Change of the price after one bar, a part"),
	FIELD(S, ret_5, .flags = FF_NULLABLE, .doc = "After five"),
	FIELD(S, ret_20, .flags = FF_NULLABLE, .doc = "After twenty"),
	FIELD(S, created_at, .doc = "When it was stored"),
	FIELD(S, preview, .flags = FF_NOSQL,
	    .doc = "Seen in what is still forming; never a row"),
	FIELD_END
};
const struct schema trade_signal_schema = {
	.name = "Signal", .doc = "Something that speaks for a trade",
	.size = sizeof(S), .fields = fields
};

#define COLUMNS "id, tenant_id, instrument_id, symbol, timeframe, bar_at, " \
	"source, name, side, value, score, strength, price, bar_version, " \
	"corrected, context, ret_1, ret_5, ret_20, created_at"

static const struct query SIGNAL_PAGE = { "trade_signal.page",
	"SELECT " COLUMNS " FROM trade_signal WHERE tenant_id = ? AND id < "
	"COALESCE(?, X'FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF') AND (? = '' OR "
	"timeframe = ?) AND (? = '' OR source = ?) AND ABS(score) >= ? AND "
	"created_at >= COALESCE(?, '1000-01-01') ORDER BY id DESC LIMIT ?",
	&trade_signal_schema };
static const struct query SIGNAL_OF_SYMBOL = { "trade_signal.of_symbol",
	"SELECT " COLUMNS " FROM trade_signal WHERE tenant_id = ? AND symbol "
	"= ? AND id < COALESCE(?, X'FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF') AND "
	"(? = '' OR timeframe = ?) AND (? = '' OR source = ?) AND "
	"ABS(score) >= ? AND created_at >= COALESCE(?, '1000-01-01') ORDER "
	"BY id DESC LIMIT ?", &trade_signal_schema };
static const struct query SIGNAL_BY_ID = { "trade_signal.by_id",
	"SELECT " COLUMNS " FROM trade_signal WHERE tenant_id = ? AND id = ? "
	"LIMIT 1", &trade_signal_schema };
static const struct query SIGNAL_INSERT = { "trade_signal.insert",
	"INSERT IGNORE INTO trade_signal (" COLUMNS ") VALUES (?, ?, ?, ?, "
	"?, ?, ?, ?, ?, ?, ?, ?, ?, ?, FALSE, ?, NULL, NULL, NULL, ?)",
	NULL };
#define CHANGE "(? / price - 1)"
static const struct query SIGNAL_FOLLOW = { "trade_signal.follow",
	"UPDATE trade_signal SET ret_1 = IF(bar_at = ?, " CHANGE ", ret_1), "
	"ret_5 = IF(bar_at = ?, " CHANGE ", ret_5), ret_20 = IF(bar_at = ?, "
	CHANGE ", ret_20) WHERE instrument_id = ? AND timeframe = ? AND "
	"bar_at IN (?, ?, ?)", NULL };
#define MINUTE " >= ? AND bar_at < ? + INTERVAL 1 MINUTE"
static const struct query SIGNAL_FOLLOW_TICKS = {
	"trade_signal.follow_ticks",
	"UPDATE trade_signal SET ret_1 = IF(bar_at" MINUTE ", " CHANGE ", "
	"ret_1), ret_5 = IF(bar_at" MINUTE ", " CHANGE ", ret_5), ret_20 = "
	"IF(bar_at" MINUTE ", " CHANGE ", ret_20) WHERE instrument_id = ? "
	"AND timeframe = 'tick' AND ((bar_at" MINUTE ") OR (bar_at" MINUTE
	") OR (bar_at" MINUTE "))", NULL };
static const struct query SIGNAL_CORRECTED = { "trade_signal.corrected",
	"UPDATE trade_signal SET corrected = TRUE WHERE instrument_id = ? AND "
	"timeframe = ? AND bar_at = ?", NULL };

const struct query *const trade_signal_queries[] = {
	&SIGNAL_PAGE, &SIGNAL_OF_SYMBOL, &SIGNAL_BY_ID, &SIGNAL_INSERT,
	&SIGNAL_FOLLOW, &SIGNAL_FOLLOW_TICKS, &SIGNAL_CORRECTED, NULL
};

const struct table trade_signal_tables[] = {
	{ .name = "trade_signal", .row = &trade_signal_schema,
	  .tenant_column = "tenant_id", .retention_days = 365,
	  .retention_column = "created_at", .snapshot = SNAP_FULL },
	{ .name = NULL }
};

int
trade_signal_page(struct db *db, struct arena *a,
    const struct trade_signal_filter *f, struct rows *out, struct err *e)
{
	if (*f->symbol != '\0')
		return db_all(db, a, &SIGNAL_OF_SYMBOL, ARGS(V(f->tenant),
		    V(f->symbol), V(f->below), V(f->timeframe),
		    V(f->timeframe), V(f->source), V(f->source),
		    V(f->min_score), V(f->since), V(f->limit)), out, e);
	return db_all(db, a, &SIGNAL_PAGE, ARGS(V(f->tenant), V(f->below),
	    V(f->timeframe), V(f->timeframe), V(f->source), V(f->source),
	    V(f->min_score), V(f->since), V(f->limit)), out, e);
}

int
trade_signal_by_id(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, S *out, struct err *e)
{
	return db_one(db, a, &SIGNAL_BY_ID, ARGS(V(tenant), V(id)), out, e);
}

int
trade_signal_insert(struct db *db, const S *s, struct err *e)
{
	uint64_t n;

	if (db_exec(db, &SIGNAL_INSERT, ARGS(V(s->id), V(s->tenant_id),
	    V(s->instrument_id), V(s->symbol), V(s->timeframe), V(s->bar_at),
	    V(s->source), V(s->name), V(s->side), V(s->value), V(s->score),
	    V(s->strength), V(s->price), V(s->bar_version), V(s->context),
	    V(s->created_at)), &n, e) == -1)
		return -1;
	return n == 0;
}

/* A time that no bar has, where there is none: NULL would make IN unknown. */
static struct utc
never(struct utc t)
{
	return t.us != 0 ? t : (struct utc){ 1 };
}

int
trade_signal_follow(struct db *db, int64_t instrument, const char *timeframe,
    const struct utc at[3], struct dec close, struct err *e)
{
	const struct utc t[3] = { never(at[0]), never(at[1]), never(at[2]) };

	return db_exec(db, &SIGNAL_FOLLOW, ARGS(V(t[0]), V(close), V(t[1]),
	    V(close), V(t[2]), V(close), V(instrument), V(timeframe),
	    V(t[0]), V(t[1]), V(t[2])), NULL, e);
}

int
trade_signal_follow_ticks(struct db *db, int64_t instrument,
    const struct utc at[3], struct dec close, struct err *e)
{
	const struct utc t[3] = { never(at[0]), never(at[1]), never(at[2]) };

	return db_exec(db, &SIGNAL_FOLLOW_TICKS, ARGS(V(t[0]), V(t[0]),
	    V(close), V(t[1]), V(t[1]), V(close), V(t[2]), V(t[2]), V(close),
	    V(instrument), V(t[0]), V(t[0]), V(t[1]), V(t[1]), V(t[2]),
	    V(t[2])), NULL, e);
}

int
trade_signal_corrected(struct db *db, int64_t instrument,
    const char *timeframe, struct utc bar_at, struct err *e)
{
	return db_exec(db, &SIGNAL_CORRECTED, ARGS(V(instrument),
	    V(timeframe), V(bar_at)), NULL, e);
}
