/*
 * What can be done with a session: open it, value it.
 */
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

	s->equity = s->cash;
	if (trade_position_all(db, a, s->id, &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		const struct trade_position *p = ROW(&rows,
		    struct trade_position, i);
		struct dec worth;

		if (dec_mul(p->quantity, p->last.e8 > 0 ? p->last :
		    p->avg_price, &worth) == -1 ||
		    dec_add(s->equity, worth, &s->equity) == -1)
			return err_set(e, 500, "overflow",
			    "The equity is too large");
	}
	if (now.us / DAY_US * DAY_US != s->day.us) {
		s->day.us = now.us / DAY_US * DAY_US;
		s->day_equity = s->equity;
	}
	return 0;
}
