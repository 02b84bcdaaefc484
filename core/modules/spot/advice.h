/*
 * What to do with one instance: stay, switch to another pool, drain or
 * evacuate. Pure: the same pools, rules and instant give the same answer to
 * the last digit. Every pool that is not a candidate keeps the reason.
 *
 * Expected cost of an hour on pool p over the horizon H (hours):
 *   S(t) = exp(-h t)       h: hourly hazard from the interruption class
 *   q = 1 - S(H)           E[T] = (1 - S(H)) / h
 *   EHC = (price E[T] + C_mig + (H - E[T]) on_demand) / (H - d - q d)
 * d is the changeover time, C_mig what the instance that still runs costs
 * meanwhile; staying has neither.
 */
#ifndef SPOT_ADVICE_H
#define SPOT_ADVICE_H

#include "base/types.h"
#include "schema/schema.h"

struct arena;
struct err;

/* A pool as the decision sees it. */
struct spot_offer {
	const char *az, *instance_type;
	const char *arch;	/* "x86_64" or "i386,x86_64"; "" = unknown */
	int64_t vcpu, mem_mib, gpu;	/* vcpu 0 = not in the catalogue */
	struct dec price;		/* spot; 0 = none known */
	struct utc price_at;
	struct dec on_demand;		/* 0 = not known */
	int64_t interruption;		/* class 0-4; -1 = not known */
	bool excluded;			/* by the owner's wish */
};

struct spot_rules {
	int64_t max_price_age_s;	/* older prices are no candidates */
	int64_t max_interruption_pct;	/* classes that reach above are out */
	int64_t horizon_h;		/* H */
	int64_t changeover_s;		/* d */
	int64_t min_saving_pct;		/* below: not worth a move */
	double min_migration_ratio;	/* saving over H against C_mig */
};
extern const struct spot_rules spot_rules_default;

enum spot_signal { SPOT_NONE, SPOT_REBALANCE, SPOT_TERMINATION };

struct spot_question {
	const char *az, *instance_type;
	bool on_demand;			/* what it is now; else spot */
	enum spot_signal signal;
	struct utc now;
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

struct spot_refusal {
	const char *pool, *reason;
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
extern const struct schema spot_advice_schema, spot_choice_schema,
    spot_refusal_schema;

enum { SPOT_CANDIDATES = 5, SPOT_REFUSALS = 50, SPOT_CLASSES = 5 };

/* "<5 %", "5-10 %", … ; "unknown" outside 0-4. */
const char *spot_class_label(int64_t interruption);
/* Share of instances lost in a month that the class stands for. */
double spot_class_monthly(int64_t interruption);
/* Loss within so many hours. */
double spot_class_loss(int64_t interruption, double hours);
/* Region of a zone: "us-west-2-lax-1a" is in "us-west-2". NULL: none. */
const char *spot_zone_region(struct arena *, const char *az);
/* "us-east-1a:m5.large" */
const char *spot_pool_name(struct arena *, const char *az, const char *type);

/* offers: the pools of the region, any order, the present one among them.
 * -1: 422 when the present type or its price is not there. */
int spot_advise(struct arena *, const struct spot_rules *,
    const struct spot_question *, const struct spot_offer *offers, size_t n,
    struct spot_advice *, struct err *);

#endif
