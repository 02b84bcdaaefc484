/*
 * Who is asking. Filled by the authentication hook, read by everything else;
 * text lives in the request's arena.
 */
#ifndef BASE_PRINCIPAL_H
#define BASE_PRINCIPAL_H

#include "base/types.h"

enum principal_kind {
	PRINCIPAL_NONE,		/* nobody: public routes */
	PRINCIPAL_USER,		/* a person with a session */
	PRINCIPAL_KEY,		/* an API key, acting for its owner */
	PRINCIPAL_SYSTEM	/* a helper program or job */
};

struct principal {
	enum principal_kind kind;
	struct uuid user_id;	/* the person, or the key's owner */
	struct uuid tenant_id;	/* whose data may be touched */
	struct uuid session_id;	/* refresh family or key id */
	const char *name;	/* username, for logs and audit */
	const char *roles;	/* comma-separated role names */
	const char *const *permissions;	/* NULL-terminated "spot:read" list */
	struct utc auth_time;	/* when the password was last proved */
};

/* True if perm is NULL or granted; "*" grants all, "spot:*" a prefix. */
bool principal_may(const struct principal *, const char *perm);

#endif
