/*
 * What stands in for external engines: the original's weighted decision, and a
 * forecast that claims no more than a drift.
 */
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/vec.h"
#include "modules/trade/instrument.h"
#include "modules/trade/outside.h"

#define SYMBOL(T) FIELD(T, symbol, .flags = FF_REQUIRED, .min = 1, .max = 32, \
	TRADE_SYMBOL, .doc = "Symbol", .example = "\"AAPL\"")
static const struct field signal_fields[] = {
	SYMBOL(struct trade_decide_signal),
	FIELD(struct trade_decide_signal, source, .max = 64, .def = "\"\"",
	    .doc = "Who saw it"),
	FIELD(struct trade_decide_signal, score, .flags = FF_REQUIRED,
	    .min = -1, .max = 1, .doc = "-1 to 1"), FIELD_END
};
static const struct schema signal_schema = {
	.name = "DecideSignal", .doc = "A signal to decide on",
	.size = sizeof(struct trade_decide_signal), .fields = signal_fields
};
static const struct field mood_fields[] = {
	SYMBOL(struct trade_decide_mood),
	FIELD(struct trade_decide_mood, sentiment_score, .def = "0",
	    .min = -1, .max = 1, .doc = "-1 to 1"),
	FIELD(struct trade_decide_mood, authenticity_score, .def = "1",
	    .min = 0, .max = 1, .doc = "0 to 1"), FIELD_END
};
static const struct schema mood_schema = {
	.name = "DecideSentiment", .doc = "A sentiment to decide on",
	.size = sizeof(struct trade_decide_mood), .fields = mood_fields
};
#define I struct trade_decide_in
static const struct field in_fields[] = {
	FIELD(I, signals, .flags = FF_REQUIRED, .sub = &signal_schema,
	    .max = 500, .doc = "Signals"),
	FIELD(I, sentiment, .sub = &mood_schema, .max = 500, .def = "[]",
	    .doc = "Sentiments"),
	FIELD(I, strategy_weights, .flags = FF_NULLABLE,
	    .doc = "{\"pattern\": 0.6, \"sentiment\": 0.3}"), FIELD_END
};
const struct schema trade_decide_in_schema = {
	.name = "DecideRequest", .doc = "What to decide on",
	.size = sizeof(I), .fields = in_fields
};
#define O struct trade_decide_out
static const struct field out_fields[] = {
	FIELD(O, symbol, .flags = FF_REQUIRED, .min = 1, .max = 32,
	    .doc = "Symbol"),
	FIELD(O, action, .flags = FF_REQUIRED, .oneof = ONEOF("buy", "sell",
	    "hold"), .doc = "buy, sell or hold"),
	FIELD(O, confidence, .flags = FF_REQUIRED, .min = 0, .max = 1,
	    .doc = "0 to 1"),
	FIELD(O, rationale, .def = "\"\"", .max = 1000, .doc = "Why"),
	FIELD_END
};
const struct schema trade_decide_out_schema = {
	.name = "Decided", .doc = "A decision on a symbol",
	.size = sizeof(O), .fields = out_fields
};

/* ---- deciding ------------------------------------------------------------------------ */

struct view {
	const char *symbol;
	double pattern, mood;
	size_t patterns, moods;
};
struct views {
	VEC(struct view) v;
};

static struct view *
view(struct arena *a, struct views *all, const char *symbol)
{
	struct view *v;

	for (size_t i = 0; i < all->v.n; i++)
		if (strcmp(all->v.v[i].symbol, symbol) == 0)
			return &all->v.v[i];
	v = VEC_ADD(a, &all->v);
	v->symbol = symbol;
	return v;
}

static O
decide(struct arena *a, const struct view *v,
    const struct trade_decide_weights *w)
{
	double pattern = v->patterns > 0 ? v->pattern /
	    (double)v->patterns : 0;
	double mood = v->moods > 0 ? v->mood / (double)v->moods : 0;
	double x = w->pattern * pattern + w->sentiment * mood;

	return (O){ .symbol = v->symbol, .action = x > 0.2 ? "buy" :
	    x < -0.2 ? "sell" : "hold", .confidence = fmin(1, fabs(x)),
	    .rationale = arena_printf(a, "%.2f * pattern %.3f + %.2f * "
	    "sentiment %.3f = %.3f", w->pattern, pattern, w->sentiment, mood,
	    x) };
}

void
trade_decide_combine(struct arena *a, const I *in,
    const struct trade_decide_weights *w, struct list *out)
{
	const struct trade_decide_signal *s = in->signals.items;
	const struct trade_decide_mood *m = in->sentiment.items;
	struct views all = { .v = { .n = 0 } };
	O *v;

	for (size_t i = 0; i < in->signals.n; i++) {
		struct view *x = view(a, &all, s[i].symbol);

		x->pattern += s[i].score;
		x->patterns++;
	}
	for (size_t i = 0; i < in->sentiment.n; i++) {
		struct view *x = view(a, &all, m[i].symbol);

		x->mood += m[i].sentiment_score * m[i].authenticity_score;
		x->moods++;
	}
	v = arena_array(a, all.v.n, sizeof(*v));
	for (size_t i = 0; i < all.v.n; i++)
		v[i] = decide(a, &all.v.v[i], w);
	*out = (struct list){ v, all.v.n };
}

/* ---- forecasting --------------------------------------------------------------------- */

void
trade_forecast_drift(struct arena *a, const double *c, size_t n,
    int64_t horizon, struct trade_forecast *f)
{
	double *x = arena_array(a, (size_t)horizon, sizeof(*x));
	double *sure = arena_array(a, (size_t)horizon, sizeof(*sure));
	double drift = 0, squares = 0;

	for (size_t i = 1; i < n; i++)
		drift += log(c[i] / c[i - 1]) / (double)(n - 1);
	for (size_t i = 1; i < n; i++)
		squares += pow(log(c[i] / c[i - 1]) - drift, 2);
	squares = n > 2 ? sqrt(squares / (double)(n - 2)) : 0;
	for (int64_t h = 0; h < horizon; h++) {
		double way = drift * (double)(h + 1);

		x[h] = n > 0 ? c[n - 1] * exp(way) : 0;
		/* of the side: a normal move around the drift */
		sure[h] = squares > 0 ? erf(fabs(way) / (squares *
		    sqrt(2.0 * (double)(h + 1)))) : 0;
	}
	*f = (struct trade_forecast){ .forecast = { x, (size_t)horizon },
	    .confidence = { sure, (size_t)horizon }, .model = "drift",
	    .fallback = true, .horizon = horizon };
}
