/*
 * Price levels of a book: a sorted array of prices a side, the best at its
 * end, and a FIFO of orders a price. Invariant: a level that is there has an
 * order; what stands ahead of an order that leaves stands ahead of the next.
 */
#include <string.h>

#include "base/arena.h"
#include "modules/trade/book_inner.h"

/* Bids rise towards the best, asks fall. */
static int64_t
rank(bool bids, int64_t price)
{
	return bids ? price : -price;
}

/* Place of a price in a side, or where it would be. The search begins at the
 * best price, near which most orders come. */
static size_t
place(const struct trade_book *b, bool bids, int64_t price)
{
	const struct book_side *s = &b->side[bids];
	int64_t want = rank(bids, price);
	size_t low = 0, high = s->n, step = 1;

	while (step < high && rank(bids, s->v[high - step].price) > want) {
		high -= step;
		step *= 2;
	}
	low = step < high ? high - step : 0;
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (rank(bids, s->v[mid].price) < want)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

uint32_t
trade_book_find_level(const struct trade_book *b, bool bids, int64_t price)
{
	const struct book_side *s = &b->side[bids];
	size_t i = place(b, bids, price);

	return i < s->n && s->v[i].price == price ? s->v[i].level : NIL;
}

uint32_t
trade_book_best_level(const struct trade_book *b, bool bids)
{
	const struct book_side *s = &b->side[bids];

	return s->n == 0 ? NIL : s->v[s->n - 1].level;
}

static uint32_t
new_level(struct trade_book *b, int64_t price)
{
	uint32_t l = b->free_level;

	if (l != NIL) {
		b->free_level = b->levels[l].head;
	} else {
		if (b->nlevels == b->level_cap) {
			b->levels = arena_grow(b->a, b->levels, b->level_cap *
			    sizeof(*b->levels), b->level_cap * 2 *
			    sizeof(*b->levels));
			b->level_cap *= 2;
		}
		l = b->nlevels++;
	}
	b->levels[l] = (struct book_level){ price, NIL, NIL };
	return l;
}

static uint32_t
make_level(struct trade_book *b, bool bids, int64_t price)
{
	struct book_side *s = &b->side[bids];
	size_t i = place(b, bids, price);

	if (i < s->n && s->v[i].price == price)
		return s->v[i].level;
	if (s->n == s->cap) {
		s->v = arena_grow(b->a, s->v, s->cap * sizeof(*s->v),
		    s->cap * 2 * sizeof(*s->v));
		s->cap *= 2;
	}
	memmove(&s->v[i + 1], &s->v[i], (s->n - i) * sizeof(*s->v));
	s->v[i] = (struct book_rung){ price, new_level(b, price) };
	s->n++;
	return s->v[i].level;
}

void
trade_book_queue(struct trade_book *b, uint32_t node)
{
	struct book_node *n = &b->nodes[node];
	uint32_t l = make_level(b, n->o.buy, n->o.limit);
	struct book_level *level = &b->levels[l];

	n->place = AT_LEVEL;
	n->at = l;
	n->prev = level->tail;
	n->next = NIL;
	if (level->tail == NIL)
		level->head = node;
	else
		b->nodes[level->tail].next = node;
	level->tail = node;
}

static void
drop_level(struct trade_book *b, bool bids, uint32_t l)
{
	struct book_side *s = &b->side[bids];
	size_t i = place(b, bids, b->levels[l].price);

	s->n--;
	memmove(&s->v[i], &s->v[i + 1], (s->n - i) * sizeof(*s->v));
	b->levels[l].head = b->free_level;
	b->free_level = l;
}

void
trade_book_unqueue(struct trade_book *b, uint32_t node)
{
	struct book_node *n = &b->nodes[node];
	struct book_level *level = &b->levels[n->at];

	if (n->prev == NIL)
		level->head = n->next;
	else
		b->nodes[n->prev].next = n->next;
	if (n->next == NIL) {
		level->tail = n->prev;
	} else {
		b->nodes[n->next].prev = n->prev;
		if (__builtin_add_overflow(b->nodes[n->next].o.ahead,
		    n->o.ahead, &b->nodes[n->next].o.ahead))
			b->nodes[n->next].o.ahead = INT64_MAX;
	}
	n->o.ahead = 0;
	n->place = AT_NONE;
	if (level->head == NIL)
		drop_level(b, n->o.buy, n->at);
}

int64_t
trade_book_best(const struct trade_book *b, bool bids)
{
	const struct book_side *s = &b->side[bids];

	return s->n == 0 ? 0 : s->v[s->n - 1].price;
}

const struct trade_book_order *
trade_book_first(const struct trade_book *b, bool bids)
{
	uint32_t l = trade_book_best_level(b, bids);

	return l == NIL ? NULL : &b->nodes[b->levels[l].head].o;
}

int64_t
trade_book_shown(const struct trade_book *b, bool bids, int64_t price)
{
	uint32_t l = trade_book_find_level(b, bids, price);
	int64_t sum = 0;

	if (l == NIL)
		return 0;
	for (uint32_t i = b->levels[l].head; i != NIL; i = b->nodes[i].next)
		if (__builtin_add_overflow(sum, b->nodes[i].o.shown, &sum) ||
		    __builtin_add_overflow(sum, b->nodes[i].o.ahead, &sum))
			return INT64_MAX;
	return sum;
}
