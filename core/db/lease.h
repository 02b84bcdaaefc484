/*
 * Named leases in the database with tokens that grow by one at each change of
 * holder. Never GET_LOCK. A holder is one process start (random id).
 */
#ifndef DB_LEASE_H
#define DB_LEASE_H

#include "base/types.h"

struct db;
struct err;
struct query;

struct lease {
	const char *role;	/* static text */
	struct uuid holder;
	int64_t token;		/* fence: put it into every write */
	int64_t until_boot_ns;	/* give up at this CLOCK_BOOTTIME instant,
				 * measured from before the request was sent */
};

/* Takes or renews. 0 held, 1 somebody else holds it, -1 error. */
int lease_take(struct db *, struct lease *, int ttl_s, struct err *);
int lease_release(struct db *, struct lease *, struct err *);
/* First statement of a guarded transaction: writes the row with our token,
 * without waiting (db_post()). When it is no longer ours, this or the next call
 * that waits, at the latest the commit, is -1 with 409 "lease_lost". */
int lease_guard(struct db *, const struct lease *, struct err *);

/* After a restore: every lease is free, and its next token is one that no
 * holder of before the restore can have had. */
int lease_restored(struct db *, struct err *);

extern const struct query *const lease_queries[];

#endif
