/*
 * `quincunx trade patterns` and `trade indicators`: bars from a file, values
 * on standard output. Needs neither database nor network.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/number.h"
#include "base/str.h"
#include "db/env.h"
#include "modules/platform/platform.h"
#include "modules/trade/chart.h"
#include "modules/trade/pattern.h"
#include "modules/trade/research_cli.h"
#include "modules/trade/series_file.h"

#define PATTERNS_USAGE "trade patterns BARS.csv [--names LIST | --chart] " \
	"[--json]"
#define INDICATORS_USAGE "trade indicators BARS.csv [NAME[:N,N]] ... [--json]"
#define ARENA_CAP ((size_t)4 << 30)

enum { NAMES = 32, SHOWN = 20 };

struct options {
	const char *file, *list, *names[NAMES];
	size_t n;
	bool json, chart;
};

static int
read_options(int argc, char **argv, bool list, struct options *o)
{
	struct option_walk w = { argc, 0, argv };
	const char *word;

	while (w.i < w.argc) {
		if (platform_terminal_option(&w, "--json", NULL))
			o->json = true;
		else if (list && platform_terminal_option(&w, "--chart",
		    NULL))
			o->chart = true;
		else if (list && platform_terminal_option(&w, "--names",
		    &o->list))
			;
		else if (!platform_terminal_word(&w, &word))
			return -1;
		else if (o->file == NULL)
			o->file = word;
		else if (list || o->n == NAMES)
			return -1;
		else
			o->names[o->n++] = word;
	}
	return o->file == NULL ? -1 : 0;
}

/* ---- patterns -------------------------------------------------------------------- */

/* [{"pattern", "bar", "value"}, …] with TA-Lib's names, by bar. */
static void
hits_json(const struct trade_scan *scan, struct str *s)
{
	str_addc(s, '[');
	for (size_t i = 0; i < scan->hits.n; i++) {
		const struct trade_hit *h = &scan->hits.v[i];

		str_addf(s, "%s{\"pattern\":\"CDL%s\",\"bar\":%lld,"
		    "\"value\":%lld}", i > 0 ? "," : "",
		    trade_candle_talib((size_t)h->kind), (long long)h->bar,
		    (long long)h->value);
	}
	str_add(s, "]\n");
}

static int
by_q(const void *x, const void *y)
{
	const struct trade_follow *p = x, *q = y;

	return p->q < q->q ? -1 : p->q > q->q ? 1 : strcmp(p->name, q->name);
}

static void
percent(struct str *s, double v)
{
	if (v == v)
		str_addf(s, " %6.1f", 100 * v);
	else
		str_addf(s, " %6s", "-");
}

static void
hits_text(const struct trade_series *d, struct trade_scan *scan,
    struct str *s)
{
	size_t n = scan->hits.n;

	str_addf(s, "%zu bars, %zu hits; the last:\n", d->n, n);
	for (size_t i = n > SHOWN ? n - SHOWN : 0; i < n; i++) {
		const struct trade_hit *h = &scan->hits.v[i];
		char at[CLOCK_TEXT];

		clock_format(h->at, at);
		str_addf(s, "  %.16s  bar %-7lld %-26s %5lld  trend %6.1f  "
		    "quality %.2f\n", at, (long long)h->bar, h->name,
		    (long long)h->value, h->trend, h->quality);
	}
	qsort(scan->follow, TRADE_CANDLES, sizeof(scan->follow[0]), by_q);
	str_add(s, "\nWhat followed (percent that moved the said way)\n"
	    "  pattern                         n    1 b    5 b   20 b   base"
	    "    low   high      q\n");
	for (int k = 0; k < TRADE_CANDLES; k++) {
		const struct trade_follow *f = &scan->follow[k];

		if (f->n == 0)
			continue;
		str_addf(s, "  %-26s %6lld", f->name, (long long)f->n);
		percent(s, f->rate_1);
		percent(s, f->rate_5);
		percent(s, f->rate_20);
		percent(s, f->base_5);
		percent(s, f->low);
		percent(s, f->high);
		str_addf(s, " %6.3f%s\n", f->q, f->chance ?
		    "  not told from chance" : "");
	}
}

static void
chart_json(const struct trade_chart_scan *scan, struct str *s)
{
	str_addc(s, '[');
	for (size_t i = 0; i < scan->hits.n; i++) {
		const struct trade_chart_hit *h = &scan->hits.v[i];
		const double v[] = { h->level, h->target, h->quality };
		static const char *const names[] = {
			"level", "target", "quality"
		};
		char buf[DEC_TEXT];

		str_addf(s, "%s{\"pattern\":\"%s\",\"bar\":%lld,\"value\":"
		    "%lld,\"first_bar\":%lld,\"touches\":%lld",
		    i > 0 ? "," : "", h->name, (long long)h->bar,
		    (long long)h->value, (long long)h->first_bar,
		    (long long)h->touches);
		for (int k = 0; k < 3; k++)
			str_addf(s, ",\"%s\":%s", names[k],
			    real_format(v[k], buf));
		str_add(s, ",\"of\":");
		str_json(s, h->of);
		str_addc(s, '}');
	}
	str_add(s, "]\n");
}

static void
chart_text(const struct trade_series *d, const struct trade_chart_scan *scan,
    struct str *s)
{
	size_t n = scan->hits.n;

	str_addf(s, "%zu bars, %zu figures; the last:\n", d->n, n);
	for (size_t i = n > 2 * SHOWN ? n - 2 * SHOWN : 0; i < n; i++) {
		const struct trade_chart_hit *h = &scan->hits.v[i];
		char at[CLOCK_TEXT];

		clock_format(h->at, at);
		str_addf(s, "  %.16s  %6lld to %-6lld  %-26s level %-9.6g "
		    "quality %.2f", at, (long long)h->first_bar,
		    (long long)h->bar, h->name, h->level, h->quality);
		if (h->target == h->target)
			str_addf(s, "  target %.6g", h->target);
		str_addf(s, "%s%s\n", h->of == NULL ? "" : "  of ",
		    h->of == NULL ? "" : h->of);
	}
}

static int
find_figures(struct arena *a, const struct options *o, struct str *s,
    struct err *e)
{
	struct trade_chart_scan scan;
	struct trade_series d;
	const char *name;

	if (trade_series_file(a, o->file, &d, &name, e) == -1)
		return -1;
	trade_chart_scan(a, &d, PIVOT_ZIGZAG, 0, 0, &scan);
	if (o->json)
		chart_json(&scan, s);
	else
		chart_text(&d, &scan, s);
	return 0;
}

static int
find_patterns(struct arena *a, const struct options *o, struct str *s,
    struct err *e)
{
	bool wanted[TRADE_CANDLES];
	struct trade_series d;
	struct trade_scan scan;
	const char *name;

	if (o->chart)
		return find_figures(a, o, s, e);
	if (trade_pattern_names(a, o->list == NULL ? "" : o->list, wanted,
	    e) == -1 || trade_series_file(a, o->file, &d, &name, e) == -1 ||
	    trade_pattern_scan(a, &d, wanted, 0, &scan, e) == -1)
		return -1;
	if (o->json)
		hits_json(&scan, s);
	else
		hits_text(&d, &scan, s);
	return 0;
}

/* ---- indicators -------------------------------------------------------------------- */

/* "sma:10" or "macd:12,26,9"; without numbers the usual ones. */
static int
asked(struct arena *a, const char *text, struct trade_indicator **t,
    const struct trade_indicator_kind **k, struct err *e)
{
	size_t n = 0, len = strcspn(text, ":");
	double v[TRADE_PARAMS];

	*k = trade_indicator_find(arena_strndup(a, text, len));
	if (*k == NULL)
		return err_set(e, 422, "indicator",
		    "No indicator is called \"%.*s\"", (int)(len > 40 ? 40 :
		    len), text);
	for (text += len; *text != '\0' && n < TRADE_PARAMS; n++) {
		len = strcspn(++text, ",");
		if (num_real(text, len, &v[n]) != NUM_OK)
			return err_set(e, 422, "indicator",
			    "%s: numbers with commas between", (*k)->name);
		text += len;
	}
	*t = trade_indicator_new(a, *k, v, n, e);
	return *t == NULL ? -1 : 0;
}

struct column {
	const char *asked;
	const struct trade_indicator_kind *kind;
	double *v[TRADE_OUTPUTS];
};

static int
compute(struct arena *a, const struct trade_series *d, const char *text,
    struct column *c, struct err *e)
{
	struct trade_indicator *t = NULL;

	c->asked = text;
	if (asked(a, text, &t, &c->kind, e) == -1)
		return -1;
	for (int o = 0; c->kind->outputs[o] != NULL; o++)
		c->v[o] = arena_array(a, d->n, sizeof(double));
	for (size_t i = 0; i < d->n; i++) {
		double out[TRADE_OUTPUTS];

		trade_indicator_push(t, &d->bars[i], d->bars[i].c, out);
		for (int o = 0; c->kind->outputs[o] != NULL; o++)
			c->v[o][i] = out[o];
	}
	return 0;
}

/* {"sma": {"sma": [null, …, 1.5]}, "macd": {"macd": […], "signal": […]}} */
static void
column_json(const struct column *c, size_t n, struct str *s)
{
	char buf[DEC_TEXT];

	str_json(s, c->asked);
	str_add(s, ":{");
	for (int o = 0; c->kind->outputs[o] != NULL; o++) {
		str_addf(s, "%s\"%s\":[", o > 0 ? "," : "",
		    c->kind->outputs[o]);
		for (size_t i = 0; i < n; i++) {
			str_add(s, i > 0 ? "," : "");
			str_add(s, real_format(c->v[o][i], buf));
		}
		str_addc(s, ']');
	}
	str_addc(s, '}');
}

static void
column_text(const struct column *c, size_t n, struct str *s)
{
	for (int o = 0; c->kind->outputs[o] != NULL; o++) {
		size_t first = 0;
		const double *v = c->v[o];

		while (first < n && v[first] != v[first])
			first++;
		str_addf(s, "  %-16.30s %-12s first bar %-6zu last %.8g\n",
		    o == 0 ? c->asked : "", c->kind->outputs[o], first,
		    v[n - 1]);
	}
}

static int
show_indicators(struct arena *a, const struct options *o, struct str *s,
    struct err *e)
{
	const struct trade_indicator_kind *k = trade_indicator_kinds;
	struct trade_series d;
	const char *name;

	if (trade_series_file(a, o->file, &d, &name, e) == -1)
		return -1;
	str_add(s, o->json ? "{" : "");
	for (size_t i = 0; o->n > 0 ? i < o->n : k[i].name != NULL; i++) {
		struct column c;

		if (compute(a, &d, o->n > 0 ? o->names[i] : k[i].name, &c,
		    e) == -1)
			return -1;
		str_add(s, o->json && i > 0 ? "," : "");
		if (o->json)
			column_json(&c, d.n, s);
		else
			column_text(&c, d.n, s);
	}
	str_add(s, o->json ? "}\n" : "");
	return 0;
}

/* ---- commands -------------------------------------------------------------------- */

static int
run(int argc, char **argv, bool list, const char *usage,
    int (*fn)(struct arena *, const struct options *, struct str *,
    struct err *))
{
	struct options o = { .file = NULL };
	struct err e = { 0 };
	struct arena *a;
	struct str s;
	int rc;

	if (read_options(argc, argv, list, &o) == -1)
		return platform_terminal_usage(usage);
	a = arena_new(ARENA_CAP);
	str_init(&s, a);
	rc = fn(a, &o, &s, &e) == -1 ? platform_terminal_error(&e) :
	    platform_terminal_write(&s);
	arena_free(a);
	return rc;
}

static int
patterns(struct env *env, int argc, char **argv)
{
	(void)env;
	return run(argc, argv, true, PATTERNS_USAGE, find_patterns);
}

static int
indicators(struct env *env, int argc, char **argv)
{
	(void)env;
	return run(argc, argv, false, INDICATORS_USAGE, show_indicators);
}

const struct command trade_pattern_commands[] = {
	{ "trade patterns", "BARS.csv [--names LIST | --chart] [--json]",
	  "Candlestick patterns of a file's bars, or [{pattern, bar, value}]; "
	  "without --json also what followed them; --chart: double tops, "
	  "triangles, channels, levels, breakouts", COMMAND_NO_BOOT,
	  patterns },
	{ "trade indicators", "BARS.csv [NAME[:N,N]] ... [--json]",
	  "Indicators of a file's bars: all with the usual parameters, or "
	  "those named", COMMAND_NO_BOOT, indicators },
	{ .name = NULL }
};
