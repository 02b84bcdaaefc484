/*
 * Sample configuration made from the tables: every setting with its sentence,
 * bounds, names and default. Prose lines start with "# ", settings with "#"
 * and no space: taking that one sign away from all of them gives a file that
 * loads as the defaults do.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "conf/internal.h"

enum { LEVELS = CONF_DEPTH };

/* A row and, for each level of its path, the number of the first row that
 * shares this much of it: sorting by these keeps groups together (libconfig
 * cannot open a group twice) and otherwise the tables' own order. */
struct ranked {
	const struct setting *s;
	size_t rank[LEVELS], nlevels;
};

/* Length of the first n components of the path, all of it at the last. */
static size_t
prefix_length(const char *path, size_t n)
{
	const char *p = path;

	while (n-- > 0) {
		p += strcspn(p, ".");
		if (*p == '\0' || n == 0)
			break;
		p++;
	}
	return (size_t)(p - path);
}

static bool
shares(const char *a, const char *b, size_t n)
{
	return strncmp(a, b, n) == 0 && (b[n] == '.' || b[n] == '\0');
}

static void
rank_row(struct ranked *r, const struct ranked *all)
{
	size_t n, i, level;

	for (level = 0; level < LEVELS; level++) {
		n = prefix_length(r->s->path, level + 1);
		for (i = 0; !shares(r->s->path, all[i].s->path, n); i++)
			;
		r->rank[level] = i;
		r->nlevels = level + 1;
		if (r->s->path[n] == '\0')
			break;
	}
}

/* Settings before groups at each level, then by first appearance. */
static int
by_rank(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	bool leaf_x, leaf_y;
	size_t i;

	for (i = 0; i < x->nlevels && i < y->nlevels; i++) {
		if (x->rank[i] == y->rank[i])
			continue;
		leaf_x = i + 1 == x->nlevels;
		leaf_y = i + 1 == y->nlevels;
		if (leaf_x != leaf_y)
			return leaf_x ? -1 : 1;
		return x->rank[i] < y->rank[i] ? -1 : 1;
	}
	return 0;
}

static size_t
rank_all(const struct settings *const *groups, struct arena *a,
    struct ranked **out)
{
	const struct setting *s;
	struct ranked *v;
	size_t g, n = 0, i = 0;

	for (g = 0; groups[g] != NULL; g++)
		for (s = groups[g]->rows; s->path != NULL; s++)
			n++;
	v = arena_array(a, n, sizeof(*v));
	for (g = 0; groups[g] != NULL; g++)
		for (s = groups[g]->rows; s->path != NULL; s++)
			v[i++].s = s;
	for (i = 0; i < n; i++)
		rank_row(&v[i], v);
	qsort(v, n, sizeof(*v), by_rank);
	*out = v;
	return n;
}

static void
indent(struct str *out, size_t n)
{
	while (n-- > 0)
		str_addc(out, '\t');
}

/* What a reader must know before changing the value, on one or two lines. */
static void
add_doc(struct str *out, const struct setting *s, size_t depth)
{
	const char *const *o;

	indent(out, depth);
	str_addf(out, "# %s", s->doc != NULL ? s->doc : s->path);
	if (s->unit != NULL)
		str_addf(out, ", in %s", s->unit);
	if (s->min != 0 || s->max != 0)
		str_addf(out, " (%" PRId64 " to %" PRId64 ")", s->min,
		    s->max);
	for (o = s->oneof; o != NULL && *o != NULL; o++)
		str_addf(out, "%s%s", o == s->oneof ? " (" : " | ", *o);
	str_add(out, s->oneof != NULL ? ").\n" : ".\n");
}

static void
add_names(struct str *out, const struct setting *s, size_t depth)
{
	if (s->env == NULL && !(s->flags & (SET_SECRET | SET_REQUIRED)))
		return;
	indent(out, depth);
	str_add(out, "#");
	if (s->flags & SET_REQUIRED)
		str_add(out, " Required.");
	if (s->env != NULL)
		str_addf(out, " Variable %s.", s->env);
	if (s->flags & SET_SECRET)
		str_addf(out, " A secret: may be a file, see %s_file.",
		    strrchr(s->path, '.') != NULL ?
		    strrchr(s->path, '.') + 1 : s->path);
	str_addc(out, '\n');
}

static void
add_quoted(struct str *out, const char *text, size_t n)
{
	size_t i;

	str_addc(out, '"');
	for (i = 0; i < n; i++)
		if (text[i] == '\n')
			str_add(out, "\\n");
		else {
			if (text[i] == '"' || text[i] == '\\')
				str_addc(out, '\\');
			str_addc(out, text[i]);
		}
	str_addc(out, '"');
}

static void
add_list(struct str *out, const char *text)
{
	const char *sep = " ";
	size_t n;

	str_add(out, "[");
	for (; *text != '\0'; text += n + (text[n] == ',')) {
		text += strspn(text, " ");
		n = strcspn(text, ",");
		str_add(out, sep);
		add_quoted(out, text, n);
		sep = ", ";
	}
	str_add(out, " ]");
}

/* libconfig takes a real only with a point or an exponent; an integer wider
 * than 32 bits needs its suffix when another program reads the file. */
static void
add_value(struct str *out, const struct setting *s)
{
	const char *def = s->def != NULL ? s->def : "";
	int64_t i;

	switch (s->type) {
	case CT_STR:
		add_quoted(out, def, strlen(def));
		return;
	case CT_LIST:
		add_list(out, def);
		return;
	case CT_BOOL:
		str_add(out, strchr("tTyY1", *def) != NULL && *def != '\0' ?
		    "true" : "false");
		return;
	case CT_REAL:
		str_add(out, *def != '\0' ? def : "0.0");
		return;
	case CT_INT:
		str_add(out, *def != '\0' ? def : "0");
		if (num_i64(def, strlen(def), &i) == NUM_OK &&
		    (i < INT32_MIN || i > INT32_MAX))
			str_addc(out, 'L');
	}
}

/* Closes and opens groups between the previous row's path and this one's. */
static size_t
move_groups(struct str *out, const char *from, const char *to)
{
	const char *p;
	size_t same = 0, open = 0, want = 0, n;

	for (p = from; (p = strchr(p, '.')) != NULL; p++) {
		open++;
		n = (size_t)(p - from) + 1;
		if (strncmp(from, to, n) == 0)
			same = open;
	}
	for (; open > same; open--) {
		indent(out, open - 1);
		str_add(out, "};\n");
	}
	for (p = to; strchr(p, '.') != NULL; p += n + 1) {
		n = strcspn(p, ".");
		if (++want <= same)
			continue;
		str_addc(out, '\n');
		indent(out, want - 1);
		str_addf(out, "%.*s:\n", (int)n, p);
		indent(out, want - 1);
		str_add(out, "{\n");
	}
	return want;
}

static void
sample_file(const struct ranked *v, size_t n, struct str *out)
{
	const char *from = "", *leaf;
	size_t i, depth;

	str_add(out, "# Settings and their defaults. Remove the \"#\" before "
	    "a name to set it.\n");
	for (i = 0; i < n; i++) {
		depth = move_groups(out, from, v[i].s->path);
		from = v[i].s->path;
		leaf = strrchr(from, '.');
		add_doc(out, v[i].s, depth);
		add_names(out, v[i].s, depth);
		indent(out, depth);
		str_addf(out, "#%s = ", leaf != NULL ? leaf + 1 : from);
		add_value(out, v[i].s);
		str_add(out, ";\n");
	}
	move_groups(out, from, "");
}

static void
sample_env(const struct ranked *v, size_t n, struct str *out)
{
	const struct setting *s;
	size_t i;

	str_add(out, "# Variables and their defaults. Remove the \"#\" before "
	    "a name to set it;\n# an empty variable counts as not set.\n");
	for (i = 0; i < n; i++) {
		s = v[i].s;
		str_addc(out, '\n');
		add_doc(out, s, 0);
		if (s->flags & SET_REQUIRED)
			str_add(out, "# Required.\n");
		str_addf(out, "#%s=%s\n", s->env != NULL ? s->env :
		    env_var(out->a, s->path), s->def != NULL ? s->def : "");
		if (s->flags & SET_SECRET)
			str_addf(out, "# or the name of a file that holds "
			    "it:\n#%s_FILE=\n", s->env != NULL ? s->env :
			    env_var(out->a, s->path));
	}
}

void
conf_sample(const struct settings *const *groups, enum conf_format format,
    struct str *out)
{
	struct ranked *v;
	size_t n = rank_all(groups, out->a, &v);

	if (format == CONF_ENV)
		sample_env(v, n, out);
	else
		sample_file(v, n, out);
}
