/*
 * C values to statement parameters and columns to struct members, in the
 * binary protocol. Nothing is rounded or cut on the way: a decimal travels as
 * text, a time with its microseconds, and what does not fit is an error.
 */
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/number.h"
#include "base/random.h"
#include "db/internal.h"

/* ---- parameters --------------------------------------------------------- */

static int
put_time(struct utc t, MYSQL_TIME *out)
{
	struct tm tm;
	int64_t us = t.us % US_PER_S;

	clock_split(t, &tm);
	if (tm.tm_year < -900 || tm.tm_year > 9999 - 1900)
		return -1;
	*out = (MYSQL_TIME){
		.year = (unsigned)tm.tm_year + 1900u,
		.month = (unsigned)tm.tm_mon + 1u,
		.day = (unsigned)tm.tm_mday, .hour = (unsigned)tm.tm_hour,
		.minute = (unsigned)tm.tm_min, .second = (unsigned)tm.tm_sec,
		.second_part = (unsigned long)(us < 0 ? us + US_PER_S : us),
		.time_type = MYSQL_TIMESTAMP_DATETIME
	};
	return 0;
}

/* The type a value travels as. A UUID is a BLOB: as text its bytes would be
 * judged as UTF-8. A decimal compares exactly only as a decimal. */
static enum enum_field_types
type_of(enum vtype t)
{
	switch (t) {
	case VT_NULL: return MYSQL_TYPE_NULL;
	case VT_BOOL:
	case VT_INT: return MYSQL_TYPE_LONGLONG;
	case VT_REAL: return MYSQL_TYPE_DOUBLE;
	case VT_STR: return MYSQL_TYPE_STRING;
	case VT_BLOB:
	case VT_UUID: return MYSQL_TYPE_BLOB;
	case VT_DEC: return MYSQL_TYPE_NEWDECIMAL;
	case VT_TIME: return MYSQL_TYPE_DATETIME;
	}
	return MYSQL_TYPE_NULL;
}

static bool
null_val(const struct val *v)
{
	return v->type == VT_NULL || (v->type == VT_TIME && v->t.us == 0);
}

/* Points *p and buf->len at the value's bytes; small ones are kept in buf. */
static int
put(const struct val *v, struct pbuf *buf, void **p)
{
	*p = buf->text;
	buf->len = 0;
	switch (v->type) {
	case VT_NULL:
		break;
	case VT_BOOL:
		buf->i = v->b;
		break;
	case VT_INT:
		buf->i = v->i;
		break;
	case VT_REAL:
		buf->r = v->r;
		break;
	case VT_STR:
	case VT_BLOB:
		*p = (void *)(uintptr_t)v->s.p;
		buf->len = v->s.n;
		break;
	case VT_UUID:
		*p = (void *)(uintptr_t)v->u.b;
		buf->len = sizeof(v->u.b);
		break;
	case VT_DEC:
		dec_format(v->d, buf->text);
		buf->len = strlen(buf->text);
		break;
	case VT_TIME:
		return put_time(v->t, &buf->t);
	}
	return 0;
}

static int
bad_count(const struct stmt *st, size_t n, struct err *err)
{
	err_set(err, 500, "internal", "Internal error");
	return err_cause(err, "%s: %zu parameters, %zu given", st->q->name,
	    st->nparams, n);
}

static int
bad_value(const struct stmt *st, size_t i, const char *why, struct err *err)
{
	err_set(err, 422, "db_value", "A value does not fit the database");
	return err_cause(err, "%s: parameter %zu: %s", st->q->name, i + 1,
	    why);
}

int
bind_params(struct stmt *st, const struct val *v, size_t n, struct err *err)
{
	MYSQL_BIND *b;
	void *p;
	size_t i;

	if (n != st->nparams)
		return bad_count(st, n, err);
	for (i = 0; i < n; i++) {
		b = &st->in[i];
		memset(b, 0, sizeof(*b));
		if (null_val(&v[i])) {
			b->buffer_type = MYSQL_TYPE_NULL;
			continue;
		}
		if (put(&v[i], &st->buf[i], &p) == -1)
			return bad_value(st, i, "time out of range", err);
		b->buffer_type = type_of(v[i].type);
		b->buffer = p;
		b->buffer_length = st->buf[i].len;
		b->length = &st->buf[i].len;
	}
	if (n > 0)
		mysql_stmt_bind_param(st->h, st->in);
	return 0;
}

/* One column of nrows values: fixed types lie side by side, all others
 * behind an array of pointers. */
static int
bind_array(struct stmt *st, struct arena *a, const struct val *v,
    size_t col, size_t ncols, size_t nrows, struct err *err)
{
	struct pbuf *buf = arena_array(a, nrows, sizeof(*buf));
	unsigned long *len = arena_array(a, nrows, sizeof(*len));
	void **ptr = arena_array(a, nrows, sizeof(*ptr));
	int64_t *fixed = arena_array(a, nrows, sizeof(*fixed));
	char *ind = arena_array(a, nrows, 1);
	enum enum_field_types type = MYSQL_TYPE_NULL, t;
	const struct val *x;
	size_t i;

	for (i = 0; i < nrows; i++) {
		x = &v[i * ncols + col];
		ind[i] = null_val(x) ? STMT_INDICATOR_NULL :
		    STMT_INDICATOR_NONE;
		if (ind[i] == STMT_INDICATOR_NULL)
			continue;
		if (put(x, &buf[i], &ptr[i]) == -1)
			return bad_value(st, col, "time out of range", err);
		t = type_of(x->type);
		if (type != MYSQL_TYPE_NULL && t != type)
			return bad_value(st, col, "types differ", err);
		type = t;
		len[i] = buf[i].len;
		memcpy(&fixed[i], buf[i].text, sizeof(fixed[i]));
	}
	memset(&st->in[col], 0, sizeof(st->in[col]));
	if (type == MYSQL_TYPE_NULL)
		type = MYSQL_TYPE_STRING;
	st->in[col].buffer_type = type;
	st->in[col].buffer = type == MYSQL_TYPE_LONGLONG ||
	    type == MYSQL_TYPE_DOUBLE ? (void *)fixed : (void *)ptr;
	st->in[col].length = len;
	st->in[col].u.indicator = ind;
	return 0;
}

int
bind_arrays(struct stmt *st, struct arena *a, const struct val *v,
    size_t ncols, size_t nrows, struct err *err)
{
	unsigned size = (unsigned)nrows;
	size_t col;

	if (ncols != st->nparams)
		return bad_count(st, ncols, err);
	for (col = 0; col < ncols; col++)
		if (bind_array(st, a, v, col, ncols, nrows, err) == -1)
			return -1;
	mysql_stmt_attr_set(st->h, STMT_ATTR_ARRAY_SIZE, &size);
	mysql_stmt_bind_param(st->h, st->in);
	return 0;
}

/* ---- columns ------------------------------------------------------------ */

int
bind_columns(struct db *db, struct stmt *st, struct err *err)
{
	MYSQL_BIND *b;
	struct cell *c;
	size_t i;

	for (i = 0; i < st->ncols; i++) {
		b = &st->out[i];
		c = &db->cell[i];
		memset(b, 0, sizeof(*b));
		b->buffer = c->text;
		b->length = &c->len;
		b->is_null = &c->null;
		b->error = &c->error;
		switch (st->kind[i]) {
		case COL_UINT:
			b->is_unsigned = 1;
			/* FALLTHROUGH */
		case COL_INT:
			b->buffer_type = MYSQL_TYPE_LONGLONG;
			break;
		case COL_REAL:
			b->buffer_type = MYSQL_TYPE_DOUBLE;
			break;
		case COL_TIME:
			b->buffer_type = MYSQL_TYPE_DATETIME;
			break;
		case COL_BLOB:
			b->buffer_type = MYSQL_TYPE_BLOB;
			b->buffer_length = DB_CELL;
			break;
		default:
			b->buffer_type = MYSQL_TYPE_STRING;
			b->buffer_length = DB_CELL;
			break;
		}
	}
	if (mysql_stmt_bind_result(st->h, st->out) == 0)
		return 0;
	return db_fail(db, st->q->name, mysql_stmt_errno(st->h),
	    mysql_stmt_error(st->h), SENT_NOTHING, err);
}

/* Days since 1970-01-01 of a Gregorian date (H. Hinnant's algorithm). */
static int64_t
days(unsigned y, unsigned m, unsigned d)
{
	unsigned yy = m <= 2 ? y - 1 : y, era = yy / 400;
	unsigned yoe = yy - era * 400;
	unsigned doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
	unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

	return (int64_t)era * 146097 + (int64_t)doe - 719468;
}

static int
get_time(const MYSQL_TIME *t, struct val *out)
{
	int64_t s;

	if (t->year == 0 || t->month == 0 || t->day == 0)
		return -1;
	s = days(t->year, t->month, t->day) * 86400 + t->hour * 3600 +
	    t->minute * 60 + t->second;
	out->type = VT_TIME;
	out->t.us = s * US_PER_S + (int64_t)t->second_part;
	return 0;
}

/* Texts longer than the cell are fetched at their own length. */
static const char *
long_text(struct stmt *st, size_t i, struct arena *a, size_t n)
{
	unsigned long len = 0;
	my_bool null = 0, error = 0;
	MYSQL_BIND b = { .buffer_type = st->out[i].buffer_type, .length = &len,
		.is_null = &null, .error = &error, .buffer_length = n };

	b.buffer = arena_alloc(a, n + 1);
	if (mysql_stmt_fetch_column(st->h, &b, (unsigned)i, 0) != 0 ||
	    len != n)
		return NULL;
	return b.buffer;
}

static int
get(struct db *db, struct stmt *st, size_t i, const struct field *f,
    struct arena *a, struct val *out)
{
	struct cell *c = &db->cell[i];
	const char *s = c->text;

	/* schema_store() knows what fits a member; here only the wire. */
	if (c->null || st->kind[i] == COL_NULL) {
		*out = val_null();
		return 0;
	}
	switch (st->kind[i]) {
	case COL_INT:
	case COL_UINT:
		*out = val_i(c->i);
		return st->kind[i] == COL_UINT && c->i < 0 ? -1 : 0;
	case COL_REAL:
		*out = val_r(c->r);
		return 0;
	case COL_TIME:
		return get_time(&c->t, out);
	default:
		break;
	}
	if (c->len >= DB_CELL &&
	    (s = long_text(st, i, a, c->len)) == NULL)
		return -1;
	out->type = f->type == FT_BLOB || f->type == FT_UUID ? VT_BLOB : VT_STR;
	out->s = (struct blob){ s, c->len };
	return 0;
}

int
bind_store(struct db *db, struct stmt *st, struct arena *a, void *row,
    struct err *err)
{
	const struct field *f;
	struct val v;
	size_t i;

	for (i = 0; i < st->ncols; i++) {
		f = &st->q->row->fields[st->field[i]];
		if (get(db, st, i, f, a, &v) == -1) {
			err_set(err, 500, "db_drift", "Internal error");
			err_cause(err, "%s: column %s: the value does not fit",
			    st->q->name, f->name);
			return db_refuse(db, err);
		}
		if (schema_store(f, row, v, a, err) == -1) {
			err_wrap(err, "%s: column %s", st->q->name, f->name);
			return db_refuse(db, err);
		}
	}
	return 0;
}
