/*
 * What the documents 000 and 002 ask for under paths of their own and nothing
 * else here answers: the rules orders are judged by, figures of stocks from
 * recorded bars (nothing is scraped), the parts of the trading system.
 */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/number.h"
#include "http/ctx.h"
#include "modules/trade/broker.h"
#include "modules/trade/conf.h"
#include "modules/trade/engine.h"
#include "modules/trade/feed_inner.h"
#include "modules/trade/limit.h"
#include "modules/trade/news.h"
#include "modules/trade/orders.h"
#include "modules/trade/portfolio.h"
#include "shm/dependency.h"

enum { STOCKS_MAX = 50, STOCK_BARS = 200, LIMITS_MAX = 64,
	FEEDS_MAX = 200 };
#define QUIET_US (INT64_C(30) * US_PER_S)

/* ---- rules ---------------------------------------------------------------------- */

struct rule {
	const char *rule;
	bool enabled;
	struct dec value;
};
static const struct field rule_fields[] = {
	FIELD(struct rule, rule, .doc = "Limit"),
	FIELD(struct rule, enabled, .doc = "false: no limit"),
	FIELD(struct rule, value, .doc = "In the unit of its setting"),
	FIELD_END
};
static const struct schema rule_schema = {
	.name = "TradingRule", .doc = "What orders are judged by",
	.size = sizeof(struct rule), .fields = rule_fields
};
struct rules_out {
	struct list rules;
};
static const struct field rules_fields[] = {
	FIELD(struct rules_out, rules, .sub = &rule_schema, .doc = "Rules"),
	FIELD_END
};
static const struct schema rules_schema = {
	.name = "TradingRules", .doc = "Rules as document 000 has them",
	.size = sizeof(struct rules_out), .fields = rules_fields
};

static int
rules_get(struct ctx *c, const void *in)
{
	struct trade_desk d = trade_desk_of(c);
	struct rule *v = arena_array(c->a, LIMITS_MAX, sizeof(*v));
	struct rules_out out = { { v, 0 } };
	const struct uuid none = { { 0 } };
	struct trade_session s;
	int rc = trade_session_mine(c->db, c->a, c->who.tenant_id,
	    c->who.user_id, false, &s, &c->err);

	(void)in;
	if (rc == -1 || trade_risk_limits(c->db, c->a, c->who.tenant_id,
	    rc == 0 ? s.id : none, &d.limits, &c->err) == -1)
		return fail_err(c);
	for (size_t i = 0; trade_limit_names[i] != NULL && i < LIMITS_MAX -
	    1; i++) {
		struct rule *r = &v[out.rules.n++];

		r->rule = trade_limit_names[i];
		trade_limit_get(&d.limits, r->rule, &r->value);
		r->enabled = r->value.e8 != 0;
	}
	v[out.rules.n++] = (struct rule){ "restricted", d.restricted !=
	    NULL && d.restricted[0] != NULL, { 0 } };
	return reply(c, &out);
}

/* ---- stocks ----------------------------------------------------------------------- */

struct stock {
	const char *symbol;
	double price, volume, ema, vwap, rsi, macd;
	struct utc timestamp;
};
#define NUMBER(m, text) FIELD(struct stock, m, .flags = FF_NULLABLE, \
	.doc = text)
static const struct field stock_fields[] = {
	FIELD(struct stock, symbol, .doc = "Symbol"),
	NUMBER(price, "Last close"), NUMBER(volume, "Of the last bar"),
	NUMBER(ema, "Exponential mean, 20 bars"),
	NUMBER(vwap, "Volume-weighted price"), NUMBER(rsi, "14 bars"),
	NUMBER(macd, "12, 26"),
	FIELD(struct stock, timestamp, .doc = "Of the last bar"), FIELD_END
};
static const struct schema stock_schema = {
	.name = "Stock", .doc = "A symbol's last figures",
	.size = sizeof(struct stock), .fields = stock_fields
};
struct stocks {
	struct list stocks;
};
static const struct field stocks_fields[] = {
	FIELD(struct stocks, stocks, .sub = &stock_schema, .doc = "Symbols"),
	FIELD_END
};
static const struct schema stocks_schema = {
	.name = "Stocks", .doc = "Symbols", .size = sizeof(struct stocks),
	.fields = stocks_fields
};
struct stock_data {
	const void *stock_data;
};
static const struct field data_fields[] = {
	FIELD(struct stock_data, stock_data, .sub = &stocks_schema,
	    .doc = "From recorded daily bars"), FIELD_END
};
static const struct schema data_schema = {
	.name = "StockData", .doc = "Stocks as document 000 has them",
	.size = sizeof(struct stock_data), .fields = data_fields
};
struct stock_in {
	const char *symbols;
};
static const struct field stock_in_fields[] = {
	FIELD(struct stock_in, symbols, .max = 2000, .def = "\"\"",
	    .doc = "Only these, with commas between"), FIELD_END
};
static const struct schema stock_in_schema = {
	.name = "StockAsk", .doc = "Which symbols",
	.size = sizeof(struct stock_in), .fields = stock_in_fields
};

static bool
asked(const char *list, const char *symbol)
{
	size_t n = strlen(symbol);

	for (const char *p = list; *list != '\0'; p += strcspn(p, ","),
	    p += *p == ',') {
		if (*p == '\0')
			return false;
		if (strcspn(p, ",") == n && strncmp(p, symbol, n) == 0)
			return true;
	}
	return true;
}

static int
figure(struct ctx *c, const char *name, const double *params, size_t n,
    const struct rows *bars, double *out)
{
	const struct trade_indicator_kind *k = trade_indicator_find(name);
	struct trade_indicator *t = k == NULL ? NULL : trade_indicator_new(
	    c->a, k, params, n, &c->err);
	double v[TRADE_OUTPUTS] = { NAN };

	if (t == NULL)
		return -1;
	for (size_t i = bars->n; i-- > 0; ) {	/* newest first */
		const struct trade_bar *b = ROW(bars, struct trade_bar, i);
		struct trade_ohlcv o = { dec_real(b->open),
		    dec_real(b->high), dec_real(b->low), dec_real(b->close),
		    dec_real(b->volume) };

		trade_indicator_push(t, &o, o.c, v);
	}
	*out = v[0];
	return 0;
}

static int
stock_of(struct ctx *c, const struct trade_instrument *i, struct stock *s,
    bool *any)
{
	const struct trade_bar *last;
	struct rows bars;

	*any = false;
	if (trade_bar_page(c->db, c->a, i->id, "1d", (struct utc){ 0 },
	    (struct utc){ 0 }, STOCK_BARS, &bars, &c->err) == -1)
		return -1;
	if (bars.n == 0)
		return 0;
	*any = true;
	last = ROW(&bars, struct trade_bar, 0);
	*s = (struct stock){ .symbol = i->symbol,
	    .price = dec_real(last->close), .volume = dec_real(last->volume),
	    .timestamp = last->at };
	return figure(c, "ema", (const double[]){ 20 }, 1, &bars, &s->ema) ==
	    -1 || figure(c, "vwap", NULL, 0, &bars, &s->vwap) == -1 ||
	    figure(c, "rsi", NULL, 0, &bars, &s->rsi) == -1 ||
	    figure(c, "macd", NULL, 0, &bars, &s->macd) == -1 ? -1 : 0;
}

static int
stocks_get(struct ctx *c, const void *in)
{
	const struct stock_in *p = in;
	struct stock *v = arena_array(c->a, STOCKS_MAX, sizeof(*v));
	struct stocks out = { { v, 0 } };
	struct rows rows;
	bool any;

	if (trade_instrument_page(c->db, c->a, c->who.tenant_id, 0, 1000,
	    &rows, &c->err) == -1)
		return fail_err(c);
	for (size_t i = 0; i < rows.n && out.stocks.n < STOCKS_MAX; i++) {
		const struct trade_instrument *x = ROW(&rows,
		    struct trade_instrument, i);

		if (!asked(p->symbols, x->symbol))
			continue;
		if (stock_of(c, x, &v[out.stocks.n], &any) == -1)
			return fail_err(c);
		out.stocks.n += any;
	}
	return reply(c, &(struct stock_data){ &out });
}

/* ---- parts of the system -------------------------------------------------------------- */

struct part {
	const char *id, *name, *status, *details;
};
static const struct field part_fields[] = {
	FIELD(struct part, id, .doc = "Identifier"),
	FIELD(struct part, name, .doc = "Name"),
	FIELD(struct part, status, .doc = "ok or error"),
	FIELD(struct part, details, .doc = "Why"), FIELD_END
};
static const struct schema part_schema = {
	.name = "TradingPart", .doc = "A part of the trading system",
	.size = sizeof(struct part), .fields = part_fields
};
struct parts_out {
	struct utc timestamp;
	struct list components;
};
static const struct field parts_fields[] = {
	FIELD(struct parts_out, timestamp, .doc = "Now"),
	FIELD(struct parts_out, components, .sub = &part_schema,
	    .doc = "Parts"), FIELD_END
};
static const struct schema parts_schema = {
	.name = "TradingStatus", .doc = "The parts as document 002 has them",
	.size = sizeof(struct parts_out), .fields = parts_fields
};

/* A service beside us: error while its breaker is open. */
static struct part
beside(struct ctx *c, const char *id, const char *name, const char *within,
    const char *dependency, bool configured)
{
	struct dependency_view v;
	int n = dependency_find(c->env->shm, dependency);

	if (!configured)
		return (struct part){ id, name, within == NULL ? "error" :
		    "ok", within == NULL ? "not configured" : within };
	if (n == -1)
		return (struct part){ id, name, "ok", "configured" };
	dependency_look(c->env->shm, n, (uint64_t)clock_boot_ns(), &v);
	return v.state == BREAKER_OPEN ? (struct part){ id, name, "error",
	    "does not answer" } : (struct part){ id, name, "ok", "answers" };
}

/* Patterns are seen where ticks are handled: a feed that should run and is not
 * heard of says that nobody looks. */
static int
market(struct ctx *c, struct part *out)
{
	const struct utc limit = { c->now.us - QUIET_US };
	struct rows rows;

	*out = (struct part){ "pattern_engine", "Patterns", "ok",
	    "no feed runs" };
	if (trade_feed_page(c->db, c->a, c->who.tenant_id,
	    (struct uuid){ { 0 } }, FEEDS_MAX, &rows, &c->err) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		const struct trade_feed *f = ROW(&rows, struct trade_feed, i);

		if (strcmp(f->wanted, "running") != 0)
			continue;
		out->details = "its feeds run";
		if (strcmp(f->state, "running") == 0 &&
		    (f->heard_at.us > limit.us || f->started_at.us > limit.us))
			continue;
		out->status = "error";
		out->details = arena_printf(c->a, "the feed %.60s is %s and "
		    "not heard of", f->name, f->state);
		return 0;
	}
	return 0;
}

static int
status_get(struct ctx *c, const void *in)
{
	const struct trade_news_conf *n = conf_get(c->env->conf,
	    &trade_news_settings);
	const struct trade_engine_conf *g = conf_get(c->env->conf,
	    &trade_engine_settings);
	const struct trade_broker_conf *b = conf_get(c->env->conf,
	    &trade_broker_settings);
	struct part v[] = {
		{ "backend", "Backend", "ok", "answers" },
		beside(c, "sentiment_engine", "Sentiment", "the lexicon of "
		    "this program", "sentiment", *n->engine != '\0'),
		{ NULL, NULL, NULL, NULL },
		beside(c, "strategy_engine", "Strategies", "the engine of "
		    "this program", "strategy_engine", *g->strategy_url != '\0'),
		beside(c, "onnx-runner", "Forecasts", "none is configured: "
		    "answers are marked as a fallback", "onnx_runner",
		    *g->onnx_url != '\0'),
		beside(c, "mcp", "Broker", "paper accounts", "mcp",
		    *b->mcp_url != '\0')
	};
	struct parts_out out = { c->now, { v, sizeof(v) / sizeof(*v) } };

	(void)in;
	return market(c, &v[2]) == -1 ? fail_err(c) : reply(c, &out);
}

#define READ(id_, path_, seed_, text) .id = id_, .method = HTTP_GET, \
	.path = path_, .seed = seed_, .summary = text, .auth = AUTH_USER, \
	.permission = "trade:read", .ok = 200
const struct route trade_compat_routes[] = {
	{ READ("trade.compat.rules", "/api/trading/rules", "000",
	  "Rules that orders are judged by"), .out = &rules_schema,
	  .run = rules_get },
	{ READ("trade.compat.stocks", "/api/trading/stock_scraper", "000",
	  "Figures of stocks from recorded bars"), .in = &stock_in_schema,
	  .out = &data_schema, .run = stocks_get },
	{ READ("trade.compat.status", "/api/status", "002",
	  "Parts of the trading system"), .out = &parts_schema,
	  .run = status_get },
	ROUTE_END
};
