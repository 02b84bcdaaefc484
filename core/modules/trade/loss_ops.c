/*
 * Stopping accounts at their day's loss. Refuses nothing itself: the check of
 * orders does, and the state it leaves. Invariants: exits rest on; only an
 * active session becomes reducing, never one that somebody halted.
 */
#include <string.h>

#include "base/err.h"
#include "base/random.h"
#include "modules/trade/limit.h"
#include "modules/trade/loss.h"
#include "modules/trade/order_inner.h"

#define S struct trade_session
#define O struct trade_order

static bool
active(const S *s)
{
	return strcmp(s->state, "active") == 0;
}

int
trade_loss_reduce(struct db *db, struct arena *a, struct uuid session,
    struct utc now, struct err *e)
{
	S s;
	int rc = trade_session_lock(db, a, session, &s, e);

	if (rc != 0 || !active(&s))
		return rc == -1 ? -1 : 0;
	s.state = "reducing";
	s.updated_at = now;
	return trade_session_update(db, &s, e);
}

/* ---- without an order ----------------------------------------------------------------- */

struct watch {
	struct trade_desk *d;
	S s;
	struct utc day;			/* as the row has it */
	bool lost;
};

static int
weigh(struct watch *w, struct err *e)
{
	struct trade_limits limits = w->d->limits;

	w->day = w->s.day;
	if (trade_session_value(w->d->db, w->d->a, &w->s, w->d->now, e) ==
	    -1 || trade_risk_limits(w->d->db, w->d->a, w->s.tenant_id,
	    w->s.id, &limits, e) == -1)
		return -1;
	w->lost = trade_risk_lost(&limits, w->s.equity, w->s.day_equity);
	return 0;
}

static int
say(struct watch *w, struct err *e)
{
	const struct trade_risk_hit hit = { .id = uuid_new(),
	    .tenant_id = w->s.tenant_id, .session_id = w->s.id,
	    .client_order_id = "", .symbol = "", .rule = "daily_loss",
	    .detail = "The day's loss limit is reached: the session only "
	    "takes orders that reduce a position", .at = w->d->now };

	return trade_risk_hit_add(w->d->db, &hit, e);
}

/* On the side of what is held, or nothing is held. */
static int
opens(struct watch *w, const O *o, struct err *e)
{
	struct trade_position p = { .quantity = { 0 } };

	if (o->reduce_only)
		return 0;
	if (trade_position_get(w->d->db, w->d->a, w->s.id, o->instrument_id,
	    &p, e) == -1)
		return -1;
	return p.quantity.e8 == 0 || (p.quantity.e8 > 0) ==
	    trade_order_buys(o);
}

static int
cancel_openers(struct watch *w, struct err *e)
{
	struct rows rows;

	if (trade_order_all_open(w->d->db, w->d->a, w->s.id, &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		O *o = ROW(&rows, O, i);
		int rc = opens(w, o, e);

		if (rc == -1 || (rc == 1 && trade_order_end(w->d, &w->s, o,
		    "the day's loss limit", e) == -1 && e->status != 409))
			return -1;
		err_clear(e);	/* its cancel is on its way */
	}
	return 0;
}

static int
act(struct db *db, void *arg, struct err *e)
{
	struct watch *w = arg;
	bool stops;
	int rc = trade_session_lock(db, w->d->a, w->s.id, &w->s, e);

	if (rc != 0)
		return rc == 1 ? 0 : -1;
	if (weigh(w, e) == -1)
		return -1;
	stops = w->lost && active(&w->s);
	if (stops)
		w->s.state = "reducing";
	if (stops || w->s.day.us != w->day.us) {
		w->s.updated_at = w->d->now;
		if (trade_session_update(db, &w->s, e) == -1)
			return -1;
	}
	if (stops && say(w, e) == -1)
		return -1;
	return w->lost ? cancel_openers(w, e) : 0;
}

int
trade_loss_watch(struct trade_desk *d, const S *seen, struct err *e)
{
	struct watch w = { .d = d, .s = *seen };

	if (weigh(&w, e) == -1)
		return -1;
	if (!w.lost && w.s.day.us == w.day.us)
		return 0;
	return db_txn(d->db, d->a, act, &w, e);
}
