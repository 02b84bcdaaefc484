/*
 * What can be done to users. Refuses to give anybody rights that the actor
 * does not have, to manage people with more rights, and to take away the last
 * admin. Invariant: whoever loses rights loses his tokens in the same
 * transaction.
 */
#include <ctype.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/str.h"
#include "conf/conf.h"
#include "crypto/crypto.h"
#include "modules/auth/access.h"
#include "modules/auth/apikey.h"
#include "modules/auth/invite.h"
#include "modules/auth/password.h"
#include "modules/auth/rows.h"
#include "modules/auth/session.h"
#include "modules/auth/tenant.h"

static const char *const everything[] = { "*", NULL };
const struct principal auth_operator = { .kind = PRINCIPAL_SYSTEM,
    .name = "operator", .roles = "super_admin", .permissions = everything };

/* ---- making ------------------------------------------------------------- */

/* The database says which unique key was hit; people want the member. */
static int
taken(struct err *e)
{
	if (e->status != 409)
		return -1;
	return err_set(e, 409, "duplicate", "%s is already registered",
	    strstr(e->cause, "email") != NULL ? "E-mail address" : "Username");
}

/* Addresses are kept and looked up in one spelling. */
static const char *
lower(struct arena *a, const char *email)
{
	char *s = arena_strdup(a, email);

	for (char *p = s; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	return s;
}

int
auth_user_make(struct db *db, struct arena *a, const struct auth_user_new *in,
    struct auth_user *out, struct err *e)
{
	struct utc now = clock_now();

	*out = (struct auth_user){ .id = uuid_new(),
	    .tenant_id = in->tenant_id, .email = lower(a, in->email),
	    .username = in->username,
	    .full_name = in->full_name != NULL ? in->full_name : "",
	    .role_names = in->role_names, .active = true,
	    .created_at = now, .updated_at = now,
	    .roles = auth_names_split(a, in->role_names) };
	ASSERT(out->roles.n > 0);
	out->role = ((const char **)out->roles.items)[0];
	return auth_user_insert(db, out, in->password_hash, e) == 0 ? 0 :
	    taken(e);
}

/* ---- roles of a user ---------------------------------------------------- */

static bool
role_exists(const struct rows *own, const char *name)
{
	if (auth_builtin_find(name) != NULL)
		return true;
	for (size_t i = 0; i < own->n; i++)
		if (strcmp(ROW(own, struct auth_role, i)->name, name) == 0)
			return true;
	return false;
}

static void
unknown_role(struct arena *a, const char *name, struct err *e)
{
	struct str input;

	str_init(&input, a);
	str_json(&input, name);
	err_field(e, (struct err_field){ .type = "value_error",
	    .loc = "[\"body\",\"roles\"]",
	    .msg = "Value error, there is no such role", .input = input.p });
}

/* Does the actor have everything that these roles grant? */
static int
within_rights(struct env *env, struct arena *a, const struct principal *by,
    const char *role_names, const char *what, struct err *e)
{
	const char *const *set;

	if (auth_access_permissions(env, env->db, a, by->tenant_id,
	    role_names, &set, e) == -1)
		return -1;
	if (!auth_set_covers(by->permissions, set))
		return err_set(e, 403, "beyond_own_rights", "%s", what);
	return 0;
}

int
auth_user_roles(struct env *env, struct arena *a, const struct principal *by,
    struct list names, const char **role_names, struct err *e)
{
	const char *const *v = names.items;
	struct rows own;

	if (auth_role_all(env->db, a, by->tenant_id, &own, e) == -1)
		return -1;
	for (size_t i = 0; i < names.n; i++)
		if (!role_exists(&own, v[i]))
			unknown_role(a, v[i], e);
	if (e->status != 0)
		return -1;
	*role_names = names.n == 0 ? "user" : auth_names_join(a, names);
	if (strlen(*role_names) > AUTH_NAMES_MAX)
		return err_set(e, 409, "too_many_roles",
		    "A user has at most %d characters of roles",
		    AUTH_NAMES_MAX);
	return within_rights(env, a, by, *role_names,
	    "You cannot grant rights that you do not have", e);
}

/* ---- changing ----------------------------------------------------------- */

int
auth_user_managed(struct env *env, struct arena *a, const struct principal *by,
    struct uuid id, struct auth_user *out, struct err *e)
{
	if (db_found(auth_user_by_id(env->db, a, by->tenant_id, id, out, e),
	    "User", e) == -1)
		return -1;
	return within_rights(env, a, by, out->role_names,
	    "The user has rights that you do not have", e);
}

/* Would the change take the last one who rules? to NULL: he is removed. */
static int
last_admin(struct env *env, struct arena *a, const struct auth_user *was,
    const struct auth_user *to, const char *role, struct err *e)
{
	static const struct uuid anywhere;
	bool super = strcmp(role, "super_admin") == 0;
	int64_t n, above = 0;

	if (!was->active || !auth_names_has(was->role_names, role) ||
	    (to != NULL && to->active && auth_names_has(to->role_names, role)))
		return 0;
	if (auth_user_count_role(env->db, a, super ? anywhere :
	    was->tenant_id, role, &n, e) == -1 || (!super &&
	    auth_user_count_role(env->db, a, was->tenant_id, "super_admin",
	    &above, e) == -1))
		return -1;
	if (n + above > 1)
		return 0;
	return err_set(e, 409, "last_admin",
	    "%s is the last %s", was->username, role);
}

static int
keep_admins(struct env *env, struct arena *a, const struct auth_user *was,
    const struct auth_user *to, struct err *e)
{
	if (auth_tenant_lock(env->db, a, was->tenant_id, e) == -1 ||
	    last_admin(env, a, was, to, "super_admin", e) == -1)
		return -1;
	return last_admin(env, a, was, to, "admin", e);
}

int
auth_user_change(struct env *env, struct arena *a, const struct auth_user *was,
    struct auth_user *to, struct err *e)
{
	bool rights = strcmp(was->role_names, to->role_names) != 0;

	to->updated_at = clock_now();
	to->roles = auth_names_split(a, to->role_names);
	to->role = ((const char **)to->roles.items)[0];
	if (keep_admins(env, a, was, to, e) == -1)
		return -1;
	if (auth_user_update(env->db, to, e) == -1)
		return taken(e);
	if (rights || (was->active && !to->active))
		return auth_revoke_user(env, a, was->id, to->updated_at, e);
	return 0;
}

int
auth_user_remove(struct env *env, struct arena *a, const struct principal *by,
    struct uuid id, struct err *e)
{
	static const struct uuid none;
	struct utc now = clock_now();
	struct auth_user u;

	if (uuid_equal(by->user_id, id))
		return err_set(e, 409, "yourself",
		    "You cannot remove yourself");
	if (auth_user_managed(env, a, by, id, &u, e) == -1 ||
	    keep_admins(env, a, &u, NULL, e) == -1 ||
	    auth_revoke_user(env, a, id, now, e) == -1 ||
	    auth_session_end_all(env->db, id, none, now, e) == -1 ||
	    auth_apikey_delete_all(env->db, id, e) == -1 ||
	    auth_reset_drop(env->db, id, e) == -1)
		return -1;
	return auth_user_delete(env->db, u.tenant_id, id, e);
}

/* ---- import --------------------------------------------------------------- */

const char *
auth_username_of(struct arena *a, const char *email)
{
	char *name = arena_strndup(a, email, strcspn(email, "@"));

	for (char *p = name; *p != '\0'; p++)
		*p = strchr("+!#$%&'*/=?^`{|}~", *p) != NULL ? '.' :
		    (char)tolower((unsigned char)*p);
	return name;
}

/* The tenant of a row: of the call, named, or made. */
static int
import_tenant(struct db *db, struct arena *a, const char *text,
    struct uuid *tenant, struct err *e)
{
	struct auth_tenant t;
	struct uuid id;
	int rc;

	if (*text == '\0')
		return 0;
	if (uuid_parse(text, &id) == 0)
		rc = db_found(auth_tenant_by_id(db, a, id, &t, e), "Tenant",
		    e);
	else if ((rc = auth_tenant_by_name(db, a, text, &t, e)) == 1 &&
	    (rc = auth_tenant_make(db, text, clock_now(), &t, e)) == 0)
		rc = auth_audit_note(db, t.id, auth_operator.name,
		    "auth.tenant.create", "tenant", text, NULL, e);
	if (rc == 0)
		*tenant = t.id;
	return rc;
}

static int
import_roles(struct db *db, struct arena *a, struct uuid tenant,
    const char *text, const char **role_names, struct err *e)
{
	struct list names = auth_names_split(a, text);
	const char *const *v = names.items;
	struct rows own;

	if (auth_role_all(db, a, tenant, &own, e) == -1)
		return -1;
	for (size_t i = 0; i < names.n; i++)
		if (!role_exists(&own, v[i]))
			return err_set(e, 422, "no_role",
			    "role: there is no role %.100s", v[i]);
	*role_names = names.n == 0 ? "user" : auth_names_join(a, names);
	return 0;
}

static int
import_new(struct db *db, struct arena *a, struct uuid tenant,
    const struct auth_user_file *f, struct err *e)
{
	struct auth_user_new in = { .tenant_id = tenant, .email = f->email,
	    .full_name = f->full_name, .username = *f->username != '\0' ?
	    f->username : auth_username_of(a, f->email),
	    .password_hash = *f->password_hash != '\0' ?
	    f->password_hash : AUTH_NO_PASSWORD };
	size_t n = strlen(in.username);
	struct auth_user u;

	if (n < 3 || n > 50)
		return err_set(e, 422, "username",
		    "username: has to have 3 to 50 characters");
	if (*f->password_hash != '\0' && !password_known(f->password_hash))
		return err_set(e, 422, "unknown_hash", "password_hash: no "
		    "login could verify it (bcrypt, argon2, pbkdf2 with "
		    "SHA-256, scrypt of Werkzeug, SHA-crypt)");
	if (import_roles(db, a, tenant, f->role, &in.role_names,
	    e) == -1 || auth_user_make(db, a, &in, &u, e) == -1)
		return -1;
	u.active = f->active;
	if (!u.active && auth_user_update(db, &u, e) == -1)
		return -1;
	return auth_audit_note(db, tenant, auth_operator.name,
	    "auth.user.import", "user", u.email, NULL, e);
}

int
auth_user_import(struct db *db, struct arena *a, struct uuid tenant,
    const void *row, bool *changed, struct err *e)
{
	const struct auth_user_file *f = row;
	struct auth_account acc;
	int rc;

	if (import_tenant(db, a, f->tenant, &tenant, e) == -1 ||
	    (rc = auth_account_by_login(db, a, f->email, &acc, e)) == -1)
		return -1;
	*changed = rc == 1;
	if (*changed)
		return import_new(db, a, tenant, f, e);
	return uuid_equal(acc.user.tenant_id, tenant) ? 0 :
	    err_set(e, 409, "duplicate",
	    "email: is registered in another tenant");
}

/* ---- registration ------------------------------------------------------- */

int
auth_register_check(struct env *env, struct arena *a, const char *invite,
    struct err *e)
{
	const struct auth_conf *cf = conf_get(env->conf, &auth_settings);
	const char *mode = cf->registration;
	bool admin = true;

	if (strcmp(mode, "open") == 0 ||
	    (invite != NULL && strcmp(mode, "off") != 0))
		return 0;
	if (strcmp(mode, "auto") == 0 &&
	    auth_admin_exists(env->db, a, &admin, e) == -1)
		return -1;
	return admin ? err_set(e, 403, "registration_closed",
	    "Registration is closed") : 0;
}

int
auth_register(struct env *env, struct arena *a,
    const struct auth_registration *in, struct auth_user *out, struct err *e)
{
	struct auth_user_new u = { .email = in->email,
	    .username = in->username, .full_name = in->full_name,
	    .role_names = "client", .password_hash = in->password_hash };
	struct auth_invite invite;
	struct auth_tenant tenant;

	if (auth_register_check(env, a, in->invite, e) == -1)
		return -1;
	if (in->invite == NULL) {
		if (auth_tenant_make(env->db, in->username, in->now, &tenant,
		    e) == -1)
			return -1;
		u.tenant_id = tenant.id;
		return auth_user_make(env->db, a, &u, out, e);
	}
	if (auth_invite_find(env->db, a, in->invite, in->email, in->now,
	    &invite, e) == -1)
		return -1;
	switch (auth_invite_use(env->db, invite.id, in->now, e)) {
	case 0:
		break;
	case 1:
		return err_set(e, 403, "bad_invite",
		    "The invitation is invalid, used or expired");
	default:
		return -1;
	}
	u.tenant_id = invite.tenant_id;
	u.role_names = invite.role_names;
	return auth_user_make(env->db, a, &u, out, e);
}

/* ---- with hashing ------------------------------------------------------- */

struct registering {
	struct env *env;
	struct arena *a;
	const struct auth_registration *in;
	const struct auth_client *from;
	struct auth_user *user;
	struct auth_token *token;
};

static int
register_and_enter(struct db *db, void *arg, struct err *e)
{
	const struct registering *r = arg;
	int64_t epoch;

	if (auth_register(r->env, r->a, r->in, r->user, e) == -1 ||
	    auth_epoch_read(db, r->a, &epoch, e) == -1)
		return -1;
	return auth_session_open(r->env, r->a, r->user, epoch, r->from,
	    r->in->now, r->token, e);
}

int
auth_user_register(struct env *env, struct arena *a,
    struct auth_registration *in, const struct auth_client *from,
    struct auth_user *user, struct auth_token *token, struct err *e)
{
	struct registering r = { env, a, in, from, user, token };

	if (auth_register_check(env, a, in->invite, e) == -1 ||
	    auth_password_hash(env, a, "password", in->password,
	    &in->password_hash, e) == -1)
		return -1;
	return db_txn(env->db, a, register_and_enter, &r, e);
}

struct creation {
	struct env *env;
	struct arena *a;
	const struct principal *by;
	struct auth_user_new *in;
	struct list roles;
	struct utc now;
	struct auth_user_made *out;
};

static int
create(struct db *db, void *arg, struct err *e)
{
	const struct creation *n = arg;

	if (auth_user_roles(n->env, n->a, n->by, n->roles, &n->in->role_names,
	    e) == -1 || auth_user_make(db, n->a, n->in, &n->out->user, e) == -1)
		return -1;
	if (n->in->password != NULL)
		return 0;
	return auth_reset_make(n->env, n->a, n->out->user.id, n->now,
	    &n->out->reset_token, &n->out->reset_expires_at, e);
}

int
auth_user_create(struct env *env, struct arena *a, const struct principal *by,
    struct auth_user_new *in, struct list roles, struct utc now,
    struct auth_user_made *out, struct err *e)
{
	struct creation n = { env, a, by, in, roles, now, out };

	*out = (struct auth_user_made){ .reset_token = NULL };
	in->password_hash = AUTH_NO_PASSWORD;
	if (in->password != NULL && auth_password_hash(env, a, "password",
	    in->password, &in->password_hash, e) == -1)
		return -1;
	return db_txn(env->db, a, create, &n, e);
}

/* ---- the first admin ---------------------------------------------------- */

struct first {
	struct env *env;
	struct arena *a;
	struct auth_user_new in;
	bool exists;
};

static int
first_admin(struct db *db, void *arg, struct err *e)
{
	struct first *f = arg;
	struct auth_tenant main_tenant;
	struct auth_user made;

	if (auth_admin_exists(db, f->a, &f->exists, e) == -1)
		return -1;
	if (f->exists)
		return 0;
	if (auth_tenant_make(db, "main", clock_now(), &main_tenant, e) == -1)
		return -1;
	f->in.tenant_id = main_tenant.id;
	if (auth_user_make(db, f->a, &f->in, &made, e) == -1)
		return -1;
	return auth_audit_note(db, main_tenant.id, f->env->program,
	    "auth.first_admin", "user", made.email, NULL, e);
}

int
auth_first_admin(struct env *env, struct arena *a, const char *email,
    const char **password, struct err *e)
{
	struct first f = { .env = env, .a = a, .in = { .email = email,
	    .username = "admin", .full_name = "Administrator",
	    .role_names = "super_admin" } };
	char *text = arena_alloc(a, 21);

	if (auth_admin_exists(env->db, a, &f.exists, e) == -1)
		return -1;
	if (f.exists)
		return 1;
	random_text(text, 20);
	if (auth_password_hash(env, a, "password", text, &f.in.password_hash,
	    e) == -1 || db_txn(env->db, a, first_admin, &f, e) == -1)
		return -1;
	*password = text;
	return f.exists;
}
