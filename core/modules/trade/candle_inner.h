/*
 * How the patterns are written down. x(0) is the bar just closed, x(1) the one
 * before. The words are TA-Lib's settings: a long body is longer than the mean
 * of the ten before it, a doji at most a tenth of the mean range, and so on.
 */
#ifndef TRADE_CANDLE_INNER_H
#define TRADE_CANDLE_INNER_H

#include <stdbool.h>

#include "modules/trade/candle.h"

#define PATTERN(name) int trade_candle_##name(const struct trade_candles *s)
#define x(i) (s->ring[(s->n - 1 - (i)) % TRADE_CANDLE_RING])
#define WHITE(i) (x(i).colour > 0)
#define BLACK(i) (x(i).colour < 0)
#define LONG(i) (10 * x(i).body > x(i).bodies)
#define SHORT(i) (10 * x(i).body < x(i).bodies)
#define SMALL(i) (10 * x(i).body <= x(i).bodies)
#define DOJI(i) (100 * x(i).body <= x(i).ranges)
#define NO_UPPER(i) (100 * x(i).upper < x(i).ranges)
#define NO_LOWER(i) (100 * x(i).lower < x(i).ranges)
#define SOME_UPPER(i) (100 * x(i).upper > x(i).ranges)
#define SOME_LOWER(i) (100 * x(i).lower > x(i).ranges)
#define MARUBOZU(i) (LONG(i) && NO_UPPER(i) && NO_LOWER(i))
#define LONG_UPPER(i) (x(i).upper > x(i).body)
#define LONG_LOWER(i) (x(i).lower > x(i).body)
#define SHORT_UPPER(i) (20 * x(i).upper < x(i).shadows)
#define SHORT_LOWER(i) (20 * x(i).lower < x(i).shadows)
/* Bodies, then whole bars, that leave a gap: i lies above or below j. */
#define GAP_UP(i, j) (x(i).low > x(j).top)
#define GAP_DOWN(i, j) (x(i).top < x(j).low)
#define BAR_UP(i, j) (x(i).l > x(j).h)
#define BAR_DOWN(i, j) (x(i).h < x(j).l)
/* A distance against 0.2, 0.6 and 0.05 of the mean range of five bars. */
#define NEAR(d, i) (25 * (d) <= x(i).near)
#define NEARER(d, i) (25 * (d) < x(i).near)
#define FAR(d, i) (25 * (d) > 3 * x(i).near)
#define NOT_FAR(d, i) (25 * (d) < 3 * x(i).near)
#define EQUAL(d, i) (100 * (d) <= x(i).near)
#define ABS(d) ((d) < 0 ? -(d) : (d))

/* ---- what a bar is, in bits ------------------------------------------------ */

enum trade_candle_flag {
	IS_WHITE = 1 << 0, IS_LONG = 1 << 1, IS_SHORT = 1 << 2,
	IS_DOJI = 1 << 3, HAS_NO_UPPER = 1 << 4, HAS_NO_LOWER = 1 << 5,
	HAS_LONG_LOWER = 1 << 6, HAS_LONG_UPPER = 1 << 7,
	IS_ABOVE = 1 << 8, IS_BELOW = 1 << 9,	/* gap to the bar before */
	TURNS = 1 << 10,		/* another colour than the bar before */
	IS_INSIDE = 1 << 11,		/* the bar before */
	HAS_SHORT_SHADOWS = 1 << 12,
	FLAGS = 13
};
/* Patterns that are not ruled out by the flags of the last five bars, newest
 * first: a bit for each kind. */
uint64_t trade_candle_possible(const uint16_t flags[5]);

PATTERN(two_crows);
PATTERN(three_black_crows);
PATTERN(three_inside);
PATTERN(three_line_strike);
PATTERN(three_outside);
PATTERN(three_stars_in_south);
PATTERN(three_white_soldiers);
PATTERN(abandoned_baby);
PATTERN(advance_block);
PATTERN(belt_hold);
PATTERN(breakaway);
PATTERN(closing_marubozu);
PATTERN(conceal_baby_swallow);
PATTERN(counterattack);
PATTERN(dark_cloud_cover);
PATTERN(doji);
PATTERN(doji_star);
PATTERN(dragonfly_doji);
PATTERN(engulfing);
PATTERN(evening_doji_star);
PATTERN(evening_star);
PATTERN(gap_side_side_white);
PATTERN(gravestone_doji);
PATTERN(hammer);
PATTERN(hanging_man);
PATTERN(harami);
PATTERN(harami_cross);
PATTERN(high_wave);
PATTERN(hikkake);
PATTERN(hikkake_modified);
PATTERN(homing_pigeon);
PATTERN(identical_three_crows);
PATTERN(in_neck);
PATTERN(inverted_hammer);
PATTERN(kicking);
PATTERN(kicking_by_length);
PATTERN(ladder_bottom);
PATTERN(long_legged_doji);
PATTERN(long_line);
PATTERN(marubozu);
PATTERN(matching_low);
PATTERN(mat_hold);
PATTERN(morning_doji_star);
PATTERN(morning_star);
PATTERN(on_neck);
PATTERN(piercing);
PATTERN(rickshaw_man);
PATTERN(rise_fall_three_methods);
PATTERN(separating_lines);
PATTERN(shooting_star);
PATTERN(short_line);
PATTERN(spinning_top);
PATTERN(stalled_pattern);
PATTERN(stick_sandwich);
PATTERN(takuri);
PATTERN(tasuki_gap);
PATTERN(thrusting);
PATTERN(tristar);
PATTERN(unique_three_river);
PATTERN(upside_gap_two_crows);
PATTERN(x_side_gap_three_methods);

#endif
