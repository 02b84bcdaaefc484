/*
 * Rows of recommendations. Invariant: waits is 1 exactly while state is open,
 * so that the unique key holds an instance to one.
 */
#include <string.h>

#include "base/arena.h"
#include "modules/spot/recommendation.h"

#define R struct spot_recommendation
static const struct field fields[] = {
	FIELD(R, id, .doc = "Identifier"),
	FIELD(R, tenant_id, .flags = FF_HIDDEN, .doc = "Whose"),
	FIELD(R, account_id, .doc = "Account"),
	FIELD(R, member_id, .doc = "The instance"),
	FIELD(R, instance_id, .doc = "The cloud's id of it"),
	FIELD(R, region, .doc = "Region"),
	FIELD(R, decision, .oneof = ONEOF("SWITCH", "DRAIN", "EVACUATE"),
	    .doc = "What to do"),
	FIELD(R, from_pool, .doc = "Where it runs"),
	FIELD(R, to_pool, .doc = "Where it should"),
	FIELD(R, pools, .doc = "The same and what comes next, if there is no "
	    "capacity"),
	FIELD(R, score, .doc = "Share of the saving for the share of the "
	    "disruption"),
	FIELD(R, saving, .doc = "USD per hour, expected"),
	FIELD(R, move_cost, .doc = "USD, once"),
	FIELD(R, loss_now, .doc = "Lost within the horizon where it runs"),
	FIELD(R, loss_then, .doc = "… where it should"),
	FIELD(R, risk, .oneof = ONEOF("low", "medium", "high", "critical"),
	    .doc = "Of the move"),
	FIELD(R, reason, .doc = "Why"),
	FIELD(R, model, .doc = "Where the probabilities come from"),
	FIELD(R, prices_at, .flags = FF_NULLABLE,
	    .doc = "Oldest price that counted"),
	FIELD(R, decision_id, .doc = "Record of the decision"),
	FIELD(R, approval_id, .flags = FF_NULLABLE, .doc = "In the inbox"),
	FIELD(R, move_id, .flags = FF_NULLABLE, .doc = "The move"),
	FIELD(R, state, .oneof = ONEOF("open", "approved", "dismissed",
	    "expired", "superseded", "refused"), .doc = "State"),
	FIELD(R, note, .doc = "What ended it"),
	FIELD(R, decided_by, .doc = "By whom"),
	FIELD(R, expires_at, .doc = "Open until"),
	FIELD(R, created_at, .doc = "First found"),
	FIELD(R, updated_at, .doc = "Figures as of"), FIELD_END
};
#undef R
const struct schema spot_recommendation_schema = {
	.name = "SpotRecommendation", .doc = "A move that is worth it",
	.size = sizeof(struct spot_recommendation), .fields = fields
};

#define COLS "id, tenant_id, account_id, member_id, instance_id, region, " \
	"decision, from_pool, to_pool, pools, score, saving, move_cost, " \
	"loss_now, loss_then, risk, reason, model, prices_at, decision_id, " \
	"approval_id, move_id, state, note, decided_by, expires_at, " \
	"created_at, updated_at "
#define BY_ID "SELECT " COLS "FROM spot_recommendation " \
	"WHERE tenant_id = ? AND id = ? LIMIT 1"

static const struct query INSERT = { "spot_recommendation.insert",
	"INSERT INTO spot_recommendation (" COLS ", waits) VALUES (?, ?, ?, "
	"?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
	"?, ?, ?, IF(? = 'open', 1, NULL))", NULL };
static const struct query UPDATE = { "spot_recommendation.update",
	"UPDATE spot_recommendation SET pools = ?, score = ?, saving = ?, "
	"move_cost = ?, loss_now = ?, loss_then = ?, reason = ?, model = ?, "
	"prices_at = ?, approval_id = ?, move_id = ?, state = ?, note = ?, "
	"decided_by = ?, expires_at = ?, updated_at = ?, "
	"waits = IF(? = 'open', 1, NULL) WHERE tenant_id = ? AND id = ?",
	NULL };
static const struct query GET = { "spot_recommendation.by_id", BY_ID,
	&spot_recommendation_schema };
static const struct query LOCK = { "spot_recommendation.lock",
	BY_ID " FOR UPDATE", &spot_recommendation_schema };
static const struct query PAGE = { "spot_recommendation.page",
	"SELECT " COLS "FROM spot_recommendation WHERE tenant_id = ? "
	"AND account_id = COALESCE(?, account_id) "
	"AND state = COALESCE(?, state) AND id < ? "
	"ORDER BY id DESC LIMIT ?", &spot_recommendation_schema };
static const struct query WAITING = { "spot_recommendation.waiting",
	"SELECT " COLS "FROM spot_recommendation WHERE account_id = ? "
	"AND waits = 1 ORDER BY id LIMIT 10000 FOR UPDATE",
	&spot_recommendation_schema };
static const struct query DUE = { "spot_recommendation.due",
	"SELECT " COLS "FROM spot_recommendation WHERE waits = 1 "
	"ORDER BY id LIMIT 2000", &spot_recommendation_schema };

const struct query *const spot_recommendation_queries[] = {
	&INSERT, &UPDATE, &GET, &LOCK, &PAGE, &WAITING, &DUE, NULL
};

int
spot_recommendation_insert(struct db *db, const struct spot_recommendation *r,
    struct err *e)
{
	return db_exec(db, &INSERT, ARGS(V(r->id), V(r->tenant_id),
	    V(r->account_id), V(r->member_id), V(r->instance_id),
	    V(r->region), V(r->decision), V(r->from_pool), V(r->to_pool),
	    V(r->pools.p), V(r->score), V(r->saving.e8), V(r->move_cost.e8),
	    V(r->loss_now), V(r->loss_then), V(r->risk), V(r->reason),
	    V(r->model), V(r->prices_at), V(r->decision_id),
	    V(r->approval_id), V(r->move_id), V(r->state), V(r->note),
	    V(r->decided_by), V(r->expires_at), V(r->created_at),
	    V(r->updated_at), V(r->state)), NULL, e);
}

int
spot_recommendation_update(struct db *db, const struct spot_recommendation *r,
    struct err *e)
{
	return db_exec(db, &UPDATE, ARGS(V(r->pools.p), V(r->score),
	    V(r->saving.e8), V(r->move_cost.e8), V(r->loss_now),
	    V(r->loss_then), V(r->reason), V(r->model), V(r->prices_at),
	    V(r->approval_id), V(r->move_id), V(r->state), V(r->note),
	    V(r->decided_by), V(r->expires_at), V(r->updated_at),
	    V(r->state), V(r->tenant_id), V(r->id)), NULL, e);
}

int
spot_recommendation_by_id(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, bool lock, struct spot_recommendation *out,
    struct err *e)
{
	return db_one(db, a, lock ? &LOCK : &GET, ARGS(V(tenant), V(id)),
	    out, e);
}

int
spot_recommendation_page(struct db *db, struct arena *a,
    const struct spot_recommendation_filter *f, struct rows *out,
    struct err *e)
{
	static const struct uuid last = { { 255, 255, 255, 255, 255, 255,
	    255, 255, 255, 255, 255, 255, 255, 255, 255, 255 } };
	static const struct uuid nil;
	bool first = memcmp(&f->below, &nil, sizeof(nil)) == 0;

	return db_all(db, a, &PAGE, ARGS(V(f->tenant), V(f->account),
	    V(f->state), V(first ? last : f->below), V(f->limit)), out, e);
}

int
spot_recommendation_waiting(struct db *db, struct arena *a,
    struct uuid account, struct rows *out, struct err *e)
{
	return db_all(db, a, &WAITING, ARGS(V(account)), out, e);
}

int
spot_recommendation_due(struct db *db, struct arena *a, struct rows *out,
    struct err *e)
{
	return db_all(db, a, &DUE, NULL, 0, out, e);
}
