/*
 * The account's way through time. Most bars of most runs change nothing but
 * the equity: no order is met, no rule speaks. They are walked in a loop of
 * their own that leaves the same bits as the whole way.
 */
#include <string.h>

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
			trade_sim_end(s, l, l->open.v[0], trade_sim_now(l)->c,
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
calm(const struct trade_sim *s, const struct trade_sim_lane *k, size_t next)
{
	struct calm c = { -INFINITY, INFINITY, k->n, 0 };
	double held = trade_sim_position(k);

	if (k->open.n > 0 && (s->t.borrow != 0 || s->t.funding != 0))
		c.until = next;
	for (size_t i = 0; i < k->orders.n; i++)
		calm_order(&c, k->orders.v[i], next);
	for (size_t i = 0; i < k->open.n; i++) {
		const struct trade_sim_trade *t = k->open.v[i];

		if (t->trail > 0)
			c.until = next;
		c.until = t->due < c.until ? t->due : c.until;
	}
	c.heard = (uint8_t)(held > 0 ? 1 << RULE_EXIT_LONG |
	    1 << RULE_ENTRY_SHORT : held < 0 ? 1 << RULE_EXIT_SHORT |
	    1 << RULE_ENTRY_LONG : 1 << RULE_ENTRY_LONG |
	    1 << RULE_ENTRY_SHORT);
	return c;
}

/* Equity at a close, in the order of operations of trade_sim_equity(). */
static double
worth(const struct trade_sim *s, const struct trade_sim_lane *k, double close)
{
	double sum = 0;

	for (size_t t = 0; t < k->open.n; t++)
		sum += k->open.v[t]->size * (close - k->open.v[t]->entry);
	return s->cash + sum;
}

/* No price is waited for: closes are enough. */
static size_t
walk_closes(struct trade_sim *s, const struct trade_sim_lane *k, size_t i,
    const struct calm *c, double size, double entry)
{
	const double *close = k->close;
	const uint8_t *said = k->said;
	double *equity = s->equity, cash = s->cash;

	for (; i < c->until && (said[i] & c->heard) == 0; i++) {
		double e = cash + size * (close[i] - entry);

		if (e <= 0)
			break;
		equity[i] = e;
	}
	__builtin_prefetch(&k->bars[i + 1 < k->n ? i + 1 : i]);
	return i;
}

/* The first bar from i on that is not calm. Nearly always there is one trade
 * or none. */
static size_t
walk(struct trade_sim *s, const struct trade_sim_lane *k, size_t i)
{
	const struct calm c = calm(s, k, i);
	const struct trade_ohlcv *b = k->bars;
	const uint8_t *said = k->said;
	double *equity = s->equity, size = 0, entry = 0, cash = s->cash, e;
	bool many = k->open.n > 1;

	if (k->open.n == 1) {
		size = k->open.v[0]->size;
		entry = k->open.v[0]->entry;
	}
	if (!many && k->close != NULL && isinf(c.low) && isinf(c.high))
		return walk_closes(s, k, i, &c, size, entry);
	for (; i < c.until; i++) {
		if ((said[i] & c.heard) != 0 || b[i].l <= c.low ||
		    b[i].h >= c.high)
			break;
		e = many ? worth(s, k, b[i].c) :
		    cash + size * (b[i].c - entry);
		if (e <= 0)
			break;
		equity[i] = e;
	}
	return i;
}

/* ---- the whole way ----------------------------------------------------------------- */

static void
alone(struct trade_sim *s, next_fn *next, void *arg)
{
	struct trade_sim_lane *k = s->lanes;

	for (size_t i = 0; i < k->first && i < k->n; i++)
		s->equity[i] = s->cash;
	for (size_t i = k->first; i < k->n && !s->ruined; i++) {
		i = walk(s, k, i);
		if (i == k->n)
			break;
		k->i = i;
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
