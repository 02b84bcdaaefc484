/*
 * What could make a result better than life: look-ahead, a warm-up that is too
 * short, gaps, bars without volume, trades that only the end closed. The rules
 * are judged once more at most, whatever the number of cuts.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "schema/schema.h"
#include "modules/trade/backtest.h"

/* The same numbers each time (an LCG is enough to place cuts). */
static uint64_t
draw(uint64_t *x, uint64_t below)
{
	*x = *x * 6364136223846793005u + 1442695040888963407u;
	return (*x >> 33) % below;
}

#define A struct trade_audit
static const struct field audit_fields[] = {
	FIELD(A, cuts, .doc = "Prefixes on which the rules were judged anew"),
	FIELD(A, differing, .doc = "Those in which a bar was judged otherwise "
	    "than in the whole: look-ahead"),
	FIELD(A, warmup_bars, .doc = "History after which the last 50 bars "
	    "are judged as with all of it; -1 = more than was tried"),
	FIELD(A, gaps, .doc = "Steps between bars above three usual ones"),
	FIELD(A, no_volume_fills, .doc = "Trades in bars without volume"),
	FIELD(A, last_bar_share, .doc = "Trades that only the end closed"),
	FIELD(A, few_days, .doc = "Days that figures of a year and ratios are "
	    "drawn from, when these are too few to mean anything; 0 = "
	    "enough"),
	FIELD_END
};
const struct schema trade_audit_schema = {
	.name = "BacktestAudit", .doc = "What could make the result better "
	"than life", .size = sizeof(A), .fields = audit_fields
};

enum { FEW_DAYS = 30, CUTS = 20, TAIL = 256, KEEP = 50 };

/* The last bars before a cut, and unknown ones behind it: a rule that looked
 * ahead would meet those. */
struct ending {
	struct trade_ohlcv bars[2 * TAIL];
	struct trade_candle_bar units[2 * TAIL];
};

/* What a stream says that has seen bars `from` to `to` after those before. */
static void
judge_to(struct trade_rules *stream, const struct trade_series *s, size_t from,
    size_t to, struct ending *e, uint8_t *said)
{
	size_t n = to - from < TAIL ? to - from : TAIL, end = to - n, warm;
	const struct trade_columns *k = s->columns;
	struct trade_columns rest;

	if (k != NULL)
		rest = (struct trade_columns){ k->o + from, k->h + from,
		    k->l + from, k->c + from };
	trade_rules_judge(stream, s->bars + from, s->units + from,
	    k == NULL ? NULL : &rest, end - from, said, NULL, &warm);
	memcpy(e->bars, s->bars + end, n * sizeof(e->bars[0]));
	memcpy(e->units, s->units + end, n * sizeof(e->units[0]));
	for (size_t i = n; i < 2 * TAIL; i++) {
		e->bars[i] = (struct trade_ohlcv){ NAN, NAN, NAN, NAN, NAN };
		e->units[i] = (struct trade_candle_bar){ 0, 0, 0, 0 };
	}
	trade_rules_judge(stream, e->bars, e->units, NULL, n,
	    said + (end - from), NULL, &warm);
}

static int
in_order(const void *p, const void *q)
{
	size_t x = *(const size_t *)p, y = *(const size_t *)q;

	return x < y ? -1 : x > y;
}

/* The rules as the run judged them, against a stream that has seen nothing but
 * the bars up to each cut: one stream, which goes on from cut to cut. */
static int
look_ahead(struct arena *a, const struct trade_backtest *b,
    const struct trade_series *s, const double *values, const uint8_t *whole,
    A *out, struct err *e)
{
	struct ending *ending = arena_alloc(a, sizeof(*ending));
	uint8_t *said = arena_alloc(a, s->n);
	uint64_t x = 0x9e3779b97f4a7c15u;
	size_t cuts[CUTS], from = 0;
	struct trade_rules *stream;
	bool differs = false;

	if (trade_rules_new(a, b->strategy, values, &stream, e) == -1)
		return -1;
	for (int i = 0; i < CUTS; i++)
		cuts[i] = 1 + (size_t)draw(&x, s->n);
	qsort(cuts, CUTS, sizeof(cuts[0]), in_order);
	for (int i = 0; i < CUTS; i++) {
		if (cuts[i] > from) {
			judge_to(stream, s, from, cuts[i], ending, said);
			differs = memcmp(said, whole + from, cuts[i] - from) !=
			    0;
			from = cuts[i];
		}
		out->cuts++;
		out->differing += differs;
	}
	return 0;
}

/* How much history the last bars need to be judged as with all of it. */
static int
warm_up(struct arena *a, const struct trade_backtest *b,
    const struct trade_series *s, const double *values, const uint8_t *whole,
    A *out, struct err *e)
{
	static const size_t tried[] = { 199, 399, 999, 1999 };
	size_t keep = s->n < KEEP ? s->n : KEEP, warm;
	int64_t found = -1;

	for (size_t i = 0; i < 4 && found == -1; i++) {
		size_t n = tried[i] + keep;
		uint8_t *some = arena_alloc(a, n);
		struct trade_rules *r;

		if (n > s->n)
			continue;
		if (trade_rules_new(a, b->strategy, values, &r, e) == -1)
			return -1;
		trade_rules_judge(r, s->bars + s->n - n, s->units + s->n - n,
		    NULL, n, some, NULL, &warm);
		if (memcmp(whole + s->n - keep, some + tried[i], keep) == 0)
			found = (int64_t)tried[i];
	}
	/* Of several symbols, the one that needs the longest. */
	if (found == -1 || (out->warmup_bars != -1 &&
	    found > out->warmup_bars))
		out->warmup_bars = found;
	return 0;
}

static int64_t
gaps(const struct trade_series *s)
{
	double usual = (double)(s->at[s->n - 1].us - s->at[0].us) /
	    (double)(s->n - 1);
	int64_t most = (int64_t)(3 * usual + 1), n = 0;

	for (size_t i = 1; i < s->n; i++)
		n += s->at[i].us - s->at[i - 1].us > most;
	return n;
}

static int
one_series(struct arena *a, const struct trade_backtest *b,
    const struct trade_series *s, const double *values, const uint8_t *said,
    A *out, struct err *e)
{
	if (s->n < 2)
		return 0;
	out->gaps += gaps(s);
	return look_ahead(a, b, s, values, said, out, e) == -1 ? -1 :
	    warm_up(a, b, s, values, said, out, e);
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

/* Of the lane of trade t in the run's instant i. */
static double
volume(const struct trade_backtest *b, const struct trade_run *run,
    const struct trade_sim_trade *t, size_t i)
{
	return b->nothers == 0 ? b->series.bars[i].v :
	    volume_at(trade_backtest_series(b, t->lane), run->at[i]);
}

int
trade_backtest_audit(struct arena *a, const struct trade_backtest *b,
    const double *values, const struct trade_run *run, A *out, struct err *e)
{
	size_t ended = 0;

	*out = (struct trade_audit){ .cuts = 0 };
	for (size_t k = 0; k <= b->nothers; k++)
		if (one_series(a, b, trade_backtest_series(b, k), values,
		    run->said[k], out, e) == -1)
			return -1;
	for (size_t i = 0; i < run->ntrades; i++) {
		const struct trade_sim_trade *t = run->trades[i];

		out->no_volume_fills += volume(b, run, t, t->entry_bar) <= 0 ||
		    volume(b, run, t, t->exit_bar) <= 0;
		ended += strcmp(t->why, "end") == 0;
	}
	out->last_bar_share = run->ntrades == 0 ? 0 :
	    (double)ended / (double)run->ntrades;
	out->few_days = run->stats.days < FEW_DAYS ? run->stats.days : 0;
	return 0;
}
