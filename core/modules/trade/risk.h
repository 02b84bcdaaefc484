/*
 * Pre-trade checks, pure: which rules refuse an order, in which order they are
 * asked, what an order may cost at worst. They cover what SEC rule 15c3-5 asks
 * for in advance: credit and capital limits, erroneous size or price,
 * duplicates, restricted names, and the operator's own switch.
 *
 * Margin: a purchase is paid in full. A short is held at its worth times
 * 1 + short_margin: the proceeds of the sale stay with the account and so much
 * more of its own cash is bound. The worth follows the last price.
 */
#ifndef TRADE_RISK_H
#define TRADE_RISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"

struct arena;
struct err;

struct trade_limits {
	struct dec max_quantity, max_notional, max_position, max_open_notional;
	int64_t max_open_orders, per_second, per_minute;
	double collar_limit, collar_stop;	/* parts of the reference */
	double max_share;			/* of equity in one symbol */
	double daily_loss;			/* part of the day's equity */
	double short_margin;			/* part of a short's worth */
	int64_t quote_age_s;
	int64_t stale_ms;		/* silence of a feed that is too long */
};

struct trade_risk_in {
	struct trade_limits limits;
	const char *session_state;	/* active reducing halted closed */
	bool restricted;
	bool untradable, closed, stale;	/* the market says; closed: and the
					 * order cannot wait until it opens */
	/* the order */
	bool buy, market, stop, reduce_only;
	struct dec quantity, limit_price, stop_price, tick, lot;
	struct dec min_quantity, max_quantity;	/* of the instrument; 0 none */
	/* what is known */
	struct dec reference;		/* last price; 0 = none */
	int64_t reference_age_s;
	struct dec cash, reserved, equity, day_equity;
	struct dec short_worth;		/* of all shorts at last prices */
	struct dec position;		/* signed, of this symbol */
	struct dec open_quantity;	/* of open orders on the same side that
					 * are not reduce_only */
	struct dec open_notional;	/* of all open orders */
	int64_t open_orders, last_second, last_minute;
	bool duplicate;			/* the same within 500 ms */
	bool crosses_own;		/* an own resting order would match */
	double fee;			/* part of the value */
};
/* 0, or -1 with 422 and the first rule that refuses: halted, reducing,
 * reduce_only, restricted, untradable, market_closed, lot, tick, max_quantity,
 * no_quote, stale_quote, price, collar, overflow, duplicate, rate, max_notional,
 * open_orders, open_notional, self_trade, position, cash, daily_loss,
 * concentration. *reserve: cash to hold for it. */
int trade_risk_check(const struct trade_risk_in *, struct dec *reserve,
    struct err *);

/* More than a day may lose is lost since it began. */
bool trade_risk_lost(const struct trade_limits *, struct dec equity,
    struct dec day_equity);

/* Every rule's own verdict, in the same order. */
struct trade_ruling {
	const char *rule;
	bool passed;
	const char *detail;		/* why not; "" */
};
extern const struct schema trade_ruling_schema;
enum { TRADE_RULES = 24 };
void trade_risk_rulings(const struct trade_risk_in *, struct arena *,
    struct trade_ruling out[TRADE_RULES], struct dec *reserve,
    struct dec *fee);

/* ---- narrower limits ---------------------------------------------------------- */

/* Names of limits as settings, routes and rows write them; NULL at the end. */
extern const char *const trade_limit_names[];
/* The limit in the unit of its setting; -1 unknown name. */
int trade_limit_get(const struct trade_limits *, const char *name,
    struct dec *);
/* Makes it narrower: the smaller of the two holds, 0 of a setting is no
 * limit. 422 "ceiling" when the value is wider than what holds now. */
int trade_limit_narrow(struct trade_limits *, const char *name, struct dec,
    struct err *);

#endif
