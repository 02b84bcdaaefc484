/*
 * Rows of API keys. All SQL on auth_apikey is here. Invariant: the secret is
 * stored as an HMAC only; authentication reads key, owner and tenant in one
 * statement, so that the owner's rights are those of this moment.
 */
#include "modules/auth/apikey.h"

static const struct field apikey_fields[] = {
	FIELD(struct auth_apikey, id, .flags = FF_READONLY,
	    .doc = "Identifier"),
	FIELD(struct auth_apikey, tenant_id, .flags = FF_HIDDEN,
	    .doc = "Tenant of the owner"),
	FIELD(struct auth_apikey, user_id, .doc = "Owner"),
	FIELD(struct auth_apikey, name, .max = 100, .doc = "Label"),
	FIELD(struct auth_apikey, prefix,
	    .doc = "First characters of the key, to recognise it"),
	FIELD(struct auth_apikey, scope_names, .flags = FF_HIDDEN,
	    .doc = "Scopes separated by commas"),
	FIELD(struct auth_apikey, cidr_names, .flags = FF_HIDDEN,
	    .doc = "Networks separated by commas"),
	FIELD(struct auth_apikey, scopes, .elem = FT_STR, .flags = FF_NOSQL,
	    .doc = "Permissions it may use, as far as its owner has them"),
	FIELD(struct auth_apikey, cidrs, .elem = FT_STR, .flags = FF_NOSQL,
	    .doc = "Networks it may be used from; none = all"),
	FIELD(struct auth_apikey, mac, .flags = FF_HIDDEN,
	    .doc = "HMAC of the key"),
	FIELD(struct auth_apikey, key, .flags = FF_NOSQL | FF_NULLABLE,
	    .doc = "The key itself; shown once, when it is made"),
	FIELD(struct auth_apikey, expires_at, .flags = FF_NULLABLE,
	    .doc = "Useless from then on"),
	FIELD(struct auth_apikey, last_used_at, .flags = FF_NULLABLE,
	    .doc = "Last use, to the minute"),
	FIELD(struct auth_apikey, created_at, .doc = "When it was made"),
	FIELD_END
};
const struct schema auth_apikey_schema = {
	.name = "ApiKey", .doc = "A key that acts for its owner",
	.size = sizeof(struct auth_apikey), .fields = apikey_fields
};

/* One row of key, owner and tenant; the owner's columns are prefixed so that
 * two tables' ids do not meet. */
#define OWNER(m, ...) { .name = "owner_" #m, \
	.off = offsetof(struct auth_apikey_owner, user.m), \
	.type = FTYPE_OF(struct auth_apikey_owner, user.m), __VA_ARGS__ }
static const struct field owner_fields[] = {
	FIELD(struct auth_apikey_owner, id, .doc = "Key"),
	FIELD(struct auth_apikey_owner, scope_names, .doc = "Scopes"),
	FIELD(struct auth_apikey_owner, cidr_names, .doc = "Networks"),
	FIELD(struct auth_apikey_owner, mac, .doc = "HMAC of the key"),
	FIELD(struct auth_apikey_owner, expires_at, .flags = FF_NULLABLE,
	    .doc = "End"),
	FIELD(struct auth_apikey_owner, last_used_at, .flags = FF_NULLABLE,
	    .doc = "Last use"),
	OWNER(id, .doc = "Owner"),
	OWNER(tenant_id, .doc = "Tenant"),
	OWNER(username, .doc = "Login name"),
	OWNER(role_names, .doc = "Roles"),
	OWNER(active, .doc = "May log in"),
	FIELD(struct auth_apikey_owner, tenant_active,
	    .doc = "The tenant may be used"),
	FIELD_END
};
static const struct schema owner_schema = {
	.name = "ApiKeyOwner", .doc = "A key with its owner",
	.size = sizeof(struct auth_apikey_owner), .fields = owner_fields
};

#define APIKEY_COLUMNS "id, tenant_id, user_id, name, prefix, scope_names, " \
	"cidr_names, mac, expires_at, last_used_at, created_at"

static const struct query APIKEY_INSERT = { "auth_apikey.insert",
	"INSERT INTO auth_apikey (" APIKEY_COLUMNS ") "
	"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", NULL };
static const struct query APIKEY_BY_PREFIX = { "auth_apikey.by_prefix",
	"SELECT k.id, k.scope_names, k.cidr_names, k.mac, k.expires_at, "
	"k.last_used_at, u.id AS owner_id, u.tenant_id AS owner_tenant_id, "
	"u.username AS owner_username, u.role_names AS owner_role_names, "
	"u.active AS owner_active, t.active AS tenant_active "
	"FROM auth_apikey k JOIN auth_user u ON u.id = k.user_id "
	"JOIN auth_tenant t ON t.id = u.tenant_id "
	"WHERE k.prefix = ? LIMIT 1", &owner_schema };
static const struct query APIKEY_PAGE = { "auth_apikey.page",
	"SELECT " APIKEY_COLUMNS " FROM auth_apikey WHERE user_id = ? "
	"AND id > COALESCE(?, X'00') ORDER BY id LIMIT ?",
	&auth_apikey_schema };
static const struct query APIKEY_EVERYONE = { "auth_apikey.everyone",
	"SELECT " APIKEY_COLUMNS " FROM auth_apikey "
	"WHERE id > COALESCE(?, X'00') ORDER BY id LIMIT ?",
	&auth_apikey_schema };
static const struct query APIKEY_ONE = { "auth_apikey.one",
	"SELECT " APIKEY_COLUMNS " FROM auth_apikey WHERE user_id = ? "
	"AND id = ? LIMIT 1", &auth_apikey_schema };
static const struct query APIKEY_DELETE = { "auth_apikey.delete",
	"DELETE FROM auth_apikey WHERE user_id = ? AND id = ?", NULL };
static const struct query APIKEY_DELETE_ANY = { "auth_apikey.delete_any",
	"DELETE FROM auth_apikey WHERE id = ?", NULL };
static const struct query APIKEY_DELETE_ALL = { "auth_apikey.delete_all",
	"DELETE FROM auth_apikey WHERE user_id = ?", NULL };
static const struct query APIKEY_USED = { "auth_apikey.used",
	"UPDATE auth_apikey SET last_used_at = ? WHERE id = ? "
	"AND (last_used_at IS NULL OR last_used_at < ? - INTERVAL 1 MINUTE)",
	NULL };

const struct query *const auth_apikey_queries[] = {
	&APIKEY_INSERT, &APIKEY_BY_PREFIX, &APIKEY_PAGE, &APIKEY_EVERYONE,
	&APIKEY_ONE, &APIKEY_DELETE, &APIKEY_DELETE_ANY, &APIKEY_DELETE_ALL,
	&APIKEY_USED, NULL
};

static void
shape(struct arena *a, struct auth_apikey *k)
{
	k->scopes = auth_names_split(a, k->scope_names);
	k->cidrs = auth_names_split(a, k->cidr_names);
}

static int
many_keys(struct db *db, struct arena *a, const struct query *q,
    const struct val *v, size_t n, struct rows *out, struct err *e)
{
	if (db_all(db, a, q, v, n, out, e) == -1)
		return -1;
	for (size_t i = 0; i < out->n; i++)
		shape(a, ROW(out, struct auth_apikey, i));
	return 0;
}

static int
delete_keys(struct db *db, const struct query *q, const struct val *v,
    size_t n, struct err *e)
{
	uint64_t hit;

	if (db_exec(db, q, v, n, &hit, e) == -1)
		return -1;
	return hit == 0;
}

int
auth_apikey_insert(struct db *db, const struct auth_apikey *k, struct err *e)
{
	return db_exec(db, &APIKEY_INSERT, ARGS(V(k->id), V(k->tenant_id),
	    V(k->user_id), V(k->name), V(k->prefix), V(k->scope_names),
	    V(k->cidr_names), V(k->mac), V(k->expires_at), V(k->last_used_at),
	    V(k->created_at)), NULL, e);
}

int
auth_apikey_by_prefix(struct db *db, struct arena *a, const char *prefix,
    struct auth_apikey_owner *out, struct err *e)
{
	return db_one(db, a, &APIKEY_BY_PREFIX, ARGS(V(prefix)), out, e);
}

int
auth_apikey_page(struct db *db, struct arena *a, struct uuid user,
    struct uuid after, int64_t limit, struct rows *out, struct err *e)
{
	return many_keys(db, a, &APIKEY_PAGE, ARGS(V(user), V(after),
	    V(limit)), out, e);
}

int
auth_apikey_everyone(struct db *db, struct arena *a, struct uuid after,
    int64_t limit, struct rows *out, struct err *e)
{
	return many_keys(db, a, &APIKEY_EVERYONE, ARGS(V(after), V(limit)),
	    out, e);
}

int
auth_apikey_one(struct db *db, struct arena *a, struct uuid user,
    struct uuid id, struct auth_apikey *out, struct err *e)
{
	int rc = db_one(db, a, &APIKEY_ONE, ARGS(V(user), V(id)), out, e);

	if (rc == 0)
		shape(a, out);
	return rc;
}

int
auth_apikey_delete(struct db *db, struct uuid user, struct uuid id,
    struct err *e)
{
	return delete_keys(db, &APIKEY_DELETE, ARGS(V(user), V(id)), e);
}

int
auth_apikey_delete_any(struct db *db, struct uuid id, struct err *e)
{
	return delete_keys(db, &APIKEY_DELETE_ANY, ARGS(V(id)), e);
}

int
auth_apikey_delete_all(struct db *db, struct uuid user, struct err *e)
{
	return delete_keys(db, &APIKEY_DELETE_ALL, ARGS(V(user)), e) == -1 ?
	    -1 : 0;
}

int
auth_apikey_used(struct db *db, struct uuid id, struct utc now, struct err *e)
{
	return db_exec(db, &APIKEY_USED, ARGS(V(now), V(id), V(now)), NULL, e);
}
