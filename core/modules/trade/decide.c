/*
 * From a verdict to what is to be done. Invariant: the same bars, the same
 * holding and the same strategy give the same answer as a backtest.
 */
#include <math.h>

#include "base/err.h"
#include "modules/trade/decide.h"

struct trade_moves
trade_moves_of(const struct trade_verdict *v, double held, bool waits)
{
	struct trade_moves m = { .leave = false };

	m.leave = (v->rule[RULE_EXIT_LONG] && held > 0) ||
	    (v->rule[RULE_EXIT_SHORT] && held < 0);
	if (waits)
		return m;
	if (v->rule[RULE_ENTRY_LONG] &&
	    (held <= 0 || v->rule[RULE_EXIT_LONG]))
		m.enter = 1;
	if (v->rule[RULE_ENTRY_SHORT] &&
	    (held >= 0 || v->rule[RULE_EXIT_SHORT]))
		m.enter = -1;
	m.leave = m.leave || (m.enter != 0 && held * m.enter < 0);
	return m;
}

int
trade_strategy_live(const struct trade_strategy *t, struct err *e)
{
	const char *what = t->trail.kind != DISTANCE_NONE ? "trail" :
	    t->hold > 0 ? "hold" : t->force != FORCE_USUAL ? "tif" :
	    t->sl.from_entry ? "an sl from the entry" :
	    t->tp.from_entry ? "a tp from the entry" : NULL;

	return what == NULL ? 0 : err_set(e, 422, "live", "%s is followed in "
	    "backtests only: a strategy with it cannot be armed", what);
}

bool
trade_entry_of(const struct trade_strategy *t, double close, double atr,
    int side, struct trade_exits *out)
{
	*out = (struct trade_exits){ NAN, NAN, NAN };
	if (isnan(atr) && (t->sl.kind == DISTANCE_ATR ||
	    t->tp.kind == DISTANCE_ATR || t->limit.kind == DISTANCE_ATR))
		return false;
	if (t->sl.kind != DISTANCE_NONE)
		out->sl = trade_exit_price(&t->sl, close, atr, -side);
	if (t->tp.kind != DISTANCE_NONE)
		out->tp = trade_exit_price(&t->tp, close, atr, side);
	if (t->limit.kind != DISTANCE_NONE)
		out->limit = trade_exit_price(&t->limit, close, atr, -side);
	return true;
}

double
trade_size_of(const struct trade_strategy *t, const struct trade_sizing *z,
    double equity, double free_cash, double price_now, double atr,
    const struct trade_exits *x)
{
	double stop = isnan(x->sl) ? 2 * atr : fabs(price_now - x->sl);

	if (!(price_now > 0))
		return 0;
	switch (z->kind) {
	case SIZING_UNITS:
		return z->size;
	case SIZING_VALUE:
		return z->size / price_now;
	case SIZING_RISK:
		return stop > 0 ? equity * z->risk_pct / 100 / stop : 0;
	default:
		break;
	}
	if (t == NULL)
		return 0;
	if (t->size_kind == SIZE_UNITS)
		return t->size;
	if (t->size_kind == SIZE_RISK)
		return stop > 0 ? equity * t->size / stop : 0;
	return fmax(0, free_cash) * fmin(t->size, 1) / price_now;
}
