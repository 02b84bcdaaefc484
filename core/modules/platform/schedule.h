/*
 * Schedules as people see them: their own, and (with `installation`) those
 * that the modules declare, which may be paused, resumed and run at once but
 * not changed. Rows, firing and policies are core/jobs/schedule.h.
 */
#ifndef PLATFORM_SCHEDULE_H
#define PLATFORM_SCHEDULE_H

#include "base/principal.h"
#include "db/env.h"
#include "http/route.h"
#include "jobs/loop.h"
#include "jobs/schedule.h"
#include "schema/schema.h"

enum {
	PLATFORM_SCHEDULES_MAX = 1000,	/* of one tenant */
	PLATFORM_PREVIEW_MAX = 100
};

struct platform_schedule {
	struct schedule_row row;
	struct json payload;
	const char *description;	/* "at 02:30, Europe/Berlin" */
};
extern const struct schema platform_schedule_schema;

/* A fire as it will be: UTC and the clock of the zone. */
struct platform_fire_time {
	struct utc at;
	const char *local;		/* "2027-03-28 03:00:00 +02:00" */
};
extern const struct schema platform_fire_time_schema;

void platform_schedule_show(struct arena *, const struct schedule_row *,
    struct platform_schedule *);
/* The tenant's, or else one of the installation. 404. */
int platform_schedule_find(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, struct schedule_row *, struct err *);
/* The same by name, for the terminal. */
int platform_schedule_named(struct db *, struct arena *, struct uuid tenant,
    const char *name, struct schedule_row *, struct err *);

/* Inside a transaction. 422 for what cannot be kept: by the schedule, and by
 * the door of jobs (type, payload, queue); 409 a name that is taken, quota. */
int platform_schedule_make(struct env *, struct arena *,
    const struct principal *, struct schedule_row *, struct err *);
/* to: the row as it shall be, with the version it was read with. 409 when it
 * is declared or was changed meanwhile. */
int platform_schedule_change(struct env *, struct arena *,
    const struct principal *, struct schedule_row *to, struct err *);
int platform_schedule_remove(struct env *, const struct principal *,
    const struct schedule_row *, struct err *);
/* Resuming begins at the next time from now: nothing is made good. */
int platform_schedule_pause(struct env *, struct arena *,
    const struct principal *, struct schedule_row *, bool paused,
    struct err *);
int platform_schedule_run(struct env *, struct arena *,
    const struct principal *, const struct schedule_row *, struct uuid *job,
    struct err *);
/* Rows of platform_fire_time. */
int platform_schedule_preview(struct arena *, const struct schedule_row *,
    struct utc after, size_t n, struct rows *, struct err *);

extern const struct route platform_schedule_routes[];
extern const struct command platform_schedule_commands[];
extern const struct loop platform_schedule_loops[];

#endif
