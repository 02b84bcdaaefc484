/*
 * Rows of signals. All SQL on trade_signal is here. Invariant: the unique key
 * makes what was seen one row, whoever tells it how often.
 */
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/random.h"
#include "base/str.h"
#include "modules/trade/signal.h"

/* Parameters of a row of the three statements that take many. */
enum { INSERTED = 16, FOLLOWED = 11, FOLLOWED_TICKS = 16 };

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

struct id_row {
	struct uuid id;
};
static const struct field id_fields[] = {
	FIELD(struct id_row, id, .doc = "Id"), FIELD_END
};
static const struct schema id_schema = { .name = "SignalId",
    .doc = "Id of a signal", .size = sizeof(struct id_row),
    .fields = id_fields };

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
static const struct query SIGNAL_FRESH = { "trade_signal.fresh",
	"SELECT s.id FROM JSON_TABLE(?, '$[*]' COLUMNS(id CHAR(32) PATH '$')) "
	"j STRAIGHT_JOIN trade_signal s ON s.id = UNHEX(j.id) LIMIT 10000",
	&id_schema };
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
	&SIGNAL_FRESH, &SIGNAL_FOLLOW, &SIGNAL_FOLLOW_TICKS,
	&SIGNAL_CORRECTED, NULL
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

static void
insert_row(struct val *r, const S *s)
{
	const struct val v[INSERTED] = { V(s->id), V(s->tenant_id),
	    V(s->instrument_id), V(s->symbol), V(s->timeframe), V(s->bar_at),
	    V(s->source), V(s->name), V(s->side), V(s->value), V(s->score),
	    V(s->strength), V(s->price), V(s->bar_version), V(s->context),
	    V(s->created_at) };

	memcpy(r, v, sizeof(v));
}

int
trade_signal_insert(struct db *db, const S *s, struct err *e)
{
	struct val v[INSERTED];
	uint64_t n;

	insert_row(v, s);
	if (db_exec(db, &SIGNAL_INSERT, v, INSERTED, &n, e) == -1)
		return -1;
	return n == 0;
}

/* Asked only when some were known: the rows that have our ids are new. */
static int
find_fresh(struct db *db, struct arena *a, const S *s, size_t n, bool *fresh,
    struct err *e)
{
	char hex[33];
	struct rows rows;
	struct str ids;

	str_init(&ids, a);
	for (size_t i = 0; i < n; i++)
		str_addf(&ids, "%c\"%s\"", i == 0 ? '[' : ',',
		    hex_encode(s[i].id.b, sizeof(s[i].id.b), hex));
	str_addc(&ids, ']');
	if (db_all(db, a, &SIGNAL_FRESH, ARGS(V((const char *)ids.p)), &rows,
	    e) == -1)
		return -1;
	for (size_t i = 0; i < n; i++) {
		fresh[i] = false;
		for (size_t k = 0; k < rows.n && !fresh[i]; k++)
			fresh[i] = uuid_equal(ROW(&rows, struct id_row,
			    k)->id, s[i].id);
	}
	return 0;
}

int
trade_signal_insert_many(struct db *db, struct arena *a, const S *s,
    size_t n, bool *fresh, struct err *e)
{
	struct val *v = arena_array(a, n * INSERTED, sizeof(*v));
	uint64_t made;

	for (size_t i = 0; i < n; i++) {
		insert_row(v + INSERTED * i, &s[i]);
		fresh[i] = true;
	}
	if (n == 0)
		return 0;
	if (db_exec_many(db, &SIGNAL_INSERT, v, INSERTED, n, &made, e) == -1)
		return -1;
	return made == n ? 0 : find_fresh(db, a, s, n, fresh, e);
}

/* A time that no bar has, where there is none: NULL would make IN unknown. */
static struct utc
never(struct utc t)
{
	return t.us != 0 ? t : (struct utc){ 1 };
}

int
trade_signal_follow(struct db *db, struct arena *a,
    const struct trade_followed *f, size_t n, struct err *e)
{
	struct val *v = arena_array(a, n * FOLLOWED + 1, sizeof(*v));

	for (size_t i = 0; i < n; i++, f++) {
		const struct utc t[3] = { never(f->at[0]), never(f->at[1]),
		    never(f->at[2]) };
		const struct val row[FOLLOWED] = { V(t[0]), V(f->close),
		    V(t[1]), V(f->close), V(t[2]), V(f->close),
		    V(f->instrument), V(f->timeframe), V(t[0]), V(t[1]),
		    V(t[2]) };

		memcpy(v + FOLLOWED * i, row, sizeof(row));
	}
	return n == 0 ? 0 : db_exec_many(db, &SIGNAL_FOLLOW, v, FOLLOWED, n,
	    NULL, e);
}

int
trade_signal_follow_ticks(struct db *db, struct arena *a,
    const struct trade_followed *f, size_t n, struct err *e)
{
	struct val *v = arena_array(a, n * FOLLOWED_TICKS + 1, sizeof(*v));

	for (size_t i = 0; i < n; i++, f++) {
		const struct utc t[3] = { never(f->at[0]), never(f->at[1]),
		    never(f->at[2]) };
		const struct val row[FOLLOWED_TICKS] = { V(t[0]), V(t[0]),
		    V(f->close), V(t[1]), V(t[1]), V(f->close), V(t[2]),
		    V(t[2]), V(f->close), V(f->instrument), V(t[0]), V(t[0]),
		    V(t[1]), V(t[1]), V(t[2]), V(t[2]) };

		memcpy(v + FOLLOWED_TICKS * i, row, sizeof(row));
	}
	return n == 0 ? 0 : db_exec_many(db, &SIGNAL_FOLLOW_TICKS, v,
	    FOLLOWED_TICKS, n, NULL, e);
}

int
trade_signal_corrected(struct db *db, int64_t instrument,
    const char *timeframe, struct utc bar_at, struct err *e)
{
	return db_exec(db, &SIGNAL_CORRECTED, ARGS(V(instrument),
	    V(timeframe), V(bar_at)), NULL, e);
}
