/*
 * The loop that counts fills of strategies at work, also when no bar comes any
 * more: a stop that filled after the close is settled within seconds.
 */
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "modules/trade/engine.h"

enum { AT_ONCE = 200 };

struct one {
	struct loop_ctx *c;
	const struct trade_unsettled *u;
};

static int
count(struct db *db, void *arg, struct err *e)
{
	const struct one *o = arg;
	const struct trade_reward_terms terms = trade_engine_rewards(
	    conf_get(o->c->env->conf, &trade_engine_settings));
	struct trade_arming r;
	struct trade_stand stand;
	int rc = trade_arming_find(db, o->c->a, o->u->tenant_id,
	    o->u->arming_id, false, &r, e);

	return rc != 0 ? (rc == 1 ? 0 : -1) : trade_trip_sync(db, o->c->a,
	    &r, o->u->instrument_id, &terms, clock_now(), &stand, e);
}

static int
rewards(struct loop_ctx *c, struct err *e)
{
	struct rows rows;

	if (trade_act_unsettled_all(c->db, c->a, AT_ONCE, &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		struct one o = { c, ROW(&rows, struct trade_unsettled, i) };

		if (db_txn(c->db, c->a, count, &o, e) == -1)
			return -1;
	}
	return 0;
}

const struct loop trade_reward_loops[] = {
	{ .name = "trade.reward", .doc = "Counts what came of the orders of "
	  "strategies at work", .period_ms = 3000, .scope = LOOP_CLUSTER,
	  .humble = LOOP_TICK, .lease_s = 30, .run = rewards },
	LOOP_END
};
