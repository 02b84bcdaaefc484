/*
 * Terms of an account: their field table, and what the simulator takes of
 * them. Mode compat knows nothing of what realistic adds.
 */
#include <string.h>

#include "schema/schema.h"
#include "modules/trade/account.h"

const char *const trade_modes[] = { "compat", "realistic", NULL };

#define A struct trade_account
struct whole {
	struct trade_account v;
};
static const struct field fields[] = {
	TRADE_ACCOUNT_FIELDS(struct whole, v.), FIELD_END
};
const struct schema trade_account_schema = {
	.name = "BacktestAccount", .doc = "Cash, costs, fills",
	.size = sizeof(A), .fields = fields
};

struct trade_sim_terms
trade_account_terms(const A *q)
{
	struct trade_sim_terms t = { .cash = q->cash, .spread = q->spread,
	    .commission = q->commission,
	    .commission_fixed = q->commission_fixed, .margin = q->margin,
	    .on_close = q->on_close, .exclusive = q->exclusive };

	for (int i = 0; i < READINGS; i++)
		if (strcmp(trade_reading_names[i], q->reading) == 0)
			t.reading = (enum trade_reading)i;
	if (strcmp(q->mode, "realistic") == 0) {
		t.strict = true;
		t.slippage = q->slippage;
		t.volume_share = q->volume_share;
		t.impact = q->impact;
		t.latency = (unsigned)q->latency;
		t.borrow = q->borrow;
		t.funding = q->funding;
	}
	return t;
}

static size_t
width(const struct field *f)
{
	switch (f->type) {
	case FT_BOOL: return sizeof(bool);
	case FT_INT: return sizeof(int64_t);
	case FT_REAL: return sizeof(double);
	default: return sizeof(const char *);
	}
}

void
trade_account_overlay(A *to, const A *from, uint64_t told)
{
	for (size_t i = 0; fields[i].name != NULL; i++)
		if ((told >> i & 1) != 0)
			memcpy((char *)to + fields[i].off,
			    (const char *)from + fields[i].off,
			    width(&fields[i]));
}
