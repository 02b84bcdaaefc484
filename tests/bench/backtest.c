/*
 * Bars a second of the research side, one core: the plain loop that a person
 * would write by hand for this one rule, the engine's run for a light, a
 * typical and a heavy strategy, and the job part by part; all 61 candlestick
 * patterns over a record and bar by bar as they come; and what merely reading
 * the bars costs. The median of five.
 *
 *	make bench-backtest [N=1000000]
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "crypto/crypto.h"
#include "schema/schema.h"
#include "modules/trade/pattern.h"
#include "modules/trade/research.h"

enum { ROUNDS = 5 };
#define SMA_CROSS "{\"indicators\":{\"f\":[\"sma\",\"close\",10]," \
	"\"s\":[\"sma\",\"close\",20]}," \
	"\"entry_long\":[\"cross_above\",\"f\",\"s\"]," \
	"\"entry_short\":[\"cross_below\",\"f\",\"s\"]," \
	"\"cash\":1000000,\"exclusive\":true,\"mode\":\"compat\"}"
#define STOPS "{\"indicators\":{\"f\":[\"sma\",\"close\",20]," \
	"\"s\":[\"sma\",\"close\",50]}," \
	"\"entry_long\":[\"cross_above\",\"f\",\"s\"]," \
	"\"exit_long\":[\"cross_below\",\"f\",\"s\"]," \
	"\"sl\":[\"pct\",0.02],\"tp\":[\"pct\",0.04],\"cash\":1000000}"
#define HEAVY "{\"indicators\":{\"e\":[\"ema\",\"close\",50]," \
	"\"r\":[\"rsi\",\"close\",14],\"m\":[\"macd\",\"close\"]," \
	"\"b\":[\"bbands\",\"close\",20],\"a\":[\"adx\"]}," \
	"\"entry_long\":[\"and\",[\">\",\"close\",\"e\"],[\"and\",[\"<\"," \
	"\"close\",\"b.upper\"],[\"and\",[\"<\",\"r\",60],[\"and\",[\">\"," \
	"\"m.histogram\",0],[\">\",\"a\",20]]]]]," \
	"\"trail\":[\"atr\",3],\"sl\":[\"atr\",2],\"cash\":1000000}"
#define EXITS "{\"indicators\":{\"f\":[\"ema\",\"close\",50]," \
	"\"r\":[\"rsi\",\"close\",14]}," \
	"\"entry_long\":[\"and\",[\">\",\"close\",\"f\"],[\"<\",\"r\",30]]," \
	"\"sl\":[\"atr\",2],\"tp\":[\"atr\",4],\"cash\":1000000}"
#define GRID "{\"indicators\":{\"f\":[\"sma\",\"close\",\"n\"]," \
	"\"s\":[\"sma\",\"close\",\"m\"]}," \
	"\"entry_long\":[\"cross_above\",\"f\",\"s\"]," \
	"\"exit_long\":[\"cross_below\",\"f\",\"s\"]," \
	"\"params\":{\"n\":[5,25,5],\"m\":[30,75,5]}," \
	"\"cash\":1000000,\"mode\":\"compat\"}"

static struct trade_series d;
static volatile double sink;

/* A walk in cents, a bar a minute. */
static void
market(struct arena *a, size_t n)
{
	struct trade_ohlcv *b = arena_array(a, n, sizeof(*b));
	struct trade_candle_bar *u = arena_array(a, n, sizeof(*u));
	struct utc *at = arena_array(a, n, sizeof(*at));
	uint64_t x = 88172645463325252u;
	int64_t c = 1000000;

	for (size_t i = 0; i < n; i++) {
		int64_t o = c, h, l, step[3];

		for (int k = 0; k < 3; k++) {
			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			step[k] = (int64_t)(x % 1999);
		}
		c += step[0] - 999 + (1000000 - c) / 4096;
		h = (o > c ? o : c) + step[1];
		l = (o < c ? o : c) - step[2];
		u[i] = (struct trade_candle_bar){ o * 100000, h * 100000,
		    l * 100000, c * 100000 };
		b[i] = (struct trade_ohlcv){ (double)o / 1000,
		    (double)h / 1000, (double)l / 1000, (double)c / 1000,
		    (double)(step[1] * 100) };
		at[i].us = (int64_t)(i + 27000000) * 60000000;
	}
	d = (struct trade_series){ at, b, u, n, NULL };
	trade_series_columns(a, &d);
}

static struct trade_research *
asked(struct arena *a, const char *spec)
{
	struct trade_research *r = arena_alloc(a, sizeof(*r));
	struct err e = { 0 };
	uint64_t seen;

	if (schema_decode_json(&trade_account_schema, "{}", 2, "spec", true,
	    a, &r->account, &seen, &e) == -1 || trade_research_read(a, spec,
	    strlen(spec), r, &e) == -1) {
		fprintf(stderr, "%s %s\n", e.detail, e.nfields > 0 ?
		    e.fields[0].msg : "");
		exit(1);
	}
	r->b.series = d;
	return r;
}

/* ---- what is timed ------------------------------------------------------------ */

static void
read_bars(struct arena *a)
{
	double sum = 0;

	(void)a;
	for (size_t i = 0; i < d.n; i++)
		sum += d.bars[i].o + d.bars[i].h + d.bars[i].l + d.bars[i].c;
	sink = sum;
}

/* The cross of two averages by hand: no orders, no trades kept. */
static void
plain(struct arena *a)
{
	double *equity = arena_array(a, d.n, sizeof(*equity));
	double f = 0, s = 0, pf = 0, ps = 0, cash = 1000000, entry = 0;
	double held = 0, want = 0;
	const struct trade_ohlcv *b = d.bars;

	for (size_t i = 0; i < d.n; i++) {
		if (want != 0) {
			cash += held * (b[i].o - entry);
			held = want * floor(cash / b[i].o);
			entry = b[i].o;
			want = 0;
		}
		equity[i] = cash + held * (b[i].c - entry);
		f += b[i].c - (i >= 10 ? b[i - 10].c : 0);
		s += b[i].c - (i >= 20 ? b[i - 20].c : 0);
		if (i >= 20 && pf < ps && f / 10 > s / 20)
			want = 1;
		if (i >= 20 && pf > ps && f / 10 < s / 20)
			want = -1;
		pf = f / 10;
		ps = s / 20;
	}
	sink = equity[d.n - 1];
}

static void
run_of(struct arena *a, const char *spec)
{
	struct trade_research *r = asked(a, spec);
	struct err e = { 0 };

	if (trade_backtest_run(a, &r->b, r->values, 0, &r->run, &e) == -1)
		exit(1);
	sink = r->run.cash;
}

static void
cross(struct arena *a)
{
	run_of(a, SMA_CROSS);
}

static void
stops(struct arena *a)
{
	run_of(a, STOPS);
}

static void
exits(struct arena *a)
{
	run_of(a, EXITS);
}

static void
heavy(struct arena *a)
{
	run_of(a, HEAVY);
}

/* What a job does before: once for all that runs on the bars. */
static void
columns(struct arena *a)
{
	struct trade_series s = d;

	s.columns = NULL;
	trade_series_columns(a, &s);
	sink = s.columns->c[d.n - 1];
}

static void
digest(struct arena *a)
{
	uint8_t of[SHA256_LEN];

	(void)a;
	crypto_sha256(d.at, d.n * sizeof(*d.at), of);
	crypto_sha256(d.bars, d.n * sizeof(*d.bars), of);
	sink = of[0];
}

/* All that the job does between having the bars and writing the row. */
static void
texts(struct arena *a, const struct trade_research *r)
{
	struct str s;

	str_init(&s, a);
	schema_encode(&trade_stats_schema, &r->run.stats, &s);
	trade_research_report(r, &s);
	trade_research_trades(r, 20000, &s);
	trade_research_equity(r, 5000, &s);
	sink = (double)s.len;
}

static void
job_of(struct arena *a, const char *spec)
{
	struct trade_research *r = asked(a, spec);
	struct err e = { 0 };

	if (trade_research_run(a, r, &e) == -1)
		exit(1);
	texts(a, r);
}

static void
job_cross(struct arena *a)
{
	job_of(a, SMA_CROSS);
}

static void
job_stops(struct arena *a)
{
	job_of(a, STOPS);
}

static void
job_heavy(struct arena *a)
{
	job_of(a, HEAVY);
}

static void
grid(struct arena *a)
{
	job_of(a, GRID);
}

static void
patterns(struct arena *a)
{
	struct trade_candles *c = arena_alloc(a, sizeof(*c));
	int16_t v[TRADE_CANDLES];
	long sum = 0;

	trade_candles_start(c);
	for (size_t i = 0; i < d.n; i++) {
		trade_candles_push(c, &d.units[i], v);
		for (int k = 0; k < TRADE_CANDLES; k++)
			sum += v[k];
	}
	sink = (double)sum;
}

static void
scan(struct arena *a)
{
	struct trade_scan s;
	struct err e = { 0 };

	if (trade_pattern_scan(a, &d, NULL, d.n, &s, &e) == -1)
		exit(1);
	sink = s.follow[0].p;
}

/* ---- timing -------------------------------------------------------------------- */

static int
ascending(const void *p, const void *q)
{
	double x = *(const double *)p, y = *(const double *)q;

	return x < y ? -1 : x > y;
}

/* Processor time: other work of the machine does not count. */
static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double
seconds(void (*fn)(struct arena *))
{
	double t[ROUNDS];

	struct arena *a = arena_new((size_t)3 << 30);

	/* The first round is not counted: in it the system clears pages. */
	for (int i = -1; i < ROUNDS; i++) {
		struct arena_mark m = arena_mark(a);
		double from = now();

		fn(a);
		if (i >= 0)
			t[i] = now() - from;
		arena_rewind(a, m);
	}
	arena_free(a);
	qsort(t, ROUNDS, sizeof(t[0]), ascending);
	return t[ROUNDS / 2];
}

/* ---- the job part by part ------------------------------------------------------ */

enum part { RUN, STATISTICS, BOUNDS, AUDIT, LUCK, STORE, PARTS };
static const char *const part_names[PARTS] = {
	"run: rules, fills, equity", "statistics", "intrabar bounds", "audit",
	"luck", "store: texts of the row"
};

static void
statistics(struct arena *a, const struct trade_research *r)
{
	struct trade_stats_in in = { .at = r->run.at, .n = r->run.n,
	    .equity = r->run.equity, .first = r->run.first,
	    .trades = r->run.trades, .ntrades = r->run.ntrades,
	    .rate = r->b.rate };
	struct trade_stats s;

	trade_backtest_market(a, &r->b, &in);
	trade_stats(a, &in, &s);
	sink = s.sharpe;
}

/* One round; the run's time holds that of its statistics, which are done once
 * more to know theirs. */
static void
round_of(struct arena *a, struct trade_research *r, double t[PARTS])
{
	struct err e = { 0 };
	double at[PARTS + 1];

	at[RUN] = now();
	trade_backtest_run(a, &r->b, r->values, 0, &r->run, &e);
	at[STATISTICS] = now();
	statistics(a, r);
	at[BOUNDS] = now();
	if (r->run.undecided > 0)
		trade_backtest_bounds(a, &r->b, r->values, &r->bounds, &e);
	at[AUDIT] = now();
	trade_backtest_audit(a, &r->b, r->values, &r->run, &r->audit, &e);
	at[LUCK] = now();
	trade_backtest_luck(a, &r->b, &r->run, &r->luck);
	at[STORE] = now();
	texts(a, r);
	at[PARTS] = now();
	if (e.status != 0)
		exit(1);
	for (int i = 0; i < PARTS; i++)
		t[i] = at[i + 1] - at[i];
	t[RUN] -= t[STATISTICS];
}

static void
parts(const char *name, const char *spec)
{
	struct arena *a = arena_new((size_t)3 << 30);
	double t[PARTS][ROUNDS], round[PARTS];
	struct trade_research *r = asked(a, spec);
	size_t trades = 0;

	for (int i = -1; i < ROUNDS; i++) {
		struct arena_mark m = arena_mark(a);

		round_of(a, r, round);
		for (int p = 0; p < PARTS && i >= 0; p++)
			t[p][i] = round[p];
		trades = r->run.ntrades;
		arena_rewind(a, m);
	}
	printf("the job of %s, %zu trades, part by part\n", name, trades);
	for (int p = 0; p < PARTS; p++) {
		qsort(t[p], ROUNDS, sizeof(t[p][0]), ascending);
		printf("  %-42s %9.2f ms %8.2f ns a bar\n", part_names[p],
		    t[p][ROUNDS / 2] * 1e3,
		    t[p][ROUNDS / 2] * 1e9 / (double)d.n);
	}
	arena_free(a);
}

static const struct {
	const char *what;
	void (*fn)(struct arena *);
	double each;			/* counted per bar */
	const char *unit, *goal;
} lines[] = {
	{ "reading the bars", read_bars, 1, "M bars/s", "(floor)" },
	{ "two averages by hand", plain, 1, "M bars/s", "" },
	{ "run: cross of two averages", cross, 1, "M bars/s", "(goal 30)" },
	{ "run: cross, stop loss, take profit", stops, 1, "M bars/s",
	    "(goal 30)" },
	{ "run: EMA, RSI, exits by ATR", exits, 1, "M bars/s", "" },
	{ "run: 5 indicators, trailing stop", heavy, 1, "M bars/s", "" },
	{ "before a job: prices side by side", columns, 1, "M bars/s", "" },
	{ "before a job: digest of the bars", digest, 1, "M bars/s", "" },
	{ "job: cross of two averages", job_cross, 1, "M bars/s", "" },
	{ "job: cross, stop loss, take profit", job_stops, 1, "M bars/s", "" },
	{ "job: 5 indicators, trailing stop", job_heavy, 1, "M bars/s", "" },
	{ "job: grid of 50 points", grid, 50, "M bars/s", "" },
	{ "61 patterns, bar by bar", patterns, 61, "M bar-patterns/s",
	    "(goal 250)" },
	{ "61 patterns with what followed", scan, 61, "M bar-patterns/s",
	    "" }
};

/* The second argument is a part of the lines wanted. */
int
main(int argc, char **argv)
{
	const char *only = argc > 2 ? argv[2] : NULL;
	size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
	struct arena *a = arena_new((size_t)3 << 30);
	double m = (double)n / 1e6, t;

	if (n < 1000)
		return 2;
	market(a, n);
	printf("%zu bars of a minute, one core, median of %d\n", n, ROUNDS);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (only != NULL && strstr(lines[i].what, only) == NULL)
			continue;
		t = seconds(lines[i].fn);
		printf("%-44s %9.2f ms %8.2f %s %s\n", lines[i].what, t * 1e3,
		    lines[i].each * m / t, lines[i].unit, lines[i].goal);
		if (lines[i].fn == patterns)
			printf("%-44s %9.3f us a bar           (goal 2)\n",
			    "  all 61 as bars come", t / m);
	}
	if (only == NULL || strcmp(only, "parts") == 0) {
		parts("two averages", SMA_CROSS);
		parts("stop loss and take profit", STOPS);
		parts("5 indicators", HEAVY);
	}
	arena_free(a);
	return 0;
}
