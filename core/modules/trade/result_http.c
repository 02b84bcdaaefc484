/*
 * Backtests over HTTP: asked for, listed, read, compared.
 */
#include <string.h>

#include "base/random.h"
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

static int
csv(struct ctx *c, const void *in, bool trades)
{
	const struct id_in *i = in;
	struct trade_result r;
	struct str s;

	if (find(c, i->id, &r) == -1)
		return fail_err(c);
	str_init(&s, c->a);
	trade_result_csv(trades ? r.trades : r.equity,
	    trades ? NULL : "at_ms,equity", &s);
	reply_header(c, "Content-Disposition", trades ?
	    "attachment; filename=\"trades.csv\"" :
	    "attachment; filename=\"equity.csv\"");
	return reply_text(c, 200, "text/csv; charset=utf-8", s.p, s.len);
}

static int
trades_csv(struct ctx *c, const void *in)
{
	return csv(c, in, true);
}

static int
equity_csv(struct ctx *c, const void *in)
{
	return csv(c, in, false);
}

/* ---- beside each other ----------------------------------------------------------- */

struct compare_in {
	const char *ids;
};
static const struct field compare_fields[] = {
	FIELD(struct compare_in, ids, .flags = FF_REQUIRED, .max = 800,
	    .doc = "Two to 20 backtests, with commas between"), FIELD_END
};
static const struct schema compare_schema = {
	.name = "BacktestCompare", .doc = "Which results",
	.size = sizeof(struct compare_in), .fields = compare_fields
};
struct compared {
	struct list items;
	struct json table;
	bool same_bars, same_spec;
};
static const struct field compared_fields[] = {
	FIELD(struct compared, items, .sub = &trade_result_schema,
	    .doc = "As asked, without trades and equity"),
	FIELD(struct compared, same_bars, .doc = "All ran on the same bars"),
	FIELD(struct compared, same_spec, .doc = "All ran the same strategy"),
	FIELD(struct compared, table, .doc = "[{name, spread, values}]: "
	    "each statistic, those that differ most first"), FIELD_END
};
static const struct schema compared_schema = {
	.name = "BacktestsCompared", .doc = "Results beside each other",
	.size = sizeof(struct compared), .fields = compared_fields
};

static bool
same(struct blob x, struct blob y)
{
	return x.n == y.n && memcmp(x.p, y.p, x.n) == 0;
}

static int
backtest_compare(struct ctx *c, const void *in)
{
	const struct compare_in *q = in;
	struct trade_result *r = arena_array(c->a, TRADE_COMPARED_MAX,
	    sizeof(*r));
	char *copy = arena_strdup(c->a, q->ids), *save = NULL, *one;
	struct compared out = { .same_bars = true, .same_spec = true };
	struct str s;
	size_t n = 0;

	for (one = strtok_r(copy, ", ", &save); one != NULL;
	    one = strtok_r(NULL, ", ", &save), n++) {
		struct uuid id;

		if (n == TRADE_COMPARED_MAX || uuid_parse(one, &id) == -1)
			return fail_field(c, "ids", "value_error",
			    "At most 20 identifiers with commas between");
		if (find(c, id, &r[n]) == -1)
			return fail_err(c);
		out.same_bars = out.same_bars &&
		    same(r[n].data_digest, r[0].data_digest);
		out.same_spec = out.same_spec &&
		    same(r[n].spec_digest, r[0].spec_digest);
	}
	if (n < 2)
		return fail_field(c, "ids", "value_error",
		    "Two backtests at least");
	str_init(&s, c->a);
	trade_result_table(c->a, r, n, &s);
	out.items = (struct list){ r, n };
	out.table = (struct json){ s.p };
	return reply(c, &out);
}

#define CSV_OF(key, leaf, text, fn) { .id = key, .method = HTTP_GET, \
	.path = "/api/trade/backtests/{id}" leaf, .summary = text, \
	.doc = "Text that a spreadsheet would run is quoted.", \
	.auth = AUTH_USER, .permission = "trade:read", .in = &id_in_schema, \
	.ok = 200, .errors = ERRORS(404), .flags = R_TEXT, \
	.media = "text/csv; charset=utf-8", .run = fn }
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
	{ .id = "trade.backtest.compare", .method = HTTP_GET,
	  .path = "/api/trade/backtests/compare",
	  .summary = "Results beside each other", .auth = AUTH_USER,
	  .permission = "trade:read", .in = &compare_schema,
	  .out = &compared_schema, .ok = 200, .errors = ERRORS(404, 422),
	  .run = backtest_compare },
	CSV_OF("trade.backtest.trades_csv", "/trades.csv",
	    "Trades of a result for a spreadsheet", trades_csv),
	CSV_OF("trade.backtest.equity_csv", "/equity.csv",
	    "Equity of a result for a spreadsheet", equity_csv),
	ONE("trade.backtest.get", "", "One result", &trade_result_schema,
	    backtest_get),
	ONE("trade.backtest.trades", "/trades", "Trades of a result",
	    &part_schema, backtest_trades),
	ONE("trade.backtest.equity", "/equity", "Equity of a result",
	    &part_schema, backtest_equity),
	ROUTE_END
};
