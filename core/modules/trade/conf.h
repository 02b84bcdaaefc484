/*
 * Settings of the trading system: the limits every order is judged by.
 */
#ifndef TRADE_CONF_H
#define TRADE_CONF_H

#include "conf/conf.h"

struct trade_conf {
	int64_t max_quantity, max_notional, max_position, max_open_notional;
	int64_t max_open_orders, per_second, per_minute, quote_age_s;
	int64_t collar_limit_bp, collar_stop_bp, max_share_pct, daily_loss_pct;
	int64_t paper_fee_bp, paper_cash, short_margin_pct;
	int64_t paper_spread_bp, paper_latency_ms, paper_jitter_ms;
	int64_t paper_share_pct, paper_hash_every;
	/* market data */
	int64_t stale_after_ms, market_rate, quiet_minutes, bar_grace_ms;
	const char *const *redis_ticks, *const *redis_signals;
	const char *const *redis_channels, *const *redis_topics;
	const char *redis_group;
	const char *const *restricted;	/* symbols nobody may order */
};
extern const struct settings trade_settings;

#endif
