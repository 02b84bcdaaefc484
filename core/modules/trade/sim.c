/*
 * The account in a backtest. Invariant: cash + what the open trades are worth
 * over their entry is the equity of every bar; a trade's stop and take orders
 * exist exactly as long as the trade is open and have its size.
 */
#include <math.h>
#include <string.h>

#include "modules/trade/sim.h"

#define MAX_PASSES 64

const char *const trade_reading_names[] = {
	"pessimistic", "path", "optimistic", NULL
};

void
trade_sim_start(struct trade_sim *s, struct arena *a,
    const struct trade_sim_terms *t, const struct trade_ohlcv *bars, size_t n)
{
	*s = (struct trade_sim){ .a = a, .t = *t, .bars = bars, .n = n,
	    .cash = t->cash, .undecided_at = SIZE_MAX };
	s->equity = arena_array(a, n, sizeof(*s->equity));
	for (size_t i = 0; i < n; i++)
		s->equity[i] = t->cash;
}

/* ---- what it is worth ------------------------------------------------------- */

static const struct trade_ohlcv *
now(const struct trade_sim *s)
{
	return &s->bars[s->i];
}

static double
commission(const struct trade_sim *s, double size, double price)
{
	return s->t.commission_fixed + fabs(size) * price * s->t.commission;
}

double
trade_sim_equity(const struct trade_sim *s)
{
	double worth = 0;

	for (size_t i = 0; i < s->open.n; i++)
		worth += s->open.v[i]->size *
		    (now(s)->c - s->open.v[i]->entry);
	return s->cash + worth;
}

static double
free_margin(const struct trade_sim *s)
{
	double used = 0;

	for (size_t i = 0; i < s->open.n; i++)
		used += fabs(s->open.v[i]->size) * now(s)->c /
		    (1 / s->t.margin);
	return fmax(0, trade_sim_equity(s) - used);
}

double
trade_sim_position(const struct trade_sim *s)
{
	double units = 0;

	for (size_t i = 0; i < s->open.n; i++)
		units += s->open.v[i]->size;
	return units;
}

double
trade_sim_profit(const struct trade_sim_trade *t)
{
	return t->size * (t->exit - t->entry) - t->commission;
}

double
trade_sim_return(const struct trade_sim_trade *t)
{
	return copysign(1, t->size) * (t->exit / t->entry - 1) -
	    t->commission / (fabs(t->size) * t->entry);
}

/* ---- orders ------------------------------------------------------------------ */

static void
forget(struct trade_sim *s, const struct trade_sim_order *o)
{
	for (size_t i = 0; i < s->orders.n; i++)
		if (s->orders.v[i] == o) {
			s->orders.n--;
			memmove(&s->orders.v[i], &s->orders.v[i + 1],
			    (s->orders.n - i) * sizeof(s->orders.v[0]));
			return;
		}
}

static bool
waits(const struct trade_sim *s, const struct trade_sim_order *o)
{
	for (size_t i = 0; i < s->orders.n; i++)
		if (s->orders.v[i] == o)
			return true;
	return false;
}

static struct trade_sim_order *
enqueue(struct trade_sim *s, const struct trade_sim_order *o, bool first)
{
	struct trade_sim_order *p = arena_memdup(s->a, o, sizeof(*o));

	*VEC_ADD(s->a, &s->orders) = p;
	if (first) {
		memmove(&s->orders.v[1], &s->orders.v[0],
		    (s->orders.n - 1) * sizeof(s->orders.v[0]));
		s->orders.v[0] = p;
	}
	return p;
}

void
trade_sim_cancel_entries(struct trade_sim *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->orders.n; i++)
		if (s->orders.v[i]->trade != NULL)
			s->orders.v[kept++] = s->orders.v[i];
	s->orders.n = kept;
}

static struct trade_sim_order
closing(const struct trade_sim *s, struct trade_sim_trade *t)
{
	return (struct trade_sim_order){ .size = -t->size, .limit = NAN,
	    .stop = NAN, .sl = NAN, .tp = NAN, .trade = t,
	    .from = s->i + 1 + s->t.latency, .until = SIZE_MAX };
}

void
trade_sim_close(struct trade_sim *s, struct trade_sim_trade *t)
{
	struct trade_sim_order o = closing(s, t);

	enqueue(s, &o, true);
}

static double
or_else(double v, double other)
{
	return isnan(v) ? other : v;
}

int
trade_sim_order(struct trade_sim *s, struct trade_sim_order o)
{
	double price = or_else(or_else(o.limit, o.stop),
	    now(s)->c * (1 + copysign(s->t.spread, o.size)));
	double low = o.size > 0 ? o.sl : o.tp, high = o.size > 0 ? o.tp : o.sl;

	if (!(or_else(low, -INFINITY) < price) ||
	    !(price < or_else(high, INFINITY)))
		return -1;
	if (s->t.exclusive) {
		trade_sim_cancel_entries(s);
		for (size_t i = 0; i < s->open.n; i++)
			trade_sim_close(s, s->open.v[i]);
	}
	o.trade = NULL;
	o.from = s->i + 1 + s->t.latency;
	if (o.until == 0)
		o.until = SIZE_MAX;
	enqueue(s, &o, false);
	return 0;
}

/* ---- trades ------------------------------------------------------------------- */

static void
close_trade(struct trade_sim *s, struct trade_sim_trade *t, double price,
    size_t bar, const char *why)
{
	double out = commission(s, t->size, price);

	for (size_t i = 0; i < s->open.n; i++)
		if (s->open.v[i] == t) {
			s->open.n--;
			memmove(&s->open.v[i], &s->open.v[i + 1],
			    (s->open.n - i) * sizeof(s->open.v[0]));
			break;
		}
	forget(s, t->stop);
	forget(s, t->take);
	t->exit = price;
	t->exit_bar = bar;
	t->why = why;
	s->cash += t->size * (price - t->entry) - out;
	t->commission = out + commission(s, t->size, t->entry);
	*VEC_ADD(s->a, &s->closed) = t;
}

/* Closes size units (against the trade's sign) of a trade. */
static void
reduce_trade(struct trade_sim *s, struct trade_sim_trade *t, double price,
    double size, size_t bar, const char *why)
{
	double left = t->size + size;
	struct trade_sim_trade *part;

	if (left == 0) {
		close_trade(s, t, price, bar, why);
		return;
	}
	part = arena_memdup(s->a, t, sizeof(*t));
	part->size = -size;
	part->stop = part->take = NULL;
	t->size = left;
	if (t->stop != NULL)
		t->stop->size = -left;
	if (t->take != NULL)
		t->take->size = -left;
	close_trade(s, part, price, bar, why);
}

static void
open_trade(struct trade_sim *s, const struct trade_sim_order *o, double price,
    double size, size_t bar)
{
	struct trade_sim_trade *t = arena_alloc(s->a, sizeof(*t));
	struct trade_sim_order c;

	*t = (struct trade_sim_trade){ .size = size, .entry = price,
	    .entry_bar = bar, .sl = o->sl, .tp = o->tp };
	*VEC_ADD(s->a, &s->open) = t;
	s->cash -= commission(s, size, price);
	c = closing(s, t);
	c.from = s->i;
	if (!isnan(o->tp)) {
		c.limit = o->tp;
		t->take = enqueue(s, &c, false);
	}
	if (!isnan(o->sl)) {
		c.limit = NAN;
		c.stop = o->sl;
		t->stop = enqueue(s, &c, true);
	}
}

/* ---- one bar ------------------------------------------------------------------- */

struct fill {
	double price;
	double stop;			/* the stop that was hit, or NaN */
	bool market;
	size_t bar;
};

/* A limit fills at its price or at the open if that is better; when a stop
 * and a limit are touched in one bar and the limit lies on the near side, the
 * limit is taken to have come first, before it counted. */
static bool
limit_fills(const struct trade_sim *s, const struct trade_sim_order *o,
    struct fill *f)
{
	const struct trade_ohlcv *b = now(s);

	if (o->size > 0) {
		if (b->l > o->limit || o->limit <= or_else(f->stop, -INFINITY))
			return false;
		f->price = fmin(or_else(f->stop, b->o), o->limit);
	} else {
		if (b->h < o->limit || o->limit >= or_else(f->stop, INFINITY))
			return false;
		f->price = fmax(or_else(f->stop, b->o), o->limit);
	}
	return true;
}

static bool
fills(struct trade_sim *s, struct trade_sim_order *o, struct fill *f)
{
	const struct trade_ohlcv *b = now(s);
	bool early;

	*f = (struct fill){ .stop = o->stop, .bar = s->i };
	if (!isnan(o->stop)) {
		if (o->size > 0 ? b->h < o->stop : b->l > o->stop)
			return false;
		o->stop = NAN;		/* from here on market or limit */
	}
	if (!isnan(o->limit))
		return limit_fills(s, o, f);
	f->market = isnan(f->stop);
	early = s->t.on_close && o->trade == NULL;
	f->price = early ? s->bars[s->i - 1].c : b->o;
	if (!isnan(f->stop))
		f->price = o->size > 0 ? fmax(f->price, f->stop) :
		    fmin(f->price, f->stop);
	if (f->market && early)
		f->bar = s->i - 1;
	return true;
}

/* Both exits of a trade lie in this bar and neither at its open: which came
 * first is not in the data. True when the take profit goes first. */
static bool
take_first(struct trade_sim *s, const struct trade_sim_order *o)
{
	const struct trade_sim_trade *t = o->trade;
	const struct trade_ohlcv *b = now(s);
	double sl, tp;

	if (t == NULL || o != t->stop || t->take == NULL)
		return false;
	sl = o->stop;
	tp = t->take->limit;
	if (t->size > 0 ? b->l > sl || b->h < tp || b->o <= sl :
	    b->h < sl || b->l > tp || b->o >= sl)
		return false;
	if (t->size > 0 ? b->o >= tp : b->o <= tp)
		return s->t.reading != READ_PESSIMISTIC;
	if (s->undecided_at != s->i) {
		s->undecided_at = s->i;
		s->undecided++;
	}
	if (s->t.reading == READ_PATH)
		return (b->h - b->o < b->o - b->l) == (t->size > 0);
	return s->t.reading == READ_OPTIMISTIC;
}

/* Units that this bar's volume leaves for us. */
static double
room(const struct trade_sim *s, double size)
{
	double most;

	if (s->t.volume_share <= 0)
		return size;
	most = fmax(0, floor(now(s)->v * s->t.volume_share) - s->taken);
	return copysign(fmin(fabs(size), most), size);
}

/* What market and stop orders pay beyond the price. */
static double
slipped(const struct trade_sim *s, const struct trade_sim_order *o,
    double price, double size)
{
	double share;

	if (!isnan(o->limit))
		return price;
	share = s->t.volume_share > 0 && now(s)->v > 0 ?
	    fabs(size) / now(s)->v : 0;
	return price * (1 + copysign(s->t.slippage +
	    s->t.impact * share * share, size));
}

static void
fill_close(struct trade_sim *s, struct trade_sim_order *o, const struct fill *f)
{
	struct trade_sim_trade *t = o->trade;
	bool is_stop = o == t->stop, is_take = o == t->take;
	double size = copysign(fmin(fabs(t->size), fabs(o->size)), o->size);
	double part = room(s, size);

	if (part == 0) {
		o->stop = f->stop;
		return;
	}
	s->taken += fabs(part);
	reduce_trade(s, t, slipped(s, o, f->price, part), part, f->bar,
	    is_stop ? "stop" : is_take ? "take" : "signal");
	if (part != size && (is_stop || is_take))
		o->stop = f->stop;
	else if (part != size)
		o->size -= part;
	else
		forget(s, o);
}

/* Closes trades of the other side first, oldest first; what is left opens. */
static double
against(struct trade_sim *s, double size, const struct fill *f, double price)
{
	size_t i = 0;

	while (i < s->open.n && size != 0) {
		struct trade_sim_trade *t = s->open.v[i];

		if ((t->size > 0) == (size > 0)) {
			i++;
			continue;
		}
		if (fabs(size) >= fabs(t->size)) {
			size += t->size;
			close_trade(s, t, price, f->bar, "signal");
		} else {
			reduce_trade(s, t, price, size, f->bar, "signal");
			size = 0;
		}
	}
	return size;
}

/* The stop loss may strike in the bar of the entry: of a market order always,
 * of a stop order only where price went on to the take profit. */
static bool
look_again(const struct trade_sim *s, const struct trade_sim_order *o,
    const struct fill *f)
{
	const struct trade_ohlcv *b = now(s);

	if (isnan(o->sl) && isnan(o->tp))
		return false;
	if (f->market && isnan(o->limit))
		return true;
	if (isnan(f->stop) || !isnan(o->limit) || isnan(o->tp))
		return false;
	return o->size > 0 ?
	    o->tp <= b->h && or_else(o->sl, -INFINITY) < b->l :
	    o->tp >= b->l && or_else(o->sl, INFINITY) > b->h;
}

/* How many whole times y goes into x, as Python's // has it: x / y may round
 * up to a whole number. */
static double
whole(double x, double y)
{
	double div = (x - fmod(x, y)) / y, n = floor(div);

	return div - n > 0.5 ? n + 1 : n;
}

static bool
fill_entry(struct trade_sim *s, struct trade_sim_order *o,
    const struct fill *f)
{
	double leverage = 1 / s->t.margin, size = o->size, units, part;
	double price = f->price * (1 + copysign(s->t.spread, size)), each;
	bool again = false;

	each = price + commission(s, size, f->price) / fabs(size);
	if (fabs(size) < 1)
		size = copysign(whole(free_margin(s) * leverage * fabs(size),
		    each), size);
	if (size == 0) {
		s->refused++;
		forget(s, o);
		return false;
	}
	part = room(s, size);
	if (part == 0)
		return false;
	units = against(s, part, f, slipped(s, o, f->price, part));
	if (fabs(units) * each > free_margin(s) * leverage) {
		s->refused++;
		forget(s, o);
		return false;
	}
	s->taken += fabs(part);
	if (units != 0) {
		open_trade(s, o, slipped(s, o, price, part), units, f->bar);
		again = look_again(s, o, f);
	}
	o->size = size - part;
	if (o->size == 0)
		forget(s, o);
	return again;
}

static bool
pass(struct trade_sim *s)
{
	bool again = false;

	/* Those that wait now: filling one may add and remove others. */
	s->looked.n = 0;
	for (size_t i = 0; i < s->orders.n; i++)
		*VEC_ADD(s->a, &s->looked) = s->orders.v[i];
	for (size_t i = 0; i < s->looked.n; i++) {
		struct trade_sim_order *o = s->looked.v[i];
		struct fill f;

		if (!waits(s, o) || s->i < o->from)
			continue;
		if (s->i > o->until) {
			forget(s, o);
			continue;
		}
		if (take_first(s, o) || !fills(s, o, &f))
			continue;
		if (o->trade != NULL)
			fill_close(s, o, &f);
		else
			again = fill_entry(s, o, &f) || again;
	}
	return again;
}

/* Nothing is left: everything is closed and stays at zero. */
static void
ruin(struct trade_sim *s)
{
	while (s->open.n > 0)
		close_trade(s, s->open.v[0], now(s)->c, s->i, "ruin");
	s->cash = 0;
	s->ruined = true;
	for (size_t i = s->i; i < s->n; i++)
		s->equity[i] = 0;
}

static void
bar(struct trade_sim *s)
{
	s->taken = 0;
	for (int i = 0; i < MAX_PASSES && pass(s); i++)
		;
	s->equity[s->i] = trade_sim_equity(s);
	if (s->equity[s->i] <= 0)
		ruin(s);
}

void
trade_sim_run(struct trade_sim *s, size_t first, bool finish,
    void (*next)(void *arg, struct trade_sim *), void *arg)
{
	size_t closed;

	for (s->i = first; s->i < s->n && !s->ruined; s->i++) {
		bar(s);
		if (!s->ruined)
			next(arg, s);
	}
	if (s->n == 0)
		return;
	s->i = s->n - 1;
	if (!finish || s->ruined || first >= s->n)
		return;
	closed = s->closed.n;
	s->t.volume_share = 0;		/* the end is no market */
	for (size_t i = s->open.n; i > 0; i--)
		trade_sim_close(s, s->open.v[i - 1]);
	for (size_t i = 0; i < s->orders.n; i++)
		s->orders.v[i]->from = s->i;
	bar(s);
	for (; closed < s->closed.n; closed++)
		if (strcmp(s->closed.v[closed]->why, "signal") == 0)
			s->closed.v[closed]->why = "end";
}
