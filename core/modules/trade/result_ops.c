/*
 * Doing a backtest on stored bars: bars and spec in, the row of its result
 * out. A request on the same bars by the same engine is not run twice.
 */
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
static const struct field request_fields[] = {
	FIELD(Q, symbol, .flags = FF_NULLABLE, .min = 1, .max = 32,
	    TRADE_SYMBOL, .example = "\"GOOG\"", .doc = "Symbol, unless "
	    "symbols or the spec name them"),
	FIELD(Q, symbols, .flags = FF_NULLABLE, .elem = FT_STR,
	    .max = TRADE_SYMBOLS_MAX, .doc = "Several symbols of one "
	    "account; orders fill, and rules are asked, in this order"),
	FIELD(Q, exchange, .max = 16, .def = "\"\"",
	    .doc = "Exchange, where the symbol alone does not say"),
	FIELD(Q, timeframe, .oneof = trade_timeframes, .def = "\"1d\"",
	    .doc = "Length of a bar"),
	FIELD(Q, from, .flags = FF_NULLABLE, .doc = "First bar"),
	FIELD(Q, to, .flags = FF_NULLABLE, .doc = "Before this time"),
	FIELD(Q, spec, .flags = FF_NULLABLE, .doc = "Strategy (see "
	    "StrategySpec), unless strategy_id says it; what it says of "
	    "symbols and account holds before this request"),
	FIELD(Q, strategy_id, .flags = FF_NULLABLE, .ref = "trade_strategy",
	    .doc = "A stored strategy"),
	TRADE_ACCOUNT_FIELDS(Q, account.),
	FIELD(Q, user_id, .flags = FF_NULLABLE, .max = 100,
	    .doc = "Of the documents; gives no right"),
	FIELD_END
};
const struct schema trade_request_schema = {
	.name = "BacktestRequest", .doc = "What to run, on what, and how",
	.size = sizeof(Q), .fields = request_fields
};

int
trade_request_read(struct db *db, struct arena *a, struct uuid tenant,
    const Q *q, struct json *spec, struct trade_research *r,
    struct list *symbols, struct err *e)
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
	r->account = q->account;
	if (trade_research_read(a, spec->p, strlen(spec->p), r, e) == -1)
		return -1;
	*symbols = r->strategy.symbols.n > 0 ? r->strategy.symbols :
	    q->symbols;
	if (q->symbol != NULL && symbols->n > 0)
		return err_set(e, 422, "symbols", "Either one symbol, or "
		    "symbols");
	if (symbols->n == 0 && q->symbol != NULL)
		*symbols = (struct list){ arena_memdup(a, &q->symbol,
		    sizeof(q->symbol)), 1 };
	if (symbols->n == 0)
		return err_set(e, 422, "symbols", "No symbol is named");
	return 0;
}

/* ---- bars -------------------------------------------------------------------------- */

struct work {
	struct trade_research r;
	struct list symbols;
	struct json spec;
	const char *timeframe;
};

static int
timeframe(struct work *w, const Q *q, struct err *e)
{
	w->timeframe = q->timeframe;
	if (w->r.strategy.timeframe == NULL)
		return 0;
	for (int i = 0; trade_timeframes[i] != NULL; i++)
		if (strcmp(trade_timeframes[i], w->r.strategy.timeframe) ==
		    0) {
			w->timeframe = trade_timeframes[i];
			return 0;
		}
	return err_set(e, 422, "timeframe", "No bars are of the length the "
	    "spec names");
}

static int
load(struct db *db, struct arena *scratch, struct uuid tenant, const Q *q,
    struct work *w, struct err *e)
{
	const char *const *names = w->symbols.items;
	struct trade_series *others = arena_array(scratch, w->symbols.n,
	    sizeof(*others));
	size_t all = 0;

	for (size_t i = 0; i < w->symbols.n; i++) {
		const struct trade_series_in in = { .symbol = names[i],
		    .exchange = q->exchange, .timeframe = w->timeframe,
		    .from = q->from, .to = q->to };
		struct trade_instrument inst;
		struct trade_series *s = i == 0 ? &w->r.b.series :
		    &others[i - 1];

		if (trade_series_load(db, scratch, tenant, &in, &inst, s,
		    e) == -1)
			return -1;
		if (s->n < 2)
			return err_set(e, 422, "no_bars", "There are %zu bars "
			    "of %s in that time", s->n, names[i]);
		all += s->n;
	}
	if (all > TRADE_BARS_MAX)
		return err_set(e, 422, "too_many_bars", "%zu bars are more "
		    "than %d", all, TRADE_BARS_MAX);
	w->r.b.others = others;
	w->r.b.nothers = w->symbols.n - 1;
	return 0;
}

/* ---- digests ----------------------------------------------------------------------- */

/* Which bars it was: a corrected bar is another digest. */
static struct blob
data_digest(struct arena *a, const struct trade_backtest *b)
{
	size_t n = 2 * (b->nothers + 1);
	uint8_t (*parts)[SHA256_LEN] = arena_array(a, n, SHA256_LEN);

	for (size_t k = 0; k <= b->nothers; k++) {
		const struct trade_series *d = trade_backtest_series(b, k);

		crypto_sha256(d->at, d->n * sizeof(*d->at), parts[2 * k]);
		crypto_sha256(d->bars, d->n * sizeof(*d->bars),
		    parts[2 * k + 1]);
	}
	return trade_digest(a, parts, sizeof(parts[0]) * n, NULL);
}

/* Type, what was asked with all its defaults, data, engine. Who asked does
 * not count. */
static struct blob
key_digest(struct arena *a, const Q *q, const struct trade_result *r)
{
	Q plain = *q;
	struct str s;

	plain.user_id = NULL;
	plain.spec = (struct json){ NULL };
	str_init(&s, a);
	str_addf(&s, "backtest %s ", TRADE_ENGINE);
	schema_encode(&trade_request_schema, &plain, &s);
	str_addn(&s, r->spec_digest.p, r->spec_digest.n);
	str_addn(&s, r->data_digest.p, r->data_digest.n);
	return trade_digest(a, s.p, s.len, NULL);
}

/* ---- running ------------------------------------------------------------------------ */

static struct json
text_of(struct str *s)
{
	return (struct json){ s->p };
}

static void
texts(struct arena *a, const struct work *w, struct trade_result *out)
{
	const struct trade_run *run = &w->r.run;
	struct str stats, report, trades, equity;

	str_init(&stats, a);
	str_init(&report, a);
	str_init(&trades, a);
	str_init(&equity, a);
	schema_encode(&trade_stats_schema, &run->stats, &stats);
	str_addc(&report, '{');
	trade_research_report(&w->r, &report);
	str_addf(&report, ",\"trades_kept\":%zu,\"symbols\":[",
	    run->ntrades < TRADES_KEPT ? run->ntrades : TRADES_KEPT);
	for (size_t i = 0; i < w->symbols.n; i++) {
		str_add(&report, i > 0 ? "," : "");
		str_json(&report,
		    ((const char *const *)w->symbols.items)[i]);
	}
	str_add(&report, "]}");
	trade_research_trades(&w->r, TRADES_KEPT, &trades);
	trade_research_equity(&w->r, CURVE_POINTS, &equity);
	out->stats = text_of(&stats);
	out->report = text_of(&report);
	out->trades = text_of(&trades);
	out->equity = text_of(&equity);
}

/* 1: it was run before; the stored row's texts are taken. */
static int
known(struct db *db, struct arena *a, struct uuid tenant,
    struct trade_result *out, struct err *e)
{
	struct trade_result old;
	int rc = trade_result_by_key(db, a, tenant, out->key_digest, &old, e);

	if (rc != 0)
		return rc == 1 ? 0 : -1;
	out->stats = old.stats;
	out->report = old.report;
	out->trades = old.trades;
	out->equity = old.equity;
	return 1;
}

int
trade_request_run(struct db *db, struct arena *a, struct arena *scratch,
    struct uuid tenant, const Q *q, int (*tick)(void *, double), void *arg,
    struct trade_result *out, bool *stored, struct err *e)
{
	struct work w = { .r = { .tick = tick, .arg = arg } };
	const struct trade_series *d = &w.r.b.series;
	const char *const *names;
	int rc;

	if (trade_request_read(db, a, tenant, q, &w.spec, &w.r, &w.symbols,
	    e) == -1 || timeframe(&w, q, e) == -1 || load(db, scratch, tenant,
	    q, &w, e) == -1)
		return -1;
	names = w.symbols.items;
	w.r.symbols = w.symbols.n > 1 ? names : NULL;
	out->symbol = w.symbols.n == 1 ? names[0] : arena_printf(a,
	    "%.20s+%zu", names[0], w.symbols.n - 1);
	out->timeframe = w.timeframe;
	out->spec_digest = trade_digest(a, w.spec.p, strlen(w.spec.p), NULL);
	out->data_digest = data_digest(a, &w.r.b);
	out->key_digest = key_digest(a, q, out);
	out->engine = TRADE_ENGINE;
	out->strategy_id = q->strategy_id;
	out->first_at = d->at[0];
	out->last_at = d->at[d->n - 1];
	out->bars = 0;
	for (size_t k = 0; k <= w.r.b.nothers; k++)
		out->bars += (int64_t)trade_backtest_series(&w.r.b, k)->n;
	rc = known(db, a, tenant, out, e);
	*stored = rc == 1;
	if (rc != 0)
		return rc == 1 ? 0 : -1;
	if (trade_research_run(scratch, &w.r, e) == -1)
		return -1;
	texts(a, &w, out);
	return 0;
}
