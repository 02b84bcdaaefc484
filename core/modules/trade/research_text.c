/*
 * The report. Every number is one of those of the JSON; nothing is computed
 * here but where it stands.
 */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "modules/trade/research_text.h"

enum { CHART_WIDTH = 64, CHART_HEIGHT = 10, MAP_MAX = 40, LAST = 8 };
#define R struct trade_research

/* ---- pictures ---------------------------------------------------------------- */

static const char *const eighths[] = {
	" ", "\u2581", "\u2582", "\u2583", "\u2584", "\u2585", "\u2586",
	"\u2587", "\u2588"
};

/* How full a cell is: level in cells of the column, line from the bottom. */
static void
cell(double level, size_t line, bool utf8, struct str *s)
{
	double part = level - (double)line;

	if (utf8)
		str_add(s, eighths[part <= 0 ? 0 : part >= 1 ? 8 :
		    (int)(part * 8)]);
	else
		str_addc(s, part >= 0.5 ? '#' : part > 0 ? '.' : ' ');
}

static void
bounds(const double *v, size_t n, double *low, double *high)
{
	*low = INFINITY;
	*high = -INFINITY;
	for (size_t i = 0; i < n; i++) {
		*low = isfinite(v[i]) ? fmin(*low, v[i]) : *low;
		*high = isfinite(v[i]) ? fmax(*high, v[i]) : *high;
	}
}

void
trade_text_chart(const double *v, size_t n, size_t width, size_t height,
    bool utf8, struct str *s)
{
	double low, high;

	width = n < width ? n : width;
	bounds(v, n, &low, &high);
	if (width == 0 || !(high >= low))
		return;
	for (size_t line = height; line-- > 0;) {
		if (line + 1 == height)
			str_addf(s, "%14.2f ", high);
		else if (line == 0)
			str_addf(s, "%14.2f ", low);
		else
			str_addf(s, "%15s", "");
		for (size_t x = 0; x < width; x++) {
			double one = v[width == 1 ? n - 1 :
			    x * (n - 1) / (width - 1)];

			cell(high > low ? 0.2 + (one - low) / (high - low) *
			    ((double)height - 0.2) : 1, line, utf8, s);
		}
		str_addc(s, '\n');
	}
}

/* ---- the grid ------------------------------------------------------------------ */

static size_t
steps(const R *r, size_t p)
{
	const struct trade_param *q = &r->strategy.params[p];

	return (size_t)floor((q->high - q->low) / q->step + 1e-9) + 1;
}

static void
shade(double score, double low, double high, bool utf8, struct str *s)
{
	static const char *const shades[] = {
		"\u00b7", "\u2591", "\u2592", "\u2593", "\u2588"
	};
	int k = high > low ? (int)((score - low) / (high - low) * 4.999) : 4;

	if (!isfinite(score))
		str_addc(s, ' ');
	else if (utf8)
		str_add(s, shades[k]);
	else
		str_addc(s, ".-+*#"[k]);
}

/* First parameter to the right, second downwards; of more, the best of the
 * others is not chosen: their first values stand. */
static void
map(const R *r, bool utf8, struct str *s)
{
	const struct trade_param *p = r->strategy.params;
	size_t nx = steps(r, 0), ny = r->strategy.nparams > 1 ? steps(r, 1) :
	    1;
	double low, high;

	bounds(r->best.scores, r->best.points, &low, &high);
	str_addf(s, "  %s of each point: ", r->account.score);
	shade(low, low, high, utf8, s);
	str_addf(s, " %.4g  to  ", low);
	shade(high, low, high, utf8, s);
	str_addf(s, " %.4g;  %s goes right from %g to %g\n", high, p[0].name,
	    p[0].low, p[0].high);
	for (size_t y = 0; y < ny && y < MAP_MAX; y++) {
		if (ny > 1)
			str_addf(s, "  %8.8s %-8g ", p[1].name,
			    p[1].low + (double)y * p[1].step);
		else
			str_add(s, "  ");
		for (size_t x = 0; x < nx && x < 2 * MAP_MAX; x++)
			shade(r->best.scores[y * nx + x], low, high, utf8, s);
		str_addc(s, '\n');
	}
}

static void
params(const R *r, const double *values, struct str *s)
{
	for (size_t i = 0; i < r->strategy.nparams; i++)
		str_addf(s, "  %s %.6g", r->strategy.params[i].name,
		    values[i]);
	str_addc(s, '\n');
}

static void
grid(const R *r, bool utf8, struct str *s)
{
	str_addf(s, "\nGrid: %zu points, %zu left out; best by %s:",
	    r->best.run, r->best.skipped, r->account.score);
	params(r, r->values, s);
	if (isfinite(r->best.deflated))
		str_addf(s, "  Deflated Sharpe ratio %.3f%s\n",
		    r->best.deflated, r->best.deflated < 0.95 ?
		    ": as good may come by choosing among so many" : "");
	map(r, utf8, s);
}

static void
folds(const R *r, struct str *s)
{
	str_addf(s, "\nWalk-forward: %zu folds, only their test bars count\n",
	    r->walk.n);
	for (size_t i = 0; i < r->walk.n; i++) {
		const struct trade_fold *f = &r->walk.folds[i];
		char at[CLOCK_TEXT];

		clock_format(r->run.at[f->from], at);
		str_addf(s, "  %.10s  return %8.2f %%", at,
		    100 * f->total_return);
		params(r, f->best.values, s);
	}
}

/* ---- numbers --------------------------------------------------------------------- */

static void
figure(struct str *s, const char *name, double v, const char *unit,
    bool last)
{
	if (isfinite(v))
		str_addf(s, "  %-16s %12.2f %-3s%s", name, v, unit,
		    last ? "\n" : "");
	else
		str_addf(s, "  %-16s %12s %-3s%s", name, "-", "",
		    last ? "\n" : "");
}

static void
figures(const R *r, struct str *s)
{
	const struct trade_stats *t = &r->run.stats;
	const struct {
		const char *name;
		double v;
		const char *unit;
	} all[] = {
		{ "Equity", t->equity_final, "" },
		{ "Return", 100 * t->total_return, "%" },
		{ "Buy and hold", 100 * t->buy_and_hold, "%" },
		{ "CAGR", 100 * t->cagr, "%" },
		{ "Volatility", 100 * t->volatility_ann, "%" },
		{ "Exposure", 100 * t->exposure, "%" },
		{ "Sharpe", t->sharpe, "" },
		{ "Sharpe (geo)", t->sharpe_geo, "" },
		{ "Sortino", t->sortino, "" },
		{ "Calmar", t->calmar, "" },
		{ "Max. drawdown", 100 * t->max_drawdown, "%" },
		{ "Longest", t->max_drawdown_days, "d" },
		{ "Trades", (double)t->trades, "" },
		{ "Won", 100 * t->win_rate, "%" },
		{ "Average", 100 * t->avg_trade, "%" },
		{ "Profit factor", t->profit_factor, "" },
		{ "SQN", t->sqn, "" },
		{ "Commissions", t->commissions, "" }
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		figure(s, all[i].name, all[i].v, all[i].unit, i % 2 == 1);
}

static void
doubts(const R *r, struct str *s)
{
	str_addf(s, "\nTotal return by what came first inside a bar: "
	    "%.2f %% (worst), %.2f %% (path), %.2f %% (best); "
	    "%llu undecided bars\n", 100 * r->bounds.pessimistic,
	    100 * r->bounds.path, 100 * r->bounds.optimistic,
	    (unsigned long long)r->run.undecided);
	str_addf(s, "Audit: look-ahead in %lld of %lld cuts; ",
	    (long long)r->audit.differing, (long long)r->audit.cuts);
	if (r->audit.warmup_bars == -1)
		str_add(s, "warm-up longer than was tried");
	else
		str_addf(s, "warm-up %lld bars",
		    (long long)r->audit.warmup_bars);
	str_addf(s, "; %lld gaps; %lld fills without volume; %.0f %% of the "
	    "trades closed by the end only\n", (long long)r->audit.gaps,
	    (long long)r->audit.no_volume_fills,
	    100 * r->audit.last_bar_share);
	if (r->audit.few_days > 0)
		str_addf(s, "Of %lld days: figures of a year and ratios mean "
		    "little\n", (long long)r->audit.few_days);
	if (isfinite(r->luck.p))
		str_addf(s, "Luck: %.1f %% of %lld random sets of entries earn "
		    "as much", 100 * r->luck.p, (long long)r->luck.shuffles);
	if (isfinite(r->luck.sharpe_low))
		str_addf(s, "%sSharpe ratio 95 %%: %.2f to %.2f",
		    isfinite(r->luck.p) ? "; " : "Luck: ",
		    r->luck.sharpe_low, r->luck.sharpe_high);
	str_addc(s, '\n');
}

static void
trades(const R *r, struct str *s)
{
	const struct utc *at = r->run.at + r->run.first_bar;
	size_t n = r->run.ntrades;

	if (n > 0)
		str_addf(s, "\nLast %s\n", n == 1 ? "trade" : "trades");
	for (size_t i = n > LAST ? n - LAST : 0; i < n; i++) {
		const struct trade_sim_trade *t = r->run.trades[i];
		char from[CLOCK_TEXT], to[CLOCK_TEXT];

		clock_format(at[t->entry_bar], from);
		clock_format(at[t->exit_bar], to);
		str_addf(s, "  %.10s %.10s %10.6g x %-10.6g -> %-10.6g "
		    "%8.2f %% %12.2f  %-6s %s\n", from, to, t->size, t->entry,
		    t->exit, 100 * trade_sim_return(t), trade_sim_profit(t),
		    t->why, r->symbols == NULL ? "" : r->symbols[t->lane]);
	}
}

void
trade_text_report(const R *r, const char *title, bool utf8, struct str *s)
{
	size_t first = r->run.first_bar, n = r->run.n - first;
	char from[CLOCK_TEXT], to[CLOCK_TEXT];

	clock_format(r->run.at[first], from);
	clock_format(r->run.at[r->run.n - 1], to);
	str_addf(s, "%s  %zu bars  %.10s to %.10s  %s\n\n", title, n, from,
	    to, r->account.mode);
	trade_text_chart(r->run.equity + first, n, CHART_WIDTH, CHART_HEIGHT,
	    utf8, s);
	str_addc(s, '\n');
	figures(r, s);
	if (r->run.refused > 0)
		str_addf(s, "  %llu orders were refused: too little cash\n",
		    (unsigned long long)r->run.refused);
	if (r->run.ruined)
		str_add(s, "  RUINED: everything was lost\n");
	if (r->walk.n > 0)
		folds(r, s);
	else
		doubts(r, s);
	if (r->best.run > 0)
		grid(r, utf8, s);
	trades(r, s);
}
