/*
 * Reading templates: splits text and tags, resolves each name against the
 * schemas and fixes the escaping of its place. Refuses whatever could fail or
 * surprise later. Invariant: what was read renders without an error.
 */
#include <ctype.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/vec.h"
#include "http/template_inner.h"

enum { INCLUDES = 8, CHOICES = 12 };

enum kind { K_FIELD, K_OBJECT, K_PAGE, K_LIST, K_FREE, K_ABSENT };

/* What a name means. */
struct type {
	enum kind kind;
	const struct schema *schema;	/* OBJECT, PAGE, LIST of objects */
	enum ftype ft;			/* FIELD, LIST of scalars */
	const struct field *field;
};

struct open {				/* an open section */
	size_t node;
	const char *name;
	size_t len;
	struct html html;
};

struct parser {
	struct arena *a;
	const struct template_source *src;
	const struct template_name *names;
	const char *main, *file, *text, *at;	/* at: the tag in hand */
	VEC(struct template_node) nodes;
	struct type scopes[TEMPLATE_DEPTH + 1];
	size_t nscopes;
	struct open opens[TEMPLATE_DEPTH];
	size_t nopens;
	struct html html;
	int includes;
	struct err *e;
};

static int
fault(struct parser *p, const char *what, const char *name, size_t n)
{
	int line = 1;

	for (const char *c = p->text; c < p->at; c++)
		line += *c == '\n';
	return err_set(p->e, 500, "template", "%s:%d: %s%s%.*s", p->file, line,
	    what, n > 0 ? ": " : "", (int)(n > 80 ? 80 : n), name);
}

/* ---- names ------------------------------------------------------------------ */

static struct type
type_of_field(const struct field *f)
{
	struct type t = { .kind = K_FIELD, .ft = f->type, .field = f };

	if (f->type == FT_SUB)
		t = (struct type){ .kind = K_OBJECT, .schema = f->sub };
	else if (f->type == FT_LIST)
		t = (struct type){ .kind = K_LIST, .schema = f->sub,
		    .ft = f->elem };
	else if (f->type == FT_JSON)
		t = (struct type){ .kind = K_FREE };
	return t;
}

static bool
member_of(const struct type *of, const char *name, struct type *out)
{
	if (of->kind == K_ABSENT) {
		*out = (struct type){ .kind = K_ABSENT };
		return true;
	}
	if (of->kind == K_FREE && *name == '~') {
		*out = (struct type){ .kind = K_FREE };
		return true;
	}
	if (of->kind == K_PAGE && strcmp(name, "items") == 0) {
		*out = (struct type){ .kind = K_LIST, .schema = of->schema };
		return true;
	}
	if (of->kind == K_PAGE && strcmp(name, "next") == 0) {
		*out = (struct type){ .kind = K_FIELD, .ft = FT_STR };
		return true;
	}
	if (of->kind != K_OBJECT)
		return false;
	for (const struct field *f = of->schema->fields; f->name != NULL; f++)
		if (strcmp(f->name, name) == 0 &&
		    !(f->flags & (FF_SECRET | FF_HIDDEN))) {
			*out = type_of_field(f);
			return true;
		}
	return false;
}

static bool
root_of(struct parser *p, const char *name, struct template_ref *ref,
    struct type *out)
{
	static const enum kind kinds[] = { K_OBJECT, K_PAGE, K_LIST, K_FIELD,
		K_FREE, K_ABSENT };

	for (size_t i = 0; p->names[i].name != NULL; i++)
		if (strcmp(p->names[i].name, name) == 0) {
			ref->root = i;
			*out = (struct type){ .kind = kinds[p->names[i].shape],
			    .schema = p->names[i].schema, .ft = FT_STR };
			return true;
		}
	return false;
}

/* The first part of a name: from the innermost scope outwards. */
static bool
first(struct parser *p, const char *name, struct template_ref *ref,
    struct type *out)
{
	for (ref->scope = p->nscopes; ref->scope > 0; ref->scope--)
		if (member_of(&p->scopes[ref->scope], name, out))
			return true;
	return root_of(p, name, ref, out);
}

static int
resolve(struct parser *p, const char *name, size_t n, struct template_ref *ref,
    struct type *out)
{
	*ref = (struct template_ref){ .scope = p->nscopes };
	if (n == 1 && *name == '.' && p->nscopes > 0) {
		*out = p->scopes[p->nscopes];
		return 0;
	}
	if (n == 4 && memcmp(name, "@key", 4) == 0 && p->nscopes > 0 &&
	    p->scopes[p->nscopes].kind == K_FREE) {
		ref->key = true;
		*out = (struct type){ .kind = K_FIELD, .ft = FT_STR };
		return 0;
	}
	for (size_t i = 0; i < n;) {
		size_t len = 0;
		const char *seg;

		while (i + len < n && name[i + len] != '.')
			len++;
		seg = arena_strndup(p->a, name + i, len);
		if (ref->n == TEMPLATE_PARTS || (ref->n == 0 ?
		    !first(p, seg, ref, out) : !member_of(out, seg, out)))
			return fault(p, "unknown name", name, n);
		ref->seg[ref->n++] = *seg == '~' ? seg + 1 : seg;
		i += len + 1;
	}
	return ref->n == 0 ? fault(p, "a tag without a name", "", 0) : 0;
}

/* ---- tags -------------------------------------------------------------------- */

static int
add_value(struct parser *p, const char *tag, size_t n)
{
	struct template_node *nd = VEC_ADD(p->a, &p->nodes);
	size_t bar = 0;
	struct type t;
	enum ftype ft;
	const char *bad = html_escape_for(&p->html, &nd->escape);

	nd->op = OP_VALUE;
	while (bar < n && tag[bar] != '|')
		bar++;
	if (bad != NULL)
		return fault(p, bad, tag, n);
	if (resolve(p, tag, bar, &nd->ref, &t) == -1)
		return -1;
	ft = t.kind == K_FIELD ? t.ft : t.kind == K_LIST ? FT_LIST :
	    t.kind == K_FREE ? FT_JSON : FT_SUB;
	nd->type = ft;
	nd->filter = template_filter_default(ft, nd->escape);
	if (t.kind == K_ABSENT)
		return 0;
	if (bar == n)
		return ft == FT_SUB || ft == FT_LIST ?
		    fault(p, "no single value", tag, n) : 0;
	if (template_filter_find(tag + bar + 1, n - bar - 1, ft,
	    &nd->filter) == -1)
		return fault(p, "no such filter for this", tag, n);
	return 0;
}

/* "one|two" after "="; where the schema lists the choices they must occur. */
static int
choices(struct parser *p, struct template_node *nd, const struct type *t,
    const char *text, size_t n)
{
	const char **v = arena_array(p->a, CHOICES + 1, sizeof(*v));
	size_t k = 0;

	if (t->kind != K_FIELD && t->kind != K_FREE && t->kind != K_ABSENT)
		return fault(p, "only a single value can be compared", text, n);
	for (size_t i = 0; i <= n;) {
		size_t len = 0;
		const char *const *o;

		while (i + len < n && text[i + len] != '|')
			len++;
		if (k == CHOICES)
			return fault(p, "too many choices", text, n);
		v[k] = arena_strndup(p->a, text + i, len);
		o = t->field == NULL ? NULL : t->field->oneof;
		while (o != NULL && *o != NULL && strcmp(*o, v[k]) != 0)
			o++;
		if (o != NULL && *o == NULL)
			return fault(p, "not one of the choices", v[k], len);
		k++;
		i += len + 1;
	}
	nd->equals = v;
	return 0;
}

static int
push_open(struct parser *p, const char *name, size_t n)
{
	if (p->nopens == TEMPLATE_DEPTH)
		return fault(p, "sections too deep", name, n);
	p->opens[p->nopens++] = (struct open){ p->nodes.n - 1, name, n,
	    p->html };
	return 0;
}

static int
may_open(struct parser *p, const char *tag, size_t n)
{
	struct template_node *nd = VEC_ADD(p->a, &p->nodes);

	nd->op = OP_MAY;
	nd->text = arena_strndup(p->a, tag + 4, n - 4);
	if (!p->src->permission(p->src->arg, nd->text))
		return fault(p, "unknown permission", tag + 4, n - 4);
	return push_open(p, tag, 3);
}

static int
section_open(struct parser *p, char how, const char *tag, size_t n)
{
	bool inverted = how == '^';
	struct template_node *nd;
	struct type t;
	size_t eq = 0;

	if (!inverted && n > 4 && memcmp(tag, "may ", 4) == 0)
		return may_open(p, tag, n);
	nd = VEC_ADD(p->a, &p->nodes);
	nd->op = inverted ? OP_INVERTED : OP_SECTION;
	while (eq < n && tag[eq] != '=')
		eq++;
	if (resolve(p, tag, eq, &nd->ref, &t) == -1)
		return -1;
	nd->type = t.kind == K_OBJECT || t.kind == K_PAGE ? FT_SUB : 0;
	if (eq < n && choices(p, nd, &t, tag + eq + 1, n - eq - 1) == -1)
		return -1;
	if (how == '#' && eq == n && t.kind != K_FIELD) {
		if (p->nscopes == TEMPLATE_DEPTH)
			return fault(p, "scopes too deep", tag, n);
		nd->scoped = true;
		if (t.kind == K_LIST)
			t.kind = t.schema != NULL ? K_OBJECT : K_FIELD;
		p->scopes[++p->nscopes] = t;
	}
	return push_open(p, tag, eq);
}

static int
section_close(struct parser *p, const char *tag, size_t n)
{
	struct template_node *nd, *start;
	struct open *o;

	if (p->nopens == 0)
		return fault(p, "closes what is not open", tag, n);
	o = &p->opens[--p->nopens];
	if (o->len != n || memcmp(o->name, tag, n) != 0)
		return fault(p, "closes another section", tag, n);
	html_settle(&o->html);	/* "<option{{#x}} selected{{/x}}>" */
	html_settle(&p->html);
	if (o->html.place != p->html.place || (p->html.place == HTML_VALUE &&
	    strcmp(o->html.attr, p->html.attr) != 0))
		return fault(p, "a section ends elsewhere in the HTML than it "
		    "began", tag, n);
	nd = VEC_ADD(p->a, &p->nodes);
	start = &p->nodes.v[o->node];
	nd->op = OP_END;
	nd->start = o->node;
	start->end = p->nodes.n - 1;
	if (start->scoped)
		p->nscopes--;
	return 0;
}

/* ---- files -------------------------------------------------------------------- */

static int parse_file(struct parser *, const char *file);

static int
include(struct parser *p, const char *tag, size_t n)
{
	const char *file = p->file, *text = p->text, *at = p->at;
	const char *name = arena_strndup(p->a, tag, n);
	int rc;

	if (strcmp(name, "main") == 0 && p->main != NULL)
		name = p->main;
	if (++p->includes > INCLUDES)
		return fault(p, "included too deep", tag, n);
	rc = parse_file(p, name);
	p->includes--;
	p->file = file;
	p->text = text;
	p->at = at;
	return rc;
}

static int
parse_tag(struct parser *p, const char *tag, size_t n)
{
	while (n > 0 && isspace((unsigned char)tag[n - 1]))
		n--;
	while (n > 0 && isspace((unsigned char)*tag))
		tag++, n--;
	if (n == 0)
		return fault(p, "empty tag", "", 0);
	switch (*tag) {
	case '!':
		return 0;
	case '#':
	case '?':
	case '^':
		return section_open(p, *tag, tag + 1, n - 1);
	case '/':
		return section_close(p, tag + 1, n - 1);
	case '>':
		return include(p, tag + 1, n - 1);
	case '{':
	case '&':
		return fault(p, "there is no raw form", tag, n);
	default:
		return add_value(p, tag, n);
	}
}

static int
parse_text(struct parser *p, const char *s, size_t n)
{
	struct template_node *nd;
	const char *bad;

	if (n == 0)
		return 0;
	nd = VEC_ADD(p->a, &p->nodes);
	nd->op = OP_TEXT;
	nd->text = s;
	nd->len = n;
	bad = html_feed(&p->html, s, n);
	return bad != NULL ? fault(p, bad, "", 0) : 0;
}

static int
parse_file(struct parser *p, const char *file)
{
	size_t opens = p->nopens;
	const char *s, *tag, *end;

	if (p->src->read(p->src->arg, p->a, file, &s, p->e) == -1)
		return -1;
	p->file = file;
	p->text = p->at = s;
	while ((tag = strstr(s, "{{")) != NULL) {
		p->at = tag;
		if (parse_text(p, s, (size_t)(tag - s)) == -1)
			return -1;
		if ((end = strstr(tag, "}}")) == NULL)
			return fault(p, "a tag without end", "", 0);
		if (parse_tag(p, tag + 2, (size_t)(end - tag - 2)) == -1)
			return -1;
		s = end + 2;
	}
	if (parse_text(p, s, strlen(s)) == -1)
		return -1;
	p->at = s;
	if (p->nopens != opens)
		return fault(p, "section not closed", p->opens[p->nopens - 1].name,
		    p->opens[p->nopens - 1].len);
	return 0;
}

int
template_parse(struct template **out, struct arena *a,
    const struct template_source *src, const char *file, const char *main,
    const struct template_name *names, struct err *e)
{
	struct parser *p = arena_alloc(a, sizeof(*p));

	p->a = a;
	p->src = src;
	p->names = names;
	p->main = main;
	p->e = e;
	if (parse_file(p, file) == -1)
		return -1;
	if (p->html.place != HTML_TEXT)
		return fault(p, "ends inside a tag", "", 0);
	*out = arena_alloc(a, sizeof(**out));
	**out = (struct template){ p->nodes.v, p->nodes.n };
	return 0;
}
