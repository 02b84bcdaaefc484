/*
 * The risk model on stored figures: the one in force, put onto pools; fitted
 * anew from what was seen.
 */
#ifndef SPOT_RISK_OPS_H
#define SPOT_RISK_OPS_H

#include "db/db.h"
#include "http/route.h"
#include "jobs/job.h"
#include "jobs/schedule.h"
#include "modules/spot/pool.h"
#include "modules/spot/risk_model.h"
#include "modules/spot/signal.h"

struct env;

/* ---- rows -------------------------------------------------------------------- */

/* Hours run and losses of a pool by age, as they were counted last. */
struct spot_pool_risk {
	int64_t pool_id;
	double t0, t1, t2, t3, t4, t5, t6;
	double d0, d1, d2, d3, d4, d5, d6;
	struct utc asof;
};
extern const struct schema spot_pool_risk_schema;
/* Markets that have pools. */
struct spot_market_name {
	const char *name;
};
int spot_markets(struct db *, struct arena *, struct rows *, struct err *);

extern const struct query *const spot_risk_queries[];
int spot_pool_risk_put(struct db *, struct arena *,
    const struct spot_pool_risk *, size_t n, struct err *);
/* By pool_id. */
int spot_pool_risks(struct db *, struct arena *, const char *market,
    const char *region, struct rows *, struct err *);
/* 1 = never counted. */
int spot_pool_risk_get(struct db *, struct arena *, int64_t pool_id,
    struct spot_pool_risk *, struct err *);
struct spot_exposure spot_pool_exposure(const struct spot_pool_risk *);
/* Name, class and place of one pool. 1 = none. */
struct spot_pool_about {
	int64_t id;
	const char *market, *region, *az, *instance_type, *product;
	int64_t interruption;		/* -1 = not known */
	struct utc interruption_at, price_at;
	struct dec price;
};
int spot_pool_about(struct db *, struct arena *, int64_t pool_id,
    struct spot_pool_about *, struct err *);

/* What was seen of the pools of a market since an instant: episodes, and what
 * signals said about capacity. */
int spot_watches_episodes(struct db *, struct arena *, const char *market,
    struct utc from, struct utc to, double fit, struct spot_watches *,
    struct err *);
/* The same from prices: a bid at the on-demand price would have been lost
 * whenever spot cost more. */
int spot_watches_prices(struct db *, struct arena *, const char *market,
    struct utc from, struct utc to, double fit, struct spot_watches *,
    struct err *);

/* ---- use ----------------------------------------------------------------------- */

struct spot_risk_live {
	bool found;
	struct uuid id;
	int64_t version;
	struct utc trained;
	struct json metrics;
	const char *label;		/* "spot.risk v7" */
	struct spot_risk_model m;
};
/* "risk" or "risk.simulated" */
const char *spot_risk_name(const char *market);
int spot_risk_load(struct db *, struct arena *, const char *market,
    struct spot_risk_live *, struct err *);
/* Offers of a region with hazards of the live model and back-off after
 * no-capacity answers. *label: the model's, or NULL without one. */
int spot_offers_load(struct db *, struct arena *, const char *market,
    const char *region, const char *product, struct utc now,
    struct spot_offer **, size_t *n, const char **label,
    struct uuid *model_id, struct err *);

/* Hazard of one pool now, for an instance of this age. */
struct spot_hazard spot_risk_of(struct arena *, const struct spot_risk_live *,
    const struct spot_offer *, const struct spot_pool_state *,
    const struct spot_pool_risk *, double age_h, struct utc now);

struct spot_refit {
	const char *market;		/* "aws" "simulated" */
	int64_t window_days;
	const char *source;		/* "episodes" "prices" "traces" */
	bool promote;
};
struct spot_refit_result {
	struct uuid model_id;
	int64_t version;
	double auc, brier, brier_live, skill_constant, skill_pool;
	int64_t fit_windows, held_windows, pools_counted;
	bool promoted;
	const char *note;		/* why not, or why there is no model */
};
extern const struct schema spot_refit_schema, spot_refit_result_schema;
/* Fits on what was seen, stores a candidate with its figures, and makes it
 * live when its Brier score on what was held out is below that of the model
 * in force on the same windows (the constant guess, when there is none). Not
 * inside a transaction: begin and commit are the caller's way to one. */
struct spot_refit_ask {
	struct env *env;
	const struct spot_refit *in;
	struct utc now;
	int (*begin)(void *, struct err *);
	int (*commit)(void *, struct err *);
	void *arg;
	const char *by;
};
/* Counts of the last 30 days alone, inside the caller's transaction. */
int spot_risk_count(struct db *, struct arena *, const char *market,
    struct utc now, int64_t *n, struct err *);
int spot_risk_refit(struct db *, struct arena *, const struct spot_refit_ask *,
    struct spot_refit_result *, struct err *);

extern const struct job spot_risk_jobs[];
extern const struct schedule spot_risk_schedules[];
extern const struct route spot_risk_routes[];

/* ---- for handlers that queue a job ------------------------------------------- */

struct ctx;
extern const struct schema spot_queued_schema;
/* Enqueues for the caller's tenant and replies 202 with the job. */
int spot_queue_reply(struct ctx *, const struct job *, const void *in,
    const char *unique);

#endif
