/*
 * Whether the books agree, in SQL. All SQL on trade_book_fault is here; of the
 * other tables it only reads.
 */
#include <string.h>

#include "modules/trade/ledger.h"
#include "modules/trade/link.h"
#include "modules/trade/session.h"
#include "shm/shm.h"

#define T struct trade_fault
static const struct field fault_fields[] = {
	FIELD(T, rule, .doc = "What does not agree"),
	FIELD(T, subject, .doc = "Order or instrument"),
	FIELD(T, detail, .doc = "Both sides of it"), FIELD_END
};
static const struct schema fault_schema = {
	.name = "BookCheck", .doc = "Two figures that should be one",
	.size = sizeof(T), .fields = fault_fields
};

#define B struct trade_book_fault
static const struct field book_fields[] = {
	FIELD(B, session_id, .doc = "Session"),
	FIELD(B, rule, .doc = "What does not agree"),
	FIELD(B, subject, .doc = "Order or instrument; empty: the session"),
	FIELD(B, tenant_id, .flags = FF_HIDDEN),
	FIELD(B, detail, .doc = "Both sides of it"),
	FIELD(B, found_at, .doc = "When it was found"),
	FIELD(B, seen_at, .doc = "When it was seen last"),
	FIELD(B, over_at, .flags = FF_NULLABLE, .doc = "Since when it agrees"),
	FIELD_END
};
const struct schema trade_book_fault_schema = {
	.name = "BookFault", .doc = "Books of a session that do not agree",
	.size = sizeof(B), .fields = book_fields
};
#define BOOK "session_id, rule, subject, tenant_id, detail, found_at, " \
	"seen_at, over_at"

/* A mean may differ by its rounding: half to even here, half up in SQL. */
static const struct query CHECK = { "trade_ledger.check",
	"SELECT * FROM (SELECT 'cash' AS rule, CAST('' AS CHAR(64)) AS "
	"subject, CONCAT('cash ', s.cash, ', entries ', "
	"COALESCE(SUM(c.amount), 0)) AS detail FROM trade_session s LEFT JOIN "
	"trade_cash c ON c.session_id = s.id WHERE s.id = ? GROUP BY s.id "
	"HAVING MAX(s.cash) <> COALESCE(SUM(c.amount), 0) "
	"UNION ALL SELECT 'balance', '', CONCAT('cash ', s.cash, ', last "
	"balance ', c.balance) FROM trade_session s JOIN trade_cash c ON "
	"c.session_id = s.id AND c.seq = s.entries WHERE s.id = ? AND s.cash "
	"<> c.balance "
	"UNION ALL SELECT 'reserved', '', CONCAT('reserved ', s.reserved, "
	"', orders ', COALESCE(SUM(o.reserved), 0)) FROM trade_session s LEFT "
	"JOIN trade_order o ON o.session_id = s.id AND o.open = 1 WHERE s.id "
	"= ? GROUP BY s.id HAVING MAX(s.reserved) <> "
	"COALESCE(SUM(o.reserved), 0) "
	"UNION ALL SELECT 'over', HEX(o.id), CONCAT(o.state, ' holds ', "
	"o.reserved) FROM trade_order o WHERE o.session_id = ? AND o.open IS "
	"NULL AND o.reserved <> 0 "
	"UNION ALL SELECT 'position', u.instrument_id, CONCAT('held ', "
	"SUM(u.held), ', bought - sold ', SUM(u.traded)) FROM (SELECT "
	"instrument_id, quantity AS held, 0 AS traded FROM trade_position "
	"WHERE session_id = ? UNION ALL SELECT instrument_id, 0, IF(side = "
	"'buy', quantity, -quantity) FROM trade_fill WHERE session_id = ? "
	"UNION ALL SELECT instrument_id, 0, quantity FROM "
	"trade_position_entry WHERE session_id = ?) u GROUP BY "
	"u.instrument_id HAVING SUM(u.held) <> SUM(u.traded) "
	"UNION ALL SELECT 'filled', HEX(o.id), CONCAT('filled ', "
	"MAX(o.filled), ' of ', MAX(o.quantity), ', fills ', "
	"COALESCE(SUM(f.quantity), 0)) FROM trade_order o LEFT JOIN "
	"trade_fill f ON f.order_id = o.id WHERE o.session_id = ? GROUP BY "
	"o.id HAVING MAX(o.filled) <> COALESCE(SUM(f.quantity), 0) OR "
	"MAX(o.filled) > MAX(o.quantity) "
	"UNION ALL SELECT 'mean', HEX(o.id), CONCAT('mean ', "
	"MAX(o.avg_price), ', fills ', SUM(f.price * f.quantity) / "
	"SUM(f.quantity)) FROM trade_order o JOIN trade_fill f ON f.order_id "
	"= o.id WHERE o.session_id = ? GROUP BY o.id HAVING "
	"ABS(MAX(o.avg_price) - SUM(f.price * f.quantity) / SUM(f.quantity)) "
	"> 0.00000001 "
	"UNION ALL SELECT 'fees', '', CONCAT('entries ', x.paid, ', fills ', "
	"x.due) FROM (SELECT (SELECT COALESCE(-SUM(amount), 0) FROM "
	"trade_cash WHERE session_id = ? AND kind = 'fee') AS paid, (SELECT "
	"COALESCE(SUM(fee), 0) FROM trade_fill WHERE session_id = ?) AS due) "
	"x WHERE x.paid <> x.due) found LIMIT 100", &fault_schema };
static const struct query CHANGED = { "trade_ledger.changed",
	"SELECT id, tenant_id, user_id, broker, mode, state, live, currency, "
	"start_cash, cash, reserved, day, day_equity, entries, created_at, "
	"updated_at, version, fee_ppm FROM trade_session WHERE updated_at >= ? AND id "
	"> COALESCE(?, X'00000000000000000000000000000000') ORDER BY id LIMIT "
	"?", &trade_session_schema };
static const struct query KNOWN = { "trade_book_fault.known",
	"SELECT " BOOK " FROM trade_book_fault WHERE session_id = ? AND "
	"over_at IS NULL LIMIT 1000", &trade_book_fault_schema };
static const struct query FAULTS = { "trade_book_fault.open",
	"SELECT " BOOK " FROM trade_book_fault WHERE over_at IS NULL AND "
	"tenant_id = ? LIMIT 1000", &trade_book_fault_schema };
static const struct query PUT = { "trade_book_fault.put",
	"INSERT INTO trade_book_fault (" BOOK ") VALUES (?, ?, ?, ?, ?, ?, ?, "
	"NULL) ON DUPLICATE KEY UPDATE found_at = IF(over_at IS NULL, "
	"found_at, VALUE(found_at)), detail = VALUE(detail), seen_at = "
	"VALUE(seen_at), over_at = NULL", NULL };
static const struct query OVER = { "trade_book_fault.over",
	"UPDATE trade_book_fault SET over_at = ? WHERE session_id = ? AND "
	"over_at IS NULL AND seen_at < ?", NULL };
static const struct query COUNT = { "trade_book_fault.count",
	"SELECT CAST(COUNT(*) AS DOUBLE) AS value FROM trade_book_fault WHERE "
	"over_at IS NULL LIMIT 1", &gauge_value_schema };

const struct query *const trade_ledger_queries[] = {
	&CHECK, &CHANGED, &KNOWN, &FAULTS, &PUT, &OVER, &COUNT, NULL
};

const struct table trade_ledger_tables[] = {
	{ .name = "trade_book_fault", .row = &trade_book_fault_schema,
	  .tenant_column = "tenant_id", .snapshot = SNAP_REBUILDABLE,
	  .retention_days = 400, .retention_column = "over_at" },
	{ .name = NULL }
};

const struct event trade_ledger_events[] = {
	{ .name = "trade.books", .doc = "The books of a session do not agree, "
	  "or do again", .payload = &trade_book_fault_schema,
	  .permission = "trade:read", .seed_type = "system_status" },
	EVENT_END
};

static const struct metric faults = { "trade_book_faults",
    "Figures of accounts that should agree and do not", METRIC_GAUGE,
    { NULL, NULL } };
const struct metric *const trade_ledger_metrics[] = { &faults,
    &trade_orders_unknown, NULL };
const struct gauge trade_gauges[] = { { &faults, &COUNT },
    { &trade_orders_unknown, &trade_orders_unknown_count }, GAUGE_END };

int
trade_ledger_check(struct db *db, struct arena *a, struct uuid session,
    struct rows *out, struct err *e)
{
	return db_all(db, a, &CHECK, ARGS(V(session), V(session), V(session),
	    V(session), V(session), V(session), V(session), V(session),
	    V(session), V(session), V(session)), out, e);
}

int
trade_ledger_changed(struct db *db, struct arena *a, struct utc since,
    struct uuid after, int64_t limit, struct rows *out, struct err *e)
{
	return db_all(db, a, &CHANGED, ARGS(V(since), V(after), V(limit)),
	    out, e);
}

int
trade_ledger_faults(struct db *db, struct arena *a, struct uuid tenant,
    struct rows *out, struct err *e)
{
	return db_all(db, a, &FAULTS, ARGS(V(tenant)), out, e);
}

static bool
listed(const struct rows *known, const T *f)
{
	for (size_t i = 0; i < known->n; i++) {
		const B *b = ROW(known, B, i);

		if (strcmp(b->rule, f->rule) == 0 &&
		    strcmp(b->subject, f->subject) == 0)
			return true;
	}
	return false;
}

int
trade_ledger_audit(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid session, struct utc now, int64_t *n, struct err *e)
{
	struct rows found, known;

	if (trade_ledger_check(db, a, session, &found, e) == -1 ||
	    db_all(db, a, &KNOWN, ARGS(V(session)), &known, e) == -1)
		return -1;
	*n = (int64_t)found.n;
	for (size_t i = 0; i < found.n; i++) {
		const T *f = ROW(&found, T, i);
		const B b = { .session_id = session, .tenant_id = tenant,
		    .rule = f->rule, .subject = f->subject,
		    .detail = f->detail, .found_at = now, .seen_at = now };

		if (db_exec(db, &PUT, ARGS(V(session), V(b.rule),
		    V(b.subject), V(tenant), V(b.detail), V(now), V(now)),
		    NULL, e) == -1)
			return -1;
		if (!listed(&known, f) && event_publish(db,
		    &trade_ledger_events[0], tenant, b.rule, 0, &b, e) == -1)
			return -1;
	}
	if (known.n == 0)
		return 0;
	return db_exec(db, &OVER, ARGS(V(now), V(session), V(now)), NULL, e);
}
