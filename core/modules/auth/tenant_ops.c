/*
 * What can be done to tenants. Refuses to switch off the tenant of whoever
 * asks, so that nobody locks the installation.
 */
#include "base/random.h"
#include "modules/auth/access.h"
#include "modules/auth/tenant.h"

int
auth_tenant_make(struct db *db, const char *name, struct utc now,
    struct auth_tenant *out, struct err *e)
{
	*out = (struct auth_tenant){ .id = uuid_new(), .name = name,
	    .active = true, .created_at = now, .updated_at = now };
	return auth_tenant_insert(db, out, e);
}

int
auth_tenant_change(struct env *env, struct arena *a,
    const struct principal *by, const struct auth_tenant *was,
    struct auth_tenant *to, struct err *e)
{
	bool off = was->active && !to->active;

	if (off && uuid_equal(by->tenant_id, was->id))
		return err_set(e, 409, "own_tenant",
		    "You cannot switch off your own tenant");
	if (auth_tenant_update(env->db, to, e) == -1)
		return -1;
	return off ? auth_revoke_tenant(env, a, to->id, to->updated_at, e) : 0;
}
