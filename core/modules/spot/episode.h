/*
 * Episodes: how long spot machines lived and how they ended. Opened when a
 * scan or a launch shows a spot machine, closed when it goes; what the risk
 * of a pool is learned from.
 */
#ifndef SPOT_EPISODE_H
#define SPOT_EPISODE_H

#include "db/db.h"

struct spot_episode {
	int64_t id;
	struct uuid tenant_id, account_id;
	int64_t pool_id;		/* 0 = the pool was not known */
	const char *region, *instance_id;
	struct utc began, ended;	/* ended 0 = still open */
	const char *why;	/* open interrupted rebalanced user scale_in
				 * unknown */
};
extern const struct schema spot_episode_schema;
extern const struct query *const spot_episode_queries[];

/* All inside the caller's transaction. */

/* Opens one; nothing when the machine has one that is open. */
int spot_episode_open(struct db *, const struct spot_episode *, struct err *);
/* Closes the open one. *closed (may be NULL): whether there was one. */
int spot_episode_close(struct db *, struct uuid account, const char *region,
    const char *instance_id, const char *why, struct utc at, bool *closed,
    struct err *);
/* Ends of many, each at its time. *closed: how many were open. */
struct spot_episode_end {
	const char *region, *instance_id, *why;
	struct utc at;
};
int spot_episode_close_many(struct db *, struct arena *, struct uuid account,
    const struct spot_episode_end *, size_t n, uint64_t *closed,
    struct err *);
/* Those that were closed by an interruption-less end, told better later: only
 * "unknown" and "user" ends of the last hour are reworded. */
int spot_episode_reword_many(struct db *, struct arena *,
    struct uuid account, const struct spot_episode_end *, size_t n,
    struct err *);
/* After a complete shard of a scan: spot machines that run get an episode
 * (since their launch), open ones of machines that are gone are closed
 * ("interrupted" where there was a notice, else "unknown"). */
int spot_episode_reconcile(struct db *, struct uuid tenant,
    struct uuid account, const char *region, struct utc at, struct err *);

#endif
