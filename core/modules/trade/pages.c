/*
 * Pages of the trading system: tables only. How to add one is told in
 * http/page.h.
 */
#include <stddef.h>

#include "modules/trade/ui.h"

#define LOADS(...) \
	(const struct page_load[]){ __VA_ARGS__, { NULL, NULL, NULL, 0 } }

const struct page trade_pages[] = {
	{ .path = "/ui/trade/portfolio", .title = "Portfolio",
	  .permission = "trade:read", .template = "trade/portfolio.html",
	  .loads = LOADS(
	    { "session", "trade.session.get", NULL, 0 },
	    { "positions", "trade.position.list", NULL, 0 },
	    { "orders", "trade.order.list", "open=true&limit=50", 0 },
	    { "fills", "trade.fill.list", "limit=20", 0 },
	    { "links", "trade.link.list", NULL, 0 },
	    { "differences", "trade.difference.list", "open=true&limit=20",
	      0 }) },
	{ .path = "/ui/trade/orders", .title = "Orders",
	  .permission = "trade:read", .template = "trade/orders.html",
	  .loads = LOADS(
	    { "orders", "trade.order.list", "limit=50", LOAD_MAIN }) },
	{ .path = "/ui/trade/orders/{id:uuid}", .title = "Order",
	  .permission = "trade:read", .template = "trade/order.html",
	  .loads = LOADS(
	    { "order", "trade.order.get", NULL, LOAD_MAIN },
	    { "events", "trade.order.events", NULL, 0 }) },
	{ .path = "/ui/trade/strategies", .title = "Strategies",
	  .permission = "trade:read", .template = "trade/strategies.html",
	  .loads = LOADS(
	    { "armings", "trade.arming.list", "limit=50", LOAD_MAIN },
	    { "strategies", "trade.strategy.list", "limit=100", 0 },
	    { "leaders", "trade.leaderboard.list", NULL, 0 },
	    { "acts", "trade.act.list", "limit=30", 0 }) },
	{ .path = "/ui/trade/signals", .title = "Signals",
	  .permission = "trade:read", .template = "trade/signals.html",
	  .loads = LOADS(
	    { "signals", "trade.signal.list", "limit=50", LOAD_MAIN },
	    { "suggestions", "trade.suggestion.list", "limit=20", 0 }) },
	{ .path = "/ui/trade/news", .title = "News",
	  .permission = "trade:read", .template = "trade/news.html",
	  .loads = LOADS(
	    { "news", "trade.news.list", "limit=50", LOAD_MAIN },
	    { "sentiment", "trade.sentiment.list", NULL, 0 }) },
	{ .path = "/ui/trade/instruments", .title = "Market data",
	  .permission = "trade:read", .template = "trade/instruments.html",
	  .loads = LOADS(
	    { "instruments", "trade.instrument.list", "limit=100",
	      LOAD_MAIN },
	    { "feeds", "trade.feed.list", "limit=50", 0 }) },
	{ .path = "/ui/trade/chart", .title = "Chart",
	  .permission = "trade:read", .template = "trade/chart.html",
	  .loads = LOADS(
	    { "bars", "trade.bar.list", "limit=180", LOAD_MAIN },
	    { "patterns", "trade.pattern.list", NULL, LOAD_QUERY }) },
	{ .path = "/ui/trade/backtests", .title = "Backtests",
	  .permission = "trade:read", .template = "trade/backtests.html",
	  .loads = LOADS(
	    { "backtests", "trade.backtest.list", "limit=50", LOAD_MAIN },
	    { "strategies", "trade.strategy.list", "limit=100", 0 },
	    { "instruments", "trade.instrument.list", "limit=200", 0 }) },
	{ .path = "/ui/trade/backtests/{id}", .title = "Backtest",
	  .permission = "trade:read", .template = "trade/backtest.html",
	  .loads = LOADS(
	    { "backtest", "trade.backtest.get", NULL, LOAD_MAIN },
	    { "trades", "trade.backtest.trades", NULL, 0 }) },
	{ .path = NULL }
};
