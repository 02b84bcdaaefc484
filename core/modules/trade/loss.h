/*
 * The day's loss: an account that lost more than a day may lose is reducing,
 * whether an order told it or the clock. A person sets it active again; while
 * the loss stands, that lasts a minute.
 */
#ifndef TRADE_LOSS_H
#define TRADE_LOSS_H

#include "modules/trade/orders.h"

/* Takes the session's row; an active one is reducing then. */
int trade_loss_reduce(struct db *, struct arena *, struct uuid session,
    struct utc now, struct err *);
/* Looks at a session as it was read: keeps the equity a new day begins with;
 * beyond the limit it is reducing, a refusal without an order says so, and
 * what rests and would open something is cancelled. No transaction is open. */
int trade_loss_watch(struct trade_desk *, const struct trade_session *,
    struct err *);

#endif
