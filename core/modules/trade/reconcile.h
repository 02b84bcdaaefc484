/*
 * Our orders and the broker's, pure: which of theirs is one of ours, and what
 * has to be reported so that ours says what theirs says. A broker's figures
 * are taken as sums up to now, so that answers that come twice, late or after
 * a gap never count twice.
 */
#ifndef TRADE_RECONCILE_H
#define TRADE_RECONCILE_H

#include "modules/trade/broker.h"
#include "modules/trade/orders.h"

/* What the broker's orders of one of ours come to: one, or a chain of those
 * that replaced each other. */
struct trade_seen {
	size_t n;			/* 0: it is not there */
	const char *broker_id;		/* of the newest */
	const char *state, *reason;
	struct dec quantity, filled, avg_price, limit_price, stop_price;
	struct utc at;
};
/* Marks each that is ours in mine[] (may be NULL). client: our id there. */
int trade_reconcile_gather(const struct trade_order *, const char *client,
    const struct trade_broker_order *, size_t n, bool *mine,
    struct trade_seen *, struct err *);

/* For brokers that do not know our id: which of their orders that are nobody's
 * (mine[] false) is of the same symbol, side and quantity and not older. n of
 * *out: 0 none; 1 it; more: it cannot be told, and nobody must guess. */
void trade_reconcile_guess(const struct trade_order *,
    const struct trade_broker_order *, size_t n, const bool *mine,
    size_t *which, size_t *count);

/* The reports that bring ours to theirs, in order; at most REPORTS. */
enum { RECONCILE_REPORTS = 4 };
size_t trade_reconcile_reports(struct arena *, const struct trade_order *,
    const struct trade_seen *, struct trade_report [RECONCILE_REPORTS]);

/* Seconds after the last question, or the sending, until the n-th is asked:
 * 1, 2, 5, 15, 30, then each minute. */
int64_t trade_reconcile_pause(int64_t asks);

/* Ours against theirs. "matched" or a class of trade_difference. */
const char *trade_reconcile_class(bool ours, bool theirs, struct dec our,
    struct dec their);

#endif
