/*
 * What can be done with bars: import one, find and read a series.
 */
#include "base/clock.h"
#include "base/err.h"
#include "modules/trade/bar.h"

int
trade_bar_import(struct db *db, struct arena *a, struct uuid tenant,
    const void *row, bool *changed, struct err *e)
{
	const struct trade_bar_row *r = row;
	struct trade_bar b = { .at = r->at, .open = r->open, .high = r->high,
	    .low = r->low, .close = r->close, .volume = r->volume };
	struct trade_instrument i = trade_instrument_usual(tenant, r->symbol,
	    r->exchange, clock_now());
	uint64_t n;
	int rc;

	if (trade_bar_check(&b, e) == -1)
		return -1;
	rc = trade_instrument_find(db, a, tenant, r->symbol, r->exchange, &i,
	    e);
	if (rc == -1 || (rc == 1 && trade_instrument_put(db, a, &i, e) == -1))
		return -1;
	if (trade_bar_put(db, i.id, r->timeframe, &b, 1, a, &n, e) == -1)
		return -1;
	*changed = n > 0;
	return 0;
}

int
trade_series_load(struct db *db, struct arena *a, struct uuid tenant,
    const struct trade_series_in *in, struct trade_instrument *i,
    struct trade_series *s, struct err *e)
{
	if (db_found(trade_instrument_find(db, a, tenant, in->symbol,
	    in->exchange, i, e), "Instrument", e) == -1)
		return -1;
	return trade_bar_series(db, a, i->id, in->timeframe, in->from,
	    in->to, s, e);
}
