/*
 * Patterns with evidence. A rate is judged against the rate of the same
 * series, since in a rising market every "bullish" pattern looks right; and
 * 61 patterns tried are 61 chances to be fooled, hence q.
 * Sources: Wilson 1927 (interval), Benjamini and Hochberg 1995 (q).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "schema/schema.h"
#include "modules/trade/pattern.h"

enum { BEFORE = 10, NORM = 20, MIDDLE = 1 };
static const size_t horizons[TRADE_HORIZONS] = { 1, 5, 20 };

#define H struct trade_hit
static const struct field hit_fields[] = {
	FIELD(H, symbol, .flags = FF_NULLABLE, .doc = "Symbol"),
	FIELD(H, at, .doc = "Bar that completes it"),
	FIELD(H, name, .doc = "Pattern"),
	FIELD(H, value, .doc = "±80, ±100 or ±200, as TA-Lib"),
	FIELD(H, trend, .flags = FF_NULLABLE,
	    .doc = "t-value of the slope of the ten closes before"),
	FIELD(H, range_z, .flags = FF_NULLABLE,
	    .doc = "Its range against twenty bars before, in deviations"),
	FIELD(H, volume_z, .flags = FF_NULLABLE, .doc = "Likewise, volume"),
	FIELD(H, quality, .doc = "0…1: larger with range, volume and a "
	    "trend to turn"), FIELD_END
};
const struct schema trade_hit_schema = {
	.name = "PatternHit", .doc = "A candlestick pattern that was found",
	.size = sizeof(H), .fields = hit_fields
};

#define W struct trade_follow
static const struct field follow_fields[] = {
	FIELD(W, name, .doc = "Pattern"),
	FIELD(W, n, .doc = "Hits with five bars after them"),
	FIELD(W, rate_1, .flags = FF_NULLABLE,
	    .doc = "Share that moved the said way after one bar"),
	FIELD(W, rate_5, .flags = FF_NULLABLE, .doc = "After five"),
	FIELD(W, rate_20, .flags = FF_NULLABLE, .doc = "After twenty"),
	FIELD(W, base_5, .flags = FF_NULLABLE,
	    .doc = "The same share after any bar of the series"),
	FIELD(W, low, .flags = FF_NULLABLE, .doc = "Wilson 95 % of rate_5"),
	FIELD(W, high, .flags = FF_NULLABLE, .doc = "Wilson 95 % of rate_5"),
	FIELD(W, p, .flags = FF_NULLABLE, .doc = "Two-sided"),
	FIELD(W, q, .flags = FF_NULLABLE,
	    .doc = "After Benjamini and Hochberg"),
	FIELD(W, chance, .doc = "Not distinguishable from chance (q > 0.1)"),
	FIELD_END
};
const struct schema trade_follow_schema = {
	.name = "PatternFollow", .doc = "What followed a pattern's hits",
	.size = sizeof(W), .fields = follow_fields
};

/* ---- surroundings ------------------------------------------------------------------ */

static double
slope_t(const struct trade_ohlcv *b, size_t i)
{
	double mean = 0, xy = 0, xx = 0, rest = 0, slope;
	const double mid = (BEFORE - 1) / 2.0;

	if (i < BEFORE)
		return NAN;
	for (size_t k = 0; k < BEFORE; k++)
		mean += b[i - BEFORE + k].c / BEFORE;
	for (size_t k = 0; k < BEFORE; k++) {
		xy += ((double)k - mid) * (b[i - BEFORE + k].c - mean);
		xx += ((double)k - mid) * ((double)k - mid);
	}
	slope = xy / xx;
	for (size_t k = 0; k < BEFORE; k++) {
		double d = b[i - BEFORE + k].c - mean -
		    slope * ((double)k - mid);

		rest += d * d;
	}
	rest = sqrt(rest / (BEFORE - 2) / xx);
	return rest > 0 ? slope / rest : NAN;
}

static double
range(const struct trade_ohlcv *b)
{
	return b->h - b->l;
}

static double
volume(const struct trade_ohlcv *b)
{
	return b->v;
}

static double
unusual(const struct trade_ohlcv *b, size_t i,
    double (*of)(const struct trade_ohlcv *))
{
	double mean = 0, sd = 0;

	if (i < NORM)
		return NAN;
	for (size_t k = i - NORM; k < i; k++)
		mean += of(&b[k]) / NORM;
	for (size_t k = i - NORM; k < i; k++)
		sd += (of(&b[k]) - mean) * (of(&b[k]) - mean);
	sd = sqrt(sd / (NORM - 1));
	return sd > 0 ? (of(&b[i]) - mean) / sd : NAN;
}

static double
zero(double x)
{
	return isnan(x) ? 0 : x;
}

void
trade_hit_around(const struct trade_ohlcv *b, size_t i, double *trend,
    double *range_z, double *volume_z)
{
	if (trend != NULL)
		*trend = slope_t(b, i);
	if (range_z != NULL)
		*range_z = unusual(b, i, range);
	if (volume_z != NULL)
		*volume_z = unusual(b, i, volume);
}

void
trade_hit_at(const struct trade_ohlcv *b, size_t i, int kind, int value,
    H *h)
{
	double turns;

	*h = (H){ .name = trade_candle_kinds[kind].name, .value = value,
	    .bar = (int64_t)i, .kind = kind };
	trade_hit_around(b, i, &h->trend, &h->range_z, &h->volume_z);
	turns = zero(h->trend) * (value > 0 ? -1 : 1);
	h->quality = 0.5 + (tanh(zero(h->range_z) / 2) +
	    tanh(zero(h->volume_z) / 2) + tanh(turns / 4)) / 6;
}

static void
add_hit(struct arena *a, const struct trade_series *s, size_t i, int kind,
    int value, struct trade_scan *out)
{
	H *h = VEC_ADD(a, &out->hits);

	trade_hit_at(s->bars, i, kind, value, h);
	h->at = s->at[i];
}

/* ---- what followed ------------------------------------------------------------------ */

struct tally {
	int64_t n[TRADE_HORIZONS], right[TRADE_HORIZONS];
	double expected, variance;	/* of the middle horizon */
};

/* Shares of bars after which the close was higher, and lower. */
static void
bases(const struct trade_series *s, double up[TRADE_HORIZONS],
    double down[TRADE_HORIZONS])
{
	for (int h = 0; h < TRADE_HORIZONS; h++) {
		size_t higher = 0, lower = 0, n = 0;

		for (size_t i = 0; i + horizons[h] < s->n; i++, n++) {
			double d = s->bars[i + horizons[h]].c - s->bars[i].c;

			higher += d > 0;
			lower += d < 0;
		}
		up[h] = n > 0 ? (double)higher / (double)n : 0;
		down[h] = n > 0 ? (double)lower / (double)n : 0;
	}
}

static void
count(struct tally *t, const struct trade_series *s, size_t i, int value,
    const double *up, const double *down)
{
	for (int h = 0; h < TRADE_HORIZONS; h++) {
		double base = value > 0 ? up[h] : down[h], d;

		if (i + horizons[h] >= s->n)
			continue;
		d = s->bars[i + horizons[h]].c - s->bars[i].c;
		t->n[h]++;
		t->right[h] += value > 0 ? d > 0 : d < 0;
		if (h == MIDDLE) {
			t->expected += base;
			t->variance += base * (1 - base);
		}
	}
}

static double
share(int64_t part, int64_t all)
{
	return all > 0 ? (double)part / (double)all : NAN;
}

static void
judge(const struct tally *t, const char *name, W *f)
{
	const double z = 1.959963984540054;
	double n = (double)t->n[MIDDLE], rate, mid, half;

	*f = (W){ .name = name, .n = t->n[MIDDLE],
	    .rate_1 = share(t->right[0], t->n[0]),
	    .rate_5 = share(t->right[1], t->n[1]),
	    .rate_20 = share(t->right[2], t->n[2]), .base_5 = NAN,
	    .low = NAN, .high = NAN, .p = NAN, .q = NAN, .chance = true };
	if (n < 1)
		return;
	rate = f->rate_5;
	f->base_5 = t->expected / n;
	mid = (rate + z * z / (2 * n)) / (1 + z * z / n);
	half = z / (1 + z * z / n) * sqrt(rate * (1 - rate) / n +
	    z * z / (4 * n * n));
	f->low = mid - half;
	f->high = mid + half;
	if (t->variance > 0)
		f->p = erfc(fabs((double)t->right[MIDDLE] - t->expected) /
		    sqrt(2 * t->variance));
}

static int
by_p(const void *x, const void *y)
{
	double p = (*(W *const *)x)->p, q = (*(W *const *)y)->p;

	return p < q ? -1 : p > q;
}

static void
false_discovery(W *f)
{
	W *tried[TRADE_CANDLES];
	size_t n = 0;
	double least = 1;

	for (int k = 0; k < TRADE_CANDLES; k++)
		if (!isnan(f[k].p))
			tried[n++] = &f[k];
	qsort(tried, n, sizeof(tried[0]), by_p);
	for (size_t i = n; i > 0; i--) {
		least = fmin(least, tried[i - 1]->p * (double)n / (double)i);
		tried[i - 1]->q = least;
		tried[i - 1]->chance = least > 0.1;
	}
}

int
trade_pattern_scan(struct arena *a, const struct trade_series *s,
    const bool *wanted, size_t from, struct trade_scan *out, struct err *e)
{
	double up[TRADE_HORIZONS], down[TRADE_HORIZONS];
	struct tally tally[TRADE_CANDLES] = { 0 };
	struct trade_candles c;
	int16_t v[TRADE_CANDLES];

	*out = (struct trade_scan){ .hits = { 0 } };
	bases(s, up, down);
	trade_candles_start(&c);
	for (size_t i = 0; i < s->n; i++) {
		uint64_t hits;

		if (trade_candles_step(&c, &s->units[i], v, &hits) == -1)
			return err_set(e, 422, "bar", "Bar %zu is none", i);
		for (; hits != 0; hits &= hits - 1) {
			int k = __builtin_ctzll(hits);

			count(&tally[k], s, i, v[k], up, down);
			if (i >= from && (wanted == NULL || wanted[k]))
				add_hit(a, s, i, k, v[k], out);
		}
	}
	for (int k = 0; k < TRADE_CANDLES; k++)
		judge(&tally[k], trade_candle_kinds[k].name, &out->follow[k]);
	false_discovery(out->follow);
	return 0;
}

int
trade_pattern_names(struct arena *a, const char *list, bool *wanted,
    struct err *e)
{
	char *copy = arena_strdup(a, list), *name, *save = NULL;

	memset(wanted, *list == '\0', TRADE_CANDLES * sizeof(*wanted));
	for (name = strtok_r(copy, ", ", &save); name != NULL;
	    name = strtok_r(NULL, ", ", &save)) {
		int k = trade_candle_find(name);

		if (k == -1)
			return err_set(e, 422, "pattern",
			    "No candlestick pattern is called \"%.40s\"",
			    name);
		wanted[k] = true;
	}
	return 0;
}
