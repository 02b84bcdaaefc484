/*
 * Values into members: json-c's tree (of a text that the scan let through)
 * into structs, lists and scalars. Walks the field table, not the input, so
 * the work is bounded by the table; nesting is kept on a stack of our own.
 * Errors are collected, never returned early.
 */
#include <string.h>

#include <json-c/json.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/number.h"
#include "base/str.h"
#include "schema/inner.h"

/* One struct or list half decoded. */
struct frame {
	const struct schema *s;	/* struct; NULL: a list of scalars or structs */
	const struct field *f;	/* the list's field */
	char *out;		/* the struct, or the first item */
	struct json_object *j;
	size_t i, n;		/* next field or item, and how many */
	size_t nerr;		/* errors before it was opened */
	struct loc loc;
};

struct stack {
	size_t n;
	struct frame v[JSON_DEPTH + 2];
};

/* ---- raw values ------------------------------------------------------ */

struct raw
raw_text(const char *s)
{
	return (struct raw){ .kind = RAW_STR, .s = s, .n = strlen(s) };
}

struct raw
raw_of(struct json_object *j)
{
	struct raw r = { .kind = RAW_NULL };

	switch (json_object_get_type(j)) {
	case json_type_null:
		break;
	case json_type_boolean:
		r.kind = RAW_BOOL;
		r.i = json_object_get_boolean(j) ? 1 : 0;
		break;
	case json_type_int:
		r.kind = RAW_INT;
		r.i = json_object_get_int64(j);
		break;
	case json_type_double:
		/* The text as it was sent; json-c keeps it beside. */
		r.kind = RAW_REAL;
		r.s = json_object_get_userdata(j);
		if (r.s == NULL)
			r.s = json_object_to_json_string(j);
		r.n = strlen(r.s);
		break;
	case json_type_string:
		r.kind = RAW_STR;
		r.s = json_object_get_string(j);
		r.n = (size_t)json_object_get_string_len(j);
		break;
	case json_type_array:
	case json_type_object:
		r.kind = json_object_is_type(j, json_type_array) ? RAW_LIST :
		    RAW_OBJ;
		r.j = j;
		break;
	}
	return r;
}

static void
put_object(void *j)
{
	json_object_put(j);
}

int
json_parse(struct decoder *d, const char *text, size_t n,
    const struct loc *loc, struct raw *out)
{
	struct json_tokener *tok;
	struct json_object *j;
	enum json_tokener_error rc;

	if (scan_text(text, n, d->max_values, loc, d->a, d->err) == -1) {
		d->nerr++;
		return -1;
	}
	while (strchr(" \t\r\n", text[n - 1]) != NULL)
		n--;
	if ((tok = json_tokener_new_ex(JSON_DEPTH + 2)) == NULL)
		check_oom();
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT);
	j = json_tokener_parse_ex(tok, text, (int)n);
	/* A number alone ends only with the text. */
	if (json_tokener_get_error(tok) == json_tokener_continue)
		j = json_tokener_parse_ex(tok, "", 1);
	rc = json_tokener_get_error(tok);
	json_tokener_free(tok);
	if (j != NULL)
		arena_defer(d->a, put_object, j);
	/* The scan is the stricter of the two; a difference is a bug of ours
	 * that must not cost a process. */
	if (rc != json_tokener_success)
		return refuse(d, NULL, loc, "json_invalid",
		    "JSON decode error", &(struct raw){ .kind = RAW_NULL },
		    ctx_str(d, "error", json_tokener_error_desc(rc)));
	*out = raw_of(j);
	return 0;
}

/* ---- nested values --------------------------------------------------- */

static int
push(struct stack *st, struct frame fr)
{
	ASSERT(st->n < NITEMS(st->v));
	st->v[st->n++] = fr;
	return 0;
}

static int
open_struct(struct decoder *d, struct stack *st, const struct field *f,
    const struct loc *loc, const struct raw *raw, void *out)
{
	if (raw->kind != RAW_OBJ)
		return refuse(d, f, loc, "model_attributes_type", "Input "
		    "should be a valid dictionary or object to extract fields "
		    "from", raw, NULL);
	return push(st, (struct frame){ .s = f->sub, .out = out, .j = raw->j,
	    .n = schema_count(f->sub), .nerr = d->nerr, .loc = *loc });
}

/* Item counts; pydantic's sentences. */
int
list_count(struct decoder *d, const struct field *f, const struct loc *loc,
    const struct raw *raw, size_t n)
{
	int64_t max = f->max > 0 ? f->max : INT64_MAX;
	bool fewer = (int64_t)n < f->min;
	int64_t bound = fewer ? f->min : max;

	if (!fewer && (int64_t)n <= max)
		return 0;
	return refuse(d, f, loc, fewer ? "too_short" : "too_long",
	    arena_printf(d->a, "List should have at %s %lld item%s after "
	    "validation, not %zu", fewer ? "least" : "most", (long long)bound,
	    bound == 1 ? "" : "s", n), raw, arena_printf(d->a,
	    "{\"field_type\":\"List\",\"%s_length\":%lld,"
	    "\"actual_length\":%zu}", fewer ? "min" : "max", (long long)bound,
	    n));
}

void *
list_items(struct decoder *d, const struct field *f, size_t n, void *obj)
{
	struct list l = { .n = n };

	l.items = n == 0 ? arena_alloc(d->a, 1) :
	    arena_array(d->a, n, elem_size(f));
	memcpy((char *)obj + f->off, &l, sizeof(l));
	field_set_has(f, obj, true);
	return l.items;
}

static int
open_list(struct decoder *d, struct stack *st, const struct field *f,
    const struct loc *loc, const struct raw *raw, void *obj)
{
	size_t n;

	if (raw->kind != RAW_LIST)
		return refuse(d, f, loc, "list_type",
		    "Input should be a valid list", raw, NULL);
	n = json_object_array_length(raw->j);
	if (list_count(d, f, loc, raw, n) == -1)
		return -1;
	return push(st, (struct frame){ .f = f, .j = raw->j, .n = n,
	    .out = list_items(d, f, n, obj), .loc = *loc });
}

/* A value that is present, of any type, into the member of obj. */
static int
place(struct decoder *d, struct stack *st, const struct field *f,
    const struct loc *loc, const struct raw *given, void *obj)
{
	struct raw raw = *given;
	void *sub;

	if (raw.kind == RAW_NULL && (f->flags & FF_NULLABLE)) {
		field_set_has(f, obj, false);
		return 0;
	}
	if (d->cells && raw.kind == RAW_STR &&
	    (f->type == FT_SUB || f->type == FT_LIST) &&
	    json_parse(d, given->s, given->n, loc, &raw) == -1)
		return -1;
	if (f->type == FT_LIST || f->type == FT_SUB)
		d->cells = false;	/* inside, text is text */
	if (f->type == FT_LIST)
		return open_list(d, st, f, loc, &raw, obj);
	if (f->type == FT_SUB) {
		sub = arena_alloc(d->a, f->sub->size);
		if (open_struct(d, st, f, loc, &raw, sub) == -1)
			return -1;
		memcpy((char *)obj + f->off, &sub, sizeof(sub));
	} else if (value_store(d, f, f->type, loc, &raw,
	    (char *)obj + f->off) == -1)
		return -1;
	field_set_has(f, obj, true);
	return 0;
}

/* Most defaults are a word, a number or plain text: no parser for those. */
static int
parse_default(struct decoder *d, const char *def, const struct loc *loc,
    struct raw *out)
{
	size_t n = strlen(def);
	int64_t i;

	*out = (struct raw){ .kind = RAW_BOOL, .i = def[0] == 't' };
	if (strcmp(def, "true") == 0 || strcmp(def, "false") == 0)
		return 0;
	if (num_i64(def, n, &i) == NUM_OK) {
		*out = (struct raw){ .kind = RAW_INT, .i = i };
		return 0;
	}
	if (n >= 2 && def[0] == '"' && memchr(def, '\\', n) == NULL) {
		*out = raw_text(arena_strndup(d->a, def + 1, n - 2));
		return 0;
	}
	return json_parse(d, def, n, loc, out);
}

void
decode_absent(struct decoder *d, const struct field *f, const struct loc *loc,
    const char *input, struct json_object *j, void *obj)
{
	struct decoder own;
	struct raw raw;

	if (f->flags & FF_REQUIRED) {
		refuse_missing(d, loc, input, j);
		return;
	}
	if (f->def == NULL)
		return;
	own = (struct decoder){ .a = d->a, .err = d->err, .top = d->top };
	if (parse_default(&own, f->def, loc, &raw) == -1 ||
	    decode_member(&own, f, loc, &raw, obj) == -1)
		d->nerr++;
}

bool
takes_input(const struct field *f)
{
	return (f->flags & (FF_READONLY | FF_HIDDEN)) == 0;
}

static void
struct_step(struct decoder *d, struct stack *st, struct frame *fr)
{
	const struct field *f = &fr->s->fields[fr->i++];
	struct loc loc = { &fr->loc, f->name, strlen(f->name), 0 };
	struct json_object *v;
	struct raw raw;

	if (!takes_input(f))
		return;
	if (!json_object_object_get_ex(fr->j, f->name, &v)) {
		decode_absent(d, f, &loc, NULL, fr->j, fr->out);
		return;
	}
	raw = raw_of(v);
	place(d, st, f, &loc, &raw, fr->out);
}

static void
list_step(struct decoder *d, struct stack *st, struct frame *fr)
{
	size_t i = fr->i++;
	struct loc loc = { &fr->loc, NULL, 0, i };
	struct raw raw = raw_of(json_object_array_get_idx(fr->j, i));
	char *item = fr->out + i * elem_size(fr->f);

	if (fr->f->sub != NULL)
		open_struct(d, st, fr->f, &loc, &raw, item);
	else
		value_store(d, fr->f, fr->f->elem, &loc, &raw, item);
}

void
refuse_extra(struct decoder *d, const struct schema *s,
    struct json_object *j, const struct loc *up)
{
	struct raw raw;
	int i;

	json_object_object_foreach(j, key, v) {
		struct loc loc = { up, key, strlen(key), 0 };

		i = schema_find(s, key);
		if (i >= 0 && !(s->fields[i].flags & FF_HIDDEN))
			continue;
		raw = raw_of(v);
		refuse_unknown(d, &loc, &raw);
	}
}

void
check_struct(struct decoder *d, const struct schema *s, const void *obj,
    size_t nerr)
{
	if (s->check != NULL && d->nerr == nerr &&
	    s->check(obj, d->a, d->err) == -1)
		d->nerr++;
}

static void
run(struct decoder *d, struct stack *st)
{
	struct frame *fr;

	while (st->n > 0) {
		fr = &st->v[st->n - 1];
		if (fr->i < fr->n) {
			if (fr->s != NULL)
				struct_step(d, st, fr);
			else
				list_step(d, st, fr);
			continue;
		}
		if (fr->s != NULL) {
			if (d->forbid_extra)
				refuse_extra(d, fr->s, fr->j, &fr->loc);
			check_struct(d, fr->s, fr->out, fr->nerr);
		}
		st->n--;
	}
}

int
decode_member(struct decoder *d, const struct field *f, const struct loc *loc,
    const struct raw *raw, void *obj)
{
	size_t nerr = d->nerr;
	struct stack st;

	st.n = 0;
	if (place(d, &st, f, loc, raw, obj) == 0)
		run(d, &st);
	return d->nerr == nerr ? 0 : -1;
}
