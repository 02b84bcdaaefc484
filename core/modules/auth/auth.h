/*
 * Identity, as the rest of Quincunx may use it: the hooks that the HTTP layer
 * calls, audit rows for callers without a request, and the first admin.
 */
#ifndef AUTH_AUTH_H
#define AUTH_AUTH_H

#include "http/http.h"

struct auth_conf {
	const char *jwt_secret;		/* JWT_SECRET_KEY */
	const char *jwt_legacy_secret;	/* of the backend being replaced */
	const char *jwt_legacy_until;	/* RFC 3339 date */
	const char *encryption_key;	/* ENCRYPTION_KEY */
	const char *audit_key;		/* HMAC key of the audit seal */
	const char *registration;	/* "open" | "invite" | "off" | "auto":
					 * auto = open until an admin exists */
	int64_t access_minutes;		/* 60; ACCESS_TOKEN_EXPIRE_MINUTES */
	int64_t refresh_idle_days, refresh_max_days;	/* 14, 90 */
	int64_t reset_minutes;		/* 30 */
	int64_t password_min;		/* 8 */
	int64_t argon2_memory_kib, argon2_passes, argon2_lanes;
	int64_t password_parallel;	/* hashes at once per host */
	int64_t lock_after;		/* failures before back-off starts */
};
extern const struct settings auth_settings;
/* Password hashes in progress on this host; app lists it in the segment. */
extern const struct bulkhead auth_password_bulkhead;
extern const struct module auth_module;
/* Password hashings at once on this host. */
extern const struct bulkhead auth_password_bulkhead;

/* Hooks for http_open(). */
int  auth_authenticate(struct ctx *);
int  auth_audit(struct ctx *, int status, struct err *);
void auth_committed(struct ctx *);
extern const struct http_hooks auth_http_hooks;

/* An access token of the caller's session, for what stands behind us and knows
 * no cookies: the gateway. -1: c->err. */
int auth_bearer(struct ctx *, const char **token);

/* Opens keys from the settings into env->keys and env->jwt, and the memory of
 * this process (env->auth). No database. */
int auth_keys_open(struct env *, struct err *);
/* Boot check with a database: makes the installation's own secrets once, and
 * refuses when a sealed value's key id is not in the ring: status 500, code
 * "key_missing", naming table, column and key id. */
int auth_keys_check(struct env *, struct err *);

/* May this user do it now, by the roles they have at this moment? For what is
 * done later in somebody's name. 1 yes, 0 no (or gone, or switched off), -1. */
int auth_may(struct env *, struct db *, struct arena *, struct uuid tenant,
    struct uuid user, const char *permission, struct err *);

/* Audit row for programs and operations without a request. actor may be the
 * program's name. Call inside the transaction of the change. */
int auth_audit_note(struct db *, struct uuid tenant, const char *actor,
    const char *action, const char *target_kind, const char *target_id,
    const char *detail_json, struct err *);

/* Inside the transaction that ends a restore: every session is over and every
 * token issued before is dead, also those that the backup knows nothing of. */
int auth_restored(struct db *, struct utc now, struct err *);

/* Creates tenant "main" and a super_admin with a generated password, once. 0
 * created (password is arena text), 1 an admin exists, -1 error. */
int auth_first_admin(struct env *, struct arena *, const char *email,
    const char **password, struct err *);

#endif
