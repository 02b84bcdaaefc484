/*
 * Jobs, as those who declare, enqueue and run them see them. A job accepted
 * completes once: its database effects happen once (its transactions open by
 * job_begin(), which writes its row by token, so that a stale worker commits
 * nothing); outside effects happen at least once under the key job_key().
 */
#ifndef JOBS_JOB_H
#define JOBS_JOB_H

#include "base/err.h"
#include "base/types.h"
#include "db/db.h"
#include "db/env.h"

struct arena;
struct event_pack;
struct module;
struct schema;

/* Priorities, best first. */
enum job_lane { LANE_CRITICAL, LANE_HIGH, LANE_NORMAL, LANE_LOW, LANES };
extern const char *const job_lane_names[];	/* NULL-terminated */

/* Below 10: live. */
enum job_state {
	JS_WAITING = 1,		/* for the jobs it needs */
	JS_SCHEDULED,		/* until run_at */
	JS_QUEUED,
	JS_PARKED,		/* its key's limit is reached */
	JS_RUNNING,
	JS_RETRYING,		/* failed, until run_at */
	JS_SUCCEEDED = 10, JS_FAILED, JS_CANCELLED, JS_EXPIRED,
	JS_QUARANTINED,		/* its process crashed too often */
	JS_SKIPPED		/* what it needed did not come */
};
/* "waiting", "queued" (also for parked), … ; parse: 0 = unknown. */
const char *job_state_name(int64_t state);
int  job_state_parse(const char *);

/* What run() returns. */
enum job_rc {
	JOB_DONE,		/* result in ctx->result */
	JOB_RETRY,		/* ctx->err says why; until tries are used up */
	JOB_FAIL,		/* no further try */
	JOB_RELEASE		/* asked to stop: back to the queue, no try lost */
};

struct job_ctx {
	struct env *env;
	struct arena *a;		/* gone after the job */
	struct db *db;
	struct uuid tenant, id;
	int64_t token;			/* of this attempt */
	int64_t attempt, tries;
	const char *type, *actor, *traceparent;
	struct json payload;		/* as it was enqueued */
	struct utc fire_at;		/* nominal time of a schedule; 0 = none */
	int64_t deadline_boot_ns;	/* timeout */
	const struct schema *result_schema;
	const void *result;		/* of result_schema; or result_text */
	const char *result_text;	/* JSON text */
	int64_t retry_after_s;		/* JOB_RETRY: not before; 0 = back-off */
	struct err err;
	bool finished;			/* job_finish() was committed */
	void *port;			/* to the dispatcher */
};

/* Opens a transaction whose first statement writes the job's row by token:
 * -1 with 409 "job_lost" when another attempt owns the job. Commit with
 * db_commit(). */
int  job_begin(struct job_ctx *, struct err *);
/* Ends the job as succeeded inside the transaction opened by job_begin();
 * run() then returns JOB_DONE. What the job released (keys, dependants) is
 * released by the same commit. */
int  job_finish(struct job_ctx *, struct err *);
/* Key for effects outside the database: "<job id>/<step>". */
const char *job_key(struct job_ctx *, const char *step);
/* 0-1000 and a short note; rate-limited, never fails, never blocks. */
void job_progress(struct job_ctx *, int permille, const char *note);
/* True once the job should stop: cancelled, timed out, or the worker ends.
 * Long work asks it now and then. */
bool job_stopping(struct job_ctx *);

enum job_flag {
	JOB_TXN = 1 << 0,	/* finishes in its own transaction */
	JOB_QUICK = 1 << 1,	/* usually under 100 ms: may be claimed ahead */
	JOB_API = 1 << 2,	/* may be enqueued over HTTP */
	JOB_RAW = 1 << 3	/* any JSON is a payload: run() reads it from
				 * ctx->payload */
};

/* static const row of a module. */
struct job {
	const char *name;		/* "spot.scan" */
	const char *doc;
	const struct schema *in;	/* payload; NULL: {} */
	const struct schema *out;	/* result; NULL: none */
	const char *queue;		/* NULL: "default" */
	enum job_lane lane;
	unsigned flags;
	int tries;			/* 0: 5 */
	int timeout_s;			/* 0: 300 */
	int backoff_s, backoff_max_s;	/* 0: 1, 3600 */
	int max_crashes;		/* 0: 2 */
	int cpu_s, memory_mib;		/* caps per attempt; 0: none, 512 */
	const char *permission;		/* JOB_API: who may enqueue it */
	enum job_rc (*run)(struct job_ctx *, const void *in);
};
#define JOB_END { .name = NULL }

/* Among the enabled modules; NULL = not one of ours (an exec type, or work
 * for external workers). */
const struct job *job_find(const struct module *const *, const char *type);

/* ---- enqueueing ----------------------------------------------------------- */

enum job_rule { NEED_SUCCESS, NEED_END, NEED_FAILURE };
struct job_need {
	struct uuid id;
	enum job_rule rule;
};

/* Zero means the default of the type. */
struct job_options {
	struct uuid id;			/* nil: a new one */
	const char *queue;
	const char *priority;		/* name of a lane */
	struct utc run_at, expires_at;
	const char *unique;		/* one live job of the type per key */
	const char *limit;		/* concurrency key */
	int64_t limit_max;		/* jobs of the key at once */
	int64_t tries, timeout_s, backoff_s;
	const struct job_need *needs;
	size_t nneeds;
	struct uuid workflow;
	const char *actor;		/* who asked, for people */
	const char *traceparent;
	struct uuid replay_of;
	struct utc fire_at;		/* set by schedules */
	int64_t backlog_max;		/* 429 when about more of the tenant's
					 * jobs wait in the lane; 0 = no quota */
};

/* Inside the caller's transaction (or in one of its own when none is open):
 * the job exists if and only if the caller commits; the dispatcher is woken
 * after the commit. in is of job->in. 0 enqueued; 1 a live job with the same
 * unique key exists, *id is that one; -1: 422 names the option (unknown need,
 * circle, bad priority), 429 "quota" with Retry-After. */
int job_enqueue(struct db *, struct arena *, const struct job *,
    struct uuid tenant, const void *in, const struct job_options *,
    struct uuid *id, struct err *);
/* The same for a payload that is JSON text and any type: job NULL = exec or
 * external type, checked by the caller. external: pulled over HTTP. */
int job_enqueue_text(struct db *, struct arena *, const char *type,
    const struct job *, bool external, struct uuid tenant,
    const char *payload, const struct job_options *, struct uuid *id,
    struct err *);

/* Many jobs of one type that are due now, inside the caller's transaction, in
 * as many statements as one takes. o is common to all: without needs, limit,
 * run_at and backlog_max. The events go into the pack. -1 "db_retry" also when
 * another host drew the same place in the queue: the transaction again. */
struct job_many {
	const void *in;			/* of job->in */
	const char *unique;		/* key, not NULL */
	struct uuid id;			/* out */
	bool existing;			/* out: a live job has the key: id */
};
int job_enqueue_many(struct db *, struct arena *, const struct job *,
    struct uuid tenant, struct job_many *, size_t n,
    const struct job_options *, struct event_pack *, struct err *);

#endif
