/*
 * Who may come in now: access tokens, revocations, and the rights behind
 * roles, held in the memory of this process (env->auth). A revocation is a
 * row and a step of the epoch in one transaction; a token carries the epoch
 * it was issued under and is dead once its session, user or tenant was
 * revoked under a later one. No clocks are compared. The epoch is read by one
 * process of a host at most once a second, so that revocations reach all
 * children within two seconds, survive restarts and hold under CGI.
 */
#ifndef AUTH_ACCESS_H
#define AUTH_ACCESS_H

#include "base/map.h"
#include "base/vec.h"
#include "modules/auth/auth.h"
#include "modules/auth/secret.h"
#include "modules/auth/user.h"

/* ---- memory of the process ---------------------------------------------- */

struct auth_revoked {
	char kind;			/* 's', 'u' or 't' */
	struct uuid subject;
	int64_t epoch;
	int64_t until_us;
};

/* What this process remembers between requests (env->auth). */
struct auth {
	struct auth_secrets secrets;
	struct map *sets;		/* builtin role names -> permissions;
					 * lives as long as the process */
	struct arena *mem;		/* revocations */
	VEC(struct auth_revoked) revoked;	/* sorted by kind, subject */
	int64_t epoch;			/* all revocations up to here */
	bool loaded;
	int64_t pruned_us;
	struct arena *cache;		/* dropped when the epoch changes */
	struct map *roles;		/* tenant -> map of its own roles */
	struct map *legacy;		/* sub of an old token -> user */
	uint64_t own_epoch, own_ns;	/* in place of a shared segment */
	int64_t sealed_ns;		/* last attempt to seal the audit */
};

/* Makes env->auth. */
void auth_access_open(struct env *);

/* ---- tokens ------------------------------------------------------------- */

/* How long an access token lives. */
int64_t auth_access_seconds(struct env *);
/* Access token of a user in a session. */
const char *auth_access_sign(struct env *, struct arena *,
    const struct auth_user *, struct uuid session, int64_t epoch,
    struct utc auth_time, struct utc now);
/* Checks the token and its revocation and fills the principal. -1: 401, or
 * 503 when revocations could not be read for longer than 5 s. db NULL: judges
 * by what this host knows. */
int auth_access_verify(struct env *, struct db *, struct arena *,
    const char *token, struct utc now, struct principal *, struct err *);
/* Permissions of role names, own roles of the tenant included. */
int auth_access_permissions(struct env *, struct db *, struct arena *,
    struct uuid tenant, const char *role_names, const char *const **out,
    struct err *);
/* Principal of a user row. */
int auth_access_principal(struct env *, struct db *, struct arena *,
    const struct auth_user *, struct principal *, struct err *);

/* ---- revocation: call inside the transaction of the change -------------- */

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
extern const struct query *const auth_access_queries[];
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

/* ---- HTTP --------------------------------------------------------------- */

extern const struct route auth_access_routes[];
extern const struct metric auth_refused_total;

/* Reasons, in the order of the label's values. */
enum auth_refusal {
	AUTH_BAD_TOKEN, AUTH_REVOKED, AUTH_BAD_KEY, AUTH_BAD_PASSWORD,
	AUTH_LOCKED, AUTH_REUSED
};

#endif
