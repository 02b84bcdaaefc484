/*
 * What a module shows of itself before anything real is connected: `quincunx
 * demo make` and `demo reset` walk the modules in order (reset: backwards).
 */
#ifndef DB_DEMO_H
#define DB_DEMO_H

#include "base/types.h"

struct env;
struct err;

/* Who the demonstration belongs to: the oldest user and their tenant. */
struct demo_owner {
	struct uuid tenant, user;
	struct utc now;
};

/* Both open transactions of their own, do nothing when there is nothing to do,
 * and say in *told (arena of the env) what they did, one sentence. */
struct demo {
	int (*make)(struct env *, const struct demo_owner *,
	    const char **told, struct err *);
	int (*reset)(struct env *, const struct demo_owner *,
	    const char **told, struct err *);
};

#endif
