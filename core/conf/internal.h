/*
 * What the files of this layer share: the table of entries while it is being
 * filled, and the error that names a place. Not for other layers.
 */
#ifndef CONF_INTERNAL_H
#define CONF_INTERNAL_H

#include <sys/stat.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/str.h"
#include "conf/conf.h"

enum {
	CONF_FILE_MAX = 1 << 20,	/* bytes of one configuration file */
	CONF_SECRET_MAX = 1 << 16,	/* bytes of one secret file */
	CONF_DEPTH = 8			/* nested groups */
};

/* A setting with the text that won so far and where it was found. */
struct conf_entry {
	const struct setting *s;
	size_t group;
	const char *var;	/* QUINCUNX_AUTH_ACCESS_MINUTES */
	const char *text;	/* never NULL after the defaults */
	const char *origin;
	const char *value;	/* canonical text of the effective value */
	bool is_file;		/* text names the file that holds the value */
	int layer;		/* which source set it last */
};

struct conf {
	struct arena *a;
	const struct settings *const *groups;
	size_t ngroups;
	void **values;		/* one filled struct for each group */
	struct conf_entry *v;
	size_t n;
	struct map *by_path;
	const char *base_dir;	/* "" when no table has base.dir */
	int layer;
	uint64_t hash;
};

union conf_value {
	bool b;
	int64_t i;
	double r;
	const char *s;
	const char *const *list;
};

/* conf.c */
int conf_fail(struct err *, const char *origin, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Finds "path", or "path_file" of a secret (then *is_file). NULL: unknown. */
struct conf_entry *conf_find(const struct conf *, const char *path,
    bool *is_file);
/* The text of a known setting from one source; judged at once. */
int conf_assign(struct conf *, struct conf_entry *, bool is_file,
    const char *text, const char *origin, struct err *);
/* The nearest known path, or variable name. */
const char *conf_nearest(const struct conf *, const char *word, bool var);

/* value.c */
/* Text to value; the struct member's representation is in *out, the one
 * canonical text in *canon. */
int value_parse(struct arena *, const struct setting *, const char *text,
    const char *origin, union conf_value *out, const char **canon,
    struct err *);
void conf_value_store(const struct setting *, void *group,
    const union conf_value *);
/* A short printable rendering of foreign text for messages. */
const char *value_quote(struct arena *, const char *);

/* file.c */
/* Whole regular file of at most max bytes without NUL. 0, 1 absent (no error
 * is set), -1. */
int file_text(struct arena *, const char *path, size_t max, struct stat *,
    char **out, struct err *);
int file_secret(struct arena *, const char *path, const char *origin,
    const char **out, struct err *);
int file_load(struct conf *, const struct conf_source *, struct err *);

/* scan.c */
/* Judges the number literals and the nesting of a libconfig text, which
 * libconfig 1.5 does not, and marks wide integers with the suffix it needs. */
int conf_scan_text(const char *file, const char *text, struct str *out,
    struct err *);

/* env.c */
const char *env_get(char *const *env, const char *name);
const char *env_var(struct arena *, const char *path);
int env_load(struct conf *, char *const *env, struct err *);
int env_overrides(struct conf *, const char *const *, struct err *);

#endif
