/*
 * Tenants: whose data it is. Every other row that belongs to a customer names
 * one. Only a super_admin sees tenants beside his own.
 */
#ifndef AUTH_TENANT_H
#define AUTH_TENANT_H

#include "modules/auth/user.h"

struct auth_tenant {
	struct uuid id;
	const char *name;
	bool active;
	struct utc created_at, updated_at;
};
extern const struct schema auth_tenant_schema;
extern const struct query *const auth_tenant_queries[];

int auth_tenant_insert(struct db *, const struct auth_tenant *, struct err *);
int auth_tenant_update(struct db *, const struct auth_tenant *, struct err *);
int auth_tenant_by_id(struct db *, struct arena *, struct uuid id,
    struct auth_tenant *, struct err *);
/* The oldest of that name: names are labels, not keys. */
int auth_tenant_by_name(struct db *, struct arena *, const char *name,
    struct auth_tenant *, struct err *);
int auth_tenant_page(struct db *, struct arena *, struct uuid after,
    int64_t limit, struct rows *, struct err *);
/* Waits for others that change who rules the tenant. */
int auth_tenant_lock(struct db *, struct arena *, struct uuid id, struct err *);

/* Inside a transaction. Fills id and times. */
int auth_tenant_make(struct db *, const char *name, struct utc now,
    struct auth_tenant *, struct err *);
/* The same with its first admin (NULL: none), whose password is hashed: not
 * inside a transaction. */
int auth_tenant_found(struct env *, struct arena *, const char *name,
    struct auth_user_new *admin, struct utc now, struct auth_tenant *,
    struct auth_user *, struct err *);
/* A tenant that is switched off loses its tokens; one's own stays on (409). */
int auth_tenant_change(struct env *, struct arena *,
    const struct principal *by, const struct auth_tenant *was,
    struct auth_tenant *to, struct err *);

extern const struct route auth_tenant_routes[];

#endif
