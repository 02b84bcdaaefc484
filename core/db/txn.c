/*
 * Transactions. Invariant: what commits is either everything or nothing. The
 * first error poisons a transaction, so a handler that swallows a deadlock
 * cannot commit the half that the server kept or the autocommitted rest; and
 * a ROLLBACK is always sent before another try (1205 undoes one statement
 * only). A lost COMMIT is "uncertain", never repeated.
 */
#include <stdio.h>
#include <time.h>

#include "base/check.h"
#include "base/random.h"
#include "db/internal.h"

enum { TXN_RETRIES = 3, JITTER_MS = 10 };

bool
db_in_txn(const struct db *db)
{
	return db->in_txn;
}

int
db_begin(struct db *db, struct err *err)
{
	if (db->in_txn) {
		err_set(err, 500, "internal", "Internal error");
		err_cause(err, "a transaction is open already");
		return db_refuse(db, err);
	}
	if (db_ready(db, err) == -1 || (!db_post_begin(db) && db_text(db,
	    "begin", "START TRANSACTION", SENT_NOTHING, err) == -1))
		return -1;
	db->in_txn = true;
	db->poisoned = db->lost = false;
	db->savepoints = 0;
	txn_depth_add(1);
	return 0;
}

/* The transaction is over; returns its hooks, still in the arena. */
static void
end(struct db *db)
{
	db->in_txn = db->poisoned = db->lost = false;
	db->savepoints = 0;
	txn_depth_add(-1);
}

static void
drop_hooks(struct db *db)
{
	db->hooks.v = NULL;
	db->hooks.n = db->hooks.cap = 0;
	arena_reset(db->txn);
}

void
db_rollback(struct db *db)
{
	struct err ignored;
	bool lost;

	if (!db->in_txn)
		return;
	err_clear(&ignored);
	db_unask(db);
	(void)db_collect(db, &ignored);
	lost = db->lost || db->my == NULL;
	end(db);
	drop_hooks(db);
	if (lost)
		return;
	db->statements++;
	db->trips++;
	crumb("rollback");
	if (mysql_real_query(db->my, "ROLLBACK", 8) != 0) {
		err_clear(&ignored);
		db_fail(db, "rollback", mysql_errno(db->my),
		    mysql_error(db->my), SENT_NOTHING, &ignored);
		db_disconnect(db, true);
	}
}

static void
run_hooks(struct db *db)
{
	size_t i;

	/* Outside the transaction: a hook's own db_on_commit runs at once. */
	for (i = 0; i < db->hooks.n; i++)
		db->hooks.v[i].fn(db->hooks.v[i].arg);
	drop_hooks(db);
}

int
db_commit(struct db *db, struct err *err)
{
	unsigned native;

	ASSERT(db->in_txn);
	if (db->poisoned || db_collect(db, err) == -1) {
		*err = db->poison;
		db_rollback(db);
		return -1;
	}
	crumb("commit");
	db->statements++;
	db->trips++;
	if (mysql_real_query(db->my, "COMMIT", 6) != 0) {
		native = mysql_errno(db->my);
		db_fail(db, "commit", native, mysql_error(db->my),
		    SENT_WRITE, err);
		db_rollback(db);
		return -1;
	}
	end(db);
	run_hooks(db);
	return db_still(db, "commit", err);
}

void
db_on_commit(struct db *db, void (*fn)(void *), void *arg)
{
	if (!db->in_txn) {
		fn(arg);
		return;
	}
	*VEC_ADD(db->txn, &db->hooks) = (struct db_hook){ fn, arg };
}

void *
db_memory(struct db *db, size_t n)
{
	return arena_alloc(db->txn, n);
}

static void
pause_before(int attempt)
{
	uint64_t ns = random_below(((uint64_t)JITTER_MS << attempt) * 1000000);
	struct timespec ts = { .tv_nsec = (long)ns };

	nanosleep(&ts, NULL);
}

int
db_txn(struct db *db, struct arena *a, int (*fn)(struct db *, void *,
    struct err *), void *arg, struct err *err)
{
	struct arena_mark m = arena_mark(a);
	int attempt;

	for (attempt = 0;; attempt++) {
		if (db_begin(db, err) == 0) {
			if (fn(db, arg, err) == -1)
				db_rollback(db);
			else if (db_commit(db, err) == 0)
				return 0;
		}
		if (!db_retryable(err) || attempt == TXN_RETRIES)
			return -1;
		pause_before(attempt);
		arena_rewind(a, m);
		err_clear(err);
	}
}

static int
savepoint_text(struct db *db, const char *verb, unsigned n, struct err *err)
{
	char sql[64];

	snprintf(sql, sizeof(sql), "%s sp%u", verb, n);
	return db_text(db, "savepoint", sql, SENT_NOTHING, err);
}

int
db_savepoint(struct db *db, int (*fn)(struct db *, void *, struct err *),
    void *arg, struct err *err)
{
	size_t nhooks = db->hooks.n;
	struct err undo;
	unsigned n;
	int rc;

	ASSERT(db->in_txn);
	n = db->savepoints + 1;
	if (savepoint_text(db, "SAVEPOINT", n, err) == -1)
		return -1;
	db->savepoints = n;
	rc = fn(db, arg, err);
	db->savepoints = n - 1;
	if (rc != 0)
		db_unask(db);
	else if (!db->poisoned)
		rc = db_collect(db, err);
	if (rc == 0 && !db->poisoned)
		return savepoint_text(db, "RELEASE SAVEPOINT", n, err);
	if (db->poisoned && (rc == 0 || db->lost ||
	    db_retryable(&db->poison)))
		*err = db->poison;
	if (db->lost || (db->poisoned && db_retryable(&db->poison)))
		return -1;
	db->poisoned = false;
	db->hooks.n = nhooks;
	err_clear(&undo);
	if (savepoint_text(db, "ROLLBACK TO SAVEPOINT", n, &undo) == -1)
		*err = undo;
	return -1;
}
