/*
 * Reading an account for its portfolio; keeping its worth of the day.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/number.h"
#include "modules/trade/portfolio.h"

#define DAY_US (86400 * US_PER_S)
#define FRESH_US (600 * US_PER_S)

struct reading {
	struct arena *keep;		/* the cursor's own is rewound */
	struct trade_lots *lots;
	int64_t n;
};

static const char *
symbol_kept(struct reading *r, const char *symbol)
{
	for (size_t i = r->lots->open.n; i-- > 0; )
		if (strcmp(r->lots->open.v[i].symbol, symbol) == 0)
			return r->lots->open.v[i].symbol;
	return arena_strdup(r->keep, symbol);
}

static int
movement(void *arg, const void *row, struct err *e)
{
	struct reading *r = arg;
	struct trade_movement m = *(const struct trade_movement *)row;

	if (++r->n == TRADE_MOVEMENTS_MAX)
		return err_set(e, 422, "too_many_fills", "The account has "
		    "more than %d fills", TRADE_MOVEMENTS_MAX);
	m.symbol = symbol_kept(r, m.symbol);
	return trade_lot_move(r->keep, r->lots, &m, e);
}

int
trade_lots_of(struct db *db, struct arena *a, struct uuid session,
    const struct trade_portfolio_conf *f, const char *method,
    struct trade_lots *lots, struct err *e)
{
	struct arena *scratch = arena_new((size_t)16 << 20);
	struct reading r = { a, lots, 0 };
	int rc;

	if (method == NULL || *method == '\0')
		method = f->lots;
	*lots = (struct trade_lots){ .method = strcmp(method, "average") ==
	    0 ? LOTS_AVERAGE : LOTS_FIFO, .long_days = f->long_days };
	rc = trade_movement_each(db, scratch, session, movement, &r, e);
	arena_free(scratch);
	return rc;
}

int
trade_portfolio_of(struct db *db, struct arena *a,
    const struct trade_portfolio_conf *f, struct trade_session *s,
    const char *method, struct utc now, struct trade_portfolio *out,
    struct trade_lots *lots, struct err *e)
{
	struct rows positions;

	if (trade_session_value(db, a, s, now, e) == -1 ||
	    trade_position_all(db, a, s->id, &positions, e) == -1 ||
	    trade_lots_of(db, a, s->id, f, method, lots, e) == -1 ||
	    trade_portfolio_make(a, s, &positions, lots, out, e) == -1)
		return -1;
	out->at = now;
	return 0;
}

/* ---- the worth of each day ------------------------------------------------------------ */

static int
paid_in(struct db *db, struct arena *a, struct uuid session,
    struct dec *out, struct err *e)
{
	const struct utc all = { 0 };
	struct rows rows;

	if (trade_cash_sums(db, a, session, all, all, &rows, e) == -1)
		return -1;
	out->e8 = 0;
	for (size_t i = 0; i < rows.n; i++) {
		const struct trade_cash_sum *c = ROW(&rows,
		    struct trade_cash_sum, i);

		if (strcmp(c->kind, "deposit") == 0 ||
		    strcmp(c->kind, "withdrawal") == 0)
			out->e8 += c->amount.e8;
	}
	return 0;
}

struct taking {
	struct arena *a;
	struct uuid id;
	struct utc now;
};

static int
take(struct db *db, void *arg, struct err *e)
{
	struct taking *t = arg;
	struct trade_session s;
	struct trade_equity q = { .session_id = t->id, .at = t->now,
	    .day = { t->now.us / DAY_US * DAY_US } };
	struct rows rows;
	int rc = trade_session_lock(db, t->a, t->id, &s, e);

	if (rc != 0)
		return rc == 1 ? 0 : -1;
	if (trade_session_value(db, t->a, &s, t->now, e) == -1 ||
	    trade_position_all(db, t->a, t->id, &rows, e) == -1 ||
	    paid_in(db, t->a, t->id, &q.deposits, e) == -1)
		return -1;
	q.tenant_id = s.tenant_id;
	q.equity = s.equity;
	q.cash = s.cash;
	for (size_t i = 0; i < rows.n; i++) {
		const struct trade_position *p = ROW(&rows,
		    struct trade_position, i);
		struct dec gain;

		q.realized.e8 += p->realized.e8;
		q.fees.e8 += p->fees.e8;
		if (p->last.e8 > 0 && dec_sub(p->last, p->avg_price, &gain) ==
		    0 && dec_mul(gain, p->quantity, &gain) == 0)
			q.unrealized.e8 += gain.e8;
	}
	return trade_equity_put(db, &q, e);
}

int
trade_equity_turn(struct db *db, struct arena *a, struct utc now, int64_t *n,
    struct err *e)
{
	struct rows rows;

	*n = 0;
	if (trade_equity_due(db, a, (struct utc){ now.us / DAY_US * DAY_US },
	    (struct utc){ now.us - FRESH_US }, &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		struct taking t = { a, *(struct uuid *)((char *)rows.v + i *
		    rows.schema->size), now };

		if (db_txn(db, a, take, &t, e) == -1)
			return -1;
		++*n;
	}
	return 0;
}
