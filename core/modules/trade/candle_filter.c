/*
 * Which patterns the last five bars leave possible, by five look-ups. What is
 * written here of a pattern is necessary for it, never more: a pattern whose
 * bit is missing would have the value 0 (tested over random bars against all
 * 61 functions).
 */
#include <stddef.h>

#include "modules/trade/candle_inner.h"

/* Flags that must be there, must not, and of which one must be. */
struct need {
	uint16_t all, none, any;
};
#define W IS_WHITE
#define L IS_LONG
#define S IS_SHORT
#define D IS_DOJI
#define NU HAS_NO_UPPER
#define NL HAS_NO_LOWER
#define LL HAS_LONG_LOWER
#define LU HAS_LONG_UPPER
#define GU IS_ABOVE
#define GD IS_BELOW
#define T TURNS
#define SH HAS_SHORT_SHADOWS
#define WHITE_(f) { W | (f), 0, 0 }
#define BLACK_(f) { (f), W, 0 }
#define HAS(f) { (f), 0, 0 }
#define LACKS(f) { 0, (f), 0 }
#define GAPS { 0, 0, GU | GD }
#define ANY { 0, 0, 0 }

/* Newest bar first. */
static const struct need needs[TRADE_CANDLES][5] = {
	/* two_crows */
	{ BLACK_(0), BLACK_(GU), WHITE_(L) },
	/* three_black_crows */
	{ BLACK_(NL), BLACK_(NL), BLACK_(NL), WHITE_(0) },
	/* three_inside */
	{ ANY, LACKS(L), HAS(L) },
	/* three_line_strike */
	{ HAS(T), LACKS(T), LACKS(T) },
	/* three_outside */
	{ ANY, HAS(T) },
	/* three_stars_in_south */
	{ BLACK_(S | NL | NU), BLACK_(0), BLACK_(L | LL) },
	/* three_white_soldiers */
	{ WHITE_(NU | L), WHITE_(NU), WHITE_(NU) },
	/* abandoned_baby */
	{ HAS(L), { D, 0, GU | GD }, HAS(L) },
	/* advance_block */
	{ WHITE_(0), WHITE_(0), WHITE_(L) },
	/* belt_hold */
	{ { L, 0, NU | NL } },
	/* breakaway */
	{ HAS(T), ANY, ANY, { 0, T, GU | GD }, HAS(L) },
	/* closing_marubozu */
	{ { L, 0, NU | NL } },
	/* conceal_baby_swallow */
	{ BLACK_(0), BLACK_(GD), BLACK_(NL | NU), BLACK_(NL | NU) },
	/* counterattack */
	{ HAS(T | L), HAS(L) },
	/* dark_cloud_cover */
	{ BLACK_(0), WHITE_(L) },
	/* doji */
	{ HAS(D) },
	/* doji_star */
	{ { D, 0, GU | GD }, HAS(L) },
	/* dragonfly_doji */
	{ HAS(D | NU) },
	/* engulfing */
	{ HAS(T) },
	/* evening_doji_star */
	{ BLACK_(L), HAS(D | GU), WHITE_(L) },
	/* evening_star */
	{ BLACK_(L), { GU, L, 0 }, WHITE_(L) },
	/* gap_side_side_white */
	{ WHITE_(0), { W, 0, GU | GD } },
	/* gravestone_doji */
	{ HAS(D | NL) },
	/* hammer */
	{ HAS(S | LL | NU) },
	/* hanging_man */
	{ HAS(S | LL | NU) },
	/* harami */
	{ LACKS(L | GU | GD), HAS(L) },
	/* harami_cross */
	{ { D, GU | GD, 0 }, HAS(L) },
	/* high_wave */
	{ HAS(S | LU | LL) },
	/* hikkake, hikkake_modified: elsewhere */
	{ { W, W, 0 } }, { { W, W, 0 } },
	/* homing_pigeon */
	{ { 0, W | L, 0 }, BLACK_(L) },
	/* identical_three_crows */
	{ BLACK_(NL), BLACK_(NL), BLACK_(NL) },
	/* in_neck */
	{ WHITE_(0), BLACK_(L) },
	/* inverted_hammer */
	{ HAS(S | LU | NL | GD) },
	/* kicking, kicking_by_length */
	{ HAS(T | L | NU | NL), HAS(L | NU | NL) },
	{ HAS(T | L | NU | NL), HAS(L | NU | NL) },
	/* ladder_bottom */
	{ WHITE_(0), BLACK_(0), BLACK_(0), BLACK_(0), BLACK_(0) },
	/* long_legged_doji */
	{ { D, 0, LL | LU } },
	/* long_line */
	{ HAS(L | SH) },
	/* marubozu */
	{ HAS(L | NU | NL) },
	/* matching_low */
	{ BLACK_(0), BLACK_(0) },
	/* mat_hold */
	{ WHITE_(0), HAS(S), HAS(S), BLACK_(S | GU), WHITE_(L) },
	/* morning_doji_star */
	{ WHITE_(L), HAS(D | GD), BLACK_(L) },
	/* morning_star */
	{ WHITE_(L), { GD, L, 0 }, BLACK_(L) },
	/* on_neck */
	{ WHITE_(0), BLACK_(L) },
	/* piercing */
	{ WHITE_(L), BLACK_(L) },
	/* rickshaw_man */
	{ HAS(D | LL | LU) },
	/* rise_fall_three_methods */
	{ HAS(T | L), { S, T, 0 }, { S, T, 0 }, HAS(S | T), HAS(L) },
	/* separating_lines */
	{ { T | L, 0, NU | NL } },
	/* shooting_star */
	{ HAS(S | LU | NL | GU) },
	/* short_line */
	{ HAS(S | SH) },
	/* spinning_top */
	{ HAS(S | LU | LL) },
	/* stalled_pattern */
	{ WHITE_(S), WHITE_(L | NU), WHITE_(L) },
	/* stick_sandwich */
	{ BLACK_(0), WHITE_(0), BLACK_(0) },
	/* takuri */
	{ HAS(D | NU) },
	/* tasuki_gap */
	{ HAS(T), GAPS },
	/* thrusting */
	{ WHITE_(0), BLACK_(L) },
	/* tristar */
	{ ANY, GAPS, HAS(D) },
	/* unique_three_river */
	{ WHITE_(S), BLACK_(0), BLACK_(L) },
	/* upside_gap_two_crows */
	{ BLACK_(0), { GU, W | L, 0 }, WHITE_(L) },
	/* x_side_gap_three_methods */
	{ HAS(T), { 0, T, GU | GD } }
};

static uint64_t table[5][1 << FLAGS];

static bool
meets(const struct need *n, unsigned f)
{
	return (f & n->all) == n->all && (f & n->none) == 0 &&
	    (n->any == 0 || (f & n->any) != 0);
}

/* Once in a process: about two milliseconds. */
static void
fill(void)
{
	for (unsigned i = 0; i < 5; i++)
		for (unsigned f = 0; f < 1u << FLAGS; f++) {
			uint64_t bits = 0;

			for (unsigned k = 0; k < TRADE_CANDLES; k++)
				bits |= (uint64_t)meets(&needs[k][i], f) << k;
			table[i][f] = bits;
		}
}

uint64_t
trade_candle_possible(const uint16_t f[5])
{
	/* Most patterns ask nothing of the fifth bar: not 0 once filled. */
	if (table[4][0] == 0)
		fill();
	return table[0][f[0]] & table[1][f[1]] & table[2][f[2]] &
	    table[3][f[3]] & table[4][f[4]];
}
