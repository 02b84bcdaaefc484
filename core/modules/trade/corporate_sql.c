/*
 * Rows of corporate actions and of what sessions took of them. All SQL on
 * trade_corporate and trade_corporate_entry is here.
 */
#include "modules/trade/corporate.h"

#define C struct trade_corporate
static const struct field fields[] = {
	FIELD(C, id, .doc = "Identifier"),
	FIELD(C, tenant_id, .flags = FF_HIDDEN),
	FIELD(C, instrument_id, .flags = FF_HIDDEN),
	FIELD(C, symbol, .doc = "Symbol"),
	FIELD(C, kind, .doc = "split, dividend or symbol_change"),
	FIELD(C, ex_at, .doc = "Who held it before this takes it"),
	FIELD(C, ratio, .doc = "Split: new units for one old"),
	FIELD(C, amount, .doc = "Dividend: money for one unit"),
	FIELD(C, new_symbol, .doc = "Symbol from then on"),
	FIELD(C, note, .doc = "Note"),
	FIELD(C, sessions, .doc = "Accounts that took it"),
	FIELD(C, applied_at, .flags = FF_NULLABLE,
	    .doc = "When all had taken it"),
	FIELD(C, made_by, .doc = "Who entered it"),
	FIELD(C, created_at, .doc = "When it was entered"), FIELD_END
};
const struct schema trade_corporate_schema = {
	.name = "CorporateAction", .doc = "What happened to a symbol",
	.size = sizeof(C), .fields = fields
};
#define CORPORATE "id, tenant_id, instrument_id, symbol, kind, ex_at, " \
	"ratio, amount, new_symbol, note, sessions, applied_at, made_by, " \
	"created_at"

#define E struct trade_corporate_entry
static const struct field entry_fields[] = {
	FIELD(E, corporate_id, .flags = FF_HIDDEN),
	FIELD(E, session_id, .doc = "Account"),
	FIELD(E, tenant_id, .flags = FF_HIDDEN),
	FIELD(E, held, .doc = "Units held before"),
	FIELD(E, quantity, .doc = "Units that came on top"),
	FIELD(E, cash, .doc = "Money that came"),
	FIELD(E, cancelled, .doc = "Open orders that were cancelled"),
	FIELD(E, at, .doc = "When"), FIELD_END
};
const struct schema trade_corporate_entry_schema = {
	.name = "CorporateEntry", .doc = "What an account took of an action",
	.size = sizeof(E), .fields = entry_fields
};
#define ENTRY "corporate_id, session_id, tenant_id, held, quantity, cash, " \
	"cancelled, at"

struct units {
	struct dec quantity;
};
static const struct field units_fields[] = {
	FIELD(struct units, quantity), FIELD_END
};
static const struct schema units_schema = {
	.name = "UnitsHeld", .doc = "Units of a time",
	.size = sizeof(struct units), .fields = units_fields
};

static const struct query CORPORATE_INSERT = { "trade_corporate.insert",
	"INSERT INTO trade_corporate (" CORPORATE ") VALUES (?, ?, ?, ?, ?, ?, "
	"?, ?, ?, ?, ?, ?, ?, ?)", NULL };
static const struct query CORPORATE_UPDATE = { "trade_corporate.update",
	"UPDATE trade_corporate SET sessions = ?, applied_at = ? WHERE id = ?",
	NULL };
static const struct query CORPORATE_PAGE = { "trade_corporate.page",
	"SELECT " CORPORATE " FROM trade_corporate WHERE tenant_id = ? AND id "
	"< COALESCE(?, X'FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF') ORDER BY id DESC "
	"LIMIT ?", &trade_corporate_schema };
static const struct query CORPORATE_BY_ID = { "trade_corporate.by_id",
	"SELECT " CORPORATE " FROM trade_corporate WHERE tenant_id = ? AND id "
	"= ? LIMIT 1", &trade_corporate_schema };
static const struct query CORPORATE_DELETE = { "trade_corporate.delete",
	"DELETE FROM trade_corporate WHERE tenant_id = ? AND id = ? AND "
	"sessions = 0", NULL };
static const struct query CORPORATE_DUE = { "trade_corporate.due",
	"SELECT " CORPORATE " FROM trade_corporate WHERE applied_at IS NULL "
	"AND ex_at <= ? ORDER BY ex_at, id LIMIT 100",
	&trade_corporate_schema };
static const struct query CORPORATE_OF = { "trade_corporate.of",
	"SELECT " CORPORATE " FROM trade_corporate WHERE instrument_id = ? AND "
	"kind <> 'symbol_change' ORDER BY ex_at DESC, id LIMIT 5000",
	&trade_corporate_schema };
static const struct query CORPORATE_RENAME = { "trade_corporate.rename",
	"UPDATE trade_instrument SET symbol = ? WHERE id = ?", NULL };
static const struct query CORPORATE_RELABEL = { "trade_corporate.relabel",
	"UPDATE trade_position SET symbol = ? WHERE instrument_id = ?", NULL };
static const struct query CORPORATE_REQUOTE = { "trade_corporate.requote",
	"UPDATE trade_quote SET bid = bid / ?, ask = ask / ?, last = last / ? "
	"WHERE instrument_id = ? AND at < ?", NULL };
static const struct query CORPORATE_SESSIONS = { "trade_corporate.sessions",
	"SELECT s.id FROM trade_session s WHERE s.tenant_id = ? AND s.live = 1 "
	"AND s.mode = 'paper' AND (EXISTS (SELECT 1 FROM trade_position p "
	"WHERE p.session_id = s.id AND p.instrument_id = ?) OR EXISTS (SELECT "
	"1 FROM trade_order o WHERE o.session_id = s.id AND o.instrument_id = "
	"? AND o.open = 1)) AND NOT EXISTS (SELECT 1 FROM "
	"trade_corporate_entry e WHERE e.corporate_id = ? AND e.session_id = "
	"s.id) ORDER BY s.id LIMIT 200", &db_id_schema };
static const struct query CORPORATE_HELD = { "trade_corporate.held",
	"SELECT COALESCE((SELECT SUM(IF(f.side = 'buy', f.quantity, "
	"-f.quantity)) FROM trade_fill f WHERE f.session_id = ? AND "
	"f.instrument_id = ? AND f.at < ?), 0) + COALESCE((SELECT "
	"SUM(e.quantity) FROM trade_position_entry e WHERE e.session_id = ? "
	"AND e.instrument_id = ? AND e.at < ?), 0) AS quantity",
	&units_schema };
static const struct query ENTRY_INSERT = { "trade_corporate_entry.insert",
	"INSERT INTO trade_corporate_entry (" ENTRY ") VALUES (?, ?, ?, ?, ?, "
	"?, ?, ?)", NULL };
static const struct query ENTRY_ALL = { "trade_corporate_entry.all",
	"SELECT " ENTRY " FROM trade_corporate_entry WHERE corporate_id = ? "
	"ORDER BY session_id LIMIT 5000", &trade_corporate_entry_schema };

const struct query *const trade_corporate_queries[] = {
	&CORPORATE_INSERT, &CORPORATE_UPDATE, &CORPORATE_PAGE,
	&CORPORATE_BY_ID, &CORPORATE_DELETE, &CORPORATE_DUE, &CORPORATE_OF,
	&CORPORATE_RENAME, &CORPORATE_RELABEL, &CORPORATE_REQUOTE,
	&CORPORATE_SESSIONS,
	&CORPORATE_HELD, &ENTRY_INSERT, &ENTRY_ALL, NULL
};

const struct table trade_corporate_tables[] = {
	{ .name = "trade_corporate", .row = &trade_corporate_schema,
	  .tenant_column = "tenant_id", .snapshot = SNAP_FULL },
	{ .name = "trade_corporate_entry",
	  .row = &trade_corporate_entry_schema,
	  .tenant_column = "tenant_id", .snapshot = SNAP_FULL },
	{ .name = NULL }
};

int
trade_corporate_insert(struct db *db, const C *c, struct err *e)
{
	return db_exec(db, &CORPORATE_INSERT, ARGS(V(c->id), V(c->tenant_id),
	    V(c->instrument_id), V(c->symbol), V(c->kind), V(c->ex_at),
	    V(c->ratio), V(c->amount), V(c->new_symbol), V(c->note),
	    V(c->sessions), V(c->applied_at), V(c->made_by),
	    V(c->created_at)), NULL, e);
}

int
trade_corporate_update(struct db *db, const C *c, struct err *e)
{
	return db_exec(db, &CORPORATE_UPDATE, ARGS(V(c->sessions),
	    V(c->applied_at), V(c->id)), NULL, e);
}

int
trade_corporate_page(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid below, int64_t limit, struct rows *out, struct err *e)
{
	return db_all(db, a, &CORPORATE_PAGE, ARGS(V(tenant), V(below),
	    V(limit)), out, e);
}

int
trade_corporate_by_id(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, C *out, struct err *e)
{
	return db_one(db, a, &CORPORATE_BY_ID, ARGS(V(tenant), V(id)), out,
	    e);
}

int
trade_corporate_delete(struct db *db, struct uuid tenant, struct uuid id,
    struct err *e)
{
	uint64_t n;

	if (db_exec(db, &CORPORATE_DELETE, ARGS(V(tenant), V(id)), &n, e) ==
	    -1)
		return -1;
	return n == 0;
}

int
trade_corporate_due(struct db *db, struct arena *a, struct utc now,
    struct rows *out, struct err *e)
{
	return db_all(db, a, &CORPORATE_DUE, ARGS(V(now)), out, e);
}

int
trade_corporate_of(struct db *db, struct arena *a, int64_t instrument,
    struct rows *out, struct err *e)
{
	return db_all(db, a, &CORPORATE_OF, ARGS(V(instrument)), out, e);
}

int
trade_corporate_entry_insert(struct db *db, const E *x, struct err *e)
{
	return db_exec(db, &ENTRY_INSERT, ARGS(V(x->corporate_id),
	    V(x->session_id), V(x->tenant_id), V(x->held), V(x->quantity),
	    V(x->cash), V(x->cancelled), V(x->at)), NULL, e);
}

int
trade_corporate_entry_all(struct db *db, struct arena *a, struct uuid id,
    struct rows *out, struct err *e)
{
	return db_all(db, a, &ENTRY_ALL, ARGS(V(id)), out, e);
}

int
trade_corporate_sessions(struct db *db, struct arena *a, const C *c,
    struct rows *out, struct err *e)
{
	return db_all(db, a, &CORPORATE_SESSIONS, ARGS(V(c->tenant_id),
	    V(c->instrument_id), V(c->instrument_id), V(c->id)), out, e);
}

int
trade_corporate_held(struct db *db, struct arena *a, struct uuid session,
    int64_t instrument, struct utc before, struct dec *out, struct err *e)
{
	struct units u;

	if (db_one(db, a, &CORPORATE_HELD, ARGS(V(session), V(instrument),
	    V(before), V(session), V(instrument), V(before)), &u, e) != 0)
		return -1;
	*out = u.quantity;
	return 0;
}

int
trade_corporate_rename(struct db *db, const C *c, struct err *e)
{
	return db_exec(db, &CORPORATE_RENAME, ARGS(V(c->new_symbol),
	    V(c->instrument_id)), NULL, e) == -1 ? -1 : db_exec(db,
	    &CORPORATE_RELABEL, ARGS(V(c->new_symbol),
	    V(c->instrument_id)), NULL, e);
}

int
trade_corporate_requote(struct db *db, const C *c, struct err *e)
{
	return db_exec(db, &CORPORATE_REQUOTE, ARGS(V(c->ratio), V(c->ratio),
	    V(c->ratio), V(c->instrument_id), V(c->ex_at)), NULL, e);
}
