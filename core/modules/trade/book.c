/*
 * The book itself: taking orders in, matching, replacing, trades from outside.
 * Invariants: after every call no bid of one owner reaches an ask of another;
 * what an order was given is filled, open or ended, to the unit; within a
 * price who came first is served first.
 */
#include <string.h>

#include "base/arena.h"
#include "modules/trade/book_inner.h"

enum { FIRST_LEVELS = 64 };

void
trade_book_tell(struct trade_book *b, enum trade_book_what what, uint64_t id,
    uint64_t other, int64_t quantity, int64_t price, const char *why)
{
	const struct trade_book_event e = { what, id, other, quantity, price,
	    why };

	b->told(b->arg, &e);
}

struct trade_book *
trade_book_new(struct arena *a, size_t max, trade_book_told *told, void *arg)
{
	struct trade_book *b = arena_alloc(a, sizeof(*b));
	size_t slots = 64;

	*b = (struct trade_book){ .a = a, .told = told, .arg = arg,
	    .max = max, .free_node = NIL, .free_level = NIL,
	    .level_cap = FIRST_LEVELS, .trail_cap = FIRST_LEVELS,
	    .fired = NIL, .fired_last = NIL, .step = 1 };
	while (slots < 2 * max)
		slots *= 2;
	b->mask = slots - 1;
	b->hash = arena_array(a, slots, sizeof(*b->hash));
	b->nodes = arena_array(a, max, sizeof(*b->nodes));
	for (size_t i = max; i-- > 0;) {
		b->nodes[i].next = b->free_node;
		b->free_node = (uint32_t)i;
	}
	b->levels = arena_array(a, b->level_cap, sizeof(*b->levels));
	b->trails = arena_array(a, b->trail_cap, sizeof(*b->trails));
	for (int i = 0; i < 2; i++) {
		b->side[i].cap = b->stops[i].cap = FIRST_LEVELS;
		b->side[i].v = arena_array(a, FIRST_LEVELS,
		    sizeof(*b->side[i].v));
		b->stops[i].v = arena_array(a, FIRST_LEVELS,
		    sizeof(*b->stops[i].v));
	}
	return b;
}

void
trade_book_set_step(struct trade_book *b, int64_t step)
{
	b->step = step > 0 ? step : 1;
}

void
trade_book_set_outside(struct trade_book *b)
{
	b->outside = true;
}

/* ---- by id ---------------------------------------------------------------------- */

static uint64_t
slot_of(const struct trade_book *b, uint64_t id)
{
	id ^= id >> 32;
	id *= UINT64_C(0xd6e8feb86659fd93);
	id ^= id >> 32;
	return id & b->mask;
}

/* The slot of an id, or the empty one where it would be. */
static uint64_t
look(const struct trade_book *b, uint64_t id)
{
	uint64_t i = slot_of(b, id);

	while (b->hash[i] != 0 && b->nodes[b->hash[i] - 1].o.id != id)
		i = (i + 1) & b->mask;
	return i;
}

/* Later ones of the same run move up, so that no mark of a deleted one is
 * needed. */
static void
forget(struct trade_book *b, uint64_t id)
{
	uint64_t hole = look(b, id), i = hole;

	for (;;) {
		uint64_t home;

		i = (i + 1) & b->mask;
		if (b->hash[i] == 0)
			break;
		home = slot_of(b, b->nodes[b->hash[i] - 1].o.id);
		if (((i - home) & b->mask) >= ((i - hole) & b->mask)) {
			b->hash[hole] = b->hash[i];
			hole = i;
		}
	}
	b->hash[hole] = 0;
}

static uint32_t
find(const struct trade_book *b, uint64_t id)
{
	return b->hash[look(b, id)] - 1;
}

const struct trade_book_order *
trade_book_get(const struct trade_book *b, uint64_t id)
{
	uint32_t n = find(b, id);

	return n == NIL ? NULL : &b->nodes[n].o;
}

/* ---- taking in --------------------------------------------------------------------- */

static const char *
wrong(const struct trade_book *b, const struct trade_book_order *o)
{
	bool limit = o->type == BOOK_LIMIT || o->type == BOOK_STOP_LIMIT;
	bool stop = o->type == BOOK_STOP || o->type == BOOK_STOP_LIMIT;

	if (o->id == 0 || b->hash[look(b, o->id)] != 0)
		return "id";
	if (o->quantity <= 0 || o->display < 0 || o->display > o->quantity)
		return "quantity";
	if ((limit && o->limit <= 0) || (stop && o->stop <= 0) ||
	    (o->type == BOOK_TRAIL && (o->trail < 0 || o->trail_ppm < 0 ||
	    o->trail_ppm >= 1000000 || (o->trail == 0 &&
	    o->trail_ppm == 0) ||
	    o->stop < 0)))
		return "price";
	return b->free_node == NIL ? "full" : NULL;
}

static uint32_t
make(struct trade_book *b, const struct trade_book_order *o)
{
	uint32_t i = b->free_node;
	struct book_node *n = &b->nodes[i];

	b->free_node = n->next;
	*n = (struct book_node){ .o = *o, .prev = NIL, .next = NIL };
	b->hash[look(b, o->id)] = i + 1;
	b->count++;
	return i;
}

static void
drop(struct trade_book *b, uint32_t i)
{
	forget(b, b->nodes[i].o.id);
	b->nodes[i].next = b->free_node;
	b->free_node = i;
	b->count--;
}

/* Ends a node that is in no place. */
static void
end(struct trade_book *b, uint32_t i, const char *why)
{
	const struct trade_book_order o = b->nodes[i].o;

	drop(b, i);
	trade_book_tell(b, BOOK_ENDED, o.id, 0, o.quantity, 0, why);
}

static bool
is_stop(const struct trade_book_order *o)
{
	return o->type >= BOOK_STOP && !o->triggered;
}

static bool
has_limit(const struct trade_book_order *o)
{
	return o->type == BOOK_LIMIT || o->type == BOOK_STOP_LIMIT;
}

static bool
crosses(const struct trade_book_order *o, int64_t price)
{
	return !has_limit(o) || (o->buy ? price <= o->limit :
	    price >= o->limit);
}

static int64_t
part(const struct trade_book_order *o)
{
	return o->display > 0 && o->display < o->quantity ? o->display :
	    o->quantity;
}

static void
rest(struct trade_book *b, uint32_t i)
{
	b->nodes[i].o.shown = part(&b->nodes[i].o);
	trade_book_queue(b, i);
}

/* ---- matching ---------------------------------------------------------------------- */

/* Takes units off a resting order; an iceberg's next part goes to the back. */
static void
reduce(struct trade_book *b, uint32_t i, int64_t q)
{
	struct book_node *n = &b->nodes[i];

	n->o.quantity -= q;
	n->o.shown -= q;
	if (n->o.shown > 0)
		return;
	trade_book_unqueue(b, i);
	if (n->o.quantity == 0) {
		drop(b, i);
		return;
	}
	n->o.seq = ++b->seq;
	rest(b, i);
	n->o.ahead = n->o.queue;
	trade_book_tell(b, BOOK_REFILL, n->o.id, 0, n->o.shown, n->o.limit,
	    NULL);
}

/* Whether all of it can be had at once. Hidden parts count, unless an own
 * order waits on their level: they are behind it. */
static bool
fillable(const struct trade_book *b, const struct trade_book_order *o)
{
	const struct book_side *s = &b->side[!o->buy];
	int64_t need = o->quantity;

	for (size_t k = s->n; k-- > 0 && crosses(o, s->v[k].price);) {
		int64_t shown = 0, all = 0;
		uint32_t i = b->levels[s->v[k].level].head;

		for (; i != NIL && shown < need; i = b->nodes[i].next) {
			const struct trade_book_order *r = &b->nodes[i].o;

			if (o->owner != 0 && r->owner == o->owner) {
				if (!b->outside)
					return false;
				continue;
			}
			if (__builtin_add_overflow(shown, r->shown, &shown) ||
			    __builtin_add_overflow(all, r->quantity, &all))
				return true;
		}
		if (shown >= need || all >= need)
			return true;
		need -= all;
	}
	return false;
}

/* The resting order that is met first; NIL: none. In a market of others own
 * orders are passed by. */
static uint32_t
opposite(const struct trade_book *b, const struct trade_book_order *o)
{
	const struct book_side *s = &b->side[!o->buy];

	for (size_t k = s->n; k-- > 0 && crosses(o, s->v[k].price);) {
		uint32_t i = b->levels[s->v[k].level].head;

		while (i != NIL && b->outside && o->owner != 0 &&
		    b->nodes[i].o.owner == o->owner)
			i = b->nodes[i].next;
		if (i != NIL)
			return i;
	}
	return NIL;
}

/* One match. false: nothing more to match; *why: what ends the taker. */
static bool
match(struct trade_book *b, struct trade_book_order *o, const char **why)
{
	uint32_t i = o->quantity == 0 ? NIL : opposite(b, o);
	const struct trade_book_order *r;
	int64_t q;

	if (i == NIL)
		return false;
	r = &b->nodes[i].o;
	if (o->owner != 0 && r->owner == o->owner) {
		*why = "self_trade";
		return false;
	}
	q = r->shown < o->quantity ? r->shown : o->quantity;
	o->quantity -= q;
	b->last = r->limit;
	trade_book_tell(b, BOOK_FILL, r->id, o->id, q, r->limit, NULL);
	reduce(b, i, q);
	return true;
}

void
trade_book_execute(struct trade_book *b, uint32_t i)
{
	struct trade_book_order *o = &b->nodes[i].o;
	const char *why = NULL;
	int64_t before = b->last;
	bool meets = (o->post_only || o->tif == BOOK_FOK) &&
	    opposite(b, o) != NIL;

	if (o->post_only && meets) {
		end(b, i, "post_only");
		return;
	}
	if (o->tif == BOOK_FOK && (!meets || !fillable(b, o))) {
		end(b, i, "no_depth");
		return;
	}
	while (match(b, o, &why))
		continue;
	if (b->last != before && !b->outside)
		trade_book_mark(b, b->last, b->last);
	if (o->quantity == 0)
		drop(b, i);
	else if (why != NULL)
		end(b, i, why);
	else if (o->tif != BOOK_REST || !has_limit(o))
		end(b, i, "no_depth");
	else
		rest(b, i);
}

int
trade_book_enter(struct trade_book *b, const struct trade_book_order *o)
{
	const char *why = wrong(b, o);
	uint32_t i;

	if (why != NULL) {
		trade_book_tell(b, BOOK_REFUSED, o->id, 0, o->quantity, 0,
		    why);
		return -1;
	}
	i = make(b, o);
	b->nodes[i].o.seq = ++b->seq;
	trade_book_tell(b, BOOK_ADDED, o->id, 0, o->quantity, o->limit, NULL);
	if (is_stop(o))
		trade_book_wait(b, i);
	else
		trade_book_execute(b, i);
	return 0;
}

int
trade_book_add(struct trade_book *b, const struct trade_book_order *o)
{
	int rc = trade_book_enter(b, o);

	while (rc == 0 && trade_book_fire(b))
		continue;
	return rc;
}

int
trade_book_restore(struct trade_book *b, const struct trade_book_order *was)
{
	struct trade_book_order now = *was, *o = &now;
	uint32_t i;

	if (o->display > o->quantity)
		o->display = o->quantity;
	if (wrong(b, o) != NULL || (!is_stop(o) && !has_limit(o)))
		return -1;
	i = make(b, o);
	if (o->seq > b->seq)
		b->seq = o->seq;
	if (is_stop(o)) {
		trade_book_wait(b, i);
		return 0;
	}
	if (o->shown <= 0 || o->shown > o->quantity)
		b->nodes[i].o.shown = part(o);
	trade_book_queue(b, i);
	return 0;
}

/* ---- changing ------------------------------------------------------------------------ */

static void
take_out(struct trade_book *b, uint32_t i)
{
	if (b->nodes[i].place == AT_LEVEL)
		trade_book_unqueue(b, i);
	else
		trade_book_unwait(b, i);
}

int
trade_book_cancel(struct trade_book *b, uint64_t id)
{
	uint32_t i = find(b, id);

	if (i == NIL)
		return 1;
	take_out(b, i);
	end(b, i, "cancelled");
	return 0;
}

int
trade_book_replace(struct trade_book *b, uint64_t id, int64_t quantity,
    int64_t limit, int64_t stop)
{
	uint32_t i = find(b, id);
	struct trade_book_order *o;
	bool moves;

	if (i == NIL)
		return 1;
	o = &b->nodes[i].o;
	if (quantity <= 0 || limit < 0 || stop < 0)
		return -1;
	limit = limit == 0 || !has_limit(o) ? o->limit : limit;
	stop = stop == 0 || !is_stop(o) ? o->stop : stop;
	moves = limit != o->limit || stop != o->stop ||
	    quantity > o->quantity;
	if (moves)
		take_out(b, i);
	o->quantity = quantity;
	o->limit = limit;
	o->stop = stop;
	if (o->shown > quantity)
		o->shown = quantity;
	if (o->display > quantity)
		o->display = quantity;
	trade_book_tell(b, BOOK_CHANGED, id, 0, quantity, limit, NULL);
	if (!moves)
		return 0;
	o->seq = ++b->seq;
	if (is_stop(o))
		trade_book_wait(b, i);
	else
		trade_book_execute(b, i);
	while (trade_book_fire(b))
		continue;
	return 0;
}

/* ---- trades of others ---------------------------------------------------------------- */

int64_t
trade_book_hit(struct trade_book *b, bool buys, int64_t limit, bool through,
    int64_t *volume)
{
	uint32_t l = trade_book_best_level(b, !buys), i;
	int64_t q;

	if (l == NIL || (buys ? b->levels[l].price > limit :
	    b->levels[l].price < limit))
		return 0;
	for (i = b->levels[l].head; i != NIL; i = b->nodes[i].next) {
		struct trade_book_order *o = &b->nodes[i].o;

		q = o->ahead < *volume ? o->ahead : *volume;
		if (through)
			o->ahead = 0;
		else {
			o->ahead -= q;
			*volume -= q;
		}
		if (o->ahead > 0 || *volume == 0)
			return 0;
		q = o->shown < *volume ? o->shown : *volume;
		*volume -= q;
		trade_book_tell(b, BOOK_FILL, o->id, 0, q, o->limit, NULL);
		reduce(b, i, q);
		return q;
	}
	return 0;
}

/* ---- what is known -------------------------------------------------------------------- */

int64_t
trade_book_last(const struct trade_book *b)
{
	return b->last;
}

size_t
trade_book_count(const struct trade_book *b)
{
	return b->count;
}

void
trade_book_each(const struct trade_book *b,
    void (*fn)(void *, const struct trade_book_order *), void *arg)
{
	for (int bids = 1; bids >= 0; bids--)
		for (size_t k = b->side[bids].n; k-- > 0;)
			for (uint32_t i = b->levels[b->side[bids].v[k].level].
			    head; i != NIL; i = b->nodes[i].next)
				fn(arg, &b->nodes[i].o);
	for (int buying = 1; buying >= 0; buying--)
		for (size_t k = 0; k < b->stops[buying].n; k++)
			fn(arg, &b->nodes[b->stops[buying].v[k]].o);
	for (uint32_t i = b->fired; i != NIL; i = b->nodes[i].next)
		fn(arg, &b->nodes[i].o);
}
