/*
 * Rows of suggestions, predictions and kept answers.
 */
#include <math.h>
#include <string.h>

#include "base/err.h"
#include "base/str.h"
#include "modules/trade/suggest.h"

#define S struct trade_suggestion
static const struct field fields[] = {
	FIELD(S, id, .doc = "Identifier"),
	FIELD(S, tenant_id, .flags = FF_HIDDEN),
	FIELD(S, instrument_id, .doc = "Instrument"),
	FIELD(S, symbol, .doc = "Symbol"),
	FIELD(S, timeframe, .doc = "Length of a bar"),
	FIELD(S, bar_at, .flags = FF_NULLABLE, .doc = "Last closed bar"),
	FIELD(S, side, .doc = "buy, sell, or none"),
	FIELD(S, note, .doc = "What it is, or why there is none"),
	FIELD(S, probability, .flags = FF_NULLABLE,
	    .doc = "That the close is higher after the horizon"),
	FIELD(S, base_rate, .flags = FF_NULLABLE | FF_NOSQL,
	    .doc = "How often it was"),
	FIELD(S, brier, .flags = FF_NULLABLE | FF_NOSQL,
	    .doc = "Brier score of the model on what was held out"),
	FIELD(S, brier_base, .flags = FF_NULLABLE | FF_NOSQL,
	    .doc = "The same of the base rate"),
	FIELD(S, cases, .flags = FF_NOSQL, .doc = "Cases held out"),
	FIELD(S, horizon, .flags = FF_NOSQL, .doc = "Bars"),
	FIELD(S, entry, .flags = FF_NULLABLE | FF_NOSQL, .doc = "Close"),
	FIELD(S, stop, .flags = FF_NULLABLE | FF_NOSQL, .doc = "2 ATR away"),
	FIELD(S, target, .flags = FF_NULLABLE | FF_NOSQL,
	    .doc = "3 ATR away"),
	FIELD(S, size, .flags = FF_NULLABLE | FF_NOSQL, .doc = "Units, of "
	    "which the stop costs risk_pct of the equity"),
	FIELD(S, reasons, .flags = FF_NOSQL, .doc = "What contributed most"),
	FIELD(S, model, .flags = FF_NULLABLE | FF_NOSQL, .doc = "Model"),
	FIELD(S, model_id, .flags = FF_NULLABLE, .doc = "Its id"),
	FIELD(S, job_id, .flags = FF_NULLABLE, .doc = "Job"),
	FIELD(S, created_at, .doc = "When it was made"), FIELD_END
};
const struct schema trade_suggestion_schema = {
	.name = "Suggestion", .doc = "What a model suggests for a symbol",
	.size = sizeof(S), .fields = fields
};

struct kept {
	struct json body;
};
static const struct field kept_fields[] = {
	FIELD(struct kept, body), FIELD_END
};
static const struct schema kept_schema = {
	.name = "SuggestionBody", .size = sizeof(struct kept),
	.fields = kept_fields
};

#define P struct trade_prediction
static const struct field prediction_fields[] = {
	FIELD(P, id, .doc = "Identifier"),
	FIELD(P, tenant_id, .flags = FF_HIDDEN),
	FIELD(P, symbol, .doc = "Symbol"),
	FIELD(P, timeframe, .doc = "Length of a bar"),
	FIELD(P, model, .doc = "Model"),
	FIELD(P, at, .doc = "Last bar it saw"),
	FIELD(P, horizon, .doc = "Bars"),
	FIELD(P, forecast, .doc = "Prices"),
	FIELD(P, confidence, .doc = "0 to 1"),
	FIELD(P, fallback, .doc = "No external model answered: a drift"),
	FIELD(P, created_at, .doc = "When it was made"), FIELD_END
};
const struct schema trade_prediction_schema = {
	.name = "Prediction", .doc = "A forecast of prices",
	.size = sizeof(P), .fields = prediction_fields
};
#define PREDICTION "id, tenant_id, symbol, timeframe, model, at, horizon, " \
	"forecast, confidence, fallback, created_at"

#define V_ struct trade_data_version
static const struct field version_fields[] = {
	FIELD(V_, n), FIELD(V_, versions, .flags = FF_NULLABLE),
	FIELD(V_, last, .flags = FF_NULLABLE), FIELD_END
};
static const struct schema version_schema = {
	.name = "DataVersion", .size = sizeof(V_), .fields = version_fields
};
static const struct field answer_fields[] = {
	FIELD(struct trade_suggest_answer, body),
	FIELD(struct trade_suggest_answer, created_at), FIELD_END
};
static const struct schema answer_schema = {
	.name = "TradeAnswer", .size = sizeof(struct trade_suggest_answer),
	.fields = answer_fields
};

#define NEWEST "COALESCE(?, X'FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF')"
static const struct query SUGGESTION_INSERT = { "trade_suggestion.insert",
	"INSERT INTO trade_suggestion (id, tenant_id, instrument_id, symbol, "
	"timeframe, bar_at, side, note, probability, body, model_id, job_id, "
	"created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", NULL };
static const struct query SUGGESTION_PAGE = { "trade_suggestion.page",
	"SELECT body FROM trade_suggestion WHERE tenant_id = ? AND id < "
	NEWEST " AND (? = '' OR timeframe = ?) ORDER BY id DESC LIMIT ?",
	&kept_schema };
static const struct query SUGGESTION_OF_SYMBOL = {
	"trade_suggestion.of_symbol",
	"SELECT body FROM trade_suggestion WHERE tenant_id = ? AND symbol = "
	"? AND id < " NEWEST " AND (? = '' OR timeframe = ?) ORDER BY id "
	"DESC LIMIT ?", &kept_schema };
static const struct query PREDICTION_INSERT = { "trade_prediction.insert",
	"INSERT INTO trade_prediction (" PREDICTION ") VALUES (?, ?, ?, ?, "
	"?, ?, ?, ?, ?, ?, ?)", NULL };
static const struct query PREDICTION_PAGE = { "trade_prediction.page",
	"SELECT " PREDICTION " FROM trade_prediction WHERE tenant_id = ? AND "
	"id < " NEWEST " AND (? = '' OR symbol = ?) AND (? = '' OR model = "
	"?) AND created_at >= COALESCE(?, '1000-01-01') ORDER BY id DESC "
	"LIMIT ?", &trade_prediction_schema };
static const struct query PREDICTION_BY_ID = { "trade_prediction.by_id",
	"SELECT " PREDICTION " FROM trade_prediction WHERE tenant_id = ? AND "
	"id = ? LIMIT 1", &trade_prediction_schema };
static const struct query DATA_VERSION = { "trade_bar.data_version",
	"SELECT COUNT(*) AS n, CAST(SUM(version) AS SIGNED) AS versions, "
	"MAX(at) AS last FROM trade_bar WHERE instrument_id = ? AND "
	"timeframe = ? LIMIT 1", &version_schema };
static const struct query ANSWER_GET = { "trade_answer.get",
	"SELECT body, created_at FROM trade_answer WHERE tenant_id = ? AND "
	"digest = ? LIMIT 1", &answer_schema };
static const struct query ANSWER_PUT = { "trade_answer.put",
	"INSERT INTO trade_answer (tenant_id, digest, type, body, created_at) "
	"VALUES (?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE body = VALUE(body), "
	"created_at = VALUE(created_at)", NULL };

const struct query *const trade_suggest_queries[] = {
	&SUGGESTION_INSERT, &SUGGESTION_PAGE, &SUGGESTION_OF_SYMBOL,
	&PREDICTION_INSERT, &PREDICTION_PAGE, &PREDICTION_BY_ID,
	&DATA_VERSION, &ANSWER_GET, &ANSWER_PUT, NULL
};

const struct table trade_suggest_tables[] = {
	{ .name = "trade_suggestion", .row = &trade_suggestion_schema,
	  .tenant_column = "tenant_id", .retention_days = 365,
	  .retention_column = "created_at", .snapshot = SNAP_FULL,
	  .sql_only = (const char *const[]){ "body", NULL } },
	{ .name = "trade_prediction", .row = &trade_prediction_schema,
	  .tenant_column = "tenant_id", .retention_days = 90,
	  .retention_column = "created_at", .snapshot = SNAP_REBUILDABLE },
	{ .name = "trade_answer", .tenant_column = "tenant_id",
	  .retention_days = 30, .retention_column = "created_at",
	  .sql_only = (const char *const[]){ "tenant_id", "digest", "type",
	  "body", "created_at", NULL }, .snapshot = SNAP_REBUILDABLE },
	{ .name = NULL }
};

int
trade_suggestion_insert(struct db *db, struct arena *a, const S *s,
    struct err *e)
{
	struct str body;

	str_init(&body, a);
	schema_encode(&trade_suggestion_schema, s, &body);
	return db_exec(db, &SUGGESTION_INSERT, ARGS(V(s->id),
	    V(s->tenant_id), V(s->instrument_id), V(s->symbol),
	    V(s->timeframe), V(s->bar_at), V(s->side), V(s->note),
	    isfinite(s->probability) ? V(s->probability) : val_null(),
	    val_s(body.p), V(s->model_id), V(s->job_id),
	    V(s->created_at)), NULL, e);
}

int
trade_suggestion_page(struct db *db, struct arena *a, struct uuid tenant,
    const char *symbol, const char *timeframe, struct uuid below,
    int64_t limit, struct rows *out, struct err *e)
{
	struct rows kept;
	S *v;

	if ((*symbol != '\0' ? db_all(db, a, &SUGGESTION_OF_SYMBOL,
	    ARGS(V(tenant), V(symbol), V(below), V(timeframe), V(timeframe),
	    V(limit)), &kept, e) : db_all(db, a, &SUGGESTION_PAGE,
	    ARGS(V(tenant), V(below), V(timeframe), V(timeframe), V(limit)),
	    &kept, e)) == -1)
		return -1;
	v = arena_array(a, kept.n, sizeof(*v));
	for (size_t i = 0; i < kept.n; i++) {
		const char *text = ROW(&kept, struct kept, i)->body.p;
		uint64_t seen;

		if (schema_decode_json(&trade_suggestion_schema, text,
		    strlen(text), "row", false, a, &v[i], &seen, e) == -1)
			return -1;
	}
	*out = (struct rows){ v, kept.n, &trade_suggestion_schema };
	return 0;
}

int
trade_prediction_insert(struct db *db, const P *p, struct err *e)
{
	return db_exec(db, &PREDICTION_INSERT, ARGS(V(p->id),
	    V(p->tenant_id), V(p->symbol), V(p->timeframe), V(p->model),
	    V(p->at), V(p->horizon), V(p->forecast), V(p->confidence),
	    V(p->fallback), V(p->created_at)), NULL, e);
}

int
trade_prediction_page(struct db *db, struct arena *a, struct uuid tenant,
    const char *symbol, const char *model, struct utc since, struct uuid below,
    int64_t limit, struct rows *out, struct err *e)
{
	return db_all(db, a, &PREDICTION_PAGE, ARGS(V(tenant), V(below),
	    V(symbol), V(symbol), V(model), V(model), V(since), V(limit)),
	    out, e);
}

int
trade_prediction_by_id(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, P *out, struct err *e)
{
	return db_one(db, a, &PREDICTION_BY_ID, ARGS(V(tenant), V(id)), out,
	    e);
}

int
trade_data_version(struct db *db, struct arena *a, int64_t instrument,
    const char *timeframe, V_ *out, struct err *e)
{
	return db_one(db, a, &DATA_VERSION, ARGS(V(instrument),
	    V(timeframe)), out, e) == -1 ? -1 : 0;
}

int
trade_answer_get(struct db *db, struct arena *a, struct uuid tenant,
    struct blob digest, struct trade_suggest_answer *out, struct err *e)
{
	return db_one(db, a, &ANSWER_GET, ARGS(V(tenant), V(digest)), out,
	    e);
}

int
trade_answer_put(struct db *db, struct uuid tenant, const char *type,
    struct blob digest, struct json body, struct utc now, struct err *e)
{
	return db_exec(db, &ANSWER_PUT, ARGS(V(tenant), V(digest), V(type),
	    V(body), V(now)), NULL, e);
}
