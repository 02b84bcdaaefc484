/*
 * When each region and service of an account was last seen whole, and what
 * stood in the way since. Coverage and age of every total come from here; a
 * shard that timed out three scans running is only tried every 15 minutes,
 * so a dead region costs nothing.
 */
#ifndef SPOT_SIGHT_H
#define SPOT_SIGHT_H

#include "db/db.h"

enum { SPOT_TIMEOUTS = 3, SPOT_RETRY_S = 900 };

struct spot_sight {
	struct uuid account_id;
	const char *region, *service, *state;
	int64_t timeouts;		/* scans in a row without an answer */
	struct utc complete_at, tried_at, next_try_at;
	const char *error_code, *error;
};
extern const struct schema spot_sight_schema;
extern const struct query *const spot_sight_queries[];

/* Outcome of a shard; counts timeouts and sets the next try. */
int spot_sight_put(struct db *, struct uuid account, const char *region,
    const char *service, const char *state, const char *error_code,
    const char *error, struct utc started, struct utc now, struct err *);
/* Start of the last scan that saw all of a region and service; 0 = none. */
int spot_sight_complete(struct db *, struct arena *, struct uuid account,
    const char *region, const char *service, struct utc *, struct err *);
int spot_sight_all(struct db *, struct arena *, struct uuid account,
    struct rows *, struct err *);
/* The shard must not be tried yet: its row among those, or NULL. Pure. */
const struct spot_sight *spot_sight_resting(const struct rows *,
    const char *region, const char *service, struct utc now);
/* Forgets regions that an inventory begun at `before` no longer wanted. */
int spot_sight_forget(struct db *, struct uuid account, struct utc before,
    struct err *);

#endif
