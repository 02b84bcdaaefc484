/*
 * The paper market over HTTP: the terms of a session's market, the hashes of
 * its states, and a replay that compares them.
 */
#include <string.h>

#include "base/codec.h"
#include "base/number.h"
#include "http/ctx.h"
#include "modules/trade/conf.h"
#include "modules/trade/papers.h"

struct terms {
	int64_t spread_ppm, latency_ms, jitter_ms, share_ppm, fee_ppm,
	    hash_every;
};
#define T(m, top, text) FIELD(struct terms, m, .flags = FF_NULLABLE, \
	.min = 0, .max = top, .doc = text)
static const struct field terms_fields[] = {
	T(spread_ppm, 100000, "Whole spread where no quote is known, in "
	    "millionths of the price"),
	T(latency_ms, 60000, "From placing to the market"),
	T(jitter_ms, 60000, "And up to so much more, from the session's seed"),
	T(share_ppm, 1000000, "Millionths of a bar's volume that can be had; "
	    "0: all"),
	T(fee_ppm, 100000, "Fee, in millionths of a trade's worth"),
	FIELD(struct terms, hash_every, .flags = FF_NULLABLE, .min = 1,
	    .max = 1000000, .doc = "Inputs between two hashes of the state"),
	FIELD_END
};
#undef T
static const struct schema terms_schema = {
	.name = "PaperTerms", .doc = "What a session's paper market is like",
	.size = sizeof(struct terms), .fields = terms_fields
};

static struct terms
shown(const struct trade_paper_terms *t)
{
	return (struct terms){ t->spread_ppm, t->latency_us / 1000,
	    t->jitter_us / 1000, t->share_ppm, t->fee_ppm, t->every };
}

/* The caller's paper session; 404. */
static int
mine(struct ctx *c, struct trade_desk *d, bool lock, struct trade_session *s)
{
	*d = trade_desk_of(c);
	return trade_session_of(d, lock, s, &c->err);
}

static int
terms_get(struct ctx *c, const void *in)
{
	struct trade_paper_terms t;
	struct trade_session s;
	struct trade_desk d;
	struct terms out;

	(void)in;
	if (mine(c, &d, false, &s) == -1 ||
	    trade_paper_terms_get(&d, &s, &t, &c->err) == -1)
		return fail_err(c);
	out = shown(&t);
	return reply(c, &out);
}

#define GIVEN(m) SEEN(c->seen, &terms_schema, struct terms, m)
static int
terms_set(struct ctx *c, const void *in)
{
	const struct terms *i = in;
	struct trade_paper_terms t;
	struct trade_session s;
	struct trade_desk d;
	struct terms out;

	if (mine(c, &d, true, &s) == -1 ||
	    trade_paper_terms_get(&d, &s, &t, &c->err) == -1)
		return fail_err(c);
	if (GIVEN(spread_ppm))
		t.spread_ppm = i->spread_ppm;
	if (GIVEN(latency_ms))
		t.latency_us = i->latency_ms * 1000;
	if (GIVEN(jitter_ms))
		t.jitter_us = i->jitter_ms * 1000;
	if (GIVEN(share_ppm))
		t.share_ppm = i->share_ppm;
	if (GIVEN(fee_ppm))
		t.fee_ppm = i->fee_ppm;
	if (GIVEN(hash_every) && i->hash_every > 0)
		t.every = i->hash_every;
	ctx_target_id(c, "session", s.id);
	if (trade_paper_terms_set(&d, &s, &t, &c->err) == -1)
		return fail_err(c);
	out = shown(&t);
	return reply(c, &out);
}

static int
hash_list(struct ctx *c, const void *in)
{
	const struct page_only_in *i = in;
	const char *key, *next = NULL;
	struct trade_session s;
	struct trade_desk d;
	int64_t below = INT64_MAX;
	struct rows rows;

	if (cursor_open(c, i->page.cursor, &key) == -1)
		return fail_err(c);
	if (*key != '\0' && num_i64(key, strlen(key), &below) != NUM_OK)
		return fail(c, 422, "cursor", "Not a cursor of this list");
	if (mine(c, &d, false, &s) == -1 || trade_paper_hash_page(c->db, c->a,
	    s.id, below, i->page.limit + 1, &rows, &c->err) == -1)
		return fail_err(c);
	if ((int64_t)rows.n > i->page.limit) {
		rows.n = (size_t)i->page.limit;
		next = cursor_seal(c, arena_printf(c->a, "%lld", (long long)
		    ROW(&rows, struct trade_paper_hash, rows.n - 1)->seq));
	}
	for (size_t k = 0; k < rows.n; k++) {
		struct trade_paper_hash *h = ROW(&rows,
		    struct trade_paper_hash, k);
		char *hex = arena_alloc(c->a, 2 * h->hash.n + 1);

		hex_encode(h->hash.p, h->hash.n, hex);
		h->hex = hex;
	}
	return reply_list(c, &rows, next);
}

struct replay_in {
	int64_t from;
};
static const struct field replay_fields[] = {
	FIELD(struct replay_in, from, .min = 0, .max = INT64_MAX, .def = "0",
	    .doc = "First hash at or after this input"), FIELD_END
};
static const struct schema replay_schema = {
	.name = "PaperReplayFrom", .doc = "Where to begin",
	.size = sizeof(struct replay_in), .fields = replay_fields
};

static int
replay(struct ctx *c, const void *in)
{
	const struct replay_in *i = in;
	struct trade_paper_replay out;
	struct trade_session s;
	struct trade_desk d;

	if (mine(c, &d, true, &s) == -1 || trade_paper_replay(c->db, c->a,
	    s.id, i->from, (struct utc){ 0 }, &out, &c->err) == -1)
		return fail_err(c);
	return reply(c, &out);
}

const struct route trade_paper_routes[] = {
	{ .id = "trade.paper.terms", .method = HTTP_GET,
	  .path = "/api/trade/paper/terms",
	  .summary = "Terms of the paper market", .auth = AUTH_USER,
	  .permission = "trade:read", .out = &terms_schema, .ok = 200,
	  .errors = ERRORS(404), .run = terms_get },
	{ .id = "trade.paper.terms_set", .method = HTTP_PATCH,
	  .path = "/api/trade/paper/terms",
	  .summary = "Change the paper market",
	  .doc = "Holds from now on; it is an input of the market like any "
	  "other and is replayed as such.", .auth = AUTH_USER,
	  .permission = "trade:order", .in = &terms_schema,
	  .out = &terms_schema, .ok = 200, .errors = ERRORS(404),
	  .flags = R_TXN | R_AUDIT, .run = terms_set },
	{ .id = "trade.paper.hashes", .method = HTTP_GET,
	  .path = "/api/trade/paper/hashes",
	  .summary = "Hashes of the paper market's states",
	  .auth = AUTH_USER, .permission = "trade:read",
	  .in = &page_only_schema, .out = &trade_paper_hash_schema,
	  .ok = 200, .errors = ERRORS(404), .flags = R_LIST,
	  .run = hash_list },
	{ .id = "trade.paper.replay", .method = HTTP_POST,
	  .path = "/api/trade/paper/replay",
	  .summary = "Replay the paper market",
	  .doc = "Recomputes the market from a hashed state by its log and "
	  "compares every hash; names the first input that differs. Changes "
	  "nothing.", .auth = AUTH_USER, .permission = "trade:read",
	  .in = &replay_schema, .out = &trade_paper_replay_schema, .ok = 200,
	  .errors = ERRORS(404, 410), .flags = R_TXN, .pool = POOL_SLOW,
	  .natural_key = "it only reads", .run = replay },
	ROUTE_END
};
