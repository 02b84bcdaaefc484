/*
 * The paper market, its frame: inputs begin, effects come out one by one, so
 * that whoever hears of a fill may cancel or place another order before the
 * market goes on. Invariants: an order's units are open, filled or ended; an
 * effect is in the state before it is told; time does not go back.
 */
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "base/random.h"
#include "base/str.h"
#include "crypto/crypto.h"
#include "modules/trade/paper_inner.h"
#include "schema/schema.h"

enum { SCRATCH_MIB = 256 };

const char *const trade_paper_places[] = { "flight", "book", "taking", "over",
    NULL };

#define I struct trade_paper_input
static const struct field input_fields[] = {
	FIELD(I, seq, .doc = "Number"), FIELD(I, kind, .doc = "What it is"),
	FIELD(I, at, .doc = "When it was heard"),
	FIELD(I, parent, .def = "0", .doc = "Input that was at work"),
	FIELD(I, step, .def = "0", .doc = "After so many of its effects"),
	FIELD(I, order_id, .flags = FF_NULLABLE, .doc = "Order"),
	FIELD(I, side, .def = "\"\"", .doc = "buy or sell"),
	FIELD(I, type, .def = "\"\"", .doc = "Type"),
	FIELD(I, tif, .def = "\"\"", .doc = "Time in force"),
	FIELD(I, post_only, .def = "false", .doc = "May only rest"),
	FIELD(I, quantity, .def = "0", .doc = "Units left"),
	FIELD(I, limit_price, .def = "0", .doc = "0: none"),
	FIELD(I, stop_price, .def = "0", .doc = "0: none"),
	FIELD(I, trail, .def = "0", .doc = "Distance of a trailing stop"),
	FIELD(I, trail_ppm, .def = "0", .doc = "Or millionths of the price"),
	FIELD(I, display, .def = "0", .doc = "Shown at a time; 0: all"),
	FIELD(I, expires_at, .flags = FF_NULLABLE, .doc = "Ends then"),
	FIELD(I, instrument_id, .def = "0", .doc = "Instrument"),
	FIELD(I, timeframe, .def = "\"\"", .doc = "Of a bar"),
	FIELD(I, bid, .def = "0", .doc = "Bid"),
	FIELD(I, ask, .def = "0", .doc = "Ask"),
	FIELD(I, last, .def = "0", .doc = "Last price, or close"),
	FIELD(I, open, .def = "0", .doc = "Open"),
	FIELD(I, high, .def = "0", .doc = "High"),
	FIELD(I, low, .def = "0", .doc = "Low"),
	FIELD(I, volume, .def = "0", .doc = "Volume"),
	FIELD(I, flow, .def = "0", .doc = "Volume of the minute"),
	FIELD(I, tick, .def = "0", .doc = "Step of prices"),
	FIELD(I, lot, .def = "0", .doc = "Step of quantities"),
	FIELD(I, market_at, .flags = FF_NULLABLE, .doc = "The market's time"),
	FIELD(I, held, .def = "false", .doc = "Too old to act on"),
	FIELD(I, spread_ppm, .def = "0", .doc = "Spread"),
	FIELD(I, latency_us, .def = "0", .doc = "Latency"),
	FIELD(I, jitter_us, .def = "0", .doc = "And up to so much more"),
	FIELD(I, share_ppm, .def = "0", .doc = "Share of the volume"),
	FIELD(I, fee_ppm, .def = "0", .doc = "Fee"),
	FIELD(I, every, .def = "0", .doc = "Inputs between hashes"),
	FIELD_END
};
#undef I
const struct schema trade_paper_input_schema = {
	.name = "PaperInput", .doc = "What the paper market was told",
	.size = sizeof(struct trade_paper_input), .fields = input_fields
};

static void
drop_scratch(void *scratch)
{
	arena_free(scratch);
}

void
trade_paper_start(struct trade_paper *p, struct arena *a,
    const struct trade_paper_terms *t, uint64_t seed)
{
	*p = (struct trade_paper){ .a = a, .terms = *t,
	    .scratch = arena_new((size_t)SCRATCH_MIB << 20) };
	arena_defer(a, drop_scratch, p->scratch);
	trade_paper_seed(p->rng, seed);
}

static struct trade_paper_resting *
by_id(struct trade_paper *p, struct uuid id)
{
	for (size_t i = p->orders.n; i-- > 0;)
		if (uuid_equal(p->orders.v[i].id, id))
			return &p->orders.v[i];
	return NULL;
}

const struct trade_paper_resting *
trade_paper_find(const struct trade_paper *p, struct uuid id)
{
	for (size_t i = p->orders.n; i-- > 0;)
		if (uuid_equal(p->orders.v[i].id, id))
			return &p->orders.v[i];
	return NULL;
}

struct trade_paper_resting *
trade_paper_of(struct trade_paper *p, uint64_t n)
{
	for (size_t i = p->orders.n; i-- > 0;)
		if (p->orders.v[i].o.id == n)
			return &p->orders.v[i];
	return NULL;
}

static void
chain(struct trade_paper *p, const void *text, size_t n)
{
	uint8_t *buf = arena_alloc(p->scratch, 32 + n);

	memcpy(buf, p->mark, 32);
	memcpy(buf + 32, text, n);
	crypto_sha256(buf, 32 + n, p->mark);
}

/* ---- effects ----------------------------------------------------------------------- */

/* q * price, and its fee, each rounded once, half to even. */
static int64_t
scaled(paper_wide v, int64_t by)
{
	paper_wide q = v / by, r = v % by;

	if (2 * r > by || (2 * r == by && (q & 1) != 0))
		q++;
	return (int64_t)q;
}

static int64_t
wrapped(int64_t x, int64_t y)
{
	return (int64_t)((uint64_t)x + (uint64_t)y);
}

static void
count_fill(struct trade_paper *p, const struct trade_paper_resting *r,
    struct trade_paper_effect *e)
{
	int64_t worth = scaled((paper_wide)e->quantity.e8 * e->price.e8,
	    DEC_ONE);

	e->number = ++p->fills;
	e->fee.e8 = scaled((paper_wide)worth * p->terms.fee_ppm, 1000000);
	p->fees = wrapped(p->fees, e->fee.e8);
	if (r->o.buy) {
		p->bought = wrapped(p->bought, e->quantity.e8);
		p->paid = wrapped(p->paid, worth);
	} else {
		p->sold = wrapped(p->sold, e->quantity.e8);
		p->got = wrapped(p->got, worth);
	}
}

void
trade_paper_effect_add(struct trade_paper *p,
    const struct trade_paper_resting *r, enum trade_paper_what what,
    int64_t q, int64_t price, bool maker, const char *why)
{
	struct trade_paper_effect e = { .what = what, .order_id = r->id,
	    .quantity = { q }, .price = { price }, .maker = maker,
	    .why = why };

	if (what == PAPER_FILL)
		count_fill(p, r, &e);
	*VEC_ADD(p->scratch, &p->work->effects) = e;
}

/* ---- inputs ------------------------------------------------------------------------- */

static enum trade_book_type
type_of(const char *text)
{
	static const char *const names[] = { "market", "limit", "stop",
	    "stop_limit", "trailing_stop" };

	for (int i = 0; i < 5; i++)
		if (strcmp(names[i], text) == 0)
			return (enum trade_book_type)i;
	return BOOK_MARKET;
}

/* When it reaches the market. */
static int64_t
arrival(struct trade_paper *p)
{
	int64_t at = p->now_us + p->terms.latency_us;

	if (p->terms.jitter_us > 0)
		at += (int64_t)(trade_paper_random(p->rng) %
		    (uint64_t)(p->terms.jitter_us + 1));
	return at;
}

static void
submit(struct trade_paper *p, const struct trade_paper_input *in)
{
	struct trade_paper_resting *r;

	if (by_id(p, in->order_id) != NULL || in->quantity.e8 <= 0)
		return;
	r = VEC_ADD(p->a, &p->orders);
	*r = (struct trade_paper_resting){ .id = in->order_id,
	    .instrument = in->instrument_id, .place = PAPER_FLIGHT,
	    .from_us = arrival(p), .expires_us = in->expires_at.us,
	    .dirty = true };
	r->o = (struct trade_book_order){ .id = (uint64_t)++p->orders_made,
	    .owner = 1, .buy = strcmp(in->side, "buy") == 0,
	    .post_only = in->post_only, .type = type_of(in->type),
	    .tif = strcmp(in->tif, "ioc") == 0 ? BOOK_IOC :
	    strcmp(in->tif, "fok") == 0 ? BOOK_FOK : BOOK_REST,
	    .quantity = in->quantity.e8, .limit = in->limit_price.e8,
	    .stop = in->stop_price.e8, .trail = in->trail.e8,
	    .trail_ppm = in->trail_ppm, .display = in->display.e8 <
	    in->quantity.e8 ? in->display.e8 : 0 };
}

/* Its book, when it is the one that is open. */
static bool
in_work(const struct trade_paper *p, const struct trade_paper_resting *r)
{
	return p->work != NULL && p->work->book != NULL &&
	    p->work->in.instrument_id == r->instrument;
}

static void
cancel(struct trade_paper *p, struct uuid id)
{
	struct trade_paper_resting *r = by_id(p, id);

	if (r == NULL || r->place == PAPER_OVER)
		return;
	if (in_work(p, r))
		trade_paper_remove(p, r);
	r->place = PAPER_OVER;
	r->dirty = true;
}

/* Less at the same price keeps its place; anything else arrives anew. */
static void
replace(struct trade_paper *p, const struct trade_paper_input *in)
{
	struct trade_paper_resting *r = by_id(p, in->order_id);
	bool keeps;

	if (r == NULL || r->place == PAPER_OVER || in->quantity.e8 <= 0)
		return;
	keeps = in->quantity.e8 <= r->o.quantity && in->limit_price.e8 ==
	    r->o.limit && (in->stop_price.e8 == r->o.stop ||
	    r->o.type == BOOK_TRAIL || r->o.triggered);
	if (in_work(p, r) && (!keeps || r->place == PAPER_BOOK))
		trade_paper_remove(p, r);
	r->o.quantity = in->quantity.e8;
	if (r->o.shown > r->o.quantity)
		r->o.shown = r->o.quantity;
	r->o.limit = in->limit_price.e8;
	r->expires_us = in->expires_at.us;
	if (r->o.type != BOOK_TRAIL && !r->o.triggered)
		r->o.stop = in->stop_price.e8;
	r->dirty = true;
	if (!keeps) {
		r->place = PAPER_FLIGHT;
		r->from_us = arrival(p);
		r->o.ahead = r->o.queue = 0;
	} else if (in_work(p, r) && r->place == PAPER_BOOK && !r->frozen) {
		trade_book_restore(p->work->book, &r->o);
	}
}

/* A frozen one is in no book, but keeps its place. */
static void
freeze(struct trade_paper *p, struct uuid id, bool frozen)
{
	struct trade_paper_resting *r = by_id(p, id);

	if (r == NULL || r->place == PAPER_OVER || r->frozen == frozen)
		return;
	if (in_work(p, r) && r->place == PAPER_BOOK) {
		if (frozen)
			trade_paper_remove(p, r);
		else
			trade_book_restore(p->work->book, &r->o);
	}
	r->frozen = frozen;
	r->dirty = true;
}

static void
apply(struct trade_paper *p, const struct trade_paper_input *in)
{
	if (strcmp(in->kind, "submit") == 0)
		submit(p, in);
	else if (strcmp(in->kind, "cancel") == 0)
		cancel(p, in->order_id);
	else if (strcmp(in->kind, "replace") == 0)
		replace(p, in);
	else if (strcmp(in->kind, "freeze") == 0 ||
	    strcmp(in->kind, "thaw") == 0)
		freeze(p, in->order_id, strcmp(in->kind, "freeze") == 0);
	else if (strcmp(in->kind, "terms") == 0)
		p->terms = (struct trade_paper_terms){ in->spread_ppm,
		    in->latency_us, in->jitter_us, in->share_ppm,
		    in->fee_ppm, in->every };
}

static bool
market_matters(const char *kind)
{
	return strcmp(kind, "terms") != 0 && strcmp(kind, "note") != 0 &&
	    strcmp(kind, "cancel") != 0 && strcmp(kind, "freeze") != 0 &&
	    strcmp(kind, "thaw") != 0;
}

void
trade_paper_begin(struct trade_paper *p, struct trade_paper_input *in)
{
	struct str text;

	in->side = in->side == NULL ? "" : in->side;
	in->type = in->type == NULL ? "" : in->type;
	in->tif = in->tif == NULL ? "" : in->tif;
	in->timeframe = in->timeframe == NULL ? "" : in->timeframe;
	if (in->at.us < p->now_us)
		in->at.us = p->now_us;
	p->now_us = in->at.us;
	in->seq = ++p->seq;
	in->parent = p->work == NULL ? 0 : p->work->in.seq;
	in->step = p->work == NULL ? 0 : p->work->steps;
	str_init(&text, p->scratch);
	schema_encode(&trade_paper_input_schema, in, &text);
	chain(p, text.p, text.len);
	apply(p, in);
	if (p->work != NULL)
		return;
	p->work = arena_alloc(p->scratch, sizeof(*p->work));
	p->work->in = *in;
	p->work->phase = AT_EXPIRY;
	if (market_matters(in->kind))
		trade_paper_open_market(p);
	else
		p->work->phase = AT_END;
}

static void
finish(struct trade_paper *p)
{
	size_t kept = 0;

	trade_paper_settle(p);
	p->work = NULL;
	/* what is over is known to whoever keeps the rows by its effects */
	for (size_t i = 0; i < p->orders.n; i++)
		if (p->orders.v[i].place != PAPER_OVER)
			p->orders.v[kept++] = p->orders.v[i];
	p->orders.n = kept;
	arena_reset(p->scratch);
}

/* An order that ended meanwhile has nothing more to tell. */
static bool
moot(const struct trade_paper *p, const struct trade_paper_effect *e)
{
	const struct trade_paper_resting *r = trade_paper_find(p,
	    e->order_id);

	return (e->what == PAPER_TRIGGERED || e->what == PAPER_TRAILED) &&
	    (r == NULL || r->place == PAPER_OVER);
}

bool
trade_paper_step(struct trade_paper *p, struct trade_paper_effect *e)
{
	struct trade_paper_work *w = p->work;
	char text[200], id[UUID_TEXT];
	int n;

	for (;;) {
		while (w->told < w->effects.n &&
		    moot(p, &w->effects.v[w->told]))
			w->told++;
		if (w->told < w->effects.n)
			break;
		if (w->phase == AT_END || !trade_paper_market_step(p)) {
			finish(p);
			return false;
		}
	}
	*e = w->effects.v[w->told++];
	w->steps++;
	n = snprintf(text, sizeof(text), "%d|%s|%lld|%lld|%lld|%lld|%d",
	    (int)e->what, uuid_format(e->order_id, id), (long long)e->number,
	    (long long)e->quantity.e8, (long long)e->price.e8,
	    (long long)e->fee.e8, e->maker);
	chain(p, text, (size_t)n);
	return true;
}
