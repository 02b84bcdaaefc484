/*
 * Rows of platform_component: what operators want. A component without a row
 * runs.
 */
#include <stddef.h>

#include "modules/platform/service.h"

static const struct field fields[] = {
	FIELD(struct platform_component, name, .max = 64,
	    .doc = "Name of the component"),
	FIELD(struct platform_component, desired,
	    .oneof = ONEOF("running", "paused", "stopped"),
	    .doc = "What an operator wants"),
	FIELD(struct platform_component, cause, .flags = FF_NULLABLE,
	    .doc = "Component whose stop stopped this one"),
	FIELD(struct platform_component, changed_by, .doc = "Who"),
	FIELD(struct platform_component, changed_at, .doc = "When"),
	FIELD_END
};
const struct schema platform_component_schema = {
	.name = "ComponentRow", .doc = "What is wanted of a component",
	.size = sizeof(struct platform_component), .fields = fields
};

#define COLUMNS "name, desired, cause, changed_by, changed_at"

static const struct query COMPONENT_ALL = { "platform_component.all",
	"SELECT " COLUMNS " FROM platform_component ORDER BY name LIMIT 1000",
	&platform_component_schema };
static const struct query COMPONENT_BY_NAME = { "platform_component.by_name",
	"SELECT " COLUMNS " FROM platform_component WHERE name = ? LIMIT 1",
	&platform_component_schema };
static const struct query COMPONENT_PUT = { "platform_component.put",
	"INSERT INTO platform_component (" COLUMNS ") VALUES (?, ?, ?, ?, ?) "
	"ON DUPLICATE KEY UPDATE desired = VALUES(desired), "
	"cause = VALUES(cause), changed_by = VALUES(changed_by), "
	"changed_at = VALUES(changed_at)", NULL };

const struct query *const platform_service_queries[] = {
	&COMPONENT_ALL, &COMPONENT_BY_NAME, &COMPONENT_PUT, NULL
};

const struct table platform_service_tables[] = {
	{ .name = "platform_component", .row = &platform_component_schema,
	  .snapshot = SNAP_FULL },
	{ .name = NULL }
};

int
platform_component_all(struct db *db, struct arena *a, struct rows *out,
    struct err *e)
{
	return db_all(db, a, &COMPONENT_ALL, NO_ARGS, out, e);
}

int
platform_component_by_name(struct db *db, struct arena *a, const char *name,
    struct platform_component *out, struct err *e)
{
	return db_one(db, a, &COMPONENT_BY_NAME, ARGS(V(name)), out, e);
}

int
platform_component_put(struct db *db, const struct platform_component *c,
    struct err *e)
{
	return db_exec(db, &COMPONENT_PUT, ARGS(V(c->name), V(c->desired),
	    V(c->cause), V(c->changed_by), V(c->changed_at)), NULL, e);
}
