/*
 * Cancelling everything at once, for the stop switch: few statements however
 * many orders are open. Invariant: each row gets the same step and the same
 * event as if it had been cancelled alone.
 */
#include <string.h>

#include "base/random.h"
#include "modules/trade/link.h"
#include "modules/trade/order_inner.h"

#define O struct trade_order

/* What the rows' UPDATE does, here: false when nothing happens to it. */
static bool
sweep(struct trade_session *s, O *o, const char **from)
{
	bool away = o->sent_at.us != 0;

	*from = o->state;
	if (!trade_order_live(o) || (trade_order_in(o, ORDER_SUBMITTING) &&
	    !away)) {
		trade_order_step(o, HAPPENS_CANCEL, from);
		trade_order_hold(s, o, (struct dec){ 0 });
	} else if (trade_order_in(o, ORDER_SUBMITTING) ||
	    trade_order_in(o, ORDER_UNKNOWN)) {
		if (o->cancel_wanted)
			return false;
		o->cancel_wanted = true;
	} else {
		if (trade_order_step(o, HAPPENS_ASK_CANCEL, from) == -1)
			return false;
		o->send = "cancel";
	}
	o->version++;
	return true;
}

int
trade_order_cancel_all(struct trade_desk *d, struct trade_session *s,
    const char *cause, int64_t *n, struct err *e)
{
	struct event_pack *pack = event_pack_new(d->a);
	struct trade_order_event *v;
	struct rows rows;
	const char *from;

	*n = 0;
	if (trade_order_all_open(d->db, d->a, s->id, &rows, e) == -1)
		return -1;
	v = arena_array(d->a, rows.n + 1, sizeof(*v));
	for (size_t i = 0; i < rows.n; i++) {
		O *o = ROW(&rows, O, i);
		char id[UUID_TEXT];

		if (!sweep(s, o, &from))
			continue;
		o->updated_at = d->now;
		v[(*n)++] = (struct trade_order_event){ .order_id = o->id,
		    .seq = o->version, .from_state = from,
		    .to_state = o->state, .cause = cause, .at = d->now,
		    .applied = true };
		event_pack_add(pack, &trade_order_events[0], o->tenant_id,
		    uuid_format(o->id, id), o->version, o);
	}
	s->updated_at = d->now;
	trade_broker_ring(d->db);
	if (trade_order_sweep(d->db, s->id, d->now, e) == -1 ||
	    trade_order_event_add_all(d->db, d->a, v, (size_t)*n, e) == -1 ||
	    trade_session_update(d->db, s, e) == -1)
		return -1;
	return event_pack_publish(d->db, pack, e);
}
