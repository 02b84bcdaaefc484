/*
 * Dependencies for operators: what the shared segment of this host knows of
 * each, and what was ordered. An order is a row, for the whole installation;
 * whoever finds a segment that has not been told tells it: the loop of the
 * worker, the prober of health, a process before its first call. States that
 * breakers reach by themselves stay with their host.
 */
#ifndef PLATFORM_DEPENDENCY_H
#define PLATFORM_DEPENDENCY_H

#include "db/db.h"
#include "db/env.h"
#include "db/table.h"
#include "http/route.h"
#include "jobs/loop.h"
#include "shm/dependency.h"

/* A row: the order. */
struct platform_dependency {
	const char *name;
	const char *mode;		/* "auto" "open" "closed" "disabled" */
	const char *reason, *changed_by;
	struct utc changed_at;
	int64_t version;		/* one more with each order */
};
extern const struct schema platform_dependency_schema;
extern const struct query *const platform_dependency_queries[];
extern const struct table platform_dependency_tables[];
extern const struct dependency platform_dependencies[];
extern const struct route platform_dependency_routes[];
extern const struct command platform_dependency_commands[];
extern const struct loop platform_dependency_loops[];

/* What is shown of one. */
struct platform_dependency_calls {
	int64_t ok, failed, slow, failures_in_a_row;
};
struct platform_dependency_view {
	const char *name, *doc, *state, *mode;
	struct utc since;		/* 0 = since this segment was made */
	double probes_in_s;		/* open: until probes may be sent */
	int64_t opened;			/* times in a row without recovery */
	const void *calls;		/* struct platform_dependency_calls */
	double retry_budget;
	int64_t permits, permits_used;
	const char *reason, *changed_by;	/* of the order; NULL = none */
	struct utc changed_at;
};
extern const struct schema platform_dependency_view_schema;

/* ---- rows -------------------------------------------------------------------- */

int platform_dependency_all(struct db *, struct arena *, struct rows *,
    struct err *);
/* Writes version back. */
int platform_dependency_put(struct db *, struct arena *,
    struct platform_dependency *, struct err *);

/* ---- use-cases ------------------------------------------------------------------ */

/* "open" "close" "auto" "disable" to the mode it orders; -1 = none. */
int platform_dependency_action(const char *);
/* All declared ones, as this host sees them. orders may be NULL. */
void platform_dependency_look(struct env *, struct arena *,
    const struct rows *orders, struct rows *out);
/* Writes the order and, after the commit, tells this host's segment. 404 for
 * a dependency that is not declared. */
int platform_dependency_order(struct env *, struct db *, struct arena *,
    struct platform_dependency *, struct err *);
/* Tells the segment what the rows say. Changes nothing when it knows. */
int platform_dependency_tell(struct env *, struct arena *, struct err *);
/* The same for net_on_fresh(): arg is the env; without a database, or inside
 * a transaction, nothing. */
void platform_dependency_fresh(void *env);

#endif
