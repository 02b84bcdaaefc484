/*
 * The loop that applies corporate actions when they are due.
 */
#include "base/clock.h"
#include "modules/trade/corporate.h"

static int
run(struct loop_ctx *c, struct err *e)
{
	int64_t n;

	return trade_corporate_turn(c->db, c->a, clock_now(), &n, e);
}

const struct loop trade_corporate_loops[] = {
	{ .name = "trade.corporate", .doc = "Splits, dividends and changes of "
	  "symbols come to the accounts", .period_ms = 30000,
	  .scope = LOOP_CLUSTER, .humble = LOOP_TICK, .run = run },
	LOOP_END
};
