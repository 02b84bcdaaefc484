/*
 * Rows of reset links. All SQL on auth_reset is here. Invariant: a token is
 * stored as its digest, and taking it deletes it.
 */
#include "modules/auth/password.h"

static const struct field reset_fields[] = {
	FIELD(struct auth_reset, token_hash, .doc = "SHA-256 of the token"),
	FIELD(struct auth_reset, user_id, .doc = "Whose password"),
	FIELD(struct auth_reset, created_at, .doc = "When it was made"),
	FIELD(struct auth_reset, expires_at, .doc = "Useless from then on"),
	FIELD_END
};
const struct schema auth_reset_schema = {
	.name = "PasswordReset", .doc = "A one-use reset link",
	.size = sizeof(struct auth_reset), .fields = reset_fields
};

#define RESET_COLUMNS "token_hash, user_id, created_at, expires_at"

static const struct query RESET_INSERT = { "auth_reset.insert",
	"INSERT INTO auth_reset (" RESET_COLUMNS ") VALUES (?, ?, ?, ?)",
	NULL };
static const struct query RESET_FIND = { "auth_reset.find",
	"SELECT " RESET_COLUMNS " FROM auth_reset WHERE token_hash = ? "
	"AND expires_at > ? LIMIT 1", &auth_reset_schema };
static const struct query RESET_LOCK = { "auth_reset.lock",
	"SELECT " RESET_COLUMNS " FROM auth_reset WHERE token_hash = ? "
	"AND expires_at > ? FOR UPDATE", &auth_reset_schema };
static const struct query RESET_DELETE = { "auth_reset.delete",
	"DELETE FROM auth_reset WHERE user_id = ?", NULL };

const struct query *const auth_password_queries[] = {
	&RESET_INSERT, &RESET_FIND, &RESET_LOCK, &RESET_DELETE, NULL
};

int
auth_reset_drop(struct db *db, struct uuid user, struct err *e)
{
	return db_exec(db, &RESET_DELETE, ARGS(V(user)), NULL, e);
}

int
auth_reset_insert(struct db *db, const struct auth_reset *r, struct err *e)
{
	if (auth_reset_drop(db, r->user_id, e) == -1)
		return -1;
	return db_exec(db, &RESET_INSERT, ARGS(V(r->token_hash),
	    V(r->user_id), V(r->created_at), V(r->expires_at)), NULL, e);
}

int
auth_reset_find(struct db *db, struct arena *a, struct blob token_hash,
    struct utc now, struct auth_reset *out, struct err *e)
{
	return db_one(db, a, &RESET_FIND, ARGS(V(token_hash), V(now)), out, e);
}

int
auth_reset_take(struct db *db, struct arena *a, struct blob token_hash,
    struct utc now, struct auth_reset *out, struct err *e)
{
	int rc = db_one(db, a, &RESET_LOCK, ARGS(V(token_hash), V(now)), out,
	    e);

	if (rc != 0)
		return rc;
	return auth_reset_drop(db, out->user_id, e);
}
