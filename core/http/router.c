/*
 * The route tree. It refuses two rows with the same method and shape, and
 * knows nothing of handlers. Matching backs up from a literal to a parameter
 * branch at most once per segment, so its cost is bounded by the depth.
 */
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/err.h"
#include "base/map.h"
#include "base/types.h"
#include "http/router.h"

struct leaf {
	const struct route *route;
	const struct alias *alias;
	const char *names[ROUTE_PARAMS];
	size_t n;
};

struct node {
	struct map *literal;		/* segment → struct node */
	struct node *param;		/* any one segment */
	struct node *rest;		/* everything that is left */
	struct leaf *leaf[HTTP_HEAD + 1];
	unsigned allow;
};

struct router {
	struct arena *a;
	struct node *root;
};

static struct node *
node_new(struct arena *a)
{
	struct node *n = arena_alloc(a, sizeof(*n));

	n->literal = map_new(a);
	return n;
}

struct router *
router_new(struct arena *a)
{
	struct router *r = arena_alloc(a, sizeof(*r));

	r->a = a;
	r->root = node_new(a);
	return r;
}

/* Steps down one pattern segment, making the node if it is new. */
static struct node *
descend(struct router *r, struct node *at, const char *seg, size_t n,
    struct leaf *leaf, struct err *e)
{
	struct node **next, *made;
	const char *colon;
	char *key;

	if (seg[0] != '{') {
		key = arena_strndup(r->a, seg, n);
		made = map_get(at->literal, key);
		if (made == NULL) {
			made = node_new(r->a);
			map_put(at->literal, key, made);
		}
		return made;
	}
	if (seg[n - 1] != '}' || n < 3 || leaf->n == ROUTE_PARAMS) {
		err_set(e, 500, "route", "bad parameter \"%.*s\"", (int)n, seg);
		return NULL;
	}
	colon = memchr(seg, ':', n);
	key = arena_strndup(r->a, seg + 1,
	    (size_t)((colon == NULL ? seg + n - 1 : colon) - seg - 1));
	leaf->names[leaf->n++] = key;
	next = colon != NULL && strncmp(colon, ":path}", 6) == 0 ?
	    &at->rest : &at->param;
	if (*next == NULL)
		*next = node_new(r->a);
	return *next;
}

int
router_add(struct router *r, const struct route *rt, const struct alias *al,
    struct err *e)
{
	const char *path = al != NULL ? al->path : rt->path;
	struct leaf *leaf = arena_alloc(r->a, sizeof(*leaf));
	struct node *at = r->root;

	leaf->route = rt;
	leaf->alias = al;
	if (path[0] != '/')
		return err_set(e, 500, "route", "%s: path %s", rt->id, path);
	for (const char *p = path + 1; *p != '\0';) {
		size_t n = strcspn(p, "/");

		if (n == 0 || (at = descend(r, at, p, n, leaf, e)) == NULL)
			return err_set(e, 500, "route",
			    "%s: malformed path %s", rt->id, path);
		p += n;
		if (*p == '/')
			p++;
	}
	if (at->leaf[rt->method] != NULL)
		return err_set(e, 500, "route", "%s and %s share %s %s",
		    rt->id, at->leaf[rt->method]->route->id,
		    method_name(rt->method), path);
	at->leaf[rt->method] = leaf;
	at->allow |= 1u << rt->method;
	return 0;
}

struct walk {
	const char *seg[ROUTE_SEGMENTS + 1];	/* start of each segment */
	size_t len[ROUTE_SEGMENTS];
	size_t n;
	size_t param[ROUTE_PARAMS];	/* segment that filled parameter i */
	size_t nparam;
	bool rest;			/* the last one takes all that is left */
};

/* Depth-first with an explicit stack of untried parameter branches. */
static const struct node *
walk_tree(const struct node *root, struct walk *w, struct arena *a)
{
	struct { const struct node *at; size_t i, np; } back[ROUTE_SEGMENTS];
	const struct node *at = root, *hit;
	size_t i = 0, nback = 0;

	for (;;) {
		if (i == w->n && at->allow != 0)
			return at;
		hit = i < w->n ? map_get(at->literal,
		    arena_strndup(a, w->seg[i], w->len[i])) : NULL;
		if (hit != NULL) {
			if (at->param != NULL || at->rest != NULL) {
				back[nback].at = at;
				back[nback].i = i;
				back[nback++].np = w->nparam;
			}
			at = hit;
			i++;
			continue;
		}
		for (;;) {	/* parameter branch here, or of an ancestor */
			if (i < w->n && w->nparam < ROUTE_PARAMS &&
			    at->param != NULL) {
				w->param[w->nparam++] = i++;
				at = at->param;
				break;
			}
			if (i < w->n && w->nparam < ROUTE_PARAMS &&
			    at->rest != NULL) {
				w->param[w->nparam++] = i;
				w->rest = true;
				return at->rest;
			}
			if (nback == 0)
				return NULL;
			nback--;
			at = back[nback].at;
			i = back[nback].i;
			w->nparam = back[nback].np;
		}
	}
}

static bool
split(struct walk *w, const char *path)
{
	for (const char *p = path + 1; *p != '\0';) {
		if (w->n == ROUTE_SEGMENTS)
			return false;
		w->seg[w->n] = p;
		w->len[w->n] = strcspn(p, "/");
		p += w->len[w->n++];
		if (*p == '/')
			p++;
	}
	return true;
}

void
router_match(const struct router *r, struct arena *a, const char *path,
    enum method m, struct match *out)
{
	struct walk w = { .n = 0 };
	const struct node *at;
	const struct leaf *leaf;

	memset(out, 0, sizeof(*out));
	if (path[0] != '/' || !split(&w, path) ||
	    (at = walk_tree(r->root, &w, a)) == NULL)
		return;
	out->allow = at->allow;
	leaf = at->leaf[m == HTTP_HEAD && at->leaf[HTTP_HEAD] == NULL ?
	    HTTP_GET : m];
	if (leaf == NULL)
		return;
	out->route = leaf->route;
	out->alias = leaf->alias;
	ASSERT(leaf->n == w.nparam);
	for (size_t i = 0; i < leaf->n; i++) {
		const char *s = w.seg[w.param[i]];
		bool all = w.rest && i + 1 == leaf->n;

		out->params[i].name = leaf->names[i];
		out->params[i].value = all ? arena_strdup(a, s) :
		    arena_strndup(a, s, w.len[w.param[i]]);
	}
	out->nparams = leaf->n;
}
