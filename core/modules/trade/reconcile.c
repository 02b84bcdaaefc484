/*
 * Comparing orders. Invariants: a fill is reported for what the broker has
 * filled beyond what we have, never for a total twice; nothing is concluded
 * from an order that is not there; of two that could be ours none is.
 */
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/number.h"
#include "modules/trade/reconcile.h"

#define B struct trade_broker_order
__extension__ typedef __int128 wide;

/* Our id, or our id and what a replacement put behind it. */
static bool
bears(const char *theirs, const char *client)
{
	size_t n = strlen(client);

	return n > 0 && strncmp(theirs, client, n) == 0 &&
	    (theirs[n] == '\0' || theirs[n] == '-');
}

static bool
over(const char *state)
{
	return strcmp(state, "filled") == 0 || strcmp(state, "cancelled") ==
	    0 || strcmp(state, "rejected") == 0 || strcmp(state, "expired") ==
	    0 || strcmp(state, "replaced") == 0;
}

/* (a*qa + b*qb) / (qa + qb); 0 without a quantity. */
static struct dec
mean(struct dec a, struct dec qa, struct dec b, struct dec qb)
{
	wide q = (wide)qa.e8 + qb.e8, sum = (wide)a.e8 * qa.e8 +
	    (wide)b.e8 * qb.e8;

	return (struct dec){ q == 0 ? 0 : (int64_t)((sum + q / 2) / q) };
}

static bool
of(const struct trade_order *o, const char *client, const B *b)
{
	return bears(b->client_id, client) || (o->broker_order_id != NULL &&
	    strcmp(b->id, o->broker_order_id) == 0);
}

/* The same order told twice: the word that goes further counts. */
static bool
counts(const B *v, size_t n, size_t i)
{
	for (size_t j = 0; j < n; j++) {
		if (j == i || strcmp(v[j].id, v[i].id) != 0)
			continue;
		if (v[j].filled.e8 != v[i].filled.e8) {
			if (v[j].filled.e8 > v[i].filled.e8)
				return false;
		} else if (over(v[j].state) != over(v[i].state)) {
			if (over(v[j].state))
				return false;
		} else if (j < i) {
			return false;
		}
	}
	return true;
}

int
trade_reconcile_gather(const struct trade_order *o, const char *client,
    const B *v, size_t n, bool *mine, struct trade_seen *out, struct err *e)
{
	const B *newest = NULL;

	*out = (struct trade_seen){ .state = "" };
	for (size_t i = 0; i < n; i++) {
		const B *b = &v[i];

		if (!of(o, client, b))
			continue;
		if (mine != NULL)
			mine[i] = true;
		if (!counts(v, n, i))
			continue;
		out->n++;
		out->avg_price = mean(out->avg_price, out->filled,
		    b->avg_price, b->filled);
		if (dec_add(out->filled, b->filled, &out->filled) == -1)
			return err_set(e, 422, "overflow", "The broker's "
			    "quantity is too large");
		if (newest == NULL || strcmp(newest->state, "replaced") ==
		    0 || (strcmp(b->state, "replaced") != 0 &&
		    b->at.us > newest->at.us))
			newest = b;
	}
	if (newest == NULL)
		return 0;
	out->broker_id = newest->id;
	out->state = newest->state;
	out->reason = newest->reason;
	out->quantity = newest->quantity;
	out->limit_price = newest->limit_price;
	out->stop_price = newest->stop_price;
	out->at = newest->at;
	return 0;
}

void
trade_reconcile_guess(const struct trade_order *o, const B *v, size_t n,
    const bool *mine, size_t *which, size_t *count)
{
	*count = *which = 0;
	for (size_t i = 0; i < n; i++) {
		const B *b = &v[i];

		if (mine[i] || *b->client_id != '\0' ||
		    strcmp(b->symbol, o->symbol) != 0 ||
		    strcmp(b->side, o->side) != 0 ||
		    b->quantity.e8 != o->quantity.e8 ||
		    (b->at.us != 0 && b->at.us < o->created_at.us))
			continue;
		*which = i;
		(*count)++;
	}
}

/* ---- reports ------------------------------------------------------------------------- */

static bool
in(const struct trade_order *o, const char *state)
{
	return strcmp(o->state, state) == 0;
}

/* What was filled since: the broker's sum less ours. The id names the sum, so
 * that the same step is known again. */
static bool
fill(struct arena *a, const struct trade_order *o,
    const struct trade_seen *s, const char *id, struct trade_report *r)
{
	wide worth;
	int64_t q = s->filled.e8 - o->filled.e8;
	char sum[DEC_TEXT];

	if (q <= 0)
		return false;
	worth = (wide)s->avg_price.e8 * s->filled.e8 -
	    (wide)o->avg_price.e8 * o->filled.e8;
	*r = (struct trade_report){ .kind = REPORT_FILL,
	    .broker_order_id = id, .at = s->at, .quantity = { q },
	    .price = { worth > 0 ? (int64_t)((worth + q / 2) / q) :
	    s->avg_price.e8 } };
	r->broker_fill_id = arena_printf(a, "%.40s:%s", s->broker_id,
	    dec_format(s->filled, sum));
	return true;
}

/* The broker's order is what was asked for. */
static bool
changed(const struct trade_order *o, const struct trade_seen *s)
{
	return (o->want_quantity.e8 == 0 ||
	    s->quantity.e8 == o->want_quantity.e8) &&
	    (o->want_limit_price.e8 == 0 ||
	    s->limit_price.e8 == o->want_limit_price.e8) &&
	    (o->want_stop_price.e8 == 0 ||
	    s->stop_price.e8 == o->want_stop_price.e8);
}

static bool
ending(const struct trade_order *o, const struct trade_seen *s,
    const char *id, struct trade_report *r)
{
	*r = (struct trade_report){ .broker_order_id = id,
	    .reason = s->reason, .at = s->at };
	if (!o->has_open)
		return false;
	if (strcmp(s->state, "cancelled") == 0)
		r->kind = REPORT_CANCELLED;
	else if (strcmp(s->state, "rejected") == 0)
		r->kind = REPORT_REJECTED;
	else if (strcmp(s->state, "expired") == 0)
		r->kind = REPORT_EXPIRED;
	else
		return false;
	return true;
}

size_t
trade_reconcile_reports(struct arena *a, const struct trade_order *o,
    const struct trade_seen *s, struct trade_report r[RECONCILE_REPORTS])
{
	const char *id = s->broker_id;
	size_t n = 0;
	bool fresh = in(o, "submitting") || in(o, "unknown");

	if (s->n == 0)
		return 0;
	/* only a replacement may give it another name */
	if (o->broker_order_id != NULL && strcmp(o->broker_order_id,
	    s->broker_id) != 0)
		id = NULL;
	if (fresh && strcmp(s->state, "rejected") != 0 &&
	    strcmp(s->state, "pending") != 0)
		r[n++] = (struct trade_report){ .kind = REPORT_ACCEPTED,
		    .broker_order_id = id, .at = s->at };
	if (in(o, "pending_replace") && !over(s->state) && changed(o, s))
		r[n++] = (struct trade_report){ .kind = REPORT_REPLACED,
		    .broker_order_id = s->broker_id, .quantity = s->quantity,
		    .price = s->limit_price, .at = s->at };
	if (fill(a, o, s, id, &r[n]))
		n++;
	if (ending(o, s, id, &r[n]))
		n++;
	return n;
}

int64_t
trade_reconcile_pause(int64_t asks)
{
	static const int64_t pauses[] = { 1, 2, 5, 15, 30 };
	const int64_t n = sizeof(pauses) / sizeof(pauses[0]);

	return asks < 0 ? 1 : asks < n ? pauses[asks] : 60;
}

const char *
trade_reconcile_class(bool ours, bool theirs, struct dec our,
    struct dec their)
{
	if (ours && !theirs)
		return "broker_missing";
	if (theirs && !ours)
		return "local_missing";
	return our.e8 == their.e8 ? "matched" : "qty_differs";
}
