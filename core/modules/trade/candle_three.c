/*
 * Patterns of three bars.
 */
#include "modules/trade/candle_inner.h"

/* The last close lies more than 0.3 of the first body inside it. */
#define DEEP_DOWN (10 * (x(2).c - x(0).c) > 3 * x(2).body)
#define DEEP_UP (10 * (x(0).c - x(2).c) > 3 * x(2).body)

PATTERN(two_crows)
{
	return WHITE(2) && LONG(2) && BLACK(1) && GAP_UP(1, 2) && BLACK(0) &&
	    x(0).o > x(1).c && x(0).o < x(1).o &&
	    x(0).c > x(2).o && x(0).c < x(2).c ? -100 : 0;
}

PATTERN(three_inside)
{
	return LONG(2) && SMALL(1) && x(1).top < x(2).top &&
	    x(1).low > x(2).low &&
	    ((WHITE(2) && BLACK(0) && x(0).c < x(2).o) ||
	    (BLACK(2) && WHITE(0) && x(0).c > x(2).o)) ?
	    -100 * x(2).colour : 0;
}

PATTERN(three_outside)
{
	return (WHITE(1) && BLACK(2) && x(1).c > x(2).o &&
	    x(1).o < x(2).c && x(0).c > x(1).c) ||
	    (BLACK(1) && WHITE(2) && x(1).o > x(2).c &&
	    x(1).c < x(2).o && x(0).c < x(1).c) ? 100 * x(1).colour : 0;
}

PATTERN(three_stars_in_south)
{
	return BLACK(2) && BLACK(1) && BLACK(0) && LONG(2) &&
	    LONG_LOWER(2) && x(1).body < x(2).body &&
	    x(1).o > x(2).c && x(1).o <= x(2).h &&
	    x(1).l < x(2).c && x(1).l >= x(2).l && SOME_LOWER(1) &&
	    SHORT(0) && NO_LOWER(0) && NO_UPPER(0) &&
	    x(0).l > x(1).l && x(0).h < x(1).h ? 100 : 0;
}

/* Three white bars, each opens in or near the body before it and closes
 * higher. */
static bool
climbs(const struct trade_candles *s)
{
	return WHITE(2) && WHITE(1) && WHITE(0) && x(0).c > x(1).c &&
	    x(1).c > x(2).c && x(1).o > x(2).o && NEAR(x(1).o - x(2).c, 2) &&
	    x(0).o > x(1).o && NEAR(x(0).o - x(1).c, 1);
}

PATTERN(three_white_soldiers)
{
	return climbs(s) && NO_UPPER(2) && NO_UPPER(1) && NO_UPPER(0) &&
	    NOT_FAR(x(2).body - x(1).body, 2) &&
	    NOT_FAR(x(1).body - x(0).body, 1) && !SMALL(0) ? 100 : 0;
}

PATTERN(advance_block)
{
	bool weaker = (FAR(x(2).body - x(1).body, 2) &&
	    NEARER(x(0).body - x(1).body, 1)) ||
	    FAR(x(1).body - x(0).body, 1) ||
	    (x(0).body < x(1).body && x(1).body < x(2).body &&
	    (20 * x(0).upper > x(0).shadows ||
	    20 * x(1).upper > x(1).shadows)) ||
	    (x(0).body < x(1).body && LONG_UPPER(0));

	return climbs(s) && LONG(2) && SHORT_UPPER(2) && weaker ? -100 : 0;
}

PATTERN(stalled_pattern)
{
	return WHITE(2) && WHITE(1) && WHITE(0) && x(0).c > x(1).c &&
	    x(1).c > x(2).c && LONG(2) && LONG(1) && NO_UPPER(1) &&
	    x(1).o > x(2).o && NEAR(x(1).o - x(2).c, 2) && SHORT(0) &&
	    NEAR(x(1).c - x(0).body - x(0).o, 1) ? -100 : 0;
}

PATTERN(abandoned_baby)
{
	return LONG(2) && DOJI(1) && !SMALL(0) &&
	    ((WHITE(2) && BLACK(0) && DEEP_DOWN && BAR_UP(1, 2) &&
	    BAR_DOWN(0, 1)) ||
	    (BLACK(2) && WHITE(0) && DEEP_UP && BAR_DOWN(1, 2) &&
	    BAR_UP(0, 1))) ? 100 * x(0).colour : 0;
}

static bool
evening(const struct trade_candles *s)
{
	return LONG(2) && WHITE(2) && GAP_UP(1, 2) && !SMALL(0) && BLACK(0) &&
	    DEEP_DOWN;
}

static bool
morning(const struct trade_candles *s)
{
	return LONG(2) && BLACK(2) && GAP_DOWN(1, 2) && !SMALL(0) &&
	    WHITE(0) && DEEP_UP;
}

PATTERN(evening_doji_star)
{
	return evening(s) && DOJI(1) ? -100 : 0;
}

PATTERN(evening_star)
{
	return evening(s) && SMALL(1) ? -100 : 0;
}

PATTERN(morning_doji_star)
{
	return morning(s) && DOJI(1) ? 100 : 0;
}

PATTERN(morning_star)
{
	return morning(s) && SMALL(1) ? 100 : 0;
}

PATTERN(gap_side_side_white)
{
	bool up = GAP_UP(1, 2) && GAP_UP(0, 2);
	bool down = GAP_DOWN(1, 2) && GAP_DOWN(0, 2);

	return (up || down) && WHITE(1) && WHITE(0) &&
	    NEAR(ABS(x(0).body - x(1).body), 1) &&
	    EQUAL(ABS(x(0).o - x(1).o), 1) ? (up ? 100 : -100) : 0;
}

PATTERN(identical_three_crows)
{
	return BLACK(2) && BLACK(1) && BLACK(0) && NO_LOWER(2) &&
	    NO_LOWER(1) && NO_LOWER(0) && x(2).c > x(1).c &&
	    x(1).c > x(0).c && EQUAL(ABS(x(1).o - x(2).c), 2) &&
	    EQUAL(ABS(x(0).o - x(1).c), 1) ? -100 : 0;
}

PATTERN(stick_sandwich)
{
	return BLACK(2) && WHITE(1) && BLACK(0) && x(1).l > x(2).c &&
	    EQUAL(ABS(x(0).c - x(2).c), 2) ? 100 : 0;
}

PATTERN(tasuki_gap)
{
	bool up = GAP_UP(1, 2) && WHITE(1) && BLACK(0) &&
	    x(0).o > x(1).o && x(0).o < x(1).c && x(0).c < x(1).o &&
	    x(0).c > x(2).top;
	bool down = GAP_DOWN(1, 2) && BLACK(1) && WHITE(0) &&
	    x(0).o > x(1).c && x(0).o < x(1).o && x(0).c > x(1).o &&
	    x(0).c < x(2).low;

	return (up || down) && NEARER(ABS(x(1).body - x(0).body), 1) ?
	    100 * x(1).colour : 0;
}

PATTERN(tristar)
{
	/* All three against the settings of the first of them. */
	if (100 * x(2).body > x(2).ranges || 100 * x(1).body > x(2).ranges ||
	    100 * x(0).body > x(2).ranges)
		return 0;
	if (GAP_UP(1, 2) && x(0).top < x(1).top)
		return -100;
	return GAP_DOWN(1, 2) && x(0).low > x(1).low ? 100 : 0;
}

PATTERN(unique_three_river)
{
	return LONG(2) && BLACK(2) && BLACK(1) && x(1).c > x(2).c &&
	    x(1).o <= x(2).o && x(1).l < x(2).l && SHORT(0) && WHITE(0) &&
	    x(0).o > x(1).l ? 100 : 0;
}

PATTERN(upside_gap_two_crows)
{
	return WHITE(2) && LONG(2) && BLACK(1) && SMALL(1) && GAP_UP(1, 2) &&
	    BLACK(0) && x(0).o > x(1).o && x(0).c < x(1).c &&
	    x(0).c > x(2).c ? -100 : 0;
}

PATTERN(x_side_gap_three_methods)
{
	return x(2).colour == x(1).colour && x(1).colour == -x(0).colour &&
	    x(0).o < x(1).top && x(0).o > x(1).low &&
	    x(0).c < x(2).top && x(0).c > x(2).low &&
	    (WHITE(2) ? GAP_UP(1, 2) : GAP_DOWN(1, 2)) ?
	    100 * x(2).colour : 0;
}

PATTERN(hikkake)
{
	if (x(1).h >= x(2).h || x(1).l <= x(2).l)
		return 0;
	if (x(0).h < x(1).h && x(0).l < x(1).l)
		return 100;
	return x(0).h > x(1).h && x(0).l > x(1).l ? -100 : 0;
}
