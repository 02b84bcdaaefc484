/*
 * What feeds are made of: their settings and what is told of them. Pure.
 */
#include <ctype.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/random.h"
#include "modules/trade/feed_inner.h"

#define S struct trade_feed_spec
static const struct field spec_fields[] = {
	FIELD(S, symbols, .elem = FT_STR, .max = 500,
	    .example = "[\"AAPL\"]", .doc = "Instruments; of a simulator they "
	    "are made, and five by default"),
	FIELD(S, exchange, .max = 16, .def = "\"\"", .doc = "Their exchange"),
	FIELD(S, seed, .min = 0, .max = INT64_MAX, .def = "1",
	    .doc = "Simulator: the same seed gives the same market"),
	FIELD(S, rate, .flags = FF_XMIN, .min = 0, .max = 20000, .def = "5",
	    .doc = "Simulator: ticks a second, of all symbols"),
	FIELD(S, volatility, .flags = FF_XMIN, .min = 0, .max = 1,
	    .def = "0.001", .doc = "Simulator: standard deviation of a "
	    "price's change in a second, as a part"),
	FIELD(S, spread, .min = 0, .max = 1, .def = "0.0004",
	    .doc = "Simulator: between bid and ask, as a part"),
	FIELD(S, correlation, .min = 0, .max = 1, .def = "0",
	    .doc = "Simulator: how far all symbols follow one factor"),
	FIELD(S, source, .oneof = ONEOF("ticks", "bars"), .def = "\"bars\"",
	    .doc = "Replay: what is stored; a bar is replayed as four ticks"),
	FIELD(S, timeframe, .oneof = trade_timeframes, .def = "\"1m\"",
	    .doc = "Replay: of the bars"),
	FIELD(S, from, .flags = FF_NULLABLE, .doc = "Replay: from here"),
	FIELD(S, to, .flags = FF_NULLABLE, .doc = "Replay: up to here"),
	FIELD(S, speed, .min = 0, .max = 1000000, .def = "1",
	    .doc = "Replay: 60 makes a minute a second; 0 does not wait"),
	FIELD(S, now, .def = "false", .doc = "Replay: times are moved by "
	    "whole minutes, so that the first tick is now"),
	FIELD(S, again, .def = "false", .doc = "Replay: begins anew when it "
	    "has ended"),
	FIELD(S, stream, .max = 180, .def = "\"\"", .doc = "Redis: a stream "
	    "that trade.redis_ticks names for this tenant"),
	FIELD(S, signals, .def = "false", .doc = "Redis: it carries signals, "
	    "and may be silent"),
	FIELD(S, url, .max = 500, .def = "\"\"", .doc = "HTTP: where quotes "
	    "are asked for"),
	FIELD(S, every_ms, .min = 250, .max = 86400000, .def = "1000",
	    .doc = "HTTP: how often"),
	FIELD(S, keep, .def = "false",
	    .doc = "Ticks are stored, and can be replayed for 90 days"),
	FIELD_END
};
const struct schema trade_feed_spec_schema = {
	.name = "FeedSpec", .doc = "Settings of a feed",
	.size = sizeof(S), .fields = spec_fields
};

#define M struct trade_market_data
static const struct field market_fields[] = {
	FIELD(M, symbol, .doc = "Symbol"),
	FIELD(M, exchange, .doc = "Exchange"),
	FIELD(M, kind, .doc = "tick, or bar"),
	FIELD(M, at, .doc = "Time of the tick, by the market's clock"),
	FIELD(M, last, .doc = "Last trade"),
	FIELD(M, bid, .doc = "Bid; 0: unknown"),
	FIELD(M, ask, .doc = "Ask; 0: unknown"),
	FIELD(M, volume, .doc = "Volume of the bar so far"),
	FIELD(M, timeframe, .doc = "Length of the bar"),
	FIELD(M, bar_at, .flags = FF_NULLABLE, .doc = "Where it begins"),
	FIELD(M, open, .doc = "Its first price"),
	FIELD(M, high, .doc = "Its highest"),
	FIELD(M, low, .doc = "Its lowest"),
	FIELD(M, close, .doc = "Its last"),
	FIELD(M, version, .doc = "Of a stored bar; above 1: corrected"),
	FIELD(M, final, .doc = "The bar is closed"), FIELD_END
};
const struct schema trade_market_data_schema = {
	.name = "MarketData", .doc = "What a market says",
	.size = sizeof(M), .fields = market_fields
};

#define T struct trade_feed_state
static const struct field state_fields[] = {
	FIELD(T, component, .doc = "trade.feed"),
	FIELD(T, feed_id, .doc = "Feed"),
	FIELD(T, name, .doc = "Its name"),
	FIELD(T, kind, .doc = "Its kind"),
	FIELD(T, state, .doc = "Its state"),
	FIELD(T, detail, .doc = "Why"),
	FIELD(T, lag_ms, .doc = "How late its last tick was"),
	FIELD(T, last_tick_at, .flags = FF_NULLABLE, .doc = "Last tick"),
	FIELD_END
};
static const struct schema state_schema = {
	.name = "FeedState", .doc = "A feed changed its state",
	.size = sizeof(T), .fields = state_fields
};

static const struct field gap_fields[] = {
	FIELD(struct trade_gap, symbol, .doc = "Symbol"),
	FIELD(struct trade_gap, exchange, .doc = "Exchange"),
	FIELD(struct trade_gap, timeframe, .doc = "Bars missing, or tick"),
	FIELD(struct trade_gap, from_at, .doc = "Where it begins"),
	FIELD(struct trade_gap, to_at, .doc = "Where it ends"),
	FIELD(struct trade_gap, missing, .doc = "How many"),
	FIELD(struct trade_gap, cause, .doc = "sequence or silence"), FIELD_END
};
static const struct schema gap_schema = {
	.name = "GapFound", .doc = "Something is missing of an instrument",
	.size = sizeof(struct trade_gap), .fields = gap_fields
};

const struct event trade_feed_events[] = {
	[TRADE_EV_MARKET] = { .name = "trade.market_data",
	  .doc = "A tick or a bar; only the newest of a symbol matters",
	  .payload = &trade_market_data_schema, .permission = "trade:read",
	  .flags = EV_EPHEMERAL | EV_STATE, .seed_type = "market_data" },
	[TRADE_EV_FEED] = { .name = "trade.feed",
	  .doc = "A feed changed its state", .payload = &state_schema,
	  .permission = "trade:read", .seed_type = "system_status" },
	[TRADE_EV_CORRECTED] = { .name = "trade.bar_corrected",
	  .doc = "A closed bar has another version",
	  .payload = &trade_market_data_schema, .permission = "trade:read" },
	[TRADE_EV_GAP] = { .name = "trade.gap",
	  .doc = "Ticks or bars are missing", .payload = &gap_schema,
	  .permission = "trade:read" },
	[TRADE_EV_END] = EVENT_END
};

const char *
trade_market_entity(struct arena *a, const struct trade_instrument *i,
    const char *timeframe)
{
	const char *s = *i->exchange == '\0' ? i->symbol :
	    arena_printf(a, "%s@%s", i->symbol, i->exchange);

	return timeframe == NULL ? s : arena_printf(a, "%s:%s", s,
	    timeframe);
}

int
trade_feed_spec_read(const struct trade_feed *f, struct arena *a, S *out,
    struct err *e)
{
	uint64_t seen;

	return schema_decode_json(&trade_feed_spec_schema, f->spec.p,
	    strlen(f->spec.p), "spec", false, a, out, &seen, e);
}

bool
trade_symbol_ok(const char *s)
{
	size_t n = strlen(s);

	return n >= 1 && n <= 32 && isalnum((unsigned char)*s) &&
	    strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789.&_^=-") == n;
}

int
trade_stream_of(struct arena *a, const char *mapping, const char **name,
    struct uuid *tenant)
{
	const char *eq = strrchr(mapping, '=');

	if (eq == NULL || eq == mapping || eq - mapping > 180 ||
	    uuid_parse(eq + 1, tenant) == -1)
		return -1;
	*name = arena_strndup(a, mapping, (size_t)(eq - mapping));
	return 0;
}
