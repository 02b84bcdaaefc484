/*
 * What the files of the engine share: its memory of series and rules.
 */
#ifndef TRADE_ENGINE_INNER_H
#define TRADE_ENGINE_INNER_H

#include "base/map.h"
#include "base/vec.h"
#include "modules/trade/engine.h"

/* A series, or the rules of an arming on one. */
struct trade_slot {
	struct arena *a;		/* NULL: given back */
	struct trade_watch *watch;
	struct trade_strategy strategy;
	struct trade_rules *rules;
	const char *spec, *params;	/* of the rules */
	int64_t version;		/* of the arming */
	struct utc last;		/* bar it has seen */
	struct utc top;			/* the latest it ever saw: last, unless
					 * time went back (a day is replayed) */
	struct trade_seen seen;		/* of a watch: at that bar */
	uint64_t used;
};
/* Ticks of an instrument. */
struct trade_pulse {
	struct trade_tick_state rules;
	struct trade_candle_bar forming;	/* this minute */
	int64_t minute, looked_us;
	uint64_t told;			/* patterns previewed in it */
};
struct trade_engine {
	struct arena *a;
	struct map *slots, *pulses;
	VEC(struct trade_slot *) all;
	uint64_t clock, living;
};

/* What a batch leaves for its end. */
struct trade_later {
	VEC(struct trade_signal) signals;
	VEC(struct trade_followed) followed, minutes;
	struct map *news;		/* symbols with news, by tenant */
};
/* NULL: nothing can wait. */
struct trade_later *trade_engine_later(struct trade_listen *);
/* What the news say of the listener's instrument; left as it is without any. */
int trade_engine_mood(struct trade_listen *, struct utc at, double *score,
    struct err *);

struct trade_engine *trade_engine_memory(struct trade_listen *);
struct trade_pulse *trade_engine_pulse(struct trade_listen *);
/* The series as the stored bars before an instant make it; in memory already:
 * as it is. */
int trade_engine_watch(struct trade_listen *, const char *timeframe,
    struct utc before, struct trade_slot **, struct err *);
/* NULL: it is not in memory. */
struct trade_slot *trade_engine_watched(struct trade_listen *,
    const char *timeframe);
/* The rules of an arming on the listener's instrument, the same way. */
int trade_engine_rules(struct trade_listen *, const struct trade_arming *,
    struct utc before, struct trade_slot **, struct err *);
/* Makes a state ready for a bar. 0: go on; 1: it has seen it. Where time went
 * back, or is past again what was replayed, it is made anew from the rows. */
int trade_engine_ready(struct trade_listen *, struct trade_slot *,
    const char *timeframe, struct utc bar, struct err *);
int trade_engine_push(struct trade_slot *, const struct trade_bar *,
    struct trade_verdict *, struct err *);
void trade_engine_forget_series(struct trade_listen *, const char *timeframe);
/* Length of a timeframe in microseconds; of ticks: 0. */
int64_t trade_engine_span(const char *timeframe);
/* Tells, stores and follows a signal. */
int trade_engine_put(struct trade_listen *, struct trade_signal *,
    struct err *);

#endif
