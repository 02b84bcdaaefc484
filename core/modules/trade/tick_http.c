/*
 * Ticks over HTTP: taken all or none, then handled by the loop. Also what is
 * missing, and what could not be taken.
 */
#include <string.h>

#include "base/map.h"
#include "base/number.h"
#include "http/ctx.h"
#include "modules/trade/feed_inner.h"

struct one {
	const char *symbol, *exchange;
	int64_t seq;
	struct utc at;
	struct dec last, bid, ask, volume;
};
#define O(m, ...) FIELD(struct one, m, __VA_ARGS__)
#define PRICE .min = 0, .max = 40000000, .def = "0"
static const struct field one_fields[] = {
	O(symbol, .flags = FF_REQUIRED, .min = 1, .max = 32, TRADE_SYMBOL,
	    .doc = "Symbol"),
	O(exchange, .max = 16, .def = "\"\"", .doc = "Exchange"),
	O(seq, .min = 0, .def = "0", .max = INT64_MAX, .doc = "Number of its "
	    "source, 1, 2, 3 …: gaps and repeats are noticed by it; 0: none"),
	O(at, .flags = FF_NULLABLE, .doc = "Its time; now when left out"),
	O(last, PRICE, .doc = "Price of a trade"),
	O(bid, PRICE, .doc = "Highest price somebody pays"),
	O(ask, PRICE, .doc = "Lowest price somebody takes"),
	O(volume, .min = 0, .max = 90000000000, .def = "0",
	    .doc = "Units of the trade"), FIELD_END
};
static const struct schema one_schema = {
	.name = "TickPut", .doc = "What was heard: a trade, a quote or both",
	.size = sizeof(struct one), .fields = one_fields
};
struct post_in {
	struct list ticks;
};
static const struct field post_fields[] = {
	FIELD(struct post_in, ticks, .flags = FF_REQUIRED,
	    .sub = &one_schema, .min = 1, .max = 1000,
	    .doc = "In the order they were heard"), FIELD_END
};
static const struct schema post_schema = {
	.name = "TicksPut", .doc = "Ticks", .size = sizeof(struct post_in),
	.fields = post_fields
};
struct post_out {
	int64_t taken;
};
static const struct field out_fields[] = {
	FIELD(struct post_out, taken, .doc = "Ticks that wait for the loop"),
	FIELD_END
};
static const struct schema out_schema = {
	.name = "TicksTaken", .doc = "What became of a post",
	.size = sizeof(struct post_out), .fields = out_fields
};

/* All that the post names, by one statement. */
static int
instruments(struct ctx *c, const struct one *v, size_t n, struct rows *out)
{
	const char **symbols = arena_array(c->a, n, sizeof(*symbols));
	struct map *seen = map_new(c->a);
	size_t k = 0;

	for (size_t i = 0; i < n; i++)
		if (map_put(seen, v[i].symbol, seen) == NULL)
			symbols[k++] = v[i].symbol;
	return trade_instrument_of(c->db, c->a, c->who.tenant_id, symbols, k,
	    out, &c->err);
}

static int
tick_post(struct ctx *c, const void *in)
{
	const struct post_in *p = in;
	const struct one *v = p->ticks.items;
	struct trade_tick *t = arena_array(c->a, p->ticks.n, sizeof(*t));
	const struct post_out out = { (int64_t)p->ticks.n };
	struct trade_instrument of;
	struct rows known;

	if (instruments(c, v, p->ticks.n, &known) == -1)
		return fail_err(c);
	for (size_t i = 0; i < p->ticks.n; i++) {
		if (db_found(trade_instrument_pick(&known, v[i].symbol,
		    v[i].exchange, &of, &c->err), "Instrument", &c->err) ==
		    -1)
			return fail_err(c);
		t[i] = (struct trade_tick){ .instrument_id = of.id,
		    .seq = v[i].seq, .at = v[i].at.us != 0 ? v[i].at : c->now,
		    .heard_at = c->now, .last = v[i].last, .bid = v[i].bid,
		    .ask = v[i].ask, .volume = v[i].volume };
		if (trade_tick_check(&t[i], &c->err) == -1) {
			const char *what = arena_strdup(c->a, c->err.detail);

			return fail(c, 422, "tick", "Tick %zu: %s", i, what);
		}
	}
	if (trade_ticks_post(c->db, c->a, c->who.tenant_id,
	    (struct uuid){ { 0 } }, t, p->ticks.n, c->now, &c->err) == -1)
		return fail_err(c);
	return reply(c, &out);
}

/* ---- what is missing ------------------------------------------------------------------ */

struct gap_in {
	struct page_in page;
	const char *symbol, *exchange;
};
static const struct field gap_fields[] = {
	PAGE_LIMIT(struct gap_in), PAGE_CURSOR(struct gap_in),
	FIELD(struct gap_in, symbol, .max = 32, .def = "\"\"",
	    .doc = "Only of this symbol"),
	FIELD(struct gap_in, exchange, .max = 16, .def = "\"\"",
	    .doc = "Its exchange"), FIELD_END
};
static const struct schema gap_schema = {
	.name = "GapPage", .doc = "Page of gaps, latest first",
	.size = sizeof(struct gap_in), .fields = gap_fields
};

static int
numbered(struct ctx *c, const char *cursor, int64_t *below)
{
	const char *key;

	*below = INT64_MAX;
	if (cursor_open(c, cursor, &key) == -1)
		return -1;
	if (*key != '\0' && num_i64(key, strlen(key), below) != NUM_OK) {
		fail(c, 422, "cursor", "Not a cursor of this list");
		return -1;
	}
	return 0;
}

static const char *
next_of(struct ctx *c, struct rows *rows, int64_t limit, int64_t last)
{
	if ((int64_t)rows->n <= limit)
		return NULL;
	rows->n = (size_t)limit;
	return cursor_seal(c, arena_printf(c->a, "%lld", (long long)last));
}

static int
gap_list(struct ctx *c, const void *in)
{
	const struct gap_in *p = in;
	struct trade_instrument i = { .id = 0 };
	int64_t below, limit = p->page.limit;
	struct rows rows;

	if (numbered(c, p->page.cursor, &below) == -1 ||
	    (*p->symbol != '\0' && db_found(trade_instrument_find(c->db,
	    c->a, c->who.tenant_id, p->symbol, p->exchange, &i, &c->err),
	    "Instrument", &c->err) == -1) || trade_gap_page(c->db, c->a,
	    c->who.tenant_id, i.id, below, limit + 1, &rows, &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, next_of(c, &rows, limit, (int64_t)rows.n >
	    limit ? ROW(&rows, struct trade_gap, limit - 1)->id : 0));
}

static int
dead_list(struct ctx *c, const void *in)
{
	const struct page_only_in *p = in;
	int64_t below, limit = p->page.limit;
	struct rows rows;

	if (numbered(c, p->page.cursor, &below) == -1 ||
	    trade_dead_page(c->db, c->a, c->who.tenant_id, below, limit + 1,
	    &rows, &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, next_of(c, &rows, limit, (int64_t)rows.n >
	    limit ? ROW(&rows, struct trade_dead, limit - 1)->id : 0));
}

const struct route trade_tick_routes[] = {
	{ .id = "trade.tick.post", .method = HTTP_POST,
	  .path = "/api/trade/ticks", .summary = "Ticks that were heard",
	  .doc = "All or none. They become quotes and bars, fill paper orders "
	  "and feed the engine within the loop trade.feed; a tick that comes "
	  "late corrects its bar, one that comes twice counts once.",
	  .auth = AUTH_USER, .permission = "trade:data", .in = &post_schema,
	  .out = &out_schema, .ok = 202, .errors = ERRORS(404, 422),
	  .flags = R_TXN | R_ACCEPTED, .max_values = 20000,
	  .natural_key = "instrument, number and time", .run = tick_post },
	{ .id = "trade.gap.list", .method = HTTP_GET,
	  .path = "/api/trade/gaps",
	  .summary = "What is missing of ticks and minutes",
	  .auth = AUTH_USER, .permission = "trade:read", .in = &gap_schema,
	  .out = &trade_gap_schema, .ok = 200, .errors = ERRORS(404),
	  .flags = R_LIST, .run = gap_list },
	{ .id = "trade.dead.list", .method = HTTP_GET,
	  .path = "/api/trade/dead-messages",
	  .summary = "Messages from Redis that could not be taken",
	  .auth = AUTH_USER, .permission = "trade:data",
	  .in = &page_only_schema, .out = &trade_dead_schema, .ok = 200,
	  .flags = R_LIST, .run = dead_list },
	ROUTE_END
};
