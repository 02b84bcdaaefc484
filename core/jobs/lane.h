/*
 * Which lane to claim from next: smooth weighted round robin 8:4:2:1 over the
 * lanes that have something, with at most one claim in eight given to a lane
 * whose first job has waited too long (5 s, 30 s, 5 min, 30 min).
 */
#ifndef JOBS_LANE_H
#define JOBS_LANE_H

#include <stdbool.h>
#include <stdint.h>

#include "jobs/job.h"

struct jobs_turn {
	int64_t credit[LANES];
	int since_override;		/* claims since the last one */
};

/* full: lanes that may have rows; age_us: how long the first job of each has
 * waited, 0 = not known. Returns the lane, -1 when none is full. */
int jobs_lane_pick(struct jobs_turn *, const bool full[LANES],
    const int64_t age_us[LANES]);

/* Seconds until the next try: in [d/2, d] with d = base * 2^(failures - 1),
 * at most max. u in [0, 1). */
double jobs_backoff(int64_t failures, int64_t base_s, int64_t max_s,
    double u);

#endif
