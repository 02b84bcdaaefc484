/*
 * Suggestions and predictions over HTTP. Making them is a job (POST /jobs with
 * the type suggestion or training).
 */
#include <string.h>

#include "http/ctx.h"
#include "modules/trade/suggest.h"

struct list_in {
	struct page_in page;
	const char *symbol, *timeframe;
};
static const struct field list_fields[] = {
	PAGE_LIMIT(struct list_in), PAGE_CURSOR(struct list_in),
	FIELD(struct list_in, symbol, .max = 32, .def = "\"\"",
	    .doc = "Only of this symbol"),
	FIELD(struct list_in, timeframe, .max = 4, .def = "\"\"",
	    .doc = "Only of bars of this length"), FIELD_END
};
static const struct schema list_schema = {
	.name = "SuggestionPage", .doc = "Page of suggestions, newest first",
	.size = sizeof(struct list_in), .fields = list_fields
};

static int
suggestion_list(struct ctx *c, const void *in)
{
	const struct list_in *l = in;
	struct uuid below;
	struct rows rows;

	if (cursor_open_uuid(c, l->page.cursor, &below) == -1 ||
	    trade_suggestion_page(c->db, c->a, c->who.tenant_id, l->symbol,
	    l->timeframe, below, l->page.limit + 1, &rows, &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, cursor_uuid(c, &rows, l->page.limit,
	    offsetof(struct trade_suggestion, id)));
}

/* ---- predictions, as document 002 has them -------------------------------------------- */

struct seen {
	struct uuid id;
	const char *symbol;
	struct utc time;
	struct json values;
	int64_t horizon;
	const char *model;
	double confidence;
	bool fallback;
};
static const struct field seen_fields[] = {
	FIELD(struct seen, id, .doc = "Identifier"),
	FIELD(struct seen, symbol, .doc = "Symbol"),
	FIELD(struct seen, time, .doc = "Last bar it saw"),
	FIELD(struct seen, values, .doc = "Prices, one per bar ahead"),
	FIELD(struct seen, horizon, .doc = "Bars"),
	FIELD(struct seen, model, .doc = "Model"),
	FIELD(struct seen, confidence, .doc = "0 to 1"),
	FIELD(struct seen, fallback,
	    .doc = "No external model answered: a drift"), FIELD_END
};
static const struct schema seen_schema = {
	.name = "SeedPrediction", .doc = "A forecast of prices as document "
	"002 writes it", .size = sizeof(struct seen), .fields = seen_fields
};
struct predictions {
	struct list predictions;
	const char *nextCursor;
	bool hasMore;
	int64_t total;
};
static const struct field predictions_fields[] = {
	FIELD(struct predictions, predictions, .sub = &seen_schema,
	    .doc = "Newest first"),
	FIELD(struct predictions, nextCursor, .flags = FF_NULLABLE,
	    .doc = "Pass as cursor; null: the last page"),
	FIELD(struct predictions, hasMore, .doc = "There is a further page"),
	FIELD(struct predictions, total, .doc = "On this page"), FIELD_END
};
static const struct schema predictions_schema = {
	.name = "SeedPredictionPage", .doc = "Forecasts as document 002 lists "
	"them", .size = sizeof(struct predictions),
	.fields = predictions_fields
};
struct predictions_in {
	struct page_in page;
	const char *symbol, *model;
	struct utc since;
};
static const struct field predictions_in_fields[] = {
	{ .name = "limit", .off = offsetof(struct predictions_in, page.limit),
	  .type = FT_INT, .min = 1, .max = 100, .def = "20",
	  .doc = "Rows per page" },
	PAGE_CURSOR(struct predictions_in),
	FIELD(struct predictions_in, symbol, .max = 32, .def = "\"\"",
	    .doc = "Only of this symbol"),
	FIELD(struct predictions_in, model, .max = 40, .def = "\"\"",
	    .doc = "Only of this model"),
	FIELD(struct predictions_in, since, .flags = FF_NULLABLE,
	    .doc = "Only made since then"), FIELD_END
};
static const struct schema predictions_in_schema = {
	.name = "PredictionPage", .doc = "Page of predictions",
	.size = sizeof(struct predictions_in),
	.fields = predictions_in_fields
};

static struct seen
seen_of(const struct trade_prediction *p)
{
	return (struct seen){ p->id, p->symbol, p->at, p->forecast,
	    p->horizon, p->model, p->confidence, p->fallback };
}

static int
prediction_list(struct ctx *c, const void *in)
{
	const struct predictions_in *l = in;
	struct predictions out = { .nextCursor = NULL };
	struct uuid below;
	struct rows rows;
	struct seen *v;

	if (cursor_open_uuid(c, l->page.cursor, &below) == -1 ||
	    trade_prediction_page(c->db, c->a, c->who.tenant_id, l->symbol,
	    l->model, l->since, below, l->page.limit + 1, &rows, &c->err) ==
	    -1)
		return fail_err(c);
	out.nextCursor = cursor_uuid(c, &rows, l->page.limit,
	    offsetof(struct trade_prediction, id));
	v = arena_array(c->a, rows.n, sizeof(*v));
	for (size_t i = 0; i < rows.n; i++)
		v[i] = seen_of(ROW(&rows, struct trade_prediction, i));
	out.predictions = (struct list){ v, rows.n };
	out.total = (int64_t)rows.n;
	out.hasMore = out.nextCursor != NULL;
	return reply(c, &out);
}

static int
prediction_get(struct ctx *c, const void *in)
{
	struct trade_prediction p;
	struct seen s;

	if (db_found(trade_prediction_by_id(c->db, c->a, c->who.tenant_id,
	    ((const struct id_in *)in)->id, &p, &c->err), "Prediction",
	    &c->err) == -1)
		return fail_err(c);
	s = seen_of(&p);
	return reply(c, &s);
}

const struct route trade_suggest_routes[] = {
	{ .id = "trade.suggestion.list", .method = HTTP_GET,
	  .path = "/api/trade/suggestions",
	  .aliases = ALIASES({ "/suggestions", "002", false }),
	  .summary = "What was suggested", .auth = AUTH_USER,
	  .permission = "trade:read", .in = &list_schema,
	  .out = &trade_suggestion_schema, .ok = 200, .flags = R_LIST,
	  .run = suggestion_list },
	{ .id = "trade.prediction.list", .method = HTTP_GET,
	  .path = "/api/predictions", .seed = "002",
	  .summary = "Forecasts of prices", .auth = AUTH_USER,
	  .permission = "trade:read", .in = &predictions_in_schema,
	  .out = &predictions_schema, .ok = 200, .run = prediction_list },
	{ .id = "trade.prediction.get", .method = HTTP_GET,
	  .path = "/api/predictions/{id:uuid}", .seed = "002",
	  .summary = "One forecast", .auth = AUTH_USER,
	  .permission = "trade:read", .in = &id_in_schema,
	  .out = &seen_schema, .ok = 200, .errors = ERRORS(404),
	  .run = prediction_get },
	ROUTE_END
};
