/*
 * Backtests as work and as rows: what is asked for, the job that does it, the
 * result under the job's id.
 */
#ifndef TRADE_RESULT_H
#define TRADE_RESULT_H

#include "db/db.h"
#include "db/table.h"
#include "http/route.h"
#include "jobs/job.h"
#include "modules/trade/bar.h"

#define TRADE_ENGINE "sim.1"		/* changes when results would */

struct trade_request {
	struct trade_series_in s;
	struct json spec;
	struct uuid strategy_id;
	double cash, commission, commission_fixed, spread, margin;
	double slippage, volume_share, impact;
	int64_t latency;
	bool on_close, exclusive, finish;
	const char *mode, *reading, *score;
	double rate;
	int64_t train, test;		/* walk-forward, bars; 0 = none */
	const char *user_id;		/* of the documents: for people */
};
extern const struct schema trade_request_schema;

struct trade_result {
	struct uuid id, tenant_id, job_id, strategy_id;
	const char *symbol, *timeframe;
	struct json request;
	const char *engine;
	struct blob spec_digest, data_digest;
	int64_t bars;
	struct utc first_at, last_at;
	struct json stats, report, trades, equity;
	const char *made_by;
	struct utc created_at;
};
extern const struct schema trade_result_schema;		/* without curves */
extern const struct query *const trade_result_queries[];
extern const struct table trade_result_tables[];
extern const struct route trade_result_routes[];
extern const struct job trade_result_jobs[];

int trade_result_insert(struct db *, const struct trade_result *,
    struct err *);
/* Newest first below an id (nil: the newest), without trades and equity. */
int trade_result_page(struct db *, struct arena *, struct uuid tenant,
    struct uuid strategy, struct uuid below, int64_t limit, struct rows *,
    struct err *);
/* 0 found, 1 none; with trades and equity. */
int trade_result_by_id(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, struct trade_result *, struct err *);

/* Reads the spec (the request's or the strategy's) into *spec. 404, 422. */
int trade_request_spec(struct db *, struct arena *, struct uuid tenant,
    const struct trade_request *, struct json *spec,
    struct trade_strategy *, struct err *);
/* Runs what is asked; fills everything but ids and times. tick: see struct
 * trade_backtest. scratch is an arena of its own, large enough for bars. */
int trade_request_run(struct db *, struct arena *, struct arena *scratch,
    struct uuid tenant, const struct trade_request *,
    int (*tick)(void *, double), void *arg, struct trade_result *,
    struct err *);

#endif
