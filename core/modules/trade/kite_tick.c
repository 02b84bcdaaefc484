/*
 * Binary packets of Kite's ticker. Prices are integers in parts of the
 * segment: hundredths, ten-millionths of currencies at the NSE,
 * ten-thousandths at the BSE; they are turned into decimals without rounding.
 * Refuses messages that end inside a packet, reads nothing beyond them.
 */
#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "modules/trade/kite.h"

enum { NSE_CD = 3, BSE_CD = 6, INDICES = 9 };
enum { LEN_LTP = 8, LEN_INDEX_QUOTE = 28, LEN_INDEX_FULL = 32,
    LEN_QUOTE = 44, LEN_FULL = 184, DEPTH_AT = 64, DEPTH_LEN = 12 };

static uint32_t
u16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t
u32(const uint8_t *p)
{
	return u16(p) << 16 | u16(p + 2);
}

/* 10^8 over the segment's parts. */
static int64_t
unit(uint32_t segment)
{
	return segment == NSE_CD ? 10 : segment == BSE_CD ? 10000 : 1000000;
}

static struct dec
price(const uint8_t *p, uint32_t segment)
{
	return (struct dec){ u32(p) * unit(segment) };
}

static struct utc
seconds(const uint8_t *p)
{
	return (struct utc){ u32(p) * US_PER_S };
}

static void
read_index(const uint8_t *p, size_t n, struct trade_kite_tick *t)
{
	t->high = price(p + 8, INDICES);
	t->low = price(p + 12, INDICES);
	t->open = price(p + 16, INDICES);
	t->close = price(p + 20, INDICES);
	if (n == LEN_INDEX_FULL)
		t->at = seconds(p + 28);
}

static void
read_quote(const uint8_t *p, uint32_t segment, struct trade_kite_tick *t)
{
	t->last_quantity = u32(p + 8);
	t->average = price(p + 12, segment);
	t->volume = u32(p + 16);
	t->buy_quantity = u32(p + 20);
	t->sell_quantity = u32(p + 24);
	t->open = price(p + 28, segment);
	t->high = price(p + 32, segment);
	t->low = price(p + 36, segment);
	t->close = price(p + 40, segment);
}

static void
read_depth(const uint8_t *p, uint32_t segment, struct trade_kite_depth *d)
{
	for (int i = 0; i < KITE_DEPTH; i++, p += DEPTH_LEN)
		d[i] = (struct trade_kite_depth){ u32(p), u16(p + 8),
		    price(p + 4, segment) };
}

static void
read_full(const uint8_t *p, uint32_t segment, struct trade_kite_tick *t)
{
	t->traded_at = seconds(p + 44);
	t->oi = u32(p + 48);
	t->oi_high = u32(p + 52);
	t->oi_low = u32(p + 56);
	t->at = seconds(p + 60);
	read_depth(p + DEPTH_AT, segment, t->bids);
	read_depth(p + DEPTH_AT + KITE_DEPTH * DEPTH_LEN, segment, t->asks);
}

/* False: a length that is not known. */
static bool
packet(const uint8_t *p, size_t n, struct trade_kite_tick *t)
{
	uint32_t token, segment;

	if (n != LEN_LTP && n != LEN_INDEX_QUOTE && n != LEN_INDEX_FULL &&
	    n != LEN_QUOTE && n != LEN_FULL)
		return false;
	token = u32(p);
	segment = token & 0xff;
	*t = (struct trade_kite_tick){ .token = token,
	    .index = segment == INDICES, .tradable = segment != INDICES,
	    .mode = n == LEN_LTP ? KITE_LTP : n == LEN_INDEX_QUOTE ||
	    n == LEN_QUOTE ? KITE_QUOTE : KITE_FULL,
	    .last = price(p + 4, segment) };
	if (n == LEN_INDEX_QUOTE || n == LEN_INDEX_FULL)
		read_index(p, n, t);
	else if (n != LEN_LTP)
		read_quote(p, segment, t);
	if (n == LEN_FULL)
		read_full(p, segment, t);
	if (n != LEN_LTP)
		t->change.e8 = t->last.e8 - t->close.e8;
	return true;
}

int
trade_kite_ticks(struct arena *a, const void *data, size_t n,
    struct trade_kite_tick **out, size_t *nticks, size_t *skipped,
    struct err *e)
{
	const uint8_t *p = data, *end = p + n;
	uint32_t count;

	*out = NULL;
	*nticks = *skipped = 0;
	if (n < 2)
		return 0;
	count = u16(p);
	if (count > KITE_TICKS_MAX)
		return err_set(e, 422, "ticks", "A message of %u packets",
		    count);
	p += 2;
	*out = arena_array(a, count > 0 ? count : 1, sizeof(**out));
	for (uint32_t i = 0; i < count; i++) {
		uint32_t len;

		if (end - p < 2 || end - p - 2 < (long)(len = u16(p))) {
			*nticks = 0;
			return err_set(e, 422, "ticks", "The message ends "
			    "inside packet %u of %u", i + 1, count);
		}
		if (packet(p + 2, len, &(*out)[*nticks]))
			(*nticks)++;
		else
			(*skipped)++;
		p += 2 + len;
	}
	return 0;
}
