/*
 * Rows about what is wanted and what was missing: policies of accounts, the
 * downtime log, and the numbers of both. Invariant: a machine that went away
 * has one row in the log, written first with its notice and completed as the
 * replacement comes.
 */
#include <string.h>

#include "base/arena.h"
#include "modules/spot/interruption.h"

#define P struct spot_downtime
static const struct field downtime_fields[] = {
	FIELD(P, interruption_id, .doc = "The interruption"),
	FIELD(P, tenant_id, .flags = FF_HIDDEN, .doc = "Whose"),
	FIELD(P, account_id, .doc = "Account"),
	FIELD(P, region, .doc = "Region"),
	FIELD(P, instance_id, .doc = "The machine that went"),
	FIELD(P, cause, .oneof = ONEOF("emergency_switch", "no_replica",
	    "optimizer_failure", "worker_crash"), .doc = "Why anything was "
	    "missing"),
	FIELD(P, detail, .doc = "In a sentence"),
	FIELD(P, notice_at, .doc = "When the cloud gave notice"),
	FIELD(P, requested_at, .flags = FF_NULLABLE,
	    .doc = "When a replacement was requested"),
	FIELD(P, serving_at, .flags = FF_NULLABLE, .doc = "When it served"),
	FIELD(P, drained_at, .flags = FF_NULLABLE,
	    .doc = "When the old one was out of service"),
	FIELD(P, gap_s, FIELD_HAS(P, has_gap), .flags = FF_NULLABLE,
	    .doc = "Seconds in which nothing served; null = not known yet"),
	FIELD(P, closed_at, .flags = FF_NULLABLE, .doc = "When it was known"),
	FIELD_END
};
#undef P
const struct schema spot_downtime_schema = {
	.name = "SpotDowntime", .doc = "How long nothing served in a place",
	.size = sizeof(struct spot_downtime), .fields = downtime_fields
};

#define P struct spot_notice_policy
static const struct field policy_fields[] = {
	FIELD(P, account_id, .flags = FF_READONLY, .doc = "Account"),
	FIELD(P, tenant_id, .flags = FF_HIDDEN, .doc = "Whose"),
	FIELD(P, on_rebalance, .oneof = ONEOF("replica", "replace", "watch"),
	    .doc = "replica: a standby in another pool, which takes over "
	    "without a gap when the warning comes; replace: at once; watch: "
	    "wait for the warning"),
	FIELD(P, on_interruption, .oneof = ONEOF("replace", "watch"),
	    .doc = "replace: launch first, drain second; watch: note it"),
	FIELD(P, instances, .oneof = ONEOF("authorized", "all"),
	    .doc = "Whose notices are acted on: machines that carry our tag or "
	    "belong to a group, or all"),
	FIELD(P, replica_ttl_s, .min = 300, .max = 86400,
	    .doc = "Seconds a standby waits before it is given up"),
	FIELD(P, updated_by, .flags = FF_READONLY, .doc = "Who changed it"),
	FIELD(P, updated_at, .flags = FF_NULLABLE | FF_READONLY,
	    .doc = "Last change; null = the defaults"),
	FIELD_END
};
#undef P
const struct schema spot_notice_policy_schema = {
	.name = "SpotNoticePolicy", .doc = "What an account wants done about "
	"notices", .size = sizeof(struct spot_notice_policy),
	.fields = policy_fields
};

#define P struct spot_interruption_totals
static const struct field totals_fields[] = {
	FIELD(P, open, .doc = "Open now"),
	FIELD(P, day, .doc = "Warnings in 24 hours"),
	FIELD(P, month, .doc = "Warnings in 30 days"),
	FIELD(P, rebalances, .doc = "Recommendations in 30 days that were "
	    "not followed by a warning"),
	FIELD(P, replaced, .doc = "Replaced in 30 days"),
	FIELD(P, refused, .doc = "For which nothing could be done, 30 days"),
	FIELD(P, failed, .doc = "Whose replacement failed, 30 days"),
	FIELD(P, replicas, .doc = "Standbys that wait now"),
	FIELD(P, replaced_share, .doc = "Replaced among those answered, 0-1"),
	FIELD(P, gap_s, .doc = "Seconds in which nothing served, 30 days"),
	FIELD(P, reaction_ms, .doc = "Mean milliseconds from a notice's "
	    "coming to the request, 30 days"),
	FIELD(P, last_at, .flags = FF_NULLABLE, .doc = "Last notice"),
	FIELD(P, sources, .sub = &spot_source_schema, .flags = FF_NOSQL,
	    .doc = "Where notices come from"),
	FIELD_END
};
#undef P
const struct schema spot_interruption_totals_schema = {
	.name = "SpotInterruptionTotals", .doc = "Interruptions in numbers",
	.size = sizeof(struct spot_interruption_totals),
	.fields = totals_fields
};

#define DOWNTIME_FROM "SELECT interruption_id, tenant_id, account_id, " \
	"region, instance_id, cause, detail, notice_at, requested_at, " \
	"serving_at, drained_at, gap_s, closed_at FROM spot_downtime "

static const struct query POLICY_GET = { "spot_notice_policy.get",
	"SELECT account_id, tenant_id, on_rebalance, on_interruption, "
	"instances, replica_ttl_s, updated_by, updated_at "
	"FROM spot_notice_policy WHERE tenant_id = ? AND account_id = ? "
	"LIMIT 1", &spot_notice_policy_schema };
static const struct query POLICY_PUT = { "spot_notice_policy.put",
	"INSERT INTO spot_notice_policy (account_id, tenant_id, "
	"on_rebalance, on_interruption, instances, replica_ttl_s, "
	"updated_by, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
	"ON DUPLICATE KEY UPDATE on_rebalance = VALUES(on_rebalance), "
	"on_interruption = VALUES(on_interruption), "
	"instances = VALUES(instances), "
	"replica_ttl_s = VALUES(replica_ttl_s), "
	"updated_by = VALUES(updated_by), updated_at = VALUES(updated_at)",
	NULL };
static const struct query DOWNTIME_PUT = { "spot_downtime.put",
	"INSERT INTO spot_downtime (interruption_id, tenant_id, account_id, "
	"region, instance_id, cause, detail, notice_at, requested_at, "
	"serving_at, drained_at, gap_s, closed_at) VALUES (?, ?, ?, ?, ?, ?, "
	"?, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE cause = VALUES(cause), "
	"detail = VALUES(detail), requested_at = VALUES(requested_at), "
	"serving_at = VALUES(serving_at), drained_at = VALUES(drained_at), "
	"gap_s = VALUES(gap_s), closed_at = VALUES(closed_at)", NULL };
static const struct query DOWNTIME_GET = { "spot_downtime.get",
	DOWNTIME_FROM "WHERE interruption_id = ? LIMIT 1",
	&spot_downtime_schema };
static const struct query DOWNTIME_PAGE = { "spot_downtime.page",
	DOWNTIME_FROM "WHERE tenant_id = ? AND interruption_id < "
	"COALESCE(?, REPEAT(X'FF', 16)) AND account_id = "
	"COALESCE(?, account_id) ORDER BY interruption_id DESC LIMIT ?",
	&spot_downtime_schema };
static const struct query TOTALS = { "spot_interruption.totals",
	"SELECT CAST(COALESCE(SUM(x.live = 1), 0) AS SIGNED) AS open, "
	"CAST(COALESCE(SUM(x.kind = 'interruption' AND x.noticed_at >= ? - "
	"INTERVAL 1 DAY), 0) AS SIGNED) AS day, "
	"CAST(COALESCE(SUM(x.kind = 'interruption' AND x.m), 0) AS SIGNED) "
	"AS month, CAST(COALESCE(SUM(x.kind = 'rebalance' AND x.m), 0) AS "
	"SIGNED) AS rebalances, "
	"CAST(COALESCE(SUM(x.served_at IS NOT NULL AND x.m), 0) AS SIGNED) AS "
	"replaced, CAST(COALESCE(SUM(x.state = 'refused' AND x.m), 0) AS "
	"SIGNED) AS refused, CAST(COALESCE(SUM(x.state = 'failed' AND x.m), 0) "
	"AS SIGNED) AS failed, CAST(COALESCE(SUM(x.state = 'replica' AND "
	"x.live = 1), 0) AS SIGNED) AS replicas, "
	"CAST(COALESCE(SUM(x.served_at IS NOT NULL AND x.m) / "
	"NULLIF(SUM(x.m AND x.state IN ('refused', 'failed', 'replaced', "
	"'serving', 'over') AND x.kind = 'interruption'), 0), 0) AS DOUBLE) "
	"AS replaced_share, CAST(COALESCE(SUM(IF(x.m, d.gap_s, 0)), 0) AS "
	"DOUBLE) AS gap_s, CAST(COALESCE(AVG(IF(x.m, TIMESTAMPDIFF("
	"MICROSECOND, x.received_at, x.requested_at), NULL)), 0) / 1e3 AS "
	"DOUBLE) AS reaction_ms, MAX(x.noticed_at) AS last_at FROM (SELECT "
	"id, kind, state, live, noticed_at, received_at, requested_at, "
	"served_at, noticed_at >= ? - INTERVAL 30 DAY AS m "
	"FROM spot_interruption WHERE tenant_id = ? AND (live = 1 OR "
	"noticed_at >= ? - INTERVAL 30 DAY)) x LEFT JOIN spot_downtime d "
	"ON d.interruption_id = x.id", &spot_interruption_totals_schema };

const struct query *const spot_downtime_queries[] = {
	&POLICY_GET, &POLICY_PUT, &DOWNTIME_PUT, &DOWNTIME_GET,
	&DOWNTIME_PAGE, &TOTALS, NULL
};

int
spot_notice_policy_get(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid account, struct spot_notice_policy *out, struct err *e)
{
	int rc = db_one(db, a, &POLICY_GET, ARGS(V(tenant), V(account)), out,
	    e);

	if (rc != 1)
		return rc;
	*out = spot_notice_policy_default;
	out->account_id = account;
	out->tenant_id = tenant;
	return 0;
}

int
spot_notice_policy_put(struct db *db, const struct spot_notice_policy *p,
    struct err *e)
{
	return db_exec(db, &POLICY_PUT, ARGS(V(p->account_id),
	    V(p->tenant_id), V(p->on_rebalance), V(p->on_interruption),
	    V(p->instances), V(p->replica_ttl_s), V(p->updated_by),
	    V(p->updated_at)), NULL, e);
}

enum { DOWNTIME_COLS = 13 };

int
spot_downtime_put(struct db *db, struct arena *a,
    const struct spot_downtime *d, size_t n, struct err *e)
{
	struct val *w = arena_array(a, n * DOWNTIME_COLS, sizeof(*w));

	for (size_t i = 0; i < n; i++, d++) {
		const struct val row[DOWNTIME_COLS] = {
		    V(d->interruption_id), V(d->tenant_id), V(d->account_id),
		    V(d->region), V(d->instance_id), V(d->cause),
		    V(d->detail), V(d->notice_at), V(d->requested_at),
		    V(d->serving_at), V(d->drained_at),
		    d->has_gap ? val_r(d->gap_s) : val_null(),
		    V(d->closed_at) };

		memcpy(w + i * DOWNTIME_COLS, row, sizeof(row));
	}
	return n == 0 ? 0 : db_exec_many(db, &DOWNTIME_PUT, w, DOWNTIME_COLS,
	    n, NULL, e);
}

int
spot_downtime_get(struct db *db, struct arena *a, struct uuid id,
    struct spot_downtime *out, struct err *e)
{
	return db_one(db, a, &DOWNTIME_GET, ARGS(V(id)), out, e);
}

int
spot_downtime_page(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid account, struct uuid below, int64_t limit, struct rows *out,
    struct err *e)
{
	return db_all(db, a, &DOWNTIME_PAGE, ARGS(V(tenant), V(below),
	    V(account), V(limit)), out, e);
}

int
spot_interruption_totals(struct db *db, struct arena *a, struct uuid tenant,
    struct utc now, struct spot_interruption_totals *out, struct err *e)
{
	return db_one(db, a, &TOTALS, ARGS(V(now), V(now), V(tenant), V(now)),
	    out, e);
}
