/*
 * Recommendations: moves that a decision found worth it, each with its reason,
 * its decision record and, where the policy wants a person, its place in the
 * inbox. An instance has one that waits at most; what a later decision no
 * longer finds is superseded, what nobody answers expires.
 */
#ifndef SPOT_RECOMMENDATION_H
#define SPOT_RECOMMENDATION_H

#include "db/db.h"
#include "events/event.h"
#include "http/route.h"
#include "jobs/job.h"
#include "jobs/schedule.h"
#include "modules/spot/plan_ops.h"

struct env;
struct principal;

enum { SPOT_RECOMMENDATION_S = 2 * 3600 };

struct spot_recommendation {
	struct uuid id, tenant_id, account_id, member_id;
	const char *instance_id, *region, *decision, *from_pool, *to_pool;
	struct json pools;		/* [{az, instance_type, lifecycle,
					 * price}], best first */
	double score;
	struct dec saving, move_cost;	/* per hour; once */
	double loss_now, loss_then;
	const char *risk, *reason, *model;
	struct utc prices_at;
	struct uuid decision_id, approval_id, move_id;
	const char *state, *note, *decided_by;
	struct utc expires_at, created_at, updated_at;
};
extern const struct schema spot_recommendation_schema;
extern const struct query *const spot_recommendation_queries[];
extern const struct event spot_recommendation_events[];
extern const struct route spot_recommendation_routes[];
extern const struct job spot_decide_jobs[];
extern const struct schedule spot_decide_schedules[];

/* ---- rows -------------------------------------------------------------------- */

int spot_recommendation_insert(struct db *,
    const struct spot_recommendation *, struct err *);
/* Writes what may change: figures, reason, state, note, approval, move. */
int spot_recommendation_update(struct db *,
    const struct spot_recommendation *, struct err *);
/* 1 none. lock: until the transaction ends. */
int spot_recommendation_by_id(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, bool lock, struct spot_recommendation *, struct err *);
struct spot_recommendation_filter {
	struct uuid tenant, account;	/* account nil = all */
	const char *state;		/* NULL = all */
	struct uuid below;		/* newest first */
	int64_t limit;
};
int spot_recommendation_page(struct db *, struct arena *,
    const struct spot_recommendation_filter *, struct rows *, struct err *);
/* Those that wait in an account, locked. */
int spot_recommendation_waiting(struct db *, struct arena *,
    struct uuid account, struct rows *, struct err *);
/* Those that wait for an answer of the inbox, or are too old, of all
 * tenants. */
int spot_recommendation_due(struct db *, struct arena *, struct rows *,
    struct err *);

/* ---- use-cases, inside a transaction ------------------------------------------- */

struct spot_decided {
	int64_t n_moves, n_new, n_superseded, n_reserved, n_held, n_members;
	int64_t saving_micro_h;
	double losses_before, losses_after;
	const char *model;
};
extern const struct schema spot_decided_schema;
/* Decides about an account: locks it, makes the plan, writes what is new and
 * supersedes what is gone. 404. */
int spot_decide(struct env *, struct db *, struct arena *, struct uuid tenant,
    struct uuid account, struct utc now, struct spot_decided *,
    struct err *);
/* Enqueues spot.decide in the caller's transaction. */
int spot_decide_queue(struct db *, struct arena *, struct uuid tenant,
    struct uuid account, struct err *);
/* A person's yes: approval, reserved move. 404; 409 "not_open", "expired",
 * "plan_changed", "stopped"; 403 "too_risky". */
int spot_recommendation_approve(struct env *, struct db *, struct arena *,
    const struct principal *, struct uuid id, const char *comment,
    struct utc now, struct spot_recommendation *, struct err *);
int spot_recommendation_dismiss(struct db *, struct arena *,
    const struct principal *, struct uuid id, const char *comment,
    struct utc now, struct spot_recommendation *, struct err *);
/* One that waits: reserved when the inbox said yes, closed when it said no or
 * when its time is over. *done: something changed. */
int spot_recommendation_settle(struct env *, struct db *, struct arena *,
    struct uuid tenant, struct uuid id, struct utc now, bool *done,
    struct err *);

#endif
