/*
 * The slow book: every question is answered by looking at every order.
 */
#include "tests/harness/slowbook.h"

static void
tell(struct slowbook *s, enum trade_book_what what, uint64_t id,
    uint64_t other, int64_t q, int64_t price)
{
	if (s->n < SLOW_EVENTS)
		s->v[s->n++] = (struct trade_book_event){ what, id, other, q,
		    price, NULL };
}

static bool
limited(const struct trade_book_order *o)
{
	return o->type == BOOK_LIMIT || o->type == BOOK_STOP_LIMIT;
}

static bool
takes(const struct trade_book_order *o, int64_t price)
{
	return !limited(o) || (o->buy ? price <= o->limit :
	    price >= o->limit);
}

/* The resting order that would be met next, or -1. */
static long
opposite(const struct slowbook *s, const struct trade_book_order *o)
{
	long best = -1;

	for (size_t i = 0; i < s->norders; i++) {
		const struct trade_book_order *x = &s->orders[i].o, *y;

		if (s->orders[i].place != SLOW_RESTS || x->buy == o->buy ||
		    !takes(o, x->limit))
			continue;
		y = best == -1 ? NULL : &s->orders[best].o;
		if (y == NULL || (x->limit == y->limit ? x->seq < y->seq :
		    o->buy ? x->limit < y->limit : x->limit > y->limit))
			best = (long)i;
	}
	return best;
}

static void
part(struct trade_book_order *o)
{
	o->shown = o->display > 0 && o->display < o->quantity ? o->display :
	    o->quantity;
}

/* One match; false: none. own: it stands before it. */
static bool
once(struct slowbook *s, struct trade_book_order *o, bool *own)
{
	long i = o->quantity == 0 ? -1 : opposite(s, o);
	struct trade_book_order *r;
	int64_t q;

	if (i == -1)
		return false;
	r = &s->orders[i].o;
	if (o->owner != 0 && r->owner == o->owner) {
		*own = true;
		return false;
	}
	q = r->shown < o->quantity ? r->shown : o->quantity;
	o->quantity -= q;
	r->quantity -= q;
	r->shown -= q;
	s->last = r->limit;
	tell(s, BOOK_FILL, r->id, o->id, q, r->limit);
	if (r->quantity == 0)
		s->orders[i].place = SLOW_OVER;
	else if (r->shown == 0) {
		r->seq = ++s->seq;
		part(r);
		tell(s, BOOK_REFILL, r->id, 0, r->shown, r->limit);
	}
	return true;
}

/* A FOK is tried on a copy. */
static bool
could_fill(const struct slowbook *s, struct trade_book_order o)
{
	static struct slowbook copy;
	bool own = false;

	copy = *s;
	while (once(&copy, &o, &own))
		continue;
	return o.quantity == 0;
}

static void
follow(struct slowbook *s)
{
	for (size_t i = 0; i < s->norders; i++) {
		struct trade_book_order *o = &s->orders[i].o;
		int64_t to = o->buy ? s->last + o->trail : s->last - o->trail;

		if (s->orders[i].place != SLOW_WAITS ||
		    o->type != BOOK_TRAIL || (o->buy ? to >= o->stop :
		    to <= o->stop))
			continue;
		o->stop = to;
		tell(s, BOOK_TRAILED, o->id, 0, o->quantity, to);
	}
}

static void
execute(struct slowbook *s, size_t i)
{
	struct trade_book_order *o = &s->orders[i].o;
	int64_t before = s->last;
	bool own = false;

	s->orders[i].place = SLOW_OVER;
	if ((o->post_only && opposite(s, o) != -1) ||
	    (o->tif == BOOK_FOK && !could_fill(s, *o))) {
		tell(s, BOOK_ENDED, o->id, 0, o->quantity, 0);
		return;
	}
	while (once(s, o, &own))
		continue;
	if (s->last != before)
		follow(s);
	if (o->quantity == 0)
		return;
	if (own || o->tif != BOOK_REST || !limited(o)) {
		tell(s, BOOK_ENDED, o->id, 0, o->quantity, 0);
		return;
	}
	part(o);
	s->orders[i].place = SLOW_RESTS;
}

/* The stop that is reached first: buying ones before selling ones. */
static long
reached(const struct slowbook *s)
{
	for (int buying = 1; buying >= 0; buying--) {
		long best = -1;

		for (size_t i = 0; i < s->norders; i++) {
			const struct trade_book_order *x = &s->orders[i].o,
			    *y = best == -1 ? NULL : &s->orders[best].o;

			if (s->orders[i].place != SLOW_WAITS ||
			    x->buy != buying || s->last == 0 ||
			    (buying ? s->last < x->stop : s->last > x->stop))
				continue;
			if (y == NULL || (x->stop == y->stop ? x->seq < y->seq
			    : buying ? x->stop < y->stop : x->stop > y->stop))
				best = (long)i;
		}
		if (best != -1)
			return best;
	}
	return -1;
}

static bool
fire(struct slowbook *s)
{
	long i, first = -1;

	while ((i = reached(s)) != -1) {
		struct trade_book_order *o = &s->orders[i].o;

		s->orders[i].place = SLOW_FIRED;
		o->seq = ++s->seq;
		o->triggered = true;
		tell(s, BOOK_TRIGGERED, o->id, 0, o->quantity, o->stop);
	}
	for (size_t k = 0; k < s->norders; k++)
		if (s->orders[k].place == SLOW_FIRED && (first == -1 ||
		    s->orders[k].o.seq < s->orders[first].o.seq))
			first = (long)k;
	if (first == -1)
		return false;
	execute(s, (size_t)first);
	return true;
}

void
slowbook_add(struct slowbook *s, const struct trade_book_order *given)
{
	size_t i = s->norders++;
	struct trade_book_order *o = &s->orders[i].o;

	*o = *given;
	o->seq = ++s->seq;
	tell(s, BOOK_ADDED, o->id, 0, o->quantity, o->limit);
	if (o->type < BOOK_STOP) {
		execute(s, i);
	} else {
		s->orders[i].place = SLOW_WAITS;
		if (o->type == BOOK_TRAIL && o->stop == 0)
			o->stop = s->last == 0 || (!o->buy && s->last <=
			    o->trail) ? (o->buy ? INT64_MAX : 1) : o->buy ?
			    s->last + o->trail : s->last - o->trail;
	}
	while (fire(s))
		continue;
}

int
slowbook_cancel(struct slowbook *s, uint64_t id)
{
	for (size_t i = 0; i < s->norders; i++)
		if (s->orders[i].o.id == id &&
		    s->orders[i].place != SLOW_OVER) {
			s->orders[i].place = SLOW_OVER;
			tell(s, BOOK_ENDED, id, 0, s->orders[i].o.quantity, 0);
			return 0;
		}
	return 1;
}
