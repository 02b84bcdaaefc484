/*
 * Rows of comparisons and of what they found. All SQL on trade_reconciliation
 * and trade_difference is here.
 */
#include "modules/trade/link.h"

#define R struct trade_reconciliation
static const struct field reconciliation_fields[] = {
	FIELD(R, id, .doc = "Identifier"),
	FIELD(R, tenant_id, .flags = FF_HIDDEN),
	FIELD(R, session_id, .doc = "Session"),
	FIELD(R, cause, .doc = "Why it was compared"),
	FIELD(R, matched, .doc = "Orders and positions that are equal"),
	FIELD(R, local_missing, .doc = "The broker has them, we do not"),
	FIELD(R, broker_missing, .doc = "We have them, the broker does not"),
	FIELD(R, qty_differs, .doc = "Both have them, with other quantities"),
	FIELD(R, unknown, .doc = "Orders whose outcome is not known"),
	FIELD(R, accepted, .doc = "Differences that a person has accepted"),
	FIELD(R, at, .doc = "When"), FIELD_END
};
const struct schema trade_reconciliation_schema = {
	.name = "Reconciliation", .doc = "A comparison with the broker",
	.size = sizeof(R), .fields = reconciliation_fields
};
#define RECONCILIATION "id, tenant_id, session_id, cause, matched, " \
	"local_missing, broker_missing, qty_differs, unknown, accepted, at"

#define D struct trade_difference
static const struct field difference_fields[] = {
	FIELD(D, id, .doc = "Identifier"),
	FIELD(D, tenant_id, .flags = FF_HIDDEN),
	FIELD(D, session_id, .doc = "Session"),
	FIELD(D, kind, .oneof = ONEOF("order", "position"), .doc = "Of what"),
	FIELD(D, name, .doc = "The broker's id of the order, or ours when it "
	    "has none; of a position the symbol"),
	FIELD(D, class, .oneof = ONEOF("local_missing", "broker_missing",
	    "qty_differs", "unknown"), .doc = "What is not equal"),
	FIELD(D, symbol, .doc = "Symbol"),
	FIELD(D, order_id, .flags = FF_NULLABLE, .doc = "Our order"),
	FIELD(D, ours, .doc = "Our quantity"),
	FIELD(D, theirs, .doc = "The broker's quantity"),
	FIELD(D, price, .doc = "The broker's mean price"),
	FIELD(D, state, .oneof = ONEOF("open", "accepted", "gone"),
	    .doc = "Open: only reducing orders are taken"),
	FIELD(D, note, .doc = "In words"),
	FIELD(D, decided_by, .doc = "Who accepted it"),
	FIELD(D, found_at, .doc = "First seen"),
	FIELD(D, seen_at, .doc = "Last seen"),
	FIELD(D, decided_at, .flags = FF_NULLABLE, .doc = "When it ended"),
	FIELD_END
};
const struct schema trade_difference_schema = {
	.name = "Difference", .doc = "What we and the broker do not agree on",
	.size = sizeof(D), .fields = difference_fields
};
#define DIFFERENCE "id, tenant_id, session_id, kind, name, class, symbol, " \
	"order_id, ours, theirs, price, state, note, decided_by, found_at, " \
	"seen_at, decided_at"

static const struct query RECONCILIATION_ADD = { "trade_reconciliation.add",
	"INSERT INTO trade_reconciliation (" RECONCILIATION ") VALUES (?, ?, "
	"?, ?, ?, ?, ?, ?, ?, ?, ?)", NULL };
static const struct query RECONCILIATION_PAGE = { "trade_reconciliation.page",
	"SELECT " RECONCILIATION " FROM trade_reconciliation WHERE "
	"session_id = ? AND (? IS NULL OR id < ?) ORDER BY id DESC LIMIT ?",
	&trade_reconciliation_schema };
static const struct query DIFFERENCE_ALL = { "trade_difference.all",
	"SELECT " DIFFERENCE " FROM trade_difference WHERE session_id = ? "
	"AND open = 1 ORDER BY id LIMIT 5000", &trade_difference_schema };
static const struct query DIFFERENCE_PAGE = { "trade_difference.page",
	"SELECT " DIFFERENCE " FROM trade_difference WHERE tenant_id = ? AND "
	"(? = 0 OR state = 'open') AND (? IS NULL OR id < ?) ORDER BY id "
	"DESC LIMIT ?", &trade_difference_schema };
static const struct query DIFFERENCE_GET = { "trade_difference.get",
	"SELECT " DIFFERENCE " FROM trade_difference WHERE tenant_id = ? AND "
	"id = ? LIMIT 1", &trade_difference_schema };
static const struct query DIFFERENCE_ADD = { "trade_difference.add",
	"INSERT INTO trade_difference (" DIFFERENCE ", open) VALUES (?, ?, "
	"?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)", NULL };
static const struct query DIFFERENCE_UPDATE = { "trade_difference.update",
	"UPDATE trade_difference SET class = ?, ours = ?, theirs = ?, price "
	"= ?, state = ?, open = IF(? = 'gone', NULL, 1), note = ?, "
	"decided_by = ?, seen_at = ?, decided_at = ? WHERE id = ?", NULL };

const struct query *const trade_difference_queries[] = {
	&RECONCILIATION_ADD, &RECONCILIATION_PAGE, &DIFFERENCE_ALL,
	&DIFFERENCE_PAGE, &DIFFERENCE_GET, &DIFFERENCE_ADD,
	&DIFFERENCE_UPDATE, NULL
};

const struct table trade_difference_tables[] = {
	{ .name = "trade_reconciliation", .row = &trade_reconciliation_schema,
	  .tenant_column = "tenant_id", .retention_days = 90,
	  .retention_column = "at", .snapshot = SNAP_FULL },
	{ .name = "trade_difference", .row = &trade_difference_schema,
	  .tenant_column = "tenant_id", .sql_only = ONEOF("open"),
	  .snapshot = SNAP_FULL },
	{ .name = NULL }
};

int
trade_reconciliation_add(struct db *db, const R *r, struct err *e)
{
	return db_exec(db, &RECONCILIATION_ADD, ARGS(V(r->id),
	    V(r->tenant_id), V(r->session_id), V(r->cause), V(r->matched),
	    V(r->local_missing), V(r->broker_missing), V(r->qty_differs),
	    V(r->unknown), V(r->accepted), V(r->at)), NULL, e);
}

int
trade_reconciliation_page(struct db *db, struct arena *a,
    struct uuid session, struct uuid below, int64_t limit, struct rows *out,
    struct err *e)
{
	return db_all(db, a, &RECONCILIATION_PAGE, ARGS(V(session), V(below),
	    V(below), V(limit)), out, e);
}

int
trade_difference_all(struct db *db, struct arena *a, struct uuid session,
    struct rows *out, struct err *e)
{
	return db_all(db, a, &DIFFERENCE_ALL, ARGS(V(session)), out, e);
}

int
trade_difference_page(struct db *db, struct arena *a, struct uuid tenant,
    bool open, struct uuid below, int64_t limit, struct rows *out,
    struct err *e)
{
	return db_all(db, a, &DIFFERENCE_PAGE, ARGS(V(tenant), V((int64_t)
	    open), V(below), V(below), V(limit)), out, e);
}

int
trade_difference_get(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, D *out, struct err *e)
{
	return db_one(db, a, &DIFFERENCE_GET, ARGS(V(tenant), V(id)), out, e);
}

int
trade_difference_add(struct db *db, const D *d, struct err *e)
{
	return db_exec(db, &DIFFERENCE_ADD, ARGS(V(d->id), V(d->tenant_id),
	    V(d->session_id), V(d->kind), V(d->name), V(d->class),
	    V(d->symbol), V(d->order_id), V(d->ours), V(d->theirs),
	    V(d->price), V(d->state), V(d->note), V(d->decided_by),
	    V(d->found_at), V(d->seen_at), V(d->decided_at)), NULL, e);
}

int
trade_difference_update(struct db *db, const D *d, struct err *e)
{
	return db_exec(db, &DIFFERENCE_UPDATE, ARGS(V(d->class), V(d->ours),
	    V(d->theirs), V(d->price), V(d->state), V(d->state), V(d->note),
	    V(d->decided_by), V(d->seen_at), V(d->decided_at), V(d->id)),
	    NULL, e);
}
