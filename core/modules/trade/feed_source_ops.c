/*
 * Feeds whose ticks are made here: the simulator and the replay of what is
 * stored. Where they are is a row that is written with what their ticks did,
 * so that a restart goes on with the next tick and repeats none. Time that
 * passed while nobody ran them is left out, not made up for.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/number.h"
#include "base/zone.h"
#include "modules/trade/feed_inner.h"

#define MS_NS INT64_C(1000000)
enum { AHEAD = 2000, TICKS_OF_BAR = 4, PATIENCE_US = 2000000,
	IDLE_MS = 200 };

/* ---- where it is ------------------------------------------------------------------- */

/* Numbers of a text, at most n; their count. */
static size_t
numbers(const char *s, int64_t *out, size_t n)
{
	size_t k = 0;

	while (k < n && *s != '\0') {
		size_t len = strcspn(s, " ");

		if (num_i64(s, len, &out[k]) != NUM_OK)
			return k;
		k++;
		s += len + (s[len] == ' ');
	}
	return k;
}

void
trade_source_position(struct trade_source *s, struct arena *a)
{
	if (s->sim)
		s->feed.position = arena_printf(a, "%llu %lld",
		    (unsigned long long)s->k, (long long)s->begin_us);
	else
		s->feed.position = arena_printf(a, "%lld %lld %zu %lld",
		    (long long)s->reached.us, (long long)s->reached_seq,
		    s->reached_lane, (long long)s->shift_us);
}

/* ---- opening ----------------------------------------------------------------------- */

static int
open_symbols(struct trade_memory *m, struct db *db, struct trade_source *s,
    struct err *e)
{
	const char *const *symbols;

	s->n = trade_feed_symbols(&s->feed, &s->spec, m->a, &symbols);
	s->lives = arena_array(m->a, s->n + 1, sizeof(struct trade_live *));
	for (size_t i = 0; i < s->n; i++) {
		struct trade_instrument in;
		int rc = trade_instrument_find(db, m->a, s->feed.tenant_id,
		    symbols[i], s->spec.exchange, &in, e);

		if (rc == 0)
			rc = trade_live_get(m, db, in.id, &s->lives[i], e);
		if (rc == 1)
			return err_set(e, 422, "symbol", "The instrument "
			    "\"%.32s\" is gone", symbols[i]);
		if (rc == -1)
			return -1;
	}
	return 0;
}

static void
open_mock(struct trade_memory *m, struct trade_source *s, struct utc now)
{
	int64_t at[2] = { 0, 0 }, late;
	bool known = numbers(s->feed.position, at, 2) == 2;

	s->mock = (struct trade_mock_market){ .seed = (uint64_t)s->spec.seed,
	    .n = s->n, .rate = s->spec.rate,
	    .volatility = s->spec.volatility, .spread = s->spec.spread,
	    .correlation = s->spec.correlation };
	s->k = (uint64_t)at[0];
	s->begin_us = known ? at[1] : now.us;
	late = now.us - s->begin_us -
	    (int64_t)((double)s->k / s->mock.rate * 1e6);
	if (late > PATIENCE_US || late < 0)
		s->begin_us += late;
	s->last = arena_array(m->a, s->n + 1, sizeof(*s->last));
	s->base = arena_array(m->a, s->n + 1, sizeof(*s->base));
	for (size_t i = 0; i < s->n; i++) {
		s->base[i] = trade_mock_price(s->lives[i]->i.symbol);
		s->last[i] = known && s->lives[i]->b.last.e8 > 0 ?
		    s->lives[i]->b.last : s->base[i];
	}
}

static void
open_replay(struct trade_memory *m, struct trade_source *s)
{
	int64_t at[4] = { 0 };
	int tf = trade_timeframe(s->spec.timeframe);

	s->resumed = numbers(s->feed.position, at, 4) == 4;
	s->reached.us = at[0];
	s->reached_seq = at[1];
	s->reached_lane = (size_t)at[2];
	s->shift_us = at[3];
	s->lanes = arena_array(m->a, s->n + 1, sizeof(*s->lanes));
	for (size_t i = 0; i < s->n; i++) {
		struct trade_lane *l = &s->lanes[i];

		l->a = arena_new((size_t)32 << 20);
		l->after.us = s->spec.from.us == 0 ? 1 : s->spec.from.us - 1;
		l->seq = INT64_MAX;
		if (s->resumed) {
			/* those of one instant go by lane */
			l->after = s->reached;
			l->seq = i < s->reached_lane ? INT64_MAX :
			    i == s->reached_lane ? s->reached_seq : -1;
		}
		if (strcmp(s->spec.source, "bars") == 0)
			s->lives[i]->shortest = tf;
	}
}

int
trade_source_open(struct trade_memory *m, struct db *db,
    const struct trade_feed *f, struct utc now, struct trade_source **out,
    struct err *e)
{
	struct trade_source *s = arena_alloc(m->a, sizeof(*s));

	s->feed = *f;
	s->sim = strcmp(f->kind, "simulator") == 0;
	if (trade_feed_spec_read(f, m->a, &s->spec, e) == -1 ||
	    open_symbols(m, db, s, e) == -1)
		return -1;
	if (s->sim)
		open_mock(m, s, now);
	else
		open_replay(m, s);
	*out = s;
	return 0;
}

void
trade_source_close(struct trade_source *s)
{
	for (size_t i = 0; i < s->n && s->lanes != NULL; i++)
		arena_free(s->lanes[i].a);
}

/* ---- simulator ------------------------------------------------------------------------ */

static void
take_mock(struct trade_source *s, struct trade_batch *b, size_t max,
    int64_t *due_ms)
{
	int64_t at;

	for (size_t k = 0; k < max; k++) {
		size_t i = trade_mock_turn(&s->mock, s->k);
		struct trade_tick t = {
		    .instrument_id = s->lives[i]->i.id };

		trade_mock_tick(&s->mock, s->k, s->last[i], s->base[i],
		    (struct utc){ s->begin_us }, &t);
		if (t.at.us > b->now.us)
			break;
		t.heard_at = t.at;
		s->last[i] = t.last;
		s->k++;
		trade_source_note(s, b, &t);
		trade_batch_tick(b, s->lives[i], s, s->feed.id, &t,
		    s->spec.keep);
	}
	at = s->begin_us + (int64_t)((double)s->k / s->mock.rate * 1e6);
	s->feed.due_at.us = at;
	*due_ms = at <= b->now.us ? 0 : (at - b->now.us) / 1000 + 1;
}

void
trade_source_note(struct trade_source *s, struct trade_batch *b,
    const struct trade_tick *t)
{
	if (!s->touched)
		*VEC_ADD(b->a, &b->sources) = s;
	s->touched = true;
	s->feed.ticks++;
	s->feed.last_tick_at = t->at;
	s->feed.heard_at = b->now;
	s->feed.updated_at = b->now;
	s->feed.lag_ms = (b->now.us - t->heard_at.us) / 1000;
	s->batch++;
	if (strcmp(s->feed.state, "running") != 0) {
		s->feed.state = "running";
		s->feed.detail = "";
		s->feed.version++;
		s->tell = true;
	}
}

/* ---- replay ------------------------------------------------------------------------------- */

/* Open, nearer extreme, farther extreme, close: what a bar may have been. */
static void
ticks_of_bar(const struct trade_live *l, int tf, const struct trade_bar *b,
    struct trade_tick *out)
{
	struct utc end = trade_bar_end(&l->b.hours, tf, b->at), at[2] = {
	    b->at, b->at };
	bool low_first = b->open.e8 - b->low.e8 <= b->high.e8 - b->open.e8;
	const struct dec path[TICKS_OF_BAR] = { b->open,
	    low_first ? b->low : b->high, low_first ? b->high : b->low,
	    b->close };
	int64_t part = b->volume.e8 / TICKS_OF_BAR / DEC_ONE * DEC_ONE;

	if (tf >= TRADE_1D)
		zone_of_local(l->b.hours.zone, b->at.us / US_PER_S, at);
	for (int i = 0; i < TICKS_OF_BAR; i++) {
		out[i] = (struct trade_tick){ .instrument_id = l->i.id,
		    .last = path[i], .volume = { i < TICKS_OF_BAR - 1 ? part :
		    b->volume.e8 - part * (TICKS_OF_BAR - 1) } };
		out[i].at.us = at[0].us + (end.us - at[0].us) / TICKS_OF_BAR *
		    i;
	}
	out[TICKS_OF_BAR - 1].at.us = end.us - 1000;
}

static int
fill_from_bars(struct trade_source *s, size_t i, struct db *db,
    struct err *e)
{
	struct trade_lane *l = &s->lanes[i];
	const struct trade_live *live = s->lives[i];
	int tf = trade_timeframe(s->spec.timeframe);
	struct utc from = trade_bar_start(&live->b.hours, tf, l->after);
	struct rows rows;

	if (trade_bar_range(db, l->a, live->i.id, s->spec.timeframe, from,
	    s->spec.to, AHEAD / TICKS_OF_BAR, &rows, e) == -1)
		return -1;
	l->dry = rows.n < AHEAD / TICKS_OF_BAR;
	l->v = arena_array(l->a, rows.n * TICKS_OF_BAR + 1, sizeof(*l->v));
	for (size_t k = 0; k < rows.n; k++)
		ticks_of_bar(live, tf, ROW(&rows, struct trade_bar, k),
		    l->v + TICKS_OF_BAR * k);
	l->n = rows.n * TICKS_OF_BAR;
	while (l->at < l->n && (l->v[l->at].at.us < l->after.us ||
	    (l->v[l->at].at.us == l->after.us && l->seq >= 0)))
		l->at++;
	return 0;
}

static int
fill_from_ticks(struct trade_source *s, size_t i, struct db *db,
    struct err *e)
{
	struct trade_lane *l = &s->lanes[i];
	struct rows rows;

	if (trade_tick_after(db, l->a, s->lives[i]->i.id, l->after, l->seq,
	    s->spec.to, AHEAD, &rows, e) == -1)
		return -1;
	l->dry = rows.n < AHEAD;
	l->v = rows.v;
	l->n = rows.n;
	return 0;
}

/* The next tick of a lane; NULL: there is none any more. */
static int
peek(struct trade_source *s, size_t i, struct db *db,
    const struct trade_tick **out, struct err *e)
{
	struct trade_lane *l = &s->lanes[i];

	*out = NULL;
	if (l->at == l->n && !l->dry) {
		arena_reset(l->a);
		l->v = NULL;
		l->at = l->n = 0;
		if ((strcmp(s->spec.source, "bars") == 0 ?
		    fill_from_bars(s, i, db, e) :
		    fill_from_ticks(s, i, db, e)) == -1)
			return -1;
	}
	if (l->at < l->n)
		*out = &l->v[l->at];
	return 0;
}

/* Lane with the earliest tick. */
static int
earliest(struct trade_source *s, struct db *db, size_t *lane,
    const struct trade_tick **out, struct err *e)
{
	*out = NULL;
	for (size_t i = 0; i < s->n; i++) {
		const struct trade_tick *t;

		if (peek(s, i, db, &t, e) == -1)
			return -1;
		if (t != NULL && (*out == NULL || t->at.us < (*out)->at.us)) {
			*out = t;
			*lane = i;
		}
	}
	return 0;
}

/* The clock of a replay begins with its first tick, and after each pause. */
static void
anchor(struct trade_source *s, const struct trade_tick *t, struct utc now)
{
	const int64_t minute = 60 * US_PER_S;

	if (s->anchored)
		return;
	s->anchored = true;
	s->anchor_us = t->at.us;
	s->anchor_now_us = now.us;
	if (!s->resumed && s->spec.now)
		s->shift_us = (now.us - t->at.us) / minute * minute;
}

static int64_t
due_us(const struct trade_source *s, const struct trade_tick *t)
{
	if (s->spec.speed <= 0)
		return s->anchor_now_us;
	return s->anchor_now_us + (int64_t)((double)(t->at.us - s->anchor_us)
	    / s->spec.speed);
}

/* All is told. What is open is closed by the end of its own time. */
static void
finish(struct trade_source *s, struct trade_batch *b)
{
	if (!s->touched)
		*VEC_ADD(b->a, &b->sources) = s;
	s->touched = s->tell = true;
	s->feed.version++;
	s->feed.updated_at = b->now;
	for (size_t i = 0; i < s->n; i++)
		trade_batch_close(b, s->lives[i], (struct utc){ INT64_MAX });
	if (s->spec.again && s->feed.ticks > 0) {
		s->feed.state = "starting";
		s->rewind = true;
		return;
	}
	s->ended = true;
	s->feed.wanted = "stopped";
	s->feed.state = "ended";
}

static int
take_replay(struct trade_source *s, struct trade_batch *b, struct db *db,
    size_t max, int64_t *due_ms, struct err *e)
{
	for (size_t k = 0; k < max; k++) {
		const struct trade_tick *next;
		struct trade_tick t;
		size_t lane = 0;
		int64_t due;

		if (earliest(s, db, &lane, &next, e) == -1)
			return -1;
		if (next == NULL) {
			finish(s, b);
			*due_ms = 0;
			return 0;
		}
		anchor(s, next, b->now);
		due = due_us(s, next);
		if (due > b->now.us) {
			s->feed.due_at.us = due;
			*due_ms = (due - b->now.us) / 1000 + 1;
			return 0;
		}
		t = *next;
		s->reached = t.at;
		s->reached_seq = t.seq;
		s->reached_lane = lane;
		s->lanes[lane].after = t.at;
		s->lanes[lane].seq = t.seq;
		s->lanes[lane].at++;
		t.seq = 0;		/* numbers of another time */
		t.at.us += s->shift_us;
		t.heard_at.us = s->spec.speed <= 0 ? b->now.us : due;
		trade_source_note(s, b, &t);
		trade_batch_tick(b, s->lives[lane], s, s->feed.id, &t, false);
	}
	*due_ms = 0;
	return 0;
}

int
trade_source_take(struct trade_source *s, struct trade_batch *b,
    struct db *db, size_t max, int64_t *due_ms, struct err *e)
{
	*due_ms = IDLE_MS;
	if (s->ended || s->rewind || strcmp(s->feed.wanted, "running") != 0)
		return 0;
	if (!s->sim)
		return take_replay(s, b, db, max, due_ms, e);
	take_mock(s, b, max, due_ms);
	return 0;
}
