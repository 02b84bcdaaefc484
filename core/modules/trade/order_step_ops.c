/*
 * One step of an order: its row, its event, its session's money and the news
 * of it are written together. Invariant: a session's reserved cash is the sum
 * over its open orders, because nothing else changes either.
 */
#include <string.h>

#include "base/err.h"
#include "base/number.h"
#include "base/random.h"
#include "modules/trade/link.h"
#include "modules/trade/order_inner.h"
#include "modules/trade/strategies.h"

#define O struct trade_order
const struct event trade_order_events[] = {
	{ .name = "trade.order", .doc = "An order changed",
	  .payload = &trade_order_schema, .permission = "trade:read",
	  .seed_type = "orders" },
	EVENT_END
};

bool
trade_order_live(const O *o)
{
	return strcmp(o->mode, "live") == 0;
}

bool
trade_order_buys(const O *o)
{
	return strcmp(o->side, "buy") == 0;
}

bool
trade_order_in(const O *o, enum trade_order_state s)
{
	return strcmp(o->state, trade_order_states[s]) == 0;
}

struct dec
trade_order_leaves(const O *o)
{
	return (struct dec){ o->quantity.e8 - o->filled.e8 };
}

struct dec
trade_order_signed(const O *o, struct dec q)
{
	return (struct dec){ trade_order_buys(o) ? q.e8 : -q.e8 };
}

/* Is it still to be sent in this state? A lost submit never goes again. */
static bool
sendable(const O *o)
{
	static const struct {
		const char *send;
		enum trade_order_state in;
	} when[] = {
		{ "submit", ORDER_SUBMITTING },
		{ "replace", ORDER_PENDING_REPLACE },
		{ "cancel", ORDER_PENDING_CANCEL }
	};

	for (size_t i = 0; i < sizeof(when) / sizeof(when[0]); i++)
		if (strcmp(o->send, when[i].send) == 0)
			return trade_order_in(o, when[i].in);
	return false;
}

int
trade_order_step(O *o, enum trade_order_happening h, const char **from)
{
	int to = trade_order_next((enum trade_order_state)
	    trade_order_state_parse(o->state), h, o->filled.e8 > 0,
	    o->triggered_at.us != 0);

	if (to == -1)
		return -1;
	*from = o->state;
	o->state = trade_order_states[to];
	o->has_open = trade_order_is_open((enum trade_order_state)to);
	o->open = o->has_open;
	if (o->send != NULL && !sendable(o)) {
		o->send = NULL;
		o->send_at.us = 0;
		o->send_tries = 0;
	}
	return 0;
}

void
trade_order_hold(struct trade_session *s, O *o, struct dec amount)
{
	s->reserved.e8 += amount.e8 - o->reserved.e8;
	o->reserved = amount;
}

static int
event(struct trade_desk *d, const O *o, const struct trade_note *n,
    struct err *e)
{
	char id[UUID_TEXT];
	const struct trade_order_event v = { .order_id = o->id,
	    .seq = o->version, .from_state = n->from, .to_state = o->state,
	    .cause = n->cause, .quantity = n->quantity, .price = n->price,
	    .at = d->now, .applied = !n->kept, .broker_at = n->broker_at };

	if (o->send != NULL && o->sent_at.us == 0)
		trade_broker_ring(d->db);
	if (trade_order_event_add(d->db, &v, e) == -1)
		return -1;
	if (o->send != NULL && o->sent_at.us == 0)
		trade_broker_ring(d->db);
	return event_publish(d->db, &trade_order_events[0], o->tenant_id,
	    uuid_format(o->id, id), o->version, o, e);
}

int
trade_order_write(struct trade_desk *d, struct trade_session *s, O *o,
    const struct trade_note *n, struct err *e)
{
	o->version++;
	o->updated_at = s->updated_at = d->now;
	if (trade_order_update(d->db, o, e) == -1 ||
	    trade_session_update(d->db, s, e) == -1)
		return -1;
	return event(d, o, n, e);
}

int
trade_order_begin(struct trade_desk *d, struct trade_session *s, O *o,
    const char *cause, struct err *e)
{
	const struct trade_note n = { .from = "", .cause = cause };

	o->version = 1;
	s->updated_at = d->now;
	if (trade_order_insert(d->db, o, e) == -1 ||
	    trade_session_update(d->db, s, e) == -1)
		return -1;
	return event(d, o, &n, e);
}

int
trade_order_over(struct trade_desk *d, struct trade_session *s, O *o,
    enum trade_order_happening h, const char *cause, struct err *e)
{
	struct trade_note n = { .cause = cause };

	if (trade_order_step(o, h, &n.from) == -1)
		return err_set(e, 409, "state", "The order is %s", o->state);
	trade_order_hold(s, o, (struct dec){ 0 });
	return trade_order_write(d, s, o, &n, e);
}

/* ---- asking the broker -------------------------------------------------------------- */

int
trade_order_ask(struct trade_desk *d, struct trade_session *s, O *o,
    enum trade_order_happening h, const char *cause, struct err *e)
{
	struct trade_note n = { .cause = cause };

	if (trade_order_step(o, h, &n.from) == -1)
		return err_set(e, 409, "state", "The order is %s", o->state);
	if (trade_order_live(o)) {
		o->send = h == HAPPENS_ASK_CANCEL ? "cancel" : "replace";
		o->send_at = d->now;
		o->send_tries = 0;
		o->sent_at.us = o->asked_at.us = o->asks = 0;
	}
	return trade_order_write(d, s, o, &n, e);
}

int
trade_order_end(struct trade_desk *d, struct trade_session *s, O *o,
    const char *cause, struct err *e)
{
	bool waits = trade_order_in(o, ORDER_SUBMITTING) ||
	    trade_order_in(o, ORDER_UNKNOWN);
	const struct trade_note n = { .from = o->state, .cause = cause };

	if (!o->has_open || trade_order_in(o, ORDER_PENDING_CANCEL))
		return err_set(e, 409, "state", "The order is %s", o->state);
	if (!trade_order_live(o))
		return trade_paper_cancel(d, s, o, cause, e);
	if (trade_order_in(o, ORDER_SUBMITTING) && o->sent_at.us == 0)
		return trade_order_over(d, s, o, HAPPENS_CANCEL, cause, e);
	if (!waits)
		return trade_order_ask(d, s, o, HAPPENS_ASK_CANCEL, cause, e);
	if (o->cancel_wanted)
		return err_set(e, 409, "state", "A cancel is on its way");
	o->cancel_wanted = true;
	return trade_order_write(d, s, o, &n, e);
}

int
trade_order_afterwards(struct trade_desk *d, struct trade_session *s, O *o,
    struct err *e)
{
	bool rests = trade_order_in(o, ORDER_ACCEPTED) ||
	    trade_order_in(o, ORDER_TRIGGERED) ||
	    trade_order_in(o, ORDER_PARTIAL);

	if (!trade_order_live(o) || !rests)
		return 0;
	if (o->cancel_wanted) {
		o->cancel_wanted = false;
		return trade_order_ask(d, s, o, HAPPENS_ASK_CANCEL,
		    "a cancel was wanted before the broker had answered", e);
	}
	return o->want_quantity.e8 == 0 ? 0 : trade_order_ask(d, s, o,
	    HAPPENS_ASK_REPLACE,
	    "a change was wanted before the broker had answered", e);
}

int
trade_order_trail(struct trade_desk *d, struct trade_session *s, O *o,
    struct dec mark, struct dec stop, struct err *e)
{
	const struct trade_note n = { .from = o->state, .price = stop,
	    .cause = "its stop followed the price" };

	o->trail_mark = mark;
	o->stop_price = stop;
	return trade_order_write(d, s, o, &n, e);
}

/* ---- terms -------------------------------------------------------------------------- */

static int
bad(struct err *e, const char *why)
{
	return err_set(e, 422, "terms", "%s", why);
}

int
trade_order_terms(const O *o, struct utc now, struct err *e)
{
	bool limit = strcmp(o->type, "limit") == 0, at_once =
	    strcmp(o->tif, "ioc") == 0 || strcmp(o->tif, "fok") == 0;
	bool trails = strcmp(o->type, "trailing_stop") == 0;

	if ((strcmp(o->tif, "gtd") == 0) != (o->expires_at.us != 0))
		return bad(e, "expires_at and gtd go together");
	if (o->expires_at.us != 0 && o->expires_at.us <= now.us)
		return bad(e, "expires_at is over already");
	if (trails != (o->trail_amount.e8 > 0 || o->trail_ppm > 0) ||
	    (o->trail_amount.e8 > 0 && o->trail_ppm > 0))
		return bad(e, "A trailing_stop has either a trail_amount or "
		    "a trail_ppm, and nothing else has one");
	if (o->post_only && (!limit || at_once))
		return bad(e, "post_only is for limits that may rest");
	if (o->display.e8 > 0 && (!limit || at_once ||
	    o->display.e8 > o->quantity.e8))
		return bad(e, "display is for limits that may rest, and not "
		    "more than the quantity");
	if (at_once && strstr(o->type, "stop") != NULL)
		return bad(e, "A stop waits: neither ioc nor fok");
	if (o->reduce_only && (o->take_profit.e8 > 0 || o->stop_loss.e8 > 0))
		return bad(e, "What is reduce_only is an exit and has none");
	return 0;
}

int
trade_order_exits(const O *o, struct dec price, struct dec tick,
    struct err *e)
{
	int64_t up = o->take_profit.e8, down = o->stop_loss.e8;

	if (tick.e8 > 0 && (up % tick.e8 != 0 || down % tick.e8 != 0))
		return bad(e, "An exit is no multiple of the tick");
	if (!trade_order_buys(o)) {
		int64_t swap = up;

		up = down;
		down = swap;
	}
	if ((up > 0 && price.e8 > 0 && up <= price.e8) ||
	    (down > 0 && price.e8 > 0 && down >= price.e8))
		return bad(e, "An exit is on the wrong side of the price");
	return 0;
}

struct blob
trade_order_digest(struct trade_desk *d, const O *o)
{
	const char *text = arena_printf(d->a, "%s|%s|%s|%s|%lld|%lld|%lld|%d"
	    "|%d|%lld|%lld|%lld|%lld|%lld|%lld|%s", o->symbol, o->side, o->type,
	    o->tif, (long long)o->quantity.e8, (long long)o->limit_price.e8,
	    (long long)o->stop_price.e8, o->reduce_only, o->post_only,
	    (long long)o->take_profit.e8, (long long)o->stop_loss.e8,
	    (long long)o->trail_amount.e8, (long long)o->trail_ppm,
	    (long long)o->expires_at.us, (long long)o->display.e8,
	    o->role);

	return trade_digest(d->a, text, strlen(text), NULL);
}
