/*
 * What can be done to invitations. Refuses to invite to rights that the
 * inviter does not have, and a token that is used, old, or somebody else's.
 */
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "modules/auth/invite.h"
#include "modules/auth/rows.h"

int
auth_invite_make(struct env *env, struct arena *a, const struct principal *by,
    const char *email, struct list roles, int64_t days, struct utc now,
    struct auth_invite *out, struct err *e)
{
	*out = (struct auth_invite){ .id = uuid_new(),
	    .tenant_id = by->tenant_id, .invited_by = by->user_id,
	    .email = email, .token = auth_token_make(a, "qi_"),
	    .created_at = now,
	    .expires_at = { now.us + days * 86400 * US_PER_S } };
	out->token_hash = auth_token_hash(a, out->token);
	if (auth_user_roles(env, a, by, roles, &out->role_names, e) == -1)
		return -1;
	out->roles = auth_names_split(a, out->role_names);
	return auth_invite_insert(env->db, out, e);
}

int
auth_invite_find(struct db *db, struct arena *a, const char *token,
    const char *email, struct utc now, struct auth_invite *out, struct err *e)
{
	int rc = auth_invite_open(db, a, auth_token_hash(a, token), now, out,
	    e);

	if (rc == -1)
		return -1;
	if (rc == 1 || (out->email != NULL && strcmp(out->email, email) != 0))
		return err_set(e, 403, "bad_invite",
		    "The invitation is invalid, used or expired");
	return 0;
}
