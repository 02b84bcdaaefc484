/*
 * What can be done with a session: open it, value it, book on it. Invariants:
 * the ledger's last balance is the cash; fills and entries make the positions.
 */
#include "base/arena.h"
#include "base/err.h"
#include "base/number.h"
#include "base/random.h"
#include "modules/trade/session.h"

#define DAY_US INT64_C(86400000000)

int
trade_session_open(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid user, struct dec cash, const char *currency, struct utc now,
    struct trade_session *s, struct err *e)
{
	struct trade_cash c;
	int rc = trade_session_mine(db, a, tenant, user, false, s, e);

	if (rc != 1)
		return rc;
	*s = (struct trade_session){ .id = uuid_new(), .tenant_id = tenant,
	    .user_id = user, .broker = "paper", .mode = "paper",
	    .state = "active", .currency = currency, .start_cash = cash,
	    .cash = cash, .day = { now.us / DAY_US * DAY_US },
	    .day_equity = cash, .entries = 1, .created_at = now,
	    .updated_at = now, .equity = cash };
	c = (struct trade_cash){ .session_id = s->id, .seq = 1,
	    .kind = "deposit", .amount = cash, .balance = cash, .at = now };
	if (trade_session_insert(db, s, e) == -1) {
		/* somebody else opened it meanwhile */
		return e->status == 409 ? err_set(e, 503, "busy",
		    "Try again") : -1;
	}
	return trade_cash_add(db, &c, e);
}

int
trade_session_value(struct db *db, struct arena *a, struct trade_session *s,
    struct utc now, struct err *e)
{
	struct rows rows;

	return trade_position_all(db, a, s->id, &rows, e) == -1 ? -1 :
	    trade_session_worth(s, &rows, now, e);
}

int
trade_session_worth(struct trade_session *s, const struct rows *positions,
    struct utc now, struct err *e)
{
	s->equity = s->cash;
	s->short_worth.e8 = 0;
	for (size_t i = 0; i < positions->n; i++) {
		const struct trade_position *p = ROW(positions,
		    struct trade_position, i);
		struct dec worth;

		if (dec_mul(p->quantity, p->last.e8 > 0 ? p->last :
		    p->avg_price, &worth) == -1 ||
		    dec_add(s->equity, worth, &s->equity) == -1 ||
		    (worth.e8 < 0 && dec_sub(s->short_worth, worth,
		    &s->short_worth) == -1))
			return err_set(e, 500, "overflow",
			    "The equity is too large");
	}
	if (now.us / DAY_US * DAY_US != s->day.us) {
		s->day.us = now.us / DAY_US * DAY_US;
		s->day_equity = s->equity;
	}
	return 0;
}

/* False: it does not fit, or a price is missing. */
static bool
day_gain(const struct trade_position *p, const struct trade_position_day *d,
    struct dec *out)
{
	struct dec then, now, was;

	if (d->adjusted > 0 || dec_sub(p->quantity, d->bought, &then) == -1 ||
	    dec_add(then, d->sold, &then) == -1 ||
	    (then.e8 != 0 && d->before.e8 == 0) ||
	    (p->quantity.e8 != 0 && p->last.e8 == 0))
		return false;
	return dec_mul(p->quantity, p->last, &now) == 0 &&
	    dec_mul(then, d->before, &was) == 0 &&
	    dec_add(d->flow, now, out) == 0 && dec_sub(*out, was, out) == 0;
}

int
trade_position_days(struct db *db, struct arena *a, struct uuid session,
    struct utc now, struct rows *positions, struct err *e)
{
	const struct utc day = { now.us / DAY_US * DAY_US };
	struct rows rows;

	if (trade_position_day_all(db, a, session, day, &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < positions->n; i++) {
		struct trade_position *p = ROW(positions,
		    struct trade_position, i);

		for (size_t k = 0; k < rows.n; k++) {
			const struct trade_position_day *d = ROW(&rows,
			    struct trade_position_day, k);

			if (d->instrument_id == p->instrument_id)
				p->has_day_gain = day_gain(p, d,
				    &p->day_gain);
		}
	}
	return 0;
}

struct dec
trade_session_available(const struct trade_session *s, double short_margin)
{
	struct dec held, out;

	if (dec_from_real(dec_real(s->short_worth) * (1 + short_margin),
	    &held) == -1 || dec_sub(s->cash, s->reserved, &out) == -1 ||
	    dec_sub(out, held, &out) == -1)
		out.e8 = 0;
	return out;
}

double
trade_session_fee(const struct trade_session *s, double usual)
{
	return s->has_fee ? (double)s->fee_ppm / 1e6 : usual;
}

int
trade_session_book(struct db *db, struct trade_session *s, const char *kind,
    struct dec amount, struct uuid order, struct utc now, struct err *e)
{
	struct trade_cash c = { .session_id = s->id, .seq = ++s->entries,
	    .kind = kind, .amount = amount, .order_id = order, .at = now };

	if (dec_add(s->cash, amount, &s->cash) == -1)
		return err_set(e, 422, "overflow", "The amount is too large");
	c.balance = s->cash;
	return trade_cash_add(db, &c, e);
}

int
trade_position_tell(struct db *db, struct arena *a,
    const struct trade_position *p, struct err *e)
{
	char id[UUID_TEXT];

	return event_publish(db, &trade_position_events[0], p->tenant_id,
	    arena_printf(a, "%s:%lld", uuid_format(p->session_id, id),
	    (long long)p->instrument_id), 0, p, e);
}

int
trade_position_adjust(struct db *db, struct arena *a,
    const struct trade_session *s, int64_t instrument, const char *symbol,
    const char *kind, struct dec quantity, struct dec avg_price,
    const char *note, struct utc now, struct err *e)
{
	const struct trade_position_entry n = { .session_id = s->id,
	    .instrument_id = instrument, .kind = kind, .quantity = quantity,
	    .note = note, .at = now };
	struct trade_position p;
	int rc = trade_position_get(db, a, s->id, instrument, &p, e);

	if (rc == -1)
		return -1;
	if (rc == 1)
		p = (struct trade_position){ .session_id = s->id,
		    .instrument_id = instrument, .symbol = symbol };
	p.tenant_id = s->tenant_id;
	p.updated_at = now;
	if (dec_add(p.quantity, quantity, &p.quantity) == -1)
		return err_set(e, 422, "overflow", "The amount is too large");
	if (p.quantity.e8 == 0)
		p.avg_price.e8 = 0;
	else if (avg_price.e8 > 0)
		p.avg_price = avg_price;
	if (trade_position_entry_add(db, &n, e) == -1)
		return -1;
	return trade_position_put(db, &p, e) == -1 ? -1 :
	    trade_position_tell(db, a, &p, e);
}
