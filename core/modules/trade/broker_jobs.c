/*
 * The loop that talks to brokers: one turn sends what is due, then asks and
 * compares. One in the installation, so nothing about a session happens twice
 * at a time while the lease holds; what makes sending safe without that is the
 * claim in send_ops.c. (Shards would not hear the bell: one process listens.)
 */
#include "base/arena.h"
#include "base/clock.h"
#include "modules/trade/link.h"

/* A turn begins no call after TURN_NS, a call may take CALL_NS: together less
 * than the lease, which is also how long a dead worker's orders wait. */
enum { LEASE_S = 20 };
#define TURN_NS INT64_C(5000000000)
#define CALL_NS INT64_C(10000000000)

struct memory {
	struct utc started;
};

static int
turn(struct loop_ctx *c, struct err *e)
{
	struct memory *m = c->memory;
	struct env env = *c->env;
	struct trade_turn t = { .env = &env, .a = c->a,
	    .until_boot_ns = clock_boot_ns() + TURN_NS,
	    .end_boot_ns = clock_boot_ns() + TURN_NS + CALL_NS };

	env.db = c->db;
	if (m == NULL) {
		m = c->memory = arena_alloc(c->keep, sizeof(*m));
		m->started = clock_now();
	}
	t.started = m->started;
	/* what is comparing goes first only where nothing may be sent yet */
	if (trade_send_due(&t, e) == -1 || trade_reconcile_due(&t, e) == -1 ||
	    trade_send_due(&t, e) == -1)
		return -1;
	c->next_ms = t.next_ms;
	return 0;
}

const struct loop trade_broker_loops[] = {
	{ .name = "trade.broker", .doc = "Sends live orders, asks what "
	  "became of them, compares with brokers", .period_ms = 1000,
	  .scope = LOOP_CLUSTER, .humble = LOOP_TICK,
	  .bell = "broker", .component = "trade.broker", .lease_s = LEASE_S,
	  .run = turn },
	LOOP_END
};
