/*
 * Pivots. Of two equal highs the earlier one is the pivot, so that a plateau
 * has one.
 */
#include <math.h>

#include "modules/trade/pivot.h"

void
trade_pivots_start(struct trade_pivots *p, enum trade_pivot_method method,
    double reach)
{
	*p = (struct trade_pivots){ .method = method, .reach = reach };
}

static size_t
fractal(struct trade_pivots *p, struct trade_pivot out[2])
{
	size_t side = (size_t)p->reach, span = 2 * side + 1, found = 0, at;
	bool high = true, low = true;

	if (p->n < span)
		return 0;
	at = p->n - 1 - side;
	for (size_t i = p->n - span; i < p->n; i++) {
		double h = p->ring[i % span].h, l = p->ring[i % span].l;

		if (i == at)
			continue;
		high = high && (i < at ? h < p->ring[at % span].h :
		    h <= p->ring[at % span].h);
		low = low && (i < at ? l > p->ring[at % span].l :
		    l >= p->ring[at % span].l);
	}
	if (high)
		out[found++] = (struct trade_pivot){ at, p->n - 1,
		    p->ring[at % span].h, 1 };
	if (low)
		out[found++] = (struct trade_pivot){ at, p->n - 1,
		    p->ring[at % span].l, -1 };
	return found;
}

static void
begin(struct trade_pivot *v, size_t bar, double price, int side)
{
	*v = (struct trade_pivot){ bar, 0, price, side };
}

/* The best price since the last pivot becomes one when price has come back
 * from it by the reach. */
static size_t
zigzag(struct trade_pivots *p, const struct trade_ohlcv *b, double atr,
    struct trade_pivot *out)
{
	size_t now = p->n - 1;

	if (p->n == 1 || (p->side >= 0 && b->h > p->high.price))
		begin(&p->high, now, b->h, 1);
	if (p->n == 1 || (p->side <= 0 && b->l < p->low.price))
		begin(&p->low, now, b->l, -1);
	if (isnan(atr) || atr <= 0)
		return 0;
	if (p->side >= 0 && p->high.bar < now &&
	    p->high.price - b->l >= p->reach * atr) {
		*out = p->high;
		begin(&p->low, now, b->l, -1);
		p->side = -1;
	} else if (p->side <= 0 && p->low.bar < now &&
	    b->h - p->low.price >= p->reach * atr) {
		*out = p->low;
		begin(&p->high, now, b->h, 1);
		p->side = 1;
	} else {
		return 0;
	}
	out->told = now;
	return 1;
}

size_t
trade_pivots_push(struct trade_pivots *p, const struct trade_ohlcv *b,
    double atr, struct trade_pivot out[2])
{
	size_t span = 2 * (size_t)p->reach + 1;

	p->n++;
	if (p->method == PIVOT_ZIGZAG)
		return zigzag(p, b, atr, out);
	p->ring[(p->n - 1) % span].h = b->h;
	p->ring[(p->n - 1) % span].l = b->l;
	return fractal(p, out);
}
