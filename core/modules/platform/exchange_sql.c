/*
 * Progress of imports, and the tenant a terminal names.
 */
#include <stddef.h>

#include "base/random.h"
#include "modules/platform/exchange.h"

static const struct field fields[] = {
	FIELD(struct platform_import, digest, .doc = "SHA-256 of the file"),
	FIELD(struct platform_import, noun, .max = 64, .doc = "What"),
	FIELD(struct platform_import, tenant, .doc = "Whose"),
	FIELD(struct platform_import, line, .doc = "Last line done"),
	FIELD(struct platform_import, changed, .doc = "Rows written"),
	FIELD(struct platform_import, unchanged, .doc = "Rows there already"),
	FIELD(struct platform_import, failed, .doc = "Rows refused"),
	FIELD(struct platform_import, finished, .doc = "To the end"),
	FIELD(struct platform_import, updated_at, .doc = "Last batch"),
	FIELD_END
};
const struct schema platform_import_schema = {
	.name = "Import", .doc = "How far an import has come",
	.size = sizeof(struct platform_import), .fields = fields
};

#define COLUMNS "digest, noun, tenant, line, changed, unchanged, failed, " \
	"finished, updated_at"

static const struct query IMPORT_GET = { "platform_import.get",
	"SELECT " COLUMNS " FROM platform_import "
	"WHERE digest = ? AND noun = ? AND tenant = ? LIMIT 1",
	&platform_import_schema };
static const struct query IMPORT_PUT = { "platform_import.put",
	"INSERT INTO platform_import (" COLUMNS ") "
	"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE "
	"line = VALUES(line), changed = VALUES(changed), "
	"unchanged = VALUES(unchanged), failed = VALUES(failed), "
	"finished = VALUES(finished), updated_at = VALUES(updated_at)",
	NULL };
static const struct query TENANT_BY_ID = { "platform_import.tenant_by_id",
	"SELECT id FROM auth_tenant WHERE id = ? LIMIT 1", &db_id_schema };
static const struct query TENANT_BY_NAME = {
	"platform_import.tenant_by_name",
	"SELECT id FROM auth_tenant WHERE name = COALESCE(?, name) "
	"ORDER BY created_at, id LIMIT 1", &db_id_schema };

const struct query *const platform_exchange_queries[] = {
	&IMPORT_GET, &IMPORT_PUT, &TENANT_BY_ID, &TENANT_BY_NAME, NULL
};

const struct table platform_exchange_tables[] = {
	{ .name = "platform_import", .row = &platform_import_schema,
	  .retention_days = 90, .retention_column = "updated_at",
	  .snapshot = SNAP_NEVER },
	{ .name = NULL }
};

int
platform_import_get(struct db *db, struct arena *a, struct blob digest,
    const char *noun, struct blob tenant, struct platform_import *out,
    struct err *e)
{
	return db_one(db, a, &IMPORT_GET, ARGS(V(digest), V(noun), V(tenant)),
	    out, e);
}

int
platform_import_put(struct db *db, const struct platform_import *p,
    struct err *e)
{
	return db_exec(db, &IMPORT_PUT, ARGS(V(p->digest), V(p->noun),
	    V(p->tenant), V(p->line), V(p->changed), V(p->unchanged),
	    V(p->failed), V(p->finished), V(p->updated_at)), NULL, e);
}

int
platform_tenant_find(struct db *db, struct arena *a, const char *which,
    struct uuid *out, struct err *e)
{
	const char *name = which == NULL || *which == '\0' ? NULL : which;
	struct db_id t;
	int rc;

	if (name != NULL && uuid_parse(name, out) == 0)
		rc = db_one(db, a, &TENANT_BY_ID, ARGS(V(*out)), &t, e);
	else
		rc = db_one(db, a, &TENANT_BY_NAME, ARGS(V(name)), &t, e);
	if (rc == 0)
		*out = t.id;
	return rc;
}
