/*
 * Rows of sessions and of failed logins. All SQL on auth_session and
 * auth_attempt is here. Invariant: a refresh reads its session under a row
 * lock, so that two tabs rotate one after the other.
 */
#include "modules/auth/rows.h"
#include "modules/auth/session.h"

static const struct field session_fields[] = {
	FIELD(struct auth_session, id, .flags = FF_READONLY,
	    .doc = "Identifier"),
	FIELD(struct auth_session, user_id, .flags = FF_HIDDEN,
	    .doc = "Whose session"),
	FIELD(struct auth_session, tenant_id, .flags = FF_HIDDEN,
	    .doc = "Tenant of the user"),
	FIELD(struct auth_session, n, .flags = FF_HIDDEN,
	    .doc = "Number of the current refresh token"),
	FIELD(struct auth_session, nonce, .flags = FF_HIDDEN,
	    .doc = "Random part of its tokens"),
	FIELD(struct auth_session, device, .flags = FF_HIDDEN,
	    .doc = "Digest of the user agent"),
	FIELD(struct auth_session, agent, .max = 200, .doc = "User agent"),
	FIELD(struct auth_session, ip, .max = 45,
	    .doc = "Address of the login"),
	FIELD(struct auth_session, auth_time,
	    .doc = "When the password was last proved"),
	FIELD(struct auth_session, created_at, .doc = "Login"),
	FIELD(struct auth_session, used_at, .doc = "Last refresh"),
	FIELD(struct auth_session, expires_at,
	    .doc = "End, unless it is refreshed before"),
	FIELD(struct auth_session, revoked_at, .flags = FF_HIDDEN |
	    FF_NULLABLE, .doc = "When somebody ended it"),
	FIELD(struct auth_session, current, .flags = FF_NOSQL,
	    .doc = "The session that asks"),
	FIELD_END
};
const struct schema auth_session_schema = {
	.name = "Session", .doc = "One login on one device",
	.size = sizeof(struct auth_session), .fields = session_fields
};

static const struct field attempt_fields[] = {
	FIELD(struct auth_attempt, account, .doc = "User, or digest of a name"),
	FIELD(struct auth_attempt, failures, .doc = "In a row"),
	FIELD(struct auth_attempt, last_at, .doc = "The last of them"),
	FIELD_END
};
const struct schema auth_attempt_schema = {
	.name = "LoginAttempt", .doc = "Failed logins of an account",
	.size = sizeof(struct auth_attempt), .fields = attempt_fields
};

#define SESSION_COLUMNS "id, user_id, tenant_id, n, nonce, device, agent, " \
	"ip, auth_time, created_at, used_at, expires_at"

static const struct query SESSION_INSERT = { "auth_session.insert",
	"INSERT INTO auth_session (" SESSION_COLUMNS ") "
	"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", NULL };
static const struct query SESSION_LOCK = { "auth_session.lock",
	"SELECT " SESSION_COLUMNS " FROM auth_session WHERE id = ? "
	"AND revoked_at IS NULL AND expires_at > ? FOR UPDATE",
	&auth_session_schema };
static const struct query SESSION_ROTATE = { "auth_session.rotate",
	"UPDATE auth_session SET n = ?, used_at = ?, expires_at = ? "
	"WHERE id = ?", NULL };
static const struct query SESSION_PROVED = { "auth_session.proved",
	"UPDATE auth_session SET auth_time = ? WHERE id = ?", NULL };
static const struct query SESSION_END = { "auth_session.end",
	"UPDATE auth_session SET revoked_at = ? WHERE id = ? "
	"AND revoked_at IS NULL", NULL };
static const struct query SESSION_END_ALL = { "auth_session.end_all",
	"UPDATE auth_session SET revoked_at = ? WHERE user_id = ? "
	"AND revoked_at IS NULL AND id <> COALESCE(?, X'00')", NULL };
static const struct query SESSION_OF_USER = { "auth_session.of_user",
	"SELECT " SESSION_COLUMNS " FROM auth_session WHERE user_id = ? "
	"AND revoked_at IS NULL AND expires_at > ? "
	"AND id > COALESCE(?, X'00') ORDER BY id LIMIT ?",
	&auth_session_schema };
static const struct query SESSION_ONE = { "auth_session.one",
	"SELECT " SESSION_COLUMNS " FROM auth_session WHERE user_id = ? "
	"AND id = ? AND revoked_at IS NULL LIMIT 1", &auth_session_schema };
static const struct query SESSION_COUNT = { "auth_session.count",
	"SELECT COUNT(*) AS n FROM auth_session WHERE user_id = ? "
	"AND revoked_at IS NULL AND expires_at > ?", &auth_count_schema };
static const struct query ATTEMPT_GET = { "auth_attempt.get",
	"SELECT account, failures, last_at FROM auth_attempt "
	"WHERE account = ? LIMIT 1", &auth_attempt_schema };
static const struct query ATTEMPT_ADD = { "auth_attempt.add",
	"INSERT INTO auth_attempt (account, failures, last_at) "
	"VALUES (?, 1, ?) ON DUPLICATE KEY UPDATE "
	"failures = IF(last_at < ? - INTERVAL 1 DAY, 1, failures + 1), "
	"last_at = GREATEST(last_at, VALUES(last_at))", NULL };
static const struct query ATTEMPT_CLEAR = { "auth_attempt.clear",
	"DELETE FROM auth_attempt WHERE account = ?", NULL };

const struct query *const auth_session_queries[] = {
	&SESSION_INSERT, &SESSION_LOCK, &SESSION_ROTATE, &SESSION_PROVED,
	&SESSION_END, &SESSION_END_ALL, &SESSION_OF_USER, &SESSION_ONE,
	&SESSION_COUNT, &ATTEMPT_GET, &ATTEMPT_ADD, &ATTEMPT_CLEAR, NULL
};

int
auth_session_insert(struct db *db, const struct auth_session *s,
    struct err *e)
{
	return db_exec(db, &SESSION_INSERT, ARGS(V(s->id), V(s->user_id),
	    V(s->tenant_id), V(s->n), V(s->nonce), V(s->device), V(s->agent),
	    V(s->ip), V(s->auth_time), V(s->created_at), V(s->used_at),
	    V(s->expires_at)), NULL, e);
}

int
auth_session_lock(struct db *db, struct arena *a, struct uuid id,
    struct utc now, struct auth_session *out, struct err *e)
{
	return db_one(db, a, &SESSION_LOCK, ARGS(V(id), V(now)), out, e);
}

int
auth_session_rotate(struct db *db, struct uuid id, int64_t n, struct utc now,
    struct utc expires_at, struct err *e)
{
	return db_exec(db, &SESSION_ROTATE, ARGS(V(n), V(now), V(expires_at),
	    V(id)), NULL, e);
}

int
auth_session_proved(struct db *db, struct uuid id, struct utc now,
    struct err *e)
{
	return db_exec(db, &SESSION_PROVED, ARGS(V(now), V(id)), NULL, e);
}

int
auth_session_end(struct db *db, struct uuid id, struct utc now, struct err *e)
{
	return db_exec(db, &SESSION_END, ARGS(V(now), V(id)), NULL, e);
}

int
auth_session_end_all(struct db *db, struct uuid user, struct uuid keep,
    struct utc now, struct err *e)
{
	return db_exec(db, &SESSION_END_ALL, ARGS(V(now), V(user), V(keep)),
	    NULL, e);
}

int
auth_session_of_user(struct db *db, struct arena *a, struct uuid user,
    struct utc now, struct uuid after, int64_t limit, struct rows *out,
    struct err *e)
{
	return db_all(db, a, &SESSION_OF_USER, ARGS(V(user), V(now), V(after),
	    V(limit)), out, e);
}

int
auth_session_one(struct db *db, struct arena *a, struct uuid user,
    struct uuid id, struct auth_session *out, struct err *e)
{
	return db_one(db, a, &SESSION_ONE, ARGS(V(user), V(id)), out, e);
}

int
auth_session_count(struct db *db, struct arena *a, struct uuid user,
    struct utc now, int64_t *n, struct err *e)
{
	struct auth_count c = { 0 };

	if (db_one(db, a, &SESSION_COUNT, ARGS(V(user), V(now)), &c, e) == -1)
		return -1;
	*n = c.n;
	return 0;
}

int
auth_attempt_get(struct db *db, struct arena *a, struct uuid account,
    struct auth_attempt *out, struct err *e)
{
	return db_one(db, a, &ATTEMPT_GET, ARGS(V(account)), out, e);
}

int
auth_attempt_add(struct db *db, struct uuid account, struct utc now,
    struct err *e)
{
	return db_exec(db, &ATTEMPT_ADD, ARGS(V(account), V(now), V(now)),
	    NULL, e);
}

int
auth_attempt_clear(struct db *db, struct uuid account, struct err *e)
{
	return db_exec(db, &ATTEMPT_CLEAR, ARGS(V(account)), NULL, e);
}
