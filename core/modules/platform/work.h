/*
 * External workers: programs in any language that pull jobs over HTTP, one
 * lease for each job. Whoever holds the token of a start may say how it goes
 * and how it ended; the same settling as for our own children decides what
 * follows.
 */
#ifndef PLATFORM_WORK_H
#define PLATFORM_WORK_H

#include "base/principal.h"
#include "db/env.h"
#include "http/route.h"
#include "jobs/queue.h"
#include "modules/platform/platform.h"
#include "shm/shm.h"

enum { PLATFORM_CLAIM_MAX = 32, PLATFORM_WAIT_MAX_S = 25 };

/* Delayed jobs whose time has come, and leases that ran out long ago: what any
 * process may see to, so that external work goes on on hosts without a worker
 * service. At most a few times a second per host. */
int platform_work_upkeep(struct env *, struct db *, struct err *);

struct platform_work_beat {
	struct job_row job;
	bool over;		/* its time was over: settled as a timeout */
};
/* Renews the lease; progress < 0: not told. 404; 409 job_lost. Not inside a
 * transaction. */
int platform_work_heartbeat(struct db *, struct arena *,
    const struct jobs_hold *, int64_t lease_s, int progress,
    const char *note, struct platform_work_beat *, struct err *);
/* Ends the start; a second answer about the same start with the same outcome
 * is taken as a repetition (*repeated). Inside a transaction. */
int platform_work_end(struct db *, struct arena *, const struct jobs_hold *,
    struct jobs_outcome *, struct job_row *now, bool *repeated,
    struct err *);

extern const struct route platform_work_routes[];

#endif
