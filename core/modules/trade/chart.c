/*
 * Figures of pivots. Invariant: what a bar completes depends on bars up to it
 * only; memory does not grow with the bars.
 */
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "schema/schema.h"
#include "modules/trade/chart_inner.h"

#define H struct trade_chart_hit
static const struct field hit_fields[] = {
	FIELD(H, symbol, .flags = FF_NULLABLE, .doc = "Symbol"),
	FIELD(H, at, .doc = "Bar that completes it"),
	FIELD(H, name, .doc = "Figure"),
	FIELD(H, of, .flags = FF_NULLABLE,
	    .doc = "Figure that a breakout leaves"),
	FIELD(H, value, .doc = "100 up, -100 down, 0 neither"),
	FIELD(H, bar, .doc = "Index of that bar"),
	FIELD(H, first_bar, .doc = "Index of its first pivot"),
	FIELD(H, touches, .doc = "Pivots it rests on"),
	FIELD(H, level, .doc = "Price of its neckline, line or level now"),
	FIELD(H, target, .flags = FF_NULLABLE,
	    .doc = "As far beyond the level as the figure is high"),
	FIELD(H, quality, .doc = "0…1: how well prices fit, how large it is"),
	FIELD(H, volume_z, .flags = FF_NULLABLE,
	    .doc = "Volume against twenty bars before, in deviations"),
	FIELD_END
};
const struct schema trade_chart_hit_schema = {
	.name = "ChartHit", .doc = "A chart pattern that was completed",
	.size = sizeof(H), .fields = hit_fields
};
const char *const trade_chart_names[] = {
	"double_top", "double_bottom", "head_and_shoulders",
	"inverse_head_and_shoulders", "ascending_triangle",
	"descending_triangle", "symmetric_triangle", "channel_up",
	"channel_down", "rectangle", "bull_flag", "bear_flag", "support",
	"resistance", "breakout_up", "breakout_down", NULL
};

struct trade_charts *
trade_charts_new(struct arena *a, enum trade_pivot_method method,
    double reach)
{
	struct trade_charts *t = arena_alloc(a, sizeof(*t));

	trade_pivots_start(&t->turns, method, reach > 0 ? reach :
	    method == PIVOT_ZIGZAG ? 1.5 : 3);
	t->ranges = trade_indicator_new(a, trade_indicator_find("atr"), NULL,
	    0, NULL);
	return t;
}

/* ---- what figures share ---------------------------------------------------------- */

H *
trade_chart_add(struct trade_charts *t, const char *name, int value,
    size_t pivots)
{
	H *h;

	if (t->nhits == TRADE_CHART_HITS)
		return NULL;
	h = &t->hits[t->nhits++];
	*h = (H){ .name = name, .value = value, .bar = (int64_t)t->n - 1,
	    .first_bar = (int64_t)trade_chart_at(t, pivots - 1)->bar,
	    .touches = (int64_t)pivots, .target = NAN, .volume_z = t->z };
	return h;
}

void
trade_chart_level(struct trade_charts *t, const H *h, double price,
    double slope, int side, double height)
{
	struct trade_level *l = &t->levels[t->nlevels % LEVELS];

	/* The same price once more is the same level. */
	for (size_t i = 0; i < LEVELS; i++)
		if (t->levels[i].side == side && t->levels[i].slope == 0 &&
		    slope == 0 && fabs(t->levels[i].price - price) <=
		    ALIKE * t->atr) {
			l = &t->levels[i];
			break;
		}
	if (l == &t->levels[t->nlevels % LEVELS])
		t->nlevels++;
	*l = (struct trade_level){ .of = h->name, .price = price,
	    .slope = slope, .bar = t->n - 1, .first = (size_t)h->first_bar,
	    .side = side, .height = height, .quality = h->quality,
	    .touches = h->touches };
}

double
trade_chart_quality(double misfit, double size)
{
	double fit = 1 - fmin(1, misfit);

	return 0.6 * fit + 0.4 * tanh(size / 4);
}

/* ---- breakouts ------------------------------------------------------------------- */

static void
breakouts(struct trade_charts *t, const struct trade_ohlcv *b)
{
	for (size_t i = 0; i < LEVELS; i++) {
		struct trade_level *l = &t->levels[i];
		double price;
		H *h;

		if (l->side == 0 || l->bar + 1 >= t->n)
			continue;
		if (t->n - l->bar > LEVEL_BARS) {
			l->side = 0;
			continue;
		}
		price = l->price + l->slope * (double)(t->n - 1 - l->bar);
		if (!(l->side * (b->c - price) > BEYOND * t->atr))
			continue;
		if (t->z > 1 && t->nhits < TRADE_CHART_HITS) {
			h = &t->hits[t->nhits++];
			*h = (H){ .name = l->side > 0 ? "breakout_up" :
			    "breakout_down", .of = l->of,
			    .value = 100 * l->side, .bar = (int64_t)t->n - 1,
			    .first_bar = (int64_t)l->first, .level = price,
			    .touches = l->touches, .volume_z = t->z,
			    .target = price + l->side * l->height,
			    .quality = fmin(1, 0.5 * l->quality +
			    0.25 * tanh(t->z - 1) + 0.25) };
		}
		l->side = 0;		/* passed, loudly or not */
	}
}

/* Deviation of this volume from the twenty before. */
static double
unusual(struct trade_charts *t, double v)
{
	double mean = 0, sd = 0, z = NAN;

	if (t->n >= VOLUMES) {
		for (size_t i = 0; i < VOLUMES; i++)
			mean += t->volumes[i] / VOLUMES;
		for (size_t i = 0; i < VOLUMES; i++)
			sd += (t->volumes[i] - mean) * (t->volumes[i] - mean);
		sd = sqrt(sd / (VOLUMES - 1));
		z = sd > 0 ? (v - mean) / sd : NAN;
	}
	t->volumes[t->n % VOLUMES] = v;
	return z;
}

size_t
trade_charts_push(struct trade_charts *t, const struct trade_ohlcv *b,
    H out[TRADE_CHART_HITS])
{
	double atr[TRADE_OUTPUTS];
	struct trade_pivot found[2];
	size_t n;

	trade_indicator_push(t->ranges, b, b->c, atr);
	t->z = unusual(t, b->v);
	t->atr = atr[0];
	t->n++;
	t->nhits = 0;
	n = trade_pivots_push(&t->turns, b, t->atr, found);
	if (t->atr > 0)
		breakouts(t, b);
	for (size_t i = 0; i < n; i++) {
		t->pivots[t->npivots++ % PIVOTS] = found[i];
		if (t->atr > 0)
			trade_chart_figures(t);
	}
	memcpy(out, t->hits, t->nhits * sizeof(*out));
	return t->nhits;
}

void
trade_chart_scan(struct arena *a, const struct trade_series *s,
    enum trade_pivot_method method, size_t from, double min_quality,
    struct trade_chart_scan *out)
{
	struct trade_charts *t = trade_charts_new(a, method, 0);
	H hits[TRADE_CHART_HITS];

	*out = (struct trade_chart_scan){ .hits = { 0 } };
	for (size_t i = 0; i < s->n; i++) {
		size_t n = trade_charts_push(t, &s->bars[i], hits);

		for (size_t k = 0; i >= from && k < n; k++)
			if (hits[k].quality >= min_quality) {
				hits[k].at = s->at[i];
				*VEC_ADD(a, &out->hits) = hits[k];
			}
	}
}
