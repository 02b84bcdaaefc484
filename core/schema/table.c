/*
 * Questions about field tables themselves: lookup, walking, and the check at
 * start that a table can be used at all. No values here.
 */
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/codec.h"
#include "base/str.h"
#include "schema/inner.h"

enum { SCHEMAS_MAX = 128 };	/* different structs below one */

size_t
schema_count(const struct schema *s)
{
	size_t n = 0;

	while (s->fields[n].name != NULL)
		n++;
	return n;
}

int
schema_find(const struct schema *s, const char *name)
{
	int i;

	for (i = 0; s->fields[i].name != NULL; i++)
		if (strcmp(s->fields[i].name, name) == 0)
			return i;
	return -1;
}

int
schema_find_column(const struct schema *s, const char *column)
{
	const struct field *f;
	int i;

	for (i = 0; s->fields[i].name != NULL; i++) {
		f = &s->fields[i];
		if ((f->flags & FF_NOSQL) == 0 && strcmp(f->column != NULL ?
		    f->column : f->name, column) == 0)
			return i;
	}
	return -1;
}

int
schema_at(const struct schema *s, size_t off)
{
	int i;

	for (i = 0; s->fields[i].name != NULL; i++)
		if (s->fields[i].off == off)
			return i;
	return -1;
}

/* Breadth first with a list of what was met: schemas may refer to
 * themselves. */
void
schema_each(const struct schema *s, void (*fn)(const struct schema *, void *),
    void *arg)
{
	const struct schema *met[SCHEMAS_MAX];
	const struct field *f;
	size_t n = 0, i, k;

	met[n++] = s;
	for (i = 0; i < n; i++) {
		for (f = met[i]->fields; f->name != NULL; f++) {
			if (f->sub == NULL)
				continue;
			for (k = 0; k < n && met[k] != f->sub; k++)
				;
			if (k < n)
				continue;
			ASSERT(n < SCHEMAS_MAX);
			met[n++] = f->sub;
		}
		fn(met[i], arg);
	}
}

size_t
type_size(enum ftype type)
{
	switch (type) {
	case FT_BOOL:
		return sizeof(bool);
	case FT_INT:
		return sizeof(int64_t);
	case FT_REAL:
		return sizeof(double);
	case FT_STR:
		return sizeof(const char *);
	case FT_BLOB:
		return sizeof(struct blob);
	case FT_DEC:
		return sizeof(struct dec);
	case FT_UUID:
		return sizeof(struct uuid);
	case FT_TIME:
		return sizeof(struct utc);
	case FT_JSON:
		return sizeof(struct json);
	case FT_SUB:
		return sizeof(const void *);
	case FT_LIST:
		return sizeof(struct list);
	}
	return 0;
}

size_t
elem_size(const struct field *f)
{
	return f->sub != NULL ? f->sub->size : type_size(f->elem);
}

bool
field_min(const struct field *f)
{
	if (f->flags & FF_XMIN)
		return true;
	if (f->min == 0 && f->max == 0)
		return false;
	return f->min != INT64_MIN;
}

/* .max = 0 beside a positive .min is "not given". */
bool
field_max(const struct field *f)
{
	if (f->flags & FF_XMAX)
		return true;
	if (f->max == 0 && (f->min >= 0))
		return false;
	return f->max != INT64_MAX;
}

static bool
has_of(const struct field *f, const void *obj)
{
	bool b;

	memcpy(&b, (const char *)obj + f->has - 1, sizeof(b));
	return b;
}

bool
field_null(const struct field *f, const void *obj)
{
	const void *m = member_of(f, obj);
	static const struct uuid nil;

	if ((f->flags & FF_NULLABLE) == 0)
		return false;
	if (f->has != 0)
		return !has_of(f, obj);
	switch (f->type) {
	case FT_STR:
		return *(const char *const *)m == NULL;
	case FT_BLOB:
		return ((const struct blob *)m)->p == NULL;
	case FT_UUID:
		return memcmp(m, &nil, sizeof(nil)) == 0;
	case FT_TIME:
		return ((const struct utc *)m)->us == 0;
	case FT_JSON:
		return ((const struct json *)m)->p == NULL;
	case FT_SUB:
		return *(const void *const *)m == NULL;
	case FT_LIST:
		return ((const struct list *)m)->items == NULL;
	default:
		return false;
	}
}

void
field_set_has(const struct field *f, void *obj, bool has)
{
	if (f->has != 0)
		memcpy((char *)obj + f->has - 1, &has, sizeof(has));
}

/* ---- verification ---------------------------------------------------- */

static int
bad_table(struct err *err, const struct schema *s, const struct field *f,
    const char *what)
{
	return err_set(err, 500, "bad_schema", "schema %s, field %s: %s",
	    s->name != NULL ? s->name : "?", f != NULL ? f->name : "-", what);
}

static const char *
bad_shape(const struct schema *s, const struct field *f)
{
	if (type_size(f->type) == 0)
		return "no type";
	if (f->type == FT_SUB && f->sub == NULL)
		return "struct without .sub";
	if (f->type == FT_LIST && (f->sub == NULL) ==
	    (type_size(f->elem) == 0))
		return "list needs either .sub or .elem";
	if (f->type == FT_LIST && f->sub == NULL && f->elem >= FT_SUB)
		return "list of lists";
	if (f->off + type_size(f->type) > s->size || f->has > s->size)
		return "outside of the struct";
	return NULL;
}

static const char *
bad_rules(const struct field *f)
{
	bool text = f->type == FT_STR || (f->type == FT_LIST &&
	    f->sub == NULL && f->elem == FT_STR);

	if (field_min(f) && field_max(f) && f->min > f->max)
		return ".min is above .max";
	if (!text && (f->oneof != NULL || f->pattern != NULL))
		return "choices or pattern of something that is no text";
	if (!text && f->fmt != FMT_NONE && !(f->type == FT_TIME &&
	    f->fmt == FMT_DATE))
		return "format of another type";
	if (f->pattern != NULL && !pattern_valid(f->pattern))
		return "pattern does not compile";
	if (f->def != NULL && (f->flags & FF_REQUIRED))
		return "required and default";
	return NULL;
}

/* A default must be a value the field itself would accept. */
static const char *
bad_default(const struct schema *s, const struct field *f, struct arena *a)
{
	struct err err = { 0 };
	struct decoder d = { .a = a, .err = &err, .top = s };
	struct loc loc = { .name = f->name, .len = strlen(f->name) };
	struct raw raw;
	void *obj;

	if (f->def == NULL)
		return NULL;
	obj = arena_alloc(a, s->size);
	if (json_parse(&d, f->def, strlen(f->def), &loc, &raw) == -1 ||
	    decode_member(&d, f, &loc, &raw, obj) == -1)
		return "the default is not a value of the field";
	return NULL;
}

static const char *
bad_field(const struct schema *s, const struct field *f)
{
	struct arena *a;
	const char *what;

	if ((what = bad_shape(s, f)) != NULL ||
	    (what = bad_rules(f)) != NULL || f->def == NULL)
		return what;
	a = arena_new(1 << 20);
	what = bad_default(s, f, a);
	arena_free(a);
	return what;
}

int
schema_verify(const struct schema *s, struct err *err)
{
	const struct field *f;
	const char *what;

	if (s->name == NULL || s->fields == NULL || s->size == 0)
		return bad_table(err, s, NULL, "name, fields or size missing");
	if (schema_count(s) > FIELDS_MAX)
		return bad_table(err, s, NULL, "more than 64 fields");
	for (f = s->fields; f->name != NULL; f++) {
		if (schema_find(s, f->name) != f - s->fields)
			return bad_table(err, s, f, "name used twice");
		if ((f->flags & FF_NOSQL) == 0 && schema_find_column(s,
		    f->column != NULL ? f->column : f->name) != f - s->fields)
			return bad_table(err, s, f, "column used twice");
		if ((what = bad_field(s, f)) != NULL)
			return bad_table(err, s, f, what);
	}
	return 0;
}
