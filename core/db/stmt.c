/*
 * Prepared statements, cached per connection by the address of their query.
 * A statement whose columns do not fit the fields of its schema is refused
 * when it is prepared: drift between SQL and C is found by the first call,
 * not by a wrong value.
 */
#include <string.h>

#include "base/check.h"
#include "base/str.h"
#include "db/internal.h"
#include "db/metrics.h"

static size_t
slot_of(const struct db *db, const struct query *q)
{
	size_t i = ((uintptr_t)q >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 32;

	for (i &= DB_SLOTS - 1; db->slot[i] != NULL && db->slot[i]->q != q;)
		i = (i + 1) & (DB_SLOTS - 1);
	return i;
}

void
stmt_drop_all(struct db *db)
{
	size_t i;

	for (i = 0; i < DB_SLOTS; i++)
		if (db->slot[i] != NULL) {
			mysql_stmt_close(db->slot[i]->h);
			db->slot[i] = NULL;
		}
	db->nstmts = 0;
	db->reading = 0;
}

static int
drift(struct db *db, const struct stmt *st, const char *column,
    const char *why, struct err *err)
{
	err_set(err, 500, "db_drift", "Internal error");
	err_cause(err, "%s: column %s: %s", st->q->name, column, why);
	return db_refuse(db, err);
}

/* COL_… of a column; 0 for what no field can hold. */
static enum col_kind
kind_of(const MYSQL_FIELD *f)
{
	switch (f->type) {
	case MYSQL_TYPE_TINY:
	case MYSQL_TYPE_SHORT:
	case MYSQL_TYPE_INT24:
	case MYSQL_TYPE_LONG:
	case MYSQL_TYPE_LONGLONG:
	case MYSQL_TYPE_YEAR:
		return f->flags & UNSIGNED_FLAG ? COL_UINT : COL_INT;
	case MYSQL_TYPE_FLOAT:
	case MYSQL_TYPE_DOUBLE:
		return COL_REAL;
	case MYSQL_TYPE_DECIMAL:
	case MYSQL_TYPE_NEWDECIMAL:
		return COL_DEC;
	case MYSQL_TYPE_DATE:
	case MYSQL_TYPE_NEWDATE:
	case MYSQL_TYPE_DATETIME:
	case MYSQL_TYPE_DATETIME2:
	case MYSQL_TYPE_TIMESTAMP:
	case MYSQL_TYPE_TIMESTAMP2:
		return COL_TIME;
	case MYSQL_TYPE_NULL:
		return COL_NULL;
	case MYSQL_TYPE_VARCHAR:
	case MYSQL_TYPE_VAR_STRING:
	case MYSQL_TYPE_STRING:
	case MYSQL_TYPE_ENUM:
	case MYSQL_TYPE_SET:
	case MYSQL_TYPE_JSON:
	case MYSQL_TYPE_TINY_BLOB:
	case MYSQL_TYPE_BLOB:
	case MYSQL_TYPE_MEDIUM_BLOB:
	case MYSQL_TYPE_LONG_BLOB:
		return f->charsetnr == 63 ? COL_BLOB : COL_TEXT;
	default:
		return 0;
	}
}

/* Why this kind of column cannot go into that field; NULL when it can. */
static const char *
misfit(const struct field *f, enum col_kind k, const MYSQL_FIELD *col)
{
	bool ok = false;

	switch (f->type) {
	case FT_BOOL:
		ok = k == COL_INT || k == COL_UINT;
		break;
	case FT_INT:
		ok = k == COL_INT || k == COL_UINT || k == COL_DEC;
		break;
	case FT_DEC:
		/* SUM() of a BIGINT that holds e8 integers is such a DECIMAL,
		 * and would be read as whole units. */
		if (k == COL_DEC && col->decimals == 0)
			return "DECIMAL without places is ambiguous, CAST it";
		ok = k == COL_INT || k == COL_UINT || k == COL_DEC;
		break;
	case FT_REAL:
		ok = k == COL_REAL || k == COL_DEC || k == COL_INT ||
		    k == COL_UINT;
		break;
	case FT_UUID:
		ok = k == COL_BLOB || k == COL_TEXT;
		break;
	case FT_STR:
	case FT_JSON:
		ok = k == COL_TEXT;
		break;
	case FT_BLOB:
		ok = k == COL_BLOB || k == COL_TEXT;
		break;
	case FT_TIME:
		ok = k == COL_TIME;
		break;
	case FT_SUB:
	case FT_LIST:
		ok = k == COL_TEXT;	/* JSON */
		break;
	}
	return ok || k == COL_NULL ? NULL : "the field has another type";
}

int
stmt_describe(struct db *db, struct stmt *st, struct err *err)
{
	const struct schema *s = st->q->row;
	const MYSQL_FIELD *col;
	const char *why;
	size_t i;

	for (i = 0; i < st->ncols; i++) {
		col = &st->h->fields[i];
		st->type[i] = col->type;
		if ((st->field[i] = schema_find_column(s, col->name)) == -1)
			return drift(db, st, col->name, "no such field", err);
		if ((st->kind[i] = kind_of(col)) == 0)
			return drift(db, st, col->name, "unknown type", err);
		why = misfit(&s->fields[st->field[i]], st->kind[i], col);
		if (why != NULL)
			return drift(db, st, col->name, why, err);
	}
	return bind_columns(db, st, err);
}

/* "/" and "*" cannot end the comment: names are literals of ours. */
static int
prepare(struct db *db, struct stmt *st, struct err *err)
{
	struct arena_mark m = arena_mark(db->conn);
	MYSQL_STMT *h = st->h;
	struct str sql;
	int rc;

	str_init(&sql, db->conn);
	str_add(&sql, "/* ");
	str_add(&sql, st->q->name);
	str_add(&sql, " */ ");
	str_add(&sql, st->q->sql);
	rc = mysql_stmt_prepare(h, sql.p, sql.len);
	arena_rewind(db->conn, m);
	if (rc != 0) {
		/* The server is full: give ours back, they come again. */
		if (mysql_stmt_errno(h) == 1461 && db->reading == 0)
			stmt_drop_all(db);
		/* A lost connection takes st along, but not the handle. */
		db_fail(db, st->q->name, mysql_stmt_errno(h),
		    mysql_stmt_error(h), SENT_NOTHING, err);
		mysql_stmt_close(h);
		return -1;
	}
	st->nparams = mysql_stmt_param_count(st->h);
	st->ncols = mysql_stmt_field_count(st->h);
	return 0;
}

static int
check_columns(struct db *db, struct stmt *st, struct err *err)
{
	if (st->q->row == NULL && st->ncols > 0)
		return drift(db, st, "*", "rows without a schema", err);
	if (st->q->row != NULL && st->ncols == 0)
		return drift(db, st, "*", "a schema without rows", err);
	if (st->ncols > DB_COLS)
		return drift(db, st, "*", "too many columns", err);
	return st->ncols > 0 ? stmt_describe(db, st, err) : 0;
}

static void
make_room(struct db *db, struct stmt *st)
{
	struct arena *a = db->conn;

	st->in = arena_array(a, st->nparams, sizeof(*st->in));
	st->buf = arena_array(a, st->nparams, sizeof(*st->buf));
	st->out = arena_array(a, st->ncols, sizeof(*st->out));
	st->type = arena_array(a, st->ncols, sizeof(*st->type));
	st->kind = arena_array(a, st->ncols, sizeof(*st->kind));
	st->field = arena_array(a, st->ncols, sizeof(*st->field));
}

int
stmt_get(struct db *db, const struct query *q, struct stmt **out,
    struct err *err)
{
	size_t i = slot_of(db, q);
	struct stmt *st = db->slot[i];

	if (st != NULL) {
		*out = st;
		return 0;
	}
	if (db->nstmts >= DB_STMTS && db->reading == 0) {
		if (db_collect(db, err) == -1)
			return -1;
		stmt_drop_all(db);
		arena_reset(db->conn);
		i = slot_of(db, q);
	}
	ASSERT(db->nstmts < DB_SLOTS - 1);
	if (db_collect(db, err) == -1)
		return -1;
	db->trips++;
	st = arena_alloc(db->conn, sizeof(*st));
	st->q = q;
	st->metric = db_query_index(q);
	if ((st->h = mysql_stmt_init(db->my)) == NULL)
		check_oom();
	if (prepare(db, st, err) == -1)
		return -1;
	make_room(db, st);
	if (check_columns(db, st, err) == -1) {
		mysql_stmt_close(st->h);
		return -1;
	}
	db->slot[i] = st;
	db->nstmts++;
	*out = st;
	return 0;
}
