/*
 * Rows of platform_dependency, and all SQL on it. Few rows: one for each
 * dependency that was ever ordered about.
 */
#include <stddef.h>

#include "modules/platform/dependency.h"
#include "schema/schema.h"

#define D(m, ...) FIELD(struct platform_dependency, m, __VA_ARGS__)
static const struct field fields[] = {
	D(name, .doc = "Dependency"),
	D(mode, .oneof = ONEOF("auto", "open", "closed", "disabled"),
	    .doc = "What was ordered of its breaker"),
	D(reason, .doc = "Why"),
	D(changed_by, .doc = "Who"),
	D(changed_at, .doc = "When"),
	D(version, .doc = "Grows with each order"),
	FIELD_END
};
const struct schema platform_dependency_schema = {
	.name = "DependencyOrder", .doc = "What an operator ordered",
	.size = sizeof(struct platform_dependency), .fields = fields
};

#define COLUMNS "name, mode, reason, changed_by, changed_at, version"

static const struct query DEPENDENCY_ALL = { "platform_dependency.all",
	"SELECT " COLUMNS " FROM platform_dependency ORDER BY name LIMIT 1000",
	&platform_dependency_schema };
static const struct query DEPENDENCY_PUT = { "platform_dependency.put",
	"INSERT INTO platform_dependency (" COLUMNS ") VALUES (?, ?, ?, ?, ?, 1) "
	"ON DUPLICATE KEY UPDATE mode = VALUES(mode), "
	"reason = VALUES(reason), changed_by = VALUES(changed_by), "
	"changed_at = VALUES(changed_at), version = version + 1", NULL };
static const struct query DEPENDENCY_GET = { "platform_dependency.get",
	"SELECT " COLUMNS " FROM platform_dependency WHERE name = ? LIMIT 1",
	&platform_dependency_schema };

const struct query *const platform_dependency_queries[] = {
	&DEPENDENCY_ALL, &DEPENDENCY_PUT, &DEPENDENCY_GET, NULL
};

const struct table platform_dependency_tables[] = {
	{ .name = "platform_dependency", .row = &platform_dependency_schema,
	  .snapshot = SNAP_FULL },
	{ .name = NULL }
};

int
platform_dependency_all(struct db *db, struct arena *a, struct rows *out,
    struct err *e)
{
	return db_all(db, a, &DEPENDENCY_ALL, NO_ARGS, out, e);
}

int
platform_dependency_put(struct db *db, struct arena *a,
    struct platform_dependency *d, struct err *e)
{
	if (db_exec(db, &DEPENDENCY_PUT, ARGS(V(d->name), V(d->mode),
	    V(d->reason), V(d->changed_by), V(d->changed_at)), NULL, e) == -1)
		return -1;
	return db_found(db_one(db, a, &DEPENDENCY_GET, ARGS(V(d->name)), d,
	    e), "Dependency", e);
}
