/*
 * Moves: an instance is replaced, launched, terminated or drained by a saga of
 * ten steps that survives the death of whoever works on it. Each call is
 * written down, committed, and only then sent; what was sent and not answered
 * is asked for before it is sent again. Up to step 6 a failure is undone,
 * backwards; from there on the move goes forward.
 *
 *	0 check    1 launch   2 ready   3 raise    4 attach
 *	5 serve    6 out      7 restore 8 verify   9 book
 *
 * What does not apply (raise, attach, serve, restore of an instance in no
 * group) is passed over. Undoing has steps of its own, ten above.
 */
#ifndef SPOT_MOVE_H
#define SPOT_MOVE_H

#include "conf/conf.h"
#include "db/db.h"
#include "db/env.h"
#include "db/table.h"
#include "events/event.h"
#include "http/route.h"
#include "jobs/job.h"
#include "jobs/loop.h"
#include "jobs/schedule.h"
#include "modules/platform/platform.h"
#include "modules/spot/rows.h"

struct principal;

struct spot_move_conf {
	int64_t poll_s;			/* from look to look while it waits */
	int64_t ready_s;		/* a replacement may take to be healthy */
	int64_t deadline_s;		/* a move that names no deadline */
	int64_t launches_per_hour, launches_per_hour_all;
	int64_t spend_per_day, spend_per_day_all;	/* USD */
	int64_t orphan_s;		/* behind the deadline until swept */
};
extern const struct settings spot_move_settings;

/* Where a replacement may run. */
struct spot_move_pool {
	const char *az, *instance_type;
	const char *lifecycle;		/* "spot" "on-demand"; NULL = spot */
	const char *subnet;		/* NULL or "": found by the move */
	struct dec price;		/* per hour; 0 = not known */
};

/* ---- for others of the module ------------------------------------------------ */

struct spot_move_new {
	const struct env *env;		/* its settings are the caps */
	struct uuid id;			/* nil: a new one, written back */
	struct uuid tenant, account;
	const char *kind;		/* replace launch terminate drain */
	const char *reason;		/* "interruption" "rebalance" "replica"
					 * "recommendation" "person" … */
	const char *region;
	const char *target;		/* the cloud's id; of a launch: which
					 * instance to copy, or NULL */
	const struct spot_move_pool *pools;	/* best first */
	size_t npools;
	const char *adopt;		/* a ready instance of ours to use in
					 * place of a launch; NULL */
	const char *template_id, *template_version;	/* NULL: its own */
	const char *image_id;		/* NULL: none */
	struct utc deadline;		/* 0: by the setting */
	bool urgent;			/* the target is under notice: no
					 * approval, and never late on purpose */
	bool approve;			/* propose: a person must say yes */
	enum platform_risk risk;	/* of the approval */
	struct uuid decision;		/* nil: one is made */
	const char *why;		/* a sentence for it; NULL */
	struct json inputs, expected, refused;	/* for it */
	struct utc oldest;		/* input of it */
	const char *model;		/* NULL: none */
	struct dec saving;		/* per hour */
	const struct principal *by;	/* NULL: by_name, a program */
	const char *by_name;
	/* out */
	const char *state;		/* "proposed" "ready" "refused" */
	const char *code, *refusal;	/* refused: word and sentence */
	bool existing;			/* the instance had a live move: id is
					 * that one, urgent now if this is */
};
/* Stores a plan that does nothing yet (a dry run), with its decision, and
 * asks the inbox if .approve. An older proposal for the same instance is
 * withdrawn. Inside the caller's transaction. 422 for a plan that cannot be. */
int spot_move_propose(struct db *, struct arena *, struct spot_move_new *,
    struct err *);
/* Reserves launches and money, asks the stop switch, makes the move ready and
 * enqueues its job, all in the caller's transaction. A refusal by switch or
 * cap is a stored move in state "refused" and returns 0. */
int spot_move_reserve(struct db *, struct arena *, struct spot_move_new *,
    struct err *);
/* The same for up to ten of one account and region: what is plain (no other
 * move of the instance, nothing to adopt) in as many statements as one takes,
 * the others, and all when the switch or a cap says no, one by one. .decision
 * is set by the caller. Events of the plain ones go into the pack. A wish that
 * cannot be has state NULL, code and refusal. */
enum { SPOT_MOVES_AT_ONCE = 10 };
int spot_move_reserve_many(struct db *, struct arena *,
    struct spot_move_new *, size_t n, struct event_pack *, struct err *);
/* Live moves of an account: while there is one it cannot be removed. */
int spot_move_busy(struct db *, struct arena *, struct uuid tenant,
    struct uuid account, int64_t *n, struct err *);

/* Finds out what a person's wish lacks: region and account of the instance
 * (n->target is the cloud's id), and for a replacement the five cheapest
 * fitting pools with its own type on demand behind them; with inputs,
 * refusals and the saving for the decision. 404, 409 when nothing fits. */
int spot_move_plan_for(struct db *, struct arena *, struct spot_move_new *,
    struct err *);

/* ---- rows ---------------------------------------------------------------------- */

enum spot_move_step_no {
	SM_CHECK, SM_LAUNCH, SM_READY, SM_RAISE, SM_ATTACH, SM_SERVE, SM_OUT,
	SM_RESTORE, SM_VERIFY, SM_BOOK,
	SM_UNDO_LAUNCH = 11, SM_UNDO_RAISE = 13, SM_UNDO_ATTACH = 14,
	SM_DONE = 20, SM_UNDONE = 21
};

struct spot_move {
	struct uuid id, tenant_id, account_id;
	const char *kind, *reason;
	bool urgent;
	const char *region, *instance_id, *asg, *adopt, *new_instance, *new_pool;
	const char *state;
	int64_t step;
	const char *step_name;		/* JSON */
	bool cancel, holds;
	struct json pools, places;
	const char *template_id, *template_version, *image_id;
	struct json plan;
	struct dec price, saving;
	struct utc reserved_at;
	struct uuid decision_id, approval_id, job_id;
	struct utc wakes_at, deadline;
	const char *told, *error_code, *error;
	int64_t version;
	const char *created_by;
	struct utc created_at, started_at, ended_at;
	struct list steps;		/* JSON of one move */
};
struct spot_move_step {
	struct uuid move_id;
	int64_t step, attempt;
	const char *name;		/* JSON */
	struct uuid tenant_id;
	const char *act, *token;
	struct json request, response;
	const char *state;		/* intent waiting done skipped failed */
	int64_t sends;
	const char *error_code, *error;
	struct utc started_at, ended_at;
};
struct spot_move_group {
	struct uuid account_id, tenant_id;
	const char *region, *name;
	int64_t old_max, raised_to;
	struct utc updated_at;
};
struct spot_budget {
	struct uuid account_id, tenant_id;	/* account nil: everything */
	int64_t hour, launches, day;	/* hour, day: since 1970 */
	struct dec spend;
	int64_t max_launches;		/* -1: the setting's */
	struct dec max_spend;		/* -1: the setting's */
};
extern const struct schema spot_move_schema, spot_move_step_schema,
    spot_move_group_schema, spot_budget_schema;
extern const struct query *const spot_move_queries[], *const spot_budget_queries[];
extern const struct table spot_move_tables[];

struct spot_move_filter {
	struct uuid tenant, account;	/* account nil = all */
	const char *state, *instance;	/* NULL = all; state "live" */
	struct uuid below;		/* page: newest first */
	int64_t limit;
};
int spot_move_page(struct db *, struct arena *,
    const struct spot_move_filter *, struct rows *, struct err *);
/* 0 found, 1 none. */
int spot_move_by_id(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, struct spot_move *, struct err *);
int spot_move_lock(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, struct spot_move *, struct err *);
int spot_move_steps(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, struct rows *, struct err *);
int spot_budget_get(struct db *, struct arena *, struct uuid tenant,
    struct uuid account, struct spot_budget *, struct err *);

/* ---- use-cases, inside a transaction ------------------------------------------- */

/* Starts a proposal: uses its approval when it has one (409 "not_approved",
 * "plan_changed"), then as spot_move_reserve(). */
int spot_move_start(const struct env *, struct db *, struct arena *,
    struct uuid tenant, struct uuid id, const char *by, struct spot_move *,
    struct err *);
/* A proposal is withdrawn; a live move stops at its next step and is undone,
 * unless the old instance is on its way out already. 409 when it is over. */
int spot_move_cancel(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, const char *by, struct spot_move *, struct err *);
/* A parked move goes on. 409 when it is not parked. */
int spot_move_resume(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, const char *by, struct spot_move *, struct err *);
/* Limits of an account (nil: of everything; -1: the setting's). */
int spot_budget_limit(struct db *, struct arena *, const struct spot_budget *,
    struct err *);

extern const struct event spot_move_events[];
extern const struct route spot_move_routes[];
extern const struct command spot_move_commands[];
extern const struct job spot_move_jobs[];
extern const struct loop spot_move_loops[];
extern const struct schedule spot_move_schedules[];

#endif
