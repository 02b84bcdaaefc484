/*
 * What to do with one instance: stay, switch to another pool, drain or
 * evacuate. Pure: the same pools, rules and instant give the same answer to
 * the last digit. Every pool that is not a candidate keeps the reason.
 *
 * Costs and candidates are those of pool.h; staying has neither changeover
 * nor move in it.
 */
#ifndef SPOT_ADVICE_H
#define SPOT_ADVICE_H

#include "base/types.h"
#include "modules/spot/pool.h"
#include "schema/schema.h"

struct arena;
struct err;

enum spot_signal { SPOT_NONE, SPOT_REBALANCE, SPOT_TERMINATION };

struct spot_question {
	const char *az, *instance_type;
	bool on_demand;			/* what it is now; else spot */
	enum spot_signal signal;
	struct utc now;
	double age_h;			/* how long it has run */
	const struct spot_need *need;	/* more than its type's size; NULL */
	const char *model;		/* of the offers' hazards; NULL */
};

struct spot_choice {
	const char *pool;		/* "us-east-1a:m5.large" */
	const char *az, *instance_type;
	struct dec price, on_demand;	/* 0 = not known */
	struct utc price_at;
	struct dec expected_hourly_cost;
	struct dec hourly_saving;	/* against what runs now */
	double saving_percent;
	double crash_probability;	/* lost within the horizon */
	const char *interruption;	/* "5-10 %" */
};

struct spot_advice {
	const char *decision;		/* STAY SWITCH DRAIN EVACUATE */
	const char *reason;		/* the first of the reasons */
	struct list reasons;		/* sentences */
	double crash_probability;	/* of where it is now */
	const char *aws_signal;
	double execution_time_ms;	/* filled by the caller */
	int64_t candidates_evaluated;	/* pools looked at */
	int64_t candidates_refused;
	const void *selected_candidate;	/* struct spot_choice, or NULL */
	struct list candidates;		/* at most 5, cheapest first */
	struct list refused;		/* struct spot_refusal, at most 50 */
	struct utc prices_as_of;	/* oldest price that counted */
	const char *model;		/* where the probabilities come from */
	struct dec current_hourly_cost;	/* expected, where it is now */
	const char *market;		/* filled by the caller */
};
extern const struct schema spot_advice_schema, spot_choice_schema;

enum { SPOT_CANDIDATES = 5, SPOT_REFUSALS = 50 };

/* offers: the pools of the region, any order, the present one among them.
 * -1: 422 when the present type or its price is not there. */
int spot_advise(struct arena *, const struct spot_rules *,
    const struct spot_question *, const struct spot_offer *offers, size_t n,
    struct spot_advice *, struct err *);

#endif
