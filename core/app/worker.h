/*
 * The worker: a manager of ours (core/proc) with one child that dispatches
 * jobs and one child for each control loop. The dispatcher has job children
 * of its own, which die with it.
 */
#ifndef APP_WORKER_H
#define APP_WORKER_H

#include <sys/types.h>

#include "base/vec.h"
#include "db/env.h"
#include "jobs/loop.h"
#include "jobs/queue.h"

struct worker_conf {
	int64_t children;		/* job children; 0 = processors */
	int64_t ahead;			/* quick jobs claimed ahead per child */
	int64_t max_jobs;		/* a child retires after so many */
	int64_t grace_s;		/* between SIGTERM and SIGKILL of a job */
	int64_t drain_s;		/* of the whole worker */
};
extern const struct settings worker_settings;

/* ---- messages between dispatcher and child (worker_wire.c) ------------------ */

enum {
	WIRE_MAX = 160 * 1024,		/* bytes of one message */
	WIRE_TEXT = 64 * 1024		/* longer payloads are fetched by the
					 * child, longer results stored by it */
};

/* A job, as the child needs it. */
struct wire_job {
	struct uuid tenant, id;
	int64_t token, attempt, tries, timeout_s;
	struct utc fire_at;
	const char *type, *actor, *traceparent;
	const char *payload;		/* NULL: read it from the row */
};

enum wire_kind { WIRE_STARTED = 1, WIRE_PROGRESS, WIRE_ENDED };
struct wire_report {
	enum wire_kind kind;
	struct uuid id;
	int64_t token;
	int64_t permille;
	enum jobs_end end;
	bool stored;			/* finished in its own transaction */
	int64_t retry_after_s;
	const char *note, *error_class, *error, *result;
};

/* Text of the structs lives in the buffer or the arena given. -1: does not
 * fit, or is not a message. */
long wire_put_job(uint8_t *buf, size_t cap, const struct wire_job *);
int  wire_get_job(struct arena *, const uint8_t *, size_t n,
    struct wire_job *);
long wire_put_report(uint8_t *buf, size_t cap, const struct wire_report *);
int  wire_get_report(struct arena *, const uint8_t *, size_t n,
    struct wire_report *);

/* ---- job children (worker_child.c) ---------------------------------------------- */

/* Runs in the child until its parent closes the socket or it should end;
 * returns its exit status. */
int worker_child(struct env *, int fd, const struct worker_conf *);

/* ---- dispatcher (dispatcher.c, dispatcher_kid.c) ---------------------------------- */

struct dispatch_options {
	size_t children;
	bool until_empty;		/* ends when nothing is ready */
	int64_t until_boot_ns;		/* ends then; 0 = never */
	uint64_t *ended;		/* counts what ended, or NULL */
};
/* Claims, hands out, settles until it should end; takes the host's lock
 * first (1 = another process dispatches here, and until_empty is set). */
int worker_dispatch(struct env *, const struct worker_conf *,
    const struct dispatch_options *, struct err *);

/* ---- loops (worker_loop.c) ---------------------------------------------------------- */

/* Runs one loop until it should end. */
int worker_loop(struct env *, const struct loop *, int shard);
/* One turn of every loop with humble = TICK, for cron; under the same leases.
 * Failures are logged; returns how many failed. */
size_t worker_tick(struct env *, struct err *);
/* All loops of the enabled modules, once per shard. */
struct loop_ref {
	const struct loop *loop;
	int shard;
};
size_t worker_loops(struct arena *, const struct module *const *,
    const struct loop_ref **);

#endif
