/*
 * The figures: each looks at the newest pivots and says what they make. Turns
 * that do not alternate (fractals allow that) make none but levels.
 */
#include <math.h>

#include "modules/trade/chart_inner.h"

#define H struct trade_chart_hit
#define P(k) trade_chart_at(t, (k))

/* The newest n pivots alternate between highs and lows. */
static bool
alternate(const struct trade_charts *t, size_t n)
{
	if (trade_chart_kept(t) < n)
		return false;
	for (size_t k = 1; k < n; k++)
		if (P(k)->side != -P(k - 1)->side || P(k)->bar >= P(k - 1)->bar)
			return false;
	return true;
}

/* Distance of two prices against what is allowed: at most 1 is alike. */
static double
apart(const struct trade_charts *t, double x, double y)
{
	return fabs(x - y) / (ALIKE * t->atr);
}

/* ---- turns ------------------------------------------------------------------------ */

static void
doubles(struct trade_charts *t)
{
	int side = P(0)->side;
	double off, depth, neck;
	H *h;

	if (!alternate(t, 3))
		return;
	off = apart(t, P(0)->price, P(2)->price);
	neck = P(1)->price;
	depth = side * ((P(0)->price + P(2)->price) / 2 - neck);
	if (off > 1 || depth < 2 * t->atr || P(0)->bar - P(2)->bar < 5)
		return;
	h = trade_chart_add(t, side > 0 ? "double_top" : "double_bottom",
	    -100 * side, 3);
	if (h == NULL)
		return;
	h->level = neck;
	h->target = neck - side * depth;
	h->quality = trade_chart_quality(off, depth / t->atr);
	trade_chart_level(t, h, neck, 0, -side, depth);
}

/* Shoulders alike within an ATR, a head an ATR or more beyond both; the
 * neckline runs through the two turns between. */
static void
shoulders(struct trade_charts *t)
{
	int side = P(0)->side;
	double off, head, slope, neck, height;
	H *h;

	if (!alternate(t, 5))
		return;
	off = apart(t, P(0)->price, P(4)->price) / 2;
	head = side > 0 ? P(2)->price - fmax(P(0)->price, P(4)->price) :
	    fmin(P(0)->price, P(4)->price) - P(2)->price;
	if (off > 1 || head < t->atr ||
	    apart(t, P(1)->price, P(3)->price) > 4)
		return;
	slope = (P(1)->price - P(3)->price) /
	    (double)(P(1)->bar - P(3)->bar);
	neck = P(1)->price + slope * (double)(t->n - 1 - P(1)->bar);
	height = side * (P(2)->price - (P(1)->price + P(3)->price) / 2);
	h = trade_chart_add(t, side > 0 ? "head_and_shoulders" :
	    "inverse_head_and_shoulders", -100 * side, 5);
	if (h == NULL)
		return;
	h->level = neck;
	h->target = neck - side * height;
	h->quality = trade_chart_quality((off +
	    apart(t, P(1)->price, P(3)->price) / 4) / 2, height / t->atr);
	trade_chart_level(t, h, neck, slope, -side, height);
}

/* ---- lines ------------------------------------------------------------------------ */

struct line {
	double price, slope;		/* at the bar that is now, and per bar */
};

static struct line
line_of(const struct trade_charts *t, const struct trade_pivot *old,
    const struct trade_pivot *new)
{
	double slope = (new->price - old->price) /
	    (double)(new->bar - old->bar);

	return (struct line){ new->price + slope *
	    (double)(t->n - 1 - new->bar), slope };
}

static double
line_at(const struct trade_charts *t, const struct line *l, size_t bar)
{
	return l->price - l->slope * (double)(t->n - 1 - bar);
}

/* Lines through the newest two highs and two lows, and how far the fifth
 * pivot, which made none of them, lies off its line. */
struct lines {
	struct line upper, lower;
	double off, span, before, now;	/* heights then and now */
	size_t from;
};

static bool
lines_of(const struct trade_charts *t, struct lines *l)
{
	bool high = P(0)->side > 0;
	const struct trade_pivot *fifth;

	if (!alternate(t, 5))
		return false;
	l->upper = line_of(t, P(high ? 2 : 3), P(high ? 0 : 1));
	l->lower = line_of(t, P(high ? 3 : 2), P(high ? 1 : 0));
	fifth = P(4);
	l->off = apart(t, fifth->price, line_at(t, high ? &l->upper :
	    &l->lower, fifth->bar));
	l->from = fifth->bar;
	l->span = (double)(t->n - 1 - l->from);
	l->before = line_at(t, &l->upper, l->from) -
	    line_at(t, &l->lower, l->from);
	l->now = l->upper.price - l->lower.price;
	return l->off <= 1 && l->now > 0 && l->before > t->atr;
}

static void
add_lines(struct trade_charts *t, const struct lines *l, const char *name,
    int value)
{
	H *h = trade_chart_add(t, name, value, 5);

	if (h == NULL)
		return;
	h->level = value < 0 ? l->lower.price : l->upper.price;
	h->target = value == 0 ? NAN : h->level +
	    (value > 0 ? l->before : -l->before);
	h->quality = trade_chart_quality(l->off, l->before / t->atr);
	trade_chart_level(t, h, l->upper.price, l->upper.slope, 1, l->before);
	trade_chart_level(t, h, l->lower.price, l->lower.slope, -1,
	    l->before);
}

/* A line is flat when it moves less than an ATR over the figure. */
static int
leans(const struct trade_charts *t, const struct lines *l,
    const struct line *one)
{
	double moved = one->slope * l->span;

	return moved > t->atr ? 1 : moved < -t->atr ? -1 : 0;
}

static void
triangles_and_channels(struct trade_charts *t)
{
	struct lines l;
	int up, low;

	if (!lines_of(t, &l))
		return;
	up = leans(t, &l, &l.upper);
	low = leans(t, &l, &l.lower);
	if (l.now < 0.75 * l.before) {
		if (up == 0 && low > 0)
			add_lines(t, &l, "ascending_triangle", 100);
		else if (up < 0 && low == 0)
			add_lines(t, &l, "descending_triangle", -100);
		else if (up < 0 && low > 0)
			add_lines(t, &l, "symmetric_triangle", 0);
	} else if (fabs(l.now - l.before) <= t->atr) {
		if (up > 0 && low > 0)
			add_lines(t, &l, "channel_up", 100);
		else if (up < 0 && low < 0)
			add_lines(t, &l, "channel_down", -100);
		else if (up == 0 && low == 0)
			add_lines(t, &l, "rectangle", 0);
	}
}

/* A pole of four ATR in at most fifteen bars; then two turns that give back
 * at most half of it, no longer than twenty bars, not beyond its end. */
static void
flags(struct trade_charts *t)
{
	int side = -P(0)->side;		/* a flag after a rise ends low */
	double pole, back;
	H *h;

	if (!alternate(t, 5))
		return;
	/* P(4) start of the pole, P(3) its end, P(2) P(1) P(0) the flag */
	pole = side * (P(3)->price - P(4)->price);
	back = side * (P(3)->price - P(0)->price);
	if (P(4)->side != -side || pole < 4 * t->atr ||
	    P(3)->bar - P(4)->bar > 15 || P(0)->bar - P(3)->bar > 20 ||
	    back > pole / 2 || back <= 0 ||
	    side * (P(1)->price - P(3)->price) > 0 ||
	    side * (P(0)->price - P(2)->price) > ALIKE * t->atr)
		return;
	h = trade_chart_add(t, side > 0 ? "bull_flag" : "bear_flag",
	    100 * side, 5);
	if (h == NULL)
		return;
	h->level = P(3)->price;
	h->target = P(0)->price + side * pole;
	h->quality = trade_chart_quality(back / pole, pole / t->atr);
	trade_chart_level(t, h, h->level, 0, side, pole);
}

/* ---- levels ----------------------------------------------------------------------- */

/* Earlier pivots, of either side, at the price of the newest. */
static void
levels(struct trade_charts *t)
{
	double sum = P(0)->price, off = 0, price;
	size_t n = 1, first = 0;
	int side = P(0)->side;
	H *h;

	for (size_t k = 1; k < trade_chart_kept(t); k++) {
		double far = apart(t, P(k)->price, P(0)->price);

		if (far > 1)
			continue;
		sum += P(k)->price;
		off += far;
		n++;
		first = k;
	}
	if (n < 3)
		return;
	h = trade_chart_add(t, side > 0 ? "resistance" : "support",
	    -100 * side, first + 1);
	if (h == NULL)
		return;
	price = sum / (double)n;
	h->level = price;
	h->touches = (int64_t)n;
	h->quality = trade_chart_quality(off / (double)n, (double)n);
	trade_chart_level(t, h, price, 0, side, 2 * t->atr);
}

void
trade_chart_figures(struct trade_charts *t)
{
	doubles(t);
	shoulders(t);
	triangles_and_channels(t);
	flags(t);
	levels(t);
}
