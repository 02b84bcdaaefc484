/*
 * Armings over HTTP. Arming is for who made it; stopping is for everybody who
 * may arm, since it can only make less happen.
 */
#include <string.h>

#include "http/ctx.h"
#include "modules/trade/arming.h"
#include "modules/trade/bar.h"

struct make_in {
	const char *name, *timeframe, *exchange, *follow, *sizing;
	struct uuid strategy_id, session_id;
	struct list symbols;
	struct json params;
	double min_score, size, risk_pct;
	int64_t cooldown_s;
	bool arm;
};
#define M(m, ...) FIELD(struct make_in, m, __VA_ARGS__)
static const struct field make_fields[] = {
	M(name, .max = 100, .def = "\"\"",
	    .doc = "Name; the strategy's when left out"),
	M(strategy_id, .flags = FF_NULLABLE, .ref = "trade_strategy",
	    .doc = "Strategy; null: only signals are followed"),
	M(symbols, .flags = FF_REQUIRED, .elem = FT_STR, .min = 1, .max = 50,
	    .doc = "Instruments"),
	M(exchange, .max = 16, .def = "\"\"", .doc = "Exchange"),
	M(timeframe, .oneof = trade_timeframes, .def = "\"1d\"",
	    .doc = "Length of its bars"),
	M(session_id, .flags = FF_NULLABLE,
	    .doc = "Session; the own paper session when left out"),
	M(params, .flags = FF_NULLABLE, .example = "{\"n\":10}",
	    .doc = "Values of the strategy's parameters; the lowest of each "
	    "where left out"),
	M(follow, .max = 200, .def = "\"\"",
	    .pattern = "^[A-Za-z0-9_.:+*,-]*$", .doc = "Sources of signals to "
	    "act on, with commas between; * = all"),
	M(min_score, .min = 0, .max = 1, .def = "0.4",
	    .doc = "Only signals of this amount of score or more"),
	M(sizing, .oneof = ONEOF("strategy", "units", "value", "risk"),
	    .def = "\"strategy\"", .doc = "How much is bought: as the "
	    "strategy says, size units, worth size, or risk_pct of the "
	    "equity lost at the stop"),
	M(size, .min = 0, .max = 1000000000, .def = "0",
	    .doc = "Units, or worth"),
	M(risk_pct, .flags = FF_XMIN, .min = 0, .max = 100, .def = "1",
	    .doc = "Of the equity"),
	M(cooldown_s, .min = 0, .max = 2592000, .def = "0",
	    .doc = "Seconds between two entries"),
	M(arm, .def = "true", .doc = "At once; a live one never is"),
	FIELD_END
};
static const struct schema make_schema = {
	.name = "ArmingCreate", .doc = "A strategy to put to work",
	.size = sizeof(struct make_in), .fields = make_fields
};

static int
arming_create(struct ctx *c, const void *in)
{
	const struct make_in *m = in;
	struct trade_arming r = { .name = m->name,
	    .strategy_id = m->strategy_id, .params = { m->params.p != NULL ?
	    m->params.p : "{}" }, .timeframe = m->timeframe,
	    .exchange = m->exchange, .follow = m->follow,
	    .min_score = m->min_score, .sizing = m->sizing, .size = m->size,
	    .risk_pct = m->risk_pct, .cooldown_s = m->cooldown_s };
	const struct trade_arming_new n = { &r, m->symbols, m->session_id,
	    m->arm };

	if (trade_arming_make(c->db, c->a, &c->who, &n, c->now, &c->err) ==
	    -1)
		return fail_err(c);
	ctx_target_id(c, "arming", r.id);
	return reply(c, &r);
}

static int
arming_list(struct ctx *c, const void *in)
{
	const struct page_only_in *i = in;
	struct uuid below;
	struct rows rows;

	if (cursor_open_uuid(c, i->page.cursor, &below) == -1 ||
	    trade_arming_page(c->db, c->a, c->who.tenant_id, below,
	    i->page.limit + 1, &rows, &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, cursor_uuid(c, &rows, i->page.limit,
	    offsetof(struct trade_arming, id)));
}

static int
find(struct ctx *c, const void *in, bool lock, struct trade_arming *r)
{
	const struct id_in *i = in;

	return db_found(trade_arming_find(c->db, c->a, c->who.tenant_id,
	    i->id, lock, r, &c->err), "Arming", &c->err);
}

static int
arming_get(struct ctx *c, const void *in)
{
	struct trade_arming r;

	return find(c, in, false, &r) == -1 ? fail_err(c) : reply(c, &r);
}

static int
arm(struct ctx *c, const void *in, bool live)
{
	struct trade_arming r;

	ctx_target_id(c, "arming", ((const struct id_in *)in)->id);
	if (trade_arming_arm(c->db, c->a, &c->who, ((const struct id_in *)
	    in)->id, live, c->now, &r, &c->err) == -1)
		return fail_err(c);
	return reply(c, &r);
}

static int
arming_arm(struct ctx *c, const void *in)
{
	return arm(c, in, false);
}

static int
arming_live(struct ctx *c, const void *in)
{
	return arm(c, in, true);
}

static int
stop(struct ctx *c, const void *in, const char *state)
{
	struct trade_arming r;
	const char *by = c->who.name != NULL ? c->who.name : "";

	ctx_target_id(c, "arming", ((const struct id_in *)in)->id);
	if (find(c, in, true, &r) == -1 || trade_arming_stop(c->db, c->a, &r,
	    state, arena_printf(c->a, "%s by %.100s", state, by), c->now,
	    &c->err) == -1)
		return fail_err(c);
	return reply(c, &r);
}

static int
arming_pause(struct ctx *c, const void *in)
{
	return stop(c, in, "paused");
}

static int
arming_disarm(struct ctx *c, const void *in)
{
	return stop(c, in, "disarmed");
}

static int
arming_delete(struct ctx *c, const void *in)
{
	struct trade_arming r;

	ctx_target_id(c, "arming", ((const struct id_in *)in)->id);
	if (find(c, in, true, &r) == -1)
		return fail_err(c);
	if (strcmp(r.state, "disarmed") != 0)
		return fail(c, 409, "state", "It is %s: disarm it first",
		    r.state);
	if (trade_arming_delete(c->db, r.tenant_id, r.id, &c->err) == -1)
		return fail_err(c);
	return reply_none(c);
}

/* ---- acts ------------------------------------------------------------------------ */

struct acts_in {
	struct page_in page;
	struct uuid arming_id;
};
static const struct field acts_fields[] = {
	PAGE_LIMIT(struct acts_in), PAGE_CURSOR(struct acts_in),
	FIELD(struct acts_in, arming_id, .flags = FF_NULLABLE,
	    .doc = "Only of this arming"), FIELD_END
};
static const struct schema acts_schema = {
	.name = "TradeActPage", .doc = "Page of acts, newest first",
	.size = sizeof(struct acts_in), .fields = acts_fields
};

static int
act_list(struct ctx *c, const void *in)
{
	const struct acts_in *i = in;
	struct uuid below;
	struct rows rows;

	if (cursor_open_uuid(c, i->page.cursor, &below) == -1 ||
	    trade_act_page(c->db, c->a, c->who.tenant_id, i->arming_id,
	    below, i->page.limit + 1, &rows, &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, cursor_uuid(c, &rows, i->page.limit,
	    offsetof(struct trade_act, id)));
}

#define ONE(what, act, text, extra) { .id = "trade.arming." what, \
	.method = HTTP_POST, .path = "/api/trade/armings/{id:uuid}/" what, \
	.summary = text, .auth = AUTH_USER, .permission = "trade:arm", \
	.in = &id_in_schema, .out = &trade_arming_schema, .ok = 200, \
	.errors = ERRORS(403, 404, 409), .flags = R_TXN | R_AUDIT | extra, \
	.natural_key = "the arming's state", .run = act }
const struct route trade_arming_routes[] = {
	{ .id = "trade.arming.list", .method = HTTP_GET,
	  .path = "/api/trade/armings", .summary = "Strategies at work",
	  .auth = AUTH_USER, .permission = "trade:read",
	  .in = &page_only_schema, .out = &trade_arming_schema, .ok = 200,
	  .flags = R_LIST, .run = arming_list },
	{ .id = "trade.arming.create", .method = HTTP_POST,
	  .path = "/api/trade/armings", .summary = "Put a strategy to work",
	  .doc = "On paper at once. A live one is made disarmed: …/live asks "
	  "for another person's approval, and arms it when that is given.",
	  .auth = AUTH_USER, .permission = "trade:arm", .in = &make_schema,
	  .out = &trade_arming_schema, .ok = 201,
	  .errors = ERRORS(404, 409, 422),
	  .flags = R_TXN | R_AUDIT | R_IDEMPOTENT, .run = arming_create },
	{ .id = "trade.arming.get", .method = HTTP_GET,
	  .path = "/api/trade/armings/{id:uuid}", .summary = "One arming",
	  .auth = AUTH_USER, .permission = "trade:read",
	  .in = &id_in_schema, .out = &trade_arming_schema, .ok = 200,
	  .errors = ERRORS(404), .run = arming_get },
	ONE("arm", arming_arm, "Arm a paper strategy", 0),
	ONE("live", arming_live, "Arm a live strategy, or ask for it",
	    R_STEP_UP),
	ONE("pause", arming_pause, "Pause a strategy", 0),
	ONE("disarm", arming_disarm, "Disarm a strategy", 0),
	{ .id = "trade.arming.delete", .method = HTTP_DELETE,
	  .path = "/api/trade/armings/{id:uuid}",
	  .summary = "Forget a disarmed strategy and its acts",
	  .auth = AUTH_USER, .permission = "trade:arm",
	  .in = &id_in_schema, .ok = 204, .errors = ERRORS(404, 409),
	  .flags = R_TXN | R_AUDIT, .run = arming_delete },
	{ .id = "trade.act.list", .method = HTTP_GET,
	  .path = "/api/trade/acts", .summary = "What was done about signals",
	  .auth = AUTH_USER, .permission = "trade:read", .in = &acts_schema,
	  .out = &trade_act_schema, .ok = 200, .flags = R_LIST,
	  .run = act_list },
	ROUTE_END
};
