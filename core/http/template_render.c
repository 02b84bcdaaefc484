/*
 * Rendering: one walk over the nodes with a stack of open sections. Nothing is
 * looked up by anything but the way the reader resolved.
 */
#include <string.h>

#include "base/check.h"
#include "http/template_inner.h"

struct frame {
	size_t node;			/* of the section */
	const struct tree *list;	/* walked through, or NULL: once */
	size_t i, n;
	const struct tree *here;	/* the scope's value */
	const char *key;
};

struct run {
	const struct template_data *d;
	struct frame frames[TEMPLATE_DEPTH + 1];	/* of scopes only */
	size_t depth;
	struct str *out;
};

static const struct tree *
find(const struct run *r, const struct template_ref *ref)
{
	const struct tree *t;
	size_t i = 0;

	if (ref->scope == 0) {
		t = r->d->values[ref->root];
		i = 1;
	} else
		t = r->frames[ref->scope].here;
	for (; i < ref->n; i++)
		t = tree_get(t, ref->seg[i]);
	return t;
}

static bool
holds(const struct run *r, const struct template_node *nd)
{
	const struct tree *t;
	const char *text;

	if (nd->op == OP_MAY)
		return r->d->may(r->d->arg, nd->text);
	t = find(r, &nd->ref);
	if (nd->equals == NULL)
		return tree_true(t) || (nd->scoped && tree_kind(t) ==
		    TREE_OBJECT && nd->type == FT_SUB);
	text = tree_text(t);
	for (size_t i = 0; nd->equals[i] != NULL; i++)
		if (strcmp(nd->equals[i], text) == 0)
			return true;
	return false;
}

/* Opens the scope of a section that holds. */
static void
enter(struct run *r, const struct template_node *nd, size_t at)
{
	struct frame *f = &r->frames[++r->depth];
	const struct tree *t = find(r, &nd->ref);
	bool walk = nd->type != FT_SUB && (tree_kind(t) == TREE_LIST ||
	    tree_kind(t) == TREE_OBJECT);

	ASSERT(r->depth <= TEMPLATE_DEPTH);
	*f = (struct frame){ .node = at, .list = walk ? t : NULL, .here = t,
	    .n = walk ? tree_count(t) : 1 };
	if (walk)
		f->here = tree_at(t, 0, &f->key);
}

/* At a section's end: the node to go on with. */
static size_t
leave(struct run *r, const struct template_node *open, size_t start, size_t at)
{
	struct frame *f = &r->frames[r->depth];

	if (!open->scoped)
		return at + 1;
	if (++f->i < f->n) {
		f->here = tree_at(f->list, f->i, &f->key);
		return start + 1;
	}
	r->depth--;
	return at + 1;
}

static void
value(struct run *r, const struct template_node *nd)
{
	if (nd->ref.key) {
		const char *key = r->frames[nd->ref.scope].key;

		if (key != NULL && nd->filter == TF_WORDS)
			template_words(r->out, nd->escape, key);
		else
			html_put(r->out, nd->escape, key != NULL ? key : "");
		return;
	}
	template_format(r->out, nd, find(r, &nd->ref), r->d->now);
}

void
template_render(const struct template *t, const struct template_data *d,
    struct str *out)
{
	struct run r = { .d = d, .out = out };
	size_t i = 0;

	while (i < t->n) {
		const struct template_node *nd = &t->nodes[i];
		bool on;

		switch (nd->op) {
		case OP_TEXT:
			str_addn(out, nd->text, nd->len);
			i++;
			break;
		case OP_VALUE:
			value(&r, nd);
			i++;
			break;
		case OP_SECTION:
		case OP_INVERTED:
		case OP_MAY:
			on = holds(&r, nd) != (nd->op == OP_INVERTED);
			if (on && nd->scoped)
				enter(&r, nd, i);
			i = on ? i + 1 : nd->end + 1;
			break;
		case OP_END:
			i = leave(&r, &t->nodes[nd->start], nd->start, i);
			break;
		}
	}
}
