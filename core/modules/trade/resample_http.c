/*
 * Longer bars and missing ones, over HTTP.
 */
#include <string.h>

#include "http/ctx.h"
#include "modules/trade/bar_build.h"
#include "modules/trade/conf.h"

enum { SOURCE_MAX = 10000, GAPS_MAX = 1000 };

struct join_in {
	struct trade_series_in s;
	const char *to_timeframe;
};
static const struct field join_fields[] = {
	TRADE_SERIES_FIELDS(struct join_in, s.),
	FIELD(struct join_in, to_timeframe, .oneof = trade_timeframes,
	    .flags = FF_REQUIRED, .doc = "Length of the bars to make"),
	FIELD_END
};
static const struct schema join_schema = {
	.name = "BarsJoin", .doc = "Which bars to join to longer ones",
	.size = sizeof(struct join_in), .fields = join_fields
};

/* The instrument, its hours, and its bars from ≤ at < to, oldest first. */
static int
load(struct ctx *c, const struct trade_series_in *s,
    struct trade_instrument *i, struct trade_hours *h, struct rows *rows)
{
	if (db_found(trade_instrument_find(c->db, c->a, c->who.tenant_id,
	    s->symbol, s->exchange, i, &c->err), "Instrument", &c->err) == -1
	    || trade_hours_parse(h, i->zone, i->hours, i->closed_on,
	    &c->err) == -1)
		return -1;
	return trade_bar_range(c->db, c->a, i->id, s->timeframe, s->from,
	    s->to, SOURCE_MAX, rows, &c->err);
}

static int
bars_joined(struct ctx *c, const void *in)
{
	const struct join_in *p = in;
	int source = trade_timeframe(p->s.timeframe),
	    target = trade_timeframe(p->to_timeframe);
	struct trade_instrument i;
	struct trade_hours h;
	struct rows rows, out = { .schema = &trade_bar_schema };
	unsigned ragged;

	if (target <= source)
		return fail_field(c, "to_timeframe", "value_error",
		    "Bars can only be joined to longer ones");
	if (load(c, &p->s, &i, &h, &rows) == -1)
		return fail_err(c);
	if (rows.n == SOURCE_MAX)
		return fail(c, 422, "too_many_bars", "More than %d bars: "
		    "choose a shorter time", SOURCE_MAX - 1);
	out.v = arena_array(c->a, rows.n + 1, sizeof(struct trade_bar));
	out.n = trade_bar_resample(&h, source, target, rows.v, rows.n, out.v,
	    &ragged);
	return reply_list(c, &out, NULL);
}

static int
bars_join(struct ctx *c, const void *in)
{
	const struct join_in *p = in;
	struct trade_bar_report out;
	struct trade_instrument i;

	if (db_found(trade_instrument_find(c->db, c->a, c->who.tenant_id,
	    p->s.symbol, p->s.exchange, &i, &c->err), "Instrument", &c->err)
	    == -1 || trade_bar_resample_all(c->db, c->a, &i, p->s.timeframe,
	    p->to_timeframe, p->s.from, p->s.to, &out, &c->err) == -1)
		return fail_err(c);
	ctx_target(c, "instrument", i.symbol, NULL);
	return reply(c, &out);
}

/* ---- missing bars ------------------------------------------------------------------- */

struct hole {
	struct utc from_at, to_at;
	int64_t missing;
};
static const struct field hole_fields[] = {
	FIELD(struct hole, from_at, .doc = "First bar that is missing"),
	FIELD(struct hole, to_at, .doc = "First that is there again"),
	FIELD(struct hole, missing, .doc = "How many bars of an open market "
	    "are missing"), FIELD_END
};
static const struct schema hole_schema = {
	.name = "BarsMissing", .doc = "A hole in a series of bars",
	.size = sizeof(struct hole), .fields = hole_fields
};
struct series_only {
	struct trade_series_in s;
};
static const struct field series_fields[] = {
	TRADE_SERIES_FIELDS(struct series_only, s.), FIELD_END
};
static const struct schema series_schema = {
	.name = "BarSeries", .doc = "Which bars",
	.size = sizeof(struct series_only), .fields = series_fields
};

static int
bars_missing(struct ctx *c, const void *in)
{
	const struct series_only *p = in;
	struct trade_gap_out *g = arena_array(c->a, GAPS_MAX, sizeof(*g));
	struct rows rows, out = { .schema = &hole_schema };
	struct trade_instrument i;
	struct trade_hours h;
	struct hole *v;
	struct utc *at;

	if (load(c, &p->s, &i, &h, &rows) == -1)
		return fail_err(c);
	at = arena_array(c->a, rows.n + 1, sizeof(*at));
	for (size_t k = 0; k < rows.n; k++)
		at[k] = ROW(&rows, struct trade_bar, k)->at;
	out.n = trade_bar_gaps(&h, trade_timeframe(p->s.timeframe), at,
	    rows.n, g, GAPS_MAX);
	out.v = v = arena_array(c->a, out.n + 1, sizeof(*v));
	for (size_t k = 0; k < out.n; k++)
		v[k] = (struct hole){ g[k].from, g[k].to, g[k].missing };
	return reply_list(c, &out, NULL);
}

const struct route trade_resample_routes[] = {
	{ .id = "trade.bar.joined", .method = HTTP_GET,
	  .path = "/api/trade/bars/resample",
	  .summary = "Longer bars out of stored ones",
	  .doc = "Oldest first, of at most 9,999 bars from `from` on; nothing "
	  "is stored. By the instrument's hours and zone; the first and last "
	  "may be of a part only.", .auth = AUTH_USER,
	  .permission = "trade:read", .in = &join_schema,
	  .out = &trade_bar_schema, .ok = 200, .errors = ERRORS(404, 422),
	  .flags = R_LIST, .run = bars_joined },
	{ .id = "trade.bar.join", .method = HTTP_POST,
	  .path = "/api/trade/bars/resample",
	  .summary = "Store longer bars made of stored ones",
	  .doc = "Of the whole series; what is not whole at its ends is left "
	  "out.", .auth = AUTH_USER, .permission = "trade:data",
	  .in = &join_schema, .out = &trade_bar_report_schema, .ok = 200,
	  .errors = ERRORS(404, 422), .flags = R_AUDIT, .pool = POOL_SLOW,
	  .natural_key = "instrument, timeframe and time",
	  .run = bars_join },
	{ .id = "trade.bar.missing", .method = HTTP_GET,
	  .path = "/api/trade/bars/missing",
	  .summary = "Bars of an open market that are not stored",
	  .doc = "In the first 10,000 stored bars from `from` on.",
	  .auth = AUTH_USER, .permission = "trade:read",
	  .in = &series_schema, .out = &hole_schema, .ok = 200,
	  .errors = ERRORS(404), .flags = R_LIST, .run = bars_missing },
	ROUTE_END
};
