/*
 * The trading system. This file gathers the module's tables and has no
 * functions. Read the nouns in this order: instrument, bar, indicator, candle,
 * strategy, sim, stats, backtest, session, order, broker, link, reconcile.
 */
#include "db/table.h"
#include "shm/dependency.h"
#include "modules/trade/bar.h"
#include "modules/trade/conf.h"
#include "modules/trade/corporate.h"
#include "modules/trade/demo.h"
#include "modules/trade/engine.h"
#include "modules/trade/feed_inner.h"
#include "modules/trade/instrument.h"
#include "modules/trade/ledger.h"
#include "modules/trade/limit.h"
#include "modules/trade/link.h"
#include "modules/trade/news.h"
#include "modules/trade/orders.h"
#include "modules/trade/outside.h"
#include "modules/trade/papers.h"
#include "modules/trade/pattern.h"
#include "modules/trade/portfolio.h"
#include "modules/trade/research_cli.h"
#include "modules/trade/pull.h"
#include "modules/trade/result.h"
#include "modules/trade/session.h"
#include "modules/trade/strategies.h"
#include "modules/trade/stream.h"
#include "modules/trade/suggest.h"
#include "modules/trade/trade.h"
#include "modules/trade/ui.h"

static const struct permission permissions[] = {
	{ "trade:read", "See instruments, bars, strategies and results",
	    "admin operator trader analyst agent client lab auditor user",
	    false },
	{ "trade:data", "Store instruments and bars",
	    "admin operator trader analyst", false },
	{ "trade:order", "Place and cancel own orders",
	    "admin operator trader", false },
	{ "trade:arm", "Put strategies to work and stop them",
	    "admin operator trader", false },
	{ "trade:limits", "Set limits of the whole tenant", "admin operator",
	    false },
	{ "trade:write", "Write strategies and run backtests",
	    "admin operator trader analyst", false },
	{ NULL, NULL, NULL, false }
};

#define C struct trade_conf
#define LIMIT(m, key, d, top, text) SETTING(C, m, "trade." key, .def = d, \
	.min = 0, .max = top, .doc = text)
static const struct setting setting_rows[] = {
	LIMIT(max_quantity, "max_quantity", "1000000", 90000000000,
	    "Units in one order; 0 = no limit"),
	LIMIT(max_notional, "max_notional", "1000000", 90000000000,
	    "Worth of one order; 0 = no limit"),
	LIMIT(max_position, "max_position", "10000000", 90000000000,
	    "Units of one symbol; 0 = no limit"),
	LIMIT(max_open_notional, "max_open_notional", "5000000", 90000000000,
	    "Worth of open orders; 0 = no limit"),
	LIMIT(max_open_orders, "max_open_orders", "500", 5000,
	    "Open orders of an account"),
	LIMIT(per_second, "orders_per_second", "10", 10000,
	    "Orders of an account in a second"),
	LIMIT(per_minute, "orders_per_minute", "200", 100000,
	    "Orders of an account in a minute"),
	LIMIT(quote_age_s, "quote_age", "900", 604800,
	    "Age in seconds up to which a market order trusts a price"),
	LIMIT(collar_limit_bp, "collar_limit", "500", 100000,
	    "Distance of a limit from the last price, in hundredths of a "
	    "percent"),
	LIMIT(collar_stop_bp, "collar_stop", "1000", 100000,
	    "The same of a stop"),
	LIMIT(max_share_pct, "max_share", "0", 1000,
	    "Percent of the equity in one symbol; 0 = no limit"),
	LIMIT(daily_loss_pct, "daily_loss", "20", 100,
	    "Percent lost in a day after which nothing new is opened"),
	LIMIT(short_margin_pct, "short_margin", "100", 1000,
	    "Percent of a short's worth that is held besides its proceeds"),
	LIMIT(paper_fee_bp, "paper_fee", "2", 10000,
	    "Fee of paper trades, in hundredths of a percent"),
	LIMIT(paper_cash, "paper_cash", "100000", 1000000000,
	    "Cash of a new paper account"),
	SETTING(C, stale_after_ms, "trade.stale_after", .def = "2000",
	    .min = 100, .max = 3600000, .unit = "milliseconds",
	    .doc = "Silence after which a running feed is stale: market "
	    "orders for its instruments are refused"),
	SETTING(C, market_rate, "trade.market_rate", .def = "10", .min = 1,
	    .max = 1000, .doc = "Events of market data per symbol and second; "
	    "the newest is never left out"),
	SETTING(C, quiet_minutes, "trade.quiet_minutes", .def = "5",
	    .min = 1, .max = 10000, .doc = "Minutes without a tick in an open "
	    "market that are noted as a gap"),
	SETTING(C, bar_grace_ms, "trade.bar_grace", .def = "1500", .min = 0,
	    .max = 600000, .unit = "milliseconds", .doc = "A bar is closed "
	    "this long after its end when no tick of the next one comes"),
	SETTING(C, redis_ticks, "trade.redis_ticks", .def = "",
	    .doc = "Redis streams of ticks that are read, each as "
	    "stream=tenant id (ticks:global=…)"),
	SETTING(C, redis_signals, "trade.redis_signals", .def = "",
	    .doc = "Redis streams of signals, each as stream=tenant id"),
	SETTING(C, redis_channels, "trade.redis_channels", .def = "",
	    .doc = "Redis pub/sub channels of signals, each as "
	    "channel=tenant id"),
	SETTING(C, redis_topics, "trade.redis_topics", .def =
	    "tick,ticks,trade,quote,market_data,signal,signals,"
	    "trading_signals", .doc = "Values of `type` or `topic` that are "
	    "taken from Redis; a message that has neither is taken"),
	SETTING(C, redis_group, "trade.redis_group", .def = "quincunx",
	    .doc = "Consumer group in which Redis streams are read"),
	LIMIT(paper_spread_bp, "paper_spread", "2", 1000,
	    "Spread of a new paper account where no quote is known, in "
	    "hundredths of a percent"),
	LIMIT(paper_latency_ms, "paper_latency", "0", 60000,
	    "Milliseconds from placing a paper order to the market"),
	LIMIT(paper_jitter_ms, "paper_jitter", "0", 60000,
	    "And up to so many more"),
	LIMIT(paper_share_pct, "paper_share", "10", 100,
	    "Percent of a bar's volume that paper orders can have; 0 = all"),
	SETTING(C, paper_hash_every, "trade.paper_hash_every", .def = "10000",
	    .min = 1, .max = 1000000, .doc = "Inputs of a paper market "
	    "between two hashes of its state"),
	SETTING(C, restricted, "trade.restricted", .def = "",
	    .doc = "Symbols that nobody may order"),
	SETTING_END
};
#undef C
const struct settings trade_settings = { .name = "trade",
    .size = sizeof(struct trade_conf), .rows = setting_rows };

static const struct exchange bars = { .noun = "trade.bar",
    .doc = "Bars with their symbols", .row = &trade_bar_row_schema,
    .put = trade_bar_import, .all = &trade_bar_export };

static const struct alert alerts[] = {
	{ "TradeOrderUnknown", "The outcome of a live order has not been known "
	    "for ten minutes", "trade_orders_unknown > 0", 0, 60, "critical",
	    NULL, NULL, "GET /api/trade/differences shows it; look at the "
	    "broker, then accept it there" },
	{ "TradeExitRejected", "A broker did not take the exit of a position",
	    "sum(increase(trade_exits_rejected_total[5m])) > 0", 0, 300,
	    "critical", NULL, NULL, "GET /api/trade/orders?state=rejected "
	    "names it; place the exit anew" },
	{ "TradeBooks", "The books of an account do not agree",
	    "max(trade_book_faults) > 0", 0, 60, "critical", NULL, NULL,
	    "GET /api/trade/books says which figures; the account should be "
	    "stopped until it is understood" },
	{ "TradeFeedStale", "A running feed of market data says nothing: "
	    "market orders of its instruments are refused",
	    "sum(trade_feeds_stale) > 0", 0, 10, "critical", NULL, NULL,
	    "GET /api/trade/feeds tells which, and since when" },
	{ "TradeListenerFails", "Ticks or bars could not be acted on",
	    "sum(increase(trade_listener_failures_total[5m])) > 0", 0, 300,
	    "warning", NULL, NULL, "The server's log names the listener, the "
	    "symbol and the cause" },
	ALERT_END
};

static const struct dependency dependencies[] = {
	{ .name = "mcp", .doc = "The broker proxy at MCP_URL" },
	{ .name = "kite", .doc = "Kite Connect" },
	{ .name = "alpaca", .doc = "Alpaca's trading API" },
	{ .name = "quotes", .doc = "Quote servers of http feeds" },
	{ .name = "sentiment", .doc = "Service that judges texts "
	    "(trade.sentiment_engine)" },
	{ .name = "strategy_engine", .doc = "External strategy engine" },
	{ .name = "onnx_runner", .doc = "External forecasts" },
	DEPENDENCY_END
};

static const struct component components[] = {
	{ .name = "trade.broker", .doc = "Sending live orders and comparing "
	  "with brokers" },
	{ .name = NULL }
};

/* What the alerts look back on. */
static const struct history histories[] = {
	{ "trade_orders_unknown", NULL }, { "trade_book_faults", NULL },
	{ "trade_exits_rejected_total", NULL }, { "trade_feeds_stale", NULL },
	{ "trade_listener_failures_total", NULL }, HISTORY_END
};

const struct module trade_module = {
	.name = "trade",
	.doc = "Trading: market data, indicators, patterns, backtests",
	.needs = (const char *const[]){ "auth", "platform", NULL },
	.tables = (const struct table *const[]){ trade_instrument_tables,
		trade_bar_tables, trade_strategy_tables, trade_result_tables,
		trade_session_tables, trade_order_tables,
		trade_fill_tables, trade_limit_tables,
		trade_link_tables, trade_difference_tables,
		trade_ledger_tables, trade_feed_tables,
		trade_tick_tables, trade_paper_tables,
		trade_news_tables, trade_signal_tables, trade_arming_tables,
		trade_reward_tables, trade_suggest_tables,
		trade_portfolio_tables, trade_corporate_tables, NULL },
	.queries = (const struct query *const *const[]){
		trade_link_queries, trade_difference_queries,
		trade_instrument_queries, trade_bar_queries,
		trade_strategy_queries, trade_result_queries,
		trade_session_queries, trade_order_queries,
		trade_fill_queries, trade_limit_queries,
		trade_ledger_queries, trade_feed_queries,
		trade_tick_queries, trade_paper_queries,
		trade_sight_queries,
		trade_news_queries, trade_signal_queries,
		trade_arming_queries, trade_reward_queries,
		trade_suggest_queries, trade_portfolio_queries,
		trade_corporate_queries, trade_demo_queries, NULL },
	.routes = (const struct route *const[]){
		trade_link_routes, trade_broker_routes,
		trade_difference_routes,
		trade_instrument_routes, trade_bar_routes, trade_resample_routes,
		trade_strategy_routes, trade_result_routes,
		trade_pattern_routes, trade_session_routes, trade_order_routes,
		trade_order_read_routes, trade_limit_routes,
		trade_ledger_routes, trade_feed_routes,
		trade_tick_routes, trade_paper_routes,
		trade_news_routes, trade_sentiment_routes,
		trade_signal_routes, trade_arming_routes, trade_reward_routes,
		trade_suggest_routes, trade_outside_routes,
		trade_portfolio_routes, trade_corporate_routes,
		trade_compat_routes, NULL },
	.settings = (const struct settings *const[]){ &trade_settings,
		&trade_broker_settings, &trade_news_settings,
		&trade_engine_settings, &trade_portfolio_settings, NULL },
	.dependencies = dependencies,
	.events = (const struct event *const[]){ trade_link_events,
		trade_order_events, trade_position_events, trade_ledger_events,
		trade_feed_events, trade_news_events, trade_signal_events,
		trade_arming_events, NULL },
	.loops = (const struct loop *const[]){ trade_broker_loops,
		trade_ledger_loops, trade_feed_loops, trade_stream_loops,
		trade_pull_loops, trade_paper_loops, trade_reward_loops,
		trade_portfolio_loops, trade_corporate_loops, NULL },
	.metrics = (const struct metric *const *const[]){
		trade_order_metrics, trade_ledger_metrics, trade_feed_metrics,
		trade_stream_metrics, NULL },
	.gauges = trade_gauges,
	.jobs = (const struct job *const[]){ trade_result_jobs,
		trade_pattern_jobs, trade_sentiment_jobs, trade_suggest_jobs,
		NULL },
	.commands = (const struct command *const[]){ trade_research_commands,
		trade_pattern_commands, trade_sentiment_commands,
		trade_paper_commands, NULL },
	.histories = histories,
	.alerts = alerts,
	.components = components,
	.permissions = permissions,
	.pages = (const struct page *const[]){ trade_pages, NULL },
	.exchanges = (const struct exchange *const[]){ &bars, NULL },
	.demo = &trade_demo
};
