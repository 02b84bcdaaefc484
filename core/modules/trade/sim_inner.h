/*
 * What the files of the account share.
 */
#ifndef TRADE_SIM_INNER_H
#define TRADE_SIM_INNER_H

#include <math.h>

#include "modules/trade/sim.h"

/* The bar that is now. A price is read where it is asked for: most bars ask
 * for one only, and each lies in memory of its own. */
#define PRICE_NOW(name) \
	static inline double \
	trade_sim_##name(const struct trade_sim_lane *k) \
	{ \
		return k->name[k->i * k->step]; \
	}
PRICE_NOW(o)
PRICE_NOW(h)
PRICE_NOW(l)
PRICE_NOW(c)
#undef PRICE_NOW
/* All four, without the volume. */
static inline struct trade_ohlcv
trade_sim_now(const struct trade_sim_lane *k)
{
	return (struct trade_ohlcv){ trade_sim_o(k), trade_sim_h(k),
	    trade_sim_l(k), trade_sim_c(k), NAN };
}

static inline double
trade_sim_or(double v, double other)
{
	return isnan(v) ? other : v;
}

double trade_sim_commission(const struct trade_sim *, double size,
    double price);
double trade_sim_free(const struct trade_sim *);
void trade_sim_forget(struct trade_sim_lane *, struct trade_sim_order *);
struct trade_sim_order *trade_sim_enqueue(struct trade_sim *,
    struct trade_sim_lane *, const struct trade_sim_order *, bool first);
/* Closes a trade, or size units of it (against its sign). */
void trade_sim_end(struct trade_sim *, struct trade_sim_lane *,
    struct trade_sim_trade *, double price, size_t bar, const char *why);
void trade_sim_reduce(struct trade_sim *, struct trade_sim_lane *,
    struct trade_sim_trade *, double price, double size, size_t bar,
    const char *why);
void trade_sim_open(struct trade_sim *, struct trade_sim_lane *,
    const struct trade_sim_order *, double price, double size, size_t bar);
/* Where a trailing stop stands once price has been at `best`. */
double trade_sim_trailed(const struct trade_sim_trade *, double stop,
    double best);
/* Orders that were dropped in this bar may be used again. */
void trade_sim_recycle(struct trade_sim_lane *);
/* Trailing stops, costs of holding and fills of the lane's present bar. */
void trade_sim_fill(struct trade_sim *, struct trade_sim_lane *);

#endif
