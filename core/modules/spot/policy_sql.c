/*
 * Rows of policies. Invariant: a policy is replaced whole, and only by who
 * has read the version that it replaces.
 */
#include "base/arena.h"
#include "base/err.h"
#include "base/random.h"
#include "modules/spot/policy.h"

#define P struct spot_policy
#define B(...) FIELD(P, __VA_ARGS__)
static const struct field policy_fields[] = {
	FIELD(P, tenant_id, .flags = FF_HIDDEN, .doc = "Whose"),
	FIELD(P, account_id, .flags = FF_READONLY | FF_NULLABLE,
	    .doc = "Account; null: of all that have none"),
	SPOT_POLICY_FIELDS(B),
	FIELD(P, updated_by, .flags = FF_READONLY, .doc = "By whom"),
	FIELD(P, updated_at, .flags = FF_READONLY | FF_NULLABLE,
	    .doc = "When; null: the defaults"),
	FIELD(P, source, .flags = FF_READONLY | FF_NOSQL,
	    .doc = "account, tenant or default"),
	FIELD_END
};
#undef B
#undef P
const struct schema spot_policy_schema = {
	.name = "SpotPolicy", .doc = "What an owner allows",
	.size = sizeof(struct spot_policy), .fields = policy_fields
};

#define COLS "tenant_id, account_id, enabled, min_on_demand_n, " \
	"min_on_demand_pct, max_pool_share, max_zone_share, " \
	"max_hourly_loss, max_moves_per_h, k_aversion, min_age_s, " \
	"horizon_h, changeover_s, min_saving_pct, max_interruption_pct, " \
	"interruption_cost, quiet_hours, quiet_zone, allow_types, " \
	"deny_types, fallback, revert_to_spot, approve, version, " \
	"updated_by, updated_at "
static const struct query GET = { "spot_policy.get",
	"SELECT " COLS "FROM spot_policy WHERE tenant_id = ? "
	"AND account_id IN (?, ?) ORDER BY account_id DESC LIMIT 1",
	&spot_policy_schema };
static const struct query INSERT = { "spot_policy.insert",
	"INSERT INTO spot_policy (" COLS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, "
	"?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", NULL };
static const struct query REMOVE = { "spot_policy.delete",
	"DELETE FROM spot_policy WHERE tenant_id = ? AND account_id = ?",
	NULL };
static const struct query OLD = { "spot_policy.lock",
	"SELECT " COLS "FROM spot_policy WHERE tenant_id = ? "
	"AND account_id = ? LIMIT 1 FOR UPDATE", &spot_policy_schema };

const struct query *const spot_policy_queries[] = {
	&GET, &INSERT, &REMOVE, &OLD, NULL
};

static const struct uuid nil;

int
spot_policy_get(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid account, struct spot_policy *out, struct err *e)
{
	int rc = db_one(db, a, &GET, ARGS(V(tenant), val_id(account), val_id(nil)), out,
	    e);

	if (rc == 0)
		out->source = uuid_is_nil(out->account_id) ? "tenant" :
		    "account";
	if (rc == 1) {
		spot_policy_default(out);
		out->tenant_id = tenant;
	}
	return rc == -1 ? -1 : 0;
}

int
spot_policy_put(struct db *db, struct arena *a, struct spot_policy *p,
    struct err *e)
{
	struct spot_policy old;
	int rc = db_one(db, a, &OLD, ARGS(V(p->tenant_id), val_id(p->account_id)),
	    &old, e);

	if (rc == -1)
		return -1;
	if (p->version != 0 && (rc == 1 || old.version != p->version))
		return err_set(e, 409, "changed", "The policy is another one "
		    "by now: read it again");
	p->version = rc == 0 ? old.version + 1 : 1;
	if (rc == 0 && db_exec(db, &REMOVE, ARGS(V(p->tenant_id),
	    val_id(p->account_id)), NULL, e) == -1)
		return -1;
	return db_exec(db, &INSERT, ARGS(V(p->tenant_id), val_id(p->account_id),
	    V(p->enabled), V(p->min_on_demand_n), V(p->min_on_demand_pct),
	    V(p->max_pool_share), V(p->max_zone_share),
	    V(p->max_hourly_loss), V(p->max_moves_per_h), V(p->k_aversion),
	    V(p->min_age_s), V(p->horizon_h), V(p->changeover_s),
	    V(p->min_saving_pct), V(p->max_interruption_pct),
	    V(p->interruption_cost), V(p->quiet_hours), V(p->quiet_zone),
	    V(p->allow_types.p), V(p->deny_types.p), V(p->fallback),
	    V(p->revert_to_spot), V(p->approve), V(p->version),
	    V(p->updated_by), V(p->updated_at)), NULL, e);
}

int
spot_policy_delete(struct db *db, struct uuid tenant, struct uuid account,
    struct err *e)
{
	uint64_t hit;

	if (db_exec(db, &REMOVE, ARGS(V(tenant), val_id(account)), &hit, e) == -1)
		return -1;
	return hit == 0;
}
