/*
 * The original's own routes of its strategy engine and its runner of
 * forecasts. The external engine is asked when one is configured; when it does
 * not answer well, ours does, and the answer says so (X-Engine: fallback).
 */
#include <json.h>
#include <string.h>

#include "base/log.h"
#include "base/number.h"
#include "base/str.h"
#include "http/ctx.h"
#include "modules/trade/instrument.h"
#include "modules/trade/outside.h"

static const char *
said_by(struct ctx *c, int rc)
{
	if (rc == 0)
		return "external";
	if (rc == 1)
		return "own";
	log_warn("trade", "an external engine did not answer",
	    KV("cause", c->err.detail));
	err_clear(&c->err);
	return "fallback";
}

static void
weights(const struct trade_decide_in *i, struct trade_decide_weights *w)
{
	struct json_object *o, *v;

	*w = (struct trade_decide_weights){ 0.6, 0.3 };
	if (i->strategy_weights.p == NULL)
		return;
	o = json_tokener_parse(i->strategy_weights.p);
	if (json_object_object_get_ex(o, "pattern", &v))
		w->pattern = json_object_get_double(v);
	if (json_object_object_get_ex(o, "sentiment", &v))
		w->sentiment = json_object_get_double(v);
	json_object_put(o);
}

static int
decide(struct ctx *c, const void *in)
{
	const struct trade_decide_in *i = in;
	struct trade_decide_weights w;
	struct list out = { NULL, 0 };
	struct rows rows;
	int rc = trade_outside_decide(c->env, c->a, i, &out, &c->err);

	reply_header(c, "X-Engine", said_by(c, rc));
	if (rc != 0) {
		weights(i, &w);
		trade_decide_combine(c->a, i, &w, &out);
	}
	rows = (struct rows){ out.items, out.n, &trade_decide_out_schema };
	return reply_list(c, &rows, NULL);
}

/* ---- forecasts --------------------------------------------------------------------- */

struct forecast_in {
	const char *symbol;
	struct list history;
	int64_t horizon;
};
static const struct field forecast_fields[] = {
	FIELD(struct forecast_in, symbol, .flags = FF_REQUIRED, .min = 1,
	    .max = 32, TRADE_SYMBOL, .doc = "Symbol"),
	FIELD(struct forecast_in, history, .flags = FF_REQUIRED,
	    .elem = FT_REAL, .min = 2, .max = 1000,
	    .doc = "Closes, oldest first", .example = "[10, 10.2, 10.1]"),
	FIELD(struct forecast_in, horizon, .min = 1, .max = 100,
	    .def = "10", .doc = "Bars ahead"), FIELD_END
};
static const struct schema forecast_schema = {
	.name = "ForecastRequest", .doc = "What to forecast",
	.size = sizeof(struct forecast_in), .fields = forecast_fields
};
struct meta {
	const char *model;
	struct utc timestamp;
	int64_t horizon;
};
static const struct field meta_fields[] = {
	FIELD(struct meta, model, .doc = "Model"),
	FIELD(struct meta, timestamp, .doc = "When"),
	FIELD(struct meta, horizon, .doc = "Bars"), FIELD_END
};
static const struct schema meta_schema = {
	.name = "SeedForecastMeta", .doc = "What a forecast is from",
	.size = sizeof(struct meta), .fields = meta_fields
};
struct forecast {
	struct list forecast, confidence;
	const void *meta;
	bool fallback;
};
static const struct field out_fields[] = {
	FIELD(struct forecast, forecast, .elem = FT_REAL, .doc = "Prices"),
	FIELD(struct forecast, confidence, .elem = FT_REAL,
	    .doc = "0 to 1, of each"),
	FIELD(struct forecast, meta, .sub = &meta_schema,
	    .doc = "What it is from"),
	FIELD(struct forecast, fallback,
	    .doc = "No external model answered: a drift"), FIELD_END
};
static const struct schema out_schema = {
	.name = "SeedForecast", .doc = "A forecast as document 002 writes it",
	.size = sizeof(struct forecast), .fields = out_fields
};

static int
forecast(struct ctx *c, const void *in)
{
	const struct forecast_in *i = in;
	const double *h = i->history.items;
	struct trade_forecast f;
	struct forecast out;
	struct meta m;
	char one[DEC_TEXT];
	struct str s;
	int rc;

	str_init(&s, c->a);
	for (size_t k = 0; k < i->history.n; k++) {
		if (!(h[k] > 0))
			return fail_field(c, "history", "value_error",
			    "A price is above 0");
		str_addf(&s, "%c%s", k == 0 ? '[' : ',', real_format(h[k],
		    one));
	}
	str_add(&s, "]");
	rc = trade_outside_forecast(c->env, c->a, i->symbol,
	    (struct json){ s.p }, i->horizon, &f, &c->err);
	reply_header(c, "X-Engine", said_by(c, rc));
	if (rc != 0)
		trade_forecast_drift(c->a, h, i->history.n, i->horizon, &f);
	m = (struct meta){ f.model, c->now, f.horizon };
	out = (struct forecast){ f.forecast, f.confidence, &m, f.fallback };
	return reply(c, &out);
}

struct infer_in {
	struct list window;
};
static const struct field infer_fields[] = {
	FIELD(struct infer_in, window, .flags = FF_REQUIRED, .elem = FT_REAL,
	    .min = 1, .max = 1000, .doc = "Numbers",
	    .example = "[0.1, 0.2]"), FIELD_END
};
static const struct schema infer_schema = {
	.name = "InferRequest", .doc = "What to infer from",
	.size = sizeof(struct infer_in), .fields = infer_fields
};
struct infer {
	struct list probs;
	struct json output;
	bool fallback;
};
static const struct field inferred_fields[] = {
	FIELD(struct infer, probs, .elem = FT_REAL, .doc = "Probabilities"),
	FIELD(struct infer, output, .doc = "The model's raw output"),
	FIELD(struct infer, fallback, .doc = "No model answered: the clipped "
	    "mean of the window"), FIELD_END
};
static const struct schema inferred_schema = {
	.name = "Inferred", .doc = "What a model says",
	.size = sizeof(struct infer), .fields = inferred_fields
};

static int
infer(struct ctx *c, const void *in)
{
	const struct infer_in *i = in;
	const double *w = i->window.items;
	struct json answer;
	double mean = 0;
	char one[DEC_TEXT];
	struct infer out = { .fallback = true };
	struct str s;
	int rc;

	str_init(&s, c->a);
	for (size_t k = 0; k < i->window.n; k++) {
		mean += w[k] / (double)i->window.n;
		str_addf(&s, "%c%s", k == 0 ? '[' : ',', real_format(w[k],
		    one));
	}
	str_add(&s, "]");
	rc = trade_outside_infer(c->env, c->a, (struct json){ s.p }, &answer,
	    &c->err);
	reply_header(c, "X-Engine", said_by(c, rc));
	if (rc == 0)
		return reply_json(c, 200, answer.p, strlen(answer.p));
	mean = mean > 1 ? 1 : mean < -1 ? -1 : mean;
	out.output.p = arena_printf(c->a, "[%s]", real_format(mean, one));
	return reply(c, &out);
}

const struct route trade_outside_routes[] = {
	{ .id = "trade.engine.decide", .method = HTTP_POST,
	  .path = "/decide", .seed = "002",
	  .summary = "What signals and sentiments come to",
	  .doc = "The external strategy engine decides when one is "
	  "configured; X-Engine says whose answer it is: external, own, "
	  "fallback. Nothing is ordered.", .auth = AUTH_USER,
	  .permission = "trade:read", .in = &trade_decide_in_schema,
	  .out = &trade_decide_out_schema, .ok = 200, .flags = R_ARRAY,
	  .natural_key = "nothing is written", .run = decide },
	{ .id = "trade.engine.forecast", .method = HTTP_POST,
	  .path = "/api/infer/forecast/nbeats", .seed = "002",
	  .summary = "A forecast of prices", .auth = AUTH_USER,
	  .permission = "trade:read", .in = &forecast_schema,
	  .out = &out_schema, .ok = 200,
	  .natural_key = "nothing is written", .run = forecast },
	{ .id = "trade.engine.infer", .method = HTTP_POST,
	  .path = "/infer", .seed = "002",
	  .summary = "What the external model says of a window",
	  .auth = AUTH_USER, .permission = "trade:read",
	  .in = &infer_schema, .out = &inferred_schema, .ok = 200,
	  .natural_key = "nothing is written", .run = infer },
	ROUTE_END
};
