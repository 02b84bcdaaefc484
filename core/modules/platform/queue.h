/*
 * Queues as operators see them: what waits, since when, and the three valves
 * (paused, rate, max_running). A tenant's external queues are its own; the
 * internal ones belong to the installation, and a tenant sees only its own
 * jobs in them.
 */
#ifndef PLATFORM_QUEUE_H
#define PLATFORM_QUEUE_H

#include "base/principal.h"
#include "db/db.h"
#include "db/table.h"
#include "http/route.h"
#include "jobs/queue.h"

struct platform_queue {
	const char *name;
	bool external, paused;
	int64_t rate_n, rate_s, max_running;
	int64_t ready, critical, high, normal, low;
	struct utc oldest_at;
	int64_t oldest_age_s;
};
extern const struct schema platform_queue_schema;

/* What changes; has_x tells what was said. */
struct platform_queue_set {
	const char *name;
	bool external;
	bool paused, has_paused;
	int64_t rate_n, rate_s, max_running;
	bool has_rate, has_max;
};

/* The tenant's queues and the installation's, with the depth of the tenant's
 * own jobs; mine false: the depth of all tenants'. */
int platform_queue_all(struct db *, struct arena *, struct uuid tenant,
    bool mine, struct rows *, struct err *);
/* 404. */
int platform_queue_get(struct db *, struct arena *, struct uuid tenant,
    const char *name, bool external, struct platform_queue *, struct err *);
/* Makes an external queue that is not there yet. An internal one needs
 * system:control and must exist. Inside a transaction. */
int platform_queue_change(struct db *, struct arena *,
    const struct principal *, const struct platform_queue_set *,
    struct platform_queue *, struct err *);

extern const struct route platform_queue_routes[];
extern const struct command platform_queue_commands[];

#endif
