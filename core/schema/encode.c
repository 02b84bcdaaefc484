/*
 * Structs as compact JSON and as text. Everything a client may see comes from
 * here, so this is where secret and hidden fields end. Nesting is kept on a
 * stack of our own.
 */
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/number.h"
#include "base/random.h"
#include "base/str.h"
#include "schema/inner.h"

_Static_assert((int)UUID_TEXT > (int)DEC_TEXT &&
    (int)UUID_TEXT > (int)CLOCK_TEXT, "one buffer for all");

/* One struct or list half written. */
struct out_frame {
	const struct schema *s;	/* struct; NULL: a list */
	const struct field *f;	/* the list's field, or the struct's next */
	const char *p;		/* the struct, or the next item */
	size_t left;		/* items to go */
	bool first;		/* nothing written inside yet */
};

struct out_stack {
	size_t n;
	struct out_frame v[JSON_DEPTH + 2];
};

static const char *
time_text(const struct field *f, struct utc t, char buf[CLOCK_TEXT])
{
	clock_format(t, buf);
	if (f->fmt == FMT_DATE && strlen(buf) > 10)
		buf[10] = '\0';
	return buf;
}

static void
add_blob(struct str *out, const struct blob *b)
{
	str_addc(out, '"');
	if (b->p != NULL)
		str_add(out, base64_encode(out->a, b->p, b->n, false));
	str_addc(out, '"');
}

static void
add_real(struct str *out, double r)
{
	char buf[DEC_TEXT];

	str_add(out, isfinite(r) ? real_format(r, buf) : "null");
}

static void
add_quoted(struct str *out, const char *text)
{
	str_addc(out, '"');
	str_add(out, text);
	str_addc(out, '"');
}

void
encode_scalar(const struct field *f, enum ftype type, const void *m,
    struct str *out)
{
	char buf[UUID_TEXT];	/* the longest of the three kinds */
	const char *s;

	switch (type) {
	case FT_BOOL:
		str_add(out, *(const bool *)m ? "true" : "false");
		break;
	case FT_INT:
		str_add_i64(out, *(const int64_t *)m);
		break;
	case FT_REAL:
		add_real(out, *(const double *)m);
		break;
	case FT_STR:
		s = *(const char *const *)m;
		str_json(out, s != NULL ? s : "");
		break;
	case FT_BLOB:
		add_blob(out, m);
		break;
	case FT_DEC:
		str_add(out, dec_format(*(const struct dec *)m, buf));
		break;
	case FT_UUID:
		add_quoted(out, uuid_format(*(const struct uuid *)m, buf));
		break;
	case FT_TIME:
		add_quoted(out, time_text(f, *(const struct utc *)m, buf));
		break;
	case FT_JSON:
		s = ((const struct json *)m)->p;
		str_add(out, s != NULL ? s : "null");
		break;
	case FT_SUB:
	case FT_LIST:
		ASSERT(type != FT_SUB && type != FT_LIST);
	}
}

static void
push(struct out_stack *st, struct str *out, struct out_frame fr)
{
	ASSERT(st->n < NITEMS(st->v));
	str_addc(out, fr.s != NULL ? '{' : '[');
	fr.first = true;
	st->v[st->n++] = fr;
}

static void
push_struct(struct out_stack *st, struct str *out, const struct schema *s,
    const void *obj)
{
	push(st, out, (struct out_frame){ .s = s, .f = s->fields, .p = obj });
}

/* A member of any type; structs and lists are only opened. */
static void
add_member(struct out_stack *st, struct str *out, const struct field *f,
    const void *obj)
{
	const void *m = member_of(f, obj);
	const struct list *l = m;
	const void *sub;

	if (field_null(f, obj)) {
		str_add(out, "null");
	} else if (f->type == FT_SUB) {
		sub = *(const void *const *)m;
		if (sub != NULL)
			push_struct(st, out, f->sub, sub);
		else
			str_add(out, "null");
	} else if (f->type == FT_LIST) {
		push(st, out, (struct out_frame){ .f = f, .p = l->items,
		    .left = l->n });
	} else
		encode_scalar(f, f->type, m, out);
}

static void
comma(struct out_frame *fr, struct str *out)
{
	if (!fr->first)
		str_addc(out, ',');
	fr->first = false;
}

static bool
visible(const struct field *f)
{
	return (f->flags & (FF_SECRET | FF_HIDDEN)) == 0;
}

static void
struct_step(struct out_stack *st, struct str *out, struct out_frame *fr)
{
	const struct field *f = fr->f;

	if (f->name == NULL) {
		str_addc(out, '}');
		st->n--;
		return;
	}
	fr->f++;
	if (!visible(f))
		return;
	comma(fr, out);
	str_addc(out, '"');
	str_add(out, f->name);
	str_addn(out, "\":", 2);
	add_member(st, out, f, fr->p);
}

static void
list_step(struct out_stack *st, struct str *out, struct out_frame *fr)
{
	const char *item = fr->p;

	if (fr->left == 0) {
		str_addc(out, ']');
		st->n--;
		return;
	}
	fr->left--;
	fr->p += elem_size(fr->f);
	comma(fr, out);
	if (fr->f->sub != NULL)
		push_struct(st, out, fr->f->sub, item);
	else
		encode_scalar(fr->f, fr->f->elem, item, out);
}

static void
run(struct out_stack *st, struct str *out)
{
	struct out_frame *fr;

	while (st->n > 0) {
		fr = &st->v[st->n - 1];
		if (fr->s != NULL)
			struct_step(st, out, fr);
		else
			list_step(st, out, fr);
	}
}

void
schema_encode(const struct schema *s, const void *obj, struct str *out)
{
	struct out_stack st;

	st.n = 0;
	push_struct(&st, out, s, obj);
	run(&st, out);
}

void
encode_member(const struct field *f, const void *obj, struct str *out)
{
	struct out_stack st;

	st.n = 0;
	add_member(&st, out, f, obj);
	run(&st, out);
}

/* ---- text and CSV ---------------------------------------------------- */

void
schema_text(const struct field *f, const void *obj, struct str *out)
{
	const void *m = member_of(f, obj);
	const struct blob *b = m;
	const char *s;
	char buf[UUID_TEXT];

	if (field_null(f, obj))
		return;
	switch (f->type) {
	case FT_STR:
		if ((s = *(const char *const *)m) != NULL)
			str_add(out, s);
		break;
	case FT_BLOB:
		if (b->p != NULL)
			str_add(out, base64_encode(out->a, b->p, b->n, false));
		break;
	case FT_UUID:
		str_add(out, uuid_format(*(const struct uuid *)m, buf));
		break;
	case FT_TIME:
		str_add(out, time_text(f, *(const struct utc *)m, buf));
		break;
	default:
		encode_member(f, obj, out);
	}
}

void
schema_csv_header(const struct schema *s, struct str *out)
{
	const struct field *f;
	bool first = true;

	for (f = s->fields; f->name != NULL; f++) {
		if (!visible(f))
			continue;
		if (!first)
			str_addc(out, ',');
		first = false;
		str_csv(out, f->name, false);
	}
	str_addc(out, '\n');
}

void
schema_csv_row(const struct schema *s, const void *obj, struct str *out)
{
	const struct field *f;
	struct str cell;
	bool first = true, number;

	str_init(&cell, out->a);
	for (f = s->fields; f->name != NULL; f++) {
		if (!visible(f))
			continue;
		if (!first)
			str_addc(out, ',');
		first = false;
		cell.len = 0;
		cell.p[0] = '\0';
		schema_text(f, obj, &cell);
		number = f->type == FT_INT || f->type == FT_REAL ||
		    f->type == FT_DEC;
		str_csv(out, cell.p, number);
	}
	str_addc(out, '\n');
}
