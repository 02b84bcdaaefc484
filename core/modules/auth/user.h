/*
 * Users: people of a tenant. E-mail and username are unique over the whole
 * installation, because a login names no tenant. Rows never carry the
 * password hash; only struct auth_account does, which has no JSON.
 */
#ifndef AUTH_USER_H
#define AUTH_USER_H

#include "modules/auth/role.h"

struct auth_user {
	struct uuid id, tenant_id;
	const char *email, *username, *full_name;
	const char *role_names;		/* column "admin,trader" */
	struct list roles;		/* the same for JSON */
	const char *role;		/* the first of them */
	bool active;
	struct utc last_login_at, created_at, updated_at;
};
extern const struct schema auth_user_schema;
extern const struct schema auth_user_row_schema;	/* with hidden columns */
extern const struct query *const auth_user_queries[];

/* Field rows of a user that lies at `at` inside T ("user." or nothing). */
#define AUTH_USER_FIELDS(T, at) \
	FIELD_IN(T, at, id, .flags = FF_READONLY, .doc = "Identifier"), \
	FIELD_IN(T, at, tenant_id, .flags = FF_READONLY, \
	    .doc = "Tenant the user belongs to"), \
	FIELD_IN(T, at, email, .fmt = FMT_EMAIL, .flags = FF_LOWER, \
	    .max = 254, .doc = "Address, unique in the installation"), \
	FIELD_IN(T, at, username, .min = 3, .max = 50, \
	    .doc = "Login name, unique in the installation"), \
	FIELD_IN(T, at, full_name, .max = 200, .doc = "Name for people"), \
	FIELD_IN(T, at, role_names, .flags = FF_HIDDEN, \
	    .doc = "Role names separated by commas"), \
	FIELD_IN(T, at, role, .flags = FF_NOSQL | FF_READONLY, \
	    .doc = "First of the roles"), \
	FIELD_IN(T, at, roles, .elem = FT_STR, .flags = FF_NOSQL, \
	    .doc = "Role names"), \
	FIELD_IN(T, at, active, .doc = "May log in"), \
	FIELD_IN(T, at, last_login_at, .flags = FF_NULLABLE | FF_READONLY, \
	    .doc = "Last login with a password"), \
	FIELD_IN(T, at, created_at, .flags = FF_READONLY, \
	    .doc = "When it was made"), \
	FIELD_IN(T, at, updated_at, .flags = FF_READONLY, \
	    .doc = "Last change")

/* Members of inputs that name a person. */
#define AUTH_EMAIL(T, m, fl) FIELD(T, m, .fmt = FMT_EMAIL, .max = 254, \
	.flags = FF_LOWER | (fl), .example = "\"ann@example.org\"", \
	.doc = "E-mail address, unique in the installation")
#define AUTH_USERNAME(T, m, fl) FIELD(T, m, .min = 3, .max = 50, \
	.pattern = "^[A-Za-z0-9._-]+$", .flags = (fl), .example = "\"ann\"", \
	.doc = "Login name, unique in the installation")
#define AUTH_FULL_NAME(T, m, fl) FIELD(T, m, .max = 200, .flags = (fl), \
	.example = "\"Ann Example\"", .doc = "Name for people")
#define AUTH_PASSWORD(T, m, fl) FIELD(T, m, .min = 8, .max = 1024, \
	.flags = FF_SECRET | (fl), .doc = "At least 8 characters")
#define AUTH_ROLE_LIST(T, m, fl) FIELD(T, m, .elem = FT_STR, .max = 20, \
	.flags = (fl), .example = "[\"viewer\"]", .doc = "Role names")

/* A user with what a login must know; internal. */
struct auth_account {
	struct auth_user user;
	const char *password_hash;
	struct utc password_at;		/* when the password was set */
	bool tenant_active;
	int64_t epoch;			/* of this read, for the token */
};

/* Input of every way to make a user. */
struct auth_user_new {
	struct uuid tenant_id;
	const char *email, *username, *full_name;
	const char *role_names;
	const char *password;		/* in clear, until it is hashed */
	const char *password_hash;
};

/* ---- rows: 0 found, 1 none, -1 error ------------------------------------ */

int auth_user_by_id(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, struct auth_user *, struct err *);
int auth_user_page(struct db *, struct arena *, struct uuid tenant,
    struct uuid after, int64_t limit, struct rows *, struct err *);
/* Over all tenants, for the terminal. */
int auth_user_everyone(struct db *, struct arena *, struct uuid after,
    int64_t limit, struct rows *, struct err *);
int auth_account_by_login(struct db *, struct arena *, const char *identifier,
    struct auth_account *, struct err *);
int auth_account_by_id(struct db *, struct arena *, struct uuid id,
    struct auth_account *, struct err *);
int auth_user_insert(struct db *, const struct auth_user *,
    const char *password_hash, struct err *);
int auth_user_update(struct db *, const struct auth_user *, struct err *);
int auth_user_delete(struct db *, struct uuid tenant, struct uuid id,
    struct err *);
int auth_user_seen(struct db *, struct uuid id, struct utc now, struct err *);
/* Changes nothing (1) when the hash is no longer `old`; NULL: any. */
int auth_user_set_hash(struct db *, struct uuid id, const char *old,
    const char *hash, struct utc now, struct err *);
/* The same without touching password_at: an upgraded hash. */
int auth_user_upgrade_hash(struct db *, struct uuid id, const char *old,
    const char *hash, struct err *);
/* Active users with a role; tenant nil = anywhere. Locks what it counts. */
int auth_user_count_role(struct db *, struct arena *, struct uuid tenant,
    const char *role, int64_t *n, struct err *);
/* Is there an active super_admin at all? */
int auth_admin_exists(struct db *, struct arena *, bool *yes, struct err *);

/* ---- use-cases: call inside a transaction ------------------------------- */

/* Makes a user; 409 names the member that is taken. */
int auth_user_make(struct db *, struct arena *, const struct auth_user_new *,
    struct auth_user *, struct err *);
/* Role names from input: each must exist (422) and grant nothing that the
 * actor does not have (403). "" becomes "user". */
int auth_user_roles(struct env *, struct arena *, const struct principal *by,
    struct list names, const char **role_names, struct err *);
/* The user, if the actor may manage him: nobody manages a person with more
 * rights than his own. 404, 403. */
int auth_user_managed(struct env *, struct arena *, const struct principal *by,
    struct uuid id, struct auth_user *, struct err *);
/* Writes the changed user. What takes rights away revokes his tokens; the
 * last admin keeps role and account (409). */
int auth_user_change(struct env *, struct arena *, const struct auth_user *was,
    struct auth_user *to, struct err *);
int auth_user_remove(struct env *, struct arena *, const struct principal *by,
    struct uuid id, struct err *);

/* What open registration needs and makes: a new tenant with one client, or a
 * member of the inviting tenant. 403 when registration is closed. */
struct auth_registration {
	const char *email, *username, *full_name, *invite;
	const char *password;		/* in clear, until it is hashed */
	const char *password_hash;
	struct utc now;
};
int auth_register(struct env *, struct arena *,
    const struct auth_registration *, struct auth_user *, struct err *);
/* Whether register would be refused, before a password is hashed for it. */
int auth_register_check(struct env *, struct arena *, const char *invite,
    struct err *);

/* ---- use-cases with hashing: not inside a transaction ------------------- */

struct auth_client;
struct auth_token;
/* Registers and logs in. */
int auth_user_register(struct env *, struct arena *,
    struct auth_registration *, const struct auth_client *,
    struct auth_user *, struct auth_token *, struct err *);
/* A user with roles; without a password a reset token is made. */
struct auth_user_made {
	struct auth_user user;
	const char *reset_token;
	struct utc reset_expires_at;
};
int auth_user_create(struct env *, struct arena *, const struct principal *by,
    struct auth_user_new *, struct list roles, struct utc now,
    struct auth_user_made *, struct err *);

/* ---- files: people of a backend being replaced ---------------------------- */

struct auth_user_file {
	const char *email, *username, *full_name;
	const char *role;		/* or several, with commas */
	const char *tenant;		/* name or id; "" = that of the call */
	const char *password_hash;	/* in, never out */
	bool active;
};
extern const struct schema auth_user_file_schema;
extern const struct query auth_user_export;
/* struct exchange: whoever is there already stays as he is; a tenant that is
 * named and not there is made. Refuses a hash that no login could verify. */
int auth_user_import(struct db *, struct arena *, struct uuid tenant,
    const void *row, bool *changed, struct err *);
/* "Ann.Example+x@host" gives "ann.example.x". */
const char *auth_username_of(struct arena *, const char *email);

/* The operator himself: every permission, no row. */
extern const struct principal auth_operator;

extern const struct route auth_user_routes[];
extern const struct command auth_user_commands[];

#endif
