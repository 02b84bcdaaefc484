/*
 * Rows of revocations and the epoch. All SQL on auth_revocation and
 * auth_epoch is here. Invariant: a revocation carries the epoch that the same
 * transaction reached; the row lock on the epoch makes epochs grow in commit
 * order, so that a reader who saw epoch n sees all rows up to n.
 */
#include "base/clock.h"
#include "modules/auth/auth.h"
#include "modules/auth/revocation.h"
#include "modules/auth/rows.h"

static const struct field revocation_fields[] = {
	FIELD(struct auth_revocation, kind, .doc = "session, user or tenant"),
	FIELD(struct auth_revocation, subject, .doc = "Which one"),
	FIELD(struct auth_revocation, epoch,
	    .doc = "Tokens issued under an earlier one are dead"),
	FIELD(struct auth_revocation, expires_at,
	    .doc = "When the last such token has expired by itself"),
	FIELD_END
};
const struct schema auth_revocation_schema = {
	.name = "Revocation", .doc = "Tokens that may not be used any more",
	.size = sizeof(struct auth_revocation), .fields = revocation_fields
};

static const struct query EPOCH_READ = { "auth_epoch.read",
	"SELECT epoch AS n FROM auth_epoch WHERE id = 1", &auth_count_schema };
static const struct query EPOCH_STEP = { "auth_epoch.step",
	"UPDATE auth_epoch SET epoch = epoch + 1 WHERE id = 1", NULL };
static const struct query REVOCATION_PUT = { "auth_revocation.put",
	"INSERT INTO auth_revocation (kind, subject, epoch, expires_at) "
	"VALUES (?, ?, ?, ?) ON DUPLICATE KEY UPDATE epoch = VALUES(epoch), "
	"expires_at = GREATEST(expires_at, VALUES(expires_at))", NULL };
static const struct query REVOCATION_PUT_SESSIONS = {
	"auth_revocation.put_sessions",
	"INSERT INTO auth_revocation (kind, subject, epoch, expires_at) "
	"SELECT 'session', s.id, ?, ? FROM auth_session s "
	"WHERE s.user_id = ? AND s.revoked_at IS NULL "
	"AND s.id <> COALESCE(?, X'00') "
	"ON DUPLICATE KEY UPDATE epoch = VALUES(epoch), "
	"expires_at = GREATEST(auth_revocation.expires_at, "
	"VALUES(expires_at))", NULL };
static const struct query REVOCATION_SINCE = { "auth_revocation.since",
	"SELECT kind, subject, epoch, expires_at FROM auth_revocation "
	"WHERE epoch > ? AND expires_at > ? ORDER BY epoch", &auth_revocation_schema };

/* Epochs count up by one; the clock is past any that a database that is gone
 * may have reached. */
static const struct query RESTORED_EPOCH = { "auth_epoch.restored",
	"INSERT INTO auth_epoch (id, epoch) VALUES (1, ?) ON DUPLICATE KEY "
	"UPDATE epoch = GREATEST(epoch + 1, VALUES(epoch))", NULL };
static const struct query RESTORED_TENANTS = { "auth_revocation.restored",
	"INSERT INTO auth_revocation (kind, subject, epoch, expires_at) "
	"SELECT 'tenant', t.id, e.epoch, NOW(6) + INTERVAL 2 DAY "
	"FROM auth_tenant t, auth_epoch e WHERE e.id = 1 "
	"ON DUPLICATE KEY UPDATE epoch = VALUES(epoch), "
	"expires_at = VALUES(expires_at)", NULL };
static const struct query RESTORED_SESSIONS = { "auth_session.restored",
	"DELETE FROM auth_session", NULL };

const struct query *const auth_revocation_queries[] = {
	&EPOCH_READ, &EPOCH_STEP, &REVOCATION_PUT, &REVOCATION_PUT_SESSIONS,
	&REVOCATION_SINCE, &RESTORED_EPOCH, &RESTORED_TENANTS,
	&RESTORED_SESSIONS, NULL
};

int
auth_restored(struct db *db, struct utc now, struct err *e)
{
	if (db_exec(db, &RESTORED_EPOCH, ARGS(V(now.us / US_PER_S)), NULL,
	    e) == -1 ||
	    db_exec(db, &RESTORED_TENANTS, NO_ARGS, NULL, e) == -1)
		return -1;
	return db_exec(db, &RESTORED_SESSIONS, NO_ARGS, NULL, e);
}

int
auth_epoch_read(struct db *db, struct arena *a, int64_t *epoch, struct err *e)
{
	struct auth_count c;
	int rc = db_one(db, a, &EPOCH_READ, NO_ARGS, &c, e);

	if (rc == 1)
		return err_set(e, 503, "not_migrated",
		    "The database is not set up: run quincunx migrate");
	if (rc == 0)
		*epoch = c.n;
	return rc;
}

int
auth_epoch_next(struct db *db, struct arena *a, int64_t *epoch, struct err *e)
{
	if (db_exec(db, &EPOCH_STEP, NO_ARGS, NULL, e) == -1)
		return -1;
	return auth_epoch_read(db, a, epoch, e);
}

int
auth_revocation_put(struct db *db, const struct auth_revocation *r,
    struct err *e)
{
	return db_exec(db, &REVOCATION_PUT, ARGS(V(r->kind), V(r->subject),
	    V(r->epoch), V(r->expires_at)), NULL, e);
}

int
auth_revocation_put_sessions(struct db *db, struct uuid user,
    struct uuid keep, int64_t epoch, struct utc expires_at, struct err *e)
{
	return db_exec(db, &REVOCATION_PUT_SESSIONS, ARGS(V(epoch),
	    V(expires_at), V(user), V(keep)), NULL, e);
}

int
auth_revocation_since(struct db *db, struct arena *a, int64_t epoch,
    struct utc now, int (*fn)(void *, const void *, struct err *), void *arg,
    struct err *e)
{
	return db_each(db, a, &REVOCATION_SINCE, ARGS(V(epoch), V(now)), fn,
	    arg, e);
}
