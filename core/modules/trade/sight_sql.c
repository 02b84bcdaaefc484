/*
 * One statement over the tables that tell of a market; it only reads.
 */
#include <string.h>

#include "base/err.h"
#include "modules/trade/sight.h"

#define S struct trade_sight
#define OF(at, m, as, flag) { .name = #as, .off = offsetof(S, at m), \
	.type = FTYPE_OF(S, at m), .flags = (flag) }
#define I(m) OF(i., m, m, 0)
#define Q(m) OF(q., m, m, FF_NULLABLE)
static const struct field fields[] = {
	I(id), I(tenant_id), I(symbol), I(exchange), I(name), I(kind),
	I(currency), I(tick), I(lot), I(zone), I(hours), I(closed_on),
	I(min_quantity), I(max_quantity), I(tradable), I(created_at),
	Q(instrument_id), Q(bid), Q(ask), Q(last), Q(at), Q(heard_at),
	OF(feed., driven, driven, 0), OF(feed., wanted, wanted, FF_NULLABLE),
	OF(feed., heard_at, feed_heard_at, FF_NULLABLE),
	OF(feed., due_at, feed_due_at, FF_NULLABLE), FIELD(S, flow), FIELD_END
};
static const struct schema schema = {
	.name = "Sight", .doc = "What is known of a market",
	.size = sizeof(S), .fields = fields
};
#define SIGHT "SELECT i.id, i.tenant_id, i.symbol, i.exchange, i.name, " \
	"i.kind, i.currency, i.tick, i.lot, i.zone, i.hours, i.closed_on, " \
	"i.min_quantity, i.max_quantity, i.tradable, i.created_at, " \
	"q.instrument_id, q.bid, q.ask, q.last, q.at, q.heard_at, s.feed_id " \
	"IS NOT NULL AS driven, f.wanted, f.heard_at AS feed_heard_at, " \
	"f.due_at AS feed_due_at, COALESCE((SELECT b.volume FROM trade_bar b " \
	"WHERE b.instrument_id = i.id AND b.timeframe = '1m' AND b.at > q.at " \
	"- INTERVAL 1 HOUR AND b.at <= q.at ORDER BY b.at DESC LIMIT 1), " \
	"(SELECT b.volume FROM trade_bar b WHERE b.instrument_id = i.id AND " \
	"b.timeframe = '1d' AND b.at = q.at LIMIT 1), 0) AS flow FROM " \
	"trade_instrument i LEFT JOIN trade_quote q ON q.instrument_id = " \
	"i.id LEFT JOIN trade_series s ON s.instrument_id = i.id LEFT JOIN " \
	"trade_feed f ON f.tenant_id = i.tenant_id AND f.id = " \
	"COALESCE(s.feed_id, s.source_id) WHERE "

static const struct query FIND = { "trade_sight.find",
	SIGHT "i.tenant_id = ? AND i.symbol = ? AND (i.exchange = ? OR ? = "
	"'') ORDER BY i.exchange LIMIT 2", &schema };
static const struct query BY_ID = { "trade_sight.by_id",
	SIGHT "i.tenant_id = ? AND i.id = ? LIMIT 1", &schema };
static const struct query ANY = { "trade_sight.any",
	SIGHT "i.id = ? LIMIT 1", &schema };

const struct query *const trade_sight_queries[] = {
	&FIND, &BY_ID, &ANY, NULL
};

int
trade_sight_ask(struct db *db, struct arena *a, struct uuid tenant,
    const char *symbol, const char *exchange, struct rows *out,
    struct err *e)
{
	return db_ask(db, a, &FIND, ARGS(V(tenant), V(symbol), V(exchange),
	    V(exchange)), out, e);
}

int
trade_sight_ask_id(struct db *db, struct arena *a, struct uuid tenant,
    int64_t id, struct rows *out, struct err *e)
{
	return db_ask(db, a, &BY_ID, ARGS(V(tenant), V(id)), out, e);
}

int
trade_sight_of(const struct rows *rows, const char *symbol, S *out,
    struct err *e)
{
	if (rows->n == 0)
		return db_found(1, "Instrument", e);
	*out = *ROW(rows, S, 0);
	return rows->n > 1 && *out->i.exchange != '\0' ?
	    trade_instrument_many(symbol, e) : 0;
}

int
trade_sight_any(struct db *db, struct arena *a, int64_t id, S *out,
    struct err *e)
{
	return db_found(db_one(db, a, &ANY, ARGS(V(id)), out, e),
	    "Instrument", e);
}
