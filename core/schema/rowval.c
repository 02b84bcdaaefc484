/*
 * Members as statement parameters, and database columns into members. What
 * does not fit the member is an error of ours or of the data, never a
 * silently different value.
 *
 * Decimals: DECIMAL columns travel as VT_DEC or text; a plain integer is the
 * BIGINT of a hot table and counts 10^-8 units.
 */
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/number.h"
#include "base/random.h"
#include "schema/inner.h"

struct val
schema_val(const struct field *f, const void *obj)
{
	const void *m = member_of(f, obj);

	if (field_null(f, obj))
		return val_null();
	switch (f->type) {
	case FT_BOOL:
		return val_b(*(const bool *)m);
	case FT_INT:
		return val_i(*(const int64_t *)m);
	case FT_REAL:
		return val_r(*(const double *)m);
	case FT_STR:
		return val_s(*(const char *const *)m);
	case FT_BLOB:
		return val_blob(*(const struct blob *)m);
	case FT_DEC:
		return val_dec(*(const struct dec *)m);
	case FT_UUID:
		return val_uuid(*(const struct uuid *)m);
	case FT_TIME:
		return val_utc(*(const struct utc *)m);
	case FT_JSON:
		return val_json(*(const struct json *)m);
	case FT_SUB:
	case FT_LIST:
		break;
	}
	/* Lists and structs are columns of tables of their own. */
	ASSERT(f->type != FT_SUB && f->type != FT_LIST);
	return val_null();
}

static const char *
text_of(struct arena *a, const struct val *v)
{
	return arena_strndup(a, v->s.p != NULL ? v->s.p : "", v->s.n);
}

static int
store_bool(const struct val *v, bool *out)
{
	if (v->type == VT_BOOL)
		*out = v->b;
	else if (v->type == VT_INT && (v->i == 0 || v->i == 1))
		*out = v->i == 1;
	else
		return -1;
	return 0;
}

static int
store_int(const struct val *v, int64_t *out)
{
	switch (v->type) {
	case VT_BOOL:
		*out = v->b;
		return 0;
	case VT_INT:
		*out = v->i;
		return 0;
	case VT_DEC:		/* SUM() of integers is DECIMAL */
		if (v->d.e8 % DEC_ONE != 0)
			return -1;
		*out = v->d.e8 / DEC_ONE;
		return 0;
	case VT_STR:
		return num_i64_lax(v->s.p, v->s.n, out) == NUM_OK ? 0 : -1;
	default:
		return -1;
	}
}

static int
store_real(const struct val *v, double *out)
{
	if (v->type == VT_REAL)
		*out = v->r;
	else if (v->type == VT_INT)
		*out = (double)v->i;
	else if (v->type == VT_DEC)
		*out = dec_real(v->d);
	else if (v->type != VT_STR ||
	    num_real(v->s.p, v->s.n, out) != NUM_OK)
		return -1;
	return isfinite(*out) ? 0 : -1;
}

static int
store_dec(const struct val *v, struct dec *out)
{
	if (v->type == VT_DEC)
		*out = v->d;
	else if (v->type == VT_INT)
		out->e8 = v->i;
	else if (v->type == VT_STR)
		return dec_parse(v->s.p, v->s.n, out) == NUM_OK ? 0 : -1;
	else
		return -1;
	return 0;
}

static int
store_uuid(const struct val *v, struct arena *a, struct uuid *out)
{
	if (v->type == VT_UUID) {
		*out = v->u;
		return 0;
	}
	if (v->type == VT_BLOB || v->type == VT_STR) {
		if (v->s.n == sizeof(out->b)) {
			memcpy(out->b, v->s.p, sizeof(out->b));
			return 0;
		}
		if (v->s.n == UUID_TEXT - 1)
			return uuid_parse(text_of(a, v), out);
	}
	return -1;
}

static int
store_time(const struct val *v, struct arena *a, struct utc *out)
{
	if (v->type == VT_TIME)
		*out = v->t;
	else if (v->type == VT_STR)
		return clock_parse(text_of(a, v), out);
	else
		return -1;
	return 0;
}

static int
store_text(const struct val *v, struct arena *a, const char **out)
{
	if ((v->type != VT_STR && v->type != VT_BLOB) ||
	    !utf8_valid(v->s.p, v->s.n) ||
	    (v->s.n > 0 && memchr(v->s.p, '\0', v->s.n) != NULL))
		return -1;
	*out = text_of(a, v);
	return 0;
}

static int
store_blob(const struct val *v, struct arena *a, struct blob *out)
{
	if (v->type != VT_BLOB && v->type != VT_STR)
		return -1;
	out->p = arena_memdup(a, v->s.n > 0 ? v->s.p : "", v->s.n);
	out->n = v->s.n;
	return 0;
}

/* A JSON column into a struct or a list. */
static int
store_nested(const struct field *f, void *obj, const struct val *v,
    struct arena *a)
{
	struct err err = { 0 };
	struct decoder d = { .a = a, .err = &err };
	struct loc loc = { .name = f->name, .len = strlen(f->name) };
	struct raw raw;

	if (v->type != VT_STR && v->type != VT_BLOB)
		return -1;
	if (json_parse(&d, v->s.p, v->s.n, &loc, &raw) == -1)
		return -1;
	return decode_member(&d, f, &loc, &raw, obj);
}

static int
store_value(const struct field *f, void *obj, const struct val *v,
    struct arena *a)
{
	void *m = (char *)obj + f->off;

	switch (f->type) {
	case FT_BOOL:
		return store_bool(v, m);
	case FT_INT:
		return store_int(v, m);
	case FT_REAL:
		return store_real(v, m);
	case FT_STR:
		return store_text(v, a, m);
	case FT_BLOB:
		return store_blob(v, a, m);
	case FT_DEC:
		return store_dec(v, m);
	case FT_UUID:
		return store_uuid(v, a, m);
	case FT_TIME:
		return store_time(v, a, m);
	case FT_JSON:
		return store_text(v, a, &((struct json *)m)->p);
	case FT_SUB:
	case FT_LIST:
		return store_nested(f, obj, v, a);
	}
	return -1;
}

int
schema_store(const struct field *f, void *obj, struct val v, struct arena *a,
    struct err *err)
{
	static const char *const names[] = { "NULL", "boolean", "integer",
		"real", "text", "bytes", "decimal", "uuid", "time" };

	if (v.type == VT_NULL && (f->flags & FF_NULLABLE)) {
		memset((char *)obj + f->off, 0, type_size(f->type));
		field_set_has(f, obj, false);
		return 0;
	}
	if (v.type == VT_NULL || store_value(f, obj, &v, a) == -1) {
		err_set(err, 500, "bad_column", "Internal server error");
		return err_cause(err, "column %s: %s does not fit the field",
		    f->column != NULL ? f->column : f->name, names[v.type]);
	}
	field_set_has(f, obj, true);
	return 0;
}
