/*
 * Where the values of one request come from: path, query, form, JSON body,
 * cells of a row. Decides which source a field has, what absent, null and
 * empty mean there, and the order of the errors, which is FastAPI's: path,
 * query, body.
 */
#include <string.h>

#include <json-c/json.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/codec.h"
#include "base/str.h"
#include "schema/inner.h"

enum { FORM_FIELDS = 1000 };

enum source { SRC_PATH, SRC_QUERY, SRC_BODY, SRC_NONE };

struct request {
	struct decoder d;
	const struct schema *s;
	const struct schema_input *in;
	const struct pair *form;	/* form body, or the cells of a row */
	size_t nform;
	bool row;			/* cells of a row: "" is null */
	struct json_object *body;	/* JSON object, or NULL */
	bool skip_body;			/* wrong as a whole: said once */
	struct loc root[SRC_NONE];
	void *out;
	uint64_t seen;
	const char *form_echo;
};

static const char *
last_of(const struct pair *p, size_t n, const char *name)
{
	while (n-- > 0)
		if (strcmp(p[n].name, name) == 0)
			return p[n].value;
	return NULL;
}

static enum source
source_of(const struct request *r, const struct field *f)
{
	if (last_of(r->in->path, r->in->npath, f->name) != NULL)
		return SRC_PATH;
	if (!takes_input(f))
		return SRC_NONE;
	return r->in->from_query ? SRC_QUERY : SRC_BODY;
}

/* The form as FastAPI repeats it beside a missing field. */
static const char *
form_echo(struct request *r)
{
	struct str s;
	size_t i;

	if (r->form_echo != NULL)
		return r->form_echo;
	str_init(&s, r->d.a);
	str_addc(&s, '{');
	for (i = 0; i < r->nform; i++) {
		if (i > 0)
			str_addc(&s, ',');
		str_json(&s, r->form[i].name);
		str_addc(&s, ':');
		str_json(&s, echo_secret(r->s, r->form[i].name) ?
		    "**redacted**" : r->form[i].value);
	}
	str_addc(&s, '}');
	r->form_echo = s.len <= ECHO_MAX ? s.p :
	    arena_printf(r->d.a, "\"(%zu bytes)\"", s.len);
	return r->form_echo;
}

/* q=1&q=2 into a list. */
static void
text_list(struct request *r, const struct field *f, const struct loc *up,
    const struct pair *p, size_t n)
{
	const size_t es = elem_size(f);
	struct loc loc = { .up = up };
	struct raw raw = { .kind = RAW_LIST };
	size_t i, count = 0;
	char *items;

	for (i = 0; i < n; i++)
		count += strcmp(p[i].name, f->name) == 0;
	if (list_count(&r->d, f, up, &raw, count) == -1)
		return;
	items = list_items(&r->d, f, count, r->out);
	for (i = 0; i < n; i++) {
		if (strcmp(p[i].name, f->name) != 0)
			continue;
		raw = raw_text(p[i].value);
		value_store(&r->d, f, f->elem, &loc, &raw,
		    items + loc.idx * es);
		loc.idx++;
	}
}

/* An empty cell is null, except text that cannot be. */
static bool
empty_cell(const struct request *r, const struct field *f, const char *v)
{
	return *v == '\0' && (!r->row || f->type != FT_STR ||
	    (f->flags & FF_NULLABLE));
}

static void
text_field(struct request *r, const struct field *f, const struct loc *loc,
    const struct pair *p, size_t n, bool body)
{
	const char *v = last_of(p, n, f->name);
	struct raw raw;

	if (v != NULL && body && empty_cell(r, f, v)) {
		/* A row says null with it; a form says nothing. */
		if (r->row && (f->flags & FF_NULLABLE)) {
			r->seen |= UINT64_C(1) << (f - r->s->fields);
			field_set_has(f, r->out, false);
			return;
		}
		v = NULL;
	}
	if (v == NULL) {
		decode_absent(&r->d, f, loc, body && !r->row ? form_echo(r) : "null",
		    NULL, r->out);
		return;
	}
	r->seen |= UINT64_C(1) << (f - r->s->fields);
	raw = raw_text(v);
	if (!utf8_valid(raw.s, raw.n)) {
		refuse(&r->d, f, loc, "string_unicode", "Input should be a "
		    "valid string, unable to parse raw data as a unicode "
		    "string", &raw, NULL);
		return;
	}
	if (f->type == FT_LIST && f->sub == NULL && !r->row) {
		text_list(r, f, loc, p, n);
		return;
	}
	r->d.cells = true;
	decode_member(&r->d, f, loc, &raw, r->out);
	r->d.cells = false;
}

static void
body_field(struct request *r, const struct field *f, const struct loc *loc)
{
	struct json_object *v;
	struct raw raw;

	if (r->in->kind == BODY_FORM) {
		text_field(r, f, loc, r->form, r->nform, true);
		return;
	}
	if (r->body == NULL || !json_object_object_get_ex(r->body, f->name,
	    &v)) {
		decode_absent(&r->d, f, loc, "null", r->body, r->out);
		return;
	}
	r->seen |= UINT64_C(1) << (f - r->s->fields);
	raw = raw_of(v);
	decode_member(&r->d, f, loc, &raw, r->out);
}

static void
request_field(struct request *r, const struct field *f, enum source src)
{
	struct loc loc = { &r->root[src], f->name, strlen(f->name), 0 };

	if (src == SRC_PATH)
		text_field(r, f, &loc, r->in->path, r->in->npath, false);
	else if (src == SRC_QUERY)
		text_field(r, f, &loc, r->in->query, r->in->nquery, false);
	else if (!r->skip_body)
		body_field(r, f, &loc);
}

/* The body as a whole: absent, null, or not an object. */
static void
judge_body(struct request *r, bool required, const struct raw *raw)
{
	r->body = raw->kind == RAW_OBJ ? raw->j : NULL;
	if (raw->kind == RAW_OBJ || r->in->kind == BODY_FORM)
		return;
	if (raw->kind == RAW_ABSENT || raw->kind == RAW_NULL) {
		if (required) {
			r->skip_body = true;
			refuse_missing(&r->d, &r->root[SRC_BODY], "null",
			    NULL);
		}
		return;
	}
	r->skip_body = true;
	refuse(&r->d, NULL, &r->root[SRC_BODY], "model_attributes_type",
	    "Input should be a valid dictionary or object to extract fields "
	    "from", raw, NULL);
}

static void
extra_body(struct request *r)
{
	size_t i;
	int at;
	struct raw raw;

	if (r->body != NULL)
		refuse_extra(&r->d, r->s, r->body, &r->root[SRC_BODY]);
	for (i = 0; i < r->nform; i++) {
		struct loc loc = { &r->root[SRC_BODY], r->form[i].name,
		    strlen(r->form[i].name), 0 };

		at = schema_find(r->s, r->form[i].name);
		if (at >= 0 && !(r->s->fields[at].flags & FF_HIDDEN))
			continue;
		raw = raw_text(r->form[i].value);
		refuse_unknown(&r->d, &loc, &raw);
	}
}

static void
request_fields(struct request *r, const struct raw *raw)
{
	const size_t n = schema_count(r->s);
	unsigned char src[FIELDS_MAX];
	bool body = false, required = false;
	size_t i;
	int pass;

	ASSERT(n <= FIELDS_MAX);
	for (i = 0; i < n; i++) {
		src[i] = (unsigned char)source_of(r, &r->s->fields[i]);
		if (src[i] != SRC_BODY)
			continue;
		body = true;
		if (r->s->fields[i].flags & FF_REQUIRED)
			required = true;
	}
	for (pass = SRC_PATH; pass < SRC_NONE; pass++) {
		if (pass == SRC_BODY && body)
			judge_body(r, required, raw);
		for (i = 0; i < n; i++)
			if (src[i] == pass)
				request_field(r, &r->s->fields[i], pass);
	}
	if (r->d.forbid_extra && !r->skip_body)
		extra_body(r);
}

static int
finish(struct request *r, uint64_t *seen)
{
	check_struct(&r->d, r->s, r->out, 0);
	echo_finish(&r->d);
	*seen = r->seen;
	return r->d.nerr == 0 ? 0 : -1;
}

static struct request
request_new(const struct schema *s, const struct schema_input *in,
    const char *root, struct arena *a, void *out, struct err *err)
{
	memset(out, 0, s->size);
	return (struct request){
		.d = { .a = a, .err = err, .top = s,
		    .forbid_extra = in->forbid_extra,
		    .max_values = in->max_values },
		.s = s, .in = in, .out = out,
		.root = { { NULL, "path", 4, 0 }, { NULL, "query", 5, 0 },
		    { NULL, root, strlen(root), 0 } },
	};
}

static int
read_form(struct request *r)
{
	struct pair *form;
	size_t i, fields = 1;

	if (r->in->body_absent)
		return 0;
	for (i = 0; i < r->in->body_len; i++)
		fields += r->in->body[i] == '&';
	if (fields > FORM_FIELDS)
		return refuse(&r->d, NULL, &r->root[SRC_BODY],
		    "form_too_many_fields", "Form has more than 1000 fields",
		    &(struct raw){ .kind = RAW_NULL }, NULL);
	if (url_pairs(r->d.a, r->in->body, r->in->body_len, &form,
	    &r->nform) == -1)
		return refuse(&r->d, NULL, &r->root[SRC_BODY], "form_invalid",
		    "Form body has an invalid percent escape",
		    &(struct raw){ .kind = RAW_NULL }, NULL);
	r->form = form;
	return 0;
}

int
schema_decode(const struct schema *s, const struct schema_input *in,
    struct arena *a, void *out, uint64_t *seen, struct err *err)
{
	struct request r = request_new(s, in, "body", a, out, err);
	struct raw raw = { .kind = RAW_ABSENT };

	*seen = 0;
	if (!in->from_query && in->kind == BODY_FORM && read_form(&r) == -1)
		return -1;
	if (!in->from_query && in->kind == BODY_JSON && !in->body_absent &&
	    json_parse(&r.d, in->body, in->body_len, &r.root[SRC_BODY],
	    &raw) == -1)
		return -1;
	request_fields(&r, &raw);
	return finish(&r, seen);
}

int
schema_decode_json(const struct schema *s, const char *text, size_t n,
    const char *loc_root, bool forbid_extra, struct arena *a, void *out,
    uint64_t *seen, struct err *err)
{
	const struct schema_input in = { .kind = BODY_JSON, .body = text,
	    .body_len = n, .forbid_extra = forbid_extra };
	struct request r = request_new(s, &in, loc_root, a, out, err);
	struct raw raw;

	*seen = 0;
	if (json_parse(&r.d, text, n, &r.root[SRC_BODY], &raw) == -1)
		return -1;
	request_fields(&r, &raw);
	return finish(&r, seen);
}

int
schema_decode_pairs(const struct schema *s, const struct pair *p, size_t n,
    const char *loc_root, bool forbid_extra, struct arena *a, void *out,
    uint64_t *seen, struct err *err)
{
	const struct schema_input in = { .kind = BODY_FORM,
	    .forbid_extra = forbid_extra };
	struct request r = request_new(s, &in, loc_root, a, out, err);

	r.form = p;
	r.nform = n;
	r.row = true;
	request_fields(&r, &(struct raw){ .kind = RAW_ABSENT });
	return finish(&r, seen);
}
