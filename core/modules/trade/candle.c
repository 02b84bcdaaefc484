/*
 * Candlestick patterns: the table and the stream. Invariant: the sums a bar
 * carries are of the bars before it, so that a pattern may ask any of the last
 * five bars about its own past in constant time.
 */
#include <string.h>
#include <strings.h>

#include "modules/trade/candle_inner.h"

#define KIND(name, first) { #name, first, trade_candle_##name }
const struct trade_candle_kind trade_candle_kinds[] = {
	KIND(two_crows, 12), KIND(three_black_crows, 13),
	KIND(three_inside, 12), KIND(three_line_strike, 8),
	KIND(three_outside, 3), KIND(three_stars_in_south, 12),
	KIND(three_white_soldiers, 12), KIND(abandoned_baby, 12),
	KIND(advance_block, 12), KIND(belt_hold, 10), KIND(breakaway, 14),
	KIND(closing_marubozu, 10), KIND(conceal_baby_swallow, 13),
	KIND(counterattack, 11), KIND(dark_cloud_cover, 11), KIND(doji, 10),
	KIND(doji_star, 11), KIND(dragonfly_doji, 10), KIND(engulfing, 2),
	KIND(evening_doji_star, 12), KIND(evening_star, 12),
	KIND(gap_side_side_white, 7), KIND(gravestone_doji, 10),
	KIND(hammer, 11), KIND(hanging_man, 11), KIND(harami, 11),
	KIND(harami_cross, 11), KIND(high_wave, 10), KIND(hikkake, 5),
	KIND(hikkake_modified, 10), KIND(homing_pigeon, 11),
	KIND(identical_three_crows, 12), KIND(in_neck, 11),
	KIND(inverted_hammer, 11), KIND(kicking, 11),
	KIND(kicking_by_length, 11), KIND(ladder_bottom, 14),
	KIND(long_legged_doji, 10), KIND(long_line, 10), KIND(marubozu, 10),
	KIND(matching_low, 6), KIND(mat_hold, 14),
	KIND(morning_doji_star, 12), KIND(morning_star, 12),
	KIND(on_neck, 11), KIND(piercing, 11), KIND(rickshaw_man, 10),
	KIND(rise_fall_three_methods, 14), KIND(separating_lines, 11),
	KIND(shooting_star, 11), KIND(short_line, 10),
	KIND(spinning_top, 10), KIND(stalled_pattern, 12),
	KIND(stick_sandwich, 7), KIND(takuri, 10), KIND(tasuki_gap, 7),
	KIND(thrusting, 11), KIND(tristar, 12),
	KIND(unique_three_river, 12), KIND(upside_gap_two_crows, 12),
	KIND(x_side_gap_three_methods, 2), { NULL, 0, NULL }
};

/* TA-Lib's names in the same order, without their "CDL". */
static const char *const talib_names[TRADE_CANDLES] = {
	"2CROWS", "3BLACKCROWS", "3INSIDE", "3LINESTRIKE", "3OUTSIDE",
	"3STARSINSOUTH", "3WHITESOLDIERS", "ABANDONEDBABY", "ADVANCEBLOCK",
	"BELTHOLD", "BREAKAWAY", "CLOSINGMARUBOZU", "CONCEALBABYSWALL",
	"COUNTERATTACK", "DARKCLOUDCOVER", "DOJI", "DOJISTAR",
	"DRAGONFLYDOJI", "ENGULFING", "EVENINGDOJISTAR", "EVENINGSTAR",
	"GAPSIDESIDEWHITE", "GRAVESTONEDOJI", "HAMMER", "HANGINGMAN",
	"HARAMI", "HARAMICROSS", "HIGHWAVE", "HIKKAKE", "HIKKAKEMOD",
	"HOMINGPIGEON", "IDENTICAL3CROWS", "INNECK", "INVERTEDHAMMER",
	"KICKING", "KICKINGBYLENGTH", "LADDERBOTTOM", "LONGLEGGEDDOJI",
	"LONGLINE", "MARUBOZU", "MATCHINGLOW", "MATHOLD", "MORNINGDOJISTAR",
	"MORNINGSTAR", "ONNECK", "PIERCING", "RICKSHAWMAN",
	"RISEFALL3METHODS", "SEPARATINGLINES", "SHOOTINGSTAR", "SHORTLINE",
	"SPINNINGTOP", "STALLEDPATTERN", "STICKSANDWICH", "TAKURI",
	"TASUKIGAP", "THRUSTING", "TRISTAR", "UNIQUE3RIVER",
	"UPSIDEGAP2CROWS", "XSIDEGAP3METHODS"
};

const char *
trade_candle_talib(size_t kind)
{
	return talib_names[kind];
}

int
trade_candle_find(const char *name)
{
	const char *bare = strncasecmp(name, "cdl", 3) == 0 ? name + 3 : name;

	for (int i = 0; i < TRADE_CANDLES; i++)
		if (strcmp(trade_candle_kinds[i].name, name) == 0 ||
		    strcasecmp(talib_names[i], bare) == 0)
			return i;
	return -1;
}

void
trade_candles_start(struct trade_candles *s)
{
	*s = (struct trade_candles){ .n = 0 };
}

static int64_t
max64(int64_t p, int64_t q)
{
	return p > q ? p : q;
}

static int64_t
min64(int64_t p, int64_t q)
{
	return p < q ? p : q;
}

static bool
is_bar(const struct trade_candle_bar *b)
{
	return b->l >= 0 && b->h <= TRADE_UNITS_MAX &&
	    b->l <= min64(b->o, b->c) && b->h >= max64(b->o, b->c);
}

static void
add(struct trade_candles *s, const struct trade_candle_bar *b)
{
	struct trade_candle *now = &s->ring[s->n % TRADE_CANDLE_RING];
	const struct trade_candle *old;

	*now = (struct trade_candle){ .o = b->o, .h = b->h, .l = b->l,
	    .c = b->c, .top = max64(b->o, b->c), .low = min64(b->o, b->c),
	    .bodies = s->bodies, .ranges = s->ranges, .shadows = s->shadows,
	    .near = s->near, .colour = b->c >= b->o ? 1 : -1 };
	now->body = now->top - now->low;
	now->upper = b->h - now->top;
	now->lower = now->low - b->l;
	s->bodies += now->body;
	s->ranges += b->h - b->l;
	s->shadows += now->upper + now->lower;
	s->near += b->h - b->l;
	if (s->n >= 10) {
		old = &s->ring[(s->n - 10) % TRADE_CANDLE_RING];
		s->bodies -= old->body;
		s->ranges -= old->h - old->l;
		s->shadows -= old->upper + old->lower;
	}
	if (s->n >= 5) {
		old = &s->ring[(s->n - 5) % TRADE_CANDLE_RING];
		s->near -= old->h - old->l;
	}
	s->n++;
}

/* A hikkake is remembered for three bars: a close beyond the bar before it
 * confirms it, once. */
static int
confirmed(struct trade_candles *s, int which, int value)
{
	const struct trade_candle *before;

	if (value != 0) {
		s->hikkake[which].at = s->n;
		s->hikkake[which].value = value;
		return value;
	}
	if (s->hikkake[which].at == 0 || s->n > s->hikkake[which].at + 3)
		return 0;
	before = &s->ring[(s->hikkake[which].at - 2) % TRADE_CANDLE_RING];
	value = s->hikkake[which].value;
	if (value > 0 ? x(0).c <= before->h : x(0).c >= before->l)
		return 0;
	s->hikkake[which].at = 0;
	return 2 * value;
}

/* Flags of the bar just added. The first bar has none before it. */
static uint16_t
flags(const struct trade_candles *s)
{
	unsigned f = (unsigned)WHITE(0) * IS_WHITE |
	    (unsigned)LONG(0) * IS_LONG | (unsigned)SHORT(0) * IS_SHORT |
	    (unsigned)DOJI(0) * IS_DOJI |
	    (unsigned)NO_UPPER(0) * HAS_NO_UPPER |
	    (unsigned)NO_LOWER(0) * HAS_NO_LOWER |
	    (unsigned)LONG_LOWER(0) * HAS_LONG_LOWER |
	    (unsigned)LONG_UPPER(0) * HAS_LONG_UPPER |
	    (unsigned)GAP_UP(0, 1) * IS_ABOVE |
	    (unsigned)GAP_DOWN(0, 1) * IS_BELOW |
	    (unsigned)(x(0).colour != x(1).colour) * TURNS;

	f |= (unsigned)((x(0).h < x(1).h) & (x(0).l > x(1).l)) * IS_INSIDE;
	f |= (unsigned)(SHORT_UPPER(0) & SHORT_LOWER(0)) * HAS_SHORT_SHADOWS;
	return (uint16_t)f;
}

/* These two are remembered from before their first bar. */
static uint64_t
hikkakes(struct trade_candles *s, int16_t *out)
{
	enum { PLAIN = 28, MODIFIED = 29 };
	bool inside = (s->flags[1] & IS_INSIDE) != 0;
	uint64_t hits = 0;
	int v;

	if (s->n > 2) {
		v = confirmed(s, 0, inside ? trade_candle_hikkake(s) : 0);
		out[PLAIN] = (int16_t)v;
		if (v != 0 && s->n > trade_candle_kinds[PLAIN].first)
			hits |= UINT64_C(1) << PLAIN;
	}
	if (s->n > 7) {
		v = confirmed(s, 1, inside ? trade_candle_hikkake_modified(s) :
		    0);
		out[MODIFIED] = (int16_t)v;
		if (v != 0 && s->n > trade_candle_kinds[MODIFIED].first)
			hits |= UINT64_C(1) << MODIFIED;
	}
	return hits;
}

int
trade_candles_step(struct trade_candles *s, const struct trade_candle_bar *b,
    int16_t out[TRADE_CANDLES], uint64_t *hits)
{
	uint64_t maybe;

	if (!is_bar(b))
		return -1;
	add(s, b);
	memmove(&s->flags[1], &s->flags[0], 4 * sizeof(s->flags[0]));
	s->flags[0] = flags(s);
	*hits = hikkakes(s, out);
	for (maybe = trade_candle_possible(s->flags); maybe != 0;
	    maybe &= maybe - 1) {
		int i = __builtin_ctzll(maybe);
		int v = s->n > trade_candle_kinds[i].first ?
		    trade_candle_kinds[i].value(s) : 0;

		out[i] = (int16_t)v;
		*hits |= (uint64_t)(v != 0) << i;
	}
	return 0;
}

int
trade_candles_push(struct trade_candles *s, const struct trade_candle_bar *b,
    int16_t out[TRADE_CANDLES])
{
	int16_t v[TRADE_CANDLES];
	uint64_t hits;

	if (trade_candles_step(s, b, v, &hits) == -1)
		return -1;
	memset(out, 0, TRADE_CANDLES * sizeof(*out));
	for (; hits != 0; hits &= hits - 1) {
		int i = __builtin_ctzll(hits);

		out[i] = v[i];
	}
	return 0;
}
