/*
 * Quotes that are fetched: a URL is asked every so often, and what it answers
 * becomes ticks. Understood are lists of objects and maps by symbol, in the
 * usual words (message.h): Binance's tickers, Kite's and Alpaca's quotes, and
 * our own. Their volume is that of the day or of 24 hours: what it grew by
 * since the answer before is the volume of the tick.
 */
#ifndef TRADE_PULL_H
#define TRADE_PULL_H

#include "modules/trade/feed_inner.h"
#include "modules/trade/message.h"

struct net;

/* One answer, at most max quotes. -1: 502 and what the network says. */
int trade_pull_ask(struct net *, struct arena *, const char *url,
    struct utc now, struct trade_message *, size_t max, size_t *n,
    size_t *bad, struct err *);

/* Day volumes of the answer before, by symbol. */
struct trade_volumes;
struct trade_volumes *trade_volumes_new(struct arena *);
/* What came since; 0 at first, and when it fell. */
struct dec trade_volumes_step(struct trade_volumes *, const char *key,
    struct dec now);

/* Ticks of what is known into the intake, and the feed's row; in one
 * transaction. Quotes of unknown instruments, and those that did not change
 * (same time, or same prices), are left out. */
struct trade_pulling {
	struct trade_feed *feed;
	const struct trade_feed_spec *spec;
	const struct lease *lease;
	const struct trade_message *v;
	size_t n, bad;
	struct trade_volumes *volumes;
	struct utc now, due;
};
int trade_pull_take(struct db *, struct arena *, struct trade_pulling *,
    struct err *);
/* It could not be asked. */
int trade_pull_failed(struct db *, struct arena *, struct trade_feed *,
    const struct lease *, const char *why, struct utc now, struct utc due,
    struct err *);

extern const struct loop trade_pull_loops[];

#endif
