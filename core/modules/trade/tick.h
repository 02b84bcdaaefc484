/*
 * Ticks: what was heard of one instrument at one instant: a trade, a quote, or
 * both. Pure: their rules, and the lines in which they wait for the loop.
 */
#ifndef TRADE_TICK_H
#define TRADE_TICK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/types.h"

struct arena;
struct err;
struct schema;
struct str;

struct trade_tick {
	int64_t instrument_id;
	const char *symbol, *exchange;	/* NULL until the loop filled them in */
	int64_t seq;			/* of the source, 1, 2, 3 …; 0 = none */
	struct utc at, heard_at;
	struct dec last;		/* price of a trade; 0 = only a quote */
	struct dec bid, ask;		/* 0 = not said */
	struct dec volume;		/* of this trade */
};

/* -1 and 422: nothing said, a price beyond its bounds, bid above ask, a
 * volume without a trade, a time more than a minute after it was heard. */
int trade_tick_check(const struct trade_tick *, struct err *);
/* One line per tick, and back. -1: damaged (500). */
void trade_tick_write(struct str *, const struct trade_tick *);
int trade_tick_read(struct arena *, const char *text, int64_t n,
    struct trade_tick **, struct err *);

#endif
