/*
 * Bars adjusted for what happened to their units. The raw ones are never
 * changed; the newest bar is always raw.
 */
#include <string.h>

#include "base/err.h"
#include "base/number.h"
#include "modules/trade/corporate.h"

#define B struct trade_adjusted_bar
static const struct field fields[] = {
	FIELD(B, at, .doc = "Begin"), FIELD(B, open, .doc = "First price"),
	FIELD(B, high, .doc = "Highest"), FIELD(B, low, .doc = "Lowest"),
	FIELD(B, close, .doc = "Last price"),
	FIELD(B, volume, .doc = "Units"),
	FIELD(B, factor, .doc = "What the raw prices were multiplied with"),
	FIELD_END
};
const struct schema trade_adjusted_bar_schema = {
	.name = "AdjustedBar", .doc = "A bar in units of today",
	.size = sizeof(B), .fields = fields
};

static int
scaled(struct dec x, double factor, struct dec *out, struct err *e)
{
	if (factor == 1) {
		*out = x;
		return 0;
	}
	return dec_from_real(dec_real(x) * factor, out) == -1 ? err_set(e,
	    422, "overflow", "The adjusted bar is out of range") : 0;
}

/* The factors of one action, which count for all bars before it. */
static void
take(const struct trade_corporate *c, const struct trade_bar *before,
    bool dividends, double *price, double *volume)
{
	double close = dec_real(before->close);

	if (strcmp(c->kind, "split") == 0 && c->ratio.e8 > 0) {
		*price /= dec_real(c->ratio);
		*volume *= dec_real(c->ratio);
	} else if (dividends && strcmp(c->kind, "dividend") == 0 &&
	    close > dec_real(c->amount))
		*price *= 1 - dec_real(c->amount) / close;
}

int
trade_bars_adjust(const struct trade_bar *bars, size_t n,
    const struct rows *actions, bool dividends, B *out, struct err *e)
{
	double price = 1, volume = 1;
	size_t k = 0;

	for (size_t i = n; i-- > 0; ) {
		const struct trade_bar *b = &bars[i];

		/* actions between this bar and the one after it */
		while (k < actions->n && ROW(actions, struct trade_corporate,
		    k)->ex_at.us > b->at.us) {
			if (i + 1 < n)
				take(ROW(actions, struct trade_corporate, k),
				    b, dividends, &price, &volume);
			k++;
		}
		out[i] = (B){ .at = b->at, .factor = price };
		if (scaled(b->open, price, &out[i].open, e) == -1 ||
		    scaled(b->high, price, &out[i].high, e) == -1 ||
		    scaled(b->low, price, &out[i].low, e) == -1 ||
		    scaled(b->close, price, &out[i].close, e) == -1 ||
		    scaled(b->volume, volume, &out[i].volume, e) == -1)
			return -1;
	}
	return 0;
}
