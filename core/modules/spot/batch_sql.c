/*
 * Rows of batch jobs and their decisions.
 */
#include "base/arena.h"
#include "modules/spot/batch.h"

#define B struct spot_batch
static const struct field batch_fields[] = {
	FIELD(B, id, .doc = "Identifier"),
	FIELD(B, tenant_id, .flags = FF_HIDDEN, .doc = "Whose"),
	FIELD(B, name, .doc = "Name"), FIELD(B, market, .doc = "Market"),
	FIELD(B, region, .doc = "Region"),
	FIELD(B, instance_type, .doc = "Type it runs on"),
	FIELD(B, policy, .doc = "Deadline policy"),
	FIELD(B, work_s, .doc = "Seconds of work"),
	FIELD(B, changeover_s, .doc = "Seconds lost at each start"),
	FIELD(B, tick_s, .doc = "Seconds from decision to decision"),
	FIELD(B, theta, .doc = "Of the paced policy; 0 = 0.5"),
	FIELD(B, deadline, .doc = "When it must be done"),
	FIELD(B, state, .oneof = ONEOF("open", "done", "late",
	    "cancelled"), .doc = "State"),
	FIELD(B, done_s, .doc = "Seconds done, as told last"),
	FIELD(B, place, .oneof = ONEOF("idle", "spot", "on_demand"),
	    .doc = "Where it was told to run"),
	FIELD(B, pool, .doc = "In which pool"),
	FIELD(B, up_s, .flags = FF_HIDDEN, .doc = "Seen up"),
	FIELD(B, up_ends, .flags = FF_HIDDEN, .doc = "Ends of it"),
	FIELD(B, down_s, .flags = FF_HIDDEN, .doc = "Seen down"),
	FIELD(B, down_ends, .flags = FF_HIDDEN, .doc = "Ends of it"),
	FIELD(B, seen_before, .flags = FF_HIDDEN, .doc = "Last tick"),
	FIELD(B, spot_h, .doc = "Hours on spot"),
	FIELD(B, od_h, .doc = "Hours on demand"),
	FIELD(B, cost, .doc = "USD so far"),
	FIELD(B, moves, .doc = "Starts on a machine"),
	FIELD(B, ticks, .doc = "Decisions"),
	FIELD(B, decided_at, .flags = FF_NULLABLE, .doc = "Last decision"),
	FIELD(B, created_by, .doc = "By whom"),
	FIELD(B, created_at, .doc = "Start of its time"), FIELD_END
};
#undef B
const struct schema spot_batch_schema = {
	.name = "SpotBatch", .doc = "Work with a deadline",
	.size = sizeof(struct spot_batch), .fields = batch_fields
};
#define S struct spot_batch_step
static const struct field step_fields[] = {
	FIELD(S, batch_id, .flags = FF_HIDDEN, .doc = "Of which"),
	FIELD(S, n, .doc = "Number"), FIELD(S, at, .doc = "When"),
	FIELD(S, place, .oneof = ONEOF("idle", "spot", "on_demand"),
	    .doc = "Where to run until the next one"),
	FIELD(S, pool, .doc = "In which pool"),
	FIELD(S, done_s, .doc = "Seconds of work done"),
	FIELD(S, offered, .doc = "Whether spot was offered"),
	FIELD(S, residual_h, .doc = "Life expected of it, hours"),
	FIELD(S, price, .doc = "USD per hour"),
	FIELD(S, reason, .doc = "Why"),
	FIELD(S, model, .doc = "Where the life expected comes from"),
	FIELD_END
};
#undef S
const struct schema spot_batch_step_schema = {
	.name = "SpotBatchStep", .doc = "A decision about a batch job",
	.size = sizeof(struct spot_batch_step), .fields = step_fields
};

#define COLS "id, tenant_id, name, market, region, instance_type, policy, " \
	"work_s, changeover_s, tick_s, theta, deadline, state, done_s, " \
	"place, pool, up_s, up_ends, down_s, down_ends, seen_before, " \
	"spot_h, od_h, cost, moves, ticks, decided_at, created_by, created_at "
#define BY_ID "SELECT " COLS "FROM spot_batch WHERE tenant_id = ? " \
	"AND id = ? LIMIT 1"
static const struct query INSERT = { "spot_batch.insert",
	"INSERT INTO spot_batch (" COLS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, "
	"?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	NULL };
static const struct query UPDATE = { "spot_batch.update",
	"UPDATE spot_batch SET state = ?, done_s = ?, place = ?, pool = ?, "
	"up_s = ?, up_ends = ?, down_s = ?, down_ends = ?, seen_before = ?, "
	"spot_h = ?, od_h = ?, cost = ?, moves = ?, ticks = ?, "
	"decided_at = ? WHERE tenant_id = ? AND id = ?", NULL };
static const struct query GET = { "spot_batch.by_id", BY_ID,
	&spot_batch_schema };
static const struct query LOCK = { "spot_batch.lock", BY_ID " FOR UPDATE",
	&spot_batch_schema };
static const struct query PAGE = { "spot_batch.page",
	"SELECT " COLS "FROM spot_batch WHERE tenant_id = ? "
	"AND id > COALESCE(?, X'00') ORDER BY id LIMIT ?",
	&spot_batch_schema };
static const struct query STEP_INSERT = { "spot_batch_step.insert",
	"INSERT INTO spot_batch_step (batch_id, n, at, place, pool, done_s, "
	"offered, residual_h, price, reason, model) VALUES (?, ?, ?, ?, ?, "
	"?, ?, ?, ?, ?, ?)", NULL };
static const struct query STEPS = { "spot_batch_step.page",
	"SELECT batch_id, n, at, place, pool, done_s, offered, residual_h, "
	"price, reason, model FROM spot_batch_step WHERE batch_id = ? "
	"AND n > ? ORDER BY n LIMIT ?", &spot_batch_step_schema };

const struct query *const spot_batch_queries[] = {
	&INSERT, &UPDATE, &GET, &LOCK, &PAGE, &STEP_INSERT, &STEPS, NULL
};

int
spot_batch_insert(struct db *db, const struct spot_batch *b, struct err *e)
{
	return db_exec(db, &INSERT, ARGS(V(b->id), V(b->tenant_id),
	    V(b->name), V(b->market), V(b->region), V(b->instance_type),
	    V(b->policy), V(b->work_s), V(b->changeover_s), V(b->tick_s),
	    V(b->theta), V(b->deadline), V(b->state), V(b->done_s),
	    V(b->place), V(b->pool), V(b->up_s), V(b->up_ends),
	    V(b->down_s), V(b->down_ends), V(b->seen_before), V(b->spot_h),
	    V(b->od_h), V(b->cost), V(b->moves), V(b->ticks),
	    V(b->decided_at), V(b->created_by), V(b->created_at)), NULL, e);
}

int
spot_batch_update(struct db *db, const struct spot_batch *b, struct err *e)
{
	return db_exec(db, &UPDATE, ARGS(V(b->state), V(b->done_s),
	    V(b->place), V(b->pool), V(b->up_s), V(b->up_ends),
	    V(b->down_s), V(b->down_ends), V(b->seen_before), V(b->spot_h),
	    V(b->od_h), V(b->cost), V(b->moves), V(b->ticks),
	    V(b->decided_at), V(b->tenant_id), V(b->id)), NULL, e);
}

int
spot_batch_by_id(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, bool lock, struct spot_batch *out, struct err *e)
{
	return db_one(db, a, lock ? &LOCK : &GET, ARGS(V(tenant), V(id)),
	    out, e);
}

int
spot_batch_page(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid after, int64_t limit, struct rows *out, struct err *e)
{
	return db_all(db, a, &PAGE, ARGS(V(tenant), V(after), V(limit)), out,
	    e);
}

int
spot_batch_step_insert(struct db *db, const struct spot_batch_step *s,
    struct err *e)
{
	return db_exec(db, &STEP_INSERT, ARGS(V(s->batch_id), V(s->n),
	    V(s->at), V(s->place), V(s->pool), V(s->done_s), V(s->offered),
	    V(s->residual_h), V(s->price), V(s->reason), V(s->model)), NULL,
	    e);
}

int
spot_batch_steps(struct db *db, struct arena *a, struct uuid batch,
    int64_t after, int64_t limit, struct rows *out, struct err *e)
{
	return db_all(db, a, &STEPS, ARGS(V(batch), V(after), V(limit)), out,
	    e);
}
