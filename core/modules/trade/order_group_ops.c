/*
 * Orders that belong together. An entry with exits: at each fill the exits are
 * made, or grow by what was filled. A pair: what one fills, the other has less,
 * and it is over when nothing is left. What is reduce_only never has more left
 * than there is to reduce. All of it is rows, written with the fill that
 * caused it, so a restart changes nothing.
 */
#include <string.h>

#include "base/err.h"
#include "base/random.h"
#include "modules/trade/order_inner.h"

#define O struct trade_order

/* How many it will have when what is on its way has happened. */
static int64_t
target(const O *o)
{
	return o->want_quantity.e8 > 0 ? o->want_quantity.e8 :
	    o->quantity.e8;
}

static bool
ending(const O *o)
{
	return !o->has_open || o->cancel_wanted ||
	    trade_order_in(o, ORDER_PENDING_CANCEL);
}

static bool
waiting(const O *o)
{
	return trade_order_in(o, ORDER_SUBMITTING) ||
	    trade_order_in(o, ORDER_UNKNOWN);
}

int
trade_order_amend(struct trade_desk *d, struct trade_session *s, O *o,
    const char *cause, struct err *e)
{
	struct trade_note n = { .from = o->state, .cause = cause };

	if (!trade_order_live(o)) {
		if (trade_session_update(d->db, s, e) == -1 ||
		    trade_order_update(d->db, o, e) == -1)
			return -1;
		return trade_paper_replace(d, s, o, o->want_quantity,
		    o->want_limit_price, o->want_stop_price, e);
	}
	if (!trade_order_in(o, ORDER_PENDING_REPLACE) && !waiting(o))
		return trade_order_ask(d, s, o, HAPPENS_ASK_REPLACE, cause,
		    e);
	/* one is on its way: this one follows it */
	if (!waiting(o)) {
		o->send = "replace";
		o->send_at = d->now;
		o->sent_at.us = 0;
	}
	return trade_order_write(d, s, o, &n, e);
}

/* Gives an order another quantity; what is not more than is filled ends it. */
static int
resize(struct trade_desk *d, struct trade_session *s, O *o, int64_t to,
    const char *cause, struct err *e)
{
	struct trade_note n = { .from = o->state, .cause = cause };

	if (ending(o) || target(o) == to)
		return 0;
	if (to <= o->filled.e8)
		return trade_order_end(d, s, o, cause, e);
	if (trade_order_live(o) && trade_order_in(o, ORDER_SUBMITTING) &&
	    o->sent_at.us == 0) {
		o->quantity.e8 = to;
		return trade_order_write(d, s, o, &n, e);
	}
	o->want_quantity.e8 = to;
	return trade_order_amend(d, s, o, cause, e);
}

/* ---- exits of an entry --------------------------------------------------------------- */

static O
exit_of(struct trade_desk *d, const O *o, const char *role, struct dec price,
    int64_t quantity)
{
	bool profit = strcmp(role, "take_profit") == 0;
	char id[UUID_TEXT];
	O x = trade_order_new(d, arena_printf(d->a, "%s:%s:%lld",
	    uuid_format(o->id, id), profit ? "tp" : "sl",
	    (long long)o->version));

	x.tenant_id = o->tenant_id;
	x.session_id = o->session_id;
	x.instrument_id = o->instrument_id;
	x.symbol = o->symbol;
	x.side = trade_order_buys(o) ? "sell" : "buy";
	x.type = profit ? "limit" : "stop";
	x.tif = "gtc";
	x.quantity.e8 = quantity;
	*(profit ? &x.limit_price : &x.stop_price) = price;
	x.reduce_only = true;
	x.mode = o->mode;
	x.role = role;
	x.parent_id = o->id;
	if (o->take_profit.e8 > 0 && o->stop_loss.e8 > 0)
		x.oco_group = o->id;
	x.tag = o->tag;
	x.digest = trade_order_digest(d, &x);
	x.state = trade_order_states[trade_order_live(o) ? ORDER_SUBMITTING :
	    ORDER_ACCEPTED];
	x.has_open = true;
	x.open = 1;
	if (trade_order_live(o)) {
		x.send = "submit";
		x.send_at = d->now;
	}
	return x;
}

/* Shows it to the market, unless its pair has ended it meanwhile. */
static int
show(struct trade_desk *d, struct trade_session *s, struct uuid id,
    struct err *e)
{
	O o;

	if (uuid_is_nil(id))
		return 0;
	if (trade_order_by_id(d->db, d->a, s->id, id, true, &o, e) != 0)
		return e->status != 0 ? -1 : 0;
	return !o.has_open || trade_order_live(&o) ? 0 :
	    trade_paper_submit(d, s, &o, e);
}

static int
exits(struct trade_desk *d, struct trade_session *s, const O *o,
    struct rows *kin, int64_t q, struct err *e)
{
	const struct {
		const char *role;
		struct dec price;
	} want[] = {
		{ "stop_loss", o->stop_loss },
		{ "take_profit", o->take_profit }
	};
	struct uuid made[2] = { { { 0 } }, { { 0 } } };

	for (int w = 0; w < 2; w++) {
		O *old = NULL, x;

		if (want[w].price.e8 == 0)
			continue;
		for (size_t i = 0; i < kin->n; i++) {
			O *k = ROW(kin, O, i);

			if (strcmp(k->role, want[w].role) == 0 && !ending(k) &&
			    memcmp(&k->parent_id, &o->id, sizeof(o->id)) == 0)
				old = k;
		}
		if (old != NULL) {
			if (resize(d, s, old, target(old) + q,
			    "its entry was filled further", e) == -1)
				return -1;
			continue;
		}
		x = exit_of(d, o, want[w].role, want[w].price, q);
		made[w] = x.id;
		if (trade_order_begin(d, s, &x, "its entry was filled", e) ==
		    -1)
			return -1;
	}
	return show(d, s, made[0], e) == -1 ? -1 : show(d, s, made[1], e);
}

/* ---- after a fill ----------------------------------------------------------------------- */

static bool
paired(const O *o, const O *k)
{
	return !uuid_is_nil(o->oco_group) &&
	    memcmp(&k->oco_group, &o->oco_group, sizeof(k->oco_group)) == 0;
}

/* What is reduce_only has at most so much left as there is to reduce. */
static int
trim(struct trade_desk *d, struct trade_session *s, O *k, int64_t held,
    struct err *e)
{
	int64_t most = trade_order_buys(k) ? -held : held;

	if (most < 0)
		most = 0;
	return target(k) - k->filled.e8 <= most ? 0 : resize(d, s, k,
	    k->filled.e8 + most, "the position is smaller", e);
}

int
trade_order_filled(struct trade_desk *d, struct trade_session *s, const O *o,
    struct dec q, struct dec held, struct err *e)
{
	bool entry = strcmp(o->role, "entry") == 0;
	bool shrank = held.e8 == 0 || (held.e8 > 0) != trade_order_buys(o);
	struct rows kin;

	if (!entry && !shrank && uuid_is_nil(o->oco_group))
		return 0;
	if (trade_order_kin(d->db, d->a, o, &kin, e) == -1)
		return -1;
	for (size_t i = 0; i < kin.n; i++) {
		O *k = ROW(&kin, O, i);

		if (paired(o, k) && resize(d, s, k, target(k) - q.e8,
		    "the other of the pair was filled", e) == -1)
			return -1;
		if (shrank && k->reduce_only && k->instrument_id ==
		    o->instrument_id && trim(d, s, k, held.e8, e) == -1)
			return -1;
	}
	return entry ? exits(d, s, o, &kin, q.e8, e) : 0;
}

int
trade_order_end_pair(struct trade_desk *d, struct trade_session *s,
    const O *o, struct err *e)
{
	struct rows kin;

	if (trade_order_kin(d->db, d->a, o, &kin, e) == -1)
		return -1;
	for (size_t i = 0; i < kin.n; i++) {
		O *k = ROW(&kin, O, i);

		if (paired(o, k) && !ending(k) && trade_order_end(d, s, k,
		    "the other of the pair was cancelled", e) == -1)
			return -1;
	}
	return 0;
}

/* ---- a pair of the caller's --------------------------------------------------------------- */

int
trade_order_pair(struct trade_desk *d, O *first, O *second,
    const char *exchange, struct err *e)
{
	bool limit = strcmp(first->type, "limit") == 0;
	O *profit = limit ? first : second, *loss = limit ? second : first;
	int rc;

	if (strcmp(profit->type, "limit") != 0 ||
	    strstr(loss->type, "stop") == NULL ||
	    strcmp(first->side, second->side) != 0 ||
	    strcmp(first->symbol, second->symbol) != 0 ||
	    first->quantity.e8 != second->quantity.e8)
		return err_set(e, 422, "terms", "A pair is a limit and a stop "
		    "of one symbol, side and quantity");
	profit->role = "take_profit";
	loss->role = "stop_loss";
	first->reduce_only = second->reduce_only = true;
	first->oco_group = second->oco_group = first->id;
	/* the pair has one name: asked for again, both are there already */
	if (first->client_order_id != NULL && second->client_order_id == NULL)
		second->client_order_id = arena_printf(d->a, "%.62s.2",
		    first->client_order_id);
	d->twice = true;
	rc = trade_order_place(d, first, exchange, e);
	return rc == -1 || trade_order_place(d, second, exchange, e) == -1 ?
	    -1 : rc;
}
