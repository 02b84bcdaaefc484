/*
 * Portfolio, lots, gains, risk, tax, worth by day and the trade log over HTTP,
 * of an account of the caller's own.
 */
#include <string.h>

#include "base/clock.h"
#include "base/number.h"
#include "base/random.h"
#include "base/str.h"
#include "http/ctx.h"
#include "modules/trade/portfolio.h"

struct ask_in {
	struct uuid session;
	const char *lots;
	struct utc from, to;
};
#define A(m, ...) FIELD(struct ask_in, m, __VA_ARGS__)
static const struct field ask_fields[] = {
	A(session, .flags = FF_NULLABLE,
	    .doc = "Account; the own paper account when left out"),
	A(lots, .oneof = ONEOF("fifo", "average"), .flags = FF_NULLABLE,
	    .doc = "Which units a sale takes; the setting when left out"),
	FIELD_END
};
static const struct schema ask_schema = {
	.name = "PortfolioAsk", .doc = "Which account, by which lots",
	.size = sizeof(struct ask_in), .fields = ask_fields
};
static const struct field time_fields[] = {
	A(session, .flags = FF_NULLABLE,
	    .doc = "Account; the own paper account when left out"),
	A(from, .flags = FF_NULLABLE, .doc = "Not before"),
	A(to, .flags = FF_NULLABLE, .doc = "Before"), FIELD_END
};
static const struct schema time_schema = {
	.name = "AccountTime", .doc = "Which account, which time",
	.size = sizeof(struct ask_in), .fields = time_fields
};

static const struct trade_portfolio_conf *
settings(struct ctx *c)
{
	return conf_get(c->env->conf, &trade_portfolio_settings);
}

static int
session(struct ctx *c, const struct ask_in *p, struct trade_session *s)
{
	return db_found(trade_session_pick(c->db, c->a, c->who.tenant_id,
	    c->who.user_id, p->session, false, s, &c->err), "Session",
	    &c->err);
}

static int
load(struct ctx *c, const struct ask_in *p, struct trade_portfolio *out,
    struct trade_lots *lots)
{
	struct trade_session s;

	return session(c, p, &s) == -1 ? -1 : trade_portfolio_of(c->db, c->a,
	    settings(c), &s, p->lots, c->now, out, lots, &c->err);
}

static int
portfolio_get(struct ctx *c, const void *in)
{
	struct trade_portfolio p;
	struct trade_lots lots;

	return load(c, in, &p, &lots) == -1 ? fail_err(c) : reply(c, &p);
}

static int
lot_list(struct ctx *c, const void *in)
{
	struct trade_portfolio p;
	struct trade_lots lots;

	if (load(c, in, &p, &lots) == -1)
		return fail_err(c);
	return reply_list(c, &(struct rows){ lots.open.v, lots.open.n,
	    &trade_lot_schema }, NULL);
}

enum { GAINS_MAX = 5000 };

static int
gain_list(struct ctx *c, const void *in)
{
	struct trade_portfolio p;
	struct trade_lots lots;
	size_t skip;

	if (load(c, in, &p, &lots) == -1)
		return fail_err(c);
	skip = lots.gains.n > GAINS_MAX ? lots.gains.n - GAINS_MAX : 0;
	return reply_list(c, &(struct rows){ lots.gains.v + skip,
	    lots.gains.n - skip, &trade_gain_schema }, NULL);
}

static int
risk_get(struct ctx *c, const void *in)
{
	const struct utc all = { 0 };
	struct trade_portfolio_risk r;
	struct trade_portfolio p;
	struct trade_lots lots;
	struct rows days;

	if (load(c, in, &p, &lots) == -1 || trade_equity_all(c->db, c->a,
	    p.session_id, all, all, &days, &c->err) == -1)
		return fail_err(c);
	trade_portfolio_risk_of(&p, &days, &r);
	return reply(c, &r);
}

/* ---- tax ---------------------------------------------------------------------------- */

/* Dividends and booked taxes of each year. */
static int
ledger(struct ctx *c, struct uuid id, struct rows *years)
{
	for (size_t i = 0; i < years->n; i++) {
		struct trade_tax_year *t = ROW(years, struct trade_tax_year,
		    i);
		struct utc from = { clock_days(t->year, 1, 1) * 86400 *
		    US_PER_S }, to = { clock_days(t->year + 1, 1, 1) * 86400 *
		    US_PER_S };
		struct rows sums;

		if (trade_cash_sums(c->db, c->a, id, from, to, &sums,
		    &c->err) == -1)
			return -1;
		for (size_t k = 0; k < sums.n; k++) {
			const struct trade_cash_sum *s = ROW(&sums,
			    struct trade_cash_sum, k);

			if (strcmp(s->kind, "dividend") == 0)
				t->dividends = s->amount;
			if (strcmp(s->kind, "tax") == 0)
				t->withheld.e8 = -s->amount.e8;
		}
	}
	return 0;
}

static int
years_of(struct ctx *c, const struct ask_in *p, struct rows *years)
{
	struct trade_session s;
	struct trade_lots lots;

	return session(c, p, &s) == -1 || trade_lots_of(c->db, c->a, s.id,
	    settings(c), p->lots, &lots, &c->err) == -1 ||
	    trade_tax_of(c->a, &lots, settings(c), years, &c->err) == -1 ||
	    ledger(c, s.id, years) == -1 ? -1 : 0;
}

static int
tax_list(struct ctx *c, const void *in)
{
	struct rows years;

	return years_of(c, in, &years) == -1 ? fail_err(c) :
	    reply_list(c, &years, NULL);
}

/* ---- worth by day, trade log ------------------------------------------------------------ */

static int
history_list(struct ctx *c, const void *in)
{
	const struct ask_in *p = in;
	struct trade_session s;
	struct rows rows;

	if (session(c, p, &s) == -1 || trade_equity_all(c->db, c->a, s.id,
	    p->from, p->to, &rows, &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, NULL);
}

static int
log_row(void *arg, const void *row, struct err *e)
{
	struct trade_log_row x = *(const struct trade_log_row *)row;

	if (dec_mul(x.quantity, x.price, &x.value) == -1)
		return err_set(e, 422, "overflow", "The amount is too large");
	schema_csv_row(&trade_log_row_schema, &x, arg);
	return 0;
}

static int
log_csv(struct ctx *c, const void *in)
{
	const struct ask_in *p = in;
	struct trade_session s;
	struct arena *scratch;
	struct str text;
	int rc;

	if (session(c, p, &s) == -1)
		return fail_err(c);
	str_init(&text, c->a);
	schema_csv_header(&trade_log_row_schema, &text);
	scratch = arena_new((size_t)16 << 20);
	rc = trade_log_each(c->db, scratch, s.id, p->from, p->to, log_row,
	    &text, &c->err);
	arena_free(scratch);
	if (rc == -1)
		return fail_err(c);
	reply_header(c, "Content-Disposition",
	    "attachment; filename=\"trades.csv\"");
	return reply_text(c, 200, "text/csv; charset=utf-8", text.p,
	    text.len);
}

/* ---- as document 000 has them ------------------------------------------------------------- */

struct wrapped {
	const void *portfolio;
};
static const struct field wrapped_fields[] = {
	FIELD(struct wrapped, portfolio, .sub = &trade_portfolio_schema,
	    .doc = "The portfolio"), FIELD_END
};
static const struct schema wrapped_schema = {
	.name = "PortfolioWrapped", .doc = "A portfolio as document 000 has it",
	.size = sizeof(struct wrapped), .fields = wrapped_fields
};

static int
seed_portfolio(struct ctx *c, const void *in)
{
	struct trade_portfolio p;
	struct trade_lots lots;

	if (load(c, in, &p, &lots) == -1)
		return fail_err(c);
	return reply(c, &(struct wrapped){ &p });
}

struct estimate {
	struct list tax_estimate;
};
static const struct field estimate_fields[] = {
	FIELD(struct estimate, tax_estimate, .sub = &trade_tax_year_schema,
	    .doc = "By year"), FIELD_END
};
static const struct schema estimate_schema = {
	.name = "TaxEstimate", .doc = "Tax as document 000 has it, on gains "
	"and not on worth", .size = sizeof(struct estimate),
	.fields = estimate_fields
};

static int
seed_tax(struct ctx *c, const void *in)
{
	struct rows years;

	if (years_of(c, in, &years) == -1)
		return fail_err(c);
	return reply(c, &(struct estimate){ { years.v, years.n } });
}

#define READ(id_, path_, text) .id = id_, .method = HTTP_GET, \
	.path = path_, .summary = text, .auth = AUTH_USER, \
	.permission = "trade:read", .ok = 200, .errors = ERRORS(404, 422)
const struct route trade_portfolio_routes[] = {
	{ READ("trade.portfolio.get", "/api/trade/portfolio",
	  "What the account holds and gained"), .in = &ask_schema,
	  .out = &trade_portfolio_schema, .run = portfolio_get },
	{ READ("trade.portfolio.lots", "/api/trade/portfolio/lots",
	  "Open lots"), .in = &ask_schema, .out = &trade_lot_schema,
	  .flags = R_LIST, .run = lot_list },
	{ READ("trade.portfolio.gains", "/api/trade/portfolio/gains",
	  "Realised gains, oldest first, the last 5000"),
	  .in = &ask_schema, .out = &trade_gain_schema, .flags = R_LIST,
	  .run = gain_list },
	{ READ("trade.portfolio.risk", "/api/trade/portfolio/risk",
	  "Exposure, diversification, returns by day"), .in = &ask_schema,
	  .out = &trade_portfolio_risk_schema, .run = risk_get },
	{ READ("trade.portfolio.tax", "/api/trade/portfolio/tax",
	  "Tax on realised gains by year"), .in = &ask_schema,
	  .out = &trade_tax_year_schema, .flags = R_LIST, .run = tax_list },
	{ READ("trade.portfolio.history", "/api/trade/portfolio/history",
	  "Worth of the account by day"), .in = &time_schema,
	  .out = &trade_equity_schema, .flags = R_LIST,
	  .run = history_list },
	{ READ("trade.portfolio.trades", "/api/trade/portfolio/trades.csv",
	  "The trade log as CSV"), .in = &time_schema, .flags = R_TEXT,
	  .media = "text/csv; charset=utf-8", .pool = POOL_SLOW,
	  .run = log_csv },
	{ READ("trade.compat.portfolio", "/api/trading/portfolio",
	  "The portfolio as document 000 has it"), .seed = "000",
	  .in = &ask_schema, .out = &wrapped_schema, .run = seed_portfolio },
	{ READ("trade.compat.tax", "/api/trading/tax",
	  "Tax as document 000 has it"), .seed = "000", .in = &ask_schema,
	  .out = &estimate_schema, .run = seed_tax },
	ROUTE_END
};
