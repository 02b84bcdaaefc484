/*
 * Shared by the files of the reconciler: one look at a session.
 */
#ifndef TRADE_RECONCILE_INNER_H
#define TRADE_RECONCILE_INNER_H

#include "modules/trade/link.h"
#include "modules/trade/reconcile.h"

struct trade_look {
	struct trade_turn *t;
	struct trade_link *l;
	const char *cause;
	bool compare;			/* positions too, and the books */
	int pass;
	struct trade_access way;
	struct utc from;		/* what changed after it is newer than
					 * the broker's answers */
	struct list orders, positions, holdings;	/* the broker's */
	struct dec cash;
	/* in the transaction */
	struct trade_desk d;
	struct trade_session s;
	bool *mine;			/* which of orders are ours */
	bool recent;			/* orders that are over */
	size_t changes;			/* reports that changed something */
	struct trade_reconciliation sums;
	struct {
		struct trade_difference *v;
		size_t n, cap;
	} found;
	bool again;			/* look once more */
};

/* An order of ours and what the broker has of it. */
int trade_look_order(struct trade_look *, const struct trade_order *,
    const struct trade_seen *, struct err *);
/* Orders that are not ours, positions; then the books. */
int trade_look_rest(struct trade_look *, struct err *);
/* A person has to decide about it. */
int trade_look_unknown(struct trade_look *, const struct trade_order *,
    struct err *);

#endif
