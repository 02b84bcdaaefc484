/*
 * Doing a backtest: bars and spec in, statistics, bounds, audit, trades and
 * equity out. The same request on the same bars gives the same text.
 */
#include <math.h>
#include <string.h>

#include "base/err.h"
#include "base/number.h"
#include "base/random.h"
#include "base/str.h"
#include "crypto/crypto.h"
#include "modules/trade/result.h"
#include "modules/trade/strategies.h"

enum { CURVE_POINTS = 5000, TRADES_KEPT = 20000 };

#define Q struct trade_request
#define N(m, d, mx, ...) FIELD(Q, m, .def = d, .min = 0, .max = mx, \
	__VA_ARGS__)
static const struct field request_fields[] = {
	TRADE_SERIES_FIELDS(Q, s.),
	FIELD(Q, spec, .flags = FF_NULLABLE,
	    .doc = "Strategy (see StrategySpec), unless strategy_id says it"),
	FIELD(Q, strategy_id, .flags = FF_NULLABLE, .ref = "trade_strategy",
	    .doc = "A stored strategy"),
	FIELD(Q, cash, .flags = FF_XMIN, .min = 0, .max = 1000000000000,
	    .def = "10000", .doc = "Cash at the start"),
	N(commission, "0", 1, .doc = "Part of the value, each way"),
	N(commission_fixed, "0", 1000000, .doc = "Per order"),
	N(spread, "0", 1, .doc = "Half of it, as a part of the price"),
	FIELD(Q, margin, .flags = FF_XMIN, .min = 0, .max = 1, .def = "1",
	    .doc = "1: no leverage; 0.5: twice"),
	N(slippage, "0.0005", 1, .doc = "realistic: part of the price"),
	N(volume_share, "0.025", 1,
	    .doc = "realistic: part of a bar's volume; 0 = no limit"),
	N(impact, "0.1", 100,
	    .doc = "realistic: price moves by impact * share^2"),
	N(latency, "0", 100, .doc = "realistic: bars until an order arrives"),
	FIELD(Q, on_close, .def = "false",
	    .doc = "Market orders fill at the close that made them"),
	FIELD(Q, exclusive, .def = "false",
	    .doc = "An order closes what is open"),
	FIELD(Q, finish, .def = "true",
	    .doc = "Close at the end what is open"),
	FIELD(Q, mode, .oneof = ONEOF("compat", "realistic"),
	    .def = "\"realistic\"", .doc = "compat: the fills of "
	    "backtesting.py; realistic: with slippage, volume, latency"),
	FIELD(Q, reading, .oneof = trade_reading_names,
	    .def = "\"pessimistic\"", .doc = "Which exit came first in a bar "
	    "that touched both"),
	FIELD(Q, score, .oneof = trade_scores, .def = "\"sharpe\"",
	    .doc = "What the best point of a grid is best at"),
	FIELD(Q, rate, .def = "0", .min = 0, .max = 1,
	    .doc = "Risk-free rate per year"),
	N(train, "0", 10000000, .doc = "Walk-forward: bars to fit on"),
	N(test, "0", 10000000, .doc = "Walk-forward: bars to trade"),
	FIELD(Q, user_id, .flags = FF_NULLABLE, .max = 100,
	    .doc = "Of the documents; gives no right"),
	FIELD_END
};
const struct schema trade_request_schema = {
	.name = "BacktestRequest", .doc = "What to run, on what, and how",
	.size = sizeof(Q), .fields = request_fields
};

int
trade_request_spec(struct db *db, struct arena *a, struct uuid tenant,
    const Q *q, struct json *spec, struct trade_strategy *s, struct err *e)
{
	struct trade_strategy_row row;

	if ((q->spec.p == NULL) == uuid_is_nil(q->strategy_id))
		return err_set(e, 422, "strategy",
		    "One of spec and strategy_id is wanted");
	*spec = q->spec;
	if (q->spec.p == NULL) {
		if (db_found(trade_strategy_by_id(db, a, tenant,
		    q->strategy_id, &row, e), "Strategy", e) == -1)
			return -1;
		*spec = row.spec;
	}
	return trade_strategy_read(a, spec->p, strlen(spec->p), s, e);
}

/* ---- texts ------------------------------------------------------------------------- */

static void
add_real(struct str *s, double v)
{
	char buf[DEC_TEXT];

	str_add(s, real_format(v, buf));
}

static struct json
json_of(struct str *s)
{
	return (struct json){ s->p };
}

static struct json
trades_text(struct arena *a, const struct trade_series *d,
    const struct trade_run *r)
{
	size_t n = r->ntrades < TRADES_KEPT ? r->ntrades : TRADES_KEPT;
	struct str s;

	str_init(&s, a);
	str_addc(&s, '[');
	for (size_t i = 0; i < n; i++) {
		const struct trade_sim_trade *t = r->trades[i];
		const double v[] = { t->size, t->entry, t->exit,
		    trade_sim_profit(t), trade_sim_return(t) };
		static const char *const names[] = {
			"size", "entry", "exit", "profit", "return"
		};

		str_addf(&s, "%s{\"entry_ms\":%lld,\"exit_ms\":%lld",
		    i > 0 ? "," : "",
		    (long long)(d->at[r->first_bar + t->entry_bar].us / 1000),
		    (long long)(d->at[r->first_bar + t->exit_bar].us / 1000));
		for (int k = 0; k < 5; k++) {
			str_addf(&s, ",\"%s\":", names[k]);
			add_real(&s, v[k]);
		}
		str_addf(&s, ",\"why\":\"%s\"}", t->why);
	}
	str_addc(&s, ']');
	return json_of(&s);
}

/* [[milliseconds, equity], …]: every k-th bar and the last one. */
static struct json
equity_text(struct arena *a, const struct trade_series *d,
    const struct trade_run *r)
{
	size_t n = d->n - r->first_bar, step = n / CURVE_POINTS + 1;
	struct str s;

	str_init(&s, a);
	str_addc(&s, '[');
	for (size_t i = 0; i < n; i += step) {
		size_t at = r->first_bar + (i + step >= n ? n - 1 : i);

		str_addf(&s, "%s[%lld,", i > 0 ? "," : "",
		    (long long)(d->at[at].us / 1000));
		add_real(&s, r->equity[at]);
		str_addc(&s, ']');
	}
	str_addc(&s, ']');
	return json_of(&s);
}

static void
params_text(struct str *s, const struct trade_strategy *t,
    const double *values)
{
	str_addc(s, '{');
	for (size_t i = 0; i < t->nparams; i++) {
		str_addf(s, "%s", i > 0 ? "," : "");
		str_json(s, t->params[i].name);
		str_addc(s, ':');
		add_real(s, values[i]);
	}
	str_addc(s, '}');
}

static void
member(struct str *s, const char *name, double v)
{
	str_addf(s, ",\"%s\":", name);
	add_real(s, v);
}

/* ---- running ------------------------------------------------------------------------ */

struct work {
	struct trade_backtest b;
	struct trade_strategy strategy;
	double values[TRADE_PARAMS_MAX];
	struct trade_run run;
	struct str report;
};

static struct trade_sim_terms
terms(const Q *q)
{
	struct trade_sim_terms t = { .cash = q->cash, .spread = q->spread,
	    .commission = q->commission,
	    .commission_fixed = q->commission_fixed, .margin = q->margin,
	    .on_close = q->on_close, .exclusive = q->exclusive };

	for (int i = 0; i < READINGS; i++)
		if (strcmp(trade_reading_names[i], q->reading) == 0)
			t.reading = (enum trade_reading)i;
	if (strcmp(q->mode, "realistic") == 0) {
		t.slippage = q->slippage;
		t.volume_share = q->volume_share;
		t.impact = q->impact;
		t.latency = (unsigned)q->latency;
	}
	return t;
}

static int
fit(struct arena *a, struct work *w, const Q *q, struct err *e)
{
	struct trade_best best;

	if (trade_strategy_points(&w->strategy) == 1) {
		trade_strategy_point(&w->strategy, 0, w->values);
		return 0;
	}
	if (trade_backtest_grid(a, &w->b, q->score, &best, e) == -1)
		return -1;
	if (best.run == 0)
		return err_set(e, 422, "no_point",
		    "The constraint leaves no point of the grid");
	memcpy(w->values, best.values, sizeof(best.values));
	str_addf(&w->report, ",\"grid\":{\"points\":%zu,\"left_out\":%zu,"
	    "\"score\":\"%s\"", best.run, best.skipped, q->score);
	member(&w->report, "best", best.score);
	member(&w->report, "deflated_sharpe", best.deflated);
	str_addc(&w->report, '}');
	return 0;
}

static int
walk(struct arena *a, struct work *w, const Q *q, struct err *e)
{
	struct trade_walk f;

	if (trade_backtest_walk(a, &w->b, q->score, (size_t)q->train,
	    (size_t)q->test, &f, e) == -1)
		return -1;
	w->run = f.run;
	str_add(&w->report, ",\"folds\":[");
	for (size_t i = 0; i < f.n; i++) {
		str_addf(&w->report, "%s{\"from_ms\":%lld,\"params\":",
		    i > 0 ? "," : "", (long long)
		    (w->b.series.at[f.folds[i].from].us / 1000));
		params_text(&w->report, &w->strategy, f.folds[i].best.values);
		member(&w->report, "score", f.folds[i].best.score);
		member(&w->report, "return", f.folds[i].total_return);
		str_addc(&w->report, '}');
	}
	str_add(&w->report, "],\"stability\":");
	params_text(&w->report, &w->strategy, f.stability);
	return 0;
}

static int
whole(struct arena *a, struct work *w, const Q *q, struct err *e)
{
	struct trade_audit audit;
	struct trade_bounds bounds;

	if (fit(a, w, q, e) == -1 || trade_backtest_run(a, &w->b, w->values,
	    0, &w->run, e) == -1 || trade_backtest_bounds(a, &w->b,
	    w->values, &bounds, e) == -1 || trade_backtest_audit(a, &w->b,
	    w->values, &w->run, &audit, e) == -1)
		return -1;
	str_add(&w->report, ",\"params\":");
	params_text(&w->report, &w->strategy, w->values);
	str_add(&w->report, ",\"bounds\":{\"of\":\"total_return\"");
	member(&w->report, "pessimistic", bounds.pessimistic);
	member(&w->report, "path", bounds.path);
	member(&w->report, "optimistic", bounds.optimistic);
	str_add(&w->report, "},\"audit\":");
	schema_encode(&trade_audit_schema, &audit, &w->report);
	return 0;
}

/* Which bars it was: a corrected bar is another digest. */
static struct blob
data_digest(struct arena *a, const struct trade_series *d)
{
	uint8_t (*parts)[SHA256_LEN] = arena_array(a, 2, SHA256_LEN);

	crypto_sha256(d->at, d->n * sizeof(*d->at), parts[0]);
	crypto_sha256(d->bars, d->n * sizeof(*d->bars), parts[1]);
	return trade_digest(a, parts, sizeof(parts[0]) * 2, NULL);
}

static int
load(struct db *db, struct arena *a, struct arena *scratch,
    struct uuid tenant, const Q *q, struct work *w, struct trade_result *out,
    struct err *e)
{
	struct trade_instrument i;
	struct json spec;

	if (trade_request_spec(db, a, tenant, q, &spec, &w->strategy, e) ==
	    -1 || trade_series_load(db, scratch, tenant, &q->s, &i,
	    &w->b.series, e) == -1)
		return -1;
	if (w->b.series.n < 2)
		return err_set(e, 422, "no_bars", "There are %zu bars of %s "
		    "in that time", w->b.series.n, q->s.symbol);
	out->symbol = arena_strdup(a, i.symbol);
	out->timeframe = q->s.timeframe;
	out->spec_digest = trade_digest(a, spec.p, strlen(spec.p), NULL);
	out->data_digest = data_digest(a, &w->b.series);
	return 0;
}

int
trade_request_run(struct db *db, struct arena *a, struct arena *scratch,
    struct uuid tenant, const Q *q, int (*tick)(void *, double), void *arg,
    struct trade_result *out, struct err *e)
{
	struct work w = { .b = { .terms = terms(q), .rate = q->rate,
	    .finish = q->finish, .tick = tick, .arg = arg } };
	const struct trade_series *d = &w.b.series;
	struct str stats;

	w.b.strategy = &w.strategy;
	str_init(&w.report, a);
	if (load(db, a, scratch, tenant, q, &w, out, e) == -1)
		return -1;
	str_add(&w.report, "{\"mode\":\"");
	str_addf(&w.report, "%s\"", q->mode);
	if ((q->test > 0 ? walk(scratch, &w, q, e) :
	    whole(scratch, &w, q, e)) == -1)
		return -1;
	w.run.first_bar = q->test > 0 ? (size_t)q->train : 0;
	str_addf(&w.report, ",\"undecided_bars\":%llu,\"refused_orders\":"
	    "%llu,\"ruined\":%s,\"trades_kept\":%zu}",
	    (unsigned long long)w.run.undecided,
	    (unsigned long long)w.run.refused,
	    w.run.ruined ? "true" : "false",
	    w.run.ntrades < TRADES_KEPT ? w.run.ntrades : TRADES_KEPT);
	str_init(&stats, a);
	schema_encode(&trade_stats_schema, &w.run.stats, &stats);
	out->engine = TRADE_ENGINE;
	out->strategy_id = q->strategy_id;
	out->bars = (int64_t)d->n;
	out->first_at = d->at[0];
	out->last_at = d->at[d->n - 1];
	out->stats = json_of(&stats);
	out->report = json_of(&w.report);
	out->trades = trades_text(a, d, &w.run);
	out->equity = equity_text(a, d, &w.run);
	return 0;
}
