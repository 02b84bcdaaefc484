/*
 * Suggestions: how probable is it that the close is higher some bars from now?
 * A penalised logistic regression over what a closed bar says (watch.h), fitted
 * per timeframe on all symbols that are named, judged only on bars it had not
 * seen, and asked only while it beats the base rate there. Otherwise the answer
 * is "none" with the reason.
 */
#ifndef TRADE_SUGGEST_H
#define TRADE_SUGGEST_H

#include "base/vec.h"
#include "db/db.h"
#include "db/table.h"
#include "http/route.h"
#include "jobs/job.h"
#include "modules/trade/backtest.h"
#include "modules/trade/sentiment.h"
#include "modules/trade/watch.h"

#define TRADE_SUGGEST_FORMAT "logistic.json"
enum {
	TRADE_CASES_MIN = 400,		/* fewer teach nothing */
	TRADE_CASES_MAX = 1000000
};

/* ---- pure (suggest.c) ------------------------------------------------------------- */

struct trade_case {
	double x[TRADE_FEATURES];
	double y;			/* 1: the close was higher then */
	struct utc at, end;		/* its bar, the bar that tells */
};
struct trade_cases {
	VEC(struct trade_case) v;
};
/* Cases of a series, oldest first, into *out. Of the news only what was known
 * when a bar closed counts. */
struct trade_suggest_news {
	struct trade_sentiment_past past;
	const struct utc *closed;	/* per bar of the series */
};
int trade_suggest_cases(struct arena *, const struct trade_series *,
    struct trade_suggest_news *, size_t horizon, struct trade_cases *out,
    struct err *);

struct trade_suggest_model {
	double intercept, coef[TRADE_FEATURES];	/* of standardised inputs */
	double mean[TRADE_FEATURES], scale[TRADE_FEATURES];
};
/* On cases that were held out: each fold is forecast by a fit to earlier ones
 * whose outcome was known before it began. */
struct trade_suggest_report {
	int64_t cases, held;		/* all, held out */
	double base_rate;
	double brier, brier_base;	/* the model's, the base rate's */
	double skill;			/* 1 - brier / brier_base */
	double z;			/* of the difference, over blocks of
					 * time */
	double auc;
	bool good;			/* skill above 0 and z above 1.645 */
};
extern const struct schema trade_suggest_report_schema;
/* Sorts the cases by time. tick: called now and then, -1 stops (409). 422
 * "too_little". */
int trade_suggest_fit(struct arena *, struct trade_cases *, double ridge,
    int (*tick)(void *, double), void *arg, struct trade_suggest_model *,
    struct trade_suggest_report *, struct err *);
double trade_suggest_ask(const struct trade_suggest_model *, const double *x);
/* To and from the registry. */
const char *trade_suggest_write(struct arena *,
    const struct trade_suggest_model *, int64_t horizon);
int trade_suggest_read(struct arena *, const char *text, size_t n,
    struct trade_suggest_model *, int64_t *horizon, struct err *);

struct trade_suggestion {
	struct uuid id, tenant_id;
	int64_t instrument_id;
	const char *symbol, *timeframe;
	struct utc bar_at;
	const char *side;		/* buy sell none */
	const char *note;		/* why none; or what it is */
	double probability;		/* that the close is higher */
	double base_rate, brier, brier_base;
	int64_t cases, horizon;
	double entry, stop, target, size;
	struct json reasons;		/* [{feature, value, contribution}] */
	const char *model;
	struct uuid model_id, job_id;
	struct utc created_at;
};
extern const struct schema trade_suggestion_schema;
/* side, note, prices, size, reasons from probability and what was seen. */
struct trade_suggest_terms {
	double edge;			/* from one half */
	double equity, risk_pct, lot;
};
void trade_suggest_judge(struct arena *, const struct trade_suggest_model *,
    const struct trade_seen *, const struct trade_suggest_terms *,
    struct trade_suggestion *);

/* ---- rows ------------------------------------------------------------------------ */

struct trade_prediction {
	struct uuid id, tenant_id;
	const char *symbol, *timeframe, *model;
	struct utc at;
	int64_t horizon;
	struct json forecast;		/* [prices] */
	double confidence;
	bool fallback;
	struct utc created_at;
};
struct trade_data_version {
	int64_t n, versions;
	struct utc last;
};
struct trade_suggest_answer {
	struct json body;
	struct utc created_at;
};
extern const struct schema trade_prediction_schema;
extern const struct query *const trade_suggest_queries[];
extern const struct table trade_suggest_tables[];
extern const struct route trade_suggest_routes[];
extern const struct job trade_suggest_jobs[];

int trade_suggestion_insert(struct db *, struct arena *,
    const struct trade_suggestion *, struct err *);
int trade_suggestion_page(struct db *, struct arena *, struct uuid tenant,
    const char *symbol, const char *timeframe, struct uuid below,
    int64_t limit, struct rows *, struct err *);
int trade_prediction_insert(struct db *, const struct trade_prediction *,
    struct err *);
int trade_prediction_page(struct db *, struct arena *, struct uuid tenant,
    const char *symbol, const char *model, struct utc since, struct uuid below,
    int64_t limit, struct rows *, struct err *);
int trade_prediction_by_id(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, struct trade_prediction *, struct err *);
/* How many bars, their last, and the sum of their versions. */
int trade_data_version(struct db *, struct arena *, int64_t instrument,
    const char *timeframe, struct trade_data_version *, struct err *);
/* 0 found, 1 none. */
int trade_answer_get(struct db *, struct arena *, struct uuid tenant,
    struct blob digest, struct trade_suggest_answer *, struct err *);
int trade_answer_put(struct db *, struct uuid tenant, const char *type,
    struct blob digest, struct json body, struct utc now, struct err *);

/* ---- use-cases -------------------------------------------------------------------- */

struct trade_suggest_ask {
	struct list symbols;		/* const char * */
	const char *exchange, *timeframe, *user_id;
	double risk_pct, equity;
};
struct trade_train_ask {
	struct list symbols;
	const char *exchange, *timeframe, *user_id;
	int64_t horizon;
	double ridge;
	bool promote;
};
/* The model of a timeframe that is in force. 0, 1: none. */
struct trade_suggest_live {
	struct uuid id;
	const char *label;		/* "trade.suggest.1d v3" */
	int64_t horizon;
	struct trade_suggest_model m;
	struct trade_suggest_report report;
};
int trade_suggest_live(struct db *, struct arena *, struct uuid tenant,
    const char *timeframe, struct trade_suggest_live *, struct err *);
/* One symbol; live NULL: there is no model. scratch: for its bars. */
int trade_suggest_one(struct db *, struct arena *, struct arena *scratch,
    struct uuid tenant, const struct trade_suggest_ask *, const char *symbol,
    const struct trade_suggest_live *, double edge, struct utc now,
    struct trade_suggestion *, struct json *closes, struct err *);

struct trade_trained {
	struct uuid model_id;
	int64_t version;
	bool live;
	const char *note;
	struct trade_suggest_report report;
};
extern const struct schema trade_trained_schema;
/* Reads and fits; then begin() opens the transaction in which the model is
 * stored. */
struct trade_training {
	struct db *db;
	struct arena *a;
	struct uuid tenant;
	const struct trade_train_ask *in;
	struct utc now;
	const char *by;
	int (*tick)(void *arg, double part);
	int (*begin)(void *arg, struct err *);
	void *arg;
};
int trade_suggest_train(struct trade_training *, struct trade_trained *,
    struct err *);

#endif
