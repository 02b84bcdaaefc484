/*
 * A simulated market: seeded, the same again for the same seed. A tick is a
 * function of the seed, its number and the price before it, so a market goes
 * on from its last prices and needs no state of its own. Pure.
 */
#ifndef TRADE_MOCK_H
#define TRADE_MOCK_H

#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "modules/trade/tick.h"

struct trade_mock_market {
	uint64_t seed;
	size_t n;			/* symbols */
	double rate;			/* ticks a second, of all */
	double volatility;		/* sd of a price's change in a second */
	double spread;			/* part of the price */
	double correlation;		/* 0-1, with the common factor */
};
/* The default symbols and their first prices; NULL-terminated. */
struct trade_mock_symbol {
	const char *symbol, *name;
	double price;
};
extern const struct trade_mock_symbol trade_mock_symbols[];
/* First price of any symbol: its own, or one made of its name. */
struct dec trade_mock_price(const char *symbol);
/* Which symbol tick number k is of. */
size_t trade_mock_turn(const struct trade_mock_market *, uint64_t k);
/* Tick k of symbol i = trade_mock_turn(k), whose price was `last` and began at
 * `base`. at: when the market began. Sets seq, at, last, bid, ask, volume. */
void trade_mock_tick(const struct trade_mock_market *, uint64_t k,
    struct dec last, struct dec base, struct utc at, struct trade_tick *);

#endif
