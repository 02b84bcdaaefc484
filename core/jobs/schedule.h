/*
 * Schedules: cron expressions and anchored intervals whose fires become jobs.
 * The key (schedule, fire time) is inserted in the job's transaction, so a
 * fire happens once whoever fires it; a fire that exists still moves next_at
 * on. One bad schedule is paused with its fault and holds up nobody else.
 */
#ifndef JOBS_SCHEDULE_H
#define JOBS_SCHEDULE_H

#include "db/table.h"
#include "events/event.h"
#include "jobs/job.h"

struct metric;
struct rows;

/* static const row of a module: becomes a row of jobs_schedule (declared) at
 * start, which operators may pause. */
struct schedule {
	const char *name;	/* "platform.sweep" */
	const char *doc;
	const char *spec;	/* "@every 1h", "17 3 * * *" */
	const char *zone;	/* NULL: UTC */
	const char *misfire;	/* NULL: "latest" */
	const char *overlap;	/* NULL: "skip" */
	const char *job;	/* name of a job; payload {} */
	int jitter_ms;
};
#define SCHEDULE_END { .name = NULL }

/* A row of jobs_schedule. */
struct schedule_row {
	struct uuid id, tenant_id;
	const char *name;
	bool declared;
	const char *spec, *zone, *gap, *fold, *misfire;
	int64_t window_s, max_catchup;
	const char *overlap;
	int64_t jitter_ms;
	struct utc start_at, end_at;
	const char *type, *payload, *queue, *priority;
	bool paused;
	const char *fault;
	struct utc next_at, last_at;
	int64_t version;
	const char *created_by;
	struct utc created_at, updated_at;
};
extern const struct schema schedule_row_schema;

/* A row of jobs_fire. */
struct fire_row {
	struct uuid schedule_id;
	struct utc fire_at;
	struct uuid tenant_id, job_id;
	const char *outcome;
	struct utc at;
};
extern const struct schema fire_row_schema;

/* Checks spec, zone, policies and bounds; a tenant's schedule may fire at
 * most every jobs.schedule_floor seconds. 422 entries at body. Fills
 * next_at from now. */
int schedule_check(struct schedule_row *, int64_t floor_s, struct utc now,
    struct err *);
/* The next n fire times after `after`, without jitter. */
int schedule_preview(const struct schedule_row *, struct utc after, size_t n,
    struct utc *out, size_t *found, struct err *);

int schedule_insert(struct db *, struct schedule_row *, struct err *);
int schedule_update(struct db *, const struct schedule_row *, struct err *);
int schedule_delete(struct db *, struct uuid tenant, struct uuid id,
    struct err *);
/* 0 found, 1 none. */
int schedule_by_id(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, struct schedule_row *, struct err *);
int schedule_by_name(struct db *, struct arena *, struct uuid tenant,
    const char *name, struct schedule_row *, struct err *);
int schedule_page(struct db *, struct arena *, struct uuid tenant,
    struct uuid after, int64_t limit, struct rows *, struct err *);
int schedule_fires(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, struct utc before, int64_t limit, struct rows *,
    struct err *);

/* Declared schedules of the enabled modules into rows: new ones inserted,
 * changed ones updated (an operator's pause stays), vanished ones paused. */
int schedule_declare(struct db *, struct arena *,
    const struct module *const *, struct utc now, struct err *);

/* One pass over what is due: a step that any process may run (SKIP LOCKED;
 * leadership only saves work). *fired counts jobs made. *next_us: when the
 * next one is due, 0 = none. */
int schedule_step(struct env *, struct arena *, size_t *fired,
    int64_t *next_us, struct err *);
/* A fire asked for by a person, outside the rhythm. */
int schedule_run_now(struct env *, struct arena *,
    const struct schedule_row *, const char *actor, struct uuid *job,
    struct err *);

extern const struct metric *const schedule_metrics[];
extern const struct query *const schedule_queries[];
extern const struct table schedule_tables[];
extern const struct event schedule_events[];

#endif
