/*
 * Placing, filling and cancelling. Everything below runs in the caller's
 * transaction, which holds the session's row: a fill, its position, its cash
 * and its events are one change, and two orders cannot both take the last
 * cash.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/number.h"
#include "base/random.h"
#include "base/str.h"
#include "modules/platform/platform.h"
#include "modules/trade/orders.h"
#include "modules/trade/strategies.h"

#define O struct trade_order
const struct event trade_order_events[] = {
	{ .name = "trade.order", .doc = "An order changed",
	  .payload = &trade_order_schema, .permission = "trade:read",
	  .seed_type = "orders" },
	EVENT_END
};

/* ---- helpers ---------------------------------------------------------------------- */

static int
tell(struct trade_desk *d, const O *o, struct err *e)
{
	char id[UUID_TEXT];

	return event_publish(d->db, &trade_order_events[0], o->tenant_id,
	    uuid_format(o->id, id), o->version, o, e);
}

static struct dec
minus(struct dec x)
{
	return (struct dec){ -x.e8 };
}

static struct dec
signed_units(const O *o, struct dec q)
{
	return strcmp(o->side, "buy") == 0 ? q : minus(q);
}

static int
too_large(struct err *e)
{
	return err_set(e, 422, "overflow", "The amount is too large");
}

/* The next state, or 409. */
static int
step(O *o, enum trade_order_happening h, const char **from, struct err *e)
{
	int to = trade_order_next((enum trade_order_state)
	    trade_order_state_parse(o->state), h);

	if (to == -1)
		return err_set(e, 409, "state", "The order is %s", o->state);
	*from = o->state;
	o->state = trade_order_states[to];
	o->has_open = trade_order_is_open((enum trade_order_state)to);
	o->open = o->has_open;
	o->version++;
	return 0;
}

/* ---- a fill ------------------------------------------------------------------------- */

static int
book(struct trade_desk *d, struct trade_session *s, const O *o,
    const char *kind, struct dec amount, struct err *e)
{
	struct trade_cash c = { .session_id = s->id, .seq = ++s->entries,
	    .kind = kind, .amount = amount, .order_id = o->id,
	    .at = d->now };

	if (dec_add(s->cash, amount, &s->cash) == -1)
		return too_large(e);
	c.balance = s->cash;
	return trade_cash_add(d->db, &c, e);
}

static int
hold(struct trade_desk *d, struct trade_session *s, const O *o, struct dec q,
    struct dec price, struct dec fee, struct err *e)
{
	struct trade_position p;
	struct trade_holding h = { { 0 }, { 0 }, { 0 }, { 0 } };
	int rc = trade_position_get(d->db, d->a, s->id, o->instrument_id, &p,
	    e);

	if (rc == -1)
		return -1;
	if (rc == 0)
		h = (struct trade_holding){ p.quantity, p.avg_price,
		    p.realized, p.fees };
	p = (struct trade_position){ .session_id = s->id,
	    .instrument_id = o->instrument_id, .tenant_id = o->tenant_id,
	    .symbol = o->symbol };
	if (trade_holding_fill(&h, signed_units(o, q), price, fee, e) == -1)
		return -1;
	p.quantity = h.quantity;
	p.avg_price = h.avg_price;
	p.realized = h.realized;
	p.fees = h.fees;
	p.updated_at = d->now;
	return trade_position_put(d->db, &p, e);
}

/* The whole rest of the order at this price. */
static int
fill(struct trade_desk *d, struct trade_session *s, O *o, struct dec price,
    const char *cause, struct err *e)
{
	struct dec q, worth, fee;
	struct trade_fill f;
	const char *from;

	if (dec_sub(o->quantity, o->filled, &q) == -1 ||
	    dec_mul(q, price, &worth) == -1 ||
	    dec_from_real(dec_real(worth) * d->fee, &fee) == -1)
		return too_large(e);
	if (step(o, HAPPENS_LAST_FILL, &from, e) == -1)
		return -1;
	f = (struct trade_fill){ .id = uuid_new(), .tenant_id = o->tenant_id,
	    .session_id = s->id, .order_id = o->id, .seq = o->version,
	    .symbol = o->symbol, .side = o->side, .quantity = q,
	    .price = price, .fee = fee, .at = d->now };
	o->filled = o->quantity;
	o->avg_price = price;
	s->reserved.e8 -= o->reserved.e8;
	o->reserved.e8 = 0;
	o->updated_at = s->updated_at = d->now;
	if (trade_fill_add(d->db, &f, e) == -1 ||
	    hold(d, s, o, q, price, fee, e) == -1 ||
	    book(d, s, o, "trade", signed_units(o, minus(worth)), e) == -1 ||
	    (fee.e8 > 0 && book(d, s, o, "fee", minus(fee), e) == -1) ||
	    trade_order_update(d->db, o, e) == -1 ||
	    trade_order_event_add(d->db, o, from, cause, q, price, d->now,
	    e) == -1 || trade_session_update(d->db, s, e) == -1)
		return -1;
	return tell(d, o, e);
}

static int
end(struct trade_desk *d, struct trade_session *s, O *o,
    enum trade_order_happening h, const char *cause, struct err *e)
{
	const struct dec none = { 0 };
	const char *from;

	if (step(o, h, &from, e) == -1)
		return -1;
	s->reserved.e8 -= o->reserved.e8;
	o->reserved.e8 = 0;
	o->updated_at = s->updated_at = d->now;
	if (trade_order_update(d->db, o, e) == -1 ||
	    trade_order_event_add(d->db, o, from, cause, none, none, d->now,
	    e) == -1 || trade_session_update(d->db, s, e) == -1)
		return -1;
	return tell(d, o, e);
}

static struct trade_paper_order
paper(const O *o)
{
	struct trade_paper_order p = { .buy = strcmp(o->side, "buy") == 0,
	    .triggered = strcmp(o->state, "triggered") == 0,
	    .limit_price = o->limit_price, .stop_price = o->stop_price };

	p.type = strcmp(o->type, "market") == 0 ? PAPER_MARKET :
	    strcmp(o->type, "limit") == 0 ? PAPER_LIMIT :
	    strcmp(o->type, "stop") == 0 ? PAPER_STOP : PAPER_STOP_LIMIT;
	return p;
}

static int
trigger(struct trade_desk *d, O *o, struct err *e)
{
	const struct dec none = { 0 };
	const char *from;

	if (step(o, HAPPENS_TRIGGER, &from, e) == -1)
		return -1;
	o->updated_at = d->now;
	if (trade_order_update(d->db, o, e) == -1 ||
	    trade_order_event_add(d->db, o, from, "the stop was reached",
	    none, none, d->now, e) == -1)
		return -1;
	return tell(d, o, e);
}

/* Acts on what the market did to one order. */
static int
meet(struct trade_desk *d, struct trade_session *s, O *o, bool fills,
    struct dec price, bool triggered, const char *cause, struct err *e)
{
	if (triggered && strcmp(o->state, "accepted") == 0 &&
	    o->stop_price.e8 > 0 && trigger(d, o, e) == -1)
		return -1;
	return fills ? fill(d, s, o, price, cause, e) : 0;
}

/* ---- placing ------------------------------------------------------------------------ */

/* What makes two requests the same. */
static struct blob
digest(struct trade_desk *d, const O *o)
{
	const char *text = arena_printf(d->a, "%s|%s|%s|%s|%lld|%lld|%lld|%d",
	    o->symbol, o->side, o->type, o->tif, (long long)o->quantity.e8,
	    (long long)o->limit_price.e8, (long long)o->stop_price.e8,
	    o->reduce_only);

	return trade_digest(d->a, text, strlen(text), NULL);
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
	    .restricted = listed(d->restricted, o->symbol), .buy = strcmp(o->side, "buy") == 0,
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

/* First look at the market: fill, rest, or end what may not rest. */
static int
open_order(struct trade_desk *d, struct trade_session *s, O *o,
    const struct trade_quote *q, struct err *e)
{
	const struct trade_paper_order p = paper(o);
	struct dec price;
	bool triggered, fills;

	if (trade_order_insert(d->db, o, e) == -1 ||
	    trade_order_event_add(d->db, o, "", "placed", (struct dec){ 0 },
	    (struct dec){ 0 }, d->now, e) == -1 ||
	    trade_session_update(d->db, s, e) == -1 || tell(d, o, e) == -1)
		return -1;
	fills = trade_paper_quote(&p, q->bid, q->ask, &price, &triggered);
	if (meet(d, s, o, fills, price, triggered, "filled on the quote",
	    e) == -1)
		return -1;
	if (!fills && (strcmp(o->tif, "ioc") == 0 ||
	    strcmp(o->tif, "fok") == 0))
		return end(d, s, o, HAPPENS_CANCEL, "not filled at once", e);
	return 0;
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
	if (db_found(trade_session_mine(d->db, d->a, d->tenant, d->user,
	    !d->quiet, &s, e), "Session", e) == -1 ||
	    db_found(trade_instrument_find(d->db, d->a, d->tenant, o->symbol,
	    exchange, &i, e), "Instrument", e) == -1)
		return -1;
	o->session_id = s.id;
	o->instrument_id = i.id;
	o->digest = digest(d, o);
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
	o->state = trade_order_states[ORDER_ACCEPTED];
	o->has_open = true;
	o->reserved = *reserve;
	s.reserved.e8 += reserve->e8;
	s.updated_at = d->now;
	return open_order(d, &s, o, &q, e);
}

int
trade_order_cancel(struct trade_desk *d, struct uuid id, const char *cause,
    O *o, struct err *e)
{
	struct trade_session s;

	if (db_found(trade_session_mine(d->db, d->a, d->tenant, d->user,
	    true, &s, e), "Session", e) == -1 ||
	    db_found(trade_order_by_id(d->db, d->a, s.id, id, true, o, e),
	    "Order", e) == -1)
		return -1;
	return end(d, &s, o, HAPPENS_CANCEL, cause, e);
}

/* ---- the market moves --------------------------------------------------------------- */

struct look {
	const struct trade_quote *quote;	/* or a bar */
	const struct trade_bar *bar;
};

/* A day order of a day that is over: it ends when the market is next heard. */
static bool
outlived(const struct trade_desk *d, const O *o)
{
	const int64_t day = INT64_C(86400) * US_PER_S;

	return strcmp(o->tif, "day") == 0 &&
	    o->created_at.us / day != d->now.us / day;
}

static int
one_order(struct trade_desk *d, const O *resting, const struct look *l,
    struct err *e)
{
	const struct trade_paper_order p = paper(resting);
	struct trade_session s;
	struct dec price;
	bool triggered, fills;
	O o;

	fills = l->bar != NULL ? trade_paper_bar(&p, l->bar->open,
	    l->bar->high, l->bar->low, &price, &triggered) :
	    trade_paper_quote(&p, l->quote->bid, l->quote->ask, &price,
	    &triggered);
	if (!fills && triggered == p.triggered && !outlived(d, resting))
		return 0;
	/* now with the session and the order held: it may be over */
	if (trade_session_lock(d->db, d->a, resting->session_id, &s, e) != 0 ||
	    trade_order_by_id(d->db, d->a, s.id, resting->id, true, &o, e) !=
	    0)
		return e->status != 0 ? -1 : 0;
	if (!o.has_open || strcmp(o.state, resting->state) != 0)
		return 0;
	if (outlived(d, &o))
		return end(d, &s, &o, HAPPENS_EXPIRE, "its day is over", e);
	return meet(d, &s, &o, fills, price, triggered, l->bar != NULL ?
	    "filled in a bar" : "filled on the quote", e);
}

static int
all_resting(struct trade_desk *d, int64_t instrument, const struct look *l,
    struct err *e)
{
	struct rows rows;

	if (trade_order_resting(d->db, d->a, instrument, &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++)
		if (one_order(d, ROW(&rows, O, i), l, e) == -1)
			return -1;
	return 0;
}

/* 1: older than what is known. */
static int
news(struct trade_desk *d, const struct trade_quote *q, struct err *e)
{
	struct trade_quote old;
	int rc = trade_quote_get(d->db, d->a, q->instrument_id, &old, e);

	if (rc == -1)
		return -1;
	if (rc == 0 && old.at.us >= q->at.us)
		return 1;
	return trade_quote_put(d->db, q, e);
}

int
trade_paper_on_quote(struct trade_desk *d, const struct trade_quote *q,
    struct err *e)
{
	const struct look l = { .quote = q };
	int rc = news(d, q, e);

	return rc != 0 ? rc : all_resting(d, q->instrument_id, &l, e);
}

static int
by_time(const void *x, const void *y)
{
	const struct trade_bar *p = x, *q = y;

	return p->at.us < q->at.us ? -1 : p->at.us > q->at.us;
}

int
trade_paper_on_bars(struct trade_desk *d, int64_t instrument,
    const struct trade_bar *given, size_t n, struct err *e)
{
	struct trade_bar *b = arena_memdup(d->a, given, n * sizeof(*b));

	qsort(b, n, sizeof(*b), by_time);
	for (size_t i = 0; i < n; i++) {
		const struct look l = { .bar = &b[i] };
		const struct trade_quote q = { instrument, b[i].close,
		    b[i].close, b[i].close, b[i].at, d->now };
		int rc = news(d, &q, e);

		if (rc == 1)
			continue;	/* history */
		if (rc == -1 || all_resting(d, instrument, &l, e) == -1)
			return -1;
	}
	return 0;
}
