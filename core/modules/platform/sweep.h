/*
 * Sweep: what gets old goes, what was left lying about is put in order.
 * Nothing here is needed for correctness from one hour to the next; a day
 * without it costs space.
 */
#ifndef PLATFORM_SWEEP_H
#define PLATFORM_SWEEP_H

#include "db/env.h"
#include "jobs/job.h"
#include "jobs/schedule.h"
#include "schema/schema.h"

/* What one sweep did. */
struct platform_sweep {
	int64_t tables, rows;		/* old rows by the tables' retention */
	int64_t jobs;			/* finished jobs */
	int64_t taken_back;		/* jobs of leases that ran out */
	int64_t recounted;		/* concurrency keys that were wrong */
	int64_t failed;			/* parts that could not be done */
	bool more;			/* the next sweep has work left */
};
extern const struct schema platform_sweep_schema;

/* Within about so many seconds. -1: the database is away. */
int platform_sweep(struct env *, struct arena *, int64_t seconds,
    struct platform_sweep *, struct err *);

extern const struct job platform_sweep_jobs[];
extern const struct schedule platform_sweep_schedules[];

#endif
