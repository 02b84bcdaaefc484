/*
 * Counting what came of acts. Under the session's row, so that no fill comes
 * between looking and counting; a fill that is counted is never counted again.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/number.h"
#include "base/random.h"
#include "modules/platform/platform.h"
#include "modules/trade/reward.h"
#include "modules/trade/session.h"

struct counting {
	struct db *db;
	struct arena *a;
	const struct trade_arming *r;
	int64_t instrument;
	const struct trade_reward_terms *terms;
	struct utc now;
	const char *symbol;
};

static int
reward(struct counting *c, const struct trade_trip *t, struct err *e)
{
	const struct trade_reward w = { .id = uuid_new(),
	    .tenant_id = t->tenant_id, .model = t->strategy,
	    .symbol = t->symbol, .reward = t->reward, .pnl = t->pnl,
	    .has_pnl = true, .reason = t->pnl.e8 > 0 ? "filled_profit" :
	    "filled_loss", .fill_id = t->fill_id, .created_at = c->now };

	return trade_reward_insert(c->db, &w, e);
}

static int
count(struct counting *c, const struct trade_trip *last, bool any,
    struct trade_stand *out, struct err *e)
{
	struct trade_trip before = *last, t;
	struct rows fills;

	if (trade_trip_new_fills(c->db, c->a, c->r, c->instrument, &fills,
	    e) == -1)
		return -1;
	for (size_t i = 0; i < fills.n; i++, any = true, before = t) {
		const struct trade_trip_fill *f = ROW(&fills,
		    struct trade_trip_fill, i);

		t = (struct trade_trip){ .fill_id = f->id,
		    .tenant_id = c->r->tenant_id, .arming_id = c->r->id,
		    .instrument_id = c->instrument, .strategy = c->r->name,
		    .symbol = c->symbol, .side = f->side,
		    .quantity = f->quantity, .price = f->price,
		    .fee = f->fee, .at = f->at };
		if (trade_trip_next(any ? &before : NULL, &t, e) == -1)
			return -1;
		if (t.has_pnl)
			t.reward = trade_reward_of(c->terms,
			    dec_real(t.pnl), f->atr, dec_real(f->price));
		if (trade_trip_insert(c->db, &t, e) == -1 || (t.has_pnl &&
		    reward(c, &t, e) == -1))
			return -1;
	}
	out->held = before.held;
	out->avg_price = before.avg_price;
	return 0;
}

static int
settle(struct counting *c, struct err *e)
{
	struct rows overs;
	char filled[DEC_TEXT], price[DEC_TEXT];

	if (trade_act_overs(c->db, c->a, c->r, c->instrument, &overs, e) ==
	    -1)
		return -1;
	for (size_t i = 0; i < overs.n; i++) {
		const struct trade_act_over *o = ROW(&overs,
		    struct trade_act_over, i);
		struct json doc = { arena_printf(c->a, "{\"order\":\"%s\","
		    "\"filled\":%s,\"avg_price\":%s}", o->state,
		    dec_format(o->filled, filled),
		    dec_format(o->avg_price, price)) };

		if (trade_act_settle(c->db, o->id, e) == -1 ||
		    (!uuid_is_nil(o->decision_id) &&
		    platform_decision_close(c->db, c->r->tenant_id,
		    o->decision_id, o->filled.e8 > 0 ? "succeeded" :
		    "failed", doc, e) == -1))
			return -1;
	}
	return 0;
}

/* Who closed a position by hand closed the arming's part of it, too. */
static void
at_most(struct trade_stand *s, int64_t session)
{
	if ((s->held.e8 > 0) != (session > 0) || session == 0)
		s->held.e8 = 0;
	else if (llabs(s->held.e8) > llabs(session))
		s->held.e8 = session;
}

int
trade_trip_sync(struct db *db, struct arena *a, const struct trade_arming *r,
    int64_t instrument, const struct trade_reward_terms *terms,
    struct utc now, struct trade_stand *out, struct err *e)
{
	struct counting c = { db, a, r, instrument, terms, now, "" };
	struct trade_position p = { .quantity = { 0 } };
	struct trade_trip last = { .seq = 0 };
	struct trade_session s;
	int64_t open;
	int rc;

	*out = (struct trade_stand){ .held = { 0 } };
	if (trade_act_unsettled(db, a, r, instrument, &open, e) == -1)
		return -1;
	if (open > 0 && db_found(trade_session_lock(db, a, r->session_id, &s,
	    e), "Session", e) == -1)
		return -1;
	rc = trade_trip_last(db, a, r, instrument, &last, e);
	if (rc == -1 || trade_position_get(db, a, r->session_id, instrument,
	    &p, e) == -1)
		return -1;
	out->held = last.held;
	out->avg_price = last.avg_price;
	if (open > 0) {
		c.symbol = p.symbol != NULL ? p.symbol : "";
		if (count(&c, &last, rc == 0, out, e) == -1 ||
		    settle(&c, e) == -1 || trade_act_opens(db, a, r,
		    instrument, &out->waiting, e) == -1)
			return -1;
	}
	if (out->held.e8 != 0)
		at_most(out, p.quantity.e8);
	return 0;
}
