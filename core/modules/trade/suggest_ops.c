/*
 * Training and asking the model of suggestions. Refuses a model without skill:
 * it is stored as a candidate, and what is in force stays.
 */
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/number.h"
#include "base/random.h"
#include "base/str.h"
#include "modules/platform/platform.h"
#include "modules/trade/bar.h"
#include "modules/trade/market.h"
#include "modules/trade/sentiment.h"
#include "modules/trade/strategies.h"
#include "modules/trade/suggest.h"

enum { LOOK = 400, CLOSES = 60 };

#define T struct trade_trained
static const struct field trained_fields[] = {
	FIELD(T, model_id, .flags = FF_NULLABLE, .doc = "Model"),
	FIELD(T, version, .doc = "Its version"),
	FIELD(T, live, .doc = "It is in force now"),
	FIELD(T, note, .doc = "What was done with it, and why"),
	FIELD_IN(T, report., cases, .doc = "Cases"),
	FIELD_IN(T, report., held, .doc = "Held out"),
	FIELD_IN(T, report., base_rate, .doc = "Share of higher closes"),
	FIELD_IN(T, report., brier, .doc = "Brier score on what was held "
	    "out"),
	FIELD_IN(T, report., brier_base, .doc = "The same of the base rate"),
	FIELD_IN(T, report., skill, .doc = "1 - brier / brier_base"),
	FIELD_IN(T, report., z, .flags = FF_NULLABLE,
	    .doc = "Difference over its standard error"),
	FIELD_IN(T, report., auc, .doc = "Area under the ROC curve"),
	FIELD_END
};
const struct schema trade_trained_schema = {
	.name = "Trained", .doc = "What a training came to",
	.size = sizeof(T), .fields = trained_fields
};

static const char *
name_of(struct arena *a, const char *timeframe)
{
	return arena_printf(a, "suggest.%s", timeframe);
}

int
trade_suggest_live(struct db *db, struct arena *a, struct uuid tenant,
    const char *timeframe, struct trade_suggest_live *out, struct err *e)
{
	struct platform_model_live m;
	uint64_t seen;
	int rc = platform_model_live(db, a, tenant, "trade", name_of(a,
	    timeframe), &m, e);

	if (rc != 0)
		return rc;
	*out = (struct trade_suggest_live){ .id = m.id,
	    .label = arena_printf(a, "trade.suggest.%s v%lld", timeframe,
	    (long long)m.version) };
	if (m.metrics.p != NULL && schema_decode_json(
	    &trade_suggest_report_schema, m.metrics.p, strlen(m.metrics.p),
	    "metrics", false, a, &out->report, &seen, e) == -1)
		return -1;
	return trade_suggest_read(a, m.content.p, m.content.n, &out->m,
	    &out->horizon, e);
}

/* ---- asking ------------------------------------------------------------------------ */

static int
look(struct db *db, struct arena *scratch, int64_t instrument,
    const char *timeframe, struct trade_seen *seen, struct rows *bars,
    struct err *e)
{
	struct trade_watch *w = trade_watch_new(scratch, e);

	*seen = (struct trade_seen){ .bars = 0 };
	if (w == NULL || trade_bar_page(db, scratch, instrument, timeframe,
	    (struct utc){ 0 }, (struct utc){ 0 }, LOOK, bars, e) == -1)
		return -1;
	for (size_t i = bars->n; i > 0; i--) {
		const struct trade_bar *b = ROW(bars, struct trade_bar,
		    i - 1);
		const struct trade_ohlcv x = { dec_real(b->open),
		    dec_real(b->high), dec_real(b->low), dec_real(b->close),
		    dec_real(b->volume) };
		const struct trade_candle_bar u = { b->open.e8, b->high.e8,
		    b->low.e8, b->close.e8 };

		if (trade_watch_push(w, b->at, &x, &u, seen, e) == -1)
			return -1;
	}
	return 0;
}

static struct json
last_closes(struct arena *a, const struct rows *bars)
{
	size_t n = bars->n < CLOSES ? bars->n : CLOSES;
	char text[DEC_TEXT];
	struct str s;

	str_init(&s, a);
	str_add(&s, "[");
	for (size_t i = n; i > 0; i--)
		str_addf(&s, "%s%s", i == n ? "" : ",", dec_format(ROW(bars,
		    struct trade_bar, i - 1)->close, text));
	str_add(&s, "]");
	return (struct json){ s.p };
}

int
trade_suggest_one(struct db *db, struct arena *a, struct arena *scratch,
    struct uuid tenant, const struct trade_suggest_ask *in,
    const char *symbol, const struct trade_suggest_live *live, double edge,
    struct utc now, struct trade_suggestion *out, struct json *closes,
    struct err *e)
{
	struct trade_suggest_terms t = { .edge = edge, .equity = in->equity,
	    .risk_pct = in->risk_pct };
	struct trade_instrument i;
	struct trade_sentiment mood;
	struct trade_seen seen;
	struct rows bars;
	int rc;

	if (db_found(trade_instrument_find(db, a, tenant, symbol,
	    in->exchange, &i, e), symbol, e) == -1 ||
	    look(db, scratch, i.id, in->timeframe, &seen, &bars, e) == -1)
		return -1;
	*closes = last_closes(a, &bars);
	rc = trade_sentiment_of(db, scratch, tenant, i.symbol, now, &mood,
	    e);
	if (rc == -1)
		return -1;
	if (rc == 0)
		seen.x[FEATURE_SENTIMENT] = mood.score;
	t.lot = dec_real(i.lot);
	*out = (struct trade_suggestion){ .id = uuid_new(),
	    .tenant_id = tenant, .instrument_id = i.id, .symbol = i.symbol,
	    .timeframe = in->timeframe, .bar_at = seen.at, .side = "none",
	    .probability = NAN, .base_rate = NAN, .brier = NAN,
	    .brier_base = NAN, .entry = NAN, .stop = NAN, .target = NAN,
	    .size = NAN, .reasons = { "[]" }, .created_at = now };
	if (live == NULL) {
		out->note = arena_printf(a, "No model of %s bars is in "
		    "force: train one (job type training)", in->timeframe);
		return 0;
	}
	out->model = live->label;
	out->model_id = live->id;
	out->base_rate = live->report.base_rate;
	out->brier = live->report.brier;
	out->brier_base = live->report.brier_base;
	out->cases = live->report.held;
	out->horizon = live->horizon;
	if (!(out->brier < out->brier_base)) {
		out->note = "The model in force has no skill: its Brier score "
		    "is not below that of the base rate";
		return 0;
	}
	trade_suggest_judge(a, &live->m, &seen, &t, out);
	return 0;
}

/* ---- training ------------------------------------------------------------------------ */

/* The symbol's news over the bars, and when each bar's close was known. */
static int
news_of(struct trade_training *t, struct arena *scratch,
    const struct trade_instrument *i, const struct trade_series *s,
    struct trade_suggest_news *out, struct err *e)
{
	int timeframe = trade_timeframe(t->in->timeframe);
	struct utc *closed = arena_array(scratch, s->n + 1, sizeof(*closed));
	struct trade_hours h;

	if (trade_hours_parse(&h, i->zone, i->hours, i->closed_on, e) == -1)
		return -1;
	for (size_t k = 0; k < s->n; k++)
		closed[k] = trade_bar_close(&h, timeframe, s->at[k]);
	out->closed = closed;
	out->past = (struct trade_sentiment_past){ .n = 0 };
	return s->n == 0 ? 0 : trade_sentiment_history(t->db, scratch,
	    t->tenant, i->symbol, closed[0], closed[s->n - 1], &out->past, e);
}

static int
gather(struct trade_training *t, struct arena *scratch,
    struct trade_cases *cases, struct str *hashed, struct err *e)
{
	const char *const *symbols = t->in->symbols.items;
	size_t n = t->in->symbols.n;

	for (size_t i = 0; i < n; i++) {
		const struct trade_series_in in = { .symbol = symbols[i],
		    .exchange = t->in->exchange,
		    .timeframe = t->in->timeframe };
		struct trade_instrument found;
		struct trade_suggest_news news;
		struct trade_series s;

		if (t->tick(t->arg, 0.5 * (double)i / (double)n) == -1)
			return err_set(e, 409, "stopped",
			    "The training was stopped");
		if (trade_series_load(t->db, scratch, t->tenant, &in, &found,
		    &s, e) == -1 || news_of(t, scratch, &found, &s, &news,
		    e) == -1 || trade_suggest_cases(scratch, &s, &news,
		    (size_t)t->in->horizon, cases, e) == -1)
			return -1;
		str_addf(hashed, "%s|%zu|", symbols[i], s.n);
		str_addn(hashed, s.bars, (s.n > 5000 ? 5000 : s.n) *
		    sizeof(s.bars[0]));
		str_addn(hashed, news.past.v, news.past.n *
		    sizeof(news.past.v[0]));
	}
	return 0;
}

static int
fit_tick(void *arg, double part)
{
	struct trade_training *t = arg;

	return t->tick(t->arg, 0.5 + 0.5 * part);
}

static int
store(struct trade_training *t, const struct trade_suggest_model *m,
    struct blob data, struct utc from, struct utc to, T *out, struct err *e)
{
	struct platform_model_new n = { .tenant = t->tenant,
	    .module = "trade", .name = name_of(t->a, t->in->timeframe),
	    .format = TRADE_SUGGEST_FORMAT, .data_hash = data,
	    .trained = t->now, .from = from, .to = to, .by = t->by };
	const char *text = trade_suggest_write(t->a, m, t->in->horizon);
	struct str metrics;

	str_init(&metrics, t->a);
	schema_encode(&trade_suggest_report_schema, &out->report, &metrics);
	n.content = (struct blob){ text, strlen(text) };
	n.metrics.p = metrics.p;
	n.about.p = arena_printf(t->a, "{\"horizon\":%lld,\"symbols\":%zu,"
	    "\"ridge\":%.6g}", (long long)t->in->horizon, t->in->symbols.n,
	    t->in->ridge);
	if (platform_model_add(t->db, t->a, &n, &out->version, e) == -1)
		return -1;
	out->model_id = n.id;
	return out->live ? platform_model_promote(t->db, t->tenant, n.id,
	    t->by, e) : 0;
}

int
trade_suggest_train(struct trade_training *t, T *out, struct err *e)
{
	struct arena *scratch = arena_new((size_t)900 << 20);
	struct trade_cases cases = { .v = { .n = 0 } };
	struct trade_suggest_model m;
	struct utc from = { 0 }, to = { 0 };
	struct str hashed;
	struct blob data;
	int rc;

	*out = (T){ .note = "" };
	str_init(&hashed, scratch);
	rc = gather(t, scratch, &cases, &hashed, e);
	data = trade_digest(t->a, hashed.p, hashed.len, NULL);
	if (rc == 0)
		rc = trade_suggest_fit(scratch, &cases, t->in->ridge,
		    fit_tick, t, &m, &out->report, e);
	if (rc == 0) {
		from = cases.v.v[0].at;
		to = cases.v.v[cases.v.n - 1].end;
	}
	arena_free(scratch);
	if (rc == -1)
		return -1;
	out->live = out->report.good && t->in->promote;
	out->note = out->live ? "in force" : !out->report.good ?
	    "stored as a candidate: on what was held out it does not beat the "
	    "base rate beyond chance" : "stored as a candidate, as asked";
	if (t->begin(t->arg, e) == -1)
		return -1;
	return store(t, &m, data, from, to, out, e);
}
