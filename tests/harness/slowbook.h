/*
 * A book that is obviously right and slow: an array that is searched anew for
 * each step. It tells the same events as trade_book_add() and
 * trade_book_cancel() do.
 */
#ifndef HARNESS_SLOWBOOK_H
#define HARNESS_SLOWBOOK_H

#include "modules/trade/book.h"

enum { SLOW_ORDERS = 1024, SLOW_EVENTS = 1 << 16 };

struct slowbook {
	struct {
		struct trade_book_order o;
		enum { SLOW_OVER, SLOW_RESTS, SLOW_WAITS, SLOW_FIRED } place;
	} orders[SLOW_ORDERS];
	size_t norders;
	struct trade_book_event v[SLOW_EVENTS];
	size_t n;
	uint64_t seq;
	int64_t last;
};

void slowbook_add(struct slowbook *, const struct trade_book_order *);
/* 0, or 1: it is not there. */
int slowbook_cancel(struct slowbook *, uint64_t id);

#endif
