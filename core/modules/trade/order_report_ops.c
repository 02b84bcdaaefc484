/*
 * What is heard about an order: from the paper broker, a live one, or whoever
 * reconciles. Reports come in any order and more than once. Invariants: filled
 * only grows and never beyond the quantity; a fill, its position, its cash and
 * its events are one change; what cannot be true is kept and changes nothing.
 */
#include <string.h>

#include "base/codec.h"
#include "base/err.h"
#include "base/number.h"
#include "base/random.h"
#include "modules/trade/order_inner.h"
#include "shm/shm.h"

#define O struct trade_order
__extension__ typedef __int128 wide;

static const struct metric untrue = { "trade_reports_refused_total",
    "What was heard about orders and cannot be true", METRIC_COUNTER,
    { NULL, NULL } };
static const struct metric bare = { "trade_exits_rejected_total",
    "Exits that a broker did not take: a position without protection",
    METRIC_COUNTER, { NULL, NULL } };
const struct metric *const trade_order_metrics[] = { &untrue, &bare, NULL };

static const struct {
	enum trade_order_happening happens;
	const char *cause;
} kinds[] = {
	[REPORT_ACCEPTED] = { HAPPENS_ACCEPT, "accepted" },
	[REPORT_REJECTED] = { HAPPENS_REJECT, "rejected by the broker" },
	[REPORT_TRIGGERED] = { HAPPENS_TRIGGER, "the stop was reached" },
	[REPORT_FILL] = { HAPPENS_FILL, "filled" },
	[REPORT_CANCELLED] = { HAPPENS_CANCEL, "cancelled" },
	[REPORT_REPLACED] = { HAPPENS_REPLACED, "changed" },
	[REPORT_EXPIRED] = { HAPPENS_EXPIRE, "its time is over" },
	[REPORT_CANCEL_REFUSED] = { HAPPENS_CANCEL_REFUSED,
	    "the cancel was refused" },
	[REPORT_REPLACE_REFUSED] = { HAPPENS_REPLACE_REFUSED,
	    "the change was refused" },
	[REPORT_UNKNOWN] = { HAPPENS_LOST, "the broker's answer was lost" }
};

/* The first n bytes at most of a broker's text, whole characters only. */
static const char *
clip(struct arena *a, const char *text, size_t n)
{
	size_t at = 0, left = text == NULL ? 0 : strlen(text);

	while (left > 0) {
		int step = utf8_step(text + at, left);

		if (step <= 0 || at + (size_t)step > n)
			break;
		at += (size_t)step;
		left -= (size_t)step;
	}
	return at == 0 ? "" : arena_strndup(a, text, at);
}

static const char *
cause(struct trade_desk *d, const struct trade_report *r)
{
	/* the column has 200 characters */
	const char *why = clip(d->a, r->reason, 140);

	return *why == '\0' ? kinds[r->kind].cause : arena_printf(d->a,
	    "%s: %s", kinds[r->kind].cause, why);
}

static int
too_large(struct err *e)
{
	return err_set(e, 422, "overflow", "The amount is too large");
}

/* It cannot be true here: written down, counted, nothing changed. 1. */
static int
keep(struct trade_desk *d, struct trade_session *s, O *o,
    const struct trade_report *r, const char *why, struct err *e)
{
	struct trade_note n = { .from = o->state, .kept = true,
	    .quantity = r->quantity, .price = r->price,
	    .broker_at = r->at };

	n.cause = arena_printf(d->a, "%s (%s)", cause(d, r), why);
	o->refused++;
	metric_add(&untrue, 0, 0, 1);
	return trade_order_write(d, s, o, &n, e) == -1 ? -1 : 1;
}

/* ---- a fill ------------------------------------------------------------------------- */

static int
take(struct trade_desk *d, struct trade_session *s, const O *o,
    const struct trade_report *r, struct dec *held, struct err *e)
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
	if (trade_holding_fill(&h, trade_order_signed(o, r->quantity),
	    r->price, r->fee, e) == -1)
		return -1;
	p.quantity = h.quantity;
	p.avg_price = h.avg_price;
	p.realized = h.realized;
	p.fees = h.fees;
	p.updated_at = d->now;
	*held = p.quantity;
	return trade_position_put(d->db, &p, e) == -1 ? -1 :
	    trade_position_tell(d->db, d->a, &p, e);
}

/* The mean over all fills, not over rounded means. */
static int
mean(struct trade_desk *d, O *o, const struct trade_report *r, struct err *e)
{
	struct trade_part *part;
	struct rows rows = { .n = 0 };

	if (o->filled.e8 > 0 && o->avg_price.e8 != r->price.e8 &&
	    trade_fill_of(d->db, d->a, o->id, &rows, e) == -1)
		return -1;
	if (rows.n == 0) {
		o->avg_price = r->price;
		return 0;
	}
	part = arena_array(d->a, rows.n + 1, sizeof(*part));
	for (size_t i = 0; i < rows.n; i++) {
		const struct trade_fill *f = ROW(&rows, struct trade_fill, i);

		part[i] = (struct trade_part){ f->quantity, f->price };
	}
	part[rows.n] = (struct trade_part){ r->quantity, r->price };
	return trade_order_mean(part, rows.n + 1, &o->avg_price) == -1 ?
	    too_large(e) : 0;
}

/* The filled part of what was held is held no longer. */
static void
release(struct trade_session *s, O *o, struct dec q)
{
	int64_t rest = trade_order_leaves(o).e8 - q.e8;

	trade_order_hold(s, o, (struct dec){ rest <= 0 ? 0 :
	    (int64_t)((wide)o->reserved.e8 * rest / (rest + q.e8)) });
}

static int
put_fill(struct trade_desk *d, struct trade_session *s, const O *o,
    const struct trade_report *r, bool late, struct dec *held, struct err *e)
{
	const struct trade_fill f = { .id = uuid_new(),
	    .tenant_id = o->tenant_id, .session_id = s->id,
	    .order_id = o->id, .seq = o->version + 1, .symbol = o->symbol,
	    .side = o->side, .quantity = r->quantity, .price = r->price,
	    .fee = r->fee, .at = d->now, .instrument_id = o->instrument_id,
	    .broker_fill_id = r->broker_fill_id,
	    .liquidity = r->liquidity != NULL ? r->liquidity : "unknown",
	    .late = late, .market_at = r->market_at };
	struct dec worth, fee = { -r->fee.e8 };

	if (dec_mul(r->quantity, r->price, &worth) == -1)
		return too_large(e);
	worth = trade_order_signed(o, (struct dec){ -worth.e8 });
	if (trade_fill_add(d->db, &f, e) == -1 || take(d, s, o, r, held, e) ==
	    -1 ||
	    trade_session_book(d->db, s, "trade", worth, o->id, d->now, e) ==
	    -1)
		return -1;
	return fee.e8 == 0 ? 0 : trade_session_book(d->db, s, "fee", fee,
	    o->id, d->now, e);
}

static const char *
nonsense(const O *o, const struct trade_report *r)
{
	if (r->quantity.e8 <= 0 || r->price.e8 <= 0)
		return "no quantity or price";
	return r->quantity.e8 > trade_order_leaves(o).e8 ?
	    "more than is left of it" : NULL;
}

static int
fill(struct trade_desk *d, struct trade_session *s, O *o,
    const struct trade_report *r, struct err *e)
{
	struct trade_note n = { .quantity = r->quantity, .price = r->price,
	    .broker_at = r->at, .cause = cause(d, r) };
	bool late = !o->has_open, last;
	struct dec held;
	int rc = r->broker_fill_id == NULL ? 1 : trade_fill_known(d->db,
	    d->a, o->id, r->broker_fill_id, e);

	if (rc != 1)
		return rc == 0 ? 1 : -1;
	/* a larger quantity is at the broker before its answer is here */
	if (r->quantity.e8 > trade_order_leaves(o).e8 &&
	    r->quantity.e8 <= o->want_quantity.e8 - o->filled.e8)
		o->quantity = o->want_quantity;
	if (nonsense(o, r) != NULL)
		return keep(d, s, o, r, nonsense(o, r), e);
	last = r->quantity.e8 == trade_order_leaves(o).e8;
	if (trade_order_step(o, last ? HAPPENS_LAST_FILL : HAPPENS_FILL,
	    &n.from) == -1)
		return keep(d, s, o, r, "not in this state", e);
	if (mean(d, o, r, e) == -1)
		return -1;
	release(s, o, r->quantity);
	o->late = o->late || late;
	if (late)
		n.cause = arena_printf(d->a, "%s, late", n.cause);
	if (put_fill(d, s, o, r, late, &held, e) == -1)
		return -1;
	o->filled.e8 += r->quantity.e8;
	return trade_order_write(d, s, o, &n, e) == -1 ? -1 :
	    trade_order_filled(d, s, o, r->quantity, held, e);
}

/* ---- everything else ------------------------------------------------------------------ */

/* The broker's identifier, once. False: it has another one. */
static bool
learn(O *o, const struct trade_report *r)
{
	if (r->broker_order_id == NULL || *r->broker_order_id == '\0')
		return true;
	if (o->broker_order_id == NULL)
		o->broker_order_id = r->broker_order_id;
	return strcmp(o->broker_order_id, r->broker_order_id) == 0;
}

/* A newer change or a refusal: want_* is moot; diff > 0 was held too much. */
static void
settle_want(struct trade_session *s, O *o, bool refused)
{
	int64_t diff = o->want_reserved.e8, held = o->reserved.e8;

	if (refused ? diff > 0 : diff < 0)
		held -= diff > 0 ? diff : -diff;
	trade_order_hold(s, o, (struct dec){ held > 0 ? held : 0 });
	o->want_quantity.e8 = o->want_limit_price.e8 =
	    o->want_stop_price.e8 = o->want_reserved.e8 = 0;
}

/* The terms as they are now; false: nothing is left to fill. */
static bool
replaced(struct trade_session *s, O *o, const struct trade_report *r)
{
	bool stop = o->limit_price.e8 == 0 && o->stop_price.e8 > 0;

	if (o->want_quantity.e8 > 0) {
		o->quantity = o->want_quantity;
		if (o->want_limit_price.e8 > 0)
			o->limit_price = o->want_limit_price;
		if (o->want_stop_price.e8 > 0)
			o->stop_price = o->want_stop_price;
		settle_want(s, o, false);
	}
	if (r->quantity.e8 > 0)
		o->quantity = r->quantity;
	if (r->price.e8 > 0)
		*(stop ? &o->stop_price : &o->limit_price) = r->price;
	if (o->quantity.e8 < o->filled.e8)
		o->quantity = o->filled;
	return o->quantity.e8 > o->filled.e8;
}

static void
effects(struct trade_desk *d, struct trade_session *s, O *o,
    const struct trade_report *r)
{
	const char *from;

	switch (r->kind) {
	case REPORT_TRIGGERED:
		o->triggered_at = d->now;
		break;
	case REPORT_REJECTED:
		if (!uuid_is_nil(o->parent_id))
			metric_add(&bare, 0, 0, 1);
		o->reject_code = "rejected";
		o->reject_detail = clip(d->a, r->reason, 290);
		break;
	case REPORT_REPLACED:
		if (!replaced(s, o, r))
			trade_order_step(o, HAPPENS_LAST_FILL, &from);
		break;
	case REPORT_REPLACE_REFUSED:
		settle_want(s, o, true);
		break;
	default:
		break;
	}
	if (!o->has_open)
		trade_order_hold(s, o, (struct dec){ 0 });
}

/* Does the order show already what the report says? */
static bool
known(const O *o, const struct trade_report *r)
{
	switch (r->kind) {
	case REPORT_ACCEPTED:
		return !trade_order_in(o, ORDER_SUBMITTING) &&
		    !trade_order_in(o, ORDER_UNKNOWN) &&
		    !trade_order_in(o, ORDER_DENIED) &&
		    !trade_order_in(o, ORDER_REJECTED);
	case REPORT_REJECTED:
		return trade_order_in(o, ORDER_REJECTED);
	case REPORT_TRIGGERED:
		return o->triggered_at.us != 0;
	case REPORT_CANCELLED:
		return trade_order_in(o, ORDER_CANCELLED);
	case REPORT_EXPIRED:
		return trade_order_in(o, ORDER_EXPIRED);
	case REPORT_UNKNOWN:
		return trade_order_in(o, ORDER_UNKNOWN) ||
		    trade_order_in(o, ORDER_PENDING_CANCEL) ||
		    trade_order_in(o, ORDER_PENDING_REPLACE);
	default:
		return false;
	}
}

/* A late word of the broker's about what is known, with its identifier. */
static int
only_learn(struct trade_desk *d, struct trade_session *s, O *o, bool news,
    struct err *e)
{
	const struct trade_note n = { .from = o->state,
	    .cause = "the broker's identifier" };

	if (!news)
		return 1;
	return trade_order_write(d, s, o, &n, e) == -1 ? -1 : 0;
}

/* An answer to a change before the last one: that one is still to be sent. */
static int
older(struct trade_desk *d, struct trade_session *s, O *o,
    const struct trade_report *r, struct err *e)
{
	const struct trade_note n = { .from = o->state, .cause = cause(d, r),
	    .quantity = r->quantity, .price = r->price, .broker_at = r->at };

	if (r->kind == REPORT_REPLACED && r->quantity.e8 > o->filled.e8)
		o->quantity = r->quantity;
	return trade_order_write(d, s, o, &n, e);
}

static bool
is_older(const O *o, const struct trade_report *r)
{
	return (r->kind == REPORT_REPLACED ||
	    r->kind == REPORT_REPLACE_REFUSED) &&
	    trade_order_in(o, ORDER_PENDING_REPLACE) && o->send != NULL &&
	    o->sent_at.us == 0;
}

int
trade_order_report(struct trade_desk *d, struct trade_session *s, O *o,
    const struct trade_report *r, struct err *e)
{
	struct trade_note n = { .quantity = r->quantity, .price = r->price,
	    .broker_at = r->at, .cause = cause(d, r) };
	bool named = o->broker_order_id != NULL;
	int rc;

	if (!learn(o, r))
		return keep(d, s, o, r, "another identifier", e);
	if (r->kind == REPORT_FILL) {
		rc = fill(d, s, o, r, e);
	} else if (known(o, r)) {
		return only_learn(d, s, o, !named && o->broker_order_id !=
		    NULL, e);
	} else if (is_older(o, r)) {
		return older(d, s, o, r, e);
	} else if (trade_order_step(o, kinds[r->kind].happens, &n.from) ==
	    -1) {
		return keep(d, s, o, r, "not in this state", e);
	} else {
		effects(d, s, o, r);
		rc = trade_order_write(d, s, o, &n, e);
	}
	if (rc != 0)
		return rc;
	return trade_order_afterwards(d, s, o, e) == -1 ? -1 : 0;
}
