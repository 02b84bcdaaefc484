/*
 * The demonstration of the trading system: a paper account with a strategy at
 * work on a replayed day.
 */
#ifndef TRADE_DEMO_H
#define TRADE_DEMO_H

#include "db/db.h"
#include "db/demo.h"

#define TRADE_DEMO "demo"		/* name of its feed and its arming */

extern const struct demo trade_demo;
extern const struct query *const trade_demo_queries[];

/* Inside a transaction: everything at the simulator's exchange, what is called
 * TRADE_DEMO, and the owner's paper account if it never traded anything else.
 * *gone: instruments. */
int trade_demo_delete(struct db *, const struct demo_owner *, uint64_t *gone,
    struct err *);

#endif
