/*
 * Signals about pools: launches that worked or found no capacity, probes,
 * notices, placement scores. A signal is one inserted row without a lock on
 * the pool, so that hundreds in a second do not queue up; a job folds them
 * into a state per pool, and whoever decides adds those not yet folded.
 */
#ifndef SPOT_SIGNAL_H
#define SPOT_SIGNAL_H

#include "db/db.h"
#include "http/route.h"
#include "jobs/job.h"
#include "jobs/schedule.h"

struct spot_signal_row {
	int64_t id, pool_id;
	struct utc at;
	const char *kind;	/* probe_ok probe_ice launch_ok launch_ice
				 * rebalance interrupt score advisor */
	double value;
};
extern const struct schema spot_signal_row_schema;

/* What the signals of a pool come to. */
struct spot_pool_state {
	int64_t pool_id;
	double avail_fast, avail_slow;	/* share of the time with capacity,
					 * decayed with 1 h and 24 h; 0.5
					 * when nothing is known */
	struct utc seen_at;		/* last word about capacity */
	struct utc notice_at;		/* last rebalance or interruption */
	int64_t full_n;			/* no-capacity answers in a row */
	struct utc full_until;		/* not asked again before */
	double score;			/* placement score 1-10; 0 = none */
	struct utc score_at;
};
extern const struct schema spot_pool_state_schema;

#define SPOT_TAU_FAST_H 1.0
#define SPOT_TAU_SLOW_H 24.0
enum { SPOT_FULL_FIRST_S = 180, SPOT_FULL_MAX_S = 3 * 3600 };

/* ---- pure ------------------------------------------------------------------ */

void spot_pool_state_begin(struct spot_pool_state *, int64_t pool_id);
/* One signal more. Capacity: e += (v - e)(1 - exp(-dt/tau)), dt at least ten
 * minutes when it is a refusal; no capacity: back-off of 3 minutes, doubling
 * to 3 hours, gone with the first success. */
void spot_signal_apply(struct spot_pool_state *, const char *kind,
    double value, struct utc at);
/* Decayed averages one observation on: v 1 had capacity, 0 none. */
double spot_ewma(double e, double v, double dt_h, double tau_h);
bool spot_signal_kind(const char *);

/* ---- rows ------------------------------------------------------------------ */

/* One row, in the caller's transaction or alone. pool_id of spot_pool. */
int spot_signal_put(struct db *, int64_t pool_id, const char *kind,
    double value, struct utc at, struct err *);
/* Many in one statement. */
struct spot_signal_new {
	int64_t pool_id;
	const char *kind;
	double value;
	struct utc at;
};
int spot_signal_put_many(struct db *, struct arena *,
    const struct spot_signal_new *, size_t n, struct err *);
/* The same by the name of the pool, which is made when it is new; pool_id
 * (may be NULL) is told. */
int spot_signal_put_named(struct db *, struct arena *, const char *market,
    const char *region, const char *az, const char *type,
    const char *product, const char *kind, double value, struct utc at,
    int64_t *pool_id, struct err *);
/* Signals of a pool, newest first. */
int spot_signal_page(struct db *, struct arena *, int64_t pool_id,
    int64_t before, int64_t limit, struct rows *, struct err *);
/* States of the pools of a region with all signals in them, by pool_id; the
 * unfolded ones are read first, so that none is missed. */
int spot_pool_states(struct db *, struct arena *, const char *market,
    const char *region, struct rows *, struct err *);
int spot_pool_state_get(struct db *, struct arena *, int64_t pool_id,
    struct spot_pool_state *, struct err *);
/* Folds up to 5,000 signals inside the caller's transaction; *n of them. */
int spot_signal_fold(struct db *, struct arena *, size_t *n, struct err *);

extern const struct query *const spot_signal_queries[],
    *const spot_signal_hour_queries[];
/* Signals of an hour, kept when the single ones are gone. */
struct spot_signal_hour {
	int64_t pool_id;
	struct utc hour;
	const char *kind;
	int64_t n;
	double value_sum;
	double mean;			/* JSON */
};
extern const struct schema spot_signal_hour_schema;
/* Sums of a stretch of whole hours, anew: the same again changes nothing.
 * Inside the caller's transaction. */
int spot_signal_hours_sum(struct db *, struct utc from, struct utc to,
    uint64_t *rows, struct err *);
/* Newest hour there is; 0 = none. */
int spot_signal_hours_last(struct db *, struct arena *, struct utc *,
    struct err *);
/* Of one pool, newest first, from below on. */
int spot_signal_hour_page(struct db *, struct arena *, int64_t pool,
    struct utc below, int64_t limit, struct rows *, struct err *);

extern const struct job spot_signal_jobs[];
extern const struct schedule spot_signal_schedules[];
/* Placement scores as signals (placement_jobs.c). */
extern const struct job spot_placement_jobs[];
extern const struct schedule spot_placement_schedules[];

#endif
