/*
 * How much of a result may be luck: random entries in the trades' places, days
 * resampled in blocks. Neither runs the strategy again: the first moves the
 * trades it made, the second the returns of its days. Seeded, so that the same
 * run gives the same.
 * Sources: Politis and Romano 1994 (stationary bootstrap).
 */
#include <math.h>
#include <stdlib.h>

#include "schema/schema.h"
#include "modules/trade/backtest.h"

#define L struct trade_luck
static const struct field luck_fields[] = {
	FIELD(L, p, .flags = FF_NULLABLE, .doc = "Share of random entries, "
	    "held as long on the same sides, that earn as much"),
	FIELD(L, shuffles, .doc = "Random sets of entries; of more than 1000 "
	    "trades, neighbours are moved together"),
	FIELD(L, sharpe_low, .flags = FF_NULLABLE,
	    .doc = "95 % interval of the Sharpe ratio, days resampled in "
	    "blocks"),
	FIELD(L, sharpe_high, .flags = FF_NULLABLE, .doc = "Its upper end"),
	FIELD(L, return_low, .flags = FF_NULLABLE,
	    .doc = "Likewise of the total return"),
	FIELD(L, return_high, .flags = FF_NULLABLE, .doc = "Its upper end"),
	FIELD(L, resamples, .doc = "Resampled histories"),
	FIELD(L, block, .doc = "Mean length of a block in days"), FIELD_END
};
const struct schema trade_luck_schema = {
	.name = "BacktestLuck", .doc = "How much of a result may be luck",
	.size = sizeof(L), .fields = luck_fields
};

/* An LCG is enough to place entries and blocks; its upper bits are good. */
static uint64_t
draw(uint64_t *x)
{
	*x = *x * 6364136223846793005u + 1442695040888963407u;
	return *x >> 32;
}

static size_t
below(uint64_t *x, size_t n)
{
	return (size_t)(draw(x) * n >> 32);
}

/* ---- entries ----------------------------------------------------------------- */

enum { PIECES = 1000, ROUNDS = 999, MOVES = 2000000 };

/* Trades that are moved together: one, or neighbours where there are very
 * many, so that their prices lie beside each other in memory. A thousand
 * pieces are as good as more. */
struct piece {
	size_t trade, n;		/* the first, and how many */
	size_t from, bars;		/* entry of the first to last exit */
};

static size_t
cut(const struct trade_run *r, struct piece *p)
{
	size_t each = (r->ntrades + PIECES - 1) / PIECES, n = 0;

	for (size_t i = 0; i < r->ntrades; i += each, n++) {
		size_t from = SIZE_MAX, to = 0;

		p[n].trade = i;
		p[n].n = r->ntrades - i < each ? r->ntrades - i : each;
		for (size_t k = i; k < i + p[n].n; k++) {
			const struct trade_sim_trade *t = r->trades[k];

			from = t->entry_bar < from ? t->entry_bar : from;
			to = t->exit_bar > to ? t->exit_bar : to;
		}
		p[n].from = from;
		p[n].bars = to - from;
	}
	return n;
}

struct stay {
	uint32_t from, to;		/* bars after the piece's first */
	double side;
};

/* What a piece earns from bar `at` on, gross of costs, so that only the timing
 * is compared. */
static double
earned(const double *open, const struct stay *s, const struct piece *p,
    size_t at)
{
	double sum = 0;

	open += at;
	s += p->trade;
	for (size_t i = 0; i < p->n; i++)
		sum += s[i].side * (open[s[i].to] / open[s[i].from] - 1);
	return sum;
}

static struct stay *
stays(struct arena *a, const struct trade_run *r, const struct piece *p,
    size_t n)
{
	struct stay *s = arena_array(a, r->ntrades, sizeof(*s));

	for (size_t k = 0; k < n; k++)
		for (size_t i = p[k].trade; i < p[k].trade + p[k].n; i++) {
			const struct trade_sim_trade *t = r->trades[i];

			s[i].from = (uint32_t)(t->entry_bar - p[k].from);
			s[i].to = (uint32_t)(t->exit_bar - p[k].from);
			s[i].side = copysign(1, t->size);
		}
	return s;
}

/* Bars of the run's instants: with one symbol they are the same. */
static void
shuffle(struct arena *a, const struct trade_backtest *b,
    const struct trade_run *r, L *out)
{
	struct trade_series series = b->series;
	struct piece *p = arena_array(a, PIECES, sizeof(*p));
	uint64_t x = 0x853c49e6748fea9bu;
	size_t as_good = 0, rounds, n, all = r->n - r->first;
	const double *open;
	struct stay *s;
	double got = 0;

	if (r->ntrades == 0 || b->nothers > 0)
		return;
	trade_series_columns(a, &series);
	open = series.columns->o;
	rounds = MOVES / r->ntrades;
	rounds = rounds > ROUNDS ? ROUNDS : rounds;
	n = cut(r, p);
	s = stays(a, r, p, n);
	for (size_t k = 0; k < n; k++)
		got += earned(open, s, &p[k], p[k].from);
	for (size_t i = 0; i < rounds; i++) {
		double sum = 0;

		for (size_t k = 0; k < n; k++) {
			size_t room = all > p[k].bars ? all - p[k].bars : 1;
			size_t at = r->first + below(&x, room);

			if (at + p[k].bars < r->n)
				sum += earned(open, s, &p[k], at);
		}
		as_good += sum >= got;
	}
	if (rounds > 0)
		out->p = (double)(as_good + 1) / (double)(rounds + 1);
	out->shuffles = (int64_t)rounds;
}

/* ---- days -------------------------------------------------------------------- */

/* Sums over the days before each, from which those of any block follow: of
 * what a day lies above the mean, of its square, of log(1 + return). */
struct sums {
	double above, square, growth;
};

static struct sums *
add_up(struct arena *a, const double *days, size_t n, double *mean)
{
	const double lost = -800;	/* exp() of it is nothing */
	struct sums *s = arena_array(a, n + 1, sizeof(*s));
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += days[i];
	*mean = sum / (double)n;
	for (size_t i = 0; i < n; i++) {
		double d = days[i] - *mean;

		s[i + 1].above = s[i].above + d;
		s[i + 1].square = s[i].square + d * d;
		s[i + 1].growth = s[i].growth +
		    (days[i] > -1 ? log1p(days[i]) : lost);
	}
	return s;
}

static void
add_part(struct sums *t, const struct sums *s, size_t from, size_t to)
{
	t->above += s[to].above - s[from].above;
	t->square += s[to].square - s[from].square;
	t->growth += s[to].growth - s[from].growth;
}

/* A history as long as the real one. A block goes on with 1 - 1/mean a day, so
 * its length is drawn at once; after the last day comes the first. */
static struct sums
history(const struct sums *s, size_t n, double ending, uint64_t *x)
{
	struct sums t = { 0, 0, 0 };
	size_t left = n;

	while (left > 0) {
		double u = ((double)draw(x) + 1) * 0x1p-32;
		double days = 1 + floor(log(u) * ending);
		size_t at = below(x, n), len = days < (double)left ?
		    (size_t)days : left;

		left -= len;
		if (at + len <= n) {
			add_part(&t, s, at, at + len);
		} else {
			add_part(&t, s, at, n);
			add_part(&t, s, 0, at + len - n);
		}
	}
	return t;
}

static int
ascending(const void *p, const void *q)
{
	double x = *(const double *)p, y = *(const double *)q;

	return x < y ? -1 : x > y;
}

static void
interval(double *v, size_t n, double *low, double *high)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if (isfinite(v[i]))
			v[kept++] = v[i];
	*low = *high = NAN;
	if (kept < 40)
		return;
	qsort(v, kept, sizeof(*v), ascending);
	*low = v[(size_t)(0.025 * (double)kept)];
	*high = v[(size_t)(0.975 * (double)kept)];
}

static void
resample(struct arena *a, const struct trade_backtest *b,
    const struct trade_run *r, L *out)
{
	struct trade_stats_in in = { .at = r->at, .equity = r->equity,
	    .n = r->n, .rate = b->rate };
	uint64_t x = 0xda3e39cb94b95bdbu;
	size_t n, rounds;
	double *days = trade_stats_days(a, &in, &n), *sharpe, *total, mean;
	double year = (double)r->stats.per_year, ending;
	struct sums *s = add_up(a, days, n, &mean);

	rounds = n < 20 ? 0 : 10000000 / n;
	rounds = rounds > 1000 ? 1000 : rounds;
	out->block = (int64_t)ceil(cbrt((double)n));
	out->resamples = (int64_t)rounds;
	ending = 1 / log1p(-1 / (double)out->block);
	sharpe = arena_array(a, rounds, sizeof(*sharpe));
	total = arena_array(a, rounds, sizeof(*total));
	for (size_t k = 0; k < rounds; k++) {
		struct sums t = history(s, n, ending, &x);
		double square = t.square - t.above * t.above / (double)n;

		total[k] = expm1(t.growth);
		sharpe[k] = square > 0 ? (mean + t.above / (double)n -
		    b->rate / year) / sqrt(square / (double)(n - 1)) *
		    sqrt(year) : NAN;
	}
	interval(sharpe, rounds, &out->sharpe_low, &out->sharpe_high);
	interval(total, rounds, &out->return_low, &out->return_high);
}

void
trade_backtest_luck(struct arena *a, const struct trade_backtest *b,
    const struct trade_run *r, L *out)
{
	*out = (L){ .p = NAN };
	shuffle(a, b, r, out);
	resample(a, b, r, out);
}
