/*
 * Groups of a tenant's instances with the prices in force, and how complete
 * the picture is. Reads only.
 */
#include "modules/spot/rows.h"
#include "modules/spot/summary.h"

#define G struct spot_alike
static const struct field group_fields[] = {
	FIELD(G, region, .doc = "Region"),
	FIELD(G, az, .doc = "Zone"),
	FIELD(G, instance_type, .doc = "Type"),
	FIELD(G, lifecycle, .doc = "Lifecycle"),
	FIELD(G, state, .doc = "State"),
	FIELD(G, n, .doc = "Instances"),
	FIELD(G, stale, .doc = "Stale ones among them"),
	FIELD(G, spot, .flags = FF_NULLABLE, .doc = "Spot price of the pool"),
	FIELD(G, on_demand, .flags = FF_NULLABLE, .doc = "On-demand price"),
	FIELD(G, best, .flags = FF_NULLABLE,
	    .doc = "Cheapest pool of type and region"),
	FIELD_END
};
#undef G
static const struct schema group_schema = {
	.name = "SpotAlike", .doc = "Instances that are alike",
	.size = sizeof(struct spot_alike), .fields = group_fields
};

struct sight {
	int64_t accounts, wanted, done;
	struct utc oldest;
};
static const struct field sight_fields[] = {
	FIELD(struct sight, accounts, .doc = "Accounts"),
	FIELD(struct sight, wanted, .doc = "Shards"),
	FIELD(struct sight, done, .doc = "Complete ones"),
	FIELD(struct sight, oldest, .flags = FF_NULLABLE,
	    .doc = "Least recent last scan"),
	FIELD_END
};
static const struct schema sight_schema = {
	.name = "SpotSight", .doc = "How much was seen",
	.size = sizeof(struct sight), .fields = sight_fields
};

#define LATEST "p.ts = (SELECT x.ts FROM spot_price x " \
	"WHERE x.pool_id = o.id ORDER BY x.ts DESC LIMIT 1)"
static const struct query GROUP_ALL = { "spot_summary.groups",
	"SELECT g.region, g.az, g.instance_type, g.lifecycle, g.state, g.n, "
	"g.stale, (SELECT p.price FROM spot_pool o JOIN spot_price p "
	"ON p.pool_id = o.id AND " LATEST " WHERE o.market = g.market "
	"AND o.region = g.region AND o.az = g.az "
	"AND o.instance_type = g.instance_type AND o.product = g.product) "
	"AS spot, (SELECT d.price FROM spot_od_price d "
	"WHERE d.market = g.market AND d.region = g.region "
	"AND d.instance_type = g.instance_type AND d.product = g.product) "
	"AS on_demand, (SELECT MIN(p.price) FROM spot_pool o "
	"JOIN spot_price p ON p.pool_id = o.id AND " LATEST
	" WHERE o.market = g.market AND o.region = g.region "
	"AND o.instance_type = g.instance_type AND o.product = g.product) "
	"AS best FROM (SELECT a.provider AS market, i.region, i.az, "
	"i.instance_type, i.lifecycle, i.product, i.state, COUNT(*) AS n, "
	"COUNT(IF(i.stale, 1, NULL)) AS stale FROM spot_instance i "
	"JOIN spot_account a ON a.id = i.account_id WHERE i.tenant_id = ? "
	"AND i.account_id = COALESCE(?, i.account_id) "
	"AND i.gone_at IS NULL GROUP BY a.provider, i.region, i.az, "
	"i.instance_type, i.lifecycle, i.product, i.state LIMIT 10000) g",
	&group_schema };
static const struct query SIGHT = { "spot_summary.sight",
	"SELECT COUNT(DISTINCT a.id) AS accounts, "
	"COUNT(s.account_id) AS wanted, "
	"COUNT(IF(s.state = 'complete', 1, NULL)) AS done, "
	"MIN(COALESCE(s.complete_at, a.created_at)) AS oldest "
	"FROM spot_account a LEFT JOIN spot_sight s ON s.account_id = a.id "
	"AND s.service NOT IN ('spot-prices', 'instance-types') "
	"WHERE a.tenant_id = ? AND a.id = COALESCE(?, a.id) "
	"AND a.status <> 'pending'", &sight_schema };

const struct query *const spot_summary_queries[] = {
	&GROUP_ALL, &SIGHT, NULL
};

int
spot_alike_all(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid account, struct rows *out, struct err *e)
{
	return db_all(db, a, &GROUP_ALL, ARGS(V(tenant), V(account)), out, e);
}

int
spot_summary_load(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid account, struct spot_summary *out, struct rows *groups,
    struct err *e)
{
	struct sight s;

	*out = (struct spot_summary){ .nodes = 0 };
	if (spot_alike_all(db, a, tenant, account, groups, e) == -1 ||
	    db_one(db, a, &SIGHT, ARGS(V(tenant), V(account)), &s, e) == -1)
		return -1;
	spot_summarize(groups->v, groups->n, out);
	out->accounts = s.accounts;
	out->coverage = s.wanted > 0 ? (double)s.done / (double)s.wanted : 0;
	out->oldest_scan_at = s.oldest;
	return 0;
}
