/*
 * Rows of users. All SQL on auth_user is here. Refuses nothing: uniqueness is
 * the database's, rights are judged in user_ops.c. Invariant: every user that
 * leaves this file has its roles split; the password hash leaves only inside
 * an account.
 */
#include <string.h>

#include "base/arena.h"
#include "base/random.h"
#include "modules/auth/rows.h"
#include "modules/auth/user.h"

static const struct field user_fields[] = {
	AUTH_USER_FIELDS(struct auth_user, ),
	FIELD_END
};
const struct schema auth_user_schema = {
	.name = "User", .doc = "A person of a tenant",
	.size = sizeof(struct auth_user), .fields = user_fields
};

static const struct field row_fields[] = {
	AUTH_USER_FIELDS(struct auth_account, user.),
	FIELD(struct auth_account, password_hash, .flags = FF_HIDDEN,
	    .doc = "PHC string"),
	FIELD(struct auth_account, password_at, .flags = FF_HIDDEN,
	    .doc = "When the password was set"),
	FIELD_END
};
const struct schema auth_user_row_schema = {
	.name = "UserRow", .doc = "All columns of a user",
	.size = sizeof(struct auth_account), .fields = row_fields
};

static const struct field account_fields[] = {
	AUTH_USER_FIELDS(struct auth_account, user.),
	FIELD(struct auth_account, password_hash, .flags = FF_HIDDEN,
	    .doc = "PHC string"),
	FIELD(struct auth_account, password_at, .flags = FF_HIDDEN,
	    .doc = "When the password was set"),
	FIELD(struct auth_account, tenant_active, .flags = FF_HIDDEN,
	    .doc = "The tenant may be used"),
	FIELD(struct auth_account, epoch, .flags = FF_HIDDEN,
	    .doc = "Revocation epoch of this read"),
	FIELD_END
};
static const struct schema account_schema = {
	.name = "Account", .doc = "A user with what a login must know",
	.size = sizeof(struct auth_account), .fields = account_fields
};

#define F struct auth_user_file
static const struct field file_fields[] = {
	AUTH_EMAIL(F, email, FF_KEY | FF_REQUIRED),
	FIELD(F, username, .max = 50, .pattern = "^[A-Za-z0-9._-]*$",
	    .def = "\"\"", .doc = "Login name; empty: made of the address"),
	FIELD(F, full_name, .max = 200, .def = "\"\"",
	    .doc = "Name for people"),
	FIELD(F, role, .max = 500, .def = "\"user\"",
	    .doc = "Role, or several with commas"),
	FIELD(F, tenant, .max = 100, .def = "\"\"",
	    .doc = "Name or id; made if there is none of that name; empty: "
	    "--tenant"),
	FIELD(F, active, .def = "true", .doc = "May log in"),
	FIELD(F, password_hash, .flags = FF_SECRET | FF_NOSQL, .max = 300,
	    .def = "\"\"", .doc = "As the old backend stored it: bcrypt, "
	    "argon2, pbkdf2, scrypt, SHA-crypt; empty: no login before "
	    "`user reset`"),
	FIELD_END
};
#undef F
const struct schema auth_user_file_schema = {
	.name = "UserFile", .doc = "A person in a file",
	.size = sizeof(struct auth_user_file), .fields = file_fields
};

#define USER_COLUMNS "u.id, u.tenant_id, u.email, u.username, u.full_name, " \
	"u.role_names, u.active, u.last_login_at, u.created_at, u.updated_at"
#define ACCOUNT_FROM "SELECT " USER_COLUMNS ", u.password_hash, " \
	"u.password_at, t.active AS tenant_active, e.epoch " \
	"FROM auth_user u JOIN auth_tenant t ON t.id = u.tenant_id " \
	"JOIN auth_epoch e ON e.id = 1 "

static const struct query USER_BY_ID = { "auth_user.by_id",
	"SELECT " USER_COLUMNS " FROM auth_user u "
	"WHERE u.tenant_id = ? AND u.id = ? LIMIT 1", &auth_user_schema };
static const struct query USER_PAGE = { "auth_user.page",
	"SELECT " USER_COLUMNS " FROM auth_user u "
	"WHERE u.tenant_id = ? AND u.id > COALESCE(?, X'00') ORDER BY u.id LIMIT ?",
	&auth_user_schema };
static const struct query USER_EVERYONE = { "auth_user.everyone",
	"SELECT " USER_COLUMNS " FROM auth_user u "
	"WHERE u.id > COALESCE(?, X'00') ORDER BY u.id LIMIT ?", &auth_user_schema };
static const struct query ACCOUNT_BY_EMAIL = { "auth_user.account_by_email",
	ACCOUNT_FROM "WHERE u.email = ? LIMIT 1", &account_schema };
static const struct query ACCOUNT_BY_USERNAME = {
	"auth_user.account_by_username",
	ACCOUNT_FROM "WHERE u.username = ? LIMIT 1", &account_schema };
static const struct query ACCOUNT_BY_ID = { "auth_user.account_by_id",
	ACCOUNT_FROM "WHERE u.id = ? LIMIT 1", &account_schema };
static const struct query USER_INSERT = { "auth_user.insert",
	"INSERT INTO auth_user (id, tenant_id, email, username, full_name, "
	"role_names, active, password_hash, password_at, created_at, "
	"updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", NULL };
static const struct query USER_UPDATE = { "auth_user.update",
	"UPDATE auth_user SET email = ?, username = ?, full_name = ?, "
	"role_names = ?, active = ?, updated_at = ? "
	"WHERE tenant_id = ? AND id = ?", NULL };
static const struct query USER_DELETE = { "auth_user.delete",
	"DELETE FROM auth_user WHERE tenant_id = ? AND id = ?", NULL };
static const struct query USER_SEEN = { "auth_user.seen",
	"UPDATE auth_user SET last_login_at = ? WHERE id = ?", NULL };
static const struct query USER_SET_HASH = { "auth_user.set_hash",
	"UPDATE auth_user SET password_hash = ?, password_at = ?, "
	"updated_at = ? WHERE id = ? AND password_hash = COALESCE(?, "
	"password_hash)", NULL };
static const struct query USER_UPGRADE_HASH = { "auth_user.upgrade_hash",
	"UPDATE auth_user SET password_hash = ? "
	"WHERE id = ? AND password_hash = ?", NULL };
static const struct query USER_COUNT_ROLE = { "auth_user.count_role",
	"SELECT COUNT(*) AS n FROM auth_user WHERE tenant_id = ? AND active "
	"AND FIND_IN_SET(?, role_names) LOCK IN SHARE MODE", &auth_count_schema };
static const struct query USER_COUNT_ROLE_ANYWHERE = {
	"auth_user.count_role_anywhere",
	"SELECT COUNT(*) AS n FROM auth_user WHERE active "
	"AND FIND_IN_SET(?, role_names) LOCK IN SHARE MODE", &auth_count_schema };
static const struct query ADMIN_EXISTS = { "auth_user.admin_exists",
	"SELECT COUNT(*) AS n FROM (SELECT 1 FROM auth_user WHERE active "
	"AND FIND_IN_SET('super_admin', role_names) LIMIT 1) found",
	&auth_count_schema };

const struct query auth_user_export = { "auth_user.export",
	"SELECT u.email, u.username, u.full_name, u.role_names AS role, "
	"t.name AS tenant, u.active FROM auth_user u "
	"JOIN auth_tenant t ON t.id = u.tenant_id "
	"WHERE u.tenant_id = ? ORDER BY u.email", &auth_user_file_schema };

const struct query *const auth_user_queries[] = {
	&USER_BY_ID, &USER_PAGE, &USER_EVERYONE, &ACCOUNT_BY_EMAIL,
	&ACCOUNT_BY_USERNAME, &ACCOUNT_BY_ID, &USER_INSERT, &USER_UPDATE,
	&USER_DELETE, &USER_SEEN, &USER_SET_HASH, &USER_UPGRADE_HASH,
	&USER_COUNT_ROLE, &USER_COUNT_ROLE_ANYWHERE, &ADMIN_EXISTS, &auth_user_export, NULL
};

/* Fills the members that are no columns. */
static void
shape(struct arena *a, struct auth_user *u)
{
	u->roles = auth_names_split(a, u->role_names);
	u->role = u->roles.n > 0 ? ((const char *const *)u->roles.items)[0] :
	    "user";
}

static int
one_user(struct db *db, struct arena *a, const struct query *q,
    const struct val *v, size_t n, struct auth_user *out, struct err *e)
{
	int rc = db_one(db, a, q, v, n, out, e);

	if (rc == 0)
		shape(a, out);
	return rc;
}

static int
many_users(struct db *db, struct arena *a, const struct query *q,
    const struct val *v, size_t n, struct rows *out, struct err *e)
{
	if (db_all(db, a, q, v, n, out, e) == -1)
		return -1;
	for (size_t i = 0; i < out->n; i++)
		shape(a, ROW(out, struct auth_user, i));
	return 0;
}

static int
one_account(struct db *db, struct arena *a, const struct query *q,
    struct val key, struct auth_account *out, struct err *e)
{
	int rc = db_one(db, a, q, ARGS(key), out, e);

	if (rc == 0)
		shape(a, &out->user);
	return rc;
}

int
auth_user_by_id(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, struct auth_user *out, struct err *e)
{
	return one_user(db, a, &USER_BY_ID, ARGS(V(tenant), V(id)), out, e);
}

int
auth_user_page(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid after, int64_t limit, struct rows *out, struct err *e)
{
	return many_users(db, a, &USER_PAGE,
	    ARGS(V(tenant), V(after), V(limit)), out, e);
}

int
auth_user_everyone(struct db *db, struct arena *a, struct uuid after,
    int64_t limit, struct rows *out, struct err *e)
{
	return many_users(db, a, &USER_EVERYONE,
	    ARGS(V(after), V(limit)), out, e);
}

int
auth_account_by_login(struct db *db, struct arena *a, const char *identifier,
    struct auth_account *out, struct err *e)
{
	const struct query *q = strchr(identifier, '@') != NULL ?
	    &ACCOUNT_BY_EMAIL : &ACCOUNT_BY_USERNAME;

	return one_account(db, a, q, V(identifier), out, e);
}

int
auth_account_by_id(struct db *db, struct arena *a, struct uuid id,
    struct auth_account *out, struct err *e)
{
	return one_account(db, a, &ACCOUNT_BY_ID, V(id), out, e);
}

int
auth_user_insert(struct db *db, const struct auth_user *u,
    const char *password_hash, struct err *e)
{
	return db_exec(db, &USER_INSERT, ARGS(V(u->id), V(u->tenant_id),
	    V(u->email), V(u->username), V(u->full_name), V(u->role_names),
	    V(u->active), V(password_hash), V(u->created_at),
	    V(u->created_at), V(u->created_at)), NULL, e);
}

int
auth_user_update(struct db *db, const struct auth_user *u, struct err *e)
{
	return db_exec(db, &USER_UPDATE, ARGS(V(u->email), V(u->username),
	    V(u->full_name), V(u->role_names), V(u->active), V(u->updated_at),
	    V(u->tenant_id), V(u->id)), NULL, e);
}

int
auth_user_delete(struct db *db, struct uuid tenant, struct uuid id,
    struct err *e)
{
	return db_exec(db, &USER_DELETE, ARGS(V(tenant), V(id)), NULL, e);
}

int
auth_user_seen(struct db *db, struct uuid id, struct utc now, struct err *e)
{
	return db_exec(db, &USER_SEEN, ARGS(V(now), V(id)), NULL, e);
}

int
auth_user_set_hash(struct db *db, struct uuid id, const char *old,
    const char *hash, struct utc now, struct err *e)
{
	uint64_t hit;

	if (db_exec(db, &USER_SET_HASH, ARGS(V(hash), V(now), V(now), V(id),
	    V(old)), &hit, e) == -1)
		return -1;
	return hit == 0;
}

int
auth_user_upgrade_hash(struct db *db, struct uuid id, const char *old,
    const char *hash, struct err *e)
{
	return db_exec(db, &USER_UPGRADE_HASH, ARGS(V(hash), V(id), V(old)),
	    NULL, e);
}

int
auth_user_count_role(struct db *db, struct arena *a, struct uuid tenant,
    const char *role, int64_t *n, struct err *e)
{
	struct auth_count c = { 0 };
	int rc = uuid_is_nil(tenant) ?
	    db_one(db, a, &USER_COUNT_ROLE_ANYWHERE, ARGS(V(role)), &c, e) :
	    db_one(db, a, &USER_COUNT_ROLE, ARGS(V(tenant), V(role)), &c, e);

	*n = c.n;
	return rc == -1 ? -1 : 0;
}

int
auth_admin_exists(struct db *db, struct arena *a, bool *yes, struct err *e)
{
	struct auth_count c = { 0 };

	if (db_one(db, a, &ADMIN_EXISTS, NO_ARGS, &c, e) == -1)
		return -1;
	*yes = c.n > 0;
	return 0;
}
