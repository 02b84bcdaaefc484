/*
 * Roles: named sets of permissions. Builtin roles are computed from the
 * permission rows of all modules and need no database; custom roles are rows
 * of a tenant. Sets of names travel as text "a,b,c" in columns and claims, as
 * struct list in JSON, and as NULL-terminated arrays where rights are judged.
 */
#ifndef AUTH_ROLE_H
#define AUTH_ROLE_H

#include "base/principal.h"
#include "db/db.h"
#include "db/env.h"
#include "db/table.h"
#include "http/route.h"
#include "module.h"

enum { AUTH_NAMES_MAX = 500 };	/* bytes of a column of names */

/* ---- names (pure) ------------------------------------------------------- */

/* "a,b" into a list of text; empty names are dropped. NULL is empty. */
struct list auth_names_split(struct arena *, const char *text);
/* The reverse, without repetitions; NULL if a name holds a comma. */
const char *auth_names_join(struct arena *, struct list);
bool auth_names_has(const char *text, const char *name);

const char *const *auth_set_of(struct arena *, struct list);
bool auth_set_grants(const char *const *, const char *permission);
/* True if every permission of the second set is granted by the first. */
bool auth_set_covers(const char *const *, const char *const *);
const char *const *auth_set_join(struct arena *, const char *const *,
    const char *const *);
/* What both grant: "spot:*" against "spot:read" leaves "spot:read". */
const char *const *auth_set_meet(struct arena *, const char *const *,
    const char *const *);

/* ---- builtin roles (pure) ----------------------------------------------- */

struct auth_builtin {
	const char *name, *doc;
};
extern const struct auth_builtin auth_builtins[];	/* end: .name NULL */

const struct auth_builtin *auth_builtin_find(const char *name);
/* The same on every installation, so that a builtin role has an id too. */
struct uuid auth_builtin_id(const char *name);
/* All permissions whose row names the role; super_admin has "*". */
const char *const *auth_builtin_set(struct arena *,
    const struct module *const *, const char *name);
/* A declared permission, "module:*" or "*". */
bool auth_permission_known(const struct module *const *, const char *name);

/* ---- rows --------------------------------------------------------------- */

struct auth_role {
	struct uuid id, tenant_id;
	const char *name, *doc;
	const char *permission_names;	/* column */
	struct list permissions;	/* the same for JSON */
	bool builtin;
	struct utc created_at, updated_at;
};
extern const struct schema auth_role_schema;
extern const struct query *const auth_role_queries[];

enum { AUTH_ROLES_MAX = 200 };	/* custom roles of a tenant */
int auth_role_all(struct db *, struct arena *, struct uuid tenant,
    struct rows *, struct err *);
/* 0 found, 1 none. */
int auth_role_by_id(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, struct auth_role *, struct err *);
int auth_role_insert(struct db *, const struct auth_role *, struct err *);
int auth_role_update(struct db *, const struct auth_role *, struct err *);
int auth_role_delete(struct db *, struct uuid tenant, struct uuid id,
    struct err *);

/* ---- use-cases: call inside a transaction ------------------------------- */

/* Builtin roles first, then the tenant's own. */
int auth_role_list(struct env *, struct arena *, struct uuid tenant,
    struct rows *, struct err *);
/* 404 if neither builtin nor a row of the tenant. */
int auth_role_get(struct env *, struct arena *, struct uuid tenant,
    struct uuid id, struct auth_role *, struct err *);
/* Refuses unknown permissions (422), those the actor does not have (403) and
 * names that are taken (409). Fills id and times. */
int auth_role_make(struct env *, struct arena *, const struct principal *by,
    struct auth_role *, struct err *);
int auth_role_change(struct env *, struct arena *, const struct principal *by,
    struct auth_role *, struct err *);
/* 409 while a user has it. */
int auth_role_remove(struct env *, struct arena *, const struct principal *by,
    struct uuid id, struct err *);

extern const struct route auth_role_routes[];

#endif
