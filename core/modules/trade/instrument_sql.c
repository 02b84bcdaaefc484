/*
 * Rows of instruments. All SQL on trade_instrument is here.
 */
#include <string.h>

#include "base/err.h"
#include "base/str.h"
#include "modules/trade/instrument.h"

const char *const trade_instrument_kinds[] = {
	"equity", "etf", "index", "future", "option", "crypto", "forex", NULL
};

#define I struct trade_instrument
static const struct field fields[] = {
	FIELD(I, id, .doc = "Number"),
	FIELD(I, tenant_id, .flags = FF_HIDDEN),
	FIELD(I, symbol, .doc = "Symbol", .example = "\"GOOG\""),
	FIELD(I, exchange, .doc = "Exchange; empty: any"),
	FIELD(I, name, .doc = "Name for people"),
	FIELD(I, kind, .doc = "Kind"),
	FIELD(I, currency, .doc = "Currency of its prices"),
	FIELD(I, tick, .doc = "Smallest step of a price"),
	FIELD(I, lot, .doc = "Smallest quantity"),
	FIELD(I, zone, .doc = "Time zone of its market"),
	FIELD(I, hours, .doc = "When its market is open, by that zone; empty: "
	    "always", .example = "\"mon-fri 09:30-16:00\""),
	FIELD(I, closed_on, .doc = "Days on which it is closed, or from a "
	    "time on", .example = "\"2026-12-25, 2026-11-27 13:00\""),
	FIELD(I, min_quantity, .doc = "Least quantity of an order; 0: none"),
	FIELD(I, max_quantity, .doc = "Most; 0: no limit"),
	FIELD(I, tradable, .doc = "Orders are taken"),
	FIELD(I, created_at, .doc = "When it was made known"),
	FIELD_END
};
const struct schema trade_instrument_schema = {
	.name = "Instrument", .doc = "What is traded",
	.size = sizeof(I), .fields = fields
};

static const struct field number_fields[] = {
	FIELD(struct trade_number, id, .doc = "Number"), FIELD_END
};
const struct schema trade_number_schema = { .name = "Number",
    .doc = "A number", .size = sizeof(struct trade_number),
    .fields = number_fields };

#define COLUMNS "id, tenant_id, symbol, exchange, name, kind, currency, " \
	"tick, lot, zone, hours, closed_on, min_quantity, max_quantity, " \
	"tradable, created_at"

#define OF_COLUMNS "i.id, i.tenant_id, i.symbol, i.exchange, i.name, " \
	"i.kind, i.currency, i.tick, i.lot, i.zone, i.hours, i.closed_on, " \
	"i.min_quantity, i.max_quantity, i.tradable, i.created_at"

static const struct query INSTRUMENT_PAGE = { "trade_instrument.page",
	"SELECT " COLUMNS " FROM trade_instrument WHERE tenant_id = ? AND "
	"id > ? ORDER BY id LIMIT ?", &trade_instrument_schema };
static const struct query INSTRUMENT_FIND = { "trade_instrument.find",
	"SELECT " COLUMNS " FROM trade_instrument WHERE tenant_id = ? AND "
	"symbol = ? AND (exchange = ? OR ? = '') "
	"ORDER BY exchange LIMIT 2", &trade_instrument_schema };
/* The collation of the key: otherwise all of the tenant's are read. */
static const struct query INSTRUMENT_OF = { "trade_instrument.of",
	"SELECT " OF_COLUMNS " FROM JSON_TABLE(?, '$[*]' COLUMNS(symbol "
	"VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin PATH '$')) j "
	"STRAIGHT_JOIN trade_instrument i ON "
	"i.tenant_id = ? AND i.symbol = j.symbol ORDER BY i.symbol, "
	"i.exchange LIMIT 10000", &trade_instrument_schema };
static const struct query INSTRUMENT_ANY = { "trade_instrument.any",
	"SELECT " COLUMNS " FROM trade_instrument WHERE id = ? LIMIT 1",
	&trade_instrument_schema };
static const struct query INSTRUMENT_PUT = { "trade_instrument.put",
	"INSERT INTO trade_instrument (tenant_id, symbol, exchange, name, "
	"kind, currency, tick, lot, zone, hours, closed_on, min_quantity, "
	"max_quantity, tradable, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, "
	"?, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE name = VALUE(name), "
	"kind = VALUE(kind), currency = VALUE(currency), tick = VALUE(tick), "
	"lot = VALUE(lot), zone = VALUE(zone), hours = VALUE(hours), "
	"closed_on = VALUE(closed_on), min_quantity = VALUE(min_quantity), "
	"max_quantity = VALUE(max_quantity), tradable = VALUE(tradable)",
	NULL };
static const struct query INSTRUMENT_DELETE = { "trade_instrument.delete",
	"DELETE FROM trade_instrument WHERE tenant_id = ? AND id = ?", NULL };

const struct query *const trade_instrument_queries[] = {
	&INSTRUMENT_PAGE, &INSTRUMENT_FIND, &INSTRUMENT_OF,
	&INSTRUMENT_ANY, &INSTRUMENT_PUT, &INSTRUMENT_DELETE, NULL
};

const struct table trade_instrument_tables[] = {
	{ .name = "trade_instrument", .row = &trade_instrument_schema,
	  .tenant_column = "tenant_id", .snapshot = SNAP_FULL },
	{ .name = NULL }
};

int
trade_instrument_page(struct db *db, struct arena *a, struct uuid tenant,
    int64_t after, int64_t limit, struct rows *out, struct err *e)
{
	return db_all(db, a, &INSTRUMENT_PAGE, ARGS(V(tenant), V(after),
	    V(limit)), out, e);
}

int
trade_instrument_find(struct db *db, struct arena *a, struct uuid tenant,
    const char *symbol, const char *exchange, struct trade_instrument *out,
    struct err *e)
{
	struct rows rows;

	if (db_all(db, a, &INSTRUMENT_FIND, ARGS(V(tenant), V(symbol),
	    V(exchange), V(exchange)), &rows, e) == -1)
		return -1;
	if (rows.n == 0)
		return 1;
	*out = *ROW(&rows, I, 0);
	return rows.n > 1 && *out->exchange != '\0' ?
	    trade_instrument_many(symbol, e) : 0;
}

int
trade_instrument_many(const char *symbol, struct err *e)
{
	return err_set(e, 409, "exchange", "%s is traded at more than one "
	    "exchange: say which", symbol);
}

int
trade_instrument_of(struct db *db, struct arena *a, struct uuid tenant,
    const char *const *symbols, size_t n, struct rows *out, struct err *e)
{
	struct str s;

	str_init(&s, a);
	for (size_t i = 0; i < n; i++) {
		str_addc(&s, i == 0 ? '[' : ',');
		str_json(&s, symbols[i]);
	}
	str_addc(&s, ']');
	*out = (struct rows){ .schema = &trade_instrument_schema };
	return n == 0 ? 0 : db_all(db, a, &INSTRUMENT_OF, ARGS(
	    V((const char *)s.p), V(tenant)), out, e);
}

int
trade_instrument_pick(const struct rows *rows, const char *symbol,
    const char *exchange, struct trade_instrument *out, struct err *e)
{
	const I *found = NULL;
	size_t lo = 0, hi = rows->n;

	while (lo < hi) {		/* the first of the symbol */
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(ROW(rows, I, mid)->symbol, symbol) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < rows->n && strcmp(ROW(rows, I, lo)->symbol, symbol) == 0;
	    lo++) {
		const I *i = ROW(rows, I, lo);

		if (*exchange != '\0' && strcmp(i->exchange, exchange) != 0)
			continue;
		if (found != NULL && found->id != i->id &&
		    *found->exchange != '\0')
			return trade_instrument_many(symbol, e);
		found = found == NULL ? i : found;
	}
	if (found == NULL)
		return 1;
	*out = *found;
	return 0;
}

int
trade_instrument_any(struct db *db, struct arena *a, int64_t id,
    struct trade_instrument *out, struct err *e)
{
	return db_one(db, a, &INSTRUMENT_ANY, ARGS(V(id)), out, e);
}

struct trade_instrument
trade_instrument_usual(struct uuid tenant, const char *symbol,
    const char *exchange, struct utc now)
{
	return (I){ .tenant_id = tenant, .symbol = symbol,
	    .exchange = exchange, .name = "", .kind = "equity",
	    .currency = "USD", .tick = { 1000000 }, .lot = { 100000000 },
	    .zone = "UTC", .hours = "", .closed_on = "", .tradable = true,
	    .created_at = now };
}

int
trade_instrument_put(struct db *db, struct arena *a, I *i, struct err *e)
{
	return db_exec(db, &INSTRUMENT_PUT, ARGS(V(i->tenant_id),
	    V(i->symbol), V(i->exchange), V(i->name), V(i->kind),
	    V(i->currency), V(i->tick), V(i->lot), V(i->zone), V(i->hours),
	    V(i->closed_on), V(i->min_quantity), V(i->max_quantity),
	    V(i->tradable), V(i->created_at)), NULL, e) ==
	    -1 ? -1 : trade_instrument_find(db, a, i->tenant_id, i->symbol,
	    i->exchange, i, e);
}

int
trade_instrument_delete(struct db *db, struct uuid tenant, int64_t id,
    struct err *e)
{
	uint64_t n;

	if (db_exec(db, &INSTRUMENT_DELETE, ARGS(V(tenant), V(id)), &n, e) ==
	    -1)
		return -1;
	return n == 0;
}
