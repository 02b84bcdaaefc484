/*
 * Orders. The pure part: which state follows which event, what a fill does to
 * a position, when an order fills on a quote. All amounts are exact decimals;
 * a product is rounded once, half to even. The checks are in risk.h.
 */
#ifndef TRADE_ORDER_H
#define TRADE_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "modules/trade/risk.h"

struct err;

enum trade_order_state {
	ORDER_DENIED, ORDER_SUBMITTING, ORDER_REJECTED, ORDER_UNKNOWN,
	ORDER_ACCEPTED, ORDER_TRIGGERED, ORDER_PARTIAL, ORDER_FILLED,
	ORDER_PENDING_REPLACE, ORDER_PENDING_CANCEL, ORDER_CANCELLED,
	ORDER_EXPIRED, ORDER_STATES
};
extern const char *const trade_order_states[];	/* names, NULL at the end */
enum trade_order_happening {
	HAPPENS_ACCEPT, HAPPENS_REJECT, HAPPENS_TRIGGER, HAPPENS_FILL,
	HAPPENS_LAST_FILL, HAPPENS_ASK_REPLACE, HAPPENS_REPLACED,
	HAPPENS_REPLACE_REFUSED, HAPPENS_ASK_CANCEL, HAPPENS_CANCEL,
	HAPPENS_CANCEL_REFUSED, HAPPENS_EXPIRE, HAPPENS_LOST, HAPPENINGS
};
/* The next state; -1: that cannot happen in this one. partly: something is
 * filled; triggered: its stop was reached. Both say where an order goes back
 * to when a change of it is over, and that the rest of a partly filled order
 * cannot be rejected any more, only cancelled. */
int trade_order_next(enum trade_order_state, enum trade_order_happening,
    bool partly, bool triggered);
/* It may still fill: it counts in every check. */
bool trade_order_is_open(enum trade_order_state);
/* -1 unknown. */
int trade_order_state_parse(const char *);
/* sum(price * quantity) / sum(quantity), exact, rounded once, half to even;
 * -1: the quantities do not fit together. n > 0, quantities above 0. */
struct trade_part {
	struct dec quantity, price;
};
int trade_order_mean(const struct trade_part *, size_t n, struct dec *out);

/* ---- trailing stops ------------------------------------------------------------- */

struct trade_trail {
	bool buy;
	struct dec amount;		/* distance, or */
	int64_t ppm;			/* parts per million of the mark */
	struct dec mark;		/* best price since it was placed */
	struct dec stop;		/* mark -/+ distance, on a tick */
};
/* A price was heard. True when it is better than the mark by a tick or more
 * (or the first): mark and stop are then the new ones. */
bool trade_trail_move(struct trade_trail *, struct dec price, struct dec tick);

/* ---- positions --------------------------------------------------------------- */

struct trade_holding {
	struct dec quantity;		/* signed */
	struct dec avg_price, realized, fees;
};
/* A fill: q > 0 buys. Same direction: the mean price moves; against it: the
 * closed part is realized; beyond zero the rest opens at the fill's price.
 * -1 overflow (422), nothing changed. */
int trade_holding_fill(struct trade_holding *, struct dec q, struct dec price,
    struct dec fee, struct err *);

#endif
