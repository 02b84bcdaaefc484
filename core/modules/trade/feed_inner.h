/*
 * What the files of market data share: rows, and the memory of the loop.
 */
#ifndef TRADE_FEED_INNER_H
#define TRADE_FEED_INNER_H

#include "base/vec.h"
#include "db/lease.h"
#include "modules/trade/bar_build.h"
#include "modules/trade/feed.h"
#include "modules/trade/mock.h"

/* ---- events -------------------------------------------------------------------- */

enum { TRADE_EV_MARKET, TRADE_EV_FEED, TRADE_EV_CORRECTED, TRADE_EV_GAP,
	TRADE_EV_END };
struct trade_market_data {
	const char *symbol, *exchange, *kind;
	struct utc at;
	struct dec last, bid, ask, volume;
	const char *timeframe;
	struct utc bar_at;
	struct dec open, high, low, close;
	int64_t version;
	bool final;
};
struct trade_feed_state {
	const char *component;
	struct uuid feed_id;
	const char *name, *kind, *state, *detail;
	int64_t lag_ms;
	struct utc last_tick_at;
};
/* "GOOG", "INFY@NSE", and with a timeframe "GOOG:1m". */
const char *trade_market_entity(struct arena *,
    const struct trade_instrument *, const char *timeframe);

/* ---- rows ---------------------------------------------------------------------- */

struct trade_intake {
	int64_t id;
	struct uuid tenant_id;
	const char *kind;		/* "ticks", "bars" */
	struct uuid feed_id;		/* nil: over HTTP */
	int64_t n;
	const char *body;
	struct utc at;
};
/* How far an instrument has come. */
struct trade_progress {
	int64_t instrument_id;
	struct uuid feed_id;		/* who drives it; nil: anybody may */
	struct uuid source_id;		/* whose the last tick was; nil: HTTP */
	int64_t seq;
	struct utc at, heard_at;
	struct dec bid, ask, last;
	struct utc bar_at;		/* the minute that is being formed */
	struct dec open, high, low, close, volume;
	struct utc first_at, last_at;
	int64_t ticks, late, duplicates, refused;
	int64_t forming;		/* bit i: a bar of timeframe i is open */
};
struct trade_gap {
	int64_t id;
	struct uuid tenant_id;
	int64_t instrument_id;
	const char *symbol, *exchange, *timeframe;
	struct utc from_at, to_at;
	int64_t missing;
	const char *cause;
	struct utc found_at;
};
struct trade_dead {
	int64_t id;
	struct uuid tenant_id, feed_id;
	const char *source, *ref, *reason, *body;
	struct utc at;
};
extern const struct schema trade_gap_schema, trade_dead_schema;
extern const struct query *const trade_tick_queries[];
extern const struct table trade_tick_tables[];
extern const struct route trade_tick_routes[];

int trade_feed_insert(struct db *, const struct trade_feed *, struct err *);
int trade_feed_page(struct db *, struct arena *, struct uuid tenant,
    struct uuid below, int64_t limit, struct rows *, struct err *);
int trade_feed_find(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, bool lock, struct trade_feed *, struct err *);
int trade_feed_by_name(struct db *, struct arena *, struct uuid tenant,
    const char *name, struct trade_feed *, struct err *);
/* Those that run or pause, of all tenants. */
int trade_feed_active(struct db *, struct arena *, struct rows *,
    struct err *);
/* Writes everything but name, kind and tenant. */
int trade_feed_update(struct db *, const struct trade_feed *, struct err *);
/* What the loop knows of a run: -1 with 409 "feed_changed" when another run
 * has begun. */
int trade_feed_advance(struct db *, const struct trade_feed *, struct err *);
/* 1 = there is none. */
int trade_feed_delete(struct db *, struct uuid tenant, struct uuid id,
    struct err *);

int trade_intake_add(struct db *, const struct trade_intake *, struct err *);
int trade_intake_next(struct db *, struct arena *, int64_t after,
    int64_t limit, struct rows *, struct err *);
/* 409 "lease_lost" when one of them is not there any more. */
int trade_intake_drop(struct db *, struct arena *, const int64_t *ids,
    size_t n, struct err *);

/* 0 found, 1 none. */
int trade_progress_get(struct db *, struct arena *, int64_t instrument,
    struct trade_progress *, struct err *);
int trade_progress_put(struct db *, struct arena *,
    const struct trade_progress *, size_t n, struct err *);
/* A feed takes an instrument: 1 = another one has it. afresh: its numbers
 * begin anew; rewound: its time, too. */
int trade_progress_drive(struct db *, int64_t instrument, struct uuid feed,
    bool afresh, bool rewound, struct err *);
int trade_progress_release(struct db *, struct uuid feed, struct err *);
/* Instruments with open bars: rows of struct trade_number. */
int trade_progress_forming(struct db *, struct arena *, struct rows *,
    struct err *);
int trade_quote_put_many(struct db *, struct arena *,
    const struct trade_quote *, size_t n, struct err *);

int trade_gap_add(struct db *, const struct trade_gap *, struct err *);
/* A missed tick came after all. */
int trade_gap_fill(struct db *, int64_t instrument, struct utc at,
    struct err *);
int trade_gap_page(struct db *, struct arena *, struct uuid tenant,
    int64_t instrument, int64_t below, int64_t limit, struct rows *,
    struct err *);
int trade_tick_store(struct db *, struct arena *, const struct trade_tick *,
    size_t n, struct err *);
/* Stored ticks after (at, seq) and before `to`, oldest first. */
int trade_tick_after(struct db *, struct arena *, int64_t instrument,
    struct utc at, int64_t seq, struct utc to, int64_t limit, struct rows *,
    struct err *);
int trade_dead_add(struct db *, const struct trade_dead *, struct err *);
int trade_dead_page(struct db *, struct arena *, struct uuid tenant,
    int64_t below, int64_t limit, struct rows *, struct err *);
/* Ids of instruments with open orders, ascending: rows of struct
 * trade_number. */
int trade_resting_all(struct db *, struct arena *, struct rows *,
    struct err *);

#define TRADE_CHANNEL " (channel)"	/* ends the name of a channel's feed */
#define TRADE_REDIS_AWAY "Redis is away"

/* ---- pure ------------------------------------------------------------------------ */

bool trade_symbol_ok(const char *);
/* "ticks:global=6f1c…": stream (or channel) and tenant; -1: neither. */
int trade_stream_of(struct arena *, const char *mapping, const char **name,
    struct uuid *tenant);

/* ---- use-cases -------------------------------------------------------------------- */

/* The text of a feed's spec. */
int trade_feed_spec_read(const struct trade_feed *, struct arena *,
    struct trade_feed_spec *, struct err *);
/* Begins, goes on, pauses or ends a feed; writes and tells it. Inside a
 * transaction that holds the feed's row. */
int trade_feed_start(struct db *, struct arena *, struct trade_feed *,
    struct utc now, struct err *);
int trade_feed_halt(struct db *, struct trade_feed *, const char *wanted,
    const char *state, const char *detail, struct utc now, struct err *);
int trade_feed_tell(struct db *, const struct trade_feed *, struct err *);
/* It cannot run: *why, which is cleared. In a transaction of its own. */
int trade_feed_fail(struct db *, const struct trade_feed *, struct err *why);
/* Feeds that should speak and do not are stale, and said so; the gauge is set
 * to their number. */
int trade_feed_watch(struct db *, struct rows *, int64_t stale_ms,
    struct utc now, const struct lease *, struct arena *,
    const struct metric *gauge, struct err *);
/* Its symbols, or the default ones of a simulator. */
size_t trade_feed_symbols(const struct trade_feed *,
    const struct trade_feed_spec *, struct arena *, const char *const **);
/* Wakes the loop. */
void trade_feed_ring(void *unused);
/* Ticks of known instruments into the intake; rings after the commit. */
int trade_ticks_post(struct db *, struct arena *, struct uuid tenant,
    struct uuid feed, const struct trade_tick *, size_t n, struct utc now,
    struct err *);

/* Bars that were stored are shown to the listeners. */
int trade_bars_post(struct db *, struct arena *, struct uuid tenant,
    int64_t instrument, const char *timeframe, const struct trade_bar *,
    size_t n, struct utc now, struct err *);

extern int trade_feed_turn_ms;		/* a second; tests want it shorter */
extern const struct metric trade_listener_failures, trade_ticks_total,
    trade_tick_seconds;

/* ---- memory of the loop -------------------------------------------------------------- */

struct trade_source;

/* One instrument. */
struct trade_live {
	struct trade_instrument i;
	struct trade_builder b;
	struct uuid driver, speaker;
	int64_t refused;
	int64_t tat_ns;			/* when the next event is due, by the
					 * rate alone */
	bool untold;			/* something is to be told */
	bool touched;			/* in this batch */
	bool resting;			/* has open orders */
	bool armed, followed;		/* a strategy is at work on it; one
					 * follows its signals */
	bool quoted;			/* the quote's row is up to date */
	int shortest;			/* bars below are not built */
	int64_t shown;			/* bit i: a bar of timeframe i closed in
					 * this batch */
	struct trade_live *next_untold;
};
/* A feed of ticks made here. */
struct trade_source {
	struct trade_feed feed;
	struct trade_feed_spec spec;
	struct trade_live **lives;
	size_t n;
	bool sim;
	/* simulator: next tick, begin of its time, prices */
	struct trade_mock_market mock;
	uint64_t k;
	int64_t begin_us;
	struct dec *last, *base;
	/* replay: a lane per instrument, the last tick that was taken */
	struct trade_lane *lanes;
	struct utc reached;
	int64_t reached_seq;
	size_t reached_lane;
	int64_t shift_us;		/* added to stored times */
	int64_t anchor_us, anchor_now_us;	/* stored time, and ours */
	bool resumed, anchored;
	bool ended, rewind;		/* all was told; once more */
	bool touched, tell;
	int64_t batch;			/* ticks in this batch */
};
/* Stored ticks of one instrument, read ahead. */
struct trade_lane {
	struct arena *a;
	struct trade_tick *v;
	size_t at, n;
	struct utc after;		/* read up to here */
	int64_t seq;
	bool dry;
};

struct trade_batch;
enum { TRADE_LISTENERS = 8 };
struct trade_happening {
	struct trade_live *live;
	bool is_bar;
	struct trade_tick tick;
	struct trade_bar_out bar;
	struct trade_quote quote;	/* when it happened */
	struct trade_bar shown;		/* as it is stored, with its version */
	bool corrected;			/* and was there before */
	bool first;			/* is said before anybody acts */
	const void *note[TRADE_LISTENERS];	/* of each on_close() */
};
struct trade_memory {
	struct env *env;
	struct arena *a;		/* all of this; freed when forgotten */
	struct map *lives;		/* by instrument number */
	struct rows active;		/* feeds, as they were read */
	VEC(struct trade_source *) sources;
	struct trade_live *untold;
	struct trade_ears *ears;
};
/* Memory of the listeners. */
struct trade_ears {
	void *memory[TRADE_LISTENERS];
	struct arena *keep[TRADE_LISTENERS];
};
void trade_ears_forget(struct trade_ears *);
/* Bars that closed since the last call to on_close(), in a transaction of its
 * own. 1: it was done, and more may have come meanwhile; 0: there are none, or
 * it failed, and on_bar() does all of it. */
int trade_ears_close(struct trade_batch *, struct db *, struct err *);
/* Shows the batch to all listeners, inside its transaction. */
int trade_ears_listen(struct trade_batch *, struct db *, struct err *);
/* What one transaction does. */
struct trade_batch {
	struct trade_memory *m;
	struct arena *a;
	const struct lease *lease;
	struct utc now;
	VEC(struct trade_happening) news;
	VEC(struct trade_live *) touched;
	VEC(struct trade_gap) gaps;
	VEC(struct trade_tick) keep;
	VEC(struct trade_tick) filled;	/* gaps that they fill */
	VEC(int64_t) intake;
	VEC(struct trade_happening) posted;	/* bars that are stored */
	VEC(struct trade_intake) signals;
	VEC(struct trade_source *) sources;	/* touched */
	size_t ticks;
	size_t closed;			/* news up to here went to on_close() */
	bool apart;			/* no further ones do: bars were posted, or
					 * it failed */
	bool tried;			/* its transaction was begun before */
	int64_t quiet;			/* trade.quiet_minutes */
};

/* The instrument in memory, read when it must be. 1: gone. */
int trade_live_get(struct trade_memory *, struct db *, int64_t id,
    struct trade_live **, struct err *);
/* One tick into memory and batch. source NULL: from outside, by this feed or
 * over HTTP (nil). */
void trade_batch_tick(struct trade_batch *, struct trade_live *,
    struct trade_source *, struct uuid feed, const struct trade_tick *,
    bool keep);
void trade_batch_close(struct trade_batch *, struct trade_live *,
    struct utc);
bool trade_batch_empty(const struct trade_batch *);
/* Writes it all in one transaction. -1: memory is to be forgotten. */
int trade_batch_commit(struct trade_batch *, struct db *, struct err *);
/* Tells what is due; returns ms until the next is, -1 = none. */
int64_t trade_tell_due(struct trade_memory *, struct arena *,
    int64_t now_ns, int64_t per_second);
/* What a closed bar's event says; the row of the quote. */
struct trade_market_data trade_market_bar(const struct trade_happening *);
struct trade_quote trade_live_quote(const struct trade_live *);
/* The bars of a batch that is stored. */
void trade_bars_tell(struct arena *, const struct trade_batch *);

/* Sources: from their rows, and what is due of them now. due: ms until the
 * next tick (0: at once). */
int trade_source_open(struct trade_memory *, struct db *,
    const struct trade_feed *, struct utc now, struct trade_source **,
    struct err *);
void trade_source_close(struct trade_source *);
/* One more tick of it in this batch. */
void trade_source_note(struct trade_source *, struct trade_batch *,
    const struct trade_tick *);
/* Writes into its feed how far it is. */
void trade_source_position(struct trade_source *, struct arena *);
int trade_source_take(struct trade_source *, struct trade_batch *,
    struct db *, size_t max, int64_t *due_ms, struct err *);

#endif
