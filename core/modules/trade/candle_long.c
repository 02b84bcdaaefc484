/*
 * Patterns of four and five bars.
 */
#include "modules/trade/candle_inner.h"

PATTERN(three_black_crows)
{
	return WHITE(3) && BLACK(2) && BLACK(1) && BLACK(0) && NO_LOWER(2) &&
	    NO_LOWER(1) && NO_LOWER(0) && x(1).o < x(2).o &&
	    x(1).o > x(2).c && x(0).o < x(1).o && x(0).o > x(1).c &&
	    x(3).h > x(2).c && x(2).c > x(1).c && x(1).c > x(0).c ? -100 : 0;
}

/* Opens within, or near, the body of the bar before. */
static bool
opens_near(const struct trade_candles *s, unsigned now, unsigned before)
{
	return NEAR(x(before).low - x(now).o, before) &&
	    NEAR(x(now).o - x(before).top, before);
}

PATTERN(three_line_strike)
{
	return x(3).colour == x(2).colour && x(2).colour == x(1).colour &&
	    x(1).colour == -x(0).colour && opens_near(s, 2, 3) &&
	    opens_near(s, 1, 2) &&
	    ((WHITE(1) && x(1).c > x(2).c && x(2).c > x(3).c &&
	    x(0).o > x(1).c && x(0).c < x(3).o) ||
	    (BLACK(1) && x(1).c < x(2).c && x(2).c < x(3).c &&
	    x(0).o < x(1).c && x(0).c > x(3).o)) ? 100 * x(1).colour : 0;
}

PATTERN(conceal_baby_swallow)
{
	return BLACK(3) && BLACK(2) && BLACK(1) && BLACK(0) && NO_LOWER(3) &&
	    NO_UPPER(3) && NO_LOWER(2) && NO_UPPER(2) && GAP_DOWN(1, 2) &&
	    SOME_UPPER(1) && x(1).h > x(2).c && x(0).h > x(1).h &&
	    x(0).l < x(1).l ? 100 : 0;
}

PATTERN(hikkake_modified)
{
	if (x(2).h >= x(3).h || x(2).l <= x(3).l || x(1).h >= x(2).h ||
	    x(1).l <= x(2).l)
		return 0;
	if (x(0).h < x(1).h && x(0).l < x(1).l && NEAR(x(2).c - x(2).l, 2))
		return 100;
	return x(0).h > x(1).h && x(0).l > x(1).l &&
	    NEAR(x(2).h - x(2).c, 2) ? -100 : 0;
}

PATTERN(breakaway)
{
	bool fall = BLACK(4) && GAP_DOWN(3, 4) && x(2).h < x(3).h &&
	    x(2).l < x(3).l && x(1).h < x(2).h && x(1).l < x(2).l &&
	    x(0).c > x(3).o && x(0).c < x(4).c;
	bool rise = WHITE(4) && GAP_UP(3, 4) && x(2).h > x(3).h &&
	    x(2).l > x(3).l && x(1).h > x(2).h && x(1).l > x(2).l &&
	    x(0).c < x(3).o && x(0).c > x(4).c;

	return LONG(4) && x(4).colour == x(3).colour &&
	    x(3).colour == x(1).colour && x(1).colour == -x(0).colour &&
	    (fall || rise) ? 100 * x(0).colour : 0;
}

PATTERN(ladder_bottom)
{
	return BLACK(4) && BLACK(3) && BLACK(2) && BLACK(1) &&
	    x(4).o > x(3).o && x(3).o > x(2).o && x(4).c > x(3).c &&
	    x(3).c > x(2).c && SOME_UPPER(1) && WHITE(0) &&
	    x(0).o > x(1).o && x(0).c > x(1).h ? 100 : 0;
}

PATTERN(mat_hold)
{
	int64_t half = x(4).body;

	return LONG(4) && SHORT(3) && SHORT(2) && SHORT(1) && WHITE(4) &&
	    BLACK(3) && WHITE(0) && GAP_UP(3, 4) && x(2).low < x(4).c &&
	    x(1).low < x(4).c && 2 * (x(4).c - x(2).low) < half &&
	    2 * (x(4).c - x(1).low) < half && x(2).top < x(3).o &&
	    x(1).top < x(2).top && x(0).o > x(1).c && x(0).c > x(3).h &&
	    x(0).c > x(2).h && x(0).c > x(1).h ? 100 : 0;
}

PATTERN(rise_fall_three_methods)
{
	int k = x(4).colour;
	bool inside = true;

	for (unsigned i = 1; i <= 3; i++)
		inside = inside && x(i).low < x(4).h && x(i).top > x(4).l &&
		    SHORT(i) && x(i).colour == -k;
	return inside && LONG(4) && LONG(0) && x(0).colour == k &&
	    x(2).c * k < x(3).c * k && x(1).c * k < x(2).c * k &&
	    x(0).o * k > x(1).c * k && x(0).c * k > x(4).c * k ? 100 * k : 0;
}
