/*
 * The paper broker on quotes and bars: what the market does to resting orders.
 * Everything it finds goes through trade_order_report(), like the word of a
 * broker; it never touches a live order.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/number.h"
#include "modules/trade/order_inner.h"

#define O struct trade_order

static struct trade_paper_order
paper(const O *o)
{
	struct trade_paper_order p = { .buy = strcmp(o->side, "buy") == 0,
	    .triggered = strcmp(o->state, "triggered") == 0,
	    .limit_price = o->limit_price, .stop_price = o->stop_price };

	p.type = strcmp(o->type, "market") == 0 ? PAPER_MARKET :
	    strcmp(o->type, "limit") == 0 ? PAPER_LIMIT :
	    strcmp(o->type, "stop_limit") == 0 ? PAPER_STOP_LIMIT :
	    PAPER_STOP;
	return p;
}

/* The whole rest at this price. */
static int
fill(struct trade_desk *d, struct trade_session *s, O *o, struct dec price,
    const char *why, struct err *e)
{
	struct trade_report r = { .kind = REPORT_FILL, .price = price,
	    .quantity = trade_order_leaves(o), .reason = why };
	struct dec worth;

	if (dec_mul(r.quantity, price, &worth) == -1 ||
	    dec_from_real(dec_real(worth) * d->fee, &r.fee) == -1)
		return err_set(e, 422, "overflow", "The amount is too large");
	return trade_order_report(d, s, o, &r, e) == -1 ? -1 : 0;
}

/* Acts on what the market did to one order. */
static int
meet(struct trade_desk *d, struct trade_session *s, O *o, bool fills,
    struct dec price, bool triggered, const char *why, struct err *e)
{
	const struct trade_report stop = { .kind = REPORT_TRIGGERED };

	if (triggered && o->triggered_at.us == 0 && o->stop_price.e8 > 0 &&
	    trade_order_report(d, s, o, &stop, e) == -1)
		return -1;
	return fills ? fill(d, s, o, price, why, e) : 0;
}

int
trade_paper_submit(struct trade_desk *d, struct trade_session *s, O *o,
    struct err *e)
{
	const struct trade_paper_order p = paper(o);
	struct trade_quote q = { .instrument_id = 0 };
	struct dec price = { 0 };
	bool triggered = false, fills;

	if (trade_quote_get(d->db, d->a, o->instrument_id, &q, e) == -1)
		return -1;
	fills = q.last.e8 > 0 && trade_paper_quote(&p, q.bid, q.ask, &price,
	    &triggered);
	if (fills && o->post_only)
		return trade_order_over(d, s, o, HAPPENS_CANCEL,
		    "it would have been filled at once (post_only)", e);
	if (meet(d, s, o, fills, price, triggered, "on the quote", e) == -1)
		return -1;
	if (!fills && (strcmp(o->tif, "ioc") == 0 ||
	    strcmp(o->tif, "fok") == 0))
		return trade_order_over(d, s, o, HAPPENS_CANCEL,
		    "not filled at once", e);
	return 0;
}

int
trade_paper_cancel(struct trade_desk *d, struct trade_session *s, O *o,
    const char *cause, struct err *e)
{
	const struct trade_report r = { .kind = REPORT_CANCELLED,
	    .reason = cause };

	return trade_order_report(d, s, o, &r, e) == -1 ? -1 : 0;
}

int
trade_paper_replace(struct trade_desk *d, struct trade_session *s, O *o,
    struct dec quantity, struct dec limit_price, struct dec stop_price,
    struct err *e)
{
	const struct trade_report r = { .kind = REPORT_REPLACED };

	(void)quantity;		/* the row has them as want_* */
	(void)limit_price;
	(void)stop_price;
	if (trade_order_report(d, s, o, &r, e) == -1)
		return -1;
	return o->has_open ? trade_paper_submit(d, s, o, e) : 0;
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
	int rc;
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
	if (!o.has_open || o.version != resting->version)
		return 0;
	if (fills && (rc = trade_order_may_fill(d, &s, &o, e)) != 1)
		return rc;
	if (outlived(d, &o))
		return trade_order_over(d, &s, &o, HAPPENS_EXPIRE,
		    "its day is over", e);
	return meet(d, &s, &o, fills, price, triggered, l->bar != NULL ?
	    "in a bar" : "on the quote", e);
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
