/*
 * Documentation and static files.
 */
#ifndef PLATFORM_DOCS_H
#define PLATFORM_DOCS_H

#include "base/types.h"
#include "http/route.h"

struct arena;
struct err;

/* A file below a directory, whole. Names are letters, digits and ._- in at
 * most eight segments, none of which begins with a dot; links are not
 * followed. 0, 1 = no such file, -1 error. */
int platform_file_read(struct arena *, const char *dir, const char *name,
    struct blob *out, struct err *);
/* Content type by the end of the name. */
const char *platform_file_type(const char *name);

extern const struct route platform_docs_routes[];

#endif
