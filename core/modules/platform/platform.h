/*
 * The platform, as other modules may use it: components, and the organs of
 * the loop (decision, approval, stop switch, model).
 */
#ifndef PLATFORM_PLATFORM_H
#define PLATFORM_PLATFORM_H

#include <stdbool.h>

#include "base/types.h"
#include "module.h"
#include "modules/platform/terminal.h"	/* for other modules' commands */

struct arena;
struct bulkhead;
struct ctx;
struct db;
struct env;
struct err;
struct rows;
struct principal;

extern const struct module platform_module;
/* Claims of external workers that may wait at once; app lists it in the
 * segment. */
extern const struct bulkhead platform_work_bulkhead;

/* True unless an operator stopped or paused the component (or one it needs).
 * Reads the desired state from the database; on error true is not assumed:
 * -1, 0 inactive, 1 active. */
int platform_component_active(struct db *, const char *name, struct err *);

/* ---- who we are ------------------------------------------------------------------ */

/* For whatever outlives the database, as tags of cloud instances: id and
 * epoch together. A restored installation has a new epoch, so what it made
 * after the backup is not its own any more, and until a person has confirmed
 * the restore (platform_installation_waits) nothing outside is ended. */
struct platform_installation {
	struct uuid id;
	int64_t epoch;			/* 1, and one more by each restore */
	struct utc created_at, restored_at, confirmed_at;
	const char *confirmed_by;
};
/* 0, or -1; 500 when the migration has not run. */
int platform_installation(struct db *, struct arena *,
    struct platform_installation *, struct err *);
static inline bool
platform_installation_waits(const struct platform_installation *in)
{
	return in->restored_at.us != 0 && in->confirmed_at.us == 0;
}

/* ---- events ------------------------------------------------------------------- */

/* Requests that wait for events on this host; app lists it in the segment. */
extern const struct bulkhead platform_event_bulkhead;
/* Sets X-Stream-Position (epoch:number) of the caller's tenant. Called before
 * a list is read: whoever then follows from there misses nothing. */
void platform_stream_position(struct ctx *);

/* Work of the cron program quincunx-sweep: one sweep, one line of log. */
int platform_sweep_run(struct env *, int argc, char **argv, struct err *);

/* ---- decisions: what was decided, from what, and what came of it ---------- */

struct platform_decision_new {
	struct uuid id;			/* nil: a new one, written back */
	struct uuid tenant;
	const char *module, *kind;	/* "spot", "move" */
	const char *subject, *subject_id;	/* "instance", its id */
	const char *chosen;		/* "SWITCH to m5.large us-east-1b" */
	const char *reason;		/* a sentence */
	struct json refused;		/* [{alternative, reason, …}] */
	struct json inputs;		/* {name: {value, at}} */
	struct utc oldest;		/* age of the oldest input */
	struct json expected;		/* {saving_per_hour, risk, …} */
	struct uuid model_id;
	const char *model;		/* "spot.risk v7" */
	const char *by;			/* person or program */
};
/* Inside the caller's transaction; publishes decision.made. */
int platform_decide(struct db *, struct platform_decision_new *, struct err *);
/* Many at once, the events into the pack. */
struct event_pack;
int platform_decide_many(struct db *, struct arena *,
    struct platform_decision_new *, size_t n, struct event_pack *,
    struct err *);
/* What came of it, later: outcome is a word ("succeeded", "failed",
 * "rejected", "withdrawn", "superseded"). Publishes decision.closed. */
int platform_decision_close(struct db *, struct uuid tenant, struct uuid id,
    const char *outcome, struct json doc, struct err *);

/* ---- approvals: another person says yes to exactly this plan -------------- */

enum platform_risk { RISK_LOW, RISK_MEDIUM, RISK_HIGH, RISK_CRITICAL };
struct platform_approval_new {
	struct uuid id;			/* nil: a new one, written back */
	struct uuid tenant;
	const char *module, *kind;	/* "spot", "move" */
	const char *title;		/* what a person reads in the inbox */
	const char *subject, *subject_id;
	struct uuid decision;
	enum platform_risk risk;
	struct json plan;		/* its digest is what is approved */
	const struct principal *author;	/* may never approve it */
	const char *author_name;	/* a program, when author is NULL */
	int64_t valid_s;		/* 0: a day */
};
int platform_approval_ask(struct db *, struct arena *,
    struct platform_approval_new *, struct err *);
/* In the transaction that starts the act: consumes the approval. -1 with 409
 * "plan_changed" when the plan is not the one that was approved, 409
 * "not_approved" when it is pending, rejected, expired or used up. */
int platform_approval_use(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, struct json plan, struct err *);
/* A person's yes or no to exactly this plan, from the page of the thing
 * itself; errors as in the inbox (403 "own_plan", "too_risky"; 409
 * "not_pending", "expired", "plan_changed"). */
int platform_approval_answer(struct db *, struct arena *,
    const struct principal *, struct uuid id, struct json plan, bool yes,
    const char *comment, struct utc now, struct err *);
/* "pending" "approved" "rejected" "expired" "withdrawn" "executed"; 404. */
int platform_approval_state(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, const char **state, struct err *);
/* The plan is moot (replaced, target gone). No error when it is decided. */
int platform_approval_withdraw(struct db *, struct uuid tenant,
    struct uuid id, const char *why, struct err *);

/* ---- stop switch ------------------------------------------------------------ */

struct platform_scope {
	const char *module;		/* "spot" */
	struct uuid tenant;
	const char *account;		/* id text, or NULL */
	const char *session;		/* a broker's session, or NULL */
};
/* Asked in the transaction that reserves an outward act (locks the rows it
 * read, so that a stop committed later waits for it and an earlier one is
 * seen) and, outside a transaction, again right before sending. 0 = go on;
 * -1 = stopped: 409 "stopped" says who and why; unreadable is stopped too
 * (503). */
int platform_switch_ask(struct db *, struct arena *,
    const struct platform_scope *, struct err *);
/* The same in two steps, for who asks more than this at once: the rows that
 * cover the scope, asked only (db_ask); and what they say. */
int platform_switch_look(struct db *, struct arena *,
    const struct platform_scope *, struct rows *, struct err *);
int platform_switch_says(const struct rows *, struct err *);

/* ---- models ------------------------------------------------------------------ */

struct platform_model_new {
	struct uuid id;			/* nil: a new one, written back */
	struct uuid tenant;		/* nil: the installation's */
	const char *module, *name;	/* "spot", "risk" */
	const char *format;		/* "quincunx.hazard.1", "xgboost.json" … */
	struct json metrics;		/* {"brier":…, "auc":…} on held-out data */
	struct json about;		/* parameters, counts, notes */
	struct blob content, data_hash;
	struct utc trained, from, to;
	const char *by;
};
/* A candidate with the next version number. */
int platform_model_add(struct db *, struct arena *,
    struct platform_model_new *, int64_t *version, struct err *);
struct platform_model_live {
	struct uuid id;
	int64_t version;
	const char *format;
	struct json metrics;
	struct blob content;
	struct utc trained;
};
/* 0 found, 1 none is live. */
int platform_model_live(struct db *, struct arena *, struct uuid tenant,
    const char *module, const char *name, struct platform_model_live *,
    struct err *);
/* Candidate → live; the one that was live is retired in the same
 * transaction. Publishes model.promoted. */
int platform_model_promote(struct db *, struct uuid tenant, struct uuid id,
    const char *by, struct err *);

/* Where Redis is (redis.url); "" = none is configured. */
struct conf;
const char *platform_redis_at(const struct conf *);

#endif
