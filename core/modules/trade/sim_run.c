/*
 * The account's way through time. Most bars of most runs change nothing but
 * the equity: no order is met, no rule speaks. They are walked in a loop of
 * their own that leaves the same bits as the whole way.
 */
#include <string.h>

#include "base/wide.h"
#include "modules/trade/sim_inner.h"
#include "modules/trade/strategy.h"

typedef void next_fn(void *, struct trade_sim *, struct trade_sim_lane *);

/* Nothing is left: everything is closed and stays at zero. */
static void
ruin(struct trade_sim *s, size_t slot)
{
	for (size_t k = 0; k < s->nlanes; k++) {
		struct trade_sim_lane *l = &s->lanes[k];

		while (l->open.n > 0)
			trade_sim_end(s, l, l->open.v[0], trade_sim_c(l),
			    l->i, "ruin");
	}
	s->cash = 0;
	s->ruined = true;
	for (size_t i = slot; i < s->n; i++)
		s->equity[i] = 0;
}

static void
speak(struct trade_sim *s, struct trade_sim_lane *k, next_fn *next, void *arg)
{
	for (size_t i = 0; i < k->open.n; i++)
		if (k->i >= k->open.v[i]->due)
			trade_sim_close(s, k, k->open.v[i], "time");
	if (k->said[k->i] != 0)
		next(arg, s, k);
}

/* ---- bars in which nothing happens ---------------------------------------------- */

/* As long as bars stay inside low…high and before `until`, and no rule of
 * `heard` is true, only the equity changes. */
struct calm {
	double low, high;
	size_t until;
	uint8_t heard;
};

static void
calm_order(struct calm *c, const struct trade_sim_order *o, size_t next)
{
	if (o->until < next)
		return;
	if (o->from > next) {
		c->until = o->from < c->until ? o->from : c->until;
		return;
	}
	if (isnan(o->stop) && isnan(o->limit)) {
		c->until = next;
	} else if (!isnan(o->stop)) {
		if (o->size > 0)
			c->high = fmin(c->high, o->stop);
		else
			c->low = fmax(c->low, o->stop);
	} else if (o->size > 0) {
		c->low = fmax(c->low, o->limit);
	} else {
		c->high = fmin(c->high, o->limit);
	}
}

static struct calm
calm(const struct trade_sim *s, const struct trade_sim_lane *k, size_t next,
    const struct trade_sim_order *but)
{
	struct calm c = { -INFINITY, INFINITY, k->n, 0 };
	double held = trade_sim_position(k);

	if (k->open.n > 0 && (s->t.borrow != 0 || s->t.funding != 0))
		c.until = next;
	for (size_t i = 0; i < k->orders.n; i++)
		if (k->orders.v[i] != but)
			calm_order(&c, k->orders.v[i], next);
	for (size_t i = 0; i < k->open.n; i++) {
		const struct trade_sim_trade *t = k->open.v[i];

		if (t->trail > 0 && but == NULL)
			c.until = next;
		c.until = t->due < c.until ? t->due : c.until;
	}
	c.heard = (uint8_t)(held > 0 ? 1 << RULE_EXIT_LONG |
	    1 << RULE_ENTRY_SHORT : held < 0 ? 1 << RULE_EXIT_SHORT |
	    1 << RULE_ENTRY_LONG : 1 << RULE_ENTRY_LONG |
	    1 << RULE_ENTRY_SHORT);
	return c;
}

/* Whether a bar fills nothing, whatever the rules say of it. Where no price is
 * waited for it is not read: that would be the only use of its memory. */
static bool
fills_nothing(const struct calm *c, const struct trade_sim_lane *k,
    size_t i)
{
	return i < c->until && (c->low == -INFINITY ||
	    k->l[i] > c->low) &&
	    (c->high == INFINITY || k->h[i] < c->high);
}

enum { GROUP = 8 };

/* Equity at a close, in the order of operations of trade_sim_equity(). */
static double
worth(const struct trade_sim *s, const struct trade_sim_lane *k, double close)
{
	double sum = 0;

	for (size_t t = 0; t < k->open.n; t++)
		sum += k->open.v[t]->size * (close - k->open.v[t]->entry);
	return s->cash + sum;
}

/* Whether one of a group of bars reaches a price: nearly never, so it is asked
 * without a branch for each. */
static bool
reached(const double *l, const double *h, const struct calm *c)
{
	int64_t met = 0;

	for (size_t q = 0; q < GROUP; q++)
		met |= wide_mask(l[q] <= c->low) |
		    wide_mask(h[q] >= c->high);
	return met != 0;
}

/* Walks with no or one trade, a group of bars at a time: their equity is
 * written before it is known which of them is the first that is not calm;
 * what lies behind that one is written again later. Returns the first bar of
 * the group that has it. A number's top bit, or that of the number less one,
 * is set where it is below or at 0. */
static size_t
walk_groups(struct trade_sim *s, const struct trade_sim_lane *k,
    const struct calm *c, size_t i)
{
	const double *close = k->c, *l = k->l;
	const double *h = k->h;
	const struct trade_sim_trade *t = k->open.n > 0 ? k->open.v[0] : NULL;
	const uint64_t heard = c->heard * UINT64_C(0x0101010101010101);
	double size = t == NULL ? 0 : t->size, cash = s->cash;
	double entry = t == NULL ? 0 : t->entry, *equity = s->equity;
	bool prices = c->low != -INFINITY || c->high != INFINITY;

	for (; i + GROUP <= c->until; i += GROUP) {
		union {
			double worth[GROUP];
			uint64_t bits[GROUP];
		} e;
		uint64_t said, lost = 0;

		for (size_t q = 0; q < GROUP; q++)
			e.worth[q] = cash + size * (close[i + q] - entry);
		memcpy(&equity[i], e.worth, sizeof(e.worth));
		for (size_t q = 0; q < GROUP; q++)
			lost |= e.bits[q] | (e.bits[q] - 1);
		memcpy(&said, &k->said[i], sizeof(said));
		if ((said & heard) != 0 || lost >> 63 != 0 ||
		    (prices && reached(&l[i], &h[i], c)))
			break;
	}
	return i;
}

/* The same bar by bar, and with more trades. */
static size_t
walk_bars(struct trade_sim *s, const struct trade_sim_lane *k,
    const struct calm *c, size_t i)
{
	while (i < c->until && (k->said[i] & c->heard) == 0 &&
	    fills_nothing(c, k, i)) {
		double e = worth(s, k, k->c[i]);

		if (e <= 0)
			break;
		s->equity[i++] = e;
	}
	return i;
}

/* One trade whose stop follows the best price. A bar that does not reach the
 * stop where its own best price would pull it moves it for later bars. */
static size_t
walk_trailing(struct trade_sim *s, const struct trade_sim_lane *k,
    const struct calm *c, size_t i)
{
	struct trade_sim_trade *t = k->open.v[0];
	const double *l = k->l, *h = k->h;
	bool up = t->size > 0;
	double best = t->best, stop = t->stop->stop;

	for (; i < c->until && (k->said[i] & c->heard) == 0; i++) {
		double moved = stop, far = up ? h[i] : l[i];
		double e = s->cash + t->size * (k->c[i] - t->entry);

		if (l[i] <= c->low || h[i] >= c->high || e <= 0)
			break;
		if (up ? far > best : far < best)
			moved = trade_sim_trailed(t, stop, far);
		else
			far = best;
		if (up ? l[i] <= moved : h[i] >= moved)
			break;
		best = far;
		stop = moved;
		s->equity[i] = e;
	}
	t->best = best;
	t->stop->stop = stop;
	return i;
}

/* The first bar from i on that is not calm, and whether it fills nothing, so
 * that only a rule is heard. Nearly always there is one trade or none. */
static size_t
walk(struct trade_sim *s, const struct trade_sim_lane *k, size_t i,
    bool *heard)
{
	const struct trade_sim_trade *t = k->open.n == 1 ? k->open.v[0] : NULL;
	bool trails = t != NULL && t->trail > 0 && t->stop != NULL;
	const struct calm c = calm(s, k, i, trails ? t->stop : NULL);

	*heard = false;
	if (c.until <= i)
		return i;
	if (trails)
		return walk_trailing(s, k, &c, i);
	if (k->open.n < 2)
		i = walk_groups(s, k, &c, i);
	i = walk_bars(s, k, &c, i);
	if (i == k->n)
		return i;
	__builtin_prefetch(&k->o[i + 1 < k->n ? i + 1 : i]);
	*heard = fills_nothing(&c, k, i);
	return i;
}

/* ---- the whole way ----------------------------------------------------------------- */

static void
alone(struct trade_sim *s, next_fn *next, void *arg)
{
	struct trade_sim_lane *k = s->lanes;
	bool heard;

	for (size_t i = 0; i < k->first && i < k->n; i++)
		s->equity[i] = s->cash;
	for (size_t i = k->first; i < k->n && !s->ruined; i++) {
		i = walk(s, k, i, &heard);
		if (i == k->n)
			break;
		k->i = i;
		if (heard)
			trade_sim_recycle(k);
		else
			trade_sim_fill(s, k);
		s->equity[i] = trade_sim_equity(s);
		if (s->equity[i] <= 0)
			ruin(s, i);
		else
			speak(s, k, next, arg);
	}
}

/* Lanes that have a bar at this instant, in their order. */
static bool
moves(const struct trade_sim *s, struct trade_sim_lane *k, size_t slot)
{
	return k->next < k->n && k->at[k->next].us == s->at[slot].us;
}

static void
together(struct trade_sim *s, next_fn *next, void *arg)
{
	for (size_t slot = 0; slot < s->n && !s->ruined; slot++) {
		for (size_t k = 0; k < s->nlanes; k++)
			if (moves(s, &s->lanes[k], slot))
				s->lanes[k].i = s->lanes[k].next;
		for (size_t k = 0; k < s->nlanes; k++)
			if (moves(s, &s->lanes[k], slot) &&
			    s->lanes[k].i >= s->lanes[k].first)
				trade_sim_fill(s, &s->lanes[k]);
		s->equity[slot] = trade_sim_equity(s);
		if (s->equity[slot] <= 0) {
			ruin(s, slot);
			return;
		}
		for (size_t k = 0; k < s->nlanes; k++) {
			struct trade_sim_lane *l = &s->lanes[k];

			if (!moves(s, l, slot))
				continue;
			if (l->i >= l->first)
				speak(s, l, next, arg);
			l->next++;
		}
	}
}

static void
finish_lane(struct trade_sim *s, struct trade_sim_lane *k)
{
	k->i = k->n - 1;
	for (size_t i = k->open.n; i > 0; i--)
		trade_sim_close(s, k, k->open.v[i - 1], "end");
	for (size_t i = 0; i < k->orders.n; i++) {
		struct trade_sim_order *o = k->orders.v[i];

		o->from = k->i;
		if (o->trade == NULL && s->t.strict)
			o->until = 0;
		if (o->trade != NULL && o->why != NULL)
			o->why = "end";	/* before its signal was heard */
	}
	trade_sim_fill(s, k);
}

void
trade_sim_run(struct trade_sim *s, bool finish, next_fn *next, void *arg)
{
	bool started = false;

	if (s->n == 0)
		return;
	if (s->nlanes == 1)
		alone(s, next, arg);
	else
		together(s, next, arg);
	for (size_t k = 0; k < s->nlanes; k++)
		started = started || s->lanes[k].first < s->lanes[k].n;
	if (!finish || s->ruined || !started)
		return;
	s->t.volume_share = 0;		/* the end is no market */
	s->t.borrow = s->t.funding = 0;	/* paid for this bar already */
	for (size_t k = 0; k < s->nlanes; k++)
		if (s->lanes[k].n > 0)
			finish_lane(s, &s->lanes[k]);
	s->equity[s->n - 1] = trade_sim_equity(s);
	if (s->equity[s->n - 1] <= 0)
		ruin(s, s->n - 1);
}
