/*
 * Rows of waste. All SQL that writes spot_waste is here. Invariant: a finding
 * keeps the instant it was first made and whether it is ignored, whatever
 * later scans say.
 */
#include "base/arena.h"
#include "base/err.h"
#include "base/random.h"
#include "modules/spot/waste.h"

#define S struct spot_waste
static const struct field waste_fields[] = {
	FIELD(S, id, .doc = "Identifier"),
	FIELD(S, tenant_id, .flags = FF_HIDDEN, .doc = "Whose"),
	FIELD(S, account_id, .doc = "Account"),
	FIELD(S, region, .doc = "Region"),
	FIELD(S, kind, .oneof = ONEOF("volume", "snapshot", "address",
	    "interface"), .doc = "What it is"),
	FIELD(S, resource_id, .flags = FF_KEY, .doc = "The cloud's own id"),
	FIELD(S, name, .doc = "Its name"),
	FIELD(S, monthly_cost, .doc = "USD of 730 hours at list price"),
	FIELD(S, days_unused, .doc = "Days that it is known to be unused; of "
	    "a snapshot, its age"),
	FIELD(S, reason, .doc = "Why it is here"),
	FIELD(S, state, .oneof = ONEOF("detected", "resolved"),
	    .doc = "resolved: the last scan found it used or gone"),
	FIELD(S, ignored, .doc = "Somebody wants it as it is"),
	FIELD(S, ignored_by, .doc = "Who"),
	FIELD(S, ignored_why, .doc = "Why"),
	FIELD(S, ignored_at, .flags = FF_NULLABLE, .doc = "When"),
	FIELD(S, detected_at, .doc = "First found"),
	FIELD(S, seen_at, .doc = "Last found"),
	FIELD(S, resolved_at, .flags = FF_NULLABLE, .doc = "No longer found"),
	FIELD_END
};
#undef S
const struct schema spot_waste_schema = {
	.name = "SpotWaste", .doc = "A thing that costs and is not used",
	.size = sizeof(struct spot_waste), .fields = waste_fields
};

#define K struct spot_waste_kind
static const struct field kind_fields[] = {
	FIELD(K, kind, .doc = "What they are"),
	FIELD(K, items, .doc = "How many"),
	FIELD(K, monthly, .doc = "What they cost, USD a month"),
	FIELD_END
};
#undef K
const struct schema spot_waste_kind_schema = {
	.name = "SpotWasteKind", .doc = "Waste of one kind",
	.size = sizeof(struct spot_waste_kind), .fields = kind_fields
};

#define WASTE_FROM "SELECT id, tenant_id, account_id, region, kind, " \
	"resource_id, name, monthly_cost, days_unused, reason, state, " \
	"ignored, ignored_by, ignored_why, ignored_at, detected_at, " \
	"seen_at, resolved_at FROM spot_waste "

static const struct query WASTE_PAGE = { "spot_waste.page",
	WASTE_FROM "WHERE tenant_id = ? AND id > COALESCE(?, X'00') "
	"AND account_id = COALESCE(?, account_id) "
	"AND kind = COALESCE(?, kind) AND state = COALESCE(?, state) "
	"AND (? < 0 OR ignored = ?) ORDER BY id LIMIT ?",
	&spot_waste_schema };
static const struct query WASTE_BY_ID = { "spot_waste.by_id",
	WASTE_FROM "WHERE tenant_id = ? AND id = ? LIMIT 1",
	&spot_waste_schema };
static const struct query WASTE_KINDS = { "spot_waste.kinds",
	"SELECT kind, COUNT(*) AS items, CAST(SUM(monthly_cost) AS SIGNED) AS monthly "
	"FROM spot_waste WHERE tenant_id = ? "
	"AND account_id = COALESCE(?, account_id) AND state = 'detected' "
	"AND NOT ignored GROUP BY kind ORDER BY kind LIMIT 10",
	&spot_waste_kind_schema };
static const struct query WASTE_PUT = { "spot_waste.put",
	"INSERT INTO spot_waste (id, tenant_id, account_id, region, kind, "
	"resource_id, name, monthly_cost, days_unused, reason, state, "
	"detected_at, seen_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
	"'detected', ?, ?) ON DUPLICATE KEY UPDATE name = VALUES(name), "
	"monthly_cost = VALUES(monthly_cost), "
	"days_unused = VALUES(days_unused), reason = VALUES(reason), "
	"detected_at = IF(state = 'resolved', VALUES(detected_at), "
	"detected_at), state = 'detected', resolved_at = NULL, "
	"seen_at = VALUES(seen_at)", NULL };
static const struct query WASTE_RESOLVE = { "spot_waste.resolve",
	"UPDATE spot_waste SET state = 'resolved', resolved_at = ? "
	"WHERE account_id = ? AND state = 'detected' AND seen_at < ?", NULL };
static const struct query WASTE_IGNORE = { "spot_waste.ignore",
	"UPDATE spot_waste SET ignored = ?, ignored_by = ?, ignored_why = ?, "
	"ignored_at = ? WHERE tenant_id = ? AND id = ?", NULL };
static const struct query WASTE_CANDIDATES = { "spot_waste.candidates",
	"SELECT id, tenant_id, account_id, region, kind, asset_id, name, "
	"state, az, subtype, attached_to, source, detail, size_gb, iops, "
	"managed, created_at, tags, idle_since, seen_generation, first_seen, "
	"last_seen, stale, gone_at FROM spot_asset WHERE account_id = ? "
	"AND id > COALESCE(?, X'00') AND gone_at IS NULL "
	"AND (idle_since IS NOT NULL OR (kind = 'snapshot' "
	"AND created_at < ?)) ORDER BY id LIMIT 1000", &spot_asset_schema };
static const struct query WASTE_IMAGED = { "spot_waste.imaged",
	"SELECT id, tenant_id, account_id, region, kind, asset_id, name, "
	"state, az, subtype, attached_to, source, detail, size_gb, iops, "
	"managed, created_at, tags, idle_since, seen_generation, first_seen, "
	"last_seen, stale, gone_at FROM spot_asset WHERE account_id = ? "
	"AND kind = 'image' AND gone_at IS NULL LIMIT 10000",
	&spot_asset_schema };

const struct query *const spot_waste_queries[] = {
	&WASTE_PAGE, &WASTE_BY_ID, &WASTE_KINDS, &WASTE_PUT, &WASTE_RESOLVE,
	&WASTE_IGNORE, &WASTE_CANDIDATES, &WASTE_IMAGED, NULL
};

int
spot_waste_page(struct db *db, struct arena *a,
    const struct spot_waste_filter *f, struct rows *out, struct err *e)
{
	return db_all(db, a, &WASTE_PAGE, ARGS(V(f->tenant), V(f->after),
	    V(f->account), V(f->kind), V(f->state), V(f->ignored),
	    V(f->ignored), V(f->limit)), out, e);
}

int
spot_waste_by_id(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, struct spot_waste *out, struct err *e)
{
	return db_one(db, a, &WASTE_BY_ID, ARGS(V(tenant), V(id)), out, e);
}

int
spot_waste_kinds(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid account, struct rows *out, struct err *e)
{
	return db_all(db, a, &WASTE_KINDS, ARGS(V(tenant), V(account)), out,
	    e);
}

enum { PUT_COLS = 12 };

int
spot_waste_put(struct db *db, struct arena *a, const struct spot_waste *w,
    size_t n, struct err *e)
{
	struct val *v = arena_array(a, n * PUT_COLS, sizeof(*v)), *p = v;

	for (size_t i = 0; i < n; i++) {
		*p++ = V(uuid_new());
		*p++ = V(w[i].tenant_id);
		*p++ = V(w[i].account_id);
		*p++ = V(w[i].region);
		*p++ = V(w[i].kind);
		*p++ = V(w[i].resource_id);
		*p++ = V(w[i].name);
		*p++ = V(w[i].monthly_cost.e8);
		*p++ = V(w[i].days_unused);
		*p++ = V(w[i].reason);
		*p++ = V(w[i].detected_at);
		*p++ = V(w[i].seen_at);
	}
	return n == 0 ? 0 : db_exec_many(db, &WASTE_PUT, v, PUT_COLS, n, NULL,
	    e);
}

int
spot_waste_resolve(struct db *db, struct uuid account, struct utc now,
    struct err *e)
{
	return db_exec(db, &WASTE_RESOLVE, ARGS(V(now), V(account), V(now)),
	    NULL, e);
}

int
spot_waste_ignore(struct db *db, const struct spot_waste *w, struct err *e)
{
	return db_exec(db, &WASTE_IGNORE, ARGS(V(w->ignored),
	    V(w->ignored_by), V(w->ignored_why), V(w->ignored_at),
	    V(w->tenant_id), V(w->id)), NULL, e);
}

int
spot_waste_candidates(struct db *db, struct arena *a, struct uuid account,
    struct uuid after, struct utc old, struct rows *out, struct err *e)
{
	return db_all(db, a, &WASTE_CANDIDATES, ARGS(V(account), V(after),
	    V(old)), out, e);
}

int
spot_waste_imaged(struct db *db, struct arena *a, struct uuid account,
    struct rows *out, struct err *e)
{
	return db_all(db, a, &WASTE_IMAGED, ARGS(V(account)), out, e);
}
