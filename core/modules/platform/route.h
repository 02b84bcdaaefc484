/*
 * The list of routes: what exists, who may, and how it is doing.
 */
#ifndef PLATFORM_ROUTE_H
#define PLATFORM_ROUTE_H

#include "db/table.h"
#include "http/http.h"

struct platform_route {
	const char *id, *method, *path, *summary;
	struct list aliases;		/* paths */
	const char *module, *file, *permission, *auth, *pool, *seed;
	bool deprecated;
	const char *health;		/* "ok", "open", "half_open" */
	int64_t requests, errors;
	double p50_ms, p95_ms;
};
extern const struct schema platform_route_schema;

/* Rows of all routes, or of those a document names. */
void platform_route_rows(struct http *, struct arena *, const char *seed,
    struct rows *);

extern const struct route platform_route_routes[];
extern const struct command platform_route_commands[];

#endif
