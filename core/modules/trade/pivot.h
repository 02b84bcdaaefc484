/*
 * Turning points, one closed bar at a time. A pivot is told when it is
 * confirmed, some bars after it stood: nothing here knows a later bar.
 */
#ifndef TRADE_PIVOT_H
#define TRADE_PIVOT_H

#include <stdbool.h>
#include <stddef.h>

#include "modules/trade/indicator.h"

enum trade_pivot_method {
	PIVOT_ZIGZAG,			/* turned by so many average ranges */
	PIVOT_FRACTAL			/* best of so many bars on each side */
};
enum { TRADE_FRACTAL_MAX = 50 };

struct trade_pivot {
	size_t bar, told;		/* where it stood, when it was confirmed */
	double price;
	int side;			/* 1 a high, -1 a low */
};

struct trade_pivots {
	enum trade_pivot_method method;
	double reach;			/* ranges, or bars on each side */
	size_t n;			/* bars seen */
	struct trade_pivot high, low;	/* zigzag: best since the last pivot */
	int side;			/* of the pivot that is looked for; 0
					 * before the first */
	struct {
		double h, l;
	} ring[2 * TRADE_FRACTAL_MAX + 1];
};

/* reach: of a zigzag above 0, of fractals 1 to TRADE_FRACTAL_MAX. */
void trade_pivots_start(struct trade_pivots *, enum trade_pivot_method,
    double reach);
/* atr: average range at this bar; NaN = not known yet. How many were
 * confirmed (a bar may be both, of fractals), in out. */
size_t trade_pivots_push(struct trade_pivots *, const struct trade_ohlcv *,
    double atr, struct trade_pivot out[2]);

#endif
