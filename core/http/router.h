/*
 * Segment tree over all routes and aliases. A literal beats a parameter; the
 * path is matched before the method, so that 405 can name what is allowed.
 */
#ifndef HTTP_ROUTER_H
#define HTTP_ROUTER_H

#include "http/route.h"

struct arena;
struct err;
struct pair;
struct router;

enum { ROUTE_PARAMS = 8, ROUTE_SEGMENTS = 16 };

struct match {
	const struct route *route;	/* NULL: see allow */
	const struct alias *alias;	/* path was this alias; else NULL */
	struct pair params[ROUTE_PARAMS];
	size_t nparams;
	unsigned allow;			/* bits 1 << method; 0 = no such path */
};

struct router *router_new(struct arena *);
/* Adds a row under one path. -1: duplicate or malformed pattern. */
int router_add(struct router *, const struct route *, const struct alias *,
    struct err *);
/* path: decoded, canonical. Parameter text lives in the arena. */
void router_match(const struct router *, struct arena *, const char *path,
    enum method, struct match *);

#endif
