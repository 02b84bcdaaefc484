/*
 * Invitations: who holds the token may register into the inviting tenant with
 * the roles the inviter chose. The token is shown once and stored hashed.
 */
#ifndef AUTH_INVITE_H
#define AUTH_INVITE_H

#include "modules/auth/user.h"

struct auth_invite {
	struct uuid id, tenant_id, invited_by;
	const char *email;		/* only this address, or NULL */
	const char *role_names;
	struct list roles;
	struct blob token_hash;
	const char *token;		/* reply of create only */
	struct utc created_at, expires_at, used_at;
};
extern const struct schema auth_invite_schema;
extern const struct query *const auth_invite_queries[];

int auth_invite_insert(struct db *, const struct auth_invite *, struct err *);
int auth_invite_page(struct db *, struct arena *, struct uuid tenant,
    struct uuid after, int64_t limit, struct rows *, struct err *);
/* By the hash of its token; used and expired ones are not found. */
int auth_invite_open(struct db *, struct arena *, struct blob token_hash,
    struct utc now, struct auth_invite *, struct err *);
/* 1 when somebody else was faster. */
int auth_invite_use(struct db *, struct uuid id, struct utc now,
    struct err *);
int auth_invite_delete(struct db *, struct uuid tenant, struct uuid id,
    struct err *);

/* Inside a transaction. Nobody invites to rights he does not have. */
int auth_invite_make(struct env *, struct arena *, const struct principal *by,
    const char *email, struct list roles, int64_t days, struct utc now,
    struct auth_invite *, struct err *);
/* 403 when the token opens nothing (for this address). */
int auth_invite_find(struct db *, struct arena *, const char *token,
    const char *email, struct utc now, struct auth_invite *, struct err *);

extern const struct route auth_invite_routes[];

#endif
