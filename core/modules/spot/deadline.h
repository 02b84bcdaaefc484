/*
 * Work with a deadline on spot capacity: in each tick of a clock, run on spot,
 * on on-demand, or not at all. One step serves a live job and the replay of a
 * recorded trace alike.
 *
 * Sources: Uniform Progress and the simulator that the replay equals are
 * Wu et al., "Can't Be Late: Optimizing Spot Instance Savings under Deadlines",
 * NSDI 2024. PACED is ours: the same three rules that guarantee the deadline
 * (idle when the work is done, stay on spot until it is lost, on-demand when
 * what is left only just fits), and between them it spends on-demand hours by
 * how long spot is expected to live and how much slack is left.
 */
#ifndef SPOT_DEADLINE_H
#define SPOT_DEADLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "db/db.h"
#include "db/table.h"


enum spot_place { PLACE_IDLE, PLACE_SPOT, PLACE_DEMAND };
extern const char *const spot_place_names[];	/* by enum spot_place */

enum spot_pacing {
	PACING_ON_DEMAND, PACING_GREEDY, PACING_UNIFORM, PACING_PACED, PACINGS
};
/* "on_demand", "greedy", "uniform_progress", "paced"; -1 unknown. */
extern const char *const spot_pacing_names[];
int spot_pacing_parse(const char *);

/* What is to be done. Seconds and US dollars per hour. */
struct spot_deadline_job {
	double work_s, deadline_s;
	double changeover_s;	/* lost at each start on a machine */
	double tick_s;		/* how often a decision is taken */
	double demand_price, spot_price;
	enum spot_pacing pacing;
	double theta;		/* PACED: share of the time left that counts as
				 * slack enough; 0 = 0.5 */
};

/* What PACED has seen of the pool: times up and down and how often they
 * ended, starting from a prior of 20 h in 1.5 runs up and 10 h in 1.5 down. */
struct spot_deadline_seen {
	double up_s, up_ends, down_s, down_ends;
	int before;		/* offered in the last tick; -1 = first tick */
};

/* Where a job stands when it decides. */
struct spot_deadline_view {
	double elapsed_s, left_s;	/* since the start; work still to do */
	enum spot_place now;		/* after a loss: PLACE_IDLE */
	bool offered;			/* spot can be had for the next tick */
	double residual_s;		/* expected further life of spot by the
					 * risk model; 0 = from what was seen */
};

void spot_deadline_begin(struct spot_deadline_seen *);
/* Where to run during the next tick. Only PACED reads and writes `seen`. */
enum spot_place spot_deadline_step(const struct spot_deadline_job *,
    struct spot_deadline_seen *, const struct spot_deadline_view *);

struct spot_deadline_result {
	const char *policy;
	double cost, spot_h, od_h;	/* whole ticks are paid */
	int64_t moves;			/* starts on a machine */
	bool late;			/* not done at the deadline */
	double finished_h;
	const char *timeline;		/* one letter a tick: . s d */
};
extern const struct schema spot_deadline_result_schema;

/* Replays offered[0..n) (1 = spot offered in that tick, nothing after the
 * end). timeline: room for a letter per tick and a NUL, or NULL; ticks is its
 * length without the NUL. Stops when done, or four deadlines later. */
void spot_deadline_replay(const struct spot_deadline_job *,
    const uint8_t *offered, size_t n, char *timeline, size_t ticks,
    struct spot_deadline_result *);

/* Says what is wrong with the numbers of a job (422 entries), 0 = sound. */
int spot_deadline_check(const struct spot_deadline_job *, struct arena *,
    struct err *);

extern const struct command spot_deadline_commands[];

#endif
