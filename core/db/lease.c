/*
 * Leases in one table. Invariant: the token grows by one at each change of
 * holder, and never otherwise; MariaDB assigns from left to right, so the
 * token is computed BEFORE the holder is overwritten (the other way round it
 * stays for ever). The holder gives up by its own boot clock, measured from
 * before the request was sent: always earlier than the row expires.
 */
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "db/db.h"
#include "db/lease.h"

struct count_row {
	int64_t n;
};
static const struct field count_fields[] = {
	FIELD(struct count_row, n,
	    .doc = "Rows"), FIELD_END
};
static const struct schema count_schema = {
	.name = "DbLeaseCount", .size = sizeof(struct count_row),
	.fields = count_fields
};

/* LAST_INSERT_ID(x) hands the token back without a second statement. */
static const struct query TAKE = { "db_lease.take",
	"UPDATE db_lease SET token = LAST_INSERT_ID(token + (holder <> ?)), "
	"holder = ?, expires = NOW(6) + INTERVAL ? SECOND "
	"WHERE role = ? AND (holder = ? OR expires <= NOW(6))", NULL };
static const struct query EXISTS = { "db_lease.exists",
	"SELECT COUNT(*) AS n FROM db_lease WHERE role = ?", &count_schema };
static const struct query CREATE = { "db_lease.create",
	"INSERT INTO db_lease (role, holder, token, expires) "
	"VALUES (?, ?, 1, NOW(6) + INTERVAL ? SECOND)", NULL };
static const struct query RELEASE = { "db_lease.release",
	"UPDATE db_lease SET expires = NOW(6) "
	"WHERE role = ? AND holder = ? AND token = ?", NULL };
/* Writes: Galera certifies rows that changed, not rows that were locked. */
static const struct query GUARD = { "db_lease.guard",
	"UPDATE db_lease SET writes = writes + 1 "
	"WHERE role = ? AND holder = ? AND token = ?", NULL };

static const struct db_miss lost = { 409, "lease_lost",
	"Another process has taken over" };

static const struct query RESTORED = { "db_lease.restored",
	"UPDATE db_lease SET token = token + 1000000000, expires = NOW(6)",
	NULL };

const struct query *const lease_queries[] = {
	&TAKE, &EXISTS, &CREATE, &RELEASE, &GUARD, &RESTORED, NULL
};

static int
row_exists(struct db *db, const char *role, struct err *err)
{
	struct arena *a = arena_new(64 << 10);
	struct count_row row;
	int rc;

	rc = db_one(db, a, &EXISTS, ARGS(V(role)), &row, err);
	arena_free(a);
	return rc == 0 ? row.n > 0 : -1;
}

/* Somebody who waits for the row or changed it first holds it. */
static int
lost_race(struct err *err)
{
	if (err->native != 1062 && !db_retryable(err))
		return -1;
	err_clear(err);
	return 1;
}

static int
create(struct db *db, struct lease *l, int ttl_s, struct err *err)
{
	int rc = row_exists(db, l->role, err);

	if (rc != 0)
		return rc;
	if (db_exec(db, &CREATE, ARGS(V(l->role), V(l->holder), V(ttl_s)),
	    NULL, err) == -1)
		return lost_race(err);
	l->token = 1;
	return 0;
}

int
lease_take(struct db *db, struct lease *l, int ttl_s, struct err *err)
{
	int64_t sent = clock_boot_ns();
	uint64_t n;
	int rc = 0;

	ASSERT(!db_in_txn(db));
	if (db_exec(db, &TAKE, ARGS(V(l->holder), V(l->holder), V(ttl_s),
	    V(l->role), V(l->holder)), &n, err) == -1)
		return lost_race(err);
	if (n == 1)
		l->token = (int64_t)db_insert_id(db);
	else
		rc = create(db, l, ttl_s, err);
	if (rc == 0)
		l->until_boot_ns = sent + ttl_s * INT64_C(1000000000);
	return rc;
}

int
lease_release(struct db *db, struct lease *l, struct err *err)
{
	l->until_boot_ns = 0;
	return db_exec(db, &RELEASE, ARGS(V(l->role), V(l->holder),
	    V(l->token)), NULL, err);
}

int
lease_guard(struct db *db, const struct lease *l, struct err *err)
{
	ASSERT(db_in_txn(db));
	return db_post_must(db, &GUARD, ARGS(V(l->role), V(l->holder),
	    V(l->token)), &lost, err);
}

int
lease_restored(struct db *db, struct err *err)
{
	return db_exec(db, &RESTORED, NO_ARGS, NULL, err);
}
