/*
 * Rows of a tenant's own roles. All SQL on auth_role is here. Invariant: every
 * role that leaves this file has its permissions split.
 */
#include "modules/auth/role.h"

static const struct field role_fields[] = {
	FIELD(struct auth_role, id, .flags = FF_READONLY,
	    .doc = "Identifier; the same everywhere for builtin roles"),
	FIELD(struct auth_role, tenant_id, .flags = FF_HIDDEN,
	    .doc = "Tenant it belongs to"),
	FIELD(struct auth_role, name, .fmt = FMT_SLUG, .min = 2, .max = 64,
	    .doc = "Name as it appears in users and tokens"),
	FIELD(struct auth_role, doc, .max = 200, .doc = "What it is for"),
	FIELD(struct auth_role, permission_names, .flags = FF_HIDDEN,
	    .doc = "Permissions separated by commas"),
	FIELD(struct auth_role, permissions, .elem = FT_STR,
	    .flags = FF_NOSQL, .doc = "Permissions it grants"),
	FIELD(struct auth_role, builtin, .flags = FF_NOSQL | FF_READONLY,
	    .doc = "Comes with the program and cannot be changed"),
	FIELD(struct auth_role, created_at, .flags = FF_READONLY | FF_NULLABLE,
	    .doc = "When it was made"),
	FIELD(struct auth_role, updated_at, .flags = FF_READONLY | FF_NULLABLE,
	    .doc = "Last change"),
	FIELD_END
};
const struct schema auth_role_schema = {
	.name = "Role", .doc = "A named set of permissions",
	.size = sizeof(struct auth_role), .fields = role_fields
};

#define ROLE_COLUMNS "id, tenant_id, name, doc, permission_names, " \
	"created_at, updated_at"

static const struct query ROLE_ALL = { "auth_role.all",
	"SELECT " ROLE_COLUMNS " FROM auth_role WHERE tenant_id = ? "
	"ORDER BY name LIMIT 201", &auth_role_schema };
static const struct query ROLE_BY_ID = { "auth_role.by_id",
	"SELECT " ROLE_COLUMNS " FROM auth_role WHERE tenant_id = ? "
	"AND id = ? LIMIT 1", &auth_role_schema };
static const struct query ROLE_INSERT = { "auth_role.insert",
	"INSERT INTO auth_role (id, tenant_id, name, doc, permission_names, "
	"created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?)", NULL };
static const struct query ROLE_UPDATE = { "auth_role.update",
	"UPDATE auth_role SET doc = ?, permission_names = ?, updated_at = ? "
	"WHERE tenant_id = ? AND id = ?", NULL };
static const struct query ROLE_DELETE = { "auth_role.delete",
	"DELETE FROM auth_role WHERE tenant_id = ? AND id = ?", NULL };

const struct query *const auth_role_queries[] = {
	&ROLE_ALL, &ROLE_BY_ID, &ROLE_INSERT, &ROLE_UPDATE, &ROLE_DELETE, NULL
};

int
auth_role_all(struct db *db, struct arena *a, struct uuid tenant,
    struct rows *out, struct err *e)
{
	if (db_all(db, a, &ROLE_ALL, ARGS(V(tenant)), out, e) == -1)
		return -1;
	for (size_t i = 0; i < out->n; i++) {
		struct auth_role *r = ROW(out, struct auth_role, i);

		r->permissions = auth_names_split(a, r->permission_names);
	}
	return 0;
}

int
auth_role_by_id(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, struct auth_role *out, struct err *e)
{
	int rc = db_one(db, a, &ROLE_BY_ID, ARGS(V(tenant), V(id)), out, e);

	if (rc == 0)
		out->permissions = auth_names_split(a, out->permission_names);
	return rc;
}

int
auth_role_insert(struct db *db, const struct auth_role *r, struct err *e)
{
	return db_exec(db, &ROLE_INSERT, ARGS(V(r->id), V(r->tenant_id),
	    V(r->name), V(r->doc), V(r->permission_names), V(r->created_at),
	    V(r->updated_at)), NULL, e);
}

int
auth_role_update(struct db *db, const struct auth_role *r, struct err *e)
{
	return db_exec(db, &ROLE_UPDATE, ARGS(V(r->doc),
	    V(r->permission_names), V(r->updated_at), V(r->tenant_id),
	    V(r->id)), NULL, e);
}

int
auth_role_delete(struct db *db, struct uuid tenant, struct uuid id,
    struct err *e)
{
	return db_exec(db, &ROLE_DELETE, ARGS(V(tenant), V(id)), NULL, e);
}
