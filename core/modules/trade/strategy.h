/*
 * A strategy is data: named indicators, four rules, a size, exits. The rules
 * see the bar just closed and earlier ones; there is no way to write down a
 * later one. The same rules judge recorded and live bars, one at a time.
 *
 *	{"indicators":{"f":["sma","close","n"],"s":["sma","close",30]},
 *	 "entry_long":["cross_above","f","s"],"exit_long":["cross_below","f","s"],
 *	 "size":{"kind":"fraction","value":0.95},"sl":["pct",0.05],
 *	 "trail":["pct",0.08,0.02],"hold":20,"tif":"day",
 *	 "params":{"n":[5,20,5]},"constraint":["<","n",30]}
 *
 * It may also say "symbols", "tf" and the terms of its account (account.h;
 * exclusive_orders, trade_on_close and finalize_trades as backtesting.py calls
 * them): those hold before a request's. trail: a stop that follows the best
 * price at this distance, once a profit of the third value is reached. sl and
 * tp count from the close that made the order, with a third value "entry" from
 * the price paid. hold:
 * closed at the open so many bars after the entry. tif: "gtc", "day", "ioc",
 * "fok" or ["bars", n]; without it a limit entry waits one bar.
 *
 * Operands: numbers, open high low close volume, an indicator ("f", or
 * "m.signal"), a parameter, or an expression. Operators: + - * / < <= > >= == !=
 * and or not, cross_above cross_below, highest lowest shift (expression, n),
 * pattern (name). An unknown value makes a comparison false.
 */
#ifndef TRADE_STRATEGY_H
#define TRADE_STRATEGY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "modules/trade/account.h"
#include "modules/trade/candle.h"
#include "modules/trade/indicator.h"

struct arena;
struct err;
struct schema;

enum {
	TRADE_NODES_MAX = 256, TRADE_INDICATORS_MAX = 64,
	TRADE_PARAMS_MAX = 8, TRADE_GRID_MAX = 10000,
	TRADE_SYMBOLS_MAX = 50		/* in one account */
};
enum trade_rule {
	RULE_ENTRY_LONG, RULE_EXIT_LONG, RULE_ENTRY_SHORT, RULE_EXIT_SHORT,
	RULES
};
enum trade_size { SIZE_FRACTION, SIZE_UNITS, SIZE_RISK };
enum trade_distance { DISTANCE_NONE, DISTANCE_PCT, DISTANCE_ATR };
/* Time in force of entries: as usual (market orders until filled, limits one
 * bar), until cancelled, the day, at once in part, at once or not, bars. */
enum trade_force {
	FORCE_USUAL, FORCE_GTC, FORCE_DAY, FORCE_IOC, FORCE_FOK, FORCE_BARS
};

struct trade_param {
	const char *name;
	double low, high, step;
};
struct trade_exit {
	enum trade_distance kind;
	double value;
	bool from_entry;		/* of the price paid, not of the close */
};

struct trade_node;
struct trade_column;

struct trade_strategy {
	struct trade_node *nodes;
	size_t nnodes;
	struct trade_column *columns;	/* indicators */
	size_t ncolumns;
	int rule[RULES];		/* node, -1 = none */
	int constraint;
	struct trade_param params[TRADE_PARAMS_MAX];
	size_t nparams;
	enum trade_size size_kind;
	double size;
	struct trade_exit sl, tp, limit;	/* limit: below (long) or
					 * above (short) the close */
	struct trade_exit trail;	/* distance of a trailing stop */
	double trail_from;		/* profit, a part, from which it trails */
	size_t hold;			/* bars after which it is closed; 0 */
	enum trade_force force;		/* how long an entry waits */
	size_t force_bars;
	bool patterns;			/* a rule asks for one */
	struct list symbols;		/* of one account; may be none */
	const char *timeframe;		/* NULL: not said */
	struct trade_account account;	/* what the spec says of it: */
	uint64_t told;			/* bits of trade_account_schema */
};
extern const struct schema trade_strategy_schema;

/* The spec's JSON text. 422 names the place. */
int trade_strategy_read(struct arena *, const char *text, size_t n,
    struct trade_strategy *, struct err *);
/* How many points the parameters' grid has, before the constraint. */
size_t trade_strategy_points(const struct trade_strategy *);
/* The values of a point, and whether the constraint allows it. */
bool trade_strategy_point(const struct trade_strategy *, size_t point,
    double *values);

/* How far an exit or limit stands from the close; NaN without one. */
double trade_exit_distance(const struct trade_exit *, double close,
    double atr);
/* Where: side 1 above, -1 below. */
double trade_exit_price(const struct trade_exit *, double close, double atr,
    int side);

/* ---- judging bars ------------------------------------------------------------ */

struct trade_rules;

/* With these parameters. -1 422: a parameter makes an indicator impossible. */
int trade_rules_new(struct arena *, const struct trade_strategy *,
    const double *values, struct trade_rules **, struct err *);
struct trade_verdict {
	bool rule[RULES];
	bool warm;			/* all indicators have a value */
	double atr;			/* of 14 bars; NaN before */
};
void trade_rules_push(struct trade_rules *, const struct trade_ohlcv *,
    const struct trade_candle_bar *, struct trade_verdict *);
/* The next n bars at once, with the same bits: said, per bar, bit r = rule r;
 * atr per bar unless NULL; the bars' columns, or NULL; *warm is the first of
 * these bars at which all indicators have a value, n = none. */
void trade_rules_judge(struct trade_rules *, const struct trade_ohlcv *,
    const struct trade_candle_bar *, const struct trade_columns *, size_t n,
    uint8_t *said, double *atr, size_t *warm);

#endif
