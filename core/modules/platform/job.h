/*
 * Jobs as people and programs outside see them: enqueueing through one door
 * (types of ours with their permission and schema, exec types, anything else
 * is work for external workers), DAGs in one transaction, looking, cancelling,
 * running again, dead letters in bulk. The queue itself is core/jobs.
 */
#ifndef PLATFORM_JOB_H
#define PLATFORM_JOB_H

#include "base/principal.h"
#include "db/env.h"
#include "db/table.h"
#include "http/route.h"
#include "jobs/queue.h"
#include "schema/schema.h"

struct str;

enum {
	PLATFORM_JOBS_MAX = 1000,	/* of one batch */
	PLATFORM_ACT_MAX = 5000,	/* of one bulk action */
	PLATFORM_QUEUES_MAX = 200,	/* of one tenant */
	PLATFORM_RESULT_MAX = 256 * 1024
};

/* ---- shapes (job.c) ------------------------------------------------------- */

/* A job as it is shown; lists leave payload, result, needs and attempts out. */
struct platform_job {
	struct uuid id, job_id;		/* the same */
	const char *type, *status, *queue, *priority;
	bool external;
	struct json payload, result;
	int64_t progress;
	const char *note;
	int64_t attempt, tries, crashes, lost, timeout_s;
	struct utc run_at, expires_at;
	const char *error_class, *error;
	bool cancel_requested;
	struct uuid workflow, replay_of;
	int64_t replays;
	const char *actor;
	struct utc created_at, started_at, finished_at;
	struct list needs;		/* platform_job_need */
	struct list attempts;		/* jobs_attempt */
};
extern const struct schema platform_job_schema;		/* all of it */
extern const struct schema platform_job_row_schema;	/* in lists */

struct platform_job_need {
	struct uuid id;
	const char *rule, *status;
	bool open;
};

/* What may be said of a job that is wanted. */
struct platform_job_in {
	const char *type, *job_type, *user_id;
	struct json payload;
	const char *queue, *priority;
	struct utc run_at, expires_at;
	const char *unique, *limit_key;
	int64_t limit_max, tries, timeout_s, backoff_s;
	struct list needs;		/* const char *: ids, "#0", "#name" */
	const char *needs_rule, *ref;
	struct uuid workflow;
};
extern const struct schema platform_job_in_schema;	/* one */
extern const struct schema platform_job_item_schema;	/* of a batch */

struct platform_job_made {
	struct uuid id, job_id;
	const char *status, *type, *queue, *ref;
	bool existing;			/* a live job has the unique key */
	struct uuid workflow;
};
extern const struct schema platform_job_made_schema;

struct platform_job_type {
	const char *name, *doc, *kind, *queue, *priority, *permission;
	int64_t tries, timeout_s;
	bool may_enqueue;
	struct json payload_schema, result_schema;
};
extern const struct schema platform_job_type_schema;

/* ---- pure ------------------------------------------------------------------ */

/* The index that a local name ("#0", "#fetch") of a batch means: -1 = it is no
 * local name, -2 = there is no such job in the batch. */
long platform_job_local(const struct platform_job_in *, size_t n,
    const char *name);
/* Order in which a batch can be enqueued: what is needed first. 422 at the
 * member for an unknown or doubled name and for a circle. order: n places. */
int platform_job_order(struct arena *, const struct platform_job_in *,
    size_t n, size_t *order, struct err *);
/* Prefixes the places of all 422 entries: ["body","x"] becomes
 * ["body","jobs",3,"x"] with `"jobs",3`. */
void platform_job_place(struct arena *, struct err *, const char *inner);
/* A well-formed traceparent header, else NULL. */
const char *platform_job_trace(const char *header);

/* ---- use-cases -------------------------------------------------------------- */

/* Who asks, and how strictly. */
struct platform_job_by {
	const struct principal *who;
	const char *traceparent;
	bool lenient;		/* unknown members of a payload are ignored */
};

enum platform_job_kind { JOB_BUILTIN = 1, JOB_EXEC, JOB_EXTERNAL };
/* Is the type executable here, and may the caller enqueue it? 403 when it is
 * one of ours and he may not; any other name is external work. *job is the
 * row of a built-in type, else NULL. */
int platform_job_door(const struct env *, const struct principal *,
    const char *type, enum platform_job_kind *, const struct job **,
    struct err *);
/* Could this be enqueued by the caller? The refusals of platform_job_enqueue(),
 * and nothing is made: for what is enqueued later in his name. */
int platform_job_check(struct env *, struct db *, struct arena *,
    const struct platform_job_by *, const struct platform_job_in *,
    struct err *);
/* One job; inside a transaction. */
int platform_job_enqueue(struct env *, struct db *, struct arena *,
    const struct platform_job_by *, const struct platform_job_in *,
    struct platform_job_made *, struct err *);
/* All or none; inside a transaction. made: n places. */
int platform_job_batch(struct env *, struct db *, struct arena *,
    const struct platform_job_by *, const struct platform_job_in *, size_t n,
    struct uuid workflow, struct platform_job_made *made, struct err *);

/* Rows of platform_job; reached as jobs_page() tells it. */
int platform_job_page(struct db *, struct arena *, const struct jobs_filter *,
    struct rows *, struct uuid *reached, struct err *);
/* 404 when the tenant has none. */
int platform_job_get(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, struct platform_job *, struct err *);
/* Inside a transaction. */
int platform_job_cancel(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, struct platform_job *, struct err *);
int platform_job_retry(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, struct platform_job *, struct err *);
int platform_job_types(const struct env *, struct db *, struct arena *,
    const struct principal *, struct rows *, struct err *);

/* Retry and discard look at dead letters, cancel at live jobs. */
struct platform_job_act {
	const char *action;		/* "retry" "discard" "cancel" */
	struct jobs_filter filter;
	int64_t max, spread_s;
	bool dry_run;
	const char *reason, *actor;
};
struct platform_job_acted {
	const char *action;
	bool dry_run;
	int64_t matched, done, skipped;
	bool more;			/* max was reached */
	struct list sample;		/* ids, at most 20 */
};
extern const struct schema platform_job_acted_schema;
/* Not inside a transaction: works in batches, each with its audit row. */
int platform_job_act(struct db *, struct arena *,
    const struct platform_job_act *, struct platform_job_acted *,
    struct err *);

/* The queue in a few numbers. tenant nil: of all. */
struct platform_job_status {
	int64_t ready, delayed, running, dead, workers, external_workers;
	struct utc oldest_at;
	int64_t oldest_age_s;
};
extern const struct schema platform_job_status_schema;
int platform_job_status(struct db *, struct arena *, struct uuid tenant,
    struct platform_job_status *, struct err *);

/* noop, sleep, fail, crash: for operators who want to see the queue work. */
extern const struct job platform_job_jobs[];
extern const struct route platform_job_routes[];
extern const struct command platform_job_commands[];

#endif
