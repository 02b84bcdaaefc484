/*
 * Signals over HTTP: the list under our name and the documents', and the way
 * in for external engines.
 */
#include <string.h>

#include "http/ctx.h"
#include "modules/trade/bar.h"
#include "modules/trade/signal.h"

struct list_in {
	struct page_in page;
	const char *symbol, *timeframe, *source;
	double min_score, minScore;
	struct utc since;
};
#define L(m, ...) FIELD(struct list_in, m, __VA_ARGS__)
static const struct field list_fields[] = {
	PAGE_LIMIT(struct list_in), PAGE_CURSOR(struct list_in),
	L(symbol, .max = 32, .def = "\"\"", .doc = "Only of this symbol"),
	L(timeframe, .max = 4, .def = "\"\"",
	    .doc = "Only of bars of this length; tick: seen in ticks"),
	L(source, .max = 32, .def = "\"\"", .doc = "Only of this source"),
	L(min_score, .min = 0, .max = 1, .def = "0",
	    .doc = "Only of this amount of score or more"),
	L(minScore, .min = 0, .max = 1, .def = "0",
	    .doc = "The documents' name of min_score"),
	L(since, .flags = FF_NULLABLE, .doc = "Only stored since then"),
	FIELD_END
};
static const struct schema list_schema = {
	.name = "SignalPage", .doc = "Page of signals, newest first",
	.size = sizeof(struct list_in), .fields = list_fields
};

static int
read_page(struct ctx *c, const struct list_in *l, struct rows *rows,
    const char **next)
{
	struct trade_signal_filter f = { .tenant = c->who.tenant_id,
	    .symbol = l->symbol, .timeframe = l->timeframe,
	    .source = l->source, .min_score = l->min_score > l->minScore ?
	    l->min_score : l->minScore, .since = l->since,
	    .limit = l->page.limit + 1 };

	if (cursor_open_uuid(c, l->page.cursor, &f.below) == -1 ||
	    trade_signal_page(c->db, c->a, &f, rows, &c->err) == -1)
		return -1;
	*next = cursor_uuid(c, rows, l->page.limit,
	    offsetof(struct trade_signal, id));
	return 0;
}

static int
signal_list(struct ctx *c, const void *in)
{
	const char *next;
	struct rows rows;

	return read_page(c, in, &rows, &next) == -1 ? fail_err(c) :
	    reply_list(c, &rows, next);
}

static int
signal_get(struct ctx *c, const void *in)
{
	struct trade_signal s;

	if (db_found(trade_signal_by_id(c->db, c->a, c->who.tenant_id,
	    ((const struct id_in *)in)->id, &s, &c->err), "Signal",
	    &c->err) == -1)
		return fail_err(c);
	return reply(c, &s);
}

/* ---- the documents' shape --------------------------------------------------------- */

struct seed_signal {
	struct uuid id;
	const char *symbol;
	struct utc time;
	double score;
	const char *side, *pattern;
	struct json meta;
	const char *source;
	struct dec price;
	double confidence;
};
static const struct field seed_fields[] = {
	FIELD(struct seed_signal, id, .doc = "Identifier"),
	FIELD(struct seed_signal, symbol, .doc = "Symbol"),
	FIELD(struct seed_signal, time, .doc = "Bar, or time of the tick"),
	FIELD(struct seed_signal, score, .doc = "-1 to 1"),
	FIELD(struct seed_signal, side, .doc = "buy, sell or neutral"),
	FIELD(struct seed_signal, pattern, .doc = "What was seen"),
	FIELD(struct seed_signal, meta, .doc = "Context"),
	FIELD(struct seed_signal, source, .doc = "Who saw it"),
	FIELD(struct seed_signal, price, .doc = "Price then"),
	FIELD(struct seed_signal, confidence, .doc = "0 to 1"), FIELD_END
};
static const struct schema seed_schema = {
	.name = "SeedSignal", .doc = "A signal as document 002 writes it",
	.size = sizeof(struct seed_signal), .fields = seed_fields
};
struct seed_page {
	struct list signals;
	const char *nextCursor;
	int64_t total, count;
	bool hasMore;
	struct utc timestamp;
};
static const struct field seed_page_fields[] = {
	FIELD(struct seed_page, signals, .sub = &seed_schema,
	    .doc = "Newest first"),
	FIELD(struct seed_page, nextCursor, .flags = FF_NULLABLE,
	    .doc = "Pass as cursor; null: the last page"),
	FIELD(struct seed_page, total, .doc = "Signals on this page"),
	FIELD(struct seed_page, count, .doc = "The same, as document 000"),
	FIELD(struct seed_page, hasMore, .doc = "There is a further page"),
	FIELD(struct seed_page, timestamp, .doc = "Time of the answer"),
	FIELD_END
};
static const struct schema seed_page_schema = {
	.name = "SeedSignalPage", .doc = "Signals as document 002 lists them",
	.size = sizeof(struct seed_page), .fields = seed_page_fields
};

static int
seed_list(struct ctx *c, const void *in)
{
	struct seed_page out = { .nextCursor = NULL };
	struct seed_signal *v;
	struct rows rows;

	if (read_page(c, in, &rows, &out.nextCursor) == -1)
		return fail_err(c);
	v = arena_array(c->a, rows.n, sizeof(*v));
	for (size_t i = 0; i < rows.n; i++) {
		const struct trade_signal *s = ROW(&rows, struct trade_signal,
		    i);

		v[i] = (struct seed_signal){ s->id, s->symbol, s->bar_at,
		    s->score, s->side, s->name, s->context, s->source,
		    s->price, s->strength };
	}
	out.signals = (struct list){ v, rows.n };
	out.total = out.count = (int64_t)rows.n;
	out.timestamp = c->now;
	out.hasMore = out.nextCursor != NULL;
	return reply(c, &out);
}

const struct route trade_signal_routes[] = {
	{ .id = "trade.signal.list", .method = HTTP_GET,
	  .path = "/api/trade/signals", .summary = "Signals",
	  .auth = AUTH_USER, .permission = "trade:read",
	  .in = &list_schema, .out = &trade_signal_schema, .ok = 200,
	  .flags = R_LIST, .run = signal_list },
	{ .id = "trade.signal.get", .method = HTTP_GET,
	  .path = "/api/trade/signals/{id:uuid}", .summary = "One signal",
	  .aliases = ALIASES({ "/api/signals/{id:uuid}", "002", false }),
	  .auth = AUTH_USER, .permission = "trade:read",
	  .in = &id_in_schema, .out = &trade_signal_schema, .ok = 200,
	  .errors = ERRORS(404), .run = signal_get },
	{ .id = "trade.signal.seed_list", .method = HTTP_GET,
	  .path = "/api/signals", .seed = "002",
	  .aliases = ALIASES({ "/signals", "002", false },
	    { "/api/trading/signals", "000", false }),
	  .summary = "Signals as the documents list them",
	  .auth = AUTH_USER, .permission = "trade:read",
	  .in = &list_schema, .out = &seed_page_schema, .ok = 200,
	  .run = seed_list },
	ROUTE_END
};
