/*
 * Rows of sessions, positions and the cash ledger. All SQL on trade_session,
 * trade_position and trade_cash is here.
 */
#include "base/random.h"
#include "modules/trade/session.h"

#define S struct trade_session
static const struct field session_fields[] = {
	FIELD(S, id, .doc = "Identifier"),
	FIELD(S, tenant_id, .flags = FF_HIDDEN),
	FIELD(S, user_id, .doc = "Whose it is"),
	FIELD(S, broker, .doc = "Broker"),
	FIELD(S, mode, .doc = "paper or live, for ever"),
	FIELD(S, state, .oneof = ONEOF("active", "reducing", "halted",
	    "closed"), .doc = "What it takes"),
	FIELD(S, live, .flags = FF_HIDDEN | FF_NULLABLE,
	    FIELD_HAS(S, has_live)),
	FIELD(S, currency, .doc = "Currency"),
	FIELD(S, start_cash, .doc = "Cash at the start"),
	FIELD(S, cash, .doc = "Cash now"),
	FIELD(S, reserved, .doc = "Held for open orders"),
	FIELD(S, day, .doc = "Day of day_equity"),
	FIELD(S, day_equity, .doc = "Equity when the day began"),
	FIELD(S, entries, .flags = FF_HIDDEN),
	FIELD(S, created_at, .doc = "When it was opened"),
	FIELD(S, updated_at, .doc = "When it changed last"),
	FIELD(S, version, .flags = FF_HIDDEN),
	FIELD(S, fee_ppm, .flags = FF_HIDDEN | FF_NULLABLE,
	    FIELD_HAS(S, has_fee)),
	FIELD(S, equity, .flags = FF_NOSQL,
	    .doc = "Cash and positions at their last prices"),
	FIELD(S, short_worth, .flags = FF_NOSQL,
	    .doc = "Worth of what is sold short"),
	FIELD(S, available, .flags = FF_NOSQL,
	    .doc = "Cash that nothing binds"), FIELD_END
};
const struct schema trade_session_schema = {
	.name = "BrokerSession", .doc = "An account with a broker",
	.size = sizeof(S), .fields = session_fields
};
#define SESSION "id, tenant_id, user_id, broker, mode, state, live, " \
	"currency, start_cash, cash, reserved, day, day_equity, entries, " \
	"created_at, updated_at, version, fee_ppm"

#define P struct trade_position
#define POSITION_FIELDS \
	FIELD(P, session_id, .flags = FF_HIDDEN), \
	FIELD(P, instrument_id, .flags = FF_HIDDEN), \
	FIELD(P, tenant_id, .flags = FF_HIDDEN), \
	FIELD(P, symbol, .doc = "Symbol"), \
	FIELD(P, quantity, .doc = "Units held; below 0: sold short"), \
	FIELD(P, avg_price, .doc = "Mean price they were opened at"), \
	FIELD(P, realized, .doc = "Profit of what was closed, before fees"), \
	FIELD(P, fees, .doc = "Fees paid"), \
	FIELD(P, updated_at, .doc = "Last fill")
static const struct field row_fields[] = { POSITION_FIELDS, FIELD_END };
static const struct schema row_schema = {
	.name = "PositionRow", .doc = "A position as it is stored",
	.size = sizeof(P), .fields = row_fields
};
static const struct field position_fields[] = {
	POSITION_FIELDS,
	FIELD(P, last, .flags = FF_NULLABLE, .doc = "Last price"),
	FIELD(P, last_at, .flags = FF_NULLABLE, .doc = "Since when"),
	FIELD(P, unrealized, .flags = FF_NOSQL,
	    .doc = "Profit if it were closed at the last price"),
	FIELD(P, day_gain, .flags = FF_NOSQL | FF_NULLABLE,
	    FIELD_HAS(P, has_day_gain), .doc = "Profit since midnight (UTC), "
	    "closed or not, before fees; null: the close before it is not "
	    "known, or a split came in between"),
	FIELD_END
};
const struct schema trade_position_schema = {
	.name = "Position", .doc = "What a session holds of a symbol",
	.size = sizeof(P), .fields = position_fields
};
const struct event trade_position_events[] = {
	{ .name = "trade.position", .doc = "A position changed",
	  .payload = &trade_position_schema, .permission = "trade:read",
	  .seed_type = "positions" },
	EVENT_END
};
#define POSITION "session_id, instrument_id, tenant_id, symbol, quantity, " \
	"avg_price, realized, fees, updated_at"

#define D struct trade_position_day
static const struct field day_fields[] = {
	FIELD(D, instrument_id), FIELD(D, bought), FIELD(D, sold),
	FIELD(D, flow), FIELD(D, adjusted), FIELD(D, before), FIELD_END
};
static const struct schema day_schema = {
	.name = "PositionDay", .doc = "What a day did to a position",
	.size = sizeof(D), .fields = day_fields
};

#define N struct trade_position_entry
static const struct field entry_fields[] = {
	FIELD(N, session_id, .flags = FF_HIDDEN),
	FIELD(N, instrument_id, .flags = FF_HIDDEN),
	FIELD(N, seq, .doc = "Number"),
	FIELD(N, kind, .doc = "split, bonus, merger, transfer or reconcile"),
	FIELD(N, quantity, .doc = "Units that came on top, signed"),
	FIELD(N, note, .doc = "Why"), FIELD(N, at, .doc = "When"), FIELD_END
};
const struct schema trade_position_entry_schema = {
	.name = "PositionEntry", .doc = "A change of a position without a "
	"fill", .size = sizeof(N), .fields = entry_fields
};
#define ENTRY "session_id, instrument_id, seq, kind, quantity, note, at"

#define C struct trade_cash
static const struct field cash_fields[] = {
	FIELD(C, session_id, .flags = FF_HIDDEN),
	FIELD(C, seq, .doc = "Number"),
	FIELD(C, kind, .doc = "What it was"),
	FIELD(C, amount, .doc = "In (above 0) or out"),
	FIELD(C, balance, .doc = "Cash after it"),
	FIELD(C, order_id, .flags = FF_NULLABLE, .doc = "Order"),
	FIELD(C, at, .doc = "When"), FIELD_END
};
const struct schema trade_cash_schema = {
	.name = "CashEntry", .doc = "An entry of the cash ledger",
	.size = sizeof(C), .fields = cash_fields
};
#define CASH "session_id, seq, kind, amount, balance, order_id, at"

#define MINE "SELECT " SESSION " FROM trade_session WHERE tenant_id = ? " \
	"AND user_id = ? AND broker = 'paper' AND mode = 'paper' AND live = " \
	"1 LIMIT 1"
#define BY_ID "SELECT " SESSION " FROM trade_session WHERE tenant_id = ? " \
	"AND user_id = ? AND id = ? AND live = 1 LIMIT 1"
static const struct query SESSION_MINE = { "trade_session.mine", MINE,
	&trade_session_schema };
static const struct query SESSION_MINE_LOCK = { "trade_session.mine_lock",
	MINE " FOR UPDATE", &trade_session_schema };
static const struct query SESSION_BY_ID = { "trade_session.by_id", BY_ID,
	&trade_session_schema };
static const struct query SESSION_PICK_LOCK = { "trade_session.pick_lock",
	BY_ID " FOR UPDATE", &trade_session_schema };
static const struct query SESSION_ALL = { "trade_session.all",
	"SELECT " SESSION " FROM trade_session WHERE tenant_id = ? AND "
	"user_id = ? AND live = 1 ORDER BY id LIMIT 100",
	&trade_session_schema };
static const struct query SESSION_LOCK = { "trade_session.lock",
	"SELECT " SESSION " FROM trade_session WHERE id = ? LIMIT 1 FOR "
	"UPDATE", &trade_session_schema };
static const struct query SESSION_INSERT = { "trade_session.insert",
	"INSERT INTO trade_session (" SESSION ") VALUES (?, ?, ?, ?, ?, ?, 1, "
	"?, ?, ?, ?, ?, ?, ?, ?, ?, 0, NULL)", NULL };
static const struct query SESSION_UPDATE = { "trade_session.update",
	"UPDATE trade_session SET state = ?, cash = ?, reserved = ?, day = ?, "
	"day_equity = ?, entries = ?, updated_at = ?, version = version + 1 "
	"WHERE id = ? AND version = ?", NULL };
static const struct query SESSION_FEE = { "trade_session.fee",
	"UPDATE trade_session SET fee_ppm = ? WHERE id = ?", NULL };
static const struct query SESSION_EXPOSED = { "trade_session.exposed",
	"SELECT " SESSION " FROM trade_session s WHERE live = 1 AND state IN "
	"('active', 'reducing') AND id > COALESCE(?, "
	"X'00000000000000000000000000000000') AND (reserved > 0 OR EXISTS "
	"(SELECT 1 FROM trade_position p WHERE p.session_id = s.id AND "
	"p.quantity <> 0)) ORDER BY id LIMIT ?", &trade_session_schema };
static const struct query POSITION_ALL = { "trade_position.all",
	"SELECT p.session_id, p.instrument_id, p.tenant_id, p.symbol, "
	"p.quantity, p.avg_price, p.realized, p.fees, p.updated_at, q.last, "
	"q.at AS last_at FROM trade_position p LEFT JOIN trade_quote q ON "
	"q.instrument_id = p.instrument_id WHERE p.session_id = ? ORDER BY "
	"p.instrument_id LIMIT 5000", &trade_position_schema };
/* Identifiers of fills grow with time: the key leads to the day's. */
static const struct query POSITION_DAY = { "trade_position.day",
	"SELECT x.instrument_id, CAST(SUM(x.bought) AS DECIMAL(20,8)) AS "
	"bought, CAST(SUM(x.sold) AS DECIMAL(20,8)) AS sold, "
	"CAST(SUM(x.flow) AS DECIMAL(20,8)) AS flow, CAST(SUM(x.adjusted) AS "
	"INT) AS adjusted, COALESCE((SELECT close FROM trade_bar b WHERE "
	"b.instrument_id = x.instrument_id AND b.timeframe = '1d' AND b.at < "
	"? ORDER BY b.at DESC LIMIT 1), (SELECT close FROM trade_bar b WHERE "
	"b.instrument_id = x.instrument_id AND b.timeframe = '1m' AND b.at < "
	"? ORDER BY b.at DESC LIMIT 1), 0) AS `before` FROM (SELECT "
	"instrument_id, IF(side = 'buy', quantity, 0) AS bought, IF(side = "
	"'buy', 0, quantity) AS sold, IF(side = 'buy', -quantity, quantity) * "
	"price AS flow, 0 AS adjusted FROM trade_fill WHERE session_id = ? "
	"AND id >= ? AND at >= ? UNION ALL SELECT instrument_id, 0, 0, 0, 1 "
	"FROM trade_position_entry WHERE session_id = ? AND at >= ? UNION ALL "
	"SELECT instrument_id, 0, 0, 0, 0 FROM trade_position WHERE "
	"session_id = ?) x GROUP BY x.instrument_id LIMIT 5000",
	&day_schema };
static const struct query POSITION_GET = { "trade_position.get",
	"SELECT " POSITION " FROM trade_position WHERE session_id = ? AND "
	"instrument_id = ? LIMIT 1", &row_schema };
static const struct query POSITION_PUT = { "trade_position.put",
	"INSERT INTO trade_position (" POSITION ") VALUES (?, ?, ?, ?, ?, ?, "
	"?, ?, ?) ON DUPLICATE KEY UPDATE quantity = VALUE(quantity), "
	"avg_price = VALUE(avg_price), realized = VALUE(realized), fees = "
	"VALUE(fees), updated_at = VALUE(updated_at)", NULL };
static const struct query ENTRY_ADD = { "trade_position_entry.add",
	"INSERT INTO trade_position_entry (" ENTRY ") SELECT ?, ?, "
	"COALESCE(MAX(seq), 0) + 1, ?, ?, ?, ? FROM trade_position_entry "
	"WHERE session_id = ? AND instrument_id = ?", NULL };
static const struct query CASH_ADD = { "trade_cash.add",
	"INSERT INTO trade_cash (" CASH ") VALUES (?, ?, ?, ?, ?, ?, ?)",
	NULL };
static const struct query CASH_PAGE = { "trade_cash.page",
	"SELECT " CASH " FROM trade_cash WHERE session_id = ? AND seq < ? "
	"ORDER BY seq DESC LIMIT ?", &trade_cash_schema };

const struct query *const trade_session_queries[] = {
	&SESSION_MINE, &SESSION_MINE_LOCK, &SESSION_BY_ID,
	&SESSION_PICK_LOCK, &SESSION_ALL, &SESSION_LOCK, &SESSION_INSERT,
	&SESSION_UPDATE, &SESSION_FEE, &SESSION_EXPOSED, &POSITION_ALL,
	&POSITION_DAY, &POSITION_GET, &POSITION_PUT, &ENTRY_ADD, &CASH_ADD, &CASH_PAGE, NULL
};

const struct table trade_session_tables[] = {
	{ .name = "trade_session", .row = &trade_session_schema,
	  .tenant_column = "tenant_id", .snapshot = SNAP_FULL },
	{ .name = "trade_position", .row = &row_schema,
	  .tenant_column = "tenant_id", .snapshot = SNAP_FULL },
	{ .name = "trade_position_entry", .row = &trade_position_entry_schema,
	  .snapshot = SNAP_FULL },
	{ .name = "trade_cash", .row = &trade_cash_schema,
	  .snapshot = SNAP_FULL },
	{ .name = NULL }
};

int
trade_session_mine(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid user, bool lock, S *out, struct err *e)
{
	return db_one(db, a, lock ? &SESSION_MINE_LOCK : &SESSION_MINE,
	    ARGS(V(tenant), V(user)), out, e);
}

int
trade_session_pick(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid user, struct uuid id, bool lock, S *out, struct err *e)
{
	if (uuid_is_nil(id))
		return trade_session_mine(db, a, tenant, user, lock, out, e);
	return db_one(db, a, lock ? &SESSION_PICK_LOCK : &SESSION_BY_ID,
	    ARGS(V(tenant), V(user), V(id)), out, e);
}

int
trade_session_all(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid user, struct rows *out, struct err *e)
{
	return db_all(db, a, &SESSION_ALL, ARGS(V(tenant), V(user)), out, e);
}

int
trade_session_lock(struct db *db, struct arena *a, struct uuid id, S *out,
    struct err *e)
{
	return db_one(db, a, &SESSION_LOCK, ARGS(V(id)), out, e);
}

int
trade_session_insert(struct db *db, const S *s, struct err *e)
{
	return db_exec(db, &SESSION_INSERT, ARGS(V(s->id), V(s->tenant_id),
	    V(s->user_id), V(s->broker), V(s->mode), V(s->state),
	    V(s->currency), V(s->start_cash), V(s->cash), V(s->reserved),
	    V(s->day), V(s->day_equity), V(s->entries), V(s->created_at),
	    V(s->updated_at)), NULL, e);
}

int
trade_session_update(struct db *db, S *s, struct err *e)
{
	int rc = db_post_one(db, &SESSION_UPDATE, ARGS(V(s->state),
	    V(s->cash), V(s->reserved), V(s->day), V(s->day_equity),
	    V(s->entries), V(s->updated_at), V(s->id), V(s->version)), e);

	s->version++;
	return rc;
}

int
trade_session_fee_put(struct db *db, S *s, int64_t ppm, struct err *e)
{
	if (s->has_fee && s->fee_ppm == ppm)
		return 0;
	s->has_fee = true;
	s->fee_ppm = ppm;
	return db_post(db, &SESSION_FEE, ARGS(V(ppm), V(s->id)), e);
}

int
trade_session_exposed(struct db *db, struct arena *a, struct uuid after,
    int64_t limit, struct rows *out, struct err *e)
{
	return db_all(db, a, &SESSION_EXPOSED, ARGS(V(after), V(limit)), out,
	    e);
}

int
trade_position_all(struct db *db, struct arena *a, struct uuid session,
    struct rows *out, struct err *e)
{
	return trade_position_ask(db, a, session, out, e) == -1 ? -1 :
	    db_hear(db, e);
}

int
trade_position_ask(struct db *db, struct arena *a, struct uuid session,
    struct rows *out, struct err *e)
{
	return db_ask(db, a, &POSITION_ALL, ARGS(V(session)), out, e);
}

int
trade_position_day_all(struct db *db, struct arena *a, struct uuid session,
    struct utc day, struct rows *out, struct err *e)
{
	struct uuid first = uuid_first(day);

	return db_all(db, a, &POSITION_DAY, ARGS(V(day), V(day), V(session),
	    V(first), V(day), V(session), V(day), V(session)), out, e);
}

int
trade_position_get(struct db *db, struct arena *a, struct uuid session,
    int64_t instrument, P *out, struct err *e)
{
	return db_one(db, a, &POSITION_GET, ARGS(V(session), V(instrument)),
	    out, e);
}

int
trade_position_put(struct db *db, const P *p, struct err *e)
{
	return db_post(db, &POSITION_PUT, ARGS(V(p->session_id),
	    V(p->instrument_id), V(p->tenant_id), V(p->symbol),
	    V(p->quantity), V(p->avg_price), V(p->realized), V(p->fees),
	    V(p->updated_at)), e);
}

int
trade_position_entry_add(struct db *db, const N *n, struct err *e)
{
	return db_post(db, &ENTRY_ADD, ARGS(V(n->session_id),
	    V(n->instrument_id), V(n->kind), V(n->quantity), V(n->note),
	    V(n->at), V(n->session_id), V(n->instrument_id)), e);
}

int
trade_cash_add(struct db *db, const C *c, struct err *e)
{
	return db_post(db, &CASH_ADD, ARGS(V(c->session_id), V(c->seq),
	    V(c->kind), V(c->amount), V(c->balance), V(c->order_id),
	    V(c->at)), e);
}

int
trade_cash_page(struct db *db, struct arena *a, struct uuid session,
    int64_t below, int64_t limit, struct rows *out, struct err *e)
{
	return db_all(db, a, &CASH_PAGE, ARGS(V(session), V(below),
	    V(limit)), out, e);
}
