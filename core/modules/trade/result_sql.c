/*
 * Rows of backtests. All SQL on trade_backtest is here. A result is written
 * once, in the transaction that ends its job.
 */
#include "modules/trade/result.h"

#define R struct trade_result
#define HEAD \
	FIELD(R, id, .doc = "Identifier: that of its job"), \
	FIELD(R, tenant_id, .flags = FF_HIDDEN), \
	FIELD(R, job_id, .doc = "Job that made it"), \
	FIELD(R, strategy_id, .flags = FF_NULLABLE, \
	    .doc = "Strategy, when it was a stored one"), \
	FIELD(R, symbol, .doc = "Symbol"), \
	FIELD(R, timeframe, .doc = "Length of its bars"), \
	FIELD(R, request, .doc = "What was asked for"), \
	FIELD(R, engine, .doc = "Version of the engine"), \
	FIELD(R, spec_digest, .flags = FF_HIDDEN), \
	FIELD(R, data_digest, .flags = FF_HIDDEN), \
	FIELD(R, key_digest, .flags = FF_HIDDEN | FF_NULLABLE), \
	FIELD(R, bars, .doc = "How many bars it ran over"), \
	FIELD(R, first_at, .doc = "First bar"), \
	FIELD(R, last_at, .doc = "Last bar"), \
	FIELD(R, stats, .doc = "See TradeStats"), \
	FIELD(R, report, .doc = "Parameters, bounds, audit, folds"), \
	FIELD(R, made_by, .doc = "Who asked for it"), \
	FIELD(R, created_at, .doc = "When it was ready")
static const struct field fields[] = { HEAD, FIELD_END };
const struct schema trade_result_schema = {
	.name = "Backtest", .doc = "Result of a backtest",
	.size = sizeof(R), .fields = fields
};
static const struct field whole_fields[] = {
	HEAD, FIELD(R, trades, .doc = "Trades"),
	FIELD(R, equity, .doc = "Equity"), FIELD_END
};
static const struct schema whole_schema = {
	.name = "BacktestRow", .doc = "A result with its curves",
	.size = sizeof(R), .fields = whole_fields
};

#define COLUMNS "id, tenant_id, job_id, strategy_id, symbol, timeframe, " \
	"request, engine, spec_digest, data_digest, key_digest, bars, " \
	"first_at, last_at, stats, report, made_by, created_at"

static const struct query RESULT_INSERT = { "trade_backtest.insert",
	"INSERT INTO trade_backtest (" COLUMNS ", trades, equity) VALUES (?, "
	"?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", NULL };
static const struct query RESULT_PAGE = { "trade_backtest.page",
	"SELECT " COLUMNS " FROM trade_backtest WHERE tenant_id = ? AND "
	"(? IS NULL OR strategy_id = ?) AND id < COALESCE(?, "
	"X'FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF') ORDER BY id DESC LIMIT ?",
	&trade_result_schema };
static const struct query RESULT_BY_ID = { "trade_backtest.by_id",
	"SELECT " COLUMNS ", trades, equity FROM trade_backtest WHERE "
	"tenant_id = ? AND id = ? LIMIT 1", &whole_schema };

static const struct query RESULT_BY_KEY = { "trade_backtest.by_key",
	"SELECT " COLUMNS ", trades, equity FROM trade_backtest WHERE "
	"tenant_id = ? AND key_digest = ? ORDER BY id DESC LIMIT 1",
	&whole_schema };

const struct query *const trade_result_queries[] = {
	&RESULT_INSERT, &RESULT_PAGE, &RESULT_BY_ID, &RESULT_BY_KEY, NULL
};

const struct table trade_result_tables[] = {
	{ .name = "trade_backtest", .row = &whole_schema,
	  .tenant_column = "tenant_id", .retention_days = 365,
	  .retention_column = "created_at", .snapshot = SNAP_FULL },
	{ .name = NULL }
};

int
trade_result_insert(struct db *db, const R *r, struct err *e)
{
	return db_exec(db, &RESULT_INSERT, ARGS(V(r->id), V(r->tenant_id),
	    V(r->job_id), V(r->strategy_id), V(r->symbol), V(r->timeframe),
	    V(r->request), V(r->engine), V(r->spec_digest),
	    V(r->data_digest), V(r->key_digest), V(r->bars), V(r->first_at), V(r->last_at),
	    V(r->stats), V(r->report), V(r->made_by), V(r->created_at),
	    V(r->trades), V(r->equity)), NULL, e);
}

int
trade_result_page(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid strategy, struct uuid below, int64_t limit, struct rows *out,
    struct err *e)
{
	return db_all(db, a, &RESULT_PAGE, ARGS(V(tenant), V(strategy),
	    V(strategy), V(below), V(limit)), out, e);
}

int
trade_result_by_id(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, R *out, struct err *e)
{
	return db_one(db, a, &RESULT_BY_ID, ARGS(V(tenant), V(id)), out, e);
}

int
trade_result_by_key(struct db *db, struct arena *a, struct uuid tenant,
    struct blob key, R *out, struct err *e)
{
	return db_one(db, a, &RESULT_BY_KEY, ARGS(V(tenant), V(key)), out, e);
}
