/*
 * Orders over HTTP. A refused order is kept with its reason, in a transaction
 * of its own, although the request fails.
 */
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/random.h"
#include "http/ctx.h"
#include "modules/trade/conf.h"
#include "modules/trade/orders.h"

#define O struct trade_order

struct place_in {
	const char *symbol, *exchange, *side, *type, *tif, *client_order_id;
	struct dec quantity, limit_price, stop_price;
	bool reduce_only;
	const char *tag;
};
#define P(m, ...) FIELD(struct place_in, m, __VA_ARGS__)
static const struct field place_fields[] = {
	P(symbol, .flags = FF_REQUIRED, .min = 1, .max = 32, TRADE_SYMBOL,
	    .doc = "Symbol"),
	P(exchange, .max = 16, .def = "\"\"", .doc = "Exchange"),
	P(side, .flags = FF_REQUIRED, .oneof = ONEOF("buy", "sell"),
	    .doc = "buy or sell"),
	P(type, .oneof = ONEOF("market", "limit", "stop", "stop_limit"),
	    .def = "\"market\"", .doc = "Kind"),
	P(tif, .oneof = ONEOF("day", "gtc", "ioc", "fok"), .def = "\"day\"",
	    .doc = "How long it stands"),
	P(client_order_id, .flags = FF_NULLABLE, .fmt = FMT_SLUG, .max = 64,
	    .doc = "Makes the order once, however often it is sent"),
	P(quantity, .flags = FF_REQUIRED | FF_XMIN, .min = 0,
	    .max = 90000000000, .doc = "Units"),
	P(limit_price, .min = 0, .max = 40000000, .def = "0",
	    .doc = "Of limit and stop_limit"),
	P(stop_price, .min = 0, .max = 40000000, .def = "0",
	    .doc = "Of stop and stop_limit"),
	P(reduce_only, .def = "false",
	    .doc = "Refused if it would open or turn a position"),
	P(tag, .max = 100, .def = "\"\"", .doc = "Your note"), FIELD_END
};
static const struct schema place_schema = {
	.name = "OrderPlace", .doc = "An order to place",
	.size = sizeof(struct place_in), .fields = place_fields
};

struct trade_desk
trade_desk_of(struct ctx *c)
{
	const struct trade_conf *f = conf_get(c->env->conf, &trade_settings);

	return trade_desk_make(f, c->db, c->a, c->who.tenant_id,
	    c->who.user_id, c->now);
}

static O
order_of(struct ctx *c, const struct place_in *p)
{
	char id[UUID_TEXT];

	return (O){ .id = uuid_new(), .tenant_id = c->who.tenant_id,
	    .client_order_id = p->client_order_id != NULL ?
	    p->client_order_id : arena_strdup(c->a, uuid_format(uuid_new(),
	    id)), .symbol = p->symbol, .side = p->side, .type = p->type,
	    .tif = p->tif, .quantity = p->quantity,
	    .limit_price = strstr(p->type, "limit") != NULL ?
	    p->limit_price : (struct dec){ 0 },
	    .stop_price = strncmp(p->type, "stop", 4) == 0 ? p->stop_price :
	    (struct dec){ 0 }, .reduce_only = p->reduce_only,
	    .reject_code = "", .reject_detail = "", .version = 1,
	    .mode = "paper", .role = "single", .tag = p->tag, .created_at = c->now, .updated_at = c->now };
}

static int
keep_denied(struct db *db, void *arg, struct err *e)
{
	const O *o = arg;
	int rc = trade_order_insert(db, o, e);

	if (rc == -1 && e->status == 409) {
		err_clear(e);
		return 0;	/* kept by a request beside this one */
	}
	return rc == -1 ? -1 : trade_order_event_add(db,
	    &(struct trade_order_event){ .order_id = o->id, .seq = 1,
	    .from_state = "", .to_state = o->state, .applied = true,
	    .cause = o->reject_detail, .at = o->created_at }, e);
}

/* o: as far as placing came. */
static void
deny(struct ctx *c, const struct place_in *p, const O *o)
{
	O *kept = arena_alloc(c->a, sizeof(*kept));

	if (uuid_is_nil(o->session_id) || o->instrument_id == 0 ||
	    strcmp(c->err.code, "id_reuse") == 0 ||
	    strncmp(c->err.code, "db_", 3) == 0 || c->err.status >= 500)
		return;
	*kept = order_of(c, p);
	kept->client_order_id = o->client_order_id;
	kept->session_id = o->session_id;
	kept->instrument_id = o->instrument_id;
	kept->digest = o->digest;
	kept->state = trade_order_states[ORDER_DENIED];
	kept->reject_code = c->err.code;
	kept->reject_detail = arena_strdup(c->a, c->err.detail);
	ctx_keep(c, keep_denied, kept);
}

static int
order_create(struct ctx *c, const void *in)
{
	struct trade_desk d = trade_desk_of(c);
	O o = order_of(c, in);
	struct dec reserve;
	int rc = trade_order_place(&d, &o, ((const struct place_in *)in)->
	    exchange, &reserve, &c->err);

	if (rc == -1) {
		deny(c, in, &o);
		return fail_err(c);
	}
	if (rc == 1 && strcmp(o.state, "denied") == 0)
		return fail(c, 422, "denied", "%s (%s)", o.reject_detail,
		    o.reject_code);
	ctx_target_id(c, "order", o.id);
	return rc == 1 ? reply_as(c, 200, &trade_order_schema, &o) :
	    reply(c, &o);
}

struct preview {
	bool accepted;
	const char *code, *detail;
	struct dec reserve;
};
static const struct field preview_fields[] = {
	FIELD(struct preview, accepted, .doc = "It would be taken now"),
	FIELD(struct preview, code, .doc = "Check that would refuse it"),
	FIELD(struct preview, detail, .doc = "Why"),
	FIELD(struct preview, reserve, .doc = "Cash it would hold"),
	FIELD_END
};
static const struct schema preview_schema = {
	.name = "OrderPreview", .doc = "What would happen to an order",
	.size = sizeof(struct preview), .fields = preview_fields
};

static int
order_preview(struct ctx *c, const void *in)
{
	struct trade_desk d = trade_desk_of(c);
	O o = order_of(c, in);
	struct preview out = { .accepted = true, .code = "", .detail = "" };

	d.quiet = true;
	if (trade_order_place(&d, &o, ((const struct place_in *)in)->
	    exchange, &out.reserve, &c->err) == -1) {
		if (c->err.status != 422 && c->err.status != 409)
			return fail_err(c);
		out.accepted = false;
		out.code = c->err.code;
		out.detail = arena_strdup(c->a, c->err.detail);
		err_clear(&c->err);
	}
	return reply(c, &out);
}

/* ---- reading ------------------------------------------------------------------------- */

struct list_in {
	struct page_in page;
	const char *state;
	bool open;
};
static const struct field list_fields[] = {
	PAGE_LIMIT(struct list_in), PAGE_CURSOR(struct list_in),
	FIELD(struct list_in, state, .def = "\"\"", .oneof = ONEOF("",
	    "denied", "submitting", "rejected", "unknown", "accepted",
	    "triggered", "partially_filled", "filled", "pending_replace",
	    "pending_cancel", "cancelled", "expired"), .doc = "Only in this state"),
	FIELD(struct list_in, open, .def = "false", .doc = "Only open ones"),
	FIELD_END
};
static const struct schema list_schema = {
	.name = "OrderPage", .doc = "Page of orders, newest first",
	.size = sizeof(struct list_in), .fields = list_fields
};

/* The caller's session; without one lists are empty. */
static int
mine(struct ctx *c, struct trade_session *s)
{
	int rc = trade_session_mine(c->db, c->a, c->who.tenant_id,
	    c->who.user_id, false, s, &c->err);

	if (rc == 1)
		*s = (struct trade_session){ .state = "" };
	return rc == -1 ? -1 : 0;
}

static int
order_list(struct ctx *c, const void *in)
{
	const struct list_in *l = in;
	struct trade_session s;
	struct uuid below;
	struct rows rows;

	if (cursor_open_uuid(c, l->page.cursor, &below) == -1 ||
	    mine(c, &s) == -1 || trade_order_page(c->db, c->a, s.id,
	    l->state, l->open, below, l->page.limit + 1, &rows, &c->err) ==
	    -1)
		return fail_err(c);
	return reply_list(c, &rows, cursor_uuid(c, &rows, l->page.limit,
	    offsetof(O, id)));
}

static int
find(struct ctx *c, struct uuid id, O *o)
{
	struct trade_session s;

	return mine(c, &s) == -1 ? -1 : db_found(trade_order_by_id(c->db,
	    c->a, s.id, id, false, o, &c->err), "Order", &c->err);
}

static int
order_get(struct ctx *c, const void *in)
{
	O o;

	return find(c, ((const struct id_in *)in)->id, &o) == -1 ?
	    fail_err(c) : reply(c, &o);
}

static int
order_events(struct ctx *c, const void *in)
{
	struct rows rows;
	O o;

	if (find(c, ((const struct id_in *)in)->id, &o) == -1 ||
	    trade_order_event_all(c->db, c->a, o.id, &rows, &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, NULL);
}

static int
order_cancel(struct ctx *c, const void *in)
{
	struct trade_desk d = trade_desk_of(c);
	O o;

	ctx_target_id(c, "order", ((const struct id_in *)in)->id);
	if (trade_order_cancel(&d, ((const struct id_in *)in)->id,
	    "cancelled by its owner", &o, &c->err) == -1)
		return fail_err(c);
	return reply(c, &o);
}

static int
fill_list(struct ctx *c, const void *in)
{
	const struct page_only_in *i = in;
	struct trade_session s;
	struct uuid below;
	struct rows rows;

	if (cursor_open_uuid(c, i->page.cursor, &below) == -1 ||
	    mine(c, &s) == -1 || trade_fill_page(c->db, c->a, s.id, below,
	    i->page.limit + 1, &rows, &c->err) == -1)
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
const struct route trade_order_routes[] = {
	{ .id = "trade.order.create", .method = HTTP_POST,
	  .path = "/api/trade/orders", SEED("/mcp/orders"),
	  .summary = "Place an order", .doc = "Judged by every check before "
	  "anything happens; a refusal is 422 with the check's code and kept "
	  "as a denied order. The same client_order_id again answers 200 with "
	  "the same order.", .auth = AUTH_USER, .permission = "trade:order",
	  .in = &place_schema, .out = &trade_order_schema, .ok = 201,
	  .errors = ERRORS(200, 404, 409, 422),
	  .flags = R_TXN | R_AUDIT | R_IDEMPOTENT, .run = order_create },
	{ .id = "trade.order.preview", .method = HTTP_POST,
	  .path = "/api/trade/orders/preview", SEED("/mcp/orders/preview"),
	  .summary = "What would happen to an order", .auth = AUTH_USER,
	  .permission = "trade:order", .in = &place_schema,
	  .out = &preview_schema, .ok = 200, .errors = ERRORS(404),
	  .flags = R_TXN, .run = order_preview },
	{ .id = "trade.order.list", .method = HTTP_GET,
	  .path = "/api/trade/orders", SEED("/mcp/orders"),
	  .summary = "Own orders", .auth = AUTH_USER,
	  .permission = "trade:read", .in = &list_schema,
	  .out = &trade_order_schema, .ok = 200, .flags = R_LIST,
	  .run = order_list },
	{ .id = "trade.order.get", .method = HTTP_GET,
	  .path = "/api/trade/orders/{id:uuid}",
	  SEED("/mcp/orders/{id:uuid}"), .summary = "One order",
	  .auth = AUTH_USER, .permission = "trade:read",
	  .in = &id_in_schema, .out = &trade_order_schema, .ok = 200,
	  .errors = ERRORS(404), .run = order_get },
	{ .id = "trade.order.events", .method = HTTP_GET,
	  .path = "/api/trade/orders/{id:uuid}/events",
	  SEED("/mcp/orders/{id:uuid}/events"),
	  .summary = "What happened to an order", .auth = AUTH_USER,
	  .permission = "trade:read", .in = &id_in_schema,
	  .out = &trade_order_event_schema, .ok = 200,
	  .errors = ERRORS(404), .flags = R_LIST, .run = order_events },
	{ .id = "trade.order.cancel", .method = HTTP_DELETE,
	  .path = "/api/trade/orders/{id:uuid}",
	  SEED("/mcp/orders/{id:uuid}"), .summary = "Cancel an order",
	  .auth = AUTH_USER, .permission = "trade:order",
	  .in = &id_in_schema, .out = &trade_order_schema, .ok = 200,
	  .errors = ERRORS(404, 409), .flags = R_TXN | R_AUDIT,
	  .run = order_cancel },
	{ .id = "trade.fill.list", .method = HTTP_GET,
	  .path = "/api/trade/fills", SEED("/mcp/trades"),
	  .summary = "Own trades", .auth = AUTH_USER,
	  .permission = "trade:read", .in = &page_only_schema,
	  .out = &trade_fill_schema, .ok = 200, .flags = R_LIST,
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
