/*
 * Applying corporate actions. A session takes an action once: its entry is
 * inserted in the transaction that changes position, cash and orders, and the
 * key refuses a second one. An action with a fault in one session goes on with
 * the others and is tried again.
 */
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/number.h"
#include "modules/trade/corporate.h"
#include "modules/trade/orders.h"

#define C struct trade_corporate

struct taking {
	struct arena *a;
	const C *c;
	struct uuid session;
	struct utc now;
};

static int
overflow(struct err *e)
{
	return err_set(e, 422, "overflow", "The amount is too large");
}

/* Orders in units, or of a name, that are no more. */
static int
cancel(struct taking *t, struct db *db, struct trade_session *s, int64_t *n,
    struct err *e)
{
	struct trade_desk d = { .db = db, .a = t->a, .tenant = s->tenant_id,
	    .user = s->user_id, .session = s->id, .now = t->now };
	const char *why = strcmp(t->c->kind, "split") == 0 ?
	    "the symbol was split" : "the symbol changed";
	struct rows rows;

	if (trade_order_all_open(db, t->a, s->id, &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		struct trade_order *o = ROW(&rows, struct trade_order, i);

		/* one that ends may end others beside it: look again; what
		 * was placed since is in the new units */
		if (o->instrument_id != t->c->instrument_id ||
		    o->created_at.us >= t->c->ex_at.us ||
		    trade_order_by_id(db, t->a, s->id, o->id, true, o, e) !=
		    0 || !o->has_open || strcmp(o->state,
		    "pending_cancel") == 0)
			continue;
		if (trade_order_end(&d, s, o, why, e) == -1)
			return -1;
		++*n;
	}
	return e->status != 0 ? -1 : 0;
}

/* Cost stays what it was: the mean price is that of more units. */
static int
split(struct taking *t, struct db *db, struct trade_session *s,
    struct trade_corporate_entry *x, struct err *e)
{
	struct trade_position p;
	struct dec after, cost, mean = { 0 };
	int rc = trade_position_get(db, t->a, s->id, t->c->instrument_id, &p,
	    e);

	if (rc != 0)
		return rc == 1 ? 0 : -1;
	if (dec_mul(x->held, t->c->ratio, &after) == -1 ||
	    dec_sub(after, x->held, &x->quantity) == -1 ||
	    dec_mul(p.quantity, p.avg_price, &cost) == -1 ||
	    dec_add(p.quantity, x->quantity, &after) == -1)
		return overflow(e);
	if (x->quantity.e8 == 0)
		return 0;
	if (after.e8 != 0 && dec_div(cost, after, &mean) == -1)
		return overflow(e);
	return trade_position_adjust(db, t->a, s, t->c->instrument_id,
	    t->c->symbol, "split", x->quantity, mean, t->c->note, t->c->ex_at,
	    e);
}

static int
take(struct db *db, void *arg, struct err *e)
{
	struct taking *t = arg;
	struct trade_corporate_entry x = { .corporate_id = t->c->id,
	    .session_id = t->session, .tenant_id = t->c->tenant_id,
	    .at = t->now };
	const char *kind = t->c->kind;
	struct trade_session s;

	if (db_found(trade_session_lock(db, t->a, t->session, &s, e),
	    "Session", e) == -1 || trade_corporate_held(db, t->a, s.id, t->c->instrument_id,
	    t->c->ex_at, &x.held, e) == -1)
		return -1;
	if (strcmp(kind, "dividend") != 0 && cancel(t, db, &s, &x.cancelled,
	    e) == -1)
		return -1;
	if (strcmp(kind, "split") == 0 && x.held.e8 != 0 &&
	    split(t, db, &s, &x, e) == -1)
		return -1;
	if (strcmp(kind, "dividend") == 0 && x.held.e8 != 0) {
		if (dec_mul(x.held, t->c->amount, &x.cash) == -1)
			return overflow(e);
		if (trade_session_book(db, &s, "dividend", x.cash,
		    (struct uuid){ { 0 } }, t->now, e) == -1)
			return -1;
	}
	s.updated_at = t->now;
	return trade_session_update(db, &s, e) == -1 ? -1 :
	    trade_corporate_entry_insert(db, &x, e);
}

struct ending {
	C *c;
	int64_t n;
	bool all;
	struct utc now;
};

static int
end(struct db *db, void *arg, struct err *e)
{
	struct ending *x = arg;
	C c = *x->c;

	c.sessions += x->n;
	if (x->all)
		c.applied_at = x->now;
	if (x->all && strcmp(c.kind, "symbol_change") == 0 &&
	    trade_corporate_rename(db, &c, e) == -1)
		return -1;
	if (x->all && strcmp(c.kind, "split") == 0 &&
	    trade_corporate_requote(db, &c, e) == -1)
		return -1;
	return trade_corporate_update(db, &c, e);
}

static int
apply(struct db *db, struct arena *a, C *c, struct utc now, int64_t *n,
    struct err *e)
{
	struct ending x = { .c = c, .all = true, .now = now };
	struct rows rows;

	if (trade_corporate_sessions(db, a, c, &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		struct taking t = { a, c, *(struct uuid *)((char *)rows.v +
		    i * rows.schema->size), now };
		struct err one = { 0 };

		if (db_txn(db, a, take, &t, &one) == 0) {
			x.n++;
			continue;
		}
		x.all = false;
		log_warn("trade", "a corporate action waits", KV("symbol",
		    c->symbol), KV("error", one.detail));
	}
	*n += x.n;
	if (rows.n == 200)
		x.all = false;
	return x.n > 0 || x.all ? db_txn(db, a, end, &x, e) : 0;
}

int
trade_corporate_turn(struct db *db, struct arena *a, struct utc now,
    int64_t *n, struct err *e)
{
	struct rows due;

	*n = 0;
	if (trade_corporate_due(db, a, now, &due, e) == -1)
		return -1;
	for (size_t i = 0; i < due.n; i++) {
		C *c = ROW(&due, C, i);

		if (apply(db, a, c, now, n, e) == 0)
			continue;
		if (e->status >= 500)
			return -1;
		/* a new symbol that is taken: the others go on */
		log_warn("trade", "a corporate action waits", KV("symbol",
		    c->symbol), KV("error", e->detail));
		err_clear(e);
	}
	return 0;
}
