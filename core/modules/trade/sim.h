/*
 * An account that trades through recorded bars: orders, fills, open trades,
 * equity. IEEE doubles in a fixed order of operations.
 *
 * The fills of mode COMPAT are those of backtesting.py (0.6), so that its
 * equity and trades are reproduced bar for bar: orders of bar i fill from bar
 * i+1 on; market at the open, a stop at its price or a gap's open, a limit at
 * its price or better; a stop loss stands before a take profit. REALISTIC adds
 * slippage, a share of the volume, latency and orders that expire.
 */
#ifndef TRADE_SIM_H
#define TRADE_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/vec.h"
#include "modules/trade/indicator.h"

/* Which of stop loss and take profit came first in a bar that touched both. */
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
	double slippage;		/* part of the price, market and stop */
	double volume_share;		/* of a bar's volume that may be ours */
	double impact;			/* price moves by impact * share^2 */
	unsigned latency;		/* bars */
};

struct trade_sim_trade;

struct trade_sim_order {
	double size;			/* signed; below 1: part of equity */
	double limit, stop, sl, tp;	/* NaN = none */
	struct trade_sim_trade *trade;	/* the one it closes, or NULL */
	size_t from;			/* first bar it may fill in */
	size_t until;			/* last one */
};

struct trade_sim_trade {
	double size, entry, exit;
	size_t entry_bar, exit_bar;
	double commission;
	double sl, tp;			/* as they were at the end */
	struct trade_sim_order *stop, *take;
	const char *why;		/* "stop" "take" "signal" "end" "ruin" */
};

struct trade_sim {
	struct arena *a;
	struct trade_sim_terms t;
	const struct trade_ohlcv *bars;
	size_t n, i;			/* bars, the one that is now */
	double cash;
	double *equity;			/* per bar */
	VEC(struct trade_sim_order *) orders, looked;
	VEC(struct trade_sim_trade *) open, closed;
	bool ruined;
	uint64_t refused;		/* orders without the cash for them */
	uint64_t undecided;		/* bars that touched both */
	size_t undecided_at;
	double taken;			/* volume used in this bar */
};

/* Bars stay the caller's. */
void trade_sim_start(struct trade_sim *, struct arena *,
    const struct trade_sim_terms *, const struct trade_ohlcv *, size_t n);
/* Runs from bar `first`; next is called at each bar's close and may order.
 * finish: what is open at the end is closed at the last bar's open, as
 * backtesting.py does with finalize_trades. */
void trade_sim_run(struct trade_sim *, size_t first, bool finish,
    void (*next)(void *arg, struct trade_sim *), void *arg);

/* A new order: positive size buys. Terms without a price are NaN. 0, or -1
 * when its stop loss, price and take profit are not in order. */
int trade_sim_order(struct trade_sim *, struct trade_sim_order);
void trade_sim_close(struct trade_sim *, struct trade_sim_trade *);
void trade_sim_cancel_entries(struct trade_sim *);
/* Signed units held. */
double trade_sim_position(const struct trade_sim *);
double trade_sim_equity(const struct trade_sim *);
/* Profit of a closed trade after commissions, in cash and as a part of what
 * was put in. */
double trade_sim_profit(const struct trade_sim_trade *);
double trade_sim_return(const struct trade_sim_trade *);

#endif
