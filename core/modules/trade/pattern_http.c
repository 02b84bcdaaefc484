/*
 * Patterns and indicators of an instrument over HTTP, computed when asked.
 */
#include <math.h>
#include <string.h>

#include "base/number.h"
#include "base/str.h"
#include "http/ctx.h"
#include "modules/trade/bar.h"
#include "modules/trade/chart.h"
#include "modules/trade/pattern.h"

enum { SYNC_BARS = 200000, SYNC_HITS = 5000, VALUES_MAX = 5000 };

struct scan_in {
	struct trade_series_in s;
	const char *names;
	double min_quality;
};
static const struct field scan_fields[] = {
	TRADE_SERIES_FIELDS(struct scan_in, s.),
	FIELD(struct scan_in, names, .max = 2000, .def = "\"\"",
	    .doc = "Patterns, with commas between; all when empty"),
	FIELD(struct scan_in, min_quality, .min = 0, .max = 1, .def = "0",
	    .doc = "Only hits of this quality or better"), FIELD_END
};
static const struct schema scan_schema = {
	.name = "PatternAsk", .doc = "Which bars and patterns",
	.size = sizeof(struct scan_in), .fields = scan_fields
};

struct found {
	struct list hits, follow;
	bool all;
};
static const struct field found_fields[] = {
	FIELD(struct found, hits, .sub = &trade_hit_schema,
	    .doc = "Oldest first, the newest 5000"),
	FIELD(struct found, all, .doc = "None was left out"),
	FIELD(struct found, follow, .sub = &trade_follow_schema,
	    .doc = "What followed each pattern in all bars up to `to`"),
	FIELD_END
};
static const struct schema found_schema = {
	.name = "PatternsFound", .doc = "Patterns and what followed them",
	.size = sizeof(struct found), .fields = found_fields
};

/* All bars up to `to`, so that the first listed one is judged like any. */
static int
load(struct ctx *c, const struct trade_series_in *in, struct trade_series *s,
    size_t *from, const char **symbol)
{
	struct trade_series_in all = *in;
	struct trade_instrument i;

	all.from = (struct utc){ 0 };
	if (trade_series_load(c->db, c->a, c->who.tenant_id, &all, &i, s,
	    &c->err) == -1)
		return -1;
	*symbol = i.symbol;
	if (s->n > SYNC_BARS)
		return err_set(&c->err, 422, "too_many_bars",
		    "%zu bars are too many to wait for: use a job", s->n);
	for (*from = 0; *from < s->n && s->at[*from].us < in->from.us;)
		++*from;
	return 0;
}

static int
pattern_list(struct ctx *c, const void *in)
{
	const struct scan_in *p = in;
	bool wanted[TRADE_CANDLES];
	struct trade_series s;
	struct trade_scan scan;
	struct found out = { .all = true };
	const char *symbol;
	size_t from, n = 0;

	if (trade_pattern_names(c->a, p->names, wanted, &c->err) == -1 ||
	    load(c, &p->s, &s, &from, &symbol) == -1 ||
	    trade_pattern_scan(c->a, &s, wanted, from, &scan, &c->err) == -1)
		return fail_err(c);
	for (size_t i = 0; i < scan.hits.n; i++) {
		scan.hits.v[i].symbol = symbol;
		if (scan.hits.v[i].quality >= p->min_quality)
			scan.hits.v[n++] = scan.hits.v[i];
	}
	out.all = n <= SYNC_HITS;
	out.hits = (struct list){ scan.hits.v, n };
	if (!out.all)
		out.hits = (struct list){ scan.hits.v + n - SYNC_HITS,
		    SYNC_HITS };
	out.follow = (struct list){ scan.follow, TRADE_CANDLES };
	return reply(c, &out);
}

/* ---- chart patterns --------------------------------------------------------------- */

struct chart_in {
	struct trade_series_in s;
	const char *pivots;
	double min_quality;
};
static const struct field chart_fields[] = {
	TRADE_SERIES_FIELDS(struct chart_in, s.),
	FIELD(struct chart_in, pivots, .oneof = ONEOF("zigzag", "fractal"),
	    .def = "\"zigzag\"", .doc = "zigzag: a turn by 1.5 average "
	    "ranges; fractal: the best of three bars on each side"),
	FIELD(struct chart_in, min_quality, .min = 0, .max = 1, .def = "0",
	    .doc = "Only figures of this quality or better"), FIELD_END
};
static const struct schema chart_schema = {
	.name = "ChartAsk", .doc = "Which bars, which turning points",
	.size = sizeof(struct chart_in), .fields = chart_fields
};
struct charts {
	struct list hits;
	bool all;
};
static const struct field charts_fields[] = {
	FIELD(struct charts, hits, .sub = &trade_chart_hit_schema,
	    .doc = "Oldest first, the newest 5000"),
	FIELD(struct charts, all, .doc = "None was left out"), FIELD_END
};
static const struct schema charts_schema = {
	.name = "ChartsFound", .doc = "Chart patterns",
	.size = sizeof(struct charts), .fields = charts_fields
};

static int
chart_list(struct ctx *c, const void *in)
{
	const struct chart_in *p = in;
	struct trade_chart_scan scan;
	struct trade_series s;
	struct charts out;
	const char *symbol;
	size_t from, skip;

	if (load(c, &p->s, &s, &from, &symbol) == -1)
		return fail_err(c);
	trade_chart_scan(c->a, &s, strcmp(p->pivots, "fractal") == 0 ?
	    PIVOT_FRACTAL : PIVOT_ZIGZAG, from, p->min_quality, &scan);
	for (size_t i = 0; i < scan.hits.n; i++)
		scan.hits.v[i].symbol = symbol;
	skip = scan.hits.n > SYNC_HITS ? scan.hits.n - SYNC_HITS : 0;
	out.all = skip == 0;
	out.hits = (struct list){ scan.hits.v == NULL ? NULL :
	    scan.hits.v + skip, scan.hits.n - skip };
	return reply(c, &out);
}

/* ---- indicators --------------------------------------------------------------------- */

struct value_in {
	const char *kind;
	struct trade_series_in s;
	const char *params;
};
static const struct field value_fields[] = {
	FIELD(struct value_in, kind, .flags = FF_REQUIRED, .max = 32,
	    .example = "\"sma\"", .doc = "Indicator"),
	TRADE_SERIES_FIELDS(struct value_in, s.),
	FIELD(struct value_in, params, .max = 100, .def = "\"\"",
	    .doc = "Numbers with commas between; the usual ones when empty"),
	FIELD_END
};
static const struct schema value_schema = {
	.name = "IndicatorAsk", .doc = "Which indicator of which bars",
	.size = sizeof(struct value_in), .fields = value_fields
};

struct values {
	struct json values;
	const char *kind;
	struct list outputs;
};
static const struct field values_fields[] = {
	FIELD(struct values, kind, .doc = "Indicator"),
	FIELD(struct values, outputs, .elem = FT_STR, .doc = "Its outputs"),
	FIELD(struct values, values, .doc = "[[milliseconds, output, …], …], "
	    "the newest 5000; null before the warm-up"), FIELD_END
};
static const struct schema values_schema = {
	.name = "IndicatorValues", .doc = "An indicator over bars",
	.size = sizeof(struct values), .fields = values_fields
};

static int
params(struct ctx *c, const char *text, double *v, size_t *n)
{
	char *copy = arena_strdup(c->a, text), *save = NULL, *one;

	*n = 0;
	for (one = strtok_r(copy, ",", &save); one != NULL;
	    one = strtok_r(NULL, ",", &save)) {
		if (*n == TRADE_PARAMS || num_real(one, strlen(one),
		    &v[*n]) != NUM_OK)
			return err_set(&c->err, 422, "params",
			    "At most %d numbers with commas between",
			    TRADE_PARAMS);
		++*n;
	}
	return 0;
}

static void
values_text(const struct trade_series *s, size_t from,
    struct trade_indicator *t, size_t outputs, struct str *text)
{
	char buf[DEC_TEXT];
	double out[TRADE_OUTPUTS];

	if (s->n > from + VALUES_MAX)
		from = s->n - VALUES_MAX;
	str_addc(text, '[');
	for (size_t i = 0; i < s->n; i++) {
		trade_indicator_push(t, &s->bars[i], s->bars[i].c, out);
		if (i < from)
			continue;
		str_addf(text, "%s[%lld", i > from ? "," : "",
		    (long long)(s->at[i].us / 1000));
		for (size_t k = 0; k < outputs; k++) {
			str_addc(text, ',');
			str_add(text, real_format(out[k], buf));
		}
		str_addc(text, ']');
	}
	str_addc(text, ']');
}

static int
indicator_get(struct ctx *c, const void *in)
{
	const struct value_in *p = in;
	const struct trade_indicator_kind *k = trade_indicator_find(p->kind);
	struct trade_indicator *t;
	struct trade_series s;
	struct values out = { .kind = p->kind };
	struct str text;
	const char *symbol;
	double v[TRADE_PARAMS];
	size_t n, from;

	if (k == NULL)
		return fail(c, 404, "not_found", "Indicator not found");
	if (params(c, p->params, v, &n) == -1 ||
	    (t = trade_indicator_new(c->a, k, v, n, &c->err)) == NULL ||
	    load(c, &p->s, &s, &from, &symbol) == -1)
		return fail_err(c);
	out.outputs.items = (void *)k->outputs;
	while (k->outputs[out.outputs.n] != NULL)
		out.outputs.n++;
	str_init(&text, c->a);
	values_text(&s, from, t, out.outputs.n, &text);
	out.values = (struct json){ text.p };
	return reply(c, &out);
}

const struct route trade_pattern_routes[] = {
	{ .id = "trade.pattern.list", .method = HTTP_GET,
	  .path = "/api/trade/patterns",
	  .summary = "Candlestick patterns and what followed them",
	  .doc = "61 patterns, equal to TA-Lib; evidence from the same "
	  "series.", .auth = AUTH_USER, .permission = "trade:read",
	  .in = &scan_schema, .out = &found_schema, .ok = 200,
	  .errors = ERRORS(404, 422), .run = pattern_list },
	{ .id = "trade.chart.list", .method = HTTP_GET,
	  .path = "/api/trade/chart-patterns",
	  .summary = "Chart patterns of an instrument's bars",
	  .doc = "Double tops, head and shoulders, triangles, flags, "
	  "channels, levels and breakouts, each at the bar that completes "
	  "it.", .auth = AUTH_USER, .permission = "trade:read",
	  .in = &chart_schema, .out = &charts_schema, .ok = 200,
	  .errors = ERRORS(404, 422), .run = chart_list },
	{ .id = "trade.indicator.get", .method = HTTP_GET,
	  .path = "/api/trade/indicators/{kind}",
	  .summary = "An indicator over an instrument's bars",
	  .auth = AUTH_USER, .permission = "trade:read",
	  .in = &value_schema, .out = &values_schema, .ok = 200,
	  .errors = ERRORS(404, 422), .run = indicator_get },
	ROUTE_END
};
