/*
 * One run of a strategy. The rules see bar i at its close; what they order
 * fills from bar i+1 on.
 */
#include <math.h>
#include <string.h>

#include "base/err.h"
#include "modules/trade/backtest.h"

#define ALL (1 - 0x1p-52)		/* "everything", as backtesting.py */
#define DAY_US INT64_C(86400000000)

struct runner {
	const struct trade_backtest *b;
	double **atr;			/* per lane and bar; NULL: not needed */
};

/* ---- orders ---------------------------------------------------------------------- */

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
		    trade_exit_distance(&t->sl, close, atr));
		return units >= 1 ? units : 0;
	}
}

/* The last bar in which an entry of now may fill. */
static size_t
waits_until(const struct trade_strategy *t, const struct trade_sim_lane *k,
    size_t from)
{
	size_t i = from;

	switch (t->force) {
	case FORCE_IOC:
	case FORCE_FOK:
		return from;
	case FORCE_BARS:
		return from + t->force_bars - 1;
	case FORCE_DAY:
		while (i + 1 < k->n && k->at[i + 1].us / DAY_US ==
		    k->at[from].us / DAY_US)
			i++;
		return i;
	case FORCE_USUAL:
		return t->limit.kind != DISTANCE_NONE ? from : 0;
	default:
		return 0;
	}
}

static void
enter(struct runner *r, struct trade_sim *s, struct trade_sim_lane *k,
    int side)
{
	const struct trade_strategy *t = r->b->strategy;
	double atr = r->atr == NULL ? NAN : r->atr[k->id][k->i];
	double close = trade_sim_price(k), size = size_of(r, s, close, atr);
	struct trade_sim_order o = { .size = side * size, .limit = NAN,
	    .stop = NAN, .sl = NAN, .tp = NAN, .hold = t->hold,
	    .whole = t->force == FORCE_FOK, .trail_from = t->trail_from };

	if (size == 0 || (r->atr != NULL && isnan(atr)))
		return;
	if (t->sl.kind != DISTANCE_NONE && !t->sl.from_entry)
		o.sl = trade_exit_price(&t->sl, close, atr, -side);
	if (t->tp.kind != DISTANCE_NONE && !t->tp.from_entry)
		o.tp = trade_exit_price(&t->tp, close, atr, side);
	if (t->sl.from_entry)
		o.sl_part = trade_exit_distance(&t->sl, close, atr) / close;
	if (t->tp.from_entry)
		o.tp_part = trade_exit_distance(&t->tp, close, atr) / close;
	if (t->limit.kind != DISTANCE_NONE)
		o.limit = trade_exit_price(&t->limit, close, atr, -side);
	if (t->trail.kind != DISTANCE_NONE)
		o.trail = trade_exit_distance(&t->trail, close, atr) / close;
	o.until = waits_until(t, k, k->i + 1 + s->t.latency);
	trade_sim_order(s, k, o);
}

static void
leave(struct trade_sim *s, struct trade_sim_lane *k, int side)
{
	for (size_t i = 0; i < k->open.n; i++)
		if ((k->open.v[i]->size > 0) == (side > 0))
			trade_sim_close(s, k, k->open.v[i], "signal");
}

static bool
entry_waits(const struct trade_sim_lane *k)
{
	for (size_t i = 0; i < k->orders.n; i++)
		if (k->orders.v[i]->trade == NULL &&
		    k->orders.v[i]->until > k->i)
			return true;
	return false;
}

static void
next(void *arg, struct trade_sim *s, struct trade_sim_lane *k)
{
	struct runner *r = arg;
	double held = trade_sim_position(k);
	unsigned said = k->said[k->i];

#define SAID(rule) ((said >> (rule) & 1) != 0)
	if (SAID(RULE_EXIT_LONG) && held > 0)
		leave(s, k, 1);
	if (SAID(RULE_EXIT_SHORT) && held < 0)
		leave(s, k, -1);
	if (entry_waits(k))
		return;
	if (SAID(RULE_ENTRY_LONG) && (held <= 0 || SAID(RULE_EXIT_LONG)))
		enter(r, s, k, 1);
	if (SAID(RULE_ENTRY_SHORT) && (held >= 0 || SAID(RULE_EXIT_SHORT)))
		enter(r, s, k, -1);
#undef SAID
}

/* ---- many symbols ----------------------------------------------------------------- */

const struct utc *
trade_backtest_times(struct arena *a, const struct trade_backtest *b,
    size_t *n)
{
	size_t all = 0, *next;
	struct utc *at;

	*n = b->series.n;
	if (b->nothers == 0)
		return b->series.at;
	next = arena_array(a, b->nothers + 1, sizeof(*next));
	for (size_t k = 0; k <= b->nothers; k++)
		all += trade_backtest_series(b, k)->n;
	at = arena_array(a, all, sizeof(*at));
	for (*n = 0;; ++*n) {
		int64_t least = INT64_MAX;

		for (size_t k = 0; k <= b->nothers; k++) {
			const struct trade_series *s =
			    trade_backtest_series(b, k);

			if (next[k] < s->n && s->at[next[k]].us < least)
				least = s->at[next[k]].us;
		}
		if (least == INT64_MAX)
			return at;
		for (size_t k = 0; k <= b->nothers; k++) {
			const struct trade_series *s =
			    trade_backtest_series(b, k);

			next[k] += next[k] < s->n &&
			    s->at[next[k]].us == least;
		}
		at[*n].us = least;
	}
}

/* The first bar that is not before `at`. */
static size_t
bar_at(const struct utc *at, size_t n, struct utc t)
{
	size_t low = 0;

	while (low < n) {
		size_t mid = low + (n - low) / 2;

		if (at[mid].us < t.us)
			low = mid + 1;
		else
			n = mid;
	}
	return low;
}

void
trade_series_columns(struct arena *a, struct trade_series *s)
{
	struct trade_columns *k = arena_alloc(a, sizeof(*k));
	double *o, *h, *l, *c;

	if (s->columns != NULL)
		return;
	k->o = o = arena_array(a, s->n, sizeof(*o));
	k->h = h = arena_array(a, s->n, sizeof(*h));
	k->l = l = arena_array(a, s->n, sizeof(*l));
	k->c = c = arena_array(a, s->n, sizeof(*c));
	for (size_t i = 0; i < s->n; i++) {
		o[i] = s->bars[i].o;
		h[i] = s->bars[i].h;
		l[i] = s->bars[i].l;
		c[i] = s->bars[i].c;
	}
	s->columns = k;
}

static struct trade_series
cut(struct arena *a, const struct trade_series *s, struct utc from,
    struct utc to)
{
	size_t i = bar_at(s->at, s->n, from), j = bar_at(s->at, s->n, to);
	struct trade_columns *k = arena_alloc(a, sizeof(*k));

	if (s->columns != NULL)
		*k = (struct trade_columns){ s->columns->o + i,
		    s->columns->h + i, s->columns->l + i, s->columns->c + i };
	return (struct trade_series){ s->at + i, s->bars + i, s->units + i,
	    j - i, s->columns == NULL ? NULL : k };
}

struct trade_backtest
trade_backtest_cut(struct arena *a, const struct trade_backtest *b,
    struct utc from, struct utc to)
{
	struct trade_backtest out = *b;
	struct trade_series *others = arena_array(a, b->nothers,
	    sizeof(*others));

	out.series = cut(a, &b->series, from, to);
	for (size_t k = 0; k < b->nothers; k++)
		others[k] = cut(a, &b->others[k], from, to);
	out.others = others;
	return out;
}

void
trade_backtest_market(struct arena *a, const struct trade_backtest *b,
    struct trade_stats_in *in)
{
	double *close;

	if (b->nothers == 0) {
		struct trade_series s = b->series;

		trade_series_columns(a, &s);
		in->close = s.columns->c;
		return;
	}
	in->close = close = arena_array(a, in->n, sizeof(*close));
	for (size_t k = 0; k <= b->nothers; k++) {
		const struct trade_series *s = trade_backtest_series(b, k);
		size_t j = 0;

		for (size_t i = 0; i < in->n; i++) {
			while (j < s->n && s->at[j].us <= in->at[i].us)
				j++;
			close[i] += j == 0 ? 1 : s->bars[j - 1].c /
			    s->bars[0].c;
		}
	}
}

/* ---- a run ----------------------------------------------------------------------- */

static bool
needs_atr(const struct trade_strategy *t)
{
	return t->sl.kind == DISTANCE_ATR || t->tp.kind == DISTANCE_ATR ||
	    t->limit.kind == DISTANCE_ATR || t->trail.kind == DISTANCE_ATR;
}

/* What the rules say of all bars of a lane. The first bar that may be traded
 * is one after all indicators have a value. */
static int
judge(struct arena *a, struct runner *r, const double *values,
    const struct trade_series *s, struct trade_sim_lane *k, size_t id,
    struct err *e)
{
	struct trade_rules *rules;
	uint8_t *said = arena_alloc(a, s->n);
	size_t warm;

	if (trade_rules_new(a, r->b->strategy, values, &rules, e) == -1)
		return -1;
	if (r->atr != NULL)
		r->atr[id] = arena_array(a, s->n, sizeof(**r->atr));
	trade_rules_judge(rules, s->bars, s->units, s->columns, s->n, said,
	    r->atr == NULL ? NULL : r->atr[id], &warm);
	*k = (struct trade_sim_lane){ .at = s->at, .bars = s->bars,
	    .columns = s->columns, .n = s->n, .said = said,
	    .first = warm < s->n ? warm + 1 : s->n };
	return 0;
}

static int
stopped(const struct trade_backtest *b, double done, struct err *e)
{
	if (b->tick == NULL || b->tick(b->arg, done) == 0)
		return 0;
	return err_set(e, 409, "stopped", "The backtest was stopped");
}

/* Bars of the trades become instants of the account. */
static void
to_instants(const struct trade_sim *s, struct trade_run *out)
{
	for (size_t i = 0; s->nlanes > 1 && i < out->ntrades; i++) {
		struct trade_sim_trade *t = out->trades[i];
		const struct utc *at = s->lanes[t->lane].at;

		t->entry_bar = bar_at(out->at, out->n, at[t->entry_bar]);
		t->exit_bar = bar_at(out->at, out->n, at[t->exit_bar]);
	}
}

static void
report(struct arena *a, const struct trade_backtest *b, struct trade_sim *s,
    size_t warmed, struct trade_run *out)
{
	struct trade_stats_in in = { .at = out->at, .n = out->n,
	    .rate = b->rate };

	in.equity = out->equity = s->equity;
	out->trades = s->closed.v;
	out->ntrades = s->closed.n;
	to_instants(s, out);
	trade_backtest_market(a, b, &in);
	in.first = warmed > 0 ? warmed - 1 : 0;
	in.trades = out->trades;
	in.ntrades = out->ntrades;
	trade_stats(a, &in, &out->stats);
	out->cash = s->equity[s->n - 1];
	out->refused = s->refused;
	out->undecided = s->undecided;
	out->ruined = s->ruined;
}

/* Bars that are judged: what one run needs, and the same again under another
 * reading. */
struct judged {
	struct trade_backtest b;
	struct runner r;
	struct trade_sim_lane *lanes;
	const struct utc *at;
	size_t n, warmed;		/* first instant that may be traded */
};

/* The lane of symbol k. It trades once its rules are warm, from instant `from`
 * on where that is later. */
static int
lane(struct arena *a, struct judged *j, const double *values, size_t k,
    size_t from, struct err *e)
{
	struct trade_sim_lane *l = &j->lanes[k];
	size_t at;

	if (judge(a, &j->r, values, trade_backtest_series(&j->b, k), l, k,
	    e) == -1)
		return -1;
	at = l->first < l->n ? bar_at(j->at, j->n, l->at[l->first]) : j->n;
	j->warmed = at < j->warmed ? at : j->warmed;
	at = from < j->n ? bar_at(l->at, l->n, j->at[from]) : l->n;
	l->first = at > l->first ? at : l->first;
	return 0;
}

static int
judge_all(struct arena *a, const struct trade_backtest *b,
    const double *values, size_t from, struct judged *j, struct err *e)
{
	size_t n = b->nothers + 1;

	*j = (struct judged){ .b = *b, .warmed = SIZE_MAX };
	j->r.b = &j->b;
	j->at = trade_backtest_times(a, b, &j->n);
	if (j->n < 2)
		return err_set(e, 422, "no_bars",
		    "A backtest needs at least two bars");
	if (n == 1)
		trade_series_columns(a, &j->b.series);
	if (needs_atr(b->strategy))
		j->r.atr = arena_array(a, n, sizeof(*j->r.atr));
	j->lanes = arena_array(a, n, sizeof(*j->lanes));
	for (size_t k = 0; k < n; k++)
		if (lane(a, j, values, k, from, e) == -1)
			return -1;
	return 0;
}

/* The account's way through them under one reading. */
static struct trade_sim *
play(struct arena *a, struct judged *j, enum trade_reading reading)
{
	size_t n = j->b.nothers + 1;
	struct trade_sim *s = arena_alloc(a, sizeof(*s));
	struct trade_sim_lane *lanes = arena_memdup(a, j->lanes,
	    n * sizeof(*lanes));

	j->b.terms.reading = reading;
	trade_sim_start(s, a, &j->b.terms, lanes, n, j->at, j->n);
	trade_sim_run(s, j->b.finish, next, &j->r);
	return s;
}

int
trade_backtest_run(struct arena *a, const struct trade_backtest *b,
    const double *values, size_t from, struct trade_run *out, struct err *e)
{
	const uint8_t **said = arena_array(a, b->nothers + 1, sizeof(*said));
	struct judged j;

	*out = (struct trade_run){ .cash = b->terms.cash, .said = said };
	if (judge_all(a, b, values, from, &j, e) == -1)
		return -1;
	for (size_t k = 0; k <= b->nothers; k++)
		said[k] = j.lanes[k].said;
	out->at = j.at;
	out->n = j.n;
	out->first = j.warmed > from ? j.warmed : from;
	report(a, &j.b, play(a, &j, b->terms.reading), j.warmed, out);
	return stopped(b, 1, e);
}

int
trade_backtest_bounds(struct arena *a, const struct trade_backtest *b,
    const double *values, struct trade_bounds *out, struct err *e)
{
	double *total[READINGS] = { &out->pessimistic, &out->path,
	    &out->optimistic };
	struct judged j;

	if (judge_all(a, b, values, 0, &j, e) == -1)
		return -1;
	for (int i = 0; i < READINGS; i++) {
		struct arena_mark m = arena_mark(a);
		const struct trade_sim *s = play(a, &j,
		    (enum trade_reading)i);

		*total[i] = trade_stats_total(s->equity, s->n);
		arena_rewind(a, m);
		if (stopped(b, 1, e) == -1)
			return -1;
	}
	return 0;
}
