/*
 * Statements that are sent without waiting for their answers, which are read
 * when somebody waits anyway. Nothing of a transaction may commit because a
 * statement before it failed and took the transaction along (1213): while
 * something can be on its way, autocommit is off, so whatever the server does
 * after such a failure waits for a COMMIT that never comes. COMMIT itself is
 * sent only when all answers were good.
 */
#include <string.h>

#include <errmsg.h>

#include "base/check.h"
#include "base/clock.h"
#include "db/internal.h"

static const char off[] = "SET autocommit=0", on[] = "SET autocommit=1";

/* Request and answer by the library's own methods, as its other connectors
 * do: it has no call that leaves an answer for later. */
static int
request(struct db *db, enum enum_server_command command, const char *text,
    size_t n, MYSQL_STMT *h)
{
	db->statements++;
	return db->my->methods->db_command(db->my, command, text, n, 1, h);
}

static int
hand_over(struct db *db, struct stmt *st, struct err *err)
{
	size_t n = 0;
	unsigned char *text = db->my->methods->db_execute_generate_request(
	    st->h, &n, 0);
	unsigned native;
	int rc;

	if (text == NULL)
		return db_fail(db, st->q->name, mysql_stmt_errno(st->h),
		    mysql_stmt_error(st->h), SENT_NOTHING, err);
	rc = request(db, COM_STMT_EXECUTE, (const char *)text, n, st->h);
	memory_free(text);
	if (rc == 0)
		return 0;
	native = mysql_errno(db->my);
	return db_fail(db, st->q->name, native, mysql_error(db->my),
	    native == CR_SERVER_GONE_ERROR || st->q->row != NULL ?
	    SENT_NOTHING : SENT_WRITE, err);
}

static int
hand_over_text(struct db *db, const char *name, const char *sql,
    struct err *err)
{
	if (db->nwaiting == DB_WAITING && db_collect(db, err) == -1)
		return -1;
	if (request(db, COM_QUERY, sql, strlen(sql), NULL) != 0)
		return db_fail(db, name, mysql_errno(db->my),
		    mysql_error(db->my), SENT_NOTHING, err);
	db->waiting[db->nwaiting++] = (struct waiting){ .name = name };
	return 0;
}

int
db_alone(struct db *db, struct err *err)
{
	struct err gone = { .status = 0 };

	if (db->in_txn || !db->manual)
		return 0;
	db->manual = false;
	if (hand_over_text(db, "autocommit", on, &gone) == 0)
		return 0;
	/* a new connection commits by itself */
	db_disconnect(db, true);
	return db_ready(db, err);
}

static int
by_hand(struct db *db, struct err *err)
{
	if (hand_over_text(db, "autocommit", off, err) == -1)
		return -1;
	db->manual = db->posts = true;
	return 0;
}

int
db_post_begin(struct db *db)
{
	struct err gone = { .status = 0 };

	ASSERT(db->reading == 0);
	if (db->posts && !db->manual && by_hand(db, &gone) == -1)
		return 0;
	return db->manual && hand_over_text(db, "begin", "START TRANSACTION",
	    &gone) == 0;
}

/* ---- answers ------------------------------------------------------------ */

static const struct db_miss busy = { 503, "busy",
	"It was changed meanwhile, try again" };

static int
one_row(struct db *db, const char *name, uint64_t rows,
    const struct db_miss *miss, struct err *err)
{
	if (rows == 1)
		return 0;
	err_set(err, miss->status, miss->code, "%s", miss->text);
	err_cause(err, "%s: %llu rows", name, (unsigned long long)rows);
	return db_refuse(db, err);
}

static int
hear(struct db *db, const struct waiting *w, struct err *err)
{
	const struct st_mariadb_methods *lib = db->my->methods;

	if (w->st == NULL) {
		if (lib->db_read_query_result(db->my) == 0)
			return 0;
		db_fail(db, w->name, mysql_errno(db->my),
		    mysql_error(db->my), SENT_NOTHING, err);
		/* nobody knows in which state it is */
		db->lost = db->in_txn;
		db_disconnect(db, true);
		return -1;
	}
	if (lib->db_read_execute_response(w->st->h) != 0)
		return db_fail(db, w->name, mysql_stmt_errno(w->st->h),
		    mysql_stmt_error(w->st->h), SENT_WRITE, err);
	if (w->st->ncols > 0 && w->rows == NULL) {
		mysql_stmt_free_result(w->st->h);
		return 0;
	}
	if (w->rows != NULL)
		return db_rows_come(db, w->st, err) == -1 ? -1 :
		    db_read_all(db, w->st, w->a, w->start_ns, w->rows, err);
	db_observe(w->st, w->start_ns);
	if (db_still(db, w->name, err) == -1)
		return -1;
	return w->miss == NULL ? 0 : one_row(db, w->name,
	    mysql_stmt_affected_rows(w->st->h), w->miss, err);
}

int
db_collect(struct db *db, struct err *err)
{
	struct err later = { .status = 0 };
	int rc = 0;

	if (db->nwaiting == 0)
		return 0;
	db->trips++;
	/* the connection may be gone after the first */
	for (size_t i = 0; i < db->nwaiting; i++)
		if (hear(db, &db->waiting[i], rc == 0 ? err : &later) == -1)
			rc = -1;
	db->nwaiting = 0;
	return rc;
}

void
db_unask(struct db *db)
{
	for (size_t i = 0; i < db->nwaiting; i++)
		db->waiting[i].rows = NULL;
}

int
db_await(struct db *db, struct stmt *st, struct err *err)
{
	int rc;

	if (db->nwaiting == 0 || st->stored) {
		if (db_collect(db, err) == -1)
			return -1;
		db->statements++;
		db->trips++;
		return mysql_stmt_execute(st->h) != 0;
	}
	if (hand_over(db, st, err) == -1)
		return -1;
	rc = db_collect(db, err);
	if (db->my == NULL)
		return -1;
	if (db->my->methods->db_read_execute_response(st->h) != 0)
		return rc == -1 ? -1 : 1;
	if (rc == -1 && st->ncols > 0)
		mysql_stmt_free_result(st->h);
	return rc;
}

/* ---- sending ------------------------------------------------------------ */

static int
post(struct db *db, const struct query *q, const struct val *v, size_t n,
    struct waiting w, struct err *err)
{
	w.name = q->name;
	w.start_ns = clock_boot_ns();
	if (db_ready(db, err) == -1)
		return -1;
	crumb(q->name);
	if (stmt_get(db, q, &w.st, err) == -1)
		return -1;
	if (bind_params(w.st, v, n, err) == -1)
		return db_refuse(db, err);
	if (q->row == NULL && !db->manual && by_hand(db, err) == -1)
		return -1;
	if (db->nwaiting == DB_WAITING && db_collect(db, err) == -1)
		return -1;
	if (hand_over(db, w.st, err) == -1)
		return -1;
	ASSERT(db->nwaiting < DB_WAITING);
	db->waiting[db->nwaiting++] = w;
	return 0;
}

int
db_post(struct db *db, const struct query *q, const struct val *v, size_t n,
    struct err *err)
{
	ASSERT(q->row == NULL);
	return db->in_txn && db->reading == 0 ? post(db, q, v, n,
	    (struct waiting){ .st = NULL }, err) :
	    db_exec(db, q, v, n, NULL, err);
}

int
db_post_must(struct db *db, const struct query *q, const struct val *v,
    size_t n, const struct db_miss *miss, struct err *err)
{
	uint64_t rows;

	ASSERT(q->row == NULL);
	if (db->in_txn && db->reading == 0)
		return post(db, q, v, n, (struct waiting){ .miss = miss },
		    err);
	return db_exec(db, q, v, n, &rows, err) == -1 ? -1 :
	    one_row(db, q->name, rows, miss, err);
}

int
db_post_one(struct db *db, const struct query *q, const struct val *v,
    size_t n, struct err *err)
{
	return db_post_must(db, q, v, n, &busy, err);
}

int
db_ask(struct db *db, struct arena *a, const struct query *q,
    const struct val *v, size_t n, struct rows *out, struct err *err)
{
	*out = (struct rows){ .schema = q->row };
	return db->in_txn && db->reading == 0 ? post(db, q, v, n,
	    (struct waiting){ .rows = out, .a = a }, err) :
	    db_all(db, a, q, v, n, out, err);
}

int
db_hear(struct db *db, struct err *err)
{
	return db_ready(db, err) == -1 ? -1 : db_collect(db, err);
}

uint64_t
db_trips(const struct db *db)
{
	return db->trips;
}
