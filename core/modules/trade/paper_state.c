/*
 * The state of a paper market as text: a line for the session, one an order,
 * one for what was had of a depth. Written from what decides what comes next
 * and nothing else, so that equal states have equal texts.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/random.h"
#include "base/str.h"
#include "crypto/crypto.h"
#include "modules/trade/paper_inner.h"

/* ---- random numbers ----------------------------------------------------------------- */

static uint64_t
rotate(uint64_t x, int k)
{
	return (x << k) | (x >> (64 - k));
}

uint64_t
trade_paper_random(uint64_t s[4])
{
	uint64_t result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate(s[3], 45);
	return result;
}

void
trade_paper_seed(uint64_t s[4], uint64_t seed)
{
	for (int i = 0; i < 4; i++) {
		uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);

		z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
		z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
		s[i] = z ^ (z >> 31);
	}
}

/* ---- out ----------------------------------------------------------------------------- */

void
trade_paper_write_order(const struct trade_paper_resting *r, struct str *s)
{
	const struct trade_book_order *o = &r->o;
	char id[UUID_TEXT];

	str_addf(s, "order %s %" PRId64 " %d %d %" PRId64 " %" PRId64 " %" PRIu64
	    " %" PRIu64 " %d %d %d %d %d", uuid_format(r->id, id),
	    r->instrument, (int)r->place, r->frozen, r->from_us, r->expires_us,
	    o->id,
	    o->seq, o->buy, o->post_only, o->triggered, (int)o->type,
	    (int)o->tif);
	str_addf(s, " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64
	    " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 "\n",
	    o->quantity, o->limit, o->stop, o->trail, o->trail_ppm,
	    o->display, o->shown, o->ahead, o->queue);
}

void
trade_paper_write_head(const struct trade_paper *p, struct str *s)
{
	const struct trade_paper_terms *t = &p->terms;

	str_addf(s, "session %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64
	    " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 "\n",
	    p->seq, p->orders_made, p->now_us, p->fills, p->bought, p->sold,
	    p->paid, p->got, p->fees);
	str_addf(s, "terms %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %"
	    PRId64 " %" PRId64 "\n", t->spread_ppm, t->latency_us,
	    t->jitter_us, t->share_ppm, t->fee_ppm, t->every);
	str_addf(s, "random %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
	    "\nmark ", p->rng[0], p->rng[1], p->rng[2], p->rng[3]);
	for (int i = 0; i < 32; i++)
		str_addf(s, "%02x", p->mark[i]);
	str_addc(s, '\n');
	for (size_t i = 0; i < p->depths.n; i++)
		str_addf(s, "had %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64
		    "\n", p->depths.v[i].instrument, p->depths.v[i].market_us,
		    p->depths.v[i].had[0], p->depths.v[i].had[1]);
}

void
trade_paper_write(const struct trade_paper *p, struct str *s)
{
	trade_paper_write_head(p, s);
	for (size_t i = 0; i < p->orders.n; i++)
		trade_paper_write_order(&p->orders.v[i], s);
}

void
trade_paper_hash(const struct trade_paper *p, uint8_t out[32])
{
	struct arena_mark mark = arena_mark(p->scratch);
	struct str s;

	str_init(&s, p->scratch);
	trade_paper_write(p, &s);
	crypto_sha256(s.p, s.len, out);
	arena_rewind(p->scratch, mark);
}

/* ---- in ------------------------------------------------------------------------------ */

/* Numbers of a line, from left to right; bad: one was missing or too large. */
struct numbers {
	const char *at;
	bool bad;
};

static int64_t
number(struct numbers *n)
{
	char *end;
	long long v;

	errno = 0;
	v = strtoll(n->at, &end, 10);
	if (end == n->at || errno != 0)
		n->bad = true;
	n->at = end;
	return v;
}

/* One of 0 … most. */
static int
choice(struct numbers *n, int most)
{
	int64_t v = number(n);

	if (v < 0 || v > most) {
		n->bad = true;
		return 0;
	}
	return (int)v;
}

int
trade_paper_read_order(const char *line, struct trade_paper_resting *out)
{
	enum { HEAD = 6, ID = 36 };	/* "order ", a uuid */
	struct trade_paper_resting r = { .instrument = 0 };
	struct trade_book_order *o = &r.o;
	struct numbers n = { line + HEAD + ID, false };
	char id[UUID_TEXT];

	if (strlen(line) < HEAD + ID || strncmp(line, "order ", HEAD) != 0)
		return -1;
	memcpy(id, line + HEAD, ID);
	id[ID] = '\0';
	r.instrument = number(&n);
	r.place = (enum trade_paper_place)choice(&n, PAPER_TAKING);
	r.frozen = choice(&n, 1) != 0;
	r.from_us = number(&n);
	r.expires_us = number(&n);
	o->id = (uint64_t)number(&n);
	o->seq = (uint64_t)number(&n);
	o->owner = 1;
	o->buy = choice(&n, 1) != 0;
	o->post_only = choice(&n, 1) != 0;
	o->triggered = choice(&n, 1) != 0;
	o->type = (enum trade_book_type)choice(&n, BOOK_TRAIL);
	o->tif = (enum trade_book_tif)choice(&n, BOOK_FOK);
	o->quantity = number(&n);
	o->limit = number(&n);
	o->stop = number(&n);
	o->trail = number(&n);
	o->trail_ppm = number(&n);
	o->display = number(&n);
	o->shown = number(&n);
	o->ahead = number(&n);
	o->queue = number(&n);
	if (n.bad || uuid_parse(id, &r.id) == -1)
		return -1;
	*out = r;
	return 0;
}

static int
read_mark(struct trade_paper *p, const char *line)
{
	for (int i = 0; i < 32; i++) {
		unsigned byte;

		if (sscanf(line + 5 + 2 * i, "%2x", &byte) != 1)
			return -1;
		p->mark[i] = (uint8_t)byte;
	}
	return 0;
}

static int
read_line(struct trade_paper *p, const char *line)
{
	struct trade_paper_terms *t = &p->terms;
	struct trade_paper_depth d = { .instrument = 0 };

	struct trade_paper_resting r;

	if (strncmp(line, "order ", 6) == 0) {
		if (trade_paper_read_order(line, &r) == -1)
			return -1;
		*VEC_ADD(p->a, &p->orders) = r;
		return 0;
	}
	if (strncmp(line, "mark ", 5) == 0)
		return strlen(line) == 69 ? read_mark(p, line) : -1;
	if (sscanf(line, "session %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64
	    " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64,
	    &p->seq, &p->orders_made, &p->now_us, &p->fills, &p->bought,
	    &p->sold, &p->paid, &p->got, &p->fees) == 9 ||
	    sscanf(line, "terms %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64
	    " %" SCNd64 " %" SCNd64, &t->spread_ppm, &t->latency_us,
	    &t->jitter_us, &t->share_ppm, &t->fee_ppm, &t->every) == 6 ||
	    sscanf(line, "random %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
	    &p->rng[0], &p->rng[1], &p->rng[2], &p->rng[3]) == 4)
		return 0;
	if (sscanf(line, "had %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64,
	    &d.instrument, &d.market_us, &d.had[0], &d.had[1]) != 4)
		return -1;
	*VEC_ADD(p->a, &p->depths) = d;
	return 0;
}

static int
by_number(const void *x, const void *y)
{
	const struct trade_paper_resting *p = x, *q = y;

	return p->o.id < q->o.id ? -1 : p->o.id > q->o.id;
}

int
trade_paper_read(struct trade_paper *p, struct arena *a, const char *text)
{
	const struct trade_paper_terms none = { .every = 0 };

	trade_paper_start(p, a, &none, 0);
	while (*text != '\0') {
		size_t n = strcspn(text, "\n");

		if (read_line(p, arena_strndup(a, text, n)) == -1)
			return -1;
		text += n + (text[n] == '\n');
	}
	if (p->orders.n > 1)
		qsort(p->orders.v, p->orders.n, sizeof(*p->orders.v),
		    by_number);
	return 0;
}

/* ---- whether it matters ------------------------------------------------------------- */

static int64_t
lower(int64_t x, int64_t y)
{
	return x == 0 ? y : y == 0 ? x : x < y ? x : y;
}

static bool
order_touched(const struct trade_paper_resting *r, int64_t low, int64_t high,
    int64_t step, int64_t at)
{
	const struct trade_book_order *o = &r->o;
	bool waits = o->type >= BOOK_STOP && !o->triggered;
	int64_t far;

	if (r->expires_us != 0 && r->expires_us <= at)
		return true;
	/* whether it still is, is asked when something is at stake */
	if (r->place == PAPER_TAKING || (r->place == PAPER_FLIGHT &&
	    r->from_us <= at))
		return true;
	if (r->place != PAPER_BOOK)
		return false;
	if (!waits)
		return o->buy ? o->limit >= low : o->limit <= high;
	if (o->buy ? high >= o->stop : low <= o->stop)
		return true;
	if (o->type != BOOK_TRAIL)
		return false;
	far = o->trail_ppm == 0 ? o->trail : (int64_t)((paper_wide)(o->buy ?
	    low : high) * o->trail_ppm / 1000000);
	return o->buy ? low + far <= o->stop - step : high - far >= o->stop +
	    step;
}

bool
trade_paper_touches(const struct trade_paper_terms *t,
    const struct trade_paper_resting *v, size_t n,
    const struct trade_paper_input *in)
{
	int64_t low = lower(lower(in->last.e8, in->low.e8),
	    in->bid.e8), high = in->last.e8;
	int64_t step = in->tick.e8 > 0 ? in->tick.e8 : 1, room;

	high = in->high.e8 > high ? in->high.e8 : high;
	high = in->ask.e8 > high ? in->ask.e8 : high;
	room = (int64_t)((paper_wide)high * t->spread_ppm / 1000000) + step;
	for (size_t i = 0; i < n; i++)
		if (v[i].instrument == in->instrument_id &&
		    order_touched(&v[i], low - room, high + room, step,
		    in->at.us))
			return true;
	return false;
}
