/*
 * The account in a backtest: what it is worth, its orders and its trades.
 * Invariant: cash + what the open trades are worth over their entry is the
 * equity of every bar; a trade's stop and take orders exist exactly as long
 * as the trade is open and have its size.
 */
#include <string.h>

#include "modules/trade/sim_inner.h"

const char *const trade_reading_names[] = {
	"pessimistic", "path", "optimistic", NULL
};

static void
prices(struct trade_sim_lane *k)
{
	const struct trade_columns *s = k->columns;
	const struct trade_ohlcv *b = k->bars;

	k->o = k->h = k->l = k->c = NULL;
	if (s == NULL && b == NULL)	/* no bars at all */
		return;
	k->step = s != NULL ? 1 : sizeof(*b) / sizeof(b->o);
	k->o = s != NULL ? s->o : &b->o;
	k->h = s != NULL ? s->h : &b->h;
	k->l = s != NULL ? s->l : &b->l;
	k->c = s != NULL ? s->c : &b->c;
}

void
trade_sim_start(struct trade_sim *s, struct arena *a,
    const struct trade_sim_terms *t, struct trade_sim_lane *lanes,
    size_t nlanes, const struct utc *at, size_t n)
{
	*s = (struct trade_sim){ .a = a, .t = *t, .lanes = lanes,
	    .nlanes = nlanes, .cash = t->cash, .at = at, .n = n };
	s->equity = arena_array(a, n, sizeof(*s->equity));
	for (size_t k = 0; k < nlanes; k++) {
		lanes[k].id = (unsigned)k;
		lanes[k].undecided_at = SIZE_MAX;
		lanes[k].i = lanes[k].next = 0;
		prices(&lanes[k]);
	}
}

/* ---- what it is worth ------------------------------------------------------- */

double
trade_sim_commission(const struct trade_sim *s, double size, double price)
{
	return s->t.commission_fixed + fabs(size) * price * s->t.commission;
}

double
trade_sim_equity(const struct trade_sim *s)
{
	double worth = 0;

	for (size_t k = 0; k < s->nlanes; k++) {
		const struct trade_sim_lane *l = &s->lanes[k];

		for (size_t i = 0; i < l->open.n; i++)
			worth += l->open.v[i]->size *
			    (trade_sim_price(l) - l->open.v[i]->entry);
	}
	return s->cash + worth;
}

double
trade_sim_free(const struct trade_sim *s)
{
	double used = 0;

	for (size_t k = 0; k < s->nlanes; k++) {
		const struct trade_sim_lane *l = &s->lanes[k];

		for (size_t i = 0; i < l->open.n; i++)
			used += fabs(l->open.v[i]->size) *
			    trade_sim_price(l) / (1 / s->t.margin);
	}
	return fmax(0, trade_sim_equity(s) - used);
}

double
trade_sim_position(const struct trade_sim_lane *k)
{
	double units = 0;

	for (size_t i = 0; i < k->open.n; i++)
		units += k->open.v[i]->size;
	return units;
}

double
trade_sim_profit(const struct trade_sim_trade *t)
{
	return t->size * (t->exit - t->entry) - t->commission - t->carry;
}

double
trade_sim_return(const struct trade_sim_trade *t)
{
	return copysign(1, t->size) * (t->exit / t->entry - 1) -
	    (t->commission + t->carry) / (fabs(t->size) * t->entry);
}

/* ---- orders ------------------------------------------------------------------ */

/* Whoever walks the orders of this bar may still know its address: it is used
 * again from the next bar on. */
static void
drop(struct trade_sim_lane *k, struct trade_sim_order *o)
{
	o->spare = k->dead;
	k->dead = o;
}

void
trade_sim_forget(struct trade_sim_lane *k, struct trade_sim_order *o)
{
	for (size_t i = 0; i < k->orders.n; i++)
		if (k->orders.v[i] == o) {
			k->orders.n--;
			memmove(&k->orders.v[i], &k->orders.v[i + 1],
			    (k->orders.n - i) * sizeof(k->orders.v[0]));
			drop(k, o);
			return;
		}
}

struct trade_sim_order *
trade_sim_enqueue(struct trade_sim *s, struct trade_sim_lane *k,
    const struct trade_sim_order *o, bool first)
{
	struct trade_sim_order *p = k->spare;

	if (p == NULL)
		p = arena_alloc(s->a, sizeof(*p));
	else
		k->spare = p->spare;
	*p = *o;
	*VEC_ADD(s->a, &k->orders) = p;
	if (first) {
		memmove(&k->orders.v[1], &k->orders.v[0],
		    (k->orders.n - 1) * sizeof(k->orders.v[0]));
		k->orders.v[0] = p;
	}
	return p;
}

/* All but the stop losses and take profits. */
static void
cancel(struct trade_sim_lane *k)
{
	size_t kept = 0;

	for (size_t i = 0; i < k->orders.n; i++) {
		struct trade_sim_order *o = k->orders.v[i];

		if (o->trade != NULL && (o == o->trade->stop ||
		    o == o->trade->take))
			k->orders.v[kept++] = o;
		else
			drop(k, o);
	}
	k->orders.n = kept;
}

static struct trade_sim_order
closing(const struct trade_sim *s, const struct trade_sim_lane *k,
    struct trade_sim_trade *t, const char *why)
{
	return (struct trade_sim_order){ .size = -t->size, .limit = NAN,
	    .stop = NAN, .sl = NAN, .tp = NAN, .trade = t, .why = why,
	    .from = k->i + 1 + s->t.latency, .until = SIZE_MAX };
}

/* Nothing when an order to close it waits already. */
void
trade_sim_close(struct trade_sim *s, struct trade_sim_lane *k,
    struct trade_sim_trade *t, const char *why)
{
	struct trade_sim_order o = closing(s, k, t, why);

	for (size_t i = 0; i < k->orders.n; i++) {
		const struct trade_sim_order *w = k->orders.v[i];

		if (w->trade == t && w != t->stop && w != t->take)
			return;
	}
	trade_sim_enqueue(s, k, &o, true);
}

int
trade_sim_order(struct trade_sim *s, struct trade_sim_lane *k,
    struct trade_sim_order o)
{
	double price = trade_sim_or(trade_sim_or(o.limit, o.stop),
	    trade_sim_price(k) * (1 + copysign(s->t.spread, o.size)));
	double low = o.size > 0 ? o.sl : o.tp, high = o.size > 0 ? o.tp : o.sl;

	if (!(trade_sim_or(low, -INFINITY) < price) ||
	    !(price < trade_sim_or(high, INFINITY)))
		return -1;
	if (s->t.exclusive) {
		cancel(k);
		for (size_t i = 0; i < k->open.n; i++)
			trade_sim_close(s, k, k->open.v[i], "signal");
	}
	o.trade = NULL;
	o.from = k->i + 1 + s->t.latency;
	if (o.until == 0)
		o.until = SIZE_MAX;
	trade_sim_enqueue(s, k, &o, false);
	return 0;
}

/* ---- trades ------------------------------------------------------------------- */

void
trade_sim_end(struct trade_sim *s, struct trade_sim_lane *k,
    struct trade_sim_trade *t, double price, size_t bar, const char *why)
{
	double out = trade_sim_commission(s, t->size, price);

	for (size_t i = 0; i < k->open.n; i++)
		if (k->open.v[i] == t) {
			k->open.n--;
			memmove(&k->open.v[i], &k->open.v[i + 1],
			    (k->open.n - i) * sizeof(k->open.v[0]));
			break;
		}
	trade_sim_forget(k, t->stop);
	trade_sim_forget(k, t->take);
	t->exit = price;
	t->exit_bar = bar;
	t->why = why;
	t->closed = true;
	s->cash += t->size * (price - t->entry) - out;
	t->commission = out + trade_sim_commission(s, t->size, t->entry);
	*VEC_ADD(s->a, &s->closed) = t;
}

void
trade_sim_reduce(struct trade_sim *s, struct trade_sim_lane *k,
    struct trade_sim_trade *t, double price, double size, size_t bar,
    const char *why)
{
	double left = t->size + size;
	struct trade_sim_trade *part;

	if (left == 0) {
		trade_sim_end(s, k, t, price, bar, why);
		return;
	}
	part = arena_memdup(s->a, t, sizeof(*t));
	part->size = -size;
	part->carry = t->carry * (size / -t->size);
	part->stop = part->take = NULL;
	t->carry -= part->carry;
	t->size = left;
	if (t->stop != NULL)
		t->stop->size = -left;
	if (t->take != NULL)
		t->take->size = -left;
	trade_sim_end(s, k, part, price, bar, why);
}

void
trade_sim_open(struct trade_sim *s, struct trade_sim_lane *k,
    const struct trade_sim_order *o, double price, double size, size_t bar)
{
	struct trade_sim_trade *t = arena_alloc(s->a, sizeof(*t));
	struct trade_sim_order c;

	*t = (struct trade_sim_trade){ .size = size, .entry = price,
	    .entry_bar = bar, .sl = o->sl, .tp = o->tp, .trail = o->trail,
	    .trail_from = o->trail_from, .best = price, .lane = k->id,
	    .moved = SIZE_MAX,
	    .due = o->hold > 0 ? bar + o->hold - 1 : SIZE_MAX };
	*VEC_ADD(s->a, &k->open) = t;
	s->cash -= trade_sim_commission(s, size, price);
	c = closing(s, k, t, NULL);
	c.from = k->i;
	if (!isnan(o->tp)) {
		c.limit = o->tp;
		t->take = trade_sim_enqueue(s, k, &c, false);
	}
	/* A trailing stop without a stop loss begins where nothing meets it. */
	if (!isnan(o->sl) || t->trail > 0) {
		c.limit = NAN;
		c.stop = trade_sim_or(o->sl, size > 0 ? -INFINITY : INFINITY);
		t->stop = trade_sim_enqueue(s, k, &c, true);
	}
}
