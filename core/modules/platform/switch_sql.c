/*
 * Rows of the stop switch. All SQL on platform_switch is here. Invariant: the
 * row of scope "all" exists always, and who changes any row locks it first;
 * so a reserver, who reads it with a shared lock, either commits before the
 * stop or sees it.
 */
#include <stddef.h>

#include "modules/platform/switch.h"

#define S(m, ...) FIELD(struct platform_switch, m, __VA_ARGS__)
static const struct field fields[] = {
	S(scope, .oneof = ONEOF("all", "module", "tenant", "account",
	    "session"), .doc = "How much it stops"),
	S(tenant_id, .flags = FF_NULLABLE,
	    .doc = "Whose; null: the whole installation"),
	S(name, .doc = "Module, account or session"),
	S(stopped, .doc = "Nothing is sent outward while it is"),
	S(reason, .doc = "Why"),
	S(changed_by, .doc = "Who"),
	S(changed_at, .doc = "When"),
	S(version, .doc = "Grows with each change"),
	FIELD_END
};
const struct schema platform_switch_schema = {
	.name = "StopSwitch", .doc = "A scope that is or was stopped",
	.size = sizeof(struct platform_switch), .fields = fields
};

#define COLUMNS "scope, tenant_id, name, stopped, reason, changed_by, " \
	"changed_at, version"
#define NIL "X'00000000000000000000000000000000'"
/* The rows that can cover one scope: five keys at most, all exact. The row
 * "all" is read also when it is not stopped, for its lock. */
#define COVERING "SELECT " COLUMNS " FROM platform_switch WHERE " \
	"(scope = 'all' AND tenant_id = " NIL " AND name = '') " \
	"OR (scope = 'module' AND tenant_id = " NIL " AND name = ?) " \
	"OR (scope = 'module' AND tenant_id = ? AND name = ?) " \
	"OR (scope = 'tenant' AND tenant_id = ? AND name = '') " \
	"OR (scope = 'account' AND tenant_id = ? AND name = ?) " \
	"OR (scope = 'session' AND tenant_id = ? AND name = ?) " \
	"ORDER BY scope, tenant_id LIMIT 10"

static const struct query SWITCH_ALL = { "platform_switch.all",
	"SELECT " COLUMNS " FROM platform_switch WHERE tenant_id IN (?, " NIL
	") ORDER BY scope, tenant_id, name LIMIT 1000",
	&platform_switch_schema };
static const struct query SWITCH_COVERING = { "platform_switch.covering",
	COVERING, &platform_switch_schema };
static const struct query SWITCH_RESERVE = { "platform_switch.reserve",
	COVERING " LOCK IN SHARE MODE", &platform_switch_schema };
static const struct query SWITCH_LOCK = { "platform_switch.lock",
	"SELECT " COLUMNS " FROM platform_switch WHERE scope = 'all' "
	"AND tenant_id = " NIL " AND name = '' LIMIT 1 FOR UPDATE",
	&platform_switch_schema };
static const struct query SWITCH_PUT = { "platform_switch.put",
	"INSERT INTO platform_switch (" COLUMNS ") "
	"VALUES (?, ?, ?, ?, ?, ?, ?, 1) ON DUPLICATE KEY UPDATE "
	"stopped = VALUES(stopped), reason = VALUES(reason), "
	"changed_by = VALUES(changed_by), changed_at = VALUES(changed_at), "
	"version = version + 1", NULL };
static const struct query SWITCH_GET = { "platform_switch.get",
	"SELECT " COLUMNS " FROM platform_switch WHERE scope = ? "
	"AND tenant_id = ? AND name = ? LIMIT 1", &platform_switch_schema };

const struct query *const platform_switch_queries[] = {
	&SWITCH_ALL, &SWITCH_COVERING, &SWITCH_RESERVE, &SWITCH_LOCK,
	&SWITCH_PUT, &SWITCH_GET, NULL
};

const struct table platform_switch_tables[] = {
	{ .name = "platform_switch", .row = &platform_switch_schema,
	  .tenant_column = "tenant_id", .snapshot = SNAP_FULL },
	{ .name = NULL }
};

int
platform_switch_all(struct db *db, struct arena *a, struct uuid tenant,
    struct rows *out, struct err *e)
{
	return db_all(db, a, &SWITCH_ALL, ARGS(val_id(tenant)), out, e);
}

int
platform_switch_look(struct db *db, struct arena *a,
    const struct platform_scope *s, struct rows *out, struct err *e)
{
	const struct val tenant = val_id(s->tenant);

	return db_ask(db, a, db_in_txn(db) ? &SWITCH_RESERVE :
	    &SWITCH_COVERING,
	    ARGS(V(s->module), tenant, V(s->module), tenant, tenant,
	    V(s->account), tenant, V(s->session)), out, e);
}

int
platform_switch_lock(struct db *db, struct arena *a, struct err *e)
{
	struct platform_switch row;
	int rc = db_one(db, a, &SWITCH_LOCK, NO_ARGS, &row, e);

	if (rc != 1)
		return rc;
	err_set(e, 500, "internal", "Internal error");
	return err_cause(e, "platform_switch has no row for scope all");
}

int
platform_switch_put(struct db *db, struct arena *a,
    struct platform_switch *s, struct err *e)
{
	if (db_exec(db, &SWITCH_PUT, ARGS(V(s->scope), val_id(s->tenant_id),
	    V(s->name), V(s->stopped), V(s->reason), V(s->changed_by),
	    V(s->changed_at)), NULL, e) == -1)
		return -1;
	return db_found(db_one(db, a, &SWITCH_GET, ARGS(V(s->scope),
	    val_id(s->tenant_id), V(s->name)), s, e), "Switch", e);
}
