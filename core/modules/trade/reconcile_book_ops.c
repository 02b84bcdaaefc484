/*
 * The books of a comparison: the union of our and the broker's orders and
 * positions in classes, stored until they are equal again or a person accepts
 * them. While one is open the session takes reducing orders only. Invariant:
 * what was accepted stays accepted only with the figures that were accepted.
 */
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/number.h"
#include "base/random.h"
#include "modules/trade/instrument.h"
#include "modules/trade/reconcile_inner.h"

#define O struct trade_order
#define D struct trade_difference

static bool
is(const char *s, const char *word)
{
	return s != NULL && strcmp(s, word) == 0;
}

static D *
found(struct trade_look *k, const char *kind, const char *name,
    const char *class, const char *symbol)
{
	size_t n = k->found.n;

	if (n == k->found.cap) {
		k->found.v = arena_grow(k->t->a, k->found.v, n *
		    sizeof(D), (2 * n + 16) * sizeof(D));
		k->found.cap = 2 * n + 16;
	}
	k->found.n++;
	k->found.v[n] = (D){ .tenant_id = k->s.tenant_id,
	    .session_id = k->s.id, .kind = kind,
	    .name = arena_strndup(k->t->a, name, strnlen(name, 64)),
	    .class = class,
	    .symbol = arena_strndup(k->t->a, symbol, strnlen(symbol, 32)),
	    .state = "open", .note = "", .decided_by = "" };
	return &k->found.v[n];
}

static const char *
id_text(struct arena *a, struct uuid id)
{
	char buf[UUID_TEXT];

	return arena_strdup(a, uuid_format(id, buf));
}

/* ---- orders ---------------------------------------------------------------------------- */

static bool
stands(const char *state)
{
	return is(state, "accepted") || is(state, "pending");
}

static D *
of_order(struct trade_look *k, const O *o, const char *class,
    const char *note)
{
	D *d = found(k, "order", o->broker_order_id != NULL ?
	    o->broker_order_id : id_text(k->t->a, o->id), class, o->symbol);

	d->order_id = o->id;
	d->ours = o->quantity;
	d->note = note;
	return d;
}

int
trade_look_order(struct trade_look *k, const O *o,
    const struct trade_seen *s, struct err *e)
{
	bool waits = is(o->state, "submitting") || is(o->state, "unknown");
	D *d;

	(void)e;
	if (!o->has_open) {
		if (s->n > 0 && stands(s->state)) {
			d = of_order(k, o, "local_missing", "it is over here "
			    "and stands at the broker");
			d->theirs = s->quantity;
		}
		return 0;
	}
	if (waits && o->sent_at.us == 0)
		return 0;	/* not sent yet */
	if (waits && (s->n == 0 || is(s->state, "pending"))) {
		of_order(k, o, "unknown", "its outcome is not known");
		return 0;
	}
	if (s->n == 0) {
		of_order(k, o, "broker_missing", "the broker does not list "
		    "it");
		return 0;
	}
	if (s->quantity.e8 != o->quantity.e8 && !is(o->state,
	    "pending_replace")) {
		d = of_order(k, o, "qty_differs", "another quantity");
		d->theirs = s->quantity;
		return 0;
	}
	if (s->filled.e8 < o->filled.e8) {
		d = of_order(k, o, "qty_differs", "the broker filled less "
		    "than we have");
		d->ours = o->filled;
		d->theirs = s->filled;
		return 0;
	}
	k->sums.matched++;
	return 0;
}

/* Orders that stand at the broker and are nobody's here. */
static void
strangers(struct trade_look *k)
{
	const struct trade_broker_order *v = k->orders.items;

	for (size_t i = 0; i < k->orders.n; i++) {
		D *d;

		if (k->mine[i] || !stands(v[i].state))
			continue;
		d = found(k, "order", v[i].id, "local_missing", v[i].symbol);
		d->theirs = v[i].quantity;
		d->price = v[i].limit_price;
		d->note = "an order that was not placed here";
	}
}

/* ---- positions -------------------------------------------------------------------------- */

/* The broker's units of a symbol over all products. */
static int
theirs(struct trade_look *k, const char *symbol, struct dec *q,
    struct dec *price, const char **exchange, struct err *e)
{
	const struct list *const lists[] = { &k->positions, &k->holdings };

	q->e8 = price->e8 = 0;
	*exchange = "";
	for (int l = 0; l < 2; l++)
		for (size_t i = 0; i < lists[l]->n; i++) {
			const struct trade_broker_position *p =
			    (const struct trade_broker_position *)
			    lists[l]->items + i;

			if (strcmp(p->symbol, symbol) != 0)
				continue;
			if (dec_add(*q, p->quantity, q) == -1)
				return err_set(e, 422, "overflow", "The "
				    "broker's position is too large");
			if (p->avg_price.e8 != 0)
				*price = p->avg_price;
			*exchange = p->exchange;
		}
	return 0;
}

/* The first comparison takes over what was there before us. */
static int
take_over(struct trade_look *k, const char *symbol, const char *exchange,
    struct dec q, struct dec price, struct err *e)
{
	struct trade_instrument i;
	int rc;

	if (strlen(symbol) > 32 || strlen(exchange) > 16)
		return 0;
	rc = trade_instrument_find(k->d.db, k->t->a, k->s.tenant_id, symbol,
	    exchange, &i, e);
	if (rc == -1)
		return -1;
	if (rc == 1) {
		i = trade_instrument_usual(k->s.tenant_id, symbol, exchange,
		    k->d.now);
		i.currency = k->s.currency;
		if (trade_instrument_put(k->d.db, k->t->a, &i, e) == -1)
			return -1;
	}
	return trade_position_adjust(k->d.db, k->t->a, &k->s, i.id, i.symbol,
	    "transfer", q, price, "held at the broker before", k->d.now, e);
}

static int
one_symbol(struct trade_look *k, const char *symbol, bool ours,
    struct dec our, struct err *e)
{
	struct dec q, price;
	const char *class, *exchange;
	D *d;

	if (theirs(k, symbol, &q, &price, &exchange, e) == -1)
		return -1;
	class = trade_reconcile_class(ours && our.e8 != 0, q.e8 != 0, our,
	    q);
	if (our.e8 == 0 && q.e8 == 0)
		return 0;
	if (our.e8 == q.e8) {
		k->sums.matched++;
		return 0;
	}
	if (is(k->cause, "login") && our.e8 == 0) {
		k->sums.accepted++;
		return take_over(k, symbol, exchange, q, price, e);
	}
	if (k->pass == 1) {
		k->again = true;
		return 0;
	}
	d = found(k, "position", symbol, class, symbol);
	d->ours = our;
	d->theirs = q;
	d->price = price;
	d->note = "another quantity at the broker";
	return 0;
}

static bool
before(const struct list *l, size_t n, const char *symbol)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(((const struct trade_broker_position *)l->items +
		    i)->symbol, symbol) == 0)
			return true;
	return false;
}

static int
positions(struct trade_look *k, struct err *e)
{
	const struct list *const lists[] = { &k->positions, &k->holdings };
	struct rows rows;

	k->again = false;
	if (trade_position_all(k->d.db, k->t->a, k->s.id, &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		const struct trade_position *p = ROW(&rows,
		    struct trade_position, i);

		if (one_symbol(k, p->symbol, true, p->quantity, e) == -1)
			return -1;
	}
	for (int l = 0; l < 2; l++)
		for (size_t i = 0; i < lists[l]->n; i++) {
			const char *symbol =
			    ((const struct trade_broker_position *)
			    lists[l]->items + i)->symbol;
			bool done = before(lists[l], i, symbol) || (l == 1 &&
			    before(lists[0], lists[0]->n, symbol));

			for (size_t j = 0; j < rows.n && !done; j++)
				done = strcmp(ROW(&rows,
				    struct trade_position, j)->symbol,
				    symbol) == 0;
			if (!done && one_symbol(k, symbol, false,
			    (struct dec){ 0 }, e) == -1)
				return -1;
		}
	return 0;
}

/* ---- the books --------------------------------------------------------------------------- */

static int
tell(struct trade_look *k, const D *d, struct err *e)
{
	return event_publish(k->d.db, &trade_link_events[1], d->tenant_id,
	    id_text(k->t->a, d->id), d->seen_at.us, d, e);
}

static D *
same(const struct rows *old, const D *d)
{
	for (size_t i = 0; i < old->n; i++) {
		D *was = ROW(old, D, i);

		if (strcmp(was->kind, d->kind) == 0 && strcmp(was->name,
		    d->name) == 0)
			return was;
	}
	return NULL;
}

static int
store(struct trade_look *k, const struct rows *old, D *d, struct err *e)
{
	D *was = same(old, d);
	bool equal = was != NULL && was->ours.e8 == d->ours.e8 &&
	    was->theirs.e8 == d->theirs.e8 && strcmp(was->class, d->class) ==
	    0;

	d->seen_at = k->d.now;
	if (was == NULL) {
		d->id = uuid_new();
		d->found_at = k->d.now;
		return trade_difference_add(k->d.db, d, e) == -1 ? -1 :
		    tell(k, d, e);
	}
	d->id = was->id;
	if (equal && is(was->state, "accepted")) {
		d->state = was->state;
		d->decided_by = was->decided_by;
		d->decided_at = was->decided_at;
		d->note = was->note;
	}
	was->seen_at = k->d.now;
	if (trade_difference_update(k->d.db, d, e) == -1)
		return -1;
	return equal ? 0 : tell(k, d, e);
}

/* Those that were not found again are over. */
static int
end_gone(struct trade_look *k, const struct rows *old, struct err *e)
{
	for (size_t i = 0; i < old->n; i++) {
		D *d = ROW(old, D, i);

		if (d->seen_at.us == k->d.now.us)
			continue;
		d->state = "gone";
		d->seen_at = d->decided_at = k->d.now;
		if (trade_difference_update(k->d.db, d, e) == -1 ||
		    tell(k, d, e) == -1)
			return -1;
	}
	return 0;
}

static void
count(struct trade_reconciliation *r, const D *d)
{
	if (is(d->state, "accepted"))
		r->accepted++;
	else if (is(d->class, "local_missing"))
		r->local_missing++;
	else if (is(d->class, "broker_missing"))
		r->broker_missing++;
	else if (is(d->class, "qty_differs"))
		r->qty_differs++;
	else
		r->unknown++;
}

/* Fees, interest and what a person moved there: while nothing is open and all
 * else agrees, our cash becomes the broker's, with an entry. */
static int
settle_cash(struct trade_look *k, bool differs, bool *changed,
    struct err *e)
{
	struct dec diff;

	if (!k->way.broker->tells_cash || differs || k->changes > 0 ||
	    k->l->open > 0 || k->s.reserved.e8 != 0)
		return 0;
	if (dec_sub(k->cash, k->s.cash, &diff) == -1)
		return err_set(e, 422, "overflow", "The broker's cash is too "
		    "large");
	*changed = diff.e8 != 0;
	return !*changed ? 0 : trade_session_book(k->d.db, &k->s,
	    "adjustment", diff, (struct uuid){ { 0 } }, k->d.now, e);
}

/* Only what we reduced ourselves is set free again. */
static int
settle_session(struct trade_look *k, bool differs, struct err *e)
{
	bool changed = false;

	if (settle_cash(k, differs, &changed, e) == -1)
		return -1;
	if (differs && is(k->s.state, "active")) {
		k->s.state = "reducing";
		k->l->reduced = true;
	} else if (!differs && k->l->reduced) {
		k->l->reduced = false;
		if (is(k->s.state, "reducing"))
			k->s.state = "active";
	} else if (!changed) {
		return 0;
	}
	k->s.updated_at = k->d.now;
	return trade_session_update(k->d.db, &k->s, e);
}

int
trade_look_rest(struct trade_look *k, struct err *e)
{
	struct trade_reconciliation *r = &k->sums;
	struct rows old;

	strangers(k);
	if (positions(k, e) == -1)
		return -1;
	if (k->again) {
		k->sums = (struct trade_reconciliation){ .cause = "" };
		return 0;
	}
	if (trade_difference_all(k->d.db, k->t->a, k->s.id, &old, e) == -1)
		return -1;
	for (size_t i = 0; i < k->found.n; i++) {
		if (store(k, &old, &k->found.v[i], e) == -1)
			return -1;
		count(r, &k->found.v[i]);
	}
	if (end_gone(k, &old, e) == -1)
		return -1;
	r->id = uuid_new();
	r->tenant_id = k->s.tenant_id;
	r->session_id = k->s.id;
	r->cause = k->cause;
	r->at = k->d.now;
	return trade_reconciliation_add(k->d.db, r, e) == -1 ? -1 :
	    settle_session(k, r->local_missing + r->broker_missing +
	    r->qty_differs + r->unknown > 0, e);
}

int
trade_look_unknown(struct trade_look *k, const O *o, struct err *e)
{
	struct rows old;
	D *d, copy;

	if (trade_difference_all(k->d.db, k->t->a, k->s.id, &old, e) == -1)
		return -1;
	d = of_order(k, o, "unknown", "no outcome for long: a person decides");
	copy = *d;
	k->found.n--;
	return same(&old, &copy) != NULL ? 0 : store(k, &old, &copy, e);
}

/* ---- a person decides ---------------------------------------------------------------------- */

static int
accept_order(struct trade_desk *d, struct trade_session *s, D *x,
    struct err *e)
{
	struct trade_report r = { .kind = REPORT_CANCELLED,
	    .reason = "accepted: the broker does not have it" };
	O o;
	int rc;

	if (uuid_is_nil(x->order_id) || (!is(x->class, "broker_missing") &&
	    !is(x->class, "unknown")))
		return 0;	/* it stays what it is, and is known */
	rc = trade_order_by_id(d->db, d->a, s->id, x->order_id, true, &o, e);
	if (rc != 0)
		return rc == 1 ? 0 : -1;
	if (is(o.state, "submitting") || is(o.state, "unknown"))
		r.kind = REPORT_REJECTED;
	return trade_order_report(d, s, &o, &r, e) == -1 ? -1 : 0;
}

static int
accept_position(struct trade_desk *d, struct trade_session *s, D *x,
    struct err *e)
{
	struct trade_instrument i;
	struct trade_position p = { .quantity = { 0 } };
	struct dec diff;

	if (db_found(trade_instrument_find(d->db, d->a, s->tenant_id,
	    x->symbol, "", &i, e), "Instrument", e) == -1 ||
	    trade_position_get(d->db, d->a, s->id, i.id, &p, e) == -1)
		return -1;
	if (dec_sub(x->theirs, p.quantity, &diff) == -1)
		return err_set(e, 422, "overflow", "The position is too "
		    "large");
	return diff.e8 == 0 ? 0 : trade_position_adjust(d->db, d->a, s, i.id,
	    i.symbol, "reconcile", diff, x->price,
	    "accepted as the broker has it", d->now, e);
}

int
trade_difference_accept(struct trade_desk *d, D *x, const char *who,
    struct err *e)
{
	struct trade_session s;

	if (!is(x->state, "open"))
		return err_set(e, 409, "state", "The difference is %s",
		    x->state);
	if (db_found(trade_session_lock(d->db, d->a, x->session_id, &s, e),
	    "Session", e) == -1)
		return -1;
	if ((is(x->kind, "order") ? accept_order(d, &s, x, e) :
	    accept_position(d, &s, x, e)) == -1)
		return -1;
	x->state = "accepted";
	x->decided_by = who;
	x->decided_at = d->now;
	/* compared again at once: that sets the session free */
	return trade_difference_update(d->db, x, e) == -1 ? -1 :
	    trade_link_hint(d->db, s.id, d->now, e);
}
