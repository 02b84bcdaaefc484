/*
 * Rows of observed running time and of the ledger. All SQL on spot_uptime and
 * spot_saving is here. Invariants: one ledger row for an instance and hour;
 * its revision grows only when its numbers do change.
 */
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "modules/spot/saving.h"

#define S struct spot_saving
static const struct field saving_fields[] = {
	FIELD(S, account_id, .doc = "Account"),
	FIELD(S, tenant_id, .flags = FF_HIDDEN, .doc = "Whose"),
	FIELD(S, instance_id, .doc = "The cloud's own id"),
	FIELD(S, hour, .doc = "Begin of the hour"),
	FIELD(S, region, .doc = "Region"),
	FIELD(S, az, .doc = "Zone"),
	FIELD(S, instance_type, .doc = "Type"),
	FIELD(S, lifecycle, .doc = "spot or on-demand"),
	FIELD(S, seconds, .doc = "Seconds of the hour that it ran"),
	FIELD(S, actual_micro, .doc = "What it cost, micro-USD"),
	FIELD(S, counterfactual_micro,
	    .doc = "What it would have cost on demand, micro-USD"),
	FIELD(S, priced, .doc = "Both prices were known"),
	FIELD(S, basis, .doc = "What the numbers rest on"),
	FIELD(S, revision, .doc = "Grows when late prices restate it"),
	FIELD(S, closed_at, .doc = "When it was stated"),
	FIELD_END
};
#undef S
const struct schema spot_saving_schema = {
	.name = "SpotSaving", .doc = "An instance-hour of the ledger",
	.size = sizeof(struct spot_saving), .fields = saving_fields
};

#define U struct spot_uptime
static const struct field uptime_fields[] = {
	FIELD(U, account_id, .doc = "Account"),
	FIELD(U, tenant_id, .doc = "Whose"),
	FIELD(U, instance_id, .doc = "Instance"),
	FIELD(U, hour, .doc = "Hour"),
	FIELD(U, region, .doc = "Region"),
	FIELD(U, az, .doc = "Zone"),
	FIELD(U, instance_type, .doc = "Type"),
	FIELD(U, lifecycle, .doc = "Lifecycle"),
	FIELD(U, product, .doc = "Product"),
	FIELD(U, seconds, .doc = "Seconds"),
	FIELD(U, dirty, .doc = "To be closed"),
	FIELD(U, spot, .flags = FF_NULLABLE, .doc = "Spot price"),
	FIELD(U, on_demand, .flags = FF_NULLABLE, .doc = "On demand"),
	FIELD(U, spot_at, .flags = FF_NULLABLE, .doc = "Since"),
	FIELD(U, od_at, .flags = FF_NULLABLE, .doc = "Since"),
	FIELD(U, origin, .flags = FF_NULLABLE, .doc = "What it stands in for"),
	FIELD(U, origin_type, .flags = FF_NULLABLE, .doc = "Its type"),
	FIELD(U, whole, .flags = FF_NULLABLE, .doc = "That on demand"),
	FIELD(U, whole_at, .flags = FF_NULLABLE, .doc = "Since"),
	FIELD_END
};
#undef U
const struct schema spot_uptime_schema = {
	.name = "SpotUptime", .doc = "Seconds that scans saw it running",
	.size = sizeof(struct spot_uptime), .fields = uptime_fields
};

struct hour_row {
	struct utc hour;
};
static const struct field hour_fields[] = {
	FIELD(struct hour_row, hour, .doc = "Hour"), FIELD_END
};
static const struct schema hour_schema = {
	.name = "SpotHour", .doc = "An hour",
	.size = sizeof(struct hour_row), .fields = hour_fields
};

#define L struct spot_saving_line
static const struct field line_fields[] = {
	FIELD(L, key, .doc = "What is grouped; \"total\""),
	FIELD(L, instances, .doc = "Different instances"),
	FIELD(L, instance_seconds, .doc = "Seconds that they ran"),
	FIELD(L, instance_hours, .flags = FF_NOSQL, .doc = "The same in "
	    "hours"),
	FIELD(L, actual_micro, .doc = "What they cost, micro-USD"),
	FIELD(L, counterfactual_micro,
	    .doc = "What they would have cost on demand, micro-USD"),
	FIELD(L, saved_micro, .flags = FF_NOSQL,
	    .doc = "The difference, micro-USD"),
	FIELD(L, unpriced, .doc = "Rows without a known price: nought"),
	FIELD(L, actual, .flags = FF_NOSQL, .doc = "USD"),
	FIELD(L, counterfactual, .flags = FF_NOSQL, .doc = "USD"),
	FIELD(L, saved, .flags = FF_NOSQL, .doc = "USD"),
	FIELD_END
};
#undef L
const struct schema spot_saving_line_schema = {
	.name = "SpotSavingLine", .doc = "A sum of ledger rows",
	.size = sizeof(struct spot_saving_line), .fields = line_fields
};

#define D struct spot_saving_day
static const struct field day_fields[] = {
	FIELD(D, day, .doc = "Day"),
	FIELD(D, instance_id, .doc = "Instance"),
	FIELD(D, instance_type, .doc = "Type"),
	FIELD(D, az, .doc = "Zone"),
	FIELD(D, lifecycle, .doc = "Lifecycle"),
	FIELD(D, basis, .doc = "Basis of its last hour"),
	FIELD(D, seconds, .doc = "Seconds"),
	FIELD(D, actual_micro, .doc = "Cost"),
	FIELD(D, counterfactual_micro, .doc = "On demand"),
	FIELD_END
};
#undef D
static const struct schema day_schema = {
	.name = "SpotSavingDay", .doc = "An instance-day of the ledger",
	.size = sizeof(struct spot_saving_day), .fields = day_fields
};

#define T struct spot_saving_told
static const struct field told_fields[] = {
	FIELD(T, tenant_id, .flags = FF_HIDDEN, .doc = "Whose"),
	FIELD(T, hour, .doc = "Begin of the hour"),
	FIELD(T, rows, .doc = "Instances"),
	FIELD(T, actual_micro, .doc = "What they cost, micro-USD"),
	FIELD(T, counterfactual_micro, .doc = "On demand, micro-USD"),
	FIELD(T, saved_micro, .flags = FF_NOSQL, .doc = "The difference"),
	FIELD_END
};
#undef T
static const struct schema told_schema = {
	.name = "SpotSavingHour", .doc = "An hour of the ledger was closed",
	.size = sizeof(struct spot_saving_told), .fields = told_fields
};
const struct event spot_saving_events[] = {
	{ .name = "spot.savings", .doc = "An hour of the ledger was closed or "
	  "restated", .payload = &told_schema, .permission = "spot:read",
	  .seed_type = "savings" },
	EVENT_END
};

static const struct query UPTIME_ADD = { "spot_uptime.add",
	"INSERT INTO spot_uptime (account_id, instance_id, hour, tenant_id, "
	"region, az, instance_type, lifecycle, product, seconds, dirty) "
	"SELECT account_id, instance_id, ?, tenant_id, region, az, "
	"instance_type, lifecycle, product, LEAST(3600, "
	"TIMESTAMPDIFF(SECOND, GREATEST(?, COALESCE(launched_at, ?)), ?)), 1 "
	"FROM spot_instance WHERE account_id = ? AND region = ? "
	"AND seen_generation = ? AND state = 'running' "
	"AND COALESCE(launched_at, ?) < ? ON DUPLICATE KEY UPDATE "
	"seconds = LEAST(3600, seconds + VALUES(seconds)), dirty = 1, "
	"az = VALUES(az), instance_type = VALUES(instance_type), "
	"lifecycle = VALUES(lifecycle)", NULL };
static const struct query UPTIME_HOURS = { "spot_uptime.hours",
	"SELECT DISTINCT hour FROM spot_uptime WHERE (dirty = 1 "
	"AND hour < ?) OR (hour >= ? AND hour < ?) ORDER BY hour LIMIT 500",
	&hour_schema };
static const struct query UPTIME_PAGE = { "spot_uptime.page",
	"SELECT u.account_id, u.tenant_id, u.instance_id, u.hour, u.region, "
	"u.az, u.instance_type, u.lifecycle, u.product, u.seconds, u.dirty, "
	"p.price AS spot, p.ts AS spot_at, d.price AS on_demand, "
	"d.asof AS od_at, g.origin_instance AS origin, g.origin_type, "
	"IF(g.origin_type IS NULL, d.price, c.price) AS whole, "
	"IF(g.origin_type IS NULL, d.asof, c.asof) AS whole_at "
	"FROM (SELECT * FROM spot_uptime WHERE hour = ? "
	"AND (account_id, instance_id) > (COALESCE(?, X'00'), ?) "
	"ORDER BY account_id, instance_id LIMIT 1000) u "
	"JOIN spot_account a ON a.id = u.account_id "
	"LEFT JOIN spot_od_price d ON d.market = a.provider "
	"AND d.region = u.region AND d.instance_type = u.instance_type "
	"AND d.product = u.product "
	"LEFT JOIN spot_origin g ON g.account_id = u.account_id "
	"AND g.instance_id = u.instance_id "
	"LEFT JOIN spot_od_price c ON c.market = a.provider "
	"AND c.region = u.region AND c.instance_type = g.origin_type "
	"AND c.product = u.product "
	"LEFT JOIN spot_pool o ON u.lifecycle = 'spot' "
	"AND o.market = a.provider AND o.region = u.region AND o.az = u.az "
	"AND o.instance_type = u.instance_type AND o.product = u.product "
	"LEFT JOIN spot_price p ON p.pool_id = o.id AND p.ts = COALESCE("
	"(SELECT x.ts FROM spot_price x WHERE x.pool_id = o.id "
	"AND x.ts <= u.hour ORDER BY x.ts DESC LIMIT 1), "
	"(SELECT x.ts FROM spot_price x "
	"WHERE x.pool_id = o.id AND x.ts > u.hour "
	"AND x.ts < u.hour + INTERVAL 1 HOUR ORDER BY x.ts LIMIT 1)) "
	"ORDER BY u.account_id, u.instance_id", &spot_uptime_schema };
static const struct query UPTIME_CLEAN = { "spot_uptime.clean",
	"UPDATE spot_uptime u JOIN spot_saving s "
	"ON s.account_id = u.account_id AND s.instance_id = u.instance_id "
	"AND s.hour = u.hour SET u.dirty = 0 WHERE u.hour = ? "
	"AND u.dirty = 1 AND s.closed_at >= ? AND s.seconds = u.seconds "
	"AND (s.priced OR u.hour < ? - INTERVAL 7 DAY)", NULL };
static const struct query UPTIME_SPOIL = { "spot_uptime.spoil",
	"UPDATE spot_uptime SET dirty = 1 WHERE hour >= ? AND hour < ?",
	NULL };
static const struct query ORIGIN_PUT = { "spot_origin.put",
	"INSERT INTO spot_origin (account_id, instance_id, tenant_id, "
	"origin_instance, origin_type, since) SELECT i.account_id, ?, "
	"i.tenant_id, COALESCE(g.origin_instance, i.instance_id), "
	"COALESCE(g.origin_type, i.instance_type), ? FROM spot_instance i "
	"LEFT JOIN spot_origin g ON g.account_id = i.account_id "
	"AND g.instance_id = i.instance_id WHERE i.tenant_id = ? "
	"AND i.account_id = ? AND i.region = ? AND i.instance_id = ? "
	"ON DUPLICATE KEY UPDATE spot_origin.since = spot_origin.since",
	NULL };
static const struct query SAVING_PUT = { "spot_saving.put",
	"INSERT INTO spot_saving (account_id, instance_id, hour, tenant_id, "
	"region, az, instance_type, lifecycle, seconds, actual_micro, "
	"counterfactual_micro, priced, basis, closed_at) VALUES (?, ?, ?, ?, "
	"?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE "
	"revision = revision + (seconds <> VALUES(seconds) "
	"OR actual_micro <> VALUES(actual_micro) "
	"OR counterfactual_micro <> VALUES(counterfactual_micro) "
	"OR priced <> VALUES(priced)), az = VALUES(az), "
	"instance_type = VALUES(instance_type), "
	"lifecycle = VALUES(lifecycle), seconds = VALUES(seconds), "
	"actual_micro = VALUES(actual_micro), "
	"counterfactual_micro = VALUES(counterfactual_micro), "
	"priced = VALUES(priced), basis = VALUES(basis), "
	"closed_at = VALUES(closed_at)", NULL };

#define SUMS "COUNT(DISTINCT instance_id) AS instances, " \
	"CAST(COALESCE(SUM(seconds), 0) AS SIGNED) AS instance_seconds, " \
	"CAST(COALESCE(SUM(actual_micro), 0) AS SIGNED) AS actual_micro, " \
	"CAST(COALESCE(SUM(counterfactual_micro), 0) AS SIGNED) " \
	"AS counterfactual_micro, COUNT(IF(priced, NULL, 1)) AS unpriced " \
	"FROM spot_saving WHERE tenant_id = ? " \
	"AND account_id = COALESCE(?, account_id) AND hour >= ? AND hour < ? "
static const struct query SAVING_SUM = { "spot_saving.sum",
	"SELECT 'total' AS `key`, " SUMS, &spot_saving_line_schema };
#define GROUPED(expr) "SELECT " expr " AS `key`, " SUMS \
	"GROUP BY 1 ORDER BY 1 LIMIT 10000"
static const struct query BY_ACCOUNT = { "spot_saving.by_account",
	GROUPED("LOWER(INSERT(INSERT(INSERT(INSERT(HEX(account_id), 9, 0, "
	"'-'), 14, 0, '-'), 19, 0, '-'), 24, 0, '-'))"),
	&spot_saving_line_schema };
static const struct query BY_REGION = { "spot_saving.by_region",
	GROUPED("region"), &spot_saving_line_schema };
static const struct query BY_TYPE = { "spot_saving.by_type",
	GROUPED("instance_type"), &spot_saving_line_schema };
static const struct query BY_LIFECYCLE = { "spot_saving.by_lifecycle",
	GROUPED("lifecycle"), &spot_saving_line_schema };
static const struct query BY_DAY = { "spot_saving.by_day",
	GROUPED("DATE_FORMAT(hour, '%Y-%m-%d')"), &spot_saving_line_schema };
static const struct query BY_INSTANCE = { "spot_saving.by_instance",
	GROUPED("instance_id"), &spot_saving_line_schema };
static const struct query SAVING_DAYS = { "spot_saving.days",
	"SELECT CAST(DATE(hour) AS DATETIME(6)) AS day, instance_id, "
	"MAX(instance_type) AS instance_type, MAX(az) AS az, "
	"MAX(lifecycle) AS lifecycle, MAX(basis) AS basis, "
	"CAST(SUM(seconds) AS SIGNED) AS seconds, "
	"CAST(SUM(actual_micro) AS SIGNED) AS actual_micro, "
	"CAST(SUM(counterfactual_micro) AS SIGNED) AS counterfactual_micro "
	"FROM spot_saving WHERE tenant_id = ? "
	"AND account_id = COALESCE(?, account_id) AND hour >= ? AND hour < ? "
	"GROUP BY 1, 2 ORDER BY 1, 2 LIMIT 10000", &day_schema };
static const struct query SAVING_HOUR = { "spot_saving.hour",
	"SELECT tenant_id, hour, COUNT(*) AS `rows`, "
	"CAST(SUM(actual_micro) AS SIGNED) AS actual_micro, "
	"CAST(SUM(counterfactual_micro) AS SIGNED) AS counterfactual_micro "
	"FROM spot_saving WHERE hour = ? GROUP BY tenant_id, hour "
	"LIMIT 10000", &told_schema };

const struct query *const spot_saving_queries[] = {
	&UPTIME_ADD, &UPTIME_HOURS, &UPTIME_PAGE, &UPTIME_CLEAN,
	&UPTIME_SPOIL, &ORIGIN_PUT, &SAVING_PUT, &SAVING_SUM, &BY_ACCOUNT, &BY_REGION,
	&BY_TYPE, &BY_LIFECYCLE, &BY_DAY, &BY_INSTANCE, &SAVING_DAYS,
	&SAVING_HOUR, NULL
};
const char *const spot_saving_groups[] = { "account", "region", "type",
    "lifecycle", "day", "instance", NULL };
static const struct query *const grouped[SAVING_GROUPS] = { &BY_ACCOUNT,
    &BY_REGION, &BY_TYPE, &BY_LIFECYCLE, &BY_DAY, &BY_INSTANCE };

#define HOUR_US (INT64_C(3600) * US_PER_S)
/* Longer without a sight than this, and the time in between is not counted. */
#define GAP_US (2 * HOUR_US)

int
spot_uptime_add(struct db *db, const struct spot_seen *s, struct utc from,
    struct err *e)
{
	struct utc to = s->at;

	if (from.us == 0 || from.us >= to.us || to.us - from.us > GAP_US)
		return 0;
	while (from.us < to.us) {
		struct utc hour = spot_hour_of(from);
		struct utc end = { hour.us + HOUR_US };

		if (end.us > to.us)
			end = to;
		if (db_exec(db, &UPTIME_ADD, ARGS(V(hour), V(from), V(from),
		    V(end), V(s->account), V(s->region), V(s->generation),
		    V(from), V(end)), NULL, e) == -1)
			return -1;
		from = end;
	}
	return 0;
}

int
spot_origin_put(struct db *db, struct uuid tenant, struct uuid account,
    const char *region, const char *old, const char *next, struct utc now,
    struct err *e)
{
	return db_exec(db, &ORIGIN_PUT, ARGS(V(next), V(now), V(tenant),
	    V(account), V(region), V(old)), NULL, e);
}

int
spot_uptime_hours(struct db *db, struct arena *a, struct utc now,
    struct rows *out, struct err *e)
{
	struct utc open = spot_hour_of(now);
	struct utc again = { open.us - 6 * HOUR_US };

	return db_all(db, a, &UPTIME_HOURS, ARGS(V(open), V(again), V(open)),
	    out, e);
}

int
spot_uptime_page(struct db *db, struct arena *a, struct utc hour,
    struct uuid account, const char *instance_id, struct rows *out,
    struct err *e)
{
	return db_all(db, a, &UPTIME_PAGE, ARGS(V(hour), V(account),
	    V(instance_id)), out, e);
}

int
spot_uptime_clean(struct db *db, struct utc hour, struct utc now,
    struct err *e)
{
	return db_exec(db, &UPTIME_CLEAN, ARGS(V(hour), V(now), V(now)),
	    NULL, e);
}

int
spot_uptime_spoil(struct db *db, struct utc from, struct utc to,
    uint64_t *rows, struct err *e)
{
	return db_exec(db, &UPTIME_SPOIL, ARGS(V(from), V(to)), rows, e);
}

enum { PUT_COLS = 14 };

int
spot_saving_put(struct db *db, struct arena *a, const struct spot_saving *s,
    size_t n, struct err *e)
{
	struct val *v = arena_array(a, n * PUT_COLS, sizeof(*v)), *p = v;

	for (size_t i = 0; i < n; i++) {
		*p++ = V(s[i].account_id);
		*p++ = V(s[i].instance_id);
		*p++ = V(s[i].hour);
		*p++ = V(s[i].tenant_id);
		*p++ = V(s[i].region);
		*p++ = V(s[i].az);
		*p++ = V(s[i].instance_type);
		*p++ = V(s[i].lifecycle);
		*p++ = V(s[i].seconds);
		*p++ = V(s[i].actual_micro);
		*p++ = V(s[i].counterfactual_micro);
		*p++ = V(s[i].priced);
		*p++ = V(s[i].basis);
		*p++ = V(s[i].closed_at);
	}
	return n == 0 ? 0 : db_exec_many(db, &SAVING_PUT, v, PUT_COLS, n,
	    NULL, e);
}

static void
complete(struct spot_saving_line *l)
{
	l->saved_micro = l->counterfactual_micro - l->actual_micro;
	l->actual = spot_micro_dec(l->actual_micro);
	l->counterfactual = spot_micro_dec(l->counterfactual_micro);
	l->saved = spot_micro_dec(l->saved_micro);
	l->instance_hours = (double)l->instance_seconds / 3600;
}

int
spot_saving_sum(struct db *db, struct arena *a,
    const struct spot_saving_ask *q, struct spot_saving_line *out,
    struct err *e)
{
	if (db_one(db, a, &SAVING_SUM, ARGS(V(q->tenant), V(q->account),
	    V(q->from), V(q->to)), out, e) == -1)
		return -1;
	complete(out);
	return 0;
}

int
spot_saving_lines(struct db *db, struct arena *a,
    const struct spot_saving_ask *q, struct rows *out, struct err *e)
{
	const struct query *by = grouped[SAVING_ACCOUNT];

	for (size_t i = 0; i < SAVING_GROUPS; i++)
		if (strcmp(spot_saving_groups[i], q->group_by) == 0)
			by = grouped[i];
	if (db_all(db, a, by, ARGS(V(q->tenant), V(q->account), V(q->from),
	    V(q->to)), out, e) == -1)
		return -1;
	for (size_t i = 0; i < out->n; i++)
		complete(ROW(out, struct spot_saving_line, i));
	return 0;
}

int
spot_saving_days(struct db *db, struct arena *a,
    const struct spot_saving_ask *q, struct rows *out, struct err *e)
{
	return db_all(db, a, &SAVING_DAYS, ARGS(V(q->tenant), V(q->account),
	    V(q->from), V(q->to)), out, e);
}

int
spot_saving_hour(struct db *db, struct arena *a, struct utc hour,
    struct rows *out, struct err *e)
{
	return db_all(db, a, &SAVING_HOUR, ARGS(V(hour)), out, e);
}
