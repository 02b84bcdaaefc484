/*
 * Calls to external engines. What they answer is judged by a schema and a few
 * bounds before it is believed; too long, late or strange is 502.
 */
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "db/env.h"
#include "modules/trade/engine.h"
#include "modules/trade/outside.h"
#include "net/net.h"

enum { REPLY_MAX = 1 << 20, POINTS_MAX = 1000 };

static int
strange(struct err *e, const char *service)
{
	return err_set(e, 502, "bad_answer", "The answer of %s is not what "
	    "was asked for", service);
}

static int
post(struct env *env, struct arena *a, const char *service, const char *base,
    const char *path, const char *body, struct net_reply *r, struct err *e)
{
	const struct trade_engine_conf *c = conf_get(env->conf,
	    &trade_engine_settings);
	const struct net_header h[] = {
		{ "Content-Type", "application/json" },
		{ "Accept", "application/json" } };
	size_t n = strlen(base);
	struct net_call call = { .service = service, .method = "POST",
	    .headers = h, .nheaders = 2, .body = body,
	    .body_len = strlen(body), .timeout_ms = c->outside_ms,
	    .max_bytes = REPLY_MAX, .repeatable = true };

	while (n > 0 && base[n - 1] == '/')
		n--;
	call.url = arena_printf(a, "%.*s%s", (int)n, base, path);
	net_allow(env->net, base);
	if (net_http(env->net, a, &call, r, e) == -1)
		return -1;
	return r->status == 200 ? 0 : err_set(e, 502, "bad_answer",
	    "%s answered %d", service, r->status);
}

/* ---- decisions ----------------------------------------------------------------------- */

struct wrapped {
	struct list decisions;
};
static const struct field wrapped_fields[] = {
	FIELD(struct wrapped, decisions, .sub = &trade_decide_out_schema,
	    .flags = FF_REQUIRED, .max = 1000), FIELD_END
};
static const struct schema wrapped_schema = {
	.name = "DecideAnswer", .size = sizeof(struct wrapped),
	.fields = wrapped_fields
};

int
trade_outside_decide(struct env *env, struct arena *a,
    const struct trade_decide_in *in, struct list *out, struct err *e)
{
	const struct trade_engine_conf *c = conf_get(env->conf,
	    &trade_engine_settings);
	struct net_reply r;
	struct wrapped w;
	struct str body;
	const char *text;
	uint64_t seen;

	if (*c->strategy_url == '\0')
		return 1;
	str_init(&body, a);
	schema_encode(&trade_decide_in_schema, in, &body);
	if (post(env, a, "strategy_engine", c->strategy_url, "/decide",
	    body.p, &r, e) == -1)
		return -1;
	/* a bare array: wrapped, so that one schema judges it */
	text = arena_printf(a, "{\"decisions\":%s}", r.body);
	if (schema_decode_json(&wrapped_schema, text, strlen(text), "answer",
	    false, a, &w, &seen, e) == -1) {
		err_clear(e);
		return strange(e, "the strategy engine");
	}
	*out = w.decisions;
	return 0;
}

/* ---- forecasts ------------------------------------------------------------------------ */

struct meta {
	const char *model;
};
static const struct field meta_fields[] = {
	FIELD(struct meta, model, .def = "\"N-BEATS\"", .max = 40), FIELD_END
};
static const struct schema meta_schema = {
	.name = "ForecastMeta", .size = sizeof(struct meta),
	.fields = meta_fields
};
struct answer {
	struct list forecast, confidence;
	bool fallback;
	const void *meta;
};
static const struct field answer_fields[] = {
	FIELD(struct answer, forecast, .elem = FT_REAL, .flags = FF_REQUIRED,
	    .min = 1, .max = POINTS_MAX),
	FIELD(struct answer, confidence, .elem = FT_REAL, .def = "[]",
	    .max = POINTS_MAX),
	FIELD(struct answer, fallback, .def = "false"),
	FIELD(struct answer, meta, .sub = &meta_schema,
	    .flags = FF_NULLABLE), FIELD_END
};
static const struct schema answer_schema = {
	.name = "ForecastAnswer", .size = sizeof(struct answer),
	.fields = answer_fields
};

static bool
plausible(const struct answer *x, int64_t horizon)
{
	const double *v = x->forecast.items, *c = x->confidence.items;

	if ((int64_t)x->forecast.n != horizon || (x->confidence.n != 0 &&
	    x->confidence.n != x->forecast.n))
		return false;
	for (size_t i = 0; i < x->forecast.n; i++)
		if (!(v[i] > 0) || !(v[i] < 4e7))
			return false;
	for (size_t i = 0; i < x->confidence.n; i++)
		if (!(c[i] >= 0) || !(c[i] <= 1))
			return false;
	return true;
}

int
trade_outside_forecast(struct env *env, struct arena *a, const char *symbol,
    struct json closes, int64_t horizon, struct trade_forecast *f,
    struct err *e)
{
	const struct trade_engine_conf *c = conf_get(env->conf,
	    &trade_engine_settings);
	const struct meta *meta;
	struct net_reply r;
	struct answer x;
	struct str body;
	uint64_t seen;

	if (*c->onnx_url == '\0')
		return 1;
	str_init(&body, a);
	str_add(&body, "{\"symbol\":");
	str_json(&body, symbol);
	str_addf(&body, ",\"history\":%s,\"horizon\":%lld}", closes.p,
	    (long long)horizon);
	if (post(env, a, "onnx_runner", c->onnx_url,
	    "/api/infer/forecast/nbeats", body.p, &r, e) == -1)
		return -1;
	if (schema_decode_json(&answer_schema, r.body, r.len, "answer",
	    false, a, &x, &seen, e) == -1 || !plausible(&x, horizon)) {
		err_clear(e);
		return strange(e, "the runner of forecasts");
	}
	meta = x.meta;
	*f = (struct trade_forecast){ .forecast = x.forecast,
	    .confidence = x.confidence, .model = meta != NULL ? meta->model :
	    "N-BEATS", .fallback = x.fallback, .horizon = horizon };
	return 0;
}

struct probs {
	struct list probs;
	struct json output;
	bool fallback;
};
static const struct field probs_fields[] = {
	FIELD(struct probs, probs, .elem = FT_REAL, .def = "[]",
	    .max = POINTS_MAX),
	FIELD(struct probs, output, .flags = FF_NULLABLE),
	FIELD(struct probs, fallback, .def = "false"), FIELD_END
};
static const struct schema probs_schema = {
	.name = "InferAnswer", .size = sizeof(struct probs),
	.fields = probs_fields
};

int
trade_outside_infer(struct env *env, struct arena *a, struct json window,
    struct json *answer, struct err *e)
{
	const struct trade_engine_conf *c = conf_get(env->conf,
	    &trade_engine_settings);
	struct net_reply r;
	struct probs p;
	struct str out;
	uint64_t seen;

	if (*c->onnx_url == '\0')
		return 1;
	if (post(env, a, "onnx_runner", c->onnx_url, "/infer",
	    arena_printf(a, "{\"window\":%s}", window.p), &r, e) == -1)
		return -1;
	if (schema_decode_json(&probs_schema, r.body, r.len, "answer", false,
	    a, &p, &seen, e) == -1) {
		err_clear(e);
		return strange(e, "the runner of forecasts");
	}
	str_init(&out, a);
	schema_encode(&probs_schema, &p, &out);
	answer->p = out.p;
	return 0;
}
