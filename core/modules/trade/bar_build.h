/*
 * Bars out of ticks, one instrument at a time. Pure: knows no clock and no
 * database; what has to be stored or told is handed back as news.
 */
#ifndef TRADE_BAR_BUILD_H
#define TRADE_BAR_BUILD_H

#include "modules/trade/bar.h"
#include "modules/trade/market.h"
#include "modules/trade/tick.h"

/* A bar with the times of its first and last trade. */
struct trade_forming {
	struct trade_bar bar;
	struct utc first_at, last_at;
	bool on;
	bool whole;			/* heard from its beginning */
};
struct trade_builder {
	struct trade_hours hours;
	int64_t seq;			/* newest of the source */
	uint64_t seen;			/* bit i: seq - i was heard */
	struct utc at, heard_at;	/* of the newest tick */
	struct utc traded_at;		/* of the newest trade */
	struct dec bid, ask, last;
	struct dec last_volume;
	struct trade_forming now[TRADE_TIMEFRAMES];	/* being formed */
	struct trade_forming done[TRADE_TIMEFRAMES];	/* closed last */
	int64_t ticks, late, duplicates;
	bool dirty;			/* differs from its row */
};

enum trade_tick_fate {
	TICK_TAKEN,
	TICK_LATE,			/* behind the newest, yet of use */
	TICK_DUPLICATE,
	TICK_OLD			/* too late to know whether it is new */
};
struct trade_bar_out {
	int timeframe;
	struct trade_bar bar;
	bool whole;
	bool corrected;			/* of the bar closed last: all of it */
	bool merge;			/* of a bar not known in whole: only what
					 * this tick adds */
	bool newest;			/* merge: and it is the close */
};
struct trade_gap_out {
	const char *timeframe;		/* "tick", "1m" */
	struct utc from, to;
	int64_t missing;
};
enum { TRADE_OUTS = 2 * TRADE_TIMEFRAMES };
struct trade_build {
	enum trade_tick_fate fate;
	struct trade_bar_out bars[TRADE_OUTS];	/* short bars first */
	size_t nbars;
	struct trade_gap_out gaps[2];
	size_t ngaps;
	bool fills_gap;			/* late, and was missed by number */
};
/* quiet: minutes without a trade in an open market that are no gap yet. */
void trade_build_tick(struct trade_builder *, const struct trade_tick *,
    int64_t quiet, struct trade_build *);
/* Closes what ended at or before this instant. */
void trade_build_close(struct trade_builder *, struct utc,
    struct trade_build *);
/* Takes a stored bar into the bars of `from` and longer (after a restart). */
void trade_build_resume(struct trade_builder *, const struct trade_bar *,
    int from);
/* A trade into a stored bar; newest: it is its close, too. */
void trade_build_merge(struct trade_bar *stored, const struct trade_bar *,
    bool newest);

/* Longer bars out of shorter ones, oldest first; out has room for n. Returns
 * their count. What is not whole at the ends is told by *ragged: bit 0 the
 * first, bit 1 the last. */
size_t trade_bar_resample(const struct trade_hours *, int from, int to,
    const struct trade_bar *, size_t n, struct trade_bar *out,
    unsigned *ragged);
/* Places where bars of an open market are missing, at most max. */
size_t trade_bar_gaps(const struct trade_hours *, int timeframe,
    const struct utc *at, size_t n, struct trade_gap_out *out, size_t max);

#endif
