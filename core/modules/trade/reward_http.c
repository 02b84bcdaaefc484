/*
 * Leaderboards and rewards over HTTP.
 */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "http/ctx.h"
#include "modules/trade/reward.h"

struct board_in {
	int64_t limit;
	struct utc since;
};
static const struct field board_fields[] = {
	FIELD(struct board_in, limit, .min = 1, .max = 200, .def = "50",
	    .doc = "At most so many"),
	FIELD(struct board_in, since, .flags = FF_NULLABLE,
	    .doc = "Only what was closed since then"), FIELD_END
};
static const struct schema board_schema = {
	.name = "LeaderboardQuery", .doc = "Which part of the leaderboard",
	.size = sizeof(struct board_in), .fields = board_fields
};

static int
standing_list(struct ctx *c, const void *in)
{
	const struct board_in *b = in;
	struct rows rows;

	if (trade_standing_all(c->db, c->a, c->who.tenant_id, b->since,
	    b->limit, &rows, &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, NULL);
}

struct trips_in {
	struct page_in page;
	struct uuid id;
};
static const struct field trips_fields[] = {
	PAGE_LIMIT(struct trips_in),
	FIELD(struct trips_in, id, .flags = FF_REQUIRED,
	    .doc = "Arming"), FIELD_END
};
static const struct schema trips_schema = {
	.name = "TradeTripPage", .doc = "Fills of an arming, newest first",
	.size = sizeof(struct trips_in), .fields = trips_fields
};

static int
trip_list(struct ctx *c, const void *in)
{
	const struct trips_in *i = in;
	struct trade_arming r;
	struct rows rows;

	if (db_found(trade_arming_find(c->db, c->a, c->who.tenant_id, i->id,
	    false, &r, &c->err), "Arming", &c->err) == -1 ||
	    trade_trip_page(c->db, c->a, c->who.tenant_id, i->id,
	    (struct utc){ 0 }, i->page.limit, &rows, &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, NULL);
}

/* ---- document 002 ---------------------------------------------------------------- */

struct place {
	const char *model, *symbol;
	double score;
};
static const struct field place_fields[] = {
	FIELD(struct place, model, .doc = "Strategy or model"),
	FIELD(struct place, symbol, .doc = "Symbol"),
	FIELD(struct place, score, .doc = "Mean reward"), FIELD_END
};
static const struct schema place_schema = {
	.name = "SeedLeaderboard", .doc = "A row of the leaderboard as "
	"document 002 has it", .size = sizeof(struct place),
	.fields = place_fields
};
struct top_in {
	int64_t top;
};
static const struct field top_fields[] = {
	FIELD(struct top_in, top, .min = 1, .max = 200, .def = "10",
	    .doc = "At most so many"), FIELD_END
};
static const struct schema top_schema = {
	.name = "LeaderboardTop", .doc = "How many rows",
	.size = sizeof(struct top_in), .fields = top_fields
};

static int
seed_board(struct ctx *c, const void *in)
{
	const struct top_in *t = in;
	struct rows rows, out;
	struct place *v;

	if (trade_reward_board(c->db, c->a, c->who.tenant_id,
	    (struct utc){ 0 }, t->top, &rows, &c->err) == -1)
		return fail_err(c);
	v = arena_array(c->a, rows.n, sizeof(*v));
	for (size_t i = 0; i < rows.n; i++) {
		const struct trade_reward *r = ROW(&rows, struct trade_reward,
		    i);

		v[i] = (struct place){ r->model, r->symbol, r->reward };
	}
	out = (struct rows){ v, rows.n, &place_schema };
	return reply_list(c, &out, NULL);
}

struct reward_in {
	const char *symbol, *model;
	double reward;
};
static const struct field reward_fields[] = {
	FIELD(struct reward_in, symbol, .flags = FF_REQUIRED, .min = 1,
	    .max = 32, TRADE_SYMBOL, .doc = "Symbol"),
	FIELD(struct reward_in, model, .flags = FF_REQUIRED, .min = 1,
	    .max = 100, .doc = "Strategy or model"),
	FIELD(struct reward_in, reward, .flags = FF_REQUIRED,
	    .min = -1000000, .max = 1000000, .doc = "Reward"), FIELD_END
};
static const struct schema reward_schema = {
	.name = "RewardSubmit", .doc = "A reward for a model",
	.size = sizeof(struct reward_in), .fields = reward_fields
};
struct rewarded {
	bool ok;
	double avg_reward;
};
static const struct field rewarded_fields[] = {
	FIELD(struct rewarded, ok, .doc = "It was taken"),
	FIELD(struct rewarded, avg_reward, .doc = "Mean of the model and "
	    "symbol now"), FIELD_END
};
static const struct schema rewarded_schema = {
	.name = "Rewarded", .doc = "What a reward came to",
	.size = sizeof(struct rewarded), .fields = rewarded_fields
};

static int
submit(struct ctx *c, const void *in)
{
	const struct reward_in *i = in;
	const struct trade_reward r = { .id = uuid_new(),
	    .tenant_id = c->who.tenant_id, .model = i->model,
	    .symbol = i->symbol, .reward = i->reward, .reason = "submitted",
	    .created_at = c->now };
	struct rewarded out = { .ok = true };

	if (trade_reward_insert(c->db, &r, &c->err) == -1 ||
	    trade_reward_mean(c->db, c->a, r.tenant_id, r.model, r.symbol,
	    &out.avg_reward, &c->err) == -1)
		return fail_err(c);
	return reply(c, &out);
}

const struct route trade_reward_routes[] = {
	{ .id = "trade.leaderboard.list", .method = HTTP_GET,
	  .path = "/api/trade/leaderboard",
	  .summary = "Strategies by what their fills came to",
	  .auth = AUTH_USER, .permission = "trade:read",
	  .in = &board_schema, .out = &trade_standing_schema, .ok = 200,
	  .flags = R_LIST, .run = standing_list },
	{ .id = "trade.trip.list", .method = HTTP_GET,
	  .path = "/api/trade/armings/{id:uuid}/fills",
	  .summary = "Fills of an arming and their profit",
	  .auth = AUTH_USER, .permission = "trade:read",
	  .in = &trips_schema, .out = &trade_trip_schema, .ok = 200,
	  .errors = ERRORS(404), .flags = R_LIST, .run = trip_list },
	{ .id = "trade.leaderboard.seed", .method = HTTP_GET,
	  .path = "/leaderboard", .seed = "002",
	  .summary = "Mean rewards by model and symbol", .auth = AUTH_USER,
	  .permission = "trade:read", .in = &top_schema,
	  .out = &place_schema, .ok = 200, .flags = R_ARRAY,
	  .run = seed_board },
	{ .id = "trade.reward.submit", .method = HTTP_POST,
	  .path = "/submit_reward", .seed = "002",
	  .summary = "A reward for a model", .auth = AUTH_USER,
	  .permission = "trade:write", .in = &reward_schema,
	  .out = &rewarded_schema, .ok = 200,
	  .flags = R_TXN | R_IDEMPOTENT | R_FORM, .run = submit },
	ROUTE_END
};
