/*
 * Bars over HTTP: pages, and files of them.
 */
#include <string.h>

#include "base/number.h"
#include "http/ctx.h"
#include "modules/trade/feed_inner.h"
#include "modules/trade/papers.h"

struct list_in {
	struct page_in page;
	struct trade_series_in s;
};
static const struct field list_fields[] = {
	PAGE_LIMIT(struct list_in), PAGE_CURSOR(struct list_in),
	TRADE_SERIES_FIELDS(struct list_in, s.), FIELD_END
};
static const struct schema list_schema = {
	.name = "BarPage", .doc = "Which bars; newest first",
	.size = sizeof(struct list_in), .fields = list_fields
};

static int
bar_list(struct ctx *c, const void *in)
{
	const struct list_in *l = in;
	struct trade_instrument i;
	const char *key, *next = NULL;
	struct utc before = l->s.to;
	struct rows rows;

	if (cursor_open(c, l->page.cursor, &key) == -1)
		return fail_err(c);
	if (*key != '\0' && num_i64(key, strlen(key), &before.us) != NUM_OK)
		return fail(c, 422, "cursor", "Not a cursor of this list");
	if (db_found(trade_instrument_find(c->db, c->a, c->who.tenant_id,
	    l->s.symbol, l->s.exchange, &i, &c->err), "Instrument",
	    &c->err) == -1 || trade_bar_page(c->db, c->a, i.id,
	    l->s.timeframe, l->s.from, before, l->page.limit + 1, &rows,
	    &c->err) == -1)
		return fail_err(c);
	if ((int64_t)rows.n > l->page.limit) {
		rows.n = (size_t)l->page.limit;
		next = cursor_seal(c, arena_printf(c->a, "%lld", (long long)
		    ROW(&rows, struct trade_bar, rows.n - 1)->at.us));
	}
	return reply_list(c, &rows, next);
}

/* ---- in ---------------------------------------------------------------------------- */

struct put_in {
	const char *symbol, *exchange, *timeframe;
	struct list bars;
};
static const struct field put_fields[] = {
	FIELD(struct put_in, symbol, .flags = FF_REQUIRED, .min = 1,
	    .max = 32, TRADE_SYMBOL, .doc = "Symbol"),
	FIELD(struct put_in, exchange, .max = 16, .def = "\"\"",
	    .doc = "Exchange"),
	FIELD(struct put_in, timeframe, .oneof = trade_timeframes,
	    .def = "\"1d\"", .doc = "Length of a bar"),
	FIELD(struct put_in, bars, .flags = FF_REQUIRED,
	    .sub = &trade_bar_schema, .min = 1, .max = 1000,
	    .doc = "In any order"),
	FIELD_END
};
static const struct schema put_schema = {
	.name = "BarPut", .doc = "Bars to store",
	.size = sizeof(struct put_in), .fields = put_fields
};

static int
instrument(struct ctx *c, const char *symbol, const char *exchange,
    struct trade_instrument *i)
{
	return db_found(trade_instrument_find(c->db, c->a, c->who.tenant_id,
	    symbol, exchange, i, &c->err), "Instrument", &c->err);
}

static int
bar_put(struct ctx *c, const void *in)
{
	const struct put_in *p = in;
	const struct trade_bar *b = p->bars.items;
	struct trade_bar_report out = { .rows = (int64_t)p->bars.n };
	struct trade_desk d = trade_desk_of(c);
	struct trade_instrument i;
	uint64_t changed;

	for (size_t k = 0; k < p->bars.n; k++)
		if (trade_bar_check(&b[k], &c->err) == -1) {
			const char *what = arena_strdup(c->a, c->err.detail);

			return fail(c, 422, "bar", "Bar %zu: %s", k, what);
		}
	if (instrument(c, p->symbol, p->exchange, &i) == -1 ||
	    trade_bar_put(c->db, i.id, p->timeframe, b, p->bars.n, c->a,
	    &changed, &c->err) == -1 || trade_paper_on_bars(&d, i.id,
	    p->timeframe, b, p->bars.n, &c->err) == -1 || trade_bars_post(c->db, c->a,
	    c->who.tenant_id, i.id, p->timeframe, b, p->bars.n, c->now,
	    &c->err) == -1)
		return fail_err(c);
	out.changed = (int64_t)changed;
	return reply(c, &out);
}

struct import_in {
	const char *symbol, *exchange, *timeframe;
};
static const struct field import_fields[] = {
	FIELD(struct import_in, symbol, .flags = FF_REQUIRED, .min = 1,
	    .max = 32, TRADE_SYMBOL, .doc = "Symbol"),
	FIELD(struct import_in, exchange, .max = 16, .def = "\"\"",
	    .doc = "Exchange"),
	FIELD(struct import_in, timeframe, .oneof = trade_timeframes,
	    .def = "\"1d\"", .doc = "Length of a bar"), FIELD_END
};
static const struct schema import_schema = {
	.name = "BarImportInto", .doc = "Whose bars the file holds",
	.size = sizeof(struct import_in), .fields = import_fields
};

static long
read_body(void *arg, void *buf, size_t n, struct err *e)
{
	struct ctx *c = arg;
	long got = ctx_read(c, buf, n);

	if (got == -1)
		*e = c->err;
	return got;
}

static int
bar_import(struct ctx *c, const void *in)
{
	const struct import_in *p = in;
	const struct trade_bar_source source = { read_body, c };
	struct trade_bar_report out;
	struct trade_instrument i;

	const char *type = ctx_content_type(c);
	bool json = type != NULL && strncmp(type, "application/json", 16) ==
	    0;

	if (instrument(c, p->symbol, p->exchange, &i) == -1 || (json ?
	    trade_bar_upload_json(c->db, c->a, i.id, p->timeframe, &source,
	    &out, &c->err) : trade_bar_upload(c->db, c->a, i.id,
	    p->timeframe, &source, &out, &c->err)) == -1)
		return fail_err(c);
	ctx_target(c, "instrument", i.symbol, arena_printf(c->a,
	    "{\"rows\":%lld}", (long long)out.rows));
	return reply(c, &out);
}

const struct route trade_bar_routes[] = {
	{ .id = "trade.bar.list", .method = HTTP_GET,
	  .path = "/api/trade/bars", .summary = "Bars of an instrument",
	  .auth = AUTH_USER, .permission = "trade:read", .in = &list_schema,
	  .out = &trade_bar_schema, .ok = 200, .errors = ERRORS(404),
	  .flags = R_LIST, .run = bar_list },
	{ .id = "trade.bar.put", .method = HTTP_POST,
	  .path = "/api/trade/bars", .summary = "Store bars",
	  .doc = "By instrument, timeframe and time: a repeat changes "
	  "nothing, another value corrects the bar.",
	  .auth = AUTH_USER, .permission = "trade:data", .in = &put_schema,
	  .out = &trade_bar_report_schema, .ok = 200,
	  .errors = ERRORS(404, 422), .flags = R_TXN,
	  .natural_key = "instrument, timeframe and time", .run = bar_put },
	{ .id = "trade.bar.import", .method = HTTP_POST,
	  .path = "/api/trade/bars/import",
	  .summary = "Import a file of bars",
	  .doc = "CSV with the columns at (or date, time, timestamp), open, "
	  "high, low, close, volume; or, as application/json, an array of "
	  "[time, open, high, low, close, volume] or of objects.",
	  .auth = AUTH_USER, .permission = "trade:data",
	  .in = &import_schema, .out = &trade_bar_report_schema, .ok = 200,
	  .errors = ERRORS(400, 404, 413, 422), .flags = R_RAW | R_AUDIT,
	  .pool = POOL_SLOW, .max_body = 256 << 20,
	  .natural_key = "instrument, timeframe and time",
	  .run = bar_import },
	ROUTE_END
};
