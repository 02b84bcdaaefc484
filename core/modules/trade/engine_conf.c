/*
 * Settings of the engine, under the names the original read from its
 * environment as well.
 */
#include "base/clock.h"
#include "modules/trade/engine.h"

#define C struct trade_engine_conf
#define REAL(m, key, d, top, env_, text) SETTING(C, m, "trade." key, \
	.def = d, .min = 0, .max = top, .env = env_, .doc = text)
static const struct setting rows[] = {
	REAL(ema_diff, "ema_diff_threshold", "0.01", 1,
	    "EMA_DIFF_THRESHOLD", "Gap of the two exponential means, a part, "
	    "from which ticks say something"),
	REAL(vwap_diff, "vwap_diff_threshold", "0.005", 1,
	    "VWAP_DIFF_THRESHOLD", "The same of the distance from the mean "
	    "price by volume"),
	REAL(score_min, "signal_score_min", "0.3", 1, "SIGNAL_SCORE_MIN",
	    "Score from which ticks make a signal"),
	REAL(volume_alpha, "volume_ema_alpha", "0.1", 1, "VOLUME_EMA_ALPHA",
	    "Weight of the newest volume in its mean"),
	REAL(volume_multiplier, "volume_spike_multiplier", "2", 1000,
	    "VOLUME_SPIKE_MULTIPLIER", "A volume of so many times its mean "
	    "is a spike"),
	REAL(fast_alpha, "ema_fast_alpha", "0.1", 1, NULL,
	    "Weight of the newest price in the fast mean"),
	REAL(slow_alpha, "ema_slow_alpha", "0.05", 1, NULL,
	    "Weight of the newest price in the slow mean"),
	SETTING(C, cooldown_s, "trade.signal_cooldown", .def = "30", .min = 0,
	    .max = 86400, .unit = "seconds", .env = "SIGNAL_COOLDOWN",
	    .doc = "Between two signals from the ticks of an instrument"),
	REAL(quality_min, "signal_quality_min", "0.5", 1, NULL,
	    "Quality from which a candlestick pattern is a signal"),
	REAL(reward_scale, "reward_scale", "1", 1000, "REWARD_SCALE",
	    "Reward of a profit of one ATR"),
	REAL(loss_multiplier, "loss_multiplier", "3", 1000,
	    "LOSS_MULTIPLIER", "A loss counts so many times"),
	REAL(suggest_edge, "suggestion_edge", "0.02", 1, NULL,
	    "Distance of a probability from one half from which something is "
	    "suggested"),
	SETTING(C, strategy_url, "trade.strategy_engine_url", .def = "",
	    .flags = SET_URL, .env = "STRATEGY_ENGINE_URL",
	    .doc = "External strategy engine (POST /decide); empty = ours"),
	SETTING(C, onnx_url, "trade.onnx_runner_url", .def = "",
	    .flags = SET_URL, .env = "ONNX_RUNNER_URL",
	    .doc = "External forecasts (POST /api/infer/forecast/nbeats, "
	    "/infer); empty = ours"),
	SETTING(C, outside_ms, "trade.engine_timeout", .def = "3000",
	    .min = 100, .max = 60000, .unit = "milliseconds",
	    .doc = "Longest wait for an external engine"),
	SETTING_END
};
const struct settings trade_engine_settings = { .name = "trade_engine",
    .size = sizeof(C), .rows = rows };

struct trade_tick_terms
trade_engine_ticks(const C *c)
{
	return (struct trade_tick_terms){ c->ema_diff, c->vwap_diff,
	    c->score_min, c->volume_alpha, c->volume_multiplier,
	    c->fast_alpha, c->slow_alpha, c->cooldown_s * US_PER_S };
}

struct trade_reward_terms
trade_engine_rewards(const C *c)
{
	return (struct trade_reward_terms){ c->reward_scale,
	    c->loss_multiplier };
}
