/*
 * Rows around governance: the columns of spot_instance that say who may touch
 * it, and spot_termination. Invariant: an instance has at most one open
 * termination (the unique key says so).
 */
#include "base/arena.h"
#include "base/err.h"
#include "modules/spot/governance.h"
#include "modules/spot/rows.h"

#define V_ struct spot_violation
static const struct field violation_fields[] = {
	FIELD(V_, id, .doc = "Identifier of the instance"),
	FIELD(V_, account_id, .doc = "Account"),
	FIELD(V_, instance_id, .doc = "The cloud's own id"),
	FIELD(V_, name, .doc = "Tag Name"),
	FIELD(V_, region, .doc = "Region"),
	FIELD(V_, instance_type, .doc = "Type"),
	FIELD(V_, state, .doc = "pending, running, stopped, …"),
	FIELD(V_, auth_status, .doc = "UNAUTHORIZED or FLAGGED"),
	FIELD(V_, severity, .flags = FF_NOSQL, .oneof = ONEOF("low",
	    "medium", "high", "critical"), .doc = "How bad it is"),
	FIELD(V_, reason, .flags = FF_NOSQL, .doc = "Why"),
	FIELD(V_, flagged_at, .flags = FF_NULLABLE, .doc = "Flagged since"),
	FIELD(V_, grace_until, .flags = FF_NULLABLE,
	    .doc = "May be claimed until"),
	FIELD(V_, last_seen, .doc = "Last scan that saw it"),
	FIELD(V_, stale, .doc = "Two scans of its region were missed"),
	FIELD_END
};
#undef V_
const struct schema spot_violation_schema = {
	.name = "SpotViolation", .doc = "An instance that is not authorized",
	.size = sizeof(struct spot_violation), .fields = violation_fields
};

#define T struct spot_termination
static const struct field termination_fields[] = {
	FIELD(T, id, .doc = "Identifier"),
	FIELD(T, tenant_id, .flags = FF_HIDDEN, .doc = "Whose"),
	FIELD(T, account_id, .doc = "Account"),
	FIELD(T, region, .doc = "Region"),
	FIELD(T, instance_id, .doc = "The cloud's own id"),
	FIELD(T, reason, .doc = "Why it shall end"),
	FIELD(T, plan, .doc = "What is to be approved"),
	FIELD(T, approval_id, .doc = "Approval it waits for"),
	FIELD(T, state, .oneof = ONEOF("asked", "moving", "refused",
	    "moot", "done"), .doc = "How far it was after the last scan"),
	FIELD(T, error, .doc = "Why it was refused"),
	FIELD(T, move_id, .flags = FF_NULLABLE, .doc = "Move that does it"),
	FIELD(T, move_state, .flags = FF_NULLABLE, .doc = "How far that is, "
	    "now"),
	FIELD(T, made_by, .doc = "Who asked"),
	FIELD(T, created_at, .doc = "When"),
	FIELD(T, updated_at, .doc = "Last change"),
	FIELD_END
};
#undef T
const struct schema spot_termination_schema = {
	.name = "SpotTermination", .doc = "A termination that was asked for",
	.size = sizeof(struct spot_termination), .fields = termination_fields
};

#define TERM_FROM "SELECT t.id, t.tenant_id, t.account_id, t.region, " \
	"t.instance_id, t.reason, t.plan, t.approval_id, t.state, t.error, " \
	"t.move_id, m.state AS move_state, t.made_by, t.created_at, " \
	"t.updated_at FROM spot_termination t " \
	"LEFT JOIN spot_move m ON m.id = t.move_id "

static const struct query VIOLATION_ALL = { "spot_governance.violations",
	"SELECT id, account_id, instance_id, name, region, instance_type, "
	"state, auth_status, flagged_at, grace_until, last_seen, stale "
	"FROM spot_instance WHERE tenant_id = ? "
	"AND account_id = COALESCE(?, account_id) "
	"AND auth_status <> 'AUTHORIZED' AND gone_at IS NULL "
	"ORDER BY auth_status <> 'FLAGGED', grace_until, id LIMIT 1000",
	&spot_violation_schema };
static const struct query GOVERNANCE_FLAG = { "spot_governance.flag",
	"UPDATE spot_instance SET auth_status = 'FLAGGED', flagged_at = ?, "
	"grace_until = ? WHERE account_id = ? "
	"AND auth_status = 'UNAUTHORIZED' AND gone_at IS NULL "
	"AND state IN ('pending', 'running', 'stopping', 'stopped')", NULL };
static const struct query GOVERNANCE_CLEAR = { "spot_governance.clear",
	"UPDATE spot_instance SET flagged_at = NULL, grace_until = NULL "
	"WHERE account_id = ? AND auth_status = 'AUTHORIZED' "
	"AND flagged_at IS NOT NULL", NULL };
static const struct query GOVERNANCE_SET = { "spot_governance.set",
	"UPDATE spot_instance SET auth_status = ?, auth_by = ?, auth_at = ?, "
	"flagged_at = ?, grace_until = ? WHERE tenant_id = ? AND id = ?",
	NULL };
static const struct query TERM_INSERT = { "spot_termination.insert",
	"INSERT INTO spot_termination (id, tenant_id, account_id, region, "
	"instance_id, reason, plan, approval_id, state, open, move_id, "
	"made_by, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, "
	"1, ?, ?, ?, ?)", NULL };
static const struct query TERM_UPDATE = { "spot_termination.update",
	"UPDATE spot_termination SET state = ?, open = IF(? IN ('asked', "
	"'moving'), 1, NULL), error = ?, move_id = ?, updated_at = ? WHERE tenant_id = ? "
	"AND id = ?", NULL };
static const struct query TERM_BY_ID = { "spot_termination.by_id",
	TERM_FROM "WHERE t.tenant_id = ? AND t.id = ? LIMIT 1",
	&spot_termination_schema };
static const struct query TERM_PAGE = { "spot_termination.page",
	TERM_FROM "WHERE t.tenant_id = ? AND t.id < COALESCE(?, "
	"X'FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF') ORDER BY t.id DESC LIMIT ?",
	&spot_termination_schema };
static const struct query TERM_WAITING = { "spot_termination.waiting",
	TERM_FROM "WHERE t.account_id = ? AND t.open = 1 ORDER BY t.id "
	"LIMIT 100", &spot_termination_schema };
static const struct query TERM_OPEN = { "spot_termination.open",
	"SELECT COUNT(*) AS n FROM spot_termination WHERE account_id = ? "
	"AND region = ? AND instance_id = ? AND open = 1", &spot_count_schema };

const struct query *const spot_governance_queries[] = {
	&VIOLATION_ALL, &GOVERNANCE_FLAG, &GOVERNANCE_CLEAR, &GOVERNANCE_SET,
	&TERM_INSERT, &TERM_UPDATE, &TERM_BY_ID, &TERM_PAGE, &TERM_WAITING,
	&TERM_OPEN, NULL
};

int
spot_violation_all(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid account, struct utc now, struct rows *out, struct err *e)
{
	if (db_all(db, a, &VIOLATION_ALL, ARGS(V(tenant), V(account)), out,
	    e) == -1)
		return -1;
	for (size_t i = 0; i < out->n; i++)
		spot_violation_judge(a, ROW(out, struct spot_violation, i),
		    now);
	return 0;
}

int
spot_governance_flag(struct db *db, struct uuid account, struct utc now,
    struct utc until, uint64_t *flagged, struct err *e)
{
	return db_exec(db, &GOVERNANCE_FLAG, ARGS(V(now), V(until),
	    V(account)), flagged, e);
}

int
spot_governance_clear(struct db *db, struct uuid account, struct err *e)
{
	return db_exec(db, &GOVERNANCE_CLEAR, ARGS(V(account)), NULL, e);
}

int
spot_governance_set(struct db *db, const struct spot_instance *i,
    const char *status, const char *by, struct utc at, struct utc flagged,
    struct utc until, struct err *e)
{
	return db_exec(db, &GOVERNANCE_SET, ARGS(V(status), V(by), V(at),
	    V(flagged), V(until), V(i->tenant_id), V(i->id)), NULL, e);
}

int
spot_termination_insert(struct db *db, const struct spot_termination *t,
    struct err *e)
{
	return db_exec(db, &TERM_INSERT, ARGS(V(t->id), V(t->tenant_id),
	    V(t->account_id), V(t->region), V(t->instance_id), V(t->reason),
	    V(t->plan), V(t->approval_id), V(t->state), V(t->move_id),
	    V(t->made_by),
	    V(t->created_at), V(t->updated_at)), NULL, e);
}

int
spot_termination_update(struct db *db, const struct spot_termination *t,
    struct err *e)
{
	return db_exec(db, &TERM_UPDATE, ARGS(V(t->state), V(t->state),
	    V(t->error), V(t->move_id), V(t->updated_at), V(t->tenant_id),
	    V(t->id)), NULL, e);
}

int
spot_termination_by_id(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, struct spot_termination *out, struct err *e)
{
	return db_one(db, a, &TERM_BY_ID, ARGS(V(tenant), V(id)), out, e);
}

int
spot_termination_page(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid below, int64_t limit, struct rows *out, struct err *e)
{
	return db_all(db, a, &TERM_PAGE, ARGS(V(tenant), V(below), V(limit)),
	    out, e);
}

int
spot_termination_waiting(struct db *db, struct arena *a,
    struct uuid account, struct rows *out, struct err *e)
{
	return db_all(db, a, &TERM_WAITING, ARGS(V(account)), out, e);
}

int
spot_termination_open(struct db *db, struct arena *a, struct uuid account,
    const char *region, const char *instance_id, bool *there, struct err *e)
{
	struct spot_count c = { 0 };

	if (db_one(db, a, &TERM_OPEN, ARGS(V(account), V(region),
	    V(instance_id)), &c, e) == -1)
		return -1;
	*there = c.n > 0;
	return 0;
}
