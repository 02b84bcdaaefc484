/*
 * Orders over HTTP: reading them, their events and trades; and quotes.
 */
#include <string.h>

#include "base/number.h"
#include "base/random.h"
#include "http/ctx.h"
#include "modules/trade/orders.h"

#define O struct trade_order

struct list_in {
	struct page_in page;
	const char *state, *symbol, *side;
	bool open;
	struct utc from, to;
	struct uuid parent, session;
};
#define L(m, ...) FIELD(struct list_in, m, __VA_ARGS__)
static const struct field list_fields[] = {
	PAGE_LIMIT(struct list_in), PAGE_CURSOR(struct list_in),
	L(state, .def = "\"\"", .oneof = ONEOF("", "denied", "submitting",
	    "rejected", "unknown", "accepted", "triggered",
	    "partially_filled", "filled", "pending_replace",
	    "pending_cancel", "cancelled", "expired"),
	    .doc = "Only in this state"),
	L(symbol, .def = "\"\"", .max = 32, .doc = "Only of this symbol"),
	L(side, .def = "\"\"", .oneof = ONEOF("", "buy", "sell"),
	    .doc = "Only of this side"),
	L(open, .def = "false", .doc = "Only open ones"),
	L(from, .flags = FF_NULLABLE, .doc = "Placed then or later"),
	L(to, .flags = FF_NULLABLE, .doc = "Placed before"),
	L(parent, .flags = FF_NULLABLE, .doc = "Exits of this entry"),
	L(session, .flags = FF_NULLABLE,
	    .doc = "Account; the paper account when left out"), FIELD_END
};
static const struct schema list_schema = {
	.name = "OrderPage", .doc = "Page of orders, newest first",
	.size = sizeof(struct list_in), .fields = list_fields
};

/* The caller's session; without a paper one lists are empty. */
static int
pick(struct ctx *c, struct uuid id, struct trade_session *s)
{
	int rc = trade_session_pick(c->db, c->a, c->who.tenant_id,
	    c->who.user_id, id, false, s, &c->err);

	if (rc == 1 && !uuid_is_nil(id))
		return db_found(1, "Session", &c->err);
	if (rc == 1)
		*s = (struct trade_session){ .state = "" };
	return rc == -1 ? -1 : 0;
}

static int
order_list(struct ctx *c, const void *in)
{
	const struct list_in *l = in;
	const struct trade_order_filter f = { l->state, l->symbol, l->side,
	    l->open, l->from, l->to, l->parent };
	struct trade_session s;
	struct uuid below;
	struct rows rows;

	if (cursor_open_uuid(c, l->page.cursor, &below) == -1 ||
	    pick(c, l->session, &s) == -1 || trade_order_page(c->db, c->a,
	    s.id, &f, below, l->page.limit + 1, &rows, &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, cursor_uuid(c, &rows, l->page.limit,
	    offsetof(O, id)));
}

static int
find(struct ctx *c, const struct trade_order_which *i, O *o)
{
	struct trade_session s;

	return pick(c, i->session, &s) == -1 ? -1 : db_found(
	    trade_order_by_id(c->db, c->a, s.id, i->id, false, o, &c->err),
	    "Order", &c->err);
}

static int
order_get(struct ctx *c, const void *in)
{
	O o;

	return find(c, in, &o) == -1 ? fail_err(c) : reply(c, &o);
}

static int
order_events(struct ctx *c, const void *in)
{
	struct rows rows;
	O o;

	if (find(c, in, &o) == -1 || trade_order_event_all(c->db, c->a, o.id,
	    &rows, &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, NULL);
}

static int
order_fills(struct ctx *c, const void *in)
{
	struct rows rows;
	O o;

	if (find(c, in, &o) == -1 || trade_fill_of(c->db, c->a, o.id, &rows,
	    &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, NULL);
}

struct fills_in {
	struct page_in page;
	const char *symbol;
	struct uuid session;
};
static const struct field fills_fields[] = {
	PAGE_LIMIT(struct fills_in), PAGE_CURSOR(struct fills_in),
	FIELD(struct fills_in, symbol, .def = "\"\"", .max = 32,
	    .doc = "Only of this symbol"),
	FIELD(struct fills_in, session, .flags = FF_NULLABLE,
	    .doc = "Account; the paper account when left out"), FIELD_END
};
static const struct schema fills_schema = {
	.name = "FillPage", .doc = "Page of trades, newest first",
	.size = sizeof(struct fills_in), .fields = fills_fields
};

static int
fill_list(struct ctx *c, const void *in)
{
	const struct fills_in *i = in;
	struct trade_session s;
	struct uuid below;
	struct rows rows;

	if (cursor_open_uuid(c, i->page.cursor, &below) == -1 ||
	    pick(c, i->session, &s) == -1 || trade_fill_page(c->db, c->a,
	    s.id, i->symbol, below, i->page.limit + 1, &rows, &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, cursor_uuid(c, &rows, i->page.limit,
	    offsetof(struct trade_fill, id)));
}

/* ---- quotes -------------------------------------------------------------------------- */

struct quote_in {
	const char *symbol, *exchange;
	struct dec bid, ask, last;
	struct utc at;
};
#define QF(m, ...) FIELD(struct quote_in, m, __VA_ARGS__)
static const struct field quote_fields[] = {
	QF(symbol, .flags = FF_REQUIRED, .min = 1, .max = 32, TRADE_SYMBOL,
	    .doc = "Symbol"),
	QF(exchange, .max = 16, .def = "\"\"", .doc = "Exchange"),
	QF(bid, .flags = FF_REQUIRED | FF_XMIN, .min = 0, .max = 40000000,
	    .doc = "Highest price somebody pays"),
	QF(ask, .flags = FF_REQUIRED | FF_XMIN, .min = 0, .max = 40000000,
	    .doc = "Lowest price somebody takes"),
	QF(last, .min = 0, .max = 40000000, .def = "0",
	    .doc = "Last trade; the middle when left out"),
	QF(at, .flags = FF_NULLABLE, .doc = "Its time; now when left out"),
	FIELD_END
};
static const struct schema quote_schema = {
	.name = "QuotePut", .doc = "Prices that were heard",
	.size = sizeof(struct quote_in), .fields = quote_fields
};

static int
quote_put(struct ctx *c, const void *in)
{
	const struct quote_in *p = in;
	struct trade_desk d = trade_desk_of(c);
	struct trade_instrument i;
	struct trade_quote q = { .bid = p->bid, .ask = p->ask,
	    .last = p->last, .at = p->at, .heard_at = c->now };

	if (p->bid.e8 > p->ask.e8)
		return fail_field(c, "bid", "value_error",
		    "A bid is not above the ask");
	if (q.last.e8 == 0)
		q.last.e8 = p->bid.e8 + (p->ask.e8 - p->bid.e8) / 2;
	if (q.at.us == 0)
		q.at = c->now;
	if (db_found(trade_instrument_find(c->db, c->a, c->who.tenant_id,
	    p->symbol, p->exchange, &i, &c->err), "Instrument", &c->err) ==
	    -1)
		return fail_err(c);
	q.instrument_id = i.id;
	if (trade_paper_on_quote(&d, &q, &c->err) == -1)
		return fail_err(c);
	return reply(c, &q);
}

#define SEED(path_) .aliases = ALIASES({ path_, "002", false })
const struct route trade_order_read_routes[] = {
	{ .id = "trade.order.list", .method = HTTP_GET,
	  .path = "/api/trade/orders", SEED("/mcp/orders"),
	  .summary = "Own orders", .auth = AUTH_USER,
	  .permission = "trade:read", .in = &list_schema,
	  .out = &trade_order_schema, .ok = 200, .errors = ERRORS(404),
	  .flags = R_LIST,
	  .run = order_list },
	{ .id = "trade.order.get", .method = HTTP_GET,
	  .path = "/api/trade/orders/{id:uuid}",
	  SEED("/mcp/orders/{id:uuid}"), .summary = "One order",
	  .auth = AUTH_USER, .permission = "trade:read",
	  .in = &trade_order_which_schema, .out = &trade_order_schema, .ok = 200,
	  .errors = ERRORS(404), .run = order_get },
	{ .id = "trade.order.events", .method = HTTP_GET,
	  .path = "/api/trade/orders/{id:uuid}/events",
	  SEED("/mcp/orders/{id:uuid}/events"),
	  .summary = "What happened to an order", .auth = AUTH_USER,
	  .permission = "trade:read", .in = &trade_order_which_schema,
	  .out = &trade_order_event_schema, .ok = 200,
	  .errors = ERRORS(404), .flags = R_LIST, .run = order_events },
	{ .id = "trade.order.fills", .method = HTTP_GET,
	  .path = "/api/trade/orders/{id:uuid}/fills",
	  SEED("/mcp/orders/{id:uuid}/trades"),
	  .summary = "Trades of an order", .auth = AUTH_USER,
	  .permission = "trade:read", .in = &trade_order_which_schema,
	  .out = &trade_fill_schema, .ok = 200, .errors = ERRORS(404),
	  .flags = R_LIST, .run = order_fills },
	{ .id = "trade.fill.list", .method = HTTP_GET,
	  .path = "/api/trade/fills", .aliases = ALIASES(
	  { "/mcp/trades", "002", false },
	  { "/api/executions", "002", false }),
	  .summary = "Own trades", .auth = AUTH_USER,
	  .permission = "trade:read", .in = &fills_schema,
	  .out = &trade_fill_schema, .ok = 200, .errors = ERRORS(404),
	  .flags = R_LIST,
	  .run = fill_list },
	{ .id = "trade.quote.put", .method = HTTP_POST,
	  .path = "/api/trade/quotes",
	  .summary = "Prices that were heard",
	  .doc = "Fills what it fills of paper orders; an older quote than "
	  "the known one changes nothing.", .auth = AUTH_USER,
	  .permission = "trade:data", .in = &quote_schema,
	  .out = &trade_quote_schema, .ok = 200, .errors = ERRORS(404),
	  .flags = R_TXN, .natural_key = "instrument and time",
	  .run = quote_put },
	ROUTE_END
};
