/*
 * Inside of openapi_emit(): paths and components.
 */
#ifndef HTTP_OPENAPI_H
#define HTTP_OPENAPI_H

#include "http/serve.h"

struct map;

/* Schemas that the document must define. */
struct openapi_parts {
	struct map *in;			/* name → struct openapi_body */
	struct map *out;		/* name → struct schema */
	struct arena *a;
};

const char *openapi_path(struct arena *, const char *path);
bool openapi_path_has(const char *path, const char *name);
/* Whether the member belongs to the body (or the query), not the path. */
bool openapi_in_body(const struct route *, const char *path,
    const struct field *);
bool openapi_has_body(const struct route *, const char *path);

void openapi_parts_add(struct openapi_parts *, const struct route *,
    const char *path);
void openapi_parts_write(struct openapi_parts *, struct http *, struct str *);

#endif
