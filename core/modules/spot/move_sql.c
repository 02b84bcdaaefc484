/*
 * Rows of moves and of their steps. All SQL on spot_move and spot_move_step is
 * here. Invariants: a move's row is only written by whoever read its last
 * version; statements of a request name the tenant; the upkeep and the sweep
 * read over all tenants.
 */
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/err.h"
#include "modules/spot/move_inner.h"

#define M struct spot_move
static const struct field move_fields[] = {
	FIELD(M, id, .doc = "Identifier"),
	FIELD(M, tenant_id, .flags = FF_HIDDEN, .doc = "Whose move"),
	FIELD(M, account_id, .doc = "Account"),
	FIELD(M, kind, .oneof = ONEOF("replace", "launch", "terminate",
	    "drain"), .doc = "What is done"),
	FIELD(M, reason, .doc = "Why"),
	FIELD(M, urgent, .doc = "The instance is under notice"),
	FIELD(M, region, .doc = "Region"),
	FIELD(M, instance_id, .doc = "What is moved; empty: a launch"),
	FIELD(M, asg, .doc = "Its group; empty: none"),
	FIELD(M, adopt, .doc = "Ready instance used in place of a launch"),
	FIELD(M, new_instance, .doc = "Its replacement, once there"),
	FIELD(M, new_pool, .doc = "Where that runs"),
	FIELD(M, state, .oneof = ONEOF("proposed", "ready", "running",
	    "undoing", "parked", "succeeded", "failed", "cancelled",
	    "refused"), .doc = "How far it is"),
	FIELD(M, step, .doc = "Number of the step"),
	FIELD(M, step_name, .flags = FF_NOSQL, .doc = "Its name"),
	FIELD(M, cancel, .doc = "Somebody asked it to stop"),
	FIELD(M, holds, .flags = FF_HIDDEN, .doc = "Needs room in the group"),
	FIELD(M, pools, .doc = "Where a replacement may run, best first"),
	FIELD(M, places, .flags = FF_HIDDEN, .doc = "The same, with subnets"),
	FIELD(M, template_id, .doc = "Launch template"),
	FIELD(M, template_version, .doc = "Its version"),
	FIELD(M, image_id, .doc = "Image, without a template"),
	FIELD(M, plan, .doc = "What an approval binds"),
	FIELD(M, price, .doc = "Dearest pool, USD per hour"),
	FIELD(M, saving, .doc = "Expected, USD per hour"),
	FIELD(M, reserved_at, .flags = FF_NULLABLE,
	    .doc = "When launches and money were reserved"),
	FIELD(M, decision_id, .flags = FF_NULLABLE, .doc = "Decision record"),
	FIELD(M, approval_id, .flags = FF_NULLABLE,
	    .doc = "Approval in the inbox"),
	FIELD(M, job_id, .flags = FF_NULLABLE, .doc = "Job that takes it on"),
	FIELD(M, wakes_at, .flags = FF_NULLABLE, .doc = "When it goes on"),
	FIELD(M, deadline, .flags = FF_NULLABLE,
	    .doc = "Later it is undone, or hurries if it is urgent"),
	FIELD(M, told, .flags = FF_HIDDEN, .doc = "What was told already"),
	FIELD(M, error_code, .doc = "Class of the last error"),
	FIELD(M, error, .doc = "The last error"),
	FIELD(M, version, .doc = "Grows with each change"),
	FIELD(M, created_by, .doc = "Who asked for it"),
	FIELD(M, created_at, .doc = "When it was asked for"),
	FIELD(M, started_at, .flags = FF_NULLABLE, .doc = "First step"),
	FIELD(M, ended_at, .flags = FF_NULLABLE, .doc = "End"),
	FIELD(M, steps, .flags = FF_NOSQL, .sub = &spot_move_step_schema,
	    .doc = "Steps in order (of a single move only)"),
	FIELD_END
};
#undef M
const struct schema spot_move_schema = {
	.name = "SpotMove", .doc = "A move of an instance",
	.size = sizeof(struct spot_move), .fields = move_fields
};

#define S struct spot_move_step
static const struct field step_fields[] = {
	FIELD(S, move_id, .flags = FF_HIDDEN, .doc = "Move"),
	FIELD(S, step, .doc = "Number"),
	FIELD(S, name, .flags = FF_NOSQL, .doc = "Name"),
	FIELD(S, attempt, .doc = "Grows when the cloud said no"),
	FIELD(S, tenant_id, .flags = FF_HIDDEN, .doc = "Whose"),
	FIELD(S, act, .doc = "Call; empty: only a look"),
	FIELD(S, token, .doc = "Token of the call"),
	FIELD(S, request, .doc = "What is sent, the same each time"),
	FIELD(S, response, .doc = "What came of it"),
	FIELD(S, state, .oneof = ONEOF("intent", "waiting", "done",
	    "skipped", "failed"), .doc = "intent: written, perhaps sent"),
	FIELD(S, sends, .doc = "Times it was given to the cloud, or looked "
	    "at while it waits"),
	FIELD(S, error_code, .doc = "Class of the last error"),
	FIELD(S, error, .doc = "The last error"),
	FIELD(S, started_at, .doc = "Start"),
	FIELD(S, ended_at, .flags = FF_NULLABLE, .doc = "End"), FIELD_END
};
#undef S
const struct schema spot_move_step_schema = {
	.name = "SpotMoveStep", .doc = "An attempt of one step",
	.size = sizeof(struct spot_move_step), .fields = step_fields
};

#define COLUMNS "m.id, m.tenant_id, m.account_id, m.kind, m.reason, " \
	"m.urgent, m.region, m.instance_id, m.asg, m.adopt, m.new_instance, " \
	"m.new_pool, m.state, m.step, m.cancel, m.holds, m.pools, m.places, " \
	"m.template_id, m.template_version, m.image_id, m.plan, m.price, " \
	"m.saving, m.reserved_at, m.decision_id, m.approval_id, m.job_id, " \
	"m.wakes_at, m.deadline, m.error_code, m.error, m.version, " \
	"m.created_by, m.created_at, m.started_at, m.ended_at, "
#define MOVE_FROM "SELECT " COLUMNS "m.told FROM spot_move m "
#define LIVE "('ready', 'running', 'undoing', 'parked')"

static const struct query MOVE_INSERT = { "spot_move.insert",
	"INSERT INTO spot_move (id, tenant_id, account_id, kind, reason, "
	"urgent, region, instance_id, live_instance, asg, adopt, "
	"new_instance, state, pools, places, template_id, template_version, "
	"image_id, plan, price, saving, reserved_at, decision_id, "
	"approval_id, job_id, wakes_at, deadline, error_code, error, version, "
	"created_by, created_at, ended_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, "
	"?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, "
	"?, ?)", NULL };
static const struct query MOVE_UPDATE = { "spot_move.update",
	"UPDATE spot_move SET urgent = ?, live_instance = ?, asg = ?, "
	"adopt = ?, new_instance = ?, new_pool = ?, state = ?, step = ?, "
	"cancel = ?, "
	"holds = ?, places = ?, template_id = ?, template_version = ?, "
	"image_id = ?, price = ?, reserved_at = ?, approval_id = ?, "
	"job_id = ?, wakes_at = ?, deadline = ?, told = ?, error_code = ?, "
	"error = ?, started_at = ?, ended_at = ?, version = version + 1 "
	"WHERE id = ? AND tenant_id = ? AND version = ?", NULL };
static const struct query MOVE_BY_ID = { "spot_move.by_id",
	MOVE_FROM "WHERE m.tenant_id = ? AND m.id = ? LIMIT 1",
	&spot_move_schema };
static const struct query MOVE_LOCK = { "spot_move.lock",
	MOVE_FROM "WHERE m.tenant_id = ? AND m.id = ? LIMIT 1 FOR UPDATE",
	&spot_move_schema };
static const struct query MOVE_PAGE = { "spot_move.page",
	MOVE_FROM "WHERE m.tenant_id = ? AND (? IS NULL OR m.account_id = ?) "
	"AND (? IS NULL OR m.state = ? OR (? = 'live' AND m.state IN " LIVE
	")) AND (? IS NULL OR m.instance_id = ? OR m.new_instance = ?) "
	"AND m.id < COALESCE(?, X'FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF') "
	"ORDER BY m.id DESC LIMIT ?", &spot_move_schema };
static const struct query MOVE_LIVE = { "spot_move.live",
	MOVE_FROM "WHERE m.account_id = ? AND m.region = ? "
	"AND m.live_instance = ? LIMIT 1 FOR UPDATE", &spot_move_schema };
static const struct query MOVE_PROPOSAL = { "spot_move.proposal",
	MOVE_FROM "WHERE m.state = 'proposed' AND m.account_id = ? "
	"AND m.region = ? AND m.instance_id = ? ORDER BY m.id DESC LIMIT 1 "
	"FOR UPDATE", &spot_move_schema };
#define TEN "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
static const struct query MOVE_LIVE_SOME = { "spot_move.live_some",
	MOVE_FROM "WHERE m.account_id = ? AND m.region = ? "
	"AND m.live_instance IN " TEN " LIMIT 10 FOR UPDATE",
	&spot_move_schema };
static const struct query MOVE_PROPOSAL_SOME = { "spot_move.proposal_some",
	MOVE_FROM "WHERE m.state = 'proposed' AND m.account_id = ? "
	"AND m.region = ? AND m.instance_id IN " TEN " LIMIT 100 FOR UPDATE",
	&spot_move_schema };
static const struct query MOVE_DECIDED = { "spot_move.decided",
	"SELECT " COLUMNS "p.state AS told FROM spot_move m "
	"JOIN platform_approval p ON p.id = m.approval_id "
	"AND p.tenant_id = m.tenant_id WHERE m.state = 'proposed' "
	"AND (p.state <> 'pending' OR p.expires_at < UTC_TIMESTAMP(6)) "
	"ORDER BY m.id LIMIT 100", &spot_move_schema };
static const struct query MOVE_STUCK = { "spot_move.stuck",
	MOVE_FROM "WHERE m.state IN ('ready', 'running', 'undoing') "
	"AND m.wakes_at < ? ORDER BY m.wakes_at LIMIT 100",
	&spot_move_schema };
static const struct query MOVE_PARKED = { "spot_move.parked",
	MOVE_FROM "JOIN spot_credential c ON c.account_id = m.account_id "
	"WHERE m.state = 'parked' AND m.error_code IN ('aws_auth', "
	"'aws_denied') AND c.state = 'ok' AND c.checked_at > m.wakes_at "
	"ORDER BY m.id LIMIT 100", &spot_move_schema };
static const struct query MOVE_BUSY = { "spot_move.busy",
	"SELECT COUNT(*) AS n FROM spot_move WHERE tenant_id = ? "
	"AND account_id = ? AND state IN " LIVE, &spot_count_schema };
static const struct query MOVE_ANY = { "spot_move.any",
	MOVE_FROM "WHERE m.id = ? AND m.account_id = ? LIMIT 1",
	&spot_move_schema };

static const struct field place_fields[] = {
	FIELD(struct spot_move_place, tenant_id, .doc = "Whose"),
	FIELD(struct spot_move_place, account_id, .doc = "Account"),
	FIELD(struct spot_move_place, region, .doc = "Region"), FIELD_END
};
static const struct schema place_schema = {
	.name = "SpotMovePlace", .size = sizeof(struct spot_move_place),
	.fields = place_fields
};
static const struct query MOVE_PLACES = { "spot_move.places",
	"SELECT DISTINCT tenant_id, account_id, region FROM spot_move "
	"WHERE created_at > ? AND state <> 'proposed' ORDER BY account_id, "
	"region LIMIT 5000", &place_schema };

static const struct query STEP_PUT = { "spot_move_step.put",
	"INSERT INTO spot_move_step (move_id, step, attempt, tenant_id, act, "
	"token, request, response, state, sends, error_code, error, "
	"started_at, ended_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
	"?)", NULL };
static const struct query STEP_UPDATE = { "spot_move_step.update",
	"UPDATE spot_move_step SET response = ?, state = ?, sends = ?, "
	"error_code = ?, error = ?, ended_at = ? WHERE move_id = ? "
	"AND step = ? AND attempt = ?", NULL };
#define STEP_FROM "SELECT move_id, step, attempt, tenant_id, act, token, " \
	"request, response, state, sends, error_code, error, started_at, " \
	"ended_at FROM spot_move_step "
static const struct query STEP_LAST = { "spot_move_step.last",
	STEP_FROM "WHERE move_id = ? AND step = ? ORDER BY attempt DESC "
	"LIMIT 1", &spot_move_step_schema };
static const struct query STEP_ALL = { "spot_move_step.all",
	STEP_FROM "WHERE move_id = ? AND tenant_id = ? ORDER BY started_at, "
	"step, attempt LIMIT 1000", &spot_move_step_schema };

const struct query *const spot_move_queries[] = {
	&MOVE_INSERT, &MOVE_UPDATE, &MOVE_BY_ID, &MOVE_LOCK, &MOVE_PAGE,
	&MOVE_LIVE, &MOVE_PROPOSAL,
	&MOVE_LIVE_SOME, &MOVE_PROPOSAL_SOME, &MOVE_DECIDED, &MOVE_STUCK, &MOVE_PARKED,
	&MOVE_BUSY, &MOVE_ANY, &MOVE_PLACES, &STEP_PUT,
	&STEP_UPDATE, &STEP_LAST, &STEP_ALL, NULL
};

const struct table spot_move_tables[] = {
	{ .name = "spot_move", .row = &spot_move_schema,
	    .tenant_column = "tenant_id", .sql_only = ONEOF("live_instance"),
	    .retention_days = 400, .retention_column = "created_at",
	    .snapshot = SNAP_FULL },
	{ .name = "spot_move_step", .row = &spot_move_step_schema,
	    .tenant_column = "tenant_id", .snapshot = SNAP_FULL },
	{ .name = "spot_move_group", .row = &spot_move_group_schema,
	    .tenant_column = "tenant_id", .snapshot = SNAP_FULL },
	{ .name = "spot_budget", .row = &spot_budget_schema,
	    .tenant_column = "tenant_id", .snapshot = SNAP_FULL },
	{ .name = NULL }
};

static bool
alive(const struct spot_move *m)
{
	return m->state[0] == 'r' ? strcmp(m->state, "refused") != 0 :
	    strcmp(m->state, "undoing") == 0 || strcmp(m->state, "parked") == 0;
}

/* The target while the move lives; of a launch it is only the pattern. */
static struct val
live_instance(const struct spot_move *m)
{
	return alive(m) && *m->instance_id != '\0' &&
	    strcmp(m->kind, "launch") != 0 ? V(m->instance_id) : val_null();
}

enum { INSERT_COLS = 32, CHUNK = 16, SOME = 10 };

static void
values(const struct spot_move *m, struct val w[INSERT_COLS])
{
	const struct val row[INSERT_COLS] = { V(m->id), V(m->tenant_id),
	    V(m->account_id), V(m->kind), V(m->reason), V(m->urgent),
	    V(m->region), V(m->instance_id), live_instance(m), V(m->asg),
	    V(m->adopt), V(m->new_instance), V(m->state), V(m->pools),
	    V(m->places), V(m->template_id), V(m->template_version),
	    V(m->image_id), V(m->plan), V(m->price), V(m->saving),
	    V(m->reserved_at), V(m->decision_id), V(m->approval_id),
	    V(m->job_id), V(m->wakes_at), V(m->deadline), V(m->error_code),
	    V(m->error), V(m->created_by), V(m->created_at),
	    V(m->ended_at) };

	memcpy(w, row, sizeof(row));
}

int
spot_move_insert(struct db *db, const struct spot_move *v, size_t n,
    struct err *e)
{
	struct val w[CHUNK * INSERT_COLS];
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		values(&v[i], w + k++ * INSERT_COLS);
		if (k < CHUNK && i + 1 < n)
			continue;
		if (db_exec_many(db, &MOVE_INSERT, w, INSERT_COLS, k, NULL,
		    e) == -1)
			return -1;
		k = 0;
	}
	return 0;
}

int
spot_move_update(struct db *db, struct spot_move *m, struct err *e)
{
	uint64_t hit;

	if (db_exec(db, &MOVE_UPDATE, ARGS(V(m->urgent), live_instance(m),
	    V(m->asg), V(m->adopt), V(m->new_instance), V(m->new_pool), V(m->state),
	    V(m->step), V(m->cancel), V(m->holds), V(m->places),
	    V(m->template_id), V(m->template_version), V(m->image_id),
	    V(m->price), V(m->reserved_at), V(m->approval_id), V(m->job_id),
	    V(m->wakes_at), V(m->deadline), V(m->told), V(m->error_code),
	    V(m->error), V(m->started_at), V(m->ended_at), V(m->id),
	    V(m->tenant_id), V(m->version)), &hit, e) == -1)
		return -1;
	if (hit != 1)
		return err_set(e, 409, "move_lost",
		    "Somebody else changed this move in the meantime");
	m->version++;
	return 0;
}

static int
one(struct db *db, struct arena *a, const struct query *q,
    const struct val *v, size_t n, struct spot_move *out, struct err *e)
{
	int rc = db_one(db, a, q, v, n, out, e);

	if (rc == 0)
		out->step_name = spot_move_step_name(out->step);
	return rc;
}

static int
many(struct db *db, struct arena *a, const struct query *q,
    const struct val *v, size_t n, struct rows *out, struct err *e)
{
	if (db_all(db, a, q, v, n, out, e) == -1)
		return -1;
	for (size_t i = 0; i < out->n; i++) {
		struct spot_move *m = ROW(out, struct spot_move, i);

		m->step_name = spot_move_step_name(m->step);
	}
	return 0;
}

int
spot_move_by_id(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, struct spot_move *out, struct err *e)
{
	return one(db, a, &MOVE_BY_ID, ARGS(V(tenant), V(id)), out, e);
}

int
spot_move_lock(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, struct spot_move *out, struct err *e)
{
	return one(db, a, &MOVE_LOCK, ARGS(V(tenant), V(id)), out, e);
}

int
spot_move_any(struct db *db, struct arena *a, struct uuid account,
    struct uuid id, struct spot_move *out, struct err *e)
{
	return one(db, a, &MOVE_ANY, ARGS(V(id), V(account)), out, e);
}

int
spot_move_page(struct db *db, struct arena *a,
    const struct spot_move_filter *f, struct rows *out, struct err *e)
{
	return many(db, a, &MOVE_PAGE, ARGS(V(f->tenant), V(f->account),
	    V(f->account), V(f->state), V(f->state), V(f->state),
	    V(f->instance), V(f->instance), V(f->instance), V(f->below),
	    V(f->limit)), out, e);
}

int
spot_move_live(struct db *db, struct arena *a, struct uuid account,
    const char *region, const char *instance, struct spot_move *out,
    struct err *e)
{
	return one(db, a, &MOVE_LIVE, ARGS(V(account), V(region),
	    V(instance)), out, e);
}

int
spot_move_proposal(struct db *db, struct arena *a, struct uuid account,
    const char *region, const char *instance, struct spot_move *out,
    struct err *e)
{
	return one(db, a, &MOVE_PROPOSAL, ARGS(V(account), V(region),
	    V(instance)), out, e);
}

int
spot_move_open(struct db *db, struct arena *a, struct uuid account,
    const char *region, const char *const *ids, size_t n, struct rows *live,
    struct rows *proposed, struct err *e)
{
	struct val v[2 + SOME] = { V(account), V(region) };

	ASSERT(n > 0 && n <= SOME);
	for (size_t i = 0; i < SOME; i++)
		v[2 + i] = V(ids[i < n ? i : n - 1]);
	if (db_all(db, a, &MOVE_LIVE_SOME, v, 2 + SOME, live, e) == -1)
		return -1;
	return db_all(db, a, &MOVE_PROPOSAL_SOME, v, 2 + SOME, proposed, e);
}

int
spot_move_decided(struct db *db, struct arena *a, struct rows *out,
    struct err *e)
{
	return many(db, a, &MOVE_DECIDED, NO_ARGS, out, e);
}

int
spot_move_stuck(struct db *db, struct arena *a, struct utc due,
    struct rows *out, struct err *e)
{
	return many(db, a, &MOVE_STUCK, ARGS(V(due)), out, e);
}

int
spot_move_parked(struct db *db, struct arena *a, struct rows *out,
    struct err *e)
{
	return many(db, a, &MOVE_PARKED, NO_ARGS, out, e);
}

int
spot_move_busy(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid account, int64_t *n, struct err *e)
{
	struct spot_count c;

	if (db_one(db, a, &MOVE_BUSY, ARGS(V(tenant), V(account)), &c,
	    e) != 0)
		return -1;
	*n = c.n;
	return 0;
}

int
spot_move_places(struct db *db, struct arena *a, struct utc since,
    struct rows *out, struct err *e)
{
	return db_all(db, a, &MOVE_PLACES, ARGS(V(since)), out, e);
}

/* ---- steps --------------------------------------------------------------------- */

int
spot_step_put(struct db *db, const struct spot_move_step *s, struct err *e)
{
	return db_exec(db, &STEP_PUT, ARGS(V(s->move_id), V(s->step),
	    V(s->attempt), V(s->tenant_id), V(s->act), V(s->token),
	    V(s->request), V(s->response), V(s->state), V(s->sends),
	    V(s->error_code), V(s->error), V(s->started_at), V(s->ended_at)),
	    NULL, e);
}

int
spot_step_update(struct db *db, const struct spot_move_step *s,
    struct err *e)
{
	return db_exec(db, &STEP_UPDATE, ARGS(V(s->response), V(s->state),
	    V(s->sends), V(s->error_code), V(s->error), V(s->ended_at),
	    V(s->move_id), V(s->step), V(s->attempt)), NULL, e);
}

int
spot_step_last(struct db *db, struct arena *a, struct uuid move,
    int64_t step, struct spot_move_step *out, struct err *e)
{
	return db_one(db, a, &STEP_LAST, ARGS(V(move), V(step)), out, e);
}

int
spot_move_steps(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, struct rows *out, struct err *e)
{
	if (db_all(db, a, &STEP_ALL, ARGS(V(id), V(tenant)), out, e) == -1)
		return -1;
	for (size_t i = 0; i < out->n; i++) {
		struct spot_move_step *s = ROW(out, struct spot_move_step, i);

		s->name = spot_move_step_name(s->step);
	}
	return 0;
}
