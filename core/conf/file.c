/*
 * The configuration file, its drop-ins and secret files. A file is read whole
 * and bounded; a directory, FIFO or device is refused. A file that holds a
 * secret must not be readable by everybody.
 */
#include <sys/types.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libconfig.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/number.h"
#include "base/vec.h"
#include "conf/internal.h"

/* One file being walked. */
struct walk {
	struct conf *c;
	const char *file;
	bool open_to_all;	/* others may read it */
	struct err *err;
};

static int
read_all(int fd, char *buf, size_t cap, size_t *n)
{
	ssize_t got;

	for (*n = 0; *n < cap; *n += (size_t)got) {
		got = read(fd, buf + *n, cap - *n);
		if (got == -1 && errno == EINTR) {
			got = 0;
			continue;
		}
		if (got == -1)
			return -1;
		if (got == 0)
			break;
	}
	return 0;
}

static int
text_from(struct arena *a, int fd, const char *path, size_t max,
    struct stat *st, char **out, struct err *err)
{
	size_t n;
	char *buf;

	if (fstat(fd, st) == -1)
		return conf_fail(err, path, "%s", strerror(errno));
	if (!S_ISREG(st->st_mode))
		return conf_fail(err, path, "not a regular file");
	if (st->st_size < 0 || (size_t)st->st_size > max)
		return conf_fail(err, path, "larger than %zu bytes", max);
	buf = arena_alloc(a, (size_t)st->st_size + 1);
	if (read_all(fd, buf, (size_t)st->st_size, &n) == -1)
		return conf_fail(err, path, "%s", strerror(errno));
	buf[n] = '\0';
	if (strlen(buf) != n)
		return conf_fail(err, path, "contains a NUL byte");
	*out = buf;
	return 0;
}

int
file_text(struct arena *a, const char *path, size_t max, struct stat *st,
    char **out, struct err *err)
{
	int fd, rc;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd == -1 && (errno == ENOENT || errno == ENOTDIR))
		return 1;
	if (fd == -1)
		return conf_fail(err, path, "%s", strerror(errno));
	rc = text_from(a, fd, path, max, st, out, err);
	close(fd);
	return rc;
}

int
file_secret(struct arena *a, const char *path, const char *origin,
    const char **out, struct err *err)
{
	struct stat st;
	char *text;
	size_t n;
	int rc;

	rc = file_text(a, path, CONF_SECRET_MAX, &st, &text, err);
	if (rc == 1)
		return conf_fail(err, origin, "secret file %s: %s", path,
		    strerror(ENOENT));
	if (rc != 0)
		return conf_fail(err, origin, "secret file %s",
		    arena_strdup(a, err->detail));
	if (st.st_mode & (S_IROTH | S_IWOTH))
		return conf_fail(err, origin, "secret file %s is open to "
		    "everybody; run chmod o= %s", path, path);
	n = strlen(text);
	if (n > 0 && text[n - 1] == '\n')
		text[--n] = '\0';
	if (n > 0 && text[n - 1] == '\r')
		text[--n] = '\0';
	if (n == 0)
		return conf_fail(err, origin, "secret file %s is empty",
		    path);
	*out = text;
	return 0;
}

static const char *
place(const struct walk *w, const config_setting_t *cs)
{
	return arena_printf(w->c->a, "%s:%u", w->file,
	    (unsigned)config_setting_source_line(cs));
}

/* A libconfig scalar as text, or NULL. */
static const char *
scalar_text(const struct walk *w, const config_setting_t *cs)
{
	char buf[DEC_TEXT];

	switch (config_setting_type(cs)) {
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		return arena_printf(w->c->a, "%lld",
		    config_setting_get_int64(cs));
	case CONFIG_TYPE_FLOAT:
		return arena_strdup(w->c->a,
		    real_format(config_setting_get_float(cs), buf));
	case CONFIG_TYPE_BOOL:
		return config_setting_get_bool(cs) ? "true" : "false";
	case CONFIG_TYPE_STRING:
		return config_setting_get_string(cs);
	default:
		return NULL;
	}
}

/* The file's type must be the setting's: "60" in quotes is no number. */
static bool
type_fits(enum ctype want, int have)
{
	switch (want) {
	case CT_BOOL:
		return have == CONFIG_TYPE_BOOL;
	case CT_INT:
		return have == CONFIG_TYPE_INT || have == CONFIG_TYPE_INT64;
	case CT_REAL:
		return have == CONFIG_TYPE_INT || have == CONFIG_TYPE_INT64 ||
		    have == CONFIG_TYPE_FLOAT;
	case CT_STR:
	case CT_LIST:
		return have == CONFIG_TYPE_STRING;
	}
	return false;
}

static const char *
type_name(enum ctype t)
{
	static const char *const names[] = { "", "true or false",
	    "a whole number", "a number", "text in quotes",
	    "an array of texts or text with commas" };

	return names[t];
}

/* [ "a", "b" ] as "a,b". */
static int
array_text(const struct walk *w, const config_setting_t *cs,
    const char *path, const char **out)
{
	const config_setting_t *el;
	const char *text;
	struct str s;
	int i;

	str_init(&s, w->c->a);
	for (i = 0; i < config_setting_length(cs); i++) {
		el = config_setting_get_elem(cs, (unsigned)i);
		if (config_setting_type(el) != CONFIG_TYPE_STRING)
			return conf_fail(w->err, place(w, el),
			    "%s: expected texts in the array", path);
		text = config_setting_get_string(el);
		if (strchr(text, ',') != NULL)
			return conf_fail(w->err, place(w, el),
			    "%s: a comma inside an element", path);
		str_addf(&s, "%s%s", i > 0 ? "," : "", text);
	}
	*out = s.p;
	return 0;
}

static int
walk_value(struct walk *w, const config_setting_t *cs, const char *path)
{
	const char *origin = place(w, cs), *text = NULL;
	int type = config_setting_type(cs);
	struct conf_entry *e;
	bool is_file;

	if ((e = conf_find(w->c, path, &is_file)) == NULL)
		return conf_fail(w->err, origin, "unknown setting \"%s\"; "
		    "the closest is \"%s\"", path,
		    conf_nearest(w->c, path, false));
	if (e->s->type == CT_LIST && (type == CONFIG_TYPE_ARRAY ||
	    type == CONFIG_TYPE_LIST)) {
		if (array_text(w, cs, path, &text) != 0)
			return -1;
	} else if (type_fits(is_file ? CT_STR : e->s->type, type))
		text = scalar_text(w, cs);
	if (text == NULL)
		return conf_fail(w->err, origin, "%s: expected %s", path,
		    type_name(is_file ? CT_STR : e->s->type));
	if ((e->s->flags & SET_SECRET) && !is_file && *text != '\0' &&
	    w->open_to_all)
		return conf_fail(w->err, origin, "%s is a secret but "
		    "everybody can read the file; run chmod o= %s", path,
		    w->file);
	return conf_assign(w->c, e, is_file, text, origin, w->err);
}

/* True if some setting lies below the group's path. */
static bool
group_known(const struct conf *c, const char *path)
{
	size_t i, n = strlen(path);

	for (i = 0; i < c->n; i++)
		if (strncmp(c->v[i].s->path, path, n) == 0 &&
		    c->v[i].s->path[n] == '.')
			return true;
	return false;
}

/* Walks the tree with a stack of its own; the scan has bounded the depth. */
static int
walk_tree(struct walk *w, const config_setting_t *root)
{
	struct {
		const config_setting_t *cs;
		const char *path;
		int next;
	} st[CONF_DEPTH + 2] = { { root, "", 0 } };
	const config_setting_t *cs;
	const char *path;
	int top = 0;

	while (top >= 0) {
		if (st[top].next == config_setting_length(st[top].cs)) {
			top--;
			continue;
		}
		cs = config_setting_get_elem(st[top].cs,
		    (unsigned)st[top].next++);
		path = arena_printf(w->c->a, "%s%s%s", st[top].path,
		    *st[top].path != '\0' ? "." : "",
		    config_setting_name(cs));
		if (config_setting_type(cs) == CONFIG_TYPE_GROUP &&
		    group_known(w->c, path) && top <= CONF_DEPTH) {
			top++;
			st[top].cs = cs;
			st[top].path = path;
			st[top].next = 0;
		} else if (walk_value(w, cs, path) != 0)
			return -1;
	}
	return 0;
}

/* Parses one file and assigns its settings. 1: the file is absent. */
static int
load_one(struct conf *c, const char *path, struct err *err)
{
	struct walk w = { c, arena_strdup(c->a, path), false, err };
	struct stat st;
	struct str text;
	config_t lc;
	char *raw;
	int rc;

	if ((rc = file_text(c->a, path, CONF_FILE_MAX, &st, &raw, err)) != 0)
		return rc;
	str_init(&text, c->a);
	if (conf_scan_text(w.file, raw, &text, err) != 0)
		return -1;
	c->layer++;
	w.open_to_all = (st.st_mode & S_IROTH) != 0;
	config_init(&lc);
	if (config_read_string(&lc, text.p) != CONFIG_TRUE)
		rc = conf_fail(err, arena_printf(c->a, "%s:%d", w.file,
		    config_error_line(&lc)), "%s", config_error_text(&lc));
	else
		rc = walk_tree(&w, config_root_setting(&lc));
	config_destroy(&lc);
	return rc;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int
load_drop_ins(struct conf *c, const char *file, struct err *err)
{
	const char *dir = arena_printf(c->a, "%s.d", file);
	VEC(const char *) names = { 0 };
	struct dirent *d;
	size_t i, n;
	DIR *dp;

	if ((dp = opendir(dir)) == NULL)
		return errno == ENOENT || errno == ENOTDIR ? 0 :
		    conf_fail(err, dir, "%s", strerror(errno));
	while ((d = readdir(dp)) != NULL) {
		n = strlen(d->d_name);
		if (d->d_name[0] != '.' && n > 5 &&
		    strcmp(d->d_name + n - 5, ".conf") == 0)
			*VEC_ADD(c->a, &names) = arena_printf(c->a, "%s/%s",
			    dir, d->d_name);
	}
	closedir(dp);
	if (names.n > 0)
		qsort(names.v, names.n, sizeof(*names.v), by_name);
	for (i = 0; i < names.n; i++)
		if (load_one(c, names.v[i], err) == -1)
			return -1;
	return 0;
}

/* Where the file is when nobody names one: below the base directory, which
 * only the environment, -o or the default can tell at this point. */
static const char *
default_file(struct conf *c, const struct conf_source *src)
{
	const struct conf_entry *e = map_get(c->by_path, "base.dir");
	const char *base = NULL, *const *o;

	for (o = src->overrides; o != NULL && *o != NULL; o++)
		if (strncmp(*o, "base.dir=", 9) == 0)
			base = *o + 9;
	if (base == NULL || *base == '\0')
		base = env_get(src->env, "QUINCUNX_BASE_DIR");
#ifdef QX_CONF
	if (base == NULL || *base == '\0')
		return QX_CONF;		/* of a package */
#endif
	if (base == NULL && e != NULL)
		base = e->text;
	if (base == NULL || *base == '\0')
		return NULL;
	return arena_printf(c->a, "%s/etc/quincunx.conf", base);
}

int
file_load(struct conf *c, const struct conf_source *src, struct err *err)
{
	const char *file = src->file, *origin = "-c";
	bool required = src->file_required;
	int rc;

	if (file == NULL) {
		origin = "env QUINCUNX_CONF";
		file = env_get(src->env, "QUINCUNX_CONF");
		required = required || file != NULL;
	}
	if (file == NULL) {
		origin = "no configuration file";
		file = default_file(c, src);
	}
	if (file == NULL)
		return 0;
	if ((rc = load_one(c, file, err)) == -1)
		return -1;
	if (rc == 1 && required)
		return conf_fail(err, origin, "%s: %s", file,
		    strerror(ENOENT));
	return load_drop_ins(c, file, err);
}
