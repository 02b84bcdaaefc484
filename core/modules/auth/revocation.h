/*
 * Revocations: a row and a step of the epoch in one transaction. A token
 * carries the epoch it was issued under and is dead once its session, user or
 * tenant was revoked under a later one: no clocks are compared. The epoch is
 * read by one process of a host at most once a second, so that revocations
 * reach all children within two seconds, survive restarts and hold under CGI.
 */
#ifndef AUTH_REVOCATION_H
#define AUTH_REVOCATION_H

#include "db/db.h"
#include "db/env.h"

struct auth_revoked {
	char kind;			/* 's', 'u' or 't' */
	struct uuid subject;
	int64_t epoch;
	int64_t until_us;
};

/* Brings the list of this process up to the host's epoch. -1: 503 when the
 * epoch could not be read for longer than 5 s. */
int auth_revocation_refresh(struct env *, struct db *, struct arena *,
    struct utc now, struct err *);
/* True if the subject was revoked after that epoch. kind 's', 'u' or 't'. */
bool auth_is_revoked(struct env *, char kind, struct uuid subject,
    int64_t epoch);

/* ---- revoking: call inside the transaction of the change ---------------- */

/* All tokens of one subject that were issued up to now. */
int auth_revoke_session(struct env *, struct arena *, struct uuid session,
    struct utc now, struct err *);
int auth_revoke_user(struct env *, struct arena *, struct uuid user,
    struct utc now, struct err *);
int auth_revoke_tenant(struct env *, struct arena *, struct uuid tenant,
    struct utc now, struct err *);
/* All sessions of a user but one (nil: all), refresh chains included. */
int auth_revoke_sessions(struct env *, struct arena *, struct uuid user,
    struct uuid keep, struct utc now, struct err *);
/* Nobody is revoked, but what processes remember is stale (roles). */
int auth_epoch_step(struct env *, struct arena *, struct err *);

/* ---- rows --------------------------------------------------------------- */

struct auth_revocation {
	const char *kind;		/* "session", "user", "tenant" */
	struct uuid subject;
	int64_t epoch;
	struct utc expires_at;
};
extern const struct query *const auth_revocation_queries[];
extern const struct schema auth_revocation_schema;

int auth_epoch_read(struct db *, struct arena *, int64_t *epoch, struct err *);
int auth_epoch_next(struct db *, struct arena *, int64_t *epoch, struct err *);
int auth_revocation_put(struct db *, const struct auth_revocation *,
    struct err *);
int auth_revocation_put_sessions(struct db *, struct uuid user,
    struct uuid keep, int64_t epoch, struct utc expires_at, struct err *);
/* Revocations younger than an epoch, oldest first. */
int auth_revocation_since(struct db *, struct arena *, int64_t epoch,
    struct utc now, int (*fn)(void *arg, const void *row, struct err *),
    void *arg, struct err *);

#endif
