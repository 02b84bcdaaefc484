/*
 * Any bytes as calls of the book: nothing is lost, nothing of two owners stays
 * crossed, an order is known exactly as long as it is open, and what was said
 * about it adds up, however large the numbers are.
 */
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "modules/trade/book.h"

enum { IDS = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static uint64_t left[IDS];		/* of an order, by what is heard */

static void
hear(void *arg, const struct trade_book_event *e)
{
	(void)arg;
	ASSERT(e->id < IDS && e->other < IDS);
	switch (e->what) {
	case BOOK_ADDED:
		left[e->id] = (uint64_t)e->quantity;
		break;
	case BOOK_FILL:
		ASSERT(e->quantity > 0 && e->price > 0);
		ASSERT(left[e->id] >= (uint64_t)e->quantity);
		left[e->id] -= (uint64_t)e->quantity;
		if (e->other != 0) {
			ASSERT(left[e->other] >= (uint64_t)e->quantity);
			left[e->other] -= (uint64_t)e->quantity;
		}
		break;
	case BOOK_CHANGED:
		left[e->id] = (uint64_t)e->quantity;
		break;
	case BOOK_ENDED:
		ASSERT(left[e->id] == (uint64_t)e->quantity);
		left[e->id] = 0;
		break;
	default:
		break;
	}
}

struct bytes {
	const uint8_t *p;
	size_t n;
};

static uint8_t
byte(struct bytes *b)
{
	if (b->n == 0)
		return 0;
	b->n--;
	return *b->p++;
}

/* Small mostly; sometimes as large as a number gets. */
static int64_t
amount(struct bytes *b)
{
	uint8_t x = byte(b);

	return x == 255 ? INT64_MAX : x == 254 ? INT64_MAX / 2 : x == 253 ?
	    -1 : x % 24;
}

static struct trade_book_order
order(struct bytes *b)
{
	uint8_t bits = byte(b), more = byte(b);
	struct trade_book_order o = { .id = byte(b) % IDS,
	    .owner = more % 4, .buy = bits & 1, .post_only = bits & 2,
	    .type = (enum trade_book_type)((bits >> 2) % 5),
	    .tif = (enum trade_book_tif)((bits >> 5) % 3) };

	o.quantity = amount(b);
	o.limit = amount(b);
	o.stop = amount(b);
	o.trail = amount(b);
	o.display = more & 16 ? amount(b) : 0;
	o.ahead = more & 32 ? amount(b) : 0;
	if (o.ahead < 0)
		o.ahead = 0;
	o.queue = o.ahead;
	return o;
}

static void
call(struct trade_book *book, struct bytes *b)
{
	struct trade_book_order o;
	int64_t volume, price;
	uint8_t what = byte(b);

	switch (what % 8) {
	case 0:
		trade_book_cancel(book, byte(b) % IDS);
		break;
	case 1:
		volume = amount(b);
		price = amount(b);
		trade_book_hit(book, what & 16, price, what & 32,
		    &(int64_t){ volume < 0 ? 0 : volume });
		break;
	case 2:
		o.id = byte(b) % IDS;
		o.quantity = amount(b);
		o.limit = amount(b);
		trade_book_replace(book, o.id, o.quantity, o.limit,
		    amount(b));
		break;
	case 3:
		price = amount(b);
		trade_book_mark(book, price < 0 ? 0 : price, price < 0 ? 0 :
		    price);
		while (trade_book_fire(book))
			continue;
		break;
	default:
		o = order(b);
		trade_book_add(book, &o);
	}
}

struct crossing {
	size_t n;
};

static void
look(void *arg, const struct trade_book_order *o)
{
	struct crossing *c = arg;
	bool rests = (o->type < BOOK_STOP || o->triggered);

	c->n++;
	ASSERT(o->quantity > 0 && o->ahead >= 0);
	ASSERT(left[o->id] == (uint64_t)o->quantity);
	ASSERT(!rests || (o->shown > 0 && o->shown <= o->quantity));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct arena *a = arena_new((size_t)16 << 20);
	struct trade_book *book = trade_book_new(a, 32, hear, NULL);
	struct bytes b = { data, n };

	memset(left, 0, sizeof(left));
	while (b.n > 0) {
		const struct trade_book_order *bid, *ask;
		struct crossing c = { .n = 0 };

		call(book, &b);
		trade_book_each(book, look, &c);
		ASSERT(c.n == trade_book_count(book));
		bid = trade_book_first(book, true);
		ask = trade_book_first(book, false);
		ASSERT(bid == NULL || ask == NULL || bid->limit <
		    ask->limit);
		for (uint64_t id = 1; id < IDS; id++)
			ASSERT((trade_book_get(book, id) != NULL) ==
			    (left[id] > 0));
	}
	arena_free(a);
	return 0;
}
