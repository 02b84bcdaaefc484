/*
 * Rows of invitations. All SQL on auth_invite is here. Invariant: an
 * invitation is used at most once, by the conditional update.
 */
#include "modules/auth/invite.h"

static const struct field invite_fields[] = {
	FIELD(struct auth_invite, id, .flags = FF_READONLY,
	    .doc = "Identifier"),
	FIELD(struct auth_invite, tenant_id, .flags = FF_HIDDEN,
	    .doc = "Tenant that invites"),
	FIELD(struct auth_invite, invited_by, .doc = "User who invites"),
	FIELD(struct auth_invite, email, .flags = FF_NULLABLE,
	    .doc = "Only this address may use it"),
	FIELD(struct auth_invite, role_names, .flags = FF_HIDDEN,
	    .doc = "Role names separated by commas"),
	FIELD(struct auth_invite, roles, .elem = FT_STR, .flags = FF_NOSQL,
	    .doc = "Roles of whoever uses it"),
	FIELD(struct auth_invite, token_hash, .flags = FF_HIDDEN,
	    .doc = "SHA-256 of the token"),
	FIELD(struct auth_invite, token, .flags = FF_NOSQL | FF_NULLABLE,
	    .doc = "For register; shown once"),
	FIELD(struct auth_invite, created_at, .doc = "When it was made"),
	FIELD(struct auth_invite, expires_at, .doc = "Useless from then on"),
	FIELD(struct auth_invite, used_at, .flags = FF_NULLABLE,
	    .doc = "When it was used"),
	FIELD_END
};
const struct schema auth_invite_schema = {
	.name = "Invite", .doc = "A one-use invitation to register",
	.size = sizeof(struct auth_invite), .fields = invite_fields
};

#define INVITE_COLUMNS "id, tenant_id, invited_by, email, role_names, " \
	"token_hash, created_at, expires_at, used_at"

static const struct query INVITE_INSERT = { "auth_invite.insert",
	"INSERT INTO auth_invite (" INVITE_COLUMNS ") "
	"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", NULL };
static const struct query INVITE_PAGE = { "auth_invite.page",
	"SELECT " INVITE_COLUMNS " FROM auth_invite WHERE tenant_id = ? "
	"AND id > COALESCE(?, X'00') ORDER BY id LIMIT ?",
	&auth_invite_schema };
static const struct query INVITE_OPEN = { "auth_invite.open",
	"SELECT " INVITE_COLUMNS " FROM auth_invite WHERE token_hash = ? "
	"AND used_at IS NULL AND expires_at > ? LIMIT 1",
	&auth_invite_schema };
static const struct query INVITE_USE = { "auth_invite.use",
	"UPDATE auth_invite SET used_at = ? WHERE id = ? AND used_at IS NULL",
	NULL };
static const struct query INVITE_DELETE = { "auth_invite.delete",
	"DELETE FROM auth_invite WHERE tenant_id = ? AND id = ?", NULL };

const struct query *const auth_invite_queries[] = {
	&INVITE_INSERT, &INVITE_PAGE, &INVITE_OPEN, &INVITE_USE,
	&INVITE_DELETE, NULL
};

int
auth_invite_insert(struct db *db, const struct auth_invite *i, struct err *e)
{
	return db_exec(db, &INVITE_INSERT, ARGS(V(i->id), V(i->tenant_id),
	    V(i->invited_by), V(i->email), V(i->role_names), V(i->token_hash),
	    V(i->created_at), V(i->expires_at), V(i->used_at)), NULL, e);
}

int
auth_invite_page(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid after, int64_t limit, struct rows *out, struct err *e)
{
	if (db_all(db, a, &INVITE_PAGE, ARGS(V(tenant), V(after), V(limit)),
	    out, e) == -1)
		return -1;
	for (size_t i = 0; i < out->n; i++) {
		struct auth_invite *v = ROW(out, struct auth_invite, i);

		v->roles = auth_names_split(a, v->role_names);
	}
	return 0;
}

int
auth_invite_open(struct db *db, struct arena *a, struct blob token_hash,
    struct utc now, struct auth_invite *out, struct err *e)
{
	return db_one(db, a, &INVITE_OPEN, ARGS(V(token_hash), V(now)), out, e);
}

int
auth_invite_use(struct db *db, struct uuid id, struct utc now, struct err *e)
{
	uint64_t hit;

	if (db_exec(db, &INVITE_USE, ARGS(V(now), V(id)), &hit, e) == -1)
		return -1;
	return hit == 0;
}

int
auth_invite_delete(struct db *db, struct uuid tenant, struct uuid id,
    struct err *e)
{
	uint64_t hit;

	if (db_exec(db, &INVITE_DELETE, ARGS(V(tenant), V(id)), &hit, e) == -1)
		return -1;
	return hit == 0;
}
