/*
 * Stops of a book: a heap a side by trigger, then arrival, and the trailing
 * ones once more in a list, because every new extreme moves them. Invariant: a
 * stop that was reached fires, whatever the price does until its turn.
 */
#include "base/arena.h"
#include "modules/trade/book_inner.h"

__extension__ typedef __int128 wide;

static bool
before(const struct trade_book *b, uint32_t x, uint32_t y)
{
	const struct trade_book_order *p = &b->nodes[x].o, *q = &b->nodes[y].o;

	if (p->stop != q->stop)
		return p->buy ? p->stop < q->stop : p->stop > q->stop;
	return p->seq < q->seq;
}

static void
put(struct trade_book *b, struct book_heap *h, size_t i, uint32_t node)
{
	h->v[i] = node;
	b->nodes[node].at = (uint32_t)i;
}

static void
rise(struct trade_book *b, struct book_heap *h, size_t i)
{
	uint32_t node = h->v[i];

	for (; i > 0 && before(b, node, h->v[(i - 1) / 2]); i = (i - 1) / 2)
		put(b, h, i, h->v[(i - 1) / 2]);
	put(b, h, i, node);
}

static void
sink(struct trade_book *b, struct book_heap *h, size_t i)
{
	uint32_t node = h->v[i];

	for (;;) {
		size_t c = 2 * i + 1;

		if (c + 1 < h->n && before(b, h->v[c + 1], h->v[c]))
			c++;
		if (c >= h->n || !before(b, h->v[c], node))
			break;
		put(b, h, i, h->v[c]);
		i = c;
	}
	put(b, h, i, node);
}

static int64_t
distance(const struct trade_book_order *o, int64_t mark)
{
	return o->trail_ppm == 0 ? o->trail :
	    (int64_t)((wide)mark * o->trail_ppm / 1000000);
}

/* A trailing stop follows the mark at its distance, by whole steps, towards
 * the price only. */
static bool
follow(struct trade_book *b, struct trade_book_order *o)
{
	int64_t mark = b->mark[o->buy], far = distance(o, mark), to;

	if (mark == 0 || (!o->buy && mark <= far) ||
	    (o->buy && mark > INT64_MAX - far))
		return false;
	to = o->buy ? mark + far : mark - far;
	if (o->stop != 0 && (o->buy ? o->stop - to < b->step :
	    to - o->stop < b->step))
		return false;
	o->stop = to;
	return true;
}

void
trade_book_wait(struct trade_book *b, uint32_t node)
{
	struct book_node *n = &b->nodes[node];
	struct book_heap *h = &b->stops[n->o.buy];

	if (n->o.type == BOOK_TRAIL) {
		if (n->o.stop == 0 && !follow(b, &n->o))
			n->o.stop = n->o.buy ? INT64_MAX : 1;
		if (b->ntrails == b->trail_cap) {
			b->trails = arena_grow(b->a, b->trails, b->trail_cap *
			    sizeof(*b->trails), b->trail_cap * 2 *
			    sizeof(*b->trails));
			b->trail_cap *= 2;
		}
		b->trails[b->ntrails++] = node;
	}
	if (h->n == h->cap) {
		h->v = arena_grow(b->a, h->v, h->cap * sizeof(*h->v),
		    h->cap * 2 * sizeof(*h->v));
		h->cap *= 2;
	}
	n->place = AT_STOP;
	h->v[h->n] = node;
	rise(b, h, h->n++);
}

static void
off_heap(struct trade_book *b, uint32_t node)
{
	struct book_node *n = &b->nodes[node];
	struct book_heap *h = &b->stops[n->o.buy];
	size_t i = n->at, t = 0;
	uint32_t moved = h->v[--h->n];

	if (moved != node) {
		put(b, h, i, moved);
		rise(b, h, i);
		sink(b, h, b->nodes[moved].at);
	}
	if (n->o.type != BOOK_TRAIL)
		return;
	while (b->trails[t] != node)
		t++;
	for (b->ntrails--; t < b->ntrails; t++)
		b->trails[t] = b->trails[t + 1];
}

static void
off_fired(struct trade_book *b, uint32_t node)
{
	struct book_node *n = &b->nodes[node];

	if (n->prev == NIL)
		b->fired = n->next;
	else
		b->nodes[n->prev].next = n->next;
	if (n->next == NIL)
		b->fired_last = n->prev;
	else
		b->nodes[n->next].prev = n->prev;
}

void
trade_book_unwait(struct trade_book *b, uint32_t node)
{
	if (b->nodes[node].place == AT_STOP)
		off_heap(b, node);
	else
		off_fired(b, node);
	b->nodes[node].place = AT_NONE;
}

void
trade_book_mark(struct trade_book *b, int64_t buy, int64_t sell)
{
	b->mark[true] = buy;
	b->mark[false] = sell;
	for (size_t i = 0; i < b->ntrails; i++) {
		struct book_node *n = &b->nodes[b->trails[i]];
		struct book_heap *h = &b->stops[n->o.buy];

		if (!follow(b, &n->o))
			continue;
		rise(b, h, n->at);
		sink(b, h, n->at);
		trade_book_tell(b, BOOK_TRAILED, n->o.id, 0, n->o.quantity,
		    n->o.stop, NULL);
	}
}

const struct trade_book_order *
trade_book_next_stop(const struct trade_book *b, bool buying)
{
	const struct book_heap *h = &b->stops[buying];

	return h->n == 0 ? NULL : &b->nodes[h->v[0]].o;
}

static bool
reached(const struct trade_book *b, bool buying)
{
	const struct trade_book_order *o = trade_book_next_stop(b, buying);
	int64_t mark = b->mark[buying];

	return o != NULL && mark != 0 && (buying ? mark >= o->stop :
	    mark <= o->stop);
}

void
trade_book_collect(struct trade_book *b)
{
	for (int buying = 1; buying >= 0; buying--)
		while (reached(b, buying)) {
			uint32_t node = b->stops[buying].v[0];
			struct book_node *n = &b->nodes[node];

			off_heap(b, node);
			n->place = AT_FIRED;
			n->prev = b->fired_last;
			n->next = NIL;
			if (b->fired_last == NIL)
				b->fired = node;
			else
				b->nodes[b->fired_last].next = node;
			b->fired_last = node;
			n->o.seq = ++b->seq;
			n->o.triggered = true;
			trade_book_tell(b, BOOK_TRIGGERED, n->o.id, 0,
			    n->o.quantity, n->o.stop, NULL);
		}
}

bool
trade_book_fire(struct trade_book *b)
{
	uint32_t node;

	trade_book_collect(b);
	node = b->fired;
	if (node == NIL)
		return false;
	trade_book_unwait(b, node);
	trade_book_execute(b, node);
	return true;
}
