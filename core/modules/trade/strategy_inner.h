/*
 * A strategy as it is kept after reading: nodes in the order in which they
 * are computed (operands before what uses them).
 */
#ifndef TRADE_STRATEGY_INNER_H
#define TRADE_STRATEGY_INNER_H

#include "modules/trade/strategy.h"

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

#endif
