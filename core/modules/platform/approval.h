/*
 * Approvals: a plan waits in the inbox until another person than its author
 * says yes to exactly it (the SHA-256 of its text). Each is used once.
 */
#ifndef PLATFORM_APPROVAL_H
#define PLATFORM_APPROVAL_H

#include "db/db.h"
#include "db/table.h"
#include "events/event.h"
#include "http/route.h"
#include "modules/platform/platform.h"

struct platform_approval {
	struct uuid id, tenant_id;
	const char *module, *kind, *title, *subject, *subject_id;
	struct uuid decision_id;
	const char *risk;		/* low medium high critical */
	struct json plan;
	struct blob digest;
	struct uuid author_id;
	const char *author, *state;
	struct uuid decided_id;
	const char *decided_by, *comment;
	struct utc expires_at, decided_at, executed_at;
	int64_t version;
	struct utc created_at;
	const char *plan_digest;	/* digest as hex, for clients */
};
extern const struct schema platform_approval_schema;
extern const struct query *const platform_approval_queries[];
extern const struct table platform_approval_tables[];
extern const struct event platform_approval_events[];
extern const struct route platform_approval_routes[];

struct platform_approval_filter {
	struct uuid tenant;
	const char *state, *module;
	struct uuid below;
	int64_t limit;
};
int platform_approval_insert(struct db *, const struct platform_approval *,
    struct err *);
int platform_approval_by_id(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, struct platform_approval *, struct err *);
/* The same, locked until the transaction ends. */
int platform_approval_lock(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, struct platform_approval *, struct err *);
int platform_approval_page(struct db *, struct arena *,
    const struct platform_approval_filter *, struct rows *, struct err *);
/* Writes state, decided_*, comment, executed_at; version grows. */
int platform_approval_update(struct db *, struct platform_approval *,
    struct err *);

/* Yes or no to the plan with this digest (hex). 404; 409 "not_pending",
 * "plan_changed", "expired"; 403 "own_plan", "too_risky" (high and critical
 * need approvals:high). */
struct platform_verdict {
	struct uuid id;
	bool yes;
	const char *comment, *digest;
};
int platform_approval_decide(struct db *, struct arena *,
    const struct principal *, const struct platform_verdict *, struct utc now,
    struct platform_approval *, struct err *);

#endif
