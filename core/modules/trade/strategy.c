/*
 * Judging bars by a strategy's rules: one at a time as they come, or a record
 * of them in blocks. Invariant: a node's value depends on bars up to its own
 * only; memory does not grow with the bars; both ways give the same bits.
 */
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/wide.h"
#include "modules/trade/indicator_inner.h"
#include "modules/trade/strategy_inner.h"

/* Values of one block of bars: small enough for the fastest cache. */
enum { BLOCK = 256, VOLUME = 4 };

/* Highest or lowest of the last n values, in constant time a value: v holds
 * those that no later one has beaten, best first. */
struct extreme {
	double *v;
	size_t *at;
	size_t n, head, len, seen, unknown;
};

double
trade_exit_distance(const struct trade_exit *x, double close, double atr)
{
	switch (x->kind) {
	case DISTANCE_PCT: return close * x->value;
	case DISTANCE_ATR: return atr * x->value;
	default: return NAN;
	}
}

/* close * (1 - p) rather than close - close * p: the bits of a strategy that
 * was written with a factor. */
double
trade_exit_price(const struct trade_exit *x, double close, double atr,
    int side)
{
	if (x->kind == DISTANCE_PCT)
		return close * (1 + side * x->value);
	return close + side * trade_exit_distance(x, close, atr);
}

struct trade_rules {
	const struct trade_strategy *s;
	const double *values;
	struct trade_indicator **columns;
	double (*out)[TRADE_OUTPUTS][BLOCK];	/* of each column */
	double **own;			/* of each node: BLOCK values */
	const double **now;		/* where they are in this block: its
					 * own, an indicator's, a column */
	double *before;			/* the bar before the block */
	struct extreme *extremes;	/* of highest, lowest */
	struct trade_window *windows;	/* of shift */
	struct trade_candles candles;
	int16_t (*patterns)[TRADE_CANDLES];
	struct trade_indicator *atr;
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

/* A node that is an indicator's output lies where that is; constants are
 * filled in once. */
static void
nodes_new(struct arena *a, struct trade_rules *r)
{
	for (size_t i = 0; i < r->s->nnodes; i++) {
		const struct trade_node *n = &r->s->nodes[i];
		struct extreme *x = &r->extremes[i];

		r->before[i] = NAN;
		r->now[i] = r->own[i] = n->op == OP_COLUMN ?
		    r->out[n->index][n->output] :
		    arena_array(a, BLOCK, sizeof(**r->own));
		for (size_t j = 0; j < BLOCK && (n->op == OP_NUMBER ||
		    n->op == OP_PARAM); j++)
			r->own[i][j] = n->op == OP_NUMBER ? n->number :
			    r->values[n->index];
		if (n->op == OP_SHIFT) {
			trade_window_start(a, &r->windows[i], n->number + 1);
		} else if (n->op == OP_HIGHEST || n->op == OP_LOWEST) {
			x->n = (size_t)n->number;
			x->v = arena_array(a, x->n, sizeof(*x->v));
			x->at = arena_array(a, x->n, sizeof(*x->at));
		}
	}
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
	r->own = arena_array(a, s->nnodes, sizeof(*r->own));
	r->now = arena_array(a, s->nnodes, sizeof(*r->now));
	r->before = arena_array(a, s->nnodes, sizeof(*r->before));
	r->windows = arena_array(a, s->nnodes, sizeof(*r->windows));
	r->extremes = arena_array(a, s->nnodes, sizeof(*r->extremes));
	if (s->patterns)
		r->patterns = arena_array(a, BLOCK, sizeof(*r->patterns));
	nodes_new(a, r);
	trade_candles_start(&r->candles);
	r->atr = trade_indicator_new(a, trade_indicator_find("atr"), NULL, 0,
	    e);
	*out = r;
	return columns_new(a, r, e);
}

static double
extreme(struct extreme *x, double v, bool highest)
{
	size_t last;

	x->seen++;
	if (x->len > 0 && x->at[x->head] + x->n <= x->seen) {
		x->head = x->head + 1 == x->n ? 0 : x->head + 1;
		x->len--;
	}
	if (isnan(v)) {
		x->unknown = x->seen;
	} else {
		for (; x->len > 0; x->len--) {
			last = (x->head + x->len - 1) % x->n;
			if (highest ? x->v[last] > v : x->v[last] < v)
				break;
		}
		last = (x->head + x->len++) % x->n;
		x->v[last] = v;
		x->at[last] = x->seen;
	}
	if (x->seen < x->n || (x->unknown > 0 && x->unknown + x->n > x->seen))
		return NAN;
	return x->v[x->head];
}

static double
shifted(struct trade_window *w, double v)
{
	trade_window_push(w, v);
	return trade_window_full(w) ? trade_window_at(w, w->n - 1) : NAN;
}

WIDE static void
crosses(double *restrict out, const double *restrict x,
    const double *restrict y, double x0, double y0, size_t m)
{
	out[0] = x0 < y0 && x[0] > y[0];
	for (size_t j = 1; j < m; j++) {
		double was = x[j - 1] < y[j - 1] ? 1.0 : 0.0;

		out[j] = x[j] > y[j] ? was : 0.0;
	}
}

/* Operators that need nothing but their operands, over a block: a loop for
 * each, so that the operator is looked at once. The values are apply()'s. */
WIDE static void
each(enum trade_op op, double *restrict out, const double *restrict x,
    const double *restrict y, size_t m)
{
#define TRUE(v) (wide_mask((v) != 0) & wide_mask((v) == (v)))
#define LOOP(value) \
	for (size_t j = 0; j < m; j++) \
		out[j] = (value); \
	return
	switch (op) {
	case OP_ADD: LOOP(x[j] + y[j]);
	case OP_SUB: LOOP(x[j] - y[j]);
	case OP_MUL: LOOP(x[j] * y[j]);
	case OP_LT: LOOP(x[j] < y[j] ? 1.0 : 0.0);
	case OP_LE: LOOP(x[j] <= y[j] ? 1.0 : 0.0);
	case OP_GT: LOOP(x[j] > y[j] ? 1.0 : 0.0);
	case OP_GE: LOOP(x[j] >= y[j] ? 1.0 : 0.0);
	case OP_AND: LOOP((TRUE(x[j]) & TRUE(y[j])) != 0 ? 1.0 : 0.0);
	case OP_OR: LOOP((TRUE(x[j]) | TRUE(y[j])) != 0 ? 1.0 : 0.0);
	case OP_NOT: LOOP(TRUE(x[j]) != 0 ? 0.0 : 1.0);
	default: LOOP(apply(op, x[j], y[j]));
	}
#undef LOOP
#undef TRUE
}

/* Bars of a block; columns: of prices from its first bar on, or none. */
struct bars {
	const struct trade_ohlcv *rows;
	const struct trade_candle_bar *units;
	const double *columns[VOLUME];
	size_t n;
};

static void
field(struct trade_rules *r, size_t i, const struct bars *b)
{
	size_t f = (size_t)r->s->nodes[i].index;

	if (f < VOLUME && b->columns[f] != NULL) {
		r->now[i] = b->columns[f];
		return;
	}
	for (size_t j = 0; j < b->n; j++)
		r->own[i][j] = ((const double *)&b->rows[j])[f];
	r->now[i] = r->own[i];
}

static void
compute(struct trade_rules *r, size_t i, const struct bars *b)
{
	const struct trade_node *n = &r->s->nodes[i];
	double *out = r->own[i];
	size_t m = b->n;
	int p = n->arg[0] < 0 ? 0 : n->arg[0], q = n->arg[1] < 0 ? p :
	    n->arg[1];
	const double *x = r->now[p], *y = r->now[q];

	switch (n->op) {
	case OP_NUMBER:
	case OP_PARAM:
	case OP_COLUMN:
		break;			/* there already */
	case OP_FIELD:
		field(r, i, b);
		break;
	case OP_PATTERN:
		for (size_t j = 0; j < m; j++)
			out[j] = r->patterns[j][n->index];
		break;
	case OP_CROSS_ABOVE:
		crosses(out, x, y, r->before[p], r->before[q], m);
		break;
	case OP_CROSS_BELOW:
		crosses(out, y, x, r->before[q], r->before[p], m);
		break;
	case OP_HIGHEST:
	case OP_LOWEST:
		for (size_t j = 0; j < m; j++)
			out[j] = extreme(&r->extremes[i], x[j],
			    n->op == OP_HIGHEST);
		break;
	case OP_SHIFT:
		for (size_t j = 0; j < m; j++)
			out[j] = shifted(&r->windows[i], x[j]);
		break;
	default:
		each(n->op, out, x, y, m);
	}
}

/* A block of at most BLOCK bars: every node and column. */
static void
block(struct trade_rules *r, const struct bars *b)
{
	size_t node = 0, m = b->n;

	for (size_t j = 0; r->s->patterns && j < m; j++)
		if (trade_candles_push(&r->candles, &b->units[j],
		    r->patterns[j]) == -1)
			memset(r->patterns[j], 0, sizeof(r->patterns[j]));
	/* A column's source is computed before it, what uses it after. */
	for (size_t c = 0; c < r->s->ncolumns; c++) {
		const struct trade_column *k = &r->s->columns[c];

		for (; node < k->before; node++)
			compute(r, node, b);
		trade_indicator_block(r->columns[c], b->rows, k->source == -1 ?
		    NULL : r->now[k->source], m, BLOCK, r->out[c][0]);
	}
	for (; node < r->s->nnodes; node++)
		compute(r, node, b);
	for (size_t i = 0; i < r->s->nnodes; i++)
		r->before[i] = r->now[i][m - 1];
}

/* Whether all indicators have a value at bar j of the block. */
static bool
is_warm(const struct trade_rules *r, size_t j)
{
	for (size_t c = 0; c < r->s->ncolumns; c++)
		for (int o = 0; r->s->columns[c].kind->outputs[o] != NULL;
		    o++)
			if (isnan(r->out[c][o][j]))
				return false;
	return true;
}

void
trade_rules_push(struct trade_rules *r, const struct trade_ohlcv *b,
    const struct trade_candle_bar *units, struct trade_verdict *v)
{
	double atr[TRADE_OUTPUTS];

	block(r, &(struct bars){ .rows = b, .units = units, .n = 1 });
	trade_indicator_push(r->atr, b, b->c, atr);
	for (int i = 0; i < RULES; i++)
		v->rule[i] = r->s->rule[i] != -1 &&
		    truth(r->now[r->s->rule[i]][0]);
	v->warm = is_warm(r, 0);
	v->atr = atr[0];
}

/* Bit k where the rule is true; the first rule of a block clears the others. */
WIDE static void
mark(const double *restrict v, int k, bool first, size_t m,
    uint8_t *restrict said)
{
	for (size_t j = 0; j < m; j++) {
		uint8_t is = (uint8_t)((v[j] != 0 && v[j] == v[j]) << k);

		said[j] = first ? is : said[j] | is;
	}
}

static void
mark_all(const struct trade_rules *r, size_t m, uint8_t *said)
{
	bool first = true;

	for (int k = 0; k < RULES; k++)
		if (r->s->rule[k] != -1) {
			mark(r->now[r->s->rule[k]], k, first, m, said);
			first = false;
		}
	if (first)
		memset(said, 0, m);
}

void
trade_rules_judge(struct trade_rules *r, const struct trade_ohlcv *rows,
    const struct trade_candle_bar *units, const struct trade_columns *columns,
    size_t n, uint8_t *said, double *atr, size_t *warm)
{
	*warm = n;
	for (size_t i = 0; i < n; i += BLOCK) {
		struct bars b = { .rows = rows + i, .units = units + i,
		    .n = n - i < BLOCK ? n - i : BLOCK };

		if (columns != NULL) {
			b.columns[0] = columns->o + i;
			b.columns[1] = columns->h + i;
			b.columns[2] = columns->l + i;
			b.columns[3] = columns->c + i;
		}
		block(r, &b);
		for (size_t j = 0; *warm == n && j < b.n; j++)
			if (is_warm(r, j))
				*warm = i + j;
		mark_all(r, b.n, said + i);
		if (atr != NULL)
			trade_indicator_block(r->atr, b.rows, NULL, b.n, 0,
			    atr + i);
	}
}
