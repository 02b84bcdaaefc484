/*
 * Governance: an instance is authorized when a tag or a group says so, or a
 * person does. Any other is flagged by the next scan, has a grace to be
 * claimed, and may then be terminated; but only through a move that another
 * person approved, never by a direct call.
 */
#ifndef SPOT_GOVERNANCE_H
#define SPOT_GOVERNANCE_H

#include "db/env.h"
#include "events/event.h"
#include "modules/spot/account.h"
#include "modules/spot/instance.h"

struct spot_violation {
	struct uuid id, account_id;
	const char *instance_id, *name, *region, *instance_type, *state;
	const char *auth_status, *severity, *reason;
	struct utc flagged_at, grace_until, last_seen;
	bool stale;
};
extern const struct schema spot_violation_schema;
extern const struct query *const spot_governance_queries[];

struct spot_termination {
	struct uuid id, tenant_id, account_id;
	const char *region, *instance_id, *reason;
	struct json plan;
	struct uuid approval_id;
	const char *state, *error;
	struct uuid move_id;
	const char *move_state;		/* as it is now */
	const char *made_by;
	struct utc created_at, updated_at;
};
extern const struct schema spot_termination_schema;

/* ---- pure ------------------------------------------------------------------ */

/* "critical" when the grace is over, "high" while it runs, else "medium", or
 * "low" for what is stopped; and a sentence. */
void spot_violation_judge(struct arena *, struct spot_violation *,
    struct utc now);

/* ---- rows -------------------------------------------------------------------- */

/* Instances that are not authorized, worst first, at most 1,000. */
int spot_violation_all(struct db *, struct arena *, struct uuid tenant,
    struct uuid account, struct utc now, struct rows *, struct err *);
int spot_governance_flag(struct db *, struct uuid account, struct utc now,
    struct utc until, uint64_t *flagged, struct err *);
int spot_governance_clear(struct db *, struct uuid account, struct err *);
int spot_governance_set(struct db *, const struct spot_instance *,
    const char *status, const char *by, struct utc at, struct utc flagged,
    struct utc until, struct err *);
int spot_termination_insert(struct db *, const struct spot_termination *,
    struct err *);
int spot_termination_update(struct db *, const struct spot_termination *,
    struct err *);
int spot_termination_by_id(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, struct spot_termination *, struct err *);
int spot_termination_page(struct db *, struct arena *, struct uuid tenant,
    struct uuid below, int64_t limit, struct rows *, struct err *);
/* Those of an account whose move has not ended as far as we know, at most
 * 100. */
int spot_termination_waiting(struct db *, struct arena *,
    struct uuid account, struct rows *, struct err *);
/* True in *there while one is open for the instance. */
int spot_termination_open(struct db *, struct arena *, struct uuid account,
    const char *region, const char *instance_id, bool *there, struct err *);

/* ---- use-cases: in the caller's transaction ------------------------------------ */

/* After a scan of an account: flags, closes terminations whose moves ended,
 * and asks for new ones when the setting wants them. */
int spot_governance_review(struct env *, struct db *, struct arena *,
    const struct spot_account *, struct utc now, struct err *);
/* A person's word; it outlasts scans. yes = false takes it back and flags the
 * instance anew. 404. */
int spot_governance_decide(struct env *, struct db *, struct arena *,
    const struct principal *, struct uuid instance, bool yes, struct utc now,
    struct spot_instance *, struct err *);
/* Asks for the termination of an instance that is not authorized: a move that
 * starts once another person has approved it. 404; 409 "authorized", "gone",
 * "asked" (one is open). */
int spot_governance_terminate(struct env *, struct db *, struct arena *,
    const struct principal *, const char *by_name,
    const struct spot_instance *, const char *reason, struct utc now,
    struct spot_termination *, struct err *);

extern const struct event spot_governance_events[];
extern const struct route spot_governance_routes[];

#endif
