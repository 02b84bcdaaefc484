/*
 * Rows of alerts, their groups and the evaluator's turn. All SQL on
 * platform_alert, platform_alert_group and platform_alert_turn is here.
 */
#include <stddef.h>

#include "modules/platform/alert.h"

#define A(m, ...) FIELD(struct platform_alert, m, __VA_ARGS__)
static const struct field alert_fields[] = {
	A(id, .doc = "Identifier of rule and labels"),
	A(rule, .doc = "Rule"), A(labels, .doc = "What it is about"),
	A(host, .doc = "Host, if it is about one"),
	A(severity, .doc = "info, warning, critical or page"),
	A(summary, .doc = "Sentence for whoever is woken"),
	A(state, .oneof = ONEOF("inactive", "pending", "firing", "resolved"),
	    .doc = "pending: holds, but not long enough yet"),
	A(value, .doc = "Value when the condition held last"),
	A(active_at, .flags = FF_NULLABLE, .doc = "Since when it holds"),
	A(fired_at, .flags = FF_NULLABLE, .doc = "When it fired"),
	A(resolved_at, .flags = FF_NULLABLE, .doc = "When it was over"),
	A(seen_at, .flags = FF_NULLABLE, .doc = "When it held last"),
	A(changes, .flags = FF_HIDDEN, .doc = "Times of the last changes"),
	A(flapping, .doc = "Comes and goes: told once, and again when it is "
	    "stable"),
	A(told, .doc = "What was told last"),
	A(told_at, .flags = FF_NULLABLE, .doc = "When"),
	A(muted_by, .doc = "Why nothing is told: a silence, or the rule that "
	    "explains it"),
	A(group_id, .flags = FF_HIDDEN, .doc = "Group of notices"),
	A(version, .doc = "Grows with each change"),
	A(updated_at, .doc = "Last change"),
	FIELD_END
};
const struct schema platform_alert_schema = {
	.name = "Alert", .doc = "A rule that held for some labels",
	.size = sizeof(struct platform_alert), .fields = alert_fields
};

#define G(m, ...) FIELD(struct platform_alert_group, m, __VA_ARGS__)
static const struct field group_fields[] = {
	G(id, .doc = "Identifier"), G(name, .doc = "What it gathers"),
	G(waits_at, .flags = FF_NULLABLE, .doc = "First news that waits"),
	G(told_at, .flags = FF_NULLABLE, .doc = "Last notice"),
	G(notices, .doc = "Notices so far"),
	FIELD_END
};
const struct schema platform_alert_group_schema = {
	.name = "AlertGroup", .doc = "Alerts of one notice",
	.size = sizeof(struct platform_alert_group), .fields = group_fields
};

#define T(m, ...) FIELD(struct platform_alert_turn, m, __VA_ARGS__)
static const struct field turn_fields[] = {
	T(at, .flags = FF_NULLABLE, .doc = "Last evaluation"),
	T(due_at, .flags = FF_NULLABLE, .doc = "When the next is expected"),
	T(took_ms, .doc = "How long it took"), T(host, .doc = "Where"),
	T(lag_told, .doc = "A notice told that it is late"),
	FIELD_END
};
const struct schema platform_alert_turn_schema = {
	.name = "AlertTurn", .doc = "The evaluator's last turn",
	.size = sizeof(struct platform_alert_turn), .fields = turn_fields
};

#define ALERT_COLUMNS "id, rule, labels, host, severity, summary, state, " \
	"value, active_at, fired_at, resolved_at, seen_at, changes, " \
	"flapping, told, told_at, muted_by, group_id, version, updated_at"
#define GROUP_COLUMNS "id, name, waits_at, told_at, notices"
#define TURN_GET "SELECT at, due_at, took_ms, host, lag_told " \
	"FROM platform_alert_turn WHERE one = 1 LIMIT 1"

static const struct query ALERT_ALL = { "platform_alert.all",
	"SELECT " ALERT_COLUMNS " FROM platform_alert ORDER BY id LIMIT 5000",
	&platform_alert_schema };
static const struct query ALERT_PAGE = { "platform_alert.page",
	"SELECT " ALERT_COLUMNS " FROM platform_alert WHERE "
	"state = COALESCE(?, state) AND state <> 'inactive' "
	"AND severity = COALESCE(?, severity) AND rule = COALESCE(?, rule) "
	"AND id > COALESCE(?, X'00') ORDER BY id LIMIT ?",
	&platform_alert_schema };
static const struct query ALERT_BY_ID = { "platform_alert.by_id",
	"SELECT " ALERT_COLUMNS " FROM platform_alert WHERE id = ? LIMIT 1",
	&platform_alert_schema };
static const struct query ALERT_PUT = { "platform_alert.put",
	"INSERT INTO platform_alert (" ALERT_COLUMNS ") VALUES (?, ?, ?, ?, ?, "
	"?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
	"ON DUPLICATE KEY UPDATE severity = VALUES(severity), "
	"summary = VALUES(summary), state = VALUES(state), "
	"value = VALUES(value), active_at = VALUES(active_at), "
	"fired_at = VALUES(fired_at), resolved_at = VALUES(resolved_at), "
	"seen_at = VALUES(seen_at), changes = VALUES(changes), "
	"flapping = VALUES(flapping), told = VALUES(told), "
	"told_at = VALUES(told_at), muted_by = VALUES(muted_by), "
	"group_id = VALUES(group_id), version = VALUES(version), "
	"updated_at = VALUES(updated_at)", NULL };
static const struct query ALERT_PURGE = { "platform_alert.purge",
	"DELETE FROM platform_alert WHERE state IN ('inactive', 'resolved') "
	"AND NOT flapping AND updated_at < ? LIMIT 500", NULL };
static const struct query GROUP_ALL = { "platform_alert_group.all",
	"SELECT " GROUP_COLUMNS " FROM platform_alert_group ORDER BY id "
	"LIMIT 5000", &platform_alert_group_schema };
static const struct query GROUP_PUT = { "platform_alert_group.put",
	"INSERT INTO platform_alert_group (" GROUP_COLUMNS ") "
	"VALUES (?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE "
	"waits_at = VALUES(waits_at), told_at = VALUES(told_at), "
	"notices = VALUES(notices)", NULL };
static const struct query GROUP_PURGE = { "platform_alert_group.purge",
	"DELETE FROM platform_alert_group WHERE waits_at IS NULL AND "
	"COALESCE(told_at, '2000-01-01') < ? AND NOT EXISTS (SELECT 1 FROM "
	"platform_alert x WHERE x.group_id = platform_alert_group.id) "
	"LIMIT 500", NULL };
static const struct query TURN = { "platform_alert_turn.get", TURN_GET,
	&platform_alert_turn_schema };
static const struct query TURN_LOCK = { "platform_alert_turn.lock",
	TURN_GET " FOR UPDATE", &platform_alert_turn_schema };
static const struct query TURN_PUT = { "platform_alert_turn.put",
	"UPDATE platform_alert_turn SET at = ?, due_at = ?, took_ms = ?, "
	"host = ?, lag_told = ? WHERE one = 1", NULL };

const struct query *const platform_alert_queries[] = {
	&ALERT_ALL, &ALERT_PAGE, &ALERT_BY_ID, &ALERT_PUT, &ALERT_PURGE,
	&GROUP_ALL, &GROUP_PUT, &GROUP_PURGE, &TURN, &TURN_LOCK, &TURN_PUT,
	NULL
};

const struct table platform_alert_tables[] = {
	{ .name = "platform_alert", .row = &platform_alert_schema,
	  .snapshot = SNAP_NEVER },
	{ .name = "platform_alert_group", .row = &platform_alert_group_schema,
	  .snapshot = SNAP_NEVER },
	{ .name = "platform_alert_turn", .row = &platform_alert_turn_schema,
	  .snapshot = SNAP_NEVER,
	  .sql_only = (const char *const[]){ "one", NULL } },
	{ .name = NULL }
};

int
platform_alert_all(struct db *db, struct arena *a, struct rows *out,
    struct err *e)
{
	return db_all(db, a, &ALERT_ALL, NO_ARGS, out, e);
}

int
platform_alert_page(struct db *db, struct arena *a,
    const struct platform_alert_filter *f, struct rows *out, struct err *e)
{
	return db_all(db, a, &ALERT_PAGE, ARGS(V(f->state), V(f->severity),
	    V(f->rule), V(f->after), V(f->limit)), out, e);
}

int
platform_alert_by_id(struct db *db, struct arena *a, struct uuid id,
    struct platform_alert *out, struct err *e)
{
	return db_one(db, a, &ALERT_BY_ID, ARGS(V(id)), out, e);
}

int
platform_alert_put(struct db *db, const struct platform_alert *x,
    struct err *e)
{
	return db_exec(db, &ALERT_PUT, ARGS(V(x->id), V(x->rule),
	    V(x->labels), V(x->host), V(x->severity), V(x->summary),
	    V(x->state), V(x->value), V(x->active_at), V(x->fired_at),
	    V(x->resolved_at), V(x->seen_at), V(x->changes), V(x->flapping),
	    V(x->told), V(x->told_at), V(x->muted_by), V(x->group_id),
	    V(x->version), V(x->updated_at)), NULL, e);
}

int
platform_alert_purge(struct db *db, struct utc before, struct err *e)
{
	if (db_exec(db, &ALERT_PURGE, ARGS(V(before)), NULL, e) == -1)
		return -1;
	return db_exec(db, &GROUP_PURGE, ARGS(V(before)), NULL, e);
}

int
platform_group_all(struct db *db, struct arena *a, struct rows *out,
    struct err *e)
{
	return db_all(db, a, &GROUP_ALL, NO_ARGS, out, e);
}

int
platform_group_put(struct db *db, const struct platform_alert_group *g,
    struct err *e)
{
	return db_exec(db, &GROUP_PUT, ARGS(V(g->id), V(g->name),
	    V(g->waits_at), V(g->told_at), V(g->notices)), NULL, e);
}

int
platform_turn_get(struct db *db, struct arena *a, bool lock,
    struct platform_alert_turn *out, struct err *e)
{
	int rc = db_one(db, a, lock ? &TURN_LOCK : &TURN, NO_ARGS, out, e);

	if (rc == 1)
		*out = (struct platform_alert_turn){ .host = "" };
	return rc == -1 ? -1 : 0;
}

int
platform_turn_put(struct db *db, const struct platform_alert_turn *t,
    struct err *e)
{
	return db_exec(db, &TURN_PUT, ARGS(V(t->at), V(t->due_at),
	    V(t->took_ms), V(t->host), V(t->lag_told)), NULL, e);
}

int
platform_gauge_read(struct db *db, struct arena *a, const struct gauge *g,
    double *v, struct err *e)
{
	struct gauge_value row = { 0 };

	if (db_one(db, a, g->query, NO_ARGS, &row, e) == -1)
		return -1;
	*v = row.value;
	return 0;
}
