/*
 * The demonstration: recorded prices of a folder in, statistics and decisions
 * out, without a database, a clock or a network. The decisions are those of
 * spot_advise(), as in POST /api/v1/evaluate.
 *
 * A folder may hold recordings of several years. Histories that overlap, or
 * are less than SPOT_DEMO_APART_S apart, are one recording; each is judged at
 * its own newest price, unless an instant is given for all.
 */
#ifndef SPOT_DEMO_H
#define SPOT_DEMO_H

#include "base/types.h"
#include "base/vec.h"
#include "db/table.h"
#include "modules/spot/advice.h"

struct arena;
struct err;
struct map;
struct str;

enum {
	SPOT_DEMO_APART_S = 7 * 86400,	/* ends a recording */
	SPOT_DEMO_HOLE_S = 30 * 86400,	/* longer between two prices: a hole
					 * in the data, not a price */
	SPOT_DEMO_PRICES = 4000000,	/* bounds of one run */
	SPOT_DEMO_POOLS = 100000,
	SPOT_DEMO_FACTS = 500000,	/* types, on-demand prices, classes */
	SPOT_DEMO_NOTES = 1000
};

/* ---- what the files said ------------------------------------------------ */

/* A price and since when it holds. */
struct spot_tick {
	int64_t us, e8;
};
struct spot_series {
	const char *region, *az, *instance_type, *product;
	struct dec on_demand;		/* by the file itself; 0 = not said */
	VEC(struct spot_tick) ticks;	/* in order after spot_demo_report() */
};
/* Something to say about a file, or about count files of an archive. */
struct spot_demo_note {
	const char *file, *text;
	int64_t count;
};
struct spot_demo_file {			/* one that was used */
	const char *file, *kind;
	int64_t records;
};
struct spot_demo {
	struct arena *a;
	struct map *pools, *types, *on_demand, *classes;
	VEC(struct spot_series *) series;
	VEC(struct spot_demo_file) used;
	VEC(struct spot_demo_note) skipped, bad;
	int64_t prices, facts, notes_left_out;
};

/* Makes it empty; everything of it lives in the arena. */
void spot_demo_init(struct spot_demo *, struct arena *);
/* Names are copied. -1: a name or number cannot be right, or a bound of the
 * run is reached; *err says which. */
int spot_demo_price(struct spot_demo *, const char *az, const char *type,
    const char *product, struct utc at, struct dec price,
    struct spot_series **, struct err *);
int spot_demo_type(struct spot_demo *, const char *type, const char *arch,
    int64_t vcpu, int64_t mem_mib, int64_t gpu, struct err *);
int spot_demo_on_demand(struct spot_demo *, const char *region,
    const char *type, struct dec price, struct err *);
int spot_demo_class(struct spot_demo *, const char *region, const char *os,
    const char *type, int64_t interruption, struct err *);
/* A file that was left out: equal texts of one file are counted. */
void spot_demo_skip(struct spot_demo *, const char *file, const char *text);
/* A file with something wrong in it. */
void spot_demo_bad(struct spot_demo *, const char *file, const char *text);
void spot_demo_use(struct spot_demo *, const char *file, const char *kind,
    int64_t records);

/* The pool at a price of its history, with all that is known of it. */
struct spot_offer spot_demo_offer(const struct spot_demo *,
    const struct spot_series *, const struct spot_tick *);

/* ---- what comes of it ------------------------------------------------------ */

/* Figures of a stretch of history, each price weighted with the time it was
 * in force; holes count nothing. */
struct spot_stats {
	int64_t records;
	struct dec mean, lowest, highest;
	double volatility_percent;	/* standard deviation against mean */
	double above_percent;		/* time above the limit */
	double hours;			/* time that counted */
};
/* ticks: ascending; the last price holds until `until`. limit 0: none. */
void spot_demo_stats(const struct spot_tick *, size_t n, struct utc until,
    struct dec limit, struct spot_stats *);

struct spot_demo_pool {
	const char *region, *az, *instance_type, *product;
	struct utc from, to, as_of;	/* first and last record, judged at */
	int64_t records;
	struct dec price, on_demand;	/* on_demand 0 = not known */
	double saving_percent;		/* against on-demand; 0 = not known */
	struct dec mean, lowest, highest;
	double volatility_percent, above_on_demand_percent;
	int64_t interruption;		/* -1 = not known */
	const char *interruption_label;
	const char *decision;		/* STAY, SWITCH, or "" */
	const char *undecided;		/* why not; NULL = decided */
	const void *advice;		/* struct spot_advice, NULL = none */
};
struct spot_demo_totals {
	int64_t files, skipped, errors, prices, pools, recordings;
	int64_t stay, switches, undecided;
	struct dec hourly_cost;		/* expected, one instance in each
					 * decided pool */
	struct dec hourly_saving;	/* if each SWITCH is followed */
	double saving_percent;
};
struct spot_demo_result {
	struct list pools;		/* struct spot_demo_pool */
	struct spot_demo_totals totals;
	struct list used, skipped, errors;
	struct utc as_of;		/* the newest instant of judgement */
	const void *summary;		/* &totals, for the schema */
};
extern const struct schema spot_demo_schema;

/* as_of 0: each recording at its newest price. Later prices are dropped for
 * good. -1: no prices by then. */
int spot_demo_report(struct spot_demo *, struct utc as_of,
    struct spot_demo_result *, struct err *);

/* ---- text (demo_table.c) ---------------------------------------------------- */

/* The tables of a terminal; with reasons. */
void spot_demo_print(const struct spot_demo_result *, struct str *);

extern const struct command spot_demo_commands[];

#endif
