/*
 * Corporate actions and adjusted bars over HTTP.
 */
#include <string.h>

#include "base/random.h"
#include "http/ctx.h"
#include "modules/trade/corporate.h"

enum { ADJUSTED_MAX = 5000 };

struct put_in {
	const char *symbol, *exchange, *kind, *new_symbol, *note;
	struct utc ex_at;
	struct dec ratio, amount;
};
#define P(m, ...) FIELD(struct put_in, m, __VA_ARGS__)
static const struct field put_fields[] = {
	P(symbol, .flags = FF_REQUIRED, .min = 1, .max = 32, TRADE_SYMBOL,
	    .doc = "Symbol"),
	P(exchange, .max = 16, .def = "\"\"", .doc = "Exchange"),
	P(kind, .flags = FF_REQUIRED, .oneof = ONEOF("split", "dividend",
	    "symbol_change"), .doc = "What happens"),
	P(ex_at, .flags = FF_REQUIRED, .doc = "Who holds it before this "
	    "takes it"),
	P(ratio, .min = 0, .max = 100000, .def = "0",
	    .doc = "Split: new units for one old"),
	P(amount, .min = 0, .max = 40000000, .def = "0",
	    .doc = "Dividend: money for one unit"),
	P(new_symbol, .max = 32, .pattern = "^[A-Za-z0-9.&_^=-]*$",
	    .def = "\"\"", .doc = "symbol_change: the new one"),
	P(note, .max = 200, .def = "\"\"", .doc = "Note"), FIELD_END
};

static int
check(const void *obj, struct arena *a, struct err *e)
{
	const struct put_in *p = obj;
	const char *field = strcmp(p->kind, "split") == 0 ?
	    p->ratio.e8 > 0 ? NULL : "[\"body\",\"ratio\"]" :
	    strcmp(p->kind, "dividend") == 0 ? p->amount.e8 > 0 ? NULL :
	    "[\"body\",\"amount\"]" : *p->new_symbol != '\0' ? NULL :
	    "[\"body\",\"new_symbol\"]";

	(void)a;
	return field == NULL ? 0 : err_field(e, (struct err_field){
	    .type = "value_error", .loc = field, .msg = "This kind needs it",
	    .input = "null" });
}
static const struct schema put_schema = {
	.name = "CorporatePut", .doc = "What happens to a symbol",
	.size = sizeof(struct put_in), .fields = put_fields, .check = check
};

static int
corporate_create(struct ctx *c, const void *in)
{
	const struct put_in *p = in;
	struct trade_instrument i;
	struct trade_corporate x = { .id = uuid_new(),
	    .tenant_id = c->who.tenant_id, .kind = p->kind,
	    .ex_at = p->ex_at, .ratio = p->ratio, .amount = p->amount,
	    .new_symbol = p->new_symbol, .note = p->note,
	    .made_by = c->who.name, .created_at = c->now };

	if (db_found(trade_instrument_find(c->db, c->a, c->who.tenant_id,
	    p->symbol, p->exchange, &i, &c->err), "Instrument", &c->err) ==
	    -1)
		return fail_err(c);
	x.instrument_id = i.id;
	x.symbol = i.symbol;
	if (trade_corporate_insert(c->db, &x, &c->err) == -1)
		return fail_err(c);
	ctx_target_id(c, "corporate_action", x.id);
	return reply(c, &x);
}

static int
corporate_list(struct ctx *c, const void *in)
{
	const struct page_only_in *i = in;
	struct uuid below;
	struct rows rows;

	if (cursor_open_uuid(c, i->page.cursor, &below) == -1 ||
	    trade_corporate_page(c->db, c->a, c->who.tenant_id, below,
	    i->page.limit + 1, &rows, &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, cursor_uuid(c, &rows, i->page.limit,
	    offsetof(struct trade_corporate, id)));
}

static int
corporate_delete(struct ctx *c, const void *in)
{
	const struct id_in *i = in;

	if (db_found(trade_corporate_delete(c->db, c->who.tenant_id, i->id,
	    &c->err), "Corporate action that nobody took", &c->err) == -1)
		return fail_err(c);
	ctx_target_id(c, "corporate_action", i->id);
	return reply_none(c);
}

static int
entry_list(struct ctx *c, const void *in)
{
	const struct id_in *i = in;
	struct trade_corporate x;
	struct rows rows;

	if (db_found(trade_corporate_by_id(c->db, c->a, c->who.tenant_id,
	    i->id, &x, &c->err), "Corporate action", &c->err) == -1 ||
	    trade_corporate_entry_all(c->db, c->a, i->id, &rows, &c->err) ==
	    -1)
		return fail_err(c);
	return reply_list(c, &rows, NULL);
}

struct bars_in {
	struct trade_series_in s;
	bool dividends;
};
static const struct field bars_fields[] = {
	TRADE_SERIES_FIELDS(struct bars_in, s.),
	FIELD(struct bars_in, dividends, .def = "true",
	    .doc = "For dividends too, not for splits alone"), FIELD_END
};
static const struct schema bars_schema = {
	.name = "AdjustedAsk", .doc = "Which bars, adjusted how",
	.size = sizeof(struct bars_in), .fields = bars_fields
};

/* All bars from `from` to the newest, since what came later counts too. */
static int
adjusted_list(struct ctx *c, const void *in)
{
	const struct bars_in *p = in;
	struct trade_adjusted_bar *out;
	struct rows bars, actions;
	struct trade_instrument i;
	struct trade_bar *v;
	size_t n = 0;

	if (db_found(trade_instrument_find(c->db, c->a, c->who.tenant_id,
	    p->s.symbol, p->s.exchange, &i, &c->err), "Instrument",
	    &c->err) == -1 || trade_bar_page(c->db, c->a, i.id,
	    p->s.timeframe, p->s.from, (struct utc){ 0 }, ADJUSTED_MAX,
	    &bars, &c->err) == -1 || trade_corporate_of(c->db, c->a, i.id,
	    &actions, &c->err) == -1)
		return fail_err(c);
	v = arena_array(c->a, bars.n + 1, sizeof(*v));
	out = arena_array(c->a, bars.n + 1, sizeof(*out));
	for (size_t k = 0; k < bars.n; k++)
		v[bars.n - 1 - k] = *ROW(&bars, struct trade_bar, k);
	if (trade_bars_adjust(v, bars.n, &actions, p->dividends, out,
	    &c->err) == -1)
		return fail_err(c);
	while (n < bars.n && (p->s.to.us == 0 || out[n].at.us < p->s.to.us))
		n++;
	return reply_list(c, &(struct rows){ out, n,
	    &trade_adjusted_bar_schema }, NULL);
}

const struct route trade_corporate_routes[] = {
	{ .id = "trade.corporate.create", .method = HTTP_POST,
	  .path = "/api/trade/corporate-actions",
	  .summary = "A split, a dividend or another symbol",
	  .doc = "Paper accounts take it when it is due; orders on a symbol "
	  "that is split or renamed are cancelled.", .auth = AUTH_USER,
	  .permission = "trade:data", .in = &put_schema,
	  .out = &trade_corporate_schema, .ok = 201,
	  .errors = ERRORS(404, 409), .flags = R_TXN | R_AUDIT |
	  R_IDEMPOTENT, .run = corporate_create },
	{ .id = "trade.corporate.list", .method = HTTP_GET,
	  .path = "/api/trade/corporate-actions",
	  .summary = "Corporate actions, newest first", .auth = AUTH_USER,
	  .permission = "trade:read", .in = &page_only_schema,
	  .out = &trade_corporate_schema, .ok = 200, .flags = R_LIST,
	  .run = corporate_list },
	{ .id = "trade.corporate.delete", .method = HTTP_DELETE,
	  .path = "/api/trade/corporate-actions/{id:uuid}",
	  .summary = "Take one back that nobody took yet",
	  .auth = AUTH_USER, .permission = "trade:data",
	  .in = &id_in_schema, .ok = 204, .errors = ERRORS(404),
	  .flags = R_TXN | R_AUDIT, .run = corporate_delete },
	{ .id = "trade.corporate.entries", .method = HTTP_GET,
	  .path = "/api/trade/corporate-actions/{id:uuid}/entries",
	  .summary = "What accounts took of it", .auth = AUTH_USER,
	  .permission = "trade:data", .in = &id_in_schema,
	  .out = &trade_corporate_entry_schema, .ok = 200,
	  .errors = ERRORS(404), .flags = R_LIST, .run = entry_list },
	{ .id = "trade.bar.adjusted", .method = HTTP_GET,
	  .path = "/api/trade/bars/adjusted",
	  .summary = "Bars in units of today", .doc = "The newest 5000.",
	  .auth = AUTH_USER, .permission = "trade:read", .in = &bars_schema,
	  .out = &trade_adjusted_bar_schema, .ok = 200,
	  .errors = ERRORS(404, 422), .flags = R_LIST,
	  .run = adjusted_list },
	ROUTE_END
};
