/*
 * Sessions over HTTP: opening a paper account, its money and positions, the
 * switch of one session.
 */
#include <string.h>

#include "base/number.h"
#include "base/random.h"
#include "http/ctx.h"
#include "modules/trade/conf.h"
#include "modules/trade/link.h"
#include "modules/trade/orders.h"

struct open_in {
	const char *broker, *currency;
	struct dec cash;
};
static const struct field open_fields[] = {
	FIELD(struct open_in, broker, .oneof = ONEOF("paper"),
	    .def = "\"paper\"", .doc = "Broker"),
	FIELD(struct open_in, cash, .flags = FF_NULLABLE, .min = 0,
	    .max = 1000000000, .doc = "Cash to begin with"),
	FIELD(struct open_in, currency, .pattern = "^[A-Z]{3}$",
	    .def = "\"USD\"", .doc = "Currency"), FIELD_END
};
static const struct schema open_schema = {
	.name = "SessionOpen", .doc = "Which account to open",
	.size = sizeof(struct open_in), .fields = open_fields
};

static int
show(struct ctx *c, struct trade_session *s)
{
	const struct trade_conf *f = conf_get(c->env->conf, &trade_settings);

	if (trade_session_value(c->db, c->a, s, c->now, &c->err) == -1)
		return fail_err(c);
	s->available = trade_session_available(s,
	    (double)f->short_margin_pct / 100);
	return reply(c, s);
}

static int
session_open(struct ctx *c, const void *in)
{
	const struct open_in *i = in;
	const struct trade_conf *f = conf_get(c->env->conf, &trade_settings);
	struct trade_session s;
	struct dec cash = i->cash.e8 > 0 ? i->cash :
	    (struct dec){ f->paper_cash * DEC_ONE };

	if (trade_session_open(c->db, c->a, c->who.tenant_id,
	    c->who.user_id, cash, i->currency, c->now, &s, &c->err) == -1)
		return fail_err(c);
	ctx_target_id(c, "session", s.id);
	return show(c, &s);
}

struct pick_in {
	struct uuid session;
};
static const struct field pick_fields[] = {
	FIELD(struct pick_in, session, .flags = FF_NULLABLE,
	    .doc = "Account; the paper account when left out"), FIELD_END
};
static const struct schema pick_schema = {
	.name = "SessionRead", .doc = "Which account",
	.size = sizeof(struct pick_in), .fields = pick_fields
};

static int
pick(struct ctx *c, struct uuid id, struct trade_session *s)
{
	return db_found(trade_session_pick(c->db, c->a, c->who.tenant_id,
	    c->who.user_id, id, false, s, &c->err), "Session", &c->err);
}

static int
session_get(struct ctx *c, const void *in)
{
	struct trade_session s;

	return pick(c, ((const struct pick_in *)in)->session, &s) == -1 ?
	    fail_err(c) : show(c, &s);
}

static int
session_list(struct ctx *c, const void *in)
{
	struct rows rows;

	(void)in;
	if (trade_session_all(c->db, c->a, c->who.tenant_id, c->who.user_id,
	    &rows, &c->err) == -1)
		return fail_err(c);
	for (size_t i = 0; i < rows.n; i++)
		if (trade_session_value(c->db, c->a, ROW(&rows,
		    struct trade_session, i), c->now, &c->err) == -1)
			return fail_err(c);
	return reply_list(c, &rows, NULL);
}

/* ---- its switch ---------------------------------------------------------------------- */

struct state_in {
	const char *state;
	bool cancel;
	struct uuid session;
};
static const struct field state_fields[] = {
	FIELD(struct state_in, state, .oneof = ONEOF("active", "reducing",
	    "halted"), .def = "\"halted\"", .doc = "What it takes from now "
	    "on: everything, what reduces a position, nothing"),
	FIELD(struct state_in, cancel, .def = "true",
	    .doc = "Cancel open orders, unless it is active; otherwise they "
	    "rest, and only what closes a position is filled"),
	FIELD(struct state_in, session, .flags = FF_NULLABLE,
	    .doc = "Account; when left out, all of yours are stopped, or the "
	    "paper account is started"), FIELD_END
};
static const struct schema state_schema = {
	.name = "SessionState", .doc = "The session's own stop switch",
	.size = sizeof(struct state_in), .fields = state_fields
};

static int
set_state(struct ctx *c, struct trade_session *s, const struct state_in *i)
{
	struct trade_desk d = trade_desk_of(c);
	int64_t n;

	s->state = i->state;
	s->updated_at = c->now;
	if (i->cancel && strcmp(i->state, "active") != 0)
		return trade_order_cancel_all(&d, s,
		    "the session was stopped", &n, &c->err);
	return trade_session_update(c->db, s, &c->err);
}

/* Every account of the caller, in the order of their ids. */
static int
stop_all(struct ctx *c, const struct state_in *i)
{
	struct trade_session shown = { .mode = "" };
	struct rows rows;

	if (trade_session_all(c->db, c->a, c->who.tenant_id, c->who.user_id,
	    &rows, &c->err) == -1)
		return fail_err(c);
	for (size_t k = 0; k < rows.n; k++) {
		struct trade_session s;

		if (db_found(trade_session_lock(c->db, c->a, ROW(&rows,
		    struct trade_session, k)->id, &s, &c->err), "Session",
		    &c->err) == -1 || set_state(c, &s, i) == -1)
			return fail_err(c);
		if (k == 0 || strcmp(s.mode, "paper") == 0)
			shown = s;
	}
	if (rows.n == 0)
		return fail(c, 404, "not_found", "Session not found");
	ctx_target_id(c, "session", shown.id);
	return show(c, &shown);
}

static int
session_state(struct ctx *c, const void *in)
{
	const struct state_in *i = in;
	struct trade_desk d = trade_desk_of(c);
	struct trade_session s;

	if (uuid_is_nil(i->session) && strcmp(i->state, "active") != 0)
		return stop_all(c, i);
	d.session = i->session;
	if (trade_session_of(&d, true, &s, &c->err) == -1)
		return fail_err(c);
	ctx_target_id(c, "session", s.id);
	/* real money is let loose by a person only, and a fresh one */
	if (strcmp(i->state, "active") == 0 && strcmp(s.mode, "live") == 0 &&
	    ctx_step_up(c) == -1)
		return fail_err(c);
	return set_state(c, &s, i) == -1 ? fail_err(c) : show(c, &s);
}

/* ---- what it holds ------------------------------------------------------------------- */

static int
positions(struct ctx *c, struct uuid session, bool held_only)
{
	struct trade_session s;
	struct rows rows;
	size_t n = 0;

	if (pick(c, session, &s) == -1)
		return fail_err(c);
	/* a live account holds what its broker says */
	if (strcmp(s.mode, "live") == 0)
		return trade_link_positions(c->env, c->a, s.id, held_only,
		    c->now, &rows, &c->err) == -1 ? fail_err(c) :
		    reply_list(c, &rows, NULL);
	if (trade_position_all(c->db, c->a, s.id, &rows, &c->err) == -1 ||
	    trade_position_days(c->db, c->a, s.id, c->now, &rows, &c->err) ==
	    -1)
		return fail_err(c);
	for (size_t i = 0; i < rows.n; i++) {
		struct trade_position *p = ROW(&rows, struct trade_position,
		    i), *to = ROW(&rows, struct trade_position, n);
		struct dec gain = { 0 };

		if (held_only && p->quantity.e8 <= 0)
			continue;
		if (p->last.e8 > 0 && dec_sub(p->last, p->avg_price,
		    &gain) == 0)
			dec_mul(gain, p->quantity, &p->unrealized);
		*to = *p;
		n++;
	}
	rows.n = n;
	return reply_list(c, &rows, NULL);
}

static int
position_list(struct ctx *c, const void *in)
{
	return positions(c, ((const struct pick_in *)in)->session, false);
}

static int
holding_list(struct ctx *c, const void *in)
{
	return positions(c, ((const struct pick_in *)in)->session, true);
}

struct cash_in {
	struct page_in page;
	struct uuid session;
};
static const struct field cash_fields[] = {
	PAGE_LIMIT(struct cash_in), PAGE_CURSOR(struct cash_in),
	FIELD(struct cash_in, session, .flags = FF_NULLABLE,
	    .doc = "Account; the paper account when left out"), FIELD_END
};
static const struct schema cash_schema = {
	.name = "CashPage", .doc = "Page of the ledger, newest first",
	.size = sizeof(struct cash_in), .fields = cash_fields
};

static int
cash_list(struct ctx *c, const void *in)
{
	const struct cash_in *i = in;
	const char *key, *next = NULL;
	struct trade_session s;
	int64_t below = INT32_MAX;
	struct rows rows;

	if (cursor_open(c, i->page.cursor, &key) == -1)
		return fail_err(c);
	if (*key != '\0' && num_i64(key, strlen(key), &below) != NUM_OK)
		return fail(c, 422, "cursor", "Not a cursor of this list");
	if (pick(c, i->session, &s) == -1 || trade_cash_page(c->db, c->a, s.id,
	    below, i->page.limit + 1, &rows, &c->err) == -1)
		return fail_err(c);
	if ((int64_t)rows.n > i->page.limit) {
		rows.n = (size_t)i->page.limit;
		next = cursor_seal(c, arena_printf(c->a, "%lld", (long long)
		    ROW(&rows, struct trade_cash, rows.n - 1)->seq));
	}
	return reply_list(c, &rows, next);
}

#define SEED(path_) .aliases = ALIASES({ path_, "002", false })
const struct route trade_session_routes[] = {
	{ .id = "trade.session.open", .method = HTTP_POST,
	  .path = "/api/trade/sessions",
	  .summary = "Open a paper account, or get the open one",
	  .auth = AUTH_USER, .permission = "trade:order",
	  .in = &open_schema, .out = &trade_session_schema, .ok = 200,
	  .flags = R_TXN | R_AUDIT, .natural_key = "one live session a user",
	  .run = session_open },
	{ .id = "trade.session.get", .method = HTTP_GET,
	  .path = "/api/trade/sessions/current", SEED("/mcp/funds"),
	  .summary = "The own account", .auth = AUTH_USER,
	  .permission = "trade:read", .in = &pick_schema,
	  .out = &trade_session_schema, .ok = 200, .errors = ERRORS(404),
	  .run = session_get },
	{ .id = "trade.session.list", .method = HTTP_GET,
	  .path = "/api/trade/sessions", .summary = "Own accounts, paper and "
	  "live", .auth = AUTH_USER, .permission = "trade:read",
	  .out = &trade_session_schema, .ok = 200, .flags = R_LIST,
	  .run = session_list },
	{ .id = "trade.session.state", .method = HTTP_POST,
	  .path = "/api/trade/sessions/current/state",
	  SEED("/mcp/killswitch"), .summary = "Stop or start the account",
	  .auth = AUTH_USER, .permission = "trade:order",
	  .in = &state_schema, .out = &trade_session_schema, .ok = 200,
	  .errors = ERRORS(403, 404), .flags = R_TXN | R_AUDIT,
	  .run = session_state },
	{ .id = "trade.position.list", .method = HTTP_GET,
	  .path = "/api/trade/positions", SEED("/mcp/positions"),
	  .summary = "Positions", .auth = AUTH_USER,
	  .permission = "trade:read", .in = &pick_schema,
	  .out = &trade_position_schema,
	  .ok = 200, .errors = ERRORS(404, 409, 502, 503), .flags = R_LIST,
	  .run = position_list },
	{ .id = "trade.holding.list", .method = HTTP_GET,
	  .path = "/api/trade/holdings", SEED("/mcp/holdings"),
	  .summary = "What is owned", .auth = AUTH_USER,
	  .permission = "trade:read", .in = &pick_schema,
	  .out = &trade_position_schema,
	  .ok = 200, .errors = ERRORS(404, 409, 502, 503), .flags = R_LIST,
	  .run = holding_list },
	{ .id = "trade.cash.list", .method = HTTP_GET,
	  .path = "/api/trade/cash", .summary = "Cash ledger",
	  .auth = AUTH_USER, .permission = "trade:read",
	  .in = &cash_schema, .out = &trade_cash_schema, .ok = 200,
	  .errors = ERRORS(404), .flags = R_LIST, .run = cash_list },
	ROUTE_END
};
