/*
 * What is asked of a session's paper market: orders that arrive, change or
 * leave, its terms, and time that passes. The caller's transaction holds the
 * session's row, or the function takes it.
 */
#include "base/clock.h"
#include "base/err.h"
#include "modules/trade/conf.h"
#include "modules/trade/order_inner.h"
#include "modules/trade/paper_run.h"

#define O struct trade_order
#define RUN struct trade_paper_run

/* ---- terms -------------------------------------------------------------------------- */

struct trade_paper_terms
trade_paper_terms_of(const void *trade_conf)
{
	const struct trade_conf *f = trade_conf;

	return (struct trade_paper_terms){ .spread_ppm = f->paper_spread_bp *
	    100, .latency_us = f->paper_latency_ms * 1000,
	    .jitter_us = f->paper_jitter_ms * 1000,
	    .share_ppm = f->paper_share_pct * 10000,
	    .fee_ppm = f->paper_fee_bp * 100, .every = f->paper_hash_every };
}

/* ---- what orders ask for ----------------------------------------------------------------- */

static int
run_order(struct trade_desk *d, struct trade_session *s, O *o,
    const O *before, struct err *e)
{
	RUN r;

	if (trade_paper_run_open(&r, d, s, e) == -1)
		return -1;
	r.own = o;
	if (r.fresh && trade_paper_run_hash(&r, "start", e) == -1)
		return -1;
	if (trade_paper_run_order(&r, o, before, e) == -1 ||
	    trade_paper_run_rest(&r, e) == -1)
		return -1;
	return trade_paper_run_close(&r, e);
}

/* While the market is at work it finds the order by itself, at once after the
 * report that made it. */
int
trade_paper_submit(struct trade_desk *d, struct trade_session *s, O *o,
    struct err *e)
{
	return d->paper != NULL ? 0 : run_order(d, s, o, NULL, e);
}

int
trade_paper_cancel(struct trade_desk *d, struct trade_session *s, O *o,
    const char *cause, struct err *e)
{
	const struct trade_report r = { .kind = REPORT_CANCELLED,
	    .reason = cause };
	const O before = *o;

	if (trade_order_report(d, s, o, &r, e) == -1)
		return -1;
	return d->paper != NULL ? 0 : run_order(d, s, o, &before, e);
}

int
trade_paper_replace(struct trade_desk *d, struct trade_session *s, O *o,
    struct dec quantity, struct dec limit_price, struct dec stop_price,
    struct err *e)
{
	const struct trade_report r = { .kind = REPORT_REPLACED };
	const O before = *o;

	(void)quantity;		/* the row has them as want_* */
	(void)limit_price;
	(void)stop_price;
	if (trade_order_report(d, s, o, &r, e) == -1)
		return -1;
	return d->paper != NULL ? 0 : run_order(d, s, o, &before, e);
}

/* ---- terms and time ---------------------------------------------------------------------- */

int
trade_paper_terms_get(struct trade_desk *d, const struct trade_session *s,
    struct trade_paper_terms *t, struct err *e)
{
	struct trade_session copy = *s;
	RUN r;

	if (trade_paper_run_open(&r, d, &copy, e) == -1)
		return -1;
	*t = r.p.terms;
	return 0;
}

int
trade_paper_terms_set(struct trade_desk *d, struct trade_session *s,
    const struct trade_paper_terms *t, struct err *e)
{
	struct trade_paper_input in = { .kind = "terms", .at = d->now,
	    .spread_ppm = t->spread_ppm, .latency_us = t->latency_us,
	    .jitter_us = t->jitter_us, .share_ppm = t->share_ppm,
	    .fee_ppm = t->fee_ppm, .every = t->every };
	RUN r;

	if (trade_paper_run_open(&r, d, s, e) == -1 ||
	    (r.fresh && trade_paper_run_hash(&r, "start", e) == -1))
		return -1;
	r.changed = true;
	if (trade_paper_run_input(&r, &in, e) == -1)
		return -1;
	return trade_paper_run_close(&r, e);
}

int
trade_paper_wake(struct trade_desk *d, struct uuid session,
    int64_t instrument, struct err *e)
{
	struct trade_paper_visit v;
	struct trade_paper_input in;
	RUN r;
	int rc = trade_paper_run_enter(&r, &v, d, session, instrument, e);

	if (rc != 0)
		return rc == 1 ? 0 : -1;
	if (trade_paper_run_known(d, instrument, "wake", &in, e) == -1 ||
	    trade_paper_run_input(&r, &in, e) == -1 ||
	    trade_paper_run_rest(&r, e) == -1)
		return -1;
	/* held back by old prices: not due any more */
	for (size_t i = 0; i < r.p.orders.n; i++)
		if (r.p.orders.v[i].place == PAPER_FLIGHT)
			r.p.orders.v[i].dirty = true;
	return trade_paper_run_close(&r, e);
}

int
trade_paper_day_end(struct trade_desk *d, struct uuid session, struct err *e)
{
	struct trade_session s;
	RUN r;
	int rc = trade_session_lock(d->db, d->a, session, &s, e);

	if (rc != 0)
		return rc == 1 ? 0 : -1;
	return trade_paper_run_open(&r, d, &s, e) == -1 ? -1 :
	    trade_paper_run_close(&r, e);
}
