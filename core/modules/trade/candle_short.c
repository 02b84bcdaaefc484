/*
 * Patterns of one and two bars. The value is 0, ±80 or ±100; its sign says
 * which way the pattern is read.
 */
#include "modules/trade/candle_inner.h"

/* ---- one bar ---------------------------------------------------------------- */

PATTERN(belt_hold)
{
	return LONG(0) && (WHITE(0) ? NO_LOWER(0) : NO_UPPER(0)) ?
	    100 * x(0).colour : 0;
}

PATTERN(closing_marubozu)
{
	return LONG(0) && (WHITE(0) ? NO_UPPER(0) : NO_LOWER(0)) ?
	    100 * x(0).colour : 0;
}

PATTERN(marubozu)
{
	return MARUBOZU(0) ? 100 * x(0).colour : 0;
}

PATTERN(doji)
{
	return DOJI(0) ? 100 : 0;
}

PATTERN(dragonfly_doji)
{
	return DOJI(0) && NO_UPPER(0) && SOME_LOWER(0) ? 100 : 0;
}

PATTERN(gravestone_doji)
{
	return DOJI(0) && NO_LOWER(0) && SOME_UPPER(0) ? 100 : 0;
}

/* With TA-Lib's settings the shadow is compared with the doji's own body, so
 * that this hardly differs from a doji; kept as it is, for equal values. */
PATTERN(long_legged_doji)
{
	return DOJI(0) && (LONG_LOWER(0) || LONG_UPPER(0)) ? 100 : 0;
}

PATTERN(rickshaw_man)
{
	int64_t half = 25 * (x(0).h - x(0).l), near = 2 * x(0).near;

	return DOJI(0) && LONG_LOWER(0) && LONG_UPPER(0) &&
	    50 * (x(0).low - x(0).l) <= half + near &&
	    50 * (x(0).top - x(0).l) >= half - near ? 100 : 0;
}

PATTERN(takuri)
{
	return DOJI(0) && NO_UPPER(0) && x(0).lower > 2 * x(0).body ? 100 : 0;
}

PATTERN(high_wave)
{
	return SHORT(0) && x(0).upper > 2 * x(0).body &&
	    x(0).lower > 2 * x(0).body ? 100 * x(0).colour : 0;
}

PATTERN(spinning_top)
{
	return SHORT(0) && LONG_UPPER(0) && LONG_LOWER(0) ?
	    100 * x(0).colour : 0;
}

PATTERN(long_line)
{
	return LONG(0) && SHORT_UPPER(0) && SHORT_LOWER(0) ?
	    100 * x(0).colour : 0;
}

PATTERN(short_line)
{
	return SHORT(0) && SHORT_UPPER(0) && SHORT_LOWER(0) ?
	    100 * x(0).colour : 0;
}

/* ---- two bars --------------------------------------------------------------- */

PATTERN(hammer)
{
	return SHORT(0) && LONG_LOWER(0) && NO_UPPER(0) &&
	    NEAR(x(0).low - x(1).l, 1) ? 100 : 0;
}

PATTERN(hanging_man)
{
	return SHORT(0) && LONG_LOWER(0) && NO_UPPER(0) &&
	    NEAR(x(1).h - x(0).low, 1) ? -100 : 0;
}

PATTERN(inverted_hammer)
{
	return SHORT(0) && LONG_UPPER(0) && NO_LOWER(0) && GAP_DOWN(0, 1) ?
	    100 : 0;
}

PATTERN(shooting_star)
{
	return SHORT(0) && LONG_UPPER(0) && NO_LOWER(0) && GAP_UP(0, 1) ?
	    -100 : 0;
}

PATTERN(counterattack)
{
	return x(1).colour == -x(0).colour && LONG(1) && LONG(0) &&
	    EQUAL(ABS(x(0).c - x(1).c), 1) ? 100 * x(0).colour : 0;
}

PATTERN(dark_cloud_cover)
{
	return WHITE(1) && LONG(1) && BLACK(0) && x(0).o > x(1).h &&
	    x(0).c > x(1).o && 2 * (x(1).c - x(0).c) > x(1).body ? -100 : 0;
}

PATTERN(piercing)
{
	return BLACK(1) && LONG(1) && WHITE(0) && LONG(0) &&
	    x(0).o < x(1).l && x(0).c < x(1).o &&
	    2 * (x(0).c - x(1).c) > x(1).body ? 100 : 0;
}

PATTERN(doji_star)
{
	return LONG(1) && DOJI(0) &&
	    (WHITE(1) ? GAP_UP(0, 1) : GAP_DOWN(0, 1)) ?
	    -100 * x(1).colour : 0;
}

PATTERN(engulfing)
{
	bool up = WHITE(0) && BLACK(1) &&
	    ((x(0).c >= x(1).o && x(0).o < x(1).c) ||
	    (x(0).c > x(1).o && x(0).o <= x(1).c));
	bool down = BLACK(0) && WHITE(1) &&
	    ((x(0).o >= x(1).c && x(0).c < x(1).o) ||
	    (x(0).o > x(1).c && x(0).c <= x(1).o));

	if (!up && !down)
		return 0;
	return x(0).colour *
	    (x(0).o != x(1).c && x(0).c != x(1).o ? 100 : 80);
}

/* The second body lies within the first: 80 when they share an end. */
static int
within(const struct trade_candles *s)
{
	if (x(0).top > x(1).top || x(0).low < x(1).low)
		return 0;
	return -x(1).colour *
	    (x(0).top < x(1).top && x(0).low > x(1).low ? 100 : 80);
}

PATTERN(harami)
{
	return LONG(1) && SMALL(0) ? within(s) : 0;
}

PATTERN(harami_cross)
{
	return LONG(1) && DOJI(0) ? within(s) : 0;
}

PATTERN(homing_pigeon)
{
	return BLACK(1) && BLACK(0) && LONG(1) && SMALL(0) &&
	    x(0).o < x(1).o && x(0).c > x(1).c ? 100 : 0;
}

PATTERN(in_neck)
{
	return BLACK(1) && LONG(1) && WHITE(0) && x(0).o < x(1).l &&
	    x(0).c >= x(1).c && EQUAL(x(0).c - x(1).c, 1) ? -100 : 0;
}

PATTERN(on_neck)
{
	return BLACK(1) && LONG(1) && WHITE(0) && x(0).o < x(1).l &&
	    EQUAL(ABS(x(0).c - x(1).l), 1) ? -100 : 0;
}

PATTERN(thrusting)
{
	return BLACK(1) && LONG(1) && WHITE(0) && x(0).o < x(1).l &&
	    !EQUAL(x(0).c - x(1).c, 1) &&
	    2 * (x(0).c - x(1).c) <= x(1).body ? -100 : 0;
}

static bool
kicks(const struct trade_candles *s)
{
	return x(1).colour == -x(0).colour && MARUBOZU(1) && MARUBOZU(0) &&
	    (BLACK(1) ? BAR_UP(0, 1) : BAR_DOWN(0, 1));
}

PATTERN(kicking)
{
	return kicks(s) ? 100 * x(0).colour : 0;
}

PATTERN(kicking_by_length)
{
	return kicks(s) ? 100 *
	    (x(0).body > x(1).body ? x(0).colour : x(1).colour) : 0;
}

PATTERN(matching_low)
{
	return BLACK(1) && BLACK(0) && EQUAL(ABS(x(0).c - x(1).c), 1) ?
	    100 : 0;
}

PATTERN(separating_lines)
{
	return x(1).colour == -x(0).colour &&
	    EQUAL(ABS(x(0).o - x(1).o), 1) && LONG(0) &&
	    (WHITE(0) ? NO_LOWER(0) : NO_UPPER(0)) ? 100 * x(0).colour : 0;
}
