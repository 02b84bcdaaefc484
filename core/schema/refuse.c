/*
 * Entries of a 422 answer, as pydantic and FastAPI word them. What was
 * refused is repeated to the client, but never a secret, never more than a
 * few kilobytes of it, and never more than ERR_FIELDS times.
 */
#include <string.h>

#include <json-c/json.h>
#include <json-c/json_visit.h>

#include "base/arena.h"
#include "base/str.h"
#include "schema/inner.h"

#define REDACTED "**redacted**"
#define JSON_TEXT (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)

struct secret_search {
	const char *name;
	bool found;
};

static void
search_secret(const struct schema *s, void *arg)
{
	struct secret_search *q = arg;
	int i = schema_find(s, q->name);

	if (i >= 0 && (s->fields[i].flags & FF_SECRET))
		q->found = true;
}

bool
echo_secret(const struct schema *top, const char *name)
{
	struct secret_search q = { .name = name };

	if (top != NULL)
		schema_each(top, search_secret, &q);
	return q.found;
}

static const char *
bounded(struct decoder *d, const char *json, size_t n)
{
	if (n > ECHO_MAX)
		return arena_printf(d->a, "\"(%zu bytes)\"", n);
	return arena_strndup(d->a, json, n);
}

/* Scalars at once; arrays and objects are left for echo_finish(). */
static const char *
echo(struct decoder *d, const struct field *f, const struct raw *raw)
{
	struct str s;

	if (f != NULL && (f->flags & FF_SECRET))
		return "\"" REDACTED "\"";
	switch (raw->kind) {
	case RAW_BOOL:
		return raw->i ? "true" : "false";
	case RAW_INT:
		return arena_printf(d->a, "%lld", (long long)raw->i);
	case RAW_REAL:
		return bounded(d, raw->s, raw->n);
	case RAW_STR:
		if (raw->n > ECHO_MAX)
			return bounded(d, raw->s, raw->n);
		str_init(&s, d->a);
		str_jsonn(&s, raw->s, raw->n);
		return s.p;
	default:
		return "null";
	}
}

/* False once the answer is full: then only the count goes on. */
static bool
room(struct decoder *d)
{
	d->nerr++;
	if (d->err->nfields < ERR_FIELDS)
		return true;
	d->err->dropped++;
	return false;
}

static void
leave_pending(struct decoder *d, struct json_object *j)
{
	if (j != NULL && d->npending < ERR_FIELDS)
		d->pending[d->npending++] = (struct pending){
		    d->err->nfields, j };
}

int
refuse(struct decoder *d, const struct field *f, const struct loc *loc,
    const char *type, const char *msg, const struct raw *raw, const char *ctx)
{
	if (!room(d))
		return -1;
	if (f == NULL || (f->flags & FF_SECRET) == 0)
		leave_pending(d, raw->j);
	return err_field(d->err, (struct err_field){ .type = type,
	    .loc = loc_text(d->a, loc), .msg = msg,
	    .input = echo(d, f, raw), .ctx = ctx });
}

int
refuse_missing(struct decoder *d, const struct loc *loc, const char *input,
    struct json_object *j)
{
	if (!room(d))
		return -1;
	leave_pending(d, j);
	return err_field(d->err, (struct err_field){ .type = "missing",
	    .loc = loc_text(d->a, loc), .msg = "Field required",
	    .input = input });
}

void
refuse_unknown(struct decoder *d, const struct loc *loc, const struct raw *raw)
{
	static const struct field secret = { .flags = FF_SECRET };

	/* A secret in the wrong place is one all the same. */
	refuse(d, echo_secret(d->top, loc->name) ? &secret : NULL, loc,
	    "extra_forbidden", "Extra inputs are not permitted", raw, NULL);
}

const char *
ctx_num(struct decoder *d, const char *key, const char *number)
{
	return arena_printf(d->a, "{\"%s\":%s}", key, number);
}

const char *
ctx_str(struct decoder *d, const char *key, const char *text)
{
	struct str s;

	str_init(&s, d->a);
	str_addf(&s, "{\"%s\":", key);
	str_json(&s, text);
	str_addc(&s, '}');
	return s.p;
}

/* ---- arrays and objects ---------------------------------------------- */

static int
redact(struct json_object *j, int flags, struct json_object *parent,
    const char *key, size_t *index, void *arg)
{
	struct decoder *d = arg;

	(void)j;
	(void)index;
	if (flags == JSON_C_VISIT_SECOND || key == NULL ||
	    !echo_secret(d->top, key))
		return JSON_C_VISIT_RETURN_CONTINUE;
	json_object_object_add(parent, key, json_object_new_string(REDACTED));
	return JSON_C_VISIT_RETURN_SKIP;
}

static void
any_secret(const struct schema *s, void *arg)
{
	const struct field *f;

	for (f = s->fields; f->name != NULL; f++)
		if (f->flags & FF_SECRET)
			*(bool *)arg = true;
}

void
echo_finish(struct decoder *d)
{
	struct pending *p;
	bool secret = false;
	const char *text;
	size_t i, n;

	if (d->npending > 0 && d->top != NULL)
		schema_each(d->top, any_secret, &secret);
	for (i = 0; i < d->npending; i++) {
		p = &d->pending[i];
		if (i > 0 && p[-1].j == p->j) {
			d->err->fields[p->at].input =
			    d->err->fields[p[-1].at].input;
			continue;
		}
		if (secret)
			json_c_visit(p->j, 0, redact, d);
		text = json_object_to_json_string_length(p->j, JSON_TEXT, &n);
		d->err->fields[p->at].input = bounded(d, text, n);
	}
	d->npending = 0;
}
