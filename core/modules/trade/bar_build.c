/*
 * The bar builder. A tick belongs to the bar that its own time falls into,
 * whenever it comes: in order it grows the bars being formed and closes those
 * that ended before it; behind the newest it corrects. Never counts a tick
 * twice: numbered ones by a window of 64, others by being the same in all.
 * Invariant: a closed bar equals the bar of all its ticks in order of time.
 */
#include <string.h>

#include "base/clock.h"
#include "base/number.h"
#include "modules/trade/bar_build.h"

enum { WINDOW = 64 };
#define GAP_CAP INT64_C(1000000)

/* ---- one bar ------------------------------------------------------------------- */

static void
grow(struct trade_forming *f, const struct trade_tick *t)
{
	struct trade_bar *b = &f->bar;

	if (t->last.e8 > b->high.e8)
		b->high = t->last;
	if (t->last.e8 < b->low.e8)
		b->low = t->last;
	if (t->at.us < f->first_at.us) {
		b->open = t->last;
		f->first_at = t->at;
	}
	if (t->at.us >= f->last_at.us) {
		b->close = t->last;
		f->last_at = t->at;
	}
	/* a day cannot overflow what one trade may have; stays at the top */
	if (dec_add(b->volume, t->volume, &b->volume) == -1)
		b->volume.e8 = INT64_MAX;
}

static struct trade_bar
bar_of(const struct trade_tick *t, struct utc at)
{
	return (struct trade_bar){ at, t->last, t->last, t->last, t->last,
	    t->volume, 1 };
}

static void
begin(const struct trade_builder *b, struct trade_forming *f,
    const struct trade_tick *t, struct utc at)
{
	*f = (struct trade_forming){ .bar = bar_of(t, at), .first_at = t->at,
	    .last_at = t->at, .on = true,
	    .whole = b->at.us != 0 && b->at.us < at.us };
}

static struct trade_bar_out *
add(struct trade_build *out, int tf, const struct trade_forming *f)
{
	struct trade_bar_out *o = &out->bars[out->nbars++];

	*o = (struct trade_bar_out){ .timeframe = tf, .bar = f->bar,
	    .whole = f->whole };
	return o;
}

static void
close_one(struct trade_builder *b, int tf, struct trade_build *out)
{
	add(out, tf, &b->now[tf]);
	b->done[tf] = b->now[tf];
	b->now[tf].on = false;
	b->dirty = true;
}

/* ---- in order, or not ----------------------------------------------------------- */

static enum trade_tick_fate
by_number(struct trade_builder *b, const struct trade_tick *t,
    struct trade_build *out)
{
	int64_t back = b->seq - t->seq;

	if (b->seq == 0 || back < 0) {
		int64_t step = b->seq == 0 ? 1 : -back;

		if (step > 1)
			out->gaps[out->ngaps++] = (struct trade_gap_out){
			    "tick", b->at, t->at, step - 1 };
		b->seen = step >= WINDOW ? 1 : b->seen << step | 1;
		b->seq = t->seq;
		return t->at.us < b->at.us ? TICK_LATE : TICK_TAKEN;
	}
	if (back >= WINDOW)
		return TICK_OLD;
	if (b->seen >> back & 1)
		return TICK_DUPLICATE;
	b->seen |= UINT64_C(1) << back;
	out->fills_gap = true;
	return TICK_LATE;
}

static enum trade_tick_fate
by_time(const struct trade_builder *b, const struct trade_tick *t)
{
	if (t->at.us < b->at.us)
		return TICK_LATE;
	if (t->at.us == b->at.us && t->last.e8 == b->last.e8 &&
	    (t->bid.e8 == 0 || t->bid.e8 == b->bid.e8) &&
	    (t->ask.e8 == 0 || t->ask.e8 == b->ask.e8) &&
	    t->volume.e8 == b->last_volume.e8)
		return TICK_DUPLICATE;
	return TICK_TAKEN;
}

static void
take_quote(struct trade_builder *b, const struct trade_tick *t)
{
	if (t->bid.e8 > 0)
		b->bid = t->bid;
	if (t->ask.e8 > 0)
		b->ask = t->ask;
	if (t->last.e8 > 0) {
		b->last = t->last;
		b->traded_at = t->at;
	}
	b->last_volume = t->volume;
	b->at = t->at;
	b->heard_at = t->heard_at;
}

/* Minutes of an open market in which nothing was heard. */
static void
look_for_silence(struct trade_builder *b, const struct trade_tick *t,
    int64_t quiet, struct trade_build *out)
{
	struct utc from, to = trade_bar_start(&b->hours, TRADE_1M, t->at);
	int64_t missing;

	if (b->at.us == 0)
		return;
	from = trade_bar_end(&b->hours, TRADE_1M, trade_bar_start(&b->hours,
	    TRADE_1M, b->at));
	if (to.us <= from.us || (to.us - from.us) / (60 * US_PER_S) < quiet)
		return;
	missing = trade_hours_minutes(&b->hours, from, to, GAP_CAP);
	if (missing > 0 && missing >= quiet)
		out->gaps[out->ngaps++] = (struct trade_gap_out){ "1m", from,
		    to, missing };
}

/* Only what this trade adds to a stored bar is known. */
static void
add_to_stored(struct trade_build *out, int tf, const struct trade_tick *t,
    struct utc at, bool newest)
{
	const struct trade_forming one = { .bar = bar_of(t, at) };
	struct trade_bar_out *o = add(out, tf, &one);

	o->corrected = o->merge = true;
	o->newest = newest;
}

/* A bar that was closed already has grown. */
static void
correct(struct trade_builder *b, int tf, const struct trade_tick *t,
    struct trade_build *out)
{
	struct trade_forming *f = &b->done[tf];

	grow(f, t);
	if (f->whole)
		add(out, tf, f)->corrected = true;
	else
		add_to_stored(out, tf, t, f->bar.at,
		    f->last_at.us == t->at.us);
}

static void
in_order(struct trade_builder *b, const struct trade_tick *t,
    struct trade_build *out)
{
	for (int tf = 0; tf < TRADE_TIMEFRAMES; tf++) {
		struct utc at = trade_bar_start(&b->hours, tf, t->at);

		if (b->now[tf].on && b->now[tf].bar.at.us < at.us)
			close_one(b, tf, out);
		if (b->now[tf].on)
			grow(&b->now[tf], t);
		else if (b->done[tf].bar.at.us == at.us)
			correct(b, tf, t, out);	/* closed by the clock */
		else if (b->traded_at.us != 0 && trade_bar_start(&b->hours,
		    tf, b->traded_at).us == at.us)
			add_to_stored(out, tf, t, at, true);	/* and then a
								 * restart */
		else
			begin(b, &b->now[tf], t, at);
	}
}

static void
out_of_order(struct trade_builder *b, const struct trade_tick *t,
    struct trade_build *out)
{
	for (int tf = 0; tf < TRADE_TIMEFRAMES; tf++) {
		struct utc at = trade_bar_start(&b->hours, tf, t->at);

		if (b->now[tf].on && b->now[tf].bar.at.us == at.us)
			grow(&b->now[tf], t);
		else if (b->done[tf].bar.at.us == at.us)
			correct(b, tf, t, out);
		else
			add_to_stored(out, tf, t, at, false);
	}
}

void
trade_build_tick(struct trade_builder *b, const struct trade_tick *t,
    int64_t quiet, struct trade_build *out)
{
	*out = (struct trade_build){ .nbars = 0 };
	out->fate = t->seq > 0 ? by_number(b, t, out) : by_time(b, t);
	b->dirty = true;
	if (out->fate == TICK_DUPLICATE || out->fate == TICK_OLD) {
		b->duplicates++;
		return;
	}
	b->ticks++;
	if (out->fate == TICK_LATE) {
		b->late++;
		if (t->last.e8 > 0)
			out_of_order(b, t, out);
		return;
	}
	look_for_silence(b, t, quiet, out);
	if (t->last.e8 > 0)
		in_order(b, t, out);
	take_quote(b, t);
}

void
trade_build_close(struct trade_builder *b, struct utc now,
    struct trade_build *out)
{
	*out = (struct trade_build){ .nbars = 0 };
	for (int tf = 0; tf < TRADE_TIMEFRAMES; tf++)
		if (b->now[tf].on && trade_bar_end(&b->hours, tf,
		    b->now[tf].bar.at).us <= now.us)
			close_one(b, tf, out);
}

/* ---- from stored minutes ------------------------------------------------------------ */

static void
join(struct trade_bar *into, const struct trade_bar *x)
{
	if (x->high.e8 > into->high.e8)
		into->high = x->high;
	if (x->low.e8 < into->low.e8)
		into->low = x->low;
	into->close = x->close;
	if (dec_add(into->volume, x->volume, &into->volume) == -1)
		into->volume.e8 = INT64_MAX;
}

void
trade_build_resume(struct trade_builder *b, const struct trade_bar *m,
    int from)
{
	for (int tf = from; tf < TRADE_TIMEFRAMES; tf++) {
		struct trade_forming *f = &b->now[tf];
		struct utc at = trade_bar_start(&b->hours, tf, m->at);

		if (f->on && f->bar.at.us == at.us)
			join(&f->bar, m);
		else {
			*f = (struct trade_forming){ .bar = *m, .on = true,
			    .first_at = m->at,
			    .whole = m->at.us == at.us };
			f->bar.at = at;
			f->bar.version = 1;
		}
		f->last_at = m->at;
	}
}

void
trade_build_merge(struct trade_bar *s, const struct trade_bar *late,
    bool newest)
{
	struct dec close = s->close;

	join(s, late);
	if (!newest)
		s->close = close;
}

size_t
trade_bar_resample(const struct trade_hours *h, int from, int to,
    const struct trade_bar *b, size_t n, struct trade_bar *out,
    unsigned *ragged)
{
	size_t k = 0;

	*ragged = 0;
	for (size_t i = 0; i < n; i++) {
		struct utc at = trade_bar_start(h, to, b[i].at);

		if (k > 0 && out[k - 1].at.us == at.us) {
			join(&out[k - 1], &b[i]);
			continue;
		}
		out[k] = b[i];
		out[k].at = at;
		out[k++].version = 1;
	}
	if (n > 0) {
		*ragged |= trade_hours_minutes(h, out[0].at, b[0].at, 1) >
		    0 ? 1U : 0U;
		*ragged |= trade_hours_minutes(h, trade_bar_end(h, from,
		    b[n - 1].at), trade_bar_end(h, to, out[k - 1].at), 1) >
		    0 ? 2U : 0U;
	}
	return k;
}

size_t
trade_bar_gaps(const struct trade_hours *h, int tf, const struct utc *at,
    size_t n, struct trade_gap_out *out, size_t max)
{
	size_t k = 0;

	for (size_t i = 1; i < n && k < max; i++) {
		struct utc t = trade_bar_start(h, tf, trade_bar_end(h, tf,
		    at[i - 1])), first = t;
		int64_t missing = 0;

		while (t.us < at[i].us && missing < GAP_CAP) {
			struct utc end = trade_bar_end(h, tf, t);

			missing += trade_hours_minutes(h, t, end, 1) > 0;
			if (end.us <= t.us)
				break;
			t = trade_bar_start(h, tf, end);
		}
		if (missing > 0)
			out[k++] = (struct trade_gap_out){
			    trade_timeframe_names[tf], first, at[i], missing };
	}
	return k;
}
