/*
 * Rows of orders, and quotes. All SQL on trade_order and trade_quote is here.
 */
#include "base/clock.h"
#include "base/random.h"
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
	FIELD(O, type, .doc = "market, limit, stop, stop_limit or "
	    "trailing_stop"),
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
	FIELD(O, updated_at, .doc = "When it changed last"),
	FIELD(O, mode, .doc = "paper or live, as its session"),
	FIELD(O, role, .doc = "single, entry, take_profit or stop_loss"),
	FIELD(O, parent_id, .flags = FF_NULLABLE,
	    .doc = "The entry it protects"),
	FIELD(O, oco_group, .flags = FF_NULLABLE,
	    .doc = "A fill of one of the group reduces the others"),
	FIELD(O, take_profit, .doc = "Limit of the exit made at each fill; "
	    "0: none"),
	FIELD(O, stop_loss, .doc = "Stop of the exit made at each fill; 0: "
	    "none"),
	FIELD(O, trail_amount, .doc = "Distance of a trailing stop"),
	FIELD(O, trail_ppm, .doc = "The same in millionths of the best price"),
	FIELD(O, trail_mark, .doc = "Best price a trailing stop has seen"),
	FIELD(O, post_only, .doc = "Refused or cancelled rather than filled "
	    "at once"),
	FIELD(O, expires_at, .flags = FF_NULLABLE, .doc = "End of gtd"),
	FIELD(O, triggered_at, .flags = FF_NULLABLE,
	    .doc = "When its stop was reached"),
	FIELD(O, broker_order_id, .flags = FF_NULLABLE,
	    .doc = "The broker's identifier"),
	FIELD(O, send, .flags = FF_NULLABLE,
	    .doc = "What is to go to the broker"),
	FIELD(O, send_at, .flags = FF_NULLABLE | FF_HIDDEN),
	FIELD(O, send_tries, .doc = "How often it was tried"),
	FIELD(O, sent_at, .flags = FF_NULLABLE, .doc = "When it left"),
	FIELD(O, asked_at, .flags = FF_NULLABLE,
	    .doc = "When the broker was last asked what became of it"),
	FIELD(O, asks, .flags = FF_HIDDEN),
	FIELD(O, cancel_wanted, .doc = "Cancelled as soon as the broker has "
	    "answered"),
	FIELD(O, want_quantity, .doc = "Units of the change on its way; 0: "
	    "none"),
	FIELD(O, want_limit_price, .doc = "Its limit"),
	FIELD(O, want_stop_price, .doc = "Its stop"),
	FIELD(O, want_reserved, .flags = FF_HIDDEN),
	FIELD(O, display, .doc = "Units of it that show; 0: all"),
	FIELD(O, late, .doc = "Something was filled after it was over"),
	FIELD(O, refused, .doc = "Messages about it that could not be true"),
	FIELD_END
};
const struct schema trade_order_schema = {
	.name = "Order", .doc = "An order and what became of it",
	.size = sizeof(O), .fields = order_fields
};
#define ORDER "id, tenant_id, session_id, client_order_id, instrument_id, " \
	"symbol, side, type, tif, quantity, limit_price, stop_price, " \
	"reduce_only, state, open, filled, avg_price, reserved, reject_code, " \
	"reject_detail, digest, version, tag, created_at, updated_at, mode, " \
	"role, parent_id, oco_group, take_profit, stop_loss, trail_amount, " \
	"trail_ppm, trail_mark, post_only, expires_at, triggered_at, " \
	"broker_order_id, send, send_at, send_tries, sent_at, asked_at, " \
	"asks, cancel_wanted, want_quantity, want_limit_price, " \
	"want_stop_price, want_reserved, display, late, refused"

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
	FIELD(N, versions, .doc = "Sum of their versions"),
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
	"?, ?, ?, ?, ?, ?, IF(?, 1, NULL), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
	"?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
	"?, ?, ?)", NULL };
static const struct query ORDER_UPDATE = { "trade_order.update",
	"UPDATE trade_order SET quantity = ?, limit_price = ?, stop_price = "
	"?, state = ?, open = IF(?, 1, NULL), filled = ?, avg_price = ?, "
	"reserved = ?, reject_code = ?, reject_detail = ?, version = ?, "
	"updated_at = ?, trail_mark = ?, triggered_at = ?, broker_order_id = "
	"?, send = ?, send_at = ?, send_tries = ?, sent_at = ?, asked_at = "
	"?, asks = ?, cancel_wanted = ?, want_quantity = ?, want_limit_price "
	"= ?, want_stop_price = ?, want_reserved = ?, late = ?, refused = ? "
	"WHERE id = ?", NULL };
static const struct query ORDER_MARK = { "trade_order.mark",
	"UPDATE trade_order SET send = ?, send_at = ?, send_tries = ?, "
	"sent_at = ?, asked_at = ?, asks = ? WHERE id = ?", NULL };
static const struct query ORDER_TO_SEND = { "trade_order.to_send",
	"SELECT " ORDER " FROM trade_order WHERE send IS NOT NULL AND "
	"send_at <= ? AND sent_at IS NULL AND mode = 'live' ORDER BY send_at, "
	"id LIMIT ?", &trade_order_schema };
static const struct query ORDER_TO_ASK = { "trade_order.to_ask",
	"SELECT " ORDER " FROM trade_order WHERE open = 1 AND state IN "
	"('submitting', 'unknown', 'pending_replace', 'pending_cancel') AND "
	"mode = 'live' AND sent_at < ? AND (asked_at IS NULL OR asked_at < ?) "
	"ORDER BY asked_at, id LIMIT ?", &trade_order_schema };
static const struct query ORDER_BY_CLIENT = { "trade_order.by_client",
	"SELECT " ORDER " FROM trade_order WHERE session_id = ? AND "
	"client_order_id = ? LIMIT 1", &trade_order_schema };
static const struct query ORDER_BY_ID = { "trade_order.by_id",
	"SELECT " ORDER " FROM trade_order WHERE session_id = ? AND id = ? "
	"LIMIT 1", &trade_order_schema };
static const struct query ORDER_LOCK = { "trade_order.lock",
	"SELECT " ORDER " FROM trade_order WHERE session_id = ? AND id = ? "
	"LIMIT 1 FOR UPDATE", &trade_order_schema };
#define PAGE " AND (? = '' OR state = ?) AND (? = '' OR symbol = ?) AND (? = " \
	"'' OR side = ?) AND created_at >= COALESCE(?, '1970-01-01') AND " \
	"created_at < COALESCE(?, '9999-12-31') AND (? IS NULL OR parent_id " \
	"= ?) AND id < COALESCE(?, X'FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF') " \
	"ORDER BY id DESC LIMIT ?"
static const struct query ORDER_PAGE = { "trade_order.page",
	"SELECT " ORDER " FROM trade_order WHERE session_id = ?" PAGE,
	&trade_order_schema };
/* By key: few of a session's orders are open, and these are asked for often. */
static const struct query ORDER_PAGE_OPEN = { "trade_order.page_open",
	"SELECT " ORDER " FROM trade_order WHERE session_id = ? AND open = 1"
	PAGE, &trade_order_schema };
static const struct query ORDER_KIN = { "trade_order.kin",
	"SELECT " ORDER " FROM trade_order WHERE session_id = ? AND open = 1 "
	"AND id <> ? AND (parent_id = ? OR oco_group = ? OR (reduce_only AND "
	"instrument_id = ?)) ORDER BY id LIMIT 5000 FOR UPDATE",
	&trade_order_schema };
static const struct query ORDER_ALL_OPEN = { "trade_order.all_open",
	"SELECT " ORDER " FROM trade_order WHERE session_id = ? AND open = 1 "
	"ORDER BY id LIMIT 5000 FOR UPDATE", &trade_order_schema };
/* Left to right: state is read before it is written. What has left and has
 * no answer waits; what the broker knows is to be cancelled; the rest is over. */
#define HELD "(mode = 'live' AND NOT (state = 'submitting' AND sent_at IS " \
	"NULL))"
static const struct query ORDER_SWEEP_WAIT = { "trade_order.sweep_wait",
	"UPDATE trade_order SET cancel_wanted = TRUE, version = version + 1, "
	"updated_at = ? WHERE session_id = ? AND open = 1 AND " HELD " AND "
	"state IN ('submitting', 'unknown') AND NOT cancel_wanted", NULL };
static const struct query ORDER_SWEEP_ASK = { "trade_order.sweep_ask",
	"UPDATE trade_order SET state = 'pending_cancel', send = 'cancel', "
	"send_at = ?, send_tries = 0, sent_at = NULL, asked_at = NULL, asks = "
	"0, version = version + 1, updated_at = ? WHERE session_id = ? AND "
	"open = 1 AND " HELD " AND state NOT IN ('submitting', 'unknown', "
	"'pending_cancel')", NULL };
static const struct query ORDER_SWEEP = { "trade_order.sweep",
	"UPDATE trade_order SET state = 'cancelled', open = NULL, reserved = "
	"0, send = NULL, send_at = NULL, version = version + 1, updated_at = "
	"? WHERE session_id = ? AND open = 1 AND NOT " HELD, NULL };
static const struct field sum_fields[] = {
	FIELD(struct trade_order_sum, orders),
	FIELD(struct trade_order_sum, versions), FIELD_END
};
static const struct schema sum_schema = {
	.name = "OrderSum", .doc = "Open orders in two numbers",
	.size = sizeof(struct trade_order_sum), .fields = sum_fields
};
static const struct query ORDER_SUM_OPEN = { "trade_order.sum_open",
	"SELECT COUNT(*) AS orders, CAST(COALESCE(SUM(version), 0) AS SIGNED) "
	"AS versions FROM trade_order WHERE session_id = ? AND open = 1",
	&sum_schema };
/* Two ranges of the key (session_id, open, id): the open ones, and those of
 * the last minute, however many an old account has. Exits that were made for
 * an entry are nobody's haste, and what is reduce_only takes no position away
 * from others: it shrinks with it. */
#define WORTH "IF(limit_price = 0 AND stop_price = 0, reserved, (quantity " \
	"- filled) * GREATEST(limit_price, stop_price))"
#define COUNTED(what, name) "COUNT(IF(" what ", 1, NULL)) AS " name
#define HASTE COUNTED("parent_id IS NULL AND created_at > ?", "last_second") \
	", " COUNTED("parent_id IS NULL AND created_at > ?", "last_minute") \
	", " COUNTED("created_at > ? AND parent_id IS NULL AND " \
	"instrument_id = ? AND side = ? AND type = ? AND quantity = ? AND " \
	"limit_price = ?", "alike")
static const struct query ORDER_OPEN = { "trade_order.open",
	"SELECT o.orders, o.versions, o.last_second + c.last_second AS "
	"last_second, o.last_minute + c.last_minute AS last_minute, "
	"o.notional, o.same_side, o.alike + c.alike AS alike, o.crossing FROM "
	"(SELECT COUNT(*) AS orders, CAST(COALESCE(SUM(version), 0) AS "
	"SIGNED) AS versions, " HASTE ", CAST(COALESCE(SUM(" WORTH "), 0) AS "
	"DECIMAL(20,8)) AS notional, CAST(COALESCE(SUM(IF(instrument_id = ? "
	"AND side = ? AND NOT reduce_only, quantity - filled, NULL)), 0) AS "
	"DECIMAL(20,8)) AS same_side, " COUNTED("instrument_id = ? AND side "
	"<> ? AND type = 'limit' AND limit_price > 0 AND IF(? = 'buy', "
	"limit_price <= ?, limit_price >= ?)", "crossing") " FROM trade_order "
	"WHERE session_id = ? AND open = 1 AND id <> ?) o, "
	"(SELECT " HASTE " FROM trade_order WHERE session_id = ? AND open IS "
	"NULL AND id > ? AND id <> ? AND state <> 'denied') c LIMIT 1",
	&open_schema };
static const struct query QUOTE_GET = { "trade_quote.get",
	"SELECT " QUOTE " FROM trade_quote WHERE instrument_id = ? LIMIT 1",
	&trade_quote_schema };
static const struct query QUOTE_PUT = { "trade_quote.put",
	"INSERT INTO trade_quote (" QUOTE ") VALUES (?, ?, ?, ?, ?, ?) ON "
	"DUPLICATE KEY UPDATE bid = VALUE(bid), ask = VALUE(ask), last = "
	"VALUE(last), at = VALUE(at), heard_at = VALUE(heard_at)", NULL };

const struct query *const trade_order_queries[] = {
	&ORDER_INSERT, &ORDER_UPDATE, &ORDER_MARK, &ORDER_TO_SEND,
	&ORDER_TO_ASK, &ORDER_BY_CLIENT, &ORDER_BY_ID,
	&ORDER_LOCK, &ORDER_PAGE, &ORDER_PAGE_OPEN, &ORDER_KIN, &ORDER_ALL_OPEN,
	&ORDER_SWEEP_WAIT, &ORDER_SWEEP_ASK, &ORDER_SWEEP,
	&ORDER_SUM_OPEN, &ORDER_OPEN, &QUOTE_GET,
	&QUOTE_PUT, NULL
};

const struct table trade_order_tables[] = {
	{ .name = "trade_order", .row = &trade_order_schema,
	  .tenant_column = "tenant_id", .snapshot = SNAP_FULL },
	{ .name = "trade_quote", .row = &trade_quote_schema,
	  .snapshot = SNAP_REBUILDABLE },
	{ .name = NULL }
};

int
trade_order_insert(struct db *db, const O *o, struct err *e)
{
	return db_post(db, &ORDER_INSERT, ARGS(V(o->id), V(o->tenant_id),
	    V(o->session_id), V(o->client_order_id), V(o->instrument_id),
	    V(o->symbol), V(o->side), V(o->type), V(o->tif), V(o->quantity),
	    V(o->limit_price), V(o->stop_price), V(o->reduce_only),
	    V(o->state), V(o->has_open), V(o->filled), V(o->avg_price),
	    V(o->reserved), V(o->reject_code), V(o->reject_detail),
	    V(o->digest), V(o->version), V(o->tag), V(o->created_at),
	    V(o->updated_at), V(o->mode), V(o->role), V(o->parent_id),
	    V(o->oco_group), V(o->take_profit), V(o->stop_loss),
	    V(o->trail_amount), V(o->trail_ppm), V(o->trail_mark),
	    V(o->post_only), V(o->expires_at), V(o->triggered_at),
	    V(o->broker_order_id), V(o->send), V(o->send_at),
	    V(o->send_tries), V(o->sent_at), V(o->asked_at), V(o->asks),
	    V(o->cancel_wanted), V(o->want_quantity),
	    V(o->want_limit_price), V(o->want_stop_price),
	    V(o->want_reserved), V(o->display), V(o->late),
	    V(o->refused)), e);
}

int
trade_order_update(struct db *db, const O *o, struct err *e)
{
	return db_post(db, &ORDER_UPDATE, ARGS(V(o->quantity),
	    V(o->limit_price), V(o->stop_price), V(o->state), V(o->has_open),
	    V(o->filled), V(o->avg_price), V(o->reserved), V(o->reject_code),
	    V(o->reject_detail), V(o->version), V(o->updated_at),
	    V(o->trail_mark), V(o->triggered_at), V(o->broker_order_id),
	    V(o->send), V(o->send_at), V(o->send_tries), V(o->sent_at),
	    V(o->asked_at), V(o->asks), V(o->cancel_wanted),
	    V(o->want_quantity), V(o->want_limit_price),
	    V(o->want_stop_price), V(o->want_reserved), V(o->late),
	    V(o->refused), V(o->id)), e);
}

int
trade_order_send_mark(struct db *db, const O *o, struct err *e)
{
	return db_exec(db, &ORDER_MARK, ARGS(V(o->send), V(o->send_at),
	    V(o->send_tries), V(o->sent_at), V(o->asked_at), V(o->asks),
	    V(o->id)), NULL, e);
}

int
trade_order_to_send(struct db *db, struct arena *a, struct utc now,
    int64_t limit, struct rows *out, struct err *e)
{
	return db_all(db, a, &ORDER_TO_SEND, ARGS(V(now), V(limit)), out, e);
}

int
trade_order_to_ask(struct db *db, struct arena *a, struct utc before,
    int64_t limit, struct rows *out, struct err *e)
{
	return db_all(db, a, &ORDER_TO_ASK, ARGS(V(before), V(before),
	    V(limit)), out, e);
}

int
trade_order_by_client(struct db *db, struct arena *a, struct uuid session,
    const char *client, struct rows *out, struct err *e)
{
	return db_ask(db, a, &ORDER_BY_CLIENT, ARGS(V(session), V(client)),
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
    const struct trade_order_filter *f, struct uuid below, int64_t limit,
    struct rows *out, struct err *e)
{
	return db_all(db, a, f->open ? &ORDER_PAGE_OPEN : &ORDER_PAGE,
	    ARGS(V(session), V(f->state), V(f->state), V(f->symbol),
	    V(f->symbol), V(f->side), V(f->side), V(f->from), V(f->to),
	    V(f->parent_id), V(f->parent_id), V(below), V(limit)), out, e);
}

int
trade_order_kin(struct db *db, struct arena *a, const O *o, struct rows *out,
    struct err *e)
{
	return db_all(db, a, &ORDER_KIN, ARGS(V(o->session_id), V(o->id),
	    V(o->id), V(o->oco_group), V(o->instrument_id)), out, e);
}

int
trade_order_all_open(struct db *db, struct arena *a, struct uuid session,
    struct rows *out, struct err *e)
{
	return db_all(db, a, &ORDER_ALL_OPEN, ARGS(V(session)), out, e);
}

int
trade_order_sweep(struct db *db, struct uuid session, struct utc now,
    struct err *e)
{
	if (db_exec(db, &ORDER_SWEEP_WAIT, ARGS(V(now), V(session)), NULL,
	    e) == -1 || db_exec(db, &ORDER_SWEEP_ASK, ARGS(V(now), V(now),
	    V(session)), NULL, e) == -1)
		return -1;
	return db_exec(db, &ORDER_SWEEP, ARGS(V(now), V(session)), NULL, e);
}

int
trade_order_sum_open(struct db *db, struct arena *a, struct uuid session,
    struct trade_order_sum *out, struct err *e)
{
	return db_one(db, a, &ORDER_SUM_OPEN, ARGS(V(session)), out, e);
}

int
trade_order_open(struct db *db, struct arena *a, const O *o, struct dec at,
    struct utc now, N *out, struct err *e)
{
	struct utc second = { now.us - US_PER_S };
	struct utc minute = { now.us - 60 * US_PER_S };
	struct utc half = { now.us - US_PER_S / 2 };

	return db_one(db, a, &ORDER_OPEN, ARGS(V(second), V(minute), V(half),
	    V(o->instrument_id), V(o->side), V(o->type), V(o->quantity),
	    V(o->limit_price), V(o->instrument_id), V(o->side),
	    V(o->instrument_id), V(o->side), V(o->side), V(at), V(at),
	    V(o->session_id), V(o->id), V(second), V(minute), V(half),
	    V(o->instrument_id), V(o->side), V(o->type), V(o->quantity),
	    V(o->limit_price), V(o->session_id), V(uuid_first(minute)),
	    V(o->id)), out, e);
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
