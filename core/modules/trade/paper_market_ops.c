/*
 * The market moves: quotes, ticks and bars meet the resting orders of every
 * session. A session is only held when the news could change something for
 * it, sessions in the order of their ids. Refused: news that is older than
 * what is known; a bar that was met is never met again, its correction is
 * written down.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"
#include "modules/trade/order_inner.h"
#include "modules/trade/paper_run.h"

#define LINE struct trade_paper_line
#define LOG struct trade_paper_log

/* ---- whom it concerns ------------------------------------------------------------- */

static int
one_session(struct trade_desk *d, struct uuid id,
    const struct trade_paper_input *market, struct err *e)
{
	struct trade_paper_input in = *market;
	struct trade_paper_visit v;
	struct trade_paper_run r;
	int rc = trade_paper_run_enter(&r, &v, d, id, in.instrument_id, e);

	if (rc != 0)
		return rc == 1 ? 0 : -1;
	if (trade_paper_run_input(&r, &in, e) == -1 ||
	    trade_paper_run_rest(&r, e) == -1)
		return -1;
	return trade_paper_run_close(&r, e);
}

/* One session's lines, from i on; their number. *touched: it concerns them. */
static size_t
group(struct trade_desk *d, const struct rows *lines, size_t i,
    const struct trade_paper_input *in, bool *touched)
{
	const LINE *first = ROW(lines, LINE, i);
	const struct trade_paper_terms t = { .spread_ppm =
	    first->spread_ppm };
	VEC(struct trade_paper_resting) v = { NULL, 0, 0 };
	size_t n = 0;

	for (; i + n < lines->n && uuid_equal(ROW(lines, LINE, i + n)->
	    session_id, first->session_id); n++) {
		struct trade_paper_resting *o = VEC_ADD(d->a, &v);

		if (trade_paper_read_order(ROW(lines, LINE, i + n)->line, o)
		    == -1)
			v.n--;
	}
	*touched = trade_paper_touches(&t, v.v, v.n, in);
	return n;
}

static int
meet_all(struct trade_desk *d, const struct trade_paper_input *in,
    struct err *e)
{
	struct rows lines;
	bool touched;

	if (trade_paper_line_of(d->db, d->a, in->instrument_id, &lines, e) ==
	    -1)
		return -1;
	for (size_t i = 0; i < lines.n;) {
		struct uuid session = ROW(&lines, LINE, i)->session_id;
		struct arena_mark mark = arena_mark(d->a);
		int rc;

		i += group(d, &lines, i, in, &touched);
		rc = touched ? one_session(d, session, in, e) : 0;
		arena_rewind(d->a, mark);
		if (rc == -1)
			return -1;
	}
	return 0;
}

/* ---- quotes and ticks --------------------------------------------------------------- */

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
	struct trade_paper_input in;
	int rc = news(d, q, e);

	if (rc != 0)
		return rc;
	if (trade_paper_run_known(d, q->instrument_id, "quote", &in, e) == -1)
		return -1;
	return meet_all(d, &in, e);
}

int
trade_paper_meet(struct trade_desk *d, const struct trade_paper_tick *t,
    struct err *e)
{
	struct trade_paper_input in;

	if (trade_paper_run_known(d, t->instrument_id, t->last.e8 > 0 ?
	    "tick" : "quote", &in, e) == -1)
		return -1;
	if (t->last.e8 > 0)
		in.last = t->last;
	in.bid = t->bid;
	in.ask = t->ask;
	in.volume = t->volume;
	in.market_at = t->at;
	in.held = t->lags;
	return meet_all(d, &in, e);
}

int
trade_paper_on_tick(struct trade_desk *d, const struct trade_paper_tick *t,
    struct err *e)
{
	bool quote = t->bid.e8 > 0 && t->ask.e8 >= t->bid.e8;
	struct trade_quote q = { .instrument_id = t->instrument_id,
	    .bid = quote ? t->bid : t->last, .ask = quote ? t->ask : t->last,
	    .last = t->last, .at = t->at, .heard_at = d->now };
	int rc;

	if (q.last.e8 == 0)
		q.last.e8 = q.bid.e8 + (q.ask.e8 - q.bid.e8) / 2;
	rc = news(d, &q, e);
	return rc != 0 ? rc : trade_paper_meet(d, t, e);
}

/* ---- bars ---------------------------------------------------------------------------- */

static void
bar_into(struct trade_paper_input *in, const char *timeframe,
    const struct trade_bar *b)
{
	in->timeframe = timeframe;
	in->open = b->open;
	in->high = b->high;
	in->low = b->low;
	in->last = b->close;
	in->volume = in->flow = b->volume;
	in->bid.e8 = in->ask.e8 = 0;
	in->market_at = b->at;
}

int
trade_paper_meet_bar(struct trade_desk *d, int64_t instrument,
    const char *timeframe, const struct trade_bar *b, struct err *e)
{
	struct trade_paper_input in;

	if (trade_paper_run_known(d, instrument, "bar", &in, e) == -1)
		return -1;
	in.held = false;
	bar_into(&in, timeframe, b);
	return meet_all(d, &in, e);
}

static int
by_time(const void *x, const void *y)
{
	const struct trade_bar *p = x, *q = y;

	return p->at.us < q->at.us ? -1 : p->at.us > q->at.us;
}

int
trade_paper_on_bars(struct trade_desk *d, int64_t instrument,
    const char *timeframe, const struct trade_bar *given, size_t n,
    struct err *e)
{
	struct trade_bar *b = arena_memdup(d->a, given, n * sizeof(*b));
	size_t old = 0;

	qsort(b, n, sizeof(*b), by_time);
	for (size_t i = 0; i < n; i++) {
		const struct trade_quote q = { instrument, b[i].close,
		    b[i].close, b[i].close, b[i].at, d->now };
		int rc = news(d, &q, e);

		old += rc == 1;
		if (rc == -1 || (rc == 0 && trade_paper_meet_bar(d,
		    instrument, timeframe, &b[i], e) == -1))
			return -1;
	}
	return old == 0 ? 0 : trade_paper_corrected(d, instrument, timeframe,
	    b, old, e);
}

/* ---- corrections ----------------------------------------------------------------------- */

static bool
same_bar(const struct trade_paper_input *in, const struct trade_bar *b)
{
	return in->open.e8 == b->open.e8 && in->high.e8 == b->high.e8 &&
	    in->low.e8 == b->low.e8 && in->last.e8 == b->close.e8 &&
	    in->volume.e8 == b->volume.e8;
}

static int
write_down(struct trade_desk *d, const LOG *g, const char *timeframe,
    const struct trade_bar *b, struct err *e)
{
	struct trade_paper_input in = { .kind = "note", .at = d->now,
	    .instrument_id = g->instrument_id };
	struct trade_paper_run r;
	struct trade_session s;
	int rc = trade_session_lock(d->db, d->a, g->session_id, &s, e);

	if (rc != 0)
		return rc == 1 ? 0 : -1;
	bar_into(&in, timeframe, b);
	if (trade_paper_run_open(&r, d, &s, e) == -1)
		return -1;
	r.changed = true;
	if (trade_paper_run_input(&r, &in, e) == -1)
		return -1;
	return trade_paper_run_close(&r, e);
}

/* The last word of a session about a bar: what it met, or was noted later. */
static bool
last_word(const struct rows *logs, size_t i)
{
	const LOG *g = ROW(logs, LOG, i);

	for (size_t k = i + 1; k < logs->n; k++)
		if (uuid_equal(ROW(logs, LOG, k)->session_id, g->session_id) &&
		    ROW(logs, LOG, k)->market_at.us == g->market_at.us)
			return false;
	return true;
}

int
trade_paper_corrected(struct trade_desk *d, int64_t instrument,
    const char *timeframe, const struct trade_bar *b, size_t n,
    struct err *e)
{
	struct trade_paper_input in;
	struct rows logs;
	uint64_t seen;

	if (trade_paper_log_bars(d->db, d->a, instrument, b[0].at,
	    b[n - 1].at, &logs, e) == -1)
		return -1;
	for (size_t i = 0; i < logs.n; i++) {
		const LOG *g = ROW(&logs, LOG, i);
		const struct trade_bar *now;

		if (!last_word(&logs, i) || schema_decode_json(
		    &trade_paper_input_schema, g->body, strlen(g->body),
		    "log", false, d->a, &in,
		    &seen, e) == -1)
			continue;
		now = bsearch(&(struct trade_bar){ .at = g->market_at }, b, n,
		    sizeof(*b), by_time);
		if (now != NULL && strcmp(in.timeframe, timeframe) == 0 &&
		    !same_bar(&in, now) &&
		    write_down(d, g, timeframe, now, e) == -1)
			return -1;
	}
	return 0;
}

/* ---- the feed ---------------------------------------------------------------------------- */

/* The feed has made it the quote, or will. */
static int
heard_tick(struct trade_listen *x, const struct trade_tick *t, struct err *e)
{
	const struct trade_paper_tick tick = { .instrument_id =
	    x->instrument->id, .last = t->last, .volume = t->volume,
	    .bid = t->bid, .ask = t->ask, .at = t->at };

	return trade_paper_meet(&x->desk, &tick, e);
}

/* The ticks that made it were met, or whoever posted it has shown it. */
static int
heard_bar(struct trade_listen *x, const struct trade_bar_news *n,
    struct err *e)
{
	return n->corrected ? trade_paper_corrected(&x->desk,
	    x->instrument->id, n->timeframe, &n->bar, 1, e) : 0;
}

const struct trade_listener trade_paper_listener = {
	.name = "paper", .resting = true, .on_tick = heard_tick,
	.on_bar = heard_bar
};
