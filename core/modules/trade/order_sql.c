/*
 * Rows of orders, their events, fills, and quotes. All SQL on trade_order,
 * trade_order_event, trade_fill and trade_quote is here.
 */
#include "modules/trade/orders.h"

#define O struct trade_order
static const struct field order_fields[] = {
	FIELD(O, id, .doc = "Identifier"),
	FIELD(O, tenant_id, .flags = FF_HIDDEN),
	FIELD(O, session_id, .doc = "Session"),
	FIELD(O, client_order_id, .doc = "The caller's identifier"),
	FIELD(O, instrument_id, .flags = FF_HIDDEN),
	FIELD(O, symbol, .doc = "Symbol"),
	FIELD(O, side, .doc = "buy or sell"),
	FIELD(O, type, .doc = "market, limit, stop or stop_limit"),
	FIELD(O, tif, .doc = "How long it stands"),
	FIELD(O, quantity, .doc = "Units"),
	FIELD(O, limit_price, .doc = "0: none"),
	FIELD(O, stop_price, .doc = "0: none"),
	FIELD(O, reduce_only, .doc = "May only make a position smaller"),
	FIELD(O, state, .oneof = trade_order_states, .doc = "State"),
	FIELD(O, open, .flags = FF_HIDDEN | FF_NULLABLE,
	    FIELD_HAS(O, has_open)),
	FIELD(O, filled, .doc = "Units filled"),
	FIELD(O, avg_price, .doc = "Mean price of what was filled"),
	FIELD(O, reserved, .doc = "Cash held for the rest"),
	FIELD(O, reject_code, .doc = "Check that refused it"),
	FIELD(O, reject_detail, .doc = "Why"),
	FIELD(O, digest, .flags = FF_HIDDEN),
	FIELD(O, version, .doc = "Counts its changes"),
	FIELD(O, tag, .doc = "The caller's note"),
	FIELD(O, created_at, .doc = "When it was placed"),
	FIELD(O, updated_at, .doc = "When it changed last"), FIELD_END
};
const struct schema trade_order_schema = {
	.name = "Order", .doc = "An order and what became of it",
	.size = sizeof(O), .fields = order_fields
};
#define ORDER "id, tenant_id, session_id, client_order_id, instrument_id, " \
	"symbol, side, type, tif, quantity, limit_price, stop_price, " \
	"reduce_only, state, open, filled, avg_price, reserved, reject_code, " \
	"reject_detail, digest, version, tag, created_at, updated_at"

#define E struct trade_order_event
static const struct field event_fields[] = {
	FIELD(E, order_id, .doc = "Order"),
	FIELD(E, seq, .doc = "1, 2, 3 …"),
	FIELD(E, from_state, .doc = "Before; empty: it was new"),
	FIELD(E, to_state, .doc = "After"),
	FIELD(E, cause, .doc = "Why"),
	FIELD(E, quantity, .doc = "Units of this fill, or 0"),
	FIELD(E, price, .doc = "Price of this fill, or 0"),
	FIELD(E, at, .doc = "When"), FIELD_END
};
const struct schema trade_order_event_schema = {
	.name = "OrderEvent", .doc = "A change of an order",
	.size = sizeof(E), .fields = event_fields
};
#define EVENT "order_id, seq, from_state, to_state, cause, quantity, " \
	"price, at"

#define F struct trade_fill
static const struct field fill_fields[] = {
	FIELD(F, id, .doc = "Identifier"),
	FIELD(F, tenant_id, .flags = FF_HIDDEN),
	FIELD(F, session_id, .doc = "Session"),
	FIELD(F, order_id, .doc = "Order"),
	FIELD(F, seq, .doc = "Number of the order's event"),
	FIELD(F, symbol, .doc = "Symbol"),
	FIELD(F, side, .doc = "buy or sell"),
	FIELD(F, quantity, .doc = "Units"),
	FIELD(F, price, .doc = "Price"), FIELD(F, fee, .doc = "Fee"),
	FIELD(F, at, .doc = "When"), FIELD_END
};
const struct schema trade_fill_schema = {
	.name = "Fill", .doc = "A trade", .size = sizeof(F),
	.fields = fill_fields
};
#define FILL "id, tenant_id, session_id, order_id, seq, symbol, side, " \
	"quantity, price, fee, at"

#define Q struct trade_quote
static const struct field quote_fields[] = {
	FIELD(Q, instrument_id, .flags = FF_HIDDEN),
	FIELD(Q, bid, .doc = "Highest price somebody pays"),
	FIELD(Q, ask, .doc = "Lowest price somebody takes"),
	FIELD(Q, last, .doc = "Last trade"),
	FIELD(Q, at, .doc = "Its time"),
	FIELD(Q, heard_at, .doc = "When it was heard here"), FIELD_END
};
const struct schema trade_quote_schema = {
	.name = "Quote", .doc = "Last known prices", .size = sizeof(Q),
	.fields = quote_fields
};
#define QUOTE "instrument_id, bid, ask, last, at, heard_at"

#define N struct trade_open
static const struct field open_fields[] = {
	FIELD(N, orders, .doc = "Open orders"),
	FIELD(N, last_second, .doc = "Placed in the last second"),
	FIELD(N, last_minute, .doc = "Placed in the last minute"),
	FIELD(N, notional, .doc = "Worth of open orders"),
	FIELD(N, same_side, .doc = "Units open on the same side"),
	FIELD(N, alike, .doc = "The same within half a second"),
	FIELD(N, crossing, .doc = "Own orders that would match"), FIELD_END
};
static const struct schema open_schema = {
	.name = "OpenOrders", .doc = "What is open in a session",
	.size = sizeof(N), .fields = open_fields
};

static const struct query ORDER_INSERT = { "trade_order.insert",
	"INSERT INTO trade_order (" ORDER ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, "
	"?, ?, ?, ?, ?, ?, IF(?, 1, NULL), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	NULL };
static const struct query ORDER_UPDATE = { "trade_order.update",
	"UPDATE trade_order SET quantity = ?, limit_price = ?, stop_price = "
	"?, state = ?, open = IF(?, 1, NULL), filled = ?, avg_price = ?, "
	"reserved = ?, version = ?, updated_at = ? WHERE id = ?", NULL };
static const struct query ORDER_BY_CLIENT = { "trade_order.by_client",
	"SELECT " ORDER " FROM trade_order WHERE session_id = ? AND "
	"client_order_id = ? LIMIT 1", &trade_order_schema };
static const struct query ORDER_BY_ID = { "trade_order.by_id",
	"SELECT " ORDER " FROM trade_order WHERE session_id = ? AND id = ? "
	"LIMIT 1", &trade_order_schema };
static const struct query ORDER_LOCK = { "trade_order.lock",
	"SELECT " ORDER " FROM trade_order WHERE session_id = ? AND id = ? "
	"LIMIT 1 FOR UPDATE", &trade_order_schema };
static const struct query ORDER_PAGE = { "trade_order.page",
	"SELECT " ORDER " FROM trade_order WHERE session_id = ? AND (? = '' "
	"OR state = ?) AND (NOT ? OR open = 1) AND id < COALESCE(?, "
	"X'FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF') ORDER BY id DESC LIMIT ?",
	&trade_order_schema };
static const struct query ORDER_RESTING = { "trade_order.resting",
	"SELECT " ORDER " FROM trade_order WHERE instrument_id = ? AND open = "
	"1 ORDER BY id LIMIT 5000", &trade_order_schema };
/* Two ranges of the key (session_id, open, id): the open ones, and those of
 * the last minute, however many an old account has. */
#define LOOKED "open, created_at, quantity, filled, limit_price, " \
	"stop_price, instrument_id, side, type"
static const struct query ORDER_OPEN = { "trade_order.open",
	"SELECT CAST(COALESCE(SUM(open = 1), 0) AS SIGNED) AS orders, "
	"CAST(COALESCE(SUM(created_at > ? - INTERVAL 1 SECOND), 0) AS SIGNED) "
	"AS last_second, CAST(COALESCE(SUM(created_at > ? - INTERVAL 1 "
	"MINUTE), 0) AS SIGNED) AS last_minute, CAST(COALESCE(SUM(IF(open = "
	"1, (quantity - filled) * GREATEST(limit_price, stop_price), 0)), 0) "
	"AS DECIMAL(20,8)) AS notional, CAST(COALESCE(SUM(IF(open = 1 AND "
	"instrument_id = ? AND side = ?, quantity - filled, 0)), 0) AS "
	"DECIMAL(20,8)) AS same_side, CAST(COALESCE(SUM(instrument_id = ? AND "
	"side = ? AND type = ? AND quantity = ? AND limit_price = ? AND "
	"created_at > ? - INTERVAL 500000 MICROSECOND), 0) AS SIGNED) AS "
	"alike, CAST(COALESCE(SUM(open = 1 AND instrument_id = ? AND side <> "
	"? AND limit_price > 0 AND (? = 'market' OR (? = 'buy' AND limit_price "
	"<= ?) OR (? = 'sell' AND limit_price >= ?))), 0) AS SIGNED) AS "
	"crossing FROM (SELECT " LOOKED " FROM trade_order WHERE session_id "
	"= ? AND open = 1 UNION ALL SELECT " LOOKED " FROM trade_order WHERE "
	"session_id = ? AND open IS NULL AND id > ? AND state <> 'denied') o",
	&open_schema };
static const struct query EVENT_ADD = { "trade_order_event.add",
	"INSERT INTO trade_order_event (" EVENT ") VALUES (?, ?, ?, ?, ?, ?, "
	"?, ?)", NULL };
static const struct query EVENT_ALL = { "trade_order_event.all",
	"SELECT " EVENT " FROM trade_order_event WHERE order_id = ? ORDER BY "
	"seq LIMIT 1000", &trade_order_event_schema };
static const struct query FILL_ADD = { "trade_fill.add",
	"INSERT INTO trade_fill (" FILL ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, "
	"?, ?)", NULL };
static const struct query FILL_PAGE = { "trade_fill.page",
	"SELECT " FILL " FROM trade_fill WHERE session_id = ? AND id < "
	"COALESCE(?, X'FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF') ORDER BY id DESC "
	"LIMIT ?", &trade_fill_schema };
static const struct query QUOTE_GET = { "trade_quote.get",
	"SELECT " QUOTE " FROM trade_quote WHERE instrument_id = ? LIMIT 1",
	&trade_quote_schema };
static const struct query QUOTE_PUT = { "trade_quote.put",
	"INSERT INTO trade_quote (" QUOTE ") VALUES (?, ?, ?, ?, ?, ?) ON "
	"DUPLICATE KEY UPDATE bid = VALUE(bid), ask = VALUE(ask), last = "
	"VALUE(last), at = VALUE(at), heard_at = VALUE(heard_at)", NULL };

const struct query *const trade_order_queries[] = {
	&ORDER_INSERT, &ORDER_UPDATE, &ORDER_BY_CLIENT, &ORDER_BY_ID,
	&ORDER_LOCK, &ORDER_PAGE, &ORDER_RESTING, &ORDER_OPEN, &EVENT_ADD,
	&EVENT_ALL, &FILL_ADD, &FILL_PAGE, &QUOTE_GET, &QUOTE_PUT, NULL
};

const struct table trade_order_tables[] = {
	{ .name = "trade_order", .row = &trade_order_schema,
	  .tenant_column = "tenant_id", .snapshot = SNAP_FULL },
	{ .name = "trade_order_event", .row = &trade_order_event_schema,
	  .snapshot = SNAP_FULL },
	{ .name = "trade_fill", .row = &trade_fill_schema,
	  .tenant_column = "tenant_id", .snapshot = SNAP_FULL },
	{ .name = "trade_quote", .row = &trade_quote_schema,
	  .snapshot = SNAP_REBUILDABLE },
	{ .name = NULL }
};

int
trade_order_insert(struct db *db, const O *o, struct err *e)
{
	return db_exec(db, &ORDER_INSERT, ARGS(V(o->id), V(o->tenant_id),
	    V(o->session_id), V(o->client_order_id), V(o->instrument_id),
	    V(o->symbol), V(o->side), V(o->type), V(o->tif), V(o->quantity),
	    V(o->limit_price), V(o->stop_price), V(o->reduce_only),
	    V(o->state), V(o->has_open), V(o->filled), V(o->avg_price),
	    V(o->reserved), V(o->reject_code), V(o->reject_detail),
	    V(o->digest), V(o->version), V(o->tag), V(o->created_at),
	    V(o->updated_at)), NULL, e);
}

int
trade_order_update(struct db *db, const O *o, struct err *e)
{
	return db_exec(db, &ORDER_UPDATE, ARGS(V(o->quantity),
	    V(o->limit_price), V(o->stop_price), V(o->state), V(o->has_open),
	    V(o->filled), V(o->avg_price), V(o->reserved), V(o->version),
	    V(o->updated_at), V(o->id)), NULL, e);
}

int
trade_order_by_client(struct db *db, struct arena *a, struct uuid session,
    const char *client, O *out, struct err *e)
{
	return db_one(db, a, &ORDER_BY_CLIENT, ARGS(V(session), V(client)),
	    out, e);
}

int
trade_order_by_id(struct db *db, struct arena *a, struct uuid session,
    struct uuid id, bool lock, O *out, struct err *e)
{
	return db_one(db, a, lock ? &ORDER_LOCK : &ORDER_BY_ID,
	    ARGS(V(session), V(id)), out, e);
}

int
trade_order_page(struct db *db, struct arena *a, struct uuid session,
    const char *state, bool open, struct uuid below, int64_t limit,
    struct rows *out, struct err *e)
{
	return db_all(db, a, &ORDER_PAGE, ARGS(V(session), V(state),
	    V(state), V(open), V(below), V(limit)), out, e);
}

int
trade_order_resting(struct db *db, struct arena *a, int64_t instrument,
    struct rows *out, struct err *e)
{
	return db_all(db, a, &ORDER_RESTING, ARGS(V(instrument)), out, e);
}

/* Ids begin with the millisecond they were made in: none of the last minute
 * is smaller. */
static struct uuid
first_id(struct utc now)
{
	uint64_t ms = (uint64_t)(now.us / 1000 - 60000);
	struct uuid u = { { 0 } };

	for (int i = 0; i < 6; i++)
		u.b[i] = (uint8_t)(ms >> (40 - 8 * i));
	return u;
}

int
trade_order_open(struct db *db, struct arena *a, const O *o, struct utc now,
    N *out, struct err *e)
{
	return db_one(db, a, &ORDER_OPEN, ARGS(V(now), V(now),
	    V(o->instrument_id), V(o->side), V(o->instrument_id),
	    V(o->side), V(o->type), V(o->quantity), V(o->limit_price),
	    V(now), V(o->instrument_id), V(o->side), V(o->type),
	    V(o->side), V(o->limit_price), V(o->side), V(o->limit_price),
	    V(o->session_id), V(o->session_id), V(first_id(now))), out, e);
}

int
trade_order_event_add(struct db *db, const O *o, const char *from,
    const char *cause, struct dec quantity, struct dec price, struct utc at,
    struct err *e)
{
	return db_exec(db, &EVENT_ADD, ARGS(V(o->id), V(o->version),
	    V(from), V(o->state), V(cause), V(quantity), V(price), V(at)),
	    NULL, e);
}

int
trade_order_event_all(struct db *db, struct arena *a, struct uuid order,
    struct rows *out, struct err *e)
{
	return db_all(db, a, &EVENT_ALL, ARGS(V(order)), out, e);
}

int
trade_fill_add(struct db *db, const F *f, struct err *e)
{
	return db_exec(db, &FILL_ADD, ARGS(V(f->id), V(f->tenant_id),
	    V(f->session_id), V(f->order_id), V(f->seq), V(f->symbol),
	    V(f->side), V(f->quantity), V(f->price), V(f->fee), V(f->at)),
	    NULL, e);
}

int
trade_fill_page(struct db *db, struct arena *a, struct uuid session,
    struct uuid below, int64_t limit, struct rows *out, struct err *e)
{
	return db_all(db, a, &FILL_PAGE, ARGS(V(session), V(below),
	    V(limit)), out, e);
}

int
trade_quote_get(struct db *db, struct arena *a, int64_t instrument, Q *out,
    struct err *e)
{
	return db_one(db, a, &QUOTE_GET, ARGS(V(instrument)), out, e);
}

int
trade_quote_put(struct db *db, const Q *q, struct err *e)
{
	return db_exec(db, &QUOTE_PUT, ARGS(V(q->instrument_id), V(q->bid),
	    V(q->ask), V(q->last), V(q->at), V(q->heard_at)), NULL, e);
}
