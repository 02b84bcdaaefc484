/*
 * Placing, changing and cancelling. Everything below runs in the caller's
 * transaction, which holds the session's row: two orders cannot both take the
 * last cash. A live order is committed with its reservation before anything
 * leaves. The stop switch is asked here, and again by whoever sends.
 */
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/number.h"
#include "base/random.h"
#include "base/str.h"
#include "modules/platform/platform.h"
#include "modules/trade/feed.h"
#include "modules/trade/limit.h"
#include "modules/trade/loss.h"
#include "modules/trade/order_inner.h"
#include "modules/trade/papers.h"

#define O struct trade_order

/* What an order is judged by. */
struct scene {
	struct trade_session s;
	struct trade_basis k;
	struct trade_risk_in r;
	/* answers */
	struct rows sight, placed, positions, limits, switches;
};

int
trade_session_of(struct trade_desk *d, bool lock, struct trade_session *s,
    struct err *e)
{
	return db_found(trade_session_pick(d->db, d->a, d->tenant, d->user,
	    d->session, lock, s, e), "Session", e);
}

O
trade_order_new(const struct trade_desk *d, const char *client)
{
	return (O){ .id = uuid_new(), .tenant_id = d->tenant,
	    .client_order_id = client, .symbol = "", .side = "buy",
	    .type = "market", .tif = "day", .mode = "paper",
	    .role = "single", .reject_code = "", .reject_detail = "",
	    .version = 1, .tag = "", .created_at = d->now,
	    .updated_at = d->now };
}

/* ---- judging ------------------------------------------------------------------------ */

static bool
listed(const char *const *list, const char *symbol)
{
	for (; list != NULL && *list != NULL; list++)
		if (strcmp(*list, symbol) == 0)
			return true;
	return false;
}

static bool
is(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

/* The price it would trade at now. */
static struct dec
at(const O *o, const struct trade_quote *q)
{
	struct dec side = trade_order_buys(o) ? q->ask : q->bid;

	if (o->limit_price.e8 > 0)
		return o->limit_price;
	if (o->stop_price.e8 > 0)
		return o->stop_price;
	return side.e8 > 0 ? side : q->last;
}

/* It rests until the market opens, and then it has a price. */
static bool
can_wait(const O *o)
{
	return !is(o->type, "market") && (is(o->tif, "gtc") ||
	    is(o->tif, "gtd"));
}

/* Units of the instrument that the session holds. */
static struct dec
held(const struct scene *c)
{
	for (size_t i = 0; i < c->positions.n; i++) {
		const struct trade_position *p = ROW(&c->positions,
		    struct trade_position, i);

		if (p->instrument_id == c->k.sight.i.id)
			return p->quantity;
	}
	return (struct dec){ 0 };
}

/* What the session and the market say; only the rest of the order counts. */
static int
gather(struct trade_desk *d, struct scene *c, const O *o, struct err *e)
{
	const struct trade_instrument *i = &c->k.sight.i;
	const struct trade_quote *q = &c->k.sight.q;
	struct trade_limits limits = d->limits;
	struct trade_market m;
	struct trade_open n;

	if (trade_market_judge(i, q, &c->k.sight.feed, d->limits.stale_ms,
	    d->now, &m, e) == -1 || trade_order_open(d->db, d->a, o,
	    at(o, q), d->now, &n, e) == -1)
		return -1;
	trade_risk_narrow(&limits, &c->limits);
	c->k.open = (struct trade_order_sum){ n.orders, n.versions };
	c->r = (struct trade_risk_in){ .limits = limits,
	    .session_state = c->s.state,
	    .restricted = listed(d->restricted, o->symbol),
	    .untradable = !m.tradable, .closed = !m.open && !can_wait(o),
	    .stale = m.stale, .min_quantity = i->min_quantity,
	    .max_quantity = i->max_quantity,
	    .buy = trade_order_buys(o), .market = is(o->type, "market"),
	    .stop = strstr(o->type, "stop") != NULL,
	    .reduce_only = o->reduce_only,
	    .quantity = trade_order_leaves(o),
	    .limit_price = o->limit_price, .stop_price = o->stop_price,
	    .tick = i->tick, .lot = i->lot, .reference = q->last,
	    .reference_age_s = (d->now.us - q->heard_at.us) / US_PER_S,
	    .cash = c->s.cash, .reserved = { c->s.reserved.e8 -
	    o->reserved.e8 }, .equity = c->s.equity,
	    .day_equity = c->s.day_equity, .short_worth = c->s.short_worth,
	    .position = held(c), .open_quantity = n.same_side,
	    .open_notional = n.notional, .open_orders = n.orders,
	    .last_second = n.last_second, .last_minute = n.last_minute,
	    .duplicate = n.alike > 0 && !d->twice,
	    .crosses_own = n.crossing > 0 &&
	    strstr(o->type, "stop") == NULL, 
	    .fee = trade_session_fee(&c->s, d->fee) };
	return 0;
}

static struct platform_scope
scope_of(struct trade_desk *d, const struct trade_session *s)
{
	char id[UUID_TEXT];

	return (struct platform_scope){ .module = "trade",
	    .tenant = s->tenant_id, .session = arena_strdup(d->a,
	    uuid_format(s->id, id)) };
}

/* What is known by the session alone, in the round trip of what is asked
 * before. */
static int
look_around(struct trade_desk *d, struct scene *c, struct err *e)
{
	const struct platform_scope scope = scope_of(d, &c->s);

	return trade_position_ask(d->db, d->a, c->s.id, &c->positions, e) ==
	    -1 || trade_risk_limit_ask(d->db, d->a, d->tenant, c->s.id,
	    &c->limits, e) == -1 || platform_switch_look(d->db, d->a, &scope,
	    &c->switches, e) == -1 || db_hear(d->db, e) == -1 ? -1 : 0;
}

/* Session, instrument, prices, and what else is known before the terms are
 * looked at. */
static int
look(struct trade_desk *d, struct scene *c, O *o, const char *exchange,
    bool lock, struct err *e)
{
	memset(c, 0, sizeof(*c));
	if (trade_session_of(d, lock, &c->s, e) == -1)
		return -1;
	o->tenant_id = c->s.tenant_id;
	o->session_id = c->s.id;
	/* a session's mode is for ever, and an order's is its session's */
	o->mode = c->s.mode;
	if (o->take_profit.e8 > 0 || o->stop_loss.e8 > 0)
		o->role = "entry";
	if (trade_sight_ask(d->db, d->a, d->tenant, o->symbol, exchange,
	    &c->sight, e) == -1 || (o->client_order_id != NULL &&
	    trade_order_by_client(d->db, d->a, o->session_id,
	    o->client_order_id, &c->placed, e) == -1) ||
	    (!trade_order_live(o) && lock && trade_paper_ask(d->db, d->a,
	    c->s.id, &c->k.row, &c->k.lines, e) == -1) ||
	    look_around(d, c, e) == -1 || trade_sight_of(&c->sight,
	    o->symbol, &c->k.sight, e) == -1)
		return -1;
	o->instrument_id = c->k.sight.i.id;
	return 0;
}

static int
value(struct trade_desk *d, struct scene *c, O *o, struct err *e)
{
	if (trade_session_worth(&c->s, &c->positions, d->now, e) == -1)
		return -1;
	if (is(o->type, "trailing_stop")) {
		struct trade_trail t = { .buy = trade_order_buys(o),
		    .amount = o->trail_amount, .ppm = o->trail_ppm };

		if (trade_trail_move(&t, c->k.sight.q.last,
		    c->k.sight.i.tick)) {
			o->trail_mark = t.mark;
			o->stop_price = t.stop;
		}
	}
	return gather(d, c, o, e);
}

/* 0: new, 1: placed before, -1. */
static int
again(const struct scene *c, O *o, struct err *e)
{
	const O *old = c->placed.v;

	if (c->placed.n == 0)
		return 0;
	if (memcmp(old->digest.p, o->digest.p, o->digest.n) != 0)
		return err_set(e, 409, "id_reuse", "Another order has this "
		    "client_order_id");
	*o = *old;
	return 1;
}

/* Without a name of the caller's a live order could be placed twice by one
 * who never heard our answer. */
static int
name(struct trade_desk *d, O *o, struct err *e)
{
	bool named = o->client_order_id != NULL;
	char id[UUID_TEXT];

	if (!named)
		o->client_order_id = arena_strdup(d->a, uuid_format(o->id,
		    id));
	o->digest = trade_order_digest(d, o);
	if (!named && trade_order_live(o))
		return err_set(e, 422, "client_order_id", "A live order "
		    "needs a client_order_id or an Idempotency-Key");
	return 0;
}

/* ---- placing ------------------------------------------------------------------------ */

static int
open_order(struct trade_desk *d, struct scene *c, O *o, struct err *e)
{
	bool live = trade_order_live(o);
	int rc;

	o->state = trade_order_states[live ? ORDER_SUBMITTING :
	    ORDER_ACCEPTED];
	o->has_open = true;
	o->open = 1;
	if (live) {
		o->send = "submit";
		o->send_at = d->now;
	}
	if (trade_order_begin(d, &c->s, o, "placed", e) == -1)
		return -1;
	c->k.open.orders++;
	c->k.open.versions += o->version;
	d->basis = &c->k;
	rc = live ? 0 : trade_paper_submit(d, &c->s, o, e);
	d->basis = NULL;
	return rc;
}

int
trade_order_place(struct trade_desk *d, O *o, const char *exchange,
    struct err *e)
{
	struct dec reserve;
	struct scene c;
	int rc;

	if (look(d, &c, o, exchange, true, e) == -1 || name(d, o, e) == -1)
		return -1;
	if ((rc = again(&c, o, e)) != 0)
		return rc;
	if (trade_order_terms(o, d->now, e) == -1 ||
	    value(d, &c, o, e) == -1 ||
	    trade_order_exits(o, at(o, &c.k.sight.q), c.k.sight.i.tick, e) ==
	    -1 || platform_switch_says(&c.switches, e) == -1 ||
	    trade_risk_check(&c.r, &reserve, e) == -1)
		return -1;
	trade_order_hold(&c.s, o, reserve);
	return open_order(d, &c, o, e);
}

bool
trade_order_deniable(const O *o, const struct err *why)
{
	return !uuid_is_nil(o->session_id) && o->instrument_id != 0 &&
	    o->client_order_id != NULL && !is(why->code, "id_reuse") &&
	    strncmp(why->code, "db_", 3) != 0 && why->status < 500;
}

int
trade_order_deny(struct db *db, struct arena *a, O *o, const char *code,
    const char *detail, struct err *e)
{
	const struct trade_risk_hit hit = { .id = uuid_new(),
	    .tenant_id = o->tenant_id, .session_id = o->session_id,
	    .order_id = o->id, .client_order_id = o->client_order_id,
	    .symbol = o->symbol, .rule = code, .detail = detail,
	    .at = o->created_at };
	const struct trade_order_event v = { .order_id = o->id, .seq = 1,
	    .from_state = "", .to_state = trade_order_states[ORDER_DENIED],
	    .cause = arena_printf(a, "%s: %s", code, detail),
	    .applied = true, .at = o->created_at };

	if (is(code, "daily_loss") && trade_loss_reduce(db, a, o->session_id,
	    o->created_at, e) == -1)
		return -1;
	o->state = v.to_state;
	o->has_open = false;
	o->open = 0;
	o->version = 1;
	o->reserved.e8 = 0;
	o->send = NULL;
	o->send_at.us = 0;
	o->reject_code = code;
	o->reject_detail = detail;
	if (trade_order_insert(db, o, e) == -1 ||
	    trade_order_event_add(db, &v, e) == -1)
		return -1;
	return trade_risk_hit_add(db, &hit, e);
}

/* The first of the reasons that placing would give. */
static int
verdict(struct trade_desk *d, struct scene *c, O *o, struct err *e)
{
	struct dec reserve;

	if (trade_order_terms(o, d->now, e) == -1 ||
	    trade_order_exits(o, at(o, &c->k.sight.q), c->k.sight.i.tick,
	    e) == -1 || platform_switch_says(&c->switches, e) == -1)
		return -1;
	return trade_risk_check(&c->r, &reserve, e);
}

int
trade_order_preview(struct trade_desk *d, O *o, const char *exchange,
    struct trade_preview *out, struct err *e)
{
	struct trade_ruling *r = arena_array(d->a, TRADE_RULES, sizeof(*r));
	struct scene c;

	if (look(d, &c, o, exchange, false, e) == -1 ||
	    value(d, &c, o, e) == -1)
		return -1;
	*out = (struct trade_preview){ .accepted = true, .code = "",
	    .detail = "", .price = at(o, &c.k.sight.q),
	    .available = trade_session_available(&c.s,
	    d->limits.short_margin), .rulings = { r, TRADE_RULES } };
	trade_risk_rulings(&c.r, d->a, r, &out->reserve, &out->fee);
	if (verdict(d, &c, o, e) == 0)
		return 0;
	if (e->status != 422 && e->status != 409)
		return -1;
	out->accepted = false;
	out->code = e->code;
	out->detail = arena_strdup(d->a, e->detail);
	err_clear(e);
	return 0;
}

/* ---- changing ------------------------------------------------------------------------ */

/* Held, and open for a change. *n: how it would be. */
static int
changed(struct trade_desk *d, struct scene *c, struct uuid id,
    const struct trade_terms *t, O *o, O *n, struct err *e)
{
	memset(c, 0, sizeof(*c));
	if (trade_session_of(d, true, &c->s, e) == -1 ||
	    db_found(trade_order_by_id(d->db, d->a, c->s.id, id, true, o, e),
	    "Order", e) == -1 || trade_sight_ask_id(d->db, d->a, d->tenant,
	    o->instrument_id, &c->sight, e) == -1 ||
	    look_around(d, c, e) == -1 || trade_sight_of(&c->sight,
	    o->symbol, &c->k.sight, e) == -1)
		return -1;
	if (trade_order_next((enum trade_order_state)
	    trade_order_state_parse(o->state), HAPPENS_ASK_REPLACE, false,
	    false) == -1)
		return err_set(e, 409, "state", "The order is %s", o->state);
	*n = *o;
	if (t->quantity.e8 > 0)
		n->quantity = t->quantity;
	if (t->limit_price.e8 > 0)
		n->limit_price = t->limit_price;
	if (t->stop_price.e8 > 0)
		n->stop_price = t->stop_price;
	if ((t->limit_price.e8 > 0 && o->limit_price.e8 == 0) ||
	    (t->stop_price.e8 > 0 && (o->stop_price.e8 == 0 ||
	    is(o->type, "trailing_stop"))))
		return err_set(e, 422, "terms", "An order of this kind has "
		    "no such price to change");
	if (n->quantity.e8 <= o->filled.e8)
		return err_set(e, 422, "terms", "So much is filled already; "
		    "cancel the rest instead");
	return trade_session_worth(&c->s, &c->positions, d->now, e) == -1 ||
	    gather(d, c, n, e) == -1 ? -1 : 0;
}

int
trade_order_replace(struct trade_desk *d, struct uuid id,
    const struct trade_terms *t, O *o, struct err *e)
{
	struct dec reserve;
	struct scene c;
	O n;

	if (changed(d, &c, id, t, o, &n, e) == -1 ||
	    platform_switch_says(&c.switches, e) == -1)
		return -1;
	c.r.duplicate = false;
	if (c.r.limits.max_quantity.e8 > 0 &&
	    n.quantity.e8 > c.r.limits.max_quantity.e8)
		return err_set(e, 422, "max_quantity", "More than an order "
		    "may have");
	if (trade_risk_check(&c.r, &reserve, e) == -1)
		return -1;
	/* both are held until it is known which of them is right */
	o->want_reserved.e8 = reserve.e8 - o->reserved.e8;
	if (o->want_reserved.e8 > 0)
		trade_order_hold(&c.s, o, reserve);
	o->want_quantity = n.quantity;
	o->want_limit_price = t->limit_price;
	o->want_stop_price = t->stop_price;
	return trade_order_amend(d, &c.s, o, "a change was asked for", e);
}

/* ---- cancelling ---------------------------------------------------------------------- */

int
trade_order_cancel(struct trade_desk *d, struct uuid id, const char *cause,
    O *o, struct err *e)
{
	struct trade_session s;

	if (trade_session_of(d, true, &s, e) == -1 ||
	    db_found(trade_order_by_id(d->db, d->a, s.id, id, true, o, e),
	    "Order", e) == -1 || trade_order_end(d, &s, o, cause, e) == -1)
		return -1;
	return uuid_is_nil(o->oco_group) ? 0 : trade_order_end_pair(d, &s, o,
	    e);
}

int
trade_order_may_fill(struct trade_desk *d, const struct trade_session *s,
    const O *o, struct err *e)
{
	const struct platform_scope scope = scope_of(d, s);
	struct trade_position p = { .quantity = { 0 } };
	int64_t units, rest = trade_order_leaves(o).e8;

	if (is(s->state, "active") && platform_switch_ask(d->db, d->a,
	    &scope, e) == 0)
		return 1;
	if (e->status >= 500 || (e->status != 0 && e->status != 409))
		return -1;
	err_clear(e);
	if (trade_position_get(d->db, d->a, s->id, o->instrument_id, &p,
	    e) == -1)
		return -1;
	units = p.quantity.e8;
	return trade_order_buys(o) ? units < 0 && rest <= -units :
	    units > 0 && rest <= units;
}
