/*
 * API keys: "qk_<id8>_<secret43>_<crc8>", shown once, stored as an HMAC. A
 * key acts for its owner and may do what its scopes and the owner's rights of
 * this moment have in common.
 */
#ifndef AUTH_APIKEY_H
#define AUTH_APIKEY_H

#include "modules/auth/user.h"

enum { AUTH_KEY_PREFIX = 8, AUTH_KEY_TEXT = 3 + 8 + 1 + 43 + 1 + 8 };

struct auth_apikey {
	struct uuid id, tenant_id, user_id;
	const char *name, *prefix;
	const char *scope_names, *cidr_names;
	struct list scopes, cidrs;
	struct blob mac;
	const char *key;		/* reply of create only */
	struct utc expires_at, last_used_at, created_at;
};
extern const struct schema auth_apikey_schema;
extern const struct query *const auth_apikey_queries[];

/* A key with its owner, as authentication reads them in one statement. */
struct auth_apikey_owner {
	struct uuid id;
	const char *scope_names, *cidr_names;
	struct blob mac;
	struct utc expires_at, last_used_at;
	struct auth_user user;
	bool tenant_active;
};

/* ---- pure --------------------------------------------------------------- */

/* Text of a key from its parts. */
const char *auth_key_format(struct arena *, const char id[AUTH_KEY_PREFIX],
    const uint8_t secret[32]);
/* True for text of the right form and checksum; prefix holds 9 bytes. */
bool auth_key_parse(const char *, char *prefix);
/* "10.0.0.0/8", "2001:db8::/32" or a bare address. */
bool auth_cidr_valid(const char *);
bool auth_cidr_match(const char *cidr, const char *ip);
/* True if the list is empty or one of it matches. */
bool auth_cidr_any(const char *names, const char *ip);

/* ---- rows --------------------------------------------------------------- */

int auth_apikey_insert(struct db *, const struct auth_apikey *, struct err *);
int auth_apikey_by_prefix(struct db *, struct arena *, const char *prefix,
    struct auth_apikey_owner *, struct err *);
int auth_apikey_page(struct db *, struct arena *, struct uuid user,
    struct uuid after, int64_t limit, struct rows *, struct err *);
int auth_apikey_everyone(struct db *, struct arena *, struct uuid after,
    int64_t limit, struct rows *, struct err *);
int auth_apikey_one(struct db *, struct arena *, struct uuid user,
    struct uuid id, struct auth_apikey *, struct err *);
int auth_apikey_delete(struct db *, struct uuid user, struct uuid id,
    struct err *);
int auth_apikey_delete_any(struct db *, struct uuid id, struct err *);
int auth_apikey_delete_all(struct db *, struct uuid user, struct err *);
int auth_apikey_used(struct db *, struct uuid id, struct utc now,
    struct err *);

/* ---- use-cases ---------------------------------------------------------- */

struct auth_apikey_new {
	const char *name;
	struct list scopes, cidrs;
	struct utc expires_at;
};
/* Inside a transaction; out->key is the text to show once. 422 for unknown
 * scopes and networks, 403 for scopes the owner does not have. */
int auth_apikey_make(struct env *, struct arena *, const struct principal *by,
    const struct auth_apikey_new *, struct utc now, struct auth_apikey *,
    struct err *);
/* Principal behind a presented key: 401 unknown, expired or inactive, 403
 * from a foreign network. */
int auth_apikey_verify(struct env *, struct db *, struct arena *,
    const char *text, const char *ip, struct utc now, struct principal *,
    struct err *);

extern const struct route auth_apikey_routes[];
extern const struct command auth_apikey_commands[];

#endif
