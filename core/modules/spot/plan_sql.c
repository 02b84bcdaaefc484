/*
 * What a plan reads: instances with their types and prices, and what happened
 * to their groups in the last day. Tenant first, bounded.
 */
#include "base/arena.h"
#include "modules/spot/plan_ops.h"

#define R struct spot_plan_row
#define TEXT(m, d) FIELD(R, m, .flags = FF_NULLABLE, .doc = d)
static const struct field row_fields[] = {
	FIELD(R, id, .doc = "Identifier"),
	TEXT(instance_id, "Cloud's id"), TEXT(region, "Region"),
	TEXT(az, "Zone"), TEXT(instance_type, "Type"),
	TEXT(lifecycle, "Lifecycle"), TEXT(state, "State"),
	TEXT(asg, "Group"), TEXT(product, "Product"),
	TEXT(arch, "Architecture"), TEXT(vpc_id, "Network"),
	TEXT(auth_status, "May it be touched"), TEXT(aws_signal, "Notice"),
	TEXT(weight, "Tag quincunx:weight"), TEXT(hold, "Tag quincunx:hold"),
	FIELD(R, stale, .doc = "Not seen lately"),
	FIELD(R, moving, .doc = "A move is under way"),
	FIELD(R, launched_at, .flags = FF_NULLABLE, .doc = "Launch"),
	TEXT(type_arch, "Of the type"), TEXT(hypervisor, "Of the type"),
	FIELD(R, steady, .doc = "Not on CPU credits"),
	FIELD(R, vcpu, .doc = "Processors"), FIELD(R, mem_mib, .doc = "MiB"),
	FIELD(R, gpu, .doc = "GPUs"), FIELD(R, nvme_gb, .doc = "GB"),
	FIELD(R, ebs_mbps, .doc = "Mbit/s"),
	FIELD(R, interfaces, .doc = "Interfaces"),
	FIELD(R, on_demand, .flags = FF_NULLABLE, .doc = "USD per hour"),
	FIELD_END
};
#undef R
static const struct schema row_schema = {
	.name = "SpotPlanRow", .size = sizeof(struct spot_plan_row),
	.fields = row_fields
};
#define P struct spot_plan_past
static const struct field past_fields[] = {
	FIELD(P, asg, .doc = "Group"), FIELD(P, state, .doc = "What"),
	FIELD(P, at, .doc = "When"), FIELD_END
};
#undef P
static const struct schema past_schema = {
	.name = "SpotPlanPast", .size = sizeof(struct spot_plan_past),
	.fields = past_fields
};

static const struct field whose_fields[] = {
	FIELD(struct spot_plan_account, id, .doc = "Account"),
	FIELD(struct spot_plan_account, tenant_id, .doc = "Whose"), FIELD_END
};
static const struct schema whose_schema = {
	.name = "SpotPlanAccount", .size = sizeof(struct spot_plan_account),
	.fields = whose_fields
};

static const struct query ROWS = { "spot_plan.fleet",
	"SELECT i.id, i.instance_id, i.region, i.az, i.instance_type, "
	"i.lifecycle, i.state, i.asg, i.product, i.arch, i.vpc_id, "
	"i.auth_status, i.aws_signal, "
	"JSON_VALUE(i.tags, '$.\"quincunx:weight\"') AS weight, "
	"JSON_VALUE(i.tags, '$.\"quincunx:hold\"') AS hold, "
	"i.stale, EXISTS (SELECT 1 FROM spot_move m "
	"WHERE m.account_id = i.account_id AND m.region = i.region "
	"AND m.live_instance = i.instance_id AND m.state <> 'proposed') "
	"AS moving, i.launched_at, t.arch AS type_arch, t.hypervisor, "
	"COALESCE(NOT t.burstable, 0) AS steady, "
	"COALESCE(t.vcpu, 0) AS vcpu, COALESCE(t.mem_mib, 0) AS mem_mib, "
	"COALESCE(t.gpu, 0) AS gpu, COALESCE(t.nvme_gb, 0) AS nvme_gb, "
	"COALESCE(t.ebs_mbps, 0) AS ebs_mbps, "
	"COALESCE(t.interfaces, 0) AS interfaces, d.price AS on_demand "
	"FROM spot_instance i "
	"LEFT JOIN spot_type t ON t.instance_type = i.instance_type "
	"LEFT JOIN spot_od_price d ON d.market = ? AND d.region = i.region "
	"AND d.instance_type = i.instance_type AND d.product = i.product "
	"WHERE i.tenant_id = ? AND i.account_id = ? AND i.gone_at IS NULL "
	"AND i.state IN ('running', 'pending') ORDER BY i.id LIMIT 10000",
	&row_schema };
/* A move counts when it began, its end when it failed. */
static const struct query PAST = { "spot_plan.past",
	"SELECT COALESCE(NULLIF(m.asg, ''), i.asg, '') AS asg, m.state, "
	"COALESCE(m.ended_at, m.reserved_at, m.created_at) AS at "
	"FROM spot_move m LEFT JOIN spot_instance i "
	"ON i.account_id = m.account_id AND i.region = m.region "
	"AND i.instance_id = m.instance_id WHERE m.account_id = ? "
	"AND m.created_at >= ? AND m.state NOT IN ('proposed', 'refused', "
	"'cancelled') UNION ALL "
	"SELECT COALESCE(i.asg, '') AS asg, 'lost' AS state, e.ended AS at "
	"FROM spot_episode e LEFT JOIN spot_instance i "
	"ON i.account_id = e.account_id AND i.region = e.region "
	"AND i.instance_id = e.instance_id WHERE e.account_id = ? "
	"AND e.ended >= ? AND e.why = 'interrupted' "
	"AND e.ended < e.began + INTERVAL 30 MINUTE "
	"ORDER BY asg, at LIMIT 10000", &past_schema };

static const struct query ACCOUNTS = { "spot_plan.accounts",
	"SELECT id, tenant_id FROM spot_account WHERE last_scan_at "
	"IS NOT NULL AND status IN ('active', 'degraded') ORDER BY id "
	"LIMIT 10000", &whose_schema };

static const struct field type_fields[] = {
	FIELD(struct spot_plan_type, region, .doc = "Region"),
	FIELD(struct spot_plan_type, instance_type, .doc = "Type"),
	FIELD(struct spot_plan_type, n, .doc = "How many"), FIELD_END
};
static const struct schema type_schema = {
	.name = "SpotPlanType", .size = sizeof(struct spot_plan_type),
	.fields = type_fields
};
static const struct query TYPES = { "spot_plan.types",
	"SELECT region, instance_type, COUNT(*) AS n FROM spot_instance "
	"WHERE tenant_id = ? AND account_id = ? AND gone_at IS NULL "
	"AND state = 'running' GROUP BY region, instance_type "
	"ORDER BY n DESC, region, instance_type LIMIT ?", &type_schema };
static const struct query ZONES = { "spot_plan.zones",
	"SELECT az AS region, instance_type, 1 AS n FROM spot_pool "
	"WHERE market = ? AND region = ? AND instance_type = ? "
	"AND product = 'Linux/UNIX' ORDER BY az LIMIT 20", &type_schema };

const struct query *const spot_plan_queries[] = {
	&ROWS, &PAST, &ACCOUNTS, &TYPES, &ZONES, NULL
};

int
spot_plan_types(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid account, int64_t limit, struct rows *out, struct err *e)
{
	return db_all(db, a, &TYPES, ARGS(V(tenant), V(account), V(limit)),
	    out, e);
}

int
spot_plan_zones(struct db *db, struct arena *a, const char *market,
    const char *region, const char *type, struct rows *out, struct err *e)
{
	return db_all(db, a, &ZONES, ARGS(V(market), V(region), V(type)),
	    out, e);
}

int
spot_plan_accounts(struct db *db, struct arena *a, struct rows *out,
    struct err *e)
{
	return db_all(db, a, &ACCOUNTS, NULL, 0, out, e);
}

int
spot_plan_rows(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid account, const char *market, struct rows *out, struct err *e)
{
	return db_all(db, a, &ROWS, ARGS(V(market), V(tenant), V(account)),
	    out, e);
}

int
spot_plan_pasts(struct db *db, struct arena *a, struct uuid account,
    struct utc since, struct rows *out, struct err *e)
{
	return db_all(db, a, &PAST, ARGS(V(account), V(since), V(account),
	    V(since)), out, e);
}
