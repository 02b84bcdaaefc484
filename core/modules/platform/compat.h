/*
 * `quincunx compat`: the OpenAPI document of a backend in use against our own.
 * Per path and method: served, differs (in what a client of the old one would
 * notice), missing. Documents of OpenAPI 3.0 and 3.1, as JSON, also gzipped.
 */
#ifndef PLATFORM_COMPAT_H
#define PLATFORM_COMPAT_H

#include <stddef.h>

#include "base/vec.h"
#include "db/table.h"

struct err;
struct str;
struct tree;

enum platform_compat_state { COMPAT_SERVED, COMPAT_DIFFERS, COMPAT_MISSING };

struct platform_compat_row {
	const char *method, *path;	/* as the old document has them */
	enum platform_compat_state state;
	const char *ours;		/* our path, when another; or NULL */
	struct {
		const char **v;
		size_t n, cap;
	} differences;			/* sentences */
};
struct platform_compat {
	struct arena *a;
	VEC(struct platform_compat_row) rows;
	size_t count[3];		/* by state */
};

/* ---- pure ------------------------------------------------------------------ */

/* Paths are equal when they are but for the names of their parameters and a
 * last slash; prefix (may be "") is taken from the old ones first, and the
 * path of the old document's first server is tried in front of them.
 * -1: 422 "openapi": the old document is none. */
int platform_compat_compare(struct platform_compat *, const struct tree *old,
    const struct tree *own, const char *prefix, struct err *);
void platform_compat_text(const struct platform_compat *, struct str *);
void platform_compat_json(const struct platform_compat *, struct str *);
/* "/a/{b}/" and "/a/{c}" give the same. */
const char *platform_compat_path(struct arena *, const char *);

/* ---- a file -------------------------------------------------------------------- */

/* JSON text, unpacked if need be. -1: 422 "openapi" and the way out. */
int platform_compat_read(struct arena *, const char *file,
    const struct tree **, struct err *);

extern const struct command platform_compat_commands[];

#endif
