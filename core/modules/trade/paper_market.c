/*
 * What the market does to a session's orders in one instrument, in small
 * steps: a step gives at most one fill. A tick or quote is a jump: orders that
 * traded through, then those the new quote crosses, then stops at the quote.
 * A bar is a path (open, nearer extreme, farther one, close): what lies on it
 * is met in the order of prices, a stop at its price.
 */
#include <stdlib.h>
#include <string.h>

#include "modules/trade/paper_inner.h"

#define W (p->work)
#define IN (&p->work->in)

static bool
is(const struct trade_paper *p, const char *kind)
{
	return strcmp(p->work->in.kind, kind) == 0;
}

static bool
limited(const struct trade_book_order *o)
{
	return o->type == BOOK_LIMIT || o->type == BOOK_STOP_LIMIT;
}

/* ---- what the book says ---------------------------------------------------------- */

static void
ended(struct trade_paper *p, struct trade_paper_resting *r, const char *why)
{
	bool waits = strcmp(why, "no_depth") == 0 && !limited(&r->o) &&
	    r->o.tif == BOOK_REST;

	r->place = waits ? PAPER_TAKING : PAPER_OVER;
	if (!waits)
		trade_paper_effect_add(p, r, PAPER_ENDED, r->o.quantity, 0,
		    false, why);
}

static void
filled(struct trade_paper *p, struct trade_paper_resting *r,
    const struct trade_book_event *e)
{
	bool maker = e->other == 0;

	r->o.quantity -= e->quantity;
	if (r->o.quantity == 0)
		r->place = PAPER_OVER;
	if (!maker && !W->endless)
		W->left[r->o.buy] -= e->quantity;
	trade_paper_effect_add(p, r, PAPER_FILL, e->quantity, e->price, maker,
	    NULL);
}

static void
hear(void *arg, const struct trade_book_event *e)
{
	struct trade_paper *p = arg;
	struct trade_paper_resting *r;
	uint64_t own = e->what == BOOK_FILL && e->other != 0 ? e->other :
	    e->id;

	if (W->muted || own >= PAPER_BID ||
	    (r = trade_paper_of(p, own)) == NULL)
		return;
	r->dirty = true;
	switch (e->what) {
	case BOOK_FILL:
		filled(p, r, e);
		break;
	case BOOK_TRIGGERED:
		r->o.triggered = true;
		trade_paper_effect_add(p, r, PAPER_TRIGGERED, 0, e->price,
		    false, NULL);
		break;
	case BOOK_TRAILED:
		r->o.stop = e->price;
		trade_paper_effect_add(p, r, PAPER_TRAILED, 0, e->price,
		    false, NULL);
		break;
	case BOOK_ENDED:
	case BOOK_REFUSED:
		ended(p, r, e->why);
		break;
	default:
		break;
	}
}

/* ---- quotes ------------------------------------------------------------------------ */

static int64_t
part(int64_t v, int64_t ppm)
{
	return (int64_t)((paper_wide)v * ppm / 1000000);
}

/* A bid that equals the ask is a price and no quote, unless one was given. */
static bool
quoted(const struct trade_paper *p)
{
	return IN->bid.e8 > 0 && !W->is_bar && (IN->ask.e8 > IN->bid.e8 ||
	    (IN->ask.e8 == IN->bid.e8 && is(p, "quote")));
}

/* Bid and ask around a price: half the spread away, on the far tick. */
static void
quote_at(struct trade_paper *p, int64_t price)
{
	int64_t half = part(price, p->terms.spread_ppm) / 2;
	int64_t tick = IN->tick.e8 > 0 ? IN->tick.e8 : 1;

	W->bid = (price - half) / tick * tick;
	W->ask = (price + half + tick - 1) / tick * tick;
	if (half == 0)
		W->bid = W->ask = price;
	if (W->bid <= 0)
		W->bid = tick < price ? tick : price;
}

static struct trade_paper_depth *
had(struct trade_paper *p)
{
	struct trade_paper_depth *d;
	size_t i = p->depths.n;

	for (size_t k = 0; k < p->depths.n; k++)
		if (p->depths.v[k].instrument == IN->instrument_id)
			return &p->depths.v[k];
	(void)VEC_ADD(p->a, &p->depths);
	for (; i > 0 && p->depths.v[i - 1].instrument > IN->instrument_id;
	    i--)
		p->depths.v[i] = p->depths.v[i - 1];
	d = &p->depths.v[i];
	*d = (struct trade_paper_depth){ .instrument = IN->instrument_id };
	return d;
}

/* How much can be had of a side: a share of the volume, at least a lot. */
static int64_t
depth(const struct trade_paper *p, int64_t volume)
{
	int64_t share = part(volume, p->terms.share_ppm);
	int64_t lot = IN->lot.e8 > 0 ? IN->lot.e8 : 1;

	if (p->terms.share_ppm == 0 || volume == 0)
		return INT64_MAX;
	share = share / lot * lot;
	return share < lot ? lot : share;
}

static int64_t
volume(const struct trade_paper *p)
{
	return W->is_bar ? IN->volume.e8 : IN->flow.e8;
}

static void
open_depth(struct trade_paper *p)
{
	int64_t all = depth(p, volume(p));

	/* nobody traded at all in such a bar */
	if (W->is_bar && IN->volume.e8 == 0 && IN->high.e8 == IN->low.e8)
		all = 0;
	W->endless = all == INT64_MAX;
	W->left[0] = W->left[1] = all;
	for (size_t i = 0; i < p->depths.n && !W->endless; i++) {
		const struct trade_paper_depth *d = &p->depths.v[i];

		if (d->instrument != IN->instrument_id ||
		    d->market_us != IN->market_at.us)
			continue;
		for (int k = 0; k < 2; k++)
			W->left[k] = all > d->had[k] ? all - d->had[k] : 0;
	}
}

/* Writes down what was taken since `before`. */
static void
close_depth(struct trade_paper *p, const int64_t before[2])
{
	struct trade_paper_depth *d;

	if (W->endless || (before[0] == W->left[0] &&
	    before[1] == W->left[1]))
		return;
	d = had(p);
	if (d->market_us != IN->market_at.us) {
		d->market_us = IN->market_at.us;
		d->had[0] = d->had[1] = 0;
	}
	for (int i = 0; i < 2; i++)
		d->had[i] += before[i] - W->left[i];
	d->dirty = true;
}

/* ---- opening ------------------------------------------------------------------------- */

static void
path(struct trade_paper *p)
{
	int64_t o = IN->open.e8, h = IN->high.e8, l = IN->low.e8;
	bool high_first = h - o <= o - l;
	const int64_t points[] = { o, high_first ? h : l, high_first ? l : h,
	    IN->last.e8 };

	memcpy(W->points, points, sizeof(points));
	W->npoints = PAPER_POINTS;
	W->cursor = o;
}

static int
by_seq(const void *x, const void *y)
{
	const struct trade_book_order *const *a = x, *const *b = y;

	return (*a)->seq < (*b)->seq ? -1 : (*a)->seq > (*b)->seq;
}

static void
restore(struct trade_paper *p)
{
	const struct trade_book_order **v = arena_array(p->scratch,
	    p->orders.n + 1, sizeof(*v));
	size_t n = 0;

	for (size_t i = 0; i < p->orders.n; i++)
		if (p->orders.v[i].instrument == IN->instrument_id &&
		    p->orders.v[i].place == PAPER_BOOK &&
		    !p->orders.v[i].frozen)
			v[n++] = &p->orders.v[i].o;
	qsort(v, n, sizeof(*v), by_seq);
	W->muted = true;
	for (size_t i = 0; i < n; i++)
		trade_book_restore(W->book, v[i]);
	W->muted = false;
}

void
trade_paper_open_market(struct trade_paper *p)
{
	int64_t price = IN->last.e8 > 0 ? IN->last.e8 : IN->bid.e8 +
	    (IN->ask.e8 - IN->bid.e8) / 2;

	W->book = trade_book_new(p->scratch, p->orders.n + PAPER_MORE, hear,
	    p);
	trade_book_set_outside(W->book);
	trade_book_set_step(W->book, IN->tick.e8);
	W->is_bar = is(p, "bar");
	W->cursor = price;
	if (W->is_bar)
		path(p);
	quote_at(p, W->cursor);
	if (quoted(p)) {
		W->bid = IN->bid.e8;
		W->ask = IN->ask.e8;
	}
	W->traded = is(p, "tick") ? IN->volume.e8 : 0;
	open_depth(p);
	restore(p);
}

static void
copy_back(void *arg, const struct trade_book_order *o)
{
	struct trade_paper *p = arg;
	struct trade_paper_resting *r = o->id >= PAPER_BID ? NULL :
	    trade_paper_of(p, o->id);

	if (r == NULL || r->place == PAPER_OVER)
		return;
	r->place = PAPER_BOOK;
	if (memcmp(&r->o, o, sizeof(*o)) != 0) {
		r->o = *o;
		r->dirty = true;
	}
}

void
trade_paper_settle(struct trade_paper *p)
{
	if (W->book != NULL)
		trade_book_each(W->book, copy_back, p);
}

void
trade_paper_remove(struct trade_paper *p, struct trade_paper_resting *r)
{
	const struct trade_book_order *o = trade_book_get(W->book, r->o.id);

	if (o == NULL)
		return;
	r->o = *o;
	W->muted = true;
	trade_book_cancel(W->book, r->o.id);
	W->muted = false;
}

/* ---- entering ------------------------------------------------------------------------- */

static int64_t
queue_of(const struct trade_paper *p, const struct trade_book_order *o)
{
	int64_t best = o->buy ? W->bid : W->ask, all, mine = 0;

	/* better than all others: nobody is before it */
	if (!limited(o) || (o->buy ? o->limit > best : o->limit < best))
		return 0;
	all = depth(p, volume(p));
	for (size_t i = 0; i < p->orders.n; i++) {
		const struct trade_book_order *x = &p->orders.v[i].o,
		    *now = p->orders.v[i].place != PAPER_BOOK ||
		    p->orders.v[i].instrument != IN->instrument_id ? NULL :
		    trade_book_get(W->book, x->id);

		if (now != NULL && now->buy == o->buy && limited(now) &&
		    now->limit == o->limit && mine <= all - now->ahead)
			mine += now->ahead;
	}
	return all - mine;
}

static void
stand(struct trade_paper *p, bool bid, int64_t quantity)
{
	const struct trade_book_order o = { .id = bid ? PAPER_BID : PAPER_ASK,
	    .buy = bid, .type = BOOK_LIMIT, .quantity = quantity,
	    .limit = bid ? W->bid : W->ask };

	if (quantity > 0 && o.limit > 0)
		trade_book_restore(W->book, &o);
}

void
trade_paper_enter(struct trade_paper *p, struct trade_paper_resting *r)
{
	int64_t before[2] = { W->left[0], W->left[1] };
	struct trade_book_order o = r->o;

	if (o.display > o.quantity)
		o.display = 0;
	o.ahead = o.queue = queue_of(p, &o);
	o.shown = 0;
	r->place = PAPER_BOOK;
	r->dirty = true;
	W->muted = true;
	stand(p, !o.buy, W->left[o.buy]);
	W->muted = false;
	trade_book_enter(W->book, &o);
	W->muted = true;
	trade_book_cancel(W->book, o.buy ? PAPER_ASK : PAPER_BID);
	W->muted = false;
	close_depth(p, before);
}

/* ---- phases ---------------------------------------------------------------------------- */

static bool
expiry(struct trade_paper *p)
{
	for (size_t i = 0; i < p->orders.n; i++) {
		struct trade_paper_resting *r = &p->orders.v[i];

		if (r->place == PAPER_OVER || r->expires_us == 0 ||
		    r->expires_us > p->now_us ||
		    r->instrument != IN->instrument_id)
			continue;
		trade_paper_remove(p, r);
		r->place = PAPER_OVER;
		r->dirty = true;
		trade_paper_effect_add(p, r, PAPER_EXPIRED, r->o.quantity, 0,
		    false, NULL);
		return true;
	}
	return false;
}

/* One fill of a resting limit that a trade at `price` reaches. */
static bool
sweep(struct trade_paper *p, bool bids, int64_t price, int64_t *all,
    int64_t *touch)
{
	int64_t best = trade_book_best(W->book, bids);
	bool through = best != 0 && (bids ? best > price : best < price);

	if (best == 0 || (!through && best != price))
		return false;
	return trade_book_hit(W->book, !bids, best, through, through ? all :
	    touch) > 0;
}

static bool
sweeps(struct trade_paper *p)
{
	int64_t endless = INT64_MAX;

	if (!is(p, "tick") || IN->last.e8 == 0)
		return false;
	return sweep(p, true, IN->last.e8, &endless, &W->traded) ||
	    sweep(p, false, IN->last.e8, &endless, &W->traded);
}

/* A resting order that the quote, or a bar's open, crosses takes it. */
static bool
crossing(struct trade_paper *p)
{
	if (!is(p, "quote") && !W->is_bar && !(is(p, "tick") && quoted(p)))
		return false;
	for (int bids = 1; bids >= 0; bids--) {
		const struct trade_book_order *o = trade_book_first(W->book,
		    bids);
		struct trade_paper_resting *r;

		if (o == NULL || W->left[bids] == 0 || (bids ? o->limit <
		    W->ask : o->limit > W->bid))
			continue;
		r = trade_paper_of(p, o->id);
		trade_paper_remove(p, r);
		r->o.post_only = false;	/* it has rested */
		trade_paper_enter(p, r);
		return true;
	}
	return false;
}

static bool
taking(struct trade_paper *p)
{
	for (size_t i = 0; i < p->orders.n; i++) {
		struct trade_paper_resting *r = &p->orders.v[i];

		if (r->instrument != IN->instrument_id ||
		    r->place != PAPER_TAKING || r->frozen ||
		    W->left[r->o.buy] == 0)
			continue;
		trade_paper_enter(p, r);
		return true;
	}
	return false;
}

static bool
arrivals(struct trade_paper *p)
{
	for (size_t i = 0; i < p->orders.n; i++) {
		struct trade_paper_resting *r = &p->orders.v[i];

		if (r->instrument != IN->instrument_id ||
		    r->place != PAPER_FLIGHT || r->frozen ||
		    r->from_us > p->now_us)
			continue;
		trade_paper_enter(p, r);
		return true;
	}
	return false;
}

/* Marks move trailing stops, then one stop fires: into what can be had now. */
static bool
fire(struct trade_paper *p, int64_t buy, int64_t sell)
{
	int64_t before[2] = { W->left[0], W->left[1] };
	bool fired;

	trade_book_mark(W->book, buy, sell);
	W->muted = true;
	stand(p, true, W->left[0]);
	stand(p, false, W->left[1]);
	W->muted = false;
	fired = trade_book_fire(W->book);
	W->muted = true;
	trade_book_cancel(W->book, PAPER_BID);
	trade_book_cancel(W->book, PAPER_ASK);
	W->muted = false;
	close_depth(p, before);
	return fired || W->told < W->effects.n;
}

static bool
stops(struct trade_paper *p)
{
	if (quoted(p))
		return fire(p, W->ask, W->bid);
	return W->cursor > 0 && fire(p, W->cursor, W->cursor);
}

/* ---- the path of a bar ---------------------------------------------------------------- */

static int64_t
nearer(bool up, int64_t x, int64_t y)
{
	return x == 0 ? y : y == 0 ? x : up == (x < y) ? x : y;
}

/* The next price on this leg at which a stop or a limit is met; 0 = none. A
 * stop that was passed is met where the path is. */
static bool
leg(struct trade_paper *p)
{
	int64_t to = W->points[W->leg];
	bool up = to >= W->cursor;
	const struct trade_book_order *s = trade_book_next_stop(W->book, up);
	int64_t stop = s == NULL ? 0 : s->stop;
	int64_t limit = W->no_limits ? 0 : trade_book_best(W->book, !up);
	int64_t before[2] = { W->left[0], W->left[1] }, at, volume;

	if (stop != 0 && (up ? stop > to : stop < to))
		stop = 0;
	if (limit != 0 && (up ? limit > to : limit < to))
		limit = 0;
	at = nearer(up, stop, limit);
	if (at == 0) {
		W->cursor = to;
		quote_at(p, to);
		return fire(p, to, to);
	}
	if (up ? at > W->cursor : at < W->cursor)
		W->cursor = at;
	quote_at(p, W->cursor);
	if (at == stop)
		return fire(p, W->cursor, W->cursor);
	volume = W->left[!up];
	if (!sweep(p, !up, to, &volume, &volume))
		W->no_limits = true;
	if (!W->endless)
		W->left[!up] = volume;
	close_depth(p, before);
	return true;
}

/* Steps on one leg; the next leg; the end. */
static bool
legs(struct trade_paper *p)
{
	while (W->leg < W->npoints) {
		if (W->leg > 0 && (arrivals(p) || leg(p) || taking(p)))
			return true;
		W->leg++;
		W->no_limits = false;
	}
	return false;
}

/* Old prices move nothing: only what is on its way ends, or goes on waiting. */
static bool
phase(struct trade_paper *p)
{
	bool acts = !IN->held && W->cursor > 0;

	switch (W->phase) {
	case AT_EXPIRY:
		return expiry(p);
	case AT_SWEEP:
		return sweeps(p);
	case AT_CROSSING:
		return acts && crossing(p);
	case AT_TAKING:
		return acts && taking(p);
	case AT_ARRIVAL:
		return acts && arrivals(p);
	case AT_STOPS:
		return acts && (arrivals(p) || stops(p));
	case AT_LEG:
		return acts && W->is_bar && legs(p);
	default:
		return false;
	}
}

bool
trade_paper_market_step(struct trade_paper *p)
{
	while (W->phase != AT_END) {
		if (phase(p))
			return true;
		W->phase++;
	}
	return false;
}
