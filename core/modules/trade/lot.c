/*
 * Lots and what closing them gains. Fees are part of a lot's cost when it is
 * opened and lessen the proceeds when it is closed.
 */
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/number.h"
#include "modules/trade/lot.h"
#include "schema/schema.h"

__extension__ typedef __int128 wide;	/* products before they are rounded */

#define L struct trade_lot
#define G struct trade_gain
#define DAY_US (86400 * US_PER_S)

static const struct field lot_fields[] = {
	FIELD(L, symbol, .doc = "Symbol"),
	FIELD(L, opened_at, .doc = "When it was opened"),
	FIELD(L, quantity, .doc = "Units; below 0: sold short"),
	FIELD(L, cost, .doc = "Paid for it with fees; short: got less fees"),
	FIELD(L, basis_known, .doc = "false: it came without a price"),
	FIELD_END
};
const struct schema trade_lot_schema = {
	.name = "Lot", .doc = "Units that were opened together",
	.size = sizeof(L), .fields = lot_fields
};
static const struct field gain_fields[] = {
	FIELD(G, symbol, .doc = "Symbol"),
	FIELD(G, side, .doc = "What was closed: long or short"),
	FIELD(G, opened_at, .doc = "When it was opened"),
	FIELD(G, closed_at, .doc = "When it was closed"),
	FIELD(G, quantity, .doc = "Units"),
	FIELD(G, cost, .doc = "Cost with fees"),
	FIELD(G, proceeds, .doc = "Got for it, less fees"),
	FIELD(G, fees, .doc = "Fees of the closing"),
	FIELD(G, gain, .doc = "proceeds - cost"),
	FIELD(G, term, .doc = "long when it was held longer than the setting "
	    "says; short sales are short"),
	FIELD(G, basis_known, .doc = "false: it came without a price"),
	FIELD(G, fill_id, .flags = FF_NULLABLE, .doc = "Fill that closed it"),
	FIELD_END
};
const struct schema trade_gain_schema = {
	.name = "RealizedGain", .doc = "What closing a lot gained",
	.size = sizeof(G), .fields = gain_fields
};

static int
overflow(struct err *e)
{
	return err_set(e, 422, "overflow", "The amount is too large");
}

/* x part/whole, by 128 bit, rounded half to even; a part of 0 of 0 is 0. */
static int
share(struct dec x, struct dec part, struct dec whole, struct dec *out,
    struct err *e)
{
	wide p = (wide)x.e8 * part.e8, q, r;
	wide w = whole.e8 < 0 ? -(wide)whole.e8 : whole.e8;

	if (w == 0) {
		out->e8 = 0;
		return 0;
	}
	if (whole.e8 < 0)
		p = -p;
	q = p / w;
	r = p % w;
	if (r < 0)
		r = -r;
	if (2 * r > w || (2 * r == w && q % 2 != 0))
		q += p < 0 ? -1 : 1;
	if (q > INT64_MAX || q < -INT64_MAX)
		return overflow(e);
	out->e8 = (int64_t)q;
	return 0;
}

static int64_t
magnitude(struct dec x)
{
	return x.e8 < 0 ? -x.e8 : x.e8;
}

static size_t
find(const struct trade_lots *x, const char *symbol)
{
	size_t i = 0;

	while (i < x->open.n && strcmp(x->open.v[i].symbol, symbol) != 0)
		i++;
	return i;
}

static void
drop(struct trade_lots *x, size_t i)
{
	memmove(&x->open.v[i], &x->open.v[i + 1], (x->open.n - i - 1) *
	    sizeof(L));
	x->open.n--;
}

/* What a split makes of each lot; rounding ends with the last one. */
static int
split(struct trade_lots *x, const struct trade_movement *m, struct err *e)
{
	struct dec held = { 0 }, given = { 0 }, more;
	size_t last = x->open.n;

	for (size_t i = 0; i < x->open.n; i++)
		if (strcmp(x->open.v[i].symbol, m->symbol) == 0) {
			held.e8 += x->open.v[i].quantity.e8;
			last = i;
		}
	for (size_t i = 0; i <= last && last < x->open.n; i++) {
		L *l = &x->open.v[i];

		if (strcmp(l->symbol, m->symbol) != 0)
			continue;
		if (i == last)
			more.e8 = m->quantity.e8 - given.e8;
		else if (share(m->quantity, l->quantity, held, &more, e) ==
		    -1)
			return -1;
		given.e8 += more.e8;
		if (dec_add(l->quantity, more, &l->quantity) == -1)
			return overflow(e);
	}
	return 0;
}

/* Closes q units of lot i (both positive counts) for money, of which fee was
 * the closing's. */
static int
close_part(struct arena *a, struct trade_lots *x, size_t i, struct dec q,
    struct dec money, struct dec fee, const struct trade_movement *m,
    struct err *e)
{
	L *l = &x->open.v[i];
	bool is_long = l->quantity.e8 > 0;
	struct dec whole = { magnitude(l->quantity) }, part;
	G g = { .symbol = l->symbol, .side = is_long ? "long" : "short",
	    .opened_at = l->opened_at, .closed_at = m->at, .quantity = q,
	    .fees = fee, .fill_id = m->id, .basis_known = l->basis_known &&
	    strcmp(m->kind, "fill") == 0 };

	if (share(l->cost, q, whole, &part, e) == -1)
		return -1;
	g.cost = is_long ? part : money;
	g.proceeds = is_long ? money : part;
	if (dec_sub(g.proceeds, g.cost, &g.gain) == -1)
		return overflow(e);
	g.term = is_long && m->at.us - l->opened_at.us > x->long_days *
	    DAY_US ? "long" : "short";
	*VEC_ADD(a, &x->gains) = g;
	l->cost.e8 -= part.e8;
	l->quantity.e8 -= is_long ? q.e8 : -q.e8;
	if (l->quantity.e8 == 0)
		drop(x, i);
	return 0;
}

static int
open_lot(struct arena *a, struct trade_lots *x,
    const struct trade_movement *m, struct dec quantity, struct dec cost,
    struct err *e)
{
	bool known = strcmp(m->kind, "fill") == 0;
	size_t i = find(x, m->symbol);

	if (x->method == LOTS_AVERAGE && i < x->open.n) {
		L *l = &x->open.v[i];

		l->basis_known = l->basis_known && known;
		if (dec_add(l->quantity, quantity, &l->quantity) == -1 ||
		    dec_add(l->cost, cost, &l->cost) == -1)
			return overflow(e);
		return 0;
	}
	*VEC_ADD(a, &x->open) = (L){ m->symbol, m->at, quantity, cost,
	    known };
	return 0;
}

int
trade_lot_move(struct arena *a, struct trade_lots *x,
    const struct trade_movement *m, struct err *e)
{
	struct dec left = { magnitude(m->quantity) }, fee = m->fee, value;
	bool buys = m->quantity.e8 > 0;

	if (strcmp(m->kind, "split") == 0 || strcmp(m->kind, "bonus") == 0)
		return split(x, m, e);
	if (dec_mul(left, m->price, &value) == -1)
		return overflow(e);
	while (left.e8 > 0) {
		size_t i = find(x, m->symbol);
		struct dec q = left, money, paid;

		if (i == x->open.n || (x->open.v[i].quantity.e8 > 0) == buys)
			break;
		if (q.e8 > magnitude(x->open.v[i].quantity))
			q.e8 = magnitude(x->open.v[i].quantity);
		if (share(value, q, left, &money, e) == -1 ||
		    share(fee, q, left, &paid, e) == -1)
			return -1;
		value.e8 -= money.e8;
		fee.e8 -= paid.e8;
		left.e8 -= q.e8;
		money.e8 += buys ? paid.e8 : -paid.e8;
		if (close_part(a, x, i, q, money, paid, m, e) == -1)
			return -1;
	}
	if (left.e8 == 0)
		return 0;
	if ((buys ? dec_add(value, fee, &value) : dec_sub(value, fee,
	    &value)) == -1)
		return overflow(e);
	return open_lot(a, x, m, buys ? left : (struct dec){ -left.e8 },
	    value, e);
}
