/*
 * What could make a result better than life: look-ahead, a warm-up that is too
 * short, gaps, bars without volume, trades that only the end closed; and luck:
 * random entries in the trades' places, days resampled in blocks.
 * Sources: Politis and Romano 1994 (stationary bootstrap).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "schema/schema.h"
#include "modules/trade/backtest.h"

/* The same numbers each time (an LCG is enough to place cuts and blocks). */
static uint64_t
draw(uint64_t *x, uint64_t below)
{
	*x = *x * 6364136223846793005u + 1442695040888963407u;
	return (*x >> 33) % below;
}

#define A struct trade_audit
static const struct field audit_fields[] = {
	FIELD(A, cuts, .doc = "Prefixes on which the rules were judged anew"),
	FIELD(A, differing, .doc = "Those whose last bar was judged otherwise "
	    "than in the whole: look-ahead"),
	FIELD(A, warmup_bars, .doc = "History after which the last 50 bars "
	    "are judged as with all of it; -1 = more than was tried"),
	FIELD(A, gaps, .doc = "Steps between bars above three usual ones"),
	FIELD(A, no_volume_fills, .doc = "Trades in bars without volume"),
	FIELD(A, last_bar_share, .doc = "Trades that only the end closed"),
	FIELD_END
};
const struct schema trade_audit_schema = {
	.name = "BacktestAudit", .doc = "What could make the result better "
	"than life", .size = sizeof(A), .fields = audit_fields
};

/* The rules as the whole series judges them, against a stream that has seen
 * nothing but the bars up to each cut. */
static int
look_ahead(struct arena *a, const struct trade_backtest *b,
    const struct trade_series *s, const double *values, A *out, struct err *e)
{
	uint8_t *whole = arena_alloc(a, s->n), *cut = arena_alloc(a, s->n);
	struct trade_rules *all, *stream;
	uint64_t x = 0x9e3779b97f4a7c15u;
	size_t warm, last = 0;

	if (trade_rules_new(a, b->strategy, values, &all, e) == -1 ||
	    trade_rules_new(a, b->strategy, values, &stream, e) == -1)
		return -1;
	trade_rules_judge(all, s->bars, s->units, s->close, s->n, whole, NULL,
	    &warm);
	for (int i = 0; i < 20; i++) {
		size_t at = (size_t)draw(&x, s->n);

		cut[at]++;
		last = at > last ? at : last;
	}
	for (size_t i = 0; i <= last; i++) {
		struct trade_verdict v;
		uint8_t bits = 0;

		trade_rules_push(stream, &s->bars[i], &s->units[i], &v);
		for (int k = 0; k < RULES; k++)
			bits |= (uint8_t)(v.rule[k] << k);
		out->cuts += cut[i];
		out->differing += bits != whole[i] ? cut[i] : 0;
	}
	return 0;
}

/* What the rules say of the last `keep` of n bars. */
static int
judge(struct arena *a, const struct trade_backtest *b, const double *values,
    const struct trade_series *s, size_t from, uint8_t *said, size_t keep,
    struct err *e)
{
	uint8_t *all = arena_alloc(a, s->n - from);
	struct trade_rules *r;
	size_t warm;

	if (trade_rules_new(a, b->strategy, values, &r, e) == -1)
		return -1;
	trade_rules_judge(r, s->bars + from, s->units + from, NULL,
	    s->n - from, all, NULL, &warm);
	memcpy(said, all + (s->n - from - keep), keep);
	return 0;
}

static int
warm_up(struct arena *a, const struct trade_backtest *b,
    const struct trade_series *s, const double *values, A *out,
    struct err *e)
{
	static const size_t tried[] = { 199, 399, 999, 1999 };
	size_t keep = s->n < 50 ? s->n : 50;
	int64_t found = -1;
	uint8_t all[50], some[50];

	if (judge(a, b, values, s, 0, all, keep, e) == -1)
		return -1;
	for (size_t i = 0; i < 4 && found == -1; i++) {
		if (tried[i] + keep > s->n)
			continue;
		if (judge(a, b, values, s, s->n - keep - tried[i], some, keep,
		    e) == -1)
			return -1;
		if (memcmp(all, some, keep) == 0)
			found = (int64_t)tried[i];
	}
	/* Of several symbols, the one that needs the longest. */
	if (found == -1 || (out->warmup_bars != -1 &&
	    found > out->warmup_bars))
		out->warmup_bars = found;
	return 0;
}

static int
one_series(struct arena *a, const struct trade_backtest *b,
    const struct trade_series *s, const double *values, A *out, struct err *e)
{
	double usual;

	if (s->n < 2)
		return 0;
	usual = (double)(s->at[s->n - 1].us - s->at[0].us) /
	    (double)(s->n - 1);
	for (size_t i = 1; i < s->n; i++)
		out->gaps += (double)(s->at[i].us - s->at[i - 1].us) >
		    3 * usual + 1;
	return look_ahead(a, b, s, values, out, e) == -1 ? -1 :
	    warm_up(a, b, s, values, out, e);
}

static double
volume_at(const struct trade_series *s, struct utc at)
{
	size_t low = 0, n = s->n;

	while (low < n) {
		size_t mid = low + (n - low) / 2;

		if (s->at[mid].us < at.us)
			low = mid + 1;
		else
			n = mid;
	}
	return low < s->n ? s->bars[low].v : 0;
}

int
trade_backtest_audit(struct arena *a, const struct trade_backtest *b,
    const double *values, const struct trade_run *run, A *out, struct err *e)
{
	size_t ended = 0;

	*out = (struct trade_audit){ .cuts = 0 };
	for (size_t k = 0; k <= b->nothers; k++)
		if (one_series(a, b, trade_backtest_series(b, k), values, out,
		    e) == -1)
			return -1;
	for (size_t i = 0; i < run->ntrades; i++) {
		const struct trade_sim_trade *t = run->trades[i];
		const struct trade_series *s = trade_backtest_series(b,
		    t->lane);

		out->no_volume_fills += volume_at(s, run->at[t->entry_bar]) <=
		    0 || volume_at(s, run->at[t->exit_bar]) <= 0;
		ended += strcmp(t->why, "end") == 0;
	}
	out->last_bar_share = run->ntrades == 0 ? 0 :
	    (double)ended / (double)run->ntrades;
	return 0;
}

/* ---- luck ------------------------------------------------------------------------ */

#define L struct trade_luck
static const struct field luck_fields[] = {
	FIELD(L, p, .flags = FF_NULLABLE, .doc = "Share of random entries, "
	    "held as long on the same sides, that earn as much"),
	FIELD(L, shuffles, .doc = "Random sets of entries"),
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

/* Gross of costs on both sides, so that only the timing is compared. */
static double
between(const struct trade_series *s, const struct trade_sim_trade *t,
    size_t from, size_t to)
{
	return copysign(1, t->size) * (s->bars[to].o / s->bars[from].o - 1);
}

/* Bars of the run's instants: with one symbol they are the same. */
static void
shuffle(const struct trade_backtest *b, const struct trade_run *r, L *out)
{
	uint64_t x = 0x853c49e6748fea9bu;
	size_t as_good = 0, rounds = r->ntrades == 0 || b->nothers > 0 ? 0 :
	    2000000 / r->ntrades;
	double got = 0;

	rounds = rounds > 999 ? 999 : rounds;
	out->p = NAN;
	for (size_t i = 0; i < r->ntrades && rounds > 0; i++)
		got += between(&b->series, r->trades[i],
		    r->trades[i]->entry_bar, r->trades[i]->exit_bar);
	for (size_t k = 0; k < rounds; k++) {
		double sum = 0;

		for (size_t i = 0; i < r->ntrades; i++) {
			const struct trade_sim_trade *t = r->trades[i];
			size_t long_, room;

			long_ = t->exit_bar - t->entry_bar;
			room = r->n - r->first;
			room = room > long_ ? room - long_ : 1;
			room = r->first + (size_t)draw(&x, room);
			if (room + long_ < r->n)
				sum += between(&b->series, t, room,
				    room + long_);
		}
		as_good += sum >= got;
	}
	if (rounds > 0)
		out->p = (double)(as_good + 1) / (double)(rounds + 1);
	out->shuffles = (int64_t)rounds;
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
	double *days = trade_stats_days(a, &in, &n), *one, *sharpe, *total;
	double A_ = (double)r->stats.per_year;

	rounds = n < 20 ? 0 : 10000000 / n;
	rounds = rounds > 1000 ? 1000 : rounds;
	out->block = (int64_t)ceil(cbrt((double)n));
	out->resamples = (int64_t)rounds;
	one = arena_array(a, n, sizeof(*one));
	sharpe = arena_array(a, rounds, sizeof(*sharpe));
	total = arena_array(a, rounds, sizeof(*total));
	for (size_t k = 0; k < rounds; k++) {
		size_t at = 0;

		total[k] = 1;
		for (size_t i = 0; i < n; i++) {
			at = i == 0 || draw(&x, (uint64_t)out->block) == 0 ?
			    (size_t)draw(&x, n) : at + 1 == n ? 0 : at + 1;
			one[i] = days[at];
			total[k] *= 1 + one[i];
		}
		total[k] -= 1;
		sharpe[k] = trade_stats_sharpe(one, n, b->rate / A_, A_);
	}
	interval(sharpe, rounds, &out->sharpe_low, &out->sharpe_high);
	interval(total, rounds, &out->return_low, &out->return_high);
}

void
trade_backtest_luck(struct arena *a, const struct trade_backtest *b,
    const struct trade_run *r, L *out)
{
	*out = (L){ .p = NAN };
	shuffle(b, r, out);
	resample(a, b, r, out);
}
