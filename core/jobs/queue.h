/*
 * The queue's tables: claim, settle, cancel, retry, reap, promote. All SQL on
 * jobs_* (but schedules) is in core/jobs/queue_*.c.
 *
 * Order of locks, always: limit rows by key, jobs by (tenant, id), claims,
 * then inserts into ready, delayed, parked, outbox. Ready rows are only ever
 * locked with SKIP LOCKED, by the claimer. cancel never touches jobs_ready:
 * the claimer drops rows whose job is no longer queued.
 *
 * Hints (core/jobs/hint.h) let a claim start where the last one ended, so
 * that it does not walk what purge has not removed yet; late commits behind
 * the hint are found by the bell's text and by a scan from the start whose
 * interval grows with its cost.
 */
#ifndef JOBS_QUEUE_H
#define JOBS_QUEUE_H

#include "db/table.h"
#include "events/event.h"
#include "jobs/job.h"

struct shm;
struct rows;

/* A row of jobs_job. */
struct job_row {
	struct uuid tenant_id, id;
	int64_t queue_id, lane, state;
	const char *type, *payload, *result;
	int64_t progress;
	const char *note;
	int64_t attempt, tries, crashes, lost, timeout_s, backoff_s;
	struct utc run_at, expires_at;
	int64_t token, lease_id;
	bool cancel, needed, counted;
	int64_t waits;
	struct blob unique_key, limit_key;
	struct uuid workflow;
	const char *actor, *traceparent, *error_class, *error;
	struct uuid replay_of;
	int64_t replays, version;
	struct utc created_at, started_at, finished_at;
	struct utc fire_at;	/* nominal time of a schedule */
};
extern const struct schema job_row_schema;

/* ---- leases ----------------------------------------------------------------- */

struct jobs_lease {
	uint64_t id;
	int64_t until_boot_ns;	/* stop working then; measured from before the
				 * request was sent */
	int64_t ttl_s;
};
/* A row for this dispatcher. place: the run directory, so that two
 * installations on one host are told apart. */
int jobs_lease_open(struct db *, struct jobs_lease *, struct uuid holder,
    const char *host, const char *place, int64_t ttl_s, int pid,
    struct err *);
/* 0 renewed, 1 the lease is gone (its jobs were given away), -1 error. */
int jobs_lease_renew(struct db *, struct jobs_lease *, struct err *);
/* Ends it. Jobs that it still holds go back by the next jobs_reap(). */
int jobs_lease_close(struct db *, struct jobs_lease *, struct err *);
/* Looks at the leases of other dispatchers of this host and place: those whose
 * processes are dead, as the caller can tell, expire an hour ago, so that
 * jobs_reap() with a grace below that returns their jobs now, and no others.
 * (A dispatcher that drains has its lease still.) *n: expired. */
int jobs_lease_orphans(struct db *, struct arena *, const char *host,
    const char *place, uint64_t keep, bool (*dead)(void *arg, uint64_t id),
    void *arg, size_t *n, struct err *);

/* ---- settling ----------------------------------------------------------------- */

enum jobs_end {
	END_DONE, END_RETRY, END_FAIL, END_RELEASE,
	END_CRASH,		/* its process died: counts as a crash */
	END_TIMEOUT,		/* like RETRY, class "timeout" */
	END_LOST,		/* lease lost: back to the queue, counted */
	END_EXPIRED		/* claimed, but it came too late to start */
};
struct jobs_outcome {
	struct uuid tenant, id;
	int64_t token, claim_n;
	enum jobs_end end;
	const char *result;		/* JSON text or NULL */
	const char *error_class, *error, *crumbs, *worker;
	int64_t retry_after_s;
	int64_t max_crashes;		/* of the type; 0 = 2 */
	int64_t backoff_max_s;		/* 0 = 3600 */
	bool stored;			/* the job ended itself in its own
					 * transaction: only release the claim */
};
/* Inside a transaction: verifies tokens, moves each job on (next state, retry
 * time, dependants, keys, dead letters, attempts, events). Stale outcomes are
 * counted in jobs_stale_total and dropped. *settled may be NULL. */
int jobs_settle(struct db *, struct arena *, const struct jobs_outcome *,
    size_t n, uint64_t lease_id, size_t *settled, struct err *);

/* ---- claiming ---------------------------------------------------------------- */

struct jobs_claimer;	/* lanes' deficits, hints, queue rows: per process */
struct jobs_claimer *jobs_claimer_new(struct arena *, struct shm *,
    const struct module *const *);

struct jobs_claimed {
	struct job_row *v;	/* in the arena given */
	size_t n;
	bool more;		/* another claim may find something */
	int64_t claim_n;	/* for the outcomes of these jobs */
	size_t settled;		/* outcomes that were taken over */
	size_t late;		/* of those taken over so far, how many the
				 * claimer has yet to store, because somebody
				 * holds their rows: the next cycles do. Before
				 * the lease is closed this must be 0 */
};
/* In one transaction: settles `done` (may be empty), then claims up to want
 * jobs of internal queues. When that fails, settles alone; -1 only when not
 * even that could be stored. Jobs may have expired: the caller looks. */
int jobs_cycle(struct jobs_claimer *, struct db *, struct arena *,
    const struct jobs_lease *, const struct jobs_outcome *done, size_t ndone,
    size_t want, struct jobs_claimed *, struct err *);
/* Text of a bell ("queue lane tag"): lowers the hint. */
void jobs_claimer_bell(struct jobs_claimer *, const char *text);

/* One external worker's claim for one tenant: queues and types NULL-
 * terminated (types NULL = all). Each job gets a lease of its own. */
struct jobs_pull {
	struct uuid tenant, holder;
	const char *worker;		/* name for people */
	const char *const *queues, *const *types;
	size_t max;
	int64_t lease_s;
};
int jobs_pull(struct db *, struct arena *, const struct jobs_pull *,
    struct jobs_claimed *, struct err *);
/* By the lease token of one external job: -1 with 409 "job_lost" when it is
 * another's by now. */
struct jobs_hold {
	struct uuid tenant, id;
	int64_t token;
};
/* progress < 0: not told. now->cancel: the worker should stop. Inside a
 * transaction, like jobs_pull_end(), which settles the job and its lease. */
int jobs_pull_heartbeat(struct db *, struct arena *,
    const struct jobs_hold *, int64_t lease_s, int progress,
    const char *note, struct job_row *now, struct err *);
int jobs_pull_end(struct db *, struct arena *, const struct jobs_hold *,
    struct jobs_outcome *, struct job_row *now, struct err *);

/* The row of a running job, by token: its payload (409 "job_lost"), a result
 * before the end, how far it is. */
int jobs_payload(struct db *, struct arena *, const struct jobs_hold *,
    const char **out, struct err *);
int jobs_store_result(struct db *, const struct jobs_hold *,
    const char *result, struct err *);
int jobs_store_progress(struct db *, const struct jobs_hold *,
    int64_t permille, const char *note, struct err *);
/* Tells those who watch how far a running job is; not stored. */
void jobs_tell_progress(const struct job_row *);

/* ---- upkeep: steps that any process may run --------------------------------------- */

/* Moves delayed jobs whose time has come into the ready table, and dependants
 * that their parents' end had to leave; *n moved, *next_us the next delayed
 * one's time (0 = none). */
int jobs_promote(struct db *, struct arena *, size_t *n, int64_t *next_us,
    struct err *);
/* Returns the jobs of expired leases to their queues (lost + 1, never a
 * crash). grace_s on top of the expiry. */
int jobs_reap(struct db *, struct arena *, int64_t grace_s, size_t *n,
    struct err *);
/* Recounts limit rows from what really runs and un-parks what may run. */
int jobs_recount(struct db *, struct arena *, size_t *fixed, struct err *);
/* Deletes finished jobs older than their retention, in batches. */
int jobs_purge(struct db *, struct arena *, int64_t keep_days, size_t *n,
    struct err *);

/* ---- operators' verbs: one transaction each, by the caller ----------------------- */

/* 0 found, 1 none. tenant is always asked. */
int jobs_by_id(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, struct job_row *, struct err *);
struct jobs_filter {
	struct uuid tenant;
	int64_t state;			/* 0 = all */
	bool live, dead;		/* instead of one state */
	const char *type, *queue, *error_class;
	struct uuid workflow, below;	/* page: ids below this one */
	struct utc since, until;	/* created */
	int64_t limit;
};
/* Newest first, without payload and result. Looks at so many jobs only (20,000
 * with a filter), so that a page costs little whatever is asked: fewer rows
 * than the limit are the last ones only when *reached is nil; else go on below
 * it. */
int jobs_page(struct db *, struct arena *, const struct jobs_filter *,
    struct rows *, struct uuid *reached, struct err *);
struct jobs_attempt {
	int64_t token, n;
	const char *worker;
	struct utc started_at, ended_at;
	const char *outcome, *error_class, *error, *crumbs;
};
extern const struct schema jobs_attempt_schema;
int jobs_attempts(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, struct rows *, struct err *);
struct jobs_need_row {
	struct uuid id;
	int64_t rule;			/* enum job_rule */
	bool open;
	int64_t state;			/* 0 = deleted since */
};
extern const struct schema jobs_need_schema;
int jobs_needs(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, struct rows *, struct err *);
/* Of these running jobs (at most 16) the ones that shall stop. */
int jobs_cancelled(struct db *, struct arena *, const struct uuid *ids,
    size_t n, struct rows *, struct err *);
/* Not yet running: cancelled now; running: asked to stop (the caller rings
 * "dispatch" after commit). 404, 409 already ended. */
int jobs_cancel(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, struct job_row *now, struct err *);
/* A job that ended badly runs again as it was (attempts counted anew).
 * 404, 409 not ended or succeeded. at nil-time: now. */
int jobs_retry(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, struct utc at, struct job_row *now, struct err *);
/* Removes a dead letter's job from the list; the job stays. */
int jobs_discard(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, struct err *);

/* Counts for status pages and metrics: one row per queue and lane. */
struct jobs_depth {
	int64_t queue_id, lane, ready;
	const char *queue;
	bool external, paused;
	struct utc oldest;
};
extern const struct schema jobs_depth_schema;
/* tenant nil: of all. */
int jobs_depths(struct db *, struct arena *, struct uuid tenant,
    struct rows *, struct err *);

struct jobs_queue_row {
	int64_t id;
	struct uuid tenant_id;
	const char *name;
	bool external, paused;
	int64_t rate_n, rate_s, max_running;	/* 0 = none */
};
extern const struct schema jobs_queue_schema;
int jobs_queue_get(struct db *, struct arena *, struct uuid tenant,
    const char *name, bool external, bool create, struct jobs_queue_row *,
    struct err *);
int jobs_queue_all(struct db *, struct arena *, struct uuid tenant,
    struct rows *, struct err *);
int jobs_queue_set(struct db *, const struct jobs_queue_row *, struct err *);

extern const struct query *const jobs_enqueue_queries[],
    *const jobs_need_queries[],
    *const jobs_place_queries[],
    *const jobs_claimer_queries[], *const jobs_claim_queries[],
    *const jobs_cycle_queries[], *const jobs_settle_queries[],
    *const jobs_move_queries[], *const jobs_cascade_queries[],
    *const jobs_lease_queries[],
    *const jobs_upkeep_queries[], *const jobs_recount_queries[],
    *const jobs_purge_queries[], *const jobs_verb_queries[],
    *const jobs_pull_queries[], *const jobs_child_queries[],
    *const jobs_page_queries[];
extern const struct table jobs_tables[];
extern const struct event jobs_events[];
extern const struct metric *const jobs_metrics[];
struct jobs_conf {
	int64_t keep_days;		/* finished jobs */
	int64_t tenant_queued_max;	/* backlog of a tenant in one lane */
	int64_t schedule_floor_s;	/* fastest rhythm of a tenant */
	int64_t lease_s;
};
extern const struct settings jobs_settings;

#endif
