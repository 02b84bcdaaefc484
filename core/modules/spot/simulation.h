/*
 * Deadline policies replayed on a recorded trace, with a result that a chart
 * can show as it is: what ran where and when, work done and money spent.
 */
#ifndef SPOT_SIMULATION_H
#define SPOT_SIMULATION_H

#include "http/route.h"
#include "jobs/job.h"
#include "modules/spot/deadline.h"

struct env;

enum { SPOT_CHART_POINTS = 240, SPOT_SEGMENTS = 2000 };

struct spot_simulate {
	struct json trace;		/* [0,1,…], {"metadata":…,"data":…}, or
					 * "name" of a file in spot.trace_dir */
	int64_t start, end;		/* ticks; end 0 = of the trace */
	double work_s, deadline_s, d_s, tick_s;	/* tick 0 = of the trace */
	double on_demand, spot, theta;
	const char *policy;		/* NULL = all */
};
struct spot_segment {
	double from_h, to_h;
	const char *place;		/* idle spot on_demand */
};
struct spot_point {
	double t_h, done, cost;		/* done: share of the work */
};
struct spot_simulated {
	const char *policy;
	double cost, spot_h, od_h;
	int64_t moves;
	bool late;
	double finished_h;
	double saving_percent;		/* against on-demand all the time */
	struct list segments, points;
};
struct spot_simulation {
	const char *policy;		/* the cheapest that is in time */
	double cost, spot_h, od_h;	/* of it */
	int64_t moves;
	bool late;
	int64_t ticks;
	double tick_s, offered;		/* share of the ticks */
	double deadline_h;
	struct list offers;		/* segments with place spot: offered */
	struct list results;		/* struct spot_simulated */
};
extern const struct schema spot_simulate_schema, spot_simulation_schema;

/* 422 for a trace or numbers that are none. trace_dir may be "". */
int spot_simulate(struct arena *, const char *trace_dir,
    const struct spot_simulate *, struct spot_simulation *, struct err *);

extern const struct route spot_simulation_routes[];
extern const struct job spot_simulation_jobs[];

#endif
