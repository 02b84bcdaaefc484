/*
 * Passwords: hashing under a bulkhead, change, and one-use reset links.
 * Hashing costs tens of milliseconds and megabytes, so it never happens
 * inside a transaction and never more often at once than the host can bear.
 */
#ifndef AUTH_PASSWORD_H
#define AUTH_PASSWORD_H

#include "modules/auth/user.h"

/* 503 with Retry-After when too many hashes are in progress; 422 on `member`
 * of the body when the password is shorter than the setting wants. */
int auth_password_hash(struct env *, struct arena *, const char *member,
    const char *password, const char **hash, struct err *);
/* In place of a hash: the user has no password yet. */
#define AUTH_NO_PASSWORD "!"
/* 1 right, 0 wrong, -1 error. A NULL hash costs the same time and is wrong.
 * *upgraded gets a new hash when the stored one is weaker than the settings
 * want (NULL: not asked for). */
int auth_password_check(struct env *, struct arena *, const char *hash,
    const char *password, const char **upgraded, struct err *);

/* ---- reset -------------------------------------------------------------- */

struct auth_reset {
	struct blob token_hash;
	struct uuid user_id;
	struct utc created_at, expires_at;
};
extern const struct schema auth_reset_schema;
extern const struct query *const auth_password_queries[];

int auth_reset_insert(struct db *, const struct auth_reset *, struct err *);
/* A user's link, if there is one, opens nothing any more. */
int auth_reset_drop(struct db *, struct uuid user, struct err *);
/* Takes it out: 0 it was there and valid, 1 not. */
int auth_reset_take(struct db *, struct arena *, struct blob token_hash,
    struct utc now, struct auth_reset *, struct err *);
/* Is it there? For the check before hashing. */
int auth_reset_find(struct db *, struct arena *, struct blob token_hash,
    struct utc now, struct auth_reset *, struct err *);

/* A link's token for a user; earlier ones die. Inside a transaction. */
int auth_reset_make(struct env *, struct arena *, struct uuid user,
    struct utc now, const char **token, struct utc *expires, struct err *);
/* Uses the token: new password, sessions and API keys gone. Inside a
 * transaction. 400 when it is unknown, used or old. */
int auth_reset_use(struct env *, struct arena *, const char *token,
    const char *hash, struct utc now, struct uuid *user, struct err *);
/* The same test without using it. */
int auth_reset_check(struct env *, struct arena *, const char *token,
    struct utc now, struct err *);
/* New password of a user who proved the old one; other sessions end. Inside a
 * transaction. */
int auth_password_change(struct env *, struct arena *, struct uuid user,
    struct uuid session, const char *old_hash, const char *hash,
    struct utc now, struct err *);


/* The two above as a whole, hashing included: not inside a transaction. */
struct auth_proof;
int auth_password_replace(struct env *, struct arena *,
    const struct principal *, const char *old, const char *password,
    struct utc now, struct auth_proof *, struct err *);
int auth_password_reset(struct env *, struct arena *, const char *token,
    const char *password, struct utc now, struct uuid *user, struct err *);

extern const struct route auth_password_routes[];

#endif
