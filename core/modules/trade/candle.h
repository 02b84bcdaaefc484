/*
 * Candlestick patterns: all 61 of TA-Lib 0.4 with its default settings, equal
 * bar for bar (sources: the definitions of TA-Lib, BSD; checked against its
 * output). Prices are whole units, so that averages are exact and a tie is
 * decided as in rational arithmetic. One bar at a time: a scan of history and
 * a live stream run the same code.
 */
#ifndef TRADE_CANDLE_H
#define TRADE_CANDLE_H

#include <stddef.h>
#include <stdint.h>

enum { TRADE_CANDLES = 61, TRADE_CANDLE_RING = 16 };
/* Largest price in units (ticks or 10^-8): sums of ten times a hundred fit. */
#define TRADE_UNITS_MAX INT64_C(4000000000000000)

struct trade_candle_bar {
	int64_t o, h, l, c;		/* units */
};

/* A bar with what the patterns ask of it. The sums are over bars before it:
 * ten bodies, ranges and shadows, five ranges. */
struct trade_candle {
	int64_t o, h, l, c;
	int64_t top, low, body, upper, lower;
	int64_t bodies, ranges, shadows, near;
	int colour;			/* 1 white, -1 black */
};

struct trade_candles {
	struct trade_candle ring[TRADE_CANDLE_RING];
	uint64_t n;			/* bars seen */
	uint16_t flags[5];		/* of the last bars, newest first */
	int64_t bodies, ranges, shadows, near;
	struct {
		uint64_t at;
		int value;
	} hikkake[2];			/* plain and modified */
};

struct trade_candle_kind {
	const char *name;		/* "doji" */
	unsigned first;			/* index of the first bar judged */
	int (*value)(const struct trade_candles *);
};
/* In the order of TA-Lib's names; end: name NULL. */
extern const struct trade_candle_kind trade_candle_kinds[];

void trade_candles_start(struct trade_candles *);
/* The next closed bar; out: 0, ±80, ±100 or ±200 for each kind. -1 when the
 * bar is none (high below low, outside them, out of range); nothing changed
 * then. */
int trade_candles_push(struct trade_candles *,
    const struct trade_candle_bar *, int16_t out[TRADE_CANDLES]);
/* The same for whoever asks for hits only: bit k of *hits is set where out[k]
 * is not 0, and only those of out are written. */
int trade_candles_step(struct trade_candles *,
    const struct trade_candle_bar *, int16_t out[TRADE_CANDLES],
    uint64_t *hits);
/* TA-Lib's name without its "CDL". */
const char *trade_candle_talib(size_t kind);
/* Index of a name, also as TA-Lib writes it ("CDLDOJI"); -1 unknown. */
int trade_candle_find(const char *name);

#endif
