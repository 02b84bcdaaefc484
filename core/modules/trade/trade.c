/*
 * The trading system. This file gathers the module's tables and has no
 * functions. Read the nouns in this order: instrument, bar, indicator, candle,
 * strategy, sim, stats, backtest.
 */
#include "db/table.h"
#include "modules/trade/bar.h"
#include "modules/trade/instrument.h"
#include "modules/trade/pattern.h"
#include "modules/trade/result.h"
#include "modules/trade/strategies.h"
#include "modules/trade/trade.h"

static const struct permission permissions[] = {
	{ "trade:read", "See instruments, bars, strategies and results",
	    "admin operator trader analyst agent client lab auditor user",
	    false },
	{ "trade:data", "Store instruments and bars",
	    "admin operator trader analyst", false },
	{ "trade:write", "Write strategies and run backtests",
	    "admin operator trader analyst", false },
	{ NULL, NULL, NULL, false }
};

static const struct exchange bars = { .noun = "trade.bar",
    .doc = "Bars with their symbols", .row = &trade_bar_row_schema,
    .put = trade_bar_import, .all = &trade_bar_export };

const struct module trade_module = {
	.name = "trade",
	.doc = "Trading: market data, indicators, patterns, backtests",
	.needs = (const char *const[]){ "auth", "platform", NULL },
	.tables = (const struct table *const[]){ trade_instrument_tables,
		trade_bar_tables, trade_strategy_tables, trade_result_tables,
		NULL },
	.queries = (const struct query *const *const[]){
		trade_instrument_queries, trade_bar_queries,
		trade_strategy_queries, trade_result_queries, NULL },
	.routes = (const struct route *const[]){ trade_instrument_routes,
		trade_bar_routes, trade_strategy_routes, trade_result_routes,
		trade_pattern_routes, NULL },
	.jobs = (const struct job *const[]){ trade_result_jobs,
		trade_pattern_jobs, NULL },
	.permissions = permissions,
	.exchanges = (const struct exchange *const[]){ &bars, NULL }
};
