/*
 * Armings: a strategy, or what signals say, put to work on some instruments
 * for a session. Paper is armed at once; live takes a fresh password, another
 * person's yes to exactly this plan, and ends a day later. What was done about
 * a signal is an act: one per arming, signal and leg, whatever crashes.
 */
#ifndef TRADE_ARMING_H
#define TRADE_ARMING_H

#include "db/db.h"
#include "db/table.h"
#include "events/event.h"
#include "http/route.h"
#include "modules/trade/decide.h"
#include "modules/trade/signal.h"

struct principal;

enum { TRADE_ARMED_SYMBOLS = 50 };

struct trade_arming {
	struct uuid id, tenant_id, user_id, session_id;
	const char *mode;		/* paper live */
	const char *name;
	struct uuid strategy_id;	/* nil: it only follows signals */
	struct json spec;		/* as it was armed; "{}" without one */
	struct blob spec_digest;
	struct json params;		/* values of the strategy's parameters */
	const char *timeframe;
	struct json symbols;
	const char *exchange;
	const char *follow;		/* sources with commas between, "*" */
	double min_score;
	const char *sizing;		/* strategy units value risk */
	double size, risk_pct;
	int64_t cooldown_s;
	const char *state;		/* disarmed waiting armed paused */
	const char *detail;
	struct uuid approval_id;
	struct utc armed_at, armed_until, acted_at;
	const char *made_by;
	int64_t version;
	struct utc created_at, updated_at;
};
struct trade_act {
	struct uuid id, tenant_id, arming_id, signal_id;
	const char *leg;		/* leave enter */
	int64_t instrument_id;
	const char *symbol, *side;
	struct dec quantity, price;
	double atr;
	const char *outcome;		/* ordered refused held */
	const char *code, *reason;
	struct uuid order_id, decision_id;
	bool settled;
	struct utc bar_at, created_at;
};
extern const struct schema trade_arming_schema, trade_act_schema;
extern const struct query *const trade_arming_queries[];
extern const struct table trade_arming_tables[];
extern const struct event trade_arming_events[];
extern const struct route trade_arming_routes[];

/* ---- rows ------------------------------------------------------------------------ */

int trade_arming_page(struct db *, struct arena *, struct uuid tenant,
    struct uuid below, int64_t limit, struct rows *, struct err *);
int trade_arming_find(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, bool lock, struct trade_arming *, struct err *);
/* Armed ones at work on an instrument, of people who may still log in: those
 * of a timeframe, or ("") all that follow signals. */
int trade_arming_at_work(struct db *, struct arena *, int64_t instrument,
    const char *timeframe, struct rows *, struct err *);
/* Instruments that armed ones are at work on, ascending; TRADE_NUMBERS at
 * most. */
struct trade_at_work {
	int64_t id;
	bool follows;			/* one follows signals */
};
int trade_arming_all(struct db *, struct arena *, struct rows *,
    struct err *);
int trade_arming_insert(struct db *, const struct trade_arming *,
    struct err *);
/* state, detail, approval, times; counts the version up. */
int trade_arming_update(struct db *, struct trade_arming *, struct err *);
/* Only that it acted; no new version. */
int trade_arming_acted(struct db *, const struct trade_arming *, struct utc,
    struct err *);
int trade_arming_delete(struct db *, struct uuid tenant, struct uuid id,
    struct err *);
int trade_arming_on(struct db *, const struct trade_arming *,
    int64_t instrument, struct err *);

int trade_act_page(struct db *, struct arena *, struct uuid tenant,
    struct uuid arming, struct uuid below, int64_t limit, struct rows *,
    struct err *);
/* 1: this leg of this signal was acted on before. */
int trade_act_claim(struct db *, const struct trade_act *, struct err *);
int trade_act_update(struct db *, const struct trade_act *, struct err *);

/* ---- use-cases -------------------------------------------------------------------- */

/* Reads spec and parameters. 422. */
int trade_arming_strategy(struct arena *, const struct trade_arming *,
    struct trade_strategy *, double values[TRADE_PARAMS_MAX], struct err *);
struct trade_sizing trade_arming_sizing(const struct trade_arming *);
/* True when it follows a signal of this source and score. */
bool trade_arming_follows(const struct trade_arming *,
    const struct trade_signal *);

/* Inside a transaction. Fills in ids, spec, session, state; the caller gave
 * the rest. arm: at once, if it is paper. symbols: list of const char *. */
struct trade_arming_new {
	struct trade_arming *arming;
	struct list symbols;
	struct uuid session;		/* nil: the caller's paper session */
	bool arm;
};
int trade_arming_make(struct db *, struct arena *, const struct principal *,
    const struct trade_arming_new *, struct utc now, struct err *);
/* paper: armed. live: the first call asks for an approval (state waiting), the
 * one after the yes uses it. 403 for another's; 409 "not_approved",
 * "plan_changed", "step_up" (a live one where !live). */
int trade_arming_arm(struct db *, struct arena *, const struct principal *,
    struct uuid id, bool live, struct utc now, struct trade_arming *,
    struct err *);
/* "paused" or "disarmed", by a person or by the engine itself. */
int trade_arming_stop(struct db *, struct arena *, struct trade_arming *,
    const char *state, const char *detail, struct utc now, struct err *);

#endif
