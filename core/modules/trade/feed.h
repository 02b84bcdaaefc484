/*
 * Market data. Ticks come in over HTTP, from Redis streams, from a replayed
 * day or from the simulator; one loop of the worker (trade.feed) handles all
 * of them in order: each becomes the quote, grows the bars, is told as
 * trade.market_data, and is shown to the paper broker and to the engine.
 * What a batch of ticks did is one transaction.
 */
#ifndef TRADE_FEED_H
#define TRADE_FEED_H

#include "db/db.h"
#include "db/env.h"
#include "db/table.h"
#include "events/event.h"
#include "http/route.h"
#include "jobs/loop.h"
#include "modules/trade/bar.h"
#include "modules/trade/instrument.h"
#include "modules/trade/orders.h"
#include "modules/trade/tick.h"

/* ---- who listens ------------------------------------------------------------- */

/* What a listener is given, inside the batch's transaction. desk has tenant
 * and time (user: nil); its arena is gone after the batch. */
struct trade_listen {
	struct env *env;
	struct trade_desk desk;
	const struct trade_instrument *instrument;
	void *memory;			/* the listener's own, NULL at first;
					 * kept from call to call */
	struct arena *keep;		/* lives as long as memory */
	bool unarmed, unfollowed;	/* no strategy is at work on it; none
					 * follows its signals */
	void *later;			/* the listener's own of this batch: what
					 * done() is to write. NULL at first */
	struct arena *batch;		/* lives as long as later; NULL: there
					 * is no batch, nothing can wait */
};
struct trade_bar_news {
	const char *timeframe;
	struct trade_bar bar;		/* closed */
	bool corrected;			/* a later version of a known bar */
	const void *note;		/* what on_close() left for on_bar() */
};
/* A row of trade_listeners[] (feed_listen.c). A call returns 0, or -1: then
 * what it did to the database for this tick or bar is undone, the error is
 * logged and counted, and the market goes on. After a failed batch memory is
 * forgotten (forget() gives back what is not memory) and the batch handled
 * again from the rows. Per instrument everything comes in order of time: a
 * bar before the tick that ended it. */
struct trade_listener {
	const char *name;
	bool resting;			/* only instruments that had an open
					 * order when the batch began */
	/* What can be said of a closed bar before anybody acts on it, so that
	 * it is not kept waiting by orders: all such calls of a batch come
	 * first, with a done() of their own, in a transaction of their own.
	 * The batch may still fail after that and be handled again: what is
	 * written here must bear that. Called at most for the first bar of a
	 * series in a batch: on_bar() without a note does it all. NULL: nothing comes first. */
	int (*on_close)(struct trade_listen *, struct trade_bar_news *,
	    struct err *);
	int (*on_tick)(struct trade_listen *, const struct trade_tick *,
	    struct err *);
	int (*on_bar)(struct trade_listen *, const struct trade_bar_news *,
	    struct err *);
	/* All was shown: writes what the calls left for later, few statements
	 * for the whole batch. Of no instrument and no tenant. NULL: nothing
	 * is ever left. */
	int (*done)(struct trade_listen *, struct err *);
	/* JSON object that came from signals:global; may never place an order
	 * of a strategy that is not armed. 1: refused (it goes to the dead
	 * letters with err->detail). */
	int (*on_signal)(struct trade_listen *, const char *json, size_t n,
	    struct err *);
	void (*forget)(void *memory);
};
extern const struct trade_listener *const trade_listeners[];

/* ---- feeds -------------------------------------------------------------------- */

struct trade_feed_spec {
	/* simulator and replay */
	struct list symbols;		/* const char *; empty: the default set */
	const char *exchange;
	/* simulator */
	int64_t seed;
	double rate;			/* ticks a second, of all symbols */
	double volatility;		/* of a price in a second, a part */
	double spread;			/* part of the price */
	double correlation;		/* with the common factor */
	/* replay */
	const char *source;		/* "ticks", "bars" */
	const char *timeframe;		/* of source bars */
	struct utc from, to;
	double speed;			/* 1 = as it was; 0 = no waiting */
	bool now;			/* times are moved: the first is now */
	bool again;			/* from the beginning when it ends */
	/* redis */
	const char *stream;
	bool signals;			/* it carries signals */
	/* http */
	const char *url;
	int64_t every_ms;
	bool keep;			/* ticks are stored */
};
struct trade_feed {
	struct uuid id, tenant_id;
	const char *name, *kind, *wanted, *state, *detail;
	struct json spec;
	const char *position;		/* how far it has come */
	int64_t run;			/* grows with each start */
	int64_t ticks, refused, lag_ms;
	struct utc last_tick_at, heard_at, due_at, started_at;
	int64_t version;
	struct utc created_at, updated_at;
};
extern const struct schema trade_feed_schema, trade_feed_spec_schema,
    trade_market_data_schema;
extern const struct query *const trade_feed_queries[];
extern const struct table trade_feed_tables[];
extern const struct event trade_feed_events[];
extern const struct route trade_feed_routes[];
extern const struct loop trade_feed_loops[];
extern const struct metric *const trade_feed_metrics[];

/* ---- the state of a market, for pre-trade checks ------------------------------- */

struct trade_market {
	bool open;			/* by the instrument's hours */
	bool tradable;
	bool driven;			/* a replay or simulator has it */
	bool stale;			/* its feed runs and has said nothing for
					 * longer than trade.stale_after; false
					 * where no feed speaks for it */
	int64_t age_ms;			/* of the quote; -1 = none */
	const char *why;		/* sentence, when something is wrong */
};
/* The feed that drives an instrument or spoke of it last. */
struct trade_speaker {
	bool driven;
	const char *wanted;		/* NULL: nobody */
	struct utc heard_at, due_at;
};
/* Checks 2 and 4 of the pre-trade checks. A replayed market is judged by its
 * own clock. stale_ms: setting trade.stale_after. Pure. */
int trade_market_judge(const struct trade_instrument *,
    const struct trade_quote *, const struct trade_speaker *,
    int64_t stale_ms, struct utc now, struct trade_market *, struct err *);

/* ---- a market to try things on --------------------------------------------------- */

#define TRADE_DEMO_EXCHANGE "SIM"
/* Makes the simulator's instruments, two years of daily bars and a week of
 * minutes, a recorded day of ticks, and starts a replay of that day (again and
 * again). Does nothing when the tenant has a feed of this name: *made is then
 * false. Opens transactions of its own. */
int trade_feed_demo(struct db *, struct arena *, struct uuid tenant,
    const char *name, struct utc now, bool *made, struct err *);

#endif
