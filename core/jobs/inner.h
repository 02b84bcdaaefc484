/*
 * Inside of the queue; only core/jobs includes this.
 */
#ifndef JOBS_INNER_H
#define JOBS_INNER_H

#include "jobs/queue.h"

/* Rows of a batch in one statement; unused places repeat the first id. */
enum { JOBS_BATCH = 16, JOBS_PACKED = 40 };

#define JOB_COLUMNS "id, tenant_id, queue_id, lane, state, type, payload, " \
	"result, progress, note, attempt, tries, crashes, lost, timeout_s, " \
	"backoff_s, run_at, expires_at, token, lease_id, cancel, needed, " \
	"waits, unique_key, limit_key, counted, workflow, actor, traceparent, " \
	"error_class, error, replay_of, replays, version, created_at, " \
	"started_at, finished_at, fire_at"

/* A time that has not come: NULL would make the row grow when it comes. */
#define JOBS_NO_TIME "'1970-01-01 00:00:00'"

#define JOBS_IN16 "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
/* Sixteen places of a batch: v[i] is the id at(arg, i), i < n. */
size_t jobs_pad(struct val *v, const struct val *ids, size_t n);

struct jobs_count {
	int64_t n;
};
extern const struct schema jobs_count_schema;

/* ---- moving a job (queue_move.c): inside a transaction ------------------------- */

/* What a job's queue is called, for hints and events; in the arena. */
struct jobs_queue_name {
	int64_t id;
	struct uuid tenant_id;
	const char *name;
	bool external;
};
extern const struct schema jobs_queue_name_schema;
int jobs_queue_of(struct db *, struct arena *, int64_t id,
    struct jobs_queue_name *, struct err *);
/* Into the ready table with a new tag; wakes the dispatcher after commit. The
 * job's state is set by the caller. */
struct jobs_place {
	struct uuid tenant, id;
	int64_t queue_id;
	struct jobs_queue_name queue;
	int lane;
	struct blob limit_key;
};
int jobs_make_ready(struct db *, const struct jobs_place *, uint64_t *backlog,
    struct err *);
/* 422: an option that cannot be, with its place. */
int jobs_refuse(struct err *, const char *loc, const char *type,
    const char *msg);
/* Stores what a new job waits for (queue_need.c); *waits: how much of it has
 * not come yet. */
int jobs_need_all(struct db *, struct arena *, const struct jobs_place *,
    const struct job_options *, int64_t *waits, struct err *);
/* Many of one queue (queue_id, too) and lane. */
int jobs_make_ready_many(struct db *, struct arena *,
    const struct jobs_place *const *, size_t n, struct err *);
int jobs_make_delayed(struct db *, struct uuid tenant, struct uuid id,
    struct utc at, struct err *);

/* One place less under a concurrency key; parked jobs that fit now become
 * ready again, with the tags they had. */
int jobs_limit_release(struct db *, struct arena *, struct uuid tenant,
    struct blob key, struct err *);
/* Makes the row of a key unless there is one (cleared away while its job was
 * being enqueued): one at a time, until somebody enqueues with another limit. */
int jobs_limit_make(struct db *, struct uuid tenant, struct blob key,
    struct err *);
/* Ready again with a tag it had before. */
int jobs_ready_again(struct db *, const struct jobs_place *, int64_t tag,
    struct err *);
/* A job has ended in this state: those that need it go on, or are skipped with
 * all that need them; a bounded number now. */
int jobs_dependants(struct db *, struct arena *, struct event_pack *,
    const struct job_row *ended, struct err *);
/* The rest: a step of upkeep. *n moved. */
int jobs_cascade(struct db *, struct arena *, size_t *n, struct err *);
/* Ready, or delayed until run_at, as the row says; sets row->state. The caller
 * writes the row. */
int jobs_put_back(struct db *, struct arena *, struct job_row *,
    struct err *);

/* What became of outcomes. skip: rows that somebody else has locked are left
 * (busy) instead of waited for. */
struct jobs_settled {
	bool skip;
	size_t done, nbusy;
	bool busy[JOBS_BATCH];
};
/* jobs_settle() that leaves the events in the pack, for the caller to
 * publish. At most JOBS_BATCH. */
int jobs_settle_pack(struct db *, struct arena *, struct event_pack *,
    const struct jobs_outcome *, size_t n, struct jobs_settled *,
    struct err *);

/* ---- leases ----------------------------------------------------------------------- */

struct jobs_holder {
	struct uuid holder;
	bool external;
	const char *host, *place, *worker;
	int pid;
};
/* ttl_s of the lease is set by the caller. */
int jobs_lease_insert(struct db *, struct jobs_lease *,
    const struct jobs_holder *, struct err *);

/* ---- events --------------------------------------------------------------------- */

enum jobs_event {
	JE_QUEUED, JE_STARTED, JE_SUCCEEDED, JE_FAILED, JE_RETRYING,
	JE_CANCELLED, JE_EXPIRED, JE_QUARANTINED, JE_SKIPPED, JE_LOST,
	JE_PROGRESS
};
/* Of the row as it is now. */
void jobs_event_add(struct event_pack *, enum jobs_event,
    const struct job_row *, const char *queue);

extern const struct metric jobs_total, job_wait_seconds, job_run_seconds,
    job_stale_total, job_crashes_total, job_lost_total, job_ready_depth,
    job_oldest_ready_seconds;
/* Index of an end state in jobs_total's label. */
size_t jobs_outcome_index(int64_t state);

#endif
