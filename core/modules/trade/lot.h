/*
 * Lots: what was bought or sold short when, for how much, and what is gained
 * when it is closed. Pure and exact: parts of a cost are rounded once and the
 * rest stays with the lot, so that the parts always sum up to the whole.
 */
#ifndef TRADE_LOT_H
#define TRADE_LOT_H

#include "base/types.h"
#include "base/vec.h"

struct err;
struct schema;

enum trade_lot_method {
	LOTS_FIFO,			/* the oldest goes first */
	LOTS_AVERAGE			/* one lot a symbol at its mean cost; its
					 * time is that of the oldest unit */
};

/* A fill, or a change that no fill made, in order of time. */
struct trade_movement {
	const char *kind;		/* "fill" "split" "bonus" "merger"
					 * "transfer" "reconcile" */
	const char *symbol;
	int64_t instrument_id;
	struct dec quantity;		/* signed: what came on top */
	struct dec price, fee;
	struct utc at;
	struct uuid id;			/* of the fill; nil */
};
struct trade_lot {
	const char *symbol;
	struct utc opened_at;
	struct dec quantity;		/* below 0: sold short */
	struct dec cost;		/* paid with fees; short: got less fees */
	bool basis_known;		/* false: came by a transfer */
};
struct trade_gain {
	const char *symbol, *side;	/* "long" "short": what was closed */
	struct utc opened_at, closed_at;
	struct dec quantity, cost, proceeds, fees, gain;
	const char *term;		/* "long" "short": how long it was held */
	bool basis_known;
	struct uuid fill_id;
};
extern const struct schema trade_lot_schema, trade_gain_schema;

struct trade_lots {
	enum trade_lot_method method;
	int64_t long_days;		/* held longer: a long term */
	VEC(struct trade_lot) open;	/* in order of opening */
	VEC(struct trade_gain) gains;	/* in order of closing */
};
/* One movement more. -1: 422 "overflow". A split scales what is open and
 * leaves its cost; any other movement without a fill opens at cost 0 with
 * basis unknown, or closes without proceeds. */
int trade_lot_move(struct arena *, struct trade_lots *,
    const struct trade_movement *, struct err *);

#endif
