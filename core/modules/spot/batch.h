/*
 * Work with a deadline, run by its owner and placed by us: at each tick the
 * owner tells how much is done and where it runs, and is told where to run
 * until the next one. The policy is that of deadline.h; what is offered and
 * how long it is expected to last come from prices, capacity and the risk
 * model. Each answer is a row with its reason.
 */
#ifndef SPOT_BATCH_H
#define SPOT_BATCH_H

#include "db/db.h"
#include "http/route.h"
#include "modules/spot/deadline.h"
#include "modules/spot/pool.h"

struct spot_batch {
	struct uuid id, tenant_id;
	const char *name, *market, *region, *instance_type, *policy;
	double work_s, changeover_s, tick_s, theta;
	struct utc deadline;
	const char *state;		/* open done late cancelled */
	double done_s;
	const char *place, *pool;	/* as it was told last */
	double up_s, up_ends, down_s, down_ends;
	int64_t seen_before;
	double spot_h, od_h, cost;
	int64_t moves, ticks;
	struct utc decided_at;
	const char *created_by;
	struct utc created_at;
};
struct spot_batch_step {
	struct uuid batch_id;
	int64_t n;
	struct utc at;
	const char *place, *pool;
	double done_s;
	bool offered;
	double residual_h, price;
	const char *reason, *model;
};
extern const struct schema spot_batch_schema, spot_batch_step_schema;
extern const struct query *const spot_batch_queries[];
extern const struct route spot_batch_routes[];

/* ---- pure ---------------------------------------------------------------------- */

/* What the market has for the next tick. */
struct spot_batch_market {
	bool offered;
	const char *pool;		/* best one; NULL when none is offered */
	double spot_price, demand_price, residual_h;
};
/* The next place, with its reason; writes counters, place and step. */
void spot_batch_next(struct arena *, struct spot_batch *,
    const struct spot_batch_market *, enum spot_place runs_on, double done_s,
    struct utc now, struct spot_batch_step *);

/* ---- rows ---------------------------------------------------------------------- */

int spot_batch_insert(struct db *, const struct spot_batch *, struct err *);
int spot_batch_update(struct db *, const struct spot_batch *, struct err *);
int spot_batch_by_id(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, bool lock, struct spot_batch *, struct err *);
int spot_batch_page(struct db *, struct arena *, struct uuid tenant,
    struct uuid after, int64_t limit, struct rows *, struct err *);
int spot_batch_step_insert(struct db *, const struct spot_batch_step *,
    struct err *);
/* Oldest first. */
int spot_batch_steps(struct db *, struct arena *, struct uuid batch,
    int64_t after, int64_t limit, struct rows *, struct err *);

/* ---- use-cases, inside a transaction --------------------------------------------- */

/* A tick: 404; 409 "over" when it is done or cancelled; 422 "no_price". */
int spot_batch_tick(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, enum spot_place runs_on, double done_s, struct utc now,
    struct spot_batch *, struct spot_batch_step *, struct err *);

#endif
