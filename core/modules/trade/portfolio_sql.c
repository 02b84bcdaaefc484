/*
 * Reading an account for its portfolio, and the rows of its worth by day. All
 * SQL on trade_equity is here.
 */
#include "modules/trade/portfolio.h"

#define Q struct trade_equity
static const struct field equity_fields[] = {
	FIELD(Q, session_id, .flags = FF_HIDDEN),
	FIELD(Q, day, .doc = "Day (UTC)"),
	FIELD(Q, tenant_id, .flags = FF_HIDDEN),
	FIELD(Q, equity, .doc = "Cash and positions"),
	FIELD(Q, cash, .doc = "Cash"),
	FIELD(Q, realized, .doc = "Gains of what was closed, since the start"),
	FIELD(Q, unrealized, .doc = "Gains of what is held"),
	FIELD(Q, fees, .doc = "Fees since the start"),
	FIELD(Q, deposits, .doc = "Paid in less paid out, since the start"),
	FIELD(Q, at, .doc = "When it was taken last"), FIELD_END
};
const struct schema trade_equity_schema = {
	.name = "EquityDay", .doc = "What an account was worth",
	.size = sizeof(Q), .fields = equity_fields
};
#define EQUITY "session_id, day, tenant_id, equity, cash, realized, " \
	"unrealized, fees, deposits, at"

#define M struct trade_movement
static const struct field movement_fields[] = {
	FIELD(M, kind), FIELD(M, symbol), FIELD(M, instrument_id),
	FIELD(M, quantity), FIELD(M, price), FIELD(M, fee), FIELD(M, at),
	FIELD(M, id, .flags = FF_NULLABLE), FIELD_END
};
static const struct schema movement_schema = {
	.name = "Movement", .doc = "A fill or an entry of a position",
	.size = sizeof(M), .fields = movement_fields
};

#define L struct trade_log_row
static const struct field log_fields[] = {
	FIELD(L, at, .doc = "When"), FIELD(L, symbol, .doc = "Symbol"),
	FIELD(L, action, .doc = "buy or sell"),
	FIELD(L, quantity, .doc = "Units"), FIELD(L, price, .doc = "Price"),
	FIELD(L, value, .flags = FF_NOSQL, .doc = "Units x price"),
	FIELD(L, fee, .doc = "Fee"),
	FIELD(L, order_id, .doc = "The order's own id at the client"),
	FIELD(L, origin, .doc = "The order's note"), FIELD_END
};
const struct schema trade_log_row_schema = {
	.name = "TradeLogRow", .doc = "A trade", .size = sizeof(L),
	.fields = log_fields
};

#define C struct trade_cash_sum
static const struct field sum_fields[] = {
	FIELD(C, kind), FIELD(C, amount), FIELD_END
};
static const struct schema sum_schema = {
	.name = "CashSum", .doc = "Sum of a kind of cash entries",
	.size = sizeof(C), .fields = sum_fields
};
struct due {
	struct uuid id;
};
static const struct field due_fields[] = {
	FIELD(struct due, id), FIELD_END
};
static const struct schema due_schema = {
	.name = "SessionDue", .doc = "A session", .size = sizeof(struct due),
	.fields = due_fields
};

static const struct query MOVEMENT_EACH = { "trade_portfolio.movements",
	"SELECT m.kind, COALESCE(i.symbol, m.symbol) AS symbol, "
	"m.instrument_id, m.quantity, m.price, m.fee, m.at, m.id FROM (SELECT "
	"'fill' AS kind, f.symbol, f.instrument_id, IF(f.side = 'buy', "
	"f.quantity, -f.quantity) AS quantity, f.price, f.fee, f.at, f.id FROM "
	"trade_fill f WHERE f.session_id = ? UNION ALL SELECT e.kind, "
	"p.symbol, e.instrument_id, e.quantity, CAST(0 AS DECIMAL(20,8)), "
	"CAST(0 AS DECIMAL(20,8)), e.at, CAST(NULL AS BINARY(16)) FROM "
	"trade_position_entry e JOIN trade_position p ON p.session_id = "
	"e.session_id AND p.instrument_id = e.instrument_id WHERE "
	"e.session_id = ?) m LEFT JOIN trade_instrument i ON i.id = "
	"m.instrument_id ORDER BY m.at, m.id LIMIT 200000",
	&movement_schema };
static const struct query LOG_EACH = { "trade_portfolio.log",
	"SELECT f.at, f.symbol, f.side AS action, f.quantity, f.price, f.fee, "
	"o.client_order_id AS order_id, o.tag AS origin FROM trade_fill f JOIN "
	"trade_order o ON o.id = f.order_id WHERE f.session_id = ? AND f.at >= "
	"COALESCE(?, '1970-01-01') AND f.at < COALESCE(?, '9999-01-01') ORDER "
	"BY f.at, f.id LIMIT 100000", &trade_log_row_schema };
static const struct query EQUITY_PUT = { "trade_equity.put",
	"INSERT INTO trade_equity (" EQUITY ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, "
	"?, ?) ON DUPLICATE KEY UPDATE equity = VALUE(equity), cash = "
	"VALUE(cash), realized = VALUE(realized), unrealized = "
	"VALUE(unrealized), fees = VALUE(fees), deposits = VALUE(deposits), "
	"at = VALUE(at)", NULL };
static const struct query EQUITY_ALL = { "trade_equity.all",
	"SELECT " EQUITY " FROM trade_equity WHERE session_id = ? AND day >= "
	"COALESCE(?, '1970-01-01') AND day < COALESCE(?, '9999-01-01') ORDER "
	"BY day LIMIT 5000", &trade_equity_schema };
static const struct query EQUITY_DUE = { "trade_equity.due",
	"SELECT s.id FROM trade_session s LEFT JOIN trade_equity q ON "
	"q.session_id = s.id AND q.day = ? WHERE s.live = 1 AND (q.at IS NULL "
	"OR q.at < ?) ORDER BY s.id LIMIT 200", &due_schema };
static const struct query CASH_SUMS = { "trade_portfolio.cash_sums",
	"SELECT kind, SUM(amount) AS amount FROM trade_cash WHERE session_id = "
	"? AND at >= COALESCE(?, '1970-01-01') AND at < COALESCE(?, "
	"'9999-01-01') GROUP BY kind LIMIT 20", &sum_schema };

const struct query *const trade_portfolio_queries[] = {
	&MOVEMENT_EACH, &LOG_EACH, &EQUITY_PUT, &EQUITY_ALL, &EQUITY_DUE,
	&CASH_SUMS, NULL
};

const struct table trade_portfolio_tables[] = {
	{ .name = "trade_equity", .row = &trade_equity_schema,
	  .tenant_column = "tenant_id", .snapshot = SNAP_FULL },
	/* views */
	{ .name = "users", .snapshot = SNAP_NEVER },
	{ .name = "backtest_results", .snapshot = SNAP_NEVER },
	{ .name = "orders", .snapshot = SNAP_NEVER },
	{ .name = "fills", .snapshot = SNAP_NEVER },
	{ .name = NULL }
};

int
trade_movement_each(struct db *db, struct arena *a, struct uuid session,
    int (*fn)(void *arg, const void *movement, struct err *), void *arg,
    struct err *e)
{
	return db_each(db, a, &MOVEMENT_EACH, ARGS(V(session), V(session)),
	    fn, arg, e);
}

int
trade_log_each(struct db *db, struct arena *a, struct uuid session,
    struct utc from, struct utc to, int (*fn)(void *arg, const void *row,
    struct err *), void *arg, struct err *e)
{
	return db_each(db, a, &LOG_EACH, ARGS(V(session), V(from), V(to)),
	    fn, arg, e);
}

int
trade_equity_put(struct db *db, const Q *q, struct err *e)
{
	return db_exec(db, &EQUITY_PUT, ARGS(V(q->session_id), V(q->day),
	    V(q->tenant_id), V(q->equity), V(q->cash), V(q->realized),
	    V(q->unrealized), V(q->fees), V(q->deposits), V(q->at)), NULL,
	    e);
}

int
trade_equity_all(struct db *db, struct arena *a, struct uuid session,
    struct utc from, struct utc to, struct rows *out, struct err *e)
{
	return db_all(db, a, &EQUITY_ALL, ARGS(V(session), V(from), V(to)),
	    out, e);
}

int
trade_equity_due(struct db *db, struct arena *a, struct utc day,
    struct utc before, struct rows *out, struct err *e)
{
	return db_all(db, a, &EQUITY_DUE, ARGS(V(day), V(before)), out, e);
}

int
trade_cash_sums(struct db *db, struct arena *a, struct uuid session,
    struct utc from, struct utc to, struct rows *out, struct err *e)
{
	return db_all(db, a, &CASH_SUMS, ARGS(V(session), V(from), V(to)),
	    out, e);
}
