/*
 * A strategy as it is kept after reading: nodes in the order in which they
 * are computed (operands before what uses them).
 */
#ifndef TRADE_STRATEGY_INNER_H
#define TRADE_STRATEGY_INNER_H

#include "base/val.h"
#include "modules/trade/strategy.h"

struct json_object;

enum trade_op {
	OP_NUMBER, OP_PARAM, OP_FIELD, OP_COLUMN, OP_PATTERN,
	OP_ADD, OP_SUB, OP_MUL, OP_DIV,
	OP_LT, OP_LE, OP_GT, OP_GE, OP_EQ, OP_NE,
	OP_AND, OP_OR, OP_NOT,
	OP_CROSS_ABOVE, OP_CROSS_BELOW, OP_HIGHEST, OP_LOWEST, OP_SHIFT
};

struct trade_node {
	enum trade_op op;
	double number;			/* and the n of highest, shift */
	int index;			/* parameter, field, column, pattern */
	int output;			/* of a column */
	int arg[2];			/* nodes, -1 = none */
};

/* An indicator: each parameter is a number or one of the strategy's. */
struct trade_column {
	const char *name;
	const struct trade_indicator_kind *kind;
	int source;			/* node; -1: the bar */
	double value[TRADE_PARAMS];
	int param[TRADE_PARAMS];	/* index, -1 = the value */
	size_t n;
	size_t before;			/* nodes that exist when it is asked */
};

/* ---- reading ---------------------------------------------------------------- */

/* A spec's members, judged by their types. */
struct trade_size_doc {
	const char *kind;
	double value;
};
struct trade_spec_doc {
	struct json indicators, params, constraint, rule[RULES], sl, tp, limit;
	struct json trail, tif;
	int64_t hold;
	const void *size;		/* struct trade_size_doc */
	struct list symbols;
	const char *tf;
	bool exclusive_orders, trade_on_close, finalize_trades;
	struct trade_account account;
};

struct trade_reader {
	struct arena *a;
	struct trade_strategy *s;
	struct err *e;
	const char *where;		/* member being read */
	bool only_params;
};

/* An error at the member being read; returns -1. */
int trade_spec_bad(struct trade_reader *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* json-c's tree of a member; NULL when it is absent. Freed with the arena. */
struct json_object *trade_spec_tree(struct trade_reader *, struct json text,
    const char *where);
/* Exits, time in force, account, size. seen: which members there are. */
int trade_spec_terms(struct trade_reader *, const struct trade_spec_doc *,
    uint64_t seen);

#endif
