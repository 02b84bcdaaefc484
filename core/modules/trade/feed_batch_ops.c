/*
 * A batch becomes rows: bars, quotes, how far each instrument and each feed
 * has come, what the listeners made of it, and the intake that is done with,
 * all in one transaction that begins with the lease. Refuses nothing; when it
 * fails, memory is forgotten and everything is read again from the rows.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/map.h"
#include "modules/trade/feed_inner.h"

enum { MINUTES_MAX = 2000, DAYS_MAX = 10 };

/* ---- an instrument into memory -------------------------------------------------------- */

static void
minute_of(struct trade_builder *b, const struct trade_progress *p)
{
	struct trade_forming *f = &b->now[TRADE_1M];

	if (p->bar_at.us == 0)
		return;
	*f = (struct trade_forming){ .on = true, .whole = p->first_at.us != 0,
	    .bar = { p->bar_at, p->open, p->high, p->low, p->close,
		p->volume, 1 },
	    .first_at = p->first_at, .last_at = p->last_at };
	trade_build_resume(b, &f->bar, TRADE_5M);
}

/* The longer bars grow on from the minutes and days that are stored. */
static int
resume(struct trade_live *l, struct db *db, struct arena *a,
    const struct trade_progress *p, struct err *e)
{
	struct trade_builder *b = &l->b;
	struct utc day = trade_bar_start(&b->hours, TRADE_1D, p->at);
	struct utc week = trade_bar_start(&b->hours, TRADE_1W, p->at);
	struct utc minute = trade_bar_start(&b->hours, TRADE_1M, p->at);
	struct rows rows;

	if (trade_bar_range(db, a, l->i.id, "1d", week, day, DAYS_MAX, &rows,
	    e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++)
		trade_build_resume(b, ROW(&rows, struct trade_bar, i),
		    TRADE_1W);
	if (trade_bar_range(db, a, l->i.id, "1m", day, minute, MINUTES_MAX,
	    &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++)
		trade_build_resume(b, ROW(&rows, struct trade_bar, i),
		    TRADE_5M);
	minute_of(b, p);
	return 0;
}

static int
load(struct trade_memory *m, struct trade_live *l, struct db *db,
    struct arena *a, struct err *e)
{
	struct trade_progress p = { .seq = 0 };
	struct trade_builder *b = &l->b;
	int rc = trade_progress_get(db, a, l->i.id, &p, e);

	if (rc == -1 || trade_hours_parse(&b->hours, l->i.zone, l->i.hours,
	    l->i.closed_on, e) == -1)
		return -1;
	(void)m;
	l->driver = p.feed_id;
	l->speaker = p.source_id;
	l->refused = p.refused;
	b->seq = p.seq;
	b->seen = UINT64_MAX;		/* what was before is not known */
	b->at = p.at;
	b->traded_at = p.last_at;
	b->heard_at = p.heard_at;
	b->bid = p.bid;
	b->ask = p.ask;
	b->last = p.last;
	b->ticks = p.ticks;
	b->late = p.late;
	b->duplicates = p.duplicates;
	if (p.at.us == 0 || p.forming == 0)
		return 0;
	if (resume(l, db, a, &p, e) == -1)
		return -1;
	for (int tf = 0; tf < TRADE_TIMEFRAMES; tf++)
		b->now[tf].on = b->now[tf].on && p.forming >> tf & 1;
	return 0;
}

int
trade_live_get(struct trade_memory *m, struct db *db, int64_t id,
    struct trade_live **out, struct err *e)
{
	char key[24];
	struct trade_live *l;
	struct arena *a;
	int rc;

	snprintf(key, sizeof(key), "%lld", (long long)id);
	*out = map_get(m->lives, key);
	if (*out != NULL)
		return 0;
	l = arena_alloc(m->a, sizeof(*l));
	rc = trade_instrument_any(db, m->a, id, &l->i, e);
	if (rc != 0)
		return rc;
	a = arena_new((size_t)16 << 20);
	rc = load(m, l, db, a, e);
	arena_free(a);
	if (rc == -1)
		return -1;
	map_put(m->lives, arena_strdup(m->a, key), l);
	*out = l;
	return 0;
}

/* ---- bars ------------------------------------------------------------------------------- */

static bool
same(const struct trade_bar *x, const struct trade_bar *y)
{
	return x->open.e8 == y->open.e8 && x->high.e8 == y->high.e8 &&
	    x->low.e8 == y->low.e8 && x->close.e8 == y->close.e8 &&
	    x->volume.e8 == y->volume.e8;
}

/* A stored bar has grown: version and event. */
static int
correct(struct trade_batch *b, struct db *db, struct trade_happening *h,
    struct event_pack *pack, struct err *e)
{
	const struct trade_instrument *i = &h->live->i;
	const char *tf = trade_timeframe_names[h->bar.timeframe];
	struct trade_bar now = h->bar.bar, old;
	struct trade_bar_of row;
	int rc = trade_bar_get(db, b->a, i->id, tf, now.at, true, &old, e);

	if (rc == -1)
		return -1;
	if (rc == 0 && h->bar.merge) {
		now = old;
		trade_build_merge(&now, &h->bar.bar, h->bar.newest);
	}
	if (rc == 0)
		now.version = old.version + !same(&old, &now);
	h->shown = now;
	h->corrected = rc == 0 && now.version > old.version;
	row = (struct trade_bar_of){ i->id, tf, now };
	if (trade_bar_put_many(db, b->a, &row, 1, false, e) == -1)
		return -1;
	if (h->corrected) {
		struct trade_market_data *d = arena_alloc(b->a, sizeof(*d));

		*d = trade_market_bar(h);
		event_pack_add(pack, &trade_feed_events[TRADE_EV_CORRECTED],
		    i->tenant_id, trade_market_entity(b->a, i, tf), 0, d);
	}
	return 0;
}

static int
store_bars(struct trade_batch *b, struct db *db, struct event_pack *pack,
    struct err *e)
{
	struct trade_bar_of *whole = arena_array(b->a, b->news.n + 1,
	    sizeof(*whole)), *part = arena_array(b->a, b->news.n + 1,
	    sizeof(*part));
	size_t nwhole = 0, npart = 0;

	for (size_t k = 0; k < b->news.n; k++) {
		const struct trade_happening *h = &b->news.v[k];
		const struct trade_bar_of row = { h->live->i.id,
		    trade_timeframe_names[h->bar.timeframe], h->bar.bar };

		if (!h->is_bar || h->bar.corrected)
			continue;
		if (h->bar.whole)
			whole[nwhole++] = row;
		else
			part[npart++] = row;
	}
	if (trade_bar_put_many(db, b->a, whole, nwhole, false, e) == -1 ||
	    trade_bar_put_many(db, b->a, part, npart, true, e) == -1)
		return -1;
	for (size_t k = 0; k < b->news.n; k++)
		if (b->news.v[k].is_bar && b->news.v[k].bar.corrected &&
		    correct(b, db, &b->news.v[k], pack, e) == -1)
			return -1;
	return 0;
}

/* ---- the rest ------------------------------------------------------------------------------ */

static int
store_gaps(struct trade_batch *b, struct db *db, struct event_pack *pack,
    struct err *e)
{
	for (size_t k = 0; k < b->gaps.n; k++) {
		struct trade_gap *g = &b->gaps.v[k];

		if (trade_gap_add(db, g, e) == -1)
			return -1;
		event_pack_add(pack, &trade_feed_events[TRADE_EV_GAP],
		    g->tenant_id, g->symbol, 0, g);
	}
	for (size_t k = 0; k < b->filled.n; k++)
		if (trade_gap_fill(db, b->filled.v[k].instrument_id,
		    b->filled.v[k].at, e) == -1)
			return -1;
	return 0;
}

static struct trade_progress
progress_of(const struct trade_live *l)
{
	const struct trade_builder *b = &l->b;
	const struct trade_forming *f = &b->now[TRADE_1M];
	struct trade_progress p = { .instrument_id = l->i.id, .seq = b->seq,
	    .feed_id = l->driver, .source_id = l->speaker, .at = b->at, .heard_at = b->heard_at,
	    .bid = b->bid, .ask = b->ask, .last = b->last,
	    .ticks = b->ticks, .late = b->late, .duplicates = b->duplicates,
	    .refused = l->refused, .last_at = b->traded_at };

	for (int tf = 0; tf < TRADE_TIMEFRAMES; tf++)
		p.forming |= (int64_t)b->now[tf].on << tf;
	if (!f->on)
		return p;
	p.bar_at = f->bar.at;
	p.open = f->bar.open;
	p.high = f->bar.high;
	p.low = f->bar.low;
	p.close = f->bar.close;
	p.volume = f->bar.volume;
	p.first_at = f->first_at;
	return p;
}

static int
store_progress(struct trade_batch *b, struct db *db, struct err *e)
{
	struct trade_progress *p = arena_array(b->a, b->touched.n + 1,
	    sizeof(*p));
	struct trade_quote *q = arena_array(b->a, b->touched.n + 1,
	    sizeof(*q));
	size_t n = 0;

	for (size_t k = 0; k < b->touched.n; k++) {
		const struct trade_live *l = b->touched.v[k];

		p[k] = progress_of(l);
		if (l->b.at.us != 0 && !l->quoted)
			q[n++] = trade_live_quote(l);
	}
	return trade_progress_put(db, b->a, p, b->touched.n, e) == -1 ? -1 :
	    trade_quote_put_many(db, b->a, q, n, e);
}

static int
store_sources(struct trade_batch *b, struct db *db, struct err *e)
{
	for (size_t k = 0; k < b->sources.n; k++) {
		struct trade_source *s = b->sources.v[k];

		trade_source_position(s, b->a);
		if (s->rewind)
			s->feed.position = "";
		if (trade_feed_advance(db, &s->feed, e) == -1 ||
		    (s->rewind && trade_feed_start(db, b->a, &s->feed,
		    b->now, e) == -1) ||
		    (s->tell && trade_feed_tell(db, &s->feed, e) == -1) ||
		    (s->ended && trade_progress_release(db, s->feed.id, e) ==
		    -1))
			return -1;
	}
	return 0;
}

static int
work(struct db *db, void *arg, struct err *e)
{
	struct trade_batch *b = arg;
	struct event_pack *pack = event_pack_new(b->a);

	/* what the listeners remember of a try that was undone never was */
	if (b->tried)
		trade_ears_forget(b->m->ears);
	b->tried = true;
	if (b->lease != NULL && lease_guard(db, b->lease, e) == -1)
		return -1;
	for (size_t k = 0; k < b->touched.n; k++)
		b->touched.v[k]->quoted = false;
	if (store_bars(b, db, pack, e) == -1 ||
	    store_gaps(b, db, pack, e) == -1 ||
	    trade_tick_store(db, b->a, b->keep.v, b->keep.n, e) == -1 ||
	    trade_ears_listen(b, db, e) == -1 ||
	    store_progress(b, db, e) == -1 ||
	    store_sources(b, db, e) == -1 ||
	    trade_intake_drop(db, b->a, b->intake.v, b->intake.n, e) == -1)
		return -1;
	return event_pack_publish(db, pack, e);
}

/* The arena holds the batch: a second attempt must not rewind it. */
int
trade_batch_commit(struct trade_batch *b, struct db *db, struct err *e)
{
	struct arena *own = arena_new((size_t)1 << 20);
	int rc = db_txn(db, own, work, b, e);

	arena_free(own);
	if (rc == -1)
		return -1;
	trade_bars_tell(b->a, b);
	for (size_t k = 0; k < b->touched.n; k++) {
		struct trade_live *l = b->touched.v[k];

		l->touched = l->b.dirty = false;
		l->shown = 0;
	}
	for (size_t k = 0; k < b->sources.n; k++) {
		b->sources.v[k]->touched = b->sources.v[k]->tell = false;
		b->sources.v[k]->batch = 0;
	}
	return 0;
}
