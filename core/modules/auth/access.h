/*
 * Who may come in now: access tokens and the rights behind roles, and what a
 * process remembers of both between requests (env->auth).
 */
#ifndef AUTH_ACCESS_H
#define AUTH_ACCESS_H

#include "base/map.h"
#include "base/vec.h"
#include "modules/auth/auth.h"
#include "modules/auth/revocation.h"
#include "modules/auth/secret.h"
#include "modules/auth/user.h"

/* ---- memory of the process ---------------------------------------------- */

/* What this process remembers between requests (env->auth). */
struct auth {
	struct auth_secrets secrets;
	struct map *sets;		/* builtin role names -> permissions;
					 * lives as long as the process */
	struct arena *mem;		/* revocations */
	VEC(struct auth_revoked) revoked;	/* sorted by kind, subject */
	int64_t epoch;			/* all revocations up to here */
	int64_t floor;			/* but perhaps none of before this */
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
/* Forgets roles and users: the epoch has changed. */
void auth_access_forget(struct env *);

/* ---- tokens ------------------------------------------------------------- */

/* How long an access token lives. */
int64_t auth_access_seconds(struct env *);
/* Access token of a user in a session. */
const char *auth_access_sign(struct env *, struct arena *,
    const struct auth_user *, struct uuid session, int64_t epoch,
    struct utc auth_time, struct utc now);
/* What a token of ours is made of. */
struct auth_access_of {
	const char *kind;		/* "access", "cookie" */
	const struct auth_user *user;
	struct uuid session;
	int64_t epoch, seconds;		/* seconds: how long it lives */
	struct utc auth_time;
};
const char *auth_access_token(struct env *, struct arena *,
    const struct auth_access_of *, struct utc now);
/* Signature and claims of a token of ours, without looking whether it was
 * revoked: who has no permissions yet. 401. */
struct auth_access_claims {
	struct principal who;
	int64_t epoch;
	struct utc iat;
};
int auth_access_open_token(struct env *, struct arena *, const char *token,
    const char *kind, struct utc now, struct auth_access_claims *,
    struct err *);
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

/* ---- HTTP --------------------------------------------------------------- */

extern const struct route auth_access_routes[];
extern const struct metric auth_refused_total;

/* Reasons, in the order of the label's values. */
enum auth_refusal {
	AUTH_BAD_TOKEN, AUTH_REVOKED, AUTH_BAD_KEY, AUTH_BAD_PASSWORD,
	AUTH_LOCKED, AUTH_REUSED
};

#endif
