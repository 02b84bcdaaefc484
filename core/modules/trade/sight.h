/*
 * What is known of a market, in one look: the instrument, its last prices,
 * who speaks for it, and how much is traded. The checks of an order and the
 * paper market see the same.
 */
#ifndef TRADE_SIGHT_H
#define TRADE_SIGHT_H

#include "db/db.h"
#include "modules/trade/feed.h"
#include "modules/trade/instrument.h"
#include "modules/trade/orders.h"

struct trade_sight {
	struct trade_instrument i;
	struct trade_quote q;		/* .instrument_id 0: none yet */
	struct trade_speaker feed;
	struct dec flow;		/* volume of the last minute that is
					 * known, or of the day whose close the
					 * quote is */
};
extern const struct query *const trade_sight_queries[];

/* Asked only (db_ask): by symbol as trade_instrument_find(), or by id. */
int trade_sight_ask(struct db *, struct arena *, struct uuid tenant,
    const char *symbol, const char *exchange, struct rows *, struct err *);
int trade_sight_ask_id(struct db *, struct arena *, struct uuid tenant,
    int64_t id, struct rows *, struct err *);
/* Out of the answer; 404, 409 "exchange". */
int trade_sight_of(const struct rows *, const char *symbol,
    struct trade_sight *, struct err *);
/* Of whatever tenant; 404. */
int trade_sight_any(struct db *, struct arena *, int64_t id,
    struct trade_sight *, struct err *);

#endif
