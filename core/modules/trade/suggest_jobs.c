/*
 * The job types `suggestion` and `training`. An answer is kept under the digest
 * of type, payload and the version of what it is from (bars and model), and
 * given again while that is the same.
 */
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/number.h"
#include "base/random.h"
#include "base/str.h"
#include "modules/trade/bar.h"
#include "modules/trade/engine.h"
#include "modules/trade/news.h"
#include "modules/trade/outside.h"
#include "modules/trade/strategies.h"
#include "modules/trade/suggest.h"

enum { HORIZON = 10, CLOSES_MAX = 60 };

#define SERIES(T) \
	FIELD(T, symbols, .flags = FF_REQUIRED, .elem = FT_STR, .min = 1, \
	    .max = 200, .doc = "Symbols"), \
	FIELD(T, exchange, .max = 16, .def = "\"\"", .doc = "Exchange"), \
	FIELD(T, timeframe, .oneof = trade_timeframes, .def = "\"1d\"", \
	    .doc = "Length of a bar"), \
	FIELD(T, user_id, .flags = FF_NULLABLE, .max = 100, \
	    .doc = "Of the documents; gives no right")
#define A struct trade_suggest_ask
static const struct field ask_fields[] = {
	SERIES(A),
	FIELD(A, risk_pct, .flags = FF_XMIN, .min = 0, .max = 100,
	    .def = "1", .doc = "Of the equity, lost at the stop"),
	FIELD(A, equity, .flags = FF_XMIN, .min = 0, .max = 1000000000,
	    .def = "100000", .doc = "Equity that the size is for"), FIELD_END
};
static const struct schema ask_schema = {
	.name = "SuggestionJob", .doc = "What to suggest something for",
	.size = sizeof(A), .fields = ask_fields
};
#define N struct trade_train_ask
static const struct field train_fields[] = {
	SERIES(N),
	FIELD(N, horizon, .min = 1, .max = 100, .def = "5",
	    .doc = "Bars ahead"),
	FIELD(N, ridge, .flags = FF_XMIN, .min = 0, .max = 1000000,
	    .def = "50", .doc = "Strength of the penalty"),
	FIELD(N, promote, .def = "true",
	    .doc = "Put it in force if it beats the base rate"), FIELD_END
};
static const struct schema train_schema = {
	.name = "TrainingJob", .doc = "What to learn from",
	.size = sizeof(N), .fields = train_fields
};

struct done {
	struct list suggestions;
	bool cached;
};
static const struct field done_fields[] = {
	FIELD(struct done, suggestions, .sub = &trade_suggestion_schema,
	    .doc = "One per symbol"),
	FIELD(struct done, cached, .doc = "Nothing had changed since it was "
	    "made"), FIELD_END
};
static const struct schema done_schema = {
	.name = "SuggestionDone", .doc = "What is suggested",
	.size = sizeof(struct done), .fields = done_fields
};

/* ---- suggestion ------------------------------------------------------------------ */

struct suggesting {
	struct job_ctx *c;
	const A *in;
	struct trade_suggest_live live;
	bool has_live;
	struct blob digest;
	struct trade_suggestion *v;
	struct trade_prediction *p;
	size_t n;
};

/* Type, payload, and the version of everything the answer is from. */
static int
digest(struct suggesting *g)
{
	const char *const *symbols = g->in->symbols.items;
	struct job_ctx *c = g->c;
	const char *news;
	char id[UUID_TEXT];
	struct str s;

	if (trade_news_stamp(c->db, c->a, c->tenant, &news, &c->err) == -1)
		return -1;
	str_init(&s, c->a);
	str_addf(&s, "suggestion|%s|", news);
	schema_encode(&ask_schema, g->in, &s);
	str_addf(&s, "|%s", g->has_live ? uuid_format(g->live.id, id) : "-");
	for (size_t i = 0; i < g->in->symbols.n; i++) {
		struct trade_data_version v;
		struct trade_instrument found;

		if (db_found(trade_instrument_find(c->db, c->a, c->tenant,
		    symbols[i], g->in->exchange, &found, &c->err),
		    symbols[i], &c->err) == -1 || trade_data_version(c->db,
		    c->a, found.id, g->in->timeframe, &v, &c->err) == -1)
			return -1;
		str_addf(&s, "|%lld:%lld:%lld:%lld", (long long)found.id,
		    (long long)v.n, (long long)v.versions,
		    (long long)v.last.us);
	}
	g->digest = trade_digest(c->a, s.p, s.len, NULL);
	return 0;
}

static size_t
numbers(struct arena *a, struct json closes, double **out)
{
	double *v = arena_array(a, CLOSES_MAX, sizeof(*v));
	const char *p = closes.p + 1;
	size_t n = 0;

	while (*p != ']' && *p != '\0' && n < CLOSES_MAX) {
		size_t len = strcspn(p, ",]");

		if (num_real(p, len, &v[n]) == NUM_OK)
			n++;
		p += len + (p[len] == ',');
	}
	*out = v;
	return n;
}

/* From the runner of forecasts; without an answer of it a drift, said so. */
static void
predict(struct suggesting *g, const struct trade_suggestion *s,
    struct json closes, struct trade_prediction *p)
{
	struct job_ctx *c = g->c;
	struct trade_forecast f;
	struct str text;
	double *v, sure = 0;
	char one[DEC_TEXT];

	if (trade_outside_forecast(c->env, c->a, s->symbol, closes, HORIZON,
	    &f, &c->err) != 0) {
		size_t n = numbers(c->a, closes, &v);

		err_clear(&c->err);
		trade_forecast_drift(c->a, v, n, HORIZON, &f);
	}
	str_init(&text, c->a);
	for (size_t i = 0; i < f.forecast.n; i++)
		str_addf(&text, "%c%s", i == 0 ? '[' : ',',
		    real_format(((double *)f.forecast.items)[i], one));
	str_add(&text, "]");
	for (size_t i = 0; i < f.confidence.n; i++)
		sure += ((double *)f.confidence.items)[i] /
		    (double)f.confidence.n;
	*p = (struct trade_prediction){ .id = uuid_new(),
	    .tenant_id = c->tenant, .symbol = s->symbol,
	    .timeframe = s->timeframe, .model = f.model, .at = s->bar_at,
	    .horizon = f.horizon, .forecast = { text.p },
	    .confidence = sure, .fallback = f.fallback,
	    .created_at = s->created_at };
}

static int
all(struct suggesting *g, struct arena *scratch)
{
	const char *const *symbols = g->in->symbols.items;
	struct job_ctx *c = g->c;
	const struct trade_engine_conf *f = conf_get(c->env->conf,
	    &trade_engine_settings);

	g->v = arena_array(c->a, g->in->symbols.n, sizeof(*g->v));
	g->p = arena_array(c->a, g->in->symbols.n, sizeof(*g->p));
	for (size_t i = 0; i < g->in->symbols.n; i++) {
		struct json closes;

		if (job_stopping(c))
			return 1;
		job_progress(c, (int)(1000 * i / g->in->symbols.n),
		    symbols[i]);
		if (trade_suggest_one(c->db, c->a, scratch, c->tenant, g->in,
		    symbols[i], g->has_live ? &g->live : NULL,
		    f->suggest_edge, clock_now(), &g->v[i], &closes,
		    &c->err) == -1)
			return -1;
		g->v[i].job_id = c->id;
		if (g->v[i].bar_at.us != 0)
			predict(g, &g->v[i], closes, &g->p[i]);
		arena_reset(scratch);
		g->n++;
	}
	return 0;
}

static enum job_rc
failed(struct job_ctx *c)
{
	if (job_stopping(c))
		return JOB_RELEASE;
	return c->err.status >= 500 ? JOB_RETRY : JOB_FAIL;
}

static const char *
body(struct job_ctx *c, const struct list *l, bool cached)
{
	const struct done d = { *l, cached };
	struct str s;

	str_init(&s, c->a);
	schema_encode(&done_schema, &d, &s);
	return s.p;
}

static int
store(struct suggesting *g)
{
	struct job_ctx *c = g->c;
	const struct list l = { g->v, g->n };

	c->result_text = body(c, &l, false);
	if (job_begin(c, &c->err) == -1)
		return -1;
	for (size_t i = 0; i < g->n; i++)
		if (trade_suggestion_insert(c->db, c->a, &g->v[i],
		    &c->err) == -1 || (g->p[i].horizon > 0 &&
		    trade_prediction_insert(c->db, &g->p[i], &c->err) == -1))
			return -1;
	return trade_answer_put(c->db, c->tenant, "suggestion", g->digest,
	    (struct json){ body(c, &l, true) }, clock_now(), &c->err) == -1 ||
	    job_finish(c, &c->err) == -1 ? -1 : db_commit(c->db, &c->err);
}

static int
kept(struct suggesting *g, bool *found)
{
	struct job_ctx *c = g->c;
	struct trade_suggest_answer answer;
	int rc;

	*found = false;
	rc = trade_suggest_live(c->db, c->a, c->tenant, g->in->timeframe,
	    &g->live, &c->err);
	if (rc == -1)
		return -1;
	g->has_live = rc == 0;
	if (digest(g) == -1)
		return -1;
	rc = trade_answer_get(c->db, c->a, c->tenant, g->digest, &answer,
	    &c->err);
	if (rc != 0)
		return rc == 1 ? 0 : -1;
	*found = true;
	c->result_text = answer.body.p;
	if (job_begin(c, &c->err) == -1)
		return -1;
	return job_finish(c, &c->err) == -1 ? -1 : db_commit(c->db,
	    &c->err);
}

static enum job_rc
suggestion(struct job_ctx *c, const void *in)
{
	struct suggesting g = { .c = c, .in = in };
	struct arena *scratch;
	bool found;
	int rc;

	if (kept(&g, &found) == -1) {
		if (found)
			db_rollback(c->db);
		return failed(c);
	}
	if (found)
		return JOB_DONE;
	scratch = arena_new((size_t)64 << 20);
	rc = all(&g, scratch);
	arena_free(scratch);
	if (rc != 0)
		return rc == 1 ? JOB_RELEASE : failed(c);
	if (store(&g) == -1) {
		db_rollback(c->db);
		return JOB_RETRY;
	}
	return JOB_DONE;
}

/* ---- training ---------------------------------------------------------------------- */

static int
tick(void *arg, double part)
{
	struct job_ctx *c = arg;

	job_progress(c, (int)(1000 * part), part < 0.5 ? "reading bars" :
	    "fitting");
	return job_stopping(c) ? -1 : 0;
}

static int
begin(void *arg, struct err *e)
{
	return job_begin(arg, e);
}

static enum job_rc
training(struct job_ctx *c, const void *in)
{
	struct trade_trained *out = arena_alloc(c->a, sizeof(*out));
	struct trade_training t = { c->db, c->a, c->tenant, in, clock_now(),
	    c->actor != NULL ? c->actor : "training", tick, begin, c };

	if (trade_suggest_train(&t, out, &c->err) == -1) {
		if (db_in_txn(c->db)) {
			db_rollback(c->db);
			return JOB_RETRY;
		}
		return failed(c);
	}
	c->result = out;
	if (job_finish(c, &c->err) == -1 || db_commit(c->db, &c->err) ==
	    -1) {
		db_rollback(c->db);
		return JOB_RETRY;
	}
	return JOB_DONE;
}

const struct job trade_suggest_jobs[] = {
	{ .name = "suggestion", .doc = "What the model in force suggests for "
	  "some symbols", .in = &ask_schema, .out = &done_schema,
	  .lane = LANE_NORMAL, .flags = JOB_TXN | JOB_API, .tries = 3,
	  .timeout_s = 300,
	  .cpu_s = 120, .memory_mib = 512, .permission = "trade:read",
	  .run = suggestion },
	{ .name = "training", .doc = "Learn a model of suggestions from "
	  "recorded bars", .in = &train_schema, .out = &trade_trained_schema,
	  .lane = LANE_LOW, .flags = JOB_TXN | JOB_API, .tries = 3,
	  .timeout_s = 1800,
	  .cpu_s = 1800, .memory_mib = 1536, .permission = "trade:write",
	  .run = training },
	JOB_END
};
