/*
 * Rows of what the loop makes of ticks: how far each instrument has come, the
 * quotes of a batch, gaps, and ticks that are kept. All SQL on trade_series,
 * trade_gap and trade_tick is here.
 */
#include "base/random.h"
#include "base/err.h"
#include "modules/trade/feed_inner.h"

enum { COLUMNS = 22 };

#define P struct trade_progress
static const struct field progress_fields[] = {
	FIELD(P, instrument_id, .doc = "Instrument"),
	FIELD(P, feed_id, .flags = FF_NULLABLE, .doc = "Who drives it"),
	FIELD(P, source_id, .flags = FF_NULLABLE, .doc = "Who spoke last"),
	FIELD(P, seq, .doc = "Newest number of its source"),
	FIELD(P, at, .flags = FF_NULLABLE, .doc = "Newest tick"),
	FIELD(P, heard_at, .flags = FF_NULLABLE, .doc = "When it was heard"),
	FIELD(P, bid, .doc = "Bid"),
	FIELD(P, ask, .doc = "Ask"),
	FIELD(P, last, .doc = "Last trade"),
	FIELD(P, bar_at, .flags = FF_NULLABLE, .doc = "Minute being formed"),
	FIELD(P, open, .doc = "Its first price"),
	FIELD(P, high, .doc = "Its highest"),
	FIELD(P, low, .doc = "Its lowest"),
	FIELD(P, close, .doc = "Its last"),
	FIELD(P, volume, .doc = "Its volume"),
	FIELD(P, first_at, .flags = FF_NULLABLE, .doc = "Its first trade"),
	FIELD(P, last_at, .flags = FF_NULLABLE, .doc = "Its last trade"),
	FIELD(P, ticks, .doc = "Ticks taken"),
	FIELD(P, late, .doc = "Of these behind the newest"),
	FIELD(P, duplicates, .doc = "Ticks dropped as known"),
	FIELD(P, refused, .doc = "Ticks from others than its feed"),
	FIELD(P, forming, .doc = "Bars that are open: a bit each"),
	FIELD_END
};
static const struct schema progress_schema = { .name = "Progress",
    .doc = "How far an instrument has come", .size = sizeof(P),
    .fields = progress_fields };

#define G struct trade_gap
static const struct field gap_fields[] = {
	FIELD(G, id, .doc = "Number"),
	FIELD(G, tenant_id, .flags = FF_HIDDEN),
	FIELD(G, instrument_id, .flags = FF_HIDDEN),
	FIELD(G, symbol, .flags = FF_NULLABLE, .doc = "Symbol"),
	FIELD(G, exchange, .flags = FF_NULLABLE, .doc = "Exchange"),
	FIELD(G, timeframe, .doc = "Length of the missing bars, or tick"),
	FIELD(G, from_at, .doc = "Where it begins"),
	FIELD(G, to_at, .doc = "Where it ends"),
	FIELD(G, missing, .doc = "How many are missing"),
	FIELD(G, cause, .doc = "sequence: numbers were left out; silence: an "
	    "open market said nothing"),
	FIELD(G, found_at, .doc = "When it was noticed"), FIELD_END
};
const struct schema trade_gap_schema = { .name = "Gap",
    .doc = "What is missing of an instrument", .size = sizeof(G),
    .fields = gap_fields };

static const struct field gap_row_fields[] = {
	FIELD(G, id, .doc = "Number"),
	FIELD(G, tenant_id, .doc = "Tenant"),
	FIELD(G, instrument_id, .doc = "Instrument"),
	FIELD(G, timeframe, .doc = "Length"),
	FIELD(G, from_at, .doc = "From"),
	FIELD(G, to_at, .doc = "To"),
	FIELD(G, missing, .doc = "How many"),
	FIELD(G, cause, .doc = "Why"),
	FIELD(G, found_at, .doc = "When"), FIELD_END
};
static const struct schema gap_row_schema = { .name = "GapRow",
    .doc = "A gap without its symbol", .size = sizeof(G),
    .fields = gap_row_fields };

#define T struct trade_tick
static const struct field tick_fields[] = {
	FIELD(T, instrument_id, .doc = "Instrument"),
	FIELD(T, at, .doc = "Time"),
	FIELD(T, seq, .doc = "Number"),
	FIELD(T, last, .doc = "Trade"),
	FIELD(T, bid, .doc = "Bid"),
	FIELD(T, ask, .doc = "Ask"),
	FIELD(T, volume, .doc = "Volume"),
	FIELD(T, heard_at, .doc = "When it was heard"), FIELD_END
};
static const struct schema tick_schema = { .name = "StoredTick",
    .doc = "A tick that was kept", .size = sizeof(T),
    .fields = tick_fields };

#define PROGRESS "instrument_id, feed_id, source_id, seq, at, heard_at, bid, ask, " \
	"last, bar_at, open, high, low, close, volume, first_at, last_at, " \
	"ticks, late, duplicates, refused, forming"
static const struct query PROGRESS_GET = { "trade_series.get",
	"SELECT " PROGRESS " FROM trade_series WHERE instrument_id = ? LIMIT "
	"1", &progress_schema };
/* feed_id stays: only drive and release change it. */
static const struct query PROGRESS_PUT = { "trade_series.put",
	"INSERT INTO trade_series (" PROGRESS ") VALUES (?, ?, ?, ?, ?, ?, ?, "
	"?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE "
	"forming = VALUE(forming), source_id = VALUE(source_id), seq = "
	"VALUE(seq), at = VALUE(at), heard_at = VALUE(heard_at), bid = "
	"VALUE(bid), ask = VALUE(ask), last = VALUE(last), bar_at = "
	"VALUE(bar_at), open = VALUE(open), high = VALUE(high), low = "
	"VALUE(low), close = VALUE(close), volume = VALUE(volume), first_at = "
	"VALUE(first_at), last_at = VALUE(last_at), ticks = VALUE(ticks), "
	"late = VALUE(late), duplicates = VALUE(duplicates), refused = "
	"VALUE(refused)", NULL };
static const struct query PROGRESS_MAKE = { "trade_series.make",
	"INSERT INTO trade_series (instrument_id) VALUES (?) ON DUPLICATE KEY "
	"UPDATE instrument_id = instrument_id", NULL };
static const struct query PROGRESS_DRIVE = { "trade_series.drive",
	"UPDATE trade_series SET feed_id = ?, seq = IF(?, 0, seq), at = IF(?, "
	"NULL, at), bar_at = IF(?, NULL, bar_at), last_at = IF(?, NULL, last_at), "
	"forming = IF(?, 0, forming) WHERE instrument_id = ? AND "
	"(feed_id IS NULL OR feed_id = ?)", NULL };
static const struct query PROGRESS_RELEASE = { "trade_series.release",
	"UPDATE trade_series SET feed_id = NULL WHERE feed_id = ?", NULL };
static const struct query PROGRESS_FORMING = { "trade_series.forming",
	"SELECT instrument_id AS id FROM trade_series WHERE forming <> 0 LIMIT "
	"10000", &trade_number_schema };
static const struct query QUOTE_MANY = { "trade_quote.put_many",
	"INSERT INTO trade_quote (instrument_id, bid, ask, last, at, heard_at) "
	"VALUES (?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE bid = VALUE(bid), "
	"ask = VALUE(ask), last = VALUE(last), at = VALUE(at), heard_at = "
	"VALUE(heard_at)", NULL };
static const struct query GAP_ADD = { "trade_gap.add",
	"INSERT INTO trade_gap (tenant_id, instrument_id, timeframe, from_at, "
	"to_at, missing, cause, found_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON "
	"DUPLICATE KEY UPDATE to_at = VALUE(to_at), missing = VALUE(missing), "
	"found_at = VALUE(found_at)", NULL };
static const struct query GAP_FILL = { "trade_gap.fill",
	"UPDATE trade_gap SET missing = missing - 1 WHERE instrument_id = ? "
	"AND timeframe = 'tick' AND from_at <= ? AND to_at >= ? AND missing > "
	"0 ORDER BY from_at DESC LIMIT 1", NULL };
static const struct query GAP_PAGE = { "trade_gap.page",
	"SELECT g.id, g.tenant_id, g.instrument_id, i.symbol, i.exchange, "
	"g.timeframe, g.from_at, g.to_at, g.missing, g.cause, g.found_at FROM "
	"trade_gap g JOIN trade_instrument i ON i.id = g.instrument_id WHERE "
	"g.tenant_id = ? AND (? = 0 OR g.instrument_id = ?) AND g.id < ? AND "
	"g.missing > 0 ORDER BY g.id DESC LIMIT ?", &trade_gap_schema };
static const struct query TICK_STORE = { "trade_tick.store",
	"INSERT INTO trade_tick (instrument_id, at, seq, last, bid, ask, "
	"volume, heard_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY "
	"UPDATE heard_at = trade_tick.heard_at", NULL };
static const struct query TICK_AFTER = { "trade_tick.after",
	"SELECT instrument_id, at, seq, last, bid, ask, volume, heard_at FROM "
	"trade_tick WHERE instrument_id = ? AND (at > ? OR (at = ? AND seq > "
	"?)) AND at >= ? AND at < COALESCE(?, '9999-12-31') ORDER BY at, seq "
	"LIMIT ?", &tick_schema };
static const struct query RESTING = { "trade_order.resting_all",
	"SELECT DISTINCT instrument_id AS id FROM trade_order WHERE open = 1 "
	"ORDER BY instrument_id LIMIT 10000", &trade_number_schema };

const struct query *const trade_tick_queries[] = {
	&PROGRESS_GET, &PROGRESS_PUT, &PROGRESS_MAKE, &PROGRESS_DRIVE,
	&PROGRESS_RELEASE, &PROGRESS_FORMING, &QUOTE_MANY, &GAP_ADD, &GAP_FILL, &GAP_PAGE,
	&TICK_STORE, &TICK_AFTER, &RESTING, NULL
};
const struct table trade_tick_tables[] = {
	{ .name = "trade_series", .row = &progress_schema,
	  .snapshot = SNAP_REBUILDABLE },
	{ .name = "trade_gap", .row = &gap_row_schema,
	  .tenant_column = "tenant_id", .snapshot = SNAP_FULL },
	{ .name = "trade_tick", .row = &tick_schema, .snapshot = SNAP_FULL,
	  .retention_days = 90, .retention_column = "heard_at" },
	{ .name = NULL }
};

int
trade_progress_get(struct db *db, struct arena *a, int64_t instrument,
    P *out, struct err *e)
{
	return db_one(db, a, &PROGRESS_GET, ARGS(V(instrument)), out, e);
}

static void
progress_row(struct val *r, const P *p)
{
	const struct val v[] = { V(p->instrument_id), V(p->feed_id),
	    V(p->source_id), V(p->seq), V(p->at), V(p->heard_at), V(p->bid), V(p->ask),
	    V(p->last), V(p->bar_at), V(p->open), V(p->high), V(p->low),
	    V(p->close), V(p->volume), V(p->first_at), V(p->last_at),
	    V(p->ticks), V(p->late), V(p->duplicates), V(p->refused),
	    V(p->forming) };

	for (size_t i = 0; i < sizeof(v) / sizeof(*v); i++)
		r[i] = v[i];
}

int
trade_progress_put(struct db *db, struct arena *a, const P *p, size_t n,
    struct err *e)
{
	struct val *v = arena_array(a, n * COLUMNS, sizeof(*v));

	for (size_t i = 0; i < n; i++)
		progress_row(v + COLUMNS * i, &p[i]);
	return n == 0 ? 0 : db_exec_many(db, &PROGRESS_PUT, v, COLUMNS, n, NULL,
	    e);
}

int
trade_progress_drive(struct db *db, int64_t instrument, struct uuid feed,
    bool afresh, bool rewound, struct err *e)
{
	uint64_t n;

	if (db_exec(db, &PROGRESS_MAKE, ARGS(V(instrument)), NULL, e) == -1 ||
	    db_exec(db, &PROGRESS_DRIVE, ARGS(V(feed), V(afresh), V(rewound),
	    V(rewound), V(rewound), V(rewound), V(instrument), V(feed)), &n, e) == -1)
		return -1;
	return n == 0;
}

int
trade_progress_release(struct db *db, struct uuid feed, struct err *e)
{
	return db_exec(db, &PROGRESS_RELEASE, ARGS(V(feed)), NULL, e);
}

int
trade_progress_forming(struct db *db, struct arena *a, struct rows *out,
    struct err *e)
{
	return db_all(db, a, &PROGRESS_FORMING, NO_ARGS, out, e);
}

int
trade_quote_put_many(struct db *db, struct arena *a,
    const struct trade_quote *q, size_t n, struct err *e)
{
	struct val *v = arena_array(a, n * 6, sizeof(*v));

	for (size_t i = 0; i < n; i++) {
		struct val *r = v + 6 * i;

		r[0] = V(q[i].instrument_id), r[1] = V(q[i].bid);
		r[2] = V(q[i].ask), r[3] = V(q[i].last);
		r[4] = V(q[i].at), r[5] = V(q[i].heard_at);
	}
	return n == 0 ? 0 : db_exec_many(db, &QUOTE_MANY, v, 6, n, NULL, e);
}

int
trade_gap_add(struct db *db, const G *g, struct err *e)
{
	return db_exec(db, &GAP_ADD, ARGS(V(g->tenant_id),
	    V(g->instrument_id), V(g->timeframe), V(g->from_at), V(g->to_at),
	    V(g->missing), V(g->cause), V(g->found_at)), NULL, e);
}

int
trade_gap_fill(struct db *db, int64_t instrument, struct utc at,
    struct err *e)
{
	return db_exec(db, &GAP_FILL, ARGS(V(instrument), V(at), V(at)), NULL,
	    e);
}

int
trade_gap_page(struct db *db, struct arena *a, struct uuid tenant,
    int64_t instrument, int64_t below, int64_t limit, struct rows *out,
    struct err *e)
{
	return db_all(db, a, &GAP_PAGE, ARGS(V(tenant), V(instrument),
	    V(instrument), V(below), V(limit)), out, e);
}

int
trade_tick_store(struct db *db, struct arena *a, const T *t, size_t n,
    struct err *e)
{
	struct val *v = arena_array(a, n * 8, sizeof(*v));

	for (size_t i = 0; i < n; i++) {
		struct val *r = v + 8 * i;

		r[0] = V(t[i].instrument_id), r[1] = V(t[i].at);
		r[2] = V(t[i].seq), r[3] = V(t[i].last), r[4] = V(t[i].bid);
		r[5] = V(t[i].ask), r[6] = V(t[i].volume);
		r[7] = V(t[i].heard_at);
	}
	return n == 0 ? 0 : db_exec_many(db, &TICK_STORE, v, 8, n, NULL, e);
}

int
trade_tick_after(struct db *db, struct arena *a, int64_t instrument,
    struct utc at, int64_t seq, struct utc to, int64_t limit,
    struct rows *out, struct err *e)
{
	return db_all(db, a, &TICK_AFTER, ARGS(V(instrument), V(at), V(at),
	    V(seq), V(at), V(to), V(limit)), out, e);
}

int
trade_resting_all(struct db *db, struct arena *a, struct rows *out,
    struct err *e)
{
	return db_all(db, a, &RESTING, NO_ARGS, out, e);
}
