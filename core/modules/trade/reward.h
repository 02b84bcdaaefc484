/*
 * What came of acts: every fill of an arming's orders in order, the position
 * that the arming holds by them, the profit of what they closed, and the reward
 * that follows from it. The leaderboard is a sum over these rows.
 */
#ifndef TRADE_REWARD_H
#define TRADE_REWARD_H

#include "db/db.h"
#include "db/table.h"
#include "http/route.h"
#include "jobs/loop.h"
#include "modules/trade/arming.h"

struct trade_trip {
	struct uuid fill_id, tenant_id, arming_id;
	int64_t instrument_id, seq;
	const char *strategy, *symbol, *side;
	struct dec quantity, price, fee;
	struct dec held, avg_price, fees_held;	/* after it */
	struct dec pnl;			/* of what it closed, after fees */
	bool has_pnl;
	double reward;
	struct utc at;
};
struct trade_reward {
	struct uuid id, tenant_id;
	const char *model, *symbol;
	double reward;
	struct dec pnl;
	bool has_pnl;
	const char *reason;		/* filled_profit filled_loss submitted */
	struct uuid fill_id;
	struct utc created_at;
};
/* A row of the leaderboard. */
struct trade_standing {
	const char *strategy;
	int64_t trades, wins, losses;
	double win_rate, avg_win, avg_loss, expectancy, sd, sharpe_like;
	double score, pnl, reward;
};
extern const struct schema trade_trip_schema, trade_reward_schema,
    trade_standing_schema;
extern const struct query *const trade_reward_queries[];
extern const struct table trade_reward_tables[];
extern const struct route trade_reward_routes[];
extern const struct loop trade_reward_loops[];

/* ---- pure ------------------------------------------------------------------------- */

/* Profit over ATR times scale, or minus the loss times its multiplier, as the
 * original; without an ATR one percent of the price stands for it. */
struct trade_reward_terms {
	double scale, loss_multiplier;
};
double trade_reward_of(const struct trade_reward_terms *, double pnl,
    double atr, double price);
/* The next trip after `before` (NULL: none yet); fills in what follows from
 * the fill. -1 overflow. */
int trade_trip_next(const struct trade_trip *before, struct trade_trip *,
    struct err *);
/* win_rate … score from counts, sums and the population's deviation. */
void trade_standing_complete(struct trade_standing *);

/* ---- rows ------------------------------------------------------------------------ */

struct trade_trip_fill {
	struct uuid id;
	const char *side;
	struct dec quantity, price, fee;
	struct utc at;
	double atr;			/* when it was decided; NaN */
};
/* An act whose order is over, with all fills counted. */
struct trade_act_over {
	struct uuid id, decision_id;
	const char *state;
	struct dec filled, avg_price;
};
/* An entry that rests. */
struct trade_act_open {
	struct uuid order_id;
	struct utc bar_at;
	const char *type;
};
int trade_trip_last(struct db *, struct arena *, const struct trade_arming *,
    int64_t instrument, struct trade_trip *, struct err *);
int trade_trip_new_fills(struct db *, struct arena *,
    const struct trade_arming *, int64_t instrument, struct rows *,
    struct err *);
int trade_trip_insert(struct db *, const struct trade_trip *, struct err *);
int trade_trip_page(struct db *, struct arena *, struct uuid tenant,
    struct uuid arming, struct utc before, int64_t limit, struct rows *,
    struct err *);
int trade_reward_insert(struct db *, const struct trade_reward *,
    struct err *);
int trade_reward_mean(struct db *, struct arena *, struct uuid tenant,
    const char *model, const char *symbol, double *mean, struct err *);
/* By model and symbol, best mean first. */
int trade_reward_board(struct db *, struct arena *, struct uuid tenant,
    struct utc since, int64_t limit, struct rows *, struct err *);
int trade_standing_all(struct db *, struct arena *, struct uuid tenant,
    struct utc since, int64_t limit, struct rows *, struct err *);
int trade_act_unsettled(struct db *, struct arena *,
    const struct trade_arming *, int64_t instrument, int64_t *n,
    struct err *);
int trade_act_overs(struct db *, struct arena *, const struct trade_arming *,
    int64_t instrument, struct rows *, struct err *);
int trade_act_opens(struct db *, struct arena *, const struct trade_arming *,
    int64_t instrument, struct rows *, struct err *);
int trade_act_settle(struct db *, struct uuid act, struct err *);
/* Where there are acts that are not settled. */
struct trade_unsettled {
	struct uuid tenant_id, arming_id;
	int64_t instrument_id;
};
int trade_act_unsettled_all(struct db *, struct arena *, int64_t limit,
    struct rows *, struct err *);

/* ---- use-cases -------------------------------------------------------------------- */

struct trade_stand {
	struct dec held, avg_price;	/* of the arming, signed */
	struct rows waiting;		/* struct trade_act_open */
};
/* Counts new fills, settles acts that are over (their decisions are closed),
 * and says what the arming holds, at most what the session holds. Inside a
 * transaction; takes the session's row when there is something to count. */
int trade_trip_sync(struct db *, struct arena *, const struct trade_arming *,
    int64_t instrument, const struct trade_reward_terms *, struct utc now,
    struct trade_stand *, struct err *);

#endif
