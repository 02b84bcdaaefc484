/*
 * Backtests over HTTP: asked for, listed, read, compared.
 */
#include <string.h>

#include "base/str.h"
#include "http/ctx.h"
#include "modules/trade/result.h"

struct asked {
	struct uuid job_id;
};
static const struct field asked_fields[] = {
	FIELD(struct asked, job_id,
	    .doc = "Job; the result will have the same id"), FIELD_END
};
static const struct schema asked_schema = {
	.name = "BacktestAsked", .doc = "A backtest that was taken",
	.size = sizeof(struct asked), .fields = asked_fields
};

/* What would fail later is refused now: spec, instrument, memory. */
static int
backtest_create(struct ctx *c, const void *in)
{
	const struct trade_request *q = in;
	const struct job_options o = { .actor = c->who.name };
	struct trade_research r = { .tick = NULL };
	struct trade_instrument i;
	struct list symbols;
	struct json spec;
	struct asked out;

	if (trade_request_read(c->db, c->a, c->who.tenant_id, q, &spec, &r,
	    &symbols, &c->err) == -1)
		return fail_err(c);
	for (size_t k = 0; k < symbols.n; k++)
		if (db_found(trade_instrument_find(c->db, c->a,
		    c->who.tenant_id, ((const char *const *)symbols.items)[k],
		    q->exchange, &i, &c->err), "Instrument", &c->err) == -1)
			return fail_err(c);
	if ((r.account.train > 0) != (r.account.test > 0))
		return fail_field(c, "test", "value_error",
		    "train and test go together");
	if (job_enqueue(c->db, c->a, &trade_result_jobs[0], c->who.tenant_id,
	    q, &o, &out.job_id, &c->err) == -1)
		return fail_err(c);
	ctx_target_id(c, "backtest", out.job_id);
	return reply(c, &out);
}

struct list_in {
	struct page_in page;
	struct uuid strategy_id;
};
static const struct field list_fields[] = {
	PAGE_LIMIT(struct list_in), PAGE_CURSOR(struct list_in),
	FIELD(struct list_in, strategy_id, .flags = FF_NULLABLE,
	    .ref = "trade_strategy", .doc = "Only of this strategy"),
	FIELD_END
};
static const struct schema list_schema = {
	.name = "BacktestPage", .doc = "Page of results, newest first",
	.size = sizeof(struct list_in), .fields = list_fields
};

static int
backtest_list(struct ctx *c, const void *in)
{
	const struct list_in *l = in;
	struct uuid below;
	struct rows rows;

	if (cursor_open_uuid(c, l->page.cursor, &below) == -1 ||
	    trade_result_page(c->db, c->a, c->who.tenant_id, l->strategy_id,
	    below, l->page.limit + 1, &rows, &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, cursor_uuid(c, &rows, l->page.limit,
	    offsetof(struct trade_result, id)));
}

static int
find(struct ctx *c, struct uuid id, struct trade_result *r)
{
	return db_found(trade_result_by_id(c->db, c->a, c->who.tenant_id, id,
	    r, &c->err), "Backtest", &c->err);
}

static int
backtest_get(struct ctx *c, const void *in)
{
	const struct id_in *i = in;
	struct trade_result r;

	return find(c, i->id, &r) == -1 ? fail_err(c) : reply(c, &r);
}

struct part {
	struct uuid id;
	struct json items;
};
static const struct field part_fields[] = {
	FIELD(struct part, id, .doc = "Backtest"),
	FIELD(struct part, items, .doc = "Trades, or [milliseconds, equity]"),
	FIELD_END
};
static const struct schema part_schema = {
	.name = "BacktestPart", .doc = "Trades or equity of a backtest",
	.size = sizeof(struct part), .fields = part_fields
};

static int
backtest_trades(struct ctx *c, const void *in)
{
	const struct id_in *i = in;
	struct trade_result r;

	if (find(c, i->id, &r) == -1)
		return fail_err(c);
	return reply(c, &(struct part){ r.id, r.trades });
}

static int
backtest_equity(struct ctx *c, const void *in)
{
	const struct id_in *i = in;
	struct trade_result r;

	if (find(c, i->id, &r) == -1)
		return fail_err(c);
	return reply(c, &(struct part){ r.id, r.equity });
}

#define ONE(key, leaf, text, schema, fn) { .id = key, .method = HTTP_GET, \
	.path = "/api/trade/backtests/{id}" leaf, .summary = text, \
	.auth = AUTH_USER, .permission = "trade:read", .in = &id_in_schema, \
	.out = schema, .ok = 200, .errors = ERRORS(404), .run = fn }

const struct route trade_result_routes[] = {
	{ .id = "trade.backtest.request", .method = HTTP_POST,
	  .path = "/api/trade/backtests", .summary = "Ask for a backtest",
	  .doc = "A job of type backtest; progress under /jobs/{job_id}.",
	  .auth = AUTH_USER, .permission = "trade:write",
	  .in = &trade_request_schema, .out = &asked_schema, .ok = 202,
	  .errors = ERRORS(404, 429),
	  .flags = R_TXN | R_AUDIT | R_IDEMPOTENT | R_ACCEPTED,
	  .run = backtest_create },
	{ .id = "trade.backtest.list", .method = HTTP_GET,
	  .path = "/api/trade/backtests", .summary = "Results of backtests",
	  .auth = AUTH_USER, .permission = "trade:read", .in = &list_schema,
	  .out = &trade_result_schema, .ok = 200, .flags = R_LIST,
	  .run = backtest_list },
	ONE("trade.backtest.get", "", "One result", &trade_result_schema,
	    backtest_get),
	ONE("trade.backtest.trades", "/trades", "Trades of a result",
	    &part_schema, backtest_trades),
	ONE("trade.backtest.equity", "/equity", "Equity of a result",
	    &part_schema, backtest_equity),
	ROUTE_END
};
