/*
 * Looking at the queue as a whole, for status pages: what kinds of external
 * work there are, totals, and who works.
 */
#ifndef JOBS_LOOK_H
#define JOBS_LOOK_H

#include "base/types.h"

struct arena;
struct db;
struct err;
struct query;
struct rows;
struct schema;

/* A type of external work that a tenant has enqueued lately. */
struct jobs_seen {
	const char *type, *queue;
	int64_t jobs;
};
extern const struct schema jobs_seen_schema;
/* Among the tenant's newest 1,000 jobs, by name. */
int jobs_seen_types(struct db *, struct arena *, struct uuid tenant,
    struct rows *, struct err *);

struct jobs_totals {
	int64_t ready, later, running, dead;
	int64_t leases, external;	/* dispatchers; jobs pulled over HTTP */
	struct utc oldest;		/* ready since */
};
/* tenant nil: of all. */
int jobs_totals(struct db *, struct arena *, struct uuid tenant,
    struct jobs_totals *, struct err *);

/* A lease: a dispatcher with its jobs, or one job of an external worker. */
struct jobs_worker {
	int64_t id;
	bool external;
	const char *host, *place, *worker;
	int64_t pid, jobs;
	struct utc created_at, expires_at;
};
extern const struct schema jobs_worker_schema;
/* Over all tenants: for those who run the installation. */
int jobs_workers(struct db *, struct arena *, int64_t limit, struct rows *,
    struct err *);

/* Sets job_ready and job_oldest_ready_seconds, by lane over all queues: for
 * one process of a host, now and then. */
int jobs_gauges(struct db *, struct arena *, struct err *);

extern const struct query *const jobs_look_queries[];

#endif
