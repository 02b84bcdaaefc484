/*
 * Loads the setting tables: defaults, file and drop-ins, environment, -o, in
 * this order. Every text is judged when it is found, also one that a later
 * source overrides, so that an error always names its place. Nothing is
 * written outside the arena and nothing is half-applied: a failed load leaves
 * no configuration behind.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/log.h"
#include "conf/internal.h"

enum { PLACE_MAX = 100 };

int
conf_fail(struct err *err, const char *origin, const char *fmt, ...)
{
	char msg[224];
	size_t n = strlen(origin);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	/* a long path keeps its end, and the message its room */
	return err_set(err, 500, "config", "%s%s: %s",
	    n > PLACE_MAX ? "..." : "",
	    n > PLACE_MAX ? origin + n - PLACE_MAX : origin, msg);
}

struct conf_entry *
conf_find(const struct conf *c, const char *path, bool *is_file)
{
	struct conf_entry *e;
	char buf[128];
	size_t n = strlen(path);

	*is_file = false;
	if ((e = map_get(c->by_path, path)) != NULL)
		return e;
	if (n <= 5 || n >= sizeof(buf) || strcmp(path + n - 5, "_file") != 0)
		return NULL;
	memcpy(buf, path, n - 5);
	buf[n - 5] = '\0';
	e = map_get(c->by_path, buf);
	if (e == NULL || !(e->s->flags & SET_SECRET))
		return NULL;
	*is_file = true;
	return e;
}

int
conf_assign(struct conf *c, struct conf_entry *e, bool is_file,
    const char *text, const char *origin, struct err *err)
{
	union conf_value v;
	const char *canon;

	if (e->layer == c->layer && e->is_file != is_file)
		return conf_fail(err, origin, "both %s and %s_file are set; "
		    "keep one", e->s->path, e->s->path);
	if (!is_file && value_parse(c->a, e->s, text, origin, &v, &canon,
	    err) != 0)
		return -1;
	if (is_file && *text == '\0')
		return conf_fail(err, origin, "%s_file: no file name",
		    e->s->path);
	e->text = arena_strdup(c->a, text);
	e->origin = origin;
	e->is_file = is_file;
	e->layer = c->layer;
	return 0;
}

/* Edit distance with an upper bound on the length of both words. */
static unsigned
distance(const char *a, const char *b)
{
	unsigned row[97], diag, up, best;
	size_t na = strnlen(a, 96), nb = strnlen(b, 96), i, j;

	for (j = 0; j <= nb; j++)
		row[j] = (unsigned)j;
	for (i = 1; i <= na; i++) {
		diag = row[0];
		row[0] = (unsigned)i;
		for (j = 1; j <= nb; j++) {
			up = row[j];
			best = diag + (a[i - 1] != b[j - 1]);
			if (up + 1 < best)
				best = up + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diag = up;
			row[j] = best;
		}
	}
	return row[nb];
}

const char *
conf_nearest(const struct conf *c, const char *word, bool var)
{
	const char *best = "none", *name;
	unsigned d, least = 1000;
	size_t i;

	for (i = 0; i < c->n; i++) {
		name = var ? c->v[i].var : c->v[i].s->path;
		if ((d = distance(word, name)) < least) {
			least = d;
			best = name;
		}
	}
	return best;
}

/* Collects the rows of all groups and gives each its default. Two rows with
 * one name are a mistake of ours. */
static int
entries_init(struct conf *c, struct err *err)
{
	const struct setting *s;
	struct conf_entry *e;
	struct map *vars = map_new(c->a);
	size_t g, i;

	for (g = 0; g < c->ngroups; g++)
		for (s = c->groups[g]->rows; s->path != NULL; s++)
			c->n++;
	c->v = arena_array(c->a, c->n, sizeof(*c->v));
	c->by_path = map_new(c->a);
	for (g = i = 0; g < c->ngroups; g++)
		for (s = c->groups[g]->rows; s->path != NULL; s++) {
			e = &c->v[i++];
			e->s = s;
			e->group = g;
			e->var = env_var(c->a, s->path);
			ASSERT(map_put(c->by_path, s->path, e) == NULL);
			ASSERT(map_put(vars, e->var, e) == NULL);
			if (conf_assign(c, e, false, s->def != NULL ? s->def :
			    "", "default", err) != 0)
				return -1;
		}
	return 0;
}

/* The base directory is needed before the paths that start there. */
static void
base_dir_find(struct conf *c)
{
	struct conf_entry *e = map_get(c->by_path, "base.dir");

	c->base_dir = e != NULL ? e->text : "";
}

/* "127.0.0.1:8081" where a socket's path could stand. */
static bool
is_address(const char *text)
{
	const char *colon = strrchr(text, ':');

	return colon != NULL && strchr(text, '/') == NULL &&
	    colon[1] != '\0' && colon[1 + strspn(colon + 1, "0123456789")] ==
	    '\0';
}

static const char *
from_base(const struct conf *c, const char *path)
{
	if (*path == '/' || *path == '\0' || *c->base_dir == '\0' ||
	    strncmp(path, "unix:/", 6) == 0 || is_address(path))
		return path;
	return arena_printf(c->a, "%s/%s", c->base_dir, path);
}

/* The effective text: secret files are read, paths are completed. */
static int
entry_resolve(struct conf *c, struct conf_entry *e, struct err *err)
{
	const char *path;

	if (e->is_file) {
		path = from_base(c, e->text);
		if (file_secret(c->a, path, e->origin, &e->text, err) != 0)
			return -1;
		e->origin = arena_printf(c->a, "%s (%s)", e->origin, path);
	} else if (e->s->flags & SET_PATH)
		e->text = from_base(c, e->text);
	return 0;
}

static int
entry_fill(struct conf *c, struct conf_entry *e, struct err *err)
{
	const struct setting *s = e->s;
	union conf_value v;

	if (entry_resolve(c, e, err) != 0 || value_parse(c->a, s, e->text,
	    e->origin, &v, &e->value, err) != 0)
		return -1;
	if ((s->flags & SET_REQUIRED) && *e->value == '\0')
		return conf_fail(err, e->origin, "%s must be set: as %s%s%s "
		    "or in the configuration file%s", s->path,
		    s->env != NULL ? s->env : "", s->env != NULL ? ", " : "",
		    e->var, s->flags & SET_SECRET ? ", or as a file" : "");
	conf_value_store(s, c->values[e->group], &v);
	c->hash = fnv1a(s->path, strlen(s->path) + 1, c->hash);
	c->hash = fnv1a(e->value, strlen(e->value) + 1, c->hash);
	return 0;
}

/* A cross-field rule names settings; add where each of them was set. */
static int
check_wrap(struct conf *c, size_t g, struct err *err)
{
	struct conf_entry *e;
	struct str s;
	size_t i;

	str_init(&s, c->a);
	str_add(&s, err->detail);
	for (i = 0; i < c->n; i++) {
		e = &c->v[i];
		if (e->group == g && strcmp(e->origin, "default") != 0 &&
		    strstr(err->detail, e->s->path) != NULL)
			str_addf(&s, " [%s: %s]", e->s->path, e->origin);
	}
	return conf_fail(err, c->groups[g]->name, "%s", s.p);
}

static int
conf_fill(struct conf *c, struct err *err)
{
	const struct settings *gr;
	size_t i;

	base_dir_find(c);
	for (i = 0; i < c->ngroups; i++)
		c->values[i] = arena_alloc(c->a, c->groups[i]->size);
	for (i = 0; i < c->n; i++)
		if (entry_fill(c, &c->v[i], err) != 0)
			return -1;
	for (i = 0; i < c->ngroups; i++) {
		gr = c->groups[i];
		if (gr->check == NULL)
			continue;
		err_clear(err);
		if (gr->check(c->values[i], c->a, err) != 0)
			return check_wrap(c, i, err);
	}
	return 0;
}

int
conf_load(struct conf **out, struct arena *a,
    const struct settings *const *groups, const struct conf_source *src,
    struct err *err)
{
	struct conf_source from = *src;
	struct conf *c = arena_alloc(a, sizeof(*c));

	if (from.env == NULL)
		from.env = environ;
	c->a = a;
	c->groups = groups;
	while (groups[c->ngroups] != NULL)
		c->ngroups++;
	c->values = arena_array(a, c->ngroups, sizeof(*c->values));
	if (entries_init(c, err) != 0 || file_load(c, &from, err) != 0 ||
	    env_load(c, from.env, err) != 0 ||
	    env_overrides(c, from.overrides, err) != 0 ||
	    conf_fill(c, err) != 0)
		return -1;
	*out = c;
	return 0;
}

const struct settings *const *
conf_groups(const struct conf *c)
{
	return c->groups;
}

const void *
conf_get(const struct conf *c, const struct settings *group)
{
	size_t i;

	for (i = 0; i < c->ngroups; i++)
		if (c->groups[i] == group)
			return c->values[i];
	check_failed(__FILE__, __LINE__, "settings were not loaded");
}

uint64_t
conf_hash(const struct conf *c)
{
	return c->hash;
}

/* True if the variable carries, or could carry, one of our secrets. */
static bool
carries_secret(const struct conf *c, const char *name, size_t n)
{
	const struct conf_entry *e;
	size_t i;

	for (i = 0; i < c->n; i++) {
		e = &c->v[i];
		if (!(e->s->flags & SET_SECRET))
			continue;
		if ((strlen(e->var) == n && memcmp(e->var, name, n) == 0) ||
		    (e->s->env != NULL && strlen(e->s->env) == n &&
		    memcmp(e->s->env, name, n) == 0))
			return true;
	}
	return false;
}

void
conf_wipe_env(const struct conf *c)
{
	char **in, **keep, *eq;

	if (environ == NULL)
		return;
	for (in = keep = environ; *in != NULL; in++) {
		eq = strchr(*in, '=');
		if (eq == NULL || !carries_secret(c, *in,
		    (size_t)(eq - *in)))
			*keep++ = *in;
		else
			explicit_bzero(*in, strlen(*in));
	}
	*keep = NULL;
}

void
conf_redact(const struct conf *c)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		if ((c->v[i].s->flags & SET_SECRET) && *c->v[i].value != '\0')
			log_redact(c->v[i].value);
}

size_t
conf_items(const struct conf *c, struct arena *a,
    const struct conf_item **out)
{
	struct conf_item *items = arena_array(a, c->n, sizeof(*items));
	const struct conf_entry *e;
	size_t i;

	for (i = 0; i < c->n; i++) {
		e = &c->v[i];
		items[i] = (struct conf_item){
			.path = e->s->path,
			.value = e->value,
			.origin = e->origin,
			.doc = e->s->doc != NULL ? e->s->doc : "",
			.def = e->s->def != NULL ? e->s->def : "",
			.env = e->s->env != NULL ? e->s->env : e->var,
			.secret = (e->s->flags & SET_SECRET) != 0,
		};
		if (items[i].secret && *e->value != '\0')
			items[i].value = "********";
		if (items[i].secret && *items[i].def != '\0')
			items[i].def = "********";
	}
	*out = items;
	return c->n;
}
