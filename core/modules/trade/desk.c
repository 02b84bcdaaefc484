/*
 * A desk out of the settings: who trades, by which limits. Pure.
 */
#include "base/number.h"
#include "modules/trade/conf.h"
#include "modules/trade/papers.h"

static struct dec
whole(int64_t n)
{
	return (struct dec){ n * DEC_ONE };
}

struct trade_desk
trade_desk_make(const struct trade_conf *f, struct db *db, struct arena *a,
    struct uuid tenant, struct uuid user, struct utc now)
{
	return (struct trade_desk){ .db = db, .a = a, .tenant = tenant,
	    .user = user, .now = now, .fee = (double)f->paper_fee_bp / 1e4,
	    .restricted = f->restricted,
	    .paper_terms = trade_paper_terms_of(f),
	    .limits = { .max_quantity = whole(f->max_quantity),
		.max_notional = whole(f->max_notional),
		.max_position = whole(f->max_position),
		.max_open_notional = whole(f->max_open_notional),
		.max_open_orders = f->max_open_orders,
		.per_second = f->per_second, .per_minute = f->per_minute,
		.collar_limit = (double)f->collar_limit_bp / 1e4,
		.collar_stop = (double)f->collar_stop_bp / 1e4,
		.max_share = (double)f->max_share_pct / 100,
		.daily_loss = (double)f->daily_loss_pct / 100,
		.short_margin = (double)f->short_margin_pct / 100,
		.quote_age_s = f->quote_age_s,
		.stale_ms = f->stale_after_ms } };
}
