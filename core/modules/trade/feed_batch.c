/*
 * Ticks into memory. What a tick did is gathered in the batch and becomes one
 * transaction; the newest of each symbol is told at once, at most so often as
 * the setting allows. Pure but for the datagrams to the gateway.
 */
#include <string.h>

#include "base/arena.h"
#include "base/random.h"
#include "modules/trade/feed_inner.h"

enum { GAPS_MAX = 200 };

struct trade_quote
trade_live_quote(const struct trade_live *l)
{
	const struct trade_builder *b = &l->b;
	struct trade_quote q = { .instrument_id = l->i.id, .bid = b->bid,
	    .ask = b->ask, .last = b->last, .at = b->at,
	    .heard_at = b->heard_at };

	if (q.bid.e8 == 0)
		q.bid = q.last.e8 != 0 ? q.last : q.ask;
	if (q.ask.e8 == 0 || q.ask.e8 < q.bid.e8)
		q.ask = q.last.e8 > q.bid.e8 ? q.last : q.bid;
	if (q.last.e8 == 0)
		q.last.e8 = q.bid.e8 + (q.ask.e8 - q.bid.e8) / 2;
	return q;
}

static void
touch(struct trade_batch *b, struct trade_live *l)
{
	if (!l->touched)
		*VEC_ADD(b->a, &b->touched) = l;
	l->touched = true;
	l->b.dirty = true;
}

static void
note_gap(struct trade_batch *b, const struct trade_live *l,
    const struct trade_gap_out *g)
{
	if (b->gaps.n < GAPS_MAX)
		*VEC_ADD(b->a, &b->gaps) = (struct trade_gap){
		    .tenant_id = l->i.tenant_id, .instrument_id = l->i.id,
		    .symbol = l->i.symbol, .exchange = l->i.exchange,
		    .timeframe = g->timeframe, .from_at = g->from,
		    .to_at = g->to, .missing = g->missing,
		    .cause = strcmp(g->timeframe, "tick") == 0 ? "sequence" :
		    "silence", .found_at = b->now };
}

static void
add_bars(struct trade_batch *b, struct trade_live *l,
    const struct trade_build *out, const struct trade_quote *q)
{
	for (size_t i = 0; i < out->nbars; i++) {
		struct trade_happening *h;

		if (out->bars[i].timeframe < l->shortest)
			continue;
		h = VEC_ADD(b->a, &b->news);
		h->live = l;
		h->is_bar = true;
		h->bar = out->bars[i];
		h->quote = *q;
		h->shown = h->bar.bar;
	}
}

static void
want_told(struct trade_memory *m, struct trade_live *l)
{
	if (l->untold)
		return;
	l->untold = true;
	l->next_untold = m->untold;
	m->untold = l;
}

void
trade_batch_tick(struct trade_batch *b, struct trade_live *l,
    struct trade_source *s, struct uuid feed, const struct trade_tick *given,
    bool keep)
{
	struct trade_tick t = *given;
	struct trade_quote before = trade_live_quote(l);
	struct trade_build out;
	struct trade_happening *h;

	b->ticks++;
	touch(b, l);
	if (!uuid_is_nil(l->driver) && (s == NULL ||
	    !uuid_equal(s->feed.id, l->driver))) {
		l->refused++;
		return;
	}
	l->speaker = s != NULL ? s->feed.id : feed;
	t.symbol = l->i.symbol;
	t.exchange = l->i.exchange;
	trade_build_tick(&l->b, &t, b->quiet, &out);
	for (size_t i = 0; i < out.ngaps; i++)
		note_gap(b, l, &out.gaps[i]);
	if (out.fills_gap)
		*VEC_ADD(b->a, &b->filled) = t;
	if (out.fate == TICK_DUPLICATE || out.fate == TICK_OLD)
		return;
	if (keep)
		*VEC_ADD(b->a, &b->keep) = t;
	add_bars(b, l, &out, &before);
	if (out.fate == TICK_LATE)
		return;
	h = VEC_ADD(b->a, &b->news);
	h->live = l;
	h->tick = t;
	h->quote = trade_live_quote(l);
	want_told(b->m, l);
}

void
trade_batch_close(struct trade_batch *b, struct trade_live *l,
    struct utc now)
{
	const struct trade_quote q = trade_live_quote(l);
	struct trade_build out;

	trade_build_close(&l->b, now, &out);
	if (out.nbars == 0)
		return;
	touch(b, l);
	add_bars(b, l, &out, &q);
}

bool
trade_batch_empty(const struct trade_batch *b)
{
	return b->touched.n == 0 && b->intake.n == 0 && b->posted.n == 0 &&
	    b->sources.n == 0;
}

/* ---- telling ------------------------------------------------------------------------ */

enum { CHUNK = 512, AGAIN_NS = 2000000 };

/* Events of one datagram, and whose they are. */
struct telling {
	struct arena *a;
	struct event_burst *burst;
	struct trade_live *of[CHUNK];
	size_t n;
	struct trade_live *rest;	/* to be told later */
	int64_t now_ns, pause_ns, next_ns;
};

static void
add(struct telling *t, const struct trade_live *l,
    const struct trade_market_data *d)
{
	event_burst_add(t->burst, &trade_feed_events[TRADE_EV_MARKET],
	    l->i.tenant_id, trade_market_entity(t->a, &l->i, d->final ?
	    d->timeframe : NULL), 0, d);
}

static void
add_tick(struct telling *t, const struct trade_live *l)
{
	const struct trade_quote q = trade_live_quote(l);
	const struct trade_forming *f = &l->b.now[TRADE_1M];
	const struct trade_market_data d = { .symbol = l->i.symbol,
	    .exchange = l->i.exchange, .kind = "tick", .at = q.at,
	    .last = q.last, .bid = q.bid, .ask = q.ask,
	    .volume = f->bar.volume, .timeframe = "1m",
	    .bar_at = f->bar.at, .open = f->bar.open, .high = f->bar.high,
	    .low = f->bar.low, .close = f->bar.close };

	add(t, l, &d);
}

static void
later(struct telling *t, struct trade_live *l, int64_t in_ns)
{
	l->next_untold = t->rest;
	t->rest = l;
	if (in_ns < t->next_ns)
		t->next_ns = in_ns;
}

/* What the gateway does not take now is told again: the newest is not lost. */
static void
send(struct telling *t)
{
	bool sent = event_burst_send(t->burst) == 0;

	for (size_t i = 0; i < t->n; i++) {
		if (!sent) {
			later(t, t->of[i], AGAIN_NS);
			continue;
		}
		t->of[i]->tat_ns = (t->of[i]->tat_ns > t->now_ns ?
		    t->of[i]->tat_ns : t->now_ns) + t->pause_ns;
		t->of[i]->untold = false;
	}
	t->n = 0;
	if (!sent)
		t->burst = event_burst_new(t->a);
}

/* The rate of each symbol by GCRA with one event in advance, so that ticks
 * that come about as often as they may be told do not wait. */
int64_t
trade_tell_due(struct trade_memory *m, struct arena *a, int64_t now_ns,
    int64_t per_second)
{
	int64_t pause = INT64_C(1000000000) / per_second;
	struct telling *t = arena_alloc(a, sizeof(*t));
	struct trade_live *l = m->untold;

	t->a = a;
	t->burst = event_burst_new(a);
	t->now_ns = now_ns;
	t->pause_ns = t->next_ns = pause;
	while (l != NULL) {
		struct trade_live *after = l->next_untold;
		int64_t due = l->tat_ns - pause - now_ns;

		if (due > 0)
			later(t, l, due);
		else {
			add_tick(t, l);
			t->of[t->n++] = l;
			if (t->n == CHUNK || event_burst_full(t->burst))
				send(t);
		}
		l = after;
	}
	send(t);
	m->untold = t->rest;
	return t->rest == NULL ? -1 : t->next_ns / 1000000 + 1;
}

struct trade_market_data
trade_market_bar(const struct trade_happening *h)
{
	const struct trade_bar *b = &h->shown;

	return (struct trade_market_data){ .symbol = h->live->i.symbol,
	    .exchange = h->live->i.exchange, .kind = "bar",
	    .at = h->quote.at, .last = b->close, .bid = h->quote.bid,
	    .ask = h->quote.ask, .volume = b->volume,
	    .timeframe = trade_timeframe_names[h->bar.timeframe],
	    .bar_at = b->at, .open = b->open, .high = b->high,
	    .low = b->low, .close = b->close, .version = b->version,
	    .final = true };
}

void
trade_bars_tell(struct arena *a, const struct trade_batch *b)
{
	struct telling *t = arena_alloc(a, sizeof(*t));

	t->a = a;
	t->burst = event_burst_new(a);
	for (size_t i = 0; i < b->news.n; i++) {
		struct trade_market_data d;

		if (!b->news.v[i].is_bar)
			continue;
		d = trade_market_bar(&b->news.v[i]);
		add(t, b->news.v[i].live, &d);
		if (event_burst_full(t->burst))
			send(t);
	}
	send(t);
}
