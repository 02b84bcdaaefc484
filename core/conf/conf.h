/*
 * Configuration: tables of settings, one struct per layer or module, filled
 * from defaults, the libconfig file, its drop-ins (the .conf files in <file>.d), the
 * environment and -o key=value, in this order; each value remembers where it
 * came from. Immutable after loading: a reload builds a new one.
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct err;
struct str;
struct conf;

enum ctype {
	CT_BOOL = 1, CT_INT, CT_REAL, CT_STR,
	CT_LIST			/* comma-separated text: const char *const * */
};

enum setting_flag {
	SET_SECRET = 1 << 0,	/* never printed; <path>_file also accepted */
	SET_REQUIRED = 1 << 1,	/* empty is an error */
	SET_PATH = 1 << 2,	/* relative paths start at base.dir */
	SET_URL = 1 << 3	/* http(s) URL or empty */
};

struct setting {
	const char *path;	/* "auth.access_minutes" */
	const char *doc;	/* sentence */
	size_t off;		/* in the group's struct */
	enum ctype type;
	unsigned flags;
	const char *def;	/* default as text */
	int64_t min, max;	/* CT_INT, CT_REAL; both 0 = unbounded */
	const char *unit;	/* "seconds", "bytes", "requests" */
	const char *const *oneof;
	const char *env;	/* the documents' name ("JWT_SECRET_KEY"); all
				 * settings also answer to QUINCUNX_<PATH> */
};

/* One struct and the table that fills it. */
struct settings {
	const char *name;	/* "auth" */
	size_t size;
	const struct setting *rows;	/* ends with SETTING_END */
	/* Cross-field rules over the filled struct. May be NULL. */
	int (*check)(void *values, struct arena *, struct err *);
};

#define CTYPE_OF(T, m) _Generic(((T *)0)->m, bool: CT_BOOL, \
	int64_t: CT_INT, double: CT_REAL, const char *: CT_STR, \
	const char *const *: CT_LIST)
#define SETTING(T, m, p, ...) { .path = p, .off = offsetof(T, m), \
	.type = CTYPE_OF(T, m), __VA_ARGS__ }
#define SETTING_END { .path = NULL }

struct conf_source {
	const char *file;	/* NULL: the search path (-c, QUINCUNX_CONF,
				 * <base>/etc/quincunx.conf; in a package
				 * QX_CONF when no base is named) or none */
	bool file_required;	/* an absent file is an error */
	char *const *env;	/* NULL: environ */
	const char *const *overrides;	/* "key=value" of -o; NULL-terminated */
};

/* groups: NULL-terminated, kernel's and modules' alike. Unknown keys, wrong
 * types, values out of bounds and unreadable secret files are errors that
 * name file and line, variable or option. The result lives in the arena;
 * use one with arena_set_secret(). */
int conf_load(struct conf **, struct arena *, const struct settings *const *,
    const struct conf_source *, struct err *);
/* The filled struct of a group; asserts that it was loaded. */
const void *conf_get(const struct conf *, const struct settings *);
/* The groups it was loaded from, for a sample of exactly these. */
const struct settings *const *conf_groups(const struct conf *);
/* FNV hash over all effective values: tells whether a reload changed any. */
uint64_t conf_hash(const struct conf *);
/* Removes every variable that carried a secret from environ and overwrites
 * its bytes, so that /proc/PID/environ and children do not have it. */
void conf_wipe_env(const struct conf *);
/* Copy of environ made before conf_wipe_env(): the conf_source.env from which
 * a reload finds the same secrets again. */
char *const *conf_env_copy(struct arena *);
/* Registers every secret with log_redact(). */
void conf_redact(const struct conf *);

enum conf_format { CONF_LIBCONFIG, CONF_ENV };
/* Sample with every setting, its doc, unit, bounds and default. */
void conf_sample(const struct settings *const *, enum conf_format,
    struct str *);

/* One effective value for `config --effective` and /api/system/config. */
struct conf_item {
	const char *path, *value, *origin, *doc, *def, *env;
	bool secret;		/* value is "********" or "" when unset */
};
size_t conf_items(const struct conf *, struct arena *,
    const struct conf_item **);

#endif
