/*
 * Kite Connect: what is its own beside the adapter: the checksum of
 * postbacks and the binary packets of its ticker.
 */
#ifndef TRADE_KITE_H
#define TRADE_KITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"

struct arena;
struct err;

/* Hex SHA-256(order_id + order_timestamp + api_secret) equals checksum. It
 * covers nothing else of a postback: its numbers are not to be believed. */
bool trade_kite_checksum(const char *order_id, const char *timestamp,
    const char *secret, const char *checksum);

/* ---- ticker (kite_tick.c) ------------------------------------------------------------ */

enum trade_kite_mode { KITE_LTP, KITE_QUOTE, KITE_FULL };
enum { KITE_DEPTH = 5, KITE_TICKS_MAX = 3000 };
struct trade_kite_depth {
	int64_t quantity, orders;
	struct dec price;
};
/* One packet. Quantities are units of the exchange. */
struct trade_kite_tick {
	enum trade_kite_mode mode;
	uint32_t token;			/* instrument_token */
	bool index, tradable;
	struct dec last, open, high, low, close;
	struct dec change;		/* last - close */
	/* not of an index */
	int64_t last_quantity, volume, buy_quantity, sell_quantity;
	struct dec average;
	/* KITE_FULL */
	struct utc traded_at, at;	/* 0 = none */
	int64_t oi, oi_high, oi_low;
	struct trade_kite_depth bids[KITE_DEPTH], asks[KITE_DEPTH];
};
/* A binary message: 16 bits count, then length and packet each, all big
 * endian. One byte is a heartbeat: 0 ticks. Packets of a length that is not
 * known are left out and counted in *skipped. -1: 422 "ticks" when the message
 * ends inside a packet; nothing of it is given. */
int trade_kite_ticks(struct arena *, const void *, size_t n,
    struct trade_kite_tick **, size_t *nticks, size_t *skipped,
    struct err *);

#endif
