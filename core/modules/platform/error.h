/*
 * Errors by kind. What goes through log_error() (which is every 5xx and what
 * programs give up on) is counted in the shared segment; a loop carries it
 * into the table. A kind that is resolved and comes back is a regression and
 * open again; a muted one is only counted.
 */
#ifndef PLATFORM_ERROR_H
#define PLATFORM_ERROR_H

#include "base/log.h"
#include "db/db.h"
#include "db/env.h"
#include "db/table.h"
#include "events/event.h"
#include "http/route.h"
#include "jobs/loop.h"
#include "shm/shm.h"

struct platform_error {
	struct uuid id;
	const char *place, *code, *message, *cause, *host, *request_id;
	int64_t count;
	struct utc first_at, last_at;
	const char *status;		/* "open" "resolved" "muted" */
	struct utc status_at;
	const char *status_by;
	int64_t regressions, version;
};
extern const struct schema platform_error_schema;
extern const struct query *const platform_error_queries[];
extern const struct table platform_error_tables[];
extern const struct event platform_error_events[];

/* Kinds kept at most; what comes beyond is only logged. */
enum { ERROR_KINDS = 10000 };

struct platform_error_filter {
	const char *status, *place;	/* NULL: all */
	struct uuid below;		/* page: ids below this one */
	int64_t limit;
};

/* ---- rows: 0 found, 1 none, -1 error ------------------------------------------ */

int platform_error_by_id(struct db *, struct arena *, struct uuid id,
    bool lock, struct platform_error *, struct err *);
int platform_error_page(struct db *, struct arena *,
    const struct platform_error_filter *, struct rows *, struct err *);
int platform_error_insert(struct db *, const struct platform_error *,
    struct err *);
int platform_error_update(struct db *, const struct platform_error *,
    struct err *);
int platform_error_count(struct db *, struct arena *, int64_t *n,
    struct err *);
int platform_error_purge(struct db *, struct utc before, struct err *);

/* ---- use-cases ------------------------------------------------------------------- */

/* For log_on_error(): notes the event in the segment. */
void platform_error_log(const char *component, const char *msg,
    const struct kv *, size_t n);
/* The kind's identifier: a digest of what it is told by. */
struct uuid platform_error_id(const char *place, const char *code,
    const char *message);
/* Carries the segment's counts into the table. */
int platform_error_drain(struct env *, struct arena *, size_t *written,
    struct err *);
/* Inside a transaction. 404. */
int platform_error_set(struct db *, struct arena *, struct uuid id,
    const char *status, const char *by, struct utc now,
    struct platform_error *, struct err *);

extern const struct metric platform_error_dropped;
extern const struct loop platform_error_loops[];
extern const struct route platform_error_routes[];

#endif
