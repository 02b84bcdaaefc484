/*
 * Numbers of a portfolio from positions, lots and days. Against the trading
 * core of document 000: tax is on realised gains and not on what is held;
 * selling realises; the Sharpe ratio is of days and not of positions beside
 * one another (whose mean and deviation are still given, as what they are);
 * weights are parts of the gross value, so that a short is not a negative part.
 */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/number.h"
#include "modules/trade/portfolio.h"

#define DAYS_A_YEAR 365.0

#define C struct trade_portfolio_conf
static const struct setting rows[] = {
	SETTING(C, tax_short, "trade.tax_short", .def = "30", .min = 0,
	    .max = 100, .unit = "percent", .doc = "Tax on gains of what was "
	    "held for a short term"),
	SETTING(C, tax_long, "trade.tax_long", .def = "15", .min = 0,
	    .max = 100, .unit = "percent", .doc = "Tax on gains of what was "
	    "held for a long term"),
	SETTING(C, long_days, "trade.tax_long_days", .def = "365", .min = 0,
	    .max = 36500, .unit = "days", .doc = "What is held longer is held "
	    "for a long term"),
	SETTING(C, lots, "trade.lots", .def = "fifo",
	    .oneof = (const char *const[]){ "fifo", "average", NULL },
	    .doc = "Which units a sale takes: the oldest, or of all alike"),
	SETTING_END
};
const struct settings trade_portfolio_settings = {
	.name = "trade_portfolio", .size = sizeof(C), .rows = rows
};
#undef C

#define H struct trade_portfolio_holding
static const struct field holding_fields[] = {
	FIELD(H, symbol, .doc = "Symbol"),
	FIELD(H, shares, .doc = "Units; below 0: sold short"),
	FIELD(H, entry_price, .doc = "Mean cost of one, fees included"),
	FIELD(H, current_price, .doc = "Last price"),
	FIELD(H, value, .doc = "Units x last price"),
	FIELD(H, cost, .doc = "What the lots cost"),
	FIELD(H, pnl, .doc = "value - cost"),
	FIELD(H, realized, .doc = "Gains of what was closed"),
	FIELD(H, fees, .doc = "Fees paid"),
	FIELD(H, weight, .doc = "Part of the gross value"),
	FIELD(H, last_updated, .doc = "Of the price, or the last fill"),
	FIELD(H, priced, .doc = "false: no price is known, valued at entry"),
	FIELD_END
};
static const struct schema holding_schema = {
	.name = "PortfolioHolding", .doc = "A symbol in a portfolio",
	.size = sizeof(H), .fields = holding_fields
};
#define P struct trade_portfolio
static const struct field fields[] = {
	FIELD(P, session_id, .doc = "Account"),
	FIELD(P, broker, .doc = "Broker"), FIELD(P, mode, .doc = "Mode"),
	FIELD(P, currency, .doc = "Currency"),
	FIELD(P, method, .doc = "Lots: fifo or average"),
	FIELD(P, holdings, .sub = &holding_schema, .doc = "What is held"),
	FIELD(P, cash, .doc = "Cash"),
	FIELD(P, equity, .doc = "Cash and holdings"),
	FIELD(P, total_value, .doc = "Of the holdings"),
	FIELD(P, cost_basis, .doc = "What they cost"),
	FIELD(P, unrealized_gain, .doc = "total_value - cost_basis"),
	FIELD(P, realized_gain, .doc = "Gains of what was closed"),
	FIELD(P, fees, .doc = "Fees paid"),
	FIELD(P, at, .doc = "When it was computed"), FIELD_END
};
const struct schema trade_portfolio_schema = {
	.name = "Portfolio", .doc = "What an account holds and gained",
	.size = sizeof(P), .fields = fields
};
#define R struct trade_portfolio_risk
#define NUMBER(m, text) FIELD(R, m, .flags = FF_NULLABLE, .doc = text)
static const struct field risk_fields[] = {
	FIELD(R, positions, .doc = "Holdings"),
	NUMBER(gross_exposure, "Worth of longs and shorts / equity"),
	NUMBER(net_exposure, "Worth of longs less shorts / equity"),
	NUMBER(largest_weight, "Part of the largest holding"),
	NUMBER(diversification, "1 - sum of the squared weights"),
	NUMBER(mean_return, "Mean over holdings of pnl / cost"),
	NUMBER(stddev_return, "Their standard deviation (population): how far "
	    "holdings differ, no risk over time"),
	FIELD(R, days, .doc = "Daily returns"),
	NUMBER(day_mean, "Mean daily return, less payments"),
	NUMBER(day_stddev, "Its standard deviation (sample)"),
	NUMBER(sharpe, "day_mean / day_stddev x sqrt(365): accounts are "
	    "valued every day of the week"),
	NUMBER(max_drawdown, "Largest fall from a peak, of daily returns"),
	FIELD_END
};
const struct schema trade_portfolio_risk_schema = {
	.name = "PortfolioRisk", .doc = "What a portfolio risks; null where it "
	"cannot be known", .size = sizeof(R), .fields = risk_fields
};
#define T struct trade_tax_year
static const struct field tax_fields[] = {
	FIELD(T, year, .doc = "Year (UTC) of the closings"),
	FIELD(T, gains, .doc = "Closings"),
	FIELD(T, short_gain, .doc = "Of a short term, losses included"),
	FIELD(T, long_gain, .doc = "Of a long term, losses included"),
	FIELD(T, net, .doc = "Both"),
	FIELD(T, taxable_short, .doc = "After losses of the other term"),
	FIELD(T, taxable_long, .doc = "After losses of the other term"),
	FIELD(T, short_rate, .doc = "Percent"),
	FIELD(T, long_rate, .doc = "Percent"),
	FIELD(T, dividends, .doc = "Dividends; not taxed here"),
	FIELD(T, withheld, .doc = "Taxes that were booked"),
	FIELD(T, tax, .doc = "On the taxable gains"),
	FIELD(T, unknown_basis, .doc = "Closings of units that came without a "
	    "price: their cost counts as 0"), FIELD_END
};
const struct schema trade_tax_year_schema = {
	.name = "TaxYear", .doc = "Tax on realised gains, an estimate by the "
	"rates of the settings", .size = sizeof(T), .fields = tax_fields
};

static int
overflow(struct err *e)
{
	return err_set(e, 422, "overflow", "The amount is too large");
}

/* ---- portfolio -------------------------------------------------------------------- */

static int
one(const struct trade_position *p, const struct trade_lots *lots, H *h,
    struct err *e)
{
	struct dec units = { 0 };

	*h = (H){ .symbol = p->symbol, .shares = p->quantity,
	    .fees = p->fees, .priced = p->last.e8 > 0,
	    .last_updated = p->last.e8 > 0 ? p->last_at : p->updated_at };
	for (size_t i = 0; i < lots->open.n; i++) {
		const struct trade_lot *l = &lots->open.v[i];
		struct dec cost = l->cost;

		if (strcmp(l->symbol, p->symbol) != 0)
			continue;
		if (l->quantity.e8 < 0)
			cost.e8 = -cost.e8;
		if (dec_add(h->cost, cost, &h->cost) == -1 ||
		    dec_add(units, l->quantity, &units) == -1)
			return overflow(e);
	}
	for (size_t i = 0; i < lots->gains.n; i++)
		if (strcmp(lots->gains.v[i].symbol, p->symbol) == 0 &&
		    dec_add(h->realized, lots->gains.v[i].gain,
		    &h->realized) == -1)
			return overflow(e);
	if (units.e8 != 0 && dec_div(h->cost, units, &h->entry_price) == -1)
		return overflow(e);
	h->current_price = h->priced ? p->last : h->entry_price;
	if (dec_mul(h->shares, h->current_price, &h->value) == -1 ||
	    dec_sub(h->value, h->cost, &h->pnl) == -1)
		return overflow(e);
	return 0;
}

int
trade_portfolio_make(struct arena *a, const struct trade_session *s,
    const struct rows *positions, const struct trade_lots *lots, P *out,
    struct err *e)
{
	H *v = arena_array(a, positions->n + 1, sizeof(*v));
	double gross = 0;
	size_t n = 0;

	*out = (P){ .session_id = s->id, .broker = s->broker,
	    .mode = s->mode, .currency = s->currency, .cash = s->cash,
	    .equity = s->equity, .method = lots->method == LOTS_FIFO ?
	    "fifo" : "average" };
	for (size_t i = 0; i < positions->n; i++) {
		const struct trade_position *p = ROW(positions,
		    struct trade_position, i);
		H *h = &v[n];

		if (one(p, lots, h, e) == -1)
			return -1;
		if (dec_add(out->fees, h->fees, &out->fees) == -1 ||
		    dec_add(out->realized_gain, h->realized,
		    &out->realized_gain) == -1)
			return overflow(e);
		if (h->shares.e8 == 0)
			continue;
		if (dec_add(out->total_value, h->value, &out->total_value) ==
		    -1 || dec_add(out->cost_basis, h->cost,
		    &out->cost_basis) == -1)
			return overflow(e);
		gross += fabs(dec_real(h->value));
		n++;
	}
	for (size_t i = 0; i < n; i++)
		v[i].weight = gross > 0 ? fabs(dec_real(v[i].value)) /
		    gross : 0;
	out->holdings = (struct list){ v, n };
	return dec_sub(out->total_value, out->cost_basis,
	    &out->unrealized_gain) == -1 ? overflow(e) : 0;
}

/* ---- risk -------------------------------------------------------------------------- */

static void
over_positions(const P *p, R *r)
{
	const H *v = p->holdings.items;
	double equity = dec_real(p->equity), gross = 0, net = 0, squares = 0;
	double sum = 0, sum2 = 0;
	size_t n = 0;

	r->positions = (int64_t)p->holdings.n;
	for (size_t i = 0; i < p->holdings.n; i++) {
		double value = dec_real(v[i].value);
		double cost = fabs(dec_real(v[i].cost));

		gross += fabs(value);
		net += value;
		squares += v[i].weight * v[i].weight;
		r->largest_weight = fmax(r->largest_weight, v[i].weight);
		if (cost > 0) {
			double x = dec_real(v[i].pnl) / cost;

			sum += x;
			sum2 += x * x;
			n++;
		}
	}
	r->gross_exposure = equity > 0 ? gross / equity : NAN;
	r->net_exposure = equity > 0 ? net / equity : NAN;
	r->diversification = p->holdings.n > 0 ? 1 - squares : NAN;
	r->mean_return = n > 0 ? sum / (double)n : NAN;
	r->stddev_return = n > 0 ? sqrt(fmax(0, sum2 / (double)n -
	    r->mean_return * r->mean_return)) : NAN;
}

/* A payment in or out is no return. */
static void
over_days(const struct rows *days, R *r)
{
	double sum = 0, sum2 = 0, worth = 1, peak = 1, n = 0;

	for (size_t i = 1; i < days->n; i++) {
		const struct trade_equity *q = ROW(days, struct trade_equity,
		    i), *p = q - 1;
		double base = dec_real(p->equity), x;

		if (base <= 0)
			continue;
		x = (dec_real(q->equity) - (dec_real(q->deposits) -
		    dec_real(p->deposits))) / base - 1;
		n++;
		sum += x;
		sum2 += x * x;
		worth *= 1 + x;
		peak = fmax(peak, worth);
		r->max_drawdown = fmax(r->max_drawdown, 1 - worth / peak);
	}
	r->days = (int64_t)n;
	r->day_mean = n > 0 ? sum / n : NAN;
	r->day_stddev = n > 1 ? sqrt(fmax(0, (sum2 - sum * sum / n) / (n -
	    1))) : NAN;
	r->sharpe = n > 1 && r->day_stddev > 1e-12 ? r->day_mean /
	    r->day_stddev * sqrt(DAYS_A_YEAR) : NAN;
	if (n == 0)
		r->max_drawdown = NAN;
}

void
trade_portfolio_risk_of(const P *p, const struct rows *equity, R *out)
{
	*out = (R){ 0 };
	over_positions(p, out);
	over_days(equity, out);
}

/* ---- tax --------------------------------------------------------------------------- */

static T *
year_of(struct rows *out, struct utc at,
    const struct trade_portfolio_conf *f)
{
	struct tm tm;
	T *v = out->v;

	clock_split(at, &tm);
	if (out->n > 0 && v[out->n - 1].year == tm.tm_year + 1900)
		return &v[out->n - 1];
	v[out->n] = (T){ .year = tm.tm_year + 1900,
	    .short_rate = f->tax_short, .long_rate = f->tax_long };
	return &v[out->n++];
}

static int
assess(T *t, struct err *e)
{
	struct dec s = t->short_gain, l = t->long_gain, tax = { 0 }, part;

	if (dec_add(s, l, &t->net) == -1)
		return overflow(e);
	if (s.e8 < 0 && l.e8 > 0)
		l.e8 += s.e8;
	else if (l.e8 < 0 && s.e8 > 0)
		s.e8 += l.e8;
	t->taxable_short.e8 = s.e8 > 0 ? s.e8 : 0;
	t->taxable_long.e8 = l.e8 > 0 ? l.e8 : 0;
	if (dec_from_real(t->short_rate / 100, &part) == -1 ||
	    dec_mul(t->taxable_short, part, &tax) == -1 ||
	    dec_from_real(t->long_rate / 100, &part) == -1 ||
	    dec_mul(t->taxable_long, part, &t->tax) == -1 ||
	    dec_add(t->tax, tax, &t->tax) == -1)
		return overflow(e);
	return 0;
}

int
trade_tax_of(struct arena *a, const struct trade_lots *lots,
    const struct trade_portfolio_conf *f, struct rows *out, struct err *e)
{
	*out = (struct rows){ arena_array(a, lots->gains.n + 1, sizeof(T)), 0,
	    &trade_tax_year_schema };
	for (size_t i = 0; i < lots->gains.n; i++) {
		const struct trade_gain *g = &lots->gains.v[i];
		T *t = year_of(out, g->closed_at, f);
		struct dec *to = strcmp(g->term, "long") == 0 ?
		    &t->long_gain : &t->short_gain;

		t->gains++;
		t->unknown_basis += !g->basis_known;
		if (dec_add(*to, g->gain, to) == -1)
			return overflow(e);
	}
	for (size_t i = 0; i < out->n; i++)
		if (assess(ROW(out, T, i), e) == -1)
			return -1;
	return 0;
}
