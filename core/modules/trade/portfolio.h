/*
 * What an account holds, gained, risks and owes in tax. All of it is computed
 * from fills and ledger entries when it is asked, by lots (lot.h); only the
 * worth of each day is kept, for the equity curve.
 */
#ifndef TRADE_PORTFOLIO_H
#define TRADE_PORTFOLIO_H

#include "conf/conf.h"
#include "db/db.h"
#include "db/table.h"
#include "http/route.h"
#include "jobs/loop.h"
#include "modules/trade/lot.h"
#include "modules/trade/session.h"

struct trade_portfolio_conf {
	double tax_short, tax_long;	/* percent of a gain */
	int64_t long_days;
	const char *lots;		/* "fifo" "average" */
};
extern const struct settings trade_portfolio_settings;

/* ---- rows --------------------------------------------------------------------- */

struct trade_equity {
	struct uuid session_id;
	struct utc day;
	struct uuid tenant_id;
	struct dec equity, cash, realized, unrealized, fees, deposits;
	struct utc at;
};
struct trade_log_row {
	struct utc at;
	const char *symbol, *action;
	struct dec quantity, price, value, fee;
	const char *order_id, *origin;
};
extern const struct schema trade_equity_schema, trade_log_row_schema;
extern const struct query *const trade_portfolio_queries[];
extern const struct table trade_portfolio_tables[];
extern const struct route trade_portfolio_routes[], trade_compat_routes[];
extern const struct loop trade_portfolio_loops[];

enum { TRADE_MOVEMENTS_MAX = 200000, TRADE_LOG_MAX = 100000 };

/* fn sees each fill and entry of a session, oldest first, under the symbol its
 * instrument has now; at most TRADE_MOVEMENTS_MAX. */
int trade_movement_each(struct db *, struct arena *, struct uuid session,
    int (*fn)(void *arg, const void *movement, struct err *), void *arg,
    struct err *);
int trade_log_each(struct db *, struct arena *, struct uuid session,
    struct utc from, struct utc to, int (*fn)(void *arg, const void *row,
    struct err *), void *arg, struct err *);
int trade_equity_put(struct db *, const struct trade_equity *, struct err *);
/* Oldest first, at most 5,000. */
int trade_equity_all(struct db *, struct arena *, struct uuid session,
    struct utc from, struct utc to, struct rows *, struct err *);
/* Living sessions without a row of this day newer than `before`. */
int trade_equity_due(struct db *, struct arena *, struct utc day,
    struct utc before, struct rows *, struct err *);
/* Sums of the cash ledger by kind, of one year or all (0). */
struct trade_cash_sum {
	const char *kind;
	struct dec amount;
};
int trade_cash_sums(struct db *, struct arena *, struct uuid session,
    struct utc from, struct utc to, struct rows *, struct err *);

/* ---- what is computed ------------------------------------------------------------ */

struct trade_portfolio_holding {
	const char *symbol;
	struct dec shares, entry_price, current_price, value, cost, pnl,
	    realized, fees;
	double weight;			/* of the gross value */
	struct utc last_updated;
	bool priced;			/* false: no quote, valued at entry */
};
struct trade_portfolio {
	struct uuid session_id;
	const char *broker, *mode, *currency, *method;
	struct dec cash, equity, total_value, cost_basis, unrealized_gain,
	    realized_gain, fees;
	struct list holdings;
	struct utc at;
};
extern const struct schema trade_portfolio_schema;
/* Pure: positions with lots. */
int trade_portfolio_make(struct arena *, const struct trade_session *,
    const struct rows *positions, const struct trade_lots *,
    struct trade_portfolio *, struct err *);

struct trade_portfolio_risk {
	double gross_exposure, net_exposure, largest_weight;
	double diversification;		/* 1 - sum of squared weights */
	double mean_return, stddev_return;	/* over positions, population */
	int64_t positions, days;
	double day_mean, day_stddev, sharpe, max_drawdown;	/* by day; NaN
								 * = null */
};
extern const struct schema trade_portfolio_risk_schema;
void trade_portfolio_risk_of(const struct trade_portfolio *,
    const struct rows *equity, struct trade_portfolio_risk *);

struct trade_tax_year {
	int64_t year, gains;
	struct dec short_gain, long_gain, net, taxable_short, taxable_long,
	    dividends, withheld, tax;
	double short_rate, long_rate;
	int64_t unknown_basis;
};
extern const struct schema trade_tax_year_schema;
/* By the year (UTC) of closing, oldest first; losses of one term lessen the
 * other's gains, a year's loss is no tax and is not carried on. */
int trade_tax_of(struct arena *, const struct trade_lots *,
    const struct trade_portfolio_conf *, struct rows *, struct err *);

/* ---- use-cases -------------------------------------------------------------------- */

int trade_lots_of(struct db *, struct arena *, struct uuid session,
    const struct trade_portfolio_conf *, const char *method,
    struct trade_lots *, struct err *);
int trade_portfolio_of(struct db *, struct arena *,
    const struct trade_portfolio_conf *, struct trade_session *,
    const char *method, struct utc now, struct trade_portfolio *,
    struct trade_lots *, struct err *);
/* Writes today's row of sessions that are due; *n of them. */
int trade_equity_turn(struct db *, struct arena *, struct utc now,
    int64_t *n, struct err *);

#endif
