/*
 * Judging bars by a strategy's rules. Invariant: a node's value depends on
 * bars up to the present one only; memory does not grow with the bars.
 */
#include <math.h>

#include "base/arena.h"
#include "base/err.h"
#include "modules/trade/indicator_inner.h"
#include "modules/trade/strategy_inner.h"

struct trade_rules {
	const struct trade_strategy *s;
	const double *values;
	struct trade_indicator **columns;
	double (*out)[TRADE_OUTPUTS];	/* of each column, this bar */
	double *now, *before;		/* of each node */
	struct trade_window *windows;	/* of highest, lowest, shift */
	struct trade_candles candles;
	int16_t patterns[TRADE_CANDLES];
	struct trade_indicator *atr;
	bool started;
};

/* ---- the grid -------------------------------------------------------------------- */

static size_t
steps(const struct trade_param *p)
{
	/* a step that ends a rounding error short of high still counts */
	return (size_t)floor((p->high - p->low) / p->step + 1e-9) + 1;
}

size_t
trade_strategy_points(const struct trade_strategy *s)
{
	size_t n = 1;

	for (size_t i = 0; i < s->nparams; i++) {
		n *= steps(&s->params[i]);
		if (n > TRADE_GRID_MAX)
			return n;
	}
	return n;
}

static double
compare(enum trade_op op, double x, double y)
{
	switch (op) {
	case OP_LT: return x < y;
	case OP_LE: return x <= y;
	case OP_GT: return x > y;
	case OP_GE: return x >= y;
	case OP_EQ: return x == y;
	default: return x != y && !isnan(x) && !isnan(y);
	}
}

/* True of a number that is neither 0 nor unknown. */
static bool
truth(double x)
{
	return x != 0 && !isnan(x);
}

/* Operators that need nothing but their operands. */
static double
apply(enum trade_op op, double x, double y)
{
	switch (op) {
	case OP_ADD: return x + y;
	case OP_SUB: return x - y;
	case OP_MUL: return x * y;
	case OP_DIV: return y != 0 ? x / y : NAN;
	case OP_AND: return truth(x) && truth(y);
	case OP_OR: return truth(x) || truth(y);
	case OP_NOT: return !truth(x);
	default: return compare(op, x, y);
	}
}

static double
of_params(const struct trade_strategy *s, int i, const double *values)
{
	const struct trade_node *n = &s->nodes[i];

	if (n->op == OP_NUMBER)
		return n->number;
	if (n->op == OP_PARAM)
		return values[n->index];
	return apply(n->op, of_params(s, n->arg[0], values),
	    n->arg[1] == -1 ? 0 : of_params(s, n->arg[1], values));
}

bool
trade_strategy_point(const struct trade_strategy *s, size_t point,
    double *values)
{
	for (size_t i = 0; i < s->nparams; i++) {
		size_t n = steps(&s->params[i]);

		values[i] = s->params[i].low +
		    (double)(point % n) * s->params[i].step;
		point /= n;
	}
	return s->constraint == -1 ||
	    truth(of_params(s, s->constraint, values));
}

/* ---- bars ------------------------------------------------------------------------ */

static int
columns_new(struct arena *a, struct trade_rules *r, struct err *e)
{
	for (size_t i = 0; i < r->s->ncolumns; i++) {
		const struct trade_column *c = &r->s->columns[i];
		double p[TRADE_PARAMS];

		for (size_t k = 0; k < c->n; k++)
			p[k] = c->param[k] >= 0 ? r->values[c->param[k]] :
			    c->value[k];
		r->columns[i] = trade_indicator_new(a, c->kind, p, c->n, e);
		if (r->columns[i] == NULL)
			return -1;
	}
	return 0;
}

int
trade_rules_new(struct arena *a, const struct trade_strategy *s,
    const double *values, struct trade_rules **out, struct err *e)
{
	struct trade_rules *r = arena_alloc(a, sizeof(*r));

	r->s = s;
	r->values = arena_memdup(a, values, TRADE_PARAMS_MAX *
	    sizeof(*values));
	r->columns = arena_array(a, s->ncolumns, sizeof(*r->columns));
	r->out = arena_array(a, s->ncolumns, sizeof(*r->out));
	r->now = arena_array(a, s->nnodes, sizeof(*r->now));
	r->before = arena_array(a, s->nnodes, sizeof(*r->before));
	r->windows = arena_array(a, s->nnodes, sizeof(*r->windows));
	for (size_t i = 0; i < s->nnodes; i++) {
		r->before[i] = NAN;
		if (s->nodes[i].op >= OP_HIGHEST)
			trade_window_start(a, &r->windows[i],
			    s->nodes[i].number + (s->nodes[i].op == OP_SHIFT));
	}
	trade_candles_start(&r->candles);
	r->atr = trade_indicator_new(a, trade_indicator_find("atr"), NULL, 0,
	    e);
	*out = r;
	return columns_new(a, r, e);
}

static double
windowed(struct trade_window *w, enum trade_op op, double x)
{
	trade_window_push(w, x);
	if (!trade_window_full(w))
		return NAN;
	if (op == OP_SHIFT)
		return trade_window_at(w, w->n - 1);
	return op == OP_HIGHEST ? trade_window_max(w) : trade_window_min(w);
}

static double
compute(struct trade_rules *r, int i, const struct trade_ohlcv *b)
{
	const struct trade_node *n = &r->s->nodes[i];
	double x = n->arg[0] == -1 ? 0 : r->now[n->arg[0]];
	double y = n->arg[1] == -1 ? 0 : r->now[n->arg[1]];
	double fields[] = { b->o, b->h, b->l, b->c, b->v };

	switch (n->op) {
	case OP_NUMBER: return n->number;
	case OP_PARAM: return r->values[n->index];
	case OP_FIELD: return fields[n->index];
	case OP_COLUMN: return r->out[n->index][n->output];
	case OP_PATTERN: return r->patterns[n->index];
	case OP_CROSS_ABOVE:
		return r->before[n->arg[0]] < r->before[n->arg[1]] && x > y;
	case OP_CROSS_BELOW:
		return r->before[n->arg[0]] > r->before[n->arg[1]] && x < y;
	case OP_HIGHEST:
	case OP_LOWEST:
	case OP_SHIFT:
		return windowed(&r->windows[i], n->op, x);
	default:
		return apply(n->op, x, y);
	}
}

void
trade_rules_push(struct trade_rules *r, const struct trade_ohlcv *b,
    const struct trade_candle_bar *units, struct trade_verdict *v)
{
	double atr[TRADE_OUTPUTS], *spare = r->before;
	size_t node = 0;

	if (r->started) {
		r->before = r->now;
		r->now = spare;
	}
	r->started = true;
	v->warm = true;
	if (r->s->patterns)
		trade_candles_push(&r->candles, units, r->patterns);
	trade_indicator_push(r->atr, b, b->c, atr);
	/* A column's source is computed before it, what uses it after. */
	for (size_t c = 0; c < r->s->ncolumns; c++) {
		const struct trade_column *k = &r->s->columns[c];

		for (; node < k->before; node++)
			r->now[node] = compute(r, (int)node, b);
		trade_indicator_push(r->columns[c], b, k->source == -1 ? 0 :
		    r->now[k->source], r->out[c]);
		for (int o = 0; k->kind->outputs[o] != NULL; o++)
			v->warm = v->warm && !isnan(r->out[c][o]);
	}
	for (; node < r->s->nnodes; node++)
		r->now[node] = compute(r, (int)node, b);
	for (int i = 0; i < RULES; i++)
		v->rule[i] = r->s->rule[i] != -1 &&
		    truth(r->now[r->s->rule[i]]);
	v->atr = atr[0];
}
