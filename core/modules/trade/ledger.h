/*
 * The books of a session and whether they agree. One statement asks every
 * rule, so that all of them see the same moment; a loop asks it each minute,
 * tests ask it after each step.
 *
 * Rules: cash (the ledger's sum is the cash), balance (its last balance too),
 * reserved (open orders' reservations), over (what is over holds nothing),
 * position (bought − sold and entries without a fill is what is held), filled
 * (an order's fills are what it has filled, never more than its quantity),
 * mean (its mean price), fees (the ledger's fees are the fills').
 */
#ifndef TRADE_LEDGER_H
#define TRADE_LEDGER_H

#include "db/db.h"
#include "db/table.h"
#include "events/event.h"
#include "http/route.h"
#include "jobs/loop.h"

struct trade_fault {
	const char *rule;
	const char *subject;		/* order or instrument; "" */
	const char *detail;
};
struct trade_book_fault {
	struct uuid session_id, tenant_id;
	const char *rule, *subject, *detail;
	struct utc found_at, seen_at, over_at;
};
extern const struct schema trade_book_fault_schema;
extern const struct query *const trade_ledger_queries[];
extern const struct table trade_ledger_tables[];
extern const struct event trade_ledger_events[];
extern const struct loop trade_ledger_loops[];
extern const struct route trade_ledger_routes[];
extern const struct metric *const trade_ledger_metrics[];
extern const struct gauge trade_gauges[];

/* What does not agree now: struct trade_fault, at most 100; none = all is
 * well. */
int trade_ledger_check(struct db *, struct arena *, struct uuid session,
    struct rows *, struct err *);
/* Checks and writes down: new faults are told (trade.books), those that are
 * gone are over. *n: how many there are now. In the caller's transaction. */
int trade_ledger_audit(struct db *, struct arena *, struct uuid tenant,
    struct uuid session, struct utc now, int64_t *n, struct err *);
/* Sessions changed since, above `after` in the order of their ids. */
int trade_ledger_changed(struct db *, struct arena *, struct utc since,
    struct uuid after, int64_t limit, struct rows *, struct err *);
/* Faults of a tenant that are not over. */
int trade_ledger_faults(struct db *, struct arena *, struct uuid tenant,
    struct rows *, struct err *);

#endif
