/*
 * The loop that writes down what accounts are worth.
 */
#include "base/clock.h"
#include "modules/trade/portfolio.h"

static int
run(struct loop_ctx *c, struct err *e)
{
	int64_t n;

	return trade_equity_turn(c->db, c->a, clock_now(), &n, e);
}

const struct loop trade_portfolio_loops[] = {
	{ .name = "trade.equity", .doc = "Writes down what accounts are worth, "
	  "the last of each day stays", .period_ms = 60000,
	  .scope = LOOP_CLUSTER, .humble = LOOP_TICK, .run = run },
	LOOP_END
};
