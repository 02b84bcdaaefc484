/*
 * Placing and cancelling. Everything below runs in the caller's transaction,
 * which holds the session's row: two orders cannot both take the last cash. A
 * live order is committed with its reservation before anything leaves.
 */
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/number.h"
#include "base/random.h"
#include "base/str.h"
#include "modules/platform/platform.h"
#include "modules/trade/order_inner.h"

#define O struct trade_order

int
trade_session_of(struct trade_desk *d, bool lock, struct trade_session *s,
    struct err *e)
{
	if (uuid_is_nil(d->session))
		return db_found(trade_session_mine(d->db, d->a, d->tenant,
		    d->user, lock, s, e), "Session", e);
	return db_found(trade_session_by_id(d->db, d->a, d->tenant, d->user,
	    d->session, lock, s, e), "Session", e);
}

static bool
listed(const char *const *list, const char *symbol)
{
	for (; list != NULL && *list != NULL; list++)
		if (strcmp(*list, symbol) == 0)
			return true;
	return false;
}

static int
gather(struct trade_desk *d, const struct trade_session *s, const O *o,
    const struct trade_instrument *i, const struct trade_quote *q,
    struct trade_risk_in *r, struct err *e)
{
	struct trade_position p = { .quantity = { 0 } };
	struct trade_open n;

	if (trade_position_get(d->db, d->a, s->id, i->id, &p, e) == -1 ||
	    trade_order_open(d->db, d->a, o, d->now, &n, e) == -1)
		return -1;
	*r = (struct trade_risk_in){ .limits = d->limits,
	    .session_state = s->state,
	    .restricted = listed(d->restricted, o->symbol),
	    .buy = trade_order_buys(o),
	    .market = strcmp(o->type, "market") == 0,
	    .stop = strncmp(o->type, "stop", 4) == 0,
	    .reduce_only = o->reduce_only, .quantity = o->quantity,
	    .limit_price = o->limit_price, .stop_price = o->stop_price,
	    .tick = i->tick, .lot = i->lot, .reference = q->last,
	    .reference_age_s = (d->now.us - q->heard_at.us) / US_PER_S,
	    .cash = s->cash, .reserved = s->reserved, .equity = s->equity,
	    .day_equity = s->day_equity, .position = p.quantity,
	    .open_quantity = n.same_side, .open_notional = n.notional,
	    .open_orders = n.orders, .last_second = n.last_second,
	    .last_minute = n.last_minute, .duplicate = n.alike > 0,
	    .crosses_own = n.crossing > 0, .fee = d->fee };
	return 0;
}

/* 0: new, 1: placed before, -1. */
static int
again(struct trade_desk *d, O *o, struct err *e)
{
	O old;
	int rc = trade_order_by_client(d->db, d->a, o->session_id,
	    o->client_order_id, &old, e);

	if (rc != 0)
		return rc == 1 ? 0 : -1;
	if (memcmp(old.digest.p, o->digest.p, o->digest.n) != 0)
		return err_set(e, 409, "id_reuse", "Another order has this "
		    "client_order_id");
	*o = old;
	return 1;
}

static int
ask_switch(struct trade_desk *d, const struct trade_session *s,
    struct err *e)
{
	char id[UUID_TEXT];
	const struct platform_scope scope = { .module = "trade",
	    .tenant = d->tenant, .session = uuid_format(s->id, id) };

	return platform_switch_ask(d->db, d->a, &scope, e);
}

/* A session's mode is for ever, and an order's mode is its session's. */
static int
open_order(struct trade_desk *d, struct trade_session *s, O *o,
    const struct trade_quote *q, struct err *e)
{
	bool live = strcmp(s->mode, "live") == 0;

	o->mode = s->mode;
	o->role = o->take_profit.e8 > 0 || o->stop_loss.e8 > 0 ? "entry" :
	    o->role;
	o->state = trade_order_states[live ? ORDER_SUBMITTING :
	    ORDER_ACCEPTED];
	o->has_open = true;
	if (live) {
		o->send = "submit";
		o->send_at = d->now;
	}
	if (trade_order_begin(d, s, o, "placed", e) == -1)
		return -1;
	return live ? 0 : trade_paper_open(d, s, o, q, e);
}

int
trade_order_place(struct trade_desk *d, O *o, const char *exchange,
    struct dec *reserve, struct err *e)
{
	struct trade_session s;
	struct trade_instrument i;
	struct trade_quote q = { .instrument_id = 0 };
	struct trade_risk_in r;
	int rc;

	reserve->e8 = 0;
	if (trade_session_of(d, !d->quiet, &s, e) == -1 ||
	    db_found(trade_instrument_find(d->db, d->a, d->tenant, o->symbol,
	    exchange, &i, e), "Instrument", e) == -1)
		return -1;
	o->session_id = s.id;
	o->instrument_id = i.id;
	o->digest = trade_order_digest(d, o);
	if (!d->quiet && (rc = again(d, o, e)) != 0)
		return rc;
	if (trade_quote_get(d->db, d->a, i.id, &q, e) == -1 ||
	    trade_session_value(d->db, d->a, &s, d->now, e) == -1 ||
	    gather(d, &s, o, &i, &q, &r, e) == -1 ||
	    ask_switch(d, &s, e) == -1 ||
	    trade_risk_check(&r, reserve, e) == -1)
		return -1;
	if (d->quiet)
		return 0;
	trade_order_hold(&s, o, *reserve);
	return open_order(d, &s, o, &q, e);
}

int
trade_order_cancel(struct trade_desk *d, struct uuid id, const char *cause,
    O *o, struct err *e)
{
	struct trade_session s;

	if (trade_session_of(d, true, &s, e) == -1 ||
	    db_found(trade_order_by_id(d->db, d->a, s.id, id, true, o, e),
	    "Order", e) == -1)
		return -1;
	return trade_order_end(d, &s, o, cause, e);
}

