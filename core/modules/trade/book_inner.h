/*
 * What book.c, book_level.c and book_stop.c share. Not for others.
 */
#ifndef TRADE_BOOK_INNER_H
#define TRADE_BOOK_INNER_H

#include "modules/trade/book.h"

#define NIL UINT32_MAX

enum node_place { AT_NONE, AT_LEVEL, AT_STOP, AT_FIRED };

struct book_node {
	struct trade_book_order o;
	uint32_t prev, next;	/* in its level or among the fired */
	uint32_t at;		/* its level, or its place in the heap */
	uint8_t place;
};
struct book_level {
	int64_t price;
	uint32_t head, tail;
};
/* One side, worst price first: the best is the last, where most happens. */
struct book_rung {
	int64_t price;
	uint32_t level;
};
struct book_side {
	struct book_rung *v;
	size_t n, cap;
};
struct book_heap {
	uint32_t *v;
	size_t n, cap;
};

struct trade_book {
	struct arena *a;
	trade_book_told *told;
	void *arg;
	struct book_node *nodes;
	uint32_t *hash;		/* node + 1; 0 = empty */
	uint64_t mask;
	size_t max, count;
	uint32_t free_node;
	struct book_level *levels;
	uint32_t nlevels, free_level;
	size_t level_cap;
	struct book_side side[2];	/* [1] bids */
	struct book_heap stops[2];	/* [1] buying */
	uint32_t *trails;	/* nodes, in order of arrival */
	size_t ntrails, trail_cap;
	uint32_t fired, fired_last;
	uint64_t seq;
	int64_t last, mark[2], step;
	bool outside;
};

/* book_level.c */
/* NIL: there is none. */
uint32_t trade_book_best_level(const struct trade_book *, bool bids);
void trade_book_queue(struct trade_book *, uint32_t node);
void trade_book_unqueue(struct trade_book *, uint32_t node);
uint32_t trade_book_find_level(const struct trade_book *, bool bids,
    int64_t price);

/* book_stop.c */
void trade_book_wait(struct trade_book *, uint32_t node);
void trade_book_unwait(struct trade_book *, uint32_t node);
/* Moves what is reached to the fired, each with a new place in time. */
void trade_book_collect(struct trade_book *);

/* book.c */
void trade_book_tell(struct trade_book *, enum trade_book_what, uint64_t id,
    uint64_t other, int64_t quantity, int64_t price, const char *why);
/* Matches a node that is in no place; rests, ends or drops it. */
void trade_book_execute(struct trade_book *, uint32_t node);

#endif
