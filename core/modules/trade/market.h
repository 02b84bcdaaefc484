/*
 * When a market is open, by its own clock: spans of local time on days of the
 * week, days on which it is closed, and what that makes of bars. Pure.
 */
#ifndef TRADE_MARKET_H
#define TRADE_MARKET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/types.h"

struct err;
struct zone;

enum { TRADE_SPANS = 14, TRADE_CLOSED_DAYS = 120 };
struct trade_hours {
	const struct zone *zone;
	struct trade_span {
		uint8_t days;		/* bit 0: Monday */
		int16_t from, to;	/* minutes; to <= from: over midnight,
					 * it belongs to the day it ends */
	} span[TRADE_SPANS];
	size_t n;			/* 0: always open */
	struct trade_closed_day {
		int64_t day;		/* since 1970 */
		int16_t from;		/* minute; 0: the whole day */
	} closed[TRADE_CLOSED_DAYS];
	size_t nclosed;
};
/* hours: "mon-fri 09:30-16:00, sat 10:00-12:00"; "" = always. closed_on:
 * "2026-12-25, 2026-11-27 13:00" (from that time on). -1 and 422 with the
 * part that is wrong. */
int trade_hours_parse(struct trade_hours *, const char *zone,
    const char *hours, const char *closed_on, struct err *);
bool trade_hours_open(const struct trade_hours *, struct utc);
/* Minutes of open market in from ≤ t < to, counted up to cap. */
int64_t trade_hours_minutes(const struct trade_hours *, struct utc from,
    struct utc to, int64_t cap);
/* The trading day that an instant belongs to, as days since 1970. */
int64_t trade_hours_day(const struct trade_hours *, struct utc);

/* ---- bars ------------------------------------------------------------------- */

enum { TRADE_1M, TRADE_5M, TRADE_15M, TRADE_30M, TRADE_1H, TRADE_4H,
	TRADE_1D, TRADE_1W, TRADE_TIMEFRAMES };
/* Index of "5m" in trade_timeframes (bar.h); -1 unknown. */
int trade_timeframe(const char *);
/* Name: trade_timeframe_names[TRADE_5M] is "5m". */
extern const char *const trade_timeframe_names[];
/* Where the bar begins that holds this instant. Up to 4h by UTC; a day is the
 * trading day, written as its midnight in UTC (as files of daily bars do); a
 * week is its Monday. */
struct utc trade_bar_start(const struct trade_hours *, int timeframe,
    struct utc);
/* First instant that belongs to a later bar than the one beginning at `at`. */
struct utc trade_bar_end(const struct trade_hours *, int timeframe,
    struct utc at);

/* When a bar's last price was made: as the end, but of a day or a week the
 * market's last open minute. */
struct utc trade_bar_close(const struct trade_hours *, int timeframe,
    struct utc at);

#endif
