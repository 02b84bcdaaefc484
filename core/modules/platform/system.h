/*
 * The installation as a whole: processes, pools, numbers.
 */
#ifndef PLATFORM_SYSTEM_H
#define PLATFORM_SYSTEM_H

#include <stdint.h>

#include "base/types.h"
#include "db/table.h"
#include "http/route.h"
#include "schema/schema.h"

struct env;
struct str;

/* Processes of this host that are alive, from the scoreboard. */
struct platform_process {
	int64_t pid;
	const char *pool, *phase, *route, *request_id;
	int64_t requests, age_s, request_ms, memory_kib;
};
struct platform_pool {
	const char *name;
	int64_t processes, busy, requests;
};
struct platform_status {
	const char *service, *environment, *version, *status;
	struct utc timestamp;
	int64_t uptime_s, memory_kib, routes, commands, settings;
	struct list modules;		/* names */
	struct list pools;		/* struct platform_pool */
	int64_t requests, errors;	/* since the segment was made */
	const void *jobs;		/* struct platform_job_status; NULL =
					 * the database did not answer */
};
extern const struct schema platform_process_schema, platform_pool_schema,
    platform_status_schema;

enum { PLATFORM_PROCESSES = 512 };
size_t platform_processes(struct env *, struct arena *,
    const struct platform_process **);
void platform_status_fill(struct env *, struct arena *, struct utc now,
    struct platform_status *);
/* The queue's numbers, of a tenant or (nil) of all. */
void platform_status_jobs(struct env *, struct arena *, struct uuid tenant,
    struct platform_status *);
/* Seconds since the oldest living process of this host was born. */
int64_t platform_uptime_s(struct env *);

extern const struct route platform_system_routes[];
extern const struct command platform_system_commands[];

#endif
