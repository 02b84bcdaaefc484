/*
 * What the engine does with ticks: the original's rules, and patterns that the
 * minute under way would complete. A preview is told and never a row.
 */
#include <math.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/number.h"
#include "modules/trade/engine_inner.h"

#define MINUTE_US (INT64_C(60) * US_PER_S)

/* Patterns that the minute under way would complete, each told once in it. */
static int
preview(struct trade_listen *l, struct trade_pulse *p, const struct trade_tick *t,
    struct err *e)
{
	int64_t minute = t->at.us / MINUTE_US, x = t->last.e8;
	struct trade_candle_bar *b = &p->forming;
	int16_t value[TRADE_CANDLES];
	struct trade_slot *s;

	if (minute != p->minute) {
		*b = (struct trade_candle_bar){ x, x, x, x };
		p->minute = minute;
		p->told = 0;
	}
	b->c = x;
	b->h = x > b->h ? x : b->h;
	b->l = x < b->l ? x : b->l;
	if (t->at.us - p->looked_us < US_PER_S)
		return 0;
	p->looked_us = t->at.us;
	s = trade_engine_watched(l, "1m");
	/* a minute that has closed already is no longer forming */
	if (s == NULL || s->last.us >= minute * MINUTE_US ||
	    trade_watch_preview(s->watch, b, value) == 0)
		return 0;
	for (int k = 0; k < TRADE_CANDLES; k++) {
		struct trade_signal g;

		if (value[k] == 0 || (p->told >> k & 1) != 0)
			continue;
		p->told |= UINT64_C(1) << k;
		g = (struct trade_signal){ .tenant_id = l->desk.tenant,
		    .instrument_id = l->instrument->id,
		    .symbol = l->instrument->symbol, .timeframe = "1m",
		    .bar_at = { minute * MINUTE_US },
		    .source = TRADE_SOURCE_PATTERN,
		    .name = trade_candle_kinds[k].name, .value = value[k],
		    .score = value[k] > 0 ? 0.5 : -0.5, .strength = 0.5,
		    .price = t->last, .created_at = l->desk.now };
		if (trade_signal_preview(l->desk.db, &g, e) == -1)
			return -1;
	}
	return 0;
}

static int
tell_tick(struct trade_listen *l, const struct trade_tick *t,
    const struct trade_tick_signal *g, struct err *e)
{
	char fast[DEC_TEXT], slow[DEC_TEXT], vwap[DEC_TEXT], vol[DEC_TEXT];
	char volume[DEC_TEXT];
	struct trade_signal s = { .tenant_id = l->desk.tenant,
	    .instrument_id = l->instrument->id,
	    .symbol = l->instrument->symbol, .timeframe = TRADE_TICKS,
	    .bar_at = t->at, .source = TRADE_SOURCE_TICK, .name = g->name,
	    .score = g->score, .strength = fabs(g->score),
	    .price = t->last, .bar_version = 1, .created_at = l->desk.now };

	s.context.p = arena_printf(l->desk.a, "{\"ema_fast\":%s,\"ema_slow\":"
	    "%s,\"vwap\":%s,\"volume\":%s,\"volatility\":%s}",
	    real_format(g->fast, fast), real_format(g->slow, slow),
	    real_format(g->vwap, vwap), dec_format(t->volume, volume),
	    real_format(g->volatility, vol));
	if (trade_signal_preview(l->desk.db, &s, e) == -1)
		return -1;
	return trade_engine_put(l, &s, e);
}

int
trade_engine_on_tick(struct trade_listen *l, const struct trade_tick *t,
    struct err *e)
{
	const struct trade_engine_conf *c = conf_get(l->env->conf,
	    &trade_engine_settings);
	const struct trade_tick_terms terms = trade_engine_ticks(c);
	struct trade_tick_signal g;
	struct trade_pulse *p;

	if (t->last.e8 <= 0)
		return 0;		/* a quote only */
	p = trade_engine_pulse(l);
	if (preview(l, p, t, e) == -1)
		return -1;
	if (!trade_tick_rule(&p->rules, &terms, dec_real(t->last),
	    dec_real(t->volume), t->at, &g))
		return 0;
	return tell_tick(l, t, &g, e);
}

const struct trade_listener trade_engine_listener = {
	.name = "engine", .on_close = trade_engine_on_close,
	.on_tick = trade_engine_on_tick, .on_bar = trade_engine_on_bar,
	.on_signal = trade_engine_on_signal,
	.done = trade_engine_done, .forget = trade_engine_forget
};
