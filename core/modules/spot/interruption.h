/*
 * Interruptions: what a notice means for an instance, what is done about it
 * (launch first, drain second), and how long something was missing. An
 * instance has one open interruption at most; a rebalance recommendation
 * becomes one when the warning comes.
 */
#ifndef SPOT_INTERRUPTION_H
#define SPOT_INTERRUPTION_H

#include "db/db.h"
#include "db/env.h"
#include "db/table.h"
#include "events/event.h"
#include "http/route.h"
#include "jobs/loop.h"
#include "modules/spot/notice.h"
#include "modules/spot/rows.h"
#include "modules/spot/source.h"

struct event_pack;
struct metric;
struct spot_account;

struct spot_interruption {
	struct uuid id, tenant_id, account_id;
	const char *region, *instance_id, *az, *instance_type, *asg;
	int64_t pool_id;		/* 0 = not known */
	const char *kind;		/* rebalance interruption health */
	const char *action;		/* terminate stop hibernate; health: code */
	const char *source;		/* sqs sns webhook simulated status
					 * rehearsal */
	const char *event_id;
	/* watched: nothing is to be done; unknown: not in the inventory yet;
	 * refused: nothing could be done (why); replacing; replica: a standby
	 * waits; serving: the replacement serves; replaced; failed; over */
	const char *state, *why;
	struct utc noticed_at, received_at, deadline_at, rebalance_at;
	struct utc requested_at, served_at, drained_at, ended_at;
	struct uuid move_id, decision_id;
	const char *replacement;	/* instance id; "" = none yet */
	const char *target;		/* pools asked for, best first */
	struct utc replica_until;
	int64_t version;
	double reaction_ms;		/* received to requested; JSON */
};
extern const struct schema spot_interruption_schema;
extern const struct query *const spot_interruption_queries[],
    *const spot_downtime_queries[];
extern const struct table spot_interruption_tables[];

struct spot_downtime {
	struct uuid interruption_id, tenant_id, account_id;
	const char *region, *instance_id;
	const char *cause;	/* emergency_switch no_replica
				 * optimizer_failure worker_crash */
	const char *detail;
	struct utc notice_at, requested_at, serving_at, drained_at;
	double gap_s;			/* nothing served so long */
	bool has_gap;
	struct utc closed_at;
};
extern const struct schema spot_downtime_schema;

/* What an account wants. */
struct spot_notice_policy {
	struct uuid account_id, tenant_id;
	const char *on_rebalance;	/* replica replace watch */
	const char *on_interruption;	/* replace watch */
	const char *instances;		/* authorized all */
	int64_t replica_ttl_s;
	const char *updated_by;
	struct utc updated_at;
};
extern const struct schema spot_notice_policy_schema;
extern const struct spot_notice_policy spot_notice_policy_default;

/* An instance that a notice names, as the inventory has it. */
struct spot_noticed {
	const char *instance_id, *az, *instance_type, *lifecycle, *state;
	const char *asg, *product, *arch, *auth_status;
	struct utc launched_at, last_seen;
	int64_t pool_id;
	const char *region, *vpc_id;
};

/* ---- pure ---------------------------------------------------------------- */

enum spot_answer {
	ANSWER_WATCH,			/* noted, nothing is done */
	ANSWER_REPLICA,			/* a standby in another pool */
	ANSWER_REPLACE,			/* launch, then drain */
	ANSWER_PROMOTE			/* the standby takes over */
};
/* What to do about a notice; i NULL = not in the inventory; open: the last
 * interruption of the instance, NULL = none, one with ended_at is closed. *why:
 * a sentence for ANSWER_WATCH. */
enum spot_answer spot_interruption_answer(const struct spot_notice_policy *,
    const struct spot_notice *, const struct spot_noticed *,
    const struct spot_interruption *open, struct utc now, const char **why);
/* Seconds in which nothing served: from the old one's end (drained, or its
 * deadline) to the new one's service; 0 when it served before. */
double spot_downtime_gap(const struct spot_downtime *);

/* ---- rows ---------------------------------------------------------------- */

enum { NOTICE_BATCH = 10 };
/* Up to ten instances of one account and region. */
int spot_noticed_get(struct db *, struct arena *, const struct spot_account *,
    const char *region, const char *const *ids, size_t n, struct rows *,
    struct err *);
/* Their interruptions that are open or were closed since, oldest first,
 * locked. */
int spot_interruption_known(struct db *, struct arena *,
    const struct spot_account *, const char *region, const char *const *ids,
    size_t n, struct utc since, struct rows *, struct err *);
/* Many in one statement. */
int spot_interruption_insert(struct db *, struct arena *,
    const struct spot_interruption *const *, size_t n, struct err *);
/* All but what it was made of; version grows. */
int spot_interruption_update(struct db *, const struct spot_interruption *,
    struct err *);
int spot_interruption_by_id(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, struct spot_interruption *, struct err *);
/* By its move, locked. 1 = the move is of no interruption. */
int spot_interruption_by_move(struct db *, struct arena *, struct uuid tenant,
    struct uuid move, struct spot_interruption *, struct err *);
struct spot_interruption_filter {
	struct uuid tenant, account;
	const char *kind, *state, *instance_id;	/* NULL = all */
	bool open;
	struct uuid below;		/* page: newest first */
	int64_t limit;
};
int spot_interruption_page(struct db *, struct arena *,
    const struct spot_interruption_filter *, struct rows *, struct err *);
/* Open ones whose time is over, and unknown ones to look at again, over all
 * tenants. */
int spot_interruption_due(struct db *, struct arena *, struct utc now,
    struct rows *, struct err *);
int spot_interruption_lock(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, struct spot_interruption *, struct err *);

/* fresh[i]: it was not there before. Many in a few statements; 409
 * "duplicate" when somebody remembers one of them at this instant: the
 * transaction again. */
int spot_notice_remember(struct db *, struct arena *, struct uuid tenant,
    struct uuid account, const char *what, const char *const *ids, size_t n,
    struct utc now, bool *fresh, struct err *);
/* State of an instance as of an instant; older news change nothing. gone:
 * also that it went away. */
int spot_noticed_state(struct db *, struct uuid tenant, struct uuid account,
    const char *region, const char *instance, const char *state, bool gone,
    struct utc at, struct err *);
struct spot_noticed_mark {
	const char *region, *instance_id, *signal;
};
int spot_noticed_signal(struct db *, struct arena *, struct uuid tenant,
    struct uuid account, const struct spot_noticed_mark *, size_t n,
    struct err *);
/* Zones in which machines of this network run, const char *: a subnet is
 * there. */
int spot_noticed_zones(struct db *, struct arena *,
    const struct spot_account *, const char *region, const char *vpc,
    struct list *, struct err *);
/* Spot machines of an account that run, for statuses and the simulation. */
int spot_noticed_running(struct db *, struct arena *, struct uuid tenant,
    struct uuid account, struct rows *, struct err *);

int spot_notice_policy_get(struct db *, struct arena *, struct uuid tenant,
    struct uuid account, struct spot_notice_policy *, struct err *);
int spot_notice_policy_put(struct db *, const struct spot_notice_policy *,
    struct err *);

int spot_downtime_put(struct db *, struct arena *,
    const struct spot_downtime *, size_t n, struct err *);
int spot_downtime_get(struct db *, struct arena *, struct uuid interruption,
    struct spot_downtime *, struct err *);
int spot_downtime_page(struct db *, struct arena *, struct uuid tenant,
    struct uuid account, struct uuid below, int64_t limit, struct rows *,
    struct err *);

struct spot_interruption_totals {
	int64_t open, day, month, rebalances, replaced, refused, failed;
	int64_t replicas;		/* standbys that wait now */
	double replaced_share;		/* of the month's that ended */
	double gap_s;			/* of the month */
	double reaction_ms;		/* mean of the month */
	struct utc last_at;
	struct list sources;		/* struct spot_source */
};
extern const struct schema spot_interruption_totals_schema;
int spot_interruption_totals(struct db *, struct arena *, struct uuid tenant,
    struct utc now, struct spot_interruption_totals *, struct err *);

/* ---- use-cases ----------------------------------------------------------- */

/* Takes notices of one proved source in one transaction of its own: dedup,
 * interruption, episode, signal, move, downtime, event, counts. What is not
 * of this account is dropped and counted. nonce: of a post, used once (401
 * "replayed" the second time); NULL = none. */
struct spot_intake {
	struct env *env;
	struct db *db;
	struct arena *a;		/* of this call */
	const struct spot_source *source;
	const struct spot_account *account;
	const char *how;		/* spot_interruption.source */
	const char *nonce;
	struct spot_pool_cache *market;	/* of the process; NULL = loads anew */
};
int spot_intake_take(const struct spot_intake *, struct spot_notice *,
    size_t n, struct utc now, struct spot_taken *, struct err *);
/* The same for texts as they came; what cannot be read is counted. */
struct spot_text {
	const char *p;
	size_t n;
};
int spot_intake_texts(const struct spot_intake *, const struct spot_text *,
    size_t n, struct utc now, struct spot_taken *, struct err *);

/* An open one whose instance was not in the inventory: answered if it is by
 * now. */
int spot_intake_again(struct env *, struct db *, struct arena *,
    const struct spot_interruption *, struct utc now, struct err *);
/* Upkeep over all tenants: looks again at unknown ones, closes those whose
 * time is over. */
int spot_interruption_tend(struct env *, struct db *, struct arena *,
    struct utc now, struct err *);

/* Said by the executor in the transaction that stores it; nothing when the
 * move is of no interruption. */
int spot_interruption_served(struct db *, struct arena *, struct uuid tenant,
    struct uuid move, const char *new_instance, struct utc at, struct err *);
int spot_interruption_drained(struct db *, struct arena *,
    struct uuid tenant, struct uuid move, struct utc at, struct err *);
int spot_interruption_ended(struct db *, struct arena *, struct uuid tenant,
    struct uuid move, bool good, const char *why, struct utc at,
    struct err *);

/* A warning for an instance of the simulated cloud, through the intake as if
 * the cloud had sent it. 409 for real accounts. Outside a transaction. */
int spot_interruption_rehearse(struct env *, struct arena *,
    struct uuid tenant, struct uuid account, const char *instance,
    const char *signal, struct utc now, struct spot_interruption *,
    struct err *);

/* ---- pools and the executor (interruption_move_ops.c) ---------------------- */

struct spot_standin {
	const struct env *env;
	const char *kind;		/* "replace" or "launch" (a standby) */
	const char *adopt;		/* standby that takes over, or NULL */
	const struct spot_account *account;
	const struct spot_interruption *x;
	const struct spot_noticed *i;
	const struct spot_candidates *pools;
	/* out */
	struct uuid decision, move;
	const char *refusal;		/* NULL: reserved */
};
struct spot_candidates {
	const char *text;		/* "us-east-1b:m5.large, …", at most 3 */
	size_t n;
	const void *ranked;		/* struct spot_ranked */
	const char *refused;		/* JSON array for the decision */
	struct utc oldest;
	const char *model;
	struct uuid model_id;
	struct dec on_demand;		/* an hour of the same; 0 = not known */
};
/* Pools of regions as they were a few seconds ago: hundreds of notices in a
 * second do not load them hundreds of times. Lives in the arena. */
struct spot_pool_cache;
struct spot_pool_cache *spot_pool_cache_new(struct arena *);
/* Best three other pools. Reads only. The answer is the cache's: good until it
 * is asked at a later instant. */
int spot_candidates_get(struct db *, struct spot_pool_cache *,
    const struct spot_account *, const char *region,
    const struct spot_noticed *, struct utc now,
    const struct spot_candidates **, struct err *);
/* Decides and reserves the urgent moves of one account and region, at most
 * ten, in the caller's transaction. */
int spot_standin_reserve(struct db *, struct arena *, struct spot_standin *,
    size_t n, struct utc now, struct event_pack *, struct err *);
/* A standby is given up: terminated, or its launch cancelled. */
int spot_standin_retire(const struct env *, struct db *, struct arena *,
    const struct spot_interruption *, struct err *);

extern const struct event spot_interruption_events[];
extern const struct metric spot_notices_total, spot_interruption_seconds;
extern const struct route spot_interruption_routes[];
extern const struct loop spot_interruption_loops[];
extern const struct command spot_interruption_commands[];

#endif
