/*
 * What can be done to tenants. Refuses to switch off the tenant of whoever
 * asks, so that nobody locks the installation.
 */
#include "base/random.h"
#include "modules/auth/access.h"
#include "modules/auth/password.h"
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

struct founding {
	struct arena *a;
	const char *name;
	struct auth_user_new *admin;
	struct utc now;
	struct auth_tenant *tenant;
	struct auth_user *user;
};

static int
found(struct db *db, void *arg, struct err *e)
{
	const struct founding *f = arg;

	if (auth_tenant_make(db, f->name, f->now, f->tenant, e) == -1)
		return -1;
	if (f->admin == NULL)
		return 0;
	f->admin->tenant_id = f->tenant->id;
	return auth_user_make(db, f->a, f->admin, f->user, e);
}

int
auth_tenant_found(struct env *env, struct arena *a, const char *name,
    struct auth_user_new *admin, struct utc now, struct auth_tenant *tenant,
    struct auth_user *user, struct err *e)
{
	struct founding f = { .a = a, .name = name, .admin = admin,
	    .now = now, .tenant = tenant, .user = user };

	if (admin != NULL && auth_password_hash(env, a, "admin",
	    admin->password, &admin->password_hash, e) == -1)
		return -1;
	return db_txn(env->db, a, found, &f, e);
}
