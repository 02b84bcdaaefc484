/*
 * Rows out of an AWS answer: a table of paths is matched against the XML as
 * it streams by. Refuses rows that lack a needed element or whose values are
 * not of their type, naming element and position; unknown elements are
 * skipped. Invariant: every text in a row is non-NULL and within its bound.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/number.h"
#include "base/str.h"
#include "modules/spot/aws_wire.h"
#include "net/xml.h"

enum { TOKEN_MAX = 8192, FIELDS_MAX = 64 };

struct reading {
	struct arena *a;
	const struct aws_list *list;
	size_t item_len;
	char *items;
	size_t n, cap;
	char *row;		/* the open item or NULL */
	bool seen[FIELDS_MAX];
	const char *next_token;
	const char *token;	/* path of the next token */
	size_t holder_len;	/* of the path of the element around items */
	bool held;		/* it was there */
	bool fault;		/* the document is an error document */
};

static int
malformed(const struct xml_node *n, const char *element, const char *why,
    struct err *err)
{
	return err_set(err, 502, "aws_malformed", "AWS answer: element <%s> "
	    "%s (line %lu column %lu)", element, why, n->line, n->column);
}

static void
set_defaults(struct reading *r)
{
	for (const struct aws_field *f = r->list->fields; f->path != NULL; f++)
		if (f->type == AWS_TEXT)
			memcpy(r->row + f->off, &(const char *){ "" },
			    sizeof(const char *));
	memset(r->seen, 0, sizeof(r->seen));
}

static const char *
holder_of(const struct aws_list *l)
{
	return l->holder != NULL ? l->holder : l->item;
}

static int
on_open(void *arg, const struct xml_node *n, struct err *err)
{
	struct reading *r = arg;
	size_t size = r->list->size;

	if (*n->path == '\0')
		r->fault = strcmp(n->root, "ErrorResponse") == 0 ||
		    strcmp(n->root, "Response") == 0;
	if (strncmp(n->path, holder_of(r->list), r->holder_len) == 0 &&
	    n->path[r->holder_len] == '\0')
		r->held = true;
	if (strcmp(n->path, r->list->item) != 0)
		return 0;
	if (r->n == r->list->max_rows)
		return err_set(err, 502, "aws_malformed", "AWS answer: more "
		    "than %zu <%s>", r->n, r->list->item);
	if (r->n == r->cap) {
		size_t cap = r->cap == 0 ? 16 : 2 * r->cap;

		r->items = arena_grow(r->a, r->items, r->cap * size,
		    cap * size);
		r->cap = cap;
	}
	r->row = r->items + r->n * size;
	memset(r->row, 0, size);
	set_defaults(r);
	return 0;
}

static bool
parse_bool(const char *text, bool *out)
{
	*out = strcmp(text, "true") == 0;
	return *out || strcmp(text, "false") == 0;
}

/* False: the text is not a value of the field. */
static bool
store(struct reading *r, const struct aws_field *f, const char *text,
    size_t len)
{
	void *at = r->row + f->off;
	const char *copy;

	switch (f->type) {
	case AWS_TEXT:
		if (len > f->max)
			return false;
		copy = arena_strndup(r->a, text, len);
		memcpy(at, &copy, sizeof(copy));
		return true;
	case AWS_INT:
		return num_i64(text, len, at) == NUM_OK &&
		    *(int64_t *)at >= 0;
	case AWS_REAL:
		return num_real(text, len, at) == NUM_OK;
	case AWS_BOOL:
		return parse_bool(text, at);
	case AWS_DEC:
		return dec_parse(text, len, at) == NUM_OK &&
		    ((struct dec *)at)->e8 >= 0;
	case AWS_TIME:
		return clock_parse(text, at) == 0;
	}
	return false;
}

/* The field of a path below an item, or NULL. */
static const struct aws_field *
field_of(const struct reading *r, const char *path)
{
	for (const struct aws_field *f = r->list->fields; f->path != NULL; f++)
		if (strcmp(f->path, path) == 0)
			return f;
	return NULL;
}

static int
close_below(struct reading *r, const struct xml_node *n, const char *path,
    struct err *err)
{
	const struct aws_field *f = field_of(r, path);
	const char *text = n->text + strspn(n->text, " \t\r\n");
	size_t len = strlen(text);

	if (f == NULL)
		return r->list->other == NULL ? 0 : r->list->other(
		    r->list->arg, r->a, r->row, path, n->text, n->len, err);
	while (len > 0 && strchr(" \t\r\n", text[len - 1]) != NULL)
		len--;
	if (len == 0)
		return 0;
	if (!store(r, f, arena_strndup(r->a, text, len), len))
		return malformed(n, path, f->type == AWS_TEXT ?
		    "is too long" : "has an impossible value", err);
	r->seen[f - r->list->fields] = true;
	return 0;
}

static int
close_item(struct reading *r, const struct xml_node *n, struct err *err)
{
	const struct aws_field *f = r->list->fields;

	for (; f->path != NULL; f++)
		if (f->need && !r->seen[f - r->list->fields])
			return malformed(n, f->path, "is missing or empty",
			    err);
	if (r->list->finish != NULL &&
	    r->list->finish(r->list->arg, r->a, r->row, err) == -1)
		return -1;
	r->row = NULL;
	r->n++;
	return 0;
}

static int
on_close(void *arg, const struct xml_node *n, struct err *err)
{
	struct reading *r = arg;

	if (r->row != NULL && strcmp(n->path, r->list->item) == 0)
		return close_item(r, n, err);
	if (r->row != NULL)
		return close_below(r, n, n->path + r->item_len + 1, err);
	if (strcmp(n->path, r->token) == 0) {
		if (n->len > TOKEN_MAX)
			return malformed(n, n->path, "is too long", err);
		r->next_token = arena_strdup(r->a, n->text);
	}
	return 0;
}

/* An error document that came with status 200. */
static int
fault(struct arena *a, const void *body, size_t len, struct err *err)
{
	struct aws_client nobody = { 0 };
	struct net_reply reply = { .status = 400, .body = body, .len = len };

	return spot_aws_check(a, &nobody, &reply, (struct utc){ 0 }, err);
}

int
spot_aws_rows(struct arena *a, const struct aws_list *list, const void *body,
    size_t len, struct list *out, const char **next_token, struct err *err)
{
	struct reading r = { .a = a, .list = list,
	    .item_len = strlen(list->item), .next_token = "",
	    .token = list->token != NULL ? list->token : "nextToken" };
	struct xml_reader reader = { .open = on_open, .close = on_close,
	    .arg = &r };

	/* An answer without even the empty list is not an empty list. */
	r.holder_len = list->holder != NULL ? strlen(list->holder) :
	    strcspn(list->item, "/");
	r.held = list->holder == NULL && list->item[r.holder_len] == '\0';
	if (xml_read(a, body, len, &reader, err) == -1) {
		if (err != NULL && strcmp(err->code, "xml_malformed") == 0)
			err->code = "aws_malformed";
		return -1;
	}
	if (r.fault)
		return fault(a, body, len, err);
	if (!r.held)
		return err_set(err, 502, "aws_malformed", "AWS answer: element "
		    "<%.*s> is missing", (int)r.holder_len, holder_of(list));
	out->items = r.items;
	out->n = r.n;
	if (next_token != NULL)
		*next_token = r.next_token;
	return 0;
}
