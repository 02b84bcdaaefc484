/*
 * Workers as operators see them: dispatchers and their leases (of all hosts,
 * from the database), job children and control loops (of this host, from the
 * shared segment).
 */
#ifndef PLATFORM_WORKER_H
#define PLATFORM_WORKER_H

#include "db/db.h"
#include "db/env.h"
#include "db/table.h"
#include "http/route.h"
#include "schema/schema.h"

struct platform_worker_child {
	int64_t pid;
	const char *type, *job_id;	/* NULL: idle */
	int64_t running_ms, jobs, age_s, memory_kib;
};
struct platform_worker_loop {
	const char *name, *scope, *humble, *component;
	int64_t shard, period_ms;
	const char *state;	/* "running" "waiting" "late" "never" "stopped" */
	int64_t pid;		/* of its child on this host; 0: none */
	int64_t last_s, good_s;	/* since the last turn here, the last good
				 * one; -1: none known */
	int64_t lag_ms;		/* later than it should be */
	int64_t token, lease_s;	/* of CLUSTER and SHARD: left, -1: free */
};
struct platform_workers {
	const char *host;
	const char *dispatcher;	/* "daemon" "cron" "elsewhere" "none" */
	int64_t dispatcher_s, tick_s;	/* since they were seen here; -1 */
	struct list leases;	/* jobs_worker */
	struct list children, loops;
};
extern const struct schema platform_workers_schema;

/* A row of db_lease. */
struct platform_worker_lease {
	const char *role;
	int64_t token, left_s;
};
extern const struct query *const platform_worker_queries[];
int platform_worker_leases(struct db *, struct arena *, struct rows *,
    struct err *);
/* Dispatchers with a valid lease, of all hosts. */
int platform_worker_dispatchers(struct db *, int64_t *n, struct err *);

int platform_workers(struct env *, struct db *, struct arena *,
    struct platform_workers *, struct err *);
/* Health: is there anybody who does the jobs. */
void platform_worker_probe(struct env *, struct probe *);

/* ---- pure -------------------------------------------------------------------- */

/* By seconds since the host's dispatcher, quincunx-schedule --work and a run
 * of quincunx-schedule were seen (-1 never), and dispatchers elsewhere (-1:
 * the database does not say). Fills state and detail. */
void platform_worker_judge(int64_t daemon_s, int64_t cron_s, int64_t tick_s,
    int64_t elsewhere, struct probe *);

extern const struct route platform_worker_routes[];
extern const struct command platform_worker_commands[];

#endif
