/*
 * External engines, each behind its dependency's breaker: a strategy engine
 * (POST /decide) and a runner of forecasts. Their answers are checked before
 * anything is done with them; without an answer ours stands in and says so.
 */
#ifndef TRADE_OUTSIDE_H
#define TRADE_OUTSIDE_H

#include "base/types.h"
#include "http/route.h"
#include "schema/schema.h"

struct arena;
struct env;
struct err;

/* ---- the original's decision -------------------------------------------------------- */

struct trade_decide_signal {
	const char *symbol, *source;
	double score;
};
struct trade_decide_mood {
	const char *symbol;
	double sentiment_score, authenticity_score;
};
struct trade_decide_in {
	struct list signals, sentiment;
	struct json strategy_weights;
};
struct trade_decide_out {
	const char *symbol, *action;	/* buy sell hold */
	double confidence;
	const char *rationale;
};
extern const struct schema trade_decide_in_schema, trade_decide_out_schema;
/* .6 pattern + .3 sentiment * authenticity (+ .1 * 0, as the original); above
 * .2 buy, below -.2 sell. The weights may be said otherwise. One per symbol
 * that is named. */
struct trade_decide_weights {
	double pattern, sentiment;
};
void trade_decide_combine(struct arena *, const struct trade_decide_in *,
    const struct trade_decide_weights *, struct list *out);

/* ---- forecasts ------------------------------------------------------------------------ */

struct trade_forecast {
	struct list forecast, confidence;	/* double */
	const char *model;
	bool fallback;
	int64_t horizon;
};
/* Ours: a random walk with the drift of the log closes; its confidence falls
 * with the root of the distance over the usual move. */
void trade_forecast_drift(struct arena *, const double *closes, size_t n,
    int64_t horizon, struct trade_forecast *);

/* ---- calls (outside_wire.c); never inside a transaction ---------------------------------- */

extern const struct route trade_outside_routes[];
/* 0: *out are trade_decide_out; 1: none is configured; -1: it did not answer
 * well (502, 503, 504). */
int trade_outside_decide(struct env *, struct arena *,
    const struct trade_decide_in *, struct list *out, struct err *);
/* The same. closes: JSON array. */
int trade_outside_forecast(struct env *, struct arena *, const char *symbol,
    struct json closes, int64_t horizon, struct trade_forecast *,
    struct err *);
int trade_outside_infer(struct env *, struct arena *, struct json window,
    struct json *answer, struct err *);

#endif
