/*
 * Doing what is asked for, in steps that tell how far they are.
 */
#include <string.h>

#include "base/err.h"
#include "base/number.h"
#include "base/str.h"
#include "schema/schema.h"
#include "modules/trade/research.h"

#define R struct trade_research

int
trade_research_read(struct arena *a, const char *spec, size_t n, R *r,
    struct err *e)
{
	if (trade_strategy_read(a, spec, n, &r->strategy, e) == -1)
		return -1;
	trade_account_overlay(&r->account, &r->strategy.account,
	    r->strategy.told);
	r->b.strategy = &r->strategy;
	r->b.terms = trade_account_terms(&r->account);
	r->b.rate = r->account.rate;
	r->b.finish = r->account.finish;
	return 0;
}

/* ---- running ------------------------------------------------------------------- */

/* Grid and folds take the most of the time: nine tenths of the bar. */
static int
most(void *arg, double done)
{
	R *r = arg;

	return r->tick == NULL ? 0 : r->tick(r->arg, 0.9 * done);
}

static int
step(R *r, double done, struct err *e)
{
	if (r->tick == NULL || r->tick(r->arg, done) == 0)
		return 0;
	return err_set(e, 409, "stopped", "The backtest was stopped");
}

static int
fit(struct arena *a, R *r, struct err *e)
{
	if (trade_strategy_points(&r->strategy) == 1) {
		trade_strategy_point(&r->strategy, 0, r->values);
		return 0;
	}
	if (trade_backtest_grid(a, &r->b, r->account.score, &r->best, e) ==
	    -1)
		return -1;
	if (r->best.run == 0)
		return err_set(e, 422, "no_point",
		    "The constraint leaves no point of the grid");
	memcpy(r->values, r->best.values, sizeof(r->values));
	return 0;
}

static int
whole(struct arena *a, R *r, struct err *e)
{
	if (fit(a, r, e) == -1)
		return -1;
	r->b.tick = NULL;
	if (step(r, 0.9, e) == -1 || trade_backtest_run(a, &r->b, r->values,
	    0, &r->run, e) == -1 || step(r, 0.92, e) == -1)
		return -1;
	r->bounds = (struct trade_bounds){ r->run.stats.total_return,
	    r->run.stats.total_return, r->run.stats.total_return };
	/* Without an undecided bar the readings are one. */
	if (r->run.undecided > 0 && trade_backtest_bounds(a, &r->b, r->values,
	    &r->bounds, e) == -1)
		return -1;
	if (step(r, 0.94, e) == -1)
		return -1;
	return trade_backtest_audit(a, &r->b, r->values, &r->run, &r->audit,
	    e);
}

int
trade_research_run(struct arena *a, R *r, struct err *e)
{
	const struct trade_account *q = &r->account;

	trade_series_columns(a, &r->b.series);
	r->b.tick = most;
	r->b.arg = r;
	if ((q->train > 0) != (q->test > 0))
		return err_set(e, 422, "walk", "train and test go together");
	if (q->test > 0) {
		if (trade_backtest_walk(a, &r->b, q->score, (size_t)q->train,
		    (size_t)q->test, &r->walk, e) == -1)
			return -1;
		r->run = r->walk.run;
		r->run.first_bar = (size_t)q->train;
	} else if (whole(a, r, e) == -1) {
		return -1;
	}
	if (step(r, 0.97, e) == -1)
		return -1;
	if (q->test == 0)
		trade_backtest_luck(a, &r->b, &r->run, &r->luck);
	return step(r, 1, e);
}

/* ---- texts ----------------------------------------------------------------------- */

static void
add_real(struct str *s, double v)
{
	char buf[DEC_TEXT];

	str_add(s, real_format(v, buf));
}

static void
member(struct str *s, const char *name, double v)
{
	str_addf(s, ",\"%s\":", name);
	add_real(s, v);
}

static void
params(struct str *s, const struct trade_strategy *t, const double *values)
{
	str_addc(s, '{');
	for (size_t i = 0; i < t->nparams; i++) {
		str_add(s, i > 0 ? "," : "");
		str_json(s, t->params[i].name);
		str_addc(s, ':');
		add_real(s, values[i]);
	}
	str_addc(s, '}');
}

static void
grid(const R *r, struct str *s)
{
	str_addf(s, ",\"grid\":{\"points\":%zu,\"left_out\":%zu,"
	    "\"score\":\"%s\"", r->best.run, r->best.skipped,
	    r->account.score);
	member(s, "best", r->best.score);
	member(s, "deflated_sharpe", r->best.deflated);
	str_addc(s, '}');
}

static void
folds(const R *r, struct str *s)
{
	str_add(s, ",\"folds\":[");
	for (size_t i = 0; i < r->walk.n; i++) {
		const struct trade_fold *f = &r->walk.folds[i];

		str_addf(s, "%s{\"from_ms\":%lld,\"params\":",
		    i > 0 ? "," : "",
		    (long long)(r->run.at[f->from].us / 1000));
		params(s, &r->strategy, f->best.values);
		member(s, "score", f->best.score);
		member(s, "return", f->total_return);
		str_addc(s, '}');
	}
	str_add(s, "],\"stability\":");
	params(s, &r->strategy, r->walk.stability);
}

static void
judged(const R *r, struct str *s)
{
	if (r->best.run > 0)
		grid(r, s);
	str_add(s, ",\"params\":");
	params(s, &r->strategy, r->values);
	str_add(s, ",\"bounds\":{\"of\":\"total_return\"");
	member(s, "pessimistic", r->bounds.pessimistic);
	member(s, "path", r->bounds.path);
	member(s, "optimistic", r->bounds.optimistic);
	str_add(s, "},\"audit\":");
	schema_encode(&trade_audit_schema, &r->audit, s);
	str_add(s, ",\"luck\":");
	schema_encode(&trade_luck_schema, &r->luck, s);
}

void
trade_research_report(const R *r, struct str *s)
{
	str_addf(s, "\"mode\":\"%s\",\"reading\":\"%s\"", r->account.mode,
	    r->account.reading);
	if (r->walk.n > 0)
		folds(r, s);
	else
		judged(r, s);
	str_addf(s, ",\"undecided_bars\":%llu,\"refused_orders\":%llu,"
	    "\"ruined\":%s,\"formulas\":{",
	    (unsigned long long)r->run.undecided,
	    (unsigned long long)r->run.refused,
	    r->run.ruined ? "true" : "false");
	trade_stats_formulas(s);
	str_addc(s, '}');
}

/* Text is put where there is room for it already: a result has thousands of
 * trades, each of many members. */
static char *
put(char *p, const char *text)
{
	size_t n = strlen(text);

	memcpy(p, text, n + 1);
	return p + n;
}

static char *
put_i64(char *p, int64_t v)
{
	char digits[24], *d = digits + sizeof(digits);
	uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

	do
		*--d = (char)('0' + u % 10);
	while ((u /= 10) > 0);
	if (v < 0)
		*--d = '-';
	memcpy(p, d, (size_t)(digits + sizeof(digits) - d));
	return p + (digits + sizeof(digits) - d);
}

static char *
put_real(char *p, double v)
{
	real_format(v, p);
	return p + strlen(p);
}

static void
trade(const R *r, const struct trade_sim_trade *t, struct str *s)
{
	enum { MOST = 1024 };		/* of 11 numbers and their names */
	const struct utc *at = r->run.at + r->run.first_bar;
	char *p;

	str_reserve(s, MOST);
	p = s->p + s->len;
#define WHOLE(name, v) p = put_i64(put(p, name), (int64_t)(v))
#define REAL(name, v) p = put_real(put(p, name), v)
	WHOLE("{\"entry_bar\":", t->entry_bar);
	WHOLE(",\"exit_bar\":", t->exit_bar);
	WHOLE(",\"entry_ms\":", at[t->entry_bar].us / 1000);
	WHOLE(",\"exit_ms\":", at[t->exit_bar].us / 1000);
	REAL(",\"size\":", t->size);
	REAL(",\"entry\":", t->entry);
	REAL(",\"exit\":", t->exit);
	REAL(",\"profit\":", trade_sim_profit(t));
	REAL(",\"return\":", trade_sim_return(t));
	REAL(",\"commission\":", t->commission);
	REAL(",\"carry\":", t->carry);
#undef WHOLE
#undef REAL
	s->len = (size_t)(p - s->p);
	if (r->symbols != NULL) {
		str_add(s, ",\"symbol\":");
		str_json(s, r->symbols[t->lane]);
	}
	str_add(s, ",\"why\":");
	str_json(s, t->why);
	str_addc(s, '}');
}

void
trade_research_trades(const R *r, size_t limit, struct str *s)
{
	str_addc(s, '[');
	for (size_t i = 0; i < r->run.ntrades && i < limit; i++) {
		str_add(s, i > 0 ? "," : "");
		trade(r, r->run.trades[i], s);
	}
	str_addc(s, ']');
}

void
trade_research_equity(const R *r, size_t points, struct str *s)
{
	size_t n = r->run.n - r->run.first_bar;
	size_t each = points == 0 ? 1 : n / points + 1;

	str_addc(s, '[');
	for (size_t i = 0; i < n; i += each) {
		size_t at = r->run.first_bar + (i + each >= n ? n - 1 : i);

		str_add(s, i > 0 ? ",[" : "[");
		str_add_i64(s, r->run.at[at].us / 1000);
		str_addc(s, ',');
		add_real(s, r->run.equity[at]);
		str_addc(s, ']');
	}
	str_addc(s, ']');
}
