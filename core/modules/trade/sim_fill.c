/*
 * One bar of a lane: which orders it fills, at which price. Whatever the bar
 * does not tell (what came first inside it) is decided by the reading asked
 * for, and counted.
 */
#include <string.h>

#include "modules/trade/sim_inner.h"

#define MAX_PASSES 64
#define DAY_US 86400000000.0

struct fill {
	double price;
	double stop;			/* the stop that was hit, or NaN */
	bool market;
	size_t bar;
};

static bool
waits(const struct trade_sim_lane *k, const struct trade_sim_order *o)
{
	for (size_t i = 0; i < k->orders.n; i++)
		if (k->orders.v[i] == o)
			return true;
	return false;
}

/* A limit fills at its price or at the open if that is better; when a stop
 * and a limit are touched in one bar and the limit lies on the near side, the
 * limit is taken to have come first, before it counted. */
static bool
limit_fills(const struct trade_sim_lane *k, const struct trade_sim_order *o,
    struct fill *f)
{
	const struct trade_ohlcv b = trade_sim_now(k);

	if (o->size > 0) {
		if (b.l > o->limit ||
		    o->limit <= trade_sim_or(f->stop, -INFINITY))
			return false;
		f->price = fmin(trade_sim_or(f->stop, b.o), o->limit);
	} else {
		if (b.h < o->limit ||
		    o->limit >= trade_sim_or(f->stop, INFINITY))
			return false;
		f->price = fmax(trade_sim_or(f->stop, b.o), o->limit);
	}
	return true;
}

/* Stop loss or take profit: they know no close before their bar. */
static bool
contingent(const struct trade_sim_order *o)
{
	return o->trade != NULL && (o == o->trade->stop ||
	    o == o->trade->take);
}

static bool
fills(const struct trade_sim *s, const struct trade_sim_lane *k,
    struct trade_sim_order *o, struct fill *f)
{
	bool early;

	*f = (struct fill){ .stop = o->stop, .bar = k->i };
	if (!isnan(o->stop)) {
		if (o->size > 0 ? trade_sim_h(k) < o->stop :
		    trade_sim_l(k) > o->stop)
			return false;
		o->stop = NAN;		/* from here on market or limit */
	}
	if (!isnan(o->limit))
		return limit_fills(k, o, f);
	f->market = isnan(f->stop);
	early = s->t.on_close && !contingent(o) && k->i > 0;
	f->price = early ? k->c[(k->i - 1) * k->step] : trade_sim_o(k);
	if (!isnan(f->stop) && o->trade != NULL && o->trade->moved == k->i)
		f->price = f->stop;	/* it was not there at the open */
	else if (!isnan(f->stop))
		f->price = o->size > 0 ? fmax(f->price, f->stop) :
		    fmin(f->price, f->stop);
	if (f->market && early)
		f->bar = k->i - 1;
	return true;
}

static void
undecided(struct trade_sim *s, struct trade_sim_lane *k)
{
	if (k->undecided_at != k->i)
		s->undecided++;
	k->undecided_at = k->i;
}

/* True if this bar's path (nearer extreme first) goes up first. */
static bool
up_first(const struct trade_sim_lane *k)
{
	const struct trade_ohlcv b = trade_sim_now(k);

	return b.h - b.o < b.o - b.l;
}

/* Both exits of a trade lie in this bar and neither at its open: which came
 * first is not in the data. True when the take profit goes first. */
static bool
take_first(struct trade_sim *s, struct trade_sim_lane *k,
    const struct trade_sim_order *o)
{
	const struct trade_ohlcv b = trade_sim_now(k);
	const struct trade_sim_trade *t = o->trade;
	double sl, tp;

	if (t == NULL || o != t->stop || t->take == NULL)
		return false;
	sl = o->stop;
	tp = t->take->limit;
	if (t->size > 0 ? b.l > sl || b.h < tp || b.o <= sl :
	    b.h < sl || b.l > tp || b.o >= sl)
		return false;
	if (t->size > 0 ? b.o >= tp : b.o <= tp)
		return s->t.reading != READ_PESSIMISTIC;
	undecided(s, k);
	if (s->t.reading == READ_PATH)
		return up_first(k) == (t->size > 0);
	return s->t.reading == READ_OPTIMISTIC;
}

/* Units that this bar's volume leaves for us. */
static double
room(const struct trade_sim *s, const struct trade_sim_lane *k, double size)
{
	double most;

	if (s->t.volume_share <= 0)
		return size;
	most = fmax(0, floor(k->bars[k->i].v * s->t.volume_share) -
	    k->taken);
	return copysign(fmin(fabs(size), most), size);
}

/* What market and stop orders pay beyond the price. */
static double
slipped(const struct trade_sim *s, const struct trade_sim_lane *k,
    const struct trade_sim_order *o, double price, double size)
{
	double share, v;

	if (!isnan(o->limit) || (s->t.slippage == 0 && s->t.impact == 0))
		return price;
	v = k->bars[k->i].v;
	share = s->t.volume_share > 0 && v > 0 ? fabs(size) / v : 0;
	return price * (1 + copysign(s->t.slippage +
	    s->t.impact * share * share, size));
}

static const char *
reason(const struct trade_sim_order *o, const struct trade_sim_trade *t,
    const struct fill *f)
{
	if (o == t->take)
		return "take";
	if (o != t->stop)
		return o->why;
	return t->trail > 0 && f->stop != t->sl ? "trail" : "stop";
}

static void
fill_close(struct trade_sim *s, struct trade_sim_lane *k,
    struct trade_sim_order *o, const struct fill *f)
{
	struct trade_sim_trade *t = o->trade;
	double size = copysign(fmin(fabs(t->size), fabs(o->size)), o->size);
	double part = room(s, k, size);

	if (t->closed) {
		trade_sim_forget(k, o);
		return;
	}
	if (part == 0) {
		o->stop = f->stop;
		return;
	}
	k->taken += fabs(part);
	trade_sim_reduce(s, k, t, slipped(s, k, o, f->price, part), part,
	    f->bar, reason(o, t, f));
	if (part != size && contingent(o))
		o->stop = f->stop;
	else if (part != size)
		o->size -= part;
	else
		trade_sim_forget(k, o);
}

/* Closes trades of the other side first, oldest first; what is left opens. */
static double
against(struct trade_sim *s, struct trade_sim_lane *k, double size,
    const struct fill *f, double price)
{
	size_t i = 0;

	while (i < k->open.n && size != 0) {
		struct trade_sim_trade *t = k->open.v[i];

		if ((t->size > 0) == (size > 0)) {
			i++;
			continue;
		}
		if (fabs(size) >= fabs(t->size)) {
			size += t->size;
			trade_sim_end(s, k, t, price, f->bar, "signal");
		} else {
			trade_sim_reduce(s, k, t, price, size, f->bar,
			    "signal");
			size = 0;
		}
	}
	return size;
}

/* The stop loss may strike in the bar of the entry: of a market order always,
 * of a stop order only where price went on to the take profit. */
static bool
look_again(const struct trade_sim_lane *k, const struct trade_sim_order *o,
    const struct fill *f)
{
	const struct trade_ohlcv b = trade_sim_now(k);

	if (isnan(o->sl) && isnan(o->tp))
		return false;
	if (f->market && isnan(o->limit))
		return true;
	if (isnan(f->stop) || !isnan(o->limit) || isnan(o->tp))
		return false;
	return o->size > 0 ?
	    o->tp <= b.h && trade_sim_or(o->sl, -INFINITY) < b.l :
	    o->tp >= b.l && trade_sim_or(o->sl, INFINITY) > b.h;
}

/* How many whole times y goes into x, as Python's // has it: x / y may round
 * up to a whole number, which the exact rest tells. */
static double
whole(double x, double y)
{
	double n = floor(x / y), rest;

	if (!(n < 0x1p53) || n < 0)
		return floor((x - fmod(x, y)) / y);
	rest = fma(-n, y, x);
	return rest < 0 ? n - 1 : rest >= y ? n + 1 : n;
}

static void
refuse(struct trade_sim *s, struct trade_sim_lane *k,
    struct trade_sim_order *o)
{
	s->refused++;
	trade_sim_forget(k, o);
}

/* Exits that are counted from the price paid. */
static void
from_entry(struct trade_sim_order *o, double price)
{
	int side = o->size > 0 ? 1 : -1;

	if (o->sl_part > 0)
		o->sl = price * (1 - side * o->sl_part);
	if (o->tp_part > 0)
		o->tp = price * (1 + side * o->tp_part);
}

static bool
fill_entry(struct trade_sim *s, struct trade_sim_lane *k,
    struct trade_sim_order *o, const struct fill *f)
{
	double leverage = 1 / s->t.margin, size = o->size, units, part;
	double price = f->price * (1 + copysign(s->t.spread, size)), each;
	bool again = false;

	each = price + trade_sim_commission(s, size, f->price) / fabs(size);
	if (fabs(size) < 1)
		size = copysign(whole(trade_sim_free(s) * leverage *
		    fabs(size), each), size);
	part = size == 0 ? 0 : room(s, k, size);
	if (size == 0 || (o->whole && part != size)) {
		refuse(s, k, o);
		return false;
	}
	if (part == 0)
		return false;
	units = against(s, k, part, f, slipped(s, k, o, f->price, part));
	if (fabs(units) * each > trade_sim_free(s) * leverage) {
		refuse(s, k, o);
		return false;
	}
	k->taken += fabs(part);
	if (units != 0) {
		price = slipped(s, k, o, price, part);
		from_entry(o, price);
		trade_sim_open(s, k, o, price, units, f->bar);
		again = look_again(k, o, f);
	}
	o->size = size - part;
	if (o->size == 0)
		trade_sim_forget(k, o);
	return again;
}

static bool
pass(struct trade_sim *s, struct trade_sim_lane *k)
{
	bool again = false;

	/* Those that wait now: filling one may add and remove others. */
	k->looked.n = 0;
	for (size_t i = 0; i < k->orders.n; i++)
		*VEC_ADD(s->a, &k->looked) = k->orders.v[i];
	for (size_t i = 0; i < k->looked.n; i++) {
		struct trade_sim_order *o = k->looked.v[i];
		struct fill f;

		if (!waits(k, o) || k->i < o->from)
			continue;
		if (k->i > o->until) {
			trade_sim_forget(k, o);
			continue;
		}
		if (take_first(s, k, o) || !fills(s, k, o, &f))
			continue;
		if (o->trade != NULL)
			fill_close(s, k, o, &f);
		else
			again = fill_entry(s, k, o, &f) || again;
	}
	return again;
}

/* ---- what moves with the bars ---------------------------------------------------- */

double
trade_sim_trailed(const struct trade_sim_trade *t, double stop, double best)
{
	int side = t->size > 0 ? 1 : -1;

	if (side * (best / t->entry - 1) < t->trail_from)
		return stop;
	best *= 1 - side * t->trail;
	return side > 0 ? fmax(stop, best) : fmin(stop, best);
}

/* A stop that this bar's best price would pull into the bar's own worst: the
 * reading says whether the best came first. The pessimistic reading lets a
 * bar move the stop of later bars only. */
static void
trail_within(struct trade_sim *s, struct trade_sim_lane *k,
    struct trade_sim_trade *t)
{
	bool up = t->size > 0;
	double h = trade_sim_h(k), l = trade_sim_l(k);
	double best = up ? h : l, worst = up ? l : h, moved;

	if (t->entry_bar == k->i || (up ? worst <= t->stop->stop :
	    worst >= t->stop->stop))
		return;			/* met before it could move */
	moved = trade_sim_trailed(t, t->stop->stop, up ?
	    fmax(best, t->best) : fmin(best, t->best));
	if (up ? worst > moved : worst < moved)
		return;
	undecided(s, k);
	if (s->t.reading == READ_PESSIMISTIC ||
	    (s->t.reading == READ_PATH && up_first(k) != up))
		return;
	if (moved != t->stop->stop)
		t->moved = k->i;
	t->stop->stop = moved;
}

static void
trail_after(struct trade_sim_lane *k)
{

	for (size_t i = 0; i < k->open.n; i++) {
		struct trade_sim_trade *t = k->open.v[i];

		if (t->trail == 0 || t->stop == NULL)
			continue;
		t->best = t->size > 0 ? fmax(t->best, trade_sim_h(k)) :
		    fmin(t->best, trade_sim_l(k));
		t->stop->stop = trade_sim_trailed(t, t->stop->stop, t->best);
	}
}

/* Borrowed shares and funding, for the time since the bar before. */
static void
carry(struct trade_sim *s, struct trade_sim_lane *k)
{
	double days, paid;

	if ((s->t.borrow == 0 && s->t.funding == 0) || k->i == 0)
		return;
	days = (double)(k->at[k->i].us - k->at[k->i - 1].us) / DAY_US;
	for (size_t i = 0; i < k->open.n; i++) {
		struct trade_sim_trade *t = k->open.v[i];
		double worth = t->size * k->c[(k->i - 1) * k->step];

		paid = worth * s->t.funding * days;
		if (worth < 0)
			paid -= worth * s->t.borrow * days / 365;
		t->carry += paid;
		s->cash -= paid;
	}
}

void
trade_sim_recycle(struct trade_sim_lane *k)
{
	while (k->dead != NULL) {
		struct trade_sim_order *o = k->dead;

		k->dead = o->spare;
		o->spare = k->spare;
		k->spare = o;
	}
}

void
trade_sim_fill(struct trade_sim *s, struct trade_sim_lane *k)
{
	k->taken = 0;
	carry(s, k);
	for (size_t i = 0; i < k->open.n; i++)
		if (k->open.v[i]->trail > 0)
			trail_within(s, k, k->open.v[i]);
	for (int i = 0; i < MAX_PASSES && pass(s, k); i++)
		;
	trade_sim_recycle(k);
	trail_after(k);
}
