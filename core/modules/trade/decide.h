/*
 * What the rules' verdict on a closed bar asks for, given what is held: one
 * answer for recorded and live bars. Pure.
 */
#ifndef TRADE_DECIDE_H
#define TRADE_DECIDE_H

#include <stdbool.h>

#include "modules/trade/strategy.h"

struct err;

struct trade_moves {
	bool leave;			/* what is held is closed */
	int enter;			/* 1 long, -1 short, 0 nothing */
};
/* held: signed units of this strategy; waits: an entry of it rests. An entry
 * against what is held closes that first. When both entries are said, the
 * later one (short) wins, as in a backtest in which orders close each other. */
struct trade_moves trade_moves_of(const struct trade_verdict *, double held,
    bool waits);

/* 422 "live" for what only a backtest follows: trailing stops, closing after a
 * number of bars, entries that wait by another rule than the usual, exits
 * measured from the price paid. */
int trade_strategy_live(const struct trade_strategy *, struct err *);

/* Prices of an entry at this close; NaN = none. False: an exit or a limit asks
 * for an ATR that is not known yet. */
struct trade_exits {
	double limit, sl, tp;
};
bool trade_entry_of(const struct trade_strategy *, double close, double atr,
    int side, struct trade_exits *);

/* Units to enter, not rounded to lots. price: what a unit costs about. */
struct trade_sizing {
	enum { SIZING_STRATEGY, SIZING_UNITS, SIZING_VALUE, SIZING_RISK } kind;
	double size;			/* units, or worth */
	double risk_pct;		/* of equity, lost at the stop */
};
double trade_size_of(const struct trade_strategy *,
    const struct trade_sizing *, double equity, double free_cash,
    double price, double atr, const struct trade_exits *);

#endif
