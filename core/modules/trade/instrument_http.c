/*
 * Instruments over HTTP.
 */
#include <string.h>

#include "base/number.h"
#include "http/ctx.h"
#include "modules/trade/instrument.h"
#include "modules/trade/market.h"

struct put_in {
	const char *symbol, *exchange, *name, *kind, *currency;
	struct dec tick, lot;
	const char *zone, *hours, *closed_on;
	struct dec min_quantity, max_quantity;
	bool tradable;
};
#define P(m, ...) FIELD(struct put_in, m, __VA_ARGS__)
static const struct field put_fields[] = {
	P(symbol, .flags = FF_REQUIRED, .min = 1, .max = 32, TRADE_SYMBOL,
	    .example = "\"GOOG\"", .doc = "Symbol"),
	P(exchange, .max = 16, .pattern = "^[A-Za-z0-9._-]*$", .def = "\"\"",
	    .doc = "Exchange"),
	P(name, .max = 200, .def = "\"\"", .doc = "Name for people"),
	P(kind, .oneof = trade_instrument_kinds, .def = "\"equity\"",
	    .doc = "Kind"),
	P(currency, .pattern = "^[A-Z]{3}$", .def = "\"USD\"",
	    .doc = "Currency of its prices"),
	P(tick, .flags = FF_XMIN, .min = 0, .max = 1000000, .def = "0.01",
	    .doc = "Smallest step of a price"),
	P(lot, .flags = FF_XMIN, .min = 0, .max = 1000000, .def = "1",
	    .doc = "Smallest quantity"),
	P(zone, .max = 63, .def = "\"UTC\"", .example =
	    "\"America/New_York\"", .doc = "Time zone of its market"),
	P(hours, .max = 300, .def = "\"\"", .example =
	    "\"mon-fri 09:30-16:00\"", .doc = "When its market is open, by "
	    "that zone: spans with commas; empty: always"),
	P(closed_on, .max = 2000, .def = "\"\"", .example =
	    "\"2026-12-25, 2026-11-27 13:00\"", .doc = "Days on which it is "
	    "closed, or from a time on"),
	P(min_quantity, .min = 0, .max = 90000000000, .def = "0",
	    .doc = "Least quantity of an order; 0: none"),
	P(max_quantity, .min = 0, .max = 90000000000, .def = "0",
	    .doc = "Most; 0: no limit"),
	P(tradable, .def = "true", .doc = "Orders are taken"),
	FIELD_END
};
static const struct schema put_schema = {
	.name = "InstrumentPut", .doc = "What is traded",
	.size = sizeof(struct put_in), .fields = put_fields
};

struct number_in {
	int64_t id;
};
static const struct field number_fields[] = {
	FIELD(struct number_in, id, .min = 1, .max = 4294967295,
	    .flags = FF_REQUIRED, .ref = "trade_instrument", .doc = "Number"),
	FIELD_END
};
static const struct schema number_schema = {
	.name = "InstrumentId", .doc = "Which instrument",
	.size = sizeof(struct number_in), .fields = number_fields
};

static int
instrument_list(struct ctx *c, const void *in)
{
	const struct page_only_in *i = in;
	const char *key, *next = NULL;
	int64_t after = 0;
	struct rows rows;

	if (cursor_open(c, i->page.cursor, &key) == -1)
		return fail_err(c);
	if (*key != '\0' && num_i64(key, strlen(key), &after) != NUM_OK)
		return fail(c, 422, "cursor", "Not a cursor of this list");
	if (trade_instrument_page(c->db, c->a, c->who.tenant_id, after,
	    i->page.limit + 1, &rows, &c->err) == -1)
		return fail_err(c);
	if ((int64_t)rows.n > i->page.limit) {
		rows.n = (size_t)i->page.limit;
		next = cursor_seal(c, arena_printf(c->a, "%lld", (long long)
		    ROW(&rows, struct trade_instrument, rows.n - 1)->id));
	}
	return reply_list(c, &rows, next);
}

static int
instrument_put(struct ctx *c, const void *in)
{
	const struct put_in *p = in;
	struct trade_instrument i = { .tenant_id = c->who.tenant_id,
	    .symbol = p->symbol, .exchange = p->exchange, .name = p->name,
	    .kind = p->kind, .currency = p->currency, .tick = p->tick,
	    .lot = p->lot, .zone = p->zone, .hours = p->hours,
	    .closed_on = p->closed_on, .min_quantity = p->min_quantity,
	    .max_quantity = p->max_quantity, .tradable = p->tradable,
	    .created_at = c->now };
	struct trade_hours h;

	if (trade_hours_parse(&h, i.zone, i.hours, i.closed_on, &c->err) ==
	    -1) {
		const char *what = arena_strdup(c->a, c->err.detail);
		const char *member = c->err.code;

		err_clear(&c->err);
		return fail_field(c, member, "value_error", what);
	}
	if (trade_instrument_put(c->db, c->a, &i, &c->err) == -1)
		return fail_err(c);
	ctx_target(c, "instrument", i.symbol, NULL);
	return reply(c, &i);
}

static int
instrument_delete(struct ctx *c, const void *in)
{
	const struct number_in *i = in;

	if (db_found(trade_instrument_delete(c->db, c->who.tenant_id, i->id,
	    &c->err), "Instrument", &c->err) == -1)
		return fail_err(c);
	ctx_target(c, "instrument", arena_printf(c->a, "%lld",
	    (long long)i->id), NULL);
	return reply_none(c);
}

const struct route trade_instrument_routes[] = {
	{ .id = "trade.instrument.list", .method = HTTP_GET,
	  .path = "/api/trade/instruments", .summary = "Instruments",
	  .auth = AUTH_USER, .permission = "trade:read",
	  .in = &page_only_schema, .out = &trade_instrument_schema, .ok = 200,
	  .flags = R_LIST, .run = instrument_list },
	{ .id = "trade.instrument.put", .method = HTTP_PUT,
	  .path = "/api/trade/instruments",
	  .summary = "Make an instrument known, or change it",
	  .auth = AUTH_USER, .permission = "trade:data", .in = &put_schema,
	  .out = &trade_instrument_schema, .ok = 200,
	  .flags = R_TXN | R_AUDIT | R_IDEMPOTENT, .run = instrument_put },
	{ .id = "trade.instrument.delete", .method = HTTP_DELETE,
	  .path = "/api/trade/instruments/{id:int}",
	  .summary = "Forget an instrument with its bars",
	  .auth = AUTH_USER, .permission = "trade:data",
	  .in = &number_schema, .ok = 204, .errors = ERRORS(404),
	  .flags = R_TXN | R_AUDIT, .run = instrument_delete },
	ROUTE_END
};
