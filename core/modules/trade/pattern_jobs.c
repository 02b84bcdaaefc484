/*
 * The job type `pattern_scan`: many symbols, the newest hits of each.
 */
#include "base/err.h"
#include "modules/trade/bar.h"
#include "modules/trade/chart.h"
#include "modules/trade/pattern.h"

enum { HITS_MAX = 5000 };
#define ARENA_CAP ((size_t)900 << 20)

struct scan_in {
	struct list symbols;
	const char *exchange, *timeframe, *patterns, *user_id;
	struct utc from;
	double min_quality;
	bool charts;
};
static const struct field scan_fields[] = {
	FIELD(struct scan_in, symbols, .flags = FF_REQUIRED, .elem = FT_STR,
	    .min = 1, .max = 500, .doc = "Symbols"),
	FIELD(struct scan_in, exchange, .max = 16, .def = "\"\"",
	    .doc = "Exchange"),
	FIELD(struct scan_in, timeframe, .oneof = trade_timeframes,
	    .def = "\"1d\"", .doc = "Length of a bar"),
	FIELD(struct scan_in, patterns, .max = 2000, .def = "\"\"",
	    .doc = "Names with commas between; all when empty"),
	FIELD(struct scan_in, from, .flags = FF_NULLABLE,
	    .doc = "Only hits from this time on"),
	FIELD(struct scan_in, min_quality, .min = 0, .max = 1, .def = "0.5",
	    .doc = "Only hits of this quality or better"),
	FIELD(struct scan_in, charts, .def = "true",
	    .doc = "Chart patterns too: double tops, triangles, levels, …"),
	FIELD(struct scan_in, user_id, .flags = FF_NULLABLE, .max = 100,
	    .doc = "Of the documents; gives no right"), FIELD_END
};
static const struct schema scan_schema = {
	.name = "PatternScan", .doc = "What to scan, and for what",
	.size = sizeof(struct scan_in), .fields = scan_fields
};

struct done {
	struct list hits, charts;
	int64_t bars;
	bool all;
};
static const struct field done_fields[] = {
	FIELD(struct done, hits, .sub = &trade_hit_schema,
	    .doc = "By symbol, oldest first"),
	FIELD(struct done, charts, .sub = &trade_chart_hit_schema,
	    .doc = "Chart patterns, likewise"),
	FIELD(struct done, bars, .doc = "Bars that were scanned"),
	FIELD(struct done, all, .doc = "None was left out"), FIELD_END
};
static const struct schema done_schema = {
	.name = "PatternScanDone", .doc = "What a scan found",
	.size = sizeof(struct done), .fields = done_fields
};

struct gather {
	const struct scan_in *in;
	bool wanted[TRADE_CANDLES];
	VEC(struct trade_hit) hits;
	VEC(struct trade_chart_hit) charts;
	struct done *out;
};

/* False when there are too many. */
static bool
add_charts(struct job_ctx *c, struct arena *scratch, struct gather *g,
    const struct trade_series *s, size_t from, const char *symbol)
{
	struct trade_chart_scan scan;

	trade_chart_scan(scratch, s, PIVOT_ZIGZAG, from, g->in->min_quality,
	    &scan);
	for (size_t k = 0; k < scan.hits.n; k++) {
		if (g->charts.n == HITS_MAX)
			return false;
		scan.hits.v[k].symbol = symbol;
		*VEC_ADD(c->a, &g->charts) = scan.hits.v[k];
	}
	return true;
}

static int
one(struct job_ctx *c, struct arena *scratch, struct gather *g,
    const char *symbol)
{
	const struct trade_series_in in = { .symbol = symbol,
	    .exchange = g->in->exchange, .timeframe = g->in->timeframe };
	struct trade_instrument i;
	struct trade_series s;
	struct trade_scan scan;
	size_t from = 0;

	if (trade_series_load(c->db, scratch, c->tenant, &in, &i, &s,
	    &c->err) == -1)
		return -1;
	while (from < s.n && s.at[from].us < g->in->from.us)
		from++;
	if (trade_pattern_scan(scratch, &s, g->wanted, from, &scan,
	    &c->err) == -1)
		return -1;
	g->out->bars += (int64_t)s.n;
	if (g->in->charts && !add_charts(c, scratch, g, &s, from, symbol))
		g->out->all = false;
	for (size_t k = 0; k < scan.hits.n; k++) {
		struct trade_hit *h = &scan.hits.v[k];

		if (h->quality < g->in->min_quality)
			continue;
		if (g->hits.n == HITS_MAX) {
			g->out->all = false;
			return 0;
		}
		h->symbol = symbol;
		*VEC_ADD(c->a, &g->hits) = *h;
	}
	return 0;
}

static enum job_rc
pattern_scan(struct job_ctx *c, const void *in)
{
	struct gather g = { .in = in };
	const char *const *symbols = g.in->symbols.items;
	struct arena *scratch;
	int rc = 0;

	g.out = arena_alloc(c->a, sizeof(*g.out));
	g.out->all = true;
	if (trade_pattern_names(c->a, g.in->patterns, g.wanted, &c->err) ==
	    -1)
		return JOB_FAIL;
	scratch = arena_new(ARENA_CAP);
	for (size_t i = 0; i < g.in->symbols.n && rc == 0; i++) {
		job_progress(c, (int)(1000 * i / g.in->symbols.n),
		    symbols[i]);
		rc = job_stopping(c) ? 1 : one(c, scratch, &g, symbols[i]);
		arena_reset(scratch);
	}
	arena_free(scratch);
	if (rc != 0)
		return rc == 1 ? JOB_RELEASE : c->err.status >= 500 ?
		    JOB_RETRY : JOB_FAIL;
	g.out->hits = (struct list){ g.hits.v, g.hits.n };
	g.out->charts = (struct list){ g.charts.v, g.charts.n };
	c->result = g.out;
	return JOB_DONE;
}

const struct job trade_pattern_jobs[] = {
	{ .name = "pattern_scan", .doc = "Candlestick patterns of many "
	  "symbols", .in = &scan_schema, .out = &done_schema,
	  .lane = LANE_NORMAL, .flags = JOB_API, .tries = 3,
	  .timeout_s = 900, .cpu_s = 900,
	  .memory_mib = 1024, .permission = "trade:read",
	  .run = pattern_scan },
	JOB_END
};
