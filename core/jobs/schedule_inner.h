/*
 * Inside of schedules; only core/jobs includes this.
 */
#ifndef JOBS_SCHEDULE_INNER_H
#define JOBS_SCHEDULE_INNER_H

#include "jobs/cron.h"
#include "jobs/inner.h"
#include "jobs/schedule.h"

extern const char *const schedule_overlap_names[];

/* A row as times: a cron_source's arg. */
struct schedule_plan {
	struct cron_spec spec;
	const char *zone;
	enum cron_gap gap;
	enum cron_fold fold;
	struct utc start, end;		/* 0 = open */
};
int schedule_plan(const struct schedule_row *, struct schedule_plan *,
    struct err *);
int schedule_plan_next(const void *plan, struct utc after, struct utc *out);

/* ---- rows (schedule_row.c) --------------------------------------------------- */

/* Those that are due, earliest first, without locks. */
int schedule_due(struct db *, struct arena *, int64_t limit, struct rows *,
    struct err *);
/* Locks one that is still due: 1 when it is not, or is in somebody's hands.
 * The other waits for the lock: 1 = gone. */
int schedule_lock_due(struct db *, struct arena *, struct uuid id,
    struct schedule_row *, struct err *);
int schedule_lock(struct db *, struct arena *, struct uuid id,
    struct schedule_row *, struct err *);
/* When the next one is due; 0 = none. */
int schedule_first_due(struct db *, struct arena *, int64_t *next_us,
    struct err *);
int schedule_fire_known(struct db *, struct arena *, struct uuid id,
    struct utc at, bool *known, struct err *);
int schedule_fire_insert(struct db *, const struct fire_row *, struct err *);
int schedule_advance(struct db *, struct uuid id, struct utc next,
    struct utc last, struct err *);
/* Pauses it with a sentence for people. */
int schedule_fault(struct db *, struct uuid id, const char *, struct err *);

/* Jobs of the last fires that still live. */
struct schedule_live {
	struct uuid id;
	int64_t state;
};
int schedule_live(struct db *, struct arena *, struct uuid id, struct rows *,
    struct err *);

#endif
