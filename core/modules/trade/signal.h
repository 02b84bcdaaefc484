/*
 * Signals: that something was seen in a bar or a tick that speaks for buying
 * or selling. Ours and those of external engines are rows of one table and go
 * one way; what was seen is one row however often it is told. What follows a
 * signal after 1, 5 and 20 bars is filled in later.
 */
#ifndef TRADE_SIGNAL_H
#define TRADE_SIGNAL_H

#include "db/db.h"
#include "db/table.h"
#include "events/event.h"
#include "http/route.h"
#include "modules/trade/instrument.h"

/* Sources of ours; others are names that external engines go by. */
#define TRADE_SOURCE_PATTERN "pattern"
#define TRADE_SOURCE_INDICATOR "indicator"
#define TRADE_SOURCE_TICK "tick"
#define TRADE_SOURCE_STRATEGY "strategy"
/* Timeframe of what was seen in ticks. */
#define TRADE_TICKS "tick"

struct trade_signal {
	struct uuid id, tenant_id;
	int64_t instrument_id;
	const char *symbol, *timeframe;
	struct utc bar_at;
	const char *source, *name, *side;	/* buy sell neutral */
	int64_t value;			/* of a pattern, as TA-Lib */
	double score, strength;		/* -1…1, 0…1 */
	struct dec price;		/* close */
	int64_t bar_version;
	bool corrected;			/* its bar was corrected afterwards */
	struct json context;
	double ret_1, ret_5, ret_20;	/* change of the close; NaN: not yet */
	struct utc created_at;
	bool preview;			/* of a bar that is being formed */
};
extern const struct schema trade_signal_schema;
extern const struct query *const trade_signal_queries[];
extern const struct table trade_signal_tables[];
extern const struct event trade_signal_events[];
extern const struct route trade_signal_routes[];

struct trade_signal_filter {
	struct uuid tenant;
	const char *symbol, *timeframe, *source;	/* "" = all */
	double min_score;		/* of its amount */
	struct utc since;		/* 0 = all */
	struct uuid below;
	int64_t limit;
};
int trade_signal_page(struct db *, struct arena *,
    const struct trade_signal_filter *, struct rows *, struct err *);
int trade_signal_by_id(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, struct trade_signal *, struct err *);
/* 1: it is known (by instrument, timeframe, bar, source and name). */
int trade_signal_insert(struct db *, const struct trade_signal *,
    struct err *);
/* The same of up to TRADE_SIGNALS; fresh[i]: it was not known. */
enum { TRADE_SIGNALS = 1000 };
int trade_signal_insert_many(struct db *, struct arena *,
    const struct trade_signal *, size_t n, bool *fresh, struct err *);
/* Bars of an instrument have closed: at[k] is the bar 1, 5, 20 bars before
 * the one that closed at `close` (0 = there is none). */
struct trade_followed {
	int64_t instrument;
	const char *timeframe;
	struct utc at[3];
	struct dec close;
};
int trade_signal_follow(struct db *, struct arena *,
    const struct trade_followed *, size_t n, struct err *);
/* The same of what was seen in ticks of those minutes; bars of a minute. */
int trade_signal_follow_ticks(struct db *, struct arena *,
    const struct trade_followed *, size_t n, struct err *);
int trade_signal_corrected(struct db *, int64_t instrument,
    const char *timeframe, struct utc bar_at, struct err *);

/* ---- use-cases ------------------------------------------------------------------ */

/* Stores and tells it; inside a transaction. id, when nil, is made here. 1: it
 * is known already, nothing was told. */
int trade_signal_put(struct db *, struct trade_signal *, struct err *);
/* The same of many, few statements for all. They are told as previews before
 * they are stored, unless marked (preview) as told when they were seen. What is
 * known already (a day is replayed) stays at that. */
int trade_signal_put_many(struct db *, struct arena *, struct trade_signal *,
    size_t n, struct err *);
/* Tells of what is only forming: no row, may be dropped. */
int trade_signal_preview(struct db *, struct trade_signal *, struct err *);
/* A signal of an external engine, JSON text: {symbol, score, pattern|name,
 * time|timestamp, source?, side?, timeframe?, price?, meta?}. instrument NULL:
 * found by the symbol. Stored and told as ours are. 1: known already; -1: 404,
 * 422. */
int trade_signal_intake(struct db *, struct arena *, struct uuid tenant,
    const struct trade_instrument *, const char *json, size_t n,
    struct utc now, struct trade_signal *, struct err *);

#endif
