/*
 * The strategy engine: a listener of the market's loop (feed.h). Closed bar →
 * indicators and patterns → signals → context → rules of armed strategies →
 * decision → checks → order. Ticks: the original's tick rules. All in the
 * transaction of the batch; memory is bounded and warmed from stored bars.
 */
#ifndef TRADE_ENGINE_H
#define TRADE_ENGINE_H

#include "conf/conf.h"
#include "modules/trade/arming.h"
#include "modules/trade/feed.h"
#include "modules/trade/reward.h"
#include "modules/trade/tick_rule.h"
#include "modules/trade/watch.h"

struct trade_engine_conf {
	double ema_diff, vwap_diff, score_min;
	double volume_alpha, volume_multiplier, fast_alpha, slow_alpha;
	int64_t cooldown_s;
	double quality_min;		/* of a pattern that becomes a signal */
	double reward_scale, loss_multiplier;
	double suggest_edge;		/* of a probability from one half */
	const char *strategy_url, *onnx_url;	/* "" = none */
	int64_t outside_ms;
};
extern const struct settings trade_engine_settings;
struct trade_tick_terms trade_engine_ticks(const struct trade_engine_conf *);
struct trade_reward_terms trade_engine_rewards(
    const struct trade_engine_conf *);

extern const struct trade_listener trade_engine_listener;
int trade_engine_on_close(struct trade_listen *, struct trade_bar_news *,
    struct err *);
int trade_engine_on_tick(struct trade_listen *, const struct trade_tick *,
    struct err *);
int trade_engine_on_bar(struct trade_listen *, const struct trade_bar_news *,
    struct err *);
/* 1: refused, err->detail says why. */
int trade_engine_on_signal(struct trade_listen *, const char *json, size_t n,
    struct err *);
/* A stored signal goes to the armings that follow it; for signals that come
 * over HTTP (memory: NULL then). */
int trade_engine_follow(struct trade_listen *, struct trade_signal *,
    struct err *);
/* Stores and tells what the calls of a batch left for later: signals that
 * no strategy follows, and what followed earlier ones. */
int trade_engine_done(struct trade_listen *, struct err *);
void trade_engine_forget(void *memory);

/* ---- acting on a signal (engine_act_ops.c) -------------------------------------- */

struct trade_deal {
	struct env *env;
	struct trade_desk desk;		/* of the arming's owner and session */
	const struct trade_engine_conf *conf;
	struct trade_arming *arming;
	const struct trade_instrument *instrument;
	const struct trade_strategy *strategy;	/* NULL: it follows */
	const struct trade_signal *signal;	/* stored */
	struct trade_moves moves;
	struct trade_stand stand;
	double close, atr;
	const char *why;		/* a sentence */
};
/* Leaves and enters as the moves say; each leg of a signal once. A refusal is
 * an act and a denied order, not an error. */
int trade_engine_deal(struct trade_deal *, struct err *);
/* The name of an order: the same for the same arming, signal and leg. */
const char *trade_engine_order_name(struct arena *,
    const struct trade_arming *, const struct trade_signal *,
    const char *leg);

#endif
