/*
 * Rows of tenants. All SQL on auth_tenant is here.
 */
#include "modules/auth/rows.h"
#include "modules/auth/tenant.h"

static const struct field tenant_fields[] = {
	FIELD(struct auth_tenant, id, .flags = FF_READONLY,
	    .doc = "Identifier"),
	FIELD(struct auth_tenant, name, .min = 1, .max = 100,
	    .doc = "Label for people; need not be unique"),
	FIELD(struct auth_tenant, active, .doc = "Its people may log in"),
	FIELD(struct auth_tenant, created_at, .flags = FF_READONLY,
	    .doc = "When it was made"),
	FIELD(struct auth_tenant, updated_at, .flags = FF_READONLY,
	    .doc = "Last change"),
	FIELD_END
};
const struct schema auth_tenant_schema = {
	.name = "Tenant", .doc = "Whose data it is",
	.size = sizeof(struct auth_tenant), .fields = tenant_fields
};

#define TENANT_COLUMNS "id, name, active, created_at, updated_at"

static const struct query TENANT_INSERT = { "auth_tenant.insert",
	"INSERT INTO auth_tenant (id, name, active, created_at, updated_at) "
	"VALUES (?, ?, ?, ?, ?)", NULL };
static const struct query TENANT_UPDATE = { "auth_tenant.update",
	"UPDATE auth_tenant SET name = ?, active = ?, updated_at = ? "
	"WHERE id = ?", NULL };
static const struct query TENANT_BY_ID = { "auth_tenant.by_id",
	"SELECT " TENANT_COLUMNS " FROM auth_tenant WHERE id = ? LIMIT 1",
	&auth_tenant_schema };
static const struct query TENANT_BY_NAME = { "auth_tenant.by_name",
	"SELECT " TENANT_COLUMNS " FROM auth_tenant WHERE name = ? "
	"ORDER BY id LIMIT 1", &auth_tenant_schema };
static const struct query TENANT_PAGE = { "auth_tenant.page",
	"SELECT " TENANT_COLUMNS " FROM auth_tenant "
	"WHERE id > COALESCE(?, X'00') ORDER BY id LIMIT ?",
	&auth_tenant_schema };
static const struct query TENANT_LOCK = { "auth_tenant.lock",
	"SELECT COUNT(*) AS n FROM auth_tenant WHERE id = ? FOR UPDATE",
	&auth_count_schema };

const struct query *const auth_tenant_queries[] = {
	&TENANT_INSERT, &TENANT_UPDATE, &TENANT_BY_ID, &TENANT_BY_NAME,
	&TENANT_PAGE, &TENANT_LOCK, NULL
};

int
auth_tenant_insert(struct db *db, const struct auth_tenant *t, struct err *e)
{
	return db_exec(db, &TENANT_INSERT, ARGS(V(t->id), V(t->name),
	    V(t->active), V(t->created_at), V(t->updated_at)), NULL, e);
}

int
auth_tenant_update(struct db *db, const struct auth_tenant *t, struct err *e)
{
	return db_exec(db, &TENANT_UPDATE, ARGS(V(t->name), V(t->active),
	    V(t->updated_at), V(t->id)), NULL, e);
}

int
auth_tenant_by_id(struct db *db, struct arena *a, struct uuid id,
    struct auth_tenant *out, struct err *e)
{
	return db_one(db, a, &TENANT_BY_ID, ARGS(V(id)), out, e);
}

int
auth_tenant_by_name(struct db *db, struct arena *a, const char *name,
    struct auth_tenant *out, struct err *e)
{
	return db_one(db, a, &TENANT_BY_NAME, ARGS(V(name)), out, e);
}

int
auth_tenant_page(struct db *db, struct arena *a, struct uuid after,
    int64_t limit, struct rows *out, struct err *e)
{
	return db_all(db, a, &TENANT_PAGE, ARGS(V(after), V(limit)), out, e);
}

int
auth_tenant_lock(struct db *db, struct arena *a, struct uuid id,
    struct err *e)
{
	struct auth_count c;

	return db_one(db, a, &TENANT_LOCK, ARGS(V(id)), &c, e) == -1 ? -1 : 0;
}
