/*
 * A limit order book: price first, then arrival. Prices and quantities are
 * integers of the caller's unit (10^-8 or ticks). It reads no clock and draws
 * no random numbers: the same calls give the same events.
 *
 * Besides orders that match each other it knows a market outside: an order may
 * stand behind units of others at its level (ahead), and trades of others come
 * in through trade_book_hit().
 */
#ifndef TRADE_BOOK_H
#define TRADE_BOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct trade_book;

enum trade_book_type {
	BOOK_MARKET, BOOK_LIMIT, BOOK_STOP, BOOK_STOP_LIMIT, BOOK_TRAIL
};
enum trade_book_tif { BOOK_REST, BOOK_IOC, BOOK_FOK };

struct trade_book_order {
	uint64_t id;		/* the caller's, unique in the book, not 0 */
	uint64_t owner;		/* does not trade with itself; 0: nobody's */
	uint64_t seq;		/* time priority; the book's */
	bool buy, post_only;
	bool triggered;		/* its stop was reached */
	enum trade_book_type type;
	enum trade_book_tif tif;
	int64_t quantity;	/* what is open of it */
	int64_t limit, stop;	/* 0 = none */
	int64_t trail;		/* BOOK_TRAIL: the stop's distance, or */
	int64_t trail_ppm;	/* millionths of the price */
	int64_t display;	/* iceberg: shown at a time; 0 = all */
	int64_t shown;		/* what is left of that; the book's */
	int64_t ahead;		/* units of others right before it */
	int64_t queue;		/* iceberg: ahead of each further part */
};

enum trade_book_what {
	BOOK_ADDED,		/* taken in; follows before its fills */
	BOOK_REFUSED,		/* why; nothing changed */
	BOOK_FILL,		/* quantity at price; other: who took it */
	BOOK_REFILL,		/* the next part of an iceberg, at the back */
	BOOK_TRIGGERED,		/* with a new place in time */
	BOOK_TRAILED,		/* its stop is price now */
	BOOK_CHANGED,		/* replaced */
	BOOK_ENDED		/* quantity that is not filled; why */
};
struct trade_book_event {
	enum trade_book_what what;
	uint64_t id;
	uint64_t other;		/* BOOK_FILL: the taker; 0: from outside */
	int64_t quantity, price;
	const char *why;	/* "cancelled" "no_depth" "self_trade" … */
};
typedef void trade_book_told(void *arg, const struct trade_book_event *);

/* For at most max open orders at a time; the memory is taken now. told may
 * not call the book. */
struct trade_book *trade_book_new(struct arena *, size_t max,
    trade_book_told *, void *arg);
/* Smallest step of a trailing stop; 1 at first. */
void trade_book_set_step(struct trade_book *, int64_t step);

/* A book of own orders in a market of others: stops look at what
 * trade_book_mark() says only, not at trades in the book, and orders of one
 * owner pass each other by. */
void trade_book_set_outside(struct trade_book *);

/* ---- orders ------------------------------------------------------------------ */

/* Takes an order in, matches it, fires the stops that its trades reach. Market
 * orders walk the book, what is left ends ("no_depth"); IOC the same within
 * its limit; FOK ends untouched unless all of it can be had; post_only ends
 * rather than take. Meeting an own order ends the newer one. 0, or -1 and
 * BOOK_REFUSED: "id", "quantity", "price", "full". */
int trade_book_add(struct trade_book *, const struct trade_book_order *);
/* The same without the stops: fire them with trade_book_fire(). */
int trade_book_enter(struct trade_book *, const struct trade_book_order *);
/* Puts back an order as it was (seq, shown, ahead), unmatched; in the order
 * of their seq. */
int trade_book_restore(struct trade_book *, const struct trade_book_order *);
/* 0, or 1: it is not there. */
int trade_book_cancel(struct trade_book *, uint64_t id);
/* Keeps its place when only the quantity shrinks; else it is a new arrival,
 * and may match. 0, 1: not there, -1: refused. 0 leaves a price as it is. */
int trade_book_replace(struct trade_book *, uint64_t id, int64_t quantity,
    int64_t limit, int64_t stop);
/* NULL: not there. Valid until the next call. */
const struct trade_book_order *trade_book_get(const struct trade_book *,
    uint64_t id);

/* ---- the market -------------------------------------------------------------- */

/* What stops look at, buying and selling ones (trades set both); 0: unknown.
 * Trailing stops follow. Fires nothing by itself. */
void trade_book_mark(struct trade_book *, int64_t buy, int64_t sell);
/* Fires one stop that is reached: by trigger, then arrival, all those reached
 * at a time before any later one. false: none is. */
bool trade_book_fire(struct trade_book *);
/* Somebody outside trades: buys from asks (or sells to bids) up to limit. One
 * fill a call, of the first order that is reached; its units are returned and
 * taken off *volume, so are those ahead of it. through: the price has left the
 * level behind, nothing is ahead any more. 0: no order is reached. */
int64_t trade_book_hit(struct trade_book *, bool buys, int64_t limit,
    bool through, int64_t *volume);
/* Price of the best resting order; 0 = none. */
int64_t trade_book_best(const struct trade_book *, bool bids);
/* The stop that is reached first when the price rises (buying) or falls;
 * NULL: none. */
const struct trade_book_order *trade_book_next_stop(const struct trade_book *,
    bool buying);
/* The first resting order of the best level; NULL: none. */
const struct trade_book_order *trade_book_first(const struct trade_book *,
    bool bids);
/* Shown units at a price, those ahead included. */
int64_t trade_book_shown(const struct trade_book *, bool bids, int64_t price);

/* ---- what is known ------------------------------------------------------------ */

int64_t trade_book_last(const struct trade_book *);
size_t trade_book_count(const struct trade_book *);
/* Every open order, bids best first, asks, stops (unsorted), fired ones. */
void trade_book_each(const struct trade_book *,
    void (*fn)(void *arg, const struct trade_book_order *), void *arg);

#endif
