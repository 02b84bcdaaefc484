/*
 * Prices that moved under machines that run. Reads and publishes; an account
 * without machines in a region is told of nothing.
 */
#include "base/arena.h"
#include "events/event.h"
#include "modules/spot/account.h"
#include "modules/spot/pool.h"
#include "modules/spot/price.h"

#define P struct spot_price_move
static const struct field move_fields[] = {
	FIELD(P, pool_id, .doc = "Pool"), FIELD(P, region, .doc = "Region"),
	FIELD(P, az, .doc = "Zone"), FIELD(P, instance_type, .doc = "Type"),
	FIELD(P, product, .doc = "Product"),
	FIELD(P, old_price, .doc = "USD per hour at the last scan"),
	FIELD(P, new_price, .doc = "USD per hour now"),
	FIELD(P, at, .doc = "Since when"), FIELD_END
};
#undef P
static const struct schema move_schema = {
	.name = "SpotPriceMove", .doc = "The price of a pool in use moved",
	.size = sizeof(struct spot_price_move), .fields = move_fields
};
const struct event spot_price_events[] = {
	{ .name = "spot.price_move", .doc = "The price of a pool in which a "
	  "machine runs moved by a twentieth or more", .payload =
	  &move_schema, .permission = "spot:read" },
	EVENT_END
};

static const struct query MOVED = { "spot_price.moved",
	"SELECT o.id AS pool_id, o.region, o.az, o.instance_type, o.product, "
	"w.price AS old_price, n.price AS new_price, n.ts AS at "
	"FROM (SELECT DISTINCT az, instance_type, product FROM spot_instance "
	"WHERE tenant_id = ? AND account_id = ? AND region = ? "
	"AND lifecycle = 'spot' AND gone_at IS NULL) i "
	"JOIN spot_pool o ON o.market = ? AND o.region = ? AND o.az = i.az "
	"AND o.instance_type = i.instance_type AND o.product = i.product "
	"JOIN spot_price n ON n.pool_id = o.id AND n.ts = (SELECT x.ts "
	"FROM spot_price x WHERE x.pool_id = o.id "
	"ORDER BY x.ts DESC LIMIT 1) "
	"JOIN spot_price w ON w.pool_id = o.id AND w.ts = (SELECT x.ts "
	"FROM spot_price x WHERE x.pool_id = o.id AND x.ts <= ? "
	"ORDER BY x.ts DESC LIMIT 1) "
	"WHERE n.ts > ? AND ABS(CAST(n.price AS SIGNED) - "
	"CAST(w.price AS SIGNED)) * 20 >= w.price ORDER BY o.id LIMIT 200",
	&move_schema };

const struct query *const spot_price_move_queries[] = { &MOVED, NULL };

int
spot_price_tell_moves(struct db *db, struct arena *a,
    const struct spot_account *acc, const char *region, struct utc since,
    struct err *e)
{
	struct event_pack *told = event_pack_new(a);
	struct rows rows;

	if (since.us == 0)		/* the first sight: nothing moved */
		return 0;
	if (db_all(db, a, &MOVED, ARGS(V(acc->tenant_id), V(acc->id),
	    V(region), V(acc->provider), V(region), V(since), V(since)),
	    &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		const struct spot_price_move *m = ROW(&rows,
		    struct spot_price_move, i);
		const char *pool = spot_pool_name(a, m->az, m->instance_type);

		event_pack_add(told, &spot_price_events[0], acc->tenant_id,
		    arena_strndup(a, pool, 64), 0, m);
	}
	return event_pack_publish(db, told, e);
}
