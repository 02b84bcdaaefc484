/*
 * Taking the demonstration out again. What belongs to an instrument, a session
 * or an arming goes with it.
 */
#include "modules/trade/demo.h"
#include "modules/trade/feed.h"

static const struct query FEED_DELETE = { "trade_demo.feed",
	"DELETE FROM trade_feed WHERE tenant_id = ? AND name = ?", NULL };
static const struct query ARMING_DELETE = { "trade_demo.arming",
	"DELETE FROM trade_arming WHERE tenant_id = ? AND name = ?", NULL };
static const struct query STRATEGY_DELETE = { "trade_demo.strategy",
	"DELETE FROM trade_strategy WHERE tenant_id = ? AND name = ?", NULL };
static const struct query SESSION_DELETE = { "trade_demo.session",
	"DELETE s FROM trade_session s WHERE s.tenant_id = ? AND "
	"s.user_id = ? AND s.mode = 'paper' AND NOT EXISTS (SELECT 1 FROM "
	"trade_order o JOIN trade_instrument i ON i.id = o.instrument_id "
	"WHERE o.session_id = s.id AND i.exchange <> ?)", NULL };
static const struct query INSTRUMENT_DELETE = { "trade_demo.instrument",
	"DELETE FROM trade_instrument WHERE tenant_id = ? AND exchange = ?",
	NULL };

const struct query *const trade_demo_queries[] = {
	&FEED_DELETE, &ARMING_DELETE, &STRATEGY_DELETE, &SESSION_DELETE,
	&INSTRUMENT_DELETE, NULL
};

int
trade_demo_delete(struct db *db, const struct demo_owner *o, uint64_t *gone,
    struct err *e)
{
	return db_exec(db, &FEED_DELETE, ARGS(V(o->tenant), V(TRADE_DEMO)),
	    NULL, e) == -1 ||
	    db_exec(db, &ARMING_DELETE, ARGS(V(o->tenant), V(TRADE_DEMO)),
	    NULL, e) == -1 ||
	    db_exec(db, &STRATEGY_DELETE, ARGS(V(o->tenant), V(TRADE_DEMO)),
	    NULL, e) == -1 ||
	    db_exec(db, &SESSION_DELETE, ARGS(V(o->tenant), V(o->user),
	    V(TRADE_DEMO_EXCHANGE)), NULL, e) == -1 ||
	    db_exec(db, &INSTRUMENT_DELETE, ARGS(V(o->tenant),
	    V(TRADE_DEMO_EXCHANGE)), gone, e) == -1 ? -1 : 0;
}
