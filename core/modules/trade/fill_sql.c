/*
 * Rows of what happened to orders: their events and fills. All SQL on
 * trade_order_event and trade_fill is here; rows are added and never changed.
 */
#include <string.h>

#include "base/arena.h"
#include "modules/trade/orders.h"

#define E struct trade_order_event
static const struct field event_fields[] = {
	FIELD(E, order_id, .doc = "Order"),
	FIELD(E, seq, .doc = "1, 2, 3 …"),
	FIELD(E, from_state, .doc = "Before; empty: it was new"),
	FIELD(E, to_state, .doc = "After"),
	FIELD(E, cause, .doc = "Why"),
	FIELD(E, quantity, .doc = "Units of this fill, or 0"),
	FIELD(E, price, .doc = "Price of this fill, or 0"),
	FIELD(E, at, .doc = "When"),
	FIELD(E, applied, .doc = "False: it could not be true and was only "
	    "kept"),
	FIELD(E, broker_at, .flags = FF_NULLABLE,
	    .doc = "When, by the broker's clock"), FIELD_END
};
const struct schema trade_order_event_schema = {
	.name = "OrderEvent", .doc = "A change of an order",
	.size = sizeof(E), .fields = event_fields
};
#define EVENT "order_id, seq, from_state, to_state, cause, quantity, " \
	"price, at, applied, broker_at"

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
	FIELD(F, at, .doc = "When"),
	FIELD(F, instrument_id, .flags = FF_HIDDEN),
	FIELD(F, broker_fill_id, .flags = FF_NULLABLE,
	    .doc = "The broker's identifier"),
	FIELD(F, liquidity, .doc = "maker, taker or unknown"),
	FIELD(F, late, .doc = "It came when the order was over"),
	FIELD(F, market_at, .flags = FF_NULLABLE,
	    .doc = "When, by the clock of a market that is replayed"),
	FIELD_END
};
const struct schema trade_fill_schema = {
	.name = "Fill", .doc = "A trade", .size = sizeof(F),
	.fields = fill_fields
};
#define FILL "id, tenant_id, session_id, order_id, seq, symbol, side, " \
	"quantity, price, fee, at, instrument_id, broker_fill_id, " \
	"liquidity, late, market_at"

static const struct query EVENT_ADD = { "trade_order_event.add",
	"INSERT INTO trade_order_event (" EVENT ") VALUES (?, ?, ?, ?, ?, ?, "
	"?, ?, ?, ?)", NULL };
static const struct query EVENT_ADD_ALL = { "trade_order_event.add_all",
	"INSERT INTO trade_order_event (" EVENT ") VALUES (?, ?, ?, ?, ?, ?, "
	"?, ?, ?, ?)", NULL };
static const struct query EVENT_ALL = { "trade_order_event.all",
	"SELECT " EVENT " FROM trade_order_event WHERE order_id = ? ORDER BY "
	"seq LIMIT 1000", &trade_order_event_schema };
static const struct query FILL_ADD = { "trade_fill.add",
	"INSERT INTO trade_fill (" FILL ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, "
	"?, ?, ?, ?, ?, ?, ?)", NULL };
static const struct query FILL_KNOWN = { "trade_fill.known",
	"SELECT " FILL " FROM trade_fill WHERE order_id = ? AND "
	"broker_fill_id = ? LIMIT 1", &trade_fill_schema };
static const struct query FILL_OF = { "trade_fill.of",
	"SELECT " FILL " FROM trade_fill WHERE order_id = ? ORDER BY seq "
	"LIMIT 10000", &trade_fill_schema };
static const struct query FILL_PAGE = { "trade_fill.page",
	"SELECT " FILL " FROM trade_fill WHERE session_id = ? AND id < "
	"COALESCE(?, X'FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF') ORDER BY id DESC "
	"LIMIT ?", &trade_fill_schema };
/* By the key of session and instrument. */
static const struct query FILL_PAGE_OF = { "trade_fill.page_of",
	"SELECT " FILL " FROM trade_fill WHERE session_id = ? AND "
	"instrument_id IN (SELECT i.id FROM trade_session s JOIN "
	"trade_instrument i ON i.tenant_id = s.tenant_id AND i.symbol = ? "
	"WHERE s.id = ?) AND id < "
	"COALESCE(?, X'FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF') ORDER BY id DESC "
	"LIMIT ?", &trade_fill_schema };

const struct query *const trade_fill_queries[] = {
	&EVENT_ADD, &EVENT_ADD_ALL, &EVENT_ALL, &FILL_ADD, &FILL_KNOWN, &FILL_OF,
	&FILL_PAGE, &FILL_PAGE_OF, NULL
};

const struct table trade_fill_tables[] = {
	{ .name = "trade_order_event", .row = &trade_order_event_schema,
	  .snapshot = SNAP_FULL },
	{ .name = "trade_fill", .row = &trade_fill_schema,
	  .tenant_column = "tenant_id", .snapshot = SNAP_FULL },
	{ .name = NULL }
};

int
trade_order_event_add(struct db *db, const E *v, struct err *e)
{
	return db_post(db, &EVENT_ADD, ARGS(V(v->order_id), V(v->seq),
	    V(v->from_state), V(v->to_state), V(v->cause), V(v->quantity),
	    V(v->price), V(v->at), V(v->applied), V(v->broker_at)), e);
}

int
trade_order_event_add_all(struct db *db, struct arena *a, const E *v,
    size_t n, struct err *e)
{
	enum { COLS = 10 };
	struct val *vals = arena_array(a, n * COLS + 1, sizeof(*vals));

	for (size_t i = 0; i < n; i++, v++) {
		const struct val row[COLS] = { V(v->order_id), V(v->seq),
		    V(v->from_state), V(v->to_state), V(v->cause),
		    V(v->quantity), V(v->price), V(v->at), V(v->applied),
		    V(v->broker_at) };

		memcpy(&vals[i * COLS], row, sizeof(row));
	}
	return n == 0 ? 0 : db_exec_many(db, &EVENT_ADD_ALL, vals, COLS, n,
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
	    V(f->side), V(f->quantity), V(f->price), V(f->fee), V(f->at),
	    V(f->instrument_id), V(f->broker_fill_id), V(f->liquidity),
	    V(f->late), V(f->market_at)), NULL, e);
}

int
trade_fill_known(struct db *db, struct arena *a, struct uuid order,
    const char *broker_fill_id, struct err *e)
{
	F f;

	return db_one(db, a, &FILL_KNOWN, ARGS(V(order), V(broker_fill_id)),
	    &f, e);
}

int
trade_fill_of(struct db *db, struct arena *a, struct uuid order,
    struct rows *out, struct err *e)
{
	return db_all(db, a, &FILL_OF, ARGS(V(order)), out, e);
}

int
trade_fill_page(struct db *db, struct arena *a, struct uuid session,
    const char *symbol, struct uuid below, int64_t limit, struct rows *out,
    struct err *e)
{
	if (*symbol != '\0')
		return db_all(db, a, &FILL_PAGE_OF, ARGS(V(session), V(symbol),
		    V(session), V(below), V(limit)), out, e);
	return db_all(db, a, &FILL_PAGE, ARGS(V(session), V(below),
	    V(limit)), out, e);
}
