/*
 * One run of a strategy. The rules see bar i at its close; what they order
 * fills from bar i+1 on.
 */
#include <math.h>
#include <string.h>

#include "base/err.h"
#include "modules/trade/backtest.h"

#define ALL (1 - 0x1p-52)		/* "everything", as backtesting.py */

struct runner {
	const struct trade_backtest *b;
	struct trade_rules *rules;
};

/* ---- orders ---------------------------------------------------------------------- */

static double
distance(const struct trade_exit *x, double close, double atr)
{
	switch (x->kind) {
	case DISTANCE_PCT: return close * x->value;
	case DISTANCE_ATR: return atr * x->value;
	default: return NAN;
	}
}

/* close * (1 - p) rather than close - close * p: the bits of a strategy that
 * was written with a factor. */
static double
price(const struct trade_exit *x, double close, double atr, int side)
{
	if (x->kind == DISTANCE_PCT)
		return close * (1 + side * x->value);
	return close + side * distance(x, close, atr);
}

static double
size_of(const struct runner *r, const struct trade_sim *s, double close,
    double atr)
{
	const struct trade_strategy *t = r->b->strategy;
	double units;

	switch (t->size_kind) {
	case SIZE_FRACTION:
		return t->size >= 1 ? ALL : t->size;
	case SIZE_UNITS:
		return t->size;
	default:
		units = floor(trade_sim_equity(s) * t->size /
		    distance(&t->sl, close, atr));
		return units >= 1 ? units : 0;
	}
}

static void
enter(struct runner *r, struct trade_sim *s, int side,
    const struct trade_verdict *v)
{
	const struct trade_strategy *t = r->b->strategy;
	double close = s->bars[s->i].c, size = size_of(r, s, close, v->atr);
	struct trade_sim_order o = { .size = side * size, .limit = NAN,
	    .stop = NAN, .sl = NAN, .tp = NAN };

	if (size == 0 || (isnan(v->atr) && (t->sl.kind == DISTANCE_ATR ||
	    t->tp.kind == DISTANCE_ATR || t->limit.kind == DISTANCE_ATR)))
		return;
	if (t->sl.kind != DISTANCE_NONE)
		o.sl = price(&t->sl, close, v->atr, -side);
	if (t->tp.kind != DISTANCE_NONE)
		o.tp = price(&t->tp, close, v->atr, side);
	if (t->limit.kind != DISTANCE_NONE) {
		o.limit = price(&t->limit, close, v->atr, -side);
		o.until = s->i + 1 + s->t.latency;
	}
	trade_sim_order(s, o);
}

static void
leave(struct trade_sim *s, int side)
{
	for (size_t i = 0; i < s->open.n; i++)
		if ((s->open.v[i]->size > 0) == (side > 0))
			trade_sim_close(s, s->open.v[i]);
}

static bool
entry_waits(const struct trade_sim *s)
{
	for (size_t i = 0; i < s->orders.n; i++)
		if (s->orders.v[i]->trade == NULL &&
		    s->orders.v[i]->until > s->i)
			return true;
	return false;
}

static void
next(void *arg, struct trade_sim *s)
{
	struct runner *r = arg;
	const struct trade_series *d = &r->b->series;
	struct trade_verdict v;
	double held = trade_sim_position(s);

	trade_rules_push(r->rules, &d->bars[s->i], &d->units[s->i], &v);
	if (v.rule[RULE_EXIT_LONG] && held > 0)
		leave(s, 1);
	if (v.rule[RULE_EXIT_SHORT] && held < 0)
		leave(s, -1);
	if (entry_waits(s))
		return;
	if (v.rule[RULE_ENTRY_LONG] &&
	    (held <= 0 || v.rule[RULE_EXIT_LONG]))
		enter(r, s, 1, &v);
	if (v.rule[RULE_ENTRY_SHORT] &&
	    (held >= 0 || v.rule[RULE_EXIT_SHORT]))
		enter(r, s, -1, &v);
}

/* ---- a run ----------------------------------------------------------------------- */

/* The first bar that may be traded: one after all indicators have a value. */
static int
warm(struct arena *a, const struct trade_backtest *b, const double *values,
    size_t *first, struct err *e)
{
	struct arena_mark m = arena_mark(a);
	struct trade_rules *r;
	struct trade_verdict v = { .warm = false };
	size_t i;

	if (trade_rules_new(a, b->strategy, values, &r, e) == -1)
		return -1;
	for (i = 0; i < b->series.n && !v.warm; i++)
		trade_rules_push(r, &b->series.bars[i], &b->series.units[i],
		    &v);
	*first = v.warm ? i : b->series.n;
	arena_rewind(a, m);
	return 0;
}

static int
stopped(const struct trade_backtest *b, double done, struct err *e)
{
	if (b->tick == NULL || b->tick(b->arg, done) == 0)
		return 0;
	return err_set(e, 409, "stopped", "The backtest was stopped");
}

int
trade_backtest_run(struct arena *a, const struct trade_backtest *b,
    const double *values, size_t from, struct trade_run *out, struct err *e)
{
	struct runner r = { .b = b };
	struct trade_sim *s = arena_alloc(a, sizeof(*s));
	struct trade_stats_in in = { .at = b->series.at, .n = b->series.n,
	    .rate = b->rate };
	double *close = arena_array(a, b->series.n, sizeof(*close));
	size_t warmed;

	*out = (struct trade_run){ .cash = b->terms.cash };
	if (b->series.n < 2)
		return err_set(e, 422, "no_bars",
		    "A backtest needs at least two bars");
	if (warm(a, b, values, &warmed, e) == -1 ||
	    trade_rules_new(a, b->strategy, values, &r.rules, e) == -1)
		return -1;
	out->first = warmed > from ? warmed : from;
	trade_sim_start(s, a, &b->terms, b->series.bars, b->series.n);
	for (size_t i = 0; i < out->first && i < b->series.n; i++) {
		struct trade_verdict v;

		trade_rules_push(r.rules, &b->series.bars[i],
		    &b->series.units[i], &v);
	}
	trade_sim_run(s, out->first, b->finish, next, &r);
	for (size_t i = 0; i < b->series.n; i++)
		close[i] = b->series.bars[i].c;
	in.equity = out->equity = s->equity;
	in.close = close;
	in.first = warmed > 0 ? warmed - 1 : 0;
	in.trades = out->trades = s->closed.v;
	in.ntrades = out->ntrades = s->closed.n;
	trade_stats(a, &in, &out->stats);
	out->cash = s->equity[s->n - 1];
	out->refused = s->refused;
	out->undecided = s->undecided;
	out->ruined = s->ruined;
	return stopped(b, 1, e);
}

int
trade_backtest_bounds(struct arena *a, const struct trade_backtest *b,
    const double *values, struct trade_bounds *out, struct err *e)
{
	double *total[READINGS] = { &out->pessimistic, &out->path,
	    &out->optimistic };

	for (int i = 0; i < READINGS; i++) {
		struct arena_mark m = arena_mark(a);
		struct trade_backtest one = *b;
		struct trade_run run;

		one.terms.reading = (enum trade_reading)i;
		if (trade_backtest_run(a, &one, values, 0, &run, e) == -1)
			return -1;
		*total[i] = run.stats.total_return;
		arena_rewind(a, m);
	}
	return 0;
}
