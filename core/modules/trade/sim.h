/*
 * An account that trades through recorded bars: orders, fills, open trades,
 * equity. IEEE doubles in a fixed order of operations.
 *
 * The fills of mode COMPAT are those of backtesting.py (0.6), so that its
 * equity and trades are reproduced bar for bar: orders of bar i fill from bar
 * i+1 on; market at the open, a stop at its price or a gap's open, a limit at
 * its price or better; a stop loss stands before a take profit. REALISTIC adds
 * slippage, a share of the volume, latency, and what holding costs.
 *
 * Several symbols are lanes of one account: one cash, one margin. At every
 * instant, in the order in which the lanes are listed: first the orders of
 * each lane that has a bar then fill, next the equity is taken at the last
 * known closes, last the rules of those lanes speak.
 */
#ifndef TRADE_SIM_H
#define TRADE_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/types.h"
#include "base/vec.h"
#include "modules/trade/indicator.h"

/* Which of two events came first in a bar that had both: stop loss and take
 * profit, or a high that pulls a trailing stop up and the low that meets it. */
enum trade_reading { READ_PESSIMISTIC, READ_PATH, READ_OPTIMISTIC, READINGS };
extern const char *const trade_reading_names[];

struct trade_sim_terms {
	double cash;
	double spread;			/* half, as a part of the price */
	double commission;		/* part of the value, at entry and exit */
	double commission_fixed;	/* per order, at entry and exit */
	double margin;			/* 1 = no leverage, 0.1 = ten times */
	bool on_close;			/* market orders fill at this close */
	bool exclusive;			/* an order closes what is open */
	enum trade_reading reading;
	/* realistic; all 0 = compat */
	bool strict;			/* what waits at the end never fills:
					 * backtesting.py fills it at the last
					 * bar's open, before it was ordered */
	double slippage;		/* part of the price, market and stop */
	double volume_share;		/* of a bar's volume that may be ours */
	double impact;			/* price moves by impact * share^2 */
	unsigned latency;		/* bars */
	double borrow;			/* part a year of what is sold short */
	double funding;			/* part a day that longs pay to shorts */
};

struct trade_sim_trade;

struct trade_sim_order {
	double size;			/* signed; below 1: part of equity */
	double limit, stop, sl, tp;	/* NaN = none */
	double sl_part, tp_part;	/* > 0: from the price paid, as a part */
	double trail;			/* distance of a trailing stop as a part
					 * of the best price; 0 = none */
	double trail_from;		/* profit as a part from which it trails */
	size_t hold;			/* bars until it is closed; 0 = none */
	struct trade_sim_trade *trade;	/* the one it closes, or NULL */
	size_t from;			/* first bar it may fill in */
	size_t until;			/* last one */
	bool whole;			/* fill or kill: all of it or nothing */
	struct trade_sim_order *spare;	/* the next one to be used again */
	const char *why;		/* of a close: "signal", "time" */
};

struct trade_sim_trade {
	double size, entry, exit;
	size_t entry_bar, exit_bar;	/* of its lane */
	double commission;
	double carry;			/* paid for holding it */
	double sl, tp;			/* as they were at the end */
	double trail, trail_from, best;	/* best: highest or lowest price seen */
	size_t due;			/* bar at whose close time is up */
	size_t moved;			/* bar within which its stop moved */
	struct trade_sim_order *stop, *take;
	const char *why;		/* "stop" "take" "trail" "time" "signal"
					 * "end" "ruin" */
	bool closed;
	unsigned lane;
};

/* One symbol. What stands before `orders` is the caller's. */
struct trade_sim_lane {
	const struct utc *at;
	const struct trade_ohlcv *bars;
	const struct trade_columns *columns;	/* of the bars; NULL only where
						 * there are several lanes */
	size_t n, first;		/* first bar that may be traded */
	const uint8_t *said;		/* per bar: bit r = rule r is true; the
					 * rules are asked only where one is */
	const double *o, *h, *l, *c;	/* prices: of bar i at i * step */
	size_t step;
	VEC(struct trade_sim_order *) orders, looked;
	VEC(struct trade_sim_trade *) open;
	struct trade_sim_order *dead, *spare;	/* of this bar, of earlier ones */
	size_t i, next;			/* the bar that is now, the one to come */
	double taken;			/* volume used in this bar */
	size_t undecided_at;
	unsigned id;
};

struct trade_sim {
	struct arena *a;
	struct trade_sim_terms t;
	struct trade_sim_lane *lanes;
	size_t nlanes;
	double cash;
	double *equity;			/* per bar, or per instant */
	const struct utc *at;		/* of the equity */
	size_t n;
	VEC(struct trade_sim_trade *) closed;
	bool ruined;
	uint64_t refused;		/* orders without the cash for them */
	uint64_t undecided;		/* bars that had both */
};

/* Lanes and their bars stay the caller's. at: all instants at which a lane
 * has a bar, in order; with one lane, its own. */
void trade_sim_start(struct trade_sim *, struct arena *,
    const struct trade_sim_terms *, struct trade_sim_lane *, size_t nlanes,
    const struct utc *at, size_t n);
/* next is called at the close of a bar of whose rules one is true, and may
 * order. finish: what is open at the end is closed at the last bar's open, as
 * backtesting.py does with finalize_trades. */
void trade_sim_run(struct trade_sim *, bool finish,
    void (*next)(void *arg, struct trade_sim *, struct trade_sim_lane *),
    void *arg);

/* A new order: positive size buys. Terms without a price are NaN. 0, or -1
 * when its stop loss, price and take profit are not in order. */
int trade_sim_order(struct trade_sim *, struct trade_sim_lane *,
    struct trade_sim_order);
void trade_sim_close(struct trade_sim *, struct trade_sim_lane *,
    struct trade_sim_trade *, const char *why);
/* The close of the bar that is now. */
static inline double
trade_sim_price(const struct trade_sim_lane *k)
{
	return k->c[k->i * k->step];
}
/* Signed units held. */
double trade_sim_position(const struct trade_sim_lane *);
double trade_sim_equity(const struct trade_sim *);
/* Profit of a closed trade after all costs, in cash and as a part of what was
 * put in. */
double trade_sim_profit(const struct trade_sim_trade *);
double trade_sim_return(const struct trade_sim_trade *);

#endif
