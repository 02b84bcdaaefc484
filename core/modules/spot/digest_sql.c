/*
 * Rows of digests, and the counts they are made of. Reads other nouns' tables
 * only to count them.
 */
#include "base/err.h"
#include "modules/spot/settle.h"

#define S struct spot_digest
static const struct field digest_fields[] = {
	FIELD(S, account_id, .doc = "Account"),
	FIELD(S, tenant_id, .flags = FF_HIDDEN, .doc = "Whose"),
	FIELD(S, scan_id, .doc = "Scan it follows"),
	FIELD(S, nodes, .doc = "Instances known and not gone"),
	FIELD(S, running, .doc = "Running ones"),
	FIELD(S, spot, .doc = "Running as spot"),
	FIELD(S, stale, .doc = "Not seen by the last two scans"),
	FIELD(S, authorized, .doc = "May be touched"),
	FIELD(S, unauthorized, .doc = "May not, not flagged yet"),
	FIELD(S, flagged, .doc = "Flagged, in or past their grace"),
	FIELD(S, groups_n, .doc = "Auto Scaling groups"),
	FIELD(S, assets, .doc = "Volumes, snapshots and the like"),
	FIELD(S, hourly_cost, .doc = "What the priced ones cost, USD an "
	    "hour"),
	FIELD(S, hourly_savings, .doc = "Against the same fleet on demand"),
	FIELD(S, waste_items, .doc = "Things that cost and are not used"),
	FIELD(S, waste_monthly, .doc = "What they cost, USD a month"),
	FIELD(S, coverage, .doc = "Share of the shards that saw everything"),
	FIELD(S, health, .doc = "ok, degraded or down: of the inventory"),
	FIELD(S, health_detail, .doc = "Why"),
	FIELD(S, at, .doc = "When"),
	FIELD_END
};
#undef S
const struct schema spot_digest_schema = {
	.name = "SpotDigest", .doc = "An account after its last scan",
	.size = sizeof(struct spot_digest), .fields = digest_fields
};

#define T struct spot_digest_sum
static const struct field sum_fields[] = {
	FIELD(T, instances, .doc = "Instances"),
	FIELD(T, assets, .doc = "Assets"),
	FIELD(T, unauthorized, .doc = "Not authorized"),
	FIELD(T, waste_items, .doc = "Unused things"),
	FIELD(T, waste_monthly, .doc = "Their cost a month"),
	FIELD(T, hourly_savings, .doc = "Saved an hour"),
	FIELD_END
};
#undef T
static const struct schema sum_schema = {
	.name = "SpotDigestSum", .doc = "All accounts",
	.size = sizeof(struct spot_digest_sum), .fields = sum_fields
};

#define C struct spot_digest
static const struct field count_fields[] = {
	FIELD(C, authorized, .doc = "Authorized"),
	FIELD(C, unauthorized, .doc = "Unauthorized"),
	FIELD(C, flagged, .doc = "Flagged"),
	FIELD(C, groups_n, .doc = "Groups"),
	FIELD(C, assets, .doc = "Assets"),
	FIELD_END
};
#undef C
static const struct schema count_schema = {
	.name = "SpotDigestCount", .doc = "Counts of an account",
	.size = sizeof(struct spot_digest), .fields = count_fields
};

static const struct query DIGEST_PUT = { "spot_digest.put",
	"REPLACE INTO spot_digest (account_id, tenant_id, scan_id, nodes, "
	"running, spot, stale, authorized, unauthorized, flagged, groups_n, "
	"assets, hourly_cost, hourly_savings, waste_items, waste_monthly, "
	"coverage, health, health_detail, at) VALUES (?, ?, ?, ?, ?, ?, ?, "
	"?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", NULL };
static const struct query DIGEST_GET = { "spot_digest.get",
	"SELECT account_id, tenant_id, scan_id, nodes, running, spot, stale, "
	"authorized, unauthorized, flagged, groups_n, assets, hourly_cost, "
	"hourly_savings, waste_items, waste_monthly, coverage, health, "
	"health_detail, at FROM spot_digest WHERE tenant_id = ? "
	"AND account_id = ? LIMIT 1", &spot_digest_schema };
static const struct query DIGEST_COUNT = { "spot_digest.count",
	"SELECT COUNT(IF(auth_status = 'AUTHORIZED', 1, NULL)) AS authorized, "
	"COUNT(IF(auth_status = 'UNAUTHORIZED', 1, NULL)) AS unauthorized, "
	"COUNT(IF(auth_status = 'FLAGGED', 1, NULL)) AS flagged, "
	"(SELECT COUNT(*) FROM spot_group g WHERE g.account_id = ? "
	"AND g.gone_at IS NULL) AS groups_n, "
	"(SELECT COUNT(*) FROM spot_asset x WHERE x.account_id = ? "
	"AND x.gone_at IS NULL) AS assets FROM spot_instance "
	"WHERE account_id = ? AND gone_at IS NULL", &count_schema };
static const struct query DIGEST_TOTAL = { "spot_digest.total",
	"SELECT COALESCE(SUM(nodes), 0) AS instances, "
	"COALESCE(SUM(assets), 0) AS assets, "
	"COALESCE(SUM(unauthorized + flagged), 0) AS unauthorized, "
	"COALESCE(SUM(waste_items), 0) AS waste_items, "
	"CAST(COALESCE(SUM(waste_monthly), 0) AS SIGNED) AS waste_monthly, "
	"CAST(COALESCE(SUM(hourly_savings), 0) AS SIGNED) AS hourly_savings "
	"FROM spot_digest", &sum_schema };

const struct query *const spot_digest_queries[] = {
	&DIGEST_PUT, &DIGEST_GET, &DIGEST_COUNT, &DIGEST_TOTAL, NULL
};

int
spot_digest_put(struct db *db, const struct spot_digest *d, struct err *e)
{
	return db_exec(db, &DIGEST_PUT, ARGS(V(d->account_id),
	    V(d->tenant_id), val_id(d->scan_id), V(d->nodes), V(d->running),
	    V(d->spot), V(d->stale), V(d->authorized), V(d->unauthorized),
	    V(d->flagged), V(d->groups_n), V(d->assets), V(d->hourly_cost.e8),
	    V(d->hourly_savings.e8), V(d->waste_items), V(d->waste_monthly.e8),
	    V(d->coverage), V(d->health), V(d->health_detail), V(d->at)),
	    NULL, e);
}

int
spot_digest_get(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid account, struct spot_digest *out, struct err *e)
{
	return db_one(db, a, &DIGEST_GET, ARGS(V(tenant), V(account)), out,
	    e);
}

int
spot_digest_count(struct db *db, struct arena *a, struct uuid account,
    struct spot_digest *out, struct err *e)
{
	struct spot_digest n = { 0 };

	if (db_one(db, a, &DIGEST_COUNT, ARGS(V(account), V(account),
	    V(account)), &n, e) == -1)
		return -1;
	out->authorized = n.authorized;
	out->unauthorized = n.unauthorized;
	out->flagged = n.flagged;
	out->groups_n = n.groups_n;
	out->assets = n.assets;
	return 0;
}

int
spot_digest_total(struct db *db, struct arena *a,
    struct spot_digest_sum *out, struct err *e)
{
	return db_one(db, a, &DIGEST_TOTAL, NO_ARGS, out, e) == -1 ? -1 : 0;
}
