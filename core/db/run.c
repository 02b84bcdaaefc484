/*
 * Executes statements and reads their rows: one round trip for a SELECT whose
 * statement is prepared. A statement that may have reached the server is never
 * sent twice; one that did not (idle connection found dead) is, once, outside
 * a transaction.
 */
#include <string.h>

#include <errmsg.h>

#include "base/check.h"
#include "base/clock.h"
#include "db/internal.h"

static const struct field id_fields[] = {
	FIELD(struct db_id, id, .doc = "Row"), FIELD_END
};
const struct schema db_id_schema = {
	.name = "Id", .doc = "Identifier of a row",
	.size = sizeof(struct db_id), .fields = id_fields
};
#include "db/metrics.h"

enum { PREFETCH = 256, MANY_ROWS = 2000, MANY_BYTES = 1 << 20,
	AT_ONCE_MS = 100, TRIES = 2 };

void
db_observe(const struct stmt *st, int64_t start_ns)
{
	db_query_seen(st->metric, (uint64_t)(clock_boot_ns() - start_ns));
}

int
db_still(struct db *db, const char *name, struct err *err)
{
	unsigned status = 0;

	db->used_ns = clock_boot_ns();
	if (!db->in_txn)
		return 0;
	mariadb_get_infov(db->my, MARIADB_CONNECTION_SERVER_STATUS, &status);
	if (status & SERVER_STATUS_IN_TRANS)
		return 0;
	err_set(err, 500, "internal", "Internal error");
	err_cause(err, "%s ended the transaction", name);
	return db_refuse(db, err);
}

/* True when a failure outside a transaction came at once and the server
 * cannot have done anything: opens a new connection for another try. */
static bool
try_again(struct db *db, unsigned native, bool unsent, int64_t start_ns,
    int *tries)
{
	struct err ignored;

	if (db->in_txn || db->reading > 0 || ++*tries >= TRIES)
		return false;
	if (native != CR_SERVER_GONE_ERROR &&
	    !(unsent && native == CR_SERVER_LOST))
		return false;
	if (clock_boot_ns() - start_ns > AT_ONCE_MS * INT64_C(1000000))
		return false;
	db_disconnect(db, true);
	err_clear(&ignored);
	return db_connect(db, &ignored) == 0;
}

/* ANALYZE TABLE and the like answer with rows that nobody asked for. */
static void
drop_rows(struct db *db)
{
	if (mysql_field_count(db->my) > 0)
		mysql_free_result(mysql_store_result(db->my));
}

int
db_text(struct db *db, const char *name, const char *sql, enum sent sent,
    struct err *err)
{
	int64_t start;
	int tries = 0;

	if (db_ready(db, err) == -1 || (sent != SENT_NOTHING &&
	    db_alone(db, err) == -1) || db_collect(db, err) == -1)
		return -1;
	ASSERT(db->reading == 0 || db->in_txn);
	crumb(name);
	start = clock_boot_ns();
	for (;;) {
		db->statements++;
		db->trips++;
		if (mysql_real_query(db->my, sql, strlen(sql)) == 0) {
			drop_rows(db);
			return db_still(db, name, err);
		}
		if (!try_again(db, mysql_errno(db->my), sent == SENT_NOTHING,
		    start, &tries))
			break;
	}
	if (db->my == NULL) {
		/* The other try could not even connect. */
		err_set(err, 503, "db_down", "The database is not available");
		err->retry_after_s = 1;
		return -1;
	}
	return db_fail(db, name, mysql_errno(db->my), mysql_error(db->my),
	    sent, err);
}

static void
set_cursor(struct stmt *st, bool cursor)
{
	unsigned long type = cursor ? CURSOR_TYPE_READ_ONLY :
	    CURSOR_TYPE_NO_CURSOR, rows = PREFETCH;

	if (st->cursor == cursor)
		return;
	mysql_stmt_attr_set(st->h, STMT_ATTR_CURSOR_TYPE, &type);
	if (cursor)
		mysql_stmt_attr_set(st->h, STMT_ATTR_PREFETCH_ROWS, &rows);
	st->cursor = cursor;
	st->stored = true;
}

/* The server may answer with other types than it promised (expressions over
 * parameters). */
static int
check_types(struct db *db, struct stmt *st, struct err *err)
{
	size_t i;

	for (i = 0; i < st->ncols; i++)
		if (st->h->fields[i].type != st->type[i])
			return stmt_describe(db, st, err);
	return 0;
}

static int
own_fault(struct db *db, const struct query *q, const char *why,
    struct err *err)
{
	err_set(err, 500, "internal", "Internal error");
	err_cause(err, "%s: %s", q->name, why);
	return db_refuse(db, err);
}

/* Sends what is bound; *tries counts over the caller's loop. 1: prepare and
 * bind again on the new connection. */
static int
send(struct db *db, struct stmt *st, int64_t start, int *tries,
    struct err *err)
{
	const struct query *q = st->q;
	enum sent sent = q->row != NULL ? SENT_READ : SENT_WRITE;
	unsigned native;
	int rc = db_await(db, st, err);

	if (rc != 1)
		return rc;
	native = mysql_stmt_errno(st->h);
	if (native == CR_SERVER_GONE_ERROR && !db->in_txn && *tries == 0) {
		if (try_again(db, native, true, start, tries))
			return 1;
		if (db->my == NULL)
			return db_fail(db, q->name, native, "lost",
			    SENT_NOTHING, err);
	}
	if (native == CR_SERVER_GONE_ERROR)
		sent = SENT_NOTHING;
	return db_fail(db, q->name, native, mysql_stmt_error(st->h), sent,
	    err);
}

/* A statement that could not be prepared had no effect. */
static int
get_stmt(struct db *db, const struct query *q, struct stmt **st,
    int64_t start, int *tries, struct err *err)
{
	if (stmt_get(db, q, st, err) == 0)
		return 0;
	if (db->my == NULL && !db->in_txn && ++*tries < TRIES &&
	    clock_boot_ns() - start < AT_ONCE_MS * INT64_C(1000000)) {
		err_clear(err);
		return db_connect(db, err) == -1 ? -1 : 1;
	}
	return -1;
}

int
db_execute(struct db *db, const struct query *q, const struct val *v,
    size_t n, bool cursor, struct stmt **out, struct err *err)
{
	struct stmt *st;
	int64_t start;
	int tries = 0, rc;

	if (db_ready(db, err) == -1 || db_alone(db, err) == -1)
		return -1;
	crumb(q->name);
	start = clock_boot_ns();
	do {
		rc = get_stmt(db, q, &st, start, &tries, err);
		if (rc != 0)
			continue;
		if (st->busy)
			return own_fault(db, q, "is being read", err);
		set_cursor(st, cursor);
		if (bind_params(st, v, n, err) == -1)
			return db_refuse(db, err);
		rc = send(db, st, start, &tries, err);
	} while (rc == 1);
	if (rc == -1)
		return -1;
	*out = st;
	return q->row != NULL ? db_rows_come(db, st, err) : 0;
}

int
db_rows_come(struct db *db, struct stmt *st, struct err *err)
{
	st->busy = true;
	db->reading++;
	if (check_types(db, st, err) == 0)
		return 0;
	mysql_stmt_free_result(st->h);
	st->busy = false;
	db->reading--;
	return -1;
}

/* A row that did not come: the library leaves the reason in the connection
 * when the error came in place of a row. Galera reports a lost certification
 * as late as here. */
static int
fetch_failed(struct db *db, struct stmt *st, struct err *err)
{
	unsigned native = mysql_stmt_errno(st->h);

	if (native != 0)
		return db_fail(db, st->q->name, native,
		    mysql_stmt_error(st->h), SENT_READ, err);
	return db_fail(db, st->q->name, mysql_errno(db->my),
	    mysql_error(db->my), SENT_READ, err);
}

/* Ends reading; rows left over are thrown away. */
static void
done(struct db *db, struct stmt *st, bool all_read)
{
	if (!all_read)
		mysql_stmt_free_result(st->h);
	st->busy = false;
	db->reading--;
}

/* 0 a row is in *row, 1 no more, -1 error. After 1 and -1 reading is over. */
static int
next(struct db *db, struct stmt *st, struct arena *a, void *row,
    struct err *err)
{
	const struct query *q = st->q;

	switch (mysql_stmt_fetch(st->h)) {
	case 0:
	case MYSQL_DATA_TRUNCATED:
		if (bind_store(db, st, a, row, err) == 0)
			return 0;
		done(db, st, false);
		return -1;
	case MYSQL_NO_DATA:
		done(db, st, true);
		return db_still(db, q->name, err) == -1 ? -1 : 1;
	}
	done(db, st, true);
	return fetch_failed(db, st, err);
}

static int
start(struct db *db, const struct query *q, const struct val *v, size_t n,
    bool cursor, struct stmt **st, int64_t *t, struct err *err)
{
	ASSERT(q->row != NULL);
	*t = clock_boot_ns();
	return db_execute(db, q, v, n, cursor, st, err);
}

int
db_one(struct db *db, struct arena *a, const struct query *q,
    const struct val *v, size_t n, void *out, struct err *err)
{
	struct stmt *st;
	int64_t t;
	int rc;

	memset(out, 0, q->row->size);
	if (start(db, q, v, n, false, &st, &t, err) == -1)
		return -1;
	if ((rc = next(db, st, a, out, err)) != 0) {
		if (rc == 1)
			db_observe(st, t);
		return rc;
	}
	switch (mysql_stmt_fetch(st->h)) {
	case MYSQL_NO_DATA:
		done(db, st, true);
		db_observe(st, t);
		return db_still(db, q->name, err);
	case 0:
	case MYSQL_DATA_TRUNCATED:
		done(db, st, false);
		return own_fault(db, q, "more than one row", err);
	}
	done(db, st, true);
	return fetch_failed(db, st, err);
}

int
db_all(struct db *db, struct arena *a, const struct query *q,
    const struct val *v, size_t n, struct rows *out, struct err *err)
{
	struct stmt *st;
	int64_t t;

	*out = (struct rows){ .schema = q->row };
	return start(db, q, v, n, false, &st, &t, err) == -1 ? -1 :
	    db_read_all(db, st, a, t, out, err);
}

int
db_read_all(struct db *db, struct stmt *st, struct arena *a, int64_t start_ns,
    struct rows *out, struct err *err)
{
	const struct query *q = st->q;
	size_t size = q->row->size, cap = 0;
	char *p = NULL;
	int rc;

	for (;; out->n++) {
		if (out->n == cap) {
			p = arena_grow(a, p, cap * size,
			    (cap == 0 ? 16 : cap * 2) * size);
			cap = cap == 0 ? 16 : cap * 2;
			memset(p + out->n * size, 0, (cap - out->n) * size);
		}
		if ((rc = next(db, st, a, p + out->n * size, err)) != 0)
			break;
		if (out->n == DB_ROWS) {
			done(db, st, false);
			return own_fault(db, q, "too many rows", err);
		}
	}
	if (rc == -1)
		return -1;
	out->v = p;
	db_observe(st, start_ns);
	return 0;
}

int
db_each(struct db *db, struct arena *a, const struct query *q,
    const struct val *v, size_t n, int (*fn)(void *, const void *,
    struct err *), void *arg, struct err *err)
{
	struct arena_mark m;
	struct stmt *st;
	char *row;
	int64_t t;
	int rc;

	row = arena_alloc(a, q->row->size);
	if (start(db, q, v, n, true, &st, &t, err) == -1)
		return -1;
	m = arena_mark(a);
	while ((rc = next(db, st, a, row, err)) == 0) {
		rc = fn(arg, row, err);
		/* fn may have used the connection and lost it. */
		if (rc != 0) {
			if (db->reading > 0)
				done(db, st, false);
			return -1;
		}
		if (db->reading == 0) {
			err_set(err, 503, "db_down",
			    "The database is not available");
			return -1;
		}
		arena_rewind(a, m);
		memset(row, 0, q->row->size);
	}
	if (rc == -1)
		return -1;
	db_observe(st, t);
	return 0;
}

static int
finish(struct db *db, struct stmt *st, int64_t t, uint64_t *affected,
    struct err *err)
{
	if (affected != NULL)
		*affected += mysql_stmt_affected_rows(st->h);
	db->insert_id = mysql_stmt_insert_id(st->h);
	db_observe(st, t);
	return db_still(db, st->q->name, err);
}

int
db_exec(struct db *db, const struct query *q, const struct val *v, size_t n,
    uint64_t *affected, struct err *err)
{
	int64_t t = clock_boot_ns();
	struct stmt *st;

	ASSERT(q->row == NULL);
	if (affected != NULL)
		*affected = 0;
	if (db_execute(db, q, v, n, false, &st, err) == -1)
		return -1;
	return finish(db, st, t, affected, err);
}

/* ---- many rows ---------------------------------------------------------- */

struct many {
	const struct query *q;
	const struct val *v;
	size_t ncols, nrows;
	uint64_t *affected;
};

/* Rows from v on that one packet takes. */
static size_t
chunk(const struct val *v, size_t ncols, size_t nrows)
{
	size_t bytes = 0, i, k;

	for (i = 0; i < nrows && i < MANY_ROWS && bytes < MANY_BYTES; i++)
		for (k = 0; k < ncols; k++)
			bytes += v[i * ncols + k].type == VT_STR ||
			    v[i * ncols + k].type == VT_BLOB ?
			    v[i * ncols + k].s.n + 9 : 24;
	return i;
}

static int
send_chunk(struct db *db, const struct many *m, const struct val *v,
    size_t nrows, struct err *err)
{
	struct arena *a = arena_new(64 << 20);
	int64_t t = clock_boot_ns();
	unsigned none = 0;
	struct stmt *st;
	int tries = 0, rc;

	crumb(m->q->name);
	do {
		rc = get_stmt(db, m->q, &st, t, &tries, err);
		if (rc != 0)
			continue;
		set_cursor(st, false);
		rc = bind_arrays(st, a, v, m->ncols, nrows, err);
		if (rc == -1)
			db_refuse(db, err);
		else
			rc = send(db, st, t, &tries, err);
		if (rc != 1 && db->my != NULL)
			mysql_stmt_attr_set(st->h, STMT_ATTR_ARRAY_SIZE,
			    &none);
	} while (rc == 1);
	arena_free(a);
	return rc == -1 ? -1 : finish(db, st, t, m->affected, err);
}

static int
send_all(struct db *db, void *arg, struct err *err)
{
	const struct many *m = arg;
	size_t at = 0, n;

	if (m->affected != NULL)
		*m->affected = 0;
	while (at < m->nrows) {
		n = chunk(m->v + at * m->ncols, m->ncols, m->nrows - at);
		if (send_chunk(db, m, m->v + at * m->ncols, n, err) == -1)
			return -1;
		at += n;
	}
	return 0;
}

int
db_exec_many(struct db *db, const struct query *q, const struct val *v,
    size_t ncols, size_t nrows, uint64_t *affected, struct err *err)
{
	struct many m = { q, v, ncols, nrows, affected };

	ASSERT(q->row == NULL && ncols > 0);
	if (db_ready(db, err) == -1 || db_alone(db, err) == -1 ||
	    db_collect(db, err) == -1)
		return -1;
	if (db->in_txn || chunk(v, ncols, nrows) == nrows)
		return send_all(db, &m, err);
	/* All or nothing, also when it takes several packets. */
	if (db_begin(db, err) == -1)
		return -1;
	if (send_all(db, &m, err) == -1) {
		db_rollback(db);
		return -1;
	}
	return db_commit(db, err);
}

int
db_found(int rc, const char *noun, struct err *err)
{
	return rc != 1 ? rc : err_set(err, 404, "not_found", "%s not found",
	    noun);
}

/* ---- questions to the server -------------------------------------------- */

int
db_prepare_check(struct db *db, const struct query *q, size_t *nparams,
    struct err *err)
{
	struct stmt *st;

	if (db_ready(db, err) == -1 || stmt_get(db, q, &st, err) == -1)
		return -1;
	if (nparams != NULL)
		*nparams = st->nparams;
	return 0;
}
