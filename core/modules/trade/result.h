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
#include "modules/trade/research.h"

enum { TRADE_COMPARED_MAX = 20 };
#define TRADE_ENGINE "sim.3"		/* changes when results would */

struct trade_request {
	const char *symbol, *exchange, *timeframe;
	struct list symbols;		/* several: one account */
	struct utc from, to;
	struct json spec;
	struct uuid strategy_id;
	struct trade_account account;
	const char *user_id;		/* of the documents: for people */
};
extern const struct schema trade_request_schema;

struct trade_result {
	struct uuid id, tenant_id, job_id, strategy_id;
	const char *symbol, *timeframe;
	struct json request;
	const char *engine;
	struct blob spec_digest, data_digest;
	struct blob key_digest;		/* of request, data and engine: one key,
					 * one result */
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

/* The newest result of a key, with trades and equity. 0 found, 1 none. */
int trade_result_by_key(struct db *, struct arena *, struct uuid tenant,
    struct blob key, struct trade_result *, struct err *);

/* Rows of a JSON array for a spreadsheet: objects with the names of the first
 * as header, or arrays under `names` (with commas between). */
void trade_result_csv(struct json, const char *names, struct str *);
/* [{"name": statistic, "values": one per result, "spread": highest - lowest}],
 * those that differ most (against their size) first. */
void trade_result_table(struct arena *, const struct trade_result *, size_t n,
    struct str *);

/* Reads the spec (the request's or the strategy's) into r and *spec, and which
 * symbols it is about. 404, 422. */
int trade_request_read(struct db *, struct arena *, struct uuid tenant,
    const struct trade_request *, struct json *spec, struct trade_research *,
    struct list *symbols, struct err *);
/* Runs what is asked, unless a stored result has its key (*stored, then that
 * one is copied); fills everything but ids and times. tick: see struct
 * trade_backtest. scratch is an arena of its own, large enough for bars. */
int trade_request_run(struct db *, struct arena *, struct arena *scratch,
    struct uuid tenant, const struct trade_request *,
    int (*tick)(void *, double), void *arg, struct trade_result *,
    bool *stored, struct err *);

#endif
