/*
 * The rules of ticks, and the lines in which they wait. Refuses what no market
 * says; a line that cannot be read is damage, not input.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/number.h"
#include "base/str.h"
#include "modules/trade/candle.h"
#include "modules/trade/tick.h"

enum { AHEAD_S = 60, COLUMNS = 8 };

static bool
price(struct dec p)
{
	return p.e8 >= 0 && p.e8 <= TRADE_UNITS_MAX;
}

int
trade_tick_check(const struct trade_tick *t, struct err *e)
{
	if (!price(t->last) || !price(t->bid) || !price(t->ask))
		return err_set(e, 422, "tick",
		    "A price is not negative and at most 40 million");
	if (t->last.e8 == 0 && t->bid.e8 == 0 && t->ask.e8 == 0)
		return err_set(e, 422, "tick", "A tick has a price");
	if (t->bid.e8 > 0 && t->ask.e8 > 0 && t->bid.e8 > t->ask.e8)
		return err_set(e, 422, "tick", "A bid is not above the ask");
	if (t->volume.e8 < 0 || (t->volume.e8 > 0 && t->last.e8 == 0))
		return err_set(e, 422, "tick", t->volume.e8 < 0 ?
		    "A volume is not negative" :
		    "A volume belongs to a trade");
	if (t->seq < 0)
		return err_set(e, 422, "tick", "Sequence numbers begin at 1");
	if (t->at.us <= 0 ||
	    t->at.us > t->heard_at.us + AHEAD_S * US_PER_S)
		return err_set(e, 422, "tick",
		    "The time of the tick is in the future");
	return 0;
}

void
trade_tick_write(struct str *s, const struct trade_tick *t)
{
	str_addf(s, "%lld %lld %lld %lld %lld %lld %lld %lld\n",
	    (long long)t->instrument_id, (long long)t->seq,
	    (long long)t->at.us, (long long)t->heard_at.us,
	    (long long)t->last.e8, (long long)t->bid.e8,
	    (long long)t->ask.e8, (long long)t->volume.e8);
}

/* Advances past one number and what follows it. */
static int
number(const char **p, char end, int64_t *out)
{
	size_t n = strcspn(*p, " \n");

	if ((*p)[n] != end || num_i64(*p, n, out) != NUM_OK)
		return -1;
	*p += n + 1;
	return 0;
}

static int
line(const char **p, struct trade_tick *t)
{
	int64_t v[COLUMNS];

	for (int i = 0; i < COLUMNS; i++)
		if (number(p, i == COLUMNS - 1 ? '\n' : ' ', &v[i]) == -1)
			return -1;
	*t = (struct trade_tick){ .instrument_id = v[0], .seq = v[1],
	    .at = { v[2] }, .heard_at = { v[3] }, .last = { v[4] },
	    .bid = { v[5] }, .ask = { v[6] }, .volume = { v[7] } };
	return 0;
}

int
trade_tick_read(struct arena *a, const char *text, int64_t n,
    struct trade_tick **out, struct err *e)
{
	*out = arena_array(a, (size_t)n + 1, sizeof(**out));
	for (int64_t i = 0; i < n; i++)
		if (line(&text, &(*out)[i]) == -1)
			return err_set(e, 500, "bad_row",
			    "trade_intake is damaged");
	return 0;
}
