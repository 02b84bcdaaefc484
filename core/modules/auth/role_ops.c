/*
 * What can be done to roles. Refuses to grant what the actor does not have, to
 * touch builtin roles, and to remove a role that somebody has. Invariant: any
 * change moves the epoch, so that no process goes on with old rights.
 */
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/str.h"
#include "base/vec.h"
#include "modules/auth/access.h"
#include "modules/auth/rows.h"
#include "modules/auth/tenant.h"

static struct auth_role
builtin_role(struct env *env, struct arena *a, const struct auth_builtin *b)
{
	const char *const *set = auth_builtin_set(a, env->modules, b->name);
	struct auth_role r = { .id = auth_builtin_id(b->name),
	    .name = b->name, .doc = b->doc, .builtin = true };

	r.permissions.items = (void *)(uintptr_t)set;
	while (set[r.permissions.n] != NULL)
		r.permissions.n++;
	return r;
}

int
auth_role_list(struct env *env, struct arena *a, struct uuid tenant,
    struct rows *out, struct err *e)
{
	VEC(struct auth_role) all = { 0 };
	struct rows own;

	if (auth_role_all(env->db, a, tenant, &own, e) == -1)
		return -1;
	for (const struct auth_builtin *b = auth_builtins; b->name != NULL; b++)
		*VEC_ADD(a, &all) = builtin_role(env, a, b);
	for (size_t i = 0; i < own.n; i++)
		*VEC_ADD(a, &all) = *ROW(&own, struct auth_role, i);
	*out = (struct rows){ all.v, all.n, &auth_role_schema };
	return 0;
}

int
auth_role_get(struct env *env, struct arena *a, struct uuid tenant,
    struct uuid id, struct auth_role *out, struct err *e)
{
	for (const struct auth_builtin *b = auth_builtins; b->name != NULL; b++)
		if (uuid_equal(auth_builtin_id(b->name), id)) {
			*out = builtin_role(env, a, b);
			return 0;
		}
	return db_found(auth_role_by_id(env->db, a, tenant, id, out, e),
	    "Role", e);
}

static int
bad_permission(struct arena *a, const char *name, struct err *e)
{
	struct str input;

	str_init(&input, a);
	str_json(&input, name);
	return err_field(e, (struct err_field){ .type = "value_error",
	    .loc = "[\"body\",\"permissions\"]",
	    .msg = "Value error, no module has this permission",
	    .input = input.p });
}

/* Fills the column from the list after judging every name. */
static int
judge_permissions(struct env *env, struct arena *a,
    const struct principal *by, struct auth_role *r, struct err *e)
{
	const char *const *v = r->permissions.items;

	for (size_t i = 0; i < r->permissions.n; i++)
		if (!auth_permission_known(env->modules, v[i]))
			bad_permission(a, v[i], e);
	if (e->status != 0)
		return -1;
	if (!auth_set_covers(by->permissions, auth_set_of(a, r->permissions)))
		return err_set(e, 403, "beyond_own_rights",
		    "You cannot grant rights that you do not have");
	r->permission_names = auth_names_join(a, r->permissions);
	r->permissions = auth_names_split(a, r->permission_names);
	return 0;
}

int
auth_role_make(struct env *env, struct arena *a, const struct principal *by,
    struct auth_role *r, struct err *e)
{
	struct rows own;

	r->id = uuid_new();
	r->tenant_id = by->tenant_id;
	r->created_at = r->updated_at = clock_now();
	if (judge_permissions(env, a, by, r, e) == -1 ||
	    auth_role_all(env->db, a, by->tenant_id, &own, e) == -1)
		return -1;
	if (own.n >= AUTH_ROLES_MAX)
		return err_set(e, 409, "too_many_roles",
		    "A tenant has at most %d roles of its own",
		    AUTH_ROLES_MAX);
	if (auth_builtin_find(r->name) != NULL)
		return err_set(e, 409, "duplicate",
		    "%s is a builtin role", r->name);
	if (auth_role_insert(env->db, r, e) == 0)
		return auth_epoch_step(env, a, e);
	if (e->status == 409)
		err_set(e, 409, "duplicate", "There is a role %s already",
		    r->name);
	return -1;
}

/* The tenant's own role; 409 for a builtin one. */
static int
own_role(struct env *env, struct arena *a, const struct principal *by,
    struct uuid id, struct auth_role *out, struct err *e)
{
	if (auth_role_get(env, a, by->tenant_id, id, out, e) == -1)
		return -1;
	if (out->builtin)
		return err_set(e, 409, "builtin",
		    "%s is a builtin role", out->name);
	return 0;
}

int
auth_role_change(struct env *env, struct arena *a, const struct principal *by,
    struct auth_role *r, struct err *e)
{
	struct auth_role was;

	if (own_role(env, a, by, r->id, &was, e) == -1)
		return -1;
	if (!auth_set_covers(by->permissions,
	    auth_set_of(a, was.permissions)))
		return err_set(e, 403, "beyond_own_rights",
		    "The role has rights that you do not have");
	r->tenant_id = was.tenant_id;
	r->name = was.name;
	r->created_at = was.created_at;
	r->updated_at = clock_now();
	if (judge_permissions(env, a, by, r, e) == -1 ||
	    auth_role_update(env->db, r, e) == -1)
		return -1;
	return auth_epoch_step(env, a, e);
}

int
auth_role_remove(struct env *env, struct arena *a, const struct principal *by,
    struct uuid id, struct err *e)
{
	struct auth_role r;
	int64_t users;

	if (own_role(env, a, by, id, &r, e) == -1 ||
	    auth_tenant_lock(env->db, a, by->tenant_id, e) == -1 ||
	    auth_user_count_role(env->db, a, by->tenant_id, r.name, &users,
	    e) == -1)
		return -1;
	if (users > 0)
		return err_set(e, 409, "in_use", "%lld users have the role %s",
		    (long long)users, r.name);
	if (auth_role_delete(env->db, by->tenant_id, id, e) == -1)
		return -1;
	return auth_epoch_step(env, a, e);
}
