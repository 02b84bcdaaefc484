/*
 * Settings from the environment, from systemd's credentials directory and
 * from -o. A variable QUINCUNX_... that is no setting is an error, because it
 * is a typing mistake; other variables are none of our business. An empty
 * variable counts as not set.
 */
#include <ctype.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/vec.h"
#include "conf/internal.h"

#define PREFIX "QUINCUNX_"

const char *
env_get(char *const *env, const char *name)
{
	size_t n = strlen(name);

	for (; *env != NULL; env++)
		if (strncmp(*env, name, n) == 0 && (*env)[n] == '=')
			return (*env)[n + 1] != '\0' ? *env + n + 1 : NULL;
	return NULL;
}

const char *
env_var(struct arena *a, const char *path)
{
	char *name = arena_printf(a, PREFIX "%s", path), *p;

	for (p = name; *p != '\0'; p++)
		*p = *p == '.' || *p == '-' ? '_' :
		    (char)toupper((unsigned char)*p);
	return name;
}

char *const *
conf_env_copy(struct arena *a)
{
	VEC(char *) copy = { 0 };
	char **e;

	for (e = environ; e != NULL && *e != NULL; e++)
		*VEC_ADD(a, &copy) = arena_strdup(a, *e);
	*VEC_ADD(a, &copy) = NULL;
	return copy.v;
}

/* One name, and for a secret also <name>_FILE; both at once are an error. */
static int
from_name(struct conf *c, struct conf_entry *e, char *const *env,
    const char *name, struct err *err)
{
	const char *text = env_get(env, name), *file = NULL, *file_name;

	file_name = arena_printf(c->a, "%s_FILE", name);
	if (e->s->flags & SET_SECRET)
		file = env_get(env, file_name);
	if (text != NULL && file != NULL)
		return conf_fail(err, arena_printf(c->a, "env %s", name),
		    "both %s and %s are set; keep one", name, file_name);
	c->layer++;
	if (file != NULL)
		return conf_assign(c, e, true, file, arena_printf(c->a,
		    "env %s", file_name), err);
	if (text != NULL)
		return conf_assign(c, e, false, text, arena_printf(c->a,
		    "env %s", name), err);
	return 0;
}

/* systemd's LoadCredential=auth.jwt_secret:/etc/... */
static int
from_credential(struct conf *c, struct conf_entry *e, const char *dir,
    struct err *err)
{
	const char *path = arena_printf(c->a, "%s/%s", dir, e->s->path);

	if (access(path, F_OK) != 0)
		return 0;
	c->layer++;
	return conf_assign(c, e, true, path, "credential", err);
}

static bool
var_known(const struct conf *c, const char *var, size_t n)
{
	const struct conf_entry *e;
	size_t i, len;

	if (n == strlen(PREFIX "CONF") && memcmp(var, PREFIX "CONF", n) == 0)
		return true;
	for (i = 0; i < c->n; i++) {
		e = &c->v[i];
		len = strlen(e->var);
		if (n < len || memcmp(var, e->var, len) != 0)
			continue;
		if (n == len || ((e->s->flags & SET_SECRET) && n == len + 5 &&
		    memcmp(var + len, "_FILE", 5) == 0))
			return true;
	}
	return false;
}

static int
refuse_unknown(const struct conf *c, char *const *env, struct err *err)
{
	const char *eq, *name;
	size_t n;

	for (; *env != NULL; env++) {
		if (strncmp(*env, PREFIX, strlen(PREFIX)) != 0)
			continue;
		eq = strchr(*env, '=');
		n = eq != NULL ? (size_t)(eq - *env) : strlen(*env);
		if (var_known(c, *env, n))
			continue;
		name = arena_strndup(c->a, *env, n < 96 ? n : 96);
		return conf_fail(err, arena_printf(c->a, "env %s",
		    value_quote(c->a, name)), "no such setting; the closest "
		    "is %s", conf_nearest(c, name, true));
	}
	return 0;
}

int
env_load(struct conf *c, char *const *env, struct err *err)
{
	const char *dir = env_get(env, "CREDENTIALS_DIRECTORY");
	struct conf_entry *e;
	size_t i;

	if (refuse_unknown(c, env, err) != 0)
		return -1;
	for (i = 0; i < c->n; i++) {
		e = &c->v[i];
		if (dir != NULL && (e->s->flags & SET_SECRET) &&
		    from_credential(c, e, dir, err) != 0)
			return -1;
		if (e->s->env != NULL &&
		    from_name(c, e, env, e->s->env, err) != 0)
			return -1;
		if (from_name(c, e, env, e->var, err) != 0)
			return -1;
	}
	return 0;
}

static int
override(struct conf *c, const char *text, struct err *err)
{
	const char *eq = strchr(text, '='), *path;
	struct conf_entry *e;
	bool is_file;

	if (eq == NULL || eq == text)
		return conf_fail(err, "-o", "expected key=value, got %s",
		    value_quote(c->a, text));
	path = arena_strndup(c->a, text, (size_t)(eq - text));
	if ((e = conf_find(c, path, &is_file)) == NULL)
		return conf_fail(err, "-o", "unknown setting %s; the closest "
		    "is \"%s\"", value_quote(c->a, path),
		    conf_nearest(c, path, false));
	if ((e->s->flags & SET_SECRET) && !is_file && eq[1] != '\0')
		return conf_fail(err, "-o", "%s is a secret and everybody "
		    "sees the command line; use %s_file=", path, path);
	c->layer++;
	return conf_assign(c, e, is_file, eq + 1, "-o", err);
}

int
env_overrides(struct conf *c, const char *const *o, struct err *err)
{
	for (; o != NULL && *o != NULL; o++)
		if (override(c, *o, err) != 0)
			return -1;
	return 0;
}
